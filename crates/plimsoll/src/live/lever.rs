//! The kill switch as files beside the journals, so that it works whatever the session is doing, and outlives it.
//!
//! `panic` is there from the moment it is pulled until a person unlocks: a running session presses its kill switch, and one that
//! starts does so before anything else. `unlock` holds what a person typed. `panic.stage` says how far a session has come.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use gateway::watchers::{Seen, Watcher};
use model::{OperatorCommand, PanicStage, Record, Text};
use session::bus::Delivery;
use session::{Published, What};

/// The files.
#[derive(Debug, Clone)]
pub(crate) struct Lever {
    folder: PathBuf,
}

impl Lever {
    /// Beside the journals of this folder.
    pub(crate) fn of(journal: &Path) -> Self {
        Self { folder: journal.to_owned() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Pulls it. Pulled again, nothing changes: how far the session has come since the first time stands.
    pub(crate) fn pull(&self) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        if !self.is_pulled() {
            self.begin()?;
        }
        fs::write(self.file("panic"), "pulled by a person\n")
    }

    /// Forgets how far an earlier session came.
    pub(crate) fn begin(&self) -> io::Result<()> {
        remove(&self.file("panic.stage"))
    }

    pub(crate) fn is_pulled(&self) -> bool {
        self.file("panic").exists()
    }

    /// Says what a person typed to unlock, for the session that runs or the next one.
    pub(crate) fn unlock(&self, text: &str) -> io::Result<()> {
        remove(&self.file("panic"))?;
        fs::write(self.file("unlock"), text)
    }

    /// How far a session has come since it was pulled, as [`PanicStage::name`] says it.
    pub(crate) fn stage(&self) -> Option<String> {
        fs::read_to_string(self.file("panic.stage")).ok()
    }

    /// What a session is to be told now; each thing once.
    pub(crate) fn orders(&self, was_pulled: &mut bool) -> Vec<OperatorCommand> {
        let mut orders = Vec::new();
        if self.is_pulled() != *was_pulled {
            *was_pulled = !*was_pulled;
            if *was_pulled {
                orders.push(OperatorCommand::Panic);
            }
        }
        let unlock = self.file("unlock");
        if let Ok(text) = fs::read_to_string(&unlock)
            && remove(&unlock).is_ok()
        {
            orders.push(OperatorCommand::Unlock { confirmation: Text::new(text.trim()) });
        }
        orders
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Writes down how far the kill switch has come: as far as the session that is furthest behind.
#[derive(Debug)]
pub(crate) struct StageWatch {
    lever: Lever,
    /// How far each session of the process has come.
    stages: Arc<Mutex<Vec<PanicStage>>>,
    /// Which of them is ours.
    number: usize,
}

impl StageWatch {
    /// One for each of so many sessions.
    pub(crate) fn of_several(lever: &Lever, sessions: usize) -> Vec<Self> {
        let stages = Arc::new(Mutex::new(vec![PanicStage::Armed; sessions]));
        let one = |number| Self { lever: lever.clone(), stages: stages.clone(), number };
        (0..sessions).map(one).collect()
    }

    fn note(&self, stage: PanicStage) -> Result<(), String> {
        let mut stages = self.stages.lock().map_err(|_| "another watcher died".to_owned())?;
        if let Some(own) = stages.get_mut(self.number) {
            *own = stage;
        }
        // Kept locked while it is written, so that the file holds the last word.
        let behind = stages.iter().min().copied().unwrap_or(stage);
        fs::write(self.lever.file("panic.stage"), behind.name()).map_err(|error| error.to_string())
    }
}

impl Watcher for StageWatch {
    fn name(&self) -> &'static str {
        "kill switch"
    }

    fn see(&mut self, seen: Delivery<Seen>) -> Result<(), String> {
        let Delivery::Item { item: Seen::Published(Published { what, .. }), .. } = seen else {
            return Ok(());
        };
        let What::Record(Record::Panic { stage, .. }) = what else { return Ok(()) };
        self.note(stage)
    }
}

/// The stage at which nothing is open and nothing may be opened.
pub(crate) const fn latched() -> &'static str {
    PanicStage::Latched.name()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_order_is_given_once_and_the_lever_stays_down() {
        let folder = tempfile::tempdir().unwrap();
        let lever = Lever::of(&folder.path().join("journal"));
        let mut was_pulled = false;
        assert_eq!(lever.orders(&mut was_pulled), []);
        lever.pull().unwrap();
        assert_eq!(lever.orders(&mut was_pulled), [OperatorCommand::Panic]);
        assert_eq!(lever.orders(&mut was_pulled), []);
        // Pulled again while it is down, how far the session has come stands; the next session begins anew.
        fs::write(lever.file("panic.stage"), latched()).unwrap();
        lever.pull().unwrap();
        assert_eq!(lever.stage().as_deref(), Some(latched()));
        lever.begin().unwrap();
        assert_eq!(lever.stage(), None);
        // A session that starts later presses as well.
        assert_eq!(lever.orders(&mut false), [OperatorCommand::Panic]);
        lever.unlock("UNLOCK").unwrap();
        let confirmation = Text::new("UNLOCK");
        assert_eq!(lever.orders(&mut was_pulled), [OperatorCommand::Unlock { confirmation }]);
        assert!(!lever.is_pulled());
        assert_eq!(lever.orders(&mut was_pulled), []);
    }

    #[test]
    fn of_several_sessions_the_last_one_counts() {
        let folder = tempfile::tempdir().unwrap();
        let lever = Lever::of(folder.path());
        let watches = StageWatch::of_several(&lever, 2);
        watches[0].note(PanicStage::Latched).unwrap();
        assert_eq!(lever.stage().as_deref(), Some("armed"));
        watches[1].note(PanicStage::Flattening).unwrap();
        assert_eq!(lever.stage().as_deref(), Some("flattening"));
        watches[1].note(PanicStage::Latched).unwrap();
        assert_eq!(lever.stage().as_deref(), Some(latched()));
    }
}
