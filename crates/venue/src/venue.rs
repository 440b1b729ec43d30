//! The simulated exchange: commands in, events out.

use crate::account::Account;
use crate::config::VenueConfig;
use crate::desk::{Desk, Owner, Stage, TradingStatus};
use crate::fees::FeeSchedule;
use crate::margin::{Calm, Margin, Pledge};
use crate::market::Hit;
use crate::names::Names;
use model::{
    ClientOrderId, Fill, FillCause, Instrument, InstrumentIx, LegId, Liquidity, MarginMode, NewOrder,
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

/// The simulated exchange. See the crate's documentation for its rules.
#[derive(Debug, Clone)]
pub struct Venue {
    pub(crate) instruments: Vec<Instrument>,
    pub(crate) config: VenueConfig,
    pub(crate) account: Account,
    pub(crate) margin: Margin,
    pub(crate) desks: Vec<Desk>,
    pub(crate) names: Names,
    /// The rank of the next order that arrives.
    pub(crate) next_rank: u64,
    /// How many legs were placed.
    pub(crate) legs: u64,
    pub(crate) executions: u64,
    /// What a recorded market has decided to fill, and the parts that an order takes from a book: empty between calls.
    pub(crate) hits: Vec<Hit>,
    pub(crate) parts: Vec<(Price, Quantity)>,
}

impl Venue {
    /// An exchange that trades `instruments`, with one account.
    #[must_use]
    pub fn new(instruments: Vec<Instrument>, config: VenueConfig) -> Self {
        let desks =
            (0u32..).zip(&instruments).map(|(i, it)| Desk::new(InstrumentIx(i), it, &config)).collect();
        let margin = Margin::new(&instruments, &config);
        let settles = margin.settles(&instruments);
        let account = Account::with_currencies(settles, margin.currencies.len(), config.initial_balance);
        let names = Names::default();
        Self {
            instruments,
            config,
            account,
            margin,
            desks,
            names,
            next_rank: 1,
            legs: 0,
            executions: 0,
            hits: Vec::new(),
            parts: Vec::new(),
        }
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

    /// The mark price of an instrument, once one was told.
    #[must_use]
    pub fn mark_price(&self, ix: InstrumentIx) -> Option<Price> {
        self.desks.get(ix.index()).and_then(|desk| desk.mark)
    }

    /// How many executions there were.
    #[must_use]
    pub const fn executions(&self) -> u64 {
        self.executions
    }

    /// How many orders of an instrument are in the venue's books, legs included.
    #[must_use]
    pub fn orders(&self, ix: InstrumentIx) -> usize {
        self.desks.get(ix.index()).map_or(0, |desk| desk.orders.len())
    }

    /// Cash of all currencies plus profit of the open positions at the prices they are valued at: mark prices, or last
    /// prices where there are none. In the first currency.
    #[must_use]
    pub fn equity(&self) -> Amount {
        let currencies = &self.margin.currencies;
        let cash = currencies.iter().zip(self.account.books()).map(|(c, book)| c.worth(book.wallet));
        let mut equity: Amount = cash.sum();
        for (desk, instrument) in self.desks.iter().zip(&self.instruments) {
            let Some((price, _)) = self.valuation(desk.ix) else { continue };
            let currency = &currencies[self.account.settles(desk.ix)];
            for holding in self.account.holdings(desk.ix) {
                equity += currency.worth(holding.unrealised(instrument, price));
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

    /// Opens an instrument for trading, restricts it to reduce-only orders, or closes it. Orders that rest stay.
    pub fn set_status(&mut self, ix: InstrumentIx, status: TradingStatus) {
        if let Some(desk) = self.desks.get_mut(ix.index()) {
            desk.status = status;
        }
    }

    /// Carries out a command at `at`. What it leads to is appended to `out`.
    #[inline]
    pub fn on_command(&mut self, at: Timestamp, command: &OrderCommand, out: &mut Vec<Event>) {
        match command {
            OrderCommand::Place(order) => self.place(at, order, out),
            OrderCommand::Cancel { id, instrument } => self.cancel(at, *id, *instrument, out),
            other => self.on_other_command(at, other, out),
        }
    }

    /// The commands that neither place nor cancel one order.
    #[inline(never)]
    fn on_other_command(&mut self, at: Timestamp, command: &OrderCommand, out: &mut Vec<Event>) {
        match *command {
            OrderCommand::Place(ref order) => self.place(at, order, out),
            OrderCommand::Cancel { id, instrument } => self.cancel(at, id, instrument, out),
            OrderCommand::CancelAll { instrument, scope } => self.cancel_all(at, instrument, scope, out),
            OrderCommand::CancelLeg { leg, instrument } => self.cancel_leg(at, instrument, leg, out),
            OrderCommand::Amend { id, instrument, ref amendment } => {
                self.amend(at, (id, instrument), amendment, out);
            }
            OrderCommand::Protect { instrument, position_side, protection, trailing } => {
                self.protect(at, (instrument, position_side), protection, trailing, out);
            }
            OrderCommand::ProtectPart {
                instrument,
                position_side,
                quantity,
                protection,
                stop_limit,
                target_limit,
            } => {
                let terms = (protection, [stop_limit, target_limit]);
                self.protect_part(at, (instrument, position_side), quantity, terms, out);
            }
            OrderCommand::SetLeverage { .. }
            | OrderCommand::SetMarginMode { .. }
            | OrderCommand::SetPositionMode { .. }
            | OrderCommand::MoveMargin { .. } => self.change_setting(at, command, out),
            OrderCommand::Query { id, instrument, .. } => self.answer(at, id, instrument, out),
        }
    }

    /// Says whether an order is in the books. Whatever is not was settled, and was reported when it was.
    fn answer(&self, at: Timestamp, id: ClientOrderId, instrument: InstrumentIx, out: &mut Vec<Event>) {
        let is_known = self.desks.get(instrument.index()).is_some_and(|desk| desk.find(id).is_some());
        let event = if is_known {
            VenueEvent::Accepted { id, instrument }
        } else {
            VenueEvent::Refused { id: Some(id), instrument, reason: RejectReason::UnknownOrder }
        };
        out.push(Event { at, event });
    }

    /// Takes an order into the books. Returns its rank.
    #[inline]
    pub(crate) fn rest(&mut self, order: &NewOrder, owner: Owner, stage: Stage, margin: Amount) -> u64 {
        let rank = self.next_rank;
        self.next_rank += 1;
        self.desks[order.instrument.index()].take(order, owner, (stage, rank), margin);
        rank
    }

    /// Executes a fill: books it, tells it, and brings its guards into force or lets them go.
    #[inline(always)]
    pub(crate) fn execute(&mut self, at: Timestamp, deal: &Deal, out: &mut Vec<Event>) {
        self.advance_fees(at);
        let rate = self.margin.fees.rate(deal.liquidity);
        let instrument = &self.instruments[deal.instrument.index()];
        // Rounded away from the trader, rebates included.
        let fee = instrument.notional_share(deal.price, deal.quantity, rate, Rounding::Ceil);
        self.enter(at, deal, fee, out);
    }

    /// The same with a fee that is already known.
    #[inline(never)]
    pub(crate) fn enter(&mut self, at: Timestamp, deal: &Deal, fee: Amount, out: &mut Vec<Event>) {
        self.settle(at, deal, fee, out);
        let desk = &self.desks[deal.instrument.index()];
        if desk.is_guarded || !desk.orders.is_empty() || !deal.protection.is_none() {
            self.move_guard(at, deal, out);
        }
    }

    /// Books a fill and tells it, and works out what is set aside for the position now.
    #[inline(always)]
    pub(crate) fn settle(&mut self, at: Timestamp, deal: &Deal, fee: Amount, out: &mut Vec<Event>) {
        if !self.settling(deal.instrument).settle(at, deal, fee, out) {
            self.refresh_calm(deal.instrument);
        }
    }

    /// What a fill of an instrument touches.
    #[inline(always)]
    pub(crate) fn settling(&mut self, ix: InstrumentIx) -> Settling<'_> {
        Settling {
            instrument: &self.instruments[ix.index()],
            desk: &mut self.desks[ix.index()],
            pledge: &mut self.margin.pledges[ix.index()],
            kept: &mut self.margin.kept,
            fees: &mut self.margin.fees,
            account: &mut self.account,
            executions: &mut self.executions,
            has_crossed: self.margin.crossed > 0,
        }
    }
}

/// What a fill of one instrument touches, looked up once.
pub(crate) struct Settling<'a> {
    pub(crate) instrument: &'a Instrument,
    pub(crate) desk: &'a mut Desk,
    pub(crate) pledge: &'a mut Pledge,
    kept: &'a mut [Amount],
    fees: &'a mut FeeSchedule,
    account: &'a mut Account,
    executions: &'a mut u64,
    has_crossed: bool,
}

impl Settling<'_> {
    /// Books a fill and tells it, and works out what is set aside for the position now. Returns whether it is known as well
    /// between which prices the position is safe: not where something is shared with others.
    #[inline(always)]
    pub(crate) fn settle(&mut self, at: Timestamp, deal: &Deal, fee: Amount, out: &mut Vec<Event>) -> bool {
        *self.executions += 1;
        let fill = Fill {
            execution: *self.executions,
            order: deal.order,
            leg: deal.leg,
            cause: deal.cause,
            instrument: deal.instrument,
            position_side: deal.position_side,
            side: deal.side,
            price: deal.price,
            quantity: deal.quantity,
            fee,
            liquidity: deal.liquidity,
            exchange_time: at,
        };
        out.push(Event { at, event: VenueEvent::Filled(fill) });
        let moved = self.account.enter(self.instrument, &fill);
        self.fees.count(|| self.instrument.notional(deal.price, deal.quantity));
        let holding = &moved.now;
        let more =
            self.pledge.reckon(self.instrument, deal.position_side, (moved.before, holding), deal.price);
        self.kept[moved.currency] += more;
        // Where nothing is shared and there is but one position, all that matters is at hand.
        if self.pledge.mode == MarginMode::Cross || self.has_crossed || self.account.is_hedged() {
            return false;
        }
        let calm = if holding.size.is_zero() {
            Calm::ALWAYS
        } else {
            self.pledge.calm_of(self.instrument, deal.position_side, holding, self.fees.taker())
        };
        self.pledge.calm = calm;
        self.desk.is_exposed = !calm.is_always();
        self.desk.refresh_idle();
        true
    }
}

/// A fill about to happen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deal {
    pub(crate) order: Option<ClientOrderId>,
    pub(crate) leg: Option<LegId>,
    pub(crate) cause: FillCause,
    pub(crate) instrument: InstrumentIx,
    pub(crate) position_side: PositionSide,
    pub(crate) side: Side,
    pub(crate) price: Price,
    pub(crate) quantity: Quantity,
    pub(crate) liquidity: Liquidity,
    /// What guards the whole position afterwards.
    pub(crate) protection: Protection,
    /// What guards this fill afterwards, as a pair of legs.
    pub(crate) attached: Protection,
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
