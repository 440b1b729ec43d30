//! Seeds that found something once, each with its story. They are lived in every test run.

use crate::options::Dialects;

/// A seed and what it found.
#[derive(Debug, Clone, Copy)]
pub struct Story {
    /// The seed.
    pub seed: u64,
    /// What its venues speak.
    pub dialects: Dialects,
    /// What was wrong, and what was done about it.
    pub story: &'static str,
}

/// The stories, in the order in which they were lived.
pub const STORIES: &[Story] = &[
    Story {
        seed: 0x45,
        dialects: Dialects::Internal,
        story: "a cancellation that was refused for a wrong time was repeated at once with the same wrong time, and every refusal \
                threw the new measurement away: nothing dated leaves now before the time is measured",
    },
    Story {
        seed: 0xd2,
        dialects: Dialects::Internal,
        story: "executions were listed up to a moment of a clock that had not been measured, so that those of the next seconds \
                came back as an adopted position: listings go by what the venue's own clock said last",
    },
    Story {
        seed: 0x7c,
        dialects: Dialects::Internal,
        story: "the first snapshot of a book was lost, and nobody asked for it again",
    },
    Story {
        seed: 0x6b,
        dialects: Dialects::Internal,
        story: "the request for a book that had lost its thread was lost, and nobody asked again",
    },
    Story {
        seed: 0xf9,
        dialects: Dialects::Internal,
        story: "an execution that had been listed long before the last start was told again as new and booked twice: what is \
                older than the last listing is not new",
    },
    Story {
        seed: 0x2,
        dialects: Dialects::Internal,
        story: "wallets of two venues were compared as a sum of answers of different moments, and money was adopted that nobody \
                had brought",
    },
    Story {
        seed: 0x2e0,
        dialects: Dialects::Internal,
        story: "a snapshot taken before the first listing of a session forgot what the session before had listed, and what was \
                executed while a venue could not be reached came back as an adopted position",
    },
    Story {
        seed: 0x12,
        dialects: Dialects::Internal,
        story: "a stop closed a position while an order that turns it around was on its way, and what was to close it opened: \
                every order counts as if the position were gone",
    },
    Story {
        seed: 0x7b3,
        dialects: Dialects::Internal,
        story: "a stop closed a position while resting orders counted on it, and together they came to more than the limit: \
                nothing counts on a position that may be gone",
    },
    Story {
        seed: 0xdea,
        dialects: Dialects::Internal,
        story: "a cancellation overtook its order and was refused twice, as an answer and on the stream; the second refusal \
                was taken for the word that there is no such order: refusals of what is not known are asked about now",
    },
    Story {
        seed: 0x53,
        dialects: Dialects::Mixed,
        story: "the disk went on with the next segment behind a write that had failed, and the next start took the hole for \
                damage: nothing is performed behind a failure",
    },
    Story {
        seed: 0x7a,
        dialects: Dialects::Mixed,
        story: "a login that arrived in half could not be read, and the refusal was taken for one of the key, which barred \
                the venue for good",
    },
    Story {
        seed: 0x16cc,
        dialects: Dialects::Internal,
        story: "the disk answered right after the clock had been set back, and the checker compared a deadline by the new time \
                with a moment by the old one",
    },
    Story {
        seed: 0x1986,
        dialects: Dialects::Internal,
        story: "a reduce-only order closed a position while an order that turns it around was on its way: bounded as where a \
                stop does it",
    },
    Story {
        seed: 0x1d9e,
        dialects: Dialects::Internal,
        story: "the change of an order was told and lost with the power before it was durable, and nobody compared the terms of \
                open orders afterwards: reconciliation does",
    },
    Story {
        seed: 0x1c,
        dialects: Dialects::Mixed,
        story: "the snapshot of a book was lost after a reconnection, every change after it counted as old, and nobody asked",
    },
    Story {
        seed: 0x1eca,
        dialects: Dialects::Internal,
        story: "a strategy that is woken by time cancelled an order as the world ended: it rests where no market moves",
    },
    Story {
        seed: 0xc70,
        dialects: Dialects::Mixed,
        story: "while a key was refused, the kill switch decided an order a second for every position, and the journal grew with \
                what never left: it waits ever longer",
    },
    Story {
        seed: 0x616,
        dialects: Dialects::Bybit,
        story: "what had piled up behind a pause filled a segment before the disk could make the next, and the checker took the stop \
                that follows for one without a reason",
    },
    Story {
        seed: 0x9c1,
        dialects: Dialects::Bybit,
        story: "the clock was set back between two runs, the newer one counted as the older, and what is old is thrown away: a \
                run is created after the one that it goes on from",
    },
];
