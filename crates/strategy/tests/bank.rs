//! Shared indicators: one computation however many subscribe, and the same numbers as private ones.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use indicators::Ohlcv;
use indicators::catalogue::{Setting, Spec, find};
use model::{
    Bar, Candle, Exchange, Instrument, InstrumentIx, InstrumentKind, InstrumentSpec, MarginTier, Timeframe,
};
use std::sync::Arc;
use strategy::bank::{Bank, Columns, Slot, Source, Subscriber};
use strategy::higher::Resampler;
use strategy::{StateError, StateReader, StateWriter};
use units::{Amount, Decimal, Price, Quantity, Rate, Span, Timestamp};

const IX: InstrumentIx = InstrumentIx(0);
const CLOSE: [Source; 2] = [Source::Close; 2];

fn spec(name: &str, settings: &[f64]) -> Spec {
    let given: Vec<_> = settings.iter().map(|n| Some(Setting::Number(*n))).collect();
    find(name).unwrap().settle(&given).unwrap()
}

fn subscribed(bank: &mut Bank, wanted: &[(&Spec, [Source; 2])]) -> Vec<Slot> {
    let mut subscriber = Subscriber::new(bank, Timeframe::MINUTE);
    wanted.iter().map(|(spec, series)| subscriber.indicator(IX, spec, *series)).collect()
}

fn closes() -> impl Iterator<Item = i64> {
    (0..60).map(|i| 10_000 + (i * 37) % 101 - (i * 11) % 53)
}

#[test]
fn equal_computations_run_once_and_give_what_a_private_one_gives() {
    let (rsi, ema, bands) = (spec("rsi", &[5.0]), spec("ema", &[4.0]), spec("bollinger", &[6.0]));
    let mut bank = Bank::new();
    let slots = subscribed(&mut bank, &[(&ema, CLOSE), (&rsi, CLOSE), (&bands, CLOSE)]);
    let chained = subscribed(&mut bank, &[(&ema, [Source::Of(slots[1]); 2])])[0];
    let mut all = slots.clone();
    for _ in 0..200 {
        all.extend(subscribed(&mut bank, &[(&ema, CLOSE), (&rsi, CLOSE)]));
    }
    assert_eq!(bank.len(), 4, "200 more subscriptions run nothing more");
    let (mut own_ema, mut own_rsi, mut own_chained) = (ema.build(), rsi.build(), ema.build());
    let instrument = instrument();
    for (minute, close) in (0..).zip(closes()) {
        let candle = candle(minute, close);
        bank.update(&instrument, &candle);
        let (x, mut a, mut b) = (instrument.price_f64(candle.bar.close), [None], [None]);
        own_ema.update(&Ohlcv::default(), [x, 0.0], &mut a);
        own_rsi.update(&Ohlcv::default(), [x, 0.0], &mut b);
        assert_eq!((bank.value(slots[0]), bank.value(slots[1])), (a[0], b[0]));
        if let Some(strength) = b[0] {
            own_chained.update(&Ohlcv::default(), [strength, 0.0], &mut a);
            assert_eq!(bank.value(chained), a[0]);
        }
    }
    let (upper, lower) = (slots[2].output(0), slots[2].output(2));
    assert!(bank.value(upper) > bank.value(lower) && bank.value(lower).is_some());
}

#[test]
fn what_nobody_wants_ends_and_gives_its_room_back() {
    let (rsi, ema) = (spec("rsi", &[5.0]), spec("ema", &[4.0]));
    let mut bank = Bank::new();
    let a = subscribed(&mut bank, &[(&rsi, CLOSE)])[0];
    let b = subscribed(&mut bank, &[(&ema, [Source::Of(a); 2])])[0];
    let c = subscribed(&mut bank, &[(&ema, CLOSE)])[0];
    bank.release(&[a]);
    assert_eq!(bank.len(), 3, "the average still runs on it");
    bank.release(&[b]);
    assert_eq!(bank.len(), 1, "and took it along when it ended");
    let again = subscribed(&mut bank, &[(&rsi, CLOSE)])[0];
    assert!(again != c && [a, b].contains(&again), "the room is used again: {bank:?}");
}

#[test]
fn goes_on_where_it_was_saved_whatever_the_order_of_subscriptions() {
    let (rsi, ema) = (spec("rsi", &[5.0]), spec("ema", &[4.0]));
    let wanted = [(&ema, CLOSE), (&rsi, CLOSE)];
    let instrument = instrument();
    let (mut first, mut second) = (Bank::new(), Bank::new());
    let slots = subscribed(&mut first, &wanted);
    let other = subscribed(&mut second, &[wanted[1], wanted[0]]);
    let bars: Vec<Candle> = (0..).zip(closes()).map(|(minute, close)| candle(minute, close)).collect();
    bars[..30].iter().for_each(|candle| first.update(&instrument, candle));
    let mut w = StateWriter::default();
    first.save(&mut w);
    let bytes = w.into_bytes();
    let mut r = StateReader::new(&bytes);
    second.load(&mut r).unwrap();
    r.finish().unwrap();
    for candle in &bars[30..] {
        assert_eq!(first.value(slots[0]), second.value(other[1]));
        assert_eq!(first.value(slots[1]), second.value(other[0]));
        first.update(&instrument, candle);
        second.update(&instrument, candle);
    }
    let mut foreign = Bank::new();
    subscribed(&mut foreign, &[(&ema, CLOSE), (&spec("rsi", &[6.0]), CLOSE)]);
    assert_eq!(foreign.load(&mut StateReader::new(&bytes)), Err(StateError::Invalid("shared indicator")));
}

/// Longer candles are made in the bank as a strategy makes them, across gaps as well, where one candle closes two.
#[test]
fn longer_candles_are_those_of_a_private_resampler() {
    let three: Timeframe = "3m".parse().unwrap();
    let (resampler, ema) = (Resampler::new(Timeframe::MINUTE, three).unwrap(), spec("ema", &[2.0]));
    let mut bank = Bank::new();
    let mut subscriber = Subscriber::new(&mut bank, Timeframe::MINUTE);
    let slot = subscriber.longer_indicator(IX, &resampler, &ema, CLOSE);
    assert_eq!(subscriber.longer_indicator(IX, &resampler, &ema, CLOSE), slot);
    assert_ne!(subscriber.indicator(IX, &ema, CLOSE), slot, "the minutes have an average of their own");
    let (mut own, mut average, instrument) = (resampler.clone(), ema.build(), instrument());
    let (mut last, mut twice) = (None, 0);
    for (minute, close) in (0..).zip(closes()).filter(|(minute, _)| minute % 7 < 3) {
        let candle = candle(minute, close);
        bank.update(&instrument, &candle);
        let x = instrument.price_f64(candle.bar.close);
        let seen = Ohlcv { opened: candle.bar.open_time, open: x, high: x, low: x, close: x, volume: 1.0 };
        let mut closed = Vec::new();
        own.update(&seen, |bar| {
            let mut out = [None];
            average.update(bar, [bar.close, 0.0], &mut out);
            closed.push(out[0]);
        });
        last = closed.last().copied().unwrap_or(last);
        assert_eq!(bank.value(slot), last);
        if let [first, _] = *closed {
            assert_eq!(bank.earlier(slot), first);
            twice += 1;
        }
    }
    assert!(twice > 1 && last.is_some());
}

/// What was computed beforehand is what the bank would have computed, for indicators of indicators too, and where a candle is
/// missing that was there.
#[test]
fn columns_hold_what_a_bank_computes() {
    let (rsi, ema, bands) = (spec("rsi", &[5.0]), spec("ema", &[4.0]), spec("bollinger", &[6.0]));
    let ask = |bank: &mut Bank| {
        let mut slots = subscribed(bank, &[(&rsi, CLOSE), (&bands, CLOSE)]);
        slots.extend(subscribed(bank, &[(&ema, [Source::Of(slots[0]); 2])]));
        slots
    };
    let (instrument, bars): (_, Vec<Bar>) =
        (instrument(), (0..).zip(closes()).map(|(minute, close)| candle(minute, close).bar).collect());
    let mut asked = Bank::new();
    ask(&mut asked);
    ask(&mut asked);
    let sma = spec("sma", &[3.0]);
    subscribed(&mut asked, &[(&sma, CLOSE)]);
    let candles = |ix: InstrumentIx, timeframe: Timeframe| {
        (ix == IX && timeframe == Timeframe::MINUTE).then_some((&instrument, bars.as_slice()))
    };
    let few = Columns::of(asked.clone(), 2 * bars.len(), candles);
    assert_eq!(few.len(), 2, "there was room for two columns, and not for the bands");
    let columns = Arc::new(Columns::of(asked, usize::MAX, candles));
    assert_eq!(columns.len(), 3, "what was asked for once is left to who asks");
    for skipped in [None, Some(17)] {
        let (mut reading, mut computing) = (Bank::over(Arc::clone(&columns)), Bank::new());
        let (slots, own) = (ask(&mut reading), ask(&mut computing));
        assert!(slots.iter().all(|slot| reading.is_recorded(*slot)) && !computing.is_recorded(own[0]));
        for bar in &bars {
            let candle = Candle { instrument: IX, timeframe: Timeframe::MINUTE, bar: *bar };
            computing.update(&instrument, &candle);
            if Some(bar.open_time) == skipped.map(|minute: i64| bars[minute as usize].open_time) {
                continue;
            }
            reading.update(&instrument, &candle);
            for (slot, own) in slots.iter().zip(&own) {
                assert_eq!(reading.value(*slot), computing.value(*own));
            }
        }
        reading.update(&instrument, &candle(9_999, 5));
        assert_eq!(reading.value(slots[0]), None, "there is no row of a candle that was not there");
        // Beside columns, what there is none of is computed.
        let mixed = subscribed(&mut reading, &[(&sma, CLOSE)])[0];
        (10_000..10_003).for_each(|minute| reading.update(&instrument, &candle(minute, 700)));
        assert_eq!(reading.value(mixed), Some(7.0));
    }
}

/// Price decimals 2, quantity decimals 4.
fn instrument() -> Instrument {
    Instrument::new(InstrumentSpec {
        symbol: "AAAUSDT".into(),
        exchange: Exchange::Synthetic,
        kind: InstrumentKind::LinearPerpetual,
        base: "AAA".into(),
        quote: "USDT".into(),
        price_decimals: 2,
        quantity_decimals: 4,
        contract_size: Decimal { mantissa: 1, decimals: 0 },
        tick_size: Price::new(1),
        quantity_step: Quantity::new(1),
        min_quantity: Quantity::new(1),
        max_limit_quantity: Quantity::new(1_000_000),
        max_market_quantity: Quantity::new(1_000_000),
        min_notional: Amount::ZERO,
        margin_tiers: vec![MarginTier {
            notional_limit: Amount::parse("1000000").unwrap(),
            maintenance_rate: Rate::parse("0.005").unwrap(),
            max_leverage: Rate::parse("10").unwrap(),
            deduction: Amount::ZERO,
        }],
        funding_interval: Span::from_seconds(8 * 3600),
        version: 1,
    })
    .unwrap()
}

/// The flat candle of a minute, counted from the epoch.
fn candle(minute: i64, close: i64) -> Candle {
    let price = Price::new(close);
    let open_time = Timestamp::from_seconds(minute * 60).unwrap();
    let bar = Bar { open_time, open: price, high: price, low: price, close: price, volume: Quantity::new(1) };
    Candle { instrument: InstrumentIx(0), timeframe: Timeframe::MINUTE, bar }
}
