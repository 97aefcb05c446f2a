//! What left, joined with what the other side says of it.
//!
//! Reports name packets by their streams' numbers (RFC 8888) or by those of the connection (transport-wide feedback),
//! and say of each when it came, by a clock of the other side's whose zero nobody knows: differences alone mean
//! something. A packet that is late is reported missing first and there later, so it is lost only when others that left
//! well after it have come. Of one whose report is itself lost nothing is known: it counts neither as lost nor as come.
//! Everything here is from outside: what was not sent is not believed to have come, and a report costs no more than the
//! packets that wait for one. Owner of: the packets of one connection that nobody has reported yet.

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use rtc::rtcp;
use rtc::rtcp::transport_feedbacks::cc_feedback_report::CcFeedbackReport;
use rtc::rtcp::transport_feedbacks::transport_layer_cc::{PacketStatusChunk, SymbolTypeTcc, TransportLayerCc};

use super::send_log::Departure;

/// Packets that wait for a report: 4 Mbit/s are 400 a second. Full: the oldest is forgotten.
const PACKETS: usize = 4096;
/// How long one waits for a report: several round trips of the longest path, and reports get lost.
const PATIENCE: Duration = Duration::from_secs(2);
/// A packet is lost when one has come that left so much later: no path reorders more and is used for a call.
const REORDERING: Duration = Duration::from_millis(60);
/// One tick of a transport-wide report's base time (section 3.1 of the draft), microseconds, and the bits that it has.
const TICK: i64 = 64_000;
const BASE_BITS: u32 = 24;
/// The same of RFC 8888: a report's time is in units of 1/65536 s, how long before it a packet came in units of 1/1024
/// s.
const REPORT_BITS: u32 = 32;
const REPORT_TICK: (i64, i64) = (1_000_000, 65_536);
const OFFSET_TICK: (i64, i64) = (1_000_000, 1_024);
/// Offsets from here on say that a packet came, and not when.
const NO_TIME: u16 = 0x1FFE;

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PacketResult {
    pub(crate) departure: Departure,
    /// When it came, microseconds by the other side's clock; `None`: it is lost.
    pub(crate) arrived: Option<i64>,
}

/// What a report says that was not known before, in the order of departures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TransportFeedback {
    pub(crate) packets: Vec<PacketResult>,
    /// Bytes of packets that no report will name any more.
    pub(crate) unreported: u64,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    departure: Departure,
    /// Whether it has come, as was reported last; nothing, while no report was of it.
    has_come: Option<bool>,
}

/// Packets and their fates.
#[derive(Debug, Default)]
pub(crate) struct SendHistory {
    /// In the order of their numbers, which have no holes but where the log was full.
    packets: VecDeque<Sent>,
    /// Their numbers, by stream and sequence number.
    by_sequence: BTreeMap<(u32, u16), u64>,
    /// The newest that has come.
    newest: Option<Departure>,
    /// The last report's time, of either kind, in ticks that go on beyond its bits.
    report_time: Option<i64>,
    base_time: Option<i64>,
    /// Bytes that left after the newest, and are not given up.
    in_flight: u64,
    /// Bytes that left so far.
    departed: u64,
}

impl SendHistory {
    /// A packet has left.
    pub(crate) fn handle_departure(&mut self, departure: Departure) {
        self.packets.push_back(Sent { departure, has_come: None });
        self.by_sequence.insert((departure.stream, departure.sequence), departure.number);
        self.in_flight += u64::from(departure.size);
        self.departed += u64::from(departure.size);
        let old = |sent: &Sent| departure.at.saturating_duration_since(sent.departure.at) > PATIENCE;
        let mut dropped = false;
        while self.packets.len() > PACKETS || self.packets.front().is_some_and(old) {
            self.pop_front();
            dropped = true;
        }
        if dropped {
            self.in_flight = self.count_in_flight();
        }
    }

    /// Bytes that left after the newest packet that is known to have come, and are not given up.
    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// Bytes that left so far.
    pub(crate) fn departed(&self) -> u64 {
        self.departed
    }

    fn count_in_flight(&self) -> u64 {
        let newest = self.newest.map(|newest| newest.number);
        let after = |sent: &&Sent| newest.is_none_or(|newest| sent.departure.number > newest);
        self.packets.iter().rev().take_while(after).map(|sent| u64::from(sent.departure.size)).sum()
    }

    fn pop_front(&mut self) {
        let Some(Sent { departure, .. }) = self.packets.pop_front() else { return };
        let place = (departure.stream, departure.sequence);
        if self.by_sequence.get(&place) == Some(&departure.number) {
            self.by_sequence.remove(&place);
        }
    }

    /// The other side said what came, by the numbers of streams.
    fn handle_report(&mut self, report: &CcFeedbackReport) -> TransportFeedback {
        let mut packets = Vec::new();
        let reported = scaled(run_on(&mut self.report_time, report.report_timestamp, REPORT_BITS), REPORT_TICK);
        for block in &report.report_blocks {
            for (sequence, metric) in (block.begin_sequence..=u16::MAX).chain(0..).zip(&block.metric_blocks) {
                let Some(number) = self.by_sequence.get(&(block.media_ssrc, sequence)).copied() else { continue };
                if !metric.received {
                    self.on_missing(number);
                } else if metric.arrival_time_offset < NO_TIME {
                    let before = scaled(i64::from(metric.arrival_time_offset), OFFSET_TICK);
                    packets.extend(self.on_arrival(number, reported.saturating_sub(before)));
                }
            }
        }
        self.decided(packets)
    }

    /// The other side said what came, by the connection's numbers.
    fn handle_feedback(&mut self, feedback: &TransportLayerCc) -> TransportFeedback {
        let mut packets = Vec::new();
        let Some(last) = self.packets.back().map(|sent| sent.departure.number) else {
            return TransportFeedback::default();
        };
        // A report is of what has left: its first number is the newest of all with these 16 bits.
        let back = (last as u16).wrapping_sub(feedback.base_sequence_number);
        if usize::from(back) >= PACKETS {
            return TransportFeedback::default(); // of nothing that waits, and long
        }
        let Some(mut number) = last.checked_sub(u64::from(back)) else { return TransportFeedback::default() };
        let mut at = run_on(&mut self.base_time, feedback.reference_time, BASE_BITS).saturating_mul(TICK);
        let mut deltas = feedback.recv_deltas.iter();
        for symbol in symbols(feedback) {
            if number > last {
                break;
            }
            let delta = match symbol {
                SymbolTypeTcc::PacketReceivedSmallDelta | SymbolTypeTcc::PacketReceivedLargeDelta => deltas.next(),
                SymbolTypeTcc::PacketNotReceived | SymbolTypeTcc::PacketReceivedWithoutDelta => None,
            };
            if let Some(delta) = delta {
                at = at.saturating_add(delta.delta);
                packets.extend(self.on_arrival(number, at));
            } else if symbol == SymbolTypeTcc::PacketNotReceived {
                self.on_missing(number);
            }
            number += 1;
        }
        self.decided(packets)
    }

    /// What came, with what is known to be lost since then.
    fn decided(&mut self, mut packets: Vec<PacketResult>) -> TransportFeedback {
        let unreported = self.take_lost(&mut packets);
        packets.sort_by_key(|result| result.departure.number);
        self.in_flight = self.count_in_flight();
        TransportFeedback { packets, unreported }
    }

    /// The same of the bytes of a compound packet, for fuzzers: what is none gives nothing.
    pub(crate) fn handle_compound(&mut self, bytes: &[u8]) -> Vec<TransportFeedback> {
        let packets = rtcp::packet::unmarshal(&mut Bytes::copy_from_slice(bytes)).unwrap_or_default();
        let reports = packets.iter().filter_map(|packet| self.handle_any(packet.as_any()));
        reports.collect()
    }

    /// The same of any packet: nothing, where it is no report.
    pub(crate) fn handle_any(&mut self, packet: &dyn Any) -> Option<TransportFeedback> {
        if let Some(report) = packet.downcast_ref::<CcFeedbackReport>() {
            return Some(self.handle_report(report));
        }
        packet.downcast_ref::<TransportLayerCc>().map(|feedback| self.handle_feedback(feedback))
    }

    /// The packet of this number, where it waits still.
    fn find(&mut self, number: u64) -> Option<&mut Sent> {
        let first = self.packets.front()?.departure.number;
        // Its place, or a little before it where the log was full.
        let guess = usize::try_from(number.checked_sub(first)?).ok()?.min(self.packets.len().checked_sub(1)?);
        let known = |sent: &Sent| sent.departure.number == number;
        let place = if self.packets.get(guess).is_some_and(known) {
            guess
        } else {
            self.packets.binary_search_by_key(&number, |sent| sent.departure.number).ok()?
        };
        self.packets.get_mut(place)
    }

    fn on_missing(&mut self, number: u64) {
        if let Some(sent) = self.find(number) {
            sent.has_come.get_or_insert(false);
        }
    }

    fn on_arrival(&mut self, number: u64, at: i64) -> Option<PacketResult> {
        let sent = self.find(number).filter(|sent| sent.has_come != Some(true))?;
        sent.has_come = Some(true);
        let departure = sent.departure;
        if self.newest.is_none_or(|newest| newest.number < number) {
            self.newest = Some(departure);
        }
        Some(PacketResult { departure, arrived: Some(at) })
    }

    /// Takes what is decided off the front: what has come, what is lost, and what nobody knows of, whose bytes it
    /// returns.
    fn take_lost(&mut self, results: &mut Vec<PacketResult>) -> u64 {
        let mut unreported = 0;
        let Some(newest) = self.newest else { return unreported };
        while let Some(Sent { departure, has_come }) = self.packets.front().copied() {
            let age = newest.at.saturating_duration_since(departure.at);
            if departure.number > newest.number || (has_come != Some(true) && age < REORDERING) {
                break;
            }
            match has_come {
                Some(true) => {}
                Some(false) => results.push(PacketResult { departure, arrived: None }),
                None => unreported += u64::from(departure.size),
            }
            self.pop_front();
        }
        unreported
    }
}

/// Goes on beyond the bits of a time; reports come in any order, within half of the range.
fn run_on(last: &mut Option<i64>, reported: u32, bits: u32) -> i64 {
    let range = 1_i64 << bits;
    let reported = i64::from(reported) % range;
    let time = last.map_or(reported, |last| {
        let ahead = (reported - last).rem_euclid(range);
        if ahead < range / 2 { last.saturating_add(ahead) } else { last.saturating_add(ahead - range) }
    });
    *last = Some(time);
    time
}

/// Microseconds of so many ticks.
fn scaled(ticks: i64, (numerator, denominator): (i64, i64)) -> i64 {
    ticks.saturating_mul(numerator) / denominator
}

/// What a report says of one packet after the other.
fn symbols(feedback: &TransportLayerCc) -> impl Iterator<Item = SymbolTypeTcc> {
    let chunks = feedback.packet_chunks.iter().flat_map(|chunk| {
        let (symbols, run) = match chunk {
            PacketStatusChunk::RunLengthChunk(run) => {
                (&[][..], Some((run.packet_status_symbol, usize::from(run.run_length))))
            }
            PacketStatusChunk::StatusVectorChunk(vector) => (&vector.symbol_list[..], None),
        };
        let (symbol, length) = run.unwrap_or((SymbolTypeTcc::PacketNotReceived, 0));
        symbols.iter().copied().chain(std::iter::repeat_n(symbol, length))
    });
    chunks.take(usize::from(feedback.packet_status_count))
}

#[cfg(test)]
#[path = "send_history_tests.rs"]
mod tests;
