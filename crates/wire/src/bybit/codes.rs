//! What the codes of answers mean: one table, from which the client acts, the other end answers and the documentation is
//! written.
//!
//! Texts of answers change and embed numbers of unknown scale: only codes are read. Source: bybit-exchange/docs,
//! `docs/v5/error` (2026-07-24), and answers seen in public reports.

use crate::Meaning;
use model::RejectReason as Reason;
use std::fmt::Write as _;
use units::Timestamp;

/// What may be done after a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same is refused again: what was asked has to change.
    Never,
    /// It is so already.
    Done,
    /// Later, the same may be asked again.
    Wait,
    /// The same, but much later: the address is kept out for ten minutes.
    WaitLong,
    /// The outcome is open, or the state changed under it: ask before anything is done.
    Query,
    /// Trading stops until a person has looked.
    Stop,
    /// The clock is measured anew, then it may be asked again.
    Resync,
    /// On another connection.
    Reconnect,
}

impl Retry {
    /// In words, for the documentation.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Never => "no",
            Self::Done => "done already",
            Self::Wait => "wait",
            Self::WaitLong => "wait ten minutes",
            Self::Query => "ask first",
            Self::Stop => "stop",
            Self::Resync => "measure the clock",
            Self::Reconnect => "reconnect",
        }
    }
}

/// What a code means, before the headers are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// Taken. For an order: accepted, not executed.
    Accepted,
    /// So already.
    AlreadySo,
    /// Certainly refused.
    Rejected(Reason),
    /// Nobody can say.
    Ambiguous,
    /// Too many.
    RateLimited,
    /// The key, the account or the address is refused.
    Credentials,
    /// Wrong time.
    ClockSkew,
    /// Wrong connection.
    Reconnect,
}

/// A code of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The number.
    pub number: i64,
    /// What it says, in our words.
    pub text: &'static str,
    /// What may be done after it.
    pub retry: Retry,
    /// What it means.
    pub means: Means,
}

impl Code {
    /// What it does, for the documentation.
    fn effect(&self) -> String {
        match self.means {
            Means::Accepted => "nothing: what becomes of an order is told on the private stream".to_owned(),
            Means::AlreadySo => "counts as success".to_owned(),
            Means::Rejected(reason) => {
                let more = match self.retry {
                    Retry::Query => "; positions and orders are compared",
                    Retry::Stop => "; a notice",
                    _ => "",
                };
                format!("refused: `{}`{more}", reason.name())
            }
            Means::Ambiguous => "the order is asked about".to_owned(),
            Means::RateLimited => {
                "the budget is closed until the header says, or the pause is over".to_owned()
            }
            Means::Credentials => "nothing signed leaves any more; a notice".to_owned(),
            Means::ClockSkew => "the clock is measured anew".to_owned(),
            Means::Reconnect => "the order socket is opened anew".to_owned(),
        }
    }

    /// What it means for the session. `until` is when requests are welcome again, where the answer says so.
    #[must_use]
    pub const fn meaning(&self, until: Option<Timestamp>) -> Meaning {
        match self.means {
            Means::Accepted => Meaning::Accepted,
            Means::AlreadySo => Meaning::AlreadySo,
            Means::Rejected(reason) => Meaning::Rejected(reason),
            Means::Ambiguous => Meaning::Ambiguous,
            Means::RateLimited => Meaning::RateLimited { until },
            Means::Credentials => Meaning::CredentialsInvalid,
            Means::ClockSkew => Meaning::ClockSkew,
            Means::Reconnect => Meaning::Reconnect,
        }
    }

    /// Whether the state of the account is not what we took it for, although the answer is a plain refusal.
    #[must_use]
    pub const fn wants_comparison(&self) -> bool {
        matches!((self.means, self.retry), (Means::Rejected(_), Retry::Query))
    }
}

const fn code(number: i64, text: &'static str, retry: Retry, means: Means) -> Code {
    Code { number, text, retry, means }
}

/// Every code that is known, by its number.
pub const CODES: &[Code] = &[
    code(-2015, "key expired (spot)", Retry::Stop, Means::Credentials),
    code(-1, "request expired", Retry::Resync, Means::ClockSkew),
    code(0, "accepted", Retry::Never, Means::Accepted),
    code(429, "overload protection", Retry::Wait, Means::RateLimited),
    code(10000, "server timeout", Retry::Query, Means::Ambiguous),
    code(10001, "parameter error", Retry::Never, Means::Rejected(Reason::Parameter)),
    code(10002, "timestamp outside the window", Retry::Resync, Means::ClockSkew),
    code(10003, "key invalid, or of another environment", Retry::Stop, Means::Credentials),
    code(10004, "signature wrong", Retry::Stop, Means::Credentials),
    code(10005, "key lacks the permission", Retry::Stop, Means::Credentials),
    code(10006, "rate limit of the endpoint", Retry::Wait, Means::RateLimited),
    code(10007, "user authentication failed", Retry::Stop, Means::Credentials),
    code(10008, "account banned", Retry::Stop, Means::Credentials),
    code(10009, "region blocked", Retry::Stop, Means::Credentials),
    code(10010, "address is not bound to the key", Retry::Stop, Means::Credentials),
    code(10014, "duplicate request", Retry::Query, Means::Ambiguous),
    code(10016, "server error or restart", Retry::Query, Means::Ambiguous),
    code(10017, "no such route", Retry::Never, Means::Rejected(Reason::Parameter)),
    code(10018, "rate limit of the address", Retry::WaitLong, Means::RateLimited),
    code(10019, "this node of the order socket restarts", Retry::Reconnect, Means::Reconnect),
    code(10024, "compliance", Retry::Stop, Means::Credentials),
    code(10027, "trading banned", Retry::Stop, Means::Credentials),
    code(10028, "unified account required", Retry::Stop, Means::Credentials),
    code(10029, "symbol not allowed for the key", Retry::Never, Means::Rejected(Reason::Restricted)),
    code(10403, "rate limit of the address (order socket)", Retry::Wait, Means::RateLimited),
    code(
        10404,
        "unknown operation or category (order socket)",
        Retry::Never,
        Means::Rejected(Reason::Parameter),
    ),
    code(10429, "overload protection (order socket)", Retry::Wait, Means::RateLimited),
    code(20001, "already logged in (order socket)", Retry::Done, Means::AlreadySo),
    code(20003, "too many requests on this connection", Retry::Wait, Means::RateLimited),
    code(20006, "request id used before", Retry::Never, Means::Rejected(Reason::DuplicateId)),
    code(30034, "order is gone (retired interface)", Retry::Query, Means::Ambiguous),
    code(30035, "too fast (retired interface)", Retry::Wait, Means::RateLimited),
    code(30133, "institutional loan", Retry::Never, Means::Rejected(Reason::Restricted)),
    code(30134, "institutional loan", Retry::Never, Means::Rejected(Reason::Restricted)),
    code(30135, "institutional loan", Retry::Never, Means::Rejected(Reason::Restricted)),
    code(30136, "institutional loan", Retry::Never, Means::Rejected(Reason::Restricted)),
    code(30208, "price above the maximum", Retry::Never, Means::Rejected(Reason::AbovePriceBand)),
    code(30209, "price below the minimum", Retry::Never, Means::Rejected(Reason::BelowPriceBand)),
    code(30228, "no new position during delisting", Retry::Never, Means::Rejected(Reason::ReduceOnlyMarket)),
    code(33004, "key expired", Retry::Stop, Means::Credentials),
    code(34040, "stop or target unchanged", Retry::Done, Means::AlreadySo),
    code(40004, "order changed while being replaced", Retry::Query, Means::Ambiguous),
    code(100028, "not allowed for a unified account", Retry::Stop, Means::Credentials),
    code(110001, "order does not exist, or too late", Retry::Query, Means::Ambiguous),
    code(110003, "price out of the allowed range", Retry::Never, Means::Rejected(Reason::AbovePriceBand)),
    code(110004, "wallet balance insufficient", Retry::Never, Means::Rejected(Reason::InsufficientMargin)),
    code(110005, "position status", Retry::Query, Means::Rejected(Reason::InLiquidation)),
    code(
        110006,
        "assets do not cover the position margin",
        Retry::Never,
        Means::Rejected(Reason::InsufficientMargin),
    ),
    code(110007, "available balance insufficient", Retry::Never, Means::Rejected(Reason::InsufficientMargin)),
    code(110008, "order completed or cancelled", Retry::Query, Means::Ambiguous),
    code(110009, "too many stop orders", Retry::Never, Means::Rejected(Reason::TooManyConditional)),
    code(110010, "order already cancelled", Retry::Done, Means::AlreadySo),
    code(110011, "the change would liquidate at once", Retry::Never, Means::Rejected(Reason::WouldLiquidate)),
    code(110012, "available balance insufficient", Retry::Never, Means::Rejected(Reason::InsufficientMargin)),
    code(110013, "leverage not allowed by the risk limit", Retry::Never, Means::Rejected(Reason::Leverage)),
    code(
        110014,
        "balance does not cover the margin to add",
        Retry::Never,
        Means::Rejected(Reason::NotEnoughToAdd),
    ),
    code(110015, "position is in cross margin", Retry::Never, Means::Rejected(Reason::NotIsolated)),
    code(110016, "quantity above the risk limit (retired)", Retry::Never, Means::Rejected(Reason::RiskLimit)),
    code(110017, "reduce-only violated, or no position", Retry::Query, Means::Rejected(Reason::ReduceOnly)),
    code(110018, "user id illegal", Retry::Never, Means::Rejected(Reason::Parameter)),
    code(110019, "order id illegal", Retry::Never, Means::Rejected(Reason::Parameter)),
    code(110020, "more than 500 active orders", Retry::Never, Means::Rejected(Reason::TooManyOrders)),
    code(110021, "open interest limit", Retry::Never, Means::Rejected(Reason::RiskLimit)),
    code(110022, "quantity increase not allowed", Retry::Never, Means::Rejected(Reason::ReduceOnlyMarket)),
    code(
        110023,
        "contract takes reduce-only orders now",
        Retry::Never,
        Means::Rejected(Reason::ReduceOnlyMarket),
    ),
    code(
        110024,
        "position mode cannot change: a position exists",
        Retry::Never,
        Means::Rejected(Reason::PositionExists),
    ),
    code(110025, "position mode unchanged", Retry::Done, Means::AlreadySo),
    code(110026, "margin mode unchanged", Retry::Done, Means::AlreadySo),
    code(110027, "margin unchanged", Retry::Done, Means::AlreadySo),
    code(
        110028,
        "position mode cannot change: open orders exist",
        Retry::Never,
        Means::Rejected(Reason::OrdersExist),
    ),
    code(110029, "no hedge mode for this symbol", Retry::Never, Means::Rejected(Reason::PositionMode)),
    code(110030, "duplicate order id (retired)", Retry::Query, Means::Ambiguous),
    code(110031, "unknown risk limit", Retry::Never, Means::Rejected(Reason::Parameter)),
    code(110032, "illegal order", Retry::Never, Means::Rejected(Reason::Parameter)),
    code(110033, "no position to set margin on", Retry::Never, Means::Rejected(Reason::NoPosition)),
    code(110034, "no net position", Retry::Never, Means::Rejected(Reason::NoPosition)),
    code(
        110035,
        "cancellations not finished before a liquidation",
        Retry::Query,
        Means::Rejected(Reason::InLiquidation),
    ),
    code(110036, "leverage locked by cross margin", Retry::Never, Means::Rejected(Reason::Leverage)),
    code(
        110037,
        "symbol missing in the settings of the user",
        Retry::Never,
        Means::Rejected(Reason::UnknownInstrument),
    ),
    code(110038, "leverage locked by portfolio margin", Retry::Never, Means::Rejected(Reason::Leverage)),
    code(110039, "maintenance rate too high", Retry::Never, Means::Rejected(Reason::WouldLiquidate)),
    code(
        110040,
        "the order would trigger a liquidation",
        Retry::Never,
        Means::Rejected(Reason::WouldLiquidate),
    ),
    code(
        110041,
        "skipping the liquidation is not allowed",
        Retry::Never,
        Means::Rejected(Reason::WouldLiquidate),
    ),
    code(
        110042,
        "contract takes reduce-only orders before delivery",
        Retry::Never,
        Means::Rejected(Reason::ReduceOnlyMarket),
    ),
    code(110043, "leverage unchanged", Retry::Done, Means::AlreadySo),
    code(110044, "available margin insufficient", Retry::Never, Means::Rejected(Reason::InsufficientMargin)),
    code(110045, "wallet balance insufficient", Retry::Never, Means::Rejected(Reason::InsufficientMargin)),
    code(110046, "the change would liquidate at once", Retry::Never, Means::Rejected(Reason::WouldLiquidate)),
    code(110047, "risk limit cannot change: margin", Retry::Never, Means::Rejected(Reason::RiskTier)),
    code(110048, "risk limit cannot change: position value", Retry::Never, Means::Rejected(Reason::RiskTier)),
    code(110049, "tick is no number", Retry::Never, Means::Rejected(Reason::Parameter)),
    code(110050, "invalid coin", Retry::Never, Means::Rejected(Reason::Parameter)),
    code(
        110051,
        "balance does not cover the lowest price",
        Retry::Never,
        Means::Rejected(Reason::InsufficientMargin),
    ),
    code(
        110052,
        "balance does not cover the price",
        Retry::Never,
        Means::Rejected(Reason::InsufficientMargin),
    ),
    code(
        110053,
        "balance does not cover the upper price",
        Retry::Never,
        Means::Rejected(Reason::InsufficientMargin),
    ),
    code(110054, "a target exists", Retry::Never, Means::Rejected(Reason::TooManyLegs)),
    code(110055, "a stop exists", Retry::Never, Means::Rejected(Reason::TooManyLegs)),
    code(110056, "a trailing stop exists", Retry::Never, Means::Rejected(Reason::TooManyLegs)),
    code(
        110057,
        "stop or target does not fit the order",
        Retry::Never,
        Means::Rejected(Reason::ProtectionOnReduceOnly),
    ),
    code(
        110058,
        "remaining size too small for the stop or target",
        Retry::Never,
        Means::Rejected(Reason::LegQuantity),
    ),
    code(
        110059,
        "stop or target of a partly filled order",
        Retry::Never,
        Means::Rejected(Reason::PartiallyFilled),
    ),
    code(110060, "full mode forbids the change", Retry::Never, Means::Rejected(Reason::NoSuchTerm)),
    code(
        110061,
        "more than 20 partial stops and targets",
        Retry::Never,
        Means::Rejected(Reason::TooManyLegs),
    ),
    code(110062, "market maker profile", Retry::Never, Means::Rejected(Reason::Restricted)),
    code(110063, "settlement in progress", Retry::Wait, Means::Rejected(Reason::NotTrading)),
    code(
        110064,
        "new quantity not above the filled quantity",
        Retry::Never,
        Means::Rejected(Reason::NotAboveFilled),
    ),
    code(110065, "market maker protection not enabled", Retry::Never, Means::Rejected(Reason::Restricted)),
    code(110066, "trading is not allowed at present", Retry::Wait, Means::Rejected(Reason::NotTrading)),
    code(110067, "kind of account not allowed", Retry::Stop, Means::Rejected(Reason::Restricted)),
    code(110068, "kind of account not allowed", Retry::Stop, Means::Rejected(Reason::Restricted)),
    code(110069, "kind of account not allowed", Retry::Stop, Means::Rejected(Reason::Restricted)),
    code(110070, "kind of account not allowed", Retry::Stop, Means::Rejected(Reason::Restricted)),
    code(110071, "account needs an upgrade", Retry::Stop, Means::Rejected(Reason::Restricted)),
    code(110072, "client order id used before", Retry::Query, Means::Ambiguous),
    code(110073, "margin mode cannot be set", Retry::Never, Means::Rejected(Reason::PositionExists)),
    code(110074, "contract is not live", Retry::Never, Means::Rejected(Reason::NotTrading)),
    code(
        110076,
        "margin is added by itself in isolated mode only",
        Retry::Never,
        Means::Rejected(Reason::NotIsolated),
    ),
    code(110077, "portfolio margin not supported", Retry::Never, Means::Rejected(Reason::NotIsolated)),
    code(110078, "more margin than can be taken out", Retry::Never, Means::Rejected(Reason::NotRemovable)),
    code(110079, "order is being processed", Retry::Query, Means::Ambiguous),
    code(110080, "institutional loan", Retry::Stop, Means::Rejected(Reason::Restricted)),
    code(
        110082,
        "reduce-only mark cannot be lifted",
        Retry::Never,
        Means::Rejected(Reason::ReduceOnlyMarket),
    ),
    code(
        110083,
        "reduce-only mark of both sides has to be lifted",
        Retry::Never,
        Means::Rejected(Reason::ReduceOnlyMarket),
    ),
    code(110085, "risk tier changed", Retry::Never, Means::Rejected(Reason::RiskTier)),
    code(110086, "leverage too high for the tier", Retry::Never, Means::Rejected(Reason::RiskTier)),
    code(110087, "institutional loan", Retry::Stop, Means::Rejected(Reason::Restricted)),
    code(110088, "account needs an upgrade", Retry::Stop, Means::Rejected(Reason::Restricted)),
    code(110089, "above the largest tier", Retry::Never, Means::Rejected(Reason::RiskLimit)),
    code(110090, "leverage too high for the size", Retry::Never, Means::Rejected(Reason::RiskTier)),
    code(
        110092,
        "trigger expected to rise is passed",
        Retry::Never,
        Means::Rejected(Reason::TriggerNotAbove),
    ),
    code(
        110093,
        "trigger expected to fall is passed",
        Retry::Never,
        Means::Rejected(Reason::TriggerNotBelow),
    ),
    code(110094, "value below the minimum", Retry::Never, Means::Rejected(Reason::BelowMinNotional)),
    code(110095, "pre-market or demo restriction", Retry::Never, Means::Rejected(Reason::NotTrading)),
    code(110096, "pre-market or demo restriction", Retry::Never, Means::Rejected(Reason::NotTrading)),
    code(110097, "pre-market or demo restriction", Retry::Never, Means::Rejected(Reason::NotTrading)),
    code(110098, "pre-market or demo restriction", Retry::Never, Means::Rejected(Reason::NotTrading)),
    code(110099, "pre-market or demo restriction", Retry::Never, Means::Rejected(Reason::NotTrading)),
    code(110100, "pre-market or demo restriction", Retry::Never, Means::Rejected(Reason::NotTrading)),
    code(110101, "collateral switch", Retry::Never, Means::Rejected(Reason::Restricted)),
    code(110102, "kind of account not supported", Retry::Never, Means::Rejected(Reason::Restricted)),
    code(110103, "pre-market or demo restriction", Retry::Never, Means::Rejected(Reason::NotTrading)),
    code(110104, "institutional loan", Retry::Stop, Means::Rejected(Reason::Restricted)),
    code(110105, "institutional loan", Retry::Stop, Means::Rejected(Reason::Restricted)),
    code(110106, "institutional loan", Retry::Stop, Means::Rejected(Reason::Restricted)),
    code(110107, "institutional loan", Retry::Stop, Means::Rejected(Reason::Restricted)),
    code(110108, "slippage tolerance out of range (ticks)", Retry::Never, Means::Rejected(Reason::Parameter)),
    code(
        110109,
        "slippage tolerance out of range (percent)",
        Retry::Never,
        Means::Rejected(Reason::Parameter),
    ),
    code(110110, "spread trading", Retry::Never, Means::Rejected(Reason::Parameter)),
    code(110111, "spread trading", Retry::Never, Means::Rejected(Reason::Parameter)),
    code(110112, "spread trading", Retry::Never, Means::Rejected(Reason::Parameter)),
    code(110113, "spread trading", Retry::Never, Means::Rejected(Reason::Parameter)),
    code(110114, "spread trading", Retry::Never, Means::Rejected(Reason::Parameter)),
    code(110115, "spread trading", Retry::Never, Means::Rejected(Reason::Parameter)),
    code(110116, "spread trading", Retry::Never, Means::Rejected(Reason::Parameter)),
    code(110117, "spread trading", Retry::Never, Means::Rejected(Reason::Parameter)),
    code(110118, "no market price, thin book", Retry::Wait, Means::Rejected(Reason::NoMarket)),
    code(
        110119,
        "retail price improvement is for approved makers",
        Retry::Never,
        Means::Rejected(Reason::Restricted),
    ),
    code(110120, "price below the limit", Retry::Never, Means::Rejected(Reason::BelowPriceBand)),
    code(110121, "price above the limit", Retry::Never, Means::Rejected(Reason::AbovePriceBand)),
    code(110123, "terms must be accepted", Retry::Stop, Means::Rejected(Reason::Restricted)),
    code(110124, "cooling-off period", Retry::Stop, Means::Rejected(Reason::Restricted)),
    code(110125, "terms must be accepted", Retry::Stop, Means::Rejected(Reason::Restricted)),
    code(110131, "institutional loan", Retry::Stop, Means::Rejected(Reason::Restricted)),
    code(110132, "region or event restriction", Retry::Never, Means::Rejected(Reason::Restricted)),
    code(110135, "region or event restriction", Retry::Never, Means::Rejected(Reason::Restricted)),
    code(110136, "region or event restriction", Retry::Never, Means::Rejected(Reason::Restricted)),
    code(110137, "region or event restriction", Retry::Never, Means::Rejected(Reason::Restricted)),
    code(130010, "order is gone (retired interface)", Retry::Query, Means::Ambiguous),
    code(130035, "too fast (retired interface)", Retry::Wait, Means::RateLimited),
    code(
        130125,
        "reduce-only violated (retired interface)",
        Retry::Query,
        Means::Rejected(Reason::ReduceOnly),
    ),
    code(130127, "not modified (retired interface)", Retry::Done, Means::AlreadySo),
    code(130150, "too fast (retired interface)", Retry::Wait, Means::RateLimited),
    code(170001, "internal error (spot)", Retry::Query, Means::Ambiguous),
    code(170005, "too many orders (spot)", Retry::Wait, Means::RateLimited),
    code(170007, "timeout (spot)", Retry::Query, Means::Ambiguous),
    code(170032, "internal error (spot)", Retry::Query, Means::Ambiguous),
    code(170033, "balance insufficient (spot)", Retry::Never, Means::Rejected(Reason::InsufficientMargin)),
    code(170105, "parameter error (spot)", Retry::Never, Means::Rejected(Reason::Parameter)),
    code(170115, "parameter error (spot)", Retry::Never, Means::Rejected(Reason::Parameter)),
    code(170116, "parameter error (spot)", Retry::Never, Means::Rejected(Reason::Parameter)),
    code(170117, "parameter error (spot)", Retry::Never, Means::Rejected(Reason::Parameter)),
    code(170121, "parameter error (spot)", Retry::Never, Means::Rejected(Reason::Parameter)),
    code(
        170124,
        "quantity above the maximum (spot)",
        Retry::Never,
        Means::Rejected(Reason::AboveMaxQuantity),
    ),
    code(170130, "parameter error (spot)", Retry::Never, Means::Rejected(Reason::Parameter)),
    code(170131, "balance insufficient (spot)", Retry::Never, Means::Rejected(Reason::InsufficientMargin)),
    code(170132, "price out of range (spot)", Retry::Never, Means::Rejected(Reason::AbovePriceBand)),
    code(170133, "price out of range (spot)", Retry::Never, Means::Rejected(Reason::AbovePriceBand)),
    code(170134, "price out of range (spot)", Retry::Never, Means::Rejected(Reason::AbovePriceBand)),
    code(
        170136,
        "quantity below the minimum (spot)",
        Retry::Never,
        Means::Rejected(Reason::BelowMinQuantity),
    ),
    code(
        170137,
        "quantity below the minimum (spot)",
        Retry::Never,
        Means::Rejected(Reason::BelowMinQuantity),
    ),
    code(170139, "order is gone (spot)", Retry::Query, Means::Ambiguous),
    code(170140, "value below the minimum (spot)", Retry::Never, Means::Rejected(Reason::BelowMinNotional)),
    code(170141, "client order id used before (spot)", Retry::Query, Means::Ambiguous),
    code(170142, "order is gone (spot)", Retry::Query, Means::Ambiguous),
    code(170143, "order is gone (spot)", Retry::Query, Means::Ambiguous),
    code(170146, "timeout (spot)", Retry::Query, Means::Ambiguous),
    code(170147, "timeout (spot)", Retry::Query, Means::Ambiguous),
    code(170190, "order is being cancelled or changed (spot)", Retry::Query, Means::Ambiguous),
    code(170191, "order is being cancelled or changed (spot)", Retry::Query, Means::Ambiguous),
    code(170192, "price out of range (spot)", Retry::Never, Means::Rejected(Reason::AbovePriceBand)),
    code(170193, "price out of range (spot)", Retry::Never, Means::Rejected(Reason::AbovePriceBand)),
    code(170194, "price out of range (spot)", Retry::Never, Means::Rejected(Reason::AbovePriceBand)),
    code(170212, "order is being cancelled or changed (spot)", Retry::Query, Means::Ambiguous),
    code(170213, "order is gone (spot)", Retry::Query, Means::Ambiguous),
    code(170217, "post-only order would cross (spot)", Retry::Never, Means::Rejected(Reason::WouldCross)),
    code(170218, "post-only order would cross (spot)", Retry::Never, Means::Rejected(Reason::WouldCross)),
    code(170222, "too many orders (spot)", Retry::Wait, Means::RateLimited),
    code(170234, "internal error (spot)", Retry::Query, Means::Ambiguous),
    code(170310, "timeout (spot)", Retry::Query, Means::Ambiguous),
    code(170312, "order is being cancelled or changed (spot)", Retry::Query, Means::Ambiguous),
    code(170371, "price out of range (spot)", Retry::Never, Means::Rejected(Reason::AbovePriceBand)),
    code(170372, "price out of range (spot)", Retry::Never, Means::Rejected(Reason::AbovePriceBand)),
    code(
        170381,
        "quantity above the maximum (spot)",
        Retry::Never,
        Means::Rejected(Reason::AboveMaxQuantity),
    ),
    code(
        170382,
        "quantity above the maximum (spot)",
        Retry::Never,
        Means::Rejected(Reason::AboveMaxQuantity),
    ),
    code(170810, "more than 500 orders (spot)", Retry::Never, Means::Rejected(Reason::TooManyOrders)),
    code(181017, "status filter takes final states only", Retry::Never, Means::Rejected(Reason::Parameter)),
    code(
        3200403,
        "isolated margin cannot create this order",
        Retry::Never,
        Means::Rejected(Reason::NotIsolated),
    ),
    code(
        3400045,
        "margin mode cannot be set: see the reasons",
        Retry::Never,
        Means::Rejected(Reason::PositionExists),
    ),
    code(
        3400139,
        "positions with orders exceed the risk limit",
        Retry::Never,
        Means::Rejected(Reason::RiskLimit),
    ),
];

/// What is known of a code.
#[must_use]
pub fn find(number: i64) -> Option<&'static Code> {
    CODES.binary_search_by_key(&number, |code| code.number).ok().map(|at| &CODES[at])
}

/// The code that a refusal is answered with: the usual one of [`Reason::bybit`], and the general parameter error where
/// there is none.
#[must_use]
pub fn of_reason(reason: Reason) -> i64 {
    reason.bybit().first().map_or(10_001, |code| i64::from(*code))
}

/// The table for the documentation, in Markdown.
#[must_use]
pub fn table() -> String {
    let mut text = "| code | says | again? | what it does |\n|---|---|---|---|\n".to_owned();
    for code in CODES {
        // Writing to a string cannot fail.
        let _ =
            writeln!(text, "| {} | {} | {} | {} |", code.number, code.text, code.retry.text(), code.effect());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_there_once_and_found() {
        assert!(CODES.is_sorted_by(|a, b| a.number < b.number));
        assert!(CODES.iter().all(|code| find(code.number) == Some(code)));
        assert_eq!(find(123_456), None);
    }

    #[test]
    fn what_retry_says_and_what_it_means_agree() {
        for code in CODES {
            let fits = match code.retry {
                Retry::Never => matches!(code.means, Means::Rejected(_) | Means::Accepted),
                Retry::Done => code.means == Means::AlreadySo,
                Retry::Wait | Retry::WaitLong => {
                    matches!(code.means, Means::RateLimited | Means::Rejected(_))
                }
                Retry::Query => matches!(code.means, Means::Ambiguous | Means::Rejected(_)),
                Retry::Stop => {
                    matches!(code.means, Means::Credentials | Means::Rejected(Reason::Restricted))
                }
                Retry::Resync => code.means == Means::ClockSkew,
                Retry::Reconnect => code.means == Means::Reconnect,
            };
            assert!(fits, "{code:?}");
        }
    }

    /// Trap 3: these are successes.
    #[test]
    fn trap_03_what_is_so_already_is_no_failure() {
        for number in [110_043, 110_025, 34_040, 110_010, 110_026, 110_027, 20_001] {
            assert_eq!(find(number).unwrap().meaning(None), Meaning::AlreadySo, "{number}");
        }
    }

    /// Every code that a reason of ours is answered with is known, and means that reason where it has one of its own.
    #[test]
    fn reasons_and_codes_agree() {
        for reason in Reason::ALL {
            for number in reason.bybit() {
                assert!(find((*number).into()).is_some(), "{number} of {}", reason.name());
            }
            let number = of_reason(*reason);
            let Means::Rejected(read) = find(number).unwrap().means else { continue };
            let is_general = number == 10_001 && read == Reason::Parameter;
            // Two refusals may share a code.
            let shares = read.bybit().iter().any(|code| i64::from(*code) == number);
            assert!(
                is_general || read == *reason || shares,
                "{} → {number} → {}",
                reason.name(),
                read.name()
            );
        }
    }

    #[test]
    fn keys_that_are_refused_stop_everything() {
        for number in [10_003, 10_004, 10_005, 10_007, 10_010, 33_004] {
            let code = find(number).unwrap();
            assert_eq!((code.retry, code.meaning(None)), (Retry::Stop, Meaning::CredentialsInvalid));
        }
        assert_eq!(find(10_002).unwrap().meaning(None), Meaning::ClockSkew);
    }
}
