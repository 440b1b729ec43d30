//! Commands about an account and its positions: leverage, margin mode, position mode, isolated margin. Here they are
//! answered; what they do to margin is decided where margin is.

use crate::guards::refused;
use crate::venue::{Event, Venue};
use model::{InstrumentIx, MarginMode, OrderCommand, PositionMode, RejectReason, VenueEvent};
use units::Timestamp;

/// Stands for no instrument in a refusal of a command about the whole account.
const ACCOUNT: InstrumentIx = InstrumentIx(u32::MAX);

impl Venue {
    /// Carries out a command that changes a setting, or says why not; `None` for any other command.
    pub(crate) fn change_setting(&mut self, at: Timestamp, command: &OrderCommand, out: &mut Vec<Event>) {
        let (instrument, outcome) = match *command {
            OrderCommand::SetLeverage { instrument, buy, sell } => {
                let event = VenueEvent::LeverageSet { instrument, buy, sell };
                (instrument, self.set_leverage(instrument, buy, sell).map(|()| event))
            }
            OrderCommand::SetMarginMode { instrument, mode } => {
                let event = VenueEvent::MarginModeSet { instrument, mode };
                (instrument.unwrap_or(ACCOUNT), self.set_margin_mode(instrument, mode).map(|()| event))
            }
            OrderCommand::SetPositionMode { instrument, mode } => {
                let event = VenueEvent::PositionModeSet { instrument, mode };
                (instrument.unwrap_or(ACCOUNT), self.set_position_mode(instrument, mode).map(|()| event))
            }
            OrderCommand::MoveMargin { instrument, position_side, amount } => {
                let event = VenueEvent::MarginMoved { instrument, position_side, amount };
                (instrument, self.move_margin(instrument, position_side, amount).map(|()| event))
            }
            _ => return,
        };
        out.push(outcome.map_or_else(|reason| refused(at, instrument, reason), |event| Event { at, event }));
    }

    /// Sets how positions are kept, of one instrument or of all, which then change together or not at all.
    ///
    /// Source: Bybit V5, "Switch Position Mode": neither positions (110024) nor orders (110028).
    ///
    /// # Errors
    /// [`RejectReason::UnknownInstrument`], [`RejectReason::PositionModeUnchanged`], [`RejectReason::PositionExists`] and
    /// [`RejectReason::OrdersExist`].
    pub fn set_position_mode(
        &mut self,
        only: Option<InstrumentIx>,
        mode: PositionMode,
    ) -> Result<(), RejectReason> {
        if !self.check_switch(only, |venue, ix| venue.desks[ix.index()].position_mode == mode)? {
            return Err(RejectReason::PositionModeUnchanged);
        }
        for desk in self.desks.iter_mut().filter(|desk| only.is_none_or(|ix| ix == desk.ix)) {
            desk.position_mode = mode;
        }
        Ok(())
    }

    /// Whether a mode may change and does: nothing may rest and nothing may be held where it does.
    fn check_switch(
        &self,
        only: Option<InstrumentIx>,
        is_so: impl Fn(&Self, InstrumentIx) -> bool,
    ) -> Result<bool, RejectReason> {
        if only.is_some_and(|ix| ix.index() >= self.desks.len()) {
            return Err(RejectReason::UnknownInstrument);
        }
        let is_meant = |ix: InstrumentIx| only.is_none_or(|only| only == ix) && !is_so(self, ix);
        let mut changes = false;
        for desk in self.desks.iter().filter(|desk| is_meant(desk.ix)) {
            changes = true;
            if self.account.holdings(desk.ix).iter().any(|holding| !holding.size.is_zero()) {
                return Err(RejectReason::PositionExists);
            } else if !desk.orders.is_empty() {
                return Err(RejectReason::OrdersExist);
            }
        }
        Ok(changes)
    }

    /// Keeps the margin of an instrument isolated, or shares it; `None` for all instruments.
    ///
    /// # Errors
    /// [`RejectReason::UnknownInstrument`], [`RejectReason::MarginModeUnchanged`], [`RejectReason::PositionExists`] and
    /// [`RejectReason::OrdersExist`].
    pub fn set_margin_mode(
        &mut self,
        only: Option<InstrumentIx>,
        mode: MarginMode,
    ) -> Result<(), RejectReason> {
        if !self.check_switch(only, |venue, ix| venue.desks[ix.index()].margin_mode == mode)? {
            return Err(RejectReason::MarginModeUnchanged);
        }
        for desk in self.desks.iter_mut().filter(|desk| only.is_none_or(|ix| ix == desk.ix)) {
            desk.margin_mode = mode;
        }
        Ok(())
    }
}
