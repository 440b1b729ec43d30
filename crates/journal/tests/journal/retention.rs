//! What may be thrown away.

use journal::{Expendable, FileName, KeptRun, KeptSegment, Listed, Retention, RunId, State, Tail};
use model::Seq;
use proptest::prelude::*;
use units::{Span, Timestamp};

const DAY: i64 = 86_400;

fn at(day: i64) -> Timestamp {
    Timestamp::from_nanos(day * DAY * 1_000_000_000)
}

/// A run of one day with segments of 100 bytes, of which each holds ten inputs.
fn run(day: i64, segments: u32, state: State, snapshot: Option<u64>) -> KeptRun {
    let numbers = 1..=segments;
    KeptRun {
        run: RunId::new(&format!("run-{day:03}")).unwrap(),
        mode: "live".to_owned(),
        parent: None,
        state,
        created: at(day),
        changed: at(day + 1),
        files: numbers.clone().map(|n| Listed { name: FileName::Compressed(n), bytes: 100 }).collect(),
        snapshot: snapshot.map(Seq),
        segments: numbers
            .map(|n| KeptSegment {
                number: n,
                after: Seq(u64::from(n - 1) * 10),
                changed: at(day) + Span::from_seconds(i64::from(n) * 3_600),
            })
            .collect(),
    }
}

fn ended() -> State {
    State::Ended(Tail::default())
}

fn removed(runs: &[KeptRun], max_days: i64, max_bytes: u64) -> Vec<String> {
    let policy = Retention { max_age: Span::from_seconds(max_days * DAY), max_bytes };
    let short = |expendable: Expendable| match expendable {
        Expendable::Run(run) => run.to_string(),
        Expendable::File(run, name) => format!("{run}/{name}"),
    };
    policy.expendable(runs, at(100)).into_iter().map(short).collect()
}

#[test]
fn old_runs_go_first() {
    let runs = [
        run(99, 3, State::Open, None),
        run(10, 1, ended(), None),
        run(50, 2, State::Crashed(Tail::default()), None),
        run(20, 1, State::Quarantined("damage".to_owned()), None),
        run(30, 1, State::Open, None),
        run(98, 1, ended(), None),
    ];
    assert_eq!(removed(&runs, 60, 10_000), ["run-010"]);
    assert_eq!(removed(&runs, 60, 800), ["run-010"]);
    assert_eq!(removed(&runs, 60, 700), ["run-010", "run-050"]);
    assert_eq!(removed(&runs, 1, 10_000), ["run-010", "run-050"]);
    assert_eq!(removed(&runs, 60, 0), ["run-010", "run-050", "run-098"], "the rest is needed");
}

#[test]
fn the_newest_run_of_each_mode_is_needed() {
    let runs = [run(10, 1, ended(), None), run(20, 1, ended(), None), run(95, 1, ended(), None)];
    let [mut paper, live, newest] = runs;
    paper.mode = "paper".to_owned();
    assert_eq!(removed(&[paper, live, newest], 30, 0), ["run-020"]);
}

/// A start whose run broke off before anything was in it goes on from the run before, as often as that happens.
#[test]
fn what_an_open_run_goes_on_from_is_needed() {
    let mut runs = [
        run(10, 1, ended(), None),
        run(20, 1, ended(), None),
        run(30, 1, State::Open, None),
        run(40, 1, State::Open, None),
    ];
    runs[2].parent = Some(runs[1].run.clone());
    runs[3].parent = Some(runs[2].run.clone());
    assert_eq!(removed(&runs, 30, 0), ["run-010"]);
    runs[3].state = ended();
    assert_eq!(removed(&runs, 30, 0), ["run-010", "run-020"], "a whole run has its state with it");
}

#[test]
fn the_newest_run_keeps_what_a_start_needs() {
    let files =
        |count: u32| -> Vec<String> { (1..=count).map(|n| format!("run-090/segment-{n:06}.lz4")).collect() };
    // Input 25 lies in the third segment.
    assert_eq!(removed(&[run(90, 5, State::Open, Some(25))], 1, 0), files(2));
    assert_eq!(removed(&[run(90, 5, State::Open, Some(30))], 1, 0), files(3));
    assert_eq!(removed(&[run(90, 5, State::Open, Some(30))], 20, 400), files(1));
    assert_eq!(removed(&[run(90, 5, State::Open, Some(30))], 1, 10_000), files(3), "too old");
    assert_eq!(removed(&[run(90, 5, State::Open, Some(30))], 20, 10_000), files(0));
    assert_eq!(removed(&[run(90, 5, State::Open, None)], 1, 0), files(0));
    assert_eq!(removed(&[run(90, 5, ended(), Some(30))], 1, 0), files(0), "a sealed run stays whole");
}

proptest! {
    /// Whatever the limits: from the newest run, everything from its newest snapshot on is kept.
    #[test]
    fn recovery_is_never_in_danger(
        segments in 1u32..12,
        snapshot in prop::option::of(0u64..120),
        max_bytes in 0u64..2_000,
        days in prop::collection::vec(0i64..90, 0..5),
    ) {
        let mut runs: Vec<KeptRun> = days.iter().map(|day| run(*day, 2, ended(), None)).collect();
        let newest = run(95, segments, State::Open, snapshot);
        runs.push(newest.clone());
        let gone = Retention { max_age: Span::from_seconds(DAY), max_bytes }.expendable(&runs, at(100));
        for expendable in gone {
            match expendable {
                Expendable::Run(run) => prop_assert_ne!(run, newest.run.clone()),
                Expendable::File(run, FileName::Compressed(number)) => {
                    prop_assert_eq!(run, newest.run.clone());
                    prop_assert!(u64::from(number) * 10 <= snapshot.unwrap());
                    prop_assert!(number < segments);
                }
                Expendable::File(_, name) => prop_assert!(false, "{name}"),
            }
        }
    }
}
