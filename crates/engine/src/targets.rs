//! From opinions to one target per instrument: signals of several strategies, weighted by weight and confidence.
//!
//! A signal is a *state*: it holds until its source says something else. The target of an instrument is
//!
//! ```text
//! strength = Σ weight · confidence · direction / Σ weight        over the strategies that trade the instrument
//! ```
//!
//! in whole numbers of 10⁻⁹, so one strategy at full confidence gives ±1, two equal ones that disagree give 0, and one of
//! two that has no opinion halves the other. That is the weighted vote; [`Aggregation`] lists the other ways to come to one
//! target, and [`Conflict::FirstCome`] leaves an instrument to one strategy at a time. A position is sought when the strength *changes*, not on every candle: after
//! a stop has closed a position, the same opinion does not open it again.

use model::{ClientOrderId, Direction, InstrumentIx, PlanIx, Protection, Seq, Signal, Tag};
use std::hint::cold_path;
use units::{Quantity, Rate, Rounding, mul_div};

/// How the opinions of several strategies about one instrument become one. A strategy that is stopped, faulted or of
/// weight zero takes no part; strengths of at most [`crate::Setup::min_strength`] are none in every way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Aggregation {
    /// The mean of the confidences, by weight, with the signs of their directions.
    #[default]
    WeightedVote,
    /// The most confident of those that want a position decides alone; of several, the one of the largest weight, then the
    /// first. Who wants none has no say.
    BestConfidence,
    /// A position only while all want it in the same direction, as large as the weighted vote makes it.
    Unanimous,
    /// The first in the order of the strategies that wants a position decides alone. Signals from outside come last.
    Priority,
}

/// What becomes of strategies that want different things of one instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Conflict {
    /// They share one position, which follows the aggregated opinion.
    #[default]
    NetTarget,
    /// The one that wanted a position first has the instrument for itself until it wants none any more, or until its
    /// position was closed by a stop, a target or the venue. Then it is the turn of the one whose opinion has stood longest.
    /// Nothing is aggregated.
    FirstCome,
}

/// How many opinions become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Voting {
    /// How they are aggregated.
    pub aggregation: Aggregation,
    /// Whether they share a position.
    pub conflict: Conflict,
}

/// What one strategy thinks of one instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opinion {
    pub(crate) strategy: u16,
    pub(crate) weight: Rate,
    pub(crate) signal: Option<Signal>,
    /// A strategy that is stopped or faulted has no vote and no weight.
    pub(crate) counts: bool,
    /// The input with which it took its present direction.
    pub(crate) since: Seq,
    /// Where only the first come is served: its position was closed for it, and it has said nothing since.
    pub(crate) is_spent: bool,
}

/// A strategy's part in a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quota {
    pub(crate) strategy: u16,
    /// What it is to hold, signed.
    pub(crate) quantity: Quantity,
}

/// All opinions about one instrument and what was made of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Desk {
    pub(crate) opinions: Vec<Opinion>,
    /// Something changed since the target was last pursued.
    pub(crate) is_dirty: bool,
    /// The strength that was pursued last.
    pub(crate) pursued: Option<i64>,
    /// Whose instrument it is, where only the first come is served.
    pub(crate) owner: Option<u16>,
    /// Who is to hold how much of the position that was pursued last; kept where positions are attributed.
    pub(crate) quotas: Vec<Quota>,
    /// The order that was placed last to come to that position.
    pub(crate) sought: Option<ClientOrderId>,
    /// The venue takes nothing that opens or enlarges a position at the moment ([`model::VenueEvent::Ready`]).
    pub(crate) is_shut: bool,
}

/// The target that follows from the opinions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    /// −10⁹ to 10⁹.
    pub(crate) strength: i64,
    pub(crate) direction: Direction,
    /// The strategy with the largest share in it.
    pub(crate) leader: u16,
    pub(crate) tag: Tag,
    pub(crate) protection: Protection,
    /// The exit plan that the leader names.
    pub(crate) plan: Option<PlanIx>,
}

impl Target {
    /// No position, for the same reason and in the same name.
    pub(crate) const fn left(self) -> Self {
        Self {
            strength: 0,
            direction: Direction::Flat,
            leader: self.leader,
            tag: self.tag,
            protection: Protection::NONE,
            plan: None,
        }
    }
}

impl Opinion {
    pub(crate) const fn new(strategy: u16, weight: Rate) -> Self {
        Self { strategy, weight, signal: None, counts: true, since: Seq(0), is_spent: false }
    }

    /// What it votes for with a weight of one, if it may vote.
    fn vote(&self) -> i64 {
        let takes_part = self.counts && self.weight > Rate::ZERO;
        self.signal.as_ref().filter(|_| takes_part).map_or(0, conviction)
    }
}

impl Desk {
    /// Notes an opinion, told with this input. Returns whether the strategy has a seat at this desk.
    #[inline]
    pub(crate) fn note(&mut self, strategy: u16, signal: Signal, seq: Seq) -> bool {
        let seat = self.opinions.iter_mut().find(|o| o.strategy == strategy);
        if let Some(opinion) = seat {
            let is_news = opinion.is_spent || opinion.signal.is_none_or(|s| s.direction != signal.direction);
            if is_news {
                opinion.since = seq;
            }
            opinion.signal = Some(signal);
            opinion.is_spent = false;
            self.is_dirty = true;
            return true;
        }
        false
    }

    /// The target, with strengths of at most `min_strength` taken for none.
    #[inline]
    pub(crate) fn target(&mut self, min_strength: Rate, voting: Voting) -> Target {
        let (strength, lead) = match (self.opinions.as_slice(), voting.conflict) {
            // The mean of one is itself: no division.
            ([only], Conflict::NetTarget) if only.counts && only.weight > Rate::ZERO => {
                let signal = only.signal.as_ref();
                (signal.map_or(0, conviction), signal.map(|signal| (only, signal)))
            }
            (_, Conflict::FirstCome) => {
                cold_path();
                self.settle_owner(min_strength);
                first_come(&self.opinions, self.owner)
            }
            (opinions, Conflict::NetTarget) => aggregated(opinions, voting.aggregation),
        };
        let strength = if strength.abs() <= min_strength.units() { 0 } else { strength };
        let direction = Direction::of(strength);
        let leader = lead.filter(|(_, s)| s.direction == direction || direction == Direction::Flat);
        Target {
            strength,
            direction,
            leader: leader.map_or(u16::MAX, |(o, _)| o.strategy),
            tag: leader.map_or(Tag::default(), |(_, s)| s.tag),
            plan: leader.filter(|_| direction != Direction::Flat).and_then(|(_, s)| s.plan),
            protection: match leader {
                Some((_, s)) if direction != Direction::Flat => Protection::new(s.stop_loss, s.take_profit),
                _ => Protection::NONE,
            },
        }
    }

    /// Passes the instrument on, once its owner wants no position any more and another does.
    fn settle_owner(&mut self, min_strength: Rate) {
        let wants = |o: &&Opinion| !o.is_spent && o.vote().abs() > min_strength.units();
        let is_kept = self.opinions.iter().filter(wants).any(|o| Some(o.strategy) == self.owner);
        if is_kept {
            return;
        }
        if let Some(next) = self.opinions.iter().filter(wants).min_by_key(|o| o.since) {
            if self.owner.is_some() {
                // What is the same strength is another's position.
                self.pursued = None;
            }
            self.owner = Some(next.strategy);
        }
    }

    /// Notes that a position came to its end without its owner having asked for it.
    pub(crate) fn spend(&mut self) {
        let owner = self.owner;
        let is_owner = |o: &&mut Opinion| Some(o.strategy) == owner;
        if let Some(opinion) = self.opinions.iter_mut().find(is_owner)
            && opinion.vote() != 0
        {
            opinion.is_spent = true;
            self.is_dirty = true;
        }
    }

    /// Divides a position that was decided on among those who want it: by weight and confidence where they vote, to the
    /// leader alone where one decides. What cannot be divided goes to the leader.
    pub(crate) fn divide(&mut self, wanted: Quantity, target: &Target, voting: Voting) {
        self.quotas.clear();
        if wanted.is_zero() {
            return;
        }
        let is_vote = voting.conflict == Conflict::NetTarget
            && matches!(voting.aggregation, Aggregation::WeightedVote | Aggregation::Unanimous);
        let sign = i128::from(target.direction.sign());
        let share = |o: &Opinion| {
            let vote = sign * i128::from(o.vote()) * i128::from(o.weight.units());
            if is_vote { vote.max(0) } else { i128::from(o.strategy == target.leader) }
        };
        let sum: i128 = self.opinions.iter().map(share).sum();
        let mut left = wanted.mantissa();
        if sum > 0 {
            for o in &self.opinions {
                let part = mul_div(wanted.mantissa().into(), share(o), sum, Rounding::Down);
                // A part of an `i64`.
                let part = part.and_then(|part| i64::try_from(part).ok()).unwrap_or(0);
                if part != 0 {
                    left -= part;
                    self.quotas.push(Quota { strategy: o.strategy, quantity: Quantity::new(part) });
                }
            }
        }
        match self.quotas.iter_mut().find(|q| q.strategy == target.leader) {
            Some(quota) => quota.quantity += Quantity::new(left),
            None => {
                self.quotas.push(Quota { strategy: target.leader, quantity: Quantity::new(left) });
            }
        }
    }
}

/// Opinions as one, and the one that leads.
#[inline(never)]
fn aggregated(opinions: &[Opinion], aggregation: Aggregation) -> (i64, Option<(&Opinion, &Signal)>) {
    let alone = |opinion: Option<&'_ Opinion>| opinion.map_or(0, Opinion::vote);
    let wanting = || opinions.iter().filter(|o| o.vote() != 0);
    let (strength, lead) = match aggregation {
        Aggregation::WeightedVote => return mean(opinions),
        Aggregation::Unanimous => {
            let mut voters = opinions.iter().filter(|o| o.counts && o.weight > Rate::ZERO);
            let first = voters.next().map_or(0, |o| o.vote().signum());
            if first != 0 && voters.all(|o| o.vote().signum() == first) {
                return mean(opinions);
            }
            (0, None)
        }
        Aggregation::BestConfidence => {
            let better = |a: &&Opinion, b: &&Opinion| (a.vote().abs(), a.weight) > (b.vote().abs(), b.weight);
            let best = wanting().fold(None, |best: Option<&Opinion>, o| match best {
                Some(best) if !better(&o, &best) => Some(best),
                _ => Some(o),
            });
            (alone(best), best)
        }
        Aggregation::Priority => {
            let first = wanting().next();
            (alone(first), first)
        }
    };
    match lead {
        Some(lead) => (strength, lead.signal.as_ref().map(|signal| (lead, signal))),
        // Nobody decides: the position ends in the name of whom the vote would name.
        None => (0, mean(opinions).1),
    }
}

/// What the owner wants, if it still wants anything.
#[inline(never)]
fn first_come(opinions: &[Opinion], owner: Option<u16>) -> (i64, Option<(&Opinion, &Signal)>) {
    match opinions.iter().find(|o| Some(o.strategy) == owner) {
        Some(o) => (if o.is_spent { 0 } else { o.vote() }, o.signal.as_ref().map(|signal| (o, signal))),
        None => (0, mean(opinions).1),
    }
}

/// What a signal votes for with a weight of one: −10⁹ to 10⁹.
#[inline]
fn conviction(signal: &Signal) -> i64 {
    signal.confidence.units().clamp(0, Rate::ONE.units()) * signal.direction.sign()
}

/// The weighted mean of opinions, and the one with the largest share in it: of those that want what it comes to, or of all
/// where it comes to nothing.
fn mean(opinions: &[Opinion]) -> (i64, Option<(&Opinion, &Signal)>) {
    let (mut sum, mut weights) = (0i128, 0i128);
    // The first of the strongest that want a short position, any, or a long one; a flat opinion leads only where nobody wants
    // anything.
    let mut leads: [Option<(i128, &Opinion, &Signal)>; 3] = [None; 3];
    for opinion in opinions.iter().filter(|o| o.counts) {
        weights += i128::from(opinion.weight.units());
        if let Some(signal) = &opinion.signal {
            let vote = i128::from(opinion.weight.units()) * i128::from(conviction(signal));
            sum += vote;
            for lead in [sign_of(vote), 1] {
                if leads[lead].is_none_or(|(strongest, _, _)| vote.abs() > strongest) {
                    leads[lead] = Some((vote.abs(), opinion, signal));
                }
            }
        }
    }
    let strength = match (i64::try_from(sum), i64::try_from(weights)) {
        (_, Ok(0)) => 0,
        (Ok(sum), Ok(weights)) => sum / weights,
        // Not above 10⁹ in magnitude: a weighted mean of confidences.
        _ => i64::try_from(sum / weights).unwrap_or(0),
    };
    (strength, leads[sign_of(strength.into())].map(|(_, opinion, signal)| (opinion, signal)))
}

/// 0, 1 or 2 for what is below, at or above zero.
fn sign_of(vote: i128) -> usize {
    match vote {
        ..=-1 => 0,
        0 => 1,
        1.. => 2,
    }
}

/// The desks, by instrument.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Targets {
    pub(crate) desks: Vec<Desk>,
}

impl Targets {
    pub(crate) fn new(instruments: usize) -> Self {
        Self { desks: vec![Desk::default(); instruments] }
    }

    #[inline]
    pub(crate) fn desk(&mut self, ix: InstrumentIx) -> Option<&mut Desk> {
        self.desks.get_mut(ix.index())
    }

    /// Takes a strategy's votes away, or gives them back without an opinion.
    pub(crate) fn set_counts(&mut self, strategy: u16, counts: bool) {
        for desk in &mut self.desks {
            let Some(opinion) = desk.opinions.iter_mut().find(|o| o.strategy == strategy) else { continue };
            opinion.counts = counts;
            opinion.signal = None;
            desk.is_dirty = true;
        }
    }

    /// Gives a strategy another weight.
    pub(crate) fn set_weight(&mut self, strategy: u16, weight: Rate) {
        for desk in &mut self.desks {
            let Some(opinion) = desk.opinions.iter_mut().find(|o| o.strategy == strategy) else { continue };
            if opinion.weight != weight {
                opinion.weight = weight;
                desk.is_dirty = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desk(opinions: &[(i64, i64, Option<Direction>)]) -> Desk {
        let opinions = opinions
            .iter()
            .enumerate()
            .map(|(i, (weight, confidence, direction))| Opinion {
                signal: direction.map(|d| Signal {
                    confidence: Rate::from_units(*confidence),
                    ..Signal::new(InstrumentIx(0), d, Tag(u16::try_from(i).unwrap()))
                }),
                ..Opinion::new(u16::try_from(i).unwrap(), Rate::from_units(*weight))
            })
            .collect();
        Desk { opinions, ..Desk::default() }
    }

    const ONE: i64 = 1_000_000_000;
    const VOTE: Voting = Voting { aggregation: Aggregation::WeightedVote, conflict: Conflict::NetTarget };
    use Direction::{Flat, Long, Short};

    #[test]
    fn strength_is_the_weighted_mean() {
        let strength = |opinions: &[_]| desk(opinions).target(Rate::ZERO, VOTE).strength;
        assert_eq!(strength(&[(ONE, ONE, Some(Long))]), ONE);
        assert_eq!(
            strength(&[(ONE / 10, ONE, Some(Short))]),
            -ONE,
            "the weight of a lone strategy cancels out"
        );
        assert_eq!(strength(&[(ONE, ONE, Some(Long)), (ONE, ONE, Some(Short))]), 0);
        assert_eq!(strength(&[(ONE, ONE, Some(Long)), (ONE, ONE, None)]), ONE / 2);
        assert_eq!(strength(&[(3 * ONE, ONE, Some(Long)), (ONE, ONE, Some(Short))]), ONE / 2);
        assert_eq!(strength(&[(ONE, ONE / 4, Some(Long))]), ONE / 4);
        assert_eq!(strength(&[(ONE, 7 * ONE, Some(Long))]), ONE, "confidence is clamped");
        assert_eq!(strength(&[]), 0);
    }

    #[test]
    fn the_strongest_agreeing_opinion_leads() {
        let target = desk(&[(ONE, ONE / 2, Some(Long)), (ONE, ONE, Some(Long)), (ONE, ONE, Some(Flat))])
            .target(Rate::ZERO, VOTE);
        assert_eq!((target.direction, target.leader, target.tag), (Long, 1, Tag(1)));
        let torn = [(ONE, ONE * 3 / 5, Some(Long)), (ONE, ONE, Some(Short)), (ONE, ONE / 2, Some(Long))];
        let target = desk(&torn).target(Rate::ZERO, VOTE);
        assert_eq!((target.direction, target.leader), (Long, 0), "who is against it never leads");
        let weak = desk(&[(ONE, ONE / 10, Some(Long))]).target(Rate::from_units(ONE / 5), VOTE);
        assert_eq!((weak.strength, weak.direction), (0, Flat));
    }

    fn by(aggregation: Aggregation) -> Voting {
        Voting { aggregation, ..VOTE }
    }

    #[test]
    fn each_way_of_aggregation_decides_as_it_says() {
        use Aggregation::{BestConfidence, Priority, Unanimous};
        let came = |aggregation, opinions: &[_]| {
            let target = desk(opinions).target(Rate::ZERO, by(aggregation));
            (target.strength, target.leader)
        };
        let torn = [(ONE, ONE / 2, Some(Long)), (ONE, ONE, Some(Short)), (3 * ONE, ONE, Some(Short))];
        assert_eq!(came(BestConfidence, &torn), (-ONE, 2), "of equal confidence the larger weight");
        assert_eq!(came(Priority, &torn), (ONE / 2, 0));
        assert_eq!(came(Unanimous, &torn).0, 0);
        let flat_first = [(ONE, ONE, Some(Flat)), (ONE, ONE / 4, Some(Long))];
        assert_eq!(came(BestConfidence, &flat_first), (ONE / 4, 1), "who wants no position has no say");
        assert_eq!(came(Priority, &flat_first), (ONE / 4, 1));
        assert_eq!(came(Unanimous, &flat_first).0, 0);
        assert_eq!(came(Unanimous, &[(ONE, ONE, Some(Long)), (ONE, ONE, None)]).0, 0, "one has yet to speak");
        let agreed = [(ONE, ONE, Some(Long)), (ONE, ONE / 2, Some(Long)), (0, ONE, Some(Short))];
        assert_eq!(came(Unanimous, &agreed), (ONE * 3 / 4, 0), "who has no weight has no veto");
    }

    #[test]
    fn the_first_come_keeps_the_instrument_until_it_is_done() {
        let voting = Voting { conflict: Conflict::FirstCome, ..VOTE };
        let mut desk = desk(&[(ONE, 0, None), (ONE, 0, None), (ONE, 0, None)]);
        let mut told = 0;
        let mut say = |desk: &mut Desk, strategy: u16, direction, confidence| {
            told += 1;
            let signal = Signal {
                confidence: Rate::from_units(confidence),
                ..Signal::new(InstrumentIx(0), direction, Tag(strategy))
            };
            assert!(desk.note(strategy, signal, Seq(told)));
            let target = desk.target(Rate::ZERO, voting);
            (target.strength, desk.owner)
        };
        assert_eq!(say(&mut desk, 1, Short, ONE), (-ONE, Some(1)));
        assert_eq!(say(&mut desk, 2, Long, ONE), (-ONE, Some(1)), "the second waits");
        assert_eq!(say(&mut desk, 0, Long, ONE / 2), (-ONE, Some(1)));
        assert_eq!(say(&mut desk, 1, Long, ONE / 4), (ONE / 4, Some(1)), "the owner may turn around");
        assert_eq!(say(&mut desk, 1, Flat, ONE), (ONE, Some(2)), "the longest standing opinion is next");
        desk.spend();
        let target = desk.target(Rate::ZERO, voting);
        assert_eq!((target.strength, desk.owner), (ONE / 2, Some(0)), "its position was closed for it");
        assert_eq!(say(&mut desk, 0, Flat, ONE), (0, Some(0)), "the spent one does not come back by itself");
        assert_eq!(say(&mut desk, 2, Long, ONE / 3), (ONE / 3, Some(2)));
    }

    #[test]
    fn positions_are_divided_to_the_last_step() {
        let mut desk = desk(&[
            (ONE, ONE, Some(Long)),
            (ONE, ONE / 2, Some(Long)),
            (ONE, ONE, Some(Short)),
            (ONE, ONE / 2, Some(Long)),
        ]);
        let target = desk.target(Rate::ZERO, VOTE);
        desk.divide(Quantity::new(10), &target, VOTE);
        let quotas: Vec<_> = desk.quotas.iter().map(|q| (q.strategy, q.quantity.mantissa())).collect();
        assert_eq!(quotas, [(0, 6), (1, 2), (3, 2)], "in halves and quarters, the rest to the leader");
        desk.divide(Quantity::new(10), &target, by(Aggregation::Priority));
        assert_eq!(desk.quotas.len(), 1, "who decides alone holds alone");
        desk.divide(Quantity::ZERO, &target, VOTE);
        assert!(desk.quotas.is_empty());
    }

    proptest::proptest! {
        /// Whatever the opinions: a strength within its bounds, a leader of its direction, the mirror image for mirrored
        /// opinions, and a position that is divided without a rest.
        #[test]
        fn aggregation_laws(
            opinions in proptest::collection::vec((0i64..=1_000, 0i64..=ONE, 0u8..4), 1..8),
            aggregation in 0usize..4,
            wanted in 1i64..1_000_000_000_000,
        ) {
            use proptest::prelude::*;
            let all = [
                Aggregation::WeightedVote, Aggregation::BestConfidence, Aggregation::Unanimous, Aggregation::Priority,
            ];
            let voting = by(all[aggregation]);
            let with = |long, short| {
                let direction = |n| match n { 0 => None, 1 => Some(Flat), 2 => Some(long), _ => Some(short) };
                desk(&opinions.iter().map(|(w, c, d)| (w * ONE, *c, direction(*d))).collect::<Vec<_>>())
            };
            let mut desk = with(Long, Short);
            let target = desk.target(Rate::ZERO, voting);
            prop_assert!(target.strength.abs() <= ONE);
            prop_assert_eq!(with(Short, Long).target(Rate::ZERO, voting).strength, -target.strength);
            if target.strength == 0 {
                return Ok(());
            }
            let leader = desk.opinions[usize::from(target.leader)];
            prop_assert_eq!(leader.signal.map(|s| s.direction), Some(target.direction));
            let wanted = wanted * target.strength.signum();
            desk.divide(Quantity::new(wanted), &target, voting);
            prop_assert_eq!(desk.quotas.iter().map(|q| q.quantity.mantissa()).sum::<i64>(), wanted);
            for quota in &desk.quotas {
                prop_assert!(quota.quantity.mantissa().signum() == wanted.signum());
                let voted = desk.opinions[usize::from(quota.strategy)].vote();
                prop_assert!(voted.signum() == wanted.signum(), "who is against it holds nothing");
            }
        }
    }
}
