//! The `plimsoll` program. Everything it does lives in the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    plimsoll::run(std::env::args_os())
}
