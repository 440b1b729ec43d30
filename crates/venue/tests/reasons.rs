//! Every reason to refuse a command and to end an order is given by some scenario, or is said here not to be.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[allow(dead_code, reason = "other scenarios use the rest")]
mod dialect;

use model::{CancelReason, RejectReason};
use std::collections::BTreeMap;

const START: &str = "candle 100 101 99 100";
const HELD: &str = "candle 100 101 99 100 | buy market 2 | candle 100 101 99 100";

/// A scenario that leads to the reason, after one of the beginnings above.
const REJECTIONS: &[(RejectReason, &str, &str)] = &[
    (RejectReason::UnknownInstrument, START, "buy market 1 other"),
    (RejectReason::NotTrading, START, "status closed | buy market 1"),
    (RejectReason::ReduceOnlyMarket, START, "status reduce | buy market 1"),
    (RejectReason::NoMarket, "", "buy market 1"),
    (RejectReason::DuplicateId, START, "buy market 1 id 5 | buy market 1 id 5"),
    (RejectReason::UnknownOrder, START, "cancel 1"),
    (RejectReason::ZeroQuantity, START, "buy market 0"),
    (RejectReason::QuantityStep, START, "buy market 1.0005"),
    (RejectReason::BelowMinQuantity, START, "buy market 0.001"),
    (RejectReason::AboveMaxQuantity, START, "buy market 501"),
    (RejectReason::BelowMinNotional, START, "buy market 0.049"),
    (RejectReason::ZeroPrice, START, "buy limit 0 1"),
    (RejectReason::PriceTick, START, "buy limit 99.95 1"),
    (RejectReason::AbovePriceBand, "band 0.05 | candle 100 101 99 100", "buy limit 106 1"),
    (RejectReason::BelowPriceBand, "band 0.05 | candle 100 101 99 100", "sell limit 94 1"),
    (RejectReason::PostOnlyMarket, START, "buy market 1 post"),
    (RejectReason::WouldCross, "binance | candle 100 101 99 100", "buy limit 101 1 post"),
    (RejectReason::ReduceOnly, START, "buy market 1 reduce"),
    (RejectReason::CloseOnTrigger, HELD, "sell stop 95 1 close"),
    (RejectReason::ProtectionOnReduceOnly, HELD, "sell market 1 reduce sl 110"),
    (RejectReason::ProtectionSide, START, "buy market 1 sl 101"),
    (RejectReason::TriggerNotAbove, START, "buy stop 99 1"),
    (RejectReason::TriggerNotBelow, START, "sell stop 101 1"),
    (RejectReason::TrailingDistance, START, "sell trail 0 1"),
    (RejectReason::ActivationSide, START, "sell trail-at 5 99 1"),
    (RejectReason::LegLimit, HELD, "part 1 sl 95 tp-limit 110"),
    (RejectReason::LegQuantity, HELD, "part 3 sl 95"),
    (RejectReason::NoLeg, HELD, "part 1"),
    (RejectReason::NothingChanged, HELD, "protect sl 95 | protect sl 95"),
    (RejectReason::NoSuchTerm, START, "buy limit 90 1 | amend 1 trigger 95"),
    (
        RejectReason::TooManyOrders,
        "limits 1 1 1 1 | candle 100 101 99 100",
        "buy limit 90 1 | buy limit 90 1",
    ),
    (
        RejectReason::TooManyConditional,
        "limits 1 1 1 1 | candle 100 101 99 100",
        "buy stop 110 1 | buy stop 110 1",
    ),
    (RejectReason::TooManyLegs, "limits 1 1 1 1 | candle 100 101 99 100", "buy market 1 sl 90 tp 110 part"),
    (RejectReason::InsufficientMargin, "balance 50 | candle 100 101 99 100", "buy market 1"),
    (
        RejectReason::RiskTier,
        "candle 100 101 99 100 | buy market 500 | buy market 500 | buy market 100 | candle 100 101 99 100",
        "set-leverage 51 51",
    ),
    (RejectReason::Leverage, START, "set-leverage 101 101"),
    (RejectReason::LeverageSides, START, "set-leverage 5 6"),
    (RejectReason::LeverageUnchanged, START, "set-leverage 1 1"),
    (RejectReason::MarginModeUnchanged, START, "set-margin isolated"),
    (RejectReason::PositionModeUnchanged, START, "set-mode one-way"),
    (RejectReason::OrdersExist, START, "buy limit 90 1 | set-mode hedge"),
    (RejectReason::PositionExists, HELD, "set-mode hedge"),
    (RejectReason::PositionMode, START, "buy market 1 long"),
    (RejectReason::NoPosition, START, "protect sl 90"),
    (
        RejectReason::NotIsolated,
        "cross | candle 100 101 99 100 | buy market 1 | candle 100 101 99 100",
        "move-margin 5",
    ),
    (RejectReason::NotEnoughToAdd, HELD, "move-margin 2000000"),
    (RejectReason::NotRemovable, HELD, "move-margin -1"),
    (
        RejectReason::BatchTooLong,
        "limits 9 9 9 1 | candle 100 101 99 100",
        "( | buy limit 90 1 | buy limit 90 1 | )",
    ),
    (RejectReason::NotInBatch, START, "( | buy limit 90 1 | cancel 1 | )"),
];

/// Reasons that no scenario of candles can lead to.
const NOT_BY_CANDLES: &[(RejectReason, &str)] = &[
    (
        RejectReason::NotAboveFilled,
        "candles fill orders whole; shown where orders are filled in part (matching.rs)",
    ),
    (RejectReason::PartiallyFilled, "the same"),
    (RejectReason::RiskLimit, "decided with the margin of positions"),
    (RejectReason::WouldLiquidate, "decided with the margin of positions"),
    (RejectReason::InLiquidation, "a liquidation is over within the event that starts it"),
    (RejectReason::RateLimited, "said by the gate before the venue"),
    (RejectReason::Unavailable, "said by the gate before the venue"),
    (RejectReason::Unauthorised, "said by the gate before the venue"),
    (RejectReason::ClockSkew, "said by the gate before the venue"),
    (RejectReason::NotSent, "never reaches a venue"),
    (RejectReason::Parameter, "a simulated exchange says which parameter"),
    (RejectReason::Restricted, "a simulated account may do everything"),
];

const ENDS: &[(CancelReason, &str, &str)] = &[
    (CancelReason::Requested, START, "buy limit 90 1 | cancel 1"),
    (CancelReason::ImmediateOrCancel, START, "buy limit 90 1 ioc | candle 100 101 99 100"),
    (CancelReason::FillOrKill, START, "buy limit 90 1 fok | candle 100 101 99 100"),
    (CancelReason::WouldCross, START, "buy limit 101 1 post | candle 100 101 99 100"),
    (
        CancelReason::NoLiquidity,
        "market-band 0.01 | candle 100 101 99 100",
        "buy market 1 | candle 105 106 104 105",
    ),
    (CancelReason::ReduceOnly, HELD, "sell limit 110 1 reduce | sell market 2 | candle 100 101 99 100"),
    (
        CancelReason::InsufficientMargin,
        "balance 100 | candle 100 101 99 100",
        "buy stop 103 5 | candle 100 104 99 103",
    ),
    (
        CancelReason::SelfTrade,
        "touch | ticks 9 | candle 100 101 99 100 | sell limit 100.5 1 | candle 100 100.1 99 100",
        "buy market 1 stp maker | candle 100 100.1 99 100",
    ),
    (
        CancelReason::CloseOnTrigger,
        "balance 22.9 | leverage 10 | fees 0.01 0 | candle 100 101 99 100 | buy market 1 | candle 100 101 99 100",
        "buy limit 90 1 | sell stop 95 1 reduce close | candle 97 98 94 95",
    ),
    (CancelReason::StopTriggered, HELD, "part 1 sl 95 tp 110 | candle 100 101 94 95"),
    (CancelReason::TargetTriggered, HELD, "part 1 sl 95 tp 110 | candle 100 111 99 110"),
    (CancelReason::PositionClosed, HELD, "part 1 sl 95 | sell market 2 | candle 100 101 99 100"),
    (CancelReason::Amended, "binance | candle 100 101 99 100", "buy limit 90 1 post | amend 1 price 101"),
];

const NOT_OF_ORDERS: &[(CancelReason, &str)] = &[
    (CancelReason::Liquidation, "comes with the liquidation of positions"),
    (CancelReason::AutoDeleveraging, "there are no other accounts to deleverage against"),
];

#[test]
fn every_rejection_is_given_or_said_not_to_be() {
    let mut covered = BTreeMap::new();
    for (reason, start, scenario) in REJECTIONS {
        let (given, _) = dialect::reasons(&format!("{start} | {scenario}"));
        assert!(given.contains(reason), "{}: {start} | {scenario} gave {given:?}", reason.name());
        assert_eq!(covered.insert(*reason, *scenario), None, "{} is there twice", reason.name());
    }
    for (reason, why) in NOT_BY_CANDLES {
        assert_eq!(covered.insert(*reason, *why), None, "{} is given by a scenario", reason.name());
    }
    let missing: Vec<_> = RejectReason::ALL.iter().filter(|r| !covered.contains_key(r)).collect();
    assert!(missing.is_empty(), "no scenario leads to {missing:?}");
}

#[test]
fn every_end_of_an_order_is_given_or_said_not_to_be() {
    let mut covered = BTreeMap::new();
    for (reason, start, scenario) in ENDS {
        let (_, given) = dialect::reasons(&format!("{start} | {scenario}"));
        assert!(given.contains(reason), "{}: {start} | {scenario} gave {given:?}", reason.name());
        assert_eq!(covered.insert(*reason, *scenario), None, "{} is there twice", reason.name());
    }
    for (reason, why) in NOT_OF_ORDERS {
        assert_eq!(covered.insert(*reason, *why), None, "{} is given by a scenario", reason.name());
    }
    let missing: Vec<_> = CancelReason::ALL.iter().filter(|r| !covered.contains_key(r)).collect();
    assert!(missing.is_empty(), "no scenario leads to {missing:?}");
}
