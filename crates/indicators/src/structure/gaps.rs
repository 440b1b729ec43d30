//! Fair value gaps and what becomes of them.

use super::Bias;
use super::newest::Newest;
use crate::error::{ParameterError, number};
use crate::persist::{Persist, persist};
use crate::{Ohlcv, admissible};

/// How far a gap has come. Each state implies the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum GapState {
    /// Price has not come back.
    #[default]
    Open,
    /// It came back to the near edge.
    Touched,
    /// To the middle: consequent encroachment.
    Half,
    /// To the far edge.
    Filled,
    /// A bar closed beyond the far edge: the gap now leans the other way.
    Inverted,
    /// Inverted, and then a bar closed beyond the near edge: over.
    Spent,
}

impl GapState {
    /// Every state, in the order in which they are passed.
    pub const ALL: [Self; 6] =
        [Self::Open, Self::Touched, Self::Half, Self::Filled, Self::Inverted, Self::Spent];
}

/// A fair value gap: prices that the middle of three bars jumped over.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Gap {
    /// Which way the middle bar went.
    pub bias: Bias,
    /// The upper end.
    pub top: f64,
    /// The lower end.
    pub bottom: f64,
    /// How far it has come.
    pub state: GapState,
    /// The middle bar.
    pub bar: usize,
    /// The third bar, at whose close it was known.
    pub known_at: usize,
}

persist!(Gap { bias, top, bottom, state, bar, known_at });

impl Gap {
    /// Which way it leans now: its own way until it is filled, the other once it is inverted.
    #[inline]
    #[must_use]
    pub fn leans(&self) -> Option<Bias> {
        match self.state {
            GapState::Open | GapState::Touched | GapState::Half => Some(self.bias),
            GapState::Inverted => Some(self.bias.opposite()),
            GapState::Filled | GapState::Spent => None,
        }
    }

    /// Whether a price lies in it, the ends included.
    #[inline]
    #[must_use]
    pub fn contains(&self, price: f64) -> bool {
        self.bottom <= price && price <= self.top
    }

    /// The middle.
    #[inline]
    #[must_use]
    pub fn middle(&self) -> f64 {
        self.bottom + (self.top - self.bottom) / 2.0
    }

    /// Near edge, middle and far edge, turned so that price comes down to them.
    #[inline]
    fn edges(&self) -> [f64; 3] {
        let sign = self.bias.sign();
        let (near, far) = match self.bias {
            Bias::Bullish => (self.top, self.bottom),
            Bias::Bearish => (self.bottom, self.top),
        };
        [sign * near, sign * self.middle(), sign * far]
    }

    /// The state after a bar.
    fn after(&self, bar: &Ohlcv) -> GapState {
        let [near, middle, far] = self.edges();
        let (low, close) = match self.bias {
            Bias::Bullish => (bar.low, bar.close),
            Bias::Bearish => (-bar.high, -bar.close),
        };
        let reached = if self.state == GapState::Inverted {
            if close > near { GapState::Spent } else { GapState::Inverted }
        } else if close < far {
            GapState::Inverted
        } else if low <= far {
            GapState::Filled
        } else if low <= middle {
            GapState::Half
        } else if low <= near {
            GapState::Touched
        } else {
            GapState::Open
        };
        reached.max(self.state)
    }

    /// Where the next change is possible: down to the first price, or up to the second; the other one is out of reach.
    fn wakes(&self) -> [f64; 2] {
        let [near, middle, far] = self.edges();
        let next = match self.state {
            GapState::Open => near,
            GapState::Touched => middle,
            GapState::Half | GapState::Filled => far,
            GapState::Inverted | GapState::Spent => near,
        };
        // The sign of the bias has turned the edges; it is turned back here.
        let price = self.bias.sign() * next;
        let comes_from_above = (self.bias == Bias::Bullish) != (self.state >= GapState::Inverted);
        if comes_from_above { [price, NEVER[1]] } else { [NEVER[0], price] }
    }
}

/// Where each gap has to be looked at again, oldest first: flat lists, and the nearest of every few. Sorted ones would be read at
/// one end only, but few bars change no gap, and the processor guesses wrong where a price belongs.
#[derive(Debug, Clone)]
struct Wakes {
    down_to: Vec<f64>,
    up_to: Vec<f64>,
    /// Of each group of places, the nearest to come down to and the nearest to come up to.
    nearest: Vec<[f64; 2]>,
    /// How many of the places are taken; the others are out of reach.
    len: usize,
}

/// Places in a group.
const GROUP: usize = 8;

/// What no price reaches.
const NEVER: [f64; 2] = [f64::NEG_INFINITY, f64::INFINITY];

impl Wakes {
    fn with_capacity(capacity: usize) -> Self {
        let groups = capacity.div_ceil(GROUP);
        let (down_to, up_to) = (vec![NEVER[0]; groups * GROUP], vec![NEVER[1]; groups * GROUP]);
        Self { down_to, up_to, nearest: vec![NEVER; groups], len: 0 }
    }

    fn push(&mut self, wakes: [f64; 2]) {
        self.set(self.len, wakes);
        self.len += 1;
    }

    fn set(&mut self, at: usize, [down_to, up_to]: [f64; 2]) {
        if let (Some(down), Some(up)) = (self.down_to.get_mut(at), self.up_to.get_mut(at)) {
            (*down, *up) = (down_to, up_to);
        }
        self.look_for_nearest(at / GROUP, at / GROUP + 1);
    }

    /// Of the groups from one to before another.
    fn look_for_nearest(&mut self, from: usize, to: usize) {
        let (down_to, up_to) = (self.down_to.as_chunks::<GROUP>().0, self.up_to.as_chunks::<GROUP>().0);
        for group in from..to {
            if let (Some(place), Some(down_to), Some(up_to)) =
                (self.nearest.get_mut(group), down_to.get(group), up_to.get(group))
            {
                *place = nearest(*down_to, *up_to);
            }
        }
    }

    /// Forgets one that there is.
    fn remove(&mut self, at: usize) {
        self.down_to.copy_within(at + 1..self.len, at);
        self.up_to.copy_within(at + 1..self.len, at);
        self.len -= 1;
        self.set(self.len, NEVER);
        self.look_for_nearest(at / GROUP, self.len / GROUP);
    }

    /// Writes down which of them a bar has reached, in order.
    #[inline]
    fn take(&self, bar: &Ohlcv, woken: &mut Vec<usize>) {
        let is_reached = |down: f64, up: f64| (bar.low <= down) | (bar.high >= up);
        let groups = self.down_to.as_chunks::<GROUP>().0.iter().zip(self.up_to.as_chunks::<GROUP>().0);
        for (number, ([down, up], (down_to, up_to))) in self.nearest.iter().zip(groups).enumerate() {
            if is_reached(*down, *up) {
                let reached = (0..GROUP).filter(|i| is_reached(down_to[*i], up_to[*i]));
                woken.extend(reached.map(|i| number * GROUP + i));
            }
        }
    }
}

/// The nearest of a group, halves against each other, so that no comparison waits for all before it.
#[inline]
fn nearest(mut down_to: [f64; GROUP], mut up_to: [f64; GROUP]) -> [f64; 2] {
    for half in [GROUP / 2, GROUP / 4, GROUP / 8] {
        for i in 0..half {
            let (down, up) = (down_to[i + half], up_to[i + half]);
            down_to[i] = if down > down_to[i] { down } else { down_to[i] };
            up_to[i] = if up < up_to[i] { up } else { up_to[i] };
        }
    }
    [down_to[0], up_to[0]]
}

/// A gap that was formed or changed its state.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct GapChange {
    /// The gap as it is now; its bars are those at which it was formed.
    pub gap: Gap,
    /// The bar at whose close this was known.
    pub known_at: usize,
}

persist!(GapChange { gap, known_at });

/// What a gap needs to know of a bar before.
#[derive(Debug, Clone, Copy, Default)]
struct Before {
    open: f64,
    high: f64,
    low: f64,
    close: f64,
}

persist!(Before { open, high, low, close });

impl Before {
    #[inline]
    const fn of(bar: &Ohlcv) -> Self {
        Self { open: bar.open, high: bar.high, low: bar.low, close: bar.close }
    }

    /// The body as a share of the open.
    fn ratio(&self) -> f64 {
        (self.close - self.open).abs() / self.open.abs()
    }
}

/// Finds fair value gaps and follows the newest of them.
///
/// At bar `t` there is a bullish one if `low[t] > high[t-2]` and `close[t-1] > high[t-2]`, from `high[t-2]` to `low[t]`; bearish
/// mirrored. With a threshold, `|close - open| / |open|` of the middle bar must also be more than `threshold` times the mean of
/// that ratio over all bars so far; this mean depends on where the data begins. Source: LuxAlgo, “Smart Money Concepts”
/// (`drawFairValueGaps`), states after ICT (“consequent encroachment”, “inversion”). Known at the close of the third bar.
#[derive(Debug, Clone)]
pub struct Gaps {
    threshold: Option<f64>,
    gaps: Newest<Gap>,
    wakes: Wakes,
    /// Those that a bar has reached, by their place; kept for its room.
    woken: Vec<usize>,
    before: [Option<Before>; 2],
    /// Sum of the ratios of bodies to opens, and how many.
    ratios: f64,
    ratio_bars: usize,
}

impl Persist for Gaps {
    fn save(&self, put: &mut dyn FnMut(f64)) {
        self.gaps.save(put);
        self.before.save(put);
        self.ratios.save(put);
        self.ratio_bars.save(put);
    }

    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
        self.gaps.load(take)?;
        self.before.load(take)?;
        self.ratios.load(take)?;
        self.ratio_bars.load(take)?;
        // Oldest first, and no two of one bar.
        self.gaps.as_slice().is_sorted_by(|a, b| a.known_at < b.known_at).then_some(())?;
        self.wakes = Wakes::with_capacity(self.gaps.capacity());
        self.gaps.as_slice().iter().for_each(|gap| self.wakes.push(gap.wakes()));
        Some(())
    }
}

impl Gaps {
    /// Follows the newest `keep` gaps; `threshold` is a multiple of the mean body, `None` takes every gap.
    ///
    /// # Errors
    /// [`ParameterError::Number`] if `keep` is not in `1..=256` or the threshold not in `0..=1000`.
    pub fn new(keep: usize, threshold: Option<f64>) -> Result<Self, ParameterError> {
        number("gaps", "keep", keep as f64, 1.0, 256.0)?;
        if let Some(threshold) = threshold {
            number("gaps", "threshold", threshold, 0.0, 1000.0)?;
        }
        Ok(Self {
            threshold,
            gaps: Newest::new(keep),
            wakes: Wakes::with_capacity(keep),
            woken: Vec::with_capacity(keep),
            before: [None; 2],
            ratios: 0.0,
            ratio_bars: 0,
        })
    }

    /// Takes a bar and its number; tells of each gap that changed, and then of the one that was formed.
    #[inline]
    pub fn update(&mut self, number: usize, bar: &Ohlcv, mut tell: impl FnMut(GapChange)) {
        if ![bar.open, bar.high, bar.low, bar.close].into_iter().all(admissible) {
            return;
        }
        self.wakes.take(bar, &mut self.woken);
        if !self.woken.is_empty() {
            self.follow(number, bar, &mut tell);
        }
        let is_large = self.is_large(bar);
        if let [Some(first), Some(middle)] = self.before
            && let Some(gap) = formed(&first, &middle, bar, number).filter(|_| is_large)
        {
            if self.gaps.push(gap).is_some() {
                self.wakes.remove(0);
            }
            self.wakes.push(gap.wakes());
            tell(GapChange { gap, known_at: number });
        }
        self.before = [self.before[1], Some(Before::of(bar))];
    }

    /// Whether the middle bar is beyond the threshold; counts the new bar in.
    #[inline]
    fn is_large(&mut self, bar: &Ohlcv) -> bool {
        let Some(threshold) = self.threshold else { return true };
        // A bar that opened at zero has no ratio, and is no reason to forget the others.
        let new = Before::of(bar).ratio();
        if new.is_finite() {
            self.ratios += new;
            self.ratio_bars += 1;
        }
        let mean = self.ratios / self.ratio_bars.max(1) as f64;
        self.before[1].is_some_and(|middle| middle.ratio() > threshold * mean)
    }

    fn follow(&mut self, number: usize, bar: &Ohlcv, tell: &mut impl FnMut(GapChange)) {
        let mut spent = 0;
        for at in self.woken.drain(..) {
            // Those that were spent before it have made room.
            let at = at - spent;
            let Some(gap) = self.gaps.get_mut(at) else { continue };
            let state = gap.after(bar);
            if state == gap.state {
                continue;
            }
            gap.state = state;
            tell(GapChange { gap: *gap, known_at: number });
            self.wakes.set(at, gap.wakes());
            if state == GapState::Spent {
                self.gaps.remove(at);
                self.wakes.remove(at);
                spent += 1;
            }
        }
    }

    /// The gaps that are followed, oldest first.
    #[inline]
    #[must_use]
    pub fn followed(&self) -> &[Gap] {
        self.gaps.as_slice()
    }
}

fn formed(first: &Before, middle: &Before, last: &Ohlcv, number: usize) -> Option<Gap> {
    let (bias, top, bottom) = if last.low > first.high && middle.close > first.high {
        (Bias::Bullish, last.low, first.high)
    } else if last.high < first.low && middle.close < first.low {
        (Bias::Bearish, first.low, last.high)
    } else {
        return None;
    };
    Some(Gap { bias, top, bottom, state: GapState::Open, bar: number - 1, known_at: number })
}
