//! `plimsoll journal`: which runs there are, what is in one, and whether it is whole.

use std::collections::BTreeMap;

use clap::Subcommand;
use gateway::files::RunFolder;
use journal::{Kind, Manifest, RunReader, State, Store, Tail};
use serde_json::{Value as Json, json};

use crate::failure::Failure;
use crate::globals::Globals;
use crate::journals::{JournalArgs, Words, counted, manifest, runs, unreadable};
use crate::verbs::data::table;

/// Arguments of the verb.
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:\n  plimsoll journal list\n  plimsoll journal verify last"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    journal: JournalArgs,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the runs
    #[command(after_help = "Example:\n  plimsoll journal list --json")]
    List,
    /// Show who a run is and what is in it
    #[command(
        after_help = "Examples:\n  plimsoll journal show last\n  plimsoll journal show last --from 100 --to 120"
    )]
    Show {
        /// The run: its name, the beginning of its name, or `last`
        run: String,
        /// Also print the frames from this input on
        #[arg(long, value_name = "SEQ")]
        from: Option<u64>,
        /// Also print the frames up to this input
        #[arg(long, value_name = "SEQ")]
        to: Option<u64>,
    },
    /// Read every byte of a run and say whether it is whole; nothing is changed
    #[command(after_help = "Examples:\n  plimsoll journal verify last\n  plimsoll journal verify all")]
    Verify {
        /// The run: its name, the beginning of its name, `last`, or `all`
        run: String,
    },
}

/// Does what the user asked for.
pub(crate) fn run(args: &Args, globals: &Globals) -> Result<(), Failure> {
    match &args.action {
        Action::List => list(&args.journal, globals),
        Action::Show { run, from, to } => {
            let folder = args.journal.find(run, globals)?;
            show(&folder, globals)?;
            match (from, to) {
                (None, None) => Ok(()),
                (from, to) => frames(&folder, from.unwrap_or(1), to.unwrap_or(u64::MAX), globals),
            }
        }
        Action::Verify { run } if run == "all" => {
            let journal = args.journal.folder(globals)?;
            let folders = runs(&journal)?.into_iter().map(|run| RunFolder::new(journal.join(run.as_str())));
            verify(&folders.collect::<Vec<_>>(), globals)
        }
        Action::Verify { run } => verify(&[args.journal.find(run, globals)?], globals),
    }
}

fn list(args: &JournalArgs, globals: &Globals) -> Result<(), Failure> {
    let journal = args.folder(globals)?;
    let mut rows = Vec::new();
    for run in runs(&journal)? {
        let folder = RunFolder::new(journal.join(run.as_str()));
        let manifest = manifest(&folder)?;
        rows.push((size(&folder)?, manifest));
    }
    rows.sort_by_key(|(_, manifest)| manifest.created);
    if globals.json {
        let list: Vec<Json> = rows.iter().map(|(bytes, manifest)| as_json(manifest, *bytes)).collect();
        return globals.print_json(&list);
    }
    if rows.is_empty() {
        return globals.print(&format!("no runs in {}\n", journal.display()));
    }
    let columns = [
        ("Run", false),
        ("Mode", false),
        ("State", false),
        ("Began", false),
        ("Inputs", true),
        ("Bytes", true),
    ];
    let rows = rows.iter().map(|(bytes, m)| {
        let inputs =
            m.state.tail().map_or_else(|| "?".to_owned(), |tail| (tail.seq.0 - m.base.0).to_string());
        vec![
            m.run.to_string(),
            m.mode.clone(),
            m.state.name().to_owned(),
            m.created.to_string(),
            inputs,
            bytes.to_string(),
        ]
    });
    globals.print(&table(&columns, rows))
}

fn size(folder: &RunFolder) -> Result<u64, Failure> {
    let listed = folder.list().map_err(|error| Failure::failed(error.to_string()))?;
    Ok(listed.iter().map(|file| file.bytes).sum())
}

fn as_json(manifest: &Manifest, bytes: u64) -> Json {
    let named = |list: &[journal::Named]| {
        let one = |n: &journal::Named| json!({ "name": n.name, "digest": n.digest.to_string() });
        list.iter().map(one).collect::<Vec<_>>()
    };
    json!({
        "run": manifest.run.as_str(),
        "parent": manifest.parent.as_ref().map(journal::RunId::as_str),
        "base": manifest.base.0,
        "mode": manifest.mode,
        "state": manifest.state.name(),
        "problem": match &manifest.state { State::Quarantined(problem) => Some(problem), _ => None },
        "created": manifest.created.to_string(),
        "program": manifest.program,
        "commit": manifest.commit,
        "configuration": manifest.configuration.to_string(),
        "strategies": named(&manifest.strategies),
        "models": named(&manifest.models),
        "attachments": named(&manifest.attachments),
        "inputs": manifest.state.tail().map(|tail| tail.seq.0 - manifest.base.0),
        "frames": manifest.state.tail().map(|tail| tail.frames),
        "bytes": bytes,
    })
}

fn show(folder: &RunFolder, globals: &Globals) -> Result<(), Failure> {
    let manifest = manifest(folder)?;
    let bytes = size(folder)?;
    if globals.json {
        return globals.print_json(&as_json(&manifest, bytes));
    }
    globals.print(&manifest.text())?;
    let listed = folder.list().map_err(|error| Failure::failed(error.to_string()))?;
    let rows = listed.iter().map(|file| vec![file.name.to_string(), file.bytes.to_string()]);
    globals.print(&format!("\n{}", table(&[("File", false), ("Bytes", true)], rows)))
}

fn frames(folder: &RunFolder, from: u64, to: u64, globals: &Globals) -> Result<(), Failure> {
    let mut reader = RunReader::open(folder).map_err(|error| unreadable(folder, &error))?;
    let words = Words::of(&reader);
    let mut text = String::from("\n");
    while let Some(frame) = reader.next_frame().map_err(|error| unreadable(folder, &error))? {
        if frame.seq.0 < from {
            continue;
        }
        if frame.seq.0 > to {
            break;
        }
        let entry = match frame.entry() {
            Ok(entry) => words.entry(&entry),
            Err(error) => format!("unreadable: {error}"),
        };
        text.push_str(&format!("{} {} {} {entry}\n", frame.seq.0, frame.at, frame.kind.name()));
        if text.len() > 1 << 16 {
            globals.print(&std::mem::take(&mut text))?;
        }
    }
    globals.print(&text)
}

/// What was found in a run.
struct Verified {
    run: String,
    state: &'static str,
    tail: Tail,
    counts: BTreeMap<Kind, u64>,
    /// What is no damage, but worth knowing.
    remarks: Vec<String>,
    problem: Option<String>,
}

fn verify(folders: &[RunFolder], globals: &Globals) -> Result<(), Failure> {
    let verified: Vec<Verified> = folders.iter().map(look).collect();
    let damaged = verified.iter().filter(|v| v.problem.is_some()).count();
    let details: Vec<Json> = verified.iter().map(Verified::as_json).collect();
    if !globals.json {
        let text: String = verified.iter().map(Verified::text).collect();
        globals.print(&text)?;
    } else if damaged == 0 {
        globals.print_json(&details)?;
    }
    match damaged {
        0 => Ok(()),
        n => {
            let problem = format!("{n} of {} runs cannot be believed", verified.len());
            Err(Failure::failed(problem).with_details(Json::Array(details)))
        }
    }
}

fn look(folder: &RunFolder) -> Verified {
    let name = folder.path().file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let mut verified = Verified {
        run: name,
        state: "unreadable",
        tail: Tail::default(),
        counts: BTreeMap::new(),
        remarks: Vec::new(),
        problem: None,
    };
    if let Err(problem) = read_all(folder, &mut verified) {
        verified.problem = Some(problem);
    }
    verified
}

/// Reads every byte.
fn read_all(folder: &RunFolder, verified: &mut Verified) -> Result<(), String> {
    let mut reader = RunReader::open(folder).map_err(|error| error.to_string())?;
    verified.state = reader.manifest().state.name();
    if let State::Quarantined(problem) = &reader.manifest().state {
        verified.remarks.push(format!("in quarantine: {problem}"));
    }
    let names: Vec<String> = reader.manifest().attachments.iter().map(|a| a.name.clone()).collect();
    for name in names {
        reader.attachment(&name).map_err(|error| error.to_string())?;
    }
    let (snapshot, bad) = reader.newest_snapshot().map_err(|error| error.to_string())?;
    verified.remarks.extend(bad.iter().map(|bad| format!("{}: {}", bad.file, bad.problem)));
    if let Some(snapshot) = snapshot {
        verified.remarks.push(format!("the newest snapshot is of input {}", snapshot.seq.0));
    }
    while let Some(frame) = reader.next_frame().map_err(|error| error.to_string())? {
        let kind = frame.kind;
        let place = (frame.segment, frame.offset);
        frame.entry().map_err(|error| format!("segment {} at byte {}: {error}", place.0, place.1))?;
        *verified.counts.entry(kind).or_default() += 1;
    }
    verified.tail = reader.tail();
    if let Some(cut) = reader.cut() {
        let (bytes, segment, at) = (cut.bytes, cut.segment, cut.at);
        verified.remarks.push(format!("a torn tail of {bytes} bytes in segment {segment} at byte {at}"));
    }
    Ok(())
}

impl Verified {
    fn text(&self) -> String {
        let counts: Vec<String> = self.counts.iter().map(|(kind, n)| counted(*n, kind.name())).collect();
        let verdict = match &self.problem {
            None if counts.is_empty() => format!("whole, {}: nothing happened in it", self.state),
            None => format!("whole, {}: {}", self.state, counts.join(", ")),
            Some(problem) => format!("DAMAGED: {problem}"),
        };
        let remarks: String = self.remarks.iter().map(|remark| format!("  {remark}\n")).collect();
        format!("{}: {verdict}\n{remarks}", self.run)
    }

    fn as_json(&self) -> Json {
        let counts: BTreeMap<&str, u64> = self.counts.iter().map(|(kind, n)| (kind.name(), *n)).collect();
        json!({
            "run": self.run,
            "state": self.state,
            "whole": self.problem.is_none(),
            "problem": self.problem,
            "last_input": self.tail.seq.0,
            "frames": self.tail.frames,
            "counts": counts,
            "remarks": self.remarks,
        })
    }
}
