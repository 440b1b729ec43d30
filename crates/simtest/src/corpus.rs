//! Seeds that found something once, each with its story. They are lived in every test run.

/// A seed and what it found.
#[derive(Debug, Clone, Copy)]
pub struct Story {
    /// The seed.
    pub seed: u64,
    /// What was wrong, and what was done about it.
    pub story: &'static str,
}

/// The stories, in the order in which they were lived.
pub const STORIES: &[Story] = &[
    Story {
        seed: 0x45,
        story: "a cancellation that was refused for a wrong time was repeated at once with the same wrong time, and every refusal \
                threw the new measurement away: nothing dated leaves now before the time is measured",
    },
    Story {
        seed: 0xd2,
        story: "executions were listed up to a moment of a clock that had not been measured, so that those of the next seconds \
                came back as an adopted position: listings go by what the venue's own clock said last",
    },
    Story { seed: 0x7c, story: "the first snapshot of a book was lost, and nobody asked for it again" },
    Story {
        seed: 0x6b,
        story: "the request for a book that had lost its thread was lost, and nobody asked again",
    },
    Story {
        seed: 0xf9,
        story: "an execution that had been listed long before the last start was told again as new and booked twice: what is \
                older than the last listing is not new",
    },
    Story {
        seed: 0x2,
        story: "wallets of two venues were compared as a sum of answers of different moments, and money was adopted that nobody \
                had brought",
    },
    Story {
        seed: 0x2e0,
        story: "a snapshot taken before the first listing of a session forgot what the session before had listed, and what was \
                executed while a venue could not be reached came back as an adopted position",
    },
    Story {
        seed: 0x12,
        story: "a stop closed a position while an order that turns it around was on its way: bounded by the position, and \
                written down with invariant 5",
    },
];
