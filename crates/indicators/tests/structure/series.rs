//! Bars to test with.

use indicators::Ohlcv;
use units::{Span, Timestamp};

/// A bar of a walk in tenths, 15 minutes after the one before.
fn bar(number: usize, prices: [i64; 4], volume: i64) -> Ohlcv {
    let start = Timestamp::parse("2024-01-01").expect("a date");
    let opened = start + Span::from_seconds(900 * number as i64);
    let [open, high, low, close] = prices.map(|price| price as f64 / 10.0);
    Ohlcv { opened, open, high, low, close, volume: volume as f64 }
}

/// The series that the published numbers belong to: a walk from a linear congruential generator, portable to any language.
pub(crate) fn reference(len: usize) -> Vec<Ohlcv> {
    let mut x: u64 = 7;
    let mut next = || {
        x = (1_103_515_245 * x + 12_345) % (1 << 31);
        (x >> 16) as i64
    };
    let mut price = 600_000;
    let mut bars = Vec::with_capacity(len);
    for number in 0..len {
        let open = price;
        let close = open + next() % 401 - 200;
        let high = open.max(close) + next() % 121;
        let low = open.min(close) - next() % 121;
        let volume = 1000 + next() % 9001;
        price = close;
        bars.push(bar(number, [open, high, low, close], volume));
    }
    bars
}

#[test]
fn the_reference_series_is_the_published_one() {
    let bars = reference(500);
    let first = bars[0];
    assert_eq!(
        [first.open, first.high, first.low, first.close, first.volume],
        [60000.0, 60012.1, 59990.1, 60011.6, 5672.0]
    );
    assert_eq!(bars[499].close, 60174.3);
    let sum: f64 = bars.iter().map(|bar| bar.close).sum();
    assert!((sum - 30_068_653.8).abs() < 1e-3);
}
