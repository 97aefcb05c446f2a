//! What left, joined with what the other side says of it.
//!
//! Transport-wide feedback names packets by their numbers and says of each when it came, by a clock of the other side's
//! whose zero nobody knows: differences alone mean something. A packet that is late is reported missing first and there
//! later, so it is lost only when others that left well after it have come. Of one whose report is itself lost nothing
//! is known: it counts neither as lost nor as come. Everything here is from outside: what was not sent is not believed
//! to have come, and a report costs no more than the packets that wait for one. Owner of: the packets of one connection
//! that nobody has reported yet.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use rtc::rtcp;
use rtc::rtcp::transport_feedbacks::transport_layer_cc::{PacketStatusChunk, SymbolTypeTcc, TransportLayerCc};

use super::send_log::Departure;

/// Packets that wait for a report: 4 Mbit/s are 400 a second. Full: the oldest is forgotten.
const PACKETS: usize = 4096;
/// How long one waits for a report: several round trips of the longest path, and reports get lost.
const PATIENCE: Duration = Duration::from_secs(2);
/// A packet is lost when one has come that left so much later: no path reorders more and is used for a call.
const REORDERING: Duration = Duration::from_millis(60);
/// One tick of a report's base time (section 3.1 of the draft), which has 24 bits.
const TICK: i64 = 64_000;
const BASE_BITS: u32 = 24;

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
    /// The newest that has come.
    newest: Option<Departure>,
    /// The last report's base time, in ticks that go on beyond 24 bits.
    base: Option<i64>,
    /// Bytes that left after the newest, and are not given up.
    in_flight: u64,
    /// Bytes that left so far.
    departed: u64,
}

impl SendHistory {
    /// A packet has left.
    pub(crate) fn handle_departure(&mut self, departure: Departure) {
        self.packets.push_back(Sent { departure, has_come: None });
        self.in_flight += u64::from(departure.size);
        self.departed += u64::from(departure.size);
        let old = |sent: &Sent| departure.at.saturating_duration_since(sent.departure.at) > PATIENCE;
        let mut dropped = false;
        while self.packets.len() > PACKETS || self.packets.front().is_some_and(old) {
            self.packets.pop_front();
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

    /// The other side said what came.
    pub(crate) fn handle_feedback(&mut self, feedback: &TransportLayerCc) -> TransportFeedback {
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
        let mut at = self.base_time(feedback.reference_time).saturating_mul(TICK);
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
            } else if symbol == SymbolTypeTcc::PacketNotReceived
                && let Some(sent) = self.find(number)
            {
                sent.has_come.get_or_insert(false);
            }
            number += 1;
        }
        let unreported = self.take_lost(&mut packets);
        packets.sort_by_key(|result| result.departure.number);
        self.in_flight = self.count_in_flight();
        TransportFeedback { packets, unreported }
    }

    /// The same of the bytes of a compound packet, for fuzzers: what is none gives nothing.
    pub(crate) fn handle_compound(&mut self, bytes: &[u8]) -> Vec<TransportFeedback> {
        let packets = rtcp::packet::unmarshal(&mut Bytes::copy_from_slice(bytes)).unwrap_or_default();
        let feedback = packets.iter().filter_map(|packet| packet.as_any().downcast_ref::<TransportLayerCc>());
        feedback.map(|feedback| self.handle_feedback(feedback)).collect()
    }

    /// Goes on beyond 24 bits; reports come in any order, within half of the range.
    fn base_time(&mut self, reported: u32) -> i64 {
        let range = 1_i64 << BASE_BITS;
        let reported = i64::from(reported) % range;
        let base = self.base.map_or(reported, |base| {
            let ahead = (reported - base).rem_euclid(range);
            if ahead < range / 2 { base.saturating_add(ahead) } else { base.saturating_add(ahead - range) }
        });
        self.base = Some(base);
        base
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
            self.packets.pop_front();
        }
        unreported
    }
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
