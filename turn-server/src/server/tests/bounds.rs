//! TCP relays (RFC 6062) as a tool of others: how fast they carry, and how often they connect.

use super::*;
use crate::{ConnectionId, DataRate, Transport};

fn tcp(port: u16) -> FiveTuple {
    FiveTuple { client: SocketAddr::new(ann().ip(), port), local: listener(), transport: Transport::Tcp }
}

fn ask(lab: &mut Lab, tuple: FiveTuple, method: Method, build: impl FnOnce(Writer) -> Writer) -> Vec<Output> {
    let request = build(lab.writer(method));
    let datagram = lab.signed(tuple.client, "ann", request);
    lab.server.handle_client(tuple, &datagram, lab.now);
    lab.drain()
}

fn allocate(lab: &mut Lab, tuple: FiveTuple) {
    let outputs = ask(lab, tuple, Method::Allocate, |w| w.attribute(attribute::REQUESTED_TRANSPORT, &[6, 0, 0, 0]));
    assert!(Reply::among(outputs).is_success());
}

/// Asks for a connection to port after port, each of which is closed there; gives how many were tried, and the last
/// answer.
fn scan(lab: &mut Lab, tuple: FiveTuple, ports: std::ops::Range<u16>) -> (usize, Option<u16>) {
    let mut tried = 0;
    for port in ports {
        let to = SocketAddr::new(peer().ip(), port);
        let outputs = ask(lab, tuple, Method::Connect, |w| w.address(attribute::XOR_PEER_ADDRESS, to));
        let [Output::Connect { connection, .. }] = outputs[..] else { return (tried, Reply::among(outputs).code) };
        lab.server.handle_disconnected(connection);
        assert_eq!(Reply::among(lab.drain()).code, Some(447));
        tried += 1;
    }
    (tried, None)
}

#[test]
fn who_looks_for_open_ports_gets_no_further_than_one_a_second() {
    let mut lab = Lab::new();
    allocate(&mut lab, tcp(1));
    assert_eq!(scan(&mut lab, tcp(1), 1..1000), (64, Some(486)));
    lab.pass(10);
    assert_eq!(scan(&mut lab, tcp(1), 1..1000), (10, Some(486)));
    assert_eq!(lab.stats().refused.quota, 2);
}

#[test]
fn a_new_allocation_brings_its_user_no_new_attempts_for_ever() {
    let mut lab = Lab::new();
    let mut tried = 0;
    for port in 1..100 {
        allocate(&mut lab, tcp(port));
        tried += scan(&mut lab, tcp(port), 1..1000).0;
        lab.server.handle_client_gone(tcp(port));
        lab.drain();
    }
    assert_eq!(tried, 256);
    lab.pass(10);
    allocate(&mut lab, tcp(1));
    assert_eq!(scan(&mut lab, tcp(1), 1..1000), (64, Some(486)), "another allocation, some seconds later");
    // Another user notices nothing.
    let to = |w: Writer| w.attribute(attribute::REQUESTED_TRANSPORT, &[6, 0, 0, 0]);
    let theirs = FiveTuple { client: bob(), ..tcp(1) };
    for (method, build) in [
        (Method::Allocate, &to as &dyn Fn(Writer) -> Writer),
        (Method::Connect, &|w: Writer| w.address(attribute::XOR_PEER_ADDRESS, peer())),
    ] {
        let request = build(lab.writer(method));
        let datagram = lab.signed(bob(), "bob", request);
        lab.server.handle_client(theirs, &datagram, lab.now);
    }
    assert!(lab.drain().iter().any(|output| matches!(output, Output::Connect { .. })));
}

/// Two connections of one allocation, both bound.
fn two_connections(lab: &mut Lab) -> [ConnectionId; 2] {
    allocate(lab, tcp(1));
    [1, 2].map(|number| {
        let to = SocketAddr::new(peer().ip(), 1000 + number);
        let outputs = ask(lab, tcp(1), Method::Connect, |w| w.address(attribute::XOR_PEER_ADDRESS, to));
        let [Output::Connect { connection, .. }] = outputs[..] else { panic!("{outputs:?}") };
        lab.server.handle_connected(connection, lab.now);
        lab.drain();
        let bound = ask(lab, tcp(10 + number), Method::ConnectionBind, |w| {
            w.attribute(attribute::CONNECTION_ID, &connection.0)
        });
        assert!(Reply::among(bound).is_success());
        connection
    })
}

#[test]
fn the_rate_of_an_allocation_is_that_of_its_streams_together_and_each_way_by_itself() {
    let mut lab = Lab::with(|config| config.quotas.bytes_per_second = Some(1000));
    let [one, two] = two_connections(&mut lab);
    let all = DataRate { to_peer: 1000, from_peer: 1000 };
    assert_eq!(lab.server.allowance(one, lab.now), all);
    assert_eq!(lab.server.handle_carried(one, 600, 0, lab.now), None, "there is some left");
    assert_eq!(lab.server.allowance(two, lab.now), DataRate { to_peer: 400, from_peer: 1000 });
    let on_at = lab.server.handle_carried(two, 400, 10, lab.now);
    assert_eq!(on_at, Some(lab.now + Duration::from_millis(50)));
    lab.now += Duration::from_millis(50);
    assert_eq!(lab.server.allowance(one, lab.now), DataRate { to_peer: 50, from_peer: 1000 });
    // Over ten seconds it comes to ten seconds' worth, and the first one's.
    let mut carried = 1000;
    for _ in 0..1990 {
        lab.now += Duration::from_millis(5);
        let DataRate { to_peer, .. } = lab.server.allowance(one, lab.now);
        lab.server.handle_carried(one, to_peer, 0, lab.now);
        carried += to_peer;
    }
    assert_eq!((carried, lab.stats().carried_to_peers), (11_000, 11_000));
}

#[test]
fn without_a_rate_there_is_no_bound_and_no_waiting() {
    let mut lab = Lab::new();
    let [one, _] = two_connections(&mut lab);
    assert_eq!(lab.server.handle_carried(one, usize::MAX / 2, 1, lab.now), None);
    assert_eq!(lab.server.allowance(one, lab.now), DataRate { to_peer: usize::MAX, from_peer: usize::MAX });
}

#[test]
fn connections_of_all_together_are_bounded_as_well() {
    use crate::server::connect::IN_ALL;
    let mut lab = Lab::new();
    let mut taken = 0;
    for number in 1..=20 {
        let request = |w: Writer| w.attribute(attribute::REQUESTED_TRANSPORT, &[6, 0, 0, 0]);
        let outputs = ask(&mut lab, tcp(number), Method::Allocate, request);
        let opened = |output: &Output| if let Output::OpenRelay { relay, .. } = output { Some(*relay) } else { None };
        let relay = outputs.iter().find_map(opened);
        let outputs =
            ask(&mut lab, tcp(number), Method::CreatePermission, |w| w.address(attribute::XOR_PEER_ADDRESS, peer()));
        assert!(Reply::among(outputs).is_success());
        let from = (1..=100).map(|port| SocketAddr::new(peer().ip(), port));
        taken += from.filter(|from| lab.server.handle_accepted(relay.unwrap(), *from, lab.now).is_some()).count();
        lab.drain();
    }
    assert_eq!(taken, IN_ALL);
}
