//! The bad days a portfolio is put through.
//!
//! The historical moves are the largest falls from a high to a later low within 24 hours around each date, measured on
//! hourly candles of Binance USDⓈ-M perpetuals (2020 to 2023), on 15-minute candles of Bybit linear perpetuals (2024) and on
//! 5-minute ones (2025). `others` is the worst of the other coins that were measured (BNB, SOL, DOGE, LINK, AVAX as far as
//! they were listed), because a small coin has never fallen less than the large ones on such a day.

use units::{Rate, Span};

/// What happens to the markets in a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shock {
    /// Every price jumps at once, without a trade in between: stops fill beyond the gap.
    Gap(Moves),
    /// Every price jumps against the position that is held in it: what hedged each other loses together. The jump is
    /// this many of the instrument's own daily standard deviations.
    Against {
        /// How many standard deviations.
        deviations: u8,
    },
    /// The venue cannot be reached; meanwhile every price makes the worst move against the position that it made in the
    /// data within this time.
    Outage(Span),
    /// All positions are closed at market while the spread is this many times as wide as the slippage of the run.
    Spread(u16),
    /// Funding at this rate, against every position, this many times.
    Funding {
        /// The rate of one settlement.
        rate: Rate,
        /// How many settlements.
        times: u8,
    },
    /// The venue closes the positions that are in profit at the mark price (auto-deleveraging); what is left then meets a
    /// gap against it.
    Deleveraging {
        /// How far the gap goes.
        then: Rate,
    },
    /// The currency that the account holds loses this part of its value. Positions are settled in the same currency, so
    /// their margin does not change.
    Currency(Rate),
}

/// How far prices move; below zero for a fall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moves {
    /// Of bitcoin.
    pub btc: Rate,
    /// Of ether.
    pub eth: Rate,
    /// Of everything else.
    pub others: Rate,
}

impl Moves {
    const fn percent(btc: i64, eth: i64, others: i64) -> Self {
        Self { btc: percent(btc), eth: percent(eth), others: percent(others) }
    }

    const fn all(percent: i64) -> Self {
        Self::percent(percent, percent, percent)
    }

    /// The move of one base currency.
    #[must_use]
    pub fn of(&self, base: &str) -> Rate {
        match base {
            "BTC" => self.btc,
            "ETH" => self.eth,
            _ => self.others,
        }
    }
}

/// A bad day with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scenario {
    /// What it is called in reports.
    pub name: &'static str,
    /// What it assumes, in a sentence.
    pub about: &'static str,
    /// What happens.
    pub shock: Shock,
}

const fn percent(percent: i64) -> Rate {
    Rate::from_units(percent * 10_000_000)
}

/// Every scenario, in the order of the report.
pub static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "gap -20 %",
        about: "every price falls by 20 % within a minute",
        shock: Shock::Gap(Moves::all(-20)),
    },
    Scenario {
        name: "gap +20 %",
        about: "every price rises by 20 % within a minute",
        shock: Shock::Gap(Moves::all(20)),
    },
    Scenario {
        name: "correlation 1",
        about: "every price moves against the position in it by three of its daily standard deviations",
        shock: Shock::Against { deviations: 3 },
    },
    Scenario {
        name: "venue down 30 min",
        about: "no order gets through while every price makes the worst half hour of the data against the position",
        shock: Shock::Outage(super::OUTAGE),
    },
    Scenario {
        name: "spread x20",
        about: "everything is closed at market, across a spread of twenty times the slippage of the run",
        shock: Shock::Spread(20),
    },
    Scenario {
        name: "funding at the cap",
        about: "three settlements of 2 % against every position (the widest cap that Bybit and Binance set)",
        shock: Shock::Funding { rate: percent(2), times: 3 },
    },
    Scenario {
        name: "auto-deleveraging",
        about: "positions in profit are closed at the mark price, then 10 % against what is left",
        shock: Shock::Deleveraging { then: percent(10) },
    },
    Scenario {
        name: "stablecoin -5 %",
        about: "the currency of the account loses 5 % of its value",
        shock: Shock::Currency(percent(5)),
    },
    Scenario {
        name: "2020-03-12",
        about: "the COVID crash: BTC -53 %, ETH -67 %, others -61 %",
        shock: Shock::Gap(Moves::percent(-53, -67, -61)),
    },
    Scenario {
        name: "2021-05-19",
        about: "the May liquidations: BTC -35 %, ETH -60 %, others -62 %",
        shock: Shock::Gap(Moves::percent(-35, -60, -62)),
    },
    Scenario {
        name: "2022-05 LUNA",
        about: "the fall of LUNA: BTC -17 %, ETH -28 %, others -48 %",
        shock: Shock::Gap(Moves::percent(-17, -28, -48)),
    },
    Scenario {
        name: "2022-11 FTX",
        about: "the fall of FTX: BTC -19 %, ETH -28 %, others -63 %",
        shock: Shock::Gap(Moves::percent(-19, -28, -63)),
    },
    Scenario {
        name: "2023-03 USDC",
        about: "the bank run before the USDC depeg: BTC -11 %, ETH -12 %, others -14 %",
        shock: Shock::Gap(Moves::percent(-11, -12, -14)),
    },
    Scenario {
        name: "2024-08-05",
        about: "the unwinding of the yen carry trade: BTC -20 %, ETH -29 %, others -25 %",
        shock: Shock::Gap(Moves::percent(-20, -29, -25)),
    },
    Scenario {
        name: "2025-10-10",
        about: "the October liquidation cascade: BTC -18 %, ETH -25 %, others -50 % (many altcoins halved within five minutes)",
        shock: Shock::Gap(Moves::percent(-18, -25, -50)),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_moves_leave_a_price() {
        for (i, scenario) in SCENARIOS.iter().enumerate() {
            assert!(SCENARIOS[..i].iter().all(|s| s.name != scenario.name), "{} twice", scenario.name);
            if let Shock::Gap(moves) = scenario.shock {
                for rate in [moves.btc, moves.eth, moves.others] {
                    assert!(rate > percent(-100) && rate != Rate::ZERO);
                }
            }
        }
        assert_eq!(Moves::percent(-1, -2, -3).of("ETH"), Rate::parse_percent("-2").unwrap());
        assert_eq!(Moves::percent(-1, -2, -3).of("DOGE"), Rate::parse_percent("-3").unwrap());
    }
}
