//! Snapshots: the whole state after an input, in a file of its own. What the state is made of is its owner's business; here
//! are its version, its checksum, and the way from an old version to the one a program reads.

use crate::frame::{content_digest, word32, word64};
use model::Seq;
use std::fmt;
use units::{Digest, Timestamp};

const MAGIC: &[u8; 8] = b"PLIMSNAP";
const LAYOUT: u32 = 1;
const HEAD: usize = 56;
const SEAL: usize = 16;

/// The state after an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotFile {
    /// The last input it contains.
    pub seq: Seq,
    /// The time of that input.
    pub at: Timestamp,
    /// The engine's digest then.
    pub digest: Digest,
    /// The version of the state's bytes.
    pub version: u32,
    /// The state.
    pub state: Vec<u8>,
}

/// Why a file is no snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotFault {
    /// It is too short, or its checksum is wrong.
    Damaged,
    /// It is laid out as a later program does.
    Layout(u32),
}

impl fmt::Display for SnapshotFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged => f.write_str("the snapshot is damaged"),
            Self::Layout(found) => {
                write!(f, "snapshot layout {found}; this program reads layout {LAYOUT}")
            }
        }
    }
}

impl std::error::Error for SnapshotFault {}

impl SnapshotFile {
    /// As the bytes of a file.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + self.state.len() + SEAL);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&LAYOUT.to_le_bytes());
        bytes.extend_from_slice(&self.version.to_le_bytes());
        bytes.extend_from_slice(&self.seq.0.to_le_bytes());
        bytes.extend_from_slice(&self.at.nanos().to_le_bytes());
        bytes.extend_from_slice(&self.digest.bits().to_le_bytes());
        bytes.extend_from_slice(&(self.state.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&self.state);
        let seal = content_digest(&bytes);
        bytes.extend_from_slice(&seal.bits().to_le_bytes());
        bytes
    }

    /// From the bytes of a file.
    ///
    /// # Errors
    /// [`SnapshotFault`] for anything but what [`SnapshotFile::bytes`] wrote.
    pub fn parse(bytes: &[u8]) -> Result<Self, SnapshotFault> {
        let Some((body, seal)) = bytes.split_last_chunk::<SEAL>() else { return Err(SnapshotFault::Damaged) };
        if body.len() < HEAD || &body[..8] != MAGIC || content_digest(body).bits().to_le_bytes() != *seal {
            return Err(SnapshotFault::Damaged);
        }
        if word32(body, 8) != LAYOUT {
            return Err(SnapshotFault::Layout(word32(body, 8)));
        }
        let (head, state) = body.split_at(HEAD);
        if word64(head, 48) != state.len() as u64 {
            return Err(SnapshotFault::Damaged);
        }
        let digest = u128::from(word64(head, 40)) << 64 | u128::from(word64(head, 32));
        Ok(Self {
            seq: Seq(word64(head, 16)),
            at: Timestamp::from_nanos(word64(head, 24) as i64),
            digest: Digest::from_bits(digest),
            version: word32(head, 12),
            state: state.to_vec(),
        })
    }
}

/// Makes the state of one version that of the next.
pub type Migration = fn(&[u8]) -> Result<Vec<u8>, String>;

/// The way from every version of a state that can still be read to the one that is read.
#[derive(Debug, Clone, Copy)]
pub struct Migrations<'a> {
    /// The version this program reads.
    pub current: u32,
    /// Steps, each from a version to the one after it.
    pub steps: &'a [(u32, Migration)],
}

/// Why a state cannot be brought to the current version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MigrationError {
    /// It is of a later version.
    Newer {
        /// The version found.
        found: u32,
        /// The version this program reads.
        current: u32,
    },
    /// There is no step from this version.
    NoStep {
        /// The version that is stuck.
        from: u32,
        /// The version this program reads.
        current: u32,
    },
    /// A step failed.
    Failed {
        /// The version it started from.
        from: u32,
        /// Why.
        problem: String,
    },
}

impl fmt::Display for MigrationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newer { found, current } => {
                write!(f, "the state is of version {found}; this program reads up to version {current}")
            }
            Self::NoStep { from, current } => {
                write!(f, "the state is of version {from}, from which no step leads to version {current}")
            }
            Self::Failed { from, problem } => {
                write!(f, "the state of version {from} cannot be brought forward: {problem}")
            }
        }
    }
}

impl std::error::Error for MigrationError {}

impl Migrations<'_> {
    /// The state in the current version.
    ///
    /// # Errors
    /// [`MigrationError`] when there is no way.
    pub fn apply(&self, mut version: u32, mut state: Vec<u8>) -> Result<Vec<u8>, MigrationError> {
        if version > self.current {
            return Err(MigrationError::Newer { found: version, current: self.current });
        }
        while version < self.current {
            let step = self.steps.iter().find(|(from, _)| *from == version);
            let Some((_, step)) = step else {
                return Err(MigrationError::NoStep { from: version, current: self.current });
            };
            state = step(&state).map_err(|problem| MigrationError::Failed { from: version, problem })?;
            version += 1;
        }
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(state: Vec<u8>) -> SnapshotFile {
        SnapshotFile {
            seq: Seq(77),
            at: Timestamp::from_nanos(-5),
            digest: Digest::from_bits(1 << 100 | 3),
            version: 2,
            state,
        }
    }

    proptest! {
        #[test]
        fn comes_back_and_finds_damage(state: Vec<u8>, at: prop::sample::Index, bit in 0u8..8) {
            let file = file(state);
            let mut bytes = file.bytes();
            prop_assert_eq!(SnapshotFile::parse(&bytes), Ok(file));
            let at = at.index(bytes.len());
            prop_assert_eq!(SnapshotFile::parse(&bytes[..at]), Err(SnapshotFault::Damaged));
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(SnapshotFile::parse(&bytes), Err(SnapshotFault::Damaged));
        }
    }

    #[test]
    fn old_states_are_brought_forward() {
        let longer: Migration = |state| Ok([state, b"+"].concat());
        let refused: Migration = |_| Err("too old".to_owned());
        let migrations = Migrations { current: 4, steps: &[(1, refused), (2, longer), (3, longer)] };
        assert_eq!(migrations.apply(4, b"s".to_vec()), Ok(b"s".to_vec()));
        assert_eq!(migrations.apply(2, b"s".to_vec()), Ok(b"s++".to_vec()));
        let told = |version| migrations.apply(version, Vec::new()).unwrap_err().to_string();
        assert_eq!(told(5), "the state is of version 5; this program reads up to version 4");
        assert_eq!(told(1), "the state of version 1 cannot be brought forward: too old");
        assert_eq!(told(0), "the state is of version 0, from which no step leads to version 4");
    }
}
