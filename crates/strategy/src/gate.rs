//! Why a strategy said nothing: the first condition that stopped it, with the numbers on both sides.

/// A gate that a strategy did not pass at a candle. Which one is an index into the names that the strategy declares
/// ([`crate::Strategy::gates`]), so that gates can be counted without touching text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gate {
    /// Which of the declared gates.
    pub index: u16,
    /// What was found, in the units that the gate's name tells; `None` when the gate compares no numbers or has none yet.
    pub found: Option<f64>,
    /// What it was compared with.
    pub needed: Option<f64>,
}

impl Gate {
    /// A gate without numbers.
    #[must_use]
    pub const fn shut(index: u16) -> Self {
        Self { index, found: None, needed: None }
    }

    /// A comparison that failed, with both of its sides.
    #[must_use]
    pub const fn failed(index: u16, found: f64, needed: f64) -> Self {
        Self { index, found: Some(found), needed: Some(needed) }
    }
}
