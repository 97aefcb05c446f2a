//! Which session descriptions of a peer are taken (SDP, RFC 8866; JSEP, RFC 8829), and in which form the WebRTC crate
//! gets them.
//!
//! A description is read line by line before any parser sees it: it is bounded, its candidates are taken out to be
//! checked apart, and what other implementations say in a way that the crate does not know is said in the crate's way.
//! What cannot become a call is refused with the reason, which the other side and the person hear. Pure functions.

use std::collections::BTreeSet;

use hearth_base::VideoCodec;
use hearth_protocol::RefusalCode;

use crate::candidates::MAX_CANDIDATES;
use crate::peer_connection::RedTypes;

/// Longest description, bytes.
const MAX_SDP: usize = 64 * 1024;
/// Media sections of a description: eight tracks of each side that found no section of the other's, the data channel,
/// and some that were stopped and are not used again.
const MAX_SECTIONS: usize = 24;
/// Lines of a description: Chromium's longest has 400.
const MAX_LINES: usize = 2000;

/// Why a description is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DescriptionError {
    #[error("too long")]
    Length,
    #[error("malformed")]
    Syntax,
    #[error("no SHA-256 fingerprint, or two different ones")]
    Fingerprint,
    #[error("another certificate than before")]
    OtherCertificate,
    #[error("no ICE credentials")]
    Credentials,
    #[error("media sections that are not in one BUNDLE group")]
    Bundle,
    #[error("a media section without rtcp-mux")]
    RtcpMux,
    #[error("no Opus, the only audio codec here")]
    Audio,
}

impl DescriptionError {
    /// What the other side is told.
    pub(crate) fn code(self) -> RefusalCode {
        match self {
            Self::Length | Self::Syntax => RefusalCode::Malformed,
            Self::Fingerprint | Self::OtherCertificate => RefusalCode::Fingerprint,
            Self::Credentials => RefusalCode::Credentials,
            Self::Bundle => RefusalCode::Bundle,
            Self::RtcpMux => RefusalCode::RtcpMux,
            Self::Audio => RefusalCode::Audio,
        }
    }
}

/// A description that may be given to the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CheckedDescription {
    /// Without the candidates that was in it, and in the crate's own words.
    pub(crate) sdp: String,
    pub(crate) candidates: Vec<String>,
    /// `sha-256 AB:CD...`
    pub(crate) fingerprint: String,
    /// Of the generation of ICE.
    pub(crate) ufrag: String,
    /// Whether they follow media to another pair (draft-thatcher-ice-renomination).
    pub(crate) renominates: bool,
    /// What of ours they can take of video; none when they speak of no video at all.
    pub(crate) video: Option<Vec<VideoCodec>>,
    /// How their sender of video learns what the path bears.
    pub(crate) rate_feedback: RateFeedback,
    /// Whether the data channel is described as browsers did before 2018, and should be answered so.
    pub(crate) sctp: SctpSyntax,
    /// Whether they take packets of repair ([`crate::media::fec`]).
    pub(crate) takes_repair: bool,
    /// How they take redundant sound (RFC 2198), if they do.
    pub(crate) red: Option<RedTypes>,
}

/// How a sender of video learns what the path bears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RateFeedback {
    /// From reports of each packet by its stream's numbers (RFC 8888).
    Rfc8888,
    /// From transport-wide sequence numbers, or in no way that we know.
    #[default]
    TransportWide,
    /// The receiver says it (REMB, draft-alvestrand-rmcat-remb).
    Remb,
}

/// How the section of the data channel is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SctpSyntax {
    /// `UDP/DTLS/SCTP webrtc-datachannel` with `a=sctp-port` (RFC 8841).
    #[default]
    Rfc8841,
    /// `DTLS/SCTP 5000` with `a=sctpmap` (draft-ietf-mmusic-sctp-sdp-05).
    Sctpmap,
}

/// Looks a description over before any parser does.
pub(crate) fn check_description(sdp: &str) -> Result<CheckedDescription, DescriptionError> {
    if sdp.len() > MAX_SDP || sdp.lines().count() > MAX_LINES {
        return Err(DescriptionError::Length);
    }
    if !sdp.starts_with("v=0") || sdp.contains('\0') {
        return Err(DescriptionError::Syntax);
    }
    let mut reader = Reader::default();
    sdp.lines().try_for_each(|line| reader.read(line))?;
    reader.finish()
}

/// What has been read of a description.
#[derive(Debug, Default)]
struct Reader {
    kept: String,
    candidates: Vec<String>,
    fingerprint: Option<String>,
    ufrag: Option<String>,
    renominates: bool,
    video: Option<Vec<VideoCodec>>,
    feedback: BTreeSet<&'static str>,
    sctp: SctpSyntax,
    takes_repair: bool,
    bundled: Vec<String>,
    sections: Vec<Section>,
}

/// A media section, as far as it matters whether it can become part of a call.
#[derive(Debug, Default)]
struct Section {
    is_audio: bool,
    is_media: bool,
    /// Its port is 0: it is rejected, unless it is `bundle-only`.
    is_port_zero: bool,
    is_bundle_only: bool,
    has_rtcp_mux: bool,
    has_opus: bool,
    has_ccfb: bool,
    /// Payload types of Opus, and of redundant sound; and what that is made of, as its format says.
    opus: Option<u8>,
    red: Option<u8>,
    red_of: Option<String>,
    mid: Option<String>,
}

impl Section {
    fn is_rejected(&self) -> bool {
        self.is_port_zero && !self.is_bundle_only
    }

    fn read_red(&mut self, line: &str) {
        let value = |name: &str| {
            let (payload_type, value) = line.strip_prefix(name)?.split_once(' ')?;
            Some((payload_type.parse::<u8>().ok().filter(|number| *number < 128)?, value.trim()))
        };
        match value("a=rtpmap:") {
            Some((number, map)) if map.eq_ignore_ascii_case("opus/48000/2") => drop(self.opus.get_or_insert(number)),
            Some((number, map)) if map.eq_ignore_ascii_case(RED) => drop(self.red.get_or_insert(number)),
            Some(_) | None => {}
        }
        if let Some((_, format)) = value("a=fmtp:").filter(|(number, _)| self.red == Some(*number)) {
            self.red_of = Some(format.to_owned());
        }
    }

    /// Opus in Opus: each block is a packet of it.
    fn red_types(&self) -> Option<RedTypes> {
        let types = RedTypes { red: self.red?, opus: self.opus? };
        let format = self.red_of.as_ref()?;
        let is_opus = !format.is_empty() && format.split('/').all(|block| block.parse() == Ok(types.opus));
        (self.is_audio && !self.is_rejected() && is_opus && types.red != types.opus).then_some(types)
    }
}

impl Reader {
    fn read(&mut self, line: &str) -> Result<(), DescriptionError> {
        if let Some(section) = line.strip_prefix("m=") {
            return self.begin_section(section);
        }
        if let Some(group) = line.strip_prefix("a=group:BUNDLE") {
            self.bundled.extend(group.split_ascii_whitespace().map(str::to_owned));
        }
        if let Some(candidate) = line.strip_prefix("a=candidate:") {
            if self.candidates.len() < MAX_CANDIDATES {
                self.candidates.push(format!("candidate:{candidate}"));
            }
            return Ok(());
        }
        if let Some(value) = line.strip_prefix("a=fingerprint:") {
            return self.read_fingerprint(value);
        }
        if let Some(value) = line.strip_prefix("a=ice-ufrag:")
            && self.ufrag.is_none()
        {
            self.ufrag = is_ufrag(value).then(|| value.to_owned());
        }
        if let Some(options) = line.strip_prefix(ICE_OPTIONS) {
            self.renominates |= options.split_ascii_whitespace().any(|option| option == RENOMINATION);
        }
        if let Some(map) = line.strip_prefix("a=sctpmap:") {
            let port = map.split_ascii_whitespace().next().and_then(|port| port.parse::<u16>().ok());
            let port = port.ok_or(DescriptionError::Syntax)?;
            self.keep(&format!("a=sctp-port:{port}"));
            return Ok(());
        }
        if let Some(abilities) = line.strip_prefix(ABILITIES) {
            self.takes_repair |= abilities.split_ascii_whitespace().any(|ability| ability == REPAIR);
            return Ok(());
        }
        if line == "a=end-of-candidates" {
            return Ok(());
        }
        self.read_of_section(line);
        self.keep(line);
        Ok(())
    }

    fn begin_section(&mut self, section: &str) -> Result<(), DescriptionError> {
        if self.sections.len() == MAX_SECTIONS {
            return Err(DescriptionError::Length);
        }
        let mut words = section.split_ascii_whitespace();
        let (kind, port, protocol) = (words.next(), words.next(), words.next());
        let (Some(kind), Some(port), Some(protocol)) = (kind, port, protocol) else {
            return Err(DescriptionError::Syntax);
        };
        let (is_audio, is_video) = (kind == "audio", kind == "video");
        self.sections.push(Section {
            is_audio,
            is_media: is_audio || is_video,
            is_port_zero: port == "0",
            ..Section::default()
        });
        if is_video {
            self.video.get_or_insert_default();
        }
        if kind == "application" && protocol == "DTLS/SCTP" {
            self.sctp = SctpSyntax::Sctpmap;
            self.keep(&format!("m=application {port} UDP/DTLS/SCTP webrtc-datachannel"));
        } else {
            self.keep(&format!("m={section}"));
        }
        Ok(())
    }

    /// One certificate, said in one way: else the one that is shown need not be the one that is checked. It may be
    /// hashed in several ways (RFC 8122, section 5), of which the crate gets SHA-256 alone.
    fn read_fingerprint(&mut self, value: &str) -> Result<(), DescriptionError> {
        let Some((algorithm, hex)) = value.split_once(' ') else { return Err(DescriptionError::Fingerprint) };
        if !algorithm.eq_ignore_ascii_case("sha-256") {
            return Ok(());
        }
        let hex = hex.trim().to_ascii_uppercase();
        let fingerprint = format!("sha-256 {hex}");
        let same = self.fingerprint.as_ref().is_none_or(|known| *known == fingerprint);
        if !same || !is_sha256(&hex) {
            return Err(DescriptionError::Fingerprint);
        }
        self.keep(&format!("a=fingerprint:{fingerprint}"));
        self.fingerprint = Some(fingerprint);
        Ok(())
    }

    fn read_of_section(&mut self, line: &str) {
        let Some(section) = self.sections.last_mut() else { return };
        match line {
            "a=rtcp-mux" | "a=rtcp-mux-only" => section.has_rtcp_mux = true,
            "a=bundle-only" => section.is_bundle_only = true,
            _ => {}
        }
        if let Some(mid) = line.strip_prefix("a=mid:") {
            section.mid = Some(mid.trim().to_owned());
        }
        section.read_red(line);
        if let Some(name) = encoding_name(line) {
            section.has_opus |= name.eq_ignore_ascii_case("opus");
            let codec = VideoCodec::ALL.into_iter().find(|codec| codec.encoding_name().eq_ignore_ascii_case(name));
            if let (Some(codec), Some(video)) = (codec, &mut self.video) {
                video.push(codec);
            }
        }
        if section.is_media
            && let Some((_, feedback)) = line.strip_prefix("a=rtcp-fb:").and_then(|feedback| feedback.split_once(' '))
        {
            section.has_ccfb |= feedback.trim() == CCFB;
            let known = [TRANSPORT_CC, GOOG_REMB].into_iter().filter(|known| feedback.trim() == *known);
            self.feedback.extend(known.filter(|_| !section.is_audio));
        }
    }

    /// RFC 8888 counts where every section has it: who reports of one stream by one way and of another by another is
    /// not understood. It goes first (section 6).
    fn rate_feedback(&self) -> RateFeedback {
        let mut media = self.sections.iter().filter(|section| section.is_media && !section.is_rejected()).peekable();
        if media.peek().is_some() && media.all(|section| section.has_ccfb) {
            return RateFeedback::Rfc8888;
        }
        let is_remb = self.feedback.contains(GOOG_REMB) && !self.feedback.contains(TRANSPORT_CC);
        if is_remb { RateFeedback::Remb } else { RateFeedback::TransportWide }
    }

    fn keep(&mut self, line: &str) {
        self.kept.push_str(line);
        self.kept.push_str("\r\n");
    }

    fn finish(self) -> Result<CheckedDescription, DescriptionError> {
        let rate_feedback = self.rate_feedback();
        let red = self.sections.iter().find_map(Section::red_types);
        let fingerprint = self.fingerprint.ok_or(DescriptionError::Fingerprint)?;
        let ufrag = self.ufrag.ok_or(DescriptionError::Credentials)?;
        check_sections(&self.sections, &self.bundled)?;
        Ok(CheckedDescription {
            sdp: self.kept,
            candidates: self.candidates,
            fingerprint,
            ufrag,
            renominates: self.renominates,
            video: self.video,
            rate_feedback,
            sctp: self.sctp,
            takes_repair: self.takes_repair,
            red,
        })
    }
}

pub(crate) const ICE_OPTIONS: &str = "a=ice-options:";
pub(crate) const RENOMINATION: &str = "renomination";
pub(crate) const RED: &str = "red/48000/2";
pub(crate) const CCFB: &str = "ack ccfb";
const TRANSPORT_CC: &str = "transport-cc";
const GOOG_REMB: &str = "goog-remb";

/// What Hearth can that no codec says, in one attribute of a session, which others skip (RFC 8866, section 5.13). Here
/// and not on the data channel: on a path that loses a third of all packets that opens after seconds.
pub(crate) const ABILITIES: &str = "a=x-hearth:";
pub(crate) const REPAIR: &str = "repair";

/// Everything goes over one transport here (BUNDLE, RFC 9143; rtcp-mux, RFC 5761): a section apart would stay silent.
fn check_sections(sections: &[Section], bundled: &[String]) -> Result<(), DescriptionError> {
    let alive: Vec<&Section> = sections.iter().filter(|section| !section.is_rejected()).collect();
    let in_bundle = |section: &&Section| section.mid.as_ref().is_some_and(|mid| bundled.contains(mid));
    if alive.len() > 1 && !alive.iter().all(in_bundle) {
        return Err(DescriptionError::Bundle);
    }
    if alive.iter().any(|section| section.is_media && !section.has_rtcp_mux) {
        return Err(DescriptionError::RtcpMux);
    }
    // A section that an answer rejects is one whose codec they do not have; what they never spoke of they do without.
    let mut audio = sections.iter().filter(|section| section.is_audio).peekable();
    if audio.peek().is_some() && !audio.any(|section| section.has_opus && !section.is_rejected()) {
        return Err(DescriptionError::Audio);
    }
    Ok(())
}

/// The name in a line `a=rtpmap:96 H264/90000`.
fn encoding_name(line: &str) -> Option<&str> {
    let (_, map) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
    map.split('/').next()
}

fn is_sha256(hex: &str) -> bool {
    let bytes: Vec<_> = hex.split(':').collect();
    bytes.len() == 32 && bytes.iter().all(|byte| byte.len() == 2 && byte.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// RFC 8839 section 5.4: 4 to 256 letters, digits, `+` and `/`.
fn is_ufrag(value: &str) -> bool {
    (4..=256).contains(&value.len())
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/' || b == b'-' || b == b'_')
}

/// The streams that a description names in sections from which something comes: those are neither rejected nor of a
/// direction without sending. `None` where such a section names no stream, so that nothing can be said of the others.
pub(crate) fn live_streams(sdp: &str) -> Option<BTreeSet<u32>> {
    let mut live = BTreeSet::new();
    let mut section = None;
    for line in sdp.lines().map(str::trim_end).chain(["m=application"]) {
        if let Some(media) = line.strip_prefix("m=") {
            if let Some(done) = section.filter(LiveSection::is_live) {
                if done.streams.is_empty() {
                    return None;
                }
                live.extend(done.streams);
            }
            let is_media = media.starts_with("audio ") || media.starts_with("video ");
            let is_rejected = media.split_ascii_whitespace().nth(1) == Some("0");
            section = is_media.then(|| LiveSection { is_rejected, ..LiveSection::default() });
        } else if let Some(section) = &mut section {
            match line {
                "a=bundle-only" => section.is_bundle_only = true,
                "a=recvonly" | "a=inactive" => section.is_silent = true,
                _ => section.streams.extend(stream(line)),
            }
        }
    }
    Some(live)
}

/// A section of media, as far as it says what comes.
#[derive(Default)]
struct LiveSection {
    is_rejected: bool,
    is_bundle_only: bool,
    is_silent: bool,
    streams: BTreeSet<u32>,
}

impl LiveSection {
    /// A port of 0 with `bundle-only` rejects nothing (RFC 9143, section 6).
    fn is_live(&self) -> bool {
        !self.is_silent && (!self.is_rejected || self.is_bundle_only)
    }
}

fn stream(line: &str) -> Option<u32> {
    line.strip_prefix("a=ssrc:")?.split(' ').next()?.parse().ok()
}

#[cfg(test)]
#[path = "description_tests.rs"]
mod tests;
