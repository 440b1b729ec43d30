//! The short way of most fills: a market order that nothing is attached to meets the open of a candle, alone at its desk.
//!
//! It is the general way of `candles.rs`, `matching.rs` and `venue.rs` with its questions answered beforehand: no limit, no
//! trigger and no queue, no leg and no guard, no other order that the fill could cut or trade with, and no price but the last
//! one. What is left is to book the fill, which is the same function for both ways ([`Venue::settle`]).

use crate::desk::{Desk, Owner, Resting, Stage};
use crate::venue::{Deal, Event, Venue};
use model::{Candle, FillCause, Liquidity, OrderKind, Protection, SelfTradePrevention};
use units::Rounding;

impl Desk {
    /// The order that takes the short way at the next open, if there is one.
    #[inline(always)]
    fn plain_arrival(&self) -> Option<&Resting> {
        let [resting] = &*self.orders else { return None };
        let order = &resting.order;
        let is_plain = matches!(order.kind, OrderKind::Market)
            && resting.stage == Stage::Arriving
            && matches!(resting.owner, Owner::Client)
            && matches!(order.self_trade, SelfTradePrevention::None)
            && !order.reduce_only
            && order.protection.is_none()
            && resting.bound.is_none();
        (is_plain && !self.is_guarded && self.mark.is_none()).then_some(resting)
    }
}

impl Venue {
    /// Lets a candle open, where that goes the short way. Returns whether anything is left that the rest of the candle may do;
    /// `None` where the way is a longer one: then nothing has happened.
    #[inline(always)]
    pub(crate) fn open_plainly(&mut self, candle: &Candle, out: &mut Vec<Event>) -> Option<bool> {
        let (ix, bar) = (candle.instrument, &candle.bar);
        let Resting { order, remaining, .. } = self.desks[ix.index()].plain_arrival()?;
        // A position that the open liquidates is judged before any order meets it.
        if self.margin.has_mark_bars || !self.margin.pledges[ix.index()].calm.holds(bar.open, bar.open) {
            return None;
        }
        let (order, position_side, side, quantity) = (order.id, order.position_side, order.side, *remaining);
        self.advance_fees(bar.open_time);
        let (slippage, rate) = (self.config.slippage, self.margin.fees.taker());
        let mut settling = self.settling(ix);
        (settling.desk.last, settling.desk.volume) = (Some(bar.open), bar.volume);
        settling.desk.orders.clear();
        let instrument = settling.instrument;
        let price = slippage.worsened(instrument, side, bar.open, quantity, bar.volume);
        let fee = instrument.notional_share(price, quantity, rate, Rounding::Ceil);
        let deal = Deal {
            order: Some(order),
            leg: None,
            cause: FillCause::Order,
            instrument: ix,
            position_side,
            side,
            price,
            quantity,
            liquidity: Liquidity::Taker,
            protection: Protection::NONE,
            attached: Protection::NONE,
            turned: false,
        };
        if settling.settle(bar.open_time, &deal, fee, out) {
            let is_safe = !settling.desk.is_exposed || settling.pledge.calm.holds(bar.low, bar.high);
            return Some(!is_safe && !self.is_undisturbed(ix, bar));
        }
        self.refresh_calm(ix);
        Some(!self.is_undisturbed(ix, bar))
    }
}
