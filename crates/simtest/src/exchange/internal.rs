//! An exchange of our own dialect: the simulated venue behind the server side of the internal dialect, with a market of its own, a memory of what it
//! executed, and moods.

use super::{BALANCE, TICK, credentials, money, symbols};
use crate::options::{Fault, Options};
use model::{
    Bar, BookChange, BookUpdate, Candle, ClientOrderId, Fact, Fill, FundingRate, Instrument, InstrumentIx,
    InstrumentSpec, MarkPrice, NewOrder, OrderCommand, OrderKind, Quote, Side, Timeframe, Trade, VenueEvent,
};
use std::collections::{BTreeMap, VecDeque};
use units::{Price, Prng, Quantity, Rate, Span, Timestamp};
use venue::{Event, Fidelity, OrderRules, QueueRules, Venue, VenueConfig};
use wire::internal::{self, Client, Server};
use wire::{Answer, Dialect, Ended, Meaning, Names, OrderAnswer, Question};

/// What is remembered of executions and of orders that ended.
const REMEMBERED: usize = 4_096;

/// A listing of executions has at most so many.
const PAGE: usize = 40;

pub(crate) fn names(mark: u32, venue: usize) -> Names {
    Names::new(mark, &format!("venue {venue}"), internal::ID_RULES)
        .expect("the rules of the dialect leave room for names")
}

/// The client's end.
pub(super) fn dialect(number: usize, ixs: &[InstrumentIx], all: &[Instrument], mark: u32) -> Dialect {
    let settings = internal::Settings {
        symbols: symbols(ixs, all),
        names: names(mark, number),
        credentials: credentials(),
        capabilities: internal::capabilities(),
        limits: internal::limits(),
    };
    Dialect::Internal(Box::new(Client::new(settings)))
}

/// The market of one instrument.
#[derive(Debug)]
struct Market {
    ix: InstrumentIx,
    price: i64,
    bar: Option<Bar>,
    update: u64,
}

/// One exchange.
#[derive(Debug)]
pub(crate) struct Internal {
    pub(crate) server: Server,
    pub(crate) venue: Venue,
    pub(crate) ixs: Vec<InstrumentIx>,
    markets: Vec<Market>,
    prng: Prng,
    fills: VecDeque<Fill>,
    ended: BTreeMap<ClientOrderId, Ended>,
    filled: BTreeMap<ClientOrderId, Quantity>,
    pub(crate) rules: Vec<InstrumentSpec>,
    /// Its clock is ahead of the world's by this.
    pub(crate) ahead: Span,
    pub(crate) banned_until: Timestamp,
    pub(crate) closed_until: Timestamp,
    pub(crate) refuses_key: bool,
    has_ticks: bool,
    by_hand: u64,
}

impl Internal {
    pub(crate) fn new(
        number: usize,
        ixs: Vec<InstrumentIx>,
        all: &[Instrument],
        options: &Options,
        mark: u32,
        prng: Prng,
    ) -> Self {
        let mut prng = prng;
        let rules = OrderRules {
            price_band: options.has_bands.then(|| Rate::from_units(10_000_000)),
            band_rule: if prng.below(2) == 0 { venue::BandRule::Refuse } else { venue::BandRule::Move },
            ..OrderRules::BYBIT
        };
        let config = VenueConfig {
            initial_balance: money(BALANCE),
            taker_fee: Rate::from_units(550_000),
            maker_fee: Rate::from_units(200_000),
            leverage: Rate::from_units(options.leverage * 1_000_000_000),
            fidelity: if options.has_ticks {
                Fidelity::Touch(QueueRules::default())
            } else {
                Fidelity::InsideCandle
            },
            rules,
            ..VenueConfig::default()
        };
        let market = |ix: &InstrumentIx| Market { ix: *ix, price: 10_000, bar: None, update: 0 };
        Self {
            server: Server::new(symbols(&ixs, all), names(mark, number), credentials()),
            venue: Venue::new(all.to_vec(), config),
            markets: ixs.iter().map(market).collect(),
            fills: VecDeque::new(),
            ended: BTreeMap::new(),
            filled: BTreeMap::new(),
            rules: ixs.iter().map(|ix| all[ix.index()].spec().clone()).collect(),
            ahead: Span::from_millis(prng.below(600_000) as i64 - 300_000),
            banned_until: Timestamp::MIN,
            closed_until: Timestamp::MIN,
            refuses_key: false,
            has_ticks: options.has_ticks,
            by_hand: u64::from(ixs.first().map_or(0, |ix| ix.0)) * 1_000_000,
            ixs,
            prng,
        }
    }

    /// Its own time.
    pub(crate) fn clock(&self, now: Timestamp) -> Timestamp {
        now + self.ahead
    }

    /// Everything is as it should be from here on.
    pub(crate) fn heal(&mut self, all: &[Instrument]) {
        (self.banned_until, self.closed_until) = (Timestamp::MIN, Timestamp::MIN);
        self.refuses_key = false;
        self.rules = self.ixs.iter().map(|ix| all[ix.index()].spec().clone()).collect();
    }

    /// The minute that begins at `open_time` is over: what the market tells, and what happened to the account before.
    pub(crate) fn minute(
        &mut self,
        now: Timestamp,
        open_time: Timestamp,
        options: &Options,
    ) -> (Vec<VenueEvent>, Vec<Fact>) {
        let (mut out, mut facts) = (Vec::new(), Vec::new());
        let clock = self.clock(now);
        for at in 0..self.markets.len() {
            let ix = self.markets[at].ix;
            let bar = match self.markets[at].bar.take() {
                Some(bar) => Bar { open_time, ..bar },
                None => self.walk(at, open_time, options),
            };
            let candle = Candle { instrument: ix, timeframe: Timeframe::MINUTE, bar };
            if !self.has_ticks {
                self.venue.on_candle(&candle, &mut out);
            }
            let mark = Price::new(bar.close.mantissa() + self.prng.below(3) as i64 * TICK - TICK);
            self.venue.on_mark(clock, ix, mark, &mut out);
            facts.push(Fact::Mark(MarkPrice { instrument: ix, exchange_time: clock, mark }));
            facts.push(Fact::Candle(candle));
        }
        (self.dated(out, clock), facts)
    }

    /// Some seconds of quotes and trades are over.
    pub(crate) fn tick(&mut self, now: Timestamp, options: &Options) -> (Vec<VenueEvent>, Vec<Fact>) {
        let (mut out, mut facts) = (Vec::new(), Vec::new());
        let clock = self.clock(now);
        for at in 0..self.markets.len() {
            let bar = self.walk(at, now, options);
            let market = &mut self.markets[at];
            let ix = market.ix;
            market.bar = Some(match market.bar {
                Some(so_far) => Bar {
                    high: so_far.high.max(bar.close),
                    low: so_far.low.min(bar.close),
                    close: bar.close,
                    ..so_far
                },
                None => Bar { open: bar.close, high: bar.close, low: bar.close, ..bar },
            });
            let half = TICK * (1 + self.prng.below(2) as i64);
            let size = |prng: &mut Prng| Quantity::new(10 * (20 + prng.below(600) as i64));
            let quote = Quote {
                instrument: ix,
                exchange_time: clock,
                bid: Price::new(bar.close.mantissa() - half),
                bid_quantity: size(&mut self.prng),
                ask: Price::new(bar.close.mantissa() + half),
                ask_quantity: size(&mut self.prng),
            };
            self.venue.on_quote(&quote, &mut out);
            let trade = Trade {
                instrument: ix,
                exchange_time: clock,
                price: bar.close,
                quantity: size(&mut self.prng),
                taker_side: if self.prng.below(2) == 0 { Side::Buy } else { Side::Sell },
                trade_id: 0,
            };
            self.venue.on_trade(&trade, &mut out);
            facts.push(Fact::Quote(quote));
        }
        (self.dated(out, clock), facts)
    }

    fn walk(&mut self, at: usize, open_time: Timestamp, options: &Options) -> Bar {
        let crash = options.rate(Fault::Crash);
        let is_crash = crash > 0 && self.prng.below(1_000) < crash;
        let Self { markets, prng, .. } = self;
        let market = &mut markets[at];
        let open = market.price;
        let mut step = |scale: i64| (prng.below(2 * scale as u64 + 1) as i64 - scale) * TICK;
        let close = if is_crash {
            open * (70 + step(20) / TICK) / 100 / TICK * TICK
        } else {
            // Back to where it began, in the long run.
            open + step(12) + (10_000 - open) / 50 / TICK * TICK
        };
        let close = close.clamp(1_000, 100_000);
        let high = open.max(close) + step(4).abs();
        let low = (open.min(close) - step(4).abs()).max(TICK);
        market.price = close;
        Bar {
            open_time,
            open: Price::new(open),
            high: Price::new(high),
            low: Price::new(low),
            close: Price::new(close),
            volume: Quantity::new(1_000),
        }
    }

    /// Some changes of a book: a snapshot where one is wanted, and updates.
    pub(crate) fn book(&mut self, now: Timestamp, of: usize, is_snapshot: bool, has_gap: bool) -> Vec<Fact> {
        let exchange_time = self.clock(now);
        let market = &mut self.markets[of % self.ixs.len()];
        market.update += if has_gap { 2 } else { 1 };
        let change = |update, is_last| {
            Fact::Book(BookChange {
                instrument: market.ix,
                exchange_time,
                update_id: market.update,
                update,
                is_last,
            })
        };
        let level = |side, away: i64| BookUpdate::Level {
            side,
            price: Price::new(market.price + away * TICK),
            quantity: Quantity::new(100),
        };
        let mut facts = Vec::new();
        if is_snapshot {
            facts.push(change(BookUpdate::Clear, false));
        }
        facts.push(change(level(Side::Buy, -5), false));
        facts.push(change(level(Side::Sell, 5), true));
        facts
    }

    /// The last changes of the books.
    pub(crate) fn books(&self) -> impl Iterator<Item = (InstrumentIx, u64)> + '_ {
        self.markets.iter().map(|market| (market.ix, market.update))
    }

    /// Funding is exchanged.
    pub(crate) fn fund(&mut self, now: Timestamp) -> (Vec<VenueEvent>, Vec<Fact>) {
        let mut out = Vec::new();
        let clock = self.clock(now);
        let at = self.prng.below(self.markets.len() as u64) as usize;
        let (ix, price) = (self.markets[at].ix, self.markets[at].price);
        let rate = Rate::from_units(self.prng.below(400_000) as i64 - 200_000);
        let rate = FundingRate { instrument: ix, funding_time: clock, rate };
        self.venue.on_funding(clock, &rate, Some(Price::new(price)), &mut out);
        (self.dated(out, clock), vec![Fact::Funding(rate)])
    }

    /// A command arrives: what is answered, and what it leads to.
    pub(crate) fn command(&mut self, now: Timestamp, command: &OrderCommand) -> (Meaning, Vec<VenueEvent>) {
        if let Some(mood) = self.mood(now) {
            return (mood, Vec::new());
        }
        let clock = self.clock(now);
        let mut out = Vec::new();
        self.venue.on_command(clock, command, &mut out);
        let refusal = out.iter().find_map(|event| match event.event {
            VenueEvent::Rejected { reason, .. } | VenueEvent::Refused { reason, .. } => Some(reason),
            _ => None,
        });
        (refusal.map_or(Meaning::Accepted, Meaning::Rejected), self.dated(out, clock))
    }

    /// What everything is refused with at the moment.
    pub(crate) fn mood(&self, now: Timestamp) -> Option<Meaning> {
        if self.refuses_key {
            Some(Meaning::CredentialsInvalid)
        } else if self.closed_until > now {
            Some(Meaning::Maintenance { until: Some(self.clock(self.closed_until)) })
        } else if self.banned_until > now {
            Some(Meaning::RateLimited { until: Some(self.clock(self.banned_until)) })
        } else {
            None
        }
    }

    /// Somebody trades by hand.
    pub(crate) fn by_hand(&mut self, now: Timestamp) -> Vec<VenueEvent> {
        self.by_hand += 1;
        let market = &self.markets[self.prng.below(self.markets.len() as u64) as usize];
        let side = if self.prng.below(2) == 0 { Side::Buy } else { Side::Sell };
        let away = if side == Side::Buy { -50 } else { 50 };
        let kind = match self.prng.below(2) {
            0 => OrderKind::Market,
            _ => OrderKind::Limit { price: Price::new(market.price + away * TICK) },
        };
        let id = ClientOrderId::adopted(self.by_hand);
        let order = NewOrder::new(id, market.ix, side, kind, Quantity::new(300));
        self.command(now, &OrderCommand::Place(order)).1
    }

    /// It cancels one of the open orders by itself.
    pub(crate) fn cancel_one(&mut self, now: Timestamp) -> Vec<VenueEvent> {
        let open: Vec<_> = self.venue.order_reports().collect();
        if open.is_empty() {
            return Vec::new();
        }
        let report = &open[self.prng.below(open.len() as u64) as usize];
        let command = OrderCommand::Cancel { id: report.id, instrument: report.instrument };
        let clock = self.clock(now);
        let mut out = Vec::new();
        self.venue.on_command(clock, &command, &mut out);
        self.dated(out, clock)
    }

    /// The tick of one instrument doubles, as far as its rules say.
    pub(crate) fn change_rules(&mut self) {
        let at = self.prng.below(self.rules.len() as u64) as usize;
        self.rules[at].tick_size = Price::new(2 * TICK);
    }

    /// Dates what happened by its own clock, and remembers it.
    fn dated(&mut self, out: Vec<Event>, clock: Timestamp) -> Vec<VenueEvent> {
        let mut events = Vec::with_capacity(out.len());
        for Event { event, .. } in out {
            let event = match event {
                VenueEvent::Filled(fill) => VenueEvent::Filled(Fill { exchange_time: clock, ..fill }),
                other => other,
            };
            match &event {
                VenueEvent::Filled(fill) => {
                    self.fills.push_back(*fill);
                    if let Some(id) = fill.order {
                        *self.filled.entry(id).or_default() += fill.quantity;
                        self.ended.insert(id, Ended::Filled);
                    }
                }
                VenueEvent::Cancelled { id, reason, .. } => {
                    self.ended.insert(*id, Ended::Cancelled(*reason));
                }
                VenueEvent::Rejected { id, reason, .. } => {
                    self.ended.insert(*id, Ended::Rejected(*reason));
                }
                _ => {}
            }
            events.push(event);
        }
        while self.fills.len() > REMEMBERED {
            self.fills.pop_front();
        }
        while self.ended.len() > REMEMBERED {
            self.ended.pop_first();
        }
        while self.filled.len() > REMEMBERED {
            self.filled.pop_first();
        }
        events
    }

    /// Answers a question.
    pub(crate) fn answer(&self, question: &Question, now: Timestamp) -> Answer {
        if let Some(mood) = self.mood(now)
            && *question != Question::Time
        {
            return Answer::Failed(mood);
        }
        match question {
            Question::Time => Answer::Time(self.clock(now)),
            Question::OpenOrders => Answer::OpenOrders(self.venue.order_reports().collect()),
            Question::Order { id, .. } => {
                let open = self.venue.order_reports().find(|report| report.id == *id);
                let filled = self.filled.get(id).copied().unwrap_or_default();
                Answer::Order(match (open, self.ended.get(id)) {
                    (Some(report), _) => OrderAnswer::Open(report),
                    (None, Some(how)) => OrderAnswer::Ended { filled, how: *how },
                    (None, None) => OrderAnswer::NotFound,
                })
            }
            Question::Fills { since } => {
                let mut fills: Vec<Fill> =
                    self.fills.iter().filter(|fill| fill.exchange_time >= *since).copied().collect();
                fills.sort_by_key(|fill| (fill.exchange_time, fill.execution));
                // A page ends between two moments, or the next one could not begin after it.
                let mut end = fills.len().min(PAGE);
                while end < fills.len() && fills[end].exchange_time == fills[end - 1].exchange_time {
                    end += 1;
                }
                let has_more = end < fills.len();
                fills.truncate(end);
                Answer::Fills { fills, has_more }
            }
            Question::Positions => Answer::Positions(self.venue.position_reports().collect()),
            Question::Wallet => Answer::Wallet(self.venue.account().wallet()),
            Question::Instruments => Answer::Instruments(self.rules.clone()),
        }
    }
}
