//! Performance metrics: pure functions of daily returns and of closed trades.
//!
//! "Sharpe" means at least five different things in five tools. Every function here names its convention, and
//! [`daily_metrics`] and [`trade_metrics`] carry it beside the number for the report. The house convention is the
//! textbook one on a daily mark-to-market equity curve: 365 periods a year, deviations with ddof 1, risk-free rate 0
//! unless given. What other tools would print is in [`compat`].
//!
//! A value that is undefined (no losses to divide by, too few days, a non-finite input) is `None`, never NaN or
//! infinite. Transcendental functions come from `libm`, so the figures are the same bits on every platform.

pub mod compat;
pub mod drawdown;
pub mod normal;
pub mod relative;
pub mod returns;
pub mod sample;
pub mod trades;

/// Returns in a year: crypto trades every day.
pub const PERIODS_PER_YEAR: f64 = 365.0;

/// One line of a report.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    /// A stable name in `snake_case`.
    pub name: &'static str,
    /// The value; `None` where it is undefined for this run.
    pub value: Option<f64>,
    /// How it was computed, short enough to print beside the number.
    pub convention: &'static str,
}

fn metric(name: &'static str, value: Option<f64>, convention: &'static str) -> Metric {
    Metric { name, value, convention }
}

/// Every metric of a series of daily returns, at 365 a year. `rf` is the annual risk-free rate as a fraction; it enters
/// the Sharpe and Sortino ratios.
#[must_use]
pub fn daily_metrics(returns: &[f64], rf: f64) -> Vec<Metric> {
    let mut list = performance(returns, rf);
    list.extend(falls(returns));
    list.extend(tails(returns));
    list.extend(days(returns));
    list
}

fn performance(r: &[f64], rf: f64) -> Vec<Metric> {
    use returns as on;
    const P: f64 = PERIODS_PER_YEAR;
    vec![
        metric("total_return", on::total_return(r), "prod(1+r)-1"),
        metric("cagr", on::cagr(r, P), "prod(1+r)^(365/n)-1"),
        metric("mean", sample::mean(r), "arithmetic, per day"),
        metric("std", sample::deviation(r, 1), "ddof 1, per day"),
        metric("volatility", on::volatility(r, P), "std(ddof 1)*sqrt(365)"),
        metric("sharpe", on::sharpe(r, rf, P, 1), "mean/std(ddof 1)*sqrt(365) over rf"),
        metric("sortino", on::sortino(r, rf, P), "mean/downside over all n*sqrt(365) over rf"),
        metric("calmar", on::calmar(r, P), "cagr/|max drawdown|"),
        metric("omega", on::omega(r), "gains/losses, threshold 0"),
        metric("autocorrelation_penalty", on::autocorrelation_penalty(r), "from lag-1 |correlation|"),
        metric("smart_sharpe", on::smart_sharpe(r, rf, P), "sharpe/autocorrelation penalty"),
        metric("smart_sortino", on::smart_sortino(r, rf, P), "sortino/autocorrelation penalty"),
        metric("probabilistic_sharpe", probabilistic(r, rf), "P(SR>0 over rf), biased moments"),
    ]
}

fn probabilistic(returns: &[f64], rf: f64) -> Option<f64> {
    returns::probabilistic_sharpe(&returns::excess(returns, rf, PERIODS_PER_YEAR), 0.0)
}

fn falls(r: &[f64]) -> Vec<Metric> {
    let days = drawdown::max_drawdown_duration(r).map(|days| days as f64);
    vec![
        metric("max_drawdown", drawdown::max_drawdown(r), "min(equity/peak-1), peak starts at 1"),
        metric("max_drawdown_duration", days, "longest run of days below the peak"),
        metric("ulcer_index", drawdown::ulcer_index(r), "sqrt(sum(dd^2)/n)"),
        metric("ulcer_index_sample", drawdown::ulcer_index_sample(r), "sqrt(sum(dd^2)/(n-1))"),
        metric("ulcer_performance_index", drawdown::ulcer_performance_index(r), "total return/ulcer(n-1)"),
        metric("serenity_index", drawdown::serenity_index(r), "sum(r)/(ulcer(n-1)*pitfall)"),
        metric("recovery_factor", drawdown::recovery_factor(r), "|sum(r)|/|max drawdown|"),
    ]
}

fn tails(r: &[f64]) -> Vec<Metric> {
    use returns as on;
    let shortfall = |confidence| drawdown::expected_shortfall_normal(r, confidence);
    vec![
        metric("var95_normal", on::value_at_risk_normal(r, 0.95), "mean+z*std(ddof 1), a return"),
        metric("var99_normal", on::value_at_risk_normal(r, 0.99), "mean+z*std(ddof 1), a return"),
        metric("cvar95_normal", shortfall(0.95), "expected shortfall of the normal, a return"),
        metric("var95_empirical", on::value_at_risk_empirical(r, 0.95), "5% quantile, linear"),
        metric("var99_empirical", on::value_at_risk_empirical(r, 0.99), "1% quantile, linear"),
        metric("cvar95_empirical", on::conditional_value_at_risk_empirical(r, 0.95), "mean of r<=VaR"),
        metric("tail_ratio", on::tail_ratio(r), "|95% quantile/5% quantile|"),
        metric("skewness", sample::skewness_unbiased(r), "G1, bias-corrected"),
        metric("skewness_biased", sample::skewness_biased(r), "g1"),
        metric("kurtosis", sample::kurtosis_unbiased(r), "G2, excess, bias-corrected"),
        metric("kurtosis_biased", sample::kurtosis_biased(r), "g2, excess"),
    ]
}

fn days(r: &[f64]) -> Vec<Metric> {
    use returns as on;
    vec![
        metric("daily_win_rate", on::win_rate(r), "positive days/days that are not zero"),
        metric("daily_payoff", on::payoff(r), "average gain/|average loss|, days"),
        metric("daily_profit_factor", on::profit_factor(r), "gains/|losses|, days"),
        metric("cpc_index", on::cpc_index(r), "profit factor*win rate*payoff, days"),
        metric("common_sense_ratio", on::common_sense_ratio(r), "profit factor*tail ratio, days"),
        metric("daily_kelly", on::kelly(r), "(b*p-q)/b, days"),
        metric("gain_to_pain", on::gain_to_pain(r), "sum(r)/|sum of losses|, days"),
    ]
}

/// Every metric against a benchmark with as many daily returns, at 365 a year.
#[must_use]
pub fn benchmark_metrics(returns: &[f64], benchmark: &[f64]) -> Vec<Metric> {
    let information = relative::information_ratio(returns, benchmark, PERIODS_PER_YEAR);
    vec![
        metric("beta", relative::beta(returns, benchmark), "cov/var, ddof 1"),
        metric(
            "alpha",
            relative::alpha(returns, benchmark, PERIODS_PER_YEAR),
            "(mean r-beta*mean b)*365, arithmetic, rf 0",
        ),
        metric("information_ratio", information, "active mean/std(ddof 1)*sqrt(365)"),
        metric("r_squared", relative::r_squared(returns, benchmark), "squared correlation"),
    ]
}

/// Every metric of closed trades: `pnl` in quote currency net of fees in order of closing, `balance` the account's
/// start in the same currency.
#[must_use]
pub fn trade_metrics(pnl: &[f64], balance: f64) -> Vec<Metric> {
    use trades as on;
    let drawdown = on::closed_drawdown(pnl, balance);
    let count = |run: Option<usize>| run.map(|n| n as f64);
    vec![
        metric("trades", Some(pnl.len() as f64), "closed"),
        metric("net_profit", on::net_profit(pnl), "net of fees"),
        metric("win_rate", on::win_rate(pnl), "pnl>0, net of fees"),
        metric("profit_factor", on::profit_factor(pnl), "wins/|losses|"),
        metric("average_win", on::average_win(pnl), "mean of pnl>0"),
        metric("average_loss", on::average_loss(pnl), "mean of pnl<=0"),
        metric("payoff", on::payoff(pnl), "average win/|average loss|"),
        metric("expectancy", on::expectancy(pnl), "mean pnl"),
        metric("expectancy_ratio", on::expectancy_ratio(pnl), "win rate*payoff-loss rate"),
        metric("sqn", on::system_quality(pnl), "sqrt(n)*mean/std(ddof 1)"),
        metric("sqn_capped", on::system_quality_capped(pnl), "n capped at 100"),
        metric("kelly", on::kelly(pnl), "W-(1-W)/payoff"),
        metric("max_consecutive_wins", count(on::max_consecutive_wins(pnl)), "pnl>0"),
        metric("max_consecutive_losses", count(on::max_consecutive_losses(pnl)), "pnl<=0"),
        metric("closed_drawdown", drawdown.map(|d| d.absolute), "closed trades, quote currency"),
        metric("closed_drawdown_relative", drawdown.map(|d| d.relative), "of the account at the peak"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sound(list: &[Metric]) -> bool {
        list.iter().all(|m| m.value.is_none_or(f64::is_finite) && !m.convention.is_empty())
    }

    proptest! {
        #[test]
        fn a_report_never_prints_nan(xs in prop::collection::vec(any::<f64>(), 0..40), rf in any::<f64>()) {
            prop_assert!(sound(&daily_metrics(&xs, rf)), "{:?}", daily_metrics(&xs, rf));
            prop_assert!(sound(&benchmark_metrics(&xs, &xs)) && sound(&trade_metrics(&xs, rf)));
        }

        #[test]
        fn plausible_returns_have_plausible_metrics(xs in prop::collection::vec(-0.2..0.2f64, 5..80)) {
            let value = |name: &str| daily_metrics(&xs, 0.0).into_iter().find(|m| m.name == name).and_then(|m| m.value);
            prop_assert!(value("max_drawdown").is_some_and(|d| (-1.0..=0.0).contains(&d)));
            prop_assert!(value("probabilistic_sharpe").is_none_or(|p| (0.0..=1.0).contains(&p)));
            prop_assert!(value("var99_normal") <= value("var95_normal"));
            prop_assert!(value("cvar95_empirical") <= value("var95_empirical"));
            prop_assert!(value("autocorrelation_penalty") >= Some(1.0));
        }
    }

    #[test]
    fn names_are_unique() {
        let r = [0.01, -0.01, 0.02];
        let mut all = daily_metrics(&r, 0.0);
        all.extend(benchmark_metrics(&r, &r));
        all.extend(trade_metrics(&r, 1.0));
        let mut names: Vec<_> = all.iter().map(|m| m.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len());
    }

    #[test]
    fn without_data_nothing_but_the_count_is_defined() {
        assert!(daily_metrics(&[], 0.0).iter().all(|m| m.value.is_none()));
        let defined: Vec<_> = trade_metrics(&[], 1.0).into_iter().filter(|m| m.value.is_some()).collect();
        assert_eq!(defined.len(), 1);
    }
}
