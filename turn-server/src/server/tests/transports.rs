//! Streams, TCP relays (RFC 6062), and workers beside this one.

use std::sync::Arc;

use super::*;
use crate::{ConnectionId, Protocol, SharedState, Transport};

const TCP: [u8; 4] = [6, 0, 0, 0];

fn tcp(client: SocketAddr) -> FiveTuple {
    FiveTuple { client, local: listener(), transport: Transport::Tcp }
}

/// A request of `name` on a connection; what the server does about it.
fn ask(
    lab: &mut Lab,
    name: &str,
    tuple: FiveTuple,
    method: Method,
    build: impl FnOnce(Writer) -> Writer,
) -> Vec<Output> {
    let request = build(lab.writer(method));
    let datagram = lab.signed(tuple.client, name, request);
    lab.server.handle_client(tuple, &datagram, lab.now);
    lab.drain()
}

/// ann's TCP relay.
fn relay(lab: &mut Lab) -> SocketAddr {
    let outputs = ask(lab, "ann", tcp(ann()), Method::Allocate, |w| w.attribute(attribute::REQUESTED_TRANSPORT, &TCP));
    let Output::OpenRelay { relay, protocol: Protocol::Tcp } = outputs[0] else { panic!("{outputs:?}") };
    assert!(Reply::among(outputs).is_success());
    relay
}

fn connect(lab: &mut Lab, to: SocketAddr) -> Vec<Output> {
    ask(lab, "ann", tcp(ann()), Method::Connect, |w| w.address(attribute::XOR_PEER_ADDRESS, to))
}

/// A connection to the peer that stands.
fn connected(lab: &mut Lab) -> ConnectionId {
    let outputs = connect(lab, peer());
    let [Output::Connect { connection, .. }] = outputs[..] else { panic!("{outputs:?}") };
    lab.server.handle_connected(connection, lab.now);
    let answer = Reply::among(lab.drain());
    assert_eq!(answer.message().attribute(attribute::CONNECTION_ID), Some(&connection.0[..]));
    connection
}

fn bind(lab: &mut Lab, name: &str, port: u16, id: &[u8]) -> Vec<Output> {
    let tuple = tcp(SocketAddr::new(ann().ip(), port));
    ask(lab, name, tuple, Method::ConnectionBind, |w| w.attribute(attribute::CONNECTION_ID, id))
}

#[test]
fn a_client_connects_to_a_peer_and_binds_the_connection() {
    let mut lab = Lab::new();
    let relay = relay(&mut lab);
    let connection = connected(&mut lab);
    let outputs = bind(&mut lab, "ann", 7, &connection.0);
    let client = tcp(SocketAddr::new(ann().ip(), 7));
    assert_eq!(outputs.last(), Some(&Output::Splice { connection, client }));
    assert!(Reply::among(outputs).is_success());
    // The client's own connection goes: so does the peer's.
    lab.server.handle_client_gone(client);
    assert_eq!(lab.drain(), [Output::Disconnect { connection }]);
    // The control connection goes: so does the relay.
    lab.server.handle_client_gone(tcp(ann()));
    assert_eq!(lab.drain(), [Output::CloseRelay { relay }]);
    assert_eq!(lab.stats().allocations, 0);
}

#[test]
fn a_peer_with_permission_comes_in_and_others_do_not() {
    let mut lab = Lab::new();
    let relay = relay(&mut lab);
    assert_eq!(lab.server.handle_accepted(relay, peer(), lab.now), None);
    ask(&mut lab, "ann", tcp(ann()), Method::CreatePermission, |w| w.address(attribute::XOR_PEER_ADDRESS, peer()));
    let id = lab.server.handle_accepted(relay, peer(), lab.now).unwrap();
    let attempt = Reply::among(lab.drain());
    assert_eq!(attempt.message().method, Method::ConnectionAttempt);
    assert_eq!(attempt.message().attribute(attribute::CONNECTION_ID), Some(&id.0[..]));
    assert!(Reply::among(bind(&mut lab, "ann", 7, &id.0)).is_success());
}

#[test]
fn connections_are_nobody_elses() {
    let mut lab = Lab::new();
    relay(&mut lab);
    let connection = connected(&mut lab);
    assert_eq!(Reply::among(bind(&mut lab, "bob", 7, &connection.0)).code, Some(400), "another user's");
    let mut guessed = connection.0;
    guessed[3] ^= 1;
    assert_eq!(Reply::among(bind(&mut lab, "ann", 7, &guessed)).code, Some(400), "guessed");
    assert_eq!(Reply::among(bind(&mut lab, "ann", 7, &[0])).code, Some(400), "short");
    let udp = lab.ask(ann(), Method::ConnectionBind, |w| w.attribute(attribute::CONNECTION_ID, &connection.0));
    assert_eq!(udp.code, Some(400), "by datagram");
    assert!(Reply::among(bind(&mut lab, "ann", 8, &connection.0)).is_success());
    assert_eq!(Reply::among(bind(&mut lab, "ann", 9, &connection.0)).code, Some(400), "twice");
}

#[test]
fn an_id_that_somebody_has_is_drawn_again() {
    // Both draw the same chance.
    let (mut one, mut other) = (Lab::new(), Lab::new());
    relay(&mut one);
    relay(&mut other);
    let id = connected(&mut one);
    let theirs = tcp(bob());
    let phase = crate::server::connections::ConnectPhase::Waiting;
    other.server.connections.insert(id, theirs, peer(), phase, other.now);
    let drawn = connected(&mut other);
    assert!(drawn != id && drawn.0[0] == id.0[0], "another one, of the same worker");
    assert_eq!(other.server.connections.get(id).map(|connection| connection.owner), Some(theirs));
}

#[test]
fn a_connection_that_nobody_binds_ends_after_half_a_minute() {
    let mut lab = Lab::new();
    relay(&mut lab);
    let connection = connected(&mut lab);
    lab.pass(29);
    assert_eq!(lab.drain(), []);
    lab.pass(1);
    assert_eq!(lab.drain(), [Output::Disconnect { connection }]);
    assert_eq!(Reply::among(bind(&mut lab, "ann", 7, &connection.0)).code, Some(400));
}

#[test]
fn a_peer_that_cannot_be_reached_is_447_also_when_it_only_keeps_silent() {
    let mut lab = Lab::new();
    relay(&mut lab);
    let outputs = connect(&mut lab, peer());
    let [Output::Connect { connection, .. }] = outputs[..] else { panic!("{outputs:?}") };
    lab.server.handle_disconnected(connection);
    assert_eq!(Reply::among(lab.drain()).code, Some(447));
    connect(&mut lab, peer());
    lab.pass(30);
    assert_eq!(Reply::among(lab.drain()).code, Some(447));
    assert_eq!(lab.stats().refused.unreachable, 2);
}

#[test]
fn each_fault_of_a_connect_has_its_code() {
    let mut lab = Lab::new();
    let of_udp = ask(&mut lab, "ann", tcp(ann()), Method::Connect, |w| w.address(attribute::XOR_PEER_ADDRESS, peer()));
    assert_eq!(Reply::among(of_udp).code, Some(437), "no allocation");
    relay(&mut lab);
    let none = ask(&mut lab, "ann", tcp(ann()), Method::Connect, |w| w);
    assert_eq!(Reply::among(none).code, Some(400), "no peer");
    for (forbidden, code) in [
        ("127.0.0.1:80", 403),
        ("10.0.0.1:80", 403),
        ("169.254.169.254:80", 403),
        ("5.0.0.1:3478", 403),
        ("5.0.0.1:50000", 403),
        ("[2600::9]:80", 443),
        ("8.8.8.8:0", 400),
    ] {
        assert_eq!(Reply::among(connect(&mut lab, address(forbidden))).code, Some(code), "{forbidden}");
    }
    connected(&mut lab);
    assert_eq!(Reply::among(connect(&mut lab, peer())).code, Some(446), "there is one");
    let more = (1..64).filter(|port| {
        matches!(connect(&mut lab, SocketAddr::new(peer().ip(), 1000 + port))[..], [Output::Connect { .. }])
    });
    assert_eq!(more.count(), 63);
    assert_eq!(Reply::among(connect(&mut lab, address("8.8.8.8:9999"))).code, Some(508), "too many");
}

#[test]
fn a_tcp_relay_passes_no_datagrams_and_has_no_channels() {
    let mut lab = Lab::new();
    let relay = relay(&mut lab);
    let refused = ask(&mut lab, "ann", tcp(ann()), Method::ChannelBind, |w| {
        w.attribute(attribute::CHANNEL_NUMBER, &[0x40, 0, 0, 0]).address(attribute::XOR_PEER_ADDRESS, peer())
    });
    assert_eq!(Reply::among(refused).code, Some(403));
    assert_eq!(lab.peer_sends(relay, peer(), b"x"), []);
    for (kind, value) in
        [(attribute::EVEN_PORT, &[0][..]), (attribute::DONT_FRAGMENT, &[]), (attribute::RESERVATION_TOKEN, &[0; 8])]
    {
        let outputs = ask(&mut lab, "ann", tcp(bob()), Method::Allocate, |w| {
            w.attribute(attribute::REQUESTED_TRANSPORT, &TCP).attribute(kind, value)
        });
        assert_eq!(Reply::among(outputs).code, Some(400), "{kind:#x}");
    }
}

#[test]
fn channel_data_is_padded_on_a_stream_alone() {
    let mut lab = Lab::new();
    let outputs =
        ask(&mut lab, "ann", tcp(ann()), Method::Allocate, |w| w.attribute(attribute::REQUESTED_TRANSPORT, &UDP));
    let Output::OpenRelay { relay, .. } = outputs[0] else { panic!("{outputs:?}") };
    ask(&mut lab, "ann", tcp(ann()), Method::ChannelBind, |w| {
        w.attribute(attribute::CHANNEL_NUMBER, &[0x40, 0, 0, 0]).address(attribute::XOR_PEER_ADDRESS, peer())
    });
    let outputs = lab.peer_sends(relay, peer(), b"hello");
    let [Output::Transmit { to, payload }] = &outputs[..] else { panic!("{outputs:?}") };
    assert_eq!((to.transport, payload.len()), (Transport::Tcp, 12));
}

#[test]
fn who_hangs_up_and_comes_again_has_one_allocation_and_no_more_quota() {
    let mut lab = Lab::with(|config| config.quotas.allocations_per_user = 1);
    for port in 1..200 {
        let tuple = tcp(SocketAddr::new(ann().ip(), port));
        let ask_for = |w: Writer| w.attribute(attribute::REQUESTED_TRANSPORT, &UDP);
        assert!(Reply::among(ask(&mut lab, "ann", tuple, Method::Allocate, ask_for)).is_success(), "{port}");
        let other = tcp(SocketAddr::new(ann().ip(), 1000 + port));
        assert_eq!(Reply::among(ask(&mut lab, "ann", other, Method::Allocate, ask_for)).code, Some(486), "{port}");
        lab.server.handle_client_gone(tuple);
        lab.drain();
    }
    assert_eq!(lab.stats().allocations, 0);
    // With a ticket it stands, and may be come back to; the quota counts it.
    let with_ticket =
        |w: Writer| w.attribute(attribute::REQUESTED_TRANSPORT, &UDP).attribute(attribute::MOBILITY_TICKET, &[]);
    ask(&mut lab, "ann", tcp(ann()), Method::Allocate, with_ticket);
    lab.server.handle_client_gone(tcp(ann()));
    assert_eq!(lab.stats().allocations, 1);
    assert_eq!(lab.allocate_with(ann(), |w| w).code, Some(486));
}

/// Two workers of one server.
fn workers() -> [Lab; 2] {
    let config = config();
    let commons = Arc::new(SharedState::new(&config, 2));
    let first = Lab::new();
    let now = first.now;
    [0, 1].map(|worker| {
        let server = Server::worker(&config, Arc::clone(&commons), worker, now, UNIX);
        Lab { server, now, transactions: u32::from(worker) * 1000 }
    })
}

#[test]
fn what_belongs_to_another_worker_is_handed_over() {
    let [mut one, mut other] = workers();
    let reply = one.allocate_with(ann(), |w| w.attribute(attribute::MOBILITY_TICKET, &[]));
    let ticket = reply.message().attribute(attribute::MOBILITY_TICKET).unwrap().to_vec();
    let pair = one.allocate_with(bob(), |w| w.attribute(attribute::EVEN_PORT, &[0x80]));
    let token = pair.message().attribute(attribute::RESERVATION_TOKEN).unwrap().to_vec();
    let elsewhere = address("9.0.0.9:9");
    let handed = |outputs: Vec<Output>| {
        assert_eq!(outputs, [Output::HandOver { worker: 0, client: FiveTuple::udp(elsewhere, listener()) }]);
    };
    let request = other.writer(Method::Refresh).attribute(attribute::MOBILITY_TICKET, &ticket);
    let datagram = other.signed(elsewhere, "ann", request);
    handed(other.send(elsewhere, &datagram));
    let request = other.writer(Method::Allocate).attribute(attribute::RESERVATION_TOKEN, &token);
    let token_datagram = other.signed(elsewhere, "bob", request.attribute(attribute::REQUESTED_TRANSPORT, &UDP));
    handed(other.send(elsewhere, &token_datagram));
    // There it is taken; nonces are good with every worker.
    assert!(Reply::among(one.send(elsewhere, &datagram)).is_success());
    assert!(one.server.holds(&FiveTuple::udp(elsewhere, listener())));
}

#[test]
fn data_for_a_relay_of_another_worker_is_delivered_there() {
    let [mut one, mut other] = workers();
    let (ours, theirs) = (one.allocate(ann()), other.allocate(bob()));
    assert_ne!(ours, theirs, "ports are shared out");
    assert!(one.permit(ann(), theirs).is_success());
    assert!(other.permit(bob(), ours).is_success());
    let outputs = one.indicate(ann(), theirs, b"hi");
    assert_eq!(outputs, [Output::Deliver { worker: 1, relay: theirs, from: ours, payload: b"hi".to_vec() }]);
    let outputs = other.peer_sends(theirs, ours, b"hi");
    assert_eq!(received(&outputs, bob()), Some(Received::Indication(ours, b"hi".to_vec())));
    other.refresh(bob(), 0);
    assert_eq!(one.indicate(ann(), theirs, b"hi"), [], "nobody there any more");
}

#[test]
fn quotas_are_of_all_workers_together() {
    let mut config = config();
    config.quotas.allocations_per_user = 2;
    let commons = Arc::new(SharedState::new(&config, 2));
    let now = Lab::new().now;
    let mut labs = [0, 1].map(|worker| {
        let server = Server::worker(&config, Arc::clone(&commons), worker, now, UNIX);
        Lab { server, now, transactions: u32::from(worker) * 1000 }
    });
    let client = |port| SocketAddr::new(ann().ip(), port);
    labs[0].allocate(client(1));
    labs[1].allocate(client(2));
    assert_eq!(labs[0].allocate_with(client(3), |w| w).code, Some(486));
    labs[1].refresh(client(2), 0);
    labs[0].allocate(client(3));
}

#[test]
fn a_peer_that_is_refused_now_loses_its_connection() {
    let mut lab = Lab::new();
    relay(&mut lab);
    let connection = connected(&mut lab);
    bind(&mut lab, "ann", 7, &connection.0);
    let config = config();
    let changes = crate::Changes {
        users: config.users,
        secrets: config.secrets,
        peers: PeerPolicy::default().denying(["8.0.0.0/8".parse().unwrap()]),
        quotas: config.quotas,
    };
    lab.server.reload(&changes, lab.now);
    assert_eq!(lab.drain(), [Output::Disconnect { connection }]);
}

#[test]
fn a_connection_may_be_bound_after_the_name_that_made_it_has_ended() {
    let mut lab = Lab::new();
    let secret = Secret::new("new secret").unwrap();
    let (name, password) = crate::rest::credentials(&secret, "kim", Duration::from_secs(60), UNIX);
    let key = key(&name, &password);
    let ask = |lab: &mut Lab, tuple: FiveTuple, method: Method, kind: u16, value: &[u8]| {
        let nonce = lab.server.gate.nonces.issue(tuple.client, lab.server.clock.unix(lab.now));
        let request = lab.writer(method).attribute(kind, value).attribute(attribute::USERNAME, name.as_bytes());
        let request = request.attribute(attribute::REALM, b"hearth").attribute(attribute::NONCE, nonce.as_bytes());
        lab.server.handle_client(tuple, &request.seal(Some(&key), false).unwrap(), lab.now);
        lab.drain()
    };
    ask(&mut lab, tcp(ann()), Method::Allocate, attribute::REQUESTED_TRANSPORT, &TCP);
    lab.pass(120);
    let outputs = ask(&mut lab, tcp(ann()), Method::Connect, attribute::XOR_PEER_ADDRESS, &xor(peer()));
    let [Output::Connect { connection, .. }] = outputs[..] else { panic!("{outputs:?}") };
    lab.server.handle_connected(connection, lab.now);
    lab.drain();
    let other = tcp(SocketAddr::new(ann().ip(), 7));
    let outputs = ask(&mut lab, other, Method::ConnectionBind, attribute::CONNECTION_ID, &connection.0);
    assert!(Reply::among(outputs).is_success());
}

/// The value of XOR-PEER-ADDRESS for an address of IPv4, which no transaction changes.
fn xor(address: SocketAddr) -> Vec<u8> {
    let mut value = Vec::new();
    crate::codec::encode_address(address, &[0; 12], &mut value);
    value
}
