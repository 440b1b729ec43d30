//! The real binary: a backtest that writes a journal, and what `journal` and `replay` make of it.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use expect_test::expect;
use serde_json::Value as Json;
use tempfile::TempDir;

struct Desk {
    dir: TempDir,
}

impl Desk {
    /// A folder in which a backtest with this strategy wrote a journal.
    fn journalled(arguments: &[&str]) -> Self {
        let desk = Self { dir: TempDir::new().unwrap() };
        fs::write(desk.dir.path().join("BTCUSDT-1h.csv"), candles(3_000)).unwrap();
        let all = [&["backtest", "--exchange", "bybit", "--data", "BTCUSDT-1h.csv", "--journal"], arguments]
            .concat();
        let output = desk.run(&all);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        assert!(text.contains("steps through it again"), "{text}");
        desk
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .args(arguments)
            .current_dir(self.dir.path())
            .env_clear()
            .output()
            .unwrap()
    }

    fn text(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Json {
        serde_json::from_str(&self.text(arguments)).unwrap()
    }

    fn fails(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
        message
    }

    /// The folder of the one run.
    fn folder(&self) -> PathBuf {
        let mut entries = fs::read_dir(self.dir.path().join("data/journal")).unwrap();
        entries.next().unwrap().unwrap().path()
    }
}

/// Hourly candles of a market that swings.
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

/// The golden journal. A changed number here is a change of behaviour: say in the changelog what changed and why.
#[test]
fn a_journal_is_replayed_to_the_digest_that_is_known() {
    let desk = Desk::journalled(&["-s", "ema_crossover"]);
    let mut replayed = desk.json(&["replay", "last", "--json"]);
    assert!(replayed["run"].as_str().unwrap().ends_with("-backtest"));
    replayed.as_object_mut().unwrap().remove("run");
    expect![[r#"
        {
          "checkpoints": 125,
          "commands": 67,
          "digest": "24201f6512561261e9c3fbe756f8e2db",
          "equity": "10554.93669303",
          "identical": true,
          "inputs": 3573,
          "last_input": 3573,
          "live_orders": 0,
          "positions": {
            "BTCUSDT": "-0.025"
          },
          "wallet": "10552.17419303"
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&replayed).unwrap());
    // The journal is of the same run as the plain backtest.
    let plain = desk.json(&[
        "backtest",
        "-s",
        "ema_crossover",
        "--exchange",
        "bybit",
        "--data",
        "BTCUSDT-1h.csv",
        "--json",
    ]);
    assert_eq!(plain["digest"], replayed["digest"]);
}

/// Flags that are not in the configuration, two strategies, parameters, and the environment of the day.
#[test]
fn everything_that_shaped_the_run_is_kept() {
    let desk = Desk::journalled(&[
        "-s",
        "ema_crossover,sma_crossover",
        "-P",
        "ema_crossover.fast=5",
        "-P",
        "sma_crossover.slow=40",
        "--no-risk-limits",
        "--stop-loss-percent",
        "0",
        "--leverage",
        "3",
        "--timerange",
        "2024-01-20..2024-04-20",
    ]);
    fs::write(desk.dir.path().join("plimsoll.yaml"), "risk:\n  default_leverage: 1\n").unwrap();
    let replayed = desk.json(&["replay", "last", "--json"]);
    assert_eq!(replayed["identical"], true);
    assert!(replayed["commands"].as_u64().unwrap() > 20, "{replayed}");
}

/// What a zone was resolved to is kept with the run: a program that knows other rules replays by those of then.
#[test]
fn the_clock_of_trading_days_is_kept_as_it_was_resolved() {
    let desk = Desk { dir: TempDir::new().unwrap() };
    fs::write(desk.dir.path().join("BTCUSDT-1h.csv"), candles(3_000)).unwrap();
    fs::write(
        desk.dir.path().join("plimsoll.yaml"),
        "risk:\n  time_zone: America/New_York\n  day_start: \"17:00\"\n",
    )
    .unwrap();
    desk.text(&[
        "backtest",
        "--exchange",
        "bybit",
        "--data",
        "BTCUSDT-1h.csv",
        "--journal",
        "-s",
        "ema_crossover",
    ]);
    let kept = fs::read_to_string(desk.folder().join("engine.json")).unwrap();
    let clock = serde_json::from_str::<Json>(&kept).unwrap()["clock"].clone();
    assert_eq!((clock["day_start"].as_i64(), clock["before"].as_i64()), (Some(61_200), Some(-18_000)));
    let changes = clock["changes"].as_array().unwrap();
    assert!(changes.contains(&serde_json::json!([1_710_054_000, -14_400])), "10 March 2024, 07:00 UTC");
    fs::remove_file(desk.dir.path().join("plimsoll.yaml")).unwrap();
    assert_eq!(desk.json(&["replay", "last", "--json"])["identical"], true);
}

#[test]
fn replay_stops_where_it_is_told_and_explains() {
    let desk = Desk::journalled(&["-s", "ema_crossover"]);
    let stopped = desk.json(&["replay", "last", "--until", "1000", "--json"]);
    assert_eq!(stopped["last_input"], 1000);
    let explained = desk.text(&["replay", "last", "--until", "1000", "--explain"]);
    for part in [
        " 1h candle of BTCUSDT: open ",
        "\n    wanted: BTCUSDT ",
        "\n    sends buy ",
        " for ema_crossover)\n",
        " filled: buy ",
        "\n    booked: buy ",
        "(ema_crossover: ",
        "identical: 1000 inputs",
    ] {
        assert!(explained.contains(part), "{part:?} is not in: {explained}");
    }
    assert!(!explained.contains("tag "), "every reason has its text: {explained}");
}

#[test]
fn a_difference_is_named_with_its_place() {
    let desk = Desk::journalled(&["-s", "ema_crossover"]);
    // The same journal, said to be of an engine with another parameter: what a changed program looks like.
    let (folder, engine) = (desk.folder(), desk.folder().join("engine.json"));
    let text = fs::read_to_string(&engine).unwrap();
    let changed = text.replace("\"parameters\": []", "\"parameters\": [[\"fast\", \"3\"]]");
    assert_ne!(text, changed);
    fs::write(&engine, &changed).unwrap();
    let told = desk.fails(&["replay", "last"], 1);
    assert!(told.contains("engine.json") && told.contains("not what the manifest says"), "{told}");
    let mut forged = journal::Manifest::parse(&fs::read(folder.join("manifest")).unwrap()).unwrap();
    for attachment in &mut forged.attachments {
        if attachment.name == "engine.json" {
            attachment.digest = journal::content_digest(changed.as_bytes());
        }
    }
    fs::write(folder.join("manifest"), forged.text()).unwrap();
    let told = desk.fails(&["replay", "last"], 1);
    for part in ["first difference at input ", "command 1", "in the journal: ", "now:            "] {
        assert!(told.contains(part), "{part:?} is not in: {told}");
    }
    let told = desk.fails(&["replay", "last", "--json"], 1);
    let json: Json = serde_json::from_str(&told).unwrap();
    assert_eq!(json["details"]["identical"], false);
}

#[test]
fn runs_are_listed_shown_and_verified() {
    let desk = Desk::journalled(&["-s", "ema_crossover"]);
    let listed = desk.json(&["journal", "list", "--json"]);
    assert_eq!(listed[0]["state"], "ended");
    assert_eq!(listed[0]["mode"], "backtest");
    let name = listed[0]["run"].as_str().unwrap();
    assert!(desk.text(&["journal", "list"]).contains(name));
    let shown = desk.text(&["journal", "show", name]);
    for part in ["plimsoll-journal 1", "state ended", "configuration.json", "segment-000001.lz4"] {
        assert!(shown.contains(part), "{part:?} is not in: {shown}");
    }
    let frames = desk.text(&["journal", "show", &name[..8], "--from", "3", "--to", "4"]);
    assert_eq!(
        frames.lines().filter(|line| line.contains(" input 1h candle of BTCUSDT: open ")).count(),
        2,
        "{frames}"
    );
    let verified = desk.json(&["journal", "verify", "all", "--json"]);
    assert_eq!(verified[0]["whole"], true);
    assert!(verified[0]["counts"]["input"].as_u64().unwrap() >= 3_000);

    let told = desk.fails(&["journal", "show", "yesterday"], 2);
    assert!(told.contains("no run \"yesterday\"") && told.contains(name), "{told}");
    let told = desk.fails(&["replay", "last", "--journal-dir", "nowhere"], 2);
    assert!(told.contains("no run in nowhere"), "{told}");

    let segment = desk.folder().join("segment-000001.lz4");
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&segment, bytes).unwrap();
    let told = desk.fails(&["journal", "verify", "last"], 1);
    assert!(told.contains("1 of 1 runs cannot be believed"), "{told}");
    let told = desk.fails(&["replay", "last"], 1);
    assert!(told.contains("segment-000001.lz4 at byte 0"), "{told}");
}

#[test]
fn a_journal_holds_no_secret() {
    let desk = Desk { dir: TempDir::new().unwrap() };
    fs::write(desk.dir.path().join("BTCUSDT-1h.csv"), candles(500)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args([
            "backtest",
            "-s",
            "ema_crossover",
            "--exchange",
            "bybit",
            "--data",
            "BTCUSDT-1h.csv",
            "--journal",
        ])
        .current_dir(desk.dir.path())
        .env_clear()
        .env("BYBIT_API_KEY", "theKeyNobodySees")
        .env("BYBIT_API_SECRET", "theSecretNobodySees")
        .env("DATABASE_URL", "postgres://user:thePasswordNobodySees@host/db")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for entry in fs::read_dir(desk.folder()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("NobodySees"));
    }
    assert_eq!(desk.json(&["replay", "last", "--json"])["identical"], true);
}

#[test]
fn ticks_are_not_journalled() {
    let desk = Desk { dir: TempDir::new().unwrap() };
    let told = desk
        .fails(&["backtest", "-s", "market_maker", "-p", "BTCUSDT", "--fidelity", "level2", "--journal"], 2);
    assert!(told.contains("over candles only"), "{told}");
}
