//! How closely the simulated market follows the real one: a ladder, by what data there is.

use crate::market::QueueRules;

/// A level of fidelity. Each says what it assumes; none invents what the data does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Fidelity {
    /// Candles, and only their opens: an order meets the market at the open of the next candle, a resting one at every open after
    /// that. *Assumes* that nobody traded in between. The coarsest level and the least arguable one: no path through
    /// the candle is made up. Stops and targets fill late, at the open after the price that should have fired them.
    NextOpen,
    /// Candles, with what happens inside. *Assumes* a path through the four prices, see [`CandlePath`](crate::CandlePath): the
    /// pessimistic one decides every doubt against the trader, the adaptive one goes to the nearer extreme first. Orders are
    /// small against the volume.
    #[default]
    InsideCandle,
    /// As [`Fidelity::InsideCandle`], with candles of a finer timeframe than the strategy decides on. The rules are the same;
    /// what has to be assumed shrinks with the candles. *Assumes* that the finer candles cover the same time without a hole.
    FinerCandles,
    /// Quotes and trades. An order that arrives takes what the touch shows, and what goes beyond fills at the touch worsened by
    /// the slippage; a resting order waits behind what the touch showed at its price (behind everything it may show later,
    /// if it rests behind the touch), and is filled by trades that get past that, by trades through its price, and by the
    /// other side reaching it. *Assumes* that quotes and trades are complete and in order, that a touch which moves away from a
    /// level leaves nobody there, and that others act as if our orders were not there.
    Touch(QueueRules),
    /// A level-2 book and trades. As [`Fidelity::Touch`], with every level known: what arrives takes level by level and no more
    /// than the book holds, and the total at any price moves the orders that queue there. *Assumes* a queue model for
    /// cancellations, and that others act as if our orders were not there; what ours took from a level is
    /// missing there for as long as the level lives. Orders of ours do not trade with each other.
    Level2(QueueRules),
}

impl Fidelity {
    /// The rules of the queue, at the levels that have one.
    #[must_use]
    pub const fn queue(self) -> Option<QueueRules> {
        match self {
            Self::Touch(rules) | Self::Level2(rules) => Some(rules),
            Self::NextOpen | Self::InsideCandle | Self::FinerCandles => None,
        }
    }
}
