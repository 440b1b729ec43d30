//! Which column of a table means what.

use std::fmt;

/// The families of tables that can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Candles,
    Funding,
    Trades,
    Quotes,
    Book,
}

/// What a column means to a family, under all its names.
pub(crate) struct Role {
    /// All names it is known by, the preferred one first; lower case, blanks and hyphens as underscores.
    names: &'static [&'static str],
    required: bool,
}

const fn needed(names: &'static [&'static str]) -> Role {
    Role { names, required: true }
}

const fn optional(names: &'static [&'static str]) -> Role {
    Role { names, required: false }
}

const CANDLES: [Role; 6] = [
    needed(&[
        "open_time",
        "opentime",
        "timestamp",
        "time",
        "datetime",
        "date",
        "ts",
        "start_time",
        "starttime",
        "start_at",
        "start",
        "unix",
        "t",
    ]),
    needed(&["open", "o", "open_price", "openprice"]),
    needed(&["high", "h", "high_price", "highprice"]),
    needed(&["low", "l", "low_price", "lowprice"]),
    needed(&["close", "c", "close_price", "closeprice"]),
    optional(&["volume", "v", "vol", "base_volume", "volume_base"]),
];

const FUNDING: [Role; 3] = [
    needed(&[
        "funding_time",
        "fundingtime",
        "calc_time",
        "fundingratetimestamp",
        "funding_rate_timestamp",
        "timestamp",
        "time",
        "datetime",
        "date",
    ]),
    // freqtrade keeps funding rates as the `open` of candles.
    needed(&["funding_rate", "fundingrate", "last_funding_rate", "rate", "open"]),
    optional(&["symbol", "instrument", "pair"]),
];

const TRADES: [Role; 7] = [
    needed(&[
        "trade_ms",
        "trade_time",
        "transact_time",
        "exchange_time",
        "exch_ts",
        "event_ms",
        "timestamp",
        "time",
        "datetime",
        "date",
    ]),
    needed(&["price", "px", "p"]),
    needed(&["qty", "quantity", "size", "amount", "volume", "q"]),
    optional(&["buyer_is_maker", "is_buyer_maker", "isbuyermaker", "m"]),
    optional(&["side", "taker_side"]),
    optional(&["trade_id", "tradeid", "agg_trade_id", "id"]),
    optional(&["local_ns", "local_ts", "received", "receive_time"]),
];

const QUOTES: [Role; 7] = [
    needed(&[
        "event_ms",
        "transaction_time",
        "exchange_time",
        "exch_ts",
        "event_time",
        "timestamp",
        "time",
        "datetime",
    ]),
    needed(&["bid", "best_bid_price", "bid_price", "bid_px"]),
    needed(&["bid_qty", "best_bid_qty", "bid_quantity", "bid_size"]),
    needed(&["ask", "best_ask_price", "ask_price", "ask_px"]),
    needed(&["ask_qty", "best_ask_qty", "ask_quantity", "ask_size"]),
    optional(&["update_id"]),
    optional(&["local_ns", "local_ts", "received", "receive_time"]),
];

const BOOK: [Role; 8] = [
    needed(&["exch_ts", "exchange_time", "event_ms", "timestamp", "time"]),
    optional(&["local_ts", "local_ns", "received", "receive_time"]),
    needed(&["kind", "event"]),
    needed(&["side"]),
    needed(&["px", "price"]),
    needed(&["qty", "quantity", "size"]),
    optional(&["update_id"]),
    optional(&["is_last"]),
];

/// The most roles any family has.
pub(crate) const MAX_ROLES: usize = 8;

impl Family {
    pub(crate) const fn roles(self) -> &'static [Role] {
        match self {
            Self::Candles => &CANDLES,
            Self::Funding => &FUNDING,
            Self::Trades => &TRADES,
            Self::Quotes => &QUOTES,
            Self::Book => &BOOK,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Candles => "candles",
            Self::Funding => "funding rates",
            Self::Trades => "trades",
            Self::Quotes => "quotes",
            Self::Book => "book changes",
        })
    }
}

/// Where the roles of a family are found in a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) family: Family,
    /// For each role the position of its column.
    pub(crate) positions: Vec<Option<usize>>,
    /// For each role the name of its column in the file.
    pub(crate) names: Vec<String>,
    /// Columns that mean nothing to us.
    pub(crate) ignored: Vec<String>,
}

impl Mapping {
    /// Of what has no columns.
    pub(crate) const fn none(family: Family) -> Self {
        Self { family, positions: Vec::new(), names: Vec::new(), ignored: Vec::new() }
    }
}

/// What the first row of a table without header can be.
struct Headerless {
    family: Family,
    names: &'static [&'static str],
}

/// Files of Binance's public archive came without header until 2022; plain candles of other tools often do.
const HEADERLESS: [Headerless; 5] = [
    Headerless {
        family: Family::Candles,
        names: &[
            "open_time",
            "open",
            "high",
            "low",
            "close",
            "volume",
            "close_time",
            "quote_volume",
            "count",
            "taker_buy_volume",
            "taker_buy_quote_volume",
            "ignore",
        ],
    },
    Headerless { family: Family::Candles, names: &["open_time", "open", "high", "low", "close", "volume"] },
    Headerless {
        family: Family::Candles,
        names: &["open_time", "open", "high", "low", "close", "volume", "turnover"],
    },
    Headerless {
        family: Family::Trades,
        names: &["id", "price", "qty", "quote_qty", "time", "is_buyer_maker"],
    },
    Headerless {
        family: Family::Trades,
        names: &[
            "agg_trade_id",
            "price",
            "quantity",
            "first_trade_id",
            "last_trade_id",
            "transact_time",
            "is_buyer_maker",
        ],
    },
];

/// Whether a first row is data, not names: it begins with a digit or a sign.
pub(crate) fn is_data(first_row: &[String]) -> bool {
    first_row.first().is_some_and(|field| field.trim().starts_with(|c: char| c.is_ascii_digit() || c == '-'))
}

/// The names that the columns of a table without header have.
pub(crate) fn assumed_names(first_row: &[String]) -> Result<Vec<String>, String> {
    let flagged = first_row
        .last()
        .is_some_and(|last| matches!(last.trim().to_ascii_lowercase().as_str(), "true" | "false"));
    let fits = |shape: &&Headerless| {
        shape.names.len() == first_row.len() && (shape.family == Family::Trades) == flagged
    };
    let Some(shape) = HEADERLESS.iter().find(fits) else {
        return Err(format!(
            "no header, and {} columns are no layout that is known without one; add a header line such as {}",
            first_row.len(),
            "open_time,open,high,low,close,volume"
        ));
    };
    Ok(shape.names.iter().map(|name| (*name).to_owned()).collect())
}

/// A name as the roles spell it.
fn plain(name: &str) -> String {
    name.trim().trim_matches('"').trim().to_lowercase().replace([' ', '-'], "_")
}

/// The family that fits the names of the columns, if any does.
fn detect(names: &[String]) -> Option<Family> {
    // From the most telling to the least: trades share `price` and `qty` with book changes.
    let order = [Family::Book, Family::Quotes, Family::Candles, Family::Funding, Family::Trades];
    order.into_iter().find(|family| {
        family
            .roles()
            .iter()
            .filter(|role| role.required)
            .all(|role| role.names.iter().any(|alias| names.iter().any(|name| name == alias)))
    })
}

/// The family most of whose columns are there, so that the ones missing can be named.
fn resembled(names: &[String]) -> Option<Family> {
    let there = |role: &Role| role.names.iter().any(|alias| names.iter().any(|name| name == alias));
    let share = |family: Family| {
        let required: Vec<&Role> = family.roles().iter().filter(|role| role.required).collect();
        (required.iter().filter(|role| there(role)).count(), required.len())
    };
    let resembles = |family: &Family| matches!(share(*family), (found, required) if 2 * found > required);
    [Family::Candles, Family::Quotes, Family::Book].into_iter().find(resembles)
}

/// Finds the roles of a family, or of whichever family fits, among the names of the columns.
pub(crate) fn map(given: &[String], family: Option<Family>, needs_volume: bool) -> Result<Mapping, String> {
    let names: Vec<String> = given.iter().map(|name| plain(name)).collect();
    let shown =
        || given.iter().map(|name| name.trim().chars().take(40).collect::<String>()).collect::<Vec<_>>();
    let Some(family) = family.or_else(|| detect(&names)).or_else(|| resembled(&names)) else {
        return Err(format!(
            "the columns {:?} are no known table; candles need open_time,open,high,low,close,volume, funding rates \
             funding_time,funding_rate, trades time,price,qty,side, quotes time,bid,bid_qty,ask,ask_qty, book changes \
             exch_ts,local_ts,kind,side,px,qty",
            shown()
        ));
    };
    let (mut positions, mut found, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for (index, role) in family.roles().iter().enumerate() {
        let position = role.names.iter().find_map(|alias| names.iter().position(|name| name == alias));
        let is_volume = family == Family::Candles && index + 1 == CANDLES.len();
        match position {
            Some(position) if names[position + 1..].contains(&names[position]) => {
                return Err(format!("column {:?} stands there twice", given[position].trim()));
            }
            None if role.required || (is_volume && needs_volume) => {
                missing.push(format!("{} (also known as {})", role.names[0], role.names[1..].join(", ")));
            }
            _ => {}
        }
        positions.push(position);
        found.push(position.map_or(role.names[0].to_owned(), |p| given[p].trim().to_owned()));
    }
    if !missing.is_empty() {
        return Err(format!("columns missing for {family}: {}; found {:?}", missing.join("; "), shown()));
    }
    let ignored = (0..given.len()).filter(|i| !positions.contains(&Some(*i)));
    let ignored = ignored.map(|i| given[i].trim().to_owned()).filter(|name| !name.is_empty()).collect();
    Ok(Mapping { family, positions, names: found, ignored })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        text.split(',').map(str::to_owned).collect()
    }

    #[test]
    fn recognises_the_tables_people_have() {
        for (header, family) in [
            ("open_time,open,high,low,close,volume,turnover,trades", Family::Candles),
            ("date,open,high,low,close,volume", Family::Candles),
            ("Timestamp,Open,High,Low,Close,Volume", Family::Candles),
            ("t,o,h,l,c,v", Family::Candles),
            ("funding_time,symbol,funding_rate", Family::Funding),
            ("calc_time,funding_interval_hours,last_funding_rate", Family::Funding),
            ("local_ns,event_ms,trade_ms,trade_id,price,qty,buyer_is_maker,type", Family::Trades),
            ("timestamp,symbol,side,size,price,tickDirection,trdMatchID", Family::Trades),
            ("local_ns,event_ms,update_id,bid,bid_qty,ask,ask_qty", Family::Quotes),
            ("exch_ts,local_ts,kind,side,px,qty", Family::Book),
        ] {
            assert_eq!(map(&names(header), None, true).unwrap().family, family, "{header}");
        }
    }

    #[test]
    fn names_what_is_missing() {
        let problem = map(&names("date,open,high,close,volume"), Some(Family::Candles), true).unwrap_err();
        assert!(problem.contains("low") && problem.contains("date"), "{problem}");
        let problem = map(&names("date,open,high,low,low,close,volume"), None, true).unwrap_err();
        assert!(problem.contains("twice"), "{problem}");
        let problem = map(&names("open_time,open,high,low,volume"), None, true).unwrap_err();
        assert!(problem.starts_with("columns missing for candles: close"), "{problem}");
        assert!(map(&names("a,b,c"), None, true).unwrap_err().contains("no known table"));
        assert!(map(&names("date,open,high,low,close"), None, true).unwrap_err().contains("volume"));
        assert!(map(&names("date,open,high,low,close"), None, false).is_ok());
    }

    #[test]
    fn tables_without_header_have_known_shapes() {
        let row = names("1704067200000,1,2,0.5,1.5,10,1704067259999,15,3,5,7,0");
        assert!(is_data(&row));
        assert_eq!(assumed_names(&row).unwrap()[6], "close_time");
        let trade = names("1,100.5,0.1,10.05,1704067200000,true");
        assert_eq!(assumed_names(&trade).unwrap()[0], "id");
        assert!(assumed_names(&names("1,2")).is_err());
    }
}
