//! Aligned tables for people.

use comfy_table::{Cell, CellAlignment, Table, presets};

/// A column: its title, and whether it holds numbers, which stand on the right.
pub(crate) type Column<'a> = (&'a str, bool);

/// A table without frame, as text with a line end.
pub(crate) fn table(columns: &[Column<'_>], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    let cell = |text: &str, is_number: bool| {
        let side = if is_number { CellAlignment::Right } else { CellAlignment::Left };
        Cell::new(text).set_alignment(side)
    };
    table.set_header(columns.iter().map(|(title, is_number)| cell(title, *is_number)).collect::<Vec<_>>());
    for row in rows {
        let cells = row.iter().zip(columns).map(|(text, (_, is_number))| cell(text, *is_number));
        table.add_row(cells.collect::<Vec<_>>());
    }
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// A whole number with blanks between thousands: 1 234 567.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_on_the_right() {
        let rows = [vec!["a".to_owned(), count(1_234_567)], vec!["long".to_owned(), count(12)]];
        let text = table(&[("name", false), ("rows", true)], rows);
        assert_eq!(text, " name       rows\n a     1 234 567\n long         12\n");
    }
}
