//! How an account stands: what reports and scenarios ask of a venue, and what a venue without insurance does to winners.

use crate::account::Holding;
use crate::config::VenueConfig;
use crate::venue::{Deal, Event, Venue};
use model::{
    FillCause, Instrument, InstrumentIx, Liquidity, MarginMode, OrderReport, PositionReport, PositionSide,
    Protection, Side,
};
use units::{Amount, Price, Quantity, Rate, Rounding, Timestamp};

impl Venue {
    /// What is traded, by index.
    #[must_use]
    pub fn instruments(&self) -> &[Instrument] {
        &self.instruments
    }

    /// The terms of the account.
    #[must_use]
    pub const fn config(&self) -> &VenueConfig {
        &self.config
    }

    /// The orders in the books that were placed by commands, by instrument and time priority.
    pub fn order_reports(&self) -> impl Iterator<Item = OrderReport> + '_ {
        let resting = self.desks.iter().flat_map(|desk| &desk.orders);
        resting.filter(|resting| resting.is_client()).map(|resting| OrderReport {
            id: resting.order.id,
            instrument: resting.order.instrument,
            side: resting.order.side,
            position_side: resting.order.position_side,
            kind: resting.order.kind,
            quantity: resting.order.quantity,
            filled: resting.filled(),
            reduce_only: resting.order.reduce_only,
        })
    }

    /// The positions that are not zero.
    pub fn position_reports(&self) -> impl Iterator<Item = PositionReport> + '_ {
        self.held().map(|(instrument, position_side)| {
            let holding = self.account.holding(instrument, position_side);
            let entry = holding.average_entry(&self.instruments[instrument.index()]);
            PositionReport { instrument, position_side, quantity: holding.signed(), entry }
        })
    }

    /// Maintenance margin over margin balance, the highest of any isolated position and of the shared balance; one is
    /// liquidation. Nothing left to stand on counts as [`Rate`]'s largest. `None` when nothing is held.
    #[must_use]
    pub fn margin_ratio(&self) -> Option<Rate> {
        let mut worst = None;
        for (ix, side) in self.held() {
            if self.margin_mode(ix) == MarginMode::Cross {
                continue;
            }
            let Some((price, _)) = self.valuation(ix) else { continue };
            let profit = self.account.holding(ix, side).unrealised(&self.instruments[ix.index()], price);
            let balance = self.isolated_margin(ix, side) + profit;
            worst = worst.max(Some(ratio(self.maintenance_margin(ix, side), balance)));
        }
        let shared = self.cross_margin();
        if shared.maintenance.is_positive() {
            worst = worst.max(Some(ratio(shared.maintenance, shared.balance)));
        }
        worst
    }

    /// Takes over an account that was kept elsewhere: the cash of the first currency, and every position with what it cost,
    /// signed like its quantity. Executions are numbered from `executions` on. For a simulated exchange that begins anew beside
    /// books that went on; it must not have traded yet.
    ///
    /// # Panics
    /// When it has traded.
    pub fn resume_account(
        &mut self,
        wallet: Amount,
        positions: impl IntoIterator<Item = (InstrumentIx, PositionSide, Quantity, Amount)>,
        executions: u64,
    ) {
        assert!(self.executions == 0, "an account is taken over before anything is traded");
        self.executions = executions;
        for (ix, position_side, quantity, cost) in positions {
            if quantity.is_zero() || self.instruments.get(ix.index()).is_none() {
                continue;
            }
            let side = Side::of(quantity);
            let holding = Holding { size: quantity.abs(), side, entry_value: cost.abs() };
            self.account.hold(ix, position_side, holding);
            let entry = holding.average_entry(&self.instruments[ix.index()]);
            let price = entry.filter(|price| price.is_positive()).unwrap_or(Price::new(1));
            self.reckon(ix, position_side, price);
        }
        self.account.deposit(wallet - self.account.wallet());
    }

    /// Closes every position that is in profit at the price it is valued at, without a fee: auto-deleveraging, which other
    /// traders' losses bring about once an insurance fund is empty. No market fact leads to it here, since one account has
    /// no counterparties; scenarios ask for it.
    pub fn deleverage_winners(&mut self, at: Timestamp, out: &mut Vec<Event>) {
        let winners: Vec<(InstrumentIx, PositionSide)> = self.held().collect();
        for (ix, position_side) in winners {
            let holding = self.account.holding(ix, position_side);
            let Some((price, _)) = self.valuation(ix) else { continue };
            if !holding.unrealised(&self.instruments[ix.index()], price).is_positive() {
                continue;
            }
            let deal = Deal {
                order: None,
                leg: None,
                cause: FillCause::AutoDeleveraging,
                instrument: ix,
                position_side,
                side: holding.side.opposite(),
                price,
                quantity: holding.size,
                liquidity: Liquidity::Taker,
                protection: Protection::NONE,
                attached: Protection::NONE,
                turned: false,
            };
            self.enter(at, &deal, Amount::ZERO, out);
        }
    }

    /// Every position that is held.
    fn held(&self) -> impl Iterator<Item = (InstrumentIx, PositionSide)> {
        self.desks.iter().flat_map(|desk| {
            let holdings = self.account.holdings(desk.ix);
            let open = move |side: &PositionSide| !holdings[side.index()].size.is_zero();
            PositionSide::ALL.into_iter().filter(open).map(|side| (desk.ix, side))
        })
    }
}

/// One amount over another, rounded up.
fn ratio(maintenance: Amount, balance: Amount) -> Rate {
    if !balance.is_positive() {
        return Rate::from_units(i64::MAX);
    }
    let units = maintenance.mul_div(Rate::ONE.units().into(), balance.units(), Rounding::Up).units();
    Rate::from_units(i64::try_from(units).unwrap_or(i64::MAX))
}
