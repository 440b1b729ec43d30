//! Closed trades and the bans on entries that follow from them.

use super::settings::{DrawdownGuard, LowProfit, Protections, StopLossGuard};
use model::{InstrumentIx, Lock, LockReason, Side, Text};
use std::collections::VecDeque;
use strategy::{StateError, StateReader, StateWriter};
use units::{Amount, Rate, Rounding, Span, Timestamp};

/// How many closed trades are remembered at most.
const MOST_TRADES: usize = 1_024;

/// A position on its way from flat to flat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Trip {
    /// Profit after fees and funding so far.
    pub(super) net: Amount,
    /// The value of all entries.
    pub(super) entered: Amount,
}

/// A position that was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClosedTrade {
    pub(super) at: Timestamp,
    pub(super) instrument: InstrumentIx,
    /// The side it was entered with.
    pub(super) side: Side,
    pub(super) net: Amount,
    pub(super) entered: Amount,
    /// A stop or a liquidation closed it.
    pub(super) was_stopped: bool,
}

/// Below which equity the drawdown guard fires, and how long that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Floor {
    equity: Amount,
    /// The oldest trade leaves the look-back after this moment.
    until: Timestamp,
}

/// What is remembered of closed trades, and the locks in force.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct History {
    pub(super) trades: VecDeque<ClosedTrade>,
    pub(super) locks: Vec<Lock>,
    /// Follows from the trades; see [`History::find_floor`].
    floor: Option<Floor>,
}

impl History {
    /// The lock that bans an entry the longest.
    #[inline]
    pub(super) fn ban(&self, instrument: InstrumentIx, side: Side, now: Timestamp) -> Option<&Lock> {
        if self.locks.is_empty() { None } else { self.longest_ban(instrument, side, now) }
    }

    #[inline(never)]
    fn longest_ban(&self, instrument: InstrumentIx, side: Side, now: Timestamp) -> Option<&Lock> {
        self.locks.iter().filter(|lock| lock.bans(instrument, side, now)).max_by_key(|lock| lock.until)
    }

    /// Whether a lock of this kind is in force.
    pub(super) fn is_locked(
        &self,
        instrument: Option<InstrumentIx>,
        reason: LockReason,
        now: Timestamp,
    ) -> bool {
        self.locks
            .iter()
            .any(|lock| lock.instrument == instrument && lock.reason == reason && now < lock.until)
    }

    /// Puts a lock in force. One of the same kind gives way to it unless it lasts longer; locks that have run out go,
    /// so their number is bounded by instruments, sides and reasons. Returns whether anything changed.
    pub(super) fn lock(&mut self, lock: Lock, now: Timestamp) -> bool {
        let same = |l: &Lock| (l.instrument, l.side, l.reason) == (lock.instrument, lock.side, lock.reason);
        let is_news = lock.until > now;
        let lasts_longer = |l: &Lock| same(l) && l.until >= lock.until && lock.reason != LockReason::Operator;
        self.locks.retain(|l| now < l.until);
        if !is_news || self.locks.iter().any(lasts_longer) {
            return false;
        }
        self.locks.retain(|l| !same(l));
        self.locks.push(lock);
        true
    }

    /// Lifts every lock on exactly this. Returns how many there were.
    pub(super) fn lift(
        &mut self,
        instrument: Option<InstrumentIx>,
        side: Option<Side>,
        now: Timestamp,
    ) -> usize {
        self.locks.retain(|l| now < l.until);
        let before = self.locks.len();
        self.locks.retain(|l| (l.instrument, l.side) != (instrument, side));
        before - self.locks.len()
    }

    /// Remembers a closed trade and returns the locks that follow from it. `wallet` is the cash after it.
    pub(super) fn close(&mut self, rules: &Protections, trade: ClosedTrade, wallet: Amount) -> Vec<Lock> {
        let now = trade.at;
        let mut locks = Vec::new();
        if let Some(cooldown) = rules.cooldown {
            locks.push(lock(Some(trade.instrument), None, now, cooldown, LockReason::Cooldown));
        }
        if !rules.needs_history() {
            return locks;
        }
        if self.trades.len() == MOST_TRADES {
            self.trades.pop_front();
        }
        self.trades.push_back(trade);
        let longest = longest_look_back(rules);
        while self.trades.front().is_some_and(|t| is_older(t.at, now, longest)) {
            self.trades.pop_front();
        }
        locks.extend(rules.stop_loss_guard.and_then(|rule| self.guard_stops(&rule, &trade)));
        locks.extend(rules.low_profit.and_then(|rule| self.guard_profit(&rule, &trade)));
        if let Some(rule) = rules.max_drawdown {
            let fell = self.find_floor(&rule, wallet, now);
            locks.extend(fell.then(|| lock(None, None, now, rule.lock_for, LockReason::MaxDrawdown)));
        }
        locks
    }

    fn guard_stops(&self, rule: &StopLossGuard, last: &ClosedTrade) -> Option<Lock> {
        let is_stop_out = |t: &&ClosedTrade| t.was_stopped && t.net.is_negative();
        if !is_stop_out(&last) {
            return None;
        }
        let counts = |t: &&ClosedTrade| {
            is_stop_out(t)
                && !is_older(t.at, last.at, rule.look_back)
                && (!rule.per_instrument || t.instrument == last.instrument)
                && (!rule.per_side || t.side == last.side)
        };
        let count = self.trades.iter().filter(counts).count();
        let instrument = rule.per_instrument.then_some(last.instrument);
        let side = rule.per_side.then_some(last.side);
        (count >= rule.count as usize)
            .then(|| lock(instrument, side, last.at, rule.lock_for, LockReason::StopLossGuard))
    }

    fn guard_profit(&self, rule: &LowProfit, last: &ClosedTrade) -> Option<Lock> {
        let counts = |t: &&ClosedTrade| {
            t.instrument == last.instrument
                && !is_older(t.at, last.at, rule.look_back)
                && (!rule.per_side || t.side == last.side)
        };
        let (mut count, mut sum) = (0u32, 0i128);
        for trade in self.trades.iter().filter(counts) {
            count += 1;
            sum += share(trade.net, trade.entered);
        }
        let side = rule.per_side.then_some(last.side);
        (count >= rule.count && sum < i128::from(rule.least.units()))
            .then(|| lock(Some(last.instrument), side, last.at, rule.lock_for, LockReason::LowProfit))
    }

    /// Works out below which equity the drawdown guard fires: from the balance before the first trade of the look-back
    /// and after each of them. Returns whether one of these balances itself was too low.
    fn find_floor(&mut self, rule: &DrawdownGuard, wallet: Amount, now: Timestamp) -> bool {
        self.floor = None;
        let counts = |t: &&ClosedTrade| !is_older(t.at, now, rule.look_back);
        let trades = || self.trades.iter().filter(counts);
        let (mut count, mut sum) = (0u32, Amount::ZERO);
        for trade in trades() {
            count += 1;
            sum += trade.net;
        }
        let Some(first) = trades().next().filter(|_| count >= rule.count) else { return false };
        let least = |peak: Amount| peak - peak.times_rate(rule.most, Rounding::Up);
        let (mut balance, mut fell) = (wallet - sum, false);
        let mut peak = balance;
        for trade in trades() {
            balance += trade.net;
            peak = peak.max(balance);
            fell |= balance < least(peak);
        }
        let until = first.at.checked_add(rule.look_back).unwrap_or(Timestamp::MAX);
        self.floor = Some(Floor { equity: least(peak), until });
        fell
    }

    /// Whether the equity, open positions included, is below what the drawdown guard allows.
    #[inline]
    pub(super) fn is_under_water(
        &mut self,
        rule: &DrawdownGuard,
        equity: Amount,
        wallet: Amount,
        now: Timestamp,
    ) -> bool {
        match self.floor {
            None => return false,
            Some(floor) if now > floor.until => {
                self.find_floor(rule, wallet, now);
            }
            Some(_) => {}
        }
        self.floor.is_some_and(|floor| equity < floor.equity)
    }

    /// Money came in or went out.
    pub(super) fn shift(&mut self, rules: &Protections, wallet: Amount, now: Timestamp) {
        if let Some(rule) = rules.max_drawdown {
            self.find_floor(&rule, wallet, now);
        }
    }

    pub(super) fn save(&self, w: &mut StateWriter) {
        w.int(self.trades.len() as i64);
        for t in &self.trades {
            w.int(t.at.nanos());
            w.int(t.instrument.0.into());
            w.int(i64::from(t.side == Side::Sell) | i64::from(t.was_stopped) << 1);
            w.wide(t.net.units());
            w.wide(t.entered.units());
        }
        w.int(self.locks.len() as i64);
        for l in &self.locks {
            w.int(l.instrument.map_or(-1, |ix| ix.0.into()));
            w.int(match l.side {
                None => 0,
                Some(Side::Buy) => 1,
                Some(Side::Sell) => 2,
            });
            w.int(l.until.nanos());
            w.int(l.reason as i64);
            w.blob(l.note.as_str().as_bytes());
        }
        w.int(i64::from(self.floor.is_some()));
        let floor = self.floor.unwrap_or(Floor { equity: Amount::ZERO, until: Timestamp::EPOCH });
        w.wide(floor.equity.units());
        w.int(floor.until.nanos());
    }

    pub(super) fn load(r: &mut StateReader<'_>) -> Result<Self, StateError> {
        let mut history = Self::default();
        for _ in 0..r.int()? {
            let at = Timestamp::from_nanos(r.int()?);
            let instrument = instrument(r.int()?)?;
            let flags = r.int()?;
            let side = if flags & 1 == 0 { Side::Buy } else { Side::Sell };
            let (net, entered) = (Amount::from_units(r.wide()?), Amount::from_units(r.wide()?));
            let was_stopped = flags & 2 != 0;
            history.trades.push_back(ClosedTrade { at, instrument, side, net, entered, was_stopped });
        }
        for _ in 0..r.int()? {
            let instrument = match r.int()? {
                -1 => None,
                ix => Some(instrument(ix)?),
            };
            let side = super::pick(&[None, Some(Side::Buy), Some(Side::Sell)], r.int()?, "side")?;
            let until = Timestamp::from_nanos(r.int()?);
            let reason = super::pick(&LockReason::ALL, r.int()?, "reason of a lock")?;
            let note = Text::from_bytes(r.blob()?).ok_or(StateError::Invalid("note of a lock"))?;
            history.locks.push(Lock { instrument, side, until, reason, note });
        }
        let has_floor = r.int()? != 0;
        let floor = Floor { equity: Amount::from_units(r.wide()?), until: Timestamp::from_nanos(r.int()?) };
        history.floor = has_floor.then_some(floor);
        Ok(history)
    }
}

fn instrument(number: i64) -> Result<InstrumentIx, StateError> {
    u32::try_from(number).map(InstrumentIx).map_err(|_| StateError::Invalid("instrument"))
}

/// A lock without a note.
pub(super) fn lock(
    instrument: Option<InstrumentIx>,
    side: Option<Side>,
    now: Timestamp,
    lasts: Span,
    reason: LockReason,
) -> Lock {
    let until = now.checked_add(lasts).unwrap_or(Timestamp::MAX);
    Lock { instrument, side, until, reason, note: Text::EMPTY }
}

/// Whether `at` lies more than `look_back` before `now`.
fn is_older(at: Timestamp, now: Timestamp, look_back: Span) -> bool {
    at.checked_add(look_back).is_some_and(|end| end < now)
}

fn longest_look_back(rules: &Protections) -> Span {
    let stops = rules.stop_loss_guard.map_or(Span::ZERO, |r| r.look_back);
    let profit = rules.low_profit.map_or(Span::ZERO, |r| r.look_back);
    let drawdown = rules.max_drawdown.map_or(Span::ZERO, |r| r.look_back);
    stops.max(profit).max(drawdown)
}

/// A profit as a share of the entry value, in 10⁻⁹, rounded down.
fn share(net: Amount, entered: Amount) -> i128 {
    let one = i128::from(Rate::ONE.units());
    units::mul_div(net.units(), one, entered.units().max(1), Rounding::Floor).unwrap_or(i128::from(i64::MIN))
}
