//! What risk remembers from step to step: when data arrived, what was sent, whose positions they
//! are, how the equity went. Everything here is part of a snapshot.

use super::budgets::Budgets;
use super::estimates::Estimates;
use super::limits::Limits;
use super::screen::{Bounds, Known, Screen, Screening};
use crate::ledger::Booking;
use model::{Bar, Fill, Instrument, Timeframe};
use std::cell::Cell;
use std::collections::VecDeque;
use strategy::{StateError, StateReader, StateWriter};
use units::{Amount, Quantity, Rounding, Span, Timestamp};

const SECOND: Span = Span::from_seconds(1);
const MINUTE: Span = Span::from_seconds(60);
/// Longer than any time there is.
const NO_LIMIT: Span = Span::from_nanos(i64::MAX);

/// The moments of the newest orders: those of the last minute, and no more than the largest limit needs.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sent {
    /// The newest of all; [`Timestamp::MIN`] before any.
    newest: Timestamp,
    /// Those before it.
    older: VecDeque<Timestamp>,
    capacity: usize,
    /// The smallest limit.
    fewest: usize,
}

impl Sent {
    fn new(limits: &Limits) -> Self {
        let limits = [limits.max_orders_per_second, limits.max_orders_per_minute].into_iter().flatten();
        let limits = limits.map(|most| usize::try_from(most).unwrap_or(usize::MAX));
        let (capacity, fewest) = (limits.clone().max().unwrap_or(0), limits.min().unwrap_or(usize::MAX));
        let older = VecDeque::with_capacity(capacity.min(1 << 10));
        Self { newest: Timestamp::MIN, older, capacity, fewest }
    }

    #[inline]
    fn push(&mut self, at: Timestamp) {
        if self.capacity == 0 {
            return;
        }
        // No window is longer than a minute, so what is older counts in none. Mostly that is all there is.
        if since(self.newest, at) < MINUTE {
            self.keep_newest(at);
        } else if !self.older.is_empty() {
            self.older.clear();
        }
        self.newest = at;
    }

    #[inline(never)]
    fn keep_newest(&mut self, at: Timestamp) {
        self.older.push_back(self.newest);
        if self.older.len() == self.capacity {
            self.older.pop_front();
        }
        while self.older.front().is_some_and(|oldest| since(*oldest, at) >= MINUTE) {
            self.older.pop_front();
        }
    }

    /// All of them, the oldest first.
    fn moments(&self) -> impl Iterator<Item = Timestamp> {
        let newest = (self.newest != Timestamp::MIN).then_some(self.newest);
        self.older.iter().copied().chain(newest)
    }

    /// How many are remembered.
    #[inline]
    fn len(&self) -> usize {
        self.older.len() + usize::from(self.newest != Timestamp::MIN)
    }

    /// How many were sent within the `window` that ends now. A moment exactly one window ago no longer counts.
    fn within(&self, window: Span, now: Timestamp) -> usize {
        self.moments().filter(|at| since(*at, now) < window).count()
    }

    /// Whether `most` were sent within the window: one look at the order that many orders ago.
    #[inline(always)]
    fn is_full(&self, most: usize, window: Span, now: Timestamp) -> bool {
        // As many as that were mostly never sent within a minute.
        self.len() >= most && self.is_full_by_time(most, window, now)
    }

    #[inline(never)]
    fn is_full_by_time(&self, most: usize, window: Span, now: Timestamp) -> bool {
        let at = match self.len() - most {
            // The limit is zero.
            _ if most == 0 => return true,
            place if place == self.older.len() => self.newest,
            place => self.older[place],
        };
        since(at, now) < window
    }
}

/// See the file's first line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Watch {
    /// By instrument: the exchange's time of the newest data; [`Timestamp::MIN`] before any.
    heard: Vec<Timestamp>,
    /// How much our time was ahead of the exchange's when the newest timed fact arrived.
    drift: Span,
    /// The oldest data and the largest difference of clocks that limits allow.
    oldest: Span,
    furthest: Span,
    sent: Sent,
    /// Kept where strategies have budgets.
    pub(crate) budgets: Option<Budgets>,
    /// Kept where sizes or limits ask for statistics.
    pub(crate) estimates: Option<Estimates>,
    /// By instrument: limits that follow from its rules. Like [`Watch::screen`] they only save work and are in no snapshot.
    pub(crate) bounds: Vec<Bounds>,
    /// By instrument: the size of a position where it is fixed; zero otherwise.
    pub(crate) sizes: Vec<Quantity>,
    pub(crate) screen: Cell<Screen>,
    pub(crate) known: Cell<Known>,
    pub(crate) screening: Screening,
    /// The highest equity a size was worked out of.
    pub(crate) peak: Option<Amount>,
    /// The exponential average of the equities sizes were worked out of.
    pub(crate) average: Option<Amount>,
}

impl Watch {
    pub(crate) fn new(limits: &Limits, all: &[Instrument], strategies: usize, timeframe: Timeframe) -> Self {
        let instruments = all.len();
        Self {
            heard: vec![Timestamp::MIN; instruments],
            drift: Span::ZERO,
            oldest: limits.max_data_age.unwrap_or(NO_LIMIT),
            furthest: limits.max_clock_drift.unwrap_or(NO_LIMIT),
            sent: Sent::new(limits),
            budgets: limits.strategy_budget.map(|_| Budgets::new(strategies, instruments * 3)),
            estimates: Estimates::new(limits, instruments, timeframe),
            sizes: all.iter().map(|instrument| limits.sizing.fixed(instrument)).collect(),
            bounds: all.iter().map(|instrument| Bounds::new(limits, instrument)).collect(),
            screen: Cell::new(Screen::NONE),
            known: Cell::new(Known::NONE),
            screening: Screening::new(limits),
            peak: None,
            average: None,
        }
    }

    /// Takes up a closed candle.
    #[inline]
    pub(crate) fn note_candle(
        &mut self,
        instrument: &Instrument,
        ix: usize,
        timeframe: Timeframe,
        bar: &Bar,
    ) {
        self.note_close(ix, bar.open_time + timeframe.span());
        if let Some(estimates) = &mut self.estimates {
            estimates.take(instrument, ix, timeframe, bar);
        }
    }

    /// Notes when the newest candle closed.
    #[inline]
    pub(crate) fn note_close(&mut self, ix: usize, closed_at: Timestamp) {
        self.heard[ix] = self.heard[ix].max(closed_at);
    }

    /// Takes up a run of consecutive candles.
    #[inline]
    pub(crate) fn note_run(
        &mut self,
        instrument: &Instrument,
        ix: usize,
        timeframe: Timeframe,
        bars: &[Bar],
    ) {
        if let Some(estimates) = &mut self.estimates {
            bars.iter().for_each(|bar| estimates.take(instrument, ix, timeframe, bar));
        }
        if let Some(bar) = bars.last() {
            self.note_close(ix, bar.open_time + timeframe.span());
        }
    }

    /// Notes a fact about an instrument that carries the exchange's own time.
    #[inline]
    pub(crate) fn note_told(&mut self, ix: usize, exchange_time: Timestamp, now: Timestamp) {
        if let Some(heard) = self.heard.get_mut(ix) {
            *heard = (*heard).max(exchange_time);
            self.drift = since(exchange_time, now);
        }
    }

    /// Notes an order or an amendment that was sent.
    #[inline]
    pub(crate) fn note_sent(&mut self, now: Timestamp) {
        self.sent.push(now);
    }

    /// Notes a fill that was booked.
    #[inline(always)]
    pub(crate) fn note_fill(&mut self, slot: usize, strategy: u16, fill: &Fill, booking: &Booking) {
        if let Some(budgets) = &mut self.budgets {
            budgets.note_fill(strategy, slot, fill.side, fill.quantity, booking.closed);
        }
    }

    /// Notes an equity that a size is worked out of.
    pub(crate) fn note_equity(&mut self, limits: &Limits, equity: Amount) {
        if limits.throttle.drawdown.is_some() {
            self.peak = Some(self.peak.map_or(equity, |peak| peak.max(equity)));
        }
        if let Some(curve) = limits.throttle.curve {
            // α = 2 / (n + 1), rounded towards what was: a whole number of units at every step.
            let step = |average: Amount| {
                let by = (equity - average).mul_div(2, i128::from(curve.decisions) + 1, Rounding::Down);
                average + by
            };
            self.average = Some(self.average.map_or(equity, step));
        }
    }

    /// How old the newest data of an instrument is; as old as can be before any.
    #[inline]
    pub(crate) fn age(&self, ix: usize, now: Timestamp) -> Span {
        since(self.heard[ix], now)
    }

    /// The difference between the exchange's clock and ours, when the newest timed fact arrived.
    #[inline]
    pub(crate) const fn drift(&self) -> Span {
        Span::from_nanos(self.drift.nanos().saturating_abs())
    }

    /// Whether the newest data of an instrument is fresh, the clocks agree, and fewer orders were sent within the last minute
    /// than any limit allows: what limits there are on these have nothing to say. `false` only means: look at each.
    #[inline(always)]
    pub(crate) fn is_at_ease(&self, ix: usize, now: Timestamp) -> bool {
        self.age(ix, now) <= self.oldest
            && self.drift() <= self.furthest
            && self.sent.len() < self.sent.fewest
    }

    #[inline(always)]
    pub(crate) fn is_second_full(&self, most: u32, now: Timestamp) -> bool {
        self.sent.is_full(usize::try_from(most).unwrap_or(usize::MAX), SECOND, now)
    }

    #[inline(always)]
    pub(crate) fn is_minute_full(&self, most: u32, now: Timestamp) -> bool {
        self.sent.is_full(usize::try_from(most).unwrap_or(usize::MAX), MINUTE, now)
    }

    /// Orders and amendments sent within the last second, up to the limit.
    pub(crate) fn sent_in_second(&self, now: Timestamp) -> u64 {
        self.sent.within(SECOND, now) as u64
    }

    /// Orders and amendments sent within the last minute, up to the limit.
    pub(crate) fn sent_in_minute(&self, now: Timestamp) -> u64 {
        self.sent.within(MINUTE, now) as u64
    }

    pub(crate) fn save(&self, w: &mut StateWriter) {
        self.heard.iter().for_each(|at| w.int(at.nanos()));
        w.int(self.drift.nanos());
        w.int(self.sent.len() as i64);
        self.sent.moments().for_each(|at| w.int(at.nanos()));
        for amount in [self.peak, self.average] {
            w.int(i64::from(amount.is_some()));
            w.wide(amount.unwrap_or(Amount::ZERO).units());
        }
        save_part(w, self.budgets.as_ref(), Budgets::save);
        save_part(w, self.estimates.as_ref(), Estimates::save);
    }

    /// Reads back what [`Watch::save`] wrote. What the limits of today ask for and those of then did not begins anew;
    /// `positions` are by slot.
    pub(crate) fn load(
        &mut self,
        r: &mut StateReader<'_>,
        positions: impl Iterator<Item = Quantity>,
    ) -> Result<(), StateError> {
        for heard in &mut self.heard {
            *heard = Timestamp::from_nanos(r.int()?);
        }
        self.drift = Span::from_nanos(r.int()?);
        for _ in 0..r.int()? {
            self.sent.push(Timestamp::from_nanos(r.int()?));
        }
        for amount in [&mut self.peak, &mut self.average] {
            let is_some = r.int()? != 0;
            *amount = Some(Amount::from_units(r.wide()?)).filter(|_| is_some);
        }
        if !load_part(r, self.budgets.as_mut(), Budgets::load)?
            && let Some(budgets) = &mut self.budgets
        {
            budgets.adopt(positions);
        }
        load_part(r, self.estimates.as_mut(), Estimates::load).map(drop)
    }
}

fn save_part<T>(w: &mut StateWriter, part: Option<&T>, save: fn(&T, &mut StateWriter)) {
    let mut bytes = StateWriter::default();
    if let Some(part) = part {
        save(part, &mut bytes);
    }
    w.blob(&bytes.into_bytes());
}

/// Reads a part that may not have been kept then, or is not kept now. Returns whether it was read.
fn load_part<T>(
    r: &mut StateReader<'_>,
    part: Option<&mut T>,
    load: fn(&mut T, &mut StateReader<'_>) -> Result<(), StateError>,
) -> Result<bool, StateError> {
    let bytes = r.blob()?;
    match part {
        Some(part) if !bytes.is_empty() => {
            let mut state = StateReader::new(bytes);
            load(part, &mut state)?;
            state.finish()?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// How long ago something was.
#[inline]
fn since(at: Timestamp, now: Timestamp) -> Span {
    Span::from_nanos(now.nanos().saturating_sub(at.nanos()))
}
