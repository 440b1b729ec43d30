//! The command line: the verbs, and what happens when it cannot be understood.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{ArgAction, Parser, Subcommand};

use crate::failure::{ExitKind, Failure};
use crate::globals::{Globals, HEADING};
use crate::verbs;

/// Algorithmic trading for crypto perpetual futures: one engine from backtest to live.
#[derive(Debug, Parser)]
#[command(
    name = "plimsoll",
    version,
    propagate_version = true,
    disable_help_flag = true,
    disable_version_flag = true,
    arg_required_else_help = true,
    after_help = "Example:\n  plimsoll demo\n  plimsoll backtest --strategy ema_crossover --data BTCUSDT-5m.csv.gz\n\n\
        Exit codes: 0 ok, 1 failed, 2 usage or configuration, 3 refused by a safety check, 130 interrupted."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    /// Print help; -h prints less
    #[arg(long, short, global = true, action = ArgAction::Help, help_heading = HEADING)]
    help: Option<bool>,
    /// Print the version
    #[arg(long, short = 'V', global = true, action = ArgAction::Version, help_heading = HEADING)]
    version: Option<bool>,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// One line per verb; its module has `Args` and `run`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show what Plimsoll does: no keys, no network
    Demo(verbs::demo::Args),
    /// Trade: on paper with the real market, or for real
    #[command(visible_alias = "trade")]
    Run(Box<verbs::run::Args>),
    /// The kill switch: cancel everything, close everything, stay so until unlocked
    Panic(verbs::panic::Args),
    /// Run strategies over recorded candles and report what came of it
    #[command(visible_alias = "backtesting")]
    Backtest(verbs::backtest::Args),
    /// Run one strategy with many parameters
    #[command(visible_alias = "hyperopt")]
    Optimize(verbs::optimize::Args),
    /// Check whether a strategy sees the future, and how much warm-up it needs
    #[command(visible_alias = "lookahead-analysis", alias = "recursive-analysis")]
    Lookahead(verbs::lookahead::Args),
    /// List strategies and show what can be set
    Strategy(verbs::strategy::Args),
    /// Show, check and describe the configuration
    Config(verbs::config::Args),
    /// Download, import, list, check, resample, export and generate market data
    Data(verbs::data::Args),
    /// Check whether everything is there that trading needs: configuration, disk, exchange, clock, key
    Doctor(verbs::doctor::Args),
    /// Serve an exchange on this machine that speaks Bybit's protocol: no keys, no network
    Exchange(verbs::exchange::Args),
    /// List, show and verify the journals of runs
    Journal(verbs::journal::Args),
    /// Say why a day on paper or for real came to another result than its backtest
    Drift(verbs::drift::Args),
    /// Step the engine through a journal again and compare what it commands
    Replay(verbs::replay::Args),
    /// As `strategy list`, by freqtrade's name
    #[command(hide = true, after_help = "Example:\n  plimsoll strategy list")]
    ListStrategies,
    /// As `data list`, by freqtrade's name
    #[command(hide = true, after_help = "Example:\n  plimsoll data list --symbol BTCUSDT")]
    ListData(verbs::data::ListArgs),
    /// As `data download`, by freqtrade's name
    #[command(hide = true, after_help = "Example:\n  plimsoll data download --symbol BTCUSDT --days 30")]
    DownloadData(verbs::data::DownloadDataArgs),
    /// As `config show`, by freqtrade's name
    #[command(hide = true, after_help = "Example:\n  plimsoll config show")]
    ShowConfig,
}

impl Verb {
    /// Does what the user asked for.
    pub(crate) fn run(self, globals: &Globals) -> Result<(), Failure> {
        match self {
            Self::Demo(args) => verbs::demo::run(&args, globals),
            Self::Run(args) => verbs::run::run(&args, globals),
            Self::Panic(args) => verbs::panic::run(&args, globals),
            Self::Backtest(args) => verbs::backtest::run(args, globals),
            Self::Optimize(args) => verbs::optimize::run(args, globals),
            Self::Lookahead(args) => verbs::lookahead::run(args, globals),
            Self::Strategy(args) => verbs::strategy::run(args, globals),
            Self::Config(args) => verbs::config::run(args, globals),
            Self::Data(args) => verbs::data::run(args, globals),
            Self::Doctor(args) => verbs::doctor::run(&args, globals),
            Self::Exchange(args) => verbs::exchange::run(args, globals),
            Self::Journal(args) => verbs::journal::run(&args, globals),
            Self::Drift(args) => verbs::drift::run(&args, globals),
            Self::Replay(args) => verbs::replay::run(&args, globals),
            Self::ListStrategies => verbs::strategy::list(globals),
            Self::ListData(args) => verbs::data::run(args.into(), globals),
            Self::DownloadData(args) => verbs::data::run(args.into(), globals),
            Self::ShowConfig => verbs::config::show(globals),
        }
    }
}

/// Understands the arguments, or prints the help, the version or the complaint and gives the exit code.
pub(crate) fn parse(arguments: &[OsString]) -> Result<Cli, ExitCode> {
    Cli::try_parse_from(arguments).map_err(|error| answer(error, arguments))
}

/// freqtrade's verb that does another thing here is not understood, but explained.
fn with_tip(mut error: clap::Error) -> clap::Error {
    if let Some(ContextValue::String(verb)) = error.get(ContextKind::InvalidSubcommand)
        && verb == "convert-data"
    {
        let tip =
            "`plimsoll data import FILE...` reads files of candles, freqtrade's own among them".to_owned();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

fn answer(error: clap::Error, arguments: &[OsString]) -> ExitCode {
    let error = &with_tip(error);
    let asked_for_json = arguments.iter().any(|argument| argument == "--json");
    if error.use_stderr() && asked_for_json {
        let text = error.render().to_string();
        let message = text.trim().trim_start_matches("error: ").to_owned();
        Failure::new(ExitKind::Usage, message).report(true, false);
    } else {
        // The reader of a closed pipe has had enough; there is nobody left to tell.
        let _ = error.print();
    }
    if error.use_stderr() { ExitKind::Usage.into() } else { ExitCode::SUCCESS }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_verb_shows_an_example() {
        fn visit(command: &clap::Command, path: &str) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example"), "`{path}` has no example in its help");
            for verb in command.get_subcommands() {
                visit(verb, &format!("{path} {}", verb.get_name()));
            }
        }
        visit(&Cli::command(), "plimsoll");
    }
}
