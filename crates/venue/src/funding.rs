//! Funding: what longs and shorts pay each other, and what the rate is where history does not tell it.

use crate::venue::{Event, Venue};
use model::{BalanceChange, FundingRate, InstrumentIx, PositionSide, Side, VenueEvent};
use units::{Amount, Price, Rate, Rounding, Span, Timestamp};

/// Where the funding rate of an interval comes from when there is no record of it.
///
/// Rates that were recorded are told by [`Venue::on_funding`] and need no model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FundingModel {
    /// No funding is exchanged. Flatters whoever holds the crowded side.
    #[default]
    None,
    /// The same rate in every interval. Assumes that the market stands where it stood on average.
    Constant(Rate),
    /// The rate that the exchanges work out of the premium of the contract over its index.
    ///
    /// `F = P + clamp(I − P, −c, +c)`, cut off at `−cap` and `+cap`; `P` is the mean of the premiums told by
    /// [`Venue::on_premium`] over the interval, weighted 1, 2, …, n, so that the last counts most; without one, zero, and
    /// the rate is the interest rate. Source: Bybit help centre, "Introduction to Funding Rate" and "Funding Rate" (interest
    /// 0.03 % a day, clamp 0.05 %); Binance FAQ, "Introduction to Binance Futures Funding Rates" (the same formula).
    Premium {
        /// `I`: interest of one interval, such as 0.01 % for eight hours.
        interest: Rate,
        /// `c`: how far the interest may pull the rate away from the premium.
        clamp: Rate,
        /// The largest rate to either side; the exchange sets it by instrument.
        cap: Rate,
    },
}

impl FundingModel {
    /// The formula with the values that both exchanges use for most contracts: 0.01 % for eight hours, a clamp of 0.05 %, and
    /// a cap of 2 %.
    pub const USUAL: Self = Self::Premium {
        interest: Rate::from_units(100_000),
        clamp: Rate::from_units(500_000),
        cap: Rate::from_units(20_000_000),
    };

    /// The rate of an interval with this mean premium; `None` when no funding is exchanged.
    #[must_use]
    pub fn rate(self, premium: Rate) -> Option<Rate> {
        match self {
            Self::None => None,
            Self::Constant(rate) => Some(rate),
            Self::Premium { interest, clamp, cap } => {
                let (premium, clamp, cap) = (premium.units(), clamp.units().abs(), cap.units().abs());
                let pull = interest.units().saturating_sub(premium).clamp(-clamp, clamp);
                Some(Rate::from_units(premium.saturating_add(pull).clamp(-cap, cap)))
            }
        }
    }
}

/// The mean of the premiums of an interval, weighted by their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PremiumIndex {
    /// The sum of every premium times its weight.
    sum: i128,
    count: i128,
}

impl PremiumIndex {
    fn add(&mut self, premium: Rate) {
        self.count += 1;
        self.sum += i128::from(premium.units()) * self.count;
    }

    /// Rounded to the nearest; zero without a premium.
    fn mean(&self) -> Rate {
        let weights = self.count * (self.count + 1) / 2;
        let mean = units::mul_div(self.sum, 1, weights, Rounding::HalfEven).unwrap_or(0);
        Rate::from_units(i64::try_from(mean).unwrap_or(0))
    }
}

impl Venue {
    /// Works out funding by a model wherever its interval ends; see [`Venue::fund_until`].
    #[must_use]
    pub fn with_funding(mut self, model: FundingModel) -> Self {
        self.margin.funding = model;
        self
    }

    /// Exchanges funding for the positions of one instrument on the mark price, or on the last price where there is none.
    ///
    /// `payment = position value at mark · rate`; positive rates are paid by longs to shorts. A position pays for what it
    /// holds at that moment, whatever it held before. Rounded away from the trader. What the free balance cannot pay comes
    /// out of what an isolated position stands on. Source: Bybit, "Funding Fee Calculation" (position value × funding rate).
    pub fn on_funding(
        &mut self,
        at: Timestamp,
        funding: &FundingRate,
        mark: Option<Price>,
        out: &mut Vec<Event>,
    ) {
        let ix = funding.instrument;
        if ix.index() >= self.desks.len() {
            return;
        }
        let Some(price) = mark.or(self.valuation(ix).map(|(price, _)| price)) else { return };
        for position_side in PositionSide::ALL {
            let holding = self.account.holding(ix, position_side);
            if holding.size.is_zero() {
                continue;
            }
            let value = self.instruments[ix.index()].notional(price, holding.size);
            let amount = match holding.side {
                Side::Buy => Amount::ZERO - value.times_rate(funding.rate, Rounding::Ceil),
                Side::Sell => value.times_rate(funding.rate, Rounding::Floor),
            };
            self.account.fund(ix, amount);
            self.charge_margin(ix, position_side, amount);
            let rate = funding.rate;
            let change = BalanceChange::Funding { instrument: ix, position_side, rate, mark: price, amount };
            out.push(Event { at, event: VenueEvent::Balance(change) });
        }
        self.judge(at, ix, out);
    }

    /// Takes a sample of the premium of an instrument: what its price is above its index, as a fraction of the index. The
    /// exchanges take one a minute.
    pub fn on_premium(&mut self, ix: InstrumentIx, premium: Rate) {
        if let Some(pledge) = self.margin.pledges.get_mut(ix.index()) {
            pledge.premium.add(premium);
        }
    }

    /// Exchanges the funding of every interval that has ended by `at`, at the rate of the model. Intervals end at whole
    /// multiples of the instrument's own since 1970, which for the usual ones is midnight UTC and every so many hours after.
    /// The first call says when time begins.
    ///
    /// Not for instruments whose recorded rates are told: they would pay twice.
    pub fn fund_until(&mut self, at: Timestamp, out: &mut Vec<Event>) {
        if self.margin.funding == FundingModel::None {
            return;
        }
        for i in 0..self.desks.len() {
            let interval = self.instruments[i].funding_interval;
            if interval <= Span::ZERO {
                continue;
            }
            let mut due = self.margin.pledges[i].funded_at.unwrap_or(at).floor_to(interval);
            while let Some(next) = due.checked_add(interval).filter(|next| *next <= at) {
                due = next;
                let premium = std::mem::take(&mut self.margin.pledges[i].premium).mean();
                if let Some(rate) = self.margin.funding.rate(premium) {
                    let instrument = self.desks[i].ix;
                    self.on_funding(due, &FundingRate { instrument, funding_time: due, rate }, None, out);
                }
            }
            self.margin.pledges[i].funded_at = Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(text: &str) -> Rate {
        Rate::parse(text).unwrap()
    }

    /// Within the clamp the rate is the interest; beyond, the premium less the clamp; at last the cap.
    #[test]
    fn the_formula_clamps_and_caps() {
        for (premium, expected) in [
            ("0", "0.0001"),
            ("0.0004", "0.0001"),
            ("0.0006", "0.0001"),
            ("0.0007", "0.0002"),
            ("-0.0004", "0.0001"),
            ("-0.0005", "0"),
            ("-0.001", "-0.0005"),
            ("0.5", "0.02"),
            ("-0.5", "-0.02"),
        ] {
            assert_eq!(FundingModel::USUAL.rate(rate(premium)), Some(rate(expected)), "{premium}");
        }
        assert_eq!(FundingModel::None.rate(rate("0.1")), None);
        assert_eq!(FundingModel::Constant(rate("0.0001")).rate(rate("0.1")), Some(rate("0.0001")));
    }

    /// The last premium weighs most: (1 · 0.1 % + 2 · 0.2 % + 3 · 0.6 %) / 6.
    #[test]
    fn the_mean_weighs_by_number() {
        let mut index = PremiumIndex::default();
        assert_eq!(index.mean(), Rate::ZERO);
        for premium in ["0.001", "0.002", "0.006"] {
            index.add(rate(premium));
        }
        assert_eq!(index.mean(), Rate::from_units(3_833_333));
    }
}
