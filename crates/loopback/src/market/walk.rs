//! A seeded price: volatility that comes and goes, the drift of a scenario, nothing else. Only `+ − × ÷ √` are used, so it is the
//! same on every machine.

use crate::settings::Scenario;
use units::Prng;

#[derive(Debug, Clone)]
pub(crate) struct Walk {
    random: Prng,
    price: f64,
    first: f64,
    /// What the usual volatility is multiplied by now.
    level: f64,
    daily_volatility: f64,
    scenario: Scenario,
}

impl Walk {
    pub(crate) fn new(random: Prng, price: f64, daily_volatility: f64, scenario: Scenario) -> Self {
        Self { random, price, first: price, level: 1.0, daily_volatility, scenario }
    }

    pub(crate) const fn price(&self) -> f64 {
        self.price
    }

    /// Goes on from another price.
    pub(crate) const fn jump(&mut self, price: f64) {
        self.price = price;
    }

    /// The price so many seconds later; `elapsed` is counted from the start of the exchange, and below zero before.
    pub(crate) fn step(&mut self, seconds: f64, elapsed: f64) -> f64 {
        let (noise, mood) = (self.normal(), self.normal());
        let hours = seconds / 3_600.0;
        self.level += (1.0 - self.level) * hours.min(1.0) * 0.5 + 0.35 * mood * hours.min(1.0).sqrt();
        self.level = self.level.clamp(0.4, 2.5);
        let days = seconds / 86_400.0;
        // History is calm whatever happens later.
        let scenario = if elapsed < 0.0 { Scenario::Normal } else { self.scenario };
        let sigma = self.daily_volatility * self.level * scenario.volatility() * days.sqrt();
        // Far from where it began, the price leans back.
        let lean = if self.price > 3.0 * self.first {
            -0.05
        } else if self.price < self.first / 3.0 {
            0.05
        } else {
            0.0
        };
        let change = (scenario.drift(elapsed) + lean) * days + sigma * noise;
        self.price *= 1.0 + change.clamp(-0.2, 0.2);
        self.price
    }

    /// About a standard normal number: twelve even ones.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.random.unit()).sum::<f64>() - 6.0
    }
}
