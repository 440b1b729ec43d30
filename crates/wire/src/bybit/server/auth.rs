//! Who asks. Signatures are verified over the bytes that were sent, never over what they were read as: clients order,
//! escape and space as they like.

use super::Refusal;
use crate::sign::{self, Secret};

/// How far a request may be dated behind the server's clock where it does not say, in milliseconds.
pub const DEFAULT_WINDOW_MS: i64 = 5_000;

/// How far a request may be dated ahead of the server's clock: less than this, in milliseconds.
pub const AHEAD_MS: i64 = 1_000;

/// The headers of a signed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The key.
    pub key: String,
    /// When it was sent, as text: it is part of what is signed.
    timestamp: String,
    window: String,
    signature: String,
}

impl Signed {
    /// Reads the headers; names are in lower case.
    ///
    /// # Errors
    /// When one is missing: with status 401 and code 10003, or 10001 where the key is there.
    pub fn read<'h>(header: impl Fn(&str) -> Option<&'h str>) -> Result<Self, Refusal> {
        let Some(key) = header("x-bapi-api-key").filter(|key| !key.is_empty()) else {
            return Err(Refusal { status: 401, ..Refusal::key() });
        };
        let needed = |name: &str| {
            let missing =
                || Refusal { status: 401, ..Refusal::parameter(format!("{name} header is missing")) };
            header(name).filter(|text| !text.is_empty()).map(str::to_owned).ok_or_else(missing)
        };
        // What is signed where the header is missing is not documented; the default window is taken.
        let default = || DEFAULT_WINDOW_MS.to_string();
        Ok(Self {
            key: key.to_owned(),
            timestamp: needed("x-bapi-timestamp")?,
            window: header("x-bapi-recv-window")
                .filter(|w| !w.is_empty())
                .map_or_else(default, str::to_owned),
            signature: needed("x-bapi-sign")?,
        })
    }

    /// Whether the server's clock lies in the window of the request.
    ///
    /// # Errors
    /// Code 10002, or 10001 when a number is none.
    pub fn check_time(&self, now_ms: i64) -> Result<(), Refusal> {
        check_time(&self.timestamp, Some(&self.window), now_ms)
    }

    /// Whether it was signed with `secret`. `payload` is the query without its question mark, or the body.
    ///
    /// # Errors
    /// Code 10004.
    pub fn check_signature(&self, secret: &Secret, payload: &[u8]) -> Result<(), Refusal> {
        let mut message = Vec::with_capacity(payload.len() + 64);
        for part in [&self.timestamp, &self.key, &self.window] {
            message.extend_from_slice(part.as_bytes());
        }
        message.extend_from_slice(payload);
        let expected = sign::hmac_sha256_hex(secret, &message);
        if sign::equals(&expected, &self.signature) {
            Ok(())
        } else {
            Err(Refusal::signature(&String::from_utf8_lossy(payload)))
        }
    }
}

/// Whether `now` lies in the window of a message dated `sent`: `now − window ≤ sent < now + 1 s`.
///
/// # Errors
/// Code 10002, or 10001 when a number is none.
pub fn check_time(sent: &str, window: Option<&str>, now_ms: i64) -> Result<(), Refusal> {
    let sent_ms: i64 = sent.parse().map_err(|_| Refusal::invalid("X-BAPI-TIMESTAMP", sent))?;
    let window_ms: i64 = match window {
        Some(text) => text.parse().map_err(|_| Refusal::invalid("X-BAPI-RECV-WINDOW", text))?,
        None => DEFAULT_WINDOW_MS,
    };
    let earliest = now_ms.saturating_sub(window_ms);
    if sent_ms < earliest || sent_ms >= now_ms.saturating_add(AHEAD_MS) {
        return Err(Refusal::time(sent_ms, now_ms, window_ms));
    }
    Ok(())
}

/// Whether a stream may log in: signed is `GET/realtime` and when it expires, which lies ahead.
///
/// # Errors
/// Code 10004 for the signature, -1 for one that has expired.
pub fn check_ws_signature(secret: &Secret, expires: &str, given: &str, now_ms: i64) -> Result<(), Refusal> {
    let until: i64 = expires.parse().map_err(|_| Refusal::invalid("expires", expires))?;
    if until <= now_ms {
        return Err(Refusal::new(-1, "request expired"));
    }
    let expected = sign::hmac_sha256_hex(secret, format!("GET/realtime{expires}").as_bytes());
    if sign::equals(&expected, given) { Ok(()) } else { Err(Refusal::signature("GET/realtime")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Secret {
        Secret::new("secret".to_owned())
    }

    fn headers<'a>(sign: &'a str, window: Option<&'a str>) -> impl Fn(&str) -> Option<&'a str> {
        move |name| match name {
            "x-bapi-api-key" => Some("key"),
            "x-bapi-timestamp" => Some("1700000000000"),
            "x-bapi-sign" => Some(sign),
            "x-bapi-recv-window" => window,
            _ => None,
        }
    }

    #[test]
    fn bytes_are_signed_not_meanings() {
        let body = br#"{"a": 1,  "b":2}"#;
        let message = [b"1700000000000key5000".as_slice(), body].concat();
        let good = sign::hmac_sha256_hex(&secret(), &message);
        let signed = Signed::read(headers(&good, Some("5000"))).unwrap();
        assert_eq!(signed.check_signature(&secret(), body), Ok(()));
        assert_eq!(signed.check_signature(&secret(), br#"{"a":1,"b":2}"#).unwrap_err().code, 10004);
        let unsaid = Signed::read(headers(&good, None)).unwrap();
        assert_eq!(unsaid.check_signature(&secret(), body), Ok(()), "the default window is signed");
        assert_eq!(Signed::read(|_| None).unwrap_err().status, 401);
    }

    #[test]
    fn trap_14_the_window_is_closed_behind_and_open_ahead() {
        let check = |sent: &str| check_time(sent, None, 10_000).map_err(|e| e.code);
        assert_eq!(check("5000"), Ok(()));
        assert_eq!(check("4999"), Err(10002));
        assert_eq!(check("10999"), Ok(()));
        assert_eq!(check("11000"), Err(10002));
        assert_eq!(check("soon"), Err(10001));
        assert_eq!(check_time("1", Some("9999"), 10_000), Ok(()));
    }

    #[test]
    fn a_login_expires() {
        let good = sign::hmac_sha256_hex(&secret(), b"GET/realtime2000");
        assert_eq!(check_ws_signature(&secret(), "2000", &good, 1_999), Ok(()));
        assert_eq!(check_ws_signature(&secret(), "2000", &good, 2_000).unwrap_err().code, -1);
        assert_eq!(check_ws_signature(&secret(), "2001", &good, 1_999).unwrap_err().code, 10004);
    }
}
