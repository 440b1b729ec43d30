//! What a frame can hold.

use crate::bytes::{Sink, Source};
use crate::codec::{Coded, coded_fields};
use crate::error::DecodeError;
use crate::frame::content_digest;
use model::{Candle, Fact, OrderCommand, Seq, Timeframe};
use units::{Digest, Timestamp};

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
    /// A venue listed its executions up to a moment.
    Listing,
    /// Inputs that are kept elsewhere: history that the engine was warmed up with.
    History,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Input, Self::Command, Self::Checkpoint, Self::Snapshot, Self::Listing, Self::History];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Command => "command",
            Self::Checkpoint => "checkpoint",
            Self::Snapshot => "snapshot",
            Self::Listing => "listing",
            Self::History => "history reference",
        }
    }

    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Input => 1,
            Self::Command => 2,
            Self::Checkpoint => 3,
            Self::Snapshot => 4,
            Self::Listing => 5,
            Self::History => 6,
        }
    }

    pub(crate) const fn of(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Input),
            2 => Some(Self::Command),
            3 => Some(Self::Checkpoint),
            4 => Some(Self::Snapshot),
            5 => Some(Self::Listing),
            6 => Some(Self::History),
            _ => None,
        }
    }
}

/// A stretch of closed candles that the engine was told and that lie in a catalog, by reference. They are the inputs from the
/// one after the frame's number on, one nanosecond apart.
///
/// What is meant: the candles of one timeframe of all instruments of the run that open in `from..until`, by the time at which
/// they open and then by instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct History {
    /// How long they are.
    pub timeframe: Timeframe,
    /// The first opens at this moment or later.
    pub from: Timestamp,
    /// All open before this moment.
    pub until: Timestamp,
    /// How many there are; above zero.
    pub count: u64,
    /// What their content comes to ([`History::digest_of`]).
    pub digest: Digest,
    /// The time of the first input.
    pub at: Timestamp,
}

impl History {
    /// The reference to some candles, which the engine is told from `at` on; `None` for none at all.
    #[must_use]
    pub fn of(
        timeframe: Timeframe,
        (from, until): (Timestamp, Timestamp),
        candles: &[Candle],
        at: Timestamp,
    ) -> Option<Self> {
        let count = candles.len() as u64;
        let digest = Self::digest_of(candles);
        (count > 0).then_some(Self { timeframe, from, until, count, digest, at })
    }

    /// The content digest of some candles.
    #[must_use]
    pub fn digest_of(candles: &[Candle]) -> Digest {
        let mut sink = Sink::default();
        candles.iter().for_each(|candle| candle.encode(&mut sink));
        content_digest(&sink.into_bytes())
    }

    /// The time of the last input.
    #[must_use]
    pub const fn last_at(&self) -> Timestamp {
        Timestamp::from_nanos(self.at.nanos().saturating_add(self.count.saturating_sub(1) as i64))
    }
}

coded_fields!(History { timeframe, from, until, count, digest, at });

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
    /// A venue listed everything that was executed before a moment of its clock, and the inputs before this frame say it all.
    Listing {
        /// Which venue of the session, counted from zero.
        venue: u8,
        /// Up to when.
        until: Timestamp,
    },
    /// Inputs that lie elsewhere.
    History(History),
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
            Self::Listing { .. } => Kind::Listing,
            Self::History(_) => Kind::History,
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
            Self::Listing { venue, until } => {
                venue.encode(out);
                until.encode(out);
            }
            Self::History(history) => history.encode(out),
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
            Kind::Listing => {
                Self::Listing { venue: Coded::decode(&mut source)?, until: Coded::decode(&mut source)? }
            }
            Kind::History => Self::History(Coded::decode(&mut source)?),
        };
        source.finish()?;
        Ok(entry)
    }
}
