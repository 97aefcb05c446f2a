//! What may be done only so often, counted by where it comes from: wrong numbers and passwords, knocks, new rooms.
//!
//! Owned by `Rooms`. A right answer costs nothing, so people who mistype now and then never notice.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Source;
use super::bucket::Bucket;
use super::source::Block;

/// Blocks remembered. Cap 4096 = 400 kB. Full: anyone who has recovered most is forgotten, which gives them the least.
const BLOCKS: usize = 4096;

/// So many at once, and then one so often.
#[derive(Clone, Copy, Debug)]
pub(super) struct RateLimit {
    pub(super) burst: u32,
    pub(super) every: Duration,
}

/// Wrong numbers, invitations and passwords. Ten: a person mistypes a nine-digit number two or three times, a household
/// shares an address. Then one every 5 s: a source needs 150 years for the nine-digit numbers.
pub(super) const GUESSES: RateLimit = RateLimit { burst: 10, every: Duration::from_secs(5) };
/// Knocks at doors: a host is not buried in them.
pub(super) const KNOCKS: RateLimit = RateLimit { burst: 10, every: Duration::from_secs(5) };
/// Rooms made. A hundred: a school behind one address begins its lessons at the same minute. Then one every 5 s: with
/// the 300 connections that a source may have, it never holds more than a few hundred rooms of 10,000.
pub(super) const CREATIONS: RateLimit = RateLimit { burst: 100, every: Duration::from_secs(5) };
/// People who come into one room. A hundred: a class behind one address. Then one a second: who comes and goes all the
/// time makes at most 260 news in the 30 s for which a member may be away.
pub(super) const COMINGS: RateLimit = RateLimit { burst: 100, every: Duration::from_secs(1) };

/// What is done too often, each counted for itself.
#[derive(Debug)]
pub(super) struct Attempts {
    /// Wrong numbers, invitations and passwords.
    pub(super) guesses: AttemptLimiter,
    /// People at doors.
    pub(super) knocks: AttemptLimiter,
    /// Rooms made.
    pub(super) creations: AttemptLimiter,
}

impl Default for Attempts {
    fn default() -> Self {
        Self {
            guesses: AttemptLimiter::new(GUESSES),
            knocks: AttemptLimiter::new(KNOCKS),
            creations: AttemptLimiter::new(CREATIONS),
        }
    }
}

impl Attempts {
    /// Forgets those whose tries are forgiven.
    pub(super) fn forget_old(&mut self, now: Instant) {
        for limiter in [&mut self.guesses, &mut self.knocks, &mut self.creations] {
            limiter.forget_old(now);
        }
    }
}

/// Who has tried of late.
#[derive(Debug)]
pub(super) struct AttemptLimiter {
    pace: RateLimit,
    by_block: BTreeMap<Block, Bucket>,
}

impl AttemptLimiter {
    pub(super) fn new(pace: RateLimit) -> Self {
        Self { pace, by_block: BTreeMap::new() }
    }

    /// Whether `source` may try.
    pub(super) fn may_try(&mut self, source: Source, now: Instant) -> bool {
        source.blocks().all(|block| self.by_block.get_mut(&block).is_none_or(|bucket| bucket.has_one(now)))
    }

    /// `source` tried.
    pub(super) fn count(&mut self, source: Source, now: Instant) {
        let RateLimit { burst, every } = self.pace;
        for block in source.blocks() {
            if self.by_block.len() >= BLOCKS && !self.by_block.contains_key(&block) {
                self.make_way(now);
            }
            let shares = block.shares();
            let full = || Bucket::new(burst.saturating_mul(shares), every / shares, now);
            self.by_block.entry(block).or_insert_with(full).take(now);
        }
    }

    /// Seconds after which one more is allowed.
    pub(super) fn wait_s(&self) -> u32 {
        u32::try_from(self.pace.every.as_secs()).unwrap_or(u32::MAX).max(1)
    }

    /// Forgets those whose tries are forgiven.
    pub(super) fn forget_old(&mut self, now: Instant) {
        self.by_block.retain(|_, bucket| !bucket.is_full(now));
    }

    /// Forgets the one who has recovered most. A newcomer is never refused for what others did, and anyone who is still
    /// paying goes on paying.
    fn make_way(&mut self, now: Instant) {
        let most = self.by_block.iter_mut().map(|(block, bucket)| (bucket.recovered(now), *block)).max();
        if let Some((_, block)) = most {
            self.by_block.remove(&block);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn source(text: &str) -> Source {
        text.parse::<IpAddr>().unwrap().into()
    }

    fn spent(tries: &mut AttemptLimiter, source: Source, now: Instant) -> usize {
        (0..1000).take_while(|_| tries.may_try(source, now).then(|| tries.count(source, now)).is_some()).count()
    }

    #[test]
    fn whoever_rents_a_site_has_the_tries_of_eight_and_no_more() {
        let now = crate::rooms::tests::start();
        let mut tries = AttemptLimiter::new(GUESSES);
        let mut all = 0;
        for net in 0..4096 {
            all += spent(&mut tries, source(&format!("2001:db8:1:{net:x}::1")), now);
        }
        assert_eq!(all, 80);
        let mut tries = AttemptLimiter::new(GUESSES);
        let household = (0..256).map(|net| spent(&mut tries, source(&format!("2001:db8:1:22{net:02x}::1")), now));
        assert_eq!(household.sum::<usize>(), 20);
        assert_eq!(spent(&mut tries, source("192.0.2.1"), now), 10);
    }

    #[test]
    fn a_full_table_refuses_no_newcomer_and_forgives_nobody_who_is_spent() {
        let now = crate::rooms::tests::start();
        let mut tries = AttemptLimiter::new(GUESSES);
        let guilty = source("192.0.2.1");
        assert_eq!(spent(&mut tries, guilty, now), 10);
        for number in 0..2 * BLOCKS as u32 {
            let other = Source::from(IpAddr::from((0x0a00_0000 + number).to_be_bytes()));
            assert!(tries.may_try(other, now), "{number}");
            tries.count(other, now);
        }
        assert!(tries.by_block.len() <= BLOCKS);
        assert!(!tries.may_try(guilty, now));
        assert!(tries.may_try(source("203.0.113.9"), now));
        assert!(tries.may_try(guilty, now + GUESSES.every));
    }
}
