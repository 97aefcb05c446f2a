//! Everybody else in the room, and the transports to them.
//!
//! Kept apart from what they share ([`Shared`]), so that one of them can be told something while that changes. Owner
//! of: both maps. A datagram finds its transport by its socket; whatever a transport is told, its participant hears
//! what came through the channel, and goes if it was a goodbye.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use hearth_base::{EncodedFrame, TrackId};
use hearth_protocol::{PeerEntry, PeerId, PeerKind, Signal};

use crate::connection_stats::PeerStats;
use crate::negotiation::Politeness;
use crate::participant::{Participant, hand, tell_media};
use crate::publications::OutgoingFrame;
use crate::shared::Shared;
use crate::snapshot::PeerSnapshot;
use crate::sockets::SocketId;
use crate::transport::table::Transports;
use crate::transport::{AddressChange, CloseReason, NegotiationRole, Transport, TransportKind};
use crate::watching::Watching;

/// People that a room holds at most, whatever a server says: a mesh of more could not be borne.
const MAX_PEERS: usize = 32;

/// Everybody else.
#[derive(Default)]
pub(crate) struct Participants {
    people: BTreeMap<PeerId, Participant>,
    transports: Transports,
    /// Those who came so far.
    came: u64,
}

impl Participants {
    pub(crate) fn len(&self) -> usize {
        self.people.len()
    }

    pub(crate) fn get(&self, id: PeerId) -> Option<&Participant> {
        self.people.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: PeerId) -> Option<&mut Participant> {
        self.people.get_mut(&id)
    }

    /// Somebody is there. The polite side makes the first offer.
    pub(crate) fn add(&mut self, entry: PeerEntry, shared: &mut Shared, now: Instant) {
        let id = entry.id;
        if self.people.contains_key(&id) {
            return self.update(entry, shared, now);
        }
        if self.people.len() >= MAX_PEERS {
            return;
        }
        self.came += 1;
        let (came, (kind, role)) = (self.came, role(&entry));
        let main = self.transports.add(|transport| Transport::new(transport, id, kind, role, now));
        self.people.insert(id, Participant::new(entry, main, came, shared, now));
        self.tell(id, shared, now, |person, transports, shared| {
            transports.each([main], |main| main.number_tracks(shared));
            if role.politeness == Politeness::Polite {
                transports.each([main], |main| main.rebuild(shared, now));
                person.ask_for_screen(transports, shared, now);
            }
        });
        shared.outputs.changed();
    }

    /// The server says something new of somebody.
    pub(crate) fn update(&mut self, entry: PeerEntry, shared: &mut Shared, now: Instant) {
        self.tell(entry.id, shared, now, |person, transports, shared| {
            person.handle_listed(entry, transports, shared, now);
        });
    }

    /// The server was restarted, and names nobody yet.
    pub(crate) fn handle_unlisted(&mut self) {
        self.people.values_mut().for_each(Participant::handle_unlisted);
    }

    /// Somebody is gone.
    pub(crate) fn drop(&mut self, id: PeerId, shared: &mut Shared, now: Instant) {
        if self.close(id, CloseReason::Silent, shared, now) {
            shared.outputs.changed();
        }
    }

    /// The call is over for us.
    pub(crate) fn close_all(&mut self, farewell: CloseReason, shared: &mut Shared, now: Instant) {
        for id in self.ids() {
            self.close(id, farewell, shared, now);
        }
    }

    fn close(&mut self, id: PeerId, farewell: CloseReason, shared: &mut Shared, now: Instant) -> bool {
        let Some(mut person) = self.people.remove(&id) else { return false };
        if let Some(mut main) = self.transports.remove(person.main) {
            main.close(farewell, shared, now);
        }
        person.close_screen(&mut self.transports, shared, now);
        true
    }

    pub(crate) fn ids(&self) -> Vec<PeerId> {
        self.people.keys().copied().collect()
    }

    /// Tells somebody something, or their transports.
    fn tell(
        &mut self,
        id: PeerId,
        shared: &mut Shared,
        now: Instant,
        act: impl FnOnce(&mut Participant, &mut Transports, &mut Shared),
    ) {
        let Some(person) = self.people.get_mut(&id) else { return };
        act(person, &mut self.transports, shared);
        person.listen(&mut self.transports, shared, now);
        person.transports().for_each(|transport| self.transports.look_at(transport));
        if person.has_left {
            self.drop(id, shared, now);
        }
    }

    /// Tells each of them something by the transport that carries our media.
    fn tell_each(
        &mut self,
        shared: &mut Shared,
        now: Instant,
        mut act: impl FnMut(&mut Participant, &mut Transport, &mut Shared),
    ) {
        for id in self.ids() {
            self.tell(id, shared, now, |person, transports, shared| {
                transports.get_mut(person.main).into_iter().for_each(|main| act(person, main, shared));
            });
        }
    }

    /// Somebody said something through the server.
    pub(crate) fn handle_signal(&mut self, from: PeerId, signal: Signal, shared: &mut Shared, now: Instant) {
        self.tell(from, shared, now, |person, transports, shared| {
            person.handle_signal(signal, transports, shared, now);
        });
    }

    /// A datagram came. One on the socket of a connection that is gone is dropped.
    pub(crate) fn handle_datagram(
        &mut self,
        socket: SocketId,
        from: SocketAddr,
        payload: Bytes,
        shared: &mut Shared,
        now: Instant,
    ) {
        let Some(id) = shared.ice.sockets.owner(socket) else { return };
        let Some(transport) = self.transports.get_mut(id) else { return };
        transport.handle_datagram(socket, from, payload, shared, now);
        let peer = transport.to;
        self.tell(peer, shared, now, |_, _, _| {});
    }

    /// A socket is open, or will not be. One that was opened for a connection that is gone is given back.
    pub(crate) fn handle_socket(
        &mut self,
        socket: SocketId,
        local: Option<SocketAddr>,
        shared: &mut Shared,
        now: Instant,
    ) {
        let owner = shared.ice.sockets.owner(socket);
        let transport = owner.and_then(|id| self.transports.get_mut(id));
        let peer =
            transport.and_then(|transport| transport.handle_socket(socket, local, shared, now).then_some(transport.to));
        match peer {
            Some(peer) => self.tell(peer, shared, now, |_, _, _| {}),
            None if local.is_some() => shared.outputs.close(socket),
            None => {}
        }
    }

    /// Time passed.
    pub(crate) fn handle_timeout(&mut self, shared: &mut Shared, now: Instant) {
        for id in self.ids() {
            let is_due = |transport| self.transports.due(transport).is_some_and(|due| due <= now);
            if self.people.get(&id).is_some_and(|person| person.transports().any(is_due)) {
                self.tell(id, shared, now, |person, transports, shared| {
                    person.handle_timeout(transports, shared, now);
                });
            }
        }
    }

    /// When time matters next.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.transports.poll_timeout()
    }

    /// The addresses of this machine are others now.
    pub(crate) fn handle_interfaces(&mut self, change: AddressChange, shared: &mut Shared, now: Instant) {
        for id in self.ids() {
            self.tell(id, shared, now, |person, transports, shared| {
                transports.each(person.transports(), |transport| {
                    transport.handle_interfaces(change, shared, now);
                });
            });
        }
    }

    /// This machine has slept.
    pub(crate) fn handle_woken(&mut self, shared: &mut Shared, now: Instant) {
        for id in self.ids() {
            self.tell(id, shared, now, |person, transports, shared| {
                transports.each(person.transports(), |transport| transport.handle_woken(shared, now));
            });
        }
    }

    /// The decoder of a track of theirs erred.
    pub(crate) fn handle_decoder_lost(&mut self, track: TrackId, shared: &mut Shared, now: Instant) {
        for id in self.ids() {
            self.tell(id, shared, now, |person, transports, shared| {
                transports.each(person.transports(), |one| one.handle_decoder_lost(track, shared, now));
            });
        }
    }

    /// We said something to all.
    pub(crate) fn handle_said(&mut self, n: u64, text: &str, shared: &mut Shared, now: Instant) {
        self.tell_each(shared, now, |person, main, shared| person.handle_said(n, text, main, shared, now));
    }

    /// What we look at of somebody's pictures is something else now.
    pub(crate) fn watch(&mut self, id: PeerId, watching: Watching, shared: &mut Shared, now: Instant) {
        self.tell(id, shared, now, |person, transports, shared| person.watch(watching, transports, shared, now));
    }

    /// Our hand was raised or lowered.
    pub(crate) fn handle_our_hand(&mut self, shared: &mut Shared, now: Instant) {
        self.tell_each(shared, now, |_, main, shared| hand::handle_our_hand(main, shared, now));
    }

    /// What we send is something else now.
    pub(crate) fn handle_our_media(&mut self, shared: &mut Shared, now: Instant) {
        self.tell_each(shared, now, |_, main, shared| {
            tell_media(main, shared, now);
            main.drain(shared, now);
        });
    }

    /// Our tracks are others now.
    pub(crate) fn handle_publications(&mut self, shared: &mut Shared, now: Instant) {
        self.tell_each(shared, now, |_, main, shared| main.handle_publications(shared, now));
    }

    /// A frame of ours, for those who are `wanted`.
    pub(crate) fn send_video(
        &mut self,
        frame: &OutgoingFrame,
        wanted: impl Fn(PeerId) -> bool,
        shared: &mut Shared,
        now: Instant,
    ) {
        self.tell_each(shared, now, |person, main, shared| {
            if wanted(person.entry.id) {
                main.handle_video(frame, shared, now);
            }
        });
    }

    /// A packet of ours, for those who are `wanted`.
    pub(crate) fn send_audio(
        &mut self,
        audio: &EncodedFrame,
        wanted: impl Fn(PeerId) -> bool,
        shared: &mut Shared,
        now: Instant,
    ) {
        self.tell_each(shared, now, |person, main, shared| {
            if wanted(person.entry.id) {
                main.handle_audio(audio, shared, now);
            }
        });
    }

    /// Whether media comes from anybody, or may yet come again without any help of a server.
    pub(crate) fn is_any_worth_keeping(&self, now: Instant) -> bool {
        let mains = self.people.values().filter_map(|person| self.transports.get(person.main));
        mains.into_iter().any(|main| main.life.is_worth_keeping(now))
    }

    /// What was counted of the connections to each of them.
    pub(crate) fn stats(&mut self, shared: &Shared, now: Instant) -> Vec<PeerStats> {
        let stats = |(id, person): (&PeerId, &Participant)| {
            let mut connections = Vec::new();
            self.transports.each(person.transports(), |transport| connections.extend(transport.stats(shared, now)));
            PeerStats { id: *id, connections }
        };
        self.people.iter().map(stats).collect()
    }

    /// What should be seen of them.
    pub(crate) fn snapshots(&self) -> Vec<PeerSnapshot> {
        let snapshot = |person: &Participant| {
            let screen = person.screen.and_then(|screen| self.transports.get(screen));
            Some(person.snapshot(self.transports.get(person.main)?, screen))
        };
        self.people.values().filter_map(snapshot).collect()
    }
}

/// What leads to somebody new, who offers first on it, and who gives way.
fn role(entry: &PeerEntry) -> (TransportKind, NegotiationRole) {
    let politeness = if entry.polite { Politeness::Polite } else { Politeness::Impolite };
    match entry.kind {
        PeerKind::Legacy => {
            // It takes nothing back.
            let on_collision = Politeness::Impolite;
            let role = NegotiationRole { politeness, on_collision, is_theirs_to_begin: !entry.polite };
            (TransportKind::LegacyMain, role)
        }
        PeerKind::Native | PeerKind::Web => {
            let role = NegotiationRole { politeness, on_collision: politeness, is_theirs_to_begin: false };
            (TransportKind::Main, role)
        }
    }
}
