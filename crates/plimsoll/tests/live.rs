//! The real program against a real exchange on this machine: Bybit's protocol over real sockets.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests, where a panic is the report")]

mod bench;

use bench::{Bench, KEY, LIVE, PAPER};
use std::time::Duration;
use units::Prng;

#[test]
fn paper_trades_the_real_market_and_leaves_a_tape() {
    let bench = Bench::new();
    let mut session = bench.trades(PAPER);
    session.sees("simulated orders");
    session.sees("running");
    session.sees("realised");
    let (code, log) = session.stop();
    assert_eq!(code, 0, "{log}");
    let (code, said) = bench.ends(&["replay", "last"]);
    assert!(code == 0 && said.contains("identical"), "{said}");
    let (_, said) = bench.ends(&["data", "list"]);
    for kind in ["candles-1m", "quotes", "trades"] {
        assert!(said.contains(kind), "{kind}: {said}");
    }
    // The tape is one to run over, candle by candle.
    let (code, said) = bench.ends(&["backtest", "-s", "ema_crossover", "-p", "BTCUSDT", "-i", "1m"]);
    assert!(code == 0 && said.contains("BACKTESTING REPORT"), "{said}");
    // Another start finds its warm-up in the catalog.
    let (code, said) = bench.ends(&[PAPER, &["--dry-run"]].concat());
    assert!(code == 0 && said.contains("Nothing was placed"), "{said}");
    bench.holds_no_secret_in_files();
}

/// What a long session saw is stored by a process of its own, which may break off as well.
#[test]
fn a_tape_that_is_due_is_stored_by_whoever_comes_next() {
    let bench = Bench::new();
    let mut session = bench.trades(PAPER);
    session.sees("running");
    session.sees("realised");
    assert_eq!(session.stop().0, 0);
    let (run, quotes) = (bench.runs().remove(0), bench.path().join("data/catalog/bybit/BTCUSDT/quotes"));
    let due = bench.path().join("data/journal").join(&run).join("tape-is-due");
    let breaks_off = || {
        std::fs::remove_dir_all(&quotes).unwrap();
        std::fs::write(&due, "").unwrap();
    };
    breaks_off();
    let (code, said) = bench.ends(&["data", "record", &run]);
    assert!(code == 0 && said.contains("were not in") && !said.starts_with("0 rows"), "{said}");
    assert!(quotes.is_dir() && !due.exists());
    assert!(bench.ends(&["data", "record", "last"]).1.starts_with("0 rows"));
    breaks_off();
    let (code, said) = bench.ends(&["drift", "last"]);
    assert!(code == 0 && quotes.is_dir() && !due.exists(), "{said}");
    breaks_off();
    std::fs::write(&due, "error: no room\n").unwrap();
    let mut session = bench.trades(PAPER);
    session.sees("running");
    let begin = std::time::Instant::now();
    while due.exists() {
        assert!(begin.elapsed() < Duration::from_secs(60), "nobody stores it");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(quotes.is_dir());
    let (code, log) = session.stop();
    assert!(code == 0 && log.contains("not stored yet, trying again: error: no room"), "{log}");
}

#[test]
fn an_account_on_paper_outlives_its_session() {
    let bench = Bench::new();
    let mut session = bench.trades(PAPER);
    session.sees("a new account on paper");
    session.sees("realised");
    // Neither a kill nor a clean stop is the end of it.
    session.kill();
    let mut session = bench.trades(PAPER);
    session.sees("goes on from");
    session.sees("running");
    session.sees("realised");
    assert_eq!(session.stop().0, 0);
    let mut session = bench.trades(PAPER);
    session.sees("goes on from");
    session.sees("realised");
    assert_eq!(session.stop().0, 0);
    let runs = bench.runs();
    assert_eq!(runs.len(), 3, "{runs:?}");
    for pair in runs.windows(2) {
        let (before, after) = (bench.state_of(&pair[0], true), bench.state_of(&pair[1], false));
        assert_eq!((before.wallet, before.positions), (after.wallet, after.positions), "{pair:?}");
    }
    // Who wants another account says so; what the old one has is not touched until then.
    let other = [PAPER, &["--strategy=sma_crossover", "--dry-run"]].concat();
    bench.refuses(&other, 3, &["other instruments or strategies", "--fresh"]);
    let (code, said) = bench.ends(&[PAPER, &["--fresh", "--dry-run"]].concat());
    assert!(code == 0 && said.contains("a new account on paper") && said.contains("10000 USDT"), "{said}");
    bench.live_configuration();
    bench.refuses(&[LIVE, &["--fresh"]].concat(), 2, &["new account on paper"]);
}

#[test]
fn each_strategy_trades_where_its_rung_says() {
    let bench = Bench::new();
    let configuration = |rungs: [&str; 2]| {
        let text = format!(
            "live: {{acknowledge: I understand this trades real money}}\n\
             risk: {{circuit_breaker_consecutive_losses: 1000, max_daily_trades: 10000}}\n\
             pairs: [{{symbol: BTCUSDT}}]\n\
             strategies:\n\
             - {{name: ema_crossover, id: tried, rung: {}, timeframe: 1m, parameters: {{fast: 2, slow: 3}}}}\n\
             - {{name: sma_crossover, id: proven, rung: {}, timeframe: 1m, parameters: {{fast: 2, slow: 3}}}}\n",
            rungs[0], rungs[1]
        );
        std::fs::write(bench.path().join("hybrid.yaml"), text).unwrap();
    };
    const HYBRID: &[&str] = &["run", "--hybrid", "--config=hybrid.yaml", "-v"];
    configuration(["paper", "paper"]);
    bench.refuses(HYBRID, 2, &["say --paper"]);
    bench.refuses(&["run", "--live", "--config=hybrid.yaml"], 3, &["on the rung `paper`", "tried, proven"]);
    configuration(["full", "full"]);
    bench.refuses(HYBRID, 2, &["say --live"]);
    configuration(["paper", "full"]);
    bench.refuses(&["run", "--live", "--config=hybrid.yaml"], 3, &["on the rung `paper`", "tried"]);
    let mut session = bench.trades(HYBRID);
    session.sees("simulated orders");
    session.sees("no real money");
    // Both trade, each with its own strategy.
    session.sees_all(&[
        &["paper  ", "order", "for tried"],
        &["live   ", "order", "for proven"],
        &["paper  ", "realised"],
        &["live   ", "realised"],
    ]);
    let (code, log) = session.stop();
    assert_eq!(code, 0, "{log}");
    let is_mixed_up = |line: &str| {
        (line.contains("paper  ") && line.contains("for proven"))
            || (line.contains("live   ") && line.contains("for tried"))
    };
    assert!(!log.lines().any(is_mixed_up), "{log}");
    let runs = bench.runs();
    let of = |mode: &str| runs.iter().find(|run| run.contains(mode)).unwrap();
    assert_eq!(bench.state_of(of("live"), true).positions, bench.positions());
    bench.state_of(of("paper"), true);
    // The kill switch reaches both.
    let mut session = bench.trades(HYBRID);
    session.sees_all(&[&["paper  ", "running"], &["live   ", "running"]]);
    let (code, said) = bench.ends(&["panic", "--config=hybrid.yaml"]);
    assert!(code == 0 && said.contains("flat and latched"), "{said}");
    assert_eq!(session.stop().0, 0);
    assert!(bench.positions().is_empty());
}

#[test]
fn a_configured_backtest_runs_from_the_same_verb() {
    let bench = Bench::new();
    let (code, said) = bench.ends(&["data", "download", "--symbol=BTCUSDT", "--timeframe=1m", "--days=1"]);
    assert_eq!(code, 0, "{said}");
    let text = "run: {mode: backtest}\npairs: [{symbol: BTCUSDT}]\n\
                strategies: [{name: ema_crossover, timeframe: 1m}]\n";
    std::fs::write(bench.path().join("back.yaml"), text).unwrap();
    bench.refuses(&["run", "--config=back.yaml"], 2, &["backtest.start and backtest.end"]);
    let period = "backtest: {start: 2020-01-01, end: 2100-01-01}\n";
    std::fs::write(bench.path().join("back.yaml"), text.to_owned() + period).unwrap();
    let (code, said) = bench.ends(&["run", "--config=back.yaml"]);
    assert!(code == 0 && said.contains("BACKTESTING REPORT"), "{said}");
}

#[test]
fn live_trades_through_what_goes_wrong_and_its_books_stay_the_exchanges() {
    let bench = Bench::new();
    bench.live_configuration();
    let mut session = bench.trades(LIVE);
    session.sees("no real money");
    session.sees("running");
    session.sees("realised");
    bench.admin("/admin/disconnect", "{}");
    session.sees("lost");
    session.sees("account is up");
    session.sees("realised");
    // An order that arrives and whose answer never comes back.
    bench.admin("/admin/faults", r#"{"on": "trade", "match": "order.create", "do": "drop", "count": 1}"#);
    session.sees("realised");
    bench.admin("/admin/faults", r#"{"on": "private", "match": "execution", "do": "duplicate", "count": 3}"#);
    session.sees("realised");
    let (code, log) = session.stop();
    assert_eq!(code, 0, "{log}");
    assert!(!log.contains("adopted"), "the books came apart: {log}");
    bench.is_in_order();
    // The next start compares everything with the exchange, and finds nothing to adopt.
    let mut session = bench.trades(LIVE);
    session.sees("goes on from");
    session.sees("running");
    session.sees("order");
    let (code, log) = session.stop();
    assert!(code == 0 && !log.contains("adopted"), "{log}");
}

/// What the exchange refuses an order with that was sent before.
const DOUBLED: &str = "duplicate order id";

/// How often the program is killed; `make crash ROUNDS=200` sets another number.
fn crashes() -> u32 {
    std::env::var("PLIMSOLL_CRASHES").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

/// Killed at moments that nobody chose, under load: whatever the journal held is there, each order exists once, and in the end the
/// books are the exchange's.
#[test]
fn a_process_that_is_killed_goes_on_where_it_was() {
    // The exchange's clock is its market's: what was executed while nobody listened is asked for by it.
    let bench = Bench::at(1);
    // Opinions of four instruments are there from the start: orders leave as soon as it runs, and with every minute. Two market
    // makers change their quotes whenever the market moves: as many orders a second as the exchange allows.
    let text = "live: {acknowledge: I understand this trades real money}\n\
                risk: {circuit_breaker_consecutive_losses: 1000, max_daily_trades: 100000}\n\
                pairs: [{symbol: BTCUSDT}, {symbol: ETHUSDT}, {symbol: SOLUSDT}, {symbol: XRPUSDT}]\n\
                strategies:\n\
                - {name: ema_crossover, timeframe: 1m, parameters: {fast: 2, slow: 3}}\n\
                - {name: touch_maker, id: quick, timeframe: 1m, symbols: [BTCUSDT], parameters: {period_ms: 20}}\n\
                - {name: touch_maker, id: slow, timeframe: 1m, symbols: [SOLUSDT], \
                   parameters: {period_ms: 50, quantity: 0.5, max_position: 10.0}}\n";
    std::fs::write(bench.path().join("live.yaml"), text).unwrap();
    let mut prng = Prng::new(u64::from(std::process::id()));
    let rounds = crashes();
    for round in 0..rounds {
        let mut session = bench.trades(LIVE);
        // Some die on their way up.
        if prng.below(5) > 0 {
            session.sees("running");
            session.sees("  order  ");
        }
        std::thread::sleep(Duration::from_millis(prng.below(1_500)));
        let log = session.kill();
        assert!(!log.contains("first difference"), "round {round}: {log}");
        assert!(!log.contains(DOUBLED), "round {round}: {log}");
    }
    let mut session = bench.trades(LIVE);
    session.sees("running");
    let (code, log) = session.stop();
    assert!(code == 0 && !log.contains("first difference"), "{log}");
    // Every order has a name of its own at the exchange, and every run is what the one before it led to.
    bench.is_in_order();
    let runs = bench.runs();
    assert!(runs.len() > rounds as usize / 2, "too few of them began to trade");
    let (mut inputs, mut commands) = (0, 0);
    for run in &runs {
        let (code, said) = bench.ends(&["replay", run, "--json"]);
        assert_eq!(code, 0, "{run}: {said}");
        let replayed: serde_json::Value = serde_json::from_str(&said).unwrap();
        inputs += replayed["inputs"].as_u64().unwrap();
        commands += replayed["commands"].as_u64().unwrap();
    }
    println!("{rounds} kills, {inputs} inputs and {commands} commands in {} runs", runs.len());
    assert!(commands > 5 * u64::from(rounds), "{commands} commands are no load");
}

/// An exchange where a session hung twice.
fn hung_twice() -> Bench {
    let bench = Bench::new();
    bench.live_configuration();
    for round in 0..2 {
        let mut session = bench.trades(LIVE);
        if round == 0 {
            session.sees("running");
            session.sees("fill");
        } else {
            // It is stopped before it has compared its books, so that what the first one left open stays as it is.
            session.sees("candle");
        }
        session.kill();
        // As the watchdog leaves it.
        let newest = bench.runs().pop().unwrap();
        std::fs::write(bench.path().join("data/journal").join(newest).join("stuck"), "after input 1\n")
            .unwrap();
    }
    bench
}

#[test]
fn what_hangs_twice_is_only_looked_after() {
    // Some are killed while a position turns around, when nothing is open.
    let bench = (0..8).map(|_| hung_twice()).find(|bench| !bench.positions().is_empty());
    let bench = bench.expect("something is open");
    let mut session = bench.trades(LIVE);
    session.sees("OBSERVE ONLY");
    session.sees("paused");
    let (code, said) = bench.ends(&["panic", "--config=live.yaml"]);
    assert!(code == 0 && said.contains("flat and latched"), "{said}");
    let (code, log) = session.stop();
    assert!(code == 0 && bench.positions().is_empty(), "{log}");
    // Until somebody looks at it.
    let mut session = bench.trades(LIVE);
    session.sees("OBSERVE ONLY");
    assert_eq!(session.stop().0, 0);
}

#[test]
fn the_kill_switch_closes_everything_and_stays_until_it_is_unlocked() {
    let bench = Bench::new();
    bench.live_configuration();
    let mut session = bench.trades(LIVE);
    session.sees("running");
    session.sees("fill");
    let (code, said) = bench.ends(&["panic", "--config=live.yaml"]);
    assert!(code == 0 && said.contains("flat and latched"), "{said}");
    session.sees("halted");
    // Pressed again, it is as it was, and says so.
    let (code, said) = bench.ends(&["panic", "--config=live.yaml"]);
    assert!(code == 0 && said.contains("flat and latched"), "{said}");
    assert_eq!(session.stop().0, 0);
    // Nothing runs: the exchange is told directly, and has nothing left to close.
    let (code, said) = bench.ends(&["panic", "--config=live.yaml"]);
    assert!(code == 0 && said.contains("0 positions open"), "{said}");
    let mut session = bench.trades(LIVE);
    session.sees("halted");
    bench.refuses(&["panic", "--config=live.yaml", "--unlock=please"], 3, &["UNLOCK"]);
    assert_eq!(bench.ends(&["panic", "--config=live.yaml", "--unlock=UNLOCK"]).0, 0);
    session.sees("running");
    session.sees("fill");
    assert_eq!(session.stop().0, 0);
}

#[test]
fn what_is_wrong_is_said_before_anything_is_opened() {
    let bench = Bench::new();
    bench.live_configuration();
    bench.refuses(&["run", "--hybrid"], 3, &["live.acknowledge"]);
    bench.refuses(&["run", "--dashboard-only"], 2, &["server"]);
    bench.refuses(
        &["run", "--live", "-s", "ema_crossover", "-p", "BTCUSDT"],
        3,
        &["live.acknowledge", "risk section"],
    );
    bench.refuses(
        &[PAPER, &["--symbol=BTCUSDTT"]].concat(),
        2,
        &["BTCUSDTT is not known there", "did you mean BTCUSDT"],
    );
    // A key that may not, from an address that it is not bound to, or that is none.
    bench.admin("/admin/key", &format!(r#"{{"key": "{KEY}", "trade": false}}"#));
    bench.refuses(LIVE, 2, &["may not trade"]);
    bench.admin("/admin/key", &format!(r#"{{"key": "{KEY}", "trade": true}}"#));
    for (code, part) in [
        (10003, "the key is not known there"),
        (10010, "bound to other addresses"),
        (10005, "lacks a permission"),
    ] {
        bench.admin("/admin/key", &format!(r#"{{"key": "{KEY}", "refuse": {code}}}"#));
        bench.refuses(LIVE, 2, &[part]);
        bench.refuses(&["doctor"], 1, &[part]);
    }
    bench.admin("/admin/key", &format!(r#"{{"key": "{KEY}", "refuse": null}}"#));
    bench.admin("/admin/status", r#"{"symbol": "BTCUSDT", "status": "Closed"}"#);
    bench.refuses(PAPER, 2, &["BTCUSDT cannot be traded", "delisted"]);
}

#[test]
fn an_exchange_that_is_down_is_said_so() {
    let bench = Bench::new();
    let mut command = bench.program(PAPER);
    command.env("PLIMSOLL__EXCHANGE__REST_URL", "http://127.0.0.1:9");
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot be reached"), "{said}");
}

#[test]
fn history_is_fetched_once_and_goes_on_where_it_stopped() {
    let bench = Bench::new();
    let arguments = [
        "data",
        "download",
        "--symbol=BTCUSDT",
        "--kind=candles,mark,funding",
        "--timeframe=5m",
        "--days=1",
        "--json",
    ];
    let read = |said: &str| -> Vec<(u64, u64)> {
        let value: serde_json::Value = serde_json::from_str(said).unwrap();
        let series = value["series"].as_array().unwrap().iter();
        series.map(|one| (one["held"].as_u64().unwrap(), one["added"].as_u64().unwrap())).collect()
    };
    let (code, said) = bench.ends(&arguments);
    assert_eq!(code, 0, "{said}");
    let first = read(&said);
    assert!(first.iter().all(|(held, added)| *held == 0 && *added >= 3), "{said}");
    let (_, said) = bench.ends(&arguments);
    for ((held, added), (_, before)) in read(&said).iter().zip(&first) {
        assert!(*held + 2 >= *before && *added <= 2, "{said}");
    }
    let (code, said) = bench.ends(&["data", "check", "--symbol=BTCUSDT", "--kind=candles"]);
    assert_eq!(code, 0, "{said}");
    bench.refuses(
        &["data", "download", "--symbol=BTCUSDT", "--kind=open-interest"],
        2,
        &["5m, 15m", "not every 1m"],
    );
    let arguments =
        ["data", "download", "--symbol=BTCUSDT", "--kind=open-interest", "-i=5m", "--days=1", "--json"];
    let (code, said) = bench.ends(&arguments);
    assert!(code == 0 && read(&said).iter().all(|(held, added)| *held == 0 && *added > 280), "{said}");
    let (_, said) = bench.ends(&arguments);
    assert!(read(&said).iter().all(|(held, added)| *held > 280 && *added <= 2), "{said}");
    let (code, said) = bench.ends(&["data", "check", "--kind=open-interest"]);
    assert!(code == 0 && said.contains("measurements of 5m") && said.contains("nothing to report"), "{said}");
    let (code, said) = bench.ends(&["data", "list", "--kind=open-interest"]);
    assert!(code == 0 && said.contains("open-interest-5m"), "{said}");
    let (code, said) = bench.ends(&["data", "export", "--kind=open-interest", "-o=interest.csv"]);
    assert!(code == 0 && said.contains("rows written"), "{said}");
    bench.refuses(&["data", "download", "--symbol=NOPEUSDT"], 2, &["NOPEUSDT is not known there"]);
}

#[test]
fn the_doctor_looks_at_everything() {
    let bench = Bench::new();
    bench.live_configuration();
    let (code, said) = bench.ends(&["doctor", "--config=live.yaml"]);
    assert_eq!(code, 0, "{said}");
    for part in ["configuration", "disk", "clock", "may trade contracts", "one-way", "wallet", "allowed"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    bench.admin("/admin/state", r#"{"skew_ms": 4000}"#);
    let (code, said) = bench.ends(&["doctor", "--config=live.yaml"]);
    assert!(code == 1 && said.contains("synchronise it"), "{said}");
}

/// Long, for so many candles at most.
fn for_a_while(bars: u32) -> String {
    format!("summary: x\nenter:\n  long: close > 1\nexit:\n  long: bars_in_position > {bars}\n")
}

const MINE: &[&str] = &["run", "--paper", "--symbol=BTCUSDT", "--strategy=mine", "--timeframe=1m", "-v"];

const SHORT: &str = "summary: x\nenter:\n  short: close > 1\nexit:\n  short: close < 1\n";

fn save(bench: &Bench, rules: &str) {
    std::fs::create_dir_all(bench.path().join("strategies")).unwrap();
    std::fs::write(bench.path().join("strategies/mine.yaml"), rules).unwrap();
}

#[test]
fn a_rule_file_that_is_saved_is_traded_and_an_open_position_keeps_its_own() {
    let bench = Bench::new();
    save(&bench, &for_a_while(25));
    let mut session = bench.trades(MINE);
    session.sees("fill         buy");
    // A mistake is told, and nothing changes.
    save(&bench, &for_a_while(25).replace("close > 1", "clse > 1"));
    std::thread::sleep(Duration::from_millis(2_500));
    save(&bench, SHORT);
    session.sees("mine goes by version 2 from now on; the open position keeps the rules that opened it");
    session.sees("to reduce");
    session.sees("mine trades BTCUSDT by version 2 now");
    session.sees("fill         sell");
    let (code, log) = session.stop();
    assert!(code == 0 && log.contains("clse") && log.contains("mine keeps the rules that it has"), "{log}");
    assert_eq!(log.matches("mine goes by version").count(), 1, "{log}");
    let (code, said) = bench.ends(&["replay", "last"]);
    assert!(code == 0 && said.contains("identical"), "{said}");
    // The next start goes on with it; what was changed meanwhile is a change like any other.
    save(&bench, &for_a_while(3));
    let mut session = bench.trades(MINE);
    session.sees("goes on from");
    session.sees("mine goes by version 3 from now on; the open position keeps the rules that opened it");
    assert_eq!(session.stop().0, 0);
    let (code, said) = bench.ends(&["replay", "last"]);
    assert!(code == 0 && said.contains("identical"), "{said}");
}

#[test]
fn who_is_killed_after_a_change_goes_on_with_both_versions() {
    let bench = Bench::new();
    save(&bench, &for_a_while(20));
    let mut session = bench.trades(MINE);
    session.sees("fill         buy");
    save(&bench, SHORT);
    session.sees("mine goes by version 2 from now on");
    // Until it is on the disk; what is not is noticed and installed again.
    std::thread::sleep(Duration::from_secs(1));
    session.kill();
    let mut session = bench.trades(MINE);
    session.sees("goes on from");
    session.sees("mine trades BTCUSDT by version 2 now");
    session.sees("fill         sell");
    assert_eq!(session.stop().0, 0);
    for run in bench.runs() {
        let (code, said) = bench.ends(&["replay", &run]);
        assert!(code == 0 && said.contains("identical"), "{said}");
    }
}
