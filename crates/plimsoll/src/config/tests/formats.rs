//! The five formats say the same things.

use super::World;
use crate::config::{Config, ConfigFile, Parameter};

const YAML: &str = "
# comment
system: {id: here, max_workers: 4}
pairs:
  - symbol: BTCUSDT
    max_leverage: 12.50
  - symbol: ETHUSDT
    is_active: false
strategies:
  - name: ema_cross
    timeframe: 15m
    symbols: [BTCUSDT]
    parameters: {fast: 12, ratio: 0.10, long_only: true, mode: strict}
backtest:
  start: 2024-01-01
  end: 20240201
  initial_balance: 123456789012.000000000000000001
  sizing: fixed_notional=100
";

const JSON: &str = r#"{
  // comment
  "$schema": "plimsoll.schema.json",
  "system": {"id": "here", "max_workers": 4},
  "pairs": [{"symbol": "BTCUSDT", "max_leverage": 12.50}, {"symbol": "ETHUSDT", "is_active": false}],
  "strategies": [{
    "name": "ema_cross", "timeframe": "15m", "symbols": ["BTCUSDT"],
    "parameters": {"fast": 12, "ratio": 0.10, "long_only": true, "mode": "strict"},
  }],
  "backtest": {
    "start": "2024-01-01", "end": 20240201,
    "initial_balance": 123456789012.000000000000000001,
    "sizing": "fixed_notional=100"
  }
}"#;

const TOML: &str = r#"
# comment
[system]
id = "here"
max_workers = 4
[[pairs]]
symbol = "BTCUSDT"
max_leverage = 12.50
[[pairs]]
symbol = "ETHUSDT"
is_active = false
[[strategies]]
name = "ema_cross"
timeframe = "15m"
symbols = ["BTCUSDT"]
parameters = { fast = 12, ratio = 0.10, long_only = true, mode = "strict" }
[backtest]
start = 2024-01-01
end = "20240201"
initial_balance = 123456789012.000000000000000001
sizing = "fixed_notional=100"
"#;

const INI: &str = "
; comment
[system]
id = here
max_workers: 4
[pairs.0]
symbol = BTCUSDT
max_leverage = 12.50
[pairs.1]
symbol = ETHUSDT
is_active = no
[strategies.0]
name = \"ema_cross\"
timeframe = 15m
symbols = BTCUSDT
[strategies.0.parameters]
fast = 12
ratio = 0.10
long_only = true
mode = strict
[backtest]
start = 2024-01-01
end = 20240201
initial_balance = 123456789012.000000000000000001
sizing = fixed_notional=100
";

fn config(name: &str, content: &str) -> Config {
    World::new().file(name, content).good().config
}

#[test]
fn the_same_configuration_in_five_formats() {
    let expected = config("a.yaml", YAML);
    assert_eq!(expected.backtest.initial_balance.as_str(), "123456789012.000000000000000001");
    assert_eq!(expected.pairs[0].max_leverage.as_ref().unwrap().as_str(), "12.5");
    assert_eq!(expected.strategies[0].parameters["ratio"], Parameter::Number("0.1".parse().unwrap()));
    assert_eq!(expected.strategies[0].parameters["long_only"], Parameter::Switch(true));
    assert_eq!(expected.backtest.start.unwrap().to_string(), "2024-01-01");
    assert_eq!(expected.backtest.end.unwrap().to_string(), "2024-02-01");
    for (name, content) in [("a.yml", YAML), ("a.json", JSON), ("a.toml", TOML), ("a.ini", INI)] {
        assert_eq!(format!("{:?}", config(name, content)), format!("{expected:?}"), "{name}");
    }
}

#[test]
fn standard_input_may_be_json_or_yaml() {
    for content in [YAML, JSON] {
        let mut world = World::new();
        world.sources.files.push(ConfigFile::Stdin(content.as_bytes().to_vec()));
        let loaded = world.good();
        assert_eq!(loaded.config.system.id, "here");
        assert!(loaded.place("system.id").unwrap().to_string().starts_with("standard input:"));
    }
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_fine() {
    for (name, content) in [("a.yaml", YAML), ("a.json", JSON), ("a.toml", TOML), ("a.ini", INI)] {
        let content = format!("\u{feff}{}", content.replace('\n', "\r\n"));
        assert_eq!(config(name, &content).system.id, "here", "{name}");
    }
}

#[test]
fn empty_files_say_nothing() {
    for name in ["a.yaml", "a.json", "a.toml", "a.ini"] {
        assert_eq!(config(name, "").system.id, "plimsoll", "{name}");
    }
}

#[test]
fn yaml_anchors_and_tags() {
    let content = "pairs:\n- &a {symbol: A}\nstrategies:\n- name: !!str 5\n  parameters: &p {x: 1}\n- {name: b, parameters: *p}";
    let config = config("a.yaml", content);
    assert_eq!(config.strategies[0].name, "5");
    assert_eq!(config.strategies[0].parameters, config.strategies[1].parameters);
}
