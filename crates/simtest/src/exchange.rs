//! The exchanges of a world. Each speaks one dialect; what a world wants of it is the same for all.

pub(crate) mod bybit;
pub(crate) mod internal;

use crate::options::Options;
use bybit::Bybit;
use internal::Internal;
use model::{
    ClientOrderId, Exchange as Kind, Instrument, InstrumentIx, InstrumentKind, InstrumentSpec, MarginTier,
};
use units::{Amount, Decimal, Price, Prng, Quantity, Rate, Span, Timestamp};
use venue::Venue;
use wire::{Credentials, Dialect, Secret, Symbols};

/// The money of each account at the start.
pub(crate) const BALANCE: i64 = 10_000;

/// The tick of every instrument that is traded in our own dialect, and what it begins at: 100.
const TICK: i64 = 10;

/// Who trades.
pub(crate) const KEY: &str = "key";

/// One exchange.
pub(crate) enum Exchange {
    /// Of our own dialect.
    Internal(Box<Internal>),
    /// Of Bybit's.
    Bybit(Box<Bybit>),
}

/// An order that lives at an exchange, as far as it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Living {
    pub(crate) id: ClientOrderId,
    pub(crate) quantity: Quantity,
    pub(crate) limit: Option<Price>,
    pub(crate) filled: Quantity,
}

impl Exchange {
    /// The exchange of this number. Its market begins anew, its account has [`BALANCE`].
    pub(crate) fn new(
        number: usize,
        all: &[Instrument],
        options: &Options,
        mark: u32,
        prng: Prng,
        now: Timestamp,
    ) -> Self {
        let first = (number * options.instruments) as u32;
        let ixs = (first..).take(options.instruments).map(InstrumentIx).collect();
        if options.speaks_bybit(number) {
            Self::Bybit(Box::new(Bybit::new(number, ixs, all, mark, prng, now)))
        } else {
            Self::Internal(Box::new(Internal::new(number, ixs, all, options, mark, prng)))
        }
    }

    /// What it trades.
    pub(crate) fn ixs(&self) -> &[InstrumentIx] {
        match self {
            Self::Internal(it) => &it.ixs,
            Self::Bybit(it) => &it.ixs,
        }
    }

    /// The venue that keeps the account.
    pub(crate) fn venue(&self) -> &Venue {
        match self {
            Self::Internal(it) => &it.venue,
            Self::Bybit(it) => it.books().venue(),
        }
    }

    /// The money of the account, as it is told.
    pub(crate) fn wallet(&self) -> Amount {
        match self {
            Self::Internal(it) => it.venue.account().wallet(),
            Self::Bybit(it) => it.books().wallet(),
        }
    }

    /// The orders that somebody placed and that live, by id.
    pub(crate) fn living(&self, ix: InstrumentIx) -> Vec<Living> {
        let mut living: Vec<Living> = match self {
            Self::Internal(it) => {
                let reports = it.venue.order_reports().filter(|report| report.instrument == ix);
                let one = |r: model::OrderReport| Living {
                    id: r.id,
                    quantity: r.quantity,
                    limit: r.kind.limit(),
                    filled: r.filled,
                };
                reports.map(one).collect()
            }
            Self::Bybit(it) => it.living(ix),
        };
        living.sort_unstable();
        living
    }

    /// The last change of each book.
    pub(crate) fn book_updates(&self) -> Vec<(InstrumentIx, u64)> {
        match self {
            Self::Internal(it) => it.books().collect(),
            Self::Bybit(it) => it.book_updates(),
        }
    }

    /// Everything is refused for the rate until then.
    pub(crate) fn ban(&mut self, until: Timestamp) {
        match self {
            Self::Internal(it) => it.banned_until = until,
            Self::Bybit(it) => it.banned_until = until,
        }
    }

    /// It is in maintenance until then.
    pub(crate) fn close(&mut self, until: Timestamp) {
        match self {
            Self::Internal(it) => it.closed_until = until,
            Self::Bybit(it) => it.closed_until = until,
        }
    }

    /// The key is refused from now on.
    pub(crate) fn refuse_key(&mut self) {
        match self {
            Self::Internal(it) => it.refuses_key = true,
            Self::Bybit(it) => it.refuses_key = true,
        }
    }

    /// The tick of one instrument doubles, as far as its rules say.
    pub(crate) fn change_rules(&mut self) {
        match self {
            Self::Internal(it) => it.change_rules(),
            Self::Bybit(it) => it.change_rules(),
        }
    }

    /// Its clock jumps forward.
    pub(crate) fn jump(&mut self, by: Span) {
        match self {
            Self::Internal(it) => it.ahead = it.ahead + by,
            Self::Bybit(it) => it.ahead = it.ahead + by,
        }
    }

    /// Everything is as it should be from here on.
    pub(crate) fn heal(&mut self, all: &[Instrument], now: Timestamp) {
        match self {
            Self::Internal(it) => it.heal(all),
            Self::Bybit(it) => it.heal(now),
        }
    }

    /// The client's end of its dialect.
    pub(crate) fn dialect(&self, number: usize, all: &[Instrument], mark: u32, options: &Options) -> Dialect {
        match self {
            Self::Internal(it) => internal::dialect(number, &it.ixs, all, mark),
            Self::Bybit(it) => bybit::dialect(number, &it.ixs, all, mark, options),
        }
    }
}

/// The instruments of a world. An exchange counts decimals in its own way: Bybit by its tick and its step.
pub(crate) fn instruments(options: &Options) -> Vec<Instrument> {
    let of = |n: usize| {
        let is_bybit = options.speaks_bybit(n / options.instruments.max(1));
        instrument(&format!("S{n}USDT"), is_bybit)
    };
    (0..options.venues * options.instruments).map(of).collect()
}

fn instrument(symbol: &str, is_bybit: bool) -> Instrument {
    let built = Instrument::new(InstrumentSpec {
        symbol: symbol.into(),
        exchange: if is_bybit { Kind::Bybit } else { Kind::Synthetic },
        kind: InstrumentKind::LinearPerpetual,
        base: if is_bybit { symbol.trim_end_matches("USDT").into() } else { "TEST".into() },
        quote: "USDT".into(),
        price_decimals: if is_bybit { 1 } else { 2 },
        quantity_decimals: 4,
        contract_size: Decimal { mantissa: 1, decimals: 0 },
        tick_size: Price::new(if is_bybit { 1 } else { TICK }),
        quantity_step: Quantity::new(if is_bybit { 1 } else { 10 }),
        min_quantity: Quantity::new(20),
        max_limit_quantity: Quantity::new(1_000_000),
        max_market_quantity: Quantity::new(500_000),
        min_notional: Amount::ONE,
        margin_tiers: vec![MarginTier {
            notional_limit: money(100_000_000),
            maintenance_rate: Rate::from_units(5_000_000),
            max_leverage: Rate::from_units(20_000_000_000),
            deduction: Amount::ZERO,
        }],
        funding_interval: Span::from_seconds(8 * 3600),
        version: 1,
    });
    built.expect("the rules above are in order")
}

pub(crate) fn credentials() -> Credentials {
    Credentials { key: KEY.to_owned(), secret: Secret::new("secret".to_owned()) }
}

pub(crate) fn symbols(ixs: &[InstrumentIx], all: &[Instrument]) -> Symbols {
    Symbols::new(ixs.iter().map(|ix| (*ix, &all[ix.index()])))
}

/// So much of the quote currency.
pub(crate) fn money(units: i64) -> Amount {
    Amount::from_units(i128::from(units) * Amount::ONE.units())
}
