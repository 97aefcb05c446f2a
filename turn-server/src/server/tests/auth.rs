//! Who may come in: challenges, nonces, names that end.

use super::*;
use crate::rest;

/// An Allocate with the given parts of credentials.
fn allocate(lab: &mut Lab, parts: &[(u16, &[u8])], key: Option<&Key>) -> Reply {
    let mut request = lab.writer(Method::Allocate).attribute(attribute::REQUESTED_TRANSPORT, &UDP);
    for (kind, value) in parts {
        request = request.attribute(*kind, value);
    }
    let datagram = request.seal(key, false).unwrap();
    Reply::among(lab.send(ann(), &datagram))
}

fn allocate_as(lab: &mut Lab, username: &str, password: &str) -> Reply {
    let nonce = lab.server.gate.nonces.issue(ann(), lab.server.clock.unix(lab.now));
    let parts: [(u16, &[u8]); 3] = [
        (attribute::USERNAME, username.as_bytes()),
        (attribute::REALM, b"hearth"),
        (attribute::NONCE, nonce.as_bytes()),
    ];
    allocate(lab, &parts, Some(&key(username, password)))
}

#[test]
fn the_challenge_is_enough_to_come_in() {
    let mut lab = Lab::new();
    let challenge = allocate(&mut lab, &[], None);
    assert_eq!(challenge.code, Some(401));
    let message = challenge.message();
    assert!(!message.is_signed());
    let (realm, nonce) = (message.attribute(attribute::REALM).unwrap(), message.attribute(attribute::NONCE).unwrap());
    let parts = [(attribute::USERNAME, &b"ann"[..]), (attribute::REALM, realm), (attribute::NONCE, nonce)];
    assert!(allocate(&mut lab, &parts, Some(&key("ann", "pass"))).is_success());
}

#[test]
fn each_fault_has_its_code() {
    let mut lab = Lab::new();
    let good = lab.server.gate.nonces.issue(ann(), UNIX);
    let foreign = lab.server.gate.nonces.issue(bob(), UNIX);
    let stale = lab.server.gate.nonces.issue(ann(), UNIX - Duration::from_secs(3601));
    let ann_key = key("ann", "pass");
    let (user, realm) = ((attribute::USERNAME, &b"ann"[..]), (attribute::REALM, &b"hearth"[..]));
    let nonce = |text: &'static [u8]| (attribute::NONCE, text);
    let good = (attribute::NONCE, good.as_bytes());
    let long = [b'x'; 509];
    type Parts<'a> = Vec<(u16, &'a [u8])>;
    let cases: [(&str, Parts<'_>, &Key, u16); 11] = [
        ("no user", vec![realm, good], &ann_key, 400),
        ("no realm", vec![user, good], &ann_key, 400),
        ("no nonce", vec![user, realm], &ann_key, 400),
        ("foreign nonce", vec![user, realm, (attribute::NONCE, foreign.as_bytes())], &ann_key, 438),
        ("stale nonce", vec![user, realm, (attribute::NONCE, stale.as_bytes())], &ann_key, 438),
        ("guessed nonce", vec![user, realm, nonce(b"AAAAAAAAAAAA")], &ann_key, 438),
        ("wrong password", vec![user, realm, good], &key("ann", "word"), 401),
        ("other realm", vec![user, (attribute::REALM, b"elsewhere"), good], &ann_key, 401),
        ("unknown user", vec![(attribute::USERNAME, b"eve"), realm, good], &key("eve", "pass"), 401),
        ("odd user", vec![(attribute::USERNAME, b"%n\0'\""), realm, good], &ann_key, 401),
        ("long user", vec![(attribute::USERNAME, &long), realm, good], &ann_key, 401),
    ];
    for (name, parts, key, code) in cases {
        let reply = allocate(&mut lab, &parts, Some(key));
        assert_eq!(reply.code, Some(code), "{name}");
        let fresh = reply.message().attribute(attribute::NONCE).is_some();
        assert_eq!(fresh, code != 400, "{name}: a way to try again");
        assert_eq!(lab.stats().allocations, 0, "{name}");
    }
}

#[test]
fn a_nonce_ends_after_an_hour_and_the_new_one_is_taken() {
    let mut lab = Lab::new();
    lab.allocate_with(ann(), |w| w.attribute(attribute::LIFETIME, &u32::MAX.to_be_bytes()));
    let request = lab.writer(Method::Refresh);
    let datagram = lab.signed(ann(), "ann", request);
    lab.pass(3500);
    assert!(Reply::among(lab.send(ann(), &datagram)).is_success());
    lab.pass(101);
    let request = lab.writer(Method::Refresh);
    let fresh = lab.signed(ann(), "ann", request);
    assert_eq!(Reply::among(lab.send(ann(), &datagram)).code, Some(438), "replayed");
    assert!(Reply::among(lab.send(ann(), &fresh)).is_success());
}

#[test]
fn every_secret_signs_names_until_their_time() {
    let unix = UNIX;
    let ttl = Duration::from_secs(60);
    for secret in ["old secret", "new secret"] {
        let (username, password) = rest::credentials(&Secret::new(secret).unwrap(), "kim", ttl, unix);
        assert!(allocate_as(&mut Lab::new(), &username, &password).is_success(), "{secret}");
    }
    let (username, password) = rest::credentials(&Secret::new("another").unwrap(), "kim", ttl, unix);
    assert_eq!(allocate_as(&mut Lab::new(), &username, &password).code, Some(401), "an unknown secret");
}

#[test]
fn names_that_ended_or_never_had_a_time_stay_out() {
    let secret = Secret::new("new secret").unwrap();
    let end = UNIX.as_secs();
    let names = [
        format!("{end}:kim"),
        format!("{}", end - 1),
        "0:kim".to_owned(),
        "kim".to_owned(),
        format!("-{end}"),
        format!("+{}", end + 60),
        "99999999999999999999:kim".to_owned(),
        format!("{}x:kim", end + 60),
        String::new(),
    ];
    for name in names {
        let mut lab = Lab::new();
        let password = rest::password(&secret, name.as_bytes());
        assert_eq!(allocate_as(&mut lab, &name, &password).code, Some(401), "{name}");
    }
}

#[test]
fn a_call_outlives_the_credentials_that_began_it() {
    let mut lab = Lab::new();
    let (username, password) =
        rest::credentials(&Secret::new("new secret").unwrap(), "kim", Duration::from_secs(60), UNIX);
    assert!(allocate_as(&mut lab, &username, &password).is_success());
    lab.pass(300);
    let key = key(&username, &password);
    let nonce = lab.server.gate.nonces.issue(ann(), lab.server.clock.unix(lab.now));
    let refresh = lab
        .writer(Method::Refresh)
        .attribute(attribute::USERNAME, username.as_bytes())
        .attribute(attribute::REALM, b"hearth")
        .attribute(attribute::NONCE, nonce.as_bytes());
    let datagram = refresh.seal(Some(&key), false).unwrap();
    assert!(Reply::among(lab.send(ann(), &datagram)).is_success());
    assert!(lab.stats().refused.expired == 0);
    // But they begin no other one.
    lab.pass(601);
    assert_eq!(allocate_as(&mut lab, &username, &password).code, Some(401));
    assert_eq!(lab.stats().refused.expired, 1);
}

#[test]
fn nobody_touches_the_allocation_of_another() {
    let mut lab = Lab::new();
    lab.allocate(ann());
    let zero = |w: Writer| w.attribute(attribute::LIFETIME, &[0; 4]);
    let to_peer = |w: Writer| w.address(attribute::XOR_PEER_ADDRESS, peer());
    assert_eq!(lab.ask_as("bob", ann(), Method::Refresh, zero).code, Some(441));
    assert_eq!(lab.ask_as("bob", ann(), Method::CreatePermission, to_peer).code, Some(441));
    assert_eq!(lab.ask_as("bob", ann(), Method::ChannelBind, to_peer).code, Some(441));
    assert_eq!(lab.stats().allocations, 1);
}

#[test]
fn binding_needs_no_credentials() {
    let mut lab = Lab::new();
    let request = lab.writer(Method::Binding).seal(None, true).unwrap();
    let reply = Reply::among(lab.send(ann(), &request));
    let message = reply.message();
    let mapped = message.attribute(attribute::XOR_MAPPED_ADDRESS).unwrap();
    assert_eq!(decode_address(mapped, &message.transaction), Some(ann()));
    assert!(message.fingerprinted, "asked with FINGERPRINT, answered with it");
    let request = lab.writer(Method::Binding).attribute(0x0003, &[0; 4]).seal(None, false).unwrap();
    let reply = Reply::among(lab.send(ann(), &request));
    assert_eq!(reply.code, Some(420));
    assert_eq!(reply.message().attribute(attribute::UNKNOWN_ATTRIBUTES), Some(&[0, 3][..]));
}
