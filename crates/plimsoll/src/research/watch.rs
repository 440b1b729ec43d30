//! Progress on a terminal, and Ctrl-C that keeps what was finished.

use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::failure::Failure;
use crate::globals::Globals;

/// Set by Ctrl-C; a second one ends the process at once.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether the user has asked for the end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Interrupt;

impl Interrupt {
    /// From now on Ctrl-C asks for the end instead of ending the process.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let handler = || {
            if INTERRUPTED.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
        };
        match ctrlc::set_handler(handler) {
            // A program that runs two verbs in one process keeps the first handler, which does the same.
            Ok(()) | Err(ctrlc::Error::MultipleHandlers) => Ok(Self),
            Err(error) => Err(Failure::failed(format!("cannot listen for Ctrl-C: {error}"))),
        }
    }

    /// Whether Ctrl-C was pressed.
    pub(crate) fn is_set(self) -> bool {
        INTERRUPTED.load(Ordering::Relaxed)
    }
}

/// A progress bar that also carries the interrupt to a run.
#[derive(Debug)]
pub(crate) struct Watch {
    bar: ProgressBar,
    interrupt: Interrupt,
}

impl Watch {
    /// A bar for `what`; invisible unless standard error is a terminal and a person reads.
    pub(crate) fn new(what: &str, total: u64, interrupt: Interrupt, globals: &Globals) -> Self {
        let shows = std::io::stderr().is_terminal() && !globals.json;
        let target = if shows { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let template = "{msg:12} [{bar:40}] {percent:>3}%  {human_pos}/{human_len}  {per_sec}  ETA {eta}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, interrupt }
    }

    /// Moves the bar.
    pub(crate) fn advance(&self, by: u64) -> ControlFlow<()> {
        self.bar.inc(by);
        self.flow()
    }

    /// Sets the bar to so many of a total that is known by now.
    pub(crate) fn at(&self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
    }

    /// Prints a line above the bar, or on standard error where there is none.
    pub(crate) fn say(&self, line: &str) {
        if self.bar.is_hidden() {
            // A reader who has left misses a line of progress and nothing else.
            let _ = writeln!(std::io::stderr(), "{line}");
        } else {
            self.bar.println(line);
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn flow(&self) -> ControlFlow<()> {
        if self.interrupt.is_set() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl backtest::Observer for Watch {
    fn progress(&mut self, done: u64, _total: u64) -> ControlFlow<()> {
        self.bar.set_position(done);
        self.flow()
    }
}
