//! Each element on bars that were made for it.

use indicators::Ohlcv;
use indicators::calendar::{Anchor, Every, Zone};
use indicators::structure::{
    Bias, BlockState, Blocks, Break, BreakKind, Candle, Crossing, DealingRange, Displacements, Edge, Fate,
    GapState, Gaps, Impulses, KillZone, KillZones, Origin, Pivot, Pools, Previous, RangeRule, RangeZone,
    Sessions, Watch, ZoneClock, ZoneSet,
};
use units::{Span, Timestamp};

fn bar(open: f64, high: f64, low: f64, close: f64) -> Ohlcv {
    Ohlcv { open, high, low, close, ..Ohlcv::default() }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

/// The states that a bullish gap from 11 to 13 goes through, each with the bar at which it was known.
fn states(after: &[Ohlcv]) -> Vec<(usize, GapState)> {
    let mut gaps = Gaps::new(4, None).expect("in range");
    let mut seen = Vec::new();
    let first = [bar(10.0, 11.0, 9.0, 10.5), bar(10.5, 14.0, 10.5, 13.5), bar(13.5, 15.0, 13.0, 14.5)];
    for (number, bar) in first.iter().chain(after).enumerate() {
        gaps.update(number, bar, |change| {
            if (change.gap.bottom, change.gap.top) == (11.0, 13.0) {
                assert_eq!((change.gap.bar, change.gap.known_at, change.known_at), (1, 2, number));
                seen.push((number, change.gap.state));
            }
        });
    }
    seen
}

#[test]
fn a_gap_is_touched_halved_filled_inverted_and_spent() {
    use GapState::{Filled, Half, Inverted, Open, Spent, Touched};
    let down = [
        bar(14.5, 14.6, 13.1, 14.0),
        bar(14.0, 14.0, 13.0, 13.5),
        bar(13.5, 13.5, 12.0, 12.5),
        bar(12.5, 12.5, 11.0, 11.5),
        bar(11.5, 11.5, 10.0, 10.5),
        bar(10.5, 13.0, 10.5, 13.0),
        bar(13.0, 13.5, 13.0, 13.4),
    ];
    assert_eq!(states(&down), [(2, Open), (4, Touched), (5, Half), (6, Filled), (7, Inverted), (9, Spent)]);
    assert_eq!(
        states(&[bar(14.5, 14.5, 9.0, 12.0)]),
        [(2, Open), (3, Filled)],
        "in one bar, the furthest is told"
    );
    assert_eq!(states(&[bar(14.5, 14.5, 9.0, 10.0)]), [(2, Open), (3, Inverted)]);
}

#[test]
fn a_threshold_leaves_small_gaps_out() {
    let formed = |threshold| {
        let mut gaps = Gaps::new(4, threshold).expect("in range");
        let mut count = 0;
        let bars = [bar(10.0, 11.0, 9.0, 10.5), bar(10.5, 12.0, 10.5, 11.5), bar(11.5, 12.5, 11.2, 12.0)];
        bars.iter().enumerate().for_each(|(number, bar)| gaps.update(number, bar, |_| count += 1));
        count
    };
    assert_eq!([formed(None), formed(Some(1.0)), formed(Some(2.0))], [1, 1, 0]);
}

fn broke(kind: BreakKind, known_at: usize) -> Option<(Break, Origin)> {
    let candle = Candle { high: 12.0, low: 10.0, bar: 3, is_wild: false };
    let broke = Break { kind, bias: Bias::Bullish, level: 15.0, bar: 1, known_at };
    Some((broke, Origin { extreme: candle, block: candle }))
}

/// What becomes of a bullish block from 10 to 12.
fn fates(kind: BreakKind, crossing: Crossing, is_swept: bool, after: &[Ohlcv]) -> Vec<BlockState> {
    let mut blocks = Blocks::new(5, crossing).expect("in range");
    let mut seen = Vec::new();
    blocks.update(5, &bar(15.0, 16.0, 14.0, 16.0), broke(kind, 5), |change| seen.push(change.block.state));
    if is_swept {
        blocks.swept(Edge::High);
    }
    for (number, bar) in (6..).zip(after) {
        blocks.update(number, bar, None, |change| {
            assert_eq!((change.block.bar, change.block.known_at, change.known_at), (3, 5, number));
            seen.push(change.block.state);
        });
    }
    seen
}

#[test]
fn blocks_flip_to_breakers_or_mitigation_blocks() {
    use BlockState::{Breaker, Mitigated, MitigationBlock, Order, Spent};
    let through = [bar(16.0, 16.0, 9.5, 11.0), bar(11.0, 11.0, 9.0, 9.5), bar(9.5, 12.5, 9.5, 12.1)];
    assert_eq!(fates(BreakKind::Bos, Crossing::Close, false, &through), [Order, Breaker, Spent]);
    assert_eq!(fates(BreakKind::Choch, Crossing::Close, false, &through), [Order, MitigationBlock, Spent]);
    assert_eq!(fates(BreakKind::Choch, Crossing::Close, true, &through), [Order, Breaker, Spent]);
    assert_eq!(fates(BreakKind::Bos, Crossing::Wick, false, &through), [Order, Mitigated]);
    assert_eq!(fates(BreakKind::Bos, Crossing::Wick, false, &through[1..]), [Order, Breaker, Spent]);
}

/// How a level at 10 ends, and with which bar.
fn ends(edge: Edge, reclaim_bars: usize, bars: &[Ohlcv]) -> Option<(usize, Fate, f64)> {
    let mut watch = Watch::new(edge);
    watch.set(10.0, 0);
    let mut taken = bars.iter().enumerate().filter_map(|(i, bar)| {
        let (fate, extreme) = watch.update(bar, reclaim_bars)?;
        Some((i, fate, extreme))
    });
    let first = taken.next();
    assert_eq!(taken.next(), None, "a level ends once");
    first
}

#[test]
fn a_level_is_swept_or_run() {
    let back = [bar(9.0, 10.0, 8.0, 9.5), bar(9.5, 11.0, 9.0, 9.5), bar(9.5, 12.0, 9.0, 9.5)];
    assert_eq!(ends(Edge::High, 0, &back), Some((1, Fate::Swept, 11.0)), "touching it is not enough");
    let beyond = [bar(9.0, 11.0, 9.0, 10.5), bar(10.5, 12.0, 10.0, 10.0), bar(10.0, 10.5, 9.0, 9.5)];
    assert_eq!(ends(Edge::High, 0, &beyond), Some((0, Fate::Run, 11.0)));
    assert_eq!(ends(Edge::High, 1, &beyond), Some((1, Fate::Run, 12.0)), "at the level is not back");
    assert_eq!(ends(Edge::High, 2, &beyond), Some((2, Fate::Swept, 12.0)));
    let below = [bar(11.0, 11.0, 9.0, 10.5)];
    assert_eq!(ends(Edge::Low, 0, &below), Some((0, Fate::Swept, 9.0)));
}

#[test]
fn two_highs_at_one_price_are_a_pool_until_it_is_taken() {
    let mut pools = Pools::new(1, Edge::High, 0.1, 4, 0).expect("in range");
    let (mut formed, mut taken) = (Vec::new(), Vec::new());
    // Highs at 20, 19.95 and 20: within a tenth of an average range of 10.
    let highs = [15.0, 20.0, 16.0, 14.0, 17.0, 19.95, 16.0, 13.0, 18.0, 20.0, 16.0, 21.0];
    for (number, high) in highs.into_iter().enumerate() {
        let bar = bar(high - 1.0, high, high - 2.0, high - 1.5);
        let pool =
            pools.update(number, &bar, Some(10.0), |it| taken.push((it.known_at, it.fate, it.level, it.bar)));
        let pool = pool.filter(|it| it.edge == Edge::High);
        formed.extend(pool.map(|it| (number, it.members, it.level, it.first_bar, it.bar)));
    }
    assert_eq!(formed, [(6, 2, 20.0, 1, 5), (10, 3, 20.0, 1, 9)]);
    taken.retain(|it| it.2 == 20.0);
    assert_eq!(taken, [(11, Fate::Swept, 20.0, 9)]);
    assert_eq!(pools.followed(Edge::High).count(), 0);
}

#[test]
fn a_displacement_is_known_with_its_gap() {
    let mut displacements = Displacements::new(1, 0.5, 0.6).expect("in range");
    let mut found = Vec::new();
    let bars = [
        bar(10.0, 11.0, 9.0, 10.0),
        bar(10.0, 15.0, 10.0, 14.5),
        bar(14.5, 16.0, 12.0, 15.0),
        bar(15.0, 20.0, 14.0, 19.0),
        bar(19.0, 20.0, 15.0, 16.0),
    ];
    for (number, bar) in bars.iter().enumerate() {
        found.extend(displacements.update(number, bar).map(|it| (it.bar, it.known_at, it.bias)));
    }
    // The second large bar leaves no gap: the bar after it comes back to 15, the one before reached 16.
    assert_eq!(found, [(1, 2, Bias::Bullish)]);
}

#[test]
fn an_entry_zone_follows_its_impulse() {
    let mut impulses = Impulses::new();
    impulses.update(5, &bar(15.0, 20.0, 14.0, 19.0), broke(BreakKind::Choch, 5), None);
    let ote = impulses.current().expect("an impulse").ote();
    let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
    assert!(
        near(ote.top, 20.0 - 6.2) && near(ote.bottom, 20.0 - 7.9) && near(ote.sweet, 20.0 - 7.05),
        "{ote:?}"
    );
    assert!(near(ote.targets[1], 22.7) && near(ote.targets[2], 26.2) && ote.stop == 10.0);
    impulses.update(6, &bar(19.0, 30.0, 18.0, 29.0), None, None);
    let impulse = impulses.current().expect("an impulse");
    assert_eq!((impulse.end, impulse.end_bar, impulse.is_displaced), (30.0, 6, false));
    impulses.update(7, &bar(29.0, 29.0, 9.9, 12.0), None, None);
    assert_eq!(impulses.current(), None, "its start gave way");
}

#[test]
fn a_dealing_range_has_a_premium_and_a_discount() {
    let pivot = |edge, price| Some(Pivot { edge, price, bar: 0, known_at: 1 });
    for (rule, want) in [(RangeRule::Pivots, [10.0, 20.0]), (RangeRule::Trailing, [10.0, 26.0])] {
        let mut range = DealingRange::new(rule);
        range.update(12.0, 11.0, pivot(Edge::Low, 10.0));
        assert_eq!(range.bounds(), None);
        range.update(19.0, 18.0, pivot(Edge::High, 20.0));
        assert_eq!((range.equilibrium(), range.position(17.5)), (Some(15.0), Some(0.75)));
        for (price, zone) in [
            (9.0, Some(RangeZone::Discount)),
            (10.5, Some(RangeZone::Discount)),
            (10.6, None),
            (14.75, Some(RangeZone::Equilibrium)),
            (15.25, Some(RangeZone::Equilibrium)),
            (15.3, None),
            (19.4, None),
            (19.5, Some(RangeZone::Premium)),
            (21.0, Some(RangeZone::Premium)),
        ] {
            assert_eq!(range.zone(price), zone, "{price}");
        }
        range.update(26.0, 19.0, None);
        assert_eq!(range.bounds(), Some(want));
        range.update(32.0, 31.0, pivot(Edge::Low, 30.0));
        let above = (rule == RangeRule::Trailing).then_some([30.0, 32.0]);
        assert_eq!(range.bounds(), above, "a low above the high is no range");
    }
}

#[test]
fn the_day_before_is_known_with_the_first_bar_of_the_day() {
    let mut day = Previous::new(Anchor::new(Zone::NewYork, Every::Day, 0).expect("a minute of the day"));
    let mut tell = |number: usize, text: &str, high: f64| {
        let is_new = day.update(number, at(text), high, high - 1.0);
        (is_new, day.last().map(|it| (it.high, it.low, it.high_bar, it.low_bar)))
    };
    assert_eq!(tell(0, "2025-03-08T12:00:00Z", 90.0), (true, None), "joined late");
    // Midnight in New York is 05:00 before the clocks change and 04:00 after.
    assert_eq!(tell(1, "2025-03-09T05:00:00Z", 10.0), (true, None));
    assert_eq!(tell(2, "2025-03-09T20:00:00Z", 12.0), (false, None));
    assert_eq!(tell(3, "2025-03-10T03:59:00Z", 11.0), (false, None));
    assert_eq!(tell(4, "2025-03-10T04:00:00Z", 50.0), (true, Some((12.0, 9.0, 2, 1))));
    assert_eq!(
        tell(5, "2025-03-13T12:00:00Z", 60.0),
        (true, Some((50.0, 49.0, 4, 4))),
        "days without bars are passed over"
    );
}

#[test]
fn the_session_before_is_the_last_that_ended_whole() {
    let mut zones = KillZones::new(ZoneClock::NewYork);
    let mut sessions = Sessions::new(ZoneSet::of(&[KillZone::Asia, KillZone::London, KillZone::NyAm]));
    let mut tell = |number: usize, text: &str, high: f64| {
        zones.at(at(text));
        let is_new = sessions.update(number, at(text), high, high - 1.0, &zones);
        (is_new, sessions.last().map(|it| (it.high, it.low)))
    };
    assert_eq!(tell(0, "2024-01-09T02:00:00Z", 99.0), (false, None));
    assert_eq!(tell(1, "2024-01-09T05:00:00Z", 50.0), (false, None), "Asia was joined late");
    assert_eq!(tell(2, "2024-01-09T07:00:00Z", 10.0), (false, None), "London begins at 02:00");
    assert_eq!(tell(3, "2024-01-09T09:59:00Z", 13.0), (false, None));
    assert_eq!(tell(4, "2024-01-09T10:00:00Z", 70.0), (true, Some((13.0, 9.0))), "and ends before 05:00");
    assert_eq!(tell(5, "2024-01-10T08:00:00Z", 20.0), (false, Some((13.0, 9.0))));
    assert_eq!(
        tell(6, "2024-01-11T08:00:00Z", 30.0),
        (true, Some((20.0, 19.0))),
        "the same zone of another day is another"
    );
}

/// The zones at a moment, as words.
fn zones(clock: ZoneClock, text: &str) -> String {
    let names: Vec<&str> = KillZones::new(clock).at(at(text)).iter().map(KillZone::name).collect();
    names.join(" ")
}

#[test]
fn zones_follow_the_clock_in_new_york() {
    let new_york = |text| zones(ZoneClock::NewYork, text);
    // Winter: five hours behind; summer: four.
    assert_eq!(new_york("2025-01-15T12:00:00Z"), "ny_am");
    assert_eq!(new_york("2025-07-15T11:00:00Z"), "ny_am");
    assert_eq!(new_york("2025-07-15T14:00:00Z"), "london_close silver_bullet");
    assert_eq!(new_york("2025-07-15T15:00:00Z"), "london_close");
    assert_eq!(new_york("2025-07-15T16:00:00Z"), "", "half-open");
    assert_eq!(new_york("2025-07-15T18:30:00Z"), "silver_bullet");
    assert_eq!(new_york("2025-01-15T01:00:00Z"), "asia");
    assert_eq!(new_york("2025-01-15T04:59:59Z"), "asia");
    assert_eq!(new_york("2025-01-15T05:00:00Z"), "");
    // 2025-03-09: two o'clock does not exist; London begins with three, the first hour of the silver bullet.
    assert_eq!(new_york("2025-03-09T06:59:59Z"), "");
    assert_eq!(new_york("2025-03-09T07:00:00Z"), "london silver_bullet");
    assert_eq!(new_york("2025-03-09T08:59:59Z"), "london");
    assert_eq!(new_york("2025-03-09T09:00:00Z"), "");
    // 2025-11-02: one o'clock happens twice, two begins an hour later in UTC than the day before.
    assert_eq!(new_york("2025-11-01T06:00:00Z"), "london");
    assert_eq!(new_york("2025-11-02T06:30:00Z"), "");
    assert_eq!(new_york("2025-11-02T07:00:00Z"), "london");
    assert_eq!(new_york("2025-11-02T09:59:59Z"), "london");
    assert_eq!(new_york("2025-11-02T10:00:00Z"), "");
}

#[test]
fn zones_of_utc_are_fixed_and_windows_have_ends() {
    for date in ["2025-01-15", "2025-07-15"] {
        let hour = |hour: &str| zones(ZoneClock::FixedUtc, &format!("{date}T{hour}:00:00Z"));
        assert_eq!(
            ["00", "04", "06", "09", "11", "14", "16"].map(hour),
            ["asia", "", "london", "", "ny_am", "london_close", ""]
        );
    }
    let zones = KillZones::new(ZoneClock::NewYork);
    let window = |text| zones.window(KillZone::London, at(text)).map(|[a, b]| format!("{a} {b}"));
    assert_eq!(window("2025-01-15T08:30:00Z"), Some("2025-01-15T07:00:00Z 2025-01-15T10:00:00Z".to_owned()));
    assert_eq!(window("2025-03-09T07:30:00Z"), Some("2025-03-09T07:00:00Z 2025-03-09T09:00:00Z".to_owned()));
    assert_eq!(window("2025-03-09T06:30:00Z"), None);
}

/// Hour by hour through both days on which the clocks change: as many hours of each zone as the clock shows.
#[test]
fn days_of_23_and_25_hours_have_their_zones() {
    let hours = |start: &str, zone: KillZone| {
        let mut zones = KillZones::new(ZoneClock::NewYork);
        let moments = (0..36).map(|hour| at(start) + Span::from_seconds(3600 * hour));
        moments.filter(|moment| zones.at(*moment).contains(zone)).count()
    };
    assert_eq!(
        [KillZone::London, KillZone::NyAm, KillZone::Asia].map(|it| hours("2025-03-09T05:00:00Z", it)),
        [2 + 3, 3 + 3, 4]
    );
    assert_eq!(
        [KillZone::London, KillZone::NyAm, KillZone::Asia].map(|it| hours("2025-11-02T04:00:00Z", it)),
        [3 + 3, 3 + 3, 4]
    );
}
