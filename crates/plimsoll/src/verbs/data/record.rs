//! `plimsoll data record`: what a run saw of the market, into the catalog.

use catalog::Catalog;
use serde_json::json;

use crate::failure::Failure;
use crate::globals::Globals;
use crate::journals::{JournalArgs, manifest};
use crate::live::tape;

/// Arguments of the verb.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run, on paper or for real: its name, the beginning of its name, or `last`
    run: String,
    #[command(flatten)]
    journal: JournalArgs,
}

/// Does what the user asked for.
pub(crate) fn run(args: &Args, catalog: &Catalog, globals: &Globals) -> Result<(), Failure> {
    let folder = args.journal.find(&args.run, globals)?;
    let run = manifest(&folder)?.run;
    let added = tape::store_here(&folder, catalog)?;
    if globals.json {
        return globals.print_json(&json!({ "run": run.as_str(), "added": added }));
    }
    globals.print(&format!("{added} rows of {run} were not in {} before.\n", catalog.root().display()))
}
