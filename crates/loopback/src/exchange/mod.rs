//! The exchange as one state machine without a clock or a socket: every call brings the time of the clock, and what is to be sent
//! is taken from its outbox.

mod admin;
mod faults;
mod limits;
mod look;
mod private;
mod public;
mod publish;
mod requests;
mod streams;
mod terms;

pub use faults::{Fault, FaultKind, FaultPlace};
pub use look::{Books, OpenOrder};
pub use requests::{RawRequest, Reply};
pub use streams::{ConnectionId, Delivery, Sent};
pub(crate) use terms::Terms;

use crate::account::{Account, Glance, Offers, Scene, Take};
use crate::choices::Choices;
use crate::market::depth::LevelChange;
use crate::market::{Market, MarketStatus, PublicTrade, Step};
use crate::settings::{AccountSettings, ServerTime, Settings, SettingsError, wrong};
use faults::Faults;
use limits::Limits;
use model::{BookChange, BookUpdate, FundingRate, Instrument, InstrumentIx, Liquidation, Side};
use publish::Published;
use std::collections::{BTreeMap, BTreeSet};
use streams::Connection;
use units::{Price, Prng, Quantity, Rate, Span, Timestamp};
use venue::TradingStatus;
use wire::bybit::server::PublicTopic;

/// The exchange.
pub struct Exchange {
    seed: u64,
    ack_delay: Span,
    is_limited: bool,
    server_time: ServerTime,
    choices: Choices,
    instruments: Vec<Instrument>,
    markets: Vec<Market>,
    glances: Vec<Glance>,
    accounts: Vec<Account>,
    /// The clock, and the market's time.
    clock: Timestamp,
    now: Timestamp,
    /// Where the two met last.
    base: (Timestamp, Timestamp),
    speed: u32,
    step: Option<Span>,
    limits: Limits,
    faults: Faults,
    state: State,
    connections: BTreeMap<u64, Connection>,
    next_connection: u64,
    listeners: BTreeMap<PublicTopic, BTreeSet<u64>>,
    published: BTreeMap<PublicTopic, Published>,
    outbox: Vec<Delivery>,
    /// What was traded and liquidated since it was published last.
    fresh_trades: Vec<(InstrumentIx, PublicTrade)>,
    fresh_liquidations: Vec<(Timestamp, Liquidation)>,
    /// Levels that an account took from, to be as they were with the next step.
    bitten: Vec<(usize, InstrumentIx, Side, Price)>,
    /// When orders end because nobody listens, by account, on the clock.
    dcp_due: BTreeMap<usize, Timestamp>,
    /// Orders of the trade stream that have not arrived yet, by the market's time at which they do.
    late: BTreeMap<(Timestamp, u64), terms::Late>,
    book_version: u64,
}

/// What is wrong with the exchange as a whole, by order of the admin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct State {
    /// Nothing but refusals, and no streams.
    is_in_maintenance: bool,
    /// This address is banned: HTTP 403.
    is_banned: bool,
    /// Public topics that begin with one of these say nothing, while their connections live.
    stale: Vec<String>,
    /// What is added to the time that is told, in milliseconds.
    skew_ms: i64,
}

/// The market steps ten times a second of its time, but no more often than twenty times a second of the clock, as far as no
/// minute is left out.
fn step_of(speed: u32) -> Span {
    Span::from_millis((i64::from(speed) * 50).clamp(100, 15_000))
}

/// No step is shorter.
const SHORTEST: Span = Span::from_millis(100);

/// No step is longer, so that no minute is left out.
const LONGEST: Span = Span::from_seconds(15);

impl Exchange {
    /// An exchange at rest. `clock` is the time of the clock now.
    ///
    /// # Errors
    /// When a setting is wrong.
    pub fn new(settings: &Settings, clock: Timestamp) -> Result<Self, SettingsError> {
        if settings.accounts.is_empty() {
            return Err(wrong("accounts", "none; at least one is needed"));
        }
        if settings.markets.is_empty() {
            return Err(wrong("markets", "none; at least one is needed"));
        }
        if settings.speed > 3_600 {
            return Err(wrong("speed", format!("{}; 0 to 3600", settings.speed)));
        }
        if settings.step.is_some_and(|step| !(SHORTEST..=LONGEST).contains(&step)) {
            return Err(wrong("step", "100 ms to 15 s"));
        }
        let start = settings.start.unwrap_or(clock).floor_to(Span::from_millis(1));
        let mut markets = Vec::new();
        for (i, market) in (0u32..).zip(&settings.markets) {
            let market = Market::new(InstrumentIx(i), market, settings, start)?;
            if markets.iter().any(|known: &Market| known.instrument.symbol == market.instrument.symbol) {
                return Err(wrong("markets", format!("{} twice", market.instrument.symbol)));
            }
            markets.push(market);
        }
        let instruments: Vec<Instrument> = markets.iter().map(|market| market.instrument.clone()).collect();
        let glances = markets.iter().map(glance).collect();
        let mut exchange = Self {
            seed: settings.seed,
            ack_delay: settings.ack_delay,
            is_limited: settings.is_limited,
            server_time: settings.server_time,
            choices: settings.choices.clone(),
            instruments,
            markets,
            glances,
            accounts: Vec::new(),
            clock,
            now: start,
            base: (clock, start),
            speed: settings.speed,
            step: settings.step,
            limits: Limits::default(),
            faults: Faults::default(),
            state: State::default(),
            connections: BTreeMap::new(),
            next_connection: 1,
            listeners: BTreeMap::new(),
            published: BTreeMap::new(),
            outbox: Vec::new(),
            fresh_trades: Vec::new(),
            fresh_liquidations: Vec::new(),
            bitten: Vec::new(),
            dcp_due: BTreeMap::new(),
            late: BTreeMap::new(),
            book_version: 0,
        };
        for account in &settings.accounts {
            exchange.add_account(account)?;
        }
        for i in 0..exchange.markets.len() {
            let step = exchange.markets[i].open(start);
            exchange.apply(i, &step);
        }
        exchange.fresh_trades.clear();
        Ok(exchange)
    }

    /// One account more.
    fn add_account(&mut self, settings: &AccountSettings) -> Result<(), SettingsError> {
        if self.accounts.iter().any(|account| account.key == settings.key) {
            return Err(wrong("accounts", format!("key {} twice", settings.key)));
        }
        let number = u64::try_from(self.accounts.len()).unwrap_or(0);
        let random = Prng::new(self.seed).fork(1_000 + number);
        let mut account =
            Account::new(settings, 100_001 + number, &self.instruments, random, self.choices.clone());
        let scene = Scene { now: self.now, markets: &self.glances, instruments: &self.instruments };
        for market in &self.markets {
            for side in [Side::Buy, Side::Sell] {
                let levels: Vec<_> = market.depth.levels(side).collect();
                account.happen(&scene, |venue, out| {
                    for (price, quantity) in levels {
                        feed(venue, &scene, (market.ix, side, price), quantity, out);
                    }
                });
            }
            account.happen(&scene, |venue, out| {
                venue.on_mark(scene.now, market.ix, market.mark, out);
                venue.on_index(scene.now, market.ix, market.index, out);
                venue.on_last(scene.now, market.ix, market.last, out);
            });
        }
        self.accounts.push(account);
        Ok(())
    }

    /// The market's time.
    #[must_use]
    pub const fn market_time(&self) -> Timestamp {
        self.now
    }

    /// The time that is told as the server's, in milliseconds.
    #[must_use]
    pub fn server_ms(&self) -> i64 {
        let at = match self.server_time {
            ServerTime::Clock => self.clock,
            ServerTime::Market => self.now,
        };
        at.millis().saturating_add(self.state.skew_ms)
    }

    /// Something is to go wrong. Returns its number, by which the admin interface takes it back.
    pub fn add_fault(&mut self, fault: Fault) -> u64 {
        self.faults.add(fault)
    }

    /// Lets time pass up to `clock`.
    pub fn advance(&mut self, clock: Timestamp) {
        self.clock = self.clock.max(clock);
        let (clock_base, market_base) = self.base;
        let passed = (self.clock - clock_base).nanos().saturating_mul(i64::from(self.speed));
        let target = market_base.checked_add(Span::from_nanos(passed)).unwrap_or(self.now);
        self.run_to(target, self.step.unwrap_or(step_of(self.speed)));
        self.end_where_nobody_listens();
    }

    /// The market's time goes on by `span`, whatever the clock does.
    fn jump_time(&mut self, span: Span) {
        let target = self.now + span;
        // A long way is gone in longer steps.
        let step = Span::from_nanos((span.nanos() / 2_000).clamp(step_of(1).nanos(), LONGEST.nanos()));
        self.run_to(target, step);
        self.base = (self.clock, target);
        self.now = target;
    }

    fn set_speed(&mut self, speed: u32) {
        self.base = (self.clock, self.now);
        self.speed = speed;
    }

    fn run_to(&mut self, target: Timestamp, step: Span) {
        let behind = (target - self.now).nanos();
        // Who was asleep for long catches up in longer steps.
        let step = step.max(Span::from_nanos((behind / 2_000).min(LONGEST.nanos())));
        while self.now + step <= target {
            self.tick(self.now + step, step);
        }
    }

    fn tick(&mut self, at: Timestamp, span: Span) {
        self.fund(at);
        self.now = at;
        self.heal();
        for i in 0..self.markets.len() {
            let step = self.markets[i].step(at, span);
            self.apply(i, &step);
        }
        let scene = Scene { now: self.now, markets: &self.glances, instruments: &self.instruments };
        for account in &mut self.accounts {
            account.add_auto_margin(&scene);
        }
        self.arrive();
        self.settle();
        self.publish();
    }

    /// Exchanges funding where its time comes by `at`.
    fn fund(&mut self, at: Timestamp) {
        for i in 0..self.markets.len() {
            let due = self.markets[i].next_funding(self.now);
            if due > self.now && due <= at {
                self.settle_funding(i, due);
            }
        }
    }

    fn settle_funding(&mut self, i: usize, at: Timestamp) -> Rate {
        let rate = self.markets[i].settle_funding(at);
        let (instrument, mark) = (self.markets[i].ix, self.markets[i].mark);
        let scene = Scene { now: at, markets: &self.glances, instruments: &self.instruments };
        let funding = FundingRate { instrument, funding_time: at, rate };
        for account in &mut self.accounts {
            account.happen(&scene, |venue, out| venue.on_funding(at, &funding, Some(mark), out));
        }
        rate
    }

    /// Levels that somebody took from are as they were.
    fn heal(&mut self) {
        for (account, ix, side, price) in std::mem::take(&mut self.bitten) {
            let quantity = self.offered_to(account, ix, side, price);
            self.refeed(account, ix, side, price, quantity);
        }
    }

    /// What an account finds at a price: the market makers and the others.
    fn offered_to(&self, account: usize, ix: InstrumentIx, side: Side, price: Price) -> Quantity {
        let others = self.accounts.iter().enumerate().filter(|(i, _)| *i != account);
        let offered = others.filter_map(|(_, other)| other.offers.get(&(ix, side, price)));
        offered.fold(self.markets[ix.index()].depth.at(side, price), |sum, offer| sum + *offer)
    }

    /// Tells an account's venue of a level as if it were new, so that what was taken from it before is forgotten.
    fn refeed(&mut self, account: usize, ix: InstrumentIx, side: Side, price: Price, quantity: Quantity) {
        let scene = Scene { now: self.now, markets: &self.glances, instruments: &self.instruments };
        self.accounts[account].happen(&scene, |venue, out| {
            feed_part(venue, &scene, (ix, side, price), Quantity::ZERO, out);
            feed(venue, &scene, (ix, side, price), quantity, out);
        });
    }

    /// What a step of a market brought, told to every account.
    fn apply(&mut self, i: usize, step: &Step) {
        self.glances[i] = glance(&self.markets[i]);
        self.book_version += 1;
        let market = &self.markets[i];
        let ix = market.ix;
        let facts: Vec<_> = step.trades.iter().map(|trade| market.as_fact(trade)).collect();
        let (mark, index) = (market.mark, market.index);
        for account in 0..self.accounts.len() {
            let totals: Vec<LevelChange> = step
                .changes
                .iter()
                .map(|change| {
                    let quantity = self.offered_to(account, ix, change.side, change.price);
                    LevelChange { quantity, ..*change }
                })
                .collect();
            let scene = Scene { now: self.now, markets: &self.glances, instruments: &self.instruments };
            self.accounts[account].happen(&scene, |venue, out| {
                venue.on_mark(scene.now, ix, mark, out);
                venue.on_index(scene.now, ix, index, out);
                let last = totals.len().saturating_sub(1);
                for (n, change) in totals.iter().enumerate() {
                    let place = (ix, change.side, change.price);
                    if n == last {
                        feed(venue, &scene, place, change.quantity, out);
                    } else {
                        feed_part(venue, &scene, place, change.quantity, out);
                    }
                }
                for fact in &facts {
                    venue.on_trade(fact, out);
                }
            });
        }
        self.fresh_trades.extend(step.trades.iter().map(|trade| (ix, *trade)));
    }

    /// Lets everybody hear what somebody did, until nothing more comes of it, and tells the private streams.
    fn settle(&mut self) {
        // Each round takes from the book; that many are never needed.
        for _ in 0..32 {
            let mut takes: Vec<(usize, Take)> = Vec::new();
            for (account, kept) in self.accounts.iter_mut().enumerate() {
                takes.extend(kept.takes.drain(..).map(|take| (account, take)));
            }
            self.sync_offers();
            if takes.is_empty() {
                break;
            }
            for (account, take) in takes {
                self.traded(account, &take);
            }
        }
        for account in &mut self.accounts {
            let liquidations = account.liquidations.drain(..);
            self.fresh_liquidations.extend(liquidations.map(|liquidation| (self.now, liquidation)));
        }
        self.tell();
    }

    /// An account took from the book: everybody hears of the trade.
    fn traded(&mut self, account: usize, take: &Take) {
        let i = take.ix.index();
        let trade = self.markets[i].trade(self.now, take.price, take.quantity, take.side);
        self.glances[i] = glance(&self.markets[i]);
        self.bitten.push((account, take.ix, take.side.opposite(), take.price));
        let fact = self.markets[i].as_fact(&trade);
        let scene = Scene { now: self.now, markets: &self.glances, instruments: &self.instruments };
        for (other, kept) in self.accounts.iter_mut().enumerate() {
            kept.happen(&scene, |venue, out| {
                if other == account {
                    venue.on_last(fact.exchange_time, fact.instrument, fact.price, out);
                } else {
                    venue.on_trade(&fact, out);
                }
            });
        }
        self.fresh_trades.push((take.ix, trade));
    }

    /// What rests of one account lies in the book of the others.
    fn sync_offers(&mut self) {
        for account in 0..self.accounts.len() {
            if !std::mem::take(&mut self.accounts[account].is_offer_changed) {
                continue;
            }
            let after = self.accounts[account].resting();
            let before: Offers = std::mem::replace(&mut self.accounts[account].offers, after.clone());
            let changed: BTreeSet<_> = before
                .iter()
                .chain(&after)
                .filter(|(place, _)| before.get(place) != after.get(place))
                .map(|(place, _)| *place)
                .collect();
            for (ix, side, price) in changed {
                self.book_version += 1;
                for other in (0..self.accounts.len()).filter(|other| *other != account) {
                    let quantity = self.offered_to(other, ix, side, price);
                    self.refeed(other, ix, side, price, quantity);
                }
            }
        }
    }

    /// The book as it is shown: the market makers and all accounts, best first, to a depth.
    fn shown(&self, i: usize, side: Side, depth: usize) -> Vec<(Price, Quantity)> {
        let ix = self.markets[i].ix;
        let mut own: BTreeMap<Price, Quantity> = BTreeMap::new();
        for offers in self.accounts.iter().map(|account| &account.offers) {
            let range = (ix, side, Price::new(i64::MIN))..=(ix, side, Price::MAX);
            for ((_, _, price), quantity) in offers.range(range) {
                let held = own.entry(*price).or_insert(Quantity::ZERO);
                *held += *quantity;
            }
        }
        let mut levels: Vec<(Price, Quantity)> =
            self.markets[i].depth.levels(side).take(depth + own.len()).collect();
        for (price, quantity) in own {
            let is_before = |known: &(Price, Quantity)| {
                if side == Side::Buy { known.0 > price } else { known.0 < price }
            };
            let place = levels.partition_point(is_before);
            match levels.get_mut(place).filter(|known| known.0 == price) {
                Some(known) => known.1 += quantity,
                None => levels.insert(place, (price, quantity)),
            }
        }
        levels.truncate(depth);
        levels
    }

    /// Opens or closes a market.
    fn set_status(&mut self, i: usize, status: MarketStatus) {
        self.markets[i].status = status;
        let trading = match status {
            MarketStatus::Trading => TradingStatus::Open,
            MarketStatus::Delivering => TradingStatus::ReduceOnly,
            MarketStatus::PreLaunch | MarketStatus::Closed => TradingStatus::Closed,
        };
        let ix = self.markets[i].ix;
        for account in &mut self.accounts {
            account.venue.set_status(ix, trading);
        }
    }

    fn find(&self, symbol: &str) -> Option<usize> {
        self.markets.iter().position(|market| market.instrument.symbol == symbol)
    }
}

fn glance(market: &Market) -> Glance {
    Glance { last: market.last, mark: market.mark, index: market.index, sequence: market.sequence }
}

/// Tells a venue of a level that completes a message.
fn feed(
    venue: &mut venue::Venue,
    scene: &Scene<'_>,
    place: (InstrumentIx, Side, Price),
    quantity: Quantity,
    out: &mut Vec<venue::Event>,
) {
    tell_level(venue, scene, place, quantity, true, out);
}

/// Tells a venue of a level in the middle of a message.
fn feed_part(
    venue: &mut venue::Venue,
    scene: &Scene<'_>,
    place: (InstrumentIx, Side, Price),
    quantity: Quantity,
    out: &mut Vec<venue::Event>,
) {
    tell_level(venue, scene, place, quantity, false, out);
}

fn tell_level(
    venue: &mut venue::Venue,
    scene: &Scene<'_>,
    (instrument, side, price): (InstrumentIx, Side, Price),
    quantity: Quantity,
    is_last: bool,
    out: &mut Vec<venue::Event>,
) {
    let update = BookUpdate::Level { side, price, quantity };
    let change = BookChange { instrument, exchange_time: scene.now, update_id: 0, update, is_last };
    // Levels of our own making lie on ticks, and their numbers never go back.
    let outcome = venue.on_book(&change, out);
    debug_assert!(outcome.is_ok(), "{outcome:?}");
}
