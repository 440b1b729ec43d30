//! Commands about orders: placing, amending, cancelling, one by one, all at once, in batches.

use crate::config::{AmendRule, BandRule};
use crate::desk::{Owner, Resting, Stage, opens};
use crate::matching::at_or_better;
use crate::venue::{Event, Venue};
use model::{
    Amendment, CancelReason, CancelScope, Change, ClientOrderId, InstrumentIx, NewOrder, OrderCommand,
    OrderKind, PositionSide, RejectReason, Side, VenueEvent,
};
use std::hint::cold_path;
use units::{Amount, Price, Timestamp};

/// What an amendment makes of an order.
struct Amended {
    rank: u64,
    order: NewOrder,
    margin: Amount,
    /// As it is told: with the price moved into the band.
    amendment: Amendment,
    /// It stays where it is in the queue.
    keeps_place: bool,
}

impl Venue {
    /// Places an order, or says why not.
    #[inline]
    pub(crate) fn place(&mut self, at: Timestamp, order: &NewOrder, out: &mut Vec<Event>) {
        self.price_from_book(order.instrument);
        let rules = &self.config.rules;
        if order.position_side == PositionSide::Net
            && rules.price_band.is_none()
            && rules.market_band.is_none()
        {
            return self.admit(at, order, None, out);
        }
        self.place_adapted(at, order, out);
    }

    /// The same where the exchange may make something else of the order first.
    #[inline(never)]
    fn place_adapted(&mut self, at: Timestamp, order: &NewOrder, out: &mut Vec<Event>) {
        let mut order = *order;
        let moved = self.adapt(&mut order);
        self.admit(at, &order, moved, out);
    }

    /// Takes an order into the books, or says why not. Its price has `moved` to the edge of the band.
    #[inline]
    fn admit(&mut self, at: Timestamp, order: &NewOrder, moved: Option<Price>, out: &mut Vec<Event>) {
        let (id, instrument) = (order.id, order.instrument);
        let margin = match self.check(order) {
            Ok(margin) => margin,
            Err(reason) => {
                cold_path();
                out.push(Event { at, event: VenueEvent::Rejected { id, instrument, reason } });
                return;
            }
        };
        self.names.add(id);
        out.push(Event { at, event: VenueEvent::Accepted { id, instrument } });
        if let Some(price) = moved {
            cold_path();
            let amendment = Amendment { price: Some(price), ..Amendment::default() };
            out.push(Event { at, event: VenueEvent::Amended { id, instrument, amendment } });
        }
        if !matches!(order.kind, OrderKind::Market) && order.kind.is_conditional() {
            cold_path();
            self.wait(order, margin);
            return;
        }
        let rank = self.rest(order, Owner::Client, Stage::Arriving, margin);
        if self.config.rules.market_band.is_some() {
            cold_path();
            self.bind(instrument, rank);
        }
        self.arrive(at, instrument, rank, out);
    }

    /// What the exchange makes of an order before it looks at it: in hedge mode an order against the direction of its
    /// position side can only reduce; a price outside the band moves to its edge where the rules say so, and is returned.
    #[inline]
    fn adapt(&self, order: &mut NewOrder) -> Option<Price> {
        if let Some(opening) = opens(order.position_side) {
            order.reduce_only |= order.side != opening;
        }
        if self.config.rules.price_band.is_none() || self.config.rules.band_rule != BandRule::Move {
            return None;
        }
        let OrderKind::Limit { price } = order.kind else { return None };
        let edge = self.beyond_band(order.instrument, order.side, price)?;
        order.kind = OrderKind::Limit { price: edge };
        Some(edge)
    }

    /// The edge of the price band that a price of an order lies beyond, if it does.
    pub(crate) fn beyond_band(&self, ix: InstrumentIx, side: Side, price: Price) -> Option<Price> {
        let (rate, desk) = (self.config.rules.price_band?, self.desks.get(ix.index())?);
        let edge = self.instruments[ix.index()].price_shifted(desk.anchor()?, side, rate);
        // A buyer may bid any price below the upper edge, a seller ask any above the lower one.
        let is_inside = at_or_better(side, price, edge);
        (!is_inside).then_some(edge)
    }

    /// The worst price a market order still trades at.
    pub(crate) fn market_bound(&self, order: &NewOrder, anchor: Price) -> Option<Price> {
        let rate = self.config.rules.market_band.filter(|_| order.kind.limit().is_none())?;
        Some(self.instruments[order.instrument.index()].price_shifted(anchor, order.side, rate))
    }

    /// Sets the price protection of a market order that has just arrived.
    fn bind(&mut self, ix: InstrumentIx, rank: u64) {
        let desk = &self.desks[ix.index()];
        let (Some(place), Some(anchor)) = (desk.at_rank(rank), desk.anchor()) else { return };
        let bound = self.market_bound(&desk.orders[place].order, anchor);
        self.desks[ix.index()].orders[place].bound = bound;
    }

    /// Takes a conditional order into the books. A trailing stop without activation follows from the price it watches now.
    fn wait(&mut self, order: &NewOrder, margin: Amount) {
        let rank = self.rest(order, Owner::Client, Stage::Waiting, margin);
        if let OrderKind::TrailingStop { activation: None, by, .. } = order.kind {
            let desk = &mut self.desks[order.instrument.index()];
            let best = desk.watched(by);
            if let Some(place) = desk.at_rank(rank) {
                desk.orders[place].best = best;
            }
        }
    }

    /// Cancels an order.
    #[inline(never)]
    pub(crate) fn cancel(
        &mut self,
        at: Timestamp,
        id: ClientOrderId,
        instrument: InstrumentIx,
        out: &mut Vec<Event>,
    ) {
        match self.desks.get(instrument.index()).and_then(|desk| desk.find(id)) {
            Some(place) => self.end(at, (instrument, place), CancelReason::Requested, out),
            None => {
                let reason = RejectReason::UnknownOrder;
                out.push(Event { at, event: VenueEvent::Refused { id: Some(id), instrument, reason } });
            }
        }
    }

    /// Cancels many orders of one instrument, or of all. Where there are none, nothing is said.
    pub(crate) fn cancel_all(
        &mut self,
        at: Timestamp,
        only: Option<InstrumentIx>,
        scope: CancelScope,
        out: &mut Vec<Event>,
    ) {
        for i in 0..self.desks.len() {
            let ix = self.desks[i].ix;
            if only.is_some_and(|only| only != ix) {
                continue;
            }
            let mut rank = 0;
            while let Some(resting) = self.desks[i].after_rank(rank) {
                rank = resting.rank;
                if is_meant(scope, resting) {
                    self.end_rank(at, (ix, rank), CancelReason::Requested, out);
                }
            }
            if scope.has_guards() {
                self.drop_guards(at, ix, out);
            }
        }
    }

    /// Changes a resting order, or says why not. It keeps its place in the queue only when its price stays and its quantity
    /// does not grow.
    pub(crate) fn amend(
        &mut self,
        at: Timestamp,
        (id, ix): (ClientOrderId, InstrumentIx),
        amendment: &Amendment,
        out: &mut Vec<Event>,
    ) {
        match self.amended(id, ix, amendment) {
            Ok(amended) => self.apply(at, (id, ix), &amended, out),
            Err(RejectReason::NotAboveFilled | RejectReason::WouldCross)
                if self.config.rules.amend == AmendRule::Cancel =>
            {
                if let Some(place) = self.desks[ix.index()].find(id) {
                    self.end(at, (ix, place), CancelReason::Amended, out);
                }
            }
            Err(reason) => {
                let event = VenueEvent::Refused { id: Some(id), instrument: ix, reason };
                out.push(Event { at, event });
            }
        }
    }

    fn apply(
        &mut self,
        at: Timestamp,
        (id, ix): (ClientOrderId, InstrumentIx),
        amended: &Amended,
        out: &mut Vec<Event>,
    ) {
        let desk = &mut self.desks[ix.index()];
        let Some(place) = desk.at_rank(amended.rank) else { return };
        let mut resting = desk.orders[place];
        resting.remaining = amended.order.quantity - resting.filled();
        (resting.order, resting.margin) = (amended.order, amended.margin);
        let amendment = amended.amendment;
        out.push(Event { at, event: VenueEvent::Amended { id, instrument: ix, amendment } });
        if amended.keeps_place || resting.stage == Stage::Waiting {
            desk.change(place, |before| *before = resting);
            return;
        }
        // At its new place it meets the market anew: past it, it takes.
        desk.pull(place);
        desk.leave_queue(resting.rank, resting.order.side);
        (resting.stage, resting.rank) = (Stage::Arriving, self.next_rank);
        desk.push(resting);
        self.next_rank += 1;
        self.arrive(at, ix, resting.rank, out);
    }

    /// What an amendment makes of an order. It passes the checks of a new one.
    fn amended(
        &self,
        id: ClientOrderId,
        ix: InstrumentIx,
        amendment: &Amendment,
    ) -> Result<Amended, RejectReason> {
        let desk = self.desks.get(ix.index()).ok_or(RejectReason::UnknownInstrument)?;
        let place = desk.find(id).ok_or(RejectReason::UnknownOrder)?;
        let resting = &desk.orders[place];
        check_amendable(resting, amendment)?;
        let (mut order, mut amendment) = (resting.order, *amendment);
        order.quantity = amendment.quantity.unwrap_or(order.quantity);
        order.kind = order.kind.amended(&amendment);
        order.protection = order.protection.changed(amendment.stop_loss, amendment.take_profit);
        if order == resting.order {
            return Err(RejectReason::NothingChanged);
        }
        if let Some(edge) = self.adapt(&mut order) {
            amendment.price = Some(edge);
        }
        if order.quantity.is_positive() && order.quantity <= resting.filled() {
            return Err(RejectReason::NotAboveFilled);
        }
        let margin = self.check_terms(&order, Some(resting))?;
        let keeps_place =
            order.kind.limit() == resting.order.kind.limit() && order.quantity <= resting.order.quantity;
        Ok(Amended { rank: resting.rank, order, margin, amendment, keeps_place })
    }

    /// Carries out a batch: every command by itself, each with its own answer, in the order they are given. A batch holds
    /// commands of one kind, to place, to amend or to cancel, and no amendment of a conditional order. One that is too long
    /// is refused whole: every command of it is answered so, and none is carried out.
    ///
    /// Source: Bybit V5, "Batch Place Order", "Batch Amend Order" (no conditional orders), "Batch Cancel Order"; Binance
    /// USD-M futures, "Place Multiple Orders".
    pub fn on_batch(&mut self, at: Timestamp, commands: &[OrderCommand], out: &mut Vec<Event>) {
        let most = usize::try_from(self.config.rules.max_batch).unwrap_or(usize::MAX);
        let Some(first) = commands.first() else { return };
        let kind = std::mem::discriminant(first);
        for command in commands {
            let reason = if commands.len() > most {
                Some(RejectReason::BatchTooLong)
            } else if std::mem::discriminant(command) != kind || !self.is_batchable(command) {
                Some(RejectReason::NotInBatch)
            } else {
                None
            };
            match reason {
                Some(reason) => out.push(Event { at, event: not_carried_out(command, reason) }),
                None => self.on_command(at, command, out),
            }
        }
    }

    fn is_batchable(&self, command: &OrderCommand) -> bool {
        match command {
            OrderCommand::Place(_) | OrderCommand::Cancel { .. } => true,
            OrderCommand::Amend { id, instrument, .. } => {
                let desk = self.desks.get(instrument.index());
                let resting = desk.and_then(|desk| desk.find(*id).map(|place| &desk.orders[place]));
                resting.is_none_or(|r| r.stage != Stage::Waiting)
            }
            _ => false,
        }
    }
}

/// Whether a cancellation of many means an order.
fn is_meant(scope: CancelScope, resting: &Resting) -> bool {
    match (&resting.owner, resting.stage) {
        (Owner::Client, Stage::Waiting) => scope.has_conditional(),
        (Owner::Client, _) => scope.has_active(),
        (Owner::Leg(_), _) => scope.has_guards(),
        // It is closing the position already.
        (Owner::Guard(_), _) => false,
    }
}

/// Whether an order has what an amendment changes.
fn check_amendable(resting: &Resting, amendment: &Amendment) -> Result<(), RejectReason> {
    let (kind, is_waiting) = (resting.order.kind, resting.stage == Stage::Waiting);
    let has_guards = amendment.stop_loss != Change::Keep || amendment.take_profit != Change::Keep;
    if amendment.is_empty() {
        Err(RejectReason::NothingChanged)
    } else if (amendment.price.is_some() && kind.limit().is_none())
        || (amendment.trigger.is_some() && (kind.trigger().is_none() || !is_waiting))
    {
        Err(RejectReason::NoSuchTerm)
    } else if has_guards && resting.filled().is_positive() {
        Err(RejectReason::PartiallyFilled)
    } else {
        Ok(())
    }
}

/// What is answered to a command of a batch that is not carried out.
fn not_carried_out(command: &OrderCommand, reason: RejectReason) -> VenueEvent {
    let about = |instrument| VenueEvent::Refused { id: None, instrument, reason };
    match *command {
        OrderCommand::Place(NewOrder { id, instrument, .. }) => {
            VenueEvent::Rejected { id, instrument, reason }
        }
        OrderCommand::Amend { id, instrument, .. }
        | OrderCommand::Cancel { id, instrument }
        | OrderCommand::Query { id, instrument, .. } => {
            VenueEvent::Refused { id: Some(id), instrument, reason }
        }
        OrderCommand::CancelLeg { instrument, .. }
        | OrderCommand::Protect { instrument, .. }
        | OrderCommand::ProtectPart { instrument, .. }
        | OrderCommand::SetLeverage { instrument, .. }
        | OrderCommand::MoveMargin { instrument, .. } => about(instrument),
        OrderCommand::CancelAll { instrument, .. }
        | OrderCommand::SetMarginMode { instrument, .. }
        | OrderCommand::SetPositionMode { instrument, .. } => {
            about(instrument.unwrap_or(InstrumentIx(u32::MAX)))
        }
    }
}
