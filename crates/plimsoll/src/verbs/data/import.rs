//! `plimsoll data import`.

use std::io::{IsTerminal, stderr};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use catalog::{
    Catalog, FileReport, ImportOptions, ImportProgress, ImportReport, RepairOptions, RepairReport,
};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use units::Timestamp;

use super::table::{count, table};
use super::{Selection, from_import};
use crate::failure::Failure;
use crate::globals::Globals;

/// Arguments of `data import`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files; what the flags below do not say is guessed from their paths and content
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    says: Selection,
    /// Answers with snapshots of books, where a capture's were kept in a file of their own
    #[arg(long, value_name = "FILE")]
    snapshots: Option<PathBuf>,
    /// Drop impossible candles and duplicates and sort, instead of refusing the file
    #[arg(long)]
    repair: bool,
    /// With --repair, also put flat candles without volume where candles are missing
    #[arg(long, requires = "repair")]
    fill_gaps: bool,
}

pub(super) fn run(args: Args, catalog: &Catalog, globals: &Globals) -> Result<(), Failure> {
    let options = ImportOptions {
        symbol: args.says.symbol,
        snapshots: args.snapshots,
        exchange: args.says.exchange,
        timeframe: args.says.timeframe,
        kind: args.says.kind,
        imported_at: now(),
        repair: args.repair.then_some(RepairOptions { fill_gaps: args.fill_gaps }),
    };
    let bar = progress_bar(args.files.len() as u64, globals);
    let mut show = |progress: ImportProgress<'_>| match progress {
        ImportProgress::Reading { index, file } => {
            bar.set_position(index as u64);
            bar.set_message(file.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
        ImportProgress::Storing(key) => bar.set_message(format!("storing {key}")),
    };
    let outcome = catalog.import_observed(&args.files, &options, &mut show);
    bar.finish_and_clear();
    let report = outcome.map_err(from_import)?;
    if globals.json {
        return globals.print_json(&to_json(&report));
    }
    globals.print(&to_text(&report))
}

/// The time of the import, for the record of sources.
fn now() -> Option<Timestamp> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Timestamp::from_seconds(i64::try_from(since.as_secs()).ok()?)
}

/// Shown on a terminal only, and not to machines.
fn progress_bar(files: u64, globals: &Globals) -> ProgressBar {
    if globals.json || !stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(files);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} files {elapsed} {eta} left {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn to_text(report: &ImportReport) -> String {
    let columns = [
        ("exchange", false),
        ("symbol", false),
        ("kind", false),
        ("from", false),
        ("to", false),
        ("added", true),
        ("replaced", true),
        ("unchanged", true),
        ("gaps", true),
    ];
    let row = |series: &catalog::SeriesReport| {
        vec![
            series.key.exchange.to_string(),
            series.key.symbol.clone(),
            series.key.kind.to_string(),
            series.from.to_string(),
            series.to.to_string(),
            count(series.counts.added),
            count(series.counts.replaced),
            count(series.counts.unchanged),
            count(series.gaps),
        ]
    };
    let notes = columns_not_used(&report.files).into_iter().chain(report.files.iter().flat_map(notes));
    let notes: String = notes.map(|note| format!("{note}\n")).collect();
    table(&columns, report.series.iter().map(row)) + &notes
}

/// One line for all files that carry the same columns the catalog has no use for: a folder of forty exports says it once.
fn columns_not_used(files: &[FileReport]) -> Vec<String> {
    let mut alike: Vec<(&[String], Vec<&FileReport>)> = Vec::new();
    for file in files.iter().filter(|file| !file.ignored_columns.is_empty()) {
        match alike.iter_mut().find(|(columns, _)| *columns == file.ignored_columns) {
            Some((_, files)) => files.push(file),
            None => alike.push((&file.ignored_columns, vec![file])),
        }
    }
    let line = |(columns, files): (&[String], Vec<&FileReport>)| {
        let whose = match files.as_slice() {
            [file] => file.file.display().to_string(),
            files => format!("{} files", count(files.len() as u64)),
        };
        format!("{whose}: columns not used: {}", columns.join(", "))
    };
    alike.into_iter().map(line).collect()
}

/// What a person should know about a file beyond the counts.
fn notes(file: &FileReport) -> Vec<String> {
    let mut notes = Vec::new();
    let mut note = |text: String| notes.push(format!("{}: {text}", file.file.display()));
    if file.rounded > 0 {
        note(format!(
            "{} numbers carried the noise of a calculation and were rounded to 15 digits and 12 decimal places",
            count(file.rounded)
        ));
    }
    if file.reordered > 0 {
        note(format!("{} rows were put into the order of exchange time", count(file.reordered)));
    }
    for gap in &file.book_gaps {
        note(format!(
            "GAP in the book feed at {}: message {} was expected, {} came; the book is unknown from there to the next \
             snapshot, {} messages are left out",
            gap.at,
            gap.expected,
            gap.got,
            count(gap.left_out)
        ));
    }
    if let Some(repair) = file.repair.filter(RepairReport::changes) {
        note(repair_text(&repair));
    }
    notes
}

/// What a repair did, in words.
pub(super) fn repair_text(repair: &RepairReport) -> String {
    let parts = [
        (repair.unreadable, "unreadable rows left out"),
        (repair.off_grid, "candles off the grid removed"),
        (repair.impossible, "impossible candles removed"),
        (repair.moved, "places out of order sorted"),
        (repair.duplicates, "duplicates removed"),
        (repair.conflicts, "candles with the time of a later row removed"),
        (repair.filled, "flat candles invented for gaps"),
    ];
    let said: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", count(*n))).collect();
    if said.is_empty() { "nothing to repair".to_owned() } else { format!("repaired: {}", said.join(", ")) }
}

/// What a repair did, for machines.
pub(super) fn repair_json(repair: &RepairReport) -> Value {
    json!({
        "unreadable": repair.unreadable,
        "off_grid": repair.off_grid,
        "impossible": repair.impossible,
        "moved": repair.moved,
        "duplicates": repair.duplicates,
        "conflicts": repair.conflicts,
        "filled": repair.filled,
    })
}

fn to_json(report: &ImportReport) -> Value {
    let gap = |gap: &catalog::BookGap| {
        json!({
            "at": gap.at.to_string(),
            "expected": gap.expected,
            "got": gap.got,
            "left_out": gap.left_out,
        })
    };
    let file = |file: &FileReport| {
        json!({
            "file": file.file,
            "format": file.format.to_string(),
            "rows": file.rows,
            "digest": file.digest,
            "ignored_columns": file.ignored_columns,
            "rounded": file.rounded,
            "reordered": file.reordered,
            "repair": file.repair.as_ref().map(repair_json),
            "book_gaps": file.book_gaps.iter().map(gap).collect::<Vec<_>>(),
        })
    };
    let series = |series: &catalog::SeriesReport| {
        json!({
            "exchange": series.key.exchange.name(),
            "symbol": series.key.symbol,
            "kind": series.key.kind.name(),
            "timeframe": series.key.kind.timeframe().map(|timeframe| timeframe.to_string()),
            "from": series.from.to_string(),
            "to": series.to.to_string(),
            "added": series.counts.added,
            "replaced": series.counts.replaced,
            "unchanged": series.counts.unchanged,
            "gaps": series.gaps,
            "missing_bars": series.missing_bars,
        })
    };
    json!({
        "files": report.files.iter().map(file).collect::<Vec<_>>(),
        "series": report.series.iter().map(series).collect::<Vec<_>>(),
    })
}
