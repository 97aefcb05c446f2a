//! Files that change under a running server: settings, users, secrets, certificates.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hearth_turn::settings::Plan;
use hearth_turn::shell::Control;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::cli::{Cli, Flags, Source};

/// How often files are looked at. A renewed certificate and a withdrawn user may wait so long.
const LOOK: Duration = Duration::from_secs(2);

/// What a file looked like: a copy that is put in its place has another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    written: Option<SystemTime>,
    length: u64,
}

/// The files of a server, and the way to tell it.
pub(super) struct Watch {
    source: Source,
    flags: Flags,
    files: Vec<(PathBuf, Option<Stamp>)>,
    drain: Duration,
    control: Control,
    ticks: Interval,
}

impl Watch {
    pub(super) fn new(cli: &Cli, plan: Plan, control: Control) -> Self {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let files = stamps(plan.files);
        Self { source: cli.source.clone(), flags: cli.flags.clone(), files, drain: plan.drain, control, ticks }
    }

    /// How long allocations may end by themselves.
    pub(super) fn drain(&self) -> Duration {
        self.drain
    }

    /// Done when a file is another one.
    pub(super) async fn changed(&mut self) {
        loop {
            self.ticks.tick().await;
            let mut is_other = false;
            for (path, known) in &mut self.files {
                let found = stamp(path);
                // One that is gone for a moment is being replaced.
                if found.is_some() && found != *known {
                    *known = found;
                    is_other = true;
                }
            }
            if is_other {
                return;
            }
        }
    }

    /// Reads everything again, and tells the server. What cannot be read leaves it as it was.
    pub(super) fn reload(&mut self) {
        // Looked at before they are read: what is written meanwhile is another change.
        let seen = stamps(self.files.iter().map(|(path, _)| path.clone()).collect());
        let draft = match self.source.draft() {
            Ok(draft) => self.flags.draft().over(draft),
            Err(error) => return refused(&error),
        };
        let plan = match Plan::new(draft, [0; 32]) {
            Ok(plan) => plan,
            Err(error) => return refused(&error),
        };
        for word in plan.refusals.iter().chain(&plan.warnings) {
            tracing::warn!("{word}");
        }
        self.drain = plan.drain;
        self.control.reload(plan.changes());
        self.control.identify(plan.listen.identity.clone());
        let users = plan.config.users.len();
        let secrets = plan.config.secrets.len();
        self.files = stamps(plan.files);
        for (path, stamp) in &mut self.files {
            if let Some((_, before)) = seen.iter().find(|(other, _)| other == path) {
                *stamp = *before;
            }
        }
        tracing::info!(users, secrets, "settings were read again");
    }
}

fn refused(error: &dyn std::error::Error) {
    tracing::error!("settings were not read again, and the last ones stand: {error}");
}

fn stamps(files: Vec<PathBuf>) -> Vec<(PathBuf, Option<Stamp>)> {
    files.into_iter().map(|path| (path.clone(), stamp(&path))).collect()
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = std::fs::metadata(path).ok()?;
    Some(Stamp { written: found.modified().ok(), length: found.len() })
}
