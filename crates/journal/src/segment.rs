//! Segments: pieces of a run's frames, each a file of fixed size that is made before it is needed.

use crate::frame::{word32, word64};
use model::Seq;
use std::fmt;

/// The version of the binary form of everything in a run. Programs read their own.
pub const FORMAT: u16 = 1;

const MAGIC: &[u8; 8] = b"PLIMJRNL";

/// The bytes before the first frame.
pub(crate) const HEADER: usize = 64;

/// The largest block that is compressed in one piece.
const BLOCK: usize = 256 * 1024;

/// Where a segment stands in its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Counted from one.
    pub(crate) number: u32,
    /// The last input before it.
    pub(crate) after: Seq,
    /// The hash of the last frame before it.
    pub(crate) chain: u64,
    /// Frames before it.
    pub(crate) frames: u64,
    /// 64 bits of the digest of the run's name.
    pub(crate) run: u64,
}

impl Header {
    pub(crate) fn bytes(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..10].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.number.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.after.0.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.chain.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.frames.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.run.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..HEADER - 4]);
        bytes[HEADER - 4..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(segment: &[u8]) -> Result<Self, HeaderFault> {
        let Some(bytes) = segment.first_chunk::<HEADER>() else { return Err(HeaderFault::Damaged) };
        if &bytes[..8] != MAGIC || crc32fast::hash(&bytes[..HEADER - 4]) != word32(bytes, HEADER - 4) {
            return Err(HeaderFault::Damaged);
        }
        let format = u16::from_le_bytes([bytes[8], bytes[9]]);
        if format != FORMAT {
            return Err(HeaderFault::Format(format));
        }
        Ok(Self {
            number: word32(bytes, 12),
            after: Seq(word64(bytes, 16)),
            chain: word64(bytes, 24),
            frames: word64(bytes, 32),
            run: word64(bytes, 40),
        })
    }
}

/// Why the head of a segment cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderFault {
    Damaged,
    /// Of another version.
    Format(u16),
}

/// The files of a run, by what they hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileName {
    /// The manifest.
    Manifest,
    /// A segment as it is written.
    Segment(u32),
    /// A closed segment, compressed.
    Compressed(u32),
    /// A snapshot of the state after an input.
    Snapshot(Seq),
    /// Something the manifest names: configuration, instruments.
    Attachment(String),
}

impl FileName {
    /// From the name of a file in a run's folder; `None` for what is no file of a run (leftovers of a crash).
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        if name == "manifest" {
            return Some(Self::Manifest);
        }
        if let Some(rest) = name.strip_prefix("segment-") {
            return match rest.strip_suffix(".lz4") {
                Some(number) => digits(number, 6).and_then(|n| n.try_into().ok()).map(Self::Compressed),
                None => digits(rest, 6).and_then(|n| n.try_into().ok()).map(Self::Segment),
            };
        }
        if let Some(rest) = name.strip_prefix("snapshot-") {
            return digits(rest, 20).map(|seq| Self::Snapshot(Seq(seq)));
        }
        Self::attachment(name)
    }

    /// The name of an attachment: 1 to 60 letters, digits, `-`, `_` and `.`, beginning with a letter, and no name that the
    /// journal uses itself.
    #[must_use]
    pub fn attachment(name: &str) -> Option<Self> {
        let is_plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        let begins = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
        let is_ours = name == "manifest" || name.starts_with("segment-") || name.starts_with("snapshot-");
        let is_temporary = name.ends_with(".new");
        (is_plain && begins && name.len() <= 60 && !is_ours && !is_temporary)
            .then(|| Self::Attachment(name.to_owned()))
    }
}

/// A number written with at least `width` digits and no more than it needs.
fn digits(text: &str, width: usize) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (format!("{number:0width$}") == text).then_some(number)
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifest => f.write_str("manifest"),
            Self::Segment(number) => write!(f, "segment-{number:06}"),
            Self::Compressed(number) => write!(f, "segment-{number:06}.lz4"),
            Self::Snapshot(seq) => write!(f, "snapshot-{:020}", seq.0),
            Self::Attachment(name) => f.write_str(name),
        }
    }
}

/// A closed segment, compressed: blocks of at most 256 KiB, each with its length before and after and a checksum. The unused
/// space at its end is left away.
#[must_use]
pub fn compress(segment: &[u8]) -> Vec<u8> {
    let used = segment.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let mut out = Vec::with_capacity(used / 2 + 64);
    for block in segment[..used].chunks(BLOCK) {
        let packed = lz4_flex::block::compress(block);
        out.extend_from_slice(&(block.len() as u32).to_le_bytes());
        out.extend_from_slice(&(packed.len() as u32).to_le_bytes());
        out.extend_from_slice(&crc32fast::hash(&packed).to_le_bytes());
        out.extend_from_slice(&packed);
    }
    out
}

/// The segment of [`compress`], without the unused space.
///
/// # Errors
/// What is wrong with the bytes.
pub fn decompress(bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut out = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let Some((head, behind)) = rest.split_first_chunk::<12>() else {
            return Err("a compressed block is cut short");
        };
        let (length, packed) = (word32(head, 0) as usize, word32(head, 4) as usize);
        let Some((block, behind)) = behind.split_at_checked(packed) else {
            return Err("a compressed block is cut short");
        };
        if length > BLOCK || crc32fast::hash(block) != word32(head, 8) {
            return Err("a compressed block is damaged");
        }
        let block =
            lz4_flex::block::decompress(block, length).map_err(|_| "a compressed block is damaged")?;
        if block.len() != length {
            return Err("a compressed block is damaged");
        }
        out.extend_from_slice(&block);
        rest = behind;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_told_apart() {
        for name in [
            FileName::Manifest,
            FileName::Segment(1),
            FileName::Segment(12_345_678),
            FileName::Compressed(7),
            FileName::Snapshot(Seq(u64::MAX)),
            FileName::Attachment("configuration.yaml".to_owned()),
        ] {
            assert_eq!(FileName::parse(&name.to_string()), Some(name));
        }
        for name in [
            "",
            "segment-1",
            "segment-0000001",
            "segment-x",
            "snapshot-1",
            "manifest.new",
            ".x",
            "a/b",
            "../x",
        ] {
            assert_eq!(FileName::parse(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn segments_come_back(bytes in prop::collection::vec(any::<u8>(), 0..4_000), times in 1usize..200) {
            let mut segment = bytes.repeat(times);
            segment.push(0xA5);
            let packed = compress(&[&segment[..], &[0; 999]].concat());
            prop_assert_eq!(decompress(&packed).unwrap(), segment);
        }

        #[test]
        fn damage_is_found(at: prop::sample::Index, bit in 0u8..8, bytes in prop::collection::vec(any::<u8>(), 1..400)) {
            let segment = [&bytes[..], &[0xA5]].concat();
            let mut packed = compress(&segment);
            let at = at.index(packed.len());
            packed[at] ^= 1 << bit;
            prop_assert!(decompress(&packed).is_err());
            prop_assert!(decompress(&packed[..at]).is_err() || at == 0);
        }

        #[test]
        fn noise_is_no_segment(bytes in prop::collection::vec(any::<u8>(), 1..200)) {
            prop_assert!(decompress(&bytes).is_err());
            prop_assert_eq!(Header::read(&bytes), Err(HeaderFault::Damaged));
        }
    }
}
