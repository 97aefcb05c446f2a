//! A relay whose credentials are handed out to anyone who asks: what they are good for, how many of them, and for how
//! long.

use std::sync::Arc;

use super::*;
use crate::{NameRule, rest};

/// Time-limited credentials of `name`: the user's name, and the key.
fn timed(name: &str) -> (String, Key) {
    let hour = Duration::from_secs(3600);
    let (username, password) = rest::credentials(&Secret::new("new secret").unwrap(), name, hour, UNIX);
    let key = key(&username, &password);
    (username, key)
}

impl Lab {
    fn ask_timed(
        &mut self,
        name: &str,
        client: SocketAddr,
        method: Method,
        build: impl FnOnce(Writer) -> Writer,
    ) -> Reply {
        let (username, key) = timed(name);
        let nonce = self.server.gate.nonces.issue(client, self.server.clock.unix(self.now));
        let request = build(self.writer(method))
            .attribute(attribute::USERNAME, username.as_bytes())
            .attribute(attribute::REALM, b"hearth")
            .attribute(attribute::NONCE, nonce.as_bytes());
        let datagram = request.seal(Some(&key), false).unwrap();
        Reply::among(self.send(client, &datagram))
    }

    fn allocate_timed(&mut self, name: &str, client: SocketAddr) -> Option<u16> {
        self.ask_timed(name, client, Method::Allocate, |w| w.attribute(attribute::REQUESTED_TRANSPORT, &UDP)).code
    }
}

#[test]
fn a_new_name_buys_no_new_quota_of_an_address() {
    let mut lab = Lab::with(|config| config.quotas.allocations_per_address = 100);
    let mut given = 0;
    for visit in 0..4 {
        for port in 0..64 {
            let client = SocketAddr::new(ann().ip(), 1000 + visit * 64 + port);
            match lab.allocate_timed(&format!("visit{visit}"), client) {
                None => given += 1,
                Some(code) => assert_eq!(code, 486),
            }
        }
    }
    assert_eq!(given, 100);
    assert_eq!(lab.allocate_timed("visit0", bob()), None, "another address has its own");
    lab.ask_timed("visit0", address("9.0.0.1:1000"), Method::Refresh, |w| w.attribute(attribute::LIFETIME, &[0; 4]));
    assert_eq!(lab.allocate_timed("visit9", address("9.0.0.1:5000")), None, "what ended is counted no more");
}

#[test]
fn an_ipv6_customer_has_one_quota() {
    let mut lab = Lab::with(|config| config.quotas.allocations_per_address = 2);
    assert_eq!(lab.allocate_timed("a", address("[2a00:1:2:3::1]:1")), None);
    assert_eq!(lab.allocate_timed("b", address("[2a00:1:2:3:ffff::2]:1")), None);
    assert_eq!(lab.allocate_timed("c", address("[2a00:1:2:3:1::3]:1")), Some(486), "of the same /64");
    assert_eq!(lab.allocate_timed("d", address("[2a00:1:2:4::1]:1")), None);
}

#[test]
fn one_user_whom_everybody_shares_has_room_for_a_room_of_nine() {
    let mut lab = Lab::new();
    for end in 0..72 {
        let client = address(&format!("9.0.1.{}:{}", end / 8, 1000 + end));
        assert!(
            lab.ask_as("ann", client, Method::Allocate, |w| w.attribute(attribute::REQUESTED_TRANSPORT, &UDP))
                .is_success()
        );
    }
    // And where all of them are behind one address.
    let mut lab = Lab::new();
    for end in 0..72 {
        let client = SocketAddr::new(ann().ip(), 1000 + end);
        assert!(lab.allocate_with(client, |w| w).is_success(), "{end}");
    }
}

#[test]
fn a_client_that_moves_is_counted_where_it_came_from() {
    let mut lab = Lab::with(|config| config.quotas.allocations_per_address = 1);
    let with_ticket = |w: Writer| w.attribute(attribute::MOBILITY_TICKET, &[]);
    let reply = lab.allocate_with(ann(), with_ticket);
    let ticket = reply.message().attribute(attribute::MOBILITY_TICKET).unwrap().to_vec();
    let elsewhere = address("9.0.0.9:9");
    assert!(
        lab.ask_as("ann", elsewhere, Method::Refresh, |w| w.attribute(attribute::MOBILITY_TICKET, &ticket))
            .is_success()
    );
    assert_eq!(lab.allocate_with(ann(), |w| w).code, Some(486), "a move makes no room");
    let end = |w: Writer| w.attribute(attribute::LIFETIME, &[0; 4]);
    assert!(lab.ask_as("ann", elsewhere, Method::Refresh, end).is_success());
    assert!(lab.allocate_with(ann(), |w| w).is_success());
}

#[test]
fn ports_of_services_are_no_peers_however_they_are_asked_for() {
    let mut lab = Lab::with(|config| config.options.first_peer_port = 1024);
    let relay = lab.allocate(ann());
    let (service, media) = (address("8.8.8.8:1023"), address("8.8.8.8:1024"));
    assert_eq!(lab.permit(ann(), service).code, Some(403));
    assert_eq!(lab.bind(ann(), 0x4000, service).code, Some(403));
    // A permission is of a host: each datagram is judged again.
    assert!(lab.permit(ann(), media).is_success());
    assert_eq!(lab.indicate(ann(), service, b"x"), []);
    assert_eq!(lab.indicate(ann(), media, b"x"), relayed(relay, media, b"x"));
    assert_eq!(lab.stats().dropped.no_permission, 1);
}

#[test]
fn without_tcp_relays_no_allocation_is_one() {
    let mut lab = Lab::with(|config| config.options.tcp_relays = false);
    let tuple = FiveTuple { transport: crate::Transport::Tcp, ..FiveTuple::udp(ann(), listener()) };
    let request = lab.writer(Method::Allocate).attribute(attribute::REQUESTED_TRANSPORT, &[6, 0, 0, 0]);
    let datagram = lab.signed(ann(), "ann", request);
    lab.server.handle_client(tuple, &datagram, lab.now);
    assert_eq!(Reply::among(lab.drain()).code, Some(442));
}

#[test]
fn a_name_is_good_from_when_it_is_granted_until_it_is_withdrawn() {
    let mut lab = Lab::with(|config| config.names = NameRule::Granted);
    let commons = Arc::clone(&lab.server.commons);
    assert_eq!(lab.allocate_timed("eve", ann()), Some(401), "signed, and given to nobody");
    commons.grant(b"eve");
    commons.grant(b"bob");
    assert_eq!(lab.allocate_timed("eve", ann()), None);
    assert_eq!(lab.allocate_timed("bob", bob()), None);
    assert!(lab.allocate_with(address("9.0.0.7:7"), |w| w).is_success(), "users with a password are the operator's");
    commons.withdraw(b"eve");
    lab.server.end_withdrawn();
    let closed = lab.drain().iter().filter(|output| matches!(output, Output::CloseRelay { .. })).count();
    assert_eq!((closed, lab.stats().allocations), (1, 2), "what stood by it ends, and nothing else");
    assert_eq!(lab.allocate_timed("eve", ann()), Some(401));
    let refresh = lab.ask_timed("bob", bob(), Method::Refresh, |w| w);
    assert!(refresh.is_success());
    commons.grant(b"eve");
    assert_eq!(lab.allocate_timed("eve", ann()), None, "back in time");
}

#[test]
fn a_secret_that_others_sign_with_is_good_for_all_but_those_who_left() {
    let mut lab = Lab::with(|config| config.names = NameRule::NotWithdrawn);
    let commons = Arc::clone(&lab.server.commons);
    assert_eq!(lab.allocate_timed("of-another-server", ann()), None);
    assert_eq!(lab.allocate_timed("eve", bob()), None);
    commons.withdraw(b"eve");
    lab.server.end_withdrawn();
    lab.drain();
    assert_eq!(lab.stats().allocations, 1);
    assert_eq!(lab.allocate_timed("eve", bob()), Some(401));
}

#[test]
fn connects_are_counted_by_address_whatever_the_name() {
    let lab = Lab::new();
    let commons = Arc::clone(&lab.server.commons);
    let admitted = (0..2000u32)
        .filter(|visit| commons.admit_connect(format!("visit{visit}").as_bytes(), ann().ip().into(), lab.now))
        .count();
    assert!(admitted <= 256, "{admitted} of one address through as many names");
    assert!(commons.admit_connect(b"other", address("[2a00::1]:1").ip().into(), lab.now));
}

#[test]
fn signatures_by_no_secret_are_counted_beside_those_by_one() {
    let mut lab = Lab::new();
    assert_eq!(lab.allocate_timed("eve", ann()), None);
    let name = timed("eve").0;
    assert_eq!(lab.ask_as(&name, bob(), Method::Allocate, |w| w).code, Some(401));
    assert_eq!(
        lab.ask_as("nobody", bob(), Method::Allocate, |w| w).code,
        Some(401),
        "a name that no secret could sign"
    );
    assert_eq!((lab.stats().signed, lab.stats().refused.signature), (1, 1));
}

#[test]
fn a_relay_without_ipv4_gives_ipv6_to_who_names_no_family() {
    use crate::DefaultFamily;
    let only_v6 = |family: DefaultFamily| {
        Lab::with(|config| {
            config.relay_addresses.retain(|address| address.bound.is_ipv6());
            config.options.family = family;
        })
    };
    assert!(only_v6(DefaultFamily::default()).allocate(address("[2a00::1]:9")).is_ipv6());
    assert_eq!(
        only_v6(DefaultFamily::V4).allocate_with(ann(), |w| w).code,
        Some(440),
        "as RFC 8656 has it, where wanted"
    );
    let v4 = |w: Writer| w.attribute(attribute::REQUESTED_ADDRESS_FAMILY, &[1, 0, 0, 0]);
    assert_eq!(
        only_v6(DefaultFamily::default()).allocate_with(ann(), v4).code,
        Some(440),
        "who names one gets no other"
    );
    assert!(Lab::new().allocate(address("[2a00::1]:9")).is_ipv4(), "where there is IPv4 it is given");
}

#[test]
fn what_the_world_sees_may_change() {
    let mut lab = Lab::new();
    let before = lab.allocate(ann());
    let seen: std::net::IpAddr = [5, 5, 5, 5].into();
    lab.server.commons.readdress(&[seen.into()]);
    let after = lab.allocate(bob());
    assert_eq!((before.ip(), after.ip()), (listener().ip(), seen));
    // Who has the new one and who has the old one meet by what each was told.
    assert!(lab.permit(ann(), after).is_success() && lab.permit(bob(), before).is_success());
    let to_bob = lab.indicate(ann(), after, b"x");
    assert!(matches!(received(&to_bob, bob()), Some(Received::Indication(_, data)) if data == b"x"), "{to_bob:?}");
}

#[test]
fn a_client_of_rfc_3489_is_answered_as_coturn_does() {
    let mut lab = Lab::new();
    let request = [&[0, 1, 0, 0][..], &[7; 16]].concat();
    let outputs = lab.send(ann(), &request);
    let [Output::Transmit { payload, .. }] = &outputs[..] else { panic!("{outputs:?}") };
    let mapped = [0, 1, 0, 8, 0, 1, 0x03, 0xe8, 9, 0, 0, 1];
    let source = |kind| [0, kind, 0, 8, 0, 1, 0x0d, 0x96, 5, 0, 0, 1];
    assert_eq!(*payload, [&[1, 1, 0, 36][..], &[7; 16], &mapped, &source(4), &source(5)].concat());
    let outputs = lab.send(address("[2a00::1]:9"), &request);
    let [Output::Transmit { payload, .. }] = &outputs[..] else { panic!("{outputs:?}") };
    assert!(payload.len() * 10 <= request.len() * 28, "{} bytes to whom may be forged", payload.len());
    assert_eq!(lab.stats().requests.binding, 2);
    let mut silent = Lab::with(|config| config.options.binding = crate::BindingRule::Authenticated);
    assert_eq!(silent.send(ann(), &request), []);
}
