//! The exchange behind sockets: HTTP and WebSockets on one port of this machine.

use crate::exchange::{ConnectionId, Delivery, Exchange, RawRequest, Reply, Sent};
use crate::settings::{Settings, SettingsError};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::response::{IntoResponse, Response};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::mpsc as std_mpsc;
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use units::{Span, Timestamp};

/// The longest request body.
const LONGEST_BODY: usize = 1_000_000;

/// How often the markets are looked after.
const BEAT: Duration = Duration::from_millis(20);

/// Why a server cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is wrong.
    #[error("{0}")]
    Settings(#[from] SettingsError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where it should have listened.
        address: SocketAddr,
        /// Why it cannot.
        source: std::io::Error,
    },
}

/// A running exchange. It ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    calls: mpsc::UnboundedSender<Call>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Where a stream is opened, and from where.
struct Door {
    path: String,
    peer: IpAddr,
}

enum Call {
    Request(RawRequest, oneshot::Sender<Reply>),
    Open(Door, mpsc::UnboundedSender<(Instant, Sent)>, oneshot::Sender<Result<ConnectionId, Reply>>),
    Frame(ConnectionId, String),
    Closed(ConnectionId),
}

impl Server {
    /// Starts an exchange in a thread of its own. Port 0 takes any that is free; [`Server::address`] tells which.
    ///
    /// # Errors
    /// When a setting is wrong or the address cannot be listened on.
    pub fn start(settings: &Settings, address: SocketAddr) -> Result<Self, StartError> {
        let exchange = Exchange::new(settings, clock())?;
        let listen = |source| StartError::Listen { address, source };
        let listener = std::net::TcpListener::bind(address).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let bound = listener.local_addr().map_err(listen)?;
        let (calls, inbox) = mpsc::unbounded_channel();
        let (end, ended) = oneshot::channel();
        let (started, is_started) = std_mpsc::channel();
        let sender = calls.clone();
        let serve = move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(started.send(Err(error))),
            };
            runtime.block_on(async move {
                match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => {
                        let _ = started.send(Ok(()));
                        serve(listener, exchange, sender, inbox, ended).await;
                    }
                    Err(error) => drop(started.send(Err(error))),
                }
            });
        };
        let thread = std::thread::Builder::new().name("loopback".to_owned()).spawn(serve).map_err(listen)?;
        match is_started.recv() {
            Ok(Ok(())) => Ok(Self { address: bound, calls, end: Some(end), thread: Some(thread) }),
            Ok(Err(source)) => Err(StartError::Listen { address, source }),
            Err(_) => Err(listen(std::io::Error::other("the thread of the exchange ended"))),
        }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gives an order to the admin interface as if by HTTP, such as `("POST", "/admin/price", …)`; `None` when the exchange
    /// has ended. Blocks until it is carried out: not for async code.
    #[must_use]
    pub fn admin(&self, method: &str, path: &str, body: &str) -> Option<Reply> {
        let (send, receive) = oneshot::channel();
        let request = RawRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            body: body.as_bytes().to_vec(),
            ..RawRequest::default()
        };
        self.calls.send(Call::Request(request, send)).ok()?;
        receive.blocking_recv().ok()
    }

    /// Waits until the exchange ends.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The time of the clock.
fn clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

fn duration(span: Span) -> Duration {
    Duration::from_nanos(u64::try_from(span.nanos()).unwrap_or(0))
}

async fn serve(
    listener: tokio::net::TcpListener,
    exchange: Exchange,
    calls: mpsc::UnboundedSender<Call>,
    inbox: mpsc::UnboundedReceiver<Call>,
    ended: oneshot::Receiver<()>,
) {
    let router = Router::new().fallback(handle).with_state(calls);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::select! {
        _ = axum::serve(listener, service).into_future() => {}
        () = run(exchange, inbox) => {}
        _ = ended => {}
    }
}

/// The one task that the exchange lives in.
async fn run(mut exchange: Exchange, mut inbox: mpsc::UnboundedReceiver<Call>) {
    let mut streams: BTreeMap<ConnectionId, mpsc::UnboundedSender<(Instant, Sent)>> = BTreeMap::new();
    let mut beat = tokio::time::interval(BEAT);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = beat.tick() => exchange.advance(clock()),
            call = inbox.recv() => match call {
                None => return,
                Some(Call::Request(request, answer)) => {
                    // Who asked may be gone.
                    let _ = answer.send(exchange.request(clock(), &request));
                }
                Some(Call::Open(Door { path, peer }, stream, answer)) => {
                    let outcome = exchange.open(clock(), &path, Some(peer));
                    if let Ok(id) = outcome {
                        streams.insert(id, stream);
                    }
                    let _ = answer.send(outcome);
                }
                Some(Call::Frame(id, text)) => exchange.frame(clock(), id, &text),
                Some(Call::Closed(id)) => {
                    streams.remove(&id);
                    exchange.close(id);
                }
            },
        }
        let now = Instant::now();
        for Delivery { to, after, what } in exchange.take_outbox() {
            if let Some(stream) = streams.get(&to) {
                let is_end = what == Sent::Close;
                let _ = stream.send((now + duration(after), what));
                if is_end {
                    streams.remove(&to);
                }
            }
        }
    }
}

async fn handle(
    State(calls): State<mpsc::UnboundedSender<Call>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    if path.starts_with("/admin") && !peer.ip().is_loopback() {
        return plain(403, "the admin interface answers on this machine only");
    }
    if parts.headers.contains_key("upgrade") {
        return match WebSocketUpgrade::from_request_parts(&mut parts, &calls).await {
            Ok(upgrade) => open(upgrade, Door { path, peer: peer.ip() }, calls).await,
            Err(rejection) => rejection.into_response(),
        };
    }
    let Ok(bytes) = axum::body::to_bytes(body, LONGEST_BODY).await else {
        return plain(413, "the body is too long");
    };
    let request = RawRequest {
        method: parts.method.as_str().to_owned(),
        path,
        query: parts.uri.query().unwrap_or("").to_owned(),
        headers: headers(&parts.headers),
        body: bytes.to_vec(),
        peer: Some(peer.ip()),
    };
    let (send, receive) = oneshot::channel();
    if calls.send(Call::Request(request, send)).is_err() {
        return plain(503, "the exchange has ended");
    }
    let Ok(reply) = receive.await else { return plain(503, "the exchange has ended") };
    if reply.after > Span::ZERO {
        tokio::time::sleep(duration(reply.after)).await;
    }
    respond(reply)
}

/// Headers as text; names come in lower case already. What is no text is nothing that is looked for.
fn headers(map: &axum::http::HeaderMap) -> Vec<(String, String)> {
    let pairs = map.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn plain(status: u16, text: &'static str) -> Response {
    respond(Reply {
        status,
        headers: Vec::new(),
        body: format!("{{\"error\": \"{text}\"}}"),
        after: Span::ZERO,
        is_dropped: false,
    })
}

fn respond(reply: Reply) -> Response {
    if reply.is_dropped {
        return Response::builder()
            .header("content-length", "1")
            .body(Body::new(Broken))
            .unwrap_or_else(|_| Response::new(Body::empty()));
    }
    let mut builder = Response::builder().status(reply.status).header("content-type", "application/json");
    for (name, value) in &reply.headers {
        builder = builder.header(name, value);
    }
    builder.body(Body::from(reply.body)).unwrap_or_else(|_| Response::new(Body::empty()))
}

/// A body that fails: the connection ends before the answer is whole.
struct Broken;

impl http_body::Body for Broken {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, std::io::Error>>> {
        Poll::Ready(Some(Err(std::io::Error::other("dropped on purpose"))))
    }
}

async fn open(upgrade: WebSocketUpgrade, door: Door, calls: mpsc::UnboundedSender<Call>) -> Response {
    let (stream, queue) = mpsc::unbounded_channel();
    let (send, receive) = oneshot::channel();
    if calls.send(Call::Open(door, stream, send)).is_err() {
        return plain(503, "the exchange has ended");
    }
    match receive.await {
        Ok(Ok(id)) => upgrade.on_upgrade(move |socket| talk(socket, id, queue, calls)),
        Ok(Err(reply)) => respond(reply),
        Err(_) => plain(503, "the exchange has ended"),
    }
}

/// One stream: what comes in goes to the exchange, what is due goes out, in its order.
async fn talk(
    mut socket: WebSocket,
    id: ConnectionId,
    mut queue: mpsc::UnboundedReceiver<(Instant, Sent)>,
    calls: mpsc::UnboundedSender<Call>,
) {
    let mut next: Option<(Instant, Sent)> = None;
    loop {
        let due = next.as_ref().map_or_else(Instant::now, |(at, _)| *at);
        tokio::select! {
            sent = queue.recv(), if next.is_none() => match sent {
                Some(sent) => next = Some(sent),
                None => break,
            },
            () = tokio::time::sleep_until(due), if next.is_some() => {
                let Some((_, Sent::Text(text))) = next.take() else { break };
                if socket.send(Message::Text(text.into())).await.is_err() {
                    break;
                }
            }
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => {
                    if calls.send(Call::Frame(id, text.as_str().to_owned())).is_err() {
                        break;
                    }
                }
                // Pings of the protocol are answered by the library.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
            },
        }
    }
    let _ = socket.send(Message::Close(None)).await;
    let _ = calls.send(Call::Closed(id));
}
