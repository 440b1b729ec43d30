//! The manifest: who a run is, what it ran, and how it ended. Text, one field a line, with a checksum at the end, so that a
//! person can read it and a program can trust it.

use crate::frame::content_digest;
use crate::segment::{FORMAT, FileName};
use model::Seq;
use std::fmt;
use std::fmt::Write as _;
use units::{Digest, Timestamp};

/// The name of a run: 1 to 60 letters, digits, `-`, `_` and `.`, beginning with a letter or a digit; the name of its folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(String);

impl RunId {
    /// From text; `None` when it is no name of a run.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let is_plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        let begins = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        (is_plain && begins && name.len() <= 60).then(|| Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// 64 bits of its digest, which segments carry so that none is taken for another run's.
    pub(crate) fn mark(&self) -> u64 {
        content_digest(self.0.as_bytes()).bits() as u64
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Something that a run used, by name and content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// What it is called, without spaces at its ends and line breaks.
    pub name: String,
    /// The digest of its content ([`content_digest`]).
    pub digest: Digest,
}

/// Where the frames of a run end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tail {
    /// The last segment with frames, counted from one; zero before the first.
    pub segment: u32,
    /// How many bytes of it are used.
    pub bytes: u32,
    /// How many frames the run has.
    pub frames: u64,
    /// The last input.
    pub seq: Seq,
    /// The hash of the last frame.
    pub chain: u64,
}

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It is being written, or nobody has looked after it since it broke off.
    Open,
    /// It was ended as it should.
    Ended(Tail),
    /// It broke off; a later start found it whole up to here.
    Crashed(Tail),
    /// It is damaged where it had been whole, and is kept as it is for a person to look at.
    Quarantined(String),
}

impl State {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Ended(_) => "ended",
            Self::Crashed(_) => "crashed",
            Self::Quarantined(_) => "quarantined",
        }
    }

    /// Where its frames end, if that was ever established.
    #[must_use]
    pub const fn tail(&self) -> Option<&Tail> {
        match self {
            Self::Ended(tail) | Self::Crashed(tail) => Some(tail),
            Self::Open | Self::Quarantined(_) => None,
        }
    }
}

/// Who a run is, what it ran, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Its name.
    pub run: RunId,
    /// The run whose state it went on from.
    pub parent: Option<RunId>,
    /// The first run of the line that its state goes back to, by which its orders are called; none for a fresh start.
    pub origin: Option<RunId>,
    /// The last input of that state: inputs of this run are numbered from the next one on. Zero for a fresh start.
    pub base: Seq,
    /// What drove it, such as `paper` or `backtest`.
    pub mode: String,
    /// When it began.
    pub created: Timestamp,
    /// The version of the program.
    pub program: String,
    /// The commit the program was built from, or `unknown`.
    pub commit: String,
    /// The digest of the resolved configuration.
    pub configuration: Digest,
    /// The strategies with the digests of their parameters, by number.
    pub strategies: Vec<Named>,
    /// The models with the digests of their files.
    pub models: Vec<Named>,
    /// The files kept beside the frames, from which the engine can be built again.
    pub attachments: Vec<Named>,
    /// How it stands.
    pub state: State,
}

/// Why a text is no manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestError {
    /// The line, counted from one; zero for the text as a whole.
    pub line: usize,
    /// What is wrong and what is expected.
    pub problem: String,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.problem),
            line => write!(f, "line {line}: {}", self.problem),
        }
    }
}

impl std::error::Error for ManifestError {}

const TITLE: &str = "plimsoll-journal";

impl Manifest {
    /// The same run in another state.
    #[must_use]
    pub fn sealed(&self, state: State) -> Self {
        Self { state, ..self.clone() }
    }

    /// The number that the names of its orders carry: that of the whole line of runs, since an order outlives a process.
    #[must_use]
    pub fn order_mark(&self) -> u32 {
        self.origin.as_ref().unwrap_or(&self.run).mark() as u32
    }

    /// As text. What has no place in a line (line breaks) becomes a space.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("{TITLE} {FORMAT}\n");
        let mut line = |key: &str, value: &str| {
            let plain: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{key} {}", plain.trim());
        };
        line("run", self.run.as_str());
        if let Some(parent) = &self.parent {
            line("parent", parent.as_str());
        }
        if let Some(origin) = &self.origin {
            line("origin", origin.as_str());
        }
        line("base", &self.base.0.to_string());
        line("mode", &self.mode);
        line("created", &self.created.nanos().to_string());
        line("program", &self.program);
        line("commit", &self.commit);
        line("configuration", &self.configuration.to_string());
        for (key, list) in
            [("strategy", &self.strategies), ("model", &self.models), ("attachment", &self.attachments)]
        {
            for named in list {
                line(key, &format!("{} {}", named.digest, named.name));
            }
        }
        match &self.state {
            State::Open => line("state", "open"),
            State::Ended(tail) | State::Crashed(tail) => {
                line("state", self.state.name());
                let Tail { segment, bytes, frames, seq, chain } = tail;
                line("tail", &format!("{segment} {bytes} {frames} {} {chain:016x}", seq.0));
            }
            State::Quarantined(reason) => line("state", &format!("quarantined {reason}")),
        }
        let digest = content_digest(text.as_bytes());
        let _ = writeln!(text, "checksum {digest}");
        text
    }

    /// From text.
    ///
    /// # Errors
    /// [`ManifestError`] with the line and what is wrong: a checksum that does not fit, an unknown or missing field, a value
    /// out of place, another format.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let whole = |problem: &str| ManifestError { line: 0, problem: problem.to_owned() };
        let text = std::str::from_utf8(bytes).map_err(|_| whole("the manifest is no UTF-8"))?;
        let first = text.lines().next().unwrap_or_default();
        let Some(format) = first.strip_prefix(TITLE) else {
            return Err(ManifestError { line: 1, problem: format!("expected `{TITLE} {FORMAT}`") });
        };
        if format.trim() != FORMAT.to_string() {
            let problem = format!("journal format{format}; this program reads format {FORMAT}");
            return Err(ManifestError { line: 1, problem });
        }
        let sealed = text.strip_suffix('\n').and_then(|t| t.rfind('\n')).map(|at| text.split_at(at + 1));
        let Some((body, seal)) = sealed else { return Err(whole("the manifest is cut short")) };
        if seal != format!("checksum {}\n", content_digest(body.as_bytes())) {
            return Err(whole("the checksum of the manifest is wrong"));
        }
        let mut fields = Fields::default();
        for (number, line) in (1..).zip(body.lines()).skip(1) {
            fields.take(line).map_err(|problem| ManifestError { line: number, problem })?;
        }
        fields.finish().map_err(|problem| ManifestError { line: 0, problem })
    }

    /// The digest of an attachment.
    #[must_use]
    pub fn attachment(&self, name: &str) -> Option<Digest> {
        self.attachments.iter().find(|a| a.name == name).map(|a| a.digest)
    }
}

/// The fields of a manifest as they come.
#[derive(Default)]
struct Fields {
    run: Option<RunId>,
    parent: Option<RunId>,
    origin: Option<RunId>,
    base: Option<Seq>,
    mode: Option<String>,
    created: Option<Timestamp>,
    program: Option<String>,
    commit: Option<String>,
    configuration: Option<Digest>,
    strategies: Vec<Named>,
    models: Vec<Named>,
    attachments: Vec<Named>,
    state: Option<String>,
    tail: Option<Tail>,
}

impl Fields {
    fn take(&mut self, line: &str) -> Result<(), String> {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        match key {
            "run" => once(key, &mut self.run, run_id(value)?),
            "parent" => once(key, &mut self.parent, run_id(value)?),
            "origin" => once(key, &mut self.origin, run_id(value)?),
            "base" => once(key, &mut self.base, Seq(number(value)?)),
            "mode" => once(key, &mut self.mode, value.to_owned()),
            "created" => once(key, &mut self.created, Timestamp::from_nanos(number(value)?)),
            "program" => once(key, &mut self.program, value.to_owned()),
            "commit" => once(key, &mut self.commit, value.to_owned()),
            "configuration" => once(key, &mut self.configuration, digest(value)?),
            "strategy" => {
                self.strategies.push(named(value)?);
                Ok(())
            }
            "model" => {
                self.models.push(named(value)?);
                Ok(())
            }
            "attachment" => {
                let named = named(value)?;
                if FileName::attachment(&named.name).is_none() {
                    return Err(format!("{:?} is no name of an attachment", named.name));
                }
                self.attachments.push(named);
                Ok(())
            }
            "state" => once(key, &mut self.state, value.to_owned()),
            "tail" => once(key, &mut self.tail, tail(value)?),
            other => Err(format!("unknown field {other:?}")),
        }
    }

    fn finish(self) -> Result<Manifest, String> {
        fn needed<T>(key: &str, value: Option<T>) -> Result<T, String> {
            value.ok_or_else(|| format!("the field {key} is missing"))
        }
        let state = needed("state", self.state)?;
        let state = match (state.as_str(), self.tail) {
            ("open", None) => State::Open,
            ("ended", Some(tail)) => State::Ended(tail),
            ("crashed", Some(tail)) => State::Crashed(tail),
            ("ended" | "crashed", None) => return Err("the field tail is missing".to_owned()),
            (other, None) => match other.strip_prefix("quarantined") {
                Some(reason) => State::Quarantined(reason.trim().to_owned()),
                None => {
                    return Err(format!(
                        "unknown state {other:?}; expected open, ended, crashed or quarantined"
                    ));
                }
            },
            (other, Some(_)) => return Err(format!("a run in state {other:?} has no tail")),
        };
        Ok(Manifest {
            run: needed("run", self.run)?,
            parent: self.parent,
            origin: self.origin,
            base: needed("base", self.base)?,
            mode: needed("mode", self.mode)?,
            created: needed("created", self.created)?,
            program: needed("program", self.program)?,
            commit: needed("commit", self.commit)?,
            configuration: needed("configuration", self.configuration)?,
            strategies: self.strategies,
            models: self.models,
            attachments: self.attachments,
            state,
        })
    }
}

fn once<T>(key: &str, slot: &mut Option<T>, value: T) -> Result<(), String> {
    if slot.is_some() {
        return Err(format!("the field {key} is given twice"));
    }
    *slot = Some(value);
    Ok(())
}

fn run_id(value: &str) -> Result<RunId, String> {
    RunId::new(value).ok_or_else(|| format!("{value:?} is no name of a run"))
}

fn number<T: std::str::FromStr>(value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{value:?} is no number that fits here"))
}

fn digest(value: &str) -> Result<Digest, String> {
    let is_hex = value.len() == 32 && value.bytes().all(|b| b.is_ascii_hexdigit());
    let bits = u128::from_str_radix(value, 16).ok().filter(|_| is_hex);
    bits.map(Digest::from_bits).ok_or_else(|| format!("{value:?} is no digest of 32 hexadecimal digits"))
}

fn named(value: &str) -> Result<Named, String> {
    let (hash, name) = value.split_once(' ').ok_or("expected a digest and a name")?;
    Ok(Named { name: name.to_owned(), digest: digest(hash)? })
}

fn tail(value: &str) -> Result<Tail, String> {
    let mut parts = value.split(' ');
    let mut next = || parts.next().ok_or("expected segment, bytes, frames, sequence number and hash");
    let tail = Tail {
        segment: number(next()?)?,
        bytes: number(next()?)?,
        frames: number(next()?)?,
        seq: Seq(number(next()?)?),
        chain: u64::from_str_radix(next()?, 16).map_err(|_| "the hash is no hexadecimal number")?,
    };
    match parts.next() {
        None => Ok(tail),
        Some(more) => Err(format!("{more:?} behind the hash")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use proptest::prelude::*;

    fn manifest(state: State) -> Manifest {
        Manifest {
            run: RunId::new("20260727T101500Z-paper").unwrap(),
            parent: RunId::new("20260726T000000Z-paper"),
            origin: None,
            base: Seq(41),
            mode: "paper".to_owned(),
            created: Timestamp::from_nanos(1_785_147_300_000_000_000),
            program: "0.1.0".to_owned(),
            commit: "unknown".to_owned(),
            configuration: content_digest(b"a: 1"),
            strategies: vec![Named { name: "ema_crossover".to_owned(), digest: content_digest(b"fast=9") }],
            models: vec![],
            attachments: vec![Named {
                name: "configuration.yaml".to_owned(),
                digest: content_digest(b"a: 1"),
            }],
            state,
        }
    }

    #[test]
    fn can_be_read_by_a_person() {
        let tail = Tail { segment: 2, bytes: 900, frames: 31, seq: Seq(70), chain: 0xabc };
        expect![[r#"
            plimsoll-journal 1
            run 20260727T101500Z-paper
            parent 20260726T000000Z-paper
            base 41
            mode paper
            created 1785147300000000000
            program 0.1.0
            commit unknown
            configuration 0d868defc724b4eb10c988227a7a4e80
            strategy ae66d0c961be92de81c72e2c33a5ef4c ema_crossover
            attachment 0d868defc724b4eb10c988227a7a4e80 configuration.yaml
            state crashed
            tail 2 900 31 70 0000000000000abc
            checksum 4d7c252151349597b0e0e1dbf650eb59
        "#]]
        .assert_eq(&manifest(State::Crashed(tail)).text());
    }

    #[test]
    fn every_state_comes_back() {
        let tail = Tail { segment: 2, bytes: 900, frames: 31, seq: Seq(70), chain: 0xabc };
        for state in [
            State::Open,
            State::Ended(tail),
            State::Crashed(tail),
            State::Quarantined("segment-000001 at byte 77: its checksum is wrong".to_owned()),
        ] {
            let manifest = manifest(state);
            assert_eq!(Manifest::parse(manifest.text().as_bytes()), Ok(manifest));
        }
    }

    /// With a checksum that fits, so that the fields themselves are looked at.
    fn problem(change: impl Fn(&str) -> String) -> String {
        let text = manifest(State::Open).text();
        let body = change(&text[..text.rfind("checksum").unwrap()]);
        let sealed = format!("{body}checksum {}\n", content_digest(body.as_bytes()));
        Manifest::parse(sealed.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn problems_name_their_line() {
        let problems = [
            problem(|t| t.replace("base 41", "base x")),
            problem(|t| t.replace("mode paper", "mood paper")),
            problem(|t| t.replace("mode paper\n", "")),
            problem(|t| t.replace("base 41", "base 41\nbase 42")),
            problem(|t| t.replace("state open", "state closed")),
            problem(|t| t.replace("state open", "state ended")),
            problem(|t| t.replace("run 2026", "run ../2026")),
            problem(|t| t.replace("configuration.yaml", "../secrets")),
            problem(|t| t.replace("plimsoll-journal 1", "plimsoll-journal 9")),
            problem(|t| t.replace("plimsoll-journal 1", "something else")),
        ];
        expect![[r#"
            line 4: "x" is no number that fits here
            line 5: unknown field "mood"
            the field mode is missing
            line 5: the field base is given twice
            unknown state "closed"; expected open, ended, crashed or quarantined
            the field tail is missing
            line 2: "../20260727T101500Z-paper" is no name of a run
            line 11: "../secrets" is no name of an attachment
            line 1: journal format 9; this program reads format 1
            line 1: expected `plimsoll-journal 1`"#]]
        .assert_eq(&problems.join("\n"));
        let damaged = manifest(State::Open).text().replace("base 41", "base 40");
        expect!["the checksum of the manifest is wrong"]
            .assert_eq(&Manifest::parse(damaged.as_bytes()).unwrap_err().to_string());
    }

    proptest! {
        #[test]
        fn damage_is_found(at: prop::sample::Index, bit in 0u8..8) {
            let mut bytes = manifest(State::Open).text().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(Manifest::parse(&bytes).is_err());
            prop_assert!(Manifest::parse(&bytes[..at]).is_err());
        }
    }
}
