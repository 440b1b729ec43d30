//! Steps an engine through a journal and compares what it commands with what was commanded.

use engine::{Engine, Outbox};
use journal::{Entry, History};
use model::{Candle, Fact, Input, OrderCommand, Seq};
use std::fmt;
use units::{Digest, Span, Timestamp};

/// The first place where an engine does something else than the journal says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// After which input.
    pub seq: Seq,
    /// The time of that input.
    pub at: Timestamp,
    /// What differs.
    pub what: Differing,
}

/// What differs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "at most one is made, at the end of a replay")]
pub enum Differing {
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
    /// The content of a stretch of history that the journal only refers to.
    History {
        /// In the journal.
        recorded: Digest,
        /// Of the candles that lie there now.
        found: Digest,
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
            Differing::Command { number, recorded, replayed } => write!(
                f,
                "command {number}\n  in the journal: {}\n  now:            {}",
                command(recorded),
                command(replayed)
            ),
            Differing::Digest { recorded, replayed } => {
                write!(f, "digest\n  in the journal: {recorded}\n  now:            {replayed}")
            }
            Differing::History { recorded, found } => {
                write!(f, "history\n  in the journal: {recorded}\n  now:            {found}")
            }
        }
    }
}

/// An engine on its way through a journal.
#[derive(Debug)]
pub struct Replay {
    engine: Engine,
    outbox: Outbox,
    /// The commands that follow from the last input.
    commanded: Vec<OrderCommand>,
    /// How many of them were compared.
    compared: usize,
    /// The newest name of an order that the journal holds.
    spent: u64,
    inputs: u64,
    commands: u64,
    checkpoints: u64,
}

impl Replay {
    /// Begins with an engine as it was at the start of the run, or as a snapshot holds it.
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        Self {
            engine,
            outbox: Outbox::new(),
            commanded: Vec::new(),
            compared: 0,
            spent: 0,
            inputs: 0,
            commands: 0,
            checkpoints: 0,
        }
    }

    /// The engine as it stands.
    #[must_use]
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What followed from the last input.
    #[must_use]
    pub const fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// How many inputs were stepped.
    #[must_use]
    pub const fn inputs(&self) -> u64 {
        self.inputs
    }

    /// How many commands were compared.
    #[must_use]
    pub const fn commands(&self) -> u64 {
        self.commands
    }

    /// How many digests were compared.
    #[must_use]
    pub const fn checkpoints(&self) -> u64 {
        self.checkpoints
    }

    /// The engine, with every name that the journal holds spent: whatever it does from now on, no order is called like one
    /// that was sent.
    #[must_use]
    pub fn into_engine(self) -> Engine {
        let mut engine = self.engine;
        engine.spend_ids(self.spent);
        engine
    }

    /// Takes the next entry. References to history are taken by [`Replay::take_history`].
    ///
    /// # Errors
    /// The difference, if there is one.
    pub fn take(&mut self, seq: Seq, at: Timestamp, entry: &Entry) -> Result<(), Box<Difference>> {
        match entry {
            Entry::Input(fact) => {
                self.rest()?;
                self.begin();
                self.step(&Input { seq, at, fact: *fact });
                Ok(())
            }
            Entry::Command(recorded) => {
                if let OrderCommand::Place(order) = recorded
                    && !order.id.is_adopted()
                {
                    self.spent = self.spent.max(order.id.counter());
                }
                let replayed = self.commanded.get(self.compared);
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
                Err(self.differing(Differing::Digest { recorded: *recorded, replayed }))
            }
            Entry::Snapshot { .. } | Entry::Listing { .. } | Entry::History(_) => Ok(()),
        }
    }

    /// Takes the candles that a reference stands for; `seq` is the number of the input before them.
    ///
    /// # Errors
    /// The difference, when they are not the ones that are meant, or the engine did something else before.
    pub fn take_history(
        &mut self,
        seq: Seq,
        history: &History,
        candles: &[Candle],
    ) -> Result<(), Box<Difference>> {
        self.rest()?;
        let found = History::digest_of(candles);
        if found != history.digest || candles.len() as u64 != history.count {
            return Err(self.differing(Differing::History { recorded: history.digest, found }));
        }
        self.begin();
        for (n, candle) in (0u64..).zip(candles) {
            let at = history.at + Span::from_nanos(n as i64);
            self.step(&Input { seq: Seq(seq.0 + 1 + n), at, fact: Fact::Candle(*candle) });
        }
        Ok(())
    }

    /// The journal has no more commands for the last input: nor may the engine.
    ///
    /// # Errors
    /// The difference, if there is one.
    pub fn rest(&self) -> Result<(), Box<Difference>> {
        if self.compared == self.commanded.len() { Ok(()) } else { Err(self.difference(self.compared, None)) }
    }

    /// Steps without comparing: what is recorded was something else already.
    pub(crate) fn step_on(&mut self, input: &Input) {
        self.begin();
        self.step(input);
    }

    fn begin(&mut self) {
        self.outbox.clear();
        self.commanded.clear();
        self.compared = 0;
    }

    fn step(&mut self, input: &Input) {
        self.outbox.clear();
        self.engine.step(input, &mut self.outbox);
        self.commanded.extend_from_slice(self.outbox.commands());
        self.inputs += 1;
    }

    fn difference(&self, index: usize, recorded: Option<OrderCommand>) -> Box<Difference> {
        let replayed = self.commanded.get(index).copied();
        self.differing(Differing::Command { number: index + 1, recorded, replayed })
    }

    fn differing(&self, what: Differing) -> Box<Difference> {
        Box::new(Difference { seq: self.engine.seq(), at: self.engine.now(), what })
    }
}
