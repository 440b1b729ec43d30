//! Recorded candles, moved in time and played at the grain of seconds: open, nearer extreme, farther extreme, close, in straight
//! lines.

use super::candles::{MINUTE, Minute};
use crate::settings::{SettingsError, wrong};
use model::{Bar, Instrument, Timeframe};
use units::{Price, Quantity, Span, Timestamp};

/// Bars that are played from the start on.
#[derive(Debug, Clone)]
pub(crate) struct Played {
    bars: Vec<Bar>,
    span: Span,
}

/// A tape in two parts.
#[derive(Debug)]
pub(crate) struct Cut {
    pub(crate) begin: Timestamp,
    pub(crate) first_price: Price,
    pub(crate) history: Vec<Minute>,
    pub(crate) played: Played,
}

/// Cuts a tape in two and moves it such that the second part begins at `start`.
pub(crate) fn cut(
    bars: &[Bar],
    timeframe: Timeframe,
    split: Option<Timestamp>,
    start: Timestamp,
    instrument: &Instrument,
) -> Result<Cut, SettingsError> {
    if bars.len() < 2 || bars.windows(2).any(|pair| pair[0].open_time >= pair[1].open_time) {
        return Err(wrong("tape", "at least two candles by growing time are needed"));
    }
    if let Some(fault) = bars.iter().find_map(Bar::fault) {
        return Err(wrong("tape", fault.to_string()));
    }
    let minutes = timeframe.seconds() / 60;
    if minutes < 1 || timeframe.seconds() % 60 != 0 {
        return Err(wrong("tape", format!("candles of {timeframe}; whole minutes are needed")));
    }
    let place = match split {
        Some(split) => bars.partition_point(|bar| bar.open_time < split),
        None => bars.len() / 2,
    };
    let Some(first_played) = bars.get(place).filter(|_| place > 0) else {
        return Err(wrong("split", "it lies outside the tape"));
    };
    let start = start.floor_to(MINUTE);
    let by = start - first_played.open_time;
    let moved = |bar: &Bar| Bar { open_time: bar.open_time + by, ..*bar };
    let all: Vec<Bar> = bars.iter().map(moved).collect();
    let begin = all[0].open_time;
    let mut history: Vec<Minute> = Vec::new();
    for bar in &all[..place] {
        // A hole is filled with the last price, so that the minutes have no gap.
        let due = usize::try_from((bar.open_time - begin).nanos() / MINUTE.nanos()).unwrap_or(0);
        while let Some(last) = history.last().filter(|_| history.len() < due) {
            let close = last.prices[3];
            history.push(Minute::begun(close, close, close));
        }
        history.extend((0..minutes).map(|n| minute_of(bar, n, minutes, instrument)));
    }
    let due = usize::try_from((start - begin).nanos() / MINUTE.nanos()).unwrap_or(0);
    history.truncate(due);
    while let Some(last) = history.last().filter(|_| history.len() <= due) {
        let close = last.prices[3];
        history.push(Minute::begun(close, close, close));
    }
    let played = Played { bars: all[place..].to_vec(), span: timeframe.span() };
    Ok(Cut { begin, first_price: first_played.open, history, played })
}

/// One minute out of a longer candle.
fn minute_of(bar: &Bar, nth: i64, of: i64, instrument: &Instrument) -> Minute {
    let at = |quarter: i64| on_path(bar, nth * 4 + quarter, of * 4);
    let prices = (1..=4).fold([at(0); 4], |prices, quarter| super::extended(prices, at(quarter)));
    let volume = Quantity::new(bar.volume.mantissa() / of);
    let turnover = instrument.notional(prices[3], volume);
    Minute { prices, volume, turnover, mark: prices, index: prices }
}

/// Where the price is after `done` of `all` parts of a candle.
fn on_path(bar: &Bar, done: i64, all: i64) -> Price {
    let up_first = (bar.high - bar.open) < (bar.open - bar.low);
    let (second, third) = if up_first { (bar.high, bar.low) } else { (bar.low, bar.high) };
    let corners = [bar.open, second, third, bar.close];
    let along = done.clamp(0, all) * 3;
    let leg = usize::try_from(along / all).unwrap_or(0).min(2);
    let within = i128::from(along - all * i64::try_from(leg).unwrap_or(0));
    let (from, to) = (i128::from(corners[leg].mantissa()), i128::from(corners[leg + 1].mantissa()));
    Price::new(i64::try_from(from + (to - from) * within / i128::from(all)).unwrap_or(0))
}

impl Played {
    /// The price at a moment; `None` before the first and after the last candle.
    pub(crate) fn price(&self, at: Timestamp) -> Option<Price> {
        let after = self.bars.partition_point(|bar| bar.open_time <= at);
        let bar = self.bars.get(after.checked_sub(1)?)?;
        let within = at - bar.open_time;
        let is_last = after == self.bars.len();
        if is_last && within >= self.span {
            return None;
        }
        Some(on_path(bar, within.nanos() / 1_000_000, self.span.nanos() / 1_000_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn btc() -> Instrument {
        Instrument::new(crate::settings::MarketSettings::usual().remove(0).instrument).unwrap()
    }

    fn bar(minute: i64, prices: [i64; 4]) -> Bar {
        let [open, high, low, close] = prices.map(Price::new);
        let open_time = Timestamp::from_seconds(1_000_000_200 + minute * 60).unwrap();
        Bar { open_time, open, high, low, close, volume: Quantity::new(100) }
    }

    #[test]
    fn a_tape_is_cut_moved_and_played() {
        let bars = [
            bar(0, [100, 110, 95, 105]),
            bar(5, [105, 106, 100, 101]),
            // Ten minutes are missing.
            bar(20, [200, 230, 170, 210]),
        ];
        let five = Timeframe::from_seconds(300).unwrap();
        let start = Timestamp::from_seconds(1_800_000_000).unwrap();
        let cut = cut(&bars, five, Some(bars[2].open_time), start, &btc()).unwrap();
        assert_eq!(cut.begin, start - Span::from_seconds(1200));
        assert_eq!(cut.history.len(), 21, "twenty minutes and the one that is open");
        let low = cut.history[..5].iter().map(|m| m.prices[2]).min();
        assert_eq!(low, Some(Price::new(95)));
        assert_eq!(cut.history[15].prices, [Price::new(101); 4], "the hole");
        let price = |seconds| cut.played.price(start + Span::from_seconds(seconds)).map(Price::mantissa);
        assert_eq!(price(0), Some(200));
        assert_eq!(price(100), Some(170), "the nearer extreme first; the lower one where both are as near");
        assert_eq!(price(200), Some(230));
        assert_eq!((price(299).is_some(), price(300), price(-1)), (true, None, None));
    }

    #[test]
    fn what_cannot_be_played_is_refused() {
        let start = Timestamp::from_seconds(1_800_000_000).unwrap();
        let cut =
            |bars: &[Bar], timeframe| cut(bars, timeframe, None, start, &btc()).unwrap_err().to_string();
        assert!(cut(&[bar(0, [1; 4])], Timeframe::MINUTE).contains("two candles"));
        assert!(cut(&[bar(0, [1; 4]), bar(1, [0; 4])], Timeframe::MINUTE).contains("zero"));
        let second = Timeframe::from_seconds(1).unwrap();
        assert!(cut(&[bar(0, [1; 4]), bar(1, [1; 4])], second).contains("whole minutes"));
    }
}
