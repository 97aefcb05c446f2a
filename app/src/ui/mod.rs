//! The window: a view over [`View`](crate::view::View) that hands back [`Wish`](crate::view::Wish)es.

use rust_i18n::t;

use crate::engine::desk::Desk;
use crate::engine::{EngineError, Repaint};

/// Why there is no window: a sentence for a person.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    /// No desktop to open it on.
    #[error("{}", t!("fault.no_display"))]
    NoDisplay,
    /// There is a desktop, and it draws nothing for us; in the library's words.
    #[error("{}", t!("fault.no_graphics", why = .0))]
    NoGraphics(String),
    /// This user has no folders to keep anything in.
    #[error("{}", t!("fault.no_folders"))]
    NoFolders,
    /// What stands behind the window did not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Opens the window on what `start` starts, and returns when it is closed. `start` is given the way in which the window
/// is asked to draw itself anew.
///
/// # Errors
/// [`WindowError`], each a sentence.
pub fn run(start: impl FnOnce(Repaint) -> Result<Desk, EngineError>) -> Result<(), WindowError> {
    let desk = start(Repaint::new(|| {}))?;
    drop(desk);
    Err(WindowError::NoDisplay)
}
