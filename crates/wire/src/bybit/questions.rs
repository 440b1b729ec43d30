//! Questions of the session, as long as they take: pages, pieces of time, second places to look.

use super::calls::market::ServerTime;
use super::calls::order::{Executions, OpenOrders, OrderHistory, Range};
use super::calls::position::Positions;
use super::calls::{Call, Failure, account::Wallet, read, request};
use super::endless;
use super::listing::ListingPager;
use super::mapping::{Context, Executed};
use super::pager::{Endless, Paged, Pager};
use super::private::PrivateStream;
use super::rows::{ExecutionRow, OrderRow, PositionRow};
use super::sign::Signer;
use super::words::StopOrderType;
use crate::json::DecodeError;
use crate::{Answer, OrderAnswer, Question, Request, Response, Said};
use model::{Fill, InstrumentIx};
use units::{Span, Timestamp};

/// The longest range of one question for executions, both ends included.
const WEEK: i64 = 7 * 86_400_000;

/// The end of a range from `since` on that is asked for in whole weeks: as many questions as up to `now`, but an execution that the
/// exchange dates later than its own clock says is listed, too.
fn whole_weeks(since: Timestamp, now: Timestamp) -> Timestamp {
    let passed = now.max(since).millis().saturating_sub(since.millis());
    let length = (passed / WEEK + 1) * WEEK - 1;
    since.checked_add(Span::from_millis(length)).unwrap_or(Timestamp::MAX)
}

/// A question on its way.
#[derive(Debug, Clone)]
pub(super) enum Inquiry {
    Time,
    Orders(Pager<OpenOrders>, Vec<OrderRow>),
    /// Among the open ones and those that ended just now; then in history.
    Order {
        live: OpenOrders,
        past: OrderHistory,
        is_past: bool,
        ix: InstrumentIx,
    },
    Fills(Pager<Executions>, Vec<ExecutionRow>),
    Positions(Pager<Positions>, Vec<PositionRow>),
    Wallet,
    Instruments(Box<ListingPager>),
}

/// What an answer led to.
pub(super) enum Turn {
    /// There is more to ask.
    More,
    /// The answer.
    Done(Answer),
}

impl Inquiry {
    /// Begins a question at `now`, the venue's time.
    pub(super) fn new(question: &Question, context: &Context, now: Timestamp) -> Option<Self> {
        let settle_coin = context.settle_coin.clone();
        Some(match question {
            Question::Time => Self::Time,
            Question::OpenOrders => {
                let call = OpenOrders {
                    symbol: None,
                    settle_coin,
                    which: None,
                    recently_closed: false,
                    cursor: None,
                };
                Self::Orders(Pager::list(call), Vec::new())
            }
            Question::Order { id, instrument } => {
                let which = Some(context.which(*id));
                let symbol = Some(context.symbols.symbol(*instrument)?.to_owned());
                let live = OpenOrders {
                    symbol: symbol.clone(),
                    settle_coin,
                    which: which.clone(),
                    recently_closed: false,
                    cursor: None,
                };
                let past = OrderHistory { symbol, which, range: None, cursor: None };
                Self::Order { live, past, is_past: false, ix: *instrument }
            }
            Question::Fills { since } => {
                let to = whole_weeks(*since, now);
                let call =
                    Executions { symbol: None, which: None, range: Range { from: *since, to }, cursor: None };
                Self::Fills(Pager::range(call, *since, to), Vec::new())
            }
            Question::Positions => Self::Positions(
                Pager::list(Positions { symbol: None, settle_coin, cursor: None }),
                Vec::new(),
            ),
            Question::Wallet => Self::Wallet,
            Question::Instruments => {
                let symbols = context.symbols.iter().map(|(_, symbol)| symbol.to_owned());
                Self::Instruments(Box::new(ListingPager::new(symbols)))
            }
        })
    }

    /// What is to be asked now; `None` without a key where one is needed.
    pub(super) fn request(
        &self,
        context: &Context,
        signer: Option<&Signer>,
        now: Timestamp,
    ) -> Option<Request> {
        match self {
            Self::Time => request(&ServerTime, signer, now),
            Self::Orders(pager, _) => request(&pager.next()?, signer, now),
            Self::Order { live, is_past: false, .. } => request(live, signer, now),
            Self::Order { past, is_past: true, .. } => request(past, signer, now),
            Self::Fills(pager, _) => request(&pager.next()?, signer, now),
            Self::Positions(pager, _) => request(&pager.next()?, signer, now),
            Self::Wallet => request(&wallet(context), signer, now),
            Self::Instruments(pager) => pager.next(),
        }
    }

    /// Takes up an answer. What it says besides is appended to `out`.
    ///
    /// # Errors
    /// When there is none, or one that cannot be.
    pub(super) fn take(
        &mut self,
        response: &Response,
        context: &mut Context,
        stream: &mut PrivateStream,
        now: Timestamp,
        out: &mut Vec<Said>,
    ) -> Result<Turn, Failure> {
        let is_open = context.choices.unknown_code_is_open;
        Ok(match self {
            Self::Time => Turn::Done(Answer::Time(read(&ServerTime, response, is_open, now)?)),
            Self::Orders(pager, rows) => {
                if turn(pager, rows, response, is_open, now)? {
                    return Ok(Turn::More);
                }
                Turn::Done(Answer::OpenOrders(open_orders(rows, context)?))
            }
            Self::Order { live, past, is_past, ix } => {
                let ix = *ix;
                let rows = if *is_past {
                    read(past, response, is_open, now)?.rows
                } else {
                    read(live, response, is_open, now)?.rows
                };
                match rows.iter().find(|row| live.which.as_ref().is_some_and(|which| is_it(row, which))) {
                    Some(row) if row.status.is_end() => {
                        let filled = context.filled(row, ix)?;
                        let how = context.ended(row);
                        Turn::Done(Answer::Order(OrderAnswer::Ended { filled, how }))
                    }
                    Some(row) => Turn::Done(Answer::Order(OrderAnswer::Open(context.report(row, ix)?))),
                    None if *is_past => Turn::Done(Answer::Order(OrderAnswer::NotFound)),
                    None => {
                        *is_past = true;
                        Turn::More
                    }
                }
            }
            Self::Fills(pager, rows) => {
                if turn(pager, rows, response, is_open, now)? {
                    return Ok(Turn::More);
                }
                Turn::Done(Answer::Fills { fills: fills(rows, context)?, has_more: false })
            }
            Self::Positions(pager, rows) => {
                if turn(pager, rows, response, is_open, now)? {
                    return Ok(Turn::More);
                }
                let mut reports = Vec::new();
                for row in rows.iter() {
                    let Some(ix) = context.instrument(&row.symbol, None) else { continue };
                    stream.on_position(row, ix, context, out)?;
                    let report = context.position(row, ix)?;
                    if !report.quantity.is_zero() {
                        reports.push(report);
                    }
                }
                Turn::Done(Answer::Positions(reports))
            }
            Self::Wallet => {
                let accounts = read(&wallet(context), response, is_open, now)?;
                let coins = accounts.iter().flat_map(|account| &account.coins);
                let found = coins.into_iter().find(|coin| coin.coin == context.settle_coin);
                let Some(found) = found else {
                    let problem = crate::json::Problem::Missing;
                    let path = format!("result.list[0].coin[{}]", context.settle_coin);
                    return Err(Failure::Unreadable(DecodeError { path, problem }));
                };
                Turn::Done(Answer::Wallet(super::mapping::cash(found.wallet)?))
            }
            Self::Instruments(pager) => {
                pager.take(response, now)?;
                if pager.next().is_some() {
                    return Ok(Turn::More);
                }
                let mut specs = Vec::new();
                for listing in pager.as_ref().clone().finish() {
                    match listing {
                        // What cannot be traded any more is told as what is not listed any more.
                        Ok(listing) => match listing.obstacle() {
                            None => specs.push(listing.spec),
                            Some(why) => {
                                out.push(Said::Remark(format!("{}: {why}", listing.spec.symbol)));
                            }
                        },
                        Err(error) => out.push(Said::Remark(error.to_string())),
                    }
                }
                Turn::Done(Answer::Instruments(specs))
            }
        })
    }
}

fn wallet(context: &Context) -> Wallet {
    Wallet { coin: Some(context.settle_coin.clone()) }
}

fn is_it(row: &OrderRow, which: &super::calls::order::Which) -> bool {
    use super::calls::order::Which;
    match which {
        Which::Id(id) => row.order_id == *id,
        Which::Link(link) => row.link_id.as_ref() == Some(link),
    }
}

/// Takes a page. Returns whether there is another one.
fn turn<C: Paged + Call>(
    pager: &mut Pager<C>,
    rows: &mut Vec<C::Row>,
    response: &Response,
    is_open: bool,
    now: Timestamp,
) -> Result<bool, Failure> {
    let Some(call) = pager.next() else { return Ok(false) };
    let page = read(&call, response, is_open, now)?;
    rows.extend(pager.take(page).map_err(|Endless| endless())?);
    Ok(pager.next().is_some())
}

/// The orders that somebody placed: what guards positions was placed by the exchange, and is told of as such.
fn open_orders(rows: &[OrderRow], context: &mut Context) -> Result<Vec<model::OrderReport>, DecodeError> {
    let mut reports = Vec::new();
    for row in rows {
        let guard = row.stop_order_type.unwrap_or(StopOrderType::Plain);
        let is_guard = guard.guards_whole() || guard.guards_part();
        let Some(ix) = context.instrument(&row.symbol, row.category.as_deref()) else { continue };
        if !is_guard && !row.status.is_end() {
            reports.push(context.report(row, ix)?);
        }
    }
    Ok(reports)
}

/// The executions that are fills, oldest first; of equal times in the order of the list.
fn fills(rows: &[ExecutionRow], context: &mut Context) -> Result<Vec<Fill>, DecodeError> {
    let mut fills = Vec::new();
    for row in rows {
        let Some(ix) = context.instrument(&row.symbol, row.category.as_deref()) else { continue };
        if let Executed::Fill(fill) = context.execution(row, ix, None)? {
            fills.push(fill);
        }
    }
    fills.sort_by_key(|fill| fill.exchange_time);
    Ok(fills)
}
