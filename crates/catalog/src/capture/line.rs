//! A line of a capture: when it was heard, of whom, and the message.

use crate::cell::{EARLIEST, LATEST};
use units::{Decimal, Timestamp};

/// What recorders write before a message.
///
/// Nothing; nanoseconds and a space; seconds with a fraction and a colon; or, before the seconds, an address and an arrow: `<->` for
/// a connection, `<-` for what was sent, `->` for the answer to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// When it was heard, in nanoseconds.
    pub(crate) received: Option<i64>,
    /// The symbol that a request named, whose answer does not.
    pub(crate) symbol: Option<&'a str>,
    /// The message; none where a connection was opened or something was sent.
    pub(crate) message: Option<&'a [u8]>,
}

/// Whether a file that begins like this may be a capture.
pub(super) fn begins_capture(start: &[u8]) -> bool {
    let text = start.trim_ascii_start();
    if text.starts_with(b"wss://") || text.starts_with(b"https://") {
        return true;
    }
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let rest = &text[digits..];
    match rest.first() {
        Some(b'.') => {
            let fraction = rest[1..].iter().take_while(|b| b.is_ascii_digit()).count();
            (9..=10).contains(&digits) && rest[1 + fraction..].starts_with(b": {")
        }
        _ => rest.trim_ascii_start().first() == Some(&b'{') && (digits == 0 || (16..=19).contains(&digits)),
    }
}

impl<'a> Line<'a> {
    /// Takes a line apart.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &'a [u8]) -> Result<Self, String> {
        let words = std::str::from_utf8(&text[..text.len().min(4_096)]);
        let head = match &words {
            Ok(head) => head,
            // The cut may go through a letter.
            Err(error) => std::str::from_utf8(&text[..error.valid_up_to()]).unwrap_or_default(),
        };
        if head.starts_with("wss://") || head.starts_with("https://") {
            return Self::addressed(text, head);
        }
        let digits = head.bytes().take_while(u8::is_ascii_digit).count();
        match head.as_bytes().get(digits) {
            Some(b'.') => {
                let (at, message) = head.split_once(": ").ok_or("a colon is expected after the time")?;
                debug_assert!(message.len() <= text.len());
                Ok(Self {
                    received: Some(seconds(at)?),
                    symbol: None,
                    message: Some(text[at.len() + 1..].trim_ascii()),
                })
            }
            _ if digits == 0 => Ok(Self { received: None, symbol: None, message: Some(text) }),
            _ => {
                let nanos = head[..digits].parse::<i64>().ok().map(Timestamp::from_nanos).and_then(held);
                let received =
                    nanos.ok_or("a time in nanoseconds, before 2200, is expected before the message")?;
                Ok(Self {
                    received: Some(received),
                    symbol: None,
                    message: Some(text[digits..].trim_ascii()),
                })
            }
        }
    }

    fn addressed(text: &'a [u8], head: &str) -> Result<Self, String> {
        let mut parts = head.splitn(4, ' ');
        let (address, arrow) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let at = parts.next().unwrap_or_default();
        let received = Some(seconds(at.trim_end_matches(':'))?);
        let before = address.len() + arrow.len() + at.len() + 2;
        let message = match arrow {
            "<->" | "<-" => None,
            "->" => Some(text[before..].trim_ascii()),
            _ => return Err("an arrow (<->, <- or ->) is expected after the address".to_owned()),
        };
        let symbol =
            text.split(|b| matches!(b, b'?' | b'&' | b' ')).find_map(|part| part.strip_prefix(b"symbol="));
        Ok(Self { received, symbol: symbol.and_then(|s| std::str::from_utf8(s).ok()), message })
    }
}

/// Seconds with a fraction, in nanoseconds; digits beyond those are cut.
fn seconds(text: &str) -> Result<i64, String> {
    let cut = text.split_once('.').map_or(text, |(whole, fraction)| {
        let kept = fraction.len().min(9);
        if fraction.is_char_boundary(kept) { &text[..whole.len() + 1 + kept] } else { text }
    });
    let nanos = Decimal::parse(cut).ok().and_then(|d| d.at_scale(9).ok()).and_then(|n| i64::try_from(n).ok());
    let at = nanos.map(Timestamp::from_nanos).and_then(held);
    at.ok_or_else(|| "a time in seconds, before 2200, is expected before the message".to_owned())
}

/// A moment that calculations can start from, in nanoseconds.
pub(super) fn held(at: Timestamp) -> Option<i64> {
    (EARLIEST..LATEST).contains(&at).then_some(at.nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_line_is_taken_apart() {
        let of = |text: &'static str| {
            let line = Line::parse(text.as_bytes()).unwrap();
            let message = line.message.map(|m| String::from_utf8(m.to_vec()).unwrap());
            (line.received, line.symbol, message)
        };
        let message = Some("{\"a\": 1}".to_owned());
        assert_eq!(of("{\"a\": 1}"), (None, None, message.clone()));
        assert_eq!(
            of("1000000000000000001 {\"a\": 1}"),
            (Some(1_000_000_000_000_000_001), None, message.clone())
        );
        assert_eq!(
            of("1626992741.06217: {\"a\": 1}"),
            (Some(1_626_992_741_062_170_000), None, message.clone())
        );
        let answer = "https://x.com/depth?symbol=AKROUSDT&limit=5 -> 1626992741.4753721239: {\"a\": 1}";
        assert_eq!(of(answer), (Some(1_626_992_741_475_372_123), Some("AKROUSDT"), message));
        assert_eq!(of("wss://x.com/realtime <-> 1618677785.4").2, None);
        assert_eq!(of("wss://x.com/realtime <- 1618677785.4: {\"op\":\"subscribe\"}").2, None);
        for (text, problem) in [
            ("wss://x.com/realtime", "a time in seconds"),
            ("wss://x.com/realtime == 1618677785.4", "an arrow"),
            ("1626992741.0x: {}", "a time in seconds"),
            ("1626992741.5", "a colon"),
            ("99999999999.5: {}", "before 2200"),
            ("99999999999999999999 {}", "nanoseconds"),
        ] {
            let error = Line::parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }

    #[test]
    fn captures_are_told_by_their_first_bytes() {
        for start in
            ["{\"a\":", "1000000000000000001 {", "1626992741.06217: {", "wss://x", "https://x -> 1: {"]
        {
            assert!(begins_capture(start.as_bytes()), "{start}");
        }
        for start in ["1626992741,5,6", "[[1,2", "open_time,open", "1.5: x", "12 {"] {
            assert!(!begins_capture(start.as_bytes()), "{start}");
        }
    }
}
