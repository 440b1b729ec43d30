//! What `grid` wants, candle by candle: its ladder, its turns, and its end.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use model::{ClientOrderId, OrderKind, OrderState, TimeInForce};
use strategy::{Intent, LiveOrder};
use support::Desk;
use units::{Price, Quantity};

const GIVEN: [(&str, &str); 5] =
    [("levels", "2"), ("step", "1"), ("stop_steps", "1"), ("order_value", "100"), ("rest_bars", "2")];

/// Accepts what a candle brought about, in words.
fn carry_out(desk: &mut Desk, close: i64) -> Vec<String> {
    let said = desk.candle(0, [close; 4]);
    let mut words = Vec::new();
    for intent in said {
        words.push(match intent {
            Intent::Order(order) => {
                let Some(price) = order.kind.limit() else {
                    assert_eq!((order.kind, order.reduce_only), (OrderKind::Market, true));
                    words.push(format!("close {} {}", order.side, order.quantity.decimal(3)));
                    continue;
                };
                assert_eq!(order.time_in_force, TimeInForce::PostOnly);
                let number = desk.told[0] * 100 + i64::try_from(desk.orders.0.len()).unwrap();
                let id = ClientOrderId::new(u64::try_from(number).unwrap(), 0);
                desk.orders.0.push(LiveOrder {
                    id,
                    instrument: order.instrument,
                    side: order.side,
                    price: Some(price),
                    quantity: order.quantity,
                    remaining: order.quantity,
                    state: OrderState::Open,
                    reduce_only: false,
                    tag: order.tag,
                });
                let stop = order.protection.stop_loss.unwrap();
                let (price, stop) = (price.decimal(2), stop.decimal(2));
                format!("{} {} at {price} stop {stop}", order.side, order.quantity.decimal(3))
            }
            Intent::Cancel { id, .. } => {
                desk.orders.0.retain(|own| own.id != id);
                "cancel".to_owned()
            }
            other => panic!("{other:?}"),
        });
    }
    words
}

fn fill(desk: &mut Desk, price: i64, held: i64) {
    let before = desk.orders.0.len();
    desk.orders.0.retain(|own| own.price != Some(Price::new(price)));
    assert_eq!(desk.orders.0.len() + 1, before);
    desk.positions[0].quantity = Quantity::new(held);
}

#[test]
fn what_was_bought_is_offered_a_step_higher() {
    let mut desk = Desk::new("grid", &GIVEN);
    assert_eq!(
        carry_out(&mut desk, 10_000),
        [
            "buy 1.000 at 98.00 stop 97.00",
            "buy 1.000 at 99.00 stop 97.00",
            "sell 1.000 at 101.00 stop 103.00",
            "sell 1.000 at 102.00 stop 103.00"
        ]
    );
    assert_eq!(carry_out(&mut desk, 9_950), [""; 0], "everything is there");
    fill(&mut desk, 9_900, 1_000);
    assert_eq!(carry_out(&mut desk, 9_890), ["sell 1.000 at 100.00 stop 103.00"]);
    fill(&mut desk, 10_000, 0);
    assert_eq!(carry_out(&mut desk, 10_010), ["buy 1.000 at 99.00 stop 97.00"]);
    // Sold above the start: bid for a step lower, which is the start.
    fill(&mut desk, 10_100, -1_000);
    assert_eq!(carry_out(&mut desk, 10_110), ["buy 1.000 at 100.00 stop 97.00"]);
    desk.restart(&GIVEN);
    assert_eq!(carry_out(&mut desk, 10_110), [""; 0], "a restart finds its orders");
}

/// A house with a price collar refuses what lies too far from the price: that is asked for once, and again when the price is
/// nearer, not at every candle.
#[test]
fn a_level_that_is_refused_is_asked_for_again_when_the_price_is_nearer() {
    let given =
        [("levels", "3"), ("step", "2"), ("stop_steps", "2"), ("order_value", "100"), ("rest_bars", "2")];
    let mut desk = Desk::new("grid", &given);
    // The collar is 4.5 %, so the third level below, six per cent away, is refused.
    let refuse = |desk: &mut Desk, close: i64| {
        let (low, high) = (close * 955 / 1_000, close * 1_045 / 1_000);
        let asked = carry_out(desk, close).len();
        let near = |price: Option<Price>| price.is_some_and(|p| (low..=high).contains(&p.mantissa()));
        desk.orders
            .0
            .retain(|own| near(own.price) || own.id.counter() / 100 != u64::try_from(desk.told[0]).unwrap());
        asked
    };
    assert_eq!(refuse(&mut desk, 10_000), 6, "everything, once");
    assert_eq!(desk.orders.0.len(), 4);
    for close in [10_000, 10_010, 9_990, 9_980, 9_970] {
        assert_eq!(refuse(&mut desk, close), 0, "no nearer by a tenth: {close}");
    }
    desk.restart(&given);
    assert_eq!(refuse(&mut desk, 9_960), 0, "a restart remembers");
    // 94 is 5.4 % below 99.36, a tenth nearer than at first, and refused again; 106 has gone further away.
    assert_eq!(refuse(&mut desk, 9_936), 1);
    assert_eq!(refuse(&mut desk, 9_930), 0);
    // Within the collar it comes about.
    assert_eq!(refuse(&mut desk, 9_840), 1);
    assert_eq!(desk.orders.0.len(), 5);
    assert_eq!(refuse(&mut desk, 9_840), 0);
}

#[test]
fn behind_its_bound_it_gives_up_and_rests() {
    let mut desk = Desk::new("grid", &GIVEN);
    carry_out(&mut desk, 10_000);
    fill(&mut desk, 9_900, 1_000);
    fill(&mut desk, 9_800, 2_000);
    assert_eq!(carry_out(&mut desk, 9_700), ["cancel", "cancel", "close sell 2.000"]);
    // Until it is flat it asks again, and then it rests.
    assert_eq!(carry_out(&mut desk, 9_700), ["close sell 2.000"]);
    desk.positions[0].quantity = Quantity::ZERO;
    assert_eq!(carry_out(&mut desk, 9_700), [""; 0]);
    assert_eq!(desk.gate(), "rests after giving up (candles, needed): 2.00 / 2.00");
    assert_eq!(carry_out(&mut desk, 10_000).len(), 4, "a new grid around the new price");
}

#[test]
fn the_stop_at_the_exchange_ends_it_too() {
    let mut desk = Desk::new("grid", &GIVEN);
    carry_out(&mut desk, 10_000);
    fill(&mut desk, 9_900, 1_000);
    carry_out(&mut desk, 9_900);
    desk.positions[0].quantity = Quantity::ZERO;
    // The candle fell to the stop and came back.
    let said = desk.candle(0, [9_900, 9_900, 9_690, 9_800]);
    assert_eq!(said.len(), 4, "{said:?}");
    assert!(said.iter().all(|intent| matches!(intent, Intent::Cancel { .. })));
}

#[test]
fn long_only_sells_what_it_has() {
    let mut desk = Desk::new("grid", &[&GIVEN[..], &[("long_only", "true")]].concat());
    assert_eq!(carry_out(&mut desk, 10_000).len(), 2);
    fill(&mut desk, 9_900, 1_000);
    fill(&mut desk, 9_800, 2_000);
    assert_eq!(
        carry_out(&mut desk, 9_790),
        ["sell 1.000 at 99.00 stop 103.00", "sell 1.000 at 100.00 stop 103.00"]
    );
}

#[test]
fn bounds_that_reach_zero_are_refused() {
    let error = strategy::build("grid", [("levels", "50"), ("step", "2")], &[model::InstrumentIx(0)]);
    assert_eq!(
        error.err().map(|e| e.to_string()).unwrap_or_default(),
        "strategy grid: parameter step: (levels + stop_steps) × step is 104 % of the start; it must stay below 100 %, or the \
         lowest price is not above zero"
    );
}
