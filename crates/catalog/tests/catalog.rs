//! The catalog from outside: files in, tapes out, and what happens when things go wrong.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests, where a panic is the report")]

use catalog::{
    Catalog, CatalogError, DataKind, GenerateOptions, Generated, ImportError, ImportOptions, Kind,
    ReadOptions, Received, RepairOptions, Scale, Series, SeriesKey, Source, TimeRange, generate, read_series,
};
use flate2::Compression;
use flate2::write::GzEncoder;
use model::{BookChange, BookUpdate, Exchange, FundingRate, InstrumentIx, Side, Timeframe, Trade};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use units::{Price, Quantity, Rate, Span, Timestamp};

fn market(seed: u64, bars: usize, start: &str) -> Generated {
    let start = Timestamp::parse(start).unwrap();
    generate(&GenerateOptions { seed, bars, start, ..GenerateOptions::default() }).unwrap()
}

fn source() -> Source {
    Source { file: "test".to_owned(), digest: "0".to_owned(), rows: 0, imported_at: None }
}

fn key_of(series: &Series) -> SeriesKey {
    SeriesKey::candles(series.exchange, series.symbol.clone(), series.timeframe)
}

fn options() -> ImportOptions {
    ImportOptions {
        symbol: Some("SYNUSDT".to_owned()),
        exchange: Some(Exchange::Synthetic),
        ..ImportOptions::default()
    }
}

/// Every file below a folder but locks, with its content.
fn snapshot(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_none_or(|ending| ending != "lock") {
                found.push((path.clone(), fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn candles_come_back_as_they_went_in() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    // Over the turn of a year, so over two files.
    let series = market(1, 300_000, "2023-11-01").series;
    let counts = catalog.store_series(&series).unwrap();
    assert_eq!(counts.added, 300_000);
    let key = key_of(&series);
    let loaded = catalog.load_bars(&key, TimeRange::ALL).unwrap();
    assert_eq!(loaded.bars, series.bars);
    assert_eq!(loaded.source, series.source);
    let at = |text: &str| Timestamp::parse(text).unwrap();
    for (from, to) in
        [("2023-12-31T23:50", "2024-01-01T00:10"), ("2024-01-05", "2024-01-06"), ("2030-01-01", "2031-01-01")]
    {
        let range = TimeRange { from: at(from), to: at(to) };
        let part = catalog.load_bars(&key, range).unwrap();
        let mut expected = series.clone();
        expected.clip(range);
        assert_eq!(part.bars, expected.bars, "{from}..{to}");
    }
    let holding = &catalog.list().unwrap()[0];
    assert_eq!((holding.rows, holding.gaps, holding.from), (300_000, 0, at("2023-11-01")));
    assert_eq!(fs::read_dir(folder.path().join("synthetic/SYNUSDT/candles-1m")).unwrap().count(), 2);
}

#[test]
fn overlaps_merge_and_the_newer_wins() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    let whole = market(1, 1_000, "2024-01-01").series;
    let part = |range: std::ops::Range<usize>| Series { bars: whole.bars[range].to_vec(), ..whole.clone() };
    catalog.store_series(&part(0..600)).unwrap();
    let mut newer = part(500..1_000);
    newer.bars[0].volume = Quantity::new(77);
    let counts = catalog.store_series(&newer).unwrap();
    assert_eq!((counts.added, counts.replaced, counts.unchanged), (400, 1, 99));
    let loaded = catalog.load_bars(&key_of(&whole), TimeRange::ALL).unwrap();
    assert_eq!(loaded.bars.len(), 1_000);
    assert_eq!(loaded.bars[500].volume, Quantity::new(77));
}

#[test]
fn files_of_different_scale_are_brought_to_the_widest() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    let write = |name: &str, rows: &str| {
        let path = folder.path().join(name);
        fs::write(&path, format!("time,open,high,low,close,volume\n{rows}")).unwrap();
        path
    };
    let coarse = write("a.csv", "2023-12-31 23:59:00,1.5,1.5,1.5,1.5,10\n");
    let fine = write("b.csv", "2024-01-01 00:00:00,1.5,1.525,1.5,1.5,0.25\n2024-01-01 00:01:00,1,1,1,1,1\n");
    let options = ImportOptions { timeframe: Some(Timeframe::MINUTE), ..options() };
    catalog.import(&[coarse], &options).unwrap();
    catalog.import(&[fine], &options).unwrap();
    let key = SeriesKey::candles(Exchange::Synthetic, "SYNUSDT", Timeframe::MINUTE);
    let first_year = TimeRange { from: Timestamp::MIN, to: Timestamp::parse("2024-01-01").unwrap() };
    let series = catalog.load_bars(&key, first_year).unwrap();
    assert_eq!(
        (series.price_decimals, series.quantity_decimals),
        (3, 2),
        "a prefix has the scale of the whole"
    );
    assert_eq!((series.bars[0].open, series.bars[0].volume), (Price::new(1500), Quantity::new(1000)));
}

fn book_changes() -> Vec<Received<BookChange>> {
    let start = Timestamp::parse("2024-01-01T23:59:59").unwrap();
    (0..5_000u64)
        .map(|i| {
            let exchange_time = start + Span::from_nanos(i as i64 / 3 * 1_000_003);
            let level = BookUpdate::Level {
                side: if i % 2 == 0 { Side::Buy } else { Side::Sell },
                price: Price::new(400_000 + (i as i64 * 7) % 50),
                quantity: Quantity::new((i as i64 * 13) % 9),
            };
            let update = if i == 0 { BookUpdate::Clear } else { level };
            let item = BookChange {
                instrument: InstrumentIx(0),
                exchange_time,
                update_id: i / 3,
                update,
                is_last: i % 3 == 2,
            };
            Received { received: exchange_time + Span::from_millis(1), item }
        })
        .collect()
}

#[test]
fn book_changes_survive_storage_and_every_export() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path().join("catalog")).unwrap();
    let key = SeriesKey { exchange: Exchange::Synthetic, symbol: "SYNUSDT".into(), kind: Kind::BookChanges };
    let scale = Scale { price_decimals: 1, quantity_decimals: 3 };
    let rows = book_changes();
    catalog.store(&key, scale, &rows, &source()).unwrap();
    let check = |catalog: &Catalog, what: &str| {
        let ticks = catalog.load_book_changes(&key, TimeRange::ALL, InstrumentIx(0)).unwrap();
        let wide = |row: &Received<BookChange>| {
            let factors =
                catalog::Factors { price: 10i64.pow(u32::from(1 - ticks.price_decimals)), quantity: 1 };
            catalog::Row::rescaled(row, factors).unwrap()
        };
        assert_eq!(ticks.rows.iter().map(wide).collect::<Vec<_>>(), rows, "{what}");
    };
    check(&catalog, "stored");
    for name in ["book.csv", "book.csv.gz", "book.parquet"] {
        let path = folder.path().join(name);
        assert_eq!(catalog.export(&key, TimeRange::ALL, &path).unwrap(), 5_000);
        let other = Catalog::open(folder.path().join(format!("from {name}"))).unwrap();
        other.import(&[path], &options()).unwrap();
        check(&other, name);
    }
}

#[test]
fn book_changes_and_trades_of_one_file_part_ways() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("l2.csv");
    let rows = "exch_ts,local_ts,kind,side,px,qty\n\
        1704067200000000000,1704067200001000000,0,1,99.9,2.5\n\
        1704067200000000000,1704067200001000000,0,-1,100.1,1\n\
        1704067200002000000,1704067200003000000,1,1,100.1,0.4\n\
        1704067200002000000,1704067200003000000,0,-1,100.1,0.6\n";
    fs::write(&file, rows).unwrap();
    let catalog = Catalog::open(folder.path().join("catalog")).unwrap();
    let report = catalog.import(&[file], &options()).unwrap();
    assert_eq!(report.series.len(), 2);
    let key = SeriesKey { exchange: Exchange::Synthetic, symbol: "SYNUSDT".into(), kind: Kind::Trades };
    let trades = catalog.load_trades(&key, TimeRange::ALL, InstrumentIx(9)).unwrap();
    assert_eq!(trades.rows.len(), 1);
    let Trade { instrument, price, quantity, taker_side, .. } = trades.rows[0].item;
    assert_eq!(
        (instrument, price.mantissa(), quantity.mantissa(), taker_side),
        (InstrumentIx(9), 1001, 4, Side::Buy)
    );
    let levels = catalog.load_book_changes(&key, TimeRange::ALL, InstrumentIx(0)).unwrap();
    let shape: Vec<(u64, bool)> = levels.rows.iter().map(|r| (r.item.update_id, r.item.is_last)).collect();
    assert_eq!(shape, [(1, false), (1, true), (2, true)]);
}

#[test]
fn candles_and_funding_survive_every_export() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path().join("catalog")).unwrap();
    let Generated { series, funding } = market(4, 3_000, "2024-01-01");
    catalog.store_series(&series).unwrap();
    let key = key_of(&series);
    let funding: Vec<Received<FundingRate>> =
        funding.into_iter().map(|item| Received { received: item.funding_time, item }).collect();
    let funding_key = key.with_kind(Kind::Funding);
    catalog.store(&funding_key, Scale::default(), &funding, &source()).unwrap();
    for name in ["candles.csv", "candles.csv.gz", "candles.parquet"] {
        let path = folder.path().join(name);
        catalog.export(&key, TimeRange::ALL, &path).unwrap();
        let back = read_series(&path, &ReadOptions::default()).unwrap();
        assert_eq!(back.digest(), series.digest(), "{name}");
    }
    for name in ["funding.csv", "funding.parquet"] {
        let path = folder.path().join(name);
        catalog.export(&funding_key, TimeRange::ALL, &path).unwrap();
        let other = Catalog::open(folder.path().join(format!("from {name}"))).unwrap();
        other.import(&[path], &options()).unwrap();
        assert_eq!(
            other.load_funding(&key, TimeRange::ALL, InstrumentIx(0)).unwrap().rows,
            funding,
            "{name}"
        );
    }
    let error = catalog.export(&key, TimeRange::ALL, &folder.path().join("x.xlsx")).unwrap_err();
    assert!(error.to_string().contains(".csv.gz or .parquet"), "{error}");
    let nowhere = folder.path().join("none/candles.csv");
    let error = catalog.export(&key, TimeRange::ALL, &nowhere).unwrap_err().to_string();
    assert!(error.contains("none/candles.csv: there is no folder"), "{error}");
}

const HEADER: &str = "open_time,open,high,low,close,volume\n";

#[test]
fn a_bad_file_is_refused_and_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("catalog");
    let catalog = Catalog::open(&root).unwrap();
    let good = folder.path().join("good.csv");
    let rows: String = (0..10).map(|i| format!("{},1,2,0.5,1.5,3\n", 1_704_067_200 + i * 60)).collect();
    fs::write(&good, format!("{HEADER}{rows}")).unwrap();
    catalog.import(std::slice::from_ref(&good), &options()).unwrap();
    let before = snapshot(&root);

    let csv = |rows: &str| format!("{HEADER}1704067200,1,2,0.5,1.5,3\n{rows}").into_bytes();
    let gz = |text: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    };
    let packed = gz(&csv(&rows.repeat(50)));
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("nan", csv("1704067260,1,2,0.5,NaN,3\n"), "line 3, column close, value \"NaN\""),
        ("negative", csv("1704067260,1,2,-0.5,1.5,3\n"), "line 3, column low, value \"-0.5\""),
        ("zero", csv("1704067260,0,2,0.5,1.5,3\n"), "line 3, column open, value \"0.0\""),
        ("high below low", csv("1704067260,1,0.5,2,1,3\n"), "high is below low"),
        ("open outside", csv("1704067260,9,2,0.5,1.5,3\n"), "line 3, column open, value \"9.0\""),
        ("close outside", csv("1704067260,1,2,0.5,9,3\n"), "column close, value \"9.0\": close must lie in"),
        ("negative volume", csv("1704067260,1,2,0.5,1.5,-3\n"), "column volume, value \"-3\""),
        ("duplicate", csv("1704067200,1,2,0.5,1.5,3\n"), "same time"),
        ("disorder", csv("1704067320,1,2,0.5,1.5,3\n1704067260,1,2,0.5,1.5,3\n"), "line 4, column open_time"),
        (
            "off grid",
            csv("1704067260,1,2,0.5,1.5,3\n1704067333,1,2,0.5,1.5,3\n"),
            "no candle of 1m opens then",
        ),
        ("field count", csv("1704067260,1,2,0.5\n"), "4 fields; the header has 6"),
        ("text", csv("1704067260,1,2,abc,1.5,3\n"), "value \"abc\""),
        ("too precise", csv("1704067260,1,2,0.5,1.5,99999999999999999999\n"), "column volume"),
        (
            "missing column",
            b"open_time,open,high,close,volume\n1,1,1,1,1\n".to_vec(),
            "columns missing for candles: low",
        ),
        ("other columns", b"a,b,c\n1,1,1\n".to_vec(), "no known table"),
        ("empty", Vec::new(), "empty"),
        ("header only", HEADER.as_bytes().to_vec(), "no rows"),
        ("not utf-8", b"\xff\xfeo\x00p\x00".to_vec(), "UTF-8"),
        (
            "bad bytes",
            [HEADER.as_bytes(), b"1704067260,1,2,0.5,\xff\xfe,3\n"].concat(),
            "line 2, column close",
        ),
        ("parquet stub", b"PAR1".to_vec(), "not a readable Parquet file"),
        ("feather stub", b"ARROW1\0\0".to_vec(), "not a readable Arrow file"),
        ("zip", b"PK\x03\x04....".to_vec(), "unpack it first"),
        ("truncated gz", packed[..packed.len() / 2].to_vec(), "truncated"),
        ("gz without tail", packed[..packed.len() - 4].to_vec(), "truncated"),
        ("json", b"[1]".to_vec(), "a row [time"),
        ("object", b"{\"a\": 1}".to_vec(), "no message of a market stream"),
    ];
    for (name, content, expected) in cases {
        let path = folder.path().join(format!("{name}.csv"));
        fs::write(&path, content).unwrap();
        let options = ImportOptions { timeframe: Some(Timeframe::MINUTE), ..options() };
        let error = catalog.import(&[good.clone(), path.clone()], &options).unwrap_err().to_string();
        assert!(error.contains(expected), "{name}: {error}");
        assert!(error.contains(&format!("{name}.csv")), "{name}: the file is not named: {error}");
        assert_eq!(snapshot(&root), before, "{name}: something changed");
    }
    for name in ["text.parquet", "text.feather", "text.csv.gz"] {
        let path = folder.path().join(name);
        fs::write(&path, "<html>not found</html>\n").unwrap();
        let error = catalog.import(&[path], &options()).unwrap_err().to_string();
        assert!(error.contains(&format!("{name}: its name says")), "{error}");
    }
    for (path, expected) in
        [(folder.path().to_owned(), "a folder"), (folder.path().join("none"), "cannot be read")]
    {
        assert!(catalog.import(&[path], &options()).unwrap_err().to_string().contains(expected));
    }
}

#[test]
fn all_faults_are_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.csv");
    let rows: String = (0..30).map(|i| format!("{},1,2,0.5,x,3\n", 1_704_067_200 + i * 60)).collect();
    fs::write(&path, format!("{HEADER}{rows}")).unwrap();
    let catalog = Catalog::open(folder.path().join("catalog")).unwrap();
    let options = ImportOptions { timeframe: Some(Timeframe::MINUTE), ..options() };
    match catalog.import(&[path], &options).unwrap_err() {
        ImportError::Rows { faults, total, .. } => {
            assert_eq!((faults.len(), total), (20, 30));
            assert_eq!((faults[0].line, faults[19].line), (2, 21));
        }
        other => panic!("{other}"),
    }
}

#[test]
fn what_is_unclear_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.csv");
    fs::write(&path, format!("{HEADER}1704067200,1,2,0.5,1.5,3\n")).unwrap();
    let catalog = Catalog::open(folder.path().join("catalog")).unwrap();
    let fails = |options: &ImportOptions, flag: &str| {
        let error = catalog.import(std::slice::from_ref(&path), options).unwrap_err().to_string();
        assert!(error.contains(flag), "{error}");
    };
    let mut asked = ImportOptions::default();
    fails(&asked, "--exchange");
    asked.exchange = Some(Exchange::Bybit);
    fails(&asked, "--timeframe");
    asked.timeframe = Some(Timeframe::MINUTE);
    fails(&asked, "--symbol");
    asked.symbol = Some("../../etc".to_owned());
    fails(&asked, "not a symbol");
    asked.symbol = Some("XUSDT".to_owned());
    assert_eq!(catalog.import(&[path], &asked).unwrap().counts().added, 1);
}

#[test]
fn a_repairing_import_says_what_it_did() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dirty.csv");
    let rows = "1704067200,1,2,0.5,1.5,3\n1704067200,1,2,0.5,1.5,3\n1704067260,1,2,0.5,oops,3\n1704067320,1,2,0.5,1,3\n";
    fs::write(&path, format!("{HEADER}{rows}")).unwrap();
    let catalog = Catalog::open(folder.path().join("catalog")).unwrap();
    let asked = ImportOptions {
        timeframe: Some(Timeframe::MINUTE),
        repair: Some(RepairOptions { fill_gaps: true }),
        ..options()
    };
    let report = catalog.import(&[path], &asked).unwrap();
    let repair = report.files[0].repair.unwrap();
    assert_eq!((repair.unreadable, repair.duplicates, repair.filled), (1, 1, 1));
    assert_eq!(report.counts().added, 3);
}

#[test]
fn mark_candles_and_funding_are_told_by_path_or_option() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("mark")).unwrap();
    let path = folder.path().join("mark/SYNUSDT.csv");
    fs::write(&path, "date,open,high,low,close\n2024-01-01,1,2,0.5,1.5\n2024-01-02,1,2,0.5,1.5\n").unwrap();
    let catalog = Catalog::open(folder.path().join("catalog")).unwrap();
    let report = catalog.import(std::slice::from_ref(&path), &options()).unwrap();
    assert_eq!(report.series[0].key.kind, Kind::MarkCandles(Timeframe::DAY));
    let funding = ImportOptions { kind: Some(DataKind::Funding), ..options() };
    catalog.import(&[path], &funding).unwrap();
    let rates = catalog.load_funding(&report.series[0].key, TimeRange::ALL, InstrumentIx(0)).unwrap();
    assert_eq!(rates.rows[0].item.rate, Rate::ONE);
}

#[test]
fn damage_and_absence_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    let series = market(1, 100, "2024-01-01").series;
    let key = key_of(&series);
    assert!(matches!(catalog.load_bars(&key, TimeRange::ALL), Err(CatalogError::NotFound { .. })));
    catalog.store_series(&series).unwrap();
    let error =
        catalog.load_bars(&key.with_kind(Kind::Candles(Timeframe::HOUR)), TimeRange::ALL).unwrap_err();
    assert!(error.to_string().contains("there is synthetic SYNUSDT candles-1m"), "{error}");
    let file = folder.path().join("synthetic/SYNUSDT/candles-1m/2024.parquet");
    let good = fs::read(&file).unwrap();
    for cut in [0, 4, good.len() / 2, good.len() - 1] {
        fs::write(&file, &good[..cut]).unwrap();
        assert!(
            matches!(catalog.load_bars(&key, TimeRange::ALL), Err(CatalogError::Corrupt { .. })),
            "cut at {cut}"
        );
    }
    let moved = folder.path().join("synthetic/OTHERUSDT/candles-1m");
    fs::create_dir_all(&moved).unwrap();
    fs::write(moved.join("2024.parquet"), good).unwrap();
    let error =
        catalog.load_bars(&SeriesKey { symbol: "OTHERUSDT".into(), ..key }, TimeRange::ALL).unwrap_err();
    assert!(error.to_string().contains("it holds synthetic SYNUSDT"), "{error}");
}

/// Run by the test below in processes of its own; does nothing otherwise.
#[test]
fn child_that_imports() {
    let Some(root) = std::env::var_os("CATALOG_TEST_ROOT") else { return };
    let offset: usize = std::env::var("CATALOG_TEST_PART").unwrap().parse().unwrap();
    let whole = market(1, 4_000, "2023-12-31").series;
    let catalog = Catalog::open(PathBuf::from(root)).unwrap();
    for chunk in whole.bars.chunks(100).skip(offset).step_by(2) {
        catalog.store_series(&Series { bars: chunk.to_vec(), ..whole.clone() }).unwrap();
    }
}

#[test]
fn two_processes_may_import_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let spawn = |part: &str| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_imports"])
            .env("CATALOG_TEST_ROOT", folder.path())
            .env("CATALOG_TEST_PART", part)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut children = [spawn("0"), spawn("1")];
    let whole = market(1, 4_000, "2023-12-31").series;
    let catalog = Catalog::open(folder.path()).unwrap();
    let mut seen = 0;
    while children.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
        // A reader meanwhile sees whole files only, and never fewer rows than before.
        match catalog.load_bars(&key_of(&whole), TimeRange::ALL) {
            Ok(series) => {
                assert!(series.bars.len() >= seen && series.bars.len().is_multiple_of(100));
                seen = series.bars.len();
            }
            Err(CatalogError::NotFound { .. }) => assert_eq!(seen, 0),
            Err(other) => panic!("{other}"),
        }
    }
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let loaded = catalog.load_bars(&key_of(&whole), TimeRange::ALL).unwrap();
    assert_eq!(loaded.bars, whole.bars);
}
