//! The client of a relay against the real core of hearth-turn, over UDP and over a stream: kept, refused, forgotten,
//! given back.

use hearth_turn::{Config, FiveTuple, Output, PeerPolicy, Secret, Server, Transport, rest};

use std::collections::VecDeque;

use super::*;
use crate::io::Output as CallOutput;
use crate::outputs::Outputs;

const LISTENER: &str = "10.0.0.200:3478";
const CLIENT: &str = "10.0.0.1:5000";
const SECRET: &str = "between the two";
/// Seconds since 1970 as these tests begin.
const UNIX: Duration = Duration::from_secs(1_800_000_000);
/// What an allocation lasts that nobody refreshes (RFC 8656, section 3.2).
const LIFETIME: Duration = Duration::from_secs(600);

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn peer(number: u8) -> SocketAddr {
    SocketAddr::from(([10, 1, 0, number], 7000))
}

fn server(seed: u8, nonce_lifetime: Duration, now: Instant) -> Server {
    let mut config = Config::new([seed; 32]);
    config.secrets = vec![Secret::new(SECRET).unwrap()];
    config.peers = PeerPolicy::allowing(["10.0.0.0/8".parse().unwrap()]);
    let ip = address(LISTENER).ip();
    config.relay_addresses = vec![hearth_turn::RelayAddress { bound: ip, advertised: ip }];
    config.options.nonce_lifetime = nonce_lifetime;
    Server::new(&config, now, UNIX)
}

/// A path and the relay at its other end, with nothing between them.
struct Bench {
    now: Instant,
    path: RelayPath,
    outputs: Outputs,
    events: VecDeque<GatherEvent>,
    server: Option<Server>,
    tuple: FiveTuple,
    candidates: Vec<SocketAddr>,
    failures: Vec<String>,
    is_worn_out: bool,
}

impl Bench {
    fn new(transport: Transport, nonce_lifetime: Duration) -> Self {
        Self::asking_for(RelayFamily::Unnamed, transport, nonce_lifetime)
    }

    fn asking_for(family: RelayFamily, transport: Transport, nonce_lifetime: Duration) -> Self {
        let now = Instant::now();
        let (username, password) = rest::credentials(&Secret::new(SECRET).unwrap(), "somebody", LIFETIME * 600, UNIX);
        let at = match transport {
            Transport::Tcp => RelayAddress::Stream(RelayStream {
                host: "10.0.0.200".to_owned(),
                port: 3478,
                security: crate::stream::StreamSecurity::Plain,
            }),
            Transport::Udp | Transport::Tls | Transport::Dtls => RelayAddress::Udp(address(LISTENER)),
        };
        let turn = TurnServer { address: at, username, password };
        let (mut outputs, mut events) = (Outputs::default(), VecDeque::new());
        let mut sink = Sink { outputs: &mut outputs, events: &mut events };
        let path = RelayPath::new(SocketId(1), address(CLIENT), &turn, family, &mut sink, now).unwrap();
        let tuple = FiveTuple { client: address(CLIENT), local: address(LISTENER), transport };
        let server = Some(server(1, nonce_lifetime, now));
        let (candidates, failures) = (Vec::new(), Vec::new());
        Self { now, path, outputs, events, server, tuple, candidates, failures, is_worn_out: false }
    }

    /// One that stands.
    fn allocated(transport: Transport) -> Self {
        let mut bench = Self::new(transport, Duration::from_secs(3600));
        bench.settle();
        assert_eq!((bench.candidates.len(), bench.allocations()), (1, 1), "{:?}", bench.failures);
        bench
    }

    fn allocations(&self) -> u64 {
        self.server.as_ref().map_or(0, |server| server.stats().allocations)
    }

    /// What the path has to say reaches the relay; its answers come back when `answers`.
    fn exchange(&mut self, answers: bool) -> bool {
        let mut moved = false;
        while let Some(output) = self.outputs.pop() {
            moved = true;
            let CallOutput::Transmit { payload, .. } = output else { panic!("a path only sends: {output:?}") };
            if let Some(server) = &mut self.server {
                server.handle_client(self.tuple, &payload, self.now);
            }
        }
        for event in self.events.drain(..) {
            moved = true;
            match event {
                GatherEvent::Candidate(candidate) => self.candidates.push(candidate.address),
                GatherEvent::Received { .. } => {}
                GatherEvent::Lost(_) | GatherEvent::Complete | GatherEvent::Stale(_) | GatherEvent::Back(_) => {
                    panic!("a relay has one address: {event:?}")
                }
            }
        }
        match self.path.end() {
            None => {}
            Some(PathEnd::WornOut) => self.is_worn_out = true,
            Some(PathEnd::Failed(why)) => self.failures = vec![why.clone()],
        }
        let outputs = self.server.iter_mut().flat_map(|server| std::iter::from_fn(|| server.poll_output()));
        let heard: Vec<Vec<u8>> = outputs
            .filter_map(|output| if let Output::Transmit { payload, .. } = output { Some(payload) } else { None })
            .collect();
        for payload in heard.iter().filter(|_| answers) {
            self.receive(payload.clone());
            moved = true;
        }
        moved
    }

    /// Tells the path something.
    fn tell(&mut self, act: impl FnOnce(&mut RelayPath, &mut Sink<'_>, Instant)) {
        let mut sink = Sink { outputs: &mut self.outputs, events: &mut self.events };
        act(&mut self.path, &mut sink, self.now);
    }

    fn receive(&mut self, payload: Vec<u8>) {
        self.tell(|path, sink, now| path.handle_datagram(address(LISTENER), payload.into(), sink, now));
    }

    fn settle(&mut self) {
        while self.exchange(true) {}
    }

    /// Lets time pass until it fails, for at most `limit`.
    fn pass(&mut self, limit: Duration) {
        let end = self.now + limit;
        while self.failures.is_empty() {
            self.settle();
            let Some(due) = self.path.poll_timeout().filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            if let Some(server) = &mut self.server {
                server.handle_timeout(self.now);
            }
            self.tell(|path, sink, now| path.handle_timeout(sink, now));
        }
        self.now = if self.failures.is_empty() { end } else { self.now };
        self.settle();
    }

    fn restart_server(&mut self) {
        self.server = Some(server(2, Duration::from_secs(3600), self.now));
    }
}

const BOTH: [Transport; 2] = [Transport::Udp, Transport::Tcp];

#[test]
fn an_allocation_is_kept_for_longer_than_it_lasts_by_itself() {
    for transport in BOTH {
        let mut bench = Bench::allocated(transport);
        bench.tell(|path, sink, now| path.handle_remote(peer(1), sink, now));
        bench.pass(LIFETIME * 3);
        assert_eq!((bench.allocations(), bench.failures.len()), (1, 0), "{transport:?}: {:?}", bench.failures);
    }
}

#[test]
fn a_stale_nonce_is_answered_by_the_same_refresh_with_the_new_one() {
    for transport in BOTH {
        // Each minute's refresh finds the nonce of the one before it stale.
        let mut bench = Bench::new(transport, Duration::from_secs(50));
        bench.pass(LIFETIME * 3);
        let stats = *bench.server.as_ref().unwrap().stats();
        assert_eq!((bench.allocations(), bench.failures.len()), (1, 0), "{transport:?}: {:?}", bench.failures);
        assert!(stats.refused.stale_nonce > 20, "{stats:?}");
    }
}

#[test]
fn a_nonce_that_is_never_right_ends_it() {
    let mut bench = Bench::new(Transport::Udp, Duration::from_secs(3600));
    bench.settle();
    bench.server = Some(server(1, Duration::ZERO, bench.now));
    bench.pass(Duration::from_secs(61));
    assert_eq!(bench.failures.len(), 1);
}

/// It knows neither nonce (438) nor allocation (437).
#[test]
fn a_relay_that_was_started_anew_is_noticed_by_the_next_refresh_and_at_a_restart_at_once() {
    for transport in BOTH {
        let mut bench = Bench::allocated(transport);
        bench.restart_server();
        bench.pass(Duration::from_secs(61));
        assert_eq!(
            bench.failures,
            [format!("the relay {} failed: it does not keep the allocation (error 437)", bench.path.relay.server)]
        );
        let mut bench = Bench::allocated(transport);
        bench.restart_server();
        bench.tell(|path, sink, now| path.handle_restart(sink, now));
        bench.settle();
        assert_eq!(bench.failures.len(), 1, "{transport:?}");
    }
}

#[test]
fn a_permission_that_is_refused_because_there_is_no_allocation_ends_it() {
    for transport in BOTH {
        let mut bench = Bench::allocated(transport);
        bench.restart_server();
        // The first one learns the new nonce.
        for number in [1, 2] {
            bench.tell(|path, sink, now| path.handle_remote(peer(number), sink, now));
            bench.settle();
        }
        assert_eq!(bench.failures.len(), 1, "{transport:?}");
    }
}

/// Anyone who can send with the relay's address cannot end an allocation: the answer to no request of ours is none.
#[test]
fn an_error_that_answers_no_request_is_not_believed() {
    let mut bench = Bench::allocated(Transport::Udp);
    let code = [0x00, 0x09, 0, 4, 0, 0, 4, 37];
    for kind in [REFRESH_ERROR, CREATE_PERMISSION_ERROR, CHANNEL_BIND_ERROR] {
        let forged = [&kind[..], &[0, 8, 0x21, 0x12, 0xA4, 0x42], &[9; 12], &code].concat();
        assert_eq!(error_code(&forged), Some(ALLOCATION_MISMATCH));
        bench.receive(forged.to_vec());
        bench.settle();
    }
    assert_eq!((bench.failures.len(), bench.allocations()), (0, 1));
}

/// A peer that was permitted is none any more for the relay, whose rules are others now.
#[test]
fn permissions_that_are_not_renewed_are_noticed() {
    let mut bench = Bench::allocated(Transport::Udp);
    bench.tell(|path, sink, now| path.handle_remote(peer(1), sink, now));
    bench.settle();
    let changes = hearth_turn::Changes {
        users: Vec::new(),
        secrets: vec![Secret::new(SECRET).unwrap()],
        peers: PeerPolicy::default(),
        quotas: hearth_turn::Quotas::default(),
    };
    let now = bench.now;
    bench.server.as_mut().unwrap().reload(&changes, now);
    bench.pass(Duration::from_secs(130));
    assert_eq!(bench.failures.len(), 1);
}

#[test]
fn a_relay_that_is_silent_to_a_refresh_is_given_up() {
    let mut bench = Bench::allocated(Transport::Udp);
    bench.server = None;
    let begun = bench.now;
    bench.pass(Duration::from_secs(90));
    assert_eq!(bench.failures.len(), 1);
    // A minute to the refresh, and eight seconds of requests.
    assert!(bench.now - begun < Duration::from_secs(70), "{:?}", bench.now - begun);
}

#[test]
fn an_allocation_is_given_back_and_one_on_its_way_as_well() {
    for transport in BOTH {
        let mut bench = Bench::allocated(transport);
        bench.tell(|path, sink, now| path.close(sink, now));
        bench.settle();
        assert_eq!(bench.allocations(), 0, "{transport:?}");
        let mut bench = Bench::new(transport, Duration::from_secs(3600));
        // The server's challenge comes back, and what follows it is answered too late.
        assert!(bench.exchange(true) && bench.exchange(false));
        assert_eq!((bench.allocations(), bench.candidates.len()), (1, 0));
        bench.tell(|path, sink, now| path.close(sink, now));
        bench.exchange(false);
        assert_eq!(bench.allocations(), 0, "{transport:?}");
    }
}

#[test]
fn nothing_is_given_back_that_was_not_asked_for() {
    let mut bench = Bench::new(Transport::Udp, Duration::from_secs(3600));
    bench.server = None;
    bench.exchange(false);
    bench.tell(|path, sink, now| path.close(sink, now));
    assert!(bench.outputs.pop().is_none());
}

#[test]
fn an_answer_that_comes_too_late_leaves_no_allocation_behind() {
    let mut bench = Bench::new(Transport::Udp, Duration::from_secs(3600));
    assert!(bench.exchange(true));
    while bench.failures.is_empty() {
        bench.exchange(false);
        bench.now = bench.path.poll_timeout().unwrap();
        bench.tell(|path, sink, now| path.handle_timeout(sink, now));
        bench.exchange(false);
    }
    assert_eq!(bench.allocations(), 0);
}

/// Each generation of ICE brings up to 32 addresses, and the crate renews whatever was permitted once.
#[test]
fn an_allocation_without_room_for_a_further_generation_gives_way() {
    let mut bench = Bench::allocated(Transport::Udp);
    for number in 0..32 {
        bench.tell(|path, sink, now| path.handle_remote(peer(number), sink, now));
    }
    bench.tell(|path, sink, now| path.handle_restart(sink, now));
    bench.settle();
    assert!(!bench.is_worn_out && bench.failures.is_empty(), "there is room for one more");
    bench.tell(|path, sink, now| path.handle_remote(peer(32), sink, now));
    bench.tell(|path, sink, now| path.handle_restart(sink, now));
    bench.settle();
    assert!(bench.is_worn_out);
    assert_eq!(bench.allocations(), 0);
}

#[test]
fn a_named_family_is_signed_and_asked_for() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut bench = Bench::asking_for(RelayFamily::Ipv6, transport, Duration::from_secs(3600));
        bench.settle();
        // The relay of this test has IPv4 alone: it says so (440, RFC 8656, section 7.2), and not that we are somebody
        // else (401).
        assert_eq!((bench.candidates.len(), bench.allocations()), (0, 0));
        assert!(bench.failures.iter().any(|why| why.contains("440")), "{transport:?}: {:?}", bench.failures);
    }
}
