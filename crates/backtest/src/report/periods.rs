//! Days, weeks and months.

use super::ReportInput;
use super::tally::{self, Tally};
use std::fmt;
use std::str::FromStr;
use units::{CivilDate, Timestamp};

/// How a breakdown groups exits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Breakdown {
    /// By UTC day.
    Day,
    /// By week, from Monday.
    Week,
    /// By month.
    Month,
}

impl Breakdown {
    /// Every breakdown.
    pub const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The first day of the period that `at` falls into.
    fn start(self, at: Timestamp) -> CivilDate {
        let date = at.date();
        match self {
            Self::Day => date,
            Self::Week => monday(at.day()),
            Self::Month => CivilDate { day: 1, ..date },
        }
    }

    /// The period as it is shown: `2024-01-31`, the Monday of a week, `2024-01`.
    fn label(self, at: Timestamp) -> String {
        let start = self.start(at).to_string();
        match self {
            Self::Month => start.chars().take(7).collect(),
            Self::Day | Self::Week => start,
        }
    }
}

/// The Monday on or before a day, counted from 1970-01-01, a Thursday.
fn monday(day: i64) -> CivilDate {
    CivilDate::from_days(day - (day + 3).rem_euclid(7))
}

impl fmt::Display for Breakdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Breakdown {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|b| b.name() == text).ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            format!("unknown breakdown {shown:?}; allowed: day, week, month")
        })
    }
}

/// Closed trades by the period of their exit, oldest first. Labels sort as dates do.
pub(super) fn by_period(input: &ReportInput<'_>, breakdown: Breakdown) -> Vec<(String, Tally)> {
    tally::by(input, |trade| breakdown.label(trade.exit_time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn periods_begin_where_people_say() {
        assert_eq!(Breakdown::Day.label(at("2024-01-31T23:59:59")), "2024-01-31");
        assert_eq!(Breakdown::Month.label(at("2024-02-29")), "2024-02");
        for (day, monday) in [
            ("2024-01-28T23:59", "2024-01-22"),
            ("2024-01-29", "2024-01-29"),
            ("2024-02-04T12:00", "2024-01-29"),
            ("1969-12-31", "1969-12-29"),
        ] {
            assert_eq!(Breakdown::Week.label(at(day)), monday, "{day}");
        }
    }

    #[test]
    fn names_are_read_back() {
        for breakdown in Breakdown::ALL {
            assert_eq!(breakdown.to_string().parse(), Ok(breakdown));
        }
        assert!("year".parse::<Breakdown>().is_err());
    }
}
