//! `plimsoll panic`: the kill switch. Cancel all, close everything reduce-only, confirm it, and stay so until a person unlocks.

use std::time::{Duration, Instant};

use clap::Parser;
use model::Side;
use serde_json::json;
use units::Decimal;
use wire::bybit::calls::order::{CancelAll, Place};
use wire::bybit::calls::position::Positions;
use wire::bybit::rows::PositionRow;

use crate::failure::Failure;
use crate::globals::Globals;
use crate::live::exchange::Exchange;
use crate::live::lever::{Lever, latched};
use crate::live::start::{is_trading, journal_folder};
use crate::research::Interrupt;

/// Arguments of the verb.
#[derive(Debug, Parser)]
#[command(
    after_help = "Examples:\n  plimsoll panic --config live.yaml\n  plimsoll panic --config live.yaml --unlock UNLOCK\n\n\
    A running session does it and goes on watching, latched. Without one the exchange is told directly, with the key of the \
    configuration; the next session starts latched either way."
)]
pub(crate) struct Args {
    /// Release what is latched; the word is UNLOCK
    #[arg(long, value_name = "WORD")]
    unlock: Option<String>,
}

/// How long everything may take to be flat.
const PATIENCE: Duration = Duration::from_secs(60);

/// The coin that positions are settled in.
const COIN: &str = "USDT";

/// Does what the user asked for.
pub(crate) fn run(args: &Args, globals: &Globals) -> Result<(), Failure> {
    let loaded = globals.load_config()?;
    let journal = journal_folder(&loaded);
    let lever = Lever::of(&journal);
    let failed = |error: std::io::Error| Failure::failed(format!("{}: {error}", journal.display()));
    if let Some(word) = &args.unlock {
        if word != "UNLOCK" {
            return Err(Failure::refused(
                "the word to unlock is UNLOCK, in capitals, so that nobody does it by a slip",
            ));
        }
        std::fs::create_dir_all(&journal).map_err(failed)?;
        lever.unlock(word).map_err(failed)?;
        return say(globals, "unlocked: the session that runs, or the next one, may trade again");
    }
    lever.pull().map_err(failed)?;
    if is_trading(&loaded)? {
        return wait_for_session(&lever, globals);
    }
    let mut exchange = Exchange::new(&loaded.config, Interrupt::listen()?)?;
    if !exchange.has_key() {
        return say(
            globals,
            "no session runs here and there is no key, so nothing was sent; the next session starts latched",
        );
    }
    exchange.measure_clock()?;
    flatten(&mut exchange, globals)?;
    say(
        globals,
        "flat by the exchange's word; the next session starts latched (`plimsoll panic --unlock UNLOCK` releases it)",
    )
}

fn say(globals: &Globals, text: &str) -> Result<(), Failure> {
    if globals.json {
        globals.print_json(&json!({ "said": text }))
    } else {
        globals.print(&format!("{text}\n"))
    }
}

fn wait_for_session(lever: &Lever, globals: &Globals) -> Result<(), Failure> {
    let until = Instant::now() + PATIENCE;
    let mut last = None;
    while Instant::now() < until {
        let stage = lever.stage();
        if stage != last
            && let Some(stage) = &stage
        {
            say(globals, stage)?;
        }
        if stage.as_deref() == Some(latched()) {
            return say(
                globals,
                "the running session is flat and latched (`plimsoll panic --unlock UNLOCK` releases it)",
            );
        }
        last = stage;
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(Failure::failed(format!(
        "the running session was told, but did not confirm to be flat within {} s; look at the exchange. Stop the session and say \
         `plimsoll panic` again to close everything without it",
        PATIENCE.as_secs()
    )))
}

/// Cancels and closes everything, until the exchange says that nothing is open. Everything here may be said twice.
fn flatten(exchange: &mut Exchange, globals: &Globals) -> Result<(), Failure> {
    let until = Instant::now() + PATIENCE;
    let cancel =
        CancelAll { symbol: None, settle_coin: COIN.to_owned(), filter: None, stop_order_type: None };
    loop {
        let cancelled = exchange.ask(&cancel)?;
        let open = open_positions(exchange)?;
        say(globals, &format!("cancelled {} orders, {} positions open", cancelled.len(), open.len()))?;
        if open.is_empty() && cancelled.is_empty() {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(Failure::failed("positions are still open after a minute; look at the exchange"));
        }
        for row in &open {
            if let Err(failure) = exchange.ask(&closing(row)) {
                failure.report(globals.json, globals.colour_on_stderr());
            }
        }
        std::thread::sleep(Duration::from_millis(300));
    }
}

fn open_positions(exchange: &mut Exchange) -> Result<Vec<PositionRow>, Failure> {
    let mut open = Vec::new();
    let mut cursor = None;
    loop {
        let call = Positions { symbol: None, settle_coin: COIN.to_owned(), cursor: cursor.clone() };
        let page = exchange.ask(&call)?;
        let is_last = page.rows.is_empty() || page.next.is_none() || page.next == cursor;
        open.extend(page.rows.into_iter().filter(|row| row.size.mantissa != 0));
        if is_last {
            return Ok(open);
        }
        cursor = page.next;
    }
}

/// The order that closes a position and can do nothing else.
fn closing(row: &PositionRow) -> Place {
    let side = if row.side.as_deref() == Some("Sell") { Side::Buy } else { Side::Sell };
    let size = Decimal { mantissa: row.size.mantissa, decimals: row.size.decimals };
    let position = match row.position_index {
        1 => model::PositionSide::Long,
        2 => model::PositionSide::Short,
        _ => model::PositionSide::Net,
    };
    Place { position, reduce_only: true, ..Place::new(&row.symbol, side, None, size) }
}
