//! Looking for what is wrong, or odd, in candles.

use crate::error::Faults;
use crate::intake::Lines;
use crate::{Fault, OpenInterest, Scale, Series};
use model::{Bar, BarFault, Timeframe};
use std::collections::BTreeMap;
use std::fmt;
use units::{Price, Timestamp};

/// What can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// A row cannot be read: a value is no number or no time, or a field is missing.
    Unreadable,
    /// A candle opens at the time of the one before it.
    Duplicate,
    /// A candle opens before the one before it.
    Disorder,
    /// A candle opens at a time at which none can.
    OffGrid,
    /// A price is zero or negative.
    PriceNotPositive,
    /// The high is below the low.
    HighBelowLow,
    /// The open lies outside low to high.
    OpenOutside,
    /// The close lies outside low to high.
    CloseOutside,
    /// The volume is negative.
    NegativeVolume,
    /// One or more candles are missing.
    Gap,
    /// Nothing was traded.
    ZeroVolume,
    /// The range of the candle is many times the usual one.
    Outlier,
}

impl FindingKind {
    /// Every kind, the gravest first.
    pub const ALL: [Self; 12] = [
        Self::Unreadable,
        Self::Duplicate,
        Self::Disorder,
        Self::OffGrid,
        Self::PriceNotPositive,
        Self::HighBelowLow,
        Self::OpenOutside,
        Self::CloseOutside,
        Self::NegativeVolume,
        Self::Gap,
        Self::ZeroVolume,
        Self::Outlier,
    ];

    /// Whether a file with such a row is refused by an import. Gaps, empty candles and outliers happen on exchanges.
    #[must_use]
    pub const fn is_impossible(self) -> bool {
        !matches!(self, Self::Gap | Self::ZeroVolume | Self::Outlier)
    }

    /// Its name for machines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Duplicate => "duplicate",
            Self::Disorder => "disorder",
            Self::OffGrid => "off_grid",
            Self::PriceNotPositive => "price_not_positive",
            Self::HighBelowLow => "high_below_low",
            Self::OpenOutside => "open_outside",
            Self::CloseOutside => "close_outside",
            Self::NegativeVolume => "negative_volume",
            Self::Gap => "gap",
            Self::ZeroVolume => "zero_volume",
            Self::Outlier => "outlier",
        }
    }

    const fn of(fault: BarFault) -> Self {
        match fault {
            BarFault::PriceNotPositive => Self::PriceNotPositive,
            BarFault::HighBelowLow => Self::HighBelowLow,
            BarFault::OpenOutside => Self::OpenOutside,
            BarFault::CloseOutside => Self::CloseOutside,
            BarFault::NegativeVolume => Self::NegativeVolume,
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// The line of a text file or the row of any other, from one; `None` in the catalog.
    pub line: Option<u64>,
    /// The open time of the candle; `None` where it cannot be read.
    pub time: Option<Timestamp>,
    /// The values that make it one.
    pub detail: String,
}

/// How to look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CheckOptions {
    /// A candle whose true range exceeds this many times the average true range of 14 candles before it is an outlier.
    pub outlier_ratio: f64,
    /// Whether a candle in which nothing was traded is a finding. Candles of mark prices have no volume.
    pub expects_volume: bool,
    /// How many examples of each kind are kept.
    pub examples: usize,
}

impl Default for CheckOptions {
    /// Twenty times the average range; volume is expected; five examples.
    fn default() -> Self {
        Self { outlier_ratio: 20.0, expects_volume: true, examples: 5 }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckReport {
    /// How many rows were read.
    pub rows: u64,
    /// The length of a candle.
    pub timeframe: Timeframe,
    /// The earliest open time.
    pub from: Option<Timestamp>,
    /// The latest open time.
    pub to: Option<Timestamp>,
    /// How many findings of each kind; kinds without findings are left out.
    pub counts: BTreeMap<FindingKind, u64>,
    /// How many candles the gaps hide.
    pub missing_bars: u64,
    /// The first findings of each kind, by kind.
    pub examples: Vec<Finding>,
}

impl CheckReport {
    /// How many findings there are of a kind.
    #[must_use]
    pub fn count(&self, kind: FindingKind) -> u64 {
        self.counts.get(&kind).copied().unwrap_or(0)
    }

    /// How many findings make an import refuse the data.
    #[must_use]
    pub fn impossible(&self) -> u64 {
        self.counts.iter().filter(|(kind, _)| kind.is_impossible()).map(|(_, count)| count).sum()
    }
}

/// Checks a series in memory, such as one loaded from the catalog.
#[must_use]
pub fn check(series: &Series, options: &CheckOptions) -> CheckReport {
    let scale = Scale { price_decimals: series.price_decimals, quantity_decimals: series.quantity_decimals };
    examine(&series.bars, series.timeframe, scale, None, &Faults::default(), options)
}

/// Checks measurements of open interest that should be `every` so far apart. They are examined as candles without a price.
#[must_use]
pub fn check_open_interest(
    rows: &[OpenInterest],
    every: Timeframe,
    quantity_decimals: u8,
    options: &CheckOptions,
) -> CheckReport {
    let price = Price::new(1);
    let bar = |row: &OpenInterest| Bar {
        open_time: row.measured_at,
        open: price,
        high: price,
        low: price,
        close: price,
        volume: row.quantity,
    };
    let bars: Vec<Bar> = rows.iter().map(bar).collect();
    let scale = Scale { price_decimals: 0, quantity_decimals };
    examine(&bars, every, scale, None, &Faults::default(), options)
}

/// Checks candles. `lines` says where they stood, `unreadable` which rows are not among them.
pub(crate) fn examine(
    bars: &[Bar],
    timeframe: Timeframe,
    scale: Scale,
    lines: Option<&Lines>,
    unreadable: &Faults,
    options: &CheckOptions,
) -> CheckReport {
    let mut examples: BTreeMap<FindingKind, Vec<Finding>> = BTreeMap::new();
    let mut report = CheckReport {
        rows: bars.len() as u64 + unreadable.total,
        timeframe,
        from: bars.iter().map(|bar| bar.open_time).min(),
        to: bars.iter().map(|bar| bar.open_time).max(),
        counts: BTreeMap::new(),
        missing_bars: 0,
        examples: Vec::new(),
    };
    if unreadable.total > 0 {
        report.counts.insert(FindingKind::Unreadable, unreadable.total);
        let shown = unreadable.listed.iter().take(options.examples).map(unreadable_row);
        examples.insert(FindingKind::Unreadable, shown.collect());
    }
    let mut usual = AverageRange::default();
    for (row, bar) in bars.iter().enumerate() {
        let previous = row.checked_sub(1).map(|before| &bars[before]);
        let mut note = |kind: FindingKind, more: &dyn Fn() -> String| {
            *report.counts.entry(kind).or_default() += 1;
            let list = examples.entry(kind).or_default();
            if list.len() < options.examples {
                let line = lines.map(|lines| lines.of(row));
                let detail = describe(kind, previous, bar, timeframe, scale) + &more();
                list.push(Finding { kind, line, time: Some(bar.open_time), detail });
            }
        };
        let mut clean = true;
        impossibilities(previous, bar, timeframe, &mut |kind| {
            clean = false;
            note(kind, &String::new);
        });
        let missing = previous.map_or(0, |previous| missing_between(previous, bar, timeframe));
        if missing > 0 {
            note(FindingKind::Gap, &String::new);
            usual.forget_close();
        }
        if bar.volume.is_zero() && options.expects_volume {
            note(FindingKind::ZeroVolume, &String::new);
        }
        // A candle that cannot be would spoil the average.
        if clean && let Some(ratio) = usual.outlier(bar, options.outlier_ratio) {
            note(FindingKind::Outlier, &|| format!(": {ratio:.1} times the average range"));
        }
        report.missing_bars += missing;
    }
    report.examples = examples.into_values().flatten().collect();
    report
}

fn unreadable_row(fault: &Fault) -> Finding {
    let detail = format!("column {}, value {:?}: {}", fault.column, fault.value, fault.problem);
    Finding { kind: FindingKind::Unreadable, line: Some(fault.line), time: None, detail }
}

/// Calls `note` for everything about a candle that cannot be.
#[inline]
fn impossibilities(
    previous: Option<&Bar>,
    bar: &Bar,
    timeframe: Timeframe,
    note: &mut dyn FnMut(FindingKind),
) {
    if let Some(previous) = previous {
        match bar.open_time.cmp(&previous.open_time) {
            std::cmp::Ordering::Less => note(FindingKind::Disorder),
            std::cmp::Ordering::Equal => note(FindingKind::Duplicate),
            std::cmp::Ordering::Greater => {}
        }
    }
    if !timeframe.opens_at(bar.open_time) {
        note(FindingKind::OffGrid);
    }
    if let Some(fault) = bar.fault() {
        note(FindingKind::of(fault));
    }
}

fn missing_between(previous: &Bar, bar: &Bar, timeframe: Timeframe) -> u64 {
    let steps = bar.open_time.nanos().saturating_sub(previous.open_time.nanos()) / timeframe.span().nanos();
    u64::try_from(steps - 1).unwrap_or(0)
}

fn describe(
    kind: FindingKind,
    previous: Option<&Bar>,
    bar: &Bar,
    timeframe: Timeframe,
    scale: Scale,
) -> String {
    let price = |price: Price| price.decimal(scale.price_decimals);
    let before = previous.map_or(String::new(), |previous| format!("after {}", previous.open_time));
    match kind {
        FindingKind::Gap => {
            let missing = previous.map_or(0, |previous| missing_between(previous, bar, timeframe));
            let candles = if missing == 1 { "candle" } else { "candles" };
            format!("{missing} {candles} missing {before}")
        }
        FindingKind::Duplicate => "the candle before it opens at the same time".to_owned(),
        FindingKind::Disorder => before,
        FindingKind::OffGrid => format!("candles of {timeframe} open at {}", timeframe.floor(bar.open_time)),
        FindingKind::NegativeVolume => format!("volume {}", bar.volume.decimal(scale.quantity_decimals)),
        FindingKind::ZeroVolume => "nothing was traded".to_owned(),
        _ => format!(
            "open {} high {} low {} close {}",
            price(bar.open),
            price(bar.high),
            price(bar.low),
            price(bar.close)
        ),
    }
}

/// Everything impossible about candles as faults with line, column and value. `names` are the columns in the file.
pub(crate) fn faults(
    bars: &[Bar],
    timeframe: Timeframe,
    scale: Scale,
    lines: &Lines,
    names: &[String],
) -> Faults {
    let mut faults = Faults::default();
    for (row, bar) in bars.iter().enumerate() {
        let previous = row.checked_sub(1).map(|before| &bars[before]);
        impossibilities(previous, bar, timeframe, &mut |kind| {
            faults.add(|| fault_of(kind, previous, bar, timeframe, scale, lines.of(row), names));
        });
    }
    faults
}

#[cold]
fn fault_of(
    kind: FindingKind,
    previous: Option<&Bar>,
    bar: &Bar,
    timeframe: Timeframe,
    scale: Scale,
    line: u64,
    names: &[String],
) -> Fault {
    let price = |p: Price| p.decimal(scale.price_decimals).to_string();
    let range = format!("low {} to high {}", price(bar.low), price(bar.high));
    let before = previous.map_or(String::new(), |p| p.open_time.to_string());
    let time = bar.open_time.to_string();
    let (role, value, problem) = match kind {
        FindingKind::Duplicate => {
            (0, time, format!("the line before has the same time; times must rise by {timeframe}"))
        }
        FindingKind::Disorder => {
            (0, time, format!("earlier than the line before ({before}); times must rise"))
        }
        FindingKind::OffGrid => (
            0,
            time,
            format!("no candle of {timeframe} opens then; {} is one", timeframe.floor(bar.open_time)),
        ),
        FindingKind::HighBelowLow => (2, price(bar.high), format!("high is below low ({})", price(bar.low))),
        FindingKind::OpenOutside => (1, price(bar.open), format!("open must lie in {range}")),
        FindingKind::CloseOutside => (4, price(bar.close), format!("close must lie in {range}")),
        FindingKind::NegativeVolume => {
            let volume = bar.volume.decimal(scale.quantity_decimals).to_string();
            (5, volume, "negative; zero or more is allowed".to_owned())
        }
        _ => {
            let prices = [bar.open, bar.high, bar.low, bar.close];
            let bad = prices.iter().position(|p| !p.is_positive()).unwrap_or(0);
            (bad + 1, price(prices[bad]), "zero or negative; a price must be above zero".to_owned())
        }
    };
    Fault { line, column: names.get(role).cloned().unwrap_or_default(), value, problem }
}

/// The average true range of Wilder (New Concepts in Technical Trading Systems, 1978) over 14 candles.
#[derive(Default)]
struct AverageRange {
    close: Option<f64>,
    average: f64,
    count: u32,
}

impl AverageRange {
    const PERIOD: f64 = 14.0;

    /// After a gap the price may be anywhere: the way to it is no range of one candle.
    const fn forget_close(&mut self) {
        self.close = None;
    }

    /// How many times the average before it the candle's range is, if more than `ratio`; takes it into the average.
    fn outlier(&mut self, bar: &Bar, ratio: f64) -> Option<f64> {
        let float = |price: Price| price.mantissa() as f64;
        let (high, low) = (float(bar.high), float(bar.low));
        let close = self.close.replace(float(bar.close)).unwrap_or(low);
        let range = (high.max(close)) - (low.min(close));
        let warm = f64::from(self.count) >= Self::PERIOD;
        // A market that stood still (average zero) has no usual range to compare with.
        let times = (warm && self.average > 0.0).then(|| range / self.average).filter(|times| *times > ratio);
        let weight = f64::from(self.count).min(Self::PERIOD - 1.0);
        self.average = (self.average * weight + range) / (weight + 1.0);
        self.count = self.count.saturating_add(1);
        times
    }
}

/// The candle length that the times suggest: the most frequent step among the first ones.
pub(crate) fn infer_timeframe(bars: &[Bar]) -> Option<Timeframe> {
    let mut steps: BTreeMap<i64, u32> = BTreeMap::new();
    for pair in bars[..bars.len().min(2_000)].windows(2) {
        let step = pair[1].open_time.nanos().saturating_sub(pair[0].open_time.nanos());
        if step > 0 && step % 1_000_000_000 == 0 {
            *steps.entry(step / 1_000_000_000).or_default() += 1;
        }
    }
    let candidates = steps.into_iter().filter_map(|(s, n)| Some((n, Timeframe::from_seconds(s)?)));
    candidates.max_by_key(|(count, timeframe)| (*count, std::cmp::Reverse(*timeframe))).map(|(_, t)| t)
}

#[cfg(test)]
mod tests {
    use super::*;
    use units::Quantity;

    /// Twenty candles of range ten about a hundred, and one at `minute` about a thousand and one.
    fn jump_at(minute: i64) -> CheckReport {
        let bar = |minute: i64, price: i64| {
            let [open, high, low] = [price, price + 5, price - 5].map(Price::new);
            let open_time = Timestamp::from_seconds(minute * 60).unwrap();
            Bar { open_time, open, high, low, close: open, volume: Quantity::new(1) }
        };
        let bars: Vec<Bar> = (0..20).map(|i| bar(i, 100)).chain([bar(minute, 1001)]).collect();
        let options = CheckOptions::default();
        examine(&bars, Timeframe::MINUTE, Scale::default(), None, &Faults::default(), &options)
    }

    #[test]
    fn a_jump_is_an_outlier_but_for_a_gap() {
        let jump = jump_at(20);
        assert_eq!((jump.count(FindingKind::Outlier), jump.count(FindingKind::Gap)), (1, 0));
        let detail = &jump.examples[0].detail;
        assert_eq!(detail, "open 1001 high 1006 low 996 close 1001: 90.6 times the average range");
        let gap = jump_at(200);
        assert_eq!((gap.count(FindingKind::Outlier), gap.count(FindingKind::Gap)), (0, 1));
    }
}
