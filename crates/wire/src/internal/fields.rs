//! Fields as JSON and back: one implementation for each noun, written by three macros, so that what is written and what is
//! read cannot drift apart. A variant that is added to a noun does not compile until it is named here.

use crate::json::{DecodeError, Node, Problem};
use crate::{Answer, Ended, Meaning, Names, OrderAnswer, Question, Symbols};
use model::{
    Amendment, BalanceChange, Bar, BookChange, BookUpdate, CancelReason, CancelScope, Candle, Change,
    ClientOrderId, Exchange, Fill, FillCause, FundingRate, InstrumentIx, InstrumentKind, InstrumentSpec,
    LegId, LegKind, LinkKind, Liquidation, LiquidationStage, Liquidity, MarginMode, MarginTier, MarkPrice,
    NewOrder, OrderCommand, OrderKind, OrderReport, PositionMode, PositionReport, PositionSide, Protection,
    ProtectionMode, Quote, RejectReason, SelfTradePrevention, Side, TimeInForce, Timeframe, Trade, Trailing,
    TriggerBy, VenueEvent,
};
use serde_json::{Map, Value};
use std::num::NonZeroU64;
use units::{Amount, Decimal, Price, Quantity, Rate, Span, Timestamp};

/// What names and symbols mean on this connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) names: Names,
    pub(super) symbols: Symbols,
}

/// A value as JSON and back.
pub(super) trait Field: Sized {
    fn put(&self, context: &Context) -> Value;

    fn take(node: &Node<'_>, context: &Context) -> Result<Self, DecodeError>;

    /// What stands for it when it is not there.
    fn absent() -> Option<Self> {
        None
    }
}

/// Reads a member of an object.
pub(super) fn get<T: Field>(node: &Node<'_>, name: &str, context: &Context) -> Result<T, DecodeError> {
    match (node.find(name)?, T::absent()) {
        (Some(found), _) => T::take(&found, context),
        (None, Some(absent)) => Ok(absent),
        (None, None) => Err(node.field(name).err().unwrap_or_else(|| node.error(Problem::Missing))),
    }
}

macro_rules! object {
    ($type:ident { $($field:ident),* $(,)? }) => {
        impl Field for $type {
            fn put(&self, context: &Context) -> Value {
                let Self { $($field),* } = self;
                let mut members = Map::new();
                $(members.insert(stringify!($field).to_owned(), $field.put(context));)*
                Value::Object(members)
            }

            fn take(node: &Node<'_>, context: &Context) -> Result<Self, DecodeError> {
                Ok(Self { $($field: get(node, stringify!($field), context)?),* })
            }
        }
    };
}

macro_rules! choice {
    ($type:ident { $($tag:literal => $variant:ident $({ $($field:ident),* $(,)? })? $(( $inner:ident ))?),* $(,)? }) => {
        impl Field for $type {
            fn put(&self, context: &Context) -> Value {
                let mut members = Map::new();
                let tag = match self {
                    $(Self::$variant $({ $($field),* })? $(( $inner ))? => {
                        $($(members.insert(stringify!($field).to_owned(), $field.put(context));)*)?
                        $(members.insert("of".to_owned(), $inner.put(context));)?
                        $tag
                    })*
                };
                members.insert("type".to_owned(), Value::from(tag));
                // Most variants without fields would be unused otherwise.
                let _ = context;
                Value::Object(members)
            }

            fn take(node: &Node<'_>, context: &Context) -> Result<Self, DecodeError> {
                let tag = node.field("type")?;
                let _ = context;
                match tag.text()? {
                    $($tag => Ok(Self::$variant
                        $({ $($field: get(node, stringify!($field), context)?),* })?
                        $(({ let $inner = get(node, "of", context)?; $inner }))?
                    ),)*
                    _ => Err(tag.refuse([$($tag),*].join(", "))),
                }
            }
        }
    };
}

macro_rules! words {
    ($type:ident { $($word:literal => $variant:ident),* $(,)? }) => {
        impl Field for $type {
            fn put(&self, _: &Context) -> Value {
                Value::from(match self { $(Self::$variant => $word),* })
            }

            fn take(node: &Node<'_>, _: &Context) -> Result<Self, DecodeError> {
                match node.text()? {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(node.refuse([$($word),*].join(", "))),
                }
            }
        }
    };
}

macro_rules! mantissas {
    ($($type:ident: $new:ident, $get:ident;)*) => {$(
        impl Field for $type {
            fn put(&self, _: &Context) -> Value {
                Value::from(self.$get())
            }

            fn take(node: &Node<'_>, _: &Context) -> Result<Self, DecodeError> {
                node.int().map(Self::$new)
            }
        }
    )*};
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Field for $type {
            fn put(&self, _: &Context) -> Value {
                Value::from(*self)
            }

            fn take(node: &Node<'_>, _: &Context) -> Result<Self, DecodeError> {
                let allowed = || node.refuse(format!("0 to {}", Self::MAX));
                Self::try_from(node.unsigned()?).map_err(|_| allowed())
            }
        }
    )*};
}

mantissas! {
    Price: new, mantissa;
    Quantity: new, mantissa;
    Rate: from_units, units;
    Timestamp: from_nanos, nanos;
    Span: from_nanos, nanos;
}

integers!(u8, u16, u32, u64);

impl Field for bool {
    fn put(&self, _: &Context) -> Value {
        Value::from(*self)
    }

    fn take(node: &Node<'_>, _: &Context) -> Result<Self, DecodeError> {
        node.boolean()
    }
}

impl Field for String {
    fn put(&self, _: &Context) -> Value {
        Value::from(self.as_str())
    }

    fn take(node: &Node<'_>, _: &Context) -> Result<Self, DecodeError> {
        node.text().map(str::to_owned)
    }
}

/// Wider than any number of JSON that others read, hence text.
impl Field for i128 {
    fn put(&self, _: &Context) -> Value {
        Value::from(self.to_string())
    }

    fn take(node: &Node<'_>, _: &Context) -> Result<Self, DecodeError> {
        node.parsed(str::parse)
    }
}

impl Field for Amount {
    fn put(&self, context: &Context) -> Value {
        self.units().put(context)
    }

    fn take(node: &Node<'_>, context: &Context) -> Result<Self, DecodeError> {
        i128::take(node, context).map(Self::from_units)
    }
}

impl<T: Field> Field for Option<T> {
    fn put(&self, context: &Context) -> Value {
        self.as_ref().map_or(Value::Null, |value| value.put(context))
    }

    fn take(node: &Node<'_>, context: &Context) -> Result<Self, DecodeError> {
        T::take(node, context).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Field> Field for Vec<T> {
    fn put(&self, context: &Context) -> Value {
        Value::Array(self.iter().map(|item| item.put(context)).collect())
    }

    fn take(node: &Node<'_>, context: &Context) -> Result<Self, DecodeError> {
        node.items()?.map(|item| T::take(&item, context)).collect()
    }
}

impl Field for ClientOrderId {
    fn put(&self, context: &Context) -> Value {
        Value::from(context.names.name_of(*self))
    }

    fn take(node: &Node<'_>, context: &Context) -> Result<Self, DecodeError> {
        node.text().map(|text| context.names.id_of(text))
    }
}

impl Field for InstrumentIx {
    fn put(&self, context: &Context) -> Value {
        // What is not traded here has no name here, and is refused at the other end.
        Value::from(context.symbols.symbol(*self).unwrap_or("?"))
    }

    fn take(node: &Node<'_>, context: &Context) -> Result<Self, DecodeError> {
        let known = || context.symbols.iter().map(|(_, symbol)| symbol).collect::<Vec<_>>().join(", ");
        context.symbols.ix(node.text()?).ok_or_else(|| node.refuse(known()))
    }
}

impl Field for LegId {
    fn put(&self, context: &Context) -> Value {
        self.0.get().put(context)
    }

    fn take(node: &Node<'_>, context: &Context) -> Result<Self, DecodeError> {
        let number = NonZeroU64::new(u64::take(node, context)?);
        number.map(Self).ok_or_else(|| node.refuse("from 1"))
    }
}

impl Field for Timeframe {
    fn put(&self, _: &Context) -> Value {
        Value::from(self.seconds())
    }

    fn take(node: &Node<'_>, _: &Context) -> Result<Self, DecodeError> {
        Self::from_seconds(node.int()?).ok_or_else(|| node.refuse("the seconds of a known timeframe"))
    }
}

macro_rules! reasons {
    ($($type:ident),*) => {$(
        impl Field for $type {
            fn put(&self, _: &Context) -> Value {
                Value::from(self.name())
            }

            fn take(node: &Node<'_>, _: &Context) -> Result<Self, DecodeError> {
                let name = node.text()?;
                let found = Self::ALL.iter().find(|reason| reason.name() == name);
                found.copied().ok_or_else(|| node.refuse("a reason by its name in code"))
            }
        }
    )*};
}

reasons!(RejectReason, CancelReason);

words!(Side { "buy" => Buy, "sell" => Sell });
words!(PositionSide { "net" => Net, "long" => Long, "short" => Short });
words!(PositionMode { "one_way" => OneWay, "hedge" => Hedge });
words!(MarginMode { "isolated" => Isolated, "cross" => Cross });
words!(TriggerBy { "last" => Last, "mark" => Mark, "index" => Index });
words!(TimeInForce {
    "gtc" => GoodTillCancel, "ioc" => ImmediateOrCancel, "fok" => FillOrKill, "post_only" => PostOnly,
});
words!(SelfTradePrevention {
    "none" => None, "cancel_maker" => CancelMaker, "cancel_taker" => CancelTaker, "cancel_both" => CancelBoth,
});
words!(CancelScope {
    "orders" => Orders, "active" => Active, "conditional" => Conditional, "guards" => Guards, "all" => All,
});
words!(Liquidity { "taker" => Taker, "maker" => Maker });
words!(FillCause {
    "order" => Order, "stop_loss" => StopLoss, "take_profit" => TakeProfit, "trailing_stop" => TrailingStop,
    "liquidation" => Liquidation, "auto_deleveraging" => AutoDeleveraging, "reconciliation" => Reconciliation,
});
words!(LegKind { "stop_loss" => StopLoss, "take_profit" => TakeProfit });
words!(LinkKind { "market" => Market, "account" => Account, "trade" => Trade });
words!(LiquidationStage { "reduced" => Reduced, "closed" => Closed, "taken_over" => TakenOver });

object!(Protection { stop_loss, take_profit, stop_by, target_by });
object!(Trailing { distance, activation });
object!(Amendment { price, trigger, quantity, stop_loss, take_profit });
choice!(Change { "keep" => Keep, "remove" => Remove, "to" => To(price) });
choice!(ProtectionMode { "full" => Full, "partial" => Partial { stop_limit, target_limit } });
choice!(OrderKind {
    "market" => Market,
    "limit" => Limit { price },
    "stop_market" => StopMarket { trigger, by },
    "stop_limit" => StopLimit { trigger, by, price },
    "take_profit_market" => TakeProfitMarket { trigger, by },
    "take_profit_limit" => TakeProfitLimit { trigger, by, price },
    "trailing_stop" => TrailingStop { distance, activation, by },
});
object!(NewOrder {
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
choice!(OrderCommand {
    "place" => Place(order),
    "amend" => Amend { id, instrument, amendment },
    "cancel" => Cancel { id, instrument },
    "cancel_all" => CancelAll { instrument, scope },
    "cancel_leg" => CancelLeg { leg, instrument },
    "protect" => Protect { instrument, position_side, protection, trailing },
    "protect_part" => ProtectPart { instrument, position_side, quantity, protection, stop_limit, target_limit },
    "set_leverage" => SetLeverage { instrument, buy, sell },
    "set_margin_mode" => SetMarginMode { instrument, mode },
    "set_position_mode" => SetPositionMode { instrument, mode },
    "move_margin" => MoveMargin { instrument, position_side, amount },
    "query" => Query { id, instrument, sent_at },
});

object!(Fill {
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
choice!(BalanceChange {
    "funding" => Funding { instrument, position_side, rate, mark, amount },
    "deposit" => Deposit { amount },
    "insurance" => Insurance { amount },
    "conversion" => Conversion { amount },
});
object!(Liquidation {
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
object!(OrderReport { id, instrument, side, position_side, kind, quantity, filled, reduce_only });
object!(PositionReport { instrument, position_side, quantity, entry });
choice!(VenueEvent {
    "accepted" => Accepted { id, instrument },
    "rejected" => Rejected { id, instrument, reason },
    "triggered" => Triggered { id, instrument },
    "filled" => Filled(fill),
    "cancelled" => Cancelled { id, instrument, reason },
    "amended" => Amended { id, instrument, amendment },
    "refused" => Refused { id, instrument, reason },
    "protected" => Protected { instrument, position_side, protection, trailing },
    "trailing_activated" => TrailingActivated { id, instrument, position_side },
    "leg_placed" => LegPlaced { leg, instrument, position_side, kind, quantity, trigger, by, limit, parent },
    "leg_triggered" => LegTriggered { leg, instrument, position_side },
    "leg_cancelled" => LegCancelled { leg, instrument, position_side, reason },
    "leverage_set" => LeverageSet { instrument, buy, sell },
    "margin_mode_set" => MarginModeSet { instrument, mode },
    "position_mode_set" => PositionModeSet { instrument, mode },
    "margin_moved" => MarginMoved { instrument, position_side, amount },
    "balance" => Balance(change),
    "liquidated" => Liquidated(liquidation),
    "reported" => Reported(report),
    "position" => Position(report),
    "wallet" => Wallet { amount },
    "unanswered" => Unanswered { id, instrument },
    "link" => Link { venue, kind, is_up },
    "ready" => Ready { instrument, is_ready },
});

object!(Bar { open_time, open, high, low, close, volume });
object!(Candle { instrument, timeframe, bar });
object!(Quote { instrument, exchange_time, bid, bid_quantity, ask, ask_quantity });
object!(Trade { instrument, exchange_time, price, quantity, taker_side, trade_id });
choice!(BookUpdate { "clear" => Clear, "level" => Level { side, price, quantity } });
object!(BookChange { instrument, exchange_time, update_id, update, is_last });
object!(MarkPrice { instrument, exchange_time, mark });
object!(FundingRate { instrument, funding_time, rate });

object!(Decimal { mantissa, decimals });
object!(MarginTier { notional_limit, maintenance_rate, max_leverage, deduction });

choice!(Meaning {
    "accepted" => Accepted,
    "already_so" => AlreadySo,
    "rejected" => Rejected(reason),
    "ambiguous" => Ambiguous,
    "rate_limited" => RateLimited { until },
    "credentials_invalid" => CredentialsInvalid,
    "clock_skew" => ClockSkew,
    "maintenance" => Maintenance { until },
    "reconnect" => Reconnect,
});
choice!(Question {
    "time" => Time,
    "open_orders" => OpenOrders,
    "order" => Order { id, instrument },
    "fills" => Fills { since },
    "positions" => Positions,
    "wallet" => Wallet,
    "instruments" => Instruments,
});
choice!(Ended { "filled" => Filled, "cancelled" => Cancelled(reason), "rejected" => Rejected(reason) });
choice!(OrderAnswer { "open" => Open(report), "ended" => Ended { filled, how }, "not_found" => NotFound });
choice!(Answer {
    "time" => Time(at),
    "open_orders" => OpenOrders(orders),
    "order" => Order(order),
    "fills" => Fills { fills, has_more },
    "positions" => Positions(positions),
    "wallet" => Wallet(amount),
    "instruments" => Instruments(specs),
    "failed" => Failed(meaning),
});

words!(Exchange { "bybit" => Bybit, "binance" => Binance, "synthetic" => Synthetic });
words!(InstrumentKind { "linear_perpetual" => LinearPerpetual, "spot" => Spot });
object!(InstrumentSpec {
    symbol,
    exchange,
    kind,
    base,
    quote,
    price_decimals,
    quantity_decimals,
    contract_size,
    tick_size,
    quantity_step,
    min_quantity,
    max_limit_quantity,
    max_market_quantity,
    min_notional,
    margin_tiers,
    funding_interval,
    version,
});
