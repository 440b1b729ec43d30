//! The rules of instruments: what is listed becomes what can be traded by.

use super::calls::market::{Instruments, RiskLimits};
use super::calls::{Failure, read, request};
use super::pager::Pager;
use super::rows::{InstrumentRow, RiskRow};
use super::words::InstrumentStatus;
use crate::{Request, Response};
use model::{Exchange, InstrumentError, InstrumentKind, InstrumentSpec, MarginTier};
use std::collections::BTreeMap;
use units::{Amount, Decimal, Price, Quantity, RATE_DECIMALS, Rate, Span, Timestamp};

/// Bounds that are not part of the rules of an order, and whether it can be traded at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The rules.
    pub spec: InstrumentSpec,
    /// Whether it is traded.
    pub status: InstrumentStatus,
    /// It is traded before its listing, under rules of its own.
    pub is_pre_listing: bool,
    /// The lowest price of an order.
    pub min_price: Option<Decimal>,
    /// The highest price of an order.
    pub max_price: Option<Decimal>,
    /// The lowest leverage.
    pub min_leverage: Rate,
    /// The highest leverage, of the lowest tier.
    pub max_leverage: Rate,
    /// In which steps it is set.
    pub leverage_step: Option<Rate>,
    /// The highest funding rate.
    pub upper_funding: Option<Rate>,
    /// The lowest funding rate.
    pub lower_funding: Option<Rate>,
    /// How far a limit price may be from the mark price: the inner and the outer bound.
    pub price_limits: (Option<Rate>, Option<Rate>),
    /// When it was listed.
    pub launched: Option<Timestamp>,
    /// When it is delivered: only while it is being delisted.
    pub delivery: Option<Timestamp>,
}

impl Listing {
    /// From what is listed about an instrument and its risk tiers.
    ///
    /// # Errors
    /// When a number does not fit, when there are no tiers, or when the tiers cannot be: nothing is assumed.
    pub fn new(row: &InstrumentRow, tiers: &[RiskRow]) -> Result<Self, InstrumentError> {
        let fail = |field, problem: String| InstrumentError { symbol: row.symbol.clone(), field, problem };
        if row.contract_type != "LinearPerpetual" {
            return Err(fail("contractType", format!("{:?}; LinearPerpetual is allowed", row.contract_type)));
        }
        let rate = |field, value: Decimal| {
            to_rate(value).ok_or_else(|| fail(field, format!("{value}; at most nine places are allowed")))
        };
        let maybe = |field, value: Option<Decimal>| value.map(|value| rate(field, value)).transpose();
        let risk = row.risk.as_ref();
        Ok(Self {
            spec: spec(row, tiers)?,
            status: row.status,
            is_pre_listing: row.is_pre_listing.unwrap_or(row.status == InstrumentStatus::PreLaunch),
            min_price: row.price.min,
            max_price: row.price.max,
            min_leverage: rate("minLeverage", row.leverage.min)?,
            max_leverage: rate("maxLeverage", row.leverage.max)?,
            leverage_step: maybe("leverageStep", row.leverage.step)?,
            upper_funding: maybe("upperFundingRate", row.upper_funding)?,
            lower_funding: maybe("lowerFundingRate", row.lower_funding)?,
            price_limits: (
                maybe("priceLimitRatioX", risk.and_then(|risk| risk.x))?,
                maybe("priceLimitRatioY", risk.and_then(|risk| risk.y))?,
            ),
            launched: row.launched,
            delivery: row.delivery.filter(|at| *at > Timestamp::EPOCH),
        })
    }

    /// Why nothing new can be opened; `None` where it can.
    #[must_use]
    pub const fn obstacle(&self) -> Option<&'static str> {
        match self.status {
            InstrumentStatus::Trading => None,
            InstrumentStatus::PreLaunch => Some("it is not launched yet"),
            InstrumentStatus::Delivering => Some("it is being delisted: positions can only be reduced"),
            InstrumentStatus::Closed => Some("it is delisted"),
            InstrumentStatus::Unknown => Some("its state is not known to this program"),
        }
    }
}

fn to_rate(value: Decimal) -> Option<Rate> {
    let units = value.at_scale(RATE_DECIMALS).ok()?;
    i64::try_from(units).ok().map(Rate::from_units)
}

fn to_amount(value: Decimal) -> Option<Amount> {
    value.at_scale(units::AMOUNT_DECIMALS).ok().map(Amount::from_units)
}

fn spec(row: &InstrumentRow, tiers: &[RiskRow]) -> Result<InstrumentSpec, InstrumentError> {
    let fail = |field, problem: String| InstrumentError { symbol: row.symbol.clone(), field, problem };
    let price_decimals = row.price.tick.normalized().decimals;
    let quantity_decimals = row.lot.step.normalized().decimals;
    let at = |field, value: Decimal, decimals| {
        let mantissa = value.at_scale(decimals).ok().and_then(|m| i64::try_from(m).ok());
        mantissa.ok_or_else(|| fail(field, format!("{value} does not fit {decimals} decimal places")))
    };
    let quantity = |field, value| at(field, value, quantity_decimals).map(Quantity::new);
    let min_notional = row.lot.min_notional.unwrap_or(Decimal { mantissa: 0, decimals: 0 });
    let minutes = row.funding_minutes.unwrap_or(0);
    if !(0..=100_000).contains(&minutes) {
        return Err(fail("fundingInterval", format!("{minutes} minutes")));
    }
    let spec = InstrumentSpec {
        symbol: row.symbol.clone(),
        exchange: Exchange::Bybit,
        kind: InstrumentKind::LinearPerpetual,
        base: row.base.clone(),
        quote: row.quote.clone(),
        price_decimals,
        quantity_decimals,
        contract_size: Decimal { mantissa: 1, decimals: 0 },
        tick_size: Price::new(at("tickSize", row.price.tick, price_decimals)?),
        quantity_step: quantity("qtyStep", row.lot.step)?,
        min_quantity: quantity("minOrderQty", row.lot.min)?,
        max_limit_quantity: quantity("maxOrderQty", row.lot.max_limit)?,
        max_market_quantity: quantity("maxMktOrderQty", row.lot.max_market)?,
        min_notional: to_amount(min_notional)
            .ok_or_else(|| fail("minNotionalValue", min_notional.to_string()))?,
        margin_tiers: margin_tiers(&row.symbol, tiers)?,
        // Minutes here; hours in tickers.
        funding_interval: Span::from_seconds(minutes * 60),
        version: 1,
    };
    // The rules have to make an instrument: otherwise they are told from which field they do not.
    model::Instrument::new(spec).map(|instrument| instrument.spec().clone())
}

/// The tiers of one symbol, smallest first.
fn margin_tiers(symbol: &str, rows: &[RiskRow]) -> Result<Vec<MarginTier>, InstrumentError> {
    let fail = |field, problem: String| InstrumentError { symbol: symbol.to_owned(), field, problem };
    let mut tiers = Vec::new();
    for row in rows.iter().filter(|row| row.symbol == symbol) {
        let tier = MarginTier {
            notional_limit: to_amount(row.limit)
                .ok_or_else(|| fail("riskLimitValue", row.limit.to_string()))?,
            maintenance_rate: to_rate(row.maintenance)
                .ok_or_else(|| fail("maintenanceMargin", row.maintenance.to_string()))?,
            max_leverage: to_rate(row.max_leverage)
                .ok_or_else(|| fail("maxLeverage", row.max_leverage.to_string()))?,
            deduction: row.deduction.map_or(Some(Amount::ZERO), to_amount).unwrap_or(Amount::ZERO),
        };
        // A rate in percent would make every position a liquidation: examples of the documentation show such ones.
        let product = i128::from(tier.maintenance_rate.units()) * i128::from(tier.max_leverage.units());
        if product >= i128::from(Rate::ONE.units()) * i128::from(Rate::ONE.units()) {
            let found = format!("{} at leverage {}", tier.maintenance_rate, tier.max_leverage);
            return Err(fail(
                "maintenanceMargin",
                format!("{found}; a fraction below 1/leverage is allowed"),
            ));
        }
        tiers.push(tier);
    }
    tiers.sort_by_key(|tier| tier.notional_limit);
    if tiers.is_empty() {
        return Err(fail("maintenanceMargin", "no risk tiers are listed for it".to_owned()));
    }
    Ok(tiers)
}

/// Asks for the rules of some instruments: first the list, then the risk tiers of each that is on it.
#[derive(Debug, Clone)]
pub struct ListingPager {
    wanted: Vec<String>,
    instruments: Pager<Instruments>,
    rows: BTreeMap<String, InstrumentRow>,
    tiers: Vec<(Pager<RiskLimits>, Vec<RiskRow>)>,
}

impl ListingPager {
    /// For these symbols. A few are asked for one by one, many with the whole list.
    #[must_use]
    pub fn new(symbols: impl IntoIterator<Item = String>) -> Self {
        let wanted: Vec<String> = symbols.into_iter().collect();
        let symbol = if let [only] = &wanted[..] { Some(only.clone()) } else { None };
        let of = |symbol: &String| {
            (Pager::list(RiskLimits { symbol: Some(symbol.clone()), cursor: None }), Vec::new())
        };
        Self {
            instruments: Pager::list(Instruments { symbol, status: None, cursor: None }),
            tiers: wanted.iter().map(of).collect(),
            rows: BTreeMap::new(),
            wanted,
        }
    }

    /// What is to be asked; `None` once everything was answered.
    #[must_use]
    pub fn next(&self) -> Option<Request> {
        // Neither needs a key or a date.
        let now = Timestamp::EPOCH;
        match self.instruments.next() {
            Some(call) => request(&call, None, now),
            None => request(&self.risk()?.0.next()?, None, now),
        }
    }

    fn risk(&self) -> Option<&(Pager<RiskLimits>, Vec<RiskRow>)> {
        let is_listed = |at: &usize| self.rows.contains_key(&self.wanted[*at]);
        let open = (0..self.tiers.len()).find(|at| is_listed(at) && self.tiers[*at].0.next().is_some())?;
        self.tiers.get(open)
    }

    /// Takes the answer to [`ListingPager::next`].
    ///
    /// # Errors
    /// When it is none; then the same is to be asked again.
    pub fn take(&mut self, response: &Response, now: Timestamp) -> Result<(), Failure> {
        let endless = |_| Failure::Unreadable(super::endless());
        if let Some(call) = self.instruments.next() {
            let page = read(&call, response, true, now)?;
            for row in self.instruments.take(page).map_err(endless)? {
                if self.wanted.contains(&row.symbol) {
                    self.rows.insert(row.symbol.clone(), row);
                }
            }
            return Ok(());
        }
        let rows = &self.rows;
        let wanted = &self.wanted;
        let open = self
            .tiers
            .iter_mut()
            .zip(wanted)
            .find(|((pager, _), symbol)| rows.contains_key(*symbol) && pager.next().is_some());
        if let Some(((pager, found), _)) = open
            && let Some(call) = pager.next()
        {
            let page = read(&call, response, true, now)?;
            found.extend(pager.take(page).map_err(endless)?);
        }
        Ok(())
    }

    /// What was found, in the order in which it was asked for. A symbol that is not listed is not in it.
    #[must_use]
    pub fn finish(self) -> Vec<Result<Listing, InstrumentError>> {
        let Self { wanted, rows, tiers, .. } = self;
        let listed = wanted
            .iter()
            .zip(&tiers)
            .filter_map(|(symbol, (_, found))| rows.get(symbol).map(|row| Listing::new(row, found)));
        listed.collect()
    }
}
