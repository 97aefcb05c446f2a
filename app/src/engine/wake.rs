//! Whether this machine has slept: told by clocks, as no system tells it in a way that the others know.
//!
//! Both clocks go on side by side while the loop runs. A calendar that is further on than the monotonic clock by more
//! than anyone would set it means a sleep that the monotonic clock does not count (Linux, macOS); a monotonic clock
//! that leapt between two looks means one that it does count (Windows), or a machine that was stopped. Owner of: what
//! both said last. A calendar that was set forward looks the same, and costs one look at the paths.

use std::time::{Duration, Instant};

/// Between two looks nothing takes so long but a sleep: they are a second apart.
const GAP: Duration = Duration::from_secs(5);
/// A calendar is kept by steps that are smaller, or by hand.
const LEAP: Duration = Duration::from_secs(2);

/// Compares the clocks.
#[derive(Debug, Default)]
pub(super) struct WakeDetector {
    last: Option<(Instant, Duration)>,
}

impl WakeDetector {
    /// It is `now`, and so long since 1970 by the calendar; whether this machine has slept since the last look.
    pub(super) fn look(&mut self, now: Instant, calendar: Duration) -> bool {
        let Some((then, was)) = self.last.replace((now, calendar)) else { return false };
        let passed = now.saturating_duration_since(then);
        // Set back, it says nothing.
        let by_calendar = calendar.saturating_sub(was);
        passed >= GAP || by_calendar.saturating_sub(passed) >= LEAP
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "virtual time begins somewhere")]
    fn a_sleep_is_seen_by_either_clock_and_nothing_else_is_one() {
        let (start, day) = (Instant::now(), Duration::from_secs(1_800_000_000));
        let ms = Duration::from_millis;
        for (name, monotonic, calendar, expected) in [
            ("a second that took a little longer", ms(1_200), ms(1_200), false),
            ("a loop that was held up", ms(4_900), ms(4_900), false),
            ("a sleep that only the calendar counts", ms(1_000), ms(61_000), true),
            ("a short one", ms(1_000), ms(3_000), true),
            ("a sleep that both count", ms(60_000), ms(60_000), true),
            ("a calendar that is kept", ms(1_000), ms(1_500), false),
            ("one that is set forward", ms(1_000), ms(3_601_000), true),
        ] {
            let mut subject = WakeDetector::default();
            assert!(!subject.look(start, day), "the first look has nothing to compare");
            assert_eq!(subject.look(start + monotonic, day + calendar), expected, "{name}");
            assert!(!subject.look(start + monotonic + ms(1_000), day + calendar + ms(1_000)), "{name}: once");
        }
        let mut subject = WakeDetector::default();
        subject.look(start, day);
        assert!(!subject.look(start + ms(1_000), day - ms(3_600_000)), "set back");
    }
}
