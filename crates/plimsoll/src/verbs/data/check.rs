//! `plimsoll data check`: what is wrong, and mending it when told to.

use std::path::{Path, PathBuf};

use catalog::{
    Catalog, CheckOptions, CheckReport, FindingKind, Kind, ReadOptions, RepairOptions, TimeRange, check,
    check_file, check_open_interest, export_series, read_repaired, repair,
};
use serde_json::{Value, json};

use super::import::{repair_json, repair_text};
use super::table::count;
use super::{Selection, from_catalog, from_import};
use crate::failure::Failure;
use crate::globals::Globals;

/// Arguments of `data check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files of candles; without any, the stored candles that the flags select
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    selection: Selection,
    /// Call a candle an outlier when its range exceeds this many average ranges of 14 candles
    #[arg(long, value_name = "RATIO", default_value_t = 20.0)]
    outliers: f64,
    /// Drop duplicates and impossible candles of a file and sort it, into --output
    #[arg(long, requires = "output")]
    repair: bool,
    /// Put flat candles without volume where candles are missing: into --output, or into the catalog
    #[arg(long)]
    fill_gaps: bool,
    /// Where the repaired candles of a file go: .csv, .csv.gz or .parquet
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

const CANDLES: &str = "candles";

/// What was checked, what was found and what was done.
struct Checked {
    name: String,
    /// What its rows are.
    noun: &'static str,
    report: CheckReport,
    repaired: Option<catalog::RepairReport>,
}

pub(super) fn run(args: &Args, catalog: &Catalog, globals: &Globals) -> Result<(), Failure> {
    if args.outliers.is_nan() || args.outliers <= 0.0 {
        return Err(Failure::usage(format!("--outliers {}: a number above zero is needed", args.outliers)));
    }
    if args.output.is_some() && (args.files.len() != 1 || !(args.repair || args.fill_gaps)) {
        return Err(Failure::usage("--output needs exactly one FILE and --repair or --fill-gaps"));
    }
    if args.fill_gaps && !args.files.is_empty() && args.output.is_none() {
        return Err(Failure::usage(
            "--fill-gaps with a FILE needs --output; the file itself is never changed",
        ));
    }
    let options = CheckOptions { outlier_ratio: args.outliers, ..CheckOptions::default() };
    let checked = if args.files.is_empty() {
        check_catalog(args, catalog, &options)?
    } else {
        args.files.iter().map(|file| check_one_file(args, file, &options)).collect::<Result<_, _>>()?
    };
    if globals.json {
        globals.print_json(&checked.iter().map(to_json).collect::<Vec<_>>())?;
    } else {
        globals.print(&checked.iter().map(to_text).collect::<String>())?;
    }
    let left = checked.iter().filter(|one| one.repaired.is_none() && one.report.impossible() > 0).count();
    if left > 0 {
        return Err(Failure::failed(format!(
            "{left} of {} checked hold what an import refuses; --repair leaves it out",
            checked.len()
        )));
    }
    Ok(())
}

fn check_one_file(args: &Args, file: &Path, options: &CheckOptions) -> Result<Checked, Failure> {
    let read = ReadOptions {
        symbol: args.selection.symbol.clone(),
        exchange: args.selection.exchange,
        timeframe: args.selection.timeframe,
    };
    let report = check_file(file, &read, options).map_err(from_import)?;
    let mut repaired = None;
    if let Some(output) = &args.output {
        let how = RepairOptions { fill_gaps: args.fill_gaps };
        let (series, done) = read_repaired(file, &read, &how).map_err(from_import)?;
        export_series(&series, output).map_err(from_catalog)?;
        repaired = Some(done);
    }
    Ok(Checked { name: file.display().to_string(), noun: CANDLES, report, repaired })
}

fn check_catalog(args: &Args, catalog: &Catalog, options: &CheckOptions) -> Result<Vec<Checked>, Failure> {
    let mut checked = Vec::new();
    for holding in args.selection.select(catalog)?.iter().filter(|holding| holding.timeframe.is_some()) {
        let key = holding.key();
        if let Kind::OpenInterest(every) = key.kind {
            let rows = catalog.load_open_interest(&key, TimeRange::ALL).map_err(from_catalog)?;
            let report = check_open_interest(&rows, every, holding.quantity_decimals, options);
            checked.push(Checked { name: key.to_string(), noun: "measurements", report, repaired: None });
            continue;
        }
        let series = catalog.load_bars(&key, TimeRange::ALL).map_err(from_catalog)?;
        let expects_volume = !matches!(key.kind, Kind::MarkCandles(_));
        let report = check(&series, &CheckOptions { expects_volume, ..*options });
        let mut repaired = None;
        if args.fill_gaps {
            let (whole, done) = repair(series, &RepairOptions { fill_gaps: true }).map_err(from_catalog)?;
            let scale = catalog::Scale {
                price_decimals: whole.price_decimals,
                quantity_decimals: whole.quantity_decimals,
            };
            let mut change = catalog.begin().map_err(from_catalog)?;
            change.put(&key, scale, &whole.bars, &whole.source).map_err(from_catalog)?;
            change.commit().map_err(from_catalog)?;
            repaired = Some(done);
        }
        checked.push(Checked { name: key.to_string(), noun: CANDLES, report, repaired });
    }
    if checked.is_empty() {
        return Err(Failure::usage(format!(
            "no candles in {} fit; name a file, or see `plimsoll data list`",
            catalog.root().display()
        )));
    }
    Ok(checked)
}

fn to_text(checked: &Checked) -> String {
    let report = &checked.report;
    let time = |at: Option<units::Timestamp>| at.map_or("-".to_owned(), |at| at.to_string());
    let mut text = format!(
        "{}: {} {} of {} from {} to {}\n",
        checked.name,
        count(report.rows),
        checked.noun,
        report.timeframe,
        time(report.from),
        time(report.to)
    );
    if report.counts.is_empty() {
        text.push_str("  nothing to report\n");
    }
    for (kind, number) in &report.counts {
        let more = match kind {
            FindingKind::Gap => format!(" ({} missing)", count(report.missing_bars)),
            _ => String::new(),
        };
        text.push_str(&format!("  {kind}: {}{more}\n", count(*number)));
        for finding in report.examples.iter().filter(|finding| finding.kind == *kind) {
            let line = finding.line.map_or(String::new(), |line| format!("line {line} "));
            text.push_str(&format!("    {line}{} {}\n", time(finding.time), finding.detail));
        }
    }
    if let Some(repaired) = &checked.repaired {
        text.push_str(&format!("  {}\n", repair_text(repaired)));
    }
    text
}

fn to_json(checked: &Checked) -> Value {
    let report = &checked.report;
    let counts: serde_json::Map<String, Value> =
        report.counts.iter().map(|(kind, number)| (kind.name().to_owned(), json!(number))).collect();
    let examples: Vec<Value> = report
        .examples
        .iter()
        .map(|finding| {
            json!({
                "kind": finding.kind.name(),
                "line": finding.line,
                "time": finding.time.map(|at| at.to_string()),
                "detail": finding.detail,
            })
        })
        .collect();
    json!({
        "name": checked.name,
        "rows": report.rows,
        "timeframe": report.timeframe.to_string(),
        "from": report.from.map(|at| at.to_string()),
        "to": report.to.map(|at| at.to_string()),
        "counts": counts,
        "missing_bars": report.missing_bars,
        "examples": examples,
        "repair": checked.repaired.as_ref().map(repair_json),
    })
}
