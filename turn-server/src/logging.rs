//! The log of a program: lines that reach their output if they can, and hold nothing up and end nothing if they cannot.
//!
//! A full disk, a pipe whose reader is gone, or one whose reader has stopped reading: the line is lost, and that is
//! all. The usual writers do otherwise: they wait for a full pipe, and tell of a failure by the standard error, which
//! panics when that is the very thing that failed. Owner of: the thread `log`, which alone waits for the output.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::Builder;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that wait for the output. Cap 4096: a burst of a busy server, some hundred kilobytes. Full: the line is lost
/// and counted, and the count is written once there is room.
const LINES: usize = 4096;
/// How long the last lines may take at the end. An output that takes nothing any more keeps a program no longer than
/// that.
const LAST: Duration = Duration::from_secs(1);

/// What the thread is told.
enum Entry {
    Line(Vec<u8>),
    End,
}

/// Where lines are put: the writer of a subscriber. Writing never fails and never waits.
#[derive(Clone, Debug)]
pub struct Lines {
    sender: Sender<Entry>,
    lost: Arc<AtomicU64>,
}

/// A log that runs. Dropped, what waits is written, for a second at most.
#[derive(Debug)]
pub struct Log {
    sender: Sender<Entry>,
    ended: Receiver<()>,
}

/// Sends every event that `filter` lets through to `output` from now on, coloured where `ansi` says so. The caller
/// keeps what is returned until its end.
pub fn start(filter: EnvFilter, output: impl Write + Send + 'static, ansi: bool) -> Log {
    let (lines, log) = spawn(output);
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(ansi)
        .with_writer(lines)
        // It would tell of them by `eprintln!`, which panics.
        .log_internal_errors(false)
        .init();
    log
}

/// A thread that writes lines to `output`. Where the system gives no thread, every line is lost.
pub fn spawn(output: impl Write + Send + 'static) -> (Lines, Log) {
    let (sender, entries) = bounded(LINES);
    let (end, ended) = bounded::<()>(1);
    let lost = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&lost);
    drop(Builder::new().name("log".to_owned()).spawn(move || {
        write(output, &entries, &counted);
        drop(end); // anyone who waits for the last line sees it
    }));
    (Lines { sender: sender.clone(), lost }, Log { sender, ended })
}

fn write(mut output: impl Write, entries: &Receiver<Entry>, lost: &AtomicU64) {
    for entry in entries {
        let Entry::Line(line) = entry else { break };
        put(&mut output, &line);
        let count = lost.swap(0, Ordering::Relaxed);
        if count > 0 {
            put(
                &mut output,
                format!("{count} lines of this log were lost: they came faster than they were taken\n").as_bytes(),
            );
        }
    }
}

/// A file that is one a day tells of a day that it could not begin by `eprintln!`: what that does is caught as well.
fn put(output: &mut impl Write, line: &[u8]) {
    drop(catch_unwind(AssertUnwindSafe(|| drop(output.write_all(line).and_then(|()| output.flush())))));
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.sender.try_send(Entry::Line(line.to_vec())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if self.sender.send_timeout(Entry::End, LAST).is_ok() {
            self.ended.recv_timeout(LAST).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An output that answers each line as it was told, and passes it on.
    struct Odd {
        answers: Vec<io::Result<usize>>,
        seen: Sender<String>,
    }

    impl Write for Odd {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.seen.send(String::from_utf8_lossy(line).into_owned()).unwrap();
            match self.answers.pop() {
                None => panic!("as `eprintln!` does"),
                Some(answer) => answer.map(|_| line.len()),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_that_cannot_be_written_is_lost_and_the_next_one_is_tried() {
        let (seen, lines_seen) = bounded(8);
        let full = || Err(io::Error::from_raw_os_error(28));
        let (mut lines, log) = spawn(Odd { answers: vec![Ok(0), full(), full()], seen });
        for line in ["one", "two", "three", "four", "five"] {
            lines.write_all(line.as_bytes()).unwrap();
        }
        drop(log);
        let seen: Vec<String> = lines_seen.try_iter().collect();
        assert_eq!(seen, ["one", "two", "three", "four", "five"], "a failure, one more, a success, two panics");
    }

    #[test]
    fn an_output_that_takes_nothing_holds_up_nobody_and_what_was_lost_is_counted() {
        struct Stuck(Receiver<()>, Sender<String>);
        impl Write for Stuck {
            fn write(&mut self, line: &[u8]) -> io::Result<usize> {
                self.0.recv().unwrap_or_default();
                self.1.send(String::from_utf8_lossy(line).into_owned()).unwrap();
                Ok(line.len())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (go_on, wait) = bounded(0);
        let (seen, lines_seen) = bounded(LINES + 200);
        let (mut lines, log) = spawn(Stuck(wait, seen));
        for _ in 0..LINES + 100 {
            lines.write_all(b"x").unwrap(); // returns at once, each time
        }
        drop(go_on);
        drop(log);
        let seen: Vec<String> = lines_seen.try_iter().collect();
        let lost: usize = seen.iter().filter_map(|line| line.split_once(" lines")?.0.parse::<usize>().ok()).sum();
        assert_eq!(seen.iter().filter(|line| *line == "x").count() + lost, LINES + 100);
        assert!(lost >= 99, "{lost}");
    }
}
