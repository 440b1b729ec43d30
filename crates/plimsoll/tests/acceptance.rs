//! The acceptance matrix: numbered cases against the exchange of this machine always, and against Bybit's test network when asked.

#[path = "acceptance/cases.rs"]
mod cases;
#[path = "acceptance/far.rs"]
mod far;

use std::panic::{AssertUnwindSafe, catch_unwind};

use cases::{CASES, Case, Where};
use expect_test::expect_file;
use far::{Far, Outcome, SYMBOL};
use loopback::{AccountSettings, MarketSettings, Server, Settings};
use units::{Amount, Span};
use wire::bybit::{Environment, Hosts};
use wire::{Credentials, Secret};

/// What a case came to.
fn run(case: &Case, far: &mut Far) -> Option<Outcome> {
    if case.runs == Where::Here && far.server.is_none() {
        return None;
    }
    far.forget();
    // A case that breaks must not hide the others.
    let outcome = catch_unwind(AssertUnwindSafe(|| (case.run)(far)));
    let outcome = outcome.unwrap_or_else(|_| Err("it panicked".to_owned()));
    let tidied = far.flat().map_err(|problem| format!("nothing may be left open: {problem}"));
    Some(outcome.and(tidied))
}

/// Runs every case. The matrix, and how many failed.
fn run_all(mut far: Far, name: &str) -> (String, u32) {
    let mut table = format!("\nAcceptance on {name}\n");
    let mut failed = 0;
    if let Err(problem) = far.flat() {
        panic!("the account cannot be brought to rest: {problem}");
    }
    for case in CASES {
        let result = match run(case, &mut far) {
            None => "-     only on this machine".to_owned(),
            Some(Ok(())) => "ok".to_owned(),
            Some(Err(problem)) => {
                failed += 1;
                format!("FAILED  {problem}")
            }
        };
        table += &format!("{}  {:<76} {result}\n", case.number, case.what);
    }
    (table, failed)
}

#[test]
fn the_matrix_holds_on_this_machine() {
    let credentials = Credentials { key: "key".to_owned(), secret: Secret::new("secret".to_owned()) };
    let account = AccountSettings {
        key: credentials.key.clone(),
        secret: credentials.secret.clone(),
        balance: Amount::from_units(100_000 * units::pow10(18)),
    };
    let market = MarketSettings::usual_of(SYMBOL);
    let settings = Settings {
        accounts: vec![account],
        markets: market.into_iter().collect(),
        history_days: 1,
        ack_delay: Span::ZERO,
        ..Settings::default()
    };
    let server = Server::start(&settings, ([127, 0, 0, 1], 0).into()).expect("a port is free");
    let address = server.address();
    let hosts = Hosts::local(&format!("http://{address}"), &format!("ws://{address}"));
    let far = Far::connect(Environment::Custom(hosts), credentials, Some(server)).expect("it is there");
    let (table, failed) = run_all(far, "this machine");
    println!("{table}");
    assert_eq!(failed, 0, "cases failed");
}

/// Where the keys of an account on the test network are looked for.
const KEYS: [&str; 2] = ["BYBIT_TESTNET_API_KEY", "BYBIT_TESTNET_API_SECRET"];

#[test]
fn the_matrix_holds_on_the_test_network() {
    let given = KEYS.map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    // Nothing but `make test-testnet` reaches the network, whatever keys are there.
    if std::env::var_os("PLIMSOLL_TESTNET").is_none() {
        println!("SKIPPED: acceptance on Bybit's test network; `make test-testnet` runs it");
        return;
    }
    let [Some(key), Some(secret)] = given else {
        println!("SKIPPED: acceptance on Bybit's test network needs the variables {}", KEYS.join(" and "));
        return;
    };
    let credentials = Credentials { key, secret: Secret::new(secret) };
    let far = Far::connect(Environment::Testnet, credentials, None).expect("the test network answers");
    let (table, failed) = run_all(far, "Bybit's test network");
    println!("{table}");
    assert_eq!(failed, 0, "cases failed");
}

#[test]
fn the_page_of_cases_is_made_from_them() {
    expect_file!["../../../docs/acceptance.md"].assert_eq(&cases::page());
}

#[test]
fn every_case_has_a_number_of_its_own() {
    for (place, case) in CASES.iter().enumerate() {
        assert!(CASES[..place].iter().all(|before| before.number != case.number), "{} twice", case.number);
        assert!(case.what.len() <= 110, "{}: too long for the table", case.number);
    }
}
