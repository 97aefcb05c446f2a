//! Rates that change at set times. Pure arithmetic: when so many bits are through.

use std::time::{Duration, Instant};

/// Rates of a link over time, bits a second: each holds from its time on until the next one's, the last one for ever.
/// Before the first one's time the first one holds; 0 is an outage, and so is a schedule without steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateSchedule {
    origin: Option<Instant>,
    steps: Vec<(Duration, u64)>,
    queue: Option<Duration>,
}

impl RateSchedule {
    /// Times count from the first datagram that comes to the link.
    pub fn from_first_use(steps: impl Into<Vec<(Duration, u64)>>) -> Self {
        Self::new(None, steps.into())
    }

    /// Times count from `origin`.
    pub fn from_instant(origin: Instant, steps: impl Into<Vec<(Duration, u64)>>) -> Self {
        Self::new(Some(origin), steps.into())
    }

    fn new(origin: Option<Instant>, mut steps: Vec<(Duration, u64)>) -> Self {
        steps.sort_by_key(|(from, _)| *from);
        Self { origin, steps, queue: None }
    }

    /// The same with a queue that holds so much time of the rate that holds, in place of a number of bytes.
    pub fn with_queue(mut self, time: Duration) -> Self {
        self.queue = Some(time);
        self
    }

    /// The rate at a time, bits a second.
    pub fn rate_at(&self, now: Instant) -> u64 {
        self.step_at(now).0
    }

    /// A datagram has come: the first one sets the origin.
    pub(crate) fn handle_use(&mut self, now: Instant) {
        self.origin.get_or_insert(now);
    }

    /// Bytes that may wait now, if that goes with the rate.
    pub(crate) fn queue_at(&self, now: Instant) -> Option<usize> {
        let bits = |time: Duration| time.as_secs_f64() * self.rate_at(now) as f64;
        self.queue.map(|time| (bits(time) / 8.0) as usize)
    }

    /// When `bits` that begin at `start` are through; `None` where that is never.
    pub(crate) fn end_of(&self, mut bits: f64, mut start: Instant) -> Option<Instant> {
        loop {
            let (rate, until) = self.step_at(start);
            let needed = (rate > 0).then(|| Duration::from_secs_f64(bits / rate as f64));
            match (needed, until) {
                (Some(needed), Some(until)) if start + needed <= until => return Some(start + needed),
                (Some(needed), None) => return Some(start + needed),
                (_, Some(until)) => {
                    bits = (bits - (until - start).as_secs_f64() * rate as f64).max(0.0);
                    start = until;
                }
                (None, None) => return None,
            }
        }
    }

    /// The rate at a time, and until when it holds.
    fn step_at(&self, now: Instant) -> (u64, Option<Instant>) {
        let origin = self.origin.unwrap_or(now);
        let passed = now.saturating_duration_since(origin);
        let later = self.steps.partition_point(|(from, _)| *from <= passed).max(1);
        let rate = self.steps.get(later - 1).map_or(0, |(_, rate)| *rate);
        (rate, self.steps.get(later).map(|(from, _)| origin + *from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn each_rate_holds_until_the_next_one() {
        let start = Instant::now();
        let schedule = RateSchedule::from_instant(start, [(2 * SECOND, 300), (SECOND, 200)]);
        for (ms, rate) in [(0, 200), (999, 200), (1999, 200), (2000, 300), (90_000, 300)] {
            assert_eq!(schedule.rate_at(start + Duration::from_millis(ms)), rate, "{ms} ms");
        }
        assert_eq!(RateSchedule::from_instant(start, []).rate_at(start), 0);
        let schedule = schedule.with_queue(SECOND);
        assert_eq!((schedule.queue_at(start), schedule.queue_at(start + 2 * SECOND)), (Some(25), Some(37)));
    }

    #[test]
    fn bits_that_are_under_way_follow_the_rate() {
        let start = Instant::now();
        let steps = [(Duration::ZERO, 1000), (SECOND, 0), (3 * SECOND, 500)];
        let mut schedule = RateSchedule::from_first_use(steps);
        schedule.handle_use(start);
        schedule.handle_use(start + SECOND);
        for (bits, ms) in [(400.0, 400), (1000.0, 1000), (1001.0, 3002), (1500.0, 4000)] {
            assert_eq!(schedule.end_of(bits, start), Some(start + Duration::from_millis(ms)), "{bits} bits");
        }
        let ends = RateSchedule::from_instant(start, [(Duration::ZERO, 8), (SECOND, 0)]);
        assert_eq!(ends.end_of(8.0, start), Some(start + SECOND));
        assert_eq!(ends.end_of(9.0, start), None);
    }
}
