//! The shell over real sockets on loopback: what the core decides does happen.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::oneshot;

use super::*;
use crate::codec::{ChannelData, Class, Message, Method, Writer, attribute, decode_address};
use crate::crypto::Key;
use crate::{PeerPolicy, Secret, rest};

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
    let shell = Shell::bind(config(), &[any()], &[]).unwrap();
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
    client.socket.send(&hello.encode().unwrap()).await.unwrap();
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
    let mut shell = Shell::bind(config(), &[any()], &[]).unwrap();
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

#[tokio::test]
async fn a_port_that_another_program_has_is_passed_over() {
    let taken = UdpSocket::bind(any()).await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut config = config();
    config.relay_ports = port..=port;
    let shell = Shell::bind(config, &[any()], &[]).unwrap();
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
    let shell = Shell::bind(config(), &["0.0.0.0:0".parse().unwrap()], &[]).unwrap();
    let addresses = shell.local_addrs();
    assert!(addresses.iter().any(|address| address.ip() == LOOPBACK));
    assert!(addresses.iter().all(|address| !address.ip().is_unspecified() && address.port() == addresses[0].port()));
}

#[tokio::test]
async fn a_taken_listener_is_told_in_a_sentence() {
    let taken = UdpSocket::bind(any()).await.unwrap();
    let Err(error) = Shell::bind(config(), &[taken.local_addr().unwrap()], &[]) else { panic!("it was taken") };
    assert!(error.to_string().starts_with("cannot listen on 127.0.0.1:"), "{error}");
}

#[test]
fn relays_stand_on_loopback_only_where_there_is_nothing_else() {
    let addresses = |listen: &[&str], external: &[&str]| {
        let listen: Vec<SocketAddr> = listen.iter().map(|text| text.parse().unwrap()).collect();
        let external: Vec<IpAddr> = external.iter().map(|text| text.parse().unwrap()).collect();
        let relays = relay_addresses(&listen, &external);
        relays.iter().map(|relay| format!("{}>{}", relay.bound, relay.advertised)).collect::<Vec<_>>()
    };
    assert_eq!(addresses(&["127.0.0.1:1", "10.0.0.1:1", "10.0.0.1:2"], &[]), ["10.0.0.1>10.0.0.1"]);
    assert_eq!(addresses(&["127.0.0.1:1"], &[]), ["127.0.0.1>127.0.0.1"]);
    assert_eq!(addresses(&["10.0.0.1:1", "[fd00::1]:1"], &["5.0.0.1"]), ["10.0.0.1>5.0.0.1", "fd00::1>fd00::1"]);
}
