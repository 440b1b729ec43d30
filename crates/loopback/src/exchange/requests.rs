//! Requests: who asks, whether they may, how often, and what they are answered.

use super::Exchange;
use super::faults::{FaultKind, FaultPlace};
use crate::choices::Open;
use serde_json::{Value, json};
use std::net::IpAddr;
use units::{Span, Timestamp};
use wire::bybit::server::{
    Access, Endpoint, Params, Refusal, Route, Signed, Usage, batch_body, body, find, limit_headers,
    refusal_body,
};

/// A request as it came in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawRequest {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query, without its question mark, as it was sent.
    pub query: String,
    /// The headers; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, as it was sent.
    pub body: Vec<u8>,
    /// Where it came from; `None` where there is no network between.
    pub peer: Option<IpAddr>,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body: JSON.
    pub body: String,
    /// How much later than now.
    pub after: Span,
    /// The connection ends without an answer.
    pub is_dropped: bool,
}

impl Reply {
    pub(super) const fn new(status: u16, body: String) -> Self {
        Self { status, headers: Vec::new(), body, after: Span::ZERO, is_dropped: false }
    }
}

pub(super) fn maintenance() -> Refusal {
    Refusal { status: 503, ..Refusal::new(10016, "System maintenance. Please try again later.") }
}

/// What is answered to a client, and how its limit stands.
pub(super) type Outcome = (Result<(Value, Value), Refusal>, Option<Usage>);

impl Exchange {
    /// Answers a request.
    pub fn request(&mut self, clock: Timestamp, request: &RawRequest) -> Reply {
        self.advance(clock);
        if request.path.starts_with("/admin") {
            return self.admin(request);
        }
        let fault = if request.path.starts_with("/v5") {
            self.faults.strike(FaultPlace::Rest, &request.path)
        } else {
            None
        };
        let mut reply = match &fault {
            Some(FaultKind::Drop | FaultKind::Disconnect) => {
                return Reply { is_dropped: true, ..Reply::new(502, String::new()) };
            }
            Some(FaultKind::Status(status)) => Reply::new(*status, "fault".to_owned()),
            Some(FaultKind::Code(code)) => {
                let text = if *code == 10016 {
                    "System error. Please try again later."
                } else {
                    "refused by a fault"
                };
                self.reply((Err(Refusal::new(*code, text)), None))
            }
            Some(FaultKind::Duplicate) => {
                self.answer(request);
                self.answer(request)
            }
            _ => self.answer(request),
        };
        match fault {
            Some(FaultKind::Delay(after)) => reply.after = after,
            // Carried out, but nobody is told.
            Some(FaultKind::Timeout(after)) => {
                reply = Reply { after, ..Reply::new(504, "gateway timeout".to_owned()) };
            }
            Some(FaultKind::Corrupt) => {
                let half = reply.body.chars().count() / 2;
                reply.body = reply.body.chars().take(half).collect();
            }
            _ => {}
        }
        self.settle();
        reply
    }

    fn answer(&mut self, request: &RawRequest) -> Reply {
        let outcome = self.outcome(request);
        self.reply(outcome)
    }

    fn reply(&self, (outcome, usage): Outcome) -> Reply {
        let now_ms = self.server_ms();
        let (status, body) = match outcome {
            Ok((result, more)) => {
                let mut text = body(result, now_ms);
                text["retExtInfo"] = more;
                (200, text)
            }
            Err(refusal) => (refusal.status, refusal_body(&refusal, now_ms)),
        };
        let mut reply = Reply::new(status, body.to_string());
        let timed = [("Timenow".to_owned(), now_ms.to_string())];
        let limits = usage.map(limit_headers).into_iter().flatten().map(|(k, v)| (k.to_owned(), v));
        reply.headers = timed.into_iter().chain(limits).collect();
        reply
    }

    /// The order of the checks is not documented: address, path, headers, key, time, signature, rights, limit, parameters.
    fn outcome(&mut self, request: &RawRequest) -> Outcome {
        match self.admit(request) {
            Err(refusal)
                if matches!(refusal.code, 10003 | 10004) && self.choices.is_flipped(Open::KeyStatus) =>
            {
                (Err(Refusal { status: 401, ..refusal }), None)
            }
            Err(refusal) => (Err(refusal), None),
            Ok((route, None)) => {
                let params = Params::of_query(&request.query);
                (params.and_then(|params| self.public(route.endpoint, &params)).map(|r| (r, json!({}))), None)
            }
            Ok((route, Some(account))) => {
                let params = if route.is_post {
                    Params::of_body(&request.body)
                } else {
                    Params::of_query(&request.query)
                };
                match params {
                    Ok(params) => self.carry_out(account, route, &params),
                    Err(refusal) => (Err(refusal), None),
                }
            }
        }
    }

    /// Who asks for what, if they may.
    fn admit(&mut self, request: &RawRequest) -> Result<(&'static Route, Option<usize>), Refusal> {
        if self.state.is_banned {
            return Err(Refusal::address());
        }
        if self.state.is_in_maintenance {
            return Err(maintenance());
        }
        if self.is_limited {
            self.limits.take_address(self.clock.millis())?;
        }
        let is_post = request.method == "POST";
        if !is_post && request.method != "GET" {
            return Err(Refusal { status: 400, ..Refusal::parameter("bad request: method is not allowed") });
        }
        let route = find(is_post, &request.path)?;
        if !is_post && !request.body.is_empty() {
            return Err(Refusal { status: 403, ..Refusal::parameter("a GET request has no body") });
        }
        if route.access == Access::Public {
            return Ok((route, None));
        }
        let header = |name: &str| {
            request.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
        };
        let signed = Signed::read(header)?;
        if self.choices.is_flipped(Open::MissingWindow) && header("x-bapi-recv-window").is_none() {
            return Err(Refusal::parameter("X-BAPI-RECV-WINDOW header is missing"));
        }
        let is_time_first = self.choices.is_flipped(Open::CheckOrder);
        if is_time_first {
            signed.check_time(self.server_ms())?;
        }
        let account = self.accounts.iter().position(|account| account.key == signed.key);
        let account = account.ok_or_else(Refusal::key)?;
        let known = &self.accounts[account];
        if let Some(code) = known.refused_with {
            return Err(key_refused(code));
        }
        if !is_time_first {
            signed.check_time(self.server_ms())?;
        }
        let payload = if is_post { request.body.as_slice() } else { request.query.as_bytes() };
        signed.check_signature(&known.secret, payload)?;
        if !known.is_open_to(request.peer) {
            return Err(key_refused(10010));
        }
        let may = match route.access {
            Access::Public | Access::Read => true,
            Access::Order => known.rights.can_trade,
            Access::Position => known.rights.can_change_positions,
            Access::Wallet => known.rights.can_move_money,
        };
        if may { Ok((route, Some(account))) } else { Err(key_refused(10005)) }
    }

    /// Carries out what an account asks for, as often as its limit allows.
    pub(super) fn carry_out(&mut self, account: usize, route: &Route, params: &Params) -> Outcome {
        let is_batch =
            matches!(route.endpoint, Endpoint::CreateBatch | Endpoint::AmendBatch | Endpoint::CancelBatch);
        let items = if is_batch {
            match self.batch_items(params) {
                Ok(items) => items,
                Err(refusal) => return (Err(refusal), None),
            }
        } else {
            vec![params.clone()]
        };
        let (passed, usage) = if self.is_limited {
            let now_ms = self.clock.millis();
            let (passed, usage) =
                self.limits.take(account, route.endpoint, route.per_second, items.len(), now_ms);
            // Limits are counted by the clock and told in the server's time.
            let shift = self.server_ms() - now_ms;
            (passed, Some(Usage { reset_ms: usage.reset_ms + shift, ..usage }))
        } else {
            (items.len(), None)
        };
        if !is_batch {
            let outcome = if passed == 1 {
                self.private(account, route.endpoint, params)
            } else {
                Err(Refusal::too_many())
            };
            return (outcome.map(|result| (result, json!({}))), usage);
        }
        let mut answers = Vec::new();
        for (place, item) in items.iter().enumerate() {
            let outcome = if place < passed {
                self.batch_item(account, route.endpoint, item)
            } else {
                Err(Refusal::too_many())
            };
            let (id, link, code) = match outcome {
                Ok(placed) => (placed.id, placed.link, Ok(())),
                Err(refusal) => (String::new(), item.text("orderLinkId").unwrap_or_default(), Err(refusal)),
            };
            let mut row = json!({"category": "linear", "symbol": item.text("symbol").unwrap_or_default(),
                "orderId": id, "orderLinkId": link});
            if route.endpoint == Endpoint::CreateBatch {
                let at = if code.is_ok() { self.now.millis().to_string() } else { String::new() };
                row["createAt"] = at.into();
            }
            answers.push((row, code));
        }
        (Ok(batch_body(answers)), usage)
    }

    fn batch_items(&self, params: &Params) -> Result<Vec<Params>, Refusal> {
        self.linear(params)?;
        let items = params.objects("request")?;
        if items.is_empty() || items.len() > 20 {
            return Err(Refusal::parameter("params error: request should hold 1 to 20 orders"));
        }
        Ok(items.into_iter().map(|item| item.with("category", "linear")).collect())
    }
}

pub(super) fn key_refused(code: i64) -> Refusal {
    let text = match code {
        10003 => "API key is invalid.",
        10005 => "Invalid API-key, IP, or permissions for action.",
        10007 => "User authentication failed.",
        10008 => "User has been banned.",
        10010 => "Unmatched IP, please check your API key's bound IP addresses.",
        33004 => "Your api key has expired.",
        _ => "refused",
    };
    Refusal::new(code, text)
}
