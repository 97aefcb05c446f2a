//! What later starts of the program have handed over to this one.
//!
//! Owner of: where they lead, until the person has answered. What is done about it is in `summons`.

use hearth_protocol::RoomName;

use super::links::Target;

/// Later starts of the program: each wants the window in front, and may lead somewhere.
#[derive(Debug, Default)]
pub(super) struct Activations {
    /// How many there were.
    pub(super) count: u64,
    /// Where the last one leads, while we are in a room.
    pub(super) elsewhere: Option<Target>,
}

impl Activations {
    /// As the window is to ask it, with how often it was asked; where there is nothing to ask, nothing.
    pub(super) fn shown_elsewhere(&self) -> Option<(u64, RoomName)> {
        Some((self.count, self.elsewhere.as_ref()?.room()?))
    }
}
