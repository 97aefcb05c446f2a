//! The client with a window: folders, log, crash reports and controller come together, and the window opens on them.

use std::io::Write as _;

use crate::cli::StatsFormat;
use crate::engine::controller::{AppConfig, AppController, Folders};
use crate::engine::instance::{self, Claim};
use crate::engine::{Discovery, Stamps, clock};
use crate::ui::{self, WindowError};
use crate::view::DeviceFiles;
use crate::{files, life};

/// Runs until the window is closed.
///
/// # Errors
/// [`WindowError`], each a sentence.
pub fn main(
    link: Option<String>,
    stats: Option<StatsFormat>,
    source_id: Option<u8>,
    files: DeviceFiles,
) -> Result<(), WindowError> {
    let begun = clock::now();
    files::check(files.camera.as_deref(), files.microphone.as_deref())?;
    let folders = Folders::of_system().ok_or(WindowError::NoFolders)?;
    // First of all: anyone who starts it twice is to see the first one at once.
    let instance = match instance::claim(&folders.state, link.as_deref())? {
        Some(Claim::First(instance)) => Some(instance),
        Some(Claim::Second) => return Ok(()),
        None => None,
    };
    let log = life::to_file(&folders.state.join("logs"));
    let crashes = folders.state.join("crashes");
    life::write_reports(crashes.clone());
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "started");
    let crash = life::look_for_report(&crashes);
    let log_folder = log.as_ref().ok().map(|log| log.folder.clone());
    let drawn = move || {
        let seconds = clock::now().saturating_duration_since(begun).as_secs_f64();
        tracing::info!(seconds, "the window is there");
        if stats.is_some() {
            print(&format!("{{\"timeToWindow\":{seconds}}}"));
        }
    };
    let start = move |repaint| {
        AppController::spawn(AppConfig {
            folders,
            repaint,
            stamps: if stats.is_some() { Stamps::Read } else { Stamps::Ignored },
            source_id: source_id.unwrap_or_else(|| rand::random::<u8>().max(1)),
            files,
            discovery: Discovery::default(),
            crash,
            log: log_folder,
            link,
            name: full_name(),
            instance,
        })
    };
    ui::run(start, drawn)
}

/// What this account's owner is called, where somebody entered it; an account's own name is no person's.
fn full_name() -> Option<String> {
    let account = whoami::username().ok();
    whoami::realname().ok().filter(|name| !name.trim().is_empty() && account.as_ref() != Some(name))
}

fn print(line: &str) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
        tracing::warn!(%error, "nobody reads the statistics");
    }
}
