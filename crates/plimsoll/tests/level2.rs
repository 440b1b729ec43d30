//! The real binary over recorded books: import, backtest, and what is refused.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests, where a panic is the report")]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;
use units::Prng;

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

    #[track_caller]
    fn text(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    fn refuses(&self, arguments: &[&str], words: &[&str]) {
        let output = self.run(arguments);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        for word in words {
            assert!(message.contains(word), "{arguments:?}: {word:?} is not in: {message}");
        }
    }
}

/// A book of ten levels a side that trades and moves, as CSV with both times.
fn recording(rows: usize) -> String {
    let mut random = Prng::new(5);
    let mut text = "exch_ts,local_ts,kind,side,px,qty\n".to_owned();
    let (mut bid, mut now) = (4_000i64, 1_700_000_000_000_000_000i64);
    let mut row = |now: i64, kind: i64, side: i64, tick: i64, steps: u64| {
        let (local, price, quantity) = (now + 2_000_000, tick as f64 / 10.0, steps as f64 / 10.0);
        writeln!(text, "{now},{local},{kind},{side},{price:.1},{quantity:.1}").unwrap();
    };
    for level in 0..10 {
        row(now, 0, 1, bid - level, 50);
        row(now, 0, -1, bid + 1 + level, 50);
    }
    for _ in 0..rows {
        now += 1_000_000 + i64::try_from(random.below(30_000_000)).unwrap();
        match random.below(10) {
            0..=4 => row(now, 0, 1, bid - i64::try_from(random.below(5)).unwrap(), 1 + random.below(100)),
            5 | 6 => row(now, 1, 1, bid + 1, 1 + random.below(80)),
            7 | 8 => row(now, 1, -1, bid, 1 + random.below(80)),
            _ if random.below(2) == 0 => {
                row(now, 0, -1, bid + 1, 0);
                bid += 1;
                row(now, 0, 1, bid, 1 + random.below(100));
            }
            _ => {
                row(now, 0, 1, bid, 0);
                bid -= 1;
                row(now, 0, -1, bid + 1, 1 + random.below(100));
            }
        }
    }
    text
}

const MAKER: [&str; 12] = [
    "backtest",
    "--strategy",
    "market_maker",
    "-P",
    "maker_fee_bps=0",
    "-P",
    "warm_up_s=1",
    "-P",
    "fit_depth_ticks=5",
    "-P",
    "order_value=100",
    "--fidelity",
];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    MAKER.iter().chain(more).copied().collect()
}

#[test]
fn a_recording_is_imported_and_traded() {
    let bench = Bench::new();
    std::fs::write(bench.dir.path().join("book.csv"), recording(30_000)).unwrap();
    bench.text(&["data", "import", "book.csv", "--symbol", "SYNUSDT", "--exchange", "synthetic"]);
    let run = with(&["level2", "--symbol", "SYNUSDT", "--json"]);
    let stored: Value = serde_json::from_str(&bench.text(&run)).unwrap();
    assert_eq!(stored["timeframe"], "ticks");
    let quoting = &stored["quoting"];
    assert!(quoting["maker_fills"].as_u64().unwrap() > 50, "{quoting:#}");
    assert_eq!(quoting["taker_fills"], 0);
    assert_eq!(quoting["book_faults"], 0);
    assert!(quoting["markout_bps"]["5"].is_number());
    // The same file without the catalog, and the same again: one digest.
    let direct = with(&["level2", "--data", "book.csv", "--symbol", "SYNUSDT", "--json"]);
    let direct: Value = serde_json::from_str(&bench.text(&direct)).unwrap();
    assert_eq!(direct["digest"], stored["digest"]);
    // Slower orders and another queue come to something else.
    for other in [["--latency-ms", "200"], ["--queue-model", "power2"]] {
        let mut arguments = run.clone();
        arguments.extend(other);
        let changed: Value = serde_json::from_str(&bench.text(&arguments)).unwrap();
        assert_ne!(changed["digest"], stored["digest"], "{other:?} changes nothing");
    }
    let text = bench.text(&with(&["level2", "--symbol", "SYNUSDT"]));
    for word in ["MARKET MAKING", "Markout 30 s, bps", "Inventory SYNUSDT min / max", "Ticks / Fills"] {
        assert!(text.contains(word), "{word:?} is not in the report");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let bench = Bench::new();
    std::fs::write(bench.dir.path().join("book.csv"), recording(100)).unwrap();
    let data = ["--data", "book.csv"];
    let candles = [&["backtest", "-s", "ema_crossover", "--fidelity", "level2"], &data[..]].concat();
    bench.refuses(&candles, &["ema_crossover decides on candles"]);
    let quotes = [&["backtest", "-s", "market_maker", "--fidelity", "quotes"], &data[..]].concat();
    bench.refuses(&quotes, &["has no quotes"]);
    bench.refuses(&with(&["level2", "--symbol", "SYNUSDT"]), &["no market data", "data import"]);
    bench.refuses(
        &with(&["level2", "--latency-ms", "60001", "--data", "book.csv"]),
        &["--latency-ms: simulation.latency_ms = 60001", "from 0 up to 60000"],
    );
    bench.refuses(&with(&["level2", "-P", "k=1", "--data", "book.csv"]), &["give both above 0"]);
}

/// The real capture: its clock is behind, which is said, and a position stays within its limit.
#[test]
fn a_real_capture_is_traded() {
    let root = std::env::var_os("PLIMSOLL_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let file = root.join("data/l2/binance_usdm_BTCUSDT_20240808.raw.ndjson.gz");
    if !file.exists() {
        eprintln!("SKIPPED: no recorded book at {}; set PLIMSOLL_SHARED", file.display());
        return;
    }
    let bench = Bench::new();
    let imported = bench.text(&["data", "import", &file.to_string_lossy()]);
    assert!(!imported.contains("GAP"), "{imported}");
    let real = ["backtest", "-s", "market_maker", "-P", "maker_fee_bps=0", "-p", "BTCUSDT", "--fidelity"];
    for level in ["level2", "quotes"] {
        let run = [&real[..], &[level]].concat();
        let text = bench.text(&run);
        assert!(text.contains("the recorder's clock was behind"), "{text}");
        let document: Value = serde_json::from_str(&bench.text(&[&run[..], &["--json"]].concat())).unwrap();
        let quoting = &document["quoting"];
        assert!(quoting["maker_fills"].as_u64().unwrap() > 10, "{level}: {quoting:#}");
        assert_eq!(quoting["taker_fills"], 0, "{level}");
        // The strategy would hold ten times 250 USDT; risk allows a tenth of 10 000, which is 0.016 at 61 800.
        for end in quoting["inventory"]["BTCUSDT"].as_array().unwrap() {
            let held: f64 = end.as_str().unwrap().parse().unwrap();
            assert!(held.abs() <= 0.016 + 1e-12, "{level}: {held}");
        }
    }
}
