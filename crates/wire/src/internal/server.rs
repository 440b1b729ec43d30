//! The server side: what the simulated exchange hears and says. It checks what an exchange checks before it looks at an order:
//! key, signature, time.

use super::fields::{Context, Field, get};
use super::messages::{body, message, put_fact, signature};
use super::{AHEAD, WINDOW};
use crate::json::{self, DecodeError, Node};
use crate::{Answer, Credentials, Frame, Meaning, Names, Question, Request, Response, Symbols, Ticket, sign};
use model::{Fact, InstrumentIx, LinkKind, OrderCommand, RejectReason, VenueEvent};
use serde_json::Value;
use units::Timestamp;

/// What a client asked for, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// A command, to be answered with [`Server::outcome`].
    Command(Ticket, OrderCommand),
    /// A question, to be answered with [`Server::answer`].
    Question(Question),
    /// The link is subscribed or logged in: from now on it may be told.
    Ready(LinkKind),
    /// A book is to begin anew.
    Resync(InstrumentIx),
}

/// The server side of the internal dialect, for one account.
#[derive(Debug)]
pub struct Server {
    context: Context,
    credentials: Credentials,
    /// Messages told on the market link since it was opened, and account events since the account was.
    told: [u64; 3],
    is_ready: [bool; 3],
}

impl Server {
    /// A server that knows one client. `names` are those of the client's run.
    #[must_use]
    pub const fn new(symbols: Symbols, names: Names, credentials: Credentials) -> Self {
        Self { context: Context { names, symbols }, credentials, told: [0; 3], is_ready: [false; 3] }
    }

    /// A new connection was made, or the old one was lost.
    pub const fn opened(&mut self, kind: LinkKind) {
        self.is_ready[kind.index()] = false;
        if matches!(kind, LinkKind::Market) {
            self.told[kind.index()] = 0;
        }
    }

    /// Whether the client of a link is logged in or subscribed.
    #[must_use]
    pub const fn is_ready(&self, kind: LinkKind) -> bool {
        self.is_ready[kind.index()]
    }

    /// Reads a frame at `now`, the venue's time. What is to be said at once is appended to `replies`.
    ///
    /// # Errors
    /// When it cannot be read; a server closes the connection then.
    pub fn on_frame(
        &mut self,
        kind: LinkKind,
        frame: &Frame,
        now: Timestamp,
        replies: &mut Vec<Frame>,
    ) -> Result<Option<Heard>, DecodeError> {
        let value = json::parse(frame.bytes())?;
        let node = Node::root(&value);
        let op = node.field("op")?;
        match (op.text()?, kind) {
            ("ping", _) => {
                replies.push(Frame::Text(message("pong", [])));
                Ok(None)
            }
            ("subscribe", LinkKind::Market) => self.subscribe(&node, replies),
            ("resync", LinkKind::Market) => Ok(Some(Heard::Resync(get(&node, "symbol", &self.context)?))),
            ("login", LinkKind::Account | LinkKind::Trade) => self.login(kind, &node, now, replies),
            ("command", LinkKind::Trade) => self.command(&node, now, replies),
            _ => Err(op.refuse(format!("what the {} link takes", kind.name()))),
        }
    }

    fn subscribe(&mut self, node: &Node<'_>, replies: &mut Vec<Frame>) -> Result<Option<Heard>, DecodeError> {
        let symbols: Vec<String> = get(node, "symbols", &self.context)?;
        let unknown = |symbol: &String| self.context.symbols.ix(symbol).is_none();
        let refused: Vec<Value> = symbols.into_iter().filter(unknown).map(Value::from).collect();
        let is_ready = refused.is_empty();
        replies.push(Frame::Text(message("subscribed", [("refused", Value::Array(refused))])));
        self.is_ready[LinkKind::Market.index()] = is_ready;
        Ok(is_ready.then_some(Heard::Ready(LinkKind::Market)))
    }

    fn login(
        &mut self,
        kind: LinkKind,
        node: &Node<'_>,
        now: Timestamp,
        replies: &mut Vec<Frame>,
    ) -> Result<Option<Heard>, DecodeError> {
        let key: String = get(node, "key", &self.context)?;
        let (time, given) = self.dated(node)?;
        let expected = signature(&self.credentials.secret, time, kind.name());
        let meaning = if sign::equals(&key, &self.credentials.key) && sign::equals(&given, &expected) {
            in_window(time, now).unwrap_or(Meaning::Accepted)
        } else {
            Meaning::CredentialsInvalid
        };
        replies.push(Frame::Text(message("login", [("meaning", meaning.put(&self.context))])));
        let is_ready = meaning == Meaning::Accepted;
        self.is_ready[kind.index()] = is_ready;
        Ok(is_ready.then_some(Heard::Ready(kind)))
    }

    fn dated(&self, node: &Node<'_>) -> Result<(Timestamp, String), DecodeError> {
        let field = node.field("time")?;
        let time = Timestamp::from_millis(field.int()?).ok_or_else(|| field.refuse("milliseconds"))?;
        Ok((time, get(node, "sign", &self.context)?))
    }

    fn command(
        &mut self,
        node: &Node<'_>,
        now: Timestamp,
        replies: &mut Vec<Frame>,
    ) -> Result<Option<Heard>, DecodeError> {
        let ticket = Ticket(get(node, "ticket", &self.context)?);
        let field = node.field("command")?;
        let (time, given) = self.dated(node)?;
        let expected = signature(&self.credentials.secret, time, &field.value().to_string());
        let refusal = if !self.is_ready(LinkKind::Trade) || !sign::equals(&given, &expected) {
            Some(Meaning::CredentialsInvalid)
        } else {
            in_window(time, now)
        };
        let command = match refusal {
            Some(meaning) => Err(meaning),
            None => OrderCommand::take(&field, &self.context).map_err(|error| {
                let is_symbol = error.path.ends_with("instrument");
                Meaning::Rejected(if is_symbol {
                    RejectReason::UnknownInstrument
                } else {
                    RejectReason::NoSuchTerm
                })
            }),
        };
        match command {
            Ok(command) => Ok(Some(Heard::Command(ticket, command))),
            Err(meaning) => {
                replies.push(self.outcome(ticket, meaning));
                Ok(None)
            }
        }
    }

    /// Reads a request at `now`, the venue's time.
    ///
    /// # Errors
    /// With the response that refuses it.
    pub fn on_request(&self, request: &Request, now: Timestamp) -> Result<Question, Response> {
        let fail = |meaning| self.answer(&Answer::Failed(meaning));
        let header = |name: &str| {
            let found = request.headers.iter().find(|(known, _)| *known == name);
            found.map_or("", |(_, value)| value.as_str())
        };
        let read = || {
            let value = json::parse(request.body.as_bytes())?;
            let node = Node::root(&value);
            let field = node.field("time")?;
            let time = Timestamp::from_millis(field.int()?).ok_or_else(|| field.refuse("milliseconds"))?;
            Ok::<_, DecodeError>((time, get(&node, "question", &self.context)?))
        };
        let Ok((time, question)) = read() else {
            return Err(fail(Meaning::Rejected(RejectReason::NoSuchTerm)));
        };
        let expected = signature(&self.credentials.secret, time, &request.body);
        if !sign::equals(header("x-key"), &self.credentials.key) || !sign::equals(header("x-sign"), &expected)
        {
            return Err(fail(Meaning::CredentialsInvalid));
        }
        match in_window(time, now) {
            // Who asks for the time cannot know it yet.
            Some(meaning) if question != Question::Time => Err(fail(meaning)),
            _ => Ok(question),
        }
    }

    /// What became of a command.
    #[must_use]
    pub fn outcome(&self, ticket: Ticket, meaning: Meaning) -> Frame {
        let members = [("ticket", ticket.0.into()), ("meaning", meaning.put(&self.context))];
        Frame::Text(message("outcome", members))
    }

    /// A market fact, numbered; `None` for facts that no market tells.
    #[must_use]
    pub fn market(&mut self, fact: &Fact) -> Option<Frame> {
        let fact = put_fact(fact, &self.context)?;
        let told = &mut self.told[LinkKind::Market.index()];
        *told += 1;
        Some(Frame::Text(message("market", [("n", (*told).into()), ("fact", fact)])))
    }

    /// Something happened to the account. Numbered whether anybody listens or not: who reconnects sees what was missed.
    #[must_use]
    pub fn event(&mut self, event: &VenueEvent) -> Frame {
        let told = &mut self.told[LinkKind::Account.index()];
        *told += 1;
        Frame::Text(message("event", [("n", (*told).into()), ("event", event.put(&self.context))]))
    }

    /// The answer to a question.
    #[must_use]
    pub fn answer(&self, answer: &Answer) -> Response {
        let body = body([("answer", answer.put(&self.context))]);
        Response { status: 200, headers: Vec::new(), body }
    }
}

/// What a message dated `time` is refused with at `now`, if it is.
fn in_window(time: Timestamp, now: Timestamp) -> Option<Meaning> {
    let age = i128::from(now.nanos()) - i128::from(time.nanos());
    let is_in = age <= i128::from(WINDOW.nanos()) && age >= -i128::from(AHEAD.nanos());
    (!is_in).then_some(Meaning::ClockSkew)
}
