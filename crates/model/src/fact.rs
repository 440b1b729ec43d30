//! What the engine is told.

use crate::{
    BookChange, Candle, FundingRate, InstrumentIx, MarkPrice, PlanIx, Quote, Side, Text, Trade, VenueEvent,
};
use std::fmt;
use units::{Digest, DigestWriter, Price, Rate, Timestamp};

/// The number of an input within a run, from one, without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seq(pub u64);

/// A fact with its number and its time. `at` strictly increases with `seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Input {
    /// Which input of the run it is.
    pub seq: Seq,
    /// When it is known: assigned by the session or the backtest, never read from a clock here.
    pub at: Timestamp,
    /// What is known.
    pub fact: Fact,
}

/// Something the engine is told. The narrow waist of the system: adding a variant touches everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// A candle closed.
    Candle(Candle),
    /// The best bid or ask changed.
    Quote(Quote),
    /// Somebody traded.
    Trade(Trade),
    /// A book changed.
    Book(BookChange),
    /// The mark price changed.
    Mark(MarkPrice),
    /// A funding rate was published.
    Funding(FundingRate),
    /// The venue told us something about our account.
    Venue(VenueEvent),
    /// A timer that was asked for went off.
    Timer(TimerId),
    /// An opinion from outside: a model server, a webhook.
    Signal(Signal),
    /// A person decided.
    Operator(OperatorCommand),
}

/// Which timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId(pub u64);

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Hold a long position.
    Long,
    /// Hold no position.
    Flat,
    /// Hold a short position.
    Short,
}

impl Direction {
    /// +1, 0 or −1.
    #[inline]
    #[must_use]
    pub const fn sign(self) -> i64 {
        match self {
            Self::Long => 1,
            Self::Flat => 0,
            Self::Short => -1,
        }
    }

    /// The direction of a signed number.
    #[inline]
    #[must_use]
    pub const fn of(sign: i64) -> Self {
        match sign {
            0 => Self::Flat,
            1.. => Self::Long,
            _ => Self::Short,
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Long => "long",
            Self::Flat => "flat",
            Self::Short => "short",
        })
    }
}

/// Why something was done, as an index into the tags that the strategy declares. Small enough to ride on every fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Tag(pub u16);

/// An opinion about one instrument: a *state* that holds until the next one from the same source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal {
    /// About what.
    pub instrument: InstrumentIx,
    /// Which way.
    pub direction: Direction,
    /// How sure, from zero to one; clamped to that range where it is used.
    pub confidence: Rate,
    /// Where the position would be wrong.
    pub stop_loss: Option<Price>,
    /// Where it would have done its work.
    pub take_profit: Option<Price>,
    /// Why.
    pub tag: Tag,
    /// By which of the exit plans that its strategy declares the position is led; `None` for the plan of the house.
    pub plan: Option<PlanIx>,
}

impl Signal {
    /// A signal at full confidence without stop, target or plan.
    #[must_use]
    pub const fn new(instrument: InstrumentIx, direction: Direction, tag: Tag) -> Self {
        Self {
            instrument,
            direction,
            confidence: Rate::ONE,
            stop_loss: None,
            take_profit: None,
            tag,
            plan: None,
        }
    }
}

/// What a person may tell a running engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorCommand {
    /// Refuse everything that increases exposure, until resumed. Exits and stops go on.
    Pause,
    /// Trade again.
    Resume,
    /// The kill switch: cancel all orders, close all positions reduce-only, confirm it, and stay so until unlocked.
    /// Pressing it again changes nothing.
    Panic,
    /// Release what the kill switch or the account's limits latched. The text must be the one that was set up, so that
    /// nobody unlocks by a slip of the finger.
    Unlock {
        /// What the person typed.
        confirmation: Text,
    },
    /// Refuse entries until a moment; an existing lock by a person on the same is replaced.
    Lock {
        /// Of this instrument; `None` for all.
        instrument: Option<InstrumentIx>,
        /// Of this side; `None` for both.
        side: Option<Side>,
        /// Entries are allowed again from this moment on.
        until: Timestamp,
        /// Why.
        note: Text,
    },
    /// Lift every lock on exactly this, whatever its reason.
    LiftLocks {
        /// Of this instrument; `None` for those that cover all.
        instrument: Option<InstrumentIx>,
        /// Of this side; `None` for those that cover both.
        side: Option<Side>,
    },
    /// Take no more opinions from one strategy; its position is closed. It goes on listening, so that it can be started
    /// again with warm indicators.
    StopStrategy(u16),
    /// Take its opinions again.
    StartStrategy(u16),
    /// Another value for a parameter of a strategy. Nothing happens before [`OperatorCommand::ApplyParameters`].
    SetParameter {
        /// Which strategy.
        strategy: u16,
        /// Which parameter.
        name: Text,
        /// Its value, as in a configuration.
        value: Text,
    },
    /// Build the strategy anew with everything that was set since the last time, or refuse all of it and change nothing.
    ApplyParameters {
        /// Which strategy.
        strategy: u16,
    },
    /// A piece of the text of other rules for a strategy. Nothing happens before [`OperatorCommand::InstallRules`].
    AddRules {
        /// Which strategy.
        strategy: u16,
        /// How many bytes of the text come before it; zero begins anew.
        at: u32,
        /// The piece.
        text: Text,
    },
    /// Make the text that was told the rules of the strategy, or refuse it and change nothing. Positions keep the rules that
    /// opened them.
    InstallRules {
        /// Which strategy.
        strategy: u16,
        /// How long the text is.
        bytes: u32,
        /// Its fingerprint ([`rules_digest`]).
        digest: Digest,
    },
    /// Another weight among the strategies of the same instrument, from 0 to 1000.
    SetWeight {
        /// Which strategy.
        strategy: u16,
        /// Its weight from now on.
        weight: Rate,
    },
    /// The application is about to stop: cancel the orders that may open, and close the positions if it says so. Nothing
    /// latches: what comes after is traded as ever.
    WindDown {
        /// Close the positions, reduce-only and at market.
        close: bool,
    },
}

impl OperatorCommand {
    /// Another value for a parameter, as a person typed it.
    ///
    /// # Errors
    /// In words, when name or value are longer than a fact can carry: half a value is another value.
    pub fn set_parameter(strategy: u16, name: &str, value: &str) -> Result<Self, String> {
        let whole = |what: &str, text: &str| {
            let problem =
                || format!("the {what} {text:?} is longer than the 47 bytes that a command carries");
            Text::whole(text).ok_or_else(problem)
        };
        Ok(Self::SetParameter { strategy, name: whole("name", name)?, value: whole("value", value)? })
    }

    /// The commands that make a text the rules of a strategy, in order: its pieces and the installation. Texts of more than 4 GiB
    /// are cut, and refused by whoever takes them.
    pub fn rules(strategy: u16, text: &str) -> impl Iterator<Item = Self> {
        let count = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        let mut at = 0;
        let pieces = std::iter::from_fn(move || {
            let piece = Text::new(&text[at..]);
            let command = Self::AddRules { strategy, at: count(at), text: piece };
            at += piece.as_str().len();
            (!piece.as_str().is_empty()).then_some(command)
        });
        let (bytes, digest) = (count(text.len()), rules_digest(text));
        pieces.chain([Self::InstallRules { strategy, bytes, digest }])
    }
}

/// The fingerprint of the text of rules.
#[must_use]
pub fn rules_digest(text: &str) -> Digest {
    let mut digest = DigestWriter::new();
    digest.text(text);
    digest.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_goes_in_pieces_that_make_it_whole_again() {
        for text in ["", "a", &"é∞🦀 x".repeat(40)] {
            let mut told = String::new();
            let mut commands: Vec<_> = OperatorCommand::rules(3, text).collect();
            let Some(OperatorCommand::InstallRules { strategy: 3, bytes, digest }) = commands.pop() else {
                panic!()
            };
            for command in commands {
                let OperatorCommand::AddRules { strategy: 3, at, text } = command else { panic!() };
                assert_eq!(at as usize, told.len());
                told.push_str(text.as_str());
            }
            assert_eq!((told.as_str(), bytes as usize), (text, text.len()));
            assert_eq!(digest, rules_digest(text));
        }
    }

    #[test]
    fn a_value_that_does_not_fit_is_refused_and_not_cut() {
        assert!(OperatorCommand::set_parameter(0, "fast", &"9".repeat(47)).is_ok());
        let problem = OperatorCommand::set_parameter(0, "fast", &"9".repeat(48)).unwrap_err();
        assert!(problem.contains("47 bytes"), "{problem}");
        assert!(OperatorCommand::set_parameter(0, &"f".repeat(48), "9").is_err());
    }
}
