//! Their media on its way in: packets become frames, holes are asked for, sound is passed on as it comes.
//!
//! Owner of: each stream's numbering, repair and assembly. Asks of the link are returned, not made.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hearth_base::{
    AudioCodec, Bitrate, CaptureTime, Codec, EncodedFrame, FrameKind, Layer, NtpTime, TrackId, TrackSource, VideoCodec,
};
use hearth_protocol::PeerId;

use crate::connection_stats::InboundStats;
use crate::description::RateFeedback;
use crate::io::MediaCommand;
use crate::media::assemble::Assembler;
use crate::media::fec::{ProtectedPacket, Recovery, RepairPacket};
use crate::media::nack::NackGenerator;
use crate::media::protect::{FrameProtection, Open};
use crate::media::remb::RateTeller;
use crate::media::unwrap::{UnwrapSequence, UnwrapTime};
use crate::peer_connection::{LinkStats, RtpIn};
use crate::shared::Shared;
use crate::stats::PeerCounters;

/// Streams of one peer: as many tracks as we would publish ourselves, and as many again across a renegotiation. More
/// are refused.
const STREAMS: usize = 16;

/// What to ask the other side for.
#[derive(Debug)]
pub(crate) enum FeedbackRequest {
    Packets {
        ssrc: u32,
        missing: Vec<u16>,
    },
    KeyFrame {
        ssrc: u32,
    },
    /// Not to send more than this on these streams together.
    Rate {
        ssrcs: Vec<u32>,
        bitrate: Bitrate,
    },
}

/// A moment of a stream, by its sender's wall clock and by its time stamps.
#[derive(Clone, Copy, Debug)]
struct SenderReport {
    ntp: NtpTime,
    time: u64,
}

/// What is known of a frame before its codec.
struct FrameContext {
    track: TrackId,
    sequence: u64,
    time: u64,
    clock: Option<SenderReport>,
    arrived: Instant,
}

impl FrameContext {
    fn audio(self, payload: Bytes) -> EncodedFrame {
        self.frame(Codec::Audio(AudioCodec::Opus), FrameKind::Key, payload)
    }

    fn video(self, codec: VideoCodec, kind: FrameKind, payload: Bytes) -> EncodedFrame {
        self.frame(Codec::Video(codec), kind, payload)
    }

    fn frame(self, codec: Codec, kind: FrameKind, payload: Bytes) -> EncodedFrame {
        EncodedFrame {
            track: self.track,
            layer: Layer::default(),
            codec,
            kind,
            sequence: self.sequence,
            dependency: (kind == FrameKind::Delta).then_some(self.sequence.wrapping_sub(1)),
            time: self.time,
            captured: CaptureTime::There(self.clock.map(|report| report.at(self.time, codec))),
            arrived: self.arrived,
            is_discardable: false,
            begins_talk: false,
            payload,
        }
    }
}

impl SenderReport {
    /// When a frame of this time stamp was captured.
    fn at(self, time: u64, codec: Codec) -> NtpTime {
        match time.checked_sub(self.time) {
            Some(later) => self.ntp.plus(codec.duration(later)),
            None => self.ntp.minus(codec.duration(self.time - time)),
        }
    }
}

struct InboundStream {
    track: TrackId,
    source: TrackSource,
    sequence: UnwrapSequence,
    time: UnwrapTime,
    /// How its time stamps and its sender's wall clock go together, as it said last.
    clock: Option<SenderReport>,
    /// Video only: sound is repaired by its own redundancy.
    video: Option<InboundVideo>,
    /// From the first packet of repair on.
    recovery: Option<Recovery>,
    /// Packets of repair that came, and bytes of their payloads.
    repair: (u64, u64),
}

/// What a stream of video has beside.
struct InboundVideo {
    assembler: Assembler,
    nack: NackGenerator,
}

/// How a packet came to be here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// It came, at first or when it was asked for.
    Sent,
    /// It was made of others.
    MadeAgain,
}

/// All streams of one peer.
pub(crate) struct Inbound {
    streams: BTreeMap<u32, InboundStream>,
    protection: Box<dyn FrameProtection>,
    /// Where their sender learns the rate from us alone.
    rate_teller: Option<RateTeller>,
    packets: u64,
    refused_streams: u64,
    key_frames_asked: u64,
}

impl Inbound {
    pub(crate) fn new() -> Self {
        Self {
            streams: BTreeMap::new(),
            protection: Box::new(Open),
            rate_teller: None,
            packets: 0,
            refused_streams: 0,
            key_frames_asked: 0,
        }
    }

    /// A packet came from `peer`; frames go straight to the shell.
    pub(crate) fn handle_packet(
        &mut self,
        packet: RtpIn,
        peer: PeerId,
        round_trip: Option<Duration>,
        shared: &mut Shared,
    ) {
        self.packets += 1;
        if self.streams.contains_key(&packet.ssrc) || self.begin(&packet, peer, shared) {
            self.on_packet(packet, Origin::Sent, round_trip, shared);
        }
    }

    /// Repair of a frame came: what it gives back is as if it had come.
    pub(crate) fn handle_repair(
        &mut self,
        repair: RepairPacket,
        codec: Option<VideoCodec>,
        round_trip: Option<Duration>,
        shared: &mut Shared,
        now: Instant,
    ) {
        let ssrc = repair.context.ssrc;
        let Some(stream) = self.streams.get_mut(&ssrc) else { return };
        let source = stream.source;
        if let Some(video) = &mut stream.video {
            video.nack.handle_repair(stream.sequence.extend(u64::from(repair.last())), now);
        }
        stream.repair.0 += 1;
        stream.repair.1 += repair.payload_length() as u64;
        let found = stream.recovery.get_or_insert_default().handle_repair(repair);
        for ProtectedPacket { sequence, time, marker, payload } in found {
            let packet = RtpIn { ssrc, source, codec, sequence, time, marker, payload, arrived: now };
            self.on_packet(packet, Origin::MadeAgain, round_trip, shared);
        }
    }

    fn on_packet(&mut self, packet: RtpIn, origin: Origin, round_trip: Option<Duration>, shared: &mut Shared) {
        let Some(stream) = self.streams.get_mut(&packet.ssrc) else { return };
        let now = packet.arrived;
        let sequence = stream.sequence.extend(u64::from(packet.sequence));
        let time = stream.time.extend(u64::from(packet.time));
        let (track, clock) = (stream.track, stream.clock);
        if let (Origin::Sent, Some(recovery)) = (origin, &mut stream.recovery) {
            let RtpIn { sequence, time, marker, .. } = packet;
            recovery.handle_packet(ProtectedPacket { sequence, time, marker, payload: packet.payload.clone() });
        }
        let Some(InboundVideo { assembler, nack }) = &mut stream.video else {
            let about = FrameContext { track, sequence, time, clock, arrived: now };
            let frame = EncodedFrame { begins_talk: packet.marker, ..about.audio(packet.payload) };
            return shared.outputs.frame(self.protection.unprotect(frame));
        };
        if !packet.codec.is_some_and(|codec| assembler.handle_codec(codec, sequence, now)) {
            return;
        }
        match origin {
            Origin::Sent => nack.handle_packet(sequence, round_trip, now),
            Origin::MadeAgain => nack.handle_recovered(sequence),
        }
        assembler.handle_packet(sequence, time, packet.marker, packet.payload, now);
        while let Some(frame) = assembler.poll_frame(now) {
            let (sequence, time, arrived) = (assembler.frames, frame.time, frame.arrived);
            let about = FrameContext { track, sequence, time, clock, arrived };
            let frame = about.video(assembler.codec(), frame.kind, frame.payload);
            shared.outputs.frame(self.protection.unprotect(frame));
        }
        if let Some(wanted) = assembler.wanted_from() {
            nack.forget_before(wanted);
        }
    }

    fn begin(&mut self, packet: &RtpIn, peer: PeerId, shared: &mut Shared) -> bool {
        if self.streams.len() >= STREAMS {
            self.refused_streams += 1;
            return false;
        }
        let track = shared.publications.next_track();
        let video = packet
            .codec
            .map(|codec| InboundVideo { assembler: Assembler::new(codec, packet.arrived), nack: NackGenerator::new() });
        let stream = InboundStream {
            track,
            source: packet.source,
            sequence: UnwrapSequence::default(),
            time: UnwrapTime::default(),
            clock: None,
            video,
            recovery: None,
            repair: (0, 0),
        };
        self.streams.insert(packet.ssrc, stream);
        shared.outputs.media(MediaCommand::Begin { track, peer, source: packet.source });
        true
    }

    /// How their sender learns what the path bears.
    pub(crate) fn set_rate_feedback(&mut self, feedback: RateFeedback) {
        match feedback {
            RateFeedback::Rfc8888 | RateFeedback::TransportWide => self.rate_teller = None,
            RateFeedback::Remb => drop(self.rate_teller.get_or_insert_with(RateTeller::new)),
        }
    }

    fn poll_rate(&mut self, round_trip: Option<Duration>, now: Instant) -> Option<FeedbackRequest> {
        let teller = self.rate_teller.as_mut()?;
        let video: Vec<_> =
            self.streams.iter().filter_map(|(ssrc, stream)| Some((*ssrc, stream.video.as_ref()?))).collect();
        let (came, lost) =
            video.iter().fold((0, 0), |(came, lost), (_, of)| (came + of.nack.came, lost + of.nack.lost));
        let bitrate = teller.poll(came, lost, round_trip, now)?;
        Some(FeedbackRequest::Rate { ssrcs: video.into_iter().map(|(ssrc, _)| ssrc).collect(), bitrate })
    }

    /// What should be asked for now.
    pub(crate) fn poll_asks(&mut self, round_trip: Option<Duration>, now: Instant) -> Vec<FeedbackRequest> {
        let mut asks: Vec<_> = self.poll_rate(round_trip, now).into_iter().collect();
        for (ssrc, stream) in &mut self.streams {
            let Some(InboundVideo { assembler, nack, .. }) = &mut stream.video else { continue };
            let missing =
                if nack.poll_timeout().is_some_and(|due| due <= now) { nack.poll(round_trip, now) } else { Vec::new() };
            if !missing.is_empty() {
                asks.push(FeedbackRequest::Packets { ssrc: *ssrc, missing });
            }
            if assembler.poll_key_frame_wanted(now) {
                self.key_frames_asked += 1;
                asks.push(FeedbackRequest::KeyFrame { ssrc: *ssrc });
            }
        }
        asks
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let video = self.streams.values().filter_map(|stream| stream.video.as_ref());
        let video = video.flat_map(|of| [of.assembler.poll_timeout(), of.nack.poll_timeout()]).flatten();
        video.chain(self.rate_teller.as_ref().and_then(RateTeller::poll_timeout)).min()
    }

    /// The decoder of a track erred. Whether the track is ours, and a key frame should be asked for.
    pub(crate) fn handle_decoder_lost(&mut self, track: TrackId, now: Instant) -> Option<FeedbackRequest> {
        let (ssrc, stream) = self.streams.iter_mut().find(|(_, stream)| stream.track == track)?;
        let InboundVideo { assembler, .. } = stream.video.as_mut()?;
        assembler.restart(now).then(|| {
            self.key_frames_asked += 1;
            FeedbackRequest::KeyFrame { ssrc: *ssrc }
        })
    }

    /// Their sender said how time stamps and its clock go together.
    pub(crate) fn handle_sender_report(&mut self, ssrc: u32, ntp: NtpTime, time: u32) {
        if let Some(stream) = self.streams.get_mut(&ssrc) {
            // It may lie ahead of what came; the packets' own way to run on is not moved by it.
            let mut unwrap = stream.time;
            stream.clock = Some(SenderReport { ntp, time: unwrap.extend(u64::from(time)) });
        }
    }

    /// A stream is over; returns its track.
    pub(crate) fn end(&mut self, ssrc: u32) -> Option<TrackId> {
        self.streams.remove(&ssrc).map(|stream| stream.track)
    }

    pub(crate) fn tracks(&self) -> impl Iterator<Item = (TrackId, TrackSource)> {
        self.streams.values().map(|stream| (stream.track, stream.source))
    }

    /// What came of each stream.
    pub(crate) fn stats(&self, link: &LinkStats) -> Vec<InboundStats> {
        let stats = |(ssrc, stream): (&u32, &InboundStream)| {
            let video = stream.video.as_ref();
            let codec = video.map_or(Codec::Audio(AudioCodec::Opus), |video| Codec::Video(video.assembler.codec()));
            InboundStats {
                track: stream.track,
                source: stream.source,
                codec,
                ssrc: *ssrc,
                packets: link.received(*ssrc, codec),
                frames_received: video.map(|video| video.assembler.frames),
                fec_packets_received: stream.repair.0,
                fec_bytes_received: stream.repair.1,
                packets_recovered: stream.recovery.as_ref().map_or(0, |recovery| recovery.recovered),
                packets_missed: video.map(|video| video.nack.lost),
                gaps: video.map(|video| video.assembler.gaps),
            }
        };
        self.streams.iter().map(stats).collect()
    }

    pub(crate) fn count(&self, counters: &mut PeerCounters) {
        counters.packets_received += self.packets;
        counters.key_frames_asked += self.key_frames_asked;
        counters.link.refused_packets += self.refused_streams;
        let recovered = self.streams.values().filter_map(|stream| stream.recovery.as_ref());
        counters.packets_recovered += recovered.map(|recovery| recovery.recovered).sum::<u64>();
        for InboundVideo { assembler, nack } in self.streams.values().filter_map(|stream| stream.video.as_ref()) {
            counters.packets_lost += nack.lost;
            counters.nacks_sent += nack.asked;
            counters.frames += assembler.frames;
            counters.gaps += assembler.gaps;
            counters.refused_frames += assembler.refused;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_report_gives_a_time_however_absurd_it_is() {
        let opus = Codec::Audio(AudioCodec::Opus);
        let begin = NtpTime(0xE000_0000_0000_0000);
        let report = SenderReport { ntp: begin, time: 96_000 };
        for (time, expected) in [
            (96_000, begin),
            (144_000, begin.plus(Duration::from_secs(1))),
            (48_000, begin.minus(Duration::from_secs(1))),
        ] {
            assert_eq!(report.at(time, opus), expected, "{time}");
        }
        for (ntp, reported, time) in [(0, u64::MAX, 0), (u64::MAX, 0, u64::MAX), (u64::MAX, u64::MAX, 0)] {
            SenderReport { ntp: NtpTime(ntp), time: reported }.at(time, opus); // it wraps, and that is all
        }
    }
}
