//! Led positions in a snapshot. The rules are not in it: they are configuration.

use super::{Desk, Goal, Guided, Levels, Source, Stage, Stop};
use model::{ClientOrderId, ExitTag, PlanIx, Side, StopKind, Tag};
use strategy::{MAX_TARGETS, StateError, StateReader, StateWriter};
use units::{Amount, Price, Quantity, Rate, Timestamp};

type Loaded<T> = Result<T, StateError>;

impl Levels {
    pub(crate) fn save(&self, w: &mut StateWriter) {
        // Other plans need other ranges: what cannot be read back must be noticed.
        let mut ranges = StateWriter::default();
        self.ranges.save(&mut ranges);
        w.blob(&ranges.into_bytes());
        for desk in &self.desks {
            for guided in [&desk.opening, &desk.led] {
                w.int(i64::from(guided.is_some()));
                if let Some(guided) = guided {
                    save_guided(w, guided);
                }
            }
            w.int(desk.leaving.len() as i64);
            desk.leaving.iter().for_each(|id| w.int(id.bits() as i64));
        }
    }

    /// Reads back what was saved. Ranges that other plans measured are begun anew.
    pub(crate) fn load(&mut self, r: &mut StateReader<'_>) -> Loaded<()> {
        let fresh = self.ranges.clone();
        let mut ranges = StateReader::new(r.blob()?);
        if self.ranges.load(&mut ranges).and_then(|()| ranges.finish()).is_err() {
            self.ranges = fresh;
        }
        for desk in &mut self.desks {
            let opening = load_optional(r)?;
            let led = load_optional(r)?;
            let mut leaving = Vec::new();
            for _ in 0..r.int()? {
                leaving.push(load_id(r)?);
            }
            *desk = Desk { opening, led, leaving };
        }
        Ok(())
    }
}

fn load_optional(r: &mut StateReader<'_>) -> Loaded<Option<Box<Guided>>> {
    if flag(r)? { Ok(Some(Box::new(load_guided(r)?))) } else { Ok(None) }
}

fn flag(r: &mut StateReader<'_>) -> Loaded<bool> {
    match r.int()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(StateError::Invalid("flag")),
    }
}

fn small<N: TryFrom<i64>>(r: &mut StateReader<'_>, what: &'static str) -> Loaded<N> {
    N::try_from(r.int()?).map_err(|_| StateError::Invalid(what))
}

fn load_id(r: &mut StateReader<'_>) -> Loaded<ClientOrderId> {
    r.int().map(|bits| ClientOrderId::from_bits(bits as u64))
}

fn load_price(r: &mut StateReader<'_>) -> Loaded<Price> {
    r.int().map(Price::new)
}

/// Prices are above zero, so zero stands for none.
fn load_optional_price(r: &mut StateReader<'_>) -> Loaded<Option<Price>> {
    load_price(r).map(|price| Some(price).filter(|p| !p.is_zero()))
}

fn save_guided(w: &mut StateWriter, g: &Guided) {
    w.int(match g.source {
        Source::House => -1,
        Source::Strategy(plan) => plan.index() as i64,
    });
    w.int(g.strategy.into());
    w.int(g.tag.0.into());
    w.int(i64::from(g.side == Side::Sell));
    w.int(g.entry.bits() as i64);
    w.int(g.decision_price.mantissa());
    w.wide(g.risk.units());
    save_stop(w, &g.stop);
    w.int(g.take_profit.map_or(0, Price::mantissa));
    w.int(g.asked_stop.map_or(0, Price::mantissa));
    w.int(g.goals.len() as i64);
    g.goals.iter().for_each(|goal| save_goal(w, goal));
    w.int(g.last.mantissa());
    w.int(g.best.mantissa());
    w.int(g.entered_at.nanos());
    w.int(g.bars.into());
    w.int(i64::from(g.is_even));
    w.int(i64::from(g.is_trailing));
    w.int(g.exit.map_or(0, |(tag, _)| exit_code(tag)));
    w.int(g.exit.map_or(0, |(_, price)| price.mantissa()));
    w.int(g.entered.mantissa());
    w.wide(g.entered_cost.units());
    w.wide(g.net.units());
}

fn load_guided(r: &mut StateReader<'_>) -> Loaded<Guided> {
    let source = match r.int()? {
        -1 => Source::House,
        index => {
            let plan = u8::try_from(index).ok().and_then(PlanIx::new);
            Source::Strategy(plan.ok_or(StateError::Invalid("plan"))?)
        }
    };
    let (strategy, tag) = (small(r, "strategy")?, Tag(small(r, "tag")?));
    let side = if flag(r)? { Side::Sell } else { Side::Buy };
    let (entry, decision_price) = (load_id(r)?, load_price(r)?);
    let (risk, stop) = (Amount::from_units(r.wide()?), load_stop(r)?);
    let (take_profit, asked_stop) = (load_optional_price(r)?, load_optional_price(r)?);
    let count: usize = small(r, "targets")?;
    if count > MAX_TARGETS {
        return Err(StateError::Invalid("targets"));
    }
    let goals = (0..count).map(|_| load_goal(r)).collect::<Loaded<Vec<_>>>()?;
    let (last, best) = (load_price(r)?, load_price(r)?);
    let (entered_at, bars) = (Timestamp::from_nanos(r.int()?), small(r, "bars")?);
    let (is_even, is_trailing) = (flag(r)?, flag(r)?);
    let (exit, exit_price) = (exit_of(r.int()?)?, load_price(r)?);
    let (entered, entered_cost) = (Quantity::new(r.int()?), Amount::from_units(r.wide()?));
    let net = Amount::from_units(r.wide()?);
    Ok(Guided {
        source,
        strategy,
        tag,
        side,
        entry,
        decision_price,
        risk,
        stop,
        take_profit,
        asked_stop,
        goals,
        last,
        best,
        entered_at,
        bars,
        is_even,
        is_trailing,
        exit: exit.map(|tag| (tag, exit_price)),
        entered,
        entered_cost,
        net,
    })
}

fn save_stop(w: &mut StateWriter, stop: &Stop) {
    w.int(match stop.kind {
        StopKind::Initial => 0,
        StopKind::Moved => 1,
        StopKind::BreakEven => 2,
        StopKind::Trailing => 3,
    });
    w.wide(stop.requested.units());
    w.int(stop.price.mantissa());
    w.int(i64::from(stop.is_sent));
    w.int(i64::from(stop.is_confirmed));
    w.int(i64::from(stop.is_held));
    w.int(stop.tries.into());
}

fn load_stop(r: &mut StateReader<'_>) -> Loaded<Stop> {
    let kind = match r.int()? {
        0 => StopKind::Initial,
        1 => StopKind::Moved,
        2 => StopKind::BreakEven,
        3 => StopKind::Trailing,
        _ => return Err(StateError::Invalid("kind of stop")),
    };
    let (requested, price) = (Amount::from_units(r.wide()?), load_price(r)?);
    let (is_sent, is_confirmed, is_held) = (flag(r)?, flag(r)?, flag(r)?);
    Ok(Stop { kind, requested, price, is_sent, is_confirmed, is_held, tries: small(r, "tries")? })
}

const STAGES: [Stage; 7] = [
    Stage::Planned,
    Stage::Sent,
    Stage::Working,
    Stage::Amending,
    Stage::Cancelling,
    Stage::Done,
    Stage::Dropped,
];

fn save_goal(w: &mut StateWriter, goal: &Goal) {
    w.int(goal.multiple.units());
    w.int(goal.fraction.units());
    w.wide(goal.requested.units());
    w.int(goal.price.mantissa());
    w.int(goal.filled.mantissa());
    w.int(goal.order.map_or(0, |id| id.bits() as i64));
    w.int(goal.stage as i64);
    w.int(goal.tries.into());
}

fn load_goal(r: &mut StateReader<'_>) -> Loaded<Goal> {
    let (multiple, fraction) = (Rate::from_units(r.int()?), Rate::from_units(r.int()?));
    let (requested, price) = (Amount::from_units(r.wide()?), load_price(r)?);
    let filled = Quantity::new(r.int()?);
    // The first order of a run has the counter one, so no name is zero.
    let order = Some(load_id(r)?).filter(|id| id.bits() != 0);
    let stage: usize = small(r, "stage")?;
    let stage = *STAGES.get(stage).ok_or(StateError::Invalid("stage"))?;
    Ok(Goal { multiple, fraction, requested, price, filled, order, stage, tries: small(r, "tries")? })
}

/// Those that close at market; zero stands for none, and targets come after.
const EXITS: [ExitTag; 8] = [
    ExitTag::Stop,
    ExitTag::BreakEven,
    ExitTag::Trailing,
    ExitTag::Time,
    ExitTag::TakeProfit,
    ExitTag::Unguarded,
    ExitTag::Order,
    ExitTag::Liquidation,
];

fn exit_code(tag: ExitTag) -> i64 {
    match tag {
        ExitTag::Target(number) => 100 + i64::from(number),
        other => EXITS.iter().position(|e| *e == other).map_or(0, |at| at as i64 + 1),
    }
}

fn exit_of(code: i64) -> Loaded<Option<ExitTag>> {
    let invalid = StateError::Invalid("exit");
    match usize::try_from(code).map_err(|_| invalid.clone())? {
        0 => Ok(None),
        number @ 100.. => u8::try_from(number - 100).map(|n| Some(ExitTag::Target(n))).map_err(|_| invalid),
        at => EXITS.get(at - 1).copied().map(Some).ok_or(invalid),
    }
}
