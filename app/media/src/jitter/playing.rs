//! What is played next: a packet, its redundancy, a guess or silence; and the small lies about time.
//!
//! Owner of: nothing of its own; these are the decisions of [`JitterBuffer::pull`].

use std::time::Duration;

use hearth_base::AudioBlock;

use super::{BLOCK, JitterBuffer, Playing, Playout, PlayoutKind, PlayoutPhase, silence};

/// So many blocks are guessed when nothing comes at all; libopus has faded its guess away by then.
const STARVED: u32 = 6;
/// So far beyond the target the delay may grow by waiting, microseconds; then time goes on, and what is late is lost.
const PATIENCE: i64 = 40_000;
/// The delay is left alone while it is this near to its target, microseconds: more than a block, or it would swing.
const TOO_LONG: i64 = 15_000;
const TOO_SHORT: i64 = 10_000;
/// Beyond the target by this much, not only quiet blocks are left out.
const MUCH_TOO_LONG: i64 = 60_000;
/// A block of less power than this is quiet (-46 dB of full scale): a click in it is not heard.
const QUIET: f32 = 0.000_025;
/// Blocks between two changes of the delay, so that the ear hears a blend and not a buzz.
const SETTLE: u32 = 10;
const SETTLE_MUCH: u32 = 2;
/// A gap longer than this (150 ms in samples) is not guessed any more: what comes behind it need not wait for its end.
const PAUSE: i64 = 7_200;
/// libopus guesses in units of 2.5 ms.
const UNIT: i64 = 120;

impl JitterBuffer {
    pub(super) fn play(&mut self, mut playing: Playing, now: i64) -> Playout {
        playing.settle = playing.settle.saturating_sub(1);
        let ahead = self.held(&playing, now).saturating_sub(self.delay.target());
        if ahead < -TOO_SHORT && playing.quiet && playing.settle == 0 {
            self.put_in(&mut playing);
        }
        let playout = self.next_block(&mut playing, now);
        playing.quiet = is_quiet(&playout);
        self.phase = PlayoutPhase::Playing(playing);
        if playing.starved >= STARVED {
            self.pending.clear();
            self.phase = PlayoutPhase::Idle;
            return playout;
        }
        let much = ahead > MUCH_TOO_LONG;
        if playing.settle == 0 && ahead > TOO_LONG && (much || playing.quiet) {
            return self.leave_out(playing, playout, now, if much { SETTLE_MUCH } else { SETTLE });
        }
        playout
    }

    /// The block after `first` is blended into it: ten milliseconds less.
    fn leave_out(&mut self, mut playing: Playing, first: Playout, now: i64, settle: u32) -> Playout {
        let waiting = self.queue.samples() + self.pending.len() as i64;
        if waiting < BLOCK || playing.starved > 0 {
            return first;
        }
        let second = self.next_block(&mut playing, now);
        playing.settle = settle;
        self.phase = PlayoutPhase::Playing(playing);
        self.counters.left_out += 1;
        let mut samples = first.samples;
        for (n, (one, two)) in samples.iter_mut().zip(second.samples).enumerate() {
            let share = n as f32 / AudioBlock::LEN as f32;
            *one = *one * (1.0 - share) + two * share;
        }
        Playout { samples, kind: first.kind.max(second.kind) }
    }

    fn next_block(&mut self, playing: &mut Playing, now: i64) -> Playout {
        // Ends: each step adds at least 2.5 ms.
        for _ in 0..=BLOCK / UNIT {
            if let Some(block) = self.pending.take() {
                return block;
            }
            self.decode_more(playing, now);
        }
        silence()
    }

    fn decode_more(&mut self, playing: &mut Playing, now: i64) {
        let Some(front) = self.queue.front() else { return self.starve(playing, now) };
        let (time, samples, sequence) = (front.time, front.samples, front.sequence);
        let gap = time.saturating_sub(playing.next);
        let held = self.held(playing, now).saturating_sub(self.delay.target());
        playing.starved = 0;
        if gap <= 0 {
            self.decode_front(playing, now);
        } else if sequence == playing.sequence.wrapping_add(1) {
            self.pause(playing, gap, held, PlayoutKind::Silence);
        } else if gap > PAUSE {
            self.pause(playing, gap, held, PlayoutKind::Concealed);
        } else {
            self.repair(playing, gap, samples);
        }
    }

    fn decode_front(&mut self, playing: &mut Playing, now: i64) {
        let Some(packet) = self.queue.pop() else { return };
        let room = self.pending.room();
        let (length, kind) = match self.decoder.decode(&packet.payload, room) {
            Ok(length) => {
                let each = |micros: i64| Duration::from_micros(micros.max(0).unsigned_abs()) * length as u32;
                let counted = &mut self.counters.samples;
                counted.emitted += length as u64;
                counted.waited = counted.waited.saturating_add(each(now.saturating_sub(packet.arrived)));
                counted.meant = counted.meant.saturating_add(each(self.delay.target()));
                (length, PlayoutKind::Normal)
            }
            Err(_) => {
                self.counters.refused += 1;
                let length = packet.samples as usize;
                room.iter_mut().take(length).for_each(|sample| *sample = 0.0);
                (length, PlayoutKind::Concealed)
            }
        };
        self.pending.add(length, kind);
        playing.next = packet.time.saturating_add(length as i64);
        playing.sequence = packet.sequence;
    }

    /// Something was lost: the packet behind the gap may carry the last of it, the rest is guessed.
    fn repair(&mut self, playing: &mut Playing, gap: i64, samples: i64) {
        let Some(front) = self.queue.front() else { return };
        let carried = self.decoder.recoverable(&front.payload) as i64;
        let room = self.pending.room();
        if carried == gap
            && let Some(room) = room.get_mut(..gap as usize)
            && self.decoder.recover(&front.payload, room).is_ok()
        {
            self.pending.add(gap as usize, PlayoutKind::Fec);
            playing.next = playing.next.saturating_add(gap);
            return;
        }
        let guessed = if carried > 0 && gap > carried { gap - carried } else { gap.min(samples) };
        self.guess(guessed.min(BLOCK));
        playing.next = playing.next.saturating_add(guessed.min(BLOCK));
    }

    /// Adds a guess of so many samples (rounded up to what libopus takes, the rest is cut).
    fn guess(&mut self, samples: i64) {
        let whole = samples.div_euclid(UNIT).max(1) * UNIT;
        let room = self.pending.room();
        if let Some(room) = room.get_mut(..whole as usize)
            && self.decoder.conceal(room).is_err()
        {
            room.fill(0.0);
        }
        self.pending.add(samples.min(whole).max(1) as usize, PlayoutKind::Concealed);
    }

    /// The sender paused, or much was lost: silence until the next packet is due, not longer.
    fn pause(&mut self, playing: &mut Playing, gap: i64, held: i64, kind: PlayoutKind) {
        // Beyond the target, the pause is where to make up for it.
        let late = (held.max(0) / 125).saturating_mul(6);
        let skipped = late.min(gap);
        playing.next = playing.next.saturating_add(skipped);
        let silent = (gap - skipped).min(BLOCK) as usize;
        if let Some(room) = self.pending.room().get_mut(..silent) {
            room.fill(0.0);
        }
        self.pending.add(silent, kind);
        playing.next = playing.next.saturating_add(silent as i64);
    }

    /// Nothing is there. A little patience: it may be late and not lost.
    fn starve(&mut self, playing: &mut Playing, now: i64) {
        let waited = self.held(playing, now).saturating_sub(self.delay.target());
        playing.starved += 1;
        self.guess(BLOCK);
        if waited < PATIENCE {
            self.counters.put_in += 1;
        } else {
            playing.next = playing.next.saturating_add(BLOCK);
        }
    }

    /// The delay is too short for what packets do, and nobody speaks: ten milliseconds more.
    fn put_in(&mut self, playing: &mut Playing) {
        // A rest of less than a block stays for good once a gap was no whole number of blocks; the guess goes behind
        // it.
        if self.pending.len() as i64 >= BLOCK {
            return;
        }
        self.counters.put_in += 1;
        playing.settle = SETTLE;
        self.guess(BLOCK);
    }
}

fn is_quiet(playout: &Playout) -> bool {
    let power = playout.samples.iter().map(|sample| sample * sample).sum::<f32>() / AudioBlock::LEN as f32;
    power < QUIET || playout.kind == PlayoutKind::Concealed
}

#[cfg(test)]
mod tests {
    use super::super::micros;
    use super::*;

    #[test]
    fn constants_mean_what_they_say() {
        assert_eq!(micros(PAUSE), 150_000);
        assert_eq!(micros(BLOCK * i64::from(STARVED)), 60_000);
    }
}
