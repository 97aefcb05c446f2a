//! The door of an invite room: knocking, waiting, being let in or sent away.
//!
//! Who waits has a session that survives a cut as a member's does, hears nothing of the room, and is in it only once
//! the host has said so.

use std::time::{Duration, Instant};

use hearth_protocol::{ErrorCode, LeaveReason, LobbyEntry, Moderation, PeerId, RequestId, RoomName, ServerMessage};

use super::Rooms;
use super::room::LOBBY;
use super::session::{JoinRequest, Membership};
use super::timers::Timer;

/// A host hears of wrong guesses at most this often: a guesser must not fill what is kept for them.
const TELL_EVERY: Duration = Duration::from_secs(1);

impl Rooms {
    /// `peer` comes without what would let them in at once: they wait.
    pub(super) fn knock(&mut self, peer: PeerId, entrance: JoinRequest, now: Instant) {
        let (id, source) = (entrance.id, self.source_of(peer));
        let has_place = self.rooms.get(&entrance.room).is_some_and(|room| room.lobby.len() < LOBBY);
        if !has_place || !self.attempts.knocks.may_try(source, now) {
            self.counters.rate_limited += 1;
            let wait = self.attempts.knocks.wait_s();
            return self.refuse(peer, Some(id), ErrorCode::RateLimited, "too many wait at this door", Some(wait), now);
        }
        self.attempts.knocks.count(source, now);
        self.counters.knocks += 1;
        let (Some(room), Some(session)) = (self.rooms.get_mut(&entrance.room), self.sessions.get_mut(&peer)) else {
            return;
        };
        room.lobby.push(peer);
        let host = room.host;
        session.standing = Membership::Waiting(entrance);
        self.tell_waiting(peer, id, now);
        if let (Some(host), Some(entry)) = (host, self.lobby_entry(peer)) {
            self.tell(host, &ServerMessage::LobbyRequest { peer: entry }, now);
        }
    }

    /// Answers a join of `peer`, who waits, and says whether there is a password that would let them in.
    pub(super) fn tell_waiting(&mut self, peer: PeerId, id: RequestId, now: Instant) {
        let waiting = self.sessions.get(&peer).and_then(|session| session.waiting());
        let room = waiting.and_then(|entrance| self.rooms.get(&entrance.room));
        let source = self.sessions.get(&peer).and_then(|session| session.source());
        let has_password = room.is_some_and(|room| room.rules.password.is_some() && !room.is_barred(peer, source));
        self.tell(peer, &ServerMessage::Waiting { id, has_password }, now);
    }

    /// `host` lets somebody in; a room that has filled up meanwhile leaves them waiting.
    pub(super) fn admit(&mut self, host: PeerId, about: &Moderation, now: Instant) {
        if let Some(capacity) = self.hosted_by(host).filter(|room| room.is_full()).map(|room| room.rules.capacity) {
            return self.refuse_full(host, about.id, capacity, now);
        }
        if let Some(entrance) = self.leave_lobby(about.peer, now) {
            self.enter(about.peer, entrance, now);
        }
    }

    /// The host sends somebody away.
    pub(super) fn deny(&mut self, peer: PeerId, now: Instant) {
        if let Some(entrance) = self.leave_lobby(peer, now) {
            let why = "the host did not let you in";
            self.refuse(peer, Some(entrance.id), ErrorCode::Denied, why, None, now);
        }
    }

    /// Takes `peer` from the door where they wait, and tells the host; gives what they had asked for.
    pub(super) fn leave_lobby(&mut self, peer: PeerId, now: Instant) -> Option<JoinRequest> {
        let entrance = self.sessions.get_mut(&peer)?.stop_waiting()?;
        if let Some(room) = self.rooms.get_mut(&entrance.room) {
            room.lobby.retain(|waiting| *waiting != peer);
            if let Some(host) = room.host {
                self.tell(host, &ServerMessage::LobbyLeft { id: peer }, now);
            }
        }
        Some(entrance)
    }

    /// Their room is over: who waited at its door hears it.
    pub(super) fn send_away(&mut self, lobby: Vec<PeerId>, now: Instant) {
        for peer in lobby {
            if self.sessions.get_mut(&peer).is_some_and(|session| session.stop_waiting().is_some()) {
                self.tell(peer, &ServerMessage::RoomEnded { reason: LeaveReason::Ended }, now);
            }
        }
    }

    /// Somebody who waits, as the host sees them.
    pub(super) fn lobby_entry(&self, peer: PeerId) -> Option<LobbyEntry> {
        let session = self.sessions.get(&peer)?;
        let entrance = session.waiting()?;
        let nick = self.distinct_nick(&entrance.room, peer, &entrance.nick);
        let room = self.rooms.get(&entrance.room);
        let same_address_as = room.and_then(|room| room.barred_as(peer, session.source())).map(str::to_owned);
        Some(LobbyEntry { id: peer, nick, kind: session.kind, same_address_as })
    }

    /// Somebody came to a room with a wrong secret or password: its host hears of it, now or within [`TELL_EVERY`].
    pub(super) fn on_wrong_guess(&mut self, name: &RoomName, code: ErrorCode, now: Instant) {
        let Some(room) = self.rooms.get_mut(name) else { return };
        if code == ErrorCode::BadPassword {
            room.wrong.left.take(now);
            room.wrong.passwords = room.wrong.passwords.saturating_add(1);
        } else {
            room.wrong.invites = room.wrong.invites.saturating_add(1);
        }
        let Some(host) = room.host else { return };
        match room.wrong.told_at.map(|at| at + TELL_EVERY).filter(|next| *next > now) {
            Some(next) => self.timers.set(Timer::WrongGuesses(host), next),
            None => self.tell_wrong_guesses(host, now),
        }
    }

    /// Tells `host`, if that is what they still are, how often wrong secrets and passwords came.
    pub(super) fn tell_wrong_guesses(&mut self, host: PeerId, now: Instant) {
        if let Some(room) = self.hosted_by(host) {
            room.wrong.told_at = Some(now);
            self.tell_room_state(host, now);
        }
    }

    pub(super) fn refuse_full(&mut self, peer: PeerId, id: RequestId, capacity: u32, now: Instant) {
        let (code, message) = (ErrorCode::Full, "the room is full".to_owned());
        let full = ServerMessage::Error { id: Some(id), code, message, retry_after: None, capacity: Some(capacity) };
        self.tell(peer, &full, now);
    }
}
