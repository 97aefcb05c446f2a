//! Reports when each packet came (RTCP congestion control feedback, RFC 8888), to those who agreed to hear it so.
//!
//! A report names packets by their streams' own numbers, so it costs nothing in the packets, and may say again what an
//! earlier one said (section 3.1). On a path that loses a third of all packets several reports in a row get lost, and
//! the other side holds its pictures back because it has not heard for too long what became of the last ones. So where
//! much is lost each report covers the two before it as well. What comes late and was reported missing is reported
//! once more. The crate's own recorder (rtc-interceptor 0.21.1) stops at the first packet that is missing and
//! begins there the next time, and the next: where packets get lost its reports grow until they are full.
//!
//! Owner of: what came of each stream, as long as it may be reported.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rtc::interceptor::{AttributedPacket, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp;
use rtc::rtcp::transport_feedbacks::cc_feedback_report::{
    CcFeedbackMetricBlock, CcFeedbackReport, CcFeedbackReportBlock,
};
use rtc::shared::TransportContext;
use rtc::shared::time::SystemInstant;

use super::in_chain::{Onward, Stage};
use crate::media::unwrap::UnwrapSequence;

/// Reports that say again what one said.
const AGAIN: usize = 2;
/// A path that loses more is one on which reports are said again: two lost in a row are one in four hundred then.
const LOSSY: f64 = 0.05;
/// What each report weighs in the share that is missing.
const SMOOTHING: f64 = 0.05;
/// Streams whose packets are reported: eight tracks, their retransmissions, repair, and as many again. Full: the one
/// that was quiet longest makes room.
const STREAMS: usize = 48;
/// Packets of a stream that are remembered: two seconds of 4 Mbps. Full: the oldest is reported no more.
const PACKETS: usize = 1024;
/// Bytes of a report: it goes in one datagram, with what encrypts it. Full: the next one goes on.
const REPORT: usize = 1100;
/// Reports at a time. Full: what is left is reported the next time, and the other streams first.
const REPORTS: usize = 3;
/// What comes late and lies further back is not reported again: the whole stream would be, for one packet.
const LATE: u64 = 128;
/// So many packets in a row behind all that is remembered begin the stream again.
const BEHIND: u32 = 64;
/// Of these, what each report has, and what each of its streams (section 3.1).
const REPORT_HEADER: usize = 16;
const BLOCK_HEADER: usize = 8;
/// Bytes for each packet.
const PACKET: usize = 2;
/// Times are told in units of 1/1024 s before the report, of which this many are the most.
const TICKS: u32 = 1024;
const OLDEST: u128 = 0x1FFD;
/// What came longer ago (section 3.1).
const OLDER: u16 = 0x1FFE;

/// What is known of the path outside of the crate's chain.
#[derive(Clone, Debug, Default)]
pub(super) struct ReportSwitch {
    /// Whether both sides report so.
    is_agreed: Arc<AtomicBool>,
    /// Whether much of what we send is lost, and so of our reports.
    is_lossy: Arc<AtomicBool>,
}

impl ReportSwitch {
    pub(super) fn set_agreed(&self, is_agreed: bool) {
        self.is_agreed.store(is_agreed, Ordering::Relaxed);
    }

    pub(super) fn is_agreed(&self) -> bool {
        self.is_agreed.load(Ordering::Relaxed)
    }

    /// Of what we send, so much is lost by chance, 0 to 1.
    pub(super) fn set_loss(&self, loss: f64) {
        self.is_lossy.store(loss > LOSSY, Ordering::Relaxed);
    }
}

/// Remembers and reports.
pub(super) struct ArrivalReporter {
    switch: ReportSwitch,
    interval: Duration,
    sender_ssrc: u32,
    streams: BTreeMap<u32, Stream>,
    /// When the next report is due, and how many of them are, if nothing comes any more.
    due: Option<Instant>,
    owed: usize,
    /// The share that did not come, of what was reported. Who sends hardly anything learns from it what the path is
    /// like: most lose as much in either direction.
    missing: f64,
    /// The wall clock of the first report; it runs on by the monotonic one.
    clock: Option<SystemInstant>,
    /// The stream that is reported first the next time.
    first: u32,
    leaving: VecDeque<TaggedPacket>,
}

/// One stream of theirs.
#[derive(Debug, Default)]
struct Stream {
    unwrap: UnwrapSequence,
    /// When each packet came, from the number `first` on; nothing for one that has not.
    came: VecDeque<Option<Instant>>,
    first: u64,
    /// The next number when each of the last reports was made, the oldest first.
    marks: VecDeque<u64>,
    /// The lowest number that came after it was reported missing.
    late: Option<u64>,
    /// Packets in a row that lay behind all that is remembered.
    behind: u32,
    /// When something came last.
    heard: Option<Instant>,
}

impl Stream {
    fn next(&self) -> u64 {
        self.first + self.came.len() as u64
    }

    fn handle_packet(&mut self, sequence: u16, now: Instant) {
        let number = self.unwrap.extend(u64::from(sequence));
        self.heard = Some(now);
        self.behind = if number < self.first { self.behind + 1 } else { 0 };
        if self.behind == BEHIND {
            *self = Self::default();
            return self.handle_packet(sequence, now);
        }
        if self.came.is_empty() || number >= self.next() + PACKETS as u64 {
            // The first, or after a hole that nobody needs reported: nothing before it was sent for us to wait for.
            let marks = VecDeque::from([number]);
            *self = Self { unwrap: self.unwrap, first: number, marks, heard: self.heard, ..Self::default() };
        }
        let Some(place) = number.checked_sub(self.first).and_then(|place| usize::try_from(place).ok()) else { return };
        while self.came.len() <= place {
            self.came.push_back(None);
        }
        if let Some(came) = self.came.get_mut(place) {
            came.get_or_insert(now);
        }
        if self.marks.back().is_some_and(|reported| number < *reported) && self.next() - number <= LATE {
            self.late = Some(self.late.map_or(number, |late| late.min(number)));
        }
        while self.came.len() > PACKETS {
            self.came.pop_front();
            self.first += 1;
        }
    }

    /// The first number that a report should name which covers so many before it.
    fn begin(&self, reports: usize) -> u64 {
        let place = self.marks.len().saturating_sub(1 + reports);
        let mark = self.marks.get(place).copied().unwrap_or(self.first);
        self.late.map_or(mark, |late| late.min(mark)).max(self.first)
    }

    fn mark(&mut self) {
        self.marks.push_back(self.next());
        while self.marks.len() > 1 + AGAIN {
            self.marks.pop_front();
        }
        self.late = None;
    }

    /// Of these numbers, when they came before `now`.
    fn metrics(&self, from: u64, count: usize, now: Instant) -> Vec<CcFeedbackMetricBlock> {
        let skip = usize::try_from(from - self.first).unwrap_or(usize::MAX);
        self.came.iter().skip(skip).take(count).map(|came| metric(*came, now)).collect()
    }
}

fn metric(came: Option<Instant>, now: Instant) -> CcFeedbackMetricBlock {
    let Some(came) = came else { return CcFeedbackMetricBlock::default() };
    let ticks = now.saturating_duration_since(came).as_micros() * u128::from(TICKS) / 1_000_000;
    let arrival_time_offset = if ticks > OLDEST { OLDER } else { ticks as u16 };
    CcFeedbackMetricBlock { received: true, arrival_time_offset, ..CcFeedbackMetricBlock::default() }
}

impl ArrivalReporter {
    /// Reports each `interval`, while something comes, in the name of this stream of ours.
    pub(super) fn new(switch: ReportSwitch, interval: Duration, sender_ssrc: u32) -> Self {
        Self {
            switch,
            interval,
            sender_ssrc,
            streams: BTreeMap::new(),
            due: None,
            owed: 0,
            missing: 0.0,
            clock: None,
            first: 0,
            leaving: VecDeque::new(),
        }
    }

    fn handle_packet(&mut self, ssrc: u32, sequence: u16, now: Instant) {
        if self.streams.len() == STREAMS && !self.streams.contains_key(&ssrc) {
            let quietest = self.streams.iter().min_by_key(|(_, stream)| stream.heard).map(|(ssrc, _)| *ssrc);
            self.streams.remove(&quietest.unwrap_or_default());
        }
        self.streams.entry(ssrc).or_default().handle_packet(sequence, now);
        self.owed = 1 + self.repeats();
        self.due.get_or_insert(now + self.interval);
    }

    fn repeats(&self) -> usize {
        let is_lossy = self.missing > LOSSY || self.switch.is_lossy.load(Ordering::Relaxed);
        if is_lossy { AGAIN } else { 0 }
    }

    /// Reports of what came since the last ones, and of what they said where that may be lost.
    fn reports(&mut self, now: Instant) -> Vec<CcFeedbackReport> {
        self.weigh();
        let repeats = self.repeats();
        let clock = self.clock.get_or_insert_with(|| SystemInstant::now(now));
        let report_timestamp = (clock.ntp(now) >> 16) as u32;
        let empty = || CcFeedbackReport { sender_ssrc: self.sender_ssrc, report_blocks: Vec::new(), report_timestamp };
        let (mut done, mut open, mut room) = (Vec::new(), empty(), REPORT - REPORT_HEADER);
        let in_turn: Vec<u32> =
            self.streams.range(self.first..).chain(self.streams.range(..self.first)).map(|(ssrc, _)| *ssrc).collect();
        'all: for media_ssrc in in_turn {
            let Some(stream) = self.streams.get_mut(&media_ssrc) else { continue };
            let mut from = stream.begin(repeats);
            while from < stream.next() {
                if room < BLOCK_HEADER + 2 * PACKET {
                    if done.len() + 1 == REPORTS {
                        self.first = media_ssrc;
                        (self.owed, self.due) = (self.owed.max(1), self.due.or(Some(now + self.interval)));
                        break 'all;
                    }
                    done.push(std::mem::replace(&mut open, empty()));
                    room = REPORT - REPORT_HEADER;
                }
                let count = ((room - BLOCK_HEADER) / PACKET) & !1; // blocks are filled up to four bytes
                let metric_blocks = stream.metrics(from, count, now);
                room -= BLOCK_HEADER + metric_blocks.len().next_multiple_of(2) * PACKET;
                let begin_sequence = from as u16;
                from += metric_blocks.len() as u64;
                let block = CcFeedbackReportBlock { media_ssrc, begin_sequence, metric_blocks };
                open.report_blocks.push(block);
            }
            stream.mark();
        }
        done.extend(Some(open).filter(|report| !report.report_blocks.is_empty()));
        done
    }

    /// Learns what is missing, of what is reported for the first time now.
    fn weigh(&mut self) {
        let (mut came, mut all) = (0_usize, 0_usize);
        for stream in self.streams.values() {
            let skip = usize::try_from(stream.begin(0) - stream.first).unwrap_or(usize::MAX);
            all += stream.came.len().saturating_sub(skip);
            came += stream.came.iter().skip(skip).flatten().count();
        }
        if all > 0 {
            let share = 1.0 - came as f64 / all as f64;
            self.missing += (share - self.missing) * SMOOTHING;
        }
    }
}

impl Stage for ArrivalReporter {
    fn inbound(&mut self, packet: TaggedPacket, onward: &mut Onward) {
        if let Packet::Rtp(rtp) = &packet.message.packet
            && self.switch.is_agreed()
        {
            self.handle_packet(rtp.header.ssrc, rtp.header.sequence_number, packet.now);
        }
        onward.push_back(packet);
    }

    fn poll_own(&mut self) -> Option<TaggedPacket> {
        self.leaving.pop_front()
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.due.is_none_or(|due| due > now) {
            return;
        }
        self.owed = self.owed.saturating_sub(1);
        self.due = (self.owed > 0).then(|| now + self.interval);
        for report in self.reports(now) {
            let report = Box::new(report) as Box<dyn rtcp::Packet>;
            let message = AttributedPacket::new(Packet::Rtcp(vec![report]));
            self.leaving.push_back(TaggedPacket { now, transport: TransportContext::default(), message });
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    fn unbind_remote(&mut self, info: &StreamInfo) {
        for ssrc in [Some(info.ssrc), info.ssrc_rtx].into_iter().flatten() {
            self.streams.remove(&ssrc);
        }
    }
}

#[cfg(test)]
#[path = "arrivals_tests.rs"]
mod tests;
