//! The cases of the acceptance matrix. Each is written once and runs against whatever exchange there is.

use model::{
    Amendment, CancelScope, Change, ClientOrderId, Fact, LinkKind, NewOrder, OrderCommand, OrderKind,
    PositionSide, Protection, RejectReason, Side, TimeInForce, Trailing, TriggerBy, VenueEvent,
};
use units::{Decimal, Price, Quantity, Rate, Span};
use wire::bybit::calls;
use wire::bybit::calls::account::Wallet;
use wire::bybit::calls::order::Place;
use wire::{Answer, Credentials, Meaning, Question, Said, Secret};

use crate::far::{Far, IX, Outcome, SYMBOL};

/// Where a case can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Where {
    /// Anywhere.
    Everywhere,
    /// Where faults can be ordered: on the exchange of this machine.
    Here,
}

/// One line of the matrix.
pub(crate) struct Case {
    /// Its number, which it keeps.
    pub(crate) number: &'static str,
    /// What has to be so.
    pub(crate) what: &'static str,
    pub(crate) runs: Where,
    pub(crate) run: fn(&mut Far) -> Outcome,
}

macro_rules! cases {
    ($($number:literal $runs:ident $run:ident $what:literal;)*) => {
        /// Every case, by number.
        pub(crate) const CASES: &[Case] =
            &[$(Case { number: $number, what: $what, runs: Where::$runs, run: $run }),*];
    };
}

cases! {
    "O-01" Everywhere limit_rests "a limit order rests in the book, is listed, and is gone once cancelled";
    "O-02" Everywhere market_fills "a market order is filled whole, and its executions add up to it";
    "O-03" Everywhere immediate_or_cancel "an immediate order that finds nothing ends unfilled";
    "O-04" Everywhere fill_or_kill "a fill-or-kill order that finds nothing ends unfilled";
    "O-05" Everywhere post_only "a post-only order that would take ends unfilled";
    "O-06" Everywhere amends "price and quantity of a resting order are changed in one request";
    "O-07" Everywhere duplicate_name "a name that was used is refused, and one order lives";
    "O-08" Everywhere too_small "an order below the least quantity is refused";
    "O-09" Everywhere cancel_unknown "cancelling an order that does not exist is refused, and the order is not found";
    "O-10" Everywhere cancel_all "cancel-all ends every order of the instrument";
    "O-11" Everywhere stop_waits "a stop order waits for its trigger and can be cancelled";
    "O-12" Everywhere reduce_only_alone "a reduce-only order without a position never opens one";
    "O-13" Everywhere unknown_symbol "an order in a symbol that is not traded is refused";
    "O-14" Everywhere order_is_found "an order is found by our name while it lives and after it ended";
    "P-01" Everywhere long_and_flat "a long position is opened and closed; executions and position agree";
    "P-02" Everywhere short_and_flat "a short position is opened and closed; executions and position agree";
    "P-03" Everywhere turns_around "an order of twice the position turns it around";
    "P-04" Everywhere leverage "leverage is set, and setting it again is no failure";
    "P-05" Everywhere guards "stop and target of a position are set, told, and taken away";
    "P-06" Everywhere trailing "a trailing stop of a position is set and taken away";
    "P-07" Everywhere attached "the stop attached to an order guards the position that it opens";
    "P-08" Everywhere listed_fills "executions that are listed are those that were told";
    "P-09" Everywhere wallet_pays "the wallet changes by profit and fees, to the exchange's rounding";
    "S-01" Everywhere public_stream "quotes, trades, mark prices and the book are told";
    "S-02" Everywhere book_holds "the book stays uncrossed over its changes";
    "S-03" Everywhere private_stream "an order is told as accepted before it is told as ended";
    "S-04" Everywhere market_returns "a market connection that was closed is made again and goes on";
    "S-05" Everywhere account_returns "orders live through the loss of the account connection";
    "S-06" Here candle_closes "a candle is told once it is closed";
    "F-01" Everywhere wrong_secret "a wrong secret is refused as what it is";
    "F-02" Everywhere unknown_key "an unknown key is refused as what it is";
    "F-03" Everywhere wrong_clock "a request that is dated wrongly is refused as what it is";
    "F-04" Here lost_answer "an order whose answer is lost exists once, and is found by our name";
    "F-05" Here told_twice "an execution that is told twice has one number";
    "F-06" Here thrown_out "the exchange closes every connection: each is made again, and orders live";
    "F-07" Here maintenance "in maintenance every request is refused; afterwards every connection is made again";
    "F-08" Here barred "a key that lost its right is refused as what it is";
    "F-09" Here partly_filled "what an order is not filled of is told as cancelled";
}

/// The matrix as a page of the documentation.
pub(crate) fn page() -> String {
    let mut page = "# Acceptance\n\n\
        Made from the tests; do not edit. What an exchange has to do, and what our client makes of it: each case is written once and\n\
        runs against [the exchange on this machine](exchange.md) in every `make test`, and against Bybit's test network with\n\
        `make test-testnet`, where keys of an account there are in `BYBIT_TESTNET_API_KEY` and `BYBIT_TESTNET_API_SECRET`. Cases\n\
        marked *here* order a fault, which only the exchange on this machine can be asked for. All of them trade ETHUSDT, in\n\
        orders of some twelve dollars, and leave nothing open.\n\n\
        | case | where | what |\n|---|---|---|\n"
        .to_owned();
    for case in CASES {
        let place = match case.runs {
            Where::Everywhere => "everywhere",
            Where::Here => "here",
        };
        page += &format!("| {} | {place} | {} |\n", case.number, case.what);
    }
    page
}

fn holds(is_so: bool, what: impl FnOnce() -> String) -> Outcome {
    if is_so { Ok(()) } else { Err(what()) }
}

fn cancel(id: ClientOrderId) -> OrderCommand {
    OrderCommand::Cancel { id, instrument: IX }
}

fn is_about(said: &Said, of: ClientOrderId) -> Option<&VenueEvent> {
    let Said::Event { event, .. } = said else { return None };
    let id = match event {
        VenueEvent::Accepted { id, .. }
        | VenueEvent::Rejected { id, .. }
        | VenueEvent::Cancelled { id, .. }
        | VenueEvent::Amended { id, .. } => Some(*id),
        VenueEvent::Filled(fill) => fill.order,
        _ => None,
    };
    (id == Some(of)).then_some(event)
}

fn accepted(far: &mut Far, id: ClientOrderId) -> Outcome {
    far.until(&format!("{id:?} accepted"), |said| {
        matches!(is_about(said, id), Some(VenueEvent::Accepted { .. }))
    })
}

/// Places an order that rests, and waits until it is said to.
fn rest(far: &mut Far, side: Side) -> Result<NewOrder, String> {
    let order = far.resting(side)?;
    far.does(OrderCommand::Place(order))?;
    accepted(far, order.id)?;
    Ok(order)
}

// --- orders ---

fn limit_rests(far: &mut Far) -> Outcome {
    let order = rest(far, Side::Buy)?;
    let open = far.open_orders()?;
    holds(open.contains(&order.id), || format!("not listed: {open:?}"))?;
    far.does(cancel(order.id))?;
    far.ends(order.id)?;
    let open = far.open_orders()?;
    holds(!open.contains(&order.id), || "still listed".to_owned())
}

fn market_fills(far: &mut Far) -> Outcome {
    let order = far.order(Side::Buy, OrderKind::Market)?;
    let fills = far.trade(order)?;
    let fee = fills.iter().fold(units::Amount::ZERO, |sum, fill| sum + fill.fee);
    holds(fee.is_positive() && fills.iter().all(|fill| fill.side == Side::Buy), || format!("{fills:?}"))
}

fn ends_unfilled(far: &mut Far, time_in_force: TimeInForce) -> Outcome {
    let order = NewOrder { time_in_force, ..far.resting(Side::Buy)? };
    match far.command(OrderCommand::Place(order))? {
        Meaning::Accepted => far.ends(order.id)?,
        Meaning::Rejected(_) => {}
        other => return Err(other.to_string()),
    }
    holds(far.fills(order.id).is_empty(), || "it was filled".to_owned())
}

fn immediate_or_cancel(far: &mut Far) -> Outcome {
    ends_unfilled(far, TimeInForce::ImmediateOrCancel)
}

fn fill_or_kill(far: &mut Far) -> Outcome {
    ends_unfilled(far, TimeInForce::FillOrKill)
}

fn post_only(far: &mut Far) -> Outcome {
    let price = far.away(Side::Sell, 10)?;
    let order = far.order(Side::Buy, OrderKind::Limit { price })?;
    let order = NewOrder { time_in_force: TimeInForce::PostOnly, ..order };
    match far.command(OrderCommand::Place(order))? {
        Meaning::Accepted => far.ends(order.id)?,
        Meaning::Rejected(_) => {}
        other => return Err(other.to_string()),
    }
    holds(far.fills(order.id).is_empty(), || "it took".to_owned())
}

fn amends(far: &mut Far) -> Outcome {
    let order = rest(far, Side::Buy)?;
    let price = far.away(Side::Buy, 40)?;
    let quantity = order.quantity + order.quantity;
    let amendment = Amendment {
        price: Some(price),
        trigger: None,
        quantity: Some(quantity),
        stop_loss: Change::Keep,
        take_profit: Change::Keep,
    };
    far.does(OrderCommand::Amend { id: order.id, instrument: IX, amendment })?;
    let found = match far.ask(Question::Order { id: order.id, instrument: IX })? {
        Answer::Order(wire::OrderAnswer::Open(report)) => report,
        other => return Err(format!("{other:?}")),
    };
    let is_so = found.quantity == quantity && found.kind == OrderKind::Limit { price };
    holds(is_so, || format!("{found:?}"))
}

fn duplicate_name(far: &mut Far) -> Outcome {
    let order = rest(far, Side::Buy)?;
    let meaning = far.command(OrderCommand::Place(order))?;
    // By the name alone nobody can tell whether the first request was taken: it is asked about.
    let is_refused = matches!(meaning, Meaning::Ambiguous | Meaning::Rejected(RejectReason::DuplicateId));
    holds(is_refused, || format!("answered with: {meaning}"))?;
    let open = far.open_orders()?;
    holds(open.iter().filter(|id| **id == order.id).count() == 1, || format!("{open:?}"))
}

fn too_small(far: &mut Far) -> Outcome {
    let price = far.away(Side::Buy, 30)?.decimal(far.instrument.price_decimals);
    let nothing = Decimal { mantissa: 1, decimals: far.instrument.quantity_decimals + 3 };
    let place = Place::new(SYMBOL, Side::Buy, Some(price), nothing);
    match far.rest(&place, &far.credentials().clone(), Span::ZERO) {
        Err(calls::Failure::Refused { meaning: Meaning::Rejected(_), .. }) => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

fn cancel_unknown(far: &mut Far) -> Outcome {
    let id = far.name();
    let meaning = far.command(cancel(id))?;
    // It may have ended a moment ago: it is asked about.
    let is_refused = matches!(meaning, Meaning::Ambiguous | Meaning::Rejected(RejectReason::UnknownOrder));
    holds(is_refused, || format!("answered with: {meaning}"))?;
    let found = far.ask(Question::Order { id, instrument: IX })?;
    holds(found == Answer::Order(wire::OrderAnswer::NotFound), || format!("{found:?}"))
}

fn cancel_all(far: &mut Far) -> Outcome {
    let orders = [rest(far, Side::Buy)?, rest(far, Side::Sell)?];
    far.does(OrderCommand::CancelAll { instrument: Some(IX), scope: CancelScope::All })?;
    for order in orders {
        far.ends(order.id)?;
    }
    let open = far.open_orders()?;
    holds(open.is_empty(), || format!("{open:?}"))
}

fn stop_waits(far: &mut Far) -> Outcome {
    let trigger = far.away(Side::Sell, 30)?;
    let order = far.order(Side::Buy, OrderKind::StopMarket { trigger, by: TriggerBy::Last })?;
    far.does(OrderCommand::Place(order))?;
    let open = far.open_orders()?;
    holds(open.contains(&order.id), || format!("not listed: {open:?}"))?;
    far.does(cancel(order.id))?;
    far.ends(order.id)?;
    holds(far.fills(order.id).is_empty(), || "it fired".to_owned())
}

fn reduce_only_alone(far: &mut Far) -> Outcome {
    let order = NewOrder { reduce_only: true, ..far.order(Side::Buy, OrderKind::Market)? };
    match far.command(OrderCommand::Place(order))? {
        Meaning::Rejected(_) => {}
        Meaning::Accepted => far.ends(order.id)?,
        other => return Err(other.to_string()),
    }
    let held = far.position()?;
    holds(held.is_zero(), || format!("a position of {held:?}"))
}

fn unknown_symbol(far: &mut Far) -> Outcome {
    let one = Decimal { mantissa: 1, decimals: 0 };
    let place = Place::new("NOSUCHUSDT", Side::Buy, Some(one), one);
    match far.rest(&place, &far.credentials().clone(), Span::ZERO) {
        Err(calls::Failure::Refused { meaning: Meaning::Rejected(_), .. }) => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

fn order_is_found(far: &mut Far) -> Outcome {
    let order = rest(far, Side::Sell)?;
    let question = Question::Order { id: order.id, instrument: IX };
    let found = far.ask(question)?;
    holds(matches!(found, Answer::Order(wire::OrderAnswer::Open(_))), || format!("{found:?}"))?;
    far.does(cancel(order.id))?;
    far.ends(order.id)?;
    let found = far.ask(question)?;
    let is_ended = matches!(
        found,
        Answer::Order(wire::OrderAnswer::Ended { filled, how: wire::Ended::Cancelled(_) }) if filled.is_zero()
    );
    holds(is_ended, || format!("{found:?}"))?;
    let question = Question::Order { id: far.name(), instrument: IX };
    let found = far.ask(question)?;
    holds(found == Answer::Order(wire::OrderAnswer::NotFound), || format!("{found:?}"))
}

// --- positions ---

fn round_trip(far: &mut Far, side: Side) -> Outcome {
    let order = far.order(side, OrderKind::Market)?;
    far.trade(order)?;
    let held = far.position()?;
    holds(held == side.signed(order.quantity), || format!("a position of {held:?}"))?;
    let back = NewOrder {
        reduce_only: true,
        ..NewOrder::new(far.name(), IX, side.opposite(), OrderKind::Market, order.quantity)
    };
    far.trade(back)?;
    let held = far.position()?;
    holds(held.is_zero(), || format!("a position of {held:?} is left"))
}

fn long_and_flat(far: &mut Far) -> Outcome {
    round_trip(far, Side::Buy)
}

fn short_and_flat(far: &mut Far) -> Outcome {
    round_trip(far, Side::Sell)
}

fn turns_around(far: &mut Far) -> Outcome {
    let order = far.order(Side::Buy, OrderKind::Market)?;
    far.trade(order)?;
    let quantity = order.quantity + order.quantity;
    let turn = NewOrder::new(far.name(), IX, Side::Sell, OrderKind::Market, quantity);
    far.trade(turn)?;
    let held = far.position()?;
    holds(held == -order.quantity, || format!("a position of {held:?}"))
}

fn leverage(far: &mut Far) -> Outcome {
    for times in [3, 2, 2] {
        let rate = Rate::from_units(times * Rate::ONE.units());
        far.does(OrderCommand::SetLeverage { instrument: IX, buy: rate, sell: rate })?;
    }
    Ok(())
}

/// Opens a small long position.
fn long(far: &mut Far) -> Result<Quantity, String> {
    let order = far.order(Side::Buy, OrderKind::Market)?;
    far.trade(order)?;
    Ok(order.quantity)
}

fn protect(protection: Protection, trailing: Option<Trailing>) -> OrderCommand {
    OrderCommand::Protect { instrument: IX, position_side: PositionSide::Net, protection, trailing }
}

fn is_protected(said: &Said, wanted: Protection) -> bool {
    matches!(said, Said::Event { event: VenueEvent::Protected { protection, .. }, .. }
        if (protection.stop_loss, protection.take_profit) == (wanted.stop_loss, wanted.take_profit))
}

fn guards(far: &mut Far) -> Outcome {
    long(far)?;
    let wanted = Protection::new(Some(far.away(Side::Buy, 50)?), Some(far.away(Side::Sell, 50)?));
    far.does(protect(wanted, None))?;
    far.until("the stop and the target in force", |said| is_protected(said, wanted))?;
    far.does(protect(Protection::NONE, None))?;
    far.until("neither in force", |said| is_protected(said, Protection::NONE))
}

fn trailing(far: &mut Far) -> Outcome {
    long(far)?;
    let bid = far.quote()?.bid;
    let distance = Price::new(bid.mantissa() / 50).floor_to(far.instrument.tick_size);
    far.does(protect(Protection::NONE, Some(Trailing { distance, activation: None })))?;
    far.until("the trailing stop in force", |said| {
        matches!(said, Said::Event { event: VenueEvent::Protected { trailing: Some(_), .. }, .. })
    })?;
    far.does(protect(Protection::NONE, None))
}

fn attached(far: &mut Far) -> Outcome {
    let wanted = Protection::new(Some(far.away(Side::Buy, 50)?), None);
    let order = NewOrder { protection: wanted, ..far.order(Side::Buy, OrderKind::Market)? };
    far.trade(order)?;
    far.until("the stop in force", |said| is_protected(said, wanted))
}

fn listed_fills(far: &mut Far) -> Outcome {
    let since = far.now() - Span::from_seconds(2);
    let order = far.order(Side::Buy, OrderKind::Market)?;
    let mut told: Vec<u64> = far.trade(order)?.iter().map(|fill| fill.execution).collect();
    let listed = match far.ask(Question::Fills { since })? {
        Answer::Fills { fills, .. } => fills,
        other => return Err(format!("{other:?}")),
    };
    let of = listed.iter().filter(|fill| fill.order == Some(order.id));
    let mut listed: Vec<u64> = of.map(|fill| fill.execution).collect();
    told.sort_unstable();
    listed.sort_unstable();
    holds(told == listed, || format!("told {told:?}, listed {listed:?}"))
}

fn wallet_pays(far: &mut Far) -> Outcome {
    let wallet = |far: &mut Far| match far.ask(Question::Wallet)? {
        Answer::Wallet(amount) => Ok(amount),
        other => Err(format!("{other:?}")),
    };
    let before = wallet(far)?;
    let order = far.order(Side::Buy, OrderKind::Market)?;
    let mut fills = far.trade(order)?;
    let back = NewOrder {
        reduce_only: true,
        ..NewOrder::new(far.name(), IX, Side::Sell, OrderKind::Market, order.quantity)
    };
    fills.extend(far.trade(back)?);
    let after = wallet(far)?;
    let paid = fills.iter().fold(units::Amount::ZERO, |sum, fill| {
        let signed = fill.side.opposite().signed(fill.quantity);
        sum + far.instrument.notional(fill.price, signed) - fill.fee
    });
    // Exchanges keep wallets to eight places or more, and round each execution.
    let off = (after - before - paid).abs();
    holds(off <= units::Amount::from_units(1_000_000_000_000), || {
        format!("{} instead of {paid}", after - before)
    })
}

// --- streams ---

fn public_stream(far: &mut Far) -> Outcome {
    far.quote()?;
    far.mark()?;
    far.until("a trade", |said| matches!(said, Said::Market { fact: Fact::Trade(_), .. }))?;
    far.until("a change of the book", |said| matches!(said, Said::Market { fact: Fact::Book(_), .. }))
}

fn book_holds(far: &mut Far) -> Outcome {
    let mut book = model::book::Book::new(far.instrument.tick_size, model::book::Numbering::Growing);
    let mut changes = 0;
    // The snapshot comes with the subscription.
    far.close(LinkKind::Market);
    far.forget();
    far.open(LinkKind::Market)?;
    while changes < 20 {
        let is_change = |said: &Said| matches!(said, Said::Market { fact: Fact::Book(_), .. });
        let before = far.said.iter().filter(|said| is_change(said)).count();
        for said in std::mem::take(&mut far.said) {
            match said {
                Said::BookGap(_) => return Err("the book lost its thread".to_owned()),
                Said::Market { fact: Fact::Book(change), .. } => {
                    book.apply(&change).map_err(|fault| format!("{fault:?}"))?;
                    changes += usize::from(change.is_last);
                    let best = |side| book.best(side);
                    if let (true, Some(bid), Some(ask)) = (change.is_last, best(Side::Buy), best(Side::Sell))
                    {
                        holds(bid < ask, || format!("crossed: {bid:?} {ask:?}"))?;
                    }
                }
                _ => {}
            }
        }
        if before == 0 {
            far.until("a change of the book", is_change)?;
        }
    }
    Ok(())
}

fn private_stream(far: &mut Far) -> Outcome {
    let order = rest(far, Side::Buy)?;
    far.does(cancel(order.id))?;
    far.ends(order.id)?;
    let told: Vec<&VenueEvent> = far.said.iter().filter_map(|said| is_about(said, order.id)).collect();
    let is_so = matches!(told.first(), Some(VenueEvent::Accepted { .. }))
        && matches!(told.last(), Some(VenueEvent::Cancelled { .. }));
    holds(is_so, || format!("{told:?}"))
}

fn market_returns(far: &mut Far) -> Outcome {
    far.close(LinkKind::Market);
    far.forget();
    far.open(LinkKind::Market)?;
    far.quote().map(|_| ())
}

fn account_returns(far: &mut Far) -> Outcome {
    let order = rest(far, Side::Buy)?;
    far.close(LinkKind::Account);
    far.open(LinkKind::Account)?;
    let open = far.open_orders()?;
    holds(open.contains(&order.id), || format!("{open:?}"))?;
    far.does(cancel(order.id))?;
    far.ends(order.id)
}

fn candle_closes(far: &mut Far) -> Outcome {
    far.admin("/admin/time", r#"{"advance_ms": 60000}"#)?;
    far.until("a closed candle", |said| matches!(said, Said::Market { fact: Fact::Candle(_), .. }))
}

// --- faults ---

fn refused_as(far: &Far, credentials: &Credentials, late: Span, wanted: Meaning) -> Outcome {
    match far.rest(&Wallet { coin: Some("USDT".to_owned()) }, credentials, late) {
        Err(calls::Failure::Refused { meaning, .. }) if meaning == wanted => Ok(()),
        Err(failure) => Err(failure.to_string()),
        Ok(_) => Err("it was answered".to_owned()),
    }
}

fn wrong_secret(far: &mut Far) -> Outcome {
    let credentials =
        Credentials { secret: Secret::new("not-the-secret".to_owned()), ..far.credentials().clone() };
    refused_as(far, &credentials, Span::ZERO, Meaning::CredentialsInvalid)
}

fn unknown_key(far: &mut Far) -> Outcome {
    let credentials = Credentials { key: "nobodysKey0000000".to_owned(), ..far.credentials().clone() };
    refused_as(far, &credentials, Span::ZERO, Meaning::CredentialsInvalid)
}

fn wrong_clock(far: &mut Far) -> Outcome {
    let credentials = far.credentials().clone();
    refused_as(far, &credentials, Span::from_seconds(-120), Meaning::ClockSkew)
}

fn lost_answer(far: &mut Far) -> Outcome {
    far.admin("/admin/faults", r#"{"on": "trade", "match": "order.create", "do": "drop", "count": 1}"#)?;
    let order = far.resting(Side::Buy)?;
    far.send_only(OrderCommand::Place(order))?;
    accepted(far, order.id)?;
    let found = far.ask(Question::Order { id: order.id, instrument: IX })?;
    holds(matches!(found, Answer::Order(wire::OrderAnswer::Open(_))), || format!("{found:?}"))?;
    let open = far.open_orders()?;
    holds(open.iter().filter(|id| **id == order.id).count() == 1, || format!("{open:?}"))
}

fn told_twice(far: &mut Far) -> Outcome {
    far.admin("/admin/faults", r#"{"on": "private", "match": "execution", "do": "duplicate", "count": 1}"#)?;
    let order = far.order(Side::Buy, OrderKind::Market)?;
    let fills = far.trade(order)?;
    let sum = fills.iter().fold(Quantity::ZERO, |sum, fill| sum + fill.quantity);
    holds(sum == order.quantity, || format!("{fills:?}"))
}

fn thrown_out(far: &mut Far) -> Outcome {
    let order = rest(far, Side::Buy)?;
    far.admin("/admin/disconnect", "{}")?;
    for kind in LinkKind::ALL {
        let gone = format!("{} closed", kind.name());
        far.until(&gone, |said| matches!(said, Said::Remark(text) if text.starts_with(&gone)))?;
    }
    for kind in LinkKind::ALL {
        far.said.retain(|said| *said != Said::Ready(kind));
        far.open(kind)?;
    }
    let open = far.open_orders()?;
    holds(open.contains(&order.id), || format!("{open:?}"))
}

fn maintenance(far: &mut Far) -> Outcome {
    far.admin("/admin/state", r#"{"maintenance": true}"#)?;
    let call = Wallet { coin: Some("USDT".to_owned()) };
    let answered = far.rest(&call, &far.credentials().clone(), Span::ZERO);
    far.admin("/admin/state", r#"{"maintenance": false}"#)?;
    for kind in LinkKind::ALL {
        far.said.retain(|said| *said != Said::Ready(kind));
        far.open(kind)?;
    }
    match answered {
        Err(calls::Failure::Refused { code: 10016, status: 503, .. }) => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

fn barred(far: &mut Far) -> Outcome {
    let key = far.credentials().key.clone();
    far.admin("/admin/key", &format!(r#"{{"key": "{key}", "refuse": 10005}}"#))?;
    let credentials = far.credentials().clone();
    let outcome = refused_as(far, &credentials, Span::ZERO, Meaning::CredentialsInvalid);
    far.admin("/admin/key", &format!(r#"{{"key": "{key}", "refuse": null}}"#))?;
    outcome
}

fn partly_filled(far: &mut Far) -> Outcome {
    let key = far.credentials().key.clone();
    far.admin("/admin/terms", &format!(r#"{{"key": "{key}", "fill": "0.5"}}"#))?;
    let small = far.small()?;
    let order = NewOrder::new(far.name(), IX, Side::Buy, OrderKind::Market, small + small);
    far.does(OrderCommand::Place(order))?;
    far.ends(order.id)?;
    far.admin("/admin/terms", &format!(r#"{{"key": "{key}", "fill": "1"}}"#))?;
    let sum = far.fills(order.id).iter().fold(Quantity::ZERO, |sum, fill| sum + fill.quantity);
    let held = far.position()?;
    holds(sum == small && held == small, || format!("filled {sum:?}, held {held:?} of {small:?} twice"))
}
