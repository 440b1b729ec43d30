//! The reference manual's chapter on indicators.

use core::fmt::Write;

use super::{Descriptor, Family, Input, all};

/// All indicators as Markdown: one table for each family, one row for each indicator, made from what the program runs on.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::new();
    for family in Family::ALL {
        let mut rows = all().filter(|descriptor| descriptor.family == family).peekable();
        if rows.peek().is_none() {
            continue;
        }
        text.push_str("### ");
        text.push_str(family.title());
        text.push_str(
            "\n\n| call, with defaults | on | gives | formula | warm-up (with defaults) | source |\n",
        );
        text.push_str("|---|---|---|---|---|---|\n");
        for descriptor in rows {
            row(&mut text, descriptor);
        }
        text.push('\n');
    }
    text
}

fn row(text: &mut String, descriptor: &'static Descriptor) {
    let inputs = descriptor.inputs.iter().copied().map(Input::name).collect::<Vec<_>>().join(" ");
    let outputs = descriptor.outputs.iter().map(|output| format!("{} ({})", output.name, output.unit.name()));
    let outputs = outputs.collect::<Vec<_>>().join(", ");
    let cells = [
        format!("`{}`<br>{}", call(descriptor), descriptor.title),
        inputs,
        outputs,
        descriptor.formula.to_owned(),
        warm_up(descriptor),
        descriptor.source.to_owned(),
    ];
    for cell in cells {
        // A bar would end the cell.
        text.push_str("| ");
        text.push_str(&cell.replace('|', "\\|"));
        text.push(' ');
    }
    text.push_str("|\n");
}

/// How it is called: each parameter with its default.
fn call(descriptor: &'static Descriptor) -> String {
    let parameters = descriptor.parameters.iter().map(|p| format!("{}={}", p.name, p.default()));
    format!("{}({})", descriptor.name, parameters.collect::<Vec<_>>().join(", "))
}

fn warm_up(descriptor: &'static Descriptor) -> String {
    let mut text = descriptor.warm_up.to_owned();
    if let Ok(spec) = descriptor.settle(&[]) {
        // Writing to a string cannot fail.
        let _ = write!(text, " ({})", spec.warm_up().bars);
    }
    text
}

/// The parameters of one indicator as a Markdown table; empty when it has none.
#[must_use]
pub fn parameters(descriptor: &Descriptor) -> String {
    let mut text = String::new();
    if !descriptor.parameters.is_empty() {
        text.push_str("| parameter | default | allowed | meaning |\n|---|---|---|---|\n");
    }
    for parameter in descriptor.parameters {
        let (default, allowed) = (parameter.default(), parameter.allowed());
        let _ = writeln!(text, "| {} | {default} | {allowed} | {} |", parameter.name, parameter.description);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::find;
    use super::*;

    #[test]
    fn the_manual_has_a_row_for_every_indicator() {
        let text = markdown();
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| `")).collect();
        assert_eq!(rows.len(), all().count());
        assert!(rows.iter().all(|row| row.replace("\\|", "").matches('|').count() == 7));
        let adx = "| `adx(period=14)`<br>Average directional index | high low close | adx (percent), plus (percent), \
                   minus (percent) | Wilder's average of DX; with +DI and -DI | 2n (28) | Wilder 1978; TA-Lib ADX |";
        assert!(rows.contains(&adx), "{text}");
        assert_eq!(text.matches("### ").count(), Family::ALL.len());
    }

    #[test]
    fn the_parameters_of_one_indicator_are_explained() {
        let text = parameters(find("vwap").unwrap());
        assert!(text.ends_with("| start | 0 | a whole number from 0 to 1439 | Minutes after local midnight at which a session begins |\n"));
        assert_eq!(parameters(find("obv").unwrap()), "");
    }
}
