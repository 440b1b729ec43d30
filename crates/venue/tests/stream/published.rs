//! The published level-2 stream, made from its seed by its description: the draws are those of NumPy's default generator, so the
//! rows are those that everybody else replays.
//!
//! Sources: PCG XSL-RR 128/64 (O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms", 2014), seeded
//! through NumPy's `SeedSequence` (O'Neill, "Developing a seed_seq Alternative", 2015); exponential numbers by the ziggurat of Marsaglia
//! and Tsang, "The Ziggurat Method for Generating Random Variables" (2000), with 256 layers and 53 bits.

use crate::stream::Row;
use model::Side;
use units::{Price, Quantity, Span, Timestamp};

/// How many levels a side has.
const LEVELS: i64 = 20;

/// The first `count` rows of the stream of a length: they depend on it, because each kind of draw is made for all rows at once.
pub(crate) fn rows(seed: u32, count: usize) -> Vec<Row> {
    let steps = count + count / 50;
    let mut draws = Draws::new(seed);
    let kinds: Vec<f64> = (0..steps).map(|_| draws.uniform()).collect();
    let sides: Vec<Side> =
        (0..steps).map(|_| if draws.uniform() < 0.5 { Side::Buy } else { Side::Sell }).collect();
    let mut many = |mean: f64| -> Vec<f64> { (0..steps).map(|_| mean * draws.exponential()).collect() };
    let (depths, quantities, traded, waits) = (many(4.0), many(800.0), many(60.0), many(2_000_000.0));
    let whole = |drawn: f64| (1.0 + drawn).round_ties_even() as i64;
    let mut stream = Stream { now: 1_577_836_800_001_000_000, rows: Vec::with_capacity(count + 1) };
    let mut bid = 400_000;
    for (side, best, away) in [(Side::Buy, bid, -1), (Side::Sell, bid + 1, 1)] {
        for level in 0..LEVELS {
            let quantity = whole(800.0 * draws.exponential());
            stream.push(false, side, best + away * level, quantity);
        }
    }
    for step in 0..steps {
        if stream.rows.len() >= count {
            break;
        }
        stream.now += 1 + waits[step] as i64;
        let (side, quantity) = (sides[step], whole(quantities[step]));
        let depth = (depths[step].floor() as i64).min(LEVELS - 1);
        match kinds[step] {
            ..0.79 => {
                let price = if side == Side::Buy { bid - depth } else { bid + 1 + depth };
                stream.push(false, side, price, quantity);
            }
            0.79..0.94 => {
                let price = if side == Side::Buy { bid + 1 } else { bid };
                stream.push(true, side, price, whole(traded[step]));
            }
            0.94..0.97 => {
                stream.push(false, Side::Sell, bid + 1, 0);
                stream.push(false, Side::Buy, bid + 1, quantity);
                bid += 1;
            }
            _ => {
                stream.push(false, Side::Buy, bid, 0);
                stream.push(false, Side::Sell, bid, quantity);
                bid -= 1;
            }
        }
    }
    stream.rows.truncate(count);
    stream.rows
}

struct Stream {
    now: i64,
    rows: Vec<Row>,
}

impl Stream {
    fn push(&mut self, is_trade: bool, side: Side, price: i64, quantity: i64) {
        let exchange = Timestamp::from_nanos(self.now);
        let local = exchange + Span::from_millis(1);
        let (price, quantity) = (Price::new(price), Quantity::new(quantity));
        self.rows.push(Row { exchange, local, is_trade, side, price, quantity });
    }
}

/// NumPy's `Generator(PCG64(seed))`, as far as the stream needs it.
struct Draws {
    state: u128,
    increment: u128,
    layers: Box<[Layer; LAYERS]>,
}

const LAYERS: usize = 256;
/// Where the last layer of the ziggurat begins, and the area of each.
const TAIL: f64 = 7.697_117_470_131_05;
const AREA: f64 = 3.949_659_822_581_557e-3;

/// One layer: below `sure` of 2⁵³ a number lies under the curve, `width` is what a 2⁻⁵³ of it is worth, `height` that of the curve.
#[derive(Clone, Copy, Default)]
struct Layer {
    sure: u64,
    width: f64,
    height: f64,
}

fn layers() -> Box<[Layer; LAYERS]> {
    let one = (1u64 << 53) as f64;
    let mut layers = Box::new([Layer::default(); LAYERS]);
    let bottom = AREA / (-TAIL).exp();
    layers[0] = Layer { sure: (TAIL / bottom * one) as u64, width: bottom / one, height: 1.0 };
    let (mut right, mut outer) = (TAIL, TAIL);
    layers[LAYERS - 1] = Layer { sure: 0, width: right / one, height: (-right).exp() };
    for i in (1..LAYERS - 1).rev() {
        right = -(AREA / right + (-right).exp()).ln();
        layers[i + 1].sure = (right / outer * one) as u64;
        outer = right;
        layers[i] = Layer { sure: 0, width: right / one, height: (-right).exp() };
    }
    layers
}

impl Draws {
    fn new(seed: u32) -> Self {
        let [a, b, c, d] = seeded(seed);
        let wide = |high: u64, low: u64| u128::from(high) << 64 | u128::from(low);
        let mut draws = Self { state: 0, increment: wide(c, d) << 1 | 1, layers: layers() };
        draws.step();
        draws.state = draws.state.wrapping_add(wide(a, b));
        draws.step();
        draws
    }

    fn step(&mut self) {
        const MULTIPLIER: u128 = 0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645;
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(self.increment);
    }

    fn word(&mut self) -> u64 {
        self.step();
        ((self.state >> 64) as u64 ^ self.state as u64).rotate_right((self.state >> 122) as u32)
    }

    /// From zero to one, without one.
    fn uniform(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// With a mean of one.
    fn exponential(&mut self) -> f64 {
        loop {
            let bits = self.word() >> 3;
            let (layer, bits) = ((bits & 0xff) as usize, bits >> 8);
            let Layer { sure, width, height } = self.layers[layer];
            let x = bits as f64 * width;
            if bits < sure {
                return x;
            }
            if layer == 0 {
                return TAIL - (-self.uniform()).ln_1p();
            }
            if (self.layers[layer - 1].height - height) * self.uniform() + height < (-x).exp() {
                return x;
            }
        }
    }
}

/// The four words that a seed comes to.
fn seeded(seed: u32) -> [u64; 4] {
    let mut factor = 0x43b0_d7e5u32;
    let mut hashed = |word: u32| {
        let word = word ^ factor;
        factor = factor.wrapping_mul(0x931e_8875);
        let word = word.wrapping_mul(factor);
        word ^ word >> 16
    };
    let mut pool = [seed, 0, 0, 0].map(&mut hashed);
    for from in 0..pool.len() {
        for to in 0..pool.len() {
            if from != to {
                let mixed = pool[to]
                    .wrapping_mul(0xca01_f9dd)
                    .wrapping_sub(hashed(pool[from]).wrapping_mul(0x4973_f715));
                pool[to] = mixed ^ mixed >> 16;
            }
        }
    }
    let mut factor = 0x8b51_f9ddu32;
    let mut half = |i: usize| {
        let word = pool[i % pool.len()] ^ factor;
        factor = factor.wrapping_mul(0x58f3_8ded);
        let word = word.wrapping_mul(factor);
        u64::from(word ^ word >> 16)
    };
    [0, 1, 2, 3].map(|i| half(2 * i) | half(2 * i + 1) << 32)
}
