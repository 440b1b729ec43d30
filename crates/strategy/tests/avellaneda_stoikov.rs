//! The experiment of Avellaneda and Stoikov 2008, section 3.3: the inventory strategy against one that quotes the same spread
//! around the mid price. Its published table is met within bands that hold for any good stream of random numbers.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use strategy::quoting::avellaneda_stoikov;
use units::Prng;

const S0: f64 = 100.0;
const SIGMA: f64 = 2.0;
const STEPS: u32 = 200;
const DT: f64 = 0.005;
const A: f64 = 140.0;
const K: f64 = 1.5;
const PATHS: u32 = 1_000;

#[derive(Debug)]
struct Table {
    spread: f64,
    profit: f64,
    profit_deviation: f64,
    inventory: f64,
    inventory_deviation: f64,
}

/// One path: profit and final inventory. Fills arrive by chance at the rate of the quote's distance from the mid.
fn path(gamma: f64, is_symmetric: bool, random: &mut Prng, spreads: &mut f64) -> (f64, f64) {
    let (mut mid, mut cash, mut held) = (S0, 0.0, 0.0);
    for step in 0..STEPS {
        let left = 1.0 - f64::from(step) * DT;
        let inventory = if is_symmetric { 0.0 } else { held };
        let quotes = avellaneda_stoikov(mid, inventory, gamma, SIGMA, left, K).unwrap();
        *spreads += 2.0 * quotes.half_spread / f64::from(STEPS);
        let rate = |distance: f64| A * libm::exp(-K * distance) * DT;
        if random.unit() < rate(mid - quotes.bid()) {
            held += 1.0;
            cash -= quotes.bid();
        }
        if random.unit() < rate(quotes.ask() - mid) {
            held -= 1.0;
            cash += quotes.ask();
        }
        let up = random.next_u64() >> 63 == 1;
        mid += if up { SIGMA * DT.sqrt() } else { -SIGMA * DT.sqrt() };
    }
    (cash + held * mid, held)
}

fn experiment(gamma: f64, is_symmetric: bool) -> Table {
    let mut random = Prng::new(1);
    let mut spread = 0.0;
    let ends: Vec<(f64, f64)> =
        (0..PATHS).map(|_| path(gamma, is_symmetric, &mut random, &mut spread)).collect();
    let (profit, profit_deviation) = moments(ends.iter().map(|e| e.0));
    let (inventory, inventory_deviation) = moments(ends.iter().map(|e| e.1));
    let spread = spread / f64::from(PATHS);
    Table { spread, profit, profit_deviation, inventory, inventory_deviation }
}

fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = f64::from(PATHS);
    let mean = values.clone().sum::<f64>() / n;
    let variance = values.map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0);
    (mean, variance.sqrt())
}

#[test]
fn the_published_table_is_met() {
    let (own, plain) = (experiment(0.1, false), experiment(0.1, true));
    assert!((own.spread - 1.492).abs() < 0.001, "{own:?}");
    assert!((62.0..68.0).contains(&own.profit), "{own:?}");
    assert!((5.5..7.5).contains(&own.profit_deviation), "{own:?}");
    assert!((2.5..3.3).contains(&own.inventory_deviation), "{own:?}");
    assert!(own.inventory.abs() < 0.5, "{own:?}");
    assert!((12.0..15.0).contains(&plain.profit_deviation), "{plain:?}");
    assert!(plain.profit > own.profit, "quoting around the mid earns more, and risks twice as much");
    assert!((7.5..9.5).contains(&plain.inventory_deviation), "{plain:?}");
}

#[test]
fn a_trader_who_hardly_minds_risk_is_hardly_skewed() {
    let (own, plain) = (experiment(0.01, false), experiment(0.01, true));
    assert!((66.0..71.0).contains(&own.profit), "{own:?}");
    assert!((7.5..10.5).contains(&own.profit_deviation), "{own:?}");
    assert!((4.3..5.8).contains(&own.inventory_deviation), "{own:?}");
    assert!((12.0..15.5).contains(&plain.profit_deviation), "{plain:?}");
}
