//! Asking the exchange before anything runs: the time, the rules of instruments, history, the account.
//!
//! Everything here only reads, so what got no answer is asked again, more and more slowly, as often as configured. Orders
//! never go this way.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use gateway::clock;
use gateway::dial::{DialSettings, Dialer, Origin, Proxy, Roots};
use gateway::http::HttpClient;
use gateway::node::Ends;
use model::{Instrument, InstrumentError, LinkKind};
use secrecy::ExposeSecret;
use serde_json::json;
use tokio::runtime::Runtime;
use units::{Amount, Span, Timestamp};
use wire::bybit::calls::account::{AccountInfo, ApiKey, ApiKeyInfo, Wallet};
use wire::bybit::calls::market::{Instruments, ServerTime};
use wire::bybit::calls::position::Positions;
use wire::bybit::calls::{self, Call};
use wire::bybit::codes::Retry;
use wire::bybit::listing::{Listing, ListingPager};
use wire::bybit::words::InstrumentStatus;
use wire::bybit::{Environment, Hosts, Signer};
use wire::{Meaning, Request, Response};

use super::mode::{World, credentials};
use crate::config::{self, Config};
use crate::failure::{ExitKind, Failure};
use crate::research::Interrupt;

/// A signed request is good for this long; the exchange's own default.
pub(crate) const RECEIVE_WINDOW: Span = Span::from_millis(5_000);

/// The code with which a parameter is refused.
const PARAMETER: i64 = 10_001;

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Requests are counted over so many seconds.
///
/// Source: Bybit V5, "Rate Limit Rules" (2026-07-24): so many requests of an address in five seconds.
const WINDOW_SECONDS: u32 = 5;

/// An exchange that can be asked.
pub(crate) struct Exchange {
    runtime: Runtime,
    dialer: Dialer,
    http: HttpClient,
    environment: Environment,
    world: World,
    signer: Option<Signer>,
    within: Duration,
    retries: u32,
    /// How many requests may be sent in [`WINDOW_SECONDS`], and when the last so many were.
    most: usize,
    sent: VecDeque<Instant>,
    /// How far its clock is ahead of ours.
    offset: Span,
    interrupt: Interrupt,
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Exchange({})", self.http.origin())
    }
}

impl Exchange {
    /// The exchange of a configuration; nothing is connected yet.
    pub(crate) fn new(config: &Config, interrupt: Interrupt) -> Result<Self, Failure> {
        let settings = &config.exchange;
        if settings.name != "bybit" {
            return Err(Failure::usage(format!(
                "exchange.name is {}; this version trades and downloads at bybit only",
                settings.name
            )));
        }
        let world = World::of(settings)?;
        let environment = environment(settings, world);
        let wrong = |key: &str, problem: &dyn std::fmt::Display| Failure::usage(format!("{key}: {problem}"));
        let origin = Origin::parse(environment.rest()).map_err(|e| wrong("exchange.rest_url", &e))?;
        let proxy = settings.proxy.as_ref().map(|proxy| Proxy::parse(proxy.expose_secret())).transpose();
        let roots = if settings.tls_roots == "system" { Roots::System } else { Roots::Bundled };
        let dial = DialSettings {
            roots,
            proxy: proxy.map_err(|e| wrong("exchange.proxy", &e))?,
            within: DialSettings::PATIENCE.min(Duration::from_secs(settings.timeout_seconds.into())),
        };
        let dialer = Dialer::new(dial).map_err(|e| wrong("exchange.tls_roots", &e))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("network")
            .enable_all()
            .build()
            .map_err(|error| Failure::failed(format!("no threads for the network: {error}")))?;
        Ok(Self {
            http: HttpClient::new(origin, dialer.clone()),
            runtime,
            dialer,
            environment,
            world,
            signer: credentials(config).map(|credentials| Signer::new(credentials, RECEIVE_WINDOW)),
            within: Duration::from_secs(settings.timeout_seconds.into()),
            retries: settings.max_retries,
            most: WINDOW_SECONDS as usize * settings.rate_limit_per_second.max(1) as usize,
            sent: VecDeque::new(),
            offset: Span::ZERO,
            interrupt,
        })
    }

    /// What a person calls it.
    pub(crate) fn name(&self) -> String {
        match &self.environment {
            Environment::Custom(_) => format!("bybit at {}", self.http.origin()),
            _ => format!("bybit {}", self.world.name()),
        }
    }

    pub(crate) const fn environment(&self) -> &Environment {
        &self.environment
    }

    pub(crate) const fn world(&self) -> World {
        self.world
    }

    pub(crate) const fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    pub(crate) const fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    pub(crate) const fn has_key(&self) -> bool {
        self.signer.is_some()
    }

    /// Where a session reaches it.
    pub(crate) fn ends(&self) -> Result<Ends, Failure> {
        let link = |kind| {
            // Where there is no socket for orders they go by request, and the session does not ask for the link.
            let text = self.environment.link(kind).or_else(|| self.environment.link(LinkKind::Account));
            Origin::parse(text.unwrap_or_default())
                .map_err(|error| Failure::usage(format!("exchange.websocket_url: {error}")))
        };
        let links = [link(LinkKind::Market)?, link(LinkKind::Account)?, link(LinkKind::Trade)?];
        Ok(Ends { http: self.http.origin().clone(), links })
    }

    /// Its clock, as well as it was measured.
    pub(crate) fn now(&self) -> Timestamp {
        clock::now().checked_add(self.offset).unwrap_or(Timestamp::MAX)
    }

    /// How far its clock is ahead of ours.
    pub(crate) const fn offset(&self) -> Span {
        self.offset
    }

    /// Asks for the time and remembers the difference. Returns how long the answer took.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub(crate) fn measure_clock(&mut self) -> Result<Span, Failure> {
        self.offset = Span::ZERO;
        let before = clock::now();
        let told = self.ask(&ServerTime)?;
        let trip = clock::now() - before;
        let middle = before.checked_add(Span::from_nanos(trip.nanos() / 2)).unwrap_or(before);
        self.offset = told - middle;
        Ok(trip)
    }

    /// Asks something.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub(crate) fn ask<C: Call>(&mut self, call: &C) -> Result<C::Answer, Failure> {
        let signer = self.signer.clone();
        self.read(&mut |now| calls::request(call, signer.as_ref(), now), &mut |response, now| {
            calls::read(call, response, true, now)
        })
    }

    /// Asks what `request` makes, until `take` has an answer or there is no point in asking again.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub(crate) fn read<T>(
        &mut self,
        request: &mut dyn FnMut(Timestamp) -> Option<Request>,
        take: &mut dyn FnMut(&Response, Timestamp) -> Result<T, calls::Failure>,
    ) -> Result<T, Failure> {
        let mut attempts = 0;
        loop {
            self.wait_for_turn()?;
            let now = self.now();
            let Some(wanted) = request(now) else {
                return Err(Failure::usage(
                    "this needs a key: set exchange.api_key and exchange.api_secret, or BYBIT_API_KEY and BYBIT_API_SECRET",
                ));
            };
            let sent = self.runtime.block_on(self.http.send(&wanted, self.within));
            let (failure, pause) = match sent {
                Ok(response) => match take(&response, now) {
                    Ok(answer) => return Ok(answer),
                    Err(refused) => {
                        let pause = pause_after(&refused, now, attempts);
                        (refusal(&refused, &self.name()), pause)
                    }
                },
                Err(failed) => {
                    let text = format!("{} cannot be reached: {failed}", self.name());
                    let details = json!({ "exchange": self.name(), "problem": failed.reason });
                    (Failure::failed(text).with_details(details), Some(pause(attempts)))
                }
            };
            attempts += 1;
            match pause {
                Some(pause) if attempts <= self.retries => self.sleep(pause)?,
                _ => return Err(failure),
            }
        }
    }

    /// The instruments of these symbols, in the same order, for trading.
    ///
    /// # Errors
    /// With everything that is not listed, or cannot be traded, at once.
    pub(crate) fn instruments(&mut self, symbols: &[String]) -> Result<Vec<Instrument>, Failure> {
        let broken = |error: InstrumentError| Failure::failed(error.to_string());
        self.listings(symbols)?
            .into_iter()
            .map(|listing| Instrument::new(listing.spec).map_err(broken))
            .collect()
    }

    fn listings(&mut self, symbols: &[String]) -> Result<Vec<Listing>, Failure> {
        let mut pager = ListingPager::new(symbols.iter().cloned());
        while pager.next().is_some() {
            let step = pager.clone();
            let next = self.read(&mut |_| step.next(), &mut |response, now| {
                let mut step = step.clone();
                step.take(response, now).map(|()| step)
            });
            pager = match next {
                Ok(pager) => pager,
                // That is how a single symbol is refused that is not known.
                Err(failure) if failure.details["code"] == PARAMETER && symbols.len() == 1 => break,
                Err(failure) => return Err(failure),
            };
        }
        let mut found = Vec::new();
        let mut problems = Vec::new();
        for listing in pager.finish() {
            match listing {
                Ok(listing) => {
                    if let Some(obstacle) = listing.obstacle() {
                        problems.push(format!("{} cannot be traded: {obstacle}", listing.spec.symbol));
                    }
                    found.push(listing);
                }
                Err(error) => problems.push(error.to_string()),
            }
        }
        for symbol in symbols {
            let is_found = found.iter().any(|listing| listing.spec.symbol == *symbol);
            if !is_found && !problems.iter().any(|problem| problem.contains(symbol.as_str())) {
                problems.push(self.why_not_listed(symbol)?);
            }
        }
        if problems.is_empty() {
            return Ok(found);
        }
        let lines: String = problems.iter().map(|problem| format!("\n  - {problem}")).collect();
        let details = json!({ "exchange": self.name(), "problems": problems });
        Err(Failure::usage(format!("{} does not trade everything that is configured:{lines}", self.name()))
            .with_details(details))
    }

    /// What became of a symbol that is not among those that are traded.
    fn why_not_listed(&mut self, symbol: &str) -> Result<String, Failure> {
        let past = [
            (InstrumentStatus::Closed, "it is delisted"),
            (InstrumentStatus::Delivering, "it is being delisted"),
            (InstrumentStatus::PreLaunch, "it is not launched yet"),
        ];
        for (status, why) in past {
            let call = Instruments { symbol: Some(symbol.to_owned()), status: Some(status), cursor: None };
            // An exchange that does not know the symbol may refuse the question: then nothing is known of it.
            let Ok(page) = self.ask(&call) else { continue };
            if page.rows.iter().any(|row| row.symbol == symbol) {
                return Ok(format!("{symbol} cannot be traded: {why}"));
            }
        }
        let all = self.ask(&Instruments { symbol: None, status: None, cursor: None })?;
        let names: Vec<&str> = all.rows.iter().map(|row| row.symbol.as_str()).collect();
        let meant = strategy::nearest(symbol, names.iter().copied());
        let meant = meant.map_or(String::new(), |name| format!("; did you mean {name}?"));
        Ok(format!("{symbol} is not known there{meant}"))
    }

    /// What the key may do.
    ///
    /// # Errors
    /// When the exchange refuses it, with what is wrong with it.
    pub(crate) fn key(&mut self) -> Result<ApiKeyInfo, Failure> {
        self.ask(&ApiKey {})
    }

    /// The margin mode of the account, as the exchange names it.
    ///
    /// # Errors
    /// As [`Exchange::ask`].
    pub(crate) fn margin_mode(&mut self) -> Result<String, Failure> {
        self.ask(&AccountInfo {}).map(|info| info.margin_mode)
    }

    /// Whether an instrument is in hedge mode: two positions, long and short.
    ///
    /// # Errors
    /// As [`Exchange::ask`].
    pub(crate) fn is_hedged(&mut self, instrument: &Instrument) -> Result<bool, Failure> {
        let call = Positions {
            symbol: Some(instrument.symbol.clone()),
            settle_coin: instrument.quote.clone(),
            cursor: None,
        };
        Ok(self.ask(&call)?.rows.iter().any(|row| row.position_index != 0))
    }

    /// The cash of the account in one coin; nothing where it has none.
    ///
    /// # Errors
    /// As [`Exchange::ask`], and for a number that does not fit.
    pub(crate) fn wallet(&mut self, coin: &str) -> Result<Amount, Failure> {
        let accounts = self.ask(&Wallet { coin: Some(coin.to_owned()) })?;
        let mut coins = accounts.iter().flat_map(|account| &account.coins);
        let Some(found) = coins.find(|row| row.coin == coin) else { return Ok(Amount::ZERO) };
        let units = found.wallet.at_scale(units::AMOUNT_DECIMALS);
        units.map(Amount::from_units).map_err(|error| Failure::failed(format!("the wallet: {error}")))
    }

    /// No more requests in a second than configured, counted as the exchange counts: what a start needs is asked for at once.
    fn wait_for_turn(&mut self) -> Result<(), Failure> {
        if self.sent.len() >= self.most
            && let Some(first) = self.sent.pop_front()
        {
            let turn = first + Duration::from_secs(WINDOW_SECONDS.into());
            self.sleep(turn.saturating_duration_since(Instant::now()))?;
        }
        self.sent.push_back(Instant::now());
        Ok(())
    }

    /// Sleeps, but not when somebody wants the end.
    fn sleep(&self, long: Duration) -> Result<(), Failure> {
        let until = Instant::now() + long;
        loop {
            if self.interrupt.is_set() {
                return Err(Failure::new(ExitKind::Interrupted, "interrupted"));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
    }
}

fn environment(settings: &config::Exchange, world: World) -> Environment {
    let known = match world {
        World::Mainnet => Environment::Mainnet,
        World::Testnet => Environment::Testnet,
        World::Demo => Environment::Demo,
    };
    if settings.rest_url.is_none() && settings.websocket_url.is_none() {
        return known;
    }
    let link = |kind| known.link(kind).map(str::to_owned);
    let own = settings.websocket_url.clone();
    Environment::Custom(Hosts {
        rest: settings.rest_url.clone().unwrap_or_else(|| known.rest().to_owned()),
        public: own.clone().or_else(|| link(LinkKind::Market)).unwrap_or_default(),
        private: own.clone().or_else(|| link(LinkKind::Account)).unwrap_or_default(),
        trade: own.or_else(|| link(LinkKind::Trade)),
    })
}

fn pause(attempts: u32) -> Duration {
    (Duration::from_millis(500) * 2_u32.saturating_pow(attempts.min(8))).min(LONGEST_PAUSE)
}

/// How long to wait before the same is asked again; `None` when there is no point.
fn pause_after(refused: &calls::Failure, now: Timestamp, attempts: u32) -> Option<Duration> {
    let calls::Failure::Refused { retry, meaning, .. } = refused else { return None };
    match retry {
        Retry::Wait | Retry::Query | Retry::Reconnect | Retry::Resync => {
            let until = match meaning {
                Meaning::RateLimited { until: Some(until) } if *until > now => {
                    Duration::from_nanos(u64::try_from((*until - now).nanos()).unwrap_or(0))
                }
                _ => Duration::ZERO,
            };
            Some(pause(attempts).max(until)).filter(|pause| *pause <= LONGEST_PAUSE)
        }
        Retry::Never | Retry::Done | Retry::WaitLong | Retry::Stop => None,
    }
}

const REFUSED_ADDRESS: &str = "the exchange refuses this address: too many requests came from it, and it is kept out for ten minutes; or \
                               it lies in a region that is not served";

/// A refusal as a person should read it, with the exit code that fits.
fn refusal(refused: &calls::Failure, exchange: &str) -> Failure {
    let calls::Failure::Refused { code, status, .. } = refused else {
        return Failure::failed(format!("{exchange} said something that cannot be read: {refused}"));
    };
    let (exit, hint) = match code {
        10003 => (
            ExitKind::Usage,
            "the key is not known there: mistyped, deleted, or of another environment (mainnet, testnet and demo have keys \
             of their own)",
        ),
        10004 => (ExitKind::Usage, "the signature is wrong: the secret does not belong to the key"),
        10005 => (ExitKind::Usage, "the key lacks a permission: it needs to read and trade contracts"),
        10010 => (ExitKind::Usage, "the key is bound to other addresses than this machine's"),
        33004 | -2015 => (ExitKind::Usage, "the key has expired"),
        10002 => (
            ExitKind::Failed,
            "the time of the request was refused: the clock of this machine is wrong, or the way there very slow",
        ),
        10009 | 10024 => (ExitKind::Refused, "the exchange does not serve this region or account"),
        10008 | 10027 => (ExitKind::Refused, "the exchange has banned the account from trading"),
        10018 => (ExitKind::Failed, REFUSED_ADDRESS),
        0 if *status == 403 => (ExitKind::Failed, REFUSED_ADDRESS),
        10016 => {
            (ExitKind::Failed, "the exchange has an error of its own, or is in maintenance; try again later")
        }
        _ => (ExitKind::Failed, ""),
    };
    let text = match hint {
        "" => format!("{exchange} refuses: {refused}"),
        hint if *code == 0 => format!("{exchange} refuses with HTTP {status}: {hint}"),
        hint => format!("{exchange} refuses with code {code}: {hint}"),
    };
    Failure::new(exit, text).with_details(json!({ "exchange": exchange, "code": code }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[expect(clippy::needless_pass_by_value, reason = "as `expect!` makes it")]
    fn check(code: i64, want: Expect) {
        let refused = calls::refusal(code, "as they say", 200, None, true, Timestamp::EPOCH);
        let failure = refusal(&refused, "bybit testnet");
        want.assert_eq(&format!("{}: {}", failure.exit.code(), failure.message));
    }

    #[test]
    fn what_is_wrong_with_a_key_is_said() {
        check(
            10003,
            expect![[
                r#"2: bybit testnet refuses with code 10003: the key is not known there: mistyped, deleted, or of another environment (mainnet, testnet and demo have keys of their own)"#
            ]],
        );
        check(
            10004,
            expect![[
                r#"2: bybit testnet refuses with code 10004: the signature is wrong: the secret does not belong to the key"#
            ]],
        );
        check(
            10010,
            expect![[
                r#"2: bybit testnet refuses with code 10010: the key is bound to other addresses than this machine's"#
            ]],
        );
    }

    #[test]
    fn only_what_may_change_is_asked_again() {
        let now = Timestamp::EPOCH;
        let pause = |code| pause_after(&calls::refusal(code, "", 200, None, true, now), now, 0);
        assert_eq!(pause(10006), Some(Duration::from_millis(500)));
        assert_eq!(pause(10016), Some(Duration::from_millis(500)));
        assert_eq!((pause(10003), pause(10001), pause(10018)), (None, None, None));
    }
}
