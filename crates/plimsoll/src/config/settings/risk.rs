//! The settings of risk: limits of orders and positions, limits of the account, protections.

use super::{Kind, Setting, TEXT, positive, whole, within};

const OFF: &str = "no limit";

pub(super) const RISK: &[Setting] = &[
    Setting::new(
        "max_position_size_percent",
        positive("10000"),
        "10",
        "Largest position, orders on their way included, as a share of equity",
    )
    .unit("percent of equity"),
    Setting::new(
        "max_risk_per_trade_percent",
        positive("2"),
        "1",
        "Most that one trade may lose when its stop is hit, fees included; 2 is a hard cap",
    )
    .unit("percent of equity"),
    Setting::new(
        "max_daily_loss_percent",
        positive("100"),
        "5",
        "Loss in one trading day, open positions included, after which everything is closed and trading stops",
    )
    .unit("percent of equity at the start of the day"),
    Setting::unset(
        "max_weekly_loss_percent",
        positive("100"),
        OFF,
        "The same for a week, which begins on Monday",
    )
    .unit("percent of equity at the start of the week")
    .example("10"),
    Setting::new(
        "max_drawdown_percent",
        positive("100"),
        "15",
        "Fall from the highest equity, open positions included, after which everything is closed and trading stops",
    )
    .unit("percent of the highest equity"),
    Setting::new(
        "caution_percent",
        positive("100"),
        "50",
        "From this share of a loss limit on, new positions are made smaller (the yellow tier)",
    )
    .unit("percent of the limit"),
    Setting::new(
        "caution_size_percent",
        within("0", "100"),
        "50",
        "What is left of the size of new positions in the yellow tier",
    )
    .unit("percent of the size"),
    Setting::new(
        "stop_entries_percent",
        positive("100"),
        "75",
        "From this share of a loss limit on, no position is opened (the orange tier)",
    )
    .unit("percent of the limit"),
    Setting::new(
        "equity_sample_seconds",
        whole(1, 86_400),
        "300",
        "How often the equity is looked at; it is looked at after every fill as well",
    )
    .unit("seconds"),
    Setting::new(
        "equity_smoothing",
        whole(1, 10_000),
        "12",
        "Looks over which a loss is averaged, so that no single spike stops trading; 1 averages nothing",
    ),
    Setting::new(
        "time_zone",
        Kind::Zone,
        "UTC",
        "The clock by which the trading day begins; where it is set to summer time, that day has 23 hours, and one of 25 follows",
    ),
    Setting::new(
        "day_start",
        Kind::Clock,
        "00:00",
        "When the trading day begins by that clock; daily and weekly figures are counted from it",
    ),
    Setting::new(
        "stop_loss_kind",
        Kind::Choice(&["percent", "atr"]),
        "percent",
        "Whether the distance of the stop of a position whose strategy gives none is a share of the price or follows \
         volatility",
    ),
    Setting::new(
        "stop_loss_percent",
        positive("100"),
        "3",
        "Distance of the stop when a strategy gives none",
    )
    .unit("percent of the entry price"),
    Setting::new(
        "stop_loss_atr_multiplier",
        positive("100"),
        "2.0",
        "Distance of a stop that follows volatility, in average true ranges",
    )
    .unit("times ATR"),
    Setting::new(
        "take_profit_risk_reward_ratio",
        positive("100"),
        "2.0",
        "Distance of the take-profit, as a multiple of the distance of the stop",
    )
    .unit("times the stop distance"),
    Setting::new("default_leverage", within("1", "125"), "1", "Leverage set when nothing else says so")
        .unit("times"),
    Setting::new("max_leverage", within("1", "125"), "10", "Highest leverage for any instrument")
        .unit("times"),
    Setting::new("max_open_positions", whole(1, 1000), "5", "Most positions open at the same time"),
    Setting::new("max_daily_trades", whole(1, 100_000), "50", "Most positions opened in one trading day"),
    Setting::new(
        "circuit_breaker_consecutive_losses",
        whole(1, 1000),
        "3",
        "Losing trades in a row after which entries rest",
    ),
    Setting::new(
        "circuit_breaker_minutes",
        whole(1, 525_600),
        "60",
        "How long entries rest after losses in a row or a market that moves too fast",
    )
    .unit("minutes"),
    Setting::unset(
        "volatility_max_move_percent",
        positive("100"),
        OFF,
        "Move of a market from one look at the equity to the next after which entries in it rest",
    )
    .unit("percent of the price")
    .example("5"),
    Setting::unset(
        "volatility_max_ratio",
        positive("1000"),
        OFF,
        "Entries rest while the short volatility of a market is this many times the long one",
    )
    .unit("times")
    .example("4"),
    Setting::new(
        "use_trailing_stop",
        Kind::Switch,
        "false",
        "Let stops follow the price in the winning direction",
    ),
    Setting::unset("max_order_value", positive("1000000000000"), OFF, "Largest value of one order")
        .unit("quote currency")
        .example("5000"),
    Setting::unset("max_order_quantity", positive("1000000000000"), OFF, "Largest quantity of one order")
        .unit("base currency")
        .example("0.5"),
    Setting::unset("max_position_quantity", positive("1000000000000"), OFF, "Largest position by quantity")
        .unit("base currency")
        .example("1"),
    Setting::new(
        "price_collar_percent",
        positive("100"),
        "5",
        "How far from the mark price an order may be priced",
    )
    .unit("percent of the mark price"),
    Setting::unset(
        "max_gross_exposure_percent",
        positive("100000"),
        OFF,
        "Most that all positions together may be worth, long and short ones both counted, orders included",
    )
    .unit("percent of equity")
    .example("300"),
    Setting::unset(
        "max_net_exposure_percent",
        positive("100000"),
        OFF,
        "Most that longs may be worth more than shorts, or the other way round, orders included",
    )
    .unit("percent of equity")
    .example("100"),
    Setting::unset(
        "max_correlated_exposure_percent",
        positive("100000"),
        OFF,
        "Most that the positions may be worth when their correlations are counted: the square root of w'Rw",
    )
    .unit("percent of equity")
    .example("150"),
    Setting::unset(
        "strategy_budget_percent",
        positive("100000"),
        OFF,
        "Most that the positions and orders of any one strategy may be worth",
    )
    .unit("percent of equity")
    .example("50"),
    Setting::new(
        "min_liquidation_distance_percent",
        within("0", "100"),
        "0",
        "How far the price of liquidation must be from the price; the stop must lie before it in any case",
    )
    .unit("percent of the price"),
    Setting::unset("max_orders_per_second", whole(1, 100_000), OFF, "Most orders and amendments in any second")
        .example("10"),
    Setting::unset("max_orders_per_minute", whole(1, 1_000_000), OFF, "Most orders and amendments in any minute")
        .example("100"),
    Setting::unset(
        "max_data_age_seconds",
        whole(1, 86_400),
        OFF,
        "How old the newest market data of an instrument may be when a position is opened",
    )
    .unit("seconds")
    .example("30"),
    Setting::unset(
        "max_clock_drift_ms",
        whole(1, 60_000),
        OFF,
        "How far the exchange's time of a fact may be from ours when a position is opened",
    )
    .unit("milliseconds")
    .example("1000"),
    Setting::new(
        "refuse_duplicate_orders",
        Kind::Switch,
        "true",
        "Refuse an order that is already on its way or resting, to the last detail",
    ),
    Setting::new(
        "refuse_self_trades",
        Kind::Switch,
        "true",
        "Refuse an order that would trade with one of our own",
    ),
    Setting::new(
        "require_stop",
        Kind::Switch,
        "true",
        "Every open position must have a live stop at the exchange; one without gets one or is closed. Strategies that \
         are declared exempt, such as market makers, are left alone",
    ),
];

pub(super) const CLUSTERS: &[Setting] = &[
    Setting::required("name", TEXT, "What the group is called").example("layer-1"),
    Setting::required("symbols", Kind::Symbols, "The instruments in it").example("[BTCUSDT]"),
    Setting::required(
        "max_exposure_percent",
        positive("100000"),
        "Most that their positions may be worth together, long and short ones both counted",
    )
    .unit("percent of equity")
    .example("20"),
];

pub(super) const PROTECTIONS: &[Setting] = &[
    Setting::unset(
        "cooldown_minutes",
        whole(1, 525_600),
        "no cool-down",
        "No entry into an instrument for this long after a position in it was closed (freqtrade: CooldownPeriod)",
    )
    .unit("minutes")
    .example("30"),
    Setting::unset(
        "stop_loss_guard_trades",
        whole(1, 1_000),
        "no such guard",
        "So many stop-outs within the look-back lock entries (freqtrade: StoplossGuard)",
    )
    .example("4"),
    Setting::new("stop_loss_guard_look_back_minutes", whole(1, 525_600), "1440", "Its look-back")
        .unit("minutes"),
    Setting::new("stop_loss_guard_lock_minutes", whole(1, 525_600), "60", "How long it locks").unit("minutes"),
    Setting::new(
        "stop_loss_guard_per_pair",
        Kind::Switch,
        "false",
        "Count and lock each instrument by itself",
    ),
    Setting::new("stop_loss_guard_per_side", Kind::Switch, "false", "Count and lock longs and shorts apart"),
    Setting::unset(
        "low_profit_trades",
        whole(1, 1_000),
        "no such guard",
        "From so many closed trades of an instrument within the look-back on, it is locked while their profits add up to \
         too little (freqtrade: LowProfitPairs)",
    )
    .example("2"),
    Setting::new("low_profit_look_back_minutes", whole(1, 525_600), "360", "Its look-back").unit("minutes"),
    Setting::new("low_profit_lock_minutes", whole(1, 525_600), "60", "How long it locks").unit("minutes"),
    Setting::new(
        "low_profit_least_percent",
        within("-1000", "1000"),
        "0",
        "What the profits, each in percent of its entry value, have to add up to",
    )
    .unit("percent"),
    Setting::unset(
        "max_drawdown_trades",
        whole(1, 1_000),
        "no such guard",
        "From so many closed trades within the look-back on, all entries are locked while the account has lost too much \
         (freqtrade: MaxDrawdown)",
    )
    .example("20"),
    Setting::new("max_drawdown_look_back_minutes", whole(1, 525_600), "2880", "Its look-back").unit("minutes"),
    Setting::new("max_drawdown_lock_minutes", whole(1, 525_600), "720", "How long it locks").unit("minutes"),
    Setting::new(
        "max_drawdown_percent",
        positive("100"),
        "10",
        "Fall of the balance or the equity below the highest balance in the look-back that locks",
    )
    .unit("percent of that balance"),
];
