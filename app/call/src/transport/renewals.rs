//! How often something may be begun again for a reason that may come at any rate: an offer of the other side, with
//! whose new credentials we check all of their candidates again, or a network of ours that changes.
//!
//! Owner of: the renewals that are left. Those that silence asks for are not counted: their pace is that of
//! [`super::connection_state`].

use std::time::{Duration, Instant};

/// Between two renewals, on the average: no connection that is built as it should be is given up sooner.
const EACH: Duration = Duration::from_secs(5);
/// At once: a first offer, one that crosses ours, and a network that changed at the same moment.
const AT_ONCE: u32 = 3;

/// A bucket of renewals.
#[derive(Debug, Default)]
pub(crate) struct RenewalPace {
    used: u32,
    since: Option<Instant>,
}

impl RenewalPace {
    /// Takes one; false where they come too often.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        let given = u32::try_from(now.saturating_duration_since(since).as_millis() / EACH.as_millis());
        let given = given.unwrap_or(u32::MAX).min(self.used);
        self.used -= given;
        self.since = Some(if self.used == 0 { now } else { since + EACH * given });
        let is_left = self.used < AT_ONCE;
        self.used += u32::from(is_left);
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_at_once_and_then_one_each_five_seconds() {
        let start = Instant::now();
        let mut subject = RenewalPace::default();
        let taken: Vec<u64> = (0..300).filter(|n| subject.take(start + Duration::from_millis(n * 100))).collect();
        assert_eq!(taken, [0, 1, 2, 50, 100, 150, 200, 250]);
        let later = start + Duration::from_secs(300);
        assert!((0..4).map(|_| subject.take(later)).eq([true, true, true, false]));
    }
}
