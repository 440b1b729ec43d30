//! What the engine commands, as the exchange's requests.

use super::calls::order::{Amend, Cancel, CancelAll, Guard, GuardChange, Guards, Place, Trigger, Which};
use super::calls::position::{AddMargin, SetLeverage, SwitchMode, TradingStop};
use super::calls::{Call, account::SetMarginMode, request};
use super::mapping::Context;
use super::private::PrivateStream;
use super::sign::Signer;
use super::words;
use crate::{Request, Unsupported};
use model::{
    Amendment, CancelScope, Change, InstrumentIx, NewOrder, OrderCommand, OrderKind, Protection,
    ProtectionMode, Trailing, TriggerBy,
};
use serde_json::Value;
use units::{AMOUNT_DECIMALS, Amount, Decimal, Price, Quantity, RATE_DECIMALS, Rate, Timestamp};

/// A command on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Carried {
    Place(Place),
    Amend(Amend),
    Cancel(Cancel),
    CancelAll(CancelAll),
    Stop(TradingStop),
    Leverage(SetLeverage),
    MarginMode(SetMarginMode),
    PositionMode(SwitchMode),
    Margin(AddMargin),
}

impl Carried {
    /// The operation and its arguments on the order socket; `None` for what goes by request only.
    pub(super) fn on_socket(&self) -> Option<(&'static str, Value)> {
        fn arguments<C: Call>(call: &C) -> Option<Value> {
            match call.payload() {
                super::calls::Payload::Body(members) => Some(Value::Object(members)),
                super::calls::Payload::Query(_) => None,
            }
        }
        match self {
            Self::Place(call) => Some(("order.create", arguments(call)?)),
            Self::Amend(call) => Some(("order.amend", arguments(call)?)),
            Self::Cancel(call) => Some(("order.cancel", arguments(call)?)),
            _ => None,
        }
    }

    /// The same as a request; `None` without a key.
    pub(super) fn request(&self, signer: Option<&Signer>, now: Timestamp) -> Option<Request> {
        match self {
            Self::Place(call) => request(call, signer, now),
            Self::Amend(call) => request(call, signer, now),
            Self::Cancel(call) => request(call, signer, now),
            Self::CancelAll(call) => request(call, signer, now),
            Self::Stop(call) => request(call, signer, now),
            Self::Leverage(call) => request(call, signer, now),
            Self::MarginMode(call) => request(call, signer, now),
            Self::PositionMode(call) => request(call, signer, now),
            Self::Margin(call) => request(call, signer, now),
        }
    }
}

/// Whether a command goes by the order socket where there is one.
pub(super) const fn goes_by_socket(command: &OrderCommand) -> bool {
    matches!(
        command,
        OrderCommand::Place(_)
            | OrderCommand::Amend { .. }
            | OrderCommand::Cancel { .. }
            | OrderCommand::CancelLeg { .. }
    )
}

/// Cancelling every order that was placed by a command, and nothing that guards positions, takes two requests: those in the book,
/// then those that wait for a trigger.
pub(super) const SCOPES_OF_ORDERS: [CancelScope; 2] = [CancelScope::Active, CancelScope::Conditional];

/// Translates commands of one account.
pub(super) struct Translator<'a> {
    pub(super) context: &'a Context,
    pub(super) stream: &'a PrivateStream,
}

impl Translator<'_> {
    /// The request that a command is. `stage` counts the requests of a command that takes several.
    pub(super) fn command(&self, command: &OrderCommand, stage: usize) -> Result<Carried, Unsupported> {
        Ok(match command {
            OrderCommand::Place(order) => Carried::Place(self.place(order)?),
            OrderCommand::Amend { id, instrument, amendment } => {
                let which = self.context.which(*id);
                Carried::Amend(self.amend(which, *instrument, amendment)?)
            }
            OrderCommand::Cancel { id, instrument } => {
                let symbol = self.symbol(*instrument)?;
                Carried::Cancel(Cancel { symbol, which: self.context.which(*id) })
            }
            OrderCommand::CancelLeg { leg, instrument } => {
                let order_id = self.stream.leg(*leg).ok_or(Unsupported("a leg that was never told"))?;
                let which = Which::Id(order_id.to_owned());
                Carried::Cancel(Cancel { symbol: self.symbol(*instrument)?, which })
            }
            OrderCommand::CancelAll { instrument, scope } => self.cancel_all(*instrument, *scope, stage)?,
            OrderCommand::Protect { instrument, position_side, protection, trailing } => {
                Carried::Stop(TradingStop {
                    symbol: self.symbol(*instrument)?,
                    position: *position_side,
                    guards: self.guards(*instrument, protection, ProtectionMode::Full)?,
                    replaces: true,
                    size: None,
                    trailing: self.trailing(*instrument, trailing.as_ref(), |t| Some(t.distance))?,
                    activation: self.trailing(*instrument, trailing.as_ref(), |t| t.activation)?,
                })
            }
            OrderCommand::ProtectPart {
                instrument,
                position_side,
                quantity,
                protection,
                stop_limit,
                target_limit,
            } => {
                let mode = ProtectionMode::Partial { stop_limit: *stop_limit, target_limit: *target_limit };
                Carried::Stop(TradingStop {
                    symbol: self.symbol(*instrument)?,
                    position: *position_side,
                    guards: self.guards(*instrument, protection, mode)?,
                    replaces: false,
                    size: Some(self.quantity(*instrument, *quantity)?),
                    trailing: None,
                    activation: None,
                })
            }
            OrderCommand::SetLeverage { instrument, buy, sell } => Carried::Leverage(SetLeverage {
                symbol: self.symbol(*instrument)?,
                buy: rate(*buy),
                sell: rate(*sell),
            }),
            OrderCommand::SetMarginMode { instrument: None, mode } => {
                Carried::MarginMode(SetMarginMode { mode: *mode })
            }
            OrderCommand::SetMarginMode { instrument: Some(_), .. } => {
                return Err(Unsupported("the margin mode is that of the account, not of one instrument"));
            }
            OrderCommand::SetPositionMode { instrument, mode } => Carried::PositionMode(SwitchMode {
                symbol: instrument.map(|ix| self.symbol(ix)).transpose()?,
                settle_coin: self.context.settle_coin.clone(),
                mode: *mode,
            }),
            OrderCommand::MoveMargin { instrument, position_side, amount } => Carried::Margin(AddMargin {
                symbol: self.symbol(*instrument)?,
                position: *position_side,
                margin: margin(*amount)?,
            }),
            OrderCommand::Query { .. } => return Err(Unsupported("a question is no command")),
        })
    }

    fn symbol(&self, ix: InstrumentIx) -> Result<String, Unsupported> {
        let symbol = self.context.symbols.symbol(ix).map(str::to_owned);
        symbol.ok_or(Unsupported("an instrument that is not traded there"))
    }

    fn scales(&self, ix: InstrumentIx) -> Result<(u8, u8), Unsupported> {
        self.context.symbols.decimals(ix).ok_or(Unsupported("an instrument that is not traded there"))
    }

    fn price(&self, ix: InstrumentIx, price: Price) -> Result<Decimal, Unsupported> {
        Ok(price.decimal(self.scales(ix)?.0))
    }

    fn quantity(&self, ix: InstrumentIx, quantity: Quantity) -> Result<Decimal, Unsupported> {
        Ok(quantity.decimal(self.scales(ix)?.1))
    }

    fn place(&self, order: &NewOrder) -> Result<Place, Unsupported> {
        let ix = order.instrument;
        if matches!(order.kind, OrderKind::TrailingStop { .. }) {
            return Err(Unsupported("a trailing stop guards a position there, and is no order"));
        }
        let trigger = match (order.kind.trigger(), order.kind.trigger_direction(order.side)) {
            (Some(price), Some(direction)) => Some(Trigger {
                price: self.price(ix, price)?,
                direction,
                by: order.kind.trigger_by().unwrap_or_default(),
            }),
            _ => None,
        };
        let Which::Link(link_id) = self.context.which(order.id) else {
            return Err(Unsupported("an order without a client order id"));
        };
        Ok(Place {
            price: order.kind.limit().map(|price| self.price(ix, price)).transpose()?,
            time_in_force: order.time_in_force,
            position: order.position_side,
            link_id: Some(link_id),
            trigger,
            reduce_only: order.reduce_only,
            close_on_trigger: order.close_on_trigger,
            guards: self.guards(ix, &order.protection, order.protection_mode)?,
            self_trade: order.self_trade,
            ..Place::new(&self.symbol(ix)?, order.side, None, self.quantity(ix, order.quantity)?)
        })
    }

    fn guards(
        &self,
        ix: InstrumentIx,
        protection: &Protection,
        mode: ProtectionMode,
    ) -> Result<Guards, Unsupported> {
        let (is_partial, limits) = match mode {
            ProtectionMode::Full => (false, (None, None)),
            ProtectionMode::Partial { stop_limit, target_limit } => (true, (stop_limit, target_limit)),
        };
        let guard = |trigger: Option<Price>, by, limit: Option<Price>| {
            let Some(trigger) = trigger else { return Ok(None) };
            let limit = limit.map(|limit| self.price(ix, limit)).transpose()?;
            Ok(Some(Guard { trigger: self.price(ix, trigger)?, by, limit }))
        };
        Ok(Guards {
            stop: guard(protection.stop_loss, protection.stop_by, limits.0)?,
            target: guard(protection.take_profit, protection.target_by, limits.1)?,
            is_partial,
        })
    }

    fn trailing(
        &self,
        ix: InstrumentIx,
        trailing: Option<&Trailing>,
        of: impl Fn(&Trailing) -> Option<Price>,
    ) -> Result<Option<Decimal>, Unsupported> {
        trailing.and_then(of).map(|price| self.price(ix, price)).transpose()
    }

    fn amend(&self, which: Which, ix: InstrumentIx, amendment: &Amendment) -> Result<Amend, Unsupported> {
        let change = |change| {
            Ok(match change {
                Change::Keep => GuardChange::Keep,
                Change::Remove => GuardChange::Remove,
                Change::To(price) => GuardChange::To(self.price(ix, price)?, TriggerBy::Last),
            })
        };
        Ok(Amend {
            symbol: self.symbol(ix)?,
            which,
            quantity: amendment.quantity.map(|quantity| self.quantity(ix, quantity)).transpose()?,
            price: amendment.price.map(|price| self.price(ix, price)).transpose()?,
            trigger: amendment.trigger.map(|price| self.price(ix, price)).transpose()?,
            stop: change(amendment.stop_loss)?,
            target: change(amendment.take_profit)?,
        })
    }

    fn cancel_all(
        &self,
        instrument: Option<InstrumentIx>,
        scope: CancelScope,
        stage: usize,
    ) -> Result<Carried, Unsupported> {
        let scope = match scope {
            CancelScope::Orders => SCOPES_OF_ORDERS[stage.min(1)],
            other => other,
        };
        let Some((filter, stop_order_type)) = words::cancel_filter(scope) else {
            return Err(Unsupported("cancelling only what guards positions; set what guards them instead"));
        };
        Ok(Carried::CancelAll(CancelAll {
            symbol: instrument.map(|ix| self.symbol(ix)).transpose()?,
            settle_coin: self.context.settle_coin.clone(),
            filter,
            stop_order_type,
        }))
    }
}

/// A rate as a decimal.
pub(super) fn rate(rate: Rate) -> Decimal {
    Decimal { mantissa: rate.units().into(), decimals: RATE_DECIMALS }
}

/// An amount of margin: it moves in steps of a ten-thousandth.
fn margin(amount: Amount) -> Result<Decimal, Unsupported> {
    let value = Decimal { mantissa: amount.units(), decimals: AMOUNT_DECIMALS }.normalized();
    if value.decimals > 4 {
        return Err(Unsupported("margin moves in steps of 0.0001"));
    }
    Ok(value)
}
