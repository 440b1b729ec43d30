//! What a rule file becomes: registers, and flat lists of operations on them, one list for each length of candles.

use super::decision::Decisions;
use super::structure_calls::Question;
use indicators::Ohlcv;
use indicators::calendar::Zone;
use indicators::catalogue::Spec;
use model::{Bar, Instrument, Tag, Timeframe};

/// The number of a register. A register holds a number or a condition (1 true, 0 false). Inside a plan, and nowhere
/// else, NaN stands for "there is none yet": it passes through arithmetic by itself, at no cost.
pub(super) type Register = u16;

/// The most registers, and so operations, that a plan may have.
pub(super) const MAX_REGISTERS: usize = 8_000;
/// The most indicators.
pub(super) const MAX_INDICATORS: usize = 256;
/// The most candles that the lengths of all calls of indicators may come to, so that a file cannot claim all memory.
pub(super) const MAX_SETTINGS: usize = 1_000_000;
/// The furthest that an expression may look back, in candles.
pub(super) const MAX_PAST: usize = 10_000;
/// The most values that all looks back may keep together.
pub(super) const MAX_KEPT: usize = 200_000;

/// What an operation does with its registers `a`, `b` and `c`; `aux` is a ring, a slot or a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Code {
    Open,
    High,
    Low,
    Close,
    Volume,
    Hl2,
    Hlc3,
    Ohlc4,
    Add,
    Subtract,
    Multiply,
    Divide,
    Negate,
    Abs,
    Sign,
    Sqrt,
    Ln,
    Exp,
    Floor,
    Ceil,
    Round,
    Min,
    Max,
    Less,
    LessEqual,
    Equal,
    NotEqual,
    And,
    Or,
    Not,
    /// `b` where `a` holds, otherwise `c`.
    Select,
    /// `a` crosses above `b`.
    CrossesAbove,
    CrossesBelow,
    /// `a` some candles ago, by a ring.
    Past,
    /// Candles since `a` held.
    BarsSince,
    /// Whether `a` held within the last `b` candles.
    Within,
    /// Whether `a` held on each of the last `b` candles.
    Held,
    /// How often `a` held within a ring of candles.
    Count,
    /// `b` when `a` last held.
    Recall,
    /// An indicator, by slot, on the series `a` and `b`.
    Indicator,
    /// Tells the market structure of the frame the candle; `aux` is its number.
    Structure,
    /// Asks the structure that the operation of register `a` told; `aux` is the number of the question.
    Ask,
    /// Minutes after midnight in a zone, when the candle opened.
    Clock,
    Hour,
    Minute,
    /// 1 for Monday to 7 for Sunday.
    Weekday,
    /// The day of the month.
    Day,
    /// Whether the clock of a zone shows `a` or later and before `b`, over midnight where `b` is not after `a`.
    Session,
}

impl Code {
    /// How many of its registers it looks at, where it looks at nothing else and has no memory.
    pub(crate) const fn operands(self) -> usize {
        match self {
            Self::Negate
            | Self::Abs
            | Self::Sign
            | Self::Sqrt
            | Self::Ln
            | Self::Exp
            | Self::Floor
            | Self::Ceil
            | Self::Round
            | Self::Not => 1,
            Self::Select => 3,
            _ => 2,
        }
    }

    /// Whether it follows from its registers and what structures were told, so that it may be left undone until it is asked
    /// about.
    pub(super) const fn is_deferrable(self) -> bool {
        matches!(
            self,
            Self::Add
                | Self::Subtract
                | Self::Multiply
                | Self::Divide
                | Self::Negate
                | Self::Abs
                | Self::Sign
                | Self::Sqrt
                | Self::Ln
                | Self::Exp
                | Self::Floor
                | Self::Ceil
                | Self::Round
                | Self::Min
                | Self::Max
                | Self::Less
                | Self::LessEqual
                | Self::Equal
                | Self::NotEqual
                | Self::And
                | Self::Or
                | Self::Not
                | Self::Select
                | Self::Ask
        )
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Operation {
    pub(super) code: Code,
    pub(super) a: Register,
    pub(super) b: Register,
    pub(super) c: Register,
    pub(super) out: Register,
    pub(super) aux: u32,
}

/// The operations on candles of one length.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// `None` for the candles the strategy decides on.
    pub(super) timeframe: Option<Timeframe>,
    pub(super) operations: Vec<Operation>,
    /// Where it is told that a candle of this length has just closed.
    pub(super) closed: Option<Register>,
}

/// An indicator and where its outputs go: side by side, up to the last one that is asked for.
#[derive(Debug, Clone)]
pub(super) struct SlotPlan {
    pub(super) spec: Spec,
    pub(super) out: Register,
    pub(super) outputs: usize,
}

/// Which prices of a candle are looked at, so that the others need not be made numbers. Each reads what the one before does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reads {
    Close,
    Range,
    All,
}

impl Reads {
    /// A candle as the plan looks at it.
    #[inline(always)]
    pub(super) fn of(self, instrument: &Instrument, bar: &Bar) -> Ohlcv {
        let price = |price| instrument.price_f64(price);
        let (mut open, mut high, mut low, mut volume) = (0.0, 0.0, 0.0, 0.0);
        if self >= Self::Range {
            (high, low) = (price(bar.high), price(bar.low));
            if self == Self::All {
                (open, volume) = (price(bar.open), instrument.quantity_f64(bar.volume));
            }
        }
        Ohlcv { opened: bar.open_time, open, high, low, close: price(bar.close), volume }
    }
}

/// Where the plan is told what the strategy said and holds. Read before each candle.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct StateRegisters {
    pub(super) is_long: Option<Register>,
    pub(super) is_short: Option<Register>,
    pub(super) is_flat: Option<Register>,
    pub(super) said_confidence: Option<Register>,
    pub(super) in_long: Option<Register>,
    pub(super) in_short: Option<Register>,
    pub(super) in_position: Option<Register>,
    pub(super) entry_price: Option<Register>,
    pub(super) bars_in_position: Option<Register>,
    pub(super) profit_percent: Option<Register>,
}

impl StateRegisters {
    fn all(&self) -> impl Iterator<Item = Register> {
        let Self {
            is_long,
            is_short,
            is_flat,
            said_confidence,
            in_long,
            in_short,
            in_position,
            entry_price,
            bars_in_position,
            profit_percent,
        } = *self;
        let said = [is_long, is_short, is_flat, said_confidence];
        let held = [in_long, in_short, in_position, entry_price, bars_in_position, profit_percent];
        said.into_iter().chain(held).flatten()
    }

    /// Whether anything of the position itself is looked at.
    pub(super) const fn looks_at_position(&self) -> bool {
        self.in_long.is_some()
            || self.in_short.is_some()
            || self.in_position.is_some()
            || self.entry_price.is_some()
            || self.bars_in_position.is_some()
            || self.profit_percent.is_some()
    }

    /// Whether anything that was said is looked at.
    const fn looks_at_opinion(&self) -> bool {
        self.is_long.is_some()
            || self.is_short.is_some()
            || self.is_flat.is_some()
            || self.said_confidence.is_some()
    }
}

/// One condition among those that an entry asks for, as it is told when it fails.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    pub(super) text: String,
    pub(super) holds: Register,
    /// Both sides, where it is a comparison of numbers.
    pub(super) sides: Option<(Register, Register)>,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) when: Register,
    pub(super) conditions: Vec<Condition>,
    pub(super) tag: Tag,
    pub(super) confidence: Option<Register>,
    pub(super) size: Option<Register>,
    pub(super) stop: Option<Register>,
    pub(super) target: Option<Register>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Exit {
    pub(super) when: Register,
    pub(super) tag: Tag,
}

/// When entries are allowed.
#[derive(Debug, Clone)]
pub(super) struct SessionFilter {
    pub(super) when: Register,
    pub(super) text: String,
    /// The tag of leaving when it ends, where that is wanted.
    pub(super) closes: Option<Tag>,
}

/// How much history a register needs: candles of the strategy's own before the last one, and a time for longer ones and
/// sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Warm {
    pub(super) bars: u64,
    pub(super) seconds: i64,
}

impl Warm {
    pub(super) fn max(self, other: Self) -> Self {
        Self { bars: self.bars.max(other.bars), seconds: self.seconds.max(other.seconds) }
    }
}

/// A rule file, planned for given parameters. Shared by all instruments; what changes from candle to candle is in the
/// machines.
#[derive(Debug, Clone)]
pub(super) struct Program {
    /// The strategy's own candles first.
    pub(super) frames: Vec<Frame>,
    /// Operations on its own candles that nothing with a memory needs: done when somebody asks, in this order.
    pub(super) deferred: Vec<Operation>,
    pub(super) decisions: Decisions,
    /// What registers hold before the first candle: constants, and nothing.
    pub(super) initial: Vec<f64>,
    /// A register that holds one.
    pub(super) one: Register,
    /// The length of each ring.
    pub(super) rings: Vec<usize>,
    pub(super) slots: Vec<SlotPlan>,
    pub(super) zones: Vec<Zone>,
    /// How many market structures are followed: one for each frame that is asked about one.
    pub(super) structures: usize,
    pub(super) questions: Vec<Question>,
    pub(super) reads: Reads,
    pub(super) state: StateRegisters,
    /// Whether anything that was said is looked at.
    pub(super) looks_at_opinion: bool,
    /// Long, then short.
    pub(super) enter: [Option<Entry>; 2],
    pub(super) exit: [Option<Exit>; 2],
    pub(super) session: Option<SessionFilter>,
    /// Where a change of confidence is said again.
    pub(super) resize: Option<Register>,
    /// The tag of an entry that came to nothing.
    pub(super) withdrawn: Tag,
    pub(super) warm: Warm,
    /// Whether its own exits may close a position.
    pub(super) has_levels: bool,
}

impl Program {
    /// The indicator of an operation, if it is one.
    pub(super) fn slot(&self, operation: &Operation) -> Option<&SlotPlan> {
        if operation.code == Code::Indicator { self.slots.get(index(operation.aux)) } else { None }
    }

    /// The registers that decisions and explanations look at.
    pub(super) fn asked(&self) -> Vec<Register> {
        let mut asked: Vec<Register> = Vec::new();
        for entry in self.enter.iter().flatten() {
            asked.push(entry.when);
            asked.extend([entry.confidence, entry.size, entry.stop, entry.target].into_iter().flatten());
            for condition in &entry.conditions {
                asked.push(condition.holds);
                asked.extend(condition.sides.into_iter().flat_map(|(a, b)| [a, b]));
            }
        }
        asked.extend(self.exit.iter().flatten().map(|exit| exit.when));
        asked.extend(self.session.as_ref().map(|s| s.when));
        asked.extend(self.resize);
        asked
    }

    /// By register, whether anything is ever written to it.
    pub(super) fn written(&self) -> Vec<bool> {
        let mut written = vec![false; self.initial.len()];
        let all = self.frames.iter().flat_map(|frame| &frame.operations).chain(&self.deferred);
        for operation in all {
            let outputs = self.slot(operation).map_or(1, |plan| plan.outputs);
            written[usize::from(operation.out)..].iter_mut().take(outputs).for_each(|w| *w = true);
        }
        let told = self.frames.iter().filter_map(|frame| frame.closed).chain(self.state.all());
        told.for_each(|register| written[usize::from(register)] = true);
        written
    }

    /// Divides the operations on its own candles into those that every candle needs and those that can wait.
    pub(super) fn defer(&mut self) {
        let Some(frame) = self.frames.first_mut() else { return };
        let mut is_read = vec![false; self.initial.len()];
        let (mut now, mut deferred) = (Vec::new(), Vec::new());
        for operation in std::mem::take(&mut frame.operations).into_iter().rev() {
            if operation.code.is_deferrable() && !is_read[usize::from(operation.out)] {
                deferred.push(operation);
                continue;
            }
            for register in [operation.a, operation.b, operation.c] {
                is_read[usize::from(register)] = true;
            }
            now.push(operation);
        }
        now.reverse();
        deferred.reverse();
        (frame.operations, self.deferred) = (now, deferred);
        // At most MAX_REGISTERS before, which leaves room.
        self.one = Register::try_from(self.initial.len()).unwrap_or(Register::MAX);
        self.initial.push(1.0);
        self.decisions = Decisions::of(self);
        self.looks_at_opinion = self.state.looks_at_opinion();
    }

    /// Whether what it says follows from candles alone.
    pub(super) const fn is_candle_only(&self) -> bool {
        !self.has_levels && !self.state.looks_at_position()
    }

    /// Candles before the first opinion.
    pub(super) fn warm_up_bars(&self, base: Timeframe) -> u32 {
        let span = base.seconds();
        let longer = u64::try_from(self.warm.seconds.div_euclid(span)).unwrap_or(0)
            + u64::from(self.warm.seconds.rem_euclid(span) > 0);
        u32::try_from(self.warm.bars + longer + 1).unwrap_or(u32::MAX)
    }
}

/// An operation without memory on numbers; the same for constants when the plan is made and for registers later.
#[inline(always)]
pub(crate) fn pure(code: Code, a: f64, b: f64, c: f64) -> f64 {
    match code {
        Code::Add => finite(a + b),
        Code::Subtract => finite(a - b),
        Code::Multiply => finite(a * b),
        Code::Divide => finite(a / b),
        Code::Negate => -a,
        Code::Abs => a.abs(),
        Code::Sign => number(
            a,
            if a > 0.0 {
                1.0
            } else if a < 0.0 {
                -1.0
            } else {
                0.0
            },
        ),
        Code::Sqrt => finite(a.sqrt()),
        Code::Ln => finite(libm::log(a)),
        Code::Exp => finite(libm::exp(a)),
        Code::Floor => a.floor(),
        Code::Ceil => a.ceil(),
        Code::Round => a.round(),
        // Comparisons with what is missing are missing, which `f64::min` would hide.
        Code::Min => number(a, number(b, if b < a { b } else { a })),
        Code::Max => number(a, number(b, if b > a { b } else { a })),
        Code::Less => number(a, number(b, truth(a < b))),
        Code::LessEqual => number(a, number(b, truth(a <= b))),
        Code::Equal => number(a, number(b, truth(a == b))),
        Code::NotEqual => number(a, number(b, truth(a != b))),
        // One false side decides, whether or not the other is known; otherwise 1·1 is 1, and 1·missing is missing.
        Code::And => {
            if a == 0.0 || b == 0.0 {
                0.0
            } else {
                a * b
            }
        }
        // One true side decides; otherwise 0+0 is 0, and 0+missing is missing.
        Code::Or => {
            if a == 1.0 || b == 1.0 {
                1.0
            } else {
                a + b
            }
        }
        Code::Not => 1.0 - a,
        Code::Select => {
            if a == 1.0 {
                b
            } else if a == 0.0 {
                c
            } else {
                f64::NAN
            }
        }
        _ => f64::NAN,
    }
}

#[inline(always)]
pub(super) fn index(aux: u32) -> usize {
    usize::try_from(aux).unwrap_or(usize::MAX)
}

#[inline(always)]
pub(super) const fn truth(holds: bool) -> f64 {
    if holds { 1.0 } else { 0.0 }
}

/// `x` where it is finite; otherwise nothing.
#[inline(always)]
const fn finite(x: f64) -> f64 {
    if x.is_finite() { x } else { f64::NAN }
}

/// `then` where there is a number; otherwise nothing.
#[inline(always)]
const fn number(x: f64, then: f64) -> f64 {
    if x.is_nan() { f64::NAN } else { then }
}
