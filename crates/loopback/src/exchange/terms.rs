//! How orders of an account fare, by order of the admin: what they cost, how late they arrive, how badly and how far they are filled.
//! What is published of the market stays as it is.

use super::Exchange;
use super::streams::ConnectionId;
use crate::account::{MAKER, Scene, TAKER};
use model::{InstrumentIx, Side};
use serde_json::{Value, json};
use units::{Price, Quantity, Rate, Span};
use wire::bybit::server::{Params, Route};

/// More levels than any book has.
const DEEPEST: usize = 10_000;

/// How orders of one account fare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    /// What taking and making cost.
    pub(crate) taker: Rate,
    pub(crate) maker: Rate,
    /// So far from the best price there is nothing for market orders of this account, as a fraction of it.
    pub(crate) slippage: Rate,
    /// So much of a market order is filled; the rest is cancelled.
    pub(crate) fill: Rate,
    /// So much of the market's time passes before an order of the trade stream arrives.
    pub(crate) late: Span,
}

impl Default for Terms {
    fn default() -> Self {
        Self { taker: TAKER, maker: MAKER, slippage: Rate::ZERO, fill: Rate::ONE, late: Span::ZERO }
    }
}

impl Terms {
    /// Takes over what the admin says of them.
    fn read(mut self, body: &Value) -> Result<Self, String> {
        let most = Rate::from_units(Rate::ONE.units() / 10);
        let rate = |name: &str, now: Rate, (least, most): (Rate, Rate)| {
            let Some(value) = body.get(name) else { return Ok(now) };
            let allowed = || format!("{name}: a text between \"{least}\" and \"{most}\"");
            let read = value.as_str().and_then(|text| Rate::parse(text).ok());
            read.filter(|rate| (least..=most).contains(rate)).ok_or_else(allowed)
        };
        let zero = Rate::ZERO;
        self.taker = rate("taker_fee", self.taker, (zero, most))?;
        self.maker = rate("maker_fee", self.maker, (Rate::from_units(-most.units()), most))?;
        self.slippage = rate("slippage", self.slippage, (zero, most))?;
        self.fill = rate("fill", self.fill, (Rate::from_units(1_000_000), Rate::ONE))?;
        if let Some(ms) = body.get("late_ms") {
            let ms = ms.as_i64().filter(|ms| (0..=600_000).contains(ms)).ok_or("late_ms: 0 to 600000")?;
            self.late = Span::from_millis(ms);
        }
        Ok(self)
    }

    fn json(self) -> Value {
        json!({"taker_fee": self.taker.to_string(), "maker_fee": self.maker.to_string(),
            "slippage": self.slippage.to_string(), "fill": self.fill.to_string(),
            "late_ms": self.late.nanos() / 1_000_000})
    }
}

/// An order of the trade stream that has not arrived yet.
#[derive(Debug)]
pub(super) struct Late {
    pub(super) id: ConnectionId,
    pub(super) conn: String,
    pub(super) name: Option<String>,
    pub(super) account: usize,
    pub(super) op: String,
    pub(super) route: &'static Route,
    pub(super) params: Params,
}

impl Exchange {
    /// `POST /admin/terms`: those of one account.
    pub(super) fn order_terms(&mut self, account: usize, body: &Value) -> Result<Value, String> {
        let terms = self.accounts[account].terms.read(body)?;
        self.accounts[account].set_terms(terms);
        Ok(terms.json())
    }

    /// Hides the levels from an account that its market orders do not get. Returns what was hidden, to be shown again.
    pub(super) fn hide(&mut self, account: usize, ix: InstrumentIx, side: Side) -> Vec<(Side, Price)> {
        let slippage = self.accounts[account].terms.slippage;
        let offers = side.opposite();
        let Some((best, _)) =
            self.markets[ix.index()].depth.levels(offers).next().filter(|_| slippage > Rate::ZERO)
        else {
            return Vec::new();
        };
        let bound = self.instruments[ix.index()].price_shifted(best, side, slippage);
        let is_hidden = |price: &Price| if side == Side::Buy { *price < bound } else { *price > bound };
        let levels = self.shown(ix.index(), offers, DEEPEST);
        let hidden: Vec<Price> = levels.into_iter().map(|(price, _)| price).take_while(is_hidden).collect();
        let scene = Scene { now: self.now, markets: &self.glances, instruments: &self.instruments };
        for price in &hidden {
            self.accounts[account].happen(&scene, |venue, out| {
                super::feed(venue, &scene, (ix, offers, *price), Quantity::ZERO, out);
            });
        }
        hidden.into_iter().map(|price| (offers, price)).collect()
    }

    /// Shows them again.
    pub(super) fn show(&mut self, account: usize, ix: InstrumentIx, hidden: Vec<(Side, Price)>) {
        for (side, price) in hidden {
            let quantity = self.offered_to(account, ix, side, price);
            self.refeed(account, ix, side, price, quantity);
        }
    }

    /// Orders that were late arrive.
    pub(super) fn arrive(&mut self) {
        while let Some(entry) = self.late.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let Late { id, conn, name, account, op, route, params } = entry.remove();
            let outcome = self.carry_out(account, route, &params);
            self.answer_trade(id, (&conn, name.as_deref()), &op, outcome);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_read_and_what_they_may_not_be_is_said() {
        let terms = Terms::default().read(&json!({"taker_fee": "0.002", "late_ms": 5000})).unwrap();
        assert_eq!(
            (terms.taker, terms.maker, terms.late),
            (Rate::from_units(2_000_000), MAKER, Span::from_seconds(5))
        );
        let error = |body: Value| Terms::default().read(&body).unwrap_err();
        assert!(error(json!({"fill": "0"})).contains("fill"));
        assert!(error(json!({"slippage": 0.1})).contains("a text between"));
        assert!(error(json!({"late_ms": -1})).contains("600000"));
    }
}
