//! What time it is at the venue: an offset measured from its answers.

use std::collections::VecDeque;
use units::{Span, Timestamp};
use wire::Moment;

/// So many measurements are kept.
const KEPT: usize = 8;

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sample {
    offset: Span,
    round_trip: Span,
}

/// The offset of a venue's clock, estimated as NTP does: the answer was given somewhere between question and answer, so the
/// offset is known to half of the round trip, and of the last measurements the one with the shortest trip counts.
///
/// Source: RFC 5905, section 8 (on-wire protocol) and section 10 (clock filter).
#[derive(Debug, Default)]
pub struct VenueClock {
    samples: VecDeque<Sample>,
}

impl VenueClock {
    /// Takes a measurement: asked at `asked`, the venue said `told`, and that arrived at `arrived`.
    pub fn note(&mut self, asked: Timestamp, told: Timestamp, arrived: Timestamp) {
        let trip = i128::from(arrived.nanos()) - i128::from(asked.nanos());
        let middle = i128::from(asked.nanos()) + trip / 2;
        let offset = i128::from(told.nanos()) - middle;
        // A clock that was set in between, or an absurd answer, measures nothing.
        let (Ok(offset), Ok(trip)) = (i64::try_from(offset), i64::try_from(trip)) else { return };
        if trip < 0 {
            return;
        }
        if self.samples.len() == KEPT {
            self.samples.pop_front();
        }
        self.samples
            .push_back(Sample { offset: Span::from_nanos(offset), round_trip: Span::from_nanos(trip) });
    }

    /// Forgets what was measured: the venue refused a time, so it was wrong.
    pub fn doubt(&mut self) {
        self.samples.clear();
    }

    /// How far the venue's clock is ahead of ours, and how wrong that may be at most; `None` before any measurement.
    #[must_use]
    pub fn offset(&self) -> Option<(Span, Span)> {
        let best = self.samples.iter().rev().min_by_key(|sample| sample.round_trip)?;
        Some((best.offset, Span::from_nanos(best.round_trip.nanos() / 2)))
    }

    /// Now, by both clocks.
    #[must_use]
    pub fn moment(&self, local: Timestamp) -> Moment {
        let offset = self.offset().map_or(Span::ZERO, |(offset, _)| offset);
        Moment { local, venue: local.checked_add(offset).unwrap_or(local) }
    }

    /// A moment of the venue's clock, by ours.
    #[must_use]
    pub fn local(&self, venue: Timestamp) -> Timestamp {
        let offset = self.offset().map_or(0, |(offset, _)| offset.nanos());
        venue.nanos().checked_sub(offset).map_or(venue, Timestamp::from_nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The estimate is never further off than it says, whatever the delays of the network are.
        #[test]
        fn the_error_is_bounded(
            offset in -3_600_000_000_000i64..3_600_000_000_000,
            trips in proptest::collection::vec((0i64..500_000_000, 0i64..500_000_000), 1..20),
        ) {
            let mut clock = VenueClock::default();
            let mut now = 1_000_000_000_000i64;
            for (out, back) in trips {
                let t = Timestamp::from_nanos;
                clock.note(t(now), t(now + out + offset), t(now + out + back));
                now += out + back + 1_000;
                let (estimate, error) = clock.offset().unwrap();
                prop_assert!((estimate.nanos() - offset).abs() <= error.nanos() + 1);
                let moment = clock.moment(t(now));
                prop_assert_eq!(clock.local(moment.venue), t(now));
            }
        }
    }

    #[test]
    fn the_shortest_trip_counts_and_nonsense_does_not() {
        let t = Timestamp::from_nanos;
        let mut clock = VenueClock::default();
        assert_eq!(clock.moment(t(5)).venue, t(5));
        clock.note(t(0), t(150), t(100));
        clock.note(t(200), t(1_000), t(1_000));
        assert_eq!(clock.offset(), Some((Span::from_nanos(100), Span::from_nanos(50))));
        clock.note(t(10), t(10), t(0));
        clock.note(Timestamp::MIN, t(0), Timestamp::MAX);
        assert_eq!(clock.offset(), Some((Span::from_nanos(100), Span::from_nanos(50))));
        clock.doubt();
        assert_eq!(clock.offset(), None);
    }
}
