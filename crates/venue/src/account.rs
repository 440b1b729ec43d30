//! The venue's own books, in double entry: what the trader gains, somebody loses, and everything sums to zero.

use model::{Fill, Instrument, InstrumentIx, PositionSide, Side};
use units::{Amount, Quantity, Rounding};

/// A position as the venue keeps it: a size without sign, which way it points, and what was paid to enter it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// How much is held; never negative.
    pub size: Quantity,
    /// `Buy` when long.
    pub side: Side,
    /// The value at which the size was entered; never negative.
    pub entry_value: Amount,
}

impl Holding {
    const NONE: Self = Self { size: Quantity::ZERO, side: Side::Buy, entry_value: Amount::ZERO };

    /// The size with the sign of its direction.
    #[inline]
    #[must_use]
    pub fn signed(&self) -> Quantity {
        self.side.signed(self.size)
    }
}

/// One trader's account. Five accounts of a double entry: what the trader holds against what it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    wallet: Amount,
    /// Against the wallet: the bank that deposits came from.
    bank: Amount,
    /// Against the wallet: the traders on the other side of realised profit.
    counterparties: Amount,
    /// Against the wallet: what the exchange earned in fees.
    fee_income: Amount,
    /// Against the wallet: the other side of funding.
    funding_pool: Amount,
    /// Net, long and short of each instrument.
    holdings: Vec<[Holding; 3]>,
    /// The entry values of all holdings, summed: of those that are long and of those that are short.
    entered: [Amount; 2],
    /// A long or short position of hedge mode was entered at some time.
    is_hedged: bool,
}

impl Account {
    /// An account that starts with `deposit`.
    #[must_use]
    pub fn new(instruments: usize, deposit: Amount) -> Self {
        let mut account = Self {
            wallet: Amount::ZERO,
            bank: Amount::ZERO,
            counterparties: Amount::ZERO,
            fee_income: Amount::ZERO,
            funding_pool: Amount::ZERO,
            holdings: vec![[Holding::NONE; 3]; instruments],
            entered: [Amount::ZERO; 2],
            is_hedged: false,
        };
        account.deposit(deposit);
        account
    }

    /// The cash.
    #[must_use]
    pub const fn wallet(&self) -> Amount {
        self.wallet
    }

    /// Fees paid so far; negative when rebates prevail.
    #[must_use]
    pub const fn fees_paid(&self) -> Amount {
        self.fee_income
    }

    /// Funding received so far; negative when paid.
    #[must_use]
    pub fn funding_received(&self) -> Amount {
        -self.funding_pool
    }

    /// A position.
    #[inline]
    #[must_use]
    pub fn holding(&self, ix: InstrumentIx, side: PositionSide) -> Holding {
        self.holdings[ix.index()][side.index()]
    }

    /// Every position of an instrument: net, long, short.
    #[must_use]
    pub fn holdings(&self, ix: InstrumentIx) -> &[Holding; 3] {
        &self.holdings[ix.index()]
    }

    /// The entry values of all positions, summed.
    #[inline]
    pub(crate) fn entered(&self) -> Amount {
        self.entered[0] + self.entered[1]
    }

    /// The same, with those of short positions counted as negative.
    #[inline]
    pub(crate) fn entered_net(&self) -> Amount {
        self.entered[0] - self.entered[1]
    }

    /// By instrument, all positions: net, long, short.
    #[inline]
    pub(crate) fn all(&self) -> &[[Holding; 3]] {
        &self.holdings
    }

    /// Whether a long or short position of hedge mode was entered at some time; without one, all positions are net.
    #[inline]
    pub(crate) const fn is_hedged(&self) -> bool {
        self.is_hedged
    }

    /// Brings money in, or takes it out when negative.
    pub fn deposit(&mut self, amount: Amount) {
        self.wallet += amount;
        self.bank -= amount;
        self.audit();
    }

    /// Pays funding to the trader, or takes it when negative.
    pub fn fund(&mut self, amount: Amount) {
        self.wallet += amount;
        self.funding_pool -= amount;
        self.audit();
    }

    /// Executes a fill: moves the position, the profit of what it closes, and the fee.
    #[inline]
    pub fn execute(&mut self, instrument: &Instrument, fill: &Fill) {
        self.is_hedged |= fill.position_side != PositionSide::Net;
        let holding = &mut self.holdings[fill.instrument.index()][fill.position_side.index()];
        self.entered[holding.side as usize] -= holding.entry_value;
        let profit = if holding.size.is_zero() || holding.side == fill.side {
            holding.side = fill.side;
            holding.size += fill.quantity;
            holding.entry_value += instrument.notional(fill.price, fill.quantity);
            Amount::ZERO
        } else {
            reduce(holding, instrument, fill)
        };
        self.entered[holding.side as usize] += holding.entry_value;
        self.wallet += profit - fill.fee;
        self.counterparties -= profit;
        self.fee_income += fill.fee;
        self.audit();
    }

    /// Double entry: whatever happened, the five accounts sum to zero.
    #[inline]
    fn audit(&self) {
        let sum = self.wallet + self.bank + self.counterparties + self.fee_income + self.funding_pool;
        assert!(sum == Amount::ZERO, "the venue's books are off by {sum}");
        debug_assert_eq!(
            self.entered(),
            self.holdings.iter().flatten().map(|h| h.entry_value).sum(),
            "the sum of entry values is kept up to date"
        );
    }
}

/// Closes what the fill covers, turns the position around with the rest, and returns the profit of the closed part.
///
/// The closed part of the entry value is rounded down; the remainder stays with what is still open.
fn reduce(holding: &mut Holding, instrument: &Instrument, fill: &Fill) -> Amount {
    let closing = if fill.quantity < holding.size { fill.quantity } else { holding.size };
    let entry = if closing == holding.size {
        holding.entry_value
    } else {
        holding.entry_value.mul_div(closing.mantissa().into(), holding.size.mantissa().into(), Rounding::Down)
    };
    let exit = instrument.notional(fill.price, closing);
    let profit = match holding.side {
        Side::Buy => exit - entry,
        Side::Sell => entry - exit,
    };
    holding.size -= closing;
    holding.entry_value -= entry;
    let turned = fill.quantity - closing;
    if turned.is_positive() {
        *holding =
            Holding { size: turned, side: fill.side, entry_value: instrument.notional(fill.price, turned) };
    }
    profit
}
