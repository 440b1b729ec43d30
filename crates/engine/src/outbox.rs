//! What followed from one step.

use crate::ledger::Booking;
use crate::risk::{Approved, ApprovedCancel, ApprovedOrder};
use model::{
    DayFigures, Fill, FillCause, FillRecord, InstrumentIx, Liquidity, Notice, OrderCommand, OrderState,
    PositionSide, Record, Side, Tag,
};
use units::{Amount, Price, Quantity, Timestamp};

/// What followed from one step. Filled only by the engine, emptied by its owner before the next step.
#[derive(Debug, Default)]
pub struct Outbox {
    commands: Vec<OrderCommand>,
    records: Vec<Record>,
    notices: Vec<Notice>,
    is_terse: bool,
}

impl Outbox {
    /// An empty outbox with some room.
    #[must_use]
    pub fn new() -> Self {
        Self {
            commands: Vec::with_capacity(16),
            records: Vec::with_capacity(64),
            notices: Vec::new(),
            is_terse: false,
        }
    }

    /// One that leaves out the records of what every order goes through (target, submission, acknowledgement, completion): for a
    /// backtest, which counts fills and refusals and keeps no journal. What the engine does is the same.
    #[must_use]
    pub fn terse() -> Self {
        Self { is_terse: true, ..Self::new() }
    }

    /// The only way in for a command: what risk approved.
    #[inline]
    pub(crate) fn command(&mut self, approved: Approved) {
        self.commands.push(approved.into_command());
    }

    /// The same for an order: copied from where it was written down to where it stays. By itself, because on its way through a
    /// longer function it would be copied more than once.
    #[inline(never)]
    pub(crate) fn place(&mut self, approved: ApprovedOrder<'_>) {
        self.commands.push(OrderCommand::Place(*approved.into_order()));
    }

    /// The same for a cancellation, which is a few words of what the largest command is.
    #[inline]
    pub(crate) fn cancel(&mut self, approved: ApprovedCancel) {
        self.commands.push(approved.into_command());
    }

    #[inline(always)]
    pub(crate) fn record(&mut self, record: Record) {
        // Where a record is made its kind is known, so nothing of this is left but the question whether the outbox is terse.
        if self.is_terse && is_ordinary(&record) {
            return;
        }
        self.records.push(record);
    }

    /// Records a fill. By itself, and over a blank one, so that it is written where it stays: otherwise it would be put together
    /// on the stack and read back before it has arrived there.
    #[inline(never)]
    pub(crate) fn record_fill(&mut self, fill: &Fill, whose: (u16, Tag), booking: &Booking) {
        self.records.push(BLANK);
        if let Some(Record::Fill(record)) = self.records.last_mut() {
            *record = record_of(fill, whose, booking);
        }
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

/// A fill that is yet to be written.
const BLANK: Record = Record::Fill(FillRecord {
    fill: Fill {
        execution: 0,
        order: None,
        leg: None,
        cause: FillCause::Order,
        instrument: InstrumentIx(0),
        position_side: PositionSide::Net,
        side: Side::Buy,
        price: Price::ZERO,
        quantity: Quantity::ZERO,
        fee: Amount::ZERO,
        liquidity: Liquidity::Taker,
        exchange_time: Timestamp::MIN,
    },
    strategy: 0,
    tag: Tag(0),
    closed: Quantity::ZERO,
    closed_cost: Amount::ZERO,
    opened_cost: Amount::ZERO,
    realised: Amount::ZERO,
    position: Quantity::ZERO,
});

/// A fill and what it did to the ledger.
#[inline(always)]
pub(crate) const fn record_of(fill: &Fill, (strategy, tag): (u16, Tag), booking: &Booking) -> FillRecord {
    FillRecord {
        fill: *fill,
        strategy,
        tag,
        closed: booking.closed,
        closed_cost: booking.closed_cost,
        opened_cost: booking.opened_cost,
        realised: booking.realised,
        position: booking.position,
    }
}

/// Whether every order leads to such a record on its ordinary way.
#[inline(always)]
const fn is_ordinary(record: &Record) -> bool {
    matches!(
        record,
        Record::Target { .. }
            | Record::Submitted { .. }
            | Record::Order {
                state: OrderState::Submitting
                    | OrderState::Open
                    | OrderState::Cancelling
                    | OrderState::Filled,
                ..
            }
    )
}
