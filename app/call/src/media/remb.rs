//! Tells a sender that estimates nothing itself what the path to us bears: receiver estimated maximum bitrate (REMB,
//! draft-alvestrand-rmcat-remb-03).
//!
//! Browsers learn it from transport-wide feedback, which the crate gives. Others know REMB alone, and stay where they
//! began when nobody says it. Owner of: the estimate of one direction, made of what was lost and of the round trip.

use std::time::{Duration, Instant};

use hearth_base::{Bitrate, TrackKind};

use crate::send::estimator::{Estimator, LossAndDelay};

/// Between two estimates, as between two receiver reports: a sender that hears nothing for some seconds may go down.
const INTERVAL: Duration = Duration::from_secs(1);

/// What is told, and when.
#[derive(Debug)]
pub(crate) struct RateTeller {
    estimator: LossAndDelay,
    due: Option<Instant>,
    /// Packets that came, and that were missing, at the last estimate.
    told: (u64, u64),
}

impl RateTeller {
    pub(crate) fn new() -> Self {
        Self { estimator: LossAndDelay::new(), due: None, told: (0, 0) }
    }

    /// What the path bears, when it is time to say so. `came` and `lost` are packets of video so far; where none came,
    /// nothing is known and nothing said.
    pub(crate) fn poll(&mut self, came: u64, lost: u64, round_trip: Option<Duration>, now: Instant) -> Option<Bitrate> {
        let due = *self.due.get_or_insert(now + INTERVAL);
        if now < due {
            return None;
        }
        self.due = Some(now + INTERVAL);
        let (came_since, lost_since) = (came.saturating_sub(self.told.0), lost.saturating_sub(self.told.1));
        self.told = (came, lost);
        if came_since == 0 {
            return None;
        }
        let fraction = lost_since as f64 / (came_since + lost_since) as f64;
        self.estimator.handle_loss(TrackKind::Video, fraction, now);
        if let Some(round_trip) = round_trip {
            self.estimator.handle_round_trip(round_trip, now);
        }
        Some(self.estimator.estimate())
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_path_is_told_to_bear_more_each_second_and_a_lossy_one_less() {
        let mut now = Instant::now();
        let mut subject = RateTeller::new();
        let mut came = 0;
        let mut second = |subject: &mut RateTeller, lost: &mut u64, losing: u64| {
            now += INTERVAL;
            came += 100;
            *lost += losing;
            subject.poll(came, *lost, Some(Duration::from_millis(20)), now)
        };
        let mut lost = 0;
        assert_eq!(second(&mut subject, &mut lost, 0), None, "the first second is only counted");
        let told: Vec<_> = (0..20).filter_map(|_| second(&mut subject, &mut lost, 0)).collect();
        assert_eq!(told.len(), 20);
        assert!(told.is_sorted() && told[0] > Bitrate::from_kbps(1000), "{told:?}");
        assert_eq!(told[19], Bitrate::from_kbps(2500));
        let less = second(&mut subject, &mut lost, 40).unwrap();
        assert!(less < told[19], "{less:?}");
    }

    #[test]
    fn nothing_is_said_of_a_stream_that_does_not_come() {
        let now = Instant::now();
        let mut subject = RateTeller::new();
        assert!((0..50).all(|n| subject.poll(7, 0, None, now + INTERVAL * n).is_none() || n == 1));
    }
}
