//! A test's script in a child of it.
//!
//! Owner of: the child, which is waited for, and ended when it takes too long.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::thread::Builder;
use std::time::Duration;

/// Set in the child.
const IN_CHILD: &str = "HEARTH_DEVICES_CHILD";
const PATIENCE: Duration = Duration::from_secs(150);

/// Whether this is the child: then the script should be run here.
pub(crate) fn is_child() -> bool {
    std::env::var_os(IN_CHILD).is_some()
}

/// Runs the test of this name once more, in a child with this environment, and fails as it fails.
pub(crate) fn run(test: &str, environment: &[(&str, String)]) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(IN_CHILD, "1");
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (said, heard) = sync_channel(2);
    let pipes: [Box<dyn std::io::Read + Send>; 2] =
        [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
    let readers = pipes.map(|mut pipe| {
        let said = said.clone();
        let read = move || {
            let mut text = String::new();
            drop(pipe.read_to_string(&mut text));
            drop(said.send(text));
        };
        Builder::new().name("child".into()).spawn(read).unwrap()
    });
    let first = heard.recv_timeout(PATIENCE);
    let status = if first.is_err() {
        child.kill().unwrap();
        child.wait().unwrap()
    } else {
        child.wait().unwrap()
    };
    readers.into_iter().for_each(|reader| reader.join().unwrap());
    let text: String = first.into_iter().chain(heard.try_iter()).collect();
    println!("{text}");
    assert!(status.success(), "{test} in its child: {status}\n{text}");
    assert!(text.contains("1 passed"), "no test is called {test}");
}
