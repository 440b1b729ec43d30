//! Flags of the research verbs. freqtrade's spellings are understood where it has the same flag.

use std::path::PathBuf;

use catalog::TimeRange;
use model::{Exchange, Timeframe};
use units::Timestamp;

use super::simulation::SimulationArgs;
use crate::config::Flag;
use crate::failure::Failure;
use crate::symbol;

/// Which strategies, with which parameters.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Strategy")]
pub(crate) struct StrategyArgs {
    /// Strategy to run; may be repeated [default: the strategies of the configuration]
    #[arg(
        long = "strategy",
        short = 's',
        alias = "strategy-list",
        value_name = "NAME",
        value_delimiter = ',',
        num_args = 1..
    )]
    pub(crate) strategies: Vec<String>,
    /// Parameter as name=value, or strategy.name=value for one of several; may be repeated
    #[arg(long = "param", short = 'P', value_name = "NAME=VALUE", num_args = 1..)]
    pub(crate) parameters: Vec<String>,
}

impl StrategyArgs {
    /// The parameters given for one strategy of the run, by its name, by its own name, or by none. `known` are all names and own
    /// names of the run.
    pub(crate) fn parameters_of(
        &self,
        strategy: &str,
        id: &str,
        known: &[String],
    ) -> Result<Vec<(String, String)>, Failure> {
        let mut own = Vec::new();
        for text in &self.parameters {
            let Some((name, value)) = text.split_once('=') else {
                return Err(Failure::usage(format!("--param {text:?}: write name=value, such as fast=9")));
            };
            match name.split_once('.') {
                Some((of, name)) if of == id || of == strategy => {
                    own.push((name.to_owned(), value.to_owned()));
                }
                Some((of, _)) if known.iter().all(|known| known != of) => {
                    return Err(Failure::usage(format!("--param {text:?}: no strategy {of:?} runs here")));
                }
                Some(_) => {}
                None => own.push((name.to_owned(), value.to_owned())),
            }
        }
        Ok(own)
    }
}

/// Which market, from where, from when to when.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Market")]
pub(crate) struct MarketArgs {
    /// Instrument to trade, such as BTCUSDT or BTC/USDT:USDT; may be repeated; all share one account [default: the active
    /// pairs of the configuration]
    #[arg(
        long = "symbol",
        short = 'p',
        visible_alias = "pairs",
        value_name = "SYMBOL",
        value_delimiter = ',',
        num_args = 1..,
        value_parser = symbol::parse
    )]
    pub(crate) symbols: Vec<String>,
    /// Exchange the data is from: bybit, binance or synthetic [default: the only one that has the symbol]
    #[arg(long, value_name = "NAME")]
    pub(crate) exchange: Option<Exchange>,
    /// Candles to decide on: 1m, 5m, 1h, 1d, …; made from shorter ones where need be
    #[arg(long, short = 'i', value_name = "LENGTH")]
    pub(crate) timeframe: Option<Timeframe>,
    /// Shorter candles to fill orders with, so that less is assumed about what happened inside a candle
    #[arg(long, value_name = "LENGTH")]
    pub(crate) timeframe_detail: Option<Timeframe>,
    /// From and to (not included), UTC: 20240101-20240401, 20240101-, -20240401, 2024-01-01..2024-04-01T12:00
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true)]
    pub(crate) timerange: Option<String>,
    /// Candle file to use instead of the catalog (CSV, CSV.gz, JSON, Feather, Parquet); may be repeated
    #[arg(long = "data", value_name = "FILE", num_args = 1..)]
    pub(crate) files: Vec<PathBuf>,
    /// Folder of the catalog [default: data/catalog, or catalog in the system.data_dir of the configuration]
    #[arg(long, alias = "datadir", value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Do not simulate funding, neither by the rates of the catalog nor by the model
    #[arg(long)]
    pub(crate) no_funding: bool,
}

impl MarketArgs {
    /// What the flags say of the configuration.
    pub(crate) fn overrides(&self) -> Vec<Flag> {
        let timeframes = [
            ("--timeframe", "backtest.timeframe", self.timeframe),
            ("--timeframe-detail", "backtest.timeframe_detail", self.timeframe_detail),
        ];
        timeframes
            .into_iter()
            .filter_map(|(name, key, value)| Some(flag(name, key, value?.to_string())))
            .collect()
    }

    /// The stretch of time asked for; `None` where an end is left open.
    pub(crate) fn range(&self) -> Result<Option<TimeRange>, Failure> {
        self.timerange.as_deref().map(parse_range).transpose()
    }
}

/// The account and how it is traded.
///
/// Numbers may begin with a minus, so that the complaint about one says what is allowed.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Account")]
pub(crate) struct AccountArgs {
    /// Money at the start, in quote currency [default: 10000]
    #[arg(
        long,
        visible_alias = "dry-run-wallet",
        alias = "starting-balance",
        value_name = "AMOUNT",
        allow_negative_numbers = true
    )]
    pub(crate) initial_balance: Option<String>,
    /// Fee of every fill: a fraction as in freqtrade (0.00055) or percent (0.055%) [default: taker 0.055 %, maker 0.02 %]
    #[arg(long, value_name = "FEE", allow_negative_numbers = true)]
    pub(crate) fee: Option<String>,
    /// What market orders lose: 2ticks, 5bps or 0.05% [default: 0.05%]
    #[arg(long, value_name = "SLIPPAGE", allow_negative_numbers = true)]
    pub(crate) slippage: Option<String>,
    /// Position size: fixed_quantity=0.01, fixed_notional=500, equity_percent=10, risk_percent=1, volatility_percent=20,
    /// atr_risk_percent=1 or kelly=WINS/LOSSES/PAYOFF/FRACTION [default: equity_percent=10]
    #[arg(long, value_name = "KIND=VALUE")]
    pub(crate) sizing: Option<String>,
    /// freqtrade's spelling of --sizing fixed_notional=AMOUNT
    #[arg(
        long,
        value_name = "AMOUNT",
        hide = true,
        conflicts_with = "sizing",
        allow_negative_numbers = true
    )]
    pub(crate) stake_amount: Option<String>,
    /// Position value over margin [default: 1]
    #[arg(long, value_name = "FACTOR", allow_negative_numbers = true)]
    pub(crate) leverage: Option<String>,
    /// Distance of the stop that guards positions whose strategy gives none, percent; 0 for none: then strategies
    /// give their own, and what one trade may lose is limited all the same [default: 3]
    #[arg(long, value_name = "PERCENT", allow_negative_numbers = true)]
    pub(crate) stop_loss_percent: Option<String>,
    /// Most positions open at once [default: 5]
    #[arg(
        long,
        visible_alias = "max-open-trades",
        value_name = "COUNT",
        conflicts_with = "no_risk_limits",
        allow_negative_numbers = true
    )]
    pub(crate) max_open_positions: Option<String>,
    /// Only sizing, leverage and stops of the risk section: no other limit, no breaker, no protection
    #[arg(long)]
    pub(crate) no_risk_limits: bool,
    /// Candles before the start that warm strategies up [default: as many as they need]
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true)]
    pub(crate) warm_up: Option<String>,
    #[command(flatten)]
    pub(crate) simulation: SimulationArgs,
}

impl AccountArgs {
    /// What the flags say of the configuration.
    pub(crate) fn overrides(&self) -> Result<Vec<Flag>, Failure> {
        let mut flags = self.simulation.overrides();
        let plain = [
            ("--initial-balance", "backtest.initial_balance", &self.initial_balance),
            ("--sizing", "backtest.sizing", &self.sizing),
            ("--leverage", "risk.default_leverage", &self.leverage),
            // Whoever asks for a leverage by name allows it.
            ("--leverage", "risk.max_leverage", &self.leverage),
            ("--max-open-positions", "risk.max_open_positions", &self.max_open_positions),
            ("--warm-up", "backtest.warm_up", &self.warm_up),
        ];
        for (name, key, value) in plain {
            flags.extend(value.as_ref().map(|value| flag(name, key, value.clone())));
        }
        if let Some(stake) = &self.stake_amount {
            flags.push(flag("--stake-amount", "backtest.sizing", format!("fixed_notional={stake}")));
        }
        if let Some(fee) = &self.fee {
            flags.push(flag("--fee", "backtest.fee_rate", fee_percent(fee)?));
        }
        match &self.stop_loss_percent {
            // The configuration knows no stop of zero distance; here zero means that there is none.
            Some(percent) if !self.has_no_stop() => {
                flags.push(flag("--stop-loss-percent", "risk.stop_loss_percent", percent.clone()));
            }
            _ => {}
        }
        if let Some(slippage) = &self.slippage {
            let (percent, ticks) = slippage_parts(slippage)?;
            flags.push(flag("--slippage", "backtest.slippage_percent", percent));
            flags.push(flag("--slippage", "backtest.slippage_ticks", ticks));
        }
        Ok(flags)
    }

    /// Whether no house stop is wanted.
    pub(crate) fn has_no_stop(&self) -> bool {
        let zero = |text: &str| units::Decimal::parse(text).is_ok_and(|d| d.mantissa == 0);
        self.stop_loss_percent.as_deref().is_some_and(zero)
    }
}

pub(super) fn flag(name: &str, key: &str, value: String) -> Flag {
    Flag { name: name.to_owned(), key: key.to_owned(), value }
}

/// A fee as the percent text of the configuration.
fn fee_percent(text: &str) -> Result<String, Failure> {
    if let Some(percent) = text.strip_suffix('%') {
        return Ok(percent.trim().to_owned());
    }
    let fraction =
        units::Decimal::parse(text).map_err(|error| Failure::usage(format!("--fee {text:?}: {error}")))?;
    let percent =
        units::Decimal { mantissa: fraction.mantissa * 100, decimals: fraction.decimals }.normalized();
    // More than a percent a fill is a percentage that was meant as one.
    if percent.at_scale(units::MAX_DECIMALS).is_ok_and(|p| p.abs() > units::pow10(units::MAX_DECIMALS)) {
        return Err(Failure::usage(format!(
            "--fee {text} is {percent} percent of every fill; write {text}% or the fraction, such as 0.00055"
        )));
    }
    Ok(percent.to_string())
}

/// Slippage as percent and ticks of the configuration.
fn slippage_parts(text: &str) -> Result<(String, String), Failure> {
    let wrong = || {
        Failure::usage(format!(
            "--slippage {text:?}: write whole ticks (2ticks), basis points (5bps) or percent (0.05%)"
        ))
    };
    if let Some(ticks) = text.strip_suffix("ticks").or_else(|| text.strip_suffix("tick")) {
        return Ok(("0".to_owned(), ticks.trim().to_owned()));
    }
    if let Some(percent) = text.strip_suffix('%') {
        return Ok((percent.trim().to_owned(), "0".to_owned()));
    }
    match text.strip_suffix("bps").map(|points| units::Decimal::parse(points.trim())) {
        Some(Ok(points)) if points.decimals <= 16 => {
            let percent = units::Decimal { mantissa: points.mantissa, decimals: points.decimals + 2 };
            Ok((percent.normalized().to_string(), "0".to_owned()))
        }
        _ if text == "0" => Ok(("0".to_owned(), "0".to_owned())),
        _ => Err(wrong()),
    }
}

/// Reads `FROM-TO`, with digits, or `FROM..TO`, with any spelling of a moment; either end may be missing.
fn parse_range(text: &str) -> Result<TimeRange, Failure> {
    let wrong = |problem: String| Failure::usage(format!("--timerange {text:?}: {problem}"));
    let parts = match text.split_once("..") {
        Some(parts) => Some(parts),
        None if text.chars().all(|c| c.is_ascii_digit() || c == '-') && text.matches('-').count() == 1 => {
            text.split_once('-')
        }
        None => None,
    };
    let Some((from, to)) = parts else {
        let how = "write 20240101-20240401, 20240101-, -20240401 or 2024-01-01..2024-04-01";
        return Err(wrong(how.to_owned()));
    };
    let moment = |text: &str, open: Timestamp| match text {
        "" => Ok(open),
        _ => Timestamp::parse(text).map_err(|error| wrong(error.to_string())),
    };
    let range = TimeRange { from: moment(from, TimeRange::ALL.from)?, to: moment(to, TimeRange::ALL.to)? };
    if range.from >= range.to {
        return Err(wrong(format!("it ends ({}) before it begins ({})", range.to, range.from)));
    }
    Ok(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_as_freqtrade_users_type_them() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let range = |text: &str| parse_range(text).map(|r| (r.from, r.to)).map_err(|f| f.message);
        assert_eq!(range("20240101-20240401"), Ok((at("20240101"), at("20240401"))));
        assert_eq!(range("20240101-"), Ok((at("20240101"), Timestamp::MAX)));
        assert_eq!(range("-20240401"), Ok((Timestamp::MIN, at("20240401"))));
        assert_eq!(range("1704067200-1711929600"), Ok((at("20240101"), at("20240401"))));
        assert_eq!(range("2024-01-01..2024-01-02T12:00"), Ok((at("20240101"), at("2024-01-02T12:00"))));
        for bad in [
            "",
            "20240101",
            "20240401-20240101",
            "20240101-20240101",
            "2024-01-01-2024-02-01",
            "x-y",
            "20241301-",
        ] {
            assert!(range(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn fees_and_slippage_are_fractions_or_percent() {
        let fee = |text: &str| fee_percent(text).map_err(|f| f.message);
        assert_eq!(fee("0.00055"), Ok("0.055".to_owned()));
        assert_eq!(fee("0.055%"), Ok("0.055".to_owned()));
        assert_eq!(fee("0"), Ok("0".to_owned()));
        assert!(
            fee("0.055").is_err_and(|m| m.contains("5.5 percent")),
            "5.5 percent a fill was taken for meant"
        );
        assert!(fee("cheap").is_err());
        let slip = |text: &str| slippage_parts(text).map_err(|f| f.message);
        assert_eq!(slip("2ticks"), Ok(("0".to_owned(), "2".to_owned())));
        assert_eq!(slip("5bps"), Ok(("0.05".to_owned(), "0".to_owned())));
        assert_eq!(slip("0.05%"), Ok(("0.05".to_owned(), "0".to_owned())));
        assert_eq!(slip("0"), Ok(("0".to_owned(), "0".to_owned())));
        assert!(slip("0.05").is_err() && slip("a lot").is_err());
    }
}
