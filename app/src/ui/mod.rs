//! The window: a view over [`View`](crate::view::View) that hands back [`Action`](crate::view::Action)s.
//!
//! Owner of: what one person is looking at and typing ([`UiState`]); nothing of the call. While the window is hidden
//! none of this runs, and the call goes on. `draw` is all of it; `app` puts it into a window; `tokens` says how it
//! looks, `parts` are the pieces, `command` what keys and buttons do. Deliberately absent: waiting for anything.

mod app;
mod call;
mod command;
mod devices;
mod dialogs;
mod draw;
mod facts;
mod fonts;
mod gaze;
mod home;
mod icons;
mod keys;
mod modal;
mod news;
mod opening;
mod pace;
mod panels;
mod parts;
mod passwords;
mod pickers;
mod prejoin;
mod settings;
mod sharing;
mod signal;
mod state;
mod style;
mod tokens;
mod video;
mod when;

use eframe::egui::{IconData, Id, Vec2, ViewportBuilder, vec2};
use hearth_media::panics;
use rust_i18n::t;

use crate::engine::controller::AppController;
use crate::engine::instance::InstanceError;
use crate::engine::{EngineError, Repaint};
use crate::files::BadFile;

pub use draw::{draw, ground};
pub use state::UiState;
pub use style::install;
pub use video::{Fit, Placement, RgbaPainter, TilePainter, tile_painter};

/// Sizes of the window in points: as it opens, and at least.
const SIZE: [f32; 2] = [1100.0, 720.0];
const SMALLEST: Vec2 = vec2(560.0, 380.0);

/// What is in the task bar.
const ICON: &[u8] = include_bytes!("../../../assets/icons/hearth-128.png");

/// Why there is no window: a sentence for a person.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    /// No desktop to open it on.
    #[error("{}", t!("fault.no_display"))]
    NoDisplay,
    /// There is a desktop, and it draws nothing for us.
    #[error("{}", t!("fault.no_graphics"))]
    NoGraphics,
    /// There is a display that lacks what the toolkit takes for granted, such as RANDR.
    #[error("{}", t!("fault.odd_display"))]
    OddDisplay,
    /// This user has no folders to keep anything in.
    #[error("{}", t!("fault.no_folders"))]
    NoFolders,
    /// Another one runs and does not answer.
    #[error(transparent)]
    Instance(#[from] InstanceError),
    /// A file that should stand for a device cannot.
    #[error(transparent)]
    File(#[from] BadFile),
    /// What is behind the window did not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Opens the window on what `start` starts, and returns when it is closed. `start` is given the way in which the window
/// is asked to draw itself again; `drawn` is told when the window is there.
///
/// # Errors
/// [`WindowError`], each a sentence.
pub fn run(
    start: impl FnOnce(Repaint) -> Result<AppController, EngineError>,
    drawn: impl FnOnce() + 'static,
) -> Result<(), WindowError> {
    // The toolkit panics where a display lacks what it asks for.
    let opened = panics::catch_beginning(|begun| {
        let open = |creation: &eframe::CreationContext<'_>| {
            begun.say();
            Ok(app::open(creation, start, Box::new(drawn))?)
        };
        eframe::run_native("hearth", options(), Box::new(open))
    });
    opened.ok_or(WindowError::OddDisplay)?.map_err(why)
}

/// The window as it opens.
fn options() -> eframe::NativeOptions {
    // Without an icon the task bar shows a general one, which is no reason not to open.
    let icon = eframe::icon_data::from_png_bytes(ICON).unwrap_or_else(|_| IconData::default());
    let viewport = ViewportBuilder::default()
        .with_app_id("hearth")
        .with_title(t!("ui.name"))
        .with_inner_size(SIZE)
        .with_min_inner_size(SMALLEST)
        .with_icon(icon);
    // Dithering smooths gradients, of which there are none, and costs each pixel of a frame.
    eframe::NativeOptions { viewport, dithering: false, ..eframe::NativeOptions::default() }
}

fn why(error: eframe::Error) -> WindowError {
    // The libraries' words, which hold whole values, are for the log.
    tracing::warn!(%error, "no window");
    match error {
        eframe::Error::AppCreation(inner) => match inner.downcast::<EngineError>() {
            Ok(engine) => WindowError::Engine(*engine),
            Err(_) => WindowError::NoGraphics,
        },
        eframe::Error::Winit(_) | eframe::Error::WinitEventLoop(_) => WindowError::NoDisplay,
        eframe::Error::Glutin(_) | eframe::Error::NoGlutinConfigs(..) | eframe::Error::OpenGL(_) => {
            WindowError::NoGraphics
        }
    }
}

/// The fields to which letters go that nothing else takes: they have names, so that they can be given the keyboard
/// before they are drawn.
fn join_field() -> Id {
    Id::unique("field of the link")
}

fn chat_field() -> Id {
    Id::unique("field of the chat")
}
