//! The pages of the documentation that are made from the program: run with `UPDATE_EXPECT=1` after a change.

use expect_test::expect_file;

#[test]
fn the_page_of_rejections_is_made_from_the_reasons() {
    let page = format!(
        "# Why an exchange says no\n\n\
         Made from the program; do not edit. The simulated exchange gives every reason that a real one gives, under the\n\
         names below, which reports, journals and the API use.\n\n\
         ## Rejections\n\n\
         An order that was refused does not exist; a change that was refused leaves everything as it was.\n\n{}\n\
         ## Cancellations\n\n\
         An order that was accepted ended before it was filled whole.\n\n{}",
        model::rejection_table(),
        model::cancellation_table()
    );
    expect_file!["../../../docs/rejections.md"].assert_eq(&page);
}

#[test]
fn the_page_of_risk_is_made_from_the_checks() {
    let page = format!(
        "# What every order has to pass\n\n\
         Made from the program; do not edit. Risk is the only maker of order commands: whatever a strategy wants passes\n\
         these checks in this order, and the first refusal stands, with its numbers. Orders that only reduce a position pass\n\
         every check that bounds exposure. Limits are set in the [configuration](configuration.md).\n\n{}",
        engine::risk::markdown()
    );
    expect_file!["../../../docs/risk.md"].assert_eq(&page);
}

#[test]
fn the_page_of_indicators_is_made_from_their_catalogue() {
    let page = format!(
        "# Indicators\n\n\
         Made from the program; do not edit. Every indicator streams: it is told one candle at a time, remembers a bounded\n\
         amount, and says nothing until it is warm.\n\n{}",
        indicators::catalogue::markdown()
    );
    expect_file!["../../../docs/indicators.md"].assert_eq(&page);
}

#[test]
fn the_page_of_strategies_is_made_from_their_descriptors() {
    let page = format!(
        "# Built-in strategies\n\n\
         Made from the program; do not edit. None of them is a promise: each says when it is wrong, and on most markets most of\n\
         them lose after costs. Sizes are the house's unless said otherwise; decisions are made on closed candles and meet the\n\
         next one. `plimsoll strategy show NAME` prints the same.\n\n{}",
        strategy::markdown()
    );
    expect_file!["../../../docs/strategies.md"].assert_eq(&page);
}

/// Every key that the table of checks names is a setting.
#[test]
fn the_keys_of_the_checks_are_settings() {
    let table = engine::risk::markdown();
    let reference =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md"))
            .expect("the reference is there");
    for key in table.split('`').filter(|word| word.starts_with("risk.")) {
        let name = key.trim_start_matches("risk.");
        assert!(reference.contains(name), "{key} is not a setting");
    }
}

#[test]
fn the_page_of_rule_words_is_made_from_the_language() {
    let mut page = "# The words of rules\n\n\
         Made from the program; do not edit. How they are put together is told in [rules.md](rules.md); the indicators are on\n\
         [a page of their own](indicators.md), market structure [on another](market-structure.md).\n"
        .to_owned();
    let mut group = "";
    for word in strategy::rules::words() {
        if word.group != group {
            group = word.group;
            page += &format!("\n## {group}\n\n| written | gives | meaning |\n|---|---|---|\n");
        }
        page += &format!("| `{}` | {} | {} |\n", word.call, word.gives, word.meaning);
    }
    page += "\n## Market structure\n\nConditions; each takes a timeframe, or nothing for the strategy's own candles:\n\n";
    let plain = strategy::rules::structure_words();
    page += &plain.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ");
    for (name, allowed) in indicators::structure::Predicate::families() {
        page += &format!("\n\n`{name}(…)` of one of: {}", allowed.join(" "));
    }
    let levels: Vec<String> =
        indicators::structure::Level::ALL.iter().map(|level| format!("`{}`", level.name())).collect();
    page += &format!("\n\nPrices; none while they are not known:\n\n{}\n", levels.join(" "));
    expect_file!["../../../docs/rule-words.md"].assert_eq(&page);
}

/// A test that the page about Bybit names, as a link to its file, is there.
#[test]
fn tests_that_are_named_are_there() {
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let text = std::fs::read_to_string(docs.join("bybit.md")).expect("the page is there");
    let mut count = 0;
    for link in text.split("[`").skip(1) {
        let Some((name, rest)) = link.split_once("`](") else { continue };
        // A link that names no function, such as that of a module.
        if !name.contains('_') {
            continue;
        }
        let file = rest.split_once(')').map_or("", |(file, _)| file);
        let source = std::fs::read_to_string(docs.join(file)).expect("the file of a test");
        assert!(source.contains(&format!("fn {name}(")), "{file} has no test {name}");
        count += 1;
    }
    assert!(count > 20, "only {count} tests are named");
}
