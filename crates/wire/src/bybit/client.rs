//! The client: bytes in, facts out; commands in, bytes out.

use super::calls::{self, Failure};
use super::codes::{self, Retry};
use super::commands::{Translator, goes_by_socket};
use super::feeds::Feeds;
use super::limits;
use super::mapping::Context;
use super::private::PrivateStream;
use super::public::PublicStream;
use super::questions::{Inquiry, Turn};
use super::sign::Signer;
use super::take::{get, int};
use super::{Choices, Environment, LoginRefusal, frames};
use crate::json::{self, DecodeError, Node, Problem};
use crate::{
    Answer, Capabilities, Credentials, Endpoint, Frame, Heartbeat, Horizon, LinkSpec, Meaning, Moment, Names,
    Outgoing, Purpose, Question, RateRules, Response, Said, Symbols, Ticket, Unsupported,
};
use model::{CancelScope, ClientOrderId, InstrumentIx, LinkKind, OrderCommand, PositionMode};
use units::{Span, Timestamp};

/// So many questions are on their way at most; older ones are taken for lost.
const MOST_INQUIRIES: usize = 64;

/// Private topics, in the form that holds every category.
const PRIVATE_TOPICS: [&str; 4] = ["order", "execution", "position", "wallet"];

/// What a client is built from.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it connects to.
    pub environment: Environment,
    /// What it trades, or listens to.
    pub symbols: Symbols,
    /// How orders are called.
    pub names: Names,
    /// Who it is; without a key it only listens to the market.
    pub credentials: Option<Credentials>,
    /// What it listens to.
    pub feeds: Feeds,
    /// The coin that positions are settled in.
    pub settle_coin: String,
    /// How the account keeps positions.
    pub position_mode: PositionMode,
    /// A request is valid for so long after its time.
    pub receive_window: Span,
    /// Orders go by the order socket where there is one.
    pub uses_order_socket: bool,
    /// They go by request while the order socket is away; otherwise they wait.
    pub falls_back: bool,
    /// Everything is cancelled when the private connection was lost for so long. For accounts that may.
    pub disconnect_cancel: Option<Span>,
    /// What the venue allows; [`limits::limits`] but for accounts with a rank.
    pub limits: RateRules,
    /// What the documentation leaves open.
    pub choices: Choices,
}

impl Settings {
    /// As most accounts are: settled in USDT, one-way, a window of five seconds, orders by socket and by request when it is away.
    #[must_use]
    pub fn new(
        environment: Environment,
        symbols: Symbols,
        names: Names,
        credentials: Option<Credentials>,
        feeds: Feeds,
    ) -> Self {
        Self {
            environment,
            symbols,
            names,
            credentials,
            feeds,
            settle_coin: "USDT".to_owned(),
            position_mode: PositionMode::OneWay,
            receive_window: Span::from_seconds(5),
            uses_order_socket: true,
            falls_back: true,
            disconnect_cancel: None,
            limits: limits::limits(),
            choices: Choices::default(),
        }
    }
}

/// A subscription that was not answered yet.
#[derive(Debug)]
struct Pending {
    request: String,
    topics: Vec<String>,
    /// Anew, for a book: the link is ready as it is.
    is_again: bool,
}

/// What is known of one connection.
#[derive(Debug, Default)]
struct Connection {
    pending: Vec<Pending>,
    /// The login was taken.
    is_in: bool,
    /// Topics that were granted.
    granted: usize,
    is_ready: bool,
}

/// The client side of Bybit.
#[derive(Debug)]
pub struct Client {
    environment: Environment,
    context: Context,
    signer: Option<Signer>,
    feeds: Feeds,
    links: Vec<LinkSpec>,
    capabilities: Capabilities,
    limits: RateRules,
    falls_back: bool,
    connections: [Connection; 3],
    public: PublicStream,
    private: PrivateStream,
    inquiries: Vec<(Ticket, Inquiry)>,
    /// Commands that take several requests, and how many were answered.
    stages: Vec<(Ticket, usize)>,
    /// Numbers requests on sockets.
    said: u64,
    /// The venue's time when something was asked last: answers are dated by it.
    asked_at: Timestamp,
}

impl Client {
    /// A client that is not connected.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let capabilities = capabilities(&settings);
        let links = links(&settings);
        let public = PublicStream::new(&settings.symbols);
        let signer =
            settings.credentials.map(|credentials| Signer::new(credentials, settings.receive_window));
        Self {
            environment: settings.environment,
            context: Context {
                names: settings.names,
                symbols: settings.symbols,
                position_mode: settings.position_mode,
                settle_coin: settings.settle_coin,
                choices: settings.choices,
            },
            signer,
            feeds: settings.feeds,
            links,
            capabilities,
            limits: settings.limits,
            falls_back: settings.falls_back,
            connections: Default::default(),
            public,
            private: PrivateStream::default(),
            inquiries: Vec::new(),
            stages: Vec::new(),
            said: 0,
            asked_at: Timestamp::EPOCH,
        }
    }

    /// Where it connects to.
    #[must_use]
    pub const fn environment(&self) -> &Environment {
        &self.environment
    }

    pub(crate) const fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    pub(crate) fn links(&self) -> &[LinkSpec] {
        &self.links
    }

    pub(crate) const fn limits(&self) -> &RateRules {
        &self.limits
    }

    pub(crate) fn trades(&self, ix: InstrumentIx) -> bool {
        self.context.symbols.symbol(ix).is_some()
    }

    pub(crate) fn keep_names(&mut self, lives: &mut dyn FnMut(ClientOrderId) -> bool) {
        self.context.names.keep(lives);
    }

    fn next_request(&mut self) -> String {
        self.said += 1;
        self.said.to_string()
    }

    // --- the life of a connection ---

    pub(crate) fn opened(&mut self, kind: LinkKind, now: Moment, out: &mut Vec<Outgoing>) {
        self.connections[kind.index()] = Connection::default();
        if kind == LinkKind::Market {
            self.public.restart();
            let topics = self.feeds.topics(self.context.symbols.iter().map(|(_, symbol)| symbol));
            for batch in frames::batches(&topics) {
                let text = self.subscribe(kind, batch, false);
                out.push(frame(kind, text));
            }
        } else if let Some(signer) = &self.signer {
            let (key, expires, sign) = signer.login(now.venue);
            let request = self.next_request();
            out.push(frame(kind, frames::login(&request, &key, expires, &sign)));
        }
    }

    pub(crate) fn closed(&mut self, kind: LinkKind) {
        self.connections[kind.index()] = Connection::default();
        match kind {
            LinkKind::Market => self.public.restart(),
            LinkKind::Account => self.private.forget(),
            LinkKind::Trade => {}
        }
    }

    pub(crate) fn heartbeat(&mut self, kind: LinkKind, _now: Moment, out: &mut Vec<Outgoing>) {
        let request = self.next_request();
        out.push(frame(kind, frames::ping(&request)));
    }

    /// A book begins with a snapshot when its topic is subscribed to anew.
    pub(crate) fn resync_book(&mut self, ix: InstrumentIx, _now: Moment, out: &mut Vec<Outgoing>) {
        let (Some(symbol), Some(depth)) = (self.context.symbols.symbol(ix), self.feeds.book) else { return };
        let topic = format!("orderbook.{}.{symbol}", depth.levels());
        let request = self.next_request();
        let leave = frames::subscription("unsubscribe", &request, std::slice::from_ref(&topic));
        out.push(frame(LinkKind::Market, leave));
        let text = self.subscribe(LinkKind::Market, vec![topic], true);
        out.push(frame(LinkKind::Market, text));
    }

    fn subscribe(&mut self, kind: LinkKind, topics: Vec<String>, is_again: bool) -> String {
        let request = self.next_request();
        let text = frames::subscription("subscribe", &request, &topics);
        self.connections[kind.index()].pending.push(Pending { request, topics, is_again });
        text
    }

    // --- what arrives on sockets ---

    pub(crate) fn on_frame(
        &mut self,
        kind: LinkKind,
        frame: &Frame,
        out: &mut Vec<Said>,
    ) -> Result<(), DecodeError> {
        if matches!(frame, Frame::Ping | Frame::Pong) {
            out.push(Said::Alive);
            return Ok(());
        }
        if let (LinkKind::Market, Frame::Text(text)) = (kind, frame)
            && text.contains("\"orderbook.")
            && self.public.short_book(text, &self.context.symbols, out).is_some()
        {
            return Ok(());
        }
        let value = json::parse(frame.bytes())?;
        let node = Node::root(&value);
        if node.find("topic")?.is_some() {
            return match kind {
                LinkKind::Market => self.public.on_message(&node, &self.context.symbols, out),
                LinkKind::Account => self.private.on_message(&node, &mut self.context, out),
                LinkKind::Trade => {
                    out.push(Said::Alive);
                    Ok(())
                }
            };
        }
        let op = node.find("op")?.map(|op| op.text()).transpose()?.unwrap_or_default();
        match (op, kind) {
            ("auth", _) => self.on_login(kind, &node, out),
            ("ping" | "pong" | "unsubscribe", _) => {
                out.push(Said::Alive);
                Ok(())
            }
            ("subscribe", _) => self.on_subscribed(kind, &node, out),
            // A refused login names no operation; only the echo of the request does. It holds the key, so nothing of it is told.
            ("", LinkKind::Account | LinkKind::Trade)
                if get::<Option<bool>>(&node, "success")? == Some(false) =>
            {
                self.on_login(kind, &node, out)
            }
            (_, LinkKind::Trade) => self.on_command_reply(&node, out),
            ("", LinkKind::Market) => self.on_subscribed(kind, &node, out),
            _ => {
                out.push(Said::Alive);
                Ok(())
            }
        }
    }

    fn on_login(&mut self, kind: LinkKind, node: &Node<'_>, out: &mut Vec<Said>) -> Result<(), DecodeError> {
        let code = node.find("retCode")?.map(|code| int(&code)).transpose()?;
        let success = get::<Option<bool>>(node, "success")?;
        let is_in = match (success, code) {
            (Some(success), _) => success,
            // Logged in before, on this connection.
            (None, Some(code)) => code == 0 || codes::find(code).is_some_and(|c| c.retry == Retry::Done),
            (None, None) => return Err(node.error(Problem::Missing)),
        };
        if !is_in {
            let text = get::<Option<String>>(node, "ret_msg|retMsg")?.unwrap_or_default();
            // Who is in already was refused something else: whatever it was, the connection begins anew.
            let was_in = self.connections[kind.index()].is_in;
            let meaning =
                if was_in { Meaning::Ambiguous } else { self.meaning_of_refused_login(code, &text) };
            let what = format!(
                "{}: {}",
                if was_in { "request" } else { "login" },
                text.chars().take(160).collect::<String>()
            );
            out.push(Said::Refused { kind, what, meaning });
            return Ok(());
        }
        self.connections[kind.index()].is_in = true;
        match kind {
            LinkKind::Account => {
                let mut topics: Vec<String> =
                    PRIVATE_TOPICS.iter().map(|topic| (*topic).to_owned()).collect();
                if self.capabilities.disconnect_cancel.is_some() {
                    topics.push("dcp.future".to_owned());
                }
                let text = self.subscribe(kind, topics, false);
                out.push(Said::Reply(frame(kind, text)));
            }
            LinkKind::Trade => {
                self.connections[kind.index()].is_ready = true;
                out.push(Said::Ready(kind));
            }
            LinkKind::Market => out.push(Said::Alive),
        }
        Ok(())
    }

    fn meaning_of_refused_login(&self, code: Option<i64>, text: &str) -> Meaning {
        if let Some(known) = code.and_then(codes::find) {
            return known.meaning(None);
        }
        let text = text.to_ascii_lowercase();
        // The body has no code. A login that came too late is the one thing that another try heals.
        if ["expire", "timestamp", "time window"].iter().any(|word| text.contains(word)) {
            return Meaning::ClockSkew;
        }
        // What could not be read was not judged: it says nothing about the key.
        if text.contains("json") {
            return Meaning::Ambiguous;
        }
        match self.context.choices.login_refusal {
            LoginRefusal::Final => Meaning::CredentialsInvalid,
            LoginRefusal::Retried => Meaning::Ambiguous,
        }
    }

    /// The answer to a subscription. One topic that is not there refuses the whole request: the others are asked for again.
    fn on_subscribed(
        &mut self,
        kind: LinkKind,
        node: &Node<'_>,
        out: &mut Vec<Said>,
    ) -> Result<(), DecodeError> {
        let success = node.field("success")?.boolean()?;
        let request = get::<Option<String>>(node, "req_id")?;
        let text = get::<Option<String>>(node, "ret_msg")?.unwrap_or_default();
        let connection = &mut self.connections[kind.index()];
        let at = match &request {
            Some(request) => connection.pending.iter().position(|pending| pending.request == *request),
            // Private answers name no request; they come in order.
            None => (!connection.pending.is_empty()).then_some(0),
        };
        let Some(at) = at else {
            out.push(Said::Alive);
            return Ok(());
        };
        let pending = connection.pending.remove(at);
        let is_there_already = text.contains("already subscribed");
        let is_fine = self.context.choices.duplicate_topic_is_fine && is_there_already;
        if success || is_fine {
            connection.granted += pending.topics.len();
            self.note_ready(kind, out);
            return Ok(());
        }
        let named = text.rsplit_once("topic:").map(|(_, topic)| topic.trim());
        let mut rest = pending.topics.clone();
        rest.retain(|topic| Some(topic.as_str()) != named);
        let is_last = rest.is_empty() && connection.pending.is_empty() && connection.granted == 0;
        if rest.len() == pending.topics.len() || is_last || kind != LinkKind::Market {
            let what = format!("subscription to {}: {text}", pending.topics.join(", "));
            let meaning = Meaning::Rejected(model::RejectReason::UnknownInstrument);
            out.push(Said::Refused { kind, what: what.chars().take(400).collect(), meaning });
            return Ok(());
        }
        out.push(Said::Remark(format!("not told: {}: {text}", named.unwrap_or_default())));
        if rest.is_empty() {
            self.note_ready(kind, out);
        } else {
            let text = self.subscribe(kind, rest, pending.is_again);
            out.push(Said::Reply(frame(kind, text)));
        }
        Ok(())
    }

    fn note_ready(&mut self, kind: LinkKind, out: &mut Vec<Said>) {
        let connection = &mut self.connections[kind.index()];
        let waits = connection.pending.iter().any(|pending| !pending.is_again);
        if waits || connection.is_ready {
            out.push(Said::Alive);
        } else {
            connection.is_ready = true;
            out.push(Said::Ready(kind));
        }
    }

    /// The answer to a command on the order socket.
    fn on_command_reply(&mut self, node: &Node<'_>, out: &mut Vec<Said>) -> Result<(), DecodeError> {
        let code = int(&node.field("retCode")?)?;
        let text = get::<Option<String>>(node, "retMsg")?.unwrap_or_default();
        let op = get::<Option<String>>(node, "op")?.unwrap_or_default();
        let header = node.find("header")?;
        let mut told = (None, None);
        if let Some(header) = &header {
            let of = |name: &str| get::<Option<String>>(header, name);
            told = (of("X-Bapi-Limit-Status")?, of("X-Bapi-Limit-Reset-Timestamp")?);
        }
        let endpoint = match op.as_str() {
            "order.create" => Some(Endpoint::Place),
            "order.amend" => Some(Endpoint::Amend),
            "order.cancel" => Some(Endpoint::Cancel),
            _ => None,
        };
        let usage = endpoint.and_then(|endpoint| {
            limits::usage_of(&self.limits, endpoint, told.0.as_deref(), told.1.as_deref())
        });
        out.extend(usage.map(Said::Usage));
        let meaning = if code == 0 {
            Meaning::Accepted
        } else {
            let is_open = self.context.choices.unknown_code_is_open;
            let failure = calls::refusal(code, &text, 200, told.1.as_deref(), is_open, self.asked_at);
            self.remark_on(&failure, out);
            self.meaning_of(&failure)
        };
        let request = get::<Option<String>>(node, "reqId")?;
        let ticket =
            request.as_deref().and_then(|request| request.rsplit_once('-')).map(|(_, ticket)| ticket);
        match ticket.and_then(|ticket| ticket.parse().ok()) {
            Some(ticket) => out.push(Said::Outcome { ticket: Ticket(ticket), meaning }),
            // It does not say what it answers: the connection is given up, so that everything on it is asked about.
            None if code != 0 => {
                let what = format!("{op}: {code} {text}").chars().take(200).collect();
                out.push(Said::Refused { kind: LinkKind::Trade, what, meaning });
            }
            None => return Err(node.field("reqId").err().unwrap_or_else(|| node.kind("an answer"))),
        }
        Ok(())
    }

    /// What a refusal means for us: an address stays away for as long as was chosen.
    fn meaning_of(&self, failure: &Failure) -> Meaning {
        match failure {
            Failure::Refused { retry: Retry::WaitLong, .. } => {
                Meaning::RateLimited { until: self.asked_at.checked_add(self.context.choices.address_pause) }
            }
            other => other.meaning(),
        }
    }

    /// A person should know why a key is refused, what stops trading, and what changed under us.
    fn remark_on(&self, failure: &Failure, out: &mut Vec<Said>) {
        let Failure::Refused { code, retry, .. } = failure else { return };
        if *retry == Retry::Stop {
            out.push(Said::Remark(failure.to_string()));
        }
        if codes::find(*code).is_some_and(codes::Code::wants_comparison) {
            out.push(Said::Gap(LinkKind::Account));
        }
    }

    // --- what leaves ---

    pub(crate) fn carrier(&self, purpose: &Purpose) -> Option<LinkKind> {
        match purpose {
            Purpose::Command(command) if goes_by_socket(command) => {
                let has_socket = self.links.iter().any(|link| link.kind == LinkKind::Trade);
                let is_up = self.connections[LinkKind::Trade.index()].is_ready;
                (has_socket && (is_up || !self.falls_back)).then_some(LinkKind::Trade)
            }
            Purpose::Command(_) | Purpose::Question(_) => None,
        }
    }

    pub(crate) fn send(
        &mut self,
        ticket: Ticket,
        purpose: &Purpose,
        now: Moment,
    ) -> Result<Outgoing, Unsupported> {
        self.asked_at = now.venue;
        match purpose {
            Purpose::Question(question) => self.ask(ticket, question, now),
            Purpose::Command(OrderCommand::Query { id, instrument, .. }) => {
                self.ask(ticket, &Question::Order { id: *id, instrument: *instrument }, now)
            }
            Purpose::Command(command) => self.command(ticket, command, now),
        }
    }

    fn ask(&mut self, ticket: Ticket, question: &Question, now: Moment) -> Result<Outgoing, Unsupported> {
        if !self.inquiries.iter().any(|(known, _)| *known == ticket) {
            let inquiry = Inquiry::new(question, &self.context, now.venue)
                .ok_or(Unsupported("an instrument that is not traded there"))?;
            if self.inquiries.len() >= MOST_INQUIRIES {
                self.inquiries.remove(0);
            }
            self.inquiries.push((ticket, inquiry));
        }
        let inquiry = self.inquiries.iter().find(|(known, _)| *known == ticket);
        let request =
            inquiry.and_then(|(_, inquiry)| inquiry.request(&self.context, self.signer.as_ref(), now.venue));
        if request.is_none() {
            self.inquiries.retain(|(known, _)| *known != ticket);
        }
        request.map(Outgoing::Request).ok_or(Unsupported("a signed request without a key"))
    }

    fn command(
        &mut self,
        ticket: Ticket,
        command: &OrderCommand,
        now: Moment,
    ) -> Result<Outgoing, Unsupported> {
        let stage = self.stages.iter().find(|(known, _)| *known == ticket).map_or(0, |(_, stage)| *stage);
        let translator = Translator { context: &self.context, stream: &self.private };
        let carried = translator.command(command, stage)?;
        if let OrderCommand::Protect { instrument, position_side, protection, trailing } = command {
            self.private.expect(*instrument, *position_side, protection, *trailing);
        }
        let signer = self.signer.as_ref().ok_or(Unsupported("a command without a key"))?;
        let by_socket = self.carrier(&Purpose::Command(*command)) == Some(LinkKind::Trade);
        if by_socket && let Some((op, arguments)) = carried.on_socket() {
            let time = now.venue.millis();
            // Request ids are unique over all connections of an account, and lead back to the ticket.
            let request = format!("{time}-{}", ticket.0);
            let text = frames::command(&request, op, &time.to_string(), &signer.window(), &arguments);
            return Ok(frame(LinkKind::Trade, text));
        }
        let request = carried.request(Some(signer), now.venue);
        request.map(Outgoing::Request).ok_or(Unsupported("a command without a key"))
    }

    // --- what comes back ---

    pub(crate) fn on_response(
        &mut self,
        ticket: Ticket,
        purpose: &Purpose,
        response: &Response,
        out: &mut Vec<Said>,
    ) -> Result<(), DecodeError> {
        let endpoint = purpose.endpoint();
        out.extend(limits::usage(&self.limits, endpoint, response).map(Said::Usage));
        match purpose {
            Purpose::Command(command) if !matches!(command, OrderCommand::Query { .. }) => {
                self.on_command_response(ticket, command, response, out)
            }
            _ => self.on_answer(ticket, response, out),
        }
    }

    fn on_answer(
        &mut self,
        ticket: Ticket,
        response: &Response,
        out: &mut Vec<Said>,
    ) -> Result<(), DecodeError> {
        let at = self.inquiries.iter().position(|(known, _)| *known == ticket);
        let Some((_, mut inquiry)) = at.map(|at| self.inquiries.remove(at)) else {
            let problem = Problem::Missing;
            return Err(DecodeError { path: "the question of this answer".to_owned(), problem });
        };
        match inquiry.take(response, &mut self.context, &mut self.private, self.asked_at, out) {
            Ok(Turn::More) => {
                self.inquiries.push((ticket, inquiry));
                out.push(Said::Continued(ticket));
            }
            Ok(Turn::Done(answer)) => out.push(Said::Answered { ticket, answer }),
            Err(Failure::Unreadable(error)) => return Err(error),
            Err(failure) => {
                self.remark_on(&failure, out);
                out.push(Said::Answered { ticket, answer: Answer::Failed(self.meaning_of(&failure)) });
            }
        }
        Ok(())
    }

    fn on_command_response(
        &mut self,
        ticket: Ticket,
        command: &OrderCommand,
        response: &Response,
        out: &mut Vec<Said>,
    ) -> Result<(), DecodeError> {
        let at = self.stages.iter().position(|(known, _)| *known == ticket);
        let stage = at.map_or(0, |at| self.stages.remove(at).1);
        let is_open = self.context.choices.unknown_code_is_open;
        let meaning = match calls::read(&calls::Plain, response, is_open, self.asked_at) {
            Ok(()) => Meaning::Accepted,
            Err(Failure::Unreadable(error)) => return Err(error),
            Err(failure) => {
                self.remark_on(&failure, out);
                self.meaning_of(&failure)
            }
        };
        let is_divided = matches!(command, OrderCommand::CancelAll { scope: CancelScope::Orders, .. });
        if meaning == Meaning::Accepted && is_divided && stage == 0 {
            if self.stages.len() >= MOST_INQUIRIES {
                self.stages.remove(0);
            }
            self.stages.push((ticket, 1));
            out.push(Said::Continued(ticket));
            return Ok(());
        }
        out.push(Said::Outcome { ticket, meaning });
        Ok(())
    }
}

fn frame(kind: LinkKind, text: String) -> Outgoing {
    Outgoing::Frame { kind, frame: Frame::Text(text) }
}

/// What the venue can do for an account with these settings.
fn capabilities(settings: &Settings) -> Capabilities {
    Capabilities {
        name: "bybit",
        amend: true,
        post_only: true,
        client_ids: Some(super::ID_RULES),
        server_side_stops: true,
        disconnect_cancel: settings.disconnect_cancel,
        account_stream: true,
        horizon: Horizon {
            // A request that arrives last is as old as the window; then it shows within moments.
            absent_after: settings.receive_window + Span::from_seconds(5),
            // Orders that ended without fills are listed for a day.
            remembers_orders: Span::DAY,
            remembers_fills: Span::from_seconds(2 * 365 * 86_400),
        },
        receive_window: settings.receive_window,
    }
}

/// The links: the market's, and with a key the account's and the one for orders, where there is one.
fn links(settings: &Settings) -> Vec<LinkSpec> {
    // A sign of life every twenty seconds, as documented; after ten minutes of silence the exchange hangs up.
    let heartbeat = Heartbeat { every: Span::from_seconds(20), stale_after: Span::from_seconds(45) };
    let has_key = settings.credentials.is_some();
    let is_there = |kind: &LinkKind| match kind {
        LinkKind::Market => true,
        LinkKind::Account => has_key,
        LinkKind::Trade => has_key && settings.uses_order_socket,
    };
    let kinds = LinkKind::ALL.into_iter().filter(is_there);
    let kinds = kinds.filter(|kind| settings.environment.link(*kind).is_some());
    let link = |kind| LinkSpec {
        kind,
        path: Environment::path(kind),
        heartbeat,
        ready_within: Span::from_seconds(10),
    };
    kinds.map(link).collect()
}
