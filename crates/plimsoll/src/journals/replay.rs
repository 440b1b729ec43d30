//! Steps an engine through a journal and compares what it commands with what was commanded.

use std::fmt;

use engine::{Engine, Outbox};
use journal::Entry;
use model::{Input, OrderCommand, Seq};
use units::{Digest, Timestamp};

/// The first place where an engine does something else than the journal says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// After which input.
    pub(crate) seq: Seq,
    /// The time of that input.
    pub(crate) at: Timestamp,
    /// What differs.
    pub(crate) what: What,
}

/// What differs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "at most one is made, at the end of a replay")]
pub(crate) enum What {
    /// One command.
    Command {
        /// Which of the commands that follow from the input, from one.
        number: usize,
        /// In the journal; `None` when it ends before.
        recorded: Option<OrderCommand>,
        /// The engine's; `None` when it gives no more.
        replayed: Option<OrderCommand>,
    },
    /// The digest at a checkpoint: something inside differs that led to no command yet.
    Digest {
        /// In the journal.
        recorded: Digest,
        /// The engine's.
        replayed: Digest,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let command = |command: &Option<OrderCommand>| match command {
            Some(command) => format!("{command:?}"),
            None => "no command".to_owned(),
        };
        write!(f, "first difference at input {} ({}): ", self.seq.0, self.at)?;
        match &self.what {
            What::Command { number, recorded, replayed } => write!(
                f,
                "command {number}\n  in the journal: {}\n  now:            {}",
                command(recorded),
                command(replayed)
            ),
            What::Digest { recorded, replayed } => {
                write!(f, "digest\n  in the journal: {recorded}\n  now:            {replayed}")
            }
        }
    }
}

/// An engine on its way through a journal.
#[derive(Debug)]
pub(crate) struct Replay {
    engine: Engine,
    outbox: Outbox,
    /// How many of the commands in the outbox were compared.
    compared: usize,
    pub(crate) inputs: u64,
    pub(crate) commands: u64,
    pub(crate) checkpoints: u64,
}

impl Replay {
    pub(crate) fn new(engine: Engine) -> Self {
        Self { engine, outbox: Outbox::new(), compared: 0, inputs: 0, commands: 0, checkpoints: 0 }
    }

    /// The engine as it stands.
    pub(crate) const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What followed from the last input.
    pub(crate) const fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// The difference, if there is one.
    pub(crate) fn take(&mut self, seq: Seq, at: Timestamp, entry: &Entry) -> Result<(), Box<Difference>> {
        match entry {
            Entry::Input(fact) => {
                self.rest()?;
                self.outbox.clear();
                self.compared = 0;
                self.engine.step(&Input { seq, at, fact: *fact }, &mut self.outbox);
                self.inputs += 1;
                Ok(())
            }
            Entry::Command(recorded) => {
                let replayed = self.outbox.commands().get(self.compared);
                if replayed != Some(recorded) {
                    return Err(self.difference(self.compared, Some(*recorded)));
                }
                self.compared += 1;
                self.commands += 1;
                Ok(())
            }
            Entry::Checkpoint(recorded) => {
                self.rest()?;
                let replayed = self.engine.digest();
                self.checkpoints += 1;
                if replayed == *recorded {
                    return Ok(());
                }
                let what = What::Digest { recorded: *recorded, replayed };
                Err(Box::new(Difference { seq: self.engine.seq(), at: self.engine.now(), what }))
            }
            Entry::Snapshot { .. } => Ok(()),
        }
    }

    /// The journal has no more commands for the last input: nor may the engine.
    ///
    /// # Errors
    /// The difference, if there is one.
    pub(crate) fn rest(&self) -> Result<(), Box<Difference>> {
        if self.compared == self.outbox.commands().len() {
            Ok(())
        } else {
            Err(self.difference(self.compared, None))
        }
    }

    fn difference(&self, index: usize, recorded: Option<OrderCommand>) -> Box<Difference> {
        let replayed = self.outbox.commands().get(index).copied();
        let what = What::Command { number: index + 1, recorded, replayed };
        Box::new(Difference { seq: self.engine.seq(), at: self.engine.now(), what })
    }
}
