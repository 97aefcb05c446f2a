//! Session descriptions of ours, with what the WebRTC crate does not say in them. Pure functions.

use crate::description::{ABILITIES, CCFB, ICE_OPTIONS, RED, RENOMINATION, REPAIR, RateFeedback, SctpSyntax};
use crate::peer_connection::RedTypes;

/// The payload type of redundant sound in our offers, as libwebrtc has it.
const RED_TYPE: u8 = 63;

/// A description of ours with all that the crate does not say: in an offer every way that we know, beside those of
/// browsers; in an answer what was offered.
pub(crate) fn dressed(sdp: &str, is_offer: bool, feedback: RateFeedback, red: Option<RedTypes>) -> String {
    let sdp = if is_offer || red.is_some() { with_red(sdp, red) } else { sdp.to_owned() };
    let has_reports = is_offer || feedback == RateFeedback::Rfc8888;
    with_abilities(&if has_reports { with_reports(&sdp) } else { sdp })
}

/// A description of ours, and what its sender can.
pub(crate) fn with_abilities(sdp: &str) -> String {
    let (session, media) = sdp.split_at(sdp.find("\nm=").map_or(sdp.len(), |at| at + 1));
    format!("{session}{ABILITIES}{REPAIR}\r\n{media}")
}

/// A description of ours, with reports of each packet in every section of media (RFC 8888, section 6). The crate knows
/// feedback of one codec alone.
pub(crate) fn with_reports(sdp: &str) -> String {
    let mut is_next = false;
    sdp.lines().fold(String::with_capacity(sdp.len() + 100), |mut out, line| {
        if line.starts_with("m=") {
            is_next = line.starts_with("m=audio ") || line.starts_with("m=video ");
        } else if is_next && line.starts_with("a=") {
            out.push_str(&format!("a=rtcp-fb:* {CCFB}\r\n"));
            is_next = false;
        }
        out.push_str(line);
        out.push_str("\r\n");
        out
    })
}

/// A description of ours, with redundant sound (RFC 2198) beside Opus, by the payload type that was agreed on, or is
/// free. It goes last, so that nobody begins with it.
pub(crate) fn with_red(sdp: &str, agreed: Option<RedTypes>) -> String {
    let red = agreed.map_or(RED_TYPE, |types| types.red).to_string();
    let section = |section: &str| {
        let opus = section.lines().find_map(|line| line.strip_prefix("a=rtpmap:")?.strip_suffix(" opus/48000/2"));
        let media = section.lines().next().unwrap_or_default();
        let mut types = media.split_ascii_whitespace().skip(3);
        match opus.filter(|_| media.starts_with("m=audio ") && !types.any(|known| known == red)) {
            Some(opus) => {
                let of_red = format!("a=rtpmap:{red} {RED}\r\na=fmtp:{red} {opus}/{opus}\r\n");
                section.replacen(media, &format!("{media} {red}"), 1) + &of_red
            }
            None => section.to_owned(),
        }
    };
    let mut rest = sdp;
    let mut out = String::with_capacity(sdp.len() + 100);
    while let Some(at) = rest.find("\nm=") {
        let (before, after) = rest.split_at(at + 1);
        out.push_str(&section(before));
        rest = after;
    }
    out + &section(rest)
}

/// Our answer in the words of who offered: a section keeps the protocol that it was offered with (RFC 3264, section 6).
pub(crate) fn in_their_words(answer: String, sctp: SctpSyntax) -> String {
    match sctp {
        SctpSyntax::Rfc8841 => answer,
        SctpSyntax::Sctpmap => answer.lines().fold(String::with_capacity(answer.len()), |mut out, line| {
            if let Some(port) = line.strip_prefix("a=sctp-port:") {
                out.push_str(&format!("a=sctpmap:{port} webrtc-datachannel 1024"));
            } else {
                out.push_str(&line.replace(" UDP/DTLS/SCTP webrtc-datachannel", " DTLS/SCTP 5000"));
            }
            out.push_str("\r\n");
            out
        }),
    }
}

/// Our own description, with what it says of ICE beside what the crate does (RFC 8839, section 5.6).
pub(crate) fn with_ice_options(sdp: String) -> String {
    match sdp.find("\nm=").map(|at| at + 1) {
        Some(at) if !sdp.contains(ICE_OPTIONS) => {
            let (session, media) = sdp.split_at(at);
            format!("{session}{ICE_OPTIONS}trickle {RENOMINATION}\r\n{media}")
        }
        Some(_) | None => sdp,
    }
}

/// The fingerprint of our own description, to be shown.
pub(crate) fn fingerprint_of(sdp: &str) -> Option<String> {
    sdp.lines().find_map(|line| line.strip_prefix("a=fingerprint:")).map(str::to_owned)
}

/// The generation of ICE that our own description begins.
pub(crate) fn ufrag_of(sdp: &str) -> Option<String> {
    sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).map(str::to_owned)
}
