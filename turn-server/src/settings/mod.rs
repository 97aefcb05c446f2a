//! What an operator writes, read: a file of ours, or coturn's, and flags beside it.
//!
//! Each source becomes a [`Draft`], in which what was not said is `None`; drafts are laid over one another, and the
//! result becomes a [`Plan`], with everything decided and files of secrets read. Nothing is bound and nothing is
//! written here.

mod coturn;
mod draft;
mod external;
mod files;
mod plan;
mod toml;

use std::path::{Path, PathBuf};

pub use coturn::parse as parse_coturn;
pub use draft::{DataRateDraft, Draft, Stun};
pub use external::{External, ExternalName};
pub use files::{Fetch, Files, Stamp, read as read_file, read_secrets, stamp as stamp_file};
pub use plan::{IgnoredSetting, Logs, Plan, Tls};

/// Why settings cannot be carried out. Each says what is wrong and what to do, and repeats no secret.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A file cannot be read.
    #[error("cannot read {path} ({error}); check its name and who may read it", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A line or key means nothing.
    #[error("{path}: {what}", path = .path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
    /// Settings contradict each other, or something is missing.
    #[error("{0}")]
    Unfit(String),
}

/// Reads a file of settings: coturn's where it is named so (`*.conf`), else ours (`*.toml`).
///
/// # Errors
/// [`SettingsError`].
pub fn read(path: &Path, files: &mut Files) -> Result<Draft, SettingsError> {
    let text = files.settings(path)?;
    let wrong = |what: String| SettingsError::Wrong { path: path.to_owned(), what };
    let mut draft = match path.extension().is_some_and(|extension| extension == "conf") {
        true => parse_coturn(&text).map_err(wrong)?,
        false => toml::parse(&text).map_err(wrong)?,
    };
    draft.read_from(path);
    Ok(draft)
}

#[cfg(test)]
mod tests;
