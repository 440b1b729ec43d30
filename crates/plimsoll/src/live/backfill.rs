//! Candles that closed while the market connection was away: noticed when it is back, and fetched like any other history.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};

use catalog::{Catalog, Kind, TimeRange};
use gateway::node::Talk;
use gateway::watchers::{Seen, Watcher};
use model::{Fact, Instrument, LinkKind, Record, Timeframe};
use session::bus::Delivery;
use session::{Published, SessionEvent, What};
use units::Timestamp;

use super::download;
use super::exchange::Exchange;
use crate::failure::{ExitKind, Failure};
use crate::research::candles_of;

/// The market connection was away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Away {
    /// When the newest candle of each length had opened that was heard of before.
    newest: BTreeMap<Timeframe, Timestamp>,
    /// When the connection was back, by our clock.
    back_at: Timestamp,
}

/// Notices when the market connection was away.
#[derive(Debug)]
pub(crate) struct GapWatch {
    newest: BTreeMap<Timeframe, Timestamp>,
    was_up: bool,
    sender: Sender<Away>,
}

impl GapWatch {
    pub(crate) fn new() -> (Self, Receiver<Away>) {
        let (sender, receiver) = channel();
        (Self { newest: BTreeMap::new(), was_up: false, sender }, receiver)
    }
}

impl Watcher for GapWatch {
    fn name(&self) -> &'static str {
        "gaps"
    }

    fn see(&mut self, seen: Delivery<Seen>) -> Result<(), String> {
        let Delivery::Item { at, item: Seen::Published(Published { what, .. }), .. } = seen else {
            return Ok(());
        };
        match what {
            What::Market { fact: Fact::Candle(candle), .. } => {
                let newest = self.newest.entry(candle.timeframe).or_insert(candle.bar.open_time);
                *newest = candle.bar.open_time.max(*newest);
            }
            What::Record(Record::Link { kind: LinkKind::Market, is_up: true, .. }) => {
                if self.was_up && !self.newest.is_empty() {
                    // Who listens no longer has no use for it.
                    let _ = self.sender.send(Away { newest: self.newest.clone(), back_at: at });
                }
                self.was_up = true;
            }
            _ => {}
        }
        Ok(())
    }
}

/// The stretches whose candles closed meanwhile. `ahead` is the exchange's clock against ours.
fn ranges(away: &Away, ahead: units::Span) -> Vec<(Timeframe, TimeRange)> {
    let back_at = away.back_at.checked_add(ahead).unwrap_or(away.back_at);
    let range = |(timeframe, newest): (&Timeframe, &Timestamp)| {
        let from = newest.checked_add(timeframe.span())?;
        let range = TimeRange { from, to: timeframe.floor(back_at) };
        (range.from < range.to).then_some((*timeframe, range))
    };
    away.newest.iter().filter_map(range).collect()
}

/// Fetches what was missed, on a thread of its own: an exchange that answers slowly holds nobody up.
pub(crate) struct Filler {
    pub(crate) exchange: Exchange,
    pub(crate) instruments: Vec<Instrument>,
    /// The catalog's folder.
    pub(crate) root: PathBuf,
    /// The session that is told.
    pub(crate) talk: Talk,
}

impl Filler {
    /// Works until nobody watches any more. Failures go to `complain`: the candles are missing then, and are fetched with the
    /// next ones that are.
    pub(crate) fn start(mut self, away: Receiver<Away>, complain: impl Fn(&Failure) + Send + 'static) {
        std::thread::spawn(move || {
            for away in away {
                if let Err(failure) = self.fill(&away) {
                    if failure.exit == ExitKind::Interrupted {
                        return;
                    }
                    complain(&failure);
                }
            }
        });
    }

    fn fill(&mut self, away: &Away) -> Result<(), Failure> {
        let catalog = Catalog::open(&self.root).map_err(|error| Failure::failed(error.to_string()))?;
        self.exchange.measure_clock()?;
        for (timeframe, range) in ranges(away, self.exchange.offset()) {
            for instrument in &self.instruments {
                let kind = Kind::Candles(timeframe);
                download::candles(&mut self.exchange, &catalog, instrument, kind, range, &mut |_, _| {})?;
            }
            let candles = candles_of(&self.root, &self.instruments, timeframe, range)?;
            if !candles.is_empty() {
                let range = (range.from, range.to);
                self.talk.tell(SessionEvent::History { timeframe, range, candles });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use units::Span;

    #[test]
    fn only_what_closed_while_it_was_away_is_missing() {
        let minute = |n: i64| Timestamp::from_seconds(n * 60).unwrap();
        let newest = BTreeMap::from([(Timeframe::MINUTE, minute(10)), ("1h".parse().unwrap(), minute(0))]);
        let away = |back_at| Away { newest: newest.clone(), back_at };
        assert_eq!(ranges(&away(minute(11) + Span::from_seconds(30)), Span::ZERO), [], "nothing closed");
        let found = ranges(&away(minute(14) + Span::from_seconds(1)), Span::ZERO);
        assert_eq!(found, [(Timeframe::MINUTE, TimeRange { from: minute(11), to: minute(14) })]);
        let found = ranges(&away(minute(14)), Span::from_seconds(-1));
        assert_eq!(found, [(Timeframe::MINUTE, TimeRange { from: minute(11), to: minute(13) })]);
        assert_eq!(ranges(&away(minute(121)), Span::ZERO).len(), 2);
    }
}
