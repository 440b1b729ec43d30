//! What is made from the table of settings: the default file, the reference, the schema.

use std::path::Path;

use expect_test::expect_file;
use serde_json::{Value as Json, json};

use super::{World, yaml};
use crate::config::node::{Form, Node};
use crate::config::settings::{Default, SECTIONS, Shape};
use crate::config::{Bound, Decimal, Kind, default_yaml, reference, schema};

#[test]
fn the_committed_default_yaml_is_the_table() {
    expect_file!["../../../../../config/default.yaml"].assert_eq(&default_yaml());
}

#[test]
fn the_committed_reference_is_the_table() {
    expect_file!["../../../../../docs/configuration.md"].assert_eq(&reference());
}

#[test]
fn default_yaml_parses_to_exactly_the_defaults() {
    let from_file = yaml(&default_yaml()).good();
    let built_in = World::new().good();
    assert_eq!(format!("{:?}", from_file.config), format!("{:?}", built_in.config));
    for section in SECTIONS {
        assert!(from_file.is_explicit(section.name), "{} is not in the file", section.name);
    }
}

#[test]
fn the_examples_in_default_yaml_are_valid() {
    let uncommented: Vec<String> = default_yaml()
        .replace("pairs: []", "pairs:")
        .replace("strategies: []", "strategies:")
        .replace("clusters: []", "clusters:")
        .lines()
        .map(|line| if line.starts_with("#   ") { line[1..].to_owned() } else { line.to_owned() })
        .collect();
    let config = yaml(&uncommented.join("\n")).good().config;
    assert_eq!(config.pairs[0].symbol, "BTCUSDT");
    assert_eq!(config.strategies[0].parameters.len(), 2);
    assert_eq!(config.clusters[0].symbols.len(), 1);
}

/// The defaults users were promised.
#[test]
fn defaults_are_the_promised_ones() {
    let promised = [
        ("exchange.name", json!("bybit")),
        ("exchange.testnet", json!(true)),
        ("exchange.rate_limit", json!(10)),
        ("exchange.timeout", json!(30)),
        ("exchange.max_retries", json!(3)),
        ("execution.buffer_bars", json!(500)),
        ("backtest.initial_balance", json!("10000")),
        ("backtest.taker_fee_percent", json!("0.055")),
        ("backtest.maker_fee_percent", json!("0.02")),
        ("backtest.slippage_percent", json!("0.05")),
        ("system.max_workers", Json::Null),
        ("system.update_interval_seconds", json!(60)),
        ("risk.max_position_size_percent", json!("10")),
        ("risk.max_risk_per_trade_percent", json!("1")),
        ("risk.max_daily_loss_percent", json!("5")),
        ("risk.max_drawdown_percent", json!("15")),
        ("risk.stop_loss_percent", json!("3")),
        ("risk.stop_loss_atr_multiplier", json!("2")),
        ("risk.take_profit_risk_reward_ratio", json!("2")),
        ("risk.default_leverage", json!("1")),
        ("risk.max_leverage", json!("10")),
        ("risk.max_open_positions", json!(5)),
        ("risk.max_daily_trades", json!(50)),
        ("risk.circuit_breaker_consecutive_losses", json!(3)),
        ("risk.use_trailing_stop", json!(false)),
    ];
    let values = World::new().good().values;
    for (key, value) in promised {
        let shown = values.iter().find(|shown| shown.key == key).unwrap_or_else(|| panic!("{key}"));
        assert_eq!(shown.value, value, "{key}");
    }
}

#[test]
fn the_table_is_sound() {
    let mut names: Vec<&str> = SECTIONS.iter().map(|section| section.name).collect();
    names.dedup();
    assert_eq!(names.len(), SECTIONS.len());
    for section in SECTIONS {
        for setting in section.settings {
            let name = format!("{}.{}", section.name, setting.key);
            let twice = section.settings.iter().filter(|other| other.key == setting.key).count();
            assert_eq!(twice, 1, "{name} twice");
            assert!(!setting.about.is_empty() && !setting.about.ends_with('.'), "{name}");
            if let Kind::Decimal { from: Bound::Included(from) | Bound::Excluded(from), to } = setting.kind {
                assert!(from.parse::<Decimal>().unwrap() < to.text().parse().unwrap(), "{name}");
            }
            let complete = crate::config::merge::default_value(setting).is_some();
            assert_eq!(complete, setting.default != Default::Required, "{name} has no valid default");
        }
    }
}

/// Texts just inside and just outside the range of a setting.
fn ends(kind: Kind) -> (Vec<String>, Vec<String>) {
    match kind {
        Kind::Whole { min, max } => {
            let below = i64::from(min) - 1;
            (
                vec![min.to_string(), max.to_string()],
                vec![below.to_string(), (i64::from(max) + 1).to_string()],
            )
        }
        Kind::Decimal { from, to } => {
            let (mut good, mut bad) = (Vec::new(), Vec::new());
            for (bound, outside) in
                [(from, "-100000.000000000000000001"), (to, "1000000000000.000000000000000001")]
            {
                match bound {
                    Bound::Included(text) => good.push(text.to_owned()),
                    Bound::Excluded(text) => bad.push(text.to_owned()),
                }
                bad.push(outside.to_owned());
            }
            if !from.text().starts_with('-') {
                good.push(format!("{}.000000000000000001", from.text()));
            }
            (good, bad)
        }
        _ => (Vec::new(), Vec::new()),
    }
}

#[test]
fn ranges_end_where_the_table_says_in_the_program_and_in_the_schema() {
    let schema = schema();
    for section in SECTIONS {
        for setting in section.settings {
            let name = format!("{}.{}", section.name, setting.key);
            let properties = &schema["properties"][section.name];
            let object = if section.shape == Shape::List { &properties["items"] } else { properties };
            let validator = jsonschema::validator_for(&object["properties"][setting.key]).unwrap();
            let program = |text: &str| setting.kind.check(&Node::scalar(text, Form::Number, None)).is_ok();
            let (good, bad) = ends(setting.kind);
            for text in good {
                assert!(program(&text), "{name} = {text}");
                // The smallest steps are lost in the floats of JSON, so the schema is asked about whole numbers only.
                assert!(validator.is_valid(&text.parse().unwrap()) || text.contains('.'), "{name} = {text}");
            }
            for text in bad {
                assert!(!program(&text), "{name} = {text}");
                let number: Json = text.parse().unwrap();
                assert!(!validator.is_valid(&number) || text.contains('.'), "{name} = {text}");
            }
        }
    }
}

fn accepts(document: &Json) -> bool {
    jsonschema::validator_for(&schema()).unwrap().is_valid(document)
}

#[test]
fn the_schema_is_a_schema() {
    jsonschema::draft202012::meta::validate(&schema()).unwrap();
}

/// A document is good for the schema exactly when it is good for the program.
#[test]
fn the_schema_and_the_program_agree() {
    let documents = [
        (true, json!({})),
        (true, json!({ "$schema": "x", "risk": null, "pairs": null })),
        (true, json!({ "risk": { "max_daily_loss_percent": 4.5, "max_leverage": "7.25" } })),
        (true, json!({ "pairs": [{ "symbol": "BTCUSDT", "max_leverage": null }] })),
        (true, json!({ "strategies": [{ "name": "a", "parameters": { "x": 1, "y": "z", "on": true } }] })),
        (
            true,
            json!({ "backtest": { "start": 20240101, "end": "2024-02-01", "sizing": "equity_percent=5" } }),
        ),
        (true, json!({ "backtest": { "maker_fee_percent": "-0.01" } })),
        (false, json!([])),
        (false, json!({ "rsk": {} })),
        (false, json!({ "risk": 5 })),
        (false, json!({ "risk": { "max_levrage": 2 } })),
        (false, json!({ "risk": { "max_daily_loss_percent": 500 } })),
        (false, json!({ "risk": { "max_daily_loss_percent": 0 } })),
        (false, json!({ "risk": { "max_daily_loss_percent": true } })),
        (false, json!({ "risk": { "max_daily_loss_percent": "1e1" } })),
        (false, json!({ "risk": { "max_open_positions": "5" } })),
        (false, json!({ "risk": { "max_open_positions": 1.5 } })),
        (false, json!({ "risk": { "use_trailing_stop": "true" } })),
        (false, json!({ "exchange": { "name": "bibit" } })),
        (false, json!({ "exchange": { "name": null } })),
        (false, json!({ "pairs": [{ "base": "BTC" }] })),
        (false, json!({ "pairs": { "symbol": "BTCUSDT" } })),
        (false, json!({ "pairs": [{ "symbol": "a b" }] })),
        (false, json!({ "strategies": [{ "name": "a", "parameters": { "x": [1] } }] })),
        (false, json!({ "strategies": [{ "name": "a", "timeframe": "7m" }] })),
        (false, json!({ "backtest": { "start": "yesterday" } })),
        (false, json!({ "backtest": { "sizing": "kelly=1" } })),
    ];
    for (good, document) in documents {
        assert_eq!(accepts(&document), good, "schema: {document}");
        let loaded = World::new().file("a.json", document.to_string()).load();
        assert_eq!(loaded.is_ok(), good, "program: {document} {loaded:?}");
    }
}

#[test]
fn the_default_document_passes_its_schema() {
    let values = World::new().good().values;
    let mut document = json!({});
    for shown in values.into_iter().filter(|shown| shown.key.contains('.')) {
        let (section, key) = shown.key.split_once('.').unwrap();
        document[section][key] = shown.value;
    }
    assert!(accepts(&document), "{document}");
}

#[test]
fn the_workspace_has_the_generated_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    assert!(root.join("config/default.yaml").is_file() && root.join("docs/configuration.md").is_file());
}
