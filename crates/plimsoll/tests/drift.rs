//! `plimsoll drift` finds the cause that was put there: the real program trades on an exchange on this machine on which one thing at
//! a time is not as the backtest assumes.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use loopback::{AccountSettings, MarketSettings, Server, Settings};
use serde_json::{Value, json};
use units::{Amount, Span};
use wire::Secret;

/// Long enough for a busy machine; no test waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(30);

/// An exchange whose market stands still until it is told to move, and a program that trades there.
struct Bench {
    server: Server,
    folder: tempfile::TempDir,
    child: Child,
    lines: Receiver<String>,
    log: String,
}

/// The rules turn the position around every minute, so that each has an order.
fn rules() -> String {
    let even: Vec<String> = (0..60).step_by(2).map(|minute| format!("minute == {minute}")).collect();
    let odd: Vec<String> = (1..60).step_by(2).map(|minute| format!("minute == {minute}")).collect();
    format!(
        "summary: Turns around every minute\nenter:\n  long: {}\n  short: {}\n",
        even.join(" or "),
        odd.join(" or ")
    )
}

impl Bench {
    fn start(mode: &str) -> Self {
        let account = AccountSettings {
            key: "key".to_owned(),
            secret: Secret::new("secret".to_owned()),
            balance: Amount::parse("100000").unwrap(),
        };
        let settings = Settings {
            accounts: vec![account],
            markets: vec![MarketSettings::usual_of("ETHUSDT").unwrap()],
            speed: 0,
            history_days: 1,
            ack_delay: Span::ZERO,
            // On a whole second, so that minutes end with a step of the market.
            start: Some(gateway::clock::now().floor_to(Span::from_seconds(1))),
            is_limited: false,
            ..Settings::default()
        };
        let server = Server::start(&settings, "127.0.0.1:0".parse().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("strategies")).unwrap();
        std::fs::write(folder.path().join("strategies/turns.yaml"), rules()).unwrap();
        let text = "live: {acknowledge: I understand this trades real money}\n\
                    backtest: {initial_balance: 100000, slippage_percent: 0, sizing: equity_percent=0.2}\n\
                    run: {paper_latency_ms: 5}\n\
                    simulation: {funding_percent: 0}\n\
                    risk: {circuit_breaker_consecutive_losses: 1000, max_daily_trades: 10000, max_daily_loss_percent: 50, \
                    max_drawdown_percent: 60}\n\
                    pairs: [{symbol: ETHUSDT}]\n\
                    execution: {buffer_bars: 10}\n\
                    strategies: [{name: turns, timeframe: 1m}]\n";
        std::fs::write(folder.path().join("drift.yaml"), text).unwrap();
        let mut child =
            command(&server, folder.path(), &["run", mode, "--config=drift.yaml", "-vv"]).spawn().unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines() {
                let Ok(line) = line else { return };
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut bench = Self { server, folder, child, lines, log: String::new() };
        bench.sees("state        running");
        // What it thinks of the history is traded at once on paper, and with the first price for real.
        if mode == "--live" {
            bench.admin("/admin/time", &json!({"advance_ms": 100}));
        }
        bench.sees("  fill  ");
        bench.align();
        bench
    }

    /// Reads until a line says this.
    #[track_caller]
    fn sees(&mut self, what: &str) {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    let is_it = line.contains(what);
                    self.log += &(line + "\n");
                    if is_it {
                        return;
                    }
                }
                Err(_) => {
                    // It may have said why.
                    let _ = self.child.kill();
                    let mut complaint = String::new();
                    let _ = self.child.stderr.take().unwrap().read_to_string(&mut complaint);
                    panic!("{what:?} was not seen: {}{complaint}", self.log);
                }
            }
        }
    }

    fn admin(&self, path: &str, body: &Value) -> Value {
        let reply = self.server.admin("POST", path, &body.to_string()).unwrap();
        assert_eq!(reply.status, 200, "{path} {body}: {}", reply.body);
        serde_json::from_str(&reply.body).unwrap()
    }

    fn terms(&self, mut terms: Value) {
        terms["key"] = "key".into();
        self.admin("/admin/terms", &terms);
    }

    /// To the end of the minute that is open, whose candle turns the position around.
    fn align(&mut self) {
        let now = self.admin("/admin/time", &json!({}))["marketTime"].as_i64().unwrap();
        self.admin("/admin/time", &json!({"advance_ms": 60_000 - now % 60_000}));
        self.sees("closed at");
        self.sees("  fill  ");
    }

    /// A minute passes, and the order that it leads to is executed.
    fn minutes(&mut self, count: u32) {
        for _ in 0..count {
            self.admin("/admin/time", &json!({"advance_ms": 60_000}));
            self.sees("closed at");
            self.sees("  fill  ");
        }
    }

    /// Waits until an order has left, which the exchange lets arrive late.
    fn has_sent(&self) {
        let late = || {
            let reply = self.server.admin("GET", "/admin/status", "").unwrap();
            serde_json::from_str::<Value>(&reply.body).unwrap()["late"].as_u64().unwrap()
        };
        let until = std::time::Instant::now() + PATIENCE;
        while late() == 0 {
            assert!(std::time::Instant::now() < until, "no order left: {}", self.log);
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Stops the program as Ctrl-C does.
    fn stop(&mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{}", self.log);
    }

    /// Runs the program to its end.
    fn ends(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = command(&self.server, self.folder.path(), arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }

    /// What drift says of the run. What it cannot explain away is nothing, to the last unit.
    #[track_caller]
    fn drift(&self) -> Found {
        let (code, out, err) = self.ends(&["drift", "last", "--config=drift.yaml", "--json"]);
        assert_eq!(code, 0, "{out}{err}\n{}", self.log);
        let value: Value = serde_json::from_str(&out).unwrap();
        let amount = |value: &Value| Amount::parse(value.as_str().unwrap()).unwrap();
        let difference = amount(&value["difference"]);
        let parts: Amount = value["causes"].as_object().unwrap().values().map(amount).sum();
        assert_eq!(parts + amount(&value["remainder"]), difference, "{out}");
        Found { difference, value }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // A test that failed leaves nothing running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(server: &Server, folder: &Path, arguments: &[&str]) -> Command {
    let address = server.address();
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PLIMSOLL__EXCHANGE__REST_URL", format!("http://{address}"))
        .env("PLIMSOLL__EXCHANGE__WEBSOCKET_URL", format!("ws://{address}"))
        .env("PLIMSOLL__EXCHANGE__RATE_LIMIT", "1000")
        .env("BYBIT_API_KEY", "key")
        .env("BYBIT_API_SECRET", "secret")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

struct Found {
    difference: Amount,
    value: Value,
}

impl Found {
    fn part(&self, cause: &str) -> f64 {
        Amount::parse(self.value["causes"][cause].as_str().unwrap()).unwrap().to_f64()
    }

    /// At least 95 % of a difference worth the name is of this cause.
    #[track_caller]
    fn is_of(&self, cause: &str) {
        let (whole, part) = (self.difference.to_f64(), self.part(cause));
        assert!(whole.abs() > 0.01, "nothing to explain: {:#}", self.value);
        assert!((part - whole).abs() <= 0.05 * whole.abs(), "{cause}: {:#}", self.value);
    }
}

#[test]
fn a_day_on_which_nothing_went_wrong_is_its_backtest() {
    let mut bench = Bench::start("--live");
    bench.minutes(6);
    bench.stop();
    let found = bench.drift();
    // The exchange rounds fees to eight places.
    assert!(found.difference.abs().to_f64() < 1e-6, "{:#}", found.value);
    assert!(found.value["orders"]["matched"].as_u64().unwrap() >= 6, "{:#}", found.value);
    let (code, out, _) = bench.ends(&["drift", "last", "--config=drift.yaml", "--all"]);
    assert!(code == 0 && out.contains("8 of 8 trades are in both"), "{out}");
}

#[test]
fn what_is_paid_in_fees_is_found() {
    let mut bench = Bench::start("--live");
    bench.terms(json!({"taker_fee": "0.002"}));
    bench.minutes(8);
    bench.stop();
    bench.drift().is_of("fee");
}

#[test]
fn what_is_lost_by_slippage_is_found() {
    let mut bench = Bench::start("--live");
    bench.terms(json!({"slippage": "0.0004"}));
    bench.minutes(8);
    bench.stop();
    bench.drift().is_of("slippage");
}

#[test]
fn what_was_not_filled_is_found() {
    let mut bench = Bench::start("--live");
    bench.terms(json!({"fill": "0.3"}));
    bench.minutes(8);
    bench.stop();
    bench.drift().is_of("partial_fill");
}

#[test]
fn what_latency_costs_is_found() {
    let mut bench = Bench::start("--live");
    // Each order arrives half a minute of the market later.
    bench.terms(json!({"late_ms": 30_000}));
    let advance = |bench: &Bench| bench.admin("/admin/time", &json!({"advance_ms": 30_000}));
    advance(&bench);
    for _ in 0..10 {
        // The minute ends; its order is on its way, and arrives in the middle of the next.
        advance(&bench);
        bench.sees("closed at");
        bench.has_sent();
        advance(&bench);
        bench.sees("  fill  ");
    }
    bench.stop();
    let found = bench.drift();
    found.is_of("latency");
    assert!(found.value["median_latency_ms"].as_f64().unwrap() >= 30_000.0, "{:#}", found.value);
}

#[test]
fn what_is_paid_in_funding_is_found() {
    let mut bench = Bench::start("--live");
    bench.minutes(3);
    bench.admin("/admin/funding", &json!({"symbol": "ETHUSDT", "rate": "0.003"}));
    bench.sees("  funding  ");
    bench.minutes(3);
    bench.stop();
    bench.drift().is_of("funding");
}

#[test]
fn what_was_never_heard_is_found() {
    let mut bench = Bench::start("--live");
    bench.minutes(2);
    // The candle of a minute is said once, when it is over; what is said of it before does not count.
    bench.admin("/admin/state", &json!({"stale": ["kline"]}));
    bench.admin("/admin/time", &json!({"advance_ms": 240_000}));
    bench.admin("/admin/state", &json!({"stale": []}));
    bench.minutes(3);
    bench.stop();
    bench.import_candles();
    let found = bench.drift();
    assert_eq!(found.value["never_heard"].as_array().unwrap().len(), 4, "{:#}", found.value);
    found.is_of("missing_data");
}

#[test]
fn what_somebody_ordered_by_hand_is_found() {
    let mut bench = Bench::start("--live");
    bench.minutes(3);
    let (code, said, err) = bench.ends(&["panic", "--config=drift.yaml"]);
    assert!(code == 0 && said.contains("flat and latched"), "{said}{err}");
    for _ in 0..4 {
        bench.admin("/admin/time", &json!({"advance_ms": 60_000}));
        bench.sees("closed at");
    }
    bench.stop();
    let found = bench.drift();
    found.is_of("signal");
    let sides = found.value["trades"].as_array().unwrap().iter();
    assert!(sides.filter(|pair| pair["in"] == "backtest").count() >= 1, "{:#}", found.value);
}

impl Bench {
    /// What the exchange knows of the candles now goes into the catalog, as `data download` would bring it.
    fn import_candles(&self) {
        let until = self.admin("/admin/time", &json!({}))["marketTime"].as_i64().unwrap();
        let path = format!(
            "/v5/market/kline?category=linear&symbol=ETHUSDT&interval=1&limit=20&end={}",
            until - 60_000
        );
        let text = get(&self.server, &path);
        let answer: Value = serde_json::from_str(&text).unwrap();
        let mut rows: Vec<String> = answer["result"]["list"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (0..6).map(|n| row[n].as_str().unwrap()).collect::<Vec<_>>().join(","))
            .collect();
        rows.reverse();
        let file = self.folder.path().join("ETHUSDT-1m.csv");
        std::fs::write(&file, format!("open_time,open,high,low,close,volume\n{}\n", rows.join("\n")))
            .unwrap();
        let arguments = [
            "data",
            "import",
            "ETHUSDT-1m.csv",
            "--exchange",
            "bybit",
            "--symbol",
            "ETHUSDT",
            "--timeframe",
            "1m",
        ];
        let (code, out, err) = self.ends(&arguments);
        assert_eq!(code, 0, "{out}{err}");
    }
}

/// Asks the exchange something that needs no signature.
fn get(server: &Server, path: &str) -> String {
    use std::io::Write;
    let mut stream = std::net::TcpStream::connect(server.address()).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    body.to_owned()
}

#[test]
fn what_cannot_be_compared_is_said() {
    let mut bench = Bench::start("--paper");
    bench.minutes(2);
    let (code, _, err) = bench.ends(&["drift", "last", "--config=drift.yaml"]);
    assert!(code == 2 && err.contains("still runs"), "{code} {err}");
    bench.stop();
    // On paper it is the simulated exchange of the backtest that executes.
    let found = bench.drift();
    assert_eq!(found.difference, Amount::ZERO, "{:#}", found.value);
    let (code, _, err) = bench.ends(&["drift", "nothing-like-it", "--config=drift.yaml"]);
    assert!(code == 2 && err.contains("no run"), "{code} {err}");
    // What was recorded of the market is gone, as if it had not been.
    for kind in ["quotes", "trades"] {
        remove(&bench.folder.path().join("data/catalog"), kind);
    }
    let (code, _, err) = bench.ends(&["drift", "last", "--config=drift.yaml"]);
    assert!(code == 2 && err.contains("the tape of the run is missing"), "{code} {err}");
}

/// Removes the folders of a kind from a catalog.
fn remove(folder: &Path, kind: &str) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match path.is_dir() {
            true if name.starts_with(kind) => std::fs::remove_dir_all(&path).unwrap(),
            true => remove(&path, kind),
            false if name.starts_with(kind) => std::fs::remove_file(&path).unwrap(),
            false => {}
        }
    }
}
