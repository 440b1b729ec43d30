//! Command line, configuration and wiring of the `plimsoll` program.
//!
//! * [`config`]: the layered configuration, from the table of settings to typed values;
//! * [`failure`]: how a verb says that it did not succeed, and with which exit code;
//! * [`globals`]: the flags every verb understands, and the way to standard output;
//! * [`hot_reload`]: new versions of rule files while they trade;
//! * `journals`: finding, writing and stepping through the journals of runs;
//! * `live`: asking the exchange, and what `run` and `doctor` are made of;
//! * `research`: what the verbs that run backtests have in common;
//! * `symbol`: names of instruments as people type them;
//! * one module per verb in `verbs`, each with `Args` and `run(args, &Globals)`.

use std::ffi::OsString;
use std::process::ExitCode;

mod cli;
pub mod config;
pub mod failure;
pub mod globals;
pub mod hot_reload;
mod journals;
mod live;
mod research;
mod symbol;
mod verbs;

/// [`run`] for a program that links in strategies of its own: they are found by name as the built-in ones are, pass the same
/// trial, and take the same flags. A name that is built in stays with the built-in strategy.
///
/// ```no_run
/// # let mine: Vec<strategy::Blueprint> = Vec::new();
/// // In `main` of a program that depends on `plimsoll` and `strategy`; a blueprint is made of a `strategy::Descriptor`.
/// plimsoll::run_with(std::env::args_os(), mine);
/// ```
pub fn run_with(arguments: impl IntoIterator<Item = OsString>, own: Vec<strategy::Blueprint>) -> ExitCode {
    research::offer(own);
    run(arguments)
}

/// Runs the program with these arguments (the first is the program's name) and returns its exit code.
///
/// Results go to standard output, complaints to standard error.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match cli::parse(&arguments) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let globals = cli.globals;
    match cli.verb.run(&globals) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report(globals.json, globals.colour_on_stderr());
            failure.exit.into()
        }
    }
}
