//! Putting new rows into stored ones without duplicates.

use crate::Row;
use std::cmp::Ordering;

/// What became of the rows of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Rows that were not there before.
    pub added: u64,
    /// Rows that were there with other values.
    pub replaced: u64,
    /// Rows that were there already.
    pub unchanged: u64,
}

impl Counts {
    /// Whether anything has to be written.
    #[must_use]
    pub const fn changes(&self) -> bool {
        self.added + self.replaced > 0
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.added += other.added;
        self.replaced += other.replaced;
        self.unchanged += other.unchanged;
    }
}

/// Merges `new` into `old`; both are ordered by time and at one scale.
///
/// Candles and funding rates are known by their time: of two with one time the new one stays. Trades, quotes and book
/// changes have no such name (two trades may be equal in everything), so a new recording replaces whatever was stored
/// for the time it covers, from its first row to its last.
pub(crate) fn merge<R: Row>(old: &[R], new: &[R]) -> (Vec<R>, Counts) {
    if R::KEYED_BY_TIME { merge_keyed(old, new) } else { merge_recordings(old, new) }
}

fn merge_keyed<R: Row>(old: &[R], new: &[R]) -> (Vec<R>, Counts) {
    let mut merged = Vec::with_capacity(old.len() + new.len());
    let mut counts = Counts::default();
    let (mut olds, mut news) = (old.iter().peekable(), new.iter().peekable());
    loop {
        let order = match (olds.peek(), news.peek()) {
            (None, None) => return (merged, counts),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => a.time().cmp(&b.time()),
        };
        match order {
            Ordering::Less => merged.extend(olds.next()),
            Ordering::Greater => {
                merged.extend(news.next());
                counts.added += 1;
            }
            Ordering::Equal => {
                let same = olds.next() == news.peek().copied();
                merged.extend(news.next());
                if same { counts.unchanged += 1 } else { counts.replaced += 1 }
            }
        }
    }
}

fn merge_recordings<R: Row>(old: &[R], new: &[R]) -> (Vec<R>, Counts) {
    let (Some(first), Some(last)) = (new.first(), new.last()) else {
        return (old.to_vec(), Counts::default());
    };
    let start = old.partition_point(|row| row.time() < first.time());
    let end = old.partition_point(|row| row.time() <= last.time());
    let covered = &old[start..end];
    let same = covered.iter().zip(new).take_while(|(a, b)| a == b).count();
    let replaced = covered.len() - same;
    let counts = Counts {
        added: new.len().saturating_sub(covered.len()) as u64,
        replaced: replaced as u64,
        unchanged: same as u64,
    };
    let mut merged = Vec::with_capacity(old.len() - covered.len() + new.len());
    merged.extend_from_slice(&old[..start]);
    merged.extend_from_slice(new);
    merged.extend_from_slice(&old[end..]);
    (merged, counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Received;
    use model::{Bar, InstrumentIx, Side, Trade};
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use units::{Price, Quantity, Timestamp};

    fn bar((minute, close): (i64, i64)) -> Bar {
        let price = Price::new(close);
        Bar {
            open_time: Timestamp::from_nanos(minute * 60_000_000_000),
            open: price,
            high: price,
            low: price,
            close: price,
            volume: Quantity::ZERO,
        }
    }

    fn trade(at: i64, id: u64) -> Received<Trade> {
        let exchange_time = Timestamp::from_nanos(at);
        let item = Trade {
            instrument: InstrumentIx(0),
            exchange_time,
            price: Price::new(1),
            quantity: Quantity::new(1),
            taker_side: Side::Buy,
            trade_id: id,
        };
        Received { received: exchange_time, item }
    }

    #[test]
    fn a_recording_replaces_the_time_it_covers() {
        let old = [trade(1, 1), trade(2, 2), trade(2, 3), trade(3, 4)];
        let (merged, counts) = merge(&old, &[trade(2, 9)]);
        assert_eq!(merged, [trade(1, 1), trade(2, 9), trade(3, 4)]);
        assert_eq!(counts, Counts { added: 0, replaced: 2, unchanged: 0 });
        let (again, counts) = merge(&old, &old[1..3]);
        assert_eq!(again, old);
        assert_eq!(counts, Counts { added: 0, replaced: 0, unchanged: 2 });
    }

    proptest! {
        /// A map from time to candle is the obviously right merge.
        #[test]
        fn equals_a_map(
            old in proptest::collection::btree_map(0i64..40, 1i64..4, 0..30),
            new in proptest::collection::btree_map(0i64..40, 1i64..4, 0..30),
        ) {
            let bars = |map: &BTreeMap<i64, i64>| map.iter().map(|(t, p)| bar((*t, *p))).collect::<Vec<_>>();
            let (merged, counts) = merge(&bars(&old), &bars(&new));
            let mut map = old.clone();
            map.extend(new.clone());
            prop_assert_eq!(merged, bars(&map));
            let added = new.keys().filter(|t| !old.contains_key(t)).count() as u64;
            let unchanged = new.iter().filter(|(t, p)| old.get(t) == Some(p)).count() as u64;
            let replaced = new.len() as u64 - added - unchanged;
            prop_assert_eq!(counts, Counts { added, replaced, unchanged });
        }
    }
}
