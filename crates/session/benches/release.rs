#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "a benchmark measures time")]
#![allow(clippy::unwrap_used, reason = "what is shared with the tests")]
//! How long an input takes to become a released command, without the disk: from the frame with the candle to the signed frame
//! with the order, journal entries handed out in between and reported durable at once. And what a stuck observer costs.
//!
//! Run with `cargo bench -p session`; without `--bench` everything runs once, small, and only the answers are checked.

#[path = "../tests/world/mod.rs"]
mod world;

use model::Direction;
use session::bus::{Bus, Delivery};
use session::{Append, SessionAction, SessionEvent};
use std::hint::black_box;
use std::time::Instant;
use units::Timestamp;
use world::{Line, Script, World, say, seconds};

fn main() {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    release(if is_measured { 20_000 } else { 50 });
    stuck(if is_measured { 2_000_000 } else { 2_000 });
}

/// Every candle turns the position around: an input, a command, an answer, a fill.
fn release(count: usize) {
    let lines = (1..=count as i64).map(|n| {
        let direction = if n % 2 == 1 { Direction::Long } else { Direction::Short };
        (n, say(direction))
    });
    let mut world = World::running(Script::new(lines.collect::<Vec<(i64, Line)>>()));
    let (mut times, mut inputs, mut sent) = (Vec::with_capacity(count), 0usize, 0usize);
    for _ in 0..count {
        world.pass(seconds(60));
        // At one price: otherwise every turn costs money, and in the end there is none.
        let frames = world.candle_frames("100");
        // What the candle fills is told before it, as always; what is measured is the candle alone.
        for event in frames.0 {
            world.handle(event);
        }
        let begin = Instant::now();
        world.session.handle(world.now, frames.1);
        let mut took = None;
        let mut actions = Vec::new();
        while let Some(action) = world.session.poll() {
            match &action {
                SessionAction::Append(Append::Input(input)) => {
                    inputs += 1;
                    world.durable = input.seq;
                }
                SessionAction::Flush => world.session.handle(world.now, SessionEvent::Durable(world.durable)),
                SessionAction::Send { .. } if took.is_none() => took = Some(begin.elapsed()),
                _ => {}
            }
            actions.push(action);
        }
        if let Some(took) = took {
            times.push(took);
            sent += 1;
        }
        world.replay_actions(actions);
    }
    assert!(
        sent * 10 >= count * 9,
        "nearly every candle leads to an order: {sent} of {count}, {inputs} inputs"
    );
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_nanos() as f64 / 1e3;
    println!(
        "input to released command without flush: p50 {:.1} µs, p99 {:.1} µs, worst {:.1} µs over {} orders",
        at(0.5),
        at(0.99),
        at(1.0),
        times.len()
    );
}

/// Publishing to one observer that keeps up, and to the same with one that is stuck for ever.
fn stuck(count: i64) {
    let run = |has_stuck: bool| {
        let mut bus = Bus::default();
        let quick = bus.observe("quick", 1_024);
        if has_stuck {
            bus.observe("stuck", 1_024);
        }
        let (begin, mut seen) = (Instant::now(), 0i64);
        for n in 0..count {
            bus.publish(Timestamp::from_nanos(n), &n);
            bus.publish_market(Timestamp::from_nanos(n), (n % 16) as u64, &n);
            bus.deliver(quick, 2, &mut |delivery| {
                seen += i64::from(matches!(delivery, Delivery::Item { .. }));
                Ok(())
            });
        }
        assert_eq!(seen, 2 * count, "the quick one misses nothing");
        (black_box(begin.elapsed().as_nanos() as f64) / count as f64, seen)
    };
    let mut ratios: Vec<f64> =
        (0..if count > 10_000 { 7 } else { 1 }).map(|_| run(true).0 / run(false).0).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    println!("a stuck observer: {:.2} times the cost of publishing without it", ratios[ratios.len() / 2]);
}
