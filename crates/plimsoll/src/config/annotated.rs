//! The table of settings for people: the annotated `config/default.yaml` and the reference page.

use std::fmt::Write as _;

use super::environment::WELL_KNOWN;
use super::settings::{Default, SECTIONS, Section, Setting, Shape};

/// The committed `config/default.yaml`: every setting with its default and what it means.
pub fn default_yaml() -> String {
    let mut text = String::from(
        "# Every setting with its default. Copy what you want to change into a file of your own, plimsoll.yaml;\n\
         # this file is generated and need not be given to the program.\n\
         # Check a file with `plimsoll config check FILE`.\n",
    );
    for section in SECTIONS {
        text.push_str(&format!("\n# {}.\n", section.about));
        match section.shape {
            Shape::Single => single(&mut text, section),
            Shape::List => list(&mut text, section),
        }
    }
    text
}

fn single(text: &mut String, section: &Section) {
    text.push_str(&format!("{}:\n", section.name));
    for setting in section.settings {
        for line in comment(setting) {
            text.push_str(&format!("  # {line}\n"));
        }
        let value = match setting.default {
            Default::Value(value) => value,
            Default::Unset(_) | Default::Required => "null",
        };
        text.push_str(&format!("  {}: {value}\n", setting.key));
    }
}

fn list(text: &mut String, section: &Section) {
    text.push_str(&format!("{}: []\n# An item, with all its keys:\n", section.name));
    for (index, setting) in section.settings.iter().enumerate() {
        for line in comment(setting) {
            text.push_str(&format!("#     # {line}\n"));
        }
        let mark = if index == 0 { "-" } else { " " };
        text.push_str(&format!("#   {mark} {}: {}\n", setting.key, example(setting)));
    }
}

fn example(setting: &Setting) -> &'static str {
    match setting.default {
        _ if !setting.example.is_empty() => setting.example,
        Default::Value(value) => value,
        Default::Unset(_) | Default::Required => "null",
    }
}

fn comment(setting: &Setting) -> Vec<String> {
    let mut lines = vec![format!("{}.", setting.about), format!("Allowed: {}.", setting.allowed())];
    if let Default::Unset(then) = setting.default {
        lines.push(format!("When not set: {then}."));
    }
    lines
}

/// The committed `docs/configuration.md`.
pub fn reference() -> String {
    let mut text = String::from(INTRODUCTION);
    for (name, exchange, [section, key]) in WELL_KNOWN {
        let when = exchange.map_or_else(String::new, |name| format!(" when `exchange.name` is `{name}`"));
        text.push_str(&format!("- `{name}` sets `{section}.{key}`{when}\n"));
    }
    for section in SECTIONS {
        let list = if section.shape == Shape::List { "[]" } else { "" };
        text.push_str(&format!("\n## `{}{list}`\n\n{}.\n\n", section.name, section.about));
        text.push_str("| key | default | allowed | meaning |\n|---|---|---|---|\n");
        for setting in section.settings {
            row(&mut text, setting);
        }
    }
    text
}

fn row(text: &mut String, setting: &Setting) {
    let default = match setting.default {
        Default::Value(value) => format!("`{value}`"),
        Default::Unset(then) => format!("not set: {then}"),
        Default::Required => "required".to_owned(),
    };
    let secret = if setting.secret { " (secret)" } else { "" };
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "| `{}` | {default} | {} | {}{secret} |",
        setting.key,
        setting.allowed(),
        setting.about
    );
}

const INTRODUCTION: &str = "# Configuration

Generated from the table of settings; `plimsoll config schema` prints the same as a JSON Schema for editors.

Layers, each winning over the ones before it:

1. the built-in defaults;
2. files named by `--config`, in order; without one, `plimsoll.yaml`, `.yml`, `.json`, `.toml` or `.ini` of the
   current directory. Right after the first file come `<environment>.*` (named after `system.environment`) and
   `secrets.*`, if they lie beside it;
3. `.env` of the current directory;
4. the environment: `PLIMSOLL__SECTION__KEY`, for an item of a list `PLIMSOLL__PAIRS__0__SYMBOL`;
5. flags.

A list replaces the list of the layers below. Numbered keys (in INI `[pairs.0]`) change that item or add the next
one. `null` means not set; an empty variable is ignored. `plimsoll config show` tells which layer set each value.

Percentages are percent: `5` is five percent. Decimal numbers are exact and written in full, without an exponent.

Variables with a meaning of their own, weaker than `PLIMSOLL__…` of the same layer:

";
