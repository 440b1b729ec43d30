//! What followed from one step.

use crate::risk::Approved;
use model::{DayFigures, Notice, OrderCommand, Record};

/// What followed from one step. Filled only by the engine, emptied by its owner before the next step.
#[derive(Debug, Default)]
pub struct Outbox {
    commands: Vec<OrderCommand>,
    records: Vec<Record>,
    notices: Vec<Notice>,
}

impl Outbox {
    /// An empty outbox with some room.
    #[must_use]
    pub fn new() -> Self {
        Self { commands: Vec::with_capacity(16), records: Vec::with_capacity(64), notices: Vec::new() }
    }

    /// The only way in for a command: what risk approved.
    #[inline]
    pub(crate) fn command(&mut self, approved: Approved) {
        self.commands.push(approved.into_command());
    }

    #[inline]
    pub(crate) fn record(&mut self, record: Record) {
        self.records.push(record);
    }

    /// Records the figures of a day that ended, if any are kept.
    pub(crate) fn records_day(&mut self, closed: Option<DayFigures>) {
        if let Some(figures) = closed {
            self.record(Record::DayClosed(figures));
        }
    }

    pub(crate) fn notice(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    /// Commands for the venue, in the order they are to be sent.
    #[inline]
    #[must_use]
    pub fn commands(&self) -> &[OrderCommand] {
        &self.commands
    }

    /// What happened, in order.
    #[inline]
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// What a person should see.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// Whether nothing followed.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty() && self.records.is_empty() && self.notices.is_empty()
    }

    /// Forgets everything and keeps the room.
    #[inline]
    pub fn clear(&mut self) {
        self.commands.clear();
        self.records.clear();
        self.notices.clear();
    }
}
