//! What may be tried only so often, counted by where it comes from: wrong numbers and invitations, and knocks.
//!
//! Owned by `Rooms`, once for each. A right answer costs nothing, so people who mistype now and then never notice.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Source;
use super::bucket::Bucket;

/// Tries at once. Ten: a person mistypes a nine-digit number two or three times, a household shares an address.
const BURST: u32 = 10;
/// Then one every 5 s: a source needs 150 years for the nine-digit numbers, and a host is not buried in knocks.
const EVERY: Duration = Duration::from_secs(5);
/// Sources remembered. Cap 4096 = 300 kB. Full: a source without a try yet is refused until the others recover.
const SOURCES: usize = 4096;

/// Who has tried of late.
#[derive(Debug, Default)]
pub(super) struct Tries {
    by_source: BTreeMap<Source, Bucket>,
}

impl Tries {
    /// Whether `source` may try.
    pub(super) fn may_try(&mut self, source: Source, now: Instant) -> bool {
        if self.by_source.len() >= SOURCES {
            self.forget_old(now);
        }
        match self.by_source.get_mut(&source) {
            Some(bucket) => bucket.has_one(now),
            None => self.by_source.len() < SOURCES,
        }
    }

    /// `source` tried.
    pub(super) fn count(&mut self, source: Source, now: Instant) {
        self.by_source.entry(source).or_insert_with(|| Bucket::new(BURST, EVERY, now)).take(now);
    }

    /// Seconds after which one more is allowed.
    pub(super) fn wait_s(&self) -> u32 {
        EVERY.as_secs() as u32
    }

    /// Forgets the sources whose tries are forgiven.
    pub(super) fn forget_old(&mut self, now: Instant) {
        self.by_source.retain(|_, bucket| !bucket.is_full(now));
    }
}
