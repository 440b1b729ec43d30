//! Long lists in pieces: windows of time, limits, cursors.

use super::{Params, Refusal};

const DAY_MS: i64 = 86_400_000;

/// A stretch of time, both ends in it, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first moment.
    pub from_ms: i64,
    /// The last moment.
    pub to_ms: i64,
}

impl Window {
    /// The window of a history: by default the last `default_days`; with one end given, `most_days` from or to it.
    ///
    /// # Errors
    /// When it is longer than `most_days`, ends before it begins, or an end is no number.
    pub fn read(params: &Params, now_ms: i64, default_days: i64, most_days: i64) -> Result<Self, Refusal> {
        let (from, to) = (params.int("startTime")?, params.int("endTime")?);
        let (default, most) = (default_days * DAY_MS, most_days * DAY_MS);
        let window = match (from, to) {
            (None, None) => Self { from_ms: now_ms.saturating_sub(default), to_ms: now_ms },
            (Some(from_ms), None) => Self { from_ms, to_ms: from_ms.saturating_add(most) },
            (None, Some(to_ms)) => Self { from_ms: to_ms.saturating_sub(most), to_ms },
            (Some(from_ms), Some(to_ms)) => Self { from_ms, to_ms },
        };
        if window.from_ms > window.to_ms {
            return Err(Refusal::parameter("startTime should be less than endTime"));
        }
        if window.to_ms.saturating_sub(window.from_ms) > most {
            let text = format!("The time range between startTime and endTime cannot exceed {most_days} days");
            return Err(Refusal::parameter(text));
        }
        Ok(window)
    }

    /// Whether a moment lies in it.
    #[must_use]
    pub const fn holds(self, at_ms: i64) -> bool {
        at_ms >= self.from_ms && at_ms <= self.to_ms
    }
}

/// How many rows are asked for. What lies outside is an error; that is not documented, and stricter than clamping.
///
/// # Errors
/// When it is no number, below one, or above `most`.
pub fn limit(params: &Params, default: usize, most: usize) -> Result<usize, Refusal> {
    let Some(asked) = params.int("limit")? else { return Ok(default) };
    match usize::try_from(asked) {
        Ok(limit @ 1..) if limit <= most => Ok(limit),
        _ => Err(Refusal::parameter(format!("params error: limit should be between 1 and {most}"))),
    }
}

/// Where a page begins: behind the row of this number, in lists whose newest row comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(pub u64);

impl Cursor {
    /// Reads the cursor of a request, escaped once more or not.
    ///
    /// # Errors
    /// When it is none of ours.
    pub fn read(params: &Params) -> Result<Option<Self>, Refusal> {
        let Some(text) = params.text("cursor") else { return Ok(None) };
        let plain = text.replace("%3D", "=").replace("%3d", "=").replace("%26", "&");
        let number = plain.strip_prefix("page_token=").and_then(|rest| rest.strip_suffix('&'));
        let number = number.and_then(|digits| digits.parse().ok());
        number
            .map(|number| Some(Self(number)))
            .ok_or_else(|| Refusal::parameter("params error: cursor invalid"))
    }

    /// The cursor as text, percent-encoded already: it goes into the next query as it is.
    #[must_use]
    pub fn text(self) -> String {
        format!("page_token%3D{}%26", self.0)
    }
}

/// A piece of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// The cursor of the next page; empty on the last.
    pub next: String,
}

impl<T> Page<T> {
    /// The first `limit` rows behind the cursor, of rows that come newest first, each with a number that falls.
    pub fn of(rows: impl Iterator<Item = (u64, T)>, cursor: Option<Cursor>, limit: usize) -> Self {
        let mut page = Vec::new();
        let mut last = 0;
        for (number, row) in rows.filter(|(number, _)| cursor.is_none_or(|cursor| *number < cursor.0)) {
            if page.len() == limit {
                return Self { rows: page, next: Cursor(last).text() };
            }
            last = number;
            page.push(row);
        }
        Self { rows: page, next: String::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_cover_a_list_once() {
        let rows = || (1..=7u64).rev().map(|n| (n, n));
        let mut cursor = None;
        let mut seen = Vec::new();
        loop {
            let page = Page::of(rows(), cursor, 3);
            seen.extend(page.rows);
            if page.next.is_empty() {
                break;
            }
            let escaped = page.next.replace('%', "%25");
            let query = if seen.len() == 3 { page.next } else { escaped };
            cursor = Cursor::read(&Params::of_query(&format!("cursor={query}")).unwrap()).unwrap();
        }
        assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1]);
        assert!(Cursor::read(&Params::of_query("cursor=nonsense").unwrap()).is_err());
    }

    #[test]
    fn windows_are_bounded() {
        let window = |query: &str| Window::read(&Params::of_query(query).unwrap(), 100 * DAY_MS, 7, 7);
        assert_eq!(window("").unwrap(), Window { from_ms: 93 * DAY_MS, to_ms: 100 * DAY_MS });
        assert_eq!(window("startTime=0").unwrap(), Window { from_ms: 0, to_ms: 7 * DAY_MS });
        assert_eq!(window("endTime=0").unwrap(), Window { from_ms: -7 * DAY_MS, to_ms: 0 });
        assert!(window("startTime=0&endTime=604800000").unwrap().holds(604_800_000));
        assert!(window("startTime=0&endTime=604800001").is_err() && window("startTime=2&endTime=1").is_err());
        let limit = |query: &str| limit(&Params::of_query(query).unwrap(), 20, 50).map_err(|e| e.code);
        assert_eq!(
            [limit(""), limit("limit=50"), limit("limit=51"), limit("limit=0")],
            [Ok(20), Ok(50), Err(10001), Err(10001)]
        );
    }
}
