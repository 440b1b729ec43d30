//! A program with a strategy of its own linked in: it is found, held to the trial, and refused when it looks ahead.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests")]

use std::path::Path;
use std::process::{Command, Output};

use model::{Bar, Direction, Instrument, InstrumentIx, Signal, Tag};
use strategy::{
    Blueprint, CandleRun, CandleStrategy, Descriptor, Intents, Needs, PerInstrument, StateError, StateReader,
    StateWriter,
};

/// Long and short in turns. One that cheats also looks at how many candles are still to come.
#[derive(Debug, Clone)]
struct Turns {
    seen: usize,
    cheats: bool,
}

impl CandleStrategy for Turns {
    fn needs(&self) -> Needs {
        Needs { warm_up_bars: 1, ..Needs::default() }
    }

    fn on_candle(&mut self, _: &Instrument, ix: InstrumentIx, _: &Bar, intents: &mut Intents) {
        self.seen += 1;
        if self.seen.is_multiple_of(20) {
            let is_long = self.seen.is_multiple_of(40);
            let direction = if is_long { Direction::Long } else { Direction::Short };
            intents.signal(Signal::new(ix, direction, Tag(0)));
        }
    }

    fn on_run(&mut self, instrument: &Instrument, run: &mut CandleRun<'_>, intents: &mut Intents) {
        let ix = run.instrument();
        while let Some(bar) = run.next(intents) {
            self.on_candle(instrument, ix, bar, intents);
            if self.cheats && run.remaining() == 5 {
                intents.signal(Signal::new(ix, Direction::Flat, Tag(0)));
            }
        }
    }

    fn save(&self, _: &mut StateWriter) {}

    fn load(&mut self, _: &mut StateReader<'_>) -> Result<(), StateError> {
        Ok(())
    }
}

static CHEAT: Descriptor = Descriptor {
    name: "clairvoyant",
    build: |_, instruments| Ok(Box::new(PerInstrument::new(&Turns { seen: 0, cheats: true }, instruments))),
    ..HONEST
};

const HONEST: Descriptor = Descriptor {
    name: "turns",
    summary: "Long and short in turns",
    description: "Turns every twenty candles.",
    parameters: &[],
    manages_exits: true,
    is_exempt_from_stop: false,
    tags: &["turn"],
    check: |_| Ok(()),
    build: |_, instruments| Ok(Box::new(PerInstrument::new(&Turns { seen: 0, cheats: false }, instruments))),
};

static PLAIN: Descriptor = HONEST;

/// Set for a run of this very binary that is to be the program.
const ARGUMENTS: &str = "ARGUMENTS_OF_THE_PROGRAM";

/// The program, when [`program`] runs this binary anew; otherwise nothing.
#[test]
fn as_a_program() {
    let Ok(arguments) = std::env::var(ARGUMENTS) else { return };
    let own = vec![Blueprint::from(&CHEAT), Blueprint::from(&PLAIN)];
    let arguments = std::iter::once("plimsoll").chain(arguments.lines()).map(Into::into);
    let code = plimsoll::run_with(arguments.collect::<Vec<_>>(), own);
    println!("left with {code:?}");
}

fn program(directory: &Path, arguments: &[&str]) -> (String, String) {
    let Output { stdout, stderr, .. } = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "as_a_program", "--nocapture"])
        .current_dir(directory)
        .env_clear()
        .env(ARGUMENTS, arguments.join("\n"))
        .output()
        .unwrap();
    (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn a_strategy_that_looks_ahead_is_refused_at_load() {
    let directory = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| program(directory.path(), arguments);
    run(&["data", "generate", "--seed", "7", "--bars", "2000", "--timeframe", "5m"]);

    let (out, _) = run(&["strategy", "list"]);
    assert!(out.contains("turns") && out.contains("clairvoyant"), "{out}");

    let (out, err) = run(&["backtest", "--strategy", "turns", "--symbol", "SYNUSDT"]);
    assert!(out.contains("left with ExitCode(unix_exit_status(0))"), "{out}{err}");

    let (out, err) = run(&["backtest", "--strategy", "clairvoyant", "--symbol", "SYNUSDT"]);
    assert!(out.contains("left with ExitCode(unix_exit_status(3))"), "{out}{err}");
    let message = "error: strategy clairvoyant looks ahead: on a made-up market it says other things once the future is cut \
                   off. `plimsoll lookahead clairvoyant` shows where";
    assert!(err.contains(message), "{err}");
}
