//! Both directions of the link: the model of hearth-netsim, one for each, and what is told of them each second.
//!
//! Clock-free: the shell (`main.rs`) says what came when, and asks what leaves.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hearth_netsim::{Counters, FlowConfig, FlowId, Hop, Network, NodeId, RateSchedule};

use crate::flows::Flows;
use crate::spec::LinkSpec;

const FROM: NodeId = NodeId(1);
const TO: NodeId = NodeId(2);
/// Bytes of a datagram of the traffic of others.
const CROSS_DATAGRAM: usize = 1500;

/// A way through the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From left to right.
    Forward,
    Backward,
}

/// The link.
#[derive(Debug)]
pub(crate) struct Emulator {
    forward: OneWay,
    backward: OneWay,
}

#[derive(Debug)]
struct OneWay {
    spec: LinkSpec,
    network: Network,
    flows: Flows,
    cross: Option<FlowId>,
    /// Of the last report.
    counters: Counters,
    cross_delivered: u64,
}

impl Emulator {
    /// A link at rest: rates do not change before the measurement begins.
    pub(crate) fn new(seed: u64, forward: LinkSpec, backward: LinkSpec) -> Self {
        // Chance of one direction does not depend on what goes the other way.
        Self { forward: OneWay::new(seed, forward), backward: OneWay::new(seed.wrapping_add(1), backward) }
    }

    /// The measurement begins: rates change and others send from now on as was asked for.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.forward.begin(now);
        self.backward.begin(now);
    }

    /// A packet has come from one of these ends.
    pub(crate) fn handle_packet(&mut self, direction: Direction, ends: u16, packet: Vec<u8>, now: Instant) {
        self.way(direction).network.send(address(FROM, ends), address(TO, ends), packet, now);
    }

    /// When to poll again.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let both = [&self.forward, &self.backward];
        both.into_iter().filter_map(|way| way.network.poll_timeout()).min()
    }

    /// A packet that leaves at the other end, and between which ends it went.
    pub(crate) fn poll_packet(&mut self, direction: Direction, now: Instant) -> Option<(u16, Vec<u8>)> {
        let way = self.way(direction);
        let delivery = way.network.poll_delivery(now)?;
        let ends = delivery.to.port();
        way.flows.count(ends, &delivery.payload, delivery.queued);
        Some((ends, delivery.payload))
    }

    /// What went through since the last report, as lines.
    pub(crate) fn report(&mut self, second: u32) -> Vec<String> {
        let begun = Duration::from_secs(second.into());
        let mut lines = self.forward.report(&format!("{second} forward"), begun);
        lines.extend(self.backward.report(&format!("{second} backward"), begun));
        lines
    }

    fn way(&mut self, direction: Direction) -> &mut OneWay {
        match direction {
            Direction::Forward => &mut self.forward,
            Direction::Backward => &mut self.backward,
        }
    }
}

impl OneWay {
    fn new(seed: u64, spec: LinkSpec) -> Self {
        let mut network = Network::new(seed, spec.link);
        for node in [FROM, TO] {
            network.add_address(node, address(node, 0).ip());
        }
        let counters = network.counters();
        Self { spec, network, flows: Flows::default(), cross: None, counters, cross_delivered: 0 }
    }

    fn begin(&mut self, now: Instant) {
        self.flows.take();
        self.counters = self.network.counters();
        let hop = Hop::Link(FROM, TO);
        if !self.spec.steps.is_empty() {
            let schedule = RateSchedule::from_instant(now, self.spec.steps.clone()).with_queue(self.spec.queue);
            self.network.set_rate_schedule(hop, schedule);
        }
        self.cross = self.spec.cross.map(|cross| {
            let (start, stop) = (now + cross.start, Some(now + cross.stop));
            // As far away as the other end.
            let round_trip = 2 * self.spec.link.delay;
            let (traffic, datagram) = (cross.traffic, CROSS_DATAGRAM);
            self.network.add_flow(FlowConfig { hop, traffic, datagram, round_trip, start, stop })
        });
    }

    /// The rate that is told held when the second began, so long after the measurement did.
    fn report(&mut self, whose: &str, begun: Duration) -> Vec<String> {
        let holds = self.spec.steps.iter().rev().find(|(from, _)| *from <= begun);
        let rate = holds.or(self.spec.steps.first()).map_or(0, |(_, rate)| *rate);
        let (counters, before) = (self.network.counters(), self.counters);
        let (lost, full) = (counters.lost - before.lost, counters.queue_full - before.queue_full);
        let codel = counters.codel - before.codel;
        self.counters = counters;
        let mut lines = vec![format!("link {whose} {rate} {lost} {full} {codel}")];
        lines.extend(self.flows.take().iter().map(|(key, count)| format!("flow {whose} {key} {count}")));
        if let Some(stats) = self.cross.and_then(|id| self.network.flow(id)) {
            lines.push(format!("cross {whose} {} {}", stats.delivered - self.cross_delivered, stats.lost));
            self.cross_delivered = stats.delivered;
        }
        lines
    }
}

/// An address within the model; packets have their own. All ends share its queue, and the port tells them apart.
fn address(node: NodeId, ends: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, node.0 as u8], ends))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flows::tests::packet;

    #[expect(clippy::disallowed_methods, reason = "virtual time begins somewhere")]
    fn emulator(forward: &str) -> (Emulator, Instant) {
        (Emulator::new(3, forward.parse().unwrap(), "delay=10".parse().unwrap()), Instant::now())
    }

    /// Sends one each so many milliseconds; how many left, and the report of the last second.
    fn run(emulator: &mut Emulator, start: Instant, ms: std::ops::Range<u64>, gap: usize) -> (usize, Vec<String>) {
        let (mut left, last) = (0, ms.end.div_ceil(1000) - 1);
        for at in ms.step_by(gap) {
            let now = start + Duration::from_millis(at);
            emulator.handle_packet(Direction::Forward, 0, packet(17, 4000, 5000, 1250), now);
            left += std::iter::from_fn(|| emulator.poll_packet(Direction::Forward, now)).count();
        }
        (left, emulator.report(last as u32))
    }

    #[test]
    fn each_way_has_its_own_delay_and_rate() {
        let (mut emulator, start) = emulator("rate=1000,delay=25,queue=50");
        emulator.handle_packet(Direction::Forward, 0, vec![0; 1250], start);
        emulator.handle_packet(Direction::Backward, 0, vec![0; 1250], start);
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(emulator.poll_timeout(), Some(at(10)));
        assert!(emulator.poll_packet(Direction::Backward, at(10)).is_some());
        assert_eq!(emulator.poll_packet(Direction::Forward, at(34)), None);
        assert!(emulator.poll_packet(Direction::Forward, at(35)).is_some());
    }

    #[test]
    fn ends_share_the_queue_and_are_told_apart() {
        let (mut emulator, start) = emulator("rate=1000,delay=25,queue=25");
        // Each takes 10 ms of the link. One is on its way, one waits, and the third finds the queue full.
        for ends in [1, 0, 1] {
            emulator.handle_packet(Direction::Forward, ends, packet(17, 1, 2, 1250), start);
        }
        let late = start + Duration::from_secs(1);
        let left: Vec<u16> =
            std::iter::from_fn(|| emulator.poll_packet(Direction::Forward, late)).map(|(ends, _)| ends).collect();
        assert_eq!(left, [1, 0]);
        let lines = emulator.report(0);
        assert_eq!(lines[1..3], ["flow 0 forward 0 udp 1 2 1 1250 10:1", "flow 0 forward 1 udp 1 2 1 1250 0:1"]);
    }

    #[test]
    fn rates_change_from_the_beginning_of_the_measurement_on() {
        let (mut emulator, start) = emulator("rate=1000/2:500,queue=100");
        let (left, _) = run(&mut emulator, start, 0..10_000, 10);
        assert_eq!(left, 999, "before it the first rate holds");
        let start = start + Duration::from_secs(20);
        run(&mut emulator, start, 0..1, 1);
        emulator.begin(start);
        let (left, lines) = run(&mut emulator, start, 0..2000, 10);
        assert!((199..=201).contains(&left), "{left}");
        assert_eq!(lines[0], "link 1 forward 1000000 0 0 0");
        let (left, lines) = run(&mut emulator, start, 2000..4000, 10);
        assert!((99..=101).contains(&left), "{left}");
        let [_, _, _, rate, lost, full, codel] = lines[0].split(' ').collect::<Vec<_>>()[..] else {
            panic!("{lines:?}")
        };
        assert_eq!((rate, lost, codel), ("500000", "0", "0"));
        // Half of them, without those few that wait: 100 ms of the new rate.
        assert!((93..=99).contains(&full.parse::<u32>().unwrap()), "{lines:?}");
        assert!(lines[1].starts_with("flow 3 forward 0 udp 4000 5000 "), "{lines:?}");
        assert_eq!(lines[2], "link 3 backward 0 0 0 0");
    }

    #[test]
    fn traffic_of_others_is_told() {
        let (mut emulator, start) = emulator("rate=1000,queue=100,cross=400@0-60");
        emulator.begin(start);
        let (left, lines) = run(&mut emulator, start, 0..4000, 20);
        assert!((195..=200).contains(&left), "there is room for both: {left}");
        let cross = lines.iter().find(|line| line.starts_with("cross 3 forward")).unwrap();
        let delivered: u64 = cross.split(' ').nth(3).unwrap().parse().unwrap();
        assert!((190_000..=202_000).contains(&delivered), "{cross}");
    }
}
