//! Which candles a run needs: those that drive it, and longer ones for strategies that decide on those.

use model::Timeframe;

use super::plan::StrategyPlan;
use super::{MarketArgs, StrategyArgs};
use crate::config::Config;
use crate::failure::Failure;

/// The candles of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Timeframes {
    /// Those that drive it; `None` for those that are found.
    pub(super) base: Option<Timeframe>,
    /// Longer ones that strategies decide on, shortest first.
    pub(super) longer: Vec<Timeframe>,
}

/// Settles the candles of every plan. A timeframe of flags or of the backtest section is that of all of them; otherwise
/// each keeps the one of its entry, and the longest candles of which all of those can be made drive the run.
pub(super) fn settle(
    plans: &mut [StrategyPlan],
    args: &StrategyArgs,
    market: &MarketArgs,
    config: &Config,
) -> Result<Timeframes, Failure> {
    if let Some(timeframe) = market.timeframe.or(config.backtest.timeframe) {
        plans.iter_mut().for_each(|plan| plan.timeframe = Some(timeframe));
        return Ok(Timeframes { base: Some(timeframe), longer: Vec::new() });
    }
    if !args.strategies.is_empty() {
        plans.iter_mut().for_each(|plan| plan.timeframe = None);
        return Ok(Timeframes::default());
    }
    let mut wanted: Vec<Timeframe> = plans.iter().filter_map(|plan| plan.timeframe).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let Some(base) = common(&wanted) else {
        let names: Vec<String> = wanted.iter().map(ToString::to_string).collect();
        return Err(Failure::usage(format!(
            "there are no candles of which all of {} can be made; give --timeframe",
            names.join(", ")
        )));
    };
    wanted.retain(|timeframe| *timeframe != base);
    Ok(Timeframes { base: Some(base), longer: wanted })
}

/// The longest candles of which all of these can be made.
fn common(wanted: &[Timeframe]) -> Option<Timeframe> {
    let divides = |base: &Timeframe| wanted.iter().all(|t| t == base || t.multiple_of(*base).is_some());
    Timeframe::all().filter(divides).max()
}

/// The longest warm-up of any strategy, in the candles that drive the run: as many as `fixed` says, or as each needs.
pub(super) fn warm_up(plans: &[StrategyPlan], base: Timeframe, fixed: Option<u32>) -> Result<u32, Failure> {
    let mut most = 0;
    for plan in plans {
        let own = plan.timeframe.unwrap_or(base);
        let bars = match fixed {
            Some(bars) => bars,
            None => plan.warm_up_bars(own)?,
        };
        // The first of the longer candles begins somewhere inside the stretch, so one more is needed of those.
        let bars = match own.multiple_of(base) {
            Some(parts) => bars.saturating_add(1).saturating_mul(parts),
            None => bars,
        };
        most = most.max(bars);
    }
    Ok(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_candles_of_which_all_can_be_made() {
        let of = |names: &[&str]| {
            let wanted: Vec<Timeframe> = names.iter().map(|n| n.parse().unwrap()).collect();
            common(&wanted).map(|t| t.to_string())
        };
        assert_eq!(of(&["5m", "1h", "4h"]).as_deref(), Some("5m"));
        assert_eq!(of(&["3m", "5m"]).as_deref(), Some("1m"));
        assert_eq!(of(&["8h", "12h"]).as_deref(), Some("4h"));
        assert_eq!(of(&["1w", "3d"]).as_deref(), Some("1d"));
        assert_eq!(of(&["1h"]).as_deref(), Some("1h"));
    }
}
