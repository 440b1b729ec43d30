//! Planted bugs, for tests of the simulated worlds: each of them has to be found. This module exists only under the feature
//! `planted-bugs`, which nothing but the crate of those worlds turns on; what is shipped holds none of it.

use std::cell::Cell;

macro_rules! bugs {
    ($($(#[$doc:meta])* $name:ident $text:literal;)*) => {
        /// A defect that can be planted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Bug {
            $($(#[$doc])* $name,)*
        }

        impl Bug {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// In words.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

bugs! {
    /// Some inputs are not written.
    SkipWrite "an input in a hundred is not written to the journal";
    /// What was handed to the disk counts as durable.
    TrustUnflushed "what was written counts as durable before it was flushed";
    /// Commands leave at once.
    ReleaseEarly "commands leave before their cause is durable";
    /// What nobody answered for is sent again.
    ResendOnTimeout "an order without an answer is sent again";
    /// A fill of an order that has ended is dropped.
    ForgetLateFill "a fill after the end of its order is dropped";
    /// A book that lost its thread is not begun anew.
    IgnoreGap "a gap in a book is ignored";
    /// What is told twice is booked twice.
    BookDuplicates "an execution that is told twice is booked twice";
    /// A start does not hear what the operator said.
    LoseLatch "a start forgets that trading was halted";
    /// A start does not remember executions.
    ForgetExecutions "a snapshot forgets which executions are known";
    /// What was decided before a halt leaves after it.
    LeakThroughHalt "orders that wait leave after a halt";
    /// An order that is not found counts as absent at once.
    AbsentTooEarly "an order that a venue does not know yet is given up";
    /// Nobody asks about orders whose fate is open.
    ForgetUnknown "orders of unknown fate are never asked about";
    /// After a reconnection nothing is asked.
    SleepThroughReconnect "nothing is asked for after a reconnection";
    /// Time stands still until a clock that was set back has caught up.
    StandStill "a clock that is set back stops all deadlines";
    /// The tail of a run is cut off even where it was durable.
    CutTooMuch "a start drops the last inputs of the run";
}

thread_local! {
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Plants a bug in this thread, and takes the former one out.
pub fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}

/// Whether a bug is planted in this thread.
#[must_use]
pub fn has(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}
