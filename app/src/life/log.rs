//! The log: into a file a day with a window, to standard error without one.
//!
//! No secret is ever given to it: the types that hold one print none.

use std::path::{Path, PathBuf};

use hearth_turn::logging::{self, Log as Writer};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::EnvFilter;

/// Files that are kept: a week.
const FILES: usize = 7;
/// The variable that chooses what is written, as in `HEARTH_LOG=debug`.
const FILTER: &str = "HEARTH_LOG";

/// The log in a file. Dropped, what is still on its way is written.
#[derive(Debug)]
pub struct Log {
    /// The folder of the files.
    pub folder: PathBuf,
    _writer: Writer,
}

/// Writes into a file in `folder` from now on, from a thread of its own: anyone who logs does not wait for a disk.
///
/// # Errors
/// When the folder cannot be written to; then nothing is logged.
pub fn to_file(folder: &Path) -> std::io::Result<Log> {
    std::fs::create_dir_all(folder)?;
    let files = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("hearth")
        .filename_suffix("log")
        .max_log_files(FILES)
        .build(folder)
        .map_err(std::io::Error::other)?;
    Ok(Log { folder: folder.to_owned(), _writer: logging::start(filter("info"), files, false) })
}

/// Writes to standard error from now on, as far as somebody reads it; until what is returned is dropped.
#[must_use]
pub fn to_stderr() -> Writer {
    // Colours are for eyes, not for files.
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    logging::start(filter("warn"), std::io::stderr(), is_terminal)
}

fn filter(default: &str) -> EnvFilter {
    // The window's libraries and the directory of the network tell much that helps nobody.
    let default = format!("{default},mdns_sd=warn,eframe=warn,egui_glow=warn,winit=warn");
    EnvFilter::try_from_env(FILTER).unwrap_or_else(|_| EnvFilter::new(default))
}
