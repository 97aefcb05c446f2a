//! Whether everybody is refused who comes with a time-limited credential: then it is not them, it is a secret or a
//! clock.

use std::time::{Duration, Instant};

use crate::Stats;

/// How long nobody must have come in for that. A server whose credentials are good sends somebody within that, or is
/// not asked.
const QUIET: Duration = Duration::from_secs(60);
/// How often it is said while it goes on.
const AGAIN: Duration = Duration::from_secs(600);

/// What was counted, and said.
#[derive(Default)]
pub(super) struct Suspicion {
    signed: u64,
    /// When somebody last came in.
    signed_at: Option<Instant>,
    /// Refused until then, or until it was said.
    wrong: u64,
    expired: u64,
    said_at: Option<Instant>,
}

/// What is wrong with all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// So many were not signed by any secret of ours.
    Secret(u64),
    /// So many were over.
    Clock(u64),
}

impl Suspicion {
    /// Looks at the counters, and says what is wrong.
    pub(super) fn look(&mut self, stats: &Stats, now: Instant) {
        match self.find(stats, now) {
            None => {}
            Some(Fault::Secret(count)) => tracing::warn!(
                count,
                "every credential of the last minute was refused, for none of this relay's secrets signed it: give the relay and the \
                 signalling server the same secret"
            ),
            Some(Fault::Clock(count)) => tracing::warn!(
                count,
                "every credential of the last minute was refused, for its time was over when it came: set the clocks of the relay and \
                 the signalling server"
            ),
        }
    }

    fn find(&mut self, stats: &Stats, now: Instant) -> Option<Fault> {
        let (wrong, expired) = (stats.refused.signature, stats.refused.expired);
        if stats.signed != self.signed {
            *self = Self { signed: stats.signed, signed_at: Some(now), wrong, expired, said_at: self.said_at };
        }
        let has_passed =
            |since: Option<Instant>, time| since.is_none_or(|at| now.saturating_duration_since(at) >= time);
        if !has_passed(self.signed_at, QUIET) || !has_passed(self.said_at, AGAIN) {
            return None;
        }
        let fault = match (wrong - self.wrong, expired - self.expired) {
            (0, 0) => return None,
            (0, count) => Fault::Clock(count),
            (count, _) => Fault::Secret(count),
        };
        (self.said_at, self.wrong, self.expired) = (Some(now), wrong, expired);
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to begin at")]
    fn it_is_said_when_all_are_refused_and_not_while_anybody_comes_in() {
        let start = Instant::now();
        let mut suspicion = Suspicion::default();
        let mut look = |second: u64, signed: u64, wrong: u64, expired: u64| {
            let mut stats = Stats { signed, ..Stats::default() };
            (stats.refused.signature, stats.refused.expired) = (wrong, expired);
            suspicion.find(&stats, start + Duration::from_secs(second))
        };
        assert_eq!(look(1, 0, 0, 0), None, "nobody came");
        assert_eq!(look(2, 0, 3, 0), Some(Fault::Secret(3)), "at once");
        assert_eq!(look(3, 0, 9, 0), None, "not again");
        assert_eq!(look(602, 0, 9, 2), Some(Fault::Secret(6)), "but for a reminder");
        assert_eq!(look(700, 1, 9, 2), None);
        assert_eq!(look(1300, 2, 20, 2), None, "somebody comes in, others mistype");
        assert_eq!(look(1330, 2, 25, 2), None, "that was a moment ago");
        assert_eq!(look(1400, 2, 26, 2), Some(Fault::Secret(6)));
        assert_eq!(look(2100, 3, 26, 2), None);
        assert_eq!(look(2200, 3, 26, 7), Some(Fault::Clock(5)));
    }
}
