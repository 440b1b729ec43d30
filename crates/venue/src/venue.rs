//! Orders in, events out: acceptance, cancellation, amendment and what rests.

use crate::account::Account;
use crate::config::VenueConfig;
use model::{
    Amendment, CancelReason, ClientOrderId, Fill, FillCause, Instrument, InstrumentIx, Liquidity, NewOrder,
    OrderCommand, PositionSide, Protection, RejectReason, Side, VenueEvent,
};
use units::{Amount, Price, Quantity, Rounding, Timestamp};

/// What the venue says, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// The venue's time of it.
    pub at: Timestamp,
    /// What it says.
    pub event: VenueEvent,
}

/// An order in the venue's books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resting {
    pub(crate) order: NewOrder,
    pub(crate) remaining: Quantity,
    /// Initial margin and fee that the account keeps free for it.
    pub(crate) margin: Amount,
    /// It has not met a price since it arrived: if marketable, it takes.
    pub(crate) is_new: bool,
    /// Its trigger has fired; from now on it is what remains of its kind.
    pub(crate) is_triggered: bool,
}

/// The orders, guards and prices of one instrument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Desk {
    pub(crate) ix: InstrumentIx,
    pub(crate) last: Option<Price>,
    /// In the order of arrival.
    pub(crate) orders: Vec<Resting>,
    /// What guards the net, long and short position.
    pub(crate) guards: [Protection; 3],
    /// The guard came into force, or went, since the open of the running candle.
    pub(crate) is_guard_fresh: [bool; 3],
    /// One of the guards is set.
    pub(crate) is_guarded: bool,
    /// Nothing rests and nothing is guarded: a candle changes no more than the last price.
    pub(crate) is_idle: bool,
}

impl Desk {
    #[inline]
    pub(crate) fn refresh_idle(&mut self) {
        self.is_idle = self.orders.is_empty() && !self.is_guarded;
    }
}

/// The simulated exchange. See the crate's documentation for its rules.
#[derive(Debug, Clone)]
pub struct Venue {
    pub(crate) instruments: Vec<Instrument>,
    pub(crate) config: VenueConfig,
    pub(crate) account: Account,
    pub(crate) desks: Vec<Desk>,
    pub(crate) last_id: Option<ClientOrderId>,
    executions: u64,
}

impl Venue {
    /// An exchange that trades `instruments`, with one account.
    #[must_use]
    pub fn new(instruments: Vec<Instrument>, config: VenueConfig) -> Self {
        let desks = (0u32..)
            .take(instruments.len())
            .map(|i| Desk {
                ix: InstrumentIx(i),
                last: None,
                orders: Vec::new(),
                guards: [Protection::NONE; 3],
                is_guard_fresh: [false; 3],
                is_guarded: false,
                is_idle: true,
            })
            .collect();
        let account = Account::new(instruments.len(), config.initial_balance);
        Self { instruments, config, account, desks, last_id: None, executions: 0 }
    }

    /// The trader's account.
    #[must_use]
    pub const fn account(&self) -> &Account {
        &self.account
    }

    /// The last price of an instrument.
    #[must_use]
    pub fn last(&self, ix: InstrumentIx) -> Option<Price> {
        self.desks.get(ix.index()).and_then(|desk| desk.last)
    }

    /// How many executions there were.
    #[must_use]
    pub const fn executions(&self) -> u64 {
        self.executions
    }

    /// Cash plus profit of the open positions at the last prices.
    #[must_use]
    pub fn equity(&self) -> Amount {
        let mut equity = self.account.wallet();
        for (desk, instrument) in self.desks.iter().zip(&self.instruments) {
            let Some(last) = desk.last else { continue };
            for holding in self.account.holdings(desk.ix) {
                let value = instrument.notional(last, holding.size);
                equity += match holding.side {
                    Side::Buy => value - holding.entry_value,
                    Side::Sell => holding.entry_value - value,
                };
            }
        }
        equity
    }

    /// Whether a candle of this instrument can do no more than move its price.
    #[inline]
    #[must_use]
    pub fn is_idle(&self, ix: InstrumentIx) -> bool {
        self.desks[ix.index()].is_idle
    }

    /// Moves the last price of an instrument for which nothing rests.
    #[inline]
    pub fn mark(&mut self, ix: InstrumentIx, price: Price) {
        self.desks[ix.index()].last = Some(price);
    }

    /// Carries out a command at `at`. What it leads to is appended to `out`.
    #[inline]
    pub fn on_command(&mut self, at: Timestamp, command: &OrderCommand, out: &mut Vec<Event>) {
        match command {
            OrderCommand::Place(order) => self.place(at, order, out),
            OrderCommand::Cancel { id, instrument } => self.cancel(at, *id, *instrument, out),
            OrderCommand::CancelAll { instrument, .. } => self.cancel_all(at, *instrument, out),
            OrderCommand::Amend { id, instrument, amendment } => {
                self.amend(at, *id, *instrument, *amendment, out);
            }
            OrderCommand::Protect { instrument, position_side, protection, .. } => {
                self.protect(at, *instrument, *position_side, *protection, out);
            }
            OrderCommand::Query { id, instrument, .. } => {
                // Whatever is not resting here is settled, and was reported when it was.
                let known = self
                    .desks
                    .get(instrument.index())
                    .is_some_and(|d| d.orders.iter().any(|r| r.order.id == *id));
                let event = if known {
                    VenueEvent::Accepted { id: *id, instrument: *instrument }
                } else {
                    VenueEvent::Refused {
                        id: Some(*id),
                        instrument: *instrument,
                        reason: RejectReason::UnknownOrder,
                    }
                };
                out.push(Event { at, event });
            }
            other => {
                let (id, instrument, reason) = (None, InstrumentIx(0), RejectReason::NotInBatch);
                debug_assert!(!matches!(other, OrderCommand::Place(_)));
                out.push(Event { at, event: VenueEvent::Refused { id, instrument, reason } });
            }
        }
    }

    #[inline]
    fn place(&mut self, at: Timestamp, order: &NewOrder, out: &mut Vec<Event>) {
        let (id, instrument) = (order.id, order.instrument);
        let margin = match self.check(order) {
            Ok(margin) => margin,
            Err(reason) => {
                out.push(Event { at, event: VenueEvent::Rejected { id, instrument, reason } });
                return;
            }
        };
        self.last_id = Some(id);
        let desk = &mut self.desks[instrument.index()];
        let resting =
            Resting { order: *order, remaining: order.quantity, margin, is_new: true, is_triggered: false };
        desk.orders.push(resting);
        desk.is_idle = false;
        out.push(Event { at, event: VenueEvent::Accepted { id, instrument } });
    }

    fn cancel(&mut self, at: Timestamp, id: ClientOrderId, instrument: InstrumentIx, out: &mut Vec<Event>) {
        let desk = self.desks.get_mut(instrument.index());
        let removed = desk.is_some_and(|desk| {
            let before = desk.orders.len();
            desk.orders.retain(|r| r.order.id != id);
            let removed = desk.orders.len() < before;
            desk.refresh_idle();
            removed
        });
        let event = if removed {
            VenueEvent::Cancelled { id, instrument, reason: CancelReason::Requested }
        } else {
            VenueEvent::Refused { id: Some(id), instrument, reason: RejectReason::UnknownOrder }
        };
        out.push(Event { at, event });
    }

    fn cancel_all(&mut self, at: Timestamp, only: Option<InstrumentIx>, out: &mut Vec<Event>) {
        for desk in self.desks.iter_mut().filter(|d| only.is_none_or(|ix| ix == d.ix)) {
            for r in desk.orders.drain(..) {
                let (id, instrument, reason) = (r.order.id, r.order.instrument, CancelReason::Requested);
                out.push(Event { at, event: VenueEvent::Cancelled { id, instrument, reason } });
            }
            desk.refresh_idle();
        }
    }

    fn amend(
        &mut self,
        at: Timestamp,
        id: ClientOrderId,
        instrument: InstrumentIx,
        amendment: Amendment,
        out: &mut Vec<Event>,
    ) {
        let refused = |reason| VenueEvent::Refused { id: Some(id), instrument, reason };
        let event = match self.amended(id, instrument, amendment) {
            Err(reason) => refused(reason),
            Ok((position, amended, margin)) => {
                let resting = &mut self.desks[instrument.index()].orders[position];
                let filled = resting.order.quantity - resting.remaining;
                resting.remaining = amended.quantity - filled;
                resting.order = amended;
                resting.margin = margin;
                // At its new price it meets the market anew: past it, it takes.
                resting.is_new |= amendment.price.is_some();
                VenueEvent::Amended { id, instrument, amendment }
            }
        };
        out.push(Event { at, event });
    }

    /// Where an order rests, what an amendment would make of it, and what the account would keep free for it then. It
    /// passes the checks of a new order.
    fn amended(
        &self,
        id: ClientOrderId,
        ix: InstrumentIx,
        amendment: Amendment,
    ) -> Result<(usize, NewOrder, Amount), RejectReason> {
        let desk = self.desks.get(ix.index()).ok_or(RejectReason::UnknownInstrument)?;
        let position = desk.orders.iter().position(|r| r.order.id == id).ok_or(RejectReason::UnknownOrder)?;
        let resting = &desk.orders[position];
        let mut order = resting.order;
        order.quantity = amendment.quantity.unwrap_or(order.quantity);
        order.kind = order.kind.amended(&amendment);
        let margin = self.check_terms(&order, Some(resting))?;
        if order.quantity <= resting.order.quantity - resting.remaining {
            return Err(RejectReason::BelowMinQuantity);
        }
        Ok((position, order, margin))
    }

    fn protect(
        &mut self,
        at: Timestamp,
        ix: InstrumentIx,
        side: PositionSide,
        protection: Protection,
        out: &mut Vec<Event>,
    ) {
        let refuse = |reason| Event { at, event: VenueEvent::Refused { id: None, instrument: ix, reason } };
        let Some(instrument) = self.instruments.get(ix.index()) else {
            out.push(refuse(RejectReason::UnknownInstrument));
            return;
        };
        let off_tick =
            |p: Option<Price>| p.is_some_and(|p| !p.is_positive() || !p.is_multiple_of(instrument.tick_size));
        let holding = self.account.holding(ix, side);
        if holding.size.is_zero() {
            out.push(refuse(RejectReason::ReduceOnly));
        } else if off_tick(protection.stop_loss) || off_tick(protection.take_profit) {
            out.push(refuse(RejectReason::PriceTick));
        } else if self.desks[ix.index()].last.is_some_and(|last| !guards_fit(protection, holding.side, last))
        {
            out.push(refuse(RejectReason::ProtectionSide));
        } else {
            self.set_guard(at, ix, side, protection, out);
        }
    }

    /// Puts a guard in force and says so.
    pub(crate) fn set_guard(
        &mut self,
        at: Timestamp,
        instrument: InstrumentIx,
        position_side: PositionSide,
        protection: Protection,
        out: &mut Vec<Event>,
    ) {
        let desk = &mut self.desks[instrument.index()];
        desk.guards[position_side.index()] = protection;
        desk.is_guard_fresh[position_side.index()] = true;
        desk.is_guarded = !desk.guards.iter().all(Protection::is_none);
        desk.refresh_idle();
        out.push(Event {
            at,
            event: VenueEvent::Protected { instrument, position_side, protection, trailing: None },
        });
    }

    /// Executes a fill: books it, tells it, and brings its guards into force or lets them go.
    #[inline]
    pub(crate) fn execute(&mut self, at: Timestamp, deal: &Deal, out: &mut Vec<Event>) {
        let instrument = &self.instruments[deal.instrument.index()];
        let rate = match deal.liquidity {
            Liquidity::Taker => self.config.taker_fee,
            Liquidity::Maker => self.config.maker_fee,
        };
        self.executions += 1;
        let fill = Fill {
            execution: self.executions,
            order: deal.order,
            leg: None,
            cause: deal.cause,
            instrument: deal.instrument,
            position_side: deal.position_side,
            side: deal.side,
            price: deal.price,
            quantity: deal.quantity,
            // Rounded away from the trader, rebates included.
            fee: instrument.notional_share(deal.price, deal.quantity, rate, Rounding::Ceil),
            liquidity: deal.liquidity,
            exchange_time: at,
        };
        self.account.execute(instrument, &fill);
        out.push(Event { at, event: VenueEvent::Filled(fill) });
        if !self.desks[deal.instrument.index()].is_guarded && deal.protection.is_none() {
            return;
        }
        self.move_guard(at, deal, out);
    }

    /// Brings the guards that come with a fill into force, or lets those go that it made pointless.
    fn move_guard(&mut self, at: Timestamp, deal: &Deal, out: &mut Vec<Event>) {
        let holding = self.account.holding(deal.instrument, deal.position_side);
        let guard = self.desks[deal.instrument.index()].guards[deal.position_side.index()];
        if holding.size.is_zero() {
            if !guard.is_none() {
                self.set_guard(at, deal.instrument, deal.position_side, Protection::NONE, out);
            }
        } else if holding.side == deal.side && !deal.protection.is_none() {
            self.set_guard(at, deal.instrument, deal.position_side, deal.protection, out);
        } else if holding.side == deal.side && deal.turned && !guard.is_none() {
            // The position was turned around without new guards: the old ones point the wrong way.
            self.set_guard(at, deal.instrument, deal.position_side, Protection::NONE, out);
        }
    }
}

/// A fill about to happen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deal {
    pub(crate) order: Option<ClientOrderId>,
    pub(crate) cause: FillCause,
    pub(crate) instrument: InstrumentIx,
    pub(crate) position_side: PositionSide,
    pub(crate) side: Side,
    pub(crate) price: Price,
    pub(crate) quantity: Quantity,
    pub(crate) liquidity: Liquidity,
    pub(crate) protection: Protection,
    /// The position pointed the other way before.
    pub(crate) turned: bool,
}

/// Whether a stop and a target lie on their sides of the market for a position of this direction.
pub(crate) fn guards_fit(protection: Protection, side: Side, last: Price) -> bool {
    let (below, above) = match side {
        Side::Buy => (protection.stop_loss, protection.take_profit),
        Side::Sell => (protection.take_profit, protection.stop_loss),
    };
    below.is_none_or(|p| p < last) && above.is_none_or(|p| p > last)
}
