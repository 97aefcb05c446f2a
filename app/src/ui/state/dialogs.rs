//! What is in the way of everything else: questions, and the settings.
//!
//! Owned by [`UiState`](super::UiState). What is typed in a dialog is a draft, and stands with the others.

use hearth_protocol::PeerId;

/// What is in the way of everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ui) enum Dialog {
    /// The settings.
    Settings,
    /// What of the desktop should be shared?
    Share,
    /// Which keys there are.
    Help,
    /// Leave, or end for all?
    Leave,
    /// The window was asked to close.
    Close,
    /// Really take them out?
    Remove(PeerId),
    /// What does the door ask for?
    Unlock,
    /// What should be asked for at the door?
    Password,
    /// Really make them the host?
    HandOver(PeerId),
    /// Out of this room, and into the one of a link that was opened?
    Elsewhere,
}

/// The dialog that is open, and what a person has answered.
#[derive(Debug, Default)]
pub(in crate::ui) struct Dialogs {
    /// What is in the way of everything else.
    pub(in crate::ui) open: Option<Dialog>,
    /// Whether its first answer is still to be given the keyboard.
    pub(in crate::ui) is_asking: bool,
    /// Whether the person has decided that the window may close.
    pub(in crate::ui) may_close: bool,
    /// The number by which the person was last asked to go elsewhere.
    elsewhere: Option<u64>,
}

impl Dialogs {
    /// Whether a link was opened of which the person was not asked yet; from here on it counts as asked.
    pub(super) fn is_elsewhere_new(&mut self, asked: Option<u64>) -> bool {
        std::mem::replace(&mut self.elsewhere, asked) != asked && asked.is_some()
    }
}

/// A page of the settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::ui) enum Page {
    /// Camera, microphone, speaker.
    #[default]
    Devices,
    /// Language and looks.
    Looks,
    /// Server and port.
    Network,
    /// What this is.
    About,
}

/// Where in the settings a person is.
#[derive(Debug, Default)]
pub(in crate::ui) struct SettingsDialog {
    /// The page that is shown.
    pub(in crate::ui) page: Page,
    /// Whether the licences are shown.
    pub(in crate::ui) are_licences_shown: bool,
    /// Whether we asked which devices there are.
    pub(super) is_looking: bool,
}
