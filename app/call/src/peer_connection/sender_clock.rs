//! What our sender reports say of time (RFC 3550, section 6.4.1).
//!
//! A report is to let the other side find when a frame was captured, by one clock for all tracks: lips and words belong
//! together by it. The crate takes the time when a packet left it for the time when it was captured, so that a
//! picture is late by what its encoding and pacing took, and it reads the wall clock again for each track. Here a
//! report gets the time stamp that was captured at its moment, and all tracks of a connection the first report's clock,
//! which runs on by the monotonic one whatever is done to the wall clock.
//!
//! Owner of: that clock, and the newest moment of each of our streams.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hearth_base::{Codec, NtpTime};
use rtc::interceptor::{Packet, TaggedPacket};
use rtc::rtcp;
use rtc::rtcp::sender_report::SenderReport;

use super::in_chain::{Onward, Stage};

/// The place in the chain: between what makes the reports and the wire, and nothing there needs them as they were.
pub(super) const SLOT: usize = 3_500;
/// Between two moments that are told of a stream: clocks of sound cards and ours run apart by less than 0.1 ms in it.
const EACH: Duration = Duration::from_secs(1);
/// Moments on their way. Full: the newest is lost, and the one before it says nearly the same.
const MOMENTS: usize = 64;
/// Streams of ours that are remembered: tracks, and as many again that were published in their place. Full: the others'
/// reports stay the crate's.
const STREAMS: usize = 64;

/// A time stamp, and when what it belongs to was captured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) time: u32,
    pub(super) captured: Instant,
    pub(super) codec: Codec,
}

/// Tells of moments, from without the crate's chain.
pub(super) struct CaptureTeller {
    told: SyncSender<(u32, Moment)>,
    last: BTreeMap<u32, Instant>,
    reports: Receiver<(u32, Instant)>,
}

/// Puts the reports right.
pub(super) struct SenderClock {
    /// Never locked: the crate wants what it holds to be `Sync`.
    told: Mutex<Receiver<(u32, Moment)>>,
    moments: BTreeMap<u32, Moment>,
    reports: SyncSender<(u32, Instant)>,
    /// The first report's time.
    origin: Option<(Instant, NtpTime)>,
}

/// Both ends.
pub(super) fn pair() -> (CaptureTeller, SenderClock) {
    let (told, moments) = sync_channel(MOMENTS);
    let (sent, reports) = sync_channel(MOMENTS);
    let clock = SenderClock { told: Mutex::new(moments), moments: BTreeMap::new(), reports: sent, origin: None };
    (CaptureTeller { told, last: BTreeMap::new(), reports }, clock)
}

impl CaptureTeller {
    /// The next report that left: the middle of its NTP time, by which its echo names it, and when that was.
    pub(super) fn poll_report(&mut self) -> Option<(u32, Instant)> {
        self.reports.try_recv().ok()
    }

    /// A packet of this stream is sent.
    pub(super) fn tell(&mut self, ssrc: u32, moment: Moment, now: Instant) {
        let is_new = self.last.len() < STREAMS || self.last.contains_key(&ssrc);
        let is_due = self.last.get(&ssrc).is_none_or(|last| now.saturating_duration_since(*last) >= EACH);
        if is_new && is_due && self.told.try_send((ssrc, moment)).is_ok() {
            self.last.insert(ssrc, now);
        }
    }
}

impl SenderClock {
    fn correct(&mut self, report: &SenderReport, now: Instant) -> SenderReport {
        let told = self.told.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.moments.extend(told.try_iter());
        let (begin, ntp) = *self.origin.get_or_insert((now, NtpTime(report.ntp_time)));
        let mut report = report.clone();
        report.ntp_time = ntp.plus(now.saturating_duration_since(begin)).0;
        // Full: its echo tells no round trip, and that of the next one does.
        if self.reports.try_send(((report.ntp_time >> 16) as u32, now)).is_err() {
            tracing::trace!(report.ssrc, "a report whose echo will tell nothing");
        }
        if let Some(Moment { time, captured, codec }) = self.moments.get(&report.ssrc) {
            report.rtp_time = time.wrapping_add(codec.ticks(now.saturating_duration_since(*captured)) as u32);
        }
        report
    }
}

impl Stage for SenderClock {
    fn outbound(&mut self, mut packet: TaggedPacket, onward: &mut Onward) {
        let now = packet.now;
        if let Packet::Rtcp(packets) = &mut packet.message.packet {
            for packet in packets {
                let report = packet.as_any().downcast_ref::<SenderReport>().map(|report| self.correct(report, now));
                if let Some(report) = report {
                    *packet = Box::new(report) as Box<dyn rtcp::Packet>;
                }
            }
        }
        onward.push_back(packet);
    }
}
