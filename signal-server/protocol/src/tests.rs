//! The wire form of every kind of message, as the guest page writes and reads it.

use crate::*;

fn peer(letter: char) -> PeerId {
    PeerId::parse(&letter.to_string().repeat(16)).unwrap()
}

#[test]
fn messages_have_the_documented_wire_form() {
    let signal = ClientMessage::Signal(Signal {
        to: Some(peer('b')),
        from: None,
        pc: Pc::Main,
        sid: SessionId(7),
        body: SignalBody::Cand(Candidate {
            candidate: "candidate:1 1 udp 1 10.0.0.1 9 typ host".into(),
            sdp_mid: Some("0".into()),
            sdp_m_line_index: Some(0),
            username_fragment: None,
        }),
    });
    let text = serde_json::to_value(Numbered { seq: Some(3), message: signal.clone() }).unwrap();
    assert_eq!(
        text,
        serde_json::json!({
            "seq": 3, "type": "signal", "to": "bbbbbbbbbbbbbbbb", "pc": "main", "sid": 7,
            "cand": {"candidate": "candidate:1 1 udp 1 10.0.0.1 9 typ host", "sdpMid": "0", "sdpMLineIndex": 0}
        })
    );
    let back: Numbered<ClientMessage> = serde_json::from_value(text).unwrap();
    assert_eq!(back.message, signal);

    let offer = r#"{"type":"signal","from":"aaaaaaaaaaaaaaaa","sid":1,"desc":{"type":"offer","sdp":"v=0"},"later":1}"#;
    let offer: Numbered<ServerMessage> = serde_json::from_str(offer).unwrap();
    let ServerMessage::Signal(offer) = offer.message else { panic!("{offer:?}") };
    assert_eq!(offer.body, SignalBody::Desc(Description { kind: DescriptionKind::Offer, sdp: "v=0".into() }));
    let leave: Numbered<ClientMessage> = serde_json::from_str(r#"{"type":"leave","seq":9}"#).unwrap();
    assert_eq!(leave, Numbered { seq: Some(9), message: ClientMessage::Leave });
    let hello: ClientMessage = serde_json::from_str(r#"{"type":"hello","v":[1]}"#).unwrap();
    assert!(matches!(hello, ClientMessage::Hello { .. }));
}

#[test]
fn unknown_types_codes_and_reasons_are_read_as_unknown() {
    let message: Numbered<ServerMessage> = serde_json::from_str(r#"{"type":"fireworks","colour":"red"}"#).unwrap();
    assert_eq!(message.message, ServerMessage::Unknown);
    let message: Numbered<ClientMessage> = serde_json::from_str(r#"{"type":"dance","seq":1}"#).unwrap();
    assert_eq!(message.message, ClientMessage::Unknown);
    assert_eq!(serde_json::from_str::<ErrorCode>(r#""too_cold""#).unwrap(), ErrorCode::Unknown);
    assert_eq!(serde_json::from_str::<LeaveReason>(r#""moved""#).unwrap(), LeaveReason::Unknown);
}

#[test]
fn malformed_messages_are_refused() {
    for text in [
        "",
        "[]",
        "null",
        "{}",
        r#"{"type":3}"#,
        r#"{"type":"join"}"#,
        r#"{"type":"join","room":""}"#,
        r#"{"type":"join","room":"a\u0000"}"#,
        r#"{"type":"signal","sid":1}"#,
        r#"{"type":"signal","to":"x","sid":1,"end":""}"#,
        r#"{"type":"signal","to":"bbbbbbbbbbbbbbbb","sid":-1,"end":""}"#,
        r#"{"type":"join","room":"1","invite":"short"}"#,
        r#"{"type":"hello","v":"1"}"#,
        r#"{"type":"signal","to":"bbbbbbbbbbbbbbbb","sid":1,"desc":{"type":"dance","sdp":""}}"#,
    ] {
        assert!(serde_json::from_str::<Numbered<ClientMessage>>(text).is_err(), "{text}");
    }
}

#[test]
fn a_link_survives_the_round_trip_and_hides_its_secret() {
    let secret = InviteSecret::from_random([7; 16]);
    let room = RoomName::from_random(5);
    let link = RoomLink::new("https://10.0.0.1:8443/x?y#z", room, Some(secret), Some(SpkiHash([9; 32]))).unwrap();
    assert!(link.reveal().starts_with("https://10.0.0.1:8443/r/100000005#s="));
    assert_eq!(RoomLink::parse(&link.reveal()).unwrap(), link);
    assert!(!format!("{link:?} {link}").contains(&secret.reveal()));
    assert!(!format!("{secret:?}").contains(&secret.reveal()));
    assert_eq!(link.websocket().as_str(), "wss://10.0.0.1:8443/ws");
    let odd = RoomLink::new("https://h", RoomName::parse("a b/+c=d&e%f?").unwrap(), None, None).unwrap();
    assert_eq!(RoomLink::parse(&odd.reveal()).unwrap(), odd);
}

#[test]
fn what_is_no_link_is_refused_by_its_part() {
    for (text, why) in [
        ("", BadLink::Address),
        ("ftp://h/r/1", BadLink::Address),
        ("http://h/r/1", BadLink::Unencrypted),
        ("http://192.168.1.7:8443/r/1#s=AAAAAAAAAAAAAAAAAAAAAA", BadLink::Unencrypted),
        ("http://localhost.example.org/r/1", BadLink::Unencrypted),
        ("http://127.0.0.1.example.org/r/1", BadLink::Unencrypted),
        ("http://[::ffff:10.0.0.1]/r/1", BadLink::Unencrypted),
        ("https://h/", BadLink::Room),
        ("https://h/r/", BadLink::Room),
        ("https://h/r/1/2", BadLink::Room),
        ("https://h/r/1#s=short", BadLink::Fragment),
        ("https://h/r/1#k=short", BadLink::Fragment),
    ] {
        assert_eq!(RoomLink::parse(text), Err(why), "{text}");
    }
}

#[test]
fn without_encryption_a_link_leads_to_this_machine_alone() {
    for server in ["http://localhost:8888", "http://127.0.0.1", "http://127.9.9.9:1", "http://[::1]:8888"] {
        assert!(RoomLink::parse(&format!("{server}/r/1")).is_ok(), "{server}");
        assert!(RoomLink::new(server, RoomName::parse("1").unwrap(), None, None).is_ok(), "{server}");
    }
    let elsewhere = RoomLink::new("http://talk.example.org", RoomName::parse("1").unwrap(), None, None);
    assert_eq!(elsewhere, Err(BadLink::Unencrypted));
}

#[test]
fn an_invite_admits_only_its_own_secret() {
    let secret = InviteSecret::from_random([1; 16]);
    assert!(secret.hash().admits(&secret));
    assert!(!secret.hash().admits(&InviteSecret::from_random([2; 16])));
}
