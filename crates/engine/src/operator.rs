//! What a person decides: halt, resume, flatten, stop and start strategies.

use crate::engine::{ENGINE, Engine};
use crate::host::Standing;
use crate::outbox::Outbox;
use crate::risk;
use model::{InstrumentIx, Notice, NoticeKind, OperatorCommand, PositionSide, Record, Severity, Tag};

impl Engine {
    pub(crate) fn on_operator(&mut self, command: OperatorCommand, out: &mut Outbox) {
        match command {
            OperatorCommand::Halt => self.set_halted(true, out),
            OperatorCommand::Resume => self.set_halted(false, out),
            OperatorCommand::Flatten => self.flatten(out),
            OperatorCommand::StopStrategy(strategy) => self.set_running(strategy, false, out),
            OperatorCommand::StartStrategy(strategy) => self.set_running(strategy, true, out),
        }
    }

    pub(crate) fn set_halted(&mut self, halted: bool, out: &mut Outbox) {
        if self.halted != halted {
            self.halted = halted;
            out.record(Record::Halted { halted });
            out.notice(Notice { severity: Severity::Warning, kind: NoticeKind::Halted { halted } });
        }
    }

    /// Halts, cancels everything and closes every position at market, reduce-only.
    fn flatten(&mut self, out: &mut Outbox) {
        self.set_halted(true, out);
        self.send(risk::approve_cancel_all(), out);
        for side in PositionSide::ALL {
            for i in 0..self.instruments.len() {
                let ix = InstrumentIx(u32::try_from(i).unwrap_or(u32::MAX));
                let held = self.ledger.position(ix, side).quantity;
                self.reduce(ix, side, held.abs(), (ENGINE, Tag::default()), out);
            }
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
