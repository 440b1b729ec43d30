//! Whatever goes wrong, in whatever order: what was never sent twice, never left early, and in the end agrees.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod world;

use model::{
    ClientOrderId, Direction, LinkKind, NewOrder, OperatorCommand, OrderCommand, OrderKind, Side, TriggerBy,
};
use proptest::prelude::*;
use session::SessionEvent;
use units::Span;
use wire::Meaning;
use world::*;

#[derive(Debug, Clone, Copy)]
enum Mishap {
    Candle(i64),
    Wait(i64),
    LoseCommand,
    LoseOutcome,
    Mute(bool),
    Repeat(bool),
    EventsFirst(bool),
    Dead(bool),
    Cut(LinkKind),
    Refuse(Meaning),
    HoldFlush,
    Flush,
    Restart,
    Pause,
    Resume,
    ByHand(Side),
    Garbage(LinkKind),
}

fn mishap() -> impl Strategy<Value = Mishap> {
    let link = prop_oneof![Just(LinkKind::Market), Just(LinkKind::Account), Just(LinkKind::Trade)];
    let meaning = prop_oneof![
        Just(Meaning::RateLimited { until: None }),
        Just(Meaning::ClockSkew),
        Just(Meaning::Maintenance { until: None }),
        Just(Meaning::Ambiguous),
        Just(Meaning::Reconnect),
        Just(Meaning::Rejected(model::RejectReason::InsufficientMargin)),
    ];
    prop_oneof![
        8 => (95i64..106).prop_map(Mishap::Candle),
        4 => (1i64..20_000).prop_map(Mishap::Wait),
        1 => Just(Mishap::LoseCommand),
        1 => Just(Mishap::LoseOutcome),
        1 => any::<bool>().prop_map(Mishap::Mute),
        1 => any::<bool>().prop_map(Mishap::Repeat),
        1 => any::<bool>().prop_map(Mishap::EventsFirst),
        1 => any::<bool>().prop_map(Mishap::Dead),
        2 => link.clone().prop_map(Mishap::Cut),
        1 => meaning.prop_map(Mishap::Refuse),
        1 => Just(Mishap::HoldFlush),
        2 => Just(Mishap::Flush),
        1 => Just(Mishap::Restart),
        1 => Just(Mishap::Pause),
        1 => Just(Mishap::Resume),
        1 => prop_oneof![Just(Side::Buy), Just(Side::Sell)].prop_map(Mishap::ByHand),
        1 => link.prop_map(Mishap::Garbage),
    ]
}

/// Turns around, rests, cancels, guards.
fn script() -> Script {
    let mut lines = Vec::new();
    let stop = OrderKind::StopMarket { trigger: price("80"), by: TriggerBy::Last };
    let guard = strategy::OrderIntent { reduce_only: true, ..order(Side::Sell, stop, "1") };
    for n in 0..40i64 {
        lines.push((
            n,
            match n % 5 {
                0 => say(Direction::Long),
                1 => Line::Order(order(Side::Buy, limit("90"), "0.5")),
                2 => Line::Cancel(n as u64 / 2),
                3 => Line::Order(guard),
                _ => say(Direction::Short),
            },
        ));
    }
    Script::new(lines)
}

fn suffer(world: &mut World, mishap: Mishap, by_hand: &mut u64) {
    match mishap {
        Mishap::Candle(close) => world.candle(&close.to_string()),
        Mishap::Wait(millis) => world.pass(Span::from_millis(millis)),
        Mishap::LoseCommand => world.fars[0].lose_commands = 1,
        Mishap::LoseOutcome => world.fars[0].lose_outcomes = 1,
        Mishap::Mute(is_mute) => world.fars[0].is_mute = is_mute,
        Mishap::Repeat(repeats) => world.fars[0].repeats = repeats,
        Mishap::EventsFirst(first) => world.fars[0].events_first = first,
        Mishap::Dead(is_dead) => {
            world.fars[0].is_dead = is_dead;
            if is_dead {
                LinkKind::ALL.into_iter().for_each(|kind| world.cut(0, kind));
            }
        }
        Mishap::Cut(kind) => world.cut(0, kind),
        Mishap::Refuse(meaning) => world.fars[0].refuse = Some(meaning),
        Mishap::HoldFlush => world.flushes = false,
        Mishap::Flush => {
            world.flushes = true;
            world.flush();
            world.drain();
        }
        Mishap::Restart => world.restart(),
        Mishap::Pause => world.handle(SessionEvent::Operator(OperatorCommand::Pause)),
        Mishap::Resume => world.handle(SessionEvent::Operator(OperatorCommand::Resume)),
        Mishap::ByHand(side) => {
            *by_hand += 1;
            let id = ClientOrderId::adopted(*by_hand);
            let order = NewOrder::new(id, IX, side, OrderKind::Market, quantity("0.3"));
            world.by_hand(0, &OrderCommand::Place(order));
        }
        Mishap::Garbage(kind) => {
            let frame = wire::Frame::Text("{\"op\":1}".to_owned());
            world.handle(SessionEvent::Received { venue: V, kind, frame });
        }
    }
    // Invariant 11.
    assert!(world.session.kept() < 200, "{}", world.session.kept());
}

proptest! {
    /// Invariants 3 and 4 are asserted by the world itself, at every command that arrives. Afterwards everything heals, and
    /// orders, positions and wallet agree (2), nothing is unknown (12), the journal leads to the same digest (7).
    #[test]
    fn whatever_happens_the_books_agree_in_the_end(mishaps in proptest::collection::vec(mishap(), 1..60)) {
        let mut world = World::new(script());
        world.handle(SessionEvent::WarmedUp);
        world.pass(seconds(5));
        let mut by_hand = 0;
        for mishap in mishaps {
            suffer(&mut world, mishap, &mut by_hand);
        }
        let far = &mut world.fars[0];
        (far.lose_commands, far.lose_outcomes, far.is_mute, far.is_dead) = (0, 0, false, false);
        (far.refuse, far.repeats) = (None, false);
        world.flushes = true;
        world.flush();
        world.drain();
        world.pass(seconds(400));
        world.check_agreement();
        world.check_replay();
        prop_assert_eq!(world.session.kept(), 0);
    }
}
