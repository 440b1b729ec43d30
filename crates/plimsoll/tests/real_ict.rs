//! The smart-money setup on recorded candles: the orders of ten months, by their digest.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

#[test]
fn ict_trades_recorded_months_as_it_always_did() {
    let root = std::env::var_os("PLIMSOLL_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let candles = root.join("data/candles/bybit_linear/5m/BTCUSDT.csv.gz");
    if !candles.exists() {
        eprintln!("SKIPPED: no recorded candles at {}; set PLIMSOLL_SHARED", candles.display());
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
    text(&["data", "import", &candles.to_string_lossy(), "--exchange", "bybit"]);
    let run = ["backtest", "-s", "ict", "-p", "BTCUSDT", "-i", "5m", "--json"];
    let document: Value = serde_json::from_str(&text(&run)).unwrap();
    assert_eq!(
        (document["trades"].as_u64(), document["digest"].as_str()),
        (Some(5), Some("55aa44fd4018b7971b7cf049a51ecd2e")),
        "other orders than before; if they were meant to change, say so in the changelog"
    );
}
