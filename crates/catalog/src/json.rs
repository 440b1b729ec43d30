//! freqtrade's JSON: an array of arrays `[time, open, high, low, close, volume]`.

use crate::cell::Cell;
use crate::header::MAX_ROLES;
use crate::intake::Intake;

const NAMES: [&str; 6] = ["date", "open", "high", "low", "close", "volume"];

/// Reads a table; “lines” are rows of the outer array, from one. Numbers are taken from their text, not through a float.
///
/// # Errors
/// Where and why the text is not such an array.
pub(crate) fn read(text: &[u8], intake: &mut Intake) -> Result<(), String> {
    intake.columns(&NAMES.map(str::to_owned))?;
    let mut scanner = Scanner { text, at: 0 };
    scanner.expect(b'[', "an array of rows")?;
    if scanner.accept(b']') {
        return scanner.end();
    }
    for line in 1.. {
        scanner.expect(b'[', "a row [time, open, high, low, close, volume]")?;
        row(&mut scanner, line, intake)?;
        if !scanner.accept(b',') {
            break;
        }
    }
    scanner.expect(b']', "a comma or the end of the array")?;
    scanner.end()
}

fn row(scanner: &mut Scanner<'_>, line: u64, intake: &mut Intake) -> Result<(), String> {
    let mut cells = [Cell::Empty; MAX_ROLES];
    let mut count = 0;
    loop {
        let cell = scanner.value()?;
        if let Some(slot) = cells.get_mut(count).filter(|_| count < NAMES.len()) {
            *slot = cell;
        }
        count += 1;
        if !scanner.accept(b',') {
            break;
        }
    }
    scanner.expect(b']', "a comma or the end of the row")?;
    if count == NAMES.len() {
        intake.row(&cells, line);
    } else {
        intake.bad_row(
            line,
            "[…]",
            format!("{count} values; time, open, high, low, close, volume are expected"),
        );
    }
    Ok(())
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    fn skip_blanks(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn accept(&mut self, byte: u8) -> bool {
        self.skip_blanks();
        let found = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8, what: &str) -> Result<(), String> {
        if self.accept(byte) { Ok(()) } else { Err(self.complaint(what)) }
    }

    fn complaint(&self, what: &str) -> String {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let shown: String = String::from_utf8_lossy(&rest[..rest.len().min(20)]).into_owned();
        let found = if shown.is_empty() { "the end of the file".to_owned() } else { format!("{shown:?}") };
        format!("byte {}: {what} is expected, not {found}", self.at + 1)
    }

    /// A number, a string without escapes, or null.
    fn value(&mut self) -> Result<Cell<'a>, String> {
        self.skip_blanks();
        let start = self.at;
        if self.accept(b'"') {
            let start = self.at;
            while self.text.get(self.at).is_some_and(|b| !matches!(b, b'"' | b'\\')) {
                self.at += 1;
            }
            let end = self.at;
            self.expect(b'"', "the end of a plain string")?;
            return Ok(Cell::Text(&self.text[start..end]));
        }
        let part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.');
        while self.text.get(self.at).is_some_and(part) {
            self.at += 1;
        }
        match &self.text[start..self.at] {
            b"" => Err(self.complaint("a number")),
            b"null" => Ok(Cell::Empty),
            number => Ok(Cell::Text(number)),
        }
    }

    fn end(mut self) -> Result<(), String> {
        self.skip_blanks();
        if self.at == self.text.len() { Ok(()) } else { Err(self.complaint("the end of the file")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::Table;
    use proptest::prelude::*;

    #[test]
    fn reads_numbers_exactly() {
        let text =
            b"[[1704067200000, 1.5, 2, 1.25, 1.75, 10.0],\n [1704067260000, \"1.75\", 2.0, 1e0, 1.5, 0]]\n";
        let mut intake = Intake::new(None, true);
        read(text, &mut intake).unwrap();
        let Some((Table::Candles(rows), _, faults)) = intake.finish() else { panic!("candles expected") };
        assert_eq!((rows.rows.len(), faults.total), (2, 0), "{faults:?}");
        assert_eq!(rows.scale.price_decimals, 2);
        assert_eq!(rows.rows[1].low.mantissa(), 100);
    }

    #[test]
    fn says_where_it_ends_to_be_json() {
        let problem = |text: &[u8]| read(text, &mut Intake::new(None, true)).unwrap_err();
        assert!(problem(b"{\"a\": 1}").contains("byte 1: an array of rows"));
        assert!(problem(b"[[1704067200000, 1, 2, 1").contains("the end of the file"));
        assert!(problem(b"[[1,2,3,4,5,6]] x").contains("byte 17"));
        let mut intake = Intake::new(None, true);
        read(b"[[1,2,3],[1704067200000,1,1,1,null,1]]", &mut intake).unwrap();
        assert_eq!(intake.faults.total, 2);
    }

    proptest! {
        #[test]
        fn never_panics(text in "[\\[\\],0-9a-z.\" -]{0,60}") {
            let _ = read(text.as_bytes(), &mut Intake::new(None, true));
        }
    }
}
