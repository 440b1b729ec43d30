//! What a request carries, whether in its query or in its body. Numbers and texts are one thing to this exchange, and an
//! empty text is nothing.

use super::Refusal;
use serde_json::{Map, Value};

/// The members of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Params(Map<String, Value>);

impl Params {
    /// Reads a query, without its question mark. Of a name that is given twice the last counts.
    ///
    /// # Errors
    /// When an escape is none, or what is escaped is no UTF-8.
    pub fn of_query(query: &str) -> Result<Self, Refusal> {
        let mut members = Map::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let broken = || Refusal::parameter(format!("query is not valid: {pair:.60}"));
            let name = unescaped(name).ok_or_else(broken)?;
            members.insert(name, Value::String(unescaped(value).ok_or_else(broken)?));
        }
        Ok(Self(members))
    }

    /// Reads a body; an empty one is an empty object.
    ///
    /// # Errors
    /// When it is no object.
    pub fn of_body(body: &[u8]) -> Result<Self, Refusal> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Self(members).flat(),
            _ => Err(Refusal::parameter("request body is not a JSON object")),
        }
    }

    /// Reads one object out of a message.
    ///
    /// # Errors
    /// When it is no object.
    pub fn of_value(value: &Value) -> Result<Self, Refusal> {
        match value {
            Value::Object(members) => Self(members.clone()).flat(),
            _ => Err(Refusal::parameter("an object is expected")),
        }
    }

    /// Only batches hold more than texts, numbers and flags; what is anything else must not be let pass as if it were not there.
    fn flat(self) -> Result<Self, Refusal> {
        let is_nested = |value: &Value| value.is_object() || value.is_array();
        match self.0.iter().find(|(name, value)| *name != "request" && is_nested(value)) {
            Some((name, value)) => Err(Refusal::invalid(name, &value.to_string())),
            None => Ok(self),
        }
    }

    /// A member as text; `None` where it is missing, null or empty.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// A member that has to be there.
    ///
    /// # Errors
    /// When it is missing.
    pub fn required(&self, name: &str) -> Result<String, Refusal> {
        self.text(name).ok_or_else(|| Refusal::parameter(format!("params error: {name} is required")))
    }

    /// A truth value.
    ///
    /// # Errors
    /// When it is none.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.text(name).as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(Refusal::invalid(name, other)),
        }
    }

    /// A whole number.
    ///
    /// # Errors
    /// When it is none.
    pub fn int(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let read = |text: String| text.parse().map_err(|_| Refusal::invalid(name, &text));
        self.text(name).map(read).transpose()
    }

    /// One of a few words.
    ///
    /// # Errors
    /// When it is another.
    pub fn word(&self, name: &str, allowed: &[&'static str]) -> Result<Option<&'static str>, Refusal> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let known = allowed.iter().find(|word| **word == text);
        known.map(|word| Some(*word)).ok_or_else(|| Refusal::invalid(name, &text))
    }

    /// The objects of a list.
    ///
    /// # Errors
    /// When it is no list of objects.
    pub fn objects(&self, name: &str) -> Result<Vec<Self>, Refusal> {
        match self.0.get(name) {
            Some(Value::Array(items)) => items.iter().map(Self::of_value).collect(),
            _ => Err(Refusal::parameter(format!("params error: {name} is required"))),
        }
    }

    /// The same with one member more.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), Value::String(value.to_owned()));
        self
    }

    /// Whether a member was sent at all, even as an empty text.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

/// Undoes percent escapes; a plus stands for a blank.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high * 16 + low).ok()?
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_by_name() {
        let params = Params::of_query("symbol=BTCUSDT&limit=5&cursor=a%3D1%26&empty=&flag=true&").unwrap();
        assert_eq!(params.text("symbol").as_deref(), Some("BTCUSDT"));
        assert_eq!(params.int("limit"), Ok(Some(5)));
        assert_eq!(params.text("cursor").as_deref(), Some("a=1&"));
        assert_eq!(params.text("empty"), None);
        assert!(params.has("empty") && !params.has("absent"));
        assert_eq!(params.flag("flag"), Ok(Some(true)));
        assert_eq!(params.int("symbol").unwrap_err().code, 10001);
        assert!(Params::of_query("a=%zz").is_err() && Params::of_query("a=%ff").is_err());
    }

    #[test]
    fn a_body_is_an_object_or_nothing() {
        let params = Params::of_body(br#"{"qty": 1, "price": "2.5", "none": null, "flag": false}"#).unwrap();
        assert_eq!(params.text("qty").as_deref(), Some("1"));
        assert_eq!(params.text("price").as_deref(), Some("2.5"));
        assert_eq!(params.text("none"), None);
        assert_eq!(params.flag("flag"), Ok(Some(false)));
        assert_eq!(Params::of_body(b" "), Ok(Params::default()));
        assert_eq!(Params::of_body(b"[1]").unwrap_err().code, 10001);
        let nested = Params::of_body(br#"{"takeProfit": {"triggerPrice": 5}}"#).unwrap_err();
        assert_eq!(nested.text, r#"params error: takeProfit invalid: {"triggerPrice":5}"#);
        assert!(Params::of_body(br#"{"request": [{}]}"#).is_ok());
        assert_eq!(params.word("price", &["1"]).unwrap_err().code, 10001);
    }
}
