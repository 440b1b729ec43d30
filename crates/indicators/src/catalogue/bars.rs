//! The rows of indicators that run on bars.

use super::series::{bars, choice, number, row, whole};
use super::{Descriptor, Input, Parameter};
use crate::MAX_PERIOD;
use crate::calendar::{Anchor, Every, Zone};
use crate::catalogue::setting::Arguments;
use crate::channels::{Donchian, Keltner};
use crate::directional::{Adx, Adxr, DirectionalIndex, DirectionalMovement};
use crate::oscillators::{
    Aroon, BalanceOfPower, Cci, FastStochastic, Stochastic, UltimateOscillator, WilliamsR,
};
use crate::patterns::{CandlePattern, Pattern};
use crate::sessions::{PivotMethod, Pivots, Vwap};
use crate::trend::{HeikinAshi, Ichimoku, ParabolicSar, Supertrend, SupertrendRule};
use crate::volatility::{Atr, Natr, TrueRange};
use crate::volume::{AccumulationDistribution, ChaikinMoneyFlow, ChaikinOscillator, MoneyFlowIndex};

const HL: &[Input] = &[Input::High, Input::Low];
const HLC: &[Input] = &[Input::High, Input::Low, Input::Close];
const OHLC: &[Input] = &[Input::Open, Input::High, Input::Low, Input::Close];
const HLCV: &[Input] = &[Input::High, Input::Low, Input::Close, Input::Volume];
const TIMED: &[Input] = &[Input::Time, Input::High, Input::Low, Input::Close];
const TIMED_VOLUME: &[Input] = &[Input::Time, Input::High, Input::Low, Input::Close, Input::Volume];

/// Wilder's directional sums need two bars.
const DIRECTIONAL: Parameter = whole("period", 14, 2, MAX_PERIOD, "Bars smoothed");

const ZONE: Parameter = choice(
    "zone",
    &["utc", "new_york", "chicago", "london", "frankfurt", "tokyo", "hong_kong", "singapore", "sydney"],
    "Whose clock tells when a session begins; daylight saving included",
);
const EVERY: Parameter = choice("every", &["day", "week", "month"], "How often a session begins");
const START: Parameter = whole("start", 0, 0, 1439, "Minutes after local midnight at which a session begins");

/// The anchor that the parameters [`ZONE`], [`EVERY`] and [`START`] at a place and after it name.
fn anchor(arguments: &Arguments<'_>, place: usize) -> Anchor {
    let zone = Zone::named(arguments.choice(place)).unwrap_or_default();
    let every = Every::ALL.into_iter().find(|every| every.name() == arguments.choice(place + 1));
    let minute = u16::try_from(arguments.whole(place + 2)).unwrap_or_default();
    // The parameter's range is the range of the anchor.
    Anchor::new(zone, every.unwrap_or_default(), minute).unwrap_or_default()
}

fn rule(arguments: &Arguments<'_>, place: usize) -> SupertrendRule {
    if arguments.choice(place) == "previous" {
        SupertrendRule::PreviousBand
    } else {
        SupertrendRule::CurrentBand
    }
}

fn method(arguments: &Arguments<'_>, place: usize) -> PivotMethod {
    let named = |method: &PivotMethod| method.name() == arguments.choice(place);
    PivotMethod::ALL.into_iter().find(named).unwrap_or_default()
}

const PATTERNS: &[&str] = &{
    let mut names = [""; Pattern::ALL.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = Pattern::ALL[at].name();
        at += 1;
    }
    names
};

fn pattern(arguments: &Arguments<'_>, place: usize) -> Pattern {
    let named = |pattern: &Pattern| pattern.name() == arguments.choice(place);
    Pattern::ALL.into_iter().find(named).unwrap_or(Pattern::Doji)
}

pub(super) static ROWS: &[Descriptor] = &[
    row!(
        "stochastic", "Slow stochastic", Oscillator, HLC,
        [
            bars("k", 14, "Bars looked back"), bars("slow", 3, "Values averaged to %K"), bars("d", 3, "Values of %K averaged to %D")
        ],
        ["k": Percent, "d": Percent], "%K = SMA(100·(close - LL) / (HH - LL)), %D = SMA(%K)", "Lane; TA-Lib STOCH",
        "k + slow + d - 2", |a| Stochastic::new(a.whole(0), a.whole(1), a.whole(2))?
    ),
    row!(
        "stochastic_fast", "Fast stochastic", Oscillator, HLC,
        [bars("k", 5, "Bars looked back"), bars("d", 3, "Values of %K averaged to %D")],
        ["k": Percent, "d": Percent], "%K = 100·(close - LL) / (HH - LL), %D = SMA(%K)", "Lane; TA-Lib STOCHF",
        "k + d - 1", |a| FastStochastic::new(a.whole(0), a.whole(1))?
    ),
    row!(
        "williams_r", "Williams %R", Oscillator, HLC, [bars("period", 14, "Bars looked back")],
        ["value": Percent], "-100·(HH - close) / (HH - LL), -100 to 0", "Williams 1973; TA-Lib WILLR", "n",
        |a| WilliamsR::new(a.whole(0))?
    ),
    row!(
        "cci", "Commodity channel index", Oscillator, HLC, [bars("period", 20, "Bars looked back")],
        ["value": Ratio], "(p - SMA(p)) / (0.015·mean|p - SMA(p)|), p = (high + low + close)/3", "Lambert 1980; TA-Lib CCI",
        "n", |a| Cci::new(a.whole(0))?
    ),
    row!(
        "aroon", "Aroon", Oscillator, HL, [bars("period", 25, "Bars looked back, and one more")],
        ["up": Percent, "down": Percent, "oscillator": Percent],
        "100·(n - bars since the highest high (lowest low) of n + 1 bars) / n; up - down", "Chande 1995; TA-Lib AROON",
        "n + 1", |a| Aroon::new(a.whole(0))?
    ),
    row!(
        "bop", "Balance of power", Oscillator, OHLC, [],
        ["value": Ratio], "(close - open) / (high - low)", "Livshin 2001; TA-Lib BOP", "1", |_a| BalanceOfPower::new()
    ),
    row!(
        "ultimate_oscillator", "Ultimate oscillator", Oscillator, HLC,
        [
            bars("first", 7, "A period"), bars("second", 14, "Another"), bars("third", 28, "A third; the shortest weighs most")
        ],
        ["value": Percent], "100·(4·a1 + 2·a2 + a3)/7, a = Σ(close - true low) / Σ(true range) over each period",
        "Williams 1985; TA-Lib ULTOSC", "longest + 1",
        |a| UltimateOscillator::new(a.whole(0), a.whole(1), a.whole(2))?
    ),
    row!(
        "dm", "Directional movement", Trend, HL, [DIRECTIONAL],
        ["plus": Distance, "minus": Distance], "Wilder's sums of the larger of high - high[1] and low[1] - low, if positive",
        "Wilder 1978; TA-Lib PLUS_DM, MINUS_DM", "n", |a| DirectionalMovement::new(a.whole(0))?
    ),
    row!(
        "di", "Directional index", Trend, HLC, [DIRECTIONAL],
        ["plus": Percent, "minus": Percent, "dx": Percent],
        "±DI = 100·±DM / TR, DX = 100·|+DI - -DI| / (+DI + -DI)", "Wilder 1978; TA-Lib PLUS_DI, MINUS_DI, DX", "n + 1",
        |a| DirectionalIndex::new(a.whole(0))?
    ),
    row!(
        "adx", "Average directional index", Trend, HLC, [DIRECTIONAL],
        ["adx": Percent, "plus": Percent, "minus": Percent], "Wilder's average of DX; with +DI and -DI",
        "Wilder 1978; TA-Lib ADX", "2n", |a| Adx::new(a.whole(0))?
    ),
    row!(
        "adxr", "Average directional index rating", Trend, HLC, [DIRECTIONAL],
        ["value": Percent], "(ADX + ADX[n-1]) / 2", "Wilder 1978; TA-Lib ADXR", "3n - 1", |a| Adxr::new(a.whole(0))?
    ),
    row!(
        "supertrend", "Supertrend", Trend, HLC,
        [
            bars("period", 10, "Bars of the ATR"), number("width", 3.0, 0.0, 1000.0, "Average true ranges to each side"),
            choice("rule", &["current", "previous"], "Turn on the bands of the bar itself (TradingView) or of the bar before")
        ],
        ["line": Level, "direction": Sign],
        "(high + low)/2 ± k·ATR; a band gives way only once the close has passed it; the line is the band behind the price",
        "Seban; TradingView ta.supertrend", "n + 1", |a| Supertrend::new(a.whole(0), a.number(1), rule(a, 2))?
    ),
    row!(
        "sar", "Parabolic stop and reverse", Trend, HL,
        [
            number("step", 0.02, 0.0, 1.0, "Acceleration added by each new extreme"),
            number("max", 0.2, 0.0, 1.0, "Largest acceleration")
        ],
        ["stop": Level, "direction": Sign],
        "s = s[1] + a·(extreme - s[1]), a grows by step with each new extreme, outside the last two bars; reverses when touched",
        "Wilder 1978; TA-Lib SAR", "2", |a| ParabolicSar::new(a.number(0), a.number(1))?
    ),
    row!(
        "ichimoku", "Ichimoku Kinko Hyo", Trend, HLC,
        [
            bars("short", 9, "Bars of tenkan"), bars("middle", 26, "Bars of kijun"), bars("long", 52, "Bars of span B"),
            whole("displacement", 26, 0, MAX_PERIOD, "Bars the cloud is drawn ahead")
        ],
        [
            "tenkan": Level, "kijun": Level, "senkou_a": Level, "senkou_b": Level, "leading_a": Level,
            "leading_b": Level, "chikou": Level
        ],
        "middles of ranges, (HH + LL)/2; span A = (tenkan + kijun)/2; senkou = the span of displacement bars ago",
        "Hosoda 1969; TradingView draws 25 bars ahead", "long + displacement",
        |a| Ichimoku::new(a.whole(0), a.whole(1), a.whole(2), a.whole(3))?
    ),
    row!(
        "heikin_ashi", "Heikin-Ashi", Trend, OHLC, [],
        ["open": Level, "high": Level, "low": Level, "close": Level],
        "close = (o+h+l+c)/4, open = (open[1] + close[1])/2 from (o+c)/2, high and low include both", "Valcu 2004", "1",
        |_a| HeikinAshi::new()
    ),
    row!(
        "keltner", "Keltner channel", Channel, HLC,
        [
            bars("period", 20, "Bars of the EMA"), bars("range", 10, "Bars of the ATR"),
            number("width", 2.0, 0.0, 1000.0, "Average true ranges to each side")
        ],
        ["upper": Level, "middle": Level, "lower": Level], "EMA(close) ± k·ATR", "Keltner 1960, Raschke; TA-Lib EMA and ATR",
        "max(period, range + 1)", |a| Keltner::new(a.whole(0), a.whole(1), a.number(2))?
    ),
    row!(
        "donchian", "Donchian channel", Channel, HL, [bars("period", 20, "Bars looked at, the last included")],
        ["upper": Level, "middle": Level, "lower": Level], "highest high, lowest low, their mean", "Donchian; TA-Lib MAX, MIN",
        "n", |a| Donchian::new(a.whole(0))?
    ),
    row!(
        "true_range", "True range", Volatility, HLC, [],
        ["value": Distance], "max(high, close[1]) - min(low, close[1])", "Wilder 1978; TA-Lib TRANGE", "2", |_a| TrueRange::new()
    ),
    row!(
        "atr", "Average true range", Volatility, HLC, [bars("period", 14, "True ranges averaged")],
        ["value": Distance], "Wilder's average of the true range, from bar 1 on", "Wilder 1978; TA-Lib ATR", "n + 1",
        |a| Atr::new(a.whole(0))?
    ),
    row!(
        "natr", "Normalised average true range", Volatility, HLC, [bars("period", 14, "True ranges averaged")],
        ["value": Percent], "100·ATR / close", "Forman 2006; TA-Lib NATR", "n + 1", |a| Natr::new(a.whole(0))?
    ),
    row!(
        "ad", "Accumulation/distribution line", Volume, HLCV, [],
        ["value": Volume], "Σ volume·((close - low) - (high - close)) / (high - low), 0 for a bar without range",
        "Chaikin; TA-Lib AD", "1", |_a| AccumulationDistribution::new()
    ),
    row!(
        "chaikin_oscillator", "Chaikin oscillator", Volume, HLCV,
        [bars("fast", 3, "Bars of the fast EMA"), bars("slow", 10, "Bars of the slow EMA")],
        ["value": Volume], "EMA(ad, fast) - EMA(ad, slow), both from ad[0]", "Chaikin; TA-Lib ADOSC", "slow",
        |a| ChaikinOscillator::new(a.whole(0), a.whole(1))?
    ),
    row!(
        "mfi", "Money flow index", Volume, HLCV, [bars("period", 14, "Changes looked at")],
        ["value": Percent], "100·p / (p + q), sums of typical price·volume of rising (p) and falling (q) bars",
        "Quong and Soudack 1989; TA-Lib MFI", "n + 1", |a| MoneyFlowIndex::new(a.whole(0))?
    ),
    row!(
        "cmf", "Chaikin money flow", Volume, HLCV, [bars("period", 20, "Bars looked at")],
        ["value": Ratio], "Σ volume·((close - low) - (high - close)) / (high - low), over Σ volume", "Chaikin", "n",
        |a| ChaikinMoneyFlow::new(a.whole(0))?
    ),
    row!(
        "vwap", "Volume-weighted average price of the session", Session, TIMED_VOLUME, [ZONE, EVERY, START],
        ["value": Level], "Σ p·volume / Σ volume since the session began, p = (high + low + close)/3",
        "Berkowitz, Logue, Noser 1988; TradingView ta.vwap", "1, from a session's start", |a| Vwap::new(anchor(a, 0))
    ),
    row!(
        "pivots", "Pivot points", Session, TIMED,
        [
            choice("method", &["classic", "fibonacci", "camarilla"], "How the levels follow from the session before"),
            ZONE, EVERY, START
        ],
        [
            "p": Level, "r1": Level, "s1": Level, "r2": Level, "s2": Level, "r3": Level, "s3": Level, "r4": Level,
            "s4": Level
        ],
        "from H, L, C of the session before: P = (H+L+C)/3; R1 = 2P - L, …; P ± 0.382(H-L), …; C ± 1.1(H-L)/12, … (r4, s4 camarilla only)",
        "floor traders; Scott 1989 (Camarilla)", "1, after a whole session", |a| Pivots::new(anchor(a, 1), method(a, 0))
    ),
    row!(
        "candle_pattern", "Candlestick pattern", Pattern, OHLC, [choice("pattern", PATTERNS, "Which pattern")],
        ["value": Sign], "100 up, -100 down, ±80 where bodies only touch, 0 none; long, short, near against the 10 (5) bars before",
        "Morris; TA-Lib CDL…, default candle settings", "11 and the candles looked back at, 0 to 3; engulfing 2",
        |a| CandlePattern::new(pattern(a, 0))
    ),
];
