//! What a market maker learns from the market while it trades: volatility, and how deep market orders reach. Everything is in
//! ticks and seconds, and only looks back.

use crate::quoting::Intensity;
use crate::state::{StateError, StateReader, StateWriter};

/// Volatility from the changes of the mid price between looks at it, exponentially weighted. Changes are not demeaned: over
/// seconds the drift is below what can be measured.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Volatility {
    /// Weight of the newest squared change.
    weight: f64,
    /// Seconds between two looks.
    step: f64,
    last: Option<f64>,
    /// Mean squared change a second, in ticks².
    variance: f64,
    /// Changes seen, up to `NEEDED`.
    seen: i64,
}

/// How many changes make a first estimate.
const NEEDED: i64 = 20;

impl Volatility {
    /// Looks every `step` seconds; a change counts half as much after `half_life` seconds.
    pub(crate) fn new(step: f64, half_life: f64) -> Self {
        let weight = 1.0 - libm::exp2(-step / half_life);
        Self { weight, step, last: None, variance: 0.0, seen: 0 }
    }

    /// Takes the mid price, in ticks.
    pub(crate) fn update(&mut self, mid: f64) {
        if let Some(last) = self.last.replace(mid) {
            let squared = (mid - last) * (mid - last) / self.step;
            self.seen = self.seen.saturating_add(1);
            // Until the weight has room, all changes count alike, so that the first one does not rule.
            let weight = self.weight.max(1.0 / self.seen as f64);
            self.variance += weight * (squared - self.variance);
        }
    }

    /// Forgets the last price: after a gap in the data the next change would span it.
    pub(crate) fn pause(&mut self) {
        self.last = None;
    }

    /// Ticks per √second, once there were enough changes.
    pub(crate) fn sigma(&self) -> Option<f64> {
        (self.seen >= NEEDED).then(|| libm::sqrt(self.variance))
    }

    pub(crate) fn save(&self, state: &mut StateWriter) {
        state.optional_float(self.last);
        state.float(self.variance);
        state.int(self.seen);
    }

    pub(crate) fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.last = state.optional_float()?;
        self.variance = state.float()?;
        self.seen = state.int()?;
        Ok(())
    }
}

/// How deep market orders reach beyond the mid price, over a sliding window of steps; from it the intensity `a · exp(−k · δ)` by
/// least squares of its logarithm.
///
/// A quote at distance δ would have been met in every step in which a market order of the other side reached at least δ, so
/// `λ(δ) = steps that reached δ / seconds looked at`, for each side by itself and the two averaged. Depths are counted in half
/// ticks, because the mid price lies on them. Source: the method of the GLFT tutorial of hftbacktest (window of ten minutes, fit
/// every five seconds over shallow depths only).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Arrivals {
    /// Seconds of a step.
    step: f64,
    /// By step and side: the depth reached, in half ticks, up to the deepest counted; 0 for none. A ring.
    ring: Vec<[u16; 2]>,
    next: usize,
    filled: usize,
    /// How many entries of the ring have each depth.
    counts: Vec<u32>,
    /// Deepest so far in the running step, by side of the taker.
    running: [u16; 2],
}

impl Arrivals {
    /// A window of `steps` steps of `step` seconds; depths beyond `deepest` half ticks count as the deepest.
    pub(crate) fn new(step: f64, steps: usize, deepest: u16) -> Self {
        Self {
            step,
            ring: vec![[0; 2]; steps.max(1)],
            next: 0,
            filled: 0,
            counts: vec![0; usize::from(deepest) + 1],
            running: [0; 2],
        }
    }

    /// A market order of a side (0 buys, 1 sells) reached `depth` ticks beyond the mid price.
    pub(crate) fn reach(&mut self, side: usize, depth: f64) {
        let deepest = self.counts.len() - 1;
        let halves = (2.0 * depth).clamp(0.0, deepest as f64) as u16;
        self.running[side] = self.running[side].max(halves);
    }

    /// Ends a step: the oldest one leaves the window.
    pub(crate) fn end_step(&mut self) {
        let new = std::mem::take(&mut self.running);
        let old = std::mem::replace(&mut self.ring[self.next], new);
        for side in 0..2 {
            if self.filled == self.ring.len() {
                self.counts[usize::from(old[side])] -= 1;
            }
            self.counts[usize::from(new[side])] += 1;
        }
        self.filled = (self.filled + 1).min(self.ring.len());
        self.next = (self.next + 1) % self.ring.len();
    }

    /// The seconds that the window covers so far.
    pub(crate) fn seconds(&self) -> f64 {
        self.filled as f64 * self.step
    }

    /// The intensity, where at least three depths were reached and it falls with depth. Deeper than one reach in `MOST` of the
    /// shallowest the logarithm is mostly noise: those depths are left out.
    pub(crate) fn intensity(&self) -> Option<Intensity> {
        const MOST: f64 = 50.0;
        let mut points: Vec<(f64, f64)> = Vec::with_capacity(self.counts.len());
        let mut reached = 0u32;
        for (halves, count) in self.counts.iter().enumerate().skip(1).rev() {
            reached += count;
            if reached > 0 {
                points.push((0.5 * halves as f64, f64::from(reached)));
            }
        }
        let most = points.last()?.1;
        points.retain(|(_, reached)| *reached * MOST >= most);
        let seconds = 2.0 * self.seconds();
        let (slope, level) = line(points.iter().map(|(depth, n)| (*depth, libm::log(n / seconds))))?;
        let intensity = Intensity { a: libm::exp(level), k: -slope };
        (intensity.k > 0.0 && intensity.a.is_finite()).then_some(intensity)
    }

    pub(crate) fn save(&self, state: &mut StateWriter) {
        state.int(self.next as i64);
        state.int(self.filled as i64);
        for [buys, sells] in self.ring.iter().chain([&self.running]) {
            state.int(i64::from(*buys) << 16 | i64::from(*sells));
        }
    }

    pub(crate) fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        const WRONG: StateError = StateError::Invalid("window of arrivals");
        let within = |x: i64, most: usize| usize::try_from(x).ok().filter(|x| *x <= most).ok_or(WRONG);
        self.next = within(state.int()?, self.ring.len() - 1)?;
        self.filled = within(state.int()?, self.ring.len())?;
        let deepest = self.counts.len() - 1;
        let mut pair = || -> Result<[u16; 2], StateError> {
            let both = u32::try_from(state.int()?).map_err(|_| WRONG)?;
            let pair = [(both >> 16) as u16, both as u16];
            if pair.iter().any(|halves| usize::from(*halves) > deepest) { Err(WRONG) } else { Ok(pair) }
        };
        for slot in &mut self.ring {
            *slot = pair()?;
        }
        self.running = pair()?;
        self.counts.fill(0);
        // Until it is full, the ring is filled from its beginning.
        for halves in self.ring.iter().take(self.filled).flatten() {
            self.counts[usize::from(*halves)] += 1;
        }
        Ok(())
    }
}

/// Slope and level of the least-squares line through at least three points.
fn line(points: impl Iterator<Item = (f64, f64)> + Clone) -> Option<(f64, f64)> {
    let n = points.clone().count() as f64;
    if n < 3.0 {
        return None;
    }
    let (sum_x, sum_y) = points.clone().fold((0.0, 0.0), |(a, b), (x, y)| (a + x, b + y));
    let (mean_x, mean_y) = (sum_x / n, sum_y / n);
    let (mut xy, mut xx) = (0.0, 0.0);
    for (x, y) in points {
        xy += (x - mean_x) * (y - mean_y);
        xx += (x - mean_x) * (x - mean_x);
    }
    (xx > 0.0).then(|| (xy / xx, mean_y - xy / xx * mean_x))
}

#[cfg(test)]
mod tests {
    use super::*;
    use units::Prng;

    #[test]
    fn volatility_of_a_random_walk_is_its_step() {
        let mut random = Prng::new(7);
        let mut volatility = Volatility::new(0.1, 600.0);
        let mut mid = 1_000.0;
        for look in 0..20_000 {
            volatility.update(mid);
            assert_eq!(volatility.sigma().is_some(), look >= NEEDED, "after {look}");
            mid += if random.next_u64() & 1 == 0 { 1.0 } else { -1.0 };
        }
        // One tick every tenth of a second: √10 ticks per √second.
        assert!((volatility.sigma().unwrap() - 10f64.sqrt()).abs() < 1e-9);
        volatility.pause();
        volatility.update(mid + 1e6);
        assert!((volatility.sigma().unwrap() - 10f64.sqrt()).abs() < 1e-9, "a gap is no change");
    }

    /// Depths drawn from `λ(δ) = a · exp(−k · δ)` give `a` and `k` back.
    #[test]
    fn intensity_of_exponential_depths_is_recovered() {
        let (a, k, step) = (2.0, 0.4, 0.1);
        let mut random = Prng::new(3);
        let mut arrivals = Arrivals::new(step, 200_000, 40);
        for _ in 0..200_000 {
            for side in 0..2 {
                if random.unit() < a * step {
                    arrivals.reach(side, -libm::log(1.0 - random.unit()) / k);
                }
            }
            arrivals.end_step();
        }
        let found = arrivals.intensity().unwrap();
        assert!((found.k - k).abs() < 0.02, "{found:?}");
        assert!((found.a - a).abs() < 0.1, "{found:?}");
    }

    #[test]
    fn the_window_slides_and_survives() {
        let mut arrivals = Arrivals::new(1.0, 4, 10);
        for depth in [1.0, 2.0, 3.0, 4.0, 0.0, 0.0] {
            arrivals.reach(0, depth);
            arrivals.end_step();
        }
        arrivals.reach(1, 99.0);
        assert_eq!(arrivals.counts[8], 1, "four ticks are still in the window");
        assert_eq!(arrivals.counts[2] + arrivals.counts[4], 0, "one and two ticks have left it");
        assert_eq!(arrivals.running, [0, 10], "deeper than the deepest counts as the deepest");
        let mut writer = StateWriter::default();
        arrivals.save(&mut writer);
        let bytes = writer.into_bytes();
        let mut copy = Arrivals::new(1.0, 4, 10);
        copy.load(&mut StateReader::new(&bytes)).unwrap();
        assert_eq!(copy, arrivals);
        assert!(Arrivals::new(1.0, 4, 3).load(&mut StateReader::new(&bytes)).is_err(), "of another shape");
    }

    #[test]
    fn too_little_gives_no_intensity() {
        let mut arrivals = Arrivals::new(0.1, 100, 20);
        assert_eq!(arrivals.intensity(), None);
        arrivals.reach(0, 1.0);
        arrivals.end_step();
        assert!(arrivals.intensity().is_none_or(|i| i.k > 0.0));
    }
}
