//! Clients whose allocation, connection or port belongs to another worker than the one that they hash to, over each
//! transport.
//!
//! Where a client hashes is the kernel's to say. So each test has several come, one after the other, and the workers'
//! own counters say at the end that both had to do with it.

use std::net::{TcpListener, UdpSocket as Udp};

use super::wires::{Caller, Running};
use super::*;
use crate::Transport;

/// Clients that come one after the other: all with one of two workers once in 65536 times.
const COMERS: u8 = 16;

/// Both workers have challenged somebody, so some were handed over and some were not.
fn both_were_there(server: &Running) {
    server.until_each(|stats| stats.refused.stale_nonce > 0);
}

fn peer() -> (Udp, SocketAddr) {
    let peer = Udp::bind(any()).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let address = peer.local_addr().unwrap();
    (peer, address)
}

fn data(data: &[u8]) -> Vec<u8> {
    ChannelData { number: 0x4000, data }.encode(true).unwrap()
}

fn heard(peer: &Udp) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 2048];
    let (length, from) = peer.recv_from(&mut buffer).unwrap();
    (buffer[..length].to_vec(), from)
}

/// An allocation follows its client from connection to connection, wherever the next one comes in.
fn follows(transport: Transport) {
    let server = Running::start(config(), 2);
    let (peer, peer_address) = peer();
    let mut client = Caller::new(&server, transport);
    let answer = client.ask(Method::Allocate, |w| {
        w.attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]).attribute(attribute::MOBILITY_TICKET, &[])
    });
    let answer = Message::decode(&answer).unwrap();
    let mut ticket = answer.attribute(attribute::MOBILITY_TICKET).unwrap().to_vec();
    let relay = decode_address(answer.attribute(attribute::XOR_RELAYED_ADDRESS).unwrap(), &answer.transaction).unwrap();
    client.bind(peer_address);
    let mut old = Some(client);
    for comer in 0..COMERS {
        let mut next = Caller::new(&server, transport);
        if comer % 2 == 0 {
            drop(old.take()); // it is gone before the move, else after it
        }
        let request = next.request(Method::Refresh, |w| w.attribute(attribute::MOBILITY_TICKET, &ticket));
        if transport.is_stream() {
            // Data in the same segment as the request goes with the connection.
            next.send(&[request, data(b"early")].concat());
            assert_eq!(heard(&peer), (b"early".to_vec(), relay), "comer {comer}");
        } else {
            next.send(&request);
        }
        let answer = next.receive();
        let answer = Message::decode(&answer).unwrap();
        assert_eq!((answer.class, answer.attribute(attribute::ERROR_CODE)), (Class::Success, None), "comer {comer}");
        ticket = answer.attribute(attribute::MOBILITY_TICKET).unwrap().to_vec();
        next.send(&data(b"up"));
        assert_eq!(heard(&peer), (b"up".to_vec(), relay), "comer {comer}");
        peer.send_to(b"down", relay).unwrap();
        let came = next.receive();
        assert_eq!(ChannelData::decode(&came), Some(ChannelData { number: 0x4000, data: b"down" }), "comer {comer}");
        next.bind(peer_address); // and its requests find it
        old = Some(next);
    }
    drop(old);
    both_were_there(&server);
    server.until(|stats| stats.moved == u64::from(COMERS) && stats.allocations == 1);
}

#[test]
fn an_allocation_follows_a_client_by_tcp() {
    follows(Transport::Tcp);
}

#[test]
fn an_allocation_follows_a_client_by_tls() {
    follows(Transport::Tls);
}

#[test]
fn an_allocation_follows_a_client_by_dtls() {
    follows(Transport::Dtls);
}

/// Connections of a TCP relay are bound by connections that come in anywhere.
fn binds(transport: Transport) {
    let server = Running::start(config(), 2);
    let listener = TcpListener::bind(any()).unwrap();
    let mut control = Caller::new(&server, transport);
    control.get(Method::Allocate, |w| w.attribute(attribute::REQUESTED_TRANSPORT, &[6, 0, 0, 0]), 0);
    for comer in 0..COMERS {
        // Another port each: of one peer there is one connection at a time.
        let listener = if comer == 0 { listener.try_clone().unwrap() } else { TcpListener::bind(any()).unwrap() };
        let address = listener.local_addr().unwrap();
        let connect = |w: Writer| w.address(attribute::XOR_PEER_ADDRESS, address);
        let id = control.get(Method::Connect, connect, attribute::CONNECTION_ID);
        let (mut peer, _) = listener.accept().unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        // What the peer says before it is bound waits, and what the client sends with the request goes after it.
        io::Write::write_all(&mut peer, b"waited").unwrap();
        let mut data = Caller::new(&server, transport);
        let request = data.request(Method::ConnectionBind, |w| w.attribute(attribute::CONNECTION_ID, &id));
        data.send(&[request, b"early".to_vec()].concat());
        let answer = data.receive();
        let answer = Message::decode(&answer).unwrap();
        assert_eq!((answer.class, answer.attribute(attribute::ERROR_CODE)), (Class::Success, None), "comer {comer}");
        assert_eq!(data.read_exact(6), b"waited", "comer {comer}");
        let mut buffer = [0; 5];
        io::Read::read_exact(&mut peer, &mut buffer).unwrap();
        assert_eq!(&buffer, b"early", "comer {comer}");
        // Large pieces both ways, and then the peer's end is the client's.
        let piece: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
        let there = piece.clone();
        let echo = std::thread::Builder::new().spawn(move || {
            let mut came = vec![0; there.len()];
            io::Read::read_exact(&mut peer, &mut came).unwrap();
            io::Write::write_all(&mut peer, &came).unwrap();
        });
        data.send(&piece);
        assert!(data.read_exact(piece.len()) == piece, "comer {comer}");
        echo.unwrap().join().unwrap();
        while data.read_some() {}
        assert!(data.inbox.is_empty(), "comer {comer}");
    }
    both_were_there(&server);
    server.until(|stats| stats.connections == u64::from(COMERS));
}

#[test]
fn connections_are_bound_by_tcp_wherever_they_come_in() {
    binds(Transport::Tcp);
}

#[test]
fn connections_are_bound_by_tls_wherever_they_come_in() {
    binds(Transport::Tls);
}

/// A reserved port is redeemed by clients that come in anywhere.
fn redeems(transport: Transport) {
    let server = Running::start(config(), 2);
    let (peer, peer_address) = peer();
    for comer in 0..COMERS {
        let (mut first, mut second) = (Caller::new(&server, transport), Caller::new(&server, transport));
        let asked = |w: Writer| w.attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
        let pair = |w: Writer| asked(w).attribute(attribute::EVEN_PORT, &[0x80]);
        let token = first.get(Method::Allocate, pair, attribute::RESERVATION_TOKEN);
        let answer = second.ask(Method::Allocate, |w| asked(w).attribute(attribute::RESERVATION_TOKEN, &token));
        let answer = Message::decode(&answer).unwrap();
        assert_eq!((answer.class, answer.attribute(attribute::ERROR_CODE)), (Class::Success, None), "comer {comer}");
        let relay =
            decode_address(answer.attribute(attribute::XOR_RELAYED_ADDRESS).unwrap(), &answer.transaction).unwrap();
        second.bind(peer_address);
        peer.send_to(b"down", relay).unwrap();
        let came = second.receive();
        assert_eq!(ChannelData::decode(&came), Some(ChannelData { number: 0x4000, data: b"down" }), "comer {comer}");
    }
    both_were_there(&server);
}

#[test]
fn a_reserved_port_is_redeemed_by_tcp_wherever_the_client_comes_in() {
    redeems(Transport::Tcp);
}

#[test]
fn a_reserved_port_is_redeemed_by_dtls_wherever_the_client_comes_in() {
    redeems(Transport::Dtls);
}
