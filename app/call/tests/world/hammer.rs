//! The voice hammer (RFC 8445, section 19.5.1): a member names a third party's address as its own, again and again.

use std::time::Duration;

use hearth_call::TransportPolicy;
use serde_json::{Value, json};

use crate::LAN;
use crate::world::World;

const VICTIM: &str = "203.0.113.9";

/// An offer whose `count` candidates are all at the victim.
fn offer(ufrag: &str, count: usize) -> String {
    let candidates: String =
        (0..count).map(|n| format!("a=candidate:{n} 1 udp 2130706431 {VICTIM} {} typ host\r\n", 1000 + n)).collect();
    format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:{}\r\na=setup:actpass\r\n\
         a=fingerprint:sha-256 {}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtcp-mux\r\n\
         a=rtpmap:111 opus/48000/2\r\n{candidates}",
        "p".repeat(24),
        vec!["AB"; 32].join(":"),
    )
}

/// A room of one, a member who attacks, and the victim.
fn attacked(seed: u64) -> (World, hearth_signal::rooms::ConnId, String) {
    let mut world = World::new(seed, LAN);
    world.add_bystander(VICTIM.parse().unwrap());
    world.add_client(TransportPolicy::All);
    world.enter(0);
    let (conn, victims) = world.raw_join();
    (world, conn, victims[0].clone())
}

fn describe(sid: usize, sdp: String) -> Value {
    json!({"sid": sid, "desc": {"type": "offer", "sdp": sdp}})
}

#[test]
fn one_offer_aims_few_checks_at_a_third_party_and_those_paced() {
    let (mut world, conn, to) = attacked(3400);
    world.raw_signal(conn, &to, describe(1, offer("abcd", 32)));
    world.run(Duration::from_secs(1));
    let first = world.at_bystander.len();
    assert!((1..=60).contains(&first), "{first} within a second");
    let times: Vec<_> = world.at_bystander.iter().map(|(at, _)| *at).collect();
    let least = times.windows(6).map(|six| six[5] - six[0]).min().unwrap();
    assert!(least >= Duration::from_millis(20), "six within {least:?}");
    world.run(Duration::from_secs(60));
    let (count, bytes) = (world.at_bystander.len(), world.at_bystander.iter().map(|(_, bytes)| bytes).sum::<usize>());
    println!("{count} packets, {bytes} bytes for one offer");
    assert!(count <= 260, "{count} in a minute");
}

#[test]
fn offers_again_and_again_send_a_third_party_little_more_than_one() {
    for (seed, sid, ufrag) in [(3401, 1, 0), (3402, 0, 1), (3403, 1, 1)] {
        let (mut world, conn, to) = attacked(seed);
        let mut said = 0;
        for n in 0..300 {
            let sdp = offer(&format!("abcd{}", n * ufrag), 32);
            said += sdp.len();
            world.raw_signal(conn, &to, describe(7 + n * sid, sdp));
            world.run(Duration::from_millis(100));
        }
        world.run(Duration::from_secs(10));
        let bytes: usize = world.at_bystander.iter().map(|(_, bytes)| bytes).sum();
        let count = world.at_bystander.len();
        println!("seed {seed}: {count} packets, {bytes} bytes for {said} of the attacker");
        // 200, and one a second.
        assert!(count <= 200 + 41, "{count} in 40 s");
        assert!(bytes < said, "no amplification: {bytes} for {said}");
    }
}

#[test]
fn candidates_one_by_one_are_bounded_as_those_of_an_offer() {
    let (mut world, conn, to) = attacked(3404);
    world.raw_signal(conn, &to, describe(1, offer("abcd", 0)));
    for n in 0..60 {
        let candidate = format!("candidate:{n} 1 udp 1 {VICTIM} {} typ srflx raddr 0.0.0.0 rport 0", 2000 + n);
        world.raw_signal(conn, &to, json!({"sid": 1, "cand": {"candidate": candidate}}));
        world.run(Duration::from_millis(20));
    }
    world.run(Duration::from_secs(10));
    let count = world.at_bystander.len();
    assert!((1..=215).contains(&count), "{count}");
}
