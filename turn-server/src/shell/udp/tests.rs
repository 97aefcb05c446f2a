//! Runs, and sockets that send and receive them.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;

use super::*;

fn address(port: u16) -> SocketAddr {
    SocketAddr::new([127, 0, 0, 1].into(), port)
}

fn pair() -> (Socket, Socket) {
    let bind = || Socket::listener(std::net::UdpSocket::bind(address(0)).unwrap()).unwrap();
    (bind(), bind())
}

/// Reads until `count` datagrams are there; none is lost on loopback.
#[expect(clippy::disallowed_methods, reason = "the wait is real, and ends")]
pub(super) fn read(inbox: &mut Arena, socket: &Socket, count: usize) -> Vec<Arrival> {
    let (now, mut arrivals) = (std::time::Instant::now, Vec::new());
    let until = now() + std::time::Duration::from_secs(20);
    while arrivals.len() < count {
        match inbox.read(socket, SLOTS, &mut arrivals) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}"),
        }
        assert!(inbox.free() > 0 && now() < until, "{} of {count} came", arrivals.len());
    }
    arrivals
}

fn pattern() -> Vec<u8> {
    (0..100_000_u32).map(|n| (n % 251) as u8).collect()
}

#[test]
fn what_is_sent_in_runs_arrives_as_it_was() {
    let (one, two) = pair();
    let (from, to) = (one.udp.local_addr().unwrap(), two.udp.local_addr().unwrap());
    let arena = pattern();
    let pieces: Vec<Range<usize>> =
        (0..20).map(|n| n * 1000..n * 1000 + 1000).chain([50_000..50_010, 60_000..60_000, 20_000..85_000]).collect();
    let mut outbox = Outbox::new();
    for piece in &pieces {
        outbox.push((), to, piece.clone());
    }
    assert_eq!(outbox.flush(&arena, |()| Some(&one)), 0);
    let mut inbox = Arena::new();
    let arrivals = read(&mut inbox, &two, pieces.len());
    for (arrival, piece) in arrivals.iter().zip(&pieces) {
        assert_eq!(arrival.from, from);
        assert!(inbox.get(&arrival.bytes) == &arena[piece.clone()]);
    }
    inbox.clear();
    assert_eq!(inbox.free(), SLOTS);
}

#[test]
fn there_is_room_in_front_of_each_datagram_that_comes_to_a_relay() {
    for ip in [[127, 0, 0, 1].into(), std::net::IpAddr::from(std::net::Ipv6Addr::LOCALHOST)] {
        let Ok(from) = std::net::UdpSocket::bind((ip, 0)) else { continue }; // a machine without IPv6
        let from = Socket::listener(from).unwrap();
        let relay = Socket::relay((ip, 0).into()).unwrap();
        let to = relay.udp.local_addr().unwrap();
        let arena = pattern();
        // A run of the greatest length, one of the smallest pieces, and one that is no run.
        let mut pieces: Vec<Range<usize>> = (0..54).map(|n| n * 1200..n * 1200 + 1200).collect();
        pieces.extend((0..64).map(|n| 70_000 + n..70_001 + n));
        pieces.push(80_000..80_500);
        let mut outbox = Outbox::new();
        for piece in &pieces {
            outbox.push((), to, piece.clone());
        }
        assert_eq!(outbox.flush(&arena, |()| Some(&from)), 0);
        let mut inbox = Arena::new();
        let arrivals = read(&mut inbox, &relay, pieces.len());
        for arrival in &arrivals {
            assert_eq!(arrival.from, from.udp.local_addr().unwrap());
            inbox.get_mut(arrival.bytes.start - HEADROOM..arrival.bytes.start).fill(255);
        }
        for (arrival, piece) in arrivals.iter().zip(&pieces) {
            assert!(inbox.get(&arrival.bytes) == &arena[piece.clone()], "{piece:?} of {ip}");
        }
    }
}

#[test]
fn what_cannot_go_as_a_run_goes_piece_by_piece_and_the_others_all_the_same() {
    let (one, two) = pair();
    let to = two.udp.local_addr().unwrap();
    let other = pair().0;
    let arena = pattern();
    let mut outbox = Outbox::new();
    // Those to port 0 are a run that is refused, and so is each of them.
    let nowhere = address(0);
    outbox.push(1, nowhere, 0..10);
    outbox.push(1, to, 0..100);
    outbox.push(1, to, 100..200);
    outbox.push(1, nowhere, 0..10);
    outbox.push(2, to, 200..300);
    outbox.push(1, to, 300..320);
    let unsent = outbox.flush(&arena, |exit| Some(if exit == 1 { &one } else { &other }));
    assert_eq!(unsent, 2);
    let mut inbox = Arena::new();
    let arrivals = read(&mut inbox, &two, 4);
    let mut lengths: Vec<usize> = arrivals.iter().map(|arrival| arrival.bytes.len()).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [20, 100, 100, 100]);
}

#[test]
fn a_socket_that_is_gone_loses_what_it_was_to_send() {
    let mut outbox = Outbox::new();
    outbox.push(7, address(9), 0..10);
    outbox.push(7, address(9), 0..10);
    assert_eq!(outbox.flush(&[0; 10], |_| None), 2);
    assert!(outbox.is_empty());
}
