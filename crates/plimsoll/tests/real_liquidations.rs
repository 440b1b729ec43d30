//! A leveraged backtest over recorded candles and mark prices: the report names what was liquidated.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

#[test]
fn twenty_times_leverage_meets_the_mark_price() {
    let root = std::env::var_os("PLIMSOLL_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let files = [
        "data/candles/bybit_linear/5m/BTCUSDT.csv.gz",
        "data/mark/bybit_linear/1h/BTCUSDT.csv.gz",
        "data/funding/bybit_linear/2025-09_2026-07.csv.gz",
    ];
    if let Some(missing) = files.iter().map(|f| root.join(f)).find(|f| !f.exists()) {
        eprintln!("SKIPPED: no recorded candles at {}; set PLIMSOLL_SHARED", missing.display());
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let text = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .args(arguments)
            .current_dir(home.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    for file in files {
        text(&["data", "import", &root.join(file).to_string_lossy(), "--exchange", "bybit"]);
    }
    let run = [
        "backtest",
        "-s",
        "ema_crossover",
        "-P",
        "fast=20",
        "-P",
        "slow=100",
        "-p",
        "BTCUSDT",
        "-i",
        "1h",
        "--leverage",
        "20",
        "--stop-loss-percent",
        "0",
        "--sizing",
        "equity_percent=100",
        "--no-risk-limits",
    ];
    let report = text(&run);
    assert!(
        report.contains("LIQUIDATIONS") && report.contains("it values, funds and liquidates"),
        "{report}"
    );
    let document: Value = serde_json::from_str(&text(&[&run[..], &["--json"]].concat())).unwrap();
    let liquidations = document["liquidations"].as_array().unwrap();
    // A short of the first of December, which the rise of the second took; worked out by hand from the entry, the margin
    // of a twentieth and the maintenance margin of 0.5 %.
    assert_eq!(liquidations.len(), 1, "{liquidations:#?}");
    let l = &liquidations[0];
    assert_eq!((l["symbol"].as_str(), l["direction"].as_str()), (Some("BTCUSDT"), Some("short")));
    assert_eq!((l["stage"].as_str(), l["is_mark"].as_bool()), (Some("taken over"), Some(true)));
    assert!(l["at"].as_str().unwrap().starts_with("2025-12-02T15:59"), "{l}");
    let number = |key: &str| l[key].as_str().unwrap().parse::<f64>().unwrap();
    assert!(
        number("mark") >= number("liquidation_price") && number("bankruptcy_price") > number("mark"),
        "{l}"
    );
    // Bankruptcy lies a twentieth above the entry, and the liquidation half a percent before it.
    let entry = number("bankruptcy_price") / 1.05;
    assert!((number("liquidation_price") / entry - 1.045).abs() < 0.001, "{l}");
}
