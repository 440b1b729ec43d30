//! What a disk is asked for. The machine in [`crate::Writer`] performs nothing itself: it gives out actions and is told when
//! they are done, so that real files and a simulated disk that loses power run the same code.

use crate::segment::FileName;
use std::fmt;

/// The number of an action, from one, in the order they are given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Something to be done in the folder of a run.
///
/// Writes and flushes are performed in the order they are given out, one after another ([`Action::is_ordered`]). The
/// others may be performed beside them and in any order: where order matters, the machine waits before it goes on. Once a
/// write or a flush failed, those that were given out behind it are not performed any more, but fail as well: they may
/// already belong to the next segment, whose content says that the one before it is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Make a file of so many zeros, on the disk itself and not only promised, its name in the folder durable. A file of this
    /// name is replaced.
    Create {
        /// Which.
        name: FileName,
        /// How large.
        bytes: u64,
    },
    /// Write into a file that was made. Durable only after the next flush.
    Write {
        /// Into which.
        name: FileName,
        /// From which byte on.
        at: u64,
        /// What.
        bytes: Vec<u8>,
    },
    /// Make everything durable that was written into a file.
    Flush {
        /// Which.
        name: FileName,
    },
    /// Make a whole file, or put it in the place of an old one, durably and at once: after a crash there is the old one
    /// or the new one (a file beside it, a flush, a renaming, a flush of the folder).
    Replace {
        /// Which.
        name: FileName,
        /// What it holds from now on.
        bytes: Vec<u8>,
    },
    /// Make the compressed form of a closed segment ([`crate::compress`]) as by [`Action::Replace`], then remove the
    /// segment.
    Compress {
        /// The closed segment; its compressed form is [`FileName::Compressed`] of the same number.
        segment: u32,
    },
    /// Remove a file; that it is not there is no failure.
    Remove {
        /// Which.
        name: FileName,
    },
}

impl Action {
    /// Whether it keeps its place among the writes and flushes.
    #[must_use]
    pub const fn is_ordered(&self) -> bool {
        matches!(self, Self::Write { .. } | Self::Flush { .. })
    }
}

/// What became of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completion {
    /// It is done.
    Done(Ticket),
    /// It failed. What it was about is in an unknown state.
    Failed {
        /// Which.
        ticket: Ticket,
        /// In words, with the name of the file.
        problem: String,
    },
}

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError {
    /// Of which file, or of the folder.
    pub name: String,
    /// What went wrong.
    pub problem: String,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.problem)
    }
}

impl std::error::Error for StoreError {}

/// A file as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Its name.
    pub name: FileName,
    /// Its size in bytes.
    pub bytes: u64,
}

/// The folder of one run, for reading: at a start, and to look at a run afterwards.
pub trait Store {
    /// The files of the run. What has no name of a file of a run is left out.
    ///
    /// # Errors
    /// [`StoreError`] when the folder cannot be read.
    fn list(&self) -> Result<Vec<Listed>, StoreError>;

    /// The content of a file.
    ///
    /// # Errors
    /// [`StoreError`] when there is no such file or it cannot be read.
    fn read(&self, name: &FileName) -> Result<Vec<u8>, StoreError>;
}
