//! Numbers as people read them. What is undefined is `-`; nothing is ever `-0.00`.

use super::{Cell, Tone};
use units::{Amount, Span, Timestamp};

pub(super) const UNDEFINED: &str = "-";

/// Money without its currency.
pub(super) fn money(amount: Amount) -> String {
    amount.rounded(2)
}

/// A number with two places.
pub(super) fn number(value: Option<f64>) -> String {
    fixed(value, 2)
}

fn fixed(value: Option<f64>, decimals: usize) -> String {
    let Some(value) = value else { return UNDEFINED.to_owned() };
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|b| matches!(b, b'0' | b'.')) => rest.to_owned(),
        _ => text,
    }
}

/// A percentage with its sign.
pub(super) fn percent(value: Option<f64>) -> String {
    match value {
        Some(_) => format!("{}%", number(value)),
        None => UNDEFINED.to_owned(),
    }
}

/// A statistic of unknown size: four places, or as many as it needs to be told from zero.
pub(super) fn statistic(value: Option<f64>) -> String {
    match value {
        Some(x) if x != 0.0 && x.abs() < 0.001 => format!("{x:.3e}"),
        Some(x) if x.abs() >= 1e9 => format!("{x:.3e}"),
        _ => fixed(value, 4),
    }
}

/// A whole number.
pub(super) fn count(value: Option<f64>) -> String {
    fixed(value, 0)
}

/// A duration to the second.
pub(super) fn duration(span: Option<Span>) -> String {
    span.map_or_else(|| UNDEFINED.to_owned(), |span| span.to_string())
}

/// A moment to the second: `2024-01-31 12:30:00`.
pub(super) fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    match (text.get(..10), text.get(11..19)) {
        (Some(date), Some(clock)) => format!("{date} {clock}"),
        _ => text,
    }
}

/// `Win Draw Loss  Win%`, aligned with [`WINS_HEAD`].
pub(super) fn wins(wins: u64, draws: u64, losses: u64, percent: Option<f64>) -> String {
    let percent = fixed(percent, 1);
    format!("{wins:>4} {draws:>4} {losses:>4} {percent:>5}")
}

/// The head above [`wins`].
pub(super) const WINS_HEAD: &str = "Win Draw Loss  Win%";

fn tone_of(sign: i8) -> Tone {
    match sign {
        0 => Tone::Plain,
        1.. => Tone::Gain,
        _ => Tone::Loss,
    }
}

/// Money that is good or bad.
pub(super) fn money_cell(amount: Amount) -> Cell {
    let sign = i8::from(amount.is_positive()) - i8::from(amount.is_negative());
    Cell { text: money(amount), tone: tone_of(sign) }
}

/// A number that is good or bad.
pub(super) fn number_cell(value: Option<f64>) -> Cell {
    Cell { text: number(value), tone: tone_of(sign(value)) }
}

/// A percentage that is good or bad.
pub(super) fn percent_cell(value: Option<f64>) -> Cell {
    Cell { text: percent(value), tone: tone_of(sign(value)) }
}

pub(super) fn sign(value: Option<f64>) -> i8 {
    value.map_or(0, |x| i8::from(x > 0.0) - i8::from(x < 0.0))
}

/// Text in the colour of a sign.
pub(super) fn toned(text: String, sign: i8) -> Cell {
    Cell { text, tone: tone_of(sign) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_has_no_sign_and_nothing_is_a_dash() {
        assert_eq!([number(Some(-0.001)), number(Some(-0.0)), number(None)], ["0.00", "0.00", "-"]);
        assert_eq!([percent(Some(-1.005)), percent(None)], ["-1.00%", "-"]);
        let statistics =
            [Some(0.0), Some(-0.000_012_34), Some(3.882_994_57), Some(1.5e12), None].map(statistic);
        assert_eq!(statistics, ["0.0000", "-1.234e-5", "3.8830", "1.500e12", "-"]);
        assert_eq!(wins(14, 0, 21, Some(40.0)), "  14    0   21  40.0");
    }

    #[test]
    fn moments_are_to_the_second() {
        let at = Timestamp::parse("2024-01-31T12:30:59.999999999Z").unwrap();
        assert_eq!(moment(at), "2024-01-31 12:30:59");
    }
}
