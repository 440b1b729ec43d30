//! Where an order stands in the queue at its price, when only totals are published.
//!
//! A level-2 book says how much rests at a price and not in whose order, so how much is still ahead of an order is an estimate.
//! It starts as everything that rested when the order arrived. Trades take from the front for certain; when the total shrinks
//! by more than was traded, somebody cancelled, ahead of the order or behind it, and that is where the models differ.
//!
//! Source: the queue models of hftbacktest (`queue.rs`, "Probability Queue Models"), after Rigtorp, "Estimating order queue position"
//! (2013), for the general idea and the logarithmic model.
//!
//! One thing is stricter than there: a cancellation never brings the estimate below zero, because only a trade fills.

#![allow(
    clippy::float_arithmetic,
    reason = "a probability is a statistic; it moves an estimate and never a price, a fill or money"
)]

use std::fmt;
use units::Quantity;

/// How likely it is that a cancellation happened behind the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum QueueModel {
    /// Nobody ahead ever cancels: only trades advance, and the total bounds what is ahead. Whole numbers only, and the
    /// safest assumption there is.
    #[default]
    RiskAverse,
    /// `f(back) / (f(back) + f(front))`.
    Ratio(Weight),
    /// `f(back) / f(back + front)`.
    Share(Weight),
    /// `1 − f(front / (front + back))`.
    Complement(Weight),
}

/// The function that weighs a quantity in a probability model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Weight {
    /// `f(x) = xⁿ`. The larger the power, the more of the cancellations are taken to happen behind.
    Power(Power),
    /// `f(x) = ln(1 + x)`, with `x` in whole units of the base currency (in parts of one for [`QueueModel::Complement`]).
    Log,
}

/// A power from 1 to 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Power(u8);

impl Power {
    /// A power, or `None` outside 1 to 16.
    #[must_use]
    pub const fn new(n: u8) -> Option<Self> {
        if n >= 1 && n <= 16 { Some(Self(n)) } else { None }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl fmt::Display for QueueModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RiskAverse => f.write_str("risk_averse"),
            Self::Ratio(weight) => write!(f, "ratio_{weight}"),
            Self::Share(weight) => write!(f, "share_{weight}"),
            Self::Complement(weight) => write!(f, "complement_{weight}"),
        }
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Power(n) => write!(f, "power{}", n.0),
            Self::Log => f.write_str("log"),
        }
    }
}

impl Weight {
    fn of(self, x: f64) -> f64 {
        match self {
            Self::Power(n) => (1..n.0).fold(x, |product, _| product * x),
            Self::Log => ln_1p(x),
        }
    }
}

impl QueueModel {
    /// The probability that what was cancelled stood behind the order; quantities in whole units of the base currency.
    fn behind(self, front: f64, back: f64) -> f64 {
        let (part, whole) = match self {
            Self::RiskAverse => (1.0, 1.0),
            Self::Ratio(f) => (f.of(back), f.of(back) + f.of(front)),
            Self::Share(f) => (f.of(back), f.of(back + front)),
            Self::Complement(f) => {
                let total = back + front;
                (if total > 0.0 { 1.0 - f.of(front / total) } else { 1.0 }, 1.0)
            }
        };
        // Nothing weighs anything, or too much for a float: then nobody is taken to have left ahead.
        let probability = if whole > 0.0 { part / whole } else { 1.0 };
        if probability.is_finite() { probability.clamp(0.0, 1.0) } else { 1.0 }
    }
}

/// One over the finest part of a quantity's step that a position is kept in.
const PARTS: f64 = 4_294_967_296.0;

/// The estimate for one order: how much is ahead of it. Whole steps of a quantity and, for the probability models, a fraction in
/// parts of 2⁻³², so that equal histories give equal positions to the bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct QueuePosition {
    /// Ahead of the order, rounded down; below zero when more was traded than stood ahead.
    front: i64,
    fraction: u32,
    /// Traded at the price since its total last changed; the next change contains it.
    traded: i64,
}

impl QueuePosition {
    /// Behind everything that rests at the price.
    #[inline]
    #[must_use]
    pub const fn behind(resting: Quantity) -> Self {
        Self { front: resting.mantissa(), fraction: 0, traded: 0 }
    }

    /// What is ahead, rounded down; below zero when trades went past the order.
    #[inline]
    #[must_use]
    pub const fn front(&self) -> Quantity {
        Quantity::new(self.front)
    }

    /// What is ahead as a statistic, in steps of the quantity's scale.
    #[must_use]
    pub fn estimate(&self) -> f64 {
        self.front as f64 + f64::from(self.fraction) / PARTS
    }

    /// Something was traded at the price, by somebody who could have met the order.
    #[inline]
    pub const fn trade(&mut self, quantity: Quantity) {
        self.front = self.front.saturating_sub(quantity.mantissa());
        self.traded = self.traded.saturating_add(quantity.mantissa());
    }

    /// Some of what was traded went to an order of ours ahead of this one, and not to the queue.
    #[inline]
    pub const fn let_pass(&mut self, quantity: Quantity) {
        self.front = self.front.saturating_add(quantity.mantissa());
    }

    /// The total at the price changed. `unit` is one whole unit of the base currency in steps of the quantity's scale.
    #[inline]
    pub fn level(&mut self, model: QueueModel, previous: Quantity, new: Quantity, unit: i64) {
        if model != QueueModel::RiskAverse {
            self.leave(model, previous.mantissa(), new.mantissa(), unit);
        }
        self.traded = 0;
        self.bound(new);
    }

    /// Never more ahead than there is: the total is known afresh, from a snapshot or otherwise.
    #[inline]
    pub const fn bound(&mut self, total: Quantity) {
        if self.front >= total.mantissa() {
            self.front = total.mantissa();
            self.fraction = 0;
        }
    }

    /// Moves by what was cancelled, where the model says it was.
    fn leave(&mut self, model: QueueModel, previous: i64, new: i64, unit: i64) {
        // What was traded is part of the change and has moved the order already.
        let cancelled = i128::from(previous) - i128::from(new) - i128::from(self.traded);
        if cancelled <= 0 || self.front < 0 {
            return;
        }
        let (cancelled, unit) = (cancelled as f64, unit.max(1) as f64);
        let front = self.estimate();
        let back = (previous as f64 - front).max(0.0);
        let behind = model.behind(front / unit, back / unit);
        // More than stood behind cannot have left there; the rest left ahead.
        let left = front - (1.0 - behind) * cancelled + (back - behind * cancelled).min(0.0);
        self.keep(left.clamp(0.0, front));
    }

    fn keep(&mut self, front: f64) {
        let whole = front.floor();
        self.front = whole as i64;
        self.fraction = ((front - whole) * PARTS) as u32;
    }

    /// How much was traded past the order, to the nearest whole `step`: what it may be filled by.
    #[inline]
    #[must_use]
    pub fn past(&self, step: Quantity) -> Quantity {
        if self.front >= 0 {
            return Quantity::ZERO;
        }
        let step = i128::from(step.mantissa().max(1));
        let past = -((i128::from(self.front) << 32) + i128::from(self.fraction));
        let steps = (past + (step << 31)) / (step << 32);
        Quantity::new((steps * step).min(i64::MAX.into()) as i64)
    }

    /// The order was filled for what was traded past it: from here on nothing is ahead.
    #[inline]
    pub const fn reach_front(&mut self) {
        self.front = 0;
        self.fraction = 0;
    }
}

/// `ln(1 + x)` for `x ≥ 0`, by `+ − × ÷` only, so that it is the same on every machine: `1 + x = m · 2ᵉ` with `m` around one, and
/// `ln m = 2 artanh((m − 1) / (m + 1))` as a series. Within a few units of the last place of the true value.
fn ln_1p(x: f64) -> f64 {
    /// ln 2.
    const LN_2: f64 = std::f64::consts::LN_2;
    let y = 1.0 + x;
    if !(1.0..f64::MAX).contains(&y) {
        return if y > 1.0 { f64::MAX } else { 0.0 };
    }
    let exponent = ((y.to_bits() >> 52) as i64) - 1023;
    let mantissa = f64::from_bits((y.to_bits() & ((1 << 52) - 1)) | (1023 << 52));
    let (mantissa, exponent) = if mantissa > std::f64::consts::SQRT_2 {
        (mantissa * 0.5, exponent + 1)
    } else {
        (mantissa, exponent)
    };
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    // |s| is at most 0.172: the term of s²³ is below 10⁻¹⁸.
    let series = (0..12).rev().fold(0.0, |sum, k| sum * square + 1.0 / (2.0 * f64::from(k) + 1.0));
    exponent as f64 * LN_2 + 2.0 * s * series
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Six decimals, so that the published numbers can be told apart.
    const UNIT: i64 = 1_000_000;

    fn units(n: i64) -> Quantity {
        Quantity::new(n * UNIT)
    }

    fn power(n: u8) -> Weight {
        Weight::Power(Power::new(n).unwrap())
    }

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{found} is not {expected}");
    }

    /// Level 300, front 100, level goes to 250 without a trade: probability 0.8, front 90.
    #[test]
    fn a_cancellation_is_shared_by_probability() {
        let model = QueueModel::Ratio(power(2));
        close(model.behind(100.0, 200.0), 0.8);
        let mut order = QueuePosition::behind(units(100));
        order.level(model, units(300), units(250), UNIT);
        close(order.estimate(), 90.0 * UNIT as f64);
    }

    /// With 30 traded first: front 70, probability 0.915225, front 68.304498.
    #[test]
    fn what_was_traded_is_not_counted_twice() {
        let model = QueueModel::Ratio(power(2));
        let mut order = QueuePosition::behind(units(100));
        order.trade(units(30));
        assert_eq!(order.front(), units(70));
        close(model.behind(70.0, 230.0), 0.915_225);
        order.level(model, units(300), units(250), UNIT);
        close(order.estimate(), 68.304_498 * UNIT as f64);
        assert_eq!(order.traded, 0, "the change contained it");
    }

    #[test]
    fn the_variants_differ_as_their_formulas_do() {
        close(QueueModel::Ratio(power(1)).behind(100.0, 200.0), 2.0 / 3.0);
        close(QueueModel::Ratio(power(3)).behind(100.0, 200.0), 8.0 / 9.0);
        close(QueueModel::Share(power(2)).behind(100.0, 200.0), 4.0 / 9.0);
        close(QueueModel::Complement(power(2)).behind(100.0, 200.0), 8.0 / 9.0);
        // ln 201 / (ln 201 + ln 101) and ln 201 / ln 301.
        close(QueueModel::Ratio(Weight::Log).behind(100.0, 200.0), 0.534_692_2);
        close(QueueModel::Share(Weight::Log).behind(100.0, 200.0), 0.929_245_2);
        // 1 − ln(1 + 1/3).
        close(QueueModel::Complement(Weight::Log).behind(100.0, 200.0), 0.712_317_9);
    }

    #[test]
    fn only_trades_advance_the_risk_averse() {
        let mut order = QueuePosition::behind(units(100));
        order.level(QueueModel::RiskAverse, units(300), units(250), UNIT);
        assert_eq!(order.front(), units(100), "who left is taken to have stood behind");
        order.level(QueueModel::RiskAverse, units(250), units(80), UNIT);
        assert_eq!(order.front(), units(80), "but no more is ahead than there is");
        order.level(QueueModel::RiskAverse, units(80), units(500), UNIT);
        assert_eq!(order.front(), units(80), "who joins stands behind");
        order.trade(units(80));
        assert_eq!(
            (order.front(), order.past(units(1))),
            (Quantity::ZERO, Quantity::ZERO),
            "reached is not passed"
        );
        order.trade(units(2));
        assert_eq!(order.past(units(1)), units(2));
    }

    #[test]
    fn what_went_past_is_rounded_to_the_step() {
        let past = |front: i64, step: i64| {
            QueuePosition { front, ..Default::default() }.past(Quantity::new(step)).mantissa()
        };
        assert_eq!([past(-4, 10), past(-5, 10), past(-14, 10), past(-15, 10)], [0, 10, 10, 20]);
        assert_eq!([past(5, 10), past(0, 10), past(i64::MIN, 1)], [0, 0, i64::MAX]);
    }

    /// Against values of ln to 17 digits.
    #[test]
    fn the_logarithm_is_exact_enough() {
        for (x, ln) in [
            (0.0, 0.0),
            (1e-9, 9.999_999_995e-10),
            (0.5, 0.405_465_108_108_164_4),
            (1.0, std::f64::consts::LN_2),
            (100.0, 4.615_120_516_841_261),
            (1e12, 27.631_021_115_929_55),
        ] {
            // The sum 1 + x is what loses digits of a small x, not the series.
            assert!((ln_1p(x) - ln).abs() <= 4e-16 * f64::max(1.0, ln), "ln(1 + {x}) is {}", ln_1p(x));
        }
        assert_eq!(ln_1p(f64::INFINITY), f64::MAX);
    }

    fn model() -> impl Strategy<Value = QueueModel> {
        let weight = prop_oneof![(1u8..=16).prop_map(power), Just(Weight::Log)];
        prop_oneof![
            Just(QueueModel::RiskAverse),
            weight.clone().prop_map(QueueModel::Ratio),
            weight.clone().prop_map(QueueModel::Share),
            weight.prop_map(QueueModel::Complement),
        ]
    }

    proptest! {
        /// Cancellations never take an order past the front nor back, whoever they are attributed to, and hostile totals do not
        /// break it.
        #[test]
        fn a_change_of_the_total_only_advances(
            model in model(),
            start in 0i64..1_000_000,
            totals in prop::collection::vec(prop_oneof![9 => 0i64..1_000_000, 1 => 0i64..=i64::MAX], 1..40),
            trades in prop::collection::vec(0i64..50_000, 40),
        ) {
            let (mut order, mut total) = (QueuePosition::behind(Quantity::new(start)), start);
            for (new, trade) in totals.into_iter().zip(trades) {
                let before = order;
                order.level(model, Quantity::new(total), Quantity::new(new), 1000);
                prop_assert!(order.front() >= Quantity::ZERO && order.front() <= Quantity::new(new));
                prop_assert!(order.estimate() <= before.estimate());
                order.trade(Quantity::new(trade));
                if !order.past(Quantity::new(1)).is_zero() || order.front().is_negative() {
                    order.reach_front();
                }
                total = new;
            }
        }
    }
}
