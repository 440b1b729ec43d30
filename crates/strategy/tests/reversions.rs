//! What the strategies that trade back to the mean say about candles that were made for it.

mod support;

use support::Desk;

#[test]
fn bollinger_reversion_waits_for_the_return() {
    let given = [("period", "4"), ("width", "1"), ("adx_bars", "2"), ("max_adx", "100")];
    let closes = [100, 101, 100, 99, 100, 101, 95, 97, 98, 99, 100, 110, 106, 100, 99];
    let mut desk = Desk::new("bollinger_reversion", &given);
    assert_eq!(desk.plan(), "stop 3atr; time 48 bars; atr 14");
    assert_eq!(
        desk.closes(&closes),
        [
            // 100 came back as far as the middle, and 95 fell through both bands at once: no entries. 97 is one.
            "7 long back_above_lower",
            "8 flat reached_middle",
            "12 short back_below_upper",
            "13 flat reached_middle",
        ]
    );
    let mut long_only = Desk::new("bollinger_reversion", &[&given[..], &[("long_only", "true")]].concat());
    long_only.closes(&closes[..13]);
    assert_eq!(long_only.gate(), "long only: - / -");
    // In a trend nothing is opened.
    let mut calm = Desk::new("bollinger_reversion", &[given[0], given[1], given[2], ("max_adx", "25")]);
    assert_eq!(calm.closes(&[120, 116, 112, 108, 104, 100, 96, 90, 92]), [""; 0]);
    assert!(calm.gate().starts_with("average directional index not above max_adx: "), "{}", calm.gate());
}

#[test]
fn zscore_reversion_buys_dips_and_no_falls() {
    let given = [("period", "4"), ("entry", "1.5"), ("trend", "8")];
    let mut desk = Desk::new("zscore_reversion", &given);
    assert_eq!(desk.plan(), "stop 3atr; time 96 bars; atr 14");
    assert_eq!(
        desk.closes(&[90, 92, 94, 96, 98, 100, 102, 104, 103, 104, 100, 101, 103, 105]),
        ["10 long far_below_mean", "12 flat back_at_mean"]
    );
    assert_eq!(desk.closes(&[90]), [""; 0]);
    assert_eq!(desk.gate(), "close on the side of the trend average (close, average): 90.00 / 99.03");
    assert_eq!(
        desk.closes(&[80, 70, 60, 61, 61, 61, 66, 62]),
        ["21 short far_above_mean", "22 flat back_at_mean"]
    );
    // With an exit before the mean it leaves earlier.
    let mut early = Desk::new("zscore_reversion", &[given[0], given[1], given[2], ("exit", "1")]);
    assert_eq!(
        early.closes(&[90, 92, 94, 96, 98, 100, 102, 104, 103, 104, 100, 101]),
        ["10 long far_below_mean", "11 flat back_at_mean"]
    );
}

#[test]
fn rsi_reversal_takes_the_way_back() {
    let closes = [100, 99, 98, 97, 98, 100, 103, 106, 109, 105, 104, 100, 101, 102];
    let mut desk = Desk::new("rsi_reversal", &[("period", "2")]);
    assert_eq!(desk.plan(), "stop 2.5atr; time 48 bars; atr 14");
    assert_eq!(desk.closes(&closes[..4]), [""; 0]);
    assert_eq!(desk.gate(), "index crosses back over an extreme (index, nearer extreme): 0.00 / 30.00");
    // At 98 and at 105 the index is at 50 or beyond at once, where a position would be closed.
    assert_eq!(desk.closes(&closes[4..]), ["12 long left_oversold", "13 flat reached_exit"]);
    let mut patient = Desk::new("rsi_reversal", &[("period", "2"), ("exit", "80"), ("overbought", "90")]);
    assert_eq!(
        patient.closes(&closes),
        [
            "4 long left_oversold",
            "5 flat reached_exit",
            "9 short left_overbought",
            "11 flat reached_exit",
            "12 long left_oversold"
        ]
    );
}
