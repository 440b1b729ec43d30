//! What an order that takes loses against the price it is filled at: slippage, and the impact of its own size.
//!
//! Where the recorded market does not show what an order would have met (candles, quotes), its cost is a model. Every model gives
//! a number of ticks or a fraction of the price; [`Slippage::worsened`] applies it, rounded to the tick away from the trader.

use model::{Instrument, Side};
use std::fmt;
use units::{Price, Quantity, Rate};

/// What market, stop and target orders lose. `Q` is the quantity of the order and `V` the volume it trades into: that of the candle
/// that fills it, or what the touch shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Slippage {
    /// Whole ticks, whatever the size: half a spread, say.
    Ticks(u32),
    /// A fraction of the price, rounded to the tick away from the trader, whatever the size.
    Fraction(Rate),
    /// `coefficient · volatility · √(Q / V)`: the square-root law. A coefficient near one fits most markets.
    ///
    /// Sources: Almgren, Thum, Hauptmann, Li, "Direct Estimation of Equity Market Impact" (2005); Tóth et al., "Anomalous price
    /// impact and the critical nature of liquidity" (2011).
    SquareRoot {
        /// The dimensionless factor `Y`.
        coefficient: Rate,
        /// Volatility of returns over the period of `V`, as a fraction.
        volatility: Rate,
    },
    /// `coefficient · Q / V`: linear in the participation.
    ///
    /// Source: Kyle, "Continuous Auctions and Insider Trading" (1985): impact is linear in order flow.
    Linear {
        /// The fraction of the price that trading the whole volume would move.
        coefficient: Rate,
    },
    /// `coefficient · (Q / V)²`: gentle for small orders.
    ///
    /// Source: zipline, `VolumeShareSlippage` (`price_impact`, 0.1 there).
    Quadratic {
        /// The fraction of the price that trading the whole volume would move.
        coefficient: Rate,
    },
}

impl Slippage {
    /// None at all.
    pub const NONE: Self = Self::Ticks(0);

    /// The fraction of the price that an order of `quantity` loses in a market that trades `volume`; rounded up. In a market
    /// that trades nothing, the participation counts as whole. An order never loses more than the whole price.
    #[must_use]
    pub fn fraction(self, quantity: Quantity, volume: Quantity) -> Rate {
        let one = i128::from(Rate::ONE.units());
        let participation = participation(quantity, volume);
        let units = match self {
            Self::Ticks(_) => 0,
            Self::Fraction(rate) => rate.units().into(),
            Self::SquareRoot { coefficient, volatility } => {
                let root = ceil_sqrt(participation * one as u128) as i128;
                let scale = ceil_div(i128::from(coefficient.units()) * i128::from(volatility.units()), one);
                ceil_div(scale.min(MOST) * root, one)
            }
            Self::Linear { coefficient } => {
                ceil_div(i128::from(coefficient.units()) * participation as i128, one)
            }
            Self::Quadratic { coefficient } => {
                let square = ceil_div((participation * participation) as i128, one);
                ceil_div(i128::from(coefficient.units()) * square, one)
            }
        };
        Rate::from_units(units.clamp(0, one) as i64)
    }

    /// The price that an order of `quantity` gets instead of `price`: higher for a buyer, lower for a seller, never below one tick.
    #[inline]
    #[must_use]
    pub fn worsened(
        self,
        instrument: &Instrument,
        side: Side,
        price: Price,
        quantity: Quantity,
        volume: Quantity,
    ) -> Price {
        match self {
            Self::Ticks(0) => price,
            Self::Ticks(ticks) => {
                let by = instrument.tick_size.mantissa().saturating_mul(ticks.into());
                let moved = match side {
                    Side::Buy => price.mantissa().saturating_add(by),
                    Side::Sell => price.mantissa().saturating_sub(by),
                };
                Price::new(moved).max(instrument.tick_size)
            }
            _ => instrument.price_shifted(price, side, self.fraction(quantity, volume)),
        }
    }
}

impl fmt::Display for Slippage {
    /// In a few words, for the terms of a report.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ticks(0) => f.write_str("none"),
            Self::Ticks(ticks) => write!(f, "{ticks} ticks"),
            Self::Fraction(rate) => write!(f, "{} %", rate.percent()),
            Self::SquareRoot { coefficient, volatility } => {
                write!(f, "{coefficient} · {} % · √(Q/V)", volatility.percent())
            }
            Self::Linear { coefficient } => write!(f, "{} % · Q/V", coefficient.percent()),
            Self::Quadratic { coefficient } => write!(f, "{} % · (Q/V)²", coefficient.percent()),
        }
    }
}

/// The largest factor that is told apart from a larger one: a million times the price.
const MOST: i128 = 1_000_000_000_000_000;

/// `Q / V` in parts of 10⁹, rounded up, at most a thousand.
fn participation(quantity: Quantity, volume: Quantity) -> u128 {
    let one = u128::from(Rate::ONE.units().unsigned_abs());
    let (quantity, volume) = (u128::from(quantity.mantissa().unsigned_abs()), volume.mantissa());
    if volume <= 0 {
        return if quantity == 0 { 0 } else { one };
    }
    (quantity * one).div_ceil(u128::from(volume.unsigned_abs())).min(1000 * one)
}

/// The smallest whole number whose square is at least `n`.
fn ceil_sqrt(n: u128) -> u128 {
    let root = n.isqrt();
    if root * root == n { root } else { root + 1 }
}

/// `n / d`, rounded away from the trader: up.
fn ceil_div(n: i128, d: i128) -> i128 {
    n.div_euclid(d) + i128::from(n.rem_euclid(d) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rate(text: &str) -> Rate {
        Rate::parse(text).unwrap()
    }

    fn of(slippage: Slippage, quantity: i64, volume: i64) -> String {
        slippage.fraction(Quantity::new(quantity), Quantity::new(volume)).to_string()
    }

    #[test]
    fn each_model_follows_its_formula() {
        let root = Slippage::SquareRoot { coefficient: Rate::ONE, volatility: rate("0.02") };
        // 1 · 2 % · √(1 %) = 0.2 %.
        assert_eq!(of(root, 100, 10_000), "0.002");
        assert_eq!(of(root, 400, 10_000), "0.004", "four times the size, twice the impact");
        assert_eq!(of(Slippage::Linear { coefficient: rate("0.1") }, 100, 10_000), "0.001");
        assert_eq!(of(Slippage::Quadratic { coefficient: rate("0.1") }, 100, 10_000), "0.00001");
        assert_eq!(of(Slippage::Fraction(rate("0.0005")), 1, 0), "0.0005");
        assert_eq!(of(root, 1, 0), "0.02", "a market that trades nothing");
        assert_eq!(of(root, 0, 0), "0");
    }

    fn any_slippage() -> impl Strategy<Value = Slippage> {
        let rate = || prop_oneof![0i64..1_000_000_000, 0i64..=i64::MAX].prop_map(Rate::from_units);
        prop_oneof![
            (rate(), rate())
                .prop_map(|(coefficient, volatility)| Slippage::SquareRoot { coefficient, volatility }),
            rate().prop_map(|coefficient| Slippage::Linear { coefficient }),
            rate().prop_map(|coefficient| Slippage::Quadratic { coefficient }),
        ]
    }

    proptest! {
        /// More costs more, nothing costs more than everything, and no number breaks it.
        #[test]
        fn impact_grows_with_size(slippage in any_slippage(), a in 0i64..=i64::MAX, b in 0i64..=i64::MAX, volume in any::<i64>()) {
            let of = |q| slippage.fraction(Quantity::new(q), Quantity::new(volume));
            prop_assert!(of(a.min(b)) <= of(a.max(b)));
            prop_assert!((Rate::ZERO..=Rate::ONE).contains(&of(a)));
        }
    }
}
