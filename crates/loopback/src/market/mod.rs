//! One market: where its price goes, who offers what around it, and what it has been.

pub(crate) mod candles;
pub(crate) mod depth;
mod tape;
mod walk;

use crate::settings::{MarketSettings, Scenario, Settings, SettingsError, Source, wrong};
use candles::{MINUTE, Minute, Minutes, extended};
use depth::{Depth, LevelChange};
use model::{Instrument, InstrumentIx, Side, Trade};
use std::collections::VecDeque;
use tape::Played;
use units::{Amount, Decimal, Price, Prng, Quantity, Rate, Rounding, Span, Timestamp};
use walk::Walk;

/// How many public trades are remembered.
const REMEMBERED: usize = 1_000;

/// The highest price that an order may have.
pub(crate) fn most_price(of: &Instrument) -> Price {
    Price::new(of.tick_size.mantissa().saturating_mul(19_999_998))
}

/// Whether a market is open, as the exchange calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MarketStatus {
    Trading,
    PreLaunch,
    Delivering,
    Closed,
}

impl MarketStatus {
    pub(crate) const ALL: [(Self, &'static str); 4] = [
        (Self::Trading, "Trading"),
        (Self::PreLaunch, "PreLaunch"),
        (Self::Delivering, "Delivering"),
        (Self::Closed, "Closed"),
    ];

    pub(crate) fn text(self) -> &'static str {
        Self::ALL.iter().find(|(status, _)| *status == self).map_or("", |(_, text)| text)
    }
}

/// A public trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PublicTrade {
    pub(crate) number: u64,
    pub(crate) at: Timestamp,
    pub(crate) price: Price,
    pub(crate) quantity: Quantity,
    pub(crate) taker: Side,
    pub(crate) sequence: u64,
    /// `PlusTick` and its like.
    pub(crate) direction: &'static str,
}

/// What a step of the market brought.
#[derive(Debug, Default)]
pub(crate) struct Step {
    pub(crate) changes: Vec<LevelChange>,
    pub(crate) trades: Vec<PublicTrade>,
}

#[derive(Debug)]
pub(crate) struct Market {
    pub(crate) ix: InstrumentIx,
    pub(crate) instrument: Instrument,
    pub(crate) status: MarketStatus,
    pub(crate) last: Price,
    pub(crate) mark: Price,
    pub(crate) index: Price,
    pub(crate) minutes: Minutes,
    pub(crate) trades: VecDeque<PublicTrade>,
    pub(crate) depth: Depth,
    /// Rates that were exchanged, by growing time.
    pub(crate) funding: Vec<(Timestamp, Rate)>,
    /// Rises with everything that happens.
    pub(crate) sequence: u64,
    pub(crate) direction: &'static str,
    trade_count: u64,
    walk: Walk,
    played: Option<Played>,
    random: Prng,
    started: Timestamp,
    /// The index and the premium of the mark over it, before they are rounded.
    fair: f64,
    premium: f64,
    /// A rate that was set by hand for the next exchange of funding.
    forced_rate: Option<Rate>,
}

impl Market {
    pub(crate) fn new(
        ix: InstrumentIx,
        from: &MarketSettings,
        settings: &Settings,
        start: Timestamp,
    ) -> Result<Self, SettingsError> {
        let instrument =
            Instrument::new(from.instrument.clone()).map_err(|e| wrong("markets", e.to_string()))?;
        let random = Prng::new(settings.seed).fork(u64::from(ix.0) + 1);
        let start = start.floor_to(Span::from_seconds(1));
        let (walk, minutes, played) = match &from.source {
            Source::Walk { from, daily_volatility } => {
                if !(*daily_volatility > 0.0 && *daily_volatility <= 0.5) {
                    return Err(wrong(
                        "daily_volatility",
                        format!("{daily_volatility}; above 0 and at most 0.5"),
                    ));
                }
                let price = decimal_f64(*from);
                let mut walk = Walk::new(random.fork(1), price, *daily_volatility, settings.scenario);
                let minutes = made_up(&mut walk, &instrument, start, settings.history_days, random.fork(2))?;
                (walk, minutes, None)
            }
            Source::Tape { bars, timeframe, split } => {
                let tape = tape::cut(bars, *timeframe, *split, start, &instrument)?;
                let last = tape.history.last().map_or(tape.first_price, |minute| minute.prices[3]);
                let price = instrument.price_f64(last);
                let walk = Walk::new(random.fork(1), price, 0.03, Scenario::Normal);
                (walk, Minutes::new(tape.begin, tape.history), Some(tape.played))
            }
        };
        let price = walk.price();
        let last = near(&instrument, price).ok_or_else(|| wrong("markets", "a price is not above zero"))?;
        let depth = Depth::new(&instrument, last, settings.scenario.thinness(), random.fork(3));
        let mut market = Self {
            ix,
            status: MarketStatus::Trading,
            last,
            mark: last,
            index: last,
            minutes,
            trades: VecDeque::new(),
            depth,
            funding: Vec::new(),
            sequence: 1_000_000,
            direction: "ZeroPlusTick",
            trade_count: 0,
            walk,
            played,
            random: random.fork(4),
            started: start,
            fair: price,
            premium: 0.0,
            forced_rate: None,
            instrument,
        };
        market.make_up_funding(start);
        Ok(market)
    }

    fn make_up_funding(&mut self, until: Timestamp) {
        let interval = self.instrument.funding_interval;
        if interval <= Span::ZERO {
            return;
        }
        let mut random = self.random.fork(5);
        let mut at = self.minutes.first().floor_to(interval) + interval;
        while at <= until {
            let billionths = i64::try_from(random.below(200_000)).unwrap_or(0);
            self.funding.push((at, Rate::from_units(billionths)));
            at = at + interval;
        }
    }

    /// Begins with a whole book and a first trade.
    pub(crate) fn open(&mut self, at: Timestamp) -> Step {
        self.moved(at, self.instrument.price_f64(self.last), Span::from_millis(100))
    }

    /// The market `span` later than it was last asked.
    pub(crate) fn step(&mut self, at: Timestamp, span: Span) -> Step {
        if matches!(self.status, MarketStatus::Closed | MarketStatus::PreLaunch) {
            self.roll(at);
            return Step::default();
        }
        let seconds = span.nanos() as f64 / 1e9;
        let elapsed = (at - self.started).nanos() as f64 / 1e9;
        let price = match self.played.as_ref().and_then(|played| played.price(at)) {
            Some(price) => {
                let price = self.instrument.price_f64(price);
                self.walk.jump(price);
                price
            }
            None => self.walk.step(seconds, elapsed),
        };
        self.moved(at, price, span)
    }

    /// The price jumps, by hand; marks and index go with it.
    pub(crate) fn jump(&mut self, at: Timestamp, price: Price) -> Step {
        let to = self.instrument.price_f64(price);
        self.walk.jump(to);
        self.played = None;
        (self.fair, self.premium) = (to, 0.0);
        self.moved(at, to, Span::from_millis(100))
    }

    fn moved(&mut self, at: Timestamp, price: f64, span: Span) -> Step {
        let Some(price) = near(&self.instrument, price) else { return Step::default() };
        let seconds = span.nanos() as f64 / 1e9;
        let tick = self.instrument.tick_size;
        let rises = price > self.last || (price == self.last && self.random.below(2) == 0);
        let (bid, ask) = if rises { (price - tick, price) } else { (price, price + tick) };
        let mut step = Step::default();
        if bid.is_positive() {
            step.changes = self.depth.follow(bid, ask);
        }
        let count = 1 + self.random.below(3);
        let worth = |random: &mut Prng| 500 + random.below(20_000);
        for _ in 0..count {
            let worth = Amount::from_units(i128::from(worth(&mut self.random)) * units::pow10(18));
            let quantity = self.instrument.quantity_for(worth, price).max(self.instrument.min_quantity);
            let taker = if rises { Side::Buy } else { Side::Sell };
            let trade = self.trade(at, price, quantity, taker);
            step.trades.push(trade);
        }
        self.value(at, seconds);
        step
    }

    /// Follows with the index and the mark price.
    fn value(&mut self, at: Timestamp, seconds: f64) {
        let last = self.instrument.price_f64(self.last);
        self.fair += (last - self.fair) * (seconds / (seconds + 7.0));
        let noise = self.random.unit() - 0.5;
        self.premium +=
            -self.premium * (seconds / (seconds + 600.0)) + 0.000_02 * noise * seconds.min(60.0).sqrt();
        self.premium = self.premium.clamp(-0.002, 0.002);
        self.index = near(&self.instrument, self.fair).unwrap_or(self.index);
        self.mark = near(&self.instrument, self.fair * (1.0 + self.premium)).unwrap_or(self.mark);
        self.roll(at);
        let (mark, index) = (self.mark, self.index);
        if let Some(open) = self.minutes.open_mut() {
            open.mark = extended(open.mark, mark);
            open.index = extended(open.index, index);
        }
    }

    /// Begins new minutes up to `at`.
    fn roll(&mut self, at: Timestamp) {
        while self.minutes.end() <= at {
            self.minutes.push(Minute::begun(self.last, self.mark, self.index));
        }
    }

    /// Somebody traded.
    pub(crate) fn trade(
        &mut self,
        at: Timestamp,
        price: Price,
        quantity: Quantity,
        taker: Side,
    ) -> PublicTrade {
        self.roll(at);
        let was_up = self.direction.ends_with("PlusTick");
        self.direction = match price.cmp(&self.last) {
            std::cmp::Ordering::Greater => "PlusTick",
            std::cmp::Ordering::Less => "MinusTick",
            std::cmp::Ordering::Equal if was_up => "ZeroPlusTick",
            std::cmp::Ordering::Equal => "ZeroMinusTick",
        };
        self.last = price;
        let value = self.instrument.notional(price, quantity);
        if let Some(open) = self.minutes.open_mut() {
            open.prices = extended(open.prices, price);
            open.volume += quantity;
            open.turnover += value;
        }
        self.sequence += 1;
        self.trade_count += 1;
        let trade = PublicTrade {
            number: self.trade_count,
            at,
            price,
            quantity,
            taker,
            sequence: self.sequence,
            direction: self.direction,
        };
        self.trades.push_back(trade);
        if self.trades.len() > REMEMBERED {
            self.trades.pop_front();
        }
        trade
    }

    /// As the venue hears of it.
    pub(crate) fn as_fact(&self, trade: &PublicTrade) -> Trade {
        Trade {
            instrument: self.ix,
            exchange_time: trade.at,
            price: trade.price,
            quantity: trade.quantity,
            taker_side: trade.taker,
            trade_id: trade.number,
        }
    }

    /// The rate of the next exchange of funding, as the help centre describes it: the premium, pulled towards an interest of
    /// 0.01 % by at most 0.05 %, within the cap.
    pub(crate) fn funding_rate(&self) -> Rate {
        if let Some(rate) = self.forced_rate {
            return rate;
        }
        let premium = (self.premium * 1e9) as i64;
        let lean = (100_000 - premium).clamp(-500_000, 500_000);
        let cap = FUNDING_CAP.units();
        Rate::from_units((premium + lean).clamp(-cap, cap))
    }

    /// The next exchange of funding is at this rate.
    pub(crate) const fn force_rate(&mut self, rate: Rate) {
        self.forced_rate = Some(rate);
    }

    /// Funding is exchanged now. Returns the rate.
    pub(crate) fn settle_funding(&mut self, at: Timestamp) -> Rate {
        let rate = self.funding_rate();
        self.forced_rate = None;
        self.funding.push((at, rate));
        rate
    }

    /// When funding is exchanged next.
    pub(crate) fn next_funding(&self, now: Timestamp) -> Timestamp {
        let interval = self.instrument.funding_interval;
        if interval <= Span::ZERO { now } else { now.floor_to(interval) + interval }
    }

    /// Between which prices orders may lie: 5 % around the mark price.
    pub(crate) fn band(&self) -> (Price, Price) {
        let edge = |side| self.instrument.price_shifted(self.mark, side, BAND);
        (edge(Side::Sell), edge(Side::Buy))
    }

    /// Open interest, made up: the same at the same time.
    pub(crate) fn open_interest(&self, at: Timestamp) -> Quantity {
        let hour = u64::try_from(at.millis() / 300_000).unwrap_or(0);
        let share = 900 + Prng::new(hour).fork(u64::from(self.ix.0)).below(200);
        let whole = Amount::from_units(3_000_000_000 * units::pow10(15) * i128::from(share));
        self.instrument.quantity_for(whole, self.last)
    }
}

/// The largest funding rate there may be.
pub(crate) const FUNDING_CAP: Rate = Rate::from_units(5_000_000);

/// How far from the mark price orders may be priced, and market orders trade.
pub(crate) const BAND: Rate = Rate::from_units(50_000_000);

fn near(instrument: &Instrument, price: f64) -> Option<Price> {
    instrument.price_near(price, Rounding::HalfEven).ok()
}

fn decimal_f64(decimal: Decimal) -> f64 {
    decimal.mantissa as f64 / units::pow10(decimal.decimals) as f64
}

/// Minutes before the start, out of four steps each.
fn made_up(
    walk: &mut Walk,
    instrument: &Instrument,
    start: Timestamp,
    days: u32,
    mut random: Prng,
) -> Result<Minutes, SettingsError> {
    if !(1..=3_650).contains(&days) {
        return Err(wrong("history_days", format!("{days}; 1 to 3650")));
    }
    let begin = (start - Span::from_seconds(i64::from(days) * 86_400)).floor_to(Span::DAY);
    let count = (start - begin).nanos() / MINUTE.nanos();
    let mut minutes = Vec::with_capacity(usize::try_from(count + 1).unwrap_or(0));
    let mut last =
        near(instrument, walk.price()).ok_or_else(|| wrong("markets", "a price is not above zero"))?;
    for n in 0..count {
        let mut prices = [last; 4];
        for _ in 0..4 {
            let elapsed = (n - count) as f64 * 60.0;
            last = near(instrument, walk.step(15.0, elapsed)).unwrap_or(last);
            prices = extended(prices, last);
        }
        let worth = Amount::from_units(i128::from(200_000 + random.below(2_000_000)) * units::pow10(18));
        let volume = instrument.quantity_for(worth, last);
        let turnover = instrument.notional(last, volume);
        minutes.push(Minute { prices, volume, turnover, mark: prices, index: prices });
    }
    minutes.push(Minute::begun(last, last, last));
    Ok(Minutes::new(begin, minutes))
}
