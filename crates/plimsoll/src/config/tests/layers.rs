//! Who wins.

use secrecy::ExposeSecret;

use super::{World, yaml};
use crate::config::settings::{Default, SECTIONS, Shape};
use crate::config::{Loaded, Parameter, Source};

#[track_caller]
fn level(world: &World, level: &str, place: &str) {
    let loaded = world.good();
    assert_eq!(loaded.config.logging.level, level);
    assert_eq!(loaded.place("logging.level").unwrap().to_string(), place);
}

/// Every layer is laid on the ones below, and each time the new one wins.
#[test]
fn each_layer_wins_over_those_below() {
    let world = World::new();
    level(&world, "info", "default");
    let world = world.file("c/main.yaml", "logging:\n  level: error");
    level(&world, "error", "c/main.yaml:2");
    let world = world.lying("c/development.json", "{\"logging\": {\"level\": \"warn\"}}");
    level(&world, "warn", "c/development.json:1");
    let world = world.lying("c/secrets.toml", "[logging]\nlevel = 'debug'");
    level(&world, "debug", "c/secrets.toml:2");
    let world = world.file("later.ini", "[logging]\n\nlevel = trace");
    level(&world, "trace", "later.ini:3");
    let world = world.lying(".env", "\nPLIMSOLL__LOGGING__LEVEL=error");
    level(&world, "error", ".env:2");
    let world = world.variable("PLIMSOLL__LOGGING__LEVEL", "warn");
    level(&world, "warn", "environment variable PLIMSOLL__LOGGING__LEVEL");
    let world = world.flag("--log-level", "logging.level", "debug");
    level(&world, "debug", "flag --log-level");
}

#[test]
fn the_environment_that_names_the_file_may_come_from_any_layer() {
    let world = yaml("{}")
        .lying("staging.yaml", "system: {id: s}")
        .lying("production.yaml", "system: {id: p}")
        .lying(".env", "PLIMSOLL__SYSTEM__ENVIRONMENT=staging");
    assert_eq!(world.good().config.system.id, "s");
    let world = world.variable("PLIMSOLL__SYSTEM__ENVIRONMENT", "production");
    assert_eq!(world.good().config.system.id, "p");
}

#[test]
fn an_environment_never_becomes_a_path() {
    let world = yaml("system: {environment: ../../etc/x}").lying("etc/x.yaml", "not: read");
    assert!(!world.bad().contains("etc/x.yaml"));
}

#[test]
fn a_file_is_read_once_when_it_is_named_and_lies_beside() {
    let world = yaml("{}").file("secrets.yaml", "system: {id: a}");
    assert_eq!(world.good().files.len(), 2);
}

#[test]
fn plimsoll_yaml_of_the_directory_is_the_main_file_when_none_is_named() {
    let world =
        World::new().lying("plimsoll.yaml", "system: {id: found}").lying("secrets.ini", "[exchange]\n");
    let loaded = world.good();
    assert_eq!(loaded.config.system.id, "found");
    assert_eq!(loaded.files, ["plimsoll.yaml", "secrets.ini"].map(|name| Source::File(name.into())));
    assert!(World::new().good().files.is_empty());
    let two = world.lying("plimsoll.toml", "");
    assert!(two.bad().contains("plimsoll.toml: lies beside plimsoll.yaml; keep only one of them"));
}

fn key(loaded: &Loaded) -> Option<&str> {
    loaded.config.exchange.api_key.as_ref().map(|key| key.expose_secret())
}

#[test]
fn well_known_names_belong_to_their_exchange_and_yield_to_our_own() {
    let world = World::new()
        .variable("BYBIT_API_KEY", "bybit-key")
        .variable("BYBIT_API_SECRET", "s")
        .variable("BINANCE_API_KEY", "binance-key")
        .variable("BINANCE_API_SECRET", "s")
        .variable("BYBIT_USE_TESTNET", "False")
        .variable("DATABASE_URL", "postgres://h/d");
    let loaded = world.good();
    assert_eq!(key(&loaded), Some("bybit-key"));
    assert!(!loaded.config.exchange.testnet);
    assert_eq!(loaded.config.storage.database_url.unwrap().expose_secret(), "postgres://h/d");
    let world = world.variable("PLIMSOLL__EXCHANGE__NAME", "binance");
    assert_eq!(key(&world.good()), Some("binance-key"));
    assert!(world.good().config.exchange.testnet, "BYBIT_USE_TESTNET says nothing about Binance");
    let world = world.lying(".env", "PLIMSOLL__EXCHANGE__API_KEY=dotenv");
    assert_eq!(key(&world.good()), Some("binance-key"), "the environment wins over .env");
    let world = world.variable("PLIMSOLL__EXCHANGE__API_KEY", "own");
    assert_eq!(key(&world.good()), Some("own"));
}

#[test]
fn every_single_setting_can_come_from_a_variable_and_from_ini() {
    let single = SECTIONS.iter().filter(|section| section.shape == Shape::Single);
    for (section, setting) in single.flat_map(|section| section.settings.iter().map(move |s| (section, s))) {
        let text = match setting.default {
            Default::Value(text) => text,
            _ if setting.example.is_empty() => "text",
            _ => setting.example,
        };
        let key = format!("{}.{}", section.name, setting.key);
        let name = format!("PLIMSOLL__{}__{}", section.name, setting.key).to_ascii_uppercase();
        let ini = format!("[{}]\n{} = {text}", section.name, setting.key);
        let variable = World::new().variable(&name, text).load();
        let ini = World::new().file("a.ini", ini).load();
        if setting.key.starts_with("api_") {
            assert!(variable.is_err() && ini.is_err(), "half of the credentials is not enough");
            continue;
        }
        assert_eq!(variable.unwrap().place(&key).unwrap().source, Source::Variable(name));
        assert_eq!(ini.unwrap().place(&key).unwrap().to_string(), "a.ini:2");
    }
}

#[test]
fn empty_variables_are_not_set() {
    let world = World::new().variable("BYBIT_API_KEY", "").variable("PLIMSOLL__SYSTEM__ID", "");
    assert_eq!(key(&world.good()), None);
    assert_eq!(world.good().config.system.id, "plimsoll");
}

#[test]
fn a_list_replaces_the_list_below() {
    let world =
        yaml("pairs: [{symbol: A, max_leverage: 2}, {symbol: B}]").file("b.yaml", "pairs: [{symbol: C}]");
    let pairs = world.good().config.pairs;
    assert_eq!(pairs.len(), 1);
    assert_eq!((pairs[0].symbol.as_str(), &pairs[0].max_leverage), ("C", &None));
}

#[test]
fn numbered_variables_change_items_and_add_the_next() {
    let mut world = yaml("pairs: [{symbol: A, max_leverage: 2}]");
    for index in (0..12).rev() {
        world = world.variable(&format!("PLIMSOLL__PAIRS__{index}__SYMBOL"), format!("S{index}"));
    }
    let pairs = world.good().config.pairs;
    let symbols: Vec<_> = pairs.iter().map(|pair| pair.symbol.as_str()).collect();
    assert_eq!(symbols, (0..12).map(|index| format!("S{index}")).collect::<Vec<_>>());
    assert_eq!(pairs[0].max_leverage.as_ref().unwrap().as_str(), "2");
}

#[test]
fn a_variable_may_hold_a_whole_list_as_json() {
    let world = World::new()
        .variable("PLIMSOLL__PAIRS", r#"[{"symbol": "A"}, {"symbol": "B", "is_active": false}]"#)
        .variable("PLIMSOLL__STRATEGIES", r#"[{"name": "x", "symbols": ["A", "B"]}]"#);
    let config = world.good().config;
    assert!(config.pairs[0].is_active && !config.pairs[1].is_active);
    assert_eq!(config.strategies[0].symbols.as_deref(), Some(&["A".to_owned(), "B".to_owned()][..]));
}

#[test]
fn parameters_of_an_item_join() {
    let world = yaml("strategies: [{name: a, parameters: {fast: 5, slow: 20, mode: long}}]")
        .variable("PLIMSOLL__STRATEGIES__0__PARAMETERS__FAST", "7")
        .variable("PLIMSOLL__STRATEGIES__0__SYMBOLS", "A, B");
    let strategy = world.good().config.strategies.remove(0);
    let number = |text: &str| Parameter::Number(text.parse().unwrap());
    assert_eq!(strategy.parameters["fast"], number("7"));
    assert_eq!(strategy.parameters["slow"], number("20"));
    assert_eq!(strategy.parameters["mode"], Parameter::Text("long".to_owned()));
    assert_eq!(strategy.symbols.unwrap(), ["A", "B"]);
}

#[test]
fn null_takes_a_value_back() {
    let world = yaml("backtest: {start: 2024-01-01}").file("b.yaml", "backtest: {start: null}");
    assert_eq!(world.good().config.backtest.start, None);
}

#[test]
fn an_explicit_section_is_told_from_a_default_one() {
    let loaded = yaml("risk: {max_leverage: 10}\npairs: [{symbol: A}]").good();
    assert!(loaded.is_explicit("risk") && loaded.is_explicit("pairs"));
    assert!(!loaded.is_explicit("backtest") && !loaded.is_explicit("ris"));
}

#[test]
fn one_fee_replaces_both() {
    let backtest = yaml("backtest: {taker_fee_percent: 0.1}").good().config.backtest;
    assert_eq!((backtest.taker_percent().as_str(), backtest.maker_percent().as_str()), ("0.1", "0.02"));
    let backtest = yaml("backtest: {fee_rate: 0.07}").good().config.backtest;
    assert_eq!((backtest.taker_percent().as_str(), backtest.maker_percent().as_str()), ("0.07", "0.07"));
}

#[test]
fn secrets_are_masked_wherever_they_could_be_printed() {
    let world = World::new()
        .variable("BYBIT_API_KEY", "hunter2")
        .variable("BYBIT_API_SECRET", "hunter2")
        .variable("DATABASE_URL", "postgres://u:hunter2@h/d");
    let loaded = world.good();
    let shown = serde_json::to_string(&loaded.values).unwrap();
    assert!(shown.contains(r#"{"key":"exchange.api_key","value":"***","#), "{shown}");
    for text in
        [shown, format!("{loaded:?}"), format!("{:#?}", loaded.config), format!("{:?}", world.sources)]
    {
        assert!(!text.contains("hunter2"), "{text}");
    }
}
