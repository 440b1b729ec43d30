//! Imports a candle file into a throw-away catalog and times reading it back:
//! `cargo run --release -p catalog --example load_speed -- FILE`.
#![allow(clippy::print_stdout, clippy::unwrap_used)] // a measuring tool

use catalog::{Catalog, ReadOptions, SeriesKey, TimeRange, read_series};
use std::time::Instant;

fn main() {
    let file = std::env::args().nth(1).unwrap();
    let size = std::fs::metadata(&file).unwrap().len() as f64 / 1e6;
    let start = Instant::now();
    let series = read_series(file.as_ref(), &ReadOptions::default()).unwrap();
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "read    {} bars, {size:.1} MB in {seconds:.3} s: {:.0} MB/s",
        series.bars.len(),
        size / seconds
    );
    let folder = std::env::temp_dir().join(format!("load-speed-{}", std::process::id()));
    let catalog = Catalog::open(&folder).unwrap();
    let start = Instant::now();
    catalog.store_series(&series).unwrap();
    let bytes: u64 = catalog.list().unwrap().iter().map(|holding| holding.bytes).sum();
    let per_bar = bytes as f64 / series.bars.len() as f64;
    println!("stored  in {:.3} s, {per_bar:.2} bytes a bar", start.elapsed().as_secs_f64());
    let key = SeriesKey::candles(series.exchange, series.symbol.clone(), series.timeframe);
    for _ in 0..6 {
        let start = Instant::now();
        let loaded = catalog.load_bars(&key, TimeRange::ALL).unwrap();
        println!("loaded  {} bars in {:.1} ms", loaded.bars.len(), start.elapsed().as_secs_f64() * 1e3);
        assert_eq!(loaded.digest(), series.digest());
    }
    std::fs::remove_dir_all(folder).unwrap();
}
