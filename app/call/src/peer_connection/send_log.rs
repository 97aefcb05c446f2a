//! Numbers what leaves, and tells what left when (transport-wide congestion control,
//! draft-holmer-rmcat-transport-wide-cc-extensions-01).
//!
//! A number belongs to a sending and not to a packet: a retransmission has one of its own. Therefore this stands
//! between everything that sends and the wire. The crate's own tagger would number as well, and tell nobody; its send
//! history takes a packet that is late for one that is lost. Owner of: the numbers of one connection.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use bytes::Bytes;
use rtc::interceptor::{Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp;
use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{TransportLayerNack, nack_pairs_from_sequence_numbers};
use rtc::rtp;
use rtc::sansio::Protocol;
use rtc::shared::error::Error;
use rtc::shared::marshal::MarshalSize as _;

use super::report_echo::{EchoSwitch, ReportEcho};

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
    /// What left.
    pub(crate) stream: u32,
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
    /// The streams of our tracks, without retransmissions.
    tracks: BTreeSet<u32>,
    /// Of what the other end of the repair port sends.
    repair_ssrc: u32,
    departures: SyncSender<Departure>,
    answers: AnswerBudget,
    echo: ReportEcho,
    inbound: VecDeque<TaggedPacket>,
    outbound: VecDeque<TaggedPacket>,
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
pub(super) fn pair(repair_ssrc: u32, echo: EchoSwitch) -> (SendLog, Receiver<Departure>) {
    let (departures, told) = sync_channel(DEPARTURES);
    let log = SendLog {
        next: 0,
        extensions: BTreeMap::new(),
        tracks: BTreeSet::new(),
        departures,
        answers: AnswerBudget { bytes: LONGEST_ANSWER },
        echo: ReportEcho::new(echo),
        repair_ssrc,
        inbound: VecDeque::new(),
        outbound: VecDeque::new(),
    };
    (log, told)
}

impl SendLog {
    /// A report of all streams names the one of its last packet, be it a retransmission or repair. The crate (rtc
    /// 0.21.1) drops what names none of our tracks, and the report with it; so it names a track.
    fn address(&self, report: &TransportLayerCc) -> Option<TransportLayerCc> {
        let media_ssrc = *self.tracks.first()?;
        (!self.tracks.contains(&report.media_ssrc)).then(|| TransportLayerCc { media_ssrc, ..report.clone() })
    }

    fn number(&mut self, packet: &mut rtp::Packet, now: Instant) {
        self.answers.handle_departure(packet.payload.len());
        let ssrc = packet.header.ssrc;
        // Repair goes to who takes numbers on everything, by a stream that is bound to nothing.
        let any = || (ssrc == self.repair_ssrc).then(|| self.extensions.values().next()).flatten();
        let Some(id) = self.extensions.get(&ssrc).or_else(any).copied() else { return };
        let number = self.next;
        let tag = Bytes::copy_from_slice(&(number as u16).to_be_bytes());
        if packet.header.set_extension(id, tag).is_err() {
            return; // it leaves without one, as it would to who knows none
        }
        self.next += 1;
        let size = u32::try_from(packet.marshal_size() + OVERHEAD).unwrap_or(u32::MAX);
        let (stream, time) = (packet.header.ssrc, packet.header.timestamp);
        if self.departures.try_send(Departure { number, size, stream, time, at: now }).is_err() {
            tracing::debug!(number, "a packet left that nobody asks for");
        }
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for SendLog {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, mut msg: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtcp(packets) = &mut msg.message.packet {
            for packet in packets {
                let limited = packet.as_any().downcast_ref::<TransportLayerNack>().map(|nack| self.answers.limit(nack));
                if let Some(limited) = limited {
                    *packet = Box::new(limited) as Box<dyn rtcp::Packet>;
                }
                let addressed =
                    packet.as_any().downcast_ref::<TransportLayerCc>().and_then(|report| self.address(report));
                if let Some(addressed) = addressed {
                    *packet = Box::new(addressed) as Box<dyn rtcp::Packet>;
                }
            }
        }
        self.inbound.push_back(msg);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.inbound.pop_front()
    }

    fn handle_write(&mut self, mut msg: TaggedPacket) -> Result<(), Error> {
        let now = msg.now;
        if let Packet::Rtp(packet) = &mut msg.message.packet {
            self.number(packet, now);
        } else if let Packet::Rtcp(packets) = &mut msg.message.packet {
            self.echo.handle(packets);
        }
        self.outbound.push_back(msg);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.outbound.pop_front()
    }

    fn handle_timeout(&mut self, _now: Instant) -> Result<(), Error> {
        Ok(())
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        None
    }
}

impl Interceptor for SendLog {
    fn bind_local_stream(&mut self, info: &StreamInfo) {
        if self.tracks.len() < STREAMS {
            self.tracks.insert(info.ssrc);
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

    fn unbind_local_stream(&mut self, info: &StreamInfo) {
        self.tracks.remove(&info.ssrc);
        for ssrc in [Some(info.ssrc), info.ssrc_rtx].into_iter().flatten() {
            self.extensions.remove(&ssrc);
        }
    }

    fn bind_remote_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _info: &StreamInfo) {}
}

#[cfg(test)]
mod tests {
    use rtc::interceptor::AttributedPacket;
    use rtc::shared::TransportContext;

    use super::*;

    fn reported(log: &mut SendLog, media_ssrc: u32) -> u32 {
        let report: Box<dyn rtcp::Packet> = Box::new(TransportLayerCc { media_ssrc, ..TransportLayerCc::default() });
        let message = AttributedPacket::new(Packet::Rtcp(vec![report]));
        log.handle_read(TaggedPacket { now: Instant::now(), transport: TransportContext::default(), message }).unwrap();
        let Packet::Rtcp(packets) = log.poll_read().unwrap().message.packet else { panic!("other packets") };
        packets[0].destination_ssrc()[0]
    }

    #[test]
    fn a_report_that_names_a_retransmission_or_repair_is_taken_as_one_of_a_track() {
        let (mut log, _told) = pair(99, EchoSwitch::default());
        assert_eq!(reported(&mut log, 99), 99, "of nothing that we send");
        for (ssrc, ssrc_rtx) in [(7, Some(8)), (5, None)] {
            log.bind_local_stream(&StreamInfo { ssrc, ssrc_rtx, ..StreamInfo::default() });
        }
        assert_eq!([7, 5, 8, 99, 0].map(|named| reported(&mut log, named)), [7, 5, 5, 5, 5]);
        log.unbind_local_stream(&StreamInfo { ssrc: 5, ..StreamInfo::default() });
        assert_eq!(reported(&mut log, 99), 7);
    }
}
