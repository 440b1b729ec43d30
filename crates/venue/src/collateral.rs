//! Balances in several currencies: what they are worth as margin, and money that comes in or goes out.

use crate::venue::{Event, Venue};
use model::{BalanceChange, MarginMode, RejectReason, VenueEvent};
use units::{Amount, Rate, Rounding, Timestamp};

/// A currency of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Currency {
    /// Its code, such as `USDT`.
    pub code: String,
    /// What one unit is worth in the account's first currency.
    pub price: Amount,
    /// How much of that worth counts as margin: one less the haircut.
    ///
    /// Source: Bybit help centre, "Understanding Collateral Value Ratios in Unified Trading Account": balance × price ×
    /// ratio; a negative balance counts whole. One ratio is used for the whole balance, not one per tier of quantity.
    pub ratio: Rate,
}

impl Currency {
    /// A currency that instruments settle in, worth as much as the first until another price is told.
    pub(crate) fn settlement(code: &str) -> Self {
        Self { code: code.to_owned(), price: Amount::ONE, ratio: Rate::ONE }
    }

    /// What an amount is worth in the account's first currency, rounded down.
    #[inline]
    #[must_use]
    pub fn worth(&self, amount: Amount) -> Amount {
        if self.price == Amount::ONE {
            amount
        } else {
            amount.mul_div(self.price.units(), Amount::ONE.units(), Rounding::Floor)
        }
    }

    /// What an amount counts as margin, rounded down: its worth times the ratio when it is above zero.
    #[must_use]
    pub fn as_margin(&self, amount: Amount) -> Amount {
        let worth = self.worth(amount);
        if worth.is_negative() || self.ratio == Rate::ONE {
            worth
        } else {
            worth.times_rate(self.ratio, Rounding::Floor)
        }
    }

    /// How much of this currency is worth `amount` of the first, rounded down.
    pub(crate) fn bought_with(&self, amount: Amount) -> Amount {
        if self.price == Amount::ONE {
            amount
        } else {
            amount.mul_div(Amount::ONE.units(), self.price.units(), Rounding::Floor)
        }
    }

    /// How much of this currency has to be sold for `amount` of the first, rounded up.
    fn sold_for(&self, amount: Amount) -> Amount {
        amount.mul_div(Amount::ONE.units(), self.price.units(), Rounding::Ceil)
    }
}

impl Venue {
    /// Adds a currency, or sets what one is worth and how much of it counts as margin. The first currency, the quote of the
    /// first instrument, is always worth one and counts whole.
    #[must_use]
    pub fn with_currency(mut self, currency: Currency) -> Self {
        match self.margin.currencies.iter().position(|c| c.code == currency.code) {
            Some(0) => {}
            Some(known) => self.margin.currencies[known] = currency,
            None => {
                self.margin.currencies.push(currency);
                self.margin.kept.push(Amount::ZERO);
                self.account.add_currency();
            }
        }
        self
    }

    /// The currencies of the account, in the order of [`crate::Account::books`].
    #[must_use]
    pub fn currencies(&self) -> &[Currency] {
        &self.margin.currencies
    }

    /// Tells what one unit of a currency is worth in the first from now on. A price that is not above zero is ignored.
    pub fn set_currency_price(&mut self, code: &str, price: Amount) {
        let known = self.margin.currencies.iter_mut().skip(1).find(|c| c.code == code);
        if let Some(currency) = known
            && price.is_positive()
        {
            currency.price = price;
        }
    }

    /// Brings money in.
    ///
    /// # Errors
    /// [`RejectReason::UnknownInstrument`] for a currency that the account does not have, [`RejectReason::ZeroQuantity`] when
    /// the amount is not above zero.
    pub fn deposit(
        &mut self,
        at: Timestamp,
        code: &str,
        amount: Amount,
        out: &mut Vec<Event>,
    ) -> Result<(), RejectReason> {
        let currency = self.currency(code, amount)?;
        self.move_balance(at, currency, amount, out);
        Ok(())
    }

    /// Takes money out: at most what neither positions nor orders nor their losses need.
    ///
    /// # Errors
    /// As [`Self::deposit`]; [`RejectReason::InsufficientMargin`] when more is asked for than is free.
    pub fn withdraw(
        &mut self,
        at: Timestamp,
        code: &str,
        amount: Amount,
        out: &mut Vec<Event>,
    ) -> Result<(), RejectReason> {
        let currency = self.currency(code, amount)?;
        if amount > self.withdrawable(currency) {
            return Err(RejectReason::InsufficientMargin);
        }
        self.move_balance(at, currency, -amount, out);
        Ok(())
    }

    fn currency(&self, code: &str, amount: Amount) -> Result<usize, RejectReason> {
        if !amount.is_positive() {
            return Err(RejectReason::ZeroQuantity);
        }
        let known = self.margin.currencies.iter().position(|c| c.code == code);
        known.ok_or(RejectReason::UnknownInstrument)
    }

    /// The cash of a currency that nothing needs.
    fn withdrawable(&self, currency: usize) -> Amount {
        let cash = self.account.books()[currency].wallet - self.margin.kept[currency];
        let free = cash - self.set_aside_for_orders(currency);
        if self.margin.crossed == 0 {
            return free;
        }
        // The profit of an open position cannot be taken out; its loss cannot be left behind.
        let cross = self.cross_margin();
        let kind = &self.margin.currencies[currency];
        let spare = (cross.balance - cross.initial).max(Amount::ZERO);
        // What leaves takes only its share at the ratio with it.
        let ratio = i128::from(kind.ratio.units()).max(1);
        let spare = spare.mul_div(Rate::ONE.units().into(), ratio, Rounding::Floor);
        free.min(kind.bought_with(spare))
    }

    fn move_balance(&mut self, at: Timestamp, currency: usize, amount: Amount, out: &mut Vec<Event>) {
        self.account.deposit_in(currency, amount);
        // The account is told of in its first currency only.
        if currency == 0 {
            out.push(Event { at, event: VenueEvent::Balance(BalanceChange::Deposit { amount }) });
        }
        self.refresh_shared();
    }

    /// Everything that counts as margin of shared positions besides their profit: cash that is not set aside for isolated
    /// positions, and other currencies at their ratio.
    pub(crate) fn collateral(&self) -> Amount {
        let parts = self.margin.currencies.iter().zip(self.account.books()).zip(&self.margin.kept);
        parts.map(|((currency, book), kept)| currency.as_margin(book.wallet - *kept)).sum()
    }

    /// Pays what a currency lacks below `floor` out of other currencies, and what is still missing then out of the insurance
    /// fund, and says so.
    pub(crate) fn cover(&mut self, at: Timestamp, currency: usize, floor: Amount, out: &mut Vec<Event>) {
        for other in 0..self.margin.currencies.len() {
            let lacking = floor - self.account.books()[currency].wallet;
            if !lacking.is_positive() {
                return;
            }
            let spare = self.account.books()[other].wallet - self.margin.kept[other];
            if other != currency && spare.is_positive() {
                self.repay(at, (other, spare), (currency, lacking), out);
            }
        }
        let lacking = floor - self.account.books()[currency].wallet;
        if lacking.is_positive() {
            self.account.insure(currency, lacking);
            if currency == 0 {
                let change = BalanceChange::Insurance { amount: lacking };
                out.push(Event { at, event: VenueEvent::Balance(change) });
            }
        }
    }

    /// Sells as much of one currency as it takes to pay what another lacks, at most `spare`.
    fn repay(
        &mut self,
        at: Timestamp,
        (from, spare): (usize, Amount),
        (to, lacking): (usize, Amount),
        out: &mut Vec<Event>,
    ) {
        let (sold, bought) = (&self.margin.currencies[from], &self.margin.currencies[to]);
        // Rounded up, so that what is bought suffices.
        let worth = lacking.mul_div(bought.price.units(), Amount::ONE.units(), Rounding::Ceil);
        let needed = sold.sold_for(worth);
        let (paid, received) = if needed <= spare {
            (needed, lacking)
        } else {
            (spare, bought.bought_with(sold.worth(spare)).min(lacking))
        };
        self.account.convert((from, paid), (to, received));
        for (currency, amount) in [(from, -paid), (to, received)] {
            if currency == 0 {
                let change = BalanceChange::Conversion { amount };
                out.push(Event { at, event: VenueEvent::Balance(change) });
            }
        }
    }

    /// Shared positions stand on the balance: when it moves, so do their liquidation prices.
    pub(crate) fn refresh_shared(&mut self) {
        if self.margin.crossed > 0
            && let Some(desk) =
                self.desks.iter().find(|desk| self.margin.pledges[desk.ix.index()].mode == MarginMode::Cross)
        {
            self.refresh_calm(desk.ix);
        }
    }
}
