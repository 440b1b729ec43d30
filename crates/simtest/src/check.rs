//! What must never happen, checked all the time: by looking at what was appended, what left, what the exchanges did and what the
//! engine says, and comparing with books so naive that they cannot be wrong in the same way.

use crate::exchange::Exchange;
use crate::exchange::bybit::{Claim, Executed};
use engine::Engine;
use journal::Entry;
use model::{
    BalanceChange, BookUpdate, Candle, ClientOrderId, Fact, Input, Instrument, InstrumentIx, OperatorCommand,
    OrderCommand, OrderState, PositionSide, Record, Seq, Side, VenueEvent,
};
use session::Append;
use session::replay::Replay;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use units::{Amount, Price, Quantity, Timestamp};
use venue::Venue;

/// An invariant that does not hold, by its number in the list of the documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub invariant: u8,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invariant {}: {}", self.invariant, self.what)
    }
}

macro_rules! hold {
    ($invariant:literal, $condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err($crate::check::Violation { invariant: $invariant, what: format!($($text)+) });
        }
    };
}
pub(crate) use hold;

/// So many orders and executions are remembered: more than any world can tell again.
const REMEMBERED: usize = 4_096;

/// So many commands are remembered with their causes.
const COMMANDS: usize = 4_096;

/// An order as the reference model sees it: at the exchange itself, before any network.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    quantity: Quantity,
    filled: Quantity,
}

/// The checker and its reference model.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    /// By instrument: the decimals of its prices and quantities together.
    decimals: Vec<u32>,
    /// By exchange: orders that were accepted there.
    orders: Vec<BTreeMap<ClientOrderId, Known>>,
    /// The states of the engine's orders, by what it records.
    states: BTreeMap<ClientOrderId, OrderState>,
    /// Commands with the inputs that caused them.
    commands: VecDeque<(OrderCommand, Seq)>,
    cause: Seq,
    at: Timestamp,
    /// Positions by the naive book: what the inputs and records since the start of this process say.
    positions: BTreeMap<InstrumentIx, i64>,
    /// Cash less what positions cost, by the naive book: no profit has to be known for it.
    cash: Amount,
    /// The input that halted trading last, unless it was resumed.
    halted: Option<Seq>,
    /// The engine steps beside itself, from its own snapshot.
    twin: Option<Replay>,
    until_twin: u64,
    /// Books as they reach the engine.
    books: BTreeMap<InstrumentIx, (bool, u64)>,
    /// The newest candle of each instrument that the engine was told, with the input that said so, and those before.
    candles: BTreeMap<InstrumentIx, VecDeque<(Seq, Timestamp)>>,
    /// Figures for the report.
    pub(crate) counts: BTreeMap<&'static str, u64>,
    /// Executions that were taken up, by the inputs that said so.
    known_fills: BTreeMap<(InstrumentIx, u64), Seq>,
}

impl Checker {
    pub(crate) fn new(exchanges: usize, instruments: &[Instrument]) -> Self {
        let decimals = |it: &Instrument| u32::from(it.price_decimals) + u32::from(it.quantity_decimals);
        Self {
            decimals: instruments.iter().map(decimals).collect(),
            orders: vec![BTreeMap::new(); exchanges],
            at: Timestamp::MIN,
            until_twin: 1,
            ..Self::default()
        }
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    // --- what is written down ---

    /// A process begins with this engine, which a start left.
    pub(crate) fn begin(&mut self, engine: &Engine) -> Result<(), Violation> {
        self.cause = engine.seq();
        self.at = engine.now();
        self.twin = None;
        self.until_twin = 1;
        self.books.clear();
        // What was lost with a crash may be told again.
        let last = engine.seq();
        self.known_fills.retain(|_, seq| *seq <= last);
        self.candles.values_mut().for_each(|known| known.retain(|(seq, _)| *seq <= last));
        self.states = engine.open_orders().map(|open| (open.order.id, open.state)).collect();
        self.note_positions(engine);
        if let Some(halted) = self.halted.filter(|halted| *halted <= engine.seq()) {
            hold!(
                6,
                is_halted(engine),
                "trading was halted by input {}, and a start forgot about it",
                halted.0
            );
        } else {
            self.halted = is_halted(engine).then(|| engine.seq());
        }
        Ok(())
    }

    fn note_positions(&mut self, engine: &Engine) {
        self.positions.clear();
        for ix in (0u32..).take(engine.instruments().len()).map(InstrumentIx) {
            let quantity = engine.ledger().position(ix, PositionSide::Net).quantity.mantissa();
            self.positions.insert(ix, quantity);
        }
        self.cash = cash_of(engine);
    }

    /// Something was appended to the journal.
    pub(crate) fn appended(&mut self, append: &Append) -> Result<(), Violation> {
        match append {
            Append::Input(input) => {
                hold!(
                    8,
                    input.seq.0 == self.cause.0 + 1 && input.at > self.at,
                    "input {} at {} follows input {} at {}",
                    input.seq.0,
                    input.at,
                    self.cause.0,
                    self.at
                );
                (self.cause, self.at) = (input.seq, input.at);
                self.input(input)?;
            }
            Append::Command(command) => {
                if self.commands.len() == COMMANDS {
                    self.commands.pop_front();
                }
                self.commands.push_back((*command, self.cause));
            }
            Append::Checkpoint(_) | Append::Listing { .. } | Append::History(_) => {}
        }
        self.step_twin(append)
    }

    fn input(&mut self, input: &Input) -> Result<(), Violation> {
        match &input.fact {
            Fact::Operator(OperatorCommand::Pause | OperatorCommand::Panic) => {
                self.halted.get_or_insert(input.seq);
            }
            Fact::Venue(VenueEvent::Filled(fill)) => {
                let is_new = self.known_fills.insert((fill.instrument, fill.execution), input.seq).is_none();
                hold!(10, is_new, "execution {} of {:?} was taken up twice", fill.execution, fill.instrument);
                if self.known_fills.len() > REMEMBERED {
                    self.known_fills.pop_first();
                }
                let signed = fill.side.signed(fill.quantity);
                *self.positions.entry(fill.instrument).or_default() += signed.mantissa();
                self.cash -= self.value(fill.instrument, fill.price, signed) + fill.fee;
            }
            Fact::Venue(VenueEvent::Balance(change)) => {
                self.cash += match change {
                    BalanceChange::Funding { amount, .. }
                    | BalanceChange::Deposit { amount }
                    | BalanceChange::Insurance { amount }
                    | BalanceChange::Conversion { amount } => *amount,
                };
            }
            Fact::Candle(candle) => {
                let known = self.candles.entry(candle.instrument).or_default();
                if known.len() == 64 {
                    known.pop_front();
                }
                known.push_back((input.seq, candle.bar.open_time));
            }
            Fact::Book(change) => {
                let known = self.books.get(&change.instrument).copied();
                let is_clear = change.update == BookUpdate::Clear;
                hold!(
                    2,
                    is_clear
                        || known.is_some_and(|(is_whole, last)| {
                            is_whole && (change.update_id == last || change.update_id == last + 1)
                        }),
                    "change {} of the book of {:?} reached the engine after {known:?}",
                    change.update_id,
                    change.instrument
                );
                self.books.insert(change.instrument, (true, change.update_id));
            }
            _ => {}
        }
        Ok(())
    }

    /// The engine beside the engine: built from its own snapshot, told the same, it has to do the same.
    fn step_twin(&mut self, append: &Append) -> Result<(), Violation> {
        let Some(twin) = &mut self.twin else { return Ok(()) };
        let (seq, at, entry) = match append {
            Append::Input(input) => (input.seq, input.at, Entry::Input(input.fact)),
            Append::Command(command) => (self.cause, self.at, Entry::Command(*command)),
            Append::Checkpoint(digest) => (self.cause, self.at, Entry::Checkpoint(*digest)),
            Append::Listing { .. } | Append::History(_) => return Ok(()),
        };
        let outcome = twin.take(seq, at, &entry);
        hold!(
            7,
            outcome.is_ok(),
            "an engine from a snapshot differs: {}",
            outcome.expect_err("it is an error")
        );
        Ok(())
    }

    /// Whether the engine may be looked at for another twin now.
    pub(crate) fn wants_twin(&mut self) -> bool {
        self.until_twin = self.until_twin.saturating_sub(1);
        self.until_twin == 0
    }

    /// The twin is replaced by a younger one.
    pub(crate) fn take_twin(&mut self, engine: Engine, again_in: u64) {
        self.twin = Some(Replay::new(engine));
        self.until_twin = again_in;
    }

    // --- what the engine says ---

    /// The engine recorded something.
    pub(crate) fn record(&mut self, record: &Record) -> Result<(), Violation> {
        match record {
            Record::Order { id, state, .. } => {
                let before = self.states.get(id).copied();
                hold!(9, may_follow(before, *state), "order {id:?} went from {before:?} to {state:?}");
                if state.is_final() {
                    self.states.remove(id);
                } else {
                    self.states.insert(*id, *state);
                }
            }
            Record::OrderAdopted(report) => {
                self.count("orders adopted");
                hold!(
                    2,
                    report.id.is_adopted(),
                    "{:?} is ours and was given up before it was found",
                    report.id
                );
                self.states.insert(report.id, OrderState::Open);
            }
            Record::PositionAdopted { instrument, before, after, price, .. } => {
                self.count("positions adopted");
                // Every execution can be listed for a day, so there is nothing that only a position could tell.
                hold!(2, false, "{instrument:?}: {before:?} became {after:?} without an execution");
                if let Some(price) = price {
                    *self.positions.entry(*instrument).or_default() += after.mantissa() - before.mantissa();
                    self.cash -= self.value(*instrument, *price, *after - *before);
                }
            }
            Record::WalletAdopted { difference } => {
                self.count("wallets adopted");
                self.cash += *difference;
            }
            Record::Anomaly { .. } => self.count("anomalies"),
            Record::Paused { paused: false } => self.halted = None,
            Record::StrategyFaulted { .. } => {
                hold!(7, false, "the strategy panicked");
            }
            _ => {}
        }
        Ok(())
    }

    /// After every turn: the engine's ledger against itself and against the naive book.
    pub(crate) fn engine(&mut self, engine: &Engine) -> Result<(), Violation> {
        if self.halted.is_some() && !is_halted(engine) {
            self.halted = None;
        }
        let ledger = engine.ledger();
        let ours = cash_of(engine);
        hold!(1, ours == self.cash, "cash less costs is {ours}, and what happened comes to {}", self.cash);
        for (ix, naive) in &self.positions {
            let held = ledger.position(*ix, PositionSide::Net).quantity.mantissa();
            hold!(1, held == *naive, "the position of {ix:?} is {held}, and its fills come to {naive}");
        }
        Ok(())
    }

    // --- what leaves ---

    /// Something that may open leaves while the journal holds a halt.
    pub(crate) fn leaves(
        &mut self,
        engine: &Engine,
        may_open: bool,
        text: &str,
        durable: Seq,
    ) -> Result<(), Violation> {
        if may_open {
            self.count("orders sent");
        }
        let is_halted = self.halted.is_some_and(|halted| halted <= durable) && is_halted(engine);
        hold!(6, !(may_open && is_halted), "an order left while trading was halted: {text}");
        Ok(())
    }

    /// A command reaches an exchange that left when so much was durable.
    pub(crate) fn arrives(
        &mut self,
        exchange: usize,
        command: &OrderCommand,
        durable: Seq,
    ) -> Result<(), Violation> {
        let cause =
            self.commands.iter().rev().filter(|(known, _)| known == command).map(|(_, seq)| *seq).min();
        hold!(4, cause.is_some(), "{command:?} was never written down");
        hold!(
            4,
            cause <= Some(durable),
            "{command:?} left when inputs up to {} were durable, and its cause is input {}",
            durable.0,
            cause.unwrap_or_default().0
        );
        if let OrderCommand::Place(order) = command {
            self.count("orders arrived");
            hold!(3, !self.orders[exchange].contains_key(&order.id), "{:?} arrived a second time", order.id);
        }
        Ok(())
    }

    /// The same for what says only in part what it was made of. It counts as arrived, whatever it is answered: nothing may be
    /// sent a second time.
    pub(crate) fn claimed(&mut self, exchange: usize, claim: &Claim, durable: Seq) -> Result<(), Violation> {
        let causes = self.commands.iter().filter(|(known, _)| claim.is(known)).map(|(_, seq)| *seq);
        let cause = causes.min();
        hold!(4, cause.is_some(), "{claim:?} was never written down");
        hold!(
            4,
            cause <= Some(durable),
            "{claim:?} left when inputs up to {} were durable, and its cause is input {}",
            durable.0,
            cause.unwrap_or_default().0
        );
        if let Claim::Place { id, quantity, .. } = claim {
            self.count("orders arrived");
            hold!(3, !self.orders[exchange].contains_key(id), "{id:?} arrived a second time");
            self.remember(exchange, *id, *quantity);
        }
        Ok(())
    }

    fn remember(&mut self, exchange: usize, id: ClientOrderId, quantity: Quantity) {
        let orders = &mut self.orders[exchange];
        orders.insert(id, Known { quantity, filled: Quantity::ZERO });
        if orders.len() > REMEMBERED {
            orders.pop_first();
        }
    }

    // --- what the exchange does ---

    /// An order was placed there, by us or by somebody else.
    pub(crate) fn placed(&mut self, exchange: usize, command: &OrderCommand) {
        match command {
            OrderCommand::Place(order) => {
                self.remember(exchange, order.id, order.quantity);
            }
            OrderCommand::Amend { id, amendment, .. } => {
                if let (Some(known), Some(quantity)) = (self.orders[exchange].get_mut(id), amendment.quantity)
                {
                    known.quantity = known.quantity.max(quantity);
                }
            }
            _ => {}
        }
    }

    /// Something happened to the account there, before any network.
    pub(crate) fn happened(&mut self, exchange: usize, event: &VenueEvent) -> Result<(), Violation> {
        match event {
            VenueEvent::Filled(fill) => {
                self.count("fills");
                if let Some(known) = fill.order.and_then(|id| self.orders[exchange].get_mut(&id)) {
                    known.filled += fill.quantity;
                    hold!(
                        3,
                        known.filled <= known.quantity,
                        "{:?} is filled beyond its quantity",
                        fill.order
                    );
                }
            }
            VenueEvent::Liquidated(_) => self.count("liquidations"),
            _ => {}
        }
        Ok(())
    }

    /// Something was executed at an exchange of Bybit's dialect.
    pub(crate) fn executed(&mut self, exchange: usize, executed: &Executed) -> Result<(), Violation> {
        self.count("fills");
        if let Some(known) = executed.order.and_then(|id| self.orders[exchange].get_mut(&id)) {
            known.filled += executed.quantity;
            known.quantity = known.quantity.max(executed.ordered);
            hold!(3, known.filled <= known.quantity, "{:?} is filled beyond its quantity", executed.order);
        }
        Ok(())
    }

    /// The exchange's own books, and what our orders there may come to, whatever closes the position before they are met.
    pub(crate) fn venue(
        &mut self,
        venue: &Venue,
        ixs: &[InstrumentIx],
        most: Option<Quantity>,
    ) -> Result<(), Violation> {
        for book in venue.account().books() {
            hold!(1, book.sum() == Amount::ZERO, "the venue's books sum to {}", book.sum());
        }
        let Some(most) = most else { return Ok(()) };
        for (at, ours) in ixs.iter().enumerate() {
            // A venue that knows no others counts its instruments from zero.
            let ix = if venue.instruments().len() == ixs.len() { InstrumentIx(at as u32) } else { *ours };
            let held = venue.account().holding(ix, PositionSide::Net).signed().mantissa();
            let mut open = [0, 0];
            for report in venue.order_reports().filter(|r| r.instrument == ix && !r.reduce_only) {
                open[usize::from(report.side == Side::Sell)] +=
                    report.quantity.mantissa() - report.filled.mantissa();
            }
            let worst = (held.max(0) + open[0]).max((-held).max(0) + open[1]);
            hold!(
                5,
                worst <= most.mantissa(),
                "position {held} and orders {open:?} of {ours:?} may come to {worst}, the limit is {}",
                most.mantissa()
            );
        }
        Ok(())
    }

    /// Whether a candle closed after the last one that the engine was told.
    pub(crate) fn missed(&self, candle: &Candle) -> bool {
        let known = self.candles.get(&candle.instrument).and_then(VecDeque::back);
        known.is_none_or(|(_, open_time)| candle.bar.open_time > *open_time)
    }

    /// The last change of a book that reached the engine.
    pub(crate) fn book_of(&self, ix: InstrumentIx) -> Option<u64> {
        self.books.get(&ix).map(|(_, last)| *last)
    }

    // --- in the end ---

    /// Our books and an exchange's are the same.
    pub(crate) fn agrees(&self, engine: &Engine, exchange: &Exchange) -> Result<(), Violation> {
        let ixs = exchange.ixs();
        for (at, ix) in ixs.iter().enumerate() {
            let ours = engine.ledger().position(*ix, PositionSide::Net).quantity;
            let venue = exchange.venue();
            let local = if venue.instruments().len() == ixs.len() { InstrumentIx(at as u32) } else { *ix };
            let theirs = venue.account().holding(local, PositionSide::Net).signed();
            hold!(
                2,
                ours == theirs,
                "position of {ix:?}: ours {}, theirs {}",
                ours.mantissa(),
                theirs.mantissa()
            );
            let there = exchange.living(*ix);
            let here: Vec<_> = engine.open_orders().filter(|o| o.order.instrument == *ix).collect();
            let (a, b): (Vec<_>, Vec<_>) =
                (here.iter().map(|o| o.order.id).collect(), there.iter().map(|o| o.id).collect());
            hold!(2, a == b, "orders of {ix:?}: ours {a:?}, theirs {b:?}");
            for (ours, theirs) in here.iter().zip(&there) {
                hold!(
                    12,
                    !matches!(ours.state, OrderState::Unknown | OrderState::Submitting),
                    "{:?} is still {:?}",
                    ours.order.id,
                    ours.state
                );
                hold!(
                    2,
                    (ours.order.quantity, ours.order.kind.limit(), ours.filled)
                        == (theirs.quantity, theirs.limit, theirs.filled),
                    "order {:?}: ours {:?} {:?} filled {:?}, theirs {theirs:?}",
                    ours.order.id,
                    ours.order.quantity,
                    ours.order.kind,
                    ours.filled
                );
            }
        }
        Ok(())
    }

    /// What so much is worth at a price.
    fn value(&self, ix: InstrumentIx, price: Price, signed: Quantity) -> Amount {
        let units = i128::from(price.mantissa()) * i128::from(signed.mantissa());
        Amount::from_units(units * 10i128.pow(18 - self.decimals[ix.index()]))
    }
}

fn cash_of(engine: &Engine) -> Amount {
    let ledger = engine.ledger();
    let mut cash = ledger.wallet();
    for ix in (0u32..).take(engine.instruments().len()).map(InstrumentIx) {
        cash -= ledger.position(ix, PositionSide::Net).cost;
    }
    cash
}

fn is_halted(engine: &Engine) -> bool {
    engine.is_paused() || engine.panic_stage() != model::PanicStage::Armed
}

/// The edges of an order's life, written down once more.
fn may_follow(before: Option<OrderState>, after: OrderState) -> bool {
    use OrderState::{Cancelled, Cancelling, Filled, Open, Rejected, Submitting, Unknown};
    match before {
        None => true,
        Some(Submitting) => !matches!(after, Submitting),
        Some(Open) => matches!(after, Cancelling | Unknown | Filled | Cancelled(_)),
        Some(Cancelling) => matches!(after, Open | Unknown | Filled | Cancelled(_) | Rejected(_)),
        Some(Unknown) => matches!(after, Open | Filled | Cancelled(_) | Rejected(_)),
        Some(Filled | Cancelled(_) | Rejected(_)) => false,
    }
}
