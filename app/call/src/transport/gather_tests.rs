//! Which relays and STUN servers are tried, in which order, and how often.

use super::moves::RelayRenewal;
use super::*;
use crate::io::Output;
use crate::peer_connection::RelayAddress;
use crate::stream::{RelayStream, StreamSecurity};

fn relay(address: RelayAddress) -> TurnServer {
    TurnServer { address, username: "somebody".to_owned(), password: "123".to_owned() }
}

fn udp(number: u8) -> TurnServer {
    relay(RelayAddress::Udp(SocketAddr::from(([10, 0, 0, number], 3478))))
}

fn stream(host: &str, security: StreamSecurity) -> TurnServer {
    relay(RelayAddress::Stream(RelayStream { host: host.to_owned(), port: 443, security }))
}

struct Bench {
    begun: Instant,
    now: Instant,
    gathering: Gathering,
    outputs: Outputs,
    events: VecDeque<GatherEvent>,
    /// Sockets to relays that were asked for: when, and what for.
    opened: Vec<(u128, String)>,
    asked: Vec<(SocketId, String)>,
    transmitted: Vec<(u128, SocketAddr)>,
    complete: Option<u128>,
    next_port: u16,
}

fn local_addresses(texts: &[&str]) -> Vec<LocalAddress> {
    texts.iter().map(|text| text.parse::<std::net::IpAddr>().unwrap().into()).collect()
}

impl Bench {
    fn new(relays: Vec<TurnServer>, stun: &[&str], policy: TransportPolicy) -> Self {
        let now = Instant::now();
        let interfaces = local_addresses(&["10.0.0.1", "10.0.1.1", "fd00::1"]);
        let stun = stun.iter().map(|one| one.parse().unwrap()).collect();
        let ice_config = IceConfig { interfaces, relays, stun, policy };
        let mut outputs = Outputs::default();
        let ids = crate::sockets::SocketTable::default().reserve(crate::sockets::TransportId(1));
        let gathering = Gathering::new(&ice_config, ids, ChaCha12Rng::seed_from_u64(1), &mut outputs, now);
        let mut bench = Self {
            begun: now,
            now,
            gathering,
            outputs,
            events: VecDeque::new(),
            opened: Vec::new(),
            asked: Vec::new(),
            transmitted: Vec::new(),
            complete: None,
            next_port: 5000,
        };
        bench.drain();
        bench
    }

    fn relays(relays: Vec<TurnServer>) -> Self {
        Self::new(relays, &[], TransportPolicy::RelayOnly)
    }

    fn elapsed(&self) -> u128 {
        (self.now - self.begun).as_millis()
    }

    /// Tells the gathering something.
    fn tell<R>(&mut self, act: impl FnOnce(&mut Gathering, &mut Sink<'_>, Instant) -> R) -> R {
        let mut sink = Sink { outputs: &mut self.outputs, events: &mut self.events };
        act(&mut self.gathering, &mut sink, self.now)
    }

    /// Takes what came of it.
    fn drain(&mut self) {
        while let Some(output) = self.outputs.pop() {
            match output {
                Output::OpenSocket { socket, kind: SocketKind::Udp(ip) } if !ip.is_unspecified() => {
                    let local = SocketAddr::new(ip, self.next_port);
                    self.next_port += 1;
                    self.tell(|gathering, sink, now| gathering.handle_socket(socket, Some(local), sink, now));
                }
                Output::OpenSocket { socket, kind } => {
                    let what = match kind {
                        SocketKind::Udp(_) => "udp".to_owned(),
                        SocketKind::Stream(to) => format!("{:?} {}", to.security, to.host),
                    };
                    self.opened.push((self.elapsed(), what.clone()));
                    self.asked.push((socket, what));
                }
                Output::Transmit { to, .. } => self.transmitted.push((self.elapsed(), to)),
                Output::CloseSocket(_)
                | Output::Signal(_)
                | Output::DialSignal
                | Output::HangUpSignal
                | Output::Resolve(_)
                | Output::Media(_)
                | Output::Frame(_)
                | Output::Silenced
                | Output::Changed => {}
            }
        }
        if self.events.drain(..).any(|event| matches!(event, GatherEvent::Complete)) {
            self.complete = Some(self.elapsed());
        }
    }

    /// The addresses of this machine are these now, and nothing goes by the others.
    fn move_to(&mut self, addresses: &[&str]) {
        let interfaces = local_addresses(addresses);
        self.tell(|gathering, sink, now| gathering.handle_interfaces(&interfaces, RelayRenewal::AtOnce, sink, now));
        self.drain();
        self.tell(|gathering, sink, now| gathering.retire(None, sink, now));
        self.drain();
    }

    /// Lets time pass; `answer` says whether a socket that is asked for comes to be.
    fn pass(&mut self, time: Duration, answer: impl Fn(&str) -> Option<SocketAddr>) {
        let end = self.now + time;
        loop {
            for (socket, what) in std::mem::take(&mut self.asked) {
                self.tell(|gathering, sink, now| gathering.handle_socket(socket, answer(&what), sink, now));
                self.drain();
            }
            if !self.asked.is_empty() {
                continue;
            }
            let Some(due) = self.gathering.poll_timeout().filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            self.tell(|gathering, sink, now| gathering.handle_timeout(sink, now));
            self.drain();
        }
        self.now = end;
    }
}

/// A relay that is there and stays.
struct Standing(SocketId);

impl Path for Standing {
    fn socket(&self) -> SocketId {
        self.0
    }

    fn address(&self) -> Option<SocketAddr> {
        Some("10.0.0.7:9".parse().unwrap())
    }

    fn is_settled(&self) -> bool {
        true
    }

    fn end(&self) -> Option<&PathEnd> {
        None
    }

    fn handle_remote(&mut self, _: SocketAddr, _: &mut Sink<'_>, _: Instant) {}

    fn handle_restart(&mut self, _: &mut Sink<'_>, _: Instant) {}

    fn handle_send(&mut self, _: SocketAddr, _: Bytes, _: &mut Sink<'_>, _: Instant) {}

    fn handle_datagram(&mut self, _: SocketAddr, _: Bytes, _: &mut Sink<'_>, _: Instant) {}

    fn handle_timeout(&mut self, _: &mut Sink<'_>, _: Instant) {}

    fn poll_timeout(&mut self) -> Option<Instant> {
        None
    }

    fn close(&mut self, _: &mut Sink<'_>, _: Instant) {}
}

fn refused(_: &str) -> Option<SocketAddr> {
    None
}

#[test]
fn a_stream_that_is_refused_is_dialled_again_and_the_waits_grow_to_half_a_minute() {
    let mut bench = Bench::relays(vec![stream("a", StreamSecurity::Plain)]);
    bench.pass(Duration::from_secs(125), refused);
    let times: Vec<u128> = bench.opened.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [0, 1000, 3000, 7000, 15_000, 31_000, 61_000, 91_000, 121_000]);
    assert_eq!(bench.complete, Some(0), "what has failed is not waited for");
}

#[test]
fn a_stream_that_opens_and_ends_before_there_is_an_allocation_counts_as_refused() {
    let mut bench = Bench::relays(vec![stream("a", StreamSecurity::Tls)]);
    let (socket, _) = bench.asked.remove(0);
    let local = Some("10.0.0.1:5000".parse().unwrap());
    bench.tell(|gathering, sink, now| gathering.handle_socket(socket, local, sink, now));
    bench.drain();
    bench.tell(|gathering, sink, now| gathering.handle_socket(socket, None, sink, now));
    bench.drain();
    bench.pass(Duration::from_secs(3), refused);
    assert_eq!(bench.opened.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 1000, 3000]);
}

#[test]
fn every_address_is_tried_two_at_once_and_the_others_beside_the_first_stream() {
    let mut relays: Vec<TurnServer> = (1..=8).map(udp).collect();
    relays.push(stream("a", StreamSecurity::Plain));
    relays.push(stream("b", StreamSecurity::Tls));
    let mut bench = Bench::relays(relays);
    // Sockets open, and nobody answers on them.
    bench.pass(Duration::from_secs(3), |what| (what == "udp").then(|| "10.0.0.1:6000".parse().unwrap()));
    let expected = [
        (0, "udp"),
        (0, "udp"),
        (1000, "udp"),
        (1000, "udp"),
        (1000, "udp"),
        (1000, "udp"),
        (1000, "Plain a"),
        (2000, "Tls b"),
        (2000, "Plain a"),
        (3000, "Tls b"),
    ];
    assert_eq!(bench.opened, expected.map(|(at, what)| (at, what.to_owned())));
    let reached: std::collections::BTreeSet<SocketAddr> = bench.transmitted.iter().map(|(_, to)| *to).collect();
    assert_eq!(reached.len(), MAX_RELAYS + MORE_RELAYS);
}

#[test]
fn each_socket_asks_two_servers_of_its_family_one_after_the_other() {
    let servers = ["10.0.0.8:1", "127.0.0.1:1", "10.0.0.9:1", "10.0.0.10:1", "[fd00::8]:1"];
    let mut bench = Bench::new(Vec::new(), &servers, TransportPolicy::All);
    bench.pass(Duration::from_millis(400), refused);
    let expected =
        [(0, 0), (50, 2), (100, 0), (150, 2), (200, 4)].map(|(at, n): (u128, usize)| (at, servers[n].parse().unwrap()));
    assert_eq!(bench.transmitted, expected);
    assert_eq!(bench.complete, None, "they may yet answer");
    bench.pass(Duration::from_secs(2), refused);
    assert_eq!(bench.complete, Some(1700), "and are not waited for when they have been silent to three requests");
    bench.pass(Duration::from_secs(60), refused);
    assert_eq!(bench.transmitted.len(), 5 * 7);
    assert_eq!(bench.gathering.poll_timeout(), None);
}

#[test]
fn who_relays_alone_asks_no_stun_server() {
    let mut bench = Bench::new(Vec::new(), &["10.0.0.8:1"], TransportPolicy::RelayOnly);
    bench.pass(Duration::from_secs(60), refused);
    assert_eq!(bench.transmitted, []);
}

#[test]
fn a_machine_with_ipv6_alone_asks_a_relay_for_it_and_no_other_one_does() {
    for (interfaces, family) in [
        (&["2001:db8::7", "fd00::7"][..], RelayFamily::Ipv6),
        (&["2001:db8::7", "192.0.2.7"], RelayFamily::Unnamed),
        (&["192.0.2.7"], RelayFamily::Unnamed),
        (&[], RelayFamily::Unnamed),
    ] {
        let interfaces = local_addresses(interfaces);
        assert_eq!(family_of(&interfaces), family, "{interfaces:?}");
    }
}

#[test]
fn however_often_the_network_changes_there_is_a_socket_for_each_address() {
    let mut bench = Bench::new(Vec::new(), &[], TransportPolicy::All);
    for n in 0..1000_u16 {
        let [high, low] = n.to_be_bytes();
        bench.move_to(&[&format!("10.1.{high}.{low}")]);
        let hosts: Vec<_> = bench.gathering.hosts().iter().map(|(_, local)| local.ip().to_string()).collect();
        assert_eq!(hosts, [format!("10.1.{high}.{low}")], "after {n} moves");
    }
}

#[test]
fn a_relay_that_comes_late_knows_the_latest_addresses_of_the_peer() {
    let mut bench = Bench::relays(Vec::new());
    let remote = |n: u16| SocketAddr::from(([10, 0, 5, 5], n));
    for n in 1..=200 {
        bench.tell(|gathering, sink, now| gathering.handle_remote(remote(n), sink, now));
    }
    assert!(bench.gathering.remotes.contains(&remote(200)), "the newest");
    assert_eq!(bench.gathering.remotes.len(), crate::candidates::MAX_CANDIDATES);
}

#[test]
fn a_relay_whose_replacement_fails_again_and_again_stays_one() {
    let silent = |_: &str| Some("10.0.0.1:6000".parse().unwrap());
    for answer in [refused, silent] {
        let mut bench = Bench::relays(Vec::new());
        let (old, server) = (SocketId(u64::MAX), stream("a", StreamSecurity::Plain));
        bench.gathering.relays.insert(old, (Try { server, failures: 0 }, bench.now));
        bench.gathering.paths.push(Box::new(Standing(old)));
        for n in 0..30 {
            let before = bench.opened.len();
            bench.move_to(&[&format!("10.0.2.{n}")]);
            bench.pass(Duration::from_secs(7), answer);
            let Gathering { relays, opening, later, spare, moves, .. } = &bench.gathering;
            let tried = relays.len() + opening.len() + later.len() + spare.len();
            assert!(tried <= 2 && relays.contains_key(&old), "move {n}: {tried}, {moves:?}");
            assert!(bench.opened.len() - before <= 4, "move {n}: {} in 7 s", bench.opened.len() - before);
        }
    }
}

#[test]
fn each_address_has_one_socket_however_long_it_takes_to_open() {
    let mut bench = Bench::new(Vec::new(), &[], TransportPolicy::All);
    let mut opened = Vec::new();
    for addresses in [&["10.2.0.1"][..], &["10.2.0.1", "10.2.0.2"], &["10.2.0.2"], &["10.2.0.1", "10.2.0.2"]] {
        let interfaces = local_addresses(addresses);
        bench.tell(|gathering, sink, now| {
            gathering.handle_interfaces(&interfaces, RelayRenewal::AtOnce, sink, now);
            while let Some(output) = sink.outputs.pop() {
                let Output::OpenSocket { socket, kind: SocketKind::Udp(ip) } = output else { continue };
                opened.push((socket, ip));
            }
        });
    }
    let asked: Vec<String> = opened.iter().map(|(_, ip)| ip.to_string()).collect();
    assert_eq!(asked, ["10.2.0.1", "10.2.0.2"]);
    bench.move_to(&["10.2.0.2"]);
    for (socket, ip) in opened {
        let local = Some(SocketAddr::new(ip, 7));
        bench.tell(|gathering, sink, now| gathering.handle_socket(socket, local, sink, now));
    }
    let hosts: Vec<_> = bench.gathering.hosts().into_iter().map(|(_, local)| local.to_string()).collect();
    assert_eq!(hosts, ["10.2.0.2:7"], "what went while it was opened is given back");
}
