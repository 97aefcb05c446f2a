//! What the crate counts, and what their reports say. Of what the crate has fields for, only that is taken which it
//! fills: it has no round trip, and takes the highest number of a report for a count.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use hearth_base::{AudioCodec, Codec};
use rtc::rtcp::reception_report::ReceptionReport;
use rtc::statistics::StatsSelector;
use rtc::statistics::report::RTCStatsReport;

use super::{HandshakePhase, LocalTrack, PeerConnection};
use crate::connection_stats::{CandidatePairStats, ReceivedPackets, RemoteInboundStats, SentPackets, TransportStats};

/// Sender reports that are remembered until their echo comes: of eight tracks, one a second each. Full: the oldest
/// goes, and with it the round trip that its echo would tell.
const REPORTS: usize = 64;

/// What a connection counts.
pub(crate) struct LinkStats {
    pub(crate) transport: TransportStats,
    /// Of all pairs that media went by since the crate selected its own, under the name of the one in use.
    pub(crate) pair: Option<CandidatePairStats>,
    pub(crate) sent: Vec<SentStream>,
    received: RTCStatsReport,
}

/// A stream of ours.
pub(crate) struct SentStream {
    pub(crate) track: LocalTrack,
    pub(crate) codec: Codec,
    pub(crate) packets: SentPackets,
    pub(crate) remote: Option<RemoteInboundStats>,
}

/// The middle of the NTP time of each sender report of ours, by which its echo names it, and when it left.
#[derive(Debug, Default)]
pub(super) struct SentReports(VecDeque<(u32, Instant)>);

impl SentReports {
    pub(super) fn handle_sent(&mut self, middle: u32, at: Instant) {
        if self.0.len() == REPORTS {
            self.0.pop_front();
        }
        self.0.push_back((middle, at));
    }

    /// The round trip that the echo of a report tells (RFC 3550, section 6.4.1, LSR and DLSR).
    fn round_trip(&self, report: &ReceptionReport, now: Instant) -> Option<Duration> {
        let held = Duration::from_secs_f64(f64::from(report.delay) / 65_536.0);
        let (_, left) = self.0.iter().rev().find(|(middle, _)| *middle == report.last_sender_report)?;
        now.saturating_duration_since(*left).checked_sub(held)
    }
}

impl PeerConnection {
    /// What was counted so far. It costs some microseconds a stream: not for every packet.
    pub(crate) fn stats(&mut self, now: Instant) -> LinkStats {
        let report = self.pc.get_stats(now, StatsSelector::None);
        let sent = self.senders.iter().filter(|sender| sender.payload_type.is_some()).map(|sender| SentStream {
            track: sender.track,
            codec: sender.codec.map_or(Codec::Audio(AudioCodec::Opus), Codec::Video),
            packets: sent_packets(&report, sender.track.ssrc),
            remote: self.remote_reports.get(&sender.track.id).copied(),
        });
        LinkStats {
            transport: self.transport_stats(&report),
            pair: self.pair_stats(&report),
            sent: sent.collect(),
            received: report,
        }
    }

    fn transport_stats(&self, report: &RTCStatsReport) -> TransportStats {
        let dtls_state = match self.handshake.phase {
            HandshakePhase::Running => "connecting",
            HandshakePhase::Done => "connected",
            HandshakePhase::Dead => "closed",
        };
        let mut stats = TransportStats {
            packets_sent: 0,
            packets_received: 0,
            bytes_sent: 0,
            bytes_received: 0,
            ice_role: String::new(),
            ice_state: String::new(),
            dtls_state,
            dtls_cipher: String::new(),
            srtp_cipher: String::new(),
            selected_candidate_pair_changes: 0,
        };
        if let Some(of) = report.transport() {
            (stats.packets_sent, stats.packets_received) = (of.packets_sent, of.packets_received);
            (stats.bytes_sent, stats.bytes_received) = (of.bytes_sent, of.bytes_received);
            (stats.ice_role, stats.ice_state) = (of.ice_role.to_string(), of.ice_state.to_string());
            (stats.dtls_cipher, stats.srtp_cipher) = (of.dtls_cipher.clone(), of.srtp_cipher.clone());
            stats.selected_candidate_pair_changes = of.selected_candidate_pair_changes;
        }
        stats
    }

    fn pair_stats(&self, report: &RTCStatsReport) -> Option<CandidatePairStats> {
        let candidates = self.selected_pair()?;
        let id = &report.transport()?.selected_candidate_pair_id;
        let pair = report.candidate_pairs().find(|pair| pair.stats.id == *id)?;
        Some(CandidatePairStats {
            number: 0,
            is_selected: true,
            state: "succeeded",
            nominated: true,
            packets_sent: pair.packets_sent,
            packets_received: pair.packets_received,
            bytes_sent: pair.bytes_sent,
            bytes_received: pair.bytes_received,
            current_round_trip_time: self.round_trip.last().map(|last| last.as_secs_f64()),
            total_round_trip_time: self.round_trip.total.as_secs_f64(),
            responses_received: self.round_trip.answers,
            available_outgoing_bitrate: None, // known above
            candidates,
        })
    }

    /// A report of theirs on a stream of ours.
    pub(super) fn on_report(&mut self, report: &ReceptionReport, now: Instant) {
        let Some(sender) = self.senders.iter().find(|sender| sender.track.ssrc == report.ssrc) else { return };
        let rate = sender.codec.map_or(Codec::Audio(AudioCodec::Opus), Codec::Video).clock_rate();
        let round_trip = self.sent.reports.round_trip(report, now).map(|time| time.as_secs_f64());
        let stats = self.remote_reports.entry(sender.track.id).or_default();
        stats.packets_lost = signed_24(report.total_lost);
        stats.fraction_lost = f64::from(report.fraction_lost) / 256.0;
        stats.jitter = f64::from(report.jitter) / f64::from(rate);
        if let Some(time) = round_trip {
            stats.round_trip_time = Some(time);
            stats.total_round_trip_time += time;
            stats.round_trip_time_measurements += 1;
        }
    }
}

impl LinkStats {
    /// What came of a stream of theirs.
    pub(crate) fn received(&self, ssrc: u32, codec: Codec) -> ReceivedPackets {
        let found = self
            .received
            .inbound_rtp_streams()
            .find(|stream| stream.received_rtp_stream_stats.rtp_stream_stats.ssrc == ssrc);
        let Some(stream) = found else { return ReceivedPackets::default() };
        let received = &stream.received_rtp_stream_stats;
        ReceivedPackets {
            mid: (!stream.mid.is_empty()).then(|| stream.mid.clone()),
            packets_received: received.packets_received,
            packets_lost: signed_24(received.packets_lost as u32),
            // The crate gives it in ticks of the stream's clock.
            jitter: received.jitter / f64::from(codec.clock_rate()),
            bytes_received: stream.bytes_received,
            header_bytes_received: stream.header_bytes_received,
            nack_count: stream.nack_count,
            pli_count: stream.pli_count,
        }
    }
}

fn sent_packets(report: &RTCStatsReport, ssrc: u32) -> SentPackets {
    let found = report.outbound_rtp_streams().find(|stream| stream.sent_rtp_stream_stats.rtp_stream_stats.ssrc == ssrc);
    let Some(stream) = found else { return SentPackets::default() };
    let sent = &stream.sent_rtp_stream_stats;
    SentPackets {
        mid: (!stream.mid.is_empty()).then(|| stream.mid.clone()),
        // What is sent again on a stream of its own is part of this one, and the crate counts it apart.
        packets_sent: sent.packets_sent + stream.retransmitted_packets_sent,
        bytes_sent: sent.bytes_sent + stream.retransmitted_bytes_sent,
        header_bytes_sent: stream.header_bytes_sent,
        retransmitted_packets_sent: stream.retransmitted_packets_sent,
        retransmitted_bytes_sent: stream.retransmitted_bytes_sent,
        nack_count: stream.nack_count,
        pli_count: stream.pli_count,
        fir_count: stream.fir_count,
    }
}

/// A count that the wire has in 24 bits, with its sign.
fn signed_24(count: u32) -> i64 {
    i64::from((count << 8).cast_signed() >> 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_echo_of_a_report_tells_a_round_trip() {
        let start = Instant::now();
        let mut reports = SentReports::default();
        (0..=REPORTS as u32).for_each(|n| reports.handle_sent(n, start));
        let echo = |last_sender_report: u32, delay: u32| ReceptionReport {
            last_sender_report,
            delay,
            ..ReceptionReport::default()
        };
        let later = start + Duration::from_millis(300);
        assert_eq!(reports.round_trip(&echo(5, 65_536 / 4), later), Some(Duration::from_millis(50)));
        assert_eq!(reports.round_trip(&echo(5, 65_536), later), None, "held for longer than it was away");
        assert_eq!(reports.round_trip(&echo(0, 0), later), None, "forgotten, as the oldest");
        assert_eq!(reports.round_trip(&echo(9999, u32::MAX), later), None);
    }

    #[test]
    fn a_count_of_lost_packets_has_a_sign() {
        for (wire, expected) in [(0, 0), (7, 7), (0x00FF_FFFF, -1), (0x0080_0000, -8_388_608)] {
            assert_eq!(signed_24(wire), expected);
        }
    }
}
