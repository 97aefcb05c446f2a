//! The libraries of pages that were written for signalmaster, as npm has them: tests of the server open such pages.
//!
//! Fetched once and kept in the target folder. That they are byte for byte what they were, the tests prove.

use std::process::Command;

use crate::Outcome;
use crate::package::target;
use crate::steps::printed;

/// Name and version.
const LIBRARIES: [(&str, &str); 2] = [("simplewebrtc", "3.0.2"), ("socket.io-client", "1.7.4")];

/// Sees to it that they are there.
pub(crate) fn fetch() -> Outcome<()> {
    let folder = target()?.join("npm");
    let is_missing = |(name, version): &&(&str, &str)| !folder.join(format!("{name}-{version}.tgz")).is_file();
    let missing: Vec<String> =
        LIBRARIES.iter().filter(is_missing).map(|(name, version)| format!("{name}@{version}")).collect();
    if missing.is_empty() {
        return Ok(());
    }
    std::fs::create_dir_all(&folder).map_err(|e| format!("{} cannot be made ({e}).", folder.display()))?;
    let mut npm = Command::new("npm");
    npm.args(["pack", "--silent", "--pack-destination"]).arg(&folder).args(&missing);
    printed(&mut npm).map(drop)
}
