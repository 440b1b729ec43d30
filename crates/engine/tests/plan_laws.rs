//! What holds for any plan in any market: parts never exceed the position, nothing is opened the other way round, stops do
//! not go back, long and short mirror each other, runs are steps, restarts change nothing.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

#[path = "support/plans.rs"]
mod plans;

use model::{OrderCommand, OrderKind, PlanEvent, PositionSide, Side, StopKind};
use plans::{Scene, Terms};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use support::*;
use units::{Price, Quantity};

/// Prices are mirrored at 100.
const MIRROR: i64 = 20_000;

const PLANS: [&str; 6] = [
    "stop 3; target 1r 50%; target 2r 30%; even after target 1; trail 2 after 1r",
    "stop 1.5; target 0.5r 25%; target 1r 25%; target 1.5r 50%; by market",
    "stop 2; trail 1; time 7 bars",
    "stop 2atr; target 1r 33.3%; trail 1.5atr after target 1; atr 3",
    "stop low 3; target 2r 100%; even after 1r; time 12 bars unless profit",
    "stop 4; target 0.2r 10%; target 0.3r 0.1%; target 3r 89.9%; even after target 2; trail 3",
];

/// What happens in a minute.
#[derive(Debug, Clone, Copy)]
struct Minute {
    /// The close, in ticks from 100.
    close: i64,
    /// How much further the range goes, in ticks.
    range: i64,
    /// What the strategy says: 1, 0 or −1 in the direction of the world, or nothing.
    says: Option<i64>,
    /// Which part of what the market serves is filled, in percent.
    share: i64,
}

fn minute() -> impl Strategy<Value = Minute> {
    let says = prop_oneof![6 => Just(None), 2 => Just(Some(1)), 1 => Just(Some(0)), 2 => Just(Some(-1))];
    (-60i64..60, 0i64..10, says, prop_oneof![Just(100i64), 1i64..100])
        .prop_map(|(close, range, says, share)| Minute { close, range, says, share })
}

fn text(mantissa: i64) -> String {
    Price::new(mantissa).decimal(2).to_string()
}

/// A world in which up is up, or its mirror image.
struct World {
    scene: Scene,
    up: bool,
}

impl World {
    fn new(plan: &str, minutes: &[Minute], up: bool) -> Self {
        let script: Vec<String> = minutes.iter().map(|m| line(m, up)).collect();
        Self { scene: Scene::new(Terms::own(plan), &script.join("\n")), up }
    }

    /// Lets a minute pass: the market serves what its close serves, in part or whole, and then it closes.
    fn live(&mut self, m: &Minute) {
        let close = Price::new(10_000 + 10 * if self.up { m.close } else { -m.close });
        let ids: Vec<_> = self.scene.orders.iter().map(|(order, _)| order.id).collect();
        for id in ids {
            // As it is now: what was filled before it may have amended it, which the venue has confirmed, or cancelled it.
            let Some((order, left)) = self.scene.orders.iter().find(|(o, _)| o.id == id).copied() else {
                continue;
            };
            let is_served = match order.kind {
                OrderKind::Market => true,
                OrderKind::Limit { price } | OrderKind::TakeProfitMarket { trigger: price, .. } => {
                    match order.side {
                        Side::Buy => close <= price,
                        Side::Sell => close >= price,
                    }
                }
                other => panic!("not expected here: {other:?}"),
            };
            let held = self.scene.bench.held();
            // A venue shrinks what only reduces.
            let open = if order.reduce_only { left.min(held.abs()) } else { left };
            if is_served && open.is_positive() {
                let part = Quantity::new((open.mantissa() * m.share / 100 / 10 * 10).max(10));
                let (id, size) = (order.id.counter(), part.decimal(4));
                self.scene.act(&format!("fill {id} {size} {}", text(close.mantissa())));
                self.assert_sane();
            }
        }
        let held = self.scene.bench.held();
        let stop = self.scene.bench.engine.protection(IX, PositionSide::Net).stop_loss;
        let is_hit = stop.is_some_and(|s| if held.is_negative() { close >= s } else { close <= s });
        if !held.is_zero() && is_hit {
            self.scene.act(&format!("stopped {}", text(close.mantissa())));
            self.assert_sane();
        }
        self.scene.act(&line(m, self.up));
        self.assert_sane();
    }

    /// What waits at the venue to reduce is no more than there is to reduce, and on the right side.
    fn assert_sane(&self) {
        let held = self.scene.bench.held();
        let mut waiting = Quantity::ZERO;
        let mut markets = 0;
        for (order, left) in self.scene.orders.iter().filter(|(o, _)| o.reduce_only) {
            if order.kind == OrderKind::Market {
                markets += 1;
                continue;
            }
            waiting += *left;
            assert_eq!(order.side, Side::of(held).opposite(), "{}", self.scene.text);
        }
        assert!(markets <= 1, "{}", self.scene.text);
        assert!(waiting <= held.abs(), "{waiting:?} of {held:?}: {}", self.scene.text);
        assert!(!self.scene.text.contains("anomaly"), "{}", self.scene.text);
    }

    /// Everything that was commanded and told, with prices as distances in the direction of the world.
    fn told(&self) -> Vec<String> {
        let sign = |side: Side| (side == Side::Buy) == self.up;
        let price =
            |p: Option<Price>| p.map_or(0, |p| if self.up { p.mantissa() } else { MIRROR - p.mantissa() });
        let command = |c: &OrderCommand| match c {
            OrderCommand::Place(o) => {
                let (trigger, stop) = (o.kind.limit().or(o.kind.trigger()), o.protection.stop_loss);
                format!(
                    "{} {} {:?} {} {} {}",
                    o.id,
                    sign(o.side),
                    o.quantity,
                    price(trigger),
                    price(stop),
                    o.reduce_only
                )
            }
            OrderCommand::Amend { id, amendment: a, .. } => {
                format!("{id} {:?} {}", a.quantity, price(a.price.or(a.trigger)))
            }
            OrderCommand::Protect { protection, .. } => format!("protect {}", price(protection.stop_loss)),
            other => format!("{other:?}"),
        };
        let event = |e: &PlanEvent| match e {
            PlanEvent::StopSet { kind, price: p, .. } => format!("{kind:?} {}", price(Some(*p))),
            PlanEvent::Closed(c) => format!("{} {} {} {}", c.exit, c.multiple, c.net, c.risk),
            PlanEvent::Step { step, outcome } => format!("{step}: {outcome}"),
            PlanEvent::Opened(o) => format!("{} {}", price(Some(o.stop)), o.risk_per_unit),
            PlanEvent::TargetSet { number, price: p, quantity, .. } => {
                format!("{number} {} {quantity:?}", price(Some(*p)))
            }
        };
        self.scene
            .commands
            .iter()
            .map(command)
            .chain(self.scene.events.iter().map(|told| event(&told.event)))
            .collect()
    }

    /// By itself a stop only ever comes nearer to the price.
    fn assert_stops_rise(&self) {
        let mut stops = BTreeMap::new();
        for told in &self.scene.events {
            match &told.event {
                PlanEvent::Opened(o) => {
                    stops.insert(told.entry, (o.stop, o.stop < o.decision_price));
                }
                PlanEvent::StopSet { price, kind, .. } => {
                    assert_ne!(*kind, StopKind::Moved);
                    let (before, is_long) = stops[&told.entry];
                    assert!(if is_long { *price > before } else { *price < before }, "{}", self.scene.text);
                    stops.insert(told.entry, (*price, is_long));
                }
                _ => {}
            }
        }
    }
}

fn line(m: &Minute, up: bool) -> String {
    let at = |ticks: i64| text(10_000 + 10 * if up { ticks } else { -ticks });
    let (high, low) =
        if up { (m.close + m.range, m.close - m.range) } else { (m.close - m.range, m.close + m.range) };
    let said = match m.says.map(|s| if up { s } else { -s }) {
        None => "",
        Some(1) => "long",
        Some(0) => "flat",
        Some(_) => "short",
    };
    format!("candle {} {} {} {said}", at(m.close), at(high), at(low))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Parts never exceed the position, nothing opens the other side, stops never go back by themselves; and a market that
    /// is turned upside down gives the same trades the other way round, to the last unit.
    #[test]
    fn plans_are_sane_and_symmetrical(plan in prop::sample::select(&PLANS[..]), minutes in vec(minute(), 1..60)) {
        let mut worlds = [World::new(plan, &minutes, true), World::new(plan, &minutes, false)];
        for world in &mut worlds {
            minutes.iter().for_each(|m| world.live(m));
            world.assert_stops_rise();
        }
        prop_assert_eq!(worlds[0].told(), worlds[1].told());
    }

    /// A restart anywhere changes nothing.
    #[test]
    fn restarts_change_nothing(plan in prop::sample::select(&PLANS[..]), minutes in vec(minute(), 1..40), cut in 0usize..40) {
        let mut whole = World::new(plan, &minutes, true);
        let mut broken = World::new(plan, &minutes, true);
        for (i, m) in minutes.iter().enumerate() {
            if i == cut {
                broken.scene.act("restart");
            }
            whole.live(m);
            broken.live(m);
        }
        prop_assert_eq!(whole.told(), broken.told());
        prop_assert_eq!(whole.scene.bench.engine.digest(), broken.scene.bench.engine.digest());
    }
}
