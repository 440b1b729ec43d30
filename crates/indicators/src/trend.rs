//! Lines that follow a trend and say which way it goes.

use crate::accessors::accessors;
use crate::admissible;
use crate::channels::Donchian;
use crate::error::{ParameterError, number, period};
use crate::persist::persist;
use crate::volatility::Atr;
use crate::window::Delay;

/// When a [`Supertrend`] turns. Both rules agree after the first bars, except where a band moves over the close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SupertrendRule {
    /// Starts down; the close is compared with the bands of its own bar (TradingView `ta.supertrend`).
    #[default]
    CurrentBand,
    /// Starts up; the close is compared with the bands of the bar before (the usual Python implementation).
    PreviousBand,
}

/// What [`Supertrend`] returns.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SupertrendLine {
    /// The lower band in an up trend, the upper band in a down trend, in price units.
    pub line: f64,
    /// 1 in an up trend, -1 in a down trend.
    pub direction: f64,
}

persist!(SupertrendLine { line, direction });

/// The bands and the trend that a [`Supertrend`] carries from bar to bar.
#[derive(Debug, Clone, Copy, Default)]
struct Bands {
    upper: f64,
    lower: f64,
    close: f64,
    is_up: bool,
}

persist!(Bands { upper, lower, close, is_up });

/// Supertrend: `(high + low)/2 ± k·ATR(n)`; a band moves only towards the price until the close has passed it, and the
/// trend turns when the close passes the band it follows.
///
/// Source: Olivier Seban; TradingView `ta.supertrend` with TA-Lib's ATR. Warm-up: `n + 1` bars.
#[derive(Debug, Clone)]
pub struct Supertrend {
    range: Atr,
    width: f64,
    rule: SupertrendRule,
    bands: Option<Bands>,
    value: Option<SupertrendLine>,
}

impl Supertrend {
    /// Bands `width` average true ranges over `period` bars away; usual are 10 and 3.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if `period` is not in `1..=MAX_PERIOD`; [`ParameterError::Number`] if `width` is not in
    /// `0..=1000`.
    pub fn new(bars: usize, width: f64, rule: SupertrendRule) -> Result<Self, ParameterError> {
        let range = Atr::new(period("Supertrend", "period", bars)?)?;
        Ok(Self {
            range,
            width: number("Supertrend", "width", width, 0.0, 1000.0)?,
            rule,
            bands: None,
            value: None,
        })
    }

    /// Takes one bar, in price units; returns the line and its direction.
    #[inline(always)]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Option<SupertrendLine> {
        let reach = self.width * self.range.update(high, low, close)?;
        let middle = (high + low) / 2.0;
        let bands = self.next(middle + reach, middle - reach, close);
        self.bands = Some(bands);
        let (line, direction) = if bands.is_up { (bands.lower, 1.0) } else { (bands.upper, -1.0) };
        let value = Some(SupertrendLine { line, direction });
        self.value = value;
        value
    }

    fn next(&self, upper: f64, lower: f64, close: f64) -> Bands {
        let Some(past) = self.bands else {
            return Bands { upper, lower, close, is_up: self.rule == SupertrendRule::PreviousBand };
        };
        let moves_down = upper < past.upper || past.close > past.upper;
        let moves_up = lower > past.lower || past.close < past.lower;
        let upper = if moves_down { upper } else { past.upper };
        let lower = if moves_up { lower } else { past.lower };
        let is_up = match self.rule {
            SupertrendRule::CurrentBand if past.is_up => close >= lower,
            SupertrendRule::CurrentBand => close > upper,
            SupertrendRule::PreviousBand if past.is_up => close >= past.lower,
            SupertrendRule::PreviousBand => close > past.upper,
        };
        Bands { upper, lower, close, is_up }
    }
}

accessors!(Supertrend => SupertrendLine, |it| it.range.warm_up());
persist!(Supertrend { range, bands, value });

/// What [`ParabolicSar`] returns.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SarPoint {
    /// The stop for this bar, in price units: below the price in an up trend, above it in a down trend.
    pub stop: f64,
    /// 1 in an up trend, -1 in a down trend, after this bar.
    pub direction: f64,
}

persist!(SarPoint { stop, direction });

/// The way a [`ParabolicSar`] is on.
#[derive(Debug, Clone, Copy, Default)]
struct Way {
    is_long: bool,
    /// The extreme price of the trend so far.
    extreme: f64,
    factor: f64,
    /// The stop for the coming bar.
    stop: f64,
}

persist!(Way { is_long, extreme, factor, stop });

/// Parabolic stop and reverse: `s = s + a·(e - s)`, `e` the trend's extreme, `a` growing by `step` with each new extreme
/// up to `max`; never inside the range of the last two bars; touched, it reverses to `e`.
///
/// Source: Wilder (1978), as TA-Lib `SAR`, which starts at bar 1 in the direction of the larger movement. Warm-up: 2
/// bars.
#[derive(Debug, Clone)]
pub struct ParabolicSar {
    step: f64,
    max: f64,
    previous: Option<[f64; 2]>,
    way: Option<Way>,
    value: Option<SarPoint>,
}

impl ParabolicSar {
    /// Acceleration by `step` up to `max`; usual are 0.02 and 0.2.
    ///
    /// # Errors
    /// [`ParameterError::Number`] if one of them is not in `0..=1` or `step` is above `max`.
    pub fn new(step: f64, max: f64) -> Result<Self, ParameterError> {
        let max = number("parabolic SAR", "max", max, 0.0, 1.0)?;
        let step = number("parabolic SAR", "step", step, 0.0, max)?;
        Ok(Self { step, max, previous: None, way: None, value: None })
    }

    /// Takes one bar, in price units; returns the stop that held for it.
    #[inline(always)]
    pub fn update(&mut self, high: f64, low: f64) -> Option<SarPoint> {
        if !(admissible(high) && admissible(low)) {
            return None;
        }
        let [past_high, past_low] = self.previous.replace([high, low])?;
        // TA-Lib lets the first bar with a stop stand for the one before it as well.
        let (way, highest, lowest) = match self.way {
            Some(way) => (way, high.max(past_high), low.min(past_low)),
            None => (self.start([past_high, past_low], [high, low]), high, low),
        };
        let (stop, way) = self.follow(way, [high, low], highest, lowest);
        self.way = Some(way);
        let value = Some(SarPoint { stop, direction: if way.is_long { 1.0 } else { -1.0 } });
        self.value = value;
        value
    }

    fn start(&self, past: [f64; 2], [high, low]: [f64; 2]) -> Way {
        let [past_high, past_low] = past;
        let (up, down) = (high - past_high, past_low - low);
        let is_long = !(down > 0.0 && down > up);
        let (extreme, stop) = if is_long { (high, past_low) } else { (low, past_high) };
        Way { is_long, extreme, factor: self.step, stop }
    }

    /// The stop of this bar, and the way on; `highest` and `lowest` are those of the last two bars.
    fn follow(&self, mut way: Way, [high, low]: [f64; 2], highest: f64, lowest: f64) -> (f64, Way) {
        let is_touched = if way.is_long { low <= way.stop } else { high >= way.stop };
        if is_touched {
            way.is_long = !way.is_long;
            way.stop = if way.is_long { way.extreme.min(lowest) } else { way.extreme.max(highest) };
            way.extreme = if way.is_long { high } else { low };
            way.factor = self.step;
        }
        let stop = way.stop;
        if !is_touched && (if way.is_long { high > way.extreme } else { low < way.extreme }) {
            way.extreme = if way.is_long { high } else { low };
            way.factor = (way.factor + self.step).min(self.max);
        }
        let next = way.stop + way.factor * (way.extreme - way.stop);
        way.stop = if way.is_long { next.min(lowest) } else { next.max(highest) };
        (stop, way)
    }
}

accessors!(ParabolicSar => SarPoint, |_it| 2);
persist!(ParabolicSar { previous, way, value });

/// What [`Ichimoku`] returns, in price units; each line from the bar on which it can be known.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct IchimokuLines {
    /// Tenkan-sen, the conversion line: the middle of the range of the short period.
    pub tenkan: Option<f64>,
    /// Kijun-sen, the base line: the middle of the range of the middle period.
    pub kijun: Option<f64>,
    /// Senkou span A as computed on this bar, to be drawn `displacement` bars ahead.
    pub leading_a: Option<f64>,
    /// Senkou span B as computed on this bar, to be drawn `displacement` bars ahead.
    pub leading_b: Option<f64>,
    /// Senkou span A over this bar: computed `displacement` bars ago. One edge of the cloud.
    pub senkou_a: Option<f64>,
    /// Senkou span B over this bar: computed `displacement` bars ago. The other edge.
    pub senkou_b: Option<f64>,
    /// Chikou span: this bar's close, which charts draw `displacement` bars back. For display; comparing it with a bar
    /// back there is comparing this close with the past, never the past with this close.
    pub chikou: f64,
}

persist!(IchimokuLines { tenkan, kijun, leading_a, leading_b, senkou_a, senkou_b, chikou });

/// Ichimoku Kinko Hyo: middles of ranges, `(highest + lowest)/2`; span A is the mean of tenkan and kijun.
///
/// Source: Goichi Hosoda (1969); usual are 9, 26, 52, drawn 26 bars ahead (TradingView's offset is 25). Warm-up: all
/// lines after `long + displacement` bars, the first after `short`.
#[derive(Debug, Clone)]
pub struct Ichimoku {
    ranges: [Donchian; 3],
    cloud: [Delay; 2],
    value: Option<IchimokuLines>,
}

impl Ichimoku {
    /// Ranges over `short`, `middle` and `long` bars; the cloud lies `displacement` bars ahead.
    ///
    /// # Errors
    /// [`ParameterError::Period`] if a period is not in `1..=MAX_PERIOD`; [`ParameterError::Number`] if `displacement` is
    /// not in `0..=MAX_PERIOD`; [`ParameterError::Order`] unless `short < middle < long`.
    pub fn new(
        short: usize,
        middle: usize,
        long: usize,
        displacement: usize,
    ) -> Result<Self, ParameterError> {
        crate::error::fast_and_slow("Ichimoku", short, middle)?;
        crate::error::fast_and_slow("Ichimoku", middle, long)?;
        number("Ichimoku", "displacement", displacement as f64, 0.0, crate::MAX_PERIOD as f64)?;
        let ranges = [Donchian::new(short)?, Donchian::new(middle)?, Donchian::new(long)?];
        Ok(Self { ranges, cloud: [Delay::new(displacement), Delay::new(displacement)], value: None })
    }

    /// Takes one bar, in price units; returns the lines that are known.
    #[inline(always)]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Option<IchimokuLines> {
        if !(admissible(high) && admissible(low) && admissible(close)) {
            return None;
        }
        let [tenkan, kijun, long] = &mut self.ranges;
        let middle = |range: &mut Donchian| range.update(high, low).map(|channel| channel.middle);
        let (tenkan, kijun, leading_b) = (middle(tenkan), middle(kijun), middle(long));
        let leading_a = tenkan.zip(kijun).map(|(t, k)| (t + k) / 2.0);
        let [cloud_a, cloud_b] = &mut self.cloud;
        let senkou_a = leading_a.and_then(|a| cloud_a.push(a));
        let senkou_b = leading_b.and_then(|b| cloud_b.push(b));
        let lines = IchimokuLines { tenkan, kijun, leading_a, leading_b, senkou_a, senkou_b, chikou: close };
        let value = tenkan.is_some().then_some(lines);
        self.value = value;
        value
    }
}

accessors!(Ichimoku => IchimokuLines, |it| it.ranges[2].warm_up() + it.cloud[1].period());
persist!(Ichimoku { ranges, cloud, value });

/// A [`HeikinAshi`] candle, in price units.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct HeikinAshiCandle {
    /// The middle of the previous Heikin-Ashi body.
    pub open: f64,
    /// The highest of the bar's high and this candle's open and close.
    pub high: f64,
    /// The lowest of the bar's low and this candle's open and close.
    pub low: f64,
    /// `(open + high + low + close) / 4` of the bar.
    pub close: f64,
}

persist!(HeikinAshiCandle { open, high, low, close });

/// Heikin-Ashi candles: `close = (o+h+l+c)/4`, `open = (open[i-1] + close[i-1])/2`, the first open `(o+c)/2`.
///
/// Source: Dan Valcu, "Using the Heikin-Ashi technique", Stocks & Commodities 22:2 (2004). Warm-up: 1 bar. Its prices
/// were never traded.
#[derive(Debug, Clone, Default)]
pub struct HeikinAshi {
    value: Option<HeikinAshiCandle>,
}

impl HeikinAshi {
    /// A series of candles that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one bar, in price units; returns its candle.
    #[inline(always)]
    pub fn update(&mut self, open: f64, high: f64, low: f64, close: f64) -> Option<HeikinAshiCandle> {
        if ![open, high, low, close].into_iter().all(admissible) {
            return None;
        }
        let body = self.value.map_or((open, close), |past| (past.open, past.close));
        let (ha_open, ha_close) = ((body.0 + body.1) / 2.0, (open + high + low + close) / 4.0);
        let (high, low) = (high.max(ha_open).max(ha_close), low.min(ha_open).min(ha_close));
        let value = Some(HeikinAshiCandle { open: ha_open, high, low, close: ha_close });
        self.value = value;
        value
    }
}

accessors!(HeikinAshi => HeikinAshiCandle, |_it| 1);
persist!(HeikinAshi { value });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_supertrend_turns_when_the_close_passes_its_band() {
        let mut trend = Supertrend::new(1, 1.0, SupertrendRule::CurrentBand).unwrap();
        let bars = [(11.0, 9.0, 10.0), (11.0, 9.0, 10.0), (15.0, 13.0, 14.5), (10.0, 8.0, 8.5)];
        let got = bars.map(|(h, l, c)| trend.update(h, l, c).map(|line| line.direction));
        assert_eq!(got, [None, Some(-1.0), Some(1.0), Some(-1.0)]);
    }

    #[test]
    fn a_stop_is_never_inside_the_last_two_bars() {
        let mut sar = ParabolicSar::new(0.02, 0.2).unwrap();
        let bars = [(10.0, 9.0), (11.0, 10.0), (12.0, 11.0), (9.0, 8.0), (8.5, 7.0)];
        let got = bars.map(|(high, low)| sar.update(high, low));
        assert_eq!(got[0], None);
        assert_eq!(got[1], Some(SarPoint { stop: 9.0, direction: 1.0 }));
        assert_eq!(
            got[3],
            Some(SarPoint { stop: 12.0, direction: -1.0 }),
            "touched, it jumps to the extreme"
        );
    }

    #[test]
    fn a_stop_refuses_a_step_beyond_its_maximum() {
        for (step, max) in [(0.3, 0.2), (-0.1, 0.2), (0.02, 1.5), (f64::NAN, 0.2), (0.1, f64::NAN)] {
            assert!(matches!(ParabolicSar::new(step, max), Err(ParameterError::Number { .. })));
        }
    }

    #[test]
    fn the_cloud_lies_where_it_was_drawn() {
        let mut ichimoku = Ichimoku::new(1, 2, 3, 2).unwrap();
        let lines: Vec<_> =
            (0..6).map(|i| ichimoku.update(f64::from(i), f64::from(i), f64::from(i))).collect();
        let at = |i: usize| lines[i].unwrap();
        assert_eq!(at(1).leading_a, Some(0.75));
        assert_eq!((at(2).senkou_a, at(3).senkou_a), (None, Some(0.75)));
        assert_eq!((at(2).leading_b, at(4).senkou_b), (Some(1.0), Some(1.0)));
        assert_eq!(ichimoku.warm_up(), 5);
    }
}
