//! The ways that datagrams can take between a peer and us.
//!
//! A path has a socket under it and an address that ICE knows it by: for a direct path they are the same, for a relayed
//! one the address is the relay's. UDP direct is here, the way through a relay, by UDP, TCP or TLS, in `link::turn`; ICE
//! over TCP would be a further one. A path owns its protocol's state and neither socket nor clock.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use bytes::Bytes;

use crate::stream::{RelayStream, StreamSecurity};

/// A socket that the shell holds for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u32);

/// What sort of socket is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketKind {
    /// UDP, on an address with a port of the system's choice; the address is unspecified where it only talks to a relay.
    Udp(IpAddr),
    /// A stream to a relay.
    Stream(RelayStream),
}

/// How a relay is reached, the best first: what UDP loses is repaired or concealed, what TCP loses makes all else wait,
/// and TLS costs a further round trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RelayWay {
    Udp,
    Stream(StreamSecurity),
}

/// How a candidate was come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CandidateKind {
    Host,
    Relay { base: SocketAddr, way: RelayWay },
}

/// An address under which we can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LocalCandidate {
    pub(crate) kind: CandidateKind,
    pub(crate) address: SocketAddr,
}

/// What a path wants done.
#[derive(Debug)]
pub(crate) enum PathOutput {
    /// A datagram for the path's socket to send.
    Transmit { to: SocketAddr, payload: Bytes },
    /// A datagram for ICE and what is above it, as received at `local`.
    Received { local: SocketAddr, from: SocketAddr, payload: Bytes },
    /// The path can be used under this address.
    Candidate(LocalCandidate),
    /// The path will not come to be; the reason is for the log.
    Failed(String),
}

/// A way for datagrams; driven like everything here: `handle_*` in, `poll_*` out.
pub(crate) trait Path: Send {
    /// The socket under it.
    fn socket(&self) -> SocketId;
    /// The address that ICE knows it by, once it has one.
    fn address(&self) -> Option<SocketAddr>;
    /// The peer may be found at `remote`.
    fn handle_remote(&mut self, remote: SocketAddr, now: Instant);
    /// ICE, or what is above it, sends.
    fn handle_send(&mut self, to: SocketAddr, payload: Bytes, now: Instant);
    /// The socket received.
    fn handle_datagram(&mut self, from: SocketAddr, payload: &[u8], now: Instant);
    /// Time passed.
    fn handle_timeout(&mut self, now: Instant);
    /// When time matters next.
    fn poll_timeout(&mut self) -> Option<Instant>;
    /// What it wants done.
    fn poll_output(&mut self) -> Option<PathOutput>;
    /// It is used no more.
    fn close(&mut self, now: Instant);
}

/// A socket and nothing between it and the peer.
pub(crate) struct DirectPath {
    socket: SocketId,
    local: SocketAddr,
    outputs: VecDeque<PathOutput>,
}

impl DirectPath {
    pub(crate) fn new(socket: SocketId, local: SocketAddr) -> Self {
        let candidate = LocalCandidate { kind: CandidateKind::Host, address: local };
        Self { socket, local, outputs: VecDeque::from([PathOutput::Candidate(candidate)]) }
    }
}

impl Path for DirectPath {
    fn socket(&self) -> SocketId {
        self.socket
    }

    fn address(&self) -> Option<SocketAddr> {
        Some(self.local)
    }

    fn handle_remote(&mut self, _remote: SocketAddr, _now: Instant) {}

    fn handle_send(&mut self, to: SocketAddr, payload: Bytes, _now: Instant) {
        self.outputs.push_back(PathOutput::Transmit { to, payload });
    }

    fn handle_datagram(&mut self, from: SocketAddr, payload: &[u8], _now: Instant) {
        let payload = Bytes::copy_from_slice(payload);
        self.outputs.push_back(PathOutput::Received { local: self.local, from, payload });
    }

    fn handle_timeout(&mut self, _now: Instant) {}

    fn poll_timeout(&mut self) -> Option<Instant> {
        None
    }

    fn poll_output(&mut self) -> Option<PathOutput> {
        self.outputs.pop_front()
    }

    fn close(&mut self, _now: Instant) {}
}
