//! What a process takes for the time: drifting, set forward and back, and not looked at while the process is paused.

use crate::options::{Fault, Options};
use units::{Prng, Span, Timestamp};

/// The clock of a process.
#[derive(Debug, Clone)]
pub struct ProcessClock {
    /// The true time at which drift and offset were last settled, and what the clock showed then.
    settled: Timestamp,
    shown: Timestamp,
    /// Nanoseconds that it gains in a second of true time; negative when it loses.
    drift: i64,
}

impl ProcessClock {
    /// A clock that was right at `now`.
    #[must_use]
    pub fn new(now: Timestamp, options: &Options, prng: &mut Prng) -> Self {
        // Up to 200 parts in a million, as bad quartz in a warm room.
        let drift = if options.strikes(Fault::Drift, prng) { prng.below(400_001) as i64 - 200_000 } else { 0 };
        Self { settled: now, shown: now, drift }
    }

    /// What it shows at this true time.
    #[must_use]
    pub fn read(&self, now: Timestamp) -> Timestamp {
        let passed = now - self.settled;
        let gained = (i128::from(passed.nanos()) * i128::from(self.drift) / 1_000_000_000) as i64;
        self.shown + passed + Span::from_nanos(gained)
    }

    /// Somebody may set it. Returns by how much it jumped.
    pub fn tick(&mut self, now: Timestamp, options: &Options, prng: &mut Prng) -> Span {
        let mut jump = 0;
        if options.strikes(Fault::StepForward, prng) {
            jump += prng.below(120_000) as i64 * 1_000_000;
        }
        if options.strikes(Fault::StepBack, prng) {
            jump -= prng.below(120_000) as i64 * 1_000_000;
        }
        let jump = Span::from_nanos(jump);
        (self.shown, self.settled) = (self.read(now) + jump, now);
        jump
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_right_where_nothing_is_wrong_with_it() {
        let (prng, options) = (&mut Prng::new(1), Options::calm());
        let mut clock = ProcessClock::new(Timestamp::EPOCH, &options, prng);
        for second in 1..100 {
            let now = Timestamp::EPOCH + Span::from_seconds(second);
            assert_eq!((clock.tick(now, &options, prng), clock.read(now)), (Span::ZERO, now));
        }
    }

    #[test]
    fn drift_is_bounded_and_steps_go_both_ways() {
        let options = Options::calm().with(Fault::Drift, 10_000).with(Fault::StepBack, 5_000).with(Fault::StepForward, 5_000);
        let prng = &mut Prng::new(3);
        let mut clock = ProcessClock::new(Timestamp::EPOCH, &options, prng);
        let day = Timestamp::EPOCH + Span::DAY;
        let gained = (clock.read(day) - day).nanos().abs();
        assert!(gained > 0 && gained <= 200_000 * 86_400, "{gained}");
        let jumps: Vec<i64> = (0..40).map(|_| clock.tick(day, &options, prng).nanos().signum()).collect();
        assert!(jumps.contains(&1) && jumps.contains(&-1));
    }
}
