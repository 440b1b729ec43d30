//! What the guards are set to. Everything is off by default: each limit is a decision of the person whose money it is.

use super::calendar::Calendar;
use model::Text;
use units::{Rate, Span};

/// The guards of an account: limits on its equity, protections, required stops, the kill switch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Guards {
    /// When a trading day and a trading week begin.
    pub calendar: Calendar,
    /// Limits on the equity, open positions included.
    pub account: AccountLimits,
    /// Bans on entries that follow from closed trades.
    pub protections: Protections,
    /// Whether every open position must have a live stop at the venue. One that has none gets one or is closed. Positions
    /// of instruments that only exempt strategies trade are left alone.
    pub require_stop: bool,
    /// How the kill switch works.
    pub panic: PanicRules,
}

impl Guards {
    /// Whether anything follows from a trade that was closed.
    #[inline]
    pub(crate) const fn follows_trades(&self) -> bool {
        let protections = &self.protections;
        protections.cooldown.is_some()
            || protections.needs_history()
            || self.account.consecutive_losses.is_some()
    }
}

/// Limits on the equity. It is observed on a grid of time ([`AccountLimits::sample`]) and at every fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountLimits {
    /// What a trading day may lose, as a share of the equity at its start.
    pub daily_loss: Option<Rate>,
    /// What a trading week may lose, as a share of the equity at its start.
    pub weekly_loss: Option<Rate>,
    /// How far the equity may fall below the highest that was observed, as a share of it.
    pub drawdown: Option<Rate>,
    /// Entries rest after so many losses in a row.
    pub consecutive_losses: Option<LossStreak>,
    /// Entries in an instrument rest when its market moves too fast.
    pub volatility: Option<VolatilityBreaker>,
    /// At which shares of a limit something happens.
    pub tiers: Tiers,
    /// How often equity and prices are observed: at the first input at or after each multiple of this since 1970. Five
    /// minutes by default; finer is dearer in a backtest.
    pub sample: Span,
    /// Over how many observations the score is smoothed: an exponential average with the weight `2 / (n + 1)`, so one
    /// smooths nothing. Twelve by default, which is an hour of five minutes.
    pub smoothing: u32,
}

impl AccountLimits {
    /// Whether any limit on the equity itself is on.
    pub(crate) const fn limits_equity(&self) -> bool {
        self.daily_loss.is_some() || self.weekly_loss.is_some() || self.drawdown.is_some()
    }
}

impl Default for AccountLimits {
    fn default() -> Self {
        Self {
            daily_loss: None,
            weekly_loss: None,
            drawdown: None,
            consecutive_losses: None,
            volatility: None,
            tiers: Tiers::default(),
            sample: Span::from_seconds(300),
            smoothing: 12,
        }
    }
}

/// At which scores a tier begins; one is the limit itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiers {
    /// From here on new exposure is made smaller.
    pub yellow: Rate,
    /// From here on there is no new exposure.
    pub orange: Rate,
    /// From here on everything is closed and stays so until unlocked.
    pub red: Rate,
    /// A tier is left when the score is below its beginning by this share of it, so that it does not flicker.
    pub hysteresis: Rate,
    /// What new exposure is multiplied with in the yellow tier.
    pub yellow_size: Rate,
}

impl Default for Tiers {
    /// Yellow at half of a limit with half the size, orange at three quarters, red at the limit; a tenth of hysteresis.
    fn default() -> Self {
        Self {
            yellow: Rate::from_units(500_000_000),
            orange: Rate::from_units(750_000_000),
            red: Rate::ONE,
            hysteresis: Rate::from_units(100_000_000),
            yellow_size: Rate::from_units(500_000_000),
        }
    }
}

/// A circuit breaker for losses in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LossStreak {
    /// After so many.
    pub count: u32,
    /// For how long entries rest. The count begins anew after that.
    pub cool_off: Span,
}

/// A circuit breaker for a market that moves too fast. Prices are those of [`AccountLimits::sample`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VolatilityBreaker {
    /// A move from one observation to the next of at least this share.
    pub max_move: Option<Rate>,
    /// A short volatility of more than this many times the long one.
    pub max_ratio: Option<Rate>,
    /// Observations of the short average of squared moves.
    pub fast: u32,
    /// Observations of the long one; nothing is compared before there were so many.
    pub slow: u32,
    /// For how long entries rest.
    pub cool_off: Span,
}

/// Bans on entries that follow from closed trades, as freqtrade has them (its documentation, "Protections", read
/// 2025-06). They refuse entries only; exits and stops always go through.
///
/// At most the last 1 024 closed trades are remembered, so a look-back never counts more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Protections {
    /// No entry into an instrument for this long after a position in it was closed (freqtrade: `CooldownPeriod`).
    pub cooldown: Option<Span>,
    /// Freqtrade: `StoplossGuard`.
    pub stop_loss_guard: Option<StopLossGuard>,
    /// Freqtrade: `LowProfitPairs`.
    pub low_profit: Option<LowProfit>,
    /// Freqtrade: `MaxDrawdown`.
    pub max_drawdown: Option<DrawdownGuard>,
}

impl Protections {
    /// Whether closed trades have to be remembered.
    pub(crate) const fn needs_history(&self) -> bool {
        self.stop_loss_guard.is_some() || self.low_profit.is_some() || self.max_drawdown.is_some()
    }
}

/// Too many stop-outs lock entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopLossGuard {
    /// So many stop-outs (stops and liquidations that ended at a loss) …
    pub count: u32,
    /// … within this time …
    pub look_back: Span,
    /// … lock entries for this long.
    pub lock_for: Span,
    /// Whether only the stop-outs of one instrument count, and only it is locked.
    pub per_instrument: bool,
    /// Whether only the stop-outs of one side count, and only it is locked.
    pub per_side: bool,
}

/// An instrument that loses is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LowProfit {
    /// At least so many closed trades of an instrument …
    pub count: u32,
    /// … within this time …
    pub look_back: Span,
    /// … whose profits after fees and funding, each as a share of its entry value, add up to less than this …
    pub least: Rate,
    /// … lock it for this long.
    pub lock_for: Span,
    /// Whether sides are counted and locked each by itself.
    pub per_side: bool,
}

/// All entries rest when closed trades and open positions have lost too much of what there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrawdownGuard {
    /// At least so many closed trades …
    pub count: u32,
    /// … within this time, …
    pub look_back: Span,
    /// … and the balance after one of them, or the equity now, is more than this share below the highest balance before …
    pub most: Rate,
    /// … lock all entries for this long.
    pub lock_for: Span,
}

/// How the kill switch and the repair of missing stops take their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PanicRules {
    /// What a person has to type to unlock.
    pub confirmation: Text,
    /// How long cancellations are waited for before positions are closed all the same.
    pub cancel_patience: Span,
    /// At most one round of closing orders and questions in this time.
    pub retry: Span,
    /// How long nothing may happen at the venue before flat counts as confirmed.
    pub settle: Span,
    /// How long an order may stay unanswered before the venue is asked about it; how long a stop may stay unconfirmed
    /// before the position is closed; after how long without progress somebody is called.
    pub deadline: Span,
}

impl Default for PanicRules {
    fn default() -> Self {
        Self {
            confirmation: Text::new("UNLOCK"),
            cancel_patience: Span::from_seconds(1),
            retry: Span::from_seconds(1),
            settle: Span::from_seconds(2),
            deadline: Span::from_seconds(10),
        }
    }
}
