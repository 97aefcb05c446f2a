//! A test's script in a child of it, whose environment names the devices that it finds.
//!
//! Owner of: the child, which is waited for, and ended when it takes too long.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

const IN_CHILD: &str = "HEARTH_DESK_CHILD";
const PATIENCE: Duration = Duration::from_secs(150);

/// Whether this is the child: then the script should be run here.
pub fn is_child() -> bool {
    std::env::var_os(IN_CHILD).is_some()
}

/// Runs the test of this name once more, in a child with this environment, and fails as it fails.
pub fn run(test: &str, environment: &[(&str, String)]) -> Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(IN_CHILD, "1");
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut stdout = child.stdout.take().context("no standard output")?;
    let (said, heard) = sync_channel(1);
    let reader = std::thread::Builder::new().name("child".to_owned()).spawn(move || {
        let mut text = String::new();
        let read = stdout.read_to_string(&mut text).map(|_| text);
        drop(said.send(read));
    })?;
    let text = heard.recv_timeout(PATIENCE);
    if text.is_err() {
        child.kill()?;
    }
    let status = child.wait()?;
    ensure!(reader.join().is_ok(), "the reader panicked");
    let text = text.with_context(|| format!("{test} in its child took more than {PATIENCE:?}"))??;
    println!("{text}");
    ensure!(status.success() && text.contains("1 passed"), "{test} in its child: {status}");
    Ok(())
}
