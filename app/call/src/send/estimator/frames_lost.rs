//! How much of a frame is lost at a time: what repair that is sent ahead has to make good.
//!
//! Losses come in crowds, so their mean share says little of one frame. What most of the last frames lost says what the
//! next ones will. Owner of: the frames of the last seconds.

use std::collections::{BTreeMap, VecDeque};

use crate::peer_connection::PacketResult;

/// Moments whose packets are being counted, those of sound among them: reports of losses come a tenth of a second after
/// the others. Full: the oldest is counted as it is.
const OPEN: usize = 64;
/// Frames that are remembered: four seconds at 30 a second.
const FRAMES: usize = 120;
/// Packets of a frame that say what crowds take of one; fewer are sound, or lose half when they lose one.
const LEAST: u32 = 5;
/// Fewer say nothing.
const ENOUGH: usize = 20;
/// This part of them lost no more than is said.
const MOST: f64 = 0.99;

/// Counts losses by frame.
#[derive(Debug, Default)]
pub(super) struct FramesLost {
    /// By time stamp, in the order in which they began: packets, and lost ones. A frame's repair has its time stamp,
    /// and goes by another stream.
    open: VecDeque<(u32, u32, u32)>,
    /// Lost shares, in thousandths.
    shares: VecDeque<u32>,
    /// How many frames have each share.
    counts: BTreeMap<u32, usize>,
}

impl FramesLost {
    pub(super) fn handle(&mut self, result: &PacketResult) {
        let frame = result.departure.time;
        let lost = u32::from(result.arrived.is_none());
        if let Some((_, packets, lost_packets)) = self.open.iter_mut().find(|(of, ..)| *of == frame) {
            *packets += 1;
            *lost_packets += lost;
            return;
        }
        self.open.push_back((frame, 1, lost));
        if self.open.len() > OPEN
            && let Some((_, packets, lost)) = self.open.pop_front()
        {
            self.close(packets, lost);
        }
    }

    fn close(&mut self, packets: u32, lost: u32) {
        if packets < LEAST {
            return;
        }
        let share = lost * 1000 / packets;
        self.shares.push_back(share);
        *self.counts.entry(share).or_default() += 1;
        if self.shares.len() > FRAMES
            && let Some(old) = self.shares.pop_front()
            && let Some(count) = self.counts.get_mut(&old)
        {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&old);
            }
        }
    }

    /// The share that few frames lose more than; nothing before enough is known.
    pub(super) fn share(&self) -> f64 {
        if self.shares.len() < ENOUGH {
            return 0.0;
        }
        let wanted = (self.shares.len() as f64 * MOST) as usize;
        let mut seen = 0;
        for (share, count) in &self.counts {
            seen += count;
            if seen >= wanted {
                return f64::from(*share) / 1000.0;
            }
        }
        0.0
    }

    /// What was lost so far was lost for another reason.
    pub(super) fn disregard(&mut self) {
        self.open.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::peer_connection::Departure;

    /// Frames of ten packets, of which each loses so many.
    fn lose(subject: &mut FramesLost, first: u32, losses: &[u32]) {
        let at = Instant::now();
        for (time, lost) in (first..).zip(losses) {
            for n in 0..10 {
                let departure = Departure { number: 0, size: 1000, stream: 1, sequence: 0, time, at };
                subject.handle(&PacketResult { departure, arrived: (n >= *lost).then_some(0) });
            }
        }
    }

    #[test]
    fn what_few_frames_lose_more_than_is_said_and_forgotten() {
        let mut subject = FramesLost::default();
        lose(&mut subject, 0, &[9; 10]);
        assert_eq!(subject.share(), 0.0, "too few");
        let mut subject = FramesLost::default();
        let mut losses = vec![0; 200];
        losses.iter_mut().step_by(10).for_each(|lost| *lost = 4);
        lose(&mut subject, 0, &losses);
        assert!((subject.share() - 0.4).abs() < 1e-9, "{}", subject.share());
        lose(&mut subject, 1000, &[0; 300]);
        assert_eq!(subject.share(), 0.0);
        assert!(subject.open.len() <= OPEN && subject.shares.len() <= FRAMES && subject.counts.len() <= 2);
    }
}
