//! The formulas of margin and liquidation, as the exchanges publish them: pure functions of a position, a tier and a price.
//!
//! Every liquidation price of a linear contract comes out of one inequality. With `v` the value of the position at the mark
//! price, a position that was entered for `V` and stands on margin `M` is liquidated
//!
//! - long, when `v · (1 − k) + d ≤ B`,
//! - short, when `v · (1 + k) − d ≥ B`,
//!
//! where `B` is the value at which the margin is gone (the *bankruptcy value*), `k` the maintenance rate of the tier that `v`
//! lies in and `d` the tier's deduction. What `B`, `k` and `d` are is the dialect of the exchange, [`MarginRules`]. All of it
//! is whole numbers: a mark price liquidates if and only if it is at or beyond [`Threshold::price`], to the last digit.

use crate::account::Holding;
use model::{Exchange, Instrument, MarginTier, Side};
use units::{Amount, Price, Rate, Rounding, mul_div};

/// How an exchange works margin out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MarginRules {
    /// Bybit since July 2025: maintenance margin on the value at mark, and the fee of a close at the bankruptcy price set
    /// aside in both margins.
    ///
    /// Source: Bybit help centre, "Liquidation Price Calculation under Isolated Mode (Unified Trading Account)" (updated
    /// 2026-05-27) and "Initial Margin / Maintenance Margin (USDT Contract)".
    Bybit,
    /// Bybit until then: the same, with the maintenance margin on the value at entry.
    ///
    /// Source: Bybit help centre, "Liquidation Price (USDT Contract)" in its version for the standard account.
    BybitAtEntry,
    /// Binance USDⓈ-M: maintenance margin on the value at mark; no fee is set aside.
    ///
    /// Source: Binance FAQ, "How to Calculate Liquidation Price of USDⓈ-M Futures Contracts".
    Binance,
}

impl MarginRules {
    /// The dialect of an exchange.
    #[must_use]
    pub const fn of(exchange: Exchange) -> Self {
        match exchange {
            Exchange::Bybit | Exchange::Synthetic => Self::Bybit,
            Exchange::Binance => Self::Binance,
        }
    }

    /// Whether the fee of closing is set aside within the margins.
    #[must_use]
    pub const fn reserves_closing_fee(self) -> bool {
        matches!(self, Self::Bybit | Self::BybitAtEntry)
    }

    /// Whether the maintenance margin looks at the value at entry.
    #[must_use]
    pub const fn is_at_entry(self) -> bool {
        matches!(self, Self::BybitAtEntry)
    }

    /// What a forced order costs beyond the taker's fee, as a fraction of the value it closes.
    ///
    /// Binance charges `liquidationFee` of `exchangeInfo`, 1.25 % for most contracts and less for a few; Bybit charges the
    /// taker's fee alone.
    #[must_use]
    pub const fn liquidation_fee(self) -> Rate {
        match self {
            Self::Bybit | Self::BybitAtEntry => Rate::ZERO,
            Self::Binance => Rate::from_units(12_500_000),
        }
    }

    /// The fee of closing at the bankruptcy price as a fraction of the value: `taker · (1 ∓ 1/leverage)`, less for a long
    /// position and more for a short one. Rounded up to 10⁻⁹; zero where the exchange does not set it aside.
    #[must_use]
    pub fn closing_rate(self, side: Side, leverage: Rate, taker: Rate) -> Rate {
        if !self.reserves_closing_fee() || taker <= Rate::ZERO {
            return Rate::ZERO;
        }
        let (one, leverage) = (i128::from(Rate::ONE.units()), i128::from(leverage.units()));
        let share = if side == Side::Buy { leverage - one } else { leverage + one };
        let rate = mul_div(taker.units().into(), share, leverage, Rounding::Up).unwrap_or(one);
        Rate::from_units(saturate(rate))
    }

    /// What is set aside for an isolated position that was entered for `value`: initial margin and, where the exchange
    /// does so, the fee of closing at the rate `closing`. Rounded up.
    #[inline]
    #[must_use]
    pub fn position_margin(value: Amount, leverage: Rate, closing: Rate) -> Amount {
        let margin = initial_margin(value, leverage);
        if closing == Rate::ZERO { margin } else { margin + value.times_rate(closing, Rounding::Up) }
    }

    /// The value at which `margin` is gone, the fee of closing included where it is set aside:
    /// `(V ∓ M) / (1 ∓ taker)` or `V ∓ M`. Rounded so that closing there never costs more than the margin.
    #[inline]
    #[must_use]
    pub fn bankruptcy_value(self, side: Side, entry_value: Amount, margin: Amount, taker: Rate) -> Amount {
        let one = Rate::ONE.units();
        let (rest, divisor, rounding) = match side {
            Side::Buy => (entry_value - margin, one - taker.units(), Rounding::Ceil),
            Side::Sell => (entry_value + margin, one + taker.units(), Rounding::Floor),
        };
        if self.reserves_closing_fee() && divisor > 0 {
            rest.mul_div(one.into(), divisor.into(), rounding)
        } else {
            rest
        }
    }

    /// The maintenance margin of a position: `value · rate − deduction` of its tier, and the fee of closing at the rate
    /// `closing`. `value` is the value at mark; rules that look at the entry take the entry value in its stead. Rounded up.
    #[must_use]
    pub fn maintenance(
        self,
        instrument: &Instrument,
        holding: &Holding,
        value: Amount,
        closing: Rate,
    ) -> Amount {
        let basis = if self == Self::BybitAtEntry { holding.entry_value } else { value };
        tier_margin(instrument.tier(basis), basis, closing)
    }

    /// When an isolated position that stands on `margin` is liquidated.
    #[must_use]
    pub fn isolated(
        self,
        instrument: &Instrument,
        holding: &Holding,
        margin: Amount,
        taker: Rate,
    ) -> Threshold {
        let base = self.bankruptcy_value(holding.side, holding.entry_value, margin, taker);
        let fixed = self.fixed_maintenance(instrument, holding, Rate::ZERO);
        Threshold { side: holding.side, base, fixed, closing: Rate::ZERO }
    }

    /// When a position of a shared balance is liquidated: `margin` is the balance with the profit of the other positions,
    /// less their maintenance margins; `closing` the rate of its own fee of closing.
    #[must_use]
    pub fn cross(
        self,
        instrument: &Instrument,
        holding: &Holding,
        margin: Amount,
        closing: Rate,
    ) -> Threshold {
        let base = match holding.side {
            Side::Buy => holding.entry_value - margin,
            Side::Sell => holding.entry_value + margin,
        };
        let fixed = self.fixed_maintenance(instrument, holding, closing);
        Threshold { side: holding.side, base, fixed, closing }
    }

    /// The maintenance margin where it does not move with the mark price.
    fn fixed_maintenance(self, instrument: &Instrument, holding: &Holding, closing: Rate) -> Option<Amount> {
        let value = holding.entry_value;
        (self == Self::BybitAtEntry).then(|| tier_margin(instrument.tier(value), value, closing))
    }
}

/// The margin that a value needs at a leverage: `value / leverage`, rounded up.
#[inline]
#[must_use]
pub fn initial_margin(value: Amount, leverage: Rate) -> Amount {
    if leverage == Rate::ONE { value } else { by_leverage(value, leverage) }
}

#[inline(never)]
fn by_leverage(value: Amount, leverage: Rate) -> Amount {
    value.mul_div(Rate::ONE.units().into(), leverage.units().into(), Rounding::Up)
}

/// `value · (rate + closing) − deduction` of a tier; rounded up.
fn tier_margin(tier: &MarginTier, value: Amount, closing: Rate) -> Amount {
    let rate = Rate::from_units(tier.maintenance_rate.units() + closing.units());
    value.times_rate(rate, Rounding::Ceil) - tier.deduction
}

/// Where a position is liquidated: see the head of this file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threshold {
    side: Side,
    /// The bankruptcy value.
    base: Amount,
    /// A maintenance margin that does not move with the mark price.
    fixed: Option<Amount>,
    /// What the fee of closing adds to the maintenance rate.
    closing: Rate,
}

impl Threshold {
    /// Whether a position of this value at mark is liquidated.
    #[must_use]
    pub fn is_crossed(&self, instrument: &Instrument, value: Amount) -> bool {
        self.is_crossed_in(instrument.tier(value), value)
    }

    /// The first price, coming from where the position is safe, at which it is liquidated: the highest for a long
    /// position, the lowest for a short one. `None` where no price above zero liquidates, or none that a price can hold.
    ///
    /// It lies in the tier of the value that the position has there, not in that of its value at entry. Where a table of
    /// tiers has no deductions its margin jumps between tiers; the price is then the first one that liquidates.
    #[must_use]
    pub fn price(&self, instrument: &Instrument, holding: &Holding) -> Option<Price> {
        let per_price = i128::from(holding.size.mantissa()).checked_mul(instrument.amount_per_step())?;
        if per_price <= 0 {
            return None;
        }
        let tiers = &instrument.margin_tiers;
        match self.side {
            _ if self.fixed.is_some() => self.within(&tiers[0], per_price),
            Side::Buy => self.highest(tiers, per_price),
            Side::Sell => self.lowest(tiers, per_price),
        }
        .filter(|price| price.is_positive())
    }

    /// From the top tier down: the first that liquidates at its lower end holds the price.
    fn highest(&self, tiers: &[MarginTier], per_price: i128) -> Option<Price> {
        let last = tiers.len() - 1;
        for (i, tier) in tiers.iter().enumerate().rev() {
            // The lowest value of the tier that a price can give.
            let start = if i == 0 { 1 } else { tiers[i - 1].notional_limit.units() / per_price + 1 };
            let Some(start_value) = start.checked_mul(per_price).map(Amount::from_units) else { continue };
            if self.is_crossed_in(tier, start_value) {
                let price = self.within(tier, per_price)?;
                let end = Price::new(saturate(tier.notional_limit.units() / per_price));
                return Some(if i < last { price.min(end) } else { price });
            }
        }
        None
    }

    /// From the bottom tier up: the first that liquidates at its upper end holds the price.
    fn lowest(&self, tiers: &[MarginTier], per_price: i128) -> Option<Price> {
        for (i, tier) in tiers.iter().enumerate() {
            let end = Amount::from_units(tier.notional_limit.units() / per_price * per_price);
            if i + 1 == tiers.len() || self.is_crossed_in(tier, end) {
                let price = self.within(tier, per_price)?;
                let start =
                    if i == 0 { 1 } else { saturate(tiers[i - 1].notional_limit.units() / per_price + 1) };
                return Some(price.max(Price::new(start)));
            }
        }
        None
    }

    fn is_crossed_in(&self, tier: &MarginTier, value: Amount) -> bool {
        let (rate, bound) = self.rate_and_bound(tier);
        // Rounded so that comparing whole numbers decides as comparing fractions would.
        match self.side {
            Side::Buy => value.times_rate(rate, Rounding::Ceil) <= bound,
            Side::Sell => value.times_rate(rate, Rounding::Floor) >= bound,
        }
    }

    /// The price at which the inequality of one tier turns.
    fn within(&self, tier: &MarginTier, per_price: i128) -> Option<Price> {
        let (rate, bound) = self.rate_and_bound(tier);
        if rate <= Rate::ZERO {
            return None;
        }
        // Dividing twice by whole numbers in one direction of rounding is dividing once by their product.
        let rounding = if self.side == Side::Buy { Rounding::Floor } else { Rounding::Ceil };
        let value = mul_div(bound.units(), Rate::ONE.units().into(), rate.units().into(), rounding)?;
        let price = mul_div(value, 1, per_price, rounding)?;
        i64::try_from(price).ok().map(Price::new)
    }

    /// `1 ∓ k` and `B ∓ d`: the value times the first reaches the second.
    fn rate_and_bound(&self, tier: &MarginTier) -> (Rate, Amount) {
        let one = Rate::ONE.units();
        let (k, d) = match self.fixed {
            Some(margin) => (0, -margin),
            None => (tier.maintenance_rate.units() + self.closing.units(), tier.deduction),
        };
        match self.side {
            Side::Buy => (Rate::from_units(one - k), self.base - d),
            Side::Sell => (Rate::from_units(one + k), self.base + d),
        }
    }
}

fn saturate(price: i128) -> i64 {
    i64::try_from(price).unwrap_or(i64::MAX)
}

/// The price of a bankruptcy value at which a position is taken over: a multiple of the tick, rounded in favour of the
/// position so that it never loses more than its margin, and at least one tick.
#[must_use]
pub fn bankruptcy_price(instrument: &Instrument, holding: &Holding, value: Amount) -> Price {
    let per_price = i128::from(holding.size.mantissa()).saturating_mul(instrument.amount_per_step()).max(1);
    let tick = instrument.tick_size;
    let ticks = per_price.saturating_mul(tick.mantissa().into());
    let rounding = if holding.side == Side::Buy { Rounding::Ceil } else { Rounding::Floor };
    let count = mul_div(value.units(), 1, ticks, rounding).unwrap_or(i128::MAX);
    // Half of the range of a price is far beyond any market and leaves room for what is added to it.
    let most = i128::from(i64::MAX / 2 / tick.mantissa());
    Price::new(saturate(count.clamp(1, most)) * tick.mantissa())
}
