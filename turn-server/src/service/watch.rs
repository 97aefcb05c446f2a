//! Files that change under a running server: settings, users, secrets, certificates.

use std::path::PathBuf;
use std::time::Duration;

use hearth_turn::settings::{External, ExternalName, Files, Plan, Stamp};
use hearth_turn::shell::Control;
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::cli::{Cli, Flags, SettingsSource};

/// How often files are looked at. A renewed certificate and a withdrawn user may wait so long.
const LOOK: Duration = Duration::from_secs(2);

/// How often names are asked for that the world sees this machine by. Who has one at home gets another address each
/// day.
const ASK: Duration = Duration::from_secs(30);

/// The files of a server, and the way to tell it.
pub(super) struct Watch {
    source: SettingsSource,
    flags: Flags,
    files: Vec<(PathBuf, Option<Stamp>)>,
    /// The way to them.
    way: Files,
    drain: Duration,
    control: Control,
    ticks: Interval,
    names: Names,
}

/// Names that the world sees this machine by.
struct Names {
    all: Vec<ExternalName>,
    /// What is said in addresses.
    fixed: Vec<External>,
    /// Where all of it led when it was last told.
    known: Vec<External>,
    ticks: Interval,
    /// The system is being asked, by a thread that may wait.
    asking: JoinSet<Vec<External>>,
}

impl Names {
    fn new(plan: &Plan) -> Self {
        let mut ticks = interval(ASK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.reset(); // the plan has just asked
        let mut names = Self { all: Vec::new(), fixed: Vec::new(), known: Vec::new(), ticks, asking: JoinSet::new() };
        names.replace(plan);
        names
    }

    /// Takes what a plan says. Names that lead nowhere at this moment lead where they did, and those that stay are
    /// asked for at once.
    fn replace(&mut self, plan: &Plan) {
        if !self.all.is_empty() && self.all == plan.external_names && self.fixed == plan.external_fixed {
            self.ticks.reset_immediately();
            return;
        }
        let has_found = plan.external_names.is_empty() || plan.external.len() > plan.external_fixed.len();
        if has_found || self.all != plan.external_names {
            self.known.clone_from(&plan.external);
        }
        self.all.clone_from(&plan.external_names);
        self.fixed.clone_from(&plan.external_fixed);
        self.asking = JoinSet::new();
    }

    /// Done when a name leads elsewhere: to what the world sees now. A name that leads nowhere for a while leads where
    /// it did.
    async fn moved(&mut self) -> Vec<External> {
        loop {
            tokio::select! {
                _ = self.ticks.tick(), if !self.all.is_empty() && self.asking.is_empty() => {
                    let (names, known) = (self.all.clone(), self.known.clone());
                    self.asking.spawn_blocking(move || names.iter().flat_map(|name| name.resolve(&known)).collect());
                }
                Some(Ok(found)) = self.asking.join_next() => {
                    let seen = [self.fixed.clone(), found].concat();
                    if seen.len() > self.fixed.len() && seen != self.known {
                        self.known.clone_from(&seen);
                        return seen;
                    }
                }
                else => std::future::pending().await,
            }
        }
    }
}

impl Watch {
    pub(super) fn new(cli: &Cli, plan: Plan, mut way: Files, control: Control) -> Self {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let names = Names::new(&plan);
        let files = stamps(&mut way, plan.files);
        let (source, flags) = (cli.source.clone(), cli.flags.clone());
        Self { source, flags, files, way, drain: plan.drain, control, ticks, names }
    }

    /// How long allocations may end by themselves.
    pub(super) fn drain(&self) -> Duration {
        self.drain
    }

    /// Done when a file is a different one. What the world sees of this machine is told by itself.
    pub(super) async fn changed(&mut self) {
        loop {
            tokio::select! {
                _ = self.ticks.tick() => {}
                seen = self.names.moved() => {
                    let addresses: Vec<String> = seen.iter().map(|external| external.public.to_string()).collect();
                    tracing::info!("the world sees this machine as {} now", addresses.join(" and "));
                    self.control.readdress(&seen);
                    continue;
                }
            }
            let mut is_other = false;
            for (path, known) in &mut self.files {
                let found = self.way.stamp(path);
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
        let seen = stamps(&mut self.way, self.files.iter().map(|(path, _)| path.clone()).collect());
        let draft = self.source.draft(&mut self.way).map(|draft| self.flags.draft().over(draft));
        let plan = match draft.and_then(|draft| Plan::with(draft, [0; 32], &mut self.way)) {
            Ok(plan) => plan,
            Err(error) => return refused(&error),
        };
        for complaint in self.way.take_complaints() {
            tracing::error!("{complaint}");
        }
        for word in plan.refusals.iter().chain(&plan.warnings) {
            tracing::warn!("{word}");
        }
        self.drain = plan.drain;
        self.control.reload(plan.changes());
        self.control.identify(plan.listen.identity.clone());
        let users = plan.config.users.len();
        let secrets = plan.config.secrets.len();
        self.names.replace(&plan);
        self.control.readdress(&self.names.known);
        self.files = stamps(&mut self.way, plan.files);
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

fn stamps(way: &mut Files, files: Vec<PathBuf>) -> Vec<(PathBuf, Option<Stamp>)> {
    files.into_iter().map(|path| (path.clone(), way.stamp(&path))).collect()
}
