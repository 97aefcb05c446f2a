//! What is beside the tiles: how far the chat was read, what is shown of the invitation.
//!
//! Owned by [`UiState`](super::UiState); forgotten with the room.

use hearth_protocol::PeerId;

use crate::ui::panels::Code;

/// What is beside the tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ui) enum Panel {
    /// Who is here.
    People,
    /// What is written.
    Chat,
    /// How others come in.
    Invite,
    /// How the connection to somebody has been.
    Connection(PeerId),
}

/// The chat, as far as it is looked at.
#[derive(Debug, Default)]
pub(in crate::ui) struct ChatPanel {
    /// Lines that were seen.
    pub(in crate::ui) read: usize,
    /// Whether it was opened and its field is to have the keyboard.
    pub(in crate::ui) wants_keyboard: bool,
}

/// The invitation, as far as it is looked at.
#[derive(Debug, Default)]
pub(in crate::ui) struct InvitePanel {
    /// Whether it has been shown without being asked for, or there was no need.
    pub(super) is_offered: bool,
    /// How often it was opened.
    pub(in crate::ui) openings: u64,
    /// Whether all of it is shown.
    pub(in crate::ui) is_long: bool,
    /// Its code.
    pub(in crate::ui) code: Option<Code>,
    /// What was copied last.
    pub(in crate::ui) copied: Option<Copied>,
}

/// What was copied last, and until when that is said (the toolkit's seconds).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::ui) struct Copied {
    pub(in crate::ui) what: CopiedPart,
    pub(in crate::ui) until: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
/// Which part of the invitation.
pub(in crate::ui) enum CopiedPart {
    Number,
    Link,
    Invitation,
}
