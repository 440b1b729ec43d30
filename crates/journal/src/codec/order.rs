//! Orders and what guards positions.

use super::{Coded, coded_fields, coded_names, coded_variants};
use crate::bytes::{Sink, Source};
use crate::error::DecodeError;
use model::{
    Change, LegKind, NewOrder, OrderKind, PositionMode, PositionSide, Protection, ProtectionMode,
    SelfTradePrevention, Side, TimeInForce, Trailing, TriggerBy,
};

coded_names!(Side, "side", { 0 => Buy, 1 => Sell });
coded_names!(PositionSide, "position side", { 0 => Net, 1 => Long, 2 => Short });
coded_names!(PositionMode, "position mode", { 0 => OneWay, 1 => Hedge });
coded_names!(TriggerBy, "trigger price", { 0 => Last, 1 => Mark, 2 => Index });
coded_names!(TimeInForce, "time in force", {
    0 => GoodTillCancel,
    1 => ImmediateOrCancel,
    2 => FillOrKill,
    3 => PostOnly,
});
coded_names!(SelfTradePrevention, "self-trade prevention", {
    0 => None,
    1 => CancelMaker,
    2 => CancelTaker,
    3 => CancelBoth,
});
coded_names!(LegKind, "kind of leg", { 0 => StopLoss, 1 => TakeProfit });

coded_variants!(OrderKind, "kind of order", {
    0 => Market,
    1 => Limit { price },
    2 => StopMarket { trigger, by },
    3 => StopLimit { trigger, by, price },
    4 => TakeProfitMarket { trigger, by },
    5 => TakeProfitLimit { trigger, by, price },
    6 => TrailingStop { distance, activation, by },
});
coded_variants!(Change, "change", { 0 => Keep, 1 => Remove, 2 => To(price) });
coded_variants!(ProtectionMode, "mode of protection", {
    0 => Full,
    1 => Partial { stop_limit, target_limit },
});

coded_fields!(Protection { stop_loss, take_profit, stop_by, target_by });
coded_fields!(Trailing { distance, activation });
coded_fields!(NewOrder {
    id,
    instrument,
    side,
    position_side,
    kind,
    quantity,
    time_in_force,
    reduce_only,
    close_on_trigger,
    self_trade,
    protection,
    protection_mode,
});
