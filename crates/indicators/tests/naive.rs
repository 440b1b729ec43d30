//! Streaming values against definitions computed as naively as possible from the whole history, on short markets of every
//! shape and on a million bars, where sums that drift would show.

use indicators::catalogue::{self, Setting, Spec};
use indicators::{Indicator, Ohlcv};
use proptest::prelude::*;
use units::{Prng, Span, Timestamp};

/// All outputs of an indicator after the given history, or `None` while it is too short.
type Naive = fn(&[Ohlcv], usize) -> Option<Vec<f64>>;

/// A name, its settings for a period `n`, the definition, and how many periods of history the last value depends on; 0 if
/// on all of it.
struct Row {
    name: &'static str,
    settings: fn(f64) -> Vec<f64>,
    naive: Naive,
    periods: usize,
}

const fn row(name: &'static str, settings: fn(f64) -> Vec<f64>, naive: Naive, periods: usize) -> Row {
    Row { name, settings, naive, periods }
}

const ROWS: &[Row] = &[
    row("sma", |n| vec![n], |h, n| Some(vec![mean(last(&closes(h), n)?)]), 1),
    row("wma", |n| vec![n], |h, n| Some(vec![wma(&closes(h), n)?]), 1),
    row("trima", |n| vec![n], |h, n| Some(vec![trima(&closes(h), n)?]), 1),
    row("hma", |n| vec![n], |h, n| Some(vec![hma(&closes(h), n)?]), 2),
    row("dema", |n| vec![n], |h, n| chain(&closes(h), n, &[2.0, -1.0]), 0),
    row("tema", |n| vec![n], |h, n| chain(&closes(h), n, &[3.0, -3.0, 1.0]), 0),
    row("t3", |n| vec![n, 0.5], |h, n| chain(&closes(h), n, &[0.0, 0.0, 3.375, -3.375, 1.125, -0.125]), 0),
    row("trix", |n| vec![n], trix, 0),
    row("kama", |n| vec![n], kama, 0),
    row("vwma", |n| vec![n], vwma, 1),
    row("price_oscillator", |n| vec![n, 2.0 * n], price_oscillator, 0),
    row("momentum", |n| vec![n], |h, n| last(&closes(h), n + 1).map(|w| vec![w[n] - w[0]]), 2),
    row("roc", |n| vec![n], |h, n| last(&closes(h), n + 1).map(|w| vec![100.0 * (w[n] - w[0]) / w[0]]), 2),
    row(
        "cmo",
        |n| vec![n],
        |h, n| {
            let r = rsi(&closes(h), n)?;
            Some(vec![2.0 * r - 100.0])
        },
        0,
    ),
    row("stochastic_fast", |n| vec![n, 3.0], |h, n| stochastic(&places(h, n), 3), 4),
    row("stochastic", |n| vec![n, 3.0, 2.0], |h, n| stochastic(&sma_all(&places(h, n), 3), 2), 4),
    row("stochrsi", |n| vec![n, 4.0, 2.0], stochrsi, 0),
    row("williams_r", |n| vec![n], |h, n| Some(vec![places(h, n).last()? - 100.0]), 1),
    row("cci", |n| vec![n], cci, 1),
    row("aroon", |n| vec![n], aroon, 2),
    row("bop", |_| vec![], |h, _| h.last().map(|b| vec![(b.close - b.open) / (b.high - b.low)]), 1),
    row("ultimate_oscillator", |n| vec![n, 2.0 * n, 3.0 * n], ultimate, 4),
    row("dm", |n| vec![n], |h, n| wilder_sums(h, n).map(|s| vec![s[0], s[1]]), 0),
    row("di", |n| vec![n], di, 0),
    row(
        "adx",
        |n| vec![n],
        |h, n| {
            let d = di(h, n)?;
            Some(vec![adx(h, n)?, d[0], d[1]])
        },
        0,
    ),
    row("adxr", |n| vec![n], |h, n| Some(vec![(adx(h, n)? + adx(h.get(..h.len() + 1 - n)?, n)?) / 2.0]), 0),
    row("ichimoku", |n| vec![n, n + 1.0, n + 2.0, 3.0], ichimoku, 4),
    row("heikin_ashi", |_| vec![], |h, _| heikin_ashi(h), 0),
    row("keltner", |n| vec![n, n + 1.0, 1.5], keltner, 0),
    row("natr", |n| vec![n], |h, n| Some(vec![100.0 * atr(h, n)? / h.last()?.close]), 0),
    row("donchian", |n| vec![n], donchian, 1),
    row("highest", |n| vec![n], |h, n| extreme(h, n, 1.0), 1),
    row("lowest", |n| vec![n], |h, n| extreme(h, n, -1.0), 1),
    row(
        "stddev",
        |n| vec![n],
        |h, n| {
            let v = variance(last(&closes(h), n)?);
            Some(vec![v.sqrt(), v])
        },
        1,
    ),
    row("zscore", |n| vec![n], zscore, 1),
    row("realised_volatility", |n| vec![n, 365.0], realised, 2),
    row("ewma_volatility", |n| vec![0.9, n, 1.0], ewma_volatility, 0),
    row("obv", |_| vec![], |h, _| Some(vec![obv(h)?]), 0),
    row("ad", |_| vec![], |h, _| ads(h).last().map(|x| vec![*x]), 0),
    row("chaikin_oscillator", |n| vec![n, n + 2.0], chaikin, 0),
    row("mfi", |n| vec![n], mfi, 2),
    row("cmf", |n| vec![n], cmf, 1),
    row("linreg", |n| vec![n], linreg, 1),
    row("percentile_rank", |n| vec![n], percentile_rank, 2),
    row("correlation", |n| vec![n], correlation, 2),
    row("beta", |n| vec![n], beta, 2),
    row("vwap", |_| vec![], |h, _| vwap(h), 0),
];

fn closes(h: &[Ohlcv]) -> Vec<f64> {
    h.iter().map(|b| b.close).collect()
}

fn last<T>(xs: &[T], n: usize) -> Option<&[T]> {
    xs.len().checked_sub(n).map(|from| &xs[from..])
}

fn mean(xs: &[f64]) -> f64 {
    xs.iter().sum::<f64>() / xs.len() as f64
}

fn variance(xs: &[f64]) -> f64 {
    let mean = mean(xs);
    xs.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / xs.len() as f64
}

fn wma(xs: &[f64], n: usize) -> Option<f64> {
    let weighted: f64 = last(xs, n)?.iter().zip(1..).map(|(x, k)| x * f64::from(k)).sum();
    Some(weighted / (n * (n + 1) / 2) as f64)
}

fn sma_all(xs: &[f64], n: usize) -> Vec<f64> {
    xs.windows(n).map(mean).collect()
}

/// The weights of a triangular average are a triangle.
fn trima(xs: &[f64], n: usize) -> Option<f64> {
    let weights: Vec<f64> = (1..=n).map(|k| k.min(n + 1 - k) as f64).collect();
    let weighted: f64 = last(xs, n)?.iter().zip(&weights).map(|(x, w)| x * w).sum();
    Some(weighted / weights.iter().sum::<f64>())
}

fn hma(xs: &[f64], n: usize) -> Option<f64> {
    let inner: Vec<f64> =
        (n..=xs.len()).filter_map(|k| Some(2.0 * wma(&xs[..k], n / 2)? - wma(&xs[..k], n)?)).collect();
    wma(&inner, n.isqrt())
}

/// Exponential average of every prefix that has one.
fn ema_all(xs: &[f64], n: usize) -> Vec<f64> {
    let Some((head, tail)) = xs.split_at_checked(n) else { return Vec::new() };
    let a = 2.0 / (n as f64 + 1.0);
    let mut all = vec![mean(head)];
    for x in tail {
        all.push(a * x + (1.0 - a) * all[all.len() - 1]);
    }
    all
}

/// A weighted sum of nested averages.
fn chain(xs: &[f64], n: usize, weights: &[f64]) -> Option<Vec<f64>> {
    let (mut level, mut sum) = (xs.to_vec(), 0.0);
    for weight in weights {
        level = ema_all(&level, n);
        sum += weight * level.last()?;
    }
    Some(vec![sum])
}

fn trix(h: &[Ohlcv], n: usize) -> Option<Vec<f64>> {
    let smooth = ema_all(&ema_all(&ema_all(&closes(h), n), n), n);
    last(&smooth, 2).map(|w| vec![100.0 * (w[1] / w[0] - 1.0)])
}

fn kama(h: &[Ohlcv], n: usize) -> Option<Vec<f64>> {
    let xs = closes(h);
    let mut value = *xs.get(n - 1)?;
    for i in n..xs.len() {
        let path: f64 = xs[i - n..=i].windows(2).map(|w| (w[1] - w[0]).abs()).sum();
        let way = (xs[i] - xs[i - n]).abs();
        let c = (way / path) * (2.0 / 3.0 - 2.0 / 31.0) + 2.0 / 31.0;
        value += c * c * (xs[i] - value);
    }
    (xs.len() > n).then(|| vec![value])
}

fn vwma(h: &[Ohlcv], n: usize) -> Option<Vec<f64>> {
    let w = last(h, n)?;
    Some(vec![w.iter().map(|b| b.close * b.volume).sum::<f64>() / w.iter().map(|b| b.volume).sum::<f64>()])
}

fn price_oscillator(h: &[Ohlcv], n: usize) -> Option<Vec<f64>> {
    let (fast, slow) = (ema_all(&closes(h), n), ema_all(&closes(h), 2 * n));
    let (fast, slow) = (*fast.last()?, *slow.last()?);
    Some(vec![fast - slow, 100.0 * (fast - slow) / slow])
}

/// Wilder's average of every prefix that has one.
fn wilder_all(xs: &[f64], n: usize) -> Vec<f64> {
    let Some((head, tail)) = xs.split_at_checked(n) else { return Vec::new() };
    let mut all = vec![mean(head)];
    for x in tail {
        all.push((all[all.len() - 1] * (n as f64 - 1.0) + x) / n as f64);
    }
    all
}

fn rsi_all(xs: &[f64], n: usize) -> Vec<f64> {
    let change: Vec<f64> = xs.windows(2).map(|w| w[1] - w[0]).collect();
    let gains = wilder_all(&change.iter().map(|c| c.max(0.0)).collect::<Vec<_>>(), n);
    let losses = wilder_all(&change.iter().map(|c| (-c).max(0.0)).collect::<Vec<_>>(), n);
    gains.iter().zip(losses).map(|(g, l)| 100.0 * g / (g + l)).collect()
}

fn rsi(xs: &[f64], n: usize) -> Option<f64> {
    rsi_all(xs, n).last().copied()
}

fn high(w: &[Ohlcv]) -> f64 {
    w.iter().fold(f64::MIN, |max, b| max.max(b.high))
}

fn low(w: &[Ohlcv]) -> f64 {
    w.iter().fold(f64::MAX, |min, b| min.min(b.low))
}

/// Fast %K of every bar that has one.
fn places(h: &[Ohlcv], n: usize) -> Vec<f64> {
    h.windows(n).map(|w| 100.0 * (w[n - 1].close - low(w)) / (high(w) - low(w))).collect()
}

fn stochastic(k: &[f64], d: usize) -> Option<Vec<f64>> {
    last(k, d).map(|w| vec![w[d - 1], mean(w)])
}

/// A window of RSI without any range has no %K and is passed over.
fn stochrsi(h: &[Ohlcv], n: usize) -> Option<Vec<f64>> {
    let place = |w: &[f64]| {
        let (high, low) = w.iter().fold((f64::MIN, f64::MAX), |(a, b), x| (a.max(*x), b.min(*x)));
        (high > low).then(|| 100.0 * (w[3] - low) / (high - low))
    };
    let all: Vec<Option<f64>> = rsi_all(&closes(h), n).windows(4).map(place).collect();
    all.last().copied().flatten()?;
    stochastic(&all.into_iter().flatten().collect::<Vec<_>>(), 2)
}

fn typical(b: &Ohlcv) -> f64 {
    (b.high + b.low + b.close) / 3.0
}

fn cci(h: &[Ohlcv], n: usize) -> Option<Vec<f64>> {
    let p: Vec<f64> = last(h, n)?.iter().map(typical).collect();
    let deviation = p.iter().map(|x| (x - mean(&p)).abs()).sum::<f64>() / n as f64;
    // Prices that do not deviate at all have no index.
    (deviation > 0.0).then(|| vec![(p[n - 1] - mean(&p)) / (0.015 * deviation)])
}

fn aroon(h: &[Ohlcv], n: usize) -> Option<Vec<f64>> {
    let w = last(h, n + 1)?;
    let age =
        |is: &dyn Fn(&Ohlcv) -> bool| w.iter().rev().position(is).expect("one of them is the extreme") as f64;
    let share = |age: f64| 100.0 * (n as f64 - age) / n as f64;
    let (up, down) = (share(age(&|b| b.high == high(w))), share(age(&|b| b.low == low(w))));
    Some(vec![up, down, up - down])
}

fn ultimate(h: &[Ohlcv], n: usize) -> Option<Vec<f64>> {
    let share = |n: usize| {
        let pairs: Vec<_> = last(h, n + 1)?.windows(2).map(|w| (w[0].close, w[1])).collect();
        let pressure: f64 = pairs.iter().map(|(c, b)| b.close - b.low.min(*c)).sum();
        let range: f64 = pairs.iter().map(|(c, b)| b.high.max(*c) - b.low.min(*c)).sum();
        Some(pressure / range)
    };
    Some(vec![100.0 * (4.0 * share(n)? + 2.0 * share(2 * n)? + share(3 * n)?) / 7.0])
}

/// +DM, -DM and true range of every bar but the first.
fn moves(h: &[Ohlcv]) -> Vec<[f64; 3]> {
    let of = |w: &[Ohlcv]| {
        let (up, down) = (w[1].high - w[0].high, w[0].low - w[1].low);
        let plus = if up > down { up.max(0.0) } else { 0.0 };
        let minus = if down > up { down.max(0.0) } else { 0.0 };
        [plus, minus, w[1].high.max(w[0].close) - w[1].low.min(w[0].close)]
    };
    h.windows(2).map(of).collect()
}

fn wilder_sums(h: &[Ohlcv], n: usize) -> Option<[f64; 3]> {
    let moves = moves(h);
    let (head, tail) = moves.split_at_checked(n - 1)?;
    let mut sums = [0, 1, 2].map(|k| head.iter().map(|m| m[k]).sum::<f64>());
    for m in tail {
        for k in 0..3 {
            sums[k] = sums[k] - sums[k] / n as f64 + m[k];
        }
    }
    (h.len() >= n).then_some(sums)
}

fn di(h: &[Ohlcv], n: usize) -> Option<Vec<f64>> {
    let [plus, minus, range] = wilder_sums(h, n).filter(|_| h.len() > n)?;
    let (plus, minus) = (100.0 * plus / range, 100.0 * minus / range);
    let total = plus + minus;
    // Where both are zero DX keeps its value.
    let kept = || di(&h[..h.len() - 1], n).map_or(0.0, |past| past[2]);
    Some(vec![plus, minus, if total == 0.0 { kept() } else { 100.0 * (plus - minus).abs() / total }])
}

fn adx(h: &[Ohlcv], n: usize) -> Option<f64> {
    let dx: Vec<f64> = (n + 1..=h.len()).filter_map(|k| Some(di(&h[..k], n)?[2])).collect();
    wilder_all(&dx, n).last().copied()
}

fn atr(h: &[Ohlcv], n: usize) -> Option<f64> {
    wilder_all(&moves(h).iter().map(|m| m[2]).collect::<Vec<_>>(), n).last().copied()
}

fn ichimoku(h: &[Ohlcv], n: usize) -> Option<Vec<f64>> {
    let middle = |h: &[Ohlcv], n: usize| last(h, n).map(|w| (high(w) + low(w)) / 2.0);
    let a = |h: &[Ohlcv]| Some((middle(h, n)? + middle(h, n + 1)?) / 2.0);
    let past = h.get(..h.len().checked_sub(3)?)?;
    let (senkou_a, senkou_b) = (a(past)?, middle(past, n + 2)?);
    Some(vec![
        middle(h, n)?,
        middle(h, n + 1)?,
        senkou_a,
        senkou_b,
        a(h)?,
        middle(h, n + 2)?,
        h.last()?.close,
    ])
}

fn heikin_ashi(h: &[Ohlcv]) -> Option<Vec<f64>> {
    let first = h.first()?;
    let mut body = (first.open, first.close);
    let mut candle = Vec::new();
    for b in h {
        let open = (body.0 + body.1) / 2.0;
        let close = (b.open + b.high + b.low + b.close) / 4.0;
        candle = vec![open, b.high.max(open).max(close), b.low.min(open).min(close), close];
        body = (open, close);
    }
    Some(candle)
}

fn keltner(h: &[Ohlcv], n: usize) -> Option<Vec<f64>> {
    let middle = *ema_all(&closes(h), n).last()?;
    let reach = 1.5 * atr(h, n + 1)?;
    Some(vec![middle + reach, middle, middle - reach])
}

fn donchian(h: &[Ohlcv], n: usize) -> Option<Vec<f64>> {
    last(h, n).map(|w| vec![high(w), (high(w) + low(w)) / 2.0, low(w)])
}

fn extreme(h: &[Ohlcv], n: usize, sign: f64) -> Option<Vec<f64>> {
    let xs = closes(h);
    let w = last(&xs, n)?;
    let best = w.iter().fold(f64::MIN, |max, x| max.max(sign * x));
    let age = w.iter().rev().position(|x| sign * x == best)?;
    Some(vec![sign * best, age as f64])
}

fn zscore(h: &[Ohlcv], n: usize) -> Option<Vec<f64>> {
    let xs = closes(h);
    let w = last(&xs, n)?;
    Some(vec![(w[n - 1] - mean(w)) / variance(w).sqrt()])
}

fn squares(h: &[Ohlcv]) -> Vec<f64> {
    let log = |w: &[f64]| libm::log(w[1] / w[0]);
    closes(h).windows(2).map(|w| log(w) * log(w)).collect()
}

fn realised(h: &[Ohlcv], n: usize) -> Option<Vec<f64>> {
    last(&squares(h), n).map(|w| vec![(365.0 * mean(w)).sqrt()])
}

fn ewma_volatility(h: &[Ohlcv], n: usize) -> Option<Vec<f64>> {
    let squares = squares(h);
    let (head, tail) = squares.split_at_checked(n)?;
    Some(vec![tail.iter().fold(mean(head), |v, r| 0.9 * v + 0.1 * r).sqrt()])
}

fn obv(h: &[Ohlcv]) -> Option<f64> {
    let moves = h.windows(2).map(|w| {
        let sign =
            f64::from(u8::from(w[1].close > w[0].close)) - f64::from(u8::from(w[1].close < w[0].close));
        sign * w[1].volume
    });
    Some(h.first()?.volume + moves.sum::<f64>())
}

fn flow(b: &Ohlcv) -> f64 {
    b.volume * ((b.close - b.low) - (b.high - b.close)) / (b.high - b.low)
}

fn ads(h: &[Ohlcv]) -> Vec<f64> {
    (1..=h.len()).map(|k| h[..k].iter().map(flow).sum()).collect()
}

fn chaikin(h: &[Ohlcv], n: usize) -> Option<Vec<f64>> {
    let ema = |n: usize| {
        let a = 2.0 / (n as f64 + 1.0);
        ads(h).into_iter().reduce(|e, x| a * x + (1.0 - a) * e)
    };
    (h.len() >= n + 2).then(|| Some(vec![ema(n)? - ema(n + 2)?])).flatten()
}

fn mfi(h: &[Ohlcv], n: usize) -> Option<Vec<f64>> {
    let pairs =
        last(h, n + 1)?.windows(2).map(|w| (typical(&w[1]) - typical(&w[0]), typical(&w[1]) * w[1].volume));
    let (mut up, mut down) = (0.0, 0.0);
    for (change, money) in pairs {
        up += if change > 0.0 { money } else { 0.0 };
        down += if change < 0.0 { money } else { 0.0 };
    }
    (up + down > 0.0).then(|| vec![100.0 * up / (up + down)])
}

fn cmf(h: &[Ohlcv], n: usize) -> Option<Vec<f64>> {
    let w = last(h, n)?;
    Some(vec![w.iter().map(flow).sum::<f64>() / w.iter().map(|b| b.volume).sum::<f64>()])
}

fn linreg(h: &[Ohlcv], n: usize) -> Option<Vec<f64>> {
    let xs = closes(h);
    let w = last(&xs, n)?;
    let (x, k) = (mean(w), (n as f64 - 1.0) / 2.0);
    let sum =
        |f: &dyn Fn(f64, f64) -> f64| w.iter().enumerate().map(|(i, v)| f(i as f64 - k, v - x)).sum::<f64>();
    let (kk, kx, xx) = (sum(&|k, _| k * k), sum(&|k, x| k * x), sum(&|_, x| x * x));
    let slope = kx / kk;
    let at = |place: f64| x + slope * (place - k);
    let angle = libm::atan(slope) * 180.0 / core::f64::consts::PI;
    Some(vec![at(n as f64 - 1.0), slope, at(0.0), at(n as f64), kx * kx / (kk * xx), angle])
}

fn percentile_rank(h: &[Ohlcv], n: usize) -> Option<Vec<f64>> {
    let xs = closes(h);
    let (x, before) = last(&xs, n + 1)?.split_last()?;
    Some(vec![100.0 * before.iter().filter(|v| *v <= x).count() as f64 / n as f64])
}

/// Centred returns of closes and opens.
fn returns(h: &[Ohlcv], n: usize) -> Option<Vec<(f64, f64)>> {
    let w = last(h, n + 1)?;
    let of = |pick: fn(&Ohlcv) -> f64| {
        let r: Vec<f64> = w.windows(2).map(|w| pick(&w[1]) / pick(&w[0]) - 1.0).collect();
        let mean = mean(&r);
        r.into_iter().map(move |r| r - mean)
    };
    Some(of(|b| b.close).zip(of(|b| b.open)).collect())
}

fn correlation(h: &[Ohlcv], n: usize) -> Option<Vec<f64>> {
    let r = returns(h, n)?;
    let sum = |f: fn(&(f64, f64)) -> f64| r.iter().map(f).sum::<f64>();
    Some(vec![sum(|r| r.0 * r.1) / (sum(|r| r.0 * r.0) * sum(|r| r.1 * r.1)).sqrt()])
}

fn beta(h: &[Ohlcv], n: usize) -> Option<Vec<f64>> {
    let r = returns(h, n)?;
    Some(vec![r.iter().map(|r| r.0 * r.1).sum::<f64>() / r.iter().map(|r| r.1 * r.1).sum::<f64>()])
}

fn vwap(h: &[Ohlcv]) -> Option<Vec<f64>> {
    let today = h.last()?.opened.day();
    let day: Vec<&Ohlcv> = h.iter().filter(|b| b.opened.day() == today).collect();
    let money: f64 = day.iter().map(|b| typical(b) * b.volume).sum();
    Some(vec![money / day.iter().map(|b| b.volume).sum::<f64>()])
}

fn spec(row: &Row, n: usize) -> Spec {
    let settings: Vec<_> = (row.settings)(n as f64).into_iter().map(|x| Some(Setting::Number(x))).collect();
    let descriptor = catalogue::find(row.name).unwrap_or_else(|| panic!("{}", row.name));
    descriptor.settle(&settings).unwrap_or_else(|e| panic!("{e}"))
}

fn step(indicator: &mut Indicator, spec: &Spec, bar: &Ohlcv) -> Option<Vec<f64>> {
    let mut out = vec![None; spec.descriptor().outputs.len()];
    indicator.update(bar, [bar.close, bar.open], &mut out);
    // Ichimoku gives its lines one after another.
    out.into_iter().collect()
}

/// Equal to what rounding allows: relative to the value and to the prices it was made from.
fn close(got: &Option<Vec<f64>>, want: &Option<Vec<f64>>, tolerance: f64) -> bool {
    match (got, want) {
        (Some(got), Some(want)) => {
            got.len() == want.len()
                && got.iter().zip(want).all(|(g, w)| (g - w).abs() <= tolerance * (1.0 + w.abs()))
        }
        (got, want) => got.is_none() == want.is_none(),
    }
}

/// Bars of whole tenths that always move, near 40,000.
fn bar(minute: i64, open: i32, close: i32, up: i32, down: i32, volume: i32) -> Ohlcv {
    let tenths = |x: i32| f64::from(x) / 10.0;
    Ohlcv {
        opened: Timestamp::EPOCH + Span::from_seconds(60 * minute),
        open: tenths(open),
        high: tenths(open.max(close) + up),
        low: tenths(open.min(close) - down),
        close: tenths(close),
        volume: tenths(volume),
    }
}

fn market(len: usize) -> impl Strategy<Value = Vec<Ohlcv>> {
    let tick = (prop_oneof![-300i32..-1, 2i32..300], 1i32..50, 1i32..50, 1i32..900);
    prop::collection::vec(tick, 1..len).prop_map(|moves| {
        let mut price = 400_000;
        let next = |(minute, (change, up, down, volume)): (usize, (i32, i32, i32, i32))| {
            let open = price;
            price += change;
            bar(31 * minute as i64, open, price, up, down, volume)
        };
        moves.into_iter().enumerate().map(next).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn streaming_equals_the_definition(bars in market(70), n in 2usize..9) {
        for row in ROWS {
            let spec = spec(row, n);
            let mut indicator = spec.build();
            for (i, bar) in bars.iter().enumerate() {
                let got = step(&mut indicator, &spec, bar);
                let want = (row.naive)(&bars[..=i], n);
                prop_assert!(close(&got, &want, 1e-7), "{} bar {}: {:?} {:?}", spec, i, got, want);
            }
        }
    }
}

/// A million bars near 40,000 that move by tenths, and now and then a bar that is a thousand times as high and leaves the
/// window without a trace.
#[test]
fn nothing_drifts_over_a_million_bars() {
    const N: usize = 20;
    let rows: Vec<&Row> = ROWS.iter().filter(|row| row.periods > 0).collect();
    let specs: Vec<Spec> = rows.iter().map(|row| spec(row, N)).collect();
    let mut indicators: Vec<Indicator> = specs.iter().map(Spec::build).collect();
    let (mut random, mut price, mut history) = (Prng::new(7), 400_000, Vec::new());
    let mut below = |bound: u64| i32::try_from(random.below(bound)).expect("small");
    for i in 0..1_000_000_u32 {
        let open = price;
        price = (price + below(41) - 20).clamp(300_000, 500_000);
        let spike = if i % 50_000 == 7 { 1_000 } else { 1 };
        let bar =
            bar(i64::from(i), open * spike, price * spike, below(30) + 1, below(30) + 1, below(500) + 1);
        if history.len() == 8 * N {
            history.drain(..4 * N);
        }
        history.push(bar);
        let is_checked = i % 9_973 == 4_000 || i > 999_990 || i % 50_000 == 50;
        for ((row, spec), indicator) in rows.iter().zip(&specs).zip(&mut indicators) {
            let got = step(indicator, spec, &bar);
            if is_checked && history.len() >= row.periods * N + 2 {
                let want = (row.naive)(&history, N);
                assert!(close(&got, &want, 1e-8), "{spec} bar {i}: {got:?} {want:?}");
            }
        }
    }
}

/// Running totals never forget, so their rounding must not add up. Each volume is a whole number of 2⁻⁶⁰, whose sum is exact
/// in 128 bits.
#[test]
fn a_running_total_is_right_to_the_last_digit_after_a_million_bars() {
    let descriptor = catalogue::find("obv").expect("in the catalogue");
    let mut obv = descriptor.settle(&[]).expect("no parameters").build();
    let (mut random, mut exact, mut out) = (Prng::new(7), 0_i128, [None]);
    let unit = (1_u64 << 60) as f64;
    let mut past = 0.0;
    for i in 0..1_000_000 {
        let close = random.below(1_000) as f64;
        let volume = (random.below(100_000) + 1) as f64 * 0.1;
        let sign = if i == 0 || close > past { 1 } else { -i128::from(close < past) };
        exact += sign * (volume * unit) as i128;
        obv.update(&Ohlcv { volume, ..Ohlcv::default() }, [close, 0.0], &mut out);
        past = close;
    }
    let exact = exact as f64 / unit;
    let got = out[0].expect("ready at once");
    assert!((got - exact).abs() <= f64::EPSILON * exact.abs(), "{got} {exact}");
}
