//! The real program, an exchange on this machine that it trades at, and a folder of its own.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use loopback::{AccountSettings, Server, Settings};
use serde_json::Value;
use units::Amount;
use wire::Secret;

pub(crate) const KEY: &str = "KEYTHATISNEVERSHOWN";
pub(crate) const SECRET: &str = "SECRETTHATISNEVERSHOWN";

/// Of a proxy, which this machine is reached without.
pub(crate) const PASSWORD: &str = "PASSWORDTHATISNEVERSHOWN";

/// Long enough for a busy machine; no test waits for it to pass.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// An exchange, and a folder to trade from.
pub(crate) struct Bench {
    pub(crate) server: Server,
    pub(crate) folder: tempfile::TempDir,
}

impl Bench {
    /// Its market passes a minute in a second.
    pub(crate) fn new() -> Self {
        Self::at(60)
    }

    /// So many seconds of its market pass in a second.
    pub(crate) fn at(speed: u32) -> Self {
        Self::with(Settings { speed, ..Settings::default() })
    }

    /// An exchange with these settings, but for its account and its limits.
    pub(crate) fn with(settings: Settings) -> Self {
        let account = AccountSettings {
            key: KEY.to_owned(),
            secret: Secret::new(SECRET.to_owned()),
            balance: Amount::parse("100000").unwrap(),
        };
        let settings = Settings { accounts: vec![account], history_days: 2, is_limited: false, ..settings };
        let server = Server::start(&settings, "127.0.0.1:0".parse().unwrap()).unwrap();
        Self { server, folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Orders something at the exchange.
    pub(crate) fn admin(&self, path: &str, body: &str) {
        let reply = self.server.admin("POST", path, body).unwrap();
        assert_eq!(reply.status, 200, "{path} {body}: {}", reply.body);
    }

    /// The program, pointed to the exchange, with a key.
    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
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
            .env("PLIMSOLL__EXCHANGE__PROXY", format!("http://somebody:{PASSWORD}@127.0.0.1:9"))
            .env("BYBIT_API_KEY", KEY)
            .env("BYBIT_API_SECRET", SECRET)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if arguments.contains(&"--paper") {
            // Losing thrice in a row is no end of a test.
            command
                .env("PLIMSOLL__RISK__CIRCUIT_BREAKER_CONSECUTIVE_LOSSES", "1000")
                .env("PLIMSOLL__RISK__MAX_DAILY_TRADES", "10000");
        }
        command
    }

    /// Runs it to its end, and returns its exit code and everything that it said.
    pub(crate) fn ends(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.program(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let said = text(&output.stdout) + &text(&output.stderr);
        holds_no_secret(&said);
        (output.status.code().unwrap(), said)
    }

    #[track_caller]
    pub(crate) fn refuses(&self, arguments: &[&str], code: i32, parts: &[&str]) {
        let (found, said) = self.ends(arguments);
        assert_eq!(found, code, "{arguments:?}: {said}");
        for part in parts {
            assert!(said.contains(part), "{arguments:?} does not say {part:?}: {said}");
        }
    }

    /// Writes a configuration that may trade for real on the test network.
    pub(crate) fn live_configuration(&self) {
        // An address that was refused stays away for a moment rather than for ten minutes.
        let text = "live: {acknowledge: I understand this trades real money}\n\
                    bybit: {address_pause: 1}\n\
                    risk: {circuit_breaker_consecutive_losses: 1000, max_daily_trades: 10000}\n\
                    pairs: [{symbol: BTCUSDT}]\n\
                    strategies: [{name: ema_crossover, timeframe: 1m, parameters: {fast: 2, slow: 3}}]\n";
        std::fs::write(self.path().join("live.yaml"), text).unwrap();
    }

    pub(crate) fn trades(&self, arguments: &[&str]) -> Session {
        Session::new(self.program(arguments).spawn().unwrap())
    }

    /// What the exchange says that the account holds.
    pub(crate) fn positions(&self) -> BTreeMap<String, String> {
        let reply = self.server.admin("GET", "/admin/status", "").unwrap();
        let status: Value = serde_json::from_str(&reply.body).unwrap();
        held(&status["accounts"][0]["positions"])
    }

    /// What a run ended with, or began with.
    pub(crate) fn state_of(&self, run: &str, is_end: bool) -> State {
        let until: &[&str] = if is_end { &[] } else { &["--until=0"] };
        let (code, said) = self.ends(&[&["replay", run, "--json"], until].concat());
        assert_eq!(code, 0, "{said}");
        let value: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(value["identical"], true, "{said}");
        State {
            run: value["run"].as_str().unwrap().to_owned(),
            wallet: value["wallet"].as_str().unwrap().to_owned(),
            positions: held(&value["positions"]),
            orders: value["live_orders"].as_u64().unwrap(),
        }
    }

    /// The names of all runs, the oldest first.
    pub(crate) fn runs(&self) -> Vec<String> {
        let (code, said) = self.ends(&["journal", "list", "--json"]);
        assert_eq!(code, 0, "{said}");
        let runs: Value = serde_json::from_str(&said).unwrap();
        let mut runs: Vec<String> =
            runs.as_array().unwrap().iter().map(|run| run["run"].as_str().unwrap().to_owned()).collect();
        runs.sort();
        runs
    }

    /// What has to hold after anything that went wrong: every run steps through again to the same commands and digests, and what
    /// the last one believes is what the exchange says.
    #[track_caller]
    pub(crate) fn is_in_order(&self) {
        for run in self.runs() {
            self.state_of(&run, true);
        }
        assert_eq!(self.state_of("last", true).positions, self.positions(), "not the exchange's positions");
        self.holds_no_secret_in_files();
    }

    /// Looks into every file that was written, whatever it holds.
    #[track_caller]
    pub(crate) fn holds_no_secret_in_files(&self) {
        for entry in walk(self.path()) {
            let bytes = std::fs::read(&entry).unwrap();
            for hidden in [KEY, SECRET, PASSWORD] {
                let found = bytes.windows(hidden.len()).any(|window| window == hidden.as_bytes());
                assert!(!found, "{} holds a secret", entry.display());
            }
        }
    }
}

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) run: String,
    pub(crate) wallet: String,
    pub(crate) positions: BTreeMap<String, String>,
    pub(crate) orders: u64,
}

fn held(positions: &Value) -> BTreeMap<String, String> {
    let each = positions.as_object().unwrap().iter();
    each.map(|(symbol, quantity)| (symbol.clone(), quantity.as_str().unwrap().to_owned())).collect()
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

pub(crate) fn holds_no_secret(text: &str) {
    for hidden in [KEY, SECRET, PASSWORD] {
        assert!(!text.contains(hidden), "a secret is shown: {text}");
    }
}

/// A program that trades.
pub(crate) struct Session {
    pub(crate) child: Child,
    lines: Receiver<String>,
    stderr: Option<ChildStderr>,
    pub(crate) log: String,
}

impl Session {
    pub(crate) fn new(mut child: Child) -> Self {
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
    pub(crate) fn sees(&mut self, what: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.line(until, what).contains(what) {}
    }

    /// The next line.
    #[track_caller]
    fn line(&mut self, until: Instant, what: &str) -> String {
        match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                self.log += &line;
                self.log.push('\n');
                line
            }
            Err(RecvTimeoutError::Timeout) => panic!("{what:?} was not seen: {}", self.log),
            Err(RecvTimeoutError::Disconnected) => {
                let mut complaint = String::new();
                let _ = self.stderr.take().unwrap().read_to_string(&mut complaint);
                panic!("it ended before {what:?}: {}{complaint}", self.log);
            }
        }
    }

    /// Reads until there was, for each of these, a line that holds all of its parts.
    #[track_caller]
    pub(crate) fn sees_all(&mut self, wanted: &[&[&str]]) {
        let mut left: Vec<&[&str]> = wanted.to_vec();
        let until = Instant::now() + PATIENCE;
        while !left.is_empty() {
            let line = self.line(until, &format!("{left:?}"));
            left.retain(|parts| !parts.iter().all(|part| line.contains(part)));
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Ends it as nobody wants to: whatever was not on the disk is gone.
    pub(crate) fn kill(mut self) -> String {
        self.signal("-KILL");
        self.child.wait().unwrap();
        self.log.extend(self.lines.iter().map(|line| line + "\n"));
        self.stderr.take().unwrap().read_to_string(&mut self.log).unwrap();
        holds_no_secret(&self.log);
        std::mem::take(&mut self.log)
    }

    /// Stops it as Ctrl-C does. Returns its exit code and everything that it said.
    pub(crate) fn stop(mut self) -> (i32, String) {
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

/// Paper trading that has something to do every minute.
pub(crate) const PAPER: &[&str] = &[
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

/// Live trading as `Bench::live_configuration` has it.
pub(crate) const LIVE: &[&str] = &["run", "--live", "--config=live.yaml", "-v"];
