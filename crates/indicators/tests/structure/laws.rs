//! Laws that hold for any bars: nothing is rewritten, scale and reflection, duplicates, restarts, bounded memory.

use indicators::structure::{
    Bias, BlockChange, Break, Displacement, Edge, Event, GapChange, Level, Liquidity, MarketStructure, Pivot,
    Pool, Predicate, Rounds, Settings, Taken,
};
use indicators::{Ohlcv, Persist};
use proptest::prelude::*;
use units::{Span, Timestamp};

/// Small settings, so that short series meet every rule.
fn settings() -> Settings {
    Settings {
        size: 2,
        pool_size: 1,
        pool_width: 0.5,
        atr_bars: 5,
        displacement_atr_bars: 3,
        round_digits: 3,
        ..Settings::default()
    }
}

fn machine(settings: Settings) -> MarketStructure {
    MarketStructure::new(settings).expect("in range")
}

/// Bars of a walk in small whole numbers, a quarter of an hour to a day and a half apart.
fn market(len: usize) -> impl Strategy<Value = Vec<Ohlcv>> {
    let bar = (-6i32..=6, 0i32..4, 0i32..4, prop_oneof![9 => Just(1i64), 1 => 2i64..150]);
    (0i64..40_000, prop::collection::vec(bar, 0..len)).prop_map(|(start, bars)| {
        let mut opened = Timestamp::parse("2024-01-01").expect("a date") + Span::from_seconds(900 * start);
        let mut price = 1000;
        let each = |(body, above, below, quarters): (i32, i32, i32, i64)| {
            let (open, close) = (price, price + body);
            price = close;
            opened = opened + Span::from_seconds(900 * quarters);
            let [open, high, low, close] =
                [open, open.max(close) + above, open.min(close) - below, close].map(f64::from);
            Ohlcv { opened, open, high, low, close, volume: 1.0 }
        };
        bars.into_iter().map(each).collect()
    })
}

fn run(settings: Settings, bars: &[Ohlcv]) -> (MarketStructure, Vec<Event>) {
    let mut structure = machine(settings);
    let events = bars.iter().flat_map(|bar| structure.update(bar).to_vec()).collect();
    (structure, events)
}

/// Everything that can be asked.
fn answers(structure: &MarketStructure) -> (Vec<bool>, Vec<Option<f64>>) {
    let plain = Predicate::names().filter_map(Predicate::named);
    let families = Predicate::families();
    let more = families.flat_map(|(name, all)| all.into_iter().filter_map(move |it| Predicate::of(name, it)));
    let holds = plain.chain(more).map(|predicate| structure.holds(predicate)).collect();
    (holds, Level::ALL.map(|level| structure.level(level)).to_vec())
}

fn saved(structure: &MarketStructure) -> Vec<f64> {
    let mut numbers = Vec::new();
    structure.save(&mut |x| numbers.push(x));
    numbers
}

/// Prices through a function that turns the market over where `flips`.
fn mapped(bars: &[Ohlcv], flips: bool, price: impl Fn(f64) -> f64) -> Vec<Ohlcv> {
    let map = |bar: &Ohlcv| {
        let (high, low) = if flips { (bar.low, bar.high) } else { (bar.high, bar.low) };
        Ohlcv { open: price(bar.open), high: price(high), low: price(low), close: price(bar.close), ..*bar }
    };
    bars.iter().map(map).collect()
}

fn turned(liquidity: Liquidity) -> Liquidity {
    match liquidity {
        Liquidity::PreviousDayHigh => Liquidity::PreviousDayLow,
        Liquidity::PreviousDayLow => Liquidity::PreviousDayHigh,
        Liquidity::PreviousWeekHigh => Liquidity::PreviousWeekLow,
        Liquidity::PreviousWeekLow => Liquidity::PreviousWeekHigh,
        Liquidity::SessionHigh => Liquidity::SessionLow,
        Liquidity::SessionLow => Liquidity::SessionHigh,
        Liquidity::EqualHighs => Liquidity::EqualLows,
        Liquidity::EqualLows => Liquidity::EqualHighs,
        Liquidity::RoundHigh => Liquidity::RoundLow,
        Liquidity::RoundLow => Liquidity::RoundHigh,
    }
}

/// An event in words that do not tell prices by more than what is compared: prices through `price`, sides turned by `flips`.
fn told(event: &Event, flips: bool, price: impl Fn(f64) -> f64) -> String {
    let bias = |bias: Bias| if flips { bias.opposite() } else { bias };
    let edge = |edge: Edge| if flips { edge.opposite() } else { edge };
    let zone = |top: f64, bottom: f64| {
        let (a, b) = (price(top), price(bottom));
        format!("{} {}", a.max(b), a.min(b))
    };
    let (bar, known) = (event.bar(), event.known_at());
    let what = match *event {
        Event::Pivot(Pivot { edge: side, price: x, .. }) => format!("pivot {:?} {}", edge(side), price(x)),
        Event::Break(Break { kind, bias: way, level, .. }) => {
            format!("{kind:?} {:?} {}", bias(way), price(level))
        }
        Event::Gap(GapChange { gap, .. }) => {
            format!("gap {:?} {:?} {}", bias(gap.bias), gap.state, zone(gap.top, gap.bottom))
        }
        Event::Displacement(Displacement { bias: way, .. }) => format!("displacement {:?}", bias(way)),
        Event::Block(BlockChange { block, .. }) => {
            let (top, bottom) = (block.top, block.bottom);
            format!(
                "block {:?} {:?} {} {}",
                bias(block.bias),
                block.state,
                block.took_liquidity,
                zone(top, bottom)
            )
        }
        Event::Pool(Pool { edge: side, level, members, .. }) => {
            format!("pool {:?} {members} {}", edge(side), price(level))
        }
        Event::Taken(Taken { liquidity, fate, level, extreme, .. }) => {
            let kind = if flips { turned(liquidity) } else { liquidity };
            format!("{fate:?} {} {} {}", kind.name(), price(level), price(extreme))
        }
    };
    format!("{known} {bar} {what}")
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

proptest! {
    /// Zero repaints: what was told for the first bars is what is told for all bars up to there; every event is told at the
    /// bar it says, refers to none after it, and nothing that was known is told again as something else.
    #[test]
    fn nothing_is_rewritten(bars in market(160), cut in 0usize..160) {
        let cut = cut.min(bars.len());
        let (_, whole) = run(settings(), &bars);
        let (before, prefix) = run(settings(), &bars[..cut]);
        let known: Vec<Event> = whole.iter().filter(|event| event.known_at() < cut).copied().collect();
        prop_assert_eq!(&prefix, &known);
        let mut structure = before;
        for (last, bar) in bars.iter().enumerate().skip(cut) {
            for event in structure.update(bar) {
                prop_assert_eq!(event.known_at(), last);
                prop_assert!(event.bar() <= last);
            }
        }
        // The state that queries show is the sum of the events: each gap that is followed is as its last event said.
        for gap in structure.gaps() {
            let said = whole.iter().rev().find_map(|event| match event {
                Event::Gap(it) if (it.gap.bar, it.gap.bias) == (gap.bar, gap.bias) => Some(it.gap),
                _ => None,
            });
            prop_assert_eq!(said, Some(*gap));
        }
    }

    /// Gap states only go forward, and each is told once.
    #[test]
    fn gaps_only_go_forward(bars in market(200)) {
        let (_, events) = run(settings(), &bars);
        let mut seen: Vec<(usize, Bias, indicators::structure::GapState)> = Vec::new();
        for event in &events {
            if let Event::Gap(it) = event {
                let before = seen.iter().rev().find(|(bar, bias, _)| (*bar, *bias) == (it.gap.bar, it.gap.bias));
                prop_assert!(before.is_none_or(|(_, _, state)| *state < it.gap.state));
                seen.push((it.gap.bar, it.gap.bias, it.gap.state));
            }
        }
    }

    /// Prices times a power of two: the same decisions, the same prices times that. What is a round number is another matter.
    #[test]
    fn scale_changes_nothing(bars in market(160), power in -8i32..8) {
        let factor = if power < 0 { 1.0 / f64::from(1 << -power) } else { f64::from(1 << power) };
        let settings = Settings { gap_threshold: Some(1.0), round_digits: 0, ..settings() };
        let (one, events) = run(settings, &bars);
        let (other, scaled) = run(settings, &mapped(&bars, false, |x| x * factor));
        let want: Vec<String> = events.iter().map(|it| told(it, false, |x| x * factor)).collect();
        let got: Vec<String> = scaled.iter().map(|it| told(it, false, |x| x)).collect();
        prop_assert_eq!(got, want);
        let ((holds, levels), (other_holds, other_levels)) = (answers(&one), answers(&other));
        prop_assert_eq!(holds, other_holds);
        let levels: Vec<_> = levels.into_iter().map(|level| level.map(|x| x * factor)).collect();
        prop_assert_eq!(levels, other_levels);
    }

    /// Round numbers stay round when the decimal point moves.
    #[test]
    fn the_decimal_point_changes_no_round_number(bars in market(160), power in 0i32..4, reclaim_bars in 0usize..4) {
        let factor = 10f64.powi(power);
        let of = |bars: &[Ohlcv], scale: f64| {
            let mut rounds = Rounds::new(3).expect("in range");
            let mut told = Vec::new();
            for (number, bar) in bars.iter().enumerate() {
                rounds.update(number, bar, reclaim_bars, |it| {
                    told.push((it.liquidity, it.fate, it.level * scale, it.extreme * scale, it.bar, it.known_at));
                });
            }
            told
        };
        // Whole numbers: every product is exact.
        prop_assert_eq!(of(&mapped(&bars, false, |x| x * factor), 1.0), of(&bars, factor));
    }

    /// Prices negated, ties decided the other way: bullish becomes bearish and highs become lows.
    #[test]
    fn the_market_upside_down_is_mirrored(bars in market(160), reclaim_bars in 0usize..4) {
        let upright = Settings { gap_threshold: Some(1.0), reclaim_bars, ..settings() };
        let (_, events) = run(upright, &bars);
        let (_, mirrored) = run(Settings { tie: Edge::Low, ..upright }, &mapped(&bars, true, |x| -x));
        let want = sorted(events.iter().map(|it| told(it, true, |x| -x)).collect());
        let got = sorted(mirrored.iter().map(|it| told(it, false, |x| x)).collect());
        prop_assert_eq!(got, want);
    }

    /// A bar that is told again, or one from before it, changes nothing, whatever it says.
    #[test]
    fn duplicates_change_nothing(bars in market(100), at in 0usize..100, back in 0usize..5) {
        let (whole, events) = run(settings(), &bars);
        let mut structure = machine(settings());
        let mut told = Vec::new();
        for (i, bar) in bars.iter().enumerate() {
            told.extend_from_slice(structure.update(bar));
            if i == at {
                let again = Ohlcv { opened: bars[i.saturating_sub(back)].opened, high: bar.high + 9.0, ..*bar };
                let before = (saved(&structure), answers(&structure));
                prop_assert_eq!(structure.update(&again), &[]);
                prop_assert_eq!((saved(&structure), answers(&structure)), before);
            }
        }
        prop_assert_eq!(told, events);
        prop_assert_eq!(saved(&structure), saved(&whole));
    }

    /// Bars that are none change nothing.
    #[test]
    fn hostile_bars_change_nothing(bars in market(60), bad in 0usize..6) {
        let (mut structure, _) = run(settings(), &bars);
        let before = saved(&structure);
        let good = Ohlcv { opened: Timestamp::MAX, open: 5.0, high: 6.0, low: 4.0, close: 5.0, volume: 1.0 };
        let bad = match bad {
            0 => Ohlcv { open: f64::NAN, ..good },
            1 => Ohlcv { high: f64::INFINITY, ..good },
            2 => Ohlcv { low: f64::NEG_INFINITY, ..good },
            3 => Ohlcv { close: 7.0, ..good },
            4 => Ohlcv { low: 6.0, high: 4.0, ..good },
            _ => Ohlcv { high: 1e200, ..good },
        };
        prop_assert_eq!(structure.update(&bad), &[]);
        prop_assert_eq!(saved(&structure), before);
    }

    /// A structure that was saved and read back goes on identically; one cut short is refused.
    #[test]
    fn restarts_change_nothing(bars in market(120), cut in 0usize..120) {
        let cut = cut.min(bars.len());
        let (mut structure, _) = run(settings(), &bars[..cut]);
        let numbers = saved(&structure);
        let mut rest = numbers.iter().copied();
        let mut restored = machine(settings());
        prop_assert!(restored.load(&mut || rest.next()).is_some() && rest.next().is_none());
        prop_assert_eq!(answers(&restored), answers(&structure));
        for bar in &bars[cut..] {
            prop_assert_eq!(structure.update(bar), restored.update(bar));
        }
        prop_assert_eq!(saved(&restored), saved(&structure));
        let mut short = numbers.iter().copied().take(numbers.len() - 1);
        prop_assert!(machine(settings()).load(&mut || short.next()).is_none());
    }
}

/// Everything that is kept is capped: the state has a largest size, reached early and never passed.
#[test]
fn memory_is_bounded() {
    let settings = settings();
    let mut structure = machine(settings);
    let mut x: u64 = 1;
    let mut next = |range: u64| {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((x >> 33) % range) as f64
    };
    let mut price = 10_000.0;
    let (mut largest, mut largest_late) = (0, 0);
    for i in 0..60_000i64 {
        let open = price;
        price += next(41) - 20.0;
        let bar = Ohlcv {
            opened: Timestamp::EPOCH + Span::from_seconds(900 * i),
            open,
            high: open.max(price) + next(9),
            low: open.min(price) - next(9),
            close: price,
            volume: 1.0,
        };
        structure.update(&bar);
        assert!(structure.gaps().count() <= settings.gaps && structure.events().len() <= 400);
        assert!(
            structure.order_blocks().len() <= settings.blocks
                && structure.breakers().len() <= settings.blocks
        );
        assert!(Edge::BOTH.iter().all(|edge| structure.pools(*edge).count() <= settings.pools));
        if i % 50 == 0 {
            let size = saved(&structure).len();
            if i < 30_000 { largest = largest.max(size) } else { largest_late = largest_late.max(size) }
        }
    }
    let full = settings.gaps * 6 + settings.blocks * 14 + settings.pools * 2 * 15 + 400;
    assert!(largest <= full && largest_late <= full, "{largest} and {largest_late} numbers, {full} allowed");
}

#[test]
fn settings_out_of_range_are_refused() {
    let refused = |change: fn(&mut Settings)| {
        let mut settings = Settings::default();
        change(&mut settings);
        MarketStructure::new(settings).map(|_| ()).map_err(|e| e.to_string())
    };
    let check = |change: fn(&mut Settings), want: &str| assert_eq!(refused(change), Err(want.to_owned()));
    check(|s| s.size = 0, "legs: size is 0, allowed are 1 to 500");
    check(|s| s.gaps = 257, "gaps: keep is 257, allowed are 1 to 256");
    check(|s| s.gap_threshold = Some(f64::NAN), "gaps: threshold is NaN, allowed are 0 to 1000");
    check(|s| s.blocks = 0, "blocks: keep is 0, allowed are 1 to 256");
    check(|s| s.wild_range = -1.0, "structure: wild_range is -1, allowed are 0 to 1000");
    check(|s| s.atr_bars = 0, "ATR: period is 0 bars, allowed are 1 to 100000");
    check(|s| s.pools = 65, "pools: keep is 65, allowed are 1 to 64");
    check(|s| s.pool_width = 11.0, "pools: width is 11, allowed are 0 to 10");
    check(|s| s.reclaim_bars = 4, "pools: reclaim_bars is 4, allowed are 0 to 3");
    check(|s| s.displacement_body = 1.1, "displacement: share is 1.1, allowed are 0 to 1");
    assert_eq!(refused(|_| ()), Ok(()));
}
