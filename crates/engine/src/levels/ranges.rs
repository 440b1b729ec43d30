//! What closed candles tell about how far prices move: average true ranges and extremes, by instrument, for the plans that
//! need them. Causal: a candle counts once it has closed, whether it was stepped or passed in a run.

use indicators::Atr;
use model::{Bar, Instrument, InstrumentIx, Side, Timeframe};
use std::collections::VecDeque;
use strategy::{ExitPlan, History, StateError, StateReader, StateWriter};
use units::{Amount, Price};

/// An average true range over so many candles of a timeframe.
#[derive(Debug, Clone)]
struct Range {
    timeframe: Timeframe,
    bars: u16,
    atr: Atr,
}

/// The last candles of a timeframe, as many as the longest look back needs.
#[derive(Debug, Clone)]
struct Extremes {
    timeframe: Timeframe,
    most: usize,
    /// Low and high, oldest first.
    recent: VecDeque<(Price, Price)>,
}

#[derive(Debug, Clone, Default)]
struct Watched {
    ranges: Vec<Range>,
    extremes: Vec<Extremes>,
}

/// The ranges of every instrument.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ranges {
    instruments: Vec<Watched>,
    is_empty: bool,
}

impl Ranges {
    /// What `plans` need, each with the timeframe that it is led by.
    pub(crate) fn new<'a>(
        instruments: usize,
        plans: impl Iterator<Item = (Timeframe, &'a ExitPlan)>,
    ) -> Self {
        let mut watched = Watched::default();
        for (timeframe, plan) in plans {
            watched.add(timeframe, plan);
        }
        let is_empty = watched.is_empty();
        Self { instruments: vec![watched; instruments], is_empty }
    }

    /// Measures what one more plan needs: over the candles of its timeframe that were kept, by instrument, and from now on.
    pub(crate) fn add(
        &mut self,
        timeframe: Timeframe,
        plan: &ExitPlan,
        instruments: &[Instrument],
        kept: &[History],
    ) {
        for (i, watched) in self.instruments.iter_mut().enumerate() {
            let known = watched.ranges.len();
            watched.add(timeframe, plan);
            if let (Some(instrument), Some(history)) = (instruments.get(i), kept.get(i)) {
                watched.learn(known, timeframe, instrument, history);
            }
            self.is_empty = watched.is_empty();
        }
    }

    /// Whether no plan needs any.
    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Takes a closed candle.
    pub(crate) fn update(
        &mut self,
        ix: InstrumentIx,
        instrument: &Instrument,
        timeframe: Timeframe,
        bar: &Bar,
    ) {
        let Some(watched) = self.instruments.get_mut(ix.index()) else { return };
        for range in watched.ranges.iter_mut().filter(|r| r.timeframe == timeframe) {
            let of = |price| instrument.price_f64(price);
            range.atr.update(of(bar.high), of(bar.low), of(bar.close));
        }
        for extremes in watched.extremes.iter_mut().filter(|e| e.timeframe == timeframe) {
            if extremes.recent.len() == extremes.most {
                extremes.recent.pop_front();
            }
            extremes.recent.push_back((bar.low, bar.high));
        }
    }

    /// The average true range as a level; `None` while there are too few candles.
    pub(crate) fn atr(&self, ix: InstrumentIx, timeframe: Timeframe, bars: u16) -> Option<Amount> {
        let ranges = &self.instruments.get(ix.index())?.ranges;
        let range = ranges.iter().find(|r| r.timeframe == timeframe && r.bars == bars)?;
        let units = range.atr.value()? * 1e18;
        // Prices are below 2⁶³, so this is far below what an amount can hold; the check is for the cast alone.
        (units.is_finite() && units < 1e37).then_some(Amount::from_units(units as i128))
    }

    /// The lowest low (for a long position; the highest high for a short one) of the last `bars` candles.
    pub(crate) fn extreme(
        &self,
        ix: InstrumentIx,
        timeframe: Timeframe,
        bars: u16,
        held: Side,
    ) -> Option<Price> {
        let extremes =
            self.instruments.get(ix.index())?.extremes.iter().find(|e| e.timeframe == timeframe)?;
        let first = extremes.recent.len().checked_sub(bars.into())?;
        let recent = extremes.recent.range(first..);
        match held {
            Side::Buy => recent.map(|(low, _)| *low).min(),
            Side::Sell => recent.map(|(_, high)| *high).max(),
        }
    }

    pub(crate) fn save(&self, w: &mut StateWriter) {
        for watched in &self.instruments {
            watched.ranges.iter().for_each(|r| w.indicator(&r.atr));
            for extremes in &watched.extremes {
                w.int(extremes.recent.len() as i64);
                for (low, high) in &extremes.recent {
                    w.int(low.mantissa());
                    w.int(high.mantissa());
                }
            }
        }
    }

    pub(crate) fn load(&mut self, r: &mut StateReader<'_>) -> Result<(), StateError> {
        for watched in &mut self.instruments {
            watched.ranges.iter_mut().try_for_each(|range| r.indicator(&mut range.atr))?;
            for extremes in &mut watched.extremes {
                extremes.recent.clear();
                let count = usize::try_from(r.int()?).map_err(|_| StateError::Invalid("candles"))?;
                if count > extremes.most {
                    return Err(StateError::Invalid("candles"));
                }
                for _ in 0..count {
                    extremes.recent.push_back((Price::new(r.int()?), Price::new(r.int()?)));
                }
            }
        }
        Ok(())
    }
}

impl Watched {
    /// Looks at what was kept, as if what was added after the first `known` ranges had been there.
    fn learn(&mut self, known: usize, timeframe: Timeframe, instrument: &Instrument, history: &History) {
        let of = |price| instrument.price_f64(price);
        for range in self.ranges[known..].iter_mut().filter(|range| range.timeframe == timeframe) {
            for bar in history.iter() {
                range.atr.update(of(bar.high), of(bar.low), of(bar.close));
            }
        }
        for extremes in self.extremes.iter_mut().filter(|extremes| extremes.timeframe == timeframe) {
            if history.len() > extremes.recent.len() {
                let newest = history.len().min(extremes.most);
                let recent = history.iter().skip(history.len() - newest);
                extremes.recent = recent.map(|bar| (bar.low, bar.high)).collect();
            }
        }
    }

    fn add(&mut self, timeframe: Timeframe, plan: &ExitPlan) {
        if let Some(bars) = plan.needed_atr() {
            self.add_range(timeframe, bars);
        }
        self.add_extremes(timeframe, plan.needed_structure().into());
    }

    fn is_empty(&self) -> bool {
        self.ranges.is_empty() && self.extremes.is_empty()
    }

    fn add_range(&mut self, timeframe: Timeframe, bars: u16) {
        let is_known = self.ranges.iter().any(|r| r.timeframe == timeframe && r.bars == bars);
        // A plan was checked to have a length that an indicator takes.
        if let (false, Ok(atr)) = (is_known, Atr::new(bars.into())) {
            self.ranges.push(Range { timeframe, bars, atr });
        }
    }

    fn add_extremes(&mut self, timeframe: Timeframe, most: usize) {
        match self.extremes.iter_mut().find(|e| e.timeframe == timeframe) {
            _ if most == 0 => {}
            Some(known) => known.most = known.most.max(most),
            None => self.extremes.push(Extremes { timeframe, most, recent: VecDeque::new() }),
        }
    }
}
