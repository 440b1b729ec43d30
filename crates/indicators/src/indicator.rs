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

/// Writes outputs to where the caller wants them.
#[inline]
fn write<const N: usize>(out: &mut [Option<f64>], values: [Option<f64>; N]) {
    for (place, value) in out.iter_mut().zip(values) {
        *place = value;
    }
}

/// The outputs of a struct of numbers that exists or does not.
#[inline]
fn all<T, const N: usize>(value: Option<T>, fields: impl FnOnce(T) -> [f64; N]) -> [Option<f64>; N] {
    match value {
        Some(value) => fields(value).map(Some),
        None => [None; N],
    }
}

macro_rules! indicators {
    ($($variant:ident: |$it:ident, $bar:ident, $x:ident, $y:ident| $outputs:expr;)+) => {
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
            /// [`crate::catalogue::Descriptor::outputs`]; outputs for which `out` has no place are dropped.
            ///
            /// `series` holds the values an indicator of one or two series runs on (those that take
            /// [`Series`](crate::catalogue::Input::Series) and [`Second`](crate::catalogue::Input::Second)); the others
            /// do not look at it. A value that does not exist yet is no bar: leave the call out.
            #[expect(unused_variables, reason = "most indicators look at a part of the bar only")]
            #[inline]
            pub fn update(&mut self, bar: &Ohlcv, series: [f64; 2], out: &mut [Option<f64>]) {
                let [x, y] = series;
                match self {
                    $(Self::$variant($it) => {
                        let ($bar, $x, $y) = (bar, x, y);
                        write(out, $outputs);
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
    Sma: |it, b, x, y| [it.update(x)];
    Ema: |it, b, x, y| [it.update(x)];
    Wma: |it, b, x, y| [it.update(x)];
    Dema: |it, b, x, y| [it.update(x)];
    Tema: |it, b, x, y| [it.update(x)];
    Trima: |it, b, x, y| [it.update(x)];
    T3: |it, b, x, y| [it.update(x)];
    Kama: |it, b, x, y| [it.update(x)];
    Hma: |it, b, x, y| [it.update(x)];
    Wilder: |it, b, x, y| [it.update(x)];
    Vwma: |it, b, x, y| [it.update(x, b.volume)];
    Macd: |it, b, x, y| all(it.update(x), |v| [v.line, v.signal, v.histogram]);
    PriceOscillator: |it, b, x, y| {
        let lines = it.update(x);
        [lines.map(|v| v.absolute), lines.and_then(|v| v.percent)]
    };
    Rsi: |it, b, x, y| [it.update(x)];
    Cmo: |it, b, x, y| [it.update(x)];
    RateOfChange: |it, b, x, y| [it.update(x)];
    Momentum: |it, b, x, y| [it.update(x)];
    Trix: |it, b, x, y| [it.update(x)];
    Stochastic: |it, b, x, y| all(it.update(b.high, b.low, b.close), |v| [v.k, v.d]);
    FastStochastic: |it, b, x, y| all(it.update(b.high, b.low, b.close), |v| [v.k, v.d]);
    StochasticRsi: |it, b, x, y| all(it.update(x), |v| [v.k, v.d]);
    WilliamsR: |it, b, x, y| [it.update(b.high, b.low, b.close)];
    Cci: |it, b, x, y| [it.update(b.high, b.low, b.close)];
    Aroon: |it, b, x, y| all(it.update(b.high, b.low), |v| [v.up, v.down, v.oscillator]);
    BalanceOfPower: |it, b, x, y| [it.update(b.open, b.high, b.low, b.close)];
    UltimateOscillator: |it, b, x, y| [it.update(b.high, b.low, b.close)];
    DirectionalMovement: |it, b, x, y| all(it.update(b.high, b.low), |v| [v.plus, v.minus]);
    DirectionalIndex: |it, b, x, y| all(it.update(b.high, b.low, b.close), |v| [v.plus, v.minus, v.dx]);
    Adx: |it, b, x, y| all(it.update(b.high, b.low, b.close), |v| [v.adx, v.plus, v.minus]);
    Adxr: |it, b, x, y| [it.update(b.high, b.low, b.close)];
    Supertrend: |it, b, x, y| all(it.update(b.high, b.low, b.close), |v| [v.line, v.direction]);
    ParabolicSar: |it, b, x, y| all(it.update(b.high, b.low), |v| [v.stop, v.direction]);
    Ichimoku: |it, b, x, y| {
        match it.update(b.high, b.low, b.close) {
            Some(v) => {
                [v.tenkan, v.kijun, v.senkou_a, v.senkou_b, v.leading_a, v.leading_b, Some(v.chikou)]
            }
            None => [None; 7],
        }
    };
    HeikinAshi: |it, b, x, y| {
        all(it.update(b.open, b.high, b.low, b.close), |v| [v.open, v.high, v.low, v.close])
    };
    Bollinger: |it, b, x, y| {
        let bands = it.update(x);
        let [upper, middle, lower] = all(bands, |v| [v.upper, v.middle, v.lower]);
        [upper, middle, lower, bands.and_then(|v| v.percent_b(x)), bands.and_then(|v| v.bandwidth())]
    };
    Keltner: |it, b, x, y| all(it.update(b.high, b.low, b.close), |v| [v.upper, v.middle, v.lower]);
    Donchian: |it, b, x, y| all(it.update(b.high, b.low), |v| [v.upper, v.middle, v.lower]);
    Highest: |it, b, x, y| all(it.update(x), |v| [v.value, v.bars_ago]);
    Lowest: |it, b, x, y| all(it.update(x), |v| [v.value, v.bars_ago]);
    TrueRange: |it, b, x, y| [it.update(b.high, b.low, b.close)];
    Atr: |it, b, x, y| [it.update(b.high, b.low, b.close)];
    Natr: |it, b, x, y| [it.update(b.high, b.low, b.close)];
    StandardDeviation: |it, b, x, y| {
        let deviation = it.update(x);
        [deviation, deviation.and_then(|_| it.variance())]
    };
    ZScore: |it, b, x, y| [it.update(x)];
    RealisedVolatility: |it, b, x, y| [it.update(x)];
    EwmaVolatility: |it, b, x, y| [it.update(x)];
    Obv: |it, b, x, y| [it.update(x, b.volume)];
    AccumulationDistribution: |it, b, x, y| [it.update(b.high, b.low, b.close, b.volume)];
    ChaikinOscillator: |it, b, x, y| [it.update(b.high, b.low, b.close, b.volume)];
    MoneyFlowIndex: |it, b, x, y| [it.update(b.high, b.low, b.close, b.volume)];
    ChaikinMoneyFlow: |it, b, x, y| [it.update(b.high, b.low, b.close, b.volume)];
    Vwap: |it, b, x, y| [it.update(b.opened, b.high, b.low, b.close, b.volume)];
    Pivots: |it, b, x, y| {
        let levels = it.update(b.opened, b.high, b.low, b.close);
        let [p, r1, s1, r2, s2, r3, s3] = all(levels, |v| {
            let ([r1, r2, r3], [s1, s2, s3]) = (v.resistance, v.support);
            [v.pivot, r1, s1, r2, s2, r3, s3]
        });
        let [r4, s4] = all(levels.and_then(|v| v.fourth), |v| v);
        [p, r1, s1, r2, s2, r3, s3, r4, s4]
    };
    LinearRegression: |it, b, x, y| {
        let fit = it.update(x);
        let [line, slope, intercept, angle, forecast] =
            all(fit, |v| [v.line, v.slope, v.intercept, v.angle, v.forecast]);
        [line, slope, intercept, angle, forecast, fit.and_then(|v| v.r2)]
    };
    PercentileRank: |it, b, x, y| [it.update(x)];
    Correlation: |it, b, x, y| [it.update(x, y)];
    Beta: |it, b, x, y| [it.update(x, y)];
    Hurst: |it, b, x, y| [it.update(x)];
    CandlePattern: |it, b, x, y| [it.update(b.open, b.high, b.low, b.close)];
}
