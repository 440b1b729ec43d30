//! The journal: what the engine was told and what it commanded, in order, so that nothing is lost and everything can be done
//! again.
//!
//! A *run* is a folder: a manifest, attachments (configuration, instruments), segments full of frames, snapshots. [`Writer`]
//! turns inputs and commands into [`Action`]s for a disk and says what is durable; [`RunReader`] gives the frames back and
//! judges whatever does not check. Both know bytes only: the files are `gateway`'s, the simulated disk is `simtest`'s.
//!
//! May not: perform I/O, read a clock, or know what an engine makes of an input. Import of ours: units, model.
//!
//! Invariants:
//! - Decoding never panics, whatever the bytes are; equal values have equal bytes.
//! - A new variant or field of a noun does not compile before it has a binary form.
//! - Nothing is believed after a failed write or flush.
//! - A torn tail is cut off; damage anywhere else is an error that names its place.

mod bytes;
mod codec;
mod disk;
mod entry;
mod error;
mod frame;
mod manifest;
#[cfg(feature = "planted-bugs")]
pub mod planted;
mod reader;
mod retention;
mod segment;
mod snapshot;
mod writer;

pub use codec::{decode_instruments, encode_instruments};
pub use disk::{Action, Completion, Listed, Store, StoreError, Ticket};
pub use entry::{Entry, History, Kind};
pub use error::DecodeError;
pub use frame::{Frame, content_digest};
pub use manifest::{Manifest, ManifestError, Named, RunId, State, Tail};
pub use reader::{BadSnapshot, Cut, Damage, ReadError, RunReader};
pub use retention::{Expendable, KeptRun, KeptSegment, Retention};
pub use segment::{FORMAT, FileName, compress, decompress};
pub use snapshot::{Migration, MigrationError, Migrations, SnapshotFault, SnapshotFile};
pub use writer::{Attachment, NO_ROOM, Settings, Stopped, Writer};
