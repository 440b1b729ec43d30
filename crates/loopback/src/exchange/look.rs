//! What there is to see of an account besides the protocol: for tests and simulated worlds that compare it with what a client
//! believes.

use super::Exchange;
use super::publish::Published;
use crate::account::{Account, Origin};
use model::InstrumentIx;
use units::{Amount, Price};
use venue::Venue;
use wire::bybit::server::{Depth, Execution, Order, PublicTopic};

/// The books of one account, as they are.
#[derive(Clone, Copy)]
pub struct Books<'a> {
    account: &'a Account,
}

impl std::fmt::Debug for Books<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Books").field("key", &self.account.key).finish_non_exhaustive()
    }
}

/// An order that lives.
#[derive(Debug, Clone, Copy)]
pub struct OpenOrder<'a> {
    /// Of which instrument, by its place in the settings.
    pub instrument: InstrumentIx,
    /// The order as the exchange tells it.
    pub order: &'a Order,
    /// A client placed it; otherwise it guards a position, or liquidates it.
    pub is_placed: bool,
}

impl<'a> Books<'a> {
    /// The venue that matches and keeps the double entries. It calls orders by numbers of its own.
    #[must_use]
    pub const fn venue(&self) -> &'a Venue {
        &self.account.venue
    }

    /// What the exchange tells as the wallet: deposits, profits, fees and funding.
    #[must_use]
    pub const fn wallet(&self) -> Amount {
        self.account.cash
    }

    /// The orders that live, newest first.
    pub fn open_orders(&self) -> impl Iterator<Item = OpenOrder<'a>> + use<'a> {
        self.account.open_orders().map(|(_, kept)| OpenOrder {
            instrument: kept.ix,
            order: &kept.order,
            is_placed: kept.origin == Origin::Client,
        })
    }

    /// Everything that was executed, oldest first.
    #[must_use]
    pub fn executions(&self) -> &'a [(InstrumentIx, Execution)] {
        &self.account.executions
    }
}

impl Exchange {
    /// The books of the account with this key.
    #[must_use]
    pub fn books(&self, key: &str) -> Option<Books<'_>> {
        self.accounts.iter().find(|account| account.key == key).map(|account| Books { account })
    }

    /// The last price of a market.
    #[must_use]
    pub fn last_price(&self, symbol: &str) -> Option<Price> {
        self.find(symbol).map(|i| self.markets[i].last)
    }

    /// The number of the last update of a book that somebody listens to, at a depth.
    #[must_use]
    pub fn book_update(&self, symbol: &str, depth: usize) -> Option<i64> {
        match self.published.get(&PublicTopic::Book(Depth(depth), symbol.to_owned())) {
            Some(Published::Book { update, .. }) => Some(*update),
            _ => None,
        }
    }
}
