//! Runs that are written down: who is told what the engine is told.

use model::{Input, OrderCommand};
use units::Digest;

/// Is told everything the engine is told and everything it commands, in order: what a journal keeps.
pub trait Recorder {
    /// The engine is about to be told this.
    fn input(&mut self, input: &Input);
    /// This followed from the last input.
    fn command(&mut self, command: &OrderCommand);
    /// After the last input the engine's digest was this.
    fn checkpoint(&mut self, digest: Digest);
}

/// Records nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unrecorded;

impl Recorder for Unrecorded {
    #[inline(always)]
    fn input(&mut self, _input: &Input) {}
    #[inline(always)]
    fn command(&mut self, _command: &OrderCommand) {}
    #[inline(always)]
    fn checkpoint(&mut self, _digest: Digest) {}
}

/// What the loop is compiled for: most runs are not recorded, and must not pay for those that are.
pub(crate) trait Recording {
    /// Whether anything is recorded: then every input is stepped on its own.
    const IS_ON: bool;
    type To: Recorder + ?Sized;
    fn to(&mut self) -> &mut Self::To;
}

impl Recording for Unrecorded {
    const IS_ON: bool = false;
    type To = Self;
    #[inline(always)]
    fn to(&mut self) -> &mut Self {
        self
    }
}

impl<'r> Recording for &'r mut dyn Recorder {
    const IS_ON: bool = true;
    type To = dyn Recorder + 'r;
    fn to(&mut self) -> &mut Self::To {
        &mut **self
    }
}
