//! The guards of an account: what watches equity, closed trades, stops and the kill switch, and what follows.
//!
//! | file | is |
//! |---|---|
//! | `settings` | what the guards are set to |
//! | `calendar` | when a trading day ends |
//! | `account` | limits on the equity and the tier that follows |
//! | `samples` | the equity observed along a run of candles |
//! | `volatility` | the circuit breaker of a market that moves too fast |
//! | `history` | closed trades, protections, locks |
//! | `closing` | orders that close positions, and how often they are tried |
//! | `shield` | every open position has a live stop |
//! | `panic` | the kill switch |
//!
//! There is one source of daily figures, [`model::DayFigures`], kept here and rolled by the time of the input that is
//! stepped, never by a clock: before the first input of a new day is looked at, with the equity as it was.
//!
//! Everything here is a function of the inputs, part of the snapshot, and part of the digest once it has changed anything.
//! The hot path pays for it with three comparisons of times; see [`Engine::needs_every_candle`] for backtests.

pub(crate) mod account;
pub mod calendar;
mod closing;
pub(crate) mod history;
pub(crate) mod panic;
mod samples;
pub mod settings;
pub(crate) mod shield;
pub(crate) mod volatility;

use crate::engine::Engine;
use crate::ledger::{Ledger, instrument_of};
use crate::outbox::Outbox;
use account::{Account, TierChange};
use history::{ClosedTrade, History, Trip};
use model::{
    DayFigures, Fill, FillCause, Instrument, InstrumentIx, LimitStanding, Lock, LockReason, Notice,
    NoticeKind, PanicCause, PanicStage, PositionSide, Record, Refusal, Severity, Side, Text, Tier,
};
use panic::Panic;
use samples::Stride;
use settings::Guards;
use shield::Post;
use strategy::{Market, StateError, StateReader, StateWriter};
use units::{Amount, DigestWriter, Price, Quantity, Rate, Timestamp};
use volatility::{Breaker, Volatility};

/// How many executions of an instrument are remembered, to recognise one that is told twice. An exchange repeats what it
/// told in the seconds before a connection broke; that is far less.
const EXECUTIONS: usize = 128;

/// The executions of one instrument that were told last, and the highest number: as long as numbers grow, nothing is
/// searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Executions {
    highest: Option<u64>,
    recent: [u64; EXECUTIONS],
    next: usize,
    len: usize,
}

impl Default for Executions {
    fn default() -> Self {
        Self { highest: None, recent: [0; EXECUTIONS], next: 0, len: 0 }
    }
}

impl Executions {
    /// Notes an execution. Returns whether it is new.
    #[inline]
    pub(crate) fn note(&mut self, execution: u64) -> bool {
        let grows = self.highest.is_none_or(|highest| execution > highest);
        if !grows && self.recent[..self.len].contains(&execution) {
            return false;
        }
        if grows {
            self.highest = Some(execution);
        }
        self.recent[self.next] = execution;
        self.next = (self.next + 1) % EXECUTIONS;
        self.len = (self.len + 1).min(EXECUTIONS);
        true
    }
}

/// The state of the guards.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    pub(crate) settings: Guards,
    /// By instrument: only exempt strategies trade it.
    pub(crate) exempt: Vec<bool>,
    pub(crate) executions: Vec<Executions>,
    figures: DayFigures,
    /// Any of the limits on the equity is on.
    limits_equity: bool,
    has_day: bool,
    week: i64,
    /// The last moment of the day.
    pub(crate) roll_due: Timestamp,
    /// When equity and prices are observed next; never, when nothing watches them.
    pub(crate) sample_due: Timestamp,
    account: Account,
    breaker: Option<Breaker>,
    volatility: Vec<Volatility>,
    /// What the equity is made of; worked out anew after every booking.
    worth: Worth,
    stride: Stride,
    /// By position.
    trips: Vec<Trip>,
    history: History,
    posts: Vec<Post>,
    panic: Panic,
}

/// The equity as a function of prices: what scores are made of, in one multiplication per open position. Money in records
/// is exact; this is its nearest float.
#[derive(Debug, Clone, PartialEq, Default)]
struct Worth {
    /// Something was booked since it was worked out.
    is_stale: bool,
    /// Cash less the cost of the open positions.
    cash: f64,
    /// The open position, where there is one and no more.
    only: Option<Open>,
    /// The open positions, where there are several.
    several: Vec<Open>,
}

/// What an open position is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Open {
    /// Whose it is.
    ix: usize,
    quantity: Quantity,
    /// Its value for a price mantissa of one.
    per_price: f64,
    /// What it counts with while no price is known.
    cost: Amount,
}

impl Open {
    #[inline(always)]
    fn of(slot: usize, ledger: &Ledger, instruments: &[Instrument]) -> Self {
        let (position, ix) = (&ledger.positions[slot], instrument_of(slot, instruments.len()));
        let per_price = instruments[ix].notional(Price::new(1), position.quantity).to_f64();
        Self { ix, quantity: position.quantity, per_price, cost: position.cost }
    }

    /// The same after a fill, mostly of as much on the other side.
    #[inline(always)]
    fn after(before: Option<&Self>, slot: usize, ledger: &Ledger, instruments: &[Instrument]) -> Self {
        let position = &ledger.positions[slot];
        match before {
            Some(open) if open.ix == slot && open.quantity == -position.quantity => {
                Self { quantity: position.quantity, per_price: -open.per_price, cost: position.cost, ..*open }
            }
            _ => Self::of(slot, ledger, instruments),
        }
    }

    #[inline(always)]
    fn at(&self, markets: &[Market]) -> f64 {
        match markets[self.ix].valuation() {
            Some(price) => price.mantissa() as f64 * self.per_price,
            None => self.cost.to_f64(),
        }
    }
}

impl Worth {
    /// Works it out anew.
    #[inline(never)]
    fn refresh(&mut self, ledger: &Ledger, instruments: &[Instrument]) {
        self.several.clear();
        // Most accounts hold one position or none.
        let (only, cost) = match ledger.open() {
            [] => (None, Amount::ZERO),
            [slot] => {
                let open = Open::after(self.only.as_ref(), *slot, ledger, instruments);
                (Some(open), open.cost)
            }
            slots => (None, self.take_several(slots, ledger, instruments)),
        };
        (self.cash, self.only, self.is_stale) = ((ledger.wallet() - cost).to_f64(), only, false);
    }

    /// Takes several positions up, in the room that it has. Returns what they cost.
    #[inline(never)]
    fn take_several(&mut self, slots: &[usize], ledger: &Ledger, instruments: &[Instrument]) -> Amount {
        self.several.extend(slots.iter().map(|slot| Open::of(*slot, ledger, instruments)));
        self.several.iter().map(|open| open.cost).sum()
    }

    #[inline(always)]
    fn at(&self, markets: &[Market]) -> f64 {
        match &self.only {
            Some(only) => self.cash + only.at(markets),
            None => self.several.iter().fold(self.cash, |sum, open| sum + open.at(markets)),
        }
    }
}

/// What stands in the way of new exposure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Gate {
    pub(crate) is_latched: bool,
    pub(crate) is_paused: bool,
    pub(crate) tier: Tier,
    pub(crate) lock: Option<(LockReason, Timestamp)>,
}

impl Gate {
    pub(crate) fn check_latch(&self) -> Result<(), Refusal> {
        if self.is_latched { Err(Refusal::Latched) } else { Ok(()) }
    }

    pub(crate) fn check_pause(&self) -> Result<(), Refusal> {
        if self.is_paused { Err(Refusal::Paused) } else { Ok(()) }
    }

    pub(crate) fn check_tier(&self) -> Result<(), Refusal> {
        if self.tier >= Tier::Orange { Err(Refusal::Tier { tier: self.tier }) } else { Ok(()) }
    }

    pub(crate) fn check_lock(&self) -> Result<(), Refusal> {
        match self.lock {
            Some((reason, until)) => Err(Refusal::Locked { reason, until }),
            None => Ok(()),
        }
    }
}

impl Guard {
    pub(crate) fn new(settings: Guards, instruments: usize, exempt: Vec<bool>) -> Self {
        let positions = instruments * PositionSide::ALL.len();
        let mut guard = Self {
            exempt,
            executions: vec![Executions::default(); instruments],
            figures: DayFigures::default(),
            limits_equity: settings.account.limits_equity(),
            has_day: false,
            week: 0,
            roll_due: Timestamp::MIN,
            sample_due: Timestamp::MAX,
            account: Account::new(&settings.account),
            breaker: settings.account.volatility.as_ref().map(Breaker::new),
            worth: Worth { is_stale: true, ..Worth::default() },
            stride: Stride::default(),
            volatility: vec![Volatility::default(); instruments],
            trips: vec![Trip::default(); positions],
            history: History::default(),
            posts: vec![Post::default(); positions],
            panic: Panic::default(),
            settings,
        };
        if guard.watches() {
            guard.sample_due = Timestamp::MIN;
        }
        guard
    }

    #[inline]
    pub(crate) const fn limits_equity(&self) -> bool {
        self.limits_equity
    }

    /// Whether equity or prices are observed.
    pub(crate) fn watches(&self) -> bool {
        self.limits_equity()
            || self.settings.account.volatility.is_some()
            || self.settings.protections.max_drawdown.is_some()
    }

    pub(crate) fn watches_stops(&self) -> bool {
        self.settings.require_stop
    }

    /// Whether a step may have to be taken at a moment that is no fact's.
    #[inline]
    pub(crate) fn is_busy(&self) -> bool {
        self.panic.is_busy()
            || (self.settings.require_stop && self.posts.iter().any(|post| post.until != Timestamp::MAX))
    }

    /// Whether every step has to look here.
    #[inline]
    fn is_alert(&self) -> bool {
        self.panic.is_pressed() || self.is_busy()
    }

    pub(crate) fn gate(&self, ix: InstrumentIx, side: Side, now: Timestamp, is_paused: bool) -> Gate {
        let lock = self.history.ban(ix, side, now).map(|lock| (lock.reason, lock.until));
        Gate { is_latched: self.panic.is_pressed(), is_paused, tier: self.account.tier, lock }
    }

    /// What new exposure is multiplied with.
    #[inline]
    pub(crate) fn size_factor(&self) -> Rate {
        match self.account.tier {
            Tier::Green => Rate::ONE,
            _ => self.settings.account.tiers.yellow_size,
        }
    }

    /// Adds what the guards have changed to a fingerprint.
    pub(crate) fn digest(&self, digest: &mut DigestWriter) {
        let is_untouched = self.account.tier == Tier::Green
            && !self.panic.is_pressed()
            && self.history.locks.is_empty()
            && !self.is_busy();
        if is_untouched {
            return;
        }
        digest.word(self.account.tier as u64);
        digest.word(self.panic.stage as u64);
        for lock in &self.history.locks {
            digest.word(lock.reason as u64);
            digest.word(lock.instrument.map_or(u64::MAX, |ix| ix.0.into()));
            digest.int(lock.until.nanos());
        }
        for post in &self.posts {
            digest.word(post.watch as u64);
        }
    }
}

impl Engine {
    /// When a step is wanted at the latest, even if nothing happens until then. `None` when nothing waits for time.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        let rules = &self.guard.settings.panic;
        // The kill switch closes everything anyhow.
        let watched = if self.guard.panic.is_pressed() { &[][..] } else { &self.guard.posts[..] };
        let stops = watched.iter().map(|post| post.until).filter(|at| *at != Timestamp::MAX).min();
        let panic = self.guard.panic.wakeup(rules.cancel_patience, rules.settle, self.now);
        let sample = (self.guard.sample_due != Timestamp::MAX).then_some(self.guard.sample_due);
        [stops, panic, sample].into_iter().flatten().min()
    }

    /// The figures of the running trading day.
    #[must_use]
    pub const fn day(&self) -> &DayFigures {
        &self.guard.figures
    }

    /// The tier of the account.
    #[must_use]
    pub const fn tier(&self) -> Tier {
        self.guard.account.tier
    }

    /// The limit that the equity is closest to.
    #[must_use]
    pub fn limit_standing(&self) -> Option<LimitStanding> {
        self.guard
            .limits_equity()
            .then(|| self.guard.account.now(&self.guard.settings.account, self.equity()))
    }

    /// How far the kill switch has come.
    #[must_use]
    pub const fn panic_stage(&self) -> PanicStage {
        self.guard.panic.stage
    }

    /// The bans on entries that are in force.
    pub fn locks(&self) -> impl Iterator<Item = &Lock> {
        self.guard.history.locks.iter().filter(|lock| self.now < lock.until)
    }

    pub(crate) fn slot(&self, ix: InstrumentIx, side: PositionSide) -> usize {
        side.index() * self.instruments.len() + ix.index()
    }

    /// Begins the trading day of `at`, with the equity as it was before the input at `at`. Returns the figures of the day
    /// that ended, where limits are measured by them.
    #[cold]
    pub(crate) fn roll_day(&mut self, at: Timestamp) -> Option<DayFigures> {
        let day = self.guard.settings.calendar.day_of(at);
        let week = self.guard.settings.calendar.week_of(day.number);
        let watches = self.guard.limits_equity();
        let closed = (self.guard.has_day && watches).then_some(self.guard.figures);
        let is_new_week = !self.guard.has_day || week != self.guard.week;
        let start_equity = watches.then(|| self.equity());
        let before = self.guard.figures;
        let guard = &mut self.guard;
        guard.figures = DayFigures {
            number: day.number,
            start_equity,
            week_start_equity: if is_new_week { start_equity } else { before.week_start_equity },
            losses_in_row: before.losses_in_row,
            ..DayFigures::default()
        };
        (guard.has_day, guard.week, guard.roll_due) = (true, week, day.end);
        if let Some(equity) = start_equity {
            guard.account.begin_day(&guard.settings.account, equity, is_new_week);
        }
        closed
    }

    /// Looks at equity and prices on the grid of samples. Called after a price was taken up and before anybody is asked.
    #[cold]
    pub(crate) fn sample(&mut self, out: &mut Outbox) {
        self.guard.sample_due = self.guard.next_sample(self.now);
        if let Some(breaker) = self.guard.breaker {
            for ix in (0u32..).take(self.instruments.len()).map(InstrumentIx) {
                let Some(price) = self.markets[ix.index()].last else { continue };
                let is_wild = self.guard.volatility[ix.index()].observe(&breaker, price);
                if is_wild && !self.guard.history.is_locked(Some(ix), LockReason::Volatility, self.now) {
                    let lock =
                        history::lock(Some(ix), None, self.now, breaker.cool_off, LockReason::Volatility);
                    self.lock_entries(lock, out);
                }
            }
        }
        self.observe(true, out);
    }

    /// What the equity is while nothing but the price of one instrument moves: a sum, and what a price mantissa of one adds to
    /// it. `None` where it is not that simple, or more than the equity is observed.
    #[inline(always)]
    pub(crate) fn worth_by(&mut self, ix: InstrumentIx) -> Option<(f64, f64)> {
        let settings = &self.guard.settings;
        if settings.account.volatility.is_some() || settings.protections.max_drawdown.is_some() {
            return None;
        }
        if self.guard.worth.is_stale {
            self.guard.worth.refresh(&self.ledger, &self.instruments);
        }
        let worth = &self.guard.worth;
        match (&worth.only, worth.several.as_slice()) {
            (Some(open), _) if open.ix == ix.index() && self.markets[open.ix].mark.is_none() => {
                Some((worth.cash, open.per_price))
            }
            (None, []) => Some((worth.cash, 0.0)),
            _ => None,
        }
    }

    /// The equity as a float.
    #[inline(always)]
    fn value(&mut self) -> f64 {
        if self.guard.worth.is_stale {
            self.guard.worth.refresh(&self.ledger, &self.instruments);
        }
        self.guard.worth.at(&self.markets)
    }

    /// Looks at the equity.
    fn observe(&mut self, is_sample: bool, out: &mut Outbox) {
        let limits_equity = self.guard.limits_equity();
        let rule = self.guard.settings.protections.max_drawdown;
        if !limits_equity && rule.is_none() {
            return;
        }
        if let Some(rule) = rule {
            let equity = self.equity();
            let (wallet, now) = (self.ledger.wallet(), self.now);
            if self.guard.history.is_under_water(&rule, equity, wallet, now)
                && !self.guard.history.is_locked(None, LockReason::MaxDrawdown, now)
            {
                self.lock_entries(
                    history::lock(None, None, now, rule.lock_for, LockReason::MaxDrawdown),
                    out,
                );
            }
        }
        if !limits_equity {
            return;
        }
        let value = self.value();
        let (ledger, instruments, markets) = (&self.ledger, &self.instruments, &self.markets);
        let exact = || ledger.equity(instruments, markets);
        let change = self.guard.account.observe(&self.guard.settings.account, value, exact, is_sample);
        if let Some(change) = change {
            self.change_tier(&change, out);
        }
    }

    #[cold]
    fn change_tier(&mut self, change: &TierChange, out: &mut Outbox) {
        let TierChange { from, to, standing } = *change;
        out.record(Record::Tier { from, to, standing });
        let severity = match to {
            Tier::Green => Severity::Info,
            Tier::Yellow => Severity::Warning,
            Tier::Orange | Tier::Red => Severity::Critical,
        };
        out.notice(Notice { severity, kind: NoticeKind::Tier { from, to, standing } });
        if to == Tier::Red {
            self.press_panic(PanicCause::Limit(standing.limit), out);
        }
    }

    /// After an unlock limits are measured from here on.
    fn rebase_limits(&mut self, out: &mut Outbox) {
        let equity = self.equity();
        let from = self.guard.account.tier;
        self.guard.account.rebase(&self.guard.settings.account, equity);
        let standing = self.guard.account.now(&self.guard.settings.account, equity);
        out.record(Record::Tier { from, to: Tier::Green, standing });
    }

    /// Books what a fill means to the figures of the day, to the trade it belongs to, and to the protections.
    #[inline]
    pub(crate) fn guard_fill(
        &mut self,
        slot: usize,
        fill: &Fill,
        booking: &crate::ledger::Booking,
        exit: ExitKind,
        out: &mut Outbox,
    ) {
        let guard = &mut self.guard;
        guard.worth.is_stale = true;
        if guard.limits_equity && self.ledger.open().len() <= 1 {
            // It takes some time until it is there, which passes with what else there is to do.
            guard.worth.refresh(&self.ledger, &self.instruments);
        }
        guard.figures.realised += booking.realised;
        guard.figures.fees += fill.fee;
        let closing_fee = fill.fee.share(booking.closed.mantissa(), fill.quantity.mantissa());
        let trip = &mut guard.trips[slot];
        trip.net += booking.realised - closing_fee;
        let opens = booking.opened_cost != Amount::ZERO;
        let was_flat = booking.closed.is_zero() && booking.position == fill.side.signed(fill.quantity);
        let has_closed = booking.closed.is_positive() && (booking.position.is_zero() || opens);
        let done = has_closed.then(|| std::mem::take(&mut guard.trips[slot]));
        if opens {
            let trip = &mut guard.trips[slot];
            trip.net -= fill.fee - closing_fee;
            trip.entered += booking.opened_cost.abs();
            guard.figures.opened += u32::from(was_flat || has_closed);
        }
        if let Some(trip) = done {
            self.close_trade(fill, trip, exit, out);
        }
        // What a fill makes certain is not left to the next sample, where it can change anything.
        if self.guard.account.is_touchy() || self.guard.settings.protections.max_drawdown.is_some() {
            self.observe(false, out);
        }
    }

    #[inline]
    fn close_trade(&mut self, fill: &Fill, trip: Trip, exit: ExitKind, out: &mut Outbox) {
        let figures = &mut self.guard.figures;
        figures.closed += 1;
        figures.losses_in_row = if trip.net.is_negative() { figures.losses_in_row + 1 } else { 0 };
        if self.guard.settings.follows_trades() {
            self.protect_after(fill, trip, exit, out);
        }
    }

    /// What protections make of a closed trade.
    #[inline(never)]
    fn protect_after(&mut self, fill: &Fill, trip: Trip, exit: ExitKind, out: &mut Outbox) {
        let was_stopped =
            exit == ExitKind::Stop || matches!(fill.cause, FillCause::StopLoss | FillCause::Liquidation);
        let trade = ClosedTrade {
            at: self.now,
            instrument: fill.instrument,
            side: fill.side.opposite(),
            net: trip.net,
            entered: trip.entered,
            was_stopped,
        };
        let rules = self.guard.settings.protections;
        let wallet = self.ledger.wallet();
        for lock in self.guard.history.close(&rules, trade, wallet) {
            self.lock_entries(lock, out);
        }
        if let Some(streak) = self.guard.settings.account.consecutive_losses
            && self.guard.figures.losses_in_row >= streak.count.max(1)
        {
            self.guard.figures.losses_in_row = 0;
            let reason = LockReason::ConsecutiveLosses;
            self.lock_entries(history::lock(None, None, self.now, streak.cool_off, reason), out);
        }
    }

    /// Bans entries for a while, and says so when that is news.
    pub(crate) fn lock_entries(&mut self, lock: Lock, out: &mut Outbox) {
        if self.guard.history.lock(lock, self.now) {
            out.record(Record::Locked(lock));
            // A cool-down follows every exit: nobody has to look at it.
            if lock.reason != LockReason::Cooldown {
                out.notice(Notice { severity: Severity::Warning, kind: NoticeKind::Locked(lock) });
            }
        }
    }

    /// A person locks entries.
    pub(crate) fn lock_by_hand(
        &mut self,
        instrument: Option<InstrumentIx>,
        side: Option<Side>,
        until: Timestamp,
        note: Text,
        out: &mut Outbox,
    ) {
        if let Some(ix) = instrument
            && ix.index() >= self.instruments.len()
        {
            out.record(Record::Refused { instrument: ix, refusal: Refusal::UnknownInstrument });
            return;
        }
        self.lock_entries(Lock { instrument, side, until, reason: LockReason::Operator, note }, out);
    }

    /// A person lifts locks.
    pub(crate) fn lift_locks(
        &mut self,
        instrument: Option<InstrumentIx>,
        side: Option<Side>,
        out: &mut Outbox,
    ) {
        let count = self.guard.history.lift(instrument, side, self.now);
        if count > 0 {
            out.record(Record::LocksLifted { count: u32::try_from(count).unwrap_or(u32::MAX) });
        }
    }

    /// Funding of a position was booked.
    pub(crate) fn guard_funding(&mut self, ix: InstrumentIx, side: PositionSide, amount: Amount) {
        self.guard.worth.is_stale = true;
        self.guard.figures.funding += amount;
        let slot = self.slot(ix, side);
        let is_open = self.ledger.positions.get(slot).is_some_and(|p| !p.quantity.is_zero());
        if is_open && let Some(trip) = self.guard.trips.get_mut(slot) {
            trip.net += amount;
        }
    }

    /// Money came in or went out.
    pub(crate) fn guard_deposit(&mut self, amount: Amount) {
        self.guard.worth.is_stale = true;
        self.guard.account.shift(&self.guard.settings.account, amount);
        self.guard.history.shift(&self.guard.settings.protections, self.ledger.wallet(), self.now);
    }

    /// What every step ends with: the kill switch and the watch over stops go on.
    #[inline]
    pub(crate) fn attend(&mut self, out: &mut Outbox) {
        if self.guard.is_alert() {
            self.attend_now(out);
        }
    }

    #[cold]
    fn attend_now(&mut self, out: &mut Outbox) {
        if self.guard.settings.require_stop {
            for ix in (0u32..).take(self.instruments.len()).map(InstrumentIx) {
                self.shield(ix, out);
            }
        }
        self.drive_panic(out);
    }

    /// The size of an order with the part that opens made smaller, as the tier demands.
    #[inline]
    pub(crate) fn scaled_opening(&self, quantity: Quantity, opening: Quantity, ix: InstrumentIx) -> Quantity {
        match self.guard.size_factor() {
            Rate::ONE => quantity,
            factor => self.scaled_by(factor, quantity, opening, ix),
        }
    }

    #[cold]
    fn scaled_by(&self, factor: Rate, quantity: Quantity, opening: Quantity, ix: InstrumentIx) -> Quantity {
        let Some(instrument) = self.instruments.get(ix.index()) else { return quantity };
        let kept =
            i128::from(opening.mantissa()) * i128::from(factor.units()) / i128::from(Rate::ONE.units());
        let kept = Quantity::new(i64::try_from(kept).unwrap_or(opening.mantissa()));
        quantity - opening + kept.floor_to(instrument.quantity_step)
    }

    pub(crate) fn save_guard(&self, w: &mut StateWriter) {
        let guard = &self.guard;
        let f = &guard.figures;
        for x in [f.number, f.opened.into(), f.closed.into(), f.losses_in_row.into(), guard.week] {
            w.int(x);
        }
        for x in [f.start_equity, f.week_start_equity] {
            w.int(i64::from(x.is_some()));
            w.wide(x.unwrap_or(Amount::ZERO).units());
        }
        for x in [f.realised, f.fees, f.funding] {
            w.wide(x.units());
        }
        w.int(i64::from(guard.has_day));
        w.int(guard.roll_due.nanos());
        w.int(guard.sample_due.nanos());
        guard.account.save(w);
        guard.volatility.iter().for_each(|v| v.save(w));
        for trip in &guard.trips {
            w.wide(trip.net.units());
            w.wide(trip.entered.units());
        }
        guard.history.save(w);
        guard.posts.iter().for_each(|post| post.save(w));
        guard.panic.save(w);
        for e in &guard.executions {
            w.int(i64::from(e.highest.is_some()));
            w.int(e.highest.unwrap_or(0) as i64);
            e.recent.iter().for_each(|execution| w.int(*execution as i64));
            w.int(e.next as i64);
            w.int(e.len as i64);
        }
    }

    pub(crate) fn load_guard(&mut self, r: &mut StateReader<'_>) -> Result<(), StateError> {
        let guard = &mut self.guard;
        let f = &mut guard.figures;
        f.number = r.int()?;
        for count in [&mut f.opened, &mut f.closed, &mut f.losses_in_row] {
            *count = u32::try_from(r.int()?).map_err(|_| StateError::Invalid("count"))?;
        }
        guard.week = r.int()?;
        for equity in [&mut f.start_equity, &mut f.week_start_equity] {
            let is_some = r.int()? != 0;
            *equity = Some(Amount::from_units(r.wide()?)).filter(|_| is_some);
        }
        for amount in [&mut f.realised, &mut f.fees, &mut f.funding] {
            *amount = Amount::from_units(r.wide()?);
        }
        guard.has_day = r.int()? != 0;
        guard.roll_due = Timestamp::from_nanos(r.int()?);
        guard.sample_due = Timestamp::from_nanos(r.int()?);
        guard.account = Account::load(r, &guard.settings.account)?;
        guard.volatility.iter_mut().try_for_each(|v| Volatility::load(r).map(|loaded| *v = loaded))?;
        for trip in &mut guard.trips {
            *trip = Trip { net: Amount::from_units(r.wide()?), entered: Amount::from_units(r.wide()?) };
        }
        guard.history = History::load(r)?;
        guard.posts.iter_mut().try_for_each(|post| Post::load(r).map(|loaded| *post = loaded))?;
        guard.panic = Panic::load(r)?;
        guard.executions.iter_mut().try_for_each(|e| load_executions(r).map(|loaded| *e = loaded))?;
        self.adopt_settings();
        Ok(())
    }

    /// A snapshot may have been taken under other settings: what was not watched then begins now.
    fn adopt_settings(&mut self) {
        let equity = self.equity();
        let guard = &mut self.guard;
        if !guard.watches() {
            guard.sample_due = Timestamp::MAX;
        } else if guard.sample_due == Timestamp::MAX {
            guard.sample_due = Timestamp::MIN;
        }
        if guard.has_day && guard.limits_equity() && guard.figures.start_equity.is_none() {
            guard.figures.start_equity = Some(equity);
            guard.figures.week_start_equity = Some(equity);
            guard.account.begin_day(&guard.settings.account, equity, true);
        }
    }
}

fn load_executions(r: &mut StateReader<'_>) -> Result<Executions, StateError> {
    let has_any = r.int()? != 0;
    let highest = Some(r.int()? as u64).filter(|_| has_any);
    let mut recent = [0; EXECUTIONS];
    recent.iter_mut().try_for_each(|execution| r.int().map(|bits| *execution = bits as u64))?;
    let index = |found: i64| usize::try_from(found).ok().filter(|i| *i <= EXECUTIONS);
    let next = index(r.int()?).filter(|i| *i < EXECUTIONS).ok_or(StateError::Invalid("place"))?;
    let len = index(r.int()?).ok_or(StateError::Invalid("count"))?;
    Ok(Executions { highest, recent, next, len })
}

/// What kind of order a fill belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitKind {
    /// A stop of ours.
    Stop,
    /// Anything else.
    Other,
}

/// The member of a list that a number in a snapshot names.
fn pick<T: Copy>(all: &[T], number: i64, what: &'static str) -> Result<T, StateError> {
    usize::try_from(number).ok().and_then(|i| all.get(i)).copied().ok_or(StateError::Invalid(what))
}
