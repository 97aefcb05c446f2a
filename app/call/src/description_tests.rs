//! Descriptions of many makers, and what becomes of them.

use super::*;
use crate::our_description::{in_their_words, with_abilities, with_red, with_reports};

fn hash(byte: &str, bytes: usize) -> String {
    vec![byte; bytes].join(":")
}

fn sdp(extra: &str) -> String {
    format!("v=0\r\na=fingerprint:sha-256 {}\r\na=ice-ufrag:abcd\r\n{extra}", hash("AB", 32))
}

/// Sections of these kinds, in one group, with what all of them need; `change` makes something else of the text.
fn offer(kinds: &[&str], change: impl Fn(String) -> String) -> String {
    let mids: Vec<String> = (0..kinds.len()).map(|n| n.to_string()).collect();
    let mut text = sdp(&format!("a=group:BUNDLE {}\r\n", mids.join(" ")));
    for (kind, mid) in kinds.iter().zip(&mids) {
        text.push_str(&match *kind {
            "audio" => {
                format!("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:{mid}\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n")
            }
            "video" => {
                format!("m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:{mid}\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n")
            }
            _ => format!("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:{mid}\r\na=sctp-port:5000\r\n"),
        });
    }
    change(text)
}

#[test]
fn candidates_leave_a_description_for_the_same_check() {
    let checked = check_description(&sdp("a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\na=x\r\n")).unwrap();
    assert_eq!(checked.candidates, ["candidate:1 1 udp 1 127.0.0.1 9 typ host"]);
    assert!(!checked.sdp.contains("candidate") && checked.sdp.ends_with("a=x\r\n"));
    assert_eq!(checked.ufrag, "abcd");
}

#[test]
fn unfit_descriptions_are_refused() {
    for (text, expected) in [
        (String::new(), DescriptionError::Syntax),
        ("hello".to_owned(), DescriptionError::Syntax),
        ("v=0\0".to_owned(), DescriptionError::Syntax),
        ("v=0\r\na=ice-ufrag:abcd\r\n".to_owned(), DescriptionError::Fingerprint),
        ("v=0\r\na=fingerprint:sha-1 AB\r\na=ice-ufrag:abcd\r\n".to_owned(), DescriptionError::Fingerprint),
        (sdp(&format!("a=fingerprint:sha-256 {}\r\n", hash("CD", 32))), DescriptionError::Fingerprint),
        (sdp("a=fingerprint:sha-256 AB:CD\r\n"), DescriptionError::Fingerprint),
        (sdp("").replace("abcd", "a"), DescriptionError::Credentials),
        (sdp(&"m=audio 9 x 1\r\n".repeat(MAX_SECTIONS + 1)), DescriptionError::Length),
        (sdp("m=audio\r\n"), DescriptionError::Syntax),
        (sdp("a=sctpmap:x webrtc-datachannel\r\n"), DescriptionError::Syntax),
        (sdp(&"a=x\r\n".repeat(2001)), DescriptionError::Length),
        (sdp(&"x".repeat(70_000)), DescriptionError::Length),
    ] {
        assert_eq!(check_description(&text), Err(expected), "{}", &text[..text.len().min(60)]);
    }
}

#[test]
fn one_certificate_in_several_hashes_is_taken_by_its_sha_256() {
    let aiortc = [
        format!("a=fingerprint:sha-256 {}\r\n", hash("AB", 32)),
        format!("a=fingerprint:sha-384 {}\r\n", hash("CD", 48)),
        format!("a=fingerprint:sha-512 {}\r\n", hash("EF", 64)),
    ];
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
        let lines: String = order.iter().map(|n| aiortc[*n].as_str()).collect();
        let checked = check_description(&format!("v=0\r\na=ice-ufrag:abcd\r\n{lines}")).unwrap();
        assert_eq!(checked.fingerprint, format!("sha-256 {}", hash("AB", 32)));
        assert!(!checked.sdp.contains("sha-384") && !checked.sdp.contains("sha-512"), "{}", checked.sdp);
    }
}

#[test]
fn capitals_mean_nothing_in_a_hash() {
    let text = sdp("").replace("sha-256", "SHA-256").replace("AB", "ab");
    let checked = check_description(&text).unwrap();
    let right = format!("sha-256 {}", hash("AB", 32));
    assert_eq!(checked.fingerprint, right);
    assert!(checked.sdp.contains(&format!("a=fingerprint:{right}\r\n")), "{}", checked.sdp);
}

#[test]
fn a_data_channel_of_before_2018_is_brought_into_todays_words_and_answered_in_its_own() {
    let old = |text: String| {
        text.replace("UDP/DTLS/SCTP webrtc-datachannel", "DTLS/SCTP 5000")
            .replace("a=sctp-port:5000", "a=sctpmap:5000 webrtc-datachannel 1024")
    };
    let checked = check_description(&offer(&["audio", "data"], old)).unwrap();
    assert_eq!(checked.sctp, SctpSyntax::Sctpmap);
    let new = offer(&["audio", "data"], |text| text);
    assert_eq!(checked.sdp, new);
    assert_eq!(in_their_words(new.clone(), SctpSyntax::Sctpmap), old(new.clone()));
    assert_eq!(in_their_words(new.clone(), SctpSyntax::Rfc8841), new);
}

#[test]
fn what_cannot_become_a_whole_call_is_refused_with_the_reason() {
    let without = |line: &'static str| move |text: String| text.replace(line, "");
    for (text, expected) in [
        (offer(&["audio", "video", "data"], |text| text), None),
        (offer(&["audio", "video"], without("a=group:BUNDLE 0 1\r\n")), Some(DescriptionError::Bundle)),
        (offer(&["audio", "video"], |t| t.replace("BUNDLE 0 1", "BUNDLE 0")), Some(DescriptionError::Bundle)),
        (offer(&["audio"], without("a=group:BUNDLE 0\r\n")), None),
        (offer(&["data"], |text| text), None),
        (offer(&["audio", "video"], without("a=rtcp-mux\r\n")), Some(DescriptionError::RtcpMux)),
        (offer(&["audio"], |t| t.replace("111 opus/48000/2", "0 PCMU/8000")), Some(DescriptionError::Audio)),
        // An answer that rejects what was offered: the port is 0, and it is in no group.
        (offer(&["audio", "video"], |t| t.replace("m=audio 9", "m=audio 0")), Some(DescriptionError::Audio)),
        (offer(&["audio", "video"], |t| t.replace("m=video 9", "m=video 0").replace("BUNDLE 0 1", "BUNDLE 0")), None),
        // In an offer, a port of 0 may also mean "only in the group".
        (
            offer(&["audio", "video"], |t| {
                t.replace("m=video 9", "m=video 0").replace("a=mid:1", "a=mid:1\r\na=bundle-only")
            }),
            None,
        ),
    ] {
        assert_eq!(check_description(&text).err(), expected, "{text}");
    }
}

#[test]
fn who_names_remb_alone_is_told_by_remb() {
    let feedback = |lines: &'static str| {
        let text = offer(&["audio", "video"], |text| format!("{text}{lines}"));
        check_description(&text).unwrap().rate_feedback
    };
    assert_eq!(feedback(""), RateFeedback::TransportWide);
    assert_eq!(feedback("a=rtcp-fb:96 goog-remb\r\n"), RateFeedback::Remb);
    assert_eq!(feedback("a=rtcp-fb:* goog-remb\r\n"), RateFeedback::Remb);
    assert_eq!(feedback("a=rtcp-fb:96 goog-remb\r\na=rtcp-fb:96 transport-cc\r\n"), RateFeedback::TransportWide);
}

#[test]
fn reports_by_the_numbers_of_streams_count_where_every_section_has_them() {
    let plain = offer(&["audio", "video", "data"], |text| text);
    let ours = with_reports(&plain);
    assert_eq!(ours.matches("a=rtcp-fb:* ack ccfb\r\n").count(), 2, "{ours}");
    let feedback = |text: &str| check_description(text).unwrap().rate_feedback;
    assert_eq!(feedback(&ours), RateFeedback::Rfc8888);
    assert_eq!(
        feedback(&format!("{ours}a=rtcp-fb:96 goog-remb\r\na=rtcp-fb:96 transport-cc\r\n")),
        RateFeedback::Rfc8888
    );
    assert_eq!(feedback(&ours.replacen("a=rtcp-fb:* ack ccfb\r\n", "", 1)), RateFeedback::TransportWide);
    // As browsers write it that were told to: for each payload type.
    assert_eq!(feedback(&ours.replace("rtcp-fb:*", "rtcp-fb:96")), RateFeedback::Rfc8888);
    assert_eq!(feedback(&ours.replace("ack ccfb", "ack ccfb2")), RateFeedback::TransportWide);
    let data = with_reports(&offer(&["data"], |text| text));
    assert_eq!((feedback(&data), data.contains("ccfb")), (RateFeedback::TransportWide, false), "of no media");
}

#[test]
fn redundant_sound_is_of_opus_alone_and_named_last() {
    let plain = offer(&["audio", "video", "data"], |text| text);
    assert_eq!(check_description(&plain).unwrap().red, None);
    let ours = with_red(&plain, None);
    let media = ours.lines().find(|line| line.starts_with("m=audio")).unwrap();
    assert!(media.ends_with(" 111 63"), "{media}");
    let red = |text: &str| check_description(text).unwrap().red;
    assert_eq!(red(&ours), Some(RedTypes { red: 63, opus: 111 }));
    assert_eq!(red(&with_red(&plain, Some(RedTypes { red: 70, opus: 111 }))), Some(RedTypes { red: 70, opus: 111 }));
    assert_eq!(with_red(&ours, None), ours, "a payload type that is taken");
    for other in ["a=fmtp:63 111/0", "a=fmtp:63 0/0", "a=fmtp:63 ", "a=fmtp:64 111/111"] {
        assert_eq!(red(&ours.replace("a=fmtp:63 111/111", other)), None, "{other:?}");
    }
    assert_eq!(red(&ours.replace("red/48000/2", "red/8000")), None);
    let data = offer(&["data"], |text| text);
    assert_eq!(with_red(&data, None), data);
}

#[test]
fn streams_live_as_long_as_a_section_names_them_from_which_something_comes() {
    let section = |kind: &str, port: u16, lines: &str| format!("m={kind} {port} UDP/TLS/RTP/SAVPF 96\r\n{lines}");
    let named = "a=ssrc:7 cname:x\r\na=ssrc:7 msid:a b\r\na=ssrc:8 cname:x\r\n";
    let streams = |list: &[u32]| Some(list.iter().copied().collect::<BTreeSet<u32>>());
    for (port, lines, expected) in [
        (9, "a=sendrecv\r\n", streams(&[7, 8])),
        (9, "", streams(&[7, 8])),
        (9, "a=recvonly\r\n", streams(&[])),
        (9, "a=inactive\r\n", streams(&[])),
        (0, "", streams(&[])),
        // It rejects nothing (RFC 9143, section 6): Firefox writes all sections so but the first.
        (0, "a=bundle-only\r\n", streams(&[7, 8])),
        (0, "a=bundle-only\r\na=recvonly\r\n", streams(&[])),
    ] {
        assert_eq!(live_streams(&sdp(&section("video", port, &format!("{lines}{named}")))), expected, "{port} {lines}");
    }
    let unnamed = section("audio", 9, "a=sendrecv\r\n");
    assert_eq!(live_streams(&sdp(&format!("{}{unnamed}", section("video", 9, named)))), None, "who knows");
    let channel = section("application", 9, "");
    assert_eq!(live_streams(&sdp(&format!("{}{channel}", section("video", 9, named)))), streams(&[7, 8]));
}

#[test]
fn what_ours_can_is_said_before_the_first_section_and_read_again() {
    let offer = offer(&["audio", "video"], |text| text);
    assert!(!check_description(&offer).unwrap().takes_repair, "a browser says nothing");
    let ours = with_abilities(&offer);
    let at = |text: &str| ours.find(text).unwrap();
    assert!(at("a=x-hearth:repair\r\n") < at("\nm="), "{ours}");
    let checked = check_description(&ours).unwrap();
    assert_eq!((checked.takes_repair, checked.sdp), (true, check_description(&offer).unwrap().sdp));
    for (ability, expected) in [("repair and more", true), ("more repair", true), ("repairs", false), ("", false)] {
        let other = ours.replace("a=x-hearth:repair", &format!("a=x-hearth:{ability}"));
        assert_eq!(check_description(&other).unwrap().takes_repair, expected, "{ability:?}");
    }
}
