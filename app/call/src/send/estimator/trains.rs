//! What a link bears at most, by how it spreads the packets of a frame.
//!
//! A frame leaves faster than the link may bear: where the link is slower, its packets come with the link's own pauses
//! between them, and where it is not, with ours. So each frame is a probe, and none has to be sent for probing alone.
//! One frame says little, since radios gather packets and systems send in clumps; the middle of a second's frames is
//! what counts. Owner of: the frames of the last second.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use hearth_base::Bitrate;

use crate::peer_connection::{Departure, PacketResult};

/// Fewer packets are no train. Two are a poor one, and all that there is of a frame at some hundred kilobits.
const LEAST_PACKETS: usize = 2;
/// Fewer bytes behind the first packet are sound.
const LEAST_BYTES: u64 = 500;
/// Trains are looked at over so long.
const RECENT: Duration = Duration::from_millis(1200);
/// Trains kept: 30 frames a second of three tracks. Full: the oldest goes.
const TRAINS: usize = 128;
/// Frames that are followed at a time: those of sound and of repair come between the packets of one. Full: the oldest
/// is over.
const OPEN: usize = 24;
/// Nothing of a frame leaves so long after the rest of it, but at rates of which trains say nothing.
const PAUSE: Duration = Duration::from_millis(20);
/// Trains that say something together.
const ENOUGH: usize = 4;
/// A train that comes this much slower than it left was spread by the link.
const SPREAD: f64 = 0.9;

/// What the trains say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Capacity {
    /// So much at least: trains of this rate pass as they are.
    AtLeast(Bitrate),
    /// This much: faster trains come at this rate.
    About(Bitrate),
}

#[derive(Clone, Copy, Debug)]
struct Train {
    at: Instant,
    left: f64,
    came: f64,
}

/// Packets of one frame.
#[derive(Clone, Copy, Debug)]
struct Open {
    first: Departure,
    arrived: i64,
    last: Departure,
    last_arrived: i64,
    packets: usize,
    /// Without the first packet.
    bytes: u64,
}

/// Trains of packets.
#[derive(Debug, Default)]
pub(super) struct Trains {
    /// In the order in which they began.
    open: VecDeque<Open>,
    trains: VecDeque<Train>,
}

impl Trains {
    /// A packet came; in the order in which they left.
    pub(super) fn handle(&mut self, result: &PacketResult) {
        let PacketResult { departure, arrived: Some(arrived) } = *result else { return };
        let frame = (departure.stream, departure.time);
        if let Some(open) = self.open.iter_mut().find(|open| (open.first.stream, open.first.time) == frame) {
            (open.last, open.last_arrived) = (departure, open.last_arrived.max(arrived));
            open.packets += 1;
            open.bytes += u64::from(departure.size);
            return;
        }
        self.open.push_back(Open {
            first: departure,
            arrived,
            last: departure,
            last_arrived: arrived,
            packets: 1,
            bytes: 0,
        });
        let is_over = |open: &Open| departure.at.saturating_duration_since(open.last.at) > PAUSE;
        while self.open.len() > OPEN || self.open.front().is_some_and(is_over) {
            let Some(ended) = self.open.pop_front() else { return };
            if ended.packets >= LEAST_PACKETS {
                self.close(&ended);
            }
        }
    }

    fn close(&mut self, train: &Open) {
        let left = train.last.at.saturating_duration_since(train.first.at).as_secs_f64();
        let came = train.last_arrived.saturating_sub(train.arrived) as f64 / 1e6;
        // A millisecond is what timers and reports are good for, and what is short is held up by what is not.
        if left < 0.001 && came < 0.001 || train.bytes < LEAST_BYTES {
            return;
        }
        let bits = train.bytes as f64 * 8.0;
        let at = train.last.at;
        self.trains.push_back(Train { at, left: bits / left.max(0.001), came: bits / came.max(0.001) });
        let old = |train: &Train| at.saturating_duration_since(train.at) > RECENT;
        while self.trains.len() > TRAINS || self.trains.front().is_some_and(old) {
            self.trains.pop_front();
        }
    }

    /// What they say together; `None` where too few came of late.
    pub(super) fn capacity(&self, now: Instant) -> Option<Capacity> {
        let recent = || self.trains.iter().filter(|train| now.saturating_duration_since(train.at) < RECENT);
        let (mut spread, mut whole) = (Vec::new(), Vec::new());
        for train in recent() {
            if train.came < train.left * SPREAD {
                spread.push(train.came);
            } else {
                whole.push(train.left);
            }
        }
        if spread.len() + whole.len() < ENOUGH {
            return None;
        }
        let rate = |rates: &mut Vec<f64>| Bitrate::from_bps(middle(rates) as u64);
        Some(if spread.len() >= whole.len() {
            Capacity::About(rate(&mut spread))
        } else {
            Capacity::AtLeast(rate(&mut whole))
        })
    }

    /// Trains of before say nothing any more.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

fn middle(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of six packets of 1250 bytes that leave at 5 Mbit/s, 2 ms apart, and come `pauses` microseconds apart.
    fn after(pauses: &[i64]) -> (Option<Capacity>, usize) {
        let (start, mut trains) = (Instant::now(), Trains::default());
        let mut now = start;
        for (frame, pause) in pauses.iter().enumerate() {
            for n in 0..6_u64 {
                now = start + Duration::from_millis(33 * frame as u64 + 2 * n);
                let departure =
                    Departure { number: n, size: 1250, stream: 1, sequence: 0, time: frame as u32, at: now };
                let arrived = Some(33_000 * frame as i64 + pause * n as i64);
                trains.handle(&PacketResult { departure, arrived });
            }
        }
        (trains.capacity(now), trains.trains.len())
    }

    #[test]
    fn trains_that_pass_as_they_are_show_room_and_spread_ones_the_rate_of_the_link() {
        assert_eq!(after(&[2000; 4]).0, None, "three trains are over");
        assert_eq!(after(&[2000; 9]).0, Some(Capacity::AtLeast(Bitrate::from_kbps(5000))));
        assert_eq!(after(&[5000; 9]).0, Some(Capacity::About(Bitrate::from_kbps(2000))));
    }

    #[test]
    fn some_trains_that_were_gathered_or_held_up_change_nothing() {
        assert_eq!(
            after(&[5000, 0, 5000, 5000, 20_000, 5000, 0, 5000, 5000]).0,
            Some(Capacity::About(Bitrate::from_kbps(2000)))
        );
        assert_eq!(
            after(&[2000, 9000, 2000, 2000, 9000, 2000, 0, 2000]).0,
            Some(Capacity::AtLeast(Bitrate::from_kbps(5000)))
        );
    }

    #[test]
    fn trains_are_forgotten_with_time() {
        assert!(after(&[2000; 500]).1 <= 40);
        let mut trains = Trains::default();
        trains.forget();
        assert_eq!(trains.capacity(Instant::now()), None);
    }
}
