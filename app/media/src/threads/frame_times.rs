//! How evenly the frames of a track leave its decoder: W3C webrtc-stats' freezes and pauses.
//!
//! A frame counts as rendered when it is handed on: how long a window takes to draw it, and which frames it draws at
//! all, depends on the screen. Owner of: the last intervals of one track. Knows no clock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use hearth_base::{NtpTime, Resolution};
use serde::Serialize;

/// Intervals of which the mean is taken (RTCInboundRtpStreamStats.freezeCount).
const RECENT: usize = 30;
/// Intervals before which no freeze is told: the mean of fewer says little. As many as libwebrtc waits for.
const LEAST: usize = 5;
/// An interval is a freeze from so many times the mean on, and from so much more than it, whichever is longer.
const TIMES: u32 = 3;
const LONGER: Duration = Duration::from_millis(150);
/// Beyond this it is a pause as well (pauseCount).
const PAUSE: Duration = Duration::from_secs(5);
/// Frames of a second that are counted: 240. Full: the oldest goes, and the rate is told as that.
const SECOND_FRAMES: usize = 240;

/// What was seen so far, under the names of RTCInboundRtpStreamStats; times in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FrameTimes {
    /// Of the newest frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_width: Option<u32>,
    /// Of the newest frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_height: Option<u32>,
    /// In the second before the newest one, with it.
    pub frames_per_second: f64,
    /// All intervals together.
    pub total_inter_frame_delay: f64,
    /// Of each its square.
    pub total_squared_inter_frame_delay: f64,
    /// Freezes.
    pub freeze_count: u32,
    /// All of them together.
    pub total_freezes_duration: f64,
    /// Pauses.
    pub pause_count: u32,
    /// All of them together.
    pub total_pauses_duration: f64,
    /// When the newest frame was captured, by its sender's clock where that is known, and when it was decoded here.
    #[serde(skip)]
    pub newest: Option<(Option<NtpTime>, Instant)>,
}

/// Watches one track.
#[derive(Debug, Default)]
pub(crate) struct FrameClock {
    times: FrameTimes,
    last: Option<Instant>,
    intervals: VecDeque<Duration>,
    second: VecDeque<Instant>,
}

impl FrameClock {
    /// What was seen so far.
    pub(crate) fn times(&self) -> FrameTimes {
        self.times
    }

    /// Nothing was sent for a while: the next interval says nothing.
    pub(crate) fn handle_inactive(&mut self) {
        self.last = None;
    }

    /// A frame was decoded.
    pub(crate) fn handle_frame(&mut self, size: Resolution, captured: Option<NtpTime>, now: Instant) {
        if let Some(last) = self.last.replace(now) {
            self.handle_interval(now.saturating_duration_since(last));
        }
        self.second.push_back(now);
        let is_old = |at: &Instant| now.saturating_duration_since(*at) >= Duration::from_secs(1);
        while self.second.len() > SECOND_FRAMES || self.second.front().is_some_and(is_old) {
            self.second.pop_front();
        }
        (self.times.frame_width, self.times.frame_height) = (Some(size.width), Some(size.height));
        self.times.frames_per_second = self.second.len() as f64;
        self.times.newest = Some((captured, now));
    }

    fn handle_interval(&mut self, interval: Duration) {
        let seconds = interval.as_secs_f64();
        let times = &mut self.times;
        times.total_inter_frame_delay += seconds;
        times.total_squared_inter_frame_delay += seconds * seconds;
        if interval > PAUSE {
            times.pause_count += 1;
            times.total_pauses_duration += seconds;
        }
        if self.intervals.len() >= LEAST {
            let mean = self.intervals.iter().sum::<Duration>() / self.intervals.len() as u32;
            if interval >= (mean * TIMES).max(mean + LONGER) {
                times.freeze_count += 1;
                times.total_freezes_duration += seconds;
            }
        }
        if self.intervals.len() == RECENT {
            self.intervals.pop_front();
        }
        self.intervals.push_back(interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames after these intervals, milliseconds.
    fn watch(intervals: impl IntoIterator<Item = u64>) -> FrameTimes {
        let (mut clock, mut now) = (FrameClock::default(), crate::Now::read().monotonic);
        for interval in std::iter::once(0).chain(intervals) {
            now += Duration::from_millis(interval);
            clock.handle_frame(Resolution::SMALL, None, now);
        }
        clock.times()
    }

    #[test]
    fn a_freeze_is_three_times_the_mean_and_150_ms_above_it() {
        // At 20 a second the second condition decides: from 200 ms on. At 5 a second the first: from 600 ms on.
        for (each, interval, freezes) in [(50, 199, 0), (50, 200, 1), (200, 599, 0), (200, 600, 1), (200, 6000, 1)] {
            let times = watch((0..30).map(|_| each).chain([interval, each]));
            assert_eq!(times.freeze_count, freezes, "{interval} ms among {each} ms");
            let frozen = if freezes == 1 { interval as f64 / 1000.0 } else { 0.0 };
            assert!((times.total_freezes_duration - frozen).abs() < 1e-9, "{times:?}");
            assert_eq!(times.pause_count, u32::from(interval > 5000));
        }
    }

    #[test]
    fn the_mean_is_that_of_the_last_thirty() {
        // 200 ms are a freeze among intervals of 20, and none among the 30 of 100 ms that follow them.
        let times = watch((0..40).map(|_| 20).chain((0..30).map(|_| 100)).chain([290]));
        assert_eq!(times.freeze_count, 0, "{times:?}");
        assert_eq!(watch((0..40).map(|_| 20).chain([200])).freeze_count, 1);
        assert_eq!(watch((0..4).map(|_| 20).chain([400])).freeze_count, 0, "too few to have a mean");
    }

    #[test]
    fn what_was_switched_off_is_no_freeze() {
        let (mut clock, mut now) = (FrameClock::default(), crate::Now::read().monotonic);
        for n in 0..40 {
            now += Duration::from_millis(if n == 30 { 60_000 } else { 50 });
            if n == 30 {
                clock.handle_inactive();
            }
            clock.handle_frame(Resolution::HD, Some(NtpTime(n)), now);
        }
        let times = clock.times();
        assert_eq!((times.freeze_count, times.pause_count), (0, 0), "{times:?}");
        assert_eq!((times.frame_width, times.frame_height, times.frames_per_second), (Some(1280), Some(720), 10.0));
        assert_eq!(times.newest, Some((Some(NtpTime(39)), now)));
        assert!((times.total_inter_frame_delay - 38.0 * 0.05).abs() < 1e-9);
    }
}
