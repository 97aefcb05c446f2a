//! How many bytes a second one allocation relays, each way by itself: a token bucket that holds one second's worth.

use std::time::Instant;

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

impl Limits {
    pub(super) fn new(rate: u64, now: Instant) -> Self {
        let bucket = || Bucket { rate, left: u128::from(rate) * BILLION, filled: now };
        Self { to_peers: bucket(), from_peers: bucket() }
    }
}

impl Bucket {
    /// Takes `bytes`, where they are there.
    pub(super) fn admit(&mut self, bytes: usize, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.filled).as_nanos();
        self.filled = self.filled.max(now);
        let rate = u128::from(self.rate);
        self.left = (self.left + passed.saturating_mul(rate)).min(rate * BILLION);
        match self.left.checked_sub(bytes as u128 * BILLION) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
}
