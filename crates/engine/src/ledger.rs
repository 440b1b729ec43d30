//! Cash, positions and reservations: the engine's own account of the money, exact to 10⁻¹⁸.
//!
//! Average entry price is never stored: a position keeps its exact cost and divides only to be shown. On a partial close
//! the cost is split, rounded towards zero, and the remainder stays in the open part, so that realised plus
//! unrealised profit always equals the cash that flowed, to the last unit.

#![deny(clippy::float_arithmetic)]

use crate::risk::MOST;
use model::{Fill, Instrument, InstrumentIx, PositionSide};
use strategy::{Market, Position};
use units::{Amount, Price, Quantity, Rate, Rounding};

/// What a fill did to the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Booking {
    /// How much of the fill closed an open position.
    pub closed: Quantity,
    /// The exact cost of what was closed, signed like the position.
    pub closed_cost: Amount,
    /// The exact cost of what was opened, signed like the position.
    pub opened_cost: Amount,
    /// Profit of what was closed, before fees.
    pub realised: Amount,
    /// The signed position after the fill.
    pub position: Quantity,
}

/// The totals of an account since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// What was brought in.
    pub deposits: Amount,
    /// Profit of closed positions before fees and funding.
    pub realised: Amount,
    /// Fees paid; negative when rebates prevail.
    pub fees: Amount,
    /// Funding received; negative when paid.
    pub funding: Amount,
}

/// One account in one settlement currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    pub(crate) totals: Totals,
    /// Three sections of one position per instrument: net, long, short.
    pub(crate) positions: Vec<Position>,
    /// Margin set aside for orders that are on their way or resting.
    pub(crate) reserved: Amount,
    /// The magnitudes of the costs of all positions, summed: what the margin of the account is worked out of.
    entered: Amount,
    /// The costs of all positions, summed as they are signed.
    cost: Amount,
    instruments: usize,
    /// The slots of the positions that are not zero, in order: what sums over positions go by.
    open: Vec<usize>,
    /// What those are worth, in the same order.
    worth: Vec<Worth>,
}

/// What a position is worth as its price moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Worth {
    /// The index of its instrument.
    ix: usize,
    /// See [`Instrument::worth_per_step`].
    per_step: Option<i64>,
}

impl Ledger {
    /// An account that starts with `deposit`.
    #[must_use]
    pub fn new(instruments: usize, deposit: Amount) -> Self {
        Self {
            totals: Totals { deposits: deposit, ..Totals::default() },
            positions: vec![Position::default(); instruments * PositionSide::ALL.len()],
            reserved: Amount::ZERO,
            entered: Amount::ZERO,
            cost: Amount::ZERO,
            instruments,
            open: Vec::with_capacity(instruments),
            worth: Vec::with_capacity(instruments),
        }
    }

    #[inline]
    fn slot(&self, ix: InstrumentIx, side: PositionSide) -> usize {
        side.index() * self.instruments + ix.index()
    }

    /// A position; zero when there is none.
    #[inline]
    #[must_use]
    pub fn position(&self, ix: InstrumentIx, side: PositionSide) -> Position {
        self.positions[self.slot(ix, side)]
    }

    /// The net positions, by instrument.
    #[inline]
    #[must_use]
    pub fn net(&self) -> &[Position] {
        &self.positions[..self.instruments]
    }

    /// Where the positions that are not zero stand in the lists of net, long and short positions, in order.
    #[inline]
    pub(crate) fn open(&self) -> &[usize] {
        &self.open
    }

    /// The positions that are not zero.
    #[inline]
    fn held(&self) -> impl Iterator<Item = &Position> {
        self.open.iter().map(|slot| &self.positions[*slot])
    }

    /// The totals since the start.
    #[must_use]
    pub const fn totals(&self) -> Totals {
        self.totals
    }

    /// Cash: deposits plus realised profit minus fees plus funding.
    #[inline]
    #[must_use]
    pub fn wallet(&self) -> Amount {
        self.totals.deposits + self.totals.realised - self.totals.fees + self.totals.funding
    }

    /// Margin set aside for orders.
    #[must_use]
    pub const fn reserved(&self) -> Amount {
        self.reserved
    }

    /// Profit of the open positions at the prices of `markets`; a position without a price counts at cost.
    #[must_use]
    pub fn unrealised(&self, instruments: &[Instrument], markets: &[Market]) -> Amount {
        debug_assert_eq!(self.cost, self.held().map(|p| p.cost).sum(), "the sum of costs is kept up to date");
        let mut sum = -self.cost;
        for worth in &self.worth {
            let (Some(price), Some(per_step)) = (markets[worth.ix].valuation(), worth.per_step) else {
                return self.gained(instruments, markets);
            };
            sum += value_of(price, per_step);
        }
        sum
    }

    /// The same position by position.
    #[inline(never)]
    fn gained(&self, instruments: &[Instrument], markets: &[Market]) -> Amount {
        let mut sum = Amount::ZERO;
        for slot in &self.open {
            let (i, position) = (instrument_of(*slot, self.instruments), &self.positions[*slot]);
            sum += gained(position, &instruments[i], &markets[i]);
        }
        sum
    }

    /// Cash plus unrealised profit.
    #[inline]
    #[must_use]
    pub fn equity(&self, instruments: &[Instrument], markets: &[Market]) -> Amount {
        // Most accounts hold one position.
        if let [Worth { ix, per_step: Some(per_step) }] = self.worth.as_slice()
            && let Some(price) = markets[*ix].valuation()
        {
            return self.wallet() + (value_of(price, *per_step) - self.cost);
        }
        self.wallet() + self.unrealised(instruments, markets)
    }

    /// Initial margin of the open positions: their cost divided by the leverage, rounded up.
    #[inline]
    #[must_use]
    pub fn position_margin(&self, leverage: Rate) -> Amount {
        debug_assert_eq!(self.entered, self.sum_entered(), "the sum of costs is kept up to date");
        margin(self.entered, leverage)
    }

    fn sum_entered(&self) -> Amount {
        self.held().map(|p| p.cost.abs()).sum()
    }

    /// Books a fill.
    #[inline]
    pub fn book_fill(&mut self, instrument: &Instrument, fill: &Fill) -> Booking {
        self.book_at(self.slot(fill.instrument, fill.position_side), instrument, fill)
    }

    /// The same for whom knows where the position stands.
    #[inline]
    pub(crate) fn book_at(&mut self, slot: usize, instrument: &Instrument, fill: &Fill) -> Booking {
        let position = &mut self.positions[slot];
        let signed = fill.side.signed(fill.quantity);
        let cost_before = position.cost;
        let booking =
            if position.quantity.is_zero() || position.quantity.is_negative() == signed.is_negative() {
                let opened_cost = instrument.notional(fill.price, signed);
                position.quantity += signed;
                position.cost += opened_cost;
                Booking {
                    closed: Quantity::ZERO,
                    closed_cost: Amount::ZERO,
                    opened_cost,
                    realised: Amount::ZERO,
                    position: position.quantity,
                }
            } else {
                close(position, instrument, fill, signed)
            };
        let cost = position.cost;
        self.entered += cost.abs() - cost_before.abs();
        self.cost += cost - cost_before;
        match (self.open.as_slice(), self.worth.as_mut_slice()) {
            ([only], [worth]) if *only == slot && !booking.position.is_zero() => {
                worth.per_step = instrument.worth_per_step(booking.position);
            }
            _ => self.note_open(slot, instrument, booking.position),
        }
        self.totals.realised += booking.realised;
        self.totals.fees += fill.fee;
        booking
    }

    /// Notes what the position of a slot is now.
    #[inline(never)]
    fn note_open(&mut self, slot: usize, instrument: &Instrument, quantity: Quantity) {
        let worth = Worth {
            ix: instrument_of(slot, self.instruments),
            per_step: instrument.worth_per_step(quantity),
        };
        match self.open.binary_search(&slot) {
            Ok(at) if quantity.is_zero() => {
                self.open.remove(at);
                self.worth.remove(at);
            }
            Ok(at) => self.worth[at] = worth,
            Err(at) if !quantity.is_zero() => {
                self.open.insert(at, slot);
                self.worth.insert(at, worth);
            }
            Err(_) => {}
        }
    }

    /// Whether money that comes or goes leaves every sum far inside the range of numbers: no more than 10¹⁸ of the currency at
    /// once, nor any total beyond that.
    pub(crate) fn bears(&self, amount: Amount) -> bool {
        let within = |sum: Amount| (-MOST..=MOST).contains(&sum);
        within(amount)
            && within(self.wallet() + amount)
            && within(self.totals.deposits + amount)
            && within(self.totals.funding + amount)
    }

    /// Whether every sum that fills add to is so far inside the range of numbers that one more fill leaves it there, whatever it
    /// is, as long as neither its value nor its fee is above 10¹⁸ of the currency. Looks at the upper halves alone, so it costs next
    /// to nothing; the sums end below 2¹¹⁹ units, which is 6.6 · 10¹⁷ of the currency.
    #[inline]
    pub(crate) fn bears_fill(&self) -> bool {
        const MOST_UPPER: u64 = 1 << 55;
        let magnitude = |sum: Amount| {
            let upper = (sum.units() >> 64) as i64;
            (upper ^ (upper >> 63)) as u64
        };
        let sums = magnitude(self.totals.fees) | magnitude(self.totals.realised) | magnitude(self.entered);
        sums < MOST_UPPER
    }

    /// Books funding; positive when received.
    pub fn book_funding(&mut self, amount: Amount) {
        self.totals.funding += amount;
    }

    /// Books money that came in, or went out when negative.
    pub fn book_deposit(&mut self, amount: Amount) {
        self.totals.deposits += amount;
    }

    /// Works out again what follows from the positions, after they were restored.
    pub(crate) fn note_restored(&mut self, instruments: &[Instrument]) {
        self.open = (0..self.positions.len()).filter(|i| !self.positions[*i].quantity.is_zero()).collect();
        self.entered = self.sum_entered();
        self.cost = self.held().map(|p| p.cost).sum();
        let worth = |slot: &usize| {
            let ix = instrument_of(*slot, self.instruments);
            Worth { ix, per_step: instruments[ix].worth_per_step(self.positions[*slot].quantity) }
        };
        self.worth = self.open.iter().map(worth).collect();
    }

    /// Sets margin aside for an order.
    #[inline]
    pub(crate) fn reserve(&mut self, amount: Amount) {
        self.reserved += amount;
    }

    /// Frees margin that was set aside.
    #[inline]
    pub(crate) fn release(&mut self, amount: Amount) {
        self.reserved -= amount;
        debug_assert!(!self.reserved.is_negative(), "more margin was released than reserved");
    }
}

/// What a position is worth at a price.
#[inline]
fn value_of(price: Price, per_step: i64) -> Amount {
    // The product of two 64-bit numbers always fits.
    Amount::from_units(i128::from(price.mantissa()) * i128::from(per_step))
}

/// Profit of a position at the price of its market; zero without a price.
#[inline]
fn gained(position: &Position, instrument: &Instrument, market: &Market) -> Amount {
    match market.valuation() {
        Some(price) => instrument.notional(price, position.quantity) - position.cost,
        None => Amount::ZERO,
    }
}

/// Which instrument the position of a slot is of; `instruments` is how many there are.
#[inline]
pub(crate) const fn instrument_of(slot: usize, instruments: usize) -> usize {
    // Nearly all positions are net ones, and a division costs more than the rest of what is done with it.
    if slot < instruments { slot } else { slot % instruments }
}

/// The margin for `value` at `leverage`, rounded up.
#[inline]
#[must_use]
pub fn margin(value: Amount, leverage: Rate) -> Amount {
    if leverage == Rate::ONE { value } else { by_leverage(value, leverage, Rounding::Up) }
}

#[inline(never)]
fn by_leverage(value: Amount, leverage: Rate, rounding: Rounding) -> Amount {
    value.mul_div(Rate::ONE.units().into(), leverage.units().into(), rounding)
}

/// The same, rounded down.
#[inline]
pub(crate) fn margin_down(value: Amount, leverage: Rate) -> Amount {
    if leverage == Rate::ONE { value } else { by_leverage(value, leverage, Rounding::Down) }
}

/// Closes as much of `position` as the fill covers and opens the rest on the other side.
#[inline]
fn close(position: &mut Position, instrument: &Instrument, fill: &Fill, signed: Quantity) -> Booking {
    let open = position.quantity.abs();
    let closed = fill.quantity.min(open);
    let closed_cost = position.cost.share(closed.mantissa(), open.mantissa());
    // Signed like the position: what the closed part is worth at the fill's price.
    let worth =
        instrument.notional(fill.price, if position.quantity.is_negative() { -closed } else { closed });
    position.quantity += signed;
    let opened_cost = if closed < fill.quantity {
        position.cost = instrument.notional(fill.price, position.quantity);
        position.cost
    } else {
        position.cost -= closed_cost;
        Amount::ZERO
    };
    Booking { closed, closed_cost, opened_cost, realised: worth - closed_cost, position: position.quantity }
}
