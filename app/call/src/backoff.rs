//! Waits that grow: how long until the next try.

use std::time::Duration;

use rand::{Rng, RngExt};

/// Doubles from `first` to `longest`, each wait drawn between half and all of it, so that those whom one event threw
/// out do not all come back at once.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    attempt: u32,
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, attempt: 0 }
    }

    /// The wait before the next try, which is counted.
    pub(crate) fn next(&mut self, rng: &mut impl Rng) -> Duration {
        let full = self.first.saturating_mul(1 << self.attempt.min(16)).min(self.longest);
        self.attempt = self.attempt.saturating_add(1);
        full.mul_f64(rng.random_range(0.5..=1.0))
    }

    /// Tries so far.
    pub(crate) fn attempt(&self) -> u32 {
        self.attempt
    }

    /// It worked.
    pub(crate) fn reset(&mut self) {
        self.attempt = 0;
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn waits_grow_to_the_longest_and_start_anew_after_success() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(8));
        for full in [1, 2, 4, 8, 8, 8] {
            let wait = backoff.next(&mut rng);
            assert!(wait >= Duration::from_secs(full) / 2 && wait <= Duration::from_secs(full), "{wait:?} of {full}");
        }
        backoff.reset();
        assert!(backoff.next(&mut rng) <= Duration::from_secs(1));
    }
}
