//! Where things run: in a namespace of their own, one test at a time.
//!
//! A thread that has entered a host's namespace hands it down to every thread that it starts: so a whole controller is
//! on that host, with its servers, sockets and mDNS.

use std::fs::File;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, ensure};
use nix::sched::{CloneFlags, setns};

use crate::lan::{Host, enter_namespaces};

/// One test at a time also where one process runs them all: they count threads.
static ALONE: Mutex<()> = Mutex::new(());

/// Waits for its turn, and makes sure that there can be namespaces: without root the test starts itself again in one of
/// its own.
pub fn alone() -> Result<MutexGuard<'static, ()>> {
    let turn = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    enter_namespaces()?;
    Ok(turn)
}

/// Does something on a host, and waits for it. What it starts stays there.
pub fn on<T: Send>(host: &Host, act: impl FnOnce() -> T + Send) -> Result<T> {
    let namespace = File::open(format!("/run/netns/{}", host.namespace)).context("the host's namespace")?;
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            setns(namespace, CloneFlags::CLONE_NEWNET)?;
            anyhow::Ok(act())
        });
        thread.join().map_err(|_| anyhow!("a panic on {}", host.namespace))?
    })
}

/// Runs a program on a host, and expects it to do well.
pub fn run(host: &Host, command: &[&str]) -> Result<()> {
    let (program, arguments) = command.split_first().context("an empty command")?;
    let status = host.command(program).args(arguments).status()?;
    ensure!(status.success(), "`{}` ended with {status}", command.join(" "));
    Ok(())
}

/// The threads of this process: their numbers, and what they are called.
pub fn threads() -> Result<Vec<(String, String)>> {
    let mut threads = Vec::new();
    for task in std::fs::read_dir("/proc/self/task")? {
        let path = task?.path();
        let number = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // It may have ended between the two looks.
        if let Ok(name) = std::fs::read_to_string(path.join("comm")) {
            threads.push((number, name.trim().to_owned()));
        }
    }
    Ok(threads)
}

#[expect(clippy::disallowed_methods, reason = "deadlines of a test on real programs")]
pub fn now() -> Instant {
    Instant::now()
}
