//! Every level of the simulated exchange and every model of it is chosen by flags or the configuration, and said in the report.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests, where a panic is the report")]

use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

struct Bench(TempDir);

impl Bench {
    /// A folder with a synthetic market.
    fn new() -> Self {
        let bench = Self(TempDir::new().unwrap());
        bench.run(&["data", "generate", "--seed", "7", "--symbol", "SYNUSDT", "--bars", "20000"], &[]);
        bench
    }

    #[track_caller]
    fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .args(arguments)
            .current_dir(self.0.path())
            .env_clear()
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a run comes to: its digest, and its report.
    #[track_caller]
    fn outcome(&self, flags: &[&str], variables: &[(&str, &str)]) -> (Value, String) {
        let base = ["backtest", "-s", "ema_crossover", "-p", "SYNUSDT", "-i", "1h", "--leverage", "5"];
        let run = [&base[..], flags].concat();
        let document = self.run(&[&run[..], &["--json"]].concat(), variables);
        let document: Value = serde_json::from_str(&document).unwrap();
        (document["digest"].clone(), self.run(&run, variables))
    }
}

#[test]
fn levels_and_models_are_chosen() {
    let bench = Bench::new();
    let (usual, report) = bench.outcome(&[], &[]);
    assert!(
        report.contains("inside the candle, pessimistic") && report.contains("isolated margin"),
        "{report}"
    );
    let key = |name: &'static str| format!("PLIMSOLL__SIMULATION__{name}");
    let impact = key("IMPACT_MODEL");
    for (flags, variables, words) in [
        (&["--fidelity", "next_open"][..], &[][..], "at the opens of candles"),
        (&["--candle-path", "adaptive"], &[], "to the nearer extreme first"),
        (&["--timeframe-detail", "1m"], &[], "inside 1m candles, pessimistic"),
        (&[], &[(impact.as_str(), "linear")], "1 % · Q/V"),
        (&[], &[(impact.as_str(), "quadratic")], "1 % · (Q/V)²"),
        (&[], &[(impact.as_str(), "square_root")], "1 · 1 % · √(Q/V)"),
    ] {
        let (digest, report) = bench.outcome(flags, variables);
        // The way through a candle matters only where both a stop and a target lie inside one.
        assert!(digest != usual || flags.contains(&"adaptive"), "{flags:?} {variables:?} changes nothing");
        assert!(report.contains(words), "{words:?} is not in: {report}");
    }
    let (_, report) = bench.outcome(&["--margin-mode", "cross"], &[]);
    assert!(report.contains("cross margin"), "{report}");
    let (_, report) = bench.outcome(&[], &[(&key("LIMIT_FILL"), "touch")]);
    assert!(report.contains("limits at a touch"), "{report}");
}

/// Without recorded rates funding is a model that is stated, and can be left out.
#[test]
fn funding_is_modelled_where_there_are_no_rates() {
    let bench = Bench::new();
    bench
        .run(&["data", "export", "--symbol", "SYNUSDT", "--kind", "candles", "--output", "candles.csv"], &[]);
    let from_file = ["--data", "candles.csv"];
    let (modelled, report) = bench.outcome(&from_file, &[]);
    assert!(report.contains("0.01 % in eight hours, a model"), "{report}");
    let (none, report) = bench.outcome(&[&from_file[..], &["--no-funding"]].concat(), &[]);
    assert!(report.contains("not simulated"), "{report}");
    assert_ne!(modelled, none);
    let (dear, _) = bench.outcome(&from_file, &[("PLIMSOLL__SIMULATION__FUNDING_PERCENT", "0.1")]);
    assert_ne!(modelled, dear);
}
