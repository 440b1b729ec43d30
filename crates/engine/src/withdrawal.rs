//! What a strategy that is no longer asked leaves behind: orders that nobody would cancel, and what they brought about.

use crate::engine::{ENGINE, Engine};
use crate::orders::may_become;
use crate::outbox::Outbox;
use model::{ClientOrderId, InstrumentIx, OrderState, PositionSide, Tag};

impl Engine {
    /// Cancels the resting orders of a strategy.
    pub(crate) fn cancel_resting(&mut self, strategy: u16, out: &mut Outbox) {
        let is_left = |id: ClientOrderId| id.strategy() == strategy;
        let resting: Vec<(ClientOrderId, InstrumentIx)> = self
            .orders
            .live
            .iter()
            .filter(|o| is_left(o.order.id) && o.order.kind.limit().is_some())
            .filter(|o| may_become(o.state, OrderState::Cancelling))
            .map(|o| (o.order.id, o.order.instrument))
            .collect();
        for (id, instrument) in resting {
            self.cancel(id, instrument, out);
        }
    }

    /// Cancels the resting orders of a strategy, and closes positions that only it can have opened, by orders of its own. What was sought
    /// for opinions is left to [`Engine::pursue`], which knows that one of them is gone.
    pub(crate) fn withdraw(&mut self, strategy: u16, out: &mut Outbox) {
        self.cancel_resting(strategy, out);
        for number in (0u32..).take(self.instruments.len()) {
            let ix = InstrumentIx(number);
            let is_alone = self.host.listeners(ix) == [strategy];
            if is_alone && self.targets.desks[ix.index()].pursued.is_none() {
                let held = self.ledger.position(ix, PositionSide::Net).quantity;
                self.reduce(ix, PositionSide::Net, held.abs(), (ENGINE, Tag::default()), out);
            }
        }
    }
}
