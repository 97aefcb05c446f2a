//! How long packets wait on the way, by how much longer they took than the fastest of late.
//!
//! The clocks of both ends have nothing in common but their speed, so one way alone has no length; the difference
//! between two packets' ways has. Owner of: the fastest way of the last half minute, and the waits of the last tenth of
//! a second.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long the fastest way is believed: clocks run apart by 50 millionths at most, which is 1.5 ms in it.
const BASE: Duration = Duration::from_secs(30);
/// The fastest way is kept for each of these, so that memory does not grow with the rate.
const BUCKET: Duration = Duration::from_secs(1);
/// Waits are looked at over so long, microseconds: three frames at 30 a second. The last packet of a frame waits for
/// those before it, so the least of three frames is what waits always. By when they came and not by when they left:
/// what left last into a queue that grows comes much later.
const RECENT: i64 = 100_000;
/// Waits kept. Full: the oldest goes.
const WAITS: usize = 512;

/// Ways of packets.
#[derive(Debug, Default)]
pub(super) struct QueueDelay {
    /// Of our clock; the other's is as it comes.
    zero: Option<Instant>,
    /// When a bucket began, and the fastest way in it, microseconds.
    fastest: VecDeque<(Instant, i64)>,
    /// The fastest way before the last that was accepted, microseconds.
    before: Option<i64>,
    /// When a packet came, and its way.
    recent: VecDeque<(i64, i64)>,
}

impl QueueDelay {
    /// A packet left at `sent` and came at `arrived`, microseconds of the other clock.
    pub(super) fn handle_arrival(&mut self, sent: Instant, arrived: i64) {
        let zero = *self.zero.get_or_insert(sent);
        let left = i64::try_from(sent.saturating_duration_since(zero).as_micros()).unwrap_or(i64::MAX);
        let way = arrived.saturating_sub(left);
        match self.fastest.back_mut() {
            Some((began, fastest)) if sent.saturating_duration_since(*began) < BUCKET => *fastest = way.min(*fastest),
            Some(_) | None => self.fastest.push_back((sent, way)),
        }
        while self.fastest.front().is_some_and(|(began, _)| sent.saturating_duration_since(*began) > BASE) {
            self.fastest.pop_front();
        }
        self.recent.push_back((arrived, way));
        let old = |(at, _): &(i64, i64)| arrived.saturating_sub(*at) > RECENT;
        while self.recent.len() > WAITS || self.recent.front().is_some_and(old) {
            self.recent.pop_front();
        }
    }

    /// What every packet of the last frames waited; `None` before the first.
    pub(super) fn standing(&self) -> Option<Duration> {
        let base = self.fastest.iter().map(|(_, way)| *way).min()?;
        let least = self.recent.iter().map(|(_, way)| *way).min()?;
        Some(Duration::from_micros(least.saturating_sub(base).unsigned_abs()))
    }

    /// The same by the fastest way of all, accepted ones aside.
    pub(super) fn whole(&self) -> Option<Duration> {
        let base = self.fastest.iter().map(|(_, way)| *way).chain(self.before).min()?;
        let least = self.recent.iter().map(|(_, way)| *way).min()?;
        Some(Duration::from_micros(least.saturating_sub(base).unsigned_abs()))
    }

    /// Nobody else fills the queue any more: the fastest way is what it was.
    pub(super) fn restore(&mut self) {
        if let Some((before, (_, fastest))) = self.before.take().zip(self.fastest.front_mut()) {
            *fastest = before.min(*fastest);
        }
    }

    /// What waits is not ours: from now on, this way is the fastest.
    pub(super) fn accept(&mut self) {
        let base = self.fastest.iter().map(|(_, way)| *way).min();
        self.before = self.before.into_iter().chain(base).min();
        let newest = self.fastest.back().map(|(began, _)| *began);
        let least = self.recent.iter().map(|(_, way)| *way).min();
        if let Some(now_fastest) = newest.zip(least) {
            self.fastest.clear();
            self.fastest.push_back(now_fastest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1000;

    /// Packets each 10 ms that wait so long, from `ms` on.
    fn send(subject: &mut QueueDelay, start: Instant, ms: u64, waits: &[i64]) {
        for (n, wait) in waits.iter().enumerate() {
            let at = ms + 10 * n as u64;
            // The other clock is three hours behind.
            let arrived = at as i64 * MS + 25 * MS + wait * MS - 3 * 3_600_000 * MS;
            subject.handle_arrival(start + Duration::from_millis(at), arrived);
        }
    }

    #[test]
    fn what_every_packet_waits_is_a_queue_and_what_one_waits_is_none() {
        let (start, mut subject) = (Instant::now(), QueueDelay::default());
        assert_eq!(subject.standing(), None);
        send(&mut subject, start, 0, &[0; 20]);
        assert_eq!(subject.standing(), Some(Duration::ZERO));
        send(&mut subject, start, 200, &[0, 10, 20, 0, 10, 20, 0, 10, 20]);
        assert_eq!(subject.standing(), Some(Duration::ZERO), "frames wait for themselves");
        send(&mut subject, start, 300, &[40, 50, 60, 40, 50, 60, 40, 50, 60, 40, 50]);
        assert_eq!(subject.standing(), Some(Duration::from_millis(40)));
    }

    #[test]
    fn a_way_that_became_longer_is_the_fastest_after_half_a_minute_or_when_it_is_accepted() {
        let (start, mut subject) = (Instant::now(), QueueDelay::default());
        send(&mut subject, start, 0, &[0; 20]);
        send(&mut subject, start, 200, &[80; 2900]);
        assert_eq!(subject.standing(), Some(Duration::from_millis(80)));
        send(&mut subject, start, 29_200, &[80; 300]);
        assert_eq!(subject.standing(), Some(Duration::ZERO));
        send(&mut subject, start, 32_200, &[130; 20]);
        assert_eq!(subject.standing(), Some(Duration::from_millis(50)));
        subject.accept();
        send(&mut subject, start, 32_400, &[131; 20]);
        assert_eq!(subject.standing(), Some(Duration::from_millis(1)));
        assert!(subject.fastest.len() <= 31 && subject.recent.len() <= WAITS);
    }
}
