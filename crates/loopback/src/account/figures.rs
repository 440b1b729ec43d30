//! What the exchange works out about an account when it is asked.

use super::{Account, Scene};
use crate::choices::Open;
use model::{Instrument, InstrumentIx, MarginMode, PositionSide, Side};
use units::{Amount, Price, Rate, Rounding};
use venue::MarginRules;
use wire::bybit::server::{Position, Wallet};

impl Account {
    /// A position as it is shown.
    pub(crate) fn position(&self, scene: &Scene<'_>, ix: InstrumentIx, side: PositionSide) -> Position {
        let of = &scene.instruments[ix.index()];
        let holding = self.venue.account().holding(ix, side);
        let glance = scene.glance(ix);
        let is_flat = holding.size.is_zero();
        let value = of.notional(glance.mark, holding.size);
        let tier = of.tier(value);
        let place = of.margin_tiers.iter().position(|t| t.notional_limit == tier.notional_limit).unwrap_or(0);
        let opens = if side == PositionSide::Short { Side::Sell } else { holding.side };
        let leverage = self.venue.leverage(ix, opens);
        let closing = MarginRules::Bybit.closing_rate(holding.side, leverage, self.terms.taker);
        let initial_margin = if is_flat {
            Amount::ZERO
        } else if self.venue.margin_mode(ix) == MarginMode::Isolated {
            self.venue.isolated_margin(ix, side)
        } else {
            MarginRules::position_margin(value, leverage, closing)
        };
        let ledger = self.ledgers.get(&(ix.0, side.index()));
        let guarded = self.guarded(ix, side);
        let current = ledger.map_or(Amount::ZERO, |ledger| ledger.current);
        Position {
            position_side: side,
            side: (!is_flat).then_some(holding.side),
            size: holding.size,
            entry_value: holding.entry_value,
            value: if self.choices.is_flipped(Open::PositionValue) { holding.entry_value } else { value },
            tier: place + 1,
            tier_limit: tier.notional_limit,
            leverage,
            mark: glance.mark,
            liquidation: self.venue.liquidation_price(ix, side).filter(|_| !is_flat),
            break_even: if is_flat { None } else { break_even(of, &holding, current, self.terms.taker) },
            initial_margin,
            maintenance_margin: if is_flat { Amount::ZERO } else { self.venue.maintenance_margin(ix, side) },
            stop_loss: guarded.protection.stop_loss,
            take_profit: guarded.protection.take_profit,
            trailing: guarded.trailing.map(|trailing| trailing.distance),
            unrealised: holding.unrealised(of, glance.mark),
            current_realised: current,
            realised: ledger.map_or(Amount::ZERO, |ledger| ledger.realised),
            is_auto_margin: self.has_auto_margin(ix, side),
            created: ledger.map_or(scene.now, |ledger| ledger.created),
            updated: ledger.map_or(scene.now, |ledger| ledger.updated),
            opened: ledger.map_or(scene.now, |ledger| ledger.opened),
            sequence: ledger.and_then(|ledger| ledger.sequence),
        }
    }

    /// The wallet as it is shown.
    pub(crate) fn wallet(&self, scene: &Scene<'_>) -> Wallet {
        let (mut unrealised, mut position_margin, mut maintenance) =
            (Amount::ZERO, Amount::ZERO, Amount::ZERO);
        let mut realised = Amount::ZERO;
        for i in 0..u32::try_from(scene.instruments.len()).unwrap_or(0) {
            for side in PositionSide::ALL {
                let ledger = self.ledgers.get(&(i, side.index()));
                realised += ledger.map_or(Amount::ZERO, |ledger| ledger.realised);
                if ledger.is_some_and(|ledger| !ledger.size.is_zero()) {
                    let position = self.position(scene, InstrumentIx(i), side);
                    unrealised += position.unrealised;
                    position_margin += position.initial_margin;
                    maintenance += position.maintenance_margin;
                }
            }
        }
        let free =
            if scene.instruments.is_empty() { Amount::ZERO } else { self.venue.available(InstrumentIx(0)) };
        let shared = if self.is_isolated { self.cash } else { self.cash + unrealised };
        let order_margin = (shared - position_margin - free).max(Amount::ZERO);
        Wallet {
            is_isolated: self.is_isolated,
            cash: self.cash,
            unrealised,
            position_margin,
            order_margin,
            maintenance,
            available: free.max(Amount::ZERO),
            realised,
        }
    }
}

/// Where a position comes out even once it is closed: `(entry value ∓ realised) / (size ∓ size · taker)`.
fn break_even(of: &Instrument, holding: &venue::Holding, realised: Amount, taker: Rate) -> Option<Price> {
    let one = i128::from(Rate::ONE.units());
    let fee = i128::from(taker.units());
    let (value, share) = match holding.side {
        Side::Buy => (holding.entry_value - realised, one - fee),
        Side::Sell => (holding.entry_value + realised, one + fee),
    };
    let value = value.mul_div(one, share, Rounding::HalfEven);
    let per_price = i128::from(holding.size.mantissa()).checked_mul(of.amount_per_step())?;
    let price = units::mul_div(value.units(), 1, per_price, Rounding::HalfEven)?;
    i64::try_from(price).ok().map(Price::new).filter(|price| price.is_positive())
}
