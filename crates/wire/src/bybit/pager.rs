//! Asking for long answers page by page, until they are complete: a state machine that makes the requests and takes the pages.
//!
//! A request that fails changes nothing: the same is asked again, or never. So an empty answer and a failed answer cannot be
//! confused, and a download goes on where it broke off.

use super::calls::order::{Executions, OpenOrders, OrderHistory, Range};
use super::calls::position::{ClosedPnl, Positions};
use super::calls::{Call, Page, account, market};
use std::fmt;
use units::{Span, Timestamp};

/// More pages than this are no answer any more.
const MOST_PAGES: u32 = 10_000;

/// The pages do not end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endless;

impl fmt::Display for Endless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the answer has more than {MOST_PAGES} pages")
    }
}

impl std::error::Error for Endless {}

/// Where one is in pages that are linked by cursors. They end with an empty page, with no cursor, or with the cursor that was
/// asked with: the last page of some lists has one, too.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cursor {
    at: Option<String>,
    pages: u32,
}

impl Cursor {
    /// The cursor of the page to be asked for; nothing for the first.
    #[must_use]
    pub fn at(&self) -> Option<&str> {
        self.at.as_deref()
    }

    /// Takes a page with so many rows. Returns whether there is another one.
    ///
    /// # Errors
    /// When the pages do not end.
    pub fn turn(&mut self, rows: usize, next: Option<String>) -> Result<bool, Endless> {
        self.pages += 1;
        if self.pages > MOST_PAGES {
            return Err(Endless);
        }
        let has_more = rows > 0 && next.is_some() && next != self.at;
        self.at = next;
        Ok(has_more)
    }
}

/// A range of time in pieces of a length that the exchange allows, oldest first. Both ends of a piece are included, to the
/// millisecond, and no two pieces overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pieces {
    at: Timestamp,
    to: Timestamp,
    step: Span,
}

const MILLISECOND: Span = Span::from_millis(1);

impl Pieces {
    /// From `from` to `to`, both included, in pieces of at most `step`, which is above a millisecond.
    #[must_use]
    pub const fn new(from: Timestamp, to: Timestamp, step: Span) -> Self {
        Self { at: from, to, step }
    }

    /// The piece that is due; `None` when there is none left.
    #[must_use]
    pub fn piece(&self) -> Option<Range> {
        if self.at > self.to {
            return None;
        }
        let end = self.at.checked_add(self.within()).unwrap_or(Timestamp::MAX);
        Some(Range { from: self.at, to: end.min(self.to) })
    }

    /// From the first to the last millisecond of a piece.
    const fn within(&self) -> Span {
        Span::from_nanos(self.step.nanos().saturating_sub(MILLISECOND.nanos()))
    }

    /// The piece that was due is done.
    pub fn advance(&mut self) {
        let after = self.piece().map(|piece| piece.to.checked_add(MILLISECOND).unwrap_or(Timestamp::MAX));
        match after {
            Some(after) if after > self.at => self.at = after,
            // At the end of time.
            _ => (self.at, self.to) = (Timestamp::MAX, Timestamp::MIN),
        }
    }

    /// From where on nothing was asked yet.
    #[must_use]
    pub const fn reached(&self) -> Timestamp {
        self.at
    }
}

/// A call that is answered in pages, over a range of time or not.
pub trait Paged: Call<Answer = Page<Self::Row>> + Clone {
    /// What is on a page.
    type Row;
    /// The longest range of one request; `None` for lists that have none.
    const LONGEST: Option<Span>;

    /// The same for a page and a range.
    #[must_use]
    fn at(&self, range: Option<Range>, cursor: Option<&str>) -> Self;
}

macro_rules! paged {
    ($($name:ty => $row:ty;)*) => {$(
        impl Paged for $name {
            type Row = $row;
            const LONGEST: Option<Span> = None;

            fn at(&self, _: Option<Range>, cursor: Option<&str>) -> Self {
                Self { cursor: cursor.map(str::to_owned), ..self.clone() }
            }
        }
    )*};
    ($longest:expr; $($name:ty => $row:ty;)*) => {$(
        impl Paged for $name {
            type Row = $row;
            const LONGEST: Option<Span> = Some($longest);

            fn at(&self, range: Option<Range>, cursor: Option<&str>) -> Self {
                let range = range.map_or(self.range, Into::into);
                Self { range, cursor: cursor.map(str::to_owned), ..self.clone() }
            }
        }
    )*};
}

const WEEK: Span = Span::from_seconds(7 * 86_400);
const MONTH: Span = Span::from_seconds(30 * 86_400);

paged! {
    OpenOrders => super::rows::OrderRow;
    Positions => super::rows::PositionRow;
    market::Instruments => super::rows::InstrumentRow;
    market::RiskLimits => super::rows::RiskRow;
    account::AccountInstruments => super::rows::InstrumentRow;
}
paged! {
    WEEK;
    OrderHistory => super::rows::OrderRow;
    Executions => super::rows::ExecutionRow;
    ClosedPnl => super::rows::ClosedPnlRow;
    account::Transactions => super::rows::TransactionRow;
}
paged! {
    MONTH;
    account::BorrowHistory => account::BorrowRow;
}

/// Asks for everything.
#[derive(Debug, Clone)]
pub struct Pager<C: Paged> {
    call: C,
    pieces: Option<Pieces>,
    cursor: Cursor,
    /// The rows of the piece that is on, newest first.
    rows: Vec<C::Row>,
    is_done: bool,
}

impl<C: Paged> Pager<C> {
    /// Everything of a list without a range, or with the default range of the exchange.
    #[must_use]
    pub const fn list(call: C) -> Self {
        Self { call, pieces: None, cursor: Cursor { at: None, pages: 0 }, rows: Vec::new(), is_done: false }
    }

    /// Everything from `from` to `to`, both included, in pieces that the exchange allows.
    #[must_use]
    pub fn range(call: C, from: Timestamp, to: Timestamp) -> Self {
        let pieces = C::LONGEST.map(|longest| Pieces::new(from, to, longest));
        let is_done = pieces.is_some_and(|pieces| pieces.piece().is_none());
        Self { pieces, is_done, ..Self::list(call) }
    }

    /// What is to be asked; `None` once everything was answered.
    #[must_use]
    pub fn next(&self) -> Option<C> {
        let range = self.pieces.and_then(|pieces| pieces.piece());
        (!self.is_done).then(|| self.call.at(range, self.cursor.at()))
    }

    /// Takes an answer to [`Pager::next`]. Returns what is complete now, oldest first: nothing until the last page of a piece.
    ///
    /// # Errors
    /// When the pages do not end.
    pub fn take(&mut self, page: Page<C::Row>) -> Result<Vec<C::Row>, Endless> {
        let has_more = self.cursor.turn(page.rows.len(), page.next)?;
        self.rows.extend(page.rows);
        if has_more {
            return Ok(Vec::new());
        }
        self.cursor = Cursor::default();
        match &mut self.pieces {
            Some(pieces) => {
                pieces.advance();
                self.is_done = pieces.piece().is_none();
            }
            None => self.is_done = true,
        }
        let mut rows = std::mem::take(&mut self.rows);
        rows.reverse();
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).unwrap()
    }

    fn positions() -> Pager<Positions> {
        Pager::list(Positions { symbol: None, settle_coin: "USDT".to_owned(), cursor: None })
    }

    fn page<T>(rows: Vec<T>, next: Option<&str>) -> Page<T> {
        Page { rows, next: next.map(str::to_owned) }
    }

    /// Trap 10: the last page of positions has a cursor, too.
    #[test]
    fn trap_10_a_cursor_that_never_ends_does_end() {
        let row = || {
            let value = serde_json::json!({"symbol": "BTCUSDT", "positionIdx": 0, "size": "1"});
            super::super::take::Take::take(&crate::json::Node::root(&value)).unwrap()
        };
        let mut pager = positions();
        assert!(pager.take(page(vec![row()], Some("a"))).unwrap().is_empty());
        assert_eq!(pager.next().unwrap().cursor.as_deref(), Some("a"));
        assert_eq!(pager.take(page(vec![], Some("b"))).unwrap().len(), 1, "an empty page ends it");
        assert!(pager.next().is_none());
        let mut pager = positions();
        assert!(pager.take(page(vec![row()], Some("a"))).unwrap().is_empty());
        assert_eq!(pager.take(page(vec![row()], Some("a"))).unwrap().len(), 2, "so does the same cursor");
        let mut cursor = Cursor::default();
        let turns = (0..=MOST_PAGES).map(|n| cursor.turn(1, Some(n.to_string())));
        assert_eq!(turns.last(), Some(Err(Endless)));
    }

    /// 9: nothing and no answer are not the same.
    #[test]
    fn pitfall_09_an_empty_answer_is_an_answer_and_a_failed_one_is_none() {
        let mut pager = positions();
        let asked = pager.next();
        assert_eq!(pager.next(), asked, "without an answer, the same is asked again");
        assert_eq!(pager.take(page(vec![], None)), Ok(vec![]));
        assert!(pager.next().is_none(), "an empty answer is complete");
    }

    #[test]
    fn ranges_are_asked_for_in_weeks() {
        let executions =
            Executions { symbol: None, which: None, range: Range { from: at(0), to: at(0) }, cursor: None };
        let day = 86_400_000;
        let mut pager = Pager::range(executions, at(0), at(15 * day));
        let mut ranges = Vec::new();
        while let Some(call) = pager.next() {
            ranges.push((call.range.from.millis(), call.range.to.millis()));
            assert!(pager.take(page(vec![], None)).unwrap().is_empty());
        }
        assert_eq!(ranges, [(0, 7 * day - 1), (7 * day, 14 * day - 1), (14 * day, 15 * day)]);
    }

    proptest! {
        /// Pieces cover a range without gap and overlap, and each is short enough.
        #[test]
        fn pieces_cover_a_range(from in 0i64..1_000_000, length in 0i64..100_000, step in 2i64..50_000) {
            let mut pieces = Pieces::new(at(from), at(from + length), Span::from_millis(step));
            let mut next = from;
            while let Some(piece) = pieces.piece() {
                prop_assert_eq!(piece.from.millis(), next);
                prop_assert!(piece.to.millis() - piece.from.millis() < step);
                next = piece.to.millis() + 1;
                pieces.advance();
            }
            prop_assert_eq!(next, from + length + 1);
        }
    }
}
