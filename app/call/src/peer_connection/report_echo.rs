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

/// A path that loses more is one on which reports are said again: two lost in a row are one in four hundred then.
const LOSSY: f64 = 0.05;
/// What each report weighs in the share that is missing.
const SMOOTHING: f64 = 0.05;

/// What is known of the path outside of the crate's chain.
#[derive(Clone, Debug, Default)]
pub(super) struct EchoSwitch {
    /// Whether the other side is known to take reports twice.
    is_possible: Arc<AtomicBool>,
    /// Whether much of what we send is lost, and so of our reports.
    is_lossy: Arc<AtomicBool>,
}

impl EchoSwitch {
    pub(super) fn set_possible(&self, is_possible: bool) {
        self.is_possible.store(is_possible, Ordering::Relaxed);
    }

    /// Of what we send, so much is lost by chance, 0 to 1.
    pub(super) fn set_loss(&self, loss: f64) {
        self.is_lossy.store(loss > LOSSY, Ordering::Relaxed);
    }
}

/// Remembers and repeats.
#[derive(Debug)]
pub(super) struct ReportEcho {
    switch: EchoSwitch,
    /// The share that did not come, of what was reported. Who sends hardly anything learns from it what the path is
    /// like: most lose as much in either direction.
    missing: f64,
    last: VecDeque<TransportLayerCc>,
}

impl ReportEcho {
    pub(super) fn new(switch: EchoSwitch) -> Self {
        Self { switch, missing: 0.0, last: VecDeque::new() }
    }

    /// RTCP that leaves now; older reports come first in it, and the crate gives each a datagram.
    pub(super) fn handle(&mut self, packets: &mut Vec<Box<dyn rtcp::Packet>>) {
        let reports = packets.iter().filter_map(|packet| packet.as_any().downcast_ref::<TransportLayerCc>());
        let fresh: Vec<_> = reports.cloned().collect();
        if fresh.is_empty() {
            return;
        }
        for report in &fresh {
            let all = f64::from(report.packet_status_count).max(1.0);
            let share = 1.0 - (report.recv_deltas.len() as f64 / all).min(1.0);
            self.missing += (share - self.missing) * SMOOTHING;
        }
        let is_lossy = self.missing > LOSSY || self.switch.is_lossy.load(Ordering::Relaxed);
        if is_lossy && self.switch.is_possible.load(Ordering::Relaxed) {
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

    fn report(base: u16, packets: u16, came: u16) -> Box<dyn rtcp::Packet> {
        let chunk = RunLengthChunk { run_length: packets, ..RunLengthChunk::default() };
        Box::new(TransportLayerCc {
            base_sequence_number: base,
            packet_status_count: packets,
            packet_chunks: vec![PacketStatusChunk::RunLengthChunk(chunk)],
            recv_deltas: vec![RecvDelta::default(); usize::from(came)],
            ..TransportLayerCc::default()
        })
    }

    fn said(echo: &mut ReportEcho, base: u16, packets: u16) -> Vec<u16> {
        let mut leaving = vec![report(base, packets, packets)];
        echo.handle(&mut leaving);
        let reports = leaving.iter().filter_map(|packet| packet.as_any().downcast_ref::<TransportLayerCc>());
        reports.map(|report| report.base_sequence_number).collect()
    }

    #[test]
    fn a_report_goes_with_the_two_before_it_where_that_is_wanted() {
        let switch = EchoSwitch::default();
        let mut echo = ReportEcho::new(switch.clone());
        assert_eq!((said(&mut echo, 0, 5), said(&mut echo, 5, 5)), (vec![0], vec![5]));
        switch.set_loss(0.06);
        assert_eq!(said(&mut echo, 10, 5), [10], "a browser is told once");
        switch.set_possible(true);
        assert_eq!((said(&mut echo, 15, 5), said(&mut echo, 20, 5)), (vec![5, 10, 15], vec![10, 15, 20]));
        switch.set_loss(0.04);
        assert_eq!(said(&mut echo, 25, 5), [25]);
    }

    #[test]
    fn who_sends_nothing_knows_the_path_by_what_does_not_come() {
        let switch = EchoSwitch::default();
        switch.set_possible(true);
        let mut echo = ReportEcho::new(switch);
        let mut sizes = Vec::new();
        for (came, count) in [(10, 20), (8, 20), (10, 60)] {
            for n in 0..count {
                let mut leaving = vec![report(n * 10, 10, came)];
                echo.handle(&mut leaving);
                sizes.push(leaving.len());
            }
        }
        assert_eq!((sizes[19], sizes[39], sizes[99]), (1, 3, 1));
    }

    #[test]
    fn other_words_are_said_once() {
        let switch = EchoSwitch::default();
        switch.set_possible(true);
        switch.set_loss(0.3);
        let mut echo = ReportEcho::new(switch);
        assert_eq!(said(&mut echo, 0, 5), [0]);
        let mut others: Vec<Box<dyn rtcp::Packet>> = Vec::new();
        echo.handle(&mut others);
        assert!(others.is_empty(), "there is nothing to go with");
    }
}
