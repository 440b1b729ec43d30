//! Putting layers on top of each other, with every value checked and its place remembered.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::json;
use super::kind::{Kind, Misfit};
use super::node::{Entry, Form, Node, Scalar, Value};
use super::problem::{Place, Problem, Source};
use super::settings::{Default, SECTIONS, Section, Setting, Shape, section};
use super::{suggest, yaml};

/// A checked value and the layer that set it.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) value: Json,
    pub(crate) place: Place,
}

/// The settings of a section, or of one item of a list.
#[derive(Clone)]
pub(crate) struct Group {
    pub(crate) held: BTreeMap<&'static str, Held>,
    /// Where it begins.
    pub(crate) place: Place,
}

/// All layers so far. A single section is one group; a list is its items.
pub(crate) struct Merge {
    pub(crate) groups: BTreeMap<&'static str, Vec<Group>>,
    /// Where each list was last set as a whole.
    pub(crate) lists: BTreeMap<&'static str, Place>,
    pub(crate) problems: Vec<Problem>,
}

impl Merge {
    /// The built-in defaults.
    pub(crate) fn new() -> Self {
        let mut merge = Self { groups: BTreeMap::new(), lists: BTreeMap::new(), problems: Vec::new() };
        for section in SECTIONS {
            let groups = match section.shape {
                Shape::Single => vec![default_group(section, Place::DEFAULT)],
                Shape::List => Vec::new(),
            };
            merge.groups.insert(section.name, groups);
            merge.lists.insert(section.name, Place::DEFAULT);
        }
        merge
    }

    /// Puts one layer on top. What does not fit is reported and left out.
    pub(crate) fn layer(&mut self, source: &Source, root: &Node) {
        let entries = match &root.value {
            Value::Null => return,
            Value::Map(entries) => entries,
            _ => {
                let message = format!("holds {} where sections are expected", root.shape());
                self.problems.push(Problem::new(place(source, root.line), message));
                return;
            }
        };
        self.report_duplicates(source, "", entries);
        for entry in entries {
            match section(&entry.key) {
                Some(known) => self.section(source, known, entry),
                // Editors find the schema by this key.
                None if entry.key == "$schema" => {}
                None => self.unknown(source, "", entry, suggest::section(&entry.key), "one of the sections"),
            }
        }
    }

    fn section(&mut self, source: &Source, section: &'static Section, entry: &Entry) {
        let line = entry.line;
        match (section.shape, &entry.node.value) {
            (_, Value::Null) => {}
            (Shape::Single, Value::Map(entries)) => self.fill(source, section, 0, entries),
            (Shape::List, Value::List(items)) => self.replace(source, section, line, items),
            (Shape::List, Value::Map(entries))
                if entries.iter().all(|entry| number(&entry.key).is_some()) =>
            {
                self.patch(source, section, entries);
            }
            (Shape::List, Value::Scalar(Scalar { text, form: Form::Untyped })) => match json::parse(text) {
                Ok(Node { value: Value::List(items), .. }) => {
                    let items: Vec<Node> = items.into_iter().map(|item| item.on_line(line)).collect();
                    self.replace(source, section, line, &items);
                }
                _ => self.wrong_shape(source, section, entry),
            },
            _ => self.wrong_shape(source, section, entry),
        }
    }

    fn wrong_shape(&mut self, source: &Source, section: &Section, entry: &Entry) {
        let expected = match section.shape {
            Shape::Single => "a group of keys",
            Shape::List => "a list of groups of keys",
        };
        let message = format!("{} where {expected} is expected", entry.node.shape());
        self.problems.push(Problem::new(place(source, entry.node.line), message).key(section.name));
    }

    /// A list in a layer replaces the list of the layers below.
    fn replace(&mut self, source: &Source, section: &'static Section, line: Option<u32>, items: &[Node]) {
        self.groups.insert(section.name, Vec::new());
        self.lists.insert(section.name, place(source, line));
        for (index, item) in items.iter().enumerate() {
            self.item(source, section, index, item);
        }
    }

    /// Numbered keys change the item with that number, or add the next one.
    fn patch(&mut self, source: &Source, section: &'static Section, entries: &[Entry]) {
        self.report_duplicates(source, section.name, entries);
        let mut entries: Vec<&Entry> = entries.iter().collect();
        entries.sort_by_key(|entry| number(&entry.key));
        for entry in entries {
            let length = self.groups.get(section.name).map_or(0, Vec::len);
            match number(&entry.key) {
                Some(index) if index <= length => self.item(source, section, index, &entry.node),
                _ => {
                    let message = format!("the list has {length} items, so the next number is {length}");
                    let key = format!("{}[{}]", section.name, entry.key);
                    self.problems.push(Problem::new(place(source, entry.line), message).key(key));
                }
            }
        }
    }

    fn item(&mut self, source: &Source, section: &'static Section, index: usize, node: &Node) {
        let here = place(source, node.line);
        let groups = self.groups.entry(section.name).or_default();
        if index >= groups.len() {
            groups.push(default_group(section, here.clone()));
        }
        let last = groups.len() - 1;
        match &node.value {
            Value::Map(entries) => self.fill(source, section, index.min(last), entries),
            _ => {
                let message = format!("{} where a group of keys is expected", node.shape());
                self.problems.push(Problem::new(here, message).key(format!("{}[{index}]", section.name)));
            }
        }
    }

    fn fill(&mut self, source: &Source, section: &'static Section, index: usize, entries: &[Entry]) {
        let prefix = path(section, index);
        self.report_duplicates(source, &prefix, entries);
        for entry in entries {
            let Some(setting) = section.setting(&entry.key) else {
                let meant = suggest::setting(section, &entry.key);
                self.unknown(
                    source,
                    &prefix,
                    entry,
                    meant,
                    &format!("one of the keys of `{}`", section.name),
                );
                continue;
            };
            match checked(setting, &entry.node) {
                Ok(value) => {
                    let held = Held { value, place: place(source, entry.node.line.or(entry.line)) };
                    self.hold(section, index, setting, held);
                }
                Err(misfit) => self.problems.push(misfit_problem(source, &prefix, setting, entry, misfit)),
            }
        }
    }

    fn hold(&mut self, section: &'static Section, index: usize, setting: &'static Setting, held: Held) {
        let Some(group) = self.groups.get_mut(section.name).and_then(|groups| groups.get_mut(index)) else {
            return;
        };
        let below = group.held.remove(setting.key);
        let value = match (setting.kind, below.map(|below| below.value), held.value) {
            // Parameters of a later layer join those below instead of replacing them all.
            (Kind::Parameters, Some(Json::Object(mut below)), Json::Object(above)) => {
                below.extend(above);
                Json::Object(below)
            }
            (_, _, value) => value,
        };
        group.held.insert(setting.key, Held { value, place: held.place });
    }

    fn unknown(&mut self, source: &Source, prefix: &str, entry: &Entry, meant: Option<String>, what: &str) {
        // The value is not repeated: under a mistyped key it may well be a secret.
        let problem = Problem::new(place(source, entry.line), format!("unknown key, not {what}"));
        self.problems.push(problem.key(join(prefix, &entry.key)).suggestion(meant));
    }

    fn report_duplicates(&mut self, source: &Source, prefix: &str, entries: &[Entry]) {
        let mut first: BTreeMap<&str, Option<u32>> = BTreeMap::new();
        for entry in entries {
            let Some(earlier) = first.get(entry.key.as_str()) else {
                first.insert(&entry.key, entry.line);
                continue;
            };
            let before = earlier.map_or_else(String::new, |line| format!(" on line {line}"));
            let message = format!("set twice, the first time{before}");
            self.problems
                .push(Problem::new(place(source, entry.line), message).key(join(prefix, &entry.key)));
        }
    }

    /// The value of a setting of a single section.
    pub(crate) fn get(&self, section: &str, key: &str) -> Option<&Held> {
        self.groups.get(section)?.first()?.held.get(key)
    }

    /// Everything as one JSON object, in the form [`super::typed::Config`] reads.
    pub(crate) fn to_json(&self) -> Json {
        let object = |group: &Group| {
            let values = group.held.iter().map(|(key, held)| ((*key).to_owned(), held.value.clone()));
            Json::Object(values.collect())
        };
        let mut root = Map::new();
        for section in SECTIONS {
            let mut groups = self.groups.get(section.name).into_iter().flatten().map(object);
            let value = match section.shape {
                Shape::Single => groups.next().unwrap_or(Json::Null),
                Shape::List => Json::Array(groups.collect()),
            };
            root.insert(section.name.to_owned(), value);
        }
        Json::Object(root)
    }
}

/// Every setting of a section at its default. Required ones are missing until a layer gives them.
fn default_group(section: &'static Section, place: Place) -> Group {
    let defaults = section.settings.iter().filter_map(|setting| {
        let value = default_value(setting)?;
        Some((setting.key, Held { value, place: Place::DEFAULT }))
    });
    Group { held: defaults.collect(), place }
}

/// The default in the form the program holds; `None` for a required setting.
pub(crate) fn default_value(setting: &Setting) -> Option<Json> {
    match setting.default {
        Default::Value(text) => yaml::parse(text).ok().and_then(|node| setting.kind.check(&node).ok()),
        Default::Unset(_) => Some(Json::Null),
        Default::Required => None,
    }
}

fn checked(setting: &Setting, node: &Node) -> Result<Json, Misfit> {
    match (&node.value, setting.default) {
        (Value::Null, Default::Unset(_)) => Ok(Json::Null),
        (Value::Null, _) => Err(Misfit("is empty; give a value or leave the key out".to_owned())),
        _ => setting.kind.check(node),
    }
}

fn misfit_problem(
    source: &Source,
    prefix: &str,
    setting: &Setting,
    entry: &Entry,
    misfit: Misfit,
) -> Problem {
    let meant = match (setting.kind, &entry.node.value) {
        (Kind::Choice(words), Value::Scalar(scalar)) if !setting.secret => {
            suggest::nearest(&scalar.text, words)
        }
        _ => None,
    };
    let problem = Problem::new(place(source, entry.node.line.or(entry.line)), misfit.0)
        .key(join(prefix, setting.key))
        .allowed(setting.allowed())
        .suggestion(meant);
    match &entry.node.value {
        Value::Scalar(_) if setting.secret => problem.value(MASK),
        // Free-form parameters may hold anything, so their text is not repeated.
        Value::Scalar(scalar) if setting.kind != Kind::Parameters => problem.value(quoted(scalar)),
        _ => problem,
    }
}

/// What stands for a secret.
pub(crate) const MASK: &str = "***";

fn quoted(scalar: &Scalar) -> String {
    match scalar.form {
        Form::Text => format!("\"{}\"", scalar.text),
        Form::Bool | Form::Number | Form::Untyped => scalar.text.clone(),
    }
}

fn number(key: &str) -> Option<usize> {
    key.bytes().all(|byte| byte.is_ascii_digit()).then(|| key.parse().ok())?
}

fn place(source: &Source, line: Option<u32>) -> Place {
    Place { source: source.clone(), line }
}

/// `risk`, or `pairs[2]` for an item of a list.
pub(crate) fn path(section: &Section, index: usize) -> String {
    match section.shape {
        Shape::Single => section.name.to_owned(),
        Shape::List => format!("{}[{index}]", section.name),
    }
}

fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") }
}
