//! What a running session tells the terminal: a line for everything a person wants to know, calm, with its time.

use std::fmt::Write as _;
use std::io::{self, Write};

use gateway::watchers::{Seen, Watcher};
use model::{
    ClientOrderId, Fact, FillRecord, Instrument, InstrumentIx, NewOrder, Notice, NoticeKind, OrderCommand,
    OrderState, Record, Severity, Side,
};
use serde_json::json;
use session::bus::Delivery;
use session::life::{Stage, State, Step};
use session::{Published, SessionNotice, Told, VenueIx, What};
use units::{Price, Quantity, Timestamp};

use super::standing::Standing;
use crate::globals::LogLevel;

/// Names for what the engine numbers.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    pub(crate) venues: Vec<String>,
    pub(crate) instruments: Vec<Instrument>,
    pub(crate) strategies: Vec<String>,
}

impl Names {
    fn venue(&self, ix: VenueIx) -> &str {
        self.venues.get(ix.index()).map_or("the exchange", String::as_str)
    }

    fn symbol(&self, ix: InstrumentIx) -> &str {
        self.instruments.get(ix.index()).map_or("?", |instrument| instrument.symbol.as_str())
    }

    fn price(&self, ix: InstrumentIx, price: Price) -> String {
        let decimals = self.instruments.get(ix.index()).map_or(0, |instrument| instrument.price_decimals);
        price.decimal(decimals).normalized().to_string()
    }

    fn quantity(&self, ix: InstrumentIx, quantity: Quantity) -> String {
        let decimals = self.instruments.get(ix.index()).map_or(0, |instrument| instrument.quantity_decimals);
        quantity.decimal(decimals).normalized().to_string()
    }

    fn strategy(&self, ix: u16) -> &str {
        self.strategies.get(usize::from(ix)).map_or("the engine", String::as_str)
    }

    fn order(&self, id: ClientOrderId) -> String {
        if id.is_adopted() {
            "an order of somebody else".to_owned()
        } else {
            format!("order {}", id.counter())
        }
    }

    fn quote(&self, ix: InstrumentIx) -> &str {
        self.instruments.get(ix.index()).map_or("", |instrument| instrument.quote.as_str())
    }
}

/// A line: how much it matters, a word in front, and the text.
type Line = (LogLevel, &'static str, String);

/// Writes lines to the terminal.
pub(crate) struct Console {
    names: Names,
    level: LogLevel,
    as_json: bool,
    colour: bool,
    /// Which of several sessions this is.
    mark: Option<&'static str>,
    out: Box<dyn Write + Send>,
    /// The order that was decided on last, and at which price.
    decided: Option<(ClientOrderId, Option<Price>)>,
    /// What was said last about a connection: that it is still down need not be said every second.
    last_transport: Option<String>,
}

impl Console {
    pub(crate) fn new(names: Names, level: LogLevel, as_json: bool, colour: bool) -> Self {
        let out = Box::new(io::stdout());
        Self { names, level, as_json, colour, mark: None, out, decided: None, last_transport: None }
    }

    /// Says in every line which of several sessions it is about.
    pub(crate) fn marked(self, mark: &'static str) -> Self {
        Self { mark: Some(mark), ..self }
    }

    /// Writes one line.
    pub(crate) fn line(&mut self, at: Timestamp, (level, label, text): &Line) -> Result<(), String> {
        if *level > self.level {
            return Ok(());
        }
        let line = if self.as_json {
            let mut line =
                json!({ "at": at.to_string(), "level": level_name(*level), "about": label, "text": text });
            if let Some(mark) = self.mark {
                line["session"] = mark.into();
            }
            line.to_string()
        } else {
            let full = at.to_string();
            let clock = full.get(11..19).unwrap_or(&full);
            let paint = match level {
                LogLevel::Error if self.colour => ("\u{1b}[1;31m", "\u{1b}[0m"),
                LogLevel::Warn if self.colour => ("\u{1b}[33m", "\u{1b}[0m"),
                _ => ("", ""),
            };
            let mark = self.mark.map_or(String::new(), |mark| format!("{mark:<7}"));
            format!("{clock}  {mark}{}{label:<12}{} {text}", paint.0, paint.1)
        };
        writeln!(self.out, "{line}").and_then(|()| self.out.flush()).map_err(|error| error.to_string())
    }

    /// Says how the account stands. A reader who has left misses a line.
    pub(crate) fn standing(&mut self, standing: &Standing) {
        let line = (LogLevel::Info, "account", standing_text(&self.names, standing));
        let _ = self.line(standing.at, &line);
    }

    fn told(&mut self, seen: &Seen) -> Option<Line> {
        match seen {
            Seen::Published(Published { what: What::Record(record), .. }) => {
                if let Record::Submitted { id, decision_price, .. } = record {
                    self.decided = Some((*id, *decision_price));
                }
                record_line(&self.names, record)
            }
            Seen::Published(Published { what: What::Command(command), .. }) => {
                Some(self.command_line(command))
            }
            Seen::Published(Published { what: What::Market { fact, .. }, .. }) => {
                market_line(&self.names, fact)
            }
            Seen::Told(Told::Engine(notice)) => notice_line(&self.names, notice),
            Seen::Told(Told::Session(notice)) => Some(session_line(&self.names, notice)),
            Seen::Life(step) => Some(life_line(step)),
            Seen::Transport { venue, text } => {
                let is_news = self.last_transport.as_ref() != Some(text);
                self.last_transport = Some(text.clone());
                let level = if is_news { LogLevel::Warn } else { LogLevel::Debug };
                Some((level, "network", format!("{}: {text}", self.names.venue(*venue))))
            }
            Seen::Journal(problem) => Some((LogLevel::Warn, "journal", problem.clone())),
        }
    }
}

impl Console {
    /// What was commanded: an order with everything that it asks for, or a step that few people want to see.
    fn command_line(&self, command: &OrderCommand) -> Line {
        let OrderCommand::Place(order) = command else {
            return (LogLevel::Debug, "sends", command_text(&self.names, command));
        };
        let decided = self.decided.filter(|(id, _)| *id == order.id).and_then(|(_, price)| price);
        (LogLevel::Info, "order", order_text(&self.names, order, decided))
    }
}

impl Watcher for Console {
    fn name(&self) -> &'static str {
        "console"
    }

    fn see(&mut self, seen: Delivery<Seen>) -> Result<(), String> {
        match seen {
            Delivery::Item { at, item, .. } => match self.told(&item) {
                Some(line) => self.line(at, &line),
                None => Ok(()),
            },
            Delivery::Resync { .. } => {
                let text = "some lines are missing here: the terminal was too slow".to_owned();
                self.line(gateway::clock::now(), &(LogLevel::Warn, "console", text))
            }
        }
    }
}

pub(crate) const fn level_name(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    }
}

/// The level of a configuration, which was checked when it was read.
pub(crate) fn level_named(name: &str) -> LogLevel {
    match name {
        "error" => LogLevel::Error,
        "warn" => LogLevel::Warn,
        "debug" => LogLevel::Debug,
        "trace" => LogLevel::Trace,
        _ => LogLevel::Info,
    }
}

fn life_line(step: &Step) -> Line {
    match step {
        Step::Entered(State::Stopping(stage)) => {
            // The last two are over in a moment.
            let level =
                if matches!(stage, Stage::WindDown | Stage::Seal) { LogLevel::Info } else { LogLevel::Debug };
            (level, "stopping", stage_text(*stage).to_owned())
        }
        Step::Entered(State::Running) => {
            (LogLevel::Info, "state", "running: strategies decide as their candles close".to_owned())
        }
        Step::Entered(state) => (LogLevel::Info, "state", state.name().to_owned()),
        Step::WentWithout(name) => (LogLevel::Warn, "state", format!("goes on without {name}")),
        Step::LeftBehind(stage, names) => {
            (LogLevel::Warn, "stopping", format!("did not finish in time ({stage:?}): {}", names.join(", ")))
        }
        Step::Exit(code) => (LogLevel::Debug, "state", format!("exit code {code}")),
    }
}

/// What is done in a stage of stopping.
const fn stage_text(stage: Stage) -> &'static str {
    match stage {
        Stage::WindDown => "nothing new is opened, orders are cancelled as configured",
        Stage::Seal => "the journal is sealed",
        Stage::Drain => "what is left is shown",
        Stage::Close => "connections are closed",
    }
}

fn session_line(names: &Names, notice: &SessionNotice) -> Line {
    match notice {
        SessionNotice::LinkLost { venue, kind, reason } => {
            (LogLevel::Warn, "connection", format!("{} {} lost: {reason}", names.venue(*venue), kind.name()))
        }
        SessionNotice::Refused { venue, kind, what, meaning } => (
            LogLevel::Error,
            "refused",
            format!(
                "{} does not accept the {} connection: {what} ({meaning})",
                names.venue(*venue),
                kind.name()
            ),
        ),
        SessionNotice::Unreadable { venue, error } => {
            (LogLevel::Warn, "unreadable", format!("{} said something unknown: {error}", names.venue(*venue)))
        }
        SessionNotice::CredentialsRefused { venue } => (
            LogLevel::Error,
            "key",
            format!(
                "{} refuses the key: wrong, expired, for another environment, without a right, or from another address; \
                 nothing signed is sent until the next start (`plimsoll doctor` says which)",
                names.venue(*venue)
            ),
        ),
        SessionNotice::HeldBack { command, why } => {
            (LogLevel::Warn, "held back", format!("{} was not sent: {why}", command_text(names, command)))
        }
        SessionNotice::BookLost { instrument } => {
            (LogLevel::Info, "book", format!("{} begins anew", names.symbol(*instrument)))
        }
        SessionNotice::RulesChanged { instrument, what } => (
            LogLevel::Warn,
            "rules",
            format!(
                "{} has other rules now ({what}); nothing is opened in it until the next start",
                names.symbol(*instrument)
            ),
        ),
        SessionNotice::RulesExpired { venue } => (
            LogLevel::Warn,
            "rules",
            format!(
                "those of {} could not be fetched for too long; nothing is opened there",
                names.venue(*venue)
            ),
        ),
        SessionNotice::FillsMissing { id, .. } => (
            LogLevel::Warn,
            "order",
            format!("{} was filled further than the fills that are listed", names.order(*id)),
        ),
        SessionNotice::JournalFailed(problem) => {
            (LogLevel::Error, "journal", format!("failed, trading stops: {problem}"))
        }
        #[allow(unreachable_patterns, reason = "notices that are added are shown as they are")]
        other => (LogLevel::Warn, "session", format!("{other:?}")),
    }
}

/// What became of rules that were changed.
fn installed_text(strategy: &str, version: u32, missing_bars: u32, kept: u32) -> String {
    let mut text = format!("{strategy} goes by version {version} from now on");
    // Writing to a string cannot fail.
    let _ = match missing_bars {
        0 => Ok(()),
        1 => write!(text, ", once it has seen another candle"),
        many => write!(text, ", once it has seen another {many} candles"),
    };
    let _ = match kept {
        0 => Ok(()),
        1 => write!(text, "; the open position keeps the rules that opened it"),
        many => write!(text, "; {many} open positions keep the rules that opened them"),
    };
    text
}

/// An order in words: what, how, at which price it was decided, and whose it is.
fn order_text(names: &Names, order: &NewOrder, decided: Option<Price>) -> String {
    let ix = order.instrument;
    let price = |price: Price| names.price(ix, price);
    let mut text = format!("{} {} {}", order.side, names.quantity(ix, order.quantity), names.symbol(ix));
    text += &match (order.kind.trigger(), order.kind.limit()) {
        (None, None) => " at market".to_owned(),
        (None, Some(limit)) => format!(" at {} or better", price(limit)),
        (Some(trigger), None) => format!(" at market once {} trades", price(trigger)),
        (Some(trigger), Some(limit)) => format!(" at {} once {} trades", price(limit), price(trigger)),
    };
    let protection = &order.protection;
    let notes = [
        order.reduce_only.then(|| "to reduce".to_owned()),
        decided.map(|decided| format!("decided at {}", price(decided))),
        protection.stop_loss.map(|stop| format!("stop {}", price(stop))),
        protection.take_profit.map(|target| format!("target {}", price(target))),
    ];
    for note in notes.into_iter().flatten() {
        text += ", ";
        text += &note;
    }
    // Writing to a string cannot fail.
    let _ = write!(text, " ({} for {})", names.order(order.id), names.strategy(order.id.strategy()));
    text
}

/// How an account stands, in words.
fn standing_text(names: &Names, standing: &Standing) -> String {
    let Standing { wallet, equity, positions, .. } = standing;
    let currency = names.quote(InstrumentIx(0));
    let mut text = format!("equity {} {currency}", equity.rounded(2));
    if positions.is_empty() {
        text += ", no open position";
        return text;
    }
    let held = positions.iter().map(|(ix, quantity)| held_text(names, *ix, *quantity));
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        ", of it {} open: {}",
        (*equity - *wallet).rounded(2),
        held.collect::<Vec<_>>().join(", ")
    );
    text
}

/// A position in words: long 0.5 BTCUSDT.
fn held_text(names: &Names, ix: InstrumentIx, quantity: Quantity) -> String {
    let side = if quantity.is_negative() { "short" } else { "long" };
    format!("{side} {} {}", names.quantity(ix, quantity.abs()), names.symbol(ix))
}

/// A command in words.
fn command_text(names: &Names, command: &OrderCommand) -> String {
    let of = |ix: InstrumentIx| names.symbol(ix);
    match command {
        OrderCommand::Place(order) => {
            let side = if order.side == Side::Buy { "buy" } else { "sell" };
            let quantity = names.quantity(order.instrument, order.quantity);
            format!("{} ({side} {quantity} {})", names.order(order.id), of(order.instrument))
        }
        OrderCommand::Amend { id, instrument, .. } => {
            format!("a change of {} in {}", names.order(*id), of(*instrument))
        }
        OrderCommand::Cancel { id, instrument } => {
            format!("the cancel of {} in {}", names.order(*id), of(*instrument))
        }
        OrderCommand::CancelAll { instrument: Some(ix), .. } => {
            format!("the cancel of all orders in {}", of(*ix))
        }
        OrderCommand::CancelAll { instrument: None, .. } => "the cancel of all orders".to_owned(),
        OrderCommand::CancelLeg { instrument, .. } => format!("the cancel of a guard in {}", of(*instrument)),
        OrderCommand::Protect { instrument, .. } | OrderCommand::ProtectPart { instrument, .. } => {
            format!("the stop and target in {}", of(*instrument))
        }
        OrderCommand::SetLeverage { instrument, .. } => format!("the leverage of {}", of(*instrument)),
        OrderCommand::SetMarginMode { .. } => "the margin mode".to_owned(),
        OrderCommand::SetPositionMode { .. } => "the position mode".to_owned(),
        OrderCommand::MoveMargin { instrument, .. } => format!("the margin of {}", of(*instrument)),
        OrderCommand::Query { id, instrument, .. } => {
            format!("the question about {} in {}", names.order(*id), of(*instrument))
        }
    }
}

fn record_line(names: &Names, record: &Record) -> Option<Line> {
    let line = match record {
        Record::Fill(fill) => (LogLevel::Info, "fill", fill_text(names, fill)),
        // The command that follows says it all.
        Record::Submitted { .. } => return None,
        Record::Order { id, instrument, state } => {
            let (level, what) = match state {
                OrderState::Cancelled(reason) => (LogLevel::Info, format!("cancelled: {reason}")),
                OrderState::Rejected(reason) => {
                    (LogLevel::Warn, format!("refused by the exchange: {reason}"))
                }
                OrderState::Unknown => (LogLevel::Warn, "has no answer yet and is asked about".to_owned()),
                OrderState::Filled => (LogLevel::Debug, "filled".to_owned()),
                OrderState::Open => (LogLevel::Debug, "open".to_owned()),
                OrderState::Submitting | OrderState::Cancelling => return None,
            };
            (level, "order", format!("{} in {} {what}", names.order(*id), names.symbol(*instrument)))
        }
        Record::Refused { instrument, refusal } => {
            (LogLevel::Debug, "risk", format!("{}: {refusal}", names.symbol(*instrument)))
        }
        Record::Target { instrument, direction, strength } => (
            LogLevel::Debug,
            "target",
            format!("{} {direction}, strength {strength}", names.symbol(*instrument)),
        ),
        Record::Funding { instrument, amount, .. } => (
            LogLevel::Info,
            "funding",
            format!("{} {amount} {}", names.symbol(*instrument), names.quote(*instrument)),
        ),
        Record::Link { venue, kind, is_up: true } => {
            (LogLevel::Info, "connection", format!("{} {} is up", names.venue(VenueIx(*venue)), kind.name()))
        }
        Record::DayClosed(_) => (LogLevel::Info, "day", "a trading day ended".to_owned()),
        Record::Anomaly { instrument, what, .. } => {
            (LogLevel::Warn, "anomaly", format!("{}: {what}", names.symbol(*instrument)))
        }
        // Told as notices, or of no interest to a person.
        other => (LogLevel::Trace, "record", format!("{other:?}")),
    };
    Some(line)
}

fn fill_text(names: &Names, record: &FillRecord) -> String {
    let (fill, ix) = (&record.fill, record.fill.instrument);
    let mut text = format!(
        "{} {} {} at {}, fee {} {}",
        fill.side,
        names.quantity(ix, fill.quantity),
        names.symbol(ix),
        names.price(ix, fill.price),
        fill.fee,
        names.quote(ix),
    );
    // Writing to a string cannot fail.
    if !record.closed.is_zero() {
        let _ = write!(text, ", realised {} {}", record.realised, names.quote(ix));
    }
    let held = record.position;
    text += &if held.is_zero() {
        "; now flat".to_owned()
    } else {
        format!("; now {}", held_text(names, ix, held))
    };
    text
}

fn market_line(names: &Names, fact: &Fact) -> Option<Line> {
    let Fact::Candle(candle) = fact else { return None };
    let ix = candle.instrument;
    let text =
        format!("{} {} closed at {}", names.symbol(ix), candle.timeframe, names.price(ix, candle.bar.close));
    Some((LogLevel::Debug, "candle", text))
}

/// A notice of the engine in words; `None` where a record says the same.
pub(crate) fn notice_line(names: &Names, notice: &Notice) -> Option<Line> {
    let level = match notice.severity {
        Severity::Info => LogLevel::Info,
        Severity::Warning => LogLevel::Warn,
        Severity::Critical => LogLevel::Error,
    };
    let line = match &notice.kind {
        // The record says it already.
        NoticeKind::OrderRejected { .. } => return None,
        NoticeKind::StrategyFaulted { strategy, message } => {
            ("strategy", format!("{strategy} failed and is not asked again: {message}"))
        }
        NoticeKind::Liquidated { instrument } => {
            ("liquidation", format!("the exchange took over the position in {}", names.symbol(*instrument)))
        }
        NoticeKind::Paused { paused: true } => ("paused", "nothing new is opened".to_owned()),
        NoticeKind::Paused { paused: false } => ("resumed", "trading goes on".to_owned()),
        NoticeKind::Tier { from, to, .. } => ("limits", format!("from {from} to {to}")),
        NoticeKind::Locked(lock) => {
            let of = lock.instrument.map_or("anything", |ix| names.symbol(ix));
            let until = lock.until.to_string();
            let until = until.get(..19).unwrap_or(&until).replace('T', " ");
            ("locked", format!("no entries in {of} until {until}: {}", lock.reason))
        }
        NoticeKind::Shield { instrument, step, .. } => {
            ("protection", format!("{}: {step}", names.symbol(*instrument)))
        }
        NoticeKind::Panic { stage, cause } => ("kill switch", format!("{stage} ({cause})")),
        NoticeKind::PanicStuck { stage, positions, orders } => (
            "kill switch",
            format!(
                "makes no progress at {stage}: {positions} positions, {orders} orders; look at the exchange"
            ),
        ),
        NoticeKind::UnlockRefused { problem } => ("unlock", format!("refused: {problem}")),
        NoticeKind::ParametersSet { strategy, missing_bars } => {
            ("strategy", format!("{strategy} was built anew and is heard after {missing_bars} candles"))
        }
        NoticeKind::ParametersRefused { strategy, problem } => {
            ("strategy", format!("{strategy} keeps its parameters: {problem}"))
        }
        NoticeKind::RulesInstalled { strategy, version, missing_bars, kept } => {
            ("rules", installed_text(strategy, *version, *missing_bars, *kept))
        }
        NoticeKind::RulesRefused { strategy, problem } => {
            ("rules", format!("{strategy} keeps its rules: {problem}"))
        }
        NoticeKind::RulesTookOver { strategy, instrument, version } => {
            ("rules", format!("{strategy} trades {} by version {version} now", names.symbol(*instrument)))
        }
        NoticeKind::PlanStep { instrument, step, outcome } => {
            ("exit plan", format!("{}: {step}: {outcome}", names.symbol(*instrument)))
        }
        NoticeKind::OrderAdopted(report) => {
            ("adopted", format!("an order in {} that was not ours", names.symbol(report.instrument)))
        }
        NoticeKind::PositionAdopted { instrument, before, after } => (
            "adopted",
            format!(
                "the position in {} is {} at the exchange, not {}",
                names.symbol(*instrument),
                names.quantity(*instrument, *after),
                names.quantity(*instrument, *before)
            ),
        ),
        NoticeKind::BalanceRefused { amount, most } => (
            "balance",
            format!(
                "the exchange told of {amount}, beyond the {most} that are believed: paused; look at the account"
            ),
        ),
        NoticeKind::WalletAdopted { difference } => {
            ("adopted", format!("the wallet differs by {difference} at the exchange"))
        }
    };
    Some((level, line.0, line.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn console(level: LogLevel, as_json: bool) -> Console {
        let names = Names {
            venues: vec!["bybit testnet".to_owned()],
            instruments: Vec::new(),
            strategies: vec!["ema_crossover".to_owned()],
        };
        Console { out: Box::new(io::sink()), ..Console::new(names, level, as_json, false) }
    }

    #[test]
    fn a_lasting_failure_is_told_once() {
        let mut console = console(LogLevel::Info, false);
        let seen = Seen::Transport { venue: VenueIx(0), text: "market link: refused".to_owned() };
        assert_eq!(
            console.told(&seen),
            Some((LogLevel::Warn, "network", "bybit testnet: market link: refused".to_owned()))
        );
        assert_eq!(console.told(&seen).map(|line| line.0), Some(LogLevel::Debug));
    }

    #[test]
    fn states_are_named_and_time_is_short() {
        let line = life_line(&Step::Entered(State::Stopping(Stage::Seal)));
        assert_eq!(line, (LogLevel::Info, "stopping", "the journal is sealed".to_owned()));
        assert!(matches!(life_line(&Step::WentWithout("bybit".to_owned())), (LogLevel::Warn, ..)));
    }

    #[test]
    fn an_order_says_everything_that_it_asks_for_in_one_line() {
        let mut console = console(LogLevel::Info, false);
        let mut told = |order: NewOrder, decided: Option<i64>| {
            let (id, instrument) = (order.id, order.instrument);
            let decision_price = decided.map(Price::new);
            let publish =
                |what| Seen::Published(Published { seq: model::Seq(1), at: Timestamp::EPOCH, what });
            let submitted = Record::Submitted { id, instrument, decision_price };
            assert_eq!(console.told(&publish(What::Record(submitted))), None);
            console.told(&publish(What::Command(OrderCommand::Place(order)))).map(|line| line.2).unwrap()
        };
        let id = ClientOrderId::new(3, 0);
        let market =
            NewOrder::new(id, InstrumentIx(0), Side::Buy, model::OrderKind::Market, Quantity::new(18));
        let protection = model::Protection::new(Some(Price::new(49_512)), None);
        assert_eq!(
            told(NewOrder { protection, ..market }, Some(51_044)),
            "buy 18 ? at market, decided at 51044, stop 49512 (order 3 for ema_crossover)"
        );
        let limit = model::OrderKind::Limit { price: Price::new(50_000) };
        assert_eq!(
            told(NewOrder { kind: limit, side: Side::Sell, reduce_only: true, ..market }, None),
            "sell 18 ? at 50000 or better, to reduce (order 3 for ema_crossover)"
        );
    }

    #[test]
    fn what_became_of_changed_rules_fits_in_a_line() {
        let text = |missing, kept| installed_text("mine", 2, missing, kept);
        assert_eq!(text(0, 0), "mine goes by version 2 from now on");
        assert_eq!(
            text(4, 1),
            "mine goes by version 2 from now on, once it has seen another 4 candles; the open position keeps the rules that \
             opened it"
        );
    }

    #[test]
    fn an_account_says_what_it_is_worth_and_what_is_open() {
        let names = console(LogLevel::Info, false).names;
        let amount = |text| units::Amount::parse(text).unwrap();
        let flat = Standing {
            at: Timestamp::EPOCH,
            wallet: amount("100"),
            equity: amount("100"),
            positions: Vec::new(),
        };
        assert_eq!(standing_text(&names, &flat), "equity 100.00 , no open position");
        let open = Standing {
            equity: amount("98.5"),
            positions: vec![(InstrumentIx(0), Quantity::new(-3))],
            ..flat
        };
        assert_eq!(standing_text(&names, &open), "equity 98.50 , of it -1.50 open: short 3 ?");
    }
}
