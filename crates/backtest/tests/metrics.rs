//! The metrics against figures published by other tools, and against a complete real run.
#![allow(clippy::print_stderr, reason = "a skipped or uncovered figure must be named")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use backtest::metrics::compat::{backtesting, empyrical, freqtrade, lean, quantstats};
use backtest::metrics::{drawdown, relative, returns as on, sample, trade_metrics, trades};

const R20: [f64; 20] = [
    0.010, -0.020, 0.015, 0.003, -0.007, 0.012, -0.011, 0.020, -0.004, 0.006, 0.0, 0.008, -0.013, 0.005,
    0.009, -0.002, 0.004, -0.006, 0.011, 0.001,
];
const T10: [f64; 10] = [12.0, -8.0, 5.0, -15.0, 20.0, 7.5, -4.0, 11.0, -6.5, 9.0];
const YEAR: f64 = 365.0;

/// Name, our value, published value.
type Figure = (&'static str, Option<f64>, f64);

fn agrees(got: Option<f64>, want: f64, tolerance: f64) -> bool {
    got.is_some_and(|got| (got - want).abs() <= tolerance * want.abs())
}

fn assert_all(figures: &[Figure], tolerance: f64) {
    let wrong: Vec<_> = figures.iter().filter(|(_, got, want)| !agrees(*got, *want, tolerance)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn ratios_of_the_published_daily_series() {
    let r = &R20;
    assert_all(
        &[
            ("sharpe", on::sharpe(r, 0.0, YEAR, 1), 3.882994573910135),
            ("sortino", on::sortino(r, 0.0, YEAR), 6.212004001181248),
            ("quantstats sharpe 252", on::sharpe(r, 0.0, 252.0, 1), 3.2264179250883305),
            ("quantstats sortino 252", on::sortino(r, 0.0, 252.0), 5.161614490732857),
            ("lean sharpe", lean::sharpe(r, 0.0, YEAR), 5.768993607576326),
            ("lean sortino", lean::sortino(r, 0.0, YEAR), 9.439343034529777),
            ("backtesting.py sharpe", backtesting::sharpe(r, YEAR), 2.668863884422377),
            ("backtesting.py sortino", backtesting::sortino(r, YEAR), 8.923174918059265),
            ("calmar", on::calmar(r, YEAR), 53.74083493159358),
            ("omega", on::omega(r), 1.650793650793651),
            ("autocorrelation penalty", on::autocorrelation_penalty(r), 2.1759218628170656),
            ("smart sharpe", on::smart_sharpe(r, 0.0, YEAR), 3.882994573910135 / 2.1759218628170656),
            ("smart sortino", on::smart_sortino(r, 0.0, YEAR), 6.212004001181248 / 2.1759218628170656),
            ("psr", on::probabilistic_sharpe(r, 0.0), 0.8016610669519011),
            ("quantstats psr", quantstats::probabilistic_sharpe(r), 0.8007043237911696),
        ],
        1e-12,
    );
}

#[test]
fn performance_and_risk_of_the_published_daily_series() {
    let r = &R20;
    assert_all(
        &[
            ("mean", sample::mean(r), 0.00205),
            ("std1", sample::deviation(r, 1), 0.01008633781539741),
            ("total return", on::total_return(r), 0.040803520580504626),
            ("cagr", on::cagr(r, YEAR), 1.0748166986318726),
            ("cagr 252", on::cagr(r, 252.0), 0.6551840115143786),
            ("volatility", on::volatility(r, YEAR), 0.19269921339254414),
            ("max drawdown", drawdown::max_drawdown(r), -0.02),
            ("ulcer, n-1", drawdown::ulcer_index_sample(r), 0.006999931682850536),
            ("ulcer performance", drawdown::ulcer_performance_index(r), 5.829131258590866),
            ("serenity", drawdown::serenity_index(r), 3.770048553535802),
            ("recovery", drawdown::recovery_factor(r), 2.05),
            ("var95 normal", on::value_at_risk_normal(r, 0.95), -0.01454054933831422),
            ("var99 normal", on::value_at_risk_normal(r, 0.99), -0.021414330533707504),
            ("cvar95 normal", drawdown::expected_shortfall_normal(r, 0.95), -0.01875521819266671),
            ("var95 empirical", on::value_at_risk_empirical(r, 0.95), -0.01335),
            ("tail", on::tail_ratio(r), 1.142322097378278),
            ("payoff", on::payoff(r), 0.962962962962963),
            ("profit factor", on::profit_factor(r), 1.650793650793651),
            ("cpc", on::cpc_index(r), 1.0039914601318112),
            ("csr", on::common_sense_ratio(r), 1.8857380655133478),
            ("kelly", on::kelly(r), 0.24898785425101214),
            ("gain to pain", on::gain_to_pain(r), 0.650793650793651),
            ("win rate", on::win_rate(r), 0.631578947368421),
            ("skewness", sample::skewness_unbiased(r), -0.40525714480184893),
            ("kurtosis", sample::kurtosis_unbiased(r), -0.15189698911339336),
        ],
        1e-12,
    );
}

#[test]
fn the_published_trade_list() {
    let (t, balance, days) = (&T10, 1000.0, 30);
    let fall = trades::closed_drawdown(t, balance);
    assert_all(
        &[
            ("profit factor", trades::profit_factor(t), 1.9253731343283582),
            ("expectancy", trades::expectancy(t), 3.1),
            ("expectancy ratio", trades::expectancy_ratio(t), 0.3701492537313433),
            ("sqn", trades::system_quality(t), 0.895556538334189),
            ("absolute drawdown", fall.map(|d| d.absolute), 18.0),
            ("relative drawdown", fall.map(|d| d.relative), 0.017786561264822136),
            ("freqtrade sharpe", freqtrade::sharpe(t, balance, days), 1.9010648490178994),
            ("freqtrade sortino", freqtrade::sortino(t, balance, days), 4.8349796289208475),
            ("freqtrade calmar", freqtrade::calmar(t, balance, days), 110.99281822810309),
            ("freqtrade cagr", freqtrade::cagr(t, balance, days), 0.44981891330422785),
        ],
        1e-12,
    );
}

/// A real run: daily returns, benchmark returns, trades, and what other libraries say about them.
struct Run {
    daily: Vec<f64>,
    benchmark: Vec<f64>,
    equity: Vec<f64>,
    pnl: Vec<f64>,
    fees: Vec<f64>,
    figures: BTreeMap<String, f64>,
}

fn reference_folder() -> Option<PathBuf> {
    let shared = std::env::var_os("PLIMSOLL_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let folder = shared.join("golden/metrics");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: no reference values at {} (set PLIMSOLL_SHARED)", folder.display());
    None
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn column(csv: &str, name: &str) -> Vec<f64> {
    let header = csv.lines().next().expect("a header");
    let at = header.split(',').position(|cell| cell == name).unwrap_or_else(|| panic!("no column {name}"));
    let cell = |line: &str| line.split(',').nth(at).and_then(|cell| cell.parse().ok());
    csv.lines().skip(1).map(|line| cell(line).unwrap_or_else(|| panic!("{name}: {line}"))).collect()
}

fn load(folder: &Path) -> Run {
    let file = |end: &str| text(&folder.join(format!("btc_1h_sma24_72_longflat.{end}")));
    let (daily, trades) = (file("daily.csv"), file("trades.csv"));
    let json: serde_json::Value = serde_json::from_str(&file("metrics.json")).expect("valid JSON");
    let entries = json["metrics"].as_array().expect("a list of metrics");
    let figure =
        |entry: &serde_json::Value| Some((entry["metric"].as_str()?.to_string(), entry["value"].as_f64()?));
    Run {
        daily: column(&daily, "ret"),
        benchmark: column(&daily, "bench_ret"),
        equity: column(&daily, "equity"),
        pnl: column(&trades, "pnl"),
        fees: column(&trades, "fees"),
        figures: entries.iter().map(|entry| figure(entry).expect("a name and a number")).collect(),
    }
}

fn textbook(run: &Run) -> Vec<(&'static str, Option<f64>)> {
    let (r, b) = (&run.daily[..], &run.benchmark[..]);
    let days = drawdown::max_drawdown_duration(r).map(|days| days as f64);
    vec![
        ("sharpe", on::sharpe(r, 0.0, YEAR, 1)),
        ("sharpe_ddof0", on::sharpe(r, 0.0, YEAR, 0)),
        ("sharpe_rf4", on::sharpe(r, 0.04, YEAR, 1)),
        ("sortino", on::sortino(r, 0.0, YEAR)),
        ("volatility", on::volatility(r, YEAR)),
        ("cagr", on::cagr(r, YEAR)),
        ("total_return", on::total_return(r)),
        ("max_drawdown", drawdown::max_drawdown(r)),
        ("calmar", on::calmar(r, YEAR)),
        ("ulcer_index", drawdown::ulcer_index(r)),
        ("max_drawdown_duration", days),
        ("var95_hist", on::value_at_risk_empirical(r, 0.95)),
        ("cvar95_hist", on::conditional_value_at_risk_empirical(r, 0.95)),
        ("var99_hist", on::value_at_risk_empirical(r, 0.99)),
        ("var95_normal", on::value_at_risk_normal(r, 0.95)),
        ("omega_0", on::omega(r)),
        ("tail_ratio", on::tail_ratio(r)),
        ("skew_biased", sample::skewness_biased(r)),
        ("skew_unbiased", sample::skewness_unbiased(r)),
        ("kurtosis_excess_biased", sample::kurtosis_biased(r)),
        ("kurtosis_excess_unbiased", sample::kurtosis_unbiased(r)),
        ("beta", relative::beta(r, b)),
        ("information_ratio", relative::information_ratio(r, b, YEAR)),
        ("alpha_annual_arith", relative::alpha(r, b, YEAR)),
    ]
}

fn closed_trades(run: &Run) -> Vec<(&'static str, Option<f64>)> {
    let list = trade_metrics(&run.pnl, 10_000.0);
    let value = |name: &str| list.iter().find(|m| m.name == name).and_then(|m| m.value);
    vec![
        ("trades", value("trades")),
        ("win_rate", value("win_rate")),
        ("profit_factor", value("profit_factor")),
        ("avg_win", value("average_win")),
        ("avg_loss", value("average_loss")),
        ("payoff_ratio", value("payoff")),
        ("expectancy", value("expectancy")),
        ("expectancy_ratio", value("expectancy_ratio")),
        ("sqn", value("sqn")),
        ("sqn_capped100", value("sqn_capped")),
        ("kelly", value("kelly")),
        ("gross_fees", trades::net_profit(&run.fees)),
        ("net_profit", value("net_profit")),
        ("max_consecutive_losses", value("max_consecutive_losses")),
    ]
}

fn quantstats_figures(run: &Run) -> Vec<(&'static str, Option<f64>)> {
    let (r, b) = (&run.daily[..], &run.benchmark[..]);
    vec![
        ("qs_sharpe", on::sharpe(r, 0.0, YEAR, 1)),
        ("qs_sortino", on::sortino(r, 0.0, YEAR)),
        ("qs_adjusted_sortino", quantstats::adjusted_sortino(r, YEAR)),
        ("qs_volatility", on::volatility(r, YEAR)),
        ("qs_cagr", on::cagr(r, YEAR)),
        ("qs_calmar", on::calmar(r, YEAR)),
        ("qs_max_drawdown", drawdown::max_drawdown(r)),
        ("qs_value_at_risk", on::value_at_risk_normal(r, 0.95)),
        ("qs_cvar", quantstats::conditional_value_at_risk(r)),
        ("qs_omega", on::omega(r)),
        ("qs_tail_ratio", on::tail_ratio(r)),
        ("qs_profit_factor", on::profit_factor(r)),
        ("qs_payoff_ratio", on::payoff(r)),
        ("qs_win_rate", on::win_rate(r)),
        ("qs_avg_win", on::average_gain(r)),
        ("qs_avg_loss", on::average_loss(r)),
        ("qs_skew", sample::skewness_unbiased(r)),
        ("qs_kurtosis", sample::kurtosis_unbiased(r)),
        ("qs_ulcer_index", drawdown::ulcer_index_sample(r)),
        ("qs_gain_to_pain_ratio", on::gain_to_pain(r)),
        ("qs_kelly_criterion", on::kelly(r)),
        ("qs_common_sense_ratio", on::common_sense_ratio(r)),
        ("qs_cpc_index", on::cpc_index(r)),
        ("qs_outlier_win_ratio", quantstats::outlier_win_ratio(r)),
        ("qs_outlier_loss_ratio", quantstats::outlier_loss_ratio(r)),
        ("qs_recovery_factor", drawdown::recovery_factor(r)),
        ("qs_risk_of_ruin", quantstats::risk_of_ruin(r)),
        ("qs_expected_return", on::geometric_mean(r)),
        ("qs_ulcer_performance_index", drawdown::ulcer_performance_index(r)),
        ("qs_serenity_index", drawdown::serenity_index(r)),
        ("qs_rar", quantstats::risk_adjusted_return(r, 252.0)),
        ("qs_comp", on::total_return(r)),
        ("qs_exposure", quantstats::exposure(r)),
        ("qs_smart_sharpe", on::smart_sharpe(r, 0.0, YEAR)),
        ("qs_probabilistic_sharpe_ratio", quantstats::probabilistic_sharpe(r)),
        ("qs_greeks_beta", relative::beta(r, b)),
        ("qs_greeks_alpha", relative::alpha(r, b, YEAR)),
        ("qs_information_ratio", relative::information_ratio(r, b, 1.0)),
        ("qs_r_squared", relative::r_squared(r, b)),
    ]
}

fn empyrical_figures(run: &Run) -> Vec<(&'static str, Option<f64>)> {
    let (r, b) = (&run.daily[..], &run.benchmark[..]);
    vec![
        ("em_sharpe_ratio", on::sharpe(r, 0.0, YEAR, 1)),
        ("em_sortino_ratio", on::sortino(r, 0.0, YEAR)),
        ("em_annual_return", on::cagr(r, YEAR)),
        ("em_annual_volatility", on::volatility(r, YEAR)),
        ("em_calmar_ratio", on::calmar(r, YEAR)),
        ("em_downside_risk", empyrical::downside_risk(r, YEAR)),
        ("em_cagr", on::cagr(r, YEAR)),
        ("em_max_drawdown", drawdown::max_drawdown(r)),
        ("em_omega_ratio", on::omega(r)),
        ("em_value_at_risk", on::value_at_risk_empirical(r, 0.95)),
        ("em_conditional_value_at_risk", empyrical::conditional_value_at_risk(r, 0.05)),
        ("em_tail_ratio", on::tail_ratio(r)),
        ("em_stability_of_timeseries", empyrical::stability(r)),
        ("em_cum_returns_final", on::total_return(r)),
        ("em_alpha", empyrical::alpha(r, b, YEAR)),
        ("em_beta", relative::beta(r, b)),
        ("em_up_capture", empyrical::up_capture(r, b, 252.0)),
        ("em_down_capture", empyrical::down_capture(r, b, 252.0)),
        ("em_excess_sharpe", relative::information_ratio(r, b, 1.0)),
    ]
}

#[test]
fn a_real_run_agrees_with_every_library() {
    let Some(folder) = reference_folder() else { return };
    let run = load(&folder);
    let ours: BTreeMap<_, _> =
        [textbook(&run), closed_trades(&run), quantstats_figures(&run), empyrical_figures(&run)]
            .into_iter()
            .flatten()
            .collect();
    let mut wrong = Vec::new();
    for (name, want) in &run.figures {
        match ours.get(name.as_str()) {
            None => eprintln!("NOT COVERED: {name} = {want}"),
            Some(got) if agrees(*got, *want, 1e-9) => {}
            Some(got) => wrong.push(format!("{name}: {got:?}, published {want}")),
        }
    }
    let covered = ours.keys().filter(|name| run.figures.contains_key(**name)).count();
    eprintln!("{covered} of {} published figures covered", run.figures.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(covered, ours.len(), "a figure of ours is not in the published list");
}

#[test]
fn returns_of_the_equity_curve_are_the_published_returns() {
    let Some(folder) = reference_folder() else { return };
    let run = load(&folder);
    let ours = on::from_equity(10_000.0, &run.equity).expect("equity stays positive");
    assert_eq!(ours.len(), run.daily.len());
    assert!(ours.iter().zip(&run.daily).all(|(a, b)| (a - b).abs() <= 1e-12));
}
