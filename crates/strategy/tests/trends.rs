//! What the strategies that follow trends say about candles that were made for it.

mod support;

use support::Desk;

const MACD: [(&str, &str); 4] = [("fast", "2"), ("slow", "4"), ("signal", "2"), ("trend", "6")];

#[test]
fn macd_trend_takes_crossings_on_the_side_of_the_average() {
    let mut desk = Desk::new("macd_trend", &MACD);
    assert_eq!(desk.plan(), "stop 3atr; atr 14");
    assert_eq!(desk.closes(&[100; 7]), [""; 0]);
    assert_eq!(desk.gate(), "MACD histogram crosses zero (last, now): 0.00 / 0.00");
    assert_eq!(
        desk.closes(&[101, 103, 106, 110, 111, 111]),
        ["7 long macd_crossed_up", "12 flat macd_crossed_back"]
    );
    // It falls, and the lines cross upwards while the close is still far below its average.
    assert_eq!(desk.closes(&[110, 105, 98, 90, 85, 84]), [""; 0]);
    assert_eq!(desk.gate(), "close on the side of the trend average (close, average): 84.00 / 92.63");
    // Without the filter both sides are traded, and a turn is one step.
    let mut both = Desk::new("macd_trend", &[("fast", "2"), ("slow", "4"), ("signal", "2"), ("trend", "1")]);
    both.closes(&[100; 7]);
    assert_eq!(
        both.closes(&[101, 103, 106, 110, 111, 111, 110, 105, 98, 90, 85, 84, 86]),
        ["7 long macd_crossed_up", "12 short macd_crossed_down", "18 long macd_crossed_up"]
    );
}

#[test]
fn donchian_breakout_leaves_the_channel_of_the_candles_before() {
    let given = [("entry", "3"), ("exit", "2")];
    let up = [10, 11, 10, 11, 12, 13, 14, 13];
    let down = [12, 10, 9, 8, 7, 8, 9];
    let mut desk = Desk::new("donchian_breakout", &given);
    assert_eq!(desk.plan(), "stop 2atr; atr 14");
    // 11 is as high as the channel and no breakout; 12 is.
    assert_eq!(desk.closes(&up), ["4 long broke_out_up"]);
    assert_eq!(
        desk.gate(),
        "held until the close is beyond the exit channel (close, its side): 13.00 / 13.00"
    );
    assert_eq!(desk.closes(&down), ["8 short broke_out_down", "14 long broke_out_up"]);
    let mut long_only = Desk::new("donchian_breakout", &[given[0], given[1], ("long_only", "true")]);
    assert_eq!(long_only.closes(&up), ["4 long broke_out_up"]);
    assert_eq!(long_only.closes(&down), ["8 flat broke_back", "14 long broke_out_up"]);
    // A shorter exit channel is left before the entry channel is.
    let mut slow = Desk::new("donchian_breakout", &[("entry", "5"), ("exit", "2")]);
    assert_eq!(
        slow.closes(&[10, 11, 10, 11, 10, 12, 13, 14, 15, 13]),
        ["5 long broke_out_up", "9 flat broke_back"]
    );
}

#[test]
fn supertrend_turns_with_its_line_and_not_before_the_first_turn() {
    let given = [("period", "2"), ("multiplier", "1")];
    let mut desk = Desk::new("supertrend", &given);
    assert_eq!(desk.plan(), "stop 4atr; atr 14");
    assert_eq!(desk.closes(&[10, 11, 12, 13]), [""; 0]);
    assert_eq!(desk.gate(), "close passes the supertrend line (close, line): 13.00 / 13.00");
    assert_eq!(
        desk.closes(&[14, 15, 12, 9, 8, 7, 10, 14]),
        ["4 long turned_up", "6 short turned_down", "10 long turned_up"]
    );
    let mut long_only = Desk::new("supertrend", &[given[0], given[1], ("long_only", "true")]);
    assert_eq!(
        long_only.closes(&[10, 11, 12, 13, 14, 15, 12, 9, 8, 7, 10]),
        ["4 long turned_up", "6 flat turned_away", "10 long turned_up"]
    );
}

#[test]
fn momentum_is_held_small_while_the_market_is_wild() {
    let given = [
        ("lookback", "3"),
        ("volatility", "3"),
        ("threshold", "2"),
        ("bars_a_year", "365"),
        ("target_volatility", "40"),
    ];
    let mut desk = Desk::new("momentum", &given);
    assert_eq!(desk.plan(), "stop 5atr; atr 14");
    // 1 % is no trend at a threshold of 2 %.
    assert_eq!(desk.closes(&[1000, 1000, 1000, 1000, 1010]), [""; 0]);
    assert_eq!(desk.gate(), "return crosses the threshold (percent, threshold): 1.00 / 2.00");
    assert_eq!(
        desk.closes(&[1020, 1030, 1040, 1010, 1020, 1000]),
        ["5 long rose", "10 short fell 98.845515 %"],
        "40 % a year over the realised volatility, once that is above it"
    );
    assert_eq!(
        desk.closes(&[980, 950, 900, 800, 790, 785, 784, 783]),
        ["13 short fell 55.3145063 %", "14 short fell 27.2094209 %", "17 short fell"]
    );
    let given = [&given[..], &[("long_only", "true")]].concat();
    let mut long_only = Desk::new("momentum", &given);
    long_only.closes(&[1000, 1000, 1000, 1000, 1010, 1020]);
    assert_eq!(long_only.closes(&[1030, 1040, 1010, 1020, 1000]), ["10 flat ended"]);
    let mut falling = Desk::new("momentum", &given);
    assert_eq!(falling.closes(&[1000, 1000, 1000, 1000, 1010, 970]), [""; 0]);
    assert_eq!(falling.gate(), "long only: - / -");
}

#[test]
fn an_opinion_whose_position_is_gone_is_withdrawn() {
    let mut desk = Desk::new("donchian_breakout", &[("entry", "3"), ("exit", "2")]);
    assert_eq!(desk.closes(&[10, 11, 10, 11, 12, 13]), ["4 long broke_out_up"]);
    // The stop was hit.
    desk.positions[0].quantity = units::Quantity::ZERO;
    assert_eq!(desk.closes(&[12]), ["6 flat withdrawn"]);
    assert_eq!(desk.closes(&[14]), ["7 long broke_out_up"], "the next breakout opens again");
    // Refused: nothing came of it by the second candle.
    let mut refused = Desk::new("donchian_breakout", &[("entry", "3"), ("exit", "2")]);
    refused.closes(&[10, 11, 10, 11, 12]);
    refused.positions[0].quantity = units::Quantity::ZERO;
    assert_eq!(refused.closes(&[13]), [""; 0]);
    assert_eq!(refused.closes(&[13]), ["6 flat withdrawn"]);
}
