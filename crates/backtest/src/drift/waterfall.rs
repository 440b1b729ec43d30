//! The difference of two results as a sum of parts.

use std::fmt;
use units::Amount;

/// Why a day can come to another result than its backtest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// The run did not hear all of the market, or heard it late.
    MissingData,
    /// Orders took another time to the exchange.
    Latency,
    /// They were filled at other prices than the market showed when they arrived.
    Slippage,
    /// Less of them was filled.
    PartialFill,
    /// Other fees were charged.
    Fee,
    /// Other funding was exchanged.
    Funding,
    /// Other orders were given.
    Signal,
}

impl Cause {
    /// Every cause, in the order in which they are taken away.
    pub const ALL: [Self; 7] = [
        Self::MissingData,
        Self::Latency,
        Self::Slippage,
        Self::PartialFill,
        Self::Fee,
        Self::Funding,
        Self::Signal,
    ];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MissingData => "missing data",
            Self::Latency => "latency",
            Self::Slippage => "slippage",
            Self::PartialFill => "partial fill",
            Self::Fee => "fee",
            Self::Funding => "funding",
            Self::Signal => "signal",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What each cause did to the equity at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waterfall {
    /// The equity of the backtest.
    pub backtest: Amount,
    /// The equity of the day.
    pub day: Amount,
    /// What each cause changed, in the order of [`Cause::ALL`].
    pub parts: [(Cause, Amount); 7],
    /// What no cause explains.
    pub remainder: Amount,
}

impl Waterfall {
    /// From the equity of the backtest, that after each cause in the order of [`Cause::ALL`], and that of the day.
    ///
    /// # Panics
    /// For another number of equities than one more than there are causes.
    #[must_use]
    pub fn new(equities: &[Amount], day: Amount) -> Self {
        assert_eq!(
            equities.len(),
            Cause::ALL.len() + 1,
            "one equity before every cause and one after the last"
        );
        let part = |n: usize| (Cause::ALL[n], equities[n + 1] - equities[n]);
        Self {
            backtest: equities[0],
            day,
            parts: std::array::from_fn(part),
            remainder: day - equities[Cause::ALL.len()],
        }
    }

    /// The whole difference; positive when the day was better than its backtest.
    #[must_use]
    pub fn total(&self) -> Amount {
        self.day - self.backtest
    }

    /// What one cause changed.
    #[must_use]
    pub fn part(&self, cause: Cause) -> Amount {
        self.parts.iter().find(|(named, _)| *named == cause).map_or(Amount::ZERO, |(_, amount)| *amount)
    }

    /// A part as a fraction of the whole difference; `None` where there is none. A statistic.
    #[must_use]
    pub fn share(&self, part: Amount) -> Option<f64> {
        let total = self.total();
        (total != Amount::ZERO).then(|| part.to_f64() / total.to_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Parts and remainder are the difference, to the last unit.
        #[test]
        fn nothing_is_lost_between_the_parts(
            units in prop::array::uniform8(-1_000_000_000_000_000_000_000_000_i128..1_000_000_000_000_000_000_000_000),
            day in -1_000_000_000_000_000_000_000_000_i128..1_000_000_000_000_000_000_000_000,
        ) {
            let equities = units.map(Amount::from_units);
            let waterfall = Waterfall::new(&equities, Amount::from_units(day));
            let parts: Amount = waterfall.parts.iter().map(|(_, amount)| *amount).sum();
            prop_assert_eq!(parts + waterfall.remainder, waterfall.total());
            for (n, cause) in Cause::ALL.into_iter().enumerate() {
                prop_assert_eq!(waterfall.part(cause), equities[n + 1] - equities[n]);
            }
        }
    }

    #[test]
    fn a_share_of_nothing_is_none() {
        let same = Waterfall::new(&[Amount::ZERO; 8], Amount::ZERO);
        assert_eq!(same.share(Amount::ZERO), None);
        let one = Amount::from_units(1_000_000_000_000_000_000);
        let mut equities = [Amount::ZERO; 8];
        equities[5..].fill(one);
        let fee = Waterfall::new(&equities, one);
        assert_eq!((fee.part(Cause::Fee), fee.share(fee.part(Cause::Fee))), (one, Some(1.0)));
        assert_eq!((fee.remainder, fee.part(Cause::Signal)), (Amount::ZERO, Amount::ZERO));
    }
}
