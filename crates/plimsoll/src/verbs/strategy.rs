//! `plimsoll strategy`: which strategies there are and what can be set.

use clap::Subcommand;
use serde_json::json;
use strategy::{About, Blueprint, ParameterSpec, SpecKind};

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
        Action::List => list(globals),
        Action::Show { name } => {
            let blueprint = Blueprint::built_in(&name).map_err(strategy_error)?;
            if globals.json {
                globals.print_json(&as_json(blueprint.about()))
            } else {
                globals.print(&as_text(blueprint.about()))
            }
        }
    }
}

/// Prints every strategy there is.
pub(crate) fn list(globals: &Globals) -> Result<(), Failure> {
    if globals.json {
        let list: Vec<_> = Blueprint::all_built_in().map(|b| as_json(b.about())).collect();
        return globals.print_json(&list);
    }
    let rows = Blueprint::all_built_in().map(|b| vec![b.name().to_owned(), b.about().summary.clone()]);
    globals.print(&table(&[("Strategy", false), ("What it does", false)], rows))
}

fn as_text(about: &About) -> String {
    let columns =
        [("Parameter", false), ("Type", false), ("Default", true), ("Allowed", false), ("Meaning", false)];
    let rows = about.parameters.iter().map(|p| {
        let cells = [&p.name, p.type_name(), &p.default().to_string(), &p.allowed(), &p.description];
        cells.map(str::to_owned).to_vec()
    });
    format!(
        "{}: {}\n\n{}\n\n{}\nReasons it gives: {}\n\nTry it:\n  plimsoll backtest --strategy {} --symbol BTCUSDT\n",
        about.name,
        about.summary,
        about.description,
        table(&columns, rows),
        about.tags.join(", "),
        about.name,
    )
}

fn as_json(about: &About) -> serde_json::Value {
    json!({
        "name": about.name,
        "summary": about.summary,
        "description": about.description,
        "parameters": about.parameters.iter().map(parameter).collect::<Vec<_>>(),
        "tags": about.tags,
    })
}

fn parameter(p: &ParameterSpec) -> serde_json::Value {
    let mut value = json!({ "name": p.name, "type": p.type_name(), "description": p.description });
    match &p.kind {
        SpecKind::Int { default, min, max } => {
            value["default"] = json!(default);
            value["min"] = json!(min);
            value["max"] = json!(max);
        }
        SpecKind::Float { default, min, max } => {
            value["default"] = json!(default);
            value["min"] = json!(min);
            value["max"] = json!(max);
        }
        SpecKind::Bool { default } => value["default"] = json!(default),
        SpecKind::Choice { default, allowed } => {
            value["default"] = json!(default);
            value["allowed"] = json!(allowed);
        }
    }
    value
}
