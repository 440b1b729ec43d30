//! Orders, executions, positions, the wallet and the rest as the exchange writes them, by REST and by stream.

use super::Slippage;
use super::text::{millis, money, price, price_or, quantity, rate};
use model::{Instrument, PositionSide, SelfTradePrevention, Side, TriggerBy, TriggerDirection};
use serde_json::{Value, json};
use units::{Amount, Price, Quantity, Rate, Timestamp};

/// How an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It waits for its trigger.
    Untriggered,
    /// Its trigger fired just now.
    Triggered,
    /// It rests.
    New,
    /// It rests, and a part of it is filled.
    PartiallyFilled,
    /// It is filled.
    Filled,
    /// It ended.
    Cancelled,
    /// It ended before its trigger.
    Deactivated,
    /// It was refused after it was accepted.
    Rejected,
}

impl Status {
    /// As the exchange calls it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Untriggered => "Untriggered",
            Self::Triggered => "Triggered",
            Self::New => "New",
            Self::PartiallyFilled => "PartiallyFilled",
            Self::Filled => "Filled",
            Self::Cancelled => "Cancelled",
            Self::Deactivated => "Deactivated",
            Self::Rejected => "Rejected",
        }
    }

    /// Whether the order lives.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Untriggered | Self::Triggered | Self::New | Self::PartiallyFilled)
    }
}

/// An order as the exchange keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The exchange's id: a UUID.
    pub id: String,
    /// The client's name; empty where there is none.
    pub link: String,
    /// The name of the order that this one came with.
    pub parent_link: String,
    /// Bought or sold.
    pub side: Side,
    /// 0, 1 or 2.
    pub position_idx: u8,
    /// At market, rather than at a limit.
    pub is_market: bool,
    /// The limit, or how far a market order goes.
    pub price: Option<Price>,
    /// How much in all.
    pub quantity: Quantity,
    /// How much is filled.
    pub filled: Quantity,
    /// What was filled, at its prices.
    pub value: Amount,
    /// The fees of that.
    pub fee: Amount,
    /// How it stands.
    pub status: Status,
    /// `cancelType`.
    pub cancel_type: &'static str,
    /// `rejectReason`.
    pub reject_reason: &'static str,
    /// `createType`.
    pub create_type: &'static str,
    /// `GTC`, `IOC`, `FOK` or `PostOnly`.
    pub time_in_force: &'static str,
    /// `stopOrderType`; empty for a plain order.
    pub stop_type: &'static str,
    /// The trigger, or where a trailing stop begins.
    pub trigger: Option<Price>,
    /// Which price it watches.
    pub trigger_by: TriggerBy,
    /// Which way that price has to go.
    pub direction: Option<TriggerDirection>,
    /// The target that comes with it.
    pub take_profit: Option<Price>,
    /// The stop that comes with it.
    pub stop_loss: Option<Price>,
    /// Which price the target watches.
    pub target_by: TriggerBy,
    /// Which price the stop watches.
    pub stop_by: TriggerBy,
    /// `Full`, `Partial` or nothing.
    pub tpsl_mode: &'static str,
    /// The limit of the target.
    pub target_limit: Option<Price>,
    /// The limit of the stop.
    pub stop_limit: Option<Price>,
    /// It only reduces.
    pub reduce_only: bool,
    /// It closes when it is triggered.
    pub close_on_trigger: bool,
    /// Self-match prevention.
    pub self_trade: SelfTradePrevention,
    /// The id of the own order that it would have met; empty unless that ended it.
    pub smp_order: String,
    /// How far from the best price it may trade, where the client said so.
    pub slippage: Option<Slippage>,
    /// The last price when it was made.
    pub last_price: Option<Price>,
    /// What it earned by closing.
    pub closed_pnl: Amount,
    /// When it was made.
    pub created: Timestamp,
    /// When it changed last.
    pub updated: Timestamp,
}

/// The name of a price that is watched.
#[must_use]
pub const fn by_text(by: TriggerBy) -> &'static str {
    match by {
        TriggerBy::Last => "LastPrice",
        TriggerBy::Mark => "MarkPrice",
        TriggerBy::Index => "IndexPrice",
    }
}

const fn side_text(side: Side) -> &'static str {
    match side {
        Side::Buy => "Buy",
        Side::Sell => "Sell",
    }
}

const fn smp_text(rule: SelfTradePrevention) -> &'static str {
    match rule {
        SelfTradePrevention::None => "None",
        SelfTradePrevention::CancelMaker => "CancelMaker",
        SelfTradePrevention::CancelTaker => "CancelTaker",
        SelfTradePrevention::CancelBoth => "CancelBoth",
    }
}

impl Order {
    /// What is left of it; nothing once it ended.
    #[must_use]
    pub fn leaves(&self) -> Quantity {
        if self.status.is_open() { self.quantity - self.filled } else { Quantity::ZERO }
    }

    /// The average price of what was filled.
    #[must_use]
    pub fn average(&self, of: &Instrument) -> Option<String> {
        average(self.value, self.filled, of)
    }
}

/// A value over a quantity, to eight places.
fn average(value: Amount, over: Quantity, of: &Instrument) -> Option<String> {
    if !over.is_positive() {
        return None;
    }
    let one = Quantity::new(i64::try_from(units::pow10(of.quantity_decimals)).ok()?);
    let per_unit = value.mul_div(one.mantissa().into(), over.mantissa().into(), units::Rounding::HalfEven);
    Some(money(per_unit))
}

/// An order; `is_stream` adds what only the stream has.
#[must_use]
pub fn order_row(order: &Order, of: &Instrument, is_stream: bool) -> Value {
    let none = "";
    let leaves = order.leaves();
    let leaves_value = order.price.map_or(Amount::ZERO, |p| of.notional(p, leaves));
    let is_guarded = order.take_profit.is_some() || order.stop_loss.is_some();
    let by = |is_set: bool, by: TriggerBy| if is_set { by_text(by) } else { "" };
    let mut row = json!({
        "orderId": order.id,
        "orderLinkId": order.link,
        "parentOrderLinkId": order.parent_link,
        "blockTradeId": "",
        "symbol": of.symbol,
        "price": price_or(order.price, of, "0"),
        "qty": quantity(order.quantity, of),
        "side": side_text(order.side),
        "isLeverage": "",
        "positionIdx": order.position_idx,
        "orderStatus": order.status.text(),
        "createType": order.create_type,
        "cancelType": order.cancel_type,
        "rejectReason": order.reject_reason,
        "avgPrice": order.average(of).unwrap_or_else(|| none.to_owned()),
        "leavesQty": quantity(leaves, of),
        "leavesValue": money(leaves_value),
        "cumExecQty": quantity(order.filled, of),
        "cumExecValue": money(order.value),
        "cumExecFee": money(order.fee),
        "cumFeeDetail": {(of.quote.as_str()): money(order.fee)},
        "timeInForce": order.time_in_force,
        "orderType": if order.is_market { "Market" } else { "Limit" },
        "stopOrderType": order.stop_type,
        "orderIv": "",
        "triggerPrice": price_or(order.trigger, of, none),
        "takeProfit": price_or(order.take_profit, of, none),
        "stopLoss": price_or(order.stop_loss, of, none),
        "tpslMode": if is_guarded || !order.tpsl_mode.is_empty() { order.tpsl_mode } else { none },
        "tpLimitPrice": price_or(order.target_limit, of, none),
        "slLimitPrice": price_or(order.stop_limit, of, none),
        "tpTriggerBy": by(order.take_profit.is_some(), order.target_by),
        "slTriggerBy": by(order.stop_loss.is_some(), order.stop_by),
        "triggerDirection": match order.direction {
            None => 0,
            Some(TriggerDirection::Rising) => 1,
            Some(TriggerDirection::Falling) => 2,
        },
        "triggerBy": by(order.trigger.is_some(), order.trigger_by),
        "lastPriceOnCreated": price_or(order.last_price, of, none),
        "reduceOnly": order.reduce_only,
        "closeOnTrigger": order.close_on_trigger,
        "placeType": "",
        "smpType": smp_text(order.self_trade),
        "smpGroup": 0,
        "smpOrderId": order.smp_order,
        "slippageToleranceType": order.slippage.map_or("UNKNOWN", Slippage::kind),
        "slippageTolerance": order.slippage.map_or_else(String::new, Slippage::figure),
        "extraFees": "",
        "rpiTakerAccess": false,
        "rpiMatchedQty": "0",
        "createdTime": millis(order.created),
        "updatedTime": millis(order.updated),
    });
    if is_stream && let Value::Object(members) = &mut row {
        members.insert("category".to_owned(), "linear".into());
        members.insert("closedPnl".to_owned(), money(order.closed_pnl).into());
        members.insert("feeCurrency".to_owned(), of.quote.as_str().into());
    }
    row
}

/// An execution, or the exchange of funding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// Its id: a UUID.
    pub id: String,
    /// The order; a made-up id for funding.
    pub order_id: String,
    /// The client's name of the order.
    pub link: String,
    /// Bought or sold.
    pub side: Side,
    /// The limit of the order, or how far it goes.
    pub order_price: Option<Price>,
    /// The quantity of the order.
    pub order_quantity: Quantity,
    /// What is left of it afterwards.
    pub leaves: Quantity,
    /// `createType` of the order.
    pub create_type: &'static str,
    /// `Market`, `Limit` or, for funding, `UNKNOWN`.
    pub order_type: &'static str,
    /// `stopOrderType` of the order.
    pub stop_type: &'static str,
    /// `Trade`, `Funding`, `BustTrade` or `AdlTrade`.
    pub kind: &'static str,
    /// At which price.
    pub price: Price,
    /// How much.
    pub quantity: Quantity,
    /// Its value.
    pub value: Amount,
    /// The fee; above zero is paid, funding as well.
    pub fee: Amount,
    /// The rate of it.
    pub fee_rate: Rate,
    /// It made liquidity.
    pub is_maker: bool,
    /// How much of a position it closed.
    pub closed: Quantity,
    /// What that earned, without fees.
    pub pnl: Amount,
    /// The mark price.
    pub mark: Price,
    /// The index price.
    pub index: Price,
    /// When.
    pub at: Timestamp,
    /// Its place among everything that happened to the instrument.
    pub sequence: u64,
}

/// An execution; `is_stream` adds what only the stream has.
#[must_use]
pub fn execution_row(execution: &Execution, of: &Instrument, is_stream: bool) -> Value {
    let mut row = json!({
        "symbol": of.symbol,
        "orderId": execution.order_id,
        "orderLinkId": execution.link,
        "side": side_text(execution.side),
        "orderPrice": price_or(execution.order_price, of, "0"),
        "orderQty": quantity(execution.order_quantity, of),
        "leavesQty": quantity(execution.leaves, of),
        "createType": execution.create_type,
        "orderType": execution.order_type,
        "stopOrderType": if execution.stop_type.is_empty() { "UNKNOWN" } else { execution.stop_type },
        "execFee": money(execution.fee),
        "execId": execution.id,
        "execPrice": price(execution.price, of),
        "execQty": quantity(execution.quantity, of),
        "execType": execution.kind,
        "execValue": money(execution.value),
        "execTime": millis(execution.at),
        "feeCurrency": of.quote,
        "isMaker": execution.is_maker,
        "feeRate": rate(execution.fee_rate),
        "tradeIv": "",
        "markIv": "",
        "markPrice": price(execution.mark, of),
        "indexPrice": price(execution.index, of),
        "underlyingPrice": "",
        "blockTradeId": "",
        "closedSize": quantity(execution.closed, of),
        "extraFees": "",
        "seq": execution.sequence,
    });
    if is_stream && let Value::Object(members) = &mut row {
        members.insert("category".to_owned(), "linear".into());
        members.insert("execPnl".to_owned(), money(execution.pnl).into());
        members.insert("isLeverage".to_owned(), "0".into());
        members.insert("marketUnit".to_owned(), "".into());
    }
    row
}

/// An execution on the fast topic: the client's name of an order that made liquidity is hidden.
#[must_use]
pub fn execution_fast_row(execution: &Execution, of: &Instrument) -> Value {
    json!({
        "category": "linear",
        "symbol": of.symbol,
        "execId": execution.id,
        "execPrice": price(execution.price, of),
        "execQty": quantity(execution.quantity, of),
        "orderId": execution.order_id,
        "isMaker": execution.is_maker,
        "orderLinkId": if execution.is_maker { "" } else { execution.link.as_str() },
        "side": side_text(execution.side),
        "execTime": millis(execution.at),
        "seq": execution.sequence,
    })
}

/// A position as the exchange shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Net, long or short.
    pub position_side: PositionSide,
    /// Its direction, where something is held.
    pub side: Option<Side>,
    /// How much is held.
    pub size: Quantity,
    /// The value it was entered at.
    pub entry_value: Amount,
    /// Its value at the mark price.
    pub value: Amount,
    /// Which risk tier it is in, from one.
    pub tier: usize,
    /// How far that tier goes.
    pub tier_limit: Amount,
    /// Its leverage.
    pub leverage: Rate,
    /// The mark price.
    pub mark: Price,
    /// Where it is liquidated.
    pub liquidation: Option<Price>,
    /// Where it comes out even with its fees.
    pub break_even: Option<Price>,
    /// Its initial margin.
    pub initial_margin: Amount,
    /// Its maintenance margin.
    pub maintenance_margin: Amount,
    /// What guards it from below or above.
    pub stop_loss: Option<Price>,
    /// Where it takes its profit.
    pub take_profit: Option<Price>,
    /// The distance of its trailing stop.
    pub trailing: Option<Price>,
    /// Its profit at the mark price.
    pub unrealised: Amount,
    /// What it earned since it was opened.
    pub current_realised: Amount,
    /// What positions of this symbol earned so far.
    pub realised: Amount,
    /// Margin is added by itself.
    pub is_auto_margin: bool,
    /// When something happened to it first.
    pub created: Timestamp,
    /// When something happened to it last.
    pub updated: Timestamp,
    /// When it was opened.
    pub opened: Timestamp,
    /// Its place among everything that happened to the instrument; `None` where nothing ever did.
    pub sequence: Option<u64>,
}

const fn idx(side: PositionSide) -> u8 {
    match side {
        PositionSide::Net => 0,
        PositionSide::Long => 1,
        PositionSide::Short => 2,
    }
}

fn common_position(position: &Position, of: &Instrument, none: &str) -> Value {
    let is_flat = position.side.is_none();
    let or_none = |text: String| if is_flat { none.to_owned() } else { text };
    json!({
        "positionIdx": idx(position.position_side),
        "riskId": position.tier,
        "riskLimitValue": money(position.tier_limit),
        "symbol": of.symbol,
        "side": position.side.map_or("", side_text),
        "size": quantity(position.size, of).trim_start_matches('-'),
        "positionValue": or_none(money(position.value)),
        "autoAddMargin": u8::from(position.is_auto_margin),
        "positionStatus": "Normal",
        "leverage": rate(position.leverage),
        "breakEvenPrice": price_or(position.break_even, of, none),
        "markPrice": price(position.mark, of),
        "liqPrice": price_or(position.liquidation, of, none),
        "positionIM": or_none(money(position.initial_margin)),
        "positionIMByMp": or_none(money(position.initial_margin)),
        "positionMM": or_none(money(position.maintenance_margin)),
        "positionMMByMp": or_none(money(position.maintenance_margin)),
        "takeProfit": price_or(position.take_profit, of, none),
        "stopLoss": price_or(position.stop_loss, of, none),
        "trailingStop": price_or(position.trailing, of, "0"),
        "sessionAvgPrice": "",
        "unrealisedPnl": or_none(money(position.unrealised)),
        "curRealisedPnl": money(position.current_realised),
        "cumRealisedPnl": money(position.realised),
        "adlRankIndicator": if is_flat { 0 } else { 2 },
        "createdTime": millis(position.created),
        "updatedTime": millis(position.updated),
        "openTime": position.opened.millis(),
        "seq": position.sequence.map_or(-1, |n| i64::try_from(n).unwrap_or(i64::MAX)),
        "isReduceOnly": false,
        "mmrSysUpdatedTime": "",
        "leverageSysUpdatedTime": "",
        "tpslMode": "Full",
        "bustPrice": "",
        "positionBalance": "0",
        "tradeMode": 0,
    })
}

/// A position by REST: what a flat one has not is an empty text.
#[must_use]
pub fn position_row(position: &Position, of: &Instrument) -> Value {
    let mut row = common_position(position, of, "");
    let entry = average(position.entry_value, position.size, of).unwrap_or_else(|| "0".to_owned());
    row["avgPrice"] = entry.into();
    row
}

/// A position by stream: what a flat one has not is `"0"`, and the entry has another name.
#[must_use]
pub fn position_stream_row(position: &Position, of: &Instrument) -> Value {
    let mut row = common_position(position, of, "0");
    let entry = average(position.entry_value, position.size, of).unwrap_or_else(|| "0".to_owned());
    row["entryPrice"] = entry.into();
    row["category"] = "linear".into();
    row
}

/// What a closing order earned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedPnl {
    /// The closing order.
    pub order_id: String,
    /// Its side.
    pub side: Side,
    /// Its quantity.
    pub quantity: Quantity,
    /// Its price.
    pub order_price: Option<Price>,
    /// It was at market.
    pub is_market: bool,
    /// `Trade`, `BustTrade` or `AdlTrade`.
    pub kind: &'static str,
    /// How much it closed.
    pub closed: Quantity,
    /// The value at entry of that.
    pub entry_value: Amount,
    /// The value at exit of that.
    pub exit_value: Amount,
    /// What was earned, with the fees of both ends.
    pub pnl: Amount,
    /// The fees of the entry.
    pub open_fee: Amount,
    /// The fees of the exit.
    pub close_fee: Amount,
    /// In how many executions.
    pub fills: u32,
    /// At which leverage.
    pub leverage: Rate,
    /// When it began.
    pub created: Timestamp,
    /// When it ended.
    pub updated: Timestamp,
}

/// What a closing order earned.
#[must_use]
pub fn closed_pnl_row(closed: &ClosedPnl, of: &Instrument) -> Value {
    let average = |value| average(value, closed.closed, of).unwrap_or_else(|| "0".to_owned());
    json!({
        "symbol": of.symbol,
        "orderId": closed.order_id,
        "side": side_text(closed.side),
        "qty": quantity(closed.quantity, of),
        "orderPrice": price_or(closed.order_price, of, "0"),
        "orderType": if closed.is_market { "Market" } else { "Limit" },
        "execType": closed.kind,
        "closedSize": quantity(closed.closed, of),
        "cumEntryValue": money(closed.entry_value),
        "avgEntryPrice": average(closed.entry_value),
        "cumExitValue": money(closed.exit_value),
        "avgExitPrice": average(closed.exit_value),
        "closedPnl": money(closed.pnl),
        "openFee": money(closed.open_fee),
        "closeFee": money(closed.close_fee),
        "fillCount": closed.fills.to_string(),
        "leverage": rate(closed.leverage),
        "createdTime": millis(closed.created),
        "updatedTime": millis(closed.updated),
    })
}

/// A change of the wallet: `change = cash flow + funding − fee`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Its id.
    pub id: String,
    /// Whose trade or funding; `None` for transfers.
    pub symbol: Option<String>,
    /// Bought or sold.
    pub side: Option<Side>,
    /// `TRADE`, `SETTLEMENT`, `TRANSFER_IN`, `TRANSFER_OUT`, `LIQUIDATION` and so on.
    pub kind: &'static str,
    /// How much was traded, as text.
    pub quantity: String,
    /// What is held afterwards, with its sign, as text.
    pub size: String,
    /// At which price, as text.
    pub price: String,
    /// Funding received; negative when paid.
    pub funding: Option<Amount>,
    /// The fee.
    pub fee: Amount,
    /// Its rate.
    pub fee_rate: Rate,
    /// Profit, or what was transferred.
    pub cash_flow: Amount,
    /// What is in the wallet afterwards.
    pub balance: Amount,
    /// The execution.
    pub trade_id: String,
    /// The order.
    pub order_id: String,
    /// The client's name of the order.
    pub link: String,
    /// The coin.
    pub currency: String,
    /// When.
    pub at: Timestamp,
}

/// A change of the wallet.
#[must_use]
pub fn log_row(entry: &LogEntry) -> Value {
    let change = entry.cash_flow + entry.funding.unwrap_or(Amount::ZERO) - entry.fee;
    json!({
        "id": entry.id,
        "symbol": entry.symbol.as_deref().unwrap_or(""),
        "category": if entry.symbol.is_some() { "linear" } else { "" },
        "side": entry.side.map_or("None", side_text),
        "transactionTime": millis(entry.at),
        "type": entry.kind,
        "transSubType": "",
        "qty": entry.quantity,
        "size": entry.size,
        "currency": entry.currency,
        "tradePrice": entry.price,
        "funding": entry.funding.map_or_else(String::new, money),
        "fee": money(entry.fee),
        "cashFlow": money(entry.cash_flow),
        "change": money(change),
        "cashBalance": money(entry.balance),
        "feeRate": rate(entry.fee_rate),
        "bonusChange": "",
        "tradeId": entry.trade_id,
        "orderId": entry.order_id,
        "orderLinkId": entry.link,
        "extraFees": "",
    })
}

/// The wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wallet {
    /// Figures of the whole account are shared by all positions; with isolated margin they do not apply.
    pub is_isolated: bool,
    /// Cash.
    pub cash: Amount,
    /// Profit of the open positions at their mark prices.
    pub unrealised: Amount,
    /// What positions were opened with.
    pub position_margin: Amount,
    /// What is set aside for orders.
    pub order_margin: Amount,
    /// What positions need to stay open.
    pub maintenance: Amount,
    /// What is free for new orders.
    pub available: Amount,
    /// What was earned so far.
    pub realised: Amount,
}

/// The wallet of a unified account that holds one coin.
#[must_use]
pub fn wallet_row(wallet: &Wallet, coin: &str) -> Value {
    let equity = wallet.cash + wallet.unrealised;
    let initial = wallet.position_margin + wallet.order_margin;
    let shared = |text: String| if wallet.is_isolated { String::new() } else { text };
    let share = |of: Amount| {
        if equity.is_positive() {
            money(of.mul_div(Rate::ONE.units().into(), equity.units(), units::Rounding::HalfEven).mul_div(
                units::pow10(9),
                1,
                units::Rounding::HalfEven,
            ))
        } else {
            "0".to_owned()
        }
    };
    json!({
        "accountType": "UNIFIED",
        "accountLTV": "0",
        "accountIMRate": shared(share(initial)),
        "accountIMRateByMp": shared(share(initial)),
        "accountMMRate": shared(share(wallet.maintenance)),
        "accountMMRateByMp": shared(share(wallet.maintenance)),
        "totalEquity": money(equity),
        "totalWalletBalance": money(wallet.cash),
        "totalMarginBalance": shared(money(equity)),
        "totalAvailableBalance": shared(money(wallet.available)),
        "totalPerpUPL": money(wallet.unrealised),
        "totalInitialMargin": shared(money(initial)),
        "totalInitialMarginByMp": shared(money(initial)),
        "totalMaintenanceMargin": shared(money(wallet.maintenance)),
        "totalMaintenanceMarginByMp": shared(money(wallet.maintenance)),
        "coin": [{
            "coin": coin,
            "equity": money(equity),
            "usdValue": money(equity),
            "walletBalance": money(wallet.cash),
            "locked": "0",
            "totalOrderIM": money(wallet.order_margin),
            "totalPositionIM": money(wallet.position_margin),
            "totalPositionMM": money(wallet.maintenance),
            "unrealisedPnl": money(wallet.unrealised),
            "cumRealisedPnl": money(wallet.realised),
            "bonus": "0",
            "borrowAmount": "0",
            "spotBorrow": "0",
            "accruedInterest": "0",
            "collateralSwitch": true,
            "marginCollateral": true,
            "spotHedgingQty": "0",
            "colRes": "0",
            "availableToWithdraw": "",
            "availableToBorrow": "",
            "free": "",
        }],
    })
}
