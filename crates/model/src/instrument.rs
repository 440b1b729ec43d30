//! What can be traded, and the rules of trading it.

use crate::Side;
use std::fmt;
use std::str::FromStr;
use units::{AMOUNT_DECIMALS, Amount, Decimal, Price, Quantity, Rate, Rounding, Span, mul_div, pow10};

/// The dense index of an instrument within one engine, one tape or one venue. It does not survive a restart: the
/// symbol does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstrumentIx(pub u32);

impl InstrumentIx {
    /// As a position in a vector.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where an instrument is traded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exchange {
    /// Bybit V5.
    Bybit,
    /// Binance USDⓈ-M futures.
    Binance,
    /// A seeded synthetic market of our own.
    Synthetic,
}

impl Exchange {
    /// Every exchange.
    pub const ALL: [Self; 3] = [Self::Bybit, Self::Binance, Self::Synthetic];

    /// Its name in configuration, in files and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bybit => "bybit",
            Self::Binance => "binance",
            Self::Synthetic => "synthetic",
        }
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Exchange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|e| e.name() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|e| e.name()).collect();
            let shown: String = text.chars().take(40).collect();
            format!("unknown exchange {shown:?}; allowed: {}", names.join(" "))
        })
    }
}

/// What kind of contract an instrument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstrumentKind {
    /// A perpetual future margined and settled in the quote currency.
    LinearPerpetual,
    /// The coin itself.
    Spot,
}

/// One tier of an exchange's risk limits: positions up to `notional_limit` need these margins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarginTier {
    /// The largest position value (quote currency) that the tier covers.
    pub notional_limit: Amount,
    /// Maintenance margin as a fraction of position value.
    pub maintenance_rate: Rate,
    /// The highest leverage allowed in the tier.
    pub max_leverage: Rate,
    /// What to take off `value · maintenance_rate`, so that the margin grows without a jump from tier to tier.
    pub deduction: Amount,
}

/// Everything that is said about an instrument, before it is checked. See [`Instrument::new`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstrumentSpec {
    /// The exchange's name for it, such as `BTCUSDT`.
    pub symbol: String,
    /// Where it is traded.
    pub exchange: Exchange,
    /// What kind of contract it is.
    pub kind: InstrumentKind,
    /// The currency that is bought and sold.
    pub base: String,
    /// The currency prices, fees and profit are in.
    pub quote: String,
    /// Decimal places of a [`Price`].
    pub price_decimals: u8,
    /// Decimal places of a [`Quantity`].
    pub quantity_decimals: u8,
    /// Base currency per contract; one for coins.
    pub contract_size: Decimal,
    /// Prices of orders are multiples of this.
    pub tick_size: Price,
    /// Quantities of orders are multiples of this.
    pub quantity_step: Quantity,
    /// The smallest order.
    pub min_quantity: Quantity,
    /// The largest limit order.
    pub max_limit_quantity: Quantity,
    /// The largest market order.
    pub max_market_quantity: Quantity,
    /// The smallest order value in quote currency; zero where the exchange has no such rule.
    pub min_notional: Amount,
    /// Risk tiers by growing notional limit; never empty.
    pub margin_tiers: Vec<MarginTier>,
    /// Time between two fundings; zero when there is none.
    pub funding_interval: Span,
    /// Counts the revisions of these rules: an exchange that refines its tick gives a new version.
    pub version: u32,
}

/// Why an instrument's rules cannot be traded by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstrumentError {
    /// Whose rules.
    pub symbol: String,
    /// Which field.
    pub field: &'static str,
    /// What is wrong and what is allowed.
    pub problem: String,
}

impl fmt::Display for InstrumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "instrument {}: {}: {}", self.symbol, self.field, self.problem)
    }
}

impl std::error::Error for InstrumentError {}

/// Why a statistic cannot become a price or a quantity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NumberError {
    /// It is NaN or infinite.
    NotFinite,
    /// It does not fit, or is not above zero where it must be.
    OutOfRange(f64),
}

impl fmt::Display for NumberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFinite => write!(f, "the number is not finite"),
            Self::OutOfRange(x) => write!(f, "{x} is out of range"),
        }
    }
}

impl std::error::Error for NumberError {}

/// A checked instrument. Built once by [`Instrument::new`]; readable as its [`InstrumentSpec`].
#[derive(Debug, Clone, PartialEq)]
pub struct Instrument {
    spec: InstrumentSpec,
    amount_per_step: i128,
    /// The same where it fits into 64 bits, as it nearly always does.
    small_amount_per_step: Option<i64>,
    /// One ten-to-the-ninth of it where that is a whole number: then a rate of any value is a whole amount too.
    billionth_per_step: Option<i64>,
    /// 10^price_decimals and 10^quantity_decimals: exact in f64, kept for the conversion.
    price_scale: f64,
    quantity_scale: f64,
}

/// The scales are whole numbers, never NaN.
impl Eq for Instrument {}

impl std::ops::Deref for Instrument {
    type Target = InstrumentSpec;
    fn deref(&self) -> &InstrumentSpec {
        &self.spec
    }
}

impl Instrument {
    /// Checks the rules of an instrument.
    ///
    /// # Errors
    /// [`InstrumentError`] when a field is out of range, when two fields contradict each other, or when one price step
    /// times one quantity step is not a whole number of 10⁻¹⁸ (then notional could not be exact).
    pub fn new(spec: InstrumentSpec) -> Result<Self, InstrumentError> {
        let fail =
            |field, problem: String| Err(InstrumentError { symbol: spec.symbol.clone(), field, problem });
        if spec.symbol.is_empty() || spec.symbol.len() > 40 || !spec.symbol.bytes().all(is_symbol_byte) {
            return fail(
                "symbol",
                format!("{:?}; 1 to 40 letters, digits, '-', '_' or '.' are allowed", spec.symbol),
            );
        }
        if spec.price_decimals > 12 || spec.quantity_decimals > 12 {
            let found = format!("{} and {}", spec.price_decimals, spec.quantity_decimals);
            return fail("price_decimals, quantity_decimals", format!("{found}; each may be 0 to 12"));
        }
        for (field, value) in [
            ("tick_size", spec.tick_size.mantissa()),
            ("quantity_step", spec.quantity_step.mantissa()),
            ("min_quantity", spec.min_quantity.mantissa()),
            ("contract_size", i64::try_from(spec.contract_size.mantissa).unwrap_or(0)),
        ] {
            if value <= 0 {
                return fail(field, format!("mantissa {value}; it must be above zero"));
            }
        }
        if spec.max_market_quantity < spec.min_quantity || spec.max_limit_quantity < spec.min_quantity {
            return fail("max_limit_quantity, max_market_quantity", "below min_quantity".to_owned());
        }
        if spec.min_notional.is_negative() || spec.funding_interval < Span::ZERO {
            return fail("min_notional, funding_interval", "negative".to_owned());
        }
        if let Err(problem) = check_tiers(&spec.margin_tiers) {
            return fail("margin_tiers", problem);
        }
        match amount_per_step(&spec) {
            Some(amount_per_step) => Ok(Self {
                amount_per_step,
                small_amount_per_step: i64::try_from(amount_per_step).ok(),
                billionth_per_step: (amount_per_step % i128::from(Rate::ONE.units()) == 0)
                    .then(|| i64::try_from(amount_per_step / i128::from(Rate::ONE.units())).ok())
                    .flatten(),
                price_scale: scale(spec.price_decimals),
                quantity_scale: scale(spec.quantity_decimals),
                spec,
            }),
            None => fail(
                "price_decimals, quantity_decimals, contract_size",
                "one price step times one quantity step is not a whole number of 10^-18".to_owned(),
            ),
        }
    }

    /// The rules as data.
    #[must_use]
    pub const fn spec(&self) -> &InstrumentSpec {
        &self.spec
    }

    /// The value of one price step times one quantity step, in 10⁻¹⁸ of the quote currency.
    #[inline]
    #[must_use]
    pub const fn amount_per_step(&self) -> i128 {
        self.amount_per_step
    }

    /// The value of `quantity` at `price` in quote currency: one exact multiplication, signed like the quantity.
    ///
    /// # Panics
    /// When the value leaves the range of an [`Amount`] (10²⁰ of the currency); orders that large never pass risk.
    #[inline(always)]
    #[must_use]
    pub fn notional(&self, price: Price, quantity: Quantity) -> Amount {
        match self.checked_notional(price, quantity) {
            Some(value) => value,
            None => self.is_worth_too_much(price, quantity),
        }
    }

    #[cold]
    #[inline(never)]
    fn is_worth_too_much(&self, price: Price, quantity: Quantity) -> ! {
        panic!("{quantity:?} at {price:?} of {} is worth more than an amount can hold", self.spec.symbol)
    }

    /// The same, or `None` when it does not fit. For input that is not trusted.
    #[inline(always)]
    #[must_use]
    pub fn checked_notional(&self, price: Price, quantity: Quantity) -> Option<Amount> {
        // The product of two 64-bit numbers always fits, which spares the checked 128-bit product its slow path.
        match (price.mantissa().checked_mul(quantity.mantissa()), self.small_amount_per_step) {
            (Some(steps), Some(amount)) => Some(Amount::from_units(i128::from(steps) * i128::from(amount))),
            _ => match self.wide_notional(price, quantity) {
                i128::MIN => None,
                value => Some(Amount::from_units(value)),
            },
        }
    }

    /// [`Instrument::checked_notional`] where 64 bits do not hold the parts; the smallest number for what does not fit. A number
    /// comes back in registers; an option would come by way of memory, also where this is not called.
    #[cold]
    #[inline(never)]
    fn wide_notional(&self, price: Price, quantity: Quantity) -> i128 {
        let steps = i128::from(price.mantissa()) * i128::from(quantity.mantissa());
        steps.checked_mul(self.amount_per_step).unwrap_or(i128::MIN)
    }

    /// What `quantity` is worth for every step of its price, in 10⁻¹⁸ of the quote currency and signed like the quantity; `None`
    /// where 64 bits do not hold it. The value at a price is exactly this times its mantissa.
    #[inline]
    #[must_use]
    pub fn worth_per_step(&self, quantity: Quantity) -> Option<i64> {
        self.small_amount_per_step?.checked_mul(quantity.mantissa())
    }

    /// `value of quantity at price · rate`, rounded as told: fees, funding. Where the scales of the instrument allow (they
    /// nearly always do) this is exact and needs no division.
    ///
    /// # Panics
    /// When the result leaves the range of an [`Amount`].
    #[inline]
    #[must_use]
    pub fn notional_share(&self, price: Price, quantity: Quantity, rate: Rate, rounding: Rounding) -> Amount {
        if let Some(billionth) = self.billionth_per_step
            && let Some(steps) = price.mantissa().checked_mul(quantity.mantissa())
            && let Some(share) = rate.units().checked_mul(billionth)
        {
            return Amount::from_units(i128::from(steps) * i128::from(share));
        }
        self.rounded_share(price, quantity, rate, rounding)
    }

    /// [`Instrument::notional_share`] where it has to be rounded.
    #[cold]
    fn rounded_share(&self, price: Price, quantity: Quantity, rate: Rate, rounding: Rounding) -> Amount {
        self.notional(price, quantity).times_rate(rate, rounding)
    }

    /// A price as the nearest f64, for indicators and charts.
    #[inline]
    #[must_use]
    #[allow(clippy::float_arithmetic)] // the marked edge from money to statistics; correctly rounded
    pub fn price_f64(&self, price: Price) -> f64 {
        price.mantissa() as f64 / self.price_scale
    }

    /// A quantity as the nearest f64, for indicators and charts.
    #[inline]
    #[must_use]
    #[allow(clippy::float_arithmetic)] // the marked edge from money to statistics; correctly rounded
    pub fn quantity_f64(&self, quantity: Quantity) -> f64 {
        quantity.mantissa() as f64 / self.quantity_scale
    }

    /// The valid price (multiple of the tick) nearest to `x` in the given direction: the one way back from statistics.
    ///
    /// # Errors
    /// [`NumberError`] for NaN, infinities, and what is not above zero or does not fit.
    #[allow(clippy::float_arithmetic)] // the one way back from statistics to a price
    pub fn price_near(&self, x: f64, rounding: Rounding) -> Result<Price, NumberError> {
        let ticks = to_steps(x * self.price_scale / self.tick_size.mantissa() as f64, x, rounding)?;
        match ticks.checked_mul(self.tick_size.mantissa()) {
            Some(mantissa) if mantissa > 0 => Ok(Price::new(mantissa)),
            _ => Err(NumberError::OutOfRange(x)),
        }
    }

    /// The largest valid quantity (multiple of the step) that is at most `x`; zero when `x` is below one step.
    ///
    /// # Errors
    /// [`NumberError`] for NaN, infinities, negative numbers, and what does not fit.
    #[allow(clippy::float_arithmetic)] // the one way back from statistics to a quantity
    pub fn quantity_at_most(&self, x: f64) -> Result<Quantity, NumberError> {
        if x < 0.0 {
            return Err(NumberError::OutOfRange(x));
        }
        let steps =
            to_steps(x * self.quantity_scale / self.quantity_step.mantissa() as f64, x, Rounding::Floor)?;
        steps.checked_mul(self.quantity_step.mantissa()).map(Quantity::new).ok_or(NumberError::OutOfRange(x))
    }

    /// The largest valid quantity whose value at `price` is at most `value`; zero when there is none.
    #[must_use]
    pub fn quantity_for(&self, value: Amount, price: Price) -> Quantity {
        let per_unit = i128::from(price.mantissa()) * self.amount_per_step;
        if per_unit <= 0 || value.is_negative() {
            return Quantity::ZERO;
        }
        let units = mul_div(value.units(), 1, per_unit, Rounding::Floor).unwrap_or(0);
        Quantity::new(i64::try_from(units).unwrap_or(i64::MAX)).floor_to(self.quantity_step)
    }

    /// The tick-valid price at `rate` beyond `price` in the direction that is worse for `side` (up for a buyer), rounded
    /// further away. Negative rates move the other way. Never below one tick.
    #[must_use]
    pub fn price_shifted(&self, price: Price, side: Side, rate: Rate) -> Price {
        let one = i128::from(Rate::ONE.units());
        let factor = match side {
            Side::Buy => one + i128::from(rate.units()),
            Side::Sell => one - i128::from(rate.units()),
        };
        let rounding = if side == Side::Buy { Rounding::Ceil } else { Rounding::Floor };
        let raw = mul_div(price.mantissa().into(), factor, one, rounding).unwrap_or(i128::from(i64::MAX / 2));
        let raw = Price::new(i64::try_from(raw).unwrap_or(i64::MAX / 2));
        let tick = self.tick_size;
        let shifted = if side == Side::Buy { raw.ceil_to(tick) } else { raw.floor_to(tick) };
        shifted.max(tick)
    }

    /// The tier of the risk limits that a position of `value` falls into; the last one for anything larger.
    #[inline]
    #[must_use]
    pub fn tier(&self, value: Amount) -> &MarginTier {
        let tiers = &self.spec.margin_tiers;
        tiers.iter().find(|tier| value <= tier.notional_limit).unwrap_or(&tiers[tiers.len() - 1])
    }

    /// The highest leverage of the first tier.
    #[must_use]
    pub fn max_leverage(&self) -> Rate {
        self.spec.margin_tiers[0].max_leverage
    }
}

fn is_symbol_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// 10^decimals as an f64; exact, because at most 12 decimals are allowed.
fn scale(decimals: u8) -> f64 {
    10i64.pow(decimals.into()) as f64
}

/// 10^(18 − price decimals − quantity decimals) · contract size, if that is a whole number.
fn amount_per_step(spec: &InstrumentSpec) -> Option<i128> {
    let size = spec.contract_size.normalized();
    let used = spec.price_decimals + spec.quantity_decimals;
    let scale = AMOUNT_DECIMALS.checked_sub(used)?.checked_sub(size.decimals)?;
    pow10(scale).checked_mul(size.mantissa)
}

fn check_tiers(tiers: &[MarginTier]) -> Result<(), String> {
    if tiers.is_empty() {
        return Err("none given; at least one is needed".to_owned());
    }
    for (i, tier) in tiers.iter().enumerate() {
        if tier.max_leverage < Rate::ONE {
            return Err(format!("tier {}: leverage {} is below 1", i + 1, tier.max_leverage));
        }
        if tier.maintenance_rate <= Rate::ZERO || tier.maintenance_rate >= Rate::ONE {
            return Err(format!(
                "tier {}: maintenance rate {} is not between 0 and 1",
                i + 1,
                tier.maintenance_rate
            ));
        }
    }
    match tiers.windows(2).position(|pair| pair[0].notional_limit >= pair[1].notional_limit) {
        Some(i) => Err(format!("tier {} does not reach further than the one before it", i + 2)),
        None => Ok(()),
    }
}

/// Rounds a number of steps to a whole one. A number within 10⁻⁹ (relative) of a whole one is taken for it, because
/// 0.3 / 0.1 is not 3 in binary.
#[allow(clippy::float_arithmetic)] // part of the one way back from statistics
fn to_steps(steps: f64, original: f64, rounding: Rounding) -> Result<i64, NumberError> {
    if !original.is_finite() {
        return Err(NumberError::NotFinite);
    }
    // Whole numbers up to 2⁵³ are exact in f64; beyond that a step could not be told from its neighbour.
    if steps.is_nan() || steps.abs() >= 9_007_199_254_740_992.0 {
        return Err(NumberError::OutOfRange(original));
    }
    let nearest = steps.round();
    if (steps - nearest).abs() <= 1e-9 * nearest.abs().max(1.0) {
        return Ok(nearest as i64);
    }
    Ok(match rounding {
        Rounding::Down => steps.trunc(),
        Rounding::Up => steps.signum() * steps.abs().ceil(),
        Rounding::Floor => steps.floor(),
        Rounding::Ceil => steps.ceil(),
        Rounding::HalfEven => steps.round_ties_even(),
        Rounding::HalfUp => nearest,
    } as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spec() -> InstrumentSpec {
        InstrumentSpec {
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
        }
    }

    #[test]
    fn notional_is_exact() {
        let btc = Instrument::new(spec()).unwrap();
        let price = Price::parse("43210.10", 2).unwrap();
        let quantity = Quantity::parse("0.013", 3).unwrap();
        assert_eq!(btc.notional(price, quantity), Amount::parse("561.7313").unwrap());
        assert_eq!(btc.notional(price, -quantity), Amount::parse("-561.7313").unwrap());
        assert_eq!(btc.checked_notional(Price::MAX, Quantity::MAX), None);
    }

    #[test]
    fn contracts_have_a_size() {
        let contract_size = Decimal { mantissa: 1, decimals: 3 };
        let x = Instrument::new(InstrumentSpec { contract_size, quantity_decimals: 0, ..spec() }).unwrap();
        assert_eq!(x.notional(Price::new(10_000), Quantity::new(3)), Amount::parse("0.3").unwrap());
    }

    /// 21: nothing is assumed where a rule is missing or absurd.
    #[test]
    fn pitfall_21_refuses_rules_that_cannot_be_traded_by() {
        let bad = |change: fn(&mut InstrumentSpec), field: &str| {
            let mut s = spec();
            change(&mut s);
            let error = Instrument::new(s).unwrap_err();
            assert_eq!(error.field, field, "{error}");
        };
        bad(|s| s.symbol = "BTC/../USDT".into(), "symbol");
        bad(|s| s.tick_size = Price::ZERO, "tick_size");
        bad(|s| s.quantity_step = Quantity::new(-1), "quantity_step");
        bad(|s| s.margin_tiers.clear(), "margin_tiers");
        bad(|s| s.price_decimals = 200, "price_decimals, quantity_decimals");
        bad(|s| s.max_market_quantity = Quantity::ZERO, "max_limit_quantity, max_market_quantity");
        bad(
            |s| {
                s.price_decimals = 10;
                s.quantity_decimals = 9;
            },
            "price_decimals, quantity_decimals, contract_size",
        );
    }

    #[test]
    fn statistics_come_back_valid_or_not_at_all() {
        let btc = Instrument::new(spec()).unwrap();
        assert_eq!(btc.price_near(43_210.17, Rounding::Floor), Ok(Price::new(4_321_010)));
        assert_eq!(btc.price_near(43_210.17, Rounding::Ceil), Ok(Price::new(4_321_020)));
        assert_eq!(btc.price_near(0.3, Rounding::Floor), Ok(Price::new(30)), "0.3 is three ticks, not two");
        assert_eq!(btc.price_near(f64::NAN, Rounding::Floor), Err(NumberError::NotFinite));
        assert_eq!(btc.price_near(-1.0, Rounding::Floor), Err(NumberError::OutOfRange(-1.0)));
        assert_eq!(btc.price_near(1e300, Rounding::Floor), Err(NumberError::OutOfRange(1e300)));
        assert_eq!(btc.quantity_at_most(0.0299), Ok(Quantity::new(29)));
        assert_eq!(btc.quantity_at_most(0.03), Ok(Quantity::new(30)));
        assert_eq!(btc.quantity_at_most(0.0009), Ok(Quantity::ZERO));
        assert!(btc.quantity_at_most(f64::INFINITY).is_err() && btc.quantity_at_most(-0.5).is_err());
    }

    #[test]
    fn a_shifted_price_is_worse_and_valid() {
        let btc = Instrument::new(spec()).unwrap();
        let (price, rate) = (Price::new(1_000_000), Rate::parse("0.0005").unwrap());
        assert_eq!(btc.price_shifted(price, Side::Buy, rate), Price::new(1_000_500));
        assert_eq!(btc.price_shifted(price, Side::Sell, rate), Price::new(999_500));
        assert_eq!(btc.price_shifted(Price::new(1_000_010), Side::Buy, rate), Price::new(1_000_520));
        assert_eq!(btc.price_shifted(Price::new(20), Side::Sell, Rate::ONE), Price::new(10));
    }

    proptest! {
        #[test]
        fn quantity_for_is_the_largest_affordable(value in 0i64..1_000_000_000, price in 1i64..10_000_000) {
            let btc = Instrument::new(spec()).unwrap();
            let (value, price) = (Amount::from_units(i128::from(value) * pow10(14)), Price::new(price));
            let quantity = btc.quantity_for(value, price);
            prop_assert!(btc.notional(price, quantity) <= value);
            prop_assert!(btc.notional(price, quantity + btc.quantity_step) > value);
        }

        #[test]
        fn a_share_is_the_notional_times_the_rate(p in any::<i32>(), q in any::<i32>(), rate in -1_000_000_000i64..=1_000_000_000) {
            let coarse = Instrument::new(spec()).unwrap();
            let fine = InstrumentSpec { price_decimals: 8, quantity_decimals: 8, ..spec() };
            let (p, q, rate) = (Price::new(p.into()), Quantity::new(q.into()), Rate::from_units(rate));
            for instrument in [coarse, Instrument::new(fine).unwrap()] {
                for rounding in [Rounding::Up, Rounding::Down, Rounding::Ceil, Rounding::Floor] {
                    let expected = instrument.notional(p, q).times_rate(rate, rounding);
                    prop_assert_eq!(instrument.notional_share(p, q, rate, rounding), expected);
                }
            }
        }

        #[test]
        fn any_float_is_valid_or_refused(x in any::<f64>()) {
            let btc = Instrument::new(spec()).unwrap();
            for rounding in [Rounding::Floor, Rounding::Ceil, Rounding::HalfEven, Rounding::Up, Rounding::Down] {
                if let Ok(price) = btc.price_near(x, rounding) {
                    prop_assert!(price.is_positive() && price.is_multiple_of(btc.tick_size));
                }
            }
            if let Ok(quantity) = btc.quantity_at_most(x) {
                prop_assert!(!quantity.is_negative() && quantity.is_multiple_of(btc.quantity_step));
            }
        }
    }
}
