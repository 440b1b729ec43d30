//! Every word of the language but the indicators: what it is called with, what it gives, what it means.

/// A word that rules may use, as the manual lists it.
#[derive(Debug, Clone, Copy)]
pub struct Word {
    /// The word.
    pub name: &'static str,
    /// How it is written.
    pub call: &'static str,
    /// What it gives.
    pub gives: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// The heading in the manual.
    pub group: &'static str,
}

const fn word(
    group: &'static str,
    name: &'static str,
    call: &'static str,
    gives: &'static str,
    meaning: &'static str,
) -> Word {
    Word { name, call, gives, meaning, group }
}

const SERIES: &str = "Series of the candle";
const MATHS: &str = "Arithmetic";
const PAST: &str = "Looking back";
const TIME: &str = "Time";
const STATE: &str = "What was said and what is held";

/// All words, in the order of the manual.
pub(super) const WORDS: &[Word] = &[
    word(SERIES, "open", "open", "price", "The first price"),
    word(SERIES, "high", "high", "price", "The highest price"),
    word(SERIES, "low", "low", "price", "The lowest price"),
    word(SERIES, "close", "close", "price", "The last price"),
    word(SERIES, "volume", "volume", "number", "What was traded, in base currency"),
    word(SERIES, "hl2", "hl2", "price", "(high + low) / 2"),
    word(SERIES, "hlc3", "hlc3", "price", "(high + low + close) / 3"),
    word(SERIES, "ohlc4", "ohlc4", "price", "(open + high + low + close) / 4"),
    word(MATHS, "abs", "abs(x)", "as x", "x without its sign"),
    word(MATHS, "sign", "sign(x)", "number", "1, 0 or -1"),
    word(MATHS, "sqrt", "sqrt(x)", "number", "The square root; none below zero"),
    word(MATHS, "ln", "ln(x)", "number", "The natural logarithm; none up to zero"),
    word(MATHS, "exp", "exp(x)", "number", "e to the power of x"),
    word(MATHS, "floor", "floor(x)", "as x", "The whole number at or below x"),
    word(MATHS, "ceil", "ceil(x)", "as x", "The whole number at or above x"),
    word(MATHS, "round", "round(x)", "as x", "The nearest whole number; halves away from zero"),
    word(MATHS, "min", "min(a, b, …)", "as a", "The smallest"),
    word(MATHS, "max", "max(a, b, …)", "as a", "The largest"),
    word(MATHS, "clamp", "clamp(x, least, most)", "as x", "x, but at least `least` and at most `most`"),
    word(
        MATHS,
        "if",
        "if(condition, then, else)",
        "as then",
        "One of two values; none where the condition is not known",
    ),
    word(
        MATHS,
        "number",
        "number(x)",
        "number",
        "A price as a plain number, for formulas that mix the two on purpose",
    ),
    word(MATHS, "price", "price(x)", "price", "A plain number as a price"),
    word(
        PAST,
        "crosses_above",
        "crosses_above(a, b)",
        "condition",
        "a is above b, and was not one candle before",
    ),
    word(
        PAST,
        "crosses_below",
        "crosses_below(a, b)",
        "condition",
        "a is below b, and was not one candle before",
    ),
    word(PAST, "crosses", "crosses(a, b)", "condition", "a crosses b in either direction"),
    word(PAST, "rising", "rising(x, n=1)", "condition", "x is above what it was n candles ago"),
    word(PAST, "falling", "falling(x, n=1)", "condition", "x is below what it was n candles ago"),
    word(PAST, "change", "change(x, n=1)", "as x", "x less what it was n candles ago"),
    word(PAST, "starts", "starts(condition)", "condition", "It holds, and did not hold one candle before"),
    word(
        PAST,
        "bars_since",
        "bars_since(condition)",
        "number",
        "Candles since it held: 0 when it holds now; none if it never did",
    ),
    word(
        PAST,
        "within",
        "within(condition, n)",
        "condition",
        "It held on one of the last n candles, this one included",
    ),
    word(
        PAST,
        "held",
        "held(condition, n)",
        "condition",
        "It held on each of the last n candles, this one included",
    ),
    word(
        PAST,
        "count",
        "count(condition, n)",
        "number",
        "On how many of the last n candles it held, this one included",
    ),
    word(PAST, "value_when", "value_when(condition, x)", "as x", "What x was when the condition last held"),
    word(
        TIME,
        "time",
        "time, time(zone)",
        "time",
        "The clock when the candle opened; compare it with a time such as 09:30. UTC unless a zone is named",
    ),
    word(TIME, "hour", "hour, hour(zone)", "number", "The hour when the candle opened, 0 to 23"),
    word(TIME, "minute", "minute, minute(zone)", "number", "The minute when the candle opened, 0 to 59"),
    word(
        TIME,
        "weekday",
        "weekday, weekday(zone)",
        "number",
        "1 for Monday to 7 for Sunday; the names monday to sunday stand for the numbers",
    ),
    word(TIME, "day", "day, day(zone)", "number", "The day of the month, 1 to 31"),
    word(
        TIME,
        "session",
        "session(from, to, zone=utc)",
        "condition",
        "The candle opened at `from` or later and before `to`; over midnight where `to` is not later",
    ),
    word(TIME, "closed", "closed(timeframe)", "condition", "A longer candle has closed with this one"),
    word(STATE, "is_long", "is_long", "condition", "Its last opinion is long"),
    word(STATE, "is_short", "is_short", "condition", "Its last opinion is short"),
    word(STATE, "is_flat", "is_flat", "condition", "It has no opinion, or its last one is to hold nothing"),
    word(
        STATE,
        "said_confidence",
        "said_confidence",
        "number",
        "The confidence times size that was said last; 0 without an opinion",
    ),
    word(STATE, "in_long", "in_long", "condition", "A long position is held"),
    word(STATE, "in_short", "in_short", "condition", "A short position is held"),
    word(STATE, "in_position", "in_position", "condition", "A position is held"),
    word(STATE, "entry_price", "entry_price", "price", "The average entry price; none without a position"),
    word(
        STATE,
        "bars_in_position",
        "bars_in_position",
        "number",
        "Candles that have closed since the position was opened; none without one",
    ),
    word(
        STATE,
        "profit_percent",
        "profit_percent",
        "number",
        "How far the close is from the entry, in percent, in favour of the position and before fees; none without one",
    ),
];

/// The word of that name.
pub(super) fn find(name: &str) -> Option<&'static Word> {
    WORDS.iter().find(|word| word.name == name)
}

/// The names of weekdays and their numbers.
pub(super) const WEEKDAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
