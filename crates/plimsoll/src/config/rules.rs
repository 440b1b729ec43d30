//! What must hold between settings, after each of them is fine by itself.

use std::collections::BTreeMap;

use model::Timeframe;
use serde_json::Value as Json;

use super::decimal::Decimal;
use super::merge::{Held, Merge, path};
use super::problem::Problem;
use super::settings::{Default, SECTIONS};
use super::suggest;
use super::values::timeframe_named;

/// Every broken rule. Rules about values already reported are skipped.
pub(crate) fn check(merge: &Merge) -> Vec<Problem> {
    let mut problems = Vec::new();
    problems.extend(missing(merge));
    problems.extend(leverage(merge));
    problems.extend(pair_leverage(merge));
    problems.extend(tiers(merge));
    problems.extend(period(merge));
    problems.extend(detail(merge));
    problems.extend(credentials(merge));
    problems.extend(repeated(merge, "pairs", "symbol"));
    problems.extend(repeated(merge, "strategies", "id"));
    problems.extend(unknown_symbols(merge));
    problems
}

/// A required key that no layer gives.
fn missing(merge: &Merge) -> Vec<Problem> {
    let mut problems = Vec::new();
    for section in SECTIONS {
        for (index, group) in merge.groups.get(section.name).into_iter().flatten().enumerate() {
            for setting in section.settings.iter().filter(|setting| setting.default == Default::Required) {
                let key = format!("{}.{}", path(section, index), setting.key);
                if !group.held.contains_key(setting.key) && !reported(merge, &key) {
                    let problem = Problem::new(group.place.clone(), "is missing").key(key);
                    problems.push(problem.allowed(setting.allowed()));
                }
            }
        }
    }
    problems
}

fn reported(merge: &Merge, key: &str) -> bool {
    merge.problems.iter().any(|problem| problem.key.as_deref() == Some(key))
}

/// Two settings of a section that are both set and not already reported.
fn both<'a>(merge: &'a Merge, section: &str, keys: [&str; 2]) -> Option<[(&'a Held, &'a str); 2]> {
    if keys.iter().any(|key| reported(merge, &format!("{section}.{key}"))) {
        return None;
    }
    let text = |key| {
        let held = merge.get(section, key)?;
        Some((held, held.value.as_str()?))
    };
    Some([text(keys[0])?, text(keys[1])?])
}

fn leverage(merge: &Merge) -> Option<Problem> {
    let [(held, default), (_, most)] = both(merge, "risk", ["default_leverage", "max_leverage"])?;
    let above = default.parse::<Decimal>().ok()? > most.parse::<Decimal>().ok()?;
    above.then(|| {
        let problem =
            Problem::new(held.place.clone(), "above risk.max_leverage").key("risk.default_leverage");
        problem.value(default).allowed(format!("up to {most} (times)"))
    })
}

/// Every position is opened at `risk.default_leverage`, so no active pair may allow less than that.
fn pair_leverage(merge: &Merge) -> Vec<Problem> {
    let key = |index| format!("pairs[{index}].max_leverage");
    let decimal = |held: &Held| held.value.as_str()?.parse::<Decimal>().ok();
    let default = merge.get("risk", "default_leverage").filter(|_| !reported(merge, "risk.default_leverage"));
    let Some(used) = default.and_then(decimal) else { return Vec::new() };
    let is_active = |index: usize| {
        let switch = merge.groups.get("pairs").and_then(|pairs| pairs.get(index)?.held.get("is_active"));
        switch.is_none_or(|held| held.value.as_bool() != Some(false))
    };
    let below = |(index, held): (usize, &Held)| {
        let most = decimal(held).filter(|most| used > *most && is_active(index))?;
        (!reported(merge, &key(index))).then(|| {
            Problem::new(held.place.clone(), "below risk.default_leverage, at which positions are opened")
                .key(key(index))
                .value(most.to_string())
                .allowed(format!("from {used} up (times), or a lower risk.default_leverage"))
        })
    };
    texts(merge, "pairs", "max_leverage").into_iter().filter_map(below).collect()
}

/// The yellow tier begins before the orange one, and that before the limit itself.
fn tiers(merge: &Merge) -> Option<Problem> {
    let [(held, caution), (_, stop)] = both(merge, "risk", ["caution_percent", "stop_entries_percent"])?;
    let above = caution.parse::<Decimal>().ok()? > stop.parse::<Decimal>().ok()?;
    above.then(|| {
        let problem =
            Problem::new(held.place.clone(), "above risk.stop_entries_percent").key("risk.caution_percent");
        problem.value(caution).allowed(format!("up to {stop} (percent of the limit)"))
    })
}

fn period(merge: &Merge) -> Option<Problem> {
    // ISO dates of equal length are in order as text.
    let [(_, start), (held, end)] = both(merge, "backtest", ["start", "end"])?;
    (end <= start).then(|| {
        let problem = Problem::new(held.place.clone(), "not after backtest.start").key("backtest.end");
        problem.value(end).allowed(format!("a date after {start}"))
    })
}

/// Candles that fill orders must be parts of the candles decided on: `backtest.timeframe`, or else the strategies' own.
fn detail(merge: &Merge) -> Vec<Problem> {
    let Some(held) = merge.get("backtest", "timeframe_detail") else { return Vec::new() };
    let Some(fine) = timeframe(held) else { return Vec::new() };
    let deciding = match merge.get("backtest", "timeframe").and_then(timeframe) {
        Some(coarse) => vec![("backtest.timeframe".to_owned(), coarse)],
        None => texts(merge, "strategies", "timeframe")
            .into_iter()
            .filter_map(|(index, held)| Some((format!("strategies[{index}].timeframe"), timeframe(held)?)))
            .collect(),
    };
    let unfit = deciding.into_iter().filter(|(key, coarse)| {
        coarse.multiple_of(fine).is_none() && !reported(merge, key) && !reported(merge, "backtest.timeframe")
    });
    let problem = |(key, coarse)| {
        Problem::new(held.place.clone(), format!("does not divide {key}"))
            .key("backtest.timeframe_detail")
            .value(fine.to_string())
            .allowed(format!("a shorter timeframe that divides {coarse}"))
    };
    unfit.map(problem).collect()
}

fn timeframe(held: &Held) -> Option<Timeframe> {
    timeframe_named(held.value.as_str()?)
}

/// A key without a secret signs nothing, and a secret without a key is a forgotten half.
fn credentials(merge: &Merge) -> Option<Problem> {
    let keys = ["api_key", "api_secret"];
    if keys.iter().any(|key| reported(merge, &format!("exchange.{key}"))) {
        return None;
    }
    let [key, secret] = keys.map(|key| merge.get("exchange", key).filter(|held| !held.value.is_null()));
    let (set, missing) = match (key, secret) {
        (Some(key), None) => (key, "api_secret"),
        (None, Some(secret)) => (secret, "api_key"),
        _ => return None,
    };
    let problem =
        Problem::new(set.place.clone(), "is missing while the other half of the credentials is set here");
    Some(problem.key(format!("exchange.{missing}")))
}

fn texts<'a>(merge: &'a Merge, section: &str, key: &str) -> Vec<(usize, &'a Held)> {
    let groups = merge.groups.get(section).into_iter().flatten().enumerate();
    groups.filter_map(|(index, group)| Some((index, group.held.get(key)?))).collect()
}

/// Two items of a list with one name.
fn repeated(merge: &Merge, section: &str, key: &str) -> Vec<Problem> {
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    let mut problems = Vec::new();
    for (index, held) in texts(merge, section, key) {
        let Some(name) = held.value.as_str() else { continue };
        if let Some(before) = first.get(name) {
            let problem = Problem::new(held.place.clone(), format!("already given by {section}[{before}]"));
            problems.push(problem.key(format!("{section}[{index}].{key}")).value(name));
        } else {
            first.insert(name, index);
        }
    }
    problems
}

/// Strategies and clusters may only name configured pairs; with no pairs configured there is nothing to compare with.
fn unknown_symbols(merge: &Merge) -> Vec<Problem> {
    let known: Vec<&str> =
        texts(merge, "pairs", "symbol").into_iter().filter_map(|(_, held)| held.value.as_str()).collect();
    let broken = merge.problems.iter().any(|p| p.key.as_deref().is_some_and(|key| key.starts_with("pairs")));
    if known.is_empty() || broken {
        return Vec::new();
    }
    let mut problems = Vec::new();
    let lists = ["strategies", "clusters"].map(|section| {
        texts(merge, section, "symbols").into_iter().map(move |(index, held)| (section, index, held))
    });
    for (section, index, held) in lists.into_iter().flatten() {
        let symbols = held.value.as_array().into_iter().flatten().filter_map(Json::as_str);
        for symbol in symbols.filter(|symbol| !known.contains(symbol)) {
            let problem = Problem::new(held.place.clone(), "not one of the pairs");
            let problem = problem.key(format!("{section}[{index}].symbols")).value(symbol);
            problems.push(problem.allowed(known.join(", ")).suggestion(suggest::nearest(symbol, &known)));
        }
    }
    problems
}
