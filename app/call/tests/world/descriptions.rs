//! Descriptions as other implementations write them: what becomes a call, and what is refused with a reason.

use std::time::Duration;

use hearth_call::{DescriptionProblem, TransportPolicy};
use serde_json::{Value, json};

use crate::LAN;
use crate::world::World;

/// Changes the description in a message, if there is one.
pub fn rewrite(message: &mut Value, change: impl Fn(&str) -> String) {
    if message["type"] == "signal"
        && let Some(sdp) = message["desc"]["sdp"].as_str()
    {
        message["desc"]["sdp"] = change(sdp).into();
    }
}

/// Two people whose descriptions are changed on their way.
fn two(seed: u64, change: fn(&str) -> String) -> World {
    let mut world = World::new(seed, LAN);
    world.tamper = Some(Box::new(move |message| rewrite(message, change)));
    for index in [0, 1] {
        world.add_client(TransportPolicy::All);
        world.enter(index);
    }
    world
}

fn capitals(sdp: &str) -> String {
    sdp.replace("a=fingerprint:sha-256", "a=fingerprint:SHA-256")
}

/// As aiortc writes it: a line for each of three hashes.
fn three_hashes(sdp: &str) -> String {
    let other = |name: &str, bytes: usize| format!("a=fingerprint:{name} {}\r\n", vec!["5A"; bytes].join(":"));
    let (before, after) = (other("sha-512", 64), other("sha-384", 48));
    let line = |line: &str| match line.starts_with("a=fingerprint:") {
        true => format!("{before}{line}\r\n{after}"),
        false => format!("{line}\r\n"),
    };
    sdp.lines().map(line).collect()
}

/// As browsers wrote it before 2018.
fn sctpmap(sdp: &str) -> String {
    sdp.replace("UDP/DTLS/SCTP webrtc-datachannel", "DTLS/SCTP 5000")
        .replace("a=sctp-port:5000", "a=sctpmap:5000 webrtc-datachannel 1024")
}

#[test]
fn other_ways_to_say_the_same_become_calls_with_a_channel() {
    for (seed, change) in [(3100, capitals as fn(&str) -> String), (3101, three_hashes), (3102, sctpmap)] {
        let mut world = two(seed, change);
        assert!(world.run_until(Duration::from_secs(5), World::all_connected), "seed {seed}: not connected");
        world.run(Duration::from_secs(2));
        world.give(0, hearth_call::Input::Command(hearth_call::Command::Say("hello".into())));
        world.run(Duration::from_secs(1));
        let other = world.clients[1].call.snapshot();
        assert_eq!(other.chat.len(), 1, "seed {seed}: the channel carries what is said");
        assert!(other.peers[0].connection.problem.is_none());
        assert!(world.clients.iter().all(|client| client.sink.got.values().all(|got| got.frames.len() > 30)));
    }
}

fn fingerprint() -> String {
    vec!["AB"; 32].join(":")
}

fn offer(group: &str, sections: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n{group}a=ice-ufrag:abcd\r\na=ice-pwd:{}\r\n\
         a=setup:actpass\r\na=fingerprint:sha-256 {}\r\n{sections}",
        "p".repeat(24),
        fingerprint()
    )
}

#[test]
fn what_cannot_become_a_call_is_refused_to_its_maker_and_shown_to_the_person() {
    let opus =
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n";
    let vp8 =
        "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n";
    let pcmu = opus.replace("111 opus/48000/2", "0 PCMU/8000").replace("SAVPF 111", "SAVPF 0");
    for (n, (sdp, code, problem)) in [
        (offer("", &format!("{opus}{vp8}")), "bundle", DescriptionProblem::Incompatible),
        (offer("", &opus.replace("a=rtcp-mux\r\n", "")), "rtcp_mux", DescriptionProblem::Incompatible),
        (offer("", &pcmu), "audio", DescriptionProblem::NoCommonAudio),
    ]
    .into_iter()
    .enumerate()
    {
        let mut world = World::new(3200 + n as u64, LAN);
        world.add_client(TransportPolicy::All);
        world.enter(0);
        let (conn, victims) = world.raw_join();
        world.raw_signal(conn, &victims[0], json!({"sid": 77, "desc": {"type": "offer", "sdp": sdp}}));
        world.run(Duration::from_millis(500));
        let refused: Vec<_> =
            world.raw_heard(conn).into_iter().filter(|message| message.get("refused").is_some()).collect();
        assert_eq!(refused.len(), 1, "{code}: {refused:?}");
        assert_eq!((&refused[0]["refused"]["code"], &refused[0]["sid"]), (&json!(code), &json!(77)));
        assert!(!refused[0]["refused"]["message"].as_str().unwrap().is_empty());
        let peer = world.clients[0].call.snapshot().peers[0].clone();
        assert_eq!(peer.connection.problem, Some(problem), "{code}");
        assert!(!peer.connection.is_connected());
        // A description that can be taken makes the word disappear.
        world.raw_signal(conn, &victims[0], json!({"sid": 78, "desc": {"type": "offer", "sdp": offer("", opus)}}));
        world.run(Duration::from_millis(500));
        assert_eq!(world.clients[0].call.snapshot().peers[0].connection.problem, None, "{code}");
    }
}

#[test]
fn who_hears_that_our_description_was_refused_shows_why() {
    let mut world = World::new(3300, LAN);
    world.add_client(TransportPolicy::All);
    world.enter(0);
    let (conn, victims) = world.raw_join();
    // The newcomer says nothing, so the other side offers; then it hears that its offer is of no use.
    assert!(world.run_until(Duration::from_secs(20), |world| {
        world.raw_heard(conn).iter().any(|message| message["desc"]["type"] == "offer")
    }));
    let offer = world.raw_heard(conn).into_iter().find(|message| message["desc"]["type"] == "offer").unwrap();
    let refusal = |sid: Value| json!({"sid": sid, "refused": {"code": "audio", "message": "no Opus"}});
    world.raw_signal(conn, &victims[0], refusal(json!(1)));
    world.run(Duration::from_millis(200));
    assert_eq!(world.clients[0].call.snapshot().peers[0].connection.problem, None, "of another incarnation");
    world.raw_signal(conn, &victims[0], refusal(offer["sid"].clone()));
    world.run(Duration::from_millis(200));
    assert_eq!(world.clients[0].call.snapshot().peers[0].connection.problem, Some(DescriptionProblem::NoCommonAudio));
}
