//! Packets of media in and out of a connection.

use std::time::Instant;

use bytes::Bytes;
use hearth_base::{AudioCodec, Bitrate, Codec, TrackId, TrackKind, TrackSource, VideoCodec};
use rtc::rtcp;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{TransportLayerNack, nack_pairs_from_sequence_numbers};
use rtc::rtp;
use rtc::rtp_transceiver::RTCRtpReceiverId;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;

use super::repair;
use super::sender_clock::Moment;
use super::{LinkError, LinkEvent, LocalTrack, PeerConnection};
use crate::description::{CheckedDescription, RateFeedback};
use crate::media::fec::{RepairContext, RepairPacket};

/// Streams whose source is remembered: eight tracks, and a few after renegotiations; beyond that they are looked up
/// again.
const STREAMS: usize = 64;

/// A packet of one of their tracks; retransmissions are in their original place.
#[derive(Clone, Debug)]
pub(crate) struct RtpIn {
    pub(crate) ssrc: u32,
    pub(crate) source: TrackSource,
    /// Of video; sound has one.
    pub(crate) codec: Option<VideoCodec>,
    pub(crate) sequence: u16,
    pub(crate) time: u32,
    pub(crate) marker: bool,
    pub(crate) payload: Bytes,
    pub(crate) arrived: Instant,
}

/// A packet of one of our tracks.
#[derive(Clone, Debug)]
pub(crate) struct RtpOut {
    pub(crate) track: TrackId,
    pub(crate) sequence: u16,
    pub(crate) time: u32,
    /// When what is in it was captured.
    pub(crate) captured: Instant,
    pub(crate) marker: bool,
    pub(crate) payload: Bytes,
}

/// A track of video that the other side takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SentVideo {
    pub(crate) track: TrackId,
    pub(crate) source: TrackSource,
    pub(crate) codec: VideoCodec,
}

impl PeerConnection {
    /// Sends a packet.
    ///
    /// # Errors
    /// Before the handshake is done (the crate would drop it and say nothing), and for a track that the other side
    /// does not take.
    pub(crate) fn send_rtp(&mut self, packet: RtpOut, now: Instant) -> Result<(), LinkError> {
        if !self.is_connected() {
            return Err(LinkError::new("not connected"));
        }
        let sender = self.senders.iter().find(|sender| sender.track.id == packet.track);
        let Some((sender, payload_type)) = sender.and_then(|s| Some((s, s.payload_type?))) else {
            return Err(LinkError::new("track not negotiated"));
        };
        let header = rtp::header::Header {
            version: 2,
            marker: packet.marker,
            payload_type,
            sequence_number: packet.sequence,
            timestamp: packet.time,
            ssrc: sender.track.ssrc,
            ..rtp::header::Header::default()
        };
        let codec = match sender.codec {
            Some(codec) => Codec::Video(codec),
            None => Codec::Audio(AudioCodec::Opus),
        };
        self.clock.tell(sender.track.ssrc, Moment { time: packet.time, captured: packet.captured, codec }, now);
        let mut rtp_sender = self.pc.rtp_sender(sender.id).ok_or_else(|| LinkError::new("no such sender"))?;
        rtp_sender.write_rtp(now, rtp::Packet { header, payload: packet.payload })?;
        self.drain(now);
        Ok(())
    }

    /// Where repair of a frame of this track belongs; nothing for what they do not take.
    pub(crate) fn repair_context(&self, track: TrackId, time: u32) -> Option<RepairContext> {
        let sender = self.senders.iter().find(|sender| sender.track.id == track)?;
        Some(RepairContext { ssrc: sender.track.ssrc, time, payload_type: sender.payload_type? })
    }

    /// What both sides can, as their description says. Where the payload type of repair was given to a codec, repair
    /// cannot be told from it.
    pub(crate) fn handle_agreed(&self, theirs: &CheckedDescription) {
        self.repair.set_open(theirs.takes_repair && !self.codecs.contains_key(&repair::PAYLOAD_TYPE));
        self.reports.set_agreed(theirs.rate_feedback == RateFeedback::Rfc8888);
        self.red.agree(theirs.red);
    }

    /// Whether the other side takes packets of repair.
    pub(crate) fn takes_repair(&self) -> bool {
        self.repair.is_open()
    }

    /// The way to them loses so much by chance, 0 to 1, and so it loses reports of what came.
    pub(crate) fn set_loss(&self, loss: f64) {
        self.reports.set_loss(loss);
        self.red.set_loss(if self.takes_repair() { 0.0 } else { loss });
    }

    /// Sends a packet of repair for a frame of this time stamp.
    pub(crate) fn send_repair(&mut self, payload: Bytes, time: u32, now: Instant) {
        if self.is_connected() {
            self.repair.send(payload, time, now);
            self.drain(now);
        }
    }

    pub(super) fn on_repair(&mut self, payload: Bytes) {
        let repair = RepairPacket::parse(payload);
        match repair {
            Some(repair) => {
                let codec = self.codecs.get(&repair.context.payload_type).copied();
                self.events.push_back(LinkEvent::Repair(repair, codec));
            }
            None => self.counters.refused_packets += 1,
        }
    }

    /// Whether the other side takes this track.
    pub(crate) fn takes(&self, track: TrackId) -> bool {
        self.senders.iter().any(|sender| sender.track.id == track && sender.payload_type.is_some())
    }

    /// The tracks of video that the other side takes, each with what it shows and the codec it is sent in.
    pub(crate) fn sent_video(&self) -> impl Iterator<Item = SentVideo> {
        let sent = self.senders.iter().filter(|sender| sender.payload_type.is_some());
        sent.filter_map(|sender| {
            let LocalTrack { id: track, source, .. } = sender.track;
            Some(SentVideo { track, source, codec: sender.codec? })
        })
    }

    /// Asks for packets again (RFC 4585 section 6.2.1).
    pub(crate) fn send_nack(&mut self, ssrc: u32, missing: &[u16], now: Instant) {
        let nack = TransportLayerNack {
            sender_ssrc: self.own_ssrc(),
            media_ssrc: ssrc,
            nacks: nack_pairs_from_sequence_numbers(missing),
        };
        self.send_rtcp(ssrc, Box::new(nack), now);
    }

    /// Asks for a key frame (RFC 4585 section 6.3.1).
    pub(crate) fn send_picture_loss(&mut self, ssrc: u32, now: Instant) {
        let pli = PictureLossIndication { sender_ssrc: self.own_ssrc(), media_ssrc: ssrc };
        self.send_rtcp(ssrc, Box::new(pli), now);
    }

    /// Says what the path bears, on streams of video together (draft-alvestrand-rmcat-remb-03).
    pub(crate) fn send_max_bitrate(&mut self, ssrcs: &[u32], bitrate: Bitrate, now: Instant) {
        let Some(first) = ssrcs.first() else { return };
        let remb = ReceiverEstimatedMaximumBitrate {
            sender_ssrc: self.own_ssrc(),
            bitrate: bitrate.bps() as f32,
            ssrcs: ssrcs.to_vec(),
        };
        self.send_rtcp(*first, Box::new(remb), now);
    }

    fn send_rtcp(&mut self, ssrc: u32, packet: Box<dyn rtcp::Packet>, now: Instant) {
        let Some(id) = self.receiver_of(ssrc) else { return };
        let Some(mut receiver) = self.pc.rtp_receiver(id) else { return };
        if let Err(error) = receiver.write_rtcp(now, vec![packet]) {
            tracing::debug!(%error, "feedback not sent");
        }
        self.drain(now);
    }

    fn receiver_of(&mut self, ssrc: u32) -> Option<RTCRtpReceiverId> {
        let ids: Vec<_> = self.pc.get_receivers().collect();
        ids.into_iter().find(|id| self.pc.rtp_receiver(*id).is_some_and(|r| r.track().ssrcs().any(|s| s == ssrc)))
    }

    fn own_ssrc(&self) -> u32 {
        self.senders.first().map_or(1, |sender| sender.track.ssrc)
    }

    pub(super) fn on_rtp(&mut self, track: &str, packet: rtp::Packet, now: Instant) {
        let Some(source) = self.source_of(track, packet.header.ssrc) else {
            self.counters.refused_packets += 1;
            return;
        };
        if packet.payload.is_empty() {
            return; // padding, by which browsers probe
        }
        let codec = match source.kind() {
            TrackKind::Audio => None,
            TrackKind::Video => {
                let codec = self.codecs.get(&packet.header.payload_type).copied();
                if codec.is_none() {
                    self.counters.refused_packets += 1;
                    return;
                }
                codec
            }
        };
        self.events.push_back(LinkEvent::Rtp(RtpIn {
            ssrc: packet.header.ssrc,
            source,
            codec,
            sequence: packet.header.sequence_number,
            time: packet.header.timestamp,
            marker: packet.header.marker,
            payload: packet.payload,
            arrived: now,
        }));
    }

    fn source_of(&mut self, track: &str, ssrc: u32) -> Option<TrackSource> {
        if let Some(source) = self.sources.get(&ssrc) {
            return Some(*source);
        }
        if self.ended.contains(&ssrc) {
            return None;
        }
        let ids: Vec<_> = self.pc.get_receivers().collect();
        let source = ids.into_iter().find_map(|id| {
            let receiver = self.pc.rtp_receiver(id)?;
            let found = receiver.track();
            // Tracks without an `a=msid` have the same name, the empty one.
            if found.track_id() != track || !found.ssrcs().any(|known| known == ssrc) {
                return None;
            }
            let kind = match found.kind() {
                RtpCodecKind::Audio => TrackKind::Audio,
                RtpCodecKind::Video => TrackKind::Video,
                RtpCodecKind::Unspecified | _ => return None,
            };
            Some(Self::kind_of_source(found.stream_id(), kind))
        })?;
        if self.sources.len() < STREAMS {
            self.sources.insert(ssrc, source);
        }
        Some(source)
    }
}
