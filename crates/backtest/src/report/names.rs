//! Names for the numbers in an outcome.

use super::ReportInput;
use crate::{ExitReason, Trade};
use model::{FillCause, InstrumentIx, NoticeKind, Severity, Tag};

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

    /// Why a trade ended: the guard that closed it, or the tag of the strategy that did.
    pub(super) fn exit_reason(&self, exit: ExitReason) -> String {
        match exit.cause {
            FillCause::Order => self.tag(exit.strategy, exit.tag),
            guard => guard.name().to_owned(),
        }
    }

    pub(super) fn exit_key(&self, exit: ExitReason) -> String {
        match exit.cause {
            FillCause::Order => self.tag_key(exit.strategy, exit.tag),
            guard => guard.name().to_owned(),
        }
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
            NoticeKind::Paused { paused: true } => "trading was paused".to_owned(),
            NoticeKind::Paused { paused: false } => "trading was resumed".to_owned(),
            NoticeKind::Tier { from, to, standing: s } => {
                let score = s.score.percent();
                format!(
                    "the account went from {from} to {to}: {} {} of {} allowed, equity {}, score {score} %",
                    s.limit,
                    s.loss.rounded(2),
                    s.allowed.rounded(2),
                    s.equity.rounded(2)
                )
            }
            NoticeKind::Locked(lock) => {
                let what = lock.instrument.map_or_else(|| "all instruments".to_owned(), |ix| self.symbol(ix));
                let side = lock.side.map_or_else(String::new, |side| format!(", {side} only"));
                format!("entries into {what} are locked until {} ({}{side})", lock.until, lock.reason)
            }
            NoticeKind::Shield { instrument, step, .. } => {
                format!("the position in {} had no stop: {step}", self.symbol(*instrument))
            }
            NoticeKind::Panic { stage, cause } => format!("the kill switch ({cause}): {stage}"),
            NoticeKind::PanicStuck { stage, positions, orders } => {
                format!("the kill switch is stuck while {stage}: {positions} positions, {orders} orders")
            }
            NoticeKind::UnlockRefused { problem } => format!("could not unlock: {problem}"),
        }
    }
}

pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}
