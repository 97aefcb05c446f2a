//! Programs that run together: they start in order, and the end of one is the end of all.
//!
//! Owner of: the processes and the threads that read what they print. Ctrl-C is not caught here, because that takes
//! unsafe code: it ends us at once. The programs hear it as well, and where Linux has `setpriv` they are asked to end
//! whenever we do, however that came about; so they say goodbye by themselves.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::Outcome;
use crate::packages::has_program;

/// Lines on their way to us. Full: the program waits with its next one, as it would on any pipe.
const LINES: usize = 64;
/// How long a program may take to be ready: on a busy machine, ten times what it takes.
const READY: Duration = Duration::from_secs(30);
/// How long a program may take to end when it is asked to. Then it is killed.
const END: Duration = Duration::from_secs(5);

/// What a program did.
#[derive(Debug)]
pub(crate) enum Event {
    /// It printed a line.
    Line(&'static str, String),
    /// It closed its standard output, as it does when it ends.
    Ended(&'static str),
}

struct Running {
    name: &'static str,
    child: Child,
    reader: Option<JoinHandle<()>>,
    ended: bool,
    killed: bool,
}

/// The programs that run.
pub(crate) struct Children {
    running: Vec<Running>,
    /// Given to each reader.
    tell: SyncSender<Event>,
    events: Receiver<Event>,
}

impl Children {
    /// None yet.
    pub(crate) fn new() -> Self {
        let (tell, events) = sync_channel(LINES);
        Self { running: Vec::new(), tell, events }
    }

    /// Starts a program; its error stream is ours.
    pub(crate) fn start(&mut self, name: &'static str, program: &str, arguments: &[String]) -> Outcome<()> {
        self.start_with(name, program, arguments, &[])
    }

    /// Starts a program with words in its environment, where no list of processes shows them.
    pub(crate) fn start_with(
        &mut self,
        name: &'static str,
        program: &str,
        arguments: &[String],
        environment: &[(&str, &str)],
    ) -> Outcome<()> {
        let mut command = ending_with_us(program);
        command.args(arguments).envs(environment.iter().copied()).stdin(Stdio::null());
        self.take_in(name, command)
    }

    /// Starts a program to which [`Children::tell`] speaks; its standard input ends when we do.
    pub(crate) fn start_to_tell(&mut self, name: &'static str, program: &str, arguments: &[String]) -> Outcome<()> {
        let mut command = ending_with_us(program);
        command.args(arguments).stdin(Stdio::piped());
        self.take_in(name, command)
    }

    /// Writes a line to such a program.
    pub(crate) fn tell(&mut self, name: &str, line: &str) -> Outcome<()> {
        let running = self.running.iter_mut().find(|running| running.name == name);
        let stdin = running.and_then(|running| running.child.stdin.as_mut());
        let told = stdin.ok_or("nobody listens".to_owned()).and_then(|stdin| {
            writeln!(stdin, "{line}").and_then(|()| stdin.flush()).map_err(|error| error.to_string())
        });
        told.map_err(|why| format!("{name} cannot be told `{line}` ({why}). Has it ended?"))
    }

    fn take_in(&mut self, name: &'static str, mut command: Command) -> Outcome<()> {
        let child = command.stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(|error| format!("{name} did not start ({error}). Is it built?"))?;
        let stdout = child.stdout.take().ok_or("the standard output of a child is a pipe")?;
        let tell = self.tell.clone();
        let reader = std::thread::Builder::new().name(format!("read {name}"));
        let reader = reader.spawn(move || read(name, stdout, &tell));
        let reader = reader.map_err(|error| format!("No thread can be started ({error}). Close other programs."))?;
        self.running.push(Running { name, child, reader: Some(reader), ended: false, killed: false });
        Ok(())
    }

    /// The rest of the first line of `name` that starts with `prefix`.
    pub(crate) fn wait_for(&mut self, name: &'static str, prefix: &str) -> Outcome<String> {
        loop {
            match self.events.recv_timeout(READY) {
                Ok(Event::Line(from, line)) if from == name && line.starts_with(prefix) => {
                    return Ok(line.strip_prefix(prefix).unwrap_or_default().trim().to_owned());
                }
                Ok(Event::Line(..)) => {}
                Ok(Event::Ended(ended)) => {
                    self.ended(ended);
                    return Err(format!("{ended} ended before it was ready; what it said stands above."));
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    return Err(format!("{name} was not ready after {} s. Try again.", READY.as_secs()));
                }
            }
        }
    }

    /// What happens next.
    pub(crate) fn next(&mut self) -> Option<Event> {
        self.events.recv().ok()
    }

    /// What happens next, if anything does within some time.
    pub(crate) fn next_within(&mut self, time: Duration) -> Option<Event> {
        self.events.recv_timeout(time).ok()
    }

    /// How a program that has ended did so.
    pub(crate) fn ended(&mut self, name: &str) -> Option<ExitStatus> {
        let running = self.running.iter_mut().find(|running| running.name == name)?;
        running.ended = true;
        running.child.wait().ok()
    }

    /// The process of a program that runs.
    pub(crate) fn id(&self, name: &str) -> Option<u32> {
        self.running.iter().find(|running| running.name == name && !running.ended).map(|running| running.child.id())
    }

    /// Ends what still runs, the last started first: asks, waits, then kills.
    pub(crate) fn end_all(&mut self) {
        for running in self.running.iter().rev().filter(|running| !running.ended) {
            ask_to_end(&running.child);
        }
        while self.running.iter().any(|running| !running.ended) {
            match self.events.recv_timeout(END) {
                Ok(Event::Ended(name)) => drop(self.ended(name)),
                Ok(Event::Line(..)) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        for running in self.running.iter_mut().filter(|running| !running.ended) {
            println!("{} did not end when asked, and is killed.", running.name);
            running.killed = true;
            if running.child.kill().is_ok() {
                running.ended = running.child.wait().is_ok();
            }
        }
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        self.end_all();
        // Nobody listens any more: a reader that waits for room ends.
        self.events = sync_channel(0).1;
        // The reader of a program that had to be killed may wait for that program's own children: it is let go.
        for reader in self.running.iter_mut().filter(|running| !running.killed).filter_map(|r| r.reader.take()) {
            drop(reader.join());
        }
    }
}

fn read(name: &'static str, stdout: ChildStdout, tell: &SyncSender<Event>) {
    for line in BufReader::new(stdout).lines() {
        let Ok(line) = line else { break };
        if tell.send(Event::Line(name, line)).is_err() {
            return;
        }
    }
    drop(tell.send(Event::Ended(name))); // nobody is left to tell: then nobody waits either
}

/// A command whose process gets SIGTERM when ours ends, where the system can do that.
fn ending_with_us(program: &str) -> Command {
    if cfg!(unix) && has_program("setpriv") {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", "--", program]);
        return command;
    }
    Command::new(program)
}

/// SIGTERM, by the shell: the standard library can only kill.
fn ask_to_end(child: &Child) {
    let line = format!("kill -TERM {}", child.id());
    drop(Command::new("sh").args(["-c", &line]).stderr(Stdio::null()).status());
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Vec<String> {
        vec!["-c".to_owned(), script.to_owned()]
    }

    #[test]
    fn the_end_of_one_is_told_and_the_others_are_ended() {
        let mut children = Children::new();
        children.start("stays", "sh", &shell("echo ready at last; exec tail -f /dev/null")).unwrap();
        assert_eq!(children.wait_for("stays", "ready").unwrap(), "at last");
        children.start("goes", "sh", &shell("echo a; exit 3")).unwrap();
        let mut lines = Vec::new();
        let ended = loop {
            match children.next().unwrap() {
                Event::Line(_, line) => lines.push(line),
                Event::Ended(name) => break name,
            }
        };
        assert_eq!((ended, lines.as_slice()), ("goes", ["a".to_owned()].as_slice()));
        assert_eq!(children.ended("goes").unwrap().code(), Some(3));
        children.end_all();
        assert!(children.running.iter().all(|running| running.ended));
    }

    #[test]
    fn a_program_hears_what_it_is_told() {
        let mut children = Children::new();
        children.start_to_tell("listens", "sh", &shell("read word; echo heard $word; exec tail -f /dev/null")).unwrap();
        children.tell("listens", "begin").unwrap();
        assert!(matches!(children.next_within(READY), Some(Event::Line(_, line)) if line == "heard begin"));
        assert!(children.tell("nobody", "begin").is_err());
    }

    #[test]
    fn a_program_that_ends_before_it_is_ready_is_told() {
        let mut children = Children::new();
        children.start("goes", "sh", &shell("exit 1")).unwrap();
        assert!(children.wait_for("goes", "ready").unwrap_err().starts_with("goes ended"));
    }
}
