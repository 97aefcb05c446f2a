//! A socket and nothing between it and the peer, but perhaps a NAT, which STUN servers see from outside.
//!
//! Owner of: the questions to these servers. What they say becomes a candidate of its own, and no path of its own: a
//! check from a server-reflexive candidate is one from its base (RFC 8445, section 6.1.2.4).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;

use crate::candidates::{Loopback, is_peer_address};
use crate::path::{CandidateKind, GatherEvent, LocalCandidate, Path, PathEnd, Sink};
use crate::reflexive::{BindingOutcome, Reflexive};
use crate::sockets::SocketId;

/// Addresses from outside that one socket may have: of each server one, and as many after a NAT has started again. More
/// are not told in one generation of ICE: a NAT that invents one each time helps nobody. In the next one the oldest
/// gives way.
const MAX_MAPPED: usize = 4;

/// A socket, and the servers that are asked how they see it.
pub(crate) struct DirectPath {
    socket: SocketId,
    local: SocketAddr,
    servers: Vec<Reflexive>,
    /// The latest.
    mapped: VecDeque<SocketAddr>,
    /// How many of them are of this generation.
    fresh: usize,
}

impl DirectPath {
    /// The path of a socket that is bound to `local`.
    pub(crate) fn new(
        socket: SocketId,
        local: SocketAddr,
        servers: Vec<Reflexive>,
        sink: &mut Sink<'_>,
        now: Instant,
    ) -> Self {
        sink.event(GatherEvent::Candidate(LocalCandidate { kind: CandidateKind::Host, address: local }));
        let mut path = Self { socket, local, servers, mapped: VecDeque::new(), fresh: 0 };
        path.handle_timeout(sink, now);
        path
    }

    fn on_mapped(&mut self, address: SocketAddr, sink: &mut Sink<'_>) {
        let is_possible = address.is_ipv4() == self.local.is_ipv4()
            && address.port() != 0
            && is_peer_address(address.ip(), Loopback::Refused);
        // Two servers that see the same make one candidate (RFC 8445, section 5.1.3).
        if !is_possible || self.mapped.contains(&address) || self.fresh >= MAX_MAPPED {
            return;
        }
        if self.mapped.len() >= MAX_MAPPED {
            self.mapped.pop_front().into_iter().for_each(|oldest| sink.event(GatherEvent::Lost(oldest)));
        }
        self.mapped.push_back(address);
        self.fresh += 1;
        let kind = CandidateKind::ServerReflexive { base: self.local };
        sink.event(GatherEvent::Candidate(LocalCandidate { kind, address }));
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

    fn end(&self) -> Option<&PathEnd> {
        None
    }

    fn handle_remote(&mut self, _remote: SocketAddr, _sink: &mut Sink<'_>, _now: Instant) {}

    fn handle_restart(&mut self, sink: &mut Sink<'_>, now: Instant) {
        self.fresh = 0;
        self.servers.iter_mut().for_each(|server| server.renew(now));
        self.handle_timeout(sink, now);
    }

    fn handle_send(&mut self, to: SocketAddr, payload: Bytes, sink: &mut Sink<'_>, _now: Instant) {
        sink.outputs.transmit(self.socket, to, payload);
    }

    fn handle_datagram(&mut self, from: SocketAddr, payload: Bytes, sink: &mut Sink<'_>, now: Instant) {
        let server = self.servers.iter_mut().find(|server| server.server() == from);
        match server.map_or(BindingOutcome::Foreign, |server| server.handle_datagram(&payload, now)) {
            BindingOutcome::At(address) => self.on_mapped(address, sink),
            BindingOutcome::Nothing => {}
            BindingOutcome::Foreign => sink.event(GatherEvent::Received { local: self.local, from, payload }),
        }
    }

    fn handle_timeout(&mut self, sink: &mut Sink<'_>, now: Instant) {
        for server in &mut self.servers {
            if let Some(payload) = server.handle_timeout(now) {
                sink.outputs.transmit(self.socket, server.server(), payload);
            }
        }
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.servers.iter().filter_map(Reflexive::poll_timeout).min()
    }

    fn close(&mut self, _sink: &mut Sink<'_>, _now: Instant) {}
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rand::SeedableRng as _;
    use rand_chacha::ChaCha12Rng;

    use super::*;
    use crate::io::Output;
    use crate::outputs::Outputs;
    use crate::reflexive::tests::{SUCCESS, answer};

    const LOCAL: &str = "10.0.0.1:5000";
    const SERVERS: [&str; 2] = ["10.0.0.8:3478", "10.0.0.9:3478"];

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    struct Bench {
        now: Instant,
        path: DirectPath,
        outputs: Outputs,
        events: VecDeque<GatherEvent>,
        /// The last request to each server.
        requests: [Bytes; 2],
        candidates: Vec<LocalCandidate>,
        received: usize,
    }

    impl Bench {
        fn new() -> Self {
            let now = Instant::now();
            let mut rng = ChaCha12Rng::seed_from_u64(1);
            let server = |at| Reflexive::new(address(at), address(LOCAL), ChaCha12Rng::from_rng(&mut rng), now);
            let (mut outputs, mut events) = (Outputs::default(), VecDeque::new());
            let mut sink = Sink { outputs: &mut outputs, events: &mut events };
            let path = DirectPath::new(SocketId(1), address(LOCAL), SERVERS.map(server).into(), &mut sink, now);
            let (requests, candidates) = (Default::default(), Vec::new());
            let mut bench = Self { now, path, outputs, events, requests, candidates, received: 0 };
            bench.drain();
            bench
        }

        /// Tells the path something, and takes what comes of it.
        fn tell(&mut self, act: impl FnOnce(&mut DirectPath, &mut Sink<'_>, Instant)) {
            let mut sink = Sink { outputs: &mut self.outputs, events: &mut self.events };
            act(&mut self.path, &mut sink, self.now);
            self.drain();
        }

        fn drain(&mut self) {
            while let Some(output) = self.outputs.pop() {
                let Output::Transmit { to, payload, .. } = output else { panic!("a path only sends: {output:?}") };
                let place = SERVERS.iter().position(|server| address(server) == to).unwrap();
                self.requests[place] = payload;
            }
            for event in self.events.drain(..) {
                match event {
                    GatherEvent::Received { .. } => self.received += 1,
                    GatherEvent::Candidate(candidate) => self.candidates.push(candidate),
                    GatherEvent::Lost(address) => self.candidates.retain(|one| one.address != address),
                    GatherEvent::Complete | GatherEvent::Stale(_) | GatherEvent::Back(_) => {
                        panic!("a path knows of no others: {event:?}")
                    }
                }
            }
            assert_eq!(self.path.end(), None, "a socket does not fail");
        }

        /// `from` says that it sees us at `seen`, in answer to what was asked of the server at this place.
        fn hear(&mut self, place: usize, from: &str, seen: &str) {
            let payload = answer(&self.requests[place], SUCCESS, Some(address(seen)));
            self.tell(|path, sink, now| path.handle_datagram(address(from), payload.into(), sink, now));
        }

        fn reflexive(&self) -> Vec<SocketAddr> {
            let is_reflexive = |one: &&LocalCandidate| one.kind != CandidateKind::Host;
            self.candidates.iter().filter(is_reflexive).map(|one| one.address).collect()
        }
    }

    #[test]
    fn two_servers_that_see_the_same_make_one_candidate() {
        let mut bench = Bench::new();
        bench.hear(0, SERVERS[0], "192.0.2.7:6000");
        bench.hear(1, SERVERS[1], "192.0.2.7:6000");
        assert_eq!(bench.reflexive(), [address("192.0.2.7:6000")]);
        assert_eq!(bench.candidates[1].kind, CandidateKind::ServerReflexive { base: address(LOCAL) });
        assert!(bench.path.is_settled() && bench.received == 0);
    }

    #[test]
    fn an_answer_from_somebody_else_is_left_to_ice() {
        let mut bench = Bench::new();
        for from in ["10.0.0.8:3479", "10.0.0.7:3478", SERVERS[1]] {
            bench.hear(0, from, "192.0.2.7:6000");
        }
        assert_eq!((bench.reflexive().len(), bench.received), (0, 3));
    }

    #[test]
    fn an_address_that_nobody_can_have_is_told_to_nobody() {
        for seen in ["224.0.0.1:6000", "127.0.0.1:6000", "0.0.0.0:6000", "192.0.2.7:0", "[2001:db8::7]:6000", LOCAL] {
            let mut bench = Bench::new();
            bench.hear(0, SERVERS[0], seen);
            assert!(bench.reflexive().is_empty(), "{seen}");
        }
    }

    #[test]
    fn a_router_that_shows_another_address_each_time_is_not_followed_for_ever() {
        let mut bench = Bench::new();
        for place in [0, 1] {
            bench.hear(place, SERVERS[place], &format!("192.0.2.7:600{place}"));
        }
        let mut asked = bench.now;
        for port in 6010..6030 {
            asked += Duration::from_secs(3600);
            bench.tell(|path, sink, _| path.handle_timeout(sink, asked));
            bench.hear(0, SERVERS[0], &format!("192.0.2.7:{port}"));
        }
        assert_eq!(bench.reflexive().len(), MAX_MAPPED);
    }

    #[test]
    fn a_router_that_started_anew_is_followed_and_where_it_had_us_before_is_forgotten() {
        let mut bench = Bench::new();
        for port in 6000..6020 {
            bench.tell(|path, sink, now| path.handle_restart(sink, now));
            bench.hear(0, SERVERS[0], &format!("192.0.2.7:{port}"));
        }
        let latest = (6016..6020).map(|port| address(&format!("192.0.2.7:{port}")));
        assert_eq!(bench.reflexive(), latest.collect::<Vec<_>>());
    }
}
