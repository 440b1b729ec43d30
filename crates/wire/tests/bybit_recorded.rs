//! Payloads of the documentation and of other projects, which are not part of the repository: without them these tests say so and
//! pass. They are of mixed age and category, so they show that a reader is tolerant, not what is true.
#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests, where a panic is the report")]
#![allow(clippy::disallowed_methods, reason = "reads recordings that lie outside the repository")]
#![allow(dead_code, reason = "shared with other tests")]

mod bybit_world;

use bybit_world::{NOW, World, respond};
use model::LinkKind;
use serde_json::Value;
use std::path::{Path, PathBuf};
use wire::bybit::calls::{self, Call, Failure, account, market, order, position};
use wire::bybit::rows::{
    ClosedPnlRow, ExecutionRow, FastExecutionRow, InstrumentRow, OrderRow, PositionRow, RiskRow, TickerRow,
    TransactionRow, WalletRow,
};
use wire::bybit::take::Take;
use wire::bybit::{codes, listing};
use wire::{Meaning, Said};

fn root() -> Option<PathBuf> {
    let root = std::env::var_os("PLIMSOLL_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let root = root.join("protocol/bybit/fixtures");
    if root.join("SOURCES.md").exists() {
        return Some(root);
    }
    eprintln!("SKIPPED: no recorded payloads at {}; set PLIMSOLL_SHARED", root.display());
    None
}

fn load(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap())
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Reads the answer of a recording as that of a call.
fn answer<C: Call>(root: &Path, name: &str, call: &C) -> C::Answer {
    let recorded = load(&root.join("rest").join(name));
    let path = recorded["request"]["path"].as_str().unwrap();
    let path = path.split(['&', '?']).next().unwrap();
    assert_eq!(path, C::ROUTE.path, "{name}");
    calls::read(call, &respond(200, &recorded["response"]), true, NOW)
        .unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn range() -> order::Range {
    order::Range { from: NOW, to: NOW }
}

/// The calls whose parameters do not matter to what is read.
fn klines() -> market::Klines {
    market::Klines {
        kind: market::KlineKind::Trade,
        symbol: "BTCUSD".into(),
        timeframe: "1h".parse().unwrap(),
        from: NOW,
        to: NOW,
        limit: 1,
    }
}

#[test]
fn answers_about_the_market_are_read() {
    let Some(root) = root() else { return };
    let symbol = || "BTCUSDT".to_owned();
    answer(&root, "market.time.json", &market::ServerTime);
    let rows = answer(&root, "market.kline.inverse.json", &klines());
    assert!(rows.len() == 3 && rows.iter().all(|row| row.volume.is_some()));
    for name in ["mark-price", "index-price", "premium-index-price"] {
        let category = if name == "index-price" { "inverse" } else { "linear" };
        let recorded = load(&root.join(format!("rest/market.{name}-kline.{category}.json")));
        let rows = calls::read(&klines(), &respond(200, &recorded["response"]), true, NOW).unwrap();
        assert!(!rows.is_empty() && rows.iter().all(|row| row.volume.is_none()), "{name}");
    }
    let page = answer(&root, "market.instruments-info.linear.json", &market::Instruments::default());
    let tiers: Vec<RiskRow> = Vec::new();
    let problem = listing::Listing::new(&page.rows[0], &tiers).unwrap_err().to_string();
    assert!(problem.contains("no risk tiers"), "everything else fits: {problem}");
    answer(
        &root,
        "account.instruments-info.linear.json",
        &account::AccountInstruments { symbol: None, cursor: None },
    );
    assert_eq!(
        answer(&root, "market.risk-limit.inverse.json", &market::RiskLimits::default()).rows[0].deduction,
        None
    );
    answer(&root, "market.orderbook.spot.json", &market::OrderBook { symbol: symbol(), limit: 1 });
    let book = answer(&root, "market.rpi_orderbook.json", &market::RpiOrderBook { symbol: symbol() });
    assert!(book.bids[0].improved.is_some());
    assert_eq!(answer(&root, "market.tickers.inverse.json", &market::Tickers::default()).len(), 1);
    let history = market::FundingHistory { symbol: symbol(), from: NOW, to: NOW };
    assert_eq!(answer(&root, "market.funding-history.linear.json", &history).len(), 1);
    answer(&root, "market.recent-trade.spot.json", &market::RecentTrades { symbol: symbol(), limit: 1 });
    let period = market::Period::Day;
    let interest = market::OpenInterest { symbol: symbol(), period, from: NOW, to: NOW, cursor: None };
    assert_eq!(answer(&root, "market.open-interest.inverse.json", &interest).rows.len(), 5);
    let ratio = market::AccountRatio { symbol: symbol(), period, from: NOW, to: NOW, cursor: None };
    assert_eq!(answer(&root, "market.account-ratio.linear.json", &ratio).rows.len(), 2);
    answer(&root, "market.price-limit.linear.json", &market::PriceLimit { symbol: symbol() });
    assert_eq!(answer(&root, "market.insurance.json", &market::Insurance::default()).len(), 4);
    assert_eq!(answer(&root, "market.adlAlert.json", &market::AdlAlert { symbol: symbol() }).len(), 1);
}

#[test]
fn answers_about_orders_and_positions_are_read() {
    let Some(root) = root() else { return };
    let which = || order::Which::Id("x".into());
    let quantity = units::Decimal { mantissa: 1, decimals: 0 };
    let place = || order::Place::new("BTCUSDT", model::Side::Buy, None, quantity);
    assert!(answer(&root, "order.create.json", &place()).order_id.is_some());
    answer(&root, "order.create.variants.json", &place());
    let keep = order::GuardChange::Keep;
    let amend = order::Amend {
        symbol: "ETHPERP".into(),
        which: which(),
        quantity: None,
        price: None,
        trigger: None,
        stop: keep,
        target: keep,
    };
    answer(&root, "order.amend.json", &amend);
    let cancel = order::Cancel { symbol: "BTCPERP".into(), which: which() };
    answer(&root, "order.cancel.json", &cancel);
    let all =
        order::CancelAll { symbol: None, settle_coin: "USDT".into(), filter: None, stop_order_type: None };
    assert_eq!(answer(&root, "order.cancel-all.linear.json", &all).len(), 2);
    let batch = order::CancelBatch::split(&[cancel.clone(), cancel]).remove(0);
    let items = answer(&root, "order.cancel-batch.spot.json", &batch);
    assert_eq!((items[0].code, items[1].code), (0, 170_213));
    answer(&root, "order.create-batch.spot.json", &order::PlaceBatch::split(&[place(), place()]).remove(0));
    answer(
        &root,
        "order.amend-batch.option.json",
        &order::AmendBatch::split(&[amend.clone(), amend]).remove(0),
    );
    answer(&root, "order.pre-check.json", &order::PreCheck(place()));
    answer(&root, "order.disconnected-cancel-all.json", &order::DisconnectCancel { seconds: 40 });
    let open = order::OpenOrders {
        symbol: None,
        settle_coin: "USDT".into(),
        which: None,
        recently_closed: false,
        cursor: None,
    };
    assert!(answer(&root, "order.realtime.linear.json", &open).next.is_some());
    let history = order::OrderHistory { symbol: None, which: None, range: None, cursor: None };
    assert!(answer(&root, "order.history.linear.json", &history).rows[0].status.is_end());
    let executions = order::Executions { symbol: None, which: None, range: range(), cursor: None };
    assert_eq!(answer(&root, "execution.list.linear.json", &executions).rows.len(), 1);

    let positions = position::Positions { symbol: None, settle_coin: "USDT".into(), cursor: None };
    let rows = answer(&root, "position.list.inverse.json", &positions).rows;
    assert!(rows[0].entry.is_some() && rows[0].liquidation.is_none());
    let closed = position::ClosedPnl { symbol: None, range: range(), cursor: None };
    // Trap 5: the side of a closed profit is that of the order that closed.
    assert_eq!(answer(&root, "position.closed-pnl.linear.json", &closed).rows[0].side, "Sell");
    let symbol = || "BTCUSDT".to_owned();
    answer(
        &root,
        "position.set-leverage.json",
        &position::SetLeverage { symbol: symbol(), buy: quantity, sell: quantity },
    );
    let mode =
        position::SwitchMode { symbol: None, settle_coin: "USDT".into(), mode: model::PositionMode::OneWay };
    answer(&root, "position.switch-mode.json", &mode);
    let side = model::PositionSide::Net;
    let margin = position::AddMargin { symbol: symbol(), position: side, margin: quantity };
    answer(&root, "position.add-margin.json", &margin);
    let auto = position::AutoAddMargin { symbol: symbol(), position: side, is_on: true };
    answer(&root, "position.set-auto-add-margin.json", &auto);
    answer(&root, "position.confirm-pending-mmr.json", &position::ConfirmPendingMmr { symbol: symbol() });
    answer(&root, "position.symbol-info.json", &position::SymbolInfo::default());
    let stop = position::TradingStop {
        symbol: symbol(),
        position: side,
        guards: order::Guards::default(),
        replaces: false,
        size: None,
        trailing: None,
        activation: None,
    };
    answer(&root, "position.trading-stop.json", &stop);
}

#[test]
fn answers_about_the_account_are_read() {
    let Some(root) = root() else { return };
    let wallet = answer(&root, "account.wallet-balance.json", &account::Wallet { coin: None });
    assert_eq!(wallet[0].coins[0].coin, "BTC");
    answer(&root, "account.info.json", &account::AccountInfo {});
    assert_eq!(answer(&root, "account.fee-rate.json", &account::FeeRate { symbol: None }).len(), 1);
    let log = account::Transactions { currency: None, kind: None, range: range(), cursor: None };
    let rows = answer(&root, "account.transaction-log.json", &log).rows;
    // Trap 6: paid funding is below zero here, above zero in executions.
    assert!(rows[0].kind == "SETTLEMENT" && rows[0].funding.unwrap().mantissa < 0);
    answer(&root, "account.collateral-info.json", &account::Collateral { currency: None });
    let borrow = account::BorrowHistory { currency: None, range: range(), cursor: None };
    answer(&root, "account.borrow-history.json", &borrow);
    assert_eq!(answer(&root, "account.smp-group.json", &account::SmpGroup {}), 0);
    assert_eq!(answer(&root, "account.query-dcp-info.json", &account::DisconnectInfo {}).len(), 2);
    answer(&root, "account.user-setting-config.json", &account::UserSettings {});
    let coins = answer(&root, "account.withdrawal.json", &account::Withdrawable { coins: vec![] });
    assert_eq!(coins.len(), 4);
    answer(&root, "account.set-limit-px-action.json", &account::LimitPriceAction { is_moved: true });
    let key = answer(&root, "user.query-api.json", &account::ApiKey {});
    assert!(!key.may_trade() && key.is_bound(), "a key that can only read, from three addresses");
    let coin = account::CoinBalance { account: "UNIFIED".into(), coin: "USDT".into() };
    answer(&root, "asset.query-account-coin-balance.json", &coin);
    let coins = account::CoinsBalance { account: "FUND".into(), coins: vec![] };
    answer(&root, "asset.query-account-coins-balance.json", &coins);
    let transfer = account::Transfer {
        id: "x".into(),
        coin: "BTC".into(),
        amount: units::Decimal { mantissa: 1, decimals: 0 },
        from: "UNIFIED".into(),
        to: "CONTRACT".into(),
    };
    answer(&root, "asset.inter-transfer.json", &transfer);
    let refused = load(&root.join("rest/account.set-margin-mode.rejected.json"));
    let call = account::SetMarginMode { mode: model::MarginMode::Cross };
    let failure = calls::read(&call, &respond(200, &refused["response"]), true, NOW).unwrap_err();
    assert!(matches!(failure, Failure::Refused { code: 3_400_045, meaning: Meaning::Rejected(_), .. }));
}

#[test]
fn refusals_that_were_seen_are_known() {
    let Some(root) = root() else { return };
    let list = load(&root.join("rest/errors.observed.json"));
    for seen in list.as_array().unwrap() {
        let code = seen["body"]["retCode"].as_i64().unwrap();
        assert!(codes::find(code).is_some(), "{code} is not in the table");
        let response = respond(200, &seen["body"]);
        let failure = calls::read(&calls::Plain, &response, true, NOW).unwrap_err();
        assert!(matches!(failure, Failure::Refused { .. }), "{}", seen["context"]);
    }
}

/// Every recorded message of a socket is read, and none is an error.
#[test]
fn messages_of_sockets_are_read() {
    let Some(root) = root() else { return };
    let mut count = 0;
    for entry in std::fs::read_dir(root.join("ws")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.contains("request") {
            continue;
        }
        let kind = match name.split('.').next().unwrap() {
            "public" => LinkKind::Market,
            "private" => LinkKind::Account,
            _ => LinkKind::Trade,
        };
        let mut world = World::ready();
        let said = world.hear_text(kind, &std::fs::read_to_string(&path).unwrap());
        match (name.as_str(), said) {
            // Batches carry no ticket here and do not say what they answer.
            ("trade.order.create-batch.response.json" | "trade.order.create.response.json", _) => {}
            (_, Ok(said)) => {
                assert!(!said.is_empty(), "{name}");
                let is_refused = said.iter().any(|said| matches!(said, Said::Refused { .. }));
                assert_eq!(is_refused, name.ends_with("error.json"), "{name}: {said:?}");
            }
            (_, Err(error)) => panic!("{name}: {error}"),
        }
        count += 1;
    }
    assert!(count >= 25, "{count} messages");
}

/// What other projects test with: rows of every kind are read, whatever their values.
#[test]
fn rows_of_other_projects_are_read() {
    let Some(root) = root() else { return };
    fn rows<T: Take>(root: &Path, name: &str, pointer: &str) {
        let value = load(&root.join("thirdparty").join(name));
        let inside = format!("/response{pointer}");
        let list = value.pointer(pointer).or_else(|| value.pointer(&inside));
        let list = list.unwrap_or_else(|| panic!("{name}: {pointer}"));
        let root = wire::json::Node::root(list);
        for item in root.items().unwrap() {
            T::take(&item).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
    }
    let list = "/result/list";
    rows::<ExecutionRow>(&root, "nautilus/http_get_executions.json", list);
    rows::<InstrumentRow>(&root, "nautilus/http_get_instruments_linear.json", list);
    rows::<InstrumentRow>(&root, "nautilus/http_get_instruments_inverse.json", list);
    rows::<OrderRow>(&root, "nautilus/http_get_order_partially_filled_rejected.json", list);
    rows::<OrderRow>(&root, "nautilus/http_get_orders_history.json", list);
    rows::<OrderRow>(&root, "nautilus/http_get_orders_realtime.json", list);
    rows::<PositionRow>(&root, "nautilus/http_get_positions.json", list);
    rows::<WalletRow>(&root, "nautilus/http_get_wallet_balance.json", list);
    rows::<WalletRow>(&root, "nautilus/http_get_wallet_balance_spot_short.json", list);
    rows::<market::FundingRow>(&root, "nautilus/http_get_funding_history.json", list);
    rows::<account::FeeRateRow>(&root, "nautilus/http_get_fee_rate.json", list);
    for name in [
        "",
        "_buy_stop_market",
        "_filled",
        "_limit_if_touched",
        "_partially_filled_rejected",
        "_stop_loss",
        "_stop_market",
    ] {
        rows::<OrderRow>(&root, &format!("nautilus/ws_account_order{name}.json"), "/data");
    }
    rows::<ExecutionRow>(&root, "nautilus/ws_account_execution.json", "/data");
    rows::<FastExecutionRow>(&root, "nautilus/ws_account_execution_fast.json", "/data");
    rows::<PositionRow>(&root, "nautilus/ws_account_position.json", "/data");
    rows::<WalletRow>(&root, "nautilus/ws_account_wallet.json", "/data");
    rows::<WalletRow>(&root, "nautilus/ws_account_wallet_locked_exceeds_total.json", "/data");
    let ticker = load(&root.join("thirdparty/nautilus/ws_ticker_linear.json"));
    TickerRow::take(&wire::json::Node::root(&ticker["data"])).unwrap();
    for (name, is_order) in [
        ("rest.Trading.GetOrderHistory.json", true),
        ("rest.Trading.GetPositions.json", false),
        ("rest.Trading.GetPositionsAsync.json", false),
    ] {
        let name = format!("bybitnet/{name}");
        if is_order { rows::<OrderRow>(&root, &name, list) } else { rows::<PositionRow>(&root, &name, list) }
    }
    rows::<WalletRow>(&root, "bybitnet/rest.Account.GetBalances.json", list);
    rows::<TransactionRow>(&root, "bybitnet/rest.Account.GetTransactionHistory.json", list);
    rows::<InstrumentRow>(&root, "bybitnet/rest.ExchangeData.GetLinearInverseSymbols.json", list);
    rows::<InstrumentRow>(&root, "bybitnet/rest.ExchangeData.GetLinearInverseSymbolsPreListing.json", list);
    rows::<ClosedPnlRow>(&root, "../rest/position.closed-pnl.linear.json", "/response/result/list");
}
