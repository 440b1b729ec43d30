//! How quotes and trades fill orders. The rules are in [`Fidelity::Touch`].
//!
//! A quote is the first level of a book whose other levels are unknown, so the machinery is that of a level-2 book; what differs is
//! that a level which a better one covers is hidden and not gone, and that an order may reach beyond what is shown.

use crate::fidelity::Fidelity;
use crate::matching::at_or_better;
use crate::venue::{Event, Venue};
use model::{InstrumentIx, Quote, Side};
use units::{Price, Quantity};

impl Venue {
    /// The best bid and ask changed. Orders of ours move in their queues, and those that the other side has reached are filled
    /// at their own price, as makers. A side without a price or a quantity is empty. Only [`Fidelity::Touch`] listens:
    /// a book knows better.
    pub fn on_quote(&mut self, quote: &Quote, out: &mut Vec<Event>) {
        if !self.is_touch() {
            return;
        }
        let Some(desk) = self.desks.get_mut(quote.instrument.index()) else { return };
        let Some(market) = &mut desk.market else { return };
        market.quote(Side::Buy, quote.bid, quote.bid_quantity);
        market.quote(Side::Sell, quote.ask, quote.ask_quantity);
        if !desk.is_idle {
            self.cross(quote.exchange_time, quote.instrument, out);
        }
    }

    /// Whether quotes and trades are all there is.
    #[inline]
    pub(crate) const fn is_touch(&self) -> bool {
        matches!(self.config.fidelity, Fidelity::Touch(_))
    }

    /// What somebody who trades on `side` gets beyond what the touch shows, if that is not beyond `bound`: the touch,
    /// worsened by the slippage. A book shows everything, so there is nothing beyond it.
    pub(crate) fn beyond_touch(
        &self,
        ix: InstrumentIx,
        side: Side,
        quantity: Quantity,
        bound: Option<Price>,
    ) -> Option<Price> {
        if !self.is_touch() {
            return None;
        }
        let touch = self.desks[ix.index()].market.as_ref()?.book().best_level(side.opposite())?;
        let instrument = &self.instruments[ix.index()];
        let price = self.config.slippage.worsened(instrument, side, touch.price, quantity, touch.quantity);
        bound.is_none_or(|bound| at_or_better(side, price, bound)).then_some(price)
    }
}
