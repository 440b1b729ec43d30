//! An exchange as the cases of the matrix meet it: the client of live sessions over real sockets, told by hand what to say.

use std::time::Duration;

use gateway::clock;
use gateway::dial::{DialSettings, Dialer, Origin};
use gateway::http::HttpClient;
use gateway::socket::{self, Ear, Heard};
use loopback::Server;
use model::{
    ClientOrderId, Fact, Fill, Instrument, InstrumentIx, LinkKind, MarkPrice, NewOrder, OrderCommand,
    OrderKind, PositionReport, Quote, Side, VenueEvent,
};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{Receiver, Sender, UnboundedReceiver, UnboundedSender, channel, unbounded_channel};
use units::{Price, Quantity, Rate, Span, Timestamp};
use wire::bybit::calls::market::{Instruments, RiskLimits, ServerTime};
use wire::bybit::calls::{self, Call};
use wire::bybit::feeds::{Depth, Feeds};
use wire::bybit::listing::Listing;
use wire::bybit::{Client, Environment, ID_RULES, Settings, Signer};
use wire::{
    Answer, Credentials, Dialect, Frame, Meaning, Moment, Names, Outgoing, Purpose, Question, Said, Symbols,
    Ticket,
};

/// What is traded.
pub(crate) const SYMBOL: &str = "ETHUSDT";
pub(crate) const IX: InstrumentIx = InstrumentIx(0);

/// How long an answer may take; no case waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(30);

/// What goes wrong in a case, in words.
pub(crate) type Outcome = Result<(), String>;

/// Hears a connection.
struct To(LinkKind, UnboundedSender<(LinkKind, Heard)>);

impl Ear for To {
    async fn hear(&mut self, heard: Heard) -> bool {
        self.1.send((self.0, heard)).is_ok()
    }
}

/// The exchange, with a client that is connected to it.
pub(crate) struct Far {
    runtime: Runtime,
    http: HttpClient,
    dialer: Dialer,
    environment: Environment,
    credentials: Credentials,
    pub(crate) instrument: Instrument,
    dialect: Dialect,
    heard: UnboundedReceiver<(LinkKind, Heard)>,
    to: UnboundedSender<(LinkKind, Heard)>,
    links: [Option<Sender<Frame>>; 3],
    /// Everything that was said, oldest first.
    pub(crate) said: Vec<Said>,
    offset: Span,
    tickets: u64,
    orders: u64,
    /// The exchange of this machine, whose faults are ours to order.
    pub(crate) server: Option<Server>,
}

impl Far {
    /// Connects to an exchange and asks for its rules.
    pub(crate) fn connect(
        environment: Environment,
        credentials: Credentials,
        server: Option<Server>,
    ) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let dialer = Dialer::new(DialSettings::default()).map_err(|error| error.to_string())?;
        let origin = Origin::parse(environment.rest()).map_err(|error| error.to_string())?;
        let http = HttpClient::new(origin, dialer.clone());
        let asks = |request: &wire::Request| {
            runtime.block_on(http.send(request, PATIENCE)).map_err(|failed| failed.to_string())
        };
        let time = ServerTime;
        let request = calls::request(&time, None, clock::now()).ok_or("the time needs no key")?;
        let before = clock::now();
        let response = asks(&request)?;
        let told = calls::read(&time, &response, true, before).map_err(|failure| failure.to_string())?;
        let middle = before + Span::from_nanos((clock::now() - before).nanos() / 2);
        let offset = told - middle;
        let rules = Instruments { symbol: Some(SYMBOL.to_owned()), status: None, cursor: None };
        let request = calls::request(&rules, None, clock::now()).ok_or("rules need no key")?;
        let page =
            calls::read(&rules, &asks(&request)?, true, before).map_err(|failure| failure.to_string())?;
        let row = page.rows.first().ok_or_else(|| format!("{SYMBOL} is not traded there"))?;
        let limits = RiskLimits { symbol: Some(SYMBOL.to_owned()), cursor: None };
        let request = calls::request(&limits, None, clock::now()).ok_or("limits need no key")?;
        let tiers =
            calls::read(&limits, &asks(&request)?, true, before).map_err(|failure| failure.to_string())?;
        let listing = Listing::new(row, &tiers.rows).map_err(|error| error.to_string())?;
        let instrument = Instrument::new(listing.spec).map_err(|error| error.to_string())?;
        let (to, heard) = unbounded_channel();
        let mut far = Self {
            dialect: dialect(&environment, &credentials, &instrument)?,
            runtime,
            http,
            dialer,
            environment,
            credentials,
            instrument,
            heard,
            to,
            links: [None, None, None],
            said: Vec::new(),
            offset,
            tickets: 0,
            orders: 0,
            server,
        };
        for kind in [LinkKind::Market, LinkKind::Account, LinkKind::Trade] {
            far.open(kind)?;
        }
        Ok(far)
    }

    fn moment(&self) -> Moment {
        let local = clock::now();
        Moment { local, venue: local.checked_add(self.offset).unwrap_or(local) }
    }

    /// The exchange's time.
    pub(crate) fn now(&self) -> Timestamp {
        self.moment().venue
    }

    /// Makes a connection and waits until it is logged in and subscribed.
    pub(crate) fn open(&mut self, kind: LinkKind) -> Outcome {
        let spec = self.dialect.links().iter().find(|spec| spec.kind == kind).copied();
        let spec = spec.ok_or_else(|| format!("there is no {} link", kind.name()))?;
        let text = self.environment.link(kind).ok_or("no address")?;
        let origin = Origin::parse(text).map_err(|error| error.to_string())?;
        let (sender, receiver): (Sender<Frame>, Receiver<Frame>) = channel(64);
        self.links[kind as usize] = Some(sender);
        let (dialer, ear, path) = (self.dialer.clone(), To(kind, self.to.clone()), spec.path);
        self.runtime.spawn(async move { socket::run(&dialer, &origin, path, receiver, ear).await });
        self.until(&format!("the {} link", kind.name()), |said| *said == Said::Ready(kind))
    }

    /// Closes a connection.
    pub(crate) fn close(&mut self, kind: LinkKind) {
        self.links[kind as usize] = None;
        self.dialect.closed(kind);
    }

    /// Forgets what was said.
    pub(crate) fn forget(&mut self) {
        while let Ok((kind, heard)) = self.heard.try_recv() {
            let _ = self.hear(kind, heard);
        }
        self.said.clear();
    }

    /// Waits until something is said, which may have been said already.
    pub(crate) fn until(&mut self, what: &str, is_it: impl Fn(&Said) -> bool) -> Outcome {
        let mut looked = 0;
        loop {
            if self.said[looked..].iter().any(&is_it) {
                return Ok(());
            }
            looked = self.said.len();
            let next =
                self.runtime.block_on(async { tokio::time::timeout(PATIENCE, self.heard.recv()).await });
            let Ok(Some((kind, heard))) = next else {
                let last: Vec<String> =
                    self.said.iter().rev().take(6).map(|said| format!("{said:?}")).collect();
                return Err(format!("{what} did not come; said last: {}", last.join(" | ")));
            };
            self.hear(kind, heard)?;
        }
    }

    fn hear(&mut self, kind: LinkKind, heard: Heard) -> Outcome {
        let now = self.moment();
        match heard {
            Heard::Opened => {
                let mut out = Vec::new();
                self.dialect.opened(kind, now, &mut out);
                out.into_iter().try_for_each(|outgoing| self.deliver(outgoing, None))
            }
            Heard::Frame(frame) => {
                let mut out = Vec::new();
                let outcome = self.dialect.on_frame(kind, &frame, &mut out);
                outcome.map_err(|error| format!("unreadable: {error}"))?;
                self.take(out, None)
            }
            Heard::Closed(reason) => {
                self.dialect.closed(kind);
                self.said.push(Said::Remark(format!("{} closed: {reason}", kind.name())));
                Ok(())
            }
        }
    }

    fn take(&mut self, out: Vec<Said>, purpose: Option<&Purpose>) -> Outcome {
        for said in out {
            match said {
                Said::Reply(outgoing) => self.deliver(outgoing, None)?,
                Said::Continued(ticket) => {
                    let purpose = purpose.ok_or("a rest of nothing")?;
                    let now = self.moment();
                    let outgoing = self.dialect.send(ticket, purpose, now).map_err(|no| no.0.to_owned())?;
                    self.deliver(outgoing, Some((ticket, *purpose)))?;
                }
                said => self.said.push(said),
            }
        }
        Ok(())
    }

    fn deliver(&mut self, outgoing: Outgoing, purpose: Option<(Ticket, Purpose)>) -> Outcome {
        match outgoing {
            Outgoing::Frame { kind, frame } => {
                let link = self.links[kind as usize].as_ref().ok_or("the connection is not there")?;
                link.try_send(frame).map_err(|error| error.to_string())
            }
            Outgoing::Request(request) => {
                let sent = self.runtime.block_on(self.http.send(&request, PATIENCE));
                let response = sent.map_err(|failed| failed.to_string())?;
                let Some((ticket, purpose)) = purpose else { return Ok(()) };
                let mut out = Vec::new();
                let outcome = self.dialect.on_response(ticket, &purpose, &response, &mut out);
                outcome.map_err(|error| format!("unreadable: {error}"))?;
                self.take(out, Some(&purpose))
            }
        }
    }

    fn send(&mut self, purpose: Purpose) -> Result<Ticket, String> {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let now = self.moment();
        let outgoing = self.dialect.send(ticket, &purpose, now).map_err(|no| no.0.to_owned())?;
        self.deliver(outgoing, Some((ticket, purpose)))?;
        Ok(ticket)
    }

    /// Sends a command whose answer nobody waits for.
    pub(crate) fn send_only(&mut self, command: OrderCommand) -> Outcome {
        self.send(Purpose::Command(command)).map(|_| ())
    }

    /// Sends a command and waits for what it is answered with.
    pub(crate) fn command(&mut self, command: OrderCommand) -> Result<Meaning, String> {
        loop {
            let meaning = self.command_once(command)?;
            let Meaning::RateLimited { until } = meaning else { return Ok(meaning) };
            self.rest_until(until);
        }
    }

    fn command_once(&mut self, command: OrderCommand) -> Result<Meaning, String> {
        let ticket = self.send(Purpose::Command(command))?;
        let is_it = |said: &Said| matches!(said, Said::Outcome { ticket: of, .. } if *of == ticket);
        self.until(&format!("an answer to {command:?}"), is_it)?;
        let found = self.said.iter().find_map(|said| match said {
            Said::Outcome { ticket: of, meaning } if *of == ticket => Some(*meaning),
            _ => None,
        });
        found.ok_or_else(|| "no answer".to_owned())
    }

    /// The same, where anything but success is a failure of the case.
    pub(crate) fn does(&mut self, command: OrderCommand) -> Outcome {
        match self.command(command)? {
            Meaning::Accepted | Meaning::AlreadySo => Ok(()),
            other => Err(format!("{command:?} was answered with: {other}")),
        }
    }

    /// Asks something.
    pub(crate) fn ask(&mut self, question: Question) -> Result<Answer, String> {
        let ticket = self.send(Purpose::Question(question))?;
        let is_it = |said: &Said| matches!(said, Said::Answered { ticket: of, .. } if *of == ticket);
        self.until(&format!("an answer to {question:?}"), is_it)?;
        let found = self.said.iter().find_map(|said| match said {
            Said::Answered { ticket: of, answer } if *of == ticket => Some(answer.clone()),
            _ => None,
        });
        match found {
            Some(Answer::Failed(meaning)) => Err(format!("{question:?}: {meaning}")),
            Some(answer) => Ok(answer),
            None => Err("no answer".to_owned()),
        }
    }

    /// Asks by request, as whoever the signer says, dated so much later than it is.
    pub(crate) fn rest<C: Call>(
        &self,
        call: &C,
        credentials: &Credentials,
        late: Span,
    ) -> Result<C::Answer, calls::Failure> {
        let signer = Signer::new(credentials.clone(), Span::from_seconds(5));
        loop {
            let now = self.now().checked_add(late).unwrap_or(Timestamp::MAX);
            let unsent = |text: String| calls::refusal(0, &text, 0, None, true, now);
            let request =
                calls::request(call, Some(&signer), now).ok_or_else(|| unsent("no key".to_owned()))?;
            let sent = self.runtime.block_on(self.http.send(&request, PATIENCE));
            let response = sent.map_err(|failed| unsent(failed.to_string()))?;
            match calls::read(call, &response, true, now) {
                Err(calls::Failure::Refused { meaning: Meaning::RateLimited { until }, .. }) => {
                    self.rest_until(until);
                }
                other => return other,
            }
        }
    }

    /// Whoever asks too often waits; nothing was taken.
    fn rest_until(&self, until: Option<Timestamp>) {
        let wait = until.map_or(Span::from_seconds(1), |until| until - self.now());
        let millis = u64::try_from(wait.nanos() / 1_000_000).unwrap_or(0);
        std::thread::sleep(Duration::from_millis(millis.clamp(50, 2_000)));
    }

    pub(crate) const fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Orders something at the exchange of this machine.
    pub(crate) fn admin(&self, path: &str, body: &str) -> Outcome {
        let server = self.server.as_ref().ok_or("faults can be ordered on this machine only")?;
        match server.admin("POST", path, body) {
            Some(reply) if reply.status == 200 => Ok(()),
            Some(reply) => Err(format!("{path}: {}", reply.body)),
            None => Err("the exchange has ended".to_owned()),
        }
    }

    // --- what orders are made of ---

    /// A name that was not used before.
    pub(crate) fn name(&mut self) -> ClientOrderId {
        self.orders += 1;
        ClientOrderId::new(self.orders, 0)
    }

    /// The newest quote.
    pub(crate) fn quote(&mut self) -> Result<Quote, String> {
        self.until("a quote", |said| matches!(said, Said::Market { fact: Fact::Quote(_), .. }))?;
        let quotes = self.said.iter().rev().filter_map(|said| match said {
            Said::Market { fact: Fact::Quote(quote), .. } => Some(*quote),
            _ => None,
        });
        quotes.into_iter().next().ok_or_else(|| "no quote".to_owned())
    }

    /// The newest mark price.
    pub(crate) fn mark(&mut self) -> Result<MarkPrice, String> {
        self.until("a mark price", |said| matches!(said, Said::Market { fact: Fact::Mark(_), .. }))?;
        let marks = self.said.iter().rev().filter_map(|said| match said {
            Said::Market { fact: Fact::Mark(mark), .. } => Some(*mark),
            _ => None,
        });
        marks.into_iter().next().ok_or_else(|| "no mark price".to_owned())
    }

    /// A price so many thousandths away from the market, where nothing trades.
    pub(crate) fn away(&mut self, side: Side, thousandths: i64) -> Result<Price, String> {
        let bid = self.quote()?.bid;
        let rate = Rate::from_units(thousandths * 1_000_000);
        Ok(self.instrument.price_shifted(bid, side.opposite(), rate))
    }

    /// Worth some twelve dollars: above the least of any market.
    pub(crate) fn small(&mut self) -> Result<Quantity, String> {
        let price = self.quote()?.ask;
        let worth = units::Amount::from_units(12 * units::pow10(18));
        let quantity = self.instrument.quantity_for(worth, price);
        Ok(quantity.max(self.instrument.min_quantity))
    }

    /// A small order of a kind.
    pub(crate) fn order(&mut self, side: Side, kind: OrderKind) -> Result<NewOrder, String> {
        let quantity = self.small()?;
        Ok(NewOrder::new(self.name(), IX, side, kind, quantity))
    }

    /// A small limit order that rests far from the market.
    pub(crate) fn resting(&mut self, side: Side) -> Result<NewOrder, String> {
        let price = self.away(side, 30)?;
        self.order(side, OrderKind::Limit { price })
    }

    /// Places a market order and waits until all of it is filled. Returns its executions.
    pub(crate) fn trade(&mut self, order: NewOrder) -> Result<Vec<Fill>, String> {
        self.does(OrderCommand::Place(order))?;
        loop {
            let fills = self.fills(order.id);
            let filled = fills.iter().fold(Quantity::ZERO, |sum, fill| sum + fill.quantity);
            if filled == order.quantity {
                return Ok(fills);
            }
            let known = fills.len();
            let count = |said: &Said| matches!(said, Said::Event { event: VenueEvent::Filled(fill), .. } if fill.order == Some(order.id));
            let before = self.said.iter().filter(|said| count(said)).count();
            if before > known {
                return Err(format!("executions of {:?} were told twice", order.id));
            }
            self.more(&format!("executions of {:?}", order.id), count, before)?;
        }
    }

    /// Waits until more of something was said than before.
    pub(crate) fn more(&mut self, what: &str, is_it: impl Fn(&Said) -> bool, before: usize) -> Outcome {
        let from = self.said.iter().enumerate().filter(|(_, said)| is_it(said)).nth(before);
        if from.is_some() {
            return Ok(());
        }
        let len = self.said.len();
        let kept: Vec<Said> = self.said.split_off(0);
        let outcome = self.until(what, &is_it);
        let new = std::mem::replace(&mut self.said, kept);
        debug_assert_eq!(self.said.len(), len);
        self.said.extend(new);
        outcome
    }

    /// The executions of an order that were told, each once.
    pub(crate) fn fills(&self, id: ClientOrderId) -> Vec<Fill> {
        let mut fills: Vec<Fill> = Vec::new();
        for said in &self.said {
            if let Said::Event { event: VenueEvent::Filled(fill), .. } = said
                && fill.order == Some(id)
                && !fills.iter().any(|known| known.execution == fill.execution)
            {
                fills.push(*fill);
            }
        }
        fills
    }

    /// Waits until an order is said to have ended without being filled whole.
    pub(crate) fn ends(&mut self, id: ClientOrderId) -> Outcome {
        self.until(&format!("the end of {id:?}"), |said| {
            let Said::Event { event, .. } = said else { return false };
            matches!(event, VenueEvent::Cancelled { id: of, .. } | VenueEvent::Rejected { id: of, .. } if *of == id)
        })
    }

    /// The names of the open orders.
    pub(crate) fn open_orders(&mut self) -> Result<Vec<ClientOrderId>, String> {
        match self.ask(Question::OpenOrders)? {
            Answer::OpenOrders(rows) => Ok(rows.iter().map(|row| row.id).collect()),
            other => Err(format!("{other:?}")),
        }
    }

    /// The position, signed.
    pub(crate) fn position(&mut self) -> Result<Quantity, String> {
        match self.ask(Question::Positions)? {
            Answer::Positions(rows) => {
                let of = |row: &&PositionReport| row.instrument == IX;
                Ok(rows.iter().find(of).map_or(Quantity::ZERO, |row| row.quantity))
            }
            other => Err(format!("{other:?}")),
        }
    }

    /// No order and no position.
    pub(crate) fn flat(&mut self) -> Outcome {
        self.does(OrderCommand::CancelAll { instrument: Some(IX), scope: model::CancelScope::All })?;
        let held = self.position()?;
        if held.is_zero() {
            return Ok(());
        }
        let order = NewOrder {
            reduce_only: true,
            ..NewOrder::new(self.name(), IX, Side::of(-held), OrderKind::Market, held.abs())
        };
        self.trade(order).map(|_| ())
    }
}

/// A client as live sessions have it.
fn dialect(
    environment: &Environment,
    credentials: &Credentials,
    instrument: &Instrument,
) -> Result<Dialect, String> {
    let mut feeds = Feeds::new(vec![model::Timeframe::MINUTE]);
    feeds.trades = true;
    feeds.book = Some(Depth::L50);
    let symbols = Symbols::new([(IX, instrument)]);
    // Names of a run are never used by another one.
    let mark = u32::try_from(clock::now().nanos() / 1_000_000 % i64::from(u32::MAX)).unwrap_or(0);
    let names = Names::new(mark, "bybit", ID_RULES).map_err(|error| error.to_string())?;
    let settings = Settings::new(environment.clone(), symbols, names, Some(credentials.clone()), feeds);
    Ok(Dialect::Bybit(Box::new(Client::new(settings))))
}
