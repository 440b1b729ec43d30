//! The client side: bytes in, facts out; commands in, bytes out.

use super::fields::{Context, Field, get};
use super::messages::{body, message, signature, take_fact};
use super::{ASK, LINKS};
use crate::json::{self, DecodeError, Node};
use crate::{
    Answer, Capabilities, Credentials, Frame, LinkSpec, Meaning, Method, Moment, Names, Outgoing, Purpose,
    RateRules, Request, Response, Said, Symbols, Ticket, Unsupported, Usage,
};
use model::{BookUpdate, ClientOrderId, Fact, InstrumentIx, LinkKind, OrderCommand};
use serde_json::Value;
use units::Timestamp;

/// What a client is built from.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What it trades there.
    pub symbols: Symbols,
    /// How orders are called.
    pub names: Names,
    /// Who it is.
    pub credentials: Credentials,
    /// What the venue can do; [`super::capabilities`] but for worlds that try others.
    pub capabilities: Capabilities,
    /// What the venue allows; [`super::limits`] but for worlds that try others.
    pub limits: RateRules,
}

/// The client side of the internal dialect.
#[derive(Debug)]
pub struct Client {
    context: Context,
    credentials: Credentials,
    capabilities: Capabilities,
    limits: RateRules,
    /// By link: the number of the last message. Those of the account link go on over connections, so that what an old
    /// connection repeats is recognised.
    last: [u64; 3],
    /// By instrument: the last update of its book; `None` until a snapshot begins.
    books: Vec<(InstrumentIx, Option<u64>)>,
}

impl Client {
    /// A client that is not connected.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let books = settings.symbols.iter().map(|(ix, _)| (ix, None)).collect();
        Self {
            context: Context { names: settings.names, symbols: settings.symbols },
            credentials: settings.credentials,
            capabilities: settings.capabilities,
            limits: settings.limits,
            last: [0; 3],
            books,
        }
    }

    pub(crate) const fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    #[expect(clippy::unused_self, reason = "other dialects have links that depend on their settings")]
    pub(crate) const fn links(&self) -> &[LinkSpec] {
        &LINKS
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

    pub(crate) fn opened(&mut self, kind: LinkKind, now: Moment, out: &mut Vec<Outgoing>) {
        let text = match kind {
            LinkKind::Market => {
                self.last[kind.index()] = 0;
                self.books.iter_mut().for_each(|(_, last)| *last = None);
                let symbols = self.context.symbols.iter().map(|(_, symbol)| Value::from(symbol)).collect();
                message("subscribe", [("symbols", Value::Array(symbols))])
            }
            LinkKind::Account | LinkKind::Trade => {
                let sign = signature(&self.credentials.secret, now.venue, kind.name());
                let key = Value::from(self.credentials.key.as_str());
                let members = [("key", key), ("time", now.venue.millis().into()), ("sign", sign.into())];
                message("login", members)
            }
        };
        out.push(Outgoing::Frame { kind, frame: Frame::Text(text) });
    }

    pub(crate) fn closed(&mut self, kind: LinkKind) {
        if kind == LinkKind::Market {
            self.books.iter_mut().for_each(|(_, last)| *last = None);
        }
    }

    #[expect(clippy::unused_self, reason = "other dialects number their heartbeats")]
    pub(crate) fn heartbeat(&mut self, kind: LinkKind, now: Moment, out: &mut Vec<Outgoing>) {
        let text = message("ping", [("time", Value::from(now.venue.millis()))]);
        out.push(Outgoing::Frame { kind, frame: Frame::Text(text) });
    }

    pub(crate) fn resync_book(&mut self, ix: InstrumentIx, _now: Moment, out: &mut Vec<Outgoing>) {
        let Some(symbol) = self.context.symbols.symbol(ix) else { return };
        let text = message("resync", [("symbol", Value::from(symbol))]);
        out.push(Outgoing::Frame { kind: LinkKind::Market, frame: Frame::Text(text) });
    }

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
        let value = json::parse(frame.bytes())?;
        let node = Node::root(&value);
        let op = node.field("op")?;
        match (op.text()?, kind) {
            ("market", LinkKind::Market) => self.on_market(&node, out),
            ("event", LinkKind::Account) => self.on_event(&node, out),
            ("outcome", LinkKind::Trade) => {
                let ticket = Ticket(get(&node, "ticket", &self.context)?);
                let meaning = get(&node, "meaning", &self.context)?;
                self.usage(get::<Option<u32>>(&node, "left", &self.context)?, 0, None, out);
                out.push(Said::Outcome { ticket, meaning });
                Ok(())
            }
            ("subscribed", LinkKind::Market) => self.on_subscribed(&node, out),
            ("login", LinkKind::Account | LinkKind::Trade) => {
                out.push(match get(&node, "meaning", &self.context)? {
                    Meaning::Accepted => Said::Ready(kind),
                    meaning => Said::Refused { kind, what: "login".to_owned(), meaning },
                });
                Ok(())
            }
            ("pong", _) => {
                out.push(Said::Alive);
                Ok(())
            }
            _ => Err(op.refuse(format!("what the {} link says", kind.name()))),
        }
    }

    fn on_subscribed(&mut self, node: &Node<'_>, out: &mut Vec<Said>) -> Result<(), DecodeError> {
        let kind = LinkKind::Market;
        let refused: Vec<String> = get(node, "refused", &self.context)?;
        out.push(if refused.is_empty() {
            Said::Ready(kind)
        } else {
            let meaning = Meaning::Rejected(model::RejectReason::UnknownInstrument);
            Said::Refused { kind, what: refused.join(", "), meaning }
        });
        Ok(())
    }

    /// Takes the number of a message. Returns it when the message is new.
    fn follow(
        &mut self,
        kind: LinkKind,
        node: &Node<'_>,
        out: &mut Vec<Said>,
    ) -> Result<Option<u64>, DecodeError> {
        let number: u64 = get(node, "n", &self.context)?;
        let last = &mut self.last[kind.index()];
        if number <= *last {
            // Told before, on this connection or an older one.
            out.push(Said::Alive);
            return Ok(None);
        }
        let is_gap = *last > 0 && number != *last + 1;
        *last = number;
        if is_gap {
            out.push(Said::Gap(kind));
        }
        Ok(Some(number))
    }

    fn on_market(&mut self, node: &Node<'_>, out: &mut Vec<Said>) -> Result<(), DecodeError> {
        let of = node.field("fact")?;
        let fact = take_fact(&of, &self.context)?;
        let Some(source_seq) = self.follow(LinkKind::Market, node, out)? else { return Ok(()) };
        if let Fact::Book(change) = &fact {
            let Some((_, last)) = self.books.iter_mut().find(|(ix, _)| *ix == change.instrument) else {
                return Ok(());
            };
            match (*last, change.update) {
                (_, BookUpdate::Clear) => {}
                (Some(known), _) if change.update_id == known || change.update_id == known + 1 => {}
                // Without a snapshot it is nothing, be the snapshot lost or late.
                (None | Some(_), _) => {
                    *last = None;
                    out.push(Said::BookGap(change.instrument));
                    return Ok(());
                }
            }
            *last = Some(change.update_id);
        }
        out.push(Said::Market { source_seq, fact });
        Ok(())
    }

    fn on_event(&mut self, node: &Node<'_>, out: &mut Vec<Said>) -> Result<(), DecodeError> {
        let event = get(node, "event", &self.context)?;
        if let Some(source_seq) = self.follow(LinkKind::Account, node, out)? {
            out.push(Said::Event { source_seq, event });
        }
        Ok(())
    }

    #[expect(clippy::unused_self, reason = "one of the client's readers")]
    fn usage(&self, left: Option<u32>, bucket: usize, resets_at: Option<Timestamp>, out: &mut Vec<Said>) {
        if let Some(left) = left {
            out.push(Said::Usage(Usage { bucket, left, resets_at }));
        }
    }

    #[expect(clippy::unused_self, reason = "other dialects choose by their settings")]
    pub(crate) const fn carrier(&self, purpose: &Purpose) -> Option<LinkKind> {
        match purpose {
            // What asks about an order is a question, whoever asks.
            Purpose::Command(OrderCommand::Query { .. }) | Purpose::Question(_) => None,
            Purpose::Command(_) => Some(LinkKind::Trade),
        }
    }

    pub(crate) fn send(
        &mut self,
        ticket: Ticket,
        purpose: &Purpose,
        now: Moment,
    ) -> Result<Outgoing, Unsupported> {
        match purpose {
            Purpose::Command(OrderCommand::Amend { .. }) if !self.capabilities.amend => {
                Err(Unsupported("orders cannot be changed there"))
            }
            Purpose::Command(OrderCommand::Query { id, instrument, .. }) => {
                Ok(self.ask(&crate::Question::Order { id: *id, instrument: *instrument }, now))
            }
            Purpose::Question(question) => Ok(self.ask(question, now)),
            Purpose::Command(command) => {
                let command = command.put(&self.context);
                let sign = signature(&self.credentials.secret, now.venue, &command.to_string());
                let text = message(
                    "command",
                    [
                        ("ticket", ticket.0.into()),
                        ("time", now.venue.millis().into()),
                        ("command", command),
                        ("sign", sign.into()),
                    ],
                );
                Ok(Outgoing::Frame { kind: LinkKind::Trade, frame: Frame::Text(text) })
            }
        }
    }

    fn ask(&self, question: &crate::Question, now: Moment) -> Outgoing {
        let members = [("time", now.venue.millis().into()), ("question", question.put(&self.context))];
        let body = body(members);
        let sign = signature(&self.credentials.secret, now.venue, &body);
        let key = self.credentials.key.clone();
        Outgoing::Request(Request {
            method: Method::Post,
            path: ASK.to_owned(),
            query: String::new(),
            body,
            headers: vec![("x-key", key), ("x-sign", sign)],
        })
    }

    pub(crate) fn on_response(
        &mut self,
        ticket: Ticket,
        _purpose: &Purpose,
        response: &Response,
        out: &mut Vec<Said>,
    ) -> Result<(), DecodeError> {
        if let Some(left) = response.header("x-left").and_then(|text| text.parse().ok()) {
            let reset = response.header("x-reset").and_then(|text| text.parse().ok());
            self.usage(Some(left), 2, reset.and_then(Timestamp::from_millis), out);
        }
        let value = json::parse(response.body.as_bytes())?;
        let node = Node::root(&value);
        let found = node.field("answer")?;
        self.learn_names(&found)?;
        out.push(Said::Answered { ticket, answer: Answer::take(&found, &self.context)? });
        Ok(())
    }

    /// Keeps the names of orders that others placed, so that they can be cancelled.
    fn learn_names(&mut self, answer: &Node<'_>) -> Result<(), DecodeError> {
        if answer.field("type")?.text()? != "open_orders" {
            return Ok(());
        }
        let orders = answer.field("of")?;
        for order in orders.items()? {
            self.context.names.learn(order.field("id")?.text()?);
        }
        Ok(())
    }
}
