//! What one member says to the others: signals to one, its media's state to all.
//!
//! The content of a signal is passed on unread, within the room only.

use std::time::Instant;

use hearth_protocol::{ErrorCode, MediaState, PeerId, ServerMessage, Signal};

use super::Rooms;
use super::session::Standing;

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
        let before = match self.sessions.get_mut(&peer).map(|session| &mut session.standing) {
            Some(Standing::Inside(member)) => std::mem::replace(&mut member.media, media),
            // Told to the others once they come in.
            Some(Standing::Waiting(entrance)) => return entrance.media = media,
            Some(Standing::Outside) | None => {
                return self.refuse(peer, None, ErrorCode::NotInRoom, "join a room first", None, now);
            }
        };
        if before != media {
            self.tell_of(peer, now);
        }
    }
}
