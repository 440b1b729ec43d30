//! What is decided at a candle, and the least that has to be worked out for it.
//!
//! Operations without memory need not be done at a candle that nobody asks about them. A decision is a list of tests that must
//! all hold; before each stand the operations that it needs and no test before it has done. The first that fails ends it.

use super::program::{Code, Operation, Program, Register};

/// Whether a condition holds: all tests and parts, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Decision {
    /// What can be told without working anything out.
    pub(super) tests: Box<[Test]>,
    pub(super) parts: Box<[Part]>,
    /// It holds at no candle, whatever the market does.
    is_never: bool,
}

/// A test and what it needs.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// What is worked out before it.
    pub(super) operations: Box<[Operation]>,
    pub(super) test: Test,
}

/// Whether one register is less than another, or at most as much. A comparison with what is missing does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Test {
    a: Register,
    b: Register,
    is_strict: bool,
}

impl Test {
    #[inline(always)]
    pub(super) fn passes(self, registers: &[f64]) -> bool {
        let (a, b) = (registers[usize::from(self.a)], registers[usize::from(self.b)]);
        a < b || (!self.is_strict && a == b)
    }

    /// Which of two registers must be the lesser one, where these are what it looks at.
    pub(super) fn lesser_of(self, registers: [Register; 2]) -> Option<usize> {
        match registers {
            [a, b] if (a, b) == (self.a, self.b) => Some(0),
            [a, b] if (b, a) == (self.a, self.b) => Some(1),
            _ => None,
        }
    }

    pub(super) const fn is_strict(self) -> bool {
        self.is_strict
    }
}

/// Lists of tests; one of them must hold as a whole.
#[derive(Debug, Clone, Default)]
pub(super) struct Alternatives {
    /// Each with the place at which the next list begins: there is nothing more to see of one whose test fails.
    tests: Box<[(Test, u16)]>,
}

impl Alternatives {
    /// All that can be told of decisions without working anything out, each list once; `None` where that is nothing.
    fn of(decisions: &[&Option<Decision>]) -> Option<Self> {
        let mut lists: Vec<&[Test]> = Vec::new();
        let decisions = decisions.iter().filter_map(|decision| decision.as_ref()).filter(|d| !d.is_never);
        for tests in decisions.map(|d| &d.tests[..]) {
            if tests.is_empty() {
                return None;
            }
            if !lists.contains(&tests) {
                lists.push(tests);
            }
        }
        let mut all: Vec<(Test, u16)> = Vec::new();
        for list in lists {
            // A plan has fewer operations than would not fit.
            let next = u16::try_from(all.len() + list.len()).ok()?;
            all.extend(list.iter().map(|test| (*test, next)));
        }
        Some(Self { tests: all.into() })
    }

    /// The one test there is, if it is one.
    pub(super) fn only(&self) -> Option<Test> {
        if let [(only, _)] = *self.tests { Some(only) } else { None }
    }

    /// Whether none of the lists holds as a whole.
    #[inline(always)]
    pub(super) fn fail(&self, registers: &[f64]) -> bool {
        let mut at: u16 = 0;
        while let Some((test, next)) = self.tests.get(usize::from(at)) {
            if !test.passes(registers) {
                at = *next;
                continue;
            }
            at += 1;
            if at == *next {
                return false;
            }
        }
        true
    }
}

/// Everything that may be decided at a candle.
#[derive(Debug, Clone, Default)]
pub(super) struct Decisions {
    /// Long, then short.
    pub(super) enter: [Option<Decision>; 2],
    pub(super) exit: [Option<Decision>; 2],
    pub(super) session: Option<Decision>,
    pub(super) resize: Option<Decision>,
    /// By opinion (none or flat, long, short): what must hold before there is anything to decide, as long as no level of its own
    /// is in play. `None` where that cannot be told without working something out.
    pub(super) quiet: [Option<Alternatives>; 3],
    /// Of each side, the operations that its confidence, size, stop and target need.
    pub(super) levels: [Box<[Operation]>; 2],
}

impl Decisions {
    /// Those of a program whose operations have been divided.
    pub(super) fn of(program: &Program) -> Self {
        let lazy = Lazy::new(program);
        let levels = |side: usize| {
            let mut worked = Worked::new(program);
            let mut operations = Vec::new();
            if let Some(entry) = &program.enter[side] {
                let registers = [entry.confidence, entry.size, entry.stop, entry.target];
                registers.iter().flatten().for_each(|r| lazy.needs(*r, &mut worked, &mut operations));
            }
            operations.into()
        };
        let mut decisions = Self {
            enter: [0, 1].map(|side| program.enter[side].as_ref().map(|entry| lazy.decision(entry.when))),
            exit: [0, 1].map(|side| program.exit[side].map(|exit| lazy.decision(exit.when))),
            session: program.session.as_ref().map(|session| lazy.decision(session.when)),
            resize: program.resize.map(|resize| lazy.decision(resize)),
            quiet: [None, None, None],
            levels: [0, 1].map(levels),
        };
        let closes = program.session.as_ref().is_some_and(|session| session.closes.is_some());
        let [long, short] = [0, 1].map(|own: usize| {
            let exits = [&decisions.enter[1 - own], &decisions.exit[own], &decisions.resize];
            if closes { None } else { Alternatives::of(&exits) }
        });
        decisions.quiet = [Alternatives::of(&[&decisions.enter[0], &decisions.enter[1]]), long, short];
        decisions
    }
}

/// The operations that are not done at every candle, by the register they write.
struct Lazy<'a> {
    program: &'a Program,
    by_register: Vec<Option<&'a Operation>>,
    is_written: Vec<bool>,
}

/// Which registers have been worked out.
struct Worked(Vec<bool>);

impl Worked {
    fn new(program: &Program) -> Self {
        Self(vec![false; program.initial.len()])
    }

    /// Marks a register; whether it was marked before.
    fn mark(&mut self, register: Register) -> bool {
        std::mem::replace(&mut self.0[usize::from(register)], true)
    }
}

impl<'a> Lazy<'a> {
    fn new(program: &'a Program) -> Self {
        let mut by_register = vec![None; program.initial.len()];
        for operation in &program.deferred {
            by_register[usize::from(operation.out)] = Some(operation);
        }
        Self { program, by_register, is_written: program.written() }
    }

    /// Whether a register holds the same at every candle.
    fn is_constant(&self, register: Register) -> bool {
        !self.is_written[usize::from(register)]
    }

    fn of(&self, register: Register) -> Option<&'a Operation> {
        self.by_register[usize::from(register)]
    }

    fn decision(&self, root: Register) -> Decision {
        let mut tests = Vec::new();
        self.conjuncts(root, &mut Worked::new(self.program), &mut tests);
        let mut worked = Worked::new(self.program);
        let (mut plain, mut parts) = (Vec::new(), Vec::new());
        for register in tests {
            let mut operations = Vec::new();
            let fused = self.of(register).filter(|_| !worked.0[usize::from(register)]);
            let test = match fused.map(|o| (o.code, o.a, o.b)) {
                Some((Code::Less, a, b)) => Test { a, b, is_strict: true },
                Some((Code::LessEqual, a, b)) => Test { a, b, is_strict: false },
                // A condition is one, zero or missing.
                _ => Test { a: self.program.one, b: register, is_strict: false },
            };
            if self.is_constant(test.a) && self.is_constant(test.b) {
                if test.passes(&self.program.initial) {
                    continue;
                }
                return Decision { tests: [test].into(), is_never: true, ..Decision::default() };
            }
            self.needs(test.a, &mut worked, &mut operations);
            self.needs(test.b, &mut worked, &mut operations);
            // What needs nothing goes first. What needs only what an earlier part works out stays behind that part.
            if operations.is_empty() && !self.rests_on(test) {
                plain.push(test);
            } else {
                parts.push(Part { operations: operations.into(), test });
            }
        }
        Decision { tests: plain.into(), parts: parts.into(), is_never: false }
    }

    /// Whether a test looks at a register that has to be worked out.
    fn rests_on(&self, test: Test) -> bool {
        self.of(test.a).is_some() || self.of(test.b).is_some()
    }

    /// What must hold for a condition to hold, each once: both sides of every `and`.
    fn conjuncts(&self, root: Register, seen: &mut Worked, tests: &mut Vec<Register>) {
        let mut open = vec![root];
        while let Some(register) = open.pop() {
            if seen.mark(register) {
                continue;
            }
            match self.of(register).filter(|o| o.code == Code::And) {
                Some(both) => open.extend([both.b, both.a]),
                None => tests.push(register),
            }
        }
    }

    /// Adds the operations that a register needs and that were not added before, in their order.
    fn needs(&self, root: Register, worked: &mut Worked, operations: &mut Vec<Operation>) {
        // A register is looked at twice: before what it needs, and after.
        let mut open = vec![(root, false)];
        while let Some((register, is_ready)) = open.pop() {
            let Some(operation) = self.of(register) else { continue };
            if is_ready {
                operations.push(*operation);
            } else if !worked.mark(register) {
                open.push((register, true));
                open.extend([operation.c, operation.b, operation.a].map(|needed| (needed, false)));
            }
        }
    }
}
