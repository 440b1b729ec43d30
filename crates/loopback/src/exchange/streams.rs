//! Connections of streams: who they are, what they listen to, what they say.

use super::faults::{FaultKind, FaultPlace};
use super::requests::{Outcome, key_refused};
use super::terms::Late;
use super::{Exchange, Reply};
use crate::account::{Scene, Told};
use crate::choices::Open;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::IpAddr;
use units::{Span, Timestamp};
use wire::bybit::server::{
    ClientFrame, Params, PrivateTopic, PublicTopic, Refusal, Topic, asked_op, check_time, check_ws_signature,
    execution_fast_row, execution_row, limit_headers, login_reply, order_row, pong, position_stream_row,
    read_frame, refusal_body, subscribed, trade_reply, unknown_topic, wallet_row,
};

/// The most text of topics that one connection may ask for.
const MOST_TOPICS: usize = 21_000;

/// Names a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnectionId(pub(crate) u64);

/// Something that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// To whom.
    pub to: ConnectionId,
    /// How much later than now.
    pub after: Span,
    /// What.
    pub what: Sent,
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// A frame of text.
    Text(String),
    /// The end of the connection.
    Close,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Of a category; only `linear` has anything to tell.
    Public {
        is_linear: bool,
    },
    Status,
    Private,
    Trade,
}

impl Kind {
    const fn place(self) -> FaultPlace {
        match self {
            Self::Public { .. } | Self::Status => FaultPlace::Public,
            Self::Private => FaultPlace::Private,
            Self::Trade => FaultPlace::Trade,
        }
    }

    const fn is_public(self) -> bool {
        matches!(self, Self::Public { .. } | Self::Status)
    }
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) kind: Kind,
    /// How it is called in answers.
    name: String,
    pub(super) account: Option<usize>,
    /// Where it came from.
    peer: Option<IpAddr>,
    pub(super) topics: BTreeSet<String>,
    topics_text: usize,
    /// Held back until the next message was sent.
    held: Option<String>,
    /// The request ids of orders that were sent.
    requests: BTreeSet<String>,
}

impl Exchange {
    /// A stream is opened, from `peer` where there is a network between.
    ///
    /// # Errors
    /// With the answer when there is no such stream, or none may be opened now.
    pub fn open(
        &mut self,
        clock: Timestamp,
        path: &str,
        peer: Option<IpAddr>,
    ) -> Result<ConnectionId, Reply> {
        self.advance(clock);
        let kind = match path.trim_end_matches('/') {
            "/v5/public/linear" => Kind::Public { is_linear: true },
            "/v5/public/spot" | "/v5/public/inverse" | "/v5/public/option" | "/v5/public/spread" => {
                Kind::Public { is_linear: false }
            }
            "/v5/public/misc/status" => Kind::Status,
            "/v5/private" => Kind::Private,
            "/v5/trade" => Kind::Trade,
            _ => return Err(self.refuse(&Refusal::not_found())),
        };
        if self.state.is_banned {
            return Err(self.refuse(&Refusal::address()));
        }
        if self.state.is_in_maintenance {
            return Err(self.refuse(&super::requests::maintenance()));
        }
        if self.is_limited
            && let Err(refusal) = self.limits.take_connection(self.clock.millis())
        {
            return Err(self.refuse(&refusal));
        }
        let id = self.next_connection;
        self.next_connection += 1;
        let connection = Connection {
            kind,
            name: format!("loopback-{id:06}"),
            account: None,
            peer,
            topics: BTreeSet::new(),
            topics_text: 0,
            held: None,
            requests: BTreeSet::new(),
        };
        self.connections.insert(id, connection);
        Ok(ConnectionId(id))
    }

    fn refuse(&self, refusal: &Refusal) -> Reply {
        Reply::new(refusal.status.max(400), refusal_body(refusal, self.server_ms()).to_string())
    }

    /// A stream was closed by the client, or is closed now.
    pub fn close(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.remove(&id.0) else { return };
        for topic in &connection.topics {
            if let Some(Topic::Public(topic)) = Topic::parse(topic) {
                self.leave(&topic, id.0);
            }
        }
        if connection.topics.contains("dcp.future")
            && let Some(account) = connection.account
        {
            self.watch_for_silence(account);
        }
    }

    fn leave(&mut self, topic: &PublicTopic, id: u64) {
        if let Some(listeners) = self.listeners.get_mut(topic) {
            listeners.remove(&id);
            if listeners.is_empty() {
                self.listeners.remove(topic);
            }
        }
    }

    /// Nobody is left who would miss the account: its orders end after a while.
    fn watch_for_silence(&mut self, account: usize) {
        let listens = |c: &Connection| c.account == Some(account) && c.topics.contains("dcp.future");
        if let Some(seconds) = self.accounts[account].dcp_seconds
            && !self.connections.values().any(listens)
        {
            self.dcp_due.insert(account, self.clock + Span::from_seconds(seconds));
        }
    }

    pub(super) fn end_where_nobody_listens(&mut self) {
        let due: Vec<usize> =
            self.dcp_due.iter().filter(|(_, at)| **at <= self.clock).map(|(account, _)| *account).collect();
        for account in due {
            self.dcp_due.remove(&account);
            let scene = Scene { now: self.now, markets: &self.glances, instruments: &self.instruments };
            self.accounts[account].cancel_many(&scene, |_| true, wire::bybit::server::Scope::All);
            self.settle();
        }
    }

    /// Closes every stream of a kind, or all.
    pub(super) fn disconnect(&mut self, place: Option<FaultPlace>) {
        let meant = |c: &Connection| place.is_none_or(|place| c.kind.place() == place);
        let ids: Vec<u64> = self.connections.iter().filter(|(_, c)| meant(c)).map(|(id, _)| *id).collect();
        for id in ids {
            self.hang_up(id);
        }
    }

    fn hang_up(&mut self, id: u64) {
        self.outbox.push(Delivery { to: ConnectionId(id), after: self.ack_delay, what: Sent::Close });
        self.close(ConnectionId(id));
    }

    /// What is to be sent.
    pub fn take_outbox(&mut self) -> Vec<Delivery> {
        std::mem::take(&mut self.outbox)
    }

    /// Sends a message, with whatever is to go wrong with it. `what` is its topic, or its `op`.
    pub(super) fn send(&mut self, id: u64, what: &str, text: String) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let place = connection.kind.place();
        let mut after = self.ack_delay;
        let mut texts = vec![text];
        match self.faults.strike(place, what) {
            Some(FaultKind::Drop | FaultKind::Timeout(_)) => return,
            Some(FaultKind::Delay(more)) => after = after + more,
            Some(FaultKind::Duplicate) => texts.push(texts[0].clone()),
            Some(FaultKind::Reorder) => {
                connection.held = texts.pop();
                return;
            }
            Some(FaultKind::Disconnect) => return self.hang_up(id),
            Some(FaultKind::Corrupt) => {
                let half = texts[0].chars().count() / 2;
                texts[0] = texts[0].chars().take(half).collect();
            }
            Some(FaultKind::Status(_) | FaultKind::Code(_)) | None => {}
        }
        texts.extend(connection.held.take());
        let to = ConnectionId(id);
        self.outbox.extend(texts.into_iter().map(|text| Delivery { to, after, what: Sent::Text(text) }));
    }

    /// A client sent a frame.
    pub fn frame(&mut self, clock: Timestamp, id: ConnectionId, text: &str) {
        self.advance(clock);
        let Some(connection) = self.connections.get(&id.0) else { return };
        let (kind, conn, account) = (connection.kind, connection.name.clone(), connection.account);
        let (name, frame) = read_frame(text);
        let name = name.as_deref();
        let is_trade = kind == Kind::Trade;
        match frame {
            Ok(ClientFrame::Ping) => {
                let reply = pong(kind.is_public(), is_trade, &conn, name, self.server_ms());
                self.send(id.0, "ping", reply);
            }
            Ok(ClientFrame::Login { key, expires, signature }) if !kind.is_public() => {
                self.login(id, (is_trade, &conn, name), (&key, &expires, &signature));
            }
            Ok(ClientFrame::Subscribe(topics)) if !is_trade => {
                let outcome = self.subscribe(id.0, kind, account, &topics);
                let outcome = outcome.as_ref().map(|_| ()).map_err(String::as_str);
                self.send(id.0, "subscribe", subscribed("subscribe", &conn, name, outcome));
                if outcome.is_ok() {
                    for topic in topics {
                        self.welcome(id.0, &topic);
                    }
                }
            }
            Ok(ClientFrame::Unsubscribe(topics)) if !is_trade => {
                for topic in &topics {
                    let gone = self.connections.get_mut(&id.0).is_some_and(|c| c.topics.remove(topic));
                    if let (true, Some(Topic::Public(topic))) = (gone, Topic::parse(topic)) {
                        self.leave(&topic, id.0);
                    }
                }
                self.send(id.0, "unsubscribe", subscribed("unsubscribe", &conn, name, Ok(())));
            }
            Ok(ClientFrame::Trade { op, params, timestamp, window }) if is_trade => {
                self.trade_op(id, (&conn, name, account), &op, &params, (&timestamp, window.as_deref()));
            }
            Ok(_) => {
                let op = asked_op(text);
                let refusal = Refusal::new(10404, format!("error:unknown op {op}"));
                self.complain(id, (kind, &conn, name), &op, &refusal);
            }
            Err(refusal) => self.complain(id, (kind, &conn, name), &asked_op(text), &refusal),
        }
    }

    fn complain(
        &mut self,
        id: ConnectionId,
        (kind, conn, name): (Kind, &str, Option<&str>),
        op: &str,
        refusal: &Refusal,
    ) {
        let reply = if kind == Kind::Trade {
            trade_reply(op, conn, name, Err(refusal), &[])
        } else {
            subscribed(op, conn, name, Err(&refusal.text))
        };
        self.send(id.0, "error", reply);
    }

    fn login(
        &mut self,
        id: ConnectionId,
        (is_trade, conn, name): (bool, &str, Option<&str>),
        (key, expires, signature): (&str, &str, &str),
    ) {
        let known = self.accounts.iter().position(|account| account.key == key);
        let peer = self.connections.get(&id.0).and_then(|connection| connection.peer);
        let outcome = match known.map(|known| &self.accounts[known]) {
            None => Err(Refusal::key()),
            Some(account) => match account.refused_with {
                Some(code) => Err(Refusal::new(code, "key refused")),
                None => check_ws_signature(&account.secret, expires, signature, self.server_ms())
                    .and_then(|()| if account.is_open_to(peer) { Ok(()) } else { Err(key_refused(10010)) }),
            },
        };
        let is_known = self.connections.get(&id.0).is_some_and(|c| c.account.is_some());
        let outcome = match outcome {
            Ok(()) if is_known && is_trade => Err(Refusal::new(20001, "Repeat auth")),
            other => other,
        };
        let is_in = outcome.is_ok();
        let is_repeated = matches!(&outcome, Err(refusal) if refusal.code == 20001);
        let reply = if outcome.is_err() && !is_trade && self.choices.is_flipped(Open::LoginBody) {
            json!({"success": false, "ret_msg": "error:USVC1111", "conn_id": conn,
                "request": {"op": "auth", "args": [key, expires, signature]}})
            .to_string()
        } else {
            login_reply(is_trade, conn, name, outcome.as_ref().copied())
        };
        self.send(id.0, "auth", reply);
        if is_in {
            if let Some(connection) = self.connections.get_mut(&id.0) {
                connection.account = known;
            }
        } else if !is_repeated {
            self.hang_up(id.0);
        }
    }

    /// Takes all topics of a request, or none.
    fn subscribe(
        &mut self,
        id: u64,
        kind: Kind,
        account: Option<usize>,
        topics: &[String],
    ) -> Result<(), String> {
        if kind == Kind::Private && account.is_none() {
            return Err("error:request not authorized".to_owned());
        }
        for topic in topics {
            if !self.is_offered(kind, topic) {
                return Err(unknown_topic(topic));
            }
        }
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        for (place, topic) in topics.iter().enumerate() {
            let is_there = connection.topics.contains(topic) || topics[..place].contains(topic);
            if is_there && self.choices.is_flipped(Open::DuplicateTopic) {
                continue;
            }
            if is_there {
                return Err(format!("error:already subscribed,topic:{topic}"));
            }
            let other = match topic.strip_suffix(".linear") {
                Some(plain) => plain.to_owned(),
                None => format!("{topic}.linear"),
            };
            if connection.topics.contains(&other) || topics.contains(&other) {
                return Err(format!("error:all-in-one and categorised topic at once,topic:{topic}"));
            }
        }
        let text: usize = topics.iter().map(|topic| topic.len() + 3).sum();
        if connection.topics_text + text > MOST_TOPICS {
            return Err("error:args are too long for one connection".to_owned());
        }
        connection.topics_text += text;
        connection.topics.extend(topics.iter().cloned());
        for topic in topics {
            match Topic::parse(topic) {
                Some(Topic::Public(topic)) => {
                    self.listeners.entry(topic).or_default().insert(id);
                }
                Some(Topic::Private(PrivateTopic::Dcp)) => {
                    if let Some(account) = account {
                        self.dcp_due.remove(&account);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn is_offered(&self, kind: Kind, topic: &str) -> bool {
        match (Topic::parse(topic), kind) {
            (Some(Topic::Private(_)), Kind::Private) => true,
            (Some(Topic::Public(PublicTopic::Status)), Kind::Status) => true,
            (Some(Topic::Public(topic)), Kind::Public { is_linear: true }) => match topic {
                PublicTopic::Book(_, symbol)
                | PublicTopic::RpiBook(symbol)
                | PublicTopic::Trades(symbol)
                | PublicTopic::Ticker(symbol)
                | PublicTopic::Kline(_, symbol)
                | PublicTopic::Liquidations(symbol)
                | PublicTopic::PriceLimit(symbol) => self.find(&symbol).is_some(),
                PublicTopic::Insurance | PublicTopic::AdlAlert => true,
                PublicTopic::Status => false,
            },
            _ => false,
        }
    }

    fn trade_op(
        &mut self,
        id: ConnectionId,
        (conn, name, account): (&str, Option<&str>, Option<usize>),
        op: &str,
        params: &Params,
        (timestamp, window): (&str, Option<&str>),
    ) {
        let now_ms = self.server_ms();
        let path = match op {
            "order.create" => "/v5/order/create",
            "order.amend" => "/v5/order/amend",
            "order.cancel" => "/v5/order/cancel",
            "order.create-batch" => "/v5/order/create-batch",
            "order.amend-batch" => "/v5/order/amend-batch",
            "order.cancel-batch" => "/v5/order/cancel-batch",
            _ => "",
        };
        let route = wire::bybit::server::find(true, path).ok();
        let (outcome, usage) = match (route, account) {
            (None, _) => (Err(Refusal::new(10404, "op not found")), None),
            (_, None) => (Err(Refusal::new(10004, "Please auth first")), None),
            (Some(route), Some(account)) => {
                let is_reused = name.is_some_and(|name| {
                    self.connections.get_mut(&id.0).is_some_and(|c| !c.requests.insert(name.to_owned()))
                });
                if is_reused {
                    (Err(Refusal::new(20006, "reqId is duplicated")), None)
                } else if let Err(refusal) = check_time(timestamp, window, now_ms) {
                    (Err(refusal), None)
                } else if params.text("category").as_deref() != Some("linear") {
                    (Err(Refusal::new(10404, "category not found: only linear is traded here")), None)
                } else if let Some(FaultKind::Code(code)) = self.strike_code(FaultPlace::Trade, op) {
                    (Err(Refusal::new(code, "refused by a fault")), None)
                } else if op == "order.create" && self.accounts[account].terms.late > Span::ZERO {
                    let (conn, name) = (conn.to_owned(), name.map(str::to_owned));
                    let late =
                        Late { id, conn, name, account, op: op.to_owned(), route, params: params.clone() };
                    self.book_version += 1;
                    let arrives = self.now + self.accounts[account].terms.late;
                    self.late.insert((arrives, self.book_version), late);
                    return;
                } else {
                    self.carry_out(account, route, params)
                }
            }
        };
        self.answer_trade(id, (conn, name), op, (outcome, usage));
        self.settle();
    }

    /// Answers on the trade stream.
    pub(super) fn answer_trade(
        &mut self,
        id: ConnectionId,
        (conn, name): (&str, Option<&str>),
        op: &str,
        (outcome, usage): Outcome,
    ) {
        let now_ms = self.server_ms();
        let mut header =
            vec![("Traceid", format!("{:032x}", self.clock.nanos())), ("Timenow", now_ms.to_string())];
        header.extend(usage.map(limit_headers).into_iter().flatten());
        let reply = match outcome {
            Ok(result) => trade_reply(op, conn, name, Ok(result), &header),
            Err(refusal) => trade_reply(op, conn, name, Err(&refusal), &header),
        };
        self.send(id.0, op, reply);
    }

    /// The next fault of a place, if it is a code.
    fn strike_code(&mut self, place: FaultPlace, what: &str) -> Option<FaultKind> {
        if self.faults.next_is_code(place, what) { self.faults.strike(place, what) } else { None }
    }

    /// Tells the private streams what happened.
    pub(super) fn tell(&mut self) {
        for account in 0..self.accounts.len() {
            let told = std::mem::take(&mut self.accounts[account].told);
            let mut seen: Vec<&Told> = Vec::new();
            for (place, one) in told.iter().enumerate() {
                // Of positions and the wallet the last word counts.
                let is_last_word =
                    matches!(one, Told::Position(..) | Told::Wallet) && told[place + 1..].contains(one);
                if !is_last_word {
                    seen.push(one);
                }
            }
            if self.choices.is_flipped(Open::MessageOrder) {
                seen.sort_by_key(|told| !matches!(told, Told::Order(..)));
            }
            for one in seen {
                self.tell_one(account, one);
            }
        }
    }

    fn tell_one(&mut self, account: usize, told: &Told) {
        let scene = Scene { now: self.now, markets: &self.glances, instruments: &self.instruments };
        let kept = &self.accounts[account];
        let mut rows: Vec<(&str, Value)> = Vec::new();
        match told {
            Told::Order(ix, order) => {
                rows.push(("order", order_row(order, &self.instruments[ix.index()], true)));
            }
            Told::Execution(place) => {
                let Some((ix, execution)) = kept.executions.get(*place) else { return };
                let of = &self.instruments[ix.index()];
                if execution.kind == "Trade" {
                    rows.push(("execution.fast", execution_fast_row(execution, of)));
                }
                rows.push(("execution", execution_row(execution, of, true)));
            }
            Told::Position(ix, side) => {
                let position = kept.position(&scene, *ix, *side);
                rows.push(("position", position_stream_row(&position, &self.instruments[ix.index()])));
            }
            Told::Wallet => rows.push(("wallet", wallet_row(&kept.wallet(&scene), "USDT"))),
        }
        let uid = kept.uid;
        for (topic, row) in rows {
            let categorised = format!("{topic}.linear");
            let listeners: Vec<(u64, String)> = self
                .connections
                .iter()
                .filter(|(_, c)| c.kind == Kind::Private && c.account == Some(account))
                .filter_map(|(id, c)| {
                    let name =
                        [topic, categorised.as_str()].into_iter().find(|name| c.topics.contains(*name))?;
                    Some((*id, name.to_owned()))
                })
                .collect();
            for (id, name) in listeners {
                let message = json!({"id": format!("{uid}_{}_{}", topic, self.book_version), "topic": name,
                    "creationTime": self.now.millis(), "data": [row]});
                self.send(id, &name, message.to_string());
            }
        }
    }
}
