//! Says again what was reported last, where reports are lost.
//!
//! A report of what came names each packet once. On a path that loses a third of all packets several reports in a row
//! get lost, and the other side holds its pictures back because it has not heard for too long what became of the last
//! ones. So each report goes out three times, with the next two, in a datagram of its own each time; what is heard
//! twice means nothing new. Owner of: the reports sent last.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rtc::rtcp;
use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;

/// Reports that are said again. With 30 % loss and two, one interval in 40 stays unknown in place of one in three.
const AGAIN: usize = 2;

/// Whether reports are said again; one end of it is outside of the crate's chain.
#[derive(Clone, Debug, Default)]
pub(super) struct EchoSwitch(Arc<AtomicBool>);

impl EchoSwitch {
    pub(super) fn set(&self, is_on: bool) {
        self.0.store(is_on, Ordering::Relaxed);
    }
}

/// Remembers and repeats.
#[derive(Debug)]
pub(super) struct ReportEcho {
    switch: EchoSwitch,
    last: VecDeque<TransportLayerCc>,
}

impl ReportEcho {
    pub(super) fn new(switch: EchoSwitch) -> Self {
        Self { switch, last: VecDeque::new() }
    }

    /// RTCP that leaves now; older reports come first in it, and the crate gives each a datagram.
    pub(super) fn handle(&mut self, packets: &mut Vec<Box<dyn rtcp::Packet>>) {
        let reports = packets.iter().filter_map(|packet| packet.as_any().downcast_ref::<TransportLayerCc>());
        let fresh: Vec<_> = reports.cloned().collect();
        if fresh.is_empty() {
            return;
        }
        if self.switch.0.load(Ordering::Relaxed) {
            let again = self.last.iter().map(|report| Box::new(report.clone()) as Box<dyn rtcp::Packet>);
            packets.splice(0..0, again);
        }
        self.last.extend(fresh);
        while self.last.len() > AGAIN {
            self.last.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use rtc::rtcp::transport_feedbacks::transport_layer_cc::{PacketStatusChunk, RecvDelta, RunLengthChunk};

    use super::*;

    fn report(base: u16, packets: u16) -> Box<dyn rtcp::Packet> {
        let chunk = RunLengthChunk { run_length: packets, ..RunLengthChunk::default() };
        Box::new(TransportLayerCc {
            base_sequence_number: base,
            packet_status_count: packets,
            packet_chunks: vec![PacketStatusChunk::RunLengthChunk(chunk)],
            recv_deltas: vec![RecvDelta::default(); usize::from(packets)],
            ..TransportLayerCc::default()
        })
    }

    fn said(echo: &mut ReportEcho, base: u16, packets: u16) -> Vec<u16> {
        let mut leaving = vec![report(base, packets)];
        echo.handle(&mut leaving);
        let reports = leaving.iter().filter_map(|packet| packet.as_any().downcast_ref::<TransportLayerCc>());
        reports.map(|report| report.base_sequence_number).collect()
    }

    #[test]
    fn a_report_goes_with_the_two_before_it_where_that_is_wanted() {
        let switch = EchoSwitch::default();
        let mut echo = ReportEcho::new(switch.clone());
        assert_eq!((said(&mut echo, 0, 5), said(&mut echo, 5, 5)), (vec![0], vec![5]));
        switch.set(true);
        assert_eq!((said(&mut echo, 10, 5), said(&mut echo, 15, 5)), (vec![0, 5, 10], vec![5, 10, 15]));
        switch.set(false);
        assert_eq!(said(&mut echo, 20, 5), [20]);
    }

    #[test]
    fn other_words_are_said_once() {
        let switch = EchoSwitch::default();
        switch.set(true);
        let mut echo = ReportEcho::new(switch);
        assert_eq!(said(&mut echo, 0, 5), [0]);
        let mut others: Vec<Box<dyn rtcp::Packet>> = Vec::new();
        echo.handle(&mut others);
        assert!(others.is_empty(), "there is nothing to go with");
    }
}
