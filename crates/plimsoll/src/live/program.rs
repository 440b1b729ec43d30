//! What trades: instruments, strategies, limits and the simulated exchange, as configured.

use std::path::Path;

use catalog::TimeRange;
use engine::{Engine, StrategySetup};
use model::{Candle, Instrument, Timeframe};
use session::Paper;
use strategy::Needs;
use units::{Amount, Rate, Span, Timestamp};
use venue::{Venue, VenueConfig};
use wire::bybit::feeds::{Depth, Feeds};

use crate::config::{self, Loaded};
use crate::failure::Failure;
use crate::research::recipe::{Ingredients, Kept, keep_of};
use crate::research::{AccountArgs, Seat, StrategyPlan, Terms, candles_of, terms};

/// What trades.
pub(crate) struct Program {
    pub(crate) plans: Vec<StrategyPlan>,
    pub(crate) instruments: Vec<Instrument>,
    /// The candles that strategies decide on, shortest first.
    pub(crate) timeframes: Vec<Timeframe>,
    terms: Terms,
    venue: VenueConfig,
    has_stop: bool,
    keep_bars: u32,
    /// Everything that strategies want beyond candles.
    needs: Needs,
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program").field("timeframes", &self.timeframes).finish_non_exhaustive()
    }
}

impl Program {
    /// From the configuration. `plans` have their timeframes.
    pub(crate) fn new(
        loaded: &Loaded,
        plans: Vec<StrategyPlan>,
        instruments: Vec<Instrument>,
    ) -> Result<Self, Failure> {
        let mut loaded = loaded_again(loaded);
        // The real market tells quotes, so the simulated exchange meets those, unless somebody wants it otherwise.
        let is_chosen =
            loaded.place("simulation.fidelity").is_some_and(|place| place.source != config::Source::Default);
        if !is_chosen {
            "quotes".clone_into(&mut loaded.config.simulation.fidelity);
        }
        let terms = terms(&loaded, &AccountArgs::default(), &instruments)?;
        let mut timeframes: Vec<Timeframe> = plans.iter().filter_map(|plan| plan.timeframe).collect();
        timeframes.sort_unstable();
        timeframes.dedup();
        let venue = terms.venue;
        let has_stop = terms.limits.house_stop.is_some();
        let keep_bars = loaded.config.execution.buffer_bars;
        let mut program = Self {
            plans,
            instruments,
            timeframes,
            terms,
            venue,
            has_stop,
            keep_bars,
            needs: Needs::default(),
        };
        for setup in program.strategies()? {
            let needs = setup.strategy.needs();
            program.needs.quotes |= needs.quotes;
            program.needs.trades |= needs.trades;
            program.needs.books |= needs.books;
            program.needs.book_depth = program.needs.book_depth.max(needs.book_depth);
        }
        Ok(program)
    }

    /// The shortest candles.
    pub(crate) fn base(&self) -> Timeframe {
        self.timeframes.first().copied().unwrap_or(Timeframe::MINUTE)
    }

    /// The currency of the account.
    pub(crate) fn currency(&self) -> &str {
        self.instruments.first().map_or("", |instrument| instrument.quote.as_str())
    }

    /// The balance of a simulated account.
    pub(crate) const fn paper_balance(&self) -> Amount {
        self.venue.initial_balance
    }

    pub(crate) const fn limits(&self) -> &engine::risk::Limits {
        &self.terms.limits
    }

    /// The strategies, built anew.
    pub(crate) fn strategies(&self) -> Result<Vec<StrategySetup>, Failure> {
        self.strategies_of(&self.plans)
    }

    /// The same of other plans for the same strategies.
    pub(crate) fn strategies_of(&self, plans: &[StrategyPlan]) -> Result<Vec<StrategySetup>, Failure> {
        let seat = Seat { instruments: &self.instruments, timeframe: self.base(), has_stop: self.has_stop };
        plans.iter().map(|plan| Ok(seat.build(plan, &plan.given)?.0)).collect()
    }

    /// The setup of an engine with this much money, that acts on candles which open from `now` on.
    pub(crate) fn setup(&self, balance: Amount, now: Timestamp) -> engine::Setup {
        let mut setup = self.terms.setup(self.instruments.clone(), self.base().floor(now));
        setup.initial_balance = balance;
        setup.keep_bars = self.keep_bars;
        setup
    }

    /// A fresh engine.
    pub(crate) fn engine(&self, balance: Amount, now: Timestamp) -> Result<Engine, Failure> {
        Ok(Engine::new(self.setup(balance, now), self.strategies()?))
    }

    /// What its journal keeps, of an engine that was built with these plans.
    pub(crate) fn keep(
        &self,
        loaded: &Loaded,
        plans: &[StrategyPlan],
        balance: Amount,
        now: Timestamp,
    ) -> Result<Kept, Failure> {
        let mut values = loaded.values.clone();
        // The account of the exchange holds what it holds, whatever a configuration says of backtests.
        for shown in values.iter_mut().filter(|shown| shown.key == "backtest.initial_balance") {
            shown.value = balance.to_string().into();
        }
        keep_of(Ingredients {
            strategies: plans,
            setup: &self.setup(balance, now),
            timeframe: self.base(),
            values: &values,
            no_risk_limits: false,
            no_stop: false,
        })
    }

    /// The simulated exchange, with the account that the engine was left with.
    pub(crate) fn paper(&self, latency: Span, engine: &Engine) -> Paper {
        Paper::resume(Venue::new(self.instruments.clone(), self.venue), latency, engine)
    }

    /// What is listened to.
    pub(crate) fn feeds(&self, is_paper: bool) -> Feeds {
        let has_queue = is_paper && self.venue.fidelity.queue().is_some();
        let is_deep = self.needs.books || self.needs.book_depth > 0;
        let wants_book = is_deep || (is_paper && matches!(self.venue.fidelity, venue::Fidelity::Level2(_)));
        let mut feeds = Feeds::new(self.timeframes.clone());
        feeds.trades = self.needs.trades || has_queue;
        feeds.book = wants_book.then_some(Depth::L50);
        feeds
    }

    /// How many closed candles of a length are wanted before the start.
    pub(crate) fn warm_up_bars(&self, timeframe: Timeframe) -> Result<u32, Failure> {
        let mut bars = self.keep_bars;
        for plan in self.plans.iter().filter(|plan| plan.timeframe == Some(timeframe)) {
            bars = bars.max(plan.warm_up_bars(timeframe)?);
        }
        Ok(bars)
    }

    /// The stretch of time whose candles warm a fresh engine up.
    pub(crate) fn warm_up_range(&self, timeframe: Timeframe, now: Timestamp) -> Result<TimeRange, Failure> {
        let to = timeframe.floor(now);
        let bars = i64::from(self.warm_up_bars(timeframe)?);
        let back = timeframe.span().nanos().checked_mul(bars).unwrap_or(i64::MAX);
        let from = Timestamp::from_nanos(to.nanos().saturating_sub(back).max(0));
        Ok(TimeRange { from, to })
    }

    /// The candles of the catalog in a range.
    pub(crate) fn candles(
        &self,
        root: &Path,
        timeframe: Timeframe,
        range: TimeRange,
    ) -> Result<Vec<Candle>, Failure> {
        candles_of(root, &self.instruments, timeframe, range)
    }

    /// What the banner says of limits.
    pub(crate) fn limit_line(&self) -> String {
        let limits = self.limits();
        let mut parts = vec![format!("{}, leverage {}", limits.sizing, limits.leverage)];
        if let Some(stop) = limits.house_stop {
            parts.push(format!("stop {} %", stop.percent()));
        }
        if let Some(most) = limits.max_open_positions {
            parts.push(format!("at most {most} positions"));
        }
        if let Some(leverage) = limits.max_leverage.filter(|leverage| *leverage > Rate::ZERO) {
            parts.push(format!("leverage up to {leverage}"));
        }
        parts.join(", ")
    }
}

/// A copy that may be changed.
fn loaded_again(loaded: &Loaded) -> Loaded {
    Loaded { config: loaded.config.clone(), values: loaded.values.clone(), files: loaded.files.clone() }
}
