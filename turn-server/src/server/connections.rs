//! The TCP connections of relays (RFC 6062): between a peer and, once it is bound, a client.
//!
//! ```text
//!   Connect ──► Opening ──(the shell connected)──┐
//!                                                ├─► Waiting ──ConnectionBind──► Bound
//!   a peer connects ─────────────────────────────┘      │
//!                                                       └─(30 s)─► gone
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::tuple::FiveTuple;
use crate::codec::TransactionId;
use crate::crypto::Integrity;

/// How long a connection waits for the client that binds it (RFC 6062 section 5.4: "at least 30 seconds").
const UNBOUND: Duration = Duration::from_secs(30);
/// How long the shell may take to connect (RFC 6062 section 5.2 says 30 s, for the client waits so long).
const OPENING: Duration = Duration::from_secs(30);

/// A connection to a peer. Its first byte is the worker's number; the rest is chance, for ids must not be guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub(super) [u8; 4]);

/// How far a connection has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ConnectPhase {
    /// The shell connects; the request waits for its answer.
    Opening(Asked),
    /// Nobody has bound it.
    Waiting,
    /// The client's own connection carries its data.
    Bound(FiveTuple),
}

/// The Connect request that should be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) transaction: TransactionId,
    pub(super) fingerprinted: bool,
    pub(super) integrity: Integrity,
}

/// A connection.
pub(super) struct Connection {
    /// The allocation it belongs to.
    pub(super) owner: FiveTuple,
    pub(super) peer: SocketAddr,
    pub(super) phase: ConnectPhase,
    until: Option<Instant>,
}

/// The connections of all relays of one worker.
#[derive(Default)]
pub(super) struct Connections {
    all: BTreeMap<ConnectionId, Connection>,
    deadlines: BTreeSet<(Instant, ConnectionId)>,
}

impl Connections {
    pub(super) fn get(&self, id: ConnectionId) -> Option<&Connection> {
        self.all.get(&id)
    }

    /// A connection that begins at `now`. Its id must be nobody's.
    pub(super) fn insert(
        &mut self,
        id: ConnectionId,
        owner: FiveTuple,
        peer: SocketAddr,
        phase: ConnectPhase,
        now: Instant,
    ) {
        self.remove(id);
        self.all.insert(id, Connection { owner, peer, phase: ConnectPhase::Waiting, until: None });
        self.enter(id, phase, now);
    }

    /// Moves it to another phase, which has a deadline of its own or none.
    pub(super) fn enter(&mut self, id: ConnectionId, phase: ConnectPhase, now: Instant) {
        let Some(connection) = self.all.get_mut(&id) else { return };
        if let Some(until) = connection.until.take() {
            self.deadlines.remove(&(until, id));
        }
        connection.until = match phase {
            ConnectPhase::Opening(_) => Some(now + OPENING),
            ConnectPhase::Waiting => Some(now + UNBOUND),
            ConnectPhase::Bound(_) => None,
        };
        connection.phase = phase;
        self.deadlines.extend(connection.until.map(|until| (until, id)));
    }

    pub(super) fn remove(&mut self, id: ConnectionId) -> Option<Connection> {
        let connection = self.all.remove(&id)?;
        if let Some(until) = connection.until {
            self.deadlines.remove(&(until, id));
        }
        Some(connection)
    }

    /// Those of an allocation, in the order of their ids.
    pub(super) fn of(&self, owner: FiveTuple) -> Vec<ConnectionId> {
        let is_its = |(_, connection): &(&ConnectionId, &Connection)| connection.owner == owner;
        self.all.iter().filter(is_its).map(|(id, _)| *id).collect()
    }

    /// Those with peers of which `is_forbidden` says so.
    pub(super) fn with(&self, is_forbidden: impl Fn(SocketAddr) -> bool) -> Vec<ConnectionId> {
        self.all.iter().filter(|(_, connection)| is_forbidden(connection.peer)).map(|(id, _)| *id).collect()
    }

    /// Whether the allocation has a connection to `peer`, or is opening one.
    pub(super) fn reaches(&self, owner: FiveTuple, peer: SocketAddr) -> bool {
        self.all.values().any(|connection| connection.owner == owner && connection.peer == peer)
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn count(&self, owner: FiveTuple) -> usize {
        self.all.values().filter(|connection| connection.owner == owner).count()
    }

    /// The connection whose data the client on `tuple` carries.
    pub(super) fn carried_by(&self, tuple: FiveTuple) -> Option<ConnectionId> {
        let mut carried = self.all.iter().filter(|(_, connection)| connection.phase == ConnectPhase::Bound(tuple));
        carried.next().map(|(id, _)| *id)
    }

    /// An allocation has moved: its connections with it.
    pub(super) fn rename(&mut self, from: FiveTuple, to: FiveTuple) {
        for id in self.of(from) {
            if let Some(connection) = self.all.get_mut(&id) {
                connection.owner = to;
            }
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// A connection that has waited too long.
    pub(super) fn expired(&self, now: Instant) -> Option<ConnectionId> {
        self.deadlines.first().filter(|(at, _)| *at <= now).map(|(_, id)| *id)
    }
}
