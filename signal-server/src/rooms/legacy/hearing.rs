//! What the rooms tell a legacy page, in the words that it knows.
//!
//! Of what our own protocol says more than the old one can, it says what it can, and else nothing.

use std::time::Instant;

use hearth_protocol::{
    DescriptionKind, ErrorCode, IceServer, Joined, MediaState, Pc, PeerEntry, PeerId, PeerKind, RoomName,
    ServerMessage, Signal, SignalBody,
};
use serde_json::{Map, Value, json};

use super::super::Rooms;
use super::event::{self, ClientEntry, LegacyEvent};
use super::wire::Asked;

/// What every browser of today is: it was once told apart from `moz`.
const PREFIX: &str = "webkit";

impl Rooms {
    /// Tells the page `peer` what `message` means to it.
    pub(in super::super) fn tell_legacy(&mut self, peer: PeerId, message: &ServerMessage, now: Instant) {
        match message {
            ServerMessage::Joined(joined) => self.tell_joined(peer, joined, now),
            ServerMessage::Error { code, .. } => self.tell_refused(peer, *code),
            ServerMessage::PeerJoined { peer: entry } => self.learn(peer, entry),
            ServerMessage::PeerUpdated { peer: entry } => self.tell_updated(peer, entry),
            ServerMessage::PeerLeft { id, .. } => self.tell_left(peer, *id),
            ServerMessage::Signal(signal) => self.tell_signal(peer, signal),
            ServerMessage::Kicked | ServerMessage::RoomEnded { .. } => self.tell_alone(peer),
            ServerMessage::IceRefresh { .. } => {
                let (stun, turn) = self.legacy_ice(peer, now);
                self.emit(peer, LegacyEvent::StunServers(stun)); // in the place of all others
                self.emit(peer, LegacyEvent::TurnServers(turn));
            }
            // It cannot be away, host, muted by others or at a door, nor is there a word for those who are.
            ServerMessage::PeerAway { .. }
            | ServerMessage::Muted
            | ServerMessage::RoomState { .. }
            | ServerMessage::Ticket { .. }
            | ServerMessage::InviteRenewed { .. }
            | ServerMessage::LobbyRequest { .. }
            | ServerMessage::LobbyLeft { .. }
            | ServerMessage::Waiting { .. }
            | ServerMessage::ServerDraining
            | ServerMessage::Welcome { .. }
            | ServerMessage::Session { .. }
            | ServerMessage::Unknown => {}
        }
    }

    fn tell_joined(&mut self, peer: PeerId, joined: &Joined, now: Instant) {
        let Some(wire) = self.legacy_mut(peer) else { return };
        wire.talks.clear();
        wire.known.clear();
        let asked = wire.asked.take();
        joined.peers.iter().for_each(|entry| self.learn(peer, entry));
        // Before the answer: the page makes its connections as soon as that comes.
        if self.config.ice.turn.as_ref().is_some_and(|turn| turn.before_join < turn.lifetime) {
            let (stun, turn) = self.legacy_ice(peer, now);
            self.emit(peer, LegacyEvent::StunServers(stun));
            self.emit(peer, LegacyEvent::TurnServers(turn));
        }
        match asked {
            Some(Asked::Join(ack)) => {
                let clients = self.clients_for(peer, &joined.room);
                self.acknowledge(peer, ack, event::joined(&clients));
            }
            Some(Asked::Create(ack, said)) => {
                self.acknowledge(peer, ack, vec![Value::Null, Value::String(said)]);
            }
            None => {}
        }
    }

    /// Everybody else in `room`, as a page is told of them.
    pub(super) fn clients_for(&self, peer: PeerId, room: &RoomName) -> Vec<ClientEntry> {
        let others = self.rooms.get(room).map(|room| room.members.iter().filter(|other| **other != peer));
        let entry = |id: &PeerId| {
            let session = self.sessions.get(id)?;
            // The screen of others comes where their camera was.
            let screen = session.kind == PeerKind::Legacy && session.member()?.media.screen;
            Some(ClientEntry { id: *id, screen })
        };
        others.into_iter().flatten().filter_map(entry).collect()
    }

    fn tell_refused(&mut self, peer: PeerId, code: ErrorCode) {
        let asked = self.legacy_mut(peer).and_then(|wire| wire.asked.take());
        if let Some(Asked::Join(ack) | Asked::Create(ack, _)) = asked {
            self.refuse_legacy(peer, ack, code);
        }
    }

    fn learn(&mut self, peer: PeerId, entry: &PeerEntry) {
        if let Some(wire) = self.legacy_mut(peer) {
            wire.known.insert(entry.id, entry.media);
        }
    }

    /// Microphones and cameras of peers that have no other way to tell a page; screens that are no longer shared.
    fn tell_updated(&mut self, peer: PeerId, entry: &PeerEntry) {
        let before = self.legacy_mut(peer).and_then(|wire| wire.known.insert(entry.id, entry.media));
        let before = before.unwrap_or(MediaState { audio: true, video: true, screen: false });
        match entry.kind {
            PeerKind::Legacy if before.screen && !entry.media.screen => {
                self.emit(peer, LegacyEvent::Remove { id: entry.id, only_screen: true });
            }
            PeerKind::Legacy => {}
            PeerKind::Native | PeerKind::Web => self.tell_media(peer, entry.id, before, entry.media),
        }
    }

    fn tell_media(&mut self, peer: PeerId, of: PeerId, before: MediaState, media: MediaState) {
        // A shared screen comes where the camera was.
        let sends = |media: MediaState| [("audio", media.audio), ("video", media.video || media.screen)];
        for ((name, was), (_, is)) in sends(before).into_iter().zip(sends(media)) {
            if was != is {
                let word = if is { "unmute" } else { "mute" };
                self.emit(peer, LegacyEvent::Message(message(of, None, Pc::Main, word, Some(json!({ "name": name })))));
            }
        }
    }

    fn tell_left(&mut self, peer: PeerId, id: PeerId) {
        if let Some(wire) = self.legacy_mut(peer) {
            wire.talks.forget(id);
            wire.known.remove(&id);
            self.emit(peer, LegacyEvent::Remove { id, only_screen: false });
        }
    }

    /// The page is in no room any more. There is no word for that: everybody else is gone.
    fn tell_alone(&mut self, peer: PeerId) {
        let Some(wire) = self.legacy_mut(peer) else { return };
        wire.talks.clear();
        for id in std::mem::take(&mut wire.known).into_keys() {
            self.emit(peer, LegacyEvent::Remove { id, only_screen: false });
        }
    }

    fn tell_signal(&mut self, peer: PeerId, signal: &Signal) {
        let (Some(from), pc, ours) = (signal.from, signal.pc, signal.sid) else { return };
        let nick = self.sessions.get(&from).and_then(|session| session.member()).map(|member| member.nick.clone());
        let Some(wire) = self.legacy_mut(peer) else { return };
        let known = |talks: &super::Talks| talks.pages(from, pc, ours).map(str::to_owned);
        let (sid, word, payload) = match &signal.body {
            SignalBody::Desc(description) => {
                let payload = json!({ "type": description.kind, "sdp": description.sdp, "nick": nick });
                let (sid, is_another) = match description.kind {
                    DescriptionKind::Offer => wire.talks.on_our_offer(from, pc, ours),
                    DescriptionKind::Answer => match known(&wire.talks) {
                        Some(sid) => (sid, false),
                        None => return, // to an offer that was taken back meanwhile
                    },
                };
                if is_another {
                    // The page would keep the old picture beside the new one.
                    self.emit(peer, LegacyEvent::Remove { id: from, only_screen: pc == Pc::Screen });
                }
                let word = if description.kind == DescriptionKind::Offer { "offer" } else { "answer" };
                (Some(sid), word, Some(payload))
            }
            SignalBody::Cand(candidate) => match known(&wire.talks) {
                Some(sid) => (Some(sid), "candidate", Some(json!({ "candidate": candidate }))),
                None => return,
            },
            SignalBody::End(_) => match known(&wire.talks) {
                Some(sid) => (Some(sid), "endOfCandidates", None),
                None => return,
            },
            // The old protocol has one word for "this will not work", without a reason.
            SignalBody::Refused(_) => match known(&wire.talks) {
                Some(sid) => (Some(sid), "connectivityError", None),
                None => return,
            },
            SignalBody::Chat(chat) => (None, "chat", Some(json!({ "message": chat.text, "nick": nick }))),
        };
        let is_description = matches!(signal.body, SignalBody::Desc(_));
        self.emit(peer, LegacyEvent::Message(message(from, sid, pc, word, payload)));
        if is_description && pc == Pc::Main {
            self.tell_what_is_off(peer, from);
        }
    }

    /// A page that meets somebody takes for granted that microphone and camera are on.
    fn tell_what_is_off(&mut self, peer: PeerId, of: PeerId) {
        let on = MediaState { audio: true, video: true, screen: false };
        if let Some(media) = self.legacy_mut(peer).and_then(|wire| wire.known.get(&of).copied()) {
            self.tell_media(peer, of, on, media);
        }
    }

    /// The STUN and TURN servers for the page of `peer`: for the whole of a call once it is in a room.
    pub(super) fn legacy_ice(&mut self, peer: PeerId, now: Instant) -> (Vec<IceServer>, Vec<IceServer>) {
        let fixed = self.config.ice.fixed.iter().cloned();
        let (mut turn, stun): (Vec<_>, Vec<_>) = fixed.partition(|server| server.username.is_some());
        let is_member = self.room_of(peer).is_some();
        if let Some(rest) = &self.config.ice.turn {
            let lifetime = if is_member { rest.lifetime } else { rest.before_join };
            let expiry = self.run.epoch.unix_s_at(now).saturating_add(lifetime.as_secs());
            turn.push(super::super::ice::credentials(rest, expiry, peer));
            self.grant(peer);
        }
        (stun, turn)
    }
}

fn message(from: PeerId, sid: Option<String>, pc: Pc, word: &str, payload: Option<Value>) -> Map<String, Value> {
    let room_type = match pc {
        Pc::Main => "video",
        Pc::Screen => "screen",
    };
    let mut message = Map::new();
    let fields = [
        ("from", Some(Value::from(from.as_str()))),
        ("sid", sid.map(Value::from)),
        ("roomType", Some(Value::from(room_type))),
        ("type", Some(Value::from(word))),
        ("payload", payload),
        ("prefix", Some(Value::from(PREFIX))),
    ];
    message.extend(fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    message
}
