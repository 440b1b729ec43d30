//! What a venue answers.

use super::{Coded, coded_fields, coded_names, coded_variants};
use crate::bytes::{Sink, Source};
use crate::error::DecodeError;
use model::{
    BalanceChange, Fill, FillCause, LinkKind, Liquidation, LiquidationStage, Liquidity, OrderReport,
    PositionReport, VenueEvent,
};

coded_names!(Liquidity, "liquidity", { 0 => Taker, 1 => Maker });
coded_names!(FillCause, "cause of a fill", {
    0 => Order,
    1 => StopLoss,
    2 => TakeProfit,
    3 => TrailingStop,
    4 => Liquidation,
    5 => AutoDeleveraging,
    6 => Reconciliation,
});
coded_names!(LiquidationStage, "stage of a liquidation", { 0 => Reduced, 1 => Closed, 2 => TakenOver });

coded_names!(LinkKind, "kind of link", { 0 => Market, 1 => Account, 2 => Trade });

coded_fields!(OrderReport { id, instrument, side, position_side, kind, quantity, filled, reduce_only });
coded_fields!(PositionReport { instrument, position_side, quantity, entry });
coded_fields!(Fill {
    execution,
    order,
    leg,
    cause,
    instrument,
    position_side,
    side,
    price,
    quantity,
    fee,
    liquidity,
    exchange_time,
});
coded_fields!(Liquidation {
    instrument,
    position_side,
    side,
    stage,
    is_mark,
    quantity,
    mark,
    liquidation_price,
    bankruptcy_price,
    price,
    fee,
});

coded_variants!(BalanceChange, "change of the balance", {
    0 => Funding { instrument, position_side, rate, mark, amount },
    1 => Deposit { amount },
    2 => Insurance { amount },
    3 => Conversion { amount },
});

coded_variants!(VenueEvent, "event of a venue", {
    0 => Accepted { id, instrument },
    1 => Rejected { id, instrument, reason },
    2 => Triggered { id, instrument },
    3 => Filled(fill),
    4 => Cancelled { id, instrument, reason },
    5 => Amended { id, instrument, amendment },
    6 => Refused { id, instrument, reason },
    7 => Protected { instrument, position_side, protection, trailing },
    8 => TrailingActivated { id, instrument, position_side },
    9 => LegPlaced { leg, instrument, position_side, kind, quantity, trigger, by, limit, parent },
    10 => LegTriggered { leg, instrument, position_side },
    11 => LegCancelled { leg, instrument, position_side, reason },
    12 => LeverageSet { instrument, buy, sell },
    13 => MarginModeSet { instrument, mode },
    14 => PositionModeSet { instrument, mode },
    15 => MarginMoved { instrument, position_side, amount },
    16 => Balance(change),
    17 => Liquidated(liquidation),
    18 => Reported(order),
    19 => Position(position),
    20 => Wallet { amount },
    21 => Unanswered { id, instrument },
    22 => Link { venue, kind, is_up },
    23 => Ready { instrument, is_ready },
});
