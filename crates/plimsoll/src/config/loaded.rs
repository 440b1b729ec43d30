//! From sources to a checked configuration, or to everything that is wrong with them.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::environment::{self, Layer};
use super::merge::{Group, Held, MASK, Merge, path};
use super::node::{Form, Node, Value};
use super::problem::{Place, Problem, Source};
use super::rules;
use super::settings::{ENVIRONMENTS, SECTIONS, Setting, Shape};
use super::sources::{ConfigFile, Sources, Unreadable, decode, find, read_bytes};
use super::typed::Config;

/// A configuration without problems.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The values the program works with.
    pub config: Config,
    /// Every value and the layer that set it, in the order of the table of settings; secrets are masked.
    pub values: Vec<Shown>,
    /// The files that were read, in order.
    pub files: Vec<Source>,
}

/// A value as it may be shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shown {
    /// The dotted key, such as `risk.max_leverage` or `pairs[0].symbol`.
    pub key: String,
    /// The value; `null` when not set, `***` for a secret that is set. Decimals are text.
    pub value: Json,
    /// The layer that set it.
    pub place: Place,
}

impl Loaded {
    /// The layer that set a value, by its dotted key.
    pub fn place(&self, key: &str) -> Option<&Place> {
        self.values.iter().find(|shown| shown.key == key).map(|shown| &shown.place)
    }

    /// Whether any layer above the defaults says anything about this section.
    pub fn is_explicit(&self, section: &str) -> bool {
        let inside = |key: &str| {
            key.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.values.iter().any(|shown| inside(&shown.key) && shown.place.source != Source::Default)
    }
}

/// Reads, checks and merges all layers: defaults < files < `.env` < environment < flags.
///
/// Beside the main file, `<environment>.*` and then `secrets.*` are read right after it, so that further files of
/// the command line win over them.
///
/// # Errors
/// Every problem found, in the order of the layers and lines.
pub fn load(sources: &Sources) -> Result<Loaded, Vec<Problem>> {
    let mut problems = Vec::new();
    let (layers, files) = collect(sources, &mut problems);
    let mut merge = Merge::new();
    merge.problems = problems;
    for (source, node) in &layers {
        merge.layer(source, node);
    }
    let broken = rules::check(&merge);
    merge.problems.extend(broken);
    if !merge.problems.is_empty() {
        return Err(in_order(merge.problems, &layers));
    }
    let config = Config::deserialize(merge.to_json()).map_err(|error| {
        // Only a row of the table without a field, or the reverse, comes here.
        vec![Problem::new(Place::DEFAULT, format!("the table of settings and the program disagree: {error}"))]
    })?;
    Ok(Loaded { config, values: shown(&merge), files })
}

/// All layers above the defaults, lowest first, and the files among them.
fn collect(sources: &Sources, problems: &mut Vec<Problem>) -> (Vec<Layer>, Vec<Source>) {
    let directory = sources.directory.as_path();
    let mut files = sources.files.clone();
    if files.is_empty() {
        files.extend(find(directory, Path::new(""), "plimsoll", problems));
    }
    let mut from_files = read_all(&files, directory, problems);
    let dotenv = read_dotenv(directory, problems);
    let process = environment::of_process(&sources.environment, problems);
    let from_dotenv = environment::layers(&dotenv, problems);
    let from_process = environment::layers(&process, problems);
    let from_flags = flags(sources);

    let upper = || from_dotenv.iter().chain(&from_process).chain(&from_flags);
    let wanted =
        last_text(from_files.iter().chain(upper()), ["system", "environment"]).unwrap_or(ENVIRONMENTS[0]);
    let beside = beside(&files, wanted, directory, problems);
    from_files.splice(from_files.len().min(1)..from_files.len().min(1), beside);
    let exchange =
        last_text(from_files.iter().chain(upper()), ["exchange", "name"]).unwrap_or("bybit").to_owned();

    let read = from_files.iter().map(|(source, _)| source.clone()).collect();
    let mut layers = from_files;
    layers.extend(environment::well_known(&dotenv, &exchange));
    layers.extend(from_dotenv);
    layers.extend(environment::well_known(&process, &exchange));
    layers.extend(from_process);
    layers.extend(from_flags);
    (layers, read)
}

/// Reads files in order; one that cannot be read is reported and stands as an empty layer.
fn read_all(files: &[ConfigFile], directory: &Path, problems: &mut Vec<Problem>) -> Vec<Layer> {
    let mut layers = Vec::new();
    for file in files {
        layers.push(file.read(directory).unwrap_or_else(|found| {
            problems.extend(found);
            (file.source(), Node { value: Value::Null, line: None })
        }));
    }
    layers
}

/// The text the uppermost layer gives for a key.
fn last_text<'a>(layers: impl DoubleEndedIterator<Item = &'a Layer>, path: [&str; 2]) -> Option<&'a str> {
    layers.rev().find_map(|(_, node)| match &node.at(&path)?.value {
        Value::Scalar(scalar) => Some(scalar.text.as_str()),
        _ => None,
    })
}

/// `<environment>.*` and `secrets.*` in the directory of the main file.
fn beside(
    files: &[ConfigFile],
    environment: &str,
    directory: &Path,
    problems: &mut Vec<Problem>,
) -> Vec<Layer> {
    let Some(ConfigFile::Path(main)) = files.first() else { return Vec::new() };
    let within = main.parent().unwrap_or(Path::new(""));
    // Only a known name becomes part of a path.
    let stem = ENVIRONMENTS.iter().find(|known| **known == environment);
    let mut found = Vec::new();
    for stem in stem.into_iter().chain(&["secrets"]) {
        found.extend(find(directory, within, stem, problems).filter(|file| !files.contains(file)));
    }
    let layers = read_all(&found, directory, problems);
    for (source, node) in &layers {
        problems.extend(contradiction(source, node, environment));
    }
    layers
}

/// `production.yaml` must not say that this is staging.
fn contradiction(source: &Source, node: &Node, environment: &str) -> Option<Problem> {
    let node = node.at(&["system", "environment"])?;
    let Value::Scalar(scalar) = &node.value else { return None };
    (scalar.text != environment).then(|| {
        let place = Place { source: source.clone(), line: node.line };
        let message = "contradicts the environment for which this file was read";
        Problem::new(place, message).key("system.environment").value(&scalar.text).allowed(environment)
    })
}

fn read_dotenv(directory: &Path, problems: &mut Vec<Problem>) -> Vec<environment::Variable> {
    let source = Source::File(".env".into());
    match read_bytes(&directory.join(".env")).and_then(decode) {
        Ok(text) => environment::of_dotenv(&source, &text, problems),
        // A directory called .env is often a Python environment and no concern of ours.
        Err(Unreadable::Missing | Unreadable::Directory) => Vec::new(),
        Err(error) => {
            problems.push(error.problem(source));
            Vec::new()
        }
    }
}

fn flags(sources: &Sources) -> Vec<Layer> {
    let layer = |flag: &super::Flag| {
        let path: Vec<String> = flag.key.split('.').map(str::to_owned).collect();
        let leaf = Node::scalar(flag.value.clone(), Form::Untyped, None);
        (Source::Flag(flag.name.clone()), Node::nested(&path, leaf))
    };
    sources.flags.iter().map(layer).collect()
}

/// By layer, then by line. Sources that gave no layer come first.
fn in_order(mut problems: Vec<Problem>, layers: &[Layer]) -> Vec<Problem> {
    let rank = |problem: &Problem| layers.iter().position(|(source, _)| *source == problem.place.source);
    problems.sort_by_key(|problem| (rank(problem), problem.place.line));
    problems
}

fn shown(merge: &Merge) -> Vec<Shown> {
    let mut values = Vec::new();
    for section in SECTIONS {
        let groups = merge.groups.get(section.name).map_or(&[][..], Vec::as_slice);
        if section.shape == Shape::List && groups.is_empty() {
            let place = merge.lists.get(section.name).cloned().unwrap_or(Place::DEFAULT);
            values.push(Shown { key: section.name.to_owned(), value: json!([]), place });
        }
        for (index, group) in groups.iter().enumerate() {
            let prefix = path(section, index);
            values.extend(section.settings.iter().filter_map(|setting| show(&prefix, setting, group)));
        }
    }
    values
}

fn show(prefix: &str, setting: &Setting, group: &Group) -> Option<Shown> {
    let Held { value, place } = group.held.get(setting.key)?;
    let value = match value {
        Json::Null => Json::Null,
        _ if setting.secret => json!(MASK),
        Json::Object(parameters) => Json::Object(parameters.iter().map(bare).collect::<Map<_, _>>()),
        other => other.clone(),
    };
    Some(Shown { key: format!("{prefix}.{}", setting.key), value, place: place.clone() })
}

/// A parameter without the name of its kind around it.
fn bare((name, tagged): (&String, &Json)) -> (String, Json) {
    let value = tagged.as_object().and_then(|object| object.values().next());
    (name.clone(), value.unwrap_or(tagged).clone())
}
