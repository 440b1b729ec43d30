//! What kind of exchange is started.

use crate::choices::Choices;
use model::{Bar, Exchange, InstrumentKind, InstrumentSpec, MarginTier, Timeframe};
use std::fmt;
use std::str::FromStr;
use units::{Amount, Decimal, Price, Quantity, Rate, Span, Timestamp};
use wire::Secret;

/// The key of the account there is where no other is asked for. It opens nothing but an exchange on localhost.
pub const DEFAULT_KEY: &str = "loopback-key";

/// The secret of that account.
pub const DEFAULT_SECRET: &str = "loopback-secret-for-localhost-only";

/// What kind of exchange is started. [`Settings::default`] is one funded account and four synthetic markets at the speed of
/// the clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Who may trade; at least one.
    pub accounts: Vec<AccountSettings>,
    /// What is traded; at least one, each symbol once.
    pub markets: Vec<MarketSettings>,
    /// Names the synthetic markets and every id: equal settings and equal requests give equal answers.
    pub seed: u64,
    /// How many seconds of the market pass in a second of the clock; zero stands still until it is told to move.
    pub speed: u32,
    /// How long a step of the markets is, in their time: 100 ms to 15 s. By default it follows from the speed.
    pub step: Option<Span>,
    /// What the synthetic markets do.
    pub scenario: Scenario,
    /// How many days of synthetic history there are before the start; 1 to 3650.
    pub history_days: u32,
    /// The market's time at the start; by default that of the clock.
    pub start: Option<Timestamp>,
    /// How long what is said on streams is held back. Some clients register their callbacks only after they have sent.
    pub ack_delay: Span,
    /// Requests are counted, and refused beyond the documented limits.
    pub is_limited: bool,
    /// Which time is told as the server's, and signatures are held against.
    pub server_time: ServerTime,
    /// What the documentation leaves open.
    pub choices: Choices,
}

impl Default for Settings {
    fn default() -> Self {
        let account = AccountSettings {
            key: DEFAULT_KEY.to_owned(),
            secret: Secret::new(DEFAULT_SECRET.to_owned()),
            balance: Amount::from_units(100_000 * units::pow10(18)),
        };
        Self {
            accounts: vec![account],
            markets: MarketSettings::usual(),
            seed: 1,
            speed: 1,
            step: None,
            scenario: Scenario::Normal,
            history_days: 14,
            start: None,
            ack_delay: Span::from_millis(10),
            is_limited: true,
            server_time: ServerTime::Clock,
            choices: Choices::default(),
        }
    }
}

/// One account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSettings {
    /// What it is known by.
    pub key: String,
    /// What it signs with.
    pub secret: Secret,
    /// Its USDT at the start.
    pub balance: Amount,
}

impl FromStr for AccountSettings {
    type Err = String;

    /// Reads `KEY:SECRET:USDT`.
    fn from_str(text: &str) -> Result<Self, String> {
        // The text holds a secret, so no message repeats it.
        let wrong = || "an account is KEY:SECRET:USDT, such as demo:secret:100000".to_owned();
        let parts: Vec<&str> = text.split(':').collect();
        let [key, secret, balance] = parts.as_slice() else { return Err(wrong()) };
        if key.is_empty() || secret.is_empty() {
            return Err(wrong());
        }
        let balance = Amount::parse(balance).map_err(|e| format!("the USDT of account {key}: {e}"))?;
        if balance.is_negative() {
            return Err(format!("the USDT of account {key} is below zero"));
        }
        Ok(Self { key: (*key).to_owned(), secret: Secret::new((*secret).to_owned()), balance })
    }
}

/// Which time is told as the server's. At speed one they are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ServerTime {
    /// That of the clock, by which clients sign.
    #[default]
    Clock,
    /// That of the market, for clients that follow the server's clock.
    Market,
}

/// What synthetic markets do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scenario {
    /// Days like others.
    #[default]
    Normal,
    /// A third of the usual volatility.
    Calm,
    /// Four times the usual volatility.
    Volatile,
    /// Up by a tenth a day.
    Trend,
    /// A minute after the start, down by a fifth within two minutes.
    Crash,
    /// A fiftieth of the usual book.
    Thin,
}

impl Scenario {
    /// Every scenario.
    pub const ALL: [Self; 6] =
        [Self::Normal, Self::Calm, Self::Volatile, Self::Trend, Self::Crash, Self::Thin];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Calm => "calm",
            Self::Volatile => "volatile",
            Self::Trend => "trend",
            Self::Crash => "crash",
            Self::Thin => "thin",
        }
    }

    /// What the volatility is multiplied by.
    pub(crate) const fn volatility(self) -> f64 {
        match self {
            Self::Calm => 0.33,
            Self::Volatile => 4.0,
            _ => 1.0,
        }
    }

    /// The drift of the price as a fraction a day, so many seconds after the start.
    pub(crate) fn drift(self, elapsed: f64) -> f64 {
        match self {
            Self::Trend => 0.1,
            Self::Crash if (60.0..180.0).contains(&elapsed) => -0.2 * 86_400.0 / 120.0,
            _ => 0.0,
        }
    }

    /// What the quantities of the book are divided by.
    pub(crate) const fn thinness(self) -> i64 {
        match self {
            Self::Thin => 50,
            _ => 1,
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::name).join(" ");
        let known = Self::ALL.into_iter().find(|scenario| scenario.name() == text);
        known.ok_or_else(|| format!("unknown scenario {text:.40?}; allowed: {}", names()))
    }
}

/// One market.
#[derive(Debug, Clone, PartialEq)]
pub struct MarketSettings {
    /// What is traded.
    pub instrument: InstrumentSpec,
    /// Where its prices come from.
    pub source: Source,
}

/// Where prices come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A seeded walk.
    Walk {
        /// The price at the beginning of the history.
        from: Decimal,
        /// The standard deviation of a day's return; above 0 and at most 0.5.
        daily_volatility: f64,
    },
    /// Recorded candles, moved in time such that the split is the start. Those before it are history, the others are played; a
    /// seeded walk goes on where they end.
    Tape {
        /// The candles by growing time; at least two.
        bars: Vec<Bar>,
        /// Their length: a whole number of minutes.
        timeframe: Timeframe,
        /// The first moment that is played; by default the middle.
        split: Option<Timestamp>,
    },
}

/// Why an exchange cannot be started so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct SettingsError {
    /// Which setting.
    pub field: &'static str,
    /// What is wrong and what is allowed.
    pub problem: String,
}

pub(crate) fn wrong(field: &'static str, problem: impl Into<String>) -> SettingsError {
    SettingsError { field, problem: problem.into() }
}

/// The usual rules of a symbol: base, decimals of price and quantity, tick, largest limit and market order, first price,
/// volatility.
struct Usual {
    base: &'static str,
    price_decimals: u8,
    tick: i64,
    quantity_decimals: u8,
    step: i64,
    max_limit: i64,
    max_market: i64,
    first_tier: i64,
    price: (i128, u8),
    volatility: f64,
}

/// Rules near those that Bybit had in 2026-07; prices of no particular day.
const USUAL: [Usual; 4] = [
    Usual {
        base: "BTC",
        price_decimals: 2,
        tick: 10,
        quantity_decimals: 3,
        step: 1,
        max_limit: 1_190_000,
        max_market: 500_000,
        first_tier: 2_000_000,
        price: (60_000, 0),
        volatility: 0.03,
    },
    Usual {
        base: "ETH",
        price_decimals: 2,
        tick: 1,
        quantity_decimals: 2,
        step: 1,
        max_limit: 800_000,
        max_market: 300_000,
        first_tier: 1_500_000,
        price: (3_000, 0),
        volatility: 0.04,
    },
    Usual {
        base: "SOL",
        price_decimals: 3,
        tick: 10,
        quantity_decimals: 1,
        step: 1,
        max_limit: 900_000,
        max_market: 300_000,
        first_tier: 500_000,
        price: (150, 0),
        volatility: 0.05,
    },
    Usual {
        base: "XRP",
        price_decimals: 4,
        tick: 1,
        quantity_decimals: 1,
        step: 1,
        max_limit: 50_000_000,
        max_market: 20_000_000,
        first_tier: 200_000,
        price: (6, 1),
        volatility: 0.05,
    },
];

impl MarketSettings {
    /// BTCUSDT, ETHUSDT, SOLUSDT and XRPUSDT on seeded walks.
    #[must_use]
    pub fn usual() -> Vec<Self> {
        USUAL.iter().map(Usual::market).collect()
    }

    /// One of those, if there is one of that symbol.
    #[must_use]
    pub fn usual_of(symbol: &str) -> Option<Self> {
        USUAL.iter().find(|usual| symbol.strip_suffix("USDT") == Some(usual.base)).map(Usual::market)
    }
}

impl Usual {
    fn market(&self) -> MarketSettings {
        let amount = |whole: i64| Amount::from_units(i128::from(whole) * units::pow10(18));
        let rate = |billionth: i64| Rate::from_units(billionth);
        let tier = |limit: i64, maintenance: i64, leverage: i64, deduction: i64| MarginTier {
            notional_limit: amount(limit),
            maintenance_rate: rate(maintenance),
            max_leverage: rate(leverage * 1_000_000_000),
            deduction: amount(deduction),
        };
        let first = self.first_tier;
        MarketSettings {
            instrument: InstrumentSpec {
                symbol: format!("{}USDT", self.base),
                exchange: Exchange::Bybit,
                kind: InstrumentKind::LinearPerpetual,
                base: self.base.to_owned(),
                quote: "USDT".to_owned(),
                price_decimals: self.price_decimals,
                quantity_decimals: self.quantity_decimals,
                contract_size: Decimal { mantissa: 1, decimals: 0 },
                tick_size: Price::new(self.tick),
                quantity_step: Quantity::new(self.step),
                min_quantity: Quantity::new(self.step),
                max_limit_quantity: Quantity::new(self.max_limit),
                max_market_quantity: Quantity::new(self.max_market),
                min_notional: amount(5),
                margin_tiers: vec![
                    tier(first, 5_000_000, 100, 0),
                    // The deductions let the margin grow without a jump.
                    tier(first * 5, 10_000_000, 50, first / 200),
                    tier(first * 10, 25_000_000, 20, first / 200 + first * 5 * 15 / 1000),
                    tier(first * 50, 50_000_000, 10, first / 200 + first * 5 * 15 / 1000 + first * 10 / 40),
                ],
                funding_interval: Span::from_seconds(8 * 3600),
                version: 1,
            },
            source: Source::Walk {
                from: Decimal { mantissa: self.price.0, decimals: self.price.1 },
                daily_volatility: self.volatility,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read_and_their_secrets_never_repeated() {
        let account: AccountSettings = "k:s:12.5".parse().unwrap();
        assert_eq!((account.key.as_str(), account.balance), ("k", Amount::parse("12.5").unwrap()));
        for text in ["k:hush", "k:hush:x", "k:hush:-1", ":hush:1", "k:hush:1:2"] {
            let error = text.parse::<AccountSettings>().unwrap_err();
            assert!(!error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn usual_markets_have_valid_rules_and_margins_without_jumps() {
        for market in MarketSettings::usual() {
            let instrument = model::Instrument::new(market.instrument).unwrap();
            for pair in instrument.margin_tiers.windows(2) {
                let margin = |tier: &MarginTier, at: Amount| {
                    at.times_rate(tier.maintenance_rate, units::Rounding::Up) - tier.deduction
                };
                let at = pair[0].notional_limit;
                assert_eq!(margin(&pair[0], at), margin(&pair[1], at), "{} at {at}", instrument.symbol);
            }
        }
        assert!(MarketSettings::usual_of("BTCUSDT").is_some() && MarketSettings::usual_of("BTC").is_none());
        assert!("storm".parse::<Scenario>().unwrap_err().contains("volatile"));
    }
}
