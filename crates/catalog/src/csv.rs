//! Comma-separated text, read in one pass without a copy of any field.

use crate::cell::Cell;
use crate::header::MAX_ROLES;
use crate::intake::Intake;
use memchr::{memchr, memrchr};
use std::io::{ErrorKind, Read};

const BUFFER: usize = 1 << 18;
/// A line longer than this is no table.
const LONGEST_LINE: usize = 1 << 20;

/// Reads a table. Fields are separated by commas, semicolons or tabs, whichever the first line has; a header may be
/// missing where the layout is known. `expected` is a guess at the number of bytes to come.
///
/// # Errors
/// What is wrong with the file as a whole; what is wrong with single rows goes to the intake.
pub(crate) fn read(input: &mut dyn Read, expected: u64, intake: &mut Intake) -> Result<(), String> {
    let mut lines = LineReader { expected, ..LineReader::default() };
    let mut buffer = vec![0; BUFFER];
    let mut filled = 0;
    loop {
        let count = match input.read(&mut buffer[filled..]) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(format!("cannot read beyond line {}: {}", lines.line, explain(&error))),
        };
        if count == 0 {
            break;
        }
        filled += count;
        let end = memrchr(b'\n', &buffer[..filled]).map_or(0, |at| at + 1);
        lines.take_all(&buffer[..end], intake)?;
        buffer.copy_within(end..filled, 0);
        filled -= end;
        if filled == buffer.len() {
            if filled >= LONGEST_LINE {
                return Err(format!("line {} is longer than a million bytes: not a table", lines.line + 1));
            }
            buffer.resize(filled * 2, 0);
        }
    }
    lines.take_all(&buffer[..filled], intake)?;
    if lines.separator.is_none() {
        return Err("empty; a header and rows are expected".to_owned());
    }
    Ok(())
}

/// An error of the decompressor in words a person can use.
pub(crate) fn explain(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::UnexpectedEof => "the compressed file ends too early; it is truncated".to_owned(),
        ErrorKind::InvalidInput | ErrorKind::InvalidData => {
            format!("the compressed file is damaged ({error})")
        }
        _ => error.to_string(),
    }
}

#[derive(Default)]
struct LineReader {
    /// Lines seen so far.
    line: u64,
    separator: Option<u8>,
    columns: usize,
    positions: Vec<Option<usize>>,
    /// Start and end of each field of the current line.
    fields: Vec<(usize, usize)>,
    expected: u64,
}

impl LineReader {
    fn take_all(&mut self, mut text: &[u8], intake: &mut Intake) -> Result<(), String> {
        while !text.is_empty() {
            let (line, rest) = match memchr(b'\n', text) {
                Some(end) => (&text[..end], &text[end + 1..]),
                None => (text, &[][..]),
            };
            self.line += 1;
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if self.separator.is_none() {
                self.header(line, intake)?;
            } else {
                self.row(line, intake);
            }
            text = rest;
        }
        Ok(())
    }

    fn header(&mut self, line: &[u8], intake: &mut Intake) -> Result<(), String> {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let Ok(text) = std::str::from_utf8(line) else {
            return Err(format!("line {} is not UTF-8 text; a header is expected", self.line));
        };
        if text.contains('\0') {
            return Err(format!("line {} holds zero bytes: not text in UTF-8", self.line));
        }
        let separator = [b',', b';', b'\t'].into_iter().find(|s| line.contains(s)).unwrap_or(b',');
        self.separator = Some(separator);
        self.split(line, separator);
        let names: Vec<String> =
            self.fields.iter().map(|(start, end)| text[*start..*end].to_owned()).collect();
        self.columns = names.len();
        let is_data = intake.header(&names).map_err(|problem| format!("line {}: {problem}", self.line))?;
        self.positions = intake.positions().to_vec();
        // A row of candles takes about as many bytes as the header line of one without header, or some 50.
        let row_bytes = if is_data { line.len().max(20) } else { 48 };
        intake.expect(usize::try_from(self.expected).unwrap_or(0) / row_bytes);
        if is_data {
            self.row(line, intake);
        }
        Ok(())
    }

    #[inline]
    fn row(&mut self, line: &[u8], intake: &mut Intake) {
        let separator = self.separator.unwrap_or(b',');
        self.split(line, separator);
        if self.fields.len() != self.columns {
            if line.trim_ascii().is_empty() {
                return;
            }
            let problem = format!("{} fields; the header has {}", self.fields.len(), self.columns);
            intake.bad_row(self.line, &String::from_utf8_lossy(line), problem);
            return;
        }
        let mut cells = [Cell::Empty; MAX_ROLES];
        for (cell, position) in cells.iter_mut().zip(&self.positions) {
            if let Some(position) = position {
                let (start, end) = self.fields[*position];
                *cell = Cell::Text(&line[start..end]);
            }
        }
        intake.row(&cells, self.line);
    }

    /// Finds the fields of a line, without blanks and quotes around them.
    #[inline]
    fn split(&mut self, line: &[u8], separator: u8) {
        self.fields.clear();
        let (mut start, mut quoted, mut untidy) = (0, false, false);
        for (i, byte) in line.iter().enumerate() {
            if *byte == separator && !quoted {
                self.fields.push((start, i));
                start = i + 1;
            } else if *byte <= b'"' {
                // Quotes and blanks are the only bytes up to the quote that a table has, and they are rare.
                untidy = true;
                quoted ^= *byte == b'"';
            }
        }
        self.fields.push((start, line.len()));
        if untidy {
            self.tidy(line);
        }
    }

    #[cold]
    fn tidy(&mut self, line: &[u8]) {
        for (start, end) in &mut self.fields {
            let blank = |byte: u8| byte.is_ascii_whitespace();
            while start < end && blank(line[*start]) {
                *start += 1;
            }
            while start < end && blank(line[*end - 1]) {
                *end -= 1;
            }
            if *end - *start >= 2 && line[*start] == b'"' && line[*end - 1] == b'"' {
                *start += 1;
                *end -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::{Rows, Table};
    use crate::{Faults, Scale};
    use model::Bar;
    use proptest::prelude::*;
    use units::Price;

    fn candles(text: &[u8]) -> Result<(Rows<Bar>, Faults), String> {
        let mut intake = Intake::new(None, true);
        read(&mut &*text, text.len() as u64, &mut intake)?;
        match intake.finish() {
            Some((Table::Candles(rows), _, faults)) => Ok((rows, faults)),
            other => panic!("candles expected, not {other:?}"),
        }
    }

    #[test]
    fn reads_what_is_out_there() {
        let plain = "open_time,open,high,low,close,volume\n1704067200000,1.5,2,1.25,1.75,10\n";
        let (rows, faults) = candles(plain.as_bytes()).unwrap();
        assert_eq!((rows.rows.len(), faults.total), (1, 0));
        assert_eq!(rows.scale, Scale { price_decimals: 2, quantity_decimals: 0 });
        for variant in [
            "\u{feff}Date;Open;High;Low;Close;Volume\r\n2024-01-01 00:00:00;1.5;2;1.25;1.75;10\r\n\r\n",
            "timestamp\to\th\tl\tc\tv\n1704067200\t1.5\t2.0\t1.25\t1.750\t10.0",
            "\"date\", \"open\", \"high\", \"low\", \"close\", \"volume\"\n\"2024-01-01\", 1.5, 2, 1.25, 1.75, 10",
            "1704067200000000,1.5,2,1.25,1.75,10,1704067259999999,15,3,5,7,0\n",
            "close,volume,junk,time,low,high,open\n1.75,10,x,1704067200000,1.25,2,1.5",
        ] {
            let (other, faults) = candles(variant.as_bytes()).unwrap();
            assert_eq!(faults.total, 0, "{variant:?}: {faults:?}");
            assert_eq!(other.rows, rows.rows, "{variant:?}");
        }
    }

    #[test]
    fn faults_carry_line_column_and_value() {
        let text =
            "date,open,high,low,close,volume\n1704067200,1,2,0.5,nan,10\n\n1704067260,1,2,x,1,1\n1,2\n";
        let (rows, faults) = candles(text.as_bytes()).unwrap();
        assert_eq!((rows.rows.len(), faults.total), (0, 3));
        let shown: Vec<String> = faults.listed.iter().map(ToString::to_string).collect();
        assert!(shown[0].starts_with("line 2, column close, value \"nan\": "), "{}", shown[0]);
        assert!(shown[1].starts_with("line 4, column low, value \"x\": "), "{}", shown[1]);
        assert_eq!(shown[2], "line 5, column (all), value \"1,2\": 2 fields; the header has 6");
    }

    #[test]
    fn refuses_what_is_no_table() {
        assert!(candles(b"").unwrap_err().contains("empty"));
        assert!(candles(b"\n\n\n").unwrap_err().contains("empty"));
        assert!(candles(b"\xff\xfe\x00d").unwrap_err().contains("UTF-8"));
        assert!(candles(&vec![b'x'; 3 << 20]).unwrap_err().contains("longer"));
        assert!(candles(b"a,b\n1,2\n").unwrap_err().contains("line 1"));
    }

    #[test]
    fn lines_may_be_cut_anywhere() {
        struct Drip<'a>(&'a [u8]);
        impl Read for Drip<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                let count = self.0.len().min(buffer.len()).min(7);
                buffer[..count].copy_from_slice(&self.0[..count]);
                self.0 = &self.0[count..];
                Ok(count)
            }
        }
        let mut text = String::from("time,open,high,low,close,volume\n");
        for i in 0..1000 {
            text.push_str(&format!("{},1.{i},9,1,2,3\n", 1_704_067_200 + i * 60));
        }
        let mut intake = Intake::new(None, true);
        read(&mut Drip(text.as_bytes()), 0, &mut intake).unwrap();
        let Some((Table::Candles(rows), _, faults)) = intake.finish() else { panic!("candles expected") };
        assert_eq!((rows.rows.len(), faults.total), (1000, 0));
        assert_eq!(rows.rows[999].open, Price::new(1999));
        assert_eq!(rows.lines.of(999), 1001);
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let header = b"date,open,high,low,close,volume\n";
            let _ = candles(&[header.as_slice(), &bytes].concat());
            let mut intake = Intake::new(None, true);
            let _ = read(&mut bytes.as_slice(), 0, &mut intake);
        }
    }
}
