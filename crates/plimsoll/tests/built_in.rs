//! Every built-in strategy for candles on fifteen months of recorded hours, with mark prices and funding: what it traded, as a
//! digest of all its orders and fills.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

use expect_test::{Expect, expect};
use serde_json::Value;

/// A home with the candles, mark prices and funding of BTC and ETH; `None` without the recorded data.
fn home() -> Option<tempfile::TempDir> {
    let root = std::env::var_os("PLIMSOLL_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let files = [
        "data/candles/bybit_linear/1h/BTCUSDT.csv.gz",
        "data/candles/bybit_linear/1h/ETHUSDT.csv.gz",
        "data/mark/bybit_linear/1h_2023/BTCUSDT.csv.gz",
        "data/mark/bybit_linear/1h_2023/ETHUSDT.csv.gz",
        "data/funding/bybit_linear/BTC_ETH_SOL_to_2025-04-01.csv.gz",
    ];
    if let Some(missing) = files.iter().map(|f| root.join(f)).find(|f| !f.exists()) {
        eprintln!("SKIPPED: no recorded candles at {}; set PLIMSOLL_SHARED", missing.display());
        return None;
    }
    let home = tempfile::tempdir().unwrap();
    for file in files {
        run(home.path(), &["data", "import", &root.join(file).to_string_lossy(), "--exchange", "bybit"]);
    }
    Some(home)
}

fn run(home: &Path, arguments: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_plimsoll")).args(arguments).current_dir(home).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// One line: trades, what they came to, and the digest.
fn line(home: &Path, strategy: &str, symbols: &[&str]) -> String {
    let mut arguments = vec!["backtest", "-s", strategy, "-i", "1h", "--no-risk-limits", "--json"];
    for symbol in symbols {
        arguments.extend(["-p", symbol]);
    }
    let report: Value = serde_json::from_str(&run(home, &arguments)).unwrap();
    let (trades, digest) = (report["trades"].as_u64().unwrap(), report["digest"].as_str().unwrap());
    let funding = report["funding"].as_str().unwrap();
    format!(
        "{strategy:<20} {trades:>5} {:>12} {funding:>10} {digest}\n",
        report["final_equity"].as_str().unwrap()
    )
}

fn check(strategies: &[&str], symbols: &[&str], expected: &Expect) {
    let Some(home) = home() else { return };
    let lines: String = strategies.iter().map(|name| line(home.path(), name, symbols)).collect();
    expected.assert_eq(&lines);
}

#[test]
fn on_two_instruments_each_by_itself() {
    let names = [
        "ema_crossover",
        "sma_crossover",
        "macd_trend",
        "donchian_breakout",
        "momentum",
        "supertrend",
        "bollinger_reversion",
        "zscore_reversion",
        "rsi_reversal",
        "grid",
    ];
    check(
        &names,
        &["BTCUSDT", "ETHUSDT"],
        &expect![[r#"
        ema_crossover         1047 8538.097489363893 -73.565875326107 907b13196b45e2d128c5e2da5cb9edcb
        sma_crossover         1250 7892.881388822312 -51.706648057688 0fba0aa9d7632b1043bdd59c155f4c74
        macd_trend             828 8660.923647130192 -61.762872584808 4227a8856f3bba0a15800f7218fe1bfd
        donchian_breakout      335 9628.932435069372 -86.672359530628 2e848a48e727c8aafd8cde6088b06fb5
        momentum               139 9553.781240741052 -43.165034398948 1f389fd0a7a234dae9b4e187b45543ce
        supertrend             470 8379.706597243265 -39.552882611735 acd74e29555b514a5a54602ba0cf3fc7
        bollinger_reversion    521 9306.368768651253 10.257053841253 4a3035eaa140ba46f8ac8746eb458e2c
        zscore_reversion       107 9980.573239440019 -6.232747264981 d3726eeea2094f5bc802196a50ea2f9f
        rsi_reversal           498 8554.132423264947 27.041384514947 ce42f2e8f92ab6e615c6846096f8717e
        grid                   880 9684.112734805372 14.465148960372 34076195f2a30f32de62009da359a745
    "#]],
    );
}

#[test]
fn on_two_instruments_against_each_other() {
    check(
        &["pairs", "funding_carry"],
        &["BTCUSDT", "ETHUSDT"],
        &expect![[r#"
        pairs                    4 10022.403499168274 -0.674717561726 f7d6f0cdc510c7ec35a382828a7a14fc
        funding_carry           22 9874.062555308098 6.487287683098 55c70584e18ccfeb87b4a6f9414a520a
    "#]],
    );
}

#[test]
fn a_carry_without_a_hedge() {
    check(
        &["funding_carry"],
        &["BTCUSDT"],
        &expect![[r#"
        funding_carry            6 10151.327727235289 16.308387185289 056a523f9922656b2f1b267793bd65a6
    "#]],
    );
}

/// What a built-in strategy says and trades on recorded hours does not depend on the hours after them. Makers, which need books,
/// are held to the same in another place.
#[test]
fn every_one_of_them_passes_the_look_ahead_check() {
    let Some(home) = home() else { return };
    let needs_books = ["market_maker", "touch_maker"];
    for about in strategy::all().iter().filter(|d| !needs_books.contains(&d.name)) {
        let mut arguments = vec!["lookahead", about.name, "-i", "1h", "--cuts", "4", "--json"];
        arguments.extend(["--startup-candles", "100", "-p", "BTCUSDT", "-p", "ETHUSDT", "--no-risk-limits"]);
        let report: Value = serde_json::from_str(&run(home.path(), &arguments)).unwrap();
        assert_eq!(report["is_clean"], true, "{report:#}");
        assert_eq!(report["cuts"].as_array().map(Vec::len), Some(4), "{}", about.name);
        assert!(report["spoke"].as_u64() > Some(0), "{} never spoke, so nothing was shown", about.name);
    }
}

/// What ships as a rule file too gives the same orders in both forms.
#[test]
fn rule_files_trade_as_their_built_in_twins() {
    let Some(home) = home() else { return };
    let names = [
        "ema_crossover",
        "sma_crossover",
        "macd_trend",
        "donchian_breakout",
        "momentum",
        "supertrend",
        "bollinger_reversion",
        "zscore_reversion",
        "rsi_reversal",
    ];
    for name in names {
        let file = format!("{}/../../strategies/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
        let figures = |strategy: &str| {
            let line = line(home.path(), strategy, &["BTCUSDT", "ETHUSDT"]);
            line.trim_start_matches(strategy).to_owned()
        };
        let [program, rules] = [figures(name), figures(&file)]
            .map(|l| l.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(program, rules, "{name}");
    }
}
