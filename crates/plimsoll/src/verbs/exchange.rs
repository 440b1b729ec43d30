//! `plimsoll exchange`: the loopback exchange on its own.

use std::net::SocketAddr;
use std::path::PathBuf;

use catalog::ReadOptions;
use loopback::{
    AccountSettings, Choices, DEFAULT_KEY, DEFAULT_SECRET, MarketSettings, Open, Scenario, Server,
    ServerTime, Settings, Source, StartError,
};
use model::Exchange;
use serde_json::json;
use units::Span;

use crate::failure::Failure;
use crate::globals::Globals;

/// Arguments of the verb.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  plimsoll exchange --synthetic --seed 7\n  \
        plimsoll exchange --listen 127.0.0.1:9000 --tape BTCUSDT-1m.csv.gz --speed 60\n  \
        plimsoll exchange --account alice:her-secret:50000 --account bob:his-secret:50000\n\n\
        It listens on this machine only, unless told otherwise. docs/exchange.md tells what it speaks and how to make it fail.")]
pub(crate) struct Args {
    /// What it speaks
    #[arg(long, value_name = "NAME", default_value = "bybit", value_parser = ["bybit"])]
    protocol: String,
    /// Where it listens; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8085")]
    listen: SocketAddr,
    /// Play recorded candles, one file for each instrument: the first half is history, the rest is played
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "synthetic")]
    tape: Vec<PathBuf>,
    /// Trade BTCUSDT, ETHUSDT, SOLUSDT and XRPUSDT on seeded walks; so it is without --tape
    #[arg(long)]
    synthetic: bool,
    /// Names the synthetic markets and every id
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seconds of the market in a second of the clock, 0 to 3600; 0 stands still until the admin interface moves it
    #[arg(long, value_name = "FACTOR", default_value_t = 1)]
    speed: u32,
    /// What the synthetic markets do: normal, calm, volatile, trend, crash or thin
    #[arg(long, value_name = "NAME", default_value_t = Scenario::Normal)]
    scenario: Scenario,
    /// An account as KEY:SECRET:USDT; may be repeated
    #[arg(long = "account", value_name = "KEY:SECRET:USDT", hide_possible_values = true)]
    accounts: Vec<AccountSettings>,
    /// Days of synthetic history before the start
    #[arg(long, value_name = "DAYS", default_value_t = 14)]
    history_days: u32,
    /// How long what is said on streams is held back, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 10)]
    ack_delay: u32,
    /// Count no requests and refuse none for their number
    #[arg(long)]
    no_limits: bool,
    /// The time that is told as the server's, and that signatures are held against: clock or market
    #[arg(long, value_name = "WHICH", default_value = "clock", value_parser = ["clock", "market"])]
    server_time: String,
    /// What the documentation leaves open, decided the other way; may be repeated. docs/exchange.md has the points
    #[arg(long = "flip", value_name = "POINT", value_delimiter = ',', num_args = 1..)]
    flipped: Vec<Open>,
}

/// Does what the user asked for.
pub(crate) fn run(args: Args, globals: &Globals) -> Result<(), Failure> {
    let markets = if args.tape.is_empty() {
        MarketSettings::usual()
    } else {
        args.tape.iter().map(|file| recorded(file)).collect::<Result<_, _>>()?
    };
    let usual = Settings::default();
    let is_usual_account = args.accounts.is_empty();
    let settings = Settings {
        accounts: if is_usual_account { usual.accounts } else { args.accounts },
        markets,
        seed: args.seed,
        speed: args.speed,
        scenario: args.scenario,
        step: None,
        history_days: args.history_days,
        start: None,
        ack_delay: Span::from_millis(i64::from(args.ack_delay)),
        is_limited: !args.no_limits,
        server_time: if args.server_time == "market" { ServerTime::Market } else { ServerTime::Clock },
        choices: Choices::flipped(args.flipped),
    };
    let server = Server::start(&settings, args.listen).map_err(|error| match error {
        StartError::Settings(_) => Failure::usage(error.to_string()),
        StartError::Listen { .. } => Failure::failed(error.to_string()),
    })?;
    tell(&server, &settings, is_usual_account, globals)?;
    server.wait();
    Ok(())
}

/// Where it is and who may trade. A secret is printed only where it is the one everybody knows.
fn tell(server: &Server, settings: &Settings, is_usual: bool, globals: &Globals) -> Result<(), Failure> {
    let address = server.address();
    let symbols: Vec<&str> =
        settings.markets.iter().map(|market| market.instrument.symbol.as_str()).collect();
    let keys: Vec<&str> = settings.accounts.iter().map(|account| account.key.as_str()).collect();
    if globals.json {
        let mut said = json!({
            "protocol": "bybit", "address": address.to_string(), "symbols": symbols, "keys": keys, "speed": settings.speed,
        });
        if is_usual {
            said["secret"] = DEFAULT_SECRET.into();
        }
        return globals.print_json(&said);
    }
    let account = if is_usual {
        format!("key     {DEFAULT_KEY}\nsecret  {DEFAULT_SECRET}   (good for this exchange only)\n")
    } else {
        format!("keys    {}\n", keys.join(" "))
    };
    globals.print(&format!(
        "Bybit V5 on this machine: no money, no orders leave it.\n\
         REST    http://{address}\n\
         public  ws://{address}/v5/public/linear\n\
         private ws://{address}/v5/private\n\
         trade   ws://{address}/v5/trade\n\
         admin   http://{address}/admin/status\n\
         {account}\
         trades  {} at {}× the clock\n",
        symbols.join(" "),
        settings.speed,
    ))
}

/// A market out of a file of candles.
fn recorded(file: &std::path::Path) -> Result<MarketSettings, Failure> {
    let usage = |problem: String| Failure::usage(format!("--tape {}: {problem}", file.display()));
    let mut series =
        catalog::read_series(file, &ReadOptions::default()).map_err(|e| Failure::usage(e.to_string()))?;
    let (mut instrument, _) = catalog::resolve(&series).map_err(|e| usage(e.to_string()))?;
    catalog::rescale(&mut series, instrument.price_decimals, instrument.quantity_decimals).map_err(usage)?;
    instrument.exchange = Exchange::Bybit;
    if instrument.funding_interval <= Span::ZERO {
        instrument.funding_interval = Span::from_seconds(8 * 3600);
    }
    let source = Source::Tape { bars: series.bars, timeframe: series.timeframe, split: None };
    Ok(MarketSettings { instrument, source })
}
