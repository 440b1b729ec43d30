//! A session over real sockets, with a real journal on a real disk.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod exchange;

use exchange::{Flipper, Market, Running, SECRET, Wish, engine};
use gateway::dial::Origin;
use gateway::files::RunFolder;
use gateway::node::Ends;
use journal::{Entry, RunReader, State};
use model::{Input, OrderCommand};
use session::StopRules;
use std::path::Path;
use std::time::Duration;

/// Steps a fresh engine through the journal: it commands what was commanded. Returns how many orders that were.
fn replay(folder: &Path, flipper: &Flipper) -> usize {
    let folder = RunFolder::new(folder.join("run"));
    let mut reader = RunReader::open(&folder).unwrap();
    assert!(matches!(reader.manifest().state, State::Ended { .. }), "{:?}", reader.manifest().state);
    let (mut engine, mut out) = (engine(flipper), engine::Outbox::new());
    let (mut commanded, mut recorded, mut orders) = (Vec::new(), Vec::new(), 0);
    while let Some(frame) = reader.next_frame().unwrap() {
        match frame.entry().unwrap() {
            Entry::Input(fact) => {
                assert_eq!(commanded, recorded);
                let input = Input { seq: frame.seq, at: frame.at, fact };
                engine.step(&input, &mut out);
                commanded = out.commands().to_vec();
                orders += commanded.iter().filter(|c| matches!(c, OrderCommand::Place(_))).count();
                recorded.clear();
                out.clear();
            }
            Entry::Command(command) => recorded.push(command),
            Entry::Checkpoint(digest) => assert_eq!(digest, engine.digest()),
            _ => {}
        }
    }
    assert_eq!(commanded, recorded);
    orders
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_session_trades_through_broken_connections_and_stops_cleanly() {
    let folder = tempfile::tempdir().unwrap();
    let market = Market::start().await;
    let flipper = Flipper { seen: 0, sleeps_at: None };
    let mut running = Running::start(Wish::new(folder.path(), market.ends()));
    running.sees("Entered(Running)").await;
    for round in 0..4 {
        let (close, wanted) = if round % 2 == 0 { ("101", "1") } else { ("99", "0") };
        running.holds(&market, close, wanted).await;
        market.cut();
        running.sees("LinkLost { venue: VenueIx(0), kind: Account").await;
        // Nothing opens before the books were compared again.
        running.up_again().await;
    }
    let (ended, log) = running.stop().await;
    assert_eq!((ended.code, ended.is_sealed), (0, true), "{log:#?}");
    for kind in ["market", "account", "trade"] {
        assert!(log.iter().any(|text| text.contains(&format!("{kind} link: "))), "{kind}: {log:#?}");
    }
    assert_eq!(replay(folder.path(), &flipper), 4, "each order once");
    assert_eq!(log.last().map(String::as_str), Some("closed"));
    assert!(!format!("{log:?}").contains(SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn paper_needs_only_the_market_and_closes_its_positions() {
    let folder = tempfile::tempdir().unwrap();
    let market = Market::start().await;
    let stop = StopRules { cancel_orders: true, close_positions: true };
    let wish = Wish {
        is_paper: true,
        secret: "wrong, and nobody asks",
        stop,
        ..Wish::new(folder.path(), market.ends())
    };
    let mut running = Running::start(wish);
    running.sees("Entered(Running)").await;
    running.holds(&market, "101", "1").await;
    assert_eq!(market.fills(), 0, "the exchange saw no order");
    // Stopping waits for the simulated exchange, which fills the order at the next candle.
    market.run("101");
    let (ended, log) = running.stop().await;
    assert_eq!((ended.code, ended.is_sealed), (0, true), "{log:#?}");
    assert!(!log.iter().any(|text| text.contains("LeftBehind")), "{log:#?}");
    assert_eq!(replay(folder.path(), &Flipper { seen: 0, sleeps_at: None }), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_told_and_stops_what_is_signed() {
    let folder = tempfile::tempdir().unwrap();
    let market = Market::start().await;
    let mut running =
        Running::start(Wish { secret: "wrong-secret-text", ..Wish::new(folder.path(), market.ends()) });
    running.sees("CredentialsRefused").await;
    let (ended, log) = running.stop().await;
    assert_eq!((ended.code, ended.is_sealed), (0, true));
    assert!(!format!("{log:?}").contains("wrong-secret-text"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_that_is_down_is_told_and_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = Origin::parse("ws://127.0.0.1:9").unwrap();
    let ends = Ends { http: nobody.clone(), links: [nobody.clone(), nobody.clone(), nobody] };
    let mut running = Running::start(Wish::new(folder.path(), ends));
    running.sees("market link: 127.0.0.1:9: ").await;
    running.sees("market link: 127.0.0.1:9: ").await;
    let started = std::time::Instant::now();
    let (ended, _) = running.stop().await;
    assert_eq!((ended.code, ended.is_sealed), (0, true));
    assert!(started.elapsed() < Duration::from_secs(6), "stopping has its limits");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_stop_ends_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let market = Market::start().await;
    let stop = StopRules { cancel_orders: true, close_positions: true };
    let mut running =
        Running::start(Wish { is_paper: true, stop, ..Wish::new(folder.path(), market.ends()) });
    running.sees("Entered(Running)").await;
    running.holds(&market, "101", "1").await;
    running.node.talk().tell(session::SessionEvent::Stop);
    let (ended, _) = running.stop().await;
    assert_eq!((ended.code, ended.is_sealed), (130, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_does_not_return_raises_the_alarm() {
    let folder = tempfile::tempdir().unwrap();
    let market = Market::start().await;
    let flipper = Flipper { seen: 0, sleeps_at: Some((2, Duration::from_secs(2))) };
    let wish =
        Wish { flipper, patience: Duration::from_millis(400), ..Wish::new(folder.path(), market.ends()) };
    let mut running = Running::start(wish);
    running.sees("Entered(Running)").await;
    market.candle("100");
    assert!(running.stuck.try_recv().is_err());
    market.candle("100");
    let stuck = tokio::time::timeout(Duration::from_secs(30), running.stuck.recv()).await.unwrap().unwrap();
    assert!(stuck.seq > 0);
}
