//! Liquidation: positions whose margin no longer suffices at the mark price.
//!
//! # What happens, in order
//!
//! 1. *Judged by the mark price*, or by the last price where no mark price is known ([`Venue::judged_by_last`] counts
//!    how often). A candle of mark prices, or of last prices where there is none, liquidates when its range reaches the
//!    liquidation price: which of its prices came first is not known, and the doubt goes against the trader. The position
//!    is then judged at the liquidation price itself, or at the open where that lies beyond.
//! 2. *Stops that lie before the liquidation price* on the way there, and that the candle reaches, go first. A candle that
//!    opens beyond the liquidation price leaves them no time.
//! 3. *Open orders are cancelled*: those of the instrument for an isolated position, those of all instruments in cross
//!    margin for a shared one.
//! 4. *The risk tier is lowered*: a position above the first tier is reduced to the limit of the tier below by an
//!    immediate-or-cancel order at the market, step by step, until its margin suffices. It pays the taker's fee and the
//!    exchange's liquidation fee. Where the market is beyond the bankruptcy price, that order finds no taker.
//! 5. *Shared positions are closed one by one* at the market, the one with the largest maintenance margin first, until the
//!    balance suffices; the last one, or the first that the balance cannot pay for, is taken over.
//! 6. *What is left is taken over* at the bankruptcy price, at which the margin is gone to the last tick. The insurance fund
//!    closes it at the market: the difference is its gain or its loss. A balance below zero is paid out of the fund.
//!
//! Sources: Bybit help centre, "Liquidation Process (USDT Contract)" and "Trading Rules: Liquidation Process (Unified Trading
//! Account)"; Binance, "Liquidation Protocols" (cancel all orders, one large immediate-or-cancel order, take-over by the
//! insurance fund). The order among shared positions is ours: neither says it. Auto-deleveraging of the other side needs
//! other accounts, so the fund here is without bottom.

use crate::account::Holding;
use crate::desk::Resting;
use crate::formulas::{Threshold, bankruptcy_price};
use crate::margin::extra_after;
use crate::venue::{Deal, Event, Venue};
use model::{
    Bar, CancelReason, Candle, FillCause, InstrumentIx, Liquidation, LiquidationStage, Liquidity, MarginMode,
    PositionSide, Protection, Side, TriggerBy, VenueEvent,
};
use units::{Amount, Price, Quantity, Rate, Rounding, Span, Timestamp};

/// A position that is being liquidated, and at which price it is judged.
#[derive(Debug, Clone, Copy)]
struct Case {
    ix: InstrumentIx,
    side: PositionSide,
    /// The mark price, or the last price in its place.
    price: Price,
    /// The price at which it came to this.
    liquidation_price: Price,
}

impl Venue {
    /// Takes a candle of mark prices, before the candle of last prices of the same time: positions are judged by its range
    /// in place of theirs, and valued at its close until the next candle. One that is longer or shorter than the candles
    /// of last prices judges nothing, since its range could have come before the position.
    pub fn on_mark_candle(&mut self, candle: &Candle) {
        if let Some(pledge) = self.margin.pledges.get_mut(candle.instrument.index()) {
            pledge.mark_bar = Some(*candle);
            self.margin.has_mark_bars = true;
        }
    }

    /// How many times a position was liquidated, in part or whole.
    #[must_use]
    pub const fn liquidations(&self) -> u64 {
        self.margin.liquidations[0]
    }

    /// How many of them were judged by the last price because no mark price was known.
    #[must_use]
    pub const fn judged_by_last(&self) -> u64 {
        self.margin.liquidations[1]
    }

    /// The price at which a position is liquidated as things stand; `None` when it is not, at any price above zero. In
    /// cross margin it moves with the other positions. A long and a short position in cross margin share one (the one
    /// below the market is told first).
    #[must_use]
    pub fn liquidation_price(&self, ix: InstrumentIx, side: PositionSide) -> Option<Price> {
        let holding = self.account.holding(ix, side);
        if holding.size.is_zero() {
            return None;
        }
        match self.margin.pledges[ix.index()].mode {
            MarginMode::Isolated => {
                self.isolated_threshold(ix, side, &holding).price(&self.instruments[ix.index()], &holding)
            }
            MarginMode::Cross => {
                let (floor, ceiling) = self.cross_prices(ix);
                floor.or(ceiling)
            }
        }
    }

    /// Every price that liquidates a position of an instrument as things stand.
    pub(crate) fn liquidation_prices(&self, ix: InstrumentIx) -> [Option<Price>; 3] {
        if self.margin_mode(ix) == MarginMode::Cross {
            let (floor, ceiling) = self.cross_prices(ix);
            return [floor, ceiling, None];
        }
        PositionSide::ALL.map(|side| self.liquidation_price(ix, side))
    }

    /// The price at which nothing would be left of what an isolated position stands on, or of the shared balance.
    #[must_use]
    pub fn bankruptcy_price(&self, ix: InstrumentIx, side: PositionSide) -> Option<Price> {
        let holding = self.account.holding(ix, side);
        let (price, _) = self.valuation(ix)?;
        (!holding.size.is_zero()).then(|| self.bankruptcy_of(ix, side, &holding, price))
    }

    fn isolated_threshold(&self, ix: InstrumentIx, side: PositionSide, holding: &Holding) -> Threshold {
        let taker = self.margin.fees.taker();
        self.margin.pledges[ix.index()].isolated(&self.instruments[ix.index()], side, holding, taker)
    }

    fn bankruptcy_of(&self, ix: InstrumentIx, side: PositionSide, holding: &Holding, price: Price) -> Price {
        let (instrument, pledge) = (&self.instruments[ix.index()], &self.margin.pledges[ix.index()]);
        let margin = match pledge.mode {
            MarginMode::Isolated => pledge.kept(side),
            MarginMode::Cross => {
                let currency = &self.margin.currencies[self.account.settles(ix)];
                let profit = currency.worth(holding.unrealised(instrument, price));
                currency.bought_with(self.cross_margin_with(Some((ix, price))).balance - profit)
            }
        };
        let taker = self.margin.fees.taker();
        let value = pledge.rules.bankruptcy_value(holding.side, holding.entry_value, margin, taker);
        bankruptcy_price(instrument, holding, value)
    }

    /// Below and above which price the shared positions of an instrument, with all others as they stand, are liquidated.
    pub(crate) fn cross_prices(&self, ix: InstrumentIx) -> (Option<Price>, Option<Price>) {
        let Some((price, _)) = self.valuation(ix) else { return (None, None) };
        let (instrument, pledge) = (&self.instruments[ix.index()], &self.margin.pledges[ix.index()]);
        let margin = self.margin_besides(ix, price);
        let mut held = self.account.holdings(ix).iter().filter(|h| !h.size.is_zero());
        match (held.next(), held.next()) {
            (None, _) => (None, None),
            (Some(holding), None) => {
                let closing = pledge.closing(holding.side);
                let threshold = pledge.rules.cross(instrument, holding, margin, closing);
                match holding.side {
                    Side::Buy => (threshold.price(instrument, holding), None),
                    Side::Sell => (None, threshold.price(instrument, holding)),
                }
            }
            _ => self.hedged_prices(ix, price, margin),
        }
    }

    /// What stands behind the shared positions of one instrument: the balance with the profit of all others, less their
    /// maintenance margins, in the currency it settles in.
    fn margin_besides(&self, ix: InstrumentIx, price: Price) -> Amount {
        let instrument = &self.instruments[ix.index()];
        let currency = &self.margin.currencies[self.account.settles(ix)];
        let all = self.cross_margin_with(Some((ix, price)));
        let mut besides = all.balance - all.maintenance;
        for holding in self.account.holdings(ix).iter().filter(|h| !h.size.is_zero()) {
            besides = besides - currency.worth(holding.unrealised(instrument, price))
                + currency.worth(self.maintenance_at(ix, holding, price));
        }
        currency.bought_with(besides)
    }

    /// A long and a short position of one instrument share their liquidation prices, one on each side at most: what is left
    /// above the maintenance margins rises with the price, then falls. Found by halving.
    ///
    /// Source: Binance FAQ, "How to Calculate Liquidation Price of USDⓈ-M Futures Contracts": in hedge mode both positions
    /// of a contract in cross margin have the same liquidation price.
    fn hedged_prices(&self, ix: InstrumentIx, now: Price, margin: Amount) -> (Option<Price>, Option<Price>) {
        let instrument = &self.instruments[ix.index()];
        let holdings = self.account.holdings(ix);
        let most =
            Price::MAX.mantissa() / holdings.iter().map(|h| h.size.mantissa()).max().unwrap_or(1).max(1);
        let is_over = |price: i64| {
            let price = Price::new(price);
            let mut left = margin;
            for holding in holdings.iter().filter(|h| !h.size.is_zero()) {
                left = left + holding.unrealised(instrument, price) - self.maintenance_at(ix, holding, price);
            }
            !left.is_positive()
        };
        let now = now.mantissa();
        if is_over(now) {
            return (Some(Price::new(now)), None);
        }
        let halve = |mut safe: i64, mut over: i64| {
            while safe.abs_diff(over) > 1 {
                let middle = safe / 2 + over / 2 + (safe % 2 + over % 2) / 2;
                if is_over(middle) { over = middle } else { safe = middle }
            }
            Price::new(over)
        };
        let below = is_over(1).then(|| halve(now, 1));
        let above = (most > now && is_over(most)).then(|| halve(now, most));
        (below, above)
    }

    /// Liquidates what cannot stand at the present valuation of an instrument.
    pub(crate) fn judge(&mut self, at: Timestamp, ix: InstrumentIx, out: &mut Vec<Event>) {
        if let Some((price, _)) = self.valuation(ix) {
            self.judge_at(at, ix, price, out);
        }
    }

    /// The same at a given price.
    pub(crate) fn judge_at(&mut self, at: Timestamp, ix: InstrumentIx, price: Price, out: &mut Vec<Event>) {
        if self.is_calm(ix, price, price) {
            return;
        }
        if self.margin.pledges[ix.index()].mode == MarginMode::Cross {
            let (floor, ceiling) = self.cross_prices(ix);
            let reached = floor.filter(|floor| price <= *floor).or(ceiling).unwrap_or(price);
            return self.judge_shared(at, ix, (price, reached), out);
        }
        for side in PositionSide::ALL {
            let liquidation_price = self.liquidation_price(ix, side).unwrap_or(price);
            self.judge_isolated(at, Case { ix, side, price, liquidation_price }, out);
        }
    }

    /// Liquidates what the rest of a candle reaches. Before its stops were met, positions with a stop that is reached on
    /// the way to the liquidation price are left to it.
    pub(crate) fn judge_range(
        &mut self,
        at: Timestamp,
        candle: &Candle,
        judged: &Bar,
        is_before_stops: bool,
        out: &mut Vec<Event>,
    ) {
        let ix = candle.instrument;
        if self.is_calm(ix, judged.low, judged.high) {
            return;
        }
        if self.margin.pledges[ix.index()].mode == MarginMode::Cross {
            return self.judge_shared_range(at, candle, judged, is_before_stops, out);
        }
        for side in PositionSide::ALL {
            let Some(liquidation_price) = self.liquidation_price(ix, side) else { continue };
            let held = self.account.holding(ix, side).side;
            let Some(price) = reached(held, liquidation_price, judged) else { continue };
            if !is_before_stops || !self.stops_first(ix, side, liquidation_price, &candle.bar) {
                self.judge_isolated(at, Case { ix, side, price, liquidation_price }, out);
            }
        }
    }

    fn judge_shared_range(
        &mut self,
        at: Timestamp,
        candle: &Candle,
        judged: &Bar,
        is_before_stops: bool,
        out: &mut Vec<Event>,
    ) {
        let ix = candle.instrument;
        let (floor, ceiling) = self.cross_prices(ix);
        for (held, liquidation_price) in [(Side::Buy, floor), (Side::Sell, ceiling)] {
            let Some(liquidation_price) = liquidation_price else { continue };
            let Some(price) = reached(held, liquidation_price, judged) else { continue };
            let goes_first =
                |side: &PositionSide| self.stops_first(ix, *side, liquidation_price, &candle.bar);
            if !is_before_stops || !PositionSide::ALL.iter().any(goes_first) {
                self.judge_shared(at, ix, (price, liquidation_price), out);
            }
        }
    }

    /// Whether a stop of a position lies before a price, coming from where the position is safe, and the candle reaches it.
    fn stops_first(&self, ix: InstrumentIx, side: PositionSide, price: Price, bar: &Bar) -> bool {
        let holding = self.account.holding(ix, side);
        let lies_before = |stop: Price| match holding.side {
            Side::Buy => stop >= price && bar.low <= stop,
            Side::Sell => stop <= price && bar.high >= stop,
        };
        !holding.size.is_zero() && self.stops_of(ix, side, holding.side).any(lies_before)
    }

    /// Carries an isolated position's case through.
    fn judge_isolated(&mut self, at: Timestamp, case: Case, out: &mut Vec<Event>) {
        if !self.is_due(&case) {
            return;
        }
        self.cancel_before_liquidation(at, Some(case.ix), out);
        while self.is_due(&case) {
            if !self.lower_tier(at, &case, out) {
                self.take_over(at, &case, out);
            }
        }
    }

    fn is_due(&self, case: &Case) -> bool {
        let holding = self.account.holding(case.ix, case.side);
        let instrument = &self.instruments[case.ix.index()];
        !holding.size.is_zero()
            && self
                .isolated_threshold(case.ix, case.side, &holding)
                .is_crossed(instrument, instrument.notional(case.price, holding.size))
    }

    /// Carries the case of the shared balance through, with one instrument at `price`.
    fn judge_shared(
        &mut self,
        at: Timestamp,
        ix: InstrumentIx,
        (price, liquidation_price): (Price, Price),
        out: &mut Vec<Event>,
    ) {
        let mut is_cancelled = false;
        while let Some(case) = self.next_shared(ix, price, liquidation_price) {
            if !is_cancelled {
                self.cancel_before_liquidation(at, None, out);
                is_cancelled = true;
            }
            if !self.lower_tier(at, &case, out) && !self.close_at_market(at, &case, out) {
                self.take_over(at, &case, out);
            }
        }
        if is_cancelled && self.margin.crossed == 0 {
            for currency in 0..self.margin.currencies.len() {
                self.cover(at, currency, self.margin.kept[currency], out);
            }
        }
    }

    /// The shared position to deal with next, while the balance does not suffice: the one with the largest maintenance
    /// margin.
    fn next_shared(&self, ix: InstrumentIx, price: Price, liquidation_price: Price) -> Option<Case> {
        let margin = self.cross_margin_with(Some((ix, price)));
        if margin.balance > margin.maintenance {
            return None;
        }
        let mut next: Option<(Amount, Case)> = None;
        for desk in &self.desks {
            if self.margin.pledges[desk.ix.index()].mode == MarginMode::Isolated {
                continue;
            }
            let valued = if desk.ix == ix { Some(price) } else { self.valuation(desk.ix).map(|(p, _)| p) };
            let Some(valued) = valued else { continue };
            let currency = &self.margin.currencies[self.account.settles(desk.ix)];
            for side in PositionSide::ALL {
                let holding = self.account.holding(desk.ix, side);
                if holding.size.is_zero() {
                    continue;
                }
                let needs = currency.worth(self.maintenance_at(desk.ix, &holding, valued));
                let came_to = if desk.ix == ix { liquidation_price } else { valued };
                if next.is_none_or(|(most, _)| needs > most) {
                    let case = Case { ix: desk.ix, side, price: valued, liquidation_price: came_to };
                    next = Some((needs, case));
                }
            }
        }
        next.map(|(_, case)| case)
    }

    fn cancel_before_liquidation(&mut self, at: Timestamp, only: Option<InstrumentIx>, out: &mut Vec<Event>) {
        for i in 0..self.desks.len() {
            let ix = self.desks[i].ix;
            let is_meant = match only {
                Some(only) => ix == only,
                None => self.margin_mode(ix) == MarginMode::Cross,
            };
            // Legs guard what may be left, and end with the position.
            let is_open = |r: &Resting| r.leg().is_none();
            while is_meant && let Some(place) = self.desks[i].orders.iter().position(is_open) {
                self.end(at, (ix, place), CancelReason::Liquidation, out);
            }
        }
    }

    /// Reduces a position to the limit of the tier below its own. Whether it did.
    fn lower_tier(&mut self, at: Timestamp, case: &Case, out: &mut Vec<Event>) -> bool {
        let holding = self.account.holding(case.ix, case.side);
        let (instrument, pledge) =
            (&self.instruments[case.ix.index()], &self.margin.pledges[case.ix.index()]);
        let basis = if pledge.rules.is_at_entry() {
            holding.entry_value
        } else {
            instrument.notional(case.price, holding.size)
        };
        let below = instrument.margin_tiers.iter().rev().find(|tier| tier.notional_limit < basis);
        let Some(below) = below else { return false };
        let target = holding.size.mantissa().into();
        let kept = units::mul_div(target, below.notional_limit.units(), basis.units(), Rounding::Floor);
        let kept = kept.and_then(|kept| i64::try_from(kept).ok()).map_or(Quantity::ZERO, Quantity::new);
        let quantity = holding.size - kept.floor_to(instrument.quantity_step);
        let price = self.market(case, holding.side);
        if quantity >= holding.size || !self.finds_taker(case, &holding, price) {
            return false;
        }
        self.force(at, case, (quantity, price), LiquidationStage::Reduced, out);
        true
    }

    /// Closes a shared position at the market, if others remain and the balance can pay for it. Whether it did.
    fn close_at_market(&mut self, at: Timestamp, case: &Case, out: &mut Vec<Event>) -> bool {
        let is_alone = self
            .desks
            .iter()
            .filter(|desk| self.margin.pledges[desk.ix.index()].mode == MarginMode::Cross)
            .flat_map(|desk| self.account.holdings(desk.ix))
            .filter(|holding| !holding.size.is_zero())
            .count()
            == 1;
        let holding = self.account.holding(case.ix, case.side);
        let price = self.market(case, holding.side);
        if is_alone || !self.finds_taker(case, &holding, price) {
            return false;
        }
        self.force(at, case, (holding.size, price), LiquidationStage::Closed, out);
        true
    }

    /// The price that a forced order finds: that of the case, worsened by the slippage, at the next tick away from the trader.
    fn market(&self, case: &Case, held: Side) -> Price {
        let tick = self.instruments[case.ix.index()].tick_size;
        let size = self.account.holding(case.ix, case.side).size;
        let slipped = self.slipped(case.ix, held.opposite(), case.price, size);
        match held {
            Side::Buy => slipped.floor_to(tick).max(tick),
            Side::Sell => slipped.ceil_to(tick),
        }
    }

    /// A forced order is limited at the bankruptcy price.
    fn finds_taker(&self, case: &Case, holding: &Holding, price: Price) -> bool {
        let limit = self.bankruptcy_of(case.ix, case.side, holding, case.price);
        match holding.side {
            Side::Buy => price >= limit,
            Side::Sell => price <= limit,
        }
    }

    /// Closes a quantity by a forced order, which pays the taker's fee and the liquidation fee.
    fn force(
        &mut self,
        at: Timestamp,
        case: &Case,
        (quantity, price): (Quantity, Price),
        stage: LiquidationStage,
        out: &mut Vec<Event>,
    ) {
        let pledge = &self.margin.pledges[case.ix.index()];
        let extra = self.margin.liquidation_fee.unwrap_or(pledge.rules.liquidation_fee());
        let rate = Rate::from_units(self.margin.fees.taker().units() + extra.units());
        let instrument = &self.instruments[case.ix.index()];
        let fee = instrument.notional_share(price, quantity, rate, Rounding::Ceil);
        let fee = fee.min(self.chargeable(case, quantity, price));
        self.settle_liquidation(at, case, (quantity, price, fee), stage, out);
    }

    /// The most that a forced order may cost in fees: an isolated position never loses more than what stands behind it, so
    /// no more than the closed part leaves of its own share. A shared balance pays whatever is asked.
    fn chargeable(&self, case: &Case, quantity: Quantity, price: Price) -> Amount {
        let pledge = &self.margin.pledges[case.ix.index()];
        if pledge.mode == MarginMode::Cross {
            return Amount::from_units(i128::MAX);
        }
        let (instrument, before) =
            (&self.instruments[case.ix.index()], self.account.holding(case.ix, case.side));
        let (part, whole) = (quantity.mantissa().into(), before.size.mantissa().into());
        let entered = before.entry_value.mul_div(part, whole, Rounding::Down);
        let closed = Holding { size: quantity, entry_value: entered, ..before };
        let after =
            Holding { size: before.size - quantity, entry_value: before.entry_value - entered, ..before };
        let extra = extra_after(pledge.extra[case.side.index()], (before.size, before.side), &after);
        let stays = pledge.margin_of(after.side, after.entry_value) + extra;
        let profit = closed.unrealised(instrument, price);
        (pledge.kept(case.side) - stays + profit).max(Amount::ZERO)
    }

    /// Closes what is left at the bankruptcy price; the insurance fund sells it on.
    fn take_over(&mut self, at: Timestamp, case: &Case, out: &mut Vec<Event>) {
        let holding = self.account.holding(case.ix, case.side);
        let price = self.bankruptcy_of(case.ix, case.side, &holding, case.price);
        let pledge = &self.margin.pledges[case.ix.index()];
        // Where the fee of closing is set aside it is paid; elsewhere nothing is left to pay it with.
        let rate = if pledge.rules.reserves_closing_fee() { self.margin.fees.taker() } else { Rate::ZERO };
        let instrument = &self.instruments[case.ix.index()];
        let fee = instrument.notional_share(price, holding.size, rate, Rounding::Ceil);
        let stage = LiquidationStage::TakenOver;
        let [taken, closed] =
            [price, self.market(case, holding.side)].map(|price| instrument.notional(price, holding.size));
        self.settle_liquidation(at, case, (holding.size, price, fee), stage, out);
        self.account.pass_on(case.ix, holding.side, taken, closed);
        if self.margin.crossed == 0 {
            self.cover(at, self.account.settles(case.ix), Amount::ZERO, out);
        }
    }

    fn settle_liquidation(
        &mut self,
        at: Timestamp,
        case: &Case,
        (quantity, price, fee): (Quantity, Price, Amount),
        stage: LiquidationStage,
        out: &mut Vec<Event>,
    ) {
        let holding = self.account.holding(case.ix, case.side);
        let is_mark = self.desks[case.ix.index()].mark.is_some();
        self.margin.liquidations[0] += 1;
        self.margin.liquidations[1] += u64::from(!is_mark);
        out.push(Event {
            at,
            event: VenueEvent::Liquidated(Liquidation {
                instrument: case.ix,
                position_side: case.side,
                side: holding.side,
                stage,
                is_mark,
                quantity,
                mark: case.price,
                liquidation_price: case.liquidation_price,
                bankruptcy_price: self.bankruptcy_of(case.ix, case.side, &holding, case.price),
                price,
                fee,
            }),
        });
        let deal = Deal {
            order: None,
            leg: None,
            cause: FillCause::Liquidation,
            instrument: case.ix,
            position_side: case.side,
            side: holding.side.opposite(),
            price,
            quantity,
            liquidity: Liquidity::Taker,
            protection: Protection::NONE,
            attached: Protection::NONE,
            turned: false,
        };
        self.enter(at, &deal, fee, out);
        if !self.desks[case.ix.index()].orders.is_empty() {
            self.cut_reducing(at, case.ix, case.side, out);
        }
    }

    /// The bar that judges the positions of a candle's instrument: the mark prices of the same time, or the candle itself.
    #[inline]
    pub(crate) fn judged_bar(&self, candle: &Candle) -> Bar {
        let pledge = &self.margin.pledges[candle.instrument.index()];
        match (pledge.mark_bar, self.desks[candle.instrument.index()].mark) {
            (Some(mark), _) if is_same_time(&mark, candle) => mark.bar,
            // A mark price that was told by itself holds until the next one, whatever the last price does.
            (_, Some(mark)) if !pledge.is_mark_of_bar => {
                Bar { open: mark, high: mark, low: mark, close: mark, ..candle.bar }
            }
            _ => candle.bar,
        }
    }

    /// Whether the positions of a candle's instrument are judged by mark prices.
    #[inline]
    pub(crate) fn is_judged_by_mark(&self, candle: &Candle) -> bool {
        let pledge = &self.margin.pledges[candle.instrument.index()];
        pledge.mark_bar.is_some_and(|mark| is_same_time(&mark, candle))
            || (self.desks[candle.instrument.index()].mark.is_some() && !pledge.is_mark_of_bar)
    }

    /// Values an instrument at the open of a candle: of its mark prices, where they are known.
    pub(crate) fn value_at_open(&mut self, candle: &Candle) {
        let at = candle.instrument.index();
        let pledge = &mut self.margin.pledges[at];
        match pledge.mark_bar {
            Some(mark) if is_same_time(&mark, candle) => {
                self.desks[at].mark = Some(mark.bar.open);
                pledge.is_mark_of_bar = true;
            }
            // One that came with an earlier candle is not used any more.
            _ if pledge.is_mark_of_bar => {
                self.desks[at].mark = None;
                pledge.is_mark_of_bar = false;
            }
            _ => {}
        }
    }

    /// Lets the mark prices of a candle fire what watches them, and values the instrument at the last of them. What fires
    /// meets the market at the next open.
    pub(crate) fn tell_mark_bar(&mut self, candle: &Candle, out: &mut Vec<Event>) {
        self.value_at_open(candle);
        let ix = candle.instrument;
        let Some(mark) = self.margin.pledges[ix.index()].mark_bar.filter(|m| is_same_time(m, candle)) else {
            return;
        };
        let at = candle.close_time() - Span::from_nanos(1);
        for price in [mark.bar.open, mark.bar.low, mark.bar.high, mark.bar.close] {
            self.desks[ix.index()].mark = Some(price);
            self.fire(at, ix, TriggerBy::Mark, price, out);
        }
    }
}

fn is_same_time(mark: &Candle, candle: &Candle) -> bool {
    mark.timeframe == candle.timeframe && mark.bar.open_time == candle.bar.open_time
}

/// The price at which a bar reaches the liquidation price of a position, if it does: that price, or the nearest to it that the
/// bar has where it lies beyond altogether.
fn reached(held: Side, liquidation_price: Price, bar: &Bar) -> Option<Price> {
    match held {
        Side::Buy => (bar.low <= liquidation_price).then(|| liquidation_price.min(bar.high)),
        Side::Sell => (bar.high >= liquidation_price).then(|| liquidation_price.max(bar.low)),
    }
}
