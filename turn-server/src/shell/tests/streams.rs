//! Streams that are too fast, too slow, or made of nothing: what they cost others, and what is lost of them.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream as Tcp};
use std::sync::atomic::{AtomicBool, Ordering};

use ring::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use rustls::ConnectionTrafficSecrets;

use super::wires::{Caller, Running};
use super::*;
use crate::Transport;

/// A TCP relay's connection with a peer, bound by a client over `transport`: the control connection, the data, the
/// peer.
fn spliced(server: &Running, transport: Transport) -> (Caller, Caller, Tcp) {
    let listener = TcpListener::bind(any()).unwrap();
    let address = listener.local_addr().unwrap();
    let mut control = Caller::new(server, transport);
    control.get(Method::Allocate, |w| w.attribute(attribute::REQUESTED_TRANSPORT, &[6, 0, 0, 0]), 0);
    let connect = |w: Writer| w.address(attribute::XOR_PEER_ADDRESS, address);
    let id = control.get(Method::Connect, connect, attribute::CONNECTION_ID);
    let (peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut data = Caller::new(server, transport);
    data.get(Method::ConnectionBind, |w| w.attribute(attribute::CONNECTION_ID, &id), 0);
    (control, data, peer)
}

fn some(count: usize) -> Vec<u8> {
    (0..count).map(|n| (n % 251) as u8).collect()
}

#[test]
fn a_rate_makes_streams_wait_and_drops_nothing() {
    let mut config = config();
    config.quotas.bytes_per_second = Some(1_000_000);
    let server = Running::start(config, 1);
    let (_control, mut data, mut peer) = spliced(&server, Transport::Tcp);
    let sent = some(1_600_000);
    // The first second's worth goes at once; the rest takes its time, each way by itself and so both at once.
    let begun = now();
    let (mut writer, mut back) = (data.tcp().try_clone().unwrap(), peer.try_clone().unwrap());
    let (up, down) = (sent.clone(), sent.clone());
    let threads = [
        std::thread::Builder::new().spawn(move || writer.write_all(&up).unwrap()),
        std::thread::Builder::new().spawn(move || back.write_all(&down).unwrap()),
    ];
    let there = sent.clone();
    let read = std::thread::Builder::new().spawn(move || {
        let mut came = vec![0; there.len()];
        peer.read_exact(&mut came).unwrap();
        assert!(came == there, "to the peer");
        peer
    });
    assert!(data.read_exact(sent.len()) == sent, "from the peer");
    drop(read.unwrap().join().unwrap());
    threads.into_iter().for_each(|thread| thread.unwrap().join().unwrap());
    let took = now() - begun;
    assert!(took >= Duration::from_millis(600), "{took:?}");
    let stats = server.until(|stats| stats.carried_from_peers == sent.len() as u64);
    assert_eq!((stats.carried_to_peers, stats.dropped.limited), (sent.len() as u64, 0));
}

/// Ends a flood.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_pair_that_is_never_quiet_leaves_others_their_turn() {
    let server = Running::start(config(), 1);
    let (_control, mut data, mut peer) = spliced(&server, Transport::Tcp);
    let is_over = &AtomicBool::new(false);
    let (mut client_in, mut client_out) = (data.tcp().try_clone().unwrap(), data.tcp().try_clone().unwrap());
    let mut peer_out = peer.try_clone().unwrap();
    let piece = some(1 << 20);
    std::thread::scope(|scope| {
        let _ends = Ends(is_over); // also where the test fails
        for stream in [&mut client_out, &mut peer_out] {
            let piece = &piece;
            scope.spawn(move || {
                // The first of both that stops ends the pair, and the other's last piece with it.
                while stream.write_all(piece).is_ok() && !is_over.load(Ordering::Relaxed) {}
                assert!(is_over.load(Ordering::Relaxed));
                drop(stream.shutdown(std::net::Shutdown::Write));
            });
        }
        for stream in [&mut client_in, &mut peer] {
            scope.spawn(move || {
                let mut buffer = vec![0; 1 << 20];
                while stream.read(&mut buffer).is_ok_and(|read| read > 0) {}
            });
        }
        // By the same worker: a datagram, a stream and a new connection, again and again.
        let mut udp = Caller::stranger(&server, Transport::Udp);
        let mut tcp = Caller::stranger(&server, Transport::Tcp);
        for _ in 0..50 {
            let mut fresh = Caller::stranger(&server, Transport::Tcp);
            for caller in [&mut udp, &mut tcp, &mut fresh] {
                let answer = caller.ask(Method::Binding, |w| w);
                assert_eq!(Message::decode(&answer).unwrap().class, Class::Success);
            }
        }
    });
    let stats = server.until(|stats| stats.carried_to_peers > 0 && stats.carried_from_peers > 0);
    assert!(stats.carried_to_peers > 1 << 20, "it was busy: {stats:?}");
}

/// The client's half of TLS 1.3, written by hand: rustls sends no record that holds nothing.
struct Records {
    key: LessSafeKey,
    iv: [u8; 12],
    next: u64,
    socket: Tcp,
}

impl Records {
    /// What `caller` goes on with.
    fn of(caller: Caller) -> Self {
        let (session, socket) = caller.into_tls();
        let (next, secrets) = session.dangerous_extract_secrets().unwrap().tx;
        let (algorithm, key, iv) = match &secrets {
            ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (&AES_256_GCM, key, iv),
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (&CHACHA20_POLY1305, key, iv),
            ConnectionTrafficSecrets::Aes128Gcm { .. } | _ => panic!("another cipher"),
        };
        let key = LessSafeKey::new(UnboundKey::new(algorithm, key.as_ref()).unwrap());
        Self { key, iv: iv.as_ref().try_into().unwrap(), next, socket }
    }

    /// A record with this inside (RFC 8446 section 5.2).
    fn record(&mut self, data: &[u8]) -> Vec<u8> {
        let mut nonce = self.iv;
        for (byte, number) in nonce.iter_mut().skip(4).zip(self.next.to_be_bytes()) {
            *byte ^= number;
        }
        self.next += 1;
        let mut inside = [data, &[23]].concat();
        let [l0, l1] = ((inside.len() + 16) as u16).to_be_bytes();
        let header = [23, 3, 3, l0, l1];
        self.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(header), &mut inside).unwrap();
        [&header[..], &inside].concat()
    }

    /// So many records that hold nothing, and behind them one that holds this.
    fn send_behind_nothing(&mut self, count: usize, data: &[u8]) {
        let mut all: Vec<u8> = (0..count).flat_map(|_| self.record(&[])).collect();
        all.extend(self.record(data));
        self.socket.write_all(&all).unwrap();
    }
}

/// Records in a row that may hold nothing: with one more, the library that reads them ends the connection.
const NOTHING: usize = 32;

#[test]
fn behind_records_that_hold_nothing_comes_the_next_message_and_too_many_end_the_connection() {
    let server = Running::start(config(), 1);
    let mut caller = Caller::new(&server, Transport::Tls);
    let binding = caller.request(Method::Binding, |w| w);
    let mut records = Records::of(caller);
    for _ in 0..100 {
        records.send_behind_nothing(NOTHING, &binding);
        let mut header = [0; 5];
        records.socket.read_exact(&mut header).unwrap();
        assert_eq!(header[..3], [23, 3, 3], "an answer, encrypted");
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        records.socket.read_exact(&mut vec![0; length]).unwrap();
    }
    records.send_behind_nothing(NOTHING + 1, &binding);
    let mut rest = Vec::new();
    if records.socket.read_to_end(&mut rest).is_ok() {
        assert!(rest.len() < 60, "an alert at most: {rest:?}");
    }
    let mut other = Caller::stranger(&server, Transport::Tls);
    assert_eq!(Message::decode(&other.ask(Method::Binding, |w| w)).unwrap().class, Class::Success);
}

#[test]
fn behind_records_that_hold_nothing_comes_the_rest_of_a_stream() {
    let server = Running::start(config(), 1);
    let (_control, data, mut peer) = spliced(&server, Transport::Tls);
    let mut records = Records::of(data);
    for _ in 0..100 {
        records.send_behind_nothing(NOTHING, b"something");
        let mut came = [0; 9];
        peer.read_exact(&mut came).unwrap();
        assert_eq!(&came, b"something");
    }
    records.send_behind_nothing(NOTHING + 1, b"something");
    assert_eq!(peer.read(&mut [0; 9]).unwrap(), 0, "the pair is over");
}
