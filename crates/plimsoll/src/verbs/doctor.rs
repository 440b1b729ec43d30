//! `plimsoll doctor`: whether everything is there that trading needs, and what is to be done about what is not.

use std::io::Write;
use std::path::Path;

use clap::Parser;
use model::Instrument;
use serde_json::{Value, json};
use units::Span;

use super::data::table;
use crate::config::{Loaded, Place, Source};
use crate::failure::{ExitKind, Failure};
use crate::globals::Globals;
use crate::live::exchange::Exchange;
use crate::live::mode;
use crate::research::{Interrupt, active_pairs, strategies};

/// Arguments of the verb.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  plimsoll doctor\n  plimsoll doctor --config live.yaml --json\n\n\
    Exit code 0 when nothing stands in the way of paper trading, 1 when something does. What only live trading needs is told \
    and does not count.")]
pub(crate) struct Args {
    /// Do not connect to anything
    #[arg(long)]
    offline: bool,
}

/// How a look came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finding {
    /// As it should be.
    Fine,
    /// Paper trading works without it.
    Later,
    /// It has to be mended.
    Wrong,
}

/// What was looked at, how it came out, and what it is like.
type Look = (&'static str, Finding, String);

/// A clock that is off by more is mended before it is traded by.
const CLOCK: Span = Span::from_millis(500);

/// So much has to be free for journals and data, in bytes.
const LEAST_FREE: u64 = 1 << 30;

/// Does what the user asked for.
pub(crate) fn run(args: &Args, globals: &Globals) -> Result<(), Failure> {
    let mut looks: Vec<Look> = Vec::new();
    let loaded = match globals.load_config() {
        Ok(loaded) => {
            looks.push(("configuration", Finding::Fine, configuration(&loaded)));
            loaded
        }
        Err(failure) => {
            looks.push(("configuration", Finding::Wrong, failure.message));
            return finish(&looks, globals);
        }
    };
    looks.push(strategies_of(&loaded));
    looks.push(disk(&loaded.config.system.data_dir));
    looks.push(database(&loaded));
    looks.push(live(&loaded));
    if args.offline {
        looks.push(("exchange", Finding::Later, "not asked: --offline".to_owned()));
    } else {
        exchange(&loaded, &mut looks)?;
    }
    finish(&looks, globals)
}

fn configuration(loaded: &Loaded) -> String {
    let named = |source: &Source| Place { source: source.clone(), line: None }.to_string();
    let files: Vec<String> = loaded.files.iter().map(named).collect();
    let from = if files.is_empty() { "built-in defaults".to_owned() } else { files.join(", ") };
    let pairs = active_pairs(&loaded.config);
    let pairs = if pairs.is_empty() { "no pairs yet".to_owned() } else { pairs.join(", ") };
    format!("{from}; {pairs}")
}

fn strategies_of(loaded: &Loaded) -> Look {
    match strategies(&crate::research::StrategyArgs::default(), &loaded.config) {
        Ok(plans) => {
            let names: Vec<&str> = plans.iter().map(|plan| plan.id.as_str()).collect();
            ("strategies", Finding::Fine, names.join(", "))
        }
        Err(failure) if loaded.config.strategies.is_empty() => {
            ("strategies", Finding::Later, failure.message)
        }
        Err(failure) => ("strategies", Finding::Wrong, failure.message),
    }
}

/// Whether the data directory can be written, and how much room there is.
fn disk(folder: &Path) -> Look {
    let shown = folder.display();
    let test = || {
        std::fs::create_dir_all(folder)?;
        let path = folder.join(".doctor");
        let mut file = std::fs::File::create(&path)?;
        file.write_all(b"a line\n")?;
        file.sync_all()?;
        std::fs::remove_file(&path)
    };
    if let Err(error) = test() {
        return ("disk", Finding::Wrong, format!("{shown} cannot be written: {error}"));
    }
    match fs4::available_space(folder) {
        Ok(bytes) if bytes < LEAST_FREE => {
            let megabytes = bytes >> 20;
            (
                "disk",
                Finding::Wrong,
                format!("{shown} has {megabytes} MB left; journals and data want a gigabyte"),
            )
        }
        Ok(bytes) => ("disk", Finding::Fine, format!("{shown} can be written, {} GB left", bytes >> 30)),
        Err(error) => (
            "disk",
            Finding::Later,
            format!("{shown} can be written; how much is free is not known: {error}"),
        ),
    }
}

fn database(loaded: &Loaded) -> Look {
    let text = match loaded.config.storage.database_url {
        Some(_) => {
            "storage.database_url is set, but this version keeps no database: journals and catalog are files"
        }
        None => "none is needed: this version keeps journals and catalog as files, and no database yet",
    };
    ("database", Finding::Later, text.to_owned())
}

/// What live trading would still need.
fn live(loaded: &Loaded) -> Look {
    match mode::may_trade_live(loaded, ("--live", true)) {
        Ok(()) => {
            ("live trading", Finding::Fine, "allowed by the configuration, with the flag --live".to_owned())
        }
        Err(failure) => ("live trading", Finding::Later, failure.message),
    }
}

fn exchange(loaded: &Loaded, looks: &mut Vec<Look>) -> Result<(), Failure> {
    let mut exchange = match Exchange::new(&loaded.config, Interrupt::listen()?) {
        Ok(exchange) => exchange,
        Err(failure) => {
            looks.push(("exchange", Finding::Wrong, failure.message));
            return Ok(());
        }
    };
    match exchange.measure_clock() {
        Ok(trip) => {
            let name = exchange.name();
            looks.push(("exchange", Finding::Fine, format!("{name} answers in {} ms", millis(trip))));
            let offset = exchange.offset();
            let text = format!("{} ms from the exchange's", millis(offset));
            let is_near = offset.nanos().abs() <= CLOCK.nanos();
            let advice =
                if is_near { "" } else { "; synchronise it (NTP), or signed requests may be refused" };
            looks.push((
                "clock",
                if is_near { Finding::Fine } else { Finding::Wrong },
                format!("{text}{advice}"),
            ));
        }
        Err(failure) if failure.exit == ExitKind::Interrupted => return Err(failure),
        Err(failure) => {
            looks.push(("exchange", Finding::Wrong, failure.message));
            return Ok(());
        }
    }
    let symbols = active_pairs(&loaded.config);
    let mut instruments = Vec::new();
    if !symbols.is_empty() {
        match exchange.instruments(&symbols) {
            Ok(found) => {
                let all: Vec<String> = found.iter().map(rules).collect();
                looks.push(("instruments", Finding::Fine, all.join("; ")));
                instruments = found;
            }
            Err(failure) => looks.push(("instruments", Finding::Wrong, failure.message)),
        }
    }
    if exchange.has_key() {
        account(&mut exchange, &instruments, looks);
    } else {
        looks.push(("key", Finding::Later, "none is set; paper trading and downloads need none".to_owned()));
    }
    Ok(())
}

fn rules(instrument: &Instrument) -> String {
    let tick = instrument.tick_size.decimal(instrument.price_decimals).normalized();
    let step = instrument.quantity_step.decimal(instrument.quantity_decimals).normalized();
    format!("{} (tick {tick}, step {step}, leverage up to {})", instrument.symbol, instrument.max_leverage())
}

fn account(exchange: &mut Exchange, instruments: &[Instrument], looks: &mut Vec<Look>) {
    let key = match exchange.key() {
        Ok(key) => key,
        Err(failure) => {
            looks.push(("key", Finding::Wrong, failure.message));
            return;
        }
    };
    let may = if key.may_trade() { "may trade contracts" } else { "may only read: it cannot place orders" };
    let from = if key.addresses.iter().any(|address| address == "*") || key.addresses.is_empty() {
        "from every address (bind it to yours)".to_owned()
    } else {
        format!("from {}", key.addresses.join(", "))
    };
    let until = match key.days_left {
        Some(days) if days >= 0 => format!(", expires in {days} days"),
        _ => String::new(),
    };
    let finding = if key.may_trade() { Finding::Fine } else { Finding::Wrong };
    looks.push(("key", finding, format!("{may}, {from}{until}")));
    match exchange.margin_mode() {
        Ok(mode) => looks.push(("margin mode", Finding::Fine, mode)),
        Err(failure) => looks.push(("margin mode", Finding::Wrong, failure.message)),
    }
    for instrument in instruments {
        match exchange.is_hedged(instrument) {
            Ok(false) => {
                looks.push(("position mode", Finding::Fine, format!("{}: one-way", instrument.symbol)));
            }
            Ok(true) => looks.push((
                "position mode",
                Finding::Wrong,
                format!(
                    "{}: hedge mode; switch it to one-way at the exchange before trading",
                    instrument.symbol
                ),
            )),
            Err(failure) => looks.push(("position mode", Finding::Wrong, failure.message)),
        }
    }
    if let Some(instrument) = instruments.first() {
        match exchange.wallet(&instrument.quote) {
            Ok(amount) => looks.push(("wallet", Finding::Fine, format!("{amount} {}", instrument.quote))),
            Err(failure) => looks.push(("wallet", Finding::Wrong, failure.message)),
        }
    }
}

fn millis(span: Span) -> i64 {
    span.nanos() / 1_000_000
}

fn finish(looks: &[Look], globals: &Globals) -> Result<(), Failure> {
    let word = |finding: Finding| match finding {
        Finding::Fine => "ok",
        Finding::Later => "note",
        Finding::Wrong => "WRONG",
    };
    let wrong = looks.iter().filter(|(_, finding, _)| *finding == Finding::Wrong).count();
    if globals.json {
        let list: Vec<Value> = looks
            .iter()
            .map(|(what, finding, text)| json!({ "what": what, "finding": word(*finding), "text": text }))
            .collect();
        globals.print_json(&json!({ "wrong": wrong, "looks": list }))?;
    } else {
        let rows: Vec<Vec<String>> = looks
            .iter()
            .map(|(what, finding, text)| vec![(*what).to_owned(), word(*finding).to_owned(), text.clone()])
            .collect();
        globals
            .print(&format!("{}\n", table(&[("What", false), ("", false), ("How it is", false)], rows)))?;
    }
    match wrong {
        0 => Ok(()),
        1 => Err(Failure::failed("one thing has to be mended first")),
        many => Err(Failure::failed(format!("{many} things have to be mended first"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, ConfigFile, Sources};

    #[test]
    fn a_folder_that_cannot_be_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "x").unwrap();
        assert_eq!(disk(folder.path()).1, Finding::Fine);
        let (_, finding, text) = disk(&file.join("below"));
        assert_eq!(finding, Finding::Wrong);
        assert!(text.contains("cannot be written"), "{text}");
    }

    #[test]
    fn what_live_trading_lacks_is_a_note() {
        let files = vec![ConfigFile::Stdin(Vec::new())];
        let loaded =
            config::load(&Sources { files, directory: std::env::temp_dir(), ..Sources::default() }).unwrap();
        let (_, finding, text) = live(&loaded);
        assert_eq!(finding, Finding::Later);
        assert!(text.contains("acknowledge"), "{text}");
    }
}
