//! Leverage and isolated margin.

use crate::venue::Venue;
use model::{InstrumentIx, MarginMode, PositionMode, PositionSide, RejectReason, Side};
use units::{Amount, Rate};

impl Venue {
    /// The leverage of long (`Buy`) or short positions of an instrument.
    #[must_use]
    pub fn leverage(&self, ix: InstrumentIx, side: Side) -> Rate {
        self.desks[ix.index()].leverage[side as usize]
    }

    /// Sets the leverage of an instrument, for long and for short positions.
    ///
    /// # Errors
    /// [`RejectReason::Leverage`] below one or above what the instrument allows, [`RejectReason::LeverageSides`] when the
    /// sides differ without hedge mode and isolated margin, [`RejectReason::LeverageUnchanged`], [`RejectReason::RiskTier`]
    /// when a position is too large for it.
    pub fn set_leverage(&mut self, ix: InstrumentIx, buy: Rate, sell: Rate) -> Result<(), RejectReason> {
        let instrument = self.instruments.get(ix.index()).ok_or(RejectReason::UnknownInstrument)?;
        let (desk, sides) = (&self.desks[ix.index()], [buy, sell]);
        let range = Rate::ONE..=instrument.max_leverage();
        let is_hedged = desk.position_mode == PositionMode::Hedge;
        if sides.iter().any(|leverage| !range.contains(leverage)) {
            return Err(RejectReason::Leverage);
        } else if buy != sell && !(is_hedged && desk.margin_mode == MarginMode::Isolated) {
            return Err(RejectReason::LeverageSides);
        } else if sides == desk.leverage {
            return Err(RejectReason::LeverageUnchanged);
        }
        for holding in self.account.holdings(ix) {
            let leverage = sides[holding.side as usize];
            if !holding.size.is_zero() && leverage > instrument.tier(holding.entry_value).max_leverage {
                return Err(RejectReason::RiskTier);
            }
        }
        self.desks[ix.index()].leverage = sides;
        Ok(())
    }

    /// Moves balance into what an isolated position stands on, or out of it when negative.
    ///
    /// # Errors
    /// [`RejectReason::NoPosition`], [`RejectReason::NotIsolated`], [`RejectReason::NothingChanged`] for nothing,
    /// [`RejectReason::NotEnoughToAdd`] for more than is available, [`RejectReason::NotRemovable`] for more than was added.
    pub fn move_margin(
        &mut self,
        ix: InstrumentIx,
        side: PositionSide,
        amount: Amount,
    ) -> Result<(), RejectReason> {
        let desk = self.desks.get(ix.index()).ok_or(RejectReason::UnknownInstrument)?;
        if self.account.holding(ix, side).size.is_zero() {
            return Err(RejectReason::NoPosition);
        } else if desk.margin_mode != MarginMode::Isolated {
            return Err(RejectReason::NotIsolated);
        } else if amount == Amount::ZERO {
            return Err(RejectReason::NothingChanged);
        } else if amount > self.available() {
            return Err(RejectReason::NotEnoughToAdd);
        } else if (desk.extra_margin[side.index()] + amount).is_negative() {
            return Err(RejectReason::NotRemovable);
        }
        self.desks[ix.index()].extra_margin[side.index()] += amount;
        Ok(())
    }
}
