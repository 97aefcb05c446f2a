//! The ways that datagrams can take between a peer and us.
//!
//! A path has a socket under it and an address that ICE knows it by: for a direct path they are the same, for a relayed
//! one the address is the relay's. UDP direct is in `direct`, the way through a relay, by UDP, TCP or TLS, in
//! `peer_connection::turn`; ICE over TCP would be a further one. A path owns its protocol's state and neither socket
//! nor clock.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use bytes::Bytes;

use crate::outputs::Outputs;
use crate::sockets::SocketId;
use crate::stream::StreamSecurity;

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
    /// As a STUN server sees `base`.
    ServerReflexive {
        base: SocketAddr,
    },
    Relay {
        base: SocketAddr,
        way: RelayWay,
    },
}

impl CandidateKind {
    /// Its name in a candidate (RFC 8839, section 5.1).
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::ServerReflexive { .. } => "srflx",
            Self::Relay { .. } => "relay",
        }
    }

    /// The priority of such a candidate (RFC 8445, section 5.1.2.1), component 1; `preference` is that of its base.
    /// Relays are told apart by the way to them, whatever that is on.
    pub(crate) fn priority(self, preference: u16) -> u32 {
        let (kind, local): (u32, u16) = match self {
            Self::Host => (126, preference),
            Self::ServerReflexive { .. } => (100, preference),
            Self::Relay { way: RelayWay::Udp, .. } => (0, 0xFFFF),
            Self::Relay { way: RelayWay::Stream(StreamSecurity::Plain), .. } => (0, 0x8000),
            Self::Relay { way: RelayWay::Stream(StreamSecurity::Tls), .. } => (0, 0x4000),
        };
        (kind << 24) + (u32::from(local) << 8) + 255
    }
}

/// An address under which we can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LocalCandidate {
    pub(crate) kind: CandidateKind,
    pub(crate) address: SocketAddr,
}

/// What comes of a path, or of gathering, for the connection above it.
#[derive(Debug)]
pub(crate) enum GatherEvent {
    /// A datagram for ICE and what is above it, as received at `local`.
    Received { local: SocketAddr, from: SocketAddr, payload: Bytes },
    /// We can be reached under this address.
    Candidate(LocalCandidate),
    /// We cannot be reached under it any more.
    Lost(SocketAddr),
    /// What it is on is gone, or about to be replaced: nothing should begin on it any more.
    Stale(SocketAddr),
    /// What it is on is back.
    Back(SocketAddr),
    /// All candidates that will come have come.
    Complete,
}

/// Where a path, and the owner of paths, put what comes of an input: what should be done goes straight to the shell,
/// what happened to the connection above.
pub(crate) struct Sink<'a> {
    pub(crate) outputs: &'a mut Outputs,
    pub(crate) events: &'a mut VecDeque<GatherEvent>,
}

impl Sink<'_> {
    pub(crate) fn event(&mut self, event: GatherEvent) {
        self.events.push_back(event);
    }
}

/// Why a path is of no use any more. Its owner looks after each input, and takes it away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PathEnd {
    /// It will not come to be, or is lost; the reason is for the log.
    Failed(String),
    /// It works, and there is no more to be had of it: another of its kind takes its place at once.
    WornOut,
}

/// A way for datagrams; driven like everything here: `handle_*` in, and out through the sink.
pub(crate) trait Path: Send {
    /// The socket under it.
    fn socket(&self) -> SocketId;
    /// The address that ICE knows it by, once it has one.
    fn address(&self) -> Option<SocketAddr>;
    /// Whether all of its candidates are there, or no longer waited for.
    fn is_settled(&self) -> bool;
    /// Whether it is over, and how.
    fn end(&self) -> Option<&PathEnd>;
    /// Whether it has hardly any room for further addresses of the peer: another should take its place in time.
    fn is_worn(&self) -> bool {
        false
    }
    /// The peer may be found at `remote`.
    fn handle_remote(&mut self, remote: SocketAddr, sink: &mut Sink<'_>, now: Instant);
    /// ICE restarts on it: what it is on may have changed, and the addresses of the peer are others.
    fn handle_restart(&mut self, sink: &mut Sink<'_>, now: Instant);
    /// ICE, or what is above it, sends.
    fn handle_send(&mut self, to: SocketAddr, payload: Bytes, sink: &mut Sink<'_>, now: Instant);
    /// The socket received.
    fn handle_datagram(&mut self, from: SocketAddr, payload: Bytes, sink: &mut Sink<'_>, now: Instant);
    /// Time passed.
    fn handle_timeout(&mut self, sink: &mut Sink<'_>, now: Instant);
    /// When time matters next.
    fn poll_timeout(&mut self) -> Option<Instant>;
    /// It is used no more.
    fn close(&mut self, sink: &mut Sink<'_>, now: Instant);
}

/// Nobody's address, of the same family: what a candidate says of its base. Anyone who may know the base is told it by
/// a candidate of its own.
pub(crate) fn unspecified(like: SocketAddr) -> IpAddr {
    if like.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() }
}
