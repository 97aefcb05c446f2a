//! What one member says to the others: signals to one, its media's state to all.
//!
//! The content of a signal is passed on unread, within the room only.

use std::time::Instant;

use hearth_protocol::{ErrorCode, MediaState, PeerId, ServerMessage, Signal};

use super::Rooms;

impl Rooms {
    pub(super) fn on_signal(&mut self, peer: PeerId, signal: Signal, now: Instant) {
        let to = signal.to.filter(|to| self.others_of(peer).contains(to));
        let Some(to) = to else {
            // No strike: the other one may have just left.
            self.counters.stray_signals += 1;
            return self.refuse(peer, None, ErrorCode::NotInRoom, "not in your room", None, now);
        };
        let stamped = Signal { to: None, from: Some(peer), ..signal };
        self.tell(to, &ServerMessage::Signal(stamped), now);
    }

    pub(super) fn on_update(&mut self, peer: PeerId, media: MediaState, now: Instant) {
        let Some(member) = self.sessions.get_mut(&peer).and_then(|s| s.member.as_mut()) else {
            return self.refuse(peer, None, ErrorCode::NotInRoom, "join a room first", None, now);
        };
        if member.media != media {
            member.media = media;
            self.tell_of(peer, now);
        }
    }
}
