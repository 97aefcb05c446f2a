//! Wrong room numbers and invites, counted by where they come from.
//!
//! Owned by `Rooms`. A right answer costs nothing, so people who mistype now and then never notice.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Source;
use super::bucket::Bucket;

/// Wrong guesses at once. Ten: a person mistypes a nine-digit number two or three times, a household shares an address.
const BURST: u32 = 10;
/// Then one every 5 s: a source needs 150 years for the nine-digit numbers.
const EVERY: Duration = Duration::from_secs(5);
/// Sources remembered. Cap 4096 = 300 kB. Full: a source without a wrong guess yet is refused until the others recover.
const SOURCES: usize = 4096;

/// Who has guessed wrongly of late.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    by_source: BTreeMap<Source, Bucket>,
}

impl Guesses {
    /// Whether `source` may guess.
    pub(super) fn may_guess(&mut self, source: Source, now: Instant) -> bool {
        if self.by_source.len() >= SOURCES {
            self.forget_old(now);
        }
        match self.by_source.get_mut(&source) {
            Some(bucket) => bucket.has_one(now),
            None => self.by_source.len() < SOURCES,
        }
    }

    /// `source` guessed wrongly.
    pub(super) fn count(&mut self, source: Source, now: Instant) {
        self.by_source.entry(source).or_insert_with(|| Bucket::new(BURST, EVERY, now)).take(now);
    }

    /// Seconds after which one more guess is allowed.
    pub(super) fn wait_s(&self) -> u32 {
        EVERY.as_secs() as u32
    }

    /// Forgets the sources whose guesses are forgiven.
    pub(super) fn forget_old(&mut self, now: Instant) {
        self.by_source.retain(|_, bucket| !bucket.is_full(now));
    }
}
