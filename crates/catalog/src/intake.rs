//! Turning the cells of any table into rows of one of our kinds, whatever the file format.

use crate::cell::{Cell, Fixed};
use crate::columns::{MAX_MANTISSA, scaled};
use crate::header::{Family, MAX_ROLES, Mapping, assumed_names, is_data, map};
use crate::parquet_io::factor;
use crate::{BookGap, Factors, Fault, Faults, Received, Row, Scale};
use model::{Bar, BookChange, BookUpdate, Exchange, FundingRate, InstrumentIx, Quote, Side, Trade};
use std::collections::BTreeMap;
use units::{Price, Quantity, RATE_DECIMALS, Rate};

/// The line that each row of a table came from: consecutive but for the breaks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lines {
    breaks: Vec<(usize, u64)>,
}

impl Lines {
    /// Notes that row `row` came from `line`. Rows are noted in order.
    #[inline]
    fn note(&mut self, row: usize, line: u64) {
        let expected = self.breaks.last().map(|(first, at)| at + (row - first) as u64);
        if expected != Some(line) {
            self.breaks.push((row, line));
        }
    }

    /// The line of a row.
    pub(crate) fn of(&self, row: usize) -> u64 {
        let after = self.breaks.partition_point(|(first, _)| *first <= row);
        match after.checked_sub(1).map(|i| self.breaks[i]) {
            Some((first, line)) => line + (row - first) as u64,
            None => row as u64 + 1,
        }
    }
}

/// Rows read so far, at the scale that all of them need.
#[derive(Debug, Clone)]
pub(crate) struct Rows<R> {
    pub(crate) rows: Vec<R>,
    pub(crate) scale: Scale,
    pub(crate) lines: Lines,
    /// How many numbers had digits that could not be kept.
    pub(crate) rounded: u64,
}

impl<R> Default for Rows<R> {
    fn default() -> Self {
        Self { rows: Vec::new(), scale: Scale::default(), lines: Lines::default(), rounded: 0 }
    }
}

/// Which of the numbers did not fit, and why.
type Misfit = (usize, String);

impl<R: Row> Rows<R> {
    fn add(&mut self, row: R, line: u64) {
        self.lines.note(self.rows.len(), line);
        self.rows.push(row);
    }

    /// The mantissas of prices at the scale of the table, which grows when they need it.
    #[inline]
    fn prices<const N: usize>(&mut self, numbers: [Fixed; N]) -> Result<[i64; N], Misfit> {
        for (i, number) in numbers.into_iter().enumerate() {
            if number.decimals > self.scale.price_decimals {
                let wide = Scale {
                    price_decimals: number.trimmed().decimals.max(self.scale.price_decimals),
                    ..self.scale
                };
                self.widen(wide).map_err(|problem| (i, problem))?;
            }
        }
        self.aligned(numbers, self.scale.price_decimals)
    }

    /// The same for quantities.
    #[inline]
    fn quantities<const N: usize>(&mut self, numbers: [Fixed; N]) -> Result<[i64; N], Misfit> {
        for (i, number) in numbers.into_iter().enumerate() {
            if number.decimals > self.scale.quantity_decimals {
                let wide = Scale {
                    quantity_decimals: number.trimmed().decimals.max(self.scale.quantity_decimals),
                    ..self.scale
                };
                self.widen(wide).map_err(|problem| (i, problem))?;
            }
        }
        self.aligned(numbers, self.scale.quantity_decimals)
    }

    #[inline]
    fn aligned<const N: usize>(&mut self, numbers: [Fixed; N], decimals: u8) -> Result<[i64; N], Misfit> {
        let mut mantissas = [0; N];
        for (i, (slot, number)) in mantissas.iter_mut().zip(numbers).enumerate() {
            let lean = if number.decimals > decimals { number.trimmed() } else { number };
            self.rounded += u64::from(number.rounded);
            *slot =
                factor(lean.decimals, decimals).and_then(|f| scaled(lean.mantissa, f)).ok_or_else(|| {
                    (
                        i,
                        format!(
                            "the number does not fit into 18 digits at the {decimals} decimals of the file"
                        ),
                    )
                })?;
        }
        Ok(mantissas)
    }

    #[cold]
    fn widen(&mut self, to: Scale) -> Result<(), String> {
        let factors = factor(self.scale.price_decimals, to.price_decimals)
            .zip(factor(self.scale.quantity_decimals, to.quantity_decimals))
            .map(|(price, quantity)| Factors { price, quantity });
        if to == self.scale {
            return Ok(());
        }
        let fits = factors.is_some_and(|factors| self.rows.iter().all(|row| row.rescaled(factors).is_some()));
        let Some(factors) = factors.filter(|_| fits) else {
            return Err(
                "so many decimals that an earlier number of the file does not fit into 18 digits".to_owned()
            );
        };
        for row in &mut self.rows {
            *row = row.rescaled(factors).unwrap_or(*row);
        }
        self.scale = to;
        Ok(())
    }
}

/// The rows of a file.
#[derive(Debug, Clone)]
pub(crate) enum Table {
    Candles(Rows<Bar>),
    /// By the symbol of the row; the empty text where the file has no such column.
    Funding(BTreeMap<String, Rows<Received<FundingRate>>>),
    Trades(Rows<Received<Trade>>),
    Quotes(Rows<Received<Quote>>),
    Book(Rows<Received<BookChange>>, Rows<Received<Trade>>),
    Capture(Box<Captured>),
}

/// What the messages of a raw capture came to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Captured {
    pub(crate) book: Rows<Received<BookChange>>,
    pub(crate) trades: Rows<Received<Trade>>,
    pub(crate) quotes: Rows<Received<Quote>>,
    /// Whose messages they are, as far as they say.
    pub(crate) told: Option<(Exchange, Option<String>)>,
    pub(crate) gaps: Vec<BookGap>,
}

impl Table {
    fn of(family: Family) -> Self {
        match family {
            Family::Candles => Self::Candles(Rows::default()),
            Family::Funding => Self::Funding(BTreeMap::new()),
            Family::Trades => Self::Trades(Rows::default()),
            Family::Quotes => Self::Quotes(Rows::default()),
            Family::Book => Self::Book(Rows::default(), Rows::default()),
        }
    }
}

/// The cells of one row in the order of the roles.
pub(crate) type Cells<'a> = [Cell<'a>; MAX_ROLES];

/// Takes in one table.
#[derive(Debug)]
pub(crate) struct Intake {
    family: Option<Family>,
    needs_volume: bool,
    mapping: Option<Mapping>,
    table: Option<Table>,
    pub(crate) faults: Faults,
    pub(crate) row_count: u64,
}

/// What a row cannot be: the role of the offending cell and the problem.
pub(crate) type Refusal = (usize, String);

impl Intake {
    /// For a table of the given family, or of whichever family its columns fit.
    pub(crate) fn new(family: Option<Family>, needs_volume: bool) -> Self {
        Self { family, needs_volume, mapping: None, table: None, faults: Faults::default(), row_count: 0 }
    }

    /// Takes the first row. Returns whether it is data already.
    pub(crate) fn header(&mut self, first_row: &[String]) -> Result<bool, String> {
        let headerless = is_data(first_row);
        let names = if headerless { assumed_names(first_row)? } else { first_row.to_vec() };
        self.columns(&names)?;
        Ok(headerless)
    }

    /// Takes a whole capture, which has no columns.
    pub(crate) fn capture(&mut self, captured: Captured, faults: Faults, rows: u64) {
        (self.faults, self.row_count) = (faults, rows);
        self.mapping = Some(Mapping::none(Family::Book));
        self.table = Some(Table::Capture(Box::new(captured)));
    }

    /// Takes the names of the columns.
    pub(crate) fn columns(&mut self, names: &[String]) -> Result<(), String> {
        let mapping = map(names, self.family, self.needs_volume)?;
        self.table = Some(Table::of(mapping.family));
        self.mapping = Some(mapping);
        Ok(())
    }

    /// For each role the position of its column; empty before the header is known.
    pub(crate) fn positions(&self) -> &[Option<usize>] {
        self.mapping.as_ref().map(|mapping| mapping.positions.as_slice()).unwrap_or_default()
    }

    /// Makes room for about this many candles.
    pub(crate) fn expect(&mut self, rows: usize) {
        if let Some(Table::Candles(table)) = &mut self.table {
            table.rows.reserve(rows);
        }
    }

    /// Takes one row.
    #[inline]
    pub(crate) fn row(&mut self, cells: &Cells<'_>, line: u64) {
        self.row_count += 1;
        let taken = match &mut self.table {
            Some(Table::Candles(rows)) => candle(rows, cells, line),
            Some(Table::Funding(rows)) => funding(rows, cells, line),
            Some(Table::Trades(rows)) => trade(rows, cells, line),
            Some(Table::Quotes(rows)) => quote(rows, cells, line),
            Some(Table::Book(levels, trades)) => book(levels, trades, cells, line),
            Some(Table::Capture(_)) | None => Err((0, "a row before the header".to_owned())),
        };
        if let Err((role, problem)) = taken {
            let column = self.name_of(role);
            let value = cells[role].show();
            self.faults.add(|| Fault { line, column, value, problem });
        }
    }

    /// Notes a row that is wrong as a whole.
    pub(crate) fn bad_row(&mut self, line: u64, value: &str, problem: String) {
        self.row_count += 1;
        let value = value.chars().take(60).collect();
        self.faults.add(|| Fault { line, column: "(all)".to_owned(), value, problem });
    }

    fn name_of(&self, role: usize) -> String {
        self.mapping.as_ref().and_then(|mapping| mapping.names.get(role)).cloned().unwrap_or_default()
    }

    /// The table and how its columns were understood; `None` when there was not even a header.
    pub(crate) fn finish(self) -> Option<(Table, Mapping, Faults)> {
        Some((self.table?, self.mapping?, self.faults))
    }
}

fn number(cells: &Cells<'_>, role: usize) -> Result<Fixed, Refusal> {
    cells[role].number().map_err(|problem| (role, problem))
}

/// `number` of a role that must not be negative, or must be above zero.
fn amount(cells: &Cells<'_>, role: usize, zero_allowed: bool) -> Result<Fixed, Refusal> {
    let found = number(cells, role)?;
    match found.mantissa {
        1.. => Ok(found),
        0 if zero_allowed => Ok(found),
        _ if zero_allowed => Err((role, "negative; zero or more is allowed".to_owned())),
        _ => Err((role, "zero or negative; it must be above zero".to_owned())),
    }
}

fn time(cells: &Cells<'_>, role: usize) -> Result<units::Timestamp, Refusal> {
    cells[role].time().map_err(|problem| (role, problem))
}

fn time_or(cells: &Cells<'_>, role: usize, other: units::Timestamp) -> Result<units::Timestamp, Refusal> {
    if cells[role] == Cell::Empty { Ok(other) } else { time(cells, role) }
}

/// A misfit of the numbers of `roles`.
fn at<const N: usize>(roles: [usize; N]) -> impl FnOnce(Misfit) -> Refusal {
    move |(index, problem)| (roles[index], problem)
}

#[inline]
fn candle(rows: &mut Rows<Bar>, cells: &Cells<'_>, line: u64) -> Result<(), Refusal> {
    let open_time = time(cells, 0)?;
    let prices = [number(cells, 1)?, number(cells, 2)?, number(cells, 3)?, number(cells, 4)?];
    let volume = match cells[5] {
        Cell::Empty => Fixed { mantissa: 0, decimals: 0, rounded: false },
        _ => number(cells, 5)?,
    };
    let [open, high, low, close] = rows.prices(prices).map_err(at([1, 2, 3, 4]))?.map(Price::new);
    let [volume] = rows.quantities([volume]).map_err(at([5]))?.map(Quantity::new);
    rows.add(Bar { open_time, open, high, low, close, volume }, line);
    Ok(())
}

fn funding(
    tables: &mut BTreeMap<String, Rows<Received<FundingRate>>>,
    cells: &Cells<'_>,
    line: u64,
) -> Result<(), Refusal> {
    let funding_time = time(cells, 0)?;
    let rate = number(cells, 1)?.at(RATE_DECIMALS).filter(|rate| rate.mantissa.abs() <= MAX_MANTISSA);
    let rate = rate.ok_or_else(|| (1, "the rate is too large".to_owned()))?;
    let symbol = match cells[2] {
        Cell::Text(text) => String::from_utf8_lossy(text).into_owned(),
        _ => String::new(),
    };
    let rows = tables.entry(symbol).or_default();
    rows.rounded += u64::from(rate.rounded);
    let item =
        FundingRate { instrument: InstrumentIx(0), funding_time, rate: Rate::from_units(rate.mantissa) };
    rows.add(Received { received: funding_time, item }, line);
    Ok(())
}

pub(crate) fn trade(rows: &mut Rows<Received<Trade>>, cells: &Cells<'_>, line: u64) -> Result<(), Refusal> {
    let exchange_time = time(cells, 0)?;
    let (price, quantity) = (amount(cells, 1, false)?, amount(cells, 2, false)?);
    let taker_buys = match (cells[3], cells[4]) {
        (Cell::Empty, Cell::Empty) => {
            return Err((
                4,
                "who took the price is not said; a column buyer_is_maker or side is needed".into(),
            ));
        }
        (Cell::Empty, side) => side.buys().map_err(|problem| (4, problem))?,
        (maker, _) => !maker.truth().map_err(|problem| (3, problem))?,
    };
    let [price] = rows.prices([price]).map_err(at([1]))?.map(Price::new);
    let [quantity] = rows.quantities([quantity]).map_err(at([2]))?.map(Quantity::new);
    let item = Trade {
        instrument: InstrumentIx(0),
        exchange_time,
        price,
        quantity,
        taker_side: if taker_buys { Side::Buy } else { Side::Sell },
        // Some exchanges name trades by text that is no number; then there is no id.
        trade_id: cells[5].id().unwrap_or(0),
    };
    rows.add(Received { received: time_or(cells, 6, exchange_time)?, item }, line);
    Ok(())
}

pub(crate) fn quote(rows: &mut Rows<Received<Quote>>, cells: &Cells<'_>, line: u64) -> Result<(), Refusal> {
    let exchange_time = time(cells, 0)?;
    let prices = [amount(cells, 1, true)?, amount(cells, 3, true)?];
    let quantities = [amount(cells, 2, true)?, amount(cells, 4, true)?];
    let [bid, ask] = rows.prices(prices).map_err(at([1, 3]))?.map(Price::new);
    let [bid_quantity, ask_quantity] = rows.quantities(quantities).map_err(at([2, 4]))?.map(Quantity::new);
    let item = Quote { instrument: InstrumentIx(0), exchange_time, bid, bid_quantity, ask, ask_quantity };
    rows.add(Received { received: time_or(cells, 6, exchange_time)?, item }, line);
    Ok(())
}

/// A level change (kind 0), a trade (kind 1) or a clearing of the book (kind 2).
pub(crate) fn book(
    levels: &mut Rows<Received<BookChange>>,
    trades: &mut Rows<Received<Trade>>,
    cells: &Cells<'_>,
    line: u64,
) -> Result<(), Refusal> {
    let exchange_time = time(cells, 0)?;
    let received = time_or(cells, 1, exchange_time)?;
    let side = || match cells[3].buys() {
        Ok(true) => Ok(Side::Buy),
        Ok(false) => Ok(Side::Sell),
        Err(problem) => Err((3, problem)),
    };
    match cells[2].id() {
        Ok(0) => {
            let (side, price, quantity) = (side()?, amount(cells, 4, false)?, amount(cells, 5, true)?);
            let [price] = levels.prices([price]).map_err(at([4]))?.map(Price::new);
            let [quantity] = levels.quantities([quantity]).map_err(at([5]))?.map(Quantity::new);
            let update = BookUpdate::Level { side, price, quantity };
            book_change(levels, cells, (exchange_time, received), update, line)
        }
        Ok(1) => {
            let (side, price, quantity) = (side()?, amount(cells, 4, false)?, amount(cells, 5, false)?);
            let [price] = trades.prices([price]).map_err(at([4]))?.map(Price::new);
            let [quantity] = trades.quantities([quantity]).map_err(at([5]))?.map(Quantity::new);
            let instrument = InstrumentIx(0);
            let item = Trade { instrument, exchange_time, price, quantity, taker_side: side, trade_id: 0 };
            trades.add(Received { received, item }, line);
            Ok(())
        }
        Ok(2) => book_change(levels, cells, (exchange_time, received), BookUpdate::Clear, line),
        _ => Err((2, "0 (level), 1 (trade) or 2 (clear) is expected".to_owned())),
    }
}

/// Adds a change of the book. Where the table does not number its messages, neighbouring changes of one exchange time
/// are one message, counted from one.
fn book_change(
    levels: &mut Rows<Received<BookChange>>,
    cells: &Cells<'_>,
    (exchange_time, received): (units::Timestamp, units::Timestamp),
    update: BookUpdate,
    line: u64,
) -> Result<(), Refusal> {
    let instrument = InstrumentIx(0);
    let (update_id, is_last) = if cells[6] == Cell::Empty || cells[7] == Cell::Empty {
        let update_id = match levels.rows.last_mut() {
            Some(last) if last.item.exchange_time == exchange_time => {
                last.item.is_last = false;
                last.item.update_id
            }
            Some(last) => last.item.update_id.saturating_add(1),
            None => 1,
        };
        (update_id, true)
    } else {
        (cells[6].id().map_err(|p| (6, p))?, cells[7].truth().map_err(|p| (7, p))?)
    };
    let item = BookChange { instrument, exchange_time, update_id, update, is_last };
    levels.add(Received { received, item }, line);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_survive_blank_lines() {
        let mut lines = Lines::default();
        for (row, line) in [(0, 2), (1, 3), (2, 7), (3, 8)] {
            lines.note(row, line);
        }
        assert_eq!([0, 1, 2, 3, 4].map(|row| lines.of(row)), [2, 3, 7, 8, 9]);
        assert_eq!(lines.breaks.len(), 2);
    }

    #[test]
    fn the_scale_grows_with_the_data_and_never_loses() {
        let mut intake = Intake::new(None, true);
        let names = ["t", "o", "h", "l", "c", "v"].map(str::to_owned);
        assert_eq!(intake.header(&names), Ok(false));
        for (line, row) in [["60", "1", "2.5", "1", "2.0", "7"], ["120", "2.00", "2.125", "1.5", "2", "0.25"]]
            .iter()
            .enumerate()
        {
            let mut cells = [Cell::Empty; MAX_ROLES];
            for (cell, text) in cells.iter_mut().zip(row) {
                *cell = Cell::Text(text.as_bytes());
            }
            cells[0] = Cell::Int(60 * (line as i64 + 1));
            intake.row(&cells, line as u64 + 2);
        }
        let Some((Table::Candles(rows), _, faults)) = intake.finish() else { panic!("candles expected") };
        assert_eq!(faults.total, 0, "{faults:?}");
        assert_eq!(rows.scale, Scale { price_decimals: 3, quantity_decimals: 2 });
        assert_eq!(rows.rows[0].high, Price::new(2500));
        assert_eq!(rows.rows[0].volume, Quantity::new(700));
        assert_eq!(rows.rows[1].high, Price::new(2125));
    }
}
