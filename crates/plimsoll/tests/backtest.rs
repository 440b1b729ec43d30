//! The real binary, from candle files to reports: what a user types and what comes back.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

struct Bench {
    dir: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { dir: TempDir::new().unwrap() }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .args(arguments)
            .current_dir(self.dir.path())
            .env_clear()
            .output()
            .unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), text).unwrap();
        name.to_owned()
    }

    /// Every file below the directory with its content.
    fn trace(&self) -> Vec<(PathBuf, Vec<u8>)> {
        fn visit(dir: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
            let mut entries: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
            entries.sort();
            for path in entries {
                if path.is_dir() {
                    found.push((path.clone(), Vec::new()));
                    visit(&path, found);
                } else {
                    found.push((path.clone(), fs::read(&path).unwrap()));
                }
            }
        }
        let mut found = Vec::new();
        visit(self.dir.path(), &mut found);
        found
    }

    /// A refused request: exit code 2, every word in the message, and nothing changed on the disk.
    fn refuses(&self, arguments: &[&str], words: &[&str]) {
        let before = self.trace();
        let output = self.run(arguments);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        for word in words {
            assert!(message.contains(word), "{arguments:?}: {word:?} is not in: {message}");
        }
        assert!(output.stdout.is_empty(), "{arguments:?} printed a result");
        assert_eq!(self.trace(), before, "{arguments:?} left a trace");
    }
}

/// Hourly candles of a market that swings, with opens that differ from the close before.
fn candles(count: u32) -> String {
    let mut text = "open_time,open,high,low,close,volume\n".to_owned();
    let mut last = 40_000i64;
    for i in 0..i64::from(count) {
        let swing = ((i * 37) % 101) - 50 + if (i / 90) % 2 == 0 { 12 } else { -12 };
        let open = last + (i % 5) - 2;
        let close = (open + swing).max(1_000);
        let (high, low) = (open.max(close) + 15, open.min(close) - 15);
        let time = 1_704_067_200_000 + i * 3_600_000;
        text += &format!("{time},{open}.5,{high}.5,{low}.5,{close}.5,12.345\n");
        last = close;
    }
    text
}

const BACKTEST: [&str; 5] = ["backtest", "--strategy", "ema_crossover", "--exchange", "bybit"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    BACKTEST.iter().chain(more).copied().collect()
}

#[test]
fn a_file_becomes_a_report_and_the_same_report_again() {
    let bench = Bench::new();
    bench.write("BTCUSDT-1h.csv", candles(2_000));
    let first = bench.run(&with(&["--data", "BTCUSDT-1h.csv"]));
    let text = String::from_utf8(first.stdout.clone()).unwrap();
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    for part in ["BACKTESTING REPORT", "EXIT REASON", "SUMMARY METRICS", "Sharpe", "365"] {
        assert!(text.contains(part), "{part:?} is not in the report:\n{text}");
    }
    let second = bench.run(&with(&["--data", "BTCUSDT-1h.csv"]));
    assert_eq!(first.stdout, second.stdout, "the same run printed other bytes");
}

#[test]
fn json_has_what_machines_need() {
    let bench = Bench::new();
    bench.write("BTCUSDT-1h.csv", candles(1_000));
    let output = bench.run(&with(&["--data", "BTCUSDT-1h.csv", "--json"]));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for key in [
        "bars",
        "fills",
        "trades",
        "final_equity",
        "fees",
        "load_seconds",
        "run_seconds",
        "digest",
        "metrics",
    ] {
        assert!(!json[key].is_null(), "{key} is missing");
    }
    assert_eq!(json["bars"], 1_000);
    let equity = json["final_equity"].as_str().unwrap();
    assert!(units::Amount::parse(equity).is_ok(), "final_equity {equity:?} is no decimal text");
}

#[test]
fn the_catalog_and_the_file_give_the_same_result() {
    let bench = Bench::new();
    bench.write("BTCUSDT-1h.csv", candles(1_500));
    let imported =
        bench.run(&["data", "import", "BTCUSDT-1h.csv", "--exchange", "bybit", "--symbol", "BTCUSDT"]);
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    let digest = |arguments: &[&str]| {
        let output = bench.run(&with(arguments));
        let json: serde_json::Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
        json["digest"].as_str().unwrap().to_owned()
    };
    let stored = digest(&["--symbol", "BTCUSDT", "--json"]);
    assert_eq!(stored, digest(&["--data", "BTCUSDT-1h.csv", "--json"]));
    assert_ne!(
        stored,
        digest(&["--symbol", "BTCUSDT", "--json", "--param", "fast=5"]),
        "a parameter had no effect"
    );
}

#[test]
fn warm_up_candles_come_from_before_the_start_and_are_never_traded() {
    let bench = Bench::new();
    bench.write("BTCUSDT-1h.csv", candles(1_000));
    let range = "2024-01-11..2024-02-11";
    let output = bench.run(&with(&["--data", "BTCUSDT-1h.csv", "--timerange", range, "--export", "out"]));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let trades = fs::read_to_string(bench.path("out/trades.csv")).unwrap();
    let header: Vec<&str> = trades.lines().next().unwrap().split(',').collect();
    let column = header.iter().position(|name| *name == "entry_time").unwrap();
    let entries: Vec<&str> =
        trades.lines().skip(1).map(|line| line.split(',').nth(column).unwrap()).collect();
    // The averages are warm at the start, so the first candle decides and the second one fills.
    assert_eq!(entries.first(), Some(&"2024-01-11T01:00:00Z"));
    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(bench.path("out/report.json")).unwrap()).unwrap();
    assert_eq!(json["bars"], 31 * 24);
}

#[test]
fn a_truncated_file_gives_the_same_trades_up_to_the_cut() {
    let bench = Bench::new();
    let whole = candles(1_200);
    bench.write("whole.csv", &whole);
    let trades = |file: &str, strategy: &str| -> Vec<String> {
        let arguments = [
            "backtest",
            "-s",
            strategy,
            "--data",
            file,
            "--exchange",
            "bybit",
            "-p",
            "BTCUSDT",
            "--export",
            "o",
        ];
        let output = bench.run(&arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::read_to_string(bench.path("o/trades.csv")).unwrap().lines().map(str::to_owned).collect()
    };
    for strategy in ["ema_crossover", "sma_crossover"] {
        let all = trades("whole.csv", strategy);
        for cut in [150, 400, 777, 1_100] {
            let part: String = whole.lines().take(cut + 1).map(|line| format!("{line}\n")).collect();
            bench.write("part.csv", part);
            let some = trades("part.csv", strategy);
            assert_eq!(some, all[..some.len()], "{strategy} cut at {cut}");
            assert!(cut < 400 || some.len() > 1, "{strategy} cut at {cut}: no trade shows anything");
        }
    }
}

#[test]
fn bad_candle_files_are_refused_with_their_place() {
    let bench = Bench::new();
    let good = candles(50);
    let broken = |name: &str, from: &str, to: &str| {
        let lines: Vec<&str> = good.lines().collect();
        let text: String = lines
            .iter()
            .enumerate()
            .map(|(i, line)| {
                format!("{}\n", if i == 5 { line.replacen(from, to, 1) } else { (*line).to_owned() })
            })
            .collect();
        bench.write(name, text)
    };
    let fifth = good.lines().nth(5).unwrap();
    let fields: Vec<&str> = fifth.split(',').collect();
    broken("nan.csv", fields[4], "NaN");
    broken("negative.csv", fields[3], "-5");
    broken("order.csv", fields[0], "1704067200000");
    broken("corrupt.csv", fields[2], "4o.5");
    bench.write("column.csv", "open_time,open,high,low,volume\n1704067200000,1,1,1,1\n");
    bench.write("empty.csv", "");
    bench.write("zero.parquet", "");
    fs::create_dir(bench.path("folder.csv")).unwrap();
    let check = |file: &str, words: &[&str]| {
        let mut expected = vec![file];
        expected.extend(words);
        bench.refuses(&with(&["--data", file, "-p", "BTCUSDT"]), &expected);
        bench.refuses(&["data", "import", file, "--symbol", "BTCUSDT", "--exchange", "bybit"], &expected);
    };
    // Candles at the ends of representable time.
    let at = |hours: i64| format!("{},1,1,1,1,1\n", hours * 3_600_000_000_000);
    for (name, first) in
        [("early.csv", i64::MIN / 3_600_000_000_000), ("late.csv", i64::MAX / 3_600_000_000_000 - 9)]
    {
        let rows: String = (0..9).map(|i| at(first + i)).collect();
        bench.write(name, format!("open_time,open,high,low,close,volume\n{rows}"));
        check(name, &["line 2", "open_time", "from 1900 to 2199"]);
    }
    check("nan.csv", &["line 6", "close", "NaN"]);
    check("negative.csv", &["line 6", "low", "-5"]);
    check("order.csv", &["line 6"]);
    check("corrupt.csv", &["line 6", "high", "4o.5"]);
    check("column.csv", &["close"]);
    check("empty.csv", &["empty"]);
    check("zero.parquet", &[]);
    check("folder.csv", &["folder"]);
    check("nowhere.csv", &[]);
}

#[test]
fn bad_requests_are_refused_with_what_is_allowed() {
    let bench = Bench::new();
    bench.write("BTCUSDT-1h.csv", candles(500));
    let imported =
        bench.run(&["data", "import", "BTCUSDT-1h.csv", "--exchange", "bybit", "--symbol", "BTCUSDT"]);
    assert!(imported.status.success());
    let refuses = |more: &[&str], words: &[&str]| bench.refuses(&with(more), words);
    refuses(&["--symbol", "BTCUSD"], &["BTCUSD", "did you mean BTCUSDT"]);
    refuses(&["--symbol", "BTCUSDT", "--timerange", "20240301-20240201"], &["--timerange", "before"]);
    refuses(&["--symbol", "BTCUSDT", "--timerange", "20300101-"], &["time range"]);
    refuses(&["--symbol", "BTCUSDT", "-P", "fast=30", "-P", "slow=30"], &["fast", "slow"]);
    refuses(&["--symbol", "BTCUSDT", "-P", "fats=3"], &["fats", "did you mean \"fast\""]);
    refuses(&["--symbol", "BTCUSDT", "-P", "fast=many"], &["fast", "whole number"]);
    refuses(&["--symbol", "BTCUSDT", "--initial-balance", "0"], &["initial_balance", "0"]);
    refuses(&["--symbol", "BTCUSDT", "--sizing", "all_in=1"], &["sizing", "fixed_quantity"]);
    refuses(&["--symbol", "BTCUSDT", "--timeframe", "7m"], &["7m", "15m"]);
    refuses(&["--symbol", "BTCUSDT", "--timeframe", "1m"], &["1m", "1h"]);
    refuses(&["--symbol", "BTCUSDT", "--fee", "0.055"], &["5.5 percent"]);
    refuses(&["--symbol", "BTCUSDT", "--leverage", "0.5"], &["leverage"]);
    refuses(&["--symbol", "BTCUSDT", "--initial-balance", "-5"], &["initial_balance = -5", "above 0"]);
    refuses(&["--symbol", "BTCUSDT", "--timeframe-detail", "4h"], &["--timeframe-detail 4h", "shorter"]);
    refuses(&["--symbol", "BTCUSDT", "--timeframe-detail", "1h"], &["--timeframe-detail 1h", "shorter"]);
    refuses(&["--symbol", "BTCUSDT", "--export", "BTCUSDT-1h.csv"], &["--export", "is a file"]);
    refuses(&["--symbol", "BTCUSDT", "--export", "BTCUSDT-1h.csv/x"], &["--export", "is a file"]);
    bench.refuses(
        &["backtest", "-s", "ema_crossover", "-p", "BTCUSDT", "--exchange", "binance"],
        &["BTCUSDT on binance", "stored of bybit"],
    );
    bench.refuses(&["backtest", "-s", "ema", "-p", "BTCUSDT"], &["did you mean \"ema_crossover\""]);
    bench.refuses(&["backtest", "-s", "ema_crosover", "-p", "BTCUSDT"], &["did you mean \"ema_crossover\""]);
    bench.refuses(&["backtest", "-p", "BTCUSDT"], &["--strategy"]);
    bench.refuses(&["strategy", "show", "macd"], &["ema_crossover"]);
}

#[test]
fn what_freqtrade_users_type_is_understood() {
    let bench = Bench::new();
    bench.write("BTCUSDT-1h.csv", candles(500));
    bench.write("ETHUSDT-1h.csv", candles(500));
    let run = |arguments: &[&str]| {
        let output = bench.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["data", "import", "BTCUSDT-1h.csv", "ETHUSDT-1h.csv", "--exchange", "bybit"]);
    assert_eq!(run(&["list-strategies"]), run(&["strategy", "list"]));
    assert_eq!(run(&["show-config"]), run(&["config", "show"]));
    let listed = run(&["list-data", "--pairs", "BTC/USDT:USDT", "--datadir", "data/catalog"]);
    assert_eq!(listed, run(&["data", "list", "-p", "BTCUSDT", "-i", "1h"]));
    assert!(listed.contains("BTCUSDT-1h.csv") && !listed.contains("ETHUSDT"), "{listed}");
    let theirs = run(&[
        "backtesting",
        "-s",
        "ema_crossover",
        "-i",
        "1h",
        "-p",
        "BTC/USDT:USDT",
        "ETH/USDT:USDT",
        "--timerange=-20240115",
        "--dry-run-wallet",
        "2000",
        "--stake-amount",
        "200",
        "--max-open-trades",
        "1",
        "--breakdown",
        "day",
        "month",
    ]);
    let ours = run(&[
        "backtest",
        "--strategy=ema_crossover",
        "--timeframe=1h",
        "--symbol=BTCUSDT,ETHUSDT",
        "--timerange=..2024-01-15",
        "--initial-balance=2000",
        "--sizing=fixed_notional=200",
        "--max-open-positions=1",
        "--breakdown=day,month",
    ]);
    assert_eq!(theirs, ours);
    assert!(ours.contains("DAY BREAKDOWN") && ours.contains("ETHUSDT"), "{ours}");
    bench.refuses(&["convert-data", "--format-from", "json"], &["convert-data", "plimsoll data import"]);
}

#[test]
fn a_zone_that_is_none_is_answered_with_the_one_that_may_be_meant() {
    let bench = Bench::new();
    let file = bench.write("BTCUSDT-1h.csv", candles(500));
    bench.write("plimsoll.yaml", "risk:\n  time_zone: Europe/Berln\n");
    bench.refuses(
        &with(&["--data", &file]),
        &["plimsoll.yaml:2", "risk.time_zone", "Europe/Berln", "Europe/Berlin may be meant"],
    );
}

/// Without a house stop the limits stay: what a trade may lose counts all of a position then, and the report says so first.
#[test]
fn no_house_stop_is_no_way_around_the_limits() {
    let bench = Bench::new();
    let file = bench.write("BTCUSDT-1h.csv", candles(1_000));
    let text = |more: &[&str]| {
        let output = bench.run(&with(&[&["--data", file.as_str()], more].concat()));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    };
    let bare = text(&["--stop-loss-percent", "0"]);
    assert!(bare.contains("there is no house stop") && bare.contains("max_risk_per_trade_percent"), "{bare}");
    assert!(bare.contains("loss at the stop"), "{bare}");
    let free = text(&["--stop-loss-percent", "0", "--no-risk-limits"]);
    assert!(!free.contains("there is no house stop"), "{free}");
}

#[test]
fn nothing_to_trade_on_is_explained_and_makes_no_catalog() {
    let bench = Bench::new();
    bench.refuses(&with(&["--symbol", "BTCUSDT"]), &["data import", "data generate"]);
}

#[test]
fn a_grid_writes_all_results_and_finds_the_best() {
    let bench = Bench::new();
    bench.write("BTCUSDT-1h.csv", candles(1_500));
    let optimize = |more: &[&str]| {
        let fixed = ["optimize", "-s", "ema_crossover", "--data", "BTCUSDT-1h.csv", "--exchange", "bybit"];
        bench.run(&fixed.iter().chain(more).copied().collect::<Vec<_>>())
    };
    let spaces = ["--space", "fast=2..=21/5", "--space", "slow=10,20,40", "--objective", "profit", "--json"];
    let output = optimize(&spaces);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    // fast 2, 7, 12, 17 by slow 10, 20, 40, without 12 and 17 above 10.
    assert_eq!((json["combinations"].as_u64(), json["skipped"].as_u64()), (Some(10), Some(2)));
    let all = fs::read_to_string(bench.path("data/reports/optimize-ema_crossover.csv")).unwrap();
    assert_eq!(all.lines().count(), 11);
    let best = json["best"][0].clone();
    let (fast, slow) = (&best["parameters"]["fast"], &best["parameters"]["slow"]);
    let (fast, slow) =
        (format!("fast={}", fast.as_str().unwrap()), format!("slow={}", slow.as_str().unwrap()));
    let alone = bench.run(&with(&["--data", "BTCUSDT-1h.csv", "-P", &fast, "-P", &slow, "--json"]));
    let alone: serde_json::Value = serde_json::from_slice(&alone.stdout).unwrap();
    assert_eq!(alone["final_equity"], best["final_equity"], "the sweep and the backtest differ");
    bench.refuses(
        &["optimize", "-s", "ema_crossover", "--data", "BTCUSDT-1h.csv", "--space", "fats=1..=3"],
        &["fats", "did you mean fast"],
    );
}

#[test]
fn the_demo_runs_twice_to_the_same_report() {
    let bench = Bench::new();
    let run = || {
        let output = bench.run(&["demo", "--days", "40", "--json"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    assert_eq!(run(), run());
    assert!(bench.path("data/demo/reports/ema_crossover/report.html").is_file());
}

const INSTANCES: &str = "
pairs:
  - symbol: BTCUSDT
strategies:
  - {name: ema_crossover, id: quick, timeframe: 1h, parameters: {fast: 3, slow: 8}, weight: 2}
  - {name: ema_crossover, timeframe: 4h, parameters: {fast: 5, slow: 13}}
  - {name: ema_crossover, timeframe: 1h, parameters: {fast: 20, slow: 50}}
  - {name: sma_crossover, is_active: false}
";

#[test]
fn instances_of_one_strategy_run_side_by_side() {
    let bench = Bench::new();
    bench.write("BTCUSDT-1h.csv", candles(2_000));
    bench.write("plimsoll.yaml", INSTANCES);
    let arguments =
        ["backtest", "--exchange", "bybit", "--data", "BTCUSDT-1h.csv", "--config", "plimsoll.yaml"];
    let output = bench.run(&arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for part in ["STRATEGY RESULTS", "quick: ema_crossover (fast=3", "on 4h, weight 1", "by weighted vote"] {
        assert!(text.contains(part), "{part:?} is not in the report:\n{text}");
    }
    let output = bench.run(&[&arguments[..], &["--json", "-P", "quick.fast=4"]].concat());
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: Vec<&str> =
        report["strategies"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["quick", "ema_crossover", "ema_crossover_2"]);
    assert_eq!(report["strategies"][0]["parameters"]["fast"], "4", "a flag may name the instance");
    assert_eq!(report["strategies"][1]["timeframe"], "4h");
    assert_eq!(report["timeframe"], "1h");
    let number = |value: &serde_json::Value| value.as_str().unwrap().parse::<f64>().unwrap();
    let earned: f64 =
        report["strategies"].as_array().unwrap().iter().map(|s| number(&s["earned"]["profit"])).sum();
    assert!((earned - number(&report["profit"])).abs() < 1e-9, "{earned} of {}", report["profit"]);
}

#[test]
fn one_name_for_two_instances_is_refused() {
    let bench = Bench::new();
    bench.write("BTCUSDT-1h.csv", candles(100));
    bench.write(
        "twice.yaml",
        INSTANCES
            .replace("{name: ema_crossover, timeframe: 4h", "{name: ema_crossover, id: quick, timeframe: 4h"),
    );
    bench.refuses(
        &["backtest", "--data", "BTCUSDT-1h.csv", "--config", "twice.yaml"],
        &["strategies[1].id", "already given by strategies[0]"],
    );
}
