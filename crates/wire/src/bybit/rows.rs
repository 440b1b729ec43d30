//! Rows of answers and of private messages: one reader for both, since the streams and the requests tell of the same things.
//!
//! What a row must have for us to act on it is required; everything else may be missing or empty. A name with a bar is spelled in
//! either way, depending on where it comes from.
//!
//! Source: the field tables of bybit-exchange/docs, `docs/v5` (2026-07-24).

use super::words::{ExecType, InstrumentStatus, OrderStatus, PositionStatus, StopOrderType};
use units::{Decimal, Timestamp};

/// Writes a struct whose members are read from an object: `field: Type = "nameThere"`.
macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident : $type:ty = $there:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $($(#[$fdoc])* pub $field: $type,)*
        }

        impl $crate::bybit::take::Take for $name {
            fn take(node: &$crate::json::Node<'_>) -> Result<Self, $crate::DecodeError> {
                Ok(Self { $($field: $crate::bybit::take::get(node, $there)?,)* })
            }
        }
    )*};
}

pub(crate) use rows;

rows! {
    /// An order, open or ended.
    OrderRow {
        /// The exchange's name for it.
        order_id: String = "orderId",
        /// Ours; nothing where nobody gave one.
        link_id: Option<String> = "orderLinkId",
        /// Our name for the order that this one came with.
        parent_link_id: Option<String> = "parentOrderLinkId",
        /// The category; in private messages only.
        category: Option<String> = "category",
        /// Of what.
        symbol: String = "symbol",
        /// `Buy` or `Sell`.
        side: String = "side",
        /// `Market` or `Limit`.
        order_type: String = "orderType",
        /// The limit; of a market order its protective bound.
        price: Option<Decimal> = "price",
        /// How much.
        quantity: Decimal = "qty",
        /// `GTC`, `IOC`, `FOK`, `PostOnly`, `RPI`.
        time_in_force: Option<String> = "timeInForce",
        /// Which position.
        position_index: Option<i64> = "positionIdx",
        /// Where it is in its life.
        status: OrderStatus = "orderStatus",
        /// How it ended.
        cancel_type: Option<String> = "cancelType",
        /// Why it was refused or ended.
        reject_reason: Option<String> = "rejectReason",
        /// The average price of its executions.
        average: Option<Decimal> = "avgPrice",
        /// How much is open.
        leaves: Option<Decimal> = "leavesQty",
        /// How much was executed.
        executed: Option<Decimal> = "cumExecQty",
        /// The value of what was executed.
        executed_value: Option<Decimal> = "cumExecValue",
        /// The trigger; zero where there is none.
        trigger: Option<Decimal> = "triggerPrice",
        /// One for rising, two for falling.
        trigger_direction: Option<i64> = "triggerDirection",
        /// Which price triggers.
        trigger_by: Option<String> = "triggerBy",
        /// What it waits for.
        stop_order_type: Option<StopOrderType> = "stopOrderType",
        /// Who made it.
        create_type: Option<String> = "createType",
        /// The target; zero where there is none.
        take_profit: Option<Decimal> = "takeProfit",
        /// The stop; zero where there is none.
        stop_loss: Option<Decimal> = "stopLoss",
        /// `Full` or `Partial`.
        guard_mode: Option<String> = "tpslMode",
        /// It may only make the position smaller.
        reduce_only: Option<bool> = "reduceOnly",
        /// It closes even where margin lacks.
        close_on_trigger: Option<bool> = "closeOnTrigger",
        /// When it was made.
        created: Option<Timestamp> = "createdTime",
        /// When it changed last.
        updated: Option<Timestamp> = "updatedTime",
    }

    /// An execution: a trade, funding, a liquidation.
    ExecutionRow {
        /// Of what.
        symbol: String = "symbol",
        /// The category; in private messages only.
        category: Option<String> = "category",
        /// The order.
        order_id: String = "orderId",
        /// Our name for the order.
        link_id: Option<String> = "orderLinkId",
        /// `Buy` or `Sell`; of funding, the side of the position.
        side: String = "side",
        /// Its own name: the key.
        exec_id: String = "execId",
        /// The price; of funding, the price of the settlement.
        price: Decimal = "execPrice",
        /// How much; of funding, the size of the position.
        quantity: Decimal = "execQty",
        /// Price times quantity.
        value: Option<Decimal> = "execValue",
        /// The fee, above zero when paid.
        fee: Decimal = "execFee",
        /// The rate of the fee; of funding, the funding rate, negated for a short position.
        fee_rate: Option<Decimal> = "feeRate",
        /// What the fee is in.
        fee_currency: Option<String> = "feeCurrency",
        /// What it is.
        kind: ExecType = "execType",
        /// Whether it made liquidity.
        is_maker: Option<bool> = "isMaker",
        /// How much of a position it closed.
        closed: Option<Decimal> = "closedSize",
        /// What is left of the order.
        leaves: Option<Decimal> = "leavesQty",
        /// What the order waited for.
        stop_order_type: Option<StopOrderType> = "stopOrderType",
        /// Who made the order.
        create_type: Option<String> = "createType",
        /// When.
        time: Timestamp = "execTime",
        /// The number that it shares with the position message.
        sequence: Option<i64> = "seq",
    }

    /// An execution as the fast stream tells it: without its fee, and without our name where it made liquidity.
    FastExecutionRow {
        /// The category.
        category: Option<String> = "category",
        /// Of what.
        symbol: String = "symbol",
        /// The order.
        order_id: String = "orderId",
        /// Our name for the order; hidden for makers.
        link_id: Option<String> = "orderLinkId",
        /// Its own name: the key.
        exec_id: String = "execId",
        /// The price.
        price: Decimal = "execPrice",
        /// How much.
        quantity: Decimal = "execQty",
        /// `Buy` or `Sell`.
        side: String = "side",
        /// Whether it made liquidity.
        is_maker: Option<bool> = "isMaker",
        /// When.
        time: Timestamp = "execTime",
    }

    /// A position. A flat one has an empty side, and empty texts or zeros.
    PositionRow {
        /// The category; in private messages only.
        category: Option<String> = "category",
        /// Of what.
        symbol: String = "symbol",
        /// Zero, or one and two in hedge mode.
        position_index: i64 = "positionIdx",
        /// `Buy`, `Sell`, or empty when flat.
        side: Option<String> = "side",
        /// How much, without a sign.
        size: Decimal = "size",
        /// The average entry price.
        entry: Option<Decimal> = "avgPrice|entryPrice",
        /// Its value.
        value: Option<Decimal> = "positionValue",
        /// The leverage; empty in portfolio mode.
        leverage: Option<Decimal> = "leverage",
        /// The mark price.
        mark: Option<Decimal> = "markPrice",
        /// Where it would be liquidated, an estimate.
        liquidation: Option<Decimal> = "liqPrice",
        /// Where it would end without profit or loss.
        break_even: Option<Decimal> = "breakEvenPrice",
        /// Initial margin.
        initial_margin: Option<Decimal> = "positionIM",
        /// Maintenance margin.
        maintenance_margin: Option<Decimal> = "positionMM",
        /// The target; zero where there is none.
        take_profit: Option<Decimal> = "takeProfit",
        /// The stop; zero where there is none.
        stop_loss: Option<Decimal> = "stopLoss",
        /// The distance of the trailing stop; zero where there is none.
        trailing: Option<Decimal> = "trailingStop",
        /// Profit at the mark.
        unrealised: Option<Decimal> = "unrealisedPnl",
        /// Profit since it was opened.
        realised: Option<Decimal> = "curRealisedPnl",
        /// Profit of all time.
        realised_ever: Option<Decimal> = "cumRealisedPnl",
        /// Whether it is in trouble.
        status: Option<PositionStatus> = "positionStatus",
        /// One for margin that is added by itself.
        auto_add_margin: Option<i64> = "autoAddMargin",
        /// How near deleveraging is.
        adl_rank: Option<i64> = "adlRankIndicator",
        /// The exchange takes reduce-only orders for it only.
        is_reduce_only: Option<bool> = "isReduceOnly",
        /// The number that it shares with executions; −1 when never traded.
        sequence: Option<i64> = "seq",
        /// When it changed last.
        updated: Option<Timestamp> = "updatedTime",
        /// When the exchange changed its maintenance rate.
        maintenance_changed: Option<Timestamp> = "mmrSysUpdatedTime|mmrSysUpdateTime",
    }

    /// A unified account.
    WalletRow {
        /// `UNIFIED`.
        account_type: Option<String> = "accountType",
        /// Everything, in US dollars.
        equity: Option<Decimal> = "totalEquity",
        /// Cash, in US dollars.
        wallet: Option<Decimal> = "totalWalletBalance",
        /// What margin is measured against.
        margin: Option<Decimal> = "totalMarginBalance",
        /// What is free for new orders.
        available: Option<Decimal> = "totalAvailableBalance",
        /// Profit of open positions.
        perpetual_profit: Option<Decimal> = "totalPerpUPL|totalPerpUpl",
        /// Initial margin.
        initial_margin: Option<Decimal> = "totalInitialMargin",
        /// Maintenance margin.
        maintenance_margin: Option<Decimal> = "totalMaintenanceMargin",
        /// Maintenance margin over margin balance: at one it is liquidated.
        maintenance_rate: Option<Decimal> = "accountMMRate",
        /// Coin by coin.
        coins: Vec<CoinRow> = "coin",
    }

    /// One coin of an account.
    CoinRow {
        /// Which.
        coin: String = "coin",
        /// Cash.
        wallet: Decimal = "walletBalance",
        /// Cash and profit of open positions.
        equity: Option<Decimal> = "equity",
        /// In US dollars.
        usd_value: Option<Decimal> = "usdValue",
        /// Held by spot orders.
        locked: Option<Decimal> = "locked",
        /// Held by orders.
        order_margin: Option<Decimal> = "totalOrderIM",
        /// Held by positions.
        position_margin: Option<Decimal> = "totalPositionIM",
        /// Profit of open positions.
        unrealised: Option<Decimal> = "unrealisedPnl",
        /// Profit of all time.
        realised_ever: Option<Decimal> = "cumRealisedPnl",
        /// Borrowed.
        borrowed: Option<Decimal> = "borrowAmount",
    }

    /// The profit of one order that closed something.
    ClosedPnlRow {
        /// Of what.
        symbol: String = "symbol",
        /// The order.
        order_id: String = "orderId",
        /// The side of the order that closed: `Sell` closed a long position.
        side: String = "side",
        /// How much the order was for.
        quantity: Decimal = "qty",
        /// How much it closed.
        closed: Decimal = "closedSize",
        /// Value at entry.
        entry_value: Option<Decimal> = "cumEntryValue",
        /// Average price of the entry.
        entry: Option<Decimal> = "avgEntryPrice",
        /// Value at exit.
        exit_value: Option<Decimal> = "cumExitValue",
        /// Average price of the exit.
        exit: Option<Decimal> = "avgExitPrice",
        /// Profit, both fees taken off, funding not counted.
        profit: Decimal = "closedPnl",
        /// The fee of opening.
        open_fee: Option<Decimal> = "openFee",
        /// The fee of closing.
        close_fee: Option<Decimal> = "closeFee",
        /// Executions.
        fills: Option<i64> = "fillCount",
        /// The leverage.
        leverage: Option<Decimal> = "leverage",
        /// `Trade`, `BustTrade`, …
        kind: Option<ExecType> = "execType",
        /// When.
        created: Timestamp = "createdTime",
        /// When it was completed.
        updated: Timestamp = "updatedTime",
    }

    /// A change of the balance. `change = cash_flow + funding − fee`.
    TransactionRow {
        /// Its name.
        id: String = "id",
        /// Of what.
        symbol: Option<String> = "symbol",
        /// The category.
        category: Option<String> = "category",
        /// `Buy` or `Sell`.
        side: Option<String> = "side",
        /// When.
        time: Timestamp = "transactionTime",
        /// `TRADE`, `SETTLEMENT` (funding), `TRANSFER_IN`, …: open.
        kind: String = "type",
        /// How much was traded.
        quantity: Option<Decimal> = "qty",
        /// The position after it, signed.
        size: Option<Decimal> = "size",
        /// The currency of every amount here.
        currency: String = "currency",
        /// The price.
        price: Option<Decimal> = "tradePrice",
        /// Funding: below zero when paid, the other way round than in executions.
        funding: Option<Decimal> = "funding",
        /// The fee, above zero when paid.
        fee: Option<Decimal> = "fee",
        /// Profit and transfers.
        cash_flow: Option<Decimal> = "cashFlow",
        /// The whole change.
        change: Decimal = "change",
        /// Cash after it.
        balance: Option<Decimal> = "cashBalance",
        /// The execution.
        trade_id: Option<String> = "tradeId",
        /// The order.
        order_id: Option<String> = "orderId",
        /// Our name for the order.
        link_id: Option<String> = "orderLinkId",
    }

    /// The rules of an instrument.
    InstrumentRow {
        /// Its name.
        symbol: String = "symbol",
        /// `LinearPerpetual` for us.
        contract_type: String = "contractType",
        /// Whether it can be traded.
        status: InstrumentStatus = "status",
        /// What is bought and sold.
        base: String = "baseCoin",
        /// What prices are in.
        quote: String = "quoteCoin",
        /// What it is settled in.
        settle: Option<String> = "settleCoin",
        /// When it was listed.
        launched: Option<Timestamp> = "launchTime",
        /// When it is delivered: zero for a perpetual that is not being delisted.
        delivery: Option<Timestamp> = "deliveryTime",
        /// Leverage.
        leverage: LeverageFilter = "leverageFilter",
        /// Prices.
        price: PriceFilter = "priceFilter",
        /// Quantities.
        lot: LotFilter = "lotSizeFilter",
        /// Minutes between two fundings.
        funding_minutes: Option<i64> = "fundingInterval",
        /// The highest funding rate.
        upper_funding: Option<Decimal> = "upperFundingRate",
        /// The lowest.
        lower_funding: Option<Decimal> = "lowerFundingRate",
        /// Before its listing.
        is_pre_listing: Option<bool> = "isPreListing",
        /// How far a limit price may be from the mark.
        risk: Option<PriceLimitRatios> = "riskParameters",
    }

    /// The leverage that an instrument allows.
    LeverageFilter {
        /// At least.
        min: Decimal = "minLeverage",
        /// At most.
        max: Decimal = "maxLeverage",
        /// In steps of.
        step: Option<Decimal> = "leverageStep",
    }

    /// The prices that an instrument allows.
    PriceFilter {
        /// At least.
        min: Option<Decimal> = "minPrice",
        /// At most.
        max: Option<Decimal> = "maxPrice",
        /// In steps of. Without it nothing can be traded, and none is assumed.
        tick: Decimal = "tickSize",
    }

    /// The quantities that an instrument allows.
    LotFilter {
        /// At least.
        min: Decimal = "minOrderQty",
        /// At most for a limit order.
        max_limit: Decimal = "maxOrderQty",
        /// At most for a market order.
        max_market: Decimal = "maxMktOrderQty",
        /// In steps of.
        step: Decimal = "qtyStep",
        /// The smallest value.
        min_notional: Option<Decimal> = "minNotionalValue",
    }

    /// How far a limit price may be from the mark price.
    PriceLimitRatios {
        /// The inner bound.
        x: Option<Decimal> = "priceLimitRatioX",
        /// The outer bound.
        y: Option<Decimal> = "priceLimitRatioY",
    }

    /// A risk tier.
    RiskRow {
        /// Its number.
        id: i64 = "id",
        /// Of what.
        symbol: String = "symbol",
        /// Positions up to this value.
        limit: Decimal = "riskLimitValue",
        /// Maintenance margin as a fraction of the value.
        maintenance: Decimal = "maintenanceMargin",
        /// Initial margin as a fraction.
        initial: Option<Decimal> = "initialMargin",
        /// The highest leverage.
        max_leverage: Decimal = "maxLeverage",
        /// What is taken off the maintenance margin; nothing in the first tier.
        deduction: Option<Decimal> = "mmDeduction",
    }

    /// What the market of an instrument is like. In the stream, a delta has only what changed.
    TickerRow {
        /// Of what.
        symbol: String = "symbol",
        /// The last price.
        last: Option<Decimal> = "lastPrice",
        /// The mark price.
        mark: Option<Decimal> = "markPrice",
        /// The index price.
        index: Option<Decimal> = "indexPrice",
        /// Open interest, in base currency.
        open_interest: Option<Decimal> = "openInterest",
        /// The same, in quote currency.
        open_interest_value: Option<Decimal> = "openInterestValue",
        /// The rate of the next funding.
        funding_rate: Option<Decimal> = "fundingRate",
        /// When it is.
        next_funding: Option<Timestamp> = "nextFundingTime",
        /// Hours between two fundings; minutes in the rules of an instrument.
        funding_hours: Option<i64> = "fundingIntervalHour",
        /// The bound of the rate.
        funding_cap: Option<Decimal> = "fundingCap",
        /// The best bid.
        bid: Option<Decimal> = "bid1Price",
        /// How much is bid.
        bid_size: Option<Decimal> = "bid1Size",
        /// The best ask.
        ask: Option<Decimal> = "ask1Price",
        /// How much is offered.
        ask_size: Option<Decimal> = "ask1Size",
        /// Traded in a day, in base currency.
        volume: Option<Decimal> = "volume24h",
        /// Traded in a day, in quote currency.
        turnover: Option<Decimal> = "turnover24h",
        /// The highest price of a day.
        high: Option<Decimal> = "highPrice24h",
        /// The lowest price of a day.
        low: Option<Decimal> = "lowPrice24h",
        /// The change of a day, as a fraction.
        change: Option<Decimal> = "price24hPcnt",
    }
}

impl TickerRow {
    /// Takes over what a delta has.
    pub fn merge(&mut self, delta: &Self) {
        macro_rules! newer {
            ($($field:ident),*) => {$( if delta.$field.is_some() { self.$field = delta.$field; } )*};
        }
        newer!(
            last,
            mark,
            index,
            open_interest,
            open_interest_value,
            funding_rate,
            next_funding,
            funding_hours,
            funding_cap,
            bid,
            bid_size,
            ask,
            ask_size,
            volume,
            turnover,
            high,
            low,
            change
        );
    }
}

/// A value where zero means none.
#[must_use]
pub fn nonzero(value: Option<Decimal>) -> Option<Decimal> {
    value.filter(|value| value.mantissa != 0)
}
