//! Indicators that begin anew with each session: VWAP and pivot points.

use units::Timestamp;

use crate::accessors::accessors;
use crate::admissible;
use crate::aggregates::RunningSum;
use crate::calendar::{Anchor, Session};
use crate::persist::persist;

/// Follows bars from session to session. A bar belongs to the session in which it opens.
#[derive(Debug, Clone)]
pub(crate) struct SessionClock {
    anchor: Anchor,
    now: Option<Session>,
    /// Whether the session was seen from its first moment on: the first one may have been joined late.
    pub(crate) is_whole: bool,
}

persist!(SessionClock { now, is_whole });

impl SessionClock {
    pub(crate) fn new(anchor: Anchor) -> Self {
        Self { anchor, now: None, is_whole: false }
    }

    /// Takes the time a bar opened at; whether it is the first of its session. One comparison for most bars.
    #[inline]
    pub(crate) fn turns(&mut self, opened: Timestamp) -> bool {
        if self.now.is_some_and(|now| now.contains(opened)) {
            return false;
        }
        let session = self.anchor.session(opened);
        self.is_whole = self.now.is_some() || session.start == opened;
        self.now = Some(session);
        true
    }
}

/// Volume-weighted average price of the session: `Σ p·volume / Σ volume`, `p = (high + low + close)/3`.
///
/// Source: Berkowitz, Logue and Noser, "The total cost of transactions on the NYSE" (1988); TradingView `ta.vwap`.
/// Warm-up: 1 bar that opens with a session; a session joined later gives nothing, because its average would depend on
/// where the data begins. Undefined until the session has volume.
#[derive(Debug, Clone)]
pub struct Vwap {
    clock: SessionClock,
    money: RunningSum,
    volume: RunningSum,
    value: Option<f64>,
}

impl Vwap {
    /// An average that starts anew at each session of the anchor.
    #[must_use]
    pub fn new(anchor: Anchor) -> Self {
        let (money, volume) = (RunningSum::default(), RunningSum::default());
        Self { clock: SessionClock::new(anchor), money, volume, value: None }
    }

    /// Takes the time a bar opened at and the bar; returns the session's average price so far.
    #[inline(always)]
    pub fn update(&mut self, opened: Timestamp, high: f64, low: f64, close: f64, volume: f64) -> Option<f64> {
        let is_volume = volume >= 0.0 && admissible(volume);
        if !(admissible(high) && admissible(low) && admissible(close) && is_volume) {
            return None;
        }
        if self.clock.turns(opened) {
            (self.money, self.volume) = (RunningSum::default(), RunningSum::default());
        }
        let money = self.money.add((high + low + close) / 3.0 * volume);
        let average = money / self.volume.add(volume);
        self.value = (self.clock.is_whole && average.is_finite()).then_some(average);
        self.value
    }
}

accessors!(Vwap => f64, |_it| 1);
persist!(Vwap { clock, money, volume, value });

/// How levels follow from the high H, low L and close C of the session before; `P = (H + L + C)/3` in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PivotMethod {
    /// `R1 = 2P - L`, `R2 = P + (H-L)`, `R3 = H + 2(P-L)`, and mirrored.
    #[default]
    Classic,
    /// `P ± 0.382, 0.618, 1 times (H-L)`.
    Fibonacci,
    /// `C ± 1.1/12, 1.1/6, 1.1/4, 1.1/2 times (H-L)`.
    Camarilla,
}

impl PivotMethod {
    /// Every method.
    pub const ALL: [Self; 3] = [Self::Classic, Self::Fibonacci, Self::Camarilla];

    /// The name in rule files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Fibonacci => "fibonacci",
            Self::Camarilla => "camarilla",
        }
    }
}

/// What [`Pivots`] returns, in price units.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PivotLevels {
    /// The pivot.
    pub pivot: f64,
    /// Resistances above it, the nearest first.
    pub resistance: [f64; 3],
    /// Supports below it, the nearest first.
    pub support: [f64; 3],
    /// The fourth resistance and support, which only [`PivotMethod::Camarilla`] has.
    pub fourth: Option<[f64; 2]>,
}

persist!(PivotLevels { pivot, resistance, support, fourth });

/// High, low and close of a session.
#[derive(Debug, Clone, Copy, Default)]
struct Range {
    high: f64,
    low: f64,
    close: f64,
}

persist!(Range { high, low, close });

/// Pivot points: levels for this session from the high, low and close of the session before.
///
/// Source: floor traders' practice; Nick Scott for Camarilla (1989). Warm-up: one whole session; in bars that is 2 if each
/// is a session. A session without bars is passed over.
#[derive(Debug, Clone)]
pub struct Pivots {
    clock: SessionClock,
    method: PivotMethod,
    /// The running session.
    range: Option<Range>,
    value: Option<PivotLevels>,
}

impl Pivots {
    /// Levels by `method` from the sessions of the anchor.
    #[must_use]
    pub fn new(anchor: Anchor, method: PivotMethod) -> Self {
        Self { clock: SessionClock::new(anchor), method, range: None, value: None }
    }

    /// Takes the time a bar opened at and the bar, in price units; returns the levels of its session.
    #[inline(always)]
    pub fn update(&mut self, opened: Timestamp, high: f64, low: f64, close: f64) -> Option<PivotLevels> {
        if !(admissible(high) && admissible(low) && admissible(close)) {
            return None;
        }
        let was_whole = self.clock.is_whole;
        if self.clock.turns(opened) {
            let past = self.range.take().filter(|_| was_whole);
            self.value = past.map(|past| levels(self.method, past));
        }
        let range = self.range.unwrap_or(Range { high, low, close });
        self.range = Some(Range { high: range.high.max(high), low: range.low.min(low), close });
        self.value
    }
}

accessors!(Pivots => PivotLevels, |_it| 2);
persist!(Pivots { clock, range, value });

fn levels(method: PivotMethod, Range { high, low, close }: Range) -> PivotLevels {
    let (pivot, range) = ((high + low + close) / 3.0, high - low);
    let around = |middle: f64, factors: [f64; 3]| PivotLevels {
        pivot,
        resistance: factors.map(|factor| middle + factor * range),
        support: factors.map(|factor| middle - factor * range),
        fourth: None,
    };
    match method {
        PivotMethod::Classic => PivotLevels {
            pivot,
            resistance: [2.0 * pivot - low, pivot + range, high + 2.0 * (pivot - low)],
            support: [2.0 * pivot - high, pivot - range, low - 2.0 * (high - pivot)],
            fourth: None,
        },
        PivotMethod::Fibonacci => around(pivot, [0.382, 0.618, 1.0]),
        PivotMethod::Camarilla => {
            let reach = 1.1 / 2.0 * range;
            let fourth = Some([close + reach, close - reach]);
            PivotLevels { fourth, ..around(close, [1.1 / 12.0, 1.1 / 6.0, 1.1 / 4.0]) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::{Every, Zone};

    fn hour(text: &str, hours: i64) -> Timestamp {
        Timestamp::parse(text).unwrap() + units::Span::from_seconds(hours * 3600)
    }

    #[test]
    fn an_average_starts_anew_with_the_new_york_day() {
        let anchor = Anchor::new(Zone::NewYork, Every::Day, 0).unwrap();
        let mut vwap = Vwap::new(anchor);
        let mut step = |hours: i64, x: f64, volume: f64| {
            vwap.update(hour("2025-03-09T03:00:00Z", hours), x, x, x, volume)
        };
        assert_eq!(step(0, 9.0, 1.0), None, "the first session was joined late");
        assert_eq!(step(2, 1.0, 1.0), Some(1.0), "05:00 UTC is midnight in winter");
        assert_eq!(step(3, 4.0, 2.0), Some(3.0));
        assert_eq!(step(24, 3.0, 0.0), Some(3.0));
        assert_eq!(step(25, 7.0, 0.0), None, "04:00 UTC is midnight in summer; no volume yet");
        assert_eq!(step(26, 7.0, 1.0), Some(7.0));
    }

    #[test]
    fn levels_come_from_the_last_whole_session() {
        let mut pivots = Pivots::new(Anchor::default(), PivotMethod::Classic);
        let mut step = |hours: i64, high: f64, low: f64, close: f64| {
            pivots.update(hour("2025-01-01T12:00:00Z", hours), high, low, close).map(|levels| levels.pivot)
        };
        assert_eq!([step(0, 9.0, 0.0, 3.0), step(12, 4.0, 2.0, 3.0), step(13, 7.0, 3.0, 5.0)], [None; 3]);
        assert_eq!(step(36, 100.0, 50.0, 75.0), Some(14.0 / 3.0));
        assert_eq!(step(37, 200.0, 50.0, 75.0), Some(14.0 / 3.0));
    }

    #[test]
    fn each_method_has_its_levels() {
        let of = |method| levels(method, Range { high: 12.0, low: 6.0, close: 9.0 });
        assert_eq!(of(PivotMethod::Classic).resistance, [12.0, 15.0, 18.0]);
        assert_eq!(of(PivotMethod::Classic).support, [6.0, 3.0, 0.0]);
        assert_eq!(of(PivotMethod::Fibonacci).resistance[2], 15.0);
        let fourth = of(PivotMethod::Camarilla).fourth.unwrap();
        assert!((fourth[0] - 12.3).abs() < 1e-12 && (fourth[1] - 5.7).abs() < 1e-12);
    }
}
