//! What one member says to the others: signals to one, its media's state to all.
//!
//! The content of a signal is passed on unread, within the room only.

use std::time::Instant;

use hearth_protocol::{ErrorCode, MediaState, PeerId, ServerMessage, Signal};

use super::load::{Load, Overload, Reached};
use super::session::{Membership, Wire};
use super::timers::Timer;
use super::{ConnId, Rooms};

impl Rooms {
    pub(super) fn on_signal(&mut self, conn: ConnId, peer: PeerId, signal: Signal, bytes: usize, now: Instant) {
        let to = signal.to.filter(|to| self.others_of(peer).contains(to));
        let Some(to) = to else {
            // No strike: the other one may have just left.
            self.counters.stray_signals += 1;
            return self.refuse(peer, None, ErrorCode::NotInRoom, "not in your room", None, now);
        };
        match self.take_word(peer, to, bytes, now) {
            Ok(load) => {
                let stamped = Signal { to: None, from: Some(peer), ..signal };
                self.tell_loaded(to, &ServerMessage::Signal(stamped), load, now);
            }
            Err(Overload::Sender) => self.refuse_flood(conn, peer, None, "too much waits there already", now),
            Err(Overload::Receiver) => {
                // No strike: others have filled what is kept there.
                self.counters.rate_limited += 1;
                self.refuse(peer, None, ErrorCode::RateLimited, "too much waits there already", Some(1), now);
            }
        }
    }

    /// Whether a word of `from` for `to`, of so many bytes, may wait there; with what it counts for until it is
    /// written.
    pub(super) fn take_word(
        &mut self,
        from: PeerId,
        to: PeerId,
        bytes: usize,
        now: Instant,
    ) -> Result<Option<Load>, Overload> {
        let Some(session) = self.sessions.get_mut(&to) else { return Ok(None) };
        match (&session.wire, session.reached()) {
            (Wire::Legacy(_), Reached::Now) => session.inbound.take_at_pace(from, bytes, now).map(|()| None),
            (Wire::Native(_) | Wire::Legacy(_), reached) => session.inbound.take(from, bytes, reached).map(Some),
        }
    }

    pub(super) fn on_update(&mut self, peer: PeerId, media: MediaState, now: Instant) {
        let before = match self.sessions.get_mut(&peer).map(|session| &mut session.standing) {
            Some(Membership::Inside(member)) => std::mem::replace(&mut member.media, media),
            // Told to the others once they come in.
            Some(Membership::Waiting(entrance)) => return entrance.media = media,
            Some(Membership::Outside) | None => {
                return self.refuse(peer, None, ErrorCode::NotInRoom, "join a room first", None, now);
            }
        };
        if before != media {
            self.tell_news(peer, now);
        }
    }

    /// Tells everybody else what is true of `peer` now; later, where that was told too often of late: the last word
    /// counts.
    pub(super) fn tell_news(&mut self, peer: PeerId, now: Instant) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        if session.budget.news.take(now) {
            self.timers.cancel(Timer::News(peer));
            self.tell_of(peer, now);
        } else {
            self.timers.set(Timer::News(peer), session.budget.news.next_at());
        }
    }
}
