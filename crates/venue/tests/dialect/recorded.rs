//! Words into facts of a recorded market.

use super::{IX, price, quantity};
use model::{BookChange, BookUpdate, Quote, Side, Trade};
use std::str::SplitWhitespace;
use units::{Price, Quantity, Timestamp};
use venue::{Event, Fidelity, MakerFill, QueueRules, Venue};

type Words<'a> = SplitWhitespace<'a>;

/// The level of fidelity that a word and an option stand for.
pub(crate) fn fidelity(verb: &str, words: &mut Words<'_>) -> Option<Fidelity> {
    let mut rules = || {
        let fill = if words.next().is_some() { MakerFill::Whole } else { MakerFill::Partial };
        QueueRules { fill, ..QueueRules::default() }
    };
    match verb {
        "next-open" => Some(Fidelity::NextOpen),
        "level2" => Some(Fidelity::Level2(rules())),
        "quotes" => Some(Fidelity::Touch(rules())),
        _ => None,
    }
}

/// Tells the venue a fact, if the verb stands for one.
pub(crate) fn tell(
    venue: &mut Venue,
    at: Timestamp,
    verb: &str,
    words: &mut Words<'_>,
    events: &mut Vec<Event>,
) -> bool {
    match verb {
        "bids" => levels(venue, at, Side::Buy, words, events),
        "asks" => levels(venue, at, Side::Sell, words, events),
        "trade" => {
            let taker_side = if words.next() == Some("buy") { Side::Buy } else { Side::Sell };
            let (price, quantity) = level(words).unwrap();
            let trade = Trade { instrument: IX, exchange_time: at, price, quantity, taker_side, trade_id: 0 };
            venue.on_trade(&trade, events);
        }
        "quote" => {
            let ((bid, bid_quantity), (ask, ask_quantity)) = (level(words).unwrap(), level(words).unwrap());
            let quote = Quote { instrument: IX, exchange_time: at, bid, bid_quantity, ask, ask_quantity };
            venue.on_quote(&quote, events);
        }
        _ => return false,
    }
    true
}

fn level(words: &mut Words<'_>) -> Option<(Price, Quantity)> {
    Some((price(words.next()?), quantity(words.next()?)))
}

/// One message of a book feed.
fn levels(venue: &mut Venue, at: Timestamp, side: Side, words: &mut Words<'_>, events: &mut Vec<Event>) {
    let levels: Vec<_> = std::iter::from_fn(|| level(words)).collect();
    for (i, (price, quantity)) in levels.iter().copied().enumerate() {
        let (update, is_last) = (BookUpdate::Level { side, price, quantity }, i + 1 == levels.len());
        let change = BookChange { instrument: IX, exchange_time: at, update_id: 0, update, is_last };
        venue.on_book(&change, events).unwrap();
    }
}
