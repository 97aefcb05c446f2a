//! The ways that datagrams can take between a peer and us.
//!
//! A path has a socket under it and an address that ICE knows it by: for a direct path they are the same, for a relayed
//! one the address is the relay's. UDP direct is in `direct`, the way through a relay, by UDP, TCP or TLS, in
//! `link::turn`; ICE over TCP would be a further one. A path owns its protocol's state and neither socket nor clock.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use bytes::Bytes;

use crate::stream::{RelayStream, StreamSecurity};

/// A socket that the shell holds for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u32);

/// What sort of socket is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketKind {
    /// UDP, on an address with a port of the system's choice; the address is unspecified where it only talks to a
    /// relay.
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
    /// As a STUN server sees `base`.
    ServerReflexive {
        base: SocketAddr,
    },
    Relay {
        base: SocketAddr,
        way: RelayWay,
    },
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
    /// It cannot be used under this address any more.
    Lost(SocketAddr),
    /// The path will not come to be; the reason is for the log.
    Failed(String),
    /// It works, and there is no more to be had of it: another one of its kind is to take its place at once.
    WornOut,
}

/// A way for datagrams; driven like everything here: `handle_*` in, `poll_*` out.
pub(crate) trait Path: Send {
    /// The socket under it.
    fn socket(&self) -> SocketId;
    /// The address that ICE knows it by, once it has one.
    fn address(&self) -> Option<SocketAddr>;
    /// Whether all of its candidates are there, or no longer waited for.
    fn is_settled(&self) -> bool;
    /// The peer may be found at `remote`.
    fn handle_remote(&mut self, remote: SocketAddr, now: Instant);
    /// ICE restarts on it: what it is on may have changed, and the addresses of the peer are others.
    fn handle_restart(&mut self, now: Instant);
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

/// Nobody's address, of the same family: what a candidate says of its base. Anyone who may know the base is told it by
/// a candidate of its own.
pub(crate) fn unspecified(like: SocketAddr) -> IpAddr {
    if like.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() }
}
