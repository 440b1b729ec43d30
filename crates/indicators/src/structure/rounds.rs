//! Round numbers as liquidity.

use super::{Edge, Liquidity, Taken, Watch};
use crate::error::{ParameterError, number};
use crate::persist::Persist;
use crate::{Ohlcv, admissible};

/// Watches the nearest round numbers above and below the close: prices of a few significant digits. With two of them, those around
/// 61 234 are 61 000 and 62 000, and those around 9.97 are 9.9 and 10.
///
/// A number is watched from the bar whose close it was the nearest to, and ends as other levels do: swept or run, once. It is
/// watched again only after another one was nearer. Turning prices upside down mirrors it, and multiplying them by a power of ten
/// changes no decision. Source: ICT (“big figures”, “institutional levels”); two digits are common practice. Known at the close.
#[derive(Debug, Clone)]
pub struct Rounds {
    digits: i32,
    /// Above and below.
    watches: [Watch; 2],
    /// A bar between these prices changes nothing.
    quiet: [f64; 2],
}

/// No bar is quiet, and every bar is.
const LOUD: [f64; 2] = [f64::INFINITY, f64::NEG_INFINITY];
const ALWAYS: [f64; 2] = [f64::NEG_INFINITY, f64::INFINITY];

/// The furthest powers of ten at which numbers are called round.
const FURTHEST: i32 = 22;

impl Persist for Rounds {
    fn save(&self, put: &mut dyn FnMut(f64)) {
        self.watches.save(put);
    }

    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
        self.watches.load(take)?;
        self.quiet = if self.digits == 0 { ALWAYS } else { LOUD };
        Some(())
    }
}

impl Rounds {
    /// Prices of `digits` significant digits; 0 watches nothing.
    ///
    /// # Errors
    /// [`ParameterError::Number`] if `digits` is not in `0..=6`.
    pub fn new(digits: usize) -> Result<Self, ParameterError> {
        number("rounds", "digits", digits as f64, 0.0, 6.0)?;
        let watches = [Watch::new(Edge::High), Watch::new(Edge::Low)];
        Ok(Self { digits: digits as i32, watches, quiet: if digits == 0 { ALWAYS } else { LOUD } })
    }

    /// Takes a bar and its number; tells of each round number that price took.
    pub fn update(&mut self, number: usize, bar: &Ohlcv, reclaim_bars: usize, tell: impl FnMut(Taken)) {
        if admissible(bar.high) && admissible(bar.low) && admissible(bar.close) {
            self.advance(number, bar, reclaim_bars, tell);
        }
    }

    /// [`Self::update`] for a bar whose prices are admissible.
    #[inline]
    pub(super) fn advance(
        &mut self,
        number: usize,
        bar: &Ohlcv,
        reclaim_bars: usize,
        mut tell: impl FnMut(Taken),
    ) {
        if (bar.low <= self.quiet[0]) | (bar.high >= self.quiet[1]) {
            self.follow(number, bar, reclaim_bars, &mut tell);
        }
    }

    #[inline(never)]
    fn follow(&mut self, number: usize, bar: &Ohlcv, reclaim_bars: usize, tell: &mut impl FnMut(Taken)) {
        for (watch, liquidity) in self.watches.iter_mut().zip([Liquidity::RoundHigh, Liquidity::RoundLow]) {
            if let Some((fate, extreme)) = watch.update(bar, reclaim_bars) {
                let (level, bar) = (watch.level(), watch.bar());
                tell(Taken { liquidity, fate, level, extreme, bar, known_at: number });
            }
        }
        let Some(beside) = around(bar.close, self.digits) else {
            self.quiet = LOUD;
            return;
        };
        for (watch, level) in self.watches.iter_mut().zip(beside) {
            // One that was taken stays so until another one is nearer.
            if !watch.is_pending() && watch.level() != level {
                watch.set(level, number);
            }
        }
        let [above, below] = beside;
        let is_pending = self.watches.iter().any(Watch::is_pending);
        // A close on a round number lies between two others, and the next one beside it.
        let is_between = around(below, self.digits).is_some_and(|[next, _]| next == above);
        self.quiet = if is_pending || !is_between { LOUD } else { [below, above] };
    }

    /// The watch of a side.
    #[inline]
    #[must_use]
    pub fn watch(&self, edge: Edge) -> &Watch {
        match edge {
            Edge::High => &self.watches[0],
            Edge::Low => &self.watches[1],
        }
    }

    /// The nearest round number of a side, whether it was taken or not; `None` before the first bar, and where none is watched.
    #[must_use]
    pub fn nearest(&self, edge: Edge) -> Option<f64> {
        // No round number is zero, which has no significant digits.
        Some(self.watch(edge).level()).filter(|level| *level != 0.0)
    }
}

/// The round numbers next above and next below a price; `None` for zero and for prices too far from one.
fn around(price: f64, digits: i32) -> Option<[f64; 2]> {
    let size = price.abs();
    let [further, nearer] = beside(size, digits)?;
    Some(if price > 0.0 { [further, nearer] } else { [-nearer, -further] })
}

/// The next larger and the next smaller round number of a size.
fn beside(size: f64, digits: i32) -> Option<[f64; 2]> {
    let decade = decade(size)?;
    let exponent = decade + 1 - digits;
    // As many units as `digits` digits say, from the least such number to before the least of the next decade.
    let units = if exponent >= 0 { size / ten(exponent) } else { size * ten(-exponent) };
    let larger = round(units.floor() + 1.0, exponent);
    let smaller = if units <= ten(digits - 1) {
        // Below a power of ten the next digit counts.
        round(ten(digits) - 1.0, exponent - 1)
    } else {
        round(units.ceil() - 1.0, exponent)
    };
    Some([larger, smaller])
}

/// The power of ten at or below a size.
fn decade(size: f64) -> Option<i32> {
    let about = libm::log10(size).floor();
    if size == 0.0 || about.abs() >= f64::from(FURTHEST - 8) {
        return None;
    }
    // The logarithm may miss a power of ten by one.
    let mut decade = about as i32;
    if round(1.0, decade) > size {
        decade -= 1;
    } else if round(1.0, decade + 1) <= size {
        decade += 1;
    }
    Some(decade)
}

/// So many units of a power of ten, correctly rounded: the number that a price of these digits is read as.
fn round(units: f64, exponent: i32) -> f64 {
    if exponent >= 0 { units * ten(exponent) } else { units / ten(-exponent) }
}

/// Ten to a power from 0 to [`FURTHEST`], exactly.
fn ten(power: i32) -> f64 {
    (0..power.min(FURTHEST)).fold(1.0, |product, _| product * 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure::Fate;
    use proptest::prelude::*;

    #[test]
    fn round_numbers_lie_beside_a_price() {
        for (price, digits, want) in [
            (61_234.5, 2, [62_000.0, 61_000.0]),
            (61_000.0, 2, [62_000.0, 60_000.0]),
            (9.97, 2, [10.0, 9.9]),
            (10.0, 2, [11.0, 9.9]),
            (99_950.0, 2, [100_000.0, 99_000.0]),
            (100_000.0, 1, [200_000.0, 90_000.0]),
            (0.001_23, 2, [0.0013, 0.0012]),
            (1.0, 1, [2.0, 0.9]),
            (61_234.5, 3, [61_300.0, 61_200.0]),
            (-61_234.5, 2, [-61_000.0, -62_000.0]),
        ] {
            assert_eq!(around(price, digits), Some(want), "{price}");
        }
        for none in [0.0, 1e-30, 1e30] {
            assert_eq!(around(none, 2), None, "{none}");
        }
    }

    fn bar(low: f64, high: f64, close: f64) -> Ohlcv {
        Ohlcv { open: close, high, low, close, ..Ohlcv::default() }
    }

    #[test]
    fn a_round_number_is_swept_once_and_watched_again_after_another() {
        let mut rounds = Rounds::new(2).unwrap();
        let mut told = Vec::new();
        for (number, bar) in [
            bar(61_400.0, 61_600.0, 61_500.0),
            bar(61_500.0, 62_010.0, 61_900.0),
            bar(61_500.0, 62_020.0, 61_800.0),
            bar(60_900.0, 61_900.0, 60_950.0),
            bar(60_900.0, 61_050.0, 60_990.0),
            bar(60_900.0, 62_500.0, 62_400.0),
        ]
        .iter()
        .enumerate()
        {
            rounds.update(number, bar, 0, |taken| {
                told.push((number, taken.liquidity.name(), taken.fate, taken.level, taken.bar));
            });
        }
        assert_eq!(
            told,
            [
                (1, "round_high", Fate::Swept, 62_000.0, 0),
                (3, "round_low", Fate::Run, 61_000.0, 0),
                (4, "round_high", Fate::Swept, 61_000.0, 3),
                // 61 000 was swept and is still the nearest.
            ]
        );
        assert_eq!([rounds.nearest(Edge::High), rounds.nearest(Edge::Low)], [Some(63_000.0), Some(62_000.0)]);
        assert!(Rounds::new(7).is_err());
    }

    proptest! {
        #[test]
        fn they_enclose_the_price_and_have_few_digits(cents in 1i64..10_000_000, digits in 1usize..=4) {
            let price = cents as f64 / 100.0;
            let [above, below] = around(price, digits as i32).unwrap();
            prop_assert!(below < price && price < above);
            for number in [above, below] {
                let text = format!("{number:e}");
                let mantissa = text.split('e').next().unwrap().replace('.', "");
                prop_assert!(mantissa.len() <= digits, "{number}");
            }
            // Nothing as round lies between but the price itself.
            prop_assert!(around(below, digits as i32).unwrap()[0] >= price.min(above));
        }
    }
}
