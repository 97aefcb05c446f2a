//! Queues that several share: access links, schedules, traffic of others. Figures, not only that something came.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hearth_netsim::{
    AccessConfig, Discipline, FlowConfig, FlowId, FlowStats, Hop, LinkConfig, Network, NodeId, RateSchedule, Traffic,
};

const A: NodeId = NodeId(1);
const B: NodeId = NodeId(2);
const C: NodeId = NodeId(3);

/// What every datagram here is long.
const SIZE: usize = 1250;

fn address(node: NodeId) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, node.0 as u8], 1000))
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A network with a clock of its own.
struct Lab {
    network: Network,
    start: Instant,
    now: Instant,
}

impl Lab {
    fn new(link: LinkConfig) -> Self {
        #[expect(clippy::disallowed_methods, reason = "virtual time begins somewhere")]
        let now = Instant::now();
        let mut network = Network::new(5, link);
        for node in [A, B, C] {
            network.add_address(node, address(node).ip());
        }
        Self { network, start: now, now }
    }

    fn send(&mut self, from: NodeId, to: NodeId) {
        self.network.send(address(from), address(to), vec![0; SIZE], self.now);
    }

    /// Lets time pass; who got something when (milliseconds since the start), and how long it waited in queues.
    fn run(&mut self, time: Duration) -> Vec<(NodeId, u64, Duration)> {
        let end = self.now + time;
        let mut got = Vec::new();
        while let Some(at) = self.network.poll_timeout().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            while let Some(delivery) = self.network.poll_delivery(self.now) {
                got.push((delivery.node, (self.now - self.start).as_millis() as u64, delivery.queued));
            }
        }
        self.now = end;
        assert_eq!(self.network.poll_delivery(end), None);
        got
    }

    /// A datagram from A to B each 20 ms for so long; how long they waited, sorted.
    fn probe(&mut self, seconds: u64) -> Vec<Duration> {
        let mut queued = Vec::new();
        for _ in 0..seconds * 50 {
            self.send(A, B);
            queued.extend(self.run(ms(20)).into_iter().map(|(.., queued)| queued));
        }
        queued.sort();
        queued
    }

    fn flow(&mut self, traffic: Traffic, round_trip: Duration, from: Duration, to: Option<Duration>) -> FlowId {
        let (start, stop) = (self.start + from, to.map(|to| self.start + to));
        let config = FlowConfig { hop: Hop::Uplink(A), traffic, datagram: SIZE, round_trip, start, stop };
        self.network.add_flow(config)
    }

    fn stats(&self, flow: FlowId) -> FlowStats {
        self.network.flow(flow).unwrap_or_default()
    }

    /// Bits a second that each flow gets for so long.
    fn rates<const N: usize>(&mut self, flows: [FlowId; N], seconds: u64) -> [f64; N] {
        let before = flows.map(|flow| self.stats(flow).delivered);
        self.run(Duration::from_secs(seconds));
        let mut rates = flows.map(|flow| self.stats(flow).delivered as f64);
        rates.iter_mut().zip(before).for_each(|(rate, before)| *rate = (*rate - before as f64) * 8.0 / seconds as f64);
        rates
    }
}

/// A rate, and so much time of it that can wait.
fn access(rate: u64, time: Duration, discipline: Discipline) -> AccessConfig {
    AccessConfig { rate: Some(rate), queue: (rate as f64 / 8.0 * time.as_secs_f64()) as usize, discipline }
}

#[test]
fn all_that_leaves_a_node_shares_its_uplink() {
    let mut lab = Lab::new(LinkConfig::delayed(ms(20)));
    lab.network.set_uplink(A, access(1_000_000, ms(100), Discipline::DropTail));
    for to in [B, C, B] {
        lab.send(A, to);
    }
    lab.send(B, C);
    let got = lab.run(ms(500));
    // 10 ms each, one after the other, then the link; what B sends does not pass there.
    assert_eq!(got, [(C, 20, ms(0)), (B, 30, ms(0)), (C, 40, ms(10)), (B, 50, ms(20))]);
    (0..20).for_each(|_| lab.send(A, B));
    lab.run(ms(500));
    assert_eq!(lab.network.counters().queue_full, 10, "100 ms of the rate wait, with the one that is being sent");
    let queue = lab.network.queue(Hop::Uplink(A));
    assert_eq!((queue.waiting, queue.passed, queue.passed_bytes, queue.full), (0, 13, 13 * SIZE as u64, 10));
}

#[test]
fn all_that_comes_to_a_node_shares_its_downlink() {
    let mut lab = Lab::new(LinkConfig { rate: Some(10_000_000), ..LinkConfig::delayed(ms(20)) });
    lab.network.set_downlink(C, access(1_000_000, ms(100), Discipline::DropTail));
    lab.send(A, C);
    lab.send(B, C);
    lab.send(A, B);
    // The links take 1 ms and 20, the downlink 10 each.
    assert_eq!(lab.run(ms(500)), [(B, 21, ms(0)), (C, 31, ms(0)), (C, 41, ms(10))]);
}

#[test]
fn what_waits_at_a_change_of_rate_leaves_at_the_new_one() {
    let mut lab = Lab::new(LinkConfig { rate: Some(1_000_000), ..LinkConfig::delayed(ms(0)) });
    let steps = [(ms(0), 1_000_000), (ms(25), 100_000), (ms(155), 1_000_000)];
    lab.network.set_rate_schedule(Hop::Link(A, B), RateSchedule::from_first_use(steps));
    lab.run(ms(1000));
    (0..5).for_each(|_| lab.send(A, B));
    let times: Vec<u64> = lab.run(ms(500)).into_iter().map(|(_, at, _)| at - 1000).collect();
    // Two at 10 ms each; half of the third, its rest in 50; then eight tenths of the fourth in 80, and so on.
    assert_eq!(times, [10, 20, 75, 157, 167]);
    // A link set again has its own rate. A changed default takes those along that wait.
    lab.network.set_link(A, B, LinkConfig { rate: Some(0), ..LinkConfig::delayed(ms(0)) });
    lab.send(A, B);
    assert_eq!(lab.run(ms(5000)), []);
    lab.network.set_link(A, B, LinkConfig { rate: Some(1_000_000), ..LinkConfig::delayed(ms(0)) });
    assert_eq!(lab.run(ms(10)).len(), 1);
}

#[test]
fn a_steady_stream_takes_its_share_and_no_more() {
    for (rate, share, lost) in [(400_000, 0.4, 0.0), (2_000_000, 1.0, 0.5)] {
        let mut lab = Lab::new(LinkConfig::delayed(ms(20)));
        lab.network.set_uplink(A, access(1_000_000, ms(300), Discipline::DropTail));
        let flow = lab.flow(Traffic::Constant(rate), ms(40), ms(1000), Some(ms(61_000)));
        lab.run(ms(2000));
        let [got] = lab.rates([flow], 50);
        assert!((got / 1_000_000.0 - share).abs() < 0.01, "{got}");
        lab.run(ms(60_000));
        let stats = lab.stats(flow);
        assert!((stats.sent as f64 * 8.0 / 60.0 / rate as f64 - 1.0).abs() < 0.01, "a minute of it: {stats:?}");
        let dropped = (stats.lost * SIZE as u64) as f64 / stats.sent as f64;
        assert!((dropped - lost).abs() < 0.02, "{stats:?}");
        assert_eq!(lab.network.counters().sent, 0, "nobody's datagrams");
        assert_eq!(lab.network.poll_timeout(), None, "and nobody is woken for them");
    }
}

#[test]
fn a_cubic_flow_fills_the_rate_and_a_drop_tail_queue() {
    let mut lab = Lab::new(LinkConfig::delayed(ms(20)));
    lab.network.set_uplink(A, access(10_000_000, ms(100), Discipline::DropTail));
    let flow = lab.flow(Traffic::Cubic, ms(50), ms(0), None);
    lab.run(ms(20_000));
    let [rate] = lab.rates([flow], 30);
    assert!(rate > 9_700_000.0, "{rate}");
    let queued = lab.probe(30);
    let (median, most) = (queued[queued.len() / 2], queued[queued.len() - 1]);
    assert!((ms(50)..ms(100)).contains(&median) && most <= ms(100), "{median:?} {most:?}");
    let stats = lab.stats(flow);
    assert!((ms(80)..=ms(152)).contains(&stats.round_trip), "{stats:?}");
    let share = stats.lost as f64 * SIZE as f64 / stats.sent as f64;
    assert!(share > 0.0 && share < 0.02, "{stats:?}");
}

#[test]
fn codel_keeps_the_queue_of_a_cubic_flow_near_its_target() {
    let mut lab = Lab::new(LinkConfig::delayed(ms(20)));
    lab.network.set_uplink(A, access(10_000_000, ms(500), Discipline::CODEL));
    let flow = lab.flow(Traffic::Cubic, ms(50), ms(0), None);
    lab.run(ms(20_000));
    let queued = lab.probe(60);
    let (median, p95) = (queued[queued.len() / 2], queued[queued.len() * 95 / 100]);
    println!("median {median:?}, p95 {p95:?}");
    assert!((ms(1)..ms(10)).contains(&median) && p95 < ms(30), "{median:?} {p95:?}");
    let [rate] = lab.rates([flow], 60);
    println!("{:.1} % used", rate / 1e5);
    assert!(rate > 8_500_000.0, "{rate}");
    let queue = lab.network.queue(Hop::Uplink(A));
    assert!(queue.codel > 20 && lab.network.counters().queue_full == 0, "{queue:?}");
}

#[test]
fn two_tcp_flows_share_a_queue_fairly() {
    for (one, other, discipline) in [
        (Traffic::Cubic, Traffic::Cubic, Discipline::DropTail),
        (Traffic::Cubic, Traffic::Cubic, Discipline::CODEL),
        (Traffic::Reno, Traffic::Reno, Discipline::DropTail),
    ] {
        let mut lab = Lab::new(LinkConfig::delayed(ms(20)));
        lab.network.set_uplink(A, access(10_000_000, ms(100), discipline));
        // The second comes when the first has everything.
        let flows = [lab.flow(one, ms(40), ms(0), None), lab.flow(other, ms(40), ms(10_000), Some(ms(190_000)))];
        lab.run(ms(60_000));
        let [first, second] = lab.rates(flows, 120);
        let jain = (first + second).powi(2) / (2.0 * (first.powi(2) + second.powi(2)));
        println!("{one:?} {other:?} {discipline:?}: {first:.0} {second:.0}, Jain {jain:.3}");
        assert!(jain > 0.95, "{one:?} {other:?} {discipline:?}: {first} {second}");
        assert!(first + second > 9_000_000.0, "{first} {second}");
        // And goes: the first has it all again.
        lab.run(ms(30_000));
        let [first, second] = lab.rates(flows, 20);
        assert!(first > 9_000_000.0 && second == 0.0, "{first} {second}");
    }
}

#[test]
fn a_tcp_flow_survives_an_outage() {
    let mut lab = Lab::new(LinkConfig::delayed(ms(20)));
    lab.network.set_uplink(A, access(2_000_000, ms(200), Discipline::DropTail));
    let steps = [(ms(0), 2_000_000), (ms(10_000), 0), (ms(15_000), 500_000)];
    lab.network.set_rate_schedule(Hop::Uplink(A), RateSchedule::from_instant(lab.start, steps));
    let flow = lab.flow(Traffic::Cubic, ms(40), ms(0), None);
    lab.run(ms(5000));
    assert!(lab.rates([flow], 5)[0] > 1_900_000.0);
    assert_eq!(lab.rates([flow], 5), [0.0]);
    lab.run(ms(5000));
    assert!((470_000.0..=501_000.0).contains(&lab.rates([flow], 20)[0]));
}

#[test]
fn one_seed_gives_one_history_with_traffic_too() {
    let history = || {
        let loss = hearth_netsim::Loss::Bursts { enter: 0.05, leave: 0.3, in_bad: 0.7 };
        let mut lab = Lab::new(LinkConfig { loss, jitter: ms(9), ..LinkConfig::delayed(ms(20)) });
        lab.network.set_uplink(A, access(1_000_000, ms(200), Discipline::CODEL));
        let flow = lab.flow(Traffic::Cubic, ms(40), ms(0), None);
        (lab.probe(20), lab.network.counters(), lab.stats(flow))
    };
    let once = history();
    assert_eq!(once, history());
    assert!(once.1.lost > 50 && once.1.codel > 5, "{:?}", once.1);
}
