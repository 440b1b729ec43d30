//! What the engine tells a venue to do.

use super::{Coded, coded_fields, coded_names, coded_variants};
use crate::bytes::{Sink, Source};
use crate::error::DecodeError;
use model::{Amendment, CancelScope, MarginMode, OrderCommand};

coded_fields!(Amendment { price, trigger, quantity, stop_loss, take_profit });
coded_names!(MarginMode, "margin mode", { 0 => Isolated, 1 => Cross });
coded_names!(CancelScope, "scope of a cancellation", {
    0 => Orders,
    1 => Active,
    2 => Conditional,
    3 => Guards,
    4 => All,
});

coded_variants!(OrderCommand, "command", {
    0 => Place(order),
    1 => Amend { id, instrument, amendment },
    2 => Cancel { id, instrument },
    3 => CancelAll { instrument, scope },
    4 => CancelLeg { leg, instrument },
    5 => Protect { instrument, position_side, protection, trailing },
    6 => ProtectPart { instrument, position_side, quantity, protection, stop_limit, target_limit },
    7 => SetLeverage { instrument, buy, sell },
    8 => SetMarginMode { instrument, mode },
    9 => SetPositionMode { instrument, mode },
    10 => MoveMargin { instrument, position_side, amount },
    11 => Query { id, instrument, sent_at },
});
