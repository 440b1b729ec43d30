//! A venue with real rules, driven in decimal text: what the tests of margin share.
#![allow(dead_code, reason = "each test uses a part")]

use model::{
    BalanceChange, Bar, Candle, ClientOrderId, Exchange, FundingRate, Instrument, InstrumentIx,
    InstrumentKind, InstrumentSpec, Liquidation, MarginTier, NewOrder, OrderCommand, OrderKind, PositionSide,
    Side, Timeframe, VenueEvent,
};
use units::{Amount, Decimal, Price, Quantity, Rate, Span, Timestamp};
use venue::{Event, Holding, LimitFill, Slippage, Venue, VenueConfig};

pub(crate) const IX: InstrumentIx = InstrumentIx(0);
pub(crate) const PRICE_DECIMALS: u8 = 4;
pub(crate) const QUANTITY_DECIMALS: u8 = 4;

pub(crate) fn amount(text: &str) -> Amount {
    Amount::parse(text).unwrap()
}

pub(crate) fn rate(text: &str) -> Rate {
    Rate::parse(text).unwrap()
}

pub(crate) fn price(text: &str) -> Price {
    Price::parse(text, PRICE_DECIMALS).unwrap()
}

pub(crate) fn quantity(text: &str) -> Quantity {
    Quantity::parse(text, QUANTITY_DECIMALS).unwrap()
}

/// A tier: its limit, its maintenance rate, its highest leverage, its deduction.
pub(crate) fn tier(limit: &str, maintenance: &str, leverage: &str, deduction: &str) -> MarginTier {
    MarginTier {
        notional_limit: amount(limit),
        maintenance_rate: rate(maintenance),
        max_leverage: rate(leverage),
        deduction: amount(deduction),
    }
}

/// One tier for everything: 0.5 % at up to 125 times.
pub(crate) fn half_percent() -> Vec<MarginTier> {
    vec![tier("1000000000", "0.005", "125", "0")]
}

pub(crate) fn instrument(
    exchange: Exchange,
    symbol: &str,
    quote: &str,
    tiers: Vec<MarginTier>,
) -> Instrument {
    Instrument::new(InstrumentSpec {
        symbol: symbol.into(),
        exchange,
        kind: InstrumentKind::LinearPerpetual,
        base: "COIN".into(),
        quote: quote.into(),
        price_decimals: PRICE_DECIMALS,
        quantity_decimals: QUANTITY_DECIMALS,
        contract_size: Decimal { mantissa: 1, decimals: 0 },
        tick_size: Price::new(100),
        quantity_step: Quantity::new(10),
        min_quantity: Quantity::new(10),
        max_limit_quantity: Quantity::new(1_000_000_000),
        max_market_quantity: Quantity::new(1_000_000_000),
        min_notional: Amount::ZERO,
        margin_tiers: tiers,
        funding_interval: Span::from_seconds(8 * 3600),
        version: 1,
    })
    .unwrap()
}

/// A position of so much entered at this average price.
pub(crate) fn holding(instrument: &Instrument, side: Side, size: &str, entry: &str) -> Holding {
    let size = quantity(size);
    Holding { size, side, entry_value: instrument.notional(price(entry), size) }
}

/// A price rounded to cents, as the exchanges' pages show it.
pub(crate) fn cents(price: Option<Price>) -> String {
    let mantissa = price.unwrap().mantissa();
    Decimal { mantissa: i128::from((mantissa + 50).div_euclid(100)), decimals: 2 }.to_string()
}

pub(crate) struct Bench {
    pub(crate) venue: Venue,
    pub(crate) said: Vec<Event>,
    orders: u64,
    minutes: i64,
}

impl Bench {
    pub(crate) fn new(instruments: Vec<Instrument>, balance: &str, leverage: &str, taker: &str) -> Self {
        let config = VenueConfig {
            initial_balance: amount(balance),
            taker_fee: rate(taker),
            maker_fee: rate("0"),
            slippage: Slippage::NONE,
            limit_fill: LimitFill::Through,
            leverage: rate(leverage),
            ..VenueConfig::default()
        };
        Self { venue: Venue::new(instruments, config), said: Vec::new(), orders: 0, minutes: 0 }
    }

    /// A venue after one change of how it is set up.
    pub(crate) fn with(mut self, change: impl FnOnce(Venue) -> Venue) -> Self {
        self.venue = change(self.venue);
        self
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.minutes * 60).unwrap()
    }

    pub(crate) fn wait_minutes(&mut self, minutes: i64) {
        self.minutes += minutes;
    }

    /// One minute of one instrument.
    pub(crate) fn candle(&mut self, ix: InstrumentIx, prices: [&str; 4]) {
        let candle = self.bar(ix, prices);
        self.venue.on_candle(&candle, &mut self.said);
        self.minutes += 1;
    }

    /// The mark prices of the minute that follows.
    pub(crate) fn mark_candle(&mut self, ix: InstrumentIx, prices: [&str; 4]) {
        let candle = self.bar(ix, prices);
        self.venue.on_mark_candle(&candle);
    }

    fn bar(&self, instrument: InstrumentIx, prices: [&str; 4]) -> Candle {
        let [open, high, low, close] = prices.map(price);
        let bar = Bar { open_time: self.now(), open, high, low, close, volume: Quantity::ZERO };
        assert_eq!(bar.fault(), None);
        Candle { instrument, timeframe: Timeframe::MINUTE, bar }
    }

    /// A minute in which the price stands still.
    pub(crate) fn still(&mut self, ix: InstrumentIx, at: &str) {
        self.candle(ix, [at; 4]);
    }

    pub(crate) fn mark(&mut self, ix: InstrumentIx, mark: &str) {
        let now = self.now();
        self.venue.on_mark(now, ix, price(mark), &mut self.said);
    }

    pub(crate) fn order(&mut self, ix: InstrumentIx, side: Side, size: &str, kind: OrderKind) {
        self.orders += 1;
        let id = ClientOrderId::new(self.orders, 0);
        let order = NewOrder::new(id, ix, side, kind, quantity(size));
        self.command(OrderCommand::Place(order));
    }

    /// A market order that is filled at this price.
    pub(crate) fn trade(&mut self, ix: InstrumentIx, side: Side, size: &str, at: &str) {
        if self.venue.last(ix).is_none() {
            self.still(ix, at);
        }
        self.venue.mark(ix, price(at));
        self.order(ix, side, size, OrderKind::Market);
        self.still(ix, at);
    }

    pub(crate) fn command(&mut self, command: OrderCommand) {
        let now = self.now();
        self.venue.on_command(now, &command, &mut self.said);
    }

    pub(crate) fn fund(&mut self, ix: InstrumentIx, by: &str) {
        let (at, rate) = (self.now(), rate(by));
        let funding = FundingRate { instrument: ix, funding_time: at, rate };
        self.venue.on_funding(at, &funding, None, &mut self.said);
    }

    /// What was said since the last time.
    pub(crate) fn hear(&mut self) -> Vec<VenueEvent> {
        std::mem::take(&mut self.said).into_iter().map(|e| e.event).collect()
    }

    /// The liquidations among what was said since the last time.
    pub(crate) fn liquidations(&mut self) -> Vec<Liquidation> {
        let told = self.hear().into_iter();
        told.filter_map(|e| if let VenueEvent::Liquidated(l) = e { Some(l) } else { None }).collect()
    }

    /// The payments of funding among what was said since the last time.
    pub(crate) fn funded(&mut self) -> Vec<Amount> {
        let told = self.hear().into_iter();
        let of = |e| match e {
            VenueEvent::Balance(BalanceChange::Funding { amount, .. }) => Some(amount),
            _ => None,
        };
        told.filter_map(of).collect()
    }

    pub(crate) fn net(&self, ix: InstrumentIx) -> Holding {
        self.venue.account().holding(ix, PositionSide::Net)
    }
}
