//! Calls with a peer that nobody here wrote: the example client on aiortc, in a room with the headless client.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::calls;
use crate::lan::{Host, enter_namespaces};
use crate::process::{Process, built};
use crate::room::Pair;

/// Python on two loaded cores, its imports, and the handshake.
const MEETING: Duration = Duration::from_secs(60);

/// The server's grace for a connection that broke, and some.
const GONE: Duration = Duration::from_secs(60);

/// The example as a newcomer starts it.
fn example(host: &Host, link: &str) -> Result<Process> {
    let profile = built("hearth")?;
    let python = profile.ancestors().nth(2).context("target/PROFILE/hearth")?.join("peers/bin/python");
    ensure!(python.is_file(), "`cargo xtask test` gets the peer");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../signal-server/examples/client.py");
    let mut command: Command = host.command(python);
    Process::start("Python", command.arg(script).arg("300").env("HEARTH_LINK", link), None)
}

/// So many of what came, of the one person that there is.
fn decoded(line: &str, kind: &str) -> Option<u64> {
    serde_json::from_str::<Value>(line).ok()?.as_object()?.values().next()?.get(kind)?.as_u64()
}

#[test]
fn the_example_on_aiortc_sees_hears_and_is_seen_and_its_going_is_noticed() -> Result<()> {
    enter_namespaces()?;
    let pair = Pair::open()?;
    let python = example(&pair.second_host, &pair.link)?;
    python.wait_line(MEETING, |line| (decoded(line, "video")? >= 30 && decoded(line, "audio")? >= 50).then_some(()))?;
    let frames = |stats: &Value| {
        let peer = calls::peer(stats, "Python")?;
        peer.pointer("/counters/frames").and_then(Value::as_u64).filter(|frames| *frames >= 30)
    };
    let seen = pair.first.wait_stats(MEETING, frames).context("pictures of aiortc")?;
    println!("{seen} frames of aiortc decoded");
    drop(python); // killed: nothing is said
    pair.first.wait_stats(GONE, |stats| calls::peer(stats, "Python").is_none().then_some(()))
}
