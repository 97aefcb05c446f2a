//! How much came in a time: what was sent, and what of it arrived.
//!
//! Owner of: the packets of the last half second.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use hearth_base::Bitrate;

use crate::peer_connection::PacketResult;

/// A rate is that of so long: longer than the pause between two frames by far.
const WINDOW: i64 = 400_000;
/// Of a link that is busy, so much is enough: what waits is seen over as long, so the link was busy all the while.
const LAST: i64 = 100_000;
/// And over so many packets: fewer are one frame more or less, and the least of several such figures is far below what
/// comes.
const LAST_PACKETS: usize = 12;
/// Less says nothing.
const LEAST: i64 = 60_000;
/// Packets kept. Full: the oldest goes.
const PACKETS: usize = 1024;

/// Packets by when they came, in their order, by the other side's clock.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    packets: VecDeque<(i64, u32)>,
    newest: i64,
}

impl Arrivals {
    pub(super) fn handle(&mut self, at: i64, size: u32) {
        self.newest = if self.packets.is_empty() { at } else { self.newest.max(at) };
        self.packets.push_back((at, size));
        let old = |(at, _): &(i64, u32)| self.newest.saturating_sub(*at) > WINDOW;
        while self.packets.len() > PACKETS || self.packets.front().is_some_and(old) {
            self.packets.pop_front();
        }
    }

    /// What came a second, once there is enough to tell.
    pub(super) fn rate(&self) -> Option<Bitrate> {
        self.rate_of(WINDOW)
    }

    /// The same of the very last: of a link that is busy all the while, that is enough.
    pub(super) fn last_rate(&self) -> Option<Bitrate> {
        let mut times: Vec<i64> = self.packets.iter().map(|(at, _)| *at).collect();
        times.sort_unstable();
        let before = times.len().checked_sub(LAST_PACKETS + 1).and_then(|index| times.get(index));
        let time = before.map_or(WINDOW, |at| self.newest.saturating_sub(*at));
        self.rate_of(time.max(LAST))
    }

    fn rate_of(&self, window: i64) -> Option<Bitrate> {
        let recent = || self.packets.iter().filter(|(at, _)| self.newest.saturating_sub(*at) <= window);
        let first = recent().map(|(at, _)| *at).min()?;
        let span = self.newest.saturating_sub(first);
        if span < LEAST {
            return None;
        }
        // The first packet's own time lies before the span.
        let bytes: u64 = recent().skip(1).map(|(_, size)| u64::from(*size)).sum();
        Some(Bitrate::from_bps((bytes as f64 * 8e6 / span as f64) as u64))
    }
}

/// What left in the last while, by our clock.
#[derive(Debug, Default)]
pub(super) struct Sendings {
    packets: VecDeque<(Instant, u32)>,
}

impl Sendings {
    pub(super) fn handle(&mut self, at: Instant, size: u32) {
        let window = Duration::from_micros(WINDOW.unsigned_abs());
        self.packets.push_back((at, size));
        while self.packets.len() > PACKETS
            || self.packets.front().is_some_and(|(first, _)| at.saturating_duration_since(*first) > window)
        {
            self.packets.pop_front();
        }
    }

    /// What left a second.
    pub(super) fn rate(&self) -> Option<Bitrate> {
        let span = self.packets.back()?.0.saturating_duration_since(self.packets.front()?.0);
        if span < Duration::from_micros(LEAST.unsigned_abs()) {
            return None;
        }
        let bytes: u64 = self.packets.iter().skip(1).map(|(_, size)| u64::from(*size)).sum();
        Some(Bitrate::from_bps((bytes as f64 * 8.0 / span.as_secs_f64()) as u64))
    }
}

/// What left from some moment on, and how much of it came.
#[derive(Debug)]
pub(super) struct Flow {
    since: Instant,
    /// When the first and the last left, and came.
    left: Option<(Instant, Instant)>,
    arrived: Option<(i64, i64)>,
    /// Without the first one of either.
    sent: u64,
    came: u64,
}

impl Flow {
    pub(super) fn new(since: Instant) -> Self {
        Self { since, left: None, arrived: None, sent: 0, came: 0 }
    }

    pub(super) fn handle(&mut self, result: &PacketResult) {
        let PacketResult { departure, arrived } = *result;
        if departure.at < self.since {
            return;
        }
        self.left = Some(match self.left {
            Some((first, last)) => {
                self.sent += u64::from(departure.size);
                (first.min(departure.at), last.max(departure.at))
            }
            None => (departure.at, departure.at),
        });
        let Some(at) = arrived else { return };
        self.arrived = Some(match self.arrived {
            Some((first, last)) => {
                self.came += u64::from(departure.size);
                (first.min(at), last.max(at))
            }
            None => (at, at),
        });
    }

    /// So many bytes left of which no report says what became of them.
    pub(super) fn handle_unreported(&mut self, bytes: u64) {
        if self.left.is_some() {
            self.sent += bytes;
            self.came += bytes;
        }
    }

    /// Bits a second that left and that came, once there is enough of both to tell.
    pub(super) fn rates(&self) -> Option<(f64, f64)> {
        let (first, last) = self.left?;
        let (first_came, last_came) = self.arrived?;
        let (left, came) = (last.saturating_duration_since(first), last_came.saturating_sub(first_came));
        let enough = Duration::from_micros(LAST.unsigned_abs());
        let is_enough = left >= enough && came >= LAST;
        is_enough.then(|| (self.sent as f64 * 8.0 / left.as_secs_f64(), self.came as f64 * 8e6 / came as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_the_last_while() {
        let mut arrivals = Arrivals::default();
        let (start, mut sendings) = (Instant::now(), Sendings::default());
        assert_eq!((arrivals.rate(), sendings.rate()), (None, None));
        for (ms, size) in (0..1000_u32).step_by(10).map(|ms| (ms, if ms < 500 { 1250 } else { 125 })) {
            arrivals.handle(i64::from(ms) * 1000, size);
            sendings.handle(start + Duration::from_millis(u64::from(ms)), size);
        }
        assert_eq!(arrivals.rate(), Some(Bitrate::from_kbps(100)));
        assert_eq!(sendings.rate(), Some(Bitrate::from_kbps(100)));
    }
}
