//! Defects of earlier systems, each with its number in the list of pitfalls.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use proptest::prelude::*;
use support::{EVERYTHING, Range, world};
use units::Amount;

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// 17: a candle filled the order that it had caused. An entry by order always is at the open of a later candle; one that
    /// rests at a price may be inside of it.
    #[test]
    fn pitfall_17_a_candle_never_fills_the_order_it_caused(seed in any::<u64>()) {
        let world = world(seed, Range { instruments: 1, detail: false, ..EVERYTHING });
        let bars = &world.job.tape.tracks[0].bars;
        for trade in world.run().trades.iter() {
            let at = bars.partition_point(|b| b.open_time <= trade.entry_time);
            prop_assert!(at > 1, "nothing was known before the first candle had closed");
            prop_assert!(world.name == "grid" || bars[at - 1].open_time == trade.entry_time, "not at an open");
        }
    }

    /// 24: funding was counted wrongly when adding to a position. What the account received is what its trades received.
    #[test]
    fn pitfall_24_funding_of_trades_is_the_funding_of_the_account(seed in any::<u64>()) {
        let outcome = world(seed, EVERYTHING).run();
        let closed: Amount = outcome.trades.iter().map(|t| t.funding).sum();
        let open: Amount = outcome.open_trades.iter().map(|o| o.trade.funding).sum();
        prop_assert_eq!(closed + open, outcome.funding);
    }

    /// 28: drawdown counted closed trades only. The last day of the curve holds what is open, at its price.
    #[test]
    fn pitfall_28_the_equity_curve_holds_open_positions(seed in any::<u64>()) {
        let outcome = world(seed, EVERYTHING).run();
        let closed: Amount = outcome.trades.iter().map(backtest::Trade::net).sum();
        let open: Amount = outcome.open_trades.iter().map(|o| o.trade.net() + o.unrealised).sum();
        if let Some(last) = outcome.days.last() {
            prop_assert_eq!(last.equity, outcome.initial_balance + closed + open);
        }
    }
}
