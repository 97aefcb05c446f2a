//! What operators turn on: two families, SHA-256, rates, NAT discovery, STUN's rules.

use super::*;
use crate::crypto::{Integrity, PasswordAlgorithm, userhash};
use crate::{BindingRule, Discovery};

const ALGORITHMS: [u8; 8] = [0, 2, 0, 0, 0, 1, 0, 0];

fn both(writer: Writer) -> Writer {
    writer.attribute(attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0])
}

fn relays(reply: &Reply) -> Vec<SocketAddr> {
    let message = reply.message();
    let values = message.attributes(attribute::XOR_RELAYED_ADDRESS);
    values.map(|value| decode_address(value, &message.transaction).unwrap()).collect()
}

#[test]
fn one_allocation_has_relays_of_both_families() {
    let mut lab = Lab::new();
    let reply = lab.allocate_with(ann(), both);
    let [v4, v6] = relays(&reply)[..] else { panic!("{:?}", relays(&reply)) };
    assert!(v4.is_ipv4() && v6.is_ipv6());
    let far = address("[2600::9]:9");
    assert!(lab.permit(ann(), far).is_success() && lab.permit(ann(), peer()).is_success());
    assert_eq!(lab.indicate(ann(), far, b"x"), relayed(v6, far, b"x"));
    assert_eq!(lab.indicate(ann(), peer(), b"x"), relayed(v4, peer(), b"x"));
    // One of them ends by itself; the other one goes on.
    let one = lab.ask(ann(), Method::Refresh, |w| {
        w.attribute(attribute::LIFETIME, &[0; 4]).attribute(attribute::REQUESTED_ADDRESS_FAMILY, &[1, 0, 0, 0])
    });
    assert!(one.is_success());
    assert_eq!(lab.indicate(ann(), peer(), b"x"), []);
    assert_eq!(lab.indicate(ann(), far, b"x"), relayed(v6, far, b"x"));
    assert_eq!(lab.stats().allocations, 1);
    lab.refresh(ann(), 0);
    assert_eq!(lab.stats().allocations, 0);
}

#[test]
fn a_family_that_is_not_to_be_had_is_said_beside_the_other() {
    let mut lab = Lab::with(|config| config.relay_addresses.truncate(1));
    let reply = lab.allocate_with(ann(), both);
    assert_eq!(relays(&reply).len(), 1);
    assert_eq!(reply.message().attribute(attribute::ADDRESS_ERROR_CODE), Some(&[2, 0, 4, 40][..]));
    let contradictions: [fn(Writer) -> Writer; 3] = [
        |w| both(w).attribute(attribute::REQUESTED_ADDRESS_FAMILY, &[1, 0, 0, 0]),
        |w| both(w).attribute(attribute::EVEN_PORT, &[0x80]),
        |w| w.attribute(attribute::ADDITIONAL_ADDRESS_FAMILY, &[1, 0, 0, 0]),
    ];
    for build in contradictions {
        assert_eq!(lab.allocate_with(bob(), build).code, Some(400));
    }
}

/// A request of ann's by SHA-256.
fn by_sha256(lab: &mut Lab, name: (u16, &[u8]), offered: &[u8], chosen: [u8; 4]) -> Reply {
    let nonce = lab.server.gate.nonces.issue(ann(), UNIX);
    let key = Key::derived(PasswordAlgorithm::Sha256, b"ann", b"hearth", b"pass").signing(Integrity::Sha256);
    let request = lab
        .writer(Method::Allocate)
        .attribute(attribute::REQUESTED_TRANSPORT, &UDP)
        .attribute(name.0, name.1)
        .attribute(attribute::REALM, b"hearth")
        .attribute(attribute::NONCE, nonce.as_bytes())
        .attribute(attribute::PASSWORD_ALGORITHMS, offered)
        .attribute(attribute::PASSWORD_ALGORITHM, &chosen);
    let datagram = request.seal(Some(&key), false).unwrap();
    Reply::among(lab.send(ann(), &datagram))
}

#[test]
fn sha_256_is_taken_where_it_is_offered_and_answered_likewise() {
    let mut lab = Lab::with(|config| config.options.sha256 = true);
    let request = lab.writer(Method::Allocate).seal(None, false).unwrap();
    let challenge = Reply::among(lab.send(ann(), &request));
    let message = challenge.message();
    assert_eq!(message.attribute(attribute::PASSWORD_ALGORITHMS), Some(&ALGORITHMS[..]));
    assert!(message.attribute(attribute::NONCE).unwrap().starts_with(b"obMatJos2wAAA"));
    let hash = userhash(b"ann", b"hearth");
    for name in [(attribute::USERNAME, &b"ann"[..]), (attribute::USERHASH, &hash)] {
        let mut lab = Lab::with(|config| config.options.sha256 = true);
        let reply = by_sha256(&mut lab, name, &ALGORITHMS, [0, 2, 0, 0]);
        assert!(reply.is_success(), "{name:?}: {:?}", reply.code);
        let key = Key::derived(PasswordAlgorithm::Sha256, b"ann", b"hearth", b"pass").signing(Integrity::Sha256);
        assert!(reply.message().is_signed_by(&key));
    }
    assert!(lab.allocate_with(bob(), |w| w).is_success(), "MD5 is as good as ever");
}

#[test]
fn nobody_in_between_takes_the_better_algorithm_off_the_list() {
    let mut lab = Lab::with(|config| config.options.sha256 = true);
    let name = (attribute::USERNAME, &b"ann"[..]);
    assert_eq!(by_sha256(&mut lab, name, &[0, 1, 0, 0], [0, 1, 0, 0]).code, Some(400));
    assert_eq!(by_sha256(&mut lab, name, &ALGORITHMS, [0, 3, 0, 0]).code, Some(400));
    let stranger = userhash(b"eve", b"hearth");
    assert_eq!(by_sha256(&mut lab, (attribute::USERHASH, &stranger), &ALGORITHMS, [0, 2, 0, 0]).code, Some(401));
}

#[test]
fn a_rate_bounds_each_way_by_itself() {
    let mut lab = Lab::with(|config| config.quotas.bytes_per_second = Some(1000));
    let relay = lab.allocate(ann());
    lab.permit(ann(), peer());
    let sent = (0..20).filter(|_| !lab.indicate(ann(), peer(), &[0; 100]).is_empty()).count();
    let heard = (0..20).filter(|_| !lab.peer_sends(relay, peer(), &[0; 100]).is_empty()).count();
    assert_eq!((sent, heard, lab.stats().dropped.limited), (10, 10, 20));
    lab.pass(1);
    assert!(!lab.indicate(ann(), peer(), &[0; 100]).is_empty());
}

#[test]
fn a_datagram_that_must_stay_whole_is_marked() {
    let mut lab = Lab::new();
    let reply = lab.allocate_with(ann(), |w| w.attribute(attribute::DONT_FRAGMENT, &[]));
    lab.permit(ann(), peer());
    let indication = Writer::new(Class::Indication, Method::Send, [1; 12])
        .address(attribute::XOR_PEER_ADDRESS, peer())
        .attribute(attribute::DONT_FRAGMENT, &[])
        .attribute(attribute::DATA, b"x");
    let outputs = lab.send(ann(), &indication.seal(None, false).unwrap());
    let expected = Output::RelayTransmit {
        relay: reply.relayed(),
        destination: peer(),
        payload: b"x".to_vec(),
        dont_fragment: true,
    };
    assert_eq!(outputs, [expected]);
}

fn discovering() -> Lab {
    let discovery = Discovery { addresses: ["5.0.0.1", "5.0.0.2"].map(|ip| ip.parse().unwrap()), ports: [3478, 3479] };
    Lab::with(|config| config.discovery = vec![discovery])
}

#[test]
fn a_client_learns_how_its_nat_behaves() {
    for (flags, from) in [(0, "5.0.0.1:3478"), (2, "5.0.0.1:3479"), (4, "5.0.0.2:3478"), (6, "5.0.0.2:3479")] {
        let mut lab = discovering();
        let request = lab.writer(Method::Binding).attribute(attribute::CHANGE_REQUEST, &[0, 0, 0, flags]);
        let outputs = lab.send(ann(), &request.seal(None, false).unwrap());
        let [Output::Transmit { to, payload }] = &outputs[..] else { panic!("{outputs:?}") };
        assert_eq!((to.local, to.client), (address(from), ann()));
        let message = Message::decode(payload).unwrap();
        assert_eq!(message.attribute(attribute::OTHER_ADDRESS), Some(&[0, 1, 0x0d, 0x97, 5, 0, 0, 2][..]));
        assert!(message.attribute(attribute::RESPONSE_ORIGIN).is_some());
    }
}

#[test]
fn a_bare_request_over_ipv6_gets_no_answer_of_several_times_its_length() {
    let discovery = Discovery { addresses: ["2600::1", "2600::2"].map(|ip| ip.parse().unwrap()), ports: [3478, 3479] };
    let mut lab = Lab::with(|config| config.discovery = vec![discovery]);
    let way = FiveTuple::udp(address("[2600::9]:9"), address("[2600::1]:3478"));
    for (asked, most) in [(vec![], 56), (vec![(attribute::CHANGE_REQUEST, vec![0; 4]), (0x8022, vec![0; 4])], 100)] {
        let request = asked.iter().fold(lab.writer(Method::Binding), |w, (kind, value)| w.attribute(*kind, value));
        let request = request.seal(None, false).unwrap();
        lab.server.handle_client(way, &request, lab.now);
        let answer = Reply::among(lab.drain()).raw.len();
        assert!(answer <= most && answer * 10 <= request.len() * 28, "{} bytes for {}", answer, request.len());
    }
}

#[test]
fn discovery_floods_no_third_port_and_answers_no_longer_than_it_was_asked() {
    let mut lab = discovering();
    let padded = lab.writer(Method::Binding).attribute(attribute::PADDING, &[0; 1400]).seal(None, false).unwrap();
    assert!(Reply::among(lab.send(ann(), &padded)).raw.len() < padded.len() + 60);
    let both = lab
        .writer(Method::Binding)
        .attribute(attribute::PADDING, &[0; 8])
        .attribute(attribute::RESPONSE_PORT, &[0, 80, 0, 0]);
    assert_eq!(Reply::among(lab.send(ann(), &both.seal(None, false).unwrap())).code, Some(400));
    let other =
        lab.writer(Method::Binding).attribute(attribute::RESPONSE_PORT, &[0x20, 0, 0, 0]).seal(None, false).unwrap();
    let outputs = lab.send(ann(), &other);
    let [Output::Transmit { to, .. }] = &outputs[..] else { panic!("{outputs:?}") };
    assert_eq!(to.client, SocketAddr::new(ann().ip(), 0x2000));
}

#[test]
fn stun_is_for_whom_the_operator_says() {
    let binding = |rule: BindingRule| {
        let mut lab = Lab::with(|config| config.options.binding = rule);
        let request = lab.writer(Method::Binding).seal(None, false).unwrap();
        let outputs = lab.send(ann(), &request);
        if outputs.is_empty() { None } else { Some(Reply::among(outputs).code) }
    };
    assert_eq!(binding(BindingRule::Open), Some(None));
    assert_eq!(binding(BindingRule::Authenticated), Some(Some(401)));
    assert_eq!(binding(BindingRule::Off), None);
    let mut lab = Lab::with(|config| config.options.binding = BindingRule::Authenticated);
    assert!(lab.ask(ann(), Method::Binding, |w| w).is_success());
    let mut lab = Lab::with(|config| config.options.relaying = false);
    assert_eq!(lab.allocate_with(ann(), |w| w).code, Some(403));
}

#[test]
fn strangers_get_short_answers_whatever_is_turned_on() {
    let mut lab = Lab::with(|config| {
        config.options.fingerprint = true;
        config.options.software = true;
    });
    let bare = lab.writer(Method::Allocate).seal(None, false).unwrap();
    let answer = Reply::among(lab.send(ann(), &bare));
    assert!(answer.raw.len() * 10 <= bare.len() * 28, "{}", answer.raw.len());
    let reply = lab.allocate_with(ann(), |w| w);
    assert!(reply.message().fingerprinted && reply.message().attribute(attribute::SOFTWARE).is_some());
}

#[test]
fn who_drains_makes_nothing_new_and_keeps_what_stands() {
    let mut lab = Lab::new();
    lab.allocate(ann());
    lab.server.drain();
    assert_eq!(lab.allocate_with(bob(), |w| w).code, Some(486));
    assert!(lab.refresh(ann(), 600).is_success());
}
