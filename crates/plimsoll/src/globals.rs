//! The flags every verb understands, and the way to standard output.

use std::io::{self, IsTerminal, Read, Write};
use std::path::PathBuf;
use std::sync::OnceLock;

use clap::ValueEnum;
use serde::Serialize;
use serde_json::json;

use crate::config::{self, ConfigFile, Flag, Loaded, Problem, Sources};
use crate::failure::Failure;

/// The heading of [`Globals`] in every help, so that the flags of a verb are not scattered among them.
pub(crate) const HEADING: &str = "Global options";

/// Flags accepted before or after any verb.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Globals {
    /// Configuration file; may be repeated, later files win, `-` reads standard input
    #[arg(long = "config", short = 'c', value_name = "FILE", global = true, help_heading = HEADING)]
    pub config: Vec<PathBuf>,
    /// Print results and errors as JSON
    #[arg(long, global = true, help_heading = HEADING)]
    pub json: bool,
    /// Never colour the output (the NO_COLOR variable does the same)
    #[arg(long, global = true, help_heading = HEADING)]
    pub no_color: bool,
    /// How much to log: error, warn, info, debug or trace
    #[arg(
        long,
        value_name = "LEVEL",
        value_enum,
        global = true,
        conflicts_with = "verbose",
        hide_possible_values = true,
        help_heading = HEADING
    )]
    pub log_level: Option<LogLevel>,
    /// Log more: -v debug, -vv trace
    #[arg(short, long, action = clap::ArgAction::Count, global = true, help_heading = HEADING)]
    pub verbose: u8,
}

/// How much to log, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum LogLevel {
    /// Only what needs a person.
    Error,
    /// And what may need one.
    Warn,
    /// And what happened.
    Info,
    /// And why.
    Debug,
    /// And every step.
    Trace,
}

impl Globals {
    /// Whether standard error should be coloured: a terminal, and nobody said no.
    pub fn colour_on_stderr(&self) -> bool {
        !self.no_color && std::env::var_os("NO_COLOR").is_none() && io::stderr().is_terminal()
    }

    /// Whether standard output should be coloured: a terminal, and nobody said no.
    pub fn colour_on_stdout(&self) -> bool {
        !self.no_color && std::env::var_os("NO_COLOR").is_none() && io::stdout().is_terminal()
    }

    /// Loads the configuration named by the flags, from this process's directory and environment.
    ///
    /// # Errors
    /// Exit code 2 with every problem found; see [`config::load`].
    pub fn load_config(&self) -> Result<Loaded, Failure> {
        self.load_config_with(&self.config, Vec::new())
    }

    /// As [`Globals::load_config`], with other files and further flags of a verb.
    ///
    /// # Errors
    /// Exit code 2 with every problem found; see [`config::load`].
    pub fn load_config_with(&self, files: &[PathBuf], flags: Vec<Flag>) -> Result<Loaded, Failure> {
        let sources = self.sources(files, flags)?;
        config::load(&sources).map_err(|problems| configuration_failure(&problems))
    }

    fn sources(&self, files: &[PathBuf], flags: Vec<Flag>) -> Result<Sources, Failure> {
        let directory = std::env::current_dir()
            .map_err(|error| Failure::failed(format!("cannot tell the current directory: {error}")))?;
        if files.iter().filter(|path| path.as_os_str() == "-").count() > 1 {
            return Err(Failure::usage("standard input (`-`) can be read only once"));
        }
        let files = files.iter().map(|path| config_file(path)).collect::<Result<_, _>>()?;
        let environment = std::env::vars_os().collect();
        let flags = self.log_flag().into_iter().chain(flags).collect();
        Ok(Sources { files, directory, environment, flags })
    }

    fn log_flag(&self) -> Option<Flag> {
        let (name, level) = match (self.log_level, self.verbose) {
            (Some(level), _) => ("--log-level", level.to_possible_value()?.get_name().to_owned()),
            (None, 0) => return None,
            (None, 1) => ("-v", "debug".to_owned()),
            (None, _) => ("-vv", "trace".to_owned()),
        };
        Some(Flag { name: name.to_owned(), key: "logging.level".to_owned(), value: level })
    }

    /// Writes text to standard output, as it is.
    ///
    /// # Errors
    /// When it cannot be written. A closed pipe comes back as [`crate::failure::ExitKind::OutputClosed`], so that a
    /// verb using `?` stops quietly.
    pub fn print(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|e| Failure::from_output(&e))
    }

    /// Writes a value to standard output as indented JSON and a newline.
    ///
    /// # Errors
    /// As [`Globals::print`], or when the value has no JSON form.
    pub fn print_json(&self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| Failure::failed(format!("cannot write the result as JSON: {error}")))?;
        self.print(&(text + "\n"))
    }
}

/// Most problems printed for a person; nobody reads more, and a hostile file can cause thousands.
const MOST_PRINTED: usize = 100;

/// All problems as one failure with exit code 2.
pub fn configuration_failure(problems: &[Problem]) -> Failure {
    let count = match problems.len() {
        1 => "1 problem".to_owned(),
        n => format!("{n} problems"),
    };
    let shown = problems.iter().take(MOST_PRINTED);
    let lines: String = shown.map(|problem| format!("\n  {problem}")).collect();
    let more = match problems.len().saturating_sub(MOST_PRINTED) {
        0 => String::new(),
        n => format!("\n  and {n} more"),
    };
    Failure::usage(format!("{count} in the configuration{lines}{more}"))
        .with_details(json!({ "problems": problems }))
}

fn config_file(path: &std::path::Path) -> Result<ConfigFile, Failure> {
    if path.as_os_str() != "-" {
        return Ok(ConfigFile::Path(path.to_owned()));
    }
    if let Some(bytes) = STANDARD_INPUT.get() {
        return Ok(ConfigFile::Stdin(bytes.clone()));
    }
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .take(config::MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::failed(format!("cannot read standard input: {error}")))?;
    Ok(ConfigFile::Stdin(STANDARD_INPUT.get_or_init(|| bytes).clone()))
}

/// What was read from standard input: it can be read once, and the configuration may be asked for again.
static STANDARD_INPUT: OnceLock<Vec<u8>> = OnceLock::new();
