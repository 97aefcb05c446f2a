//! Beside somebody who fills the queue whatever we do: a bulk transfer by TCP.
//!
//! Who gives way to a queue that others fill gives everything away. So there the rate goes as theirs does: up a packet
//! each round trip, and down when packets are lost. That is over when the queue was empty for a while, or after some
//! time on trial, since nobody says that the transfer has ended. Owner of: whether and since when that is so.

use std::time::{Duration, Instant};

/// Two queues in so long that do not shrink are somebody else's; one is a way that became longer.
const TWICE: Duration = Duration::from_secs(20);
/// So long they are competed with, before a queue is given way to again.
const LASTS: Duration = Duration::from_secs(60);
/// What it begins with of the rate before: they have taken the rest meanwhile.
const BEGINS: f64 = 0.8;
/// The queue has been below this for a while, and nobody fills it any more.
const EMPTY: Duration = Duration::from_millis(20);
const A_WHILE: Duration = Duration::from_secs(2);
/// What is taken off when packets are lost, once a round trip. TCP's CUBIC takes 0.7 (RFC 9438, section 4.6), and
/// grows faster.
const BACK_OFF: f64 = 0.8;
/// Added each round trip, bits: a packet and a half, as an AIMD flow needs it that gives way by 0.8 (RFC 9438, 4.3).
const ADDED: f64 = 1.5 * 1200.0 * 8.0;
/// And at most this part of the rate a second: short round trips need no more.
const FASTEST: f64 = 0.3;

/// Whether somebody else fills the queue.
#[derive(Debug, Default)]
pub(super) struct Competition {
    /// When a queue did not shrink.
    foreign: Option<Instant>,
    /// Since when it is competed with.
    since: Option<Instant>,
    /// The rate before the queue was given way to.
    given_up: f64,
    empty_since: Option<Instant>,
    reduced: Option<Instant>,
}

impl Competition {
    /// A queue did not shrink although less was sent than `rate`. The rate to begin with, when it is competed with from
    /// now on.
    pub(super) fn handle_foreign(&mut self, rate: f64, now: Instant) -> Option<f64> {
        let before = self.foreign.replace(now);
        if before.is_none_or(|before| now.saturating_duration_since(before) >= TWICE) {
            self.given_up = rate;
            return None;
        }
        let given_up = self.given_up.max(rate);
        *self = Self { foreign: Some(now), since: Some(now), given_up, ..Self::default() };
        Some(given_up * BEGINS)
    }

    pub(super) fn is_on(&self) -> bool {
        self.since.is_some()
    }

    /// A report came, with `lost` of its packets lost, while `queue` waits, by the shortest way ever known. The rate
    /// that follows from `rate`; `None` when it is over.
    pub(super) fn rate(
        &mut self,
        rate: f64,
        lost: u32,
        queue: Duration,
        round_trip: Duration,
        step: Duration,
        now: Instant,
    ) -> Option<f64> {
        let since = self.since?;
        let empty_since = if queue < EMPTY { Some(self.empty_since.unwrap_or(now)) } else { None };
        self.empty_since = empty_since;
        let is_empty = empty_since.is_some_and(|at| now.saturating_duration_since(at) > A_WHILE);
        if is_empty || now.saturating_duration_since(since) > LASTS {
            // Begun again at the first sign, when the queue turns out to be theirs still.
            let foreign = Some(now).filter(|_| !is_empty);
            *self = Self { foreign, given_up: rate, ..Self::default() };
            return None;
        }
        if lost > 0 {
            if self.reduced.is_some_and(|at| now.saturating_duration_since(at) < round_trip) {
                return Some(rate);
            }
            self.reduced = Some(now);
            return Some(rate * BACK_OFF);
        }
        let round_trip = round_trip.as_secs_f64().max(0.01);
        let added = (ADDED / (round_trip * round_trip)).min(rate * FASTEST);
        Some(rate + added * step.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND_TRIP: Duration = Duration::from_millis(300);
    const STEP: Duration = Duration::from_millis(50);

    #[test]
    fn one_queue_that_stays_is_a_longer_way_and_two_are_somebody_elses() {
        let (start, mut subject) = (Instant::now(), Competition::default());
        assert_eq!(subject.handle_foreign(2e6, start), None);
        assert_eq!(subject.handle_foreign(1e6, start + TWICE), None);
        assert_eq!(subject.handle_foreign(5e5, start + TWICE + Duration::from_secs(5)), Some(1e6 * BEGINS));
        assert!(subject.is_on());
    }

    #[test]
    fn the_rate_goes_as_theirs_until_the_queue_is_empty() {
        let (mut now, mut subject) = (Instant::now(), Competition::default());
        subject.handle_foreign(1e6, now);
        subject.handle_foreign(1e6, now);
        let mut rate = 1e6;
        for _ in 0..60 {
            now += STEP;
            rate = subject.rate(rate, 0, ROUND_TRIP, ROUND_TRIP, STEP, now).unwrap();
        }
        assert!((1.4e6..1.7e6).contains(&rate), "{rate}");
        let less = subject.rate(rate, 3, ROUND_TRIP, ROUND_TRIP, STEP, now).unwrap();
        assert_eq!(less, rate * BACK_OFF);
        assert_eq!(subject.rate(less, 3, ROUND_TRIP, ROUND_TRIP, STEP, now + STEP), Some(less), "once a round trip");
        let mut left = None;
        for n in 0..100 {
            now += STEP;
            if subject.rate(less, 0, Duration::ZERO, ROUND_TRIP, STEP, now).is_none() {
                left = Some(n);
                break;
            }
        }
        assert_eq!(left, Some(41));
        assert!(!subject.is_on());
    }
}
