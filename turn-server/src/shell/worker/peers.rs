//! Connections of TCP relays with peers (RFC 6062): begun, accepted, and closed.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use foldhash::quality::RandomState;
use slab::Slab;

use super::{EgressSocket, PollSource, RelaySocket, Worker};
use crate::shell::bind;
use crate::shell::clients::ClientRole;
use crate::shell::stream::{BufferedStream, Gone};
use crate::{ConnectionId, FiveTuple};

/// Connections that are accepted in one go.
const ACCEPTED: usize = 64;

/// A connection with a peer.
pub(in crate::shell) struct Peer {
    pub(super) id: ConnectionId,
    pub(in crate::shell) stream: BufferedStream,
    phase: PeerPhase,
    /// Until when it waits for its share of a rate, and its place among those that wait as long.
    held: Option<(Instant, u64)>,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PeerPhase {
    Connecting,
    /// Nothing is read from it: what the peer sends waits in the kernel, and the peer with it.
    Waiting,
    /// Its bytes are those of the client with that key.
    Spliced(usize),
}

/// All connections with peers of one worker.
#[derive(Default)]
pub(super) struct Peers {
    pub(super) all: Slab<Peer>,
    by_id: HashMap<ConnectionId, usize, RandomState>,
    /// Those that wait for their share, by time and place: one entry a connection at most.
    held: BTreeSet<(Instant, u64, usize)>,
    /// The next place: who has just carried something is behind everybody else.
    places: u64,
}

impl Peers {
    fn insert(&mut self, id: ConnectionId, stream: BufferedStream, phase: PeerPhase) {
        let key = self.all.insert(Peer { id, stream, phase, held: None });
        self.by_id.insert(id, key);
    }

    fn remove(&mut self, key: usize) -> Option<Peer> {
        let peer = self.all.try_remove(key)?;
        self.by_id.remove(&peer.id);
        if let Some((until, place)) = peer.held {
            self.held.remove(&(until, place, key));
        }
        Some(peer)
    }

    /// Whether a connection still waits for its share.
    pub(super) fn is_held(&self, key: usize, now: Instant) -> bool {
        self.all.get(key).and_then(|peer| peer.held).is_some_and(|(until, _)| until > now)
    }

    /// Lets a connection wait. Of those that share a rate, who has carried nothing comes before who has.
    pub(super) fn hold(&mut self, key: usize, until: Instant, has_carried: bool) {
        let Some(peer) = self.all.get_mut(key) else { return };
        let before = peer.held.take();
        if let Some((until, place)) = before {
            self.held.remove(&(until, place, key));
        }
        let place = match before {
            Some((_, place)) if !has_carried => place,
            Some(_) | None => {
                self.places += 1;
                self.places
            }
        };
        peer.held = Some((until, place));
        self.held.insert((until, place, key));
    }

    /// When the first of them may go on.
    pub(super) fn next_share(&self) -> Option<Instant> {
        self.held.first().map(|(until, ..)| *until)
    }

    /// Who may go on now.
    pub(super) fn due(&mut self, now: Instant) -> Vec<usize> {
        let mut due = Vec::new();
        while let Some((_, _, key)) = self.held.first().copied().filter(|(until, ..)| *until <= now) {
            self.held.pop_first();
            due.push(key);
        }
        due
    }
}

impl Worker {
    pub(super) fn take_relay(&mut self, key: usize) {
        match self.sockets.relays.get(key).map(|relay| &relay.socket) {
            Some(RelaySocket::Udp(_)) => self.read_datagrams(EgressSocket::Relay(key)),
            Some(RelaySocket::Tcp(_)) => self.accept_peers(key),
            None => {} // closed in this turn
        }
    }

    fn accept_peers(&mut self, key: usize) {
        for _ in 0..ACCEPTED {
            let Some(relay) = self.sockets.relays.get(key) else { return };
            let RelaySocket::Tcp(listener) = &relay.socket else { return };
            match listener.accept() {
                Ok((socket, from)) => {
                    if let Some(id) = self.core.handle_accepted(relay.address, from, self.now) {
                        self.keep(id, BufferedStream::new(socket), PeerPhase::Waiting);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return self.carry_out(),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {} // that one is gone already
                Err(_) => return self.carry_out(),                                   // no files left
            }
            self.carry_out();
        }
        self.path.again.push(PollSource::Relay(key));
    }

    pub(super) fn connect(&mut self, id: ConnectionId, relay: SocketAddr, peer: SocketAddr) {
        match bind::connect(relay, peer) {
            Ok(socket) => self.keep(id, BufferedStream::new(socket), PeerPhase::Connecting),
            Err(error) => {
                tracing::debug!(%error, "a peer was not connected to");
                self.core.handle_disconnected(id);
            }
        }
    }

    fn keep(&mut self, id: ConnectionId, mut stream: BufferedStream, phase: PeerPhase) {
        let key = self.peers.all.vacant_key();
        if stream.register(&self.registry, PollSource::Peer(key).token()).is_err() {
            return self.core.handle_disconnected(id);
        }
        self.peers.insert(id, stream, phase);
    }

    pub(super) fn take_peer(&mut self, key: usize) {
        let Some(peer) = self.peers.all.get(key) else { return };
        let outcome = match peer.phase {
            PeerPhase::Connecting => self.finish_connecting(key),
            PeerPhase::Waiting => Ok(()),
            PeerPhase::Spliced(client) => self.pump(client, key),
        };
        if outcome.is_err() {
            self.close_peer(key);
        }
        self.carry_out();
    }

    fn finish_connecting(&mut self, key: usize) -> Result<(), Gone> {
        let Some(peer) = self.peers.all.get_mut(key) else { return Ok(()) };
        if peer.stream.connected()? {
            peer.phase = PeerPhase::Waiting;
            self.core.handle_connected(peer.id, self.now);
        }
        Ok(())
    }

    /// Joins a peer's connection with a client's.
    pub(super) fn splice(&mut self, id: ConnectionId, tuple: FiveTuple) {
        let keys = self.peers.by_id.get(&id).copied().zip(self.clients.key(&tuple));
        let Some((peer_key, client_key)) = keys else { return self.core.handle_disconnected(id) };
        let (Some(peer), Some(client)) = (self.peers.all.get_mut(peer_key), self.clients.all.get_mut(client_key))
        else {
            return;
        };
        peer.phase = PeerPhase::Spliced(client_key);
        client.role = ClientRole::Spliced(peer_key);
        self.clients.acknowledge(client_key, true, self.now);
        if self.pump(client_key, peer_key).is_err() {
            self.close_client(client_key);
        }
    }

    /// The core wants a connection closed.
    pub(super) fn disconnect(&mut self, id: ConnectionId) {
        let Some(key) = self.peers.by_id.get(&id).copied() else { return };
        let Some(peer) = self.peers.remove(key) else { return };
        if let PeerPhase::Spliced(client) = peer.phase {
            self.clients.remove(client);
        }
    }

    /// A peer has gone: its client's connection goes as well.
    fn close_peer(&mut self, key: usize) {
        let Some(peer) = self.peers.remove(key) else { return };
        if let PeerPhase::Spliced(client) = peer.phase {
            self.clients.remove(client);
        }
        self.core.handle_disconnected(peer.id);
    }
}
