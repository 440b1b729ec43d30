//! What a journal holds, in words: inputs, what followed from them, and what was sent.

use engine::Engine;
use journal::{Entry, RunReader};
use model::{
    Amendment, BalanceChange, BookUpdate, Change, ClientOrderId, DayFigures, Fact, Fill, FillRecord,
    Instrument, InstrumentIx, NewOrder, Notice, OperatorCommand, OrderCommand, OrderKind, OrderReport,
    OrderState, PlanEvent, PlanRecord, PositionSide, Protection, Record, Signal, Tag, VenueEvent,
};
use units::{Price, Quantity};

use crate::live::console::{Names, notice_line};
use crate::research::recipe;

/// A strategy of a run: what it is called, and the texts behind the tags of the rules that it began with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) id: String,
    pub(crate) tags: Vec<String>,
}

/// Names for what a journal numbers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words {
    pub(crate) instruments: Vec<Instrument>,
    pub(crate) strategies: Vec<Named>,
}

impl Words {
    /// The names that a run keeps; what it does not keep stays a number.
    pub(crate) fn of(reader: &RunReader<'_>) -> Self {
        let instruments = recipe::instruments(reader).unwrap_or_default();
        let id = |id| Named { id, tags: Vec::new() };
        let strategies = recipe::strategies(reader).unwrap_or_default().into_iter().map(id).collect();
        Self { instruments, strategies }
    }

    fn symbol(&self, ix: InstrumentIx) -> String {
        self.instruments.get(ix.index()).map_or_else(|| format!("instrument {}", ix.0), |i| i.symbol.clone())
    }

    fn price(&self, ix: InstrumentIx, price: Price) -> String {
        let decimals = self.instruments.get(ix.index()).map_or(0, |instrument| instrument.price_decimals);
        price.decimal(decimals).normalized().to_string()
    }

    fn quantity(&self, ix: InstrumentIx, quantity: Quantity) -> String {
        let decimals = self.instruments.get(ix.index()).map_or(0, |instrument| instrument.quantity_decimals);
        quantity.decimal(decimals).normalized().to_string()
    }

    fn quote(&self, ix: InstrumentIx) -> &str {
        self.instruments.get(ix.index()).map_or("", |instrument| instrument.quote.as_str())
    }

    fn strategy(&self, ix: u16) -> String {
        match self.strategies.get(usize::from(ix)) {
            Some(named) => named.id.clone(),
            None if ix == u16::MAX => "the engine".to_owned(),
            None => format!("strategy {ix}"),
        }
    }

    fn order(&self, id: ClientOrderId) -> String {
        if id.is_adopted() { format!("adopted order {id}") } else { format!("order {}", id.counter()) }
    }

    fn side(&self, ix: InstrumentIx, side: PositionSide) -> String {
        let symbol = self.symbol(ix);
        match side {
            PositionSide::Net => symbol,
            PositionSide::Long => format!("{symbol} long"),
            PositionSide::Short => format!("{symbol} short"),
        }
    }

    /// The text behind a tag; those of rules that were installed later are known to the engine.
    fn tag(&self, strategy: u16, tag: Tag, engine: &Engine) -> String {
        let first = self.strategies.get(usize::from(strategy)).and_then(|s| s.tags.get(usize::from(tag.0)));
        let text = first.map(String::as_str).or_else(|| engine.later_tag(strategy, tag));
        text.map_or_else(|| format!("tag {}", tag.0), str::to_owned)
    }

    /// An entry of a journal.
    pub(crate) fn entry(&self, entry: &Entry) -> String {
        match entry {
            Entry::Input(fact) => self.fact(fact),
            Entry::Command(command) => self.command(command),
            Entry::Checkpoint(digest) => digest.to_string(),
            Entry::Snapshot { of, digest } => format!("of input {}, {digest}", of.0),
            Entry::Listing { venue, until } => {
                format!("venue {venue} has listed what was executed until {until}")
            }
            Entry::History(history) => {
                format!("{} candles known before, from {}, {}", history.count, history.at, history.digest)
            }
        }
    }

    /// What the engine is told.
    pub(crate) fn fact(&self, fact: &Fact) -> String {
        match fact {
            Fact::Candle(candle) => {
                let (ix, bar) = (candle.instrument, &candle.bar);
                format!(
                    "{} candle of {}: open {}, high {}, low {}, close {}, volume {}",
                    candle.timeframe,
                    self.symbol(ix),
                    self.price(ix, bar.open),
                    self.price(ix, bar.high),
                    self.price(ix, bar.low),
                    self.price(ix, bar.close),
                    self.quantity(ix, bar.volume)
                )
            }
            Fact::Quote(quote) => {
                let ix = quote.instrument;
                let level =
                    |price, quantity| format!("{} ({})", self.price(ix, price), self.quantity(ix, quantity));
                let (bid, ask) = (level(quote.bid, quote.bid_quantity), level(quote.ask, quote.ask_quantity));
                format!("quote of {}: bid {bid}, ask {ask}", self.symbol(ix))
            }
            Fact::Trade(trade) => {
                let ix = trade.instrument;
                let (quantity, price) = (self.quantity(ix, trade.quantity), self.price(ix, trade.price));
                format!("trade in {}: {} {quantity} at {price}", self.symbol(ix), trade.taker_side)
            }
            Fact::Book(change) => {
                let ix = change.instrument;
                match change.update {
                    BookUpdate::Clear => format!("book of {}: begins anew", self.symbol(ix)),
                    update @ BookUpdate::Level { .. } => format!("book of {}: {update:?}", self.symbol(ix)),
                }
            }
            Fact::Mark(mark) => {
                let ix = mark.instrument;
                format!("mark price of {}: {}", self.symbol(ix), self.price(ix, mark.mark))
            }
            Fact::Funding(funding) => {
                format!(
                    "funding rate of {}: {} % at {}",
                    self.symbol(funding.instrument),
                    funding.rate.percent(),
                    funding.funding_time
                )
            }
            Fact::Venue(event) => self.event(event),
            Fact::Timer(timer) if timer.0 == u64::MAX => "a deadline of the engine's own".to_owned(),
            Fact::Timer(timer) => format!("timer {} goes off", timer.0),
            Fact::Signal(signal) => format!("signal from outside: {}", self.signal(signal)),
            Fact::Operator(command) => format!("operator: {}", self.operator(command)),
        }
    }

    fn signal(&self, signal: &Signal) -> String {
        let ix = signal.instrument;
        let mut text =
            format!("{} {}, confidence {} %", self.symbol(ix), signal.direction, signal.confidence.percent());
        text += &self.levels(ix, signal.stop_loss, signal.take_profit);
        text
    }

    fn operator(&self, command: &OperatorCommand) -> String {
        match command {
            OperatorCommand::Pause => "pause".to_owned(),
            OperatorCommand::Resume => "resume".to_owned(),
            OperatorCommand::Panic => "kill switch".to_owned(),
            OperatorCommand::Unlock { confirmation } => format!("unlock with {:?}", confirmation.as_str()),
            OperatorCommand::Lock { instrument, side, until, note } => {
                let of = instrument.map_or_else(|| "anything".to_owned(), |ix| self.symbol(ix));
                let side = side.map_or(String::new(), |side| format!(" ({side})"));
                format!("no entries in {of}{side} until {until}: {}", note.as_str())
            }
            OperatorCommand::LiftLocks { instrument, .. } => {
                let of = instrument.map_or_else(|| "everything".to_owned(), |ix| self.symbol(ix));
                format!("lift the locks on {of}")
            }
            OperatorCommand::StopStrategy(strategy) => format!("stop {}", self.strategy(*strategy)),
            OperatorCommand::StartStrategy(strategy) => format!("start {}", self.strategy(*strategy)),
            OperatorCommand::SetParameter { strategy, name, value } => {
                format!("{} of {} is {}", name.as_str(), self.strategy(*strategy), value.as_str())
            }
            OperatorCommand::ApplyParameters { strategy } => {
                format!("build {} anew with these parameters", self.strategy(*strategy))
            }
            OperatorCommand::AddRules { strategy, at, text } => {
                let bytes = text.as_str().len();
                format!("{bytes} bytes of rules for {}, from byte {at} on", self.strategy(*strategy))
            }
            OperatorCommand::InstallRules { strategy, bytes, digest } => {
                format!("install {bytes} bytes of rules for {}, {digest}", self.strategy(*strategy))
            }
            OperatorCommand::SetWeight { strategy, weight } => {
                format!("the weight of {} is {weight}", self.strategy(*strategy))
            }
            OperatorCommand::WindDown { close: true } => "wind down and close the positions".to_owned(),
            OperatorCommand::WindDown { close: false } => "wind down".to_owned(),
        }
    }

    /// What a venue told of the account.
    fn event(&self, event: &VenueEvent) -> String {
        let of =
            |id: &ClientOrderId, ix: &InstrumentIx| format!("{} in {}", self.order(*id), self.symbol(*ix));
        match event {
            VenueEvent::Accepted { id, instrument } => format!("{} is in the book", of(id, instrument)),
            VenueEvent::Rejected { id, instrument, reason } => {
                format!("{} was refused: {reason}", of(id, instrument))
            }
            VenueEvent::Triggered { id, instrument } => format!("{} was triggered", of(id, instrument)),
            VenueEvent::Filled(fill) => self.fill(fill),
            VenueEvent::Cancelled { id, instrument, reason } => {
                format!("{} ended: {reason}", of(id, instrument))
            }
            VenueEvent::Amended { id, instrument, amendment } => {
                format!("{} was changed{}", of(id, instrument), self.amendment(*instrument, amendment))
            }
            VenueEvent::Refused { id: Some(id), instrument, reason } => {
                format!("a command about {} was refused: {reason}", of(id, instrument))
            }
            VenueEvent::Refused { id: None, instrument, reason } => {
                format!("a command about {} was refused: {reason}", self.symbol(*instrument))
            }
            VenueEvent::Protected { instrument, position_side, protection, .. } => format!(
                "{} is guarded{}",
                self.side(*instrument, *position_side),
                self.protection(*instrument, protection)
            ),
            VenueEvent::Balance(change) => self.balance(change),
            VenueEvent::Liquidated(liquidation) => {
                let ix = liquidation.instrument;
                format!(
                    "{} was liquidated ({}): {} at {}",
                    self.side(ix, liquidation.position_side),
                    liquidation.stage.name(),
                    self.quantity(ix, liquidation.quantity),
                    self.price(ix, liquidation.price)
                )
            }
            VenueEvent::Reported(report) => format!("the venue lists {}", self.report(report)),
            VenueEvent::Position(report) => {
                let ix = report.instrument;
                let entry =
                    report.entry.map_or(String::new(), |entry| format!(" from {}", self.price(ix, entry)));
                let held = self.held(ix, report.quantity);
                format!("the venue holds {held}{entry} in {}", self.side(ix, report.position_side))
            }
            VenueEvent::Wallet { amount } => format!("the venue's wallet is {amount}"),
            VenueEvent::Unanswered { id, instrument } => format!("no answer about {}", of(id, instrument)),
            VenueEvent::Link { venue, kind, is_up } => {
                format!("{} link of venue {venue} is {}", kind.name(), if *is_up { "up" } else { "down" })
            }
            VenueEvent::Ready { instrument, is_ready } => {
                let not = if *is_ready { "" } else { "not " };
                format!("{} may {not}be opened at the venue", self.symbol(*instrument))
            }
            other => format!("{other:?}"),
        }
    }

    fn fill(&self, fill: &Fill) -> String {
        let ix = fill.instrument;
        let order = fill.order.map_or_else(|| fill.cause.name().to_owned(), |id| self.order(id));
        format!(
            "filled: {} {} {} at {}, fee {} {} ({order}, execution {})",
            fill.side,
            self.quantity(ix, fill.quantity),
            self.side(ix, fill.position_side),
            self.price(ix, fill.price),
            fill.fee,
            self.quote(ix),
            fill.execution
        )
    }

    fn balance(&self, change: &BalanceChange) -> String {
        match change {
            BalanceChange::Funding { instrument, amount, .. } => {
                format!("funding of {}: {amount} {}", self.symbol(*instrument), self.quote(*instrument))
            }
            BalanceChange::Deposit { amount } => format!("deposit of {amount}"),
            BalanceChange::Insurance { amount } => format!("the insurance fund pays {amount}"),
            BalanceChange::Conversion { amount } => format!("converted into {amount}"),
        }
    }

    fn report(&self, report: &OrderReport) -> String {
        let ix = report.instrument;
        format!(
            "{}: {} {} {}{}, {} of it filled",
            self.order(report.id),
            report.side,
            self.quantity(ix, report.quantity),
            self.symbol(ix),
            self.kind(ix, report.kind),
            self.quantity(ix, report.filled)
        )
    }

    fn kind(&self, ix: InstrumentIx, kind: OrderKind) -> String {
        let price = |price| self.price(ix, price);
        match (kind, kind.trigger(), kind.limit()) {
            (OrderKind::TrailingStop { distance, .. }, ..) => format!(" trailing by {}", price(distance)),
            (_, None, None) => " at market".to_owned(),
            (_, None, Some(limit)) => format!(" at {} or better", price(limit)),
            (_, Some(trigger), None) => format!(" at market once {} trades", price(trigger)),
            (_, Some(trigger), Some(limit)) => {
                format!(" at {} once {} trades", price(limit), price(trigger))
            }
        }
    }

    fn levels(&self, ix: InstrumentIx, stop: Option<Price>, target: Option<Price>) -> String {
        let level = |name: &str, price: Option<Price>| {
            price.map_or(String::new(), |price| format!(", {name} {}", self.price(ix, price)))
        };
        level("stop", stop) + &level("target", target)
    }

    fn protection(&self, ix: InstrumentIx, protection: &Protection) -> String {
        match protection.is_none() {
            true => ": by nothing".to_owned(),
            false => self.levels(ix, protection.stop_loss, protection.take_profit),
        }
    }

    fn amendment(&self, ix: InstrumentIx, amendment: &Amendment) -> String {
        let change = |name: &str, change: Change| match change {
            Change::Keep => None,
            Change::Remove => Some(format!("no {name}")),
            Change::To(price) => Some(format!("{name} {}", self.price(ix, price))),
        };
        let parts = [
            amendment.price.map(|price| format!("price {}", self.price(ix, price))),
            amendment.trigger.map(|price| format!("trigger {}", self.price(ix, price))),
            amendment.quantity.map(|quantity| format!("quantity {}", self.quantity(ix, quantity))),
            change("stop", amendment.stop_loss),
            change("target", amendment.take_profit),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        format!(": {}", parts.join(", "))
    }

    fn held(&self, ix: InstrumentIx, held: Quantity) -> String {
        match held.mantissa() {
            0 => "nothing".to_owned(),
            1.. => format!("long {}", self.quantity(ix, held)),
            _ => format!("short {}", self.quantity(ix, held.abs())),
        }
    }

    fn new_order(&self, order: &NewOrder) -> String {
        let ix = order.instrument;
        let mut text = format!(
            "{} {} {}{}",
            order.side,
            self.quantity(ix, order.quantity),
            self.side(ix, order.position_side),
            self.kind(ix, order.kind)
        );
        if order.reduce_only {
            text += ", to reduce";
        }
        text += &self.levels(ix, order.protection.stop_loss, order.protection.take_profit);
        text + &format!(" ({} for {})", self.order(order.id), self.strategy(order.id.strategy()))
    }

    /// A command for a venue.
    pub(crate) fn command(&self, command: &OrderCommand) -> String {
        match command {
            OrderCommand::Place(order) => self.new_order(order),
            OrderCommand::Amend { id, instrument, amendment } => {
                let (order, symbol) = (self.order(*id), self.symbol(*instrument));
                format!("change {order} in {symbol}{}", self.amendment(*instrument, amendment))
            }
            OrderCommand::Cancel { id, instrument } => {
                format!("cancel {} in {}", self.order(*id), self.symbol(*instrument))
            }
            OrderCommand::CancelAll { instrument: Some(ix), .. } => {
                format!("cancel all orders in {}", self.symbol(*ix))
            }
            OrderCommand::CancelAll { instrument: None, .. } => "cancel all orders".to_owned(),
            OrderCommand::Protect { instrument, position_side, protection, .. } => format!(
                "guard {}{}",
                self.side(*instrument, *position_side),
                self.protection(*instrument, protection)
            ),
            OrderCommand::ProtectPart { instrument, position_side, quantity, protection, .. } => format!(
                "guard {} of {}{}",
                self.quantity(*instrument, *quantity),
                self.side(*instrument, *position_side),
                self.protection(*instrument, protection)
            ),
            OrderCommand::Query { id, instrument, .. } => {
                format!("ask about {} in {}", self.order(*id), self.symbol(*instrument))
            }
            other => format!("{other:?}"),
        }
    }

    /// What happened inside, with the engine as it is afterwards.
    pub(crate) fn record(&self, record: &Record, engine: &Engine) -> String {
        match record {
            Record::Target { instrument, direction, strength } => {
                format!("wanted: {} {direction}, strength {} %", self.symbol(*instrument), strength.percent())
            }
            Record::Refused { instrument, refusal } => match self.instruments.get(instrument.index()) {
                Some(of) => format!("risk refuses {}: {}", of.symbol, refusal.sentence(of)),
                None => format!("risk refuses {}: {refusal}", self.symbol(*instrument)),
            },
            Record::Order { id, instrument, state } => {
                let state = match state {
                    OrderState::Submitting => "is on its way".to_owned(),
                    OrderState::Open => "is open".to_owned(),
                    OrderState::Cancelling => "is being cancelled".to_owned(),
                    OrderState::Unknown => "has an unknown fate and is asked about".to_owned(),
                    OrderState::Filled => "is filled".to_owned(),
                    OrderState::Cancelled(reason) => format!("is cancelled: {reason}"),
                    OrderState::Rejected(reason) => format!("is rejected: {reason}"),
                };
                format!("{} in {} {state}", self.order(*id), self.symbol(*instrument))
            }
            Record::Fill(fill) => self.fill_record(fill, engine),
            Record::Funding { instrument, amount, .. } => {
                format!("funding of {}: {amount} {}", self.symbol(*instrument), self.quote(*instrument))
            }
            Record::Submitted { id, instrument, decision_price } => {
                let at = decision_price.map_or(String::new(), |price| {
                    format!(", decided at {}", self.price(*instrument, price))
                });
                format!("risk approves {} in {}{at}", self.order(*id), self.symbol(*instrument))
            }
            Record::Anomaly { instrument, what, .. } => {
                format!("does not fit: {what} ({})", self.symbol(*instrument))
            }
            Record::Tier { from, to, .. } => format!("account goes from {from} to {to}"),
            Record::Panic { stage, cause } => format!("kill switch: {stage} ({cause})"),
            Record::Paused { paused: true } => "nothing new is opened".to_owned(),
            Record::Paused { paused: false } => "trading goes on".to_owned(),
            Record::Shield { instrument, position_side, step, stop } => format!(
                "protection of {}: {step}{}",
                self.side(*instrument, *position_side),
                self.levels(*instrument, *stop, None)
            ),
            Record::OrderAdopted(report) => format!("adopted {}", self.report(report)),
            Record::PositionAdopted { instrument, position_side, before, after, .. } => format!(
                "adopted the position in {}: {}, and not {}",
                self.side(*instrument, *position_side),
                self.held(*instrument, *after),
                self.held(*instrument, *before)
            ),
            Record::WalletAdopted { difference } => format!("adopted a wallet that differs by {difference}"),
            Record::RulesInstalled { strategy, version, .. } => {
                format!("{} goes by version {version} of its rules", self.strategy(*strategy))
            }
            Record::RulesRefused { strategy } => format!("{} keeps its rules", self.strategy(*strategy)),
            Record::RulesTookOver { strategy, instrument, version } => format!(
                "{} trades {} by version {version} of its rules",
                self.strategy(*strategy),
                self.symbol(*instrument)
            ),
            Record::Locked(lock) => {
                let of = lock.instrument.map_or_else(|| "anything".to_owned(), |ix| self.symbol(ix));
                format!("no entries in {of} until {}: {}", lock.until, lock.reason)
            }
            Record::LocksLifted { count } => format!("{count} locks are lifted"),
            Record::Deposit { amount } => format!("booked a deposit of {amount}"),
            Record::DayClosed(day) => {
                let DayFigures { opened, closed, realised, fees, funding, .. } = day;
                format!(
                    "a trading day ends: {opened} positions opened, {closed} closed, realised {realised}, fees {fees}, funding {funding}"
                )
            }
            Record::StrategyFaulted { strategy } => {
                format!("{} failed and is not asked again", self.strategy(*strategy))
            }
            Record::UnlockRefused { problem } => format!("not unlocked: {problem}"),
            Record::Link { venue, kind, is_up } => {
                format!("{} link of venue {venue} is {}", kind.name(), if *is_up { "up" } else { "down" })
            }
            Record::Ready { instrument, is_ready } => {
                let does = if *is_ready { "may be opened" } else { "is only learnt from" };
                format!("{} {does}", self.symbol(*instrument))
            }
            Record::ParametersSet { strategy, missing_bars } => {
                format!(
                    "{} was built anew and is heard after {missing_bars} candles",
                    self.strategy(*strategy)
                )
            }
            Record::ParametersRefused { strategy, parameter } => {
                format!("{} keeps its parameters: {parameter} is at fault", self.strategy(*strategy))
            }
            Record::StrategyWarm { strategy } => format!("{} is heard now", self.strategy(*strategy)),
            Record::WeightSet { strategy, weight } => {
                format!("the weight of {} is {weight}", self.strategy(*strategy))
            }
            Record::Plan(plan) => self.plan(plan),
        }
    }

    fn plan(&self, plan: &PlanRecord) -> String {
        let ix = plan.instrument;
        let text = match plan.event {
            PlanEvent::Opened(opened) => format!(
                "begins at {}, stop {}, risk of {} for each unit",
                self.price(ix, opened.decision_price),
                self.price(ix, opened.stop),
                opened.risk_per_unit
            ),
            PlanEvent::Step { step, outcome } => format!("{step}: {outcome}"),
            PlanEvent::StopSet { requested, price, .. } => {
                format!("stop at {}, asked for at {requested}", self.price(ix, price))
            }
            PlanEvent::TargetSet { number, id, price, quantity, .. } => format!(
                "target {number} at {} for {} ({})",
                self.price(ix, price),
                self.quantity(ix, quantity),
                self.order(id)
            ),
            PlanEvent::Closed(closed) => format!(
                "ends by {} at {}, net {} {}, {} times the risk",
                closed.exit,
                self.price(ix, closed.exit_price),
                closed.net,
                self.quote(ix),
                closed.multiple
            ),
        };
        format!("exit plan of {}: {text}", self.symbol(ix))
    }

    fn fill_record(&self, record: &FillRecord, engine: &Engine) -> String {
        let (fill, ix) = (&record.fill, record.fill.instrument);
        let realised = match record.closed.is_zero() {
            true => String::new(),
            false => format!(", realised {} {}", record.realised, self.quote(ix)),
        };
        format!(
            "booked: {} {} {} at {}{realised}; now {} ({}: {})",
            fill.side,
            self.quantity(ix, fill.quantity),
            self.side(ix, fill.position_side),
            self.price(ix, fill.price),
            self.held(ix, record.position),
            self.strategy(record.strategy),
            self.tag(record.strategy, record.tag, engine)
        )
    }

    /// A notice for people; `None` where a record says the same.
    pub(crate) fn notice(&self, notice: &Notice) -> Option<String> {
        let names = Names {
            venues: Vec::new(),
            instruments: self.instruments.clone(),
            strategies: self.strategies.iter().map(|named| named.id.clone()).collect(),
        };
        notice_line(&names, notice).map(|(_, about, text)| format!("tells a person: {about}: {text}"))
    }
}
