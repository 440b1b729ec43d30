//! What a position was opened for and with which fees: kept beside the venue's books, since closed profit is told order by order.

use model::{Instrument, Side};
use units::{Amount, Price, Quantity, Timestamp};

/// One position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ledger {
    pub(crate) side: Side,
    pub(crate) size: Quantity,
    pub(crate) entry_value: Amount,
    /// The fees of what is open.
    open_fee: Amount,
    /// What was earned since it was opened, and ever.
    pub(crate) current: Amount,
    pub(crate) realised: Amount,
    pub(crate) created: Timestamp,
    pub(crate) opened: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) sequence: Option<u64>,
}

/// What an execution closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Closing {
    pub(crate) quantity: Quantity,
    pub(crate) entry_value: Amount,
    pub(crate) exit_value: Amount,
    pub(crate) profit: Amount,
    pub(crate) open_fee: Amount,
    pub(crate) close_fee: Amount,
}

impl Ledger {
    pub(crate) const fn new(at: Timestamp) -> Self {
        Self {
            side: Side::Buy,
            size: Quantity::ZERO,
            entry_value: Amount::ZERO,
            open_fee: Amount::ZERO,
            current: Amount::ZERO,
            realised: Amount::ZERO,
            created: at,
            opened: at,
            updated: at,
            sequence: None,
        }
    }

    /// Books an execution, by the same arithmetic as the venue: a closed share of the entry value is rounded down.
    pub(crate) fn fill(
        &mut self,
        of: &Instrument,
        (side, price, quantity): (Side, Price, Quantity),
        fee: Amount,
        at: Timestamp,
    ) -> Option<Closing> {
        self.updated = at;
        if self.size.is_zero() {
            (self.opened, self.current, self.side) = (at, Amount::ZERO, side);
        }
        if self.side == side {
            self.size += quantity;
            self.entry_value += of.notional(price, quantity);
            self.open_fee += fee;
            self.earn(-fee);
            return None;
        }
        let closing = quantity.min(self.size);
        let entry_value = self.entry_value.share(closing.mantissa(), self.size.mantissa());
        let open_fee = self.open_fee.share(closing.mantissa(), self.size.mantissa());
        let close_fee = fee.share(closing.mantissa(), quantity.mantissa());
        let exit_value = of.notional(price, closing);
        let profit = if self.side == Side::Buy { exit_value - entry_value } else { entry_value - exit_value };
        self.size -= closing;
        self.entry_value -= entry_value;
        self.open_fee -= open_fee;
        self.earn(profit - close_fee);
        let turned = quantity - closing;
        if turned.is_positive() {
            let rest = fee - close_fee;
            (self.side, self.size, self.opened) = (side, turned, at);
            (self.entry_value, self.open_fee, self.current) =
                (of.notional(price, turned), rest, Amount::ZERO);
            self.earn(-rest);
        }
        Some(Closing { quantity: closing, entry_value, exit_value, profit, open_fee, close_fee })
    }

    /// Something was earned, or paid when negative.
    pub(crate) fn earn(&mut self, amount: Amount) {
        self.current += amount;
        self.realised += amount;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::MarketSettings;

    #[test]
    fn closed_profit_is_that_of_the_closed_part_with_its_share_of_the_fees() {
        let btc = Instrument::new(MarketSettings::usual().remove(0).instrument).unwrap();
        let at = Timestamp::EPOCH;
        let amount = |text: &str| Amount::parse(text).unwrap();
        let deal = |side, price: &str, quantity: &str| {
            (side, Price::parse(price, 2).unwrap(), Quantity::parse(quantity, 3).unwrap())
        };
        let mut ledger = Ledger::new(at);
        assert_eq!(ledger.fill(&btc, deal(Side::Buy, "100", "2"), amount("0.2"), at), None);
        let closing = ledger.fill(&btc, deal(Side::Sell, "110", "1"), amount("0.1"), at).unwrap();
        assert_eq!(
            (closing.profit, closing.open_fee, closing.close_fee),
            (amount("10"), amount("0.1"), amount("0.1"))
        );
        let turn = ledger.fill(&btc, deal(Side::Sell, "90", "3"), amount("0.3"), at).unwrap();
        assert_eq!((turn.profit, turn.close_fee), (amount("-10"), amount("0.1")));
        assert_eq!((ledger.side, ledger.size), (Side::Sell, Quantity::new(2_000)));
        assert_eq!(ledger.realised, amount("-0.6"), "nothing but the fees");
        assert_eq!(ledger.current, amount("-0.2"));
    }
}
