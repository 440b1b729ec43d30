//! Where requests go: every route of the interface that this client knows.
//!
//! Source: bybit-exchange/docs, `docs/v5` (2026-07-24). Limits are those of an account without a rank; the exchange's own headers
//! count.

use crate::Method;
use std::fmt::Write as _;

/// A route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// How it is asked.
    pub method: Method,
    /// Where.
    pub path: &'static str,
    /// Whether a key is needed.
    pub is_signed: bool,
    /// Requests per second; zero where only the limit of the address counts.
    pub per_second: u32,
    /// What it is for.
    pub text: &'static str,
}

const fn get(path: &'static str, text: &'static str) -> Route {
    Route { method: Method::Get, path, is_signed: false, per_second: 0, text }
}

const fn signed(method: Method, path: &'static str, per_second: u32, text: &'static str) -> Route {
    Route { method, path, is_signed: true, per_second, text }
}

/// Server time.
pub const TIME: Route = get("/v5/market/time", "server time");
/// Candles.
pub const KLINE: Route = get("/v5/market/kline", "candles");
/// Candles of the mark price.
pub const MARK_KLINE: Route = get("/v5/market/mark-price-kline", "candles of the mark price");
/// Candles of the index price.
pub const INDEX_KLINE: Route = get("/v5/market/index-price-kline", "candles of the index price");
/// Candles of the premium index.
pub const PREMIUM_KLINE: Route = get("/v5/market/premium-index-price-kline", "candles of the premium index");
/// Rules of instruments.
pub const INSTRUMENTS: Route = get("/v5/market/instruments-info", "rules of instruments");
/// A book as it is.
pub const ORDERBOOK: Route = get("/v5/market/orderbook", "a book as it is");
/// A book with retail price improvement.
pub const RPI_ORDERBOOK: Route = get("/v5/market/rpi_orderbook", "a book with retail price improvement");
/// Tickers.
pub const TICKERS: Route = get("/v5/market/tickers", "tickers");
/// Funding rates.
pub const FUNDING_HISTORY: Route = get("/v5/market/funding/history", "funding rates");
/// Trades just now.
pub const RECENT_TRADES: Route = get("/v5/market/recent-trade", "trades just now");
/// Open interest.
pub const OPEN_INTEREST: Route = get("/v5/market/open-interest", "open interest");
/// Accounts that are long and short.
pub const ACCOUNT_RATIO: Route = get("/v5/market/account-ratio", "accounts that are long and short");
/// Risk tiers.
pub const RISK_LIMIT: Route = get("/v5/market/risk-limit", "risk tiers");
/// Price band.
pub const PRICE_LIMIT: Route = get("/v5/market/price-limit", "price band");
/// Insurance fund.
pub const INSURANCE: Route = get("/v5/market/insurance", "insurance fund");
/// How near deleveraging is.
pub const ADL_ALERT: Route = get("/v5/market/adlAlert", "how near deleveraging is");
/// Place an order.
pub const CREATE: Route = signed(Method::Post, "/v5/order/create", 10, "place an order");
/// Change an order.
pub const AMEND: Route = signed(Method::Post, "/v5/order/amend", 10, "change an order");
/// Cancel an order.
pub const CANCEL: Route = signed(Method::Post, "/v5/order/cancel", 10, "cancel an order");
/// Cancel many.
pub const CANCEL_ALL: Route = signed(Method::Post, "/v5/order/cancel-all", 10, "cancel many");
/// Place several.
pub const CREATE_BATCH: Route = signed(Method::Post, "/v5/order/create-batch", 10, "place several");
/// Change several.
pub const AMEND_BATCH: Route = signed(Method::Post, "/v5/order/amend-batch", 10, "change several");
/// Cancel several.
pub const CANCEL_BATCH: Route = signed(Method::Post, "/v5/order/cancel-batch", 10, "cancel several");
/// What an order would do to the margin.
pub const PRE_CHECK: Route =
    signed(Method::Post, "/v5/order/pre-check", 10, "what an order would do to the margin");
/// Open orders, and those that ended just now.
pub const OPEN_ORDERS: Route =
    signed(Method::Get, "/v5/order/realtime", 50, "open orders, and those that ended just now");
/// Orders that ended.
pub const ORDER_HISTORY: Route = signed(Method::Get, "/v5/order/history", 50, "orders that ended");
/// Cancel all when the connection is lost.
pub const DISCONNECT_CANCEL: Route =
    signed(Method::Post, "/v5/order/disconnected-cancel-all", 5, "cancel all when the connection is lost");
/// Executions.
pub const EXECUTIONS: Route = signed(Method::Get, "/v5/execution/list", 50, "executions");
/// Positions.
pub const POSITIONS: Route = signed(Method::Get, "/v5/position/list", 50, "positions");
/// Leverage.
pub const SET_LEVERAGE: Route = signed(Method::Post, "/v5/position/set-leverage", 10, "leverage");
/// One position or two.
pub const SWITCH_MODE: Route = signed(Method::Post, "/v5/position/switch-mode", 10, "one position or two");
/// Stop, target and trailing stop of a position.
pub const TRADING_STOP: Route =
    signed(Method::Post, "/v5/position/trading-stop", 10, "stop, target and trailing stop of a position");
/// Margin that is added by itself.
pub const AUTO_ADD_MARGIN: Route =
    signed(Method::Post, "/v5/position/set-auto-add-margin", 10, "margin that is added by itself");
/// Margin of a position.
pub const ADD_MARGIN: Route = signed(Method::Post, "/v5/position/add-margin", 10, "margin of a position");
/// Closed profit.
pub const CLOSED_PNL: Route = signed(Method::Get, "/v5/position/closed-pnl", 50, "closed profit");
/// Lift a forced reduce-only mark.
pub const CONFIRM_MMR: Route =
    signed(Method::Post, "/v5/position/confirm-pending-mmr", 10, "lift a forced reduce-only mark");
/// Leverage without a position.
pub const SYMBOL_INFO: Route =
    signed(Method::Get, "/v5/position/symbol-info", 50, "leverage without a position");
/// Balances.
pub const WALLET: Route = signed(Method::Get, "/v5/account/wallet-balance", 50, "balances");
/// Margin mode and kind of the account.
pub const ACCOUNT_INFO: Route =
    signed(Method::Get, "/v5/account/info", 50, "margin mode and kind of the account");
/// Fee rates.
pub const FEE_RATE: Route = signed(Method::Get, "/v5/account/fee-rate", 5, "fee rates");
/// Transaction log.
pub const TRANSACTIONS: Route = signed(Method::Get, "/v5/account/transaction-log", 25, "transaction log");
/// Isolated or cross margin.
pub const SET_MARGIN_MODE: Route =
    signed(Method::Post, "/v5/account/set-margin-mode", 5, "isolated or cross margin");
/// Collateral.
pub const COLLATERAL: Route = signed(Method::Get, "/v5/account/collateral-info", 50, "collateral");
/// Interest paid.
pub const BORROW_HISTORY: Route = signed(Method::Get, "/v5/account/borrow-history", 50, "interest paid");
/// Group of self-trade prevention.
pub const SMP_GROUP: Route =
    signed(Method::Get, "/v5/account/smp-group", 5, "group of self-trade prevention");
/// Whether a lost connection cancels.
pub const DCP_INFO: Route =
    signed(Method::Get, "/v5/account/query-dcp-info", 5, "whether a lost connection cancels");
/// Settings of the user.
pub const USER_SETTINGS: Route =
    signed(Method::Get, "/v5/account/user-setting-config", 5, "settings of the user");
/// What can be taken out.
pub const WITHDRAWABLE: Route = signed(Method::Get, "/v5/account/withdrawal", 5, "what can be taken out");
/// Move prices into the band, or refuse.
pub const LIMIT_PRICE_ACTION: Route =
    signed(Method::Post, "/v5/account/set-limit-px-action", 10, "move prices into the band, or refuse");
/// Rules of instruments for this account.
pub const ACCOUNT_INSTRUMENTS: Route =
    signed(Method::Get, "/v5/account/instruments-info", 10, "rules of instruments for this account");
/// The key: rights, addresses, expiry.
pub const API_KEY: Route =
    signed(Method::Get, "/v5/user/query-api", 10, "the key: rights, addresses, expiry");
/// Balance of one coin.
pub const COIN_BALANCE: Route =
    signed(Method::Get, "/v5/asset/transfer/query-account-coin-balance", 5, "balance of one coin");
/// Balances by account.
pub const COINS_BALANCE: Route =
    signed(Method::Get, "/v5/asset/transfer/query-account-coins-balance", 5, "balances by account");
/// Move funds between accounts.
pub const TRANSFER: Route =
    signed(Method::Post, "/v5/asset/transfer/inter-transfer", 5, "move funds between accounts");
/// Play money.
pub const DEMO_FUNDS: Route = signed(Method::Post, "/v5/account/demo-apply-money", 1, "play money");

/// Every route.
pub const ROUTES: &[Route] = &[
    TIME,
    KLINE,
    MARK_KLINE,
    INDEX_KLINE,
    PREMIUM_KLINE,
    INSTRUMENTS,
    ORDERBOOK,
    RPI_ORDERBOOK,
    TICKERS,
    FUNDING_HISTORY,
    RECENT_TRADES,
    OPEN_INTEREST,
    ACCOUNT_RATIO,
    RISK_LIMIT,
    PRICE_LIMIT,
    INSURANCE,
    ADL_ALERT,
    CREATE,
    AMEND,
    CANCEL,
    CANCEL_ALL,
    CREATE_BATCH,
    AMEND_BATCH,
    CANCEL_BATCH,
    PRE_CHECK,
    OPEN_ORDERS,
    ORDER_HISTORY,
    DISCONNECT_CANCEL,
    EXECUTIONS,
    POSITIONS,
    SET_LEVERAGE,
    SWITCH_MODE,
    TRADING_STOP,
    AUTO_ADD_MARGIN,
    ADD_MARGIN,
    CLOSED_PNL,
    CONFIRM_MMR,
    SYMBOL_INFO,
    WALLET,
    ACCOUNT_INFO,
    FEE_RATE,
    TRANSACTIONS,
    SET_MARGIN_MODE,
    COLLATERAL,
    BORROW_HISTORY,
    SMP_GROUP,
    DCP_INFO,
    USER_SETTINGS,
    WITHDRAWABLE,
    LIMIT_PRICE_ACTION,
    ACCOUNT_INSTRUMENTS,
    API_KEY,
    COIN_BALANCE,
    COINS_BALANCE,
    TRANSFER,
    DEMO_FUNDS,
];

/// The routes as a Markdown table.
#[must_use]
pub fn table() -> String {
    let mut text = "| request | for | key | per second |\n|---|---|---|---|\n".to_owned();
    for route in ROUTES {
        let key = if route.is_signed { "yes" } else { "no" };
        let limit = if route.per_second == 0 { "–".to_owned() } else { route.per_second.to_string() };
        // Writing to a string cannot fail.
        let _ =
            writeln!(text, "| `{} {}` | {} | {key} | {limit} |", route.method.name(), route.path, route.text);
    }
    text
}
