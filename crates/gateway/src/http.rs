//! Requests over HTTP/1.1: connections are kept, every request is tied to one answer or to the reason why there is none.
//!
//! Nothing is ever repeated here: whether a request may be asked again is the session's to decide. The one thing that looks like it
//! is none: a kept connection that the other side had closed hands the request back before a byte of it left, and it goes out over a
//! new one.

use crate::dial::{Dialer, Io, Origin};
use flate2::read::GzDecoder;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::fmt;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use wire::{Request, Response, TransportFailure};

/// The largest body that is read, packed and unpacked, in bytes.
const LARGEST_BODY: usize = 64 << 20;

/// So many connections at most; further requests wait for one.
const MOST_CONNECTIONS: usize = 8;

/// A connection that was idle for so long is not used again: servers close them at about a minute.
const IDLE: Duration = Duration::from_secs(30);

/// Why a request has no response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Whether it may have arrived.
    pub failure: TransportFailure,
    /// What happened. Holds neither query nor headers nor body.
    pub reason: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Failed {}

type Sender = SendRequest<Full<Bytes>>;

/// A client of one server.
pub struct HttpClient {
    origin: Origin,
    dialer: Dialer,
    idle: Mutex<Vec<(Sender, Instant)>>,
    places: Arc<Semaphore>,
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpClient({})", self.origin)
    }
}

impl HttpClient {
    /// A client without a connection yet.
    #[must_use]
    pub fn new(origin: Origin, dialer: Dialer) -> Self {
        let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        Self { origin, dialer, idle: Mutex::new(Vec::new()), places }
    }

    /// Where it asks.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Sends a request exactly as it is, and waits for its response.
    ///
    /// # Errors
    /// [`Failed`], which says whether the request may have arrived.
    pub async fn send(&self, request: &Request, within: Duration) -> Result<Response, Failed> {
        // Dropped with the attempt when time is up; what it says then is all that is known.
        let has_left = AtomicBool::new(false);
        let failure = || match has_left.load(Ordering::Relaxed) {
            true => TransportFailure::NoAnswer,
            false => TransportFailure::NotSent,
        };
        let what = format!("{} {}{}", request.method.name(), self.origin.authority(), request.path);
        match tokio::time::timeout(within, self.attempt(request, &has_left)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(reason)) => Err(Failed { failure: failure(), reason: format!("{what}: {reason}") }),
            Err(_) => {
                Err(Failed { failure: failure(), reason: format!("{what}: no answer within {within:?}") })
            }
        }
    }

    async fn attempt(&self, request: &Request, has_left: &AtomicBool) -> Result<Response, String> {
        let _place = self.places.acquire().await.map_err(|error| error.to_string())?;
        let mut request = self.prepare(request)?;
        let (response, sender) = loop {
            let kept = self.take_idle();
            let is_kept = kept.is_some();
            let mut sender = match kept {
                Some(sender) => sender,
                None => self.connect().await?,
            };
            if let Err(error) = sender.ready().await {
                if is_kept {
                    continue;
                }
                return Err(error.to_string());
            }
            has_left.store(true, Ordering::Relaxed);
            match sender.try_send_request(request).await {
                Ok(response) => break (response, sender),
                Err(mut error) => match error.take_message() {
                    // It came back as it was: nothing of it left.
                    Some(back) => {
                        has_left.store(false, Ordering::Relaxed);
                        if !is_kept {
                            return Err(error.into_error().to_string());
                        }
                        request = back;
                    }
                    None => return Err(error.into_error().to_string()),
                },
            }
        };
        let (head, body) = response.into_parts();
        let body = Limited::new(body, LARGEST_BODY).collect().await.map_err(|error| error.to_string())?;
        self.keep(sender);
        let is_packed =
            head.headers.get(http::header::CONTENT_ENCODING).is_some_and(|value| value.as_bytes() == b"gzip");
        let bytes = body.to_bytes();
        let body = if is_packed { unpack(&bytes)? } else { bytes.to_vec() };
        let body = String::from_utf8(body).map_err(|_| "the body is not text".to_owned())?;
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers =
            head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        Ok(Response { status: head.status.as_u16(), headers, body })
    }

    fn prepare(&self, request: &Request) -> Result<http::Request<Full<Bytes>>, String> {
        let mut target = self.origin.path(&request.path);
        if !request.query.is_empty() {
            target = format!("{target}?{}", request.query);
        }
        // What stands there was signed as it stands there, so it is refused rather than mended.
        let target: http::Uri =
            target.parse().map_err(|_| "its address cannot be sent as it is".to_owned())?;
        let mut builder = http::Request::builder()
            .method(request.method.name())
            .uri(target)
            .header(http::header::HOST, self.origin.authority())
            .header(http::header::USER_AGENT, concat!("plimsoll/", env!("CARGO_PKG_VERSION")))
            .header(http::header::ACCEPT_ENCODING, "gzip");
        for (name, value) in &request.headers {
            let mut value = http::HeaderValue::from_str(value)
                .map_err(|_| format!("the value of header {name} cannot be sent"))?;
            value.set_sensitive(true);
            builder = builder.header(*name, value);
        }
        let body = Full::new(Bytes::from(request.body.clone()));
        builder.body(body).map_err(|_| "it cannot be sent as it is".to_owned())
    }

    async fn connect(&self) -> Result<Sender, String> {
        let stream: Box<dyn Io> = self.dialer.dial(&self.origin).await.map_err(|error| error.to_string())?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        tokio::spawn(async move {
            // How it ended is told to whoever waits for a response.
            let _ = connection.await;
        });
        Ok(sender)
    }

    fn take_idle(&self) -> Option<Sender> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(sender, since)| !sender.is_closed() && since.elapsed() < IDLE);
        idle.pop().map(|(sender, _)| sender)
    }

    fn keep(&self, sender: Sender) {
        if !sender.is_closed() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push((sender, Instant::now()));
        }
    }
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    let most = LARGEST_BODY as u64 + 1;
    GzDecoder::new(bytes)
        .take(most)
        .read_to_end(&mut body)
        .map_err(|error| format!("the body cannot be unpacked: {error}"))?;
    if body.len() > LARGEST_BODY {
        return Err(format!("the body is larger than {LARGEST_BODY} bytes"));
    }
    Ok(body)
}
