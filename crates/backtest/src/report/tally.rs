//! Trades counted by a key.

use super::ReportInput;
use crate::Trade;
use crate::metrics::trades as statistics;
use std::collections::BTreeMap;
use units::{Amount, Span};

/// What a set of closed trades comes to. Profit is net of fees and funding.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Tally {
    pub(super) trades: u64,
    pub(super) wins: u64,
    pub(super) draws: u64,
    pub(super) losses: u64,
    pub(super) net: Amount,
    pub(super) fees: Amount,
    pub(super) funding: Amount,
    pub(super) entered: Amount,
    ratios: f64,
    nanos: i128,
    profits: Vec<f64>,
}

impl Tally {
    pub(super) fn of<'t>(trades: impl IntoIterator<Item = &'t Trade>) -> Self {
        let mut tally = Self::default();
        trades.into_iter().for_each(|trade| tally.add(trade));
        tally
    }

    pub(super) fn add(&mut self, trade: &Trade) {
        let net = trade.net();
        self.trades += 1;
        self.wins += u64::from(net.is_positive());
        self.losses += u64::from(net.is_negative());
        self.draws += u64::from(net == Amount::ZERO);
        self.net += net;
        self.fees += trade.fees;
        self.funding += trade.funding;
        self.entered += trade.entry_value;
        self.ratios += trade.net_ratio();
        self.nanos += i128::from(trade.exit_time.nanos()) - i128::from(trade.entry_time.nanos());
        self.profits.push(net.to_f64());
    }

    /// Mean of the trades' own profits, in percent of the value each entered.
    pub(super) fn average_percent(&self) -> Option<f64> {
        (self.trades > 0).then(|| self.ratios / self.trades as f64 * 100.0)
    }

    /// Net profit in percent of `balance`.
    pub(super) fn percent_of(&self, balance: Amount) -> Option<f64> {
        balance.is_positive().then(|| self.net.to_f64() / balance.to_f64() * 100.0)
    }

    pub(super) fn average_duration(&self) -> Option<Span> {
        let mean = self.nanos.checked_div(i128::from(self.trades))?;
        i64::try_from(mean).ok().map(Span::from_nanos)
    }

    pub(super) fn win_percent(&self) -> Option<f64> {
        (self.trades > 0).then(|| self.wins as f64 / self.trades as f64 * 100.0)
    }

    pub(super) fn profit_factor(&self) -> Option<f64> {
        statistics::profit_factor(&self.profits)
    }

    /// Net profits in quote currency, in order of closing.
    pub(super) fn profits(&self) -> &[f64] {
        &self.profits
    }

    pub(super) fn drawdown(&self, balance: Amount) -> Option<statistics::ClosedDrawdown> {
        statistics::closed_drawdown(&self.profits, balance.to_f64())
    }
}

/// The closed trades of a run, counted by `key`, in the order of the keys.
pub(super) fn by<K: Ord>(input: &ReportInput<'_>, key: impl Fn(&Trade) -> K) -> Vec<(K, Tally)> {
    let mut groups: BTreeMap<K, Tally> = BTreeMap::new();
    for trade in input.outcome.trades.iter() {
        groups.entry(key(trade)).or_default().add(trade);
    }
    groups.into_iter().collect()
}

/// The most profitable first; equal ones by key.
pub(super) fn ranked<K: Ord>(mut groups: Vec<(K, Tally)>) -> Vec<(K, Tally)> {
    groups.sort_by(|(a, x), (b, y)| y.net.cmp(&x.net).then_with(|| a.cmp(b)));
    groups
}

/// Every symbol of the run, also those without trades; symbols in the order of the tape.
pub(super) fn by_symbol(input: &ReportInput<'_>) -> Vec<(String, Tally)> {
    let mut tallies = vec![Tally::default(); input.instruments.len()];
    for trade in input.outcome.trades.iter() {
        if let Some(tally) = tallies.get_mut(trade.instrument.index()) {
            tally.add(trade);
        }
    }
    input.instruments.iter().map(|i| i.symbol.clone()).zip(tallies).collect()
}
