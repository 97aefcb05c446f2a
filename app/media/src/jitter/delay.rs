//! How late packets come, and how long it is therefore worth to wait.
//!
//! A packet's lateness is how much longer it was under way than the fastest of the last seconds. The target is what all
//! but [`GIVEN_UP`] of the packets keep to, and one packet more, so that the redundancy in the next one is there in
//! time. It grows at once and shrinks slowly. Owner of: what was observed. Times are microseconds since the first
//! packet.

use std::time::Duration;

/// The share of packets that may come too late.
const GIVEN_UP: f32 = 0.01;
/// Lateness is counted in steps of 5 ms up to 300 ms; what is beyond is one.
const STEP: i64 = 5_000;
const STEPS: usize = 60;
/// What each packet leaves of the weight of those before it: a memory of about 5 s at 100 packets a second.
const FORGETTING: f32 = 0.998;
/// The fastest is looked for in this and the previous window: it follows a drifting clock and a new route.
const WINDOW: i64 = 5_000_000;
/// Before anything is known: 20 to 40 ms, MEASURED on access lines, would lose the first jitter. So long it holds.
const FIRST_TARGET: i64 = 40_000;
const FIRST_PACKETS: u64 = 50;
const LEAST: i64 = 20_000;
const MOST: i64 = 200_000;
/// How fast the target shrinks: 10 ms a second.
const SHRINK_PER_MILLE: i64 = 10;

/// Estimates the delay that playing needs.
#[derive(Debug)]
pub(super) struct Delay {
    fastest: i64,
    fastest_before: i64,
    window_from: i64,
    late: [f32; STEPS],
    weight: f32,
    packets: u64,
    target: i64,
    target_at: i64,
}

impl Delay {
    pub(super) fn new() -> Self {
        Self {
            fastest: i64::MAX,
            fastest_before: i64::MAX,
            window_from: 0,
            late: [0.0; STEPS],
            weight: 0.0,
            packets: 0,
            target: FIRST_TARGET,
            target_at: 0,
        }
    }

    /// A packet of `length` arrived; the lateness that it shows. All in microseconds.
    pub(super) fn observe(&mut self, arrived: i64, sent: i64, length: i64) -> i64 {
        let transit = arrived.saturating_sub(sent);
        if arrived.saturating_sub(self.window_from) > WINDOW {
            self.window_from = arrived;
            self.fastest_before = std::mem::replace(&mut self.fastest, i64::MAX);
        }
        self.fastest = self.fastest.min(transit);
        let lateness = transit.saturating_sub(self.base());
        self.count(lateness);
        self.aim(arrived, length);
        lateness
    }

    /// How much longer than the fastest a packet sent at `sent` would have been under way, if it came now.
    pub(super) fn lateness(&self, now: i64, sent: i64) -> i64 {
        now.saturating_sub(sent).saturating_sub(self.base())
    }

    /// How long after the fastest packet's way sound is played, microseconds.
    pub(super) fn target(&self) -> i64 {
        self.target
    }

    /// The same, to show.
    pub(super) fn target_duration(&self) -> Duration {
        Duration::from_micros(self.target.unsigned_abs())
    }

    fn base(&self) -> i64 {
        match self.fastest.min(self.fastest_before) {
            i64::MAX => 0,
            base => base,
        }
    }

    fn count(&mut self, lateness: i64) {
        let step = usize::try_from(lateness / STEP).unwrap_or_default().min(STEPS - 1);
        self.late.iter_mut().for_each(|weight| *weight *= FORGETTING);
        self.weight = self.weight * FORGETTING + 1.0;
        self.packets += 1;
        if let Some(weight) = self.late.get_mut(step) {
            *weight += 1.0;
        }
    }

    fn aim(&mut self, now: i64, length: i64) {
        let floor = if self.packets < FIRST_PACKETS { FIRST_TARGET } else { LEAST };
        let wanted = self.kept_by_most().saturating_add(length).clamp(floor, MOST);
        let since = now.saturating_sub(self.target_at).clamp(0, WINDOW);
        self.target_at = now;
        self.target = wanted.max(self.target.saturating_sub(since * SHRINK_PER_MILLE / 1000));
    }

    /// The lateness that all but [`GIVEN_UP`] keep to.
    fn kept_by_most(&self) -> i64 {
        let mut beyond = self.weight * GIVEN_UP;
        for (step, weight) in self.late.iter().enumerate().rev() {
            beyond -= weight;
            if beyond < 0.0 {
                return (step as i64 + 1) * STEP;
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets of 10 ms, late by what `late` says (ms); the target after the last, ms.
    fn target(late: impl Iterator<Item = i64>) -> i64 {
        let mut delay = Delay::new();
        for (n, late) in late.enumerate() {
            let sent = n as i64 * 10_000;
            delay.observe(sent + 70_000 + late * 1000, sent, 10_000);
        }
        delay.target() / 1000
    }

    #[test]
    fn the_target_follows_what_most_keep_to() {
        assert_eq!(target((0..1000).map(|_| 0)), 30 - 10);
        assert_eq!(target((0..1000).map(|n| n * 7 % 31)), 45);
        assert!(target((0..1000).map(|n| if n % 20 == 0 { 90 } else { 0 })) >= 100);
        assert_eq!(target((0..1000).map(|n| if n % 5 == 0 { 5000 } else { 0 })), MOST / 1000);
    }

    #[test]
    fn one_late_packet_raises_it_at_once_and_it_sinks_again() {
        let late = |n: i64| if (500..506).contains(&n) { 100 } else { 0 };
        assert!(target((0..506).map(late)) >= 100);
        assert!(target((0..800).map(late)) > 60);
        assert!(target((0..3000).map(late)) <= 30);
    }

    #[test]
    fn a_slower_clock_does_not_look_like_lateness() {
        // 200 ppm: 12 ms a minute.
        assert!(target((0..6000).map(|n| n / 500)) <= 25);
    }
}
