//! The private stream: messages become events of our account.
//!
//! Its topics come in any order and say what *is*, not what happened; so a little is remembered of every open order and
//! position, and an event is told when something changed. What is remembered is bounded and forgotten with the connection:
//! reconciliation tells what was missed.
//!
//! Source: bybit-exchange/docs, `docs/v5/websocket/private` (2026-07-24).

use super::mapping::{Context, Executed, leg_of, reject_reason, trigger_by};
use super::rows::{ExecutionRow, FastExecutionRow, OrderRow, PositionRow, WalletRow, nonzero};
use super::take::Take;
use super::words::{OrderStatus, StopOrderType};
use crate::Said;
use crate::json::{DecodeError, Node};
use model::{
    Amendment, Change, ClientOrderId, InstrumentIx, LegId, LegKind, PositionSide, Protection, Trailing,
    VenueEvent,
};
use std::collections::BTreeMap;
use units::{Price, Quantity, RATE_DECIMALS, Rate};

/// So many orders are remembered at most; the exchange keeps 500 active ones of a symbol.
const MOST_ORDERS: usize = 8_192;

/// What is remembered of an order.
#[derive(Debug, Clone)]
struct Memory {
    /// What was told of it last; `None` while only executions came.
    told: Option<Known>,
    /// Which position it changes, once that is known.
    position_side: Option<PositionSide>,
    /// The sum of its executions.
    executed: Quantity,
    /// Its end, which waits until so much was executed.
    end: Option<(Quantity, VenueEvent)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    is_waiting: bool,
    quantity: Quantity,
    price: Option<Price>,
    trigger: Option<Price>,
    stop: Option<Price>,
    target: Option<Price>,
}

/// What is remembered of a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Guarded {
    protection: Protection,
    trailing: Option<Trailing>,
    /// The trailing stop that was asked for: rows do not say from where it follows.
    asked: Option<Trailing>,
    /// Something was asked for, and what came of it is told even if nothing changed.
    is_awaited: bool,
    leverage: Option<Rate>,
}

/// The private stream of one account.
#[derive(Debug, Default)]
pub(super) struct PrivateStream {
    orders: BTreeMap<String, Memory>,
    legs: BTreeMap<LegId, String>,
    positions: BTreeMap<(InstrumentIx, PositionSide), Guarded>,
    told: u64,
}

impl PrivateStream {
    /// The connection is gone: what was remembered of orders may be wrong by the time there is another one.
    pub(super) fn forget(&mut self) {
        self.orders.clear();
    }

    /// The exchange's name of a leg.
    pub(super) fn leg(&self, leg: LegId) -> Option<&str> {
        self.legs.get(&leg).map(String::as_str)
    }

    /// What was asked to guard a position: rows do not say which prices are watched, nor from where a trailing stop follows.
    pub(super) fn expect(
        &mut self,
        ix: InstrumentIx,
        side: PositionSide,
        protection: &Protection,
        trailing: Option<Trailing>,
    ) {
        let known = self.positions.entry((ix, side)).or_default();
        (known.protection.stop_by, known.protection.target_by) = (protection.stop_by, protection.target_by);
        (known.asked, known.is_awaited) = (trailing, true);
    }

    fn tell(&mut self, event: VenueEvent, out: &mut Vec<Said>) {
        self.told += 1;
        out.push(Said::Event { source_seq: self.told, event });
    }

    /// Reads a message with a topic.
    pub(super) fn on_message(
        &mut self,
        node: &Node<'_>,
        context: &mut Context,
        out: &mut Vec<Said>,
    ) -> Result<(), DecodeError> {
        let topic = node.field("topic")?.text()?;
        let topic = topic.strip_suffix(".linear").unwrap_or(topic);
        let before = out.len();
        let data = node.find("data")?;
        let Some(data) = data else {
            out.push(Said::Alive);
            return Ok(());
        };
        // A row that cannot be read does not hide the others.
        let mut first = None;
        for row in data.items()? {
            let outcome = match topic {
                "order" => self.on_order(&row, context, out),
                "execution" => self.on_execution(&row, context, out),
                // Without its fee it is no fact about money: the full execution is booked.
                "execution.fast" => FastExecutionRow::take(&row).map(|_| ()),
                "position" => self.on_position_row(&row, context, out),
                // The stream of balances is a sign that something changed; reconciliation asks what.
                "wallet" => WalletRow::take(&row).map(|_| ()),
                _ => Ok(()),
            };
            if let Err(error) = outcome {
                let path = match (row.path(), error.path) {
                    (row, path) if path.starts_with(&row) => path,
                    (row, path) => format!("{row}.{path}"),
                };
                first = first.or(Some(DecodeError { path, problem: error.problem }));
            }
        }
        if out.len() == before {
            out.push(Said::Alive);
        }
        first.map_or(Ok(()), Err)
    }

    fn on_order(
        &mut self,
        node: &Node<'_>,
        context: &mut Context,
        out: &mut Vec<Said>,
    ) -> Result<(), DecodeError> {
        let row = OrderRow::take(node)?;
        let Some(ix) = context.instrument(&row.symbol, row.category.as_deref()) else { return Ok(()) };
        let guard = row.stop_order_type.unwrap_or(StopOrderType::Plain);
        if guard.guards_whole() {
            // Told as what guards the position.
            return Ok(());
        }
        if guard.guards_part() {
            return self.on_leg(&row, guard, ix, context, out);
        }
        let id = context.learn(row.link_id.as_deref(), &row.order_id);
        let known = Known {
            is_waiting: row.status == OrderStatus::Untriggered,
            quantity: context.quantity_of(ix, "qty", row.quantity)?,
            price: match row.order_type.as_str() {
                "Limit" => context.price_of(ix, "price", row.price)?,
                // A bound that moves with the market.
                _ => None,
            },
            trigger: context.price_of(ix, "triggerPrice", row.trigger)?,
            stop: context.price_of(ix, "stopLoss", row.stop_loss)?,
            target: context.price_of(ix, "takeProfit", row.take_profit)?,
        };
        let filled = context.filled(&row, ix)?;
        let report = context.report(&row, ix)?;
        let key = key_of(&row);
        let before = self.orders.get(&key).and_then(|memory| memory.told);
        // What comes back under another id is another order to us.
        let is_renamed =
            row.status == OrderStatus::Triggered && row.link_id.is_none() && !context.choices.order_id_stays;
        self.remember(&key, known, report.position_side);
        if row.status == OrderStatus::Rejected {
            self.orders.remove(&key);
            let reason = reject_reason(&row);
            self.tell(VenueEvent::Rejected { id, instrument: ix, reason }, out);
            return Ok(());
        }
        match before {
            Some(before) => self.changed(id, ix, before, known, row.status, out),
            None if id.is_adopted() && !row.status.is_end() => self.tell(VenueEvent::Reported(report), out),
            None if id.is_adopted() => {}
            None => {
                self.tell(VenueEvent::Accepted { id, instrument: ix }, out);
                if row.status == OrderStatus::Triggered {
                    self.tell(VenueEvent::Triggered { id, instrument: ix }, out);
                }
            }
        }
        match row.status {
            OrderStatus::Filled => {
                // Its executions carry the money.
                self.orders.remove(&key);
            }
            status if status.is_end() || is_renamed => {
                let reason = context.cancel_reason(&row);
                let event = VenueEvent::Cancelled { id, instrument: ix, reason };
                self.end(&key, filled, event, context.choices.ends_wait_for_executions, out);
            }
            _ => {}
        }
        Ok(())
    }

    /// Tells the end of an order, once its executions were told.
    fn end(&mut self, key: &str, filled: Quantity, event: VenueEvent, waits: bool, out: &mut Vec<Said>) {
        match self.orders.get_mut(key) {
            Some(memory) if waits && memory.executed < filled => memory.end = Some((filled, event)),
            _ => {
                self.orders.remove(key);
                self.tell(event, out);
            }
        }
    }

    fn remember(&mut self, key: &str, known: Known, side: PositionSide) {
        let memory = self.memory(key);
        memory.told = Some(known);
        memory.position_side = Some(side);
    }

    fn memory(&mut self, key: &str) -> &mut Memory {
        if self.orders.len() >= MOST_ORDERS && !self.orders.contains_key(key) {
            self.orders.pop_first();
        }
        let fresh = || Memory { told: None, position_side: None, executed: Quantity::ZERO, end: None };
        self.orders.entry(key.to_owned()).or_insert_with(fresh)
    }

    /// Tells what changed of an order that was told before.
    fn changed(
        &mut self,
        id: ClientOrderId,
        instrument: InstrumentIx,
        before: Known,
        now: Known,
        status: OrderStatus,
        out: &mut Vec<Said>,
    ) {
        if before.is_waiting && !now.is_waiting && !matches!(status, OrderStatus::Deactivated) {
            let was_cancelled = matches!(status, OrderStatus::Cancelled);
            if !was_cancelled {
                self.tell(VenueEvent::Triggered { id, instrument }, out);
            }
        }
        if status.is_end() {
            return;
        }
        let to = |old: Option<Price>, new: Option<Price>| if old == new { None } else { new };
        let guard = |old: Option<Price>, new: Option<Price>| match new {
            _ if old == new => Change::Keep,
            Some(price) => Change::To(price),
            None => Change::Remove,
        };
        let amendment = Amendment {
            price: to(before.price, now.price),
            // Once it has fired, the trigger is history.
            trigger: if now.is_waiting { to(before.trigger, now.trigger) } else { None },
            quantity: (before.quantity != now.quantity).then_some(now.quantity),
            stop_loss: guard(before.stop, now.stop),
            take_profit: guard(before.target, now.target),
        };
        if !amendment.is_empty() {
            self.tell(VenueEvent::Amended { id, instrument, amendment }, out);
        }
    }

    /// A leg that guards a part of a position.
    fn on_leg(
        &mut self,
        row: &OrderRow,
        guard: StopOrderType,
        instrument: InstrumentIx,
        context: &mut Context,
        out: &mut Vec<Said>,
    ) -> Result<(), DecodeError> {
        let leg = leg_of(&row.order_id);
        let position_side = context.report(row, instrument)?.position_side;
        let is_known = self.legs.contains_key(&leg);
        match row.status {
            OrderStatus::Untriggered if !is_known => {
                if self.legs.len() >= MOST_ORDERS {
                    self.legs.pop_first();
                }
                self.legs.insert(leg, row.order_id.clone());
                let is_stop = guard == StopOrderType::PartialStopLoss;
                let trigger = context.price_of(instrument, "triggerPrice", row.trigger)?;
                let limit = if row.order_type == "Limit" { row.price } else { None };
                let event = VenueEvent::LegPlaced {
                    leg,
                    instrument,
                    position_side,
                    kind: if is_stop { LegKind::StopLoss } else { LegKind::TakeProfit },
                    quantity: context.quantity_of(instrument, "qty", row.quantity)?,
                    trigger: trigger.unwrap_or(Price::ZERO),
                    by: trigger_by(row.trigger_by.as_deref()),
                    limit: context.price_of(instrument, "price", limit)?,
                    parent: row.parent_link_id.as_deref().map(|link| context.learn(Some(link), "")),
                };
                self.tell(event, out);
            }
            OrderStatus::Triggered if is_known => {
                self.tell(VenueEvent::LegTriggered { leg, instrument, position_side }, out);
            }
            OrderStatus::Filled => {
                self.legs.remove(&leg);
            }
            status if status.is_end() && is_known => {
                self.legs.remove(&leg);
                let reason = context.cancel_reason(row);
                self.tell(VenueEvent::LegCancelled { leg, instrument, position_side, reason }, out);
            }
            _ => {}
        }
        Ok(())
    }

    fn on_execution(
        &mut self,
        node: &Node<'_>,
        context: &mut Context,
        out: &mut Vec<Said>,
    ) -> Result<(), DecodeError> {
        let row = ExecutionRow::take(node)?;
        let Some(ix) = context.instrument(&row.symbol, row.category.as_deref()) else { return Ok(()) };
        let key = row.link_id.as_ref().unwrap_or(&row.order_id).clone();
        let side = self.orders.get(&key).and_then(|memory| memory.position_side);
        match context.execution(&row, ix, side)? {
            Executed::Funding(change) => self.tell(VenueEvent::Balance(change), out),
            Executed::Fill(fill) => {
                self.tell(VenueEvent::Filled(fill), out);
                let is_last = nonzero(row.leaves).is_none();
                if fill.order.is_some() && (!is_last || self.orders.contains_key(&key)) {
                    self.count(&key, fill.quantity, out);
                }
            }
        }
        Ok(())
    }

    /// Counts an execution, and tells the end that waited for it.
    fn count(&mut self, key: &str, quantity: Quantity, out: &mut Vec<Said>) {
        let memory = self.memory(key);
        let sum = memory.executed.mantissa().saturating_add(quantity.mantissa());
        memory.executed = Quantity::new(sum);
        if let Some((filled, event)) = memory.end
            && memory.executed >= filled
        {
            self.orders.remove(key);
            self.tell(event, out);
        }
    }

    fn on_position_row(
        &mut self,
        node: &Node<'_>,
        context: &Context,
        out: &mut Vec<Said>,
    ) -> Result<(), DecodeError> {
        let row = PositionRow::take(node)?;
        let Some(ix) = context.instrument(&row.symbol, row.category.as_deref()) else { return Ok(()) };
        self.on_position(&row, ix, context, out)
    }

    /// Takes up a position, from the stream or from an answer: what guards it, and its leverage.
    pub(super) fn on_position(
        &mut self,
        row: &PositionRow,
        instrument: InstrumentIx,
        context: &Context,
        out: &mut Vec<Said>,
    ) -> Result<(), DecodeError> {
        let position_side = context.position(row, instrument)?.position_side;
        let key = (instrument, position_side);
        let known = self.positions.get(&key).copied();
        let before = known.unwrap_or_default();
        let distance = context.price_of(instrument, "trailingStop", row.trailing)?;
        let protection = Protection {
            stop_loss: context.price_of(instrument, "stopLoss", row.stop_loss)?,
            take_profit: context.price_of(instrument, "takeProfit", row.take_profit)?,
            ..before.protection
        };
        let trailing = distance.map(|distance| {
            let activation = before.asked.filter(|t| t.distance == distance).and_then(|t| t.activation);
            Trailing { distance, activation }
        });
        let leverage = row.leverage.and_then(|leverage| leverage.at_scale(RATE_DECIMALS).ok());
        let leverage = leverage.and_then(|units| i64::try_from(units).ok()).map(Rate::from_units);
        let now = Guarded {
            protection,
            trailing,
            asked: before.asked,
            is_awaited: false,
            leverage: leverage.or(before.leverage),
        };
        self.positions.insert(key, now);
        if before.is_awaited || (protection, trailing) != (before.protection, before.trailing) {
            self.tell(VenueEvent::Protected { instrument, position_side, protection, trailing }, out);
        }
        if let (Some(old), Some(new)) = (before.leverage, leverage)
            && old != new
        {
            self.tell(VenueEvent::LeverageSet { instrument, buy: new, sell: new }, out);
        }
        Ok(())
    }
}

/// What an order is remembered by: its client order id where it has one, which no trigger changes.
fn key_of(row: &OrderRow) -> String {
    row.link_id.as_ref().unwrap_or(&row.order_id).clone()
}
