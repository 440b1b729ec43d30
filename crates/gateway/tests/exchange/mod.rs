//! A small exchange on this machine's sockets, speaking the internal dialect, and a session that trades there.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

use engine::risk::{Limits, Sizing};
use engine::{Engine, FaultPolicy, Guards, StrategySetup};
use futures_util::{SinkExt, StreamExt};
use gateway::clock;
use gateway::dial::{DialSettings, Dialer, Origin};
use gateway::files::RunFiles;
use gateway::inbox::Room;
use gateway::node::{Ends, Node, Setup, WATCHERS};
use gateway::watchers::{Seen, Watcher};
use journal::{Manifest, RunId, State, content_digest};
use model::{
    Bar, Candle, Direction, Exchange, Fact, Fill, Instrument, InstrumentIx, InstrumentKind, InstrumentSpec,
    LinkKind, MarginTier, Seq, Signal, Tag, Timeframe, VenueEvent,
};
use session::bus::Delivery;
use session::life::Stage;
use session::recovery::Opening;
use session::{Paper, Record, Run, SessionEvent, StopRules, VenueSetup};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use strategy::{Intents, Needs, StateError, StateReader, StateWriter, Strategy, View};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, mpsc};
use tokio_tungstenite::tungstenite::Message;
use units::{Amount, Decimal, Price, Quantity, Rate, Span, Timestamp};
use venue::{Event, Venue, VenueConfig};
use wire::internal::{self, Client, Heard, Server};
use wire::{
    Answer, Credentials, Dialect, Ended, Frame, Meaning, Method, Names, OrderAnswer, Question, Request,
    Response, Secret, Symbols,
};

pub(crate) const IX: InstrumentIx = InstrumentIx(0);
pub(crate) const SECRET: &str = "hush-this-is-never-shown";

pub(crate) fn instrument() -> Instrument {
    Instrument::new(InstrumentSpec {
        symbol: "AAAUSDT".into(),
        exchange: Exchange::Synthetic,
        kind: InstrumentKind::LinearPerpetual,
        base: "AAA".into(),
        quote: "USDT".into(),
        price_decimals: 2,
        quantity_decimals: 4,
        contract_size: Decimal { mantissa: 1, decimals: 0 },
        tick_size: Price::new(10),
        quantity_step: Quantity::new(10),
        min_quantity: Quantity::new(20),
        max_limit_quantity: Quantity::new(1_000_000),
        max_market_quantity: Quantity::new(500_000),
        min_notional: Amount::parse("5").unwrap(),
        margin_tiers: vec![MarginTier {
            notional_limit: Amount::parse("100000000").unwrap(),
            maintenance_rate: Rate::parse("0.005").unwrap(),
            max_leverage: Rate::parse("20").unwrap(),
            deduction: Amount::ZERO,
        }],
        funding_interval: Span::from_seconds(8 * 3600),
        version: 1,
    })
    .unwrap()
}

fn symbols() -> Symbols {
    Symbols::new([(IX, &instrument())])
}

fn names() -> Names {
    Names::new(7, "exchange", internal::ID_RULES).unwrap()
}

fn credentials(secret: &str) -> Credentials {
    Credentials { key: "key".to_owned(), secret: Secret::new(secret.to_owned()) }
}

/// Long while candles close above a hundred, flat otherwise; sleeps where it is told to.
#[derive(Debug, Clone)]
pub(crate) struct Flipper {
    pub(crate) seen: i64,
    pub(crate) sleeps_at: Option<(i64, Duration)>,
}

impl Strategy for Flipper {
    fn needs(&self) -> Needs {
        Needs::default()
    }

    fn on_fact(&mut self, _view: &View<'_>, fact: &Fact, intents: &mut Intents) {
        let Fact::Candle(candle) = fact else { return };
        self.seen += 1;
        if let Some((at, long)) = self.sleeps_at
            && at == self.seen
        {
            std::thread::sleep(long);
        }
        let is_high = candle.bar.close > Price::new(10_000);
        let direction = if is_high { Direction::Long } else { Direction::Flat };
        intents.signal(Signal::new(IX, direction, Tag(0)));
    }

    fn save(&self, state: &mut StateWriter) {
        state.int(self.seen);
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.seen = state.int()?;
        Ok(())
    }
}

pub(crate) fn engine(flipper: &Flipper) -> Engine {
    let setup = engine::Setup {
        instruments: vec![instrument()],
        initial_balance: Amount::parse("1000").unwrap(),
        limits: Limits {
            sizing: Sizing::FixedQuantity(Decimal { mantissa: 1, decimals: 0 }),
            leverage: Rate::ONE,
            house_stop: None,
            house_target: None,
            ..Limits::default()
        },
        min_strength: Rate::ZERO,
        voting: engine::Voting::default(),
        keep_bars: 0,
        trade_from: Timestamp::MIN,
        house_plan: None,
        guards: Guards::default(),
    };
    let hosted = StrategySetup {
        name: "flipper".to_owned(),
        strategy: Box::new(flipper.clone()),
        instruments: vec![IX],
        timeframe: Timeframe::MINUTE,
        weight: Rate::ONE,
        on_fault: FaultPolicy::Close,
        wants_house_stop: false,
        wants_house_target: false,
        is_exempt_from_stop: true,
        rebuild: None,
    };
    Engine::new(setup, vec![hosted])
}

/// The exchange's side.
struct Far {
    server: Server,
    venue: Venue,
    fills: Vec<Fill>,
    ended: BTreeMap<model::ClientOrderId, Ended>,
    filled: BTreeMap<model::ClientOrderId, Quantity>,
    told: broadcast::Sender<(LinkKind, Frame)>,
    minute: i64,
}

impl Far {
    fn tell(&mut self, events: &[Event]) {
        for Event { event, .. } in events {
            match event {
                VenueEvent::Filled(fill) => {
                    let fill = Fill { exchange_time: clock::now(), ..*fill };
                    self.fills.push(fill);
                    if let Some(id) = fill.order {
                        *self.filled.entry(id).or_default() += fill.quantity;
                        self.ended.insert(id, Ended::Filled);
                    }
                    let frame = self.server.event(&VenueEvent::Filled(fill));
                    // Nobody may be listening.
                    let _ = self.told.send((LinkKind::Account, frame));
                    continue;
                }
                VenueEvent::Cancelled { id, reason, .. } => {
                    self.ended.insert(*id, Ended::Cancelled(*reason));
                }
                VenueEvent::Rejected { id, reason, .. } => {
                    self.ended.insert(*id, Ended::Rejected(*reason));
                }
                _ => {}
            }
            let frame = self.server.event(event);
            let _ = self.told.send((LinkKind::Account, frame));
        }
    }

    fn answer(&self, question: Question) -> Answer {
        match question {
            Question::Time => Answer::Time(clock::now()),
            Question::OpenOrders => Answer::OpenOrders(self.venue.order_reports().collect()),
            Question::Order { id, .. } => {
                let open = self.venue.order_reports().find(|report| report.id == id);
                let filled = self.filled.get(&id).copied().unwrap_or_default();
                Answer::Order(match (open, self.ended.get(&id)) {
                    (Some(report), _) => OrderAnswer::Open(report),
                    (None, Some(how)) => OrderAnswer::Ended { filled, how: *how },
                    (None, None) => OrderAnswer::NotFound,
                })
            }
            Question::Fills { since } => {
                let fills = self.fills.iter().filter(|fill| fill.exchange_time >= since).copied().collect();
                Answer::Fills { fills, has_more: false }
            }
            Question::Positions => Answer::Positions(self.venue.position_reports().collect()),
            Question::Wallet => Answer::Wallet(self.venue.account().wallet()),
            Question::Instruments => Answer::Instruments(vec![instrument().spec().clone()]),
        }
    }
}

/// The exchange, as a test holds it.
pub(crate) struct Market {
    far: Arc<Mutex<Far>>,
    cut: broadcast::Sender<()>,
    pub(crate) sockets: std::net::SocketAddr,
    pub(crate) http: std::net::SocketAddr,
}

impl Market {
    pub(crate) async fn start() -> Arc<Self> {
        let (told, _) = broadcast::channel(4096);
        let (cut, _) = broadcast::channel(16);
        let config =
            VenueConfig { initial_balance: Amount::parse("1000").unwrap(), ..VenueConfig::default() };
        let far = Far {
            server: Server::new(symbols(), names(), credentials(SECRET)),
            venue: Venue::new(vec![instrument()], config),
            fills: Vec::new(),
            ended: BTreeMap::new(),
            filled: BTreeMap::new(),
            told,
            minute: clock::now().nanos() / 60_000_000_000,
        };
        let far = Arc::new(Mutex::new(far));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sockets = listener.local_addr().unwrap();
        tokio::spawn({
            let (far, cut) = (Arc::clone(&far), cut.clone());
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve_socket(stream, Arc::clone(&far), cut.subscribe()));
                }
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let http = listener.local_addr().unwrap();
        tokio::spawn({
            let far = Arc::clone(&far);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve_requests(stream, Arc::clone(&far)));
                }
            }
        });
        Arc::new(Self { far, cut, sockets, http })
    }

    /// The next minute closes at this price.
    pub(crate) fn candle(&self, close: &str) {
        let mut far = self.far.lock().unwrap();
        let p = Price::parse(close, 2).unwrap();
        let open_time = Timestamp::from_seconds(far.minute * 60).unwrap();
        far.minute += 1;
        let bar = Bar { open_time, open: p, high: p, low: p, close: p, volume: Quantity::ZERO };
        let candle = Candle { instrument: IX, timeframe: Timeframe::MINUTE, bar };
        let mut events = Vec::new();
        far.venue.on_candle(&candle, &mut events);
        far.tell(&events);
        let frame = far.server.market(&Fact::Candle(candle)).unwrap();
        let _ = far.told.send((LinkKind::Market, frame));
    }

    /// From now on minutes pass by themselves, fast, at this price.
    pub(crate) fn run(self: &Arc<Self>, close: &'static str) {
        let market = Arc::clone(self);
        tokio::spawn(async move {
            loop {
                market.candle(close);
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        });
    }

    /// Every socket breaks without a word.
    pub(crate) fn cut(&self) {
        let _ = self.cut.send(());
    }

    pub(crate) fn position(&self) -> Quantity {
        let far = self.far.lock().unwrap();
        far.venue.position_reports().next().map_or(Quantity::ZERO, |report| report.quantity)
    }

    pub(crate) fn fills(&self) -> usize {
        self.far.lock().unwrap().fills.len()
    }

    pub(crate) fn ends(&self) -> Ends {
        let socket = Origin::parse(&format!("ws://{}", self.sockets)).unwrap();
        Ends {
            http: Origin::parse(&format!("http://{}", self.http)).unwrap(),
            links: [socket.clone(), socket.clone(), socket],
        }
    }
}

async fn serve_socket(stream: TcpStream, far: Arc<Mutex<Far>>, mut cut: broadcast::Receiver<()>) {
    let mut path = String::new();
    #[expect(clippy::result_large_err, reason = "as the library wants it")]
    let note = |request: &tokio_tungstenite::tungstenite::handshake::server::Request, response| {
        request.uri().path().clone_into(&mut path);
        Ok(response)
    };
    let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, note).await else { return };
    let kind = LinkKind::ALL.into_iter().find(|kind| path == format!("/{}", kind.name())).unwrap();
    let mut told = {
        let mut far = far.lock().unwrap();
        far.server.opened(kind);
        far.told.subscribe()
    };
    loop {
        tokio::select! {
            _ = cut.recv() => return,
            frame = told.recv() => {
                let Ok((of, Frame::Text(text))) = frame else { return };
                if of == kind && far.lock().unwrap().server.is_ready(kind)
                    && socket.send(Message::Text(text.into())).await.is_err()
                {
                    return;
                }
            }
            message = socket.next() => {
                let Some(Ok(Message::Text(text))) = message else { return };
                let mut replies = Vec::new();
                {
                    let mut far = far.lock().unwrap();
                    let now = clock::now();
                    let frame = Frame::Text(text.as_str().to_owned());
                    let Ok(heard) = far.server.on_frame(kind, &frame, now, &mut replies) else { return };
                    if let Some(Heard::Command(ticket, command)) = heard {
                        let mut events = Vec::new();
                        far.venue.on_command(now, &command, &mut events);
                        replies.push(far.server.outcome(ticket, Meaning::Accepted));
                        far.tell(&events);
                    }
                }
                for reply in replies {
                    let Frame::Text(text) = reply else { continue };
                    if socket.send(Message::Text(text.into())).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

/// As much HTTP as a test needs.
async fn serve_requests(mut stream: TcpStream, far: Arc<Mutex<Far>>) {
    while let Some((head, body)) = read_request(&mut stream).await {
        let header = |name: &str| {
            let line = head.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}:")))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let request = Request {
            method: Method::Post,
            path: "/ask".to_owned(),
            query: String::new(),
            body,
            headers: [("x-key", header("x-key")), ("x-sign", header("x-sign"))]
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)))
                .collect(),
        };
        let response = {
            let far = far.lock().unwrap();
            match far.server.on_request(&request, clock::now()) {
                Ok(question) => far.server.answer(&far.answer(question)),
                Err(response) => response,
            }
        };
        if stream.write_all(&rendered(&response)).await.is_err() {
            return;
        }
    }
}

pub(crate) fn rendered(response: &Response) -> Vec<u8> {
    let head = format!("HTTP/1.1 {} X\r\ncontent-length: {}\r\n\r\n", response.status, response.body.len());
    [head.as_bytes(), response.body.as_bytes()].concat()
}

/// The head and the body of the next request.
pub(crate) async fn read_request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, String::from_utf8(body).unwrap()))
}

/// Writes down what it sees.
struct Notebook(mpsc::UnboundedSender<String>);

impl Watcher for Notebook {
    fn name(&self) -> &'static str {
        "notebook"
    }

    fn see(&mut self, seen: Delivery<Seen>) -> Result<(), String> {
        let text = match seen {
            Delivery::Item { item: Seen::Published(_), .. } => return Ok(()),
            Delivery::Item { item, .. } => format!("{item:?}"),
            Delivery::Resync { .. } => "resync".to_owned(),
        };
        self.0.send(text).map_err(|error| error.to_string())
    }

    fn close(&mut self) {
        let _ = self.0.send("closed".to_owned());
    }
}

pub(crate) struct Running {
    pub(crate) node: Node,
    pub(crate) seen: mpsc::UnboundedReceiver<String>,
    pub(crate) stuck: mpsc::UnboundedReceiver<gateway::watchdog::Stuck>,
    /// Everything seen so far.
    pub(crate) log: Vec<String>,
}

/// How a session is started.
pub(crate) struct Wish<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) ends: Ends,
    pub(crate) is_paper: bool,
    pub(crate) secret: &'a str,
    pub(crate) stop: StopRules,
    pub(crate) flipper: Flipper,
    pub(crate) patience: Duration,
}

impl<'a> Wish<'a> {
    pub(crate) fn new(folder: &'a Path, ends: Ends) -> Self {
        Self {
            folder,
            ends,
            is_paper: false,
            secret: SECRET,
            stop: StopRules::default(),
            flipper: Flipper { seen: 0, sleeps_at: None },
            patience: Duration::from_secs(60),
        }
    }
}

impl Running {
    pub(crate) fn start(wish: Wish<'_>) -> Self {
        let settings = internal::Settings {
            symbols: symbols(),
            names: names(),
            credentials: credentials(wish.secret),
            capabilities: internal::capabilities(),
            limits: internal::limits(),
        };
        let paper = || {
            let config =
                VenueConfig { initial_balance: Amount::parse("1000").unwrap(), ..VenueConfig::default() };
            Paper::new(Venue::new(vec![instrument()], config), Span::ZERO)
        };
        let setup = session::Setup {
            opening: Opening::fresh(engine(&wish.flipper)),
            venues: vec![VenueSetup {
                name: "exchange".to_owned(),
                dialect: Dialect::Internal(Box::new(Client::new(settings))),
                paper: wish.is_paper.then(paper),
            }],
            settings: session::Settings {
                confirm_after: Span::from_millis(50),
                reconnect: session::Backoff { first: Span::from_millis(20), most: Span::from_millis(200) },
                ..session::Settings::default()
            },
            stop: wish.stop,
            components: vec![(Stage::Drain, WATCHERS.to_owned())],
            patience: Span::from_seconds(30),
            seed: 1,
        };
        let now = clock::now();
        let manifest = Manifest {
            run: RunId::new("run").unwrap(),
            parent: None,
            origin: None,
            base: Seq(0),
            mode: "test".to_owned(),
            created: now,
            program: "0".to_owned(),
            commit: "unknown".to_owned(),
            configuration: content_digest(b""),
            strategies: Vec::new(),
            models: Vec::new(),
            attachments: Vec::new(),
            state: State::Open,
        };
        let files = RunFiles::create(wish.folder, &manifest.run).unwrap();
        let record = Record {
            manifest,
            attachments: Vec::new(),
            journal: journal::Settings::default(),
            snapshot_every: Record::SNAPSHOT_EVERY,
        };
        let (sender, seen) = mpsc::unbounded_channel();
        let (alarm, stuck) = mpsc::unbounded_channel();
        let setup = Setup {
            run: Run::start(setup, record, now),
            files,
            ends: vec![wish.ends],
            dialer: Dialer::new(DialSettings::default()).unwrap(),
            room: Room::default(),
            watchers: vec![Box::new(Notebook(sender))],
            patience: wish.patience,
            on_stuck: Box::new(move |stuck| alarm.send(stuck).unwrap()),
        };
        let node = Node::start(setup, tokio::runtime::Handle::current()).unwrap();
        node.talk().tell(SessionEvent::WarmedUp);
        Self { node, seen, stuck, log: Vec::new() }
    }

    /// Waits until something of the kind is seen; a test that waits in vain fails with everything that was.
    pub(crate) async fn sees(&mut self, what: &str) {
        let waiting = async {
            while let Some(text) = self.seen.recv().await {
                self.log.push(text);
                if self.log.last().is_some_and(|text| text.contains(what)) {
                    return true;
                }
            }
            false
        };
        let found = tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap_or(false);
        assert!(found, "{what} was not seen, but {:#?}", self.log);
    }

    /// What the session thinks its position is.
    pub(crate) async fn held(&self) -> Quantity {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.node.talk().look(move |session| {
            let position = session.engine().ledger().position(IX, model::PositionSide::Net).quantity;
            let _ = sender.send(position);
        });
        receiver.await.unwrap()
    }

    /// Lets minutes pass at this price until session and exchange hold the same, and so much.
    pub(crate) async fn holds(&self, market: &Market, close: &str, wanted: &str) {
        let wanted = Quantity::parse(wanted, 4).unwrap();
        for _ in 0..600 {
            market.candle(close);
            tokio::time::sleep(Duration::from_millis(50)).await;
            let held = self.held().await;
            if held == wanted && (market.fills() == 0 || market.position() == wanted) {
                return;
            }
        }
        panic!("the position never became {wanted:?}: {:?}, seen: {:#?}", self.held().await, self.log);
    }

    /// Waits until the venue was asked for everything again after a break and its books agree.
    pub(crate) async fn up_again(&self) {
        for _ in 0..6_000 {
            let (sender, receiver) = tokio::sync::oneshot::channel();
            self.node.talk().look(move |session| {
                let _ = sender.send(session.agrees(session::VenueIx(0)) && session.kept() == 0);
            });
            if receiver.await.unwrap() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it never came back: {:#?}", self.log);
    }

    pub(crate) async fn stop(mut self) -> (gateway::node::Ended, Vec<String>) {
        self.node.talk().tell(SessionEvent::Stop);
        let ended = tokio::task::spawn_blocking(|| self.node.join()).await.unwrap().unwrap();
        while let Some(text) = self.seen.recv().await {
            self.log.push(text);
        }
        (ended, self.log)
    }
}
