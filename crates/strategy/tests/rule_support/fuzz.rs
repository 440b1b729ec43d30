//! Rule files nobody would write: shipped ones with their bytes and words changed, and expressions grown from the grammar.

use model::{InstrumentIx, Timeframe};
use strategy::rehearsal::play;
use strategy::rules::{RuleFile, template};
use units::Prng;

use super::{bars, instrument};

/// What mutations begin with.
fn seeds() -> [String; 4] {
    let shipped = |text: &str| text.to_owned();
    [
        shipped(include_str!("../../../../strategies/ema_crossover.yaml")),
        shipped(include_str!("../../../../strategies/pullback.yaml")),
        shipped(include_str!("../../../../docs/rules.md")),
        template("fuzzed"),
    ]
}

/// Words that mean something somewhere.
const WORDS: &[&str] = &[
    "close",
    "high",
    "volume",
    "hl2",
    "and",
    "or",
    "not",
    "true",
    "false",
    "ema(",
    "macd(12, 26, 9)",
    ".signal",
    "bollinger(",
    "rsi(14)",
    "@1h",
    "@7m",
    "@1w",
    "[1]",
    "[-1]",
    "[10001]",
    "[1e9]",
    ")",
    "(",
    ",",
    "==",
    "!=",
    ">",
    "<=",
    "=",
    "+",
    "-",
    "*",
    "/",
    "0",
    "1",
    "2%",
    "1e15",
    "1e-300",
    "09:30",
    "24:00",
    "99:99",
    "in_long",
    "is_flat",
    "entry_price",
    "bars_since(",
    "within(",
    "count(",
    "held(",
    "value_when(",
    "starts(",
    "if(",
    "min(",
    "clamp(",
    "sqrt(",
    "ln(",
    "exp(",
    "session(",
    "closed(1h)",
    "swept(pdl)",
    "bullish_choch(15m)",
    "in_kill_zone(london)",
    "pdh",
    "swing_low",
    "weekday",
    "monday",
    "vwap(",
    "zone=new_york",
    "correlation(close, volume)",
    "highest(high, 20)",
    "\n",
    "  ",
    ": ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    "|",
    ">\n",
    "\"",
    "'",
    "#",
    "&a",
    "*a",
    "!!str",
    "---\n",
    "\u{feff}",
    "\u{202e}",
    "\0",
    "é",
    "summary: x\n",
    "enter:\n",
    "  long: ",
    "plan:\n",
    "  stop: 3%\n",
    "  targets: [1r 50%]\n",
    "let:\n",
    "  a: ",
    "parameters:\n",
    "$width",
    "fast",
];

/// One hostile file after another, from a seed; nothing that it does may panic. Returns whether the file was right.
pub(crate) fn attempt(seed: u64) -> bool {
    let mut random = Prng::new(seed);
    let bytes = match random.below(3) {
        0 => grown(&mut random).into_bytes(),
        1 => mutated(&mut random),
        _ => spliced(&mut random),
    };
    let Ok(file) = RuleFile::parse("x", "x.yaml", &bytes).map_err(|errors| {
        assert!(!errors.problems.is_empty(), "a file is refused without a word");
        // Messages are made for every mistake, so they must not panic either.
        errors.to_string()
    }) else {
        return false;
    };
    let timeframe = Timeframe::MINUTE;
    if let Ok((built, _)) = file.blueprint().build([], &[InstrumentIx(0)], timeframe) {
        let closes: Vec<i64> = (0..90).map(|i| 1_000 + (i * 37) % 101 - (i * 11) % 53).collect();
        let _ = (built.gates(), built.exit_plans(), file.shape());
        let _ = play(built, &instrument(), timeframe, &bars(&closes));
    }
    true
}

fn pick<'a, T>(random: &mut Prng, from: &'a [T]) -> &'a T {
    let at = random.below(from.len() as u64);
    &from[usize::try_from(at).unwrap_or(0)]
}

fn below(random: &mut Prng, bound: usize) -> usize {
    usize::try_from(random.below(bound.max(1) as u64)).unwrap_or(0)
}

/// A shipped text with some bytes or words changed.
fn mutated(random: &mut Prng) -> Vec<u8> {
    let seeds = seeds();
    let mut bytes = pick(random, &seeds).clone().into_bytes();
    for _ in 0..=random.below(6) {
        let at = below(random, bytes.len());
        match random.below(5) {
            0 if !bytes.is_empty() => bytes[at] = u8::try_from(random.below(256)).unwrap_or(0),
            1 => {
                let end = (at + 1 + below(random, 20)).min(bytes.len());
                bytes.drain(at..end);
            }
            2 => {
                let word = pick(random, WORDS).bytes();
                bytes.splice(at..at, word);
            }
            3 => {
                let end = (at + below(random, 200)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                let to = below(random, bytes.len() + 1);
                bytes.splice(to..to, copy);
            }
            _ => bytes.truncate(at),
        }
    }
    bytes
}

/// The skeleton of a file around a stream of words.
fn spliced(random: &mut Prng) -> Vec<u8> {
    let mut text = "summary: x\nlet:\n  a: ema(close, 3)\nenter:\n  long: ".to_owned();
    for _ in 0..=random.below(12) {
        let word: &&str = pick(random, WORDS);
        text.push_str(word);
        if random.below(3) > 0 {
            text.push(' ');
        }
    }
    text.push('\n');
    text.into_bytes()
}

/// A file whose expressions follow the grammar and mostly the types.
fn grown(random: &mut Prng) -> String {
    let (a, b) = (number(random, 3), condition(random, 4));
    let (long, short) = (condition(random, 4), condition(random, 4));
    format!(
        "summary: x\nlet:\n  a: {a}\n  b: {b}\nenter:\n  long: {long}\n  short: {short}\nexit:\n  long: not ({long})\n"
    )
}

fn condition(random: &mut Prng, depth: u32) -> String {
    if depth == 0 {
        return (*pick(
            random,
            &["close > open", "true", "b", "bullish_bos", "in_long", "swept(eql)", "hour > 3"],
        ))
        .to_owned();
    }
    let of = |random: &mut Prng| condition(random, depth - 1);
    match random.below(9) {
        0 => format!("({} and {})", of(random), of(random)),
        1 => format!("({} or {})", of(random), of(random)),
        2 => format!("not ({})", of(random)),
        3 => format!("within({}, {})", of(random), random.below(9)),
        4 => format!("count({}, {}) >= {}", of(random), 1 + random.below(9), random.below(4)),
        5 => format!("starts({})", of(random)),
        6 => format!("crosses_above({}, {})", number(random, depth - 1), number(random, depth - 1)),
        7 => format!("({})@{}", of(random), pick(random, &["3m", "5m", "1m", "1h"])),
        _ => {
            let sign = pick(random, &["<", "<=", ">", ">=", "==", "!="]);
            format!("{} {sign} {}", number(random, depth - 1), number(random, depth - 1))
        }
    }
}

fn number(random: &mut Prng, depth: u32) -> String {
    if depth == 0 {
        return (*pick(
            random,
            &["close", "high", "volume", "3", "0", "-2.5", "a", "pdl", "said_confidence", "minute"],
        ))
        .to_owned();
    }
    let of = |random: &mut Prng| number(random, depth - 1);
    let sign = *pick(random, &["+", "-", "*", "/"]);
    match random.below(8) {
        0 => format!("({} {sign} {})", of(random), of(random)),
        1 => format!("ema({}, {})", of(random), random.below(20)),
        2 => format!("highest({}, {})", of(random), 1 + random.below(20)),
        3 => format!("{}[{}]", of(random), random.below(5)),
        4 => format!("number({})", of(random)),
        5 => format!("if({}, {}, {})", condition(random, depth - 1), of(random), of(random)),
        6 => format!("sqrt(number({}))", of(random)),
        _ => format!(
            "bollinger({}, {}).{}",
            2 + random.below(20),
            1 + random.below(3),
            pick(random, &["upper", "percent_b"])
        ),
    }
}
