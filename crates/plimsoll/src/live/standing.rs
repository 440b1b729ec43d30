//! How the account of a running session stands: told every hour and at the end, so that nobody has to wonder whether it lives.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use gateway::clock;
use gateway::node::Talk;
use model::{InstrumentIx, PositionSide};
use session::Session;
use units::{Amount, Quantity, Timestamp};

use super::console::Console;

/// How often a session that runs says how it stands.
const EVERY: Duration = Duration::from_secs(3_600);

/// How often one that stops is asked, so that the last answer is that of the end.
const AT_THE_END: Duration = Duration::from_millis(100);

/// How an account stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Standing {
    pub(crate) at: Timestamp,
    pub(crate) wallet: Amount,
    pub(crate) equity: Amount,
    /// Signed, and none of them zero.
    pub(crate) positions: Vec<(InstrumentIx, Quantity)>,
}

impl Standing {
    fn of(session: &Session) -> Self {
        let engine = session.engine();
        let all = (0u32..).take(engine.instruments().len()).map(InstrumentIx);
        let held = |ix| (ix, engine.ledger().position(ix, PositionSide::Net).quantity);
        Self {
            at: clock::now(),
            wallet: engine.ledger().wallet(),
            equity: engine.equity(),
            positions: all.map(held).filter(|(_, quantity)| !quantity.is_zero()).collect(),
        }
    }
}

/// Asks sessions how they stand, and tells it.
pub(crate) struct Standings {
    sessions: Vec<(Talk, Console)>,
    sender: Sender<(usize, Standing)>,
    answers: Receiver<(usize, Standing)>,
    ask_at: Instant,
    /// Of sessions that stop: the last answer.
    last: Vec<Option<Standing>>,
}

impl Standings {
    /// Of these sessions, each told on a terminal of its own.
    pub(crate) fn new(sessions: Vec<(Talk, Console)>) -> Self {
        let (sender, answers) = channel();
        let last = vec![None; sessions.len()];
        Self { sessions, sender, answers, ask_at: Instant::now() + EVERY, last }
    }

    /// Asks when it is time to, and tells what was answered; of sessions that are stopping only the last answer counts.
    pub(crate) fn look(&mut self, is_stopping: bool) {
        for (number, standing) in self.answers.try_iter() {
            if is_stopping {
                self.last[number] = Some(standing);
            } else {
                self.sessions[number].1.standing(&standing);
            }
        }
        if Instant::now() >= self.ask_at {
            self.ask(is_stopping);
        }
    }

    /// Asks now. Before sessions are told to stop, so that there is an answer however quickly they end.
    pub(crate) fn ask(&mut self, is_stopping: bool) {
        self.ask_at = Instant::now() + if is_stopping { AT_THE_END } else { EVERY };
        for (number, (talk, _)) in self.sessions.iter().enumerate() {
            let sender = self.sender.clone();
            talk.look(move |session| {
                // Who has stopped listening need not know.
                let _ = sender.send((number, Standing::of(session)));
            });
        }
    }

    /// Tells how the sessions stood at the end.
    pub(crate) fn conclude(mut self) {
        for (number, standing) in self.answers.try_iter() {
            self.last[number] = Some(standing);
        }
        for ((_, console), last) in self.sessions.iter_mut().zip(&self.last) {
            if let Some(standing) = last {
                console.standing(standing);
            }
        }
    }
}
