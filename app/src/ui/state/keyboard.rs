//! Which field has the keyboard, and what was pressed for it.
//!
//! Owned by [`UiState`](super::UiState).

use eframe::egui::Event;

/// The keyboard, from one frame to the next.
#[derive(Debug, Default)]
pub(in crate::ui) struct Keyboard {
    /// What was written behind a press, for the next frame.
    pub(in crate::ui) held: Vec<Event>,
    /// Whether Space is held to talk; true until the microphone is known to go off again.
    pub(in crate::ui) is_talking: bool,
    /// Whether the name had the keyboard once, where there is none.
    pub(in crate::ui) is_name_asked: bool,
}

impl Keyboard {
    /// Nobody is talked to, and the next room asks for a name again.
    pub(super) fn leave_room(&mut self) {
        self.is_talking = false;
        self.is_name_asked = false;
    }
}
