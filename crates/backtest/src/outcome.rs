//! What a backtest came to.

use crate::gates::GateCount;
use crate::kept::Trades;
use crate::stress::StressOutcome;
use crate::tape::Track;
use crate::ticks::QuotingFigures;
use crate::trades::{Trade, TradeBuilder};
use engine::{Engine, StrategyFigures};
use model::{FillRecord, InstrumentIx, Liquidation, Notice, Record, Refusal};
use units::{Amount, Digest, Span, Timestamp};

/// The equity at the end of a UTC day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayEquity {
    /// Days since 1970-01-01.
    pub day: i64,
    /// Cash plus unrealised profit at the mark prices of the day, or at the last ones where there are none.
    pub equity: Amount,
}

/// A position that the end of the data left open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenTrade {
    /// The trade so far; its gross profit is what was realised by partial exits.
    pub trade: Trade,
    /// Profit of what is open at the mark price, or at the last price where there is none.
    pub unrealised: Amount,
}

/// How often risk refused an intent, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusalCount {
    /// About what.
    pub instrument: InstrumentIx,
    /// Why; its numbers are those of the first time.
    pub refusal: Refusal,
    /// How often.
    pub count: u64,
}

/// A liquidation with its numbers, and when it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Liquidated {
    /// When.
    pub at: Timestamp,
    /// What.
    pub liquidation: Liquidation,
}

/// What one strategy came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StrategyOutcome {
    /// What it has earned.
    pub figures: StrategyFigures,
    /// The deepest fall of its profit from its highest, which is at least zero, looked at at the end of each day and of the run.
    pub max_drawdown: Amount,
}

/// What a backtest came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Candles that strategies saw and that were traded, the warm-up not counted; in a run over ticks, ticks that were heard.
    pub bars: u64,
    /// Executions.
    pub fills: u64,
    /// Round trips that ended.
    pub trades: Trades,
    /// Round trips that ended, counted even where they are not kept.
    pub trade_count: u64,
    /// Positions that the end left open.
    pub open_trades: Vec<OpenTrade>,
    /// The money at the start.
    pub initial_balance: Amount,
    /// Cash plus unrealised profit at the end.
    pub final_equity: Amount,
    /// Fees paid; negative when rebates prevail.
    pub fees: Amount,
    /// Funding received; negative when paid.
    pub funding: Amount,
    /// Value of all fills.
    pub volume: Amount,
    /// What each strategy came to, by number; the last is what belongs to none. They add up to the account.
    pub strategies: Vec<StrategyOutcome>,
    /// The equity at the end of each UTC day, without gaps.
    pub days: Vec<DayEquity>,
    /// The open of the first traded candle and the close of the last one.
    pub span: Option<(Timestamp, Timestamp)>,
    /// First traded open and last close of each instrument, in f64, for the market's own change.
    pub market_change: Vec<Option<f64>>,
    /// Intents that risk refused.
    pub refusals: Vec<RefusalCount>,
    /// Orders that the venue rejected.
    pub rejections: u64,
    /// Candles for which finer ones were asked for and none were there.
    pub detail_missing: u64,
    /// What a person should see.
    pub notices: Vec<Noticed>,
    /// How many positions risk allowed at a time; `None` where that was no limit.
    pub max_open_positions: Option<u32>,
    /// The engine's fingerprint: every command, every fill, the books at the end.
    pub digest: Digest,
    /// Positions that the venue liquidated, in part or whole.
    pub liquidations: Vec<Liquidated>,
    /// What the scenarios did, where they were asked for ([`crate::Job::stress`]).
    pub stress: Vec<StressOutcome>,
    /// The run was interrupted before the end of the tape.
    pub is_partial: bool,
    /// What stopped strategies, where that was counted ([`crate::GateTally`]).
    pub gates: Vec<GateCount>,
    /// What quoting came to, in a run over ticks.
    pub quoting: Option<QuotingFigures>,
}

/// A notice and when it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noticed {
    /// The moment of the run, to the millisecond.
    pub at: Timestamp,
    /// What a person should see.
    pub notice: Notice,
}

impl Outcome {
    /// The daily returns of the equity curve, the first one against the money at the start; `None` once the equity was
    /// zero or below, from where returns have no meaning.
    #[must_use]
    pub fn daily_returns(&self) -> Option<Vec<f64>> {
        let days: Vec<f64> = self.days.iter().map(|day| day.equity.to_f64()).collect();
        crate::metrics::returns::from_equity(self.initial_balance.to_f64(), &days)
    }
}

/// Gathers what happens during a run.
#[derive(Debug)]
pub(crate) struct Collector {
    builder: TradeBuilder,
    trades: Trades,
    keep_trades: bool,
    trade_count: u64,
    fills: u64,
    volume: Amount,
    days: Vec<DayEquity>,
    refusals: Vec<RefusalCount>,
    rejections: u64,
    notices: Vec<Noticed>,
    liquidations: Vec<Liquidated>,
    /// By strategy: what it has earned, its highest profit and the deepest fall from it.
    figures: Vec<StrategyFigures>,
    falls: Vec<(Amount, Amount)>,
}

/// What is known of a run when it ends.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) initial_balance: Amount,
    pub(crate) final_equity: Amount,
    pub(crate) bars: u64,
    pub(crate) detail_missing: u64,
    pub(crate) is_partial: bool,
    pub(crate) span: Option<(Timestamp, Timestamp)>,
    pub(crate) market_change: Vec<Option<f64>>,
    /// The last moment that was run.
    pub(crate) end: Option<Timestamp>,
}

/// A strategy that faults at every bar must not fill the memory with notices.
const MAX_NOTICES: usize = 1_000;

impl Collector {
    /// For a run over so many instruments from the first moment to the last.
    pub(crate) fn new(instruments: usize, span: Option<(Timestamp, Timestamp)>, keep_trades: bool) -> Self {
        let days = span.map_or(0, |(from, to)| usize::try_from(to.day() - from.day() + 2).unwrap_or(0));
        Self {
            builder: TradeBuilder::new(instruments),
            trades: Trades::default(),
            keep_trades,
            trade_count: 0,
            fills: 0,
            volume: Amount::ZERO,
            days: Vec::with_capacity(days),
            refusals: Vec::new(),
            rejections: 0,
            notices: Vec::new(),
            liquidations: Vec::new(),
            figures: Vec::new(),
            falls: Vec::new(),
        }
    }

    #[cold]
    pub(crate) fn on_liquidation(&mut self, at: Timestamp, liquidation: &Liquidation) {
        self.liquidations.push(Liquidated { at, liquidation: *liquidation });
    }

    #[inline]
    pub(crate) fn on_record(&mut self, record: &Record) {
        // Of the records that come with every order only the fill is counted.
        match record {
            Record::Fill(fill) => self.on_fill(fill),
            Record::Target { .. } | Record::Submitted { .. } => {}
            Record::Order { state, .. } => {
                self.rejections += u64::from(matches!(state, model::OrderState::Rejected(_)));
            }
            other => self.on_rare_record(other),
        }
    }

    #[inline(never)]
    fn on_fill(&mut self, fill: &FillRecord) {
        self.fills += 1;
        self.volume += fill.closed_cost.abs() + fill.opened_cost.abs();
        let Self { builder, trades, trade_count, keep_trades, .. } = self;
        builder.on_fill(fill, |trade| {
            *trade_count += 1;
            if *keep_trades {
                trades.push(trade);
            }
        });
    }

    #[inline(never)]
    fn on_rare_record(&mut self, record: &Record) {
        match record {
            Record::Funding { instrument, position_side, amount } => {
                self.builder.on_funding(*instrument, *position_side, *amount);
            }
            Record::Refused { instrument, refusal } => self.count_refusal(*instrument, *refusal),
            Record::Plan(model::PlanRecord {
                instrument, event: model::PlanEvent::Closed(closed), ..
            }) => {
                // The trade ended with the fill that was told just before.
                self.trades.note_plan(*instrument, *closed);
            }
            _ => {}
        }
    }

    fn count_refusal(&mut self, instrument: InstrumentIx, refusal: Refusal) {
        match self.refusals.iter_mut().find(|r| r.instrument == instrument && r.refusal.is_like(refusal)) {
            Some(known) => known.count += 1,
            None => self.refusals.push(RefusalCount { instrument, refusal, count: 1 }),
        }
    }

    #[cold]
    pub(crate) fn on_notices(&mut self, at: Timestamp, notices: &[Notice]) {
        let room = MAX_NOTICES.saturating_sub(self.notices.len());
        // What tells the facts of one moment apart is an affair of the loop.
        let at = at.floor_to(Span::from_millis(1));
        self.notices.extend(notices.iter().take(room).map(|notice| Noticed { at, notice: notice.clone() }));
    }

    /// Notes the equity at the end of `day`, and of the days without candles before it.
    pub(crate) fn on_day(&mut self, day: i64, equity: Amount) {
        if let Some(last) = self.days.last().copied() {
            if day <= last.day {
                return;
            }
            self.days.extend((last.day + 1..day).map(|day| DayEquity { day, equity: last.equity }));
        }
        self.days.push(DayEquity { day, equity });
    }

    /// Looks at what each strategy has earned.
    pub(crate) fn on_figures(&mut self, engine: &Engine) {
        engine.strategy_figures(&mut self.figures);
        self.falls.resize(self.figures.len(), (Amount::ZERO, Amount::ZERO));
        for ((highest, fall), figures) in self.falls.iter_mut().zip(&self.figures) {
            let profit = figures.profit();
            *highest = profit.max(*highest);
            *fall = (*highest - profit).max(*fall);
        }
    }

    /// What it came to. `unrealised` values what a trade left open.
    pub(crate) fn finish(
        mut self,
        ending: Ending,
        engine: &Engine,
        unrealised: impl Fn(&Trade) -> Amount,
    ) -> Outcome {
        let end = ending.end;
        let open = self.builder.open().map(|trade| OpenTrade {
            trade: Trade { exit_time: end.unwrap_or(trade.exit_time), ..trade.clone() },
            unrealised: unrealised(trade),
        });
        let open_trades = open.collect();
        self.on_figures(engine);
        let came_to = |(figures, (_, max_drawdown)): (&StrategyFigures, &(Amount, Amount))| StrategyOutcome {
            figures: *figures,
            max_drawdown: *max_drawdown,
        };
        let strategies = self.figures.iter().zip(&self.falls).map(came_to).collect();
        Outcome {
            bars: ending.bars,
            fills: self.fills,
            trades: self.trades,
            trade_count: self.trade_count,
            open_trades,
            initial_balance: ending.initial_balance,
            final_equity: ending.final_equity,
            fees: engine.ledger().totals().fees,
            funding: engine.ledger().totals().funding,
            volume: self.volume,
            strategies,
            days: self.days,
            span: ending.span,
            market_change: ending.market_change,
            refusals: self.refusals,
            rejections: self.rejections,
            detail_missing: ending.detail_missing,
            notices: self.notices,
            max_open_positions: engine.limits().max_open_positions,
            digest: engine.digest(),
            liquidations: self.liquidations,
            stress: Vec::new(),
            is_partial: ending.is_partial,
            gates: Vec::new(),
            quoting: None,
        }
    }
}

/// What buying at the first traded open and holding to the end would have gained, as a fraction.
pub(crate) fn market_change(track: &Track, start: Timestamp, end: Option<Timestamp>) -> Option<f64> {
    let first = track.bars.iter().find(|b| b.open_time >= start)?;
    let last = track.bars.iter().rev().find(|b| end.is_none_or(|end| b.open_time < end))?;
    let open = track.instrument.price_f64(first.open);
    Some(track.instrument.price_f64(last.close) / open - 1.0)
}
