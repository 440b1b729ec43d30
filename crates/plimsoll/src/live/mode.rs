//! How a session trades, and what must be said before it may.

use secrecy::ExposeSecret;

use crate::config::{Config, Exchange, Loaded};
use crate::failure::Failure;
use crate::research::{Rung, StrategyPlan};

/// What a person has to write down before real orders are sent.
pub(crate) const SENTENCE: &str = "I understand this trades real money";

/// Where orders go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// To a simulated exchange inside, fed by the real market.
    Paper,
    /// To the exchange.
    Live,
}

impl Mode {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Paper => "paper",
            Self::Live => "live",
        }
    }
}

/// One of the exchange's worlds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum World {
    Mainnet,
    Testnet,
    Demo,
}

impl World {
    /// The one that is configured.
    pub(crate) fn of(exchange: &Exchange) -> Result<Self, Failure> {
        match (exchange.environment.as_deref(), exchange.testnet) {
            (Some("demo"), _) => Ok(Self::Demo),
            (Some("mainnet") | None, false) => Ok(Self::Mainnet),
            (Some("testnet") | None, true) => Ok(Self::Testnet),
            (Some(environment), testnet) => Err(Failure::usage(format!(
                "exchange.environment is {environment} and exchange.testnet is {testnet}: which is meant? For mainnet say \
                 environment: mainnet and testnet: false; for the test network leave both out"
            ))),
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Mainnet => "mainnet",
            Self::Testnet => "testnet",
            Self::Demo => "demo",
        }
    }
}

/// Everything that is missing before real orders may be sent, in one answer; nothing has been opened yet.
///
/// # Errors
/// Exit code 3 with the list.
pub(crate) fn may_trade_live(loaded: &Loaded, (flag, has_flag): (&str, bool)) -> Result<(), Failure> {
    let config = &loaded.config;
    let mut missing = Vec::new();
    if !has_flag {
        let mode = flag.trim_start_matches('-');
        missing.push(format!("the flag {flag} (run.mode: {mode} alone does not send real orders)"));
    }
    if credentials(config).is_none() {
        missing.push(
            "credentials: exchange.api_key and exchange.api_secret, or BYBIT_API_KEY and BYBIT_API_SECRET"
                .to_owned(),
        );
    }
    if !loaded.is_explicit("risk") {
        missing
            .push("a risk section of your own: the limits of real money are not left to defaults".to_owned());
    }
    if config.live.acknowledge.as_deref() != Some(SENTENCE) {
        missing.push(format!("live.acknowledge: {SENTENCE:?}"));
    }
    let world = World::of(&config.exchange)?;
    if world == World::Mainnet && config.exchange.environment.is_none() {
        missing.push(
            "mainnet is said twice: exchange.environment: mainnet beside exchange.testnet: false".to_owned(),
        );
    }
    if missing.is_empty() {
        return Ok(());
    }
    let lines: String = missing.iter().map(|line| format!("\n  - {line}")).collect();
    let details = serde_json::json!({ "missing": missing });
    Err(Failure::refused(format!("live trading needs more than that:{lines}")).with_details(details))
}

/// The sessions of hybrid trading: each strategy's orders go where its rung says.
///
/// # Errors
/// When all of them belong to one session: then somebody expects another.
pub(crate) fn by_rung(plans: Vec<StrategyPlan>) -> Result<Vec<(Mode, Vec<StrategyPlan>)>, Failure> {
    let (real, paper): (Vec<_>, Vec<_>) = plans.into_iter().partition(|plan| plan.rung == Some(Rung::Full));
    if real.is_empty() {
        return Err(Failure::usage(
            "hybrid: no strategy is on the rung `full` (strategies.rung); with all of them on paper, say --paper",
        ));
    }
    if paper.is_empty() {
        return Err(Failure::usage(
            "hybrid: every strategy is on the rung `full`; with none of them on paper, say --live",
        ));
    }
    Ok(vec![(Mode::Paper, paper), (Mode::Live, real)])
}

/// Refuses real orders of a strategy that is said to be on paper.
///
/// # Errors
/// Exit code 3 with the strategies.
pub(crate) fn are_ready(mode: Mode, plans: &[StrategyPlan]) -> Result<(), Failure> {
    let is_early = |plan: &&StrategyPlan| mode == Mode::Live && plan.rung == Some(Rung::Paper);
    let early: Vec<&str> = plans.iter().filter(is_early).map(|plan| plan.id.as_str()).collect();
    if early.is_empty() {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "on the rung `paper` (strategies.rung), and so without real orders: {}; --hybrid runs those on paper beside the others",
        early.join(", ")
    )))
}

/// Key and secret, where both are there.
pub(crate) fn credentials(config: &Config) -> Option<wire::Credentials> {
    let key = config.exchange.api_key.as_ref()?.expose_secret().to_owned();
    let secret = config.exchange.api_secret.as_ref()?.expose_secret().to_owned();
    Some(wire::Credentials { key, secret: wire::Secret::new(secret) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, ConfigFile, Sources};
    use crate::failure::ExitKind;
    use expect_test::{Expect, expect};

    fn loaded(text: &str) -> Loaded {
        let files = vec![ConfigFile::Stdin(text.as_bytes().to_vec())];
        config::load(&Sources { files, directory: std::env::temp_dir(), ..Sources::default() }).unwrap()
    }

    #[expect(clippy::needless_pass_by_value, reason = "as `expect!` makes it")]
    fn check(text: &str, has_flag: bool, want: Expect) {
        let told = match may_trade_live(&loaded(text), ("--live", has_flag)) {
            Ok(()) => "it may".to_owned(),
            Err(failure) => {
                assert!(matches!(failure.exit, ExitKind::Refused | ExitKind::Usage));
                failure.message
            }
        };
        want.assert_eq(&told);
    }

    #[test]
    fn everything_that_is_missing_is_told_at_once() {
        check(
            "exchange: {testnet: false}",
            false,
            expect![[r#"
            live trading needs more than that:
              - the flag --live (run.mode: live alone does not send real orders)
              - credentials: exchange.api_key and exchange.api_secret, or BYBIT_API_KEY and BYBIT_API_SECRET
              - a risk section of your own: the limits of real money are not left to defaults
              - live.acknowledge: "I understand this trades real money"
              - mainnet is said twice: exchange.environment: mainnet beside exchange.testnet: false"#]],
        );
        let testnet = "exchange: {api_key: k, api_secret: s}\nrisk: {max_leverage: 3}\n\
                       live: {acknowledge: I understand this trades real money}\n";
        check(testnet, true, expect!["it may"]);
        let nearly = testnet.replace("real money", "money");
        check(
            &nearly,
            true,
            expect![[r#"
            live trading needs more than that:
              - live.acknowledge: "I understand this trades real money""#]],
        );
        let mainnet = testnet.replace("api_key", "testnet: false, environment: mainnet, api_key");
        check(&mainnet, true, expect!["it may"]);
        let torn = testnet.replace("api_key", "environment: mainnet, api_key");
        check(
            &torn,
            true,
            expect![
                "exchange.environment is mainnet and exchange.testnet is true: which is meant? For mainnet say environment: mainnet and testnet: false; for the test network leave both out"
            ],
        );
    }
}
