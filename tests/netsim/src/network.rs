//! Nodes, their addresses, and everything in flight between them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::fabric::{Datagram, Fabric};
use crate::hop::{Hop, NodeId};
use crate::link::LinkConfig;
use crate::nat::{Nat, NatConfig};
use crate::queue::{AccessConfig, QueueStats};
use crate::rate::RateSchedule;
use crate::traffic::{FlowConfig, FlowId, FlowStats};

/// A datagram that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// At which machine.
    pub node: NodeId,
    /// From which address.
    pub from: SocketAddr,
    /// To which.
    pub to: SocketAddr,
    /// All of it.
    pub payload: Vec<u8>,
    /// How long it waited in queues, before its own bits were sent.
    pub queued: Duration,
}

/// What befell the datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Given to the network.
    pub sent: u64,
    /// Handed over.
    pub delivered: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Dropped by a full queue.
    pub queue_full: u64,
    /// Dropped by CoDel.
    pub codel: u64,
    /// Sent across a partition.
    pub partitioned: u64,
    /// Sent to an address that nobody has, or has no more.
    pub unroutable: u64,
    /// Not let in by a router.
    pub filtered: u64,
    /// Overtaken by a later one on the same link.
    pub reordered: u64,
    /// Arrived twice.
    pub duplicated: u64,
}

/// The network.
#[derive(Debug)]
pub struct Network {
    fabric: Fabric,
    newest_delivered: BTreeMap<(NodeId, NodeId), u64>,
    addresses: BTreeMap<IpAddr, NodeId>,
    /// By the address of the machine behind each.
    nats: BTreeMap<IpAddr, Nat>,
    /// By the address that a router shows.
    insides: BTreeMap<IpAddr, IpAddr>,
    partitions: BTreeSet<(NodeId, NodeId)>,
    /// Without what befalls datagrams in the fabric.
    counters: Counters,
}

impl Network {
    /// A network whose links are like `default_link` until one is set apart.
    pub fn new(seed: u64, default_link: LinkConfig) -> Self {
        Self {
            fabric: Fabric::new(seed, default_link),
            newest_delivered: BTreeMap::new(),
            addresses: BTreeMap::new(),
            nats: BTreeMap::new(),
            insides: BTreeMap::new(),
            partitions: BTreeSet::new(),
            counters: Counters::default(),
        }
    }

    /// Gives `node` an address; it keeps those that it has.
    pub fn add_address(&mut self, node: NodeId, address: IpAddr) {
        self.addresses.insert(address, node);
    }

    /// Takes an address away: what is on its way there is lost.
    pub fn remove_address(&mut self, address: IpAddr) {
        self.addresses.remove(&address);
    }

    /// Puts a router before `node`, which has the address `inside` and is seen at `outside`: nobody else reaches the
    /// former.
    pub fn add_nat(&mut self, node: NodeId, inside: IpAddr, outside: IpAddr, config: NatConfig) {
        self.nats.insert(inside, Nat::new(outside, config));
        self.insides.insert(outside, inside);
        self.addresses.insert(outside, node);
    }

    /// The router before `inside` starts again: whatever it knew is forgotten.
    pub fn restart_nat(&mut self, inside: IpAddr) {
        if let Some(nat) = self.nats.get_mut(&inside) {
            nat.restart();
        }
    }

    /// Changes all links that are not set apart. What waits in a queue leaves at the new rate, after the datagram that
    /// is being sent.
    pub fn set_default_link(&mut self, config: LinkConfig) {
        self.fabric.set_default_link(config);
    }

    /// Sets one direction apart. A schedule that it had is over.
    pub fn set_link(&mut self, from: NodeId, to: NodeId, config: LinkConfig) {
        self.fabric.set_link(from, to, config);
    }

    /// Puts an access link before all that leaves a node, or changes it. A schedule that it had is over.
    pub fn set_uplink(&mut self, node: NodeId, config: AccessConfig) {
        self.fabric.set_access(Hop::Uplink(node), config);
    }

    /// Puts an access link behind all that comes to a node, or changes it. A schedule that it had is over.
    pub fn set_downlink(&mut self, node: NodeId, config: AccessConfig) {
        self.fabric.set_access(Hop::Downlink(node), config);
    }

    /// Lets the rate of a hop change at set times, whatever rate it was given otherwise. An access link must have been
    /// set before.
    pub fn set_rate_schedule(&mut self, hop: Hop, schedule: RateSchedule) {
        self.fabric.set_schedule(hop, Some(schedule));
    }

    /// Sends traffic of others through a hop.
    pub fn add_flow(&mut self, config: FlowConfig) -> FlowId {
        self.fabric.add_flow(config)
    }

    /// What became of such traffic by the time that this network was last polled, or given a datagram.
    pub fn flow(&self, id: FlowId) -> Option<FlowStats> {
        self.fabric.flow(id)
    }

    /// What the queue of a hop did until then.
    pub fn queue(&self, hop: Hop) -> QueueStats {
        self.fabric.queue(hop)
    }

    /// Cuts two nodes off from each other, or joins them again.
    pub fn set_partition(&mut self, a: NodeId, b: NodeId, cut: bool) {
        for pair in [(a, b), (b, a)] {
            if cut {
                self.partitions.insert(pair);
            } else {
                self.partitions.remove(&pair);
            }
        }
    }

    /// What befell the datagrams so far.
    pub fn counters(&self) -> Counters {
        let mishaps = self.fabric.mishaps();
        Counters {
            lost: mishaps.lost,
            queue_full: mishaps.queue_full,
            codel: mishaps.codel,
            duplicated: mishaps.duplicated,
            ..self.counters
        }
    }

    /// A datagram leaves. A sender whose address has gone sends into nothing.
    pub fn send(&mut self, from: SocketAddr, to: SocketAddr, payload: Vec<u8>, now: Instant) {
        self.counters.sent += 1;
        let from = self.nats.get_mut(&from.ip()).map_or(from, |nat| nat.outward(from, to, now));
        let nodes = self.addresses.get(&from.ip()).zip(self.addresses.get(&to.ip()));
        let Some((&sender, &receiver)) = nodes else {
            self.counters.unroutable += 1;
            return;
        };
        let link = (sender, receiver);
        if self.partitions.contains(&link) {
            self.counters.partitioned += 1;
            return;
        }
        self.fabric.send(Datagram::new(from, to, link, payload), now);
    }

    /// When to poll next. With rates, the next datagram may arrive later than that.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.fabric.poll_timeout()
    }

    /// The next datagram that has arrived by `now`.
    pub fn poll_delivery(&mut self, now: Instant) -> Option<Delivery> {
        while let Some(datagram) = self.fabric.poll_arrival(now) {
            // The address may have moved on meanwhile.
            let Some(&node) = self.addresses.get(&datagram.to.ip()) else {
                self.counters.unroutable += 1;
                continue;
            };
            let Some(to) = self.inward(datagram.to, datagram.from, now) else {
                self.counters.filtered += 1;
                continue;
            };
            let newest = self.newest_delivered.entry(datagram.link).or_default();
            self.counters.reordered += u64::from(datagram.order < *newest);
            *newest = datagram.order.max(*newest);
            self.counters.delivered += 1;
            let Datagram { from, payload, queued, .. } = datagram;
            return Some(Delivery { node, from, to, payload, queued });
        }
        None
    }

    /// Where a datagram ends that has come to `to`.
    fn inward(&mut self, to: SocketAddr, from: SocketAddr, now: Instant) -> Option<SocketAddr> {
        let nat = self.insides.get(&to.ip()).and_then(|inside| self.nats.get_mut(inside));
        nat.map_or(Some(to), |nat| nat.inward(to.port(), from, now))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::nat::Filtering;

    const A: NodeId = NodeId(1);
    const B: NodeId = NodeId(2);

    fn address(node: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, node], 1000))
    }

    fn network(config: LinkConfig) -> Network {
        let mut network = Network::new(3, config);
        network.add_address(A, address(1).ip());
        network.add_address(B, address(2).ip());
        network
    }

    #[test]
    fn datagrams_arrive_in_time_at_whoever_has_the_address() {
        let now = Instant::now();
        let mut network = network(LinkConfig::delayed(Duration::from_millis(20)));
        network.send(address(1), address(2), vec![1], now);
        network.send(address(1), address(9), vec![2], now);
        assert_eq!(network.poll_delivery(now + Duration::from_millis(19)), None);
        let delivery = network.poll_delivery(now + Duration::from_millis(20)).unwrap();
        assert_eq!((delivery.node, delivery.payload), (B, vec![1]));
        network.send(address(1), address(2), vec![3], now);
        network.remove_address(address(2).ip());
        assert_eq!(network.poll_delivery(now + Duration::from_secs(1)), None);
        assert_eq!(network.counters().unroutable, 2);
    }

    #[test]
    fn a_partition_cuts_both_ways_until_it_heals() {
        let now = Instant::now();
        let mut network = network(LinkConfig::delayed(Duration::ZERO));
        network.set_partition(A, B, true);
        network.send(address(1), address(2), vec![1], now);
        network.send(address(2), address(1), vec![1], now);
        assert_eq!(network.counters().partitioned, 2);
        network.set_partition(A, B, false);
        network.send(address(1), address(2), vec![2], now);
        assert_eq!(network.poll_delivery(now).unwrap().payload, [2]);
    }

    #[test]
    fn whoever_is_behind_a_router_is_reached_through_it_alone() {
        let now = Instant::now();
        let mut network = network(LinkConfig::delayed(Duration::ZERO));
        let hidden = SocketAddr::from(([192, 168, 1, 2], 5000));
        let (outside, day) = (IpAddr::from([10, 9, 9, 9]), Duration::from_secs(86_400));
        let config = NatConfig::endpoint_independent(Filtering::AddressAndPortDependent, day);
        network.add_nat(NodeId(3), hidden.ip(), outside, config);
        network.send(address(1), hidden, vec![1], now);
        assert_eq!(network.counters().unroutable, 1);
        network.send(hidden, address(1), vec![2], now);
        let seen = network.poll_delivery(now).unwrap().from;
        assert_eq!(seen.ip(), outside);
        network.send(address(1), seen, vec![3], now);
        let delivery = network.poll_delivery(now).unwrap();
        assert_eq!((delivery.node, delivery.to), (NodeId(3), hidden));
        network.send(address(2), seen, vec![4], now);
        network.restart_nat(hidden.ip());
        network.send(address(1), seen, vec![5], now);
        assert_eq!(network.poll_delivery(now), None);
        assert_eq!(network.counters().filtered, 2);
    }

    #[test]
    fn one_seed_gives_one_history() {
        let history = |seed| {
            let config = LinkConfig {
                jitter: Duration::from_millis(30),
                loss: crate::Loss::Independent(0.2),
                duplicate: 0.1,
                ..LinkConfig::delayed(Duration::from_millis(5))
            };
            let mut network = Network::new(seed, config);
            network.add_address(A, address(1).ip());
            network.add_address(B, address(2).ip());
            let start = Instant::now();
            for n in 0..200_u8 {
                network.send(address(1), address(2), vec![n], start + Duration::from_millis(u64::from(n)));
            }
            let late = start + Duration::from_secs(9);
            let order: Vec<_> = std::iter::from_fn(|| network.poll_delivery(late)).map(|d| d.payload).collect();
            (order, network.counters())
        };
        assert_eq!(history(1), history(1));
        assert_ne!(history(1).0, history(2).0);
        let counters = history(1).1;
        assert!(counters.lost > 20 && counters.reordered > 20 && counters.duplicated > 5, "{counters:?}");
    }
}
