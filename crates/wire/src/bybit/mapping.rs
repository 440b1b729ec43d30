//! Rows as nouns of the model: one normaliser for what the streams tell and what requests are answered with.

use super::choices::Choices;
use super::download::number_of;
use super::rows::{ExecutionRow, OrderRow, PositionRow, nonzero};
use super::take::nearest_price;
use super::words::{self, ExecType, OrderStatus, StopOrderType};
use crate::json::{DecodeError, Problem};
use crate::{Ended, Names, Symbols};
use model::{
    BalanceChange, CancelReason, ClientOrderId, Fill, FillCause, InstrumentIx, LegId, Liquidity, OrderKind,
    OrderReport, PositionMode, PositionReport, PositionSide, RejectReason, Side, TriggerBy, TriggerDirection,
};
use std::num::NonZeroU64;
use units::{AMOUNT_DECIMALS, Amount, Decimal, Price, Quantity, RATE_DECIMALS, Rate};

/// What names and symbols mean, and how positions are kept.
#[derive(Debug, Clone)]
pub(super) struct Context {
    pub(super) names: Names,
    pub(super) symbols: Symbols,
    pub(super) position_mode: PositionMode,
    pub(super) settle_coin: String,
    pub(super) choices: Choices,
}

/// What marks the name of an order that has none but the exchange's: no client order id has a colon.
const BY_ID: &str = "id:";

/// An error at a field of a row.
fn wrong(field: &str, found: &dyn std::fmt::Display, allowed: &str) -> DecodeError {
    let problem = Problem::Value { found: found.to_string(), allowed: allowed.to_owned() };
    DecodeError { path: field.to_owned(), problem }
}

impl Context {
    /// The instrument of a row; `None` for what is not ours, of another category or another symbol.
    pub(super) fn instrument(&self, symbol: &str, category: Option<&str>) -> Option<InstrumentIx> {
        if category.is_some_and(|category| category != words::LINEAR) {
            return None;
        }
        self.symbols.ix(symbol)
    }

    fn scales(&self, ix: InstrumentIx) -> (u8, u8) {
        self.symbols.decimals(ix).unwrap_or((0, 0))
    }

    fn price(&self, ix: InstrumentIx, field: &str, value: Decimal) -> Result<Price, DecodeError> {
        let mantissa = value.at_scale(self.scales(ix).0).ok().and_then(|m| i64::try_from(m).ok());
        mantissa
            .map(Price::new)
            .ok_or_else(|| wrong(field, &value, "a price of the decimal places of the instrument"))
    }

    fn quantity(&self, ix: InstrumentIx, field: &str, value: Decimal) -> Result<Quantity, DecodeError> {
        let mantissa = value.at_scale(self.scales(ix).1).ok().and_then(|m| i64::try_from(m).ok());
        mantissa
            .map(Quantity::new)
            .ok_or_else(|| wrong(field, &value, "a quantity of the decimal places of the instrument"))
    }

    /// Our name for an order: the client order id, or one made of the exchange's name where there is none.
    pub(super) fn learn(&mut self, link_id: Option<&str>, order_id: &str) -> ClientOrderId {
        match link_id {
            Some(link) => self.names.learn(link),
            None => self.names.learn(&format!("{BY_ID}{order_id}")),
        }
    }

    /// What an order is called in requests.
    pub(super) fn which(&self, id: ClientOrderId) -> super::calls::order::Which {
        use super::calls::order::Which;
        let name = self.names.name_of(id);
        match name.strip_prefix(BY_ID) {
            Some(order_id) => Which::Id(order_id.to_owned()),
            None => Which::Link(name),
        }
    }

    /// An open order, as reconciliation takes it.
    pub(super) fn report(&mut self, row: &OrderRow, ix: InstrumentIx) -> Result<OrderReport, DecodeError> {
        let side = side(&row.side)?;
        let id = self.learn(row.link_id.as_deref(), &row.order_id);
        let quantity = self.quantity(ix, "qty", row.quantity)?;
        if !quantity.is_positive() {
            return Err(wrong("qty", &row.quantity, "above zero"));
        }
        Ok(OrderReport {
            id,
            instrument: ix,
            side,
            position_side: position_side(row.position_index.unwrap_or(0))?,
            kind: self.kind(row, ix, side)?,
            quantity,
            filled: self.filled(row, ix)?,
            reduce_only: row.reduce_only.unwrap_or(false),
        })
    }

    /// How much of an order was executed.
    pub(super) fn filled(&self, row: &OrderRow, ix: InstrumentIx) -> Result<Quantity, DecodeError> {
        row.executed.map_or(Ok(Quantity::ZERO), |executed| self.quantity(ix, "cumExecQty", executed))
    }

    fn kind(&self, row: &OrderRow, ix: InstrumentIx, side: Side) -> Result<OrderKind, DecodeError> {
        let limit = match (row.order_type.as_str(), nonzero(row.price)) {
            ("Limit", Some(price)) => Some(self.price(ix, "price", price)?),
            ("Limit", None) => return Err(wrong("price", &"nothing", "the limit of a limit order")),
            _ => None,
        };
        let Some(trigger) = nonzero(row.trigger) else {
            return Ok(limit.map_or(OrderKind::Market, |price| OrderKind::Limit { price }));
        };
        let trigger = self.price(ix, "triggerPrice", trigger)?;
        let by = trigger_by(row.trigger_by.as_deref());
        let direction = match row.trigger_direction {
            Some(1) => TriggerDirection::Rising,
            Some(2) => TriggerDirection::Falling,
            // Not said: what stops are for.
            _ if side == Side::Buy => TriggerDirection::Rising,
            _ => TriggerDirection::Falling,
        };
        Ok(OrderKind::conditional(side, direction, trigger, by, limit))
    }

    /// A trigger, limit, stop or target of an order; `None` where it has none.
    pub(super) fn price_of(
        &self,
        ix: InstrumentIx,
        field: &str,
        value: Option<Decimal>,
    ) -> Result<Option<Price>, DecodeError> {
        nonzero(value).map(|value| self.price(ix, field, value)).transpose()
    }

    /// A quantity of a row.
    pub(super) fn quantity_of(
        &self,
        ix: InstrumentIx,
        field: &str,
        value: Decimal,
    ) -> Result<Quantity, DecodeError> {
        self.quantity(ix, field, value)
    }

    /// What an execution is: a fill, funding, or nothing that is booked.
    pub(super) fn execution(
        &mut self,
        row: &ExecutionRow,
        ix: InstrumentIx,
        known_side: Option<PositionSide>,
    ) -> Result<Executed, DecodeError> {
        let side = side(&row.side)?;
        if row.kind == ExecType::Funding {
            return self.funding(row, ix, side).map(Executed::Funding);
        }
        let guard = row.stop_order_type.unwrap_or(StopOrderType::Plain);
        let is_guard = guard.guards_whole() || guard.guards_part();
        let cause = match (row.kind, guard) {
            (ExecType::BustTrade, _) => FillCause::Liquidation,
            (ExecType::AdlTrade, _) => FillCause::AutoDeleveraging,
            (ExecType::Trade | ExecType::FutureSpread, StopOrderType::StopLoss)
            | (ExecType::Trade, StopOrderType::PartialStopLoss) => FillCause::StopLoss,
            (ExecType::Trade, StopOrderType::TakeProfit | StopOrderType::PartialTakeProfit) => {
                FillCause::TakeProfit
            }
            (ExecType::Trade, StopOrderType::TrailingStop) => FillCause::TrailingStop,
            (ExecType::Trade, _) if is_by_liquidation(row.create_type.as_deref()) => FillCause::Liquidation,
            (ExecType::Trade, _) => FillCause::Order,
            // Delivered, settled, moved: the position changes, and no order of ours did it.
            _ => FillCause::Reconciliation,
        };
        let order = match cause {
            FillCause::Order => Some(self.learn(row.link_id.as_deref(), &row.order_id)),
            _ => None,
        };
        let leg = (is_guard && guard.guards_part()).then(|| leg_of(&row.order_id));
        let closes = nonzero(row.closed).is_some();
        let quantity = self.quantity(ix, "execQty", row.quantity)?;
        if !quantity.is_positive() {
            return Err(wrong("execQty", &row.quantity, "above zero"));
        }
        Ok(Executed::Fill(Fill {
            execution: number_of(&row.exec_id),
            order,
            leg,
            cause,
            instrument: ix,
            position_side: known_side.unwrap_or_else(|| self.side_of(side, closes)),
            side,
            price: self.price(ix, "execPrice", row.price)?,
            quantity,
            fee: amount("execFee", row.fee)?,
            liquidity: if row.is_maker == Some(true) { Liquidity::Maker } else { Liquidity::Taker },
            exchange_time: row.time,
        }))
    }

    /// Which position an execution changes, where no order tells: in hedge mode a sale closes the long one or opens the short one.
    const fn side_of(&self, side: Side, closes: bool) -> PositionSide {
        match (self.position_mode, side, closes) {
            (PositionMode::OneWay, ..) => PositionSide::Net,
            (PositionMode::Hedge, Side::Buy, false) | (PositionMode::Hedge, Side::Sell, true) => {
                PositionSide::Long
            }
            (PositionMode::Hedge, Side::Sell, false) | (PositionMode::Hedge, Side::Buy, true) => {
                PositionSide::Short
            }
        }
    }

    /// Funding: the fee of the row is above zero when it was paid; what the engine is told is above zero when it was received.
    fn funding(
        &self,
        row: &ExecutionRow,
        ix: InstrumentIx,
        side: Side,
    ) -> Result<BalanceChange, DecodeError> {
        let units = row.fee_rate.map_or(Ok(0), |rate| rate.at_scale(RATE_DECIMALS));
        let units = units.ok().and_then(|units| i64::try_from(units).ok());
        let units = units.ok_or_else(|| wrong("feeRate", &"too precise", "nine decimal places"))?;
        // Of a short position the rate is told negated.
        let units = if side == Side::Sell { -units } else { units };
        let mark = nearest_price(row.price, self.scales(ix).0);
        Ok(BalanceChange::Funding {
            instrument: ix,
            position_side: self.side_of(side, false),
            rate: Rate::from_units(units),
            mark: mark.ok_or_else(|| wrong("execPrice", &row.price, "a price that fits"))?,
            amount: -amount("execFee", row.fee)?,
        })
    }

    /// A position; of a flat one, nothing and no entry, however it is written.
    pub(super) fn position(
        &self,
        row: &PositionRow,
        ix: InstrumentIx,
    ) -> Result<PositionReport, DecodeError> {
        let size = self.quantity(ix, "size", row.size)?;
        let quantity = match row.side.as_deref() {
            Some("Sell") => -size,
            Some("Buy") => size,
            _ if size.is_zero() => Quantity::ZERO,
            other => return Err(wrong("side", &other.unwrap_or_default(), "Buy, Sell")),
        };
        let entry = nonzero(row.entry).filter(|_| !quantity.is_zero());
        Ok(PositionReport {
            instrument: ix,
            position_side: position_side(row.position_index)?,
            quantity,
            entry: entry.and_then(|entry| nearest_price(entry, self.scales(ix).0)),
        })
    }

    /// How an order ended.
    pub(super) fn ended(&self, row: &OrderRow) -> Ended {
        match row.status {
            OrderStatus::Filled => Ended::Filled,
            OrderStatus::Rejected => Ended::Rejected(reject_reason(row)),
            _ => Ended::Cancelled(self.cancel_reason(row)),
        }
    }

    /// Why an order ended.
    pub(super) fn cancel_reason(&self, row: &OrderRow) -> CancelReason {
        let reject = row.reject_reason.as_deref().unwrap_or_default();
        let cancel = row.cancel_type.as_deref().unwrap_or_default();
        let by_terms = match row.time_in_force.as_deref() {
            _ if !self.choices.ends_follow_terms => CancelReason::Requested,
            Some("IOC") if row.order_type == "Market" => CancelReason::NoLiquidity,
            Some("IOC") => CancelReason::ImmediateOrCancel,
            Some("FOK") => CancelReason::FillOrKill,
            Some("PostOnly") if cancel != "CancelByUser" => CancelReason::WouldCross,
            _ => CancelReason::Requested,
        };
        words::cancel_reason(reject, cancel).unwrap_or(by_terms)
    }
}

/// What an execution is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Executed {
    Fill(Fill),
    Funding(BalanceChange),
}

/// Why an order was refused, as far as there is a word for it.
pub(super) fn reject_reason(row: &OrderRow) -> RejectReason {
    match row.reject_reason.as_deref().unwrap_or_default() {
        "EC_PostOnlyWillTakeLiquidity" => RejectReason::WouldCross,
        "EC_DuplicatedClOrdID" => RejectReason::DuplicateId,
        "EC_OrigClOrdIDDoesNotExist" | "EC_OrderNotExist" => RejectReason::UnknownOrder,
        "EC_QtyCannotBeZero" => RejectReason::ZeroQuantity,
        "EC_MarketOrderCannotBePostOnly" => RejectReason::PostOnlyMarket,
        "EC_ReachRiskPriceLimit" => RejectReason::InsufficientMargin,
        "EC_ReachMaxTradeNum" => RejectReason::TooManyOrders,
        _ => RejectReason::Parameter,
    }
}

/// The number of a leg: made of the exchange's name of the order.
pub(super) fn leg_of(order_id: &str) -> LegId {
    LegId(NonZeroU64::new(number_of(order_id)).unwrap_or(NonZeroU64::MIN))
}

pub(super) fn side(text: &str) -> Result<Side, DecodeError> {
    match text {
        "Buy" => Ok(Side::Buy),
        "Sell" => Ok(Side::Sell),
        other => Err(wrong("side", &format!("{other:?}"), "Buy, Sell")),
    }
}

pub(super) fn trigger_by(text: Option<&str>) -> TriggerBy {
    match text {
        Some("MarkPrice") => TriggerBy::Mark,
        Some("IndexPrice") => TriggerBy::Index,
        _ => TriggerBy::Last,
    }
}

fn position_side(index: i64) -> Result<PositionSide, DecodeError> {
    let found = PositionSide::ALL.into_iter().find(|side| words::position_index(*side) == index);
    found.ok_or_else(|| wrong("positionIdx", &index, "0, 1, 2"))
}

fn is_by_liquidation(create_type: Option<&str>) -> bool {
    matches!(create_type, Some("CreateByLiq" | "CreateByTakeOver_PassThrough"))
}

/// An amount of money, exactly.
fn amount(field: &str, value: Decimal) -> Result<Amount, DecodeError> {
    let units = value.at_scale(AMOUNT_DECIMALS);
    units.map(Amount::from_units).map_err(|error| wrong(field, &value, &error.to_string()))
}

/// The cash of a coin.
pub(super) fn cash(value: Decimal) -> Result<Amount, DecodeError> {
    amount("walletBalance", value)
}
