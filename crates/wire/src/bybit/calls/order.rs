//! Orders: placing, changing, cancelling, alone and in batches; and what became of them.
//!
//! Source: bybit-exchange/docs, `docs/v5/order` (2026-07-24).

use super::{Body, Call, Page, Payload, page};
use crate::bybit::query::Query;
use crate::bybit::routes::{self, Route};
use crate::bybit::rows::{ExecutionRow, OrderRow};
use crate::bybit::take::{Take, get};
use crate::bybit::words;
use crate::json::{DecodeError, Node};
use model::{PositionSide, SelfTradePrevention, Side, TimeInForce, TriggerBy, TriggerDirection};
use serde_json::{Map, Value};
use units::{Decimal, Timestamp};

/// So many orders go into one batch. The limit per request is 20 in the pages on batches and 10 in the page on rates.
pub const MOST_IN_BATCH: usize = 10;

/// Which order is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// By the exchange's name.
    Id(String),
    /// By ours.
    Link(String),
}

impl Which {
    fn body(&self, body: Body) -> Body {
        match self {
            Self::Id(id) => body.with("orderId", id.as_str()),
            Self::Link(link) => body.with("orderLinkId", link.as_str()),
        }
    }

    fn query(&self, query: Query) -> Query {
        match self {
            Self::Id(id) => query.with("orderId", id),
            Self::Link(link) => query.with("orderLinkId", link),
        }
    }
}

/// What an order waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trigger {
    /// The price.
    pub price: Decimal,
    /// Which way it is reached.
    pub direction: TriggerDirection,
    /// Which price is watched.
    pub by: TriggerBy,
}

/// One of the two that guard a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guard {
    /// Where it fires.
    pub trigger: Decimal,
    /// Which price it watches.
    pub by: TriggerBy,
    /// The limit order that it becomes; at market without one. In partial mode only.
    pub limit: Option<Decimal>,
}

/// What guards a position once an order is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Guards {
    /// The stop.
    pub stop: Option<Guard>,
    /// The target.
    pub target: Option<Guard>,
    /// They guard what the order fills, next to whatever guards the position; the whole position otherwise.
    pub is_partial: bool,
}

impl Guards {
    /// Adds what is there.
    pub(super) fn body(&self, body: Body) -> Body {
        if self.stop.is_none() && self.target.is_none() {
            return body;
        }
        let mut body = body.with("tpslMode", if self.is_partial { "Partial" } else { "Full" });
        if let Some(stop) = &self.stop {
            body =
                body.decimal("stopLoss", Some(stop.trigger)).with("slTriggerBy", words::trigger_by(stop.by));
            body = body.with("slOrderType", if stop.limit.is_some() { "Limit" } else { "Market" });
            body = body.decimal("slLimitPrice", stop.limit);
        }
        if let Some(target) = &self.target {
            body = body.decimal("takeProfit", Some(target.trigger));
            body = body.with("tpTriggerBy", words::trigger_by(target.by));
            body = body.with("tpOrderType", if target.limit.is_some() { "Limit" } else { "Market" });
            body = body.decimal("tpLimitPrice", target.limit);
        }
        body
    }
}

/// A new order: one form for market, limit, stop and conditional ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Of what.
    pub symbol: String,
    /// Buy or sell.
    pub side: Side,
    /// The limit; at market without one.
    pub price: Option<Decimal>,
    /// How much.
    pub quantity: Decimal,
    /// How long it waits; a market order never does.
    pub time_in_force: TimeInForce,
    /// Which position it changes.
    pub position: PositionSide,
    /// Our name for it: at most 36 letters, digits, `-` and `_`, and never used before.
    pub link_id: Option<String>,
    /// What it waits for.
    pub trigger: Option<Trigger>,
    /// It may only make the position smaller.
    pub reduce_only: bool,
    /// It closes even where margin lacks.
    pub close_on_trigger: bool,
    /// What guards the position once it is filled.
    pub guards: Guards,
    /// What happens when it would trade with an order of ours.
    pub self_trade: SelfTradePrevention,
}

impl Place {
    /// A plain order.
    #[must_use]
    pub fn new(symbol: &str, side: Side, price: Option<Decimal>, quantity: Decimal) -> Self {
        Self {
            symbol: symbol.to_owned(),
            side,
            price,
            quantity,
            time_in_force: TimeInForce::GoodTillCancel,
            position: PositionSide::Net,
            link_id: None,
            trigger: None,
            reduce_only: false,
            close_on_trigger: false,
            guards: Guards::default(),
            self_trade: SelfTradePrevention::None,
        }
    }

    fn order(&self, body: Body) -> Body {
        let (kind, waits) = match self.price {
            Some(_) => ("Limit", words::time_in_force(self.time_in_force)),
            // A market order is immediate, whatever is said.
            None => ("Market", "IOC"),
        };
        let body = body.with("symbol", self.symbol.as_str()).with("side", words::side(self.side));
        let body = body.with("orderType", kind).decimal("qty", Some(self.quantity));
        let body = body.decimal("price", self.price).with("timeInForce", waits);
        let mut body = body.with("positionIdx", words::position_index(self.position));
        body = body.maybe("orderLinkId", self.link_id.as_deref());
        if let Some(trigger) = &self.trigger {
            body = body.decimal("triggerPrice", Some(trigger.price));
            body = body.with("triggerDirection", words::trigger_direction(trigger.direction));
            body = body.with("triggerBy", words::trigger_by(trigger.by));
        }
        if self.reduce_only {
            body = body.with("reduceOnly", true);
        }
        if self.close_on_trigger {
            body = body.with("closeOnTrigger", true);
        }
        if self.self_trade != SelfTradePrevention::None {
            body = body.with("smpType", words::self_trade(self.self_trade));
        }
        self.guards.body(body)
    }
}

crate::bybit::rows::rows! {
    /// The names of an order that was taken.
    Named {
        /// The exchange's; empty for an item of a batch that failed.
        order_id: Option<String> = "orderId",
        /// Ours.
        link_id: Option<String> = "orderLinkId",
    }

    /// What an order would do to the margin, in hundredths of a percent.
    PreChecked {
        /// Initial margin rate before.
        initial_before: i64 = "preImrE4",
        /// Maintenance margin rate before.
        maintenance_before: i64 = "preMmrE4",
        /// Initial margin rate after.
        initial_after: i64 = "postImrE4",
        /// Maintenance margin rate after.
        maintenance_after: i64 = "postMmrE4",
    }
}

/// A body of one of several in a batch, which has no category.
pub trait Item {
    /// Its members.
    fn item(&self) -> Map<String, Value>;
}

impl Item for Place {
    fn item(&self) -> Map<String, Value> {
        self.order(Body::new()).object()
    }
}

impl Call for Place {
    /// Taken, not executed: what becomes of it is told on the private stream.
    type Answer = Named;
    const ROUTE: Route = routes::CREATE;

    fn payload(&self) -> Payload {
        self.order(Body::linear()).payload()
    }

    fn read(&self, result: &Node<'_>, _: Option<&Node<'_>>) -> Result<Named, DecodeError> {
        Named::take(result)
    }
}

/// What an order would do to the margin, without placing it. Takes no conditional orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreCheck(pub Place);

impl Call for PreCheck {
    type Answer = PreChecked;
    const ROUTE: Route = routes::PRE_CHECK;

    fn payload(&self) -> Payload {
        self.0.payload()
    }

    fn read(&self, result: &Node<'_>, _: Option<&Node<'_>>) -> Result<PreChecked, DecodeError> {
        PreChecked::take(result)
    }
}

/// What becomes of a stop or a target that is attached to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GuardChange {
    /// It stays.
    #[default]
    Keep,
    /// It goes away.
    Remove,
    /// It is now this.
    To(Decimal, TriggerBy),
}

/// A change of a resting order: only what changes is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amend {
    /// Of what.
    pub symbol: String,
    /// Which order.
    pub which: Which,
    /// The new total, what is filled included.
    pub quantity: Option<Decimal>,
    /// The new limit.
    pub price: Option<Decimal>,
    /// The new trigger.
    pub trigger: Option<Decimal>,
    /// The stop.
    pub stop: GuardChange,
    /// The target.
    pub target: GuardChange,
}

impl Amend {
    fn change(&self, body: Body) -> Body {
        let body = self.which.body(body.with("symbol", self.symbol.as_str()));
        let body = body.decimal("qty", self.quantity).decimal("price", self.price);
        let mut body = body.decimal("triggerPrice", self.trigger);
        for (change, price, by) in
            [(self.stop, "stopLoss", "slTriggerBy"), (self.target, "takeProfit", "tpTriggerBy")]
        {
            body = match change {
                GuardChange::Keep => body,
                GuardChange::Remove => body.with(price, "0"),
                GuardChange::To(at, watched) => {
                    body.decimal(price, Some(at)).with(by, words::trigger_by(watched))
                }
            };
        }
        body
    }
}

impl Item for Amend {
    fn item(&self) -> Map<String, Value> {
        self.change(Body::new()).object()
    }
}

impl Call for Amend {
    type Answer = Named;
    const ROUTE: Route = routes::AMEND;

    fn payload(&self) -> Payload {
        self.change(Body::linear()).payload()
    }

    fn read(&self, result: &Node<'_>, _: Option<&Node<'_>>) -> Result<Named, DecodeError> {
        Named::take(result)
    }
}

/// Cancels one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancel {
    /// Of what.
    pub symbol: String,
    /// Which.
    pub which: Which,
}

impl Item for Cancel {
    fn item(&self) -> Map<String, Value> {
        self.which.body(Body::new().with("symbol", self.symbol.as_str())).object()
    }
}

impl Call for Cancel {
    type Answer = Named;
    const ROUTE: Route = routes::CANCEL;

    fn payload(&self) -> Payload {
        self.which.body(Body::linear().with("symbol", self.symbol.as_str())).payload()
    }

    fn read(&self, result: &Node<'_>, _: Option<&Node<'_>>) -> Result<Named, DecodeError> {
        Named::take(result)
    }
}

/// Cancels many orders, at most 500 at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelAll {
    /// Of this symbol; of everything settled in the coin otherwise.
    pub symbol: Option<String>,
    /// The coin.
    pub settle_coin: String,
    /// `Order`, `StopOrder`, or everything.
    pub filter: Option<&'static str>,
    /// With `StopOrder`: only conditional orders, not what guards positions.
    pub stop_order_type: Option<&'static str>,
}

impl Call for CancelAll {
    type Answer = Vec<Named>;
    const ROUTE: Route = routes::CANCEL_ALL;

    fn payload(&self) -> Payload {
        let body = match &self.symbol {
            Some(symbol) => Body::linear().with("symbol", symbol.as_str()),
            None => Body::linear().with("settleCoin", self.settle_coin.as_str()),
        };
        body.maybe("orderFilter", self.filter).maybe("stopOrderType", self.stop_order_type).payload()
    }

    fn read(&self, result: &Node<'_>, _: Option<&Node<'_>>) -> Result<Self::Answer, DecodeError> {
        get(result, "list")
    }
}

/// What became of one item of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchItem {
    /// Its names; the exchange's is missing when it failed.
    pub named: Named,
    /// Its own code: the code of the batch is zero even when every item failed.
    pub code: i64,
    /// What was said.
    pub text: String,
}

/// Pairs the items of a batch with their codes, in the order in which they were sent.
fn batch(result: &Node<'_>, more: Option<&Node<'_>>) -> Result<Vec<BatchItem>, DecodeError> {
    let list = result.field("list")?;
    let Some(more) = more else { return Err(result.kind("a batch with the codes of its items")) };
    let codes = more.field("list")?;
    let mut codes = codes.items()?;
    let mut items = Vec::new();
    for named in list.items()? {
        let Some(code) = codes.next() else { return Err(named.kind("an item of a batch with a code")) };
        items.push(BatchItem {
            named: Named::take(&named)?,
            code: get(&code, "code")?,
            text: get(&code, "msg")?,
        });
    }
    Ok(items)
}

macro_rules! batches {
    ($($(#[$doc:meta])* $name:ident of $item:ident, $route:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(Vec<$item>);

        impl $name {
            /// Divides orders into batches of at most [`MOST_IN_BATCH`], in their order.
            #[must_use]
            pub fn split(items: &[$item]) -> Vec<Self> {
                items.chunks(MOST_IN_BATCH).map(|chunk| Self(chunk.to_vec())).collect()
            }

            /// What is in it.
            #[must_use]
            pub fn items(&self) -> &[$item] {
                &self.0
            }
        }

        impl Call for $name {
            /// One for each item, in their order.
            type Answer = Vec<BatchItem>;
            const ROUTE: Route = routes::$route;

            fn payload(&self) -> Payload {
                let items = self.0.iter().map(|item| Value::Object(item.item())).collect::<Vec<_>>();
                Body::linear().with("request", items).payload()
            }

            fn read(&self, result: &Node<'_>, more: Option<&Node<'_>>) -> Result<Self::Answer, DecodeError> {
                let items = batch(result, more)?;
                // An item without an answer is an order of which nobody knows what became.
                if items.len() == self.0.len() { Ok(items) } else { Err(result.kind("a batch with every item")) }
            }
        }
    )*};
}

batches! {
    /// Several new orders.
    PlaceBatch of Place, CREATE_BATCH;
    /// Several changes. Takes no conditional orders.
    AmendBatch of Amend, AMEND_BATCH;
    /// Several cancellations.
    CancelBatch of Cancel, CANCEL_BATCH;
}

/// Open orders, or one by its name: then those that ended just now are found too. Newest first, 50 a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenOrders {
    /// Of this symbol; of everything settled in the coin otherwise.
    pub symbol: Option<String>,
    /// The coin.
    pub settle_coin: String,
    /// Only this one.
    pub which: Option<Which>,
    /// Those that ended just now instead of the open ones: at most 500, and lost when the service restarts.
    pub recently_closed: bool,
    /// The page.
    pub cursor: Option<String>,
}

impl Call for OpenOrders {
    type Answer = Page<OrderRow>;
    const ROUTE: Route = routes::OPEN_ORDERS;

    fn payload(&self) -> Payload {
        let mut query = match &self.symbol {
            Some(symbol) => Query::linear().with("symbol", symbol),
            None => Query::linear().with("settleCoin", &self.settle_coin),
        };
        query = match &self.which {
            Some(which) => which.query(query),
            None => query.with("openOnly", u8::from(self.recently_closed)).with("limit", 50),
        };
        Payload::Query(query.cursor(self.cursor.as_deref()))
    }

    fn read(&self, result: &Node<'_>, _: Option<&Node<'_>>) -> Result<Self::Answer, DecodeError> {
        page(result)
    }
}

/// A range of time, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// From.
    pub from: Timestamp,
    /// To.
    pub to: Timestamp,
}

impl Range {
    /// Adds it to a query.
    pub(crate) fn query(&self, query: Query) -> Query {
        query.with("startTime", self.from.millis()).with("endTime", self.to.millis())
    }
}

/// Orders that ended, newest first, 50 a page: cancelled and refused ones of a day, others of a week, older ones with fills of two
/// years. It may lag behind the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderHistory {
    /// Only of this symbol.
    pub symbol: Option<String>,
    /// Only this one.
    pub which: Option<Which>,
    /// At most seven days; without it the last seven.
    pub range: Option<Range>,
    /// The page.
    pub cursor: Option<String>,
}

impl Call for OrderHistory {
    type Answer = Page<OrderRow>;
    const ROUTE: Route = routes::ORDER_HISTORY;

    fn payload(&self) -> Payload {
        let mut query = Query::linear().maybe("symbol", self.symbol.as_ref());
        if let Some(which) = &self.which {
            query = which.query(query);
        }
        if let Some(range) = &self.range {
            query = range.query(query);
        }
        Payload::Query(query.with("limit", 50).cursor(self.cursor.as_deref()))
    }

    fn read(&self, result: &Node<'_>, _: Option<&Node<'_>>) -> Result<Self::Answer, DecodeError> {
        page(result)
    }
}

/// Executions of every kind, funding among them; newest first, 100 a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executions {
    /// Only of this symbol.
    pub symbol: Option<String>,
    /// Only of this order.
    pub which: Option<Which>,
    /// At most seven days.
    pub range: Range,
    /// The page.
    pub cursor: Option<String>,
}

impl Call for Executions {
    type Answer = Page<ExecutionRow>;
    const ROUTE: Route = routes::EXECUTIONS;

    fn payload(&self) -> Payload {
        let mut query = Query::linear().maybe("symbol", self.symbol.as_ref());
        if let Some(which) = &self.which {
            query = which.query(query);
        }
        Payload::Query(self.range.query(query).with("limit", 100).cursor(self.cursor.as_deref()))
    }

    fn read(&self, result: &Node<'_>, _: Option<&Node<'_>>) -> Result<Self::Answer, DecodeError> {
        page(result)
    }
}

/// Cancels everything when every private connection that subscribed to it was dead for so long: 3 to 300 seconds. For
/// institutional accounts; takes effect after about ten seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DisconnectCancel {
    /// How long, in seconds.
    pub seconds: u16,
}

impl Call for DisconnectCancel {
    type Answer = ();
    const ROUTE: Route = routes::DISCONNECT_CANCEL;

    fn payload(&self) -> Payload {
        Body::new().with("product", "DERIVATIVES").with("timeWindow", self.seconds.clamp(3, 300)).payload()
    }

    fn read(&self, result: &Node<'_>, _: Option<&Node<'_>>) -> Result<(), DecodeError> {
        super::nothing(result)
    }
}
