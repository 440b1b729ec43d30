//! The page of the documentation about Bybit is made from the program: run with `UPDATE_EXPECT=1` after a change.

use expect_test::expect_file;
use model::LinkKind;
use std::fmt::Write as _;
use wire::bybit::{Environment, choices, codes, routes};

/// Streams by topic: what is told, and what comes of it.
const TOPICS: &[(&str, &str, &str)] = &[
    ("public", "`orderbook.{50,200,1000}.SYMBOL`", "book changes; a gap in `u` begins the book anew"),
    ("public", "`orderbook.1.SYMBOL`", "quotes"),
    ("public", "`publicTrade.SYMBOL`", "trades, without those agreed away from the book"),
    ("public", "`tickers.SYMBOL`", "mark prices and funding rates; deltas are merged"),
    ("public", "`kline.INTERVAL.SYMBOL`", "candles once they are confirmed, each once"),
    ("public", "`allLiquidation.SYMBOL`", "read (`take_liquidations`); no fact of the engine"),
    ("public", "`orderbook.rpi`, `priceLimit`, `adlAlert`, `insurance`, others", "let pass"),
    (
        "private",
        "`order`",
        "accepted, rejected, triggered, amended, cancelled; legs of partial stops; orders of others",
    ),
    ("private", "`execution`", "fills with their causes, funding"),
    ("private", "`execution.fast`", "read and not booked: it has no fee"),
    ("private", "`position`", "what guards a position, its leverage"),
    ("private", "`wallet`", "read; balances are compared by request"),
    ("private", "`dcp.future`", "subscribed to where a lost connection is to cancel everything"),
    ("private", "`greeks`, others", "let pass"),
    (
        "orders",
        "`order.create`, `order.amend`, `order.cancel`",
        "commands; by request while the socket is away",
    ),
    (
        "orders",
        "`order.create-batch`, `order.amend-batch`, `order.cancel-batch`",
        "typed calls (`order_socket`)",
    ),
];

/// What is easily done wrong, and the tests that it is not: a file below `crates` and a function in it.
const TRAPS: &[(&str, &[(&str, &str)])] = &[
    (
        "code zero is acceptance, not execution; that of a batch hides those of its items",
        &[
            ("wire/tests/bybit_account.rs", "trap_01_commands_are_answered_with_their_meaning"),
            ("wire/tests/bybit_requests.rs", "trap_01_items_of_a_batch_have_their_own_codes"),
            ("wire/src/bybit/order_socket.rs", "trap_01_items_of_a_batch_by_socket_have_their_own_codes"),
        ],
    ),
    (
        "what timed out is never sent again under another name",
        &[
            ("wire/tests/bybit_requests.rs", "pitfall_13_a_command_that_is_sent_again_has_the_same_name"),
            (
                "session/tests/scenarios.rs",
                "pitfall_13_a_lost_answer_is_asked_for_and_the_order_is_never_sent_again",
            ),
        ],
    ),
    ("unchanged is no failure", &[("wire/src/bybit/codes.rs", "trap_03_what_is_so_already_is_no_failure")]),
    ("cursors are escaped already", &[("wire/src/bybit/query.rs", "trap_04_cursors_travel_as_they_came")]),
    (
        "the side of a closed profit is the closing order's, that of a liquidation the position's",
        &[
            ("wire/tests/bybit_account.rs", "sides_are_what_they_are"),
            ("wire/tests/bybit_market.rs", "trap_05_a_buy_liquidation_is_of_a_long_position"),
        ],
    ),
    (
        "the sign of funding turns between execution and log, and trades are listed beside it",
        &[("wire/tests/bybit_account.rs", "trap_06_funding_that_is_paid_is_taken_off")],
    ),
    (
        "fundings are minutes apart in the rules of an instrument, hours in its ticker",
        &[("wire/tests/bybit_requests.rs", "trap_07_fundings_are_minutes_apart_here_and_hours_there")],
    ),
    (
        "`entryPrice` on the stream is `avgPrice` in answers, `\"0\"` there is `\"\"` here",
        &[
            ("wire/tests/bybit_requests.rs", "pitfall_18_one_reader_for_positions_and_trap_08"),
            ("wire/tests/bybit_account.rs", "trap_08_positions_say_what_guards_them"),
        ],
    ),
    (
        "a cancelled order may be filled in part",
        &[("wire/tests/bybit_account.rs", "trap_09_an_end_waits_for_the_executions_it_counts")],
    ),
    (
        "the cursor of positions never ends",
        &[("wire/src/bybit/pager.rs", "trap_10_a_cursor_that_never_ends_does_end")],
    ),
    (
        "one bad topic refuses all of a request; data comes before its acknowledgement; level 1 has no deltas; 500 levels are gone",
        &[
            ("wire/tests/bybit_market.rs", "trap_11_a_bad_topic_does_not_take_the_others_with_it"),
            ("wire/tests/bybit_market.rs", "trap_11_best_prices_come_early_and_twice"),
            ("wire/src/bybit/feeds.rs", "trap_11_topics_are_those_that_exist"),
        ],
    ),
    (
        "demo has no order socket and no public stream of its own",
        &[(
            "wire/src/bybit/environment.rs",
            "trap_12_demo_borrows_the_public_stream_and_has_no_order_socket",
        )],
    ),
    (
        "fast executions hide the name of a maker's order",
        &[("wire/tests/bybit_account.rs", "trap_13_fast_executions_are_not_booked")],
    ),
    (
        "a clock that is a second ahead is fatal, one behind is tolerated for the window",
        &[
            ("wire/src/bybit/server/auth.rs", "trap_14_the_window_is_closed_behind_and_open_ahead"),
            ("session/tests/scenarios.rs", "pitfall_35_a_clock_that_is_wrong_is_measured_and_corrected"),
            (
                "plimsoll/tests/faults.rs",
                "live_trading_comes_through_maintenance_a_ban_and_a_clock_that_steps",
            ),
        ],
    ),
    (
        "a full stop that is said again changes, a partial one adds",
        &[("wire/tests/bybit_operations.rs", "trap_15_what_adds_is_never_repeated")],
    ),
    (
        "in hedge mode the first row of a position may be the empty side",
        &[("wire/tests/bybit_account.rs", "trap_16_hedge_mode_tells_positions_apart")],
    ),
    (
        "texts embed numbers and change",
        &[("wire/tests/bybit_requests.rs", "trap_17_texts_are_shown_and_never_read")],
    ),
];

/// The traps as a table. That the tests are there is checked where the documents are.
fn traps() -> String {
    let mut text = "| | trap | tests |\n|---|---|---|\n".to_owned();
    for (number, (trap, tests)) in TRAPS.iter().enumerate() {
        let mut links = Vec::new();
        for (file, name) in *tests {
            links.push(format!("[`{name}`](../crates/{file})"));
        }
        writeln!(text, "| {} | {trap} | {} |", number + 1, links.join(", ")).unwrap_or_default();
    }
    text
}

#[test]
fn the_page_is_made_from_the_client() {
    let mut environments =
        "| environment | requests | public | private | orders |\n|---|---|---|---|---|\n".to_owned();
    for environment in [Environment::Mainnet, Environment::Testnet, Environment::Demo] {
        let link = |kind| {
            let host = environment.link(kind);
            host.map_or("–".to_owned(), |host| format!("`{host}{}`", Environment::path(kind)))
        };
        let links = LinkKind::ALL.map(link).join(" | ");
        writeln!(environments, "| {} | `{}` | {links} |", environment.name(), environment.rest())
            .unwrap_or_default();
    }
    let mut topics = "| stream | topic | what comes of it |\n|---|---|---|\n".to_owned();
    for (stream, topic, text) in TOPICS {
        writeln!(topics, "| {stream} | {topic} | {text} |").unwrap_or_default();
    }
    let page = format!(
        "# Bybit\n\n\
         Made from the program; do not edit. Linear USDT perpetuals of a unified account, interface V5. Source: the official\n\
         documentation, repository `bybit-exchange/docs` at commit 072c197d (2026-07-24).\n\n\
         ## Environments\n\n\
         A key belongs to exactly one of them. Other hosts (regional ones, an exchange on this machine) can be set.\n\n{environments}\n\
         ## Streams\n\n{topics}\n\
         ## Requests\n\n\
         Limits are those of an account without a rank; the headers of answers count. An address may make 600 requests in five\n\
         seconds.\n\n{}\n\
         ## Codes\n\n\
         Only codes are read, never texts. A code that is not listed leaves the outcome open, and the order is asked about.\n\n{}\n\
         ## What the documentation leaves open\n\n\
         Each point has a choice ([`choices`](../crates/wire/src/bybit/choices.rs)). Where there is no setting, nothing depends on the\n\
         answer.\n\n{}\n\
         ## Traps\n\n\
         What is easily done wrong with this interface, and the tests that it is not.\n\n{}",
        routes::table(),
        codes::table(),
        choices::table(),
        traps(),
    );
    expect_file!["../../../docs/bybit.md"].assert_eq(&page);
}
