//! The smallest world: a process that writes a journal, its disk, and the end of both.

use crate::agenda::Agenda;
use crate::disk::Disk;
use crate::options::{Fault, Options};
use journal::{Entry, Manifest, ReadError, RunId, RunReader, Settings, State, Writer, content_digest};
use model::{Fact, Input, Seq, TimerId};
use units::{Digest, DigestWriter, Prng, Span, Timestamp};

/// When worlds begin.
const BEGIN: Timestamp = Timestamp::from_nanos(1_785_110_400_000_000_000);

/// What became of a world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Inputs that were appended, said to be durable, and found afterwards.
    pub appended: u64,
    /// See [`Told::appended`].
    pub durable: u64,
    /// See [`Told::appended`]; `None` where the run was found damaged.
    pub found: Option<u64>,
    /// The writer stopped because its disk failed.
    pub is_stopped: bool,
    /// A bit was turned when the power failed.
    pub is_flipped: bool,
    /// A tail was cut off.
    pub is_cut: bool,
    /// Everything that happened: two worlds of one seed have the same.
    pub digest: Digest,
}

#[derive(Debug, Clone, Copy)]
enum Event {
    /// The process has another input.
    Input,
    /// The disk has done something.
    Disk,
    /// The end.
    End,
}

/// The `n`-th input.
const fn input(n: u64) -> Input {
    let at = Timestamp::from_nanos(BEGIN.nanos() + n as i64);
    Input { seq: Seq(n), at, fact: Fact::Timer(TimerId(n.wrapping_mul(0x9e37_79b9_7f4a_7c15))) }
}

/// Plays the world of a seed and checks it: what was said to be durable is there, what is there was appended, and only a turned
/// bit is found as damage.
///
/// # Errors
/// The invariant that does not hold, in words.
pub fn play(seed: u64, options: &Options) -> Result<Told, String> {
    let prng = &mut Prng::new(seed);
    let mut agenda = Agenda::new(BEGIN);
    let mut disk = Disk::new();
    let settings = Settings { segment_bytes: 8_192, batch_bytes: 1_000, compress: true };
    let mut writer = Writer::start(manifest(), Vec::new(), settings);
    let mut digest = DigestWriter::new();
    agenda.put(BEGIN, Event::Input);
    agenda.put(BEGIN + Span::from_nanos(prng.below(400_000_000) as i64), Event::End);
    while let Some(event) = agenda.pop() {
        let now = agenda.now();
        digest.int(now.nanos());
        match event {
            Event::End => break,
            Event::Disk => {
                for completion in disk.perform(now, options, prng) {
                    writer.handle(completion);
                }
            }
            Event::Input => {
                // Whoever writes looks at what waits: a slow disk is waited for.
                if writer.backlog() < 4_000 && writer.append_input(&input(writer.seq().0 + 1)).is_ok() && prng.below(3) == 0 {
                    // It stopped, or it did not: there is nothing else to do about it here.
                    let _ = writer.flush();
                }
                agenda.put(now + Span::from_nanos(prng.below(1_000_000) as i64), Event::Input);
            }
        }
        digest.word(writer.durable().0);
        disk.take(&mut writer, now, options, prng);
        if let Some(due) = disk.due() {
            agenda.put(due, Event::Disk);
        }
    }
    let is_stopped = writer.stopped().is_some();
    let is_flipped = if options.has(Fault::Crash) || prng.below(2) == 0 {
        disk.lose_power(options, prng)
    } else {
        disk.kill();
        false
    };
    let (appended, durable) = (writer.seq().0, writer.durable().0);
    let (found, is_cut) = look(&disk, durable)?;
    if found.is_none() && !is_flipped {
        return Err("a loss of power was taken for damage".to_owned());
    }
    if let Some(found) = found
        && !(durable..=appended).contains(&found)
    {
        return Err(format!("{durable} inputs were durable, {appended} appended, {found} are there"));
    }
    digest.word(found.map_or(u64::MAX, |found| found));
    Ok(Told { appended, durable, found, is_stopped, is_flipped, is_cut, digest: digest.finish() })
}

/// How many inputs there are; `None` when the run is damaged.
fn look(disk: &Disk, durable: u64) -> Result<(Option<u64>, bool), String> {
    let mut reader = match RunReader::open(disk) {
        Ok(reader) => reader,
        // The process ended before the manifest was there.
        Err(ReadError::Store(_)) if durable == 0 => return Ok((Some(0), false)),
        Err(error) => return Err(error.to_string()),
    };
    let mut found = 0;
    loop {
        match reader.next_frame() {
            Ok(Some(frame)) => {
                found += 1;
                if frame.entry() != Ok(Entry::Input(input(found).fact)) || frame.seq != Seq(found) {
                    return Err(format!("input {found} is another one"));
                }
            }
            Ok(None) => return Ok((Some(found), reader.cut().is_some())),
            Err(ReadError::Damage(_)) => return Ok((None, false)),
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn manifest() -> Manifest {
    let run = RunId::new("scribe").expect("six letters are the name of a run");
    Manifest {
        run,
        parent: None,
        base: Seq(0),
        mode: "simulation".to_owned(),
        created: BEGIN,
        program: String::new(),
        commit: "unknown".to_owned(),
        configuration: content_digest(b""),
        strategies: Vec::new(),
        models: Vec::new(),
        attachments: Vec::new(),
        state: State::Open,
    }
}
