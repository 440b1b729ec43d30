//! One case for every kind of complaint.

use expect_test::{Expect, expect};

use super::{World, yaml};
use crate::config::ConfigFile;

#[track_caller]
#[allow(clippy::needless_pass_by_value, reason = "an expectation is written where it is used")]
fn check(world: &World, expected: Expect) {
    expected.assert_eq(&world.bad());
}

#[test]
fn everything_wrong_is_reported_at_once_with_its_line() {
    let content = "\
risk:
  max_daily_loss_percent: 500
  max_levrage: 3
  max_open_positions: many
  use_trailing_stop: yes
exchange:
  name: bibit
  timeout: 0
stragegies: []
backtest:
  start: 2024-02-30
  initial_balance: 1e4
  sizing: kelly=1
  timeframe: 7m
";
    check(
        &yaml(content),
        expect![[r#"
            a.yaml:2: risk.max_daily_loss_percent = 500: out of range; allowed: a decimal number above 0 up to 100 (percent of equity at the start of the day)
            a.yaml:3: risk.max_levrage: unknown key, not one of the keys of `risk`; did you mean `max_leverage`?
            a.yaml:4: risk.max_open_positions = "many": not a number; allowed: a whole number from 1 to 1000
            a.yaml:5: risk.use_trailing_stop = "yes": not a switch; allowed: true or false
            a.yaml:7: exchange.name = "bibit": not one of the choices; allowed: one of bybit, binance, kraken, coinbase, btc_markets, coinjar, swyftx; did you mean `bybit`?
            a.yaml:8: exchange.timeout = 0: out of range; allowed: a whole number from 1 to 300 (seconds)
            a.yaml:9: stragegies: unknown key, not one of the sections; did you mean `strategies`?
            a.yaml:11: backtest.start = "2024-02-30": no such day; allowed: a date like 2024-01-31 or 20240131
            a.yaml:12: backtest.initial_balance = 1e4: an exponent is not accepted, write the number in full; allowed: a decimal number above 0 up to 1000000000000 (quote currency)
            a.yaml:13: backtest.sizing = "kelly=1": not a known way of sizing; allowed: fixed_quantity=N or fixed_notional=N with N above 0; equity_percent=N, risk_percent=N, volatility_percent=N or atr_risk_percent=N with N above 0 up to 100; or kelly=WINS/LOSSES/PAYOFF/FRACTION with FRACTION up to 0.25
            a.yaml:14: backtest.timeframe = "7m": not a timeframe; allowed: one of 1s, 1m, 3m, 5m, 15m, 30m, 1h, 2h, 4h, 6h, 8h, 12h, 1d, 3d, 1w
        "#]],
    );
}

#[test]
fn wrong_shapes() {
    check(
        &yaml("risk: 5\npairs: {symbol: BTCUSDT}\nstrategies: [5]\nsystem: {id: [1]}"),
        expect![[r#"
        a.yaml:1: risk: a number where a group of keys is expected
        a.yaml:2: pairs: a group of keys where a list of groups of keys is expected
        a.yaml:3: strategies[0]: a number where a group of keys is expected
        a.yaml:3: strategies[0].name: is missing; allowed: text of 1 to 64 characters
        a.yaml:4: system.id: a list where a single value is expected; allowed: text of 1 to 64 characters
    "#]],
    );
    check(
        &yaml("- risk"),
        expect![[r#"
        a.yaml:1: holds a list where sections are expected
    "#]],
    );
    check(
        &yaml("just text"),
        expect![[r#"
        a.yaml:1: holds text where sections are expected
    "#]],
    );
}

#[test]
fn types_are_not_guessed() {
    check(
        &yaml(
            "system: {id: 5}\nrisk: {max_open_positions: '5', use_trailing_stop: 'true'}\nexecution: {buffer_bars: 1.5}",
        ),
        expect![[r#"
            a.yaml:1: system.id = 5: not text; put it in quotes; allowed: text of 1 to 64 characters
            a.yaml:2: risk.max_open_positions = "5": not a number; allowed: a whole number from 1 to 1000
            a.yaml:2: risk.use_trailing_stop = "true": not a switch; allowed: true or false
            a.yaml:3: execution.buffer_bars = 1.5: not a whole number; allowed: a whole number from 1 to 100000 (candles)
        "#]],
    );
    check(
        &yaml("system: {id: ~}\nrisk: {max_leverage: null}"),
        expect![[r#"
        a.yaml:1: system.id: is empty; give a value or leave the key out; allowed: text of 1 to 64 characters
        a.yaml:2: risk.max_leverage: is empty; give a value or leave the key out; allowed: a decimal number from 1 up to 125 (times)
    "#]],
    );
    check(
        &World::new().file("a.toml", "risk.max_open_positions = 0x10"),
        expect![[r#"
        a.toml:1: risk.max_open_positions = 0x10: not a whole number; allowed: a whole number from 1 to 1000
    "#]],
    );
}

/// Pitfall 7: a setting that is accepted is used.
#[test]
fn a_pair_that_allows_less_than_the_leverage_in_use() {
    check(
        &yaml(
            "risk: {default_leverage: 5}\npairs:\n  - {symbol: A, max_leverage: 3}\n  - {symbol: B, max_leverage: 5}\n  - \
             {symbol: C, max_leverage: 2, is_active: false}",
        ),
        expect![[r#"
            a.yaml:3: pairs[0].max_leverage = 3: below risk.default_leverage, at which positions are opened; allowed: from 5 up (times), or a lower risk.default_leverage
        "#]],
    );
}

#[test]
fn duplicate_keys() {
    check(
        &yaml("risk:\n  max_leverage: 2\n  max_leverage: 3\nrisk: {}"),
        expect![[r#"
        a.yaml:3: risk.max_leverage: set twice, the first time on line 2
        a.yaml:4: risk: set twice, the first time on line 1
    "#]],
    );
    check(
        &World::new().file("a.json", "{\"system\":{},\n\"system\":{}}"),
        expect![[r#"
        a.json:2: system: set twice, the first time on line 1
    "#]],
    );
    check(
        &World::new().file("a.toml", "[risk]\nmax_leverage = 2\nmax_leverage = 3"),
        expect![[r#"
            a.toml:3: the key `max_leverage` is set twice
        "#]],
    );
    check(
        &World::new().file("a.ini", "[risk]\nmax_leverage=2\n[risk]\nmax_leverage=3"),
        expect![[r#"
        a.ini:4: risk.max_leverage: set twice, the first time on line 2
    "#]],
    );
    check(
        &yaml("strategies:\n- name: a\n  parameters: {x: 1, x: 2}"),
        expect![[r#"
        a.yaml:3: strategies[0].parameters: holds the same name twice; allowed: names with numbers, texts, true or false
    "#]],
    );
    check(
        &World::new().lying(".env", "PLIMSOLL__SYSTEM__ID=a\nPLIMSOLL__SYSTEM__ID=b"),
        expect![[r#"
        .env:2: PLIMSOLL__SYSTEM__ID: set twice, the first time on line 1
    "#]],
    );
}

#[test]
fn syntax_errors_name_the_line() {
    check(
        &yaml("risk:\n  a: [1,\nb: }"),
        expect![[r#"
        a.yaml:3: invalid indentation
    "#]],
    );
    check(
        &yaml("a: *nobody"),
        expect![[r#"
        a.yaml:1: while parsing node, found unknown anchor
    "#]],
    );
    check(
        &yaml("a: !secret b"),
        expect![[r#"
        a.yaml:1: tags other than !!str are not supported
    "#]],
    );
    check(
        &yaml("system: {}\n---\nrisk: {}"),
        expect![[r#"
        a.yaml:2: a second document starts here; one is allowed
    "#]],
    );
    check(
        &World::new().file("a.json", "{\n\"risk\": {\"max_leverage\" 3}\n}"),
        expect![[r#"
        a.json:2: Expected colon after the string or word in object property
    "#]],
    );
    check(
        &World::new().file("a.toml", "[risk]\nmax_leverage = \n[system\n"),
        expect![[r#"
        a.toml:2: string values must be quoted, expected literal string
        a.toml:3: unclosed table, expected `]`
    "#]],
    );
    check(
        &World::new().file("a.ini", "[risk\nwords\n= 3\n[a..b]"),
        expect![[r#"
        a.ini:1: a section needs a closing bracket
        a.ini:2: neither a section, a key with a value nor a comment
        a.ini:3: a value has no key
        a.ini:4: a section has an empty name
    "#]],
    );
    check(
        &World::new().lying(".env", "# fine\nwords\nA='open\nPLIMSOLL__RISK words\nDATABASE_URL='open"),
        expect![[r#"
            .env:4: neither NAME=value nor a comment
            .env:5: a quote is not closed on its line
        "#]],
    );
}

#[test]
fn unreadable_files() {
    check(
        &World::new().named("none.yaml"),
        expect![[r#"
        none.yaml: does not exist
    "#]],
    );
    check(
        &World::new().lying("d.yaml/x", "").named("d.yaml"),
        expect![[r#"
        d.yaml: is a directory, not a file
    "#]],
    );
    check(
        &World::new().file("a.xml", ""),
        expect![[r#"
        a.xml: has an unknown format; allowed: .yaml, .yml, .json, .toml, .ini
    "#]],
    );
    check(
        &World::new().file("a", ""),
        expect![[r#"
        a: has an unknown format; allowed: .yaml, .yml, .json, .toml, .ini
    "#]],
    );
    check(
        &World::new().file("a.yaml", b"system:\n  id: \xff"),
        expect![[r#"
        a.yaml:2: is not valid UTF-8 text
    "#]],
    );
    check(
        &World::new().file("a.yaml", "#".repeat(1 << 20) + "#"),
        expect![[r#"
        a.yaml: is larger than 1048576 bytes
    "#]],
    );
    let mut stdin = World::new();
    stdin.sources.files.push(ConfigFile::Stdin(b"{\"rsk\": {}}".to_vec()));
    check(
        &stdin,
        expect![[r#"
        standard input:1: rsk: unknown key, not one of the sections; did you mean `risk`?
    "#]],
    );
}

#[test]
fn limits() {
    check(
        &World::new().file("a.json", "[".repeat(100_000)),
        expect![[r#"
        a.json:1: Maximum nesting depth exceeded
    "#]],
    );
    check(
        &World::new().file("a.json", "[".repeat(20) + &"]".repeat(20)),
        expect![[r#"
        a.json:1: nested more than 16 levels deep
    "#]],
    );
    check(
        &World::new().file("a.yaml", "[".repeat(20) + &"]".repeat(20)),
        expect![[r#"
        a.yaml:1: nested more than 16 levels deep
    "#]],
    );
    check(
        &World::new().file("a.toml", format!("a = {}{}", "[".repeat(20), "]".repeat(20))),
        expect![[r#"
        a.toml:1: nested more than 16 levels deep
    "#]],
    );
    check(
        &World::new().file("a.ini", format!("[{}a]\nb = 1", "a.".repeat(20))),
        expect![[r#"
        a.ini:1: nested more than 16 levels deep
        a.ini:2: nested more than 16 levels deep
    "#]],
    );
    let mut laughs = String::from("a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n");
    for level in 1..12 {
        let before = format!("*a{},", level - 1).repeat(10);
        laughs += &format!("a{level}: &a{level} [{before}]\n");
    }
    let copies = format!("a: &a [{}]\nb: [{}]", "1,".repeat(1000), "*a,".repeat(1000));
    check(
        &yaml(&copies),
        expect![[r#"
        a.yaml:1: more than 20000 values
    "#]],
    );
    check(
        &yaml(&laughs),
        expect![[r#"
        a.yaml:1: more than 20000 values
    "#]],
    );
}

#[test]
fn items_of_lists() {
    check(
        &yaml("pairs:\n- base: BTC\n- symbol: BTCUSDT\n- symbol: BTCUSDT\n  max_leverge: 3\n- symbol: 'a b'"),
        expect![[r#"
            a.yaml:2: pairs[0].symbol: is missing; allowed: a symbol like BTCUSDT: 1 to 40 letters, digits and ._/:-
            a.yaml:4: pairs[2].symbol = BTCUSDT: already given by pairs[1]
            a.yaml:5: pairs[2].max_leverge: unknown key, not one of the keys of `pairs`; did you mean `max_leverage`?
            a.yaml:6: pairs[3].symbol = "a b": not a symbol; allowed: a symbol like BTCUSDT: 1 to 40 letters, digits and ._/:-
        "#]],
    );
    check(
        &yaml(
            "pairs:\n- symbol: BTCUSDT\nstrategies:\n- name: a\n  symbols: [BTCUSD]\n  parameters: {x: [1]}\n",
        ),
        expect![[r#"
            a.yaml:5: strategies[0].symbols = BTCUSD: not one of the pairs; allowed: BTCUSDT; did you mean `BTCUSDT`?
            a.yaml:6: strategies[0].parameters: holds a list for one of its names; allowed: names with numbers, texts, true or false
        "#]],
    );
    check(
        &World::new()
            .variable("PLIMSOLL__PAIRS__1__SYMBOL", "BTCUSDT")
            .variable("PLIMSOLL__STRATEGIES", "{}"),
        expect![[r#"
            environment variable PLIMSOLL__PAIRS__1__SYMBOL: pairs[1]: the list has 0 items, so the next number is 0
            environment variable PLIMSOLL__STRATEGIES: strategies: text where a list of groups of keys is expected
        "#]],
    );
}

#[test]
fn rules_between_settings() {
    let content = "\
risk: {default_leverage: 20}
backtest: {start: 20240201, end: 2024-02-01, timeframe: 1h, timeframe_detail: 2h}
exchange: {api_key: k}
";
    check(
        &yaml(content),
        expect![[r#"
        a.yaml:1: risk.default_leverage = 20: above risk.max_leverage; allowed: up to 10 (times)
        a.yaml:2: backtest.end = 2024-02-01: not after backtest.start; allowed: a date after 2024-02-01
        a.yaml:2: backtest.timeframe_detail = 2h: does not divide backtest.timeframe; allowed: a shorter timeframe that divides 1h
        a.yaml:3: exchange.api_secret: is missing while the other half of the credentials is set here
    "#]],
    );
}

#[test]
fn detail_must_divide_every_deciding_timeframe() {
    let strategies =
        "strategies: [{name: a, timeframe: 1h}, {name: b, timeframe: 3m}, {name: c, timeframe: 15m}]";
    check(
        &yaml(&format!("{strategies}\nbacktest: {{timeframe_detail: 5m}}")),
        expect![[r#"
        a.yaml:2: backtest.timeframe_detail = 5m: does not divide strategies[1].timeframe; allowed: a shorter timeframe that divides 3m
    "#]],
    );
    yaml(&format!("{strategies}\nbacktest: {{timeframe: 1h, timeframe_detail: 5m}}")).good();
    check(
        &yaml(&format!("{strategies}\nbacktest: {{timeframe: 1h, timeframe_detail: 1h}}")),
        expect![[r#"
        a.yaml:2: backtest.timeframe_detail = 1h: does not divide backtest.timeframe; allowed: a shorter timeframe that divides 1h
    "#]],
    );
}

#[test]
fn rules_do_not_repeat_what_is_already_reported() {
    check(
        &yaml("risk: {default_leverage: 20, max_leverage: lots}"),
        expect![[r#"
        a.yaml:1: risk.max_leverage = "lots": not a plain decimal number like 1500 or 0.055; allowed: a decimal number from 1 up to 125 (times)
    "#]],
    );
}

#[test]
fn variables() {
    let world = World::new()
        .variable("PLIMSOLL__RISK__MAX_LEVARAGE", "3")
        .variable("PLIMSOLL__RISK__MAX_LEVERAGE", "1000")
        .variable("PLIMSOLL__RISK__USE_TRAILING_STOP", "maybe")
        .variable("PLIMSOLL__SYSTEM", "x")
        .variable("PLIMSOLL____X", "x")
        .variable("PLIMSOLL_EXCHANGE_TESTNET", "false")
        .variable("BYBIT_USE_TESTNET", "perhaps")
        .variable("OTHER", "x");
    check(
        &world,
        expect![[r#"
            environment variable PLIMSOLL____X: is not of the form PLIMSOLL__SECTION__KEY
            environment variable PLIMSOLL_EXCHANGE_TESTNET: the parts of a variable's name are joined by two underscores; did you mean `PLIMSOLL__EXCHANGE__TESTNET`?
            environment variable BYBIT_USE_TESTNET: exchange.testnet = perhaps: not a switch; allowed: true or false
            environment variable PLIMSOLL__RISK__MAX_LEVARAGE: risk.max_levarage: unknown key, not one of the keys of `risk`; did you mean `max_leverage`?
            environment variable PLIMSOLL__RISK__MAX_LEVERAGE: risk.max_leverage = 1000: out of range; allowed: a decimal number from 1 up to 125 (times)
            environment variable PLIMSOLL__RISK__USE_TRAILING_STOP: risk.use_trailing_stop = maybe: not a switch; allowed: true or false
            environment variable PLIMSOLL__SYSTEM: system: text where a group of keys is expected
        "#]],
    );
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_text() {
    use std::os::unix::ffi::OsStringExt;
    let bytes = |bytes: &[u8]| std::ffi::OsString::from_vec(bytes.to_vec());
    let world =
        World::new().variable("OTHER", bytes(b"\xff")).variable("PLIMSOLL__SYSTEM__ID", bytes(b"\xff"));
    check(
        &world,
        expect![[r#"
        environment variable PLIMSOLL__SYSTEM__ID: is not valid UTF-8 text
    "#]],
    );
}

#[test]
fn flags() {
    check(
        &World::new().flag("--log-level", "logging.level", "loud"),
        expect![[r#"
        flag --log-level: logging.level = loud: not one of the choices; allowed: one of error, warn, info, debug, trace
    "#]],
    );
}

#[test]
fn files_beside_the_main_file() {
    let world = yaml("system: {environment: production}")
        .lying("production.toml", "[system]\nenvironment = \"staging\"")
        .lying("secrets.yaml", "exchange: {api_kee: hidden}")
        .lying("secrets.json", "{}");
    check(
        &world,
        expect![[r#"
        secrets.json: lies beside secrets.yaml; keep only one of them
        production.toml:2: system.environment = staging: contradicts the environment for which this file was read; allowed: production
        secrets.yaml:1: exchange.api_kee: unknown key, not one of the keys of `exchange`; did you mean `api_key`?
    "#]],
    );
}

#[test]
fn a_key_in_the_wrong_section_is_found() {
    check(
        &yaml("max_drawdown_percent: 3\nexecution: {max_leverage: 2}\nsystem: {symbol: a}"),
        expect![[r#"
            a.yaml:1: max_drawdown_percent: unknown key, not one of the sections; did you mean `risk.max_drawdown_percent`?
            a.yaml:2: execution.max_leverage: unknown key, not one of the keys of `execution`; did you mean `risk.max_leverage`?
            a.yaml:3: system.symbol: unknown key, not one of the keys of `system`; did you mean `pairs[].symbol`?
        "#]],
    );
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    check(
        &yaml("\"\\e[2Jrisk\\u202e\": 1\nexchange: {name: \"a\\nb\"}"),
        expect![[r#"
        a.yaml:1: \u{1b}[2Jrisk\u{202e}: unknown key, not one of the sections
        a.yaml:2: exchange.name = "a\nb": not one of the choices; allowed: one of bybit, binance, kraken, coinbase, btc_markets, coinjar, swyftx
    "#]],
    );
}

#[test]
fn secrets_are_never_repeated() {
    let secret = "hunter2hunter2";
    let worlds = [
        yaml(&format!("exchange: {{api_secret: \"{secret}\\u0000\", api_key: 5}}")),
        yaml(&format!("exchange: {{api_secrt: {secret}}}")),
        yaml(&format!("exchange: {secret}")),
        yaml(&format!("exchange:\n  api_secret: {secret}\n bad")),
        yaml(&format!("exchange: {{api_secret: [{secret}]}}")),
        World::new().file("a.toml", format!("[exchange]\napi_secret = {secret}")),
        World::new().file("a.json", format!("{{\"exchange\": {{\"api_secret\": {secret}}}}}")),
        World::new().file("a.ini", format!("[exchange]\n{secret}")),
        World::new().lying(".env", format!("BYBIT_API_SECRET={secret}")),
        World::new().lying(".env", format!("BYBIT_API_SECRET \"{secret}")),
        World::new().variable("PLIMSOLL__EXCHANGE", secret),
        World::new().variable("DATABASE_URL", format!("postgres://u:{secret}@h\u{7}")),
        World::new()
            .variable("PLIMSOLL__STRATEGIES", format!("[{{\"name\": \"a\", \"token\": \"{secret}\"}}]")),
    ];
    for world in worlds {
        let text = world.bad();
        assert!(!text.contains("hunter2"), "{text}");
    }
}
