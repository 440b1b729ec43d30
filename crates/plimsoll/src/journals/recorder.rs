//! Writes the journal of a backtest.

use std::io;
use std::path::PathBuf;

use backtest::Recorder;
use gateway::clock;
use gateway::files::RunFiles;
use journal::{Manifest, RunId, Settings, State, Stopped, Writer};
use model::{Input, OrderCommand, Seq};
use units::{Digest, Timestamp};

use crate::failure::Failure;
use crate::research::{Plan, recipe};

/// How many inputs pass between two looks at what the disk has done.
const TURN: u64 = 256;

/// How much may wait for the disk, in bytes.
const MOST_WAITING: u64 = 4 << 20;

/// The journal of a run that is going on.
#[derive(Debug)]
pub(crate) struct JournalRecorder {
    writer: Writer,
    files: RunFiles,
    folder: PathBuf,
    /// Why it is not written any further.
    stopped: Option<Stopped>,
}

impl JournalRecorder {
    /// Begins a journal in the data directory of the plan.
    pub(crate) fn start(plan: &Plan) -> Result<Self, Failure> {
        let journal = plan.data_dir.join("journal");
        let kept = recipe::keep(plan)?;
        let created = clock::now();
        let failed = |error: io::Error| Failure::failed(format!("journal in {}: {error}", journal.display()));
        let (run, files) = (1..100)
            .find_map(|attempt| {
                let run = RunId::new(&name(created, attempt))?;
                match RunFiles::create(&journal, &run) {
                    Ok(files) => Some(Ok((run, files))),
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => None,
                    Err(error) => Some(Err(failed(error))),
                }
            })
            .unwrap_or_else(|| Err(failed(io::ErrorKind::AlreadyExists.into())))?;
        let folder = journal.join(run.as_str());
        let manifest = Manifest {
            run,
            parent: None,
            origin: None,
            base: Seq(0),
            mode: "backtest".to_owned(),
            created,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            commit: option_env!("PLIMSOLL_COMMIT").unwrap_or("unknown").to_owned(),
            configuration: kept.configuration,
            strategies: kept.strategies,
            models: Vec::new(),
            attachments: Vec::new(),
            state: State::Open,
        };
        let writer = Writer::start(manifest, kept.attachments, Settings::default());
        Ok(Self { writer, files, folder, stopped: None })
    }

    fn note(&mut self, result: Result<(), Stopped>) {
        if let Err(stopped) = result {
            self.stopped.get_or_insert(stopped);
        }
    }

    /// Seals the journal. Returns what a person should know of it.
    pub(crate) fn finish(mut self) -> Result<String, Failure> {
        let result = self.writer.seal();
        self.note(result);
        self.files.settle(&mut self.writer);
        match self.stopped.or_else(|| self.writer.stopped().filter(|_| !self.writer.is_sealed())) {
            None => Ok(format!(
                "the journal of {} inputs is {}; `plimsoll replay {}` steps through it again",
                self.writer.seq().0,
                self.folder.display(),
                self.writer.manifest().run,
            )),
            Some(stopped) => Err(Failure::failed(format!("{}: {stopped}", self.folder.display()))),
        }
    }
}

impl Recorder for JournalRecorder {
    fn input(&mut self, input: &Input) {
        if self.stopped.is_some() {
            return;
        }
        let result = self.writer.append_input(input);
        self.note(result);
        if input.seq.0.is_multiple_of(TURN) {
            self.files.turn(&mut self.writer);
            while self.writer.backlog() > MOST_WAITING && self.writer.flush().is_ok() {
                if !self.files.wait(&mut self.writer) {
                    break;
                }
            }
        }
    }

    fn command(&mut self, command: &OrderCommand) {
        if self.stopped.is_none() {
            let result = self.writer.append_command(command);
            self.note(result);
        }
    }

    fn checkpoint(&mut self, digest: Digest) {
        if self.stopped.is_none() {
            let result = self.writer.append_checkpoint(digest);
            self.note(result);
        }
    }
}

/// `20260727T101500Z-backtest`, then `…-backtest-2` and so on.
fn name(created: Timestamp, attempt: u32) -> String {
    let plain: String = created.to_string().chars().filter(|c| !"-:".contains(*c)).collect();
    let seconds = plain.get(..15).unwrap_or(&plain);
    match attempt {
        1 => format!("{seconds}Z-backtest"),
        n => format!("{seconds}Z-backtest-{n}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_named_by_their_time() {
        let at = Timestamp::parse("2026-07-27T10:15:00.250").unwrap();
        assert_eq!(name(at, 1), "20260727T101500Z-backtest");
        assert_eq!(name(at, 2), "20260727T101500Z-backtest-2");
        assert!(RunId::new(&name(at, 99)).is_some());
    }
}
