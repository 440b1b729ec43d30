//! One of everything that can be said, with every field set to something of its own.

use model::{
    Amendment, BalanceChange, Bar, BookChange, BookUpdate, CancelReason, CancelScope, Candle, Change,
    ClientOrderId, Exchange, Fact, Fill, FillCause, FundingRate, Instrument, InstrumentIx, InstrumentKind,
    InstrumentSpec, LegId, LegKind, LinkKind, Liquidation, LiquidationStage, Liquidity, MarginMode,
    MarginTier, MarkPrice, NewOrder, OrderCommand, OrderKind, OrderReport, PositionMode, PositionReport,
    PositionSide, Protection, ProtectionMode, Quote, RejectReason, SelfTradePrevention, Side, TimeInForce,
    Timeframe, Trade, Trailing, TriggerBy, VenueEvent,
};
use std::num::NonZeroU64;
use units::{Amount, Decimal, Price, Quantity, Rate, Span, Timestamp};
use wire::{Answer, Ended, Meaning, OrderAnswer, Question};

pub(crate) const IX: InstrumentIx = InstrumentIx(0);

const ID: ClientOrderId = ClientOrderId::new(1, 0);

fn spec(symbol: &str) -> InstrumentSpec {
    InstrumentSpec {
        symbol: symbol.into(),
        exchange: Exchange::Synthetic,
        kind: InstrumentKind::LinearPerpetual,
        base: "TEST".into(),
        quote: "USDT".into(),
        price_decimals: 2,
        quantity_decimals: 4,
        contract_size: Decimal { mantissa: 1, decimals: 0 },
        tick_size: Price::new(10),
        quantity_step: Quantity::new(10),
        min_quantity: Quantity::new(20),
        max_limit_quantity: Quantity::new(1_000_000),
        max_market_quantity: Quantity::new(500_000),
        min_notional: Amount::parse("5").unwrap(),
        margin_tiers: vec![MarginTier {
            notional_limit: Amount::parse("100000000").unwrap(),
            maintenance_rate: Rate::parse("0.005").unwrap(),
            max_leverage: Rate::parse("20").unwrap(),
            deduction: Amount::ZERO,
        }],
        funding_interval: Span::from_seconds(8 * 3600),
        version: 1,
    }
}

pub(crate) fn instrument(symbol: &str) -> Instrument {
    Instrument::new(spec(symbol)).unwrap()
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds).unwrap()
}

fn order(kind: OrderKind) -> NewOrder {
    NewOrder::new(ID, IX, Side::Buy, kind, Quantity::new(30))
}

pub(crate) fn commands() -> Vec<OrderCommand> {
    let (price, trigger, by) = (Price::new(1230), Price::new(1240), TriggerBy::Mark);
    let protection = Protection {
        stop_by: TriggerBy::Index,
        target_by: TriggerBy::Mark,
        ..Protection::new(Some(Price::new(10)), Some(Price::new(20)))
    };
    let full = NewOrder {
        side: Side::Sell,
        position_side: PositionSide::Short,
        time_in_force: TimeInForce::PostOnly,
        reduce_only: true,
        close_on_trigger: true,
        self_trade: SelfTradePrevention::CancelBoth,
        protection,
        protection_mode: ProtectionMode::Partial { stop_limit: Some(Price::new(11)), target_limit: None },
        ..order(OrderKind::Limit { price })
    };
    let amendment = Amendment {
        price: Some(price),
        trigger: Some(trigger),
        quantity: Some(Quantity::new(7)),
        stop_loss: Change::Remove,
        take_profit: Change::To(price),
    };
    let leg = LegId(NonZeroU64::new(9).unwrap());
    let side = PositionSide::Long;
    let amount = Amount::from_units(-170_000_000_000_000_000_001);
    vec![
        OrderCommand::Place(order(OrderKind::Market)),
        OrderCommand::Place(full),
        OrderCommand::Place(order(OrderKind::StopMarket { trigger, by })),
        OrderCommand::Place(order(OrderKind::StopLimit { trigger, by, price })),
        OrderCommand::Place(order(OrderKind::TakeProfitMarket { trigger, by })),
        OrderCommand::Place(order(OrderKind::TakeProfitLimit { trigger, by, price })),
        OrderCommand::Place(order(OrderKind::TrailingStop {
            distance: price,
            activation: Some(trigger),
            by,
        })),
        OrderCommand::Place(order(OrderKind::TrailingStop { distance: price, activation: None, by })),
        OrderCommand::Amend { id: ID, instrument: IX, amendment },
        OrderCommand::Amend { id: ID, instrument: IX, amendment: Amendment::default() },
        OrderCommand::Cancel { id: ID, instrument: InstrumentIx(1) },
        OrderCommand::CancelAll { instrument: None, scope: CancelScope::Orders },
        OrderCommand::CancelAll { instrument: Some(IX), scope: CancelScope::Guards },
        OrderCommand::CancelLeg { leg, instrument: IX },
        OrderCommand::Protect {
            instrument: IX,
            position_side: side,
            protection,
            trailing: Some(Trailing { distance: price, activation: Some(trigger) }),
        },
        OrderCommand::ProtectPart {
            instrument: IX,
            position_side: side,
            quantity: Quantity::new(5),
            protection: Protection::NONE,
            stop_limit: None,
            target_limit: Some(price),
        },
        OrderCommand::SetLeverage { instrument: IX, buy: Rate::from_units(1), sell: Rate::from_units(2) },
        OrderCommand::SetMarginMode { instrument: None, mode: MarginMode::Cross },
        OrderCommand::SetPositionMode { instrument: Some(IX), mode: PositionMode::Hedge },
        OrderCommand::MoveMargin { instrument: IX, position_side: side, amount },
        OrderCommand::Query { id: ID, instrument: IX, sent_at: time(5) },
    ]
}

pub(crate) fn fill() -> Fill {
    Fill {
        execution: u64::MAX,
        order: Some(ID),
        leg: Some(LegId(NonZeroU64::new(3).unwrap())),
        cause: FillCause::TrailingStop,
        instrument: IX,
        position_side: PositionSide::Net,
        side: Side::Sell,
        price: Price::new(i64::MAX),
        quantity: Quantity::new(1),
        fee: Amount::from_units(-5),
        liquidity: Liquidity::Maker,
        exchange_time: time(77),
    }
}

pub(crate) fn order_report() -> OrderReport {
    OrderReport {
        id: ID,
        instrument: IX,
        side: Side::Sell,
        position_side: PositionSide::Net,
        kind: OrderKind::Limit { price: Price::new(100) },
        quantity: Quantity::new(30),
        filled: Quantity::new(10),
        reduce_only: true,
    }
}

fn position_report() -> PositionReport {
    PositionReport {
        instrument: InstrumentIx(1),
        position_side: PositionSide::Short,
        quantity: Quantity::new(-8),
        entry: Some(Price::new(99)),
    }
}

pub(crate) fn events() -> Vec<VenueEvent> {
    let (id, instrument, position_side) = (ID, IX, PositionSide::Net);
    let (price, amount, rate) = (Price::new(5), Amount::from_units(1 << 100), Rate::from_units(-3));
    let leg = LegId(NonZeroU64::new(3).unwrap());
    let mut events = vec![
        VenueEvent::Accepted { id, instrument },
        VenueEvent::Triggered { id, instrument },
        VenueEvent::Filled(fill()),
        VenueEvent::Filled(Fill { order: None, leg: None, cause: FillCause::Reconciliation, ..fill() }),
        VenueEvent::Amended { id, instrument, amendment: Amendment::default() },
        VenueEvent::Refused { id: None, instrument, reason: RejectReason::NotSent },
        VenueEvent::Protected {
            instrument,
            position_side,
            protection: Protection::NONE,
            trailing: Some(Trailing { distance: price, activation: None }),
        },
        VenueEvent::TrailingActivated { id: Some(id), instrument, position_side },
        VenueEvent::LegPlaced {
            leg,
            instrument,
            position_side,
            kind: LegKind::TakeProfit,
            quantity: Quantity::new(4),
            trigger: price,
            by: TriggerBy::Last,
            limit: Some(price),
            parent: Some(id),
        },
        VenueEvent::LegTriggered { leg, instrument, position_side },
        VenueEvent::LegCancelled { leg, instrument, position_side, reason: CancelReason::StopTriggered },
        VenueEvent::LeverageSet { instrument, buy: rate, sell: rate },
        VenueEvent::MarginModeSet { instrument: None, mode: MarginMode::Isolated },
        VenueEvent::PositionModeSet { instrument: Some(instrument), mode: PositionMode::OneWay },
        VenueEvent::MarginMoved { instrument, position_side, amount },
        VenueEvent::Balance(BalanceChange::Funding { instrument, position_side, rate, mark: price, amount }),
        VenueEvent::Balance(BalanceChange::Deposit { amount }),
        VenueEvent::Balance(BalanceChange::Insurance { amount }),
        VenueEvent::Balance(BalanceChange::Conversion { amount }),
        VenueEvent::Liquidated(Liquidation {
            instrument,
            position_side,
            side: Side::Buy,
            stage: LiquidationStage::TakenOver,
            is_mark: true,
            quantity: Quantity::new(2),
            mark: price,
            liquidation_price: price,
            bankruptcy_price: price,
            price,
            fee: amount,
        }),
        VenueEvent::Reported(order_report()),
        VenueEvent::Position(position_report()),
        VenueEvent::Wallet { amount },
        VenueEvent::Unanswered { id, instrument },
        VenueEvent::Link { venue: 3, kind: LinkKind::Trade, is_up: false },
        VenueEvent::Ready { instrument, is_ready: true },
    ];
    let rejected = |reason: &RejectReason| VenueEvent::Rejected { id, instrument, reason: *reason };
    events.extend(RejectReason::ALL.iter().map(rejected));
    let cancelled = |reason: &CancelReason| VenueEvent::Cancelled { id, instrument, reason: *reason };
    events.extend(CancelReason::ALL.iter().map(cancelled));
    events
}

pub(crate) fn book_change() -> BookChange {
    BookChange {
        instrument: IX,
        exchange_time: time(9),
        update_id: 5,
        update: BookUpdate::Level { side: Side::Buy, price: Price::new(90), quantity: Quantity::ZERO },
        is_last: true,
    }
}

pub(crate) fn market_facts() -> Vec<Fact> {
    let p = Price::new;
    let bar = Bar {
        open_time: time(60),
        open: p(10),
        high: p(12),
        low: p(9),
        close: p(11),
        volume: Quantity::new(5),
    };
    vec![
        Fact::Candle(Candle { instrument: IX, timeframe: Timeframe::MINUTE, bar }),
        Fact::Quote(Quote {
            instrument: IX,
            exchange_time: time(1),
            bid: p(9),
            bid_quantity: Quantity::new(1),
            ask: p(10),
            ask_quantity: Quantity::new(2),
        }),
        Fact::Trade(Trade {
            instrument: InstrumentIx(1),
            exchange_time: time(2),
            price: p(8),
            quantity: Quantity::new(3),
            taker_side: Side::Sell,
            trade_id: 12,
        }),
        Fact::Book(BookChange { update: BookUpdate::Clear, is_last: false, ..book_change() }),
        Fact::Book(book_change()),
        Fact::Mark(MarkPrice { instrument: IX, exchange_time: time(3), mark: p(7) }),
        Fact::Funding(FundingRate { instrument: IX, funding_time: time(4), rate: Rate::from_units(-100) }),
    ]
}

pub(crate) fn endings() -> Vec<OrderAnswer> {
    let ended = |how| OrderAnswer::Ended { filled: Quantity::new(2), how };
    vec![
        OrderAnswer::Open(order_report()),
        ended(Ended::Filled),
        ended(Ended::Cancelled(CancelReason::ReduceOnly)),
        ended(Ended::Rejected(RejectReason::PriceTick)),
    ]
}

pub(crate) fn answers() -> Vec<(Question, Answer)> {
    vec![
        (Question::Time, Answer::Time(time(8))),
        (Question::OpenOrders, Answer::OpenOrders(vec![order_report(), order_report()])),
        (Question::Order { id: ID, instrument: IX }, Answer::Order(OrderAnswer::NotFound)),
        (Question::Fills { since: time(7) }, Answer::Fills { fills: vec![fill()], has_more: true }),
        (Question::Positions, Answer::Positions(vec![position_report()])),
        (Question::Wallet, Answer::Wallet(Amount::from_units(i128::MAX))),
        (Question::Instruments, Answer::Instruments(vec![spec("AAAUSDT")])),
        (Question::Wallet, Answer::Failed(Meaning::RateLimited { until: Some(time(9)) })),
        (Question::Wallet, Answer::Failed(Meaning::Maintenance { until: None })),
        (Question::Wallet, Answer::Failed(Meaning::Reconnect)),
    ]
}
