//! Fair value gaps and what becomes of them.

use super::Bias;
use crate::error::{ParameterError, number};
use crate::persist::{Persist, count, persist};
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

    /// The state after a bar. Counted rather than asked one by one: where price stands among the edges the processor cannot guess.
    #[inline]
    fn after(&self, bar: &Ohlcv) -> GapState {
        let [near, middle, far] = self.edges();
        let (low, close) = match self.bias {
            Bias::Bullish => (bar.low, bar.close),
            Bias::Bearish => (-bar.high, -bar.close),
        };
        // Each of these implies the ones before it, because no close lies below its low.
        let reached = usize::from(low <= near)
            + usize::from(low <= middle)
            + usize::from(low <= far)
            + usize::from(close < far);
        let inverted = GapState::Inverted as usize;
        let state = if self.state == GapState::Inverted {
            inverted + usize::from(close > near)
        } else {
            reached.max(self.state as usize)
        };
        GapState::ALL.get(state).copied().unwrap_or(self.state)
    }

    /// Where the next change is possible: down to the first price, or up to the second; the other one is out of reach.
    fn wakes(&self) -> [f64; 2] {
        let [near, middle, far] = self.edges();
        // Open, touched, half, filled, inverted, spent.
        let next = [near, middle, far, far, near, near][self.state as usize];
        // The sign of the bias has turned the edges; it is turned back here.
        let price = self.bias.sign() * next;
        let comes_from_above = (self.bias == Bias::Bullish) != (self.state >= GapState::Inverted);
        if comes_from_above { [price, NEVER[1]] } else { [NEVER[0], price] }
    }
}

/// The newest gaps, oldest first, and where each has to be looked at again: flat lists, and the nearest of every few. Sorted ones
/// would be read at one end only, but few bars change no gap, and the processor guesses wrong where a price belongs.
///
/// There are half as many places again as gaps that are followed, so that one that is over leaves its place empty and none has to
/// move; once all places were used, those that are left are gathered at the front.
#[derive(Debug, Clone)]
struct Followed {
    cap: usize,
    /// Those that are over ([`GapState::Spent`]) are empty places.
    gaps: Vec<Gap>,
    /// How many are not over.
    len: usize,
    /// Before this place all are empty.
    from: usize,
    /// By place; out of reach where it is empty.
    down_to: Vec<f64>,
    up_to: Vec<f64>,
    /// Of each group of places, the nearest to come down to and the nearest to come up to.
    nearest: Vec<[f64; 2]>,
}

/// Places in a group.
const GROUP: usize = 8;

/// What no price reaches.
const NEVER: [f64; 2] = [f64::NEG_INFINITY, f64::INFINITY];

impl Followed {
    /// At most `cap` gaps, from 1 up to 256.
    fn new(cap: usize) -> Self {
        let places = cap + cap.div_ceil(2);
        let groups = places.div_ceil(GROUP);
        Self {
            cap,
            gaps: Vec::with_capacity(places),
            len: 0,
            from: 0,
            down_to: vec![NEVER[0]; groups * GROUP],
            up_to: vec![NEVER[1]; groups * GROUP],
            nearest: vec![NEVER; groups],
        }
    }

    fn iter(&self) -> impl Iterator<Item = &Gap> {
        self.gaps.iter().skip(self.from).filter(|gap| gap.state != GapState::Spent)
    }

    /// Adds the newest; the oldest gives way where there are too many.
    fn push(&mut self, gap: Gap) {
        if self.len == self.cap {
            self.drop_oldest();
        }
        if self.gaps.len() == self.cap + self.cap.div_ceil(2) {
            self.gather();
        }
        let at = self.gaps.len();
        self.gaps.push(gap);
        self.len += 1;
        self.set(at, gap.wakes());
        self.refresh(at / GROUP);
    }

    fn drop_oldest(&mut self) {
        while let Some(gap) = self.gaps.get_mut(self.from) {
            let (at, was_followed) = (self.from, gap.state != GapState::Spent);
            gap.state = GapState::Spent;
            self.from += 1;
            if was_followed {
                self.len -= 1;
                self.set(at, NEVER);
                self.refresh(at / GROUP);
                return;
            }
        }
    }

    /// Moves all to the front.
    #[inline(never)]
    fn gather(&mut self) {
        self.gaps.retain(|gap| gap.state != GapState::Spent);
        self.from = 0;
        for at in 0..self.down_to.len() {
            self.set(at, self.gaps.get(at).map_or(NEVER, Gap::wakes));
        }
        (0..self.nearest.len()).for_each(|group| self.refresh(group));
    }

    #[inline]
    fn set(&mut self, at: usize, [down_to, up_to]: [f64; 2]) {
        if let (Some(down), Some(up)) = (self.down_to.get_mut(at), self.up_to.get_mut(at)) {
            (*down, *up) = (down_to, up_to);
        }
    }

    /// Looks for the nearest of a group.
    #[inline]
    fn refresh(&mut self, group: usize) {
        let (down_to, up_to) = (self.down_to.as_chunks::<GROUP>().0, self.up_to.as_chunks::<GROUP>().0);
        if let (Some(place), Some(down_to), Some(up_to)) =
            (self.nearest.get_mut(group), down_to.get(group), up_to.get(group))
        {
            *place = nearest(*down_to, *up_to);
        }
    }

    /// The groups in which a bar has reached something, as bits: the places of 256 gaps make 48 of them.
    #[inline]
    fn reached(&self, bar: &Ohlcv) -> u64 {
        let reached = |[down, up]: &[f64; 2]| u64::from((bar.low <= *down) | (bar.high >= *up));
        let groups = self.nearest.iter().zip(0u32..);
        groups.fold(0, |bits, (nearest, group)| bits | reached(nearest) << (group % u64::BITS))
    }

    /// The places of a group that a bar has reached, as bits.
    #[inline]
    fn reached_in(&self, group: usize, bar: &Ohlcv) -> u32 {
        let (down_to, up_to) = (self.down_to.as_chunks::<GROUP>().0, self.up_to.as_chunks::<GROUP>().0);
        let (Some(down_to), Some(up_to)) = (down_to.get(group), up_to.get(group)) else { return 0 };
        let mut bits = 0;
        for i in 0..GROUP {
            bits |= u32::from((bar.low <= down_to[i]) | (bar.high >= up_to[i])) << i;
        }
        bits
    }

    /// Tells each gap of these groups that a bar has reached how far it has come, oldest first.
    #[inline(never)]
    fn follow(&mut self, mut groups: u64, number: usize, bar: &Ohlcv, tell: &mut impl FnMut(GapChange)) {
        while groups != 0 {
            let group = groups.trailing_zeros() as usize;
            groups &= groups - 1;
            let mut places = self.reached_in(group, bar);
            while places != 0 {
                let at = group * GROUP + places.trailing_zeros() as usize;
                places &= places - 1;
                let Some(gap) = self.gaps.get_mut(at) else { continue };
                let state = gap.after(bar);
                if state == gap.state {
                    continue;
                }
                gap.state = state;
                tell(GapChange { gap: *gap, known_at: number });
                let is_over = state == GapState::Spent;
                let wakes = if is_over { NEVER } else { gap.wakes() };
                self.set(at, wakes);
                self.len -= usize::from(is_over);
            }
            self.refresh(group);
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
    gaps: Followed,
    /// The last two bars, as many as there were.
    before: [Before; 2],
    seen: usize,
    /// Sum of the ratios of bodies to opens, and how many.
    ratios: f64,
    ratio_bars: usize,
}

impl Persist for Gaps {
    fn save(&self, put: &mut dyn FnMut(f64)) {
        self.gaps.len.save(put);
        self.gaps.iter().for_each(|gap| gap.save(put));
        self.before.save(put);
        self.seen.save(put);
        self.ratios.save(put);
        self.ratio_bars.save(put);
    }

    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
        let mut gaps = Followed::new(self.gaps.cap);
        for _ in 0..count(take, gaps.cap)? {
            let mut gap = Gap::default();
            gap.load(take)?;
            (gap.state != GapState::Spent).then_some(())?;
            gaps.push(gap);
        }
        // Oldest first, and no two of one bar.
        gaps.iter().is_sorted_by(|a, b| a.known_at < b.known_at).then_some(())?;
        self.gaps = gaps;
        self.before.load(take)?;
        self.seen = count(take, 2)?;
        self.ratios.load(take)?;
        self.ratio_bars.load(take)
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
            gaps: Followed::new(keep),
            before: [Before::default(); 2],
            seen: 0,
            ratios: 0.0,
            ratio_bars: 0,
        })
    }

    /// Takes a bar and its number; tells of each gap that changed, and then of the one that was formed.
    #[inline]
    pub fn update(&mut self, number: usize, bar: &Ohlcv, tell: impl FnMut(GapChange)) {
        if [bar.open, bar.high, bar.low, bar.close].into_iter().all(admissible) {
            self.advance(number, bar, tell);
        }
    }

    /// [`Self::update`] for a bar whose prices are admissible.
    #[inline(always)]
    pub(super) fn advance(&mut self, number: usize, bar: &Ohlcv, mut tell: impl FnMut(GapChange)) {
        let reached = self.gaps.reached(bar);
        if reached != 0 {
            self.gaps.follow(reached, number, bar, &mut tell);
        }
        let is_large = self.is_large(bar);
        let [first, middle] = self.before;
        if is_large
            && self.seen == 2
            && let Some(gap) = formed(&first, &middle, bar, number)
        {
            self.gaps.push(gap);
            tell(GapChange { gap, known_at: number });
        }
        self.before = [middle, Before::of(bar)];
        self.seen = (self.seen + 1).min(2);
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
        self.seen > 0 && self.before[1].ratio() > threshold * mean
    }

    /// The gaps that are followed, oldest first.
    #[inline]
    pub fn followed(&self) -> impl Iterator<Item = &Gap> {
        self.gaps.iter()
    }
}

#[inline]
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
