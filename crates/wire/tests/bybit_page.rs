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
];

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
         Each point has a choice; most have a flag (`wire::bybit::Choices`). Where there is no flag, nothing depends on the answer.\n\n{}",
        routes::table(),
        codes::table(),
        choices::table(),
    );
    expect_file!["../../../docs/bybit.md"].assert_eq(&page);
}
