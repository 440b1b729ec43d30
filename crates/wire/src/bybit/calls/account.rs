//! The account: balances, fees, margin mode, transactions, the key.
//!
//! Source: bybit-exchange/docs, `docs/v5/account`, `docs/v5/user`, `docs/v5/asset`, `docs/v5/demo` (2026-07-24).

use super::order::Range;
use super::{Body, Call, Page, Payload, nothing, page};
use crate::bybit::query::Query;
use crate::bybit::routes::{self, Route};
use crate::bybit::rows::{InstrumentRow, TransactionRow, WalletRow};
use crate::bybit::take::{Take, get};
use crate::bybit::words;
use crate::json::{DecodeError, Node};
use model::MarginMode;
use serde_json::{Value, json};
use units::{Decimal, Timestamp};

macro_rules! asks {
    ($($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident : $type:ty,)* } -> $answer:ty, $route:ident, |$self:ident| $payload:expr, |$result:ident| $read:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $($(#[$fdoc])* pub $field: $type,)*
        }

        impl Call for $name {
            type Answer = $answer;
            const ROUTE: Route = routes::$route;

            fn payload(&$self) -> Payload {
                $payload
            }

            fn read(&self, $result: &Node<'_>, _: Option<&Node<'_>>) -> Result<Self::Answer, DecodeError> {
                $read
            }
        }
    )*};
}

asks! {
    /// The unified account: everything, and one coin or all of them.
    Wallet {
        /// Only this coin.
        coin: Option<String>,
    } -> Vec<WalletRow>, WALLET,
        |self| Payload::Query(Query::new().with("accountType", "UNIFIED").maybe("coin", self.coin.as_ref())),
        |result| get(result, "list");

    /// The margin mode and the kind of the account.
    AccountInfo {} -> AccountInfoRow, ACCOUNT_INFO,
        |self| Payload::Query(Query::new()), |result| AccountInfoRow::take(result);

    /// Fee rates, of one symbol or of all.
    FeeRate {
        /// Only this one.
        symbol: Option<String>,
    } -> Vec<FeeRateRow>, FEE_RATE,
        |self| Payload::Query(Query::linear().maybe("symbol", self.symbol.as_ref())),
        |result| get(result, "list");

    /// Changes of the balance, newest first, 50 a page.
    Transactions {
        /// Only in this currency.
        currency: Option<String>,
        /// Only of this kind, such as `SETTLEMENT` for funding.
        kind: Option<String>,
        /// At most seven days.
        range: Range,
        /// The page.
        cursor: Option<String>,
    } -> Page<TransactionRow>, TRANSACTIONS,
        |self| {
            let query = Query::new().with("accountType", "UNIFIED").with("category", words::LINEAR);
            let query = query.maybe("currency", self.currency.as_ref()).maybe("type", self.kind.as_ref());
            Payload::Query(self.range.query(query).with("limit", 50).cursor(self.cursor.as_deref()))
        },
        |result| page(result);

    /// Keeps the margin of positions isolated, or shares it: of the whole account. A refusal carries reasons.
    SetMarginMode {
        /// Which way.
        mode: MarginMode,
    } -> (), SET_MARGIN_MODE,
        |self| Body::new().with("setMarginMode", words::margin_mode(self.mode)).payload(),
        |result| nothing(result);

    /// Coins that serve as collateral.
    Collateral {
        /// Only this one.
        currency: Option<String>,
    } -> Vec<CollateralRow>, COLLATERAL,
        |self| Payload::Query(Query::new().maybe("currency", self.currency.as_ref())),
        |result| get(result, "list");

    /// Interest that was paid, newest first, 50 a page.
    BorrowHistory {
        /// Only in this currency.
        currency: Option<String>,
        /// At most thirty days.
        range: Range,
        /// The page.
        cursor: Option<String>,
    } -> Page<BorrowRow>, BORROW_HISTORY,
        |self| {
            let query = self.range.query(Query::new().maybe("currency", self.currency.as_ref()));
            Payload::Query(query.with("limit", 50).cursor(self.cursor.as_deref()))
        },
        |result| page(result);

    /// The group within which self-trade prevention works.
    SmpGroup {} -> i64, SMP_GROUP, |self| Payload::Query(Query::new()), |result| get(result, "smpGroup");

    /// Whether a lost connection cancels everything.
    DisconnectInfo {} -> Vec<DisconnectRow>, DCP_INFO,
        |self| Payload::Query(Query::new()), |result| get(result, "dcpInfos");

    /// Whether limit prices outside the band are moved into it.
    UserSettings {} -> UserSettingsRow, USER_SETTINGS,
        |self| Payload::Query(Query::new()), |result| UserSettingsRow::take(result);

    /// What can be taken out, by coin.
    Withdrawable {
        /// Up to twenty coins.
        coins: Vec<String>,
    } -> Vec<(String, Decimal)>, WITHDRAWABLE,
        |self| Payload::Query(Query::new().with("coinName", self.coins.join(","))),
        |result| {
            let map = result.field("availableWithdrawalMap")?;
            let Value::Object(members) = map.value() else { return Err(map.kind("an object")) };
            members.keys().map(|coin| Ok((coin.clone(), get(&map, coin)?))).collect()
        };

    /// Whether a limit price outside the band is moved to its edge, or the order refused.
    LimitPriceAction {
        /// Moved.
        is_moved: bool,
    } -> (), LIMIT_PRICE_ACTION,
        |self| Body::linear().with("modifyEnable", self.is_moved).payload(),
        |result| nothing(result);

    /// The rules of instruments as they are for this account.
    AccountInstruments {
        /// Only this one.
        symbol: Option<String>,
        /// The page.
        cursor: Option<String>,
    } -> Page<InstrumentRow>, ACCOUNT_INSTRUMENTS,
        |self| {
            let query = Query::linear().maybe("symbol", self.symbol.as_ref());
            Payload::Query(query.with("limit", 200).cursor(self.cursor.as_deref()))
        },
        |result| page(result);

    /// The key itself: what it may do, from where, until when.
    ApiKey {} -> ApiKeyInfo, API_KEY, |self| Payload::Query(Query::new()), |result| ApiKeyInfo::take(result);

    /// The balance of one coin in one account.
    CoinBalance {
        /// `UNIFIED`, `FUND`, …
        account: String,
        /// Which coin.
        coin: String,
    } -> TransferBalance, COIN_BALANCE,
        |self| Payload::Query(Query::new().with("accountType", &self.account).with("coin", &self.coin)),
        |result| get(result, "balance");

    /// The balances of one account, at most ten coins of a unified one.
    CoinsBalance {
        /// `UNIFIED`, `FUND`, …
        account: String,
        /// Which coins.
        coins: Vec<String>,
    } -> Vec<TransferBalance>, COINS_BALANCE,
        |self| {
            let coins = (!self.coins.is_empty()).then(|| self.coins.join(","));
            Payload::Query(Query::new().with("accountType", &self.account).maybe("coin", coins))
        },
        |result| get(result, "balance");

    /// Moves funds between accounts of the same user.
    Transfer {
        /// A UUID of the caller's: the same one moves only once.
        id: String,
        /// Which coin.
        coin: String,
        /// How much.
        amount: Decimal,
        /// From, such as `FUND`.
        from: String,
        /// To, such as `UNIFIED`.
        to: String,
    } -> TransferRow, TRANSFER,
        |self| Body::new()
            .with("transferId", self.id.as_str())
            .with("coin", self.coin.as_str())
            .decimal("amount", Some(self.amount))
            .with("fromAccountType", self.from.as_str())
            .with("toAccountType", self.to.as_str())
            .payload(),
        |result| TransferRow::take(result);

    /// Play money, once a minute; in the demo environment only.
    DemoFunds {
        /// Which coin.
        coin: String,
        /// How much, without a sign.
        amount: Decimal,
        /// Takes it away instead of adding it.
        is_reduced: bool,
    } -> (), DEMO_FUNDS,
        |self| {
            let amount = self.amount.normalized().to_string();
            Body::new()
                .with("adjustType", i64::from(self.is_reduced))
                .with("utaDemoApplyMoney", json!([{"coin": self.coin, "amountStr": amount}]))
                .payload()
        },
        |result| nothing(result);
}

crate::bybit::rows::rows! {
    /// What kind of account it is.
    AccountInfoRow {
        /// `ISOLATED_MARGIN`, `REGULAR_MARGIN`, `PORTFOLIO_MARGIN`.
        margin_mode: String = "marginMode",
        /// One for a classic account, from three on unified.
        unified_status: i64 = "unifiedMarginStatus",
        /// When it changed.
        updated: Option<Timestamp> = "updatedTime",
    }

    /// Fees of a symbol, as fractions.
    FeeRateRow {
        /// Of what.
        symbol: Option<String> = "symbol",
        /// For taking.
        taker: Decimal = "takerFeeRate",
        /// For making.
        maker: Decimal = "makerFeeRate",
    }

    /// A coin as collateral.
    CollateralRow {
        /// Which.
        currency: String = "currency",
        /// Which part of it counts.
        ratio: Option<Decimal> = "collateralRatio",
        /// Whether it can be collateral.
        is_collateral: Option<bool> = "marginCollateral",
        /// Whether it is switched on.
        is_on: Option<bool> = "collateralSwitch",
        /// Borrowed.
        borrowed: Option<Decimal> = "borrowAmount",
        /// Interest per hour.
        hourly_rate: Option<Decimal> = "hourlyBorrowRate",
    }

    /// Interest of an hour.
    BorrowRow {
        /// In which currency.
        currency: String = "currency",
        /// When.
        time: Timestamp = "createdTime",
        /// Interest.
        cost: Decimal = "borrowCost",
        /// The rate.
        hourly_rate: Option<Decimal> = "hourlyBorrowRate",
        /// On how much.
        amount: Option<Decimal> = "borrowAmount",
    }

    /// Whether a lost connection cancels everything of a product.
    DisconnectRow {
        /// `SPOT`, `DERIVATIVES`, `OPTIONS`.
        product: String = "product",
        /// `ON` or `OFF`.
        status: String = "dcpStatus",
        /// How long it has to be lost, in seconds.
        seconds: Option<i64> = "timeWindow",
    }

    /// What the user chose.
    UserSettingsRow {
        /// Limit prices of perpetuals are moved into the band.
        moves_perpetual_prices: Option<bool> = "lpaPerp",
        /// Those of spot.
        moves_spot_prices: Option<bool> = "lpaSpot",
    }

    /// A balance between accounts.
    TransferBalance {
        /// Which coin.
        coin: String = "coin",
        /// All of it.
        wallet: Decimal = "walletBalance",
        /// What can be moved.
        transferable: Option<Decimal> = "transferBalance",
        /// Bonus.
        bonus: Option<Decimal> = "bonus",
    }

    /// A transfer.
    TransferRow {
        /// Its id.
        id: String = "transferId",
        /// `SUCCESS`, `PENDING`, `FAILED`.
        status: Option<String> = "status",
    }

    /// A key.
    ApiKeyInfo {
        /// Its name at the exchange.
        note: Option<String> = "note",
        /// One for a key that can only read.
        read_only: i64 = "readOnly",
        /// What it may do.
        permissions: Permissions = "permissions",
        /// From where; `*` from everywhere.
        addresses: Vec<String> = "ips",
        /// Days until it expires; negative or nothing when it never does.
        days_left: Option<i64> = "deadlineDay",
        /// When it expires; 1970 when it never does.
        expires: Option<String> = "expiredAt",
        /// When it was made.
        created: Option<String> = "createdAt",
        /// One for a unified account.
        unified: Option<i64> = "uta",
        /// The user.
        user: Option<i64> = "userID",
        /// Whether it is a main account.
        is_master: Option<bool> = "isMaster",
        /// The rank.
        rank: Option<String> = "vipLevel",
    }

    /// What a key may do that matters to us. New groups appear all the time.
    Permissions {
        /// `Order`, `Position`: without both nothing can be traded.
        contract: Vec<String> = "ContractTrade",
    }
}

impl ApiKeyInfo {
    /// Whether it may place orders and change positions.
    #[must_use]
    pub fn may_trade(&self) -> bool {
        let has = |right: &str| self.permissions.contract.iter().any(|known| known == right);
        self.read_only == 0 && has("Order") && has("Position")
    }

    /// Whether it is bound to addresses: a key that is not expires by itself after three months.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        !self.addresses.is_empty() && self.addresses.iter().all(|address| address != "*")
    }
}
