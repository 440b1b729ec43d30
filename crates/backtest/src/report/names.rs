//! Names for the numbers in an outcome.

use super::ReportInput;
use crate::{ExitReason, Trade};
use model::{ExitTag, FillCause, InstrumentIx, NoticeKind, Severity, Tag, Tier};

/// What is ordered by nobody's strategy: a vote without a leader, an operator, a fault policy.
const ENGINE: &str = "engine";

impl ReportInput<'_> {
    pub(super) fn symbol(&self, ix: InstrumentIx) -> String {
        match self.instruments.get(ix.index()) {
            Some(instrument) => instrument.symbol.clone(),
            None => format!("instrument {}", ix.0),
        }
    }

    pub(super) fn strategy(&self, number: u16) -> String {
        match self.strategies.get(usize::from(number)) {
            Some(strategy) => strategy.name.clone(),
            None => ENGINE.to_owned(),
        }
    }

    fn tag(&self, strategy: u16, tag: Tag) -> String {
        let Some(info) = self.strategies.get(usize::from(strategy)) else { return ENGINE.to_owned() };
        info.tags.get(usize::from(tag.0)).cloned().unwrap_or_else(|| format!("tag {}", tag.0))
    }

    /// A tag as a key of a table: with its strategy where several could mean different things by it.
    fn tag_key(&self, strategy: u16, tag: Tag) -> String {
        let text = self.tag(strategy, tag);
        let is_shared = self.strategies.len() > 1 && usize::from(strategy) < self.strategies.len();
        if is_shared { format!("{}: {text}", self.strategy(strategy)) } else { text }
    }

    pub(super) fn enter_tag(&self, trade: &Trade) -> String {
        self.tag(trade.strategy, trade.entry_tag)
    }

    pub(super) fn enter_key(&self, trade: &Trade) -> String {
        self.tag_key(trade.strategy, trade.entry_tag)
    }

    /// Why a trade ended: the level of its plan that closed it, the guard that did, or the tag of the strategy that did.
    pub(super) fn exit_reason(&self, trade: &Trade) -> String {
        let ExitReason { cause, strategy, tag } = trade.exit;
        level(trade).or_else(|| guard(cause)).unwrap_or_else(|| self.tag(strategy, tag))
    }

    pub(super) fn exit_key(&self, trade: &Trade) -> String {
        let ExitReason { cause, strategy, tag } = trade.exit;
        level(trade).or_else(|| guard(cause)).unwrap_or_else(|| self.tag_key(strategy, tag))
    }

    pub(super) fn notice(&self, kind: &NoticeKind) -> String {
        match kind {
            NoticeKind::StrategyFaulted { strategy, message } => {
                format!("strategy {strategy} panicked: {message}")
            }
            NoticeKind::OrderRejected { reason, .. } => format!("the venue rejected an order: {reason}"),
            NoticeKind::Liquidated { instrument } => {
                format!("the venue liquidated the position in {}", self.symbol(*instrument))
            }
            NoticeKind::PlanStep { instrument, step, outcome } => {
                format!("exit plan of {}: {step}: {outcome}", self.symbol(*instrument))
            }
            NoticeKind::Paused { paused: true } => "trading was paused".to_owned(),
            NoticeKind::Paused { paused: false } => "trading was resumed".to_owned(),
            NoticeKind::Tier { from, to, standing: s } => {
                if *to != Tier::Red {
                    return format!("the account went from {from} to {to} ({})", s.limit);
                }
                // It happens once, and then nothing more does.
                format!(
                    "trading stopped and everything was closed: {} {} of {} allowed, equity {}",
                    s.limit,
                    s.loss.rounded(2),
                    s.allowed.rounded(2),
                    s.equity.rounded(2)
                )
            }
            NoticeKind::Locked(lock) => {
                let what = lock.instrument.map_or_else(|| "all instruments".to_owned(), |ix| self.symbol(ix));
                let side = lock.side.map_or_else(String::new, |side| format!(", {side} only"));
                format!("entries into {what} were locked for a while ({}{side})", lock.reason)
            }
            NoticeKind::Shield { instrument, step, .. } => {
                format!("the position in {} had no stop: {step}", self.symbol(*instrument))
            }
            NoticeKind::Panic { stage, cause } => format!("the kill switch ({cause}): {stage}"),
            NoticeKind::PanicStuck { stage, positions, orders } => {
                format!("the kill switch is stuck while {stage}: {positions} positions, {orders} orders")
            }
            NoticeKind::ParametersSet { strategy, missing_bars: 0 } => {
                format!("strategy {strategy} has other parameters")
            }
            NoticeKind::ParametersSet { strategy, missing_bars } => {
                format!(
                    "strategy {strategy} has other parameters and is heard again after {missing_bars} candles"
                )
            }
            NoticeKind::ParametersRefused { strategy, problem } => {
                format!("the parameters of strategy {strategy} were left as they are: {problem}")
            }
            NoticeKind::RulesInstalled { strategy, version, .. } => {
                format!("strategy {strategy} went by version {version} of its rules")
            }
            NoticeKind::RulesRefused { strategy, problem } => {
                format!("the rules of strategy {strategy} were left as they are: {problem}")
            }
            NoticeKind::RulesTookOver { strategy, instrument, version } => {
                format!("version {version} of strategy {strategy} took over {}", self.symbol(*instrument))
            }
            NoticeKind::UnlockRefused { problem } => format!("could not unlock: {problem}"),
            NoticeKind::OrderAdopted(report) => {
                format!(
                    "an order in {} that was placed elsewhere is followed",
                    self.symbol(report.instrument)
                )
            }
            NoticeKind::PositionAdopted { instrument, before, after } => {
                let text = |quantity: units::Quantity| match self.instruments.get(instrument.index()) {
                    Some(it) => quantity.decimal(it.quantity_decimals).to_string(),
                    None => quantity.mantissa().to_string(),
                };
                let (before, after) = (text(*before), text(*after));
                format!("the position in {} is {after} at the venue, not {before}", self.symbol(*instrument))
            }
            NoticeKind::BalanceRefused { amount, most } => {
                format!("the venue told of {amount}, beyond the {most} that are believed; trading is paused")
            }
            NoticeKind::WalletAdopted { difference } => {
                format!("the wallet at the venue differs by {}", difference.rounded(8))
            }
        }
    }
}

/// The level of its exit plan that closed a trade, where the cause of the fill does not say it already.
fn level(trade: &Trade) -> Option<String> {
    let exit = trade.plan.as_ref()?.exit;
    let is_told = matches!(exit, ExitTag::Stop | ExitTag::TakeProfit | ExitTag::Order | ExitTag::Liquidation);
    (!is_told).then(|| exit.to_string())
}

/// What guarded a position and closed it.
fn guard(cause: FillCause) -> Option<String> {
    (cause != FillCause::Order).then(|| cause.name().to_owned())
}

pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}
