//! Numbers what leaves, and tells what left when.
//!
//! To those who report by the streams' own numbers (RFC 8888) ours are not sent. All others get them in a header
//! extension (transport-wide congestion control, draft-holmer-rmcat-transport-wide-cc-extensions-01). A number belongs
//! to a sending and not to a packet: a retransmission has one of its own. Therefore this stands between everything that
//! sends and the wire. The crate's own tagger would number as well, and tell nobody; its send history takes a packet
//! that is late for one that is lost. Owner of: the numbers of one connection.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use bytes::Bytes;
use rtc::interceptor::{Packet, StreamInfo, TaggedPacket};
use rtc::rtcp;
use rtc::rtcp::transport_feedbacks::cc_feedback_report::{CcFeedbackReport, CcFeedbackReportBlock};
use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{TransportLayerNack, nack_pairs_from_sequence_numbers};
use rtc::rtp;
use rtc::shared::marshal::MarshalSize as _;

use super::arrivals::ReportSwitch;
use super::in_chain::{Onward, Stage};

/// The place in the chain: that of the crate's tagger, beyond which nothing sends.
pub(super) const SLOT: usize = 2_000;
/// The header extension that the number is in.
pub(super) const TRANSPORT_WIDE: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// Departures on their way: they are taken after each packet, and an answer to a NACK has up to 1000. Full: the packet
/// has left, and nobody knows of it.
const DEPARTURES: usize = 2048;
/// Streams of ours that are remembered: eight tracks with their retransmissions, and as many again that were published
/// in their place. Full: the others have no numbers.
const STREAMS: usize = 64;
/// Bytes that are sent again at once at most: what a full queue dropped would fill it again.
const LONGEST_ANSWER: usize = 24_000;
/// The part of what is sent that may be sent again, a denominator: with more lost than this, asking is no way to
/// repair.
const ANSWERED_PART: usize = 2;
/// A packet that is asked for has about so many bytes.
const ANSWER: usize = 1200;
/// What a packet is longer by on the wire: the tag of AES-GCM (RFC 7714), UDP, and IPv4.
const OVERHEAD: usize = 16 + 8 + 20;

/// A packet has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Departure {
    /// Of the connection's packets; the wire has the lowest 16 bits.
    pub(crate) number: u64,
    /// Bytes, with all that is around them down to IP.
    pub(crate) size: u32,
    /// What left: its SSRC, and its sequence number there.
    pub(crate) stream: u32,
    pub(crate) sequence: u16,
    /// Of which moment of its stream: packets of a frame have the same.
    pub(crate) time: u32,
    pub(crate) at: Instant,
}

/// Numbers and tells.
pub(super) struct SendLog {
    next: u64,
    /// The identifier of the extension on each stream that was agreed to have one, retransmissions too. Firefox agrees
    /// for video alone: numbers that it does not read it would report as lost.
    extensions: BTreeMap<u32, u8>,
    /// The streams of our tracks, each with that of its retransmissions.
    tracks: BTreeMap<u32, Option<u32>>,
    /// Of what the other end of the repair port sends.
    repair_ssrc: u32,
    departures: SyncSender<Departure>,
    answers: AnswerBudget,
    reports: ReportSwitch,
}

/// How much of what they ask for is sent again: asking costs them little, and us each time a packet.
#[derive(Debug)]
struct AnswerBudget {
    bytes: usize,
}

impl AnswerBudget {
    fn handle_departure(&mut self, bytes: usize) {
        self.bytes = (self.bytes + bytes / ANSWERED_PART).min(LONGEST_ANSWER);
    }

    /// What of it is answered: the first ones, as far as the budget goes.
    fn limit(&mut self, nack: &TransportLayerNack) -> TransportLayerNack {
        let asked = nack.nacks.iter().flat_map(|pair| pair.packet_list());
        let answered: Vec<u16> = asked.take(self.bytes / ANSWER).collect();
        self.bytes -= answered.len() * ANSWER;
        TransportLayerNack { nacks: nack_pairs_from_sequence_numbers(&answered), ..nack.clone() }
    }
}

/// The log, and where its departures come out.
pub(super) fn pair(repair_ssrc: u32, reports: ReportSwitch) -> (SendLog, Receiver<Departure>) {
    let (departures, told) = sync_channel(DEPARTURES);
    let log = SendLog {
        next: 0,
        extensions: BTreeMap::new(),
        tracks: BTreeMap::new(),
        departures,
        answers: AnswerBudget { bytes: LONGEST_ANSWER },
        reports,
        repair_ssrc,
    };
    (log, told)
}

impl SendLog {
    /// A report of many streams may name one first that is none of our tracks: of retransmissions, or of repair. The
    /// crate (rtc 0.21.1) looks at the first alone, and drops the report with it; so it names a track.
    fn address(&self, packet: &dyn Any) -> Option<Box<dyn rtcp::Packet>> {
        let (media_ssrc, _) = self.tracks.first_key_value()?;
        let media_ssrc = *media_ssrc;
        if let Some(report) = packet.downcast_ref::<TransportLayerCc>() {
            let is_known = self.tracks.contains_key(&report.media_ssrc);
            return (!is_known).then(|| Box::new(TransportLayerCc { media_ssrc, ..report.clone() }) as _);
        }
        let report = packet.downcast_ref::<CcFeedbackReport>()?;
        let is_known = report.report_blocks.first().is_some_and(|block| self.tracks.contains_key(&block.media_ssrc));
        (!is_known).then(|| {
            let mut report = report.clone();
            report.report_blocks.insert(0, CcFeedbackReportBlock { media_ssrc, ..CcFeedbackReportBlock::default() });
            Box::new(report) as _
        })
    }

    /// Whether somebody will say what became of this packet, which gets its number for it where that is needed.
    fn is_reported(&self, packet: &mut rtp::Packet) -> bool {
        let ssrc = packet.header.ssrc;
        if self.reports.is_agreed() {
            let is_track = self.tracks.iter().any(|(track, rtx)| *track == ssrc || *rtx == Some(ssrc));
            return is_track || ssrc == self.repair_ssrc;
        }
        let Some(id) = self.extensions.get(&ssrc) else { return false };
        let tag = Bytes::copy_from_slice(&(self.next as u16).to_be_bytes());
        // Where there is no room it leaves without one, as it would to who knows none.
        packet.header.set_extension(*id, tag).is_ok()
    }

    fn log(&mut self, packet: &mut rtp::Packet, now: Instant) {
        self.answers.handle_departure(packet.payload.len());
        if !self.is_reported(packet) {
            return;
        }
        let number = self.next;
        self.next += 1;
        let size = u32::try_from(packet.marshal_size() + OVERHEAD).unwrap_or(u32::MAX);
        let rtp::header::Header { ssrc: stream, sequence_number: sequence, timestamp: time, .. } = packet.header;
        if self.departures.try_send(Departure { number, size, stream, sequence, time, at: now }).is_err() {
            tracing::debug!(number, "a packet left that nobody asks for");
        }
    }
}

impl Stage for SendLog {
    fn inbound(&mut self, mut packet: TaggedPacket, onward: &mut Onward) {
        if let Packet::Rtcp(packets) = &mut packet.message.packet {
            for packet in packets {
                let any = packet.as_any();
                let other = match any.downcast_ref::<TransportLayerNack>() {
                    Some(nack) => Some(Box::new(self.answers.limit(nack)) as Box<dyn rtcp::Packet>),
                    None => self.address(any),
                };
                if let Some(other) = other {
                    *packet = other;
                }
            }
        }
        onward.push_back(packet);
    }

    fn outbound(&mut self, mut packet: TaggedPacket, onward: &mut Onward) {
        let now = packet.now;
        match &mut packet.message.packet {
            Packet::Rtp(packet) => self.log(packet, now),
            // The crate reports what has numbers, whatever was agreed on: who offers both ways may tag and take one.
            Packet::Rtcp(packets) if self.reports.is_agreed() => {
                packets.retain(|packet| !packet.as_any().is::<TransportLayerCc>());
                if packets.is_empty() {
                    return;
                }
            }
            Packet::Rtcp(_) | _ => {}
        }
        onward.push_back(packet);
    }

    fn bind_local(&mut self, info: &StreamInfo) {
        if self.tracks.len() < STREAMS {
            self.tracks.insert(info.ssrc, info.ssrc_rtx);
        }
        let extension = info.rtp_header_extensions.iter().find(|extension| extension.uri == TRANSPORT_WIDE);
        let id = extension.and_then(|extension| u8::try_from(extension.id).ok()).filter(|id| *id != 0);
        for ssrc in [Some(info.ssrc), info.ssrc_rtx].into_iter().flatten() {
            match id {
                Some(id) if self.extensions.len() < STREAMS => drop(self.extensions.insert(ssrc, id)),
                Some(_) | None => drop(self.extensions.remove(&ssrc)),
            }
        }
    }

    fn unbind_local(&mut self, info: &StreamInfo) {
        self.tracks.remove(&info.ssrc);
        for ssrc in [Some(info.ssrc), info.ssrc_rtx].into_iter().flatten() {
            self.extensions.remove(&ssrc);
        }
    }
}

#[cfg(test)]
mod tests {
    use rtc::interceptor::AttributedPacket;
    use rtc::shared::TransportContext;

    use super::*;

    fn log() -> (SendLog, Receiver<Departure>, ReportSwitch) {
        let reports = ReportSwitch::default();
        let (log, told) = pair(99, reports.clone());
        (log, told, reports)
    }

    /// Whom the crate takes this report to be for.
    fn named(log: &mut SendLog, report: Box<dyn rtcp::Packet>) -> u32 {
        let message = AttributedPacket::new(Packet::Rtcp(vec![report]));
        let mut onward = Onward::new();
        log.inbound(TaggedPacket { now: Instant::now(), transport: TransportContext::default(), message }, &mut onward);
        let Packet::Rtcp(packets) = onward.pop_front().unwrap().message.packet else { panic!("other packets") };
        packets[0].destination_ssrc()[0]
    }

    #[test]
    fn a_report_that_names_a_retransmission_or_repair_is_taken_as_one_of_a_track() {
        let (mut log, ..) = log();
        let wide = |media_ssrc| Box::new(TransportLayerCc { media_ssrc, ..TransportLayerCc::default() });
        let block = |media_ssrc| CcFeedbackReportBlock { media_ssrc, ..CcFeedbackReportBlock::default() };
        let by_streams = |media_ssrc| {
            Box::new(CcFeedbackReport { report_blocks: vec![block(media_ssrc)], ..CcFeedbackReport::default() })
        };
        assert_eq!(named(&mut log, wide(99)), 99, "of nothing that we send");
        for (ssrc, ssrc_rtx) in [(7, Some(8)), (5, None)] {
            log.bind_local(&StreamInfo { ssrc, ssrc_rtx, ..StreamInfo::default() });
        }
        assert_eq!([7, 5, 8, 99, 0].map(|ssrc| named(&mut log, wide(ssrc))), [7, 5, 5, 5, 5]);
        assert_eq!([7, 5, 8, 99, 0].map(|ssrc| named(&mut log, by_streams(ssrc))), [7, 5, 5, 5, 5]);
        assert_eq!(named(&mut log, Box::new(CcFeedbackReport::default())), 5, "of no stream");
        log.unbind_local(&StreamInfo { ssrc: 5, ..StreamInfo::default() });
        assert_eq!(named(&mut log, wide(99)), 7);
    }

    #[test]
    fn a_number_is_sent_to_those_alone_who_report_by_it() {
        let (mut log, told, reports) = log();
        let extension = |id| rtc::interceptor::RTPHeaderExtension { uri: TRANSPORT_WIDE.to_owned(), id };
        log.bind_local(&StreamInfo { ssrc: 7, ssrc_rtx: Some(8), ..StreamInfo::default() });
        let rtp_header_extensions = vec![extension(3)];
        log.bind_local(&StreamInfo { ssrc: 5, ssrc_rtx: Some(6), rtp_header_extensions, ..StreamInfo::default() });
        let sent = |log: &mut SendLog| {
            let each = [5, 6, 7, 8, 99, 1].map(|ssrc| {
                let mut packet = rtp::Packet::default();
                (packet.header.ssrc, packet.header.sequence_number) = (ssrc, 40);
                log.log(&mut packet, Instant::now());
                packet.header.get_extension(3).is_some()
            });
            let logged: Vec<_> = told.try_iter().map(|departure| (departure.stream, departure.sequence)).collect();
            (each, logged)
        };
        let (tagged, logged) = sent(&mut log);
        assert_eq!((tagged, logged), ([true, true, false, false, false, false], vec![(5, 40), (6, 40)]));
        reports.set_agreed(true);
        let (tagged, logged) = sent(&mut log);
        assert_eq!(tagged, [false; 6]);
        assert_eq!(logged, [5, 6, 7, 8, 99].map(|ssrc| (ssrc, 40)), "repair as well, and nobody else's");
    }

    #[test]
    fn nobody_hears_of_one_packet_in_two_ways() {
        let (mut log, _told, reports) = log();
        let mut leaves = |packets: Vec<Box<dyn rtcp::Packet>>| {
            let message = AttributedPacket::new(Packet::Rtcp(packets));
            let packet = TaggedPacket { now: Instant::now(), transport: TransportContext::default(), message };
            let mut onward = Onward::new();
            log.outbound(packet, &mut onward);
            let left = onward.pop_front().map(|packet| packet.message.packet);
            if let Some(Packet::Rtcp(packets)) = left { packets.len() } else { 0 }
        };
        let wide = || Box::new(TransportLayerCc::default()) as Box<dyn rtcp::Packet>;
        let nack = || Box::new(TransportLayerNack::default()) as Box<dyn rtcp::Packet>;
        assert_eq!([leaves(vec![wide()]), leaves(vec![nack(), wide()])], [1, 2]);
        reports.set_agreed(true);
        assert_eq!([leaves(vec![wide()]), leaves(vec![nack(), wide()]), leaves(vec![nack()])], [0, 1, 1]);
    }
}
