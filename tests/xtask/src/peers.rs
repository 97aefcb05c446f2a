//! Peers that nobody here wrote: what the end-to-end tests call with, from the registries, in the versions that were
//! tried.
//!
//! Fetched once and kept in the target folder.

use std::path::Path;
use std::process::Command;

use crate::Outcome;
use crate::package::target;
use crate::steps::quietly;

/// A WebRTC implementation in Python, and the WebSocket that the example reaches the server by.
const PYTHON: [&str; 2] = ["aiortc==1.16.0", "websockets==17.4"];

/// What the peers in Node need. The lock file has the hash of each package, which npm compares.
const NODE: [(&str, &str); 2] = [
    ("package.json", include_str!("../../tests/e2e/peers/package.json")),
    ("package-lock.json", include_str!("../../tests/e2e/peers/package-lock.json")),
];

/// Sees to it that they are there.
pub(crate) fn fetch() -> Outcome<()> {
    let target = target()?;
    fetch_python(&target.join("peers"))?;
    fetch_node(&target.join("peers-node"))
}

fn fetch_python(folder: &Path) -> Outcome<()> {
    let done = folder.join(PYTHON.join("+"));
    if done.is_file() {
        return Ok(());
    }
    quietly(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder))?;
    quietly(
        Command::new(folder.join("bin/pip")).args(["install", "--quiet", "--disable-pip-version-check"]).args(PYTHON),
    )?;
    write(&done, "")
}

fn fetch_node(folder: &Path) -> Outcome<()> {
    let done = folder.join("done");
    let [_, (_, lock)] = NODE;
    if std::fs::read_to_string(&done).is_ok_and(|text| text == lock) {
        return Ok(());
    }
    std::fs::create_dir_all(folder).map_err(|e| format!("{} cannot be made ({e}).", folder.display()))?;
    for (name, text) in NODE {
        write(&folder.join(name), text)?;
    }
    // The native parts are packages of their own; scripts would only look for them elsewhere.
    quietly(Command::new("npm").args(["ci", "--silent", "--ignore-scripts", "--prefix"]).arg(folder))?;
    write(&done, lock)
}

fn write(path: &Path, text: &str) -> Outcome<()> {
    std::fs::write(path, text).map_err(|e| format!("{} cannot be written ({e}).", path.display()))
}
