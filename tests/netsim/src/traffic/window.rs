//! How much a TCP flow may have under way: Reno (RFC 5681), or CUBIC (RFC 9438). Counted in segments.
//!
//! Simplified: no delayed acknowledgements, no HyStart, no retransmission timer (the link tells of every loss).

use std::time::{Duration, Instant};

/// Initial window (RFC 6928).
const INITIAL: f64 = 10.0;
/// Window after a loss, at least.
const LEAST: f64 = 2.0;
/// What a receiver takes: about 6 MB, as Linux does by default.
const MOST: f64 = 4096.0;
/// C of RFC 9438, section 5.1, in segments a cubic second.
const CUBIC_C: f64 = 0.4;
/// What is left of the window after a loss (RFC 9438, section 4.6).
const CUBIC_BETA: f64 = 0.7;
/// The same for Reno (RFC 5681, section 3.1).
const RENO_BETA: f64 = 0.5;

/// Which algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Reno,
    Cubic,
}

/// The congestion window.
#[derive(Debug)]
pub(super) struct Window {
    algorithm: Algorithm,
    size: f64,
    slow_start_threshold: f64,
    /// Window before the last loss, or a little less where it had not come back to the one before (fast convergence).
    most: f64,
    /// Window just before the last loss.
    prior: f64,
    epoch: Option<Epoch>,
}

/// Congestion avoidance since the last loss.
#[derive(Clone, Copy, Debug)]
struct Epoch {
    since: Instant,
    /// Where the cubic function is flat.
    origin: f64,
    /// Seconds until the cubic function is back there.
    k: f64,
    /// What Reno would have by now.
    reno: f64,
}

impl Window {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        Self { algorithm, size: INITIAL, slow_start_threshold: f64::INFINITY, most: 0.0, prior: 0.0, epoch: None }
    }

    /// Segments that may be under way.
    pub(super) fn segments(&self) -> usize {
        self.size as usize
    }

    /// A segment has been acknowledged, `round_trip` after it left.
    pub(super) fn handle_acknowledged(&mut self, now: Instant, round_trip: Duration) {
        self.size = if self.size < self.slow_start_threshold {
            self.size + 1.0
        } else {
            match self.algorithm {
                Algorithm::Reno => self.size + 1.0 / self.size,
                Algorithm::Cubic => self.cubic(now, round_trip),
            }
        };
        self.size = self.size.min(MOST);
    }

    /// The first loss of a window, while so many segments were under way.
    pub(super) fn handle_loss(&mut self, under_way: usize) {
        let beta = match self.algorithm {
            Algorithm::Reno => RENO_BETA,
            Algorithm::Cubic => CUBIC_BETA,
        };
        self.prior = self.size;
        // RFC 9438, section 4.7: who gives way to a new flow does so further.
        self.most = if self.size < self.most { self.size * (1.0 + CUBIC_BETA) / 2.0 } else { self.size };
        self.slow_start_threshold = (self.size.min(under_way as f64) * beta).max(LEAST);
        self.size = self.slow_start_threshold;
        self.epoch = None;
    }

    /// RFC 9438, sections 4.2 to 4.5.
    fn cubic(&mut self, now: Instant, round_trip: Duration) -> f64 {
        let size = self.size;
        let origin = self.most.max(size);
        let begun = || Epoch { since: now, origin, k: ((origin - size) / CUBIC_C).cbrt(), reno: size };
        let epoch = self.epoch.get_or_insert_with(begun);
        let alpha = if epoch.reno < self.prior { 3.0 * (1.0 - CUBIC_BETA) / (1.0 + CUBIC_BETA) } else { 1.0 };
        epoch.reno += alpha / size;
        let passed = now.saturating_duration_since(epoch.since);
        let at = |time: Duration| CUBIC_C * (time.as_secs_f64() - epoch.k).powi(3) + epoch.origin;
        if at(passed) < epoch.reno {
            return epoch.reno;
        }
        let target = at(passed + round_trip).clamp(size, 1.5 * size);
        size + (target - size) / size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The window after `seconds` of acknowledgements, one window's each 50 ms.
    fn after(window: &mut Window, start: Instant, from: f64, seconds: f64) -> f64 {
        let round_trip = Duration::from_millis(50);
        for round in 0..(seconds / 0.05).round() as u32 {
            let now = start + Duration::from_secs_f64(from) + round_trip * round;
            (0..window.segments()).for_each(|_| window.handle_acknowledged(now, round_trip));
        }
        window.size
    }

    #[test]
    fn slow_start_doubles_and_each_loss_takes_its_share() {
        let start = Instant::now();
        for (algorithm, share) in [(Algorithm::Reno, 0.5), (Algorithm::Cubic, 0.7)] {
            let mut window = Window::new(algorithm);
            assert_eq!(after(&mut window, start, 0.0, 0.15), 80.0);
            window.handle_loss(80);
            assert_eq!(window.size, 80.0 * share);
            window.handle_loss(1);
            assert_eq!(window.size, LEAST);
        }
    }

    #[test]
    fn reno_grows_by_a_segment_each_round_trip() {
        let mut window = Window::new(Algorithm::Reno);
        window.size = 200.0;
        window.handle_loss(200);
        let grown = after(&mut window, Instant::now(), 0.0, 2.0);
        assert!((139.0..=140.5).contains(&grown), "{grown}");
    }

    #[test]
    fn cubic_comes_back_to_where_it_was_in_k_seconds_and_goes_on() {
        let mut window = Window::new(Algorithm::Cubic);
        window.size = 1000.0;
        window.handle_loss(1000);
        // K = cbrt(1000 * 0.3 / 0.4) = 9.09 s.
        let start = Instant::now();
        let half = after(&mut window, start, 0.0, 4.5);
        assert!((940.0..970.0).contains(&half), "{half}");
        let whole = after(&mut window, start, 4.5, 4.6);
        assert!((990.0..1005.0).contains(&whole), "{whole}");
        let beyond = after(&mut window, start, 9.1, 4.0);
        assert!((1010.0..1040.0).contains(&beyond), "{beyond}");
        window.handle_loss(900);
        let short = window.most;
        window.handle_loss(500);
        assert!(window.most < short, "it had not come back: it gives way further");
    }
}
