//! YAML to a tree that knows where each character of each scalar is written.
//!
//! Built from parser events, as the configuration's reader is: a document model would keep one of two equal keys and turn
//! `0.10` into a float. Anchors, aliases and tags are refused: names for what is used twice are what `let` is for.

use super::problem::{Findings, Span, place, quoted};
use saphyr_parser::{Event, Parser};

/// The largest file, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;
/// The deepest nesting of lists and maps.
const MAX_DEPTH: usize = 8;
/// The most scalars, lists and maps.
const MAX_NODES: usize = 4_000;

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) content: Content,
}

#[derive(Debug, Clone)]
pub(super) enum Content {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: Scalar,
    pub(super) node: Node,
}

/// A scalar's text and, for each of its characters, where it is written.
#[derive(Debug, Clone)]
pub(super) struct Scalar {
    pub(super) text: String,
    pub(super) span: Span,
    at: Vec<u32>,
}

impl Scalar {
    /// Where characters `start..end` of the text are written.
    pub(super) fn span_of(&self, start: usize, end: usize) -> Span {
        let Some(last) = self.at.len().checked_sub(1) else { return self.span };
        let first = self.at[start.min(last)] + u32::from(start > last);
        let end = self.at[end.saturating_sub(1).min(last)] + 1;
        Span::new(first, end.max(first + 1))
    }
}

impl Node {
    pub(super) const fn kind(&self) -> &'static str {
        match &self.content {
            Content::Scalar(_) => "a value",
            Content::List(_) => "a list",
            Content::Map(_) => "a map",
        }
    }
}

/// Text out of bytes.
///
/// # Errors
/// What is wrong, with its place: too large, or not UTF-8.
pub(super) fn decode(bytes: &[u8]) -> Result<&str, (Findings, Span)> {
    if bytes.len() > MAX_BYTES {
        let mut findings = Findings::new("");
        let size = bytes.len();
        findings.note(
            Span::default(),
            format!("the file has {size} bytes; a rule file may have up to {MAX_BYTES}"),
        );
        return Err((findings, Span::default()));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let valid = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
        let mut findings = Findings::new(&format!("{valid}\u{fffd}"));
        let at = u32::try_from(valid.chars().count()).unwrap_or(u32::MAX);
        let span = Span::new(at, at + 1);
        let byte = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
        findings
            .note(span, format!("byte 0x{byte:02x} is not UTF-8 text; save the file in the encoding UTF-8"));
        (findings, span)
    })
}

/// Reads one YAML document; what is wrong is noted. `None` when there is nothing to go on with.
pub(super) fn read(text: &str, findings: &mut Findings) -> Option<Node> {
    let mut builder = Builder { open: Vec::new(), root: None, nodes: 0 };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = match event {
            Ok((event, span)) => (event, span_of(span.start.index(), span.end.index())),
            Err(error) => {
                let at = error.marker().index();
                findings.note(span_of(at, at + 1), syntax(error.info()));
                return None;
            }
        };
        if let Err((span, message)) = builder.accept(event, span, findings) {
            findings.note(span, message);
            return None;
        }
    }
    if builder.root.is_none() {
        findings.note(
            Span::default(),
            "the file is empty; `plimsoll strategy new NAME` writes one to begin with",
        );
    }
    builder.root
}

fn syntax(info: &str) -> String {
    let hint = if info.contains("mapping values are not allowed") {
        "; an expression must not contain `: ` (settings are named with `=`, as in ema(close, 9, seed=first))"
    } else if info.contains("flow") || info.contains("plain scalar") || info.contains("block") {
        "; put the value in quotes if it begins with one of { [ ] } , & * # ? | > @ ` % \" '"
    } else {
        ""
    };
    format!("this is not YAML: {info}{hint}")
}

fn span_of(start: usize, end: usize) -> Span {
    let of = |x| u32::try_from(x).unwrap_or(u32::MAX);
    Span::new(of(start), of(end.max(start + 1)))
}

struct Open {
    content: Content,
    span: Span,
    key: Option<Scalar>,
}

struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
}

type Refused = (Span, String);

impl Builder {
    fn accept(&mut self, event: Event<'_>, span: Span, findings: &mut Findings) -> Result<(), Refused> {
        match event {
            Event::Scalar(text, _, anchor, tag) => {
                self.spend(span)?;
                plain(anchor, tag.is_some(), span)?;
                let at = locate(&text, span, &findings.source);
                let scalar = Scalar { text: text.into_owned(), span, at };
                self.scalar(scalar, findings)
            }
            Event::SequenceStart(anchor, tag) => {
                plain(anchor, tag.is_some(), span)?;
                self.start(Content::List(Vec::new()), span)
            }
            Event::MappingStart(anchor, tag) => {
                plain(anchor, tag.is_some(), span)?;
                self.start(Content::Map(Vec::new()), span)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else { return Ok(()) };
                let span = open.span.to(span);
                self.place(Node { span, content: open.content })
            }
            Event::Alias(_) => {
                Err((span, "aliases are not supported; name what is used twice under `let`".into()))
            }
            Event::DocumentStart(_) if self.root.is_some() => {
                Err((span, "a second document starts here; a rule file holds one".into()))
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn spend(&mut self, span: Span) -> Result<(), Refused> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err((span, format!("the file has more than {MAX_NODES} values, lists and maps")));
        }
        Ok(())
    }

    fn start(&mut self, content: Content, span: Span) -> Result<(), Refused> {
        self.spend(span)?;
        if self.open.len() >= MAX_DEPTH {
            return Err((span, format!("lists and maps are nested deeper than {MAX_DEPTH} levels")));
        }
        if self.expects_key() {
            return Err((span, "a key must be a word".into()));
        }
        self.open.push(Open { content, span, key: None });
        Ok(())
    }

    fn expects_key(&self) -> bool {
        self.open.last().is_some_and(|open| matches!(open.content, Content::Map(_)) && open.key.is_none())
    }

    fn scalar(&mut self, scalar: Scalar, findings: &mut Findings) -> Result<(), Refused> {
        if !self.expects_key() {
            return self.place(Node { span: scalar.span, content: Content::Scalar(scalar) });
        }
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        if let Content::Map(entries) = &open.content
            && let Some(first) = entries.iter().find(|e| e.key.text == scalar.text)
        {
            let line =
                1 + findings.source[..place(first.key.span.start)].iter().filter(|c| **c == '\n').count();
            let name = quoted(&scalar.text);
            findings.note(scalar.span, format!("the key {name} is there twice; the first is on line {line}"));
        }
        open.key = Some(scalar);
        Ok(())
    }

    fn place(&mut self, node: Node) -> Result<(), Refused> {
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut parent.content {
            Content::List(items) => items.push(node),
            Content::Map(entries) => match parent.key.take() {
                Some(key) => entries.push(Entry { key, node }),
                None => return Err((node.span, "a key must be a word".into())),
            },
            Content::Scalar(_) => {}
        }
        Ok(())
    }
}

fn plain(anchor: usize, is_tagged: bool, span: Span) -> Result<(), Refused> {
    if anchor != 0 {
        return Err((span, "anchors are not supported; name what is used twice under `let`".into()));
    }
    if is_tagged {
        return Err((span, "tags such as !!str are not supported".into()));
    }
    Ok(())
}

/// Where each character of a scalar is written: quotes, escapes, indentation and the header of a block are passed over.
fn locate(text: &str, span: Span, source: &[char]) -> Vec<u32> {
    let end = place(span.end).min(source.len());
    let mut at = place(span.start).min(end);
    if matches!(source.get(at), Some('|' | '>')) {
        at = source[at..end].iter().position(|c| *c == '\n').map_or(at, |i| at + i);
    }
    let mut places = Vec::with_capacity(text.len());
    for c in text.chars() {
        let found = if c.is_whitespace() {
            source[at..end].iter().position(|s| s.is_whitespace())
        } else {
            source[at..end].iter().position(|s| *s == c)
        };
        // An escaped character is written in another way; it is taken to stand where the one before it ended.
        let here = found.map_or(at, |i| at + i);
        places.push(u32::try_from(here).unwrap_or(u32::MAX));
        at = if found.is_some() { here + 1 } else { at }.min(end);
    }
    places
}
