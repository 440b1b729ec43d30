//! The full state of an engine as bytes, and back. Versioned; configuration is not part of it but its shape is checked.

use crate::engine::{Engine, Setup, StrategySetup};
use crate::host::Standing;
use crate::orders::Order;
use crate::targets::{Opinion, Quota};
use model::{
    CancelReason, ClientOrderId, Direction, InstrumentIx, NewOrder, OrderKind, OrderState, PlanIx,
    PositionSide, Protection, ProtectionMode, SelfTradePrevention, Seq, Side, Signal, Tag, TimeInForce,
    TriggerBy,
};
use std::fmt;
use strategy::{Position, StateError, StateReader, StateWriter};
use units::{Amount, DigestWriter, Price, Quantity, Rate, Timestamp};

/// The format of the bytes. A change of layout is a new number and a migration.
const VERSION: i64 = 5;

/// The state of an engine after some input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    bytes: Vec<u8>,
}

/// Why a snapshot cannot be restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapshotError {
    /// The bytes are of another version.
    Version(i64),
    /// The bytes were taken of an engine with other instruments or strategies.
    Shape(&'static str),
    /// The bytes are damaged.
    State(StateError),
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(found) => {
                write!(f, "snapshot version {found}; this program reads version {VERSION}")
            }
            Self::Shape(what) => write!(f, "the snapshot was taken with other {what}"),
            Self::State(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for SnapshotError {}

impl From<StateError> for SnapshotError {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl Snapshot {
    /// The bytes, to be written down.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// From bytes that were written down; checked when they are restored.
    #[must_use]
    pub const fn from_bytes(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }
}

impl Engine {
    /// The full state, between two steps.
    ///
    /// # Panics
    /// When a strategy was let look ahead ([`crate::Runs::scout`]) and time has not caught up: what it remembers would then
    /// hold the future.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        assert!(!self.is_ahead(), "a snapshot holds nothing of the future");
        let mut w = StateWriter::default();
        w.int(VERSION);
        w.int(self.instruments.len() as i64);
        w.int(self.host.hosted.len() as i64);
        w.int(self.now.nanos());
        w.int(self.seq.0 as i64);
        w.int(i64::from(self.is_paused));
        self.save_changes(&mut w);
        self.digest.save(|word| w.int(word as i64));
        self.save_books(&mut w);
        self.save_orders(&mut w);
        self.save_desks(&mut w);
        self.save_markets(&mut w);
        self.bank.save(&mut w);
        w.blob(&self.save_risk());
        self.timers.list.iter().for_each(|timer| w.int(timer.due.nanos()));
        self.levels.save(&mut w);
        self.save_guard(&mut w);
        self.save_warming(&mut w);
        for hosted in &self.host.hosted {
            w.int(standing_code(hosted.standing));
            let mut state = StateWriter::default();
            // What a panic left behind is not worth keeping.
            if hosted.standing != Standing::Faulted {
                hosted.strategy.save(&mut state);
            }
            w.blob(&state.into_bytes());
        }
        self.save_elders(&mut w);
        Snapshot { bytes: sealed(w.into_bytes()) }
    }

    /// An engine in the state of `snapshot`, built from the same setup and strategies as the one it was taken of.
    ///
    /// # Errors
    /// [`SnapshotError`] when the bytes are of another version, another shape, or damaged.
    pub fn restore(
        setup: Setup,
        strategies: Vec<StrategySetup>,
        snapshot: &Snapshot,
    ) -> Result<Self, SnapshotError> {
        let mut engine = Self::new(setup, strategies);
        let mut r = StateReader::new(unsealed(&snapshot.bytes)?);
        let version = r.int()?;
        if version != VERSION {
            return Err(SnapshotError::Version(version));
        }
        if r.int()? != engine.instruments.len() as i64 {
            return Err(SnapshotError::Shape("instruments"));
        }
        if r.int()? != engine.host.hosted.len() as i64 {
            return Err(SnapshotError::Shape("strategies"));
        }
        engine.now = Timestamp::from_nanos(r.int()?);
        engine.seq = Seq(r.int()? as u64);
        engine.is_paused = r.int()? != 0;
        engine.load_changes(&mut r)?;
        engine.digest = DigestWriter::load(|| r.int().map(|word| word as u64))?;
        engine.load_books(&mut r)?;
        engine.load_orders(&mut r)?;
        engine.load_desks(&mut r)?;
        engine.load_markets(&mut r)?;
        engine.bank.load(&mut r)?;
        let mut risk = StateReader::new(r.blob()?);
        engine.load_risk(&mut risk)?;
        risk.finish()?;
        engine.orders.note_restored();
        for timer in &mut engine.timers.list {
            timer.due = Timestamp::from_nanos(r.int()?);
        }
        engine.levels.load(&mut r)?;
        engine.load_guard(&mut r)?;
        engine.load_warming(&mut r)?;
        for hosted in &mut engine.host.hosted {
            hosted.standing = standing_of(r.int()?)?;
            let mut state = StateReader::new(r.blob()?);
            if hosted.standing != Standing::Faulted {
                hosted.strategy.load(&mut state)?;
                state.finish()?;
            }
        }
        engine.load_elders(&mut r)?;
        r.finish()?;
        Ok(engine)
    }

    fn save_books(&self, w: &mut StateWriter) {
        let t = self.ledger.totals;
        for amount in [t.deposits, t.realised, t.fees, t.funding, self.ledger.reserved] {
            w.wide(amount.units());
        }
        for position in &self.ledger.positions {
            w.int(position.quantity.mantissa());
            w.wide(position.cost.units());
        }
        self.protections.iter().for_each(|p| save_protection(w, p));
        self.attribution.save(w);
    }

    fn load_books(&mut self, r: &mut StateReader<'_>) -> Result<(), StateError> {
        let t = &mut self.ledger.totals;
        for amount in
            [&mut t.deposits, &mut t.realised, &mut t.fees, &mut t.funding, &mut self.ledger.reserved]
        {
            *amount = Amount::from_units(r.wide()?);
        }
        for position in &mut self.ledger.positions {
            *position = Position { quantity: Quantity::new(r.int()?), cost: Amount::from_units(r.wide()?) };
        }
        self.ledger.note_restored(&self.instruments);
        self.protections.iter_mut().try_for_each(|p| load_protection(r).map(|loaded| *p = loaded))?;
        self.attribution.load(r, &self.ledger)
    }

    fn save_orders(&self, w: &mut StateWriter) {
        w.int(self.orders.counter as i64);
        w.int(self.orders.live.len() as i64);
        for o in &self.orders.live {
            save_order(w, o);
        }
    }

    fn load_orders(&mut self, r: &mut StateReader<'_>) -> Result<(), StateError> {
        self.orders.counter = r.int()? as u64;
        let count = r.int()?;
        self.orders.live.clear();
        for _ in 0..count {
            let order = load_order(r)?;
            if order.order.instrument.index() >= self.instruments.len() {
                return Err(StateError::Invalid("instrument"));
            }
            self.orders.live.push(order);
        }
        Ok(())
    }

    /// What risk remembers, and what orders may become by amendments on their way.
    fn save_risk(&self) -> Vec<u8> {
        let mut w = StateWriter::default();
        self.watch.save(&mut w);
        for o in &self.orders.live {
            w.int(o.ceiling.mantissa());
            w.int(o.amendments.into());
            w.int(i64::from(o.is_own));
        }
        w.into_bytes()
    }

    fn load_risk(&mut self, r: &mut StateReader<'_>) -> Result<(), StateError> {
        self.watch.load(r, self.ledger.positions.iter().map(|p| p.quantity))?;
        for o in &mut self.orders.live {
            o.ceiling = Quantity::new(r.int()?);
            o.amendments =
                u32::try_from(r.int()?).map_err(|_| StateError::Invalid("number of amendments"))?;
            o.is_own = r.int()? != 0;
        }
        Ok(())
    }

    fn save_desks(&self, w: &mut StateWriter) {
        for desk in &self.targets.desks {
            w.int(i64::from(desk.is_dirty));
            w.int(desk.pursued.unwrap_or(i64::MIN));
            w.int(desk.owner.map_or(-1, i64::from));
            w.int(desk.sought.map_or(-1, |id| id.bits() as i64));
            w.int(i64::from(desk.is_shut));
            w.int(desk.quotas.len() as i64);
            for quota in &desk.quotas {
                w.int(quota.strategy.into());
                w.int(quota.quantity.mantissa());
            }
            w.int(desk.opinions.len() as i64);
            for o in &desk.opinions {
                w.int(o.strategy.into());
                w.int(o.weight.units());
                w.int(i64::from(o.counts));
                w.int(o.since.0 as i64);
                w.int(i64::from(o.is_spent));
                w.int(i64::from(o.signal.is_some()));
                if let Some(s) = &o.signal {
                    save_signal(w, s);
                }
            }
        }
    }

    fn load_desks(&mut self, r: &mut StateReader<'_>) -> Result<(), StateError> {
        for (i, desk) in (0u32..).zip(&mut self.targets.desks) {
            desk.is_dirty = r.int()? != 0;
            desk.pursued = Some(r.int()?).filter(|s| *s != i64::MIN);
            desk.owner = match r.int()? {
                -1 => None,
                owner => Some(u16::try_from(owner).map_err(|_| StateError::Invalid("strategy"))?),
            };
            desk.sought = Some(r.int()?).filter(|id| *id != -1).map(|id| ClientOrderId::from_bits(id as u64));
            desk.is_shut = r.int()? != 0;
            desk.quotas.clear();
            for _ in 0..r.int()? {
                let strategy = small(r, "strategy")?;
                desk.quotas.push(Quota { strategy, quantity: Quantity::new(r.int()?) });
            }
            let count = r.int()?;
            desk.opinions.clear();
            for _ in 0..count {
                let strategy = small(r, "strategy")?;
                let weight = Rate::from_units(r.int()?);
                let counts = r.int()? != 0;
                let (since, is_spent) = (Seq(r.int()? as u64), r.int()? != 0);
                let signal = if r.int()? == 0 { None } else { Some(load_signal(r, InstrumentIx(i))?) };
                desk.opinions.push(Opinion { strategy, weight, signal, counts, since, is_spent });
            }
        }
        Ok(())
    }

    fn save_markets(&self, w: &mut StateWriter) {
        for market in &self.markets {
            save_price(w, market.last);
            save_price(w, market.mark);
        }
        for history in self.histories.all() {
            w.int(history.len() as i64);
            for bar in history.iter() {
                w.int(bar.open_time.nanos());
                for price in [bar.open, bar.high, bar.low, bar.close] {
                    w.int(price.mantissa());
                }
                w.int(bar.volume.mantissa());
            }
        }
    }

    /// Quotes are not kept: a stale quote is worse than none, and the next one comes soon.
    fn load_markets(&mut self, r: &mut StateReader<'_>) -> Result<(), StateError> {
        for market in &mut self.markets {
            market.last = load_price(r)?;
            market.mark = load_price(r)?;
        }
        for history in self.histories.all_mut() {
            for _ in 0..r.int()? {
                let open_time = Timestamp::from_nanos(r.int()?);
                let mut price = || r.int().map(Price::new);
                let (open, high, low, close) = (price()?, price()?, price()?, price()?);
                let volume = Quantity::new(r.int()?);
                history.push(model::Bar { open_time, open, high, low, close, volume });
            }
        }
        Ok(())
    }
}

/// With a checksum at the end: what was damaged on a disk must not be taken for money.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let seal = checksum(&bytes);
    bytes.extend_from_slice(&seal);
    bytes
}

/// The bytes before the checksum, which must fit.
fn unsealed(bytes: &[u8]) -> Result<&[u8], StateError> {
    let (body, seal) = bytes.split_last_chunk::<16>().ok_or(StateError::TooShort)?;
    if checksum(body) == *seal { Ok(body) } else { Err(StateError::Invalid("checksum")) }
}

fn checksum(bytes: &[u8]) -> [u8; 16] {
    let mut digest = DigestWriter::new();
    digest.word(bytes.len() as u64);
    for chunk in bytes.chunks(8) {
        let mut word = [0u8; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        digest.word(u64::from_le_bytes(word));
    }
    digest.finish().bits().to_le_bytes()
}

pub(crate) fn save_signal(w: &mut StateWriter, s: &Signal) {
    w.int(s.direction.sign());
    w.int(s.confidence.units());
    save_protection(w, &Protection::new(s.stop_loss, s.take_profit));
    w.int(s.tag.0.into());
    w.int(s.plan.map_or(-1, |plan| plan.index() as i64));
}

fn save_order(w: &mut StateWriter, o: &Order) {
    let order = &o.order;
    w.int(order.id.bits() as i64);
    w.int(order.instrument.0.into());
    w.int(i64::from(order.side == Side::Sell));
    w.int(order.position_side.index() as i64);
    let (code, by) = match order.kind {
        OrderKind::Market => (0, TriggerBy::Last),
        OrderKind::Limit { .. } => (1, TriggerBy::Last),
        OrderKind::StopMarket { by, .. } => (2, by),
        OrderKind::StopLimit { by, .. } => (3, by),
        OrderKind::TakeProfitMarket { by, .. } => (4, by),
        OrderKind::TakeProfitLimit { by, .. } => (5, by),
        OrderKind::TrailingStop { by, .. } => (6, by),
    };
    w.int(code);
    w.int(by as i64);
    let (trigger, limit) = match order.kind {
        OrderKind::TrailingStop { distance, activation, .. } => (Some(distance), activation),
        kind => (kind.trigger(), kind.limit()),
    };
    save_price(w, trigger);
    save_price(w, limit);
    w.int(order.quantity.mantissa());
    w.int(order.time_in_force as i64);
    w.int(i64::from(order.reduce_only));
    w.int(i64::from(order.close_on_trigger));
    w.int(order.self_trade as i64);
    save_protection(w, &order.protection);
    save_protection_mode(w, order.protection_mode);
    w.int(state_code(o.state));
    w.int(o.sent_at.nanos());
    w.int(o.filled.mantissa());
    w.wide(o.reserved.units());
    w.int(o.tag.0.into());
}

fn load_order(r: &mut StateReader<'_>) -> Result<Order, StateError> {
    let id = ClientOrderId::from_bits(r.int()? as u64);
    let instrument = InstrumentIx(u32::try_from(r.int()?).map_err(|_| StateError::Invalid("instrument"))?);
    let side = if r.int()? == 0 { Side::Buy } else { Side::Sell };
    let position_side = *usize::try_from(r.int()?)
        .ok()
        .and_then(|i| PositionSide::ALL.get(i))
        .ok_or(StateError::Invalid("position side"))?;
    let (code, by) = (r.int()?, r.int()?);
    let by = trigger_by(by)?;
    let (trigger, limit) = (load_price(r)?, load_price(r)?);
    let kind = match (code, trigger, limit) {
        (0, None, None) => OrderKind::Market,
        (1, None, Some(price)) => OrderKind::Limit { price },
        (2, Some(trigger), None) => OrderKind::StopMarket { trigger, by },
        (3, Some(trigger), Some(price)) => OrderKind::StopLimit { trigger, by, price },
        (4, Some(trigger), None) => OrderKind::TakeProfitMarket { trigger, by },
        (5, Some(trigger), Some(price)) => OrderKind::TakeProfitLimit { trigger, by, price },
        (6, Some(distance), activation) => OrderKind::TrailingStop { distance, activation, by },
        _ => return Err(StateError::Invalid("order kind")),
    };
    let quantity = Quantity::new(r.int()?);
    let time_in_force = match r.int()? {
        0 => TimeInForce::GoodTillCancel,
        1 => TimeInForce::ImmediateOrCancel,
        2 => TimeInForce::FillOrKill,
        3 => TimeInForce::PostOnly,
        _ => return Err(StateError::Invalid("time in force")),
    };
    let (reduce_only, close_on_trigger) = (r.int()? != 0, r.int()? != 0);
    let self_trade = match r.int()? {
        0 => SelfTradePrevention::None,
        1 => SelfTradePrevention::CancelMaker,
        2 => SelfTradePrevention::CancelTaker,
        3 => SelfTradePrevention::CancelBoth,
        _ => return Err(StateError::Invalid("self-trade prevention")),
    };
    let (protection, protection_mode) = (load_protection(r)?, load_protection_mode(r)?);
    let order = NewOrder {
        position_side,
        time_in_force,
        reduce_only,
        close_on_trigger,
        self_trade,
        protection,
        protection_mode,
        ..NewOrder::new(id, instrument, side, kind, quantity)
    };
    let state = state_of(r.int()?)?;
    let sent_at = Timestamp::from_nanos(r.int()?);
    let filled = Quantity::new(r.int()?);
    let reserved = Amount::from_units(r.wide()?);
    let tag = Tag(small(r, "tag")?);
    Ok(Order {
        order,
        state,
        sent_at,
        filled,
        reserved,
        tag,
        ceiling: quantity,
        amendments: 0,
        is_own: false,
    })
}

/// Live orders are in one of four states; settled ones are not kept.
const fn state_code(state: OrderState) -> i64 {
    match state {
        OrderState::Submitting => 0,
        OrderState::Open => 1,
        OrderState::Cancelling => 2,
        OrderState::Unknown | OrderState::Filled | OrderState::Cancelled(CancelReason::Requested) => 3,
        OrderState::Cancelled(_) | OrderState::Rejected(_) => 3,
    }
}

const fn state_of(code: i64) -> Result<OrderState, StateError> {
    match code {
        0 => Ok(OrderState::Submitting),
        1 => Ok(OrderState::Open),
        2 => Ok(OrderState::Cancelling),
        3 => Ok(OrderState::Unknown),
        _ => Err(StateError::Invalid("order state")),
    }
}

const fn standing_code(standing: Standing) -> i64 {
    match standing {
        Standing::Running => 0,
        Standing::Stopped => 1,
        Standing::Faulted => 2,
    }
}

const fn standing_of(code: i64) -> Result<Standing, StateError> {
    match code {
        0 => Ok(Standing::Running),
        1 => Ok(Standing::Stopped),
        2 => Ok(Standing::Faulted),
        _ => Err(StateError::Invalid("standing of a strategy")),
    }
}

pub(crate) fn load_signal(r: &mut StateReader<'_>, instrument: InstrumentIx) -> Result<Signal, StateError> {
    let sign = r.int()?;
    if !(-1..=1).contains(&sign) {
        return Err(StateError::Invalid("direction"));
    }
    let confidence = Rate::from_units(r.int()?);
    let Protection { stop_loss, take_profit, .. } = load_protection(r)?;
    let tag = Tag(small(r, "tag")?);
    let plan = match r.int()? {
        -1 => None,
        index => Some(u8::try_from(index).ok().and_then(PlanIx::new).ok_or(StateError::Invalid("plan"))?),
    };
    Ok(Signal { instrument, direction: Direction::of(sign), confidence, stop_loss, take_profit, tag, plan })
}

fn small(r: &mut StateReader<'_>, what: &'static str) -> Result<u16, StateError> {
    u16::try_from(r.int()?).map_err(|_| StateError::Invalid(what))
}

/// Prices are above zero, so zero stands for none.
fn save_price(w: &mut StateWriter, price: Option<Price>) {
    w.int(price.map_or(0, Price::mantissa));
}

fn load_price(r: &mut StateReader<'_>) -> Result<Option<Price>, StateError> {
    r.int().map(|mantissa| Some(Price::new(mantissa)).filter(|p| !p.is_zero()))
}

fn save_protection(w: &mut StateWriter, protection: &Protection) {
    save_price(w, protection.stop_loss);
    save_price(w, protection.take_profit);
    w.int(protection.stop_by as i64);
    w.int(protection.target_by as i64);
}

fn load_protection(r: &mut StateReader<'_>) -> Result<Protection, StateError> {
    let (stop_loss, take_profit) = (load_price(r)?, load_price(r)?);
    let (stop_by, target_by) = (trigger_by(r.int()?)?, trigger_by(r.int()?)?);
    Ok(Protection { stop_loss, take_profit, stop_by, target_by })
}

fn save_protection_mode(w: &mut StateWriter, mode: ProtectionMode) {
    match mode {
        ProtectionMode::Full => w.int(0),
        ProtectionMode::Partial { stop_limit, target_limit } => {
            w.int(1);
            save_price(w, stop_limit);
            save_price(w, target_limit);
        }
    }
}

fn load_protection_mode(r: &mut StateReader<'_>) -> Result<ProtectionMode, StateError> {
    match r.int()? {
        0 => Ok(ProtectionMode::Full),
        1 => {
            let (stop_limit, target_limit) = (load_price(r)?, load_price(r)?);
            Ok(ProtectionMode::Partial { stop_limit, target_limit })
        }
        _ => Err(StateError::Invalid("protection mode")),
    }
}

const fn trigger_by(code: i64) -> Result<TriggerBy, StateError> {
    match code {
        0 => Ok(TriggerBy::Last),
        1 => Ok(TriggerBy::Mark),
        2 => Ok(TriggerBy::Index),
        _ => Err(StateError::Invalid("trigger")),
    }
}
