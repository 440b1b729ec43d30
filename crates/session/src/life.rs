//! The life of the application: what has to be there before it trades, and how it stops.
//!
//! ```text
//! Starting ─► WarmingUp ─► Reconciling ─► Running ◄──► Paused
//!     │           │             │            │  ▲         │
//!     │           │             │            ▼  │ unlock  │
//!     └───────────┴─────────────┴────────► Halted         │        every state ─► Stopping ─► Stopped
//! ```
//!
//! Nobody waits in a loop: each dependency says when it is there, and [`Life::missing`] names those that are not. Stopping
//! goes through stages in order; a component that does not finish a stage in its time is named and left behind, and the next
//! stage begins. Everything is idempotent: saying a thing twice changes nothing, but a second request to stop exits at once.

use crate::budget::after;
use units::{Span, Timestamp};

/// Where the application is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Journal, configuration, connections.
    Starting,
    /// Indicators are being fed with history.
    WarmingUp,
    /// The venues are asked what they know; nothing is opened yet.
    Reconciling,
    /// Trading.
    Running,
    /// A person paused new exposure.
    Paused,
    /// The kill switch, a limit or a broken journal latched: nothing is opened until a person unlocks it.
    Halted,
    /// On its way out.
    Stopping(Stage),
    /// Over.
    Stopped,
}

impl State {
    /// Its name in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::WarmingUp => "warming up",
            Self::Reconciling => "reconciling",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Halted => "halted",
            Self::Stopping(_) => "stopping",
            Self::Stopped => "stopped",
        }
    }

    /// Whether it trades, or would if nobody had halted it.
    #[must_use]
    pub const fn has_begun(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Halted)
    }

    /// Whether new exposure may be taken on.
    #[must_use]
    pub const fn may_open(self) -> bool {
        matches!(self, Self::Running)
    }
}

/// A stage of stopping, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Orders are cancelled, and paper positions closed, as configured; answers are waited for.
    WindDown,
    /// The journal is flushed and sealed.
    Seal,
    /// Observers are drained.
    Drain,
    /// Connections are closed.
    Close,
}

impl Stage {
    const ALL: [Self; 4] = [Self::WindDown, Self::Seal, Self::Drain, Self::Close];

    /// How long it may take; five seconds together.
    const fn limit(self) -> Span {
        match self {
            Self::WindDown => Span::from_millis(2_000),
            Self::Seal => Span::from_millis(1_500),
            Self::Drain => Span::from_millis(1_000),
            Self::Close => Span::from_millis(500),
        }
    }
}

/// When something has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Before anything else.
    ToStart,
    /// Before the venues are asked.
    ToWarmUp,
    /// Before trading. With a patience: a venue that stays dead does not keep the others from trading.
    ToTrade,
}

/// Something that has to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// Its name, as a person knows it.
    pub name: String,
    /// For what it is needed.
    pub need: Need,
    is_there: bool,
}

/// What follows from something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The state is another one now.
    Entered(State),
    /// A dependency was not waited for any longer.
    WentWithout(String),
    /// These did not finish a stage in time and were left behind.
    LeftBehind(Stage, Vec<String>),
    /// The process ends now, with this exit code.
    Exit(u8),
}

/// The exit code of who was interrupted twice.
const INTERRUPTED: u8 = 130;

/// The state machine of an application.
#[derive(Debug)]
pub struct Life {
    state: State,
    dependencies: Vec<Dependency>,
    patience: Span,
    since: Timestamp,
    is_paused: bool,
    is_halted: bool,
    /// Components that still work on the stage of stopping.
    busy: Vec<String>,
    components: Vec<(Stage, String)>,
}

impl Life {
    /// An application that needs these before it trades, and stops these. What is needed to trade is waited for as long as
    /// `patience`, once there is anything at all to trade with.
    #[must_use]
    pub fn new(needs: &[(&str, Need)], components: &[(Stage, &str)], patience: Span, now: Timestamp) -> Self {
        let dependency = |(name, need): &(&str, Need)| Dependency {
            name: (*name).to_owned(),
            need: *need,
            is_there: false,
        };
        Self {
            state: State::Starting,
            dependencies: needs.iter().map(dependency).collect(),
            patience,
            since: now,
            is_paused: false,
            is_halted: false,
            busy: Vec::new(),
            components: components.iter().map(|(stage, name)| (*stage, (*name).to_owned())).collect(),
        }
    }

    /// Where it is.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// The names of what is not there.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        self.dependencies.iter().filter(|d| !d.is_there).map(|d| d.name.as_str())
    }

    /// A dependency is there, or is there no longer. Losing one that was there does not stop what runs: whoever depends on it
    /// says what it cannot do.
    pub fn provide(&mut self, name: &str, is_there: bool, now: Timestamp, out: &mut Vec<Step>) {
        for dependency in self.dependencies.iter_mut().filter(|d| d.name == name) {
            dependency.is_there = is_there;
        }
        self.advance(now, out);
    }

    /// What the engine says of itself: whether a person paused it, and whether something latched.
    pub fn note_engine(&mut self, is_paused: bool, is_halted: bool, now: Timestamp, out: &mut Vec<Step>) {
        (self.is_paused, self.is_halted) = (is_paused, is_halted);
        self.advance(now, out);
    }

    /// Somebody asks to stop: a signal, a person. Once is gracefully, twice is at once.
    pub fn stop(&mut self, now: Timestamp, out: &mut Vec<Step>) {
        match self.state {
            State::Stopped => {}
            State::Stopping(_) => {
                self.enter(State::Stopped, now, out);
                out.push(Step::Exit(INTERRUPTED));
            }
            _ => self.begin_stage(Stage::WindDown, now, out),
        }
    }

    /// A component has finished the stage of stopping that is on. One that fails has finished too: it blocks nobody.
    pub fn finish(&mut self, stage: Stage, component: &str, now: Timestamp, out: &mut Vec<Step>) {
        if self.state == State::Stopping(stage) {
            self.busy.retain(|name| name != component);
            self.advance(now, out);
        }
    }

    /// Time passed.
    pub fn wake(&mut self, now: Timestamp, out: &mut Vec<Step>) {
        self.advance(now, out);
    }

    /// When it wants to be woken at the latest.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        match self.state {
            State::Reconciling if self.has_any_venue() => Some(after(self.since, self.patience)),
            State::Stopping(stage) => Some(after(self.since, stage.limit())),
            _ => None,
        }
    }

    fn enter(&mut self, state: State, now: Timestamp, out: &mut Vec<Step>) {
        if self.state != state {
            (self.state, self.since) = (state, now);
            out.push(Step::Entered(state));
        }
    }

    fn has_any_venue(&self) -> bool {
        self.dependencies.iter().any(|d| d.need == Need::ToTrade && d.is_there)
    }

    fn has_all(&self, need: Need) -> bool {
        self.dependencies.iter().all(|d| d.is_there || d.need > need)
    }

    fn advance(&mut self, now: Timestamp, out: &mut Vec<Step>) {
        while let Some(next) = self.next(now, out) {
            match next {
                State::Stopping(stage) => self.begin_stage(stage, now, out),
                State::Stopped => {
                    self.enter(State::Stopped, now, out);
                    out.push(Step::Exit(0));
                }
                state => self.enter(state, now, out),
            }
        }
    }

    fn next(&self, now: Timestamp, out: &mut Vec<Step>) -> Option<State> {
        let trading = || match (self.is_halted, self.is_paused) {
            (true, _) => State::Halted,
            (false, true) => State::Paused,
            (false, false) => State::Running,
        };
        match self.state {
            State::Starting => self.has_all(Need::ToStart).then_some(State::WarmingUp),
            State::WarmingUp => self.has_all(Need::ToWarmUp).then_some(State::Reconciling),
            State::Reconciling if self.has_all(Need::ToTrade) => Some(trading()),
            State::Reconciling => {
                let is_late = now >= after(self.since, self.patience);
                (self.has_any_venue() && is_late).then(|| {
                    out.extend(self.missing().map(|name| Step::WentWithout(name.to_owned())));
                    trading()
                })
            }
            State::Running | State::Paused | State::Halted => Some(trading()).filter(|s| *s != self.state),
            State::Stopping(stage) => {
                let is_late = now >= after(self.since, stage.limit());
                if !self.busy.is_empty() && !is_late {
                    return None;
                }
                if !self.busy.is_empty() {
                    out.push(Step::LeftBehind(stage, self.busy.clone()));
                }
                let next = Stage::ALL.iter().find(|later| **later > stage);
                Some(next.map_or(State::Stopped, |next| State::Stopping(*next)))
            }
            State::Stopped => None,
        }
    }

    fn begin_stage(&mut self, stage: Stage, now: Timestamp, out: &mut Vec<Step>) {
        self.busy =
            self.components.iter().filter(|(of, _)| *of == stage).map(|(_, name)| name.clone()).collect();
        self.enter(State::Stopping(stage), now, out);
        self.advance(now, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    const NEEDS: &[(&str, Need)] = &[
        ("journal", Need::ToStart),
        ("history", Need::ToWarmUp),
        ("bybit", Need::ToTrade),
        ("binance", Need::ToTrade),
    ];
    const PARTS: &[(Stage, &str)] = &[
        (Stage::WindDown, "orders"),
        (Stage::Seal, "journal"),
        (Stage::Drain, "store"),
        (Stage::Drain, "alerts"),
    ];

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_nanos(millis * 1_000_000)
    }

    /// A script of words, each at its millisecond: `+name` is there, `-name` is gone, `stop`, `wake`, `pause`, `halt`, `free`,
    /// `done:name`.
    fn play(script: &str) -> String {
        let mut life = Life::new(NEEDS, PARTS, Span::from_millis(3_000), at(0));
        let mut text = String::new();
        for word in script.split_whitespace() {
            let (millis, word) = word.split_once(':').unwrap();
            let now = at(millis.parse().unwrap());
            let mut out = Vec::new();
            match word {
                "stop" => life.stop(now, &mut out),
                "wake" => life.wake(now, &mut out),
                "pause" => life.note_engine(true, false, now, &mut out),
                "halt" => life.note_engine(true, true, now, &mut out),
                "free" => life.note_engine(false, false, now, &mut out),
                _ if word.starts_with('+') => life.provide(&word[1..], true, now, &mut out),
                _ if word.starts_with('-') => life.provide(&word[1..], false, now, &mut out),
                _ => {
                    let State::Stopping(stage) = life.state() else {
                        panic!("{word} while {:?}", life.state())
                    };
                    life.finish(stage, word.strip_prefix("done-").unwrap(), now, &mut out);
                }
            }
            let missing: Vec<&str> = life.missing().collect();
            text += &format!("{millis} {word}: {} [{}] {out:?}\n", life.state().name(), missing.join(" "));
        }
        text
    }

    #[expect(clippy::needless_pass_by_value, reason = "as `expect!` makes it")]
    fn check(script: &str, want: Expect) {
        want.assert_eq(&play(script));
    }

    #[test]
    fn what_is_missing_is_named_until_everything_is_there() {
        check(
            "1:+history 2:+journal 3:+bybit 4:+bybit 5:+binance 6:-binance 7:pause 8:halt 9:pause 10:free",
            expect![[r#"
                1 +history: starting [journal bybit binance] []
                2 +journal: reconciling [bybit binance] [Entered(WarmingUp), Entered(Reconciling)]
                3 +bybit: reconciling [binance] []
                4 +bybit: reconciling [binance] []
                5 +binance: running [] [Entered(Running)]
                6 -binance: running [binance] []
                7 pause: paused [binance] [Entered(Paused)]
                8 halt: halted [binance] [Entered(Halted)]
                9 pause: paused [binance] [Entered(Paused)]
                10 free: running [binance] [Entered(Running)]
            "#]],
        );
    }

    #[test]
    fn a_venue_that_stays_dead_does_not_stall_the_others() {
        check(
            "1:+history 1:+journal 2:wake 3000:wake 3500:+bybit 3600:wake 9000:+binance",
            expect![[r#"
            1 +history: starting [journal bybit binance] []
            1 +journal: reconciling [bybit binance] [Entered(WarmingUp), Entered(Reconciling)]
            2 wake: reconciling [bybit binance] []
            3000 wake: reconciling [bybit binance] []
            3500 +bybit: running [binance] [WentWithout("binance"), Entered(Running)]
            3600 wake: running [binance] []
            9000 +binance: running [] []
        "#]],
        );
    }

    #[test]
    fn stopping_goes_through_its_stages() {
        check(
            "0:+journal 1:stop 2:done-orders 3:done-orders 4:done-journal 5:done-alerts 6:done-store 7:stop 8:wake",
            expect![[r#"
                0 +journal: warming up [history bybit binance] [Entered(WarmingUp)]
                1 stop: stopping [history bybit binance] [Entered(Stopping(WindDown))]
                2 done-orders: stopping [history bybit binance] [Entered(Stopping(Seal))]
                3 done-orders: stopping [history bybit binance] []
                4 done-journal: stopping [history bybit binance] [Entered(Stopping(Drain))]
                5 done-alerts: stopping [history bybit binance] []
                6 done-store: stopped [history bybit binance] [Entered(Stopping(Close)), Entered(Stopped), Exit(0)]
                7 stop: stopped [history bybit binance] []
                8 wake: stopped [history bybit binance] []
            "#]],
        );
    }

    #[test]
    fn what_does_not_finish_is_left_behind_and_named() {
        check(
            "0:stop 1999:wake 2000:wake 3000:done-journal 3999:done-store 4000:wake 4001:stop",
            expect![[r#"
                0 stop: stopping [journal history bybit binance] [Entered(Stopping(WindDown))]
                1999 wake: stopping [journal history bybit binance] []
                2000 wake: stopping [journal history bybit binance] [LeftBehind(WindDown, ["orders"]), Entered(Stopping(Seal))]
                3000 done-journal: stopping [journal history bybit binance] [Entered(Stopping(Drain))]
                3999 done-store: stopping [journal history bybit binance] []
                4000 wake: stopped [journal history bybit binance] [LeftBehind(Drain, ["alerts"]), Entered(Stopping(Close)), Entered(Stopped), Exit(0)]
                4001 stop: stopped [journal history bybit binance] []
            "#]],
        );
    }

    #[test]
    fn a_second_request_exits_at_once() {
        check(
            "0:+journal 1:stop 2:stop 3:stop",
            expect![[r#"
            0 +journal: warming up [history bybit binance] [Entered(WarmingUp)]
            1 stop: stopping [history bybit binance] [Entered(Stopping(WindDown))]
            2 stop: stopped [history bybit binance] [Entered(Stopped), Exit(130)]
            3 stop: stopped [history bybit binance] []
        "#]],
        );
    }

    proptest! {
        /// Whoever hangs, it is over within five seconds of the request.
        #[test]
        fn it_always_ends_within_five_seconds(done in proptest::collection::vec((0usize..4, 0i64..5_000), 0..6)) {
            let mut life = Life::new(NEEDS, PARTS, Span::from_millis(3_000), at(0));
            let mut out = Vec::new();
            life.stop(at(0), &mut out);
            let mut done = done;
            done.sort_by_key(|d| d.1);
            for (which, when) in done {
                while let Some(deadline) = life.deadline().filter(|d| *d <= at(when)) {
                    life.wake(deadline, &mut out);
                }
                if let State::Stopping(stage) = life.state() {
                    life.finish(stage, PARTS[which].1, at(when), &mut out);
                }
            }
            while let Some(deadline) = life.deadline() {
                prop_assert!(deadline <= at(5_000));
                life.wake(deadline, &mut out);
            }
            prop_assert_eq!(life.state(), State::Stopped);
            let exits = out.iter().filter(|s| matches!(s, Step::Exit(_))).count();
            prop_assert_eq!(exits, 1);
        }
    }
}
