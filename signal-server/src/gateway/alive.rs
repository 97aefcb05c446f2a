//! For how long the server has lived, written down beside its key: after a restart, tickets of the last minutes are
//! good, and no others.
//!
//! Owns that file, `runs`: a line for each run, `NUMBER SECONDS`, the latest last. Nothing of rooms is in it, and no
//! calendar is asked. Where it cannot be written, fewer or older tickets are good after the next start; the server goes
//! on.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use crate::clock;
use crate::rooms::{EarlierRun, RunId};
use crate::tls::{TlsError, read_state, write_state};

/// How often it is written. A server that is killed is remembered as having lived ten seconds less.
const WRITE_EVERY: Duration = Duration::from_secs(10);
/// Runs remembered: more than fall one after the other while people are on their way back.
const RUNS: usize = 8;

/// The file.
pub(crate) struct Alive {
    path: PathBuf,
    earlier: Vec<EarlierRun>,
    run: RunId,
    started: Instant,
    /// It could not be written, and that was said.
    has_failed: bool,
}

impl Alive {
    /// The runs before this one, as the file in `folder` has them.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub(crate) fn earlier(folder: &std::path::Path) -> Result<Vec<EarlierRun>, TlsError> {
        Ok(parse(&read_state(&folder.join("runs"))?.unwrap_or_default()))
    }

    pub(crate) fn new(folder: &std::path::Path, earlier: Vec<EarlierRun>, run: RunId, started: Instant) -> Self {
        Self { path: folder.join("runs"), earlier, run, started, has_failed: false }
    }

    /// Writes again and again; ends only by being dropped.
    pub(crate) async fn run(&mut self) {
        let mut ticks = interval(WRITE_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.write().await;
        }
    }

    /// Writes how long it has lived until now.
    pub(crate) async fn write(&mut self) {
        let lived = clock::now().saturating_duration_since(self.started);
        let text = text(&self.earlier, EarlierRun { run: self.run, lived });
        let path = self.path.clone();
        // A disk that hangs holds up nobody else.
        let written = spawn_blocking(move || write_state(&path, &text)).await;
        let failure = match written {
            Ok(Ok(())) => None,
            Ok(Err(e)) => Some(e.to_string()),
            Err(e) => Some(e.to_string()),
        };
        if let Some(why) = &failure
            && !self.has_failed
        {
            tracing::warn!("{why}: rooms may not be taken up again after a restart");
        }
        self.has_failed = failure.is_some();
    }
}

fn parse(text: &str) -> Vec<EarlierRun> {
    let line = |line: &str| {
        let (run, lived) = line.split_once(' ')?;
        let (run, lived) = (run.parse().ok()?, lived.parse().ok()?);
        Some(EarlierRun { run: RunId(run), lived: Duration::from_secs(lived) })
    };
    text.lines().filter_map(line).collect()
}

fn text(earlier: &[EarlierRun], now: EarlierRun) -> String {
    let kept = earlier.get(earlier.len().saturating_sub(RUNS - 1)..).unwrap_or_default();
    kept.iter().chain([&now]).map(|run| format!("{} {}\n", run.run.0, run.lived.as_secs())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_runs_are_remembered_and_a_damaged_line_is_none() {
        let run = |number: u64| EarlierRun { run: RunId(number), lived: Duration::from_secs(10 * number) };
        let mut earlier = Vec::new();
        for number in 0..20 {
            earlier = parse(&text(&earlier, run(number)));
        }
        assert_eq!(earlier, (12..20).map(run).collect::<Vec<_>>());
        assert_eq!(parse("7 70\nx\n-1 2\n8 99999999999999999999999\n8 80"), [run(7), run(8)]);
    }
}
