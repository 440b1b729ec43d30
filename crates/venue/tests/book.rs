//! The fast book against its naive twin.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use model::{BookChange, BookUpdate, InstrumentIx, Side};
use proptest::prelude::*;
use units::{Price, Quantity, Timestamp};
use venue::book::{Applied, Book, BookFault, Gap, Level, LevelFault, NaiveBook, Numbering};

/// One thing done to a book; prices in ticks.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Set(Side, i64, i64),
    Clear,
    /// The market moves: later prices are this much higher.
    Move(i64),
}

fn deed() -> impl Strategy<Value = Deed> {
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let near = (side.clone(), -30i64..30, prop_oneof![1 => Just(0), 2 => 1i64..1000]);
    let far = (side.clone(), -9_000i64..9_000, prop_oneof![1 => Just(0), 1 => 1i64..1000]);
    let wild = (side, any::<i64>(), any::<i64>());
    prop_oneof![
        60 => near.prop_map(|(side, price, quantity)| Deed::Set(side, price, quantity)),
        20 => far.prop_map(|(side, price, quantity)| Deed::Set(side, price, quantity)),
        2 => wild.prop_map(|(side, price, quantity)| Deed::Set(side, price, quantity)),
        3 => prop_oneof![-3i64..=3, -6_000i64..6_000].prop_map(Deed::Move),
        1 => Just(Deed::Clear),
    ]
}

fn compare(fast: &Book, naive: &NaiveBook, middle: i64) {
    assert_eq!(fast.digest(), naive.digest());
    for side in [Side::Buy, Side::Sell] {
        let levels = naive.levels(side);
        assert_eq!(fast.levels(side).collect::<Vec<_>>(), levels);
        assert_eq!(fast.len(side), levels.len());
        assert_eq!(fast.best(side), levels.first().map(|level| level.price));
        assert_eq!(fast.best_level(side), levels.first().copied());
        assert_eq!(fast.is_empty(side), levels.is_empty());
        for ticks in [middle, middle - 5, middle + 5, middle + 4_500] {
            let price = Price::new(ticks.saturating_mul(10));
            assert_eq!(fast.quantity_at(side, price), naive.quantity_at(side, price));
        }
        let wanted = Quantity::new(1500);
        let depth = fast.depth(side, wanted, None);
        let mut left = wanted;
        for (i, level) in levels.iter().enumerate().take(depth.levels) {
            let taken = level.quantity.min(left);
            assert!(taken.is_positive());
            left -= taken;
            assert_eq!(depth.worst == Some(level.price), i + 1 == depth.levels);
        }
        assert_eq!(depth.filled, wanted - left);
        assert!(left.is_zero() || depth.levels == levels.len());
    }
    let (bids, asks) = (naive.levels(Side::Buy), naive.levels(Side::Sell));
    let crossed = bids.first().zip(asks.first()).is_some_and(|(bid, ask)| bid.price >= ask.price);
    assert_eq!(fast.is_crossed(), crossed);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn equals_its_naive_twin(start in 10_000i64..1_000_000, deeds in prop::collection::vec(deed(), 1..400)) {
        let tick = Price::new(10);
        let (mut fast, mut naive, mut middle) = (Book::new(tick, Numbering::Growing), NaiveBook::new(tick), start);
        for (i, deed) in deeds.iter().enumerate() {
            match *deed {
                Deed::Set(side, offset, quantity) => {
                    let price = Price::new(middle.saturating_add(offset).saturating_mul(10));
                    prop_assert_eq!(fast.set(side, price, Quantity::new(quantity)), naive.set(side, price, Quantity::new(quantity)));
                }
                Deed::Clear => {
                    fast.clear();
                    naive.clear();
                }
                Deed::Move(by) => middle = (middle + by).max(1),
            }
            prop_assert_eq!(fast.best(Side::Buy), naive.levels(Side::Buy).first().map(|level| level.price));
            prop_assert_eq!(fast.best(Side::Sell), naive.levels(Side::Sell).first().map(|level| level.price));
            if i % 16 == 0 {
                compare(&fast, &naive, middle);
            }
        }
        compare(&fast, &naive, middle);
    }
}

fn price(n: i64) -> Price {
    Price::new(n)
}

fn quantity(n: i64) -> Quantity {
    Quantity::new(n)
}

#[test]
fn depth_adds_up_level_by_level() {
    let mut book = Book::new(price(5), Numbering::Growing);
    for (at, held) in [(105, 10), (110, 20), (120, 40)] {
        book.set(Side::Sell, price(at), quantity(held)).unwrap();
    }
    let depth = book.depth(Side::Sell, quantity(25), None);
    assert_eq!((depth.filled, depth.worst, depth.levels), (quantity(25), Some(price(110)), 2));
    assert_eq!(depth.value, 105 * 10 + 110 * 15);
    let limited = book.depth(Side::Sell, quantity(100), Some(price(115)));
    assert_eq!((limited.filled, limited.worst), (quantity(30), Some(price(110))));
    assert_eq!(book.depth(Side::Buy, quantity(1), None).worst, None);
    assert_eq!(book.set(Side::Buy, price(104), quantity(1)), Err(LevelFault::OffTick));
    assert_eq!(book.set(Side::Buy, price(100), quantity(-1)), Err(LevelFault::NegativeQuantity));
    book.set(Side::Buy, price(105), quantity(1)).unwrap();
    assert!(book.is_crossed());
}

fn change(update_id: u64, update: BookUpdate, is_last: bool) -> BookChange {
    BookChange { instrument: InstrumentIx(0), exchange_time: Timestamp::EPOCH, update_id, update, is_last }
}

fn bid(at: i64, held: i64) -> BookUpdate {
    BookUpdate::Level { side: Side::Buy, price: price(at), quantity: quantity(held) }
}

#[test]
fn a_gap_empties_the_book_until_the_next_snapshot() {
    let mut book = Book::new(price(1), Numbering::Consecutive);
    let bids = |book: &Book| {
        book.levels(Side::Buy)
            .map(|Level { price, quantity }| (price.mantissa(), quantity.mantissa()))
            .collect::<Vec<_>>()
    };
    assert_eq!(book.apply(&change(4, bid(99, 1), true)), Ok(Applied::Stale), "nothing before a snapshot");
    assert_eq!(book.apply(&change(5, BookUpdate::Clear, false)), Ok(Applied::Cleared));
    assert_eq!(book.apply(&change(5, bid(100, 7), false)), Ok(Applied::Level { previous: quantity(0) }));
    assert_eq!(book.apply(&change(5, bid(99, 3), true)), Ok(Applied::Level { previous: quantity(0) }));
    assert_eq!(book.apply(&change(6, bid(99, 0), true)), Ok(Applied::Level { previous: quantity(3) }));
    assert_eq!(book.apply(&change(6, bid(99, 5), true)), Ok(Applied::Stale), "a message that came twice");
    assert_eq!(bids(&book), [(100, 7)]);
    let gap = Gap { expected: 7, got: 9 };
    assert_eq!(book.apply(&change(9, bid(98, 1), false)), Err(BookFault::Gap(gap)));
    assert_eq!(book.apply(&change(9, bid(97, 1), true)), Ok(Applied::Stale), "the rest of the message");
    assert!(bids(&book).is_empty() && !book.is_synced());
    assert_eq!(book.apply(&change(10, bid(98, 1), true)), Ok(Applied::Stale));
    book.apply(&change(20, BookUpdate::Clear, false)).unwrap();
    book.apply(&change(20, bid(101, 4), true)).unwrap();
    assert_eq!(bids(&book), [(101, 4)]);
    assert_eq!(book.apply(&change(21, bid(-5, 4), true)), Err(BookFault::Level(LevelFault::OffTick)));
    assert_eq!(book.apply(&change(22, bid(100, 4), true)), Ok(Applied::Level { previous: quantity(0) }));
}
