//! Allocate: every refusal, lifetimes, families, ports, quotas.

use super::*;

#[test]
fn a_client_gets_a_relay_and_its_own_address() {
    let mut lab = Lab::new();
    let reply = lab.allocate_with(ann(), |w| w);
    assert!(reply.is_success());
    assert_eq!(reply.relayed().ip(), listener().ip());
    assert!((49152..=65535).contains(&reply.relayed().port()));
    assert_eq!(reply.lifetime(), 600);
    let message = reply.message();
    let mapped = message.attribute(attribute::XOR_MAPPED_ADDRESS).unwrap();
    assert_eq!(decode_address(mapped, &message.transaction), Some(ann()));
    assert!(message.is_signed_by(&key("ann", "pass")));
    assert_eq!(lab.stats().allocations, 1);
}

#[test]
fn each_fault_has_its_code() {
    type Build = fn(Writer) -> Writer;
    let cases: [(&str, Build, u16); 11] = [
        ("no transport", |w| w, 400),
        ("short transport", |w| w.attribute(attribute::REQUESTED_TRANSPORT, &[17]), 400),
        ("tcp from udp", |w| w.attribute(attribute::REQUESTED_TRANSPORT, &[6, 0, 0, 0]), 400),
        ("sctp", |w| w.attribute(attribute::REQUESTED_TRANSPORT, &[132, 0, 0, 0]), 442),
        ("unknown family", |w| udp(w).attribute(attribute::REQUESTED_ADDRESS_FAMILY, &[3, 0, 0, 0]), 440),
        ("short family", |w| udp(w).attribute(attribute::REQUESTED_ADDRESS_FAMILY, &[1]), 400),
        ("short lifetime", |w| udp(w).attribute(attribute::LIFETIME, &[1]), 400),
        ("long even-port", |w| udp(w).attribute(attribute::EVEN_PORT, &[0, 0]), 400),
        ("foreign token", |w| udp(w).attribute(attribute::RESERVATION_TOKEN, &[0; 8]), 508),
        ("short token", |w| udp(w).attribute(attribute::RESERVATION_TOKEN, &[0; 7]), 400),
        (
            "token and even-port",
            |w| udp(w).attribute(attribute::RESERVATION_TOKEN, &[0; 8]).attribute(attribute::EVEN_PORT, &[0]),
            400,
        ),
    ];
    for (name, build, code) in cases {
        let mut lab = Lab::new();
        assert_eq!(lab.ask(ann(), Method::Allocate, build).code, Some(code), "{name}");
        assert_eq!(lab.stats().allocations, 0, "{name}");
    }
}

#[test]
fn lifetimes_are_between_ten_minutes_and_an_hour() {
    for (asked, granted) in [(0, 600), (1, 600), (601, 601), (3600, 3600), (u32::MAX, 3600)] {
        let mut lab = Lab::new();
        let reply = lab.allocate_with(ann(), |w| w.attribute(attribute::LIFETIME, &u32::to_be_bytes(asked)));
        assert_eq!(reply.lifetime(), granted, "{asked}");
    }
}

#[test]
fn the_family_is_the_one_asked_for() {
    for (family, is_ipv4) in [(1, true), (2, false)] {
        let mut lab = Lab::new();
        let reply = lab.allocate_with(ann(), |w| w.attribute(attribute::REQUESTED_ADDRESS_FAMILY, &[family, 0, 0, 0]));
        assert_eq!(reply.relayed().is_ipv4(), is_ipv4);
    }
    let mut lab = Lab::with(|config| config.relay_addresses.truncate(1));
    let reply = lab.allocate_with(ann(), |w| w.attribute(attribute::REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0]));
    assert_eq!(reply.code, Some(440));
}

#[test]
fn the_same_request_again_gets_the_same_answer_and_another_one_437() {
    let mut lab = Lab::new();
    let request = udp(lab.writer(Method::Allocate));
    let datagram = lab.signed(ann(), "ann", request);
    let first = Reply::among(lab.send(ann(), &datagram));
    lab.pass(1);
    let second = Reply::among(lab.send(ann(), &datagram));
    assert_eq!(first.raw, second.raw);
    assert_eq!(lab.allocate_with(ann(), |w| w).code, Some(437));
    assert_eq!(lab.ask_as("bob", ann(), Method::Allocate, udp).code, Some(437));
    assert_eq!((lab.stats().allocations, lab.stats().allocated), (1, 1));
}

#[test]
fn quotas_count_each_user_and_all_of_them() {
    let mut lab = Lab::with(|config| {
        config.quotas.allocations = 3;
        config.quotas.allocations_per_user = 2;
    });
    let client = |port| SocketAddr::new(ann().ip(), port);
    lab.allocate(client(1));
    lab.allocate(client(2));
    assert_eq!(lab.allocate_with(client(3), |w| w).code, Some(486), "of one user");
    lab.allocate(bob());
    assert_eq!(lab.ask_as("bob", client(4), Method::Allocate, udp).code, Some(486), "in all");
    assert!(lab.refresh(client(1), 0).is_success());
    lab.allocate(client(3));
}

#[test]
fn ports_run_out_and_come_back() {
    let mut lab = Lab::with(|config| config.relay_ports = 60000..=60001);
    let client = |port| SocketAddr::new(ann().ip(), port);
    let (one, two) = (lab.allocate(client(1)), lab.allocate(client(2)));
    assert_ne!(one, two);
    assert_eq!(lab.allocate_with(client(3), |w| w).code, Some(508));
    lab.refresh(client(1), 0);
    assert_eq!(lab.allocate(client(3)), one);
}

#[test]
fn even_ports_come_alone_or_with_the_next_one_reserved() {
    let mut lab = Lab::with(|config| config.relay_ports = 60001..=60003);
    let client = |port| SocketAddr::new(ann().ip(), port);
    let pair = lab.allocate_with(client(1), |w| w.attribute(attribute::EVEN_PORT, &[0x80]));
    assert_eq!(pair.relayed().port(), 60002);
    let token = pair.message().attribute(attribute::RESERVATION_TOKEN).unwrap().to_vec();
    assert_eq!(lab.allocate_with(client(2), |w| w.attribute(attribute::EVEN_PORT, &[0])).code, Some(508));
    assert_eq!(lab.allocate(client(2)).port(), 60001, "the reserved one is kept");
    let above = lab.allocate_with(client(3), |w| w.attribute(attribute::RESERVATION_TOKEN, &token));
    assert_eq!(above.relayed().port(), 60003);
    let again = lab.allocate_with(client(4), |w| w.attribute(attribute::RESERVATION_TOKEN, &token));
    assert_eq!(again.code, Some(508), "a token serves once");
}

#[test]
fn a_reservation_ends_after_half_a_minute() {
    let mut lab = Lab::with(|config| config.relay_ports = 60000..=60001);
    let pair = lab.allocate_with(ann(), |w| w.attribute(attribute::EVEN_PORT, &[0x80]));
    let token = pair.message().attribute(attribute::RESERVATION_TOKEN).unwrap().to_vec();
    assert_eq!(lab.server.poll_timeout(), Some(lab.now + Duration::from_secs(30)));
    lab.pass(29);
    assert_eq!(lab.drain(), []);
    lab.pass(1);
    let above = SocketAddr::new(listener().ip(), 60001);
    assert_eq!(lab.drain(), [Output::CloseRelay { relay: above }]);
    let late = lab.allocate_with(bob(), |w| w.attribute(attribute::RESERVATION_TOKEN, &token));
    assert_eq!(late.code, Some(508));
    assert_eq!(lab.allocate(bob()).port(), 60001, "and its port is free");
}

#[test]
fn a_reserved_port_is_open_at_once_and_hears_nothing_before_it_is_somebodys() {
    let mut lab = Lab::with(|config| config.relay_ports = 60000..=60001);
    let request = udp(lab.writer(Method::Allocate)).attribute(attribute::EVEN_PORT, &[0x80]);
    let datagram = lab.signed(ann(), "ann", request);
    let outputs = lab.send(ann(), &datagram);
    let opened: Vec<u16> = outputs
        .iter()
        .filter_map(|output| if let Output::OpenRelay { relay, .. } = output { Some(relay.port()) } else { None })
        .collect();
    assert_eq!(opened, [60000, 60001]);
    let above = SocketAddr::new(listener().ip(), 60001);
    lab.permit(ann(), peer());
    assert_eq!(lab.peer_sends(above, peer(), b"early"), []);
    assert_eq!(lab.stats().dropped.no_allocation, 1);
    // Nor is it a peer of anybody on this server.
    lab.permit(ann(), above);
    assert_eq!(lab.indicate(ann(), above, b"x"), []);
    let token = Reply::among(outputs).message().attribute(attribute::RESERVATION_TOKEN).unwrap().to_vec();
    let request = udp(lab.writer(Method::Allocate)).attribute(attribute::RESERVATION_TOKEN, &token);
    let datagram = lab.signed(bob(), "bob", request);
    let outputs = lab.send(bob(), &datagram);
    assert_eq!(outputs.len(), 1, "nothing is opened again: {outputs:?}");
    assert_eq!(Reply::among(outputs).relayed(), above);
    lab.permit(bob(), peer());
    assert!(received(&lab.peer_sends(above, peer(), b"now"), bob()).is_some());
    // It is bob's: ann's end leaves it standing.
    lab.refresh(ann(), 0);
    assert!(received(&lab.peer_sends(above, peer(), b"now"), bob()).is_some());
}

#[test]
fn a_reservation_ends_with_the_allocation_that_made_it() {
    let mut lab = Lab::with(|config| config.relay_ports = 60000..=60001);
    lab.allocate_with(ann(), |w| w.attribute(attribute::EVEN_PORT, &[0x80]));
    lab.server.handle_client_gone(FiveTuple::udp(ann(), listener()));
    let mut closed: Vec<u16> = lab
        .drain()
        .iter()
        .filter_map(|output| if let Output::CloseRelay { relay } = output { Some(relay.port()) } else { None })
        .collect();
    closed.sort_unstable();
    assert_eq!((closed, lab.server.poll_timeout()), (vec![60000, 60001], None));
}

#[test]
fn an_allocation_ends_with_its_lifetime() {
    let mut lab = Lab::new();
    let relay = lab.allocate(ann());
    assert_eq!(lab.server.poll_timeout(), Some(lab.now + Duration::from_secs(600)));
    lab.pass(599);
    assert_eq!(lab.drain(), []);
    lab.pass(1);
    assert_eq!(lab.drain(), [Output::CloseRelay { relay }]);
    assert_eq!((lab.stats().allocations, lab.server.poll_timeout()), (0, None));
    assert_eq!(lab.permit(ann(), peer()).code, Some(437));
}

#[test]
fn behind_a_nat_the_external_address_is_advertised() {
    let mut lab = Lab::with(|config| config.relay_addresses[0].bound = address("10.0.0.5:0").ip());
    let request = udp(lab.writer(Method::Allocate));
    let datagram = lab.signed(ann(), "ann", request);
    let outputs = lab.send(ann(), &datagram);
    let Output::OpenRelay { relay, .. } = outputs[0] else { panic!("{outputs:?}") };
    assert_eq!(relay.ip(), address("10.0.0.5:0").ip());
    assert_eq!(Reply::among(outputs).relayed(), SocketAddr::new(address("5.0.0.1:0").ip(), relay.port()));
}

fn udp(writer: Writer) -> Writer {
    writer.attribute(attribute::REQUESTED_TRANSPORT, &UDP)
}
