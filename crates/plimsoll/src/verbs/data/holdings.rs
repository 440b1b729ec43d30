//! `plimsoll data list` and `plimsoll data export`.

use std::path::{Path, PathBuf};

use catalog::{Catalog, Holding};
use serde_json::{Value, json};

use super::table::{count, table};
use super::{RangeArgs, Selection, from_catalog};
use crate::failure::Failure;
use crate::globals::Globals;

/// Arguments of `data export`.
#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    range: RangeArgs,
    /// File to write; its ending says how
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

pub(super) fn list(selection: &Selection, catalog: &Catalog, globals: &Globals) -> Result<(), Failure> {
    let holdings = selection.select(catalog)?;
    if globals.json {
        return globals.print_json(&holdings.iter().map(to_json).collect::<Vec<_>>());
    }
    if holdings.is_empty() {
        return globals.print(&format!("{}\n", selection.nothing_fits(catalog)?));
    }
    let columns = [
        ("exchange", false),
        ("symbol", false),
        ("kind", false),
        ("from", false),
        ("to", false),
        ("rows", true),
        ("gaps", true),
        ("kB", true),
        ("source", false),
    ];
    let row = |holding: &Holding| {
        vec![
            holding.exchange.to_string(),
            holding.symbol.clone(),
            holding.kind.to_string(),
            holding.from.to_string(),
            holding.to.to_string(),
            count(holding.rows),
            if holding.timeframe.is_some() { count(holding.gaps) } else { "-".to_owned() },
            count(holding.bytes.div_ceil(1000)),
            source(holding),
        ]
    };
    globals.print(&table(&columns, holdings.iter().map(row)))
}

/// The file that everything came from, or how many there were.
fn source(holding: &Holding) -> String {
    match holding.source.as_slice() {
        [only] => Path::new(&only.file)
            .file_name()
            .map_or_else(|| only.file.clone(), |name| name.to_string_lossy().into_owned()),
        several => format!("{} files", count(several.len() as u64)),
    }
}

fn to_json(holding: &Holding) -> Value {
    let sources: Vec<Value> = holding
        .source
        .iter()
        .map(|source| {
            json!({
                "file": source.file,
                "digest": source.digest,
                "rows": source.rows,
                "imported_at": source.imported_at.map(|at| at.to_string()),
            })
        })
        .collect();
    json!({
        "exchange": holding.exchange.name(),
        "symbol": holding.symbol,
        "kind": holding.kind.name(),
        "timeframe": holding.timeframe.map(|timeframe| timeframe.to_string()),
        "from": holding.from.to_string(),
        "to": holding.to.to_string(),
        "rows": holding.rows,
        "gaps": holding.gaps,
        "bytes": holding.bytes,
        "price_decimals": holding.price_decimals,
        "quantity_decimals": holding.quantity_decimals,
        "sources": sources,
    })
}

pub(super) fn export(args: &ExportArgs, catalog: &Catalog, globals: &Globals) -> Result<(), Failure> {
    let range = args.range.range()?;
    let key = args.selection.one(catalog, |_| true)?;
    let rows = catalog.export(&key, range, &args.output).map_err(from_catalog)?;
    if globals.json {
        return globals.print_json(&json!({ "series": key.to_string(), "rows": rows, "file": args.output }));
    }
    globals.print(&format!("{key}: {} rows written to {}\n", count(rows), args.output.display()))
}
