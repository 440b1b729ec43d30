//! Funding: what longs and shorts pay each other.

use crate::venue::{Event, Venue};
use model::{BalanceChange, FundingRate, PositionSide, Side, VenueEvent};
use units::{Price, Rounding, Timestamp};

impl Venue {
    /// Exchanges funding for the positions of one instrument on the mark price, or on the last price where there is none.
    ///
    /// `payment = position value at mark · rate`; positive rates are paid by longs to shorts. Rounded away from the
    /// trader. Source: Bybit, "Funding fee calculation" (position value × funding rate).
    pub fn on_funding(
        &mut self,
        at: Timestamp,
        funding: &FundingRate,
        mark: Option<Price>,
        out: &mut Vec<Event>,
    ) {
        let Some(desk) = self.desks.get(funding.instrument.index()) else { return };
        let Some(price) = mark.or(self.valuation(desk.ix).map(|(price, _)| price)) else { return };
        for position_side in PositionSide::ALL {
            let holding = self.account.holding(funding.instrument, position_side);
            if holding.size.is_zero() {
                continue;
            }
            let value = self.instruments[funding.instrument.index()].notional(price, holding.size);
            let paid_by_long = value.times_rate(funding.rate, Rounding::Ceil);
            let amount = match holding.side {
                Side::Buy => -paid_by_long,
                Side::Sell => value.times_rate(funding.rate, Rounding::Floor),
            };
            self.account.fund(funding.instrument, amount);
            self.charge_margin(funding.instrument, position_side, amount);
            let change = BalanceChange::Funding {
                instrument: funding.instrument,
                position_side,
                rate: funding.rate,
                mark: price,
                amount,
            };
            out.push(Event { at, event: VenueEvent::Balance(change) });
        }
        self.judge(at, funding.instrument, out);
    }
}
