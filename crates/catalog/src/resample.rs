//! Longer candles from shorter ones.

use crate::{CatalogError, Series};
use model::{Bar, Timeframe};

/// Longer candles, and how complete they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resampled {
    /// The longer candles.
    pub series: Series,
    /// Candles at the two ends that the data cover only in part, and that were therefore left out: none, one or two.
    pub dropped: u64,
    /// Candles inside that lack one or more of their parts. They are kept, made of the parts there are: an exchange
    /// prints them too, and leaving them out would tear a hole into the tape.
    pub incomplete: u64,
}

/// Makes candles of length `to`. Opens are the first, closes the last, highs and lows the extremes, volumes the sums of
/// their parts.
///
/// A candle at either end is left out when its first part (at the start) or its last part (at the end) is missing,
/// because nobody can tell whether the data end there or the market stood still.
///
/// # Errors
/// [`CatalogError::Invalid`] when `to` is not a whole multiple of the present length, or when a volume overflows.
pub fn resample(series: &Series, to: Timeframe) -> Result<Resampled, CatalogError> {
    let Some(parts) = to.multiple_of(series.timeframe) else {
        return Err(CatalogError::Invalid(format!(
            "candles of {to} cannot be made of candles of {}; a whole multiple is needed",
            series.timeframe
        )));
    };
    let mut bars = Vec::with_capacity(series.bars.len() / parts as usize + 2);
    let (mut dropped, mut incomplete) = (0, 0);
    let mut buckets = series.bars.chunk_by(|a, b| to.floor(a.open_time) == to.floor(b.open_time)).peekable();
    let mut is_first = true;
    while let Some(bucket) = buckets.next() {
        let open_time = to.floor(bucket[0].open_time);
        let (starts, ends) = (
            bucket[0].open_time == open_time,
            bucket[bucket.len() - 1].open_time + series.timeframe.span() == open_time + to.span(),
        );
        let cut = (is_first && !starts) || (buckets.peek().is_none() && !ends);
        is_first = false;
        if cut {
            dropped += 1;
            continue;
        }
        incomplete += u64::from(bucket.len() < parts as usize);
        bars.push(Bar { open_time, ..whole(bucket)? });
    }
    let series = Series {
        timeframe: to,
        bars,
        source: series.source.clone(),
        symbol: series.symbol.clone(),
        ..*series
    };
    Ok(Resampled { series, dropped, incomplete })
}

/// One candle out of its parts, which are never none.
fn whole(parts: &[Bar]) -> Result<Bar, CatalogError> {
    let mut bar = parts[0];
    for part in &parts[1..] {
        bar.high = bar.high.max(part.high);
        bar.low = bar.low.min(part.low);
        let sum = bar.volume.mantissa().checked_add(part.volume.mantissa()).ok_or_else(|| {
            CatalogError::Invalid(format!("the volume of the candle of {} is too large", parts[0].open_time))
        })?;
        bar.volume = units::Quantity::new(sum);
    }
    bar.close = parts[parts.len() - 1].close;
    Ok(bar)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Exchange;
    use proptest::prelude::*;
    use units::{Price, Quantity, Timestamp};

    fn series(minutes: impl Iterator<Item = (i64, i64)>) -> Series {
        let bar = |(minute, price): (i64, i64)| Bar {
            open_time: Timestamp::from_seconds(minute * 60).unwrap(),
            open: Price::new(price),
            high: Price::new(price + 2),
            low: Price::new(price - 2),
            close: Price::new(price + 1),
            volume: Quantity::new(price),
        };
        Series {
            exchange: Exchange::Synthetic,
            symbol: "X".into(),
            timeframe: Timeframe::MINUTE,
            price_decimals: 0,
            quantity_decimals: 0,
            bars: minutes.map(bar).collect(),
            source: Vec::new(),
        }
    }

    #[test]
    fn ends_are_dropped_and_holes_counted() {
        let three: Timeframe = "3m".parse().unwrap();
        // 2 | 3 4 5 | 6 . 8 | 9 10: the first and the last candle are cut, the third lacks a part.
        let source = series([2, 3, 4, 5, 6, 8, 9, 10].into_iter().map(|m| (m, 10 + m)));
        let result = resample(&source, three).unwrap();
        assert_eq!((result.dropped, result.incomplete), (2, 1));
        let times: Vec<i64> =
            result.series.bars.iter().map(|b| b.open_time.nanos() / 60_000_000_000).collect();
        assert_eq!(times, [3, 6]);
        let first = result.series.bars[0];
        assert_eq!((first.open, first.close, first.high), (Price::new(13), Price::new(16), Price::new(17)));
        assert_eq!((first.low, first.volume), (Price::new(11), Quantity::new(13 + 14 + 15)));
    }

    #[test]
    fn only_whole_multiples() {
        let source = series([(0, 10)].into_iter());
        assert!(resample(&source, Timeframe::MINUTE).is_err());
        assert!(
            resample(&Series { timeframe: "3m".parse().unwrap(), ..source }, "5m".parse().unwrap()).is_err()
        );
    }

    proptest! {
        /// Going through an intermediate length gives the same candles as going directly, where nothing is cut.
        #[test]
        fn steps_compose(prices in proptest::collection::vec(10i64..1000, 60..61)) {
            let source = series((0..60).zip(prices));
            let of = |text: &str| text.parse::<Timeframe>().unwrap();
            let direct = resample(&source, Timeframe::HOUR).unwrap().series;
            let by_steps = resample(&resample(&source, of("5m")).unwrap().series, of("15m")).unwrap().series;
            prop_assert_eq!(resample(&by_steps, Timeframe::HOUR).unwrap().series, direct);
        }
    }
}
