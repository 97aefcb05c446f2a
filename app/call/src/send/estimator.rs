//! How much a link bears.

use std::time::{Duration, Instant};

use hearth_base::Bitrate;

/// Estimates what one link bears, from what the other side reports.
pub(crate) trait Estimator: Send {
    /// Share of packets lost since the last report, 0 to 1.
    fn handle_loss(&mut self, fraction: f64, now: Instant);
    /// A round trip was measured.
    fn handle_round_trip(&mut self, round_trip: Duration, now: Instant);
    /// What the link bears.
    fn estimate(&self) -> Bitrate;
}

/// Bounds of the estimate: below the first there is no picture, above the second none that looks better at 720p.
const LEAST: Bitrate = Bitrate::from_kbps(100);
const MOST: Bitrate = Bitrate::from_kbps(2_500);
/// Where it begins: a LAN bears more, and a mobile link about this.
const FIRST: Bitrate = Bitrate::from_kbps(1_000);

/// Loss below which the rate grows, and above which it falls. Between them it stays: radio links lose a few per cent at
/// any rate (RFC 8698 and GCC draw the same lines).
const LOW_LOSS: f64 = 0.02;
const HIGH_LOSS: f64 = 0.10;
/// Growth at each report of low loss; reports come each second.
const GROWTH: f64 = 1.08;
/// A round trip of this much above the shortest is a queue of our own making.
const QUEUE: Duration = Duration::from_millis(150);
const BACK_OFF: f64 = 0.85;
/// Queues are reacted to once in so long: the reaction needs a round trip to show.
const REACTION: Duration = Duration::from_secs(1);

/// Plain: bounded by loss and by the growth of the round trip.
#[derive(Debug)]
pub(crate) struct LossAndDelay {
    estimate: Bitrate,
    shortest: Option<Duration>,
    reacted: Option<Instant>,
}

impl LossAndDelay {
    pub(crate) fn new() -> Self {
        Self { estimate: FIRST, shortest: None, reacted: None }
    }

    fn scale(&mut self, factor: f64) {
        self.estimate = self.estimate.scaled(factor).clamp(LEAST, MOST);
    }
}

impl Estimator for LossAndDelay {
    fn handle_loss(&mut self, fraction: f64, _now: Instant) {
        if fraction < LOW_LOSS {
            self.scale(GROWTH);
        } else if fraction > HIGH_LOSS {
            self.scale(1.0 - fraction.min(1.0) / 2.0);
        }
    }

    fn handle_round_trip(&mut self, round_trip: Duration, now: Instant) {
        let shortest = self.shortest.map_or(round_trip, |shortest| shortest.min(round_trip));
        self.shortest = Some(shortest);
        let rested = self.reacted.is_none_or(|at| now.saturating_duration_since(at) >= REACTION);
        if round_trip > shortest + QUEUE && rested {
            self.reacted = Some(now);
            self.scale(BACK_OFF);
        }
    }

    fn estimate(&self) -> Bitrate {
        self.estimate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_without_loss_falls_with_it_and_stays_within_bounds() {
        let now = Instant::now();
        let mut estimator = LossAndDelay::new();
        estimator.handle_loss(0.05, now);
        assert_eq!(estimator.estimate(), FIRST);
        for _ in 0..100 {
            estimator.handle_loss(0.0, now);
        }
        assert_eq!(estimator.estimate(), MOST);
        estimator.handle_loss(0.2, now);
        assert_eq!(estimator.estimate(), MOST.scaled(0.9));
        for _ in 0..100 {
            estimator.handle_loss(1.0, now);
        }
        assert_eq!(estimator.estimate(), LEAST);
    }

    #[test]
    fn a_queue_is_reacted_to_once_a_second() {
        let now = Instant::now();
        let mut estimator = LossAndDelay::new();
        estimator.handle_round_trip(Duration::from_millis(20), now);
        for _ in 0..10 {
            estimator.handle_round_trip(Duration::from_millis(400), now);
        }
        assert_eq!(estimator.estimate(), FIRST.scaled(BACK_OFF));
    }
}
