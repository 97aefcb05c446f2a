//! What of this desktop could be shared, for anyone who is about to.

use hearth_base::{ScreenEntry, ScreenFault, ScreenId};
use rust_i18n::t;

use super::run::{AppLoop, Done};
use crate::view::{Fault, Screens};

impl AppLoop {
    /// Looks at the desktop; on a thread of its own, as a display may take its time.
    pub(super) fn look_at_screens(&mut self) {
        self.screens = Screens::Unknown;
        self.tasks.spawn(async {
            let listed = tokio::task::spawn_blocking(crate::engine::screens).await;
            let listed = listed.unwrap_or_else(|error| Err(ScreenFault::Refused(error.to_string())));
            Done::Screens(listed)
        });
    }

    /// The desktop was looked at.
    pub(super) fn on_screens(&mut self, listed: Result<Vec<ScreenEntry>, ScreenFault>) {
        self.screens = match listed {
            Ok(entries) => Screens::Known(entries.into_iter().map(named).collect()),
            Err(fault) => Screens::Failed(fault),
        };
    }

    /// Shares this, or nothing any more.
    pub(super) fn share(&self, entry: Option<ScreenEntry>) {
        if let Some(visit) = &self.visit {
            visit.engine.share(entry);
        }
    }

    /// What is not shared any more is told once.
    pub(super) fn note_sharing(&mut self) {
        let Some(visit) = &mut self.visit else { return };
        let fault = visit.view().sharing.fault.clone();
        if fault != visit.shared_fault {
            self.fault = fault.clone().map(Fault::Screen).or(self.fault.take());
            visit.shared_fault = fault;
        }
    }
}

/// In the language that is spoken.
fn named(entry: ScreenEntry) -> ScreenEntry {
    let is_nameless = entry.id == ScreenId::Desktop;
    if is_nameless { ScreenEntry { name: t!("ui.share.desktop").into_owned(), ..entry } } else { entry }
}
