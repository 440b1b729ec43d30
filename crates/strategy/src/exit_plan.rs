//! Exit plans: how a position is left, said as data before it is entered.
//!
//! A plan is declared by a strategy ([`Strategy::exit_plans`](crate::Strategy::exit_plans)) or given by the house, and carried
//! out by the engine: it places the orders, moves the stops and keeps the books of what was risked. Everything is measured
//! in R, the distance from the price at which the entry was decided to the first stop: a target at 2 R earns twice what the
//! stop would have lost.

use crate::ParameterProblem;
use units::{Amount, Rate, Span};

/// The most targets that one plan may have.
pub const MAX_TARGETS: usize = 8;

/// The longest average true range and the longest look back for structure, in candles.
pub const MAX_RANGE_BARS: usize = 1_000;

/// How far away something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distance {
    /// This much, in quote currency per unit of base currency.
    Price(Amount),
    /// This fraction of the price it is measured from.
    Fraction(Rate),
    /// This many average true ranges (Wilder) of the candles that have closed.
    Atr(Rate),
}

/// Where the first stop lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopRule {
    /// Where the signal says.
    Signal,
    /// At this distance from the price at which the entry is decided.
    At(Distance),
    /// Beyond the lowest low (of a long position; the highest high of a short one) of the last closed candles.
    Structure {
        /// How many candles, the one that is decided on included.
        bars: u16,
        /// How far beyond, as a fraction of the extreme.
        buffer: Rate,
    },
}

/// A part of the position that is closed at a profit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetRule {
    /// At how many R beyond the average entry price.
    pub multiple: Rate,
    /// Which fraction of what was entered.
    pub fraction: Rate,
}

/// By which kind of order targets are taken. Both only ever reduce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TargetOrder {
    /// A limit order at the target: a maker, never worse than the target, filled once the market trades through it.
    #[default]
    Limit,
    /// A market order once the target trades: certain to be filled, not at which price.
    Market,
}

/// What has to have happened first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Milestone {
    /// The price was this many R beyond the average entry price.
    Multiple(Rate),
    /// This target was filled whole, counted from one.
    Target(u8),
}

/// Moves the stop to where the trade comes out even after the taker fees of both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakEven {
    /// When.
    pub after: Milestone,
    /// How far beyond, as a fraction of the entry price.
    pub offset: Rate,
}

/// Lets the stop follow the best price; it never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trail {
    /// How far behind the best price.
    pub distance: Distance,
    /// From when on. [`Milestone::Multiple`] of zero is from the entry on.
    pub after: Milestone,
}

/// How long a position may be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeLimit {
    /// This many closed candles after the entry.
    Bars(u32),
    /// This long after the entry.
    Span(Span),
}

/// Closes a position at market that has been open for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeStop {
    /// How long.
    pub limit: TimeLimit,
    /// A position whose last price is better than its average entry price is left open.
    pub spares_profit: bool,
}

/// The rules of an exit plan, before they are checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExitRules {
    /// Where the first stop lies. There is always one: what it may cost is what everything else is measured in.
    pub stop: StopRule,
    /// The size of the position such that the first stop loses this fraction of the equity, fees of both sides included;
    /// `None` leaves the size to the house.
    pub risk: Option<Rate>,
    /// Where parts of it are closed at a profit, nearest first. What their fractions leave over is closed by a stop or by
    /// an opinion.
    pub targets: Vec<TargetRule>,
    /// By which kind of order.
    pub target_order: TargetOrder,
    /// When the stop moves to break-even.
    pub break_even: Option<BreakEven>,
    /// How the stop follows the price.
    pub trail: Option<Trail>,
    /// How long the position may be open.
    pub time_stop: Option<TimeStop>,
    /// The length of the average true range, in candles.
    pub atr_bars: u16,
}

impl ExitRules {
    /// Only a stop; 14 candles for the average true range.
    #[must_use]
    pub const fn new(stop: StopRule) -> Self {
        Self {
            stop,
            risk: None,
            targets: Vec::new(),
            target_order: TargetOrder::Limit,
            break_even: None,
            trail: None,
            time_stop: None,
            atr_bars: 14,
        }
    }
}

/// An exit plan whose rules fit together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExitPlan {
    rules: ExitRules,
}

impl ExitPlan {
    /// A plan by these rules.
    ///
    /// # Errors
    /// Every rule that is wrong, by name: distances that are not above zero, fractions that add up to more than the whole,
    /// targets that do not rise, milestones that name no target.
    pub fn new(rules: ExitRules) -> Result<Self, Vec<ParameterProblem>> {
        let mut problems = Vec::new();
        check_stop(&rules, &mut problems);
        check_targets(&rules, &mut problems);
        check_moves(&rules, &mut problems);
        if problems.is_empty() { Ok(Self { rules }) } else { Err(problems) }
    }

    /// Its rules.
    #[inline]
    #[must_use]
    pub const fn rules(&self) -> &ExitRules {
        &self.rules
    }

    /// The length of the average true range that it needs, if it needs one.
    #[must_use]
    pub fn needed_atr(&self) -> Option<u16> {
        let in_stop = matches!(self.rules.stop, StopRule::At(Distance::Atr(_)));
        let in_trail = self.rules.trail.is_some_and(|t| matches!(t.distance, Distance::Atr(_)));
        (in_stop || in_trail).then_some(self.rules.atr_bars)
    }

    /// How many closed candles it looks back for structure.
    #[must_use]
    pub const fn needed_structure(&self) -> u16 {
        match self.rules.stop {
            StopRule::Structure { bars, .. } => bars,
            StopRule::Signal | StopRule::At(_) => 0,
        }
    }
}

fn wrong(problems: &mut Vec<ParameterProblem>, name: &str, problem: String) {
    problems.push(ParameterProblem { name: name.to_owned(), problem });
}

fn check_distance(name: &str, distance: Distance, problems: &mut Vec<ParameterProblem>) {
    let problem = match distance {
        Distance::Price(amount) if !amount.is_positive() => {
            format!("a distance of {amount} is not above zero")
        }
        Distance::Fraction(rate) if rate <= Rate::ZERO || rate >= Rate::ONE => {
            format!("{} % is not between 0 % and 100 %", rate.percent())
        }
        Distance::Atr(multiple) if multiple <= Rate::ZERO => {
            format!("{multiple} average true ranges are not above zero")
        }
        Distance::Price(_) | Distance::Fraction(_) | Distance::Atr(_) => return,
    };
    wrong(problems, name, problem);
}

fn check_stop(rules: &ExitRules, problems: &mut Vec<ParameterProblem>) {
    let longest = MAX_RANGE_BARS;
    match rules.stop {
        StopRule::Signal => {}
        StopRule::At(distance) => check_distance("stop", distance, problems),
        StopRule::Structure { bars, buffer } => {
            if bars == 0 || usize::from(bars) > longest {
                wrong(problems, "stop", format!("{bars} candles are not between 1 and {longest}"));
            }
            if buffer < Rate::ZERO || buffer >= Rate::ONE {
                let percent = buffer.percent();
                wrong(problems, "stop", format!("a buffer of {percent} % is not between 0 % and 100 %"));
            }
        }
    }
    if rules.atr_bars == 0 || usize::from(rules.atr_bars) > longest {
        let bars = rules.atr_bars;
        wrong(problems, "atr", format!("{bars} candles are not between 1 and {longest}"));
    }
    if let Some(risk) = rules.risk.filter(|r| *r <= Rate::ZERO || *r > Rate::ONE) {
        wrong(problems, "risk", format!("{} % is not above 0 % and up to 100 %", risk.percent()));
    }
}

fn check_targets(rules: &ExitRules, problems: &mut Vec<ParameterProblem>) {
    if rules.targets.len() > MAX_TARGETS {
        let count = rules.targets.len();
        wrong(
            problems,
            "target",
            format!("{count} targets are more than the {MAX_TARGETS} that are allowed"),
        );
    }
    let (mut last, mut sum) = (Rate::ZERO, 0i128);
    for (number, target) in (1u32..).zip(&rules.targets) {
        if target.multiple <= last {
            let (at, before) = (target.multiple, last);
            wrong(problems, "target", format!("target {number} at {at} R is not beyond {before} R"));
        }
        if target.fraction <= Rate::ZERO {
            let share = target.fraction.percent();
            wrong(problems, "target", format!("target {number} closes {share} %, which is not above zero"));
        }
        last = target.multiple;
        sum += i128::from(target.fraction.units());
    }
    if sum > i128::from(Rate::ONE.units()) {
        let sum =
            i64::try_from(sum).map_or_else(|_| "far too much".to_owned(), |s| Rate::from_units(s).percent());
        wrong(problems, "target", format!("the targets close {sum} % together; 100 % is all there is"));
    }
}

fn check_milestone(name: &str, after: Milestone, rules: &ExitRules, problems: &mut Vec<ParameterProblem>) {
    match after {
        Milestone::Multiple(multiple) if multiple < Rate::ZERO => {
            wrong(problems, name, format!("{multiple} R is not in the direction of the position"));
        }
        Milestone::Target(number) if number == 0 || usize::from(number) > rules.targets.len() => {
            let count = rules.targets.len();
            wrong(problems, name, format!("there is no target {number}; the plan has {count}"));
        }
        Milestone::Multiple(_) | Milestone::Target(_) => {}
    }
}

fn check_moves(rules: &ExitRules, problems: &mut Vec<ParameterProblem>) {
    if let Some(even) = rules.break_even {
        check_milestone("even", even.after, rules, problems);
        if even.after == Milestone::Multiple(Rate::ZERO) {
            wrong(problems, "even", "0 R is the entry itself; the stop would be hit at once".to_owned());
        }
        if even.offset < Rate::ZERO || even.offset >= Rate::ONE {
            let percent = even.offset.percent();
            wrong(problems, "even", format!("an offset of {percent} % is not between 0 % and 100 %"));
        }
    }
    if let Some(trail) = rules.trail {
        check_distance("trail", trail.distance, problems);
        check_milestone("trail", trail.after, rules, problems);
    }
    let is_empty = |limit| match limit {
        TimeLimit::Bars(bars) => bars == 0,
        TimeLimit::Span(span) => span.nanos() <= 0,
    };
    if rules.time_stop.is_some_and(|t| is_empty(t.limit)) {
        wrong(problems, "time", "a position must be allowed to be open for some time".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(text: &str) -> Rate {
        Rate::parse(text).unwrap()
    }

    fn problems(change: impl FnOnce(&mut ExitRules)) -> Vec<String> {
        let mut rules = ExitRules::new(StopRule::At(Distance::Fraction(rate("0.03"))));
        change(&mut rules);
        let found = ExitPlan::new(rules).err().unwrap_or_default();
        found.iter().map(|p| format!("{}: {}", p.name, p.problem)).collect()
    }

    fn target(multiple: &str, fraction: &str) -> TargetRule {
        TargetRule { multiple: rate(multiple), fraction: rate(fraction) }
    }

    #[test]
    fn rules_that_do_not_fit_are_all_named() {
        assert_eq!(problems(|_| ()), [""; 0]);
        assert_eq!(
            problems(|r| {
                r.targets = vec![target("2", "0.5"), target("1", "0.6"), target("3", "0")];
                r.risk = Some(rate("1.5"));
                r.break_even = Some(BreakEven { after: Milestone::Target(4), offset: rate("-0.1") });
                r.trail = Some(Trail {
                    distance: Distance::Atr(Rate::ZERO),
                    after: Milestone::Multiple(rate("-1")),
                });
                r.time_stop = Some(TimeStop { limit: TimeLimit::Bars(0), spares_profit: false });
                r.atr_bars = 0;
            }),
            [
                "atr: 0 candles are not between 1 and 1000",
                "risk: 150 % is not above 0 % and up to 100 %",
                "target: target 2 at 1 R is not beyond 2 R",
                "target: target 3 closes 0 %, which is not above zero",
                "target: the targets close 110 % together; 100 % is all there is",
                "even: there is no target 4; the plan has 3",
                "even: an offset of -10 % is not between 0 % and 100 %",
                "trail: 0 average true ranges are not above zero",
                "trail: -1 R is not in the direction of the position",
                "time: a position must be allowed to be open for some time",
            ]
        );
        assert_eq!(problems(|r| r.targets = vec![target("1", "0.1"); 9]).len(), 9);
        assert_eq!(
            problems(|r| r.stop = StopRule::At(Distance::Fraction(Rate::ONE))),
            ["stop: 100 % is not between 0 % and 100 %"]
        );
        assert_eq!(problems(|r| r.stop = StopRule::Structure { bars: 0, buffer: Rate::ONE }).len(), 2);
    }

    #[test]
    fn a_plan_says_which_candles_it_needs() {
        let plan = |rules| ExitPlan::new(rules).unwrap();
        let fixed = ExitRules::new(StopRule::At(Distance::Fraction(rate("0.03"))));
        assert_eq!(plan(fixed.clone()).needed_atr(), None);
        let trail = Trail { distance: Distance::Atr(rate("2")), after: Milestone::Multiple(Rate::ZERO) };
        assert_eq!(plan(ExitRules { trail: Some(trail), atr_bars: 7, ..fixed }).needed_atr(), Some(7));
        let structure = ExitRules::new(StopRule::Structure { bars: 20, buffer: Rate::ZERO });
        assert_eq!(plan(structure).needed_structure(), 20);
    }
}
