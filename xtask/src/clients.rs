//! Clients of other people that prove the loopback exchange: installed from the package index into `target/clients`, once.
//!
//! A machine without Python leaves their tests out, and the test run says so. Where there is one, an installation that fails
//! fails the run.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Failure, root};

/// Which clients, in which versions.
const REQUIREMENTS: &str = "crates/loopback/tests/clients/requirements.txt";

/// What tells the tests where the clients are.
pub const VARIABLE: &str = "PLIMSOLL_CLIENTS_PYTHON";

/// Installs the clients unless they are there already. Returns the Python that has them; `None` without a Python.
///
/// # Errors
/// When there is a Python and the installation fails.
pub fn install() -> Result<Option<PathBuf>, Failure> {
    if let Some(told) = std::env::var_os(VARIABLE) {
        return Ok(Some(PathBuf::from(told)));
    }
    let Some(python) = ["python3", "python"].into_iter().find(|name| has(name)) else { return Ok(None) };
    let wanted = std::fs::read_to_string(root().join(REQUIREMENTS))
        .map_err(|e| Failure(format!("{REQUIREMENTS}: {e}")))?;
    let folder = target().join("clients");
    let (own, stamp) = (folder.join("bin/python"), folder.join("installed.txt"));
    if own.exists() && std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(Some(own));
    }
    run(Command::new(python).args(["-m", "venv", "--clear"]).arg(&folder))?;
    let requirements = root().join(REQUIREMENTS);
    run(Command::new(&own)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:", "-r"])
        .arg(requirements))?;
    std::fs::write(&stamp, wanted).map_err(|e| Failure(format!("{}: {e}", stamp.display())))?;
    Ok(Some(own))
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root().join("target"), |dir| Path::new(&dir).to_path_buf())
}

fn has(program: &str) -> bool {
    let asked = Command::new(program).args(["-c", "import venv"]).output();
    asked.is_ok_and(|output| output.status.success())
}

fn run(command: &mut Command) -> Result<(), Failure> {
    let shown = format!("{command:?}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure(format!("{shown}: {status}"))),
        Err(error) => Err(Failure(format!("{shown}: {error}"))),
    }
}
