//! Reports of small runs: a real engine and a real venue on markets drawn by hand.

use super::{
    Breakdown, Compat, Document, ReportInput, ReportOptions, StrategyInfo, TextStyle, export, html, json,
    text, write_equity_csv, write_trades_csv, write_trades_json,
};
use crate::{Job, Outcome, Silent, Tape, run};
use engine::risk::{Limits, Sizing};
use engine::{FaultPolicy, Setup, StrategySetup};
use expect_test::expect_file;
use model::{
    Bar, Breach, Exchange, Figure, Instrument, InstrumentIx, InstrumentKind, InstrumentSpec, MarginTier,
    Notice, NoticeKind, Refusal, RiskLimit, Severity, Timeframe,
};
use units::{Amount, Decimal, Price, Prng, Quantity, Rate, Span, Timestamp};
use venue::{LimitFill, Slippage, VenueConfig};

fn amount(text: &str) -> Amount {
    Amount::parse(text).unwrap()
}

fn rate(text: &str) -> Rate {
    Rate::parse(text).unwrap()
}

fn instrument(base: &str) -> Instrument {
    Instrument::new(InstrumentSpec {
        symbol: format!("{base}USDT"),
        exchange: Exchange::Synthetic,
        kind: InstrumentKind::LinearPerpetual,
        base: base.into(),
        quote: "USDT".into(),
        price_decimals: 2,
        quantity_decimals: 3,
        contract_size: Decimal { mantissa: 1, decimals: 0 },
        tick_size: Price::new(1),
        quantity_step: Quantity::new(1),
        min_quantity: Quantity::new(1),
        max_limit_quantity: Quantity::new(1_000_000_000),
        max_market_quantity: Quantity::new(1_000_000_000),
        min_notional: amount("5"),
        margin_tiers: vec![MarginTier {
            notional_limit: amount("100000000"),
            maintenance_rate: rate("0.005"),
            max_leverage: rate("100"),
            deduction: Amount::ZERO,
        }],
        funding_interval: Span::from_seconds(8 * 3600),
        version: 1,
    })
    .unwrap()
}

/// Hourly candles from 2024-01-30 through these closes, in cents; each opens where the last one closed.
fn hours(closes: &[i64]) -> Vec<Bar> {
    let start = Timestamp::parse("2024-01-30").unwrap();
    let mut open = closes.first().copied().unwrap_or(0);
    let bar = |(hour, close): (i64, &i64)| {
        let from = std::mem::replace(&mut open, *close);
        Bar {
            open_time: start + Span::from_seconds(hour * 3600),
            open: Price::new(from),
            high: Price::new(from.max(*close)),
            low: Price::new(from.min(*close)),
            close: Price::new(*close),
            volume: Quantity::new(1_000),
        }
    };
    (0i64..).zip(closes).map(bar).collect()
}

/// A wave between `low` and `low + height` cents with a slow drift, `period` hours long.
fn wave(count: i64, low: i64, height: i64, period: i64, drift: i64) -> Vec<i64> {
    let half = period / 2;
    (0..count).map(|i| low + drift * i + height * (half - (i % period - half).abs()) / half).collect()
}

/// The same with noise of up to `spread` cents.
fn rough(closes: Vec<i64>, spread: u64) -> Vec<i64> {
    let mut noise = Prng::new(7);
    closes.into_iter().map(|close| close + i64::try_from(noise.below(spread)).unwrap()).collect()
}

/// A run and what a report of it needs.
struct Run {
    outcome: Outcome,
    instruments: Vec<Instrument>,
    strategies: Vec<StrategyInfo>,
    header: Vec<(String, String)>,
    options: ReportOptions,
}

impl Run {
    fn input(&self) -> ReportInput<'_> {
        ReportInput {
            outcome: &self.outcome,
            instruments: &self.instruments,
            strategies: &self.strategies,
            timeframe: Timeframe::HOUR,
            header: &self.header,
            load_seconds: Some(0.25),
            run_seconds: None,
            options: &self.options,
        }
    }

    fn text(&self) -> String {
        text(&self.input(), TextStyle::default())
    }
}

/// Runs strategies, each `(name, parameters)`, on markets, each `(base, closes)`.
fn run_on(
    markets: &[(&str, Vec<i64>)],
    strategies: &[(&str, &[(&str, &str)])],
    house_stop: Option<&str>,
    fee: &str,
) -> Run {
    let tape = Tape::of(
        Timeframe::HOUR,
        markets.iter().map(|(base, closes)| (instrument(base), hours(closes))).collect(),
    );
    let instruments = tape.instruments();
    let all: Vec<InstrumentIx> = (0u32..).zip(markets).map(|(i, _)| InstrumentIx(i)).collect();
    let (mut setups, mut infos) = (Vec::new(), Vec::new());
    for (name, given) in strategies {
        let (strategy, parameters) = strategy::build(name, given.iter().copied(), &all).unwrap();
        let tags = strategy::find(name).unwrap().tags;
        infos.push(StrategyInfo {
            name: (*name).to_owned(),
            strategy: (*name).to_owned(),
            timeframe: Some(Timeframe::HOUR),
            weight: Some(Rate::ONE),
            parameters: parameters.iter().map(|(k, v)| (k.to_owned(), v.to_string())).collect(),
            tags: tags.iter().map(ToString::to_string).collect(),
        });
        setups.push(StrategySetup {
            name: (*name).to_owned(),
            strategy,
            instruments: all.clone(),
            timeframe: Timeframe::HOUR,
            weight: Rate::ONE,
            on_fault: FaultPolicy::Close,
            wants_house_stop: true,
            wants_house_target: false,
            is_exempt_from_stop: false,
            rebuild: None,
        });
    }
    let limits = Limits {
        sizing: Sizing::FixedNotional(amount("1000")),
        house_stop: house_stop.map(rate),
        taker_fee: rate(fee),
        ..Limits::default()
    };
    let setup = Setup {
        instruments: instruments.clone(),
        initial_balance: amount("10000"),
        limits,
        min_strength: Rate::ZERO,
        voting: engine::Voting::default(),
        keep_bars: 0,
        trade_from: Timestamp::MIN,
        house_plan: None,
        guards: engine::Guards::default(),
    };
    let venue = VenueConfig {
        initial_balance: amount("10000"),
        taker_fee: rate(fee),
        maker_fee: rate("0.0002"),
        slippage: Slippage::NONE,
        limit_fill: LimitFill::Through,
        leverage: Rate::ONE,
        ..VenueConfig::default()
    };
    let outcome =
        run(&Job { tape, setup, venue, keep_trades: true, stress: false }, setups, &mut Silent).unwrap();
    let header = [("Strategy", "ema_crossover (fast 2, slow 5)"), ("Fees", "taker 0.055%, maker 0.02%")];
    let header = header.map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec();
    Run { outcome, instruments, strategies: infos, header, options: ReportOptions::default() }
}

const FAST: &[(&str, &str)] = &[("fast", "2"), ("slow", "5")];
const LONG_ONLY: &[(&str, &str)] = &[("fast", "2"), ("slow", "5"), ("long_only", "true")];

/// Two markets, two strategies, stops, a position left open, refusals and notices.
fn busy() -> Run {
    let markets = [
        ("BTC", rough(wave(400, 4_000_000, 300_000, 40, 500), 60_000)),
        ("ETH", rough(wave(400, 220_000, 9_000, 26, -60), 3_000)),
    ];
    let strategies = [("ema_crossover", FAST), ("sma_crossover", LONG_ONLY)];
    let mut run = run_on(&markets, &strategies, Some("0.01"), "0.00055");
    let refused = |refusal, count| crate::RefusalCount { instrument: InstrumentIx(1), refusal, count };
    let met = |limit| {
        let [allowed, requested] = ["10", "11"].map(|a| Figure::Amount(amount(a)));
        Refusal::Limit(Breach { limit, allowed, current: None, requested })
    };
    run.outcome.refusals = vec![refused(met(RiskLimit::Margin), 7), refused(met(RiskLimit::MinValue), 1)];
    let halted = Notice { severity: Severity::Warning, kind: NoticeKind::Paused { paused: true } };
    let liquidated =
        Notice { severity: Severity::Critical, kind: NoticeKind::Liquidated { instrument: InstrumentIx(0) } };
    run.outcome.notices = (1_700_000_000..)
        .step_by(3_600)
        .zip([halted.clone(), liquidated, halted])
        .map(|(at, notice)| crate::Noticed { at: Timestamp::from_seconds(at).unwrap(), notice })
        .collect();
    run.options.breakdown = Breakdown::ALL.to_vec();
    run.options.compat = Some(Compat::Freqtrade);
    run
}

#[test]
fn a_busy_run() {
    expect_file!["snapshots/busy.txt"].assert_eq(&busy().text());
    let narrow = text(&busy().input(), TextStyle { width: 80, ..TextStyle::default() });
    expect_file!["snapshots/busy_narrow.txt"].assert_eq(&narrow);
    expect_file!["snapshots/busy.json"].assert_eq(&json(&busy().input()));
}

#[test]
fn no_trades() {
    let run = run_on(&[("BTC", vec![4_000_000; 3])], &[("ema_crossover", FAST)], None, "0.00055");
    assert_eq!(run.outcome.trade_count, 0);
    expect_file!["snapshots/no_trades.txt"].assert_eq(&run.text());
}

#[test]
fn no_candles_at_all() {
    let run = run_on(&[("BTC", Vec::new())], &[("ema_crossover", FAST)], None, "0.00055");
    let text = run.text();
    assert!(text.contains("Backtesting from") && !text.contains("NaN") && !text.contains("inf"), "{text}");
    assert!(html(&run.input()).ends_with("</html>\n"));
}

#[test]
fn one_trade_within_one_day() {
    let closes = [wave(10, 4_000_000, 0, 10, 0), wave(14, 4_000_000, 200_000, 14, 0)].concat();
    let run = run_on(&[("BTC", closes)], &[("ema_crossover", LONG_ONLY)], None, "0.00055");
    assert_eq!((run.outcome.trade_count, run.outcome.days.len()), (1, 1));
    expect_file!["snapshots/one_trade.txt"].assert_eq(&run.text());
}

/// The price returns to where it was whenever the averages cross: every trade pays fees for nothing.
#[test]
fn nothing_but_losses() {
    let closes = wave(100, 4_000_000, 40_000, 4, 0);
    let mut run =
        run_on(&[("BTC", closes)], &[("ema_crossover", &[("fast", "1"), ("slow", "2")])], None, "0.00055");
    assert!(run.outcome.trade_count > 10);
    assert!(run.outcome.trades.iter().all(|t| t.net().is_negative()));
    run.options.compat = Some(Compat::Lean);
    expect_file!["snapshots/losses.txt"].assert_eq(&run.text());
}

#[test]
fn an_interrupted_run_says_so() {
    let mut run = run_on(&[("BTC", wave(30, 4_000_000, 0, 10, 0))], &[("ema_crossover", FAST)], None, "0");
    assert!(!run.text().contains("PARTIAL"));
    run.outcome.is_partial = true;
    let line = "PARTIAL: interrupted after 30 candles, at 2024-01-31 06:00:00; all figures are of what was finished.";
    assert!(run.text().contains(line), "{}", run.text());
    assert!(Document::new(&run.input()).is_partial);
}

#[test]
fn trades_that_were_not_kept_are_not_passed_over() {
    let mut run = busy();
    run.outcome.trades.clear();
    assert!(run.text().contains("trades were counted and not kept"), "{}", run.text());
}

#[test]
fn ruin_leaves_no_nan() {
    let mut run = busy();
    run.outcome.days[3].equity = amount("-5");
    run.outcome.final_equity = amount("-5");
    for text in [run.text(), json(&run.input()), html(&run.input())] {
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    }
}

#[test]
fn every_width_and_style_holds_its_width() {
    let run = busy();
    for width in [0, 40, 60, 80, 90, 100, 110, 200] {
        for (is_plain, has_colour) in [(false, false), (true, false), (false, true)] {
            let drawn = text(&run.input(), TextStyle { is_plain, has_colour, width });
            let bare = ["\u{1b}[32m", "\u{1b}[31m", "\u{1b}[0m"].iter().fold(drawn, |t, c| t.replace(c, ""));
            let widest = bare.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= usize::from(width.max(40)), "{widest} at {width}:\n{bare}");
            assert!(!is_plain || bare.is_ascii());
        }
    }
}

#[test]
fn the_same_outcome_gives_the_same_bytes() {
    let (a, b) = (busy(), busy());
    assert_eq!(a.text(), b.text());
    assert_eq!(json(&a.input()), json(&b.input()));
    assert_eq!(html(&a.input()), html(&b.input()));
}

fn written(
    write: impl Fn(&ReportInput<'_>, &mut dyn std::io::Write) -> std::io::Result<()>,
    run: &Run,
) -> String {
    let mut out = Vec::new();
    write(&run.input(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// What the account gained is the profit of the trades, to the last unit; and so the files say.
#[test]
fn the_books_balance() {
    let run = busy();
    let outcome = &run.outcome;
    assert!(outcome.trade_count > 20 && !outcome.open_trades.is_empty());
    let open: Amount = outcome.open_trades.iter().map(|open| open.trade.net() + open.unrealised).sum();
    let csv = written(write_trades_csv, &run);
    let net = |line: &str| amount(line.split(',').nth(15).unwrap());
    let closed: Amount = csv.lines().skip(1).map(net).sum();
    assert_eq!(closed + open, outcome.final_equity - outcome.initial_balance);
    let document = Document::new(&run.input());
    for groups in [&document.per_symbol, &document.exit_reasons, &document.enter_tags] {
        assert_eq!(groups.iter().map(|g| amount(&g.net)).sum::<Amount>(), closed);
        assert_eq!(groups.iter().map(|g| g.trades).sum::<u64>(), outcome.trade_count);
    }
}

#[test]
fn rows_are_exact() {
    let run = busy();
    let csv = written(write_trades_csv, &run);
    let head: Vec<&str> = csv.lines().take(3).collect();
    expect_file!["snapshots/trades_head.csv"].assert_eq(&(head.join("\n") + "\n"));
    let list: serde_json::Value = serde_json::from_str(&written(write_trades_json, &run)).unwrap();
    assert_eq!(list.as_array().unwrap().len(), csv.lines().count() - 1);
    assert_eq!(list[0]["net"], csv.lines().nth(1).unwrap().split(',').nth(15).unwrap());
    let equity = written(write_equity_csv, &run);
    assert_eq!(equity.lines().count(), run.outcome.days.len() + 1);
    assert!(equity.starts_with("date,equity,return\n2024-01-30,"), "{equity}");
}

#[test]
fn an_empty_list_is_a_list() {
    let run = run_on(&[("BTC", vec![4_000_000; 3])], &[("ema_crossover", FAST)], None, "0");
    assert_eq!(written(write_trades_json, &run), "[]\n");
}

#[test]
fn the_page_asks_for_nothing() {
    let mut run = busy();
    run.header.push(("Data".to_owned(), "<img src=x onerror=alert(1)>".to_owned()));
    let page = html(&run.input());
    for forbidden in ["http:", "https:", "<script", "<img", "<link", "url(", "@import"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert_eq!(page.matches("<svg").count(), 2);
    assert_eq!(page.matches("<table>").count(), page.matches("</table>").count());
}

#[test]
fn exports_replace_files_as_a_whole() {
    let run = busy();
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("reports/one");
    for _ in 0..2 {
        export(&run.input(), &directory).unwrap();
        let mut names: Vec<String> = std::fs::read_dir(&directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let expected =
            ["equity.csv", "report.html", "report.json", "report.txt", "trades.csv", "trades.json"];
        assert_eq!(names, expected);
        std::fs::write(directory.join("report.txt"), "old").unwrap();
    }
    export(&run.input(), &directory).unwrap();
    assert_eq!(std::fs::read_to_string(directory.join("report.txt")).unwrap(), run.text());
}

#[test]
fn a_failed_export_names_the_path_and_leaves_no_drafts() {
    let run = busy();
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    std::fs::write(&file, "here").unwrap();
    let error = export(&run.input(), &file).unwrap_err();
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "here");

    let directory = home.path().join("reports");
    std::fs::create_dir_all(directory.join("report.html/blocked")).unwrap();
    let error = export(&run.input(), &directory).unwrap_err();
    assert_eq!(error.path(), directory.join("report.html"));
    let left = std::fs::read_dir(&directory).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    assert!(left.into_iter().all(|name| !name.contains("partial")));
}
