//! A STUN server that answers, or does not, or is somebody else.

use std::net::IpAddr;

use rand::SeedableRng as _;

use super::*;

const ID: usize = 8;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn base() -> SocketAddr {
    address("10.0.0.1:5000")
}

fn asked(now: Instant) -> Reflexive {
    Reflexive::new(address("10.0.0.9:3478"), base(), ChaCha12Rng::seed_from_u64(1), now)
}

/// An answer to `request`: of this type, and with this address where there is one (RFC 8489, sections 5 and 14.2).
pub(crate) fn answer(request: &[u8], kind: u16, mapped: Option<SocketAddr>) -> Vec<u8> {
    let mut value = Vec::new();
    if let Some(mapped) = mapped {
        let xored = |octets: &[u8]| octets.iter().zip(&request[4..]).map(|(a, b)| a ^ b).collect::<Vec<u8>>();
        let (family, octets) = match mapped.ip() {
            IpAddr::V4(ip) => (1, xored(&ip.octets())),
            IpAddr::V6(ip) => (2, xored(&ip.octets())),
        };
        let length = (4 + octets.len()) as u8;
        value = [&[0x00, 0x20, 0, length, 0, family][..], &xored(&mapped.port().to_be_bytes()), &octets].concat();
    }
    [&kind.to_be_bytes()[..], &(value.len() as u16).to_be_bytes(), &request[4..20], &value].concat()
}

pub(crate) const SUCCESS: u16 = 0x0101;
const ERROR: u16 = 0x0111;

/// Every request until it asks no more, with its time.
fn requests(subject: &mut Reflexive, begun: Instant) -> Vec<(Duration, Bytes)> {
    let mut sent = Vec::new();
    while let Some(due) = subject.poll_timeout() {
        sent.extend(subject.handle_timeout(due).map(|request| (due - begun, request)));
        assert!(sent.len() < 20, "it asks for ever");
    }
    sent
}

#[test]
fn a_lost_request_is_repeated_as_rfc_8489_says_and_given_up() {
    let now = Instant::now();
    let mut subject = asked(now);
    let sent = requests(&mut subject, now);
    let times: Vec<u128> = sent.iter().map(|(at, _)| at.as_millis()).collect();
    assert_eq!(times, [0, 500, 1500, 3500, 7500, 15500, 31500]);
    assert!(sent.iter().all(|(_, request)| *request == sent[0].1), "one transaction has one id");
    assert_eq!(sent[0].1.len(), 20);
    assert!(subject.is_settled());
}

#[test]
fn who_is_silent_is_not_waited_for_but_welcome_later() {
    let now = Instant::now();
    let mut subject = asked(now);
    let request = subject.handle_timeout(now).unwrap();
    assert!(!subject.is_settled());
    subject.handle_timeout(now + RTO);
    subject.handle_timeout(now + 3 * RTO);
    assert!(subject.is_settled());
    let seen = address("192.0.2.7:6000");
    assert_eq!(
        subject.handle_datagram(&answer(&request, SUCCESS, Some(seen)), now + 4 * RTO),
        BindingOutcome::At(seen)
    );
}

#[test]
fn what_is_no_answer_to_this_request_is_left_to_others() {
    let now = Instant::now();
    let mut subject = asked(now);
    let seen = address("192.0.2.7:6000");
    let request = subject.handle_timeout(now).unwrap();
    let right = answer(&request, SUCCESS, Some(seen));
    let mut wrong_id = right.clone();
    wrong_id[ID] ^= 1;
    let mut wrong_cookie = right.clone();
    wrong_cookie[4] ^= 1;
    for foreign in [
        wrong_id,
        wrong_cookie,
        answer(&request, 0x0001, None),       // a check of a peer
        answer(&request, 0x0103, Some(seen)), // of an allocation
        right[..right.len() - 1].to_vec(),    // cut short
        vec![22, 254, 253, 0],                // DTLS
        Vec::new(),
    ] {
        assert_eq!(subject.handle_datagram(&foreign, now), BindingOutcome::Foreign, "{foreign:?}");
    }
    assert_eq!(subject.handle_datagram(&right, now), BindingOutcome::At(seen));
    assert_eq!(subject.handle_datagram(&right, now), BindingOutcome::Foreign, "an answer counts once");
}

#[test]
fn an_error_and_an_answer_without_an_address_and_our_own_address_end_it() {
    let now = Instant::now();
    for (kind, mapped) in [(ERROR, None), (SUCCESS, None), (SUCCESS, Some(base()))] {
        let mut subject = asked(now);
        let request = subject.handle_timeout(now).unwrap();
        assert_eq!(subject.handle_datagram(&answer(&request, kind, mapped), now), BindingOutcome::Nothing);
        assert!(subject.is_settled());
        assert_eq!(subject.poll_timeout(), None);
        subject.renew(now);
        assert!(subject.handle_timeout(now).is_some(), "a restart asks again");
    }
}

#[test]
fn an_address_is_kept_alive_and_a_new_one_heard_of() {
    let begun = Instant::now();
    let mut subject = asked(begun);
    let mut now = begun;
    let mut ids = std::collections::BTreeSet::new();
    for port in [6000, 6000, 7000] {
        let request = subject.handle_timeout(now).unwrap();
        assert!(ids.insert(request[ID..].to_vec()), "each transaction has an id of its own");
        let seen = SocketAddr::new(IpAddr::from([192, 0, 2, 7]), port);
        assert_eq!(subject.handle_datagram(&answer(&request, SUCCESS, Some(seen)), now), BindingOutcome::At(seen));
        now = subject.poll_timeout().unwrap();
    }
    assert_eq!(now - begun, 3 * KEEPALIVE);
    // A server that is away for a while is asked again, for as long as the socket is there.
    while subject.handle_timeout(now).is_some() {
        now = subject.poll_timeout().unwrap();
    }
    assert_eq!(subject.poll_timeout(), Some(now + KEEPALIVE));
}

#[test]
fn an_address_of_the_sixth_family_is_read_as_well() {
    let now = Instant::now();
    let mut subject = asked(now);
    let request = subject.handle_timeout(now).unwrap();
    let seen = address("[2001:db8::7]:6000");
    assert_eq!(subject.handle_datagram(&answer(&request, SUCCESS, Some(seen)), now), BindingOutcome::At(seen));
}

/// Each byte of an answer by each value, and each beginning of it: what cannot be read is nobody's answer, and ends
/// nothing.
#[test]
fn no_answer_ends_the_process() {
    let now = Instant::now();
    let mut subject = asked(now);
    let request = subject.handle_timeout(now).unwrap();
    let right = answer(&request, SUCCESS, Some(address("192.0.2.7:6000")));
    for at in 0..right.len() {
        asked(now).handle_datagram(&right[..at], now);
        for value in 0..=u8::MAX {
            let mut bent = right.clone();
            bent[at] = value;
            let mut subject = asked(now);
            subject.handle_timeout(now);
            let heard = subject.handle_datagram(&bent, now);
            let is_of_another = (ID..20).contains(&at) && value != right[at];
            assert!(!is_of_another || heard == BindingOutcome::Foreign, "byte {at} as {value}");
        }
    }
}
