//! A scenario as one line of text, and what the venue says about it as text.
//!
//! ```text
//! candle OPEN HIGH LOW CLOSE                        one minute; the first opens at 00:00
//! buy|sell KIND QUANTITY [OPTION ...]               the ids are 1, 2, 3, ... unless an option names one
//!   KIND    market | limit P | stop T | stop-limit T P | take T | take-limit T P
//!   OPTION  sl P | tp P | reduce | ioc | fok | post | id N | hedge | other (an instrument that is not there)
//! cancel ID | cancel-all | query ID
//! amend ID [price P] [trigger T] [quantity Q]
//! protect [sl P] [tp P]
//! funding RATE [mark P]
//! balance X | leverage X | fees TAKER MAKER | ticks N | slip RATE | touch     terms of the account, before anything else
//! ```
//!
//! Steps are separated by `|`. The instrument has a tick of 0.1, a step of 0.001, orders of 0.002 to 500 (market) or 1000
//! (limit), a minimum value of 5, and leverage up to 100 for positions up to 100 000, 50 beyond.

use model::{
    Amendment, Bar, CancelScope, Candle, ClientOrderId, Exchange, FillCause, FundingRate, Instrument,
    InstrumentIx, InstrumentKind, InstrumentSpec, Liquidity, MarginTier, NewOrder, OrderCommand, OrderKind,
    PositionSide, Protection, Side, TimeInForce, Timeframe, TriggerBy, VenueEvent,
};
use std::fmt::Write as _;
use std::str::SplitWhitespace;
use units::{Amount, Decimal, Price, Quantity, Rate, Span, Timestamp};
use venue::{Event, LimitFill, Slippage, Venue, VenueConfig};

const IX: InstrumentIx = InstrumentIx(0);

pub(crate) fn instrument() -> Instrument {
    let tier = |limit: &str, leverage: &str| MarginTier {
        notional_limit: Amount::parse(limit).unwrap(),
        maintenance_rate: Rate::parse("0.005").unwrap(),
        max_leverage: Rate::parse(leverage).unwrap(),
        deduction: Amount::ZERO,
    };
    Instrument::new(InstrumentSpec {
        symbol: "TESTUSDT".into(),
        exchange: Exchange::Synthetic,
        kind: InstrumentKind::LinearPerpetual,
        base: "TEST".into(),
        quote: "USDT".into(),
        price_decimals: 2,
        quantity_decimals: 4,
        contract_size: Decimal { mantissa: 1, decimals: 0 },
        tick_size: Price::new(10),
        quantity_step: Quantity::new(10),
        min_quantity: Quantity::new(20),
        max_limit_quantity: Quantity::new(10_000_000),
        max_market_quantity: Quantity::new(5_000_000),
        min_notional: Amount::parse("5").unwrap(),
        margin_tiers: vec![tier("100000", "100"), tier("100000000", "50")],
        funding_interval: Span::from_seconds(8 * 3600),
        version: 1,
    })
    .unwrap()
}

pub(crate) fn terms() -> VenueConfig {
    VenueConfig {
        initial_balance: Amount::parse("1000000").unwrap(),
        taker_fee: Rate::ZERO,
        maker_fee: Rate::ZERO,
        slippage: Slippage::NONE,
        limit_fill: LimitFill::Through,
        leverage: Rate::ONE,
    }
}

pub(crate) fn price(text: &str) -> Price {
    Price::parse(text, 2).unwrap()
}

fn quantity(text: &str) -> Quantity {
    Quantity::parse(text, 4).unwrap()
}

/// Plays a scenario and returns what the venue said, one line an event, and the account at the end.
pub(crate) fn play(text: &str) -> String {
    let mut world = World {
        config: terms(),
        venue: None,
        candles: 0,
        next_id: 1,
        events: Vec::new(),
        said: String::new(),
    };
    for step in text.split('|') {
        let mut words = step.split_whitespace();
        let Some(verb) = words.next() else { continue };
        world.step(verb, &mut words);
        assert_eq!(words.next(), None, "left over in {step:?}");
        world.hear(verb);
    }
    world.finish()
}

struct World {
    config: VenueConfig,
    venue: Option<Venue>,
    candles: i64,
    next_id: u64,
    events: Vec<Event>,
    said: String,
}

impl World {
    fn step(&mut self, verb: &str, words: &mut SplitWhitespace<'_>) {
        let mut word = || words.next().unwrap_or_else(|| panic!("{verb} needs more words"));
        match verb {
            "balance" => self.config.initial_balance = Amount::parse(word()).unwrap(),
            "leverage" => self.config.leverage = Rate::parse(word()).unwrap(),
            "ticks" => self.config.slippage = Slippage::Ticks(word().parse().unwrap()),
            "slip" => self.config.slippage = Slippage::Fraction(Rate::parse(word()).unwrap()),
            "touch" => self.config.limit_fill = LimitFill::Touch,
            "fees" => {
                self.config.taker_fee = Rate::parse(word()).unwrap();
                self.config.maker_fee = Rate::parse(word()).unwrap();
            }
            _ => self.act(verb, words),
        }
    }

    fn act(&mut self, verb: &str, words: &mut SplitWhitespace<'_>) {
        let now = self.now();
        let mut events = std::mem::take(&mut self.events);
        let id = |word: Option<&str>| ClientOrderId::new(word.unwrap().parse().unwrap(), 0);
        match verb {
            "candle" => {
                let mut next = || price(words.next().unwrap());
                let (open, high, low, close) = (next(), next(), next(), next());
                let bar = Bar { open_time: now, open, high, low, close, volume: Quantity::ZERO };
                assert_eq!(bar.fault(), None, "candle {}", self.candles + 1);
                let candle = Candle { instrument: IX, timeframe: Timeframe::MINUTE, bar };
                self.venue().on_candle(&candle, &mut events);
                self.candles += 1;
            }
            "funding" => {
                let rate = Rate::parse(words.next().unwrap()).unwrap();
                let mark = words.next().map(|_| price(words.next().unwrap()));
                let funding = FundingRate { instrument: IX, funding_time: now, rate };
                self.venue().on_funding(now, &funding, mark, &mut events);
            }
            "cancel" => {
                let command = OrderCommand::Cancel { id: id(words.next()), instrument: IX };
                self.venue().on_command(now, &command, &mut events);
            }
            "cancel-all" => {
                self.venue().on_command(
                    now,
                    &OrderCommand::CancelAll { instrument: None, scope: CancelScope::Orders },
                    &mut events,
                );
            }
            "query" => {
                let command = OrderCommand::Query { id: id(words.next()), instrument: IX, sent_at: now };
                self.venue().on_command(now, &command, &mut events);
            }
            "protect" => {
                let protection = guards(words);
                let side = PositionSide::Net;
                let command =
                    OrderCommand::Protect { instrument: IX, position_side: side, protection, trailing: None };
                self.venue().on_command(now, &command, &mut events);
            }
            "amend" => {
                let id = id(words.next());
                let amendment = amendment(words);
                self.venue().on_command(
                    now,
                    &OrderCommand::Amend { id, instrument: IX, amendment },
                    &mut events,
                );
            }
            "buy" | "sell" => {
                let side = if verb == "buy" { Side::Buy } else { Side::Sell };
                let order = self.order(side, words);
                self.next_id = self.next_id.max(order.id.counter() + 1);
                self.venue().on_command(now, &OrderCommand::Place(order), &mut events);
            }
            other => panic!("unknown step {other:?}"),
        }
        self.events = events;
    }

    fn order(&self, side: Side, words: &mut SplitWhitespace<'_>) -> NewOrder {
        let kind = kind(words);
        let quantity = quantity(words.next().unwrap());
        let mut order = NewOrder::new(ClientOrderId::new(self.next_id, 0), IX, side, kind, quantity);
        while let Some(option) = words.next() {
            match option {
                "reduce" => order.reduce_only = true,
                "ioc" => order.time_in_force = TimeInForce::ImmediateOrCancel,
                "fok" => order.time_in_force = TimeInForce::FillOrKill,
                "post" => order.time_in_force = TimeInForce::PostOnly,
                "hedge" => order.position_side = PositionSide::Long,
                "other" => order.instrument = InstrumentIx(7),
                "id" => order.id = ClientOrderId::new(words.next().unwrap().parse().unwrap(), 0),
                "sl" => order.protection.stop_loss = words.next().map(price),
                "tp" => order.protection.take_profit = words.next().map(price),
                other => panic!("unknown option {other:?}"),
            }
        }
        order
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.candles * 60).unwrap()
    }

    fn venue(&mut self) -> &mut Venue {
        self.venue.get_or_insert_with(|| Venue::new(vec![instrument()], self.config))
    }

    /// Writes down what was said since the last step, each event under the moment the venue gives it.
    fn hear(&mut self, verb: &str) {
        for Event { at, event } in std::mem::take(&mut self.events) {
            let open = Timestamp::from_seconds((self.candles - 1) * 60).unwrap();
            let inside = open + Timeframe::MINUTE.span() - Span::from_nanos(1);
            let when = match verb {
                "candle" if at == open => format!("{} open", self.candles),
                "candle" if at == inside => format!("{} inside", self.candles),
                "candle" => panic!("an event of a candle at {at:?}"),
                _ => {
                    assert_eq!(at, self.now(), "an answer carries the time of its question");
                    self.candles.to_string()
                }
            };
            writeln!(self.said, "{when:9} {}", told(&event)).unwrap();
        }
    }

    fn finish(mut self) -> String {
        let venue = self.venue().clone();
        let holding = venue.account().holding(IX, PositionSide::Net);
        let mut said = self.said;
        write!(
            said,
            "end       holds {} entered for {}, cash {}, fees {}, equity {}",
            holding.signed().decimal(4).normalized(),
            holding.entry_value,
            venue.account().wallet(),
            venue.account().fees_paid(),
            venue.equity()
        )
        .unwrap();
        said
    }
}

fn kind(words: &mut SplitWhitespace<'_>) -> OrderKind {
    let by = TriggerBy::Last;
    let name = words.next().unwrap();
    let mut next = || price(words.next().unwrap());
    match name {
        "market" => OrderKind::Market,
        "limit" => OrderKind::Limit { price: next() },
        "stop" => OrderKind::StopMarket { trigger: next(), by },
        "stop-limit" => OrderKind::StopLimit { trigger: next(), by, price: next() },
        "take" => OrderKind::TakeProfitMarket { trigger: next(), by },
        "take-limit" => OrderKind::TakeProfitLimit { trigger: next(), by, price: next() },
        other => panic!("unknown kind of order {other:?}"),
    }
}

fn guards(words: &mut SplitWhitespace<'_>) -> Protection {
    let mut protection = Protection::NONE;
    while let Some(which) = words.next() {
        match which {
            "sl" => protection.stop_loss = words.next().map(price),
            "tp" => protection.take_profit = words.next().map(price),
            other => panic!("unknown guard {other:?}"),
        }
    }
    protection
}

fn amendment(words: &mut SplitWhitespace<'_>) -> Amendment {
    let mut amendment = Amendment::default();
    while let Some(which) = words.next() {
        match which {
            "price" => amendment.price = words.next().map(price),
            "trigger" => amendment.trigger = words.next().map(price),
            "quantity" => amendment.quantity = words.next().map(quantity),
            other => panic!("unknown change {other:?}"),
        }
    }
    amendment
}

fn shown(price: Option<Price>) -> String {
    price.map_or_else(|| "-".to_owned(), |p| p.decimal(2).normalized().to_string())
}

fn told(event: &VenueEvent) -> String {
    match event {
        VenueEvent::Accepted { id, .. } => format!("#{} accepted", id.counter()),
        VenueEvent::Rejected { id, reason, .. } => format!("#{} rejected: {reason}", id.counter()),
        VenueEvent::Triggered { id, .. } => format!("#{} triggered", id.counter()),
        VenueEvent::Cancelled { id, reason, .. } => format!("#{} cancelled: {reason:?}", id.counter()),
        VenueEvent::Amended { id, .. } => format!("#{} amended", id.counter()),
        VenueEvent::Refused { id, reason, .. } => {
            let what = id.map_or_else(|| "guard".to_owned(), |id| format!("#{}", id.counter()));
            format!("{what} as before: {reason}")
        }
        VenueEvent::Protected { protection, .. } => {
            format!("guards sl {} tp {}", shown(protection.stop_loss), shown(protection.take_profit))
        }
        VenueEvent::Filled(fill) => {
            let who = fill.order.map_or_else(|| "guard".to_owned(), |id| format!("#{}", id.counter()));
            let cause = if fill.cause == FillCause::Order { "" } else { fill.cause.name() };
            let liquidity = if fill.liquidity == Liquidity::Taker { "taker" } else { "maker" };
            let (quantity, price) = (fill.quantity.decimal(4).normalized(), shown(Some(fill.price)));
            let text =
                format!("{who} {} {quantity} @ {price} {liquidity} fee {} {cause}", fill.side, fill.fee);
            text.trim_end().to_owned()
        }
        VenueEvent::Balance(change) => match change {
            model::BalanceChange::Funding { amount, mark, .. } => {
                format!("funding {amount} at {}", shown(Some(*mark)))
            }
            model::BalanceChange::Deposit { amount } => format!("deposit {amount}"),
        },
        other => format!("{other:?}"),
    }
}
