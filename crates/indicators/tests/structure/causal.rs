//! The causal definitions against numbers of an independent implementation on the reference series.

use crate::series::reference;
use indicators::structure::{Bias, BreakKind, Edge, Event, MarketStructure, Settings};

fn events() -> Vec<Event> {
    let mut structure = MarketStructure::new(Settings::default()).expect("the defaults are valid");
    reference(500).iter().flat_map(|bar| structure.update(bar).to_vec()).collect()
}

#[test]
fn pivots_are_the_published_ones() {
    let events = events();
    let pivots: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Pivot(pivot) => Some((pivot.known_at, pivot.bar, pivot.edge)),
            _ => None,
        })
        .collect();
    let of = |edge| pivots.iter().filter(|(_, _, it)| *it == edge).count();
    assert_eq!((of(Edge::High), of(Edge::Low)), (29, 30));
    let first = [
        (6, 1, Edge::Low),
        (11, 6, Edge::High),
        (26, 21, Edge::Low),
        (29, 24, Edge::High),
        (33, 28, Edge::Low),
    ];
    assert_eq!(pivots[..5], first);
}

#[test]
fn breaks_are_the_published_ones() {
    let events = events();
    let breaks: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Break(it) => Some((it.known_at, it.kind, it.bias, it.level)),
            _ => None,
        })
        .collect();
    let of = |kind, bias| breaks.iter().filter(|(_, k, b, _)| (*k, *b) == (kind, bias)).count();
    use Bias::{Bearish, Bullish};
    use BreakKind::{Bos, Choch};
    assert_eq!([of(Bos, Bullish), of(Bos, Bearish), of(Choch, Bullish), of(Choch, Bearish)], [6, 7, 5, 4]);
    let first = [
        (11, Bos, Bearish, 59987.6),
        (35, Choch, Bullish, 60000.5),
        (59, Bos, Bullish, 59989.4),
        (93, Bos, Bullish, 60111.7),
        (109, Bos, Bullish, 60177.4),
        (130, Choch, Bearish, 60139.8),
        (146, Choch, Bullish, 60200.4),
        (158, Bos, Bullish, 60220.3),
    ];
    assert_eq!(breaks[..8], first);
}
