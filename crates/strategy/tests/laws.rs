//! What holds for every strategy that decides on candles, on candles out of a seed.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use model::InstrumentIx;
use strategy::{Descriptor, Intent};
use support::Desk;
use units::{Prng, Quantity};

/// Parameters under which a few hundred candles are enough to see everything.
fn quick(descriptor: &Descriptor) -> Vec<(&'static str, &'static str)> {
    let all = [
        ("fast", "3"),
        ("slow", "8"),
        ("signal", "3"),
        ("trend", "20"),
        (
            "entry",
            match descriptor.name {
                "donchian_breakout" => "12",
                "zscore_reversion" => "1.2",
                "pairs" => "1.2",
                _ => "2",
            },
        ),
        (
            "exit",
            match descriptor.name {
                "donchian_breakout" => "5",
                "rsi_reversal" => "55",
                _ => "0.5",
            },
        ),
        ("lookback", "20"),
        ("volatility", "20"),
        ("rebalance", "0.1"),
        ("period", "6"),
        ("width", "1.2"),
        ("max_adx", "60"),
        ("adx_bars", "5"),
        ("multiplier", "1.5"),
        ("significance", "off"),
        ("average", "2"),
        ("rest_bars", "5"),
    ];
    all.into_iter().filter(|(name, _)| descriptor.parameters.iter().any(|p| p.name == *name)).collect()
}

/// Who decides on candles, and on how many instruments it is tried.
fn subjects() -> Vec<(&'static Descriptor, u32)> {
    let decides = |d: &Descriptor, n: u32| {
        let on: Vec<InstrumentIx> = (0..n).map(InstrumentIx).collect();
        strategy::build(d.name, [], &on).is_ok_and(|(s, _)| !s.needs().is_beyond_candles())
    };
    let all = strategy::all().iter().copied();
    all.flat_map(|d| [1, 2].map(|n| (d, n))).filter(|(d, n)| decides(d, *n)).collect()
}

/// A world out of a seed: candles of all instruments, and funding now and then.
struct World {
    random: Prng,
    closes: [i64; 2],
}

impl World {
    fn new(seed: u64) -> Self {
        Self { random: Prng::new(seed), closes: [10_000, 5_000] }
    }

    fn pick(&mut self, most: u64) -> i64 {
        i64::try_from(self.random.below(most)).unwrap()
    }

    /// One moment: a candle of each instrument; every few, funding before.
    fn next(&mut self, desk: &mut Desk) -> Vec<Intent> {
        let mut said = Vec::new();
        let count = desk.instruments.len();
        for i in 0..count {
            if desk.told[0] % 3 == 0 {
                let rate = ["-0.001", "0.0001", "0.001"][usize::try_from(self.pick(3)).unwrap()];
                said.extend(desk.fund(u32::try_from(i).unwrap(), rate));
            }
        }
        for i in 0..count {
            let open = self.closes[i];
            let close = (open + self.pick(301) - 150).clamp(1_000, 50_000);
            let (up, down) = (self.pick(60), self.pick(60));
            self.closes[i] = close;
            said.extend(desk.candle(
                u32::try_from(i).unwrap(),
                [open, open.max(close) + up, open.min(close) - down, close],
            ));
        }
        said
    }
}

fn story(descriptor: &'static Descriptor, count: u32, seed: u64, restarts: bool) -> Vec<(i64, Vec<Intent>)> {
    let given = quick(descriptor);
    let mut desk = Desk::of(descriptor.name, &given, count);
    let mut world = World::new(seed);
    let mut story = Vec::new();
    for moment in 0..600 {
        if restarts && moment % 37 == 36 {
            desk.restart(&given);
        }
        let said = world.next(&mut desk);
        check_gate(&desk, &said);
        // Orders are filled, and now and then a stop is hit.
        said.iter().for_each(|intent| desk.follow(intent));
        if moment % 23 == 22 {
            desk.positions[0].quantity = Quantity::ZERO;
        }
        if !said.is_empty() {
            story.push((moment, said));
        }
    }
    story
}

/// Whoever declares gates says of every candle that it spoke, or which gate was shut.
fn check_gate(desk: &Desk, said: &[Intent]) {
    let gates = desk.strategy.gates();
    if gates.is_empty() {
        return;
    }
    for i in (0u32..).take(desk.instruments.len()) {
        match desk.strategy.gate(InstrumentIx(i)) {
            Some(gate) => assert!(usize::from(gate.index) < gates.len(), "{}: {gate:?}", desk.name),
            None => assert!(!said.is_empty(), "{} neither spoke nor says why", desk.name),
        }
    }
}

#[test]
fn a_restart_changes_nothing() {
    for (descriptor, count) in subjects() {
        for seed in 0..4 {
            let (whole, broken) =
                (story(descriptor, count, seed, false), story(descriptor, count, seed, true));
            assert_eq!(whole, broken, "{} on {count}, seed {seed}", descriptor.name);
            // Setups of `ict` are rare; its own tests restart it in the middle of them.
            let is_shown = whole.len() > 3 || descriptor.name == "ict";
            assert!(is_shown, "{} on {count} hardly spoke: the test proves little", descriptor.name);
        }
    }
}

/// A strategy is not told the future, so what it said cannot depend on it; what could leak is state shared between copies.
#[test]
fn two_of_a_kind_do_not_know_of_each_other() {
    for (descriptor, count) in subjects() {
        let given = quick(descriptor);
        let mut desks = [1, 2].map(|_| Desk::of(descriptor.name, &given, count));
        let mut worlds = [World::new(5), World::new(6)];
        let mut stories = [Vec::new(), Vec::new()];
        for moment in 0..600 {
            for i in 0..2 {
                let said = worlds[i].next(&mut desks[i]);
                said.iter().for_each(|intent| desks[i].follow(intent));
                if moment % 23 == 22 {
                    desks[i].positions[0].quantity = Quantity::ZERO;
                }
                if !said.is_empty() {
                    stories[i].push((moment, said));
                }
            }
        }
        let [first, second] = stories;
        assert_eq!(first, story(descriptor, count, 5, false), "{}", descriptor.name);
        assert_eq!(second, story(descriptor, count, 6, false), "{}", descriptor.name);
    }
}

/// Saved bytes that were cut off are refused, wherever.
#[test]
fn half_a_state_is_refused() {
    for (descriptor, count) in subjects() {
        let given = quick(descriptor);
        let mut desk = Desk::of(descriptor.name, &given, count);
        let mut world = World::new(9);
        for _ in 0..80 {
            world.next(&mut desk);
        }
        let mut state = strategy::StateWriter::default();
        desk.strategy.save(&mut state);
        let bytes = state.into_bytes();
        for cut in (0..bytes.len()).step_by(8) {
            let mut fresh = Desk::of(descriptor.name, &given, count).strategy;
            let refused = fresh.load(&mut strategy::StateReader::new(&bytes[..cut]));
            assert!(refused.is_err(), "{} was read from {cut} of {} bytes", descriptor.name, bytes.len());
        }
    }
}

/// With `long_only` nobody is ever short.
#[test]
fn long_only_is_never_short() {
    for (descriptor, count) in subjects() {
        if !descriptor.parameters.iter().any(|p| p.name == "long_only") {
            continue;
        }
        let given = [&quick(descriptor)[..], &[("long_only", "true")]].concat();
        let mut desk = Desk::of(descriptor.name, &given, count);
        let mut world = World::new(3);
        let mut longs = 0;
        for _ in 0..600 {
            for intent in world.next(&mut desk) {
                desk.follow(&intent);
                if let Intent::Signal(signal) = intent {
                    assert_ne!(signal.direction, model::Direction::Short, "{}", descriptor.name);
                    longs += u32::from(signal.direction == model::Direction::Long);
                }
            }
        }
        assert!(longs > 0 || descriptor.name == "grid", "{} never held anything", descriptor.name);
    }
}

/// The names of gates and tags are told to people: none is empty, none twice.
#[test]
fn gates_are_named_once() {
    for (descriptor, count) in subjects() {
        let desk = Desk::of(descriptor.name, &[], count);
        let mut gates = desk.strategy.gates();
        assert!(!gates.is_empty() && gates.iter().all(|g| !g.is_empty()), "{}", descriptor.name);
        let known = gates.len();
        gates.sort();
        gates.dedup();
        assert_eq!(gates.len(), known, "{}", descriptor.name);
    }
}
