//! Signatures: pure functions of a secret and a message.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// A secret that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a secret.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret, for signing and for nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What a venue knows us by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The public part.
    pub key: String,
    /// What signatures are made with.
    pub secret: Secret,
}

/// HMAC-SHA256 (RFC 2104) of `message`, in lower-case hexadecimal digits.
#[must_use]
pub fn hmac_sha256_hex(secret: &Secret, message: &[u8]) -> String {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.expose().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(message);
    let mut text = String::with_capacity(64);
    for byte in mac.finalize().into_bytes() {
        for nibble in [byte >> 4, byte & 15] {
            // Below sixteen.
            text.push(char::from_digit(nibble.into(), 16).unwrap_or('0'));
        }
    }
    text
}

/// Whether two texts are equal, in a time that does not tell where they differ.
#[must_use]
pub fn equals(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2.
    #[test]
    fn equals_the_published_vector() {
        let secret = Secret::new("Jefe".to_owned());
        assert_eq!(
            hmac_sha256_hex(&secret, b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert!(equals("ab", "ab") && !equals("ab", "ac") && !equals("ab", "abc"));
    }
}
