//! Traffic of others through a queue: a steady stream, or a TCP flow that takes what it can get.
//!
//! A flow has two ends of its own, which are not nodes: it passes one queue, and an acknowledgement of each datagram
//! comes `round_trip` after it has left it. What it sends and when it hears of a loss is decided here; the network
//! carries it.

mod window;

use std::time::{Duration, Instant};

use window::{Algorithm, Window};

use crate::hop::Hop;

/// A flow of cross traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowId(pub(crate) usize);

/// What decides how much a flow sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// As many bits a second as this, whatever becomes of them.
    Constant(u64),
    /// A bulk transfer by TCP with Reno's window (RFC 5681).
    Reno,
    /// A bulk transfer by TCP with CUBIC's window (RFC 9438).
    Cubic,
}

/// A flow, and through what it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowConfig {
    /// The queue that it passes.
    pub hop: Hop,
    /// How much it sends.
    pub traffic: Traffic,
    /// Bytes of each of its datagrams.
    pub datagram: usize,
    /// Its round trip time beside that queue.
    pub round_trip: Duration,
    /// When it begins.
    pub start: Instant,
    /// When it sends its last; `None` for never.
    pub stop: Option<Instant>,
}

/// What became of a flow so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowStats {
    /// Bytes that were sent, those that were lost among them.
    pub sent: u64,
    /// Bytes that have passed the queue.
    pub delivered: u64,
    /// Datagrams that the queue dropped.
    pub lost: u64,
    /// The newest round trip time of a TCP flow, with the queue.
    pub round_trip: Duration,
    /// Datagrams that a TCP flow may have under way.
    pub window: usize,
}

/// A datagram of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FlowDatagram {
    pub(crate) flow: FlowId,
    sequence: u64,
    sent: Instant,
}

/// What a flow is told at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FlowEvent {
    /// It may send.
    Due,
    Acknowledged(FlowDatagram),
    /// Found missing.
    Lost(FlowDatagram),
}

/// The state of a flow.
#[derive(Debug)]
pub(crate) struct Flow {
    id: FlowId,
    config: FlowConfig,
    sender: Sender,
    next_sequence: u64,
    stats: FlowStats,
}

#[derive(Debug)]
enum Sender {
    Constant {
        next: Instant,
        gap: Duration,
    },
    /// Losses of what was sent before `recovered` are of a window that has been cut already.
    Windowed {
        window: Window,
        under_way: usize,
        recovered: u64,
    },
}

impl Flow {
    pub(crate) fn new(id: FlowId, config: FlowConfig) -> Self {
        let windowed = |algorithm| Sender::Windowed { window: Window::new(algorithm), under_way: 0, recovered: 0 };
        let sender = match config.traffic {
            // At least a bit a second, so that there is a next one.
            Traffic::Constant(rate) => {
                let gap = Duration::from_secs_f64(config.datagram as f64 * 8.0 / rate.max(1) as f64);
                Sender::Constant { next: config.start, gap: gap.max(Duration::from_nanos(1)) }
            }
            Traffic::Reno => windowed(Algorithm::Reno),
            Traffic::Cubic => windowed(Algorithm::Cubic),
        };
        let stats = FlowStats { round_trip: config.round_trip, ..FlowStats::default() };
        Self { id, config, sender, next_sequence: 0, stats }
    }

    pub(crate) fn config(&self) -> &FlowConfig {
        &self.config
    }

    pub(crate) fn stats(&self) -> FlowStats {
        let window = match &self.sender {
            Sender::Constant { .. } => 0,
            Sender::Windowed { window, .. } => window.segments(),
        };
        FlowStats { window, ..self.stats }
    }

    pub(crate) fn handle(&mut self, event: FlowEvent, now: Instant) {
        let Sender::Windowed { window, under_way, recovered } = &mut self.sender else { return };
        match event {
            FlowEvent::Due => {}
            FlowEvent::Acknowledged(datagram) => {
                *under_way = under_way.saturating_sub(1);
                self.stats.round_trip = now.saturating_duration_since(datagram.sent);
                window.handle_acknowledged(now, self.stats.round_trip);
            }
            FlowEvent::Lost(datagram) => {
                if datagram.sequence >= *recovered {
                    window.handle_loss(*under_way);
                    *recovered = self.next_sequence;
                }
                *under_way = under_way.saturating_sub(1);
            }
        }
    }

    /// The next datagram, if one should leave now.
    pub(crate) fn poll_send(&mut self, now: Instant) -> Option<FlowDatagram> {
        if now < self.config.start || self.config.stop.is_some_and(|stop| now >= stop) {
            return None;
        }
        match &mut self.sender {
            Sender::Constant { next, gap } if *next <= now => *next += *gap,
            Sender::Windowed { window, under_way, .. } if *under_way < window.segments() => *under_way += 1,
            Sender::Constant { .. } | Sender::Windowed { .. } => return None,
        }
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.stats.sent += self.config.datagram as u64;
        Some(FlowDatagram { flow: self.id, sequence, sent: now })
    }

    /// When it sends next by itself; a TCP flow, after its start, only upon acknowledgements and losses.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let next = match &self.sender {
            Sender::Constant { next, .. } => Some(*next),
            Sender::Windowed { .. } => (self.next_sequence == 0).then_some(self.config.start),
        };
        next.filter(|at| self.config.stop.is_none_or(|stop| *at < stop))
    }

    /// One has left the queue; when its acknowledgement arrives.
    pub(crate) fn handle_passed(&mut self, at: Instant) -> Instant {
        self.stats.delivered += self.config.datagram as u64;
        at + self.config.round_trip
    }

    /// There was no place for one, or CoDel dropped it from the front; when its sender sees that.
    ///
    /// It does by the acknowledgement of the next one: that is behind the whole queue if the last one was dropped, and
    /// leaves at once if the first one was.
    pub(crate) fn handle_dropped(&mut self, place: Place, now: Instant) -> Instant {
        self.stats.lost += 1;
        match place {
            Place::Back => now + self.stats.round_trip.max(self.config.round_trip),
            Place::Front => now + self.config.round_trip,
        }
    }
}

/// Where a queue dropped one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Front,
    Back,
}
