//! What is asked about orders and positions, checked against the rules of the instrument as far as that needs no account.

use super::{Params, Refusal};
use model::{
    Change, Instrument, OrderKind, Protection, ProtectionMode, SelfTradePrevention, Side, TimeInForce,
    Trailing, TriggerBy, TriggerDirection,
};
use units::{Decimal, Price, Quantity, Rate};

/// What an order is called by whoever asks about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderName {
    /// By the exchange's id, which comes first where both are given.
    Id(String),
    /// By the client's own.
    Link(String),
}

impl OrderName {
    /// Reads `orderId` or `orderLinkId`.
    ///
    /// # Errors
    /// When neither is there.
    pub fn read(params: &Params) -> Result<Self, Refusal> {
        match (params.text("orderId"), params.text("orderLinkId")) {
            (Some(id), _) => Ok(Self::Id(id)),
            (None, Some(link)) => Ok(Self::Link(link)),
            (None, None) => Err(Refusal::parameter("params error: orderId or orderLinkId is required")),
        }
    }
}

/// A new order as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateOrder {
    /// Bought or sold.
    pub side: Side,
    /// Market, limit, or conditional.
    pub kind: OrderKind,
    /// How much, cut down to the step; zero asks to close the whole position.
    pub quantity: Quantity,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// 0, 1 or 2.
    pub position_idx: u8,
    /// The client's name for it; may be empty.
    pub link: String,
    /// It only reduces.
    pub reduce_only: bool,
    /// It closes when it is triggered.
    pub close_on_trigger: bool,
    /// What becomes of it where it would meet an order of the same account.
    pub self_trade: SelfTradePrevention,
    /// The stop and the target that come with it.
    pub protection: Protection,
    /// What becomes of them.
    pub mode: ProtectionMode,
    /// How far from the best price a market order may trade, where that is said.
    pub slippage: Option<Slippage>,
}

/// How far from the best price a market order may trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slippage {
    /// So many ticks, 1 to 10 000.
    Ticks(i64),
    /// Such a part of the price, 0.01 % to 10 %.
    Share(Rate),
}

impl Slippage {
    /// As the exchange calls the kind.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Ticks(_) => "TickSize",
            Self::Share(_) => "Percent",
        }
    }

    /// The figure, as the client says it: ticks, or percent.
    #[must_use]
    pub fn figure(self) -> String {
        match self {
            Self::Ticks(ticks) => ticks.to_string(),
            Self::Share(share) => {
                Decimal { mantissa: share.units().into(), decimals: 7 }.normalized().to_string()
            }
        }
    }

    /// How far that is from a best price, for an order of this side.
    #[must_use]
    pub fn bound(self, best: Price, side: Side, of: &Instrument) -> Price {
        match self {
            Self::Ticks(ticks) => {
                let far = Price::new(of.tick_size.mantissa().saturating_mul(ticks));
                let bound = if side == Side::Buy { best + far } else { best - far };
                bound.max(of.tick_size)
            }
            Self::Share(share) => of.price_shifted(best, side, share),
        }
    }

    /// Reads `slippageToleranceType` and `slippageTolerance`.
    ///
    /// # Errors
    /// 110108 for ticks out of range, 110109 for percent out of range, 10001 for what is no number or half of the two.
    fn read(params: &Params) -> Result<Option<Self>, Refusal> {
        let kind = params.word("slippageToleranceType", &["TickSize", "Percent", "UNKNOWN"])?;
        let Some(kind) = kind.filter(|kind| *kind != "UNKNOWN") else { return Ok(None) };
        let text = params.required("slippageTolerance")?;
        let invalid = || Refusal::invalid("slippageTolerance", &text);
        if kind == "TickSize" {
            let ticks: i64 = text.parse().map_err(|_| invalid())?;
            let is_allowed = (1..=10_000).contains(&ticks);
            let refusal = || Refusal::new(110_108, "slippage tolerance should be 1 to 10000 ticks");
            return if is_allowed { Ok(Some(Self::Ticks(ticks))) } else { Err(refusal()) };
        }
        let percent = Rate::parse(&text).map_err(|_| invalid())?;
        let one = Rate::ONE.units();
        if !(one / 100..=10 * one).contains(&percent.units()) {
            return Err(Refusal::new(110_109, "slippage tolerance should be 0.01 to 10 percent"));
        }
        Ok(Some(Self::Share(Rate::from_units(percent.units() / 100))))
    }
}

/// A change of an order as it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AmendOrder {
    /// The new quantity in all.
    pub quantity: Option<Quantity>,
    /// The new limit.
    pub price: Option<Price>,
    /// The new trigger.
    pub trigger: Option<Price>,
    /// The stop that comes with it.
    pub stop_loss: Change,
    /// The target that comes with it.
    pub take_profit: Change,
    /// Which price the trigger, the stop and the target watch, where that is said.
    pub by: [Option<TriggerBy>; 3],
    /// The limits of the stop and the target, where they are said.
    pub limits: [Option<Price>; 2],
    /// Whether the stop and the target guard what the order fills alone, where that is said.
    pub is_partial: Option<bool>,
}

/// Which orders an end of many means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    All,
    /// Active orders.
    Active,
    /// Conditional orders, stops and targets of positions among them.
    Conditional,
    /// Conditional orders, without stops and targets of positions.
    PlainConditional,
}

impl Scope {
    /// Reads `orderFilter` and `stopOrderType`.
    ///
    /// # Errors
    /// When one is another word.
    pub fn read(params: &Params) -> Result<Self, Refusal> {
        let filter = params.word("orderFilter", &["Order", "StopOrder", "OpenOrder", "tpslOrder"])?;
        let is_plain = params.word("stopOrderType", &["Stop"])?.is_some();
        Ok(match filter {
            None => Self::All,
            Some("StopOrder") if is_plain => Self::PlainConditional,
            Some("StopOrder") => Self::Conditional,
            Some(_) => Self::Active,
        })
    }
}

/// One leg of a trading stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Leg {
    /// The trigger: kept, removed or set.
    pub trigger: Change,
    /// Which price it watches, where that is said.
    pub by: Option<TriggerBy>,
    /// How much it guards, in partial mode.
    pub size: Option<Quantity>,
    /// The limit of the order it becomes.
    pub limit: Option<Price>,
}

/// What is asked to guard a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TradingStop {
    /// It guards a part of the position.
    pub is_partial: bool,
    /// 0, 1 or 2.
    pub position_idx: u8,
    /// The target.
    pub take_profit: Leg,
    /// The stop.
    pub stop_loss: Leg,
    /// The distance of the trailing stop: kept, removed or set.
    pub trailing: Change,
    /// Where the trailing stop begins.
    pub activation: Option<Price>,
}

const TRIGGERS: [&str; 3] = ["LastPrice", "MarkPrice", "IndexPrice"];

fn trigger_by(params: &Params, name: &str) -> Result<Option<TriggerBy>, Refusal> {
    Ok(params.word(name, &TRIGGERS)?.map(|word| match word {
        "MarkPrice" => TriggerBy::Mark,
        "IndexPrice" => TriggerBy::Index,
        _ => TriggerBy::Last,
    }))
}

fn position_idx(params: &Params) -> Result<u8, Refusal> {
    match params.int("positionIdx")?.unwrap_or(0) {
        idx @ 0..=2 => Ok(u8::try_from(idx).unwrap_or(0)),
        other => Err(Refusal::invalid("positionIdx", &other.to_string())),
    }
}

/// A price that is a multiple of the tick; `None` where it is missing or zero.
///
/// # Errors
/// When it is no number, below zero, or between two ticks.
pub fn exact_price(params: &Params, name: &str, of: &Instrument) -> Result<Option<Price>, Refusal> {
    let Some(text) = params.text(name) else { return Ok(None) };
    let price = Price::parse(&text, of.price_decimals).map_err(|_| Refusal::parameter("Price invalid"))?;
    if price.is_negative() || !price.is_multiple_of(of.tick_size) {
        return Err(Refusal::parameter("Price invalid"));
    }
    Ok(price.is_positive().then_some(price))
}

/// A quantity cut down to the step, as Bybit does; `None` where it is missing.
///
/// # Errors
/// When it is no number, below zero or too large for one.
pub fn exact_quantity(params: &Params, name: &str, of: &Instrument) -> Result<Option<Quantity>, Refusal> {
    let Some(text) = params.text(name) else { return Ok(None) };
    let invalid = || Refusal::parameter("Qty invalid");
    let decimal = Decimal::parse(&text).map_err(|_| invalid())?;
    let places = decimal.decimals.saturating_sub(of.quantity_decimals);
    let cut =
        Decimal { mantissa: decimal.mantissa / units::pow10(places), decimals: decimal.decimals - places };
    let mantissa = cut.at_scale(of.quantity_decimals).ok().and_then(|m| i64::try_from(m).ok());
    let quantity = Quantity::new(mantissa.ok_or_else(invalid)?);
    if quantity.is_negative() { Err(invalid()) } else { Ok(Some(quantity.floor_to(of.quantity_step))) }
}

/// The client's name of an order.
///
/// # Errors
/// When it is longer than 36 characters, or holds others than letters, digits, `-` and `_`.
pub fn link_id(params: &Params) -> Result<String, Refusal> {
    let link = params.text("orderLinkId").unwrap_or_default();
    if link.len() > 36 {
        return Err(Refusal::parameter("order link id is longer than 36"));
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if link.chars().all(is_plain) { Ok(link) } else { Err(Refusal::invalid("orderLinkId", &link)) }
}

/// What is to become of an optional price: missing keeps, zero removes.
fn change(params: &Params, name: &str, of: &Instrument) -> Result<Change, Refusal> {
    if params.text(name).is_none() {
        return Ok(Change::Keep);
    }
    Ok(exact_price(params, name, of)?.map_or(Change::Remove, Change::To))
}

impl CreateOrder {
    /// Reads a new order. `current` gives the price that a trigger watches, from which its direction follows where it is not
    /// said (not documented; the likelier way is taken).
    ///
    /// # Errors
    /// In the order of the checks: side, type, quantity, price, time in force, position, name, trigger, flags, stop and target.
    pub fn read(
        params: &Params,
        of: &Instrument,
        current: impl Fn(TriggerBy) -> Option<Price>,
    ) -> Result<Self, Refusal> {
        let missing = |name: &str| Refusal::parameter(format!("params error: {name} is required"));
        let side = match params.word("side", &["Buy", "Sell"])?.ok_or_else(|| missing("side"))? {
            "Buy" => Side::Buy,
            _ => Side::Sell,
        };
        let order_type =
            params.word("orderType", &["Market", "Limit"])?.ok_or_else(|| missing("orderType"))?;
        let is_limit = order_type == "Limit";
        let quantity = exact_quantity(params, "qty", of)?.ok_or_else(|| missing("qty"))?;
        let limit = if is_limit {
            Some(exact_price(params, "price", of)?.ok_or_else(|| Refusal::parameter("Price invalid"))?)
        } else {
            None
        };
        let time_in_force = match params.word("timeInForce", &["GTC", "IOC", "FOK", "PostOnly", "RPI"])? {
            _ if !is_limit => TimeInForce::ImmediateOrCancel,
            Some("RPI") => return Err(Refusal::new(110_119, "RPI orders are for approved makers only")),
            Some("IOC") => TimeInForce::ImmediateOrCancel,
            Some("FOK") => TimeInForce::FillOrKill,
            Some("PostOnly") => TimeInForce::PostOnly,
            _ => TimeInForce::GoodTillCancel,
        };
        let position_idx = position_idx(params)?;
        let link = link_id(params)?;
        let kind = kind(params, of, side, limit, current)?;
        let self_trade =
            match params.word("smpType", &["None", "CancelMaker", "CancelTaker", "CancelBoth"])? {
                Some("CancelMaker") => SelfTradePrevention::CancelMaker,
                Some("CancelTaker") => SelfTradePrevention::CancelTaker,
                Some("CancelBoth") => SelfTradePrevention::CancelBoth,
                _ => SelfTradePrevention::None,
            };
        let (protection, mode) = attached(params, of)?;
        let slippage = Slippage::read(params)?;
        if slippage.is_some() && !matches!(kind, OrderKind::Market) {
            return Err(Refusal::parameter("slippage tolerance is for plain market orders"));
        }
        let close_on_trigger = params.flag("closeOnTrigger")?.unwrap_or(false);
        let reduce_only = params.flag("reduceOnly")?.unwrap_or(false) || close_on_trigger;
        let closes_all = quantity.is_zero() && reduce_only && close_on_trigger;
        if quantity.is_zero() && !closes_all {
            return Err(Refusal::parameter("The number of contracts exceeds minimum limit allowed"));
        }
        Ok(Self {
            side,
            kind,
            quantity,
            time_in_force,
            position_idx,
            link,
            reduce_only,
            close_on_trigger,
            self_trade,
            protection,
            mode,
            slippage,
        })
    }
}

fn kind(
    params: &Params,
    of: &Instrument,
    side: Side,
    limit: Option<Price>,
    current: impl Fn(TriggerBy) -> Option<Price>,
) -> Result<OrderKind, Refusal> {
    let Some(trigger) = exact_price(params, "triggerPrice", of)? else {
        return Ok(limit.map_or(OrderKind::Market, |price| OrderKind::Limit { price }));
    };
    let by = trigger_by(params, "triggerBy")?.unwrap_or_default();
    let direction = match params.int("triggerDirection")? {
        Some(1) => TriggerDirection::Rising,
        Some(2) => TriggerDirection::Falling,
        None | Some(0) if current(by).is_none_or(|price| trigger > price) => TriggerDirection::Rising,
        None | Some(0) => TriggerDirection::Falling,
        Some(other) => return Err(Refusal::invalid("triggerDirection", &other.to_string())),
    };
    Ok(OrderKind::conditional(side, direction, trigger, by, limit))
}

/// The stop and the target that come with an order.
fn attached(params: &Params, of: &Instrument) -> Result<(Protection, ProtectionMode), Refusal> {
    let protection = Protection {
        stop_loss: exact_price(params, "stopLoss", of)?,
        take_profit: exact_price(params, "takeProfit", of)?,
        stop_by: trigger_by(params, "slTriggerBy")?.unwrap_or_default(),
        target_by: trigger_by(params, "tpTriggerBy")?.unwrap_or_default(),
    };
    let stop_limit = leg_limit(params, "sl", of)?;
    let target_limit = leg_limit(params, "tp", of)?;
    let is_partial = params.word("tpslMode", &["Full", "Partial"])? == Some("Partial");
    if !is_partial && (stop_limit.is_some() || target_limit.is_some()) {
        return Err(Refusal::parameter("tpOrderType and slOrderType must be Market under Full tpslMode"));
    }
    let mode =
        if is_partial { ProtectionMode::Partial { stop_limit, target_limit } } else { ProtectionMode::Full };
    Ok((protection, mode))
}

/// The limit of a leg, whose type says whether it has one.
fn leg_limit(params: &Params, leg: &str, of: &Instrument) -> Result<Option<Price>, Refusal> {
    let limit = exact_price(params, &format!("{leg}LimitPrice"), of)?;
    match (params.word(&format!("{leg}OrderType"), &["Market", "Limit"])?, limit) {
        (Some("Limit"), None) => {
            Err(Refusal::parameter(format!("params error: {leg}LimitPrice is required")))
        }
        (Some("Limit"), limit) => Ok(limit),
        _ => Ok(None),
    }
}

impl AmendOrder {
    /// Reads a change.
    ///
    /// # Errors
    /// When a number is none, or there is nothing to change.
    pub fn read(params: &Params, of: &Instrument) -> Result<Self, Refusal> {
        let by = [
            trigger_by(params, "triggerBy")?,
            trigger_by(params, "slTriggerBy")?,
            trigger_by(params, "tpTriggerBy")?,
        ];
        let limits = [exact_price(params, "slLimitPrice", of)?, exact_price(params, "tpLimitPrice", of)?];
        let amend = Self {
            by,
            limits,
            quantity: exact_quantity(params, "qty", of)?,
            price: exact_price(params, "price", of)?,
            trigger: exact_price(params, "triggerPrice", of)?,
            stop_loss: change(params, "stopLoss", of)?,
            take_profit: change(params, "takeProfit", of)?,
            is_partial: params.word("tpslMode", &["Full", "Partial"])?.map(|word| word == "Partial"),
        };
        if amend == Self::default() {
            return Err(Refusal::parameter("params error: nothing to amend"));
        }
        Ok(amend)
    }
}

impl TradingStop {
    /// Reads what is to guard a position.
    ///
    /// # Errors
    /// When a word or a number is none, or the sizes of the two legs differ.
    pub fn read(params: &Params, of: &Instrument) -> Result<Self, Refusal> {
        let mode = params.word("tpslMode", &["Full", "Partial"])?;
        let is_partial = mode == Some("Partial");
        let leg = |trigger: &str, leg: &str| {
            Ok(Leg {
                trigger: change(params, trigger, of)?,
                by: trigger_by(params, &format!("{leg}TriggerBy"))?,
                size: exact_quantity(params, &format!("{leg}Size"), of)?.filter(|q| q.is_positive()),
                limit: leg_limit(params, leg, of)?,
            })
        };
        let stop = Self {
            is_partial,
            position_idx: position_idx(params)?,
            take_profit: leg("takeProfit", "tp")?,
            stop_loss: leg("stopLoss", "sl")?,
            trailing: change(params, "trailingStop", of)?,
            activation: exact_price(params, "activePrice", of)?,
        };
        let limits = stop.take_profit.limit.or(stop.stop_loss.limit);
        if !is_partial && limits.is_some() {
            return Err(Refusal::parameter("tpOrderType and slOrderType must be Market under Full tpslMode"));
        }
        let is_set = |leg: &Leg| leg.trigger.price().is_some();
        if is_partial
            && is_set(&stop.take_profit)
            && is_set(&stop.stop_loss)
            && stop.take_profit.size != stop.stop_loss.size
        {
            return Err(Refusal::parameter("tpSize should be equal to slSize"));
        }
        Ok(stop)
    }

    /// The trailing stop that follows from what there was.
    #[must_use]
    pub fn trailing_after(&self, before: Option<Trailing>) -> Option<Trailing> {
        match self.trailing {
            Change::Remove => None,
            Change::To(distance) => Some(Trailing { distance, activation: self.activation }),
            Change::Keep => {
                before.map(|old| Trailing { activation: self.activation.or(old.activation), ..old })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Exchange, InstrumentKind, InstrumentSpec, MarginTier};
    use units::{Amount, Span};

    fn btc() -> Instrument {
        Instrument::new(InstrumentSpec {
            symbol: "BTCUSDT".into(),
            exchange: Exchange::Bybit,
            kind: InstrumentKind::LinearPerpetual,
            base: "BTC".into(),
            quote: "USDT".into(),
            price_decimals: 2,
            quantity_decimals: 3,
            contract_size: Decimal { mantissa: 1, decimals: 0 },
            tick_size: Price::new(10),
            quantity_step: Quantity::new(1),
            min_quantity: Quantity::new(1),
            max_limit_quantity: Quantity::new(1_190_000),
            max_market_quantity: Quantity::new(500_000),
            min_notional: Amount::parse("5").unwrap(),
            margin_tiers: vec![MarginTier {
                notional_limit: Amount::parse("2000000").unwrap(),
                maintenance_rate: Rate::parse("0.005").unwrap(),
                max_leverage: Rate::parse("100").unwrap(),
                deduction: Amount::ZERO,
            }],
            funding_interval: Span::from_seconds(8 * 3600),
            version: 1,
        })
        .unwrap()
    }

    fn create(body: &str) -> Result<CreateOrder, Refusal> {
        let params = Params::of_body(body.as_bytes()).unwrap();
        CreateOrder::read(&params, &btc(), |_| Price::parse("50000", 2).ok())
    }

    fn refused(body: &str) -> String {
        create(body).unwrap_err().to_string()
    }

    #[test]
    fn an_order_is_read() {
        let order = create(
            r#"{"side":"Buy","orderType":"Limit","qty":"0.0129","price":"49999.9","orderLinkId":"a-1",
                "takeProfit":"51000","stopLoss":"0","tpslMode":"Partial","tpOrderType":"Limit","tpLimitPrice":"50900"}"#,
        )
        .unwrap();
        assert_eq!(order.quantity, Quantity::new(12), "cut down to the step");
        assert_eq!(order.kind, OrderKind::Limit { price: Price::new(4_999_990) });
        assert_eq!(order.protection.stop_loss, None);
        let limits = ProtectionMode::Partial { stop_limit: None, target_limit: Some(Price::new(5_090_000)) };
        assert_eq!(order.mode, limits);
        let stop =
            create(r#"{"side":"Sell","orderType":"Market","qty":"1","triggerPrice":"49000"}"#).unwrap();
        let falls = OrderKind::StopMarket { trigger: Price::new(4_900_000), by: TriggerBy::Last };
        assert_eq!(stop.kind, falls, "the direction follows from the price");
        let close =
            r#"{"side":"Sell","orderType":"Market","qty":"0","reduceOnly":true,"closeOnTrigger":true}"#;
        assert!(create(close).unwrap().quantity.is_zero());
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(refused("{}"), "10001: params error: side is required");
        assert_eq!(refused(r#"{"side":"buy"}"#), "10001: params error: side invalid: buy");
        let base = r#"{"side":"Buy","orderType":"Limit","qty":"1","price":"#;
        assert_eq!(refused(&format!("{base}\"100.05\"}}")), "10001: Price invalid");
        assert_eq!(refused(&format!("{base}\"\"}}")), "10001: Price invalid");
        assert_eq!(
            refused(&format!("{base}\"100\",\"orderLinkId\":\"{}\"}}", "x".repeat(37))),
            "10001: order link id is longer than 36"
        );
        assert_eq!(
            refused(r#"{"side":"Buy","orderType":"Market","qty":"0.0001"}"#),
            "10001: The number of contracts exceeds minimum limit allowed"
        );
        assert!(refused(r#"{"side":"Buy","orderType":"Market","qty":"1e30"}"#).contains("Qty invalid"));
    }

    #[test]
    fn a_market_order_says_how_far_it_goes() {
        let market = |kind: &str, figure: &str| {
            create(&format!(
                r#"{{"side":"Buy","orderType":"Market","qty":"1","slippageToleranceType":"{kind}","slippageTolerance":"{figure}"}}"#
            ))
            .map(|order| order.slippage.unwrap())
            .map_err(|refusal| refusal.code)
        };
        let best = Price::new(5_000_000);
        let ticks = market("TickSize", "5").unwrap();
        assert_eq!(
            (ticks.bound(best, Side::Buy, &btc()), ticks.figure().as_str()),
            (Price::new(5_000_050), "5")
        );
        let share = market("Percent", "0.5").unwrap();
        assert_eq!(
            (share.bound(best, Side::Sell, &btc()), share.figure().as_str()),
            (Price::new(4_975_000), "0.5")
        );
        assert_eq!(market("TickSize", "10001"), Err(110_108));
        assert_eq!((market("Percent", "0.009"), market("Percent", "10.01")), (Err(110_109), Err(110_109)));
        assert_eq!((market("Percent", ""), market("Miles", "1")), (Err(10001), Err(10001)));
        let limit = r#"{"side":"Buy","orderType":"Limit","qty":"1","price":"49000","slippageToleranceType":"TickSize",
            "slippageTolerance":"5"}"#;
        assert!(refused(limit).contains("plain market orders"));
    }

    #[test]
    fn a_trading_stop_keeps_removes_and_sets() {
        let read = |body: &str| TradingStop::read(&Params::of_body(body.as_bytes()).unwrap(), &btc());
        let stop =
            read(r#"{"tpslMode":"Full","takeProfit":"0","stopLoss":"49000","trailingStop":"50"}"#).unwrap();
        assert_eq!(stop.take_profit.trigger, Change::Remove);
        assert_eq!(stop.stop_loss.trigger, Change::To(Price::new(4_900_000)));
        assert_eq!(
            stop.trailing_after(None),
            Some(Trailing { distance: Price::new(5_000), activation: None })
        );
        let unequal =
            r#"{"tpslMode":"Partial","takeProfit":"51000","stopLoss":"49000","tpSize":"1","slSize":"2"}"#;
        assert!(read(unequal).unwrap_err().text.contains("tpSize"));
        assert!(read(r#"{"tpslMode":"Full","tpOrderType":"Limit","tpLimitPrice":"1"}"#).is_err());
    }
}
