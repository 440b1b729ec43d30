//! What stands behind positions and orders: leverage, margin modes, what is set aside and what is left.

use crate::account::Holding;
use crate::checks::check_tier;
use crate::collateral::Currency;
use crate::config::VenueConfig;
use crate::desk::{Desk, Resting};
use crate::fees::{FeeSchedule, FeeTier};
use crate::formulas::{MarginRules, Threshold, initial_margin};
use crate::funding::{FundingModel, PremiumIndex};
use crate::venue::Venue;
use model::{Instrument, InstrumentIx, MarginMode, NewOrder, PositionMode, PositionSide, RejectReason, Side};
use std::hint::cold_path;
use units::{Amount, Price, Quantity, Rate, Rounding};

/// Prices at which certainly nothing happens: those between the two, without them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calm {
    /// Something may happen at this price and below.
    pub floor: Price,
    /// Something may happen at this price and above.
    pub ceiling: Price,
}

impl Calm {
    /// Nothing can be liquidated at any price.
    pub(crate) const ALWAYS: Self = Self { floor: Price::new(i64::MIN), ceiling: Price::MAX };
    /// Every price has to be looked at.
    const NEVER: Self = Self { floor: Price::MAX, ceiling: Price::new(i64::MIN) };

    /// Whether a range of prices stays inside.
    #[inline]
    #[must_use]
    pub fn holds(self, low: Price, high: Price) -> bool {
        low > self.floor && high < self.ceiling
    }

    #[inline]
    pub(crate) fn is_always(self) -> bool {
        self == Self::ALWAYS
    }

    /// Where both are calm.
    fn and(self, other: Self) -> Self {
        Self { floor: self.floor.max(other.floor), ceiling: self.ceiling.min(other.ceiling) }
    }

    /// Calm until the liquidation price of a position.
    fn until(side: Side, price: Option<Price>) -> Self {
        match (side, price) {
            (_, None) => Self::ALWAYS,
            (Side::Buy, Some(floor)) => Self { floor, ..Self::ALWAYS },
            (Side::Sell, Some(ceiling)) => Self { ceiling, ..Self::ALWAYS },
        }
    }
}

/// How the margin of one instrument is kept, and what is set aside for its positions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pledge {
    pub(crate) rules: MarginRules,
    pub(crate) mode: MarginMode,
    /// Position value over initial margin, of long and of short positions.
    leverage: [Rate; 2],
    /// The fee of closing that is set aside, as a fraction of the value: of long and of short positions.
    closing: [Rate; 2],
    /// Half of one over the leverage, rounded down to 2⁻²⁰: of long and of short positions.
    half_way: [i64; 2],
    /// Up to which value half of the way is far from liquidation, by the tiers: of long and of short positions.
    far_up_to: [Amount; 2],
    /// What is set aside for the isolated net, long and short position.
    kept: [Amount; 3],
    /// The part of it that was added by hand, less funding that nothing else could pay.
    pub(crate) extra: [Amount; 3],
    /// The worst price that each position was entered at, at one time or another: the highest of a long one.
    worst_entry: [Price; 3],
    pub(crate) calm: Calm,
    /// The mark price came with a candle, and is worth nothing once the next one has closed.
    pub(crate) is_mark_of_bar: bool,
    /// The latest candle of mark prices.
    pub(crate) mark_bar: Option<model::Candle>,
    /// The premiums of the running funding interval.
    pub(crate) premium: PremiumIndex,
    /// Until when funding by the model was exchanged.
    pub(crate) funded_at: Option<units::Timestamp>,
}

impl Pledge {
    fn new(instrument: &Instrument, config: &VenueConfig) -> Self {
        let rules = MarginRules::of(instrument.exchange);
        let mut pledge = Self {
            rules,
            mode: config.rules.margin_mode,
            leverage: [config.leverage; 2],
            closing: [Rate::ZERO; 2],
            half_way: [0; 2],
            far_up_to: [Amount::ZERO; 2],
            kept: [Amount::ZERO; 3],
            extra: [Amount::ZERO; 3],
            worst_entry: [Price::ZERO; 3],
            calm: Calm::ALWAYS,
            is_mark_of_bar: false,
            mark_bar: None,
            premium: PremiumIndex::default(),
            funded_at: None,
        };
        pledge.work_closing_out(instrument, config.taker_fee);
        pledge
    }

    /// Works out what follows from the leverage and the fee.
    fn work_closing_out(&mut self, instrument: &Instrument, taker: Rate) {
        for side in [Side::Buy, Side::Sell] {
            let leverage = self.leverage[side as usize];
            self.closing[side as usize] = self.rules.closing_rate(side, leverage, taker);
            let half_way =
                (i128::from(Rate::ONE.units()) << HALF_WAY_BITS) / (2 * i128::from(leverage.units()).max(1));
            self.half_way[side as usize] = i64::try_from(half_way).unwrap_or(i64::MAX);
            self.far_up_to[side as usize] = far_up_to(instrument, half_way);
        }
    }

    #[inline]
    pub(crate) fn leverage(&self, side: Side) -> Rate {
        self.leverage[side as usize]
    }

    #[inline]
    pub(crate) fn closing(&self, side: Side) -> Rate {
        self.closing[side as usize]
    }

    /// What a value needs at the side's leverage.
    #[inline]
    pub(crate) fn margin_of(&self, side: Side, value: Amount) -> Amount {
        MarginRules::position_margin(value, self.leverage(side), self.closing(side))
    }

    /// The same for a quantity at a price, which mostly needs no division.
    #[inline(always)]
    fn margin_at(&self, instrument: &Instrument, side: Side, price: Price, quantity: Quantity) -> Amount {
        let margin = initial_margin(instrument.notional(price, quantity), self.leverage(side));
        match self.closing(side) {
            Rate::ZERO => margin,
            closing => margin + instrument.notional_share(price, quantity, closing, Rounding::Up),
        }
    }

    /// What closing a position whole would free.
    #[inline(always)]
    fn freed_by_closing(&self, side: PositionSide, holding: &Holding) -> Amount {
        match self.mode {
            MarginMode::Isolated => self.kept(side),
            MarginMode::Cross => {
                cold_path();
                self.margin_of(holding.side, holding.entry_value)
            }
        }
    }

    /// What an isolated position stands on.
    #[inline]
    pub(crate) fn kept(&self, side: PositionSide) -> Amount {
        self.kept[side.index()]
    }

    /// Brings what is set aside for a position up to date after a fill at one price, from what it was before and what it is now.
    /// Returns by how much that grew.
    #[inline(always)]
    pub(crate) fn reckon(
        &mut self,
        instrument: &Instrument,
        side: PositionSide,
        ((size_before, side_before), holding): ((Quantity, Side), &Holding),
        price: Price,
    ) -> Amount {
        let at = side.index();
        if self.extra[at] != Amount::ZERO {
            cold_path();
            self.extra[at] = extra_after(self.extra[at], (size_before, side_before), holding);
        }
        let is_fresh = size_before.is_zero() || side_before != holding.side;
        if is_fresh {
            self.worst_entry[at] = price;
        } else if holding.size > size_before {
            let worst = self.worst_entry[at];
            self.worst_entry[at] =
                if holding.side == Side::Buy { worst.max(price) } else { worst.min(price) };
        }
        let now = if holding.size.is_zero() || self.mode == MarginMode::Cross {
            Amount::ZERO
        } else if is_fresh {
            self.margin_at(instrument, holding.side, price, holding.size)
        } else {
            self.margin_of(holding.side, holding.entry_value) + self.extra[at]
        };
        let more = now - self.kept[at];
        self.kept[at] = now;
        more
    }

    /// When an isolated position is liquidated.
    pub(crate) fn isolated(
        &self,
        instrument: &Instrument,
        side: PositionSide,
        holding: &Holding,
        taker: Rate,
    ) -> Threshold {
        self.rules.isolated(instrument, holding, self.kept(side), taker)
    }

    /// A range in which an isolated position is certainly safe, without a division: half of the way from its worst entry to
    /// where its initial margin would be gone. The exact range is worked out only once a price leaves this one.
    ///
    /// With `x = 1/leverage` a position is liquidated beyond `entry · (1 ∓ x) / (1 ∓ k)` or later, which lies beyond
    /// `entry · (1 ∓ x/2)` for every maintenance rate `k ≤ x/3`; the tiers are those up to one and a half times the value,
    /// the most that it can be worth on the way. Nothing of it holds where margin was taken away.
    #[inline(always)]
    pub(crate) fn calm_of(
        &self,
        instrument: &Instrument,
        side: PositionSide,
        holding: &Holding,
        taker: Rate,
    ) -> Calm {
        let value = holding.entry_value;
        if holding.side == Side::Buy && self.is_fully_paid(side) {
            return Calm::ALWAYS;
        }
        let most = Amount::from_units(value.units() + value.units() / 2);
        if most > self.far_up_to[holding.side as usize] || self.extra[side.index()].is_negative() {
            return self.exact_calm_of(instrument, side, holding, taker);
        }
        let (entry, half_way) = (self.worst_entry[side.index()], self.half_way[holding.side as usize]);
        let way = (i128::from(entry.mantissa()) * i128::from(half_way)) >> HALF_WAY_BITS;
        let way = i64::try_from(way).unwrap_or(0);
        match holding.side {
            Side::Buy => Calm::until(Side::Buy, Some(Price::new(entry.mantissa() - way))),
            Side::Sell => Calm::until(Side::Sell, Some(Price::new(entry.mantissa().saturating_add(way)))),
        }
    }

    /// Whether a long position cannot lose more than what it stands on.
    #[inline]
    fn is_fully_paid(&self, side: PositionSide) -> bool {
        self.leverage(Side::Buy) == Rate::ONE
            && !self.extra[side.index()].is_negative()
            && self.rules != MarginRules::BybitAtEntry
    }

    /// The widest range in which an isolated position is safe.
    fn exact_calm_of(
        &self,
        instrument: &Instrument,
        side: PositionSide,
        holding: &Holding,
        taker: Rate,
    ) -> Calm {
        let threshold = self.isolated(instrument, side, holding, taker);
        Calm::until(holding.side, threshold.price(instrument, holding))
    }
}

/// The largest value up to which every maintenance rate of the tiers is at most two thirds of `half_way`, a third of one over the
/// leverage: below zero where none is. A tier that adds to its margin has a rate of one.
fn far_up_to(instrument: &Instrument, half_way: i128) -> Amount {
    let mut far = Amount::from_units(-1);
    for tier in &instrument.margin_tiers {
        let rate = if tier.deduction.is_negative() { Rate::ONE } else { tier.maintenance_rate };
        // A little less than a third, for what is rounded on the way.
        let steep = (3 * (i128::from(rate.units()) + 1000)) << HALF_WAY_BITS;
        if steep > 2 * half_way * i128::from(Rate::ONE.units()) {
            return far;
        }
        far = tier.notional_limit;
    }
    // What is larger than the last tier falls into it.
    Amount::from_units(i128::MAX)
}

/// Binary places of [`Pledge::half_way`].
const HALF_WAY_BITS: u32 = 20;

/// The margins of all instruments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Margin {
    pub(crate) pledges: Vec<Pledge>,
    /// What is set aside for isolated positions, summed, by currency.
    pub(crate) kept: Vec<Amount>,
    pub(crate) fees: FeeSchedule,
    pub(crate) currencies: Vec<Currency>,
    /// How many instruments hold positions in cross margin.
    pub(crate) crossed: usize,
    /// What forced orders cost beyond the taker's fee, where it is not the exchange's usual rate.
    pub(crate) liquidation_fee: Option<Rate>,
    /// How many liquidations there were, and how many of them were judged by the last price for want of a mark price.
    pub(crate) liquidations: [u64; 2],
    /// Candles of mark prices were told.
    pub(crate) has_mark_bars: bool,
    /// Where funding rates come from that are not told.
    pub(crate) funding: FundingModel,
}

impl Margin {
    pub(crate) fn new(instruments: &[Instrument], config: &VenueConfig) -> Self {
        let mut currencies: Vec<Currency> = Vec::new();
        for instrument in instruments {
            if currencies.iter().all(|c| c.code != instrument.quote) {
                currencies.push(Currency::settlement(&instrument.quote));
            }
        }
        if currencies.is_empty() {
            currencies.push(Currency::settlement("USDT"));
        }
        Self {
            pledges: instruments.iter().map(|i| Pledge::new(i, config)).collect(),
            kept: vec![Amount::ZERO; currencies.len()],
            fees: FeeSchedule::flat(config.maker_fee, config.taker_fee),
            currencies,
            crossed: 0,
            liquidation_fee: None,
            liquidations: [0; 2],
            has_mark_bars: false,
            funding: FundingModel::None,
        }
    }

    /// Which currency each instrument settles in.
    pub(crate) fn settles(&self, instruments: &[Instrument]) -> Vec<usize> {
        let find = |i: &Instrument| self.currencies.iter().position(|c| c.code == i.quote).unwrap_or(0);
        instruments.iter().map(find).collect()
    }
}

/// The balance and the requirements of an account in cross margin, in its first currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CrossMargin {
    /// Cash that is not set aside for isolated positions, other collateral at its ratio, and the profit of the open
    /// positions in cross margin.
    pub balance: Amount,
    /// What those positions need to be opened.
    pub initial: Amount,
    /// What they need to stay open: they are liquidated once the balance is not above it.
    pub maintenance: Amount,
}

impl Venue {
    /// Puts fee tiers by the volume of thirty days in force; the configured fees are those of an account below the first.
    #[must_use]
    pub fn with_fee_tiers(mut self, tiers: Vec<FeeTier>) -> Self {
        self.margin.fees.set_tiers(tiers);
        self.reckon_all();
        self
    }

    /// Puts other fees in force from the next execution on, without tiers.
    pub fn set_fees(&mut self, maker: Rate, taker: Rate) {
        self.margin.fees = FeeSchedule::flat(maker, taker);
        self.reckon_all();
    }

    /// Uses other margin rules than those of the exchange that the instruments are listed on, such as those of an earlier year.
    #[must_use]
    pub fn with_margin_rules(mut self, rules: MarginRules) -> Self {
        for pledge in &mut self.margin.pledges {
            pledge.rules = rules;
        }
        self.reckon_all();
        self
    }

    /// Sets what forced orders cost beyond the taker's fee, in place of [`MarginRules::liquidation_fee`].
    #[must_use]
    pub fn with_liquidation_fee(mut self, rate: Rate) -> Self {
        self.margin.liquidation_fee = Some(rate);
        self
    }

    /// The leverage of positions on one side.
    #[must_use]
    pub fn leverage(&self, ix: InstrumentIx, side: Side) -> Rate {
        self.margin.pledges[ix.index()].leverage(side)
    }

    /// How the margin of an instrument is kept.
    #[must_use]
    pub fn margin_mode(&self, ix: InstrumentIx) -> MarginMode {
        self.margin.pledges[ix.index()].mode
    }

    /// What an isolated position stands on: initial margin, fee of closing where it is set aside, and what was added.
    #[must_use]
    pub fn isolated_margin(&self, ix: InstrumentIx, side: PositionSide) -> Amount {
        self.margin.pledges[ix.index()].kept(side)
    }

    /// The maintenance margin of a position at the price that it is valued at; zero when there is none.
    #[must_use]
    pub fn maintenance_margin(&self, ix: InstrumentIx, side: PositionSide) -> Amount {
        let holding = self.account.holding(ix, side);
        match self.valuation(ix) {
            Some((price, _)) if !holding.size.is_zero() => self.maintenance_at(ix, &holding, price),
            _ => Amount::ZERO,
        }
    }

    /// The price at which positions of an instrument are valued: the mark price, or the last price where there is none.
    /// The second part says whether it is the mark price.
    #[inline]
    #[must_use]
    pub fn valuation(&self, ix: InstrumentIx) -> Option<(Price, bool)> {
        let desk = &self.desks[ix.index()];
        match desk.mark {
            Some(mark) => Some((mark, true)),
            None => desk.last.map(|last| (last, false)),
        }
    }

    pub(crate) fn maintenance_at(&self, ix: InstrumentIx, holding: &Holding, price: Price) -> Amount {
        let (instrument, pledge) = (&self.instruments[ix.index()], &self.margin.pledges[ix.index()]);
        let value = instrument.notional(price, holding.size);
        pledge.rules.maintenance(instrument, holding, value, pledge.closing(holding.side))
    }

    /// The margin and the fees that an order needs, if the account can carry them. An order that rests already stands in
    /// `replaced`.
    ///
    /// Bybit ("Order Cost (USDT Contract)"): initial margin, fee of opening, fee of closing at the bankruptcy price. Binance
    /// ("How to Calculate Cost Required to Open a Position"): initial margin and open loss; the fee of opening is set aside
    /// on top, so that paying it never takes from what positions stand on.
    #[inline(always)]
    pub(crate) fn check_margin(
        &self,
        (instrument, desk): (&Instrument, &Desk),
        order: &NewOrder,
        price: Price,
        replaced: Option<&Resting>,
    ) -> Result<Amount, RejectReason> {
        let ix = order.instrument;
        let pledge = &self.margin.pledges[ix.index()];
        let (holdings, currency) = self.account.seat(ix);
        let holding = &holdings[order.position_side.index()];
        let queued = desk.queued_before(order, replaced);
        let is_adding = holding.side == order.side || holding.size.is_zero();
        let closable = if is_adding { Quantity::ZERO } else { (holding.size - queued).max(Quantity::ZERO) };
        let opening = (order.quantity - closable).max(Quantity::ZERO);
        if opening.is_zero() {
            return Ok(Amount::ZERO);
        }
        let beside =
            if is_adding { holding.size + queued } else { (queued - holding.size).max(Quantity::ZERO) };
        check_tier(instrument, price, (opening, beside), pledge.leverage(order.side))?;
        // A position that is turned around frees its own margin before the other side needs it.
        let freed = if closable.is_positive() {
            pledge.freed_by_closing(order.position_side, holding)
        } else {
            Amount::ZERO
        };
        let fee = instrument.notional_share(price, order.quantity, self.margin.fees.taker(), Rounding::Up);
        let cost = if pledge.rules == MarginRules::Binance {
            self.cost_at_binance((instrument, desk), order, price, opening)
        } else {
            pledge.margin_at(instrument, order.side, price, opening)
        };
        let needed = (cost + fee.max(Amount::ZERO) - freed).max(Amount::ZERO);
        let kept = replaced.map_or(Amount::ZERO, |r| r.margin);
        if needed.is_positive() && needed > self.available_in(ix, currency) + kept {
            return Err(RejectReason::InsufficientMargin);
        }
        Ok(needed)
    }

    /// The margin of what an order would open on Binance, and the loss that it would start with.
    #[inline(never)]
    fn cost_at_binance(
        &self,
        (instrument, desk): (&Instrument, &Desk),
        order: &NewOrder,
        price: Price,
        opening: Quantity,
    ) -> Amount {
        let pledge = &self.margin.pledges[order.instrument.index()];
        let mark = desk.mark.or(desk.last).unwrap_or(price);
        let assumed = assumed_price(order.side, price, desk.last, mark);
        let loss = match order.side {
            Side::Buy => instrument.notional(price, opening) - instrument.notional(mark, opening),
            Side::Sell => instrument.notional(mark, opening) - instrument.notional(price, opening),
        };
        pledge.margin_of(order.side, instrument.notional(assumed, opening)) + loss.max(Amount::ZERO)
    }

    /// What is left for new orders of an instrument, in the currency it settles in.
    ///
    /// Isolated: cash less what is set aside for positions and orders; profit that is not realised does not count. In cross
    /// margin the profit and loss of all positions in cross margin and other collateral count as well, less the initial
    /// margins of those positions.
    #[inline]
    #[must_use]
    pub fn available(&self, ix: InstrumentIx) -> Amount {
        self.available_in(ix, self.account.settles(ix))
    }

    /// The same where it is known which currency that is.
    #[inline(always)]
    fn available_in(&self, ix: InstrumentIx, currency: usize) -> Amount {
        let free = self.account.books()[currency].wallet - self.margin.kept[currency];
        let ordered = self.set_aside_for_orders(currency);
        if self.margin.pledges[ix.index()].mode == MarginMode::Isolated && self.margin.crossed == 0 {
            return free - ordered;
        }
        self.available_beside_cross(ix, (currency, free, ordered))
    }

    /// The same where some positions share a balance.
    #[cold]
    fn available_beside_cross(
        &self,
        ix: InstrumentIx,
        (currency, free, ordered): (usize, Amount, Amount),
    ) -> Amount {
        let cross = self.cross_margin();
        let shared = self.margin.currencies[currency].bought_with(cross.balance - cross.initial);
        match self.margin.pledges[ix.index()].mode {
            MarginMode::Cross => shared - ordered,
            // What the shared positions need of the cash is not free for an isolated one.
            MarginMode::Isolated => free.min(shared) - ordered,
        }
    }

    #[inline]
    pub(crate) fn set_aside_for_orders(&self, currency: usize) -> Amount {
        let mut sum = Amount::ZERO;
        if let [only] = self.desks.as_slice() {
            return if self.account.settles(only.ix) == currency { only.set_aside() } else { sum };
        }
        for desk in &self.desks {
            if !desk.orders.is_empty() && self.account.settles(desk.ix) == currency {
                sum += desk.set_aside();
            }
        }
        sum
    }

    /// The shared balance and what the positions in cross margin need, at the prices that they are valued at.
    #[must_use]
    pub fn cross_margin(&self) -> CrossMargin {
        self.cross_margin_with(None)
    }

    /// The same with one instrument at another price.
    pub(crate) fn cross_margin_with(&self, moved: Option<(InstrumentIx, Price)>) -> CrossMargin {
        let mut sum = CrossMargin { balance: self.collateral(), ..CrossMargin::default() };
        if self.margin.crossed == 0 {
            return sum;
        }
        for desk in &self.desks {
            let pledge = &self.margin.pledges[desk.ix.index()];
            if pledge.mode == MarginMode::Isolated {
                continue;
            }
            let price = match moved {
                Some((ix, price)) if ix == desk.ix => Some(price),
                _ => self.valuation(desk.ix).map(|(price, _)| price),
            };
            let Some(price) = price else { continue };
            let currency = &self.margin.currencies[self.account.settles(desk.ix)];
            let instrument = &self.instruments[desk.ix.index()];
            for holding in self.account.holdings(desk.ix).iter().filter(|h| !h.size.is_zero()) {
                let value = instrument.notional(price, holding.size);
                sum.balance += currency.worth(holding.profit_of(value));
                sum.initial += currency.worth(pledge.margin_of(holding.side, value));
                sum.maintenance += currency.worth(self.maintenance_at(desk.ix, holding, price));
            }
        }
        sum
    }

    /// Brings what is set aside for a position up to date after it was entered otherwise than by a fill, at one price.
    pub(crate) fn reckon(&mut self, ix: InstrumentIx, side: PositionSide, price: Price) {
        let holding = self.account.holding(ix, side);
        let none = (Holding::NONE.size, Holding::NONE.side);
        let pledge = &mut self.margin.pledges[ix.index()];
        let more = pledge.reckon(&self.instruments[ix.index()], side, (none, &holding), price);
        self.margin.kept[self.account.settles(ix)] += more;
        self.refresh_calm(ix);
    }

    /// Sets aside what an isolated position needs; nothing for one in cross margin.
    #[inline]
    fn keep(&mut self, ix: InstrumentIx, side: PositionSide) {
        let holding = self.account.holding(ix, side);
        let pledge = &self.margin.pledges[ix.index()];
        let now = if holding.size.is_zero() || pledge.mode == MarginMode::Cross {
            Amount::ZERO
        } else {
            pledge.margin_of(holding.side, holding.entry_value) + pledge.extra[side.index()]
        };
        self.set_kept(ix, side, now);
    }

    #[inline]
    fn set_kept(&mut self, ix: InstrumentIx, side: PositionSide, now: Amount) {
        let kept = &mut self.margin.pledges[ix.index()].kept[side.index()];
        self.margin.kept[self.account.settles(ix)] += now - *kept;
        *kept = now;
    }

    /// Works out anew between which prices the positions of an instrument are safe.
    #[inline]
    pub(crate) fn refresh_calm(&mut self, ix: InstrumentIx) {
        if self.margin.pledges[ix.index()].mode == MarginMode::Cross || self.margin.crossed > 0 {
            return self.refresh_all_calm();
        }
        let calm = self.isolated_calm(ix, Pledge::calm_of);
        self.margin.pledges[ix.index()].calm = calm;
        let desk = &mut self.desks[ix.index()];
        desk.is_exposed = !calm.is_always();
        desk.refresh_idle();
    }

    /// Whether a range can liquidate nothing. Where the cheap range does not say so, the exact one is worked out and kept.
    #[inline]
    pub(crate) fn is_calm(&mut self, ix: InstrumentIx, low: Price, high: Price) -> bool {
        self.margin.pledges[ix.index()].calm.holds(low, high) || self.is_calm_after_all(ix, low, high)
    }

    #[inline(never)]
    fn is_calm_after_all(&mut self, ix: InstrumentIx, low: Price, high: Price) -> bool {
        if self.margin.pledges[ix.index()].mode == MarginMode::Isolated {
            self.margin.pledges[ix.index()].calm = self.isolated_calm(ix, Pledge::exact_calm_of);
        }
        self.margin.pledges[ix.index()].calm.holds(low, high)
    }

    #[inline]
    fn isolated_calm(
        &self,
        ix: InstrumentIx,
        calm_of: impl Fn(&Pledge, &Instrument, PositionSide, &Holding, Rate) -> Calm,
    ) -> Calm {
        let (instrument, pledge) = (&self.instruments[ix.index()], &self.margin.pledges[ix.index()]);
        let taker = self.margin.fees.taker();
        let holdings = self.account.holdings(ix);
        let of = |side: PositionSide| match &holdings[side.index()] {
            holding if holding.size.is_zero() => Calm::ALWAYS,
            holding => calm_of(pledge, instrument, side, holding, taker),
        };
        let net = of(PositionSide::Net);
        if self.account.is_hedged() {
            net.and(of(PositionSide::Long)).and(of(PositionSide::Short))
        } else {
            net
        }
    }

    /// What one position shares with others moves with all of them, so all are worked out anew. With one instrument the
    /// range is exact; with several, the price of another may liquidate at any moment and every candle is looked at.
    fn refresh_all_calm(&mut self) {
        let is_crossed = |v: &Self, ix: InstrumentIx| {
            v.margin.pledges[ix.index()].mode == MarginMode::Cross
                && v.account.holdings(ix).iter().any(|h| !h.size.is_zero())
        };
        let crossed: Vec<bool> = self.desks.iter().map(|desk| is_crossed(self, desk.ix)).collect();
        self.margin.crossed = crossed.iter().filter(|c| **c).count();
        for (i, crossed) in crossed.into_iter().enumerate() {
            let ix = self.desks[i].ix;
            let calm = match crossed {
                false => self.isolated_calm(ix, Pledge::calm_of),
                true if self.desks.len() == 1 => {
                    let (floor, ceiling) = self.cross_prices(ix);
                    Calm {
                        floor: floor.unwrap_or(Calm::ALWAYS.floor),
                        ceiling: ceiling.unwrap_or(Price::MAX),
                    }
                }
                true => Calm::NEVER,
            };
            self.margin.pledges[i].calm = calm;
            self.desks[i].is_exposed = !calm.is_always();
            self.desks[i].refresh_idle();
        }
    }

    /// Works everything out anew that follows from rates and modes.
    fn reckon_all(&mut self) {
        let taker = self.margin.fees.taker();
        for i in 0..self.desks.len() {
            self.margin.pledges[i].work_closing_out(&self.instruments[i], taker);
            for side in PositionSide::ALL {
                self.keep(self.desks[i].ix, side);
            }
        }
        self.refresh_all_calm();
    }

    /// Moves the fees on to the day of `at`, and all that follows from them when they change.
    #[inline]
    pub(crate) fn advance_fees(&mut self, at: units::Timestamp) {
        if self.margin.fees.advance(at) {
            self.reckon_all();
        }
    }
}

/// The price at which Binance values an order for its margin: that of a buy is its own, that of a sell the highest of its own,
/// the mark price and the last price with 0.15 %. Source: Binance FAQ, "How to Calculate Cost Required to Open a Position".
fn assumed_price(side: Side, price: Price, last: Option<Price>, mark: Price) -> Price {
    const MARKUP: i128 = 1_001_500_000;
    if side == Side::Buy {
        return price;
    }
    let marked_up = |last: Price| {
        let one = Rate::ONE.units().into();
        let up = units::mul_div(last.mantissa().into(), MARKUP, one, Rounding::Ceil).unwrap_or(0);
        Price::new(i64::try_from(up).unwrap_or(i64::MAX))
    };
    price.max(mark).max(last.map_or(price, marked_up))
}

/// What remains of margin that was added by hand once a position is smaller: its share, rounded down; nothing once it is
/// closed or turned around.
pub(crate) fn extra_after(extra: Amount, (size, side): (Quantity, Side), after: &Holding) -> Amount {
    if after.size.is_zero() || after.side != side {
        Amount::ZERO
    } else if after.size < size {
        extra.mul_div(after.size.mantissa().into(), size.mantissa().into(), Rounding::Floor)
    } else {
        extra
    }
}

/// What an isolated position would need with other settings, less what it has.
fn change_of_margin(pledge: &Pledge, changed: &Pledge, holding: &Holding, side: PositionSide) -> Amount {
    if holding.size.is_zero() || changed.mode == MarginMode::Cross {
        return Amount::ZERO;
    }
    changed.margin_of(holding.side, holding.entry_value) + changed.extra[side.index()] - pledge.kept(side)
}

impl Venue {
    /// Sets the leverage of an instrument, for long and for short positions. Open isolated positions stand on the margin that
    /// the new leverage asks for from then on.
    ///
    /// # Errors
    /// [`RejectReason::Leverage`] below one or above what the instrument allows, [`RejectReason::LeverageSides`] when the sides
    /// differ without hedge mode and isolated margin, [`RejectReason::LeverageUnchanged`], [`RejectReason::RiskTier`] when a
    /// position or its orders are too large for it, [`RejectReason::InsufficientMargin`] when the balance cannot pay the margin, and
    /// [`RejectReason::WouldLiquidate`] when the position would be liquidated at once (Binance: when the leverage of an
    /// isolated position is lowered).
    pub fn set_leverage(&mut self, ix: InstrumentIx, buy: Rate, sell: Rate) -> Result<(), RejectReason> {
        let instrument = self.instruments.get(ix.index()).ok_or(RejectReason::UnknownInstrument)?;
        let pledge = &self.margin.pledges[ix.index()];
        let in_range = |rate: Rate| rate >= Rate::ONE && rate <= instrument.max_leverage();
        let is_hedged = self.desks[ix.index()].position_mode == PositionMode::Hedge;
        if !in_range(buy) || !in_range(sell) {
            return Err(RejectReason::Leverage);
        } else if buy != sell && !(is_hedged && pledge.mode == MarginMode::Isolated) {
            return Err(RejectReason::LeverageSides);
        } else if pledge.leverage == [buy, sell] {
            return Err(RejectReason::LeverageUnchanged);
        }
        self.check_leverage_fits(ix, [buy, sell])?;
        let mut changed = pledge.clone();
        changed.leverage = [buy, sell];
        changed.work_closing_out(instrument, self.margin.fees.taker());
        self.check_change(ix, &changed)?;
        self.margin.pledges[ix.index()] = changed;
        for side in PositionSide::ALL {
            self.keep(ix, side);
        }
        self.refresh_calm(ix);
        Ok(())
    }

    /// Whether what is held and what is ordered fits the tiers at another leverage.
    fn check_leverage_fits(&self, ix: InstrumentIx, leverage: [Rate; 2]) -> Result<(), RejectReason> {
        let instrument = &self.instruments[ix.index()];
        for side in [Side::Buy, Side::Sell] {
            let held = self.account.holdings(ix).iter().filter(|h| h.side == side);
            let mut value: Amount = held.map(|h| h.entry_value).sum();
            for resting in self.desks[ix.index()].orders.iter().filter(|r| r.order.side == side) {
                let price = resting.order.kind.limit().or(self.desks[ix.index()].last);
                let Some(price) = price else { continue };
                value += instrument.notional(price, resting.remaining);
            }
            if value.is_positive() && leverage[side as usize] > instrument.tier(value).max_leverage {
                return Err(RejectReason::RiskTier);
            }
        }
        Ok(())
    }

    /// Whether the balance can pay for other settings, and whether the positions survive them.
    fn check_change(&self, ix: InstrumentIx, changed: &Pledge) -> Result<(), RejectReason> {
        let (instrument, pledge) = (&self.instruments[ix.index()], &self.margin.pledges[ix.index()]);
        let mut more = Amount::ZERO;
        for side in PositionSide::ALL {
            let holding = self.account.holding(ix, side);
            more += change_of_margin(pledge, changed, &holding, side);
            let is_lowered = changed.leverage(holding.side) < pledge.leverage(holding.side);
            let is_isolated = pledge.mode == MarginMode::Isolated && changed.mode == MarginMode::Isolated;
            if !holding.size.is_zero() && is_isolated && is_lowered && pledge.rules == MarginRules::Binance {
                return Err(RejectReason::WouldLiquidate);
            }
        }
        if more.is_positive() && more > self.available(ix) {
            return Err(RejectReason::InsufficientMargin);
        }
        let Some((price, _)) = self.valuation(ix) else { return Ok(()) };
        let taker = self.margin.fees.taker();
        for side in PositionSide::ALL {
            let holding = self.account.holding(ix, side);
            if holding.size.is_zero() || changed.mode == MarginMode::Cross {
                continue;
            }
            let margin = pledge.kept(side) + change_of_margin(pledge, changed, &holding, side);
            let threshold = changed.rules.isolated(instrument, &holding, margin, taker);
            if threshold.is_crossed(instrument, instrument.notional(price, holding.size)) {
                return Err(RejectReason::WouldLiquidate);
            }
        }
        Ok(())
    }

    /// Moves balance into what an isolated position stands on, or out of it when negative.
    ///
    /// # Errors
    /// [`RejectReason::NoPosition`], [`RejectReason::NotIsolated`], [`RejectReason::NothingChanged`] for nothing,
    /// [`RejectReason::NotEnoughToAdd`] for more than is available, [`RejectReason::NotRemovable`] for more than lies above
    /// the initial margin, the loss of the position included.
    pub fn move_margin(
        &mut self,
        ix: InstrumentIx,
        side: PositionSide,
        amount: Amount,
    ) -> Result<(), RejectReason> {
        if ix.index() >= self.desks.len() {
            return Err(RejectReason::UnknownInstrument);
        }
        let holding = self.account.holding(ix, side);
        if holding.size.is_zero() {
            return Err(RejectReason::NoPosition);
        } else if self.margin_mode(ix) == MarginMode::Cross {
            return Err(RejectReason::NotIsolated);
        } else if amount == Amount::ZERO {
            return Err(RejectReason::NothingChanged);
        } else if amount > self.available(ix) {
            return Err(RejectReason::NotEnoughToAdd);
        } else if amount.is_negative() && -amount > self.removable(ix, side, &holding) {
            return Err(RejectReason::NotRemovable);
        }
        self.margin.pledges[ix.index()].extra[side.index()] += amount;
        self.keep(ix, side);
        self.refresh_calm(ix);
        Ok(())
    }

    /// What of an isolated margin may be taken out: what was added, less an open loss.
    fn removable(&self, ix: InstrumentIx, side: PositionSide, holding: &Holding) -> Amount {
        let instrument = &self.instruments[ix.index()];
        let profit = self.valuation(ix).map_or(Amount::ZERO, |(p, _)| holding.unrealised(instrument, p));
        let extra = self.margin.pledges[ix.index()].extra[side.index()];
        (extra + profit.min(Amount::ZERO)).max(Amount::ZERO)
    }

    /// Takes a payment that the free balance cannot make out of what an isolated position stands on.
    ///
    /// Source: Bybit help centre, "Funding Fee Calculation": where the available balance does not suffice, funding is deducted
    /// from the position margin and the liquidation price moves towards the mark price.
    pub(crate) fn charge_margin(&mut self, ix: InstrumentIx, side: PositionSide, amount: Amount) {
        if self.margin_mode(ix) == MarginMode::Cross {
            return self.refresh_shared();
        }
        let lacking = -self.available(ix);
        if amount.is_negative() && lacking.is_positive() {
            self.margin.pledges[ix.index()].extra[side.index()] -= lacking.min(-amount);
            self.keep(ix, side);
            self.refresh_calm(ix);
        }
    }
}
