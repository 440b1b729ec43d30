//! The built program as a shell sees it: exit codes, streams, JSON.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The program in an empty environment and this directory.
fn plimsoll(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.args(arguments).current_dir(directory).env_clear().stdin(Stdio::null());
    command
}

fn in_empty_directory(arguments: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    plimsoll(directory.path(), arguments).output().unwrap()
}

fn with_file(content: &str, arguments: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.yaml"), content).unwrap();
    plimsoll(directory.path(), arguments).output().unwrap()
}

#[track_caller]
fn exits(output: &Output, code: i32) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "stdout: {out}\nstderr: {err}");
    (out, err)
}

#[test]
fn help_and_version_succeed_on_standard_output() {
    for arguments in [&["--help"][..], &["config", "--help"], &["config", "show", "--help"], &["-h"]] {
        let (out, err) = exits(&in_empty_directory(arguments), 0);
        assert!(out.contains("Example") && err.is_empty(), "{arguments:?}: {out}{err}");
    }
    let (out, _) = exits(&in_empty_directory(&["backtest", "--help"]), 0);
    let heading = |name: &str| out.find(&format!("\n{name}:\n")).unwrap_or_else(|| panic!("{name}: {out}"));
    assert!(heading("Strategy") < heading("Report") && heading("Report") < heading("Global options"));
    let (out, _) = exits(&in_empty_directory(&["--version"]), 0);
    assert_eq!(out, format!("plimsoll {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn usage_errors_are_two() {
    for arguments in [
        &[][..],
        &["fly"],
        &["config"],
        &["config", "show", "--no-such-flag"],
        &["config", "show", "--log-level", "x"],
    ] {
        let (out, err) = exits(&in_empty_directory(arguments), 2);
        assert!(out.is_empty() && !err.is_empty(), "{arguments:?}");
    }
    let (_, err) = exits(&in_empty_directory(&["config", "fly", "--json"]), 2);
    let error: Value = serde_json::from_str(&err).unwrap();
    assert_eq!(error["exit_code"], 2);
    assert!(error["error"].as_str().unwrap().starts_with("unrecognized subcommand 'fly'"), "{err}");
}

#[test]
fn check_says_ok() {
    let (out, err) = exits(&with_file("system: {id: here}", &["config", "check", "a.yaml"]), 0);
    assert!(out.starts_with("ok: a.yaml; 1 set, "), "{out}");
    assert!(err.is_empty());
    let (out, _) = exits(&with_file("system: {id: here}", &["config", "check", "a.yaml", "--json"]), 0);
    let summary: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&summary["ok"], &summary["set"]), (&Value::Bool(true), &Value::from(1)));
    assert!(summary["defaults"].as_array().unwrap().contains(&Value::from("risk.max_leverage")));
}

#[test]
fn configuration_errors_are_two() {
    let content = "rsk: {}\nrisk: {max_leverage: 0}\n";
    for arguments in [
        &["config", "check", "a.yaml"][..],
        &["config", "show", "--config", "a.yaml"],
        &["-c", "a.yaml", "config", "show"],
    ] {
        let (out, err) = exits(&with_file(content, arguments), 2);
        assert!(out.is_empty());
        assert!(err.starts_with("error: 2 problems in the configuration\n  a.yaml:1: rsk: "), "{err}");
    }
    let (_, err) = exits(&with_file(content, &["config", "check", "a.yaml", "--json"]), 2);
    let error: Value = serde_json::from_str(&err).unwrap();
    let second = &error["details"]["problems"][1];
    assert_eq!((&second["key"], &second["value"]), (&Value::from("risk.max_leverage"), &Value::from("0")));
    assert_eq!(
        (&second["place"]["name"], &second["place"]["line"]),
        (&Value::from("a.yaml"), &Value::from(2))
    );
    assert_eq!(error["exit_code"], 2);
}

#[test]
fn missing_files_and_directories_are_two() {
    let (_, err) = exits(&in_empty_directory(&["config", "check", "none.yaml"]), 2);
    assert!(err.contains("none.yaml: does not exist"), "{err}");
    let (_, err) = exits(&in_empty_directory(&["config", "check", "/"]), 2);
    assert!(err.contains("unknown format"), "{err}");
}

#[test]
fn show_names_the_layer_of_every_value() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("plimsoll.toml"), "[risk]\nmax_leverage = 3\n").unwrap();
    let run = |arguments: &[&str]| {
        let mut command = plimsoll(directory.path(), arguments);
        command.env("BYBIT_API_KEY", "hunter2").env("BYBIT_API_SECRET", "hunter2");
        exits(&command.output().unwrap(), 0).0
    };
    let out = run(&["config", "show", "-v"]);
    let line = |key: &str| {
        let line = out.lines().find(|line| line.starts_with(&format!("{key} "))).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("risk.max_leverage"), "risk.max_leverage 3 plimsoll.toml:2");
    assert_eq!(line("exchange.api_key"), "exchange.api_key *** environment variable BYBIT_API_KEY");
    assert_eq!(line("logging.level"), "logging.level debug flag -v");
    assert_eq!(line("backtest.start"), "backtest.start (not set) default");
    let json = run(&["config", "show", "--json"]);
    let values: Value = serde_json::from_str(&json).unwrap();
    let leverage =
        values.as_array().unwrap().iter().find(|value| value["key"] == "risk.max_leverage").unwrap();
    assert_eq!(leverage["place"]["name"], "plimsoll.toml");
    assert!(!out.contains("hunter2") && !json.contains("hunter2"));
}

#[test]
fn a_dash_reads_standard_input_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = plimsoll(directory.path(), &["config", "check", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"system: {id: a}").unwrap();
    let (out, _) = exits(&child.wait_with_output().unwrap(), 0);
    assert!(out.starts_with("ok: standard input; 1 set"), "{out}");
    let (_, err) = exits(&in_empty_directory(&["config", "check", "-", "-"]), 2);
    assert!(err.contains("only once"), "{err}");
}

#[test]
fn schema_is_json() {
    let (out, _) = exits(&in_empty_directory(&["config", "schema"]), 0);
    let schema: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
}

/// `plimsoll … | head`: the reader goes away before anything is written.
#[test]
fn a_closed_pipe_is_silent() {
    for arguments in [&["config", "schema"][..], &["config", "show"], &["--help"]] {
        let directory = tempfile::tempdir().unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output =
            plimsoll(directory.path(), arguments).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        let (_, err) = exits(&output.wait_with_output().unwrap(), 0);
        assert!(err.is_empty(), "{arguments:?}: {err}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_failure() {
    let directory = tempfile::tempdir().unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = plimsoll(directory.path(), &["config", "schema"])
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (_, err) = exits(&output.wait_with_output().unwrap(), 1);
    assert!(err.starts_with("error: cannot write to standard output"), "{err}");
}

#[test]
fn nothing_is_coloured_outside_a_terminal() {
    let output = with_file("rsk: 1", &["config", "check", "a.yaml"]);
    let mut bytes = output.stderr.as_slice();
    let mut text = String::new();
    bytes.read_to_string(&mut text).unwrap();
    assert!(!text.contains('\u{1b}'));
}

/// Five good minutes.
const CANDLES: &str = "open_time,open,high,low,close,volume\n1704067200,1,2,0.5,1.5,3\n1704067260,1.5,2,1,1,0\n\
    1704067320,1,1,1,1,1\n1704067380,1,1,1,1,1\n1704067440,1,1,1,1,1\n";

#[test]
fn columns_not_used_are_named_once_for_all_files() {
    let directory = tempfile::tempdir().unwrap();
    let wide = "open_time,open,high,low,close,volume,trades\n1704067200000,1,2,0.5,1.5,3,7\n";
    for symbol in ["BTCUSDT", "ETHUSDT"] {
        std::fs::write(directory.path().join(format!("{symbol}.csv")), wide).unwrap();
    }
    let import = |files: &[&str]| {
        let arguments = [&["data", "import"], files, &["--exchange", "bybit", "--timeframe", "1m"]].concat();
        exits(&plimsoll(directory.path(), &arguments).output().unwrap(), 0).0
    };
    let both = import(&["BTCUSDT.csv", "ETHUSDT.csv"]);
    assert_eq!(both.matches("columns not used").count(), 1, "{both}");
    assert!(both.ends_with("2 files: columns not used: trades\n"), "{both}");
    let one = import(&["BTCUSDT.csv"]);
    assert!(one.ends_with("BTCUSDT.csv: columns not used: trades\n"), "{one}");
}

#[test]
fn market_data_goes_in_and_comes_out() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    std::fs::write(at("BTCUSDT.csv"), CANDLES).unwrap();
    let run = |arguments: &[&str]| plimsoll(directory.path(), arguments).output().unwrap();
    let (out, _) = exits(&run(&["data", "import", "BTCUSDT.csv", "--exchange", "bybit"]), 0);
    assert!(out.contains("candles-1m"), "{out}");
    let (out, _) = exits(&run(&["data", "list", "--json"]), 0);
    let list: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&list[0]["symbol"], &list[0]["rows"]), (&Value::from("BTCUSDT"), &Value::from(5)));
    exits(&run(&["data", "export", "-s", "BTCUSDT", "-o", "out.csv", "--from", "2024-01-01T00:01"]), 0);
    let text = std::fs::read_to_string(at("out.csv")).unwrap();
    assert_eq!(text.lines().nth(1), Some("1704067260000,1.5,2.0,1.0,1.0,0"));
    let (out, _) = exits(&run(&["data", "resample", "-s", "BTCUSDT", "--to", "3m"]), 0);
    assert!(out.contains("candles-3m: 1 candles"), "{out}");
    let (_, err) = exits(&run(&["data", "resample", "-s", "BTCUSDT", "--to", "1m"]), 2);
    assert!(err.contains("--to 1m: no stored candles are shorter") && err.contains("candles-1m"), "{err}");
    let (_, err) = exits(&run(&["data", "resample", "-s", "BTCUSD", "--to", "3m"]), 2);
    assert!(err.contains("did you mean BTCUSDT?"), "{err}");
    let (out, _) = exits(&run(&["data", "check", "-s", "BTCUSDT"]), 0);
    assert!(out.contains("zero_volume: 1"), "{out}");
    exits(&run(&["data", "import", "BTCUSDT.csv", "--exchange", "bybit", "--kind", "mark"]), 0);
    let (out, _) = exits(&run(&["data", "check", "-s", "BTCUSDT", "--kind", "mark"]), 0);
    assert!(out.ends_with("nothing to report\n"), "mark prices have no volume: {out}");
    let generate = ["data", "generate", "--seed", "7", "--bars", "1000", "--json"];
    let (first, _) = exits(&run(&generate), 0);
    assert_eq!(first, exits(&run(&generate), 0).0, "a seed names a market");
}

#[test]
fn bad_market_data_is_two_and_leaves_no_trace() {
    let directory = tempfile::tempdir().unwrap();
    let bad = CANDLES.replace("1.5,2,1,1,0", "1.5,2,1,NaN,0");
    std::fs::write(directory.path().join("BTCUSDT.csv"), bad).unwrap();
    let run = |arguments: &[&str]| plimsoll(directory.path(), arguments).output().unwrap();
    let (out, err) = exits(&run(&["data", "import", "BTCUSDT.csv", "--exchange", "bybit"]), 2);
    assert!(out.is_empty() && err.contains("BTCUSDT.csv: line 3, column close, value \"NaN\""), "{err}");
    assert!(!directory.path().join("data").exists());
    let (_, err) = exits(&run(&["data", "import", "BTCUSDT.csv", "--exchange", "bybit", "--json"]), 2);
    let error: Value = serde_json::from_str(&err).unwrap();
    assert_eq!(error["details"]["faults"][0]["line"], 3);
    let (out, _) = exits(&run(&["data", "check", "BTCUSDT.csv"]), 1);
    assert!(out.contains("unreadable: 1"), "{out}");
    exits(&run(&["data", "check", "BTCUSDT.csv", "--repair", "--fill-gaps", "-o", "BTCUSDT-clean.csv"]), 0);
    exits(&run(&["data", "check", "BTCUSDT-clean.csv"]), 0);
    exits(&run(&["data", "export", "-s", "NOPE", "-o", "x.csv"]), 2);
    exits(&run(&["data", "generate", "--bars", "0"]), 2);
    let (_, err) = exits(&run(&["data", "generate", "--bars", "-3"]), 2);
    assert!(err.contains("'-3' for '--bars"), "{err}");
    let (out, _) = exits(&run(&["data", "list"]), 0);
    assert!(out.contains("no market data") && out.contains("plimsoll data import"), "{out}");
    assert!(!directory.path().join("data").exists(), "a refusal made a folder");
}

/// What a backtest would refuse, the check refuses first, all of it.
#[test]
fn strategies_of_a_configuration_are_checked_with_their_parameters() {
    let content = "strategies:\n  - {name: ema_crosover}\n  - {name: sma_crossover, parameters: {fast: 30, slow: 30}}\n  \
                   - {name: pairs}";
    let (_, err) = exits(&with_file(content, &["config", "check", "a.yaml"]), 2);
    assert!(err.contains("strategies[0]: unknown strategy") && err.contains("did you mean"), "{err}");
    assert!(
        err.contains("strategies[1]: strategy sma_crossover: parameter fast: 30 is not below slow"),
        "{err}"
    );
    assert!(!err.contains("strategies[2]"), "{err}");
}
