//! The command line of the repository's automation: `cargo xtask <verb>`.

use std::io::Write;
use std::process::ExitCode;

use xtask::{Failure, benches, suite, tidy};

const HELP: &str = "\
cargo xtask <verb>

  tidy            check the house rules (the same checks run as tests of xtask)
  test            run every test, with cargo-nextest where it is installed, and count them
  test --fresh    the same with property tests drawing new cases, and ten times as many
  bench           run every benchmark and measure
  bench --smoke   run every benchmark once, for its digest check only
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["tidy"] => tidy::run(),
        ["test"] => suite::run(suite::Draw::Fixed),
        ["test", "--fresh"] => suite::run(suite::Draw::Fresh),
        ["bench"] => benches::run(benches::Mode::Measure),
        ["bench", "--smoke"] => benches::run(benches::Mode::Smoke),
        [] | ["help" | "--help" | "-h"] => Ok(HELP.to_owned()),
        _ => Err(Failure(format!("no such verb: {}\n\n{HELP}", arguments.join(" ")))),
    };
    report(outcome)
}

fn report(outcome: Result<String, Failure>) -> ExitCode {
    // A closed pipe at the other end is no failure of ours: the exit code still tells the outcome.
    match outcome {
        Ok(text) => {
            let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
            ExitCode::SUCCESS
        }
        Err(Failure(text)) => {
            let _ = writeln!(std::io::stderr(), "{}", text.trim_end());
            ExitCode::FAILURE
        }
    }
}
