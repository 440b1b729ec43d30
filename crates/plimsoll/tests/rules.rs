//! Rule files through the real binary: written, checked, shown, found and run.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn plimsoll(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.current_dir(directory).args(arguments).env_clear().output().unwrap()
}

#[track_caller]
fn exits(output: &Output, code: i32) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "stdout: {out}\nstderr: {err}");
    (out, err)
}

#[test]
fn a_file_is_written_checked_shown_and_run() {
    let directory = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], code| exits(&plimsoll(directory.path(), arguments), code);
    let (out, _) = run(&["strategy", "new", "my_idea"], 0);
    assert!(out.starts_with("Wrote strategies/my_idea.yaml."), "{out}");
    let (_, err) = run(&["strategy", "new", "my_idea"], 3);
    assert_eq!(err, "error: strategies/my_idea.yaml exists already; nothing was written\n");
    run(&["strategy", "new", "My Idea"], 2);
    run(&["strategy", "new", "ema_crossover"], 2);

    let (out, _) = run(&["strategy", "check", "my_idea"], 0);
    assert!(out.starts_with("ok: strategies/my_idea.yaml\n"), "{out}");
    let (out, _) = run(&["strategy", "check", "strategies/my_idea.yaml", "-i", "15m", "--json"], 0);
    let found: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&found["timeframe"], &found["warm_up_bars"]), (&Value::from("15m"), &Value::from(225)));
    run(&["strategy", "check", "my_idea", "-i", "2h"], 2);

    let (out, _) = run(&["strategy", "show", "my_idea"], 0);
    assert!(out.contains("Length of the average in candles") && out.contains("summary: "), "{out}");
    let (out, _) = run(&["strategy", "list", "--json"], 0);
    let list: Value = serde_json::from_str(&out).unwrap();
    let mine = list.as_array().unwrap().iter().find(|s| s["name"] == "my_idea").unwrap();
    assert_eq!(mine["file"], "strategies/my_idea.yaml");
    assert_eq!(mine["content"].as_str().map(str::len), Some(32));

    run(&["data", "generate", "--seed", "7", "--bars", "3000", "--timeframe", "5m"], 0);
    let by = |strategy: &str| {
        let arguments =
            ["backtest", "--strategy", strategy, "--symbol", "SYNUSDT", "--param", "period=30", "--json"];
        let (out, _) = run(&arguments, 0);
        let report: Value = serde_json::from_str(&out).unwrap();
        report["digest"].clone()
    };
    assert_eq!(by("my_idea"), by("strategies/my_idea.yaml"));
}

#[test]
fn mistakes_are_all_told_with_their_places() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bad.yaml");
    std::fs::write(&path, "summary: x\nenter:\n  long: clse > ema(close, 50)\n  short: close > rsi(14)\n")
        .unwrap();
    let (_, err) = exits(&plimsoll(directory.path(), &["strategy", "check", "bad.yaml"]), 2);
    assert!(
        err.contains(
            "error: 2 problems in a rule file\nbad.yaml:3:9: unknown name \"clse\"; did you mean close?"
        ),
        "{err}"
    );
    assert!(err.contains("3 |   long: clse > ema(close, 50)\n  |         ^^^^"), "{err}");
    let (_, err) = exits(&plimsoll(directory.path(), &["strategy", "check", "bad.yaml", "--json"]), 2);
    let error: Value = serde_json::from_str(&err).unwrap();
    assert_eq!(error["details"]["problems"][1]["line"], 4);
    let (_, err) = exits(&plimsoll(directory.path(), &["strategy", "show", "my_ida"]), 2);
    assert!(err.contains("unknown strategy \"my_ida\""), "{err}");
    std::fs::write(&path, b"summary: \xff").unwrap();
    let (_, err) = exits(&plimsoll(directory.path(), &["strategy", "check", "bad.yaml"]), 2);
    assert!(err.contains("bad.yaml:1:10: byte 0xff is not UTF-8 text"), "{err}");
}

#[test]
fn every_shipped_file_passes_its_check() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../strategies");
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let (out, _) = exits(&plimsoll(&folder, &["strategy", "check", path.to_str().unwrap()]), 0);
        assert!(out.starts_with("ok: "), "{out}");
        count += 1;
    }
    assert!(count >= 3);
}
