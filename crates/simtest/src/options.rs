//! What may go wrong in a world, and how often: drawn from its seed. *Swarm testing*: a seed first draws which kinds of faults
//! exist at all, so that some worlds are calm but for one oddity, which no world with everything at once would show.

use std::fmt;
use units::{Prng, Span};

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident $text:literal $most:literal;)*) => {
        /// A kind of fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault {
            $($(#[$doc])* $name,)*
        }

        impl Fault {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name in reports.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The highest rate that is drawn: of a thousand messages, or of a thousand chances, one a second.
            const fn most(self) -> u64 {
                match self { $(Self::$name => $most,)* }
            }
        }
    };
}

faults! {
    /// A message takes far longer than usual.
    Delay "delay" 60;
    /// A message is lost while the connection stays.
    Loss "loss" 20;
    /// A message arrives twice.
    Duplication "duplication" 60;
    /// A message overtakes those before it on its link.
    Reorder "reorder" 60;
    /// A connection is gone and neither side is told.
    HalfOpen "half-open" 4;
    /// A connection breaks, and the client is told.
    Break "break" 8;
    /// A venue cannot be reached for a while.
    Partition "partition" 3;
    /// A frame is cut off.
    Truncation "truncation" 10;
    /// The client reads slowly for a while.
    SlowReader "slow reader" 3;
    /// The disk is slow.
    SlowDisk "slow disk" 50;
    /// The machine loses power: what was not flushed survives in part.
    PowerLoss "power loss" 3;
    /// The process is killed: what was written is there.
    Kill "kill" 4;
    /// A bit of what was written and not flushed is another one after a loss of power.
    BitFlip "bit flip" 200;
    /// A write fails.
    WriteError "write error" 1;
    /// The disk is full for a while.
    DiskFull "disk full" 1;
    /// A flush fails.
    FlushError "failed flush" 1;
    /// The clock runs too fast or too slow.
    Drift "drift" 500;
    /// The clock is set back.
    StepBack "step back" 2;
    /// The clock is set forward.
    StepForward "step forward" 2;
    /// The process stands still for a while.
    Pause "pause" 3;
    /// A person pauses and resumes.
    Operator "operator" 8;
    /// A person presses the kill switch and unlocks it later.
    Panic "panic" 2;
    /// A person changes weights, stops and starts strategies.
    Reconfigure "reconfigure" 6;
    /// A person stops the application; it is started again.
    Restart "restart" 2;
    /// A person trades by hand at the venue.
    ByHand "by hand" 2;
    /// The answer to a command is lost though the command was carried out.
    LostAnswer "lost answer" 80;
    /// What a command led to is told before its answer.
    EventFirst "event first" 500;
    /// A fill is told after the end of its order.
    LateFill "late fill" 200;
    /// What was told is told again, as if it were new.
    Again "told again" 60;
    /// The account stream falls silent for some messages.
    Mute "mute" 30;
    /// The venue refuses for the rate, for a while.
    Ban "ban" 2;
    /// The venue is in maintenance.
    Maintenance "maintenance" 1;
    /// The venue cancels orders by itself.
    VenueCancel "venue cancel" 6;
    /// The rules of an instrument change.
    RuleChange "rule change" 1;
    /// The key is refused from some moment on, until the next start.
    KeyRefused "key refused" 1;
    /// The market crashes, and positions are liquidated.
    Crash "crash" 2;
    /// Funding at an odd second.
    Funding "funding" 10;
    /// The book misses a message.
    BookGap "book gap" 30;
    /// The clock of the venue jumps.
    VenueClock "venue clock" 2;
    /// A connection breaks behind a command, which arrives some seconds later.
    LateCommand "late command" 60;
}

/// These kinds of faults are drawn from one after another; those behind them, which came later, each by itself, so that older seeds
/// keep the rest of their histories.
const DRAWN: usize = Fault::LateCommand as usize;

/// Which dialects the venues of a world speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialects {
    /// Our own.
    #[default]
    Internal,
    /// Bybit's.
    Bybit,
    /// Bybit's and ours, as the seed draws; at least one speaks Bybit's.
    Mixed,
}

impl Dialects {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Internal, Self::Bybit, Self::Mixed];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Bybit => "bybit",
            Self::Mixed => "mixed",
        }
    }
}

/// What a world is made of.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many venues.
    pub venues: usize,
    /// Instruments of each venue.
    pub instruments: usize,
    /// Whether venues fill at quotes and trades; otherwise at candles.
    pub has_ticks: bool,
    /// Leverage of the accounts.
    pub leverage: i64,
    /// Whether prices of orders are held to a band.
    pub has_bands: bool,
    /// How long the faults go on, in minutes.
    pub minutes: i64,
    /// Messages take so many milliseconds, at least and at most.
    pub delay: (i64, i64),
    /// Inputs between two snapshots.
    pub snapshot_every: u64,
    /// Inputs between two checkpoints.
    pub checkpoint_every: u64,
    /// The process dies once so many entries were appended to its journal, and is there again at once: with the power, or
    /// without what was not flushed.
    pub crash_at: Option<(u64, bool)>,
    /// The strategies have opinions and place no orders by themselves.
    pub has_opinions_only: bool,
    /// The strategies are woken so often.
    pub timer: Option<Span>,
    /// The commands are kept for comparison.
    pub keeps_commands: bool,
    /// By venue: whether it speaks Bybit's dialect; ours where nothing is said.
    pub bybit: Vec<bool>,
    /// Orders go to Bybit by request, as on its demo network, and not by socket.
    pub orders_by_request: bool,
    /// By kind of fault, in the order of [`Fault::ALL`]: how often it strikes, of a thousand.
    pub rates: Vec<u64>,
}

impl Options {
    /// The options of a seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut prng = Prng::new(seed).fork(1);
        let mut draw = |n: u64| prng.below(n);
        let mut timer = Prng::new(seed).fork(7);
        let kinds = [0, 1, 2, 4, 8, 16][draw(6) as usize];
        let mut rates = vec![0; Fault::ALL.len()];
        for _ in 0..kinds {
            let fault = Fault::ALL[draw(DRAWN as u64) as usize];
            rates[fault as usize] = 1 + draw(fault.most());
        }
        let mut late = Prng::new(seed).fork(8);
        if kinds > 0 && late.below(5) == 0 {
            rates[Fault::LateCommand as usize] = 1 + late.below(Fault::LateCommand.most());
        }
        let low = 1 + draw(30) as i64;
        Self {
            venues: [1, 1, 2, 3][draw(4) as usize],
            instruments: 1 + draw(2) as usize,
            has_ticks: draw(3) == 0,
            leverage: [1, 1, 3, 10][draw(4) as usize],
            has_bands: draw(8) == 0,
            minutes: 20 + draw(70) as i64,
            delay: (low, low + draw(200) as i64),
            snapshot_every: 20 + draw(400),
            checkpoint_every: 5 + draw(60),
            crash_at: None,
            has_opinions_only: false,
            timer: (timer.below(2) == 0).then(|| Span::from_millis(5_000 + timer.below(115_000) as i64)),
            keeps_commands: false,
            bybit: Vec::new(),
            orders_by_request: false,
            rates,
        }
    }

    /// The options of a seed in these dialects. Whatever else is drawn is the same in all of them.
    #[must_use]
    pub fn spoken(seed: u64, dialects: Dialects) -> Self {
        let mut prng = Prng::new(seed).fork(6);
        let mut options = Self::of(seed);
        let orders_by_request = prng.below(8) == 0;
        let mut bybit: Vec<bool> = (0..options.venues).map(|_| prng.below(2) == 0).collect();
        match dialects {
            Dialects::Internal => bybit.clear(),
            Dialects::Bybit => bybit.fill(true),
            Dialects::Mixed => {
                // At least one, or it would be the world that there is already.
                let at = prng.below(bybit.len() as u64) as usize;
                bybit[at] = true;
            }
        }
        options.orders_by_request = orders_by_request && !bybit.is_empty();
        options.bybit = bybit;
        options
    }

    /// Whether the venue of this number speaks Bybit's dialect.
    #[must_use]
    pub fn speaks_bybit(&self, venue: usize) -> bool {
        self.bybit.get(venue).copied().unwrap_or(false)
    }

    /// The same world without a fault.
    #[must_use]
    pub fn calm(mut self) -> Self {
        self.rates.iter_mut().for_each(|rate| *rate = 0);
        self
    }

    /// How often a fault happens, of a thousand; zero where it does not exist.
    #[must_use]
    pub fn rate(&self, fault: Fault) -> u64 {
        self.rates[fault as usize]
    }

    /// Makes a fault exist at this rate.
    pub fn set(&mut self, fault: Fault, rate: u64) {
        self.rates[fault as usize] = rate;
    }

    /// The faults that exist.
    pub fn faults(&self) -> impl Iterator<Item = Fault> + '_ {
        Fault::ALL.iter().copied().filter(|fault| self.rate(*fault) > 0)
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: Vec<String> =
            self.faults().map(|fault| format!("{} {}‰", fault.name(), self.rate(fault))).collect();
        write!(
            f,
            "{} venues{} × {} instruments, {}, leverage {}, {} minutes; {}",
            self.venues,
            match self.bybit.iter().filter(|is| **is).count() {
                0 => String::new(),
                n if self.orders_by_request => format!(" ({n} of Bybit's dialect, orders by request)"),
                n => format!(" ({n} of Bybit's dialect)"),
            },
            self.instruments,
            if self.has_ticks { "ticks" } else { "candles" },
            self.leverage,
            self.minutes,
            if faults.is_empty() { "no faults".to_owned() } else { faults.join(", ") }
        )
    }
}
