//! What the other side says of our media (RTCP; RFC 3550, RFC 4585).

use std::time::Instant;

use hearth_base::{Bitrate, NtpTime, TrackId};
use rtc::rtcp;
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;

use super::{LinkEvent, PeerConnection, TransportFeedback};
use crate::send::circuit_breaker::StreamReport;

/// One word of feedback about a track of ours.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Feedback {
    /// It makes reports, whatever they say.
    Reporting,
    /// It cannot go on without a key frame.
    KeyFrameWanted(TrackId),
    /// It asked for so many packets again.
    Nack { track: TrackId, packets: u32 },
    /// What came of a track's packets since its last report.
    Report { track: TrackId, report: StreamReport },
    /// What became of packets of all tracks (RFC 8888, or transport-wide feedback).
    Transport(TransportFeedback),
    /// It takes no more than this, of all tracks together (REMB).
    MaxBitrate(Bitrate),
}

impl PeerConnection {
    pub(super) fn on_rtcp(&mut self, packets: &[Box<dyn rtcp::Packet>], now: Instant) {
        for packet in packets {
            let packet = packet.as_any();
            if let Some(pli) = packet.downcast_ref::<PictureLossIndication>() {
                self.on_key_frame_wanted(pli.media_ssrc);
            } else if let Some(fir) = packet.downcast_ref::<FullIntraRequest>() {
                fir.fir.iter().for_each(|entry| self.on_key_frame_wanted(entry.ssrc));
            } else if let Some(nack) = packet.downcast_ref::<TransportLayerNack>() {
                let packets = nack.nacks.iter().map(|pair| 1 + pair.lost_packets.count_ones()).sum();
                let event = self.track_of(nack.media_ssrc).map(|track| Feedback::Nack { track, packets });
                self.events.extend(event.map(LinkEvent::Feedback));
            } else if let Some(feedback) = self.sent.history.handle_any(packet) {
                self.events.push_back(LinkEvent::Feedback(Feedback::Transport(feedback)));
            } else if let Some(remb) = packet.downcast_ref::<ReceiverEstimatedMaximumBitrate>() {
                // Not a number, or below zero: nothing, which the estimator has a least for.
                let most = Bitrate::from_bps(remb.bitrate as u64);
                self.events.push_back(LinkEvent::Feedback(Feedback::MaxBitrate(most)));
            } else if let Some(report) = packet.downcast_ref::<ReceiverReport>() {
                self.on_reports(&report.reports, now);
            } else if let Some(report) = packet.downcast_ref::<SenderReport>() {
                let SenderReport { ssrc, ntp_time, rtp_time, .. } = *report;
                if self.sources.contains_key(&ssrc) {
                    let ntp = NtpTime(ntp_time);
                    self.events.push_back(LinkEvent::SenderReport { ssrc, ntp, time: rtp_time });
                }
                self.on_reports(&report.reports, now);
            }
        }
    }

    fn on_key_frame_wanted(&mut self, ssrc: u32) {
        let event = self.track_of(ssrc).map(Feedback::KeyFrameWanted);
        self.events.extend(event.map(LinkEvent::Feedback));
    }

    fn on_reports(&mut self, reports: &[rtcp::reception_report::ReceptionReport], now: Instant) {
        self.events.push_back(LinkEvent::Feedback(Feedback::Reporting));
        for report in reports {
            self.on_report(report, now);
            let fraction = f64::from(report.fraction_lost) / 256.0;
            let said = StreamReport { fraction, highest: report.last_sequence_number };
            let event = self.track_of(report.ssrc).map(|track| Feedback::Report { track, report: said });
            self.events.extend(event.map(LinkEvent::Feedback));
        }
    }

    fn track_of(&self, ssrc: u32) -> Option<TrackId> {
        self.senders.iter().find(|sender| sender.track.ssrc == ssrc).map(|sender| sender.track.id)
    }
}
