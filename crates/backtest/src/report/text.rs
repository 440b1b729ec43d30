//! Tables on a terminal.
//!
//! A table that is too wide for the terminal wraps its words, then loses its frame, and at last becomes a list of its
//! rows. No number is ever broken in two.
//!
//! Colour must not count towards the width of a column. A coloured field therefore begins with an invisible character
//! of width zero while the table is laid out, which becomes the escape sequence afterwards.

use super::{Cell, Sheet, Tone};
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, Width};

/// How the report is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextStyle {
    /// ASCII only, for logs, mails and terminals without UTF-8.
    pub is_plain: bool,
    /// Gains green, losses red, by ANSI escape sequences.
    pub has_colour: bool,
    /// Columns of the terminal; less than 40 is taken for 40.
    pub width: u16,
}

impl Default for TextStyle {
    /// A frame, no colour, 110 columns.
    fn default() -> Self {
        Self { is_plain: false, has_colour: false, width: 110 }
    }
}

const NARROWEST: u16 = 40;
/// Words longer than this may be broken.
const LONGEST_WORD: usize = 24;
const FRAME: &str = "││──├─┼┤│    ┬┴╭╮╰╯";
const PLAIN_FRAME: &str = "||--+-++|    ++++++";
const BARE: &str = "     ─             ";
const PLAIN_BARE: &str = "     -             ";

/// Mark where a colour begins; both have no width.
const GAIN: char = '\u{2062}';
const LOSS: char = '\u{2063}';

/// The tables one below the other.
pub(super) fn render(sheets: &[Sheet], style: TextStyle) -> String {
    let style = TextStyle { width: style.width.max(NARROWEST), ..style };
    let mut text = String::new();
    for (number, sheet) in sheets.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        for line in lines(sheet, style) {
            text.push_str(&paint(line.trim_end(), style));
            text.push('\n');
        }
    }
    text
}

fn lines(sheet: &Sheet, style: TextStyle) -> Vec<String> {
    let body = if sheet.columns.is_empty() { Vec::new() } else { body(sheet, style) };
    let width = body.iter().map(|line| width(line)).max().unwrap_or(0);
    let indent = width.saturating_sub(sheet.title.chars().count()) / 2;
    let mut all = vec![format!("{}{}", " ".repeat(indent), clean(&sheet.title))];
    all.extend(body);
    for remark in &sheet.remarks {
        all.extend(wrap(&clean(remark), style.width.into()));
    }
    all
}

/// How wide a line is on the terminal: the marks of colours take no place.
fn width(line: &str) -> usize {
    line.chars().filter(|c| !matches!(*c, GAIN | LOSS)).count()
}

/// How a table is drawn.
#[derive(Debug, Clone, Copy)]
struct Form {
    preset: &'static str,
    /// One blank between columns instead of two and a line.
    is_tight: bool,
}

/// The first form that fits.
fn body(sheet: &Sheet, style: TextStyle) -> Vec<String> {
    let (frame, bare) = if style.is_plain { (PLAIN_FRAME, PLAIN_BARE) } else { (FRAME, BARE) };
    for form in [Form { preset: frame, is_tight: false }, Form { preset: bare, is_tight: true }] {
        let natural = table(sheet, form, None);
        let needed = natural.iter().map(|line| width(line)).max().unwrap_or(0);
        if needed <= style.width.into() {
            return natural;
        }
        if may_wrap(sheet, needed, style) {
            return table(sheet, form, Some(style.width));
        }
    }
    list(sheet, style)
}

/// Whether the left columns keep room for their longest words when the numbers are left whole.
fn may_wrap(sheet: &Sheet, needed: usize, style: TextStyle) -> bool {
    let left: Vec<usize> = (0..sheet.columns.len()).filter(|i| !sheet.columns[*i].is_right).collect();
    let whole: usize = left.iter().map(|i| longest(sheet, *i, |text| text.chars().count())).sum();
    let words: usize = left.iter().map(|i| longest_word(sheet, *i)).sum();
    usize::from(style.width) + whole >= needed + words
}

/// The longest word of a column; one that is longer than any name may be broken.
fn longest_word(sheet: &Sheet, column: usize) -> usize {
    let word = |text: &str| text.split(' ').map(|word| word.chars().count()).max().unwrap_or(0);
    longest(sheet, column, word).min(LONGEST_WORD)
}

fn longest(sheet: &Sheet, column: usize, measure: impl Fn(&str) -> usize) -> usize {
    let fields = sheet.rows.iter().filter_map(|row| row.get(column)).map(|cell| measure(&cell.text));
    fields.chain([measure(&sheet.columns[column].head)]).max().unwrap_or(0)
}

/// The table as wide as its fields, or with its words wrapped to a width.
fn table(sheet: &Sheet, form: Form, width: Option<u16>) -> Vec<String> {
    let mut table = Table::new();
    table.load_preset(form.preset);
    let align = |right| if right { CellAlignment::Right } else { CellAlignment::Left };
    table.set_header(
        sheet
            .columns
            .iter()
            .map(|c| comfy_table::Cell::new(clean_head(&c.head)).set_alignment(align(c.is_right))),
    );
    for row in &sheet.rows {
        table.add_row((0..sheet.columns.len()).map(|i| row.get(i).map_or(String::new(), marked)));
    }
    let padding = if form.is_tight { 1 } else { 2 };
    let least: Vec<u16> = (0..sheet.columns.len()).map(|i| longest_word(sheet, i) as u16 + padding).collect();
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    for (number, (column, head)) in table.column_iter_mut().zip(&sheet.columns).enumerate() {
        column.set_cell_alignment(align(head.is_right));
        column.set_constraint(if head.is_right {
            ColumnConstraint::ContentWidth
        } else {
            ColumnConstraint::LowerBoundary(Width::Fixed(least[number]))
        });
        if form.is_tight {
            column.set_padding((0, 1));
        }
    }
    let lines: Vec<String> = table.lines().collect();
    if sheet.has_total { ruled(lines, form.preset) } else { lines }
}

/// Repeats the rule under the heads above the total, the last row.
fn ruled(mut lines: Vec<String>, preset: &str) -> Vec<String> {
    let has_frame = !preset.starts_with(' ');
    let is_rule = |line: &&String| line.chars().all(|c| preset.contains(c));
    let rule = lines.iter().filter(is_rule).nth(usize::from(has_frame)).cloned();
    let place = lines.len().saturating_sub(1 + usize::from(has_frame));
    lines.splice(place..place, rule);
    lines
}

/// Each row as lines of `head  field`; of two columns, the first is the head.
fn list(sheet: &Sheet, style: TextStyle) -> Vec<String> {
    let mut lines = Vec::new();
    for row in &sheet.rows {
        match row.as_slice() {
            [] => lines.push(String::new()),
            [name, value] => lines.extend(entry(&clean(&name.text), value, style)),
            fields => lines.extend(record(sheet, fields, style)),
        }
    }
    lines
}

/// A row as a block of lines.
fn record(sheet: &Sheet, fields: &[Cell], style: TextStyle) -> Vec<String> {
    let heads: Vec<String> = sheet.columns.iter().map(|c| clean(&c.head.replace('\n', " "))).collect();
    let longest = heads.iter().map(|head| head.chars().count()).max().unwrap_or(0);
    let named = heads.iter().zip(fields).enumerate().flat_map(|(i, (head, cell))| {
        let bullet = if i == 0 { '-' } else { ' ' };
        entry(&format!("{bullet} {head:longest$}"), cell, style)
    });
    named.collect()
}

/// A name and what it says; what does not fit stands indented below.
fn entry(name: &str, cell: &Cell, style: TextStyle) -> Vec<String> {
    let line = format!("{name}  {}", marked(cell).trim_start());
    if width(&line) <= style.width.into() {
        return vec![line];
    }
    let rest = wrap(&clean(&cell.text), usize::from(style.width).saturating_sub(4));
    std::iter::once(name.to_owned()).chain(rest.into_iter().map(|line| format!("    {line}"))).collect()
}

/// A field with the mark of its colour.
fn marked(cell: &Cell) -> String {
    let text = clean(&cell.text);
    match cell.tone {
        Tone::Plain => text,
        Tone::Gain => format!("{GAIN}{text}"),
        Tone::Loss => format!("{LOSS}{text}"),
    }
}

/// Text from outside without what would move the cursor or pass for a mark.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && !matches!(*c, GAIN | LOSS)).collect()
}

fn clean_head(text: &str) -> String {
    text.lines().map(clean).collect::<Vec<_>>().join("\n")
}

/// Turns marks into colours that end with the field, or drops them.
fn paint(line: &str, style: TextStyle) -> String {
    if !style.has_colour {
        return line.replace([GAIN, LOSS], "");
    }
    let mut painted = String::with_capacity(line.len() + 32);
    let mut is_on = false;
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        match c {
            GAIN | LOSS => {
                painted.push_str(if c == GAIN { "\u{1b}[32m" } else { "\u{1b}[31m" });
                is_on = true;
            }
            _ if is_on && ["  ", " │", " |"].iter().any(|end| rest.starts_with(end)) => {
                painted.push_str("\u{1b}[0m");
                painted.push(c);
                is_on = false;
            }
            _ => painted.push(c),
        }
        rest = &rest[c.len_utf8()..];
    }
    if is_on {
        painted.push_str("\u{1b}[0m");
    }
    painted
}

/// Breaks a line at blanks; a longer word stays whole.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last().map_or(0, |line| line.chars().count());
        if last > 0 && last + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else if let Some(line) = lines.last_mut() {
            if last > 0 {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::Column;
    use super::*;

    fn wide() -> Sheet {
        let columns = vec![
            Column::left("Symbol"),
            Column::right("Trades"),
            Column::right("Tot Profit\nUSDT"),
            Column::right("Remark"),
        ];
        let mut sheet = Sheet::new("TITLE", columns);
        let gain = Cell { text: "12.50".to_owned(), tone: Tone::Gain };
        sheet.row(vec!["BTCUSDT".into(), "3".into(), gain, "nothing to remark".into()]);
        sheet.row(vec![
            "TOTAL".into(),
            "3".into(),
            Cell { text: "-1.00".into(), tone: Tone::Loss },
            "x".into(),
        ]);
        sheet.has_total = true;
        sheet
    }

    fn drawn(style: TextStyle) -> String {
        render(&[wide()], style)
    }

    #[test]
    fn draws_a_frame_and_a_rule_above_the_total() {
        expect_test::expect![[r#"
                                    TITLE
            ╭─────────┬────────┬────────────┬───────────────────╮
            │ Symbol  │ Trades │ Tot Profit │            Remark │
            │         │        │       USDT │                   │
            ├─────────┼────────┼────────────┼───────────────────┤
            │ BTCUSDT │      3 │      12.50 │ nothing to remark │
            ├─────────┼────────┼────────────┼───────────────────┤
            │ TOTAL   │      3 │      -1.00 │                 x │
            ╰─────────┴────────┴────────────┴───────────────────╯
        "#]]
        .assert_eq(&drawn(TextStyle::default()));
    }

    #[test]
    fn plain_is_ascii() {
        let text = drawn(TextStyle { is_plain: true, ..TextStyle::default() });
        assert!(text.is_ascii());
        expect_test::expect![[r#"
                                    TITLE
            +---------+--------+------------+-------------------+
            | Symbol  | Trades | Tot Profit |            Remark |
            |         |        |       USDT |                   |
            +---------+--------+------------+-------------------+
            | BTCUSDT |      3 |      12.50 | nothing to remark |
            +---------+--------+------------+-------------------+
            | TOTAL   |      3 |      -1.00 |                 x |
            +---------+--------+------------+-------------------+
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn a_narrow_terminal_gets_no_frame_and_a_narrower_one_a_list() {
        let text = [50, 40].map(|width| drawn(TextStyle { width, ..TextStyle::default() })).join("\n");
        expect_test::expect![[r#"
                               TITLE
            Symbol  Trades Tot Profit            Remark
                                 USDT
            ────────────────────────────────────────────
            BTCUSDT      3      12.50 nothing to remark
            ────────────────────────────────────────────
            TOTAL        3      -1.00                 x

                           TITLE
            - Symbol           BTCUSDT
              Trades           3
              Tot Profit USDT  12.50
              Remark           nothing to remark
            - Symbol           TOTAL
              Trades           3
              Tot Profit USDT  -1.00
              Remark           x
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn colour_changes_nothing_but_colour() {
        let coloured = drawn(TextStyle { has_colour: true, ..TextStyle::default() });
        assert!(
            coloured.contains("\u{1b}[32m12.50\u{1b}[0m") && coloured.contains("\u{1b}[31m-1.00\u{1b}[0m"),
            "{coloured}"
        );
        let stripped =
            ["\u{1b}[32m", "\u{1b}[31m", "\u{1b}[0m"].iter().fold(coloured, |t, code| t.replace(code, ""));
        assert_eq!(stripped, drawn(TextStyle::default()));
    }

    #[test]
    fn text_from_outside_cannot_steer_the_terminal() {
        let mut sheet = Sheet::new("T\u{1b}[2J", vec![Column::left("A\u{7}"), Column::left("B")]);
        sheet.row(vec!["\u{1b}[31mred\u{2062}".into(), "x\ny".into()]);
        sheet.remarks.push("\u{1b}]0;title\u{7}".to_owned());
        let text = render(&[sheet], TextStyle { has_colour: true, ..TextStyle::default() });
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{2062}']), "{text:?}");
    }
}
