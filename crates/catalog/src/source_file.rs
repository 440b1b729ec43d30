//! Opening a file of any supported format and taking its table in.

use crate::capture::Choice;
use crate::header::{Family, Mapping};
use crate::intake::{Intake, Table};
use crate::{Faults, ImportError, arrow_input, capture, csv, json};
use flate2::read::MultiGzDecoder;
use std::cell::RefCell;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use units::DigestWriter;

/// The formats that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated text.
    Csv,
    /// Comma-separated text, compressed with gzip.
    CsvGz,
    /// freqtrade's array of arrays.
    Json,
    /// The same, compressed with gzip.
    JsonGz,
    /// A raw capture: one JSON message a line.
    Capture,
    /// The same, compressed with gzip.
    CaptureGz,
    /// Apache Parquet.
    Parquet,
    /// Apache Arrow IPC, also known as Feather version 2.
    Feather,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Csv => "csv",
            Self::CsvGz => "csv.gz",
            Self::Json => "json",
            Self::JsonGz => "json.gz",
            Self::Capture => "ndjson",
            Self::CaptureGz => "ndjson.gz",
            Self::Parquet => "parquet",
            Self::Feather => "feather",
        })
    }
}

/// What a file holds.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) format: Format,
    pub(crate) table: Table,
    pub(crate) mapping: Mapping,
    /// Rows that cannot be read.
    pub(crate) faults: Faults,
    pub(crate) row_count: u64,
    pub(crate) digest: String,
}

/// Reads a whole file. The format is told by its content, not by its name.
pub(crate) fn read(
    path: &Path,
    family: Option<Family>,
    needs_volume: bool,
    choice: &Choice,
) -> Result<Contents, ImportError> {
    let fail = |problem: String| ImportError::unreadable(path, problem);
    let meta = std::fs::metadata(path).map_err(|e| fail(format!("cannot be read: {e}")))?;
    if meta.is_dir() {
        return Err(fail("a folder; a file is expected".to_owned()));
    }
    let file = File::open(path).map_err(|e| fail(format!("cannot be read: {e}")))?;
    let digest = RefCell::new(ByteDigest::default());
    let mut input = Digesting { file, digest: &digest };
    let mut intake = Intake::new(family, needs_volume);
    let format = take(path, &mut input, meta.len(), (&mut intake, choice)).map_err(fail)?;
    // Whatever a reader left unread (gzip padding) belongs to the content too.
    io::copy(&mut input, &mut io::sink()).map_err(|e| fail(format!("cannot be read: {e}")))?;
    let row_count = intake.row_count;
    if row_count == 0 {
        return Err(fail("no rows; a header and at least one row are expected".to_owned()));
    }
    let Some((table, mapping, faults)) = intake.finish() else {
        return Err(fail("no header".to_owned()));
    };
    let digest = digest.into_inner().finish();
    Ok(Contents { format, table, mapping, faults, row_count, digest })
}

/// The lines of a file of snapshots, with their numbers.
///
/// # Errors
/// [`ImportError`] when it cannot be read.
pub(crate) fn read_snapshots(path: &Path) -> Result<Vec<(u64, Vec<u8>)>, ImportError> {
    let fail = |problem: String| ImportError::unreadable(path, problem);
    let mut file = File::open(path).map_err(|e| fail(format!("cannot be read: {e}")))?;
    let start = read_start(&mut file).map_err(|e| fail(format!("cannot be read: {e}")))?;
    let mut input = start.as_slice().chain(file);
    let mut lines = Vec::new();
    let take = |number: u64, text: &[u8]| lines.push((number, text.to_vec()));
    match start.as_slice() {
        [0x1f, 0x8b, ..] => capture::for_each_line(&mut MultiGzDecoder::new(input), take),
        _ => capture::for_each_line(&mut input, take),
    }
    .map_err(fail)?;
    Ok(lines)
}

fn take(
    path: &Path,
    input: &mut dyn Read,
    size: u64,
    (intake, choice): (&mut Intake, &Choice),
) -> Result<Format, String> {
    let start = read_start(input).map_err(|e| format!("cannot be read: {e}"))?;
    let mut input = start.as_slice().chain(input);
    match start.as_slice() {
        b"" => Err("empty (0 bytes); a header and rows are expected".to_owned()),
        [b'P', b'A', b'R', b'1', ..] => {
            arrow_input::read_parquet(read_all(&mut input)?, intake)?;
            Ok(Format::Parquet)
        }
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] => {
            arrow_input::read_feather(&read_all(&mut input)?, intake)?;
            Ok(Format::Feather)
        }
        [b'F', b'E', b'A', b'1', ..] => {
            Err("Feather version 1, which is no longer maintained; write it as version 2".to_owned())
        }
        [b'P', b'K', 3, 4, ..] => Err("a zip archive; unpack it first".to_owned()),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Err("compressed with zstd; unpack it first, or use gzip".to_owned()),
        [0x1f, 0x8b, ..] => take_gz(&mut input, size, (intake, choice)),
        text if capture::is_capture(text) => {
            let (captured, faults, rows) = capture::read(&mut input, choice)?;
            intake.capture(captured, faults, rows);
            Ok(Format::Capture)
        }
        text if is_json(text) => {
            json::read(&read_all(&mut input)?, intake)?;
            Ok(Format::Json)
        }
        _ => match promised(path) {
            Some(format) => Err(format!(
                "its name says {format}, its content does not: not a whole {format} file; download or write it again"
            )),
            None => {
                csv::read(&mut input, size, intake)?;
                Ok(Format::Csv)
            }
        },
    }
}

/// The binary format that a name promises. It decides nothing; it explains text that should have been none.
fn promised(path: &Path) -> Option<&'static str> {
    match path.extension()?.to_str()? {
        "parquet" | "pq" => Some("Parquet"),
        "feather" | "arrow" => Some("Feather"),
        "gz" => Some("gzip"),
        _ => None,
    }
}

fn take_gz(
    input: &mut dyn Read,
    size: u64,
    (intake, choice): (&mut Intake, &Choice),
) -> Result<Format, String> {
    let mut unpacked = MultiGzDecoder::new(input);
    let start = read_start(&mut unpacked).map_err(|e| csv::explain(&e))?;
    let (is_json, is_capture) = (is_json(&start), capture::is_capture(&start));
    let mut unpacked = start.as_slice().chain(unpacked);
    if is_capture {
        let (captured, faults, rows) = capture::read(&mut unpacked, choice)?;
        intake.capture(captured, faults, rows);
        return Ok(Format::CaptureGz);
    }
    if is_json {
        json::read(&read_all(&mut unpacked)?, intake)?;
        return Ok(Format::JsonGz);
    }
    // Candles as text shrink to about a third.
    csv::read(&mut unpacked, size.saturating_mul(3), intake)?;
    Ok(Format::CsvGz)
}

/// The first bytes of a file.
fn read_start(input: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(32);
    input.take(32).read_to_end(&mut start)?;
    Ok(start)
}

fn read_all(input: &mut dyn Read) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    input.read_to_end(&mut content).map_err(|e| csv::explain(&e))?;
    Ok(content)
}

fn is_json(start: &[u8]) -> bool {
    start.trim_ascii_start().first() == Some(&b'[')
}

/// A file whose bytes are digested as they are read.
struct Digesting<'a> {
    file: File,
    digest: &'a RefCell<ByteDigest>,
}

impl Read for Digesting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.digest.borrow_mut().add(&buffer[..count]);
        Ok(count)
    }
}

/// The digest of a stream of bytes, however it is cut into pieces.
#[derive(Default)]
struct ByteDigest {
    words: DigestWriter,
    rest: Vec<u8>,
    length: u64,
}

impl ByteDigest {
    fn add(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len() as u64;
        if !self.rest.is_empty() {
            let wanted = (8 - self.rest.len()).min(bytes.len());
            self.rest.extend_from_slice(&bytes[..wanted]);
            bytes = &bytes[wanted..];
            if let Ok(word) = <[u8; 8]>::try_from(self.rest.as_slice()) {
                self.words.word(u64::from_le_bytes(word));
                self.rest.clear();
            }
        }
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.words.word(u64::from_le_bytes(*word));
        }
        self.rest.extend_from_slice(rest);
    }

    fn finish(mut self) -> String {
        self.rest.resize(8, 0);
        if let Ok(word) = <[u8; 8]>::try_from(self.rest.as_slice()) {
            self.words.word(u64::from_le_bytes(word));
        }
        self.words.word(self.length);
        self.words.finish().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_digest_does_not_depend_on_the_pieces(
            bytes in proptest::collection::vec(any::<u8>(), 0..100),
            cuts in proptest::collection::vec(1usize..13, 1..20),
        ) {
            let mut whole = ByteDigest::default();
            whole.add(&bytes);
            let mut pieces = ByteDigest::default();
            let mut rest = bytes.as_slice();
            for cut in cuts.iter().cycle() {
                let (piece, after) = rest.split_at((*cut).min(rest.len()));
                pieces.add(piece);
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(whole.finish(), pieces.finish());
        }
    }
}
