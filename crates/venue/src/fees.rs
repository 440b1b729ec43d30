//! Fee tiers: who trades more pays less.

use model::Liquidity;
use units::{Amount, Rate, Timestamp};

/// The fees of accounts that traded at least `volume` in the thirty days before today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeeTier {
    /// The least volume (quote currency) of thirty days.
    pub volume: Amount,
    /// Fee of fills that make liquidity; negative for a rebate.
    pub maker: Rate,
    /// Fee of fills that take liquidity.
    pub taker: Rate,
}

/// What fills cost now, and what was traded in the last thirty days.
///
/// The tier of a day follows from the thirty whole days (UTC) before it, as the exchanges do it (Bybit, "Trading Fee
/// Structure": refreshed daily; at 07:00 UTC there, at midnight here). Volume is counted in quote currency over all
/// instruments. Without tiers nothing is counted and the fees never change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FeeSchedule {
    maker: Rate,
    taker: Rate,
    /// By growing volume.
    tiers: Vec<FeeTier>,
    /// The volume of each of the last thirty days and of today, by day modulo their number.
    days: [Amount; DAYS],
    /// The last day that something was traded on, counted from 1970.
    today: i64,
}

/// Thirty days and today.
const DAYS: usize = 31;

impl FeeSchedule {
    /// Fees that never change.
    pub(crate) const fn flat(maker: Rate, taker: Rate) -> Self {
        Self { maker, taker, tiers: Vec::new(), days: [Amount::ZERO; DAYS], today: i64::MIN }
    }

    /// Puts tiers in force; the fees of before remain those of an account below the first.
    pub(crate) fn set_tiers(&mut self, mut tiers: Vec<FeeTier>) {
        tiers.sort_by_key(|tier| tier.volume);
        let base = FeeTier { volume: Amount::from_units(i128::MIN), maker: self.maker, taker: self.taker };
        tiers.insert(0, base);
        self.tiers = tiers;
        self.choose();
    }

    /// The fee of a fill.
    #[inline]
    pub(crate) const fn rate(&self, liquidity: Liquidity) -> Rate {
        match liquidity {
            Liquidity::Taker => self.taker,
            Liquidity::Maker => self.maker,
        }
    }

    /// The fee of taking.
    #[inline]
    pub(crate) const fn taker(&self) -> Rate {
        self.taker
    }

    /// The volume of the thirty days before the day of the last fill.
    pub(crate) fn volume(&self) -> Amount {
        let total: Amount = self.days.iter().copied().sum();
        if self.today == i64::MIN { Amount::ZERO } else { total - self.days[slot(self.today)] }
    }

    /// Moves on to the day of `at`. Whether the fees changed.
    #[inline]
    pub(crate) fn advance(&mut self, at: Timestamp) -> bool {
        if self.tiers.is_empty() { false } else { self.advance_day(at.day()) }
    }

    fn advance_day(&mut self, day: i64) -> bool {
        if day <= self.today {
            return false;
        }
        // What lies further back than all that is remembered is forgotten at once.
        let passed = day.saturating_sub(self.today.max(day.saturating_sub(DAYS as i64)));
        for ahead in 0..passed {
            self.days[slot(day - ahead)] = Amount::ZERO;
        }
        self.today = day;
        let before = (self.maker, self.taker);
        self.choose();
        before != (self.maker, self.taker)
    }

    /// Counts a fill of this value, after [`Self::advance`] to its time.
    #[inline]
    pub(crate) fn count(&mut self, value: impl FnOnce() -> Amount) {
        if !self.tiers.is_empty() && self.today != i64::MIN {
            self.days[slot(self.today)] += value();
        }
    }

    fn choose(&mut self) {
        let volume = self.volume();
        if let Some(tier) = self.tiers.iter().rev().find(|tier| tier.volume <= volume) {
            (self.maker, self.taker) = (tier.maker, tier.taker);
        }
    }
}

fn slot(day: i64) -> usize {
    usize::try_from(day.rem_euclid(DAYS as i64)).unwrap_or(0)
}
