//! One account: the venue that keeps its books, and everything about it that a venue does not remember and an exchange does.

mod amend;
mod commands;
mod events;
mod figures;
mod ledger;

use crate::choices::{Choices, Open};
use crate::exchange::Terms;
use crate::market::BAND;
use crate::settings::AccountSettings;
use ledger::Ledger;
use model::{
    FillCause, Instrument, InstrumentIx, LegId, Liquidation, MarginMode, PositionMode, PositionSide,
    Protection, Side, Trailing, TriggerBy,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use units::{Amount, Price, Prng, Quantity, Rate, Timestamp};
use venue::{Event, Fidelity, MarginRules, OrderRules, QueueRules, Venue, VenueConfig};
use wire::Secret;
use wire::bybit::server::{ClosedPnl, Execution, LogEntry, Order};

pub(crate) use commands::Placed;

/// What taking costs: 0.055 %.
pub(crate) const TAKER: Rate = Rate::from_units(550_000);
/// What making costs: 0.02 %.
pub(crate) const MAKER: Rate = Rate::from_units(200_000);
/// What it costs where that point is decided the other way: 0.01 %.
const OTHER_MAKER: Rate = Rate::from_units(100_000);

/// What a market looks like at a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Glance {
    pub(crate) last: Price,
    pub(crate) mark: Price,
    pub(crate) index: Price,
    pub(crate) sequence: u64,
}

/// What an account has to know of the world.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    /// The market's time.
    pub(crate) now: Timestamp,
    pub(crate) markets: &'a [Glance],
    pub(crate) instruments: &'a [Instrument],
}

impl Scene<'_> {
    pub(crate) fn glance(&self, ix: InstrumentIx) -> Glance {
        self.markets[ix.index()]
    }

    pub(crate) fn watched(&self, ix: InstrumentIx, by: TriggerBy) -> Price {
        let glance = self.glance(ix);
        match by {
            TriggerBy::Last => glance.last,
            TriggerBy::Mark => glance.mark,
            TriggerBy::Index => glance.index,
        }
    }
}

/// Who made an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Client,
    Leg(LegId),
    /// It guards a whole position.
    Guard(FillCause),
    /// The exchange, to liquidate.
    Forced,
}

/// An order with what is not told about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) ix: InstrumentIx,
    pub(crate) position_side: PositionSide,
    pub(crate) origin: Origin,
    pub(crate) order: Order,
}

/// What guards a whole position, and the orders that it is shown as.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Guarded {
    pub(crate) protection: Protection,
    pub(crate) trailing: Option<Trailing>,
    /// By stop, target, trailing stop.
    pub(crate) orders: [Option<u64>; 3],
    /// The one that fired and is closing the position.
    firing: Option<u64>,
}

/// Something to be told on the private streams.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Told {
    /// An order as it was at this moment.
    Order(InstrumentIx, Box<Order>),
    /// An execution, by its place.
    Execution(usize),
    Position(InstrumentIx, PositionSide),
    Wallet,
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rights {
    pub(crate) can_trade: bool,
    pub(crate) can_change_positions: bool,
    pub(crate) can_move_money: bool,
}

/// What takes from others: they have to hear of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Take {
    pub(crate) ix: InstrumentIx,
    pub(crate) side: Side,
    pub(crate) price: Price,
    pub(crate) quantity: Quantity,
}

/// Money that was moved between the trading and the funding account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transfer {
    pub(crate) id: String,
    /// Into the funding account, rather than out of it.
    pub(crate) is_out: bool,
    pub(crate) amount: Amount,
    pub(crate) at: Timestamp,
}

/// The quantity that rests, by instrument, side and price.
pub(crate) type Offers = BTreeMap<(InstrumentIx, Side, Price), Quantity>;

pub(crate) struct Account {
    pub(crate) key: String,
    pub(crate) secret: Secret,
    pub(crate) choices: Choices,
    pub(crate) uid: u64,
    pub(crate) rights: Rights,
    /// The addresses that the key is bound to; none for all.
    pub(crate) addresses: Vec<IpAddr>,
    /// How its orders fare.
    pub(crate) terms: Terms,
    /// The key answers with this code, by order of the admin.
    pub(crate) refused_with: Option<i64>,
    pub(crate) venue: Venue,
    orders: BTreeMap<u64, Kept>,
    open: BTreeSet<u64>,
    ids: BTreeMap<String, u64>,
    links: BTreeMap<String, u64>,
    legs: BTreeMap<LegId, u64>,
    guards: BTreeMap<(u32, usize), Guarded>,
    ledgers: BTreeMap<(u32, usize), Ledger>,
    pub(crate) executions: Vec<(InstrumentIx, Execution)>,
    /// How many of them were told.
    told_executions: usize,
    pub(crate) closed: Vec<(InstrumentIx, u64, ClosedPnl)>,
    pub(crate) log: Vec<LogEntry>,
    pub(crate) cash: Amount,
    pub(crate) hedged: BTreeSet<u32>,
    pub(crate) is_isolated: bool,
    /// Limit prices outside the band are moved to its edge, rather than refused.
    pub(crate) moves_prices: bool,
    auto_margin: BTreeSet<(u32, usize)>,
    pub(crate) dcp_seconds: Option<i64>,
    next_number: u64,
    random: Prng,
    out: Vec<Event>,
    pub(crate) told: Vec<Told>,
    /// Orders that changed and have not been told.
    changed: Vec<u64>,
    touched: BTreeSet<(u32, PositionSide)>,
    is_wallet_touched: bool,
    pub(crate) takes: Vec<Take>,
    pub(crate) liquidations: Vec<Liquidation>,
    /// What rests has changed.
    pub(crate) is_offer_changed: bool,
    pub(crate) offers: Offers,
    /// The venue's order in place of this one is another from now on.
    rebinding: Option<u64>,
    /// What the venue calls an order that was replaced there, by its number, and the other way round.
    counters: BTreeMap<u64, u64>,
    numbers: BTreeMap<u64, u64>,
    /// What of it was filled before that; the venue does not count it.
    filled_before: BTreeMap<u64, Quantity>,
    /// The order that is meeting the market, and the order of the same account that it would meet first.
    meeting: Option<(u64, Option<u64>)>,
    /// What lies in the funding account.
    pub(crate) fund: Amount,
    pub(crate) transfers: Vec<Transfer>,
    /// The liquidation whose fill comes next.
    forced: Option<Liquidation>,
}

impl Account {
    pub(crate) fn new(
        settings: &AccountSettings,
        uid: u64,
        instruments: &[Instrument],
        random: Prng,
        choices: Choices,
    ) -> Self {
        let maker = if choices.is_flipped(Open::MakerFee) { OTHER_MAKER } else { MAKER };
        let is_at_entry = choices.is_flipped(Open::IsolatedLiquidation);
        let margin = if is_at_entry { MarginRules::BybitAtEntry } else { MarginRules::Bybit };
        let rules = OrderRules {
            price_band: Some(BAND),
            market_band: Some(BAND),
            margin_mode: MarginMode::Cross,
            position_mode: PositionMode::OneWay,
            ..OrderRules::BYBIT
        };
        let config = VenueConfig {
            initial_balance: settings.balance,
            taker_fee: TAKER,
            maker_fee: maker,
            leverage: Rate::from_units(10 * Rate::ONE.units()),
            fidelity: Fidelity::Level2(QueueRules::default()),
            rules,
            ..VenueConfig::default()
        };
        Self {
            key: settings.key.clone(),
            secret: settings.secret.clone(),
            choices,
            uid,
            rights: Rights { can_trade: true, can_change_positions: true, can_move_money: true },
            addresses: Vec::new(),
            terms: Terms { maker, ..Terms::default() },
            refused_with: None,
            venue: Venue::new(instruments.to_vec(), config).with_margin_rules(margin),
            orders: BTreeMap::new(),
            open: BTreeSet::new(),
            ids: BTreeMap::new(),
            links: BTreeMap::new(),
            legs: BTreeMap::new(),
            guards: BTreeMap::new(),
            ledgers: BTreeMap::new(),
            executions: Vec::new(),
            told_executions: 0,
            closed: Vec::new(),
            log: Vec::new(),
            cash: settings.balance,
            hedged: BTreeSet::new(),
            is_isolated: false,
            moves_prices: true,
            auto_margin: BTreeSet::new(),
            dcp_seconds: None,
            next_number: 1,
            random,
            out: Vec::new(),
            told: Vec::new(),
            changed: Vec::new(),
            touched: BTreeSet::new(),
            is_wallet_touched: false,
            takes: Vec::new(),
            liquidations: Vec::new(),
            is_offer_changed: false,
            offers: BTreeMap::new(),
            rebinding: None,
            counters: BTreeMap::new(),
            numbers: BTreeMap::new(),
            filled_before: BTreeMap::new(),
            meeting: None,
            fund: Amount::ZERO,
            transfers: Vec::new(),
            forced: None,
        }
    }

    /// Whether the key may be used from there. What did not come over a network is nowhere else.
    pub(crate) fn is_open_to(&self, peer: Option<IpAddr>) -> bool {
        self.addresses.is_empty() || peer.is_none_or(|peer| self.addresses.contains(&peer))
    }

    /// Its orders fare otherwise from now on.
    pub(crate) fn set_terms(&mut self, terms: Terms) {
        self.terms = terms;
        self.venue.set_fees(terms.maker, terms.taker);
    }

    /// Every order, newest first, by number.
    pub(crate) fn orders(&self) -> impl Iterator<Item = (u64, &Kept)> {
        self.orders.iter().rev().map(|(number, kept)| (*number, kept))
    }

    /// Every order that lives, newest first.
    pub(crate) fn open_orders(&self) -> impl Iterator<Item = (u64, &Kept)> {
        self.open.iter().rev().filter_map(|number| self.orders.get(number).map(|kept| (*number, kept)))
    }

    pub(crate) fn guarded(&self, ix: InstrumentIx, side: PositionSide) -> Guarded {
        self.guards.get(&(ix.0, side.index())).copied().unwrap_or_default()
    }

    pub(crate) fn is_hedged(&self, ix: InstrumentIx) -> bool {
        self.hedged.contains(&ix.0)
    }

    /// The positions that an instrument has in its mode.
    pub(crate) fn sides(&self, ix: InstrumentIx) -> &'static [PositionSide] {
        if self.is_hedged(ix) { &[PositionSide::Long, PositionSide::Short] } else { &[PositionSide::Net] }
    }

    /// A made-up id that looks like a UUID.
    pub(crate) fn uuid(&mut self) -> String {
        let (a, b) = (self.random.next_u64(), self.random.next_u64());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            0x8000 | (b >> 48 & 0x3fff),
            b & 0xffff_ffff_ffff
        )
    }

    /// What rests now, of all instruments.
    pub(crate) fn resting(&self) -> Offers {
        let mut offers = Offers::new();
        for (_, kept) in self.open_orders() {
            let order = &kept.order;
            let is_live = matches!(
                order.status,
                wire::bybit::server::Status::New | wire::bybit::server::Status::PartiallyFilled
            );
            let Some(price) = order.price.filter(|_| is_live && !order.is_market) else { continue };
            let held = offers.entry((kept.ix, order.side, price)).or_insert(Quantity::ZERO);
            *held += order.leaves();
        }
        offers
    }
}
