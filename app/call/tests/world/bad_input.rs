//! Malformed input through the network, while two honest people talk: refused, counted, and not noticed by them.
//!
//! The attacker has everything that a member has: a place in the room, the others' ids, their addresses, and at last a
//! call of its own whose media is nonsense.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use hearth_base::{Codec, FrameKind, VideoCodec};
use hearth_call::{Input, PeerPhase, TransportPolicy};
use hearth_protocol::ServerMessage;
use serde_json::{Value, json};

use crate::media::frame;
use crate::pair;
use crate::world::World;

/// The longest that a picture of the honest may be late.
const GAP: Duration = Duration::from_millis(500);

/// The honest saw and heard each other without a gap.
fn check_unnoticed(world: &World) {
    for (client, other) in [(0, 1_u8), (1, 0)] {
        let got = &world.clients[client].sink.got[&other];
        let gap = got.frame_times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        let last = world.now - *got.frame_times.last().unwrap();
        assert!(gap <= GAP && last <= GAP, "client {client}: a gap of {gap:?}, the last picture {last:?} ago");
        let honest = world.clients[client].call.snapshot();
        let peer = honest.peers.iter().find(|peer| peer.nick == format!("client {other}")).unwrap();
        assert!(peer.connection.is_connected(), "{:?}", peer.connection.phase);
        assert_eq!((peer.connection.handshakes, peer.connection.restarts), (1, 0));
    }
}

#[test]
fn malformed_signalling_is_refused_by_the_server() {
    let mut world = pair(100);
    let mut cases = 0;
    let long = format!(r#"{{"type":"leave","x":"{}"}}"#, "y".repeat(300_000));
    for text in [
        "",
        "null",
        "[]",
        "{}",
        "\"hello\"",
        "{\"type\":",
        "{\"type\":7}",
        r#"{"type":"join","seq":1}"#,
        r#"{"type":"join","seq":1,"room":""}"#,
        r#"{"type":"join","seq":1,"room":"\u0000"}"#,
        r#"{"type":"join","seq":-1,"room":"123456789"}"#,
        r#"{"type":"join","seq":1,"room":"__proto__"}"#,
        r#"{"type":"signal","seq":1,"to":"x","sid":1,"end":""}"#,
        r#"{"type":"signal","seq":1,"to":"AAAAAAAAAAAAAAAA","sid":99999999999,"end":""}"#,
        r#"{"type":"hello","v":[99]}"#,
        r#"{"type":"resume","token":"short","last_seq":0}"#,
        &long,
    ] {
        let conn = world.raw_connect();
        world.raw_say(conn, r#"{"type":"hello","v":[1]}"#);
        world.raw_say(conn, text);
        world.run(Duration::from_millis(100));
        cases += 1;
    }
    println!("{cases} cases");
    check_unnoticed(&world);
}

fn fingerprint(byte: &str) -> String {
    vec![byte; 32].join(":")
}

/// A description of nothing, but well formed as far as we look before the connection does.
fn sdp(rest: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-ufrag:abcd\r\na=ice-pwd:{}\r\n\
         a=fingerprint:sha-256 {}\r\n{rest}",
        "p".repeat(24),
        fingerprint("AB")
    )
}

fn descriptions() -> Vec<String> {
    let audio =
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n";
    vec![
        String::new(),
        "v=1".to_owned(),
        "v=0".to_owned(),
        "\u{1F600}".repeat(1000),
        "v=0\r\n".repeat(10_000),
        sdp(""),
        sdp("m="),
        sdp("m=audio\r\n"),
        sdp("m=audio x y z\r\n"),
        sdp("m=audio 9 UDP/TLS/RTP/SAVPF 999999999999\r\n"),
        sdp(&audio.repeat(40)),
        sdp(audio),
        sdp(&format!("{audio}a=setup:nonsense\r\n")),
        sdp(&format!("{audio}a=extmap:999 x\r\na=ssrc:99999999999 cname:x\r\na=ssrc-group:FID 1\r\n")),
        sdp(&format!("{audio}a=rtcp-fb:* nack pli\r\na=fmtp:111\r\na=rtpmap:111\r\n")),
        sdp(&format!("{audio}a=simulcast:send 1;2;3\r\na=rid:1 send\r\n")),
        sdp("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=sctp-port:99999999\r\na=mid:0\r\n"),
        sdp("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\na=max-message-size:-1\r\n"),
    ]
}

fn candidates() -> Vec<&'static str> {
    vec![
        "",
        "candidate:",
        "candidate:1 1 udp 1 10.0.0.1",
        "candidate:1 1 udp 1 127.0.0.1 22 typ host",
        "candidate:1 1 udp 1 ::1 22 typ host",
        "candidate:1 1 udp 1 224.0.0.1 5353 typ host",
        "candidate:1 1 udp 1 255.255.255.255 9 typ host",
        "candidate:1 1 udp 99999999999 10.0.0.1 9 typ host",
        "candidate:1 1 udp 1 10.0.0.1 99999 typ host",
        "candidate:1 1 udp 1 evil.example 9 typ host",
        "candidate:1 1 udp 1 0-0-0-0.local 9 typ host",
        "candidate:1 1 tcp 1 10.0.0.1 9 typ host tcptype active",
        "candidate:1 1 udp 1 10.0.0.1 9 typ relay raddr",
        "candidate:\u{0} 1 udp 1 10.0.0.1 9 typ host",
    ]
}

#[test]
fn malformed_descriptions_and_candidates_are_refused_and_counted() {
    let mut world = pair(101);
    let (conn, victims) = world.raw_join();
    let mut cases = 0;
    // One that is answered, so that its candidates are looked at.
    for victim in &victims {
        world.raw_signal(conn, victim, json!({"sid": 900, "desc": {"type": "offer", "sdp": descriptions()[11]}}));
    }
    for text in candidates() {
        for body in [
            json!({"candidate": text, "sdpMid": "0", "sdpMLineIndex": 0}),
            json!({"candidate": text, "sdpMid": "\u{0}", "sdpMLineIndex": 65535, "usernameFragment": "other"}),
        ] {
            for victim in &victims {
                world.raw_signal(conn, victim, json!({"sid": 900, "cand": body}));
            }
            world.run(Duration::from_millis(50));
            cases += 1;
        }
    }
    for (index, text) in descriptions().iter().enumerate() {
        for kind in ["offer", "answer"] {
            let sid = 1000 + index;
            for victim in &victims {
                world.raw_signal(conn, victim, json!({"sid": sid, "desc": {"type": kind, "sdp": text}}));
            }
            world.run(Duration::from_millis(50));
            cases += 1;
        }
    }
    println!("{cases} cases");
    for client in &world.clients {
        let snapshot = client.call.snapshot();
        let attacker = snapshot.peers.iter().find(|peer| peer.nick == "attacker").unwrap();
        assert!(attacker.connection.counters.refused_signals >= 35, "{:?}", attacker.connection.counters);
    }
    check_unnoticed(&world);
}

fn datagrams() -> Vec<Vec<u8>> {
    let stun = |kind: u16, length: u16, rest: &[u8]| {
        let mut out = [kind.to_be_bytes(), length.to_be_bytes()].concat();
        out.extend([0x21, 0x12, 0xA4, 0x42]);
        out.extend([7; 12]);
        out.extend_from_slice(rest);
        out
    };
    let dtls = |content: u8, length: u16, rest: &[u8]| {
        let mut out = vec![content, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9];
        out.extend(length.to_be_bytes());
        out.extend_from_slice(rest);
        out
    };
    vec![
        vec![],
        vec![0],
        vec![255; 1500],
        stun(0x0001, 0, &[]),
        stun(0x0001, 65535, &[]),
        stun(0x0101, 8, &[0, 0x20, 0, 8, 0, 1, 0, 0]),
        stun(0x0001, 4, &[0, 6, 255, 255]),
        stun(0x0001, 8, &[0, 8, 0, 4, 1, 2, 3, 4]),
        stun(0x0111, 8, &[0, 9, 0, 4, 0, 0, 4, 1]),
        stun(0x3fff, 0, &[]),
        dtls(22, 0, &[]),
        dtls(22, 65535, &[1]),
        dtls(22, 12, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        dtls(22, 12, &[1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]),
        dtls(20, 1, &[1]),
        dtls(21, 2, &[2, 0]),
        dtls(23, 4, &[1, 2, 3, 4]),
        dtls(63, 4, &[1, 2, 3, 4]),
        vec![0x80, 111, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3],
        vec![0x9f, 102, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xbe, 0xde, 255, 255],
        vec![0x80, 200, 0, 6],
        vec![0x81, 201, 255, 255, 0, 0, 0, 1],
        vec![0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1],
        vec![0x8f, 205, 0, 0],
        vec![0x40, 0, 0, 4, 1, 2, 3, 4],
    ]
}

#[test]
fn nonsense_on_the_sockets_does_not_disturb_a_call() {
    let mut world = pair(102);
    let mut cases = 0;
    let honest: Vec<_> = world.clients.iter().map(|client| client.socket_addresses()).collect();
    for payload in datagrams() {
        for (index, sockets) in honest.iter().enumerate() {
            for to in sockets {
                // From a stranger, and in the name of the other honest one.
                let stranger = SocketAddr::from(([10, 0, 0, 99], 5000));
                let other = *honest[1 - index].first().unwrap();
                for from in [stranger, other] {
                    world.clients[index].deliver(from, *to, payload.clone(), world.now);
                }
            }
        }
        world.run(Duration::from_millis(50));
        cases += 1;
    }
    println!("{cases} cases");
    check_unnoticed(&world);
}

/// Media payloads that no encoder makes; each is sent through a real, encrypted connection.
fn units(codec: VideoCodec) -> Vec<Vec<u8>> {
    let nal = |bytes: &[u8]| [&[0, 0, 0, 1], bytes].concat();
    if codec == VideoCodec::Vp8 {
        // Whatever a frame says, it is assembled; nonsense is refused by the decoder, and here it comes to none.
        return vec![vec![0], vec![1], vec![0xff; 60_000], vec![0x10, 2, 0, 0x9d, 1, 0x2a, 0xff, 0xff, 0xff, 0xff]];
    }
    vec![
        nal(&[0x00, 1]),
        nal(&[0x78, 0xff, 0xff, 1]),
        nal(&[0x78, 1]),
        nal(&[0x7c, 0x85, 1, 2, 3]),
        nal(&[0x7c, 0x05, 1, 2, 3]),
        nal(&[0x7c, 0xc5]),
        nal(&[0x7d, 0x85, 1]),
        nal(&[0x1f, 1]),
        nal(&[0x67, 0xff, 0xff, 0xff]),
        nal(&vec![0x65; 60_000]),
        [nal(&[0x67, 1]), nal(&[0x78, 1, 1])].concat(),
    ]
}

#[test]
fn nonsense_from_a_connected_member_is_counted_and_hurts_nobody_else() {
    for codec in VideoCodec::ALL {
        let refused = refused_of_an_attacker(codec);
        // VP8 has no structure to be checked before its decoder.
        assert!(refused > 0 || codec == VideoCodec::Vp8, "{codec:?}");
    }
}

/// Frames of an attacker in this codec that an honest one refused, at least.
fn refused_of_an_attacker(codec: VideoCodec) -> u64 {
    let mut world = pair(103);
    let attacker = world.add_client_with(TransportPolicy::All, &[codec]);
    world.enter(attacker);
    assert!(world.run_until(Duration::from_secs(5), World::all_connected), "not connected");
    let track = world.clients[attacker].call.snapshot().tracks[1].id;
    world.clients[attacker].silent = true;
    let mut cases = 0;
    for unit in units(codec) {
        for kind in [FrameKind::Key, FrameKind::Delta] {
            let payload = Bytes::from(unit.clone());
            let frame = frame(track, Codec::Video(codec), kind, 0, world.now, payload);
            world.give(attacker, Input::Frame(frame));
            world.run(Duration::from_millis(50));
            cases += 1;
        }
    }
    println!("{cases} cases");
    check_unnoticed(&world);
    let refused = |client: &crate::client::Client| {
        let snapshot = client.call.snapshot();
        let peer = snapshot.peers.iter().find(|peer| peer.nick == format!("client {attacker}")).unwrap();
        peer.connection.counters.refused_frames
    };
    world.clients[..2].iter().map(refused).min().unwrap()
}

#[test]
fn a_wrong_fingerprint_never_connects() {
    let mut world = pair(104);
    let other = fingerprint("CD");
    world.tamper = Some(Box::new(move |message: &mut Value| {
        if let Some(sdp) = message.pointer_mut("/desc/sdp") {
            let lines = sdp.as_str().unwrap_or_default().split("\r\n").map(|line| {
                if line.starts_with("a=fingerprint:") { format!("a=fingerprint:sha-256 {other}") } else { line.into() }
            });
            *sdp = Value::String(lines.collect::<Vec<_>>().join("\r\n"));
        }
    }));
    let late = world.add_client(TransportPolicy::All);
    world.enter(late);
    world.run(Duration::from_secs(30));
    let phases: Vec<_> = world.clients[late].call.snapshot().peers.iter().map(|peer| peer.connection.phase).collect();
    assert!(!phases.is_empty() && phases.iter().all(|p| !matches!(p, PeerPhase::Connected(_))), "{phases:?}");
    assert!(world.clients[late].sink.got.is_empty(), "media came from somebody with another key");
    world.tamper = None;
    check_unnoticed(&world);
}

#[test]
fn a_lying_server_gains_nothing() {
    let mut world = pair(105);
    let me = world.clients[0].call.snapshot().me.unwrap();
    let entry = |id: &str| json!({"id": id, "nick": "ghost", "polite": true});
    let mut cases: Vec<Value> = vec![
        json!({"type": "peer_joined", "peer": entry(&me.to_string())}),
        json!({"type": "peer_updated", "peer": entry("GGGGGGGGGGGGGGGG")}),
        json!({"type": "peer_left", "id": "GGGGGGGGGGGGGGGG", "reason": "left"}),
        json!({"type": "peer_away", "id": "GGGGGGGGGGGGGGGG"}),
        json!({"type": "signal", "from": "GGGGGGGGGGGGGGGG", "sid": 1, "desc": {"type": "offer", "sdp": "v=0"}}),
        json!({"type": "signal", "sid": 1, "end": ""}),
        json!({"type": "joined", "room": "123456789", "peers": []}),
        json!({"type": "error", "code": "not_in_room"}),
        json!({"type": "error", "code": "something_new", "id": 4_000_000_000_u32}),
        json!({"type": "ice_refresh", "ice_servers": [{"urls": ["turn:nonsense", "", "turn:[::"]}], "ice_expires": 1}),
        json!({"type": "server_draining"}),
        json!({"type": "welcome", "v": [1], "limits": {"message_bytes": 1, "nick_bytes": 1, "room_peers": 1,
            "messages_per_s": 0, "message_burst": 0, "resume_grace_s": 0, "resume_queue": 0}, "ping_s": 0}),
    ];
    for n in 0..60 {
        cases.push(json!({"type": "peer_joined", "peer": entry(&format!("ghost{n:011}"))}));
    }
    println!("{} cases", cases.len());
    for case in cases {
        let message: ServerMessage = serde_json::from_value(case).unwrap();
        world.give(0, Input::Signal(hearth_protocol::Numbered::bare(message)));
        world.run(Duration::from_millis(20));
    }
    assert!(world.clients[0].call.snapshot().peers.len() <= 32);
    check_unnoticed(&world);
}
