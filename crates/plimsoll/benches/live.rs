#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "a benchmark measures time")]
#![allow(clippy::unwrap_used, reason = "helpers of a benchmark, where a panic is the report")]
//! How quick and how large a trading program is, seen from outside: the real program, its real journal, and the exchange of this
//! machine over real sockets.
//!
//! * from the frame with a closed candle to the bytes of the order that it leads to, at a proxy in between: both ways through
//!   the kernel, parsing, journal and flush included (`TMPDIR=/dev/shm` takes the disk out of it);
//! * from the start of the process to *running*, and from Ctrl-C to its end;
//! * resident memory on paper with ten instruments and their books, at a market a hundred times as fast as the clock.
//!
//! Run with `cargo bench -p plimsoll --bench live`, and `-- reaction`, `-- life` or `-- memory` for one of them;
//! `PLIMSOLL_SOAK_SECONDS=3600` watches the memory for so long instead.
//! Without `--bench` everything runs once, small, and only the answers are checked.

use loopback::{AccountSettings, MarketSettings, Server, Settings};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use units::{Amount, Span};
use wire::Secret;

/// Long enough for anything; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let soak = std::env::var("PLIMSOLL_SOAK_SECONDS").ok().and_then(|text| text.parse().ok());
    if let Some(seconds) = soak {
        return memory(seconds);
    }
    let chosen: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_meant = |name: &str| chosen.is_empty() || chosen.iter().any(|one| one == name);
    if is_meant("reaction") {
        reaction(if is_measured { 150 } else { 2 });
    }
    if is_meant("life") {
        life(if is_measured { 7 } else { 1 });
    }
    if is_meant("memory") {
        memory(if is_measured { 60 } else { 2 });
    }
}

fn settings(speed: u32, markets: Vec<MarketSettings>) -> Settings {
    let account = AccountSettings {
        key: "key".to_owned(),
        secret: Secret::new("secret".to_owned()),
        balance: Amount::parse("100000").unwrap(),
    };
    Settings {
        accounts: vec![account],
        markets,
        speed,
        history_days: 1,
        ack_delay: Span::ZERO,
        // On a whole second, so that minutes end with a step of the market.
        start: Some(gateway::clock::now().floor_to(Span::from_seconds(1))),
        is_limited: false,
        ..Settings::default()
    }
}

fn serve(settings: &Settings) -> Server {
    Server::start(settings, "127.0.0.1:0".parse().unwrap()).unwrap()
}

/// Ten markets: the usual ones, some of them under other names.
fn ten() -> (Vec<MarketSettings>, String) {
    let usual = MarketSettings::usual();
    let market = |n: usize| {
        let mut market = usual[n % usual.len()].clone();
        if n >= usual.len() {
            market.instrument.symbol = format!("M{n}USDT");
            market.instrument.base = format!("M{n}");
        }
        market
    };
    let markets: Vec<MarketSettings> = (0..10).map(market).collect();
    let pairs: Vec<String> =
        markets.iter().map(|market| format!("{{symbol: {}}}", market.instrument.symbol)).collect();
    (markets, pairs.join(", "))
}

/// The program.
struct Program {
    child: Child,
    lines: Receiver<String>,
    started: Instant,
}

impl Program {
    fn start(folder: &Path, rest: SocketAddr, sockets: SocketAddr, mode: &str) -> Self {
        let started = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .args(["run", mode, "--config=live.yaml", "-v"])
            .current_dir(folder)
            .env_clear()
            .env("PLIMSOLL__EXCHANGE__REST_URL", format!("http://{rest}"))
            .env("PLIMSOLL__EXCHANGE__WEBSOCKET_URL", format!("ws://{sockets}"))
            .env("PLIMSOLL__EXCHANGE__RATE_LIMIT", "1000")
            .env("BYBIT_API_KEY", "key")
            .env("BYBIT_API_SECRET", "secret")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines, started }
    }

    fn sees(&self, what: &str) {
        while !self.lines.recv_timeout(PATIENCE).unwrap().contains(what) {}
    }

    /// Resident memory in megabytes.
    fn resident(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        let kilobytes: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kilobytes / 1_024.0
    }

    /// Ctrl-C. How long it took to end.
    fn stop(mut self) -> Duration {
        let id = self.child.id().to_string();
        let begin = Instant::now();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(0));
        begin.elapsed()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// When the candle was handed on, and how long the order took to come back.
#[derive(Debug, Default)]
struct Seen {
    closed: Option<Instant>,
    took: Vec<Duration>,
}

/// What holds the candle that is waited for.
const CLOSED: &[u8] = b"\"confirm\":true";

/// An order is longer than any sign of life.
const LEAST_ORDER: usize = 150;

/// Passes everything on between the program and the exchange, and looks at the clock.
fn proxy(exchange: SocketAddr, seen: &Arc<Mutex<Seen>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::clone(seen);
    std::thread::spawn(move || {
        for near in listener.incoming().map_while(Result::ok) {
            let far = TcpStream::connect(exchange).unwrap();
            near.set_nodelay(true).unwrap();
            far.set_nodelay(true).unwrap();
            let (from_near, to_near) = (near.try_clone().unwrap(), near);
            let (from_far, to_far) = (far.try_clone().unwrap(), far);
            let (down, up) = (Arc::clone(&seen), Arc::clone(&seen));
            std::thread::spawn(move || pass_down(from_far, to_near, &down));
            std::thread::spawn(move || pass_up(from_near, to_far, &up));
        }
    });
    address
}

fn pass_down(mut from: TcpStream, mut to: TcpStream, seen: &Mutex<Seen>) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let chunk = &buffer[..read];
        if chunk.windows(CLOSED.len()).any(|window| window == CLOSED) {
            seen.lock().unwrap().closed = Some(Instant::now());
        }
        if to.write_all(chunk).is_err() {
            return;
        }
    }
}

fn pass_up(mut from: TcpStream, mut to: TcpStream, seen: &Mutex<Seen>) {
    let mut buffer = vec![0; 1 << 16];
    let mut is_trade = None;
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let now = Instant::now();
        let chunk = &buffer[..read];
        if is_trade.is_none() {
            is_trade = Some(chunk.starts_with(b"GET /v5/trade"));
        } else if is_trade == Some(true) && read >= LEAST_ORDER {
            let mut seen = seen.lock().unwrap();
            if let Some(closed) = seen.closed.take() {
                seen.took.push(now - closed);
            }
        }
        if to.write_all(chunk).is_err() {
            return;
        }
    }
}

/// From the frame to the order.
fn reaction(count: usize) {
    let market = vec![MarketSettings::usual_of("ETHUSDT").unwrap()];
    let server = serve(&settings(0, market));
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("strategies")).unwrap();
    let minutes = |first: usize| -> String {
        let all: Vec<String> = (first..60).step_by(2).map(|minute| format!("minute == {minute}")).collect();
        all.join(" or ")
    };
    let rules =
        format!("summary: Turns every minute\nenter:\n  long: {}\n  short: {}\n", minutes(0), minutes(1));
    std::fs::write(folder.path().join("strategies/turns.yaml"), rules).unwrap();
    let text = "live: {acknowledge: I understand this trades real money}\n\
                risk: {circuit_breaker_consecutive_losses: 1000, max_daily_trades: 100000, max_daily_loss_percent: 50, \
                max_drawdown_percent: 60}\n\
                pairs: [{symbol: ETHUSDT}]\nstrategies: [{name: turns, timeframe: 1m}]\n";
    std::fs::write(folder.path().join("live.yaml"), text).unwrap();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let between = proxy(server.address(), &seen);
    let program = Program::start(folder.path(), server.address(), between, "--live");
    program.sees("state        running");
    let advance = |ms: i64| {
        let reply = server.admin("POST", "/admin/time", &format!("{{\"advance_ms\": {ms}}}")).unwrap();
        let at = reply.body.split(':').nth(1).unwrap().trim_end_matches('}').parse::<i64>().unwrap();
        std::thread::sleep(Duration::from_millis(40));
        at
    };
    let now = advance(0);
    // The first orders warm caches and connections up.
    let warm_up = count / 10 + 1;
    advance(60_000 - now % 60_000);
    for _ in 0..count + warm_up {
        // Everything of the minute but its last step, so that nothing is in the way of the candle.
        advance(59_900);
        let known = seen.lock().unwrap().took.len();
        advance(100);
        let begin = Instant::now();
        while seen.lock().unwrap().took.len() == known {
            assert!(begin.elapsed() < PATIENCE, "no order for a candle");
            std::thread::sleep(Duration::from_millis(1));
        }
        // What it says is read, so that nothing waits for a reader.
        while program.lines.try_recv().is_ok() {}
        // A turn is several orders, of which ten a second may be sent: what is held back for that is not what is measured.
        std::thread::sleep(Duration::from_millis(400));
    }
    let mut took = seen.lock().unwrap().took.split_off(0);
    assert!(took.len() >= count, "an order for every candle: {}", took.len());
    took.drain(..took.len() - count);
    took.sort_unstable();
    let micros = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
    println!(
        "candle frame received → order bytes written, {count} orders, journal and flush included: p50 {:.0} µs, p90 {:.0} µs, \
         p99 {:.0} µs",
        micros(0.5),
        micros(0.9),
        micros(0.99)
    );
    program.stop();
}

const LIVE: &str = "execution: {buffer_bars: 500}\nsimulation: {fidelity: level2}\n\
                    risk: {circuit_breaker_consecutive_losses: 1000, max_daily_trades: 100000, max_open_positions: 10}\n\
                    strategies: [{name: ema_crossover, timeframe: 1m}]\n";

/// How long it takes to start and to stop.
fn life(rounds: usize) {
    let (markets, pairs) = ten();
    let server = serve(&settings(1, markets));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("live.yaml"), format!("{LIVE}pairs: [{pairs}]\n")).unwrap();
    let (mut starts, mut stops) = (Vec::new(), Vec::new());
    for _ in 0..=rounds {
        let program = Program::start(folder.path(), server.address(), server.address(), "--paper");
        program.sees("state        running");
        starts.push(program.started.elapsed());
        std::thread::sleep(Duration::from_millis(500));
        stops.push(program.stop());
    }
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let first = millis(starts.remove(0));
    starts.sort_unstable();
    stops.sort_unstable();
    println!(
        "start to running, 10 symbols with 500 warm-up bars each: {first:.0} ms with all of it to fetch, then {:.0} ms (median of \
         {rounds}, worst {:.0} ms)",
        millis(starts[starts.len() / 2]),
        millis(starts[starts.len() - 1])
    );
    println!(
        "Ctrl-C to the end: {:.0} ms (median), worst {:.0} ms",
        millis(stops[stops.len() / 2]),
        millis(stops[stops.len() - 1])
    );
}

/// Memory over time.
fn memory(seconds: u64) {
    let (markets, pairs) = ten();
    let server = serve(&settings(100, markets));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("live.yaml"), format!("{LIVE}pairs: [{pairs}]\n")).unwrap();
    let program = Program::start(folder.path(), server.address(), server.address(), "--paper");
    program.sees("state        running");
    let begin = Instant::now();
    let every = Duration::from_secs(seconds).div_f64(30.0).max(Duration::from_millis(100));
    let mut samples = Vec::new();
    while begin.elapsed() < Duration::from_secs(seconds) {
        std::thread::sleep(every);
        // What it says is read, so that nothing waits for a reader.
        while program.lines.try_recv().is_ok() {}
        samples.push(program.resident());
    }
    let third = samples.len() / 3;
    let most = |part: &[f64]| part.iter().copied().fold(0.0, f64::max);
    println!(
        "resident memory on paper, 10 symbols with books, {seconds} s at 100 times the clock: {:.1} MB at most, {:.1} MB in the \
         second third, {:.1} MB in the last",
        most(&samples),
        most(&samples[third..samples.len() - third]),
        most(&samples[samples.len() - third..])
    );
    let stopped = program.stop();
    println!("and stopped after {:.0} ms, its tape stored", stopped.as_secs_f64() * 1e3);
}
