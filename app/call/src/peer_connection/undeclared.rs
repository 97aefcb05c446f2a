//! Streams that a description does not name.
//!
//! The crate knows a stream by its `a=ssrc`, and drops packets of all others where there is more than one section of
//! media. No standard asks for that line: a payload type that one section alone has says whose the stream is (RFC 9143,
//! section 9.2). So what a description leaves out is written into it when the stream's first packet has come, and the
//! crate reads it again. Nothing of this is told to the other side.
//!
//! Owner of: which streams have come and were not looked up yet. Such a stream's retransmissions stay unknown, and lost
//! packets of it are not repaired.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Streams that came and were not looked up yet, and streams of one connection that are told at all: two tracks of
/// video with their repair, two of audio, and some that came after them. Full: further ones stay unknown.
const STREAMS: usize = 16;
/// How often a description is read again: only somebody with the connection's keys can make us, and should not for
/// ever.
const READINGS: u8 = 8;
/// The name of a stream by which what we have written is found again. A track's name is its SSRC: the crate must tell
/// them apart.
const MSID: &str = "msid:undeclared";

/// A stream, by its first packet that could be decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UndeclaredStream {
    pub(super) ssrc: u32,
    pub(super) payload_type: u8,
}

/// Tells each stream once, from within the crate's chain.
pub(super) struct StreamTeller {
    known: BTreeSet<u32>,
    told: SyncSender<UndeclaredStream>,
}

/// Hears of them.
pub(super) struct Undeclared {
    told: Receiver<UndeclaredStream>,
    /// Those that were not looked up yet; no more than are told at all.
    waiting: Vec<UndeclaredStream>,
    /// Those that a description left out, the newest last: the next one leaves them out as well.
    found: Vec<UndeclaredStream>,
    readings_left: u8,
}

/// Both ends.
pub(super) fn pair() -> (StreamTeller, Undeclared) {
    let (sender, receiver) = sync_channel(STREAMS);
    (
        StreamTeller { known: BTreeSet::new(), told: sender },
        Undeclared { told: receiver, waiting: Vec::new(), found: Vec::new(), readings_left: READINGS },
    )
}

impl StreamTeller {
    pub(super) fn tell(&mut self, stream: UndeclaredStream) {
        let is_new = self.known.len() < STREAMS && self.known.insert(stream.ssrc);
        if is_new && self.told.try_send(stream).is_err() {
            tracing::debug!(stream.ssrc, "nobody hears of a stream"); // there is room for all that are told
        }
    }
}

impl Undeclared {
    /// Whether streams came that were not looked up yet.
    pub(super) fn poll(&mut self) -> bool {
        self.waiting.extend(self.told.try_iter());
        !self.waiting.is_empty()
    }

    /// Looks up the streams that came: returns the description with those that it leaves out, and `None` when there are
    /// none.
    pub(super) fn declare(&mut self, sdp: &str) -> Option<String> {
        let before = self.found.len();
        self.found.extend(self.waiting.drain(..).filter(|stream| declare(sdp, *stream).is_some()));
        if self.found.len() == before {
            return None;
        }
        self.readings_left = self.readings_left.checked_sub(1)?;
        Some(self.readable(sdp))
    }

    /// The description as the crate reads it, with what was found so far.
    pub(super) fn readable(&self, sdp: &str) -> String {
        let sdp = without_idle_names(sdp);
        self.found.iter().fold(sdp, |sdp, stream| declare(&sdp, *stream).unwrap_or(sdp))
    }
}

/// The crate refuses all of a description in which a section has an `a=msid` and names no stream: without such lines.
fn without_idle_names(sdp: &str) -> String {
    let kept = sections(sdp).into_iter().flat_map(|section| {
        let keeps_msid = names_streams(&section);
        section.into_iter().filter(move |line| keeps_msid || !line.starts_with("a=msid:"))
    });
    text(kept)
}

/// The description with the stream in the only section that has its payload type. `None` where no such section is,
/// where it names its streams itself, or where the type is of repair.
fn declare(sdp: &str, stream: UndeclaredStream) -> Option<String> {
    let payload_type = stream.payload_type.to_string();
    let mut sections = sections(sdp);
    let mut owners = sections.iter_mut().filter(|section| {
        let Some(media) = section.first().filter(|line| line.starts_with("m=audio ") || line.starts_with("m=video "))
        else {
            return false;
        };
        media.split_ascii_whitespace().skip(3).any(|word| word == payload_type)
    });
    let (owner, None) = (owners.next()?, owners.next()) else { return None };
    owner.retain(|line| !line.contains(MSID));
    if names_streams(owner) || is_repair(owner, &payload_type) {
        return None;
    }
    let line = format!("a=ssrc:{0} {MSID} {0}", stream.ssrc);
    owner.push(&line);
    Some(text(sections.iter().flatten().copied()))
}

fn is_repair(section: &[&str], payload_type: &str) -> bool {
    let names = section.iter().filter_map(|line| line.strip_prefix("a=rtpmap:")?.split_once(' '));
    let mut names = names.filter(|(number, _)| *number == payload_type).map(|(_, name)| name.to_ascii_lowercase());
    names.any(|name| ["rtx/", "red/", "ulpfec/", "flexfec"].iter().any(|repair| name.starts_with(repair)))
}

fn names_streams(section: &[&str]) -> bool {
    section.iter().any(|line| line.starts_with("a=ssrc:") || line.starts_with("a=rid:"))
}

/// What is said of the session, then each section of media.
fn sections(sdp: &str) -> Vec<Vec<&str>> {
    let mut sections = vec![Vec::new()];
    for line in sdp.lines() {
        if line.starts_with("m=") {
            sections.push(Vec::new());
        }
        if let Some(section) = sections.last_mut() {
            section.push(line);
        }
    }
    sections
}

fn text<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.flat_map(|line| [line, "\r\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SDP: &str = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=msid:a b\r\na=rtpmap:111 opus/48000/2\r\n\
                       m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\n";

    fn declared(sdp: &str, ssrc: u32, payload_type: u8) -> Option<String> {
        declare(sdp, UndeclaredStream { ssrc, payload_type })
    }

    #[test]
    fn a_stream_is_of_the_only_section_with_its_payload_type() {
        let video = declared(SDP, 7, 96).unwrap();
        assert_eq!(video, format!("{SDP}a=ssrc:7 {MSID} 7\r\n"));
        assert_eq!(declared(&video, 8, 96).unwrap(), format!("{SDP}a=ssrc:8 {MSID} 8\r\n"), "the newest counts");
        let audio = declared(SDP, 7, 111).unwrap();
        assert!(audio.contains(&format!("opus/48000/2\r\na=ssrc:7 {MSID} 7\r\nm=video")), "{audio}");
    }

    #[test]
    fn what_is_repair_unknown_ambiguous_or_named_stays_as_it_is() {
        assert_eq!(declared(SDP, 7, 97), None);
        assert_eq!(declared(SDP, 7, 9), None, "the port is no payload type");
        assert_eq!(declared(&SDP.replace("SAVPF 111", "SAVPF 96"), 7, 96), None);
        assert_eq!(declared(&format!("{SDP}a=ssrc:5 cname:x\r\n"), 7, 96), None);
        assert_eq!(declared(&format!("{SDP}a=rid:1 send\r\n"), 7, 96), None);
    }

    #[test]
    fn a_name_of_a_track_stays_only_beside_a_stream() {
        assert_eq!(without_idle_names(SDP), SDP.replace("a=msid:a b\r\n", ""));
        let named = SDP.replace("a=msid:a b\r\n", "a=msid:a b\r\na=ssrc:5 cname:x\r\n");
        assert_eq!(without_idle_names(&named), named);
    }

    #[test]
    fn each_stream_is_looked_up_once_and_nobody_has_us_read_for_ever() {
        let (mut teller, mut subject) = pair();
        let mut count = 0;
        for ssrc in 0..100 {
            for _ in 0..2 {
                teller.tell(UndeclaredStream { ssrc, payload_type: 96 });
                count += u8::from(subject.poll() && subject.declare(SDP).is_some());
            }
        }
        assert_eq!(count, READINGS);
    }
}
