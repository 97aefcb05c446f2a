//! Data: who gets it, who does not, and what is counted.

use super::*;

#[test]
fn indications_carry_data_both_ways() {
    let mut lab = Lab::new();
    let relay = lab.allocate(ann());
    lab.permit(ann(), peer());
    assert_eq!(lab.indicate(ann(), peer(), b"hello"), relayed(relay, peer(), b"hello"));
    let outputs = lab.peer_sends(relay, peer(), b"world!");
    assert_eq!(received(&outputs, ann()), Some(Received::Indication(peer(), b"world!".to_vec())));
    let stats = lab.stats();
    assert_eq!((stats.to_peers.datagrams, stats.to_peers.bytes), (1, 5));
    assert_eq!((stats.from_peers.datagrams, stats.from_peers.bytes), (1, 6));
}

#[test]
fn empty_datagrams_are_datagrams() {
    let mut lab = Lab::new();
    let relay = lab.allocate(ann());
    lab.bind(ann(), 0x4000, peer());
    assert_eq!(lab.channel(ann(), 0x4000, b""), relayed(relay, peer(), b""));
    assert_eq!(received(&lab.peer_sends(relay, peer(), b""), ann()), Some(Received::Channel(0x4000, Vec::new())));
}

#[test]
fn without_a_permission_nothing_passes() {
    let mut lab = Lab::new();
    let relay = lab.allocate(ann());
    lab.permit(ann(), address("1.1.1.1:1"));
    assert_eq!(lab.indicate(ann(), peer(), b"x"), []);
    assert_eq!(lab.peer_sends(relay, peer(), b"x"), []);
    assert_eq!(lab.stats().dropped.no_permission, 2);
    assert_eq!(lab.indicate(bob(), peer(), b"x"), [], "no allocation");
    assert_eq!(lab.peer_sends(address("5.0.0.1:50000"), peer(), b"x"), [], "no relay");
    assert_eq!(lab.stats().dropped.no_allocation, 2);
    assert_eq!((lab.stats().to_peers.datagrams, lab.stats().from_peers.datagrams), (0, 0));
}

#[test]
fn two_clients_of_one_server_meet_inside() {
    let mut lab = Lab::new();
    let (of_ann, of_bob) = (lab.allocate(ann()), lab.allocate(bob()));
    assert!(lab.permit(ann(), of_bob).is_success());
    assert_eq!(lab.indicate(ann(), of_bob, b"hi"), [], "bob has not agreed");
    assert_eq!(lab.stats().dropped.no_permission, 1);
    assert!(lab.bind(bob(), 0x4001, of_ann).is_success());
    let outputs = lab.indicate(ann(), of_bob, b"hi");
    assert_eq!(received(&outputs, bob()), Some(Received::Channel(0x4001, b"hi".to_vec())));
    let outputs = lab.channel(bob(), 0x4001, b"hello");
    assert_eq!(received(&outputs, ann()), Some(Received::Indication(of_bob, b"hello".to_vec())));
    // What comes in and goes out within the server counts in both directions.
    let stats = lab.stats();
    assert_eq!((stats.to_peers.bytes, stats.from_peers.bytes), (9, 7));
}

#[test]
fn they_meet_by_their_external_addresses_too() {
    let mut lab = Lab::with(|config| config.relay_addresses[0].bound = address("10.0.0.5:0").ip());
    let (of_ann, of_bob) = (lab.allocate(ann()), lab.allocate(bob()));
    assert_eq!(of_ann.ip(), address("5.0.0.1:0").ip());
    lab.permit(ann(), of_bob);
    lab.permit(bob(), of_ann);
    let outputs = lab.indicate(ann(), of_bob, b"hi");
    assert_eq!(received(&outputs, bob()), Some(Received::Indication(of_ann, b"hi".to_vec())));
}

#[test]
fn when_the_other_relay_is_gone_its_port_is_nobody() {
    let mut lab = Lab::new();
    let (_, of_bob) = (lab.allocate(ann()), lab.allocate(bob()));
    lab.permit(ann(), of_bob);
    lab.refresh(bob(), 0);
    assert_eq!(lab.indicate(ann(), of_bob, b"x"), []);
    assert_eq!(lab.stats().dropped.own_address, 1);
}

#[test]
fn a_client_that_sends_to_itself_hears_itself_once() {
    let mut lab = Lab::new();
    let relay = lab.allocate(ann());
    lab.bind(ann(), 0x4000, relay);
    let outputs = lab.channel(ann(), 0x4000, b"echo");
    assert_eq!(received(&outputs, ann()), Some(Received::Channel(0x4000, b"echo".to_vec())));
}

#[test]
fn what_cannot_be_wrapped_is_dropped() {
    let mut lab = Lab::new();
    let relay = lab.allocate(ann());
    lab.permit(ann(), peer());
    assert_eq!(lab.peer_sends(relay, peer(), &[0; 65_507]), []);
    lab.bind(ann(), 0x4000, peer());
    assert_eq!(lab.peer_sends(relay, peer(), &[0; 65_504]), []);
    assert!(received(&lab.peer_sends(relay, peer(), &[0; 65_503]), ann()).is_some());
    assert_eq!(lab.stats().dropped.oversized, 2);
}

#[test]
fn an_indication_with_a_strange_attribute_is_discarded() {
    let mut lab = Lab::new();
    lab.allocate(ann());
    lab.permit(ann(), peer());
    let indication = Writer::new(Class::Indication, Method::Send, [1; 12])
        .address(attribute::XOR_PEER_ADDRESS, peer())
        .attribute(attribute::DATA, b"x")
        .attribute(0x001b, &[]);
    let datagram = indication.seal(None, false).unwrap();
    assert_eq!(lab.send(ann(), &datagram), []);
    assert_eq!(lab.stats().dropped.unexpected, 1);
}
