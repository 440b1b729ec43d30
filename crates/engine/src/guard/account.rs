//! The account's limits: how close the equity is to each, and the tier that follows.
//!
//! The score of an observation is
//!
//! ```text
//! raw   = max over the limits of  loss / allowed loss            (0 to 1000; one is the limit)
//! score = min(raw, EMA(raw))
//! ```
//!
//! so neither a single wick (the average lags behind it) nor an average that is stale after a recovery makes a tier by
//! itself. This is the score of Passivbot's hard stop loss. Scores are statistics and computed in `f64` with `+ − × ÷`
//! only; the money in records is exact. The first sample of a gap in the data counts once, however long the gap was.

use super::settings::{AccountLimits, Tiers};
use model::{AccountLimit, LimitStanding, Tier};
use strategy::{StateError, StateReader, StateWriter};
use units::{Amount, Rate, Rounding};

/// Where scores end: a thousand times the limit. Bounds what an account without any base left can say.
const MOST: f64 = 1_000.0;

/// What a limit is measured from, exactly and prepared for the hot path.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Base {
    amount: Amount,
    /// The same as a float.
    value: f64,
    /// One over what may be lost.
    per_allowed: f64,
}

impl Base {
    fn new(amount: Amount, limit: Option<Rate>) -> Self {
        let value = amount.to_f64();
        let allowed = limit.map_or(0.0, |limit| value * ratio(limit));
        Self { amount, value, per_allowed: if allowed > 0.0 { 1.0 / allowed } else { 0.0 } }
    }

    #[inline]
    fn usage(&self, equity: f64) -> f64 {
        (self.value - equity) * self.per_allowed
    }
}

/// How much of the limit that is closest is used.
#[inline(always)]
fn raw(bases: &[Base; 3], equity: f64) -> f64 {
    // None of them is ever NaN, and then this is one instruction each.
    let larger = |a: f64, b: f64| if a > b { a } else { b };
    let [day, week, peak] = bases;
    larger(larger(day.usage(equity), week.usage(equity)), peak.usage(equity)).clamp(0.0, MOST)
}

/// Between which equities an observation of a green account is calm: no new peak, and no limit used as far as a tier begins.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Calm {
    /// Above this; nothing is calm where that is infinite.
    floor: f64,
    /// Up to this.
    most: f64,
    /// The limit that is closest at each of them, if it is one and the same.
    lead: Option<Base>,
}

impl Default for Calm {
    fn default() -> Self {
        Self { floor: f64::INFINITY, most: f64::NEG_INFINITY, lead: None }
    }
}

impl Calm {
    /// For bases of which the last is the peak; scores below `calm` are no tier.
    fn of(bases: &[Base; 3], calm: f64) -> Self {
        let most = bases[2].value;
        // Some more than the exact one: what is rounded on the way shall not decide.
        let floors = bases.iter().filter(|base| base.per_allowed > 0.0);
        let floor = floors
            .map(|base| base.value - calm * 0.999 / base.per_allowed)
            .fold(f64::NEG_INFINITY, |a, b| if a > b { a } else { b });
        // Usages are straight lines: the one that is above the others at both ends is so in between.
        let leads = |base: &&Base| {
            [floor, most].iter().all(|at| bases.iter().all(|other| base.usage(*at) >= other.usage(*at)))
        };
        Self { floor, most, lead: bases.iter().find(leads).copied() }
    }
}

/// What samples in a row need of an account, by itself, so that it stays in registers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Passing {
    floor: f64,
    most: f64,
    /// What the closest limit is measured from, and one over what may be lost.
    from: f64,
    per_allowed: f64,
    weight: f64,
    smoothed: f64,
}

impl Passing {
    /// As [`Account::pass`].
    #[inline(always)]
    pub(super) fn pass(&mut self, value: f64) -> bool {
        if !(self.floor < value && value <= self.most) {
            return false;
        }
        let usage = (self.from - value) * self.per_allowed;
        let raw = if usage > 0.0 { usage } else { 0.0 };
        self.smoothed += self.weight * (raw - self.smoothed);
        true
    }
}

/// A rate as a float.
pub(super) fn ratio(rate: Rate) -> f64 {
    rate.units() as f64 / Rate::ONE.units() as f64
}

/// A change of tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TierChange {
    pub(super) from: Tier,
    pub(super) to: Tier,
    pub(super) standing: LimitStanding,
}

/// The equity watched against its limits.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Account {
    pub(super) tier: Tier,
    day: Base,
    week: Base,
    peak: Base,
    smoothed: f64,
    pub(super) has_started: bool,
    /// The weight of a new observation.
    weight: f64,
    /// Scores below this cannot be yellow.
    calm: f64,
    /// Follows from the tier and the bases.
    between: Calm,
}

impl Account {
    pub(super) fn new(limits: &AccountLimits) -> Self {
        Self {
            weight: 2.0 / (f64::from(limits.smoothing) + 1.0),
            // A little lower, so that rounding to whole steps is no matter.
            calm: ratio(limits.tiers.yellow) * 0.999,
            ..Self::default()
        }
    }

    /// A day began with this equity, and perhaps a week.
    pub(super) fn begin_day(&mut self, limits: &AccountLimits, equity: Amount, is_new_week: bool) {
        self.day = Base::new(equity, limits.daily_loss);
        if is_new_week {
            self.week = Base::new(equity, limits.weekly_loss);
        }
        if !self.has_started {
            self.has_started = true;
            self.peak = Base::new(equity, limits.drawdown);
        }
        self.note_changed();
    }

    /// Works out again between which equities nothing happens, after a base or the tier changed.
    fn note_changed(&mut self) {
        let is_green = self.has_started && self.tier == Tier::Green;
        self.between =
            if is_green { Calm::of(&[self.day, self.week, self.peak], self.calm) } else { Calm::default() };
    }

    /// Money that came in or went out is neither profit nor loss: every base moves with it.
    pub(super) fn shift(&mut self, limits: &AccountLimits, amount: Amount) {
        if self.has_started {
            self.day = Base::new(self.day.amount + amount, limits.daily_loss);
            self.week = Base::new(self.week.amount + amount, limits.weekly_loss);
            self.peak = Base::new(self.peak.amount + amount, limits.drawdown);
            self.note_changed();
        }
    }

    /// Measures everything from here on: what a person unlocked shall not fire again for the loss that it fired for.
    pub(super) fn rebase(&mut self, limits: &AccountLimits, equity: Amount) {
        self.day = Base::new(equity, limits.daily_loss);
        self.week = Base::new(equity, limits.weekly_loss);
        self.peak = Base::new(equity, limits.drawdown);
        (self.smoothed, self.tier) = (0.0, Tier::Green);
        self.note_changed();
    }

    /// Whether an observation between two samples can change the tier: only if the average alone would not prevent it.
    #[inline]
    pub(super) fn is_touchy(&self) -> bool {
        self.tier != Tier::Green || self.smoothed >= self.calm
    }

    /// The account for samples in a row from which nothing follows, where one limit is the closest of all between them. What
    /// became of it is told with [`Account::note_passed`].
    #[inline(always)]
    pub(super) fn calm(&self) -> Option<Passing> {
        let Calm { floor, most, lead } = self.between;
        let Base { value: from, per_allowed, .. } = lead?;
        Some(Passing { floor, most, from, per_allowed, weight: self.weight, smoothed: self.smoothed })
    }

    /// Takes up the samples that went by.
    #[inline(always)]
    pub(super) fn note_passed(&mut self, passing: Passing) {
        self.smoothed = passing.smoothed;
    }

    /// [`Account::observe`] for a sample that nothing follows from but its part in the average. Returns whether it was one;
    /// otherwise nothing changed.
    #[inline(always)]
    pub(super) fn pass(&mut self, value: f64) -> bool {
        if !(self.between.floor < value && value <= self.between.most) {
            return false;
        }
        let raw = match &self.between.lead {
            Some(lead) => lead.usage(value).max(0.0),
            None => raw(&[self.day, self.week, self.peak], value),
        };
        self.smoothed += self.weight * (raw - self.smoothed);
        true
    }

    /// Looks at the equity: `value` is what scores are made of, `exact` what records say. `is_sample` says whether this
    /// observation counts for the average.
    pub(super) fn observe(
        &mut self,
        limits: &AccountLimits,
        value: f64,
        exact: impl Fn() -> Amount,
        is_sample: bool,
    ) -> Option<TierChange> {
        if is_sample && self.pass(value) { None } else { self.look_closely(limits, value, exact, is_sample) }
    }

    /// The same for whatever the equity may be.
    fn look_closely(
        &mut self,
        limits: &AccountLimits,
        value: f64,
        exact: impl Fn() -> Amount,
        is_sample: bool,
    ) -> Option<TierChange> {
        if !self.has_started || self.tier == Tier::Red {
            return None;
        }
        if value > self.peak.value {
            self.peak = Base::new(exact().max(self.peak.amount), limits.drawdown);
            self.note_changed();
        }
        let raw = raw(&[self.day, self.week, self.peak], value);
        if is_sample {
            self.smoothed += self.weight * (raw - self.smoothed);
        }
        let score = raw.min(self.smoothed);
        // Mostly nothing is lost that counts.
        if self.tier == Tier::Green && score < self.calm {
            return None;
        }
        let to = next_tier(&limits.tiers, self.tier, rate_near(score));
        if to == self.tier {
            return None;
        }
        let standing = self.standing(limits, exact(), rate_near(score));
        let from = std::mem::replace(&mut self.tier, to);
        self.note_changed();
        Some(TierChange { from, to, standing })
    }

    /// The limit that the equity is closest to, in exact figures.
    fn standing(&self, limits: &AccountLimits, equity: Amount, score: Rate) -> LimitStanding {
        let value = equity.to_f64();
        let all = [
            (AccountLimit::DailyLoss, &self.day, limits.daily_loss),
            (AccountLimit::WeeklyLoss, &self.week, limits.weekly_loss),
            (AccountLimit::Drawdown, &self.peak, limits.drawdown),
        ];
        let mut closest = all[0];
        for candidate in &all[1..] {
            if closest.2.is_none() || candidate.1.usage(value) > closest.1.usage(value) {
                closest = *candidate;
            }
        }
        let (limit, base, share) = closest;
        LimitStanding {
            limit,
            loss: base.amount - equity,
            allowed: base.amount.times_rate(share.unwrap_or(Rate::ZERO), Rounding::Down),
            equity,
            score,
        }
    }

    /// Where the account stands now, with the score of the last observation's average.
    pub(super) fn now(&self, limits: &AccountLimits, equity: Amount) -> LimitStanding {
        self.standing(limits, equity, rate_near(self.smoothed))
    }

    pub(super) fn save(&self, w: &mut StateWriter) {
        w.int(self.tier as i64);
        w.int(i64::from(self.has_started));
        for base in [&self.day, &self.week, &self.peak] {
            w.wide(base.amount.units());
        }
        w.float(self.smoothed);
    }

    pub(super) fn load(r: &mut StateReader<'_>, limits: &AccountLimits) -> Result<Self, StateError> {
        let tier = super::pick(&Tier::ALL, r.int()?, "tier")?;
        let has_started = r.int()? != 0;
        let mut base = |limit| r.wide().map(|units| Base::new(Amount::from_units(units), limit));
        let (day, week, peak) = (base(limits.daily_loss)?, base(limits.weekly_loss)?, base(limits.drawdown)?);
        let smoothed = r.float()?;
        let mut account = Self { tier, smoothed, ..Self::new(limits) };
        if has_started {
            account = Self { day, week, peak, has_started, ..account };
        }
        account.note_changed();
        Ok(account)
    }
}

/// A score in exact steps of 10⁻⁹, the nearest one: what a float cannot hold shall not decide.
fn rate_near(score: f64) -> Rate {
    Rate::from_units((score.clamp(0.0, MOST) * Rate::ONE.units() as f64 + 0.5) as i64)
}

/// The tier of a score: entered at its beginning, left below it by the hysteresis.
fn next_tier(tiers: &Tiers, current: Tier, score: Rate) -> Tier {
    let mut tier = Tier::Green;
    for (to, begins) in [(Tier::Yellow, tiers.yellow), (Tier::Orange, tiers.orange), (Tier::Red, tiers.red)] {
        let kept = i128::from(begins.units()) * i128::from(Rate::ONE.units() - tiers.hysteresis.units());
        let is_in = if current >= to {
            i128::from(score.units()) * i128::from(Rate::ONE.units()) >= kept
        } else {
            score >= begins
        };
        if is_in {
            tier = to;
        }
    }
    tier
}

#[cfg(test)]
mod tests {
    use super::*;
    use Tier::{Green, Orange, Red, Yellow};

    fn amount(text: &str) -> Amount {
        Amount::parse(text).unwrap()
    }

    fn rate(text: &str) -> Rate {
        Rate::parse(text).unwrap()
    }

    fn sharp() -> AccountLimits {
        AccountLimits { drawdown: Some(rate("0.1")), smoothing: 1, ..AccountLimits::default() }
    }

    fn started(limits: &AccountLimits) -> Account {
        let mut account = Account::new(limits);
        account.begin_day(limits, amount("1000"), true);
        account
    }

    fn look(account: &mut Account, limits: &AccountLimits, equity: &str) -> Option<TierChange> {
        account.observe(limits, amount(equity).to_f64(), || amount(equity), true)
    }

    #[test]
    fn tiers_are_entered_at_their_beginning_and_left_with_hysteresis() {
        let tiers = Tiers::default();
        let from = |current, score| next_tier(&tiers, current, rate(score));
        assert_eq!(from(Green, "0.499999999"), Green);
        assert_eq!(from(Green, "0.5"), Yellow);
        assert_eq!(from(Yellow, "0.45"), Yellow, "a tenth of 0.5 below it");
        assert_eq!(from(Yellow, "0.449999999"), Green);
        assert_eq!(from(Green, "0.75"), Orange);
        assert_eq!(from(Orange, "0.675"), Orange);
        assert_eq!(from(Orange, "0.674999999"), Yellow);
        assert_eq!(from(Orange, "0.1"), Green);
        assert_eq!(from(Yellow, "1"), Red);
    }

    #[test]
    fn the_drawdown_trails_the_highest_equity() {
        let limits = sharp();
        let mut account = started(&limits);
        assert_eq!(look(&mut account, &limits, "951"), None);
        let change = look(&mut account, &limits, "950").unwrap();
        let standing = LimitStanding {
            limit: AccountLimit::Drawdown,
            loss: amount("50"),
            allowed: amount("100"),
            equity: amount("950"),
            score: rate("0.5"),
        };
        assert_eq!(change, TierChange { from: Green, to: Yellow, standing });
        // A new peak of 1200: 1080 is the limit now.
        assert_eq!(look(&mut account, &limits, "1200").unwrap().to, Green);
        assert_eq!(look(&mut account, &limits, "1080").unwrap().to, Red);
        assert_eq!(look(&mut account, &limits, "1200"), None, "red stays until unlocked");
        account.rebase(&limits, amount("1080"));
        assert_eq!((account.tier, look(&mut account, &limits, "1030")), (Green, None));
    }

    #[test]
    fn neither_a_wick_nor_a_stale_average_fires() {
        let limits = AccountLimits { smoothing: 3, ..sharp() };
        let mut account = started(&limits);
        // Three samples weigh the newest one half.
        assert_eq!(look(&mut account, &limits, "910"), None, "raw 0.9, average 0.45");
        assert_eq!(look(&mut account, &limits, "1000"), None, "raw 0, average 0.225");
        // It stays down: the average follows.
        assert_eq!(look(&mut account, &limits, "910").unwrap().standing.score, rate("0.5625"));
        assert_eq!(look(&mut account, &limits, "910"), None, "0.73125 is still yellow");
        let orange = look(&mut account, &limits, "910").unwrap();
        assert_eq!((orange.to, orange.standing.score), (Orange, rate("0.815625")));
        // Back at once: the average is stale, and what it says does not count any more.
        assert_eq!(look(&mut account, &limits, "1000").unwrap().to, Green);
    }

    #[test]
    fn deposits_and_withdrawals_are_neither_profit_nor_loss() {
        let limits = AccountLimits { daily_loss: Some(rate("0.1")), ..sharp() };
        let mut account = started(&limits);
        account.shift(&limits, amount("-500"));
        assert_eq!(look(&mut account, &limits, "500"), None);
        assert_eq!(look(&mut account, &limits, "475").unwrap().standing.loss, amount("25"));
    }

    proptest::proptest! {
        /// What a calm sample is spared would have changed nothing.
        #[test]
        fn a_calm_sample_is_what_a_close_look_makes_of_it(
            (daily, weekly, drawdown) in (1i64..400, 1i64..400, 1i64..400),
            is_on in proptest::array::uniform3(proptest::bool::ANY),
            equities in proptest::collection::vec((600_000i128..1_300_000, 0u8..12), 1..120),
        ) {
            let limit = |on: bool, rate: i64| on.then(|| Rate::from_units(rate * 1_000_000));
            let limits = AccountLimits {
                daily_loss: limit(is_on[0], daily),
                weekly_loss: limit(is_on[1], weekly),
                drawdown: limit(is_on[2], drawdown),
                smoothing: 3,
                ..AccountLimits::default()
            };
            let (mut quick, mut close) = (started(&limits), started(&limits));
            for (equity, what) in equities {
                let equity = Amount::from_units(equity * 1_000_000_000_000_000);
                if what == 0 {
                    quick.begin_day(&limits, equity, false);
                    close.begin_day(&limits, equity, false);
                }
                let found = quick.observe(&limits, equity.to_f64(), || equity, true);
                let expected = close.look_closely(&limits, equity.to_f64(), || equity, true);
                proptest::prop_assert_eq!(found, expected);
                proptest::prop_assert_eq!(&quick, &close);
            }
        }
    }
}
