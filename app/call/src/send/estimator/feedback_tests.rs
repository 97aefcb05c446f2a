//! The estimator on a link with a queue, in virtual time: what it uses, what it lets wait, how fast it follows.

use std::collections::VecDeque;

use super::super::loss_and_delay::REMB_HOLDS;
use super::*;
use crate::peer_connection::{Departure, PacketResult};

/// A sender that does as it is told, a link with a queue, and reports each 50 ms: all in virtual time.
struct Path {
    estimator: FeedbackEstimator,
    start: Instant,
    now: Duration,
    /// Bits a second; one way; bytes that can wait; every which packet is lost.
    capacity: f64,
    delay: Duration,
    queue: f64,
    loses: u64,
    free_at: Duration,
    next: u64,
    frame: u32,
    /// When each comes.
    flights: VecDeque<(Departure, Option<Duration>)>,
    sent: f64,
}

impl Path {
    fn new(kbps: u64) -> Self {
        let capacity = (kbps * 1000) as f64;
        Self {
            estimator: FeedbackEstimator::new(),
            start: Instant::now(),
            now: Duration::ZERO,
            capacity,
            delay: Duration::from_millis(25),
            queue: capacity / 8.0 * 0.3,
            loses: 0,
            free_at: Duration::ZERO,
            next: 0,
            frame: 0,
            flights: VecDeque::new(),
            sent: 0.0,
        }
    }

    fn send(&mut self, at: Duration, bytes: u32) {
        let departure =
            Departure { number: self.next, size: bytes, stream: 1, sequence: 0, time: self.frame, at: self.start + at };
        self.next += 1;
        self.sent += f64::from(bytes);
        let waits = self.free_at.saturating_sub(at).as_secs_f64() * self.capacity / 8.0;
        let is_lost = self.loses > 0 && self.next.wrapping_mul(2_654_435_761) % 1000 < self.loses;
        if is_lost || waits + f64::from(bytes) > self.queue {
            self.flights.push_back((departure, None));
            return;
        }
        self.free_at = self.free_at.max(at) + Duration::from_secs_f64(f64::from(bytes) * 8.0 / self.capacity);
        self.flights.push_back((departure, Some(self.free_at + self.delay)));
    }

    /// A frame each 33 ms, paced; a report each 50 ms. What was used of the link, and the longest queue.
    fn run(&mut self, time: Duration) -> (f64, Duration) {
        let (end, before, mut longest) = (self.now + time, self.sent, Duration::ZERO);
        let mut report_at = self.now + Duration::from_millis(50);
        while self.now < end {
            self.frame += 1;
            let mut at = self.now;
            let mut left = self.estimator.estimate().bytes_in(Duration::from_micros(33_333));
            while left > 0 {
                let bytes = left.min(1200);
                self.send(at, bytes as u32);
                at += self.estimator.pacing().rate.time_for(bytes);
                left -= bytes;
            }
            longest = longest.max(self.free_at.saturating_sub(at));
            self.now += Duration::from_micros(33_333);
            if self.now >= report_at {
                report_at += Duration::from_millis(50);
                self.report();
            }
        }
        ((self.sent - before) * 8.0 / time.as_secs_f64() / self.capacity, longest)
    }

    fn report(&mut self) {
        let seen = self.now.saturating_sub(self.delay);
        let mut packets = Vec::new();
        while let Some((departure, came)) = self.flights.front().copied() {
            let is_known = came.map_or(departure.at + Duration::from_millis(100) < self.start + seen, |at| at <= seen);
            if !is_known {
                break;
            }
            packets.push(PacketResult { departure, arrived: came.map(|at| at.as_micros() as i64) });
            self.flights.pop_front();
        }
        let now = self.start + self.now;
        self.estimator.handle_round_trip(self.delay * 2 + self.free_at.saturating_sub(self.now), now);
        self.estimator.handle_feedback(&TransportFeedback { packets, unreported: 0 }, now);
    }
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_link_is_used_and_its_queue_is_not() {
    for kbps in [300, 600, 1000, 2500] {
        let mut path = Path::new(kbps);
        path.run(seconds(5));
        let (used, longest) = path.run(seconds(30));
        println!("{kbps} kbit/s: used {used:.2}, longest queue {longest:?}");
        assert!((0.85..=1.0).contains(&used), "{kbps} kbit/s: {used}");
        assert!(longest < Duration::from_millis(80), "{kbps} kbit/s: {longest:?}");
    }
}

#[test]
fn a_rise_is_found_within_three_seconds() {
    let mut path = Path::new(600);
    path.run(seconds(20));
    (path.capacity, path.queue) = (2_500_000.0, 2_500_000.0 / 8.0 * 0.3);
    path.run(seconds(3));
    let (used, _) = path.run(seconds(1));
    assert!(used >= 0.85, "{used}");
}

#[test]
fn a_fall_is_followed_at_once_and_its_queue_is_gone_in_seconds() {
    let mut path = Path::new(2500);
    path.run(seconds(20));
    (path.capacity, path.queue) = (600_000.0, 600_000.0 / 8.0 * 0.3);
    path.run(seconds(3));
    let (used, longest) = path.run(seconds(10));
    assert!(longest < Duration::from_millis(80), "{longest:?}");
    assert!(used >= 0.8, "{used}");
}

#[test]
fn chance_loss_costs_no_rate() {
    for per_mille in [50, 100, 300] {
        let mut path = Path::new(2500);
        path.loses = per_mille;
        path.run(seconds(20));
        let (used, _) = path.run(seconds(20));
        println!("{per_mille} of 1000 lost: used {used:.2}, random {:.2}", path.estimator.random_loss());
        assert!(used >= 0.75, "{per_mille}: {used}");
    }
}

#[test]
fn a_way_that_became_longer_is_no_queue_for_long() {
    let mut path = Path::new(2500);
    path.run(seconds(20));
    path.delay = Duration::from_millis(200);
    path.run(seconds(5));
    let (used, _) = path.run(seconds(10));
    assert!(used >= 0.85, "{used}");
}

#[test]
fn what_is_not_used_does_not_grow_and_what_they_take_at_most_binds() {
    let mut path = Path::new(100_000);
    path.run(seconds(10));
    assert_eq!(path.estimator.estimate(), MOST);
    let now = path.start + path.now;
    path.estimator.handle_max_bitrate(Bitrate::from_kbps(700), now);
    assert_eq!(path.estimator.estimate(), Bitrate::from_kbps(700));
    path.run(REMB_HOLDS + seconds(1));
    assert!(path.estimator.estimate() > Bitrate::from_kbps(700), "it was said once, and is forgotten");
}
