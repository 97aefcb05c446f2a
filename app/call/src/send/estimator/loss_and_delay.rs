//! What a link bears, by the share of packets lost and by the round trip: what every peer tells.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use hearth_base::{Bitrate, TrackKind};

use super::{Estimator, FIRST, HEADROOM, LEAST, Pacing};
use crate::peer_connection::TransportFeedback;

/// Reports of a second are too rare to be trusted with more.
const MOST: Bitrate = Bitrate::from_kbps(2_500);
/// How long what they take at most is believed: it comes each second.
pub(super) const REMB_HOLDS: Duration = Duration::from_secs(5);

/// Loss below which the rate grows, and above which it falls. Between them it stays: radio links lose a few per cent at
/// any rate (RFC 8698 and GCC draw the same lines).
const LOW_LOSS: f64 = 0.02;
const HIGH_LOSS: f64 = 0.10;
/// Growth at each report of low loss of video; reports come each second.
const GROWTH: f64 = 1.08;
/// While less than this waits, the rate may grow: a frame of our own takes as long to pass a narrow link.
const ROOM: Duration = Duration::from_millis(30);
/// Two round trips this much above the shortest are a queue of our own making, and the rate falls.
const QUEUE: Duration = Duration::from_millis(60);
const BACK_OFF: f64 = 0.85;
/// So much waits only where the link bears far less than it did: routers drop at 200 to 300 ms, and pictures freeze.
const FULL: Duration = Duration::from_millis(150);
const HARD_BACK_OFF: f64 = 0.6;
/// How long the shortest round trip is believed: a path can become longer without a queue of ours, as when a router in
/// between takes another way, and then would be called queued for ever.
const MEMORY: Duration = Duration::from_secs(10);
/// Without a report of video for so long there is none, and sound is what tells of the path.
const SILENT: Duration = Duration::from_secs(3);
/// Queues are reacted to once in so long: the encoder follows, what waits drains, and two checks of the path, half a
/// second apart, have to see it. With less the rate is taken down twice for one queue.
const REACTION: Duration = Duration::from_secs(2);

/// Plain: bounded by loss and by the growth of the round trip.
#[derive(Debug)]
pub(crate) struct LossAndDelay {
    estimate: Bitrate,
    /// Round trips of the last [`MEMORY`], of which none is followed by a shorter one: the first is the shortest. As
    /// many at most as we sent checks in that time.
    shortest: VecDeque<(Instant, Duration)>,
    /// The last round trip, and how long the shorter of the last two waited in queues: one alone may be the radio's.
    last: Option<Duration>,
    queued: Duration,
    reacted: Option<Instant>,
    /// When video was reported of last.
    video: Option<Instant>,
    /// What they take at most, and until when that counts.
    most: Option<(Bitrate, Instant)>,
}

impl LossAndDelay {
    pub(crate) fn new() -> Self {
        Self {
            estimate: FIRST,
            shortest: VecDeque::new(),
            last: None,
            queued: Duration::ZERO,
            reacted: None,
            video: None,
            most: None,
        }
    }

    /// Goes on from a rate that was learnt otherwise.
    pub(super) fn begin_at(&mut self, rate: Bitrate) {
        self.estimate = rate.clamp(LEAST, MOST);
    }

    /// As much of a rate as they take.
    pub(super) fn at_most(&self, rate: Bitrate) -> Bitrate {
        self.most.map_or(rate, |(most, _)| rate.min(most))
    }

    /// What they took at most is believed for a while.
    pub(super) fn forget_most(&mut self, now: Instant) {
        self.most = self.most.filter(|(_, until)| *until > now);
    }

    fn scale(&mut self, factor: f64) {
        self.estimate = self.estimate.scaled(factor).clamp(LEAST, MOST);
    }
}

impl Estimator for LossAndDelay {
    fn handle_loss(&mut self, kind: TrackKind, fraction: f64, now: Instant) {
        self.forget_most(now);
        // The rate is that of video, so its losses decide. Sound is thin and slips through a queue that drops pictures:
        // growing by its reports would undo what those of video took back. Where it is alone, it can only show that
        // the path is bad: its own few packets prove no room for video.
        match kind {
            TrackKind::Video => self.video = Some(now),
            TrackKind::Audio if self.video.is_some_and(|at| now.saturating_duration_since(at) < SILENT) => return,
            TrackKind::Audio => {}
        }
        if fraction < LOW_LOSS {
            if kind == TrackKind::Video && self.queued < ROOM {
                self.scale(GROWTH);
            }
        } else if fraction > HIGH_LOSS {
            self.scale(1.0 - fraction.min(1.0) / 2.0);
        }
    }

    fn handle_round_trip(&mut self, round_trip: Duration, now: Instant) {
        self.forget_most(now);
        while self.shortest.back().is_some_and(|(_, last)| *last >= round_trip) {
            self.shortest.pop_back();
        }
        self.shortest.push_back((now, round_trip));
        while self.shortest.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > MEMORY) {
            self.shortest.pop_front();
        }
        let shortest = self.shortest.front().map_or(round_trip, |(_, shortest)| *shortest);
        let both = self.last.replace(round_trip).map_or(Duration::ZERO, |last| last.min(round_trip));
        self.queued = both.saturating_sub(shortest);
        let rested = self.reacted.is_none_or(|at| now.saturating_duration_since(at) >= REACTION);
        if self.queued > QUEUE && rested {
            self.reacted = Some(now);
            self.scale(if self.queued > FULL { HARD_BACK_OFF } else { BACK_OFF });
        }
    }

    fn handle_feedback(&mut self, _feedback: &TransportFeedback, _now: Instant) {}

    fn handle_max_bitrate(&mut self, most: Bitrate, now: Instant) {
        self.most = Some((most.max(LEAST), now + REMB_HOLDS));
    }

    fn handle_new_route(&mut self, _now: Instant) {
        *self = Self::new();
    }

    fn handle_new_connection(&mut self) {}

    fn handle_part(&mut self, part: f64) {
        self.scale(part);
    }

    fn begin_at_most(&mut self, most: Bitrate) {
        self.begin_at(self.estimate.min(most));
    }

    fn is_capped(&self) -> bool {
        self.at_most(self.estimate) < self.estimate
    }

    fn sent(&self) -> Option<Bitrate> {
        None
    }

    fn estimate(&self) -> Bitrate {
        self.at_most(self.estimate)
    }

    fn pacing(&self) -> Pacing {
        Pacing { rate: self.estimate().scaled(HEADROOM), window: u64::MAX }
    }

    fn random_loss(&self) -> f64 {
        0.0
    }

    fn frame_loss(&self) -> f64 {
        0.0
    }

    fn queue(&self) -> Option<Duration> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_without_loss_falls_with_it_and_stays_within_bounds() {
        let now = Instant::now();
        let mut estimator = LossAndDelay::new();
        estimator.handle_loss(TrackKind::Video, 0.05, now);
        assert_eq!(estimator.estimate(), FIRST);
        for _ in 0..100 {
            estimator.handle_loss(TrackKind::Video, 0.0, now);
        }
        assert_eq!(estimator.estimate(), MOST);
        estimator.handle_loss(TrackKind::Video, 0.2, now);
        assert_eq!(estimator.estimate(), MOST.scaled(0.9));
        for _ in 0..100 {
            estimator.handle_loss(TrackKind::Video, 1.0, now);
        }
        assert_eq!(estimator.estimate(), LEAST);
    }

    /// Seconds of reports: the estimate after each.
    fn after(estimator: &mut LossAndDelay, now: &mut Instant, reports: &[(TrackKind, f64)], seconds: u64) -> Bitrate {
        for _ in 0..seconds {
            *now += Duration::from_secs(1);
            reports.iter().for_each(|(kind, fraction)| estimator.handle_loss(*kind, *fraction, *now));
        }
        estimator.estimate()
    }

    #[test]
    fn good_reports_of_audio_do_not_undo_bad_ones_of_video() {
        let (mut now, mut estimator) = (Instant::now(), LossAndDelay::new());
        let reports = [(TrackKind::Audio, 0.01), (TrackKind::Video, 0.12)];
        // 0.94 a second: without sound the same.
        assert_eq!(after(&mut estimator, &mut now, &reports, 3), FIRST.scaled(0.94).scaled(0.94).scaled(0.94));
        assert_eq!(after(&mut estimator, &mut now, &reports, 60), LEAST);
    }

    #[test]
    fn audio_alone_shows_a_bad_path_and_never_a_good_one() {
        let (mut now, mut estimator) = (Instant::now(), LossAndDelay::new());
        assert_eq!(after(&mut estimator, &mut now, &[(TrackKind::Audio, 0.0)], 60), FIRST, "no video was tried");
        assert_eq!(after(&mut estimator, &mut now, &[(TrackKind::Audio, 0.2)], 1), FIRST.scaled(0.9));
        // The camera was on, and is off again: its last report counts for some seconds.
        let grown = after(&mut estimator, &mut now, &[(TrackKind::Video, 0.0)], 1);
        assert_eq!(after(&mut estimator, &mut now, &[(TrackKind::Audio, 0.5)], 2), grown);
        assert_eq!(after(&mut estimator, &mut now, &[(TrackKind::Audio, 0.5)], 1), grown.scaled(0.75));
    }

    #[test]
    fn a_path_that_became_longer_is_called_a_queue_for_some_seconds_only() {
        let (mut now, mut estimator) = (Instant::now(), LossAndDelay::new());
        let mut minute = |round_trip: u64| {
            for _ in 0..60 {
                now += Duration::from_secs(1);
                estimator.handle_loss(TrackKind::Video, 0.0, now);
                estimator.handle_round_trip(Duration::from_millis(round_trip), now);
            }
            (estimator.estimate(), estimator.shortest.len())
        };
        assert_eq!(minute(1), (MOST, 1));
        assert_eq!(minute(400), (MOST, 1), "ten seconds down, and up again");
        assert_eq!(minute(1), (MOST, 1));
    }

    #[test]
    fn a_new_route_begins_as_a_new_call_does() {
        let (mut now, mut estimator) = (Instant::now(), LossAndDelay::new());
        estimator.handle_round_trip(Duration::from_millis(1), now);
        assert_eq!(after(&mut estimator, &mut now, &[(TrackKind::Video, 0.0)], 60), MOST);
        estimator.handle_new_route(now);
        assert_eq!(estimator.estimate(), FIRST);
        estimator.handle_round_trip(Duration::from_millis(400), now);
        assert_eq!(estimator.estimate(), FIRST, "the round trip of the old one is forgotten");
    }

    #[test]
    fn a_queue_is_reacted_to_once_until_the_reaction_shows() {
        for (round_trip, factor) in [(90, BACK_OFF), (400, HARD_BACK_OFF)] {
            let (mut now, mut estimator) = (Instant::now(), LossAndDelay::new());
            estimator.handle_round_trip(Duration::from_millis(20), now);
            for _ in 0..4 {
                now += Duration::from_millis(500);
                estimator.handle_round_trip(Duration::from_millis(round_trip), now);
            }
            assert_eq!(estimator.estimate(), FIRST.scaled(factor));
            now += Duration::from_secs(1);
            estimator.handle_round_trip(Duration::from_millis(round_trip), now);
            assert_eq!(estimator.estimate(), FIRST.scaled(factor).scaled(factor));
        }
    }

    #[test]
    fn one_long_round_trip_is_no_queue_and_a_small_queue_stops_growth() {
        let (mut now, mut estimator) = (Instant::now(), LossAndDelay::new());
        for round_trip in [20, 20, 400, 20, 20, 400, 20] {
            estimator.handle_round_trip(Duration::from_millis(round_trip), now);
            assert_eq!(after(&mut estimator, &mut now, &[], 1), FIRST, "the radio's own");
        }
        estimator.handle_round_trip(Duration::from_millis(65), now);
        estimator.handle_round_trip(Duration::from_millis(65), now);
        assert_eq!(after(&mut estimator, &mut now, &[(TrackKind::Video, 0.0)], 3), FIRST, "45 ms wait");
        estimator.handle_round_trip(Duration::from_millis(20), now);
        assert_eq!(after(&mut estimator, &mut now, &[(TrackKind::Video, 0.0)], 1), FIRST.scaled(GROWTH));
    }
}
