//! Metrics of a list of closed trades: profit of each in quote currency, net of fees, in order of closing.
//! A trade that earns nothing is a loss.

use super::sample::{defined, deviation, finite, mean, ratio, select, sum};

fn wins(pnl: &[f64]) -> Option<Vec<f64>> {
    Some(select(finite(pnl)?, |p| p > 0.0))
}

fn losses(pnl: &[f64]) -> Option<Vec<f64>> {
    Some(select(finite(pnl)?, |p| p <= 0.0))
}

/// Share of trades that earn more than nothing.
#[must_use]
pub fn win_rate(pnl: &[f64]) -> Option<f64> {
    ratio(wins(pnl)?.len() as f64, pnl.len() as f64)
}

/// Net profit, the sum of all trades.
#[must_use]
pub fn net_profit(pnl: &[f64]) -> Option<f64> {
    defined(sum(finite(pnl)?))
}

/// Profit factor: sum of wins over absolute sum of losses; undefined without a loss.
#[must_use]
pub fn profit_factor(pnl: &[f64]) -> Option<f64> {
    ratio(sum(&wins(pnl)?), sum(&losses(pnl)?).abs())
}

/// Mean profit of the winning trades.
#[must_use]
pub fn average_win(pnl: &[f64]) -> Option<f64> {
    mean(&wins(pnl)?)
}

/// Mean profit of the losing trades (zero or negative).
#[must_use]
pub fn average_loss(pnl: &[f64]) -> Option<f64> {
    mean(&losses(pnl)?)
}

/// Payoff: average win over absolute average loss.
#[must_use]
pub fn payoff(pnl: &[f64]) -> Option<f64> {
    ratio(average_win(pnl)?, average_loss(pnl)?.abs())
}

/// Expectancy: mean profit of a trade, in quote currency.
#[must_use]
pub fn expectancy(pnl: &[f64]) -> Option<f64> {
    mean(pnl)
}

/// Expectancy ratio: `win rate · payoff - loss rate`, the expected profit per unit of average loss.
#[must_use]
pub fn expectancy_ratio(pnl: &[f64]) -> Option<f64> {
    let win = win_rate(pnl)?;
    defined(win * payoff(pnl)? - (1.0 - win))
}

/// System quality number: `√n · mean / sd(ddof 1)`.
#[must_use]
pub fn system_quality(pnl: &[f64]) -> Option<f64> {
    quality(pnl, pnl.len())
}

/// System quality number with n capped at 100, so that many trades alone do not make quality (Van Tharp).
#[must_use]
pub fn system_quality_capped(pnl: &[f64]) -> Option<f64> {
    quality(pnl, pnl.len().min(100))
}

fn quality(pnl: &[f64], count: usize) -> Option<f64> {
    defined(ratio(mean(pnl)?, deviation(pnl, 1)?)? * (count as f64).sqrt())
}

/// Kelly fraction: `W - (1-W) / payoff`.
#[must_use]
pub fn kelly(pnl: &[f64]) -> Option<f64> {
    let win = win_rate(pnl)?;
    defined(win - ratio(1.0 - win, payoff(pnl)?)?)
}

/// The longest run of winning trades.
#[must_use]
pub fn max_consecutive_wins(pnl: &[f64]) -> Option<usize> {
    Some(longest_run(finite(pnl)?, |p| p > 0.0))
}

/// The longest run of losing trades.
#[must_use]
pub fn max_consecutive_losses(pnl: &[f64]) -> Option<usize> {
    Some(longest_run(finite(pnl)?, |p| p <= 0.0))
}

fn longest_run(pnl: &[f64], counts: impl Fn(f64) -> bool) -> usize {
    let (mut run, mut longest) = (0, 0);
    for &profit in pnl {
        run = if counts(profit) { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// The deepest drawdown on closed trades, at its deepest in quote currency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClosedDrawdown {
    /// The fall of cumulative profit from its peak (which starts at 0), in quote currency, zero or positive.
    pub absolute: f64,
    /// `absolute` over the account at that peak, `balance + peak`, a fraction.
    pub relative: f64,
}

/// The deepest fall of cumulative closed profit, for an account that started with `balance` (quote currency, more than
/// 0). Open losses do not show in it: a mark-to-market drawdown is deeper.
#[must_use]
pub fn closed_drawdown(pnl: &[f64], balance: f64) -> Option<ClosedDrawdown> {
    let (mut total, mut peak) = (0.0_f64, 0.0_f64);
    let mut deepest = ClosedDrawdown { absolute: 0.0, relative: 0.0 };
    for profit in finite(pnl)? {
        total += profit;
        peak = peak.max(total);
        if peak - total > deepest.absolute {
            let absolute = peak - total;
            deepest = ClosedDrawdown { absolute, relative: ratio(absolute, balance + peak)? };
        }
    }
    (balance > 0.0 && balance.is_finite() && deepest.absolute.is_finite()).then_some(deepest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_losses_what_divides_by_them_is_undefined() {
        let pnl = [1.0, 2.0];
        assert_eq!((win_rate(&pnl), expectancy(&pnl)), (Some(1.0), Some(1.5)));
        let undefined =
            [profit_factor(&pnl), payoff(&pnl), average_loss(&pnl), kelly(&pnl), expectancy_ratio(&pnl)];
        assert_eq!(undefined, [None; 5]);
    }

    #[test]
    fn a_trade_that_earns_nothing_is_a_loss() {
        let pnl = [1.0, 0.0, -1.0, 2.0, 3.0];
        assert_eq!(win_rate(&pnl), Some(0.6));
        assert_eq!((max_consecutive_wins(&pnl), max_consecutive_losses(&pnl)), (Some(2), Some(2)));
    }

    #[test]
    fn a_drawdown_needs_a_balance() {
        assert_eq!(closed_drawdown(&[5.0, -2.0], 0.0), None);
        assert_eq!(closed_drawdown(&[], 10.0), None);
        let want = ClosedDrawdown { absolute: 2.0, relative: 0.1 };
        assert_eq!(closed_drawdown(&[10.0, -2.0], 10.0), Some(want));
    }
}
