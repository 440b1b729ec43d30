//! The samples of a run of candles during which nothing but one price moves. Each comes to what
//! [`Engine::sample`](crate::Engine) would come to.

use super::Guard;
use model::Bar;
use units::{Span, Timestamp};

/// How many candles lie between two samples, where both lie on one grid; worked out once for each length of candles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Stride {
    length: i64,
    candles: usize,
}

impl Stride {
    #[inline(always)]
    fn of(&mut self, step: i64, length: i64) -> usize {
        if self.length != length {
            *self = Self { length, candles: usize::try_from(step / length).unwrap_or(0).max(1) };
        }
        self.candles
    }
}

impl Guard {
    /// Takes the samples that fall due in a run as long as nothing follows from them, they lie on the grid of the candles, and one
    /// limit is the closest of all. Returns whether those were all of the run's. The equity is as for [`Guard::sample_calmly`], which
    /// goes on where this ends.
    #[inline(always)]
    pub(crate) fn pass_samples(&mut self, worth: (f64, f64), bars: &[Bar], span: Span) -> bool {
        let (Some(first), Some(last)) = (bars.first(), bars.last()) else { return false };
        let Some(mut calm) = self.account.calm() else { return false };
        let (step, length) = (self.settings.account.sample.nanos().max(1), span.nanos());
        let stride = self.stride.of(step, length);
        let due = self.sample_due.nanos().saturating_sub(length);
        let ahead = (due, place_of(due, first, length));
        let (opens, _) = walk(bars, ahead, (step, stride), worth, |equity| calm.pass(equity));
        self.account.note_passed(calm);
        self.sample_due = Timestamp::from_nanos(opens.saturating_add(length));
        last.open_time.nanos() < opens
    }

    /// Takes the samples that fall due in a run and from which nothing follows, while the equity is `cash + price · per_price` for
    /// the price mantissa of a close. Returns how many candles may go by; the one behind them, if there is one, is due and to be
    /// looked at closely. `earliest` is when the first candle can be known, and lies before the next sample.
    #[inline(always)]
    pub(crate) fn sample_calmly(
        &mut self,
        (cash, per_price): (f64, f64),
        bars: &[Bar],
        earliest: Timestamp,
        span: Span,
    ) -> usize {
        let Some(last) = bars.last() else { return 0 };
        let (step, length) = (self.settings.account.sample.nanos().max(1), span.nanos());
        let stride = self.stride.of(step, length);
        let mut opens = self.sample_due.nanos().saturating_sub(length);
        let mut likely = place_of(opens, &bars[0], length);
        let mut passed = 0;
        let found = loop {
            let (from, account) = (likely, &mut self.account);
            (opens, likely) =
                walk(bars, (opens, likely), (step, stride), (cash, per_price), |equity| account.pass(equity));
            if likely > from {
                passed = likely - stride + 1;
            }
            if last.open_time.nanos() < opens {
                break bars.len();
            }
            passed += bars_before(&bars[passed..], Timestamp::from_nanos(opens), span);
            let Some(bar) = bars.get(passed) else { break passed };
            if !self.account.pass(cash + bar.close.mantissa() as f64 * per_price) {
                break passed;
            }
            let due = Timestamp::from_nanos(opens.saturating_add(length));
            let following =
                next_sample(due, (bar.open_time + span).max(earliest), self.settings.account.sample);
            opens = following.nanos().saturating_sub(length);
            passed += 1;
            likely = passed + stride - 1;
        };
        self.sample_due = Timestamp::from_nanos(opens.saturating_add(length));
        found
    }

    /// How many candles close before the next sample falls due.
    #[inline]
    pub(crate) fn candles_before_sample(&self, bars: &[Bar], span: Span) -> usize {
        let due = self.sample_due.nanos();
        bars_before(bars, Timestamp::from_nanos(due.saturating_sub(span.nanos())), span)
    }

    /// The first moment of the grid after `now`.
    #[inline]
    pub(super) fn next_sample(&self, now: Timestamp) -> Timestamp {
        next_sample(self.sample_due, now, self.settings.account.sample)
    }
}

/// Where the candle that opens at `opens` likely is: mostly samples lie on the grid of the candles.
#[inline(always)]
fn place_of(opens: i64, first: &Bar, length: i64) -> usize {
    let ahead = opens.saturating_sub(first.open_time.nanos()).max(0);
    usize::try_from(ahead / length).unwrap_or(usize::MAX)
}

/// Goes from sample to sample, as long as they lie on the grid of the candles and pass. The next one is due at a candle that
/// opens at `opens`, and that is likely the one at `likely`; both are returned for the first that was not passed.
#[inline(always)]
fn walk(
    bars: &[Bar],
    (mut opens, mut likely): (i64, usize),
    (step, stride): (i64, usize),
    (cash, per_price): (f64, f64),
    mut pass: impl FnMut(f64) -> bool,
) -> (i64, usize) {
    while let Some(bar) = bars.get(likely)
        && bar.open_time.nanos() == opens
        && let Some(following) = opens.checked_add(step)
        && pass(cash + bar.close.mantissa() as f64 * per_price)
    {
        (opens, likely) = (following, likely + stride);
    }
    (opens, likely)
}

/// The first moment of the grid of `step` after `now`; `due` is one of the grid.
#[inline]
fn next_sample(due: Timestamp, now: Timestamp, step: Span) -> Timestamp {
    let (now, due, step) = (now.nanos(), due.nanos(), step.nanos().max(1));
    // Mostly it is the very next one: no division.
    let next = match due.checked_add(step) {
        Some(next) if now >= due && now < next && due != i64::MIN => next,
        _ => now.saturating_sub(now.rem_euclid(step)).saturating_add(step),
    };
    Timestamp::from_nanos(next)
}

/// How many candles, from the first, open before `opens`. They mostly lie on their grid without gaps, so the answer is guessed
/// first.
#[inline(never)]
fn bars_before(bars: &[Bar], opens: Timestamp, span: Span) -> usize {
    let Some(first) = bars.first() else { return 0 };
    let ahead = opens.nanos().saturating_sub(first.open_time.nanos()).max(0);
    let guess = usize::try_from(ahead.saturating_add(span.nanos() - 1) / span.nanos());
    let guess = guess.unwrap_or(bars.len()).min(bars.len());
    let starts = guess == 0 || bars[guess - 1].open_time < opens;
    let ends = bars.get(guess).is_none_or(|bar| bar.open_time >= opens);
    if starts && ends { guess } else { bars.partition_point(|bar| bar.open_time < opens) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::settings::{AccountLimits, Guards};
    use proptest::prelude::*;
    use units::{Amount, Price, Quantity, Rate};

    fn bar(open_time: i64, close: i64) -> Bar {
        Bar {
            open_time: Timestamp::from_nanos(open_time),
            open: Price::ZERO,
            high: Price::ZERO,
            low: Price::ZERO,
            close: Price::new(close),
            volume: Quantity::ZERO,
        }
    }

    fn limit(is_on: bool, permille: i64) -> Option<Rate> {
        is_on.then(|| Rate::from_units(permille * 1_000_000))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

        /// The samples of a run leave what looking at each candle by itself leaves, up to the first that is to be looked at closely,
        /// whatever gaps there are and wherever the grids lie.
        #[test]
        fn passing_samples_is_looking_at_every_candle(
            candles in proptest::collection::vec((1i64..4, 900i64..1_060), 1..60),
            (length, step, first) in (1i64..4, 1i64..20, 0i64..30),
            is_on in proptest::array::uniform3(any::<bool>()),
            permilles in proptest::array::uniform3(20i64..400),
            (late, per_price) in (0i64..40, -1.5f64..1.5),
        ) {
            let account = AccountLimits {
                daily_loss: limit(is_on[0], permilles[0]),
                weekly_loss: limit(is_on[1], permilles[1]),
                drawdown: limit(is_on[2], permilles[2]),
                sample: Span::from_nanos(step),
                smoothing: 3,
                ..AccountLimits::default()
            };
            let mut opens = first;
            let bars: Vec<Bar> = candles
                .into_iter()
                .map(|(gap, close)| {
                    opens += gap * length;
                    bar(opens, close)
                })
                .collect();
            let span = Span::from_nanos(length);
            let mut guard = Guard::new(Guards { account, ..Guards::default() }, 1, vec![false]);
            guard.account.begin_day(&account, Amount::parse("1010").unwrap(), true);
            guard.sample_due = Timestamp::from_nanos((late + 1) / step * step + step);
            // The input before comes before the next sample.
            let earliest = guard.sample_due - Span::from_nanos(1);
            let worth = (1_000.0 * (1.0 - per_price), per_price);
            let mut plain = guard.clone();
            let mut close_look = bars.len();
            for (i, bar) in bars.iter().enumerate() {
                let known = (bar.open_time + span).max(earliest);
                if known < plain.sample_due {
                    continue;
                }
                if !plain.account.pass(worth.0 + bar.close.mantissa() as f64 * worth.1) {
                    close_look = i;
                    break;
                }
                plain.sample_due = plain.next_sample(known);
            }
            let is_all = guard.pass_samples(worth, &bars, span);
            let found = if is_all { bars.len() } else { guard.sample_calmly(worth, &bars, earliest, span) };
            prop_assert_eq!(found, close_look);
            prop_assert_eq!(&guard.account, &plain.account);
            prop_assert_eq!(guard.sample_due, plain.sample_due);
        }

        /// A guess is only ever the answer of looking at every candle, whatever gaps there are.
        #[test]
        fn guessing_changes_no_answer(
            gaps in proptest::collection::vec(1i64..4, 0..60),
            opens in -5i64..250,
            span in 1i64..3,
        ) {
            let mut at = 0;
            let bars: Vec<Bar> = gaps.iter().map(|gap| { at += gap; bar(at, 0) }).collect();
            let plain = bars.iter().filter(|b| b.open_time.nanos() < opens).count();
            let found = bars_before(&bars, Timestamp::from_nanos(opens), Span::from_nanos(span));
            prop_assert_eq!(found, plain);
        }
    }
}
