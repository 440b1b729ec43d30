//! A strategy alone with candles that the test makes, its positions filled as it says.
#![allow(dead_code, clippy::unwrap_used, reason = "helpers of several tests")]

use model::{
    Bar, Candle, Direction, Exchange, Fact, FundingRate, Instrument, InstrumentIx, InstrumentKind,
    InstrumentSpec, MarginTier, Signal, Timeframe,
};
use strategy::{
    ExitPlan, Gate, Intent, Intents, LiveOrder, Market, OrderSource, Position, StateReader, StateWriter,
    Strategy, View,
};
use units::{Amount, Decimal, Price, Quantity, Rate, Span, Timestamp};

/// Tick 0.01, step 0.001.
pub(crate) fn instrument(symbol: &str) -> Instrument {
    let most = Quantity::new(100_000_000);
    Instrument::new(InstrumentSpec {
        symbol: symbol.to_owned(),
        exchange: Exchange::Synthetic,
        kind: InstrumentKind::LinearPerpetual,
        base: symbol.trim_end_matches("USDT").to_owned(),
        quote: "USDT".to_owned(),
        price_decimals: 2,
        quantity_decimals: 3,
        contract_size: Decimal { mantissa: 1, decimals: 0 },
        tick_size: Price::new(1),
        quantity_step: Quantity::new(1),
        min_quantity: Quantity::new(1),
        max_limit_quantity: most,
        max_market_quantity: most,
        min_notional: Amount::ZERO,
        margin_tiers: vec![MarginTier {
            notional_limit: Amount::from_units(i128::MAX / 4),
            maintenance_rate: Rate::from_units(5_000_000),
            max_leverage: Rate::from_units(100_000_000_000),
            deduction: Amount::ZERO,
        }],
        funding_interval: Span::from_seconds(8 * 3_600),
        version: 1,
    })
    .unwrap()
}

#[derive(Debug, Default)]
pub(crate) struct Orders(pub(crate) Vec<LiveOrder>);

impl OrderSource for Orders {
    fn live(&self, position: usize) -> Option<LiveOrder> {
        self.0.get(position).copied()
    }
}

/// One strategy on some instruments.
pub(crate) struct Desk {
    pub(crate) name: &'static str,
    pub(crate) strategy: Box<dyn Strategy>,
    pub(crate) instruments: Vec<Instrument>,
    pub(crate) markets: Vec<Market>,
    pub(crate) positions: Vec<Position>,
    pub(crate) orders: Orders,
    pub(crate) now: Timestamp,
    /// Candles so far, by instrument.
    pub(crate) told: Vec<i64>,
}

impl Desk {
    pub(crate) fn new(name: &'static str, given: &[(&str, &str)]) -> Self {
        Self::of(name, given, 1)
    }

    pub(crate) fn of(name: &'static str, given: &[(&str, &str)], instruments: u32) -> Self {
        let all: Vec<InstrumentIx> = (0..instruments).map(InstrumentIx).collect();
        let built = strategy::build(name, given.iter().copied(), &all);
        let (strategy, _) = built.unwrap_or_else(|e| panic!("{e}"));
        let count = all.len();
        Self {
            name,
            strategy,
            instruments: ["AAAUSDT", "BBBUSDT", "CCCUSDT"][..count].iter().map(|s| instrument(s)).collect(),
            markets: vec![Market::default(); count],
            positions: vec![Position::default(); count],
            orders: Orders::default(),
            now: Timestamp::EPOCH,
            told: vec![0; count],
        }
    }

    pub(crate) fn tell(&mut self, fact: &Fact) -> Vec<Intent> {
        let mut intents = Intents::default();
        let view = View::new(self.now, &self.instruments, &self.markets, &self.positions)
            .with_orders(0, &self.orders);
        self.strategy.on_fact(&view, fact, &mut intents);
        intents.as_slice().to_vec()
    }

    /// A candle of an hour: open, high, low and close in hundredths.
    pub(crate) fn candle(&mut self, ix: u32, ohlc: [i64; 4]) -> Vec<Intent> {
        let number = &mut self.told[ix as usize];
        let open_time = Timestamp::from_seconds(*number * 3_600).unwrap();
        *number += 1;
        let [open, high, low, close] = ohlc.map(Price::new);
        let bar = Bar { open_time, open, high, low, close, volume: Quantity::new(1_000) };
        self.now = open_time + Span::from_seconds(3_600);
        self.markets[ix as usize].last = Some(close);
        self.tell(&Fact::Candle(Candle { instrument: InstrumentIx(ix), timeframe: Timeframe::HOUR, bar }))
    }

    /// Candles that went from close to close, in whole numbers; what was said, by number of the candle.
    pub(crate) fn closes(&mut self, closes: &[i64]) -> Vec<String> {
        let mut said = Vec::new();
        for close in closes {
            let number = self.told[0];
            let price = close * 100;
            for intent in self.candle(0, [price, price, price, price]) {
                said.push(format!("{number} {}", self.words(&intent)));
                self.follow(&intent);
            }
        }
        said
    }

    /// Fills what a signal asks for.
    pub(crate) fn follow(&mut self, intent: &Intent) {
        if let Intent::Signal(signal) = intent {
            self.positions[signal.instrument.index()].quantity =
                Quantity::new(1_000 * signal.direction.sign());
        }
    }

    pub(crate) fn fund(&mut self, ix: u32, rate: &str) -> Vec<Intent> {
        let funding_time = self.now;
        let rate = Rate::parse(rate).unwrap();
        self.tell(&Fact::Funding(FundingRate { instrument: InstrumentIx(ix), funding_time, rate }))
    }

    /// A signal in words; anything else in those of its debug form.
    pub(crate) fn words(&self, intent: &Intent) -> String {
        match intent {
            Intent::Signal(signal) => self.signal_words(signal),
            other => format!("{other:?}"),
        }
    }

    fn signal_words(&self, signal: &Signal) -> String {
        let tags = strategy::find(self.name).unwrap().tags;
        let led = signal.direction != Direction::Flat;
        assert_eq!(signal.plan.is_some(), led, "a position is led by a plan, and no position is not");
        assert!(signal.plan.is_none_or(|plan| plan.index() < self.strategy.exit_plans().len()));
        let mut words = format!("{} {}", signal.direction, tags[usize::from(signal.tag.0)]);
        if signal.confidence != Rate::ONE {
            words += &format!(" {} %", signal.confidence.percent());
        }
        if self.instruments.len() > 1 {
            words = format!("{} {words}", self.instruments[signal.instrument.index()].symbol);
        }
        words
    }

    /// Why nothing was said about the last candle, in words.
    pub(crate) fn gate(&self) -> String {
        match self.strategy.gate(InstrumentIx(0)) {
            None => "open".to_owned(),
            Some(Gate { index, found, needed }) => {
                let gates = self.strategy.gates();
                let number = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{x:.2}"));
                format!("{}: {} / {}", gates[usize::from(index)], number(found), number(needed))
            }
        }
    }

    pub(crate) fn plan(&self) -> String {
        self.strategy.exit_plans().iter().map(ExitPlan::to_string).collect::<Vec<_>>().join("; ")
    }

    /// The same after a restart.
    pub(crate) fn restart(&mut self, given: &[(&str, &str)]) {
        let mut state = StateWriter::default();
        self.strategy.save(&mut state);
        let bytes = state.into_bytes();
        let all: Vec<InstrumentIx> = (0u32..).map(InstrumentIx).take(self.instruments.len()).collect();
        let (mut fresh, _) = strategy::build(self.name, given.iter().copied(), &all).unwrap();
        let mut reader = StateReader::new(&bytes);
        fresh.load(&mut reader).unwrap_or_else(|e| panic!("{}: {e}", self.name));
        reader.finish().unwrap_or_else(|e| panic!("{}: {e}", self.name));
        self.strategy = fresh;
    }
}
