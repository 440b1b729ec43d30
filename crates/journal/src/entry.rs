//! What a frame can hold.

use crate::bytes::{Sink, Source};
use crate::codec::Coded;
use crate::error::DecodeError;
use model::{Fact, OrderCommand, Seq};
use units::Digest;

/// What a frame is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An input of the engine: the truth of a run.
    Input,
    /// A command that followed from the input before it: evidence for a replay to compare with, never an input.
    Command,
    /// What the engine's state came to after the input before it.
    Checkpoint,
    /// The whole state was written down in a file of its own.
    Snapshot,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Input, Self::Command, Self::Checkpoint, Self::Snapshot];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Command => "command",
            Self::Checkpoint => "checkpoint",
            Self::Snapshot => "snapshot",
        }
    }

    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Input => 1,
            Self::Command => 2,
            Self::Checkpoint => 3,
            Self::Snapshot => 4,
        }
    }

    pub(crate) const fn of(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Input),
            2 => Some(Self::Command),
            3 => Some(Self::Checkpoint),
            4 => Some(Self::Snapshot),
            _ => None,
        }
    }
}

/// The content of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// The fact of an input; sequence number and time are the frame's.
    Input(Fact),
    /// A command.
    Command(OrderCommand),
    /// The engine's digest.
    Checkpoint(Digest),
    /// A snapshot is durable.
    Snapshot {
        /// The last input it contains.
        of: Seq,
        /// The content digest of its file.
        digest: Digest,
    },
}

impl Entry {
    /// What it is about.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Input(_) => Kind::Input,
            Self::Command(_) => Kind::Command,
            Self::Checkpoint(_) => Kind::Checkpoint,
            Self::Snapshot { .. } => Kind::Snapshot,
        }
    }

    pub(crate) fn encode(&self, out: &mut Sink) {
        match self {
            Self::Input(fact) => fact.encode(out),
            Self::Command(command) => command.encode(out),
            Self::Checkpoint(digest) => digest.encode(out),
            Self::Snapshot { of, digest } => {
                of.encode(out);
                digest.encode(out);
            }
        }
    }

    pub(crate) fn decode(kind: Kind, payload: &[u8]) -> Result<Self, DecodeError> {
        let mut source = Source::new(payload);
        let entry = match kind {
            Kind::Input => Self::Input(Coded::decode(&mut source)?),
            Kind::Command => Self::Command(Coded::decode(&mut source)?),
            Kind::Checkpoint => Self::Checkpoint(Coded::decode(&mut source)?),
            Kind::Snapshot => {
                Self::Snapshot { of: Coded::decode(&mut source)?, digest: Coded::decode(&mut source)? }
            }
        };
        source.finish()?;
        Ok(entry)
    }
}
