//! `plimsoll config`: show, check and describe the configuration.

use std::path::PathBuf;

use clap::Subcommand;
use model::InstrumentIx;
use serde_json::{Value as Json, json};

use crate::config::{self, Loaded, Shown, Source};
use crate::failure::Failure;
use crate::globals::Globals;
use crate::research::{Shelf, strategy_error};

/// Arguments of the verb.
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Example:\n  plimsoll config show --config plimsoll.yaml"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print every value and the layer that set it; secrets are masked
    #[command(
        after_help = "Examples:\n  plimsoll config show\n  plimsoll config show --config plimsoll.yaml --json"
    )]
    Show,
    /// Check files, together with .env and the environment, and report everything that is wrong
    #[command(
        after_help = "Examples:\n  plimsoll config check plimsoll.yaml\n  plimsoll config check base.toml mine.ini"
    )]
    Check {
        /// Files in order, later wins; without any, those of --config or plimsoll.* here
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Print the JSON Schema, for editors that complete and check as you type
    #[command(after_help = "Example:\n  plimsoll config schema > plimsoll.schema.json")]
    Schema,
}

/// Does what the user asked for.
pub(crate) fn run(args: Args, globals: &Globals) -> Result<(), Failure> {
    match args.action {
        Action::Show => show(globals),
        Action::Check { files } => check(globals, &files),
        Action::Schema => globals.print_json(&config::schema()),
    }
}

pub(crate) fn show(globals: &Globals) -> Result<(), Failure> {
    let loaded = globals.load_config()?;
    if globals.json {
        return globals.print_json(&loaded.values);
    }
    globals.print(&table(&loaded.values, globals.colour_on_stdout()))
}

/// `key  value  layer` in columns.
fn table(values: &[Shown], colour: bool) -> String {
    let rows: Vec<(&str, String, String)> = values
        .iter()
        .map(|shown| (shown.key.as_str(), text(&shown.value), shown.place.to_string()))
        .collect();
    let width =
        |column: fn(&(&str, String, String)) -> usize| rows.iter().map(column).max().unwrap_or(0).min(60);
    let (keys, texts) = (width(|row| row.0.chars().count()), width(|row| row.1.chars().count()));
    let (dim, plain) = if colour { ("\u{1b}[2m", "\u{1b}[0m") } else { ("", "") };
    let line = |(key, value, place): &(&str, String, String)| {
        format!("{key:keys$}  {value:texts$}  {dim}{place}{plain}\n")
    };
    rows.iter().map(line).collect()
}

fn text(value: &Json) -> String {
    let text = match value {
        Json::Null => "(not set)".to_owned(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    config::printable(&text, 200)
}

fn check(globals: &Globals, files: &[PathBuf]) -> Result<(), Failure> {
    let files = if files.is_empty() { &globals.config } else { files };
    let loaded = globals.load_config_with(files, Vec::new())?;
    strategies(&loaded)?;
    if globals.json {
        return globals.print_json(&json!({
            "ok": true,
            "files": loaded.files.iter().map(named).collect::<Vec<_>>(),
            "set": set(&loaded).count(),
            "defaults": defaults(&loaded),
        }));
    }
    globals.print(&summary(&loaded))
}

/// Whether every strategy can be had with its parameters, on its candles: what a run would complain of first. All at once.
fn strategies(loaded: &Loaded) -> Result<(), Failure> {
    let shelf = Shelf::of(&loaded.config);
    let mut problems = Vec::new();
    for (index, entry) in loaded.config.strategies.iter().enumerate() {
        let given: Vec<(String, String)> =
            entry.parameters.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
        let texts = given.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        // Two instruments: what one takes, two take, and a pair takes no fewer.
        let on = [InstrumentIx(0), InstrumentIx(1)];
        let built = shelf
            .find(&entry.name)
            .and_then(|found| found.build(texts, &on, entry.timeframe).map(drop).map_err(strategy_error));
        if let Err(failure) = built {
            problems.push(format!("strategies[{index}]: {}", failure.message));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Failure::usage(problems.join("\n"))) }
}

fn named(source: &Source) -> String {
    config::Place { source: source.clone(), line: None }.to_string()
}

fn set(loaded: &Loaded) -> impl Iterator<Item = &Shown> {
    loaded.values.iter().filter(|shown| shown.place.source != Source::Default)
}

/// The keys that nobody set.
fn defaults(loaded: &Loaded) -> Vec<&str> {
    let unset = loaded.values.iter().filter(|shown| shown.place.source == Source::Default);
    unset.map(|shown| shown.key.as_str()).collect()
}

fn summary(loaded: &Loaded) -> String {
    let files: Vec<String> = loaded.files.iter().map(named).collect();
    let files = if files.is_empty() { "no file".to_owned() } else { files.join(", ") };
    let (set, defaults) = (set(loaded).count(), defaults(loaded).len());
    format!("ok: {files}; {set} set, {defaults} at their defaults (`plimsoll config show` lists them)\n")
}
