//! How fast the rate grows while nothing waits on the way.
//!
//! Fast as long as no queue was ever seen, or where trains of frames show clearly more than when one was: others may
//! have a part of what they showed then, and going back there fast would take it from them. Otherwise by some bits a
//! second, the same for all, and less where there is much already; each fall is a part of the rate. So calls that share
//! a link come to like shares (Chiu and Jain 1989; Bansal and Balakrishnan 2001), where growth by parts of the rate
//! keeps all shares as they are. It doubles with time, as what others had may be free by now. Owner of: when a queue
//! was last seen, and what the link bore then.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::USED;
use super::trains::Capacity;

/// Growth a second, in parts of the rate: where trains show room, and where there are none.
const FAST: f64 = 1.2;
const BLIND: f64 = 0.25;
/// Growth where trains show nothing new, bits a second each second: at this rate and below it, and above it the less.
/// Chromium's GCC adds about 30 kbps a second and falls by 0.15; with more it was pushed out.
const SLOW: f64 = 45_000.0;
const MUCH: f64 = 650_000.0;
/// And this part of the rate at most: where there is little, a second of more is a long queue.
const SLOW_AT_MOST: f64 = 0.1;
/// Slow growth is twice that after each of these without a queue, so many times at most.
const DOUBLES: Duration = Duration::from_secs(4);
const MOST_DOUBLES: f64 = 3.0;
/// After a queue has been seen, so long nothing is made of trains that the link spread, and of there being none.
const TRAINS_OF_BEFORE: Duration = Duration::from_millis(500);
const CAUTION: Duration = Duration::from_millis(2500);
/// Trains that show this many times what they showed at the last queues show that the link bears more than it did.
const MORE: f64 = 1.3;
/// So many queues are remembered: what trains show goes up and down with the pauses of who else sends.
const QUEUES: usize = 3;
/// What is safe of a rate that passed as it was.
const BELOW: f64 = 0.9;

/// How fast the rate grows.
#[derive(Debug, Default)]
pub(super) struct Growth {
    /// When a queue was last seen.
    queued: Option<Instant>,
    /// What the link was thought to bear, bits a second, at each of the last queues.
    bounds: VecDeque<f64>,
}

impl Growth {
    /// A queue is seen.
    pub(super) fn handle_queue(&mut self, now: Instant) {
        self.queued = Some(now);
    }

    /// A queue is empty again, with what the link bears by all that was seen, bits a second.
    pub(super) fn handle_emptied(&mut self, bears: f64) {
        self.bounds.push_back(bears);
        while self.bounds.len() > QUEUES {
            self.bounds.pop_front();
        }
    }

    /// When a queue was last seen.
    pub(super) fn queued(&self) -> Option<Instant> {
        self.queued
    }

    /// What follows after `rate` in `step` seconds without a queue, bits a second; `is_in_use` when about as much is
    /// sent as may be.
    pub(super) fn rate(
        &self,
        rate: f64,
        capacity: Option<Capacity>,
        is_in_use: bool,
        step: f64,
        now: Instant,
    ) -> Option<f64> {
        let slow = rate + self.slow(rate, now) * step;
        let fast = rate * (1.0 + FAST * step);
        let safe = match capacity {
            Some(Capacity::AtLeast(shown) | Capacity::About(shown)) if !self.is_new(shown.bps() as f64) => None,
            // Trains that pass as they are leave room for what is well below them.
            Some(Capacity::AtLeast(shown)) => Some(shown.bps() as f64 * BELOW),
            Some(Capacity::About(shown)) if self.is_calm_for(TRAINS_OF_BEFORE, now) => Some(shown.bps() as f64 * USED),
            Some(Capacity::About(_)) | None => None,
        };
        if !is_in_use {
            // A dark picture in a small layer would never fill the rate that a larger one needs.
            let Some(Capacity::AtLeast(shown)) = capacity else { return None };
            return Some(slow.min(shown.bps() as f64 * BELOW));
        }
        Some(match capacity {
            None if self.is_calm_for(CAUTION, now) => rate * (1.0 + BLIND * step),
            _ => safe.map_or(slow, |safe| slow.max(fast.min(safe))),
        })
    }

    /// Bits a second each second.
    fn slow(&self, rate: f64, now: Instant) -> f64 {
        let calm = self.queued.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        let doubled = (calm.as_secs_f64() / DOUBLES.as_secs_f64()).min(MOST_DOUBLES).exp2();
        (SLOW * doubled * (MUCH / rate).min(1.0)).min(rate * SLOW_AT_MOST)
    }

    /// Whether trains of this rate show more than the last queues did.
    fn is_new(&self, shown: f64) -> bool {
        self.bounds.iter().all(|bound| shown > bound * MORE)
    }

    fn is_calm_for(&self, time: Duration, now: Instant) -> bool {
        self.queued.is_none_or(|at| now.saturating_duration_since(at) > time)
    }
}

#[cfg(test)]
mod tests {
    use hearth_base::Bitrate;

    use super::*;

    const STEP: f64 = 0.05;

    fn about(kbps: u64) -> Option<Capacity> {
        Some(Capacity::About(Bitrate::from_kbps(kbps)))
    }

    /// How much a second a rate grows.
    fn growth(subject: &Growth, rate: f64, capacity: Option<Capacity>, now: Instant) -> f64 {
        (subject.rate(rate, capacity, true, STEP, now).unwrap() - rate) / STEP
    }

    #[test]
    fn it_grows_fast_until_the_first_queue_and_then_where_trains_show_more_than_they_did() {
        let (start, mut subject) = (Instant::now(), Growth::default());
        let second = |n: u64| start + Duration::from_secs(n);
        assert!(growth(&subject, 1e6, about(3000), start) > 1e6);
        subject.handle_queue(start);
        subject.handle_emptied(1.5e6);
        subject.handle_emptied(3e6);
        assert!(growth(&subject, 1e6, about(3000), second(1)) < 50e3, "others have the rest");
        assert!(growth(&subject, 1e6, about(4000), second(1)) > 1e6, "the link bears more");
        assert!(growth(&subject, 1e6, about(4000), start) < 50e3, "trains of before the queue");
        for _ in 0..QUEUES {
            subject.handle_emptied(1e6);
        }
        assert!(growth(&subject, 1e6, about(3000), second(1)) > 1e6, "of queues that are long ago nothing is left");
    }

    #[test]
    fn who_has_much_grows_less_in_parts_of_the_rate_than_who_has_little() {
        let (start, mut subject) = (Instant::now(), Growth::default());
        subject.handle_queue(start);
        subject.handle_emptied(3e6);
        let parts = [300e3, 600e3, 1e6, 2e6].map(|rate| growth(&subject, rate, about(3000), start) / rate);
        assert!(parts.windows(2).all(|pair| pair[1] < pair[0]), "{parts:?}");
        let later = growth(&subject, 2e6, about(3000), start + 2 * DOUBLES);
        let ratio = later / growth(&subject, 2e6, about(3000), start);
        assert!((3.9..4.1).contains(&ratio), "it doubles with time: {ratio}");
    }

    #[test]
    fn what_is_not_used_grows_only_by_trains_that_pass_as_they_are() {
        let (start, subject) = (Instant::now(), Growth::default());
        assert_eq!(subject.rate(1e6, about(3000), false, STEP, start), None);
        assert_eq!(subject.rate(1e6, None, false, STEP, start), None);
        let passes = Some(Capacity::AtLeast(Bitrate::from_kbps(3000)));
        assert!(subject.rate(1e6, passes, false, STEP, start).unwrap() > 1e6);
    }
}
