//! The setup of one instrument, step by step, and the step at which it stopped.

use super::Terms;
use crate::bank::{Slot, Subscriber, seen};
use crate::higher::Resampler;
use crate::orders::LiveOrder;
use crate::state::{StateError, StateReader, StateWriter};
use crate::{Gate, Intents, OpenIntent, View};
use indicators::structure::{
    Bias, BlockState, BreakKind, Breaks, Edge, Event, Fate, Impulse, Legs, MarketStructure, Ote, Settings,
};
use indicators::{Ohlcv, ParameterError};
use model::{Bar, Instrument, InstrumentIx, OrderKind, PlanIx, Side, Tag, Timeframe};
use units::{Rounding, Timestamp};

/// The gates, in the order in which they are tried.
pub(super) const GATES: [&str; 11] = [
    "warm-up: candles seen",
    "no position and no entry order of its own",
    "the longer candles have a trend",
    "a kill zone that is traded",
    "liquidity against the trend swept in the zone",
    "change of character with the trend after the sweep",
    "displacement in the move",
    "a gap or order block in the entry zone",
    "close on the near side of the entry",
    "liquidity opposite to aim at",
    "reward at the opposite liquidity, in multiples of the risk",
];

/// A gate by its place in [`GATES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
enum Step {
    WarmUp,
    Free,
    Trend,
    Zone,
    Sweep,
    Turn,
    Displacement,
    Area,
    Side,
    Pool,
    Reward,
}

impl Step {
    const fn shut(self) -> Gate {
        Gate::shut(self as u16)
    }

    const fn failed(self, found: f64, needed: f64) -> Gate {
        Gate::failed(self as u16, found, needed)
    }
}

/// A sweep that a turn may follow.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Hunt {
    /// The way to trade: up after a sweep of lows.
    bias: Bias,
    /// The furthest price of the sweep.
    extreme: f64,
    /// When the kill zone ends, and with it the idea.
    until: Timestamp,
    /// Whether structure has turned since.
    has_turned: bool,
    /// Whether an entry was asked for.
    is_ordered: bool,
}

/// One instrument.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    terms: Terms,
    settings: Settings,
    /// `None` where the bank follows it.
    structure: Option<Box<MarketStructure>>,
    shared: Option<Slot>,
    structure_bars: usize,
    longer: Option<Resampler>,
    legs: Legs,
    breaks: Breaks,
    /// Longer candles so far.
    longer_bars: usize,
    hunt: Option<Hunt>,
    gate: Option<Gate>,
}

impl Desk {
    pub(super) fn new(settings: Settings, bias_size: usize, terms: Terms) -> Result<Self, ParameterError> {
        let structure = MarketStructure::new(settings)?;
        Ok(Self {
            terms,
            settings,
            structure_bars: structure.warm_up(),
            structure: Some(Box::new(structure)),
            shared: None,
            longer: None,
            legs: Legs::new(bias_size, settings.tie)?,
            breaks: Breaks::new(),
            longer_bars: 0,
            hunt: None,
            gate: None,
        })
    }

    pub(super) fn take_timeframe(&mut self, base: Timeframe, longer: Timeframe) -> Result<(), String> {
        self.longer = Some(Resampler::new(base, longer)?);
        Ok(())
    }

    /// Enough of its own candles for every average, and of the longer ones for some breaks.
    pub(super) fn warm_up(&self, bias_size: usize) -> u32 {
        let parts = self.longer.as_ref().map_or(1, Resampler::parts);
        let longer = u32::try_from(8 * bias_size).unwrap_or(u32::MAX).saturating_mul(parts);
        longer.max(u32::try_from(self.structure_bars).unwrap_or(u32::MAX))
    }

    /// Lets the bank follow the structure.
    pub(super) fn subscribe(&mut self, ix: InstrumentIx, subscriber: &mut Subscriber<'_>) -> bool {
        self.shared = subscriber.structure(ix, self.settings);
        if self.shared.is_some() {
            self.structure = None;
        }
        self.shared.is_some()
    }

    pub(super) fn gate(&self) -> Option<Gate> {
        self.gate
    }

    #[inline]
    pub(super) fn on_candle(&mut self, view: &View<'_>, ix: InstrumentIx, bar: &Bar, intents: &mut Intents) {
        let instrument = view.instrument(ix);
        let bar = seen(instrument, bar);
        // Lent for the candle; what is taken is a pointer.
        let mut own = self.structure.take();
        let structure: &MarketStructure = match (&mut own, self.shared) {
            (Some(own), _) => {
                own.update(&bar);
                own
            }
            (None, Some(slot)) => match view.bank().structure(slot) {
                Some(structure) => structure,
                None => return,
            },
            (None, None) => return,
        };
        if let Some(longer) = &mut self.longer {
            let (legs, breaks, count) = (&mut self.legs, &mut self.breaks, &mut self.longer_bars);
            longer.update(&bar, |bar| {
                let pivot = legs.update(bar.high, bar.low);
                breaks.update(*count, bar.close, pivot);
                *count += 1;
            });
        }
        self.gate = self.judge(structure, view, (ix, &bar), intents).err();
        self.structure = own;
    }

    /// Passes the gates one after the other; the first that is shut is the answer.
    fn judge(
        &mut self,
        structure: &MarketStructure,
        view: &View<'_>,
        (ix, bar): (InstrumentIx, &Ohlcv),
        intents: &mut Intents,
    ) -> Result<(), Gate> {
        if !structure.is_ready() {
            return Err(Step::WarmUp.failed(structure.bars() as f64, structure.warm_up() as f64));
        }
        let trend = self.breaks.trend();
        let now = view.now();
        // A hunt is over with its zone, with the trend, or when a candle closes beyond the sweep.
        let is_over = |hunt: &Hunt| {
            let sign = hunt.bias.sign();
            now >= hunt.until || trend != Some(hunt.bias) || sign * bar.close < sign * hunt.extreme
        };
        if self.hunt.as_ref().is_some_and(is_over) {
            self.hunt = None;
        }
        self.tend_orders(view, ix, intents)?;
        let trend = trend.ok_or(Step::Trend.shut())?;
        self.look_for_sweep(structure, trend, bar, now);
        let Some(mut hunt) = self.hunt else {
            let zones = structure.kill_zones().and(self.terms.zones);
            return Err(if zones.is_empty() { Step::Zone.shut() } else { Step::Sweep.shut() });
        };
        let turned = structure.broke().is_some_and(|it| it.kind == BreakKind::Choch && it.bias == hunt.bias);
        hunt.has_turned |= turned;
        self.hunt = Some(hunt);
        if !hunt.has_turned {
            return Err(Step::Turn.shut());
        }
        let impulse = structure.impulse().filter(|it| it.bias == hunt.bias).ok_or(Step::Turn.shut())?;
        if !impulse.is_displaced {
            return Err(Step::Displacement.shut());
        }
        let open = self.entry(structure, (view.instrument(ix), ix), bar.close, &hunt, &impulse)?;
        intents.open(open);
        self.hunt = Some(Hunt { is_ordered: true, ..hunt });
        Ok(())
    }

    /// While it holds or waits for something nothing new is begun; what waits without a living hunt is cancelled.
    #[inline]
    fn tend_orders(&mut self, view: &View<'_>, ix: InstrumentIx, intents: &mut Intents) -> Result<(), Gate> {
        let is_entry = |order: &LiveOrder| !order.reduce_only;
        let is_held = !view.position(ix).quantity.is_zero();
        let mut is_waiting = false;
        for order in view.orders(ix).filter(is_entry) {
            is_waiting = true;
            if self.hunt.is_none() && order.is_standing() {
                intents.cancel(ix, order.id);
            }
        }
        if is_held || is_waiting {
            return Err(Step::Free.shut());
        }
        // Filled and closed again, or refused: either way the idea was used.
        if self.hunt.is_some_and(|hunt| hunt.is_ordered) {
            self.hunt = None;
        }
        Ok(())
    }

    /// A sweep against the trend, on this candle and in a zone, begins a hunt or deepens the one under way.
    fn look_for_sweep(&mut self, structure: &MarketStructure, trend: Bias, bar: &Ohlcv, now: Timestamp) {
        let zones = structure.kill_zones().and(self.terms.zones);
        if zones.is_empty() {
            return;
        }
        let (side, sign) = (if trend == Bias::Bullish { Edge::Low } else { Edge::High }, trend.sign());
        let extremes = structure.events().iter().filter_map(|event| match event {
            Event::Taken(it) if it.fate == Fate::Swept && it.liquidity.edge() == side => {
                Some(sign * it.extreme)
            }
            _ => None,
        });
        let Some(extreme) = extremes.reduce(f64::min) else { return };
        let ends = zones.iter().filter_map(|zone| structure.zone_window(zone, bar.opened));
        let Some(until) = ends.map(|[_, end]| end).max().filter(|until| *until > now) else { return };
        let before = self.hunt.map_or(extreme, |hunt| sign * hunt.extreme);
        self.hunt = Some(Hunt {
            bias: trend,
            extreme: sign * extreme.min(before),
            until,
            has_turned: self.hunt.is_some_and(|hunt| hunt.has_turned),
            is_ordered: false,
        });
    }

    /// The entry, its stop and its target.
    fn entry(
        &self,
        structure: &MarketStructure,
        (instrument, ix): (&Instrument, InstrumentIx),
        close: f64,
        hunt: &Hunt,
        impulse: &Impulse,
    ) -> Result<OpenIntent, Gate> {
        let (bias, sign) = (hunt.bias, hunt.bias.sign());
        let price = meeting(structure, &impulse.ote()).ok_or(Step::Area.shut())?;
        if sign * close <= sign * price {
            return Err(Step::Side.failed(close, price));
        }
        let buffer = self.terms.stop_buffer * structure.displacement_atr().unwrap_or(0.0);
        let stop = sign * (sign * hunt.extreme).min(sign * impulse.start) - sign * buffer;
        let opposite = if bias == Bias::Bullish { Edge::High } else { Edge::Low };
        let pools = structure.untaken(opposite).map(|(_, level)| sign * level);
        let target = pools.filter(|level| *level > sign * close).reduce(f64::min).ok_or(Step::Pool.shut())?;
        let reward = (target - sign * price) / (sign * price - sign * stop);
        // A reward that is no number is none: the entry lies on the stop.
        if !(reward.is_finite() && reward >= self.terms.min_reward && reward > 0.0) {
            return Err(Step::Reward.failed(reward, self.terms.min_reward));
        }
        let rounding = if bias == Bias::Bullish { Rounding::Floor } else { Rounding::Ceil };
        let exact = |x: f64| instrument.price_near(x, rounding).map_err(|_| Step::Area.shut());
        let (entry, stop, target) = (exact(price)?, exact(stop)?, exact(sign * target)?);
        let (side, tag) = if bias == Bias::Bullish { (Side::Buy, Tag(0)) } else { (Side::Sell, Tag(1)) };
        Ok(OpenIntent {
            instrument: ix,
            side,
            entry: OrderKind::Limit { price: entry },
            quantity: None,
            stop_loss: Some(stop),
            take_profit: Some(target),
            plan: PlanIx::new(0).ok_or(Step::Area.shut())?,
            tag,
        })
    }

    pub(super) fn save(&self, state: &mut StateWriter) {
        if let Some(structure) = &self.structure {
            state.indicator(structure.as_ref());
        }
        if let Some(longer) = &self.longer {
            longer.save(state);
        }
        state.indicator(&self.legs);
        state.indicator(&self.breaks);
        state.indicator(&self.longer_bars);
        let hunt = self.hunt;
        state.int(hunt.map_or(0, |hunt| if hunt.bias == Bias::Bullish { 1 } else { -1 }));
        state.float(hunt.map_or(0.0, |hunt| hunt.extreme));
        state.int(hunt.map_or(0, |hunt| hunt.until.nanos()));
        state.int(hunt.map_or(0, |hunt| i64::from(hunt.has_turned) + 2 * i64::from(hunt.is_ordered)));
    }

    pub(super) fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        if let Some(structure) = &mut self.structure {
            state.indicator(structure.as_mut())?;
        }
        if let Some(longer) = &mut self.longer {
            longer.load(state)?;
        }
        state.indicator(&mut self.legs)?;
        state.indicator(&mut self.breaks)?;
        state.indicator(&mut self.longer_bars)?;
        let bias = match state.int()? {
            0 => None,
            1 => Some(Bias::Bullish),
            -1 => Some(Bias::Bearish),
            _ => return Err(StateError::Invalid("side of a setup")),
        };
        let (extreme, until, marks) = (state.float()?, state.int()?, state.int()?);
        if !(0..4).contains(&marks) {
            return Err(StateError::Invalid("stage of a setup"));
        }
        self.hunt = bias.map(|bias| Hunt {
            bias,
            extreme,
            until: Timestamp::from_nanos(until),
            has_turned: marks & 1 != 0,
            is_ordered: marks & 2 != 0,
        });
        self.gate = None;
        Ok(())
    }
}

/// Where the entry zone overlaps a gap or an order block of its side: the price of the first overlap on the way back, as
/// near to the sweet spot as it allows.
fn meeting(structure: &MarketStructure, ote: &Ote) -> Option<f64> {
    let gaps = structure.gaps().filter(|gap| gap.leans() == Some(ote.bias));
    let blocks = structure.order_blocks().iter();
    let blocks = blocks.filter(|it| it.bias == ote.bias && it.state == BlockState::Order);
    let areas = gaps.map(|it| [it.bottom, it.top]).chain(blocks.map(|it| [it.bottom, it.top]));
    let overlaps = areas
        .map(|[bottom, top]| [bottom.max(ote.bottom), top.min(ote.top)])
        .filter(|[bottom, top]| bottom <= top)
        .map(|[bottom, top]| ote.sweet.clamp(bottom, top));
    let sign = ote.bias.sign();
    overlaps.map(|price| sign * price).reduce(f64::max).map(|price| sign * price)
}
