//! An exchange of Bybit's dialect: the one that `loopback` puts behind sockets, here without any, with moods and a memory of what
//! it said.

use super::{BALANCE, KEY, Living, credentials, money, symbols};
use crate::options::{Fault, Options};
use loopback::{
    AccountSettings, Books, ConnectionId, Delivery, MarketSettings, OpenOrder, RawRequest, Reply, Scenario,
    Sent, Settings, Source,
};
use model::{Bar, Candle, ClientOrderId, Instrument, InstrumentIx, LinkKind, OrderCommand, Side, Timeframe};
use serde_json::Value;
use std::collections::VecDeque;
use units::{Decimal, Price, Prng, Quantity, Span, Timestamp};
use wire::bybit::calls::market::{KlineKind, Klines};
use wire::bybit::calls::order::{Cancel, Place, Which};
use wire::bybit::calls::{Call, read, request};
use wire::bybit::{Client, Depth, Environment, Feeds, Hosts, ID_RULES, Settings as ClientSettings, Signer};
use wire::{Dialect, Names, Request, Response};

/// How long a step of its market is: few of them, so that worlds stay quick.
pub(crate) const STEP: Span = Span::from_seconds(15);

/// So many messages about the account are kept to be told again.
const KEPT: usize = 40;

/// How deep the books are that worlds with gaps listen to.
const DEPTH: usize = 50;

pub(crate) fn names(mark: u32, venue: usize) -> Names {
    Names::new(mark, &format!("venue {venue}"), ID_RULES)
        .expect("the rules of the dialect leave room for names")
}

/// The client's end.
pub(super) fn dialect(
    number: usize,
    ixs: &[InstrumentIx],
    all: &[Instrument],
    mark: u32,
    options: &Options,
) -> Dialect {
    let feeds = Feeds {
        quotes: options.has_ticks,
        book: (options.rate(Fault::BookGap) > 0).then_some(Depth::L50),
        ..Feeds::new(vec![Timeframe::MINUTE])
    };
    let environment = Environment::Custom(Hosts::local("http://exchange", "ws://exchange"));
    let (symbols, names) = (symbols(ixs, all), names(mark, number));
    let settings = ClientSettings {
        uses_order_socket: !options.orders_by_request,
        ..ClientSettings::new(environment, symbols, names, Some(credentials()), feeds)
    };
    Dialect::Bybit(Box::new(Client::new(settings)))
}

/// What a request or a frame asks for, as far as a journal can be asked about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// A new order.
    Place {
        id: ClientOrderId,
        ix: InstrumentIx,
        side: Side,
        quantity: Quantity,
        limit: Option<Price>,
        reduces: bool,
    },
    /// A change of one.
    Amend(ClientOrderId),
    /// The end of one.
    Cancel(ClientOrderId),
    /// The end of many.
    CancelAll,
    /// What guards a position.
    Guard(InstrumentIx),
    /// A setting.
    Setting,
}

impl Claim {
    /// Whether a command of the journal is what this asks for.
    pub(crate) fn is(&self, command: &OrderCommand) -> bool {
        match (*self, command) {
            (Self::Place { id, ix, side, quantity, limit, reduces }, OrderCommand::Place(order)) => {
                (id, ix, side, quantity, limit, reduces)
                    == (
                        order.id,
                        order.instrument,
                        order.side,
                        order.quantity,
                        order.kind.limit(),
                        order.reduce_only,
                    )
            }
            (Self::Amend(id), OrderCommand::Amend { id: known, .. })
            | (Self::Cancel(id), OrderCommand::Cancel { id: known, .. }) => id == *known,
            (Self::CancelAll, OrderCommand::CancelAll { .. }) => true,
            (
                Self::Guard(ix),
                OrderCommand::Protect { instrument, .. } | OrderCommand::ProtectPart { instrument, .. },
            ) => ix == *instrument,
            (
                Self::Setting,
                OrderCommand::SetLeverage { .. }
                | OrderCommand::SetMarginMode { .. }
                | OrderCommand::SetPositionMode { .. }
                | OrderCommand::MoveMargin { .. },
            ) => true,
            _ => false,
        }
    }

    /// Whether it may lead to more exposure.
    pub(crate) const fn may_open(&self) -> bool {
        matches!(self, Self::Place { reduces: false, .. })
    }
}

/// An execution, as far as the reference model counts it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Executed {
    /// The order, where somebody placed one.
    pub(crate) order: Option<ClientOrderId>,
    pub(crate) ordered: Quantity,
    pub(crate) quantity: Quantity,
}

/// One exchange.
pub(crate) struct Bybit {
    inner: loopback::Exchange,
    pub(crate) ixs: Vec<InstrumentIx>,
    specs: Vec<Instrument>,
    names: Names,
    /// By link: the connection that stands.
    links: [Option<ConnectionId>; 3],
    /// Its clock is ahead of the world's by this.
    pub(crate) ahead: Span,
    pub(crate) banned_until: Timestamp,
    pub(crate) closed_until: Timestamp,
    pub(crate) refuses_key: bool,
    /// What it was told of ban, maintenance and key.
    told: (bool, bool, bool),
    /// The symbol whose tick is told as twice what it is.
    doubled: Option<String>,
    counted: usize,
    said: VecDeque<String>,
    signer: Signer,
    prng: Prng,
}

impl Bybit {
    pub(super) fn new(
        number: usize,
        ixs: Vec<InstrumentIx>,
        all: &[Instrument],
        mark: u32,
        prng: Prng,
        now: Timestamp,
    ) -> Self {
        let mut prng = prng;
        let ahead = Span::from_millis(prng.below(600_000) as i64 - 300_000);
        let specs: Vec<Instrument> = ixs.iter().map(|ix| all[ix.index()].clone()).collect();
        let market = |it: &Instrument| MarketSettings {
            instrument: it.spec().clone(),
            source: Source::Walk { from: Decimal { mantissa: 100, decimals: 0 }, daily_volatility: 0.3 },
        };
        let settings = Settings {
            accounts: vec![AccountSettings {
                key: KEY.to_owned(),
                secret: credentials().secret,
                balance: money(BALANCE),
            }],
            markets: specs.iter().map(market).collect(),
            seed: prng.below(u64::MAX),
            speed: 1,
            step: Some(STEP),
            scenario: Scenario::ALL[prng.below(3) as usize],
            history_days: 1,
            ack_delay: Span::ZERO,
            ..Settings::default()
        };
        let inner = loopback::Exchange::new(&settings, now + ahead);
        Self {
            inner: inner.expect("the settings above are in order"),
            ixs,
            specs,
            names: names(mark, number),
            links: [None; 3],
            ahead,
            banned_until: Timestamp::MIN,
            closed_until: Timestamp::MIN,
            refuses_key: false,
            told: (false, false, false),
            doubled: None,
            counted: 0,
            said: VecDeque::new(),
            signer: Signer::new(credentials(), Span::from_seconds(5)),
            prng,
        }
    }

    pub(crate) fn books(&self) -> Books<'_> {
        self.inner.books(KEY).expect("the account is there from the start")
    }

    fn clock(&self, now: Timestamp) -> Timestamp {
        now + self.ahead
    }

    fn symbol(&self, at: usize) -> &str {
        &self.specs[at].symbol
    }

    fn at(&self, symbol: &str) -> Option<usize> {
        self.specs.iter().position(|spec| spec.symbol == symbol)
    }

    fn admin(&mut self, now: Timestamp, path: &str, body: &Value) {
        let request = RawRequest {
            method: "POST".to_owned(),
            path: path.to_owned(),
            body: body.to_string().into_bytes(),
            ..RawRequest::default()
        };
        let reply = self.inner.request(self.clock(now), &request);
        assert_eq!(reply.status, 200, "{path} {body}: {}", reply.body);
    }

    /// Tells it of its moods, where they changed.
    fn feel(&mut self, now: Timestamp) {
        let mood = (self.banned_until > now, self.closed_until > now, self.refuses_key);
        if (mood.0, mood.1) != (self.told.0, self.told.1) {
            self.admin(now, "/admin/state", &serde_json::json!({"ban": mood.0, "maintenance": mood.1}));
        }
        if mood.2 != self.told.2 {
            let code = if mood.2 { Value::from(10_003) } else { Value::Null };
            self.admin(now, "/admin/key", &serde_json::json!({"key": KEY, "refuse": code}));
            if mood.2 {
                self.admin(now, "/admin/disconnect", &serde_json::json!({"on": "private"}));
                self.admin(now, "/admin/disconnect", &serde_json::json!({"on": "trade"}));
            }
        }
        self.told = mood;
    }

    /// Its market goes on up to now.
    pub(crate) fn step(&mut self, now: Timestamp) {
        self.feel(now);
        self.inner.advance(self.clock(now));
    }

    /// Its market stands still from now on.
    pub(crate) fn fall_silent(&mut self, now: Timestamp) {
        self.admin(now, "/admin/time", &serde_json::json!({"speed": 0}));
    }

    pub(super) fn heal(&mut self, now: Timestamp) {
        (self.banned_until, self.closed_until) = (Timestamp::MIN, Timestamp::MIN);
        (self.refuses_key, self.doubled) = (false, None);
        self.feel(now);
    }

    /// A connection is made. Returns whether it stands.
    pub(crate) fn open(&mut self, now: Timestamp, kind: LinkKind) -> bool {
        self.feel(now);
        if let Some(old) = self.links[kind.index()].take() {
            self.inner.close(old);
        }
        let opened = self.inner.open(self.clock(now), Environment::path(kind), None).ok();
        self.links[kind.index()] = opened;
        opened.is_some()
    }

    /// A frame arrives.
    pub(crate) fn frame(&mut self, now: Timestamp, kind: LinkKind, text: &str) {
        self.feel(now);
        if let Some(id) = self.links[kind.index()] {
            self.inner.frame(self.clock(now), id, text);
        }
    }

    /// A request arrives.
    pub(crate) fn request(&mut self, now: Timestamp, request: &Request) -> Reply {
        self.feel(now);
        let raw = RawRequest {
            peer: None,
            method: request.method.name().to_owned(),
            path: request.path.clone(),
            query: request.query.clone(),
            headers: request
                .headers
                .iter()
                .map(|(name, value)| (name.to_lowercase(), value.clone()))
                .collect(),
            body: request.body.clone().into_bytes(),
        };
        let mut reply = self.inner.request(self.clock(now), &raw);
        if let Some(symbol) = &self.doubled
            && request.path.ends_with("/instruments-info")
        {
            reply.body = with_tick_doubled(&reply.body, symbol);
        }
        for (name, _) in &mut reply.headers {
            *name = name.to_lowercase();
        }
        reply
    }

    /// What it has to say: on which link, and what; `None` where it hangs up.
    pub(crate) fn said(&mut self) -> Vec<(LinkKind, Option<String>)> {
        let mut said = Vec::new();
        for Delivery { to, what, .. } in self.inner.take_outbox() {
            let Some(kind) = LinkKind::ALL.into_iter().find(|kind| self.links[kind.index()] == Some(to))
            else {
                continue;
            };
            match what {
                Sent::Text(text) => said.push((kind, Some(text))),
                Sent::Close => {
                    self.links[kind.index()] = None;
                    said.push((kind, None));
                }
            }
        }
        said
    }

    /// Keeps what was said about orders and executions, and finds something to say again.
    pub(crate) fn keep(&mut self, text: &str) {
        if self.said.len() == KEPT {
            self.said.pop_front();
        }
        self.said.push_back(text.to_owned());
    }

    /// Something that was said before.
    pub(crate) fn said_before(&mut self) -> Option<String> {
        let at = self.prng.below(self.said.len().max(1) as u64) as usize;
        self.said.get(at).cloned()
    }

    /// What was executed since it was asked last.
    pub(crate) fn executed(&mut self) -> Vec<Executed> {
        let from = self.counted;
        let rows = self.books().executions();
        let one = |(_, row): &(InstrumentIx, wire::bybit::server::Execution)| Executed {
            order: self.placed_as(&row.link, &row.order_id, row.stop_type),
            ordered: row.order_quantity,
            quantity: row.quantity,
        };
        let executed = rows[from..].iter().filter(|(_, row)| row.kind != "Funding").map(one).collect();
        self.counted = rows.len();
        executed
    }

    fn placed_as(&self, link: &str, id: &str, stop_type: &str) -> Option<ClientOrderId> {
        is_plain(stop_type).then(|| self.id_of(link, id))
    }

    /// What the client calls an order.
    fn id_of(&self, link: &str, id: &str) -> ClientOrderId {
        if link.is_empty() { self.names.id_of(&format!("id:{id}")) } else { self.names.id_of(link) }
    }

    pub(super) fn living(&self, ix: InstrumentIx) -> Vec<Living> {
        let of = |open: &OpenOrder<'_>| open.is_placed && self.ixs[open.instrument.index()] == ix;
        let one = |OpenOrder { order, .. }: OpenOrder<'_>| Living {
            id: self.id_of(&order.link, &order.id),
            quantity: order.quantity,
            limit: order.price.filter(|_| !order.is_market),
            filled: order.filled,
        };
        self.books().open_orders().filter(of).map(one).collect()
    }

    pub(super) fn book_updates(&self) -> Vec<(InstrumentIx, u64)> {
        let of = |(at, ix): (usize, &InstrumentIx)| {
            let update = self.inner.book_update(self.symbol(at), DEPTH)?;
            Some((*ix, u64::try_from(update).ok()?))
        };
        self.ixs.iter().enumerate().filter_map(of).collect()
    }

    pub(super) fn change_rules(&mut self) {
        let at = self.prng.below(self.specs.len() as u64) as usize;
        self.doubled = Some(self.symbol(at).to_owned());
    }

    /// Asks for something with the account's own key, as a person at the page of the exchange does.
    fn ask<C: Call>(&mut self, now: Timestamp, call: &C) {
        if let Some(request) = request(call, Some(&self.signer), self.clock(now)) {
            // What is refused changes nothing.
            let _ = self.request(now, &request);
        }
    }

    /// Somebody trades by hand.
    pub(crate) fn by_hand(&mut self, now: Timestamp) {
        let at = self.prng.below(self.specs.len() as u64) as usize;
        let side = if self.prng.below(2) == 0 { Side::Buy } else { Side::Sell };
        let last = self.inner.last_price(self.symbol(at)).unwrap_or(Price::new(1_000)).mantissa();
        // Within the band of five per cent, and far enough to rest for a while.
        let away = if side == Side::Buy { 97 } else { 103 };
        let price = Decimal { mantissa: i128::from(last * away / 100), decimals: 1 };
        let price = (self.prng.below(2) == 1).then_some(price);
        let quantity = Decimal { mantissa: 300, decimals: 4 };
        let order = Place::new(self.symbol(at), side, price, quantity);
        self.ask(now, &order);
    }

    /// One of the open orders is cancelled behind our back.
    pub(crate) fn cancel_one(&mut self, now: Timestamp) {
        let open: Vec<(String, String)> = self
            .books()
            .open_orders()
            .filter(|open| open.is_placed)
            .map(|open| (self.symbol(open.instrument.index()).to_owned(), open.order.id.clone()))
            .collect();
        if open.is_empty() {
            return;
        }
        let at = self.prng.below(open.len() as u64) as usize;
        let (symbol, id) = open[at].clone();
        self.ask(now, &Cancel { symbol, which: Which::Id(id) });
    }

    /// Funding is exchanged.
    pub(crate) fn fund(&mut self, now: Timestamp) {
        let at = self.prng.below(self.specs.len() as u64) as usize;
        let rate = self.prng.below(400) as i64 - 200;
        let sign = if rate < 0 { "-" } else { "" };
        let rate = format!("{sign}0.000{:03}", rate.abs());
        let symbol = self.symbol(at).to_owned();
        self.admin(now, "/admin/funding", &serde_json::json!({"symbol": symbol, "rate": rate}));
    }

    /// The price of one market falls by a third.
    pub(crate) fn crash(&mut self, now: Timestamp) {
        let at = self.prng.below(self.specs.len() as u64) as usize;
        let symbol = self.symbol(at).to_owned();
        let last = self.inner.last_price(&symbol).unwrap_or(Price::new(1_000)).mantissa();
        let to = (last * (60 + self.prng.below(15) as i64) / 100).max(300);
        let price = format!("{}.{}", to / 10, to % 10);
        self.admin(now, "/admin/price", &serde_json::json!({"symbol": symbol, "price": price}));
    }

    /// The candles that closed lately, oldest first.
    pub(crate) fn candles(&mut self, now: Timestamp) -> Vec<Candle> {
        let clock = self.clock(now);
        let mut candles = Vec::new();
        for at in 0..self.specs.len() {
            let call = Klines {
                kind: KlineKind::Trade,
                symbol: self.symbol(at).to_owned(),
                timeframe: Timeframe::MINUTE,
                from: clock - Span::from_seconds(7_200),
                to: clock - Span::from_seconds(60),
                limit: 200,
            };
            let Some(request) = request(&call, None, clock) else { continue };
            // Whoever is banned gets none.
            let reply = self.request(now, &request);
            let response = Response { status: reply.status, headers: reply.headers, body: reply.body };
            let Ok(rows) = read(&call, &response, true, clock) else { continue };
            let it = &self.specs[at];
            let scaled = |value: Decimal, decimals: u8| {
                value.at_scale(decimals).ok().and_then(|mantissa| i64::try_from(mantissa).ok())
            };
            for row in rows {
                let of = |value| scaled(value, it.price_decimals).map(Price::new);
                let (Some(open), Some(high), Some(low), Some(close)) =
                    (of(row.open), of(row.high), of(row.low), of(row.close))
                else {
                    continue;
                };
                let volume = row.volume.and_then(|v| scaled(v, it.quantity_decimals)).unwrap_or(0);
                let bar =
                    Bar { open_time: row.open_time, open, high, low, close, volume: Quantity::new(volume) };
                if row.open_time + Span::from_seconds(60) <= clock {
                    candles.push(Candle { instrument: self.ixs[at], timeframe: Timeframe::MINUTE, bar });
                }
            }
        }
        candles.sort_by_key(|candle| (candle.bar.open_time, candle.instrument));
        candles
    }

    /// What a frame on the order link asks for.
    pub(crate) fn claim_of_frame(&self, text: &str) -> Option<Claim> {
        let value: Value = serde_json::from_str(text).ok()?;
        let path = match value["op"].as_str()? {
            "order.create" => "/v5/order/create",
            "order.amend" => "/v5/order/amend",
            "order.cancel" => "/v5/order/cancel",
            _ => return None,
        };
        self.claim(path, &value["args"][0])
    }

    /// What a request asks for; `None` where it changes nothing.
    pub(crate) fn claim_of_request(&self, request: &Request) -> Option<Claim> {
        let body: Value = serde_json::from_str(&request.body).ok()?;
        self.claim(&request.path, &body)
    }

    fn claim(&self, path: &str, body: &Value) -> Option<Claim> {
        let text = |name: &str| body[name].as_str();
        let id = || self.id_of(text("orderLinkId").unwrap_or(""), text("orderId").unwrap_or(""));
        let at = || text("symbol").and_then(|symbol| self.at(symbol));
        Some(match path {
            "/v5/order/create" => {
                let at = at()?;
                let it = &self.specs[at];
                let limit = text("price").filter(|_| text("orderType") == Some("Limit"));
                Claim::Place {
                    id: id(),
                    ix: self.ixs[at],
                    side: if text("side") == Some("Buy") { Side::Buy } else { Side::Sell },
                    quantity: Quantity::parse(text("qty")?, it.quantity_decimals).ok()?,
                    limit: limit.and_then(|price| Price::parse(price, it.price_decimals).ok()),
                    reduces: body["reduceOnly"] == Value::Bool(true),
                }
            }
            "/v5/order/amend" => Claim::Amend(id()),
            "/v5/order/cancel" => Claim::Cancel(id()),
            "/v5/order/cancel-all" => Claim::CancelAll,
            "/v5/position/trading-stop" => Claim::Guard(self.ixs[at()?]),
            path if path.starts_with("/v5/position/") || path.starts_with("/v5/account/set") => {
                Claim::Setting
            }
            _ => return None,
        })
    }
}

/// Whether an order of this kind was placed by somebody, and does not guard a position.
fn is_plain(stop_type: &str) -> bool {
    matches!(stop_type, "" | "Stop" | "UNKNOWN")
}

/// An answer about instruments in which one tick is twice what it is.
fn with_tick_doubled(body: &str, symbol: &str) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(body) else { return body.to_owned() };
    if let Some(rows) = value["result"]["list"].as_array_mut() {
        for row in rows.iter_mut().filter(|row| row["symbol"] == symbol) {
            row["priceFilter"]["tickSize"] = Value::from("0.2");
        }
    }
    value.to_string()
}
