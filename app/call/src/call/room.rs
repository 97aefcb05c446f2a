//! The room: what the server says, what is said to it, and the way back to it.

use std::time::Instant;

use hearth_protocol::{
    ClientMessage, Create, ErrorCode, IceServer, Joined, Numbered, Pc, PeerEntry, PeerId, RequestId, ServerMessage,
    Signal,
};

use super::lobby::JoinRefusal;
use super::{Call, CallPhase, Output, Wanted};
use crate::participant::Participant;
use crate::session::{SessionEvent, SessionKept};
use crate::snapshot::{EndReason, PasswordPromptState, RefusedRequest};
use crate::transport::CloseReason;
use crate::transport::servers::{stun_servers, turn_servers};

impl Call {
    pub(super) fn on_signal_down(&mut self, now: Instant) {
        self.shared.session.handle_down();
        let wait = self.server.backoff.next(&mut self.shared.rng);
        self.server.dial_at = Some(now + wait);
        if matches!(self.phase, CallPhase::InRoom | CallPhase::Resuming { .. }) {
            self.phase = CallPhase::Resuming { attempt: self.server.backoff.attempt() };
            self.shared.outputs.changed();
        }
    }

    pub(super) fn on_server(&mut self, message: Numbered<ServerMessage>, now: Instant) {
        match self.shared.session.handle(message) {
            SessionEvent::Nothing => {}
            SessionEvent::Session { id, kept } => self.on_session(id, kept, now),
            SessionEvent::Unsupported => {
                self.end(EndReason::Refused(ErrorCode::UnsupportedVersion), CloseReason::Silent, now)
            }
            SessionEvent::Message(message) => self.on_message(message, now),
        }
    }

    fn on_session(&mut self, id: PeerId, kept: SessionKept, now: Instant) {
        match (&self.phase, kept) {
            (CallPhase::Joining, SessionKept::Fresh) => {
                self.room.me = Some(id);
                self.say_want();
            }
            (CallPhase::Resuming { .. } | CallPhase::InRoom | CallPhase::Joining, SessionKept::Resumed) => {
                self.server.backoff.reset();
                if self.room.name.is_some() {
                    self.phase = CallPhase::InRoom;
                    self.shared.outputs.changed();
                }
            }
            (CallPhase::Resuming { .. } | CallPhase::InRoom, SessionKept::Restored) => {
                self.server.backoff.reset();
                self.room.is_returning = true; // `joined` follows
            }
            (CallPhase::Lobby(_) | CallPhase::Asked(_), SessionKept::Resumed) => self.server.backoff.reset(),
            (CallPhase::Asked(ask), SessionKept::Fresh | SessionKept::Restored) => {
                self.room.me = Some(id);
                self.server.backoff.reset();
                if ask.state == PasswordPromptState::Trying {
                    self.say_want();
                }
            }
            (CallPhase::Resuming { .. } | CallPhase::InRoom, SessionKept::Fresh) => self.on_session_lost(id, now),
            // Nobody remembers that we wait: knock again.
            (CallPhase::Lobby(_) | CallPhase::Joining, SessionKept::Fresh | SessionKept::Restored) => {
                self.knock_again(id, now)
            }
            (
                CallPhase::Idle | CallPhase::Ended(_),
                SessionKept::Fresh | SessionKept::Restored | SessionKept::Resumed,
            ) => {}
        }
    }

    /// The server does not know us any more. As long as media flows it flows on, and we ask again later; alone, we
    /// knock once more.
    fn on_session_lost(&mut self, id: PeerId, now: Instant) {
        if self.participants.is_any_worth_keeping(now) {
            let wait = self.server.backoff.next(&mut self.shared.rng);
            self.server.dial_at = Some(now + wait);
            self.shared.session.handle_down();
            self.shared.outputs.push(Output::HangUpSignal);
            return;
        }
        for id in self.participants.ids() {
            self.participants.drop(id, &mut self.shared, now);
        }
        self.knock_again(id, now);
    }

    /// As somebody new, with what we came with.
    fn knock_again(&mut self, id: PeerId, now: Instant) {
        self.room.me = Some(id);
        self.phase = CallPhase::Joining;
        self.server.give_up = Some(now + super::JOINING);
        self.shared.outputs.changed();
        if let (Some(room), Some(wanted)) = (self.room.name.clone(), self.room.wanted.take()) {
            self.room.wanted = Some(match wanted {
                Wanted::Create { secret, .. } | Wanted::Join { secret, .. } => Wanted::Join { room, secret },
            });
        }
        self.say_want();
    }

    pub(super) fn say_want(&mut self) {
        let id = self.next_request();
        (self.room.request, self.room.attempt) = (id, None);
        match &self.room.wanted {
            Some(Wanted::Create { secret, capacity }) => {
                let (nick, media, capacity) = (self.nick.clone(), self.shared.publications.media_state(), *capacity);
                let invite_hash = secret.map(|secret| secret.hash());
                let create = Create { id, room: None, nick, invite_hash, capacity, media };
                self.shared.session.say(ClientMessage::Create(create));
            }
            Some(Wanted::Join { .. }) => self.say_join(id),
            None => {}
        }
    }

    pub(super) fn next_request(&mut self) -> RequestId {
        self.next_request = self.next_request.wrapping_add(1);
        RequestId(self.next_request)
    }

    fn on_message(&mut self, message: ServerMessage, now: Instant) {
        match message {
            ServerMessage::Joined(joined) => self.on_joined(joined, now),
            ServerMessage::Error { id, code, capacity, retry_after, .. } => {
                self.on_error(id, JoinRefusal { code, retry_after, capacity }, now);
            }
            ServerMessage::Waiting { id, has_password } => self.on_waiting(id, has_password),
            ServerMessage::LobbyRequest { peer } => self.on_lobby_request(peer),
            ServerMessage::LobbyLeft { id } => self.on_lobby_left(id),
            ServerMessage::Kicked => self.end(EndReason::Kicked, CloseReason::Bye, now),
            ServerMessage::Muted => self.on_muted(now),
            ServerMessage::InviteRenewed { invite } => self.on_invite_renewed(invite),
            ServerMessage::RoomState { role, room_state } => self.on_room_state(role, room_state),
            ServerMessage::PeerJoined { peer } => self.add_peer(peer, now),
            ServerMessage::PeerUpdated { peer } => self.participants.update(peer, &mut self.shared, now),
            ServerMessage::PeerAway { id } => {
                if let Some(person) = self.participants.get_mut(id) {
                    person.entry.away = true;
                    self.shared.outputs.changed();
                }
            }
            ServerMessage::PeerLeft { id, .. } => self.participants.drop(id, &mut self.shared, now),
            ServerMessage::Signal(signal) => self.on_signal(signal, now),
            ServerMessage::RoomEnded { .. } => self.end(EndReason::RoomEnded, CloseReason::Bye, now),
            ServerMessage::IceRefresh { ice_servers, .. } => self.take_ice_servers(&ice_servers),
            // The session's own, and what means nothing to a call.
            ServerMessage::Welcome { .. }
            | ServerMessage::Session { .. }
            | ServerMessage::Ticket { .. }
            | ServerMessage::ServerDraining
            | ServerMessage::Unknown => {}
        }
    }

    fn on_joined(&mut self, joined: Joined, now: Instant) {
        let is_answer = self.is_awaited(joined.id);
        let is_return = std::mem::take(&mut self.room.is_returning);
        if !is_answer && !is_return {
            return;
        }
        self.phase = CallPhase::InRoom;
        if self.room.attempt.is_some_and(|attempt| attempt != joined.id) {
            self.room.password = None; // the host was faster than its answer
        }
        self.room.name = Some(joined.room);
        self.room.role = joined.role;
        self.room.state = joined.room_state;
        self.server.give_up = None;
        self.server.backoff.reset();
        self.take_ice_servers(&joined.ice_servers);
        if is_return {
            // Who is not back yet, or cannot be: the media needs no server.
            self.participants.handle_unlisted();
            self.shared.session.say(ClientMessage::Update { media: self.shared.publications.media_state() });
        }
        for peer in joined.peers {
            self.add_peer(peer, now);
        }
        self.shared.outputs.changed();
    }

    fn on_error(&mut self, id: Option<RequestId>, refusal: JoinRefusal, now: Instant) {
        if let Some(id) = id.filter(|id| self.is_awaited(*id)) {
            return self.on_refused_at_door(id, refusal, now);
        }
        tracing::debug!(code = ?refusal.code, "the server refused a message");
        // Only what the person asks for carries a number.
        if self.phase == CallPhase::InRoom && id.is_some() && id != self.room.attempt {
            self.note_refused(refusal);
        } else {
            self.room.refused_signals += 1;
        }
    }

    /// The server did not let the person do something.
    pub(super) fn note_refused(&mut self, refusal: JoinRefusal) {
        let count = self.room.refused.map_or(1, |refused| refused.count.saturating_add(1));
        self.room.refused = Some(RefusedRequest { count, code: refusal.code, capacity: refusal.capacity });
        self.shared.outputs.changed();
    }

    fn take_ice_servers(&mut self, servers: &[IceServer]) {
        self.shared.ice.config.relays = turn_servers(servers);
        self.shared.ice.config.stun = stun_servers(servers);
    }

    fn add_peer(&mut self, entry: PeerEntry, now: Instant) {
        if Some(entry.id) != self.room.me && self.seams.topology.connects(entry.id) {
            self.participants.add(entry, &mut self.shared, now);
        }
    }

    pub(super) fn on_signal(&mut self, signal: Signal, now: Instant) {
        // Nobody but an older page has a screen apart.
        let takes = |person: &Participant| signal.pc == Pc::Main || person.is_legacy();
        let Some(from) = signal.from.filter(|from| self.participants.get(*from).is_some_and(takes)) else {
            self.room.refused_signals += 1;
            return;
        };
        let Some(signal) = self.hold_hidden(from, signal) else { return };
        self.participants.handle_signal(from, signal, &mut self.shared, now);
    }

    /// What we send has changed: the server tells those who come, the channel those who are here.
    pub(super) fn tell_media(&mut self, now: Instant) {
        if matches!(self.phase, CallPhase::InRoom | CallPhase::Resuming { .. }) {
            self.shared.session.say(ClientMessage::Update { media: self.shared.publications.media_state() });
        }
        self.participants.handle_our_media(&mut self.shared, now);
        self.shared.outputs.changed();
    }

    pub(super) fn flush_session(&mut self) {
        while let Some(message) = self.shared.session.poll() {
            self.shared.outputs.push(Output::Signal(message));
        }
    }
}
