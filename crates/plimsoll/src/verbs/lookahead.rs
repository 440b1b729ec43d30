//! `plimsoll lookahead`: whether a strategy sees the future, and how much past it needs.

use backtest::{Difference, Lookahead, LookaheadError, Said, Tape, WarmUp};
use engine::StrategySetup;
use serde_json::{Value, json};

use super::data::table::table;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::research::{AccountArgs, MarketArgs, Plan, StrategyArgs};

/// Arguments of the verb.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The market is cut at random moments, the strategy built anew and run over what is left: what it says and trades \
        up to a cut must be what it says with the rest there. Then the last candles are run after histories of several lengths, \
        to see how much warm-up its numbers need.\n\nExamples:\n  plimsoll lookahead ema_crossover --symbol BTCUSDT --timeframe \
        1h\n  plimsoll lookahead strategies/mine.yaml --data BTCUSDT-5m.csv.gz --cuts 50\n\nExit codes: 0 clean, 1 the \
        strategy looks ahead."
)]
pub(crate) struct Args {
    /// The strategy, by name or file
    #[arg(value_name = "STRATEGY")]
    name: Option<String>,
    #[command(flatten)]
    strategy: StrategyArgs,
    #[command(flatten)]
    market: MarketArgs,
    #[command(flatten)]
    account: AccountArgs,
    /// At how many random moments the market is cut
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    cuts: u16,
    /// Where the moments come from
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Histories whose numbers are compared, in candles
    #[arg(
        long,
        value_name = "CANDLES",
        value_delimiter = ',',
        num_args = 1..,
        default_values_t = [100u32, 200, 400, 800, 1600, 3200]
    )]
    startup_candles: Vec<u32>,
}

/// How many candles at the end are compared for the warm-up.
const WINDOW: usize = 200;

/// Does what the user asked for.
pub(crate) fn run(mut args: Args, globals: &Globals) -> Result<(), Failure> {
    args.strategy.strategies.extend(args.name.take());
    let plan = Plan::new(&args.strategy, &args.market, &args.account, globals)?;
    let build = |_: &Tape| plan.build().map(|(setups, _)| setups);
    let names: Vec<String> = plan.build()?.1.into_iter().map(|info| info.name).collect();
    let found = backtest::lookahead(&plan.job, args.cuts.into(), args.seed, build).map_err(failure)?;
    let lengths: Vec<usize> = args.startup_candles.iter().map(|n| *n as usize).collect();
    let warm_ups = backtest::warm_up(&plan.job, WINDOW, &lengths, build).map_err(failure)?;
    let declared = declared_warm_up(&plan.build()?.0);
    let report = Report { plan: &plan, names: &names, found: &found, warm_ups: &warm_ups, declared };
    if globals.json {
        globals.print_json(&report.document())?;
    } else {
        globals.print(&report.text())?;
    }
    if found.is_clean() {
        Ok(())
    } else {
        Err(Failure::failed(format!("{} looks ahead: do not believe its backtests", names.join(", "))))
    }
}

fn failure(error: LookaheadError<Failure>) -> Failure {
    match error {
        LookaheadError::Build(failure) => failure,
        LookaheadError::Run(error) => super::backtest::run_error(&error),
    }
}

fn declared_warm_up(setups: &[StrategySetup]) -> u32 {
    setups.iter().map(|s| s.strategy.needs().warm_up_bars).max().unwrap_or(0)
}

struct Report<'a> {
    plan: &'a Plan,
    names: &'a [String],
    found: &'a Lookahead,
    warm_ups: &'a [WarmUp],
    declared: u32,
}

impl Report<'_> {
    fn text(&self) -> String {
        let Lookahead { said, trades, cuts } = self.found;
        let who = self.names.join(", ");
        let mut text = format!(
            "LOOK-AHEAD\n{who} over {} candles: spoke {said} times, {trades} trades; cut at {} moments.\n",
            self.plan.job.tape.len(),
            cuts.len()
        );
        let parted: Vec<_> = cuts.iter().filter(|cut| cut.difference.is_some()).collect();
        if *said == 0 {
            text += "It never spoke, so nothing was shown: give it more data, or other parameters.\n";
        } else if parted.is_empty() {
            text +=
                "Clean: at every cut it had said and traded the same as with the rest of the market there.\n";
        } else {
            text += &format!("It looks ahead: {} of {} cuts differ.\n", parted.len(), cuts.len());
            for cut in parted.iter().take(5) {
                if let Some(difference) = &cut.difference {
                    text += &format!("  cut at {}: {}\n", cut.at, self.difference(difference));
                }
            }
        }
        text += "\n";
        text += &self.warm_up_text();
        text
    }

    fn difference(&self, difference: &Difference) -> String {
        let said = |said: &Option<Said>| match said {
            None => "nothing".to_owned(),
            Some(s) => {
                let words: Vec<String> = s.intents.iter().map(|intent| format!("{intent:?}")).collect();
                format!("at {} {}", s.at, words.join(", "))
            }
        };
        match difference {
            Difference::Said { whole, cut } => {
                format!("with the future there it says {}, without it {}", said(whole), said(cut))
            }
            Difference::Traded { whole, cut } => {
                let trade = |trade: &Option<Box<backtest::Trade>>| {
                    trade.as_ref().map_or("none".to_owned(), |t| {
                        format!("{} from {} to {}", t.direction, t.entry_time, t.exit_time)
                    })
                };
                format!("with the future there it trades {}, without it {}", trade(whole), trade(cut))
            }
        }
    }

    fn warm_up_text(&self) -> String {
        let mut text = format!(
            "WARM-UP\nThe last {WINDOW} candles after histories of several lengths, against the longest there is. It declares {} \
             candles.\n",
            self.declared
        );
        let Some(first) = self.warm_ups.first() else {
            text += "There is too little data for any of the histories asked for.\n";
            return text;
        };
        let counted = |gate: usize| self.warm_ups.iter().any(|w| w.gates[gate].largest.is_some());
        let shown: Vec<usize> = (0..first.gates.len()).filter(|i| counted(*i)).collect();
        let heads: Vec<String> = self.warm_ups.iter().map(|w| w.bars.to_string()).collect();
        let columns: Vec<(&str, bool)> = std::iter::once(("Largest difference", false))
            .chain(heads.iter().map(|h| (h.as_str(), true)))
            .collect();
        let mut rows: Vec<Vec<String>> = shown
            .iter()
            .map(|i| {
                let drifts = self.warm_ups.iter().map(|w| drift(w.gates[*i].largest));
                std::iter::once(first.gates[*i].gate.clone()).chain(drifts).collect()
            })
            .collect();
        let counts = |name: &str, of: fn(&WarmUp) -> usize| {
            std::iter::once(name.to_owned()).chain(self.warm_ups.iter().map(|w| of(w).to_string())).collect()
        };
        rows.push(counts("candles stopped at another gate", |w| w.gates_differ));
        rows.push(counts("candles with something else said", |w| w.said_differs));
        text += &table(&columns, rows);
        if shown.is_empty() {
            text += "Its gates compared no numbers here, so only what it said could be compared.\n";
        }
        text
    }

    fn document(&self) -> Value {
        let cuts: Vec<Value> = self
            .found
            .cuts
            .iter()
            .map(|cut| {
                let difference = cut.difference.as_ref().map(|d| self.difference(d));
                json!({ "at": cut.at.to_string(), "candles": cut.bars, "difference": difference })
            })
            .collect();
        let warm_ups: Vec<Value> = self
            .warm_ups
            .iter()
            .map(|w| {
                let gates: Vec<Value> = w
                    .gates
                    .iter()
                    .map(|g| json!({ "strategy": self.names.get(usize::from(g.strategy)), "gate": g.gate, "largest_difference": g.largest }))
                    .collect();
                json!({ "candles": w.bars, "gates": gates, "gates_differ": w.gates_differ, "said_differs": w.said_differs })
            })
            .collect();
        json!({
            "strategies": self.names,
            "is_clean": self.found.is_clean(),
            "spoke": self.found.said,
            "trades": self.found.trades,
            "cuts": cuts,
            "declared_warm_up": self.declared,
            "warm_up": warm_ups,
        })
    }
}

/// A relative difference in percent, as far as it says something.
fn drift(largest: Option<f64>) -> String {
    match largest {
        None => "-".to_owned(),
        Some(0.0) => "0".to_owned(),
        Some(x) if x < 1e-8 => "< 0.000001 %".to_owned(),
        Some(x) => format!("{:.6} %", x * 100.0),
    }
}
