//! The admin interface: time, prices, accounts and faults. It is no part of the protocol, and answers on localhost only.

use super::Exchange;
use super::faults::{Fault, FaultPlace};
use super::requests::{RawRequest, Reply};
use crate::account::{Account, Rights, Scene};
use crate::market::MarketStatus;
use crate::settings::AccountSettings;
use model::{InstrumentIx, PositionMode, PositionSide};
use serde_json::{Value, json};
use std::net::IpAddr;
use units::{Amount, Price, Rate, Span};
use wire::Secret;

/// No jump of the market's time is longer.
const LONGEST_JUMP_MS: i64 = 30 * 86_400_000;

impl Exchange {
    /// Answers a request to `/admin/…`: the body of what it says, or status 400 with what is wrong.
    pub(super) fn admin(&mut self, request: &RawRequest) -> Reply {
        let body = if request.body.is_empty() {
            json!({})
        } else {
            match serde_json::from_slice(&request.body) {
                Ok(body @ Value::Object(_)) => body,
                _ => return Reply::new(400, json!({"error": "the body is not a JSON object"}).to_string()),
            }
        };
        let outcome = self.order(&request.method, request.path.trim_end_matches('/'), &body);
        self.settle();
        self.publish();
        match outcome {
            Ok(answer) => Reply::new(200, answer.to_string()),
            Err(problem) => Reply::new(400, json!({ "error": problem }).to_string()),
        }
    }

    fn order(&mut self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        match (method, path) {
            ("GET", "/admin" | "/admin/status") => Ok(self.status()),
            ("POST", "/admin/time") => self.order_time(body),
            ("POST", "/admin/price") => self.order_price(body),
            ("POST", "/admin/funding") => {
                let i = self.symbol(body)?;
                if let Some(rate) = text(body, "rate") {
                    let rate = Rate::parse(rate).map_err(|e| format!("rate: {e}"))?;
                    self.markets[i].force_rate(rate);
                }
                let rate = self.settle_funding(i, self.now);
                Ok(json!({"rate": rate.to_string()}))
            }
            ("POST", "/admin/status") => {
                let i = self.symbol(body)?;
                let asked = text(body, "status").unwrap_or("");
                let known = MarketStatus::ALL.iter().find(|(_, text)| *text == asked);
                let names: Vec<&str> = MarketStatus::ALL.iter().map(|(_, text)| *text).collect();
                let (status, _) =
                    known.ok_or_else(|| format!("status: {asked:?}; allowed: {}", names.join(" ")))?;
                self.set_status(i, *status);
                Ok(json!({}))
            }
            ("POST", "/admin/accounts") => self.order_account(body),
            ("POST", "/admin/deposit") => {
                let account = self.key(body)?;
                let amount = text(body, "usdt").ok_or("usdt: a text such as \"100\"")?;
                let amount = Amount::parse(amount).map_err(|e| format!("usdt: {e}"))?;
                let scene = Scene { now: self.now, markets: &self.glances, instruments: &self.instruments };
                self.accounts[account].deposit(&scene, amount).map_err(|reason| reason.text().to_owned())?;
                Ok(json!({}))
            }
            ("POST", "/admin/key") => self.order_key(body),
            ("POST", "/admin/mode") => {
                let account = self.key(body)?;
                let ix = InstrumentIx(u32::try_from(self.symbol(body)?).map_err(|e| e.to_string())?);
                let is_hedged = body.get("hedge").and_then(Value::as_bool).ok_or("hedge: true or false")?;
                let mode = if is_hedged { PositionMode::Hedge } else { PositionMode::OneWay };
                let scene = Scene { now: self.now, markets: &self.glances, instruments: &self.instruments };
                let outcome = self.accounts[account].switch_mode(&scene, Some(ix), mode);
                outcome.map(|()| json!({})).map_err(|refusal| refusal.text)
            }
            ("POST", "/admin/terms") => {
                let account = self.key(body)?;
                self.order_terms(account, body)
            }
            ("POST", "/admin/state") => self.order_state(body),
            ("POST", "/admin/disconnect") => {
                let place = match text(body, "on") {
                    None => None,
                    Some("public") => Some(FaultPlace::Public),
                    Some("private") => Some(FaultPlace::Private),
                    Some("trade") => Some(FaultPlace::Trade),
                    Some(other) => return Err(format!("on: {other:?}; allowed: public private trade")),
                };
                self.disconnect(place);
                Ok(json!({}))
            }
            ("GET", "/admin/faults") => Ok(json!({"faults": self.faults.list()})),
            ("POST", "/admin/faults") => {
                let id = self.faults.add(Fault::read(body)?);
                Ok(json!({ "id": id }))
            }
            ("DELETE", path) if path.starts_with("/admin/faults") => {
                let id = match path.strip_prefix("/admin/faults/") {
                    None => None,
                    Some(id) => Some(id.parse().map_err(|_| format!("{id:?} is not the number of a fault"))?),
                };
                Ok(json!({"removed": self.faults.remove(id)}))
            }
            _ => Err(format!("{method} {path}: there is no such order; see docs/exchange.md")),
        }
    }

    fn status(&self) -> Value {
        let markets: Vec<Value> = self
            .markets
            .iter()
            .map(|market| {
                let price = |p: Price| wire::bybit::server::text::price(p, &market.instrument);
                json!({"symbol": market.instrument.symbol, "status": market.status.text(), "last": price(market.last),
                    "mark": price(market.mark), "index": price(market.index)})
            })
            .collect();
        let account = |account: &Account| {
            json!({"key": account.key, "uid": account.uid, "wallet": account.cash.to_string(),
                "positions": self.holdings(account), "orders": account.open_orders().count(),
                "executions": account.executions.len()})
        };
        let accounts: Vec<Value> = self.accounts.iter().map(account).collect();
        json!({
            "serverTime": self.server_ms(), "marketTime": self.now.millis(), "speed": self.speed,
            "markets": markets, "accounts": accounts, "connections": self.connections.len(), "faults": self.faults.list(),
            "late": self.late.len(), "state": {"maintenance": self.state.is_in_maintenance, "banned": self.state.is_banned, "stale": self.state.stale,
                "skew_ms": self.state.skew_ms},
        })
    }

    /// What is held, by symbol: signed quantities, and in hedge mode the position of each side.
    fn holdings(&self, account: &Account) -> Value {
        let mut positions = serde_json::Map::new();
        for held in account.venue.position_reports() {
            let of = &self.instruments[held.instrument.index()];
            let name = match held.position_side {
                PositionSide::Net => of.symbol.clone(),
                PositionSide::Long => format!("{} long", of.symbol),
                PositionSide::Short => format!("{} short", of.symbol),
            };
            positions
                .insert(name, held.quantity.decimal(of.quantity_decimals).normalized().to_string().into());
        }
        positions.into()
    }

    fn order_time(&mut self, body: &Value) -> Result<Value, String> {
        if let Some(speed) = body.get("speed") {
            let speed = speed.as_u64().filter(|speed| *speed <= 3_600).ok_or("speed: 0 to 3600")?;
            self.set_speed(u32::try_from(speed).unwrap_or(1));
        }
        if let Some(ms) = body.get("advance_ms") {
            let ms = ms.as_i64().filter(|ms| (0..=LONGEST_JUMP_MS).contains(ms));
            let ms = ms.ok_or_else(|| format!("advance_ms: 0 to {LONGEST_JUMP_MS}"))?;
            self.jump_time(Span::from_millis(ms));
        }
        Ok(json!({"marketTime": self.now.millis()}))
    }

    fn order_price(&mut self, body: &Value) -> Result<Value, String> {
        let i = self.symbol(body)?;
        let asked = text(body, "price").ok_or("price: a text such as \"60000\"")?;
        let of = &self.instruments[i];
        let price = Price::parse(asked, of.price_decimals).map_err(|e| format!("price: {e}"))?;
        if !price.is_positive() || !price.is_multiple_of(of.tick_size) {
            return Err(format!("price: {asked} is no multiple of the tick above zero"));
        }
        let step = self.markets[i].jump(self.now, price);
        self.apply(i, &step);
        Ok(json!({}))
    }

    fn order_account(&mut self, body: &Value) -> Result<Value, String> {
        let needed = |name: &str| text(body, name).ok_or_else(|| format!("{name}: a text"));
        let balance = Amount::parse(needed("usdt")?).map_err(|e| format!("usdt: {e}"))?;
        let settings = AccountSettings {
            key: needed("key")?.to_owned(),
            secret: Secret::new(needed("secret")?.to_owned()),
            balance,
        };
        if balance.is_negative() {
            return Err("usdt: below zero".to_owned());
        }
        self.add_account(&settings).map_err(|e| e.to_string())?;
        Ok(json!({}))
    }

    fn order_key(&mut self, body: &Value) -> Result<Value, String> {
        let account = self.key(body)?;
        let flag = |name: &str, now: bool| match body.get(name) {
            None => Ok(now),
            Some(value) => value.as_bool().ok_or_else(|| format!("{name}: true or false")),
        };
        let rights = self.accounts[account].rights;
        self.accounts[account].rights = Rights {
            can_trade: flag("trade", rights.can_trade)?,
            can_change_positions: flag("positions", rights.can_change_positions)?,
            can_move_money: flag("money", rights.can_move_money)?,
        };
        if let Some(addresses) = body.get("addresses") {
            let each = |address: &Value| address.as_str().and_then(|text| text.parse().ok());
            let read: Option<Vec<IpAddr>> =
                addresses.as_array().and_then(|list| list.iter().map(each).collect());
            self.accounts[account].addresses =
                read.ok_or("addresses: a list such as [\"127.0.0.1\"]; [] for all")?;
        }
        if let Some(code) = body.get("refuse") {
            self.accounts[account].refused_with = match code {
                Value::Null => None,
                code => Some(code.as_i64().ok_or("refuse: a return code such as 10003, or null")?),
            };
        }
        Ok(json!({}))
    }

    fn order_state(&mut self, body: &Value) -> Result<Value, String> {
        let flag = |name: &str, now: bool| match body.get(name) {
            None => Ok(now),
            Some(value) => value.as_bool().ok_or_else(|| format!("{name}: true or false")),
        };
        let maintenance = flag("maintenance", self.state.is_in_maintenance)?;
        let banned = flag("ban", self.state.is_banned)?;
        let stale = match body.get("stale") {
            None => self.state.stale.clone(),
            Some(Value::Array(topics)) => {
                topics.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            Some(_) => {
                return Err("stale: a list of how topics begin; [] for none, [\"\"] for all".to_owned());
            }
        };
        let skew_ms = match body.get("skew_ms") {
            None => self.state.skew_ms,
            Some(ms) => ms.as_i64().filter(|ms| ms.abs() <= 86_400_000).ok_or("skew_ms: at most a day")?,
        };
        let begins = (maintenance && !self.state.is_in_maintenance) || (banned && !self.state.is_banned);
        self.state = super::State { is_in_maintenance: maintenance, is_banned: banned, stale, skew_ms };
        if begins {
            self.disconnect(None);
        }
        Ok(json!({}))
    }

    fn symbol(&self, body: &Value) -> Result<usize, String> {
        let symbol = text(body, "symbol").ok_or("symbol: a text such as \"BTCUSDT\"")?;
        self.find(symbol).ok_or_else(|| format!("symbol: {symbol:.40?} is not traded here"))
    }

    fn key(&self, body: &Value) -> Result<usize, String> {
        let key = text(body, "key").ok_or("key: the key of an account")?;
        let known = self.accounts.iter().position(|account| account.key == key);
        known.ok_or_else(|| format!("key: {key:.40?} is not known here"))
    }
}

fn text<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str)
}
