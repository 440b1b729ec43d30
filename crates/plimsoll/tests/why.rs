//! The real binary asked why: `backtest --explain`, the gates of the report, and `lookahead`.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

use std::process::{Command, Output};

use tempfile::TempDir;

fn plimsoll(dir: &TempDir, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(arguments)
        .current_dir(dir.path())
        .env_clear()
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A folder with the candles of a market that rises for a while and falls for a while.
fn market() -> TempDir {
    let dir = TempDir::new().unwrap();
    let mut lines = "open_time,open,high,low,close,volume\n".to_owned();
    let mut last = 40_000i64;
    for i in 0..600i64 {
        let close = last + if (i / 60) % 2 == 0 { 90 } else { -90 } + ((i * 37) % 41) - 20;
        let (high, low) = (last.max(close) + 10, last.min(close) - 10);
        let time = 1_704_067_200_000 + i * 3_600_000;
        lines += &format!("{time},{last},{high},{low},{close},12.517\n");
        last = close;
    }
    std::fs::write(dir.path().join("BTCUSDT-1h.csv"), lines).unwrap();
    dir
}

const RUN: [&str; 5] = ["backtest", "-s", "ema_crossover", "--data", "BTCUSDT-1h.csv"];

#[test]
fn a_candle_says_which_gate_was_shut() {
    let dir = market();
    let explain = |spot: &str| text(&plimsoll(&dir, &[&RUN[..], &["--explain", spot]].concat()));
    let early = explain("BTCUSDT@2024-01-01T05:30");
    assert!(early.contains("the candle from 2024-01-01T05:00:00Z to 2024-01-01T06:00:00Z"), "{early}");
    assert!(early.contains("No trade. The first gate that was shut: strategy ema_crossover"), "{early}");
    // Somewhere it speaks, and that candle leads to a fill.
    let json = text(&plimsoll(&dir, &[&RUN[..], &["--json", "--no-risk-limits"]].concat()));
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(report["trades"].as_u64().unwrap() > 0);
    let spoke = (1..20).find_map(|day| {
        (0..24).find_map(|hour| {
            let told = explain(&format!("BTC/USDT:USDT@2024-01-{day:02}T{hour:02}:00"));
            told.contains("Traded.").then_some(told)
        })
    });
    let spoke = spoke.expect("one of these candles is traded");
    for words in
        ["strategy ema_crossover: says", "all strategies together", "risk: approved", "venue: filled"]
    {
        assert!(spoke.contains(words), "{words:?} is not in {spoke}");
    }
}

#[test]
fn what_cannot_be_explained_is_said() {
    let dir = market();
    let refuse = |spot: &str, words: &str| {
        let output = plimsoll(&dir, &[&RUN[..], &["--explain", spot]].concat());
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(2), true), "{message}");
        assert!(message.contains(words), "{words:?} is not in {message}");
    };
    refuse("BTCUSDT", "write SYMBOL@TIME");
    refuse("ETHUSDT@2024-01-02", "ETHUSDT is not in this run; it has BTCUSDT");
    refuse("BTCUSDT@soon", "soon");
    refuse(
        "BTCUSDT@2030-01-01",
        "BTCUSDT has no candle at 2030-01-01T00:00:00Z; it has candles from 2024-01-01T00:00:00Z",
    );
}

#[test]
fn explanations_are_for_machines_too() {
    let dir = market();
    let json =
        text(&plimsoll(&dir, &[&RUN[..], &["--explain", "BTCUSDT@2024-01-01T05:00", "--json"]].concat()));
    let told: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(told["steps"][0]["is_shut"], true, "{told}");
    assert_eq!((&told["symbol"], &told["is_warm_up"]), (&"BTCUSDT".into(), &false.into()));
}

#[test]
fn a_built_in_strategy_passes_the_look_ahead_check() {
    let dir = market();
    let arguments = ["lookahead", "ema_crossover", "--data", "BTCUSDT-1h.csv", "--cuts", "6"];
    let said = text(&plimsoll(&dir, &arguments));
    assert!(said.contains("Clean: at every cut"), "{said}");
    assert!(said.contains("WARM-UP") && said.contains("It declares 21 candles"), "{said}");
    let json = text(&plimsoll(&dir, &[&arguments[..], &["--json"]].concat()));
    let found: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(found["is_clean"], true);
    assert!(found["spoke"].as_u64().unwrap() > 0 && !found["cuts"].as_array().unwrap().is_empty());
}
