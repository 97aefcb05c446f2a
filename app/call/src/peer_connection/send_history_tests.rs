//! What reports say of packets, and what they must not be believed.

use std::time::Instant;

use rtc::rtcp::transport_feedbacks::cc_feedback_report::{CcFeedbackMetricBlock, CcFeedbackReportBlock};
use rtc::rtcp::transport_feedbacks::transport_layer_cc::{RecvDelta, RunLengthChunk, StatusVectorChunk};

use super::*;

/// A packet each 10 ms.
fn departure(number: u64, start: Instant) -> Departure {
    let at = start + Duration::from_millis(10 * number);
    Departure { number, size: 100, stream: 7, sequence: number as u16, time: number as u32, at }
}

fn history(first: u64, count: u64, start: Instant) -> SendHistory {
    let mut history = SendHistory::default();
    (first..first + count).for_each(|number| history.handle_departure(departure(number, start)));
    history
}

/// A report that begins with packet `first`: of each whether it came, 10 ms after the one before it.
fn report(first: u64, base: u32, came: &[bool]) -> TransportLayerCc {
    let symbol = |came: &bool| {
        if *came { SymbolTypeTcc::PacketReceivedSmallDelta } else { SymbolTypeTcc::PacketNotReceived }
    };
    let delta = || RecvDelta { type_tcc_packet: SymbolTypeTcc::PacketReceivedSmallDelta, delta: 10_000 };
    TransportLayerCc {
        base_sequence_number: first as u16,
        packet_status_count: came.len() as u16,
        reference_time: base,
        packet_chunks: vec![PacketStatusChunk::StatusVectorChunk(StatusVectorChunk {
            symbol_list: came.iter().map(symbol).collect(),
            ..StatusVectorChunk::default()
        })],
        recv_deltas: came.iter().filter(|came| **came).map(|_| delta()).collect(),
        ..TransportLayerCc::default()
    }
}

fn fates(feedback: &TransportFeedback) -> Vec<(u64, Option<i64>)> {
    feedback.packets.iter().map(|result| (result.departure.number, result.arrived)).collect()
}

#[test]
fn what_came_is_told_once_and_what_did_not_when_later_ones_have() {
    let start = Instant::now();
    let mut history = history(0, 20, start);
    assert_eq!(history.in_flight(), 2000);
    let first = history.handle_feedback(&report(0, 1, &[true, false, true]));
    assert_eq!(fates(&first), [(0, Some(74_000)), (2, Some(84_000))]);
    assert_eq!(history.in_flight(), 1700);
    let again = history.handle_feedback(&report(0, 1, &[true, false, true]));
    assert_eq!(fates(&again), []);
    // Packet 1 is late, and there; 4 is lost, but not before packets that left 60 ms after it have come.
    let second = history.handle_feedback(&report(1, 2, &[true, true, true, false, true]));
    assert_eq!(fates(&second), [(1, Some(138_000)), (3, Some(158_000)), (5, Some(168_000))]);
    let third = history.handle_feedback(&report(6, 3, &[true; 5]));
    assert_eq!(fates(&third)[0], (4, None));
    assert_eq!(third.packets.len(), 6);
}

#[test]
fn what_a_lost_report_was_of_is_neither_lost_nor_come() {
    let start = Instant::now();
    let mut history = history(0, 20, start);
    history.handle_feedback(&report(0, 1, &[true; 5]));
    let after = history.handle_feedback(&report(10, 2, &[true; 10]));
    assert_eq!(after.packets.len(), 10);
    assert_eq!(after.unreported, 500);
}

#[test]
fn numbers_and_times_go_on_when_their_bits_are_used_up() {
    let start = Instant::now();
    let mut history = history(65_530, 12, start);
    let before = history.handle_feedback(&report(65_530, (1 << 24) - 1, &[true; 6]));
    let after = history.handle_feedback(&report(65_536, 0, &[true; 6]));
    assert_eq!(after.packets[0].departure.number, 65_536);
    let last = before.packets[5].arrived.unwrap();
    let next = after.packets[0].arrived.unwrap();
    assert_eq!(next - last, 64_000 - 60_000 + 10_000);
}

#[test]
fn what_was_never_sent_is_not_believed() {
    let start = Instant::now();
    let mut history = history(100, 10, start);
    assert_eq!(fates(&history.handle_feedback(&report(50, 0, &[true; 20]))), []);
    let beyond = history.handle_feedback(&report(108, 0, &[true; 60]));
    assert_eq!(fates(&beyond).last().map(|(number, _)| *number), Some(109));
    assert_eq!(fates(&SendHistory::default().handle_feedback(&report(0, 0, &[true]))), []);
    // Statuses without deltas, runs beyond what is said to be reported, deltas at the edge of their range.
    let run = RunLengthChunk {
        packet_status_symbol: SymbolTypeTcc::PacketReceivedLargeDelta,
        run_length: u16::MAX,
        ..RunLengthChunk::default()
    };
    let absurd = TransportLayerCc {
        base_sequence_number: 0,
        packet_status_count: 3,
        packet_chunks: vec![PacketStatusChunk::RunLengthChunk(run); 700],
        recv_deltas: vec![RecvDelta { delta: i64::MAX, ..RecvDelta::default() }; 2],
        ..TransportLayerCc::default()
    };
    let mut history = super::tests::history(0, 10, start);
    assert_eq!(fates(&history.handle_feedback(&absurd)).len(), 2);
}

/// A report by the numbers of a stream, made so many units of 1/65536 s after the beginning: of each packet how long
/// before that it came, in units of 1/1024 s.
fn by_sequence(media_ssrc: u32, begin_sequence: u16, time: u32, came: &[Option<u16>]) -> CcFeedbackReport {
    let metric = |came: &Option<u16>| CcFeedbackMetricBlock {
        received: came.is_some(),
        arrival_time_offset: came.unwrap_or_default(),
        ..CcFeedbackMetricBlock::default()
    };
    let metric_blocks = came.iter().map(metric).collect();
    let report_blocks = vec![CcFeedbackReportBlock { media_ssrc, begin_sequence, metric_blocks }];
    CcFeedbackReport { report_blocks, report_timestamp: time, ..CcFeedbackReport::default() }
}

#[test]
fn reports_by_the_numbers_of_streams_say_the_same() {
    let start = Instant::now();
    let mut history = history(65_530, 20, start);
    // Another stream with the same sequence numbers.
    let other = Departure { number: 65_550, stream: 8, sequence: 65_530, ..departure(65_550, start) };
    history.handle_departure(other);
    // Two seconds by their clock; half a second, a quarter, an eighth before.
    let report = by_sequence(7, 65_534, 2 * 65_536, &[Some(512), None, Some(256), Some(128), Some(NO_TIME)]);
    let first = history.handle_report(&report);
    let expected = [(65_534, Some(1_500_000)), (65_536, Some(1_750_000)), (65_537, Some(1_875_000))];
    assert_eq!(fates(&first), expected);
    assert_eq!(first.unreported, 200, "two that left 60 ms before the last, of which nothing is said");
    assert_eq!(fates(&history.handle_report(&report)), [], "said again");
    // The second of them is lost once what left 60 ms later has come; what came at no time is neither.
    let second = history.handle_report(&by_sequence(7, 65_535, u32::MAX, &[None, Some(0), Some(0), None, Some(0)]));
    let before = history.report_time.unwrap();
    assert_eq!(second.packets.first().map(|result| result.departure.number), Some(65_539), "{second:?}");
    let last = history.handle_report(&by_sequence(7, 65_545_u32 as u16, 65_535, &[Some(0)]));
    assert_eq!(fates(&last)[0], (65_535, None), "{last:?}");
    assert_eq!(history.report_time.unwrap() - before, 65_536, "their clock goes on");
    let other = history.handle_report(&by_sequence(8, 65_530, 0, &[Some(0)]));
    assert_eq!(other.packets.last().map(|result| result.departure.number), Some(65_550));
    assert_eq!(fates(&history.handle_report(&by_sequence(99, 0, 0, &[Some(0); 500]))), [], "of nothing that we sent");
}

#[test]
fn memory_is_bounded_by_number_and_time() {
    let start = Instant::now();
    let mut history = SendHistory::default();
    for number in 0..2 * PACKETS as u64 {
        history.handle_departure(Departure { at: start, ..departure(number, start) });
    }
    assert_eq!((history.packets.len(), history.in_flight()), (PACKETS, 100 * PACKETS as u64));
    history.handle_departure(departure(2 * PACKETS as u64, start + PATIENCE));
    assert_eq!((history.packets.len(), history.in_flight()), (1, 100), "nobody reports");
    assert_eq!(history.by_sequence.len(), 1);
}
