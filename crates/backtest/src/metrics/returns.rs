//! Metrics of a series of daily returns: performance, risk, and the ratios of the two.
//!
//! `rf` is an annual risk-free rate as a fraction, spread over the year geometrically: `(1+rf)^(1/periods) - 1` a day.
//! `periods` is the number of returns in a year; crypto trades every day, so reports use [`super::PERIODS_PER_YEAR`].

use super::drawdown::max_drawdown;
use super::normal;
use super::sample::{
    correlation, defined, deviation, finite, kurtosis_biased, mean, quantile, ratio, select, skewness_biased,
    sum,
};

/// Simple daily returns of an equity curve, the first against `start`. `None` when `start` or an equity followed by
/// another is not positive, or a value is not finite.
#[must_use]
pub fn from_equity(start: f64, equity: &[f64]) -> Option<Vec<f64>> {
    let mut previous = start;
    let step = |&now: &f64| {
        let before = core::mem::replace(&mut previous, now);
        if before > 0.0 { ratio(now, before).map(|growth| growth - 1.0) } else { None }
    };
    equity.iter().map(step).collect()
}

/// `Π(1+r) - 1`.
#[must_use]
pub fn total_return(returns: &[f64]) -> Option<f64> {
    defined(finite(returns)?.iter().fold(1.0, |equity, r| equity * (1.0 + r)) - 1.0)
}

/// Compound annual growth rate: `(Π(1+r))^(periods/n) - 1`; undefined when more than everything was lost.
#[must_use]
pub fn cagr(returns: &[f64], periods: f64) -> Option<f64> {
    let wealth = total_return(returns)? + 1.0;
    defined(libm::pow(wealth, periods / returns.len() as f64) - 1.0)
}

/// The constant return that compounds to the same end: `(Π(1+r))^(1/n) - 1`.
#[must_use]
pub fn geometric_mean(returns: &[f64]) -> Option<f64> {
    cagr(returns, 1.0)
}

/// Annual volatility: standard deviation (ddof 1) times `√periods`.
#[must_use]
pub fn volatility(returns: &[f64], periods: f64) -> Option<f64> {
    defined(deviation(returns, 1)? * periods.sqrt())
}

/// Returns in excess of the risk-free rate.
#[must_use]
pub fn excess(returns: &[f64], rf: f64, periods: f64) -> Vec<f64> {
    let daily = if rf == 0.0 { 0.0 } else { libm::pow(1.0 + rf, 1.0 / periods) - 1.0 };
    returns.iter().map(|r| r - daily).collect()
}

/// Sharpe ratio: `mean / sd(ddof) · √periods` of the excess returns. Textbook: ddof 1.
#[must_use]
pub fn sharpe(returns: &[f64], rf: f64, periods: f64, ddof: usize) -> Option<f64> {
    let excess = excess(returns, rf, periods);
    defined(ratio(mean(&excess)?, deviation(&excess, ddof)?)? * periods.sqrt())
}

/// Downside deviation: `√(Σ min(r,0)² / n)` over **all** n returns, per day.
#[must_use]
pub fn downside_deviation(returns: &[f64]) -> Option<f64> {
    let squares: Vec<f64> = finite(returns)?.iter().map(|r| r.min(0.0) * r.min(0.0)).collect();
    mean(&squares).map(f64::sqrt)
}

/// Sortino ratio: `mean / downside deviation · √periods` of the excess returns, downside over all n.
#[must_use]
pub fn sortino(returns: &[f64], rf: f64, periods: f64) -> Option<f64> {
    let excess = excess(returns, rf, periods);
    defined(ratio(mean(&excess)?, downside_deviation(&excess)?)? * periods.sqrt())
}

/// By how much autocorrelation flatters a ratio: `√(1 + 2·Σ_{k=1}^{n-1} (n-k)/n·|ρ|^k)`, `ρ` the lag-1 correlation;
/// 1 when that is undefined.
#[must_use]
pub fn autocorrelation_penalty(returns: &[f64]) -> Option<f64> {
    let n = finite(returns)?.len();
    let rho = correlation(&returns[..n - 1], &returns[1..]).unwrap_or(0.0).abs();
    let (mut power, mut total) = (1.0, 0.0);
    for k in 1..n {
        power *= rho;
        total += (n - k) as f64 / n as f64 * power;
    }
    defined((1.0 + 2.0 * total).sqrt())
}

/// [`sharpe`] (ddof 1) divided by [`autocorrelation_penalty`].
#[must_use]
pub fn smart_sharpe(returns: &[f64], rf: f64, periods: f64) -> Option<f64> {
    ratio(sharpe(returns, rf, periods, 1)?, autocorrelation_penalty(returns)?)
}

/// [`sortino`] divided by [`autocorrelation_penalty`].
#[must_use]
pub fn smart_sortino(returns: &[f64], rf: f64, periods: f64) -> Option<f64> {
    ratio(sortino(returns, rf, periods)?, autocorrelation_penalty(returns)?)
}

/// Probabilistic Sharpe ratio: the probability that the true per-day Sharpe ratio exceeds `benchmark` (per day).
/// Bailey and López de Prado (2012), with `SR = mean/sd(ddof 1)` and **biased** moments:
/// `Φ((SR - benchmark) / √((1 - g1·SR + (g2+2)/4·SR²) / (n-1)))`, `g2` being excess kurtosis.
#[must_use]
pub fn probabilistic_sharpe(returns: &[f64], benchmark: f64) -> Option<f64> {
    probability_above(returns, benchmark, skewness_biased(returns)?, kurtosis_biased(returns)? + 3.0)
}

/// The formula of [`probabilistic_sharpe`] for any estimate of skewness and (not excess) kurtosis.
pub(super) fn probability_above(returns: &[f64], benchmark: f64, skew: f64, kurtosis: f64) -> Option<f64> {
    let ratio_per_day = ratio(mean(returns)?, deviation(returns, 1)?)?;
    let spread = 1.0 - skew * ratio_per_day + (kurtosis - 1.0) / 4.0 * ratio_per_day * ratio_per_day;
    let error = (spread / (returns.len() as f64 - 1.0)).sqrt();
    Some(normal::cumulative(ratio(ratio_per_day - benchmark, error)?))
}

/// Calmar ratio: [`cagr`] over the absolute maximum drawdown of the whole series.
#[must_use]
pub fn calmar(returns: &[f64], periods: f64) -> Option<f64> {
    ratio(cagr(returns, periods)?, max_drawdown(returns)?.abs())
}

/// Omega ratio at threshold 0: sum of gains over sum of losses. On daily returns the same as [`profit_factor`].
#[must_use]
pub fn omega(returns: &[f64]) -> Option<f64> {
    let (gains, losses) = (gains(returns)?, losses(returns)?);
    ratio(sum(&gains), -sum(&losses))
}

fn gains(returns: &[f64]) -> Option<Vec<f64>> {
    Some(select(finite(returns)?, |r| r > 0.0))
}

fn losses(returns: &[f64]) -> Option<Vec<f64>> {
    Some(select(finite(returns)?, |r| r < 0.0))
}

/// Value at risk of a normal distribution: `mean + z·sd(ddof 1)`, `z` the quantile at `1 - confidence`; a return, so
/// normally negative.
#[must_use]
pub fn value_at_risk_normal(returns: &[f64], confidence: f64) -> Option<f64> {
    defined(mean(returns)? + normal::quantile(1.0 - confidence)? * deviation(returns, 1)?)
}

/// Empirical value at risk: the quantile at `1 - confidence`, linear interpolation; a return.
#[must_use]
pub fn value_at_risk_empirical(returns: &[f64], confidence: f64) -> Option<f64> {
    quantile(returns, 1.0 - confidence)
}

/// Empirical conditional value at risk: mean of the returns at or below [`value_at_risk_empirical`].
#[must_use]
pub fn conditional_value_at_risk_empirical(returns: &[f64], confidence: f64) -> Option<f64> {
    let limit = value_at_risk_empirical(returns, confidence)?;
    mean(&select(returns, |r| r <= limit))
}

/// Tail ratio: `|95 % quantile / 5 % quantile|`, linear interpolation.
#[must_use]
pub fn tail_ratio(returns: &[f64]) -> Option<f64> {
    ratio(quantile(returns, 0.95)?, quantile(returns, 0.05)?).map(f64::abs)
}

/// Mean of the positive returns.
#[must_use]
pub fn average_gain(returns: &[f64]) -> Option<f64> {
    mean(&gains(returns)?)
}

/// Mean of the negative returns (a negative number).
#[must_use]
pub fn average_loss(returns: &[f64]) -> Option<f64> {
    mean(&losses(returns)?)
}

/// Payoff: average gain over absolute average loss, on days.
#[must_use]
pub fn payoff(returns: &[f64]) -> Option<f64> {
    ratio(average_gain(returns)?, average_loss(returns)?.abs())
}

/// Profit factor on days: sum of gains over absolute sum of losses.
#[must_use]
pub fn profit_factor(returns: &[f64]) -> Option<f64> {
    omega(returns)
}

/// Share of positive days among the days that are not zero.
#[must_use]
pub fn win_rate(returns: &[f64]) -> Option<f64> {
    let (gains, losses) = (gains(returns)?.len() as f64, losses(returns)?.len() as f64);
    ratio(gains, gains + losses)
}

/// CPC index: profit factor · win rate · payoff, on days.
#[must_use]
pub fn cpc_index(returns: &[f64]) -> Option<f64> {
    defined(profit_factor(returns)? * win_rate(returns)? * payoff(returns)?)
}

/// Common sense ratio: profit factor · tail ratio, on days.
#[must_use]
pub fn common_sense_ratio(returns: &[f64]) -> Option<f64> {
    defined(profit_factor(returns)? * tail_ratio(returns)?)
}

/// Kelly fraction on days: `(b·p - q) / b`, `b` the payoff, `p` the win rate, `q = 1 - p`.
#[must_use]
pub fn kelly(returns: &[f64]) -> Option<f64> {
    let (payoff, win) = (payoff(returns)?, win_rate(returns)?);
    ratio(payoff * win - (1.0 - win), payoff)
}

/// Gain to pain: sum of all returns over the absolute sum of the negative ones (Jack Schwager, on days).
#[must_use]
pub fn gain_to_pain(returns: &[f64]) -> Option<f64> {
    ratio(sum(finite(returns)?), sum(&losses(returns)?).abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_come_from_equity_only_while_there_is_any() {
        assert_eq!(from_equity(100.0, &[110.0, 99.0]), Some(vec![110.0 / 100.0 - 1.0, 99.0 / 110.0 - 1.0]));
        assert_eq!(from_equity(100.0, &[0.0]), Some(vec![-1.0]));
        assert_eq!(from_equity(100.0, &[0.0, 5.0]), None);
        assert_eq!(from_equity(f64::NAN, &[1.0]), None);
        assert_eq!(from_equity(0.0, &[1.0]), None);
    }

    #[test]
    fn losing_more_than_everything_has_no_growth_rate() {
        assert_eq!(cagr(&[-1.5, 0.1], 365.0), None);
        assert_eq!(cagr(&[-1.0, 0.1], 365.0), Some(-1.0));
    }

    #[test]
    fn constant_returns_have_no_sharpe_ratio() {
        assert_eq!((sharpe(&[0.1; 9], 0.0, 365.0, 1), probabilistic_sharpe(&[0.1; 9], 0.0)), (None, None));
        assert_eq!((sortino(&[0.1; 9], 0.0, 365.0), omega(&[0.1; 9])), (None, None));
    }
}
