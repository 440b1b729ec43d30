//! A short text that is copied like a number: what a person typed, carried by a fact.

use std::fmt;

/// The longest text in bytes.
const CAPACITY: usize = 47;

/// Up to 47 bytes of text. Facts are copied and compared, so what a person adds to one has a fixed size.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text {
    bytes: [u8; CAPACITY],
    len: u8,
}

impl Text {
    /// No text.
    pub const EMPTY: Self = Self { bytes: [0; CAPACITY], len: 0 };

    /// `text`, cut after the last whole character that fits.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut end = text.len().min(CAPACITY);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let mut bytes = [0; CAPACITY];
        bytes[..end].copy_from_slice(&text.as_bytes()[..end]);
        // At most 47.
        Self { bytes, len: end as u8 }
    }

    /// `text` as it is; `None` when it does not fit. For what is acted upon: half a value is another value.
    #[must_use]
    pub fn whole(text: &str) -> Option<Self> {
        (text.len() <= CAPACITY).then(|| Self::new(text))
    }

    /// From bytes that were written down; `None` when they are too long or no UTF-8.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        (bytes.len() <= CAPACITY).then(|| Self::new(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Made of a `str` that was cut between characters.
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_fits_and_cuts_between_characters() {
        assert_eq!(Text::new("UNLOCK run-7").as_str(), "UNLOCK run-7");
        assert_eq!(Text::new("").as_str(), "");
        let long = "é".repeat(40);
        assert_eq!(Text::new(&long).as_str(), "é".repeat(23));
        assert_ne!(Text::new("a"), Text::new("a\0"), "the length counts");
        assert_eq!(Text::whole(&"a".repeat(47)).map(|text| text.as_str().len()), Some(47));
        assert_eq!(Text::whole(&"a".repeat(48)), None);
        assert_eq!(Text::from_bytes(b"abc"), Some(Text::new("abc")));
        assert_eq!(Text::from_bytes(&[0xff]), None);
        assert_eq!(Text::from_bytes(&[b'a'; 48]), None);
    }
}
