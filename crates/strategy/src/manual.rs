//! The page of the documentation about the built-in strategies.

use crate::parameters::ParameterSpec;
use crate::registry::{Descriptor, all, build};
use model::InstrumentIx;
use std::fmt::Write;

/// Every built-in strategy as Markdown: what it does and when it is wrong, what can be set, why it speaks and why it does not;
/// made from what the program runs on.
#[must_use]
pub fn markdown() -> String {
    all().iter().fold(String::new(), |mut text, descriptor| {
        section(&mut text, descriptor);
        text
    })
}

fn section(text: &mut String, descriptor: &'static Descriptor) {
    let mut line = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    line(&format!("## {}\n\n*{}.* {}\n", descriptor.name, descriptor.summary, descriptor.description));
    line("| parameter | default | allowed | what it does |\n|---|---|---|---|");
    for parameter in descriptor.parameters {
        let spec = ParameterSpec::from(parameter);
        let (default, allowed) = (spec.default(), spec.allowed());
        line(&format!("| `{}` | {default} | {allowed} | {} |", spec.name, spec.description));
    }
    line(&format!("\nEntry and exit tags: {}.\n", quoted(descriptor.tags.iter().map(ToString::to_string))));
    // What one instrument is enough for, two are too; a pair needs them.
    let Ok((built, _)) = build(descriptor.name, [], &[InstrumentIx(0), InstrumentIx(1)]) else { return };
    for plan in built.exit_plans() {
        line(&format!("Exit plan with the defaults: `{plan}`.\n"));
    }
    let gates = built.gates();
    if !gates.is_empty() {
        line("Gates, in the order in which a candle passes them:\n");
        let list = (1..).zip(gates).fold(String::new(), |mut list, (number, gate)| {
            // Writing to a text cannot fail.
            let _ = writeln!(list, "{number}. {gate}");
            list
        });
        line(&list);
    }
}

fn quoted(words: impl Iterator<Item = String>) -> String {
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
