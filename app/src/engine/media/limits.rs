//! What keeps our pictures from being encoded, second by second: the rate, or this machine.
//!
//! Owner of: the counters a second ago. Knows no clock.

use std::time::{Duration, Instant};

use hearth_media::threads::EncodeReport;

use super::stats::{CameraStats, SourceLimits};

/// How long is counted.
const SECOND: Duration = Duration::from_secs(1);
/// The part of the pictures, a denominator, from which on it shows that they are missing.
const SHOWS: u64 = 10;

/// Counts seconds.
#[derive(Debug, Default)]
pub(super) struct LimitWatch {
    before: Option<(Instant, Counts)>,
    frames_per_second: f64,
    limits: SourceLimits,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    drawn: u64,
    encoded: u64,
    left_out: u64,
    without_room: u64,
}

impl LimitWatch {
    /// So many pictures were drawn, and this became of them.
    pub(super) fn look(&mut self, drawn: u64, report: &EncodeReport, now: Instant) -> CameraStats {
        let sum = |of: fn(&hearth_media::threads::LayerCounters) -> u64| report.layers.values().map(of).sum::<u64>();
        let counts = Counts {
            drawn,
            encoded: report.pictures,
            left_out: sum(|layer| layer.frames_left_out),
            without_room: sum(|layer| layer.frames_without_room),
        };
        let (since, before) = *self.before.get_or_insert((now, counts));
        let passed = now.saturating_duration_since(since);
        if passed >= SECOND {
            self.before = Some((now, counts));
            self.finish(before, counts, passed);
        }
        CameraStats {
            frames: drawn,
            frames_per_second: self.frames_per_second,
            size: report.size,
            limits: self.limits,
            layers: report.layers.clone(),
        }
    }

    fn finish(&mut self, before: Counts, after: Counts, passed: Duration) {
        let drawn = after.drawn.saturating_sub(before.drawn);
        let encoded = after.encoded.saturating_sub(before.encoded);
        let without_room = after.without_room.saturating_sub(before.without_room);
        // One may be under way.
        let missed = drawn.saturating_sub(encoded + 1) + without_room;
        self.frames_per_second = drawn as f64 / passed.as_secs_f64();
        self.limits = SourceLimits {
            is_rate_held: (after.left_out.saturating_sub(before.left_out)) * SHOWS > drawn,
            is_overloaded: missed * SHOWS > drawn,
        };
    }
}

#[cfg(test)]
mod tests {
    use hearth_base::{Layer, VideoCodec};
    use hearth_media::threads::LayerCounters;

    use super::*;

    /// What a second says in which 30 pictures were drawn.
    fn second(encoded: u64, left_out: u64, without_room: u64) -> SourceLimits {
        let (mut watch, start) = (LimitWatch::default(), crate::engine::clock::now());
        let counters = |n| LayerCounters {
            frames_left_out: left_out * n,
            frames_without_room: without_room * n,
            ..LayerCounters::default()
        };
        let report = |n: u64| EncodeReport {
            pictures: encoded * n,
            layers: [((Layer(0), VideoCodec::Vp8), counters(n))].into(),
            ..EncodeReport::default()
        };
        watch.look(30, &report(1), start);
        assert_eq!(watch.look(40, &report(1), start + SECOND / 2).frames_per_second, 0.0, "too early");
        let stats = watch.look(60, &report(2), start + SECOND);
        assert_eq!(stats.frames_per_second, 30.0);
        stats.limits
    }

    #[test]
    fn a_second_tells_whether_the_rate_or_the_machine_keeps_pictures_back() {
        for (encoded, left_out, without_room, is_rate_held, is_overloaded) in [
            (30, 0, 0, false, false),
            (29, 0, 0, false, false),
            (30, 3, 0, false, false),
            (30, 4, 0, true, false),
            (20, 0, 0, false, true),
            (30, 0, 5, false, true),
            (20, 10, 0, true, true),
        ] {
            let expected = SourceLimits { is_rate_held, is_overloaded };
            assert_eq!(second(encoded, left_out, without_room), expected, "{encoded} {left_out} {without_room}");
        }
    }
}
