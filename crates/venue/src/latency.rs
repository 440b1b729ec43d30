//! How long messages travel: market data to us, orders to the exchange, answers back.
//!
//! Between the one who decides (*local*) and the exchange lie two queues, as in hftbacktest's split into a local and an exchange
//! processor: commands on their way out, answers on their way back. Each connection delivers in order, so a message that drew a
//! short latency waits for the one before it.

use crate::venue::Event;
use model::OrderCommand;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use units::{Prng, Rate, Span, Timestamp};

/// How long one leg takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Latency {
    /// Always the same; not negative.
    Constant(Span),
    /// Drawn from a distribution by a seeded generator.
    Drawn(Quantiles, Prng),
    /// As measured on real orders, interpolated in time.
    Replayed(Measured),
}

impl Latency {
    /// No time at all.
    pub const NONE: Self = Self::Constant(Span::ZERO);

    /// How long a message takes that leaves at `at`; never negative.
    #[inline]
    pub fn after(&mut self, at: Timestamp) -> Span {
        match self {
            Self::Constant(span) => (*span).max(Span::ZERO),
            Self::Drawn(quantiles, prng) => quantiles.draw(prng),
            Self::Replayed(measured) => measured.at(at),
        }
    }
}

/// Why latencies cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LatencyError {
    /// A latency is negative.
    Negative,
    /// Quantiles, or the moments of measurements, are not in growing order.
    Unordered,
    /// Quantiles do not reach from zero to one, or there is no measurement.
    Incomplete,
}

impl fmt::Display for LatencyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Negative => "a latency is negative",
            Self::Unordered => "latencies must be given in growing order",
            Self::Incomplete => "quantiles must reach from 0 to 1, and at least one measurement is needed",
        })
    }
}

impl std::error::Error for LatencyError {}

/// A distribution by its quantiles, with straight lines between them: any shape, taken from a sample or from what a monitor
/// shows (median, 99 %, 99.9 %), and drawn from in whole numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quantiles(Arc<[(Rate, Span)]>);

/// The quantiles of the exponential distribution with mean one, `−ln(1 − p)` in parts of 10⁶. The last stands for 99.99 %.
const EXPONENTIAL: [(i64, i64); 14] = [
    (0, 0),
    (100_000_000, 105_361),
    (200_000_000, 223_144),
    (300_000_000, 356_675),
    (400_000_000, 510_826),
    (500_000_000, 693_147),
    (600_000_000, 916_291),
    (700_000_000, 1_203_973),
    (800_000_000, 1_609_438),
    (900_000_000, 2_302_585),
    (950_000_000, 2_995_732),
    (990_000_000, 4_605_170),
    (999_000_000, 6_907_755),
    (1_000_000_000, 9_210_340),
];

impl Quantiles {
    /// From pairs of a probability and the latency that so many messages stay below, growing in both, from 0 to 1.
    ///
    /// # Errors
    /// [`LatencyError`] when they do not grow, do not reach from 0 to 1, or are negative.
    pub fn new(quantiles: &[(Rate, Span)]) -> Result<Self, LatencyError> {
        let (Some(first), Some(last)) = (quantiles.first(), quantiles.last()) else {
            return Err(LatencyError::Incomplete);
        };
        if first.1 < Span::ZERO {
            return Err(LatencyError::Negative);
        } else if first.0 != Rate::ZERO || last.0 != Rate::ONE {
            return Err(LatencyError::Incomplete);
        } else if !quantiles.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1) {
            return Err(LatencyError::Unordered);
        }
        Ok(Self(quantiles.into()))
    }

    /// At least `floor`, and beyond it exponential with mean `tail`, as the delays of a queue with random arrivals are (M/M/1). Cut off
    /// at 9.2 times the tail; the lines between the quantiles make the mean about 2 % larger.
    ///
    /// # Errors
    /// [`LatencyError::Negative`] when one of them is negative.
    pub fn exponential(floor: Span, tail: Span) -> Result<Self, LatencyError> {
        if floor < Span::ZERO || tail < Span::ZERO {
            return Err(LatencyError::Negative);
        }
        let span = |parts: i64| {
            let beyond = i128::from(tail.nanos()) * i128::from(parts) / 1_000_000;
            Span::from_nanos((i128::from(floor.nanos()) + beyond).min(i64::MAX.into()) as i64)
        };
        let quantiles: Vec<_> = EXPONENTIAL.iter().map(|(p, x)| (Rate::from_units(*p), span(*x))).collect();
        Self::new(&quantiles)
    }

    fn draw(&self, prng: &mut Prng) -> Span {
        let p = prng.below(Rate::ONE.units().unsigned_abs()) as i64;
        let above = self.0.partition_point(|(q, _)| q.units() <= p);
        let ((q0, low), (q1, high)) = (self.0[above - 1], self.0[above]);
        interpolate((q0.units(), low), (q1.units(), high), p)
    }
}

/// One order's round trip as it was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundTrip {
    /// When the request left us.
    pub request: Timestamp,
    /// When the exchange acted on it.
    pub exchange: Timestamp,
    /// When its answer reached us.
    pub response: Timestamp,
}

/// Latencies of one leg over time. Between two measurements the latency is on the line between them; before the first and after the
/// last it is theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured(Arc<[(Timestamp, Span)]>);

impl Measured {
    /// The way out, from round trips in the order of their requests.
    ///
    /// # Errors
    /// [`LatencyError`] without any, out of order, or when the exchange acted before the request.
    pub fn order_entry(trips: &[RoundTrip]) -> Result<Self, LatencyError> {
        Self::leg(trips, |trip| (trip.request, trip.exchange))
    }

    /// The way back, from round trips in the order in which the exchange acted.
    ///
    /// # Errors
    /// [`LatencyError`] without any, out of order, or when the answer came before the exchange acted.
    pub fn response(trips: &[RoundTrip]) -> Result<Self, LatencyError> {
        Self::leg(trips, |trip| (trip.exchange, trip.response))
    }

    fn leg(
        trips: &[RoundTrip],
        ends: impl Fn(&RoundTrip) -> (Timestamp, Timestamp),
    ) -> Result<Self, LatencyError> {
        let span = |(from, to): (Timestamp, Timestamp)| {
            let nanos = to.nanos().checked_sub(from.nanos()).filter(|nanos| *nanos >= 0);
            nanos.map(|nanos| (from, Span::from_nanos(nanos))).ok_or(LatencyError::Negative)
        };
        let legs = trips.iter().map(|trip| span(ends(trip))).collect::<Result<Vec<_>, _>>()?;
        if legs.is_empty() {
            return Err(LatencyError::Incomplete);
        } else if !legs.is_sorted_by_key(|(from, _)| *from) {
            return Err(LatencyError::Unordered);
        }
        Ok(Self(legs.into()))
    }

    fn at(&self, at: Timestamp) -> Span {
        let later = self.0.partition_point(|(from, _)| *from <= at);
        match (later.checked_sub(1).map(|i| self.0[i]), self.0.get(later).copied()) {
            (Some((t0, low)), Some((t1, high))) => {
                interpolate((t0.nanos(), low), (t1.nanos(), high), at.nanos())
            }
            (Some((_, only)), None) | (None, Some((_, only))) => only,
            (None, None) => Span::ZERO,
        }
    }
}

/// On the line between two points, at `x` between theirs, rounded down.
fn interpolate((x0, y0): (i64, Span), (x1, y1): (i64, Span), x: i64) -> Span {
    let (run, rise) = (i128::from(x1) - i128::from(x0), i128::from(y1.nanos()) - i128::from(y0.nanos()));
    let up = (rise * (i128::from(x) - i128::from(x0))).checked_div_euclid(run).unwrap_or(0);
    Span::from_nanos((i128::from(y0.nanos()) + up) as i64)
}

/// The latencies of the three legs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latencies {
    /// From the exchange to us: market data.
    pub feed: Latency,
    /// From us to the exchange: orders.
    pub order_entry: Latency,
    /// From the exchange to us: answers.
    pub response: Latency,
}

impl Latencies {
    /// No time at all, anywhere.
    pub const NONE: Self = Self { feed: Latency::NONE, order_entry: Latency::NONE, response: Latency::NONE };
}

/// What happens next, of the four things that can. At equal times the order is the one of the variants: what we are told comes before
/// what we cause, and the exchange's market before the orders that arrive at it (as hftbacktest orders them).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// Market data reaches us.
    LocalData,
    /// An answer reaches us.
    LocalAnswer,
    /// The exchange's market moves.
    ExchangeData,
    /// A command reaches the exchange.
    ExchangeOrder,
}

/// The connection between us and the exchange: commands on their way out, answers on their way back, each in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    latencies: Latencies,
    out: VecDeque<(Timestamp, OrderCommand)>,
    back: VecDeque<(Timestamp, Event)>,
    /// When the last market fact, command and answer arrive: the next of its kind is not earlier.
    last_fed: Timestamp,
    last_out: Timestamp,
    last_back: Timestamp,
}

impl Link {
    /// A connection on which nothing travels.
    #[must_use]
    pub const fn new(latencies: Latencies) -> Self {
        Self {
            latencies,
            out: VecDeque::new(),
            back: VecDeque::new(),
            last_fed: Timestamp::MIN,
            last_out: Timestamp::MIN,
            last_back: Timestamp::MIN,
        }
    }

    /// Sends a command at `at`; it arrives after the latency, and not before the one sent before it.
    pub fn send(&mut self, at: Timestamp, command: OrderCommand) {
        self.last_out = arrival(at, self.latencies.order_entry.after(at), self.last_out);
        self.out.push_back((self.last_out, command));
    }

    /// Sends an answer of the exchange on its way back, from the time it carries.
    pub fn answer(&mut self, event: Event) {
        self.last_back = arrival(event.at, self.latencies.response.after(event.at), self.last_back);
        self.back.push_back((self.last_back, event));
    }

    /// When a market fact of the exchange's time `at` reaches us. For recordings that do not say; asked in order.
    pub fn feed(&mut self, at: Timestamp) -> Timestamp {
        self.last_fed = arrival(at, self.latencies.feed.after(at), self.last_fed);
        self.last_fed
    }

    /// When the next command reaches the exchange.
    #[inline]
    #[must_use]
    pub fn next_command(&self) -> Option<Timestamp> {
        self.out.front().map(|(at, _)| *at)
    }

    /// When the next answer reaches us.
    #[inline]
    #[must_use]
    pub fn next_answer(&self) -> Option<Timestamp> {
        self.back.front().map(|(at, _)| *at)
    }

    /// The next command, with the time at which it reaches the exchange.
    #[inline]
    pub fn take_command(&mut self) -> Option<(Timestamp, OrderCommand)> {
        self.out.pop_front()
    }

    /// The next answer, with the time at which it reaches us; the event carries the exchange's time.
    #[inline]
    pub fn take_answer(&mut self) -> Option<(Timestamp, Event)> {
        self.back.pop_front()
    }

    /// Whether nothing is on its way.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.out.is_empty() && self.back.is_empty()
    }

    /// What happens next and when, given when the next market fact reaches us and when the next happens at the exchange.
    #[must_use]
    pub fn next(
        &self,
        local_data: Option<Timestamp>,
        exchange_data: Option<Timestamp>,
    ) -> Option<(Timestamp, Turn)> {
        [
            (local_data, Turn::LocalData),
            (self.next_answer(), Turn::LocalAnswer),
            (exchange_data, Turn::ExchangeData),
            (self.next_command(), Turn::ExchangeOrder),
        ]
        .into_iter()
        .filter_map(|(at, turn)| Some((at?, turn)))
        .min()
    }
}

/// When a message arrives: after its latency, and not before the one ahead of it. The end of time is the latest.
#[inline]
fn arrival(at: Timestamp, latency: Span, ahead: Timestamp) -> Timestamp {
    at.checked_add(latency).unwrap_or(Timestamp::MAX).max(ahead)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{CancelScope, ClientOrderId, InstrumentIx, VenueEvent};
    use proptest::prelude::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).unwrap()
    }

    fn command() -> OrderCommand {
        OrderCommand::CancelAll { instrument: None, scope: CancelScope::Orders }
    }

    fn event(millis: i64) -> Event {
        let (id, instrument) = (ClientOrderId::new(1, 0), InstrumentIx(0));
        Event { at: at(millis), event: VenueEvent::Accepted { id, instrument } }
    }

    fn constant(feed: i64, order_entry: i64, response: i64) -> Latencies {
        let of = |millis| Latency::Constant(Span::from_millis(millis));
        Latencies { feed: of(feed), order_entry: of(order_entry), response: of(response) }
    }

    #[test]
    fn a_round_trip_takes_both_ways() {
        let mut link = Link::new(constant(1, 2, 3));
        assert_eq!(link.feed(at(10)), at(11));
        link.send(at(10), command());
        assert_eq!(link.next_command(), Some(at(12)));
        assert_eq!(link.take_command(), Some((at(12), command())));
        link.answer(event(12));
        assert_eq!(link.take_answer(), Some((at(15), event(12))));
        assert!(link.is_empty());
    }

    #[test]
    fn equal_times_have_an_order() {
        let mut link = Link::new(constant(0, 1, 1));
        link.send(at(9), command());
        link.answer(event(9));
        let ten = Some(at(10));
        assert_eq!(link.next(ten, ten), Some((at(10), Turn::LocalData)));
        assert_eq!(link.next(None, ten), Some((at(10), Turn::LocalAnswer)));
        link.take_answer();
        assert_eq!(link.next(None, ten), Some((at(10), Turn::ExchangeData)));
        assert_eq!(link.next(None, None), Some((at(10), Turn::ExchangeOrder)));
        assert_eq!(link.next(Some(at(12)), Some(at(9))), Some((at(9), Turn::ExchangeData)));
        link.take_command();
        assert_eq!(link.next(None, None), None);
    }

    #[test]
    fn measurements_are_interpolated() {
        let trip = |request, exchange, response| RoundTrip {
            request: at(request),
            exchange: at(exchange),
            response: at(response),
        };
        let trips = [trip(1000, 1010, 1014), trip(2000, 2030, 2036)];
        let mut entry = Latency::Replayed(Measured::order_entry(&trips).unwrap());
        for (when, millis) in [(0, 10), (1000, 10), (1500, 20), (1750, 25), (2000, 30), (9000, 30)] {
            assert_eq!(entry.after(at(when)), Span::from_millis(millis), "a request at {when}");
        }
        let mut response = Latency::Replayed(Measured::response(&trips).unwrap());
        assert_eq!(response.after(at(1520)), Span::from_millis(5));
        assert_eq!(Measured::order_entry(&[]), Err(LatencyError::Incomplete));
        assert_eq!(Measured::order_entry(&[trips[1], trips[0]]), Err(LatencyError::Unordered));
        assert_eq!(Measured::response(&[trip(0, 9, 5)]), Err(LatencyError::Negative));
    }

    #[test]
    fn quantiles_must_be_whole() {
        let ms = Span::from_millis;
        let of = |quantiles: &[(Rate, Span)]| Quantiles::new(quantiles).map(|_| ());
        let half = Rate::from_units(500_000_000);
        assert_eq!(of(&[(Rate::ZERO, ms(1)), (half, ms(2)), (Rate::ONE, ms(9))]), Ok(()));
        assert_eq!(of(&[]), Err(LatencyError::Incomplete));
        assert_eq!(of(&[(Rate::ZERO, ms(1))]), Err(LatencyError::Incomplete));
        assert_eq!(of(&[(Rate::ZERO, ms(3)), (Rate::ONE, ms(2))]), Err(LatencyError::Unordered));
        assert_eq!(of(&[(Rate::ZERO, ms(-1)), (Rate::ONE, ms(2))]), Err(LatencyError::Negative));
        assert_eq!(Quantiles::exponential(ms(1), ms(-1)), Err(LatencyError::Negative));
    }

    #[test]
    fn a_drawn_latency_has_its_shape_and_repeats() {
        let quantiles = Quantiles::exponential(Span::from_millis(5), Span::from_millis(10)).unwrap();
        let mut latency = Latency::Drawn(quantiles, Prng::new(7));
        let mut again = latency.clone();
        let mut drawn: Vec<i64> =
            (0..20_000).map(|_| latency.after(Timestamp::EPOCH).nanos() / 1000).collect();
        assert!(drawn.iter().all(|us| again.after(Timestamp::EPOCH).nanos() / 1000 == *us));
        drawn.sort_unstable();
        assert!(drawn[0] >= 5000 && drawn[19_999] <= 97_104);
        // The median is 5 + 10 ln 2 = 11.931 ms, the 99 % quantile 5 + 10 ln 100 = 51.05 ms.
        assert!((11_600..12_300).contains(&drawn[10_000]), "{}", drawn[10_000]);
        assert!((48_000..55_000).contains(&drawn[19_800]), "{}", drawn[19_800]);
    }

    proptest! {
        /// Whatever is drawn, a connection delivers in order and never before it was given something.
        #[test]
        fn connections_keep_order(seed in any::<u64>(), gaps in prop::collection::vec(0i64..50, 1..50)) {
            let drawn = |n| Latency::Drawn(
                Quantiles::exponential(Span::from_millis(1), Span::from_millis(20)).unwrap(),
                Prng::new(seed).fork(n),
            );
            let mut link = Link::new(Latencies { feed: drawn(0), order_entry: drawn(1), response: drawn(2) });
            let (mut now, mut last) = (0, [Timestamp::MIN; 3]);
            for gap in gaps {
                now += gap;
                link.send(at(now), command());
                link.answer(event(now));
                let arrivals = [link.feed(at(now)), link.out.back().unwrap().0, link.back.back().unwrap().0];
                for (arrival, last) in arrivals.into_iter().zip(&mut last) {
                    prop_assert!(arrival >= at(now) && arrival >= *last);
                    *last = arrival;
                }
            }
        }
    }
}
