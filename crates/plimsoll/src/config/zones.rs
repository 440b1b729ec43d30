//! Time zones by name, from the database that is built into the program: never from that of the machine, so that a
//! configuration means the same everywhere.

use engine::guard::calendar::{Boundaries, LocalDays};
use indicators::calendar::Zone;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use units::{Span, Timestamp};

use super::suggest::nearest;

/// Changes of the clock are resolved for the years from this one on, and before that one. Until then rules are known as laws stand;
/// after it the last offset stays.
const YEARS: (i16, i16) = (2000, 2100);

/// The database's own spelling of a name, or what is wrong with it.
///
/// # Errors
/// A sentence that names the zone which may have been meant.
pub(crate) fn checked(name: &str) -> Result<String, String> {
    let database = TimeZoneDatabase::bundled();
    if let Ok(zone) = database.get(name)
        && let Some(known) = zone.iana_name()
    {
        return Ok(known.to_owned());
    }
    let shown: String = name.chars().take(60).collect();
    Err(match suggestion(&database, name) {
        Some(zone) => format!("no time zone is called {shown:?}; {zone} may be meant"),
        None => format!("no time zone is called {shown:?}"),
    })
}

/// What may have been meant: a centre as rule files call it, a city without its continent, or a near spelling.
fn suggestion(database: &TimeZoneDatabase, name: &str) -> Option<String> {
    if let Some(centre) = Zone::named(&name.to_lowercase().replace([' ', '-'], "_")) {
        return Some(iana_name(centre).to_owned());
    }
    let names: Vec<String> = database.available().map(|known| known.as_str().to_owned()).collect();
    let city = |name: &str| name.rsplit('/').next().unwrap_or(name).to_lowercase();
    let wanted = city(&name.replace(' ', "_"));
    let by_city = names.iter().find(|known| known.contains('/') && city(known) == wanted);
    let words: Vec<&str> = names.iter().map(String::as_str).collect();
    by_city.cloned().or_else(|| nearest(name, &words)).or_else(|| {
        let cities: Vec<String> = names.iter().map(|known| city(known)).collect();
        let words: Vec<&str> = cities.iter().map(String::as_str).collect();
        let near = nearest(&wanted, &words)?;
        names.iter().find(|known| city(known) == near).cloned()
    })
}

/// The name in the database of a centre whose clock indicators know.
pub(crate) const fn iana_name(zone: Zone) -> &'static str {
    match zone {
        Zone::Utc => "UTC",
        Zone::NewYork => "America/New_York",
        Zone::Chicago => "America/Chicago",
        Zone::London => "Europe/London",
        Zone::Frankfurt => "Europe/Berlin",
        Zone::Tokyo => "Asia/Tokyo",
        Zone::HongKong => "Asia/Hong_Kong",
        Zone::Singapore => "Asia/Singapore",
        Zone::Sydney => "Australia/Sydney",
    }
}

/// When trading days begin: `minutes` after midnight by the clock of a zone.
///
/// # Errors
/// What is wrong with the name, as [`checked`] says it.
pub(crate) fn boundaries(name: &str, minutes: u32) -> Result<Boundaries, String> {
    let start = Span::from_seconds(i64::from(minutes) * 60);
    let known = checked(name)?;
    let zone = TimeZoneDatabase::bundled().get(&known).map_err(|error| error.to_string())?;
    let (before, changes) = changes(&zone);
    if changes.is_empty() {
        return Ok(Boundaries::Offset(Span::from_nanos(start.nanos() - before.nanos())));
    }
    let days = LocalDays::new(start, before, changes);
    days.map(Boundaries::Local)
        .ok_or_else(|| format!("the clock of {known} changes too often to count days by it"))
}

/// How far a clock is ahead of UTC at first, and its changes.
fn changes(zone: &TimeZone) -> (Span, Vec<(Timestamp, Span)>) {
    let year = |year: i16| jiff::civil::date(year, 1, 1).at(0, 0, 0, 0).to_zoned(TimeZone::UTC);
    let (Ok(from), Ok(to)) = (year(YEARS.0), year(YEARS.1)) else { return (Span::ZERO, Vec::new()) };
    let (from, to) = (from.timestamp(), to.timestamp());
    let ahead = |offset: jiff::tz::Offset| Span::from_seconds(offset.seconds().into());
    let before = ahead(zone.to_offset(from));
    let (mut last, mut changes) = (before, Vec::new());
    for change in zone.following(from).take_while(|change| change.timestamp() < to) {
        let offset = ahead(change.offset());
        // Some changes are of the name alone.
        if offset != last
            && let Some(at) = Timestamp::from_seconds(change.timestamp().as_second())
        {
            last = offset;
            changes.push((at, offset));
        }
    }
    (before, changes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::guard::calendar::{Calendar, Weekday};

    #[test]
    fn what_is_no_zone_is_answered_with_what_may_be_meant() {
        assert_eq!(checked("Europe/Berlin").as_deref(), Ok("Europe/Berlin"));
        assert_eq!(checked("europe/berlin").as_deref(), Ok("Europe/Berlin"));
        assert_eq!(checked("UTC").as_deref(), Ok("UTC"));
        for (typed, meant) in [
            ("Europe/Berln", "Europe/Berlin"),
            ("Berlin", "Europe/Berlin"),
            ("new_york", "America/New_York"),
            ("New York", "America/New_York"),
            ("frankfurt", "Europe/Berlin"),
        ] {
            let error = checked(typed).unwrap_err();
            assert_eq!(error, format!("no time zone is called {typed:?}; {meant} may be meant"));
        }
        assert_eq!(checked("quaqua").unwrap_err(), "no time zone is called \"quaqua\"");
    }

    fn ends(name: &str, minutes: u32, moments: &[&str]) -> Vec<(i64, String)> {
        let calendar =
            Calendar { boundaries: boundaries(name, minutes).unwrap(), week_start: Weekday::Monday };
        let day = |text: &&str| calendar.day_of(Timestamp::parse(text).unwrap());
        moments.iter().map(day).map(|day| (day.number, day.end.to_string())).collect()
    }

    #[test]
    fn trading_days_follow_the_clock_on_the_wall() {
        let spring = ["2025-03-30T12:00:00Z", "2025-03-31T12:00:00Z"];
        assert_eq!(
            ends("Europe/Berlin", 0, &spring),
            [(20_177, "2025-03-30T22:00:00Z".into()), (20_178, "2025-03-31T22:00:00Z".into())]
        );
        let autumn = ["2025-11-02T12:00:00Z", "2025-11-03T12:00:00Z"];
        assert_eq!(
            ends("America/New_York", 17 * 60, &autumn),
            [(20_393, "2025-11-02T22:00:00Z".into()), (20_394, "2025-11-03T22:00:00Z".into())]
        );
        // Without daylight saving a shift is all there is to a zone.
        let tokyo = Boundaries::Offset(Span::from_seconds(-9 * 3600));
        assert_eq!(boundaries("Asia/Tokyo", 0), Ok(tokyo));
        assert_eq!(boundaries("UTC", 90), Ok(Boundaries::Offset(Span::from_seconds(5_400))));
    }

    /// Every zone of the database can be resolved.
    #[test]
    fn no_zone_is_beyond_us() {
        let database = TimeZoneDatabase::bundled();
        let names: Vec<String> = database.available().map(|name| name.as_str().to_owned()).collect();
        assert!(names.len() > 300, "{}", names.len());
        for name in names {
            assert!(boundaries(&name, 0).is_ok(), "{name}: {:?}", boundaries(&name, 0));
        }
    }

    /// The arithmetic by which indicators tell local time agrees with the database.
    #[test]
    fn the_clocks_of_indicators_are_those_of_the_database() {
        for zone in Zone::ALL {
            let known = TimeZoneDatabase::bundled().get(iana_name(zone)).unwrap();
            for hour in 0..24 * 366 * 30 {
                // Every hour and a half from 2008 on, which meets both halves of every change.
                let second = 1_199_145_600 + hour * 5_400;
                let at = jiff::Timestamp::from_second(second).unwrap();
                let ours = zone.offset(Timestamp::from_seconds(second).unwrap());
                assert_eq!(ours, i64::from(known.to_offset(at).seconds()), "{zone:?} at {at}");
            }
        }
    }
}
