//! Against recorded exchange data, which is not part of the repository. Without it these tests say so and pass.

use catalog::{
    Catalog, CheckOptions, CheckReport, FindingKind, ImportOptions, ReadOptions, SeriesKey, TimeRange,
    check_file, read_series, resample, resolve,
};
use model::{Exchange, InstrumentIx};
use std::path::{Path, PathBuf};

fn shared() -> Option<PathBuf> {
    let root = std::env::var_os("PLIMSOLL_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    if root.join("data/MANIFEST.csv").exists() {
        return Some(root.join("data"));
    }
    eprintln!("SKIPPED: no recorded data at {}; set PLIMSOLL_SHARED", root.display());
    None
}

/// The rows of the manifest that describe candles, as maps from column to value.
fn manifest(data: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(data.join("MANIFEST.csv")).unwrap();
    let rows = text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    rows.filter(|row| row[0].starts_with("candles/") || row[0].starts_with("mark/")).collect()
}

/// The numbers of a report in the order of the manifest.
fn facts(report: &CheckReport) -> [u64; 6] {
    let count = |kinds: &[FindingKind]| kinds.iter().map(|kind| report.count(*kind)).sum();
    [
        count(&[FindingKind::Gap]),
        report.missing_bars,
        count(&[FindingKind::Duplicate, FindingKind::Disorder]),
        count(&[FindingKind::OffGrid]),
        count(&[
            FindingKind::HighBelowLow,
            FindingKind::OpenOutside,
            FindingKind::CloseOutside,
            FindingKind::PriceNotPositive,
        ]),
        count(&[FindingKind::ZeroVolume]),
    ]
}

#[test]
fn a_check_agrees_with_the_manifest() {
    let Some(data) = shared() else { return };
    let rows = manifest(&data);
    assert!(rows.len() > 80, "the manifest has {} rows of candles", rows.len());
    for row in rows {
        let report =
            check_file(&data.join(&row[0]), &ReadOptions::default(), &CheckOptions::default()).unwrap();
        assert_eq!(report.rows.to_string(), row[1], "{}: rows", row[0]);
        assert_eq!(report.from.unwrap().to_string(), row[2], "{}: start", row[0]);
        assert_eq!(report.to.unwrap().to_string(), row[3], "{}: end", row[0]);
        assert_eq!((report.timeframe.seconds() * 1000).to_string(), row[4], "{}: step", row[0]);
        let expected: Vec<u64> = row[5..11].iter().map(|field| field.parse().unwrap()).collect();
        assert_eq!(facts(&report).to_vec(), expected, "{}", row[0]);
    }
}

#[test]
fn everything_goes_in_and_comes_out_the_same() {
    let Some(data) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    for name in ["bybit_linear/5m/BTCUSDT", "binance_usdm/1m/NEARUSDT", "binance_usdm/1d/1000BONKUSDT"] {
        let file = data.join(format!("candles/{name}.csv.gz"));
        let direct = read_series(&file, &ReadOptions::default()).unwrap();
        let report = catalog.import(std::slice::from_ref(&file), &ImportOptions::default()).unwrap();
        assert_eq!(report.counts().added, direct.bars.len() as u64);
        let key = SeriesKey::candles(direct.exchange, direct.symbol.clone(), direct.timeframe);
        let stored = catalog.load_bars(&key, TimeRange::ALL).unwrap();
        assert_eq!(stored.digest(), direct.digest(), "{name}");
        let again = catalog.import(&[file], &ImportOptions::default()).unwrap().counts();
        assert_eq!((again.added, again.replaced, again.unchanged), (0, 0, direct.bars.len() as u64));
    }
    assert_eq!(catalog.list().unwrap().len(), 3);
}

#[test]
fn funding_trades_and_quotes_go_in() {
    let Some(data) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    let files: Vec<PathBuf> = [
        "funding/bybit_linear/2025-09_2026-07.csv.gz",
        "funding/binance_usdm/panel_2026.csv.gz",
        "trades/binance_usdm_BTCUSDT_20240808.csv.gz",
        "quotes/binance_usdm_BTCUSDT_20240808.csv.gz",
        "mark/bybit_linear/1h/BTCUSDT.csv.gz",
    ]
    .map(|name| data.join(name))
    .to_vec();
    let report = catalog.import(&files, &ImportOptions::default()).unwrap();
    let rows: u64 = report.files.iter().map(|file| file.rows).sum();
    assert_eq!(report.counts().added, rows);
    assert_eq!(report.series.len(), 4 + 41 + 3);
    let key = SeriesKey::candles(Exchange::Bybit, "BTCUSDT", model::Timeframe::HOUR);
    let funding = catalog.load_funding(&key, TimeRange::ALL, InstrumentIx(3)).unwrap();
    assert_eq!(funding.rows.len(), 3608 / 4);
    assert_eq!(funding.rows[0].item.instrument, InstrumentIx(3));
    let mark =
        catalog.load_mark_bars(Exchange::Bybit, "BTCUSDT", model::Timeframe::HOUR, TimeRange::ALL).unwrap();
    assert_eq!(mark.bars.len(), 7217);
    assert!(catalog.load_bars(&key, TimeRange::ALL).is_err(), "mark candles are not trade candles");
}

fn read(data: &Path, name: &str) -> catalog::Series {
    read_series(&data.join("candles").join(name), &ReadOptions::default()).unwrap()
}

/// Candles by time as numbers of a common scale, so that 2.0 and 2.00 are equal.
fn values(series: &catalog::Series) -> std::collections::BTreeMap<i64, [String; 5]> {
    let text = |mantissa: i64, decimals| {
        units::Decimal { mantissa: mantissa.into(), decimals }.normalized().to_string()
    };
    let price = |p: units::Price| text(p.mantissa(), series.price_decimals);
    let of = |bar: &model::Bar| {
        let volume = text(bar.volume.mantissa(), series.quantity_decimals);
        [price(bar.open), price(bar.high), price(bar.low), price(bar.close), volume]
    };
    series.bars.iter().map(|bar| (bar.open_time.nanos(), of(bar))).collect()
}

#[test]
fn resampling_agrees_with_the_exchange() {
    let Some(data) = shared() else { return };
    for (fine, coarse, to, least) in [
        ("bybit_linear/15m/BTCUSDT.csv.gz", "bybit_linear/1h/BTCUSDT.csv.gz", "1h", 11_736),
        ("bybit_linear/15m/ETHUSDT.csv.gz", "bybit_linear/1h/ETHUSDT.csv.gz", "1h", 11_280),
        ("bybit_linear/15m/SOLUSDT.csv.gz", "bybit_linear/1h/SOLUSDT.csv.gz", "1h", 11_280),
        ("bybit_linear/5m/BTCUSDT.csv.gz", "bybit_linear/4h/BTCUSDT.csv.gz", "4h", 1_804),
        ("bybit_linear/5m/BNBUSDT.csv.gz", "bybit_linear/4h/BNBUSDT.csv.gz", "4h", 1_804),
        ("binance_usdm/1m/NEARUSDT.csv.gz", "binance_usdm/1d_long/NEARUSDT.csv.gz", "1d", 90),
    ] {
        let made = resample(&read(&data, fine), to.parse().unwrap()).unwrap();
        let (made, theirs) = (values(&made.series), values(&read(&data, coarse)));
        let common = made.iter().filter_map(|(time, bar)| Some((time, bar, theirs.get(time)?)));
        let mut count = 0;
        for (time, ours, theirs) in common {
            assert_eq!(ours, theirs, "{fine} at {}", units::Timestamp::from_nanos(*time));
            count += 1;
        }
        assert!(count >= least, "{fine}: only {count} candles in common");
    }
}

#[test]
fn every_instrument_of_the_data_resolves_and_its_prices_are_on_the_tick() {
    let Some(data) = shared() else { return };
    for folder in ["bybit_linear/5m", "bybit_linear/1m", "binance_usdm/1d", "binance_usdm/1h_turnover"] {
        for entry in std::fs::read_dir(data.join("candles").join(folder)).unwrap() {
            let series = read_series(&entry.unwrap().path(), &ReadOptions::default()).unwrap();
            let (spec, origin) = resolve(&series).unwrap();
            assert_eq!(origin, catalog::Origin::Known, "{} {}", series.exchange, series.symbol);
            let mut series = series;
            catalog::rescale(&mut series, spec.price_decimals, spec.quantity_decimals).unwrap();
            let recent = &series.bars[series.bars.len() - 50..];
            let off = recent.iter().filter(|bar| !bar.close.is_multiple_of(spec.tick_size)).count();
            assert_eq!(off, 0, "{} {}: prices are not multiples of the tick", series.exchange, series.symbol);
        }
    }
}
