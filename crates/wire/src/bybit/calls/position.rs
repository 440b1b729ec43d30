//! Positions: what they are, what guards them, their leverage and margin.
//!
//! Source: bybit-exchange/docs, `docs/v5/position` (2026-07-24).

use super::order::{Guards, Range};
use super::{Body, Call, Page, Payload, nothing, page};
use crate::bybit::query::Query;
use crate::bybit::routes::{self, Route};
use crate::bybit::rows::{ClosedPnlRow, PositionRow};
use crate::bybit::words;
use crate::json::{DecodeError, Node};
use model::{PositionMode, PositionSide};
use units::Decimal;

/// Positions: of one symbol, flat ones too; or all that are not flat. The cursor never ends: an empty page does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Positions {
    /// Of this symbol; of everything settled in the coin otherwise.
    pub symbol: Option<String>,
    /// The coin.
    pub settle_coin: String,
    /// The page.
    pub cursor: Option<String>,
}

impl Call for Positions {
    type Answer = Page<PositionRow>;
    const ROUTE: Route = routes::POSITIONS;

    fn payload(&self) -> Payload {
        let query = match &self.symbol {
            Some(symbol) => Query::linear().with("symbol", symbol),
            None => Query::linear().with("settleCoin", &self.settle_coin),
        };
        Payload::Query(query.with("limit", 200).cursor(self.cursor.as_deref()))
    }

    fn read(&self, result: &Node<'_>, _: Option<&Node<'_>>) -> Result<Self::Answer, DecodeError> {
        page(result)
    }
}

macro_rules! acts {
    ($($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident : $type:ty,)* }, $route:ident, |$self:ident| $body:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $($(#[$fdoc])* pub $field: $type,)*
        }

        impl Call for $name {
            type Answer = ();
            const ROUTE: Route = routes::$route;

            fn payload(&$self) -> Payload {
                $body.payload()
            }

            fn read(&self, result: &Node<'_>, _: Option<&Node<'_>>) -> Result<(), DecodeError> {
                nothing(result)
            }
        }
    )*};
}

acts! {
    /// Sets the leverage, of both sides equally in one-way mode and in cross margin. 110043 says that it is so already.
    SetLeverage {
        /// Of what.
        symbol: String,
        /// Of long positions.
        buy: Decimal,
        /// Of short positions.
        sell: Decimal,
    }, SET_LEVERAGE, |self| Body::linear()
        .with("symbol", self.symbol.as_str())
        .decimal("buyLeverage", Some(self.buy))
        .decimal("sellLeverage", Some(self.sell));

    /// One position of a symbol, or a long and a short one. Needs that there is neither a position nor an order.
    SwitchMode {
        /// Of this symbol; of everything settled in the coin otherwise.
        symbol: Option<String>,
        /// The coin.
        settle_coin: String,
        /// Which way.
        mode: PositionMode,
    }, SWITCH_MODE, |self| {
        let body = match &self.symbol {
            Some(symbol) => Body::linear().with("symbol", symbol.as_str()),
            None => Body::linear().with("coin", self.settle_coin.as_str()),
        };
        body.with("mode", words::position_mode(self.mode))
    };

    /// What guards a position: sets, changes or takes away. In full mode what is said replaces what was, so it can be repeated; in
    /// partial mode it is added, so it must not be.
    TradingStop {
        /// Of what.
        symbol: String,
        /// Which position.
        position: PositionSide,
        /// The stop and the target.
        guards: Guards,
        /// What is missing in full mode is taken away; left as it is otherwise.
        replaces: bool,
        /// In partial mode, how much they guard; both guard the same.
        size: Option<Decimal>,
        /// The distance of the trailing stop.
        trailing: Option<Decimal>,
        /// It follows from this price on; at once without one.
        activation: Option<Decimal>,
    }, TRADING_STOP, |self| {
        let body = Body::linear()
            .with("symbol", self.symbol.as_str())
            .with("positionIdx", words::position_index(self.position))
            .with("tpslMode", if self.guards.is_partial { "Partial" } else { "Full" });
        let mut body = self.guards.body(body);
        if self.replaces && !self.guards.is_partial {
            let gone = [
                ("stopLoss", self.guards.stop.is_none()),
                ("takeProfit", self.guards.target.is_none()),
                ("trailingStop", self.trailing.is_none()),
            ];
            for (name, _) in gone.into_iter().filter(|(_, is_gone)| *is_gone) {
                body = body.with(name, "0");
            }
        }
        if self.guards.is_partial {
            body = body.decimal("tpSize", self.size.filter(|_| self.guards.target.is_some()));
            body = body.decimal("slSize", self.size.filter(|_| self.guards.stop.is_some()));
        }
        body.decimal("trailingStop", self.trailing).decimal("activePrice", self.activation)
    };

    /// Whether margin is added by itself, in isolated mode.
    AutoAddMargin {
        /// Of what.
        symbol: String,
        /// Which position.
        position: PositionSide,
        /// Whether.
        is_on: bool,
    }, AUTO_ADD_MARGIN, |self| Body::linear()
        .with("symbol", self.symbol.as_str())
        .with("autoAddMargin", i64::from(self.is_on))
        .with("positionIdx", words::position_index(self.position));

    /// Moves margin into an isolated position, or out of it.
    AddMargin {
        /// Of what.
        symbol: String,
        /// Which position.
        position: PositionSide,
        /// How much; below zero takes out. Four decimal places.
        margin: Decimal,
    }, ADD_MARGIN, |self| Body::linear()
        .with("symbol", self.symbol.as_str())
        .decimal("margin", Some(self.margin))
        .with("positionIdx", words::position_index(self.position));

    /// Lifts the mark that a position takes reduce-only orders, after its maintenance rate was changed.
    ConfirmPendingMmr {
        /// Of what.
        symbol: String,
    }, CONFIRM_MMR, |self| Body::linear().with("symbol", self.symbol.as_str());
}

/// Profit of closed positions, one row for each order that closed, newest first, 100 a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedPnl {
    /// Only of this symbol.
    pub symbol: Option<String>,
    /// At most seven days.
    pub range: Range,
    /// The page.
    pub cursor: Option<String>,
}

impl Call for ClosedPnl {
    type Answer = Page<ClosedPnlRow>;
    const ROUTE: Route = routes::CLOSED_PNL;

    fn payload(&self) -> Payload {
        let query = Query::linear().maybe("symbol", self.symbol.as_ref());
        Payload::Query(self.range.query(query).with("limit", 100).cursor(self.cursor.as_deref()))
    }

    fn read(&self, result: &Node<'_>, _: Option<&Node<'_>>) -> Result<Self::Answer, DecodeError> {
        page(result)
    }
}

crate::bybit::rows::rows! {
    /// The leverage of a symbol, with or without a position.
    SymbolInfoRow {
        /// Of what.
        symbol: String = "symbol",
        /// The leverage.
        leverage: Option<Decimal> = "leverage",
        /// Which position.
        position_index: Option<i64> = "positionIdx",
    }
}

/// The leverage of symbols, with or without a position.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SymbolInfo {
    /// Only of this one.
    pub symbol: Option<String>,
}

impl Call for SymbolInfo {
    type Answer = Page<SymbolInfoRow>;
    const ROUTE: Route = routes::SYMBOL_INFO;

    fn payload(&self) -> Payload {
        Payload::Query(Query::linear().maybe("symbol", self.symbol.as_ref()))
    }

    fn read(&self, result: &Node<'_>, _: Option<&Node<'_>>) -> Result<Self::Answer, DecodeError> {
        page(result)
    }
}
