//! A socket and nothing between it and the peer, but perhaps a NAT, which STUN servers see from outside.
//!
//! Owner of: the questions to these servers. What they say becomes a candidate of its own, and no path of its own: a check
//! from a server-reflexive candidate is one from its base (RFC 8445, section 6.1.2.4).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;

use crate::candidates::{Loopback, is_peer_address};
use crate::path::{CandidateKind, LocalCandidate, Path, PathOutput, SocketId};
use crate::reflexive::{Heard, Reflexive};

/// Addresses from outside that one socket may have: of each server one, and as many after a NAT has started anew. More are not
/// told: a NAT that invents one each time helps nobody.
const MAX_MAPPED: usize = 4;

/// A socket, and the servers that are asked how they see it.
pub(crate) struct DirectPath {
    socket: SocketId,
    local: SocketAddr,
    servers: Vec<Reflexive>,
    mapped: Vec<SocketAddr>,
    outputs: VecDeque<PathOutput>,
}

impl DirectPath {
    /// The path of a socket that is bound to `local`.
    pub(crate) fn new(socket: SocketId, local: SocketAddr, servers: Vec<Reflexive>, now: Instant) -> Self {
        let candidate = LocalCandidate { kind: CandidateKind::Host, address: local };
        let outputs = VecDeque::from([PathOutput::Candidate(candidate)]);
        let mut path = Self { socket, local, servers, mapped: Vec::new(), outputs };
        path.handle_timeout(now);
        path
    }

    fn on_mapped(&mut self, address: SocketAddr) {
        let is_possible = address.is_ipv4() == self.local.is_ipv4()
            && address.port() != 0
            && is_peer_address(address.ip(), Loopback::Refused);
        // Two servers that see the same make one candidate (RFC 8445, section 5.1.3).
        if !is_possible || self.mapped.contains(&address) || self.mapped.len() >= MAX_MAPPED {
            return;
        }
        self.mapped.push(address);
        let kind = CandidateKind::ServerReflexive { base: self.local };
        self.outputs.push_back(PathOutput::Candidate(LocalCandidate { kind, address }));
    }
}

impl Path for DirectPath {
    fn socket(&self) -> SocketId {
        self.socket
    }

    fn address(&self) -> Option<SocketAddr> {
        Some(self.local)
    }

    fn is_settled(&self) -> bool {
        self.servers.iter().all(Reflexive::is_settled)
    }

    fn handle_remote(&mut self, _remote: SocketAddr, _now: Instant) {}

    fn handle_restart(&mut self, now: Instant) {
        self.servers.iter_mut().for_each(|server| server.renew(now));
        self.handle_timeout(now);
    }

    fn handle_send(&mut self, to: SocketAddr, payload: Bytes, _now: Instant) {
        self.outputs.push_back(PathOutput::Transmit { to, payload });
    }

    fn handle_datagram(&mut self, from: SocketAddr, payload: &[u8], now: Instant) {
        let server = self.servers.iter_mut().find(|server| server.server() == from);
        match server.map_or(Heard::Foreign, |server| server.handle_datagram(payload, now)) {
            Heard::At(address) => self.on_mapped(address),
            Heard::Nothing => {}
            Heard::Foreign => {
                let payload = Bytes::copy_from_slice(payload);
                self.outputs.push_back(PathOutput::Received { local: self.local, from, payload });
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        for server in &mut self.servers {
            if let Some(payload) = server.handle_timeout(now) {
                self.outputs.push_back(PathOutput::Transmit { to: server.server(), payload });
            }
        }
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.servers.iter().filter_map(Reflexive::poll_timeout).min()
    }

    fn poll_output(&mut self) -> Option<PathOutput> {
        self.outputs.pop_front()
    }

    fn close(&mut self, _now: Instant) {}
}
