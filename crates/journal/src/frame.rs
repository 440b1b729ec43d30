//! One frame: how it lies in a segment, how it is checked, and what it means when it does not check.
//!
//! | byte | what |
//! |---|---|
//! | 0 | length of the payload, `u32` |
//! | 4 | the same with every bit turned, so that a damaged length is told from one that was never written |
//! | 8 | CRC-32 of everything else |
//! | 12 | how many bytes of this segment were durable when the frame was made, `u32` |
//! | 16 | hash of the frame before, `u64` |
//! | 24 | sequence number, `u64` |
//! | 32 | time, `i64` nanoseconds since 1970 |
//! | 40 | kind |
//! | 41 | payload |
//! | last | `0xA5`: unwritten space is zero, so a frame whose end is there was written to its end |
//!
//! All numbers are little-endian.

use crate::bytes::Sink;
use crate::entry::{Entry, Kind};
use crate::error::DecodeError;
use model::Seq;
use units::{Digest, DigestWriter, Timestamp};

/// The bytes before the payload.
const HEAD: usize = 41;

/// The last byte.
const END: u8 = 0xA5;

/// The longest payload. Facts stay far below; a length above it is damage.
pub(crate) const MAX_PAYLOAD: usize = 512;

/// The longest frame.
pub(crate) const MAX_FRAME: usize = HEAD + MAX_PAYLOAD + 1;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// A frame that was read and checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The input it is, or that it followed from.
    pub seq: Seq,
    /// The time of that input.
    pub at: Timestamp,
    /// What it is about.
    pub kind: Kind,
    /// How many frames of the run came before it.
    pub number: u64,
    /// Which segment it lies in, counted from one.
    pub segment: u32,
    /// At which byte of the segment it begins.
    pub offset: u32,
    payload: &'a [u8],
}

impl Frame<'_> {
    /// Its content.
    ///
    /// # Errors
    /// [`DecodeError`] when the payload is not what this version of the program writes for this kind. The checksum was
    /// right, so it is no damage of the disk.
    pub fn entry(&self) -> Result<Entry, DecodeError> {
        Entry::decode(self.kind, self.payload)
    }

    /// The length of its payload in bytes.
    #[must_use]
    pub const fn payload_len(&self) -> usize {
        self.payload.len()
    }

    /// A frame that was checked before: its bytes, and its place in the run.
    pub(crate) fn again(bytes: &[u8], kind: Kind, number: u64, segment: u32, offset: u32) -> Frame<'_> {
        Frame {
            seq: Seq(word64(bytes, 24)),
            at: Timestamp::from_nanos(word64(bytes, 32) as i64),
            kind,
            number,
            segment,
            offset,
            payload: bytes.get(HEAD..bytes.len() - 1).unwrap_or_default(),
        }
    }
}

/// Appends a frame and returns its hash.
pub(crate) fn write(
    out: &mut Vec<u8>,
    entry: &Entry,
    (seq, at): (Seq, Timestamp),
    durable: u32,
    previous: u64,
) -> u64 {
    let start = out.len();
    out.extend_from_slice(&[0; 12]);
    out.extend_from_slice(&durable.to_le_bytes());
    out.extend_from_slice(&previous.to_le_bytes());
    out.extend_from_slice(&seq.0.to_le_bytes());
    out.extend_from_slice(&at.nanos().to_le_bytes());
    out.push(entry.kind().code());
    let mut sink = Sink::behind(std::mem::take(out));
    entry.encode(&mut sink);
    *out = sink.into_bytes();
    let length = out.len() - start - HEAD;
    assert!(length <= MAX_PAYLOAD, "a fact stays small: {length} bytes");
    out.push(END);
    let frame = &mut out[start..];
    let length = length as u32;
    frame[0..4].copy_from_slice(&length.to_le_bytes());
    frame[4..8].copy_from_slice(&(!length).to_le_bytes());
    let crc = checksum(frame);
    frame[8..12].copy_from_slice(&crc.to_le_bytes());
    hash(frame)
}

/// What lies at a place in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// A frame that checks, the hash it says its predecessor has, its own hash, and its length in the segment.
    Frame { frame: Frame<'a>, previous: u64, hash: u64, len: usize },
    /// Nothing but zeros to the end.
    End,
    /// Something else.
    Bad(Bad),
}

/// How a frame fails to check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bad {
    /// A part of it was never written: what a crash leaves of a write that was not flushed.
    Unwritten,
    /// It was written whole and is wrong.
    Wrong(&'static str),
}

/// Looks at the bytes of a segment from `at` on.
pub(crate) fn read(segment: &[u8], at: usize) -> Found<'_> {
    let rest = segment.get(at..).unwrap_or_default();
    match lengths(rest) {
        None if rest.iter().all(|byte| *byte == 0) => Found::End,
        None => Found::Bad(bad_head(rest, at)),
        Some(length) => {
            let len = HEAD + length + 1;
            let Some(frame) = rest.get(..len) else { return Found::Bad(Bad::Unwritten) };
            match checked(frame) {
                Ok((read, previous)) => Found::Frame { frame: read, previous, hash: hash(frame), len },
                Err(_) if has_hole(frame, at) => Found::Bad(Bad::Unwritten),
                Err(problem) => Found::Bad(Bad::Wrong(problem)),
            }
        }
    }
}

/// Whether a frame that checks lies anywhere behind `at` which says that more than `at` bytes were durable: then what lies at
/// `at` had been whole.
pub(crate) fn was_durable(segment: &[u8], at: usize) -> bool {
    let says_so = |start: usize| {
        let rest = &segment[start..];
        let Some(length) = lengths(rest) else { return false };
        let frame = rest.get(..HEAD + length + 1);
        frame.is_some_and(|frame| checked(frame).is_ok() && word32(frame, 12) as usize > at)
    };
    (at + 1..segment.len().saturating_sub(HEAD)).any(says_so)
}

/// The length of the payload, when both copies of it say the same and something possible.
fn lengths(rest: &[u8]) -> Option<usize> {
    let head = rest.first_chunk::<8>()?;
    let (length, turned) = (word32(head, 0), word32(head, 4));
    (length == !turned && length as usize <= MAX_PAYLOAD).then_some(length as usize)
}

fn checked(frame: &[u8]) -> Result<(Frame<'_>, u64), &'static str> {
    if frame.last() != Some(&END) {
        return Err("its last byte is wrong");
    }
    if word32(frame, 8) != checksum(frame) {
        return Err("its checksum is wrong");
    }
    let kind = Kind::of(frame[40]).ok_or("its kind is unknown")?;
    Ok((Frame::again(frame, kind, 0, 0, 0), word64(frame, 16)))
}

/// A frame without its two lengths: never written, or damaged.
fn bad_head(rest: &[u8], at: usize) -> Bad {
    let head = &rest[..rest.len().min(8)];
    let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    let written = head.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    // A write that broke off inside the lengths leaves zeros from there to the end of the segment.
    let breaks_off = written < 8 && is_zero(&rest[written..]);
    if is_zero(head) || breaks_off || has_hole(head, at) {
        return Bad::Unwritten;
    }
    Bad::Wrong("its length is damaged")
}

/// Whether a frame that begins at byte `at` of the segment misses its end, or a whole sector in it is zero: a frame that was
/// written whole has its first and its last byte and no sector full of nothing.
fn has_hole(frame: &[u8], at: usize) -> bool {
    if frame.last() == Some(&0) {
        return true;
    }
    let mut from = 0;
    while from < frame.len() {
        let until = frame.len().min(from + SECTOR - (at + from) % SECTOR);
        if frame[from..until].iter().all(|byte| *byte == 0) {
            return true;
        }
        from = until;
    }
    false
}

fn checksum(frame: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&frame[..8]);
    hasher.update(&frame[12..]);
    hasher.finalize()
}

/// 64 bits of the digest: they link each frame to the one before.
fn hash(frame: &[u8]) -> u64 {
    content_digest(frame).bits() as u64
}

/// The digest of some bytes, by which files of a run are named and checked. It finds accidents, not malice.
#[must_use]
pub fn content_digest(bytes: &[u8]) -> Digest {
    let mut writer = DigestWriter::new();
    writer.word(bytes.len() as u64);
    let (chunks, rest) = bytes.as_chunks::<8>();
    for chunk in chunks {
        writer.word(u64::from_le_bytes(*chunk));
    }
    if !rest.is_empty() {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        writer.word(u64::from_le_bytes(word));
    }
    writer.finish()
}

pub(crate) fn word32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

pub(crate) fn word64(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |chunk| u64::from_le_bytes(*chunk))
}
