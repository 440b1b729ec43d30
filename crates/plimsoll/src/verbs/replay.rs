//! `plimsoll replay`: steps the engine through a journal again and compares what it commands.

use engine::Engine;
use journal::{Entry, RunReader, State};
use model::{Fact, InstrumentIx, PositionSide, Seq};
use serde_json::{Value, json};
use session::recovery;
use session::replay::{Difference, Replay};
use std::cell::RefCell;
use units::Timestamp;

use crate::failure::Failure;
use crate::globals::Globals;
use crate::journals::{JournalArgs, Words, counted, unreadable};
use crate::research::recipe::Rebuilt;
use crate::research::{history, recipe};

/// Arguments of the verb.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  plimsoll backtest -s ema_crossover -p BTCUSDT --journal\n  plimsoll replay last\n  \
        plimsoll replay 20260727T101500Z-backtest --until 5000 --explain"
)]
pub(crate) struct Args {
    /// The run: its name, the beginning of its name, or `last`
    run: String,
    /// Stop after this input; 0 is the state that the run began with
    #[arg(long, value_name = "SEQ")]
    until: Option<u64>,
    /// Print every input that led to something, and what it led to
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    journal: JournalArgs,
}

/// Does what the user asked for.
pub(crate) fn run(args: &Args, globals: &Globals) -> Result<(), Failure> {
    let folder = args.journal.find(&args.run, globals)?;
    let mut reader = RunReader::open(&folder).map_err(|error| unreadable(&folder, &error))?;
    let Rebuilt { setup, strategies, names, .. } = recipe::rebuild_all(&reader, folder.path(), None)?;
    let words = Words { instruments: setup.instruments.clone(), strategies: names };
    let first = RefCell::new(Some((setup, strategies)));
    // A run that goes on from another one has the state that it began with beside it.
    let (engine, _) = recovery::earliest_state(&reader, || match first.take() {
        Some(parts) => Ok(parts),
        None => recipe::rebuild(&reader, folder.path()).map_err(|failure| failure.message),
    })
    .map_err(|problem| Failure::failed(format!("{}: {problem}", folder.path().display())))?;
    let (base, is_shortened) = (engine.seq(), reader.is_shortened());
    let mut replay = Replay::new(engine);
    let until = Seq(args.until.unwrap_or(u64::MAX));
    if until < base && until != Seq(0) {
        let what = if is_shortened { "what is left of " } else { "" };
        let run = &reader.manifest().run;
        return Err(Failure::usage(format!(
            "--until {}: {what}{run} begins after input {}",
            until.0, base.0
        )));
    }
    let mut is_whole = true;
    let mut told = String::new();
    if is_shortened && !globals.json {
        globals.print(&format!(
            "{}: its first segments were removed; it is stepped through from the snapshot of input {} on\n",
            reader.manifest().run,
            base.0
        ))?;
    }
    let mut difference = None;
    loop {
        let frame = match reader.next_frame().map_err(|error| unreadable(&folder, &error))? {
            Some(frame) if frame.seq <= until => frame,
            Some(_) => {
                is_whole = false;
                break;
            }
            None => break,
        };
        let entry = frame.entry().map_err(|error| {
            Failure::failed(format!("segment {} at byte {}: {error}", frame.segment, frame.offset))
        })?;
        let (seq, at) = (frame.seq, frame.at);
        let is_known = match &entry {
            // A reference stands before the inputs that it counts as.
            Entry::History(_) => seq < base,
            _ => seq <= base && is_shortened,
        };
        if is_known {
            continue;
        }
        let outcome = match &entry {
            Entry::History(reference) => {
                let root = args.journal.catalog(globals)?;
                let candles = history(&root, replay.engine().instruments(), reference)?;
                replay.take_history(seq, reference, &candles)
            }
            entry => replay.take(seq, at, entry),
        };
        if let Err(found) = outcome {
            difference = Some(found);
            break;
        }
        if args.explain
            && !globals.json
            && let Entry::Input(fact) = &entry
        {
            told.push_str(&explained(&words, seq, at, fact, &replay));
            if told.len() > 1 << 16 {
                globals.print(&std::mem::take(&mut told))?;
            }
        }
    }
    // A run that broke off may have lost the commands of its last input, which never left.
    let is_ended = matches!(reader.manifest().state, State::Ended(_)) && is_whole;
    if difference.is_none() && is_ended {
        difference = replay.rest().err();
    }
    globals.print(&told)?;
    report(&reader, &replay, difference.as_deref(), globals)
}

fn report(
    reader: &RunReader<'_>,
    replay: &Replay,
    difference: Option<&Difference>,
    globals: &Globals,
) -> Result<(), Failure> {
    let (inputs, commands, checkpoints) = (replay.inputs(), replay.commands(), replay.checkpoints());
    let run = &reader.manifest().run;
    let engine = replay.engine();
    let numbers = json!({
        "run": run.as_str(),
        "identical": difference.is_none(),
        "inputs": inputs,
        "commands": commands,
        "checkpoints": checkpoints,
        "last_input": engine.seq().0,
        "digest": engine.digest().to_string(),
        "equity": engine.equity().to_string(),
        "wallet": engine.ledger().wallet().to_string(),
        "positions": positions(engine),
        "live_orders": engine.live_orders(),
    });
    if let Some(difference) = difference {
        return Err(Failure::failed(format!("{run}: {difference}")).with_details(numbers));
    }
    if globals.json {
        return globals.print_json(&numbers);
    }
    globals.print(&format!(
        "{run}: identical: {}, {}, {}\n\
         after input {}: equity {}, {}, digest {}\n",
        counted(inputs, "input"),
        counted(commands, "command"),
        counted(checkpoints, "checkpoint"),
        engine.seq().0,
        engine.equity(),
        counted(engine.live_orders() as u64, "live order"),
        engine.digest(),
    ))
}

/// What is held, by symbol: signed quantities, and in hedge mode the position of each side.
fn positions(engine: &Engine) -> Value {
    let mut positions = serde_json::Map::new();
    for (ix, instrument) in (0u32..).map(InstrumentIx).zip(engine.instruments()) {
        for side in PositionSide::ALL {
            let held = engine.ledger().position(ix, side).quantity;
            if !held.is_zero() {
                let name = match side {
                    PositionSide::Net => instrument.symbol.clone(),
                    PositionSide::Long => format!("{} long", instrument.symbol),
                    PositionSide::Short => format!("{} short", instrument.symbol),
                };
                let quantity = held.decimal(instrument.quantity_decimals).normalized().to_string();
                positions.insert(name, quantity.into());
            }
        }
    }
    positions.into()
}

/// An input and what it led to; nothing for a piece of the market that led to nothing.
fn explained(words: &Words, seq: Seq, at: Timestamp, fact: &Fact, replay: &Replay) -> String {
    let (outbox, engine) = (replay.outbox(), replay.engine());
    let is_market = matches!(
        fact,
        Fact::Candle(_) | Fact::Quote(_) | Fact::Trade(_) | Fact::Book(_) | Fact::Mark(_) | Fact::Funding(_)
    );
    if is_market && outbox.is_empty() {
        return String::new();
    }
    let mut text = format!("{} {at} {}\n", seq.0, words.fact(fact));
    let records = outbox.records().iter().map(|record| words.record(record, engine));
    let commands = outbox.commands().iter().map(|command| format!("sends {}", words.command(command)));
    let notices = outbox.notices().iter().filter_map(|notice| words.notice(notice));
    for line in records.chain(commands).chain(notices) {
        text += &format!("    {line}\n");
    }
    text
}
