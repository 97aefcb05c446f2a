//! What carries datagrams: every hop with its queue, traffic of others through it, and what is under way.
//!
//! Owner of all time and chance of the network. It knows nodes; whose addresses they have is its user's business.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;

use crate::hop::{Hop, NodeId};
use crate::link::{Chance, LinkConfig, Trip};
use crate::queue::{AccessConfig, Discipline, Queue, QueueStats};
use crate::rate::RateSchedule;
use crate::traffic::{Flow, FlowConfig, FlowDatagram, FlowEvent, FlowId, FlowStats, Place};

/// Of a hop that is not there.
const OPEN: AccessConfig = AccessConfig { rate: None, queue: usize::MAX, discipline: Discipline::DropTail };

/// A datagram on its way.
#[derive(Clone, Debug)]
pub(crate) struct Datagram {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) link: (NodeId, NodeId),
    pub(crate) payload: Vec<u8>,
    /// How long it has waited in queues.
    pub(crate) queued: Duration,
    /// Its number among those that left their link.
    pub(crate) order: u64,
    trip: Trip,
}

impl Datagram {
    pub(crate) fn new(from: SocketAddr, to: SocketAddr, link: (NodeId, NodeId), payload: Vec<u8>) -> Self {
        Self { from, to, link, payload, queued: Duration::ZERO, order: 0, trip: Trip::default() }
    }
}

/// What did not simply pass.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mishaps {
    pub(crate) lost: u64,
    pub(crate) queue_full: u64,
    pub(crate) codel: u64,
    pub(crate) duplicated: u64,
}

#[derive(Debug)]
enum Load {
    Datagram(Datagram),
    Flow(FlowDatagram),
}

#[derive(Debug)]
enum Event {
    /// The one that a queue sends has left it.
    Departure(Hop),
    /// One has come to the access link of the node that it is for.
    Downlink(Datagram),
    Flow(FlowId, FlowEvent),
}

/// The hops and what is in them.
#[derive(Debug)]
pub(crate) struct Fabric {
    rng: ChaCha12Rng,
    default_link: LinkConfig,
    links: BTreeMap<(NodeId, NodeId), LinkConfig>,
    chances: BTreeMap<(NodeId, NodeId), Chance>,
    accesses: BTreeMap<Hop, AccessConfig>,
    queues: BTreeMap<Hop, Queue<Load>>,
    flows: Vec<Flow>,
    /// By time, then in the order in which they were made.
    events: BTreeMap<(Instant, u64), Event>,
    next_event: u64,
    arrivals: BTreeMap<(Instant, u64), Datagram>,
    next_order: u64,
    /// Datagrams of users that are in queues, or on the way to one: without any, no event matters to them.
    inside: usize,
    /// The newest time that it was told.
    latest: Option<Instant>,
    mishaps: Mishaps,
}

impl Fabric {
    pub(crate) fn new(seed: u64, default_link: LinkConfig) -> Self {
        Self {
            rng: ChaCha12Rng::seed_from_u64(seed),
            default_link,
            links: BTreeMap::new(),
            chances: BTreeMap::new(),
            accesses: BTreeMap::new(),
            queues: BTreeMap::new(),
            flows: Vec::new(),
            events: BTreeMap::new(),
            next_event: 0,
            arrivals: BTreeMap::new(),
            next_order: 0,
            inside: 0,
            latest: None,
            mishaps: Mishaps::default(),
        }
    }

    pub(crate) fn set_default_link(&mut self, config: LinkConfig) {
        self.default_link = config;
        self.restart_queues();
    }

    pub(crate) fn set_link(&mut self, from: NodeId, to: NodeId, config: LinkConfig) {
        self.links.insert((from, to), config);
        self.set_schedule(Hop::Link(from, to), None);
    }

    pub(crate) fn set_access(&mut self, hop: Hop, config: AccessConfig) {
        self.accesses.insert(hop, config);
        self.set_schedule(hop, None);
    }

    pub(crate) fn set_schedule(&mut self, hop: Hop, schedule: Option<RateSchedule>) {
        self.queues.entry(hop).or_default().set_schedule(schedule);
        self.restart_queues();
    }

    pub(crate) fn add_flow(&mut self, config: FlowConfig) -> FlowId {
        let id = FlowId(self.flows.len());
        let start = self.latest.map_or(config.start, |latest| latest.max(config.start));
        self.flows.push(Flow::new(id, FlowConfig { start, ..config }));
        self.plan_flow(id);
        id
    }

    pub(crate) fn flow(&self, id: FlowId) -> Option<FlowStats> {
        self.flows.get(id.0).map(Flow::stats)
    }

    pub(crate) fn queue(&self, hop: Hop) -> QueueStats {
        self.queues.get(&hop).map(Queue::stats).unwrap_or_default()
    }

    pub(crate) fn mishaps(&self) -> Mishaps {
        self.mishaps
    }

    pub(crate) fn send(&mut self, datagram: Datagram, now: Instant) {
        self.advance(now);
        self.enter(Hop::Uplink(datagram.link.0), datagram, now);
    }

    /// When something may arrive, at the earliest.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let event = self.events.keys().next().filter(|_| self.inside > 0);
        event.into_iter().chain(self.arrivals.keys().next()).map(|(at, _)| *at).min()
    }

    /// The next datagram that has arrived by `now`.
    pub(crate) fn poll_arrival(&mut self, now: Instant) -> Option<Datagram> {
        self.advance(now);
        let first = self.arrivals.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(first.remove())
    }

    fn advance(&mut self, now: Instant) {
        while let Some(first) = self.events.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((at, _), event) = first.remove_entry();
            match event {
                Event::Departure(hop) => self.depart(hop, at),
                Event::Downlink(datagram) => {
                    self.inside -= 1;
                    self.enter(Hop::Downlink(datagram.link.1), datagram, at);
                }
                Event::Flow(id, event) => self.drive_flow(id, event, at),
            }
        }
        self.latest = Some(self.latest.map_or(now, |latest| latest.max(now)));
    }

    /// What a hop is like; `None` where there is none of it.
    fn config(&self, hop: Hop) -> Option<AccessConfig> {
        match hop {
            Hop::Link(from, to) => Some(self.link(from, to).access()),
            Hop::Uplink(_) | Hop::Downlink(_) => self.accesses.get(&hop).copied(),
        }
    }

    fn link(&self, from: NodeId, to: NodeId) -> LinkConfig {
        self.links.get(&(from, to)).copied().unwrap_or(self.default_link)
    }

    fn enter(&mut self, hop: Hop, mut datagram: Datagram, now: Instant) {
        let Some(config) = self.config(hop) else { return self.leave(hop, datagram, now) };
        // What is lost takes no place in the queue: it was lost before, on the part of the way that is not modelled.
        if let Hop::Link(from, to) = hop {
            let loss = self.link(from, to).loss;
            if self.chances.entry((from, to)).or_default().loses(loss, &mut self.rng) {
                self.mishaps.lost += 1;
                return;
            }
        }
        let bytes = datagram.payload.len();
        let queue = self.queues.entry(hop).or_default();
        let open = queue.is_open(&config);
        if !open && !queue.admits(&config, bytes, now) {
            self.mishaps.queue_full += 1;
            return;
        }
        if let Hop::Link(from, to) = hop {
            datagram.trip = Trip::draw(&self.link(from, to), &mut self.rng);
        }
        if open {
            self.queues.entry(hop).or_default().pass(bytes);
            return self.leave(hop, datagram, now);
        }
        self.inside += 1;
        self.push(hop, &config, Load::Datagram(datagram), bytes, now);
    }

    fn push(&mut self, hop: Hop, config: &AccessConfig, load: Load, bytes: usize, now: Instant) {
        let departure = self.queues.entry(hop).or_default().push(config, load, bytes, now);
        self.plan_departure(hop, departure);
        self.drain_dropped(hop, now);
    }

    fn depart(&mut self, hop: Hop, now: Instant) {
        let config = self.config(hop).unwrap_or(OPEN);
        let Some(queue) = self.queues.get_mut(&hop) else { return };
        let Some(departed) = queue.poll_departed(&config, now) else { return };
        let next = queue.poll_timeout();
        self.plan_departure(hop, next);
        self.drain_dropped(hop, now);
        match departed.item {
            Load::Datagram(mut datagram) => {
                self.inside -= 1;
                datagram.queued += departed.queued;
                self.leave(hop, datagram, departed.at);
            }
            Load::Flow(datagram) => self.pass_flow(datagram, departed.at),
        }
    }

    fn leave(&mut self, hop: Hop, datagram: Datagram, now: Instant) {
        match hop {
            Hop::Uplink(_) => self.enter(Hop::Link(datagram.link.0, datagram.link.1), datagram, now),
            Hop::Link(_, to) => {
                let Trip { first, second } = datagram.trip;
                if let Some(second) = second {
                    self.mishaps.duplicated += 1;
                    self.travel(to, datagram.clone(), now + second);
                }
                self.travel(to, datagram, now + first);
            }
            Hop::Downlink(_) => {
                self.arrivals.insert((now, datagram.order), datagram);
            }
        }
    }

    fn travel(&mut self, to: NodeId, mut datagram: Datagram, at: Instant) {
        datagram.order = self.next_order;
        self.next_order += 1;
        if self.accesses.contains_key(&Hop::Downlink(to)) {
            self.inside += 1;
            self.plan(at, Event::Downlink(datagram));
        } else {
            self.arrivals.insert((at, datagram.order), datagram);
        }
    }

    fn drain_dropped(&mut self, hop: Hop, now: Instant) {
        while let Some(load) = self.queues.get_mut(&hop).and_then(Queue::poll_dropped) {
            match load {
                Load::Datagram(_) => {
                    self.inside -= 1;
                    self.mishaps.codel += 1;
                }
                Load::Flow(datagram) => self.drop_flow(datagram, Place::Front, now),
            }
        }
    }

    /// What waits for a rate that was 0 may move again.
    fn restart_queues(&mut self) {
        let Some(now) = self.latest else { return };
        let hops: Vec<Hop> = self.queues.keys().copied().collect();
        for hop in hops {
            let config = self.config(hop).unwrap_or(OPEN);
            let departure = self.queues.get_mut(&hop).and_then(|queue| queue.restart(&config, now));
            self.plan_departure(hop, departure);
        }
    }

    fn drive_flow(&mut self, id: FlowId, event: FlowEvent, now: Instant) {
        let Some(flow) = self.flows.get_mut(id.0) else { return };
        flow.handle(event, now);
        let FlowConfig { hop, datagram: bytes, .. } = *flow.config();
        let config = self.config(hop).unwrap_or(OPEN);
        while let Some(datagram) = self.flows.get_mut(id.0).and_then(|flow| flow.poll_send(now)) {
            let queue = self.queues.entry(hop).or_default();
            if queue.is_open(&config) {
                queue.pass(bytes);
                self.pass_flow(datagram, now);
            } else if queue.admits(&config, bytes, now) {
                self.push(hop, &config, Load::Flow(datagram), bytes, now);
            } else {
                self.drop_flow(datagram, Place::Back, now);
            }
        }
        if matches!(event, FlowEvent::Due) {
            self.plan_flow(id);
        }
    }

    fn pass_flow(&mut self, datagram: FlowDatagram, at: Instant) {
        let Some(flow) = self.flows.get_mut(datagram.flow.0) else { return };
        let acknowledged = flow.handle_passed(at);
        self.plan(acknowledged, Event::Flow(datagram.flow, FlowEvent::Acknowledged(datagram)));
    }

    fn drop_flow(&mut self, datagram: FlowDatagram, place: Place, now: Instant) {
        let Some(flow) = self.flows.get_mut(datagram.flow.0) else { return };
        let seen = flow.handle_dropped(place, now);
        self.plan(seen, Event::Flow(datagram.flow, FlowEvent::Lost(datagram)));
    }

    fn plan_flow(&mut self, id: FlowId) {
        if let Some(at) = self.flows.get(id.0).and_then(Flow::poll_timeout) {
            self.plan(at, Event::Flow(id, FlowEvent::Due));
        }
    }

    fn plan_departure(&mut self, hop: Hop, at: Option<Instant>) {
        if let Some(at) = at {
            self.plan(at, Event::Departure(hop));
        }
    }

    fn plan(&mut self, at: Instant, event: Event) {
        self.events.insert((at, self.next_event), event);
        self.next_event += 1;
    }
}
