//! Histories that are told on purpose: a short one that crashes at every boundary of its journal, and one that is told to a
//! session and, side by side, to an engine without any.

use crate::check::{Violation, hold};
use crate::exchange::internal::Internal;
use crate::guarded;
use crate::options::Options;
use crate::world::{BEGIN, LIVENESS, blueprint};
use engine::{Engine, Outbox};
use model::{Fact, Input, InstrumentIx, OrderCommand, Seq};
use std::collections::VecDeque;
use units::{Prng, Span, Timestamp};

/// A world without faults, of one instrument.
fn calm(seed: u64, minutes: i64) -> Options {
    Options {
        venues: 1,
        instruments: 1,
        has_ticks: false,
        has_bands: false,
        leverage: 1,
        timer: None,
        minutes,
        delay: (5, 5),
        ..Options::of(seed).calm()
    }
}

/// Invariant 14: crashes a short history at every boundary of its journal (every `step`-th), with and without power, and compares
/// the positions in the end with those of the life that never crashed. The strategies have opinions only: what they come to
/// does not depend on when it is done. Returns how many crashes there were.
///
/// # Errors
/// The first crash that leads elsewhere.
pub fn exhaustive(seed: u64, minutes: i64, step: u64) -> Result<u64, Violation> {
    let options = Options { has_opinions_only: true, ..calm(seed, minutes) };
    let whole = guarded(seed, &options, false);
    hold!(14, whole.violation.is_none(), "without a crash: {:?}", whole.violation);
    let mut crashes = 0;
    for at in (1..=whole.appended).step_by(step.max(1) as usize) {
        for is_power_loss in [false, true] {
            let options = Options { crash_at: Some((at, is_power_loss)), ..options.clone() };
            let crashed = guarded(seed, &options, false);
            hold!(14, crashed.violation.is_none(), "after entry {at}: {:?}", crashed.violation);
            hold!(
                14,
                crashed.positions == whole.positions,
                "a crash after entry {at} (power lost: {is_power_loss}) leads to {:?}, none to {:?}",
                crashed.positions,
                whole.positions
            );
            crashes += 1;
        }
    }
    Ok(crashes)
}

/// Invariant 13: one market through a session over the wire, and through engine and venue alone: the same commands in the same
/// order. Returns how many.
///
/// # Errors
/// The first command that differs.
pub fn parity(seed: u64, minutes: i64) -> Result<usize, Violation> {
    let options = Options { keeps_commands: true, ..calm(seed, minutes) };
    let through_session = guarded(seed, &options, false);
    hold!(13, through_session.violation.is_none(), "{:?}", through_session.violation);
    let alone = alone(seed, &options);
    for (number, pair) in through_session.commands.iter().zip(&alone).enumerate() {
        hold!(13, pair.0 == pair.1, "command {number}: through a session {:?}, alone {:?}", pair.0, pair.1);
    }
    let (ours, theirs) = (through_session.commands.len(), alone.len());
    hold!(13, ours == theirs, "{ours} commands through a session, {theirs} alone");
    Ok(ours)
}

/// The loop of a backtest in a few lines: candle to venue, its events to the engine, candle to the engine, commands to the venue.
fn alone(seed: u64, options: &Options) -> Vec<OrderCommand> {
    let blueprint = blueprint(seed, options);
    let (setup, strategies) = blueprint.parts();
    let mut engine = Engine::new(setup, strategies);
    let ixs = (0u32..).take(options.instruments).map(InstrumentIx).collect();
    let prng = Prng::new(seed).fork(100);
    let mut exchange = Internal::new(0, ixs, &blueprint.instruments, options, 0, prng);
    let moment = |minute: i64| Timestamp::from_nanos(minute * 60_000_000_000);
    let begin = BEGIN.nanos() / 60_000_000_000;
    let (mut at, mut seq, mut commands) = (BEGIN, Seq(0), Vec::new());
    let mut out = Outbox::new();
    for minute in begin + 1..=begin + options.minutes + LIVENESS {
        let now = moment(minute);
        at = at.max(now);
        let (events, market) = exchange.minute(now, moment(minute - 1), options);
        let mut facts: VecDeque<Fact> = events.into_iter().map(Fact::Venue).chain(market).collect();
        while let Some(fact) = facts.pop_front() {
            at = at + Span::from_nanos(1);
            seq = Seq(seq.0 + 1);
            engine.step(&Input { seq, at, fact }, &mut out);
            let commanded = out.commands().to_vec();
            out.clear();
            for command in commanded {
                commands.push(command);
                let (_, events) = exchange.command(now, &command);
                facts.extend(events.into_iter().map(Fact::Venue));
            }
        }
    }
    commands
}
