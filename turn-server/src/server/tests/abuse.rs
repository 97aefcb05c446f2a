//! Floods, amplification, and noise.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::*;

fn response_length(lab: &mut Lab, request: &[u8]) -> usize {
    Reply::among(lab.send(ann(), request)).raw.len()
}

#[test]
fn answers_to_strangers_are_hardly_longer_than_their_requests() {
    let methods = [Method::Binding, Method::Allocate, Method::Refresh, Method::CreatePermission, Method::ChannelBind];
    for method in methods {
        let mut lab = Lab::new();
        let bare = lab.writer(method).seal(None, false).unwrap();
        assert_eq!(bare.len(), 20);
        let answer = response_length(&mut lab, &bare);
        assert!(answer * 10 <= bare.len() * 28, "{method:?}: {answer} bytes");
    }
    let mut lab = Lab::new();
    let proper = lab.writer(Method::Allocate).attribute(attribute::REQUESTED_TRANSPORT, &UDP);
    let proper = proper.seal(None, false).unwrap();
    let answer = response_length(&mut lab, &proper);
    assert!(answer <= proper.len() * 2, "{answer} bytes");
    let strange = lab.writer(Method::Binding).attribute(0x7001, &[]).attribute(0x7002, &[]).seal(None, false).unwrap();
    let answer = response_length(&mut lab, &strange);
    assert!(answer <= strange.len() * 2, "{answer} bytes");
}

#[test]
fn a_source_is_answered_so_often_and_others_do_not_notice() {
    let mut lab = Lab::new();
    let request = lab.writer(Method::Allocate).seal(None, false).unwrap();
    let answers = (0..1000).filter(|_| !lab.send(ann(), &request).is_empty()).count();
    assert_eq!(answers, 200);
    assert_eq!(lab.stats().refused.suppressed, 800);
    assert!(!lab.send(bob(), &request).is_empty(), "another source");
    lab.allocate(ann()); // who has credentials is not held up
    lab.pass(1);
    let answers = (0..1000).filter(|_| !lab.send(ann(), &request).is_empty()).count();
    assert_eq!(answers, 100);
}

#[test]
fn strangers_leave_no_state() {
    let mut lab = Lab::new();
    for source in 0..10_000_u32 {
        let client = SocketAddr::new(std::net::Ipv4Addr::from_bits(0x0900_0000 + source).into(), 1000);
        let request = lab.writer(Method::Allocate).seal(None, false).unwrap();
        lab.send(client, &request);
    }
    assert_eq!((lab.server.table.len(), lab.server.poll_timeout()), (0, None));
}

/// Datagrams of every kind that a client sends, for damaging.
fn samples(lab: &mut Lab) -> Vec<Vec<u8>> {
    let mut samples = vec![ChannelData { number: 0x4000, data: b"some data" }.encode(false).unwrap()];
    let peer_and_data = |w: Writer| {
        w.address(attribute::XOR_PEER_ADDRESS, peer())
            .attribute(attribute::CHANNEL_NUMBER, &[0x40, 0, 0, 0])
            .attribute(attribute::DATA, b"some data")
            .attribute(attribute::LIFETIME, &[0, 0, 3, 0])
            .attribute(attribute::REQUESTED_TRANSPORT, &UDP)
            .attribute(attribute::EVEN_PORT, &[0x80])
    };
    let methods = [Method::Binding, Method::Allocate, Method::Refresh, Method::CreatePermission, Method::ChannelBind];
    for method in methods {
        let request = peer_and_data(lab.writer(method));
        samples.push(lab.signed(ann(), "ann", request));
    }
    let indication = peer_and_data(Writer::new(Class::Indication, Method::Send, [1; 12]));
    samples.push(indication.seal(None, true).unwrap());
    samples
}

fn damage(datagram: &mut Vec<u8>, rng: &mut StdRng) {
    for _ in 0..rng.random_range(1..4) {
        let at = rng.random_range(0..datagram.len());
        match rng.random_range(0..5) {
            0 => datagram[at] = rng.random(),
            1 => datagram[at] ^= 1 << rng.random_range(0..8),
            2 => datagram.truncate(at.max(1)),
            3 => datagram.insert(at, rng.random()),
            _ => {
                let piece = datagram[at..].to_vec();
                datagram.extend_from_slice(&piece);
            }
        }
        datagram.truncate(2000);
    }
}

#[test]
fn noise_and_damaged_messages_never_end_the_server() {
    let mut lab = Lab::new();
    let mut rng = StdRng::seed_from_u64(11);
    let relay = lab.allocate(ann());
    lab.bind(ann(), 0x4000, peer());
    let samples = samples(&mut lab);
    for _ in 0..20_000 {
        let mut noise = vec![0; rng.random_range(0..200)];
        rng.fill(&mut noise[..]);
        lab.send(ann(), &noise);
        lab.peer_sends(relay, peer(), &noise);
        let mut datagram = samples[rng.random_range(0..samples.len())].clone();
        damage(&mut datagram, &mut rng);
        lab.send(ann(), &datagram);
        // The length field is what hides most faults from the parser: set it right in half of the cases.
        if rng.random() && datagram.len() >= 20 {
            let length = ((datagram.len() - 20) as u16).to_be_bytes();
            datagram[2..4].copy_from_slice(&length);
            lab.send(ann(), &datagram);
        }
        lab.now += Duration::from_millis(5);
    }
    assert!(lab.stats().dropped.malformed > 10_000);
    assert!(lab.stats().allocations <= 1);
    lab.allocate(bob());
}
