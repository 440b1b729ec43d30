//! `plimsoll backtest --explain SYMBOL@TIME`: every gate between one candle and a fill, and the first that was shut.

use std::fmt::Write as _;

use backtest::report::StrategyInfo;
use backtest::{Explanation, Verdict};
use engine::StrategySetup;
use model::{Bar, Direction, Instrument, InstrumentIx, OrderKind, OrderState, Record, Tag};
use serde_json::{Value, json};
use strategy::Intent;
use units::{Price, Quantity, Span, Timestamp};

use crate::failure::Failure;
use crate::globals::Globals;
use crate::research::Plan;
use crate::symbol;

/// Runs the plan and tells of one candle.
pub(super) fn run(
    plan: &Plan,
    setups: Vec<StrategySetup>,
    infos: &[StrategyInfo],
    spot: &str,
    globals: &Globals,
) -> Result<(), Failure> {
    let instruments = &plan.job.setup.instruments;
    let (ix, at) = parse(spot, instruments)?;
    let found = backtest::explain(&plan.job, setups, ix, at).map_err(|e| super::backtest::run_error(&e))?;
    let teller = Teller { instrument: &instruments[ix.index()], infos };
    let Some(explanation) = found else {
        let bars = &plan.job.tape.tracks[ix.index()].bars;
        let last = plan.job.tape.timeframe.span();
        let held = bars.first().zip(bars.last()).map_or_else(
            || "none at all".to_owned(),
            |(first, last_bar)| format!("candles from {} to {}", first.open_time, last_bar.open_time + last),
        );
        let symbol = &teller.instrument.symbol;
        return Err(Failure::usage(format!(
            "--explain {spot}: {symbol} has no candle at {at}; it has {held}"
        )));
    };
    if globals.json {
        globals.print_json(&teller.document(&explanation))
    } else {
        globals.print(&teller.text(&explanation))
    }
}

fn parse(spot: &str, instruments: &[Instrument]) -> Result<(InstrumentIx, Timestamp), Failure> {
    let wrong = |problem: String| Failure::usage(format!("--explain {spot:?}: {problem}"));
    let Some((name, time)) = spot.split_once('@') else {
        return Err(wrong("write SYMBOL@TIME, such as BTCUSDT@2026-01-31T14:00".to_owned()));
    };
    let name = symbol::parse(name).map_err(|e| wrong(e.to_string()))?;
    let at = Timestamp::parse(time).map_err(|e| wrong(e.to_string()))?;
    let found = (0u32..).zip(instruments).find(|(_, i)| i.symbol == name);
    match found {
        Some((number, _)) => Ok((InstrumentIx(number), at)),
        None => {
            let known: Vec<&str> = instruments.iter().map(|i| i.symbol.as_str()).collect();
            Err(wrong(format!("{name} is not in this run; it has {}", known.join(", "))))
        }
    }
}

/// Puts an explanation into words.
struct Teller<'a> {
    instrument: &'a Instrument,
    infos: &'a [StrategyInfo],
}

impl Teller<'_> {
    fn text(&self, e: &Explanation) -> String {
        let mut text = String::new();
        let Bar { open_time, open, high, low, close, .. } = e.bar;
        let mut line = |words: String| {
            // Writing into a string cannot fail.
            let _ = writeln!(text, "{words}");
        };
        line(format!("{}, the candle from {open_time} to {}", self.instrument.symbol, e.close));
        line(format!(
            "  open {}, high {}, low {}, close {}; position {}",
            self.price(open),
            self.price(high),
            self.price(low),
            self.price(close),
            self.position(e.held)
        ));
        for (number, step) in (1..).zip(self.steps(e)) {
            line(format!("{number}. {}: {}", step.gate, step.words));
        }
        line(format!("\n{}", self.conclusion(e)));
        text
    }

    /// What happened, gate by gate.
    fn steps(&self, e: &Explanation) -> Vec<Step> {
        let mut steps = Vec::new();
        if e.is_warm_up {
            steps.push(Step {
                gate: "warm-up".to_owned(),
                words: "comes before the first candle that is traded: strategies learn from it".to_owned(),
                is_shut: true,
            });
        }
        steps.extend(e.verdicts.iter().map(|v| self.verdict(v)));
        if e.verdicts.is_empty() {
            let words = "no strategy decides on this candle".to_owned();
            steps.push(Step { gate: "strategies".to_owned(), words, is_shut: true });
        }
        steps.extend(e.records.iter().filter_map(|(at, record)| self.record(*at, record)));
        steps
    }

    fn verdict(&self, v: &Verdict) -> Step {
        let name = self.infos.get(usize::from(v.strategy)).map_or("strategy", |info| info.name.as_str());
        let gate = format!("strategy {name}");
        if !v.said.is_empty() {
            let said: Vec<String> = v.said.iter().map(|intent| self.intent(v.strategy, intent)).collect();
            return Step { gate, words: format!("says {}", said.join("; ")), is_shut: false };
        }
        let words = match (v.gate, v.gates.len()) {
            (Some(g), count) => {
                let name = v.gates.get(usize::from(g.index)).map_or("a gate", String::as_str);
                let numbers = match (g.found, g.needed) {
                    (Some(found), Some(needed)) => format!(": {} against {}", number(found), number(needed)),
                    (Some(found), None) => format!(": {}", number(found)),
                    _ => String::new(),
                };
                format!("stopped at gate {} of {count}, {name}{numbers}", g.index + 1)
            }
            (None, 0) => "says nothing, and keeps no account of its gates".to_owned(),
            (None, _) => "passed its gates and says nothing new".to_owned(),
        };
        Step { gate, words, is_shut: true }
    }

    fn intent(&self, strategy: u16, intent: &Intent) -> String {
        match intent {
            Intent::Signal(s) => {
                let mut words = format!("{} ({})", s.direction, self.tag(strategy, s.tag));
                let levels = [("stop", s.stop_loss), ("target", s.take_profit)];
                for (name, price) in levels.into_iter().filter_map(|(n, p)| Some((n, p?))) {
                    let _ = write!(words, ", {name} {}", self.price(price));
                }
                if s.direction != Direction::Flat && s.confidence != units::Rate::ONE {
                    let _ = write!(words, ", confidence {} %", s.confidence.percent());
                }
                words
            }
            Intent::Order(o) => format!(
                "{} {} {} ({})",
                o.side,
                self.quantity(o.quantity),
                self.kind(o.kind),
                self.tag(strategy, o.tag)
            ),
            Intent::Open(o) => {
                let mut words = format!("open {} {}", o.side, self.kind(o.entry));
                let levels = [("stop", o.stop_loss), ("target", o.take_profit)];
                for (name, price) in levels.into_iter().filter_map(|(n, p)| Some((n, p?))) {
                    let _ = write!(words, ", {name} {}", self.price(price));
                }
                let _ = write!(words, " ({})", self.tag(strategy, o.tag));
                words
            }
            Intent::Cancel { id, .. } => format!("cancel order {id}"),
            Intent::Amend { id, .. } => format!("amend order {id}"),
        }
    }

    fn record(&self, at: Timestamp, record: &Record) -> Option<Step> {
        let step = |gate: &str, words: String, is_shut| Some(Step { gate: gate.to_owned(), words, is_shut });
        match record {
            Record::Target { direction, strength, .. } => {
                step("all strategies together", format!("{direction} at {} %", strength.percent()), false)
            }
            Record::Refused { refusal, .. } => {
                step("risk", format!("refused: {}", refusal.sentence(self.instrument)), true)
            }
            Record::Submitted { id, decision_price, .. } => {
                let price =
                    decision_price.map_or_else(String::new, |p| format!(", decided at {}", self.price(p)));
                step("risk", format!("approved order {id}{price}"), false)
            }
            Record::Order { id, state, .. } => match state {
                OrderState::Rejected(reason) => {
                    step("venue", format!("rejected order {id} at {at}: {reason}"), true)
                }
                OrderState::Cancelled(reason) => {
                    step("venue", format!("ended order {id} at {at}: {reason}"), true)
                }
                OrderState::Unknown => step("venue", format!("has not answered for order {id}"), true),
                OrderState::Submitting | OrderState::Open | OrderState::Cancelling | OrderState::Filled => {
                    None
                }
            },
            Record::Fill(fill) => {
                let (side, cause) = (fill.fill.side, fill.fill.cause.name());
                let (quantity, price) = (self.quantity(fill.fill.quantity), self.price(fill.fill.price));
                let (at, position) = (at.floor_to(Span::from_seconds(1)), self.position(fill.position));
                step(
                    "venue",
                    format!("filled at {at}: {side} {quantity} at {price} ({cause}); position {position}"),
                    false,
                )
            }
            Record::Locked(lock) => {
                step("locks", format!("entries are locked by {} until {}", lock.reason, lock.until), true)
            }
            Record::Tier { from, to, .. } => step("account", format!("goes from {from} to {to}"), true),
            Record::StrategyFaulted { .. } => {
                step("strategy", "panicked, and is not asked again".to_owned(), true)
            }
            _ => None,
        }
    }

    /// The answer in one sentence.
    fn conclusion(&self, e: &Explanation) -> String {
        let has_filled = e.records.iter().any(|(_, r)| matches!(r, Record::Fill(_)));
        let steps = self.steps(e);
        match steps.iter().find(|s| s.is_shut) {
            _ if has_filled => "Traded.".to_owned(),
            Some(step) => format!("No trade. The first gate that was shut: {}: {}.", step.gate, step.words),
            None if e.records.iter().any(|(_, r)| matches!(r, Record::Submitted { .. })) => {
                "An order was sent, and nothing was filled before the next candle closed.".to_owned()
            }
            None => "No trade: what was said is what is held or pursued already.".to_owned(),
        }
    }

    fn document(&self, e: &Explanation) -> Value {
        let steps: Vec<Value> = self
            .steps(e)
            .into_iter()
            .map(|s| json!({ "gate": s.gate, "says": s.words, "is_shut": s.is_shut }))
            .collect();
        json!({
            "symbol": self.instrument.symbol,
            "open_time": e.bar.open_time.to_string(),
            "close_time": e.close.to_string(),
            "open": self.price(e.bar.open),
            "high": self.price(e.bar.high),
            "low": self.price(e.bar.low),
            "close": self.price(e.bar.close),
            "position": self.quantity(e.held),
            "is_warm_up": e.is_warm_up,
            "steps": steps,
            "conclusion": self.conclusion(e),
        })
    }

    fn tag(&self, strategy: u16, tag: Tag) -> String {
        let info = self.infos.get(usize::from(strategy));
        info.and_then(|i| i.tags.get(usize::from(tag.0)).cloned()).unwrap_or_else(|| format!("tag {}", tag.0))
    }

    fn kind(&self, kind: OrderKind) -> String {
        match (kind.trigger(), kind.limit()) {
            (None, None) => "at market".to_owned(),
            (None, Some(limit)) => format!("at {} or better", self.price(limit)),
            (Some(trigger), None) => format!("at market once {} trades", self.price(trigger)),
            (Some(trigger), Some(limit)) => {
                format!("at {} once {} trades", self.price(limit), self.price(trigger))
            }
        }
    }

    fn price(&self, price: Price) -> String {
        price.decimal(self.instrument.price_decimals).normalized().to_string()
    }

    fn quantity(&self, quantity: Quantity) -> String {
        quantity.decimal(self.instrument.quantity_decimals).normalized().to_string()
    }

    fn position(&self, held: Quantity) -> String {
        let size = self.quantity(held.abs());
        let base = &self.instrument.base;
        match held.mantissa() {
            0 => "flat".to_owned(),
            1.. => format!("long {size} {base}"),
            _ => format!("short {size} {base}"),
        }
    }
}

/// One gate and what it came to.
struct Step {
    gate: String,
    words: String,
    is_shut: bool,
}

/// Six significant digits, without trailing zeros: enough to see which side is larger.
fn number(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e9).contains(&size) {
        return format!("{value:.5e}");
    }
    let whole_digits = if size < 1.0 { 1 } else { size.log10().floor() as usize + 1 };
    let text = format!("{value:.*}", 8usize.saturating_sub(whole_digits).max(2));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_keep_what_tells_them_apart() {
        let texts = [0.0, 1.5, 60_123.456_789, 0.000_012_3, -2.0, 99_999.999].map(number);
        assert_eq!(texts, ["0", "1.5", "60123.457", "1.23000e-5", "-2", "99999.999"]);
    }
}
