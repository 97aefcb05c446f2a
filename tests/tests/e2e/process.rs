//! A program under test: started on a host, its lines read as they come, ended with the test.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// Lines that wait to be read: a test that looks away for two minutes loses none.
const LINES: usize = 256;

/// Statistics come each second; a loaded machine adds to it.
const NEXT: Duration = Duration::from_secs(20);

/// A program that runs.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    /// Starts it; `input` is its standard input. What it complains of is in the test's own output.
    pub fn start(name: &str, command: &mut Command, input: Option<&str>) -> Result<Self> {
        Self::run(name, command.stderr(Stdio::inherit()), input)
    }

    /// Starts what is not under test, and talks much: its complaints would hide ours.
    pub fn start_unheard(name: &str, command: &mut Command) -> Result<Self> {
        Self::run(name, command.stderr(Stdio::null()), None)
    }

    fn run(name: &str, command: &mut Command, input: Option<&str>) -> Result<Self> {
        let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
        let mut child =
            command.stdin(stdin).stdout(Stdio::piped()).spawn().with_context(|| format!("{name}: no start"))?;
        if let (Some(text), Some(mut stdin)) = (input, child.stdin.take()) {
            stdin.write_all(text.as_bytes())?;
        }
        let stdout = child.stdout.take().context("no standard output")?;
        let (sender, lines) = sync_channel(LINES);
        std::thread::Builder::new().name(format!("read {name}")).spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { name: name.to_owned(), child, lines })
    }

    /// The first line that `wanted` makes something of.
    pub fn wait_line<T>(&self, limit: Duration, mut wanted: impl FnMut(&str) -> Option<T>) -> Result<T> {
        let end = now() + limit;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(now())) {
                Ok(line) => {
                    if let Some(found) = wanted(&line) {
                        return Ok(found);
                    }
                }
                Err(RecvTimeoutError::Timeout) => bail!("{}: what was waited for did not come in {limit:?}", self.name),
                Err(RecvTimeoutError::Disconnected) => bail!("{} has ended", self.name),
            }
        }
    }

    /// The first line of statistics that `wanted` makes something of.
    pub fn wait_stats<T>(&self, limit: Duration, mut wanted: impl FnMut(&Value) -> Option<T>) -> Result<T> {
        let mut last = Value::Null;
        let found = self.wait_line(limit, |line| {
            let value: Value = serde_json::from_str(line).ok()?;
            let found = wanted(&value);
            last = value;
            found
        });
        found.with_context(|| format!("last statistics of {}: {last:#}", self.name))
    }

    /// The newest line of statistics; waits for the next one.
    pub fn next_stats(&self) -> Result<Value> {
        while self.lines.try_recv().is_ok() {}
        self.wait_stats(NEXT, |value| Some(value.clone()))
    }

    /// Lets so much time pass; what it says meanwhile is dropped.
    pub fn let_pass(&self, time: Duration) -> Result<()> {
        match self.wait_line(time, |_| None::<()>) {
            Err(_) if now_is_running(&self.child) => Ok(()),
            _ => bail!("{} has ended", self.name),
        }
    }

    /// Processor time that it has taken so far, in ticks of 10 ms.
    pub fn ticks(&self) -> Result<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // After the name, which may hold anything: state is field 3, utime 14, stime 15 (proc(5)).
        let (_, fields) = stat.rsplit_once(')').context("a name in brackets")?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let field = |n: usize| fields.get(n - 3).and_then(|text| text.parse::<u64>().ok()).context("a number");
        Ok(field(14)? + field(15)?)
    }

    /// Ends it as `kill -9` does.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Waits until it has ended by itself, and well.
    pub fn wait_end(&mut self, limit: Duration) -> Result<()> {
        let end = now() + limit;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(now())) {
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => bail!("{} has not ended in {limit:?}", self.name),
                Err(RecvTimeoutError::Disconnected) => break, // its standard output is closed
            }
        }
        let status = self.child.wait()?;
        anyhow::ensure!(status.success(), "{} ended with {status}", self.name);
        Ok(())
    }

    /// Asks it to end, as a person does.
    pub fn terminate(&mut self) -> Result<()> {
        kill(Pid::from_raw(i32::try_from(self.child.id())?), Signal::SIGTERM)?;
        let status = self.child.wait()?;
        anyhow::ensure!(status.success(), "{} ended with {status}", self.name);
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn now_is_running(child: &Child) -> bool {
    std::path::Path::new(&format!("/proc/{}", child.id())).exists()
}

/// A program of this workspace, which `cargo xtask test` has built beside this test.
pub fn built(name: &str) -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let folder = test.parent().and_then(|deps| deps.parent()).context("a test stands in target/PROFILE/deps")?;
    let program = folder.join(name);
    anyhow::ensure!(program.exists(), "{name} is not built: `cargo build --workspace` builds it");
    Ok(program)
}

#[expect(clippy::disallowed_methods, reason = "deadlines of a test on real programs")]
pub fn now() -> Instant {
    Instant::now()
}
