//! Peers that nobody here wrote: what the end-to-end tests call with, from the registries, in the versions that were tried.
//!
//! Fetched once and kept in the target folder.

use std::process::Command;

use crate::Outcome;
use crate::package::target;
use crate::steps::quietly;

/// A WebRTC implementation in Python, and the WebSocket that the example reaches the server by.
const PYTHON: [&str; 2] = ["aiortc==1.16.0", "websockets==17.4"];

/// Sees to it that they are there.
pub(crate) fn fetch() -> Outcome<()> {
    let folder = target()?.join("peers");
    let done = folder.join(PYTHON.join("+"));
    if done.is_file() {
        return Ok(());
    }
    quietly(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    quietly(
        Command::new(folder.join("bin/pip")).args(["install", "--quiet", "--disable-pip-version-check"]).args(PYTHON),
    )?;
    std::fs::write(&done, "").map_err(|e| format!("{} cannot be written ({e}).", done.display()))
}
