//! Round trips: from flat to flat, as traders count trades.

use model::{Direction, FillCause, FillRecord, InstrumentIx, PlanClosed, Side, Tag};
use units::{Amount, Quantity, Timestamp};

/// Why a trade ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExitReason {
    /// What filled the last exit.
    pub cause: FillCause,
    /// The strategy whose signal it was, for orders.
    pub strategy: u16,
    /// Its tag, for orders.
    pub tag: Tag,
}

/// A position from its opening to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trade {
    /// What was traded.
    pub instrument: InstrumentIx,
    /// Long or short.
    pub direction: Direction,
    /// The strategy that opened it.
    pub strategy: u16,
    /// Why it was opened.
    pub entry_tag: Tag,
    /// When it was opened.
    pub entry_time: Timestamp,
    /// When it ended, or the last known moment of a trade that is still open.
    pub exit_time: Timestamp,
    /// Everything that was entered.
    pub quantity: Quantity,
    /// The exact value of all entries, above zero.
    pub entry_value: Amount,
    /// Profit before fees and funding.
    pub gross: Amount,
    /// Fees of entries and exits.
    pub fees: Amount,
    /// Funding received; negative when paid.
    pub funding: Amount,
    /// Why it ended.
    pub exit: ExitReason,
    /// What its exit plan says of it: what was risked, what came of it as a multiple of that, which level ended it. `None`
    /// for a trade without a plan, and for one that is still open. Boxed: most trades have none, and a run keeps them all.
    pub plan: Option<Box<PlanClosed>>,
}

impl Trade {
    /// The exact value of all exits, above zero; of a trade that is still open, as if what is left were closed at its cost.
    #[must_use]
    pub fn exit_value(&self) -> Amount {
        match self.direction {
            Direction::Short => self.entry_value - self.gross,
            Direction::Long | Direction::Flat => self.entry_value + self.gross,
        }
    }

    /// Profit after fees and funding.
    #[must_use]
    pub fn net(&self) -> Amount {
        self.gross - self.fees + self.funding
    }

    /// Net profit as a fraction of the value entered. A statistic.
    #[must_use]
    pub fn net_ratio(&self) -> f64 {
        if self.entry_value == Amount::ZERO { 0.0 } else { self.net().to_f64() / self.entry_value.to_f64() }
    }
}

/// Builds trades out of fills, one open trade a position.
#[derive(Debug)]
pub(crate) struct TradeBuilder {
    open: Vec<Option<Box<Trade>>>,
    /// Trades that ended give their room to the next: nothing is allocated in steady state.
    #[allow(clippy::vec_box)] // the boxes move between the two lists; unboxing would copy the trades
    spare: Vec<Box<Trade>>,
    instruments: usize,
}

impl TradeBuilder {
    pub(crate) fn new(instruments: usize) -> Self {
        Self { open: (0..instruments * 3).map(|_| None).collect(), spare: Vec::new(), instruments }
    }

    /// Takes a fill up; `ended` is told the trade that it ended.
    #[inline]
    pub(crate) fn on_fill(&mut self, record: &FillRecord, ended: impl FnOnce(Trade)) {
        let fill = &record.fill;
        let slot = &mut self.open[fill.position_side.index() * self.instruments + fill.instrument.index()];
        let opened = fill.quantity - record.closed;
        // The fee belongs to what it was charged for; a fill that turns a position around splits it.
        let closing_fee = fill.fee.share(record.closed.mantissa(), fill.quantity.mantissa());
        if record.closed.is_positive()
            && let Some(trade) = slot
        {
            // Not written into the open trade first: reading it back at once would wait for what was just written.
            let left = Trade {
                gross: trade.gross + record.realised,
                fees: trade.fees + closing_fee,
                exit_time: fill.exchange_time,
                exit: ExitReason { cause: fill.cause, strategy: record.strategy, tag: record.tag },
                plan: None,
                ..**trade
            };
            if record.position.is_zero() || opened.is_positive() {
                ended(left);
                if opened.is_positive() {
                    // Turned around: the next trade takes the room of the one that ended.
                    **trade = entered(record, opened, fill.fee - closing_fee);
                    return;
                }
                self.spare.extend(slot.take());
            } else {
                **trade = left;
            }
        }
        if opened.is_positive() {
            let fee = fill.fee - closing_fee;
            match slot {
                Some(trade) => {
                    trade.quantity += opened;
                    trade.entry_value += record.opened_cost.abs();
                    trade.fees += fee;
                }
                None => {
                    let fresh = entered(record, opened, fee);
                    *slot = Some(match self.spare.pop() {
                        Some(mut room) => {
                            *room = fresh;
                            room
                        }
                        None => Box::new(fresh),
                    });
                }
            }
        }
    }

    /// Counts funding towards the open trade of a position.
    pub(crate) fn on_funding(&mut self, ix: InstrumentIx, side: model::PositionSide, amount: Amount) {
        if let Some(Some(trade)) = self.open.get_mut(side.index() * self.instruments + ix.index()) {
            trade.funding += amount;
        }
    }

    /// The trades that are still open.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Trade> {
        self.open.iter().flatten().map(AsRef::as_ref)
    }
}

/// A trade that a fill opens.
#[inline]
fn entered(record: &FillRecord, opened: Quantity, fee: Amount) -> Trade {
    let fill = &record.fill;
    Trade {
        instrument: fill.instrument,
        direction: if fill.side == Side::Buy { Direction::Long } else { Direction::Short },
        strategy: record.strategy,
        entry_tag: record.tag,
        entry_time: fill.exchange_time,
        exit_time: fill.exchange_time,
        quantity: opened,
        entry_value: record.opened_cost.abs(),
        gross: Amount::ZERO,
        fees: fee,
        funding: Amount::ZERO,
        exit: ExitReason { cause: fill.cause, strategy: record.strategy, tag: record.tag },
        plan: None,
    }
}
