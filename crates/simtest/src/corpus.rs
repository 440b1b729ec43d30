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
pub const STORIES: &[Story] = &[];
