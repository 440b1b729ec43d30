//! Queries, written once and sent as they stand: what was signed is what travels.

use std::fmt::{Display, Write as _};

/// The part of an address behind the question mark.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query(String);

impl Query {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The category, with which nearly every query begins.
    #[must_use]
    pub fn linear() -> Self {
        Self::new().with("category", super::words::LINEAR)
    }

    /// And this.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Display) -> Self {
        self.name(name);
        let value = value.to_string();
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.~,".contains(&byte) {
                self.0.push(char::from(byte));
            } else {
                // Writing to a string cannot fail.
                let _ = write!(self.0, "%{byte:02X}");
            }
        }
        self
    }

    /// And this, where there is one.
    #[must_use]
    pub fn maybe(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The cursor of the next page, which is escaped already: escaped again it would mean something else.
    #[must_use]
    pub fn cursor(mut self, cursor: Option<&str>) -> Self {
        if let Some(cursor) = cursor {
            self.name("cursor");
            // Whatever could end the query or the line is no part of a cursor.
            self.0.extend(cursor.chars().filter(|c| c.is_ascii_graphic() && !matches!(c, '&' | '#')));
        }
        self
    }

    fn name(&mut self, name: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(name);
        self.0.push('=');
    }

    /// As it travels.
    #[must_use]
    pub fn text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Trap 4: a cursor is text that is escaped already.
    #[test]
    fn trap_04_cursors_travel_as_they_came() {
        let cursor = "page_args%3Dfd43%26symbol%3D6%26";
        let text = Query::linear().with("symbol", "BTCUSDT").cursor(Some(cursor)).text();
        assert_eq!(text, format!("category=linear&symbol=BTCUSDT&cursor={cursor}"));
        assert_eq!(Query::new().cursor(None).text(), "");
        assert_eq!(Query::new().cursor(Some("a&b=c#d e")).text(), "cursor=ab=cde");
    }

    #[test]
    fn values_are_escaped() {
        assert_eq!(
            Query::new().with("orderLinkId", "a b&c=%ü").maybe("x", None::<u8>).text(),
            "orderLinkId=a%20b%26c%3D%25%C3%BC"
        );
    }
}
