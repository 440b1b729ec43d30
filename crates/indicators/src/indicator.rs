//! Any indicator behind one type, for callers that know only at run time which they need.

use units::Timestamp;

use crate::{
    AccumulationDistribution, Adx, Adxr, Aroon, Atr, BalanceOfPower, Beta, Bollinger, CandlePattern, Cci,
    ChaikinMoneyFlow, ChaikinOscillator, Cmo, Correlation, Dema, DirectionalIndex, DirectionalMovement,
    Donchian, Ema, EwmaVolatility, FastStochastic, HeikinAshi, Highest, Hma, Hurst, Ichimoku, Kama, Keltner,
    LinearRegression, Lowest, Macd, Momentum, MoneyFlowIndex, Natr, Obv, ParabolicSar, PercentileRank,
    Persist, Pivots, PriceOscillator, RateOfChange, RealisedVolatility, Rsi, Sma, StandardDeviation,
    Stochastic, StochasticRsi, Supertrend, T3, Tema, Trima, Trix, TrueRange, UltimateOscillator, Vwap, Vwma,
    Wilder, WilliamsR, Wma, ZScore,
};

/// One closed bar as indicators see it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Ohlcv {
    /// When the bar opened; sessions are told apart by it.
    pub opened: Timestamp,
    /// The first price.
    pub open: f64,
    /// The highest price.
    pub high: f64,
    /// The lowest price.
    pub low: f64,
    /// The last price.
    pub close: f64,
    /// What was traded, in units of the base currency or contracts.
    pub volume: f64,
}

impl Ohlcv {
    /// The middle of the range, `(high + low) / 2`.
    #[inline]
    #[must_use]
    pub fn hl2(&self) -> f64 {
        (self.high + self.low) / 2.0
    }

    /// The typical price, `(high + low + close) / 3`.
    #[inline]
    #[must_use]
    pub fn hlc3(&self) -> f64 {
        (self.high + self.low + self.close) / 3.0
    }

    /// The average price, `(open + high + low + close) / 4`.
    #[inline]
    #[must_use]
    pub fn ohlc4(&self) -> f64 {
        (self.open + self.high + self.low + self.close) / 4.0
    }
}

/// How much history an indicator needs before all of its outputs exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WarmUp {
    /// Bars up to and including the first output.
    pub bars: usize,
    /// Session starts that must be among them: 0 for most, 1 for VWAP, 2 for pivots. How many bars that takes depends on
    /// the timeframe; it is never fewer than `bars`.
    pub sessions: usize,
}

/// Writes fields of a result that exist together, one by one and straight to their places: values that pass through a
/// temporary array are stored singly and loaded in pairs, which stalls the processor at every bar.
macro_rules! put {
    ($out:ident, $value:expr, $($field:ident),+) => {{
        let value = $value;
        let mut places = $out.iter_mut();
        $(if let Some(place) = places.next() {
            *place = value.map(|v| v.$field);
        })+
    }};
}

/// Writes one output.
#[inline(always)]
fn set(out: &mut [Option<f64>], place: usize, value: Option<f64>) {
    if let Some(place) = out.get_mut(place) {
        *place = value;
    }
}

macro_rules! indicators {
    ($($variant:ident: |$it:ident, $bar:ident, $x:ident, $y:ident, $out:ident| $outputs:expr;)+) => {
        /// Any indicator. Built by [`crate::catalogue`] or made from one of the types; cloning forks it.
        #[derive(Debug, Clone)]
        #[non_exhaustive]
        pub enum Indicator {
            $(
                #[doc = concat!("[`", stringify!($variant), "`].")]
                $variant($variant),
            )+
        }

        impl Indicator {
            /// Takes one closed bar and writes each output, or that there is none, in the order of
            /// [`crate::catalogue::Descriptor::outputs`]. Outputs for which `out` has no place are dropped: who needs the
            /// first ones only brings a shorter slice, and the costly last ones are then not computed.
            ///
            /// `series` holds the values an indicator of one or two series runs on (those that take
            /// [`Series`](crate::catalogue::Input::Series) and [`Second`](crate::catalogue::Input::Second)); the others
            /// do not look at it. A value that does not exist yet is no bar: leave the call out.
            #[inline]
            pub fn update(&mut self, bar: &Ohlcv, series: [f64; 2], out: &mut [Option<f64>]) {
                self.step(bar, series[0], series[1], out);
            }

            /// [`Self::update`], once for all callers: inlined, its many arms would meet in the caller's loop, and what
            /// that loop holds would be spilled at every turn.
            #[expect(unused_variables, reason = "most indicators look at a part of the bar only")]
            #[inline(never)]
            fn step(&mut self, bar: &Ohlcv, x: f64, y: f64, out: &mut [Option<f64>]) {
                match self {
                    $(Self::$variant($it) => {
                        let ($bar, $x, $y, $out) = (bar, x, y, out);
                        $outputs;
                    })+
                }
            }

            /// The history it needs.
            #[must_use]
            pub fn warm_up(&self) -> WarmUp {
                let bars = match self {
                    $(Self::$variant(it) => it.warm_up(),)+
                };
                let sessions = match self {
                    Self::Vwap(_) => 1,
                    Self::Pivots(_) => 2,
                    _ => 0,
                };
                WarmUp { bars, sessions }
            }
        }

        impl Persist for Indicator {
            fn save(&self, put: &mut dyn FnMut(f64)) {
                match self {
                    $(Self::$variant(it) => it.save(put),)+
                }
            }

            fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
                match self {
                    $(Self::$variant(it) => it.load(take),)+
                }
            }
        }

        $(
            impl From<$variant> for Indicator {
                fn from(it: $variant) -> Self {
                    Self::$variant(it)
                }
            }
        )+
    };
}

indicators! {
    Sma: |it, b, x, y, out| set(out, 0, it.update(x));
    Ema: |it, b, x, y, out| set(out, 0, it.update(x));
    Wma: |it, b, x, y, out| set(out, 0, it.update(x));
    Dema: |it, b, x, y, out| set(out, 0, it.update(x));
    Tema: |it, b, x, y, out| set(out, 0, it.update(x));
    Trima: |it, b, x, y, out| set(out, 0, it.update(x));
    T3: |it, b, x, y, out| set(out, 0, it.update(x));
    Kama: |it, b, x, y, out| set(out, 0, it.update(x));
    Hma: |it, b, x, y, out| set(out, 0, it.update(x));
    Wilder: |it, b, x, y, out| set(out, 0, it.update(x));
    Vwma: |it, b, x, y, out| set(out, 0, it.update(x, b.volume));
    Macd: |it, b, x, y, out| put!(out, it.update(x), line, signal, histogram);
    PriceOscillator: |it, b, x, y, out| {
        let lines = it.update(x);
        set(out, 0, lines.map(|v| v.absolute));
        set(out, 1, lines.and_then(|v| v.percent));
    };
    Rsi: |it, b, x, y, out| set(out, 0, it.update(x));
    Cmo: |it, b, x, y, out| set(out, 0, it.update(x));
    RateOfChange: |it, b, x, y, out| set(out, 0, it.update(x));
    Momentum: |it, b, x, y, out| set(out, 0, it.update(x));
    Trix: |it, b, x, y, out| set(out, 0, it.update(x));
    Stochastic: |it, b, x, y, out| put!(out, it.update(b.high, b.low, b.close), k, d);
    FastStochastic: |it, b, x, y, out| put!(out, it.update(b.high, b.low, b.close), k, d);
    StochasticRsi: |it, b, x, y, out| put!(out, it.update(x), k, d);
    WilliamsR: |it, b, x, y, out| set(out, 0, it.update(b.high, b.low, b.close));
    Cci: |it, b, x, y, out| set(out, 0, it.update(b.high, b.low, b.close));
    Aroon: |it, b, x, y, out| put!(out, it.update(b.high, b.low), up, down, oscillator);
    BalanceOfPower: |it, b, x, y, out| set(out, 0, it.update(b.open, b.high, b.low, b.close));
    UltimateOscillator: |it, b, x, y, out| set(out, 0, it.update(b.high, b.low, b.close));
    DirectionalMovement: |it, b, x, y, out| put!(out, it.update(b.high, b.low), plus, minus);
    DirectionalIndex: |it, b, x, y, out| put!(out, it.update(b.high, b.low, b.close), plus, minus, dx);
    Adx: |it, b, x, y, out| put!(out, it.update(b.high, b.low, b.close), adx, plus, minus);
    Adxr: |it, b, x, y, out| set(out, 0, it.update(b.high, b.low, b.close));
    Supertrend: |it, b, x, y, out| put!(out, it.update(b.high, b.low, b.close), line, direction);
    ParabolicSar: |it, b, x, y, out| put!(out, it.update(b.high, b.low), stop, direction);
    Ichimoku: |it, b, x, y, out| {
        let lines = it.update(b.high, b.low, b.close);
        set(out, 0, lines.and_then(|v| v.tenkan));
        set(out, 1, lines.and_then(|v| v.kijun));
        set(out, 2, lines.and_then(|v| v.senkou_a));
        set(out, 3, lines.and_then(|v| v.senkou_b));
        set(out, 4, lines.and_then(|v| v.leading_a));
        set(out, 5, lines.and_then(|v| v.leading_b));
        set(out, 6, lines.map(|v| v.chikou));
    };
    HeikinAshi: |it, b, x, y, out| {
        put!(out, it.update(b.open, b.high, b.low, b.close), open, high, low, close);
    };
    Bollinger: |it, b, x, y, out| {
        let bands = it.update(x);
        put!(out, bands, upper, middle, lower);
        // Two divisions that are rarely asked for.
        if out.len() > 3 {
            set(out, 3, bands.and_then(|v| v.percent_b(x)));
            set(out, 4, bands.and_then(|v| v.bandwidth()));
        }
    };
    Keltner: |it, b, x, y, out| put!(out, it.update(b.high, b.low, b.close), upper, middle, lower);
    Donchian: |it, b, x, y, out| put!(out, it.update(b.high, b.low), upper, middle, lower);
    Highest: |it, b, x, y, out| put!(out, it.update(x), value, bars_ago);
    Lowest: |it, b, x, y, out| put!(out, it.update(x), value, bars_ago);
    TrueRange: |it, b, x, y, out| set(out, 0, it.update(b.high, b.low, b.close));
    Atr: |it, b, x, y, out| set(out, 0, it.update(b.high, b.low, b.close));
    Natr: |it, b, x, y, out| set(out, 0, it.update(b.high, b.low, b.close));
    StandardDeviation: |it, b, x, y, out| {
        let deviation = it.update(x);
        set(out, 0, deviation);
        set(out, 1, deviation.and(it.variance()));
    };
    ZScore: |it, b, x, y, out| set(out, 0, it.update(x));
    RealisedVolatility: |it, b, x, y, out| set(out, 0, it.update(x));
    EwmaVolatility: |it, b, x, y, out| set(out, 0, it.update(x));
    Obv: |it, b, x, y, out| set(out, 0, it.update(x, b.volume));
    AccumulationDistribution: |it, b, x, y, out| set(out, 0, it.update(b.high, b.low, b.close, b.volume));
    ChaikinOscillator: |it, b, x, y, out| set(out, 0, it.update(b.high, b.low, b.close, b.volume));
    MoneyFlowIndex: |it, b, x, y, out| set(out, 0, it.update(b.high, b.low, b.close, b.volume));
    ChaikinMoneyFlow: |it, b, x, y, out| set(out, 0, it.update(b.high, b.low, b.close, b.volume));
    Vwap: |it, b, x, y, out| set(out, 0, it.update(b.opened, b.high, b.low, b.close, b.volume));
    Pivots: |it, b, x, y, out| {
        let levels = it.update(b.opened, b.high, b.low, b.close);
        set(out, 0, levels.map(|v| v.pivot));
        for i in 0..3 {
            set(out, 2 * i + 1, levels.map(|v| v.resistance[i]));
            set(out, 2 * i + 2, levels.map(|v| v.support[i]));
        }
        set(out, 7, levels.and_then(|v| v.fourth).map(|[resistance, _]| resistance));
        set(out, 8, levels.and_then(|v| v.fourth).map(|[_, support]| support));
    };
    LinearRegression: |it, b, x, y, out| {
        let fit = it.update(x);
        put!(out, fit, line, slope, intercept, forecast);
        set(out, 4, fit.and_then(|v| v.r2));
        // An arc tangent that is rarely asked for.
        if out.len() > 5 {
            set(out, 5, fit.map(|v| v.angle()));
        }
    };
    PercentileRank: |it, b, x, y, out| set(out, 0, it.update(x));
    Correlation: |it, b, x, y, out| set(out, 0, it.update(x, y));
    Beta: |it, b, x, y, out| set(out, 0, it.update(x, y));
    Hurst: |it, b, x, y, out| set(out, 0, it.update(x));
    CandlePattern: |it, b, x, y, out| set(out, 0, it.update(b.open, b.high, b.low, b.close));
}
