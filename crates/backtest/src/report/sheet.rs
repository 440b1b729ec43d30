//! A table before it has a form: what the terminal and the page draw.

/// Whether a number is good or bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// Neither.
    #[default]
    Plain,
    /// Above zero.
    Gain,
    /// Below zero.
    Loss,
}

/// One field of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cell {
    /// What it says; one line.
    pub text: String,
    /// Whether it is good or bad.
    pub tone: Tone,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, tone: Tone::Plain }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// One column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its head; may have two lines.
    pub head: String,
    /// Whether its fields stand at the right, as numbers do.
    pub is_right: bool,
}

impl Column {
    pub(super) fn left(head: &str) -> Self {
        Self { head: head.to_owned(), is_right: false }
    }

    pub(super) fn right(head: impl Into<String>) -> Self {
        Self { head: head.into(), is_right: true }
    }
}

/// A table, or only its title and a remark.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sheet {
    /// What stands above it.
    pub title: String,
    /// Its columns; none where there is only a remark.
    pub columns: Vec<Column>,
    /// Its rows, each as long as there are columns. An empty row separates what is above it from what is below.
    pub rows: Vec<Vec<Cell>>,
    /// Whether the last row sums the others up.
    pub has_total: bool,
    /// What stands below it.
    pub remarks: Vec<String>,
}

impl Sheet {
    pub(super) fn new(title: impl Into<String>, columns: Vec<Column>) -> Self {
        Self { title: title.into(), columns, ..Self::default() }
    }

    /// A title with a line of text instead of a table.
    pub(super) fn remark(title: &str, remark: impl Into<String>) -> Self {
        Self { title: title.to_owned(), remarks: vec![remark.into()], ..Self::default() }
    }

    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }
}
