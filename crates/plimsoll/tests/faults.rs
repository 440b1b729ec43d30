//! What goes wrong at an exchange, from outside: the real program against a real exchange that fails in every way it can be told
//! to. Afterwards positions are the exchange's, every journal steps through again to the same commands, and no secret was said.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod bench;

use bench::{Bench, KEY, LIVE, PAPER, SECRET, Session};
use loopback::{Choices, Open, Settings};
use std::process::Command;
use std::time::Duration;

/// As [`LIVE`], telling everything.
const LOUD: &[&str] = &["run", "--live", "--config=live.yaml", "-vv"];

/// Nothing is on its way any more: the market stands still, and what was said has arrived.
fn calm(bench: &Bench) {
    bench.admin("/admin/time", r#"{"speed": 0}"#);
    std::thread::sleep(Duration::from_millis(500));
}

/// The exchange is away, in a way that it is told, until it is told to be back. Its clock runs faster than ours, so what would be
/// executed at that moment could not be asked for by time: the market stands still.
fn away(bench: &Bench, session: &mut Session, state: &str) {
    calm(bench);
    bench.admin("/admin/state", &format!(r#"{{"{state}": true}}"#));
    session.sees("lost");
    // Whatever is tried meanwhile fails.
    session.sees("network");
    bench.admin("/admin/state", &format!(r#"{{"{state}": false}}"#));
    bench.admin("/admin/time", r#"{"speed": 120}"#);
}

#[test]
fn live_trading_comes_through_maintenance_a_ban_and_a_clock_that_steps() {
    let bench = Bench::at(120);
    bench.live_configuration();
    let mut session = bench.trades(LOUD);
    session.sees("running");
    session.sees("realised");
    for state in ["maintenance", "ban"] {
        away(&bench, &mut session, state);
        session.sees("account is up");
        session.sees("realised");
    }
    // The clocks come apart, forwards and backwards: what was signed by the old one is refused, and measured anew.
    for skew in [30_000, -30_000] {
        bench.admin("/admin/state", &format!(r#"{{"skew_ms": {skew}}}"#));
        session.sees("realised");
    }
    let (code, log) = session.stop();
    assert_eq!(code, 0, "{log}");
    bench.is_in_order();
}

/// What comes on the streams is not what was sent: books with a gap, things told twice, out of order or cut short, and silence on a
/// connection that lives.
#[test]
fn live_trading_comes_through_streams_that_lie() {
    let bench = Bench::at(120);
    bench.live_configuration();
    let path = bench.path().join("live.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}simulation: {{fidelity: level2}}\n")).unwrap();
    let mut session = bench.trades(LOUD);
    session.sees("running");
    session.sees("realised");
    let lies = [
        ("public", "orderbook", "drop"),
        ("public", "orderbook", "duplicate"),
        ("public", "orderbook", "reorder"),
        ("public", "orderbook", "corrupt"),
        ("public", "kline", "duplicate"),
        ("public", "tickers", "reorder"),
        ("private", "order", "duplicate"),
        ("private", "execution", "duplicate"),
        ("private", "order", "reorder"),
        ("private", "execution", "reorder"),
        ("private", "position", "duplicate"),
        ("private", "wallet", "reorder"),
    ];
    for (on, what, lie) in lies {
        let fault = format!(r#"{{"on": "{on}", "match": "{what}", "do": "{lie}", "count": 2}}"#);
        bench.admin("/admin/faults", &fault);
        session.sees("realised");
    }
    bench.admin("/admin/state", r#"{"stale": ["orderbook", "publicTrade", "tickers", "kline"]}"#);
    std::thread::sleep(Duration::from_millis(1_500));
    bench.admin("/admin/state", r#"{"stale": []}"#);
    session.sees("realised");
    let (code, log) = session.stop();
    assert!(code == 0 && !log.contains("adopted"), "{log}");
    bench.is_in_order();
}

/// Wherever the documentation is silent the exchange does the other thing, and nothing comes of it.
#[test]
fn live_trading_does_not_depend_on_what_the_documentation_leaves_open() {
    let choices = Choices::flipped(Open::ALL);
    let bench = Bench::with(Settings { speed: 120, choices, ..Settings::default() });
    bench.live_configuration();
    bench.refuses(
        &["run", "--live", "--config=live.yaml", "--symbol=NOPEUSDT"],
        2,
        &["NOPEUSDT is not known there"],
    );
    let mut session = bench.trades(LOUD);
    session.sees("running");
    for _ in 0..3 {
        session.sees("realised");
    }
    let (code, log) = session.stop();
    assert!(code == 0 && !log.contains("adopted"), "{log}");
    bench.is_in_order();
    bench.admin("/admin/key", &format!(r#"{{"key": "{KEY}", "refuse": 10003}}"#));
    bench.refuses(LIVE, 2, &["the key is not known there"]);
}

#[test]
fn paper_trading_comes_through_the_same() {
    let bench = Bench::at(120);
    let mut session = bench.trades(PAPER);
    session.sees("running");
    session.sees("realised");
    for state in ["maintenance", "ban"] {
        away(&bench, &mut session, state);
        session.sees("market is up");
        session.sees("realised");
    }
    bench.admin("/admin/state", r#"{"skew_ms": -30000}"#);
    bench.admin("/admin/disconnect", "{}");
    session.sees("market is up");
    session.sees("realised");
    session.kill();
    let mut session = bench.trades(PAPER);
    session.sees("goes on from");
    session.sees("realised");
    let (code, log) = session.stop();
    assert_eq!(code, 0, "{log}");
    // The simulated exchange was given what the last run left, and ended with what the engine believes.
    let runs = bench.runs();
    let (before, after) = (bench.state_of(&runs[0], true), bench.state_of(&runs[1], false));
    assert_eq!((before.wallet, before.positions), (after.wallet, after.positions));
    bench.state_of("last", true);
    assert!(bench.positions().is_empty(), "paper trading sent an order");
    bench.holds_no_secret_in_files();
}

#[test]
fn a_key_that_is_withdrawn_stops_everything_signed_and_says_so() {
    let bench = Bench::at(120);
    bench.live_configuration();
    let mut session = bench.trades(LOUD);
    session.sees("running");
    session.sees("realised");
    bench.admin("/admin/key", &format!(r#"{{"key": "{KEY}", "refuse": 10003}}"#));
    bench.admin("/admin/disconnect", r#"{"on": "private"}"#);
    session.sees("refuses the key");
    let (code, log) = session.stop();
    assert_eq!(code, 0, "{log}");
    // The next start says why it does not trade.
    bench.refuses(LIVE, 2, &["10003", "the key is not known there"]);
    bench.holds_no_secret_in_files();
}

/// Each message and its exit code, as the table in `docs/trading.md` has them. What another test says already is not repeated.
#[test]
fn what_keeps_a_start_from_trading_is_said_with_its_code() {
    let bench = Bench::new();
    bench.live_configuration();
    let run = |change: &dyn Fn(&mut Command), code: i32, parts: &[&str]| {
        let mut command = bench.program(LOUD);
        change(&mut command);
        let output = command.output().unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        bench::holds_no_secret(&said);
        assert_eq!(output.status.code(), Some(code), "{said}");
        for part in parts {
            assert!(said.contains(part), "{part:?}: {said}");
        }
    };
    let env = |name: &'static str, value: &'static str| {
        move |command: &mut Command| {
            command.env(name, value);
        }
    };
    run(&env("BYBIT_API_KEY", "another-key"), 2, &["10003", "mistyped, deleted, or of another environment"]);
    run(&env("BYBIT_API_SECRET", "another-secret"), 2, &["10004", "the secret does not belong to the key"]);
    run(&env("PLIMSOLL__EXCHANGE__REST_URL", "http://127.0.0.1:9"), 1, &["cannot be reached"]);
    run(
        &env("PLIMSOLL__BYBIT__LOGIN_REFUSAL", "perhaps"),
        2,
        &["bybit.login_refusal", "one of final, retried"],
    );
    let none = |command: &mut Command| {
        command.env_remove("BYBIT_API_KEY").env_remove("BYBIT_API_SECRET");
    };
    run(&none, 3, &["credentials"]);
    let key = |text: &str| bench.admin("/admin/key", &format!(r#"{{"key": "{KEY}", {text}}}"#));
    key(r#""refuse": 33004"#);
    bench.refuses(LIVE, 2, &["the key has expired"]);
    key(r#""refuse": 10008"#);
    bench.refuses(LIVE, 3, &["banned the account"]);
    key(r#""refuse": null, "addresses": ["203.0.113.7"]"#);
    bench.refuses(LIVE, 2, &["10010", "bound to other addresses"]);
    key(r#""addresses": ["203.0.113.7", "127.0.0.1"], "positions": false"#);
    bench.refuses(LIVE, 2, &["may not trade"]);
    key(r#""addresses": [], "positions": true"#);
    bench.admin("/admin/mode", &format!(r#"{{"key": "{KEY}", "symbol": "BTCUSDT", "hedge": true}}"#));
    bench.refuses(LIVE, 3, &["BTCUSDT is in hedge mode"]);
    bench.refuses(&["doctor", "--config=live.yaml"], 1, &["BTCUSDT: hedge mode"]);
    bench.admin("/admin/mode", &format!(r#"{{"key": "{KEY}", "symbol": "BTCUSDT", "hedge": false}}"#));
    bench.admin("/admin/status", r#"{"symbol": "BTCUSDT", "status": "Delivering"}"#);
    bench.refuses(LIVE, 2, &["BTCUSDT cannot be traded: it is being delisted"]);
    bench.admin("/admin/status", r#"{"symbol": "BTCUSDT", "status": "Trading"}"#);
    for (state, part) in [("ban", "refuses this address"), ("maintenance", "maintenance")] {
        bench.admin("/admin/state", &format!(r#"{{"{state}": true}}"#));
        bench.refuses(LIVE, 1, &[part]);
        bench.refuses(PAPER, 1, &[part]);
        bench.admin("/admin/state", &format!(r#"{{"{state}": false}}"#));
    }
    bench.holds_no_secret_in_files();
    // Nothing was wrong but that.
    let (code, said) = bench.ends(&[LOUD, &["--dry-run"]].concat());
    assert!(code == 0 && said.contains("Nothing was placed"), "{said}");
}

/// Every verb that reads a key, at the highest level, and what it writes.
#[test]
fn no_secret_is_said_by_any_verb() {
    let bench = Bench::new();
    bench.live_configuration();
    // Each looks through everything that it said.
    for arguments in [
        &["config", "show", "--config=live.yaml", "-vv"][..],
        &["config", "show", "--config=live.yaml", "--json"],
        &["config", "check", "--config=live.yaml", "-vv"],
        &["doctor", "--config=live.yaml", "-vv"],
        &["doctor", "--config=live.yaml", "--json"],
        &["panic", "--config=live.yaml", "-vv"],
        &["panic", "--config=live.yaml", "--unlock=UNLOCK"],
    ] {
        let (code, said) = bench.ends(arguments);
        assert_eq!(code, 0, "{arguments:?}: {said}");
    }
    // What is refused repeats no value of a secret setting.
    let mut command = bench.program(&["config", "check", "-vv"]);
    command.env("BYBIT_API_SECRET", format!("{SECRET}{}", "x".repeat(600)));
    let output = command.output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    bench::holds_no_secret(&said);
    let mut session = bench.trades(&[LOUD, &["--json"]].concat());
    session.sees("running");
    session.sees("realised");
    assert_eq!(session.stop().0, 0);
    bench.holds_no_secret_in_files();
}
