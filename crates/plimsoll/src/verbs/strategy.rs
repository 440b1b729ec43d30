//! `plimsoll strategy`: which strategies there are, what can be set, and strategies as rule files.

mod check;

use clap::Subcommand;
use serde_json::json;
use strategy::{About, ParameterSpec, SpecKind};

use crate::failure::Failure;
use crate::globals::Globals;
use crate::research::{Found, Shelf, rules};
use crate::verbs::data::table;

/// Arguments of the verb.
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:\n  plimsoll strategy list\n  plimsoll strategy new my_idea\n  plimsoll strategy check \
                  strategies/my_idea.yaml"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the strategies: those that are built in, and rule files
    #[command(after_help = "Example:\n  plimsoll strategy list --json")]
    List,
    /// Show how a strategy decides and what can be set
    #[command(
        after_help = "Examples:\n  plimsoll strategy show sma_crossover\n  plimsoll strategy show strategies/pullback.yaml"
    )]
    Show {
        /// Its name, or a rule file
        name: String,
    },
    /// Write a rule file to begin with
    #[command(after_help = "Example:\n  plimsoll strategy new my_idea")]
    New {
        /// What the strategy is to be called
        name: String,
    },
    /// Check a rule file: syntax, types, what it needs, and that it does not look ahead
    #[command(after_help = "Example:\n  plimsoll strategy check strategies/my_idea.yaml --timeframe 15m")]
    Check(check::Args),
}

/// Does what the user asked for.
pub(crate) fn run(args: Args, globals: &Globals) -> Result<(), Failure> {
    match args.action {
        Action::List => list(globals),
        Action::Show { name } => show(&name, globals),
        Action::New { name } => new(&name, globals),
        Action::Check(args) => check::run(&args, &shelf(globals)?, globals),
    }
}

fn shelf(globals: &Globals) -> Result<Shelf, Failure> {
    globals.load_config().map(|loaded| Shelf::of(&loaded.config))
}

/// Prints every strategy there is.
pub(crate) fn list(globals: &Globals) -> Result<(), Failure> {
    let all = shelf(globals)?.all();
    if globals.json {
        return globals.print_json(&all.iter().map(found_json).collect::<Vec<_>>());
    }
    let rows = all.iter().map(|found| {
        let source = found.file.as_ref().map_or_else(|| "built in".to_owned(), |f| f.display().to_string());
        let summary = match &found.blueprint {
            Ok(blueprint) => blueprint.about().summary.clone(),
            Err(errors) => {
                format!("cannot be used: {} problems; see plimsoll strategy check", errors.problems.len())
            }
        };
        vec![found.name.clone(), summary, source]
    });
    let columns = [("Strategy", false), ("What it does", false), ("Where it is", false)];
    globals.print(&table(&columns, rows))
}

fn found_json(found: &Found) -> serde_json::Value {
    let mut value = match &found.blueprint {
        Ok(blueprint) => as_json(blueprint.about()),
        Err(errors) => json!({ "problems": errors.problems.len() }),
    };
    value["name"] = json!(found.name);
    value["file"] = json!(found.file.as_ref().map(|f| f.display().to_string()));
    value
}

fn show(name: &str, globals: &Globals) -> Result<(), Failure> {
    let shelf = shelf(globals)?;
    let blueprint = shelf.find(name)?;
    let about = blueprint.about();
    if globals.json {
        return globals.print_json(&as_json(about));
    }
    let mut text = as_text(about, name);
    // A rule file is its own best explanation.
    if about.content.is_some()
        && let Some(path) = shelf.file(name)
    {
        text = format!("{text}\n{}:\n\n{}", path.display(), rules(&path)?.source());
    }
    globals.print(&text)
}

fn new(name: &str, globals: &Globals) -> Result<(), Failure> {
    let is_name = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= 64
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !is_name {
        return Err(Failure::usage(format!(
            "{name:?} is no name for a strategy: small letters, digits and _, a letter first, up to 64 characters"
        )));
    }
    if strategy::find(name).is_ok() {
        return Err(Failure::usage(format!("{name} is a built-in strategy; choose another name")));
    }
    let shelf = shelf(globals)?;
    let path = shelf.folder().join(format!("{name}.yaml"));
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::refused(format!("{} exists already; nothing was written", path.display()))
        }
        _ => Failure::failed(format!("cannot write {}: {error}", path.display())),
    };
    std::fs::create_dir_all(shelf.folder()).map_err(failed)?;
    let mut file = std::fs::File::create_new(&path).map_err(failed)?;
    std::io::Write::write_all(&mut file, strategy::rules::template(name).as_bytes()).map_err(failed)?;
    if globals.json {
        return globals.print_json(&json!({ "name": name, "file": path.display().to_string() }));
    }
    globals.print(&format!(
        "Wrote {0}. Change it, and then:\n  plimsoll strategy check {0}\n  plimsoll backtest --strategy {name} --symbol BTCUSDT\n",
        path.display()
    ))
}

fn as_text(about: &About, name: &str) -> String {
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
        name,
    )
}

fn as_json(about: &About) -> serde_json::Value {
    json!({
        "name": about.name,
        "summary": about.summary,
        "description": about.description,
        "parameters": about.parameters.iter().map(parameter).collect::<Vec<_>>(),
        "tags": about.tags,
        "content": about.content.map(|digest| digest.to_string()),
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
