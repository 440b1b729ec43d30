//! One instrument's desk at the venue: its orders by stage, what guards its positions, its prices and its settings.
//!
//! # The seam between orders and markets
//!
//! Everything that an order is, and everything an exchange does to it without a market (acceptance, amendment, triggers,
//! limits, reduce-only, pairs of legs, self-trade prevention), is the same at every level of market data. What differs is
//! when it meets a price. The seam has two directions:
//!
//! * **Orders to market.** [`Venue::arrive`](crate::Venue) is called whenever an order becomes live: accepted, triggered, or
//!   amended such that it lost its place. It is then [`Stage::Arriving`]. A level that can match at once (a book) does so
//!   there and leaves it [`Stage::Resting`], filled or ended. Candles do nothing there: the order stays `Arriving` until the
//!   next open.
//! * **Market to orders.** A level tells prices with `on_last`, `on_mark` and `on_index`, which fire triggers and call `arrive`
//!   for what they make live, and carries out what its matching decides with three verbs: `fill` (a quantity at a price,
//!   which trims reduce-only orders, books, moves protection, and cuts what the position no longer covers), `end` (with a
//!   reason) and `prevent_self_trade` (before an incoming order trades at a price).
//!
//! Orders are kept in the order of their [`rank`](Resting::rank), which is time priority: an amendment keeps it only when it
//! changes neither price nor raises the quantity. Any of the verbs may remove other orders of the desk, so a loop over them
//! goes by rank and never keeps a position over a call.

use crate::claims::Claims;
use crate::config::VenueConfig;
use crate::market::Market;
use model::{
    ClientOrderId, FillCause, Instrument, InstrumentIx, LegId, LegKind, Line, NewOrder, PositionMode,
    PositionSide, Protection, Side, Trailing, TriggerBy,
};
use units::{Amount, Price, Quantity};

/// Where an order is between its acceptance and its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It waits for its trigger and is in no book.
    Waiting,
    /// It is live and has not met the market: where it is marketable it takes.
    Arriving,
    /// It is in the book: it makes.
    Resting,
}

/// Whose order it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Placed by a command.
    Client,
    /// A stop or a target over a part of a position.
    Leg(Leg),
    /// What guards a whole position, once a mark or index price, or a book, has fired it.
    Guard(FillCause),
}

/// What makes an order a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leg {
    pub(crate) id: LegId,
    pub(crate) kind: LegKind,
    /// The other one of its pair: the first that fires cancels it.
    pub(crate) twin: Option<LegId>,
}

/// An order in the venue's books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resting {
    pub(crate) order: NewOrder,
    pub(crate) owner: Owner,
    pub(crate) remaining: Quantity,
    /// Initial margin and fee that the account keeps free for it.
    pub(crate) margin: Amount,
    pub(crate) stage: Stage,
    /// Grows with every arrival: time priority.
    pub(crate) rank: u64,
    /// Of a trailing stop: the best price since it was armed.
    pub(crate) best: Option<Price>,
    /// Of a market order: the worst price it still trades at.
    pub(crate) bound: Option<Price>,
}

impl Resting {
    /// What was filled so far.
    #[inline]
    pub(crate) fn filled(&self) -> Quantity {
        self.order.quantity - self.remaining
    }

    /// Whether it has or had a trigger, and no longer waits for it.
    #[inline]
    pub(crate) fn is_triggered(&self) -> bool {
        self.order.kind.is_conditional() && self.stage != Stage::Waiting
    }

    /// Whether it was placed by a command.
    #[inline]
    pub(crate) fn is_client(&self) -> bool {
        matches!(self.owner, Owner::Client)
    }

    /// What makes it a leg, if it is one.
    #[inline]
    pub(crate) const fn leg(&self) -> Option<&Leg> {
        match &self.owner {
            Owner::Leg(leg) => Some(leg),
            Owner::Client | Owner::Guard(_) => None,
        }
    }

    /// What its fills are caused by.
    #[inline]
    pub(crate) const fn cause(&self) -> FillCause {
        match self.owner {
            Owner::Client => FillCause::Order,
            Owner::Guard(cause) => cause,
            Owner::Leg(Leg { kind: LegKind::StopLoss, .. }) => FillCause::StopLoss,
            Owner::Leg(Leg { kind: LegKind::TakeProfit, .. }) => FillCause::TakeProfit,
        }
    }
}

/// A trailing stop at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Follower {
    pub(crate) terms: Trailing,
    /// The best price since it was armed; `None` while it waits for its activation.
    pub(crate) best: Option<Price>,
}

/// What guards a whole position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Guard {
    pub(crate) protection: Protection,
    pub(crate) trailing: Option<Follower>,
}

impl Guard {
    pub(crate) const NONE: Self = Self { protection: Protection::NONE, trailing: None };

    #[inline]
    pub(crate) const fn is_none(&self) -> bool {
        self.protection.is_none() && self.trailing.is_none()
    }
}

/// Whether an instrument can be traded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TradingStatus {
    /// Any order.
    #[default]
    Open,
    /// Orders that only reduce positions: before a delisting, or by order of the exchange.
    ReduceOnly,
    /// No order; cancellations only.
    Closed,
}

/// The orders, guards, prices and settings of one instrument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Desk {
    pub(crate) ix: InstrumentIx,
    pub(crate) last: Option<Price>,
    pub(crate) mark: Option<Price>,
    pub(crate) index: Option<Price>,
    /// What was traded in the running candle.
    pub(crate) volume: Quantity,
    /// The recorded market, where there is one.
    pub(crate) market: Option<Box<Market>>,
    /// By growing rank.
    pub(crate) orders: Line<Resting>,
    /// What they claim together, while there are several.
    pub(crate) claims: Claims,
    /// How many of them wait for a trigger.
    pub(crate) waiting: usize,
    /// What guards the net, long and short position.
    pub(crate) guards: [Guard; 3],
    /// The guard came into force, or went, since the open of the running candle.
    pub(crate) is_guard_fresh: [bool; 3],
    /// Orders of this rank or later were placed since the open of the running candle.
    pub(crate) fresh_from: u64,
    /// One of the guards is set.
    pub(crate) is_guarded: bool,
    /// Some price liquidates a position.
    pub(crate) is_exposed: bool,
    /// Nothing rests, nothing is guarded and nothing can be liquidated: a candle changes no more than the last price.
    pub(crate) is_idle: bool,
    pub(crate) status: TradingStatus,
    pub(crate) position_mode: PositionMode,
}

impl Desk {
    pub(crate) fn new(ix: InstrumentIx, instrument: &Instrument, config: &VenueConfig) -> Self {
        Self {
            market: config.fidelity.queue().map(|rules| Box::new(Market::new(instrument, rules))),
            ix,
            last: None,
            mark: None,
            index: None,
            orders: Line::new(),
            claims: Claims::default(),
            waiting: 0,
            volume: Quantity::ZERO,
            guards: [Guard::NONE; 3],
            is_guard_fresh: [false; 3],
            fresh_from: 0,
            is_guarded: false,
            is_exposed: false,
            is_idle: true,
            status: TradingStatus::Open,
            position_mode: config.rules.position_mode,
        }
    }

    #[inline]
    pub(crate) fn refresh_idle(&mut self) {
        self.is_idle = self.orders.is_empty() && !self.is_guarded && !self.is_exposed;
    }

    pub(crate) fn refresh_guarded(&mut self) {
        self.is_guarded = !self.guards.iter().all(Guard::is_none);
        self.refresh_idle();
    }

    /// The price that a trigger watches, if it is told.
    #[inline]
    pub(crate) const fn watched(&self, by: TriggerBy) -> Option<Price> {
        match by {
            TriggerBy::Last => self.last,
            TriggerBy::Mark => self.mark,
            TriggerBy::Index => self.index,
        }
    }

    /// The price that the price band is drawn around.
    #[inline]
    pub(crate) fn anchor(&self) -> Option<Price> {
        self.mark.or(self.last)
    }

    /// Where an order rests that was placed by a command.
    #[inline]
    pub(crate) fn find(&self, id: ClientOrderId) -> Option<usize> {
        self.orders.iter().position(|r| r.order.id == id && r.is_client())
    }

    /// Where a leg is.
    pub(crate) fn find_leg(&self, leg: LegId) -> Option<usize> {
        self.orders.iter().position(|r| r.leg().is_some_and(|l| l.id == leg))
    }

    /// Where the order of a rank is, if it is still there.
    #[inline]
    pub(crate) fn at_rank(&self, rank: u64) -> Option<usize> {
        // Most desks hold one order.
        match &*self.orders {
            [only] => (only.rank == rank).then_some(0),
            orders => orders.binary_search_by_key(&rank, |r| r.rank).ok(),
        }
    }

    /// Where the first order of a rank above `rank` is; `near` is where that of `rank` was, and where it is looked for first.
    #[inline]
    pub(crate) fn place_after(&self, rank: u64, near: usize) -> Option<(usize, &Resting)> {
        let orders = &*self.orders;
        let place = match orders.get(near) {
            // It is still there.
            Some(there) if there.rank == rank => near + 1,
            // It has left, and nothing before it.
            Some(next) if next.rank > rank && (near == 0 || orders[near - 1].rank <= rank) => near,
            _ => orders.partition_point(|r| r.rank <= rank),
        };
        orders.get(place).map(|resting| (place, resting))
    }

    /// The first order of a rank above `rank`.
    #[inline]
    pub(crate) fn after_rank(&self, rank: u64) -> Option<&Resting> {
        match &*self.orders {
            [only] => (only.rank > rank).then_some(only),
            orders => orders.get(orders.partition_point(|r| r.rank <= rank)),
        }
    }

    /// Takes an order in. By itself, so that it is written where it stays.
    #[inline(never)]
    pub(crate) fn take(
        &mut self,
        order: &NewOrder,
        owner: Owner,
        (stage, rank): (Stage, u64),
        margin: Amount,
    ) {
        let remaining = order.quantity;
        self.push(Resting { order: *order, owner, remaining, margin, stage, rank, best: None, bound: None });
        self.waiting += usize::from(stage == Stage::Waiting);
        self.is_idle = false;
    }

    /// Takes an order out and forgets it.
    #[inline]
    pub(crate) fn drop_order(&mut self, place: usize) {
        let Resting { rank, stage, order: NewOrder { side, .. }, .. } = self.orders[place];
        self.waiting -= usize::from(stage == Stage::Waiting);
        self.leave_queue(rank, side);
        self.pull(place);
        self.refresh_idle();
    }

    /// Takes an order out of the queue of the recorded market, if it stands in one.
    #[inline]
    pub(crate) fn leave_queue(&mut self, rank: u64, side: Side) {
        if let Some(market) = &mut self.market {
            market.leave(rank, side);
        }
    }
}

/// The direction that a position side opens in, or either in one-way mode.
#[inline]
pub(crate) const fn opens(position_side: PositionSide) -> Option<Side> {
    match position_side {
        PositionSide::Net => None,
        PositionSide::Long => Some(Side::Buy),
        PositionSide::Short => Some(Side::Sell),
    }
}
