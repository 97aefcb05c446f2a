//! What the other side's wall clock says at a moment of ours, by its sender reports and the round trip: no message of
//! its own, and no trust in that both clocks agree.
//!
//! A report says what their clock was when it left (RFC 3550, section 6.4.1). It came later by the way here, of which
//! two things are known: no report of the last while was quicker than the quickest one, and the quickest round trip
//! there and back takes twice the way, where both directions are alike. So their clock is that of the quickest report,
//! and half the quickest round trip (Cristian's algorithm). Where the directions differ, it is wrong by half of that.
//! Owner of: the reports and round trips of the last while.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use hearth_base::NtpTime;

use crate::connection_stats::ClockReading;

/// How long a report and a round trip count: clocks run apart by less than 2 ms in it, and a queue is empty in between.
const COUNTS: Duration = Duration::from_secs(30);
/// Reports and round trips that are remembered: each of four tracks is reported once a second, and two checks a second
/// come back. Full: the oldest goes.
const SAMPLES: usize = 128;
/// Nanoseconds of a unit of NTP's fraction, a denominator.
const FRACTION: i128 = 1 << 32;
const NANOS: i128 = 1_000_000_000;

/// Learns the other side's clock.
#[derive(Debug, Default)]
pub(crate) struct RemoteClock {
    /// The first report: from it times are counted.
    origin: Option<(Instant, NtpTime)>,
    /// When each report came, and by how many nanoseconds more than the first one's it was later than its clock says.
    reports: VecDeque<(Instant, i128)>,
    round_trips: VecDeque<(Instant, Duration)>,
}

impl RemoteClock {
    /// A report came.
    pub(crate) fn handle_report(&mut self, ntp: NtpTime, now: Instant) {
        let (begin, first) = *self.origin.get_or_insert((now, ntp));
        let passed = now.saturating_duration_since(begin).as_nanos() as i128;
        let told = i128::from(ntp.0.wrapping_sub(first.0).cast_signed()) * NANOS / FRACTION;
        push(&mut self.reports, (now, passed - told), now);
    }

    /// A check came back.
    pub(crate) fn handle_round_trip(&mut self, round_trip: Duration, now: Instant) {
        push(&mut self.round_trips, (now, round_trip), now);
    }

    /// Their clock now; `None` until there was a report and a round trip in the last while.
    pub(crate) fn read(&mut self, now: Instant) -> Option<ClockReading> {
        forget_old(&mut self.reports, now);
        forget_old(&mut self.round_trips, now);
        let (begin, first) = self.origin?;
        let later = self.reports.iter().map(|(_, later)| *later).min()?;
        let way = self.round_trips.iter().map(|(_, round_trip)| *round_trip).min()? / 2;
        let passed = now.saturating_duration_since(begin).as_nanos() as i128 - later + way.as_nanos() as i128;
        // It wraps where they say absurd times; what comes of it is judged where it is used.
        let theirs = NtpTime(first.0.wrapping_add((passed * FRACTION / NANOS) as u64));
        Some(ClockReading { ours: now, theirs })
    }
}

fn push<T>(samples: &mut VecDeque<(Instant, T)>, sample: (Instant, T), now: Instant) {
    forget_old(samples, now);
    if samples.len() == SAMPLES {
        samples.pop_front();
    }
    samples.push_back(sample);
}

fn forget_old<T>(samples: &mut VecDeque<(Instant, T)>, now: Instant) {
    while samples.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > COUNTS) {
        samples.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);
    /// 2026, and near the end of NTP's first era.
    const THEIRS: [NtpTime; 2] = [NtpTime(0xEE00_0000_0000_0000), NtpTime(0xFFFF_FFFF_8000_0000)];

    /// How far a reading is from the truth, milliseconds.
    fn error(clock: &mut RemoteClock, truth: NtpTime, now: Instant) -> f64 {
        let read = clock.read(now).expect("reports and round trips came");
        read.theirs.0.wrapping_sub(truth.0).cast_signed() as f64 / (FRACTION as f64 / 1000.0)
    }

    #[test]
    fn a_clock_that_is_anything_is_read_through_queues() {
        for begin in THEIRS {
            let (start, mut clock) = (Instant::now(), RemoteClock::default());
            assert!(clock.read(start).is_none());
            for second in 0..60 {
                // 40 ms each way; all but every seventh report waits in a queue besides.
                let queue = if second % 7 == 0 { 0 } else { 150 };
                let left = Duration::from_secs(second);
                let came = start + left + MILLISECOND * (40 + queue);
                clock.handle_report(begin.plus(left), came);
                clock.handle_round_trip(MILLISECOND * (80 + queue), came);
                if second > 0 {
                    let truth = begin.plus(came.duration_since(start));
                    let error = error(&mut clock, truth, came);
                    assert!(error.abs() < 0.1, "second {second}: {error} ms");
                }
            }
            assert!(clock.reports.len() <= SAMPLES);
            let later = start + Duration::from_secs(60) + COUNTS * 2;
            assert!(clock.read(later).is_none(), "nobody has said anything for a while");
        }
    }

    #[test]
    fn what_makes_no_sense_overflows_nothing() {
        let (start, mut clock) = (Instant::now(), RemoteClock::default());
        for (n, ntp) in [0, u64::MAX, 1 << 63, 7, u64::MAX / 3].into_iter().enumerate() {
            let now = start + MILLISECOND * n as u32;
            clock.handle_report(NtpTime(ntp), now);
            clock.handle_round_trip(Duration::MAX, now);
            assert!(clock.read(now).is_some());
        }
        (0..1000).for_each(|n| clock.handle_report(NtpTime(n), start));
        assert_eq!(clock.reports.len(), SAMPLES);
    }
}
