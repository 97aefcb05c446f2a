//! What leaves beside the payloads of video: sound, repair, headers.
//!
//! Owner of: the bytes of the last half second, of either sort.

use std::time::{Duration, Instant};

use hearth_base::Bitrate;

/// Bytes are counted for so long, and then say what the next ones will be like.
const WINDOW: Duration = Duration::from_millis(500);
/// Before anything is known: what packets of 1200 bytes and a voice take of a megabit.
const FIRST: f64 = 0.88;
/// Never less is left for video, however much repair there is: the estimate falls by itself where it is too much.
const LEAST: f64 = 0.4;

/// Counts.
#[derive(Debug, Default)]
pub(crate) struct Overhead {
    /// Since when is counted, and what had left by then.
    since: Option<(Instant, u64)>,
    video: u64,
    /// Bits a second that were not video's.
    other: Option<f64>,
}

impl Overhead {
    /// A payload of video leaves; so many bytes of everything have left before it.
    pub(crate) fn handle_video(&mut self, bytes: usize, departed: u64, now: Instant) {
        let (since, before) = *self.since.get_or_insert((now, departed));
        let passed = now.saturating_duration_since(since);
        if passed >= WINDOW {
            let all = departed.saturating_sub(before);
            // Where nothing is told of departures, nothing is known.
            if all > 0 {
                let other = all.saturating_sub(self.video) as f64 * 8.0 / passed.as_secs_f64();
                // Repair comes in bursts, and is over when it is over.
                self.other = Some(self.other.map_or(other, |old| other.min(f64::midpoint(old, other))));
            }
            (self.since, self.video) = (Some((now, departed)), 0);
        }
        self.video += bytes as u64;
    }

    /// What of a rate is left beside sound and repair, however little.
    pub(crate) fn left(&self, rate: Bitrate) -> Bitrate {
        let other = self.other.map_or(rate.bps() as f64 * (1.0 - FIRST), |other| other);
        Bitrate::from_bps((rate.bps() as f64 - other).max(0.0) as u64)
    }

    /// What of a rate is left for payloads of video.
    pub(crate) fn video_part(&self, rate: Bitrate) -> Bitrate {
        let Some(other) = self.other else { return rate.scaled(FIRST) };
        rate.scaled((1.0 - other / (rate.bps() as f64).max(1.0)).clamp(LEAST, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_video_is_taken_off() {
        let (start, mut overhead) = (Instant::now(), Overhead::default());
        assert_eq!(overhead.video_part(Bitrate::from_kbps(1000)), Bitrate::from_kbps(880));
        for (ms, departed) in (0..3000).step_by(10).zip((0..).step_by(1250)) {
            overhead.handle_video(1000, departed, start + Duration::from_millis(ms));
        }
        let part = overhead.video_part(Bitrate::from_kbps(1000));
        assert!((Bitrate::from_kbps(795)..=Bitrate::from_kbps(805)).contains(&part), "{part}");
        assert_eq!(overhead.video_part(Bitrate::from_kbps(100)), Bitrate::from_kbps(40));
    }
}
