//! What is signed, and how it is sent: pure functions of key, secret, time and payload.
//!
//! Source: bybit-exchange/docs, `docs/v5/guide` and `docs/v5/websocket/wss-authentication` (2026-07-24).

use crate::sign::hmac_sha256_hex;
use crate::{Credentials, Method, Request, Secret};
use units::{Span, Timestamp};

/// The header with the key.
pub const KEY: &str = "X-BAPI-API-KEY";
/// The header with the time of a request, in milliseconds.
pub const TIMESTAMP: &str = "X-BAPI-TIMESTAMP";
/// The header with the signature.
pub const SIGN: &str = "X-BAPI-SIGN";
/// The header with the receive window, in milliseconds.
pub const WINDOW: &str = "X-BAPI-RECV-WINDOW";

/// How long a login to a socket stays valid: it travels for less.
const LOGIN_VALID: Span = Span::from_seconds(10);

/// What is signed of a request: time, key, receive window, and the query or the body exactly as it travels. Time and window are
/// the texts of their headers.
#[must_use]
pub fn presign(time: &str, key: &str, window: &str, payload: &str) -> String {
    let mut text = String::with_capacity(time.len() + key.len() + window.len() + payload.len());
    for part in [time, key, window, payload] {
        text.push_str(part);
    }
    text
}

/// What is signed of a login to a socket that is valid until `expires`, the text of the message.
#[must_use]
pub fn presign_login(expires: &str) -> String {
    format!("GET/realtime{expires}")
}

/// The signature of a pre-sign text.
#[must_use]
pub fn signature(secret: &Secret, presign: &str) -> String {
    hmac_sha256_hex(secret, presign.as_bytes())
}

/// Signs what one key sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    credentials: Credentials,
    window: Span,
}

impl Signer {
    /// A signer whose requests are valid for `window`.
    #[must_use]
    pub const fn new(credentials: Credentials, window: Span) -> Self {
        Self { credentials, window }
    }

    /// The receive window in milliseconds, as text.
    #[must_use]
    pub fn window(&self) -> String {
        (self.window.nanos() / 1_000_000).to_string()
    }

    /// A signed request, dated `now` by the venue's clock.
    #[must_use]
    pub fn request(&self, method: Method, path: &str, payload: String, now: Timestamp) -> Request {
        let (time, window) = (now.millis().to_string(), self.window());
        let text = presign(&time, &self.credentials.key, &window, &payload);
        let sign = signature(&self.credentials.secret, &text);
        let key = self.credentials.key.clone();
        let mut request = plain(method, path, payload);
        request.headers.extend([(KEY, key), (TIMESTAMP, time), (WINDOW, window), (SIGN, sign)]);
        request
    }

    /// The arguments of a login to a socket: key, end of validity, signature.
    #[must_use]
    pub fn login(&self, now: Timestamp) -> (String, i64, String) {
        let expires = now.checked_add(LOGIN_VALID).unwrap_or(Timestamp::MAX).millis();
        let sign = signature(&self.credentials.secret, &presign_login(&expires.to_string()));
        (self.credentials.key.clone(), expires, sign)
    }
}

/// A request without a signature: the payload is the query of a `GET` and the body of everything else.
#[must_use]
pub fn plain(method: Method, path: &str, payload: String) -> Request {
    let (query, body) = match method {
        Method::Get => (payload, String::new()),
        Method::Post | Method::Put | Method::Delete => (String::new(), payload),
    };
    let headers = match method {
        // A body on a GET is refused with 403, and so has no type.
        Method::Get => Vec::new(),
        _ => vec![("Content-Type", "application/json".to_owned())],
    };
    Request { method, path: path.to_owned(), query, body, headers }
}
