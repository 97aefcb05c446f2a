//! Which of a peer's candidates are believed, and which descriptions are looked at at all.
//!
//! A candidate makes us send checks to an address that somebody else chose. So their number is bounded, and an address
//! that cannot be a peer's is refused: else a member could have us probe this machine and its network. Pure functions.

use std::net::{IpAddr, SocketAddr};

use hearth_base::VideoCodec;

/// Candidates of a peer in one generation. A host with IPv6 privacy addresses and a VPN has a dozen; more are refused.
pub(crate) const MAX_CANDIDATES: usize = 32;
/// Longest description and candidate, bytes.
const MAX_SDP: usize = 64 * 1024;
const MAX_CANDIDATE: usize = 512;
/// Media sections of a description: two tracks, two for a screen, the data channel, and as much again.
const MAX_SECTIONS: usize = 10;
/// Lines of a description: Chromium's longest has 400.
const MAX_LINES: usize = 2000;

/// Whether this machine may be its own peer: only where everybody is on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loopback {
    /// No, as everywhere but in benchmarks.
    #[default]
    Refused,
    /// Yes.
    Allowed,
}

/// Why a description or candidate is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("too long")]
    Length,
    #[error("malformed")]
    Syntax,
    #[error("not over UDP")]
    Protocol,
    #[error("an address that no peer has")]
    Address,
    #[error("no fingerprint")]
    Fingerprint,
    #[error("no ICE credentials")]
    Credentials,
}

/// A candidate's address (RFC 8839 section 5.1), if it is fit.
pub(crate) fn check_candidate(text: &str, loopback: Loopback) -> Result<SocketAddr, Refused> {
    if text.len() > MAX_CANDIDATE {
        return Err(Refused::Length);
    }
    let text = text.strip_prefix("a=").unwrap_or(text);
    let text = text.strip_prefix("candidate:").unwrap_or(text);
    let mut fields = text.split_ascii_whitespace();
    let mut next = || fields.next().ok_or(Refused::Syntax);
    let (foundation, component, transport) = (next()?, next()?, next()?);
    let (priority, address, port) = (next()?, next()?, next()?);
    let (typ, kind) = (next()?, next()?);
    let well_formed = foundation.len() <= 32
        && component == "1"
        && priority.parse::<u32>().is_ok()
        && typ == "typ"
        && matches!(kind, "host" | "srflx" | "prflx" | "relay");
    if !well_formed || !text.is_ascii() {
        return Err(Refused::Syntax);
    }
    if !transport.eq_ignore_ascii_case("udp") {
        return Err(Refused::Protocol);
    }
    let port: u16 = port.parse().map_err(|_| Refused::Syntax)?;
    let address: IpAddr = address.parse().map_err(|_| Refused::Address)?;
    if port == 0 || !is_peer_address(address, loopback) {
        return Err(Refused::Address);
    }
    Ok(SocketAddr::new(address, port))
}

/// The name in place of a candidate's address, where it is one that hides an address: `<uuid>.local` and nothing else,
/// so that nobody has us ask the network for names of their choice.
pub(crate) fn hidden_name(text: &str) -> Option<&str> {
    const UUID: usize = 36;
    if text.len() > MAX_CANDIDATE {
        return None;
    }
    let name = text.split_ascii_whitespace().nth(4)?;
    let (uuid, local) = name.split_at_checked(UUID)?;
    let is_uuid = uuid.bytes().enumerate().all(|(place, byte)| match place {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    (is_uuid && local.eq_ignore_ascii_case(".local")).then_some(name)
}

/// Whether somebody else could be at `address`.
pub(crate) fn is_peer_address(address: IpAddr, loopback: Loopback) -> bool {
    let address = address.to_canonical();
    if address.is_loopback() {
        return loopback == Loopback::Allowed;
    }
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    !(address.is_unspecified() || address.is_multicast() || broadcast)
}

/// A description that may be given to the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CheckedDescription {
    /// Without the candidates that stood in it.
    pub(crate) sdp: String,
    pub(crate) candidates: Vec<String>,
    /// `sha-256 AB:CD...`, as written.
    pub(crate) fingerprint: String,
    /// Of the generation of ICE.
    pub(crate) ufrag: String,
    /// What of ours they can take of video; none when they speak of no video at all.
    pub(crate) video: Option<Vec<VideoCodec>>,
}

/// Looks a description over before any parser does.
pub(crate) fn check_description(sdp: &str) -> Result<CheckedDescription, Refused> {
    if sdp.len() > MAX_SDP {
        return Err(Refused::Length);
    }
    if !sdp.starts_with("v=0") || sdp.contains('\0') {
        return Err(Refused::Syntax);
    }
    let (mut fingerprint, mut ufrag, mut candidates) = (None, None, Vec::new());
    let mut video: Option<Vec<VideoCodec>> = None;
    let (mut sections, mut lines) = (0, 0);
    let mut kept = String::with_capacity(sdp.len());
    for line in sdp.lines() {
        lines += 1;
        sections += usize::from(line.starts_with("m="));
        if lines > MAX_LINES || sections > MAX_SECTIONS {
            return Err(Refused::Length);
        }
        if let Some(candidate) = line.strip_prefix("a=candidate:") {
            if candidates.len() < MAX_CANDIDATES {
                candidates.push(format!("candidate:{candidate}"));
            }
            continue;
        }
        if line == "a=end-of-candidates" {
            continue;
        }
        if let Some(value) = line.strip_prefix("a=fingerprint:") {
            // One certificate, said in one way: else the one that is shown need not be the one that is checked.
            let same = fingerprint.as_ref().is_none_or(|known: &String| known.eq_ignore_ascii_case(value));
            if !same || !is_sha256(value) {
                return Err(Refused::Fingerprint);
            }
            fingerprint = Some(value.to_owned());
        }
        if line.starts_with("m=video ") {
            video.get_or_insert_default();
        }
        if let (Some(codec), Some(video)) = (video_codec(line), &mut video) {
            video.push(codec);
        }
        if let Some(value) = line.strip_prefix("a=ice-ufrag:") {
            ufrag = ufrag.or_else(|| is_ufrag(value).then(|| value.to_owned()));
        }
        kept.push_str(line);
        kept.push_str("\r\n");
    }
    Ok(CheckedDescription {
        sdp: kept,
        candidates,
        fingerprint: fingerprint.ok_or(Refused::Fingerprint)?,
        ufrag: ufrag.ok_or(Refused::Credentials)?,
        video,
    })
}

/// The codec of a line `a=rtpmap:96 H264/90000`, if it is one of ours.
fn video_codec(line: &str) -> Option<VideoCodec> {
    let (_, map) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
    let name = map.split('/').next()?;
    VideoCodec::ALL.into_iter().find(|codec| codec.encoding_name().eq_ignore_ascii_case(name))
}

/// The fingerprint of our own description, to be shown.
pub(crate) fn fingerprint_of(sdp: &str) -> Option<String> {
    sdp.lines().find_map(|line| line.strip_prefix("a=fingerprint:")).map(str::to_owned)
}

/// The generation of ICE that our own description begins.
pub(crate) fn ufrag_of(sdp: &str) -> Option<String> {
    sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).map(str::to_owned)
}

fn is_sha256(value: &str) -> bool {
    let Some((algorithm, hex)) = value.split_once(' ') else { return false };
    let bytes: Vec<_> = hex.trim().split(':').collect();
    algorithm.eq_ignore_ascii_case("sha-256")
        && bytes.len() == 32
        && bytes.iter().all(|byte| byte.len() == 2 && byte.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// RFC 8839 section 5.4: 4 to 256 letters, digits, `+` and `/`.
fn is_ufrag(value: &str) -> bool {
    (4..=256).contains(&value.len())
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/' || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_taken_or_refused_by_what_they_say() {
        let long = format!("candidate:1 1 udp 1 10.0.0.1 9 typ host {}", "x".repeat(600));
        for (text, expected) in [
            ("candidate:1 1 udp 2130706431 10.0.0.1 9 typ host", Ok("10.0.0.1:9".parse().unwrap())),
            (
                "candidate:a 1 UDP 1 fd00::1 50000 typ relay raddr 1.2.3.4 rport 5",
                Ok("[fd00::1]:50000".parse().unwrap()),
            ),
            ("candidate:1 1 udp 1 127.0.0.1 9 typ host", Err(Refused::Address)),
            ("candidate:1 1 udp 1 ::1 9 typ host", Err(Refused::Address)),
            ("candidate:1 1 udp 1 ::ffff:127.0.0.1 9 typ host", Err(Refused::Address)),
            ("candidate:1 1 udp 1 0.0.0.0 9 typ host", Err(Refused::Address)),
            ("candidate:1 1 udp 1 224.0.0.251 5353 typ host", Err(Refused::Address)),
            ("candidate:1 1 udp 1 255.255.255.255 9 typ host", Err(Refused::Address)),
            ("candidate:1 1 udp 1 ff02::fb 9 typ host", Err(Refused::Address)),
            ("candidate:1 1 udp 1 example.com 9 typ host", Err(Refused::Address)),
            ("candidate:1 1 udp 1 10.0.0.1 0 typ host", Err(Refused::Address)),
            ("candidate:1 1 udp 1 10.0.0.1 65536 typ host", Err(Refused::Syntax)),
            ("candidate:1 2 udp 1 10.0.0.1 9 typ host", Err(Refused::Syntax)),
            ("candidate:1 1 udp -1 10.0.0.1 9 typ host", Err(Refused::Syntax)),
            ("candidate:1 1 udp 1 10.0.0.1 9 typ", Err(Refused::Syntax)),
            ("candidate:1 1 udp 1 10.0.0.1 9 typ ghost", Err(Refused::Syntax)),
            ("candidate:1 1 tcp 1 10.0.0.1 9 typ host tcptype active", Err(Refused::Protocol)),
            ("candidate:", Err(Refused::Syntax)),
            ("", Err(Refused::Syntax)),
            (long.as_str(), Err(Refused::Length)),
        ] {
            assert_eq!(check_candidate(text, Loopback::Refused), expected, "{text}");
        }
        assert!(check_candidate("candidate:1 1 udp 1 127.0.0.1 9 typ host", Loopback::Allowed).is_ok());
    }

    fn sdp(extra: &str) -> String {
        let hex = ["AB"; 32].join(":");
        format!("v=0\r\na=fingerprint:sha-256 {hex}\r\na=ice-ufrag:abcd\r\n{extra}")
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
            (String::new(), Refused::Syntax),
            ("hello".to_owned(), Refused::Syntax),
            ("v=0\0".to_owned(), Refused::Syntax),
            ("v=0\r\na=ice-ufrag:abcd\r\n".to_owned(), Refused::Fingerprint),
            ("v=0\r\na=fingerprint:sha-1 AB\r\na=ice-ufrag:abcd\r\n".to_owned(), Refused::Fingerprint),
            (sdp("a=fingerprint:sha-1 AB\r\n"), Refused::Fingerprint),
            (sdp(&format!("a=fingerprint:sha-256 {}\r\n", ["CD"; 32].join(":"))), Refused::Fingerprint),
            (sdp("").replace("abcd", "a"), Refused::Credentials),
            (sdp(&"m=audio 9 x 1\r\n".repeat(11)), Refused::Length),
            (sdp(&"a=x\r\n".repeat(2001)), Refused::Length),
            (sdp(&"x".repeat(70_000)), Refused::Length),
        ] {
            assert_eq!(check_description(&text), Err(expected), "{}", &text[..text.len().min(60)]);
        }
    }
}
