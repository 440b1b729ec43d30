//! What goes wrong on purpose.

use serde_json::{Value, json};
use units::Span;

/// Where something goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultPlace {
    /// Requests.
    Rest,
    /// Public streams.
    Public,
    /// Private streams.
    Private,
    /// The trade stream.
    Trade,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// It never arrives: a request is not carried out and its connection ends; a message is not sent.
    Drop,
    /// It comes later.
    Delay(Span),
    /// A message is sent twice; a request is carried out twice, and answered once.
    Duplicate,
    /// A message is held back and sent after the next one on its connection.
    Reorder,
    /// A request is answered with an HTTP status and not carried out.
    Status(u16),
    /// A request is refused with a return code and not carried out.
    Code(i64),
    /// A request is carried out, and its answer never comes: after this time the gateway gives up.
    Timeout(Span),
    /// The connection of a stream is closed.
    Disconnect,
    /// What is sent is cut short.
    Corrupt,
}

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub place: FaultPlace,
    /// With what: the path of a request, the topic of a message, or an `op` of the trade stream begins with this. Empty for
    /// everything.
    pub matches: String,
    /// How.
    pub kind: FaultKind,
    /// How often; `None` until it is taken back.
    pub times: Option<u32>,
    /// How often it goes well before.
    pub after: u32,
}

impl Fault {
    /// Reads what the admin interface is told: `{"on": "rest", "match": "/v5/order/create", "do": "timeout", "ms": 500,
    /// "count": 1, "after": 0}`.
    ///
    /// # Errors
    /// With what is wrong and what is allowed.
    pub fn read(value: &Value) -> Result<Self, String> {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or("");
        let number = |name: &str| value.get(name).and_then(Value::as_u64);
        let place = match text("on") {
            "rest" => FaultPlace::Rest,
            "public" => FaultPlace::Public,
            "private" => FaultPlace::Private,
            "trade" => FaultPlace::Trade,
            other => return Err(format!("on: {other:?}; allowed: rest public private trade")),
        };
        let ms = |default: u64| {
            let ms = number("ms").unwrap_or(default).min(600_000);
            Span::from_millis(i64::try_from(ms).unwrap_or(600_000))
        };
        let kind = match text("do") {
            "drop" => FaultKind::Drop,
            "delay" => FaultKind::Delay(ms(1_000)),
            "duplicate" => FaultKind::Duplicate,
            "reorder" => FaultKind::Reorder,
            "status" => FaultKind::Status(u16::try_from(number("status").unwrap_or(500)).unwrap_or(500)),
            "code" => FaultKind::Code(value.get("code").and_then(Value::as_i64).unwrap_or(10016)),
            "timeout" => FaultKind::Timeout(ms(30_000)),
            "disconnect" => FaultKind::Disconnect,
            "corrupt" => FaultKind::Corrupt,
            other => {
                return Err(format!(
                    "do: {other:?}; allowed: drop delay duplicate reorder status code timeout disconnect corrupt"
                ));
            }
        };
        let times = match value.get("count") {
            None => Some(1),
            Some(Value::Null) => None,
            Some(count) => Some(
                count.as_u64().and_then(|n| u32::try_from(n).ok()).ok_or("count: a whole number or null")?,
            ),
        };
        let after = u32::try_from(number("after").unwrap_or(0)).map_err(|_| "after: too large")?;
        Ok(Self { place, matches: text("match").to_owned(), kind, times, after })
    }

    pub(crate) fn json(&self, id: u64) -> Value {
        json!({"id": id, "on": format!("{:?}", self.place).to_lowercase(), "match": self.matches,
            "do": format!("{:?}", self.kind), "count": self.times, "after": self.after})
    }
}

/// Everything that goes wrong, in the order in which it was asked for.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    next: u64,
    faults: Vec<(u64, Fault)>,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) -> u64 {
        self.next += 1;
        self.faults.push((self.next, fault));
        self.next
    }

    /// Takes one back, or all. Returns how many there were.
    pub(crate) fn remove(&mut self, id: Option<u64>) -> usize {
        let before = self.faults.len();
        self.faults.retain(|(known, _)| id.is_some_and(|id| id != *known));
        before - self.faults.len()
    }

    pub(crate) fn list(&self) -> Vec<Value> {
        self.faults.iter().map(|(id, fault)| fault.json(*id)).collect()
    }

    /// Whether the next thing to go wrong here is a refusal.
    pub(crate) fn next_is_code(&self, place: FaultPlace, what: &str) -> bool {
        let hit = self.faults.iter().find(|(_, f)| f.place == place && what.starts_with(&f.matches));
        hit.is_some_and(|(_, fault)| matches!(fault.kind, FaultKind::Code(_)))
    }

    /// What goes wrong with this one.
    pub(crate) fn strike(&mut self, place: FaultPlace, what: &str) -> Option<FaultKind> {
        let hit = self.faults.iter_mut().find(|(_, fault)| {
            fault.place == place && what.starts_with(&fault.matches) && fault.times != Some(0)
        });
        let (_, fault) = hit?;
        if fault.after > 0 {
            fault.after -= 1;
            return None;
        }
        if let Some(times) = &mut fault.times {
            *times -= 1;
        }
        let kind = fault.kind.clone();
        self.faults.retain(|(_, fault)| fault.times != Some(0));
        Some(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_as_often_as_it_was_asked_to() {
        let mut faults = Faults::default();
        let asked = json!({"on": "rest", "match": "/v5/order", "do": "status", "status": 502, "count": 2, "after": 1});
        faults.add(Fault::read(&asked).unwrap());
        let mut strike = |path| faults.strike(FaultPlace::Rest, path);
        assert_eq!(strike("/v5/market/time"), None);
        assert_eq!(strike("/v5/order/create"), None, "the first goes well");
        assert_eq!(strike("/v5/order/create"), Some(FaultKind::Status(502)));
        assert_eq!(strike("/v5/order/cancel"), Some(FaultKind::Status(502)));
        assert_eq!(strike("/v5/order/cancel"), None);
        assert!(faults.list().is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let error = |value: Value| Fault::read(&value).unwrap_err();
        assert!(error(json!({})).contains("allowed: rest"));
        assert!(error(json!({"on": "rest", "do": "explode"})).contains("duplicate"));
        assert!(error(json!({"on": "rest", "do": "drop", "count": -1})).contains("count"));
    }
}
