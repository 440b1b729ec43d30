//! Candlestick patterns.

use crate::accessors::accessors;
use crate::admissible;
use crate::persist::persist;
use crate::window::Fold;

/// A candlestick pattern. A sign says which way it points: 100 up, -100 down, ±80 where the bodies only touch, 0 none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// The body is a tenth of the usual range or less; 100.
    Doji,
    /// The body covers the opposite body before it; ±100, ±80 where one end is equal.
    Engulfing,
    /// Short body, long lower shadow, next to no upper one, near or below the low before; 100.
    Hammer,
    /// Short body below the body before, long upper shadow, next to no lower one; 100.
    InvertedHammer,
    /// Short body above the body before, long upper shadow, next to no lower one; -100.
    ShootingStar,
    /// A hammer near or above the high before; -100.
    HangingMan,
    /// A short body inside the long body before; ±100 against the long one, ±80 where one end is equal.
    Harami,
    /// Long falling body, short body below it, rising body that closes well inside the first; 100.
    MorningStar,
    /// Long rising body, short body above it, falling body that closes well inside the first; -100.
    EveningStar,
    /// After a long falling body a long rising one that opens below its low and closes above its middle; 100.
    Piercing,
    /// After a long rising body a falling one that opens above its high and closes below its middle; -100.
    DarkCloudCover,
    /// Three rising bodies that open inside one another and close near their highs; 100.
    ThreeWhiteSoldiers,
    /// After a rising body three falling ones that open inside one another and close near their lows; -100.
    ThreeBlackCrows,
    /// A long body with next to no shadows; ±100 its own way.
    Marubozu,
    /// A short body between longer shadows; ±100 its own way.
    SpinningTop,
}

impl Pattern {
    /// Every pattern.
    pub const ALL: [Self; 15] = [
        Self::Doji,
        Self::Engulfing,
        Self::Hammer,
        Self::InvertedHammer,
        Self::ShootingStar,
        Self::HangingMan,
        Self::Harami,
        Self::MorningStar,
        Self::EveningStar,
        Self::Piercing,
        Self::DarkCloudCover,
        Self::ThreeWhiteSoldiers,
        Self::ThreeBlackCrows,
        Self::Marubozu,
        Self::SpinningTop,
    ];

    /// The name in rule files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Doji => "doji",
            Self::Engulfing => "engulfing",
            Self::Hammer => "hammer",
            Self::InvertedHammer => "inverted_hammer",
            Self::ShootingStar => "shooting_star",
            Self::HangingMan => "hanging_man",
            Self::Harami => "harami",
            Self::MorningStar => "morning_star",
            Self::EveningStar => "evening_star",
            Self::Piercing => "piercing",
            Self::DarkCloudCover => "dark_cloud_cover",
            Self::ThreeWhiteSoldiers => "three_white_soldiers",
            Self::ThreeBlackCrows => "three_black_crows",
            Self::Marubozu => "marubozu",
            Self::SpinningTop => "spinning_top",
        }
    }

    /// Bars up to and including the first that can be judged: the candles of the pattern, and the bars before the first
    /// of them that say what is usual. A body covers another whatever is usual.
    const fn warm_up(self) -> usize {
        match self {
            Self::Engulfing => 1 + self.depth(),
            _ => 11 + self.depth(),
        }
    }

    /// Candles before the last one that the pattern looks at.
    const fn depth(self) -> usize {
        match self {
            Self::Doji | Self::Marubozu | Self::SpinningTop => 0,
            Self::Engulfing | Self::Hammer | Self::InvertedHammer | Self::ShootingStar => 1,
            Self::HangingMan | Self::Harami | Self::Piercing | Self::DarkCloudCover => 1,
            Self::MorningStar | Self::EveningStar | Self::ThreeWhiteSoldiers => 2,
            Self::ThreeBlackCrows => 3,
        }
    }
}

/// One candle with what was usual in the bars before it.
#[derive(Debug, Clone, Copy, Default)]
struct Candle {
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    /// The mean body of the 10 bars before: longer is long, shorter is short.
    usual_body: f64,
    /// The mean range of the 10 bars before.
    usual_range: f64,
    /// The mean range of the 5 bars before.
    recent_range: f64,
}

persist!(Candle { open, high, low, close, usual_body, usual_range, recent_range });

impl Candle {
    fn body(&self) -> f64 {
        (self.close - self.open).abs()
    }

    fn top(&self) -> f64 {
        self.open.max(self.close)
    }

    fn bottom(&self) -> f64 {
        self.open.min(self.close)
    }

    fn upper_shadow(&self) -> f64 {
        self.high - self.top()
    }

    fn lower_shadow(&self) -> f64 {
        self.bottom() - self.low
    }

    /// 1 when it closed at or above its open, -1 below.
    fn colour(&self) -> f64 {
        if self.close >= self.open { 1.0 } else { -1.0 }
    }

    fn is_white(&self) -> bool {
        self.close >= self.open
    }

    fn is_long(&self) -> bool {
        self.body() > self.usual_body
    }

    fn is_short(&self) -> bool {
        self.body() < self.usual_body
    }

    /// How long a shadow may be that counts as none.
    fn hair(&self) -> f64 {
        0.1 * self.usual_range
    }

    /// How far apart two prices may be that count as near.
    fn near(&self) -> f64 {
        0.2 * self.recent_range
    }

    /// How far apart two prices must be to count as far.
    fn far(&self) -> f64 {
        0.6 * self.recent_range
    }

    /// A short body with a shadow of at least its length below, and next to none above.
    fn hangs(&self) -> bool {
        self.is_short() && self.lower_shadow() > self.body() && self.upper_shadow() < self.hair()
    }

    /// The same upside down.
    fn stands(&self) -> bool {
        self.is_short() && self.upper_shadow() > self.body() && self.lower_shadow() < self.hair()
    }
}

/// A candlestick pattern, recognised on the bar that completes it: 100, 80, 0, -80 or -100, see [`Pattern`].
///
/// What is long, short or near is judged by the means of the 10 (near: 5) bars before each candle.
///
/// Source: Gregory Morris, "Candlestick Charting Explained", as TA-Lib `CDL…` with its default candle settings. Warm-up:
/// 11 bars and the candles the pattern looks back at (2 bars for engulfing). Whether a trend precedes is not judged.
#[derive(Debug, Clone)]
pub struct CandlePattern {
    pattern: Pattern,
    bodies: Fold<f64>,
    ranges: Fold<f64>,
    recent: Fold<f64>,
    /// The means of the bars so far: what is usual for the next one. Zeros until they exist.
    usual: [f64; 3],
    /// The last candles, newest first.
    candles: [Candle; 4],
    /// Bars, counted up to the end of the warm-up.
    seen: usize,
    value: Option<f64>,
}

impl CandlePattern {
    /// A recogniser of one pattern.
    #[must_use]
    pub fn new(pattern: Pattern) -> Self {
        let (bodies, ranges, recent) = (Fold::new(10), Fold::new(10), Fold::new(5));
        Self {
            pattern,
            bodies,
            ranges,
            recent,
            usual: [0.0; 3],
            candles: [Candle::default(); 4],
            seen: 0,
            value: None,
        }
    }

    /// Takes one bar, in price units; returns the sign.
    #[inline(always)]
    pub fn update(&mut self, open: f64, high: f64, low: f64, close: f64) -> Option<f64> {
        if ![open, high, low, close].into_iter().all(admissible) {
            return None;
        }
        let [usual_body, usual_range, recent_range] = self.usual;
        self.candles.rotate_right(1);
        self.candles[0] = Candle { open, high, low, close, usual_body, usual_range, recent_range };
        self.seen = (self.seen + 1).min(self.warm_up());
        let body = self.bodies.push((close - open).abs());
        let (range, recent) = (self.ranges.push(high - low), self.recent.push(high - low));
        let mean = |sum: Option<f64>, bars: f64| sum.map_or(0.0, |sum| sum / bars);
        self.usual = [mean(body, 10.0), mean(range, 10.0), mean(recent, 5.0)];
        self.value = (self.seen == self.warm_up()).then(|| recognise(self.pattern, &self.candles));
        self.value
    }
}

accessors!(CandlePattern => f64, |it| it.pattern.warm_up());
persist!(CandlePattern { bodies, ranges, recent, usual, candles, seen, value });

/// The sign of a pattern that the candles, newest first, complete.
fn recognise(pattern: Pattern, candles: &[Candle; 4]) -> f64 {
    let [last, before, ..] = candles;
    let up = |is: bool| if is { 100.0 } else { 0.0 };
    let down = |is: bool| if is { -100.0 } else { 0.0 };
    match pattern {
        Pattern::Doji => up(last.body() <= 0.1 * last.usual_range),
        Pattern::Engulfing => engulfs(last, before),
        Pattern::Hammer => up(last.hangs() && last.bottom() <= before.low + before.near()),
        Pattern::InvertedHammer => up(last.stands() && last.top() < before.bottom()),
        Pattern::ShootingStar => down(last.stands() && last.bottom() > before.top()),
        Pattern::HangingMan => down(last.hangs() && last.bottom() >= before.high - before.near()),
        Pattern::Harami => harami(last, before),
        Pattern::MorningStar => up(morning_star(candles)),
        Pattern::EveningStar => down(evening_star(candles)),
        Pattern::Piercing => up(pierces(last, before)),
        Pattern::DarkCloudCover => down(covers(last, before)),
        Pattern::ThreeWhiteSoldiers => up(soldiers(candles)),
        Pattern::ThreeBlackCrows => down(crows(candles)),
        Pattern::Marubozu => {
            let is_bare = last.upper_shadow() < last.hair() && last.lower_shadow() < last.hair();
            if last.is_long() && is_bare { 100.0 * last.colour() } else { 0.0 }
        }
        Pattern::SpinningTop => {
            let is_between = last.upper_shadow() > last.body() && last.lower_shadow() > last.body();
            if last.is_short() && is_between { 100.0 * last.colour() } else { 0.0 }
        }
    }
}

fn engulfs(last: &Candle, before: &Candle) -> f64 {
    let covers = last.top() >= before.top() && last.bottom() < before.bottom()
        || last.top() > before.top() && last.bottom() <= before.bottom();
    let is_strict = last.top() != before.top() && last.bottom() != before.bottom();
    match (last.is_white() != before.is_white() && covers, is_strict) {
        (false, _) => 0.0,
        (true, true) => 100.0 * last.colour(),
        (true, false) => 80.0 * last.colour(),
    }
}

fn harami(last: &Candle, before: &Candle) -> f64 {
    if !(before.is_long() && last.body() <= last.usual_body) {
        return 0.0;
    }
    if last.top() < before.top() && last.bottom() > before.bottom() {
        -100.0 * before.colour()
    } else if last.top() <= before.top() && last.bottom() >= before.bottom() {
        -80.0 * before.colour()
    } else {
        0.0
    }
}

/// How far into the first body the third of a star must close.
const STAR: f64 = 0.3;

fn morning_star([last, star, first, _]: &[Candle; 4]) -> bool {
    !first.is_white()
        && first.is_long()
        && star.body() <= star.usual_body
        && star.top() < first.bottom()
        && last.is_white()
        && last.is_long()
        && last.close > first.close + first.body() * STAR
}

fn evening_star([last, star, first, _]: &[Candle; 4]) -> bool {
    first.is_white()
        && first.is_long()
        && star.body() <= star.usual_body
        && star.bottom() > first.top()
        && !last.is_white()
        && last.is_long()
        && last.close < first.close - first.body() * STAR
}

fn pierces(last: &Candle, before: &Candle) -> bool {
    !before.is_white()
        && before.is_long()
        && last.is_white()
        && last.is_long()
        && last.open < before.low
        && last.close < before.open
        && last.close > before.close + before.body() * 0.5
}

fn covers(last: &Candle, before: &Candle) -> bool {
    before.is_white()
        && before.is_long()
        && !last.is_white()
        && last.open > before.high
        && last.close > before.open
        && last.close < before.close - before.body() * 0.5
}

fn soldiers([last, second, first, _]: &[Candle; 4]) -> bool {
    let marches = |from: &Candle, to: &Candle| {
        to.close > from.close
            && to.open > from.open
            && to.open <= from.close + from.near()
            && to.body() > from.body() - from.far()
    };
    [last, second, first].into_iter().all(|c| c.is_white() && c.upper_shadow() < c.hair())
        && marches(first, second)
        && marches(second, last)
        && last.is_long()
}

fn crows([last, second, first, white]: &[Candle; 4]) -> bool {
    let falls =
        |from: &Candle, to: &Candle| to.open < from.open && to.open > from.close && to.close < from.close;
    white.is_white()
        && [last, second, first].into_iter().all(|c| !c.is_white() && c.lower_shadow() < c.hair())
        && falls(first, second)
        && falls(second, last)
        && white.high > first.close
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twenty quiet candles, then the given ones.
    fn signs(pattern: Pattern, candles: &[[f64; 4]]) -> Vec<f64> {
        let mut recogniser = CandlePattern::new(pattern);
        for _ in 0..20 {
            recogniser.update(100.0, 102.0, 99.0, 101.0);
        }
        candles.iter().filter_map(|&[o, h, l, c]| recogniser.update(o, h, l, c)).collect()
    }

    #[test]
    fn each_pattern_is_seen_on_the_bar_that_completes_it() {
        let check = |pattern, candles: &[[f64; 4]], want: f64| {
            let got = signs(pattern, candles);
            assert_eq!(got.last(), Some(&want), "{pattern:?}: {got:?}");
        };
        check(Pattern::Doji, &[[100.0, 102.0, 98.0, 100.1]], 100.0);
        check(Pattern::Engulfing, &[[99.5, 99.6, 98.0, 98.5], [98.0, 101.0, 97.9, 100.0]], 100.0);
        check(Pattern::Engulfing, &[[98.0, 100.2, 97.0, 99.0], [99.0, 99.1, 96.0, 97.0]], -80.0);
        check(Pattern::Hammer, &[[99.0, 99.3, 96.0, 99.2]], 100.0);
        check(Pattern::HangingMan, &[[102.0, 102.3, 99.0, 102.2]], -100.0);
        check(Pattern::InvertedHammer, &[[99.0, 101.0, 98.9, 99.2]], 100.0);
        check(Pattern::ShootingStar, &[[102.0, 104.0, 101.9, 102.2]], -100.0);
        check(Pattern::Harami, &[[100.0, 105.1, 99.9, 105.0], [103.0, 103.2, 102.0, 102.5]], -100.0);
        check(
            Pattern::MorningStar,
            &[[100.0, 100.1, 94.9, 95.0], [94.0, 94.5, 93.0, 94.2], [94.5, 99.5, 94.0, 99.0]],
            100.0,
        );
        check(
            Pattern::EveningStar,
            &[[100.0, 105.1, 99.9, 105.0], [106.0, 107.0, 105.5, 106.2], [105.5, 105.6, 100.5, 101.0]],
            -100.0,
        );
        check(Pattern::Piercing, &[[100.0, 100.1, 94.9, 95.0], [94.0, 99.0, 93.9, 98.5]], 100.0);
        check(Pattern::DarkCloudCover, &[[100.0, 105.1, 99.9, 105.0], [106.0, 106.1, 101.0, 101.5]], -100.0);
        check(
            Pattern::ThreeWhiteSoldiers,
            &[[100.0, 102.1, 99.9, 102.0], [101.5, 104.1, 101.0, 104.0], [103.5, 106.1, 103.0, 106.0]],
            100.0,
        );
        check(
            Pattern::ThreeBlackCrows,
            &[[101.0, 101.1, 98.9, 99.0], [100.0, 100.5, 97.0, 97.1], [98.0, 98.5, 95.0, 95.1]],
            -100.0,
        );
        check(Pattern::Marubozu, &[[104.0, 104.1, 99.9, 100.0]], -100.0);
        check(Pattern::SpinningTop, &[[100.0, 102.0, 98.0, 99.5]], -100.0);
    }

    #[test]
    fn the_warm_up_is_the_means_and_the_candles() {
        for pattern in Pattern::ALL {
            let mut recogniser = CandlePattern::new(pattern);
            let first = (1..).find(|_| recogniser.update(1.0, 2.0, 0.0, 1.5).is_some());
            assert_eq!(first, Some(recogniser.warm_up()), "{pattern:?}");
        }
    }
}
