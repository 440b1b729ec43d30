//! The labels of the Python package `smartmoneyconcepts` 0.0.27, which look ahead: a batch labeller that exists only here, to
//! prove that its definitions were understood, quirks included, where the product departs from them.
//!
//! It uses the whole series at every bar, forces swings at both ends, rounds levels to `f32` and rewrites its past.

use indicators::Ohlcv;

/// A swing: its bar and whether it is a high.
pub(crate) type Swing = (usize, bool);

/// Levels pass through single precision in the package.
fn single(x: f64) -> f64 {
    f64::from(x as f32)
}

pub(crate) struct GapLabel {
    pub(crate) bar: usize,
    pub(crate) sign: i32,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
    /// 0 for never.
    pub(crate) mitigated: usize,
}

pub(crate) fn gaps(bars: &[Ohlcv], join: bool) -> Vec<GapLabel> {
    let mut found: Vec<GapLabel> = Vec::new();
    for t in 1..bars.len().saturating_sub(1) {
        let (first, middle, last) = (&bars[t - 1], &bars[t], &bars[t + 1]);
        let (sign, mut top, mut bottom) = if first.high < last.low && middle.close > middle.open {
            (1, last.low, first.high)
        } else if first.low > last.high && middle.close < middle.open {
            (-1, first.low, last.high)
        } else {
            continue;
        };
        if join && let Some(before) = found.pop_if(|gap| gap.bar + 1 == t && gap.sign == sign) {
            (top, bottom) = (before.top.max(top), before.bottom.min(bottom));
        }
        found.push(GapLabel { bar: t, sign, top, bottom, mitigated: 0 });
    }
    for gap in &mut found {
        let touches = |bar: &Ohlcv| if gap.sign == 1 { bar.low <= gap.top } else { bar.high >= gap.bottom };
        gap.mitigated = first_from(bars, gap.bar + 2, touches);
    }
    found
}

/// The first bar from `start` on that fulfils a condition, 0 for none.
fn first_from(bars: &[Ohlcv], start: usize, holds: impl Fn(&Ohlcv) -> bool) -> usize {
    let rest = bars.get(start..).unwrap_or_default();
    rest.iter().position(holds).map_or(0, |at| start + at)
}

pub(crate) fn swings(bars: &[Ohlcv], length: usize) -> Vec<Swing> {
    let mut found: Vec<Swing> = Vec::new();
    for t in 2 * length - 1..bars.len().saturating_sub(length) {
        let window = &bars[t + 1 - length..=t + length];
        if window.iter().all(|bar| bar.high <= bars[t].high) {
            found.push((t, true));
        } else if window.iter().all(|bar| bar.low >= bars[t].low) {
            found.push((t, false));
        }
    }
    // Of two that follow each other on one side the more extreme stays, judged for all pairs at once, until nothing changes.
    loop {
        let mut is_removed = vec![false; found.len()];
        for (i, pair) in found.windows(2).enumerate() {
            let ((a, side), (b, other)) = (pair[0], pair[1]);
            if side == other {
                let is_later = if side { bars[a].high < bars[b].high } else { bars[a].low > bars[b].low };
                is_removed[if is_later { i } else { i + 1 }] = true;
            }
        }
        if !is_removed.contains(&true) {
            break;
        }
        let mut removed = is_removed.into_iter();
        found.retain(|_| !removed.next().unwrap_or(false));
    }
    if let (Some(first), Some(last)) = (found.first().copied(), found.last().copied()) {
        found.insert(0, (0, !first.1));
        found.push((bars.len() - 1, !last.1));
    }
    found
}

pub(crate) fn level(bars: &[Ohlcv], (bar, is_high): Swing) -> f64 {
    if is_high { bars[bar].high } else { bars[bar].low }
}

pub(crate) struct BreakLabel {
    pub(crate) bar: usize,
    pub(crate) bos: i32,
    pub(crate) choch: i32,
    pub(crate) level: f64,
    pub(crate) broken: usize,
}

pub(crate) fn breaks(bars: &[Ohlcv], swings: &[Swing], by_close: bool) -> Vec<BreakLabel> {
    let mut found: Vec<BreakLabel> = Vec::new();
    for four in swings.windows(4) {
        let &[a, b, c, d] = four else { continue };
        if a.1 == b.1 || b.1 == c.1 || c.1 == d.1 {
            continue;
        }
        let sign = if d.1 { 1 } else { -1 };
        let [a, middle, c, d] = [a, b, c, d].map(|swing| f64::from(sign) * level(bars, swing));
        let bos = if a < c && c < middle && middle < d { sign } else { 0 };
        let choch = if d > middle && middle > a && a > c { sign } else { 0 };
        if bos != 0 || choch != 0 {
            found.push(BreakLabel { bar: b.0, bos, choch, level: single(level(bars, b)), broken: 0 });
        }
    }
    for i in 0..found.len() {
        let (label, is_up) = (&found[i], found[i].bos + found[i].choch > 0);
        let broken = first_from(bars, label.bar + 2, |bar| match (is_up, by_close) {
            (true, true) => bar.close > label.level,
            (true, false) => bar.high > label.level,
            (false, true) => bar.close < label.level,
            (false, false) => bar.low < label.level,
        });
        found[i].broken = broken;
        if broken != 0 {
            // Older labels that broke no earlier are erased.
            for older in &mut found[..i] {
                if older.broken >= broken {
                    (older.bos, older.choch, older.level) = (0, 0, 0.0);
                }
            }
        }
    }
    found.retain(|label| label.broken != 0 && (label.bos != 0 || label.choch != 0));
    found
}

#[derive(Clone, Copy, Default)]
pub(crate) struct BlockLabel {
    pub(crate) sign: i32,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
    pub(crate) volume: f64,
    pub(crate) mitigated: usize,
    pub(crate) percentage: f64,
}

/// A label for each bar; a sign of 0 is none.
pub(crate) fn blocks(bars: &[Ohlcv], swings: &[Swing], by_close: bool) -> Vec<BlockLabel> {
    let mut labels = vec![BlockLabel::default(); bars.len()];
    let mut is_breaker = vec![false; bars.len()];
    for sign in [1, -1] {
        let mut crossed = vec![false; bars.len()];
        let mut active: Vec<usize> = Vec::new();
        for (i, bar) in bars.iter().enumerate() {
            active.retain(|&at| {
                let label = &mut labels[at];
                if is_breaker[at] {
                    let erased = if sign == 1 { bar.high > label.top } else { bar.low < label.bottom };
                    if erased {
                        *label = BlockLabel::default();
                    }
                    return !erased;
                }
                let (low, high) = if by_close {
                    (bar.open.min(bar.close), bar.open.max(bar.close))
                } else {
                    (bar.low, bar.high)
                };
                if if sign == 1 { low < label.bottom } else { high > label.top } {
                    is_breaker[at] = true;
                    label.mitigated = if sign == 1 { i - 1 } else { i };
                }
                true
            });
            let last = swings.iter().rev().find(|(at, is_high)| *is_high == (sign == 1) && *at < i);
            let Some(&(swing, _)) = last else { continue };
            let is_beyond =
                if sign == 1 { bar.close > bars[swing].high } else { bar.close < bars[swing].low };
            if !is_beyond || crossed[swing] {
                continue;
            }
            crossed[swing] = true;
            // Without a bar in between the one before counts, and upside down when bullish.
            let before = &bars[i - 1];
            let mut chosen = (i - 1, before.high, before.low);
            if sign == 1 {
                chosen = (i - 1, before.low, before.high);
            }
            let reach = |at: usize| if sign == 1 { -bars[at].low } else { bars[at].high };
            if let Some(at) = (swing + 1..i).max_by(|a, b| reach(*a).total_cmp(&reach(*b))) {
                chosen = (at, bars[at].high, bars[at].low);
            }
            let volume = |back: usize| i.checked_sub(back).map_or(0.0, |at| bars[at].volume);
            let (newer, older) = (single(volume(0) + volume(1)), single(volume(2)));
            let (least, most) = (newer.min(older), newer.max(older));
            let (at, top, bottom) = chosen;
            labels[at] = BlockLabel {
                sign,
                top: single(top),
                bottom: single(bottom),
                volume: volume(0) + volume(1) + volume(2),
                percentage: if most == 0.0 { 100.0 } else { least / most * 100.0 },
                ..labels[at]
            };
            active.push(at);
        }
    }
    labels
}

pub(crate) struct PoolLabel {
    pub(crate) bar: usize,
    pub(crate) sign: i32,
    pub(crate) level: f64,
    pub(crate) end: usize,
    pub(crate) swept: usize,
}

pub(crate) fn pools(bars: &[Ohlcv], swings: &[Swing], percent: f64) -> Vec<PoolLabel> {
    let highest = bars.iter().map(|bar| bar.high).fold(f64::MIN, f64::max);
    let lowest = bars.iter().map(|bar| bar.low).fold(f64::MAX, f64::min);
    let width = (highest - lowest) * percent;
    let mut found = Vec::new();
    for is_high in [true, false] {
        let mut side: Vec<usize> = swings.iter().filter(|it| it.1 == is_high).map(|it| it.0).collect();
        while !side.is_empty() {
            let start = side.remove(0);
            let first = level(bars, (start, is_high));
            let (below, above) = (first - width, first + width);
            let reaches = |bar: &Ohlcv| if is_high { bar.high >= above } else { bar.low <= below };
            let swept = first_from(bars, start + 1, reaches);
            let is_member = |at: &usize| {
                let price = level(bars, (*at, is_high));
                (swept == 0 || *at < swept) && below <= price && price <= above
            };
            let members: Vec<usize> = side.iter().copied().filter(is_member).collect();
            side.retain(|at| !members.contains(at));
            if let Some(&end) = members.last() {
                let prices = members.iter().map(|at| level(bars, (*at, is_high)));
                let mean = (first + prices.sum::<f64>()) / (members.len() + 1) as f64;
                let sign = if is_high { 1 } else { -1 };
                found.push(PoolLabel { bar: start, sign, level: mean, end, swept });
            }
        }
    }
    found.sort_by_key(|pool| pool.bar);
    found
}

/// High and low of the period before the last one that began before each bar, and whether they were passed since.
pub(crate) fn previous(bars: &[Ohlcv], seconds: i64) -> Vec<(Option<[f64; 2]>, [bool; 2])> {
    let period = |bar: &Ohlcv| bar.opened.nanos().div_euclid(seconds * 1_000_000_000);
    let mut buckets: Vec<(i64, f64, f64)> = Vec::new();
    for bar in bars {
        match buckets.last_mut().filter(|bucket| bucket.0 == period(bar)) {
            Some(bucket) => (bucket.1, bucket.2) = (bucket.1.max(bar.high), bucket.2.min(bar.low)),
            None => buckets.push((period(bar), bar.high, bar.low)),
        }
    }
    let mut running: Option<(usize, f64, f64)> = None;
    let label = |bar: &Ohlcv| {
        // The bar at the very boundary still counts to the period before.
        let before =
            buckets.iter().take_while(|b| b.0 * seconds * 1_000_000_000 < bar.opened.nanos()).count();
        running = match running.filter(|(group, _, _)| *group == before) {
            Some((group, high, low)) => Some((group, high.max(bar.high), low.min(bar.low))),
            None => Some((before, bar.high, bar.low)),
        };
        let last = before.checked_sub(2).map(|at| [single(buckets[at].1), single(buckets[at].2)]);
        let passed = match (last, running) {
            (Some([high, low]), Some((_, top, bottom))) => [top > high, bottom < low],
            _ => [false; 2],
        };
        (last, passed)
    };
    bars.iter().map(label).collect()
}

/// Whether each bar lies in a session of UTC minutes, ends included, and the session's range so far; zeros outside.
pub(crate) fn session(bars: &[Ohlcv], start: i64, end: i64) -> Vec<(bool, f64, f64)> {
    let mut last = (false, 0.0, 0.0);
    let label = |bar: &Ohlcv| {
        let minute = bar.opened.nanos().div_euclid(60_000_000_000).rem_euclid(1440);
        let is_in =
            if start < end { start <= minute && minute <= end } else { start <= minute || minute <= end };
        let (_, high, low) = last;
        last = match (is_in, low != 0.0) {
            (false, _) => (false, 0.0, 0.0),
            (true, true) => (true, single(bar.high.max(high)), single(bar.low.min(low))),
            (true, false) => (true, single(bar.high.max(high)), single(bar.low)),
        };
        last
    };
    bars.iter().map(label).collect()
}

/// Direction, current and deepest retracement in percent, one bar late, the first three legs zeroed.
pub(crate) fn retracements(bars: &[Ohlcv], swings: &[Swing]) -> Vec<(i32, f64, f64)> {
    let n = bars.len();
    let round = |x: f64| (x * 10.0).round_ties_even() / 10.0;
    let mut rows = vec![(0, 0.0, 0.0); n];
    let (mut top, mut bottom) = (0.0, 0.0);
    for i in 0..n {
        let before = if i > 0 { rows[i - 1] } else { (0, 0.0, 0.0_f64) };
        rows[i].0 = match swings.iter().find(|swing| swing.0 == i) {
            Some(&swing) if swing.1 => {
                top = level(bars, swing);
                1
            }
            Some(&swing) => {
                bottom = level(bars, swing);
                -1
            }
            None => before.0,
        };
        let size: f64 = top - bottom;
        let back = |share: f64| if size == 0.0 { 0.0 } else { round(100.0 - share * 100.0) };
        let deepest = |now: f64, sign: i32| if before.0 == sign { before.2.max(now) } else { now.max(0.0) };
        if before.0 == 1 {
            let now = back((bars[i].low - bottom) / size);
            (rows[i].1, rows[i].2) = (now, deepest(now, 1));
        }
        if rows[i].0 == -1 {
            let now = back((bars[i].high - top) / -size);
            (rows[i].1, rows[i].2) = (now, deepest(now, -1));
        }
    }
    rows.rotate_right(1);
    let mut turns = 0;
    for i in 0..n.saturating_sub(1) {
        turns += i32::from(rows[i].0 != rows[i + 1].0);
        rows[i] = (0, 0.0, 0.0);
        if turns == 3 {
            rows[i + 1] = (0, 0.0, 0.0);
            break;
        }
    }
    rows
}
