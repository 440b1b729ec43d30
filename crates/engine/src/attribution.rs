//! What each strategy has earned of an account that several share: books beside the ledger that always add up to it.
//!
//! Strategies share positions, so a fill belongs to nobody by itself. It is divided like this:
//!
//! - What *closes* is taken first from those who hold more than the target that was pursued last leaves to them, in
//!   proportion to how much more; the rest from all who hold, in proportion to what they hold. An order that a strategy
//!   placed by itself closes what that strategy holds before anything else.
//! - What *opens* on the way to a target is given to those who hold less than their part of it, in proportion to how much
//!   less. Otherwise it belongs to the strategy whose order it was.
//! - Fees follow the quantities, funding follows what is held.
//!
//! A part of a target is a strategy's share of the votes for it (`targets`); who votes against it holds nothing, so no two
//! strategies ever hold opposite sides of one position. Quantities are whole steps; what is left of a division goes to
//! the leader of the target, or to the first that can take it. Orders of the engine itself and signals from outside have a
//! row of their own, the last.
//!
//! Each strategy's position keeps its own exact cost. Therefore, at every moment and to the last unit: quantities, fees
//! and funding add up to those of the ledger, and so does realised profit less the cost of what is open, which is profit at any
//! price. Realised profit alone adds up whenever nothing is open: before, a strategy that closes its part at its own cost
//! has earned something else than the shared position on the average.
//!
//! Where one strategy is all there is, everything is its own and nothing is kept.

#![deny(clippy::float_arithmetic)]

use crate::engine::ENGINE;
use crate::ledger::{Booking, Ledger, Totals};
use crate::targets::Quota;
use model::{Fill, Instrument};
use strategy::{Market, Position, StateError, StateReader, StateWriter};
use units::{Amount, DigestWriter, Quantity, Rounding, mul_div};

/// What a strategy has earned, in the currency of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StrategyFigures {
    /// Profit of what it closed, before fees and funding.
    pub realised: Amount,
    /// Profit of what it holds at the last known prices.
    pub unrealised: Amount,
    /// Fees of its fills; negative when rebates prevail.
    pub fees: Amount,
    /// Funding received; negative when paid.
    pub funding: Amount,
    /// The value of what it holds, long and short alike.
    pub exposure: Amount,
}

impl StrategyFigures {
    /// Everything it has earned: profit of what is closed and what is open, less fees, plus funding.
    #[must_use]
    pub fn profit(&self) -> Amount {
        self.realised + self.unrealised - self.fees + self.funding
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Tally {
    realised: Amount,
    fees: Amount,
    funding: Amount,
}

/// Whose order a fill was of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The strategy that it was placed for; `u16::MAX` for the engine.
    pub(crate) strategy: u16,
    /// The strategy placed it by itself, as it is.
    pub(crate) is_own: bool,
    /// It was placed to come to the target that the quotas divide.
    pub(crate) is_sought: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Books {
    /// By strategy, the engine and the outside last.
    tallies: Vec<Tally>,
    /// By strategy: its part of each position of the ledger, in the order of the ledger.
    positions: Vec<Position>,
}

/// The books of the strategies of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attribution {
    /// Without the engine.
    strategies: usize,
    instruments: usize,
    /// Positions of the ledger: three for each instrument.
    slots: usize,
    books: Option<Books>,
}

impl Attribution {
    pub(crate) fn new(strategies: usize, ledger: &Ledger) -> Self {
        let slots = ledger.positions.len();
        let mut own = Self { strategies, instruments: ledger.net().len(), slots, books: None };
        if strategies > 1 {
            own.keep(ledger);
        }
        own
    }

    /// Whether there is anything to divide.
    #[inline]
    pub(crate) const fn is_kept(&self) -> bool {
        self.books.is_some()
    }

    /// Begins to keep books. So far everything belonged to the first strategy.
    pub(crate) fn keep(&mut self, ledger: &Ledger) {
        if self.books.is_some() {
            return;
        }
        let mut tallies = vec![Tally::default(); self.strategies + 1];
        let Totals { realised, fees, funding, .. } = ledger.totals();
        tallies[0] = Tally { realised, fees, funding };
        let mut positions = vec![Position::default(); tallies.len() * self.slots];
        positions[..self.slots].copy_from_slice(&ledger.positions);
        self.books = Some(Books { tallies, positions });
    }

    /// The net positions of a strategy, by instrument.
    #[inline]
    pub(crate) fn own<'a>(&'a self, strategy: u16, ledger: &'a Ledger) -> &'a [Position] {
        let Some(books) = &self.books else { return ledger.net() };
        let from = self.row(strategy) * self.slots;
        books.positions.get(from..from + self.instruments).unwrap_or(&[])
    }

    fn row(&self, strategy: u16) -> usize {
        usize::from(strategy).min(self.strategies)
    }

    /// Divides a fill that was booked, of the position at `slot`.
    pub(crate) fn book_fill(
        &mut self,
        instrument: &Instrument,
        (slot, fill, booking): (usize, &Fill, &Booking),
        origin: Origin,
        quotas: &[Quota],
    ) {
        let (row, slots) = (self.row(origin.strategy), self.slots);
        let quotas: Vec<(usize, i64)> =
            quotas.iter().map(|q| (self.row(q.strategy), q.quantity.mantissa())).collect();
        let Some(books) = &mut self.books else { return };
        let rows = books.tallies.len();
        let mut parts = vec![0; rows];
        let at = |row: usize| row * slots + slot;
        if booking.closed.is_positive() {
            let held: Vec<i64> =
                (0..rows).map(|row| books.positions[at(row)].quantity.mantissa().abs()).collect();
            let is_short = fill.side == model::Side::Buy;
            let closed = closing(booking.closed.mantissa(), &held, is_short, (origin, row), &quotas);
            for (row, part) in closed.iter().enumerate().filter(|(_, part)| **part > 0) {
                let position = &mut books.positions[at(row)];
                let all = position.quantity.abs().mantissa();
                let cost = if *part == all {
                    position.cost
                } else {
                    position.cost.mul_div((*part).into(), all.into(), Rounding::Down)
                };
                let signed = Quantity::new(if is_short { -*part } else { *part });
                books.tallies[row].realised += instrument.notional(fill.price, signed) - cost;
                position.quantity -= signed;
                position.cost -= cost;
                parts[row] += part;
            }
        }
        let opened = fill.quantity - booking.closed;
        if opened.is_positive() {
            let sign = fill.side.signed(Quantity::new(1)).mantissa();
            let mut given = vec![0; rows];
            if origin.is_sought {
                let lacking: Vec<i64> = (0..rows)
                    .map(|row| {
                        let part: i64 = quotas.iter().filter(|(r, _)| *r == row).map(|(_, q)| q * sign).sum();
                        (part - books.positions[at(row)].quantity.mantissa() * sign).max(0)
                    })
                    .collect();
                let lacks = lacking.iter().any(|part| *part > 0);
                let weights = if lacks { lacking } else { wanted(rows, sign, &quotas) };
                divide(opened.mantissa(), &weights, &vec![i64::MAX; rows], row, &mut given);
            }
            given[row] += opened.mantissa() - given.iter().sum::<i64>();
            for (row, part) in given.iter().enumerate().filter(|(_, part)| **part > 0) {
                let signed = Quantity::new(part * sign);
                let position = &mut books.positions[at(row)];
                position.quantity += signed;
                position.cost += instrument.notional(fill.price, signed);
                parts[row] += part;
            }
        }
        let total = fill.quantity.mantissa();
        let mut left = fill.fee;
        for (tally, part) in books.tallies.iter_mut().zip(&parts) {
            let share = fill.fee.mul_div((*part).into(), total.into(), Rounding::Down);
            tally.fees += share;
            left -= share;
        }
        let last = if parts[row] > 0 { row } else { parts.iter().position(|p| *p > 0).unwrap_or(row) };
        books.tallies[last].fees += left;
    }

    /// Divides funding among those who hold the position at `slot`; what nobody holds any more goes to the engine's row.
    pub(crate) fn book_funding(&mut self, slot: usize, amount: Amount) {
        let Some(books) = &mut self.books else { return };
        let rows = books.tallies.len();
        let held: Vec<i128> = (0..rows)
            .map(|row| books.positions.get(row * self.slots + slot))
            .map(|p| p.map_or(0, |p| i128::from(p.quantity.abs().mantissa())))
            .collect();
        let sum: i128 = held.iter().sum();
        let mut left = amount;
        if sum > 0 {
            for (tally, part) in books.tallies.iter_mut().zip(&held) {
                let share = amount.mul_div(*part, sum, Rounding::Down);
                tally.funding += share;
                left -= share;
            }
        }
        let first = held.iter().position(|part| *part > 0).unwrap_or(rows - 1);
        books.tallies[first].funding += left;
    }

    /// What each strategy has earned, the engine and the outside last.
    pub(crate) fn figures(
        &self,
        ledger: &Ledger,
        instruments: &[Instrument],
        markets: &[Market],
        rows: &mut Vec<StrategyFigures>,
    ) {
        rows.clear();
        let of = |tally: Tally, positions: &[Position]| {
            let mut figures = StrategyFigures {
                realised: tally.realised,
                fees: tally.fees,
                funding: tally.funding,
                ..StrategyFigures::default()
            };
            let open = positions.iter().enumerate().filter(|(_, p)| !p.quantity.is_zero());
            for (slot, position) in open {
                let ix = slot % instruments.len().max(1);
                let worth = match markets[ix].valuation() {
                    Some(price) => instruments[ix].notional(price, position.quantity),
                    None => position.cost,
                };
                figures.unrealised += worth - position.cost;
                figures.exposure += worth.abs();
            }
            figures
        };
        match &self.books {
            Some(books) => {
                let all = books.tallies.iter().enumerate();
                let part = |row: usize| &books.positions[row * self.slots..(row + 1) * self.slots];
                rows.extend(all.map(|(row, tally)| of(*tally, part(row))));
            }
            None => {
                rows.resize(self.strategies + 1, StrategyFigures::default());
                let Totals { realised, fees, funding, .. } = ledger.totals();
                rows[0] = of(Tally { realised, fees, funding }, &ledger.positions);
            }
        }
    }

    pub(crate) fn add_to(&self, digest: &mut DigestWriter) {
        let Some(books) = &self.books else { return };
        for (i, position) in books.positions.iter().enumerate().filter(|(_, p)| !p.quantity.is_zero()) {
            digest.word(i as u64);
            digest.int(position.quantity.mantissa());
            digest.wide(position.cost.units());
        }
        for tally in &books.tallies {
            [tally.realised, tally.fees, tally.funding].iter().for_each(|amount| digest.wide(amount.units()));
        }
    }

    pub(crate) fn save(&self, w: &mut StateWriter) {
        w.int(i64::from(self.books.is_some()));
        let Some(books) = &self.books else { return };
        for tally in &books.tallies {
            [tally.realised, tally.fees, tally.funding].iter().for_each(|amount| w.wide(amount.units()));
        }
        for position in &books.positions {
            w.int(position.quantity.mantissa());
            w.wide(position.cost.units());
        }
    }

    pub(crate) fn load(&mut self, r: &mut StateReader<'_>, ledger: &Ledger) -> Result<(), StateError> {
        self.books = None;
        if r.int()? == 0 {
            return Ok(());
        }
        self.keep(ledger);
        let Some(books) = &mut self.books else { return Ok(()) };
        for tally in &mut books.tallies {
            for amount in [&mut tally.realised, &mut tally.fees, &mut tally.funding] {
                *amount = Amount::from_units(r.wide()?);
            }
        }
        for position in &mut books.positions {
            *position = Position { quantity: Quantity::new(r.int()?), cost: Amount::from_units(r.wide()?) };
        }
        Ok(())
    }
}

/// How much each row closes. `held` are magnitudes.
fn closing(
    quantity: i64,
    held: &[i64],
    is_short: bool,
    (origin, row): (Origin, usize),
    quotas: &[(usize, i64)],
) -> Vec<i64> {
    let mut parts = vec![0; held.len()];
    if origin.is_own {
        parts[row] = quantity.min(held[row]);
    } else {
        let sign = if is_short { -1 } else { 1 };
        let kept = wanted(held.len(), sign, quotas);
        let surplus: Vec<i64> = held.iter().zip(&kept).map(|(held, kept)| (held - kept).max(0)).collect();
        divide(quantity, &surplus, &surplus, row, &mut parts);
    }
    let rest = quantity - parts.iter().sum::<i64>();
    let left: Vec<i64> = held.iter().zip(&parts).map(|(held, part)| held - part).collect();
    divide(rest, &left, &left, row, &mut parts);
    parts
}

/// What each row is to hold of a side.
fn wanted(rows: usize, sign: i64, quotas: &[(usize, i64)]) -> Vec<i64> {
    let mut wanted = vec![0; rows];
    for (row, quantity) in quotas {
        wanted[*row] += (quantity * sign).max(0);
    }
    wanted
}

/// Adds parts of `quantity` to `parts`, in proportion to `weights` and at most `room` for each. What is left of the
/// division goes to `first` and then to the others in order, as far as they have room.
fn divide(quantity: i64, weights: &[i64], room: &[i64], first: usize, parts: &mut [i64]) {
    let sum: i128 = weights.iter().map(|w| i128::from(*w)).sum();
    if sum == 0 || quantity == 0 {
        return;
    }
    let mut left = quantity;
    let mut given = vec![0; weights.len()];
    for ((given, weight), room) in given.iter_mut().zip(weights).zip(room) {
        let share = mul_div(quantity.into(), (*weight).into(), sum, Rounding::Down);
        // A part of an `i64`.
        *given = share.and_then(|share| i64::try_from(share).ok()).unwrap_or(0).min(*room);
        left -= *given;
    }
    for row in std::iter::once(first).chain(0..weights.len()) {
        if weights[row] > 0 {
            let more = left.min(room[row] - given[row]);
            given[row] += more;
            left -= more;
        }
    }
    parts.iter_mut().zip(given).for_each(|(part, given)| *part += given);
}

/// The row that stands for the engine and the outside in figures is that of this index.
const _: () = assert!(ENGINE == u16::MAX, "the row of the engine comes after those of all strategies");
