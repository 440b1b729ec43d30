//! From opinions to one target per instrument: signals of several strategies, weighted by weight and confidence.
//!
//! A signal is a *state*: it holds until its source says something else. The target of an instrument is
//!
//! ```text
//! strength = Σ weight · confidence · direction / Σ weight        over the strategies that trade the instrument
//! ```
//!
//! in whole numbers of 10⁻⁹, so one strategy at full confidence gives ±1, two equal ones that disagree give 0, and one of
//! two that has no opinion halves the other. A position is sought when the strength *changes*, not on every candle: after
//! a stop has closed a position, the same opinion does not open it again.

use model::{Direction, InstrumentIx, PlanIx, Protection, Signal, Tag};
use units::Rate;

/// What one strategy thinks of one instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opinion {
    pub(crate) strategy: u16,
    pub(crate) weight: Rate,
    pub(crate) signal: Option<Signal>,
    /// A strategy that is stopped or faulted has no vote and no weight.
    pub(crate) counts: bool,
}

/// All opinions about one instrument and what was made of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Desk {
    pub(crate) opinions: Vec<Opinion>,
    /// Something changed since the target was last pursued.
    pub(crate) is_dirty: bool,
    /// The strength that was pursued last.
    pub(crate) pursued: Option<i64>,
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

impl Desk {
    /// Notes an opinion. Returns whether the strategy has a seat at this desk.
    #[inline]
    pub(crate) fn note(&mut self, strategy: u16, signal: Signal) -> bool {
        let seat = self.opinions.iter_mut().find(|o| o.strategy == strategy);
        if let Some(opinion) = seat {
            opinion.signal = Some(signal);
            self.is_dirty = true;
            return true;
        }
        false
    }

    /// The target, with strengths of at most `min_strength` taken for none.
    #[inline]
    pub(crate) fn target(&self, min_strength: Rate) -> Target {
        let (strength, lead) = match self.opinions.as_slice() {
            // The mean of one is itself: no division.
            [only] if only.counts && only.weight > Rate::ZERO => {
                let signal = only.signal.as_ref();
                (signal.map_or(0, conviction), signal.map(|signal| (only, signal)))
            }
            opinions => mean(opinions),
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
}

/// What a signal votes for with a weight of one: −10⁹ to 10⁹.
#[inline]
fn conviction(signal: &Signal) -> i64 {
    signal.confidence.units().clamp(0, Rate::ONE.units()) * signal.direction.sign()
}

/// The weighted mean of opinions, and the one with the largest share in it.
fn mean(opinions: &[Opinion]) -> (i64, Option<(&Opinion, &Signal)>) {
    let (mut sum, mut weights) = (0i128, 0i128);
    let mut lead: Option<(i128, &Opinion, &Signal)> = None;
    for opinion in opinions.iter().filter(|o| o.counts) {
        weights += i128::from(opinion.weight.units());
        if let Some(signal) = &opinion.signal {
            let vote = i128::from(opinion.weight.units()) * i128::from(conviction(signal));
            sum += vote;
            // The first of the strongest leads; a flat opinion leads only where nobody wants anything.
            if lead.is_none_or(|(strongest, _, _)| vote.abs() > strongest) {
                lead = Some((vote.abs(), opinion, signal));
            }
        }
    }
    let strength = match (i64::try_from(sum), i64::try_from(weights)) {
        (_, Ok(0)) => 0,
        (Ok(sum), Ok(weights)) => sum / weights,
        // Not above 10⁹ in magnitude: a weighted mean of confidences.
        _ => i64::try_from(sum / weights).unwrap_or(0),
    };
    (strength, lead.map(|(_, opinion, signal)| (opinion, signal)))
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desk(opinions: &[(i64, i64, Option<Direction>)]) -> Desk {
        let opinions = opinions
            .iter()
            .enumerate()
            .map(|(i, (weight, confidence, direction))| Opinion {
                strategy: u16::try_from(i).unwrap(),
                weight: Rate::from_units(*weight),
                counts: true,
                signal: direction.map(|d| Signal {
                    confidence: Rate::from_units(*confidence),
                    ..Signal::new(InstrumentIx(0), d, Tag(u16::try_from(i).unwrap()))
                }),
            })
            .collect();
        Desk { opinions, ..Desk::default() }
    }

    const ONE: i64 = 1_000_000_000;
    use Direction::{Flat, Long, Short};

    #[test]
    fn strength_is_the_weighted_mean() {
        let strength = |opinions: &[_]| desk(opinions).target(Rate::ZERO).strength;
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
            .target(Rate::ZERO);
        assert_eq!((target.direction, target.leader, target.tag), (Long, 1, Tag(1)));
        let weak = desk(&[(ONE, ONE / 10, Some(Long))]).target(Rate::from_units(ONE / 5));
        assert_eq!((weak.strength, weak.direction), (0, Flat));
    }
}
