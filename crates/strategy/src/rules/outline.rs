//! The sections of a rule file: which keys there are, what may stand under each, and the expressions in them.

use super::document::{Content, Entry, Node, Scalar};
use super::expression::{Expression, KEYWORDS, parse};
use super::functions;
use super::lexer::MAX_NAME;
use super::planner::Let;
use super::problem::{Findings, Span, quoted};
use super::structure_calls;
use crate::parameters::{ParameterSpec, SpecKind, nearest};
use indicators::catalogue;

/// The most names under `let` and the most parameters.
const MAX_NAMES: usize = 256;

/// An expression and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) span: Span,
    pub(super) expression: Expression,
}

/// What is under `enter.long`, `exit.short` and so on.
#[derive(Debug, Clone, Default)]
pub(super) struct Rule {
    pub(super) when: Option<Written>,
    pub(super) reason: Option<String>,
    pub(super) confidence: Option<Written>,
    pub(super) size: Option<Written>,
    pub(super) stop: Option<Written>,
    pub(super) target: Option<Written>,
}

/// One line of the exit plan: a key and its text.
#[derive(Debug, Clone)]
pub(super) struct PlanLine {
    pub(super) key: &'static str,
    pub(super) text: String,
    pub(super) span: Span,
}

/// A rule file, read but not planned.
#[derive(Debug, Clone, Default)]
pub(super) struct Outline {
    pub(super) summary: String,
    pub(super) description: String,
    pub(super) parameters: Vec<ParameterSpec>,
    pub(super) require: Vec<Written>,
    pub(super) lets: Vec<Let>,
    pub(super) session: Option<Written>,
    pub(super) closes_outside: bool,
    /// Long, then short.
    pub(super) enter: [Option<Rule>; 2],
    pub(super) exit: [Option<Rule>; 2],
    pub(super) resize: Option<Written>,
    pub(super) plan: Vec<PlanLine>,
    pub(super) plan_span: Span,
    pub(super) span: Span,
}

const KEYS: &[&str] =
    &["summary", "description", "parameters", "require", "let", "session", "enter", "exit", "resize", "plan"];
const PARAMETER_KEYS: &[&str] = &["default", "min", "max", "allowed", "description"];
const ENTER_KEYS: &[&str] = &["when", "reason", "confidence", "size", "stop", "target"];
const EXIT_KEYS: &[&str] = &["when", "reason"];
const SESSION_KEYS: &[&str] = &["when", "close_outside"];
const SIDES: &[&str] = &["long", "short"];
/// The keys of a plan, and what each is called in the line that says it.
const PLAN_KEYS: &[(&str, &str)] = &[
    ("stop", "stop"),
    ("risk", "risk"),
    ("targets", "target"),
    ("target_order", "by"),
    ("break_even", "even after"),
    ("trail", "trail"),
    ("time", "time"),
    ("atr", "atr"),
];

/// Reads the sections; what is wrong is noted.
pub(super) fn read(root: &Node, findings: &mut Findings) -> Outline {
    let mut outline = Outline { span: Span::new(root.span.start, root.span.start + 1), ..Outline::default() };
    let Some(entries) = map(root, "a rule file", findings) else { return outline };
    for Entry { key, node } in entries {
        match key.text.as_str() {
            "summary" => outline.summary = words(node, findings),
            "description" => outline.description = words(node, findings),
            "parameters" => parameters(node, &mut outline, findings),
            "require" => outline.require = conditions(node, findings),
            "let" => lets(node, &mut outline, findings),
            "session" => session(node, &mut outline, findings),
            "enter" => sides(node, "enter", ENTER_KEYS, &mut outline.enter, findings),
            "exit" => sides(node, "exit", EXIT_KEYS, &mut outline.exit, findings),
            "resize" => outline.resize = written(node, findings),
            "plan" => plan(node, &mut outline, findings),
            _ => unknown_key(key, "a rule file", KEYS, findings),
        }
    }
    if outline.summary.is_empty() {
        findings.note(outline.span, "`summary` is missing: one sentence that says what the strategy does");
    }
    if outline.enter.iter().all(Option::is_none) {
        findings.note(
            outline.span,
            "`enter` is missing: a strategy needs a condition under enter: long: or short:",
        );
    }
    outline
}

fn unknown_key(key: &Scalar, of: &str, known: &[&str], findings: &mut Findings) {
    let meant = nearest(&key.text, known.iter().copied()).map(|n| format!("; did you mean {n}?"));
    let name = quoted(&key.text);
    let is_torn = key.text.contains(')') || key.text.contains(']');
    let meant = match meant {
        _ if is_torn => "; inside { } a comma ends a value: write the keys on lines of their own.".to_owned(),
        Some(meant) => meant,
        None => ".".to_owned(),
    };
    findings.note(key.span, format!("{of} has no key {name}{meant} Allowed: {}", known.join(", ")));
}

fn map<'n>(node: &'n Node, what: &str, findings: &mut Findings) -> Option<&'n [Entry]> {
    match &node.content {
        Content::Map(entries) => Some(entries),
        Content::Scalar(_) | Content::List(_) => {
            findings.note(node.span, format!("{what} is a map of keys and values; found {}", node.kind()));
            None
        }
    }
}

fn scalar<'n>(node: &'n Node, what: &str, findings: &mut Findings) -> Option<&'n Scalar> {
    match &node.content {
        Content::Scalar(scalar) => Some(scalar),
        Content::Map(_) | Content::List(_) => {
            findings.note(node.span, format!("expected {what}; found {}", node.kind()));
            None
        }
    }
}

/// A text on one line.
fn words(node: &Node, findings: &mut Findings) -> String {
    let Some(scalar) = scalar(node, "a text", findings) else { return String::new() };
    if scalar.text.chars().count() > 2_000 {
        findings.note(scalar.span, "a text may have up to 2000 characters");
    }
    scalar.text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn written(node: &Node, findings: &mut Findings) -> Option<Written> {
    let scalar = scalar(node, "an expression", findings)?;
    parse(scalar, findings).map(|expression| Written { span: scalar.span, expression })
}

fn conditions(node: &Node, findings: &mut Findings) -> Vec<Written> {
    match &node.content {
        Content::List(items) => items.iter().filter_map(|item| written(item, findings)).collect(),
        Content::Scalar(_) => written(node, findings).into_iter().collect(),
        Content::Map(_) => {
            findings
                .note(node.span, "`require` is a list of conditions on parameters, such as - fast < slow");
            Vec::new()
        }
    }
}

/// Whether a name may be given to something; what speaks against it is noted.
fn name_is_free(key: &Scalar, outline: &Outline, findings: &mut Findings) -> bool {
    let name = key.text.as_str();
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let is_word = starts && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !is_word || name.len() > MAX_NAME {
        let message = format!(
            "{} is no name: small letters, digits and _, not a digit first, up to {MAX_NAME} characters",
            quoted(name)
        );
        findings.note(key.span, message);
        return false;
    }
    let is_keyword = KEYWORDS.contains(&name) || functions::WEEKDAYS.contains(&name);
    let taken = if is_keyword || functions::find(name).is_some() || structure_calls::is_word(name) {
        Some("a word of the language")
    } else if catalogue::find(name).is_some() {
        Some("an indicator")
    } else if outline.parameters.iter().any(|p| p.name == name) {
        Some("a parameter")
    } else if outline.lets.iter().any(|l| l.name == name) {
        Some("a name under `let`")
    } else {
        None
    };
    if let Some(taken) = taken {
        findings.note(key.span, format!("{name} is {taken} already; choose another name"));
    }
    taken.is_none()
}

fn lets(node: &Node, outline: &mut Outline, findings: &mut Findings) {
    let Some(entries) = map(node, "`let`", findings) else { return };
    if entries.len() > MAX_NAMES {
        findings.note(node.span, format!("`let` has {} names; up to {MAX_NAMES} are allowed", entries.len()));
        return;
    }
    for Entry { key, node } in entries {
        let Some(scalar) = scalar(node, "an expression", findings) else { continue };
        let expression = parse(scalar, findings);
        if name_is_free(key, outline, findings) {
            let (name, span) = (key.text.clone(), key.span);
            outline.lets.push(Let { name, span, expression });
        }
    }
}

fn session(node: &Node, outline: &mut Outline, findings: &mut Findings) {
    let Content::Map(entries) = &node.content else {
        outline.session = written(node, findings);
        return;
    };
    for Entry { key, node } in entries {
        match key.text.as_str() {
            "when" => outline.session = written(node, findings),
            "close_outside" => {
                let text = scalar(node, "true or false", findings).map(|s| (s.text.as_str(), s.span));
                match text {
                    Some(("true", _)) => outline.closes_outside = true,
                    Some(("false", _)) | None => {}
                    Some((other, span)) => {
                        findings.note(
                            span,
                            format!("close_outside is {}; expected true or false", quoted(other)),
                        );
                    }
                }
            }
            _ => unknown_key(key, "session", SESSION_KEYS, findings),
        }
    }
    if outline.session.is_none() && findings.is_empty() {
        findings.note(node.span, "`session` needs `when`: the condition under which entries are allowed");
    }
}

fn sides(node: &Node, section: &str, keys: &[&str], places: &mut [Option<Rule>; 2], findings: &mut Findings) {
    let Some(entries) = map(node, &format!("`{section}`"), findings) else { return };
    for Entry { key, node } in entries {
        let Some(side) = SIDES.iter().position(|side| *side == key.text) else {
            unknown_key(key, section, SIDES, findings);
            continue;
        };
        let what = format!("{section}.{}", key.text);
        places[side] = rule(node, key.span, &what, keys, findings);
    }
}

fn rule(node: &Node, span: Span, what: &str, keys: &[&str], findings: &mut Findings) -> Option<Rule> {
    let mut rule = Rule::default();
    let Content::Map(entries) = &node.content else {
        rule.when = written(node, findings);
        return Some(rule);
    };
    let before = findings.len();
    for Entry { key, node } in entries {
        let name = key.text.as_str();
        match name {
            _ if !keys.contains(&name) => unknown_key(key, what, keys, findings),
            "when" => rule.when = written(node, findings),
            "reason" => rule.reason = reason(node, findings),
            "confidence" => rule.confidence = written(node, findings),
            "size" => rule.size = written(node, findings),
            "stop" => rule.stop = written(node, findings),
            _ => rule.target = written(node, findings),
        }
    }
    if rule.when.is_none() && findings.len() == before {
        findings.note(span, format!("{what} needs `when`: the condition"));
    }
    Some(rule)
}

fn reason(node: &Node, findings: &mut Findings) -> Option<String> {
    let scalar = scalar(node, "a word", findings)?;
    let text = scalar.text.as_str();
    let is_word = !text.is_empty()
        && text.len() <= MAX_NAME
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if is_word {
        return Some(text.to_owned());
    }
    let message = format!(
        "the reason {} must be a word of small letters, digits and _, up to {MAX_NAME} characters",
        quoted(text)
    );
    findings.note(scalar.span, message);
    None
}

fn plan(node: &Node, outline: &mut Outline, findings: &mut Findings) {
    let Some(entries) = map(node, "`plan`", findings) else { return };
    outline.plan_span = node.span;
    for Entry { key, node } in entries {
        let Some((name, word)) = PLAN_KEYS.iter().find(|(name, _)| *name == key.text) else {
            let known: Vec<&str> = PLAN_KEYS.iter().map(|(name, _)| *name).collect();
            unknown_key(key, "plan", &known, findings);
            continue;
        };
        let items: Vec<&Node> = match &node.content {
            Content::List(items) if *name == "targets" => items.iter().collect(),
            _ => vec![node],
        };
        for item in items {
            let Some(scalar) = scalar(item, "a text such as 2 atr", findings) else { continue };
            if scalar.text.contains(';') || scalar.text.chars().count() > 100 {
                findings.note(scalar.span, format!("{} is no part of a plan", quoted(&scalar.text)));
                continue;
            }
            outline.plan.push(PlanLine { key: word, text: scalar.text.clone(), span: scalar.span });
        }
    }
}

fn parameters(node: &Node, outline: &mut Outline, findings: &mut Findings) {
    let Some(entries) = map(node, "`parameters`", findings) else { return };
    if entries.len() > MAX_NAMES {
        findings.note(
            node.span,
            format!("there are {} parameters; up to {MAX_NAMES} are allowed", entries.len()),
        );
        return;
    }
    for Entry { key, node } in entries {
        let spec = parameter(key, node, findings);
        if name_is_free(key, outline, findings)
            && let Some(spec) = spec
        {
            outline.parameters.push(spec);
        }
    }
}

fn parameter(key: &Scalar, node: &Node, findings: &mut Findings) -> Option<ParameterSpec> {
    let name = key.text.clone();
    let entries = map(node, &format!("parameter {}", quoted(&name)), findings)?;
    let (mut default, mut min, mut max, mut allowed) = (None, None, None, None);
    let mut description = String::new();
    for Entry { key, node } in entries {
        match key.text.as_str() {
            "default" => default = scalar(node, "a value", findings),
            "min" => min = scalar(node, "a number", findings),
            "max" => max = scalar(node, "a number", findings),
            "allowed" => allowed = choices(node, findings),
            "description" => description = words(node, findings),
            _ => unknown_key(key, "a parameter", PARAMETER_KEYS, findings),
        }
    }
    if description.is_empty() {
        findings
            .note(key.span, format!("parameter {name} needs a `description`: what it does, in one sentence"));
    }
    let Some(default) = default else {
        findings.note(key.span, format!("parameter {name} needs a `default`"));
        return None;
    };
    let kind = kind(&name, default, (min, max), allowed, key.span, findings)?;
    Some(ParameterSpec { name, kind, description })
}

fn choices(node: &Node, findings: &mut Findings) -> Option<Vec<String>> {
    let Content::List(items) = &node.content else {
        findings.note(node.span, "`allowed` is a list of words, such as [sma, first]");
        return None;
    };
    Some(items.iter().filter_map(|i| scalar(i, "a word", findings)).map(|s| s.text.clone()).collect())
}

fn kind(
    name: &str,
    default: &Scalar,
    (min, max): (Option<&Scalar>, Option<&Scalar>),
    allowed: Option<Vec<String>>,
    span: Span,
    findings: &mut Findings,
) -> Option<SpecKind> {
    if let Some(allowed) = allowed {
        if !allowed.contains(&default.text) {
            let message = format!("the default {} is none of {}", quoted(&default.text), allowed.join(", "));
            findings.note(default.span, message);
        }
        return Some(SpecKind::Choice { default: default.text.clone(), allowed });
    }
    match (default.text.as_str(), min, max) {
        ("true", None, None) => return Some(SpecKind::Bool { default: true }),
        ("false", None, None) => return Some(SpecKind::Bool { default: false }),
        _ => {}
    }
    let (Some(min), Some(max)) = (min, max) else {
        let message = format!(
            "parameter {name} needs `min` and `max` (a number), or `allowed` (words), or the default true or false"
        );
        findings.note(span, message);
        return None;
    };
    let whole = [default, min, max].map(|s| s.text.parse::<i64>().ok().filter(|x| x.abs() <= 1_000_000_000));
    if let [Some(default_value), Some(low), Some(high)] = whole {
        in_order(default, (default_value >= low, default_value <= high), findings);
        return Some(SpecKind::Int { default: default_value, min: low, max: high });
    }
    let mut number = |s: &Scalar| {
        let x = s.text.parse::<f64>().ok().filter(|x| x.is_finite() && x.abs() <= 1e15);
        if x.is_none() {
            findings.note(s.span, format!("{} is no number", quoted(&s.text)));
        }
        x
    };
    let (a, low, high) = (number(default), number(min), number(max));
    let (a, low, high) = (a?, low?, high?);
    in_order(default, (a >= low, a <= high), findings);
    Some(SpecKind::Float { default: a, min: low, max: high })
}

fn in_order(default: &Scalar, (above, below): (bool, bool), findings: &mut Findings) {
    if !(above && below) {
        findings.note(default.span, format!("the default {} is not from min to max", quoted(&default.text)));
    }
}
