//! All of it together, bar by bar.

use units::Timestamp;

use super::{
    Bias, Block, Blocks, Break, Breaks, Candle, DealingRange, Displacements, Edge, Event, Fate, Gap, Gaps,
    Impulse, Impulses, KillZone, KillZones, Legs, Level, Liquidity, Origins, Pivot, Pool, Pools, Predicate,
    Previous, Rounds, Sessions, Settings, Taken, Watch, ZoneSet,
};
use crate::calendar::{Anchor, Every};
use crate::error::{ParameterError, number};
use crate::persist::{Persist, count};
use crate::{Atr, Ohlcv, admissible};

/// The levels of periods, each with its watch: day, week and session, high before low.
const PERIODS: [Liquidity; 6] = [
    Liquidity::PreviousDayHigh,
    Liquidity::PreviousDayLow,
    Liquidity::PreviousWeekHigh,
    Liquidity::PreviousWeekLow,
    Liquidity::SessionHigh,
    Liquidity::SessionLow,
];

/// What the last bar brought, for questions that are asked often.
#[derive(Debug, Clone, Copy, Default)]
struct Marks {
    broke: Option<Break>,
    displaced: Option<Bias>,
    swept: u16,
    ran: u16,
    close: f64,
}

/// Market structure of one instrument at one timeframe: tells what became known with each bar, and what holds now.
///
/// Bars that are not finite, whose prices do not fit together, or that open no later than the last one are no bars: they
/// change nothing. The first bar has number 0.
#[derive(Debug, Clone)]
pub struct MarketStructure {
    settings: Settings,
    bars: usize,
    opened: Option<Timestamp>,
    atr: Atr,
    legs: Legs,
    pivots: [Option<Pivot>; 2],
    breaks: Breaks,
    origins: Origins,
    gaps: Gaps,
    displacements: Displacements,
    blocks: Blocks,
    pools: Pools,
    rounds: Rounds,
    day: Previous,
    week: Previous,
    sessions: Sessions,
    zones: KillZones,
    watches: [Watch; 6],
    /// A bar of the hour under way between these prices changes nothing of the periods, and one between those of
    /// nothing of their levels.
    period_calm: Calm,
    level_calm: Calm,
    /// Bars after which everything that needs a length of history has one.
    warm_up: usize,
    range: DealingRange,
    impulses: Impulses,
    events: Vec<Event>,
    marks: Marks,
}

/// Prices between which, the ends included, nothing changes. At first there are none.
#[derive(Debug, Clone, Copy)]
struct Calm {
    low: f64,
    high: f64,
}

impl Calm {
    const NONE: Self = Self { low: f64::INFINITY, high: f64::NEG_INFINITY };
    const ALL: Self = Self { low: f64::NEG_INFINITY, high: f64::INFINITY };

    /// The part that lies within these as well.
    fn within(self, low: f64, high: f64) -> Self {
        Self {
            low: if low > self.low { low } else { self.low },
            high: if high < self.high { high } else { self.high },
        }
    }

    #[inline]
    fn holds(self, bar: &Ohlcv) -> bool {
        (bar.low >= self.low) & (bar.high <= self.high)
    }
}

impl MarketStructure {
    /// A structure that has seen no bar.
    ///
    /// # Errors
    /// [`ParameterError`] for the first setting that is out of the range its documentation names.
    pub fn new(settings: Settings) -> Result<Self, ParameterError> {
        let s = settings;
        number("structure", "wild_range", s.wild_range, 0.0, 1000.0)?;
        let anchor = |every| Anchor::new(s.days, every, 0).unwrap_or_default();
        Ok(Self {
            settings,
            bars: 0,
            opened: None,
            atr: Atr::new(s.atr_bars)?,
            legs: Legs::new(s.size, s.tie)?,
            pivots: [None; 2],
            breaks: Breaks::new(),
            origins: Origins::new(s.size)?,
            gaps: Gaps::new(s.gaps, s.gap_threshold)?,
            displacements: Displacements::new(
                s.displacement_atr_bars,
                s.displacement_atrs,
                s.displacement_body,
            )?,
            blocks: Blocks::new(s.blocks, s.block_crossing)?,
            pools: Pools::new(s.pool_size, s.tie, s.pool_width, s.pools, s.reclaim_bars)?,
            rounds: Rounds::new(s.round_digits)?,
            day: Previous::new(anchor(Every::Day)),
            week: Previous::new(anchor(Every::Week)),
            sessions: Sessions::new(s.sessions),
            zones: KillZones::new(s.clock),
            watches: PERIODS.map(|kind| Watch::new(kind.edge())),
            period_calm: Calm::NONE,
            level_calm: Calm::NONE,
            warm_up: (s.atr_bars + 1)
                .max(s.displacement_atr_bars + 2)
                .max(2 * s.size + 1)
                .max(2 * s.pool_size + 1),
            range: DealingRange::new(s.range),
            impulses: Impulses::new(),
            events: Vec::new(),
            marks: Marks::default(),
        })
    }

    /// Takes one closed bar; returns what became known with it, in the order in which it is to be read.
    #[inline]
    pub fn update(&mut self, bar: &Ohlcv) -> &[Event] {
        // What lies between two admissible prices is one. In one condition, which is mostly true.
        let is_bar = admissible(bar.high)
            & admissible(bar.low)
            & (bar.low <= bar.open)
            & (bar.low <= bar.close)
            & (bar.high >= bar.open)
            & (bar.high >= bar.close);
        if !is_bar || self.opened.is_some_and(|last| bar.opened <= last) {
            return &[];
        }
        self.opened = Some(bar.opened);
        self.step(bar);
        &self.events
    }

    fn step(&mut self, bar: &Ohlcv) {
        let number = self.bars;
        self.bars += 1;
        self.events.clear();
        self.marks = Marks { close: bar.close, ..Marks::default() };
        let atr = self.atr.advance(bar.high, bar.low, bar.close);
        self.turn_periods(number, bar);

        let pivot = self.legs.advance(bar.high, bar.low);
        if let Some(pivot) = pivot {
            self.pivots[place(pivot.edge)] = Some(pivot);
            self.origins.restart(pivot);
            self.events.push(Event::Pivot(pivot));
        }
        let broke = self.breaks.advance(number, bar.close, pivot);
        if let Some(broke) = broke {
            self.marks.broke = Some(broke);
            self.events.push(Event::Break(broke));
        }
        // A pivot that was broken has an origin: both are known together.
        let made = broke.and_then(|broke| Some((broke, self.origins.since(edge_of(broke.bias))?)));
        let is_wild = atr.is_some_and(|atr| bar.high - bar.low >= self.settings.wild_range * atr);
        self.origins.push(Candle { high: bar.high, low: bar.low, bar: number, is_wild });

        let events = &mut self.events;
        self.gaps.advance(number, bar, |change| events.push(Event::Gap(change)));
        let displacement = self.displacements.update_with(number, bar, self.atr.range());
        if let Some(displacement) = displacement {
            self.marks.displaced = Some(displacement.bias);
            self.events.push(Event::Displacement(displacement));
        }
        let events = &mut self.events;
        self.blocks.update(number, bar, made, |change| events.push(Event::Block(change)));
        self.take_levels(number, bar, atr);
        self.range.update(bar.high, bar.low, pivot);
        self.impulses.update(number, bar, made, displacement);
    }

    /// Periods that ended before the bar give their levels to watch. Periods begin and end with hours.
    #[inline]
    fn turn_periods(&mut self, number: usize, bar: &Ohlcv) {
        if !(self.period_calm.holds(bar) && self.zones.is_same_hour(bar.opened)) {
            self.extend_periods(number, bar);
        }
    }

    #[inline(never)]
    fn extend_periods(&mut self, number: usize, bar: &Ohlcv) {
        self.zones.at(bar.opened);
        let turned = [
            self.day.update(number, bar.opened, bar.high, bar.low),
            self.week.update(number, bar.opened, bar.high, bar.low),
            self.sessions.update(number, bar.opened, bar.high, bar.low, &self.zones),
        ];
        let running = [self.day.running(), self.week.running(), self.sessions.running()];
        self.period_calm =
            running.iter().flatten().fold(Calm::ALL, |calm, [low, high]| calm.within(*low, *high));
        if turned == [false; 3] {
            return;
        }
        let last = [self.day.last(), self.week.last(), self.sessions.last()];
        for ((pair, last), turned) in self.watches.chunks_exact_mut(2).zip(last).zip(turned) {
            if let ([high, low], Some(last), true) = (pair, last, turned) {
                high.set(last.high, last.high_bar);
                low.set(last.low, last.low_bar);
            }
        }
        self.set_level_calm();
    }

    fn set_level_calm(&mut self) {
        self.level_calm =
            self.watches.iter().fold(Calm::ALL, |calm, watch| match (watch.live(), watch.edge()) {
                _ if watch.is_pending() => Calm::NONE,
                (Some(level), Edge::High) => calm.within(f64::NEG_INFINITY, level),
                (Some(level), Edge::Low) => calm.within(level, f64::INFINITY),
                (None, _) => calm,
            });
    }

    /// Levels and pools that the bar took.
    #[inline]
    fn take_levels(&mut self, number: usize, bar: &Ohlcv, atr: Option<f64>) {
        let (events, marks, blocks) = (&mut self.events, &mut self.marks, &mut self.blocks);
        let mut tell = |taken: Taken| {
            match taken.fate {
                Fate::Swept => {
                    marks.swept |= taken.liquidity.bit();
                    blocks.swept(taken.liquidity.edge());
                }
                Fate::Run => marks.ran |= taken.liquidity.bit(),
            }
            events.push(Event::Taken(taken));
        };
        let is_calm = self.level_calm.holds(bar);
        if !is_calm {
            for (watch, liquidity) in self.watches.iter_mut().zip(PERIODS) {
                if let Some((fate, extreme)) = watch.update(bar, self.settings.reclaim_bars) {
                    let (level, bar) = (watch.level(), watch.bar());
                    tell(Taken { liquidity, fate, level, extreme, bar, known_at: number });
                }
            }
        }
        self.rounds.advance(number, bar, self.settings.reclaim_bars, &mut tell);
        let pool = self.pools.advance(number, bar, atr, tell);
        if let Some(pool) = pool {
            self.events.push(Event::Pool(pool));
        }
        if !is_calm {
            self.set_level_calm();
        }
    }

    /// What became known with the last bar.
    #[inline]
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// How many bars there were.
    #[inline]
    #[must_use]
    pub fn bars(&self) -> usize {
        self.bars
    }

    /// Bars after which everything that needs a length of history has one: the longest average true range and a pivot.
    #[must_use]
    pub fn warm_up(&self) -> usize {
        self.warm_up
    }

    /// Whether there were that many bars.
    #[inline]
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.bars >= self.warm_up()
    }

    /// Whether a question is answered with yes at the close of the last bar.
    #[inline]
    #[must_use]
    pub fn holds(&self, predicate: Predicate) -> bool {
        let close = self.marks.close;
        match predicate {
            Predicate::Trend(bias) => self.trend() == Some(bias),
            Predicate::Broke(kind, bias) => {
                self.marks.broke.is_some_and(|it| it.kind == kind && it.bias == bias)
            }
            Predicate::Displaced(bias) => {
                self.marks.displaced.is_some_and(|is| bias.is_none_or(|want| want == is))
            }
            Predicate::InGap(bias) => self.gaps().any(|gap| gap.contains(close) && gap.leans() == Some(bias)),
            Predicate::InBlock(bias) => {
                self.order_blocks().iter().any(|block| block.contains(close) && block.leans() == Some(bias))
            }
            Predicate::InBreaker(bias) => {
                self.breakers().iter().any(|block| block.contains(close) && block.leans() == Some(bias))
            }
            Predicate::InOte(bias) => self.impulse().filter(|it| it.is_displaced).is_some_and(|impulse| {
                let ote = impulse.ote();
                bias.is_none_or(|want| want == impulse.bias) && ote.bottom <= close && close <= ote.top
            }),
            Predicate::InPremium => self.range.equilibrium().is_some_and(|middle| close > middle),
            Predicate::InDiscount => self.range.equilibrium().is_some_and(|middle| close < middle),
            Predicate::InZone(zone) => self.range.zone(close) == Some(zone),
            Predicate::Swept(kind) => self.marks.swept & kind.bit() != 0,
            Predicate::Ran(kind) => self.marks.ran & kind.bit() != 0,
            Predicate::InKillZone(zone) => self.kill_zones().contains(zone),
        }
    }

    /// A level as it is known at the close of the last bar, in price units.
    #[must_use]
    pub fn level(&self, level: Level) -> Option<f64> {
        match level {
            Level::Of(Liquidity::PreviousDayHigh) => self.day.last().map(|it| it.high),
            Level::Of(Liquidity::PreviousDayLow) => self.day.last().map(|it| it.low),
            Level::Of(Liquidity::PreviousWeekHigh) => self.week.last().map(|it| it.high),
            Level::Of(Liquidity::PreviousWeekLow) => self.week.last().map(|it| it.low),
            Level::Of(Liquidity::SessionHigh) => self.sessions.last().map(|it| it.high),
            Level::Of(Liquidity::SessionLow) => self.sessions.last().map(|it| it.low),
            Level::Of(Liquidity::EqualHighs) => self.pools(Edge::High).next_back().map(|pool| pool.level),
            Level::Of(Liquidity::EqualLows) => self.pools(Edge::Low).next_back().map(|pool| pool.level),
            Level::Of(Liquidity::RoundHigh) => self.rounds.nearest(Edge::High),
            Level::Of(Liquidity::RoundLow) => self.rounds.nearest(Edge::Low),
            Level::Swing(edge) => self.pivot(edge).map(|pivot| pivot.price),
            Level::Equilibrium => self.range.equilibrium(),
            Level::Ote(Edge::High) => self.impulse().map(|impulse| impulse.ote().top),
            Level::Ote(Edge::Low) => self.impulse().map(|impulse| impulse.ote().bottom),
        }
    }

    /// Levels of a side that price has not taken: of the periods before, of pools, and the next round number.
    pub fn untaken(&self, edge: Edge) -> impl Iterator<Item = (Liquidity, f64)> {
        let periods = PERIODS.into_iter().zip(&self.watches).filter(move |(kind, _)| kind.edge() == edge);
        let (kind, round) = match edge {
            Edge::High => (Liquidity::EqualHighs, Liquidity::RoundHigh),
            Edge::Low => (Liquidity::EqualLows, Liquidity::RoundLow),
        };
        periods
            .filter_map(|(kind, watch)| Some((kind, watch.live()?)))
            .chain(self.pools(edge).map(move |pool| (kind, pool.level)))
            .chain(self.rounds.watch(edge).live().map(|level| (round, level)))
    }

    /// Which way the last break went.
    #[inline]
    #[must_use]
    pub fn trend(&self) -> Option<Bias> {
        self.breaks.trend()
    }

    /// The break of the last bar.
    #[must_use]
    pub fn broke(&self) -> Option<Break> {
        self.marks.broke
    }

    /// The last confirmed pivot of a side.
    #[inline]
    #[must_use]
    pub fn pivot(&self, edge: Edge) -> Option<Pivot> {
        self.pivots[place(edge)]
    }

    /// The gaps that are followed, oldest first.
    #[inline]
    pub fn gaps(&self) -> impl Iterator<Item = &Gap> {
        self.gaps.followed()
    }

    /// The order blocks that hold, oldest first.
    #[inline]
    #[must_use]
    pub fn order_blocks(&self) -> &[Block] {
        self.blocks.orders()
    }

    /// Breakers and mitigation blocks, oldest first.
    #[inline]
    #[must_use]
    pub fn breakers(&self) -> &[Block] {
        self.blocks.flipped()
    }

    /// The pools of a side that were not taken, oldest first.
    pub fn pools(&self, edge: Edge) -> impl DoubleEndedIterator<Item = &Pool> {
        self.pools.followed(edge)
    }

    /// The dealing range.
    #[inline]
    #[must_use]
    pub fn range(&self) -> &DealingRange {
        &self.range
    }

    /// The last impulse, while its start holds.
    #[inline]
    #[must_use]
    pub fn impulse(&self) -> Option<Impulse> {
        self.impulses.current()
    }

    /// The zones in which the last bar opened.
    #[inline]
    #[must_use]
    pub fn kill_zones(&self) -> ZoneSet {
        if self.bars == 0 { ZoneSet::NONE } else { self.zones.current() }
    }

    /// When the window of a zone that a moment lies in began and when it ends, by the clock of the zones.
    #[must_use]
    pub fn zone_window(&self, zone: KillZone, moment: Timestamp) -> Option<[Timestamp; 2]> {
        self.zones.window(zone, moment)
    }

    /// The average true range that pools and wild bars are measured with, in price units.
    #[must_use]
    pub fn atr(&self) -> Option<f64> {
        self.atr.value()
    }

    /// The average true range that displacements are measured with, in price units.
    #[must_use]
    pub fn displacement_atr(&self) -> Option<f64> {
        self.displacements.atr()
    }
}

impl Persist for Marks {
    fn save(&self, put: &mut dyn FnMut(f64)) {
        self.broke.save(put);
        self.displaced.save(put);
        put(f64::from(self.swept));
        put(f64::from(self.ran));
        self.close.save(put);
    }

    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
        self.broke.load(take)?;
        self.displaced.load(take)?;
        let all = (1 << Liquidity::ALL.len()) - 1;
        self.swept = u16::try_from(count(take, all)?).ok()?;
        self.ran = u16::try_from(count(take, all)?).ok()?;
        self.close.load(take)
    }
}

/// Everything but the list of the last bar's events, which were told; every question is answered as before.
impl Persist for MarketStructure {
    fn save(&self, put: &mut dyn FnMut(f64)) {
        self.bars.save(put);
        self.opened.save(put);
        self.atr.save(put);
        self.legs.save(put);
        self.pivots.save(put);
        self.breaks.save(put);
        self.origins.save(put);
        self.gaps.save(put);
        self.displacements.save(put);
        self.blocks.save(put);
        self.pools.save(put);
        self.rounds.save(put);
        self.day.save(put);
        self.week.save(put);
        self.sessions.save(put);
        self.watches.save(put);
        self.range.save(put);
        self.impulses.save(put);
        self.marks.save(put);
    }

    fn load(&mut self, take: &mut dyn FnMut() -> Option<f64>) -> Option<()> {
        self.bars.load(take)?;
        self.opened.load(take)?;
        self.atr.load(take)?;
        self.legs.load(take)?;
        self.pivots.load(take)?;
        self.breaks.load(take)?;
        self.origins.load(take)?;
        self.gaps.load(take)?;
        self.displacements.load(take)?;
        self.blocks.load(take)?;
        self.pools.load(take)?;
        self.rounds.load(take)?;
        self.day.load(take)?;
        self.week.load(take)?;
        self.sessions.load(take)?;
        self.watches.load(take)?;
        self.range.load(take)?;
        self.impulses.load(take)?;
        self.marks.load(take)?;
        self.events.clear();
        // The next bar looks at the periods anew.
        self.period_calm = Calm::NONE;
        self.set_level_calm();
        if let Some(opened) = self.opened {
            self.zones.at(opened);
        }
        Some(())
    }
}

/// The side of the pivot that a break goes through.
const fn edge_of(bias: Bias) -> Edge {
    match bias {
        Bias::Bullish => Edge::High,
        Bias::Bearish => Edge::Low,
    }
}

const fn place(edge: Edge) -> usize {
    match edge {
        Edge::High => 0,
        Edge::Low => 1,
    }
}
