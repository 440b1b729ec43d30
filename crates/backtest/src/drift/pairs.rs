//! Round trips of the backtest and of the day, side by side.

use crate::trades::Trade;
use units::{Amount, Span, Timestamp};

/// A round trip of one of the two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traded {
    /// The round trip.
    pub trade: Trade,
    /// It had not ended.
    pub is_open: bool,
}

/// One round trip in both, or in one of them alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// In the backtest.
    pub backtest: Option<Traded>,
    /// On the day.
    pub day: Option<Traded>,
}

impl Pair {
    /// When it was entered; on the day, where it was there.
    #[must_use]
    pub fn entry_time(&self) -> Option<Timestamp> {
        self.day.as_ref().or(self.backtest.as_ref()).map(|traded| traded.trade.entry_time)
    }

    /// What the day earned more by it; of round trips that are open, what was realised.
    #[must_use]
    pub fn difference(&self) -> Amount {
        let net = |traded: &Option<Traded>| traded.as_ref().map_or(Amount::ZERO, |traded| traded.trade.net());
        net(&self.day) - net(&self.backtest)
    }
}

/// Pairs round trips of the same instrument and direction whose entries are nearest to each other, within `tolerance`.
pub(super) fn pair(
    backtest: (Vec<Trade>, Vec<Trade>),
    day: &(Vec<Trade>, Vec<Trade>),
    tolerance: Span,
) -> Vec<Pair> {
    let traded = |(ended, open): (Vec<Trade>, Vec<Trade>)| -> Vec<Traded> {
        let ended = ended.into_iter().map(|trade| Traded { trade, is_open: false });
        let mut all: Vec<Traded> =
            ended.chain(open.into_iter().map(|trade| Traded { trade, is_open: true })).collect();
        all.sort_by_key(|traded| traded.trade.entry_time);
        all
    };
    let mut left: Vec<Option<Traded>> = traded(backtest).into_iter().map(Some).collect();
    let mut pairs: Vec<Pair> = Vec::new();
    for day in traded(day.clone()) {
        let away = |other: &Traded| (other.trade.entry_time - day.trade.entry_time).nanos().saturating_abs();
        let is_like = |other: &Traded| {
            (other.trade.instrument, other.trade.direction) == (day.trade.instrument, day.trade.direction)
                && away(other) <= tolerance.nanos()
        };
        let candidates = left.iter().enumerate().filter_map(|(place, other)| Some((place, other.as_ref()?)));
        let nearest = candidates.filter(|(_, other)| is_like(other)).min_by_key(|(_, other)| away(other));
        let place = nearest.map(|(place, _)| place);
        let backtest = place.and_then(|place| left.get_mut(place)).and_then(Option::take);
        pairs.push(Pair { backtest, day: Some(day) });
    }
    pairs.extend(left.into_iter().flatten().map(|alone| Pair { backtest: Some(alone), day: None }));
    pairs.sort_by_key(Pair::entry_time);
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trades::ExitReason;
    use model::{Direction, FillCause, InstrumentIx, Tag};
    use units::Quantity;

    fn trade(second: i64, direction: Direction, gross: i128) -> Trade {
        let at = Timestamp::from_seconds(second).unwrap();
        Trade {
            instrument: InstrumentIx(0),
            direction,
            strategy: 0,
            entry_tag: Tag(0),
            entry_time: at,
            exit_time: at,
            quantity: Quantity::new(1),
            entry_value: Amount::from_units(1),
            gross: Amount::from_units(gross),
            fees: Amount::ZERO,
            funding: Amount::ZERO,
            exit: ExitReason { cause: FillCause::Order, strategy: 0, tag: Tag(0) },
            plan: None,
        }
    }

    #[test]
    fn round_trips_find_each_other_by_time_and_direction() {
        use Direction::{Long, Short};
        let backtest = (vec![trade(10, Long, 5), trade(20, Short, 7), trade(100, Long, 1)], Vec::new());
        let day = (vec![trade(12, Long, 4), trade(21, Long, 2)], vec![trade(101, Long, 0)]);
        let pairs = pair(backtest, &day, Span::from_seconds(5));
        let told: Vec<(Option<i64>, Option<i64>, i128)> = pairs
            .iter()
            .map(|pair| {
                let at = |one: &Option<Traded>| one.as_ref().map(|one| one.trade.entry_time.millis() / 1_000);
                (at(&pair.backtest), at(&pair.day), pair.difference().units())
            })
            .collect();
        let alone = [(Some(20), None, -7), (None, Some(21), 2)];
        assert_eq!(told, [(Some(10), Some(12), -1), alone[0], alone[1], (Some(100), Some(101), -1)]);
        assert!(pairs[3].day.as_ref().unwrap().is_open);
    }
}
