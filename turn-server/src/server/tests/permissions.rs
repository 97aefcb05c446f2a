//! CreatePermission: who is a peer, for how long, and how many.

use super::*;

/// Addresses that no client may reach by default, each relay family with its own.
const REFUSED: [&str; 22] = [
    "127.0.0.1:80",
    "0.0.0.0:80",
    "10.1.2.3:80",
    "172.16.0.1:80",
    "192.168.1.1:80",
    "100.64.0.1:80",
    "169.254.169.254:80",
    "224.0.0.1:80",
    "255.255.255.255:80",
    "198.51.100.1:80",
    "[::1]:80",
    "[::]:80",
    "[::ffff:127.0.0.1]:80",
    "[::127.0.0.1]:80",
    "[64:ff9b::7f00:1]:80",
    "[64:ff9b:1::7f00:1]:80",
    "[2002:7f00:1::]:80",
    "[2001:0:7f00:1::]:80",
    "[fc00::1]:80",
    "[fe80::1]:80",
    "[fec0::1]:80",
    "[ff02::1]:80",
];

fn allocate_for(lab: &mut Lab, peer: SocketAddr) {
    let family = if peer.is_ipv4() { 1 } else { 2 };
    let reply = lab.allocate_with(ann(), |w| w.attribute(attribute::REQUESTED_ADDRESS_FAMILY, &[family, 0, 0, 0]));
    assert!(reply.is_success());
}

#[test]
fn special_peers_are_refused_by_every_request_that_names_one() {
    for text in REFUSED {
        let mut lab = Lab::new();
        allocate_for(&mut lab, address(text));
        assert_eq!(lab.permit(ann(), address(text)).code, Some(403), "permission for {text}");
        assert_eq!(lab.bind(ann(), 0x4000, address(text)).code, Some(403), "channel for {text}");
        assert_eq!(lab.indicate(ann(), address(text), b"x"), [], "data to {text}");
        assert_eq!(lab.channel(ann(), 0x4000, b"x"), [], "channel data to {text}");
        assert_eq!(lab.stats().to_peers.datagrams, 0);
    }
}

#[test]
fn an_opened_range_is_opened_and_its_disguises_are_not() {
    let mut lab = Lab::allowing("10.0.0.0/8");
    let relay = lab.allocate(ann());
    assert!(lab.permit(ann(), address("10.1.2.3:80")).is_success());
    assert_eq!(lab.indicate(ann(), address("10.1.2.3:80"), b"x"), relayed(relay, address("10.1.2.3:80"), b"x"));
    assert_eq!(lab.permit(ann(), address("192.168.0.1:80")).code, Some(403));
    let mut lab = Lab::allowing("10.0.0.0/8");
    allocate_for(&mut lab, address("[::1]:1"));
    for disguise in ["[::ffff:10.1.2.3]:80", "[2002:a01:203::]:80", "[64:ff9b::a01:203]:80", "[::10.1.2.3]:80"] {
        assert_eq!(lab.permit(ann(), address(disguise)).code, Some(403), "{disguise}");
    }
}

#[test]
fn the_servers_own_address_is_no_peer_but_for_live_relays() {
    let mut lab = Lab::new();
    let relay = lab.allocate(ann());
    let beside = SocketAddr::new(relay.ip(), relay.port() ^ 1);
    for own in [listener(), beside, address("5.0.0.1:22")] {
        assert_eq!(lab.permit(ann(), own).code, Some(403), "{own}");
        assert_eq!(lab.bind(ann(), 0x4000, own).code, Some(403), "{own}");
    }
    assert!(lab.permit(ann(), relay).is_success(), "itself is live");
    // The permission is of the host; its other ports stay closed all the same.
    for own in [listener(), beside, address("5.0.0.1:22"), address("5.0.0.1:0")] {
        assert_eq!(lab.indicate(ann(), own, b"x"), [], "{own}");
    }
    assert_eq!(lab.stats().dropped.own_address, 4);
}

#[test]
fn opening_the_servers_own_network_does_not_open_its_listener() {
    let mut lab = Lab::allowing("5.0.0.0/8");
    let relay = lab.allocate(ann());
    assert!(lab.permit(ann(), address("5.0.0.1:9999")).is_success());
    assert_eq!(lab.indicate(ann(), address("5.0.0.1:9999"), b"x"), relayed(relay, address("5.0.0.1:9999"), b"x"));
    assert_eq!(lab.permit(ann(), listener()).code, Some(403));
    assert_eq!(lab.indicate(ann(), listener(), b"x"), []);
}

#[test]
fn each_fault_has_its_code() {
    let v6 = address("[2600::2]:80");
    let mut lab = Lab::new();
    assert_eq!(lab.permit(ann(), peer()).code, Some(437), "no allocation");
    lab.allocate(ann());
    assert_eq!(lab.ask(ann(), Method::CreatePermission, |w| w).code, Some(400), "no peer");
    let short = |w: Writer| w.attribute(attribute::XOR_PEER_ADDRESS, &[0, 1, 0, 0]);
    assert_eq!(lab.ask(ann(), Method::CreatePermission, short).code, Some(400), "half a peer");
    assert_eq!(lab.permit(ann(), v6).code, Some(443), "of another family");
    let unknown = |w: Writer| w.address(attribute::XOR_PEER_ADDRESS, peer()).attribute(0x7fff, &[]);
    assert_eq!(lab.ask(ann(), Method::CreatePermission, unknown).code, Some(420), "unknown attribute");
}

#[test]
fn of_several_peers_all_are_permitted_or_none() {
    let mut lab = Lab::new();
    let relay = lab.allocate(ann());
    let both = |second: SocketAddr| {
        move |w: Writer| w.address(attribute::XOR_PEER_ADDRESS, peer()).address(attribute::XOR_PEER_ADDRESS, second)
    };
    assert_eq!(lab.ask(ann(), Method::CreatePermission, both(address("10.0.0.1:1"))).code, Some(403));
    assert_eq!(lab.indicate(ann(), peer(), b"x"), []);
    assert!(lab.ask(ann(), Method::CreatePermission, both(address("1.1.1.1:1"))).is_success());
    assert_eq!(lab.indicate(ann(), peer(), b"x"), relayed(relay, peer(), b"x"));
}

#[test]
fn a_permission_ends_after_five_minutes_unless_refreshed() {
    let mut lab = Lab::new();
    let relay = lab.allocate(ann());
    lab.permit(ann(), peer());
    lab.pass(200);
    lab.permit(ann(), peer());
    lab.pass(299);
    assert_eq!(lab.indicate(ann(), peer(), b"x"), relayed(relay, peer(), b"x"));
    assert!(received(&lab.peer_sends(relay, peer(), b"y"), ann()).is_some());
    lab.pass(1);
    assert_eq!(lab.indicate(ann(), peer(), b"x"), []);
    assert_eq!(lab.peer_sends(relay, peer(), b"y"), []);
    assert_eq!(lab.stats().dropped.no_permission, 2);
}

#[test]
fn permissions_have_a_quota_and_room_comes_back() {
    let mut lab = Lab::with(|config| config.quotas.permissions = 2);
    lab.allocate(ann());
    assert!(lab.permit(ann(), address("1.1.1.1:1")).is_success());
    assert!(lab.permit(ann(), address("1.1.1.1:2")).is_success(), "the same host again");
    assert!(lab.permit(ann(), address("1.1.1.2:1")).is_success());
    assert_eq!(lab.permit(ann(), address("1.1.1.3:1")).code, Some(508));
    assert_eq!(lab.bind(ann(), 0x4000, address("1.1.1.3:1")).code, Some(508), "a channel needs one too");
    assert_eq!(lab.channel(ann(), 0x4000, b"x"), []);
    lab.pass(300);
    assert!(lab.permit(ann(), address("1.1.1.3:1")).is_success());
}
