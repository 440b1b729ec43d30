//! Journals on real files: one folder a run.
//!
//! [`RunFiles`] performs the [`Action`]s of a [`journal::Writer`]. Writes and flushes are done by one thread in their order;
//! everything else (making the next segment, compressing a closed one, snapshots) by a second one, so that it never stands in
//! the way of a flush. [`RunFolder`] gives a run to a [`journal::RunReader`].

use crate::retention::{Done, Keeper};
use journal::{
    Action, Completion, FileName, Listed, Manifest, Retention, RunId, Store, StoreError, Ticket, compress,
};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

/// The folder of a run, for reading.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// The run that lies in this folder.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn store_error(name: &str, error: &io::Error) -> StoreError {
    StoreError { name: name.to_owned(), problem: error.to_string() }
}

impl Store for RunFolder {
    fn list(&self) -> Result<Vec<Listed>, StoreError> {
        let folder = self.path.display().to_string();
        let mut listed = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(|error| store_error(&folder, &error))? {
            let entry = entry.map_err(|error| store_error(&folder, &error))?;
            let name = entry.file_name();
            let Some(name) = name.to_str().and_then(FileName::parse) else { continue };
            let metadata = entry.metadata().map_err(|error| store_error(&name.to_string(), &error))?;
            if metadata.is_file() {
                listed.push(Listed { name, bytes: metadata.len() });
            }
        }
        listed.sort();
        Ok(listed)
    }

    fn read(&self, name: &FileName) -> Result<Vec<u8>, StoreError> {
        let name = name.to_string();
        fs::read(self.path.join(&name)).map_err(|error| store_error(&name, &error))
    }
}

/// The runs in a journal's folder, by name. Folders without a manifest are none: a start that broke off before it was anything.
///
/// # Errors
/// When the folder cannot be read. That it does not exist is no error: nothing ever ran.
pub fn runs(journal: &Path) -> io::Result<Vec<RunId>> {
    let entries = match fs::read_dir(journal) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut runs = Vec::new();
    for entry in entries {
        let entry = entry?;
        let run = entry.file_name().to_str().and_then(RunId::new);
        if let Some(run) = run
            && entry.path().join(FileName::Manifest.to_string()).is_file()
        {
            runs.push(run);
        }
    }
    runs.sort();
    Ok(runs)
}

/// Puts another manifest into the folder of a run: how a start seals what broke off, or sets a damaged run aside.
///
/// # Errors
/// When the file cannot be written or made durable.
pub fn write_manifest(folder: &RunFolder, manifest: &Manifest) -> io::Result<()> {
    replace(&folder.path, &FileName::Manifest, manifest.text().as_bytes())
}

/// Compresses what a run that is sealed was written to, and removes what it would have been written to next: a run that broke off
/// leaves two segments of their full size.
///
/// # Errors
/// When a file cannot be read, written or removed. What is left is readable all the same.
pub fn pack(folder: &RunFolder) -> io::Result<()> {
    let listed = folder.list().map_err(|error| io::Error::other(error.to_string()))?;
    for file in listed {
        let FileName::Segment(number) = file.name else { continue };
        let bytes = fs::read(folder.path.join(file.name.to_string()))?;
        if bytes.iter().any(|byte| *byte != 0) {
            replace(&folder.path, &FileName::Compressed(number), &compress(&bytes))?;
        }
        remove(&folder.path, &file.name)?;
    }
    Ok(())
}

/// What is called whenever something is done.
struct Alarm(Box<dyn Fn() + Send + Sync>);

impl fmt::Debug for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Alarm")
    }
}

/// Performs what a [`journal::Writer`] asks for in the folder of its run.
#[derive(Debug)]
pub struct RunFiles {
    ordered: Option<Sender<(Ticket, Action)>>,
    others: Option<Sender<(Ticket, Action)>>,
    completions: Receiver<Completion>,
    /// Called by the threads whenever something is done.
    alarm: Arc<OnceLock<Alarm>>,
    threads: Vec<JoinHandle<()>>,
    /// Given and not answered.
    open: usize,
}

impl RunFiles {
    /// Makes the folder of a new run below the journal's folder, and the threads that work in it.
    ///
    /// # Errors
    /// When the folder exists already (a run's name is never used twice), or cannot be made durable.
    pub fn create(journal: &Path, run: &RunId) -> io::Result<Self> {
        Self::make(journal, run, None)
    }

    /// The same, and the journal's folder is kept within a policy while the run is written: whenever it closes a segment, or
    /// its state was written down. What cannot be removed is told as a problem of the closed segment.
    ///
    /// # Errors
    /// As [`RunFiles::create`].
    pub fn create_keeping(journal: &Path, run: &RunId, policy: Retention) -> io::Result<Self> {
        Self::make(journal, run, Some(Keeper::new(journal.to_owned(), run.clone(), policy)))
    }

    fn make(journal: &Path, run: &RunId, keeper: Option<Keeper>) -> io::Result<Self> {
        fs::create_dir_all(journal)?;
        let folder = journal.join(run.as_str());
        fs::create_dir(&folder)?;
        sync_folder(journal)?;
        let (answers, completions) = channel();
        let alarm = Arc::new(OnceLock::new());
        let mut threads = Vec::with_capacity(2);
        let mut spawn = |name: &str, duty: Duty| {
            let (sender, orders) = channel();
            let (folder, answers, alarm) = (folder.clone(), answers.clone(), Arc::clone(&alarm));
            let builder = std::thread::Builder::new().name(name.to_owned());
            threads.push(builder.spawn(move || work(&folder, duty, &orders, &answers, &alarm))?);
            io::Result::Ok(Some(sender))
        };
        let (ordered, others) =
            (spawn("journal", Duty::Writes)?, spawn("journal-chores", Duty::Chores(keeper))?);
        Ok(Self { ordered, others, completions, alarm, threads, open: 0 })
    }

    /// From now on this is called whenever something is done, by the thread that did it: then [`RunFiles::turn`] has something
    /// to tell. Only the first who says so is called.
    pub fn when_done(&mut self, call: impl Fn() + Send + Sync + 'static) {
        // That somebody said so before is in the contract.
        let _ = self.alarm.set(Alarm(Box::new(call)));
    }

    /// Hands over what the writer asks for. Returns at once.
    pub fn give(&mut self, writer: &mut journal::Writer) {
        while let Some((ticket, action)) = writer.poll() {
            let thread = if action.is_ordered() { &self.ordered } else { &self.others };
            let is_given = thread.as_ref().is_some_and(|thread| thread.send((ticket, action)).is_ok());
            if is_given {
                self.open += 1;
            } else {
                let problem = "the thread that writes the journal ended".to_owned();
                writer.handle(Completion::Failed { ticket, problem });
            }
        }
    }

    /// Tells the writer what is done so far, and hands over what it asks for then. Does not wait.
    pub fn turn(&mut self, writer: &mut journal::Writer) {
        self.give(writer);
        while let Ok(completion) = self.completions.try_recv() {
            self.open -= 1;
            writer.handle(completion);
            self.give(writer);
        }
    }

    /// Waits for the next thing to be done and tells the writer. Returns whether there was anything to wait for.
    pub fn wait(&mut self, writer: &mut journal::Writer) -> bool {
        self.give(writer);
        if self.open == 0 {
            return false;
        }
        let Ok(completion) = self.completions.recv() else { return false };
        self.open -= 1;
        writer.handle(completion);
        self.give(writer);
        true
    }

    /// Waits until nothing is left to be done.
    pub fn settle(&mut self, writer: &mut journal::Writer) {
        while self.wait(writer) {}
    }
}

impl Drop for RunFiles {
    /// The threads end when they have done what they were given.
    fn drop(&mut self) {
        (self.ordered, self.others) = (None, None);
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing more to say, and this is no place to panic in turn.
            let _ = thread.join();
        }
    }
}

/// What a thread does.
#[derive(Debug)]
enum Duty {
    /// Writes and flushes, in their order.
    Writes,
    /// Everything else, and keeps the folder of journals within bounds.
    Chores(Option<Keeper>),
}

/// Performs what it is given. Where the order matters, nothing is done any more once something failed: what was given already may
/// be the next segment, and that it has content proves the one before it whole.
fn work(
    folder: &Path,
    mut duty: Duty,
    orders: &Receiver<(Ticket, Action)>,
    answers: &Sender<Completion>,
    alarm: &OnceLock<Alarm>,
) {
    let mut files = OpenFiles { folder, open: BTreeMap::new() };
    let mut failed: Option<String> = None;
    while let Ok((ticket, action)) = orders.recv() {
        let name = action_name(&action);
        let done = Done::of(&action);
        let outcome = match &failed {
            Some(problem) => Err(problem.clone()),
            None => files.perform(action).map_err(|error| format!("{name}: {error}")),
        };
        let outcome = match (&mut duty, outcome, done) {
            (Duty::Writes, Err(problem), _) => {
                failed = Some(problem.clone());
                Err(problem)
            }
            (Duty::Chores(Some(keeper)), Ok(()), Some(done)) => {
                let kept = keeper.note(&done);
                match done {
                    Done::Closed(_) => {
                        kept.map_err(|error| format!("what is old cannot be removed: {error}"))
                    }
                    // The snapshot is there all the same; the next closed segment tells of what is wrong.
                    Done::Snapshot(_) | Done::Gone(_) => Ok(()),
                }
            }
            (_, outcome, _) => outcome,
        };
        let completion = match outcome {
            Ok(()) => Completion::Done(ticket),
            Err(problem) => Completion::Failed { ticket, problem },
        };
        if answers.send(completion).is_err() {
            return;
        }
        if let Some(Alarm(call)) = alarm.get() {
            call();
        }
    }
}

fn action_name(action: &Action) -> String {
    match action {
        Action::Create { name, .. }
        | Action::Write { name, .. }
        | Action::Flush { name }
        | Action::Replace { name, .. }
        | Action::Remove { name } => name.to_string(),
        Action::Compress { segment } => FileName::Segment(*segment).to_string(),
    }
}

/// Segments that are written to, by number. Only the thread that writes keeps any.
struct OpenFiles<'a> {
    folder: &'a Path,
    open: BTreeMap<String, File>,
}

impl OpenFiles<'_> {
    fn perform(&mut self, action: Action) -> io::Result<()> {
        match action {
            Action::Create { name, bytes } => create(self.folder, &name, bytes),
            Action::Write { name, at, bytes } => {
                let file = self.file(&name)?;
                file.seek(SeekFrom::Start(at))?;
                file.write_all(&bytes)
            }
            Action::Flush { name } => self.file(&name)?.sync_data(),
            Action::Replace { name, bytes } => replace(self.folder, &name, &bytes),
            Action::Compress { segment } => {
                let raw = FileName::Segment(segment);
                let bytes = fs::read(self.folder.join(raw.to_string()))?;
                replace(self.folder, &FileName::Compressed(segment), &compress(&bytes))?;
                remove(self.folder, &raw)
            }
            Action::Remove { name } => remove(self.folder, &name),
        }
    }

    fn file(&mut self, name: &FileName) -> io::Result<&mut File> {
        let name = name.to_string();
        if !self.open.contains_key(&name) {
            // A segment is written to until the next one is: no more than two need be open.
            if self.open.len() > 1 {
                self.open.pop_first();
            }
            let file = OpenOptions::new().write(true).open(self.folder.join(&name))?;
            self.open.insert(name.clone(), file);
        }
        self.open.get_mut(&name).ok_or_else(|| io::Error::other("the file was opened above"))
    }
}

/// A file of zeros whose blocks are really there, so that a later flush has nothing to allocate.
fn create(folder: &Path, name: &FileName, bytes: u64) -> io::Result<()> {
    let mut file = File::create(folder.join(name.to_string()))?;
    io::copy(&mut io::repeat(0).take(bytes), &mut file)?;
    file.sync_all()?;
    sync_folder(folder)
}

/// The whole file or the old one, whatever happens meanwhile.
fn replace(folder: &Path, name: &FileName, bytes: &[u8]) -> io::Result<()> {
    let path = folder.join(name.to_string());
    let beside = folder.join(format!("{name}.new"));
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&beside, &path)?;
    sync_folder(folder)
}

fn remove(folder: &Path, name: &FileName) -> io::Result<()> {
    match fs::remove_file(folder.join(name.to_string())) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes names in a folder durable. Only Unix can and needs to be told.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
