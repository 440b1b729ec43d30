//! The venue's own books, in double entry: what the trader gains, somebody loses, and every currency sums to zero.

use model::{Fill, Instrument, InstrumentIx, PositionSide, Side};
use units::{Amount, Price, Quantity, Rounding, mul_div};

/// A position as the venue keeps it: a size without sign, which way it points, and what was paid to enter it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// How much is held; never negative.
    pub size: Quantity,
    /// `Buy` when long.
    pub side: Side,
    /// The value at which the size was entered; never negative.
    pub entry_value: Amount,
}

impl Holding {
    /// Nothing held.
    pub const NONE: Self = Self { size: Quantity::ZERO, side: Side::Buy, entry_value: Amount::ZERO };

    /// The size with the sign of its direction.
    #[inline]
    #[must_use]
    pub fn signed(&self) -> Quantity {
        self.side.signed(self.size)
    }

    /// The average price at which it was entered, to the last decimal place of a price and rounded half up; `None` when
    /// nothing is held. Shown only: profit is worked out of the exact [`Self::entry_value`].
    ///
    /// Source: Bybit help centre, "P&L Calculations (USDT Contract)": total contract value over total quantity.
    #[must_use]
    pub fn average_entry(&self, instrument: &Instrument) -> Option<Price> {
        let per_price = i128::from(self.size.mantissa()).checked_mul(instrument.amount_per_step())?;
        let price = mul_div(self.entry_value.units(), 1, per_price, Rounding::HalfUp)?;
        i64::try_from(price).ok().map(Price::new)
    }

    /// Profit at a price, before fees.
    #[inline]
    #[must_use]
    pub fn unrealised(&self, instrument: &Instrument, price: Price) -> Amount {
        self.profit_of(instrument.notional(price, self.size))
    }

    /// Profit once the size is worth `value`.
    #[inline]
    #[must_use]
    pub fn profit_of(&self, value: Amount) -> Amount {
        match self.side {
            Side::Buy => value - self.entry_value,
            Side::Sell => self.entry_value - value,
        }
    }
}

/// The books of one currency: what the trader holds against where it came from. They sum to zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CurrencyBook {
    /// The trader's cash.
    pub wallet: Amount,
    /// Against the wallet: the bank that deposits came from.
    pub bank: Amount,
    /// Against the wallet: the traders on the other side of realised profit and of conversions.
    pub counterparties: Amount,
    /// Against the wallet: what the exchange earned in fees.
    pub fee_income: Amount,
    /// Against the wallet: the other side of funding.
    pub funding_pool: Amount,
    /// Against the wallet: what liquidations left to the insurance fund, or, below zero, took from it.
    pub insurance: Amount,
    /// Profit of what was closed, before fees and funding: a note, and part of no sum.
    pub realised: Amount,
}

impl CurrencyBook {
    /// The sum of all accounts: zero.
    #[inline]
    #[must_use]
    pub fn sum(&self) -> Amount {
        self.wallet + self.bank + self.counterparties + self.fee_income + self.funding_pool + self.insurance
    }
}

/// One trader's account at the venue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// By currency; the first is the one that the account is told of in.
    books: Vec<CurrencyBook>,
    /// By instrument.
    seats: Vec<Seat>,
    /// A long or short position of hedge mode was entered at some time.
    is_hedged: bool,
}

/// What the account keeps of an instrument.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seat {
    /// Net, long and short.
    holdings: [Holding; 3],
    /// The currency that it settles in.
    currency: usize,
}

/// What a fill did to a position.
pub(crate) struct Moved {
    /// Its size and direction before.
    pub(crate) before: (Quantity, Side),
    /// The position now.
    pub(crate) now: Holding,
    /// The currency that it settles in.
    pub(crate) currency: usize,
    /// The profit of what was closed.
    profit: Amount,
}

impl Account {
    /// An account in one currency that starts with `deposit`.
    #[must_use]
    pub fn new(instruments: usize, deposit: Amount) -> Self {
        Self::with_currencies(vec![0; instruments], 1, deposit)
    }

    /// An account in several currencies; `settles` says which of them each instrument settles in. The deposit is of the
    /// first.
    pub(crate) fn with_currencies(settles: Vec<usize>, currencies: usize, deposit: Amount) -> Self {
        let mut account = Self {
            books: vec![CurrencyBook::default(); currencies.max(1)],
            seats: settles
                .into_iter()
                .map(|currency| Seat { holdings: [Holding::NONE; 3], currency })
                .collect(),
            is_hedged: false,
        };
        account.deposit(deposit);
        account
    }

    /// The books of one more currency. Returns which it is.
    pub(crate) fn add_currency(&mut self) -> usize {
        self.books.push(CurrencyBook::default());
        self.books.len() - 1
    }

    /// The cash in the first currency.
    #[must_use]
    pub fn wallet(&self) -> Amount {
        self.books[0].wallet
    }

    /// Fees paid so far in the first currency; negative when rebates prevail.
    #[must_use]
    pub fn fees_paid(&self) -> Amount {
        self.books[0].fee_income
    }

    /// Funding received so far in the first currency; negative when paid.
    #[must_use]
    pub fn funding_received(&self) -> Amount {
        -self.books[0].funding_pool
    }

    /// Profit of what was closed in the first currency, before fees and funding.
    #[must_use]
    pub fn realised(&self) -> Amount {
        self.books[0].realised
    }

    /// The books, by currency.
    #[must_use]
    pub fn books(&self) -> &[CurrencyBook] {
        &self.books
    }

    /// Which currency an instrument settles in.
    #[inline]
    pub(crate) fn settles(&self, ix: InstrumentIx) -> usize {
        self.seats[ix.index()].currency
    }

    /// Every position of an instrument, and which currency it settles in.
    #[inline(always)]
    pub(crate) fn seat(&self, ix: InstrumentIx) -> (&[Holding; 3], usize) {
        let seat = &self.seats[ix.index()];
        (&seat.holdings, seat.currency)
    }

    /// A position.
    #[inline]
    #[must_use]
    pub fn holding(&self, ix: InstrumentIx, side: PositionSide) -> Holding {
        self.seats[ix.index()].holdings[side.index()]
    }

    /// Every position of an instrument: net, long, short.
    #[inline]
    #[must_use]
    pub fn holdings(&self, ix: InstrumentIx) -> &[Holding; 3] {
        &self.seats[ix.index()].holdings
    }

    /// Whether a long or short position of hedge mode was entered at some time; without one, all positions are net.
    #[inline]
    #[must_use]
    pub const fn is_hedged(&self) -> bool {
        self.is_hedged
    }

    /// Brings money of the first currency in, or takes it out when negative.
    pub fn deposit(&mut self, amount: Amount) {
        self.deposit_in(0, amount);
    }

    /// The same in any currency.
    pub(crate) fn deposit_in(&mut self, currency: usize, amount: Amount) {
        let book = &mut self.books[currency];
        book.wallet += amount;
        book.bank -= amount;
        self.audit(currency);
    }

    /// Takes a position over that was entered elsewhere.
    pub(crate) fn hold(&mut self, ix: InstrumentIx, side: PositionSide, holding: Holding) {
        self.is_hedged |= side != PositionSide::Net;
        self.seats[ix.index()].holdings[side.index()] = holding;
    }

    /// Pays funding of an instrument to the trader, or takes it when negative.
    pub fn fund(&mut self, ix: InstrumentIx, amount: Amount) {
        let currency = self.settles(ix);
        let book = &mut self.books[currency];
        book.wallet += amount;
        book.funding_pool -= amount;
        self.audit(currency);
    }

    /// Pays a shortfall out of the insurance fund.
    pub(crate) fn insure(&mut self, currency: usize, amount: Amount) {
        let book = &mut self.books[currency];
        book.wallet += amount;
        book.insurance -= amount;
        self.audit(currency);
    }

    /// Sells `paid` of one currency for `received` of another.
    pub(crate) fn convert(&mut self, (from, paid): (usize, Amount), (to, received): (usize, Amount)) {
        for (currency, amount) in [(from, -paid), (to, received)] {
            let book = &mut self.books[currency];
            book.wallet += amount;
            book.counterparties -= amount;
            self.audit(currency);
        }
    }

    /// Executes a fill: moves the position, the profit of what it closes, and the fee. Returns the profit.
    #[inline]
    pub fn execute(&mut self, instrument: &Instrument, fill: &Fill) -> Amount {
        self.enter(instrument, fill).profit
    }

    /// The same, telling what it did to the position.
    #[inline(always)]
    pub(crate) fn enter(&mut self, instrument: &Instrument, fill: &Fill) -> Moved {
        self.is_hedged |= fill.position_side != PositionSide::Net;
        let Seat { holdings, currency } = &mut self.seats[fill.instrument.index()];
        let (holding, currency) = (&mut holdings[fill.position_side.index()], *currency);
        let held = *holding;
        let (now, profit) = if held.size.is_zero() || held.side == fill.side {
            let entry_value = held.entry_value + instrument.notional(fill.price, fill.quantity);
            (Holding { size: held.size + fill.quantity, side: fill.side, entry_value }, Amount::ZERO)
        } else {
            reduced(held, instrument, fill)
        };
        *holding = now;
        let book = &mut self.books[currency];
        book.wallet += profit - fill.fee;
        book.counterparties -= profit;
        book.fee_income += fill.fee;
        book.realised += profit;
        self.audit(currency);
        Moved { before: (held.size, held.side), now, currency, profit }
    }

    /// A position that pointed to `held` and was taken over at one value is closed at another: the difference is the insurance
    /// fund's.
    pub(crate) fn pass_on(&mut self, ix: InstrumentIx, held: Side, taken: Amount, closed: Amount) {
        let gained = if held == Side::Buy { closed - taken } else { taken - closed };
        let currency = self.settles(ix);
        let book = &mut self.books[currency];
        book.insurance += gained;
        book.counterparties -= gained;
        self.audit(currency);
    }

    /// Double entry: whatever happened, the accounts of a currency sum to zero.
    #[inline]
    fn audit(&self, currency: usize) {
        let sum = self.books[currency].sum();
        if sum != Amount::ZERO {
            is_off(currency, sum);
        }
        debug_assert!(self.books.iter().all(|book| book.sum() == Amount::ZERO), "another currency is off");
        debug_assert!(
            self.seats.iter().flat_map(|seat| &seat.holdings).all(|h| !h.size.is_negative()
                && !h.entry_value.is_negative()
                && (!h.size.is_zero() || h.entry_value == Amount::ZERO)),
            "a holding has a size and a value, or neither"
        );
    }
}

#[cold]
fn is_off(currency: usize, sum: Amount) {
    panic!("the venue's books of currency {currency} are off by {sum}");
}

/// Closes what the fill covers and turns the position around with the rest. Returns the position and the profit of the closed
/// part.
///
/// The closed part of the entry value is rounded down; the remainder stays with what is still open.
#[inline(always)]
fn reduced(held: Holding, instrument: &Instrument, fill: &Fill) -> (Holding, Amount) {
    let closing = if fill.quantity < held.size { fill.quantity } else { held.size };
    let entry = held.entry_value.share(closing.mantissa(), held.size.mantissa());
    let exit = instrument.notional(fill.price, closing);
    let profit = match held.side {
        Side::Buy => exit - entry,
        Side::Sell => entry - exit,
    };
    let turned = fill.quantity - closing;
    let now = if turned.is_positive() {
        Holding { size: turned, side: fill.side, entry_value: instrument.notional(fill.price, turned) }
    } else {
        Holding { size: held.size - closing, side: held.side, entry_value: held.entry_value - entry }
    };
    (now, profit)
}
