//! The shell over real sockets on loopback: what the core decides does happen.

mod faults;
mod grants;
mod handover;
mod ports;
mod streams;
pub(super) mod wires;

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::UdpSocket;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::*;
use crate::codec::{ChannelData, Class, Message, Method, Writer, attribute, decode_address};
use crate::crypto::Key;
use crate::{PeerPolicy, Secret, rest};

type Counters = watch::Receiver<Stats>;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A client with a socket of its own and credentials that the server's secret made.
struct Client {
    socket: UdpSocket,
    username: String,
    key: Key,
    nonce: Vec<u8>,
    transactions: u8,
}

fn secret() -> Secret {
    Secret::new("north").unwrap()
}

fn any() -> SocketAddr {
    SocketAddr::new(LOOPBACK, 0)
}

fn config() -> Config {
    let mut config = Config::new([3; 32]);
    config.secrets = vec![secret()];
    config.peers = PeerPolicy::allowing(["127.0.0.0/8".parse().unwrap()]);
    config
}

/// Waits, but not for ever: a datagram that is lost on loopback is a fault.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), what).await.expect("an answer within ten seconds")
}

async fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 2048];
    let (length, from) = soon(socket.recv_from(&mut buffer)).await.unwrap();
    buffer.truncate(length);
    (buffer, from)
}

impl Client {
    async fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind(any()).await.unwrap();
        socket.connect(server).await.unwrap();
        let (username, password) = rest::credentials(&secret(), "ann", Duration::from_secs(60), unix_now());
        let key = Key::long_term(username.as_bytes(), b"hearth", password.as_bytes());
        let mut client = Self { socket, username, key, nonce: Vec::new(), transactions: 0 };
        let challenge = client.ask(Method::Allocate, |w| w).await;
        let challenge = Message::decode(&challenge).unwrap();
        client.nonce = challenge.attribute(attribute::NONCE).unwrap().to_vec();
        client
    }

    async fn ask(&mut self, method: Method, build: impl FnOnce(Writer) -> Writer) -> Vec<u8> {
        self.transactions += 1;
        let request = build(Writer::new(Class::Request, method, [self.transactions; 12]))
            .attribute(attribute::USERNAME, self.username.as_bytes())
            .attribute(attribute::REALM, b"hearth")
            .attribute(attribute::NONCE, &self.nonce);
        self.socket.send(&request.seal(Some(&self.key), true).unwrap()).await.unwrap();
        receive(&self.socket).await.0
    }

    async fn allocate(&mut self) -> SocketAddr {
        let answer = self.ask(Method::Allocate, |w| w.attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0])).await;
        let answer = Message::decode(&answer).unwrap();
        assert_eq!(answer.class, Class::Success);
        decode_address(answer.attribute(attribute::XOR_RELAYED_ADDRESS).unwrap(), &answer.transaction).unwrap()
    }

    async fn bind(&mut self, peer: SocketAddr) {
        let answer = self
            .ask(Method::ChannelBind, |w| {
                w.attribute(attribute::CHANNEL_NUMBER, &[0x40, 0, 0, 0]).address(attribute::XOR_PEER_ADDRESS, peer)
            })
            .await;
        assert_eq!(Message::decode(&answer).unwrap().class, Class::Success);
    }
}

#[tokio::test]
async fn a_client_and_a_peer_exchange_data_and_it_is_counted() {
    let shell = Shell::bind(config(), &Listen::on(&[any()])).unwrap();
    let server = shell.local_addrs()[0];
    let published = shell.stats();
    let (stop, stopped) = oneshot::channel::<()>();
    let mut tasks = JoinSet::new();
    tasks.spawn(shell.run(async { stopped.await.unwrap_or_default() }));

    let mut client = Client::new(server).await;
    let relay = client.allocate().await;
    let peer = UdpSocket::bind(any()).await.unwrap();
    client.bind(peer.local_addr().unwrap()).await;

    let hello = ChannelData { number: 0x4000, data: b"hello" };
    client.socket.send(&hello.encode(false).unwrap()).await.unwrap();
    assert_eq!(receive(&peer).await, (b"hello".to_vec(), relay));
    peer.send_to(b"world!", relay).await.unwrap();
    let (datagram, _) = receive(&client.socket).await;
    assert_eq!(ChannelData::decode(&datagram), Some(ChannelData { number: 0x4000, data: b"world!" }));

    let end = client.ask(Method::Refresh, |w| w.attribute(attribute::LIFETIME, &[0; 4])).await;
    assert_eq!(Message::decode(&end).unwrap().class, Class::Success);
    UdpSocket::bind(relay).await.expect("the relay's port is free again");

    stop.send(()).unwrap();
    let stats = soon(tasks.join_next()).await.unwrap().unwrap();
    assert_eq!((stats.to_peers.bytes, stats.from_peers.bytes), (5, 6));
    assert_eq!((stats.allocations, stats.allocated, stats.dropped.unsent), (0, 1, 0));
    assert_eq!(*published.borrow(), stats);
}

#[tokio::test]
async fn members_alone_are_served_and_who_leaves_is_cut_off() {
    let (members, seen) = watch::channel(BTreeSet::from([LOOPBACK]));
    let mut shell = Shell::bind(config(), &Listen::on(&[any()])).unwrap();
    shell.restrict(seen);
    let server = shell.local_addrs()[0];
    let mut stats = shell.stats();
    let mut tasks = JoinSet::new();
    tasks.spawn(shell.run(std::future::pending()));
    let (mut one, mut other) = (Client::new(server).await, Client::new(server).await);
    let relay = one.allocate().await;
    one.bind(other.allocate().await).await;
    soon(stats.wait_for(|stats| stats.allocations == 2)).await.unwrap();
    members.send(BTreeSet::new()).unwrap();
    soon(stats.wait_for(|stats| stats.allocations == 0)).await.unwrap();
    UdpSocket::bind(relay).await.expect("the relay's port is free again");
    let refused = one.ask(Method::Allocate, |w| w.attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0])).await;
    let refused = Message::decode(&refused).unwrap();
    assert_eq!(refused.attribute(attribute::ERROR_CODE), Some(&[0, 0, 4, 3][..]));
    // Nobody can change the set any more: it stands.
    drop(members);
    let refused = other.ask(Method::Allocate, |w| w.attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0])).await;
    assert_eq!(Message::decode(&refused).unwrap().class, Class::Error);
}

/// A server of several workers, which runs until the set is dropped.
fn several(workers: usize) -> (SocketAddr, JoinSet<Stats>, Counters) {
    let listen = Listen { workers, ..Listen::on(&[any()]) };
    let shell = Shell::bind(config(), &listen).unwrap();
    let (server, stats) = (shell.local_addrs()[0], shell.stats());
    let mut tasks = JoinSet::new();
    tasks.spawn(shell.run(std::future::pending()));
    (server, tasks, stats)
}

#[tokio::test]
async fn clients_of_all_workers_meet_inside() {
    let (server, _tasks, mut stats) = several(4);
    let mut clients = Vec::new();
    for _ in 0..8 {
        let mut client = Client::new(server).await;
        let relay = client.allocate().await;
        clients.push((client, relay));
    }
    // A ring: each sends to the next one, whatever worker that one hashes to.
    let relays: Vec<SocketAddr> = clients.iter().map(|(_, relay)| *relay).collect();
    for (at, (client, _)) in clients.iter_mut().enumerate() {
        let (next, last) = (relays[(at + 1) % relays.len()], relays[(at + relays.len() - 1) % relays.len()]);
        client.bind(next).await;
        let answer = client.ask(Method::CreatePermission, |w| w.address(attribute::XOR_PEER_ADDRESS, last)).await;
        assert_eq!(Message::decode(&answer).unwrap().class, Class::Success);
    }
    for (client, _) in &clients {
        let hello = ChannelData { number: 0x4000, data: b"round" };
        client.socket.send(&hello.encode(false).unwrap()).await.unwrap();
    }
    for (client, _) in &clients {
        let (datagram, _) = receive(&client.socket).await;
        let message = Message::decode(&datagram).unwrap();
        assert_eq!(message.attribute(attribute::DATA), Some(&b"round"[..]));
    }
    soon(stats.wait_for(|stats| stats.to_peers.datagrams == 8 && stats.from_peers.datagrams == 8)).await.unwrap();
}

#[tokio::test]
async fn an_allocation_follows_its_client_to_whatever_worker_it_hashes_now() {
    let (server, _tasks, mut stats) = several(4);
    let peer = UdpSocket::bind(any()).await.unwrap();
    let mut client = Client::new(server).await;
    let with_ticket = |w: Writer| {
        w.attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]).attribute(attribute::MOBILITY_TICKET, &[])
    };
    let answer = client.ask(Method::Allocate, with_ticket).await;
    let answer = Message::decode(&answer).unwrap();
    let mut ticket = answer.attribute(attribute::MOBILITY_TICKET).unwrap().to_vec();
    let relay = decode_address(answer.attribute(attribute::XOR_RELAYED_ADDRESS).unwrap(), &answer.transaction).unwrap();
    client.bind(peer.local_addr().unwrap()).await;
    for moves in 1..=8 {
        client.socket = UdpSocket::bind(any()).await.unwrap();
        client.socket.connect(server).await.unwrap();
        // The old nonce is of the old address.
        let shown = ticket.clone();
        let stale = client.ask(Method::Refresh, |w| w.attribute(attribute::MOBILITY_TICKET, &shown)).await;
        client.nonce = Message::decode(&stale).unwrap().attribute(attribute::NONCE).unwrap().to_vec();
        let answer = client.ask(Method::Refresh, |w| w.attribute(attribute::MOBILITY_TICKET, &shown)).await;
        let answer = Message::decode(&answer).unwrap();
        assert_eq!(answer.class, Class::Success, "move {moves}");
        ticket = answer.attribute(attribute::MOBILITY_TICKET).unwrap().to_vec();
        peer.send_to(b"still there?", relay).await.unwrap();
        let (datagram, _) = receive(&client.socket).await;
        assert_eq!(ChannelData::decode(&datagram), Some(ChannelData { number: 0x4000, data: b"still there?" }));
        // What it sends finds its allocation as well, once the worker that it hashes to was told.
        let permit = client.ask(Method::CreatePermission, |w| w.address(attribute::XOR_PEER_ADDRESS, relay)).await;
        assert_eq!(Message::decode(&permit).unwrap().class, Class::Success, "move {moves}");
        let yes = ChannelData { number: 0x4000, data: b"yes" };
        client.socket.send(&yes.encode(false).unwrap()).await.unwrap();
        assert_eq!(receive(&peer).await, (b"yes".to_vec(), relay));
    }
    soon(stats.wait_for(|stats| stats.moved == 8 && stats.allocations == 1)).await.unwrap();
}

#[tokio::test]
async fn messages_on_a_stream_come_in_any_pieces() {
    let (server, _tasks, _) = several(1);
    let mut stream = TcpStream::connect(server).await.unwrap();
    let binding = |id: u8| Writer::new(Class::Request, Method::Binding, [id; 12]).seal(None, false).unwrap();
    // Two and a half messages, then the rest byte by byte.
    let all = [binding(1), binding(2), binding(3)].concat();
    stream.write_all(&all[..50]).await.unwrap();
    for byte in &all[50..] {
        stream.write_all(&[*byte]).await.unwrap();
    }
    for id in 1..=3 {
        let mut answer = vec![0; 32];
        soon(stream.read_exact(&mut answer)).await.unwrap();
        let answer = Message::decode(&answer).unwrap();
        assert_eq!((answer.class, answer.transaction), (Class::Success, [id; 12]));
    }
}

#[tokio::test]
async fn what_is_no_message_ends_its_stream_and_no_other() {
    let (server, _tasks, _) = several(1);
    let mut quiet = TcpStream::connect(server).await.unwrap();
    for noise in
        [&b"\xff\xff\xff\xff\xff\xff\xff\xff"[..], b"\x00\x01\x00\x07\x21\x12\xa4\x42", b"\x16\x03\x01\x00\x05hello"]
    {
        let mut stream = TcpStream::connect(server).await.unwrap();
        stream.write_all(noise).await.unwrap();
        let mut rest = Vec::new();
        match soon(stream.read_to_end(&mut rest)).await {
            Ok(_) => assert!(rest.is_empty(), "{noise:?}: {rest:?}"),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{noise:?}"),
        }
    }
    quiet.write_all(&Writer::new(Class::Request, Method::Binding, [9; 12]).seal(None, false).unwrap()).await.unwrap();
    let mut answer = vec![0; 32];
    soon(quiet.read_exact(&mut answer)).await.unwrap();
}

#[tokio::test]
async fn long_datagrams_pass_both_ways() {
    let (server, _tasks, _) = several(1);
    let mut client = Client::new(server).await;
    let relay = client.allocate().await;
    let peer = UdpSocket::bind(any()).await.unwrap();
    client.bind(peer.local_addr().unwrap()).await;
    let data: Vec<u8> = (0..60_000_u32).map(|n| (n % 251) as u8).collect();
    client.socket.send(&ChannelData { number: 0x4000, data: &data }.encode(false).unwrap()).await.unwrap();
    let mut buffer = vec![0; 65_536];
    let (length, _) = soon(peer.recv_from(&mut buffer)).await.unwrap();
    assert!(buffer[..length] == data);
    peer.send_to(&data, relay).await.unwrap();
    let length = soon(client.socket.recv(&mut buffer)).await.unwrap();
    assert!(ChannelData::decode(&buffer[..length]) == Some(ChannelData { number: 0x4000, data: &data }));
}

#[tokio::test]
async fn a_running_server_takes_other_users_and_peers() {
    let shell = Shell::bind(config(), &Listen::on(&[any()])).unwrap();
    let (server, control) = (shell.local_addrs()[0], shell.control());
    let mut tasks = JoinSet::new();
    tasks.spawn(shell.run(std::future::pending()));
    let mut client = Client::new(server).await;
    let relay = client.allocate().await;
    let peer = UdpSocket::bind(any()).await.unwrap();
    client.bind(peer.local_addr().unwrap()).await;
    let quotas = config().quotas;
    control.reload(Changes {
        users: Vec::new(),
        secrets: vec![Secret::new("south").unwrap()],
        peers: PeerPolicy::default(),
        quotas,
    });
    let ask = |w: Writer| w.attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
    // The old secret makes nobody new, and the call that is goes on; but not with peers that are refused now.
    let mut late = Client::new(server).await;
    assert_eq!(Message::decode(&late.ask(Method::Allocate, ask).await).unwrap().class, Class::Error);
    assert_eq!(Message::decode(&client.ask(Method::Refresh, |w| w).await).unwrap().class, Class::Success);
    let other = UdpSocket::bind(any()).await.unwrap();
    let permit = client
        .ask(Method::CreatePermission, |w| w.address(attribute::XOR_PEER_ADDRESS, other.local_addr().unwrap()))
        .await;
    assert_eq!(Message::decode(&permit).unwrap().class, Class::Error);
    control.drain();
    drop((relay, peer));
}

#[tokio::test]
async fn a_port_that_another_program_has_is_passed_over() {
    let taken = UdpSocket::bind(any()).await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut config = config();
    config.relay_ports = port..=port;
    let shell = Shell::bind(config, &Listen::on(&[any()])).unwrap();
    let server = shell.local_addrs()[0];
    let mut tasks = JoinSet::new();
    tasks.spawn(shell.run(std::future::pending()));
    let mut client = Client::new(server).await;
    let answer = client.ask(Method::Allocate, |w| w.attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0])).await;
    let answer = Message::decode(&answer).unwrap();
    assert_eq!(answer.attribute(attribute::ERROR_CODE), Some(&[0, 0, 5, 8][..]));
}

#[tokio::test]
async fn an_unspecified_address_stands_for_all_of_the_machine_on_one_port() {
    let shell = Shell::bind(config(), &Listen::on(&["0.0.0.0:0".parse().unwrap()])).unwrap();
    let addresses = shell.local_addrs();
    assert!(addresses.iter().any(|address| address.ip() == LOOPBACK));
    assert!(addresses.iter().all(|address| !address.ip().is_unspecified() && address.port() == addresses[0].port()));
}

#[tokio::test]
async fn a_taken_listener_is_told_in_a_sentence() {
    let taken = UdpSocket::bind(any()).await.unwrap();
    let Err(error) = Shell::bind(config(), &Listen::on(&[taken.local_addr().unwrap()])) else { panic!("it was taken") };
    assert!(error.to_string().starts_with("cannot listen on 127.0.0.1:"), "{error}");
}

#[test]
fn relays_stand_on_loopback_only_where_there_is_nothing_else() {
    let addresses = |listen: &[&str], external: &[&str]| {
        let listen: Vec<SocketAddr> = listen.iter().map(|text| text.parse().unwrap()).collect();
        let external: Vec<External> =
            external.iter().map(|text| External::from(text.parse::<IpAddr>().unwrap())).collect();
        let relays = relay_addresses(&listen, &external);
        relays.iter().map(|relay| format!("{}>{}", relay.bound, relay.advertised)).collect::<Vec<_>>()
    };
    assert_eq!(addresses(&["127.0.0.1:1", "10.0.0.1:1", "10.0.0.1:2"], &[]), ["10.0.0.1>10.0.0.1"]);
    assert_eq!(addresses(&["127.0.0.1:1"], &[]), ["127.0.0.1>127.0.0.1"]);
    assert_eq!(addresses(&["10.0.0.1:1", "[fd00::1]:1"], &["5.0.0.1"]), ["10.0.0.1>5.0.0.1", "fd00::1>fd00::1"]);
    let of = |bound: &str| External { public: [5, 0, 0, 1].into(), private: bound.parse().ok() };
    let listen = [([10, 0, 0, 1], 1).into(), ([10, 0, 0, 2], 1).into()];
    let relays = relay_addresses(&listen, &[of("10.0.0.2")]).into_iter().map(|relay| relay.advertised.to_string());
    assert_eq!(relays.collect::<Vec<_>>(), ["10.0.0.1", "5.0.0.1"], "what is said of one is not said of the other");
}
