//! Every path: who may ask it, and how often a second.
//!
//! Source: Bybit V5, "Rate Limit Rules" and the page of each endpoint (2026-07-24), for accounts without VIP level.

use super::Refusal;

/// What a key must be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody may ask.
    Public,
    /// Any key that is known.
    Read,
    /// A key that may trade.
    Order,
    /// A key that may change positions.
    Position,
    /// A key that may move money.
    Wallet,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// The server's time.
    Time,
    /// Candles of the last price.
    Kline,
    /// Candles of the mark price.
    MarkKline,
    /// Candles of the index price.
    IndexKline,
    /// Candles of the premium of the mark over the index.
    PremiumKline,
    /// What is traded, and its rules.
    Instruments,
    /// The order book.
    OrderBook,
    /// The order book with retail improvement, of which there is none here.
    RpiBook,
    /// The newest figures.
    Tickers,
    /// Funding rates that were exchanged.
    FundingHistory,
    /// Public trades.
    RecentTrades,
    /// Open interest over time.
    OpenInterest,
    /// How many accounts are long.
    AccountRatio,
    /// Risk tiers.
    RiskLimit,
    /// The price band.
    PriceLimit,
    /// The insurance fund.
    Insurance,
    /// How near auto-deleveraging is.
    AdlAlert,
    /// Announcements, of which there are none here.
    Announcements,
    /// Whether there is maintenance.
    SystemStatus,
    /// A new order.
    Create,
    /// A change of an order.
    Amend,
    /// The end of an order.
    Cancel,
    /// The end of many orders.
    CancelAll,
    /// New orders, each counted.
    CreateBatch,
    /// Changes of orders, each counted.
    AmendBatch,
    /// Ends of orders, each counted.
    CancelBatch,
    /// What an order would do to the margin.
    PreCheck,
    /// The end of all orders once the client is gone.
    SetDcp,
    /// Orders that live, and some that ended.
    OpenOrders,
    /// Orders that ended.
    OrderHistory,
    /// Executions.
    Executions,
    /// Positions.
    Positions,
    /// What closing orders earned.
    ClosedPnl,
    /// Leverage by symbol.
    SymbolInfo,
    /// Leverage.
    SetLeverage,
    /// One-way or hedge mode.
    SwitchMode,
    /// What guards a position.
    TradingStop,
    /// Whether margin is added by itself.
    SetAutoAddMargin,
    /// Margin into a position or out of it.
    AddMargin,
    /// Consent to a new risk tier.
    ConfirmMmr,
    /// Not for unified accounts.
    SwitchIsolated,
    /// Deprecated.
    SetTpslMode,
    /// Without effect since tiers follow the size.
    SetRiskLimit,
    /// The wallet.
    WalletBalance,
    /// How the account is set.
    AccountInfo,
    /// Fees.
    FeeRate,
    /// Every change of the wallet.
    TransactionLog,
    /// What counts as collateral.
    CollateralInfo,
    /// Interest that was paid.
    BorrowHistory,
    /// The group of self-match prevention.
    SmpGroup,
    /// What ends once the client is gone.
    QueryDcp,
    /// What becomes of prices outside the band.
    UserSettings,
    /// What may be withdrawn.
    Withdrawal,
    /// What the account may trade.
    AccountInstruments,
    /// Isolated or cross margin.
    SetMarginMode,
    /// What becomes of prices outside the band.
    SetLimitPriceAction,
    /// Play money.
    DemoMoney,
    /// What the key may do.
    QueryApi,
    /// The balance of one coin.
    CoinBalance,
    /// The balance of coins.
    CoinsBalance,
    /// Money from one account of the user to another.
    InterTransfer,
    /// What was moved so.
    InterTransfers,
    /// Networks of coins.
    CoinInfo,
}

/// One path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// `POST`, or else `GET`.
    pub is_post: bool,
    /// The path.
    pub path: &'static str,
    /// What it asks for.
    pub endpoint: Endpoint,
    /// Who may.
    pub access: Access,
    /// How often a second, by account; zero where only the limit by address holds.
    pub per_second: u32,
}

/// Every path.
pub const ROUTES: &[Route] = &[
    row(false, "/v5/market/time", Endpoint::Time, Access::Public, 0),
    row(false, "/v5/market/kline", Endpoint::Kline, Access::Public, 0),
    row(false, "/v5/market/mark-price-kline", Endpoint::MarkKline, Access::Public, 0),
    row(false, "/v5/market/index-price-kline", Endpoint::IndexKline, Access::Public, 0),
    row(false, "/v5/market/premium-index-price-kline", Endpoint::PremiumKline, Access::Public, 0),
    row(false, "/v5/market/instruments-info", Endpoint::Instruments, Access::Public, 0),
    row(false, "/v5/market/orderbook", Endpoint::OrderBook, Access::Public, 0),
    row(false, "/v5/market/rpi_orderbook", Endpoint::RpiBook, Access::Public, 0),
    row(false, "/v5/market/tickers", Endpoint::Tickers, Access::Public, 0),
    row(false, "/v5/market/funding/history", Endpoint::FundingHistory, Access::Public, 0),
    row(false, "/v5/market/recent-trade", Endpoint::RecentTrades, Access::Public, 0),
    row(false, "/v5/market/open-interest", Endpoint::OpenInterest, Access::Public, 0),
    row(false, "/v5/market/account-ratio", Endpoint::AccountRatio, Access::Public, 0),
    row(false, "/v5/market/risk-limit", Endpoint::RiskLimit, Access::Public, 0),
    row(false, "/v5/market/price-limit", Endpoint::PriceLimit, Access::Public, 0),
    row(false, "/v5/market/insurance", Endpoint::Insurance, Access::Public, 0),
    row(false, "/v5/market/adlAlert", Endpoint::AdlAlert, Access::Public, 0),
    row(false, "/v5/announcements/index", Endpoint::Announcements, Access::Public, 0),
    row(false, "/v5/system/status", Endpoint::SystemStatus, Access::Public, 0),
    row(true, "/v5/order/create", Endpoint::Create, Access::Order, 10),
    row(true, "/v5/order/amend", Endpoint::Amend, Access::Order, 10),
    row(true, "/v5/order/cancel", Endpoint::Cancel, Access::Order, 10),
    row(true, "/v5/order/cancel-all", Endpoint::CancelAll, Access::Order, 10),
    row(true, "/v5/order/create-batch", Endpoint::CreateBatch, Access::Order, 10),
    row(true, "/v5/order/amend-batch", Endpoint::AmendBatch, Access::Order, 10),
    row(true, "/v5/order/cancel-batch", Endpoint::CancelBatch, Access::Order, 10),
    row(true, "/v5/order/pre-check", Endpoint::PreCheck, Access::Order, 10),
    row(true, "/v5/order/disconnected-cancel-all", Endpoint::SetDcp, Access::Order, 5),
    row(false, "/v5/order/realtime", Endpoint::OpenOrders, Access::Read, 50),
    row(false, "/v5/order/history", Endpoint::OrderHistory, Access::Read, 50),
    row(false, "/v5/execution/list", Endpoint::Executions, Access::Read, 50),
    row(false, "/v5/position/list", Endpoint::Positions, Access::Read, 50),
    row(false, "/v5/position/closed-pnl", Endpoint::ClosedPnl, Access::Read, 50),
    row(false, "/v5/position/symbol-info", Endpoint::SymbolInfo, Access::Read, 50),
    row(true, "/v5/position/set-leverage", Endpoint::SetLeverage, Access::Position, 10),
    row(true, "/v5/position/switch-mode", Endpoint::SwitchMode, Access::Position, 10),
    row(true, "/v5/position/trading-stop", Endpoint::TradingStop, Access::Position, 10),
    row(true, "/v5/position/set-auto-add-margin", Endpoint::SetAutoAddMargin, Access::Position, 10),
    row(true, "/v5/position/add-margin", Endpoint::AddMargin, Access::Position, 10),
    row(true, "/v5/position/confirm-pending-mmr", Endpoint::ConfirmMmr, Access::Position, 10),
    row(true, "/v5/position/switch-isolated", Endpoint::SwitchIsolated, Access::Position, 10),
    row(true, "/v5/position/set-tpsl-mode", Endpoint::SetTpslMode, Access::Position, 10),
    row(true, "/v5/position/set-risk-limit", Endpoint::SetRiskLimit, Access::Position, 10),
    row(false, "/v5/account/wallet-balance", Endpoint::WalletBalance, Access::Read, 50),
    row(false, "/v5/account/info", Endpoint::AccountInfo, Access::Read, 50),
    row(false, "/v5/account/fee-rate", Endpoint::FeeRate, Access::Read, 5),
    row(false, "/v5/account/transaction-log", Endpoint::TransactionLog, Access::Read, 25),
    row(false, "/v5/account/collateral-info", Endpoint::CollateralInfo, Access::Read, 50),
    row(false, "/v5/account/borrow-history", Endpoint::BorrowHistory, Access::Read, 50),
    row(false, "/v5/account/smp-group", Endpoint::SmpGroup, Access::Read, 5),
    row(false, "/v5/account/query-dcp-info", Endpoint::QueryDcp, Access::Read, 5),
    row(false, "/v5/account/user-setting-config", Endpoint::UserSettings, Access::Read, 5),
    row(false, "/v5/account/withdrawal", Endpoint::Withdrawal, Access::Read, 50),
    row(false, "/v5/account/instruments-info", Endpoint::AccountInstruments, Access::Read, 10),
    row(true, "/v5/account/set-margin-mode", Endpoint::SetMarginMode, Access::Position, 5),
    row(true, "/v5/account/set-limit-px-action", Endpoint::SetLimitPriceAction, Access::Position, 10),
    row(true, "/v5/account/demo-apply-money", Endpoint::DemoMoney, Access::Wallet, 1),
    row(false, "/v5/user/query-api", Endpoint::QueryApi, Access::Read, 10),
    row(false, "/v5/asset/transfer/query-account-coin-balance", Endpoint::CoinBalance, Access::Read, 5),
    row(false, "/v5/asset/transfer/query-account-coins-balance", Endpoint::CoinsBalance, Access::Read, 5),
    row(true, "/v5/asset/transfer/inter-transfer", Endpoint::InterTransfer, Access::Wallet, 20),
    row(false, "/v5/asset/transfer/query-inter-transfer-list", Endpoint::InterTransfers, Access::Read, 60),
    row(false, "/v5/asset/coin/query-info", Endpoint::CoinInfo, Access::Read, 5),
];

const fn row(
    is_post: bool,
    path: &'static str,
    endpoint: Endpoint,
    access: Access,
    per_second: u32,
) -> Route {
    Route { is_post, path, endpoint, access, per_second }
}

/// The route of a path.
///
/// # Errors
/// 10017 with status 404 for a path that does not exist; status 400 for one that takes the other method.
pub fn find(is_post: bool, path: &str) -> Result<&'static Route, Refusal> {
    let of_path = ROUTES.iter().find(|route| route.path == path).ok_or_else(Refusal::not_found)?;
    if of_path.is_post == is_post {
        Ok(of_path)
    } else {
        Err(Refusal { status: 400, ..Refusal::parameter("bad request: method is not allowed for this path") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_endpoints_are_one_to_one() {
        for (i, route) in ROUTES.iter().enumerate() {
            assert!(
                ROUTES[..i].iter().all(|r| r.path != route.path && r.endpoint != route.endpoint),
                "{}",
                route.path
            );
            assert_eq!(find(route.is_post, route.path), Ok(route));
            assert_eq!(find(!route.is_post, route.path).unwrap_err().status, 400);
        }
        assert_eq!(find(false, "/v5/nothing").unwrap_err(), Refusal::not_found());
    }
}
