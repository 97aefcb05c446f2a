//! A server that was told who the members are serves nobody else.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::*;

/// A member on a home network, which the policy alone would refuse.
const CAROL: &str = "192.168.1.7:4000";

fn set(lab: &mut Lab, members: &[&str]) -> Vec<Output> {
    let members: BTreeSet<IpAddr> = members.iter().map(|text| text.parse().unwrap()).collect();
    lab.server.set_members(&members, lab.now);
    lab.drain()
}

/// A server of these members, in which ann (9.0.0.1) has an allocation; and its relay.
fn lab(members: &[&str]) -> (Lab, SocketAddr) {
    let mut lab = Lab::new();
    set(&mut lab, members);
    let relay = lab.allocate(ann());
    (lab, relay)
}

#[test]
fn only_a_members_address_gets_an_allocation() {
    let (mut lab, _) = lab(&["9.0.0.1", "::ffff:192.168.1.7", "127.0.0.1"]);
    assert_eq!(lab.allocate_with(bob(), |w| w).code, Some(403));
    assert!(lab.allocate_with(address(CAROL), |w| w).is_success());
    assert!(lab.allocate_with(address("[::ffff:127.0.0.1]:5000"), |w| w).is_success(), "the same address");
    set(&mut lab, &["9.0.0.1", "9.0.0.2"]);
    assert!(lab.allocate_with(bob(), |w| w).is_success());
    assert_eq!(lab.stats().refused.forbidden, 1);
}

#[test]
fn data_goes_to_members_whatever_their_network_and_to_nobody_else() {
    let (mut lab, relay) = lab(&["9.0.0.1", "192.168.1.7", "127.0.0.1", "0.0.0.0", "224.0.0.1"]);
    assert!(lab.permit(ann(), address(CAROL)).is_success());
    assert!(lab.bind(ann(), 0x4000, address(CAROL)).is_success());
    assert_eq!(lab.channel(ann(), 0x4000, b"x"), relayed(relay, address(CAROL), b"x"));
    for other in [
        "8.8.8.8:4000",     // the public internet, which the policy permits
        "192.168.1.8:4000", // a neighbour
        "192.168.1.7:22",   // a member's services
        "192.168.1.7:1023",
        "127.0.0.1:4000", // this machine, where a member sits
        "0.0.0.0:4000",
        "224.0.0.1:4000",
        "5.0.0.1:4000", // the server's own
        "5.0.0.1:3478",
    ] {
        assert_eq!(lab.permit(ann(), address(other)).code, Some(403), "permission for {other}");
        assert_eq!(lab.bind(ann(), 0x4001, address(other)).code, Some(403), "channel for {other}");
        assert_eq!(lab.indicate(ann(), address(other), b"x"), [], "data to {other}");
    }
}

#[test]
fn an_opened_range_opens_nothing_to_members() {
    let mut lab = Lab::allowing("5.0.0.0/8");
    set(&mut lab, &["9.0.0.1", "5.0.0.1"]);
    lab.allocate(ann());
    for closed in ["5.0.0.2:4000", "5.0.0.1:9999"] {
        assert_eq!(lab.permit(ann(), address(closed)).code, Some(403), "{closed}");
    }
}

#[test]
fn two_members_meet_at_their_relays() {
    let (mut lab, ours) = lab(&["9.0.0.1", "9.0.0.2"]);
    let theirs = lab.allocate(bob());
    assert!(lab.bind(ann(), 0x4000, theirs).is_success());
    assert!(lab.permit(bob(), ours).is_success());
    let heard = lab.channel(ann(), 0x4000, b"x");
    assert_eq!(received(&heard, bob()), Some(Received::Indication(ours, b"x".to_vec())));
}

#[test]
fn what_is_of_somebody_who_left_ends_at_once() {
    let (mut lab, ours) = lab(&["9.0.0.1", "9.0.0.2", "192.168.1.7"]);
    let theirs = lab.allocate(bob());
    assert!(lab.bind(ann(), 0x4000, address(CAROL)).is_success());
    assert!(lab.bind(ann(), 0x4001, theirs).is_success());
    assert_eq!(set(&mut lab, &["9.0.0.1", "9.0.0.2"]), [], "her permissions end without a word");
    assert_eq!(lab.channel(ann(), 0x4000, b"x"), []);
    assert_eq!(lab.indicate(ann(), address(CAROL), b"x"), []);
    assert_eq!(lab.peer_sends(ours, address(CAROL), b"x"), []);
    assert_eq!(set(&mut lab, &["9.0.0.1"]), [Output::CloseRelay { relay: theirs }]);
    assert_eq!(lab.channel(ann(), 0x4001, b"x"), [], "nobody there any more");
    assert_eq!(lab.refresh(bob(), 600).code, Some(437));
    assert_eq!(lab.stats().allocations, 1);
    assert_eq!(set(&mut lab, &[]), [Output::CloseRelay { relay: ours }]);
}
