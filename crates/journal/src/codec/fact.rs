//! Facts and inputs.

use super::{Coded, coded_fields, coded_names, coded_variants};
use crate::bytes::{Sink, Source};
use crate::error::DecodeError;
use model::{Direction, Fact, Input, OperatorCommand, Signal};

coded_names!(Direction, "direction", { 0 => Flat, 1 => Long, 2 => Short });
coded_fields!(Signal { instrument, direction, confidence, stop_loss, take_profit, tag, plan });

coded_variants!(OperatorCommand, "command of a person", {
    0 => Pause,
    1 => Resume,
    2 => Panic,
    3 => Unlock { confirmation },
    4 => Lock { instrument, side, until, note },
    5 => LiftLocks { instrument, side },
    6 => StopStrategy(strategy),
    7 => StartStrategy(strategy),
    8 => SetParameter { strategy, name, value },
    9 => ApplyParameters { strategy },
    10 => SetWeight { strategy, weight },
    11 => WindDown { close },
    12 => AddRules { strategy, at, text },
    13 => InstallRules { strategy, bytes, digest },
});

coded_variants!(Fact, "fact", {
    0 => Candle(candle),
    1 => Quote(quote),
    2 => Trade(trade),
    3 => Book(change),
    4 => Mark(mark),
    5 => Funding(funding),
    6 => Venue(event),
    7 => Timer(timer),
    8 => Signal(signal),
    9 => Operator(command),
});

// A frame keeps sequence and time outside its payload; this is the form of an input on its own.
coded_fields!(Input { seq, at, fact });
