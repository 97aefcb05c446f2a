//! Connect and ConnectionBind (RFC 6062 sections 5.2 to 5.4): TCP between a client and a peer.
//!
//! Connections are made, accepted and joined by the shell; here is which of them may be.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::allocation::{Allocation, Protocol};
use super::answer::Refusal;
use super::connections::{Asked, ConnectPhase, ConnectionId};
use super::limit::RateLimit;
use super::tuple::FiveTuple;
use super::{Output, Request, Server};
use crate::codec::{Class, Message, Method, Writer, attribute, decode_address};
use crate::rest;

/// Connections of one allocation at once; beyond it a client gets 446 or 508, and a peer is closed.
const CONNECTIONS: usize = 64;
/// Connections of one worker at once, two files each: few of all that may be open, so that allocations of others find
/// theirs. Beyond it as beyond [`CONNECTIONS`].
pub(super) const IN_ALL: usize = 1024;
/// Connect requests of one allocation: as many at once as it may have connections, and then one a second. Who looks for
/// open ports gets no further with them than by hand; beyond it a client gets 486.
const PACE: RateLimit = RateLimit { interval: Duration::from_secs(1), burst: CONNECTIONS as u32 };
/// How often an id is drawn until it is nobody's.
const TRIES: u8 = 8;

impl Server {
    /// Connect: asks the shell for a connection to a peer; the answer waits for it.
    pub(super) fn connect(&mut self, request: &Request<'_>, now: Instant) -> Result<(), Refusal> {
        let message = request.message;
        let allocation = self.table.get(&request.tuple).ok_or(Refusal::Mismatch)?;
        // "If the allocation ... is not a TCP one": 400; no peer, or a malformed one: 400.
        let peer = message.attribute(attribute::XOR_PEER_ADDRESS);
        let peer = peer.and_then(|value| decode_address(value, &message.transaction)).ok_or(Refusal::BadRequest)?;
        if allocation.protocol != Protocol::Tcp || peer.port() == 0 {
            return Err(Refusal::BadRequest);
        }
        let relay = allocation.relays.for_peer(peer).ok_or(Refusal::PeerFamilyMismatch)?.bound;
        // "The server MUST forbid ... by local policy": 403; the relay itself is never a peer of TCP.
        self.admit(request.tuple, peer)?;
        if self.commons.bound(peer).is_some() && !self.opens_own(peer.ip()) {
            return Err(Refusal::Forbidden);
        }
        // "If a connection ... already exists": 446.
        if self.connections.reaches(request.tuple, peer) {
            return Err(Refusal::ConnectionExists);
        }
        if self.are_connections_full(request.tuple) {
            return Err(Refusal::Capacity);
        }
        let allocation = self.table.get_mut(&request.tuple).ok_or(Refusal::Mismatch)?;
        if !PACE.admit(&mut allocation.connects, now)
            || !self.commons.admit_connect(rest::account(&request.username), request.tuple.client.ip().into(), now)
        {
            return Err(Refusal::Quota);
        }
        allocation.permissions.install(&[peer.ip()], now).map_err(|_| Refusal::Capacity)?;
        let id = self.connection_id().ok_or(Refusal::Capacity)?;
        let asked = Asked {
            transaction: message.transaction,
            fingerprinted: message.fingerprinted,
            integrity: message.integrity(),
        };
        self.connections.insert(id, request.tuple, peer, ConnectPhase::Opening(asked), now);
        self.emit(Output::Connect { connection: id, relay, peer });
        Ok(())
    }

    fn are_connections_full(&self, owner: FiveTuple) -> bool {
        self.connections.len() >= IN_ALL || self.connections.count(owner) >= CONNECTIONS
    }

    /// Takes the news that a connection stands.
    pub fn handle_connected(&mut self, id: ConnectionId, now: Instant) {
        if self.connections.get(id).is_none() {
            return self.emit(Output::Disconnect { connection: id }); // it was given up meanwhile
        }
        let Some((owner, asked)) = self.opening(id) else { return };
        self.connections.enter(id, ConnectPhase::Waiting, now);
        self.stats.connections += 1;
        let response = Writer::new(Class::Success, Method::Connect, asked.transaction);
        self.answer_asked(owner, &asked, response.attribute(attribute::CONNECTION_ID, &id.0));
    }

    /// Takes the news that a connection is gone, or never came about (447).
    pub fn handle_disconnected(&mut self, id: ConnectionId) {
        if let Some((owner, asked)) = self.opening(id) {
            self.stats.refused.unreachable += 1;
            let response = Writer::new(Class::Error, Method::Connect, asked.transaction);
            self.answer_asked(owner, &asked, response.attribute(attribute::ERROR_CODE, &[0, 0, 4, 47]));
        }
        self.connections.remove(id);
    }

    fn answer_asked(&mut self, owner: FiveTuple, asked: &Asked, response: Writer) {
        let Some(allocation) = self.table.get(&owner) else { return };
        let key = allocation.owner.key.clone().signing(asked.integrity);
        self.answer(owner, response, Some(&key), asked.fingerprinted);
    }

    fn opening(&self, id: ConnectionId) -> Option<(FiveTuple, Asked)> {
        let connection = self.connections.get(id)?;
        match &connection.phase {
            ConnectPhase::Opening(asked) => Some((connection.owner, asked.clone())),
            ConnectPhase::Waiting | ConnectPhase::Bound(_) => None,
        }
    }

    /// A peer has connected to a relay: its connection's name, or `None` when it should be closed (section 5.3).
    pub fn handle_accepted(&mut self, relay: SocketAddr, peer: SocketAddr, now: Instant) -> Option<ConnectionId> {
        let owner = self.table.owner(relay)?;
        let allocation = self.table.get(&owner).filter(|allocation| allocation.is_live())?;
        if allocation.protocol != Protocol::Tcp || !allocation.permissions.holds(peer.ip(), now) {
            self.stats.dropped.no_permission += 1;
            return None;
        }
        if self.are_connections_full(owner) {
            self.stats.dropped.congested += 1;
            return None;
        }
        let id = self.connection_id()?;
        self.connections.insert(id, owner, peer, ConnectPhase::Waiting, now);
        self.stats.connections += 1;
        let attempt = Writer::new(Class::Indication, Method::ConnectionAttempt, self.pool.random())
            .attribute(attribute::CONNECTION_ID, &id.0)
            .address(attribute::XOR_PEER_ADDRESS, peer);
        if let Some(payload) = attempt.seal(None, self.rules.options.fingerprint) {
            self.transmit(owner, payload);
        }
        Some(id)
    }

    /// ConnectionBind: the connection it comes by becomes the peer's (section 5.4).
    pub(super) fn connection_bind(&mut self, request: &Request<'_>, now: Instant) -> Result<Writer, Refusal> {
        let Request { tuple, message, .. } = *request;
        // It has to be a connection of its own, over a stream: 400.
        let is_in_use = self.table.get(&tuple).is_some() || self.connections.carried_by(tuple).is_some();
        if !tuple.transport.is_stream() || is_in_use {
            return Err(Refusal::BadRequest);
        }
        let id = message.attribute(attribute::CONNECTION_ID).and_then(|value| value.try_into().ok());
        let id = ConnectionId(id.ok_or(Refusal::BadRequest)?);
        // "If the connection does not exist, or is bound, or is another user's": 400.
        let owner = self.waiting(id).filter(|owner| self.is_of(*owner, &request.username));
        owner.ok_or(Refusal::BadRequest)?;
        self.connections.enter(id, ConnectPhase::Bound(tuple), now);
        Ok(Writer::success(message).attribute(attribute::CONNECTION_ID, &id.0))
    }

    /// The allocation whose connection a message names: its user is known by its key there.
    pub(super) fn connecting(&self, message: &Message<'_>) -> Option<&Allocation> {
        let id = ConnectionId(message.attribute(attribute::CONNECTION_ID)?.try_into().ok()?);
        self.table.get(&self.connections.get(id)?.owner)
    }

    fn waiting(&self, id: ConnectionId) -> Option<FiveTuple> {
        let connection = self.connections.get(id)?;
        (connection.phase == ConnectPhase::Waiting).then_some(connection.owner)
    }

    fn is_of(&self, owner: FiveTuple, username: &[u8]) -> bool {
        self.table.get(&owner).is_some_and(|allocation| *allocation.owner.username == *username)
    }

    /// The answer to a ConnectionBind has been given: what follows on that connection is the peer's.
    pub(super) fn splice(&mut self, tuple: FiveTuple) {
        if let Some(connection) = self.connections.carried_by(tuple) {
            self.emit(Output::Splice { connection, client: tuple });
        }
    }

    /// A client's stream is closed. Its allocation ends, unless it holds a ticket with which it may come back.
    pub fn handle_client_gone(&mut self, tuple: FiveTuple) {
        if let Some(id) = self.connections.carried_by(tuple).filter(|_| tuple.transport.is_stream()) {
            self.disconnect(id);
        }
        if self.table.get(&tuple).is_some_and(|allocation| allocation.ticket.is_none()) {
            self.close(tuple);
        }
        self.count();
    }

    pub(super) fn disconnect(&mut self, id: ConnectionId) {
        if self.connections.remove(id).is_some() {
            self.emit(Output::Disconnect { connection: id });
        }
    }

    /// An id that nobody has: of 24 bits, two of a busy server's would meet now and then.
    fn connection_id(&mut self) -> Option<ConnectionId> {
        let chance = |_| {
            let [_, a, b, c, ..] = self.pool.random();
            ConnectionId([self.worker, a, b, c])
        };
        (0..TRIES).map(chance).find(|id| self.connections.get(*id).is_none())
    }
}
