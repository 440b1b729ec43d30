//! The samples of a run of candles during which nothing but one price moves. Each comes to what
//! [`Engine::sample`](crate::Engine) would come to.

use super::Guard;
use model::Bar;
use units::{Span, Timestamp};

impl Guard {
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
        let (step, length) = (self.settings.account.sample.nanos().max(1), span.nanos());
        // Mostly samples lie on the grid of the candles: then it is known where the next one is, and when.
        let stride = usize::try_from(step / length).unwrap_or(0).max(1);
        let mut opens = self.sample_due.nanos().saturating_sub(length);
        let ahead = bars.first().map_or(0, |first| opens.saturating_sub(first.open_time.nanos()).max(0));
        let mut likely = usize::try_from(ahead / length).unwrap_or(usize::MAX);
        let mut passed = 0;
        let account = &mut self.account;
        let found = loop {
            while let Some(bar) = bars.get(likely)
                && bar.open_time.nanos() == opens
                && let Some(following) = opens.checked_add(step)
                && account.pass(cash + bar.close.mantissa() as f64 * per_price)
            {
                (opens, passed, likely) = (following, likely + 1, likely + stride);
            }
            if bars.last().is_none_or(|last| last.open_time.nanos() < opens) {
                break bars.len();
            }
            passed += bars_before(&bars[passed..], Timestamp::from_nanos(opens), span);
            let Some(bar) = bars.get(passed) else { break passed };
            if !account.pass(cash + bar.close.mantissa() as f64 * per_price) {
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
    use proptest::prelude::*;
    use units::{Price, Quantity};

    proptest! {
        /// A guess is only ever the answer of looking at every candle, whatever gaps there are.
        #[test]
        fn guessing_changes_no_answer(
            gaps in proptest::collection::vec(1i64..4, 0..60),
            opens in -5i64..250,
            span in 1i64..3,
        ) {
            let bar = |open_time: i64| Bar {
                open_time: Timestamp::from_nanos(open_time),
                open: Price::ZERO,
                high: Price::ZERO,
                low: Price::ZERO,
                close: Price::ZERO,
                volume: Quantity::ZERO,
            };
            let mut at = 0;
            let bars: Vec<Bar> = gaps.iter().map(|gap| { at += gap; bar(at) }).collect();
            let plain = bars.iter().filter(|b| b.open_time.nanos() < opens).count();
            let found = bars_before(&bars, Timestamp::from_nanos(opens), Span::from_nanos(span));
            prop_assert_eq!(found, plain);
        }
    }
}
