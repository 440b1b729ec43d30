//! Exit plans as one line of text, for configuration files, messages and tests.
//!
//! ```text
//! stop 3% | stop 2atr | stop 250 | stop signal | stop low 20 [0.1%]     the first stop; always there
//! risk 1%                                            the size: what the stop may cost, of the equity
//! target 1r 50%                                      one for each target, nearest first
//! by market | by limit                               how targets are taken; limit unless said
//! even after 1r [0.05%] | even after target 1        the stop to break-even
//! trail 2atr [after 1r] | trail 1% after target 1    the stop behind the best price
//! time 48 bars [unless profit] | time 90 minutes     the position closed at market
//! atr 14                                             the length of the average true range
//! ```
//!
//! Parts are separated by `;` and may come in any order.

use crate::ParameterProblem;
use crate::exit_plan::{
    BreakEven, Distance, ExitPlan, ExitRules, Milestone, StopRule, TargetOrder, TargetRule, TimeLimit,
    TimeStop, Trail,
};
use std::fmt;
use std::str::FromStr;
use units::{Amount, Rate, Span};

impl FromStr for ExitPlan {
    type Err = Vec<ParameterProblem>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut rules = ExitRules::new(StopRule::Signal);
        let (mut problems, mut has_stop) = (Vec::new(), false);
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let words: Vec<&str> = part.split_whitespace().collect();
            has_stop |= words[0] == "stop";
            if let Err(problem) = read(&words, &mut rules) {
                problems.push(ParameterProblem { name: words[0].to_owned(), problem });
            }
        }
        if !has_stop {
            let problem = "a plan needs a stop, such as \"stop 3%\"; \"stop signal\" leaves it to the signal"
                .to_owned();
            problems.push(ParameterProblem { name: "stop".to_owned(), problem });
        }
        if problems.is_empty() { Self::new(rules) } else { Err(problems) }
    }
}

fn read(words: &[&str], rules: &mut ExitRules) -> Result<(), String> {
    match words {
        ["stop", "signal"] => rules.stop = StopRule::Signal,
        ["stop", "low", bars, buffer @ ..] if buffer.len() <= 1 => {
            let buffer = buffer.first().map_or(Ok(Rate::ZERO), |text| percent(text))?;
            rules.stop = StopRule::Structure { bars: whole(bars)?, buffer };
        }
        ["stop", far] => rules.stop = StopRule::At(distance(far)?),
        ["risk", share] => rules.risk = Some(percent(share)?),
        ["target", at, share] => {
            rules.targets.push(TargetRule { multiple: multiple(at)?, fraction: percent(share)? });
        }
        ["by", "limit"] => rules.target_order = TargetOrder::Limit,
        ["by", "market"] => rules.target_order = TargetOrder::Market,
        ["even", "after", "target", number, offset @ ..] if offset.len() <= 1 => {
            rules.break_even = Some(even(Milestone::Target(whole(number)?), offset.first())?);
        }
        ["even", "after", at, offset @ ..] if offset.len() <= 1 => {
            rules.break_even = Some(even(Milestone::Multiple(multiple(at)?), offset.first())?);
        }
        ["trail", far] => rules.trail = Some(trail(far, Milestone::Multiple(Rate::ZERO))?),
        ["trail", far, "after", "target", number] => {
            rules.trail = Some(trail(far, Milestone::Target(whole(number)?))?);
        }
        ["trail", far, "after", at] => rules.trail = Some(trail(far, Milestone::Multiple(multiple(at)?))?),
        ["time", count, unit] => rules.time_stop = Some(time(count, unit, false)?),
        ["time", count, unit, "unless", "profit"] => rules.time_stop = Some(time(count, unit, true)?),
        ["atr", bars] => rules.atr_bars = whole(bars)?,
        _ => {
            return Err(format!(
                "{:?} is none of stop, risk, target, by, even, trail, time, atr as documented",
                words.join(" ")
            ));
        }
    }
    Ok(())
}

fn even(after: Milestone, offset: Option<&&str>) -> Result<BreakEven, String> {
    Ok(BreakEven { after, offset: offset.map_or(Ok(Rate::ZERO), |text| percent(text))? })
}

fn trail(far: &str, after: Milestone) -> Result<Trail, String> {
    Ok(Trail { distance: distance(far)?, after })
}

fn time(count: &str, unit: &str, spares_profit: bool) -> Result<TimeStop, String> {
    let seconds = match unit {
        "bar" | "bars" => {
            return Ok(TimeStop { limit: TimeLimit::Bars(whole(count)?), spares_profit });
        }
        "minute" | "minutes" => 60,
        "hour" | "hours" => 3_600,
        "day" | "days" => 86_400,
        _ => return Err(format!("{unit:?} is none of bars, minutes, hours, days")),
    };
    // A million days are no limit, and more might not fit.
    let seconds = i64::from(whole::<u32>(count)?.min(1_000_000)) * seconds;
    Ok(TimeStop {
        limit: TimeLimit::Span(Span::from_nanos(seconds.saturating_mul(1_000_000_000))),
        spares_profit,
    })
}

fn whole<N: FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("{text:?} is not a whole number in range"))
}

fn percent(text: &str) -> Result<Rate, String> {
    let number =
        text.strip_suffix('%').ok_or_else(|| format!("{text:?} is not a percentage such as 0.5%"))?;
    Rate::parse_percent(number).map_err(|e| format!("{text:?}: {e}"))
}

fn multiple(text: &str) -> Result<Rate, String> {
    let number = text
        .strip_suffix('r')
        .ok_or_else(|| format!("{text:?} is not a multiple of the risk such as 1.5r"))?;
    Rate::parse(number).map_err(|e| format!("{text:?}: {e}"))
}

fn distance(text: &str) -> Result<Distance, String> {
    let wrong = |e| format!("{text:?}: {e}");
    if text.ends_with('%') {
        percent(text).map(Distance::Fraction)
    } else if let Some(number) = text.strip_suffix("atr") {
        Rate::parse(number).map(Distance::Atr).map_err(wrong)
    } else {
        Amount::parse(text).map(Distance::Price).map_err(wrong)
    }
}

impl fmt::Display for ExitPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules = self.rules();
        match rules.stop {
            StopRule::Signal => f.write_str("stop signal")?,
            StopRule::At(far) => write!(f, "stop {}", Far(far))?,
            StopRule::Structure { bars, buffer } => write!(f, "stop low {bars} {}%", buffer.percent())?,
        }
        if let Some(risk) = rules.risk {
            write!(f, "; risk {}%", risk.percent())?;
        }
        for target in &rules.targets {
            write!(f, "; target {}r {}%", target.multiple, target.fraction.percent())?;
        }
        if rules.target_order == TargetOrder::Market {
            f.write_str("; by market")?;
        }
        if let Some(even) = rules.break_even {
            write!(f, "; even {} {}%", After(even.after), even.offset.percent())?;
        }
        if let Some(trail) = rules.trail {
            write!(f, "; trail {} {}", Far(trail.distance), After(trail.after))?;
        }
        if let Some(time) = rules.time_stop {
            match time.limit {
                TimeLimit::Bars(bars) => write!(f, "; time {bars} bars")?,
                TimeLimit::Span(span) => write!(f, "; time {} minutes", span.seconds() / 60)?,
            }
            f.write_str(if time.spares_profit { " unless profit" } else { "" })?;
        }
        if self.needed_atr().is_some() { write!(f, "; atr {}", rules.atr_bars) } else { Ok(()) }
    }
}

struct Far(Distance);

impl fmt::Display for Far {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Distance::Price(amount) => write!(f, "{amount}"),
            Distance::Fraction(rate) => write!(f, "{}%", rate.percent()),
            Distance::Atr(multiple) => write!(f, "{}atr", multiple),
        }
    }
}

struct After(Milestone);

impl fmt::Display for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Milestone::Multiple(multiple) => write!(f, "after {}r", multiple),
            Milestone::Target(number) => write!(f, "after target {number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(text: &str) -> String {
        match text.parse::<ExitPlan>() {
            Ok(plan) => {
                let shown = plan.to_string();
                assert_eq!(shown.parse::<ExitPlan>(), Ok(plan), "{shown}");
                shown
            }
            Err(problems) => {
                problems.iter().map(|p| format!("{}: {}", p.name, p.problem)).collect::<Vec<_>>().join("; ")
            }
        }
    }

    #[test]
    fn plans_are_read_and_shown() {
        assert_eq!(
            again("stop 3%; target 1r 50%; target 2.5r 30%; even after target 1; trail 2atr after 1r"),
            "stop 3%; target 1r 50%; target 2.5r 30%; even after target 1 0%; trail 2atr after 1r; atr 14"
        );
        assert_eq!(
            again(
                "atr 7; stop 1.5atr; risk 0.5%; by market; target 2r 100%; even after 1r 0.1%; time 3 hours"
            ),
            "stop 1.5atr; risk 0.5%; target 2r 100%; by market; even after 1r 0.1%; time 180 minutes; atr 7"
        );
        assert_eq!(
            again("stop low 20 0.1%; trail 250.5; time 48 bars unless profit"),
            "stop low 20 0.1%; trail 250.5 after 0r; time 48 bars unless profit"
        );
        assert_eq!(
            again("stop signal; trail 1% after target 1; target 1r 1%"),
            "stop signal; target 1r 1%; trail 1% after target 1"
        );
    }

    #[test]
    fn errors_teach() {
        assert_eq!(
            again("target 1r 50%"),
            "stop: a plan needs a stop, such as \"stop 3%\"; \"stop signal\" leaves it to the signal"
        );
        assert_eq!(
            again("stop 3%; target 1 50%; time 4 weeks; trial 2%"),
            "target: \"1\" is not a multiple of the risk such as 1.5r; time: \"weeks\" is none of bars, minutes, hours, days; \
             trial: \"trial 2%\" is none of stop, risk, target, by, even, trail, time, atr as documented"
        );
        assert_eq!(again("stop 0%"), "stop: 0 % is not between 0 % and 100 %");
        assert!(again("stop x%; risk 99999999999999999999%; atr 70000").contains("risk"));
    }
}
