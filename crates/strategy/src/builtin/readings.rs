//! The common indicators that a strategy looks at: computed by itself or, where others listen to the same candles, read from
//! the bank.

use crate::bank::{Bank, Slot, Source, Subscriber};
use crate::state::{StateError, StateReader, StateWriter};
use indicators::catalogue::{Setting, Spec, find};
use indicators::{Indicator, Ohlcv};
use model::InstrumentIx;

/// An indicator, on closes where it runs on a series.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    spec: Spec,
    /// How many of its outputs are looked at: the first ones.
    outputs: usize,
    /// How many of its values before the last are compared.
    back: usize,
}

impl Reading {
    /// An indicator of the catalogue; what is not set has its default.
    ///
    /// # Errors
    /// In words, what is wrong with the settings.
    pub(super) fn new(name: &str, settings: &[Setting<'_>]) -> Result<Self, String> {
        let given: Vec<_> = settings.iter().copied().map(Some).collect();
        let descriptor = find(name).ok_or_else(|| format!("there is no indicator {name}"))?;
        let spec = descriptor.settle(&given).map_err(|e| e.to_string())?;
        Ok(Self { spec, outputs: descriptor.outputs.len(), back: 0 })
    }

    /// The same, over so many candles, with the other settings as they are.
    ///
    /// # Errors
    /// As [`Reading::new`].
    pub(super) fn over(name: &str, candles: usize) -> Result<Self, String> {
        Self::new(name, &[number(candles)])
    }

    /// Only the first outputs.
    pub(super) fn first(self, outputs: usize) -> Self {
        Self { outputs, ..self }
    }

    /// Compared with its values before.
    pub(super) fn back(self, back: usize) -> Self {
        Self { back, ..self }
    }

    fn warm_up(&self) -> usize {
        self.spec.warm_up().bars + self.back
    }

    /// Subscribes to it.
    pub(super) fn subscribe(&self, ix: InstrumentIx, subscriber: &mut Subscriber<'_>) -> Slot {
        subscriber.indicator(ix, &self.spec, [Source::Close; 2])
    }
}

/// A length as a setting. What a schema allows is exact as a float.
pub(super) fn number(candles: usize) -> Setting<'static> {
    Setting::Number(candles as f64)
}

/// Readings of one instrument, with what they came to at the last candle.
#[derive(Debug, Clone)]
pub(super) struct Readings {
    wanted: Vec<Reading>,
    /// What is computed here; empty once it is read from the bank.
    own: Vec<Indicator>,
    /// Where they lie in the bank, once that was subscribed to.
    slots: Vec<Slot>,
    numbers: Vec<Option<f64>>,
}

impl Readings {
    pub(super) fn new(wanted: Vec<Reading>) -> Self {
        Self {
            own: wanted.iter().map(|reading| reading.spec.build()).collect(),
            slots: Vec::new(),
            numbers: vec![None; wanted.iter().map(|reading| reading.outputs).sum()],
            wanted,
        }
    }

    /// Candles until all of them, and those before that they are compared with, are known.
    pub(super) fn warm_up(&self) -> usize {
        self.wanted.iter().map(Reading::warm_up).max().unwrap_or(0)
    }

    /// Reads from the bank from now on. Whether there is anything to read.
    pub(super) fn subscribe(&mut self, ix: InstrumentIx, subscriber: &mut Subscriber<'_>) -> bool {
        self.slots = self.wanted.iter().map(|reading| reading.subscribe(ix, subscriber)).collect();
        self.own.clear();
        !self.slots.is_empty()
    }

    pub(super) fn is_shared(&self) -> bool {
        !self.slots.is_empty()
    }

    /// The outputs of all of them, one after the other, at a candle that the bank has taken.
    pub(super) fn read(&mut self, bank: &Bank) -> &[Option<f64>] {
        let mut rest = self.numbers.iter_mut();
        for (slot, reading) in self.slots.iter().zip(&self.wanted) {
            for (n, place) in (0..).zip(rest.by_ref().take(reading.outputs)) {
                *place = bank.value(slot.output(n));
            }
        }
        &self.numbers
    }

    /// The same, computed here.
    pub(super) fn compute(&mut self, candle: &Ohlcv) -> &[Option<f64>] {
        let mut rest = self.numbers.as_mut_slice();
        for (indicator, reading) in self.own.iter_mut().zip(&self.wanted) {
            let (outputs, others) = rest.split_at_mut(reading.outputs);
            indicator.update(candle, [candle.close; 2], outputs);
            rest = others;
        }
        &self.numbers
    }

    pub(super) fn save(&self, state: &mut StateWriter) {
        self.own.iter().for_each(|indicator| state.indicator(indicator));
    }

    pub(super) fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.own.iter_mut().try_for_each(|indicator| state.indicator(indicator))
    }
}
