//! `plimsoll strategy`: which strategies there are and what can be set.

use clap::Subcommand;
use serde_json::json;
use strategy::{Descriptor, Parameter, ParameterKind};

use crate::failure::Failure;
use crate::globals::Globals;
use crate::research::strategy_error;
use crate::verbs::data::table;

/// Arguments of the verb.
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:\n  plimsoll strategy list\n  plimsoll strategy show ema_crossover"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the strategies
    #[command(after_help = "Example:\n  plimsoll strategy list --json")]
    List,
    /// Show how a strategy decides and what can be set
    #[command(after_help = "Example:\n  plimsoll strategy show sma_crossover")]
    Show {
        /// Its name
        name: String,
    },
}

/// Does what the user asked for.
pub(crate) fn run(args: Args, globals: &Globals) -> Result<(), Failure> {
    match args.action {
        Action::List if globals.json => {
            let list: Vec<_> = strategy::all().iter().map(|d| as_json(d)).collect();
            globals.print_json(&list)
        }
        Action::List => {
            let rows = strategy::all().iter().map(|d| vec![d.name.to_owned(), d.summary.to_owned()]);
            globals.print(&table(&[("Strategy", false), ("What it does", false)], rows))
        }
        Action::Show { name } => {
            let descriptor = strategy::find(&name).map_err(strategy_error)?;
            if globals.json {
                globals.print_json(&as_json(descriptor))
            } else {
                globals.print(&as_text(descriptor))
            }
        }
    }
}

fn as_text(descriptor: &Descriptor) -> String {
    let columns =
        [("Parameter", false), ("Type", false), ("Default", true), ("Allowed", false), ("Meaning", false)];
    let rows = descriptor.parameters.iter().map(|p| {
        let cells = [p.name, p.type_name(), &p.default().to_string(), &p.allowed(), p.description];
        cells.map(str::to_owned).to_vec()
    });
    format!(
        "{}: {}\n\n{}\n\n{}\nReasons it gives: {}\n\nTry it:\n  plimsoll backtest --strategy {} --symbol BTCUSDT\n",
        descriptor.name,
        descriptor.summary,
        descriptor.description,
        table(&columns, rows),
        descriptor.tags.join(", "),
        descriptor.name,
    )
}

fn as_json(descriptor: &Descriptor) -> serde_json::Value {
    json!({
        "name": descriptor.name,
        "summary": descriptor.summary,
        "description": descriptor.description,
        "parameters": descriptor.parameters.iter().map(parameter).collect::<Vec<_>>(),
        "tags": descriptor.tags,
    })
}

fn parameter(p: &Parameter) -> serde_json::Value {
    let mut value = json!({ "name": p.name, "type": p.type_name(), "description": p.description });
    match p.kind {
        ParameterKind::Int { default, min, max } => {
            value["default"] = json!(default);
            value["min"] = json!(min);
            value["max"] = json!(max);
        }
        ParameterKind::Float { default, min, max } => {
            value["default"] = json!(default);
            value["min"] = json!(min);
            value["max"] = json!(max);
        }
        ParameterKind::Bool { default } => value["default"] = json!(default),
        ParameterKind::Choice { default, allowed } => {
            value["default"] = json!(default);
            value["allowed"] = json!(allowed);
        }
    }
    value
}
