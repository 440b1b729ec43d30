//! The package's own output, file by file and on the portable series.

use std::path::{Path, PathBuf};

use crate::hindsight::{self, Swing};
use crate::series::reference;
use indicators::Ohlcv;
use units::Timestamp;

/// One line of a table: the bar and its cells.
type Row = (usize, Vec<Option<f64>>);

fn reference_folder() -> Option<PathBuf> {
    let shared = std::env::var_os("PLIMSOLL_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let folder = shared.join("golden");
    if folder.join("smc").is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: no smart-money reference values at {} (set PLIMSOLL_SHARED)", folder.display());
    None
}

fn read(path: &Path) -> Vec<Vec<Option<f64>>> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let cell = |cell: &str| (!cell.is_empty()).then(|| cell.parse().expect("a number"));
    text.lines().skip(1).map(|line| line.split(',').map(cell).collect()).collect()
}

fn candles(folder: &Path, slice: &str) -> Vec<Ohlcv> {
    let rows = read(&folder.join(format!("indicators/{slice}.input.csv")));
    let bar = |row: &Vec<Option<f64>>| {
        let x: Vec<f64> = row.iter().copied().flatten().collect();
        let opened = Timestamp::from_millis(x[0] as i64).expect("a time");
        Ohlcv { opened, open: x[1], high: x[2], low: x[3], close: x[4], volume: x[5] }
    };
    rows.iter().map(bar).collect()
}

fn sign(is_high: bool) -> f64 {
    if is_high { 1.0 } else { -1.0 }
}

fn nonzero(x: i32) -> Option<f64> {
    (x != 0).then(|| f64::from(x))
}

fn swing_rows(bars: &[Ohlcv], swings: &[Swing]) -> Vec<Row> {
    swings.iter().map(|it| (it.0, vec![Some(sign(it.1)), Some(hindsight::level(bars, *it))])).collect()
}

fn break_rows(bars: &[Ohlcv], swings: &[Swing], by_close: bool) -> Vec<Row> {
    let row = |it: &hindsight::BreakLabel| {
        (it.bar, vec![nonzero(it.bos), nonzero(it.choch), Some(it.level), Some(it.broken as f64)])
    };
    hindsight::breaks(bars, swings, by_close).iter().map(row).collect()
}

fn block_rows(bars: &[Ohlcv], swings: &[Swing], by_close: bool) -> Vec<Row> {
    let labels = hindsight::blocks(bars, swings, by_close);
    let row = |(bar, it): (usize, &hindsight::BlockLabel)| {
        let cells = [f64::from(it.sign), it.top, it.bottom, it.volume, it.mitigated as f64, it.percentage];
        (bar, cells.map(Some).to_vec())
    };
    labels.iter().enumerate().filter(|(_, it)| it.sign != 0).map(row).collect()
}

fn pool_rows(bars: &[Ohlcv], swings: &[Swing], percent: f64) -> Vec<Row> {
    let row = |it: &hindsight::PoolLabel| {
        let cells = [f64::from(it.sign), it.level, it.end as f64, it.swept as f64];
        (it.bar, cells.map(Some).to_vec())
    };
    hindsight::pools(bars, swings, percent).iter().map(row).collect()
}

fn gap_rows(bars: &[Ohlcv], join: bool) -> Vec<Row> {
    let row = |it: &hindsight::GapLabel| {
        (it.bar, [f64::from(it.sign), it.top, it.bottom, it.mitigated as f64].map(Some).to_vec())
    };
    hindsight::gaps(bars, join).iter().map(row).collect()
}

fn previous_rows(bars: &[Ohlcv], seconds: i64) -> Vec<Row> {
    let row = |(bar, (last, passed)): (usize, (Option<[f64; 2]>, [bool; 2]))| {
        let [high, low] = passed.map(|it| Some(f64::from(u8::from(it))));
        (bar, vec![last.map(|it| it[0]), last.map(|it| it[1]), high, low])
    };
    hindsight::previous(bars, seconds).into_iter().enumerate().map(row).collect()
}

fn session_rows(bars: &[Ohlcv], start: i64, end: i64) -> Vec<Row> {
    let labels = hindsight::session(bars, start, end);
    let row =
        |(is_in, high, low): (bool, f64, f64)| [f64::from(u8::from(is_in)), high, low].map(Some).to_vec();
    labels.into_iter().map(row).enumerate().collect()
}

fn retracement_rows(bars: &[Ohlcv], swings: &[Swing]) -> Vec<Row> {
    let row = |(way, now, deepest)| [f64::from(way), now, deepest].map(Some).to_vec();
    hindsight::retracements(bars, swings).into_iter().map(row).enumerate().collect()
}

/// The rows of a file, told by its name.
fn compute(name: &str, bars: &[Ohlcv]) -> Option<Vec<Row>> {
    let (kind, rest) = name.split_once('_').unwrap_or((name, ""));
    let swings = |text: &str| {
        let digits: String =
            text.trim_start_matches("swing").chars().take_while(char::is_ascii_digit).collect();
        hindsight::swings(bars, digits.parse().expect("a length"))
    };
    Some(match kind {
        "fvg" => gap_rows(bars, rest == "join1"),
        "bos" => break_rows(bars, &swings(rest), rest.ends_with("close1")),
        "ob" => block_rows(bars, &swings(rest), rest.ends_with("close1")),
        "liq" => {
            let (_, percent) = rest.split_once("_r")?;
            pool_rows(bars, &swings(rest), percent.parse().ok()?)
        }
        "prevhl" => previous_rows(bars, if rest == "1D" { 86_400 } else { 14_400 }),
        "retr" => retracement_rows(bars, &swings(rest)),
        "sess" => {
            let (start, end) = match rest {
                "Sydney" => (21 * 60, 6 * 60),
                "Tokyo" => (0, 9 * 60),
                "London" => (7 * 60, 16 * 60),
                "New_York" => (13 * 60, 22 * 60),
                "Asian_kill_zone" => (0, 4 * 60),
                "New_York_kill_zone" => (11 * 60, 14 * 60),
                "custom" => (9 * 60 + 30, 11 * 60),
                _ => return None,
            };
            session_rows(bars, start, end)
        }
        swing if swing.starts_with("swing") => {
            let swings = swings(swing);
            swing_rows(bars, &swings)
        }
        _ => return None,
    })
}

fn is_equal(got: &Row, want: &Row) -> bool {
    let close = |(g, w): (&Option<f64>, &Option<f64>)| match (g, w) {
        (Some(g), Some(w)) => (g - w).abs() <= 1e-6 * w.abs(),
        (None, None) => true,
        _ => false,
    };
    got.0 == want.0 && got.1.len() == want.1.len() && got.1.iter().zip(&want.1).all(close)
}

#[test]
fn every_file_of_the_package_is_reproduced() {
    let Some(folder) = reference_folder() else { return };
    let mut compared = 0;
    for slice in ["bybit_BTCUSDT_5m", "binance_ETHUSDT_1h"] {
        let bars = candles(&folder, slice);
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder.join("smc"))
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|it| it == "csv"))
            .collect();
        files.sort();
        for path in files {
            let file = path.file_stem().and_then(|it| it.to_str()).expect("a name");
            let Some(name) = file.strip_prefix(slice).and_then(|it| it.strip_prefix(".smc_")) else {
                continue;
            };
            let got =
                compute(name, &bars).unwrap_or_else(|| panic!("{file} is a kind of file that is not known"));
            let want: Vec<Row> = read(&path)
                .iter()
                .map(|row| (row[0].expect("an index") as usize, row[2..].to_vec()))
                .collect();
            let differs = got.iter().zip(&want).find(|(got, want)| !is_equal(got, want));
            assert!(differs.is_none(), "{file}: {differs:?}");
            assert_eq!(got.len(), want.len(), "{file}: rows");
            compared += 1;
        }
    }
    assert_eq!(compared, 54, "files");
}

fn count(rows: &[Row], column: usize, value: f64) -> usize {
    rows.iter().filter(|row| row.1[column] == Some(value)).count()
}

/// The numbers that were published for the portable series, with swings of 5 bars.
#[test]
fn the_portable_series_is_labelled_as_published() {
    let bars = reference(500);
    let swings = hindsight::swings(&bars, 5);
    let gaps = gap_rows(&bars, false);
    assert_eq!([count(&gaps, 0, 1.0), count(&gaps, 0, -1.0)], [49, 36]);
    assert_eq!(gaps.iter().filter(|row| row.1[3] != Some(0.0)).count(), 78);
    let gap = |bar, cells: [f64; 4]| (bar, cells.map(Some).to_vec());
    let first = [
        gap(3, [1.0, 60020.7, 60015.5, 5.0]),
        gap(23, [1.0, 59977.7, 59975.0, 26.0]),
        gap(27, [-1.0, 59972.4, 59967.2, 30.0]),
        gap(28, [-1.0, 59960.8, 59959.0, 30.0]),
    ];
    assert_eq!(gaps[..4], first);
    let joined = gap_rows(&bars, true);
    assert_eq!([count(&joined, 0, 1.0), count(&joined, 0, -1.0)], [42, 31]);

    let rows = swing_rows(&bars, &swings);
    assert_eq!([count(&rows, 0, 1.0), count(&rows, 0, -1.0)], [28, 27]);
    let swing = |bar, side, level| (bar, vec![Some(side), Some(level)]);
    assert_eq!(rows[..3], [swing(0, 1.0, 60012.1), swing(21, -1.0, 59949.2), swing(24, 1.0, 60000.5)]);
    assert_eq!(rows[52..], [swing(492, 1.0, 60177.4), swing(494, -1.0, 60138.6), swing(499, 1.0, 60181.8)]);

    let breaks = break_rows(&bars, &swings, true);
    let counts = [(0, 1.0), (0, -1.0), (1, 1.0), (1, -1.0)].map(|(column, way)| count(&breaks, column, way));
    assert_eq!(counts, [6, 8, 5, 2]);
    for (bar, level, broken) in
        [(24, 60000.5, 35.0), (48, 59989.4, 59.0), (77, 60114.9, 93.0), (98, 60177.4, 109.0)]
    {
        let row = breaks.iter().find(|row| row.0 == bar).expect("a break");
        assert!(is_equal(&(bar, row.1[2..].to_vec()), &(bar, vec![Some(level), Some(broken)])), "{row:?}");
    }

    let blocks = block_rows(&bars, &swings, false);
    assert_eq!([count(&blocks, 0, 1.0), count(&blocks, 0, -1.0)], [2, 2]);
    let block = |bar, way, bottom, top, volume| (bar, [way, top, bottom, volume].map(Some).to_vec());
    let want = [
        block(52, 1.0, 59950.5, 59977.5, 14333.0),
        block(206, -1.0, 60299.0, 60322.8, 12079.0),
        block(240, -1.0, 60232.5, 60268.2, 14951.0),
        block(472, 1.0, 60015.3, 60033.0, 18320.0),
    ];
    assert!(
        blocks.iter().zip(&want).all(|(got, want)| is_equal(&(got.0, got.1[..4].to_vec()), want)),
        "{blocks:?}"
    );
    assert!((blocks[0].1[5].expect("a percentage") - 35.191_475).abs() < 1e-4);

    let pools = pool_rows(&bars, &swings, 0.01);
    assert_eq!([count(&pools, 0, 1.0), count(&pools, 0, -1.0)], [2, 6]);
    let pool = |bar, level, end, swept| (bar, [-1.0, level, end, swept].map(Some).to_vec());
    for want in [
        pool(28, 59940.1, 45.0, 0.0),
        pool(102, 60140.8, 120.0, 130.0),
        pool(130, 60123.5, 289.0, 300.0),
        pool(152, 60157.7, 249.0, 262.0),
        pool(164, 60178.8, 235.0, 246.0),
    ] {
        assert!(pools.iter().any(|got| is_equal(got, &want)), "{want:?} in {pools:?}");
    }

    let days = previous_rows(&bars, 86_400);
    for (bar, high, low) in [(97, 60150.9, 59938.6), (193, 60322.0, 60124.2), (499, 60243.2, 60015.3)] {
        assert!(is_equal(&(bar, days[bar].1[..2].to_vec()), &(bar, vec![Some(high), Some(low)])), "{bar}");
    }
    let london = session_rows(&bars, 6 * 60, 9 * 60);
    assert_eq!(count(&london, 0, 1.0), 65);
    assert!(is_equal(&london[36], &(36, vec![Some(1.0), Some(60023.7), Some(59941.6)])));
}
