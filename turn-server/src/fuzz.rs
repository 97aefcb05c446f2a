//! What strangers may send, for fuzzers and the replay of their corpus: the codec, the core as a whole, and coturn's
//! file.
//!
//! Nothing here is random: one input always does the same. What must hold whatever comes is asserted after each step.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::codec::{COOKIE, ChannelData, Class, ClassicBinding, Message, Method, Writer, attribute, frame_length};
use crate::crypto::Key;
use crate::probe::Probe;
use crate::{Config, ConnectionId, FiveTuple, Output, Secret, Server, Transport, User, settings};

/// The moment at which the core's wall clock begins.
const UNIX: Duration = Duration::from_secs(1_700_000_000);
/// Allocations that the core may hold: few, so that a short script comes to the bound.
const ALLOCATIONS: usize = 3;
/// Attributes that a script names by their place.
const ATTRIBUTES: [u16; 16] = [
    attribute::REQUESTED_TRANSPORT,
    attribute::XOR_PEER_ADDRESS,
    attribute::CHANNEL_NUMBER,
    attribute::LIFETIME,
    attribute::DATA,
    attribute::EVEN_PORT,
    attribute::RESERVATION_TOKEN,
    attribute::REQUESTED_ADDRESS_FAMILY,
    attribute::ADDITIONAL_ADDRESS_FAMILY,
    attribute::MOBILITY_TICKET,
    attribute::CONNECTION_ID,
    attribute::DONT_FRAGMENT,
    attribute::CHANGE_REQUEST,
    attribute::PADDING,
    attribute::USERHASH,
    attribute::FINGERPRINT,
];
const METHODS: [Method; 8] = [
    Method::Binding,
    Method::Allocate,
    Method::Refresh,
    Method::CreatePermission,
    Method::ChannelBind,
    Method::Connect,
    Method::ConnectionBind,
    Method::Other(0x123),
];

/// Bytes as a message, as ChannelData, and as the beginning of a stream.
pub fn messages(data: &[u8]) {
    if let Ok(Some(length)) = frame_length(data) {
        assert!((4..=65_556).contains(&length), "a frame of {length} bytes");
    }
    if let Some(ChannelData { number, data: inner }) = ChannelData::decode(data) {
        let again = ChannelData { number, data: inner }.encode(false);
        assert!(again.is_none_or(|again| data.starts_with(&again)), "ChannelData is read back");
    }
    if let Some(request) = ClassicBinding::decode(data) {
        assert!(Message::decode(data).is_err(), "a message is of one kind");
        let answer = request.answer(([192, 0, 2, 1], 9).into(), None);
        assert!(answer.len() == 32 && answer.get(4..20) == data.get(4..20), "the transaction is repeated");
    }
    let mut probe = Probe::new("1:x".to_owned(), "y".to_owned(), [0; 12]);
    if probe.handle(data).is_none() {
        assert!(Message::decode(&probe.request()).is_ok(), "what a challenge makes of it is sound");
    }
    let Ok(message) = Message::decode(data) else { return };
    assert!(!message.is_signed_by(&key()), "nobody guesses a signature");
    for kind in message.not_understood(&[]) {
        assert!(kind < 0x8000 && message.attribute(kind).is_some());
    }
}

/// Bytes as a file of coturn's. What can be read is planned, too.
pub fn coturn_file(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match settings::parse_coturn(text) {
        Ok(mut draft) => {
            draft.cert = None; // a fuzzer opens no file
            draft.key = None;
            draft.external_names.clear(); // and asks nobody for names
            match settings::Plan::new(draft, [1; 32]) {
                Ok(plan) => assert_eq!(plan.summary().lines().count(), 8),
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
        Err(error) => assert!(error.starts_with("line "), "{error}"),
    }
}

/// Bytes as a script of what clients, peers, time and the shell do to a core.
pub fn core(data: &[u8], now: Instant) {
    let mut stage = Stage::new(now);
    let mut script = Script { rest: data };
    while let Some(step) = script.byte() {
        stage.step(step, &mut script);
        stage.drain();
    }
    stage.end();
}

/// What is left of a script. Where it ends, everything is 0 or empty.
struct Script<'a> {
    rest: &'a [u8],
}

impl<'a> Script<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn number(&mut self) -> usize {
        self.byte().unwrap_or(0).into()
    }

    /// As many bytes as the next one says.
    fn bytes(&mut self) -> &'a [u8] {
        let length = self.number().min(self.rest.len());
        let (bytes, rest) = self.rest.split_at(length);
        self.rest = rest;
        bytes
    }
}

/// A core, and what its shell knows of it.
struct Stage {
    server: Server,
    now: Instant,
    transaction: u8,
    relays: BTreeSet<SocketAddr>,
    connections: Vec<ConnectionId>,
    /// A nonce of each client, as the last challenge said.
    nonces: [Vec<u8>; 4],
    /// Tickets, tokens and ids that were given, for scripts to use.
    given: Vec<Vec<u8>>,
}

fn key() -> Key {
    Key::derived(crate::crypto::PasswordAlgorithm::Md5, b"ann", b"hearth", b"pass")
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)))
}

fn client(number: usize) -> FiveTuple {
    let transport = [Transport::Udp, Transport::Udp, Transport::Tcp, Transport::Tls].get(number % 4);
    FiveTuple {
        client: SocketAddr::from(([9, 0, 0, 1], 1000 + (number % 4) as u16)),
        local: address("5.0.0.1:3478"),
        transport: transport.copied().unwrap_or(Transport::Udp),
    }
}

fn peer(number: usize) -> SocketAddr {
    let peers = ["8.8.8.8:53", "8.8.4.4:4000", "[2600::9]:9", "5.0.0.1:3478"];
    address(peers.get(number % 4).copied().unwrap_or("8.8.8.8:53"))
}

impl Stage {
    fn new(now: Instant) -> Self {
        let mut config = Config::new([7; 32]);
        config.users = Secret::new("pass").map(|secret| User::new("ann", secret)).into_iter().collect();
        config.relay_addresses = vec![address("5.0.0.1:0").ip().into(), address("[2600::1]:0").ip().into()];
        config.relay_ports = 60_000..=60_007;
        config.own = vec![address("5.0.0.1:3478")];
        config.quotas.allocations = ALLOCATIONS;
        config.quotas.bytes_per_second = Some(10_000);
        Self {
            server: Server::new(&config, now, UNIX),
            now,
            transaction: 0,
            relays: BTreeSet::new(),
            connections: Vec::new(),
            nonces: Default::default(),
            given: Vec::new(),
        }
    }

    fn step(&mut self, step: u8, script: &mut Script<'_>) {
        let (who, now) = (script.number(), self.now);
        match step % 10 {
            0 => self.server.handle_client(client(who), script.bytes(), now),
            1..=3 => self.request(who, script),
            4 => self.indicate(who, script),
            5 => {
                let number = 0x4000 + (script.number() % 4) as u16;
                if let Some(message) = (ChannelData { number, data: script.bytes() }).encode(false) {
                    self.server.handle_client(client(who), &message, now);
                }
            }
            6 => {
                let relay = self.relay(who);
                self.server.handle_relay(relay, peer(script.number()), script.bytes(), now);
            }
            7 => {
                self.now += Duration::from_secs(who as u64 * 4);
                self.server.handle_timeout(self.now);
            }
            8 => self.connection(who, script),
            _ if who % 2 == 0 => self.server.handle_client_gone(client(who / 2)),
            _ => self.server.handle_relay_failed(self.relay(who)),
        }
    }

    fn relay(&self, number: usize) -> SocketAddr {
        let relays: Vec<_> = self.relays.iter().collect();
        let at = number % relays.len().max(1);
        relays.get(at).map_or_else(|| address("5.0.0.1:60000"), |relay| **relay)
    }

    fn writer(&mut self, class: Class, method: Method) -> Writer {
        self.transaction = self.transaction.wrapping_add(1);
        Writer::new(class, method, [self.transaction; 12])
    }

    /// Attributes as the script says; addresses and what the server gave are named, the rest is spelled out.
    fn attributes(&self, mut writer: Writer, script: &mut Script<'_>) -> Writer {
        for _ in 0..script.number() % 5 {
            let kind = ATTRIBUTES.get(script.number() % ATTRIBUTES.len()).copied().unwrap_or(attribute::DATA);
            writer = match script.number() % 3 {
                0 => writer.attribute(kind, script.bytes()),
                1 if script.number().is_multiple_of(2) => writer.address(kind, peer(script.number())),
                1 => writer.address(kind, self.relay(script.number())),
                _ => {
                    let at = script.number() % self.given.len().max(1);
                    writer.attribute(kind, self.given.get(at).map_or(&[], Vec::as_slice))
                }
            };
        }
        writer
    }

    fn request(&mut self, who: usize, script: &mut Script<'_>) {
        let method = METHODS.get(script.number() % METHODS.len()).copied().unwrap_or(Method::Binding);
        let writer = self.writer(Class::Request, method);
        let writer = self.attributes(writer, script);
        let nonce = self.nonces.get(who % 4).cloned().unwrap_or_default();
        let writer = writer
            .attribute(attribute::USERNAME, b"ann")
            .attribute(attribute::REALM, b"hearth")
            .attribute(attribute::NONCE, &nonce);
        if let Some(message) = writer.seal(Some(&key()), who > 127) {
            self.server.handle_client(client(who), &message, self.now);
        }
    }

    fn indicate(&mut self, who: usize, script: &mut Script<'_>) {
        let writer = self.writer(Class::Indication, Method::Send);
        if let Some(message) = self.attributes(writer, script).seal(None, false) {
            self.server.handle_client(client(who), &message, self.now);
        }
    }

    fn connection(&mut self, who: usize, script: &mut Script<'_>) {
        let at = script.number() % self.connections.len().max(1);
        let id = self.connections.get(at).copied();
        match (who % 3, id) {
            (0, Some(id)) => self.server.handle_connected(id, self.now),
            (1, Some(id)) => self.server.handle_disconnected(id),
            _ => {
                let accepted = self.server.handle_accepted(self.relay(who), peer(at), self.now);
                self.connections.extend(accepted);
            }
        }
    }

    /// Does what the core wants done, and checks that it can be done.
    fn drain(&mut self) {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Transmit { to, payload } => self.read(to, &payload),
                Output::RelayTransmit { relay, destination, .. } => {
                    assert!(self.relays.contains(&relay), "data leaves an open relay");
                    assert!(destination.port() != 0 && destination != address("5.0.0.1:3478"), "to a peer that may be");
                }
                Output::OpenRelay { relay, .. } => assert!(self.relays.insert(relay), "{relay} is opened once"),
                Output::CloseRelay { relay } => {
                    // One whose opening failed was said to be none.
                    self.relays.remove(&relay);
                }
                Output::Connect { connection, .. } => self.connections.push(connection),
                Output::Disconnect { connection } => self.connections.retain(|other| *other != connection),
                Output::Splice { connection, .. } => {
                    assert!(self.connections.contains(&connection), "a connection that stands is spliced");
                }
                Output::HandOver { .. } | Output::Deliver { .. } => unreachable!("there is one worker"),
            }
        }
        let held = self.server.stats().allocations as usize;
        assert!(held <= ALLOCATIONS, "{held} allocations");
        assert!(self.connections.len() < 4096);
    }

    /// Whatever is sent to a client is a message, or ChannelData.
    fn read(&mut self, to: FiveTuple, payload: &[u8]) {
        if ChannelData::is_one(payload) {
            assert!(ChannelData::decode(payload).is_some());
            return;
        }
        if payload.starts_with(&[1, 1]) && payload.get(4..8) != Some(&COOKIE) {
            // To a client of RFC 3489: one address, or three of them.
            assert!(matches!(payload.len(), 32 | 44 | 56 | 92), "{} bytes", payload.len());
            return;
        }
        let message = Message::decode(payload);
        assert!(message.is_ok(), "a sound message");
        let Ok(message) = message else { return };
        if let Some(nonce) = message.attribute(attribute::NONCE)
            && let Some(place) = (0..4).find(|number| client(*number) == to).and_then(|at| self.nonces.get_mut(at))
        {
            *place = nonce.to_vec();
        }
        let kinds = [attribute::MOBILITY_TICKET, attribute::RESERVATION_TOKEN, attribute::CONNECTION_ID];
        self.given.extend(kinds.iter().filter_map(|kind| message.attribute(*kind)).map(<[u8]>::to_vec));
    }

    /// Two hours later nothing is left.
    fn end(&mut self) {
        for _ in 0..2 {
            self.now += Duration::from_secs(3601);
            self.server.handle_timeout(self.now);
            self.drain();
        }
        assert_eq!(self.server.stats().allocations, 0, "everything ends");
        assert_eq!(self.server.poll_timeout(), None, "and nothing waits");
    }
}
