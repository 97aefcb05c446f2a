//! The core in virtual time: a lab of one server and clients that are nothing but addresses.

mod abuse;
mod allocate;
mod auth;
mod bounds;
mod channels;
mod handed_out;
mod members;
mod mobility;
mod options;
mod permissions;
mod refresh;
mod relaying;
mod rtc_client;
mod shell_duties;
mod transports;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{FiveTuple, Output, Server};
use crate::codec::{ChannelData, Class, Message, Method, Writer, attribute, decode_address};
use crate::crypto::Key;
use crate::{Config, PeerPolicy, Secret, Stats, User};

/// Where the lab's clock begins: time since 1970.
const UNIX: Duration = Duration::from_secs(1_700_000_000);

const UDP: [u8; 4] = [17, 0, 0, 0];

/// A server and the time.
struct Lab {
    server: Server,
    now: Instant,
    transactions: u32,
}

/// What came back for a request.
#[derive(Debug)]
struct Reply {
    class: Class,
    code: Option<u16>,
    raw: Vec<u8>,
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn ann() -> SocketAddr {
    address("9.0.0.1:1000")
}

fn bob() -> SocketAddr {
    address("9.0.0.2:2000")
}

fn listener() -> SocketAddr {
    address("5.0.0.1:3478")
}

fn peer() -> SocketAddr {
    address("8.8.8.8:53")
}

fn key(name: &str, password: &str) -> Key {
    Key::long_term(name.as_bytes(), b"hearth", password.as_bytes())
}

/// An ordinary server: users ann and bob, one secret, relays on one address of each family.
fn config() -> Config {
    let user = |name: &str| User::new(name, Secret::new("pass").unwrap());
    let mut config = Config::new([7; 32]);
    config.users = vec![user("ann"), user("bob")];
    config.secrets = vec![Secret::new("old secret").unwrap(), Secret::new("new secret").unwrap()];
    config.relay_addresses = vec![address("5.0.0.1:0").ip().into(), address("[2600::1]:0").ip().into()];
    config.own = vec![listener()];
    config
}

impl Lab {
    fn new() -> Self {
        Self::with(|_| {})
    }

    #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to begin at")]
    fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = config();
        change(&mut config);
        let now = Instant::now();
        Self { server: Server::new(&config, now, UNIX), now, transactions: 0 }
    }

    fn allowing(range: &str) -> Self {
        Self::with(|config| config.peers = PeerPolicy::allowing([range.parse().unwrap()]))
    }

    fn stats(&self) -> Stats {
        *self.server.stats()
    }

    /// Lets time pass, and the server notice.
    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.server.handle_timeout(self.now);
    }

    fn drain(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.server.poll_output()).collect()
    }

    /// A datagram from a client; what the server does about it.
    fn send(&mut self, client: SocketAddr, datagram: &[u8]) -> Vec<Output> {
        self.server.handle_listener(client, listener(), datagram, self.now);
        self.drain()
    }

    /// A datagram from a peer to a relay.
    fn peer_sends(&mut self, relay: SocketAddr, peer: SocketAddr, data: &[u8]) -> Vec<Output> {
        self.server.handle_relay(relay, peer, data, self.now);
        self.drain()
    }

    fn writer(&mut self, method: Method) -> Writer {
        self.transactions += 1;
        let mut transaction = [0; 12];
        transaction[..4].copy_from_slice(&self.transactions.to_be_bytes());
        Writer::new(Class::Request, method, transaction)
    }

    /// A request of `name`, signed and with a fresh nonce.
    fn signed(&mut self, client: SocketAddr, name: &str, request: Writer) -> Vec<u8> {
        let nonce = self.server.gate.nonces.issue(client, self.server.clock.unix(self.now));
        let request = request
            .attribute(attribute::USERNAME, name.as_bytes())
            .attribute(attribute::REALM, b"hearth")
            .attribute(attribute::NONCE, nonce.as_bytes());
        request.seal(Some(&key(name, "pass")), false).unwrap()
    }

    /// Sends a request of `name` and takes the answer.
    fn ask_as(
        &mut self,
        name: &str,
        client: SocketAddr,
        method: Method,
        build: impl FnOnce(Writer) -> Writer,
    ) -> Reply {
        let request = build(self.writer(method));
        let datagram = self.signed(client, name, request);
        Reply::among(self.send(client, &datagram))
    }

    fn ask(&mut self, client: SocketAddr, method: Method, build: impl FnOnce(Writer) -> Writer) -> Reply {
        let name = if client.ip() == bob().ip() { "bob" } else { "ann" };
        self.ask_as(name, client, method, build)
    }

    fn allocate_with(&mut self, client: SocketAddr, build: impl FnOnce(Writer) -> Writer) -> Reply {
        self.ask(client, Method::Allocate, |w| build(w.attribute(attribute::REQUESTED_TRANSPORT, &UDP)))
    }

    /// A fresh allocation's relay.
    fn allocate(&mut self, client: SocketAddr) -> SocketAddr {
        self.allocate_with(client, |w| w).relayed()
    }

    fn permit(&mut self, client: SocketAddr, peer: SocketAddr) -> Reply {
        self.ask(client, Method::CreatePermission, |w| w.address(attribute::XOR_PEER_ADDRESS, peer))
    }

    fn bind(&mut self, client: SocketAddr, number: u16, peer: SocketAddr) -> Reply {
        let [n0, n1] = number.to_be_bytes();
        self.ask(client, Method::ChannelBind, |w| {
            w.attribute(attribute::CHANNEL_NUMBER, &[n0, n1, 0, 0]).address(attribute::XOR_PEER_ADDRESS, peer)
        })
    }

    fn refresh(&mut self, client: SocketAddr, seconds: u32) -> Reply {
        self.ask(client, Method::Refresh, |w| w.attribute(attribute::LIFETIME, &seconds.to_be_bytes()))
    }

    /// A Send indication.
    fn indicate(&mut self, client: SocketAddr, peer: SocketAddr, data: &[u8]) -> Vec<Output> {
        let indication = Writer::new(Class::Indication, Method::Send, [1; 12])
            .address(attribute::XOR_PEER_ADDRESS, peer)
            .attribute(attribute::DATA, data);
        self.send(client, &indication.seal(None, false).unwrap())
    }

    fn channel(&mut self, client: SocketAddr, number: u16, data: &[u8]) -> Vec<Output> {
        self.send(client, &ChannelData { number, data }.encode(false).unwrap())
    }
}

impl Reply {
    /// The one answer among the outputs.
    fn among(outputs: Vec<Output>) -> Self {
        let mut payloads = outputs.into_iter().filter_map(|output| match output {
            Output::Transmit { payload, .. } => Some(payload),
            Output::RelayTransmit { .. }
            | Output::OpenRelay { .. }
            | Output::CloseRelay { .. }
            | Output::Connect { .. }
            | Output::Splice { .. }
            | Output::Disconnect { .. }
            | Output::HandOver { .. }
            | Output::Deliver { .. } => None,
        });
        let raw = payloads.next().expect("an answer");
        assert_eq!(payloads.next(), None, "one answer");
        let message = Message::decode(&raw).expect("a sound answer");
        let code = message.attribute(attribute::ERROR_CODE).map(|v| u16::from(v[2]) * 100 + u16::from(v[3]));
        Self { class: message.class, code, raw }
    }

    fn message(&self) -> Message<'_> {
        Message::decode(&self.raw).unwrap()
    }

    fn is_success(&self) -> bool {
        self.class == Class::Success
    }

    fn relayed(&self) -> SocketAddr {
        let message = self.message();
        let value = message.attribute(attribute::XOR_RELAYED_ADDRESS).expect("a relay");
        decode_address(value, &message.transaction).unwrap()
    }

    fn lifetime(&self) -> u32 {
        u32::from_be_bytes(self.message().attribute(attribute::LIFETIME).unwrap().try_into().unwrap())
    }
}

/// What a client received, taken out of its wrapping: the peer or channel, and the data.
#[derive(Debug, PartialEq)]
enum Received {
    Indication(SocketAddr, Vec<u8>),
    Channel(u16, Vec<u8>),
}

fn received(outputs: &[Output], client: SocketAddr) -> Option<Received> {
    let [Output::Transmit { to, payload }] = outputs else { return None };
    assert_eq!(*to, FiveTuple::udp(client, listener()));
    if let Some(ChannelData { number, data }) = ChannelData::decode(payload).filter(|d| d.number >= 0x4000) {
        return Some(Received::Channel(number, data.to_vec()));
    }
    let message = Message::decode(payload).unwrap();
    assert_eq!((message.class, message.method), (Class::Indication, Method::Data));
    let from = decode_address(message.attribute(attribute::XOR_PEER_ADDRESS).unwrap(), &message.transaction);
    Some(Received::Indication(from.unwrap(), message.attribute(attribute::DATA).unwrap().to_vec()))
}

/// What left a relay.
fn relayed(relay: SocketAddr, destination: SocketAddr, data: &[u8]) -> Vec<Output> {
    vec![Output::RelayTransmit { relay, destination, payload: data.to_vec(), dont_fragment: false }]
}
