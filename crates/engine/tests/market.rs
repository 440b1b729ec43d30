//! Timers, the local book, and what a strategy sees of its own orders.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use engine::{Engine, FaultPolicy, StrategySetup};
use model::{
    BookChange, BookUpdate, Fact, FundingRate, InstrumentIx, LinkKind, OperatorCommand, OrderCommand,
    OrderKind, OrderState, Quote, Side, TimeInForce, Timeframe, TimerId, Trade, VenueEvent,
};
use std::cell::RefCell;
use std::sync::mpsc::{Receiver, Sender, channel};
use strategy::{Intents, Needs, OrderIntent, StateError, StateReader, StateWriter, Strategy, View};
use support::{Bench, IX, OTHER, order_intent, price, quantity, setup};
use units::{Quantity, Rate, Span, Timestamp};

/// Writes down what it is told and sees, and quotes once, on its first timer.
struct Witness {
    needs: Needs,
    saw: Sender<String>,
    has_quoted: bool,
}

impl Witness {
    fn note(&self, text: String) {
        // A test that does not look lets go of the other end.
        let _ = self.saw.send(text);
    }
}

impl Strategy for Witness {
    fn needs(&self) -> Needs {
        self.needs
    }

    fn on_fact(&mut self, view: &View<'_>, fact: &Fact, intents: &mut Intents) {
        match fact {
            Fact::Timer(_) => {
                let best =
                    |side| view.market(IX).best(side).map_or("none".to_owned(), |p| p.decimal(2).to_string());
                let own: Vec<String> = view
                    .orders(IX)
                    .map(|o| format!("{} {} {:?}", o.side, o.remaining.decimal(4), o.state))
                    .collect();
                self.note(format!(
                    "{} {}/{} {own:?}",
                    view.now().millis(),
                    best(Side::Buy),
                    best(Side::Sell)
                ));
                if !std::mem::replace(&mut self.has_quoted, true) {
                    let kind = OrderKind::Limit { price: price("99.9") };
                    intents.order(OrderIntent {
                        time_in_force: TimeInForce::PostOnly,
                        ..order_intent(Side::Buy, kind, "1")
                    });
                } else if let Some(own) = view.orders(IX).find(|o| o.is_standing()) {
                    intents.cancel(IX, own.id);
                }
            }
            Fact::Book(_) => self.note("book".to_owned()),
            Fact::Trade(_) => self.note("trade".to_owned()),
            Fact::Quote(_) => self.note("quote".to_owned()),
            Fact::Funding(funding) => self.note(format!("funding {}", funding.rate.percent())),
            _ => {}
        }
    }

    fn save(&self, state: &mut StateWriter) {
        state.int(i64::from(self.has_quoted));
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.has_quoted = state.int()? != 0;
        Ok(())
    }
}

/// What a witness wrote down.
struct Saw {
    from: Receiver<String>,
    lines: RefCell<Vec<String>>,
}

impl Saw {
    /// Everything so far.
    fn all(&self) -> Vec<String> {
        self.lines.borrow_mut().extend(self.from.try_iter());
        self.lines.borrow().clone()
    }
}

fn hosted(needs: Needs, instruments: &[InstrumentIx]) -> (StrategySetup, Saw) {
    let (to, from) = channel();
    let setup = StrategySetup {
        name: "witness".to_owned(),
        strategy: Box::new(Witness { needs, saw: to, has_quoted: false }),
        instruments: instruments.to_vec(),
        timeframe: Timeframe::MINUTE,
        weight: Rate::ONE,
        on_fault: FaultPolicy::Close,
        wants_house_stop: false,
        wants_house_target: false,
        is_exempt_from_stop: false,
        rebuild: None,
    };
    (setup, Saw { from, lines: RefCell::default() })
}

fn every(millis: i64) -> Needs {
    Needs { timer: Some(Span::from_millis(millis)), ..Needs::default() }
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

fn level(side: Side, at: &str, size: &str) -> Fact {
    change(BookUpdate::Level { side, price: price(at), quantity: quantity(size) })
}

fn change(update: BookUpdate) -> Fact {
    Fact::Book(BookChange { instrument: IX, exchange_time: at(0), update_id: 0, update, is_last: true })
}

/// Steps every timer that is due up to `until`.
fn wake(bench: &mut Bench, until: Timestamp) -> Vec<(i64, u64)> {
    let mut woken = Vec::new();
    while let Some((due, id)) = bench.engine.next_wakeup().filter(|(due, _)| *due <= until) {
        woken.push((due.millis(), id.0));
        bench.tell_at(due.max(bench.engine.now() + Span::from_nanos(1)), Fact::Timer(id));
    }
    woken
}

#[test]
fn timers_run_from_their_start_on_their_own_grids() {
    let (a, _) = hosted(every(100), &[IX]);
    let (b, _) = hosted(Needs::default(), &[IX]);
    let (c, _) = hosted(every(250), &[OTHER]);
    let mut bench = Bench::new(setup(), vec![a, b, c]);
    assert_eq!(bench.engine.next_wakeup(), None, "nothing wakes before the start");
    bench.engine.start_timers(at(1_000));
    assert_eq!(
        wake(&mut bench, at(1_500)),
        [(1_100, 0), (1_200, 0), (1_250, 2), (1_300, 0), (1_400, 0), (1_500, 0), (1_500, 2)]
    );
}

/// Nobody else could start them in a session such that a replay of its journal does the same.
#[test]
fn the_first_link_starts_the_timers_of_a_session() {
    let (a, saw) = hosted(every(100), &[IX]);
    let mut bench = Bench::new(setup(), vec![a]);
    let link = |kind, is_up| Fact::Venue(VenueEvent::Link { venue: 0, kind, is_up });
    bench.tell_at(at(500), link(LinkKind::Trade, false));
    assert_eq!(bench.engine.next_wakeup(), None);
    bench.tell_at(at(1_000), link(LinkKind::Market, true));
    assert_eq!(bench.engine.next_wakeup(), Some((at(1_100), TimerId(0))));
    // Those that come later change nothing.
    bench.tell_at(at(1_050), link(LinkKind::Account, true));
    assert_eq!(wake(&mut bench, at(1_200)), [(1_100, 0), (1_200, 0)]);
    assert_eq!(saw.all().len(), 2);
}

#[test]
fn a_late_timer_goes_off_once_and_keeps_its_grid() {
    let (a, saw) = hosted(every(100), &[IX]);
    let mut bench = Bench::new(setup(), vec![a]);
    bench.engine.start_timers(at(0));
    bench.tell_at(at(750), Fact::Timer(TimerId(0)));
    assert_eq!(bench.engine.next_wakeup(), Some((at(800), TimerId(0))));
    assert_eq!(saw.all().len(), 1);
    // A name that nobody has is nobody's.
    bench.tell_at(at(760), Fact::Timer(TimerId(7)));
    assert_eq!(saw.all().len(), 1);
}

#[test]
fn a_stopped_strategy_is_not_woken() {
    let (a, saw) = hosted(every(100), &[IX]);
    let mut bench = Bench::new(setup(), vec![a]);
    bench.engine.start_timers(at(0));
    bench.operator(OperatorCommand::StopStrategy(0));
    wake(&mut bench, at(300));
    assert!(saw.all().is_empty());
    bench.operator(OperatorCommand::StartStrategy(0));
    wake(&mut bench, at(400));
    assert_eq!(saw.all().len(), 1);
}

/// Nobody would cancel the quotes of a strategy that is not asked any more, or close what they brought about.
#[test]
fn a_stopped_strategy_leaves_neither_orders_nor_position() {
    let (a, _) = hosted(every(100), &[IX]);
    let mut bench = Bench::new(setup(), vec![a]);
    bench.engine.start_timers(at(0));
    bench.candle("100");
    let order = bench.tell_at(at(60_100), Fact::Timer(TimerId(0))).order();
    bench.accept(&order);
    bench.fill(&order, "0.4", "99.9");
    let stopped = bench.operator(OperatorCommand::StopStrategy(0));
    assert!(matches!(stopped.commands[0], OrderCommand::Cancel { id, .. } if id == order.id), "{stopped:#?}");
    let closing = stopped.order();
    assert_eq!((closing.side, closing.quantity, closing.reduce_only), (Side::Sell, quantity("0.4"), true));
}

#[test]
fn timers_survive_a_restart() {
    let (a, _) = hosted(every(100), &[IX]);
    let mut bench = Bench::new(setup(), vec![a]);
    bench.engine.start_timers(at(0));
    wake(&mut bench, at(250));
    let (again, _) = hosted(every(100), &[IX]);
    let restored = Engine::restore(setup(), vec![again], &bench.engine.snapshot()).unwrap();
    assert_eq!(restored.next_wakeup(), Some((at(300), TimerId(0))));
}

#[test]
fn the_local_book_is_followed_without_being_told_of_every_change() {
    let (a, saw) = hosted(every(100), &[IX]);
    let mut bench = Bench::new(setup(), vec![a]);
    bench.engine.start_timers(at(0));
    assert!(!bench.engine.hears_market(IX));
    // Changes before the first snapshot say nothing.
    bench.tell(level(Side::Buy, "99.9", "3"));
    bench.tell(change(BookUpdate::Clear));
    bench.tell(level(Side::Buy, "99.9", "3"));
    bench.tell(level(Side::Buy, "99.8", "3"));
    bench.tell(level(Side::Sell, "100.1", "3"));
    wake(&mut bench, at(100));
    bench.tell(level(Side::Buy, "99.9", "0"));
    let followed = bench.tell(level(Side::Sell, "100.05", "3"));
    assert_eq!(followed.anomalies(), ["a book level off the tick or of a negative quantity"]);
    wake(&mut bench, at(200));
    assert_eq!(saw.all(), ["100 99.90/100.10 []", "200 99.80/100.10 [\"buy 1.0000 Submitting\"]"]);
}

#[test]
fn facts_reach_those_who_asked() {
    let (books, saw_books) = hosted(Needs { books: true, ..Needs::default() }, &[IX]);
    let (trades, saw_trades) = hosted(Needs { trades: true, ..Needs::default() }, &[IX]);
    let (quotes, saw_quotes) = hosted(Needs { quotes: true, ..Needs::default() }, &[IX]);
    let (other, saw_other) =
        hosted(Needs { books: true, trades: true, quotes: true, ..Needs::default() }, &[OTHER]);
    let mut bench = Bench::new(setup(), vec![books, trades, quotes, other]);
    assert!(bench.engine.hears_market(IX));
    bench.tell(level(Side::Buy, "99.9", "3"));
    bench.tell(Fact::Trade(Trade {
        instrument: IX,
        exchange_time: at(0),
        price: price("100"),
        quantity: quantity("1"),
        taker_side: Side::Buy,
        trade_id: 1,
    }));
    bench.tell(Fact::Quote(Quote {
        instrument: IX,
        exchange_time: at(0),
        bid: price("99.9"),
        bid_quantity: quantity("1"),
        ask: price("100"),
        ask_quantity: quantity("1"),
    }));
    assert_eq!(saw_books.all(), ["book"]);
    assert_eq!(saw_trades.all(), ["trade"]);
    assert_eq!(saw_quotes.all(), ["quote"]);
    assert!(saw_other.all().is_empty(), "it is another instrument's market");
    // An instrument that is not of this run is nobody's.
    let stranger = BookChange { instrument: InstrumentIx(9), ..as_change(level(Side::Buy, "1", "1")) };
    assert!(bench.tell(Fact::Book(stranger)).records.is_empty());
}

#[test]
fn funding_reaches_those_who_asked() {
    let (asked, saw) = hosted(Needs { funding: true, ..Needs::default() }, &[IX]);
    let (silent, saw_nothing) = hosted(Needs::default(), &[IX]);
    let mut bench = Bench::new(setup(), vec![asked, silent]);
    assert!(bench.engine.hears_funding(IX) && !bench.engine.hears_funding(OTHER));
    assert!(!bench.engine.hears_market(IX), "it does not come many times a second");
    for instrument in [IX, OTHER, InstrumentIx(9)] {
        let rate = Rate::parse("0.0001").unwrap();
        let funding = FundingRate { instrument, funding_time: at(0), rate };
        bench.tell(Fact::Funding(funding));
    }
    assert_eq!(saw.all(), ["funding 0.01"]);
    assert!(saw_nothing.all().is_empty());
}

fn as_change(fact: Fact) -> BookChange {
    match fact {
        Fact::Book(change) => change,
        _ => panic!("no book change"),
    }
}

/// From the timer that places it to the one after its end, a strategy sees its order and nobody else's.
#[test]
fn a_strategy_sees_its_own_orders_through_their_life() {
    let (a, saw) = hosted(every(100), &[IX]);
    let (b, saw_b) = hosted(every(1_000), &[IX]);
    let mut bench = Bench::new(setup(), vec![a, b]);
    bench.engine.start_timers(at(0));
    let first = bench.tell_at(at(100), Fact::Timer(TimerId(0)));
    let order = first.order();
    bench.accept(&order);
    bench.fill(&order, "0.4", "99.9");
    let second = bench.tell_at(at(200), Fact::Timer(TimerId(0)));
    assert_eq!(second.states(), [OrderState::Cancelling]);
    bench.tell_at(at(300), Fact::Timer(TimerId(0)));
    bench.venue(VenueEvent::Cancelled {
        id: order.id,
        instrument: IX,
        reason: model::CancelReason::Requested,
    });
    bench.tell_at(at(400), Fact::Timer(TimerId(0)));
    bench.tell_at(at(1_000), Fact::Timer(TimerId(1)));
    let own: Vec<String> = saw.all().iter().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect();
    assert_eq!(
        own,
        [
            "none/none []",
            "none/none [\"buy 0.6000 Open\"]",
            "none/none [\"buy 0.6000 Cancelling\"]",
            "none/none []"
        ]
    );
    assert_eq!(saw_b.all(), ["1000 none/none []"]);
    assert_eq!(bench.held(), Quantity::new(4_000));
}
