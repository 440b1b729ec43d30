//! A scenario as one line of text, and what the venue says about it as text.
//!
//! ```text
//! candle OPEN HIGH LOW CLOSE [VOLUME]               one minute; the first opens at 00:00
//! mark P | index P | last P                         a price is told
//! bids P Q [P Q ...] | asks P Q [P Q ...]           one message of a book feed
//! trade buy|sell P Q | quote P Q P Q                somebody traded; the best bid and ask
//! ahead ID                                          how much stands before an order in its queue
//! buy|sell KIND QUANTITY [OPTION ...]               the ids are 1, 2, 3, ... unless an option names one
//!   KIND    market | limit P | stop T | stop-limit T P | take T | take-limit T P | trail D | trail-at D A
//!   OPTION  sl P | tp P | sl-by BY | tp-by BY | part | sl-limit P | tp-limit P | by BY | reduce | close | ioc | fok | post
//!           stp maker|taker|both | id N | long | short | other (an instrument that is not there)
//!   BY      last | mark | index
//! cancel ID | cancel-all [active|conditional|guards|all] | cancel-leg N | query ID
//! amend ID [price P] [trigger T] [quantity Q] [sl P|none] [tp P|none]
//! protect [sl P] [tp P] [sl-by BY] [tp-by BY] [trail D] [at A] [long|short]
//! part QUANTITY [sl P] [tp P] [sl-limit P] [tp-limit P] [long|short]
//! set-leverage BUY SELL | set-margin isolated|cross | set-mode one-way|hedge | move-margin X
//! ( | COMMAND | ... | )                             a batch
//! status open|reduce|closed
//! funding RATE [mark P]
//!
//! terms of the account, before anything else:
//! balance X | leverage X | fees TAKER MAKER | ticks N | slip RATE | impact COEFFICIENT VOLATILITY | touch | adaptive | binance | hedge | cross
//! next-open | quotes [whole] | level2 [whole]
//! band RATE [move] | market-band RATE | limits ACTIVE CONDITIONAL LEGS BATCH
//! ```
//!
//! Steps are separated by `|`. The instrument has a tick of 0.1, a step of 0.001, orders of 0.002 to 500 (market) or 1000
//! (limit), a minimum value of 5, and leverage up to 100 for positions up to 100 000, 50 beyond.

mod commands;
mod recorded;
mod told;

use commands::command;
use model::{
    Bar, CancelReason, Candle, ClientOrderId, Exchange, FundingRate, Instrument, InstrumentIx,
    InstrumentKind, InstrumentSpec, MarginMode, MarginTier, OrderCommand, PositionMode, PositionSide,
    RejectReason, Timeframe, VenueEvent,
};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::str::SplitWhitespace;
use told::told;
use units::{Amount, Decimal, Price, Quantity, Rate, Span, Timestamp};
use venue::{
    BandRule, CandlePath, Event, LimitFill, OrderRules, Slippage, TradingStatus, Venue, VenueConfig,
};

pub(crate) const IX: InstrumentIx = InstrumentIx(0);

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
    VenueConfig { initial_balance: Amount::parse("1000000").unwrap(), ..VenueConfig::default() }
}

pub(crate) fn price(text: &str) -> Price {
    Price::parse(text, 2).unwrap()
}

pub(crate) fn quantity(text: &str) -> Quantity {
    Quantity::parse(text, 4).unwrap()
}

/// Plays a scenario and returns what the venue said, one line an event, and the account at the end.
pub(crate) fn play(text: &str) -> String {
    run(text).finish()
}

/// The reasons that the venue gives in a scenario.
pub(crate) fn reasons(text: &str) -> (BTreeSet<RejectReason>, BTreeSet<CancelReason>) {
    let world = run(text);
    (world.rejects, world.cancels)
}

fn run(text: &str) -> World {
    let mut world = World {
        config: terms(),
        venue: None,
        candles: 0,
        next_id: 1,
        batch: None,
        events: Vec::new(),
        rejects: BTreeSet::new(),
        cancels: BTreeSet::new(),
        said: String::new(),
    };
    for step in text.split('|') {
        let mut words = step.split_whitespace();
        let Some(verb) = words.next() else { continue };
        world.step(verb, &mut words);
        assert_eq!(words.next(), None, "left over in {step:?}");
        world.hear(verb);
    }
    world
}

struct World {
    config: VenueConfig,
    venue: Option<Venue>,
    candles: i64,
    next_id: u64,
    batch: Option<Vec<OrderCommand>>,
    events: Vec<Event>,
    rejects: BTreeSet<RejectReason>,
    cancels: BTreeSet<CancelReason>,
    said: String,
}

impl World {
    fn step(&mut self, verb: &str, words: &mut SplitWhitespace<'_>) {
        let mut word = || words.next().unwrap_or_else(|| panic!("{verb} needs more words"));
        let config = &mut self.config;
        match verb {
            "balance" => config.initial_balance = Amount::parse(word()).unwrap(),
            "leverage" => config.leverage = Rate::parse(word()).unwrap(),
            "ticks" => config.slippage = Slippage::Ticks(word().parse().unwrap()),
            "slip" => config.slippage = Slippage::Fraction(Rate::parse(word()).unwrap()),
            "impact" => {
                let mut rate = || Rate::parse(word()).unwrap();
                config.slippage = Slippage::SquareRoot { coefficient: rate(), volatility: rate() };
            }
            "touch" => config.limit_fill = LimitFill::Touch,
            "adaptive" => config.candle_path = CandlePath::Adaptive,
            "binance" => config.rules = OrderRules::BINANCE,
            "hedge" => config.rules.position_mode = PositionMode::Hedge,
            "cross" => config.rules.margin_mode = MarginMode::Cross,
            "market-band" => config.rules.market_band = Some(Rate::parse(word()).unwrap()),
            "band" => {
                config.rules.price_band = Some(Rate::parse(word()).unwrap());
                let moves = words.next().is_some();
                config.rules.band_rule = if moves { BandRule::Move } else { BandRule::Refuse };
            }
            "limits" => {
                let rules = &mut config.rules;
                for most in [
                    &mut rules.max_active,
                    &mut rules.max_conditional,
                    &mut rules.max_legs,
                    &mut rules.max_batch,
                ] {
                    *most = word().parse().unwrap();
                }
            }
            "fees" => {
                config.taker_fee = Rate::parse(word()).unwrap();
                config.maker_fee = Rate::parse(word()).unwrap();
            }
            _ => match recorded::fidelity(verb, words) {
                Some(fidelity) => config.fidelity = fidelity,
                None => self.act(verb, words),
            },
        }
    }

    fn act(&mut self, verb: &str, words: &mut SplitWhitespace<'_>) {
        let now = self.now();
        let mut events = std::mem::take(&mut self.events);
        match verb {
            "candle" => {
                let mut next = || price(words.next().unwrap());
                let (open, high, low, close) = (next(), next(), next(), next());
                let volume = words.next().map_or(Quantity::ZERO, quantity);
                let bar = Bar { open_time: now, open, high, low, close, volume };
                assert_eq!(bar.fault(), None, "candle {}", self.candles + 1);
                let candle = Candle { instrument: IX, timeframe: Timeframe::MINUTE, bar };
                self.venue().on_candle(&candle, &mut events);
                self.candles += 1;
            }
            "mark" => self.venue().on_mark(now, IX, price(words.next().unwrap()), &mut events),
            "index" => self.venue().on_index(now, IX, price(words.next().unwrap()), &mut events),
            "last" => self.venue().on_last(now, IX, price(words.next().unwrap()), &mut events),
            "status" => {
                let status = match words.next() {
                    Some("open") => TradingStatus::Open,
                    Some("reduce") => TradingStatus::ReduceOnly,
                    Some("closed") => TradingStatus::Closed,
                    other => panic!("unknown status {other:?}"),
                };
                self.venue().set_status(IX, status);
            }
            "funding" => {
                let rate = Rate::parse(words.next().unwrap()).unwrap();
                let mark = words.next().map(|_| price(words.next().unwrap()));
                let funding = FundingRate { instrument: IX, funding_time: now, rate };
                self.venue().on_funding(now, &funding, mark, &mut events);
            }
            "(" => self.batch = Some(Vec::new()),
            ")" => {
                let batch = self.batch.take().expect("a batch was opened");
                self.venue().on_batch(now, &batch, &mut events);
            }
            "ahead" => {
                let counter = words.next().unwrap().parse().unwrap();
                let position = self.venue().queue_position(IX, ClientOrderId::new(counter, 0));
                let ahead = position.map_or("no queue".to_owned(), |it| match it.front() {
                    Quantity::MAX => "anything".to_owned(),
                    front => front.decimal(4).normalized().to_string(),
                });
                let when = self.candles.to_string();
                writeln!(self.said, "{when:9} #{counter} has {ahead} ahead").unwrap();
            }
            _ if recorded::tell(self.venue(), now, verb, words, &mut events) => {}
            _ => self.command(verb, words, &mut events),
        }
        self.events = events;
    }

    fn command(&mut self, verb: &str, words: &mut SplitWhitespace<'_>, events: &mut Vec<Event>) {
        let now = self.now();
        let command = command(verb, words, ClientOrderId::new(self.next_id, 0), now);
        if let OrderCommand::Place(order) = &command {
            self.next_id = self.next_id.max(order.id.counter() + 1);
        }
        match &mut self.batch {
            Some(batch) => batch.push(command),
            None => self.venue().on_command(now, &command, events),
        }
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
            self.note(&event);
            writeln!(self.said, "{when:9} {}", told(&event)).unwrap();
        }
    }

    fn note(&mut self, event: &VenueEvent) {
        match event {
            VenueEvent::Rejected { reason, .. } | VenueEvent::Refused { reason, .. } => {
                self.rejects.insert(*reason);
            }
            VenueEvent::Cancelled { reason, .. } | VenueEvent::LegCancelled { reason, .. } => {
                self.cancels.insert(*reason);
            }
            _ => {}
        }
    }

    fn finish(mut self) -> String {
        let venue = self.venue().clone();
        let account = venue.account();
        let mut said = self.said;
        write!(said, "end       ").unwrap();
        for side in PositionSide::ALL {
            let holding = account.holding(IX, side);
            // The sides of hedge mode are told where there is something to tell.
            if side == PositionSide::Net || !holding.size.is_zero() {
                let size = holding.signed().decimal(4).normalized();
                write!(said, "holds {size} entered for {}, ", holding.entry_value).unwrap();
            }
        }
        let (cash, fees, equity) = (account.wallet(), account.fees_paid(), venue.equity());
        write!(said, "cash {cash}, fees {fees}, equity {equity}").unwrap();
        said
    }
}
