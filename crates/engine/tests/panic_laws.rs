//! Whatever happened before, and however badly the venue answers for a while: once the kill switch is pressed and the venue
//! is honest again, nothing is open, nothing lives, and nothing that increases exposure was sent in between.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use engine::guard::settings::AccountLimits;
use engine::{Engine, Guards, Setup, StrategySetup};
use model::{
    CancelReason, Direction, Fact, Fill, NewOrder, OperatorCommand, OrderCommand, OrderKind, PanicStage,
    RejectReason, Side, Signal, Tag, Text, VenueEvent,
};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::VecDeque;
use support::*;
use units::{Quantity, Span};

/// A venue with delays: commands on their way in, answers and executions on their way out, each in its own queue, so that
/// executions may come long after the answers that followed them.
#[derive(Debug, Default)]
struct Exchange {
    inbox: VecDeque<OrderCommand>,
    answers: VecDeque<VenueEvent>,
    fills: VecDeque<Fill>,
    live: Vec<(NewOrder, Quantity)>,
    held: Quantity,
    executions: u64,
    /// So many answers get lost from here on.
    loses: u32,
}

impl Exchange {
    fn answer(&mut self, event: VenueEvent) {
        if self.loses > 0 {
            self.loses -= 1;
        } else {
            self.answers.push_back(event);
        }
    }

    /// The next command arrives.
    fn arrive(&mut self) {
        let Some(command) = self.inbox.pop_front() else { return };
        match command {
            OrderCommand::Place(order) => {
                let (id, instrument) = (order.id, order.instrument);
                if order.reduce_only && self.closable(&order).is_zero() {
                    let reason = RejectReason::ReduceOnly;
                    self.answer(VenueEvent::Rejected { id, instrument, reason });
                    return;
                }
                self.live.push((order, order.quantity));
                self.answer(VenueEvent::Accepted { id, instrument });
                if order.kind == OrderKind::Market {
                    self.execute(self.live.len() - 1, 100);
                }
            }
            OrderCommand::Cancel { id, instrument } => {
                let before = self.live.len();
                self.live.retain(|(order, _)| order.id != id);
                let reason = CancelReason::Requested;
                self.answer(if self.live.len() < before {
                    VenueEvent::Cancelled { id, instrument, reason }
                } else {
                    VenueEvent::Refused { id: Some(id), instrument, reason: RejectReason::UnknownOrder }
                });
            }
            OrderCommand::CancelAll { .. } => {
                for (order, _) in std::mem::take(&mut self.live) {
                    let (id, instrument, reason) = (order.id, order.instrument, CancelReason::Requested);
                    self.answer(VenueEvent::Cancelled { id, instrument, reason });
                }
            }
            OrderCommand::Query { id, instrument, .. } => {
                let lives = self.live.iter().any(|(order, _)| order.id == id);
                self.answer(if lives {
                    VenueEvent::Accepted { id, instrument }
                } else {
                    VenueEvent::Refused { id: Some(id), instrument, reason: RejectReason::UnknownOrder }
                });
            }
            other => panic!("not expected here: {other:?}"),
        }
    }

    fn closable(&self, order: &NewOrder) -> Quantity {
        let against = if order.side == Side::Buy { -self.held } else { self.held };
        against.max(Quantity::ZERO)
    }

    /// A part of a live order, in percent, is executed; an immediate one ends by it.
    fn execute(&mut self, at: usize, percent: i64) {
        let Some((order, left)) = self.live.get(at).copied() else { return };
        let most = if order.reduce_only { left.min(self.closable(&order)) } else { left };
        // In hundredths, so that no remnant is smaller than the least order: nobody could close that.
        let part = Quantity::new(most.mantissa() * percent / 100).floor_to(quantity("0.01"));
        let size = part.max(quantity("0.01").min(most));
        if size.is_positive() {
            self.held += order.side.signed(size);
            self.executions += 1;
            self.fills.push_back(fill(self.executions, &order, size, price("100")));
        }
        self.live[at].1 = left - size;
        let is_over = self.live[at].1.is_zero();
        if is_over || order.kind == OrderKind::Market {
            self.live.remove(at);
        }
        if !is_over && order.kind == OrderKind::Market {
            let (id, instrument, reason) = (order.id, order.instrument, CancelReason::ReduceOnly);
            self.answer(VenueEvent::Cancelled { id, instrument, reason });
        }
    }
}

#[derive(Debug, Clone)]
enum Happening {
    Candle(i64),
    Outside(i64),
    Arrive,
    Execute(usize, i64),
    Answer,
    Fill,
    /// The next so many answers get lost.
    Lose(u32),
    Wait(i64),
    /// The engine is restarted from its snapshot.
    Restart,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        5 => (90i64..110).prop_map(Happening::Candle),
        2 => (-1i64..=1).prop_map(Happening::Outside),
        6 => Just(Happening::Arrive),
        3 => (0usize..4, 1i64..=100).prop_map(|(at, percent)| Happening::Execute(at, percent)),
        6 => Just(Happening::Answer),
        4 => Just(Happening::Fill),
        1 => (1u32..4).prop_map(Happening::Lose),
        2 => (1i64..15).prop_map(Happening::Wait),
        1 => Just(Happening::Restart),
    ]
}

/// Both sides quoted now and then, a flip now and then, cancellations, and a stop order.
fn script() -> Script {
    let wish = |side, p: &str, size: &str| {
        Line::Order(order_intent(side, OrderKind::Limit { price: price(p) }, size))
    };
    let mut lines = Vec::new();
    for n in 0..200 {
        lines.push((
            n,
            match n % 7 {
                0 => say(Direction::Long),
                1 => wish(Side::Buy, "90", "0.7"),
                2 => wish(Side::Sell, "110", "0.9"),
                3 => say(Direction::Short),
                4 => Line::Cancel(model::ClientOrderId::new(u64::try_from(n).unwrap() / 2, 0)),
                5 => say_with(Direction::Long, "0.4"),
                _ => say(Direction::Flat),
            },
        ));
    }
    Script::new(lines)
}

fn make() -> (Setup, Vec<StrategySetup>) {
    let account = AccountLimits { drawdown: Some(rate("0.9")), ..AccountLimits::default() };
    let mut guards = Guards { account, ..Guards::default() };
    guards.panic.confirmation = Text::new("UNLOCK");
    (Setup { guards, ..setup() }, vec![hosted(script())])
}

struct World {
    bench: Bench,
    exchange: Exchange,
    /// The kill switch was pressed.
    is_pressed: bool,
}

impl World {
    fn take(&mut self, followed: &Followed) -> Result<(), TestCaseError> {
        for order in followed.orders() {
            prop_assert!(!self.is_pressed || order.reduce_only, "sent after the kill switch: {order:?}");
        }
        self.exchange.inbox.extend(&followed.commands);
        Ok(())
    }

    fn go(&mut self, happening: &Happening) -> Result<(), TestCaseError> {
        let followed = match happening {
            Happening::Candle(close) => self.bench.candle(&close.to_string()),
            Happening::Outside(d) => {
                self.bench.tell(Fact::Signal(Signal::new(IX, Direction::of(*d), Tag(1))))
            }
            Happening::Arrive => {
                self.exchange.arrive();
                return Ok(());
            }
            Happening::Execute(at, percent) => {
                self.exchange.execute(*at, *percent);
                return Ok(());
            }
            Happening::Answer => match self.exchange.answers.pop_front() {
                Some(event) => self.bench.venue(event),
                None => return Ok(()),
            },
            Happening::Fill => match self.exchange.fills.pop_front() {
                Some(fill) => self.bench.venue(VenueEvent::Filled(fill)),
                None => return Ok(()),
            },
            Happening::Lose(count) => {
                self.exchange.loses += count;
                return Ok(());
            }
            Happening::Wait(seconds) => self.bench.wait(Span::from_seconds(*seconds)),
            Happening::Restart => {
                let (setup, strategies) = make();
                let engine = Engine::restore(setup, strategies, &self.bench.engine.snapshot()).unwrap();
                prop_assert_eq!(engine.digest(), self.bench.engine.digest());
                self.bench = self.bench.restarted(engine);
                return Ok(());
            }
        };
        self.take(&followed)
    }

    /// The venue answers everything, in time and in full.
    fn settle(&mut self) -> Result<(), TestCaseError> {
        self.exchange.loses = 0;
        for _ in 0..60 {
            while !self.exchange.inbox.is_empty()
                || !self.exchange.answers.is_empty()
                || !self.exchange.fills.is_empty()
            {
                self.go(&Happening::Arrive)?;
                self.go(&Happening::Answer)?;
                self.go(&Happening::Fill)?;
            }
            if self.bench.engine.panic_stage() == PanicStage::Latched {
                return Ok(());
            }
            self.go(&Happening::Wait(1))?;
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn the_kill_switch_ends_flat(
        before in vec(happening(), 0..80),
        after in vec(happening(), 0..40),
        presses in 1usize..3,
    ) {
        let (setup, strategies) = make();
        let mut world =
            World { bench: Bench::new(setup, strategies), exchange: Exchange::default(), is_pressed: false };
        for happening in &before {
            world.go(happening)?;
        }
        world.is_pressed = true;
        for _ in 0..presses {
            let followed = world.bench.operator(OperatorCommand::Panic);
            world.take(&followed)?;
        }
        for happening in &after {
            world.go(happening)?;
        }
        world.settle()?;
        let stage = world.bench.engine.panic_stage();
        let ours = (world.bench.held(), world.bench.engine.live_orders());
        prop_assert!(stage == PanicStage::Latched, "{stage:?}: {ours:?}, the venue {:?}", world.exchange);
        prop_assert!(world.exchange.held.is_zero(), "the venue holds {:?}", world.exchange.held);
        prop_assert!(world.bench.held().is_zero());
        prop_assert!(world.exchange.live.is_empty(), "{:?}", world.exchange.live);
        prop_assert_eq!(world.bench.engine.live_orders(), 0);
        prop_assert_eq!(world.bench.engine.ledger().reserved(), units::Amount::ZERO);
        // And it stays so, whatever strategies say.
        for close in 90..100 {
            world.go(&Happening::Candle(close))?;
        }
        world.settle()?;
        prop_assert!(world.exchange.held.is_zero());
    }
}
