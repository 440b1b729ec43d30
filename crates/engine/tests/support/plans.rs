//! Scenarios of exit plans: a script in text, an obliging venue, and what followed as text.
//!
//! ```text
//! candle CLOSE [HIGH LOW] [long|short|flat|open-long|open-short [sl P] [tp P] [at P]]   a minute; what the strategy says to it
//! fill N QUANTITY PRICE            the venue fills a part of order N, or all of it
//! stopped PRICE [QUANTITY]         the venue's stop closes the position, or a part of it
//! trade PRICE                      somebody traded
//! reject REASON | refuse REASON    how the venue answers the next order, or the next change or guard
//! mute | speak                     whether the venue answers guards
//! cancelled N                      the venue ends an order by itself
//! restart                          from a snapshot
//! ```
//!
//! The venue accepts orders, confirms guards, changes and ends at once, unless told otherwise. It fills nothing by itself.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use crate::support::{Bench, Followed, IX, Line, Script, fill, hosted, limits, price, quantity, setup};
use engine::risk::Limits;
use engine::{Engine, Setup, StrategySetup};
use model::{
    CancelReason, ClientOrderId, Direction, Fact, Fill, FillCause, NewOrder, OrderCommand, OrderKind,
    PlanEvent, PlanIx, PlanRecord, PositionSide, Protection, Record, RejectReason, Side, Signal, Tag, Trade,
    VenueEvent,
};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use strategy::{ExitPlan, Intents, Needs, OpenIntent, StateError, StateReader, StateWriter, Strategy, View};
use units::{Decimal, Price, Quantity, Timestamp};

/// A script with exit plans.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) script: Script,
    pub(crate) opens: BTreeMap<i64, OpenIntent>,
    pub(crate) plans: Vec<ExitPlan>,
    seen: i64,
}

impl Strategy for Planned {
    fn needs(&self) -> Needs {
        Needs::default()
    }

    fn exit_plans(&self) -> Vec<ExitPlan> {
        self.plans.clone()
    }

    fn on_fact(&mut self, view: &View<'_>, fact: &Fact, intents: &mut Intents) {
        let Fact::Candle(_) = fact else { return };
        self.seen += 1;
        if let Some(open) = self.opens.get(&self.seen) {
            intents.open(*open);
        }
        self.script.on_fact(view, fact, intents);
    }

    fn save(&self, state: &mut StateWriter) {
        state.int(self.seen);
        self.script.save(state);
    }

    fn load(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.seen = state.int()?;
        self.script.load(state)
    }
}

/// What a scenario runs with, besides its script.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    /// Plans of the strategy; empty for the plan of the house.
    pub(crate) plans: Vec<ExitPlan>,
    pub(crate) house: Option<ExitPlan>,
    pub(crate) limits: Limits,
}

impl Terms {
    pub(crate) fn own(plan: &str) -> Self {
        Self { plans: vec![plan.parse().unwrap()], house: None, limits: limits() }
    }

    pub(crate) fn house(plan: &str) -> Self {
        Self { plans: Vec::new(), house: Some(plan.parse().unwrap()), limits: limits() }
    }

    fn setup(&self) -> Setup {
        Setup { house_plan: self.house.clone(), limits: self.limits.clone(), ..setup() }
    }

    fn hosted(&self, strategy: &Planned) -> Vec<StrategySetup> {
        let strategy = Box::new(strategy.clone());
        vec![StrategySetup { strategy, instruments: vec![IX], ..hosted(Script::default()) }]
    }
}

pub(crate) struct Scene {
    pub(crate) terms: Terms,
    strategy: Planned,
    pub(crate) bench: Bench,
    pub(crate) orders: Vec<(NewOrder, Quantity)>,
    reject: Option<RejectReason>,
    refuse: Option<RejectReason>,
    is_mute: bool,
    pub(crate) text: String,
    pub(crate) commands: Vec<OrderCommand>,
    pub(crate) events: Vec<PlanRecord>,
}

/// Plays a script and returns what followed from each step.
pub(crate) fn play(terms: Terms, script: &str) -> String {
    let mut scene = Scene::new(terms, script);
    for line in lines(script) {
        scene.act(line);
    }
    scene.text
}

fn lines(script: &str) -> impl Iterator<Item = &str> {
    script.lines().map(str::trim).filter(|line| !line.is_empty())
}

impl Scene {
    pub(crate) fn new(terms: Terms, script: &str) -> Self {
        let mut strategy = Planned {
            script: Script::default(),
            opens: BTreeMap::new(),
            plans: terms.plans.clone(),
            seen: 0,
        };
        let candles = lines(script).filter(|line| line.starts_with("candle"));
        for (number, line) in (1..).zip(candles) {
            strategy.learn(number, line);
        }
        let bench = Bench::new(terms.setup(), terms.hosted(&strategy));
        Self {
            terms,
            strategy,
            bench,
            orders: Vec::new(),
            reject: None,
            refuse: None,
            is_mute: false,
            text: String::new(),
            commands: Vec::new(),
            events: Vec::new(),
        }
    }

    pub(crate) fn act(&mut self, line: &str) {
        writeln!(self.text, "> {line}").unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        let followed = match words[..] {
            ["candle", close, ref rest @ ..] => {
                let edge = |n: usize| rest.get(n).filter(|w| w.parse::<f64>().is_ok()).map_or(close, |w| w);
                self.bench.bar(close, edge(0), edge(1))
            }
            ["fill", number, size, at] => {
                let order = self.order(number);
                self.left(order.id, quantity(size));
                let followed = self.bench.fill(&order, size, at);
                self.take_up(&followed);
                self.confirm_guard(&order);
                return;
            }
            ["stopped", at, ref size @ ..] => self.stopped(at, size.first().copied()),
            ["trade", at] => self.bench.tell(Fact::Trade(Trade {
                instrument: IX,
                exchange_time: Timestamp::EPOCH,
                price: price(at),
                quantity: quantity("1"),
                taker_side: Side::Buy,
                trade_id: 0,
            })),
            ["reject", reason] => {
                self.reject = Some(reason_of(reason));
                return;
            }
            ["refuse", reason] => {
                self.refuse = Some(reason_of(reason));
                return;
            }
            ["mute"] => return self.is_mute = true,
            ["speak"] => return self.is_mute = false,
            ["cancelled", number] => {
                let id = self.order(number).id;
                self.orders.retain(|(o, _)| o.id != id);
                self.bench.venue(VenueEvent::Cancelled {
                    id,
                    instrument: IX,
                    reason: CancelReason::Requested,
                })
            }
            ["restart"] => {
                let snapshot = self.bench.engine.snapshot();
                let strategies = self.terms.hosted(&self.strategy);
                let engine = Engine::restore(self.terms.setup(), strategies, &snapshot).unwrap();
                assert_eq!(engine.snapshot(), snapshot);
                assert_eq!(engine.digest(), self.bench.engine.digest());
                self.bench = self.bench.restarted(engine);
                return;
            }
            _ => panic!("{line:?} is no step"),
        };
        self.take_up(&followed);
    }

    fn order(&self, number: &str) -> NewOrder {
        let counter: u64 = number.parse().unwrap();
        let found = self.orders.iter().find(|(o, _)| o.id.counter() == counter);
        found.unwrap_or_else(|| panic!("order {number} is not at the venue: {}", self.text)).0
    }

    fn left(&mut self, id: ClientOrderId, filled: Quantity) {
        for (order, left) in &mut self.orders {
            if order.id == id {
                *left -= filled;
            }
        }
        self.orders.retain(|(_, left)| left.is_positive());
    }

    fn stopped(&mut self, at: &str, size: Option<&str>) -> Followed {
        let held = self.bench.held();
        let order = NewOrder::new(
            ClientOrderId::new(0, 0),
            IX,
            Side::of(held).opposite(),
            OrderKind::Market,
            size.map_or(held.abs(), quantity),
        );
        let execution = self.bench.next_execution();
        let fill = Fill {
            order: None,
            cause: FillCause::StopLoss,
            ..fill(execution, &order, order.quantity, price(at))
        };
        self.bench.venue(VenueEvent::Filled(fill))
    }

    /// A filled entry brings its guard into force.
    fn confirm_guard(&mut self, order: &NewOrder) {
        if !order.protection.is_none() && !self.is_mute {
            self.protected(order.protection);
        }
    }

    fn protected(&mut self, protection: Protection) {
        let event = VenueEvent::Protected {
            instrument: IX,
            position_side: PositionSide::Net,
            protection,
            trailing: None,
        };
        let followed = self.bench.venue(event);
        self.take_up(&followed);
    }

    /// Notes what followed, and answers it.
    fn take_up(&mut self, followed: &Followed) {
        for record in &followed.records {
            if let Record::Plan(told) = record {
                writeln!(self.text, "  {}", shown(&told.event)).unwrap();
                self.events.push(*told);
            }
        }
        for refusal in followed.refusals() {
            writeln!(self.text, "  refused: {refusal}").unwrap();
        }
        for what in followed.anomalies() {
            writeln!(self.text, "  anomaly: {what}").unwrap();
        }
        self.commands.extend_from_slice(&followed.commands);
        for command in &followed.commands {
            writeln!(self.text, "  {}", commanded(command)).unwrap();
        }
        for command in &followed.commands {
            self.answer(command);
        }
    }

    fn answer(&mut self, command: &OrderCommand) {
        let event = match *command {
            OrderCommand::Place(order) => match self.reject.take() {
                Some(reason) => VenueEvent::Rejected { id: order.id, instrument: IX, reason },
                None => {
                    self.orders.push((order, order.quantity));
                    VenueEvent::Accepted { id: order.id, instrument: IX }
                }
            },
            OrderCommand::Cancel { id, .. } => {
                let reason = CancelReason::Requested;
                self.orders.retain(|(o, _)| o.id != id);
                VenueEvent::Cancelled { id, instrument: IX, reason }
            }
            OrderCommand::Amend { id, amendment, .. } => match self.refuse.take() {
                Some(reason) => VenueEvent::Refused { id: Some(id), instrument: IX, reason },
                None => {
                    for (order, left) in self.orders.iter_mut().filter(|(o, _)| o.id == id) {
                        let quantity = amendment.quantity.unwrap_or(order.quantity);
                        *left = *left + quantity - order.quantity;
                        order.quantity = quantity;
                        order.kind = order.kind.amended(&amendment);
                    }
                    VenueEvent::Amended { id, instrument: IX, amendment }
                }
            },
            OrderCommand::Protect { protection, .. } => match self.refuse.take() {
                Some(reason) => VenueEvent::Refused { id: None, instrument: IX, reason },
                None if self.is_mute => return,
                None => return self.protected(protection),
            },
            _ => return,
        };
        let followed = self.bench.venue(event);
        self.take_up(&followed);
    }
}

impl Planned {
    fn learn(&mut self, number: i64, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let find = |name: &str| words.iter().position(|w| *w == name).map(|at| price(words[at + 1]));
        let plan = (!self.plans.is_empty()).then_some(PlanIx::FIRST);
        for word in &words {
            let direction = match *word {
                "long" => Direction::Long,
                "short" => Direction::Short,
                "flat" => Direction::Flat,
                "open-long" | "open-short" => {
                    let open = OpenIntent {
                        instrument: IX,
                        side: if *word == "open-long" { Side::Buy } else { Side::Sell },
                        entry: find("at").map_or(OrderKind::Market, |price| OrderKind::Limit { price }),
                        quantity: None,
                        stop_loss: find("sl"),
                        take_profit: find("tp"),
                        plan: PlanIx::FIRST,
                        tag: Tag(0),
                    };
                    self.opens.insert(number, open);
                    continue;
                }
                _ => continue,
            };
            let (stop_loss, take_profit) = (find("sl"), find("tp"));
            let signal = Signal { stop_loss, take_profit, plan, ..Signal::new(IX, direction, Tag(0)) };
            self.script.lines.entry(number).or_default().push(Line::Say(signal));
        }
    }
}

fn reason_of(text: &str) -> RejectReason {
    let found = RejectReason::ALL.iter().find(|reason| reason.name() == text);
    *found.unwrap_or_else(|| panic!("{text:?} is no reason"))
}

fn plain(price: Price) -> Decimal {
    price.decimal(2).normalized()
}

fn shown(event: &PlanEvent) -> String {
    match event {
        PlanEvent::Opened(o) => {
            format!(
                "opened at {}, stop {} asked {}, R {}",
                plain(o.decision_price),
                plain(o.stop),
                o.requested_stop,
                o.risk_per_unit
            )
        }
        PlanEvent::Step { step, outcome } => format!("{step}: {outcome}"),
        PlanEvent::StopSet { kind, requested, price } => {
            format!("stop {kind:?} {} asked {requested}", plain(*price))
        }
        PlanEvent::TargetSet { number, requested, price, quantity, .. } => {
            let quantity = quantity.decimal(4).normalized();
            format!("target {number}: {quantity} at {} asked {requested}", plain(*price))
        }
        PlanEvent::Closed(c) => format!(
            "closed by {}: {} R, net {} of risk {}; decided {}, entered {}, expected {}, filled {}",
            c.exit,
            c.multiple,
            c.net,
            c.risk,
            plain(c.decision_price),
            c.entry_price,
            c.expected_price.map_or("-".to_owned(), |p| plain(p).to_string()),
            plain(c.exit_price),
        ),
    }
}

fn commanded(command: &OrderCommand) -> String {
    match command {
        OrderCommand::Place(o) => {
            let mut text = format!("#{} {}", o.id.counter(), o.side);
            match o.kind {
                OrderKind::Market => text += " market",
                OrderKind::Limit { price } => write!(text, " limit {}", plain(price)).unwrap(),
                OrderKind::TakeProfitMarket { trigger, .. } => {
                    write!(text, " take {}", plain(trigger)).unwrap();
                }
                other => write!(text, " {other:?}").unwrap(),
            }
            write!(text, " {}", o.quantity.decimal(4).normalized()).unwrap();
            for (name, price) in [("sl", o.protection.stop_loss), ("tp", o.protection.take_profit)] {
                if let Some(price) = price {
                    write!(text, " {name} {}", plain(price)).unwrap();
                }
            }
            text + if o.reduce_only { " reduce" } else { "" }
        }
        OrderCommand::Amend { id, amendment, .. } => {
            let mut text = format!("amend #{}", id.counter());
            if let Some(quantity) = amendment.quantity {
                write!(text, " to {}", quantity.decimal(4).normalized()).unwrap();
            }
            if let Some(price) = amendment.price.or(amendment.trigger) {
                write!(text, " at {}", plain(price)).unwrap();
            }
            text
        }
        OrderCommand::Cancel { id, .. } => format!("cancel #{}", id.counter()),
        OrderCommand::Protect { protection, .. } => {
            let mut text = "protect".to_owned();
            for (name, price) in [("sl", protection.stop_loss), ("tp", protection.take_profit)] {
                if let Some(price) = price {
                    write!(text, " {name} {}", plain(price)).unwrap();
                }
            }
            text
        }
        other => format!("{other:?}"),
    }
}
