//! Risk as tables: where every limit stands, for dashboards; and what is checked, for the documentation.

use super::checks::{CHECKS, Check};
use crate::engine::Engine;
use model::{Figure, InstrumentIx};
use units::{Amount, Price, Quantity, Rate, Span};

/// A limit and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level {
    limit: Figure,
    current: Option<Figure>,
    instrument: Option<usize>,
}

impl Level {
    pub(crate) const fn new(limit: Figure, current: Option<Figure>) -> Self {
        Self { limit, current, instrument: None }
    }

    /// Of one instrument: the one that is nearest to its limit.
    pub(crate) const fn of(self, instrument: usize) -> Self {
        Self { instrument: Some(instrument), ..self }
    }
}

/// One check and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The name of the check.
    pub name: &'static str,
    /// What it bounds, in a sentence.
    pub bounds: &'static str,
    /// The unit of its limit; empty where it has none.
    pub unit: &'static str,
    /// The limit; `None` where the check is switched off or counts nothing.
    pub limit: Option<Figure>,
    /// What counts against it now, orders on their way included; `None` where each order is measured by itself.
    pub current: Option<Figure>,
    /// What is left, never below zero.
    pub headroom: Option<Figure>,
    /// Which instrument is nearest to the limit, where there is one limit for each.
    pub instrument: Option<InstrumentIx>,
}

/// Every check in the order they are made, with where it stands now.
#[must_use]
pub fn rows(engine: &Engine) -> Vec<Row> {
    let context = engine.risk_context();
    let row = |check: &Check| {
        let level = (check.level)(&context);
        Row {
            name: check.name,
            bounds: check.bounds,
            unit: check.unit,
            limit: level.map(|l| l.limit),
            current: level.and_then(|l| l.current),
            headroom: level.and_then(|l| headroom(l.limit, l.current)),
            instrument: level.and_then(|l| u32::try_from(l.instrument?).ok()).map(InstrumentIx),
        }
    };
    CHECKS.iter().map(row).collect()
}

/// What is left of a limit; the whole of it where nothing counts against it.
fn headroom(limit: Figure, current: Option<Figure>) -> Option<Figure> {
    Some(match (limit, current) {
        (_, None) => limit,
        (Figure::Amount(a), Some(Figure::Amount(b))) => Figure::Amount((a - b).max(Amount::ZERO)),
        (Figure::Quantity(a, decimals), Some(Figure::Quantity(b, _))) => {
            Figure::Quantity((a - b).max(Quantity::ZERO), decimals)
        }
        (Figure::Price(a, decimals), Some(Figure::Price(b, _))) => {
            Figure::Price((a - b).max(Price::ZERO), decimals)
        }
        (Figure::Rate(a), Some(Figure::Rate(b))) => Figure::Rate(less(a, b)),
        (Figure::Multiple(a), Some(Figure::Multiple(b))) => Figure::Multiple(less(a, b)),
        (Figure::Count(a), Some(Figure::Count(b))) => Figure::Count(a.saturating_sub(b)),
        (Figure::Span(a), Some(Figure::Span(b))) => {
            Figure::Span(Span::from_nanos(a.nanos().saturating_sub(b.nanos()).max(0)))
        }
        _ => return None,
    })
}

fn less(a: Rate, b: Rate) -> Rate {
    Rate::from_units(a.units().saturating_sub(b.units()).max(0))
}

/// The table "risk checks" of the documentation, in Markdown: one row for each check in the order they are made.
#[must_use]
pub fn markdown() -> String {
    let mut out = "| check | bounds | unit | configuration | refusals |\n|---|---|---|---|---|\n".to_owned();
    for check in CHECKS {
        let plain = check.reasons.iter().map(|r| r.text().to_owned());
        let limits = check.limits.iter().map(|l| l.sentence("…", "…"));
        let refusals: Vec<String> = plain.chain(limits).collect();
        let key = if check.key.is_empty() { "always on".to_owned() } else { format!("`{}`", check.key) };
        let cells = [&format!("`{}`", check.name), check.bounds, check.unit, &key, &refusals.join("<br>")]
            .map(str::to_owned);
        out.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    out
}
