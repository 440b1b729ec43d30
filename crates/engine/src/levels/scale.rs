//! Exact arithmetic of levels: where a multiple of the risk lies, what a distance costs, how a position is parted.
//!
//! A level is an [`Amount`]: quote currency per unit of base currency, to 18 places, so that averages, percentages and
//! multiples are not rounded before they become a price, and the price that was asked for can be told from the one that is
//! sent.

#![deny(clippy::float_arithmetic)]

use model::{Instrument, Side};
use units::{Amount, Price, Quantity, Rate, Rounding, mul_div, pow10};

/// The multiples of the tick and the units of one instrument.
#[derive(Clone, Copy)]
pub(crate) struct Scale<'a> {
    instrument: &'a Instrument,
    /// 10⁻¹⁸ of the quote currency in the smallest step of a price.
    per_price_step: i128,
}

impl<'a> Scale<'a> {
    pub(crate) fn new(instrument: &'a Instrument) -> Self {
        Self { instrument, per_price_step: pow10(18 - instrument.price_decimals) }
    }

    /// A price as a level.
    pub(crate) fn level(&self, price: Price) -> Amount {
        // At most 2⁶³ · 10¹⁸, which fits 127 bits.
        Amount::from_units(i128::from(price.mantissa()) * self.per_price_step)
    }

    /// The multiple of the tick next to a level, on the named side of it; `None` where there is no price.
    fn price(&self, level: Amount, rounding: Rounding) -> Option<Price> {
        let per_tick = i128::from(self.instrument.tick_size.mantissa()) * self.per_price_step;
        let ticks = mul_div(level.units(), 1, per_tick, rounding)?;
        let mantissa = i64::try_from(ticks).ok()?.checked_mul(self.instrument.tick_size.mantissa())?;
        (mantissa > 0).then_some(Price::new(mantissa))
    }

    /// The price of a stop for a position on `held`: rounded towards the entry, so that it never loses more than was asked
    /// for.
    pub(crate) fn stop(&self, held: Side, level: Amount) -> Option<Price> {
        self.price(level, if held == Side::Buy { Rounding::Ceil } else { Rounding::Floor })
    }

    /// The price of the first stop of a position entered at `entry`: at least one tick away from it.
    pub(crate) fn first_stop(&self, held: Side, level: Amount, entry: Price) -> Option<Price> {
        let tick = self.instrument.tick_size;
        let price = self.stop(held, level)?;
        let fits = match held {
            Side::Buy if price < entry => price,
            // The nearest multiple of the tick that is strictly on its side.
            Side::Buy => (entry - Price::new(1)).floor_to(tick),
            Side::Sell if price > entry => price,
            Side::Sell => Price::new(entry.mantissa().checked_add(tick.mantissa())?).floor_to(tick),
        };
        fits.is_positive().then_some(fits)
    }

    /// The price of a target for a position on `held`: rounded away from the entry, so that it never earns less than was
    /// asked for.
    pub(crate) fn target(&self, held: Side, level: Amount) -> Option<Price> {
        self.price(level, if held == Side::Buy { Rounding::Ceil } else { Rounding::Floor })
    }

    /// What a distance of `per_unit` comes to for a quantity; `None` when it does not fit.
    pub(crate) fn value(&self, per_unit: Amount, quantity: Quantity) -> Option<Amount> {
        let steps = i128::from(quantity.mantissa()).checked_mul(self.instrument.amount_per_step())?;
        mul_div(per_unit.units(), steps, self.per_price_step, Rounding::Up).map(Amount::from_units)
    }

    /// The average price of a quantity that cost `cost`, both above zero.
    pub(crate) fn average(&self, cost: Amount, quantity: Quantity) -> Option<Amount> {
        let steps = i128::from(quantity.mantissa()).checked_mul(self.instrument.amount_per_step())?;
        mul_div(cost.units(), self.per_price_step, steps, Rounding::Down).map(Amount::from_units)
    }

    /// The largest quantity that loses no more than `budget` when it is entered at `entry` and stopped `risk` away from it at
    /// `stop`, with the fee of both sides: `budget / (|entry − stop| + fee · (entry + stop))`, rounded down to the step.
    pub(crate) fn quantity_at_risk(
        &self,
        budget: Amount,
        (entry, stop): (Amount, Amount),
        fee: Rate,
    ) -> Option<Quantity> {
        let both = entry.checked_add(stop)?.units();
        let fees = mul_div(both, fee.units().into(), Rate::ONE.units().into(), Rounding::Up)?;
        let lost = (entry - stop).abs().units().checked_add(fees)?;
        let per_step = lost.checked_mul(self.instrument.amount_per_step())?;
        let mantissa = mul_div(budget.units().max(0), self.per_price_step, per_step, Rounding::Floor)?;
        let mantissa = i64::try_from(mantissa).unwrap_or(i64::MAX);
        Some(Quantity::new(mantissa).floor_to(self.instrument.quantity_step))
    }
}

/// The level `distance` from `from` in favour of a position on `held`; against it when the distance is negative.
pub(crate) fn beyond(held: Side, from: Amount, distance: Amount) -> Option<Amount> {
    from.checked_add(if held == Side::Buy { distance } else { -distance })
}

/// `amount · rate`, or `None` when it does not fit.
pub(crate) fn times(amount: Amount, rate: Rate, rounding: Rounding) -> Option<Amount> {
    mul_div(amount.units(), rate.units().into(), Rate::ONE.units().into(), rounding).map(Amount::from_units)
}

/// The level at which a position entered at `entry` comes out even after `fee` on both sides:
/// `entry · (1 + fee) / (1 − fee)` for a long one, `entry · (1 − fee) / (1 + fee)` for a short one.
pub(crate) fn break_even(held: Side, entry: Amount, fee: Rate) -> Option<Amount> {
    let one = i128::from(Rate::ONE.units());
    let (more, less) = (one + i128::from(fee.units()), one - i128::from(fee.units()));
    let (up, down, rounding) = match held {
        Side::Buy => (more, less, Rounding::Ceil),
        Side::Sell => (less, more, Rounding::Floor),
    };
    if up <= 0 || down <= 0 {
        return None;
    }
    mul_div(entry.units(), up, down, rounding).map(Amount::from_units)
}

/// `net` as a multiple of `risk`, rounded down towards a loss and held within what a rate can say.
pub(crate) fn multiple(net: Amount, risk: Amount) -> Rate {
    let one = i128::from(Rate::ONE.units());
    let units = mul_div(net.units(), one, risk.units(), Rounding::Floor).unwrap_or_default();
    Rate::from_units(i64::try_from(units).unwrap_or(if net.is_negative() { i64::MIN } else { i64::MAX }))
}

/// Parts `total` by `fractions`: each part is rounded down to the step, a part below the minimum goes to the next one, and
/// what is left at the end goes to the last part where the fractions are the whole, and stays over otherwise. What stays over
/// is never too small to be closed by itself, unless nothing was parted at all.
pub(crate) fn part(total: Quantity, fractions: &[Rate], instrument: &Instrument, parts: &mut Vec<Quantity>) {
    let one = i128::from(Rate::ONE.units());
    let (step, least) = (instrument.quantity_step, instrument.min_quantity);
    let share = |fraction: Rate| {
        // Not above `total`, which fits, because no fraction is above one.
        let units = i128::from(total.mantissa()) * i128::from(fraction.units()) / one;
        Quantity::new(i64::try_from(units).unwrap_or(i64::MAX)).floor_to(step)
    };
    let is_whole = fractions.iter().map(|f| i128::from(f.units())).sum::<i128>() >= one;
    parts.clear();
    let (mut left, mut carried) = (total, Quantity::ZERO);
    for (i, fraction) in fractions.iter().enumerate() {
        let is_last = i + 1 == fractions.len();
        let asked = if is_last && is_whole { left } else { (share(*fraction) + carried).min(left) };
        let taken = if asked < least { Quantity::ZERO } else { asked };
        carried = asked - taken;
        left -= taken;
        parts.push(taken);
    }
    // A rest that could not be closed by itself goes with the last part that there is.
    if (left < least || is_whole)
        && let Some(last) = parts.iter_mut().rev().find(|p| p.is_positive())
    {
        *last += left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::levels::testing::instrument;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn amount(text: &str) -> Amount {
        Amount::parse(text).unwrap()
    }

    fn rate(text: &str) -> Rate {
        Rate::parse(text).unwrap()
    }

    fn quantity(text: &str) -> Quantity {
        Quantity::parse(text, 4).unwrap()
    }

    fn price(text: &str) -> Price {
        Price::parse(text, 2).unwrap()
    }

    /// risk_and_portfolio 7.1: 1 % of 10 000 between 60 000 and 58 800.
    #[test]
    fn fixed_fractional_sizes() {
        let fine = crate::levels::testing::fine_instrument();
        let size = |fee: &str| {
            let levels = (amount("60000"), amount("58800"));
            Scale::new(&fine).quantity_at_risk(amount("100"), levels, rate(fee)).unwrap()
        };
        assert_eq!(size("0").decimal(9).to_string(), "0.083333333");
        assert_eq!(size("0.00055").decimal(9).to_string(), "0.079030142");
        let coarse = instrument();
        let levels = (amount("60000"), amount("58800"));
        assert_eq!(
            Scale::new(&coarse).quantity_at_risk(amount("100"), levels, Rate::ZERO),
            Some(quantity("0.083"))
        );
        assert_eq!(
            Scale::new(&coarse).quantity_at_risk(amount("-1"), levels, Rate::ZERO),
            Some(Quantity::ZERO)
        );
        let huge = Amount::from_units(i128::MAX / 2);
        assert_eq!(Scale::new(&coarse).quantity_at_risk(huge, (huge, amount("1")), Rate::ZERO), None);
    }

    /// 3: the price that is sent is a multiple of the tick, on the safe side of the one that was asked for.
    #[test]
    fn prices_are_rounded_to_safety() {
        let i = instrument();
        let scale = Scale::new(&i);
        assert_eq!(scale.stop(Side::Buy, amount("97.012")), Some(price("97.1")));
        assert_eq!(scale.stop(Side::Sell, amount("103.088")), Some(price("103")));
        assert_eq!(scale.target(Side::Buy, amount("106.01")), Some(price("106.1")));
        assert_eq!(scale.target(Side::Sell, amount("93.99")), Some(price("93.9")));
        assert_eq!(scale.target(Side::Sell, amount("-5")), None);
        assert_eq!(scale.target(Side::Buy, Amount::from_units(i128::MAX)), None);
        assert_eq!(scale.first_stop(Side::Buy, amount("99.99"), price("100")), Some(price("99.9")));
        assert_eq!(scale.first_stop(Side::Buy, amount("99.99"), price("100.05")), Some(price("100")));
        assert_eq!(scale.first_stop(Side::Sell, amount("100.01"), price("100")), Some(price("100.1")));
        assert_eq!(scale.first_stop(Side::Sell, amount("100.06"), price("100.05")), Some(price("100.1")));
        assert_eq!(scale.first_stop(Side::Buy, amount("0.05"), price("0.1")), None);
        assert_eq!(scale.level(price("97.1")), amount("97.1"));
    }

    #[test]
    fn risk_and_averages_are_exact() {
        let i = instrument();
        let scale = Scale::new(&i);
        assert_eq!(scale.value(amount("3"), quantity("1.5")), Some(amount("4.5")));
        assert_eq!(scale.average(amount("300"), quantity("3")), Some(amount("100")));
        assert_eq!(scale.average(amount("100"), quantity("3")), Some(amount("33.333333333333333333")));
        assert_eq!(multiple(amount("4.5"), amount("3")), rate("1.5"));
        assert_eq!(multiple(amount("-3.1"), amount("3")), rate("-1.033333334"));
        assert_eq!(beyond(Side::Sell, amount("100"), amount("3")), Some(amount("97")));
    }

    #[test]
    fn break_even_pays_both_fees() {
        let even = break_even(Side::Buy, amount("100"), rate("0.001")).unwrap();
        assert_eq!(even, amount("100.200200200200200201"));
        let sold = even - times(even, rate("0.001"), Rounding::Up).unwrap();
        assert!(sold >= amount("100.1"), "{sold}");
        assert_eq!(break_even(Side::Buy, amount("100"), Rate::ZERO), Some(amount("100")));
        assert_eq!(
            break_even(Side::Sell, amount("100"), rate("0.001")),
            Some(amount("99.800199800199800199"))
        );
        assert_eq!(break_even(Side::Sell, amount("100"), Rate::ONE), None);
    }

    fn parted(total: &str, fractions: &[&str]) -> String {
        let fractions: Vec<Rate> = fractions.iter().map(|f| rate(f)).collect();
        let mut parts = Vec::new();
        part(quantity(total), &fractions, &instrument(), &mut parts);
        parts.iter().map(|p| p.decimal(4).normalized().to_string()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn positions_are_parted() {
        assert_eq!(parted("1", &["0.5", "0.3"]), "0.5 0.3");
        assert_eq!(parted("1", &["0.333333333", "0.333333333", "0.333333334"]), "0.333 0.333 0.334");
        assert_eq!(parted("0.009", &["0.25", "0.25", "0.25", "0.25"]), "0.002 0.002 0.002 0.003");
        // Parts below the minimum of 0.002 go to the next.
        assert_eq!(parted("0.004", &["0.25", "0.25", "0.5"]), "0 0.002 0.002");
        assert_eq!(parted("0.003", &["0.5", "0.5"]), "0 0.003");
        assert_eq!(parted("0.005", &["0.8", "0.2"]), "0.005 0");
        // A rest below the minimum goes with the last part.
        assert_eq!(parted("0.004", &["0.75"]), "0.004");
        // So little that only a stop can close it.
        assert_eq!(parted("0.001", &["0.5", "0.5"]), "0 0");
        assert_eq!(parted("0.003", &["0.5"]), "0");
        assert_eq!(parted("1", &[]), "");
    }

    proptest! {
        #[test]
        fn parts_add_up_to_no_more_than_there_is(total in 1i64..100_000, shares in vec(1i64..1_000, 1..8), more in 0i64..2_000) {
            let sum: i64 = shares.iter().sum::<i64>() + more;
            let fractions: Vec<Rate> = shares.iter().map(|s| Rate::from_units(s * 1_000_000_000 / sum)).collect();
            let i = instrument();
            let total = Quantity::new(total * 10);
            let mut parts = Vec::new();
            part(total, &fractions, &i, &mut parts);
            let taken: i64 = parts.iter().map(|p| p.mantissa()).sum();
            prop_assert!(taken <= total.mantissa());
            for p in &parts {
                prop_assert!(p.is_zero() || (*p >= i.min_quantity && p.is_multiple_of(i.quantity_step)));
            }
            let left = total.mantissa() - taken;
            prop_assert!(taken == 0 || left == 0 || left >= i.min_quantity.mantissa(), "{left} cannot be closed");
        }

        #[test]
        fn a_size_at_risk_loses_no_more_than_the_budget(budget in 1i64..1_000_000, entry in 10i64..100_000, away in 1i64..5_000, fee in 0i64..2_000_000) {
            let i = instrument();
            let scale = Scale::new(&i);
            let stop = (entry - away).max(1);
            let (entry, stop) = (Price::new(entry * 10), Price::new(stop * 10));
            prop_assume!(stop < entry);
            let (budget, fee) = (Amount::from_units(i128::from(budget) * pow10(16)), Rate::from_units(fee));
            let levels = (scale.level(entry), scale.level(stop));
            let q = scale.quantity_at_risk(budget, levels, fee).unwrap();
            let lost = |q: Quantity| i.notional(entry, q) - i.notional(stop, q)
                + i.notional_share(entry, q, fee, Rounding::Down) + i.notional_share(stop, q, fee, Rounding::Down);
            prop_assert!(lost(q) <= budget);
            // One step more would lose more, but for what the fees were rounded by.
            prop_assert!(lost(q + i.quantity_step) + Amount::from_units(4) > budget);
        }
    }
}
