//! What goes wrong by itself, and how the world heals.

use super::{Checked, Event, World};
use crate::check::hold;
use crate::exchange::Exchange;
use crate::options::Fault;
use model::{ClientOrderId, OperatorCommand, OrderState, Text};
use session::VenueIx;
use session::life::State;
use units::{Rate, Span, Timestamp};

impl World {
    /// Whether a fault happens that comes with time: `rate` of a thousand chances, one every three seconds.
    fn comes(&mut self, fault: Fault) -> bool {
        let rate = self.options.rate(fault);
        !self.is_healed && rate > 0 && self.prng.below(3_000) < rate
    }

    fn some_venue(&mut self) -> usize {
        self.prng.below(self.exchanges.len() as u64) as usize
    }

    fn seconds(&mut self, most: u64) -> Span {
        Span::from_millis(100 + self.prng.below(most * 1_000) as i64)
    }

    pub(super) fn second(&mut self) -> Checked {
        self.after(Span::from_seconds(1), Event::Second);
        if self.is_healed || self.options.faults().next().is_none() {
            return Ok(());
        }
        self.network_faults();
        self.machine_faults();
        self.people();
        self.exchange_faults()
    }

    fn network_faults(&mut self) {
        let venue = self.some_venue();
        if self.comes(Fault::HalfOpen) {
            self.note(|| format!("a connection to {venue} is cut without a word"));
            self.network.cut_one(venue);
        }
        if self.comes(Fault::Break)
            && let Some((kind, connection)) = self.network.pick(venue)
        {
            self.after(Span::ZERO, Event::Broken { venue, kind, connection });
        }
        if self.comes(Fault::Partition) {
            self.note(|| format!("{venue} cannot be reached"));
            self.network.partition(venue);
            let span = self.seconds(180);
            self.after(span, Event::Rejoin(venue));
        }
        if self.comes(Fault::SlowReader) {
            let until = self.now + self.seconds(40);
            self.network.read_slowly(venue, until);
        }
    }

    fn machine_faults(&mut self) {
        if self.comes(Fault::DiskFull) {
            self.note(|| "the disk is full".to_owned());
            self.disk.set_full(true);
            let span = self.seconds(120);
            self.after(span, Event::Room);
        }
        if self.comes(Fault::StepBack) {
            let by = Span::from_nanos(-self.seconds(7_200).nanos());
            self.note(|| format!("the clock is set back by {by}"));
            self.clock.set(self.now, by);
        }
        if self.comes(Fault::StepForward) {
            let by = self.seconds(7_200);
            self.note(|| format!("the clock is set forward by {by}"));
            self.clock.set(self.now, by);
        }
        if self.comes(Fault::Pause) {
            let until = self.now + self.seconds(60);
            self.note(|| format!("the process stands still until {until}"));
            self.hold_process(until);
        }
        if self.comes(Fault::PowerLoss) {
            self.crash(true);
        }
        if self.comes(Fault::Kill) {
            self.crash(false);
        }
    }

    /// What would reach the process arrives when it goes on.
    fn hold_process(&mut self, until: Timestamp) {
        let Some(process) = &mut self.process else { return };
        process.paused_until = until;
        let is_for_process = |event: &Event| {
            matches!(
                event,
                Event::ToClient { .. }
                    | Event::Connected { .. }
                    | Event::Broken { .. }
                    | Event::Response { .. }
                    | Event::Operator(_)
                    | Event::Stop
            )
        };
        let early: Vec<(Timestamp, u64)> = self
            .queue
            .range(..(until, 0))
            .filter(|(_, event)| is_for_process(event))
            .map(|(key, _)| *key)
            .collect();
        for key in early {
            if let Some(event) = self.queue.remove(&key) {
                self.queue.insert((until, key.1), event);
            }
        }
    }

    fn people(&mut self) {
        if self.comes(Fault::Operator) {
            self.after(Span::ZERO, Event::Operator(OperatorCommand::Pause));
            let span = self.seconds(120);
            self.after(span, Event::Operator(OperatorCommand::Resume));
        }
        if self.comes(Fault::Panic) {
            self.after(Span::ZERO, Event::Operator(OperatorCommand::Panic));
            let span = self.seconds(400);
            let confirmation = Text::new("UNLOCK");
            self.after(span, Event::Operator(OperatorCommand::Unlock { confirmation }));
            self.after(span, Event::Operator(OperatorCommand::Resume));
        }
        if self.comes(Fault::Reconfigure) {
            let strategy = self.prng.below(2) as u16;
            let command = match self.prng.below(4) {
                0 => OperatorCommand::StopStrategy(strategy),
                1 => OperatorCommand::SetWeight {
                    strategy,
                    weight: Rate::from_units(self.prng.below(2_000_000_000) as i64),
                },
                _ => OperatorCommand::StartStrategy(strategy),
            };
            self.after(Span::ZERO, Event::Operator(command));
        }
        if self.comes(Fault::Restart) {
            self.after(Span::ZERO, Event::Stop);
        }
    }

    fn exchange_faults(&mut self) -> Checked {
        let venue = self.some_venue();
        if self.comes(Fault::Ban) {
            let span = self.seconds(30);
            self.exchanges[venue].ban(self.now + span);
            self.note(|| format!("{venue} bans us for {span}"));
        }
        if self.comes(Fault::Maintenance) {
            let span = self.seconds(120);
            self.exchanges[venue].close(self.now + span);
            self.note(|| format!("{venue} is in maintenance for {span}"));
        }
        if self.comes(Fault::RuleChange) {
            self.exchanges[venue].change_rules();
            self.note(|| format!("{venue} changes its rules"));
        }
        if self.comes(Fault::KeyRefused) {
            self.exchanges[venue].refuse_key();
            self.note(|| format!("{venue} refuses the key"));
        }
        if self.comes(Fault::VenueClock) {
            let by = self.seconds(20);
            self.exchanges[venue].jump(by);
            self.note(|| format!("the clock of {venue} jumps by {by}"));
        }
        if self.comes(Fault::ByHand) {
            self.note(|| format!("somebody trades at {venue} by hand"));
            let events = match &mut self.exchanges[venue] {
                Exchange::Internal(exchange) => exchange.by_hand(self.now),
                Exchange::Bybit(exchange) => {
                    exchange.by_hand(self.now);
                    Vec::new()
                }
            };
            self.unasked(venue, &events)?;
        }
        if self.comes(Fault::VenueCancel) {
            let events = match &mut self.exchanges[venue] {
                Exchange::Internal(exchange) => exchange.cancel_one(self.now),
                Exchange::Bybit(exchange) => {
                    exchange.cancel_one(self.now);
                    Vec::new()
                }
            };
            self.unasked(venue, &events)?;
        }
        if self.comes(Fault::Funding) {
            let (events, facts) = match &mut self.exchanges[venue] {
                Exchange::Internal(exchange) => exchange.fund(self.now),
                Exchange::Bybit(exchange) => {
                    exchange.fund(self.now);
                    (Vec::new(), Vec::new())
                }
            };
            self.market_moved(venue, &events, &facts)?;
        }
        self.pump(venue)
    }

    /// The core heals: the process, its disk, and all venues but some, which stay broken for good. Returns those.
    pub(super) fn heal(&mut self) -> Vec<usize> {
        self.note(|| "everything heals".to_owned());
        self.is_healed = true;
        self.disk.heal();
        self.network.heal();
        self.clock.drift_no_more(self.now);
        let instruments = self.blueprint.instruments.clone();
        let now = self.now;
        self.exchanges.iter_mut().for_each(|exchange| exchange.heal(&instruments, now));
        let calm = self.options.faults().next().is_none();
        let mut dead = Vec::new();
        for venue in 1..self.exchanges.len() {
            if !calm && self.prng.below(3) == 0 {
                self.network.partition(venue);
                dead.push(venue);
            }
        }
        self.note(|| format!("but {dead:?}"));
        // Whoever operates it brings a session back that cannot help itself: a key that was refused is asked for at a start.
        if self.options.rate(Fault::KeyRefused) > 0 || self.options.rate(Fault::RuleChange) > 0 {
            self.crash(false);
        }
        let confirmation = Text::new("UNLOCK");
        for seconds in [90, 300] {
            let span = Span::from_seconds(seconds);
            self.after(span, Event::Operator(OperatorCommand::Unlock { confirmation }));
            self.after(span, Event::Operator(OperatorCommand::Resume));
        }
        dead
    }

    /// The orders that are unknown at venues which stay dead.
    pub(super) fn unknown_at(&self, dead: &[usize]) -> Vec<(usize, Vec<ClientOrderId>)> {
        let Some(process) = &self.process else { return Vec::new() };
        let of = |venue: &usize| {
            let ixs = self.exchanges[*venue].ixs();
            let open = process.run.session().engine().open_orders();
            let unknown =
                open.filter(|open| ixs.contains(&open.order.instrument) && open.state == OrderState::Unknown);
            (*venue, unknown.map(|open| open.order.id).collect())
        };
        dead.iter().map(of).collect()
    }

    /// The core came to rest, and its books agree.
    pub(super) fn check_rest(&mut self, dead: &[usize], waits: &[(usize, Vec<ClientOrderId>)]) -> Checked {
        hold!(12, self.process.is_some(), "nobody is there after everything healed");
        let Some(process) = &self.process else { return Ok(()) };
        let session = process.run.session();
        let engine = session.engine();
        hold!(
            12,
            matches!(session.state(), State::Running | State::Paused | State::Halted),
            "the application is {}, and misses {:?}",
            session.state().name(),
            session.missing().collect::<Vec<_>>()
        );
        let mut wallets = Some(units::Amount::ZERO);
        for (venue, exchange) in self.exchanges.iter().enumerate() {
            let ix = VenueIx(venue as u8);
            if dead.contains(&venue) {
                wallets = None;
                continue;
            }
            hold!(12, session.agrees(ix), "the books of venue {venue} were not found alike");
            self.checker.agrees(engine, exchange)?;
            if self.options.rate(Fault::BookGap) > 0 {
                for (ix, last) in exchange.book_updates() {
                    let ours = self.checker.book_of(ix);
                    hold!(12, ours == Some(last), "the book of {ix:?} stands at {ours:?}, theirs at {last}");
                }
            }
            wallets = wallets.map(|sum| sum + exchange.wallet());
        }
        if let Some(theirs) = wallets {
            let ours = engine.ledger().wallet();
            let tolerance = self.wallet_tolerance().units() * self.exchanges.len() as i128;
            hold!(2, (ours - theirs).abs().units() <= tolerance, "wallet: ours {ours}, theirs {theirs}");
        }
        for (venue, ids) in waits {
            for id in ids {
                let open = engine.open_order(*id);
                hold!(12, open.is_some(), "order {id:?} at dead venue {venue} was given up");
            }
        }
        Ok(())
    }
}
