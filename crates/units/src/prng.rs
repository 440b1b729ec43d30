//! Seeded randomness, the same on every machine and in every version of this program.

/// xoshiro256++ by Blackman and Vigna (public domain reference, <https://prng.di.unimi.it/>), seeded through
/// SplitMix64 as its authors advise. Small enough to own, and owned because its stream is part of our promise: a seed
/// names the same market for ever, whatever a dependency does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prng {
    state: [u64; 4],
}

impl Prng {
    /// A generator for `seed`; every seed, zero included, gives a good stream.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut z = seed;
        let state = std::array::from_fn(|_| {
            z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut x = z;
            x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            x ^ (x >> 31)
        });
        Self { state }
    }

    /// An independent generator for a named part of a world, so that adding one part does not shift the others.
    #[must_use]
    pub fn fork(&self, stream: u64) -> Self {
        Self::new(self.state[0] ^ self.state[3].rotate_left(17) ^ stream.wrapping_mul(0xd1b5_4a32_d192_ed03))
    }

    /// 64 uniform bits.
    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A uniform whole number in `0..bound`, without modulo bias (Lemire's method).
    ///
    /// # Panics
    /// When `bound` is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "a range of nothing has no members");
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let wide = u128::from(self.next_u64()) * u128::from(bound);
            if (wide as u64) >= threshold {
                return (wide >> 64) as u64;
            }
        }
    }

    /// A uniform number in `[0, 1)` with 53 random bits. For synthetic statistics, never for money.
    #[allow(clippy::float_arithmetic)] // the marked edge: the unit interval
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first outputs of the reference implementation from the state 1, 2, 3, 4.
    #[test]
    fn equals_the_published_stream() {
        let mut g = Prng { state: [1, 2, 3, 4] };
        let got: Vec<u64> = (0..4).map(|_| g.next_u64()).collect();
        assert_eq!(got, [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386]);
    }

    #[test]
    fn seeds_and_forks_differ_and_repeat() {
        let (mut a, mut b, mut c) = (Prng::new(0), Prng::new(0), Prng::new(1));
        assert_eq!(a.next_u64(), b.next_u64());
        assert_ne!(a.next_u64(), c.next_u64());
        assert_ne!(Prng::new(7).fork(1).next_u64(), Prng::new(7).fork(2).next_u64());
    }

    #[test]
    fn bounded_draws_are_even() {
        let mut g = Prng::new(42);
        let mut counts = [0u32; 6];
        for _ in 0..60_000 {
            counts[usize::try_from(g.below(6)).unwrap()] += 1;
        }
        assert!(counts.iter().all(|c| (9_600..10_400).contains(c)), "{counts:?}");
        assert!((0..1000).all(|_| (0.0..1.0).contains(&g.unit())));
    }
}
