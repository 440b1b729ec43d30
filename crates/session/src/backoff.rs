//! Waiting longer after every failure, never in step with others.

use units::{Prng, Span};

/// How long to wait after failures in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// About so long after the first.
    pub first: Span,
    /// Never longer.
    pub most: Span,
}

impl Backoff {
    /// How long to wait after the `failures`-th failure in a row, counted from one: doubled with each, of which one half is fixed and
    /// one half is drawn, so that nobody waits for nothing and many do not come back at once.
    ///
    /// Source: "equal jitter" in Marc Brooker, *Exponential Backoff And Jitter*, AWS Architecture Blog, 2015.
    #[must_use]
    pub fn after(&self, failures: u32, prng: &mut Prng) -> Span {
        let doublings = failures.saturating_sub(1).min(62);
        let whole = i128::from(self.first.nanos()) << doublings;
        // At most `most`, which fits.
        let whole = whole.min(self.most.nanos().into()).max(2) as i64;
        let half = whole / 2;
        Span::from_nanos(half + prng.below(half.unsigned_abs() + 1) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_to_its_end_with_a_drawn_half() {
        let backoff = Backoff { first: Span::from_millis(500), most: Span::from_seconds(30) };
        let mut prng = Prng::new(1);
        for failures in 1..200u32 {
            let whole = (500i64 << (failures - 1).min(20)).min(30_000) * 1_000_000;
            let waits: Vec<i64> = (0..50).map(|_| backoff.after(failures, &mut prng).nanos()).collect();
            assert!(waits.iter().all(|w| (whole / 2..=whole).contains(w)), "{failures}: {waits:?}");
            assert!(waits.iter().any(|w| *w != waits[0]), "drawn");
        }
    }
}
