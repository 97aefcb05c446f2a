//! How much in a given time: bytes that one allocation relays, each way by itself (a token bucket that holds one
//! second's worth), and events that are few (an instant each is enough for those).

use std::time::{Duration, Instant};

/// Both directions of an allocation.
pub(super) struct Limits {
    pub(super) to_peers: Bucket,
    pub(super) from_peers: Bucket,
}

/// Bytes that may pass.
pub(super) struct Bucket {
    /// Bytes a second, and at once.
    rate: u64,
    /// Bytes left, counted in billionths so that a nanosecond's share is a whole number.
    left: u128,
    filled: Instant,
}

const BILLION: u128 = 1_000_000_000;
/// A stream that has used up its share waits for so much of a second's worth: twenty steps a second are smooth enough,
/// and few enough to cost nothing.
const STEPS: u64 = 20;

impl Limits {
    pub(super) fn new(rate: u64, now: Instant) -> Self {
        let bucket = || Bucket { rate, left: u128::from(rate) * BILLION, filled: now };
        Self { to_peers: bucket(), from_peers: bucket() }
    }
}

impl Bucket {
    /// Takes `bytes`, where they are there.
    pub(super) fn admit(&mut self, bytes: usize, now: Instant) -> bool {
        self.fill(now);
        match self.left.checked_sub(bytes as u128 * BILLION) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }

    /// Whole bytes that are there.
    pub(super) fn available(&mut self, now: Instant) -> usize {
        self.fill(now);
        usize::try_from(self.left / BILLION).unwrap_or(usize::MAX)
    }

    /// Takes bytes of those that were there.
    pub(super) fn spend(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes as u128 * BILLION);
    }

    /// When it is worth while to go on: a moment at which a step's worth is there.
    pub(super) fn ready_at(&self) -> Instant {
        let missing = (u128::from(self.rate / STEPS).max(1) * BILLION).saturating_sub(self.left);
        let nanoseconds = missing.div_ceil(u128::from(self.rate).max(1));
        // A second at most: that is what one byte takes where the rate is one byte.
        self.filled + u64::try_from(nanoseconds).map_or(Duration::from_secs(1), Duration::from_nanos)
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled).as_nanos();
        self.filled = self.filled.max(now);
        let rate = u128::from(self.rate);
        self.left = (self.left + passed.saturating_mul(rate)).min(rate * BILLION);
    }
}

/// So many events at once, and then one each interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct RateLimit {
    pub(super) interval: Duration,
    pub(super) burst: u32,
}

impl RateLimit {
    /// Whether one more event is admitted, given when the earlier ones would have been quiet long enough to be
    /// forgotten.
    pub(super) fn admit(self, quiet_at: &mut Option<Instant>, now: Instant) -> bool {
        let busy_until = quiet_at.unwrap_or(now).max(now);
        if busy_until - now >= self.interval * self.burst {
            return false;
        }
        *quiet_at = Some(busy_until + self.interval);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to begin at")]
    fn a_second_lets_a_seconds_worth_through() {
        let start = Instant::now();
        let mut bucket = Limits::new(10_000, start).to_peers;
        assert!(bucket.admit(10_000, start));
        assert!(!bucket.admit(1, start));
        let later = start + Duration::from_millis(500);
        assert!(bucket.admit(5000, later));
        assert!(!bucket.admit(1, later), "half a second, half of it");
        let much_later = start + Duration::from_secs(3600);
        assert!(!bucket.admit(10_001, much_later), "no hour is saved up");
        assert!(bucket.admit(10_000, much_later));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to begin at")]
    fn a_stream_goes_on_when_a_twentieth_of_a_second_is_there() {
        let start = Instant::now();
        for (rate, wait) in [(10_000, 50), (20, 50), (1, 1000)] {
            let mut bucket = Limits::new(rate, start).to_peers;
            assert_eq!(bucket.available(start), rate as usize);
            bucket.spend(rate as usize);
            let at = bucket.ready_at();
            assert_eq!(at, start + Duration::from_millis(wait), "{rate}");
            assert_eq!(bucket.available(at), (rate as usize / 20).max(1), "{rate}");
            assert!(bucket.ready_at() <= at, "it is worth while now");
        }
        let mut nothing = Limits::new(0, start).to_peers;
        assert_eq!((nothing.available(start), nothing.ready_at()), (0, start + Duration::from_secs(1)));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to begin at")]
    fn events_come_in_a_burst_and_then_one_each_interval() {
        let start = Instant::now();
        let pace = RateLimit { interval: Duration::from_secs(2), burst: 3 };
        let mut quiet_at = None;
        let mut count =
            |at: u64| (0..10).filter(|_| pace.admit(&mut quiet_at, start + Duration::from_secs(at))).count();
        assert_eq!([count(0), count(2), count(4), count(100)], [3, 1, 1, 3]);
    }
}
