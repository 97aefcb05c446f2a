//! A token bucket: so many at once, so many a second for ever.
//!
//! Owned by a session or connection; it only does arithmetic.

use std::time::{Duration, Instant};

/// Messages that break the protocol, or the budget, before a connection is closed.
/// 20 at once: a page of a newer version that is wrong in one message survives; a flood is over in one round trip.
const STRIKES: u32 = 20;
/// A strike is forgiven every 5 s.
const FORGIVEN_EVERY: Duration = Duration::from_secs(5);

/// Tokens that come back with time.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    cap: u32,
    every: Duration,
    tokens: u32,
    /// When the last token that was counted had come back.
    at: Instant,
}

impl Bucket {
    /// A full bucket of `cap` tokens, of which one comes back `every` so often.
    pub(super) fn new(cap: u32, every: Duration, now: Instant) -> Self {
        Self { cap, every: every.max(Duration::from_nanos(1)), tokens: cap, at: now }
    }

    /// The patience with one connection.
    pub(super) fn abuse_score(now: Instant) -> Self {
        Self::new(STRIKES, FORGIVEN_EVERY, now)
    }

    /// Takes a token, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        self.take_some(1, now)
    }

    /// Takes `count` tokens, if they are there; else none is left.
    pub(super) fn take_some(&mut self, count: u32, now: Instant) -> bool {
        self.refill(now);
        let taken = self.tokens.checked_sub(count);
        self.tokens = taken.unwrap_or(0);
        taken.is_some()
    }

    /// Takes `count` tokens if they are there, and none if they are not.
    pub(super) fn take_whole(&mut self, count: u32, now: Instant) -> bool {
        self.refill(now);
        let taken = self.tokens.checked_sub(count);
        self.tokens = taken.unwrap_or(self.tokens);
        taken.is_some()
    }

    /// What is there, in thousandths of all.
    pub(super) fn recovered(&mut self, now: Instant) -> u64 {
        self.refill(now);
        u64::from(self.tokens) * 1000 / u64::from(self.cap.max(1))
    }

    /// Whether a token is there.
    pub(super) fn has_one(&mut self, now: Instant) -> bool {
        self.has(1, now)
    }

    /// Whether `count` tokens are there.
    pub(super) fn has(&mut self, count: u32, now: Instant) -> bool {
        self.refill(now);
        self.tokens >= count
    }

    /// Whether all of them are there.
    pub(super) fn is_full(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.tokens == self.cap
    }

    /// Whole seconds, at least one, until an empty bucket has a token again.
    pub(super) fn wait_s(&self) -> u32 {
        u32::try_from(self.every.as_secs()).unwrap_or(u32::MAX).max(1)
    }

    /// When the next token is there.
    pub(super) fn next_at(&self) -> Instant {
        self.at + self.every
    }

    fn refill(&mut self, now: Instant) {
        let back = now.saturating_duration_since(self.at).as_nanos() / self.every.as_nanos();
        let back = u32::try_from(back).unwrap_or(u32::MAX);
        let missing = self.cap - self.tokens;
        if back >= missing {
            (self.tokens, self.at) = (self.cap, now.max(self.at));
        } else {
            self.tokens += back;
            self.at += self.every * back;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let start = crate::rooms::tests::start();
        let mut bucket = Bucket::new(3, Duration::from_millis(100), start);
        assert_eq!((0..5).filter(|_| bucket.take(start)).count(), 3);
        assert!(!bucket.take(start + Duration::from_millis(99)));
        assert!(bucket.take(start + Duration::from_millis(100)));
        let later = start + Duration::from_secs(60);
        assert_eq!((0..5).filter(|_| bucket.take(later)).count(), 3);
        assert!(!bucket.take(start), "time that runs backwards gives nothing");
    }
}
