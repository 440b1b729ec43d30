//! One instrument's market making: from estimates to quotes, and from quotes to intents.

use super::estimates::{Arrivals, Volatility};
use super::{Settings, seconds};
use crate::orders::LiveOrder;
use crate::quoting::{Intensity, Quotes, avellaneda_stoikov, glft};
use crate::state::{StateError, StateReader, StateWriter};
use crate::{Intents, OrderIntent, View};
use model::{Instrument, InstrumentIx, OrderKind, PositionSide, Protection, Side, Tag, TimeInForce, Trade};
use units::{Price, Quantity, Rounding, Timestamp};

/// Quantities above this are not quoted, so that sums of a few of them fit.
const LARGEST: Quantity = Quantity::new(i64::MAX >> 8);

/// What is to be quoted on one side.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Wanted {
    price: Price,
    quantity: Quantity,
    reduce_only: bool,
}

#[derive(Debug)]
pub(super) struct Desk {
    pub(super) ix: InstrumentIx,
    volatility: Volatility,
    arrivals: Arrivals,
    /// The intensity in use, estimated or configured.
    intensity: Option<Intensity>,
    fitted_at: Option<Timestamp>,
    /// The mid price at the last look, in ticks: what the depth of trades is measured from.
    mid: Option<f64>,
    started_at: Option<Timestamp>,
    /// The size of a quote, fixed when the first one is made, so that inventory has one unit.
    quantity: Quantity,
    /// When each side was quoted last.
    quoted_at: [Option<Timestamp>; 2],
    budget: Budget,
}

impl Desk {
    pub(super) fn new(ix: InstrumentIx, settings: &Settings) -> Self {
        let step = settings.step();
        // Bounded by the schema: two hours of milliseconds.
        let steps = (settings.fit_window_seconds / step).clamp(1.0, 7_200_000.0) as usize;
        Self {
            ix,
            volatility: Volatility::new(step, settings.half_life),
            arrivals: Arrivals::new(step, steps, 2 * settings.fit_depth_ticks),
            intensity: settings.intensity,
            fitted_at: None,
            mid: None,
            started_at: None,
            quantity: Quantity::ZERO,
            quoted_at: [None; 2],
            budget: Budget { left: settings.orders_per_second, at: None },
        }
    }

    /// Notes how far beyond the mid price of the last look a market order reached.
    pub(super) fn on_trade(&mut self, instrument: &Instrument, trade: &Trade) {
        let Some(mid) = self.mid else { return };
        let price = trade.price.mantissa() as f64 / instrument.tick_size.mantissa() as f64;
        match trade.taker_side {
            Side::Buy => self.arrivals.reach(0, price - mid),
            Side::Sell => self.arrivals.reach(1, mid - price),
        }
    }

    pub(super) fn on_timer(&mut self, settings: &Settings, view: &View<'_>, intents: &mut Intents) {
        let (now, market) = (view.now(), view.market(self.ix));
        let is_fresh = market.quoted_at.is_some_and(|at| now - at <= settings.max_data_age);
        let (Some(bid), Some(ask)) = (market.best(Side::Buy), market.best(Side::Sell)) else {
            return self.pull(view, intents);
        };
        if !is_fresh || bid >= ask {
            self.volatility.pause();
            self.mid = None;
            return self.pull(view, intents);
        }
        let tick = view.instrument(self.ix).tick_size.mantissa() as f64;
        let mid = (bid.mantissa() as f64 + ask.mantissa() as f64) / (2.0 * tick);
        self.learn(settings, now, mid);
        if seconds(now - *self.started_at.get_or_insert(now)) < settings.warm_up_seconds {
            return;
        }
        if !self.fix_quantity(settings, view.instrument(self.ix), ask) {
            return;
        }
        let Some(quotes) = self.model(settings, view, mid) else { return self.pull(view, intents) };
        self.budget.refill(now, settings.orders_per_second);
        for side in [Side::Buy, Side::Sell] {
            let price = limit_price(side, &quotes, settings, mid, view.instrument(self.ix), (bid, ask));
            self.quote(side, price, settings, view, intents);
        }
    }

    /// Brings the estimates up to date.
    fn learn(&mut self, settings: &Settings, now: Timestamp, mid: f64) {
        self.volatility.update(mid);
        self.arrivals.end_step();
        self.mid = Some(mid);
        let is_due = self.fitted_at.is_none_or(|at| now - at >= settings.fit_every);
        if settings.intensity.is_none() && is_due {
            self.fitted_at = Some(now);
            // A window without a fit keeps the last one: quiet minutes are no news about depth.
            self.intensity = self.arrivals.intensity().or(self.intensity);
        }
    }

    /// Fixes the size of a quote at the first price there is. Returns whether there is one.
    fn fix_quantity(&mut self, settings: &Settings, instrument: &Instrument, price: Price) -> bool {
        if self.quantity.is_zero() {
            let step = instrument.quantity_step;
            let steps = settings.order_value / instrument.notional(price, step).to_f64();
            // The cast saturates. What is too large for one order is refused by risk; here sums must fit.
            let wished = Quantity::new(step.mantissa().saturating_mul(steps as i64)).min(LARGEST);
            self.quantity = wished.max(instrument.min_quantity.ceil_to(step));
            if instrument.checked_notional(price, self.quantity).is_some_and(|v| v < instrument.min_notional)
            {
                self.quantity = instrument.quantity_for(instrument.min_notional, price) + step;
            }
        }
        self.quantity.is_positive()
    }

    /// Where to quote by the chosen model, in ticks; `None` until everything it takes is known.
    fn model(&self, settings: &Settings, view: &View<'_>, mid: f64) -> Option<Quotes> {
        let sigma = settings.sigma.or(self.volatility.sigma())?;
        let intensity = self.intensity?;
        let held = view.position(self.ix).quantity;
        let inventory = held.mantissa() as f64 / self.quantity.mantissa() as f64;
        if settings.is_glft {
            let model = glft(settings.gamma, sigma, intensity)?;
            Some(model.quotes(mid, inventory, settings.skew_factor))
        } else {
            avellaneda_stoikov(mid, inventory, settings.gamma, sigma, settings.horizon, intensity.k)
        }
    }

    /// Keeps, moves or pulls the quote of one side.
    fn quote(
        &mut self,
        side: Side,
        price: Option<Price>,
        settings: &Settings,
        view: &View<'_>,
        intents: &mut Intents,
    ) {
        let now = view.now();
        let at = usize::from(side == Side::Sell);
        let held = side.signed(view.position(self.ix).quantity);
        let wanted = price.and_then(|price| self.wanted(held, settings, price));
        let mut is_kept = false;
        for own in view.orders(self.ix).filter(|o| o.side == side && o.is_standing()) {
            let keeps = !is_kept && wanted.is_some_and(|w| self.keeps(&own, &w, at, settings, view));
            if keeps {
                is_kept = true;
            } else if wanted.is_none() || self.budget.take() {
                intents.cancel(self.ix, own.id);
            } else {
                // No budget to move it: it stays where it is until there is.
                is_kept = true;
            }
        }
        let Some(wanted) = wanted.filter(|_| !is_kept) else { return };
        // What was just cancelled may still be filled: both together must stay within the limit.
        let live: Quantity = pending(view, self.ix, side);
        if held + live + wanted.quantity <= self.most(settings) && self.budget.take() {
            self.quoted_at[at] = Some(now);
            intents.order(OrderIntent {
                instrument: self.ix,
                side,
                position_side: PositionSide::Net,
                kind: OrderKind::Limit { price: wanted.price },
                quantity: wanted.quantity,
                time_in_force: TimeInForce::PostOnly,
                reduce_only: wanted.reduce_only,
                protection: Protection::NONE,
                tag: Tag(u16::from(side == Side::Sell)),
            });
        }
    }

    /// The position beyond which nothing may be filled.
    fn most(&self, settings: &Settings) -> Quantity {
        Quantity::new(self.quantity.mantissa().saturating_mul(settings.max_inventory)).min(LARGEST)
    }

    /// What to quote on a side at a price, given what is held in its direction: as much as the limit leaves room for, and
    /// reduce-only where the other side has reached it.
    fn wanted(&self, held: Quantity, settings: &Settings, price: Price) -> Option<Wanted> {
        let most = self.most(settings);
        let room = most - held;
        let reduce_only = -held >= most;
        let quantity = self.quantity.min(room).min(if reduce_only { -held } else { self.quantity });
        quantity.is_positive().then_some(Wanted { price, quantity, reduce_only })
    }

    /// Whether a standing quote is good enough to keep its place in the queue.
    fn keeps(
        &self,
        own: &LiveOrder,
        wanted: &Wanted,
        at: usize,
        settings: &Settings,
        view: &View<'_>,
    ) -> bool {
        let Some(price) = own.price else { return false };
        if own.reduce_only != wanted.reduce_only {
            return false;
        }
        let age = self.quoted_at[at].map_or(settings.min_requote, |quoted| view.now() - quoted);
        if settings.max_quote_age.is_some_and(|most| age > most) {
            return false;
        }
        let tick = view.instrument(self.ix).tick_size.mantissa() as f64;
        let off = (price.mantissa() - wanted.price.mantissa()).abs() as f64 / tick;
        off <= settings.tolerance_ticks || age < settings.min_requote
    }

    /// Cancels whatever stands, on both sides and whatever it costs.
    fn pull(&self, view: &View<'_>, intents: &mut Intents) {
        for own in view.orders(self.ix).filter(LiveOrder::is_standing) {
            intents.cancel(self.ix, own.id);
        }
    }

    pub(super) fn save(&self, state: &mut StateWriter) {
        self.volatility.save(state);
        self.arrivals.save(state);
        state.optional_float(self.intensity.map(|i| i.a));
        state.optional_float(self.intensity.map(|i| i.k));
        state.optional_float(self.mid);
        state.int(self.quantity.mantissa());
        let [bid, ask] = self.quoted_at;
        for at in [self.fitted_at, self.started_at, bid, ask, self.budget.at] {
            state.int(at.unwrap_or(Timestamp::MIN).nanos());
        }
        state.float(self.budget.left);
    }

    pub(super) fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.volatility.load(state)?;
        self.arrivals.load(state)?;
        let (a, k) = (state.optional_float()?, state.optional_float()?);
        self.intensity = a.zip(k).map(|(a, k)| Intensity { a, k });
        self.mid = state.optional_float()?;
        self.quantity = Quantity::new(state.int()?);
        let mut moment = || Ok(Some(Timestamp::from_nanos(state.int()?)).filter(|at| *at > Timestamp::MIN));
        (self.fitted_at, self.started_at) = (moment()?, moment()?);
        self.quoted_at = [moment()?, moment()?];
        self.budget.at = moment()?;
        self.budget.left = state.float()?;
        Ok(())
    }
}

/// The limit price of one side: the model's, no nearer than the least edge, on the tick away from the mid, and never one
/// that would take.
fn limit_price(
    side: Side,
    quotes: &Quotes,
    settings: &Settings,
    mid: f64,
    instrument: &Instrument,
    (bid, ask): (Price, Price),
) -> Option<Price> {
    let edge = mid * settings.least_edge;
    let tick = instrument.price_f64(instrument.tick_size);
    let near = |ticks: f64, rounding| instrument.price_near(ticks * tick, rounding).ok();
    match side {
        Side::Buy => near(quotes.bid().min(mid - edge), Rounding::Floor)
            .map(|price| price.min(ask - instrument.tick_size))
            .filter(|price| price.is_positive()),
        Side::Sell => near(quotes.ask().max(mid + edge), Rounding::Ceil)
            .map(|price| price.max(bid + instrument.tick_size)),
    }
}

/// What may still be filled on a side.
fn pending(view: &View<'_>, ix: InstrumentIx, side: Side) -> Quantity {
    let mut sum = Quantity::ZERO;
    view.orders(ix).filter(|o| o.side == side).for_each(|o| sum += o.remaining);
    sum
}

/// How many messages may be sent: a bucket that fills at the allowed rate and holds a second's worth.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Budget {
    left: f64,
    at: Option<Timestamp>,
}

impl Budget {
    fn refill(&mut self, now: Timestamp, per_second: f64) {
        let passed = self.at.replace(now).map_or(0.0, |at| seconds(now - at));
        self.left = (self.left + passed * per_second).min(per_second);
    }

    fn take(&mut self) -> bool {
        let may = self.left >= 1.0;
        if may {
            self.left -= 1.0;
        }
        may
    }
}
