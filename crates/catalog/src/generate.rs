//! Seeded synthetic markets, bit for bit the same on every machine.
//!
//! Volatility clusters (two autoregressive log-volatilities, one slow and one fast), trends come and go, prices jump now
//! and then, days have a rhythm, and funding leans with the trend. Only `+ − × ÷ √` and `libm` are used.

use crate::cell::{EARLIEST, LATEST};
use crate::{Series, Source};
use model::{Bar, Exchange, FundingRate, InstrumentIx, Timeframe};
use units::{Decimal, Digest, DigestWriter, Price, Prng, Quantity, Rate, Span, Timestamp};

/// What to generate.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerateOptions {
    /// Names the market: equal options give equal candles, for ever.
    pub seed: u64,
    /// The name of the instrument.
    pub symbol: String,
    /// How many candles.
    pub bars: usize,
    /// Their length.
    pub timeframe: Timeframe,
    /// The open time of the first; it lies on the grid of the timeframe.
    pub start: Timestamp,
    /// The first price.
    pub start_price: Decimal,
    /// Decimal places of prices, at most 8.
    pub price_decimals: u8,
    /// The tick as a multiple of 10^-price_decimals.
    pub tick: i64,
    /// Decimal places of volumes, at most 8.
    pub quantity_decimals: u8,
    /// Standard deviation of a day's return, such as 0.03; above 0 and at most 0.5.
    pub daily_volatility: f64,
}

impl Default for GenerateOptions {
    /// A market like BTCUSDT: 100 000 minutes from 2024-01-01 at 40 000.0.
    fn default() -> Self {
        Self {
            seed: 1,
            symbol: "SYNUSDT".to_owned(),
            bars: 100_000,
            timeframe: Timeframe::MINUTE,
            start: Timestamp::from_nanos(1_704_067_200_000_000_000),
            start_price: Decimal { mantissa: 40_000, decimals: 0 },
            price_decimals: 1,
            tick: 1,
            quantity_decimals: 3,
            daily_volatility: 0.03,
        }
    }
}

/// A generated market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// The candles.
    pub series: Series,
    /// The funding rates, every eight hours from 00:00 UTC within the time of the candles.
    pub funding: Vec<FundingRate>,
}

impl Generated {
    /// A fingerprint of candles and funding.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut writer = DigestWriter::new();
        writer.wide(self.series.digest().bits().cast_signed());
        for funding in &self.funding {
            writer.int(funding.funding_time.nanos());
            writer.int(funding.rate.units());
        }
        writer.finish()
    }
}

/// Why a market cannot be generated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot generate: {field}: {problem}")]
pub struct GenerateError {
    /// Which option.
    pub field: &'static str,
    /// What is wrong and what is allowed.
    pub problem: String,
}

/// Generates one market.
///
/// # Errors
/// [`GenerateError`] when an option is out of range.
pub fn generate(options: &GenerateOptions) -> Result<Generated, GenerateError> {
    generate_watched(options, |_| {})
}

/// The same market, told now and then how many candles are done.
///
/// # Errors
/// [`GenerateError`] when an option is out of range.
pub fn generate_watched(
    options: &GenerateOptions,
    mut done: impl FnMut(usize),
) -> Result<Generated, GenerateError> {
    let check = check(options)?;
    let market = Prng::new(options.seed).fork(MARKET);
    Ok(Walk::new(options, check, 0.0, 0, market).run(&mut done))
}

/// Generates markets that share a factor: the correlation of any two is about `correlation` (0 to 0.99). Seed, start,
/// timeframe and number of candles are those of the first.
///
/// # Errors
/// [`GenerateError`] when an option is out of range.
pub fn generate_several(
    markets: &[GenerateOptions],
    correlation: f64,
) -> Result<Vec<Generated>, GenerateError> {
    if !(0.0..=0.99).contains(&correlation) {
        return Err(refused("correlation", format!("{correlation}; 0 to 0.99 is allowed")));
    }
    let Some(first) = markets.first() else { return Ok(Vec::new()) };
    let shared = |options: &GenerateOptions| GenerateOptions {
        seed: first.seed,
        start: first.start,
        timeframe: first.timeframe,
        bars: first.bars,
        ..options.clone()
    };
    let loading = correlation.sqrt();
    let walk = |(index, options): (usize, &GenerateOptions)| {
        let options = shared(options);
        let start = check(&options)?;
        let market = Prng::new(options.seed).fork(MARKET);
        Ok(Walk::new(&options, start, loading, index as u64, market).run(&mut |_| {}))
    };
    markets.iter().enumerate().map(walk).collect()
}

fn refused(field: &'static str, problem: String) -> GenerateError {
    GenerateError { field, problem }
}

/// The first price in ticks, if the options are in range.
fn check(options: &GenerateOptions) -> Result<f64, GenerateError> {
    if options.bars == 0 || options.bars > 200_000_000 {
        return Err(refused("bars", format!("{}; 1 to 200000000 is allowed", options.bars)));
    }
    if !crate::key::is_symbol(&options.symbol) {
        return Err(refused("symbol", format!("{:?}; letters, digits, '-', '_' or '.'", options.symbol)));
    }
    if !options.timeframe.opens_at(options.start) {
        let grid = options.timeframe.floor(options.start);
        return Err(refused("start", format!("{}; candles open at {grid}", options.start)));
    }
    let steps = i64::try_from(options.bars).unwrap_or(i64::MAX);
    let length = options.timeframe.span().nanos().checked_mul(steps);
    let end = length.and_then(|length| options.start.checked_add(Span::from_nanos(length)));
    if options.start < EARLIEST || end.is_none_or(|end| end > LATEST) {
        return Err(refused("bars", "every candle must lie between the years 1900 and 2199".to_owned()));
    }
    if options.price_decimals > 8 || options.quantity_decimals > 8 || !(1..=1_000_000).contains(&options.tick)
    {
        let problem = "decimals may be 0 to 8 and the tick 1 to 1000000".to_owned();
        return Err(refused("price_decimals, quantity_decimals, tick", problem));
    }
    if !(options.daily_volatility > 0.0 && options.daily_volatility <= 0.5) {
        let problem = format!("{}; above 0 and at most 0.5 is allowed", options.daily_volatility);
        return Err(refused("daily_volatility", problem));
    }
    let price = options
        .start_price
        .at_scale(options.price_decimals)
        .map_err(|e| refused("start_price", e.to_string()))?;
    match i64::try_from(price / i128::from(options.tick)) {
        Ok(ticks) if (MIN_TICKS as i64..=MAX_TICKS as i64).contains(&ticks) => Ok(ticks as f64),
        _ => Err(refused("start_price", format!("{}; 10 to 10^12 ticks is allowed", options.start_price))),
    }
}

/// Prices are kept above this many ticks: below, a tick is a large move and nothing resembles a market.
const MIN_TICKS: f64 = 10.0;
/// And below this many, which leaves room for decimals.
const MAX_TICKS: f64 = 1e12;
/// The streams of randomness of one seed.
const MARKET: u64 = 1;
const OWN: u64 = 1_000;

const DAY: f64 = 86_400.0;
/// Standard deviations of the slow and the fast log-volatility.
const SLOW: f64 = 0.45;
const FAST: f64 = 0.35;

/// What all instruments of a market share in one candle.
struct Weather {
    random: Prng,
    slow: f64,
    fast: f64,
    /// −1 falling, 0 sideways, 1 rising.
    trend: f64,
    slow_memory: f64,
    fast_memory: f64,
    /// The length of a candle in days.
    days: f64,
}

/// One candle's weather.
struct Hour {
    /// The factor on the usual volatility.
    volatility: f64,
    /// A standard normal shock that all feel.
    shock: f64,
    trend: f64,
    /// A jump in units of the daily volatility; mostly none.
    jump: f64,
}

impl Weather {
    fn new(random: Prng, timeframe: Timeframe) -> Self {
        let days = timeframe.seconds() as f64 / DAY;
        // Half-lives of two days and of one hour.
        let memory = |half_life: f64| libm::exp2(-days / half_life);
        Self {
            random,
            slow: 0.0,
            fast: 0.0,
            trend: 0.0,
            slow_memory: memory(2.0),
            fast_memory: memory(1.0 / 24.0),
            days,
        }
    }

    fn next(&mut self, at: Timestamp) -> Hour {
        let random = &mut self.random;
        self.slow = self.slow_memory * self.slow + SLOW * spread(self.slow_memory) * normal(random);
        self.fast = self.fast_memory * self.fast + FAST * spread(self.fast_memory) * normal(random);
        // A regime lasts ten days on average.
        if random.unit() < (self.days / 10.0).min(1.0) {
            self.trend = random.below(3) as f64 - 1.0;
        }
        let jumps = random.unit() < (self.days * 0.25).min(1.0);
        let size = normal(random);
        Hour {
            // The mean of exp(2h) is exp(2·variance): taken out, so that the daily volatility is the asked one.
            volatility: libm::exp(self.slow + self.fast - SLOW * SLOW - FAST * FAST) * rhythm(at),
            shock: normal(random),
            trend: self.trend,
            jump: if jumps { size } else { 0.0 },
        }
    }
}

/// What keeps an autoregression at unit variance.
fn spread(memory: f64) -> f64 {
    (1.0 - memory * memory).sqrt()
}

/// The rhythm of the day: quiet in the early morning, busiest around 15:00 UTC when America opens.
fn rhythm(at: Timestamp) -> f64 {
    let second = at.nanos().rem_euclid(86_400_000_000_000) as f64 / 1e9;
    1.0 + 0.35 * libm::cos((second / DAY - 15.0 / 24.0) * core::f64::consts::TAU)
}

/// A standard normal number (Box and Muller 1958, one of the pair).
fn normal(random: &mut Prng) -> f64 {
    // One minus: the unit interval has a zero and the logarithm must not.
    let radius = (-2.0 * libm::log(1.0 - random.unit())).sqrt();
    radius * libm::cos(core::f64::consts::TAU * random.unit())
}

/// One instrument's walk through the weather.
struct Walk<'a> {
    options: &'a GenerateOptions,
    weather: Weather,
    random: Prng,
    /// How much of a shock is the market's: the root of the correlation.
    loading: f64,
    /// Log of the price in ticks.
    level: f64,
    /// A slow average of returns, which funding follows.
    drift: f64,
}

impl<'a> Walk<'a> {
    fn new(options: &'a GenerateOptions, ticks: f64, loading: f64, index: u64, market: Prng) -> Self {
        Self {
            options,
            weather: Weather::new(market, options.timeframe),
            random: Prng::new(options.seed).fork(OWN + index),
            loading,
            level: libm::log(ticks),
            drift: 0.0,
        }
    }

    fn run(mut self, done: &mut dyn FnMut(usize)) -> Generated {
        let options = self.options;
        let mut bars = Vec::with_capacity(options.bars);
        let mut funding = Vec::new();
        let mut close = libm::rint(libm::exp(self.level)) as i64;
        let mut at = options.start;
        for _ in 0..options.bars {
            self.fund(at, &mut funding);
            let bar = self.bar(at, close);
            close = bar.close.mantissa() / options.tick;
            bars.push(bar);
            if bars.len().is_multiple_of(1 << 14) {
                done(bars.len());
            }
            at = at + options.timeframe.span();
        }
        let source = Source {
            file: format!("generated with seed {}", options.seed),
            digest: String::new(),
            rows: bars.len() as u64,
            imported_at: None,
        };
        let mut series = Series {
            exchange: Exchange::Synthetic,
            symbol: options.symbol.clone(),
            timeframe: options.timeframe,
            price_decimals: options.price_decimals,
            quantity_decimals: options.quantity_decimals,
            bars,
            source: vec![source],
        };
        series.source[0].digest = series.digest().to_string();
        Generated { series, funding }
    }

    fn bar(&mut self, at: Timestamp, previous_close: i64) -> Bar {
        let hour = self.weather.next(at);
        let days = self.weather.days;
        let daily = self.options.daily_volatility;
        let sigma = daily * days.sqrt() * hour.volatility;
        let own = normal(&mut self.random);
        let shock = self.loading * hour.shock + (1.0 - self.loading * self.loading).sqrt() * own;
        let trend = hour.trend * 0.35 * daily * days;
        let start = self.level;
        let open = self.open(previous_close);
        let step = sigma * shock + trend + hour.jump * daily - 0.5 * sigma * sigma;
        self.level = (start + step).clamp(libm::log(MIN_TICKS), libm::log(MAX_TICKS));
        self.drift += (self.level - start - self.drift * days).clamp(-0.5, 0.5);
        let (above, below) = self.reach(self.level - start, sigma);
        let ticks = |log: f64| libm::rint(libm::exp(log)) as i64;
        let close = ticks(self.level).max(1);
        let high = ticks(start + above).max(open).max(close);
        let low = ticks(start - below).max(1).min(open).min(close);
        let price = |ticks: i64| Price::new(ticks * self.options.tick);
        let volume = self.volume(at, hour.volatility, (self.level - start).abs() / sigma);
        Bar {
            open_time: at,
            open: price(open),
            high: price(high),
            low: price(low),
            close: price(close),
            volume,
        }
    }

    /// Mostly the last close; often a few ticks beside it.
    fn open(&mut self, previous_close: i64) -> i64 {
        let draw = self.random.below(8);
        let beside = self.random.below(3) as i64 + 1;
        match draw {
            0 | 1 => previous_close + beside,
            2 | 3 => (previous_close - beside).max(1),
            _ => previous_close,
        }
    }

    /// How far the path went above and below its start: the extremes of a Brownian bridge that ends `step` away, each
    /// drawn from its exact distribution (Beghin and Orsingher 1999).
    fn reach(&mut self, step: f64, sigma: f64) -> (f64, f64) {
        let mut extreme = |step: f64| {
            let log = libm::log(1.0 - self.random.unit());
            0.5 * (step + (step * step - 2.0 * sigma * sigma * log).sqrt())
        };
        (extreme(step), extreme(-step))
    }

    /// Volume follows volatility, the size of the move and the rhythm of the day.
    fn volume(&mut self, at: Timestamp, volatility: f64, move_size: f64) -> Quantity {
        let noise = libm::exp(0.5 * normal(&mut self.random));
        // About a billion of the quote currency a day, whatever the price.
        let tick = self.options.tick as f64 / libm::pow(10.0, self.options.price_decimals.into());
        let usual = 1e9 * self.weather.days / (libm::exp(self.level) * tick);
        let units = usual * rhythm(at) * volatility * (0.5 + 0.5 * move_size) * noise;
        let steps = libm::rint(units * libm::pow(10.0, self.options.quantity_decimals.into()));
        // The largest number that can be stored has 18 digits.
        Quantity::new(steps.clamp(1.0, 1e15) as i64)
    }

    /// Publishes the funding rates that fall into the candle that opens at `at`.
    fn fund(&mut self, at: Timestamp, funding: &mut Vec<FundingRate>) {
        let interval = Span::from_seconds(8 * 3600);
        let end = at + self.options.timeframe.span();
        let mut time = at.floor_to(interval);
        if time < at {
            time = time + interval;
        }
        while time < end {
            // One basis point when nothing happens, more in a rise, less in a fall; exchanges print eight decimals.
            let rate = 0.0001 + 0.004 * self.drift + 0.00003 * normal(&mut self.random);
            let units = libm::rint(rate.clamp(-0.003, 0.003) * 1e8) as i64 * 10;
            let instrument = InstrumentIx(0);
            funding.push(FundingRate { instrument, funding_time: time, rate: Rate::from_units(units) });
            time = time + interval;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn returns(series: &Series) -> Vec<f64> {
        let close = |bar: &Bar| libm::log(bar.close.mantissa() as f64);
        series.bars.windows(2).map(|pair| close(&pair[1]) - close(&pair[0])).collect()
    }

    fn mean(xs: &[f64]) -> f64 {
        xs.iter().sum::<f64>() / xs.len() as f64
    }

    fn correlation(xs: &[f64], ys: &[f64]) -> f64 {
        let (mx, my) = (mean(xs), mean(ys));
        let sum =
            |f: &dyn Fn(f64, f64) -> f64| xs.iter().zip(ys).map(|(x, y)| f(x - mx, y - my)).sum::<f64>();
        sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt()
    }

    fn five_minutes(seed: u64) -> GenerateOptions {
        GenerateOptions { seed, timeframe: "5m".parse().unwrap(), ..GenerateOptions::default() }
    }

    #[test]
    fn the_same_seed_is_the_same_market_for_ever() {
        let options = GenerateOptions { bars: 2_000, ..GenerateOptions::default() };
        let market = generate(&options).unwrap();
        assert_eq!(market.digest(), generate(&options).unwrap().digest());
        assert_ne!(market.digest(), generate(&GenerateOptions { seed: 2, ..options }).unwrap().digest());
        // A changed value here means that every recorded run over a generated market changes: announce it.
        assert_eq!(market.digest().to_string(), "798aefe0cefc2677c74d8e2c8383d9ef");
    }

    #[test]
    fn every_candle_is_possible() {
        let cheap = GenerateOptions {
            bars: 20_000,
            start_price: Decimal::parse("0.0015").unwrap(),
            price_decimals: 5,
            quantity_decimals: 0,
            daily_volatility: 0.5,
            ..GenerateOptions::default()
        };
        for options in [five_minutes(3), cheap] {
            let series = generate(&options).unwrap().series;
            let report = crate::check(&series, &crate::CheckOptions::default());
            assert_eq!(report.impossible(), 0, "{report:?}");
            assert_eq!(report.missing_bars, 0);
        }
    }

    #[test]
    fn it_has_the_habits_of_a_market() {
        for seed in 1..4 {
            let market = generate(&five_minutes(seed)).unwrap();
            let r = returns(&market.series);
            let sizes: Vec<f64> = r.iter().map(|x| x.abs()).collect();
            for lag in [1, 12, 288] {
                let persistence = correlation(&sizes[lag..], &sizes[..sizes.len() - lag]);
                assert!(persistence > 0.08, "seed {seed}: |r| forgets itself after {lag}: {persistence}");
            }
            let memory = correlation(&r[1..], &r[..r.len() - 1]);
            assert!(memory.abs() < 0.03, "seed {seed}: returns are predictable: {memory}");
            let (m, n) = (mean(&r), r.len() as f64);
            let moment = |k: i32| r.iter().map(|x| (x - m).powi(k)).sum::<f64>() / n;
            let kurtosis = moment(4) / (moment(2) * moment(2));
            assert!(kurtosis > 5.0, "seed {seed}: tails are thin: {kurtosis}");
            let daily = (moment(2) * 288.0).sqrt();
            assert!((0.015..0.06).contains(&daily), "seed {seed}: daily volatility {daily}");
            let gaps = market.series.bars.windows(2).filter(|p| p[0].close != p[1].open).count() as f64 / n;
            assert!(
                (0.3..0.7).contains(&gaps),
                "seed {seed}: {gaps} of the opens differ from the last close"
            );
        }
    }

    #[test]
    fn volume_has_a_daily_rhythm() {
        let series = generate(&five_minutes(5)).unwrap().series;
        let around = |hour: i64| {
            let at = |bar: &&Bar| bar.open_time.nanos() / 3_600_000_000_000 % 24 == hour;
            mean(&series.bars.iter().filter(at).map(|b| b.volume.mantissa() as f64).collect::<Vec<_>>())
        };
        assert!(around(15) > 2.0 * around(3), "{} at 15:00, {} at 03:00", around(15), around(3));
    }

    #[test]
    fn funding_leans_with_the_trend() {
        let market =
            generate(&GenerateOptions { timeframe: Timeframe::HOUR, bars: 20_000, ..five_minutes(7) })
                .unwrap();
        assert_eq!(market.funding.len(), 2_500);
        let close = |i: usize| libm::log(market.series.bars[i].close.mantissa() as f64);
        let (mut moves, mut rates) = (Vec::new(), Vec::new());
        for (i, funding) in market.funding.iter().enumerate().skip(4) {
            moves.push(close(i * 8 - 1) - close(i * 8 - 25));
            rates.push(funding.rate.units() as f64);
        }
        let leaning = correlation(&moves, &rates);
        assert!(leaning > 0.3, "funding does not follow the trend: {leaning}");
        assert!(mean(&rates) > 0.0, "longs pay on average");
    }

    #[test]
    fn several_markets_move_together() {
        let named = |symbol: &str| GenerateOptions { symbol: symbol.to_owned(), ..five_minutes(11) };
        let markets = generate_several(&[named("AUSDT"), named("BUSDT"), named("CUSDT")], 0.6).unwrap();
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            let found = correlation(&returns(&markets[a].series), &returns(&markets[b].series));
            assert!((0.5..0.8).contains(&found), "{a} and {b}: {found}");
        }
        assert!(generate_several(&[named("AUSDT")], 1.5).is_err());
    }

    #[test]
    fn refuses_what_cannot_be() {
        let bad = |change: fn(&mut GenerateOptions), field: &str| {
            let mut options = GenerateOptions::default();
            change(&mut options);
            assert_eq!(generate(&options).unwrap_err().field, field);
        };
        bad(|o| o.bars = 0, "bars");
        bad(|o| o.symbol = "../x".to_owned(), "symbol");
        bad(|o| o.start = Timestamp::from_nanos(1), "start");
        bad(|o| o.start_price = Decimal { mantissa: 0, decimals: 0 }, "start_price");
        bad(|o| o.start_price = Decimal { mantissa: 1, decimals: 5 }, "start_price");
        bad(|o| o.daily_volatility = f64::NAN, "daily_volatility");
        bad(|o| o.tick = 0, "price_decimals, quantity_decimals, tick");
        bad(|o| o.bars = 199_999_999, "bars");
    }
}
