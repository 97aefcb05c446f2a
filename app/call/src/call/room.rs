//! The room: what the server says, what is said to it, and the way back to it.

use std::time::Instant;

use hearth_protocol::{
    ClientMessage, Create, ErrorCode, IceServer, Joined, Numbered, Pc, PeerEntry, PeerId, RequestId, ServerMessage,
    SessionId, Signal, SignalBody,
};

use super::lobby::JoinRefusal;
use super::{Call, CallPhase, Output, Wanted};
use crate::context::{Context, PeerOutput};
use crate::participant::Peer;
use crate::session::{SessionEvent, SessionKept};
use crate::snapshot::{EndReason, PasswordPromptState, RefusedRequest};
use crate::transport::CloseReason;
use crate::transport::servers::{stun_servers, turn_servers};

/// People that a room holds at most, whatever a server says: a mesh of more could not be borne.
const MAX_PEERS: usize = 32;

impl Call {
    pub(super) fn on_signal_up(&mut self) {
        self.server.session.handle_up();
    }

    pub(super) fn on_signal_down(&mut self, now: Instant) {
        self.server.session.handle_down();
        let wait = self.server.backoff.next(&mut self.numbers.rng);
        self.server.dial_at = Some(now + wait);
        if matches!(self.phase, CallPhase::InRoom | CallPhase::Resuming { .. }) {
            self.phase = CallPhase::Resuming { attempt: self.server.backoff.attempt() };
            self.outputs.push_back(Output::Changed);
        }
    }

    pub(super) fn on_server(&mut self, message: Numbered<ServerMessage>, now: Instant) {
        match self.server.session.handle(message) {
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
                    self.outputs.push_back(Output::Changed);
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
        if self.peers.values().any(|peer| peer.is_worth_keeping(now)) {
            let wait = self.server.backoff.next(&mut self.numbers.rng);
            self.server.dial_at = Some(now + wait);
            self.server.session.handle_down();
            self.outputs.push_back(Output::HangUpSignal);
            return;
        }
        let gone: Vec<_> = self.peers.keys().copied().collect();
        gone.into_iter().for_each(|peer| self.drop_peer(peer, now));
        self.knock_again(id, now);
    }

    /// As somebody new, with what we came with.
    fn knock_again(&mut self, id: PeerId, now: Instant) {
        self.room.me = Some(id);
        self.phase = CallPhase::Joining;
        self.server.give_up = Some(now + super::JOINING);
        self.outputs.push_back(Output::Changed);
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
                let (nick, media, capacity) = (self.config.nick.clone(), self.media_state(), *capacity);
                let invite_hash = secret.map(|secret| secret.hash());
                let create = Create { id, room: None, nick, invite_hash, capacity, media };
                self.server.session.say(ClientMessage::Create(create));
            }
            Some(Wanted::Join { .. }) => self.say_join(id),
            None => {}
        }
    }

    pub(super) fn next_request(&mut self) -> RequestId {
        self.numbers.next_request = self.numbers.next_request.wrapping_add(1);
        RequestId(self.numbers.next_request)
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
            ServerMessage::PeerUpdated { peer } => self.update_peer(peer, now),
            ServerMessage::PeerAway { id } => {
                if let Some(peer) = self.peers.get_mut(&id) {
                    peer.entry.away = true;
                    self.outputs.push_back(Output::Changed);
                }
            }
            ServerMessage::PeerLeft { id, .. } => self.drop_peer(id, now),
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
            self.peers.values_mut().for_each(Peer::handle_unlisted);
            self.server.session.say(ClientMessage::Update { media: self.media_state() });
        }
        for peer in joined.peers {
            self.add_peer(peer, now);
        }
        self.outputs.push_back(Output::Changed);
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
        self.outputs.push_back(Output::Changed);
    }

    fn take_ice_servers(&mut self, servers: &[IceServer]) {
        self.ice_config.relays = turn_servers(servers);
        self.ice_config.stun = stun_servers(servers);
    }

    fn add_peer(&mut self, entry: PeerEntry, now: Instant) {
        if self.peers.contains_key(&entry.id) {
            return self.update_peer(entry, now);
        }
        if Some(entry.id) == self.room.me || self.peers.len() >= MAX_PEERS || !self.seams.topology.connects(entry.id) {
            return;
        }
        let id = entry.id;
        self.numbers.next_came += 1;
        let came = self.numbers.next_came;
        let peer = self.with_context(now, |context| Peer::new(entry, came, context, now));
        self.peers.insert(id, peer);
        self.outputs.push_back(Output::Changed);
    }

    fn update_peer(&mut self, entry: PeerEntry, now: Instant) {
        self.with_peer(entry.id, now, |peer, context| {
            // Who offers and who gives way was settled when the two met.
            let polite = peer.entry.polite;
            peer.handle_listed(PeerEntry { polite, ..entry }, context, now);
            context.outputs.push_back(PeerOutput::Changed);
        });
    }

    pub(super) fn on_signal(&mut self, signal: Signal, now: Instant) {
        // Nobody but an older page has a screen apart.
        let takes = |peer: &Peer| signal.pc == Pc::Main || peer.is_legacy();
        let Some(from) = signal.from.filter(|from| self.peers.get(from).is_some_and(takes)) else {
            self.room.refused_signals += 1;
            return;
        };
        let Some(signal) = self.hold_hidden(from, signal) else { return };
        self.with_peer(from, now, |peer, context| peer.handle_signal(signal, context, now));
    }

    /// Tells one peer something; it may say goodbye by it.
    fn with_peer(&mut self, id: PeerId, now: Instant, act: impl FnOnce(&mut Peer, &mut Context<'_>)) {
        let Some(mut peer) = self.peers.remove(&id) else { return };
        self.with_context(now, |context| act(&mut peer, context));
        let mut peers = std::mem::take(&mut self.peers);
        peers.insert(id, peer);
        self.restore(peers, now);
    }

    pub(super) fn say_to(&mut self, to: PeerId, pc: Pc, sid: SessionId, body: SignalBody) {
        self.server.session.say(ClientMessage::Signal(Signal { to: Some(to), from: None, pc, sid, body }));
    }

    /// What we send has changed: the server tells those who come, the channel those who are here.
    pub(super) fn tell_media(&mut self, now: Instant) {
        if matches!(self.phase, CallPhase::InRoom | CallPhase::Resuming { .. }) {
            self.server.session.say(ClientMessage::Update { media: self.media_state() });
        }
        self.each_peer(now, |peer, context| peer.handle_our_media(context, now));
        self.outputs.push_back(Output::Changed);
    }

    pub(super) fn flush_session(&mut self) {
        while let Some(message) = self.server.session.poll() {
            self.outputs.push_back(Output::Signal(message));
        }
        if self.outgoing.watching_changed {
            self.tell_watched();
        }
        if self.outgoing.rates_changed {
            self.tell_rates();
        }
    }
}
