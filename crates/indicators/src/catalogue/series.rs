//! The rows of indicators that run on a series.

use super::{Descriptor, Input, Parameter, ParameterKind};
use crate::averages::{Ema, Seed, Sma, Wilder, Wma};
use crate::channels::{Bollinger, Highest, Lowest};
use crate::hurst::Hurst;
use crate::momentum::{Macd, Momentum, PriceOscillator, RateOfChange, Rsi, Trix};
use crate::oscillators::{Cmo, StochasticRsi};
use crate::smoothing::{Dema, Hma, Kama, T3, Tema, Trima, Vwma};
use crate::statistics::{Basis, Beta, Correlation, LinearRegression, PercentileRank};
use crate::volatility::{EwmaVolatility, RealisedVolatility, StandardDeviation, ZScore};
use crate::volume::Obv;
use crate::{MAX_PERIOD, catalogue::setting::Arguments};

/// A row: name, title, family; inputs; parameters; outputs; formula; source; warm-up; constructor.
macro_rules! row {
    (
        $name:literal, $title:literal, $family:ident, $inputs:expr, [$($parameter:expr),* $(,)?],
        [$($output:literal: $unit:ident),+ $(,)?], $formula:literal, $source:literal, $warm_up:literal,
        |$arguments:ident| $make:expr
    ) => {
        $crate::catalogue::Descriptor {
            name: $name,
            title: $title,
            family: $crate::catalogue::Family::$family,
            inputs: $inputs,
            parameters: &[$($parameter),*],
            outputs: &[
                $($crate::catalogue::Output { name: $output, unit: $crate::catalogue::Unit::$unit }),+
            ],
            formula: $formula,
            source: $source,
            warm_up: $warm_up,
            make: |$arguments| Ok($make.into()),
        }
    };
}
pub(super) use row;

/// A number of bars from 1 up.
pub(super) const fn bars(name: &'static str, default: usize, description: &'static str) -> Parameter {
    whole(name, default, 1, MAX_PERIOD, description)
}

/// A whole number within bounds.
pub(super) const fn whole(
    name: &'static str,
    default: usize,
    min: usize,
    max: usize,
    description: &'static str,
) -> Parameter {
    Parameter { name, kind: ParameterKind::Whole { default, min, max }, description }
}

/// A number within bounds.
pub(super) const fn number(
    name: &'static str,
    default: f64,
    min: f64,
    max: f64,
    description: &'static str,
) -> Parameter {
    Parameter { name, kind: ParameterKind::Number { default, min, max }, description }
}

/// One of several words, the first when none is given.
pub(super) const fn choice(
    name: &'static str,
    allowed: &'static [&'static str],
    description: &'static str,
) -> Parameter {
    Parameter { name, kind: ParameterKind::Choice { default: allowed[0], allowed }, description }
}

const SERIES: &[Input] = &[Input::Series];
const SERIES_AND_VOLUME: &[Input] = &[Input::Series, Input::Volume];
const PAIR: &[Input] = &[Input::Series, Input::Second];

const BARS_A_YEAR: Parameter =
    number("bars_a_year", 1.0, 1.0, 31_622_400.0, "Scales to a year of so many bars; 1 leaves it per bar");
const BASIS: &[&str] = &["returns", "levels"];

fn basis(arguments: &Arguments<'_>, place: usize) -> Basis {
    if arguments.choice(place) == "levels" { Basis::Levels } else { Basis::Returns }
}

pub(super) static ROWS: &[Descriptor] = &[
    row!(
        "sma", "Simple moving average", Average, SERIES, [bars("period", 20, "Bars averaged")],
        ["value": Level], "mean of the last n values", "TA-Lib SMA", "n", |a| Sma::new(a.whole(0))?
    ),
    row!(
        "ema", "Exponential moving average", Average, SERIES,
        [
            bars("period", 20, "Bars; the newest weighs 2/(n+1)"),
            choice("seed", &["sma", "first"], "Start from the mean of the first n values, or from the first value")
        ],
        ["value": Level], "e = a·x + (1-a)·e[1], a = 2/(n+1)", "TA-Lib EMA (seed sma); pandas ewm(adjust=False) (seed first)",
        "n", |a| Ema::with_seed(a.whole(0), if a.choice(1) == "first" { Seed::First } else { Seed::Sma })?
    ),
    row!(
        "wma", "Linearly weighted moving average", Average, SERIES, [bars("period", 20, "Bars averaged")],
        ["value": Level], "Σ k·x / Σ k, k = 1 for the oldest … n for the newest", "TA-Lib WMA", "n",
        |a| Wma::new(a.whole(0))?
    ),
    row!(
        "dema", "Double exponential moving average", Average, SERIES, [bars("period", 20, "Bars of each EMA")],
        ["value": Level], "2·e1 - e2, e2 = EMA(e1), e1 = EMA(x)", "Mulloy 1994; TA-Lib DEMA", "2n - 1",
        |a| Dema::new(a.whole(0))?
    ),
    row!(
        "tema", "Triple exponential moving average", Average, SERIES, [bars("period", 20, "Bars of each EMA")],
        ["value": Level], "3·e1 - 3·e2 + e3, each e the EMA of the one before", "Mulloy 1994; TA-Lib TEMA", "3n - 2",
        |a| Tema::new(a.whole(0))?
    ),
    row!(
        "trima", "Triangular moving average", Average, SERIES, [bars("period", 20, "Bars averaged")],
        ["value": Level], "SMA of an SMA, (n+1)/2 bars each (n/2 and n/2 + 1 for even n)", "TA-Lib TRIMA", "n",
        |a| Trima::new(a.whole(0))?
    ),
    row!(
        "t3", "Tillson's T3", Average, SERIES,
        [bars("period", 5, "Bars of each EMA"), number("factor", 0.7, 0.0, 1.0, "Volume factor: 0 is smooth, 1 is quick")],
        ["value": Level], "-v³·e6 + 3(v²+v³)·e5 - (6v²+3v+3v³)·e4 + (1+3v+3v²+v³)·e3", "Tillson 1998; TA-Lib T3",
        "6n - 5", |a| T3::new(a.whole(0), a.number(1))?
    ),
    row!(
        "kama", "Kaufman's adaptive moving average", Average, SERIES, [bars("period", 10, "Bars over which efficiency is measured")],
        ["value": Level], "k = k[1] + c·(x - k[1]), c = (E·(2/3 - 2/31) + 2/31)², E = |x - x[n]| / Σ|Δx|",
        "Kaufman; TA-Lib KAMA (fast 2, slow 30)", "n + 1", |a| Kama::new(a.whole(0))?
    ),
    row!(
        "hma", "Hull moving average", Average, SERIES, [bars("period", 16, "Bars of the slowest average")],
        ["value": Level], "WMA(√n) of 2·WMA(n/2) - WMA(n)", "Hull 2005", "n + ⌊√n⌋ - 1", |a| Hma::new(a.whole(0))?
    ),
    row!(
        "wilder", "Wilder's smoothing (RMA, SMMA)", Average, SERIES, [bars("period", 14, "Bars; the newest weighs 1/n")],
        ["value": Level], "w = (w[1]·(n-1) + x) / n, from the mean of the first n values", "Wilder 1978; inside TA-Lib RSI and ATR",
        "n", |a| Wilder::new(a.whole(0))?
    ),
    row!(
        "vwma", "Volume-weighted moving average", Average, SERIES_AND_VOLUME, [bars("period", 20, "Bars averaged")],
        ["value": Level], "Σ x·volume / Σ volume", "Dormeier 2011; TradingView ta.vwma", "n", |a| Vwma::new(a.whole(0))?
    ),
    row!(
        "macd", "Moving average convergence/divergence", Momentum, SERIES,
        [
            bars("fast", 12, "Bars of the fast EMA"), bars("slow", 26, "Bars of the slow EMA"),
            bars("signal", 9, "Bars of the EMA of the line")
        ],
        ["line": Distance, "signal": Distance, "histogram": Distance],
        "line = EMA(fast) - EMA(slow), signal = EMA(line), histogram = line - signal",
        "Appel; TA-Lib MACD (both averages start on bar slow - 1)", "slow + signal - 1",
        |a| Macd::new(a.whole(0), a.whole(1), a.whole(2))?
    ),
    row!(
        "price_oscillator", "Price oscillator (APO, PPO)", Momentum, SERIES,
        [bars("fast", 12, "Bars of the fast EMA"), bars("slow", 26, "Bars of the slow EMA")],
        ["absolute": Distance, "percent": Percent], "EMA(fast) - EMA(slow), and in percent of EMA(slow)",
        "TA-Lib APO and PPO with EMA", "slow", |a| PriceOscillator::new(a.whole(0), a.whole(1))?
    ),
    row!(
        "rsi", "Relative strength index", Momentum, SERIES, [bars("period", 14, "Changes averaged")],
        ["value": Percent], "100·g / (g + l), g and l Wilder's averages of gains and losses; 0 where nothing moved",
        "Wilder 1978; TA-Lib RSI", "n + 1", |a| Rsi::new(a.whole(0))?
    ),
    row!(
        "cmo", "Chande momentum oscillator", Momentum, SERIES, [bars("period", 14, "Changes averaged")],
        ["value": Percent], "100·(g - l) / (g + l), g and l as in rsi", "Chande and Kroll 1994; TA-Lib CMO (Wilder smoothed)",
        "n + 1", |a| Cmo::new(a.whole(0))?
    ),
    row!(
        "roc", "Rate of change", Momentum, SERIES, [bars("period", 10, "Bars looked back")],
        ["value": Percent], "100·(x / x[n] - 1)", "TA-Lib ROC", "n + 1", |a| RateOfChange::new(a.whole(0))?
    ),
    row!(
        "momentum", "Momentum", Momentum, SERIES, [bars("period", 10, "Bars looked back")],
        ["value": Distance], "x - x[n]", "TA-Lib MOM", "n + 1", |a| Momentum::new(a.whole(0))?
    ),
    row!(
        "trix", "TRIX", Momentum, SERIES, [bars("period", 15, "Bars of each EMA")],
        ["value": Percent], "100·(e3 / e3[1] - 1), e3 = EMA of EMA of EMA", "Hutson 1983; TA-Lib TRIX", "3n - 1",
        |a| Trix::new(a.whole(0))?
    ),
    row!(
        "stochrsi", "Stochastic RSI", Oscillator, SERIES,
        [
            bars("period", 14, "Changes averaged by the RSI"), bars("k", 5, "Bars of RSI looked back"),
            bars("d", 3, "Values of %K averaged to %D")
        ],
        ["k": Percent, "d": Percent], "%K = 100·(RSI - lowest) / (highest - lowest) of RSI, unsmoothed; %D = SMA(%K)",
        "Chande and Kroll 1994; TA-Lib STOCHRSI", "period + k + d - 1",
        |a| StochasticRsi::new(a.whole(0), a.whole(1), a.whole(2))?
    ),
    row!(
        "bollinger", "Bollinger bands", Channel, SERIES,
        [bars("period", 20, "Bars averaged"), number("width", 2.0, 0.001, 1000.0, "Standard deviations to each side")],
        ["upper": Level, "middle": Level, "lower": Level, "percent_b": Ratio, "bandwidth": Ratio],
        "SMA ± k·sd (ddof 0); %b = (x - lower) / (upper - lower), bandwidth = (upper - lower) / middle",
        "Bollinger 2001; TA-Lib BBANDS", "n", |a| Bollinger::new(a.whole(0), a.number(1))?
    ),
    row!(
        "highest", "Highest value", Channel, SERIES, [bars("period", 20, "Bars looked at, the last included")],
        ["level": Level, "bars_ago": Bars], "max of the last n values; of equal ones the latest", "TA-Lib MAX, MAXINDEX",
        "n", |a| Highest::new(a.whole(0))?
    ),
    row!(
        "lowest", "Lowest value", Channel, SERIES, [bars("period", 20, "Bars looked at, the last included")],
        ["level": Level, "bars_ago": Bars], "min of the last n values; of equal ones the latest", "TA-Lib MIN, MININDEX",
        "n", |a| Lowest::new(a.whole(0))?
    ),
    row!(
        "stddev", "Standard deviation", Volatility, SERIES, [bars("period", 20, "Bars looked at")],
        ["deviation": Distance, "variance": Squared], "sqrt(mean((x - mean)²)) (ddof 0), and its square",
        "TA-Lib STDDEV, VAR", "n", |a| StandardDeviation::new(a.whole(0))?
    ),
    row!(
        "zscore", "Z-score", Volatility, SERIES, [bars("period", 20, "Bars looked at, the last included")],
        ["value": Ratio], "(x - mean) / sd (ddof 0)", "definition; pandas-ta divides by the sample's deviation", "n",
        |a| ZScore::new(a.whole(0))?
    ),
    row!(
        "realised_volatility", "Realised volatility", Volatility, SERIES,
        [bars("period", 20, "Returns looked at"), BARS_A_YEAR],
        ["value": Ratio], "sqrt(b·mean(r²)), r = ln(x / x[1])", "Andersen, Bollerslev, Diebold, Labys 2001", "n + 1",
        |a| RealisedVolatility::new(a.whole(0), a.number(1))?
    ),
    row!(
        "ewma_volatility", "EWMA volatility", Volatility, SERIES,
        [
            number("lambda", 0.94, 0.0, 0.999_999, "Share of yesterday's variance that is kept"),
            bars("period", 20, "Returns whose mean square is the start"), BARS_A_YEAR
        ],
        ["value": Ratio], "sqrt(b·v), v = λ·v[1] + (1-λ)·r², r = ln(x / x[1])", "RiskMetrics 1996", "n + 1",
        |a| EwmaVolatility::new(a.number(0), a.whole(1), a.number(2))?
    ),
    row!(
        "obv", "On-balance volume", Volume, SERIES_AND_VOLUME, [],
        ["value": Volume], "v = v[1] ± volume by the sign of x - x[1], from volume[0]", "Granville 1963; TA-Lib OBV", "1",
        |_a| Obv::new()
    ),
    row!(
        "linreg", "Linear regression", Statistics, SERIES, [whole("period", 14, 2, MAX_PERIOD, "Bars the line goes through")],
        ["line": Level, "slope": Distance, "intercept": Level, "forecast": Level, "r2": Ratio, "angle": Degrees],
        "least squares on the bar number; slope = Σ(k - k̄)(x - x̄) / Σ(k - k̄)², r² = slope·Σ(k - k̄)(x - x̄) / Σ(x - x̄)²",
        "TA-Lib LINEARREG, _SLOPE, _INTERCEPT, _ANGLE, TSF", "n", |a| LinearRegression::new(a.whole(0))?
    ),
    row!(
        "percentile_rank", "Percentile rank", Statistics, SERIES, [bars("period", 100, "Values before the last one")],
        ["value": Percent], "share of the n values before that are ≤ x, in percent", "TradingView ta.percentrank", "n + 1",
        |a| PercentileRank::new(a.whole(0))?
    ),
    row!(
        "hurst", "Hurst exponent", Statistics, SERIES, [whole("period", 500, 100, 10_000, "Prices looked at")],
        ["value": Ratio], "slope of log(mean R/S) over log(length of pieces); < 0.5 returns, > 0.5 trends",
        "Hurst 1951; Python package hurst 0.0.5, kind price", "n", |a| Hurst::new(a.whole(0))?
    ),
    row!(
        "correlation", "Correlation of two series", Statistics, PAIR,
        [
            whole("period", 30, 2, MAX_PERIOD, "Bars looked at"),
            choice("of", BASIS, "Returns from bar to bar, or the levels themselves")
        ],
        ["value": Ratio], "Σ(x - x̄)(y - ȳ) / sqrt(Σ(x - x̄)²·Σ(y - ȳ)²)", "Pearson; TA-Lib CORREL (of levels)",
        "n, 1 more of returns", |a| Correlation::new(a.whole(0), basis(a, 1))?
    ),
    row!(
        "beta", "Beta against a benchmark", Statistics, PAIR,
        [
            whole("period", 30, 2, MAX_PERIOD, "Bars looked at"),
            choice("of", BASIS, "Returns from bar to bar, or the levels themselves")
        ],
        ["value": Ratio], "Σ(x - x̄)(y - ȳ) / Σ(y - ȳ)², y the second series", "Sharpe 1963; TA-Lib BETA (of returns)",
        "n, 1 more of returns", |a| Beta::new(a.whole(0), basis(a, 1))?
    ),
];
