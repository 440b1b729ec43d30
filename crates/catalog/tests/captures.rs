//! Raw captures of order books: snapshots and deltas joined by their numbers, gaps told, hostile lines refused.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests, where a panic is the report")]

use catalog::{
    Catalog, ImportError, ImportOptions, ImportReport, ReadOptions, Recording, TimeRange, read_recording,
};
use model::book::{Book, Numbering};
use model::{BookUpdate, Exchange, Side};
use std::path::{Path, PathBuf};
use units::{Price, Quantity, Span};

fn write(folder: &Path, lines: &[&str]) -> PathBuf {
    let path = folder.join("capture.ndjson");
    std::fs::write(&path, lines.join("\n")).unwrap();
    path
}

fn read(lines: &[&str]) -> Result<Recording, ImportError> {
    let folder = tempfile::tempdir().unwrap();
    read_recording(&write(folder.path(), lines), &ReadOptions::default())
}

fn import(lines: &[&str]) -> (ImportReport, Recording) {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), lines);
    let catalog = Catalog::open(folder.path().join("catalog")).unwrap();
    let report = catalog.import(&[file], &ImportOptions::default()).unwrap();
    let key = &report.series[0].key;
    let stored = catalog.load_recording(key.exchange, &key.symbol, TimeRange::ALL).unwrap();
    (report, stored)
}

/// `time kind side price quantity`, one change a line; a bar marks the end of a message.
fn changes(recording: &Recording) -> Vec<String> {
    let text = |r: &catalog::Received<model::BookChange>| {
        let change = r.item;
        let what = match change.update {
            BookUpdate::Clear => "clear".to_owned(),
            BookUpdate::Level { side, price, quantity } => {
                format!("{side} {} {}", price.mantissa(), quantity.mantissa())
            }
        };
        let end = if change.is_last { " |" } else { "" };
        format!("{} {} #{} {what}{end}", change.exchange_time.millis(), r.received.millis(), change.update_id)
    };
    recording.book.iter().map(text).collect()
}

const EARLY: &str = r#"1000000000001000000 {"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1000000000900,"T":1000000000900,"s":"BTCUSDT","U":1,"u":5,"pu":0,"b":[["9.9","7"]],"a":[]}}"#;
const OVERLAP: &str = r#"1000000000002000000 {"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1000000002000,"T":1000000002000,"s":"BTCUSDT","U":6,"u":12,"pu":5,"b":[["10.0","1.5"]],"a":[["10.2","0"]]}}"#;
const SNAPSHOT: &str = r#"1000000000003000000 {"lastUpdateId":10,"E":1000000001500,"T":1000000001500,"bids":[["10.0","1"],["9.9","2"]],"asks":[["10.1","3"],["10.2","4"]]}"#;
const NEXT: &str = r#"1000000000004000000 {"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1000000004000,"T":1000000004000,"s":"BTCUSDT","U":13,"u":15,"pu":12,"b":[],"a":[["10.1","2.5"]]}}"#;
const AFTER_GAP: &str = r#"1000000000005000000 {"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1000000005000,"T":1000000005000,"s":"BTCUSDT","U":20,"u":21,"pu":19,"b":[["10.0","9"]],"a":[]}}"#;
const LATER: &str = r#"1000000000006000000 {"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1000000006000,"T":1000000006000,"s":"BTCUSDT","U":22,"u":23,"pu":21,"b":[["10.0","8"]],"a":[]}}"#;
const TRADE: &str = r#"1000000000004100000 {"stream":"btcusdt@trade","data":{"e":"trade","E":1000000004050,"T":1000000004050,"s":"BTCUSDT","t":77,"p":"10.10","q":"0.5","X":"MARKET","m":false}}"#;
const INSURANCE: &str = r#"1000000000004200000 {"stream":"btcusdt@trade","data":{"e":"trade","E":1000000004060,"T":1000000004060,"s":"BTCUSDT","t":78,"p":"0","q":"0","X":"NA","m":true}}"#;
const TICKER: &str = r#"1000000000004300000 {"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":16,"s":"BTCUSDT","b":"10.0","B":"1.5","a":"10.1","A":"2","T":1000000004070,"E":1000000004070}}"#;

#[test]
fn binance_deltas_wait_for_their_snapshot() {
    let (report, stored) = import(&[EARLY, OVERLAP, SNAPSHOT, NEXT, TRADE, INSURANCE, TICKER]);
    assert!(report.files[0].book_gaps.is_empty());
    assert_eq!((stored.exchange, stored.symbol.as_str()), (Exchange::Binance, "BTCUSDT"));
    assert_eq!((stored.price_decimals, stored.quantity_decimals), (1, 1));
    // What is older than the snapshot is left out; what overlaps it is known once the snapshot is.
    assert_eq!(
        changes(&stored),
        [
            "1000000001500 1000000000003 #10 clear",
            "1000000001500 1000000000003 #10 buy 100 10",
            "1000000001500 1000000000003 #10 buy 99 20",
            "1000000001500 1000000000003 #10 sell 101 30",
            "1000000001500 1000000000003 #10 sell 102 40 |",
            "1000000002000 1000000000003 #12 buy 100 15",
            "1000000002000 1000000000003 #12 sell 102 0 |",
            "1000000004000 1000000000004 #15 sell 101 25 |",
        ]
    );
    // A trade with the insurance fund does not come from the book.
    let trades: Vec<_> = stored.trades.iter().map(|t| (t.item.trade_id, t.item.taker_side)).collect();
    assert_eq!(trades, [(77, Side::Buy)]);
    assert_eq!(stored.quotes[0].item.ask, Price::new(101));
}

#[test]
fn a_gap_empties_the_book_until_the_next_snapshot_and_is_told() {
    let again = SNAPSHOT.replace("\"lastUpdateId\":10", "\"lastUpdateId\":23").replace("1500", "6500");
    let resumed =
        NEXT.replace("\"U\":13,\"u\":15,\"pu\":12", "\"U\":24,\"u\":25,\"pu\":23").replace("4000", "7000");
    let (report, stored) = import(&[SNAPSHOT, OVERLAP, AFTER_GAP, LATER, &again, &resumed]);
    let [gap] = report.files[0].book_gaps.as_slice() else { panic!("{:?}", report.files[0].book_gaps) };
    assert_eq!((gap.at.millis(), gap.expected, gap.got, gap.left_out), (1_000_000_005_000, 13, 20, 2));
    let lines = changes(&stored);
    assert_eq!(lines[7], "1000000005000 1000000000005 #21 clear |", "{lines:#?}");
    assert_eq!(lines[8], "1000000006500 1000000000003 #23 clear");
    assert_eq!(lines.last().unwrap(), "1000000007000 1000000000007 #25 sell 101 25 |");
}

const BYBIT: [&str; 4] = [
    r#"{"topic":"orderbook.50.XRPUSDT","type":"snapshot","ts":1000000000100,"data":{"s":"XRPUSDT","b":[["1.95","6"]],"a":[["1.96","2"]],"u":5,"seq":1},"cts":1000000000090}"#,
    r#"{"topic":"orderbook.50.XRPUSDT","type":"delta","ts":1000000000200,"data":{"s":"XRPUSDT","b":[["1.95","0"]],"a":[],"u":6,"seq":2},"cts":1000000000190}"#,
    r#"{"topic":"publicTrade.XRPUSDT","type":"snapshot","ts":1000000000250,"data":[{"T":1000000000240,"s":"XRPUSDT","S":"Sell","v":"3","p":"1.94","i":"a-b-c"}]}"#,
    r#"{"topic":"orderbook.50.XRPUSDT","type":"delta","ts":1000000000300,"data":{"s":"XRPUSDT","b":[["1.94","1"]],"a":[],"u":8,"seq":4},"cts":1000000000290}"#,
];

#[test]
fn bybit_messages_are_numbered_without_holes() {
    let (report, stored) = import(&BYBIT[..3]);
    assert!(report.files[0].book_gaps.is_empty());
    assert_eq!(
        changes(&stored),
        [
            "1000000000090 1000000000100 #5 clear",
            "1000000000090 1000000000100 #5 buy 195 6",
            "1000000000090 1000000000100 #5 sell 196 2 |",
            "1000000000190 1000000000200 #6 buy 195 0 |",
        ],
        "the matching engine's time, and the time at which the message was made"
    );
    assert_eq!(stored.trades[0].item.taker_side, Side::Sell);
    let (report, _) = import(&BYBIT);
    assert_eq!(report.files[0].book_gaps[0].expected, 7);
}

#[test]
fn hostile_lines_are_faults_with_their_line() {
    for (lines, line, problem) in [
        (vec![SNAPSHOT, "1000000000004000000 {\"e\":"], 2, "no JSON"),
        (vec![SNAPSHOT, "1000000000004000000 {}"], 2, "no message of a market stream"),
        (vec![SNAPSHOT, "99999999999999999999 {}"], 2, "a time in nanoseconds"),
        (vec![SNAPSHOT, "9223372036854775807 {}"], 2, "before 2200"),
        (vec![&SNAPSHOT.replace("1000000001500", "9223372036854")], 1, "from 1900 to 2199"),
        (vec![SNAPSHOT, NEXT, BYBIT[0]], 3, "a message of bybit in a capture of binance"),
        (vec![&SNAPSHOT.replace("\"10.1\"", "\"-1\"")], 1, "zero or negative"),
        (vec![&SNAPSHOT.replace("\"10.1\"", "10.1")], 1, "no value"),
        (vec![&SNAPSHOT.replace("[[\"10.0\",\"1\"],[\"9.9\",\"2\"]]", "7")], 1, "levels are expected"),
        (vec![&SNAPSHOT.replace("1000000001500", "\"noon\"")], 1, "a time in milliseconds"),
    ] {
        match read(&lines) {
            Err(ImportError::Rows { faults, .. }) => {
                assert_eq!(faults[0].line, line, "{faults:?}");
                assert!(faults[0].problem.contains(problem), "{problem:?} is not in {:?}", faults[0]);
            }
            other => panic!("{problem}: {other:?}"),
        }
    }
    let error = read(&[OVERLAP, NEXT]).unwrap_err().to_string();
    assert!(error.contains("no snapshot"), "{error}");
    let error = read(&[BYBIT[0], &BYBIT[1].replace("XRP", "BTC")]).unwrap_err().to_string();
    assert!(error.contains("the capture holds XRPUSDT, BTCUSDT; say which with --symbol"), "{error}");
}

fn only(lines: &[&str], symbol: &str) -> Result<Recording, ImportError> {
    let folder = tempfile::tempdir().unwrap();
    let options = ReadOptions { symbol: Some(symbol.to_owned()), ..ReadOptions::default() };
    read_recording(&write(folder.path(), lines), &options)
}

#[test]
fn one_instrument_is_taken_of_a_capture_of_several() {
    let other = BYBIT[1].replace("XRP", "BTC");
    let mixed: Vec<&str> = [&[other.as_str()], BYBIT.as_slice()].concat();
    assert_eq!(only(&mixed, "XRPUSDT").unwrap(), read(&BYBIT).unwrap());
    let error = only(&mixed, "ETHUSDT").unwrap_err().to_string();
    assert!(error.contains("no message of ETHUSDT; the capture holds BTCUSDT, XRPUSDT"), "{error}");
}

const OLD_SNAPSHOT: &str = r#"1618677786.8: {"topic":"orderBookL2_25.BCHUSDT","type":"snapshot","data":{"order_book":[{"price":"10.05","symbol":"BCHUSDT","id":"100500","side":"Buy","size":2.63},{"price":"10.10","symbol":"BCHUSDT","id":"101000","side":"Sell","size":5}]},"cross_seq":"100","timestamp_e6":"1618677786000000"}"#;
const OLD_DELTA: &str = r#"1618677786.9: {"topic":"orderBookL2_25.BCHUSDT","type":"delta","data":{"delete":[{"price":"10.10","symbol":"BCHUSDT","id":"101000","side":"Sell"}],"update":[{"price":"10.05","symbol":"BCHUSDT","id":"100500","side":"Buy","size":0.1}],"insert":[{"price":"10.15","symbol":"BCHUSDT","id":"101500","side":"Sell","size":7}]},"cross_seq":"117","timestamp_e6":"1618677786100000"}"#;
const OLD_TRADE: &str = r#"1618677787.0: {"topic":"trade.BCHUSDT","data":[{"symbol":"BCHUSDT","price":"10.15","size":0.14,"trade_time_ms":"1618677786200","side":"Buy","trade_id":"01cacfe9-8d1c-5ee4-995d-d79a43f955a6"}]}"#;

/// The feed before version 5 numbers nothing; what does not fit its book is a gap.
#[test]
fn the_old_feed_of_bybit_is_followed_level_by_level() {
    let sent = r#"wss://stream.bybit.com/realtime_public <- 1618677786.4: {"op":"subscribe","args":["trade.BCHUSDT"]}"#;
    let told = r#"1618677786.7: {"success":true,"ret_msg":"","conn_id":"x","request":{"op":"subscribe"}}"#;
    let whole = read(&[sent, told, OLD_SNAPSHOT, OLD_DELTA, OLD_TRADE]).unwrap();
    assert_eq!((whole.exchange, whole.symbol.as_str(), whole.gaps.len()), (Exchange::Bybit, "BCHUSDT", 0));
    let expected = [
        "1618677786000 1618677786800 #100 clear",
        "1618677786000 1618677786800 #100 buy 1005 263",
        "1618677786000 1618677786800 #100 sell 1010 500 |",
        "1618677786100 1618677786900 #117 sell 1010 0",
        "1618677786100 1618677786900 #117 buy 1005 10",
        "1618677786100 1618677786900 #117 sell 1015 700 |",
    ];
    assert_eq!(changes(&whole), expected);
    assert_eq!(whole.trades[0].item.taker_side, Side::Buy);

    // The message that deletes came twice: what it deletes is not there any more.
    let later = OLD_DELTA.replace("117", "118");
    let torn = read(&[OLD_SNAPSHOT, OLD_DELTA, &later, &later, OLD_SNAPSHOT, OLD_DELTA]).unwrap();
    assert_eq!(torn.gaps.len(), 1);
    assert_eq!((torn.gaps[0].expected, torn.gaps[0].got, torn.gaps[0].left_out), (117, 118, 2));
    assert_eq!(torn.book.len(), 13, "up to the next snapshot the book is empty");
    for (line, problem) in [
        (OLD_SNAPSHOT.replace("\"100\"", "\"x\""), "cross_seq"),
        (OLD_SNAPSHOT.replace("1618677786000000", "noon"), "timestamp_e6"),
        (OLD_SNAPSHOT.replace("\"Buy\"", "\"buy\""), "Buy or Sell"),
        (OLD_DELTA.replace("\"insert\"", "\"inserted\""), "a list of levels"),
        (OLD_TRADE.replace("1618677786200", ""), "trade_time_ms"),
    ] {
        let error = read(&[OLD_SNAPSHOT, &line]).unwrap_err();
        let ImportError::Rows { faults, .. } = &error else { panic!("{error:?}") };
        assert!(faults[0].problem.contains(problem), "{problem}: {faults:?}");
    }
}

fn shared() -> Option<PathBuf> {
    let root = std::env::var_os("PLIMSOLL_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    if root.join("data/l2").exists() {
        return Some(root.join("data/l2"));
    }
    eprintln!("SKIPPED: no recorded books at {}; set PLIMSOLL_SHARED", root.display());
    None
}

const SLACK: Span = Span::from_millis(5);

/// The rebuilt book has the best prices that the exchange published beside it.
#[test]
fn a_real_capture_rebuilds_the_published_best_prices() {
    let Some(folder) = shared() else { return };
    let file = folder.join("binance_usdm_BTCUSDT_20240808.raw.ndjson.gz");
    let recording = read_recording(&file, &ReadOptions::default()).unwrap();
    assert!(recording.gaps.is_empty());
    assert_eq!((recording.trades.len(), recording.quotes.len()), (21_313, 66_089));
    let mut book = Book::new(Price::new(1), Numbering::Growing);
    assert_eq!(recording.price_decimals, 1);
    let (mut same, mut looked) = (0u32, 0u32);
    let quotes = &recording.quotes;
    for change in &recording.book {
        book.apply(&change.item).unwrap();
        let (Some(bid), Some(ask)) = (book.best(Side::Buy), book.best(Side::Sell)) else { continue };
        if !change.item.is_last {
            continue;
        }
        assert!(bid < ask, "{:?}", change.item);
        // The last quote before the message, and those of the same few milliseconds: times are cut at milliseconds.
        let (from, to) = (change.item.exchange_time - SLACK, change.item.exchange_time + SLACK);
        let first = quotes.partition_point(|q| q.item.exchange_time < from).saturating_sub(1);
        let near = quotes[first..].iter().take_while(|q| q.item.exchange_time <= to);
        looked += 1;
        same += u32::from(near.into_iter().any(|q| (bid, ask) == (q.item.bid, q.item.ask)));
    }
    assert!(looked > 5_000, "{looked}");
    assert!(same * 1_000 >= looked * 999, "{same} of {looked}");
}

#[test]
fn a_real_bybit_history_has_no_gap() {
    let Some(folder) = shared() else { return };
    let file = folder.join("bybit_linear_XRPUSDT_ob500_20241201.ndjson.gz");
    let recording = read_recording(&file, &ReadOptions::default()).unwrap();
    assert_eq!((recording.exchange, recording.symbol.as_str()), (Exchange::Bybit, "XRPUSDT"));
    assert!(recording.gaps.is_empty(), "{:?}", recording.gaps);
    let mut book = Book::new(Price::new(1), Numbering::Consecutive);
    for change in &recording.book {
        book.apply(&change.item).unwrap();
        assert!(!change.item.is_last || !book.is_crossed(), "{:?}", change.item);
    }
    assert!(book.len(Side::Buy) > 400 && book.len(Side::Sell) > 400);
    assert_eq!(book.quantity_at(Side::Sell, Price::new(20_038)), Quantity::ZERO);
}

/// Snapshots that were kept in a file of their own come in when they were heard.
#[test]
fn snapshots_may_be_in_a_file_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let ours = SNAPSHOT.split_once(' ').unwrap().1;
    let answers = folder.path().join("answers.txt");
    let lines = [
        format!("https://x/depth?symbol=ETHUSDT&limit=5 -> 1000000000.0029: {ours}"),
        format!("https://x/depth?symbol=BTCUSDT&limit=5 -> 1000000000.003: {ours}"),
    ];
    std::fs::write(&answers, lines.join("\n")).unwrap();
    let stream = write(folder.path(), &[EARLY, OVERLAP, NEXT, TRADE]);
    let import = |name: &str, file: &Path, snapshots: Option<PathBuf>| {
        let catalog = Catalog::open(folder.path().join(name)).unwrap();
        let options = ImportOptions { symbol: Some("BTCUSDT".into()), snapshots, ..ImportOptions::default() };
        catalog.import(&[file.to_owned()], &options)?;
        Ok::<_, ImportError>(catalog.load_recording(Exchange::Binance, "BTCUSDT", TimeRange::ALL).unwrap())
    };
    let apart = import("apart", &stream, Some(answers)).unwrap();
    let error = import("none", &stream, None).unwrap_err().to_string();
    assert!(error.contains("--snapshots"), "{error}");
    let whole =
        import("whole", &write(folder.path(), &[EARLY, OVERLAP, SNAPSHOT, NEXT, TRADE]), None).unwrap();
    assert_eq!(apart, whole);
}

/// The captures of 2021: four books of Binance with their snapshots beside them, eight of Bybit's feed before version 5.
#[test]
fn the_captures_of_2021_rebuild_their_books() {
    let Some(folder) = shared() else { return };
    let store = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(store.path()).unwrap();
    let mut looked = 0;
    let mut take = |file: &str, snapshots: Option<&str>, symbol: &str, exchange: Exchange| {
        let options = ImportOptions {
            symbol: Some(symbol.to_owned()),
            snapshots: snapshots.map(|name| folder.join(name)),
            ..ImportOptions::default()
        };
        let report = catalog.import(&[folder.join(file)], &options).unwrap();
        assert_eq!(report.files[0].book_gaps, [], "{symbol}");
        let recording = catalog.load_recording(exchange, symbol, TimeRange::ALL).unwrap();
        let mut book = Book::new(Price::new(1), Numbering::Growing);
        for change in &recording.book {
            book.apply(&change.item).unwrap();
            if change.item.is_last {
                assert!(!book.is_crossed(), "{symbol}: {:?}", change.item);
                looked += 1;
            }
        }
        (recording, book)
    };
    let stream = "binance_usdm_4symbols_ws_20210722.txt.gz";
    let answers = Some("binance_usdm_4symbols_http_depth_20210722.txt.gz");
    for symbol in ["SUSHIUSDT", "AKROUSDT", "KEEPUSDT", "CTKUSDT"] {
        let (recording, _) = take(stream, answers, symbol, Exchange::Binance);
        assert!(recording.quotes.len() >= 75 && recording.trades.len() >= 5, "{symbol}");
    }
    let old = "bybit_v2_linear_10symbols_20210417.txt.gz";
    for symbol in ["BCHUSDT", "XTZUSDT", "UNIUSDT", "LTCUSDT", "DOTUSDT", "LINKUSDT", "ADAUSDT", "ETHUSDT"] {
        let (recording, book) = take(old, None, symbol, Exchange::Bybit);
        assert_eq!((book.len(Side::Buy), book.len(Side::Sell)), (25, 25), "{symbol}");
        assert!(!recording.trades.is_empty(), "{symbol}");
    }
    assert!(looked > 3_000, "{looked}");
}
