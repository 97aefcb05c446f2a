//! What a link bears at most, by how it spreads the packets of a frame.
//!
//! A frame leaves faster than the link may bear: where the link is slower, its packets come with the link's own pauses
//! between them, and where it is not, with ours. So each frame is a probe, and none has to be sent for probing alone.
//! One frame says little, since radios gather packets and systems send in clumps; the middle of a second's frames is
//! what counts. Owner of: the frames of the last second.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use hearth_base::Bitrate;

use crate::peer_connection::{Departure, PacketResult};

/// Fewer packets are no train. Two are a poor one, and all that there is of a frame at some hundred kilobits.
const LEAST_PACKETS: usize = 2;
/// Trains are looked at over so long.
const RECENT: Duration = Duration::from_millis(1200);
/// Trains kept: 30 frames a second of three tracks. Full: the oldest goes.
const TRAINS: usize = 128;
/// Streams whose newest frame is followed. Full: the others' frames are no trains.
const STREAMS: usize = 16;
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
    /// Of each stream: others' packets come between.
    open: BTreeMap<u32, Open>,
    trains: VecDeque<Train>,
}

impl Trains {
    /// A packet came; in the order in which they left.
    pub(super) fn handle(&mut self, result: &PacketResult) {
        let PacketResult { departure, arrived: Some(arrived) } = *result else { return };
        let begun = Open { first: departure, arrived, last: departure, last_arrived: arrived, packets: 1, bytes: 0 };
        let is_room = self.open.len() < STREAMS;
        let ended = match self.open.get_mut(&departure.stream) {
            Some(open) if open.first.time == departure.time => {
                (open.last, open.last_arrived) = (departure, open.last_arrived.max(arrived));
                open.packets += 1;
                open.bytes += u64::from(departure.size);
                return;
            }
            Some(open) => std::mem::replace(open, begun),
            None => {
                if is_room {
                    self.open.insert(departure.stream, begun);
                }
                return;
            }
        };
        if ended.packets >= LEAST_PACKETS {
            self.close(&ended);
        }
    }

    fn close(&mut self, train: &Open) {
        let left = train.last.at.saturating_duration_since(train.first.at).as_secs_f64();
        let came = train.last_arrived.saturating_sub(train.arrived) as f64 / 1e6;
        // A millisecond is what timers and reports are good for.
        if left < 0.001 && came < 0.001 {
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
                let departure = Departure { number: n, size: 1250, stream: 1, time: frame as u32, at: now };
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
