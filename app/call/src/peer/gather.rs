//! Gathering: which sockets a connection wants, and what comes of them (RFC 8445 section 5.1.1).
//!
//! A socket for each address of this machine, and one for each relay. Each connection has its own: two peers may have
//! the same private address behind different routers, and one socket for both could not tell them apart. Owner of: the
//! paths of one connection.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use bytes::Bytes;
use hearth_protocol::IceServer;

use crate::io::TransportPolicy;
use crate::link::{RelayPath, TurnServer};
use crate::path::{DirectPath, LocalCandidate, Path, PathOutput, SocketId};

/// Addresses of this machine that are offered: beyond that lie bridges of containers, and checks grow with the square.
const MAX_HOSTS: usize = 6;
/// Relays that are used at once: the second is for when the first is down.
const MAX_RELAYS: usize = 2;

/// Where media may go through.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) interfaces: Vec<IpAddr>,
    pub(crate) relays: Vec<TurnServer>,
    pub(crate) policy: TransportPolicy,
}

/// What gathering wants done, or has done.
#[derive(Debug)]
pub(crate) enum GatherOutput {
    Open { socket: SocketId, bind: IpAddr },
    Close(SocketId),
    Candidate(LocalCandidate),
    Transmit { socket: SocketId, to: SocketAddr, payload: Bytes },
    Received { local: SocketAddr, from: SocketAddr, payload: Bytes },
    Complete,
}

enum Purpose {
    Host,
    Relay(TurnServer),
}

/// The paths of one connection.
pub(crate) struct Gathering {
    opening: BTreeMap<SocketId, Purpose>,
    paths: Vec<Box<dyn Path>>,
    remotes: Vec<SocketAddr>,
    outputs: VecDeque<GatherOutput>,
    complete: bool,
}

impl Gathering {
    /// Begins to gather; `next_socket` numbers the sockets of the whole call.
    pub(crate) fn new(around: &Surroundings, next_socket: &mut u32) -> Self {
        let mut gathering = Self {
            opening: BTreeMap::new(),
            paths: Vec::new(),
            remotes: Vec::new(),
            outputs: VecDeque::new(),
            complete: false,
        };
        if around.policy == TransportPolicy::All {
            for address in around.interfaces.iter().take(MAX_HOSTS) {
                gathering.open(*address, Purpose::Host, next_socket);
            }
        }
        for relay in around.relays.iter().take(MAX_RELAYS) {
            let any: IpAddr = match relay.address {
                SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
            };
            gathering.open(any, Purpose::Relay(relay.clone()), next_socket);
        }
        gathering
    }

    fn open(&mut self, bind: IpAddr, purpose: Purpose, next_socket: &mut u32) {
        let socket = SocketId(*next_socket);
        *next_socket += 1;
        self.opening.insert(socket, purpose);
        self.outputs.push_back(GatherOutput::Open { socket, bind });
    }

    /// A socket is open, or will not be. Whether it was one of ours.
    pub(crate) fn handle_socket(&mut self, socket: SocketId, local: Option<SocketAddr>, now: Instant) -> bool {
        let Some(purpose) = self.opening.remove(&socket) else { return false };
        if let Some(local) = local {
            match purpose {
                Purpose::Host => self.add(Box::new(DirectPath::new(socket, local)), now),
                Purpose::Relay(server) => match RelayPath::new(socket, local, &server, now) {
                    Ok(path) => self.add(Box::new(path), now),
                    Err(error) => tracing::warn!(%error, "no relay"),
                },
            }
        }
        self.drain();
        true
    }

    fn add(&mut self, mut path: Box<dyn Path>, now: Instant) {
        for remote in &self.remotes {
            path.handle_remote(*remote, now);
        }
        self.paths.push(path);
    }

    /// The peer may be found at `remote`.
    pub(crate) fn handle_remote(&mut self, remote: SocketAddr, now: Instant) {
        if self.remotes.len() < crate::candidates::MAX_CANDIDATES {
            self.remotes.push(remote);
        }
        self.paths.iter_mut().for_each(|path| path.handle_remote(remote, now));
        self.drain();
    }

    /// All candidates once more: an ICE restart has forgotten them.
    pub(crate) fn announce_again(&mut self, candidates: &[LocalCandidate]) {
        self.outputs.extend(candidates.iter().copied().map(GatherOutput::Candidate));
        self.complete = false;
        self.drain();
    }

    /// A datagram came. Whether the socket was one of ours.
    pub(crate) fn handle_datagram(&mut self, socket: SocketId, from: SocketAddr, payload: &[u8], now: Instant) -> bool {
        let Some(path) = self.paths.iter_mut().find(|path| path.socket() == socket) else {
            return self.opening.contains_key(&socket);
        };
        path.handle_datagram(from, payload, now);
        self.drain();
        true
    }

    /// The connection sends from `local`.
    pub(crate) fn handle_send(&mut self, local: SocketAddr, to: SocketAddr, payload: Bytes, now: Instant) {
        let path = self.paths.iter_mut().find(|path| path.address() == Some(local));
        if let Some(path) = path {
            path.handle_send(to, payload, now);
        }
        self.drain();
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.paths.iter_mut().for_each(|path| path.handle_timeout(now));
        self.drain();
    }

    pub(crate) fn poll_timeout(&mut self) -> Option<Instant> {
        self.paths.iter_mut().filter_map(|path| path.poll_timeout()).min()
    }

    pub(crate) fn poll_output(&mut self) -> Option<GatherOutput> {
        self.outputs.pop_front()
    }

    /// Gives everything back: allocations to relays, sockets to the shell.
    pub(crate) fn close(&mut self, now: Instant) {
        self.paths.iter_mut().for_each(|path| path.close(now));
        self.drain();
        let sockets = self.opening.keys().copied().chain(self.paths.iter().map(|path| path.socket()));
        let closing: Vec<_> = sockets.map(GatherOutput::Close).collect();
        self.outputs.extend(closing);
        self.opening.clear();
        self.paths.clear();
    }

    fn drain(&mut self) {
        let mut failed = Vec::new();
        for path in &mut self.paths {
            let socket = path.socket();
            while let Some(output) = path.poll_output() {
                match output {
                    PathOutput::Transmit { to, payload } => {
                        self.outputs.push_back(GatherOutput::Transmit { socket, to, payload });
                    }
                    PathOutput::Received { local, from, payload } => {
                        self.outputs.push_back(GatherOutput::Received { local, from, payload });
                    }
                    PathOutput::Candidate(candidate) => self.outputs.push_back(GatherOutput::Candidate(candidate)),
                    PathOutput::Failed(why) => {
                        tracing::warn!(why, "a path failed");
                        failed.push(socket);
                    }
                }
            }
        }
        for socket in failed {
            self.paths.retain(|path| path.socket() != socket);
            self.outputs.push_back(GatherOutput::Close(socket));
        }
        let settled = self.opening.is_empty() && self.paths.iter().all(|path| path.address().is_some());
        if settled && !self.complete {
            self.complete = true;
            self.outputs.push_back(GatherOutput::Complete);
        }
    }
}

/// The TURN servers over UDP in what the server gave, by address: names are the shell's to resolve.
pub(crate) fn turn_servers(servers: &[IceServer]) -> Vec<TurnServer> {
    let mut found = Vec::new();
    for server in servers {
        let (Some(username), Some(password)) = (&server.username, &server.credential) else { continue };
        for url in &server.urls {
            let Some(address) = turn_address(url) else { continue };
            found.push(TurnServer { address, username: username.clone(), password: password.clone() });
        }
    }
    found
}

/// `turn:ADDRESS[:PORT][?transport=udp]` (RFC 7065).
fn turn_address(url: &str) -> Option<SocketAddr> {
    const PORT: u16 = 3478;
    let rest = url.strip_prefix("turn:")?;
    let (host, query) = rest.split_once('?').unwrap_or((rest, "transport=udp"));
    if query != "transport=udp" {
        return None;
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.parse().ok().or_else(|| bare.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, PORT)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turn_urls_are_read_by_address_and_udp_only() {
        for (url, expected) in [
            ("turn:10.0.0.1:3478", Some("10.0.0.1:3478")),
            ("turn:10.0.0.1", Some("10.0.0.1:3478")),
            ("turn:10.0.0.1:5000?transport=udp", Some("10.0.0.1:5000")),
            ("turn:[fd00::1]:3478", Some("[fd00::1]:3478")),
            ("turn:[fd00::1]", Some("[fd00::1]:3478")),
            ("turn:10.0.0.1?transport=tcp", None),
            ("turns:10.0.0.1", None),
            ("stun:10.0.0.1", None),
            ("turn:relay.example.org", None),
            ("", None),
        ] {
            assert_eq!(turn_address(url), expected.map(|text| text.parse().unwrap()), "{url}");
        }
    }
}
