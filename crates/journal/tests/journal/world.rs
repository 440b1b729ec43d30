//! A disk in memory that keeps apart what was written and what is durable, and a script of inputs to write to it.

use journal::{
    Action, Attachment, Completion, FileName, Listed, Manifest, RunId, Settings, State, Store, StoreError,
    Ticket, Writer, compress, content_digest,
};
use model::{
    Bar, CancelScope, Candle, ClientOrderId, Fact, Input, InstrumentIx, OrderCommand, Quote, Seq, Timeframe,
    VenueEvent,
};
use std::collections::{BTreeMap, VecDeque};
use units::{Price, Prng, Quantity, Timestamp};

const SECTOR: usize = 512;

/// A file as programs see it, and as a loss of power would leave it at best.
#[derive(Debug, Clone, Default)]
pub(crate) struct Content {
    pub(crate) seen: Vec<u8>,
    pub(crate) durable: Vec<u8>,
}

/// Files by name, and the actions that were not performed yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    pub(crate) files: BTreeMap<FileName, Content>,
    pub(crate) queue: VecDeque<(Ticket, Action)>,
}

impl Disk {
    pub(crate) fn take(&mut self, writer: &mut Writer) {
        while let Some(action) = writer.poll() {
            self.queue.push_back(action);
        }
    }

    /// Performs the oldest action.
    pub(crate) fn perform(&mut self) -> Option<Completion> {
        let (ticket, action) = self.queue.pop_front()?;
        match action {
            Action::Create { name, bytes } => {
                self.put(name, vec![0; bytes as usize]);
            }
            Action::Replace { name, bytes } => self.put(name, bytes),
            Action::Write { name, at, bytes } => {
                let file = self.files.get_mut(&name).unwrap();
                file.seen[at as usize..][..bytes.len()].copy_from_slice(&bytes);
            }
            Action::Flush { name } => {
                let file = self.files.get_mut(&name).unwrap();
                file.durable.clone_from(&file.seen);
            }
            Action::Compress { segment } => {
                let raw = self.files.remove(&FileName::Segment(segment)).unwrap();
                self.put(FileName::Compressed(segment), compress(&raw.durable));
            }
            Action::Remove { name } => {
                self.files.remove(&name);
            }
        }
        Some(Completion::Done(ticket))
    }

    fn put(&mut self, name: FileName, bytes: Vec<u8>) {
        self.files.insert(name, Content { seen: bytes.clone(), durable: bytes });
    }

    /// Performs everything there is to do.
    pub(crate) fn settle(&mut self, writer: &mut Writer) {
        loop {
            self.take(writer);
            let Some(done) = self.perform() else { return };
            writer.handle(done);
        }
    }

    /// The power fails: of every sector that was written and not flushed, the old or the new content is left; one sector
    /// may be cut between two bytes.
    pub(crate) fn crash(mut self, prng: &mut Prng) -> Self {
        self.queue.clear();
        for file in self.files.values_mut() {
            let is_orderly = prng.below(2) == 0;
            let sectors = file.seen.len().div_ceil(SECTOR) as u64;
            let stop = prng.below(sectors + 1);
            for sector in 0..sectors {
                let from = sector as usize * SECTOR;
                let until = file.seen.len().min(from + SECTOR);
                let is_kept = if is_orderly { sector < stop } else { prng.below(2) == 0 };
                let kept = match (is_kept, is_orderly && sector == stop) {
                    (true, _) => until,
                    (false, true) => from + prng.below((until - from) as u64) as usize,
                    (false, false) => from,
                };
                file.durable[from..kept].copy_from_slice(&file.seen[from..kept]);
            }
            file.seen.clone_from(&file.durable);
        }
        self
    }

    /// The program is killed: everything that was performed is there.
    pub(crate) fn kill(mut self) -> Self {
        self.queue.clear();
        self.files.values_mut().for_each(|file| file.durable.clone_from(&file.seen));
        self
    }
}

impl Store for Disk {
    fn list(&self) -> Result<Vec<Listed>, StoreError> {
        let listed = |(name, file): (&FileName, &Content)| Listed {
            name: name.clone(),
            bytes: file.durable.len() as u64,
        };
        Ok(self.files.iter().map(listed).collect())
    }

    fn read(&self, name: &FileName) -> Result<Vec<u8>, StoreError> {
        let missing = || StoreError { name: name.to_string(), problem: "no such file".to_owned() };
        self.files.get(name).map(|file| file.durable.clone()).ok_or_else(missing)
    }
}

pub(crate) fn manifest() -> Manifest {
    Manifest {
        run: RunId::new("run-1").unwrap(),
        parent: None,
        origin: None,
        base: Seq(0),
        mode: "test".to_owned(),
        created: Timestamp::from_nanos(1_785_000_000_000_000_000),
        program: "0.1.0".to_owned(),
        commit: "unknown".to_owned(),
        configuration: content_digest(b"a: 1"),
        strategies: Vec::new(),
        models: Vec::new(),
        attachments: Vec::new(),
        state: State::Open,
    }
}

pub(crate) fn settings() -> Settings {
    Settings { segment_bytes: Settings::MIN_SEGMENT, batch_bytes: 600, compress: true }
}

pub(crate) fn writer() -> Writer {
    let attachment = Attachment::new("configuration.yaml", b"a: 1".to_vec()).unwrap();
    Writer::start(manifest(), vec![attachment], settings())
}

/// The `n`-th input of the script, from one.
pub(crate) fn input(n: u64) -> Input {
    let at = Timestamp::from_nanos(1_785_000_000_000_000_000 + n as i64 * 250_000_000);
    let instrument = InstrumentIx((n % 3) as u32);
    let price = |ticks: u64| Price::new(6_000_000 + (n * 7 % 100 + ticks) as i64);
    let fact = match n % 5 {
        0 => Fact::Candle(Candle {
            instrument,
            timeframe: Timeframe::MINUTE,
            bar: Bar {
                open_time: at,
                open: price(3),
                high: price(9),
                low: price(0),
                close: price(5),
                volume: Quantity::new(n as i64),
            },
        }),
        1 => Fact::Venue(VenueEvent::Accepted { id: ClientOrderId::new(n, 1), instrument }),
        _ => Fact::Quote(Quote {
            instrument,
            exchange_time: at,
            bid: price(0),
            bid_quantity: Quantity::new(5),
            ask: price(1),
            ask_quantity: Quantity::new(n as i64 * 10),
        }),
    };
    Input { seq: Seq(n), at, fact }
}

/// What follows from some inputs.
pub(crate) fn command(n: u64) -> Option<OrderCommand> {
    n.is_multiple_of(7)
        .then_some(OrderCommand::CancelAll { instrument: Some(InstrumentIx(0)), scope: CancelScope::All })
}

/// Appends the `n`-th input and what follows from it.
pub(crate) fn append(writer: &mut Writer, n: u64) {
    writer.append_input(&input(n)).unwrap();
    if let Some(command) = command(n) {
        writer.append_command(&command).unwrap();
    }
}
