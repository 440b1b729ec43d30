//! Longer candles, made inside a strategy out of the candles it is told: known once they are closed, and not before.

use crate::state::{StateError, StateReader, StateWriter};
use indicators::Ohlcv;
use model::Timeframe;
use units::Timestamp;

/// Makes longer candles of closed shorter ones.
///
/// A longer candle is handed out with the shorter one that completes it: the one that closes when it does. Where that one
/// is missing, nobody knows before a candle beyond it arrives that there is no more to come; then it is handed out with
/// that one. The first longer candle is left out unless it was seen from its start, as is one without any candle.
#[derive(Debug, Clone)]
pub struct Resampler {
    base: Timeframe,
    target: Timeframe,
    /// The longer candle under way, and when it ends.
    open: Option<Ohlcv>,
    end: Timestamp,
    /// Whether candles are being taken: the start of a longer candle was seen.
    has_begun: bool,
}

impl Resampler {
    /// Makes candles of `target` out of candles of `base`.
    ///
    /// # Errors
    /// In words, unless `target` is a whole multiple of `base`, above one.
    pub fn new(base: Timeframe, target: Timeframe) -> Result<Self, String> {
        if target.multiple_of(base).is_none() {
            let reason = if target <= base { "they are not longer" } else { "they are no whole multiple" };
            return Err(format!("candles of {target} cannot be made of candles of {base}: {reason}"));
        }
        Ok(Self { base, target, open: None, end: Timestamp::EPOCH, has_begun: false })
    }

    /// The length of the candles it makes.
    #[must_use]
    pub const fn target(&self) -> Timeframe {
        self.target
    }

    /// How many shorter candles make a longer one.
    #[must_use]
    pub fn parts(&self) -> u32 {
        // Checked when it was made.
        self.target.multiple_of(self.base).unwrap_or(1)
    }

    /// Takes one closed shorter candle and hands out the longer ones that are closed by it: mostly none, rarely two (after
    /// a gap: the one before the gap, and the one this candle completes).
    #[inline]
    pub fn update(&mut self, bar: &Ohlcv, mut each: impl FnMut(&Ohlcv)) {
        if let Some(open) = &mut self.open
            && bar.opened < self.end
        {
            open.high = open.high.max(bar.high);
            open.low = open.low.min(bar.low);
            open.close = bar.close;
            open.volume += bar.volume;
        } else {
            if let Some(closed) = self.open.take() {
                each(&closed);
            }
            let opened = self.target.floor(bar.opened);
            self.has_begun |= opened == bar.opened;
            if !self.has_begun {
                return;
            }
            self.open = Some(Ohlcv { opened, ..*bar });
            self.end = opened + self.target.span();
        }
        if bar.opened + self.base.span() >= self.end
            && let Some(open) = self.open.take()
        {
            each(&open);
        }
    }

    /// Writes what it remembers.
    pub fn save(&self, state: &mut StateWriter) {
        state.int(i64::from(self.has_begun));
        state.int(i64::from(self.open.is_some()));
        let open = self.open.unwrap_or_default();
        state.int(open.opened.nanos());
        for x in [open.open, open.high, open.low, open.close, open.volume] {
            state.float(x);
        }
    }

    /// Reads back what [`Resampler::save`] wrote.
    ///
    /// # Errors
    /// [`StateError`] when the bytes are not its own.
    pub fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.has_begun = flag(state)?;
        let is_open = flag(state)?;
        let opened = Timestamp::from_nanos(state.int()?);
        let mut prices = [0.0; 5];
        for x in &mut prices {
            *x = state.float()?;
        }
        let [open, high, low, close, volume] = prices;
        self.open = is_open.then_some(Ohlcv { opened, open, high, low, close, volume });
        self.end = opened.checked_add(self.target.span()).ok_or(StateError::Invalid("time of a candle"))?;
        Ok(())
    }
}

fn flag(state: &mut StateReader<'_>) -> Result<bool, StateError> {
    match state.int()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(StateError::Invalid("flag")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use units::Span;

    fn minute(number: i64) -> Ohlcv {
        let price = 100.0 + ((number * 7919) % 53) as f64;
        Ohlcv {
            opened: Timestamp::EPOCH + Span::from_seconds(60 * number),
            open: price,
            high: price + 3.0,
            low: price - 2.0,
            close: price + 1.0,
            volume: 1.0 + (number % 5) as f64,
        }
    }

    fn timeframe(text: &str) -> Timeframe {
        text.parse().unwrap()
    }

    /// The minute at which each longer candle became known, and the candle.
    fn made(minutes: &[i64], target: Timeframe) -> Vec<(i64, Ohlcv)> {
        let mut resampler = Resampler::new(Timeframe::MINUTE, target).unwrap();
        let mut out = Vec::new();
        for number in minutes {
            resampler.update(&minute(*number), |bar| out.push((*number, *bar)));
        }
        out
    }

    #[test]
    fn a_longer_candle_is_known_with_its_last_part() {
        let three = timeframe("3m");
        let made = made(&[1, 2, 3, 4, 5, 6, 7, 8, 9], three);
        let known: Vec<(i64, Timestamp)> = made.iter().map(|(at, bar)| (*at, bar.opened)).collect();
        assert_eq!(known, [(5, minute(3).opened), (8, minute(6).opened)], "0 was not seen from its start");
        let parts = [minute(3), minute(4), minute(5)];
        let first = made[0].1;
        assert_eq!((first.open, first.close), (parts[0].open, parts[2].close));
        assert_eq!(first.high, parts.iter().map(|p| p.high).fold(f64::MIN, f64::max));
        assert_eq!(first.low, parts.iter().map(|p| p.low).fold(f64::MAX, f64::min));
        assert_eq!(first.volume, parts.iter().map(|p| p.volume).sum::<f64>());
    }

    #[test]
    fn a_gap_closes_what_it_swallowed_the_end_of() {
        let three = timeframe("3m");
        let known: Vec<(i64, i64)> = made(&[0, 1, 8, 9, 13], three)
            .iter()
            .map(|(at, bar)| (*at, bar.opened.nanos() / 60_000_000_000))
            .collect();
        // Minute 8 ends the candle of 0, is the only part of that of 6, and completes it; that of 9 lacks two parts.
        assert_eq!(known, [(8, 0), (8, 6), (13, 9)]);
    }

    #[test]
    fn only_whole_multiples() {
        let error =
            |base: &str, target: &str| Resampler::new(timeframe(base), timeframe(target)).unwrap_err();
        assert_eq!(error("5m", "5m"), "candles of 5m cannot be made of candles of 5m: they are not longer");
        assert_eq!(error("1h", "5m"), "candles of 5m cannot be made of candles of 1h: they are not longer");
        assert_eq!(
            error("3m", "5m"),
            "candles of 5m cannot be made of candles of 3m: they are no whole multiple"
        );
        assert_eq!(Resampler::new(timeframe("2h"), timeframe("3d")).unwrap().parts(), 36);
    }

    proptest! {
        /// Whatever is missing: every candle is what its parts make, each was known no sooner than the clock allows, and
        /// none depends on what came later.
        #[test]
        fn longer_candles_follow_from_closed_shorter_ones(
            steps in proptest::collection::vec(1i64..9, 1..120), start in 0i64..30, cut in 0usize..120,
        ) {
            let target = timeframe("5m");
            let minutes: Vec<i64> =
                steps.iter().scan(start, |at, step| { *at += step; Some(*at) }).collect();
            let all = made(&minutes, target);
            for (known_at, bar) in &all {
                let parts: Vec<Ohlcv> = minutes
                    .iter()
                    .map(|m| minute(*m))
                    .filter(|m| target.floor(m.opened) == bar.opened)
                    .collect();
                prop_assert_eq!(bar.open, parts[0].open);
                prop_assert_eq!(bar.close, parts[parts.len() - 1].close);
                prop_assert_eq!(bar.volume, parts.iter().map(|p| p.volume).sum::<f64>());
                let known = minute(*known_at).opened + Timeframe::MINUTE.span();
                prop_assert!(known >= bar.opened + target.span());
            }
            let cut = cut.min(minutes.len());
            let early = made(&minutes[..cut], target);
            prop_assert_eq!(&early[..], &all[..early.len()]);
        }

        #[test]
        fn it_goes_on_where_it_stopped(steps in proptest::collection::vec(1i64..4, 1..60), cut in 0usize..60) {
            let mut at = 0;
            let (mut whole, mut restored) = (
                Resampler::new(Timeframe::MINUTE, timeframe("5m")).unwrap(),
                Resampler::new(Timeframe::MINUTE, timeframe("5m")).unwrap(),
            );
            for (i, step) in steps.iter().enumerate() {
                at += step;
                let (mut a, mut b) = (Vec::new(), Vec::new());
                if i == cut.min(steps.len() - 1) {
                    let mut state = StateWriter::default();
                    whole.save(&mut state);
                    restored.load(&mut StateReader::new(&state.into_bytes())).unwrap();
                }
                whole.update(&minute(at), |bar| a.push(*bar));
                restored.update(&minute(at), |bar| b.push(*bar));
                if i >= cut {
                    prop_assert_eq!(a, b);
                }
            }
        }
    }
}
