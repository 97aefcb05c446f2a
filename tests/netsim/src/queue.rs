//! What waits for a rate: a queue in bytes, drop-tail or CoDel, and the one datagram that is being sent.
//!
//! Bytes wait, not times: when the rate changes, those that wait leave at the new one.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::codel::{Codel, Taken};
use crate::rate::RateSchedule;

/// Who is dropped, beside those for whom there is no place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Discipline {
    /// Nobody.
    #[default]
    DropTail,
    /// From the front, once everything has waited longer than `target` for an `interval` (RFC 8289).
    CoDel {
        /// How long datagrams may wait.
        target: Duration,
        /// Some round trip times of those who send.
        interval: Duration,
    },
}

impl Discipline {
    /// CoDel as RFC 8289, sections 4.2 and 4.3, recommends it for the Internet: 5 ms, 100 ms.
    pub const CODEL: Self = Self::CoDel { target: Duration::from_millis(5), interval: Duration::from_millis(100) };
}

/// One rate, and what may wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessConfig {
    /// Bits a second; `None` for no limit.
    pub rate: Option<u64>,
    /// Bytes that wait when there is a rate; what comes on top is dropped.
    pub queue: usize,
    /// Who is dropped besides.
    pub discipline: Discipline,
}

/// What a queue has done so far. Bytes are those of payloads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// Bytes in it, with those of the datagram that is being sent.
    pub waiting: usize,
    /// Datagrams that have left.
    pub passed: u64,
    /// Their bytes.
    pub passed_bytes: u64,
    /// Datagrams for which there was no place.
    pub full: u64,
    /// Datagrams that CoDel dropped.
    pub codel: u64,
}

/// One that has left.
#[derive(Debug, PartialEq)]
pub(crate) struct Departed<T> {
    pub(crate) item: T,
    /// When its last bit was on the way.
    pub(crate) at: Instant,
    /// How long it had waited before its first bit was.
    pub(crate) queued: Duration,
}

/// The queue.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    schedule: Option<RateSchedule>,
    waiting: VecDeque<Waiting<T>>,
    sending: Option<Sending<T>>,
    /// Of those that wait, without the one that is being sent.
    bytes: usize,
    codel: Codel,
    dropped: VecDeque<T>,
    stats: QueueStats,
}

#[derive(Debug)]
struct Waiting<T> {
    item: T,
    bytes: usize,
    since: Instant,
}

#[derive(Debug)]
struct Sending<T> {
    item: T,
    bytes: usize,
    queued: Duration,
    begun: Instant,
    /// `None` where the rate is 0, and no other is to come.
    ends: Option<Instant>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            schedule: None,
            waiting: VecDeque::new(),
            sending: None,
            bytes: 0,
            codel: Codel::default(),
            dropped: VecDeque::new(),
            stats: QueueStats::default(),
        }
    }
}

impl<T> Queue<T> {
    /// From now on rates come from a schedule, or from the configuration again.
    pub(crate) fn set_schedule(&mut self, schedule: Option<RateSchedule>) {
        self.schedule = schedule;
    }

    pub(crate) fn stats(&self) -> QueueStats {
        let sending = self.sending.as_ref().map_or(0, |sending| sending.bytes);
        QueueStats { waiting: self.bytes + sending, ..self.stats }
    }

    /// Whether everything goes straight through.
    pub(crate) fn is_open(&self, config: &AccessConfig) -> bool {
        config.rate.is_none() && self.schedule.is_none() && self.sending.is_none()
    }

    /// Counts one that goes straight through.
    pub(crate) fn pass(&mut self, bytes: usize) {
        self.stats.passed += 1;
        self.stats.passed_bytes += bytes as u64;
    }

    /// Whether there is a place for so many bytes; counts those for whom there is none.
    pub(crate) fn admits(&mut self, config: &AccessConfig, bytes: usize, now: Instant) -> bool {
        if let Some(schedule) = &mut self.schedule {
            schedule.handle_use(now);
        }
        let unsent = self.sending.as_ref().map_or(0.0, |sending| sending.unsent(now));
        let limit = self.schedule.as_ref().and_then(|schedule| schedule.queue_at(now)).unwrap_or(config.queue);
        let admitted = self.bytes + unsent as usize + bytes <= limit;
        self.stats.full += u64::from(!admitted);
        admitted
    }

    /// Takes one that was admitted; returns when it leaves, if that begins at once.
    pub(crate) fn push(&mut self, config: &AccessConfig, item: T, bytes: usize, now: Instant) -> Option<Instant> {
        self.waiting.push_back(Waiting { item, bytes, since: now });
        self.bytes += bytes;
        if self.sending.is_some() {
            return None;
        }
        self.begin(config, now);
        self.poll_timeout()
    }

    /// When the one that is being sent has left.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.sending.as_ref().and_then(|sending| sending.ends)
    }

    /// The one that has left by `now`; the next one begins when it has.
    pub(crate) fn poll_departed(&mut self, config: &AccessConfig, now: Instant) -> Option<Departed<T>> {
        let at = self.poll_timeout().filter(|at| *at <= now)?;
        let Sending { item, bytes, queued, .. } = self.sending.take()?;
        self.pass(bytes);
        self.begin(config, at);
        Some(Departed { item, at, queued })
    }

    /// One that CoDel dropped.
    pub(crate) fn poll_dropped(&mut self) -> Option<T> {
        self.dropped.pop_front()
    }

    /// The rate has changed: one that would never have left begins again. Returns when it leaves.
    pub(crate) fn restart(&mut self, config: &AccessConfig, now: Instant) -> Option<Instant> {
        let stuck = self.sending.as_ref().filter(|sending| sending.ends.is_none())?;
        let ends = self.end_of(config, stuck.bytes, now);
        let sending = self.sending.as_mut()?;
        (sending.begun, sending.ends) = (now, ends);
        ends
    }

    fn begin(&mut self, config: &AccessConfig, now: Instant) {
        let Self { waiting, bytes, codel, dropped, stats, .. } = self;
        let mut pop = || {
            let next = waiting.pop_front()?;
            *bytes -= next.bytes;
            Some(Taken { since: next.since, behind: *bytes, item: next })
        };
        let taken = match config.discipline {
            Discipline::DropTail => pop(),
            Discipline::CoDel { target, interval } => codel.dequeue((target, interval), now, pop, |next| {
                stats.codel += 1;
                dropped.push_back(next.item);
            }),
        };
        self.sending = taken.map(|Taken { item: Waiting { item, bytes, since }, .. }| {
            let ends = self.end_of(config, bytes, now);
            Sending { item, bytes, queued: now.saturating_duration_since(since), begun: now, ends }
        });
    }

    fn end_of(&self, config: &AccessConfig, bytes: usize, start: Instant) -> Option<Instant> {
        let bits = bytes as f64 * 8.0;
        match (&self.schedule, config.rate) {
            (Some(schedule), _) => schedule.end_of(bits, start),
            (None, None) => Some(start),
            (None, Some(0)) => None,
            (None, Some(rate)) => Some(start + Duration::from_secs_f64(bits / rate as f64)),
        }
    }
}

impl<T> Sending<T> {
    /// Bytes that are not yet on the way.
    fn unsent(&self, now: Instant) -> f64 {
        let Some(ends) = self.ends else { return self.bytes as f64 };
        let whole = (ends - self.begun).as_secs_f64();
        let rest = ends.saturating_duration_since(now).as_secs_f64();
        if whole > 0.0 { self.bytes as f64 * (rest / whole).min(1.0) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW: AccessConfig = AccessConfig { rate: Some(80_000), queue: 3000, discipline: Discipline::DropTail };

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Puts one in if there is a place.
    fn offer(queue: &mut Queue<u8>, config: &AccessConfig, item: u8, now: Instant) -> bool {
        let admitted = queue.admits(config, 1000, now);
        if admitted {
            queue.push(config, item, 1000, now);
        }
        admitted
    }

    /// Who leaves when, milliseconds after `start`.
    fn departures(queue: &mut Queue<u8>, config: &AccessConfig, start: Instant) -> Vec<(u8, u64)> {
        let late = start + Duration::from_secs(3600);
        std::iter::from_fn(|| queue.poll_departed(config, late))
            .map(|departed| (departed.item, (departed.at - start).as_millis() as u64))
            .collect()
    }

    #[test]
    fn a_rate_delays_and_a_full_queue_drops() {
        let (mut queue, start) = (Queue::default(), Instant::now());
        let admitted: Vec<bool> = (0..4).map(|n| offer(&mut queue, &SLOW, n, start)).collect();
        assert_eq!(admitted, [true, true, true, false]);
        assert_eq!(queue.stats(), QueueStats { waiting: 3000, full: 1, ..QueueStats::default() });
        let first = queue.poll_departed(&SLOW, start + ms(100)).unwrap();
        assert_eq!(first, Departed { item: 0, at: start + ms(100), queued: Duration::ZERO });
        assert!(offer(&mut queue, &SLOW, 4, start + ms(100)));
        assert!(!offer(&mut queue, &SLOW, 5, start + ms(199)), "the next one has not yet left");
        assert_eq!(departures(&mut queue, &SLOW, start), [(1, 200), (2, 300), (4, 400)]);
        let stats = queue.stats();
        assert_eq!((stats.waiting, stats.passed, stats.passed_bytes, stats.full), (0, 4, 4000, 2));
    }

    #[test]
    fn what_waits_when_the_rate_changes_leaves_at_the_new_one() {
        let (mut queue, start) = (Queue::default(), Instant::now());
        queue.set_schedule(Some(RateSchedule::from_first_use([
            (ms(0), 80_000),
            (ms(150), 40_000),
            (ms(350), 800_000),
        ])));
        let wide = AccessConfig { queue: 9000, ..SLOW };
        (0..4).for_each(|n| assert!(offer(&mut queue, &wide, n, start)));
        // Half of the second leaves in 50 ms, its other half in 100; half of the third in 100, its other half in 5.
        assert_eq!(departures(&mut queue, &wide, start), [(0, 100), (1, 250), (2, 355), (3, 365)]);
    }

    #[test]
    fn an_outage_holds_everything_until_the_rate_is_back() {
        let (mut queue, start) = (Queue::default(), Instant::now());
        let none = AccessConfig { rate: Some(0), ..SLOW };
        assert!(offer(&mut queue, &none, 0, start) && offer(&mut queue, &none, 1, start));
        assert_eq!(queue.poll_timeout(), None);
        assert_eq!(queue.restart(&SLOW, start + ms(500)), Some(start + ms(600)));
        assert_eq!(departures(&mut queue, &SLOW, start), [(0, 600), (1, 700)]);
    }

    #[test]
    fn codel_drops_from_the_front_of_a_queue_that_stands() {
        let (mut queue, start) = (Queue::default(), Instant::now());
        let config = AccessConfig { rate: Some(800_000), queue: 1_000_000, discipline: Discipline::CODEL };
        for n in 0..100 {
            // Twice what the rate bears.
            assert!(offer(&mut queue, &config, n, start + ms(5) * u32::from(n)));
            while queue.poll_departed(&config, start + ms(5) * u32::from(n)).is_some() {}
        }
        let dropped: Vec<u8> = std::iter::from_fn(|| queue.poll_dropped()).collect();
        assert_eq!(queue.stats().codel as usize, dropped.len());
        assert!((3..10).contains(&dropped.len()), "{dropped:?}");
        assert!(dropped.first().is_some_and(|first| (8..30).contains(first)), "{dropped:?}");
    }
}
