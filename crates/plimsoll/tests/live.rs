//! The real program against a real exchange on this machine: Bybit's protocol over real sockets.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use loopback::{AccountSettings, Server, Settings};
use units::{Amount, Prng};
use wire::Secret;

const KEY: &str = "KEYTHATISNEVERSHOWN";
const SECRET: &str = "SECRETTHATISNEVERSHOWN";

/// Long enough for a busy machine; no test waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(60);

/// An exchange, and a folder to trade from.
struct Bench {
    server: Server,
    folder: tempfile::TempDir,
}

impl Bench {
    /// Its market passes a minute in a second.
    fn new() -> Self {
        Self::at(60)
    }

    /// So many seconds of its market pass in a second.
    fn at(speed: u32) -> Self {
        let account = AccountSettings {
            key: KEY.to_owned(),
            secret: Secret::new(SECRET.to_owned()),
            balance: Amount::parse("100000").unwrap(),
        };
        let settings = Settings {
            accounts: vec![account],
            speed,
            history_days: 2,
            is_limited: false,
            ..Settings::default()
        };
        let server = Server::start(&settings, "127.0.0.1:0".parse().unwrap()).unwrap();
        Self { server, folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Orders something at the exchange.
    fn admin(&self, path: &str, body: &str) {
        let reply = self.server.admin("POST", path, body).unwrap();
        assert_eq!(reply.status, 200, "{path} {body}: {}", reply.body);
    }

    /// The program, pointed to the exchange, with a key.
    fn program(&self, arguments: &[&str]) -> Command {
        let address = self.server.address();
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PLIMSOLL__EXCHANGE__REST_URL", format!("http://{address}"))
            .env("PLIMSOLL__EXCHANGE__WEBSOCKET_URL", format!("ws://{address}"))
            .env("PLIMSOLL__EXCHANGE__RATE_LIMIT", "1000")
            .env("PLIMSOLL__EXCHANGE__MAX_RETRIES", "1")
            .env("BYBIT_API_KEY", KEY)
            .env("BYBIT_API_SECRET", SECRET)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it to its end, and returns its exit code and everything that it said.
    fn ends(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.program(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let said = text(&output.stdout) + &text(&output.stderr);
        holds_no_secret(&said);
        (output.status.code().unwrap(), said)
    }

    #[track_caller]
    fn refuses(&self, arguments: &[&str], code: i32, parts: &[&str]) {
        let (found, said) = self.ends(arguments);
        assert_eq!(found, code, "{arguments:?}: {said}");
        for part in parts {
            assert!(said.contains(part), "{arguments:?} does not say {part:?}: {said}");
        }
    }

    /// Writes a configuration that may trade for real on the test network.
    fn live_configuration(&self) {
        let text = "live: {acknowledge: I understand this trades real money}\n\
                    risk: {circuit_breaker_consecutive_losses: 1000, max_daily_trades: 10000}\n\
                    pairs: [{symbol: BTCUSDT}]\n\
                    strategies: [{name: ema_crossover, timeframe: 1m, parameters: {fast: 2, slow: 3}}]\n";
        std::fs::write(self.path().join("live.yaml"), text).unwrap();
    }

    fn trades(&self, arguments: &[&str]) -> Session {
        Session::new(self.program(arguments).spawn().unwrap())
    }
}

fn holds_no_secret(text: &str) {
    assert!(!text.contains(SECRET) && !text.contains(KEY), "a secret is shown: {text}");
}

/// A program that trades.
struct Session {
    child: Child,
    lines: Receiver<String>,
    stderr: Option<ChildStderr>,
    log: String,
}

impl Session {
    fn new(mut child: Child) -> Self {
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = child.stderr.take();
        std::thread::spawn(move || {
            for line in stdout.lines() {
                let Ok(line) = line else { return };
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines, stderr, log: String::new() }
    }

    /// Reads until a line says this.
    #[track_caller]
    fn sees(&mut self, what: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let is_it = line.contains(what);
                    self.log += &(line + "\n");
                    if is_it {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("{what:?} was not seen: {}", self.log),
                Err(RecvTimeoutError::Disconnected) => {
                    let mut complaint = String::new();
                    let _ = self.stderr.take().unwrap().read_to_string(&mut complaint);
                    panic!("it ended before {what:?}: {}{complaint}", self.log);
                }
            }
        }
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Stops it as Ctrl-C does. Returns its exit code and everything that it said.
    fn stop(mut self) -> (i32, String) {
        let asked = Instant::now();
        self.signal("-INT");
        let code = self.child.wait().unwrap().code().unwrap();
        assert!(asked.elapsed() < PATIENCE);
        self.log.extend(self.lines.iter().map(|line| line + "\n"));
        self.stderr.take().unwrap().read_to_string(&mut self.log).unwrap();
        holds_no_secret(&self.log);
        (code, std::mem::take(&mut self.log))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A test that failed leaves nothing running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const PAPER: &[&str] = &[
    "run",
    "--paper",
    "--symbol=BTCUSDT",
    "--strategy=ema_crossover",
    "-P",
    "fast=2",
    "slow=3",
    "--timeframe=1m",
    "-vv",
];

const LIVE: &[&str] = &["run", "--live", "--config=live.yaml", "-v"];

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
    // Another start is another account, and finds its warm-up in the catalog.
    let (code, said) = bench.ends(&[PAPER, &["--dry-run"]].concat());
    assert!(code == 0 && said.contains("Nothing was placed"), "{said}");
    // Every file that was written, whatever it holds.
    for entry in walk(bench.path()) {
        let bytes = std::fs::read(&entry).unwrap();
        for hidden in [KEY, SECRET] {
            let found = bytes.windows(hidden.len()).any(|window| window == hidden.as_bytes());
            assert!(!found, "{} holds a secret", entry.display());
        }
    }
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(walk(&path));
        } else {
            files.push(path);
        }
    }
    files
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
    let (code, said) = bench.ends(&["replay", "last"]);
    assert!(code == 0 && said.contains("identical"), "{said}");
    // The next start compares everything with the exchange, and finds nothing to adopt.
    let mut session = bench.trades(LIVE);
    session.sees("goes on from");
    session.sees("running");
    session.sees("order");
    let (code, log) = session.stop();
    assert!(code == 0 && !log.contains("adopted"), "{log}");
}

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
    // Opinions of four instruments are there from the start: orders leave as soon as it runs, and with every minute.
    let text = "live: {acknowledge: I understand this trades real money}\n\
                risk: {circuit_breaker_consecutive_losses: 1000, max_daily_trades: 100000}\n\
                pairs: [{symbol: BTCUSDT}, {symbol: ETHUSDT}, {symbol: SOLUSDT}, {symbol: XRPUSDT}]\n\
                strategies: [{name: ema_crossover, timeframe: 1m, parameters: {fast: 2, slow: 3}}]\n";
    std::fs::write(bench.path().join("live.yaml"), text).unwrap();
    let mut prng = Prng::new(u64::from(std::process::id()));
    let rounds = crashes();
    for round in 0..rounds {
        let mut session = bench.trades(LIVE);
        // Some die on their way up.
        if prng.below(5) > 0 {
            session.sees("running");
        }
        std::thread::sleep(Duration::from_millis(prng.below(1_500)));
        session.signal("-KILL");
        session.child.wait().unwrap();
        session.log.extend(session.lines.iter().map(|line| line + "\n"));
        holds_no_secret(&session.log);
        assert!(!session.log.contains("first difference"), "round {round}: {}", session.log);
    }
    let mut session = bench.trades(LIVE);
    session.sees("running");
    let (code, log) = session.stop();
    assert!(code == 0 && !log.contains("first difference"), "{log}");
    // Every order has a name of its own at the exchange, and every run is what the one before it led to.
    let (code, said) = bench.ends(&["journal", "list", "--json"]);
    assert_eq!(code, 0, "{said}");
    let runs: serde_json::Value = serde_json::from_str(&said).unwrap();
    for run in runs.as_array().unwrap() {
        let name = run["run"].as_str().unwrap();
        let (code, said) = bench.ends(&["replay", name]);
        assert!(code == 0 && said.contains("identical"), "{name}: {said}");
    }
    assert!(runs.as_array().unwrap().len() > rounds as usize / 2, "too few of them began to trade: {said}");
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
    bench.refuses(&["run", "--hybrid"], 2, &["ladder", "paper"]);
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
    bench.refuses(&["data", "download", "--symbol=BTCUSDT", "--kind=open-interest"], 2, &["no place"]);
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
