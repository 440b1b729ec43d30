//! From the risk, clusters and protections sections of the configuration to the limits and guards of an engine.

use engine::Guards;
use engine::guard::calendar::Calendar;
use engine::guard::settings::{
    AccountLimits, DrawdownGuard, LossStreak, LowProfit, Protections, StopLossGuard, Tiers, VolatilityBreaker,
};
use engine::risk::{Cap, Cluster, Kelly, Limits, LiquidationDistance, Sizing};
use model::{Instrument, InstrumentIx};
use units::{Rate, Span};

use super::plan::{amount, rate};
use crate::config::{self, Config, Decimal, zones};
use crate::failure::Failure;

/// Puts every limit of the configuration into `limits`, which hold sizing, leverage, stops and fees already.
pub(super) fn limit(limits: &Limits, config: &Config, instruments: &[Instrument]) -> Result<Limits, Failure> {
    let risk = &config.risk;
    Ok(Limits {
        max_order_quantity: decimal(risk.max_order_quantity.as_ref(), "risk.max_order_quantity")?,
        max_order_value: match &risk.max_order_value {
            Some(value) => Some(amount(value, "risk.max_order_value")?),
            None => None,
        },
        price_collar: Some(rate(&risk.price_collar_percent, 2, "risk.price_collar_percent")?),
        max_position_quantity: decimal(risk.max_position_quantity.as_ref(), "risk.max_position_quantity")?,
        max_position_value: Some(Cap::Equity(rate(
            &risk.max_position_size_percent,
            2,
            "risk.max_position_size_percent",
        )?)),
        max_gross: share(risk.max_gross_exposure_percent.as_ref(), "risk.max_gross_exposure_percent")?,
        max_net: share(risk.max_net_exposure_percent.as_ref(), "risk.max_net_exposure_percent")?,
        strategy_budget: share(risk.strategy_budget_percent.as_ref(), "risk.strategy_budget_percent")?,
        max_open_positions: Some(risk.max_open_positions),
        max_trade_risk: Some(rate(&risk.max_risk_per_trade_percent, 2, "risk.max_risk_per_trade_percent")?),
        max_daily_trades: Some(risk.max_daily_trades),
        max_orders_per_second: risk.max_orders_per_second,
        max_orders_per_minute: risk.max_orders_per_minute,
        max_leverage: Some(rate(&risk.max_leverage, 0, "risk.max_leverage")?),
        max_data_age: risk.max_data_age_seconds.map(|s| Span::from_seconds(s.into())),
        max_clock_drift: risk.max_clock_drift_ms.map(|ms| Span::from_millis(ms.into())),
        refuses_duplicates: risk.refuse_duplicate_orders,
        refuses_self_cross: risk.refuse_self_trades,
        min_liquidation_distance: Some(LiquidationDistance::Rate(rate(
            &risk.min_liquidation_distance_percent,
            2,
            "risk.min_liquidation_distance_percent",
        )?)),
        max_correlated: share(
            risk.max_correlated_exposure_percent.as_ref(),
            "risk.max_correlated_exposure_percent",
        )?,
        clusters: clusters(&config.clusters, instruments)?,
        ..limits.clone()
    })
}

fn decimal(value: Option<&Decimal>, key: &str) -> Result<Option<units::Decimal>, Failure> {
    let read = |d: &Decimal| {
        units::Decimal::parse(d.as_str()).map_err(|e| Failure::usage(format!("{key} {d}: {e}")))
    };
    value.map(read).transpose()
}

fn share(value: Option<&Decimal>, key: &str) -> Result<Option<Cap>, Failure> {
    value.map(|percent| rate(percent, 2, key).map(Cap::Equity)).transpose()
}

fn minutes(minutes: u32) -> Span {
    Span::from_seconds(i64::from(minutes) * 60)
}

/// The clusters with the instruments of this run in them; the others are not there to be counted.
fn clusters(entries: &[config::Cluster], instruments: &[Instrument]) -> Result<Vec<Cluster>, Failure> {
    let mut clusters = Vec::new();
    for entry in entries {
        let members: Vec<InstrumentIx> = (0u32..)
            .zip(instruments)
            .filter(|(_, instrument)| entry.symbols.contains(&instrument.symbol))
            .map(|(i, _)| InstrumentIx(i))
            .collect();
        if !members.is_empty() {
            let cap = Cap::Equity(rate(&entry.max_exposure_percent, 2, "clusters.max_exposure_percent")?);
            clusters.push(Cluster { name: entry.name.clone(), members, cap });
        }
    }
    Ok(clusters)
}

/// The guards of the account.
pub(super) fn guards(config: &Config) -> Result<Guards, Failure> {
    let risk = &config.risk;
    let percent = |value: &Decimal, key: &str| rate(value, 2, key);
    let cool_off = minutes(risk.circuit_breaker_minutes);
    let volatility = VolatilityBreaker {
        max_move: match &risk.volatility_max_move_percent {
            Some(share) => Some(percent(share, "risk.volatility_max_move_percent")?),
            None => None,
        },
        max_ratio: match &risk.volatility_max_ratio {
            Some(ratio) => Some(rate(ratio, 0, "risk.volatility_max_ratio")?),
            None => None,
        },
        fast: FAST,
        slow: SLOW,
        cool_off,
    };
    let account = AccountLimits {
        daily_loss: Some(percent(&risk.max_daily_loss_percent, "risk.max_daily_loss_percent")?),
        weekly_loss: match &risk.max_weekly_loss_percent {
            Some(share) => Some(percent(share, "risk.max_weekly_loss_percent")?),
            None => None,
        },
        drawdown: Some(percent(&risk.max_drawdown_percent, "risk.max_drawdown_percent")?),
        consecutive_losses: Some(LossStreak { count: risk.circuit_breaker_consecutive_losses, cool_off }),
        volatility: Some(volatility).filter(|v| v.max_move.is_some() || v.max_ratio.is_some()),
        tiers: Tiers {
            yellow: percent(&risk.caution_percent, "risk.caution_percent")?,
            orange: percent(&risk.stop_entries_percent, "risk.stop_entries_percent")?,
            red: Rate::ONE,
            yellow_size: percent(&risk.caution_size_percent, "risk.caution_size_percent")?,
            ..Tiers::default()
        },
        sample: Span::from_seconds(risk.equity_sample_seconds.into()),
        smoothing: risk.equity_smoothing,
    };
    Ok(Guards {
        calendar: Calendar {
            boundaries: zones::boundaries(&risk.time_zone, risk.day_start_minutes)
                .map_err(|problem| Failure::usage(format!("risk.time_zone: {problem}")))?,
            ..Calendar::default()
        },
        account,
        protections: protections(&config.protections)?,
        require_stop: risk.require_stop,
        ..Guards::default()
    })
}

/// Observations of the short and of the long average of the volatility breaker: an hour and a day of five minutes.
const FAST: u32 = 12;
const SLOW: u32 = 288;

fn protections(settings: &config::Protections) -> Result<Protections, Failure> {
    let p = settings;
    let least = rate(&p.low_profit_least_percent, 2, "protections.low_profit_least_percent")?;
    let most = rate(&p.max_drawdown_percent, 2, "protections.max_drawdown_percent")?;
    Ok(Protections {
        cooldown: p.cooldown_minutes.map(minutes),
        stop_loss_guard: p.stop_loss_guard_trades.map(|count| StopLossGuard {
            count,
            look_back: minutes(p.stop_loss_guard_look_back_minutes),
            lock_for: minutes(p.stop_loss_guard_lock_minutes),
            per_instrument: p.stop_loss_guard_per_pair,
            per_side: p.stop_loss_guard_per_side,
        }),
        low_profit: p.low_profit_trades.map(|count| LowProfit {
            count,
            look_back: minutes(p.low_profit_look_back_minutes),
            least,
            lock_for: minutes(p.low_profit_lock_minutes),
            per_side: false,
        }),
        max_drawdown: p.max_drawdown_trades.map(|count| DrawdownGuard {
            count,
            look_back: minutes(p.max_drawdown_look_back_minutes),
            most,
            lock_for: minutes(p.max_drawdown_lock_minutes),
        }),
    })
}

/// How large a position is made, as the configuration says it.
pub(super) fn sizing(config: &Config) -> Result<Sizing, Failure> {
    const KEY: &str = "backtest.sizing";
    let percent = |value: &Decimal| rate(value, 2, KEY);
    Ok(match &config.backtest.sizing {
        config::Sizing::FixedQuantity(quantity) => Sizing::FixedQuantity(
            units::Decimal::parse(quantity.as_str()).map_err(|e| Failure::usage(format!("{KEY}: {e}")))?,
        ),
        config::Sizing::FixedNotional(value) => Sizing::FixedNotional(amount(value, KEY)?),
        config::Sizing::EquityPercent(share) => Sizing::EquityPercent(percent(share)?),
        config::Sizing::RiskPercent(share) => Sizing::FixedFractional(percent(share)?),
        config::Sizing::VolatilityPercent(share) => Sizing::VolatilityTarget { annual: percent(share)? },
        config::Sizing::AtrRiskPercent(share) => Sizing::AtrRisk {
            risk: percent(share)?,
            multiple: rate(&config.risk.stop_loss_atr_multiplier, 0, "risk.stop_loss_atr_multiplier")?,
        },
        config::Sizing::Kelly { wins, losses, payoff, fraction } => Sizing::Kelly(Kelly::Record {
            wins: *wins,
            losses: *losses,
            payoff: rate(payoff, 0, KEY)?,
            fraction: rate(fraction, 0, KEY)?,
        }),
    })
}
