//! The rules of instruments: fetched again and again, never assumed, and not traded by once they are too old.

use crate::budget::after;
use crate::settings::Settings;
use model::{Instrument, InstrumentIx, InstrumentSpec};
use units::Timestamp;

/// How fresh the rules of one venue's instruments are, and which of them changed.
#[derive(Debug)]
pub(crate) struct Rules {
    fetched_at: Timestamp,
    ask_at: Timestamp,
    changed: Vec<InstrumentIx>,
    was_expired: bool,
}

impl Rules {
    /// Rules that were fresh when the session began: it was built with them.
    pub(crate) const fn new(now: Timestamp) -> Self {
        Self { fetched_at: now, ask_at: now, changed: Vec::new(), was_expired: false }
    }

    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        now >= self.ask_at
    }

    pub(crate) const fn deadline(&self) -> Timestamp {
        self.ask_at
    }

    pub(crate) fn asked(&mut self, now: Timestamp, settings: &Settings) {
        self.ask_at = after(now, settings.question_within);
    }

    /// Compares what the venue says with what we trade by. Returns what differs, once.
    pub(crate) fn note(
        &mut self,
        specs: &[InstrumentSpec],
        ours: &[(InstrumentIx, &Instrument)],
        now: Timestamp,
        settings: &Settings,
    ) -> Vec<(InstrumentIx, String)> {
        (self.fetched_at, self.was_expired) = (now, false);
        self.ask_at = after(now, settings.rules_every);
        let mut news = Vec::new();
        for (ix, known) in ours {
            let difference = match specs.iter().find(|spec| spec.symbol == known.symbol) {
                Some(spec) => differs(known.spec(), spec).map(str::to_owned),
                None => Some("it is not listed any more".to_owned()),
            };
            if let Some(what) = difference
                && !self.changed.contains(ix)
            {
                self.changed.push(*ix);
                news.push((*ix, what));
            }
        }
        news
    }

    /// Whether an instrument can be traded by the rules we have.
    pub(crate) fn may_open(&self, ix: InstrumentIx, now: Timestamp, settings: &Settings) -> bool {
        !self.is_expired(now, settings) && !self.changed.contains(&ix)
    }

    fn is_expired(&self, now: Timestamp, settings: &Settings) -> bool {
        now >= after(self.fetched_at, settings.rules_expire)
    }

    /// Whether they expired since it was asked last.
    pub(crate) fn has_expired(&mut self, now: Timestamp, settings: &Settings) -> bool {
        let is_news = self.is_expired(now, settings) && !self.was_expired;
        self.was_expired |= is_news;
        is_news
    }
}

/// What an order depends on and is not the same.
fn differs(ours: &InstrumentSpec, theirs: &InstrumentSpec) -> Option<&'static str> {
    let pairs = [
        (ours.price_decimals == theirs.price_decimals, "decimal places of prices"),
        (ours.quantity_decimals == theirs.quantity_decimals, "decimal places of quantities"),
        (ours.contract_size == theirs.contract_size, "contract size"),
        (ours.tick_size == theirs.tick_size, "tick size"),
        (ours.quantity_step == theirs.quantity_step, "quantity step"),
        (ours.min_quantity == theirs.min_quantity, "smallest quantity"),
        (ours.max_limit_quantity == theirs.max_limit_quantity, "largest limit order"),
        (ours.max_market_quantity == theirs.max_market_quantity, "largest market order"),
        (ours.min_notional == theirs.min_notional, "smallest value"),
        (ours.margin_tiers == theirs.margin_tiers, "risk tiers"),
        (ours.funding_interval == theirs.funding_interval, "funding interval"),
    ];
    pairs.into_iter().find(|(is_same, _)| !is_same).map(|(_, what)| what)
}
