//! Which packets to ask for again, and when (RFC 4585 section 6.2.1).
//!
//! A hole is asked for once it is older than the path's reordering, then as soon as the answer should have been there,
//! a bounded number of times, and not beyond the time that a frame waits. Owner of: the holes of one stream. The path's
//! reordering is learnt from packets that came late by themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::{Duration, Instant};

/// Holes remembered. At 2.5 Mbit/s a half-second gap has 130. Full: the oldest is given up.
const HOLES: usize = 256;
/// Times that one packet is asked for. Patience ends before it on all but the shortest paths.
const ASKS: u32 = 8;
/// How long a packet is worth asking for: as long as a frame waits for it.
///
/// Six asks on a path of 100 ms there and back: at 5 % loss both ways, one packet in twenty million stays lost.
pub(crate) const PATIENCE: Duration = Duration::from_millis(500);
/// Round trip before one is known, and the least time between two asks.
const DEFAULT_ROUND_TRIP: Duration = Duration::from_millis(100);
const LEAST_INTERVAL: Duration = Duration::from_millis(20);
/// Bounds of the wait for a packet that is only late.
const LEAST_WAIT: Duration = Duration::from_millis(2);
const LONGEST_WAIT: Duration = Duration::from_millis(50);

/// With repair on the way, a hole waits so long for it: what follows a frame comes within the pause to the next one.
const REPAIR_WAIT: Duration = Duration::from_millis(15);
/// And so long for the rest of it, once some has come.
const REST_OF_REPAIR: Duration = Duration::from_millis(10);
/// Repair that came says so long that frames are followed by it.
const REPAIR_LASTS: Duration = Duration::from_secs(1);

/// The share lost above which more is asked for than is missing, and what each packet weighs in it.
const MUCH: f64 = 0.08;
const SMOOTHING: f64 = 0.01;

#[derive(Debug)]
struct Hole {
    since: Instant,
    due: Instant,
    asks: u32,
    /// First: it may be asked for again before the answer can be there.
    asked: Option<Instant>,
}

/// Finds holes and asks for them.
#[derive(Debug)]
pub(crate) struct NackGenerator {
    highest: Option<u64>,
    holes: BTreeMap<u64, Hole>,
    /// How late packets come by themselves, learnt upwards at once and downwards slowly.
    lateness: Duration,
    /// Packets behind the highest that were made again of repair before anything behind them came.
    ahead: BTreeSet<u64>,
    /// Until when holes may be filled by repair that was sent ahead.
    repaired_until: Option<Instant>,
    /// The share that is lost, smoothed; what repair made good among it.
    loss: f64,
    /// Packets asked for, each ask counted.
    pub(crate) asked: u64,
    /// Packets that came.
    pub(crate) came: u64,
    /// Holes seen.
    pub(crate) lost: u64,
}

impl NackGenerator {
    pub(crate) fn new() -> Self {
        Self {
            highest: None,
            holes: BTreeMap::new(),
            lateness: Duration::from_millis(10),
            ahead: BTreeSet::new(),
            repaired_until: None,
            loss: 0.0,
            asked: 0,
            came: 0,
            lost: 0,
        }
    }

    /// A packet came. `round_trip` tells a late packet from an answered one.
    pub(crate) fn handle_packet(&mut self, sequence: u64, round_trip: Option<Duration>, now: Instant) {
        self.came += 1;
        let Some(highest) = self.highest else {
            self.highest = Some(sequence);
            return;
        };
        if sequence > highest {
            let first = sequence.saturating_sub(HOLES as u64).max(highest + 1);
            // Repair follows its frame; what it fills would be asked for in vain.
            let is_repaired = self.repaired_until.is_some_and(|until| until > now);
            let due = now + if is_repaired { self.wait().max(REPAIR_WAIT) } else { self.wait() };
            let ahead = std::mem::take(&mut self.ahead);
            let missing = sequence - first;
            self.loss += (missing as f64 - self.loss * (missing + 1) as f64) * SMOOTHING;
            self.loss = self.loss.clamp(0.0, 1.0);
            self.add_holes(first..sequence, due, &ahead, now);
            self.highest = Some(sequence);
            self.ahead = ahead.into_iter().filter(|recovered| *recovered > sequence).collect();
        } else if let Some(hole) = self.holes.remove(&sequence) {
            self.on_filled(&hole, round_trip, now);
        }
    }

    /// Repair came, of packets up to this one, so that more of it may. It follows all that it is of: where a crowd of
    /// losses took the end of a frame, nothing else says so before the next frame comes.
    pub(crate) fn handle_repair(&mut self, last: u64, now: Instant) {
        self.repaired_until = Some(now + REPAIR_LASTS);
        let Some(highest) = self.highest.filter(|highest| (1..=HOLES as u64).contains(&last.wrapping_sub(*highest)))
        else {
            return;
        };
        let ahead = std::mem::take(&mut self.ahead);
        (highest..last).for_each(|_| self.loss += (1.0 - self.loss) * SMOOTHING);
        self.add_holes(highest + 1..last + 1, now + self.wait().max(REST_OF_REPAIR), &ahead, now);
        self.highest = Some(last);
        self.ahead = ahead.into_iter().filter(|recovered| *recovered > last).collect();
    }

    /// These have not come and are asked for when it is `due`, but for what was made again of repair.
    fn add_holes(&mut self, missing: Range<u64>, due: Instant, ahead: &BTreeSet<u64>, now: Instant) {
        for missing in missing.filter(|missing| !ahead.contains(missing)) {
            self.lost += 1;
            self.holes.insert(missing, Hole { since: now, due, asks: 0, asked: None });
        }
        while self.holes.len() > HOLES {
            self.holes.pop_first();
        }
    }

    /// A packet was made again of repair: it is neither late nor an answer.
    pub(crate) fn handle_recovered(&mut self, sequence: u64) {
        if self.holes.remove(&sequence).is_some() {
            self.lost = self.lost.saturating_sub(1);
        } else if self.highest.is_some_and(|highest| sequence > highest) {
            self.ahead.insert(sequence);
            while self.ahead.len() > HOLES {
                self.ahead.pop_first();
            }
        }
    }

    fn on_filled(&mut self, hole: &Hole, round_trip: Option<Duration>, now: Instant) {
        let round_trip = round_trip.unwrap_or(DEFAULT_ROUND_TRIP);
        let answered = hole.asked.is_some_and(|asked| now.saturating_duration_since(asked) >= round_trip * 7 / 8);
        if answered {
            self.lateness = self.lateness * 63 / 64;
            return;
        }
        let late = now.saturating_duration_since(hole.since);
        // A little more than the latest seen, so that the next of its kind is not asked for.
        self.lateness = self.lateness.max(late * 9 / 8);
        self.lost = self.lost.saturating_sub(1);
    }

    fn wait(&self) -> Duration {
        self.lateness.clamp(LEAST_WAIT, LONGEST_WAIT)
    }

    /// What is before `sequence` is not needed any more.
    pub(crate) fn forget_before(&mut self, sequence: u64) {
        self.holes = self.holes.split_off(&sequence);
    }

    /// When to call [`Self::poll`].
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.holes.values().map(|hole| hole.due).min()
    }

    /// What to ask for now.
    pub(crate) fn poll(&mut self, round_trip: Option<Duration>, now: Instant) -> Vec<u16> {
        // The answer is as late as the path makes everything: asked again before that, it would come twice.
        let again = (round_trip.unwrap_or(DEFAULT_ROUND_TRIP) * 9 / 8 + self.wait()).max(LEAST_INTERVAL);
        let mut asked = Vec::new();
        let is_lossy = self.loss > MUCH;
        self.holes.retain(|sequence, hole| {
            if hole.due > now {
                return true;
            }
            if hole.asks == ASKS || now.saturating_duration_since(hole.since) >= PATIENCE {
                return false;
            }
            hole.asks += 1;
            hole.asked.get_or_insert(now);
            // Few come to a third ask; those few would freeze the picture, so they are asked for twice as often. Where
            // much is lost, so are asks and answers: half of all that are made in vain.
            hole.due = now + if hole.asks < 3 && !is_lossy { again } else { again / 2 };
            asked.push(*sequence as u16);
            true
        });
        self.asked += asked.len() as u64;
        asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const RTT: Option<Duration> = Some(Duration::from_millis(40));

    #[test]
    fn a_hole_is_asked_for_after_the_wait_and_again_when_the_answer_is_late() {
        let start = Instant::now();
        let mut nack = NackGenerator::new();
        nack.handle_packet(100, RTT, start);
        nack.handle_packet(103, RTT, start);
        assert_eq!(nack.poll_timeout(), Some(start + 10 * MS));
        assert!(nack.poll(RTT, start + 9 * MS).is_empty());
        assert_eq!(nack.poll(RTT, start + 10 * MS), [101, 102]);
        nack.handle_packet(101, RTT, start + 52 * MS);
        assert!(nack.poll(RTT, start + 64 * MS).is_empty());
        assert_eq!(nack.poll(RTT, start + 65 * MS), [102]);
        assert_eq!((nack.asked, nack.lost), (3, 2));
    }

    #[test]
    fn packets_that_are_only_late_teach_the_wait() {
        let start = Instant::now();
        let mut nack = NackGenerator::new();
        nack.handle_packet(1, RTT, start);
        nack.handle_packet(3, RTT, start);
        nack.handle_packet(2, RTT, start + 24 * MS);
        nack.handle_packet(5, RTT, start + 30 * MS);
        assert_eq!(nack.poll_timeout(), Some(start + 57 * MS));
        assert_eq!(nack.lost, 1);
    }

    #[test]
    fn what_the_first_of_two_asks_brings_is_no_late_packet() {
        let start = Instant::now();
        let mut nack = NackGenerator::new();
        // A tenth is lost, so what is missing is asked for twice as often.
        (0..60).for_each(|n| nack.handle_packet(n * 2, RTT, start));
        nack.forget_before(118);
        nack.handle_packet(120, RTT, start);
        assert_eq!(nack.poll(RTT, start + 10 * MS), [119]);
        assert_eq!(nack.poll(RTT, start + 38 * MS), [119], "asked again before the answer can be there");
        nack.handle_packet(119, RTT, start + 51 * MS);
        nack.handle_packet(122, RTT, start + 60 * MS);
        assert_eq!(nack.poll_timeout(), Some(start + 60 * MS + nack.wait()));
        assert!(nack.wait() <= 10 * MS, "{:?}", nack.wait());
    }

    #[test]
    fn repair_tells_of_the_end_of_its_frame() {
        let start = Instant::now();
        let mut nack = NackGenerator::new();
        nack.handle_packet(5, RTT, start);
        nack.handle_repair(8, start + 3 * MS);
        assert_eq!((nack.lost, nack.poll_timeout()), (3, Some(start + 13 * MS)));
        nack.handle_recovered(6);
        nack.handle_packet(7, RTT, start + 4 * MS);
        assert_eq!(nack.poll(RTT, start + 13 * MS), [8], "one was made again, one was only late");
        nack.handle_packet(9, RTT, start + 20 * MS);
        assert_eq!(nack.holes.len(), 1, "what comes next is no hole");
        // What repair says of numbers far ahead, or behind, is not believed.
        nack.handle_repair(9 + HOLES as u64 + 1, start + 21 * MS);
        nack.handle_repair(3, start + 21 * MS);
        assert_eq!((nack.highest, nack.holes.len()), (Some(9), 1));
    }

    #[test]
    fn asks_and_holes_are_bounded() {
        let start = Instant::now();
        let mut nack = NackGenerator::new();
        nack.handle_packet(1, RTT, start);
        nack.handle_packet(1_000_000, RTT, start);
        assert_eq!(nack.holes.len(), HOLES);
        let mut asked = 0;
        for ms in 0..2000 {
            asked += nack.poll(Some(MS), start + ms * MS).len();
        }
        assert_eq!(asked, HOLES * ASKS as usize);
        assert_eq!(nack.poll_timeout(), None);
    }
}
