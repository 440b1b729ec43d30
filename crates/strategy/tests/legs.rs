//! What the strategies that hold two instruments against each other say: pairs, and carry with and without its hedge.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use model::InstrumentIx;
use support::Desk;
use units::Quantity;

/// Both candles of a moment, at one price each; what was said, without how large the legs are.
fn moment(desk: &mut Desk, first: i64, second: i64) -> Vec<String> {
    let mut said = desk.candle(0, [first; 4]);
    said.extend(desk.candle(1, [second; 4]));
    let words = said.iter().map(|intent| desk.words(intent));
    words.map(|w| w.split(' ').take(3).collect::<Vec<_>>().join(" ")).collect()
}

fn hold(desk: &mut Desk, steps: [i64; 2]) {
    for (position, steps) in desk.positions.iter_mut().zip(steps) {
        position.quantity = Quantity::new(steps);
    }
}

const PAIRS: [(&str, &str); 3] = [("lookback", "20"), ("significance", "off"), ("stop", "8")];

/// The second instrument goes up and down; the first is worth twice as much, give or take.
fn pair(i: i64, off: i64) -> (i64, i64) {
    let second = 10_000 + 40 * (i % 5);
    (2 * second + if i % 2 == 0 { 10 } else { -10 } + off, second)
}

fn warm(given: &[(&str, &str)]) -> Desk {
    let mut desk = Desk::of("pairs", given, 2);
    for i in 0..20 {
        let (first, second) = pair(i, 0);
        assert_eq!(moment(&mut desk, first, second), [""; 0], "{}", desk.gate());
    }
    desk
}

#[test]
fn a_pair_is_bought_narrow_and_closed_when_it_is_back() {
    let mut desk = warm(&PAIRS);
    assert_eq!(desk.plan(), "stop 8atr; atr 14");
    assert!(desk.gate().starts_with("spread beyond entry (score, entry): "), "{}", desk.gate());
    let (first, second) = pair(20, -40);
    assert_eq!(desk.candle(0, [first; 4]), [], "one candle of the moment is not enough");
    assert_eq!(desk.gate(), "both candles of the moment: - / -");
    let said: Vec<String> = desk.candle(1, [second; 4]).iter().map(|i| desk.words(i)).collect();
    assert!(said[0].starts_with("AAAUSDT long spread_narrow"), "{said:?}");
    assert!(said[1].starts_with("BBBUSDT short spread_narrow"), "{said:?}");
    hold(&mut desk, [1_000, -2_000]);
    let (first, second) = pair(22, -40);
    assert_eq!(moment(&mut desk, first, second), [""; 0]);
    assert!(desk.gate().starts_with("held until the spread is back (score, exit): -"), "{}", desk.gate());
    let (first, second) = pair(23, 10);
    assert_eq!(moment(&mut desk, first, second), ["AAAUSDT flat spread_back", "BBBUSDT flat spread_back"]);
    hold(&mut desk, [0, 0]);
    let (first, second) = pair(24, 60);
    assert_eq!(moment(&mut desk, first, second), ["AAAUSDT short spread_wide", "BBBUSDT long spread_wide"]);
}

#[test]
fn one_leg_alone_is_not_kept() {
    let mut desk = warm(&PAIRS);
    let enter = |desk: &mut Desk, i| {
        let (first, second) = pair(i, -40);
        moment(desk, first, second)
    };
    assert_eq!(enter(&mut desk, 20).len(), 2);
    // The second was refused: the first is given up after its time, and nothing is opened before the spread was back.
    hold(&mut desk, [1_000, 0]);
    assert_eq!(enter(&mut desk, 22), [""; 0]);
    assert_eq!(enter(&mut desk, 24), ["AAAUSDT flat leg_lost", "BBBUSDT flat leg_lost"]);
    hold(&mut desk, [0, 0]);
    assert_eq!(enter(&mut desk, 26), [""; 0]);
    assert!(
        desk.gate().starts_with("spread back within exit after a loss (score, exit): -"),
        "{}",
        desk.gate()
    );
}

#[test]
fn a_spread_that_does_not_come_back_is_given_up() {
    let mut desk = warm(&PAIRS);
    let (first, second) = pair(20, -40);
    assert_eq!(moment(&mut desk, first, second).len(), 2);
    hold(&mut desk, [1_000, -2_000]);
    let (first, second) = pair(22, -400);
    assert_eq!(moment(&mut desk, first, second), ["AAAUSDT flat spread_lost", "BBBUSDT flat spread_lost"]);
    let mut short = warm(&[PAIRS[0], PAIRS[1], PAIRS[2], ("max_bars", "2")]);
    let (first, second) = pair(20, -40);
    assert_eq!(moment(&mut short, first, second).len(), 2);
    hold(&mut short, [1_000, -2_000]);
    assert_eq!(moment(&mut short, first, second), [""; 0]);
    assert_eq!(moment(&mut short, first, second), ["AAAUSDT flat too_long", "BBBUSDT flat too_long"]);
}

#[test]
fn a_pair_that_does_not_belong_together_is_left_alone() {
    let given = [("lookback", "20"), ("significance", "5"), ("stop", "50")];
    let mut desk = Desk::of("pairs", &given, 2);
    // The first runs away from the second: a straight line is as good as any, and what is left over does not come back.
    for i in 0..19 {
        moment(&mut desk, 20_000 + i * i * 20, 10_000 + 40 * i);
    }
    moment(&mut desk, 20_000 + 19 * 19 * 20 + 6_000, 10_000 + 40 * 19);
    let gate = desk.gate();
    assert!(
        gate.starts_with("cointegrated (Dickey-Fuller statistic, critical value): ")
            || gate.starts_with("hedge ratio within 0.1 and 10 (ratio, bound): "),
        "{gate}"
    );
}

#[test]
fn a_pair_is_two() {
    let error = |count| {
        let on: Vec<InstrumentIx> = (0..count).map(InstrumentIx).collect();
        strategy::build("pairs", [], &on).err().map(|e| e.to_string()).unwrap_or_default()
    };
    assert_eq!(error(2), "");
    for count in [1, 3] {
        assert!(
            error(count).contains(&format!("{count} instruments; a pair is exactly 2")),
            "{}",
            error(count)
        );
    }
}

/// Eight hours of candles around a price, and then funding.
fn eight_hours(desk: &mut Desk, rates: &[&str]) -> Vec<String> {
    let mut said = Vec::new();
    for _ in 0..8 {
        for ix in (0u32..).take(desk.instruments.len()) {
            said.extend(desk.candle(ix, [10_000; 4]));
        }
    }
    for (ix, rate) in (0u32..).zip(rates) {
        assert_eq!(desk.fund(ix, rate), [], "it decides on candles");
    }
    said.iter().map(|intent| desk.words(intent)).collect()
}

const CARRY: [(&str, &str); 2] = [("average", "2"), ("trend", "1")];

#[test]
fn carry_is_on_the_side_that_is_paid() {
    let mut desk = Desk::new("funding_carry", &CARRY);
    assert_eq!(desk.plan(), "stop 8atr; atr 14");
    for _ in 0..3 {
        assert_eq!(eight_hours(&mut desk, &["0.0003"]), [""; 0]);
    }
    // Three settlements are known: 0.03 % three times a day are 32.85 % a year.
    assert_eq!(eight_hours(&mut desk, &["0.00001"]), ["short longs_pay"]);
    // The mean of 0.001 % and 0.03 % still pays; 0.001 % twice are 1.1 % a year.
    assert_eq!(eight_hours(&mut desk, &["0.00001"]), [""; 0]);
    assert_eq!(desk.gate(), "held until the income fades (percent a year, exit): 16.97 / 2.00");
    assert_eq!(eight_hours(&mut desk, &["-0.0003"]), ["flat funding_faded"]);
    assert_eq!(eight_hours(&mut desk, &["0"]), ["long shorts_pay"]);
    let mut short_only = Desk::new("funding_carry", &[CARRY[0], CARRY[1], ("side", "short")]);
    for _ in 0..4 {
        eight_hours(&mut short_only, &["-0.0003"]);
    }
    assert_eq!(short_only.gate(), "side allowed: - / -");
}

#[test]
fn carry_is_hedged_by_the_second_instrument() {
    let mut desk = Desk::of("funding_carry", &CARRY, 2);
    for _ in 0..3 {
        assert_eq!(eight_hours(&mut desk, &["0.0003", "0.0003"]), [""; 0]);
    }
    // What the hedge pays eats what the first earns.
    assert_eq!(eight_hours(&mut desk, &["0.0003", "0"]), [""; 0]);
    assert_eq!(desk.gate(), "income beyond entry (percent a year, entry): 0.00 / 10.00");
    assert_eq!(
        eight_hours(&mut desk, &["0.0003", "0"]),
        [
            "AAAUSDT short longs_pay",
            "BBBUSDT long longs_pay",
            "AAAUSDT flat leg_lost",
            "BBBUSDT flat leg_lost"
        ],
        "nobody filled the legs"
    );
    let mut half = Desk::of("funding_carry", &[CARRY[0], CARRY[1], ("hedge_ratio", "0.5")], 2);
    for _ in 0..3 {
        eight_hours(&mut half, &["0.0003"]);
    }
    hold(&mut half, [-1_000, 500]);
    assert_eq!(
        eight_hours(&mut half, &["0.0003"]),
        ["AAAUSDT short longs_pay", "BBBUSDT long longs_pay 50 %"]
    );
}
