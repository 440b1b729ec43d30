//! What a person decides: pause and resume, the kill switch, locks, stopping and starting strategies.

use crate::engine::{ENGINE, Engine};
use crate::host::Standing;
use crate::orders::{Order, may_become};
use crate::outbox::Outbox;
use model::{
    InstrumentIx, Notice, NoticeKind, OperatorCommand, OrderState, PanicCause, PositionSide, Record,
    Severity, Tag,
};

impl Engine {
    pub(crate) fn on_operator(&mut self, command: OperatorCommand, out: &mut Outbox) {
        match command {
            OperatorCommand::Pause => self.set_paused(true, out),
            OperatorCommand::Resume => self.set_paused(false, out),
            OperatorCommand::Panic => self.press_panic(PanicCause::Operator, out),
            OperatorCommand::Unlock { confirmation } => self.unlock(&confirmation, out),
            OperatorCommand::Lock { instrument, side, until, note } => {
                self.lock_by_hand(instrument, side, until, note, out);
            }
            OperatorCommand::LiftLocks { instrument, side } => self.lift_locks(instrument, side, out),
            OperatorCommand::StopStrategy(strategy) => self.set_running(strategy, false, out),
            OperatorCommand::StartStrategy(strategy) => self.set_running(strategy, true, out),
            OperatorCommand::SetParameter { strategy, name, value } => {
                self.stage_parameter(strategy, name, value, out);
            }
            OperatorCommand::ApplyParameters { strategy } => self.apply_parameters(strategy, out),
            OperatorCommand::SetWeight { strategy, weight } => self.set_weight(strategy, weight, out),
            OperatorCommand::AddRules { strategy, at, text } => self.stage_rules(strategy, at, text, out),
            OperatorCommand::InstallRules { strategy, bytes, digest } => {
                self.install_rules(strategy, bytes, digest, out);
            }
            OperatorCommand::WindDown { close } => self.wind_down(close, out),
        }
    }

    fn wind_down(&mut self, close: bool, out: &mut Outbox) {
        let opens = |o: &&Order| {
            !o.order.reduce_only && !o.order.id.is_adopted() && may_become(o.state, OrderState::Cancelling)
        };
        let opening: Vec<_> =
            self.orders.live.iter().filter(opens).map(|o| (o.order.id, o.order.instrument)).collect();
        for (id, instrument) in opening {
            self.cancel(id, instrument, out);
        }
        if !close {
            return;
        }
        for number in (0u32..).take(self.instruments.len()) {
            let ix = InstrumentIx(number);
            for side in PositionSide::ALL {
                let held = self.ledger.position(ix, side).quantity;
                if !held.is_zero() {
                    self.reduce(ix, side, held.abs(), (ENGINE, Tag::default()), out);
                }
            }
        }
    }

    pub(crate) fn set_paused(&mut self, paused: bool, out: &mut Outbox) {
        if self.is_paused != paused {
            self.is_paused = paused;
            out.record(Record::Paused { paused });
            out.notice(Notice { severity: Severity::Warning, kind: NoticeKind::Paused { paused } });
        }
    }

    fn set_running(&mut self, strategy: u16, running: bool, out: &mut Outbox) {
        let Some(hosted) = self.host.hosted.get_mut(usize::from(strategy)) else { return };
        // A faulted strategy is in an unknown state and stays out until the run ends.
        if hosted.standing == Standing::Faulted {
            return;
        }
        hosted.standing = if running { Standing::Running } else { Standing::Stopped };
        self.targets.set_counts(strategy, running);
        if !running {
            self.withdraw(strategy, out);
        }
        for i in 0..self.instruments.len() {
            if self.targets.desks[i].is_dirty && self.now >= self.trade_from {
                self.pursue(InstrumentIx(u32::try_from(i).unwrap_or(u32::MAX)), out);
            }
        }
    }
}
