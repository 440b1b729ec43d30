//! Our books and the venue's: compared after every reconnection and gap, and now and then.
//!
//! A round asks for fills, open orders, positions and the wallet, in this order, so that what explains a difference is known
//! before the difference is looked at. An answer may be older than what the stream has told meanwhile, so nothing is believed at
//! once: a difference is *suspected*, the next round comes soon, and only what is still the same then, with nothing
//! happening in between, is told to the engine as a fact. The engine books it, so the round after finds none: it converges.

use crate::budget::after;
use crate::settings::Settings;
use engine::{Engine, OpenOrder};
use model::{
    ClientOrderId, Fill, InstrumentIx, OrderReport, OrderState, PositionReport, PositionSide, VenueEvent,
};
use std::collections::BTreeMap;
use units::{Amount, Price, Prng, Quantity, Span, Timestamp};
use wire::{Question, Ticket};

/// What is different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Order(ClientOrderId),
    Terms(ClientOrderId),
    Position(InstrumentIx, PositionSide),
    Wallet,
}

/// A difference that was seen and may be explained by what is on its way.
#[derive(Debug, Clone, Copy)]
struct Suspect {
    difference: i128,
    seen_at: Timestamp,
    rounds: u32,
    activity: u64,
    round: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Idle,
    Fills,
    Orders,
    Positions,
    Wallet,
}

/// Reconciliation with one venue.
#[derive(Debug)]
pub(crate) struct Reconciler {
    step: Step,
    ticket: Option<Ticket>,
    /// When the next thing is due: a round, or a question that was not answered.
    due: Timestamp,
    failures: u32,
    /// Another round is wanted after this one.
    again: bool,
    pub(crate) has_completed: bool,
    suspects: BTreeMap<Subject, Suspect>,
    /// Account events so far: while it stands still, nothing happened.
    activity: u64,
    round: u64,
    /// Executions are known up to here, by the venue's clock.
    fills_since: Option<Timestamp>,
    asked_fills_at: Timestamp,
    /// What our books say of the cash at this venue: what it said once, and every change since.
    cash: Option<Amount>,
    /// Two answers in a row were alike, so that nothing was between the first one and what the stream told.
    is_cash_known: bool,
    cash_rounds: u32,
}

/// What a list of open orders leads to.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) facts: Vec<VenueEvent>,
    /// Orders that we take for open and the venue does not list.
    pub(crate) absent: Vec<(ClientOrderId, InstrumentIx)>,
}

impl Reconciler {
    /// `fills_since` is where the last session's listings ended; without one, listings begin where this session does.
    pub(crate) const fn new(fills_since: Option<Timestamp>) -> Self {
        Self {
            step: Step::Idle,
            ticket: None,
            due: Timestamp::MAX,
            failures: 0,
            again: false,
            has_completed: false,
            suspects: BTreeMap::new(),
            activity: 0,
            round: 0,
            fills_since,
            asked_fills_at: Timestamp::MIN,
            cash: None,
            is_cash_known: false,
            cash_rounds: 0,
        }
    }

    /// The account link can be asked, or something was missed: a round begins now, or after the one that is on.
    pub(crate) fn demand(&mut self, now: Timestamp) {
        if self.step == Step::Idle {
            self.due = self.due.min(now);
        } else {
            self.again = true;
        }
    }

    /// The venue cannot be asked any more: what was asked is void.
    pub(crate) fn interrupt(&mut self) {
        (self.step, self.ticket, self.due) = (Step::Idle, None, Timestamp::MAX);
    }

    /// Something happened to the account.
    pub(crate) const fn note_activity(&mut self) {
        self.activity += 1;
    }

    /// Executions are known up to here, by the venue's clock.
    pub(crate) const fn fills_since(&self) -> Option<Timestamp> {
        self.fills_since
    }

    /// Whether something that was executed then was listed long ago, so that whoever tells it now repeats himself.
    pub(crate) fn is_stale(&self, executed_at: Timestamp) -> bool {
        self.fills_since.is_some_and(|since| executed_at < since)
    }

    /// What is to be asked now, if anything. Executions are not asked for from before `floor` on.
    pub(crate) fn question(
        &mut self,
        now: Timestamp,
        venue_now: Timestamp,
        floor: Option<Timestamp>,
        settings: &Settings,
    ) -> Option<Question> {
        if self.ticket.is_some() || now < self.due {
            return None;
        }
        if self.step == Step::Idle {
            self.step = Step::Fills;
            self.round += 1;
            self.again = false;
        }
        Some(match self.step {
            Step::Idle | Step::Fills => {
                self.asked_fills_at = venue_now;
                let first = before(venue_now, settings.fills_overlap);
                let since = *self.fills_since.get_or_insert(first);
                Question::Fills { since: floor.map_or(since, |floor| floor.max(since)) }
            }
            Step::Orders => Question::OpenOrders,
            Step::Positions => Question::Positions,
            Step::Wallet => Question::Wallet,
        })
    }

    pub(crate) fn asked(&mut self, ticket: Ticket) {
        self.ticket = Some(ticket);
    }

    /// What is due cannot be asked before then.
    pub(crate) fn wait(&mut self, until: Timestamp) {
        self.due = until;
    }

    pub(crate) fn is_waiting_for(&self, ticket: Ticket) -> bool {
        self.ticket == Some(ticket)
    }

    /// There was no answer: the same is asked again, later.
    pub(crate) fn failed(&mut self, now: Timestamp, settings: &Settings, prng: &mut Prng) {
        self.ticket = None;
        self.failures = self.failures.saturating_add(1);
        self.due = after(now, settings.ask_again.after(self.failures, prng));
    }

    /// When something is due at the latest.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.ticket.is_none().then_some(self.due)
    }

    fn go_on(&mut self, step: Step, now: Timestamp) {
        (self.step, self.ticket, self.failures, self.due) = (step, None, 0, now);
    }

    /// Takes up a listing of executions. Returns up to when they are all known, when it is whole.
    pub(crate) fn on_fills(
        &mut self,
        fills: &[Fill],
        has_more: bool,
        now: Timestamp,
        settings: &Settings,
    ) -> Option<Timestamp> {
        let newest = fills.iter().map(|fill| fill.exchange_time).max();
        match newest {
            Some(newest) if has_more && Some(newest) > self.fills_since => {
                self.fills_since = Some(newest);
                self.go_on(Step::Fills, now);
                None
            }
            _ => {
                let until = before(self.asked_fills_at, settings.fills_overlap);
                self.fills_since = self.fills_since.max(Some(until));
                self.go_on(Step::Orders, now);
                self.fills_since
            }
        }
    }

    /// Takes up a list of all open orders.
    pub(crate) fn on_orders(
        &mut self,
        listed: &[OrderReport],
        engine: &Engine,
        is_ours: impl Fn(InstrumentIx) -> bool,
        is_on_its_way: impl Fn(ClientOrderId) -> bool,
        now: Timestamp,
        settings: &Settings,
    ) -> Findings {
        let mut findings = Findings::default();
        for report in listed.iter().filter(|report| is_ours(report.instrument)) {
            match engine.open_order(report.id) {
                Some(open) => {
                    match open.state {
                        OrderState::Submitting | OrderState::Unknown => {
                            findings.facts.push(VenueEvent::Reported(*report));
                        }
                        // Nobody is cancelling it any more: that was lost with an earlier process.
                        OrderState::Cancelling if !is_on_its_way(report.id) => {
                            let (id, instrument) = (report.id, report.instrument);
                            findings.facts.push(VenueEvent::Unanswered { id, instrument });
                        }
                        // A change that was told, and lost with what was not durable: the venue's word counts.
                        OrderState::Open
                            if has_other_terms(&open, report)
                                && !is_on_its_way(report.id)
                                && self.suspect(Subject::Terms(report.id), terms(report), now, settings) =>
                        {
                            let (id, instrument) = (report.id, report.instrument);
                            findings.facts.push(VenueEvent::Unanswered { id, instrument });
                            findings.facts.push(VenueEvent::Reported(*report));
                        }
                        _ => {}
                    }
                    // More is filled than we know: the fills are listed in the next round.
                    self.again |= report.filled > open.filled;
                    self.suspects.remove(&Subject::Order(report.id));
                }
                None if self.suspect(Subject::Order(report.id), 1, now, settings) => {
                    findings.facts.push(VenueEvent::Reported(*report));
                }
                None => {}
            }
        }
        for open in engine.open_orders().filter(|open| is_ours(open.order.instrument)) {
            let id = open.order.id;
            if !listed.iter().any(|report| report.id == id) && !is_on_its_way(id) {
                findings.absent.push((id, open.order.instrument));
            }
        }
        self.go_on(Step::Positions, now);
        findings
    }

    /// Takes up a list of all positions. `is_settled` says whether nothing is on its way that may move one.
    pub(crate) fn on_positions(
        &mut self,
        listed: &[PositionReport],
        engine: &Engine,
        is_ours: impl Fn(InstrumentIx) -> bool,
        is_settled: impl Fn(InstrumentIx) -> bool,
        now: Timestamp,
        settings: &Settings,
    ) -> Vec<VenueEvent> {
        let mut facts = Vec::new();
        for number in (0u32..).take(engine.instruments().len()) {
            let ix = InstrumentIx(number);
            if !is_ours(ix) {
                continue;
            }
            for side in PositionSide::ALL {
                let found = listed.iter().find(|p| p.instrument == ix && p.position_side == side);
                let theirs = found.map_or(Quantity::ZERO, |p| p.quantity);
                let ours = engine.ledger().position(ix, side).quantity;
                let difference = i128::from(theirs.mantissa()) - i128::from(ours.mantissa());
                let report = PositionReport {
                    instrument: ix,
                    position_side: side,
                    quantity: theirs,
                    entry: found.and_then(|p| p.entry),
                };
                if self.suspect(Subject::Position(ix, side), difference, now, settings) && is_settled(ix) {
                    facts.push(VenueEvent::Position(report));
                }
            }
        }
        self.go_on(Step::Wallet, now);
        facts
    }

    /// Our cash at this venue changed.
    pub(crate) fn note_cash(&mut self, change: Amount) {
        if let Some(cash) = &mut self.cash {
            *cash += change;
        }
    }

    /// What our books say of the cash at this venue, once that is certain.
    pub(crate) fn cash(&self) -> Option<Amount> {
        self.cash.filter(|_| self.is_cash_known)
    }

    /// Takes up the wallet. Returns by how much the venue's is certain to be more than ours.
    pub(crate) fn on_wallet(
        &mut self,
        theirs: Amount,
        now: Timestamp,
        settings: &Settings,
    ) -> Option<Amount> {
        let difference = theirs - self.cash.unwrap_or(theirs);
        let is_small = difference.abs() <= settings.wallet_tolerance;
        if !self.is_cash_known {
            // An answer may be older than what the stream told: it is believed once the next one says the same, all changes
            // in between included, or nothing ever does.
            self.is_cash_known =
                self.cash.is_some() && (is_small || self.cash_rounds >= settings.confirm_rounds);
            self.cash_rounds += 1;
            if !is_small || self.cash.is_none() {
                self.cash = Some(theirs);
            }
            self.again |= !self.is_cash_known;
            self.finish(now, settings);
            return None;
        }
        let units = if is_small { 0 } else { difference.units() };
        // A position that differs moves the wallet once it is booked: it comes first.
        let is_explained = self.suspects.keys().any(|s| matches!(s, Subject::Position(..)));
        let is_certain = self.suspect(Subject::Wallet, units, now, settings) && !is_explained;
        self.finish(now, settings);
        is_certain.then_some(difference)
    }

    fn finish(&mut self, now: Timestamp, settings: &Settings) {
        // What was not seen in this round is not different any more.
        let round = self.round;
        self.suspects.retain(|_, suspect| suspect.round == round);
        self.has_completed = true;
        let is_soon = self.again || !self.suspects.is_empty();
        let wait = if is_soon { settings.confirm_after } else { settings.reconcile_every };
        self.go_on(Step::Idle, after(now, wait));
    }

    /// Whether nothing is suspected.
    pub(crate) fn agrees(&self) -> bool {
        self.has_completed && self.is_cash_known && self.suspects.is_empty()
    }

    /// Notes a difference. Returns whether it is certain by now.
    fn suspect(&mut self, subject: Subject, difference: i128, now: Timestamp, settings: &Settings) -> bool {
        if difference == 0 {
            self.suspects.remove(&subject);
            return false;
        }
        let (activity, round) = (self.activity, self.round);
        let fresh = Suspect { difference, seen_at: now, rounds: 1, activity, round };
        let suspect = self.suspects.entry(subject).or_insert(fresh);
        if suspect.round == round {
            return false;
        }
        if suspect.difference != difference {
            *suspect = fresh;
            return false;
        }
        (suspect.rounds, suspect.round) = (suspect.rounds + 1, round);
        let is_quiet = suspect.activity == activity && now >= after(suspect.seen_at, settings.confirm_after);
        suspect.activity = activity;
        is_quiet || suspect.rounds >= settings.confirm_rounds
    }
}

/// Whether an order stands there at other terms than here. A trigger that fired is history, and not compared.
fn has_other_terms(ours: &OpenOrder, theirs: &OrderReport) -> bool {
    let differs = |ours: Option<Price>, theirs: Option<Price>| ours.zip(theirs).is_some_and(|(a, b)| a != b);
    ours.order.quantity != theirs.quantity
        || differs(ours.order.kind.limit(), theirs.kind.limit())
        || differs(ours.order.kind.trigger(), theirs.kind.trigger())
}

/// The terms as one number that differs where they do, but for chance.
fn terms(report: &OrderReport) -> i128 {
    let price = |price: Option<Price>| i128::from(price.map_or(0, Price::mantissa));
    let mixed = price(report.kind.limit()) * 31 + price(report.kind.trigger());
    (mixed * 31 + i128::from(report.quantity.mantissa())) | 1 << 100
}

/// A moment so long before another.
fn before(at: Timestamp, span: Span) -> Timestamp {
    at.nanos().checked_sub(span.nanos()).map_or(Timestamp::MIN, Timestamp::from_nanos)
}
