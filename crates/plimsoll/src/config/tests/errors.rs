//! One case for every kind of complaint.

use expect_test::{Expect, expect};

use super::{World, yaml};
use crate::config::ConfigFile;

#[track_caller]
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
    check(&yaml(content), expect![[]]);
}

#[test]
fn wrong_shapes() {
    check(&yaml("risk: 5\npairs: {symbol: BTCUSDT}\nstrategies: [5]\nsystem: {id: [1]}"), expect![[]]);
    check(&yaml("- risk"), expect![[]]);
    check(&yaml("just text"), expect![[]]);
}

#[test]
fn types_are_not_guessed() {
    check(
        &yaml(
            "system: {id: 5}\nrisk: {max_open_positions: '5', use_trailing_stop: 'true'}\nexecution: {buffer_bars: 1.5}",
        ),
        expect![[]],
    );
    check(&yaml("system: {id: ~}\nrisk: {max_leverage: null}"), expect![[]]);
    check(&World::new().file("a.toml", "risk.max_open_positions = 0x10"), expect![[]]);
}

#[test]
fn duplicate_keys() {
    check(&yaml("risk:\n  max_leverage: 2\n  max_leverage: 3\nrisk: {}"), expect![[]]);
    check(&World::new().file("a.json", "{\"system\":{},\n\"system\":{}}"), expect![[]]);
    check(&World::new().file("a.toml", "[risk]\nmax_leverage = 2\nmax_leverage = 3"), expect![[]]);
    check(&World::new().file("a.ini", "[risk]\nmax_leverage=2\n[risk]\nmax_leverage=3"), expect![[]]);
    check(&yaml("strategies:\n- name: a\n  parameters: {x: 1, x: 2}"), expect![[]]);
    check(&World::new().lying(".env", "PLIMSOLL__SYSTEM__ID=a\nPLIMSOLL__SYSTEM__ID=b"), expect![[]]);
}

#[test]
fn syntax_errors_name_the_line() {
    check(&yaml("risk:\n  a: [1,\nb: }"), expect![[]]);
    check(&yaml("a: *nobody"), expect![[]]);
    check(&yaml("a: !secret b"), expect![[]]);
    check(&yaml("system: {}\n---\nrisk: {}"), expect![[]]);
    check(&World::new().file("a.json", "{\n\"risk\": {\"max_leverage\" 3}\n}"), expect![[]]);
    check(&World::new().file("a.toml", "[risk]\nmax_leverage = \n[system\n"), expect![[]]);
    check(&World::new().file("a.ini", "[risk\nwords\n= 3\n[a..b]"), expect![[]]);
    check(&World::new().lying(".env", "# fine\nwords\nA='open"), expect![[]]);
}

#[test]
fn unreadable_files() {
    check(&World::new().named("none.yaml"), expect![[]]);
    check(&World::new().lying("d.yaml/x", "").named("d.yaml"), expect![[]]);
    check(&World::new().file("a.xml", ""), expect![[]]);
    check(&World::new().file("a", ""), expect![[]]);
    check(&World::new().file("a.yaml", b"system:\n  id: \xff"), expect![[]]);
    check(&World::new().file("a.yaml", "#".repeat(1 << 20) + "#"), expect![[]]);
    let mut stdin = World::new();
    stdin.sources.files.push(ConfigFile::Stdin(b"{\"rsk\": {}}".to_vec()));
    check(&stdin, expect![[]]);
}

#[test]
fn limits() {
    check(&World::new().file("a.json", "[".repeat(100_000)), expect![[]]);
    check(&World::new().file("a.json", "[".repeat(20) + &"]".repeat(20)), expect![[]]);
    check(&World::new().file("a.yaml", "[".repeat(20) + &"]".repeat(20)), expect![[]]);
    check(&World::new().file("a.toml", format!("a = {}{}", "[".repeat(20), "]".repeat(20))), expect![[]]);
    check(&World::new().file("a.ini", format!("[{}a]\nb = 1", "a.".repeat(20))), expect![[]]);
    let mut laughs = String::from("a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n");
    for level in 1..12 {
        let before = format!("*a{},", level - 1).repeat(10);
        laughs += &format!("a{level}: &a{level} [{before}]\n");
    }
    check(&yaml(&laughs), expect![[]]);
}

#[test]
fn items_of_lists() {
    check(
        &yaml("pairs:\n- base: BTC\n- symbol: BTCUSDT\n- symbol: BTCUSDT\n  max_leverge: 3\n- symbol: 'a b'"),
        expect![[]],
    );
    check(
        &yaml(
            "pairs:\n- symbol: BTCUSDT\nstrategies:\n- name: a\n  symbols: [BTCUSD]\n  parameters: {x: [1]}\n",
        ),
        expect![[]],
    );
    check(
        &World::new()
            .variable("PLIMSOLL__PAIRS__1__SYMBOL", "BTCUSDT")
            .variable("PLIMSOLL__STRATEGIES", "{}"),
        expect![[]],
    );
}

#[test]
fn rules_between_settings() {
    let content = "\
risk: {default_leverage: 20}
backtest: {start: 20240201, end: 2024-02-01, timeframe: 1h, timeframe_detail: 2h}
exchange: {api_key: k}
";
    check(&yaml(content), expect![[]]);
}

#[test]
fn rules_do_not_repeat_what_is_already_reported() {
    check(&yaml("risk: {default_leverage: 20, max_leverage: lots}"), expect![[]]);
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
    check(&world, expect![[]]);
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_text() {
    use std::os::unix::ffi::OsStringExt;
    let bytes = |bytes: &[u8]| std::ffi::OsString::from_vec(bytes.to_vec());
    let world =
        World::new().variable("OTHER", bytes(b"\xff")).variable("PLIMSOLL__SYSTEM__ID", bytes(b"\xff"));
    check(&world, expect![[]]);
}

#[test]
fn flags() {
    check(&World::new().flag("--log-level", "logging.level", "loud"), expect![[]]);
}

#[test]
fn files_beside_the_main_file() {
    let world = yaml("system: {environment: production}")
        .lying("production.toml", "[system]\nenvironment = \"staging\"")
        .lying("secrets.yaml", "exchange: {api_kee: hidden}")
        .lying("secrets.json", "{}");
    check(&world, expect![[]]);
}

#[test]
fn a_key_in_the_wrong_section_is_found() {
    check(&yaml("max_drawdown_percent: 3\nexecution: {max_leverage: 2}\nsystem: {symbol: a}"), expect![[]]);
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    check(&yaml("\"\\e[2Jrisk\\u202e\": 1\nexchange: {name: \"a\\nb\"}"), expect![[]]);
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
