//! Where fuzzers come in: what another member of a room may say, given to the very code that hears it in a call.
//!
//! Hidden from the documentation, and no part of the interface. Each function returns, whatever it is given; what it
//! asserts are promises that the rest of the crate builds on. Holds no state.

use std::time::{Duration, Instant};

use bytes::Bytes;
use hearth_base::{FrameKind, TrackId, TrackSource, VideoCodec};

use crate::candidates::{self, Loopback, MAX_CANDIDATES};
use crate::channel::ChannelMessage;
use crate::description::check_description;
use crate::media::MAX_UNIT;
use crate::media::assemble::{Assembled, Assembler};
use crate::media::fec::{ProtectedPacket, Recovery, RepairPacket};
use crate::media::nack::NackGenerator;
use crate::media::unwrap::{UnwrapSequence, UnwrapTime};
use crate::our_description::in_their_words;
use crate::peer_connection::reassembly::Reassembly;
use crate::peer_connection::{Departure, LinkConfig, LocalTrack, PeerConnection, SendHistory, Video};
use crate::send::estimator::{Estimator, FeedbackEstimator};

/// Stands alone on a line between the descriptions of a script.
const NEXT: &str = "-----";
/// Time that a connection is given after each description: some of its work waits for its timers.
const AFTER: Duration = Duration::from_millis(200);

/// A connection like a call's.
fn link(ssrc: u32, now: Instant) -> Option<PeerConnection> {
    let track = |id, source, ssrc| LocalTrack { id: TrackId(id), source, ssrc, rtx_ssrc: ssrc + 100 };
    let tracks = vec![track(0, TrackSource::Microphone, ssrc + 1), track(1, TrackSource::Camera, ssrc + 2)];
    PeerConnection::new(LinkConfig { tracks, video_codecs: VideoCodec::ALL.to_vec(), repair_ssrc: 7 }, now).ok()
}

/// Candidates, one a line, for a connection whose descriptions are both set. Also what the data channel may carry:
/// a line is a text.
pub fn candidates(lines: &str, now: Instant) {
    let (Some(mut offerer), Some(mut answerer)) = (link(10, now), link(20, now)) else { return };
    let described = offerer.create_first_offer(now).and_then(|offer| answerer.answer(&offer, Video::Shared, now));
    assert!(described.is_ok(), "our own offer is answered");
    for line in lines.lines().take(MAX_CANDIDATES) {
        if let Some(message) = ChannelMessage::parse(line) {
            assert_eq!(ChannelMessage::parse(&message.to_text()), Some(message), "what we say is understood");
        }
        let Ok(address) = candidates::check_candidate(line, Loopback::Refused) else { continue };
        assert!(!address.ip().to_canonical().is_loopback() && address.port() != 0, "no member is on our loopback");
        drop(answerer.add_remote_candidate(line, now));
    }
    drain(&mut answerer, now);
}

/// Packets of one stream and of its repair: each begins with its length (two bytes), and with whether it is repair (an
/// odd third byte). What is made again is short enough to have been sent.
pub fn repair(data: &[u8]) {
    let (mut recovery, mut rest, mut sequence) = (Recovery::default(), data, 0_u16);
    while let Some((&[high, low, kind], tail)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes([high, low])).min(tail.len());
        let (payload, next) = tail.split_at(length);
        let payload = Bytes::copy_from_slice(payload);
        if kind % 2 == 0 {
            recovery.handle_packet(ProtectedPacket { sequence, time: u32::from(kind), marker: false, payload });
            sequence = sequence.wrapping_add(1);
        } else if let Some(repair) = RepairPacket::parse(payload) {
            for packet in recovery.handle_repair(repair) {
                assert!(!packet.payload.is_empty() && packet.payload.len() < length, "more than its repair holds");
            }
        }
        rest = next;
    }
}

/// A compound packet of feedback on some hundred packets that left, the estimate of the path made of it.
pub fn reports(data: &[u8], now: Instant) {
    let (mut history, mut estimator) = (SendHistory::default(), FeedbackEstimator::new());
    for number in 0..300 {
        let at = now + Duration::from_millis(5 * number);
        let (sequence, time) = (number as u16, number as u32 / 4);
        history.handle_departure(Departure { number, size: 1200, stream: 1, sequence, time, at });
    }
    for (n, feedback) in (0..).zip(history.handle_compound(data)) {
        assert!(feedback.packets.len() <= 300, "no more than was sent");
        estimator.handle_feedback(&feedback, now + Duration::from_millis(1500 + 50 * n));
        assert!(estimator.estimate().bps() > 0 && estimator.pacing().rate.bps() > 0, "a rate is always there");
    }
}

/// Descriptions, parted by lines of five dashes. The first is an answer to our offer if its first line is `answer`, all
/// others are offers if their first line is not.
pub fn description(script: &str, now: Instant) {
    let (Some(mut link), mut now) = (link(10, now), now) else { return };
    if script.starts_with("answer") {
        drop(link.create_first_offer(now));
    }
    for part in script.split(NEXT).take(4) {
        let part = part.trim_start_matches(['\r', '\n']);
        let (is_answer, sdp) = match part.strip_prefix("answer").map(str::trim_start) {
            Some(sdp) => (true, sdp),
            None => (false, part),
        };
        let Ok(checked) = check_description(sdp) else { continue };
        assert!(checked.candidates.len() <= MAX_CANDIDATES, "candidates are bounded");
        if is_answer {
            drop(link.handle_answer(&checked.sdp, &checked.video.unwrap_or_default(), now));
        } else if let Ok(answer) = link.answer(&checked.sdp, Video::Shared, now) {
            in_their_words(answer, checked.sctp);
        }
        for candidate in &checked.candidates {
            if candidates::check_candidate(candidate, Loopback::Refused).is_ok() {
                drop(link.add_remote_candidate(candidate, now));
            }
        }
        now += AFTER;
        drain(&mut link, now);
    }
}

fn drain(link: &mut PeerConnection, now: Instant) {
    link.handle_timeout(now);
    while link.poll_transmit().is_some() {}
    while link.poll_event().is_some() {}
}

/// Packets of one video stream in this codec. Each is four bytes and its payload: flags (1 ends a frame, 2 the step in
/// numbers is times 256, the upper half is the time that passes, 8 ms a unit), the step in sequence numbers, the step
/// in time stamps of 750 (both signed), and the payload's length.
pub fn assemble(codec: VideoCodec, mut script: &[u8], start: Instant) {
    let mut stream = Stream::new(codec, start);
    while let Some((&[flags, step, time, length], rest)) = script.split_first_chunk() {
        let (payload, rest) = rest.split_at(usize::from(length).min(rest.len()));
        script = rest;
        stream.now += Duration::from_millis(8) * u32::from(flags >> 4);
        let wide = if flags & 2 == 0 { 1 } else { 256 };
        stream.sequence = stream.sequence.wrapping_add_signed(i16::from(step.cast_signed()) * wide);
        stream.time = stream.time.wrapping_add_signed(i32::from(time.cast_signed()) * 750);
        stream.packet(flags & 1 != 0, payload);
    }
}

/// What is behind one video track in a call.
struct Stream {
    now: Instant,
    sequence: u16,
    time: u32,
    sequences: UnwrapSequence,
    times: UnwrapTime,
    assembler: Assembler,
    nack: NackGenerator,
    /// Whether a frame may be one that needs those before it.
    running: bool,
    /// The first packet behind the newest frame.
    behind_frames: u64,
}

impl Stream {
    fn new(codec: VideoCodec, now: Instant) -> Self {
        Self {
            now,
            sequence: 0,
            time: 0,
            sequences: UnwrapSequence::default(),
            times: UnwrapTime::default(),
            assembler: Assembler::new(codec, now),
            nack: NackGenerator::new(),
            running: false,
            behind_frames: 0,
        }
    }

    fn packet(&mut self, marker: bool, payload: &[u8]) {
        let sequence = self.sequences.extend(u64::from(self.sequence));
        let time = self.times.extend(u64::from(self.time));
        self.nack.handle_packet(sequence, None, self.now);
        self.assembler.handle_packet(sequence, time, marker, Bytes::copy_from_slice(payload), self.now);
        while let Some(frame) = self.assembler.poll_frame(self.now) {
            self.frame(&frame);
        }
        match self.assembler.wanted_from() {
            Some(wanted) => self.nack.forget_before(wanted),
            None => self.running = false,
        }
        if self.nack.poll_timeout().is_some_and(|due| due <= self.now) {
            let asked = self.nack.poll(None, self.now).len();
            assert!(asked <= 256, "{asked} packets are asked for at once");
        }
        if self.assembler.poll_key_frame_wanted(self.now) {
            self.running = false;
        }
    }

    fn frame(&mut self, frame: &Assembled) {
        let begins = match self.assembler.codec() {
            VideoCodec::H264 => {
                assert!(frame.payload.starts_with(&[0, 0, 0, 1]), "a frame begins with a start code");
                // Parameter sets without a key frame behind them go through as well: the decoder refuses them and asks.
                frame.kind == FrameKind::Key || frame.payload.get(4).is_some_and(|header| header & 0x1f == 7)
            }
            VideoCodec::Vp8 => {
                assert!(!frame.payload.is_empty(), "a frame has a tag");
                frame.kind == FrameKind::Key
            }
        };
        assert!(self.running || begins, "a frame before any that a decoder can begin with");
        assert!(frame.payload.len() <= MAX_UNIT + usize::from(u16::MAX), "a frame of {} bytes", frame.payload.len());
        self.running = true;
        let behind = self.assembler.wanted_from().unwrap_or_default();
        assert!(behind > self.behind_frames, "a frame that ends before {behind}, after {}", self.behind_frames);
        self.behind_frames = behind;
    }
}

/// Datagrams of a DTLS handshake, each behind its length of two bytes; one of no length is the end of the handshake.
pub fn handshake(mut script: &[u8]) {
    let mut reassembly = Reassembly::default();
    while let Some((&length, rest)) = script.split_first_chunk::<2>() {
        let (datagram, rest) = rest.split_at(usize::from(u16::from_be_bytes(length)).min(rest.len()));
        script = rest;
        if datagram.is_empty() {
            reassembly.handle_finished();
        } else {
            let heard = reassembly.take(datagram);
            let most = datagram.len().saturating_add(1 << 17);
            assert!(
                heard.payload.is_none_or(|payload| !payload.is_empty() && payload.len() < most),
                "what is put together is bounded"
            );
        }
        reassembly.check();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet that is a whole frame.
    fn packet(header: u8) -> Vec<u8> {
        vec![1, 1, 4, 2, header, 9]
    }

    #[test]
    fn scripts_reach_what_they_are_meant_to_reach() {
        let now = Instant::now();
        let mut offerer = link(1, now).unwrap();
        let offer = offerer.create_first_offer(now).unwrap();
        assert!(check_description(&offer).is_ok());
        description(&format!("{offer}{NEXT}\n{offer}"), now);
        description(&format!("answer\n{offer}"), now);
        candidates("candidate:1 1 udp 1 10.0.0.1 9 typ host\n{\"type\":\"bye\"}", now);
        let mut stream = Stream::new(VideoCodec::H264, now);
        for script in [packet(0x65), packet(0x41)] {
            stream.sequence += 1;
            stream.time += 3000;
            stream.packet(true, &script[4..]);
        }
        assert!(stream.running && stream.assembler.frames == 2);
        assemble(VideoCodec::H264, &[packet(0x65), packet(0x41), vec![3, 9, 1]].concat(), now);
        let mut stream = Stream::new(VideoCodec::Vp8, now);
        for tag in [0x10, 0x11] {
            stream.sequence += 1;
            stream.time += 3000;
            stream.packet(true, &[0x90, 0x80, 0x80, 1, tag]);
        }
        assert!(stream.running && stream.assembler.frames == 2);
    }
}
