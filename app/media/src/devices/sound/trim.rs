//! Keeps a ring between two clocks at its level: by how much the next block should be stretched.
//!
//! A sound card's second is not ours, and its callbacks come in lumps. What counts is how little was left in the ring
//! at worst within a second: this much is waiting for nothing. What is a little off is left alone: a busy computer
//! makes it waver, and an echo canceller must learn again whatever the stretching follows. Owner of: that minimum, and
//! the level aimed at, which grows when the ring ran dry and comes down slowly. Knows neither ring nor clock: one call
//! a turn.

/// Turns from one correction to the next.
const WINDOW: u32 = 100;
/// Seconds of sound by which the level may be off before anything is done.
const LEFT_ALONE: f64 = 0.0025;
/// The share of the error beyond that which is taken back until the next correction. A clock that is 100 ppm off is
/// followed at an error of one more millisecond.
const SHARE: f64 = 0.1;
/// No ear hears half a percent.
const MOST: f64 = 0.005;
/// Turns without an accident until the level comes down a step.
const CALM: u32 = 1000;

/// Levels, in samples at the device's rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Levels {
    /// Aimed at in the beginning.
    pub(super) least: usize,
    /// Aimed at in the worst case.
    pub(super) most: usize,
    /// What it goes up by when the ring ran dry, and four times what it comes down by.
    pub(super) step: usize,
    /// So far above the aim everything is too late: it is thrown away rather than played faster.
    pub(super) excess: usize,
}

/// What should be done in this turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Correction {
    /// What steps are multiplied by: above 1 empties a ring that is read.
    pub(super) factor: f64,
    /// Samples to throw away at once.
    pub(super) throw: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Trim {
    levels: Levels,
    aim: usize,
    lowest: usize,
    turns: u32,
    calm: u32,
    factor: f64,
    /// Samples in [`WINDOW`] turns.
    window: f64,
}

impl Trim {
    pub(super) fn new(levels: Levels, rate: u32) -> Self {
        let window = f64::from(rate) * f64::from(WINDOW) / 100.0;
        Self { levels, aim: levels.least, lowest: usize::MAX, turns: 0, calm: 0, factor: 1.0, window }
    }

    /// The level aimed at.
    pub(super) fn aim(&self) -> usize {
        self.aim
    }

    /// The ring ran dry: it is filled to the aim again before anything is read.
    pub(super) fn handle_dry(&mut self) {
        self.aim = (self.aim + self.levels.step).min(self.levels.most);
        self.begin();
    }

    /// This much was left in the ring in this turn, beyond what the turn took.
    pub(super) fn handle_spare(&mut self, spare: usize) -> Correction {
        self.lowest = self.lowest.min(spare);
        self.turns += 1;
        self.calm += 1;
        if self.calm >= CALM {
            self.calm = 0;
            self.aim = self.aim.saturating_sub(self.levels.step / 4).max(self.levels.least);
        }
        if self.turns < WINDOW {
            return Correction { factor: self.factor, throw: 0 };
        }
        let lowest = self.lowest;
        if lowest > self.aim + self.levels.excess {
            self.begin();
            return Correction { factor: 1.0, throw: lowest - self.aim };
        }
        let error = lowest as f64 - self.aim as f64;
        let beyond = (error.abs() - LEFT_ALONE * self.window).max(0.0).copysign(error);
        self.factor = 1.0 + (beyond * SHARE / self.window).clamp(-MOST, MOST);
        (self.turns, self.lowest) = (0, usize::MAX);
        Correction { factor: self.factor, throw: 0 }
    }

    fn begin(&mut self) {
        (self.turns, self.lowest, self.calm, self.factor) = (0, usize::MAX, 0, 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVELS: Levels = Levels { least: 240, most: 1440, step: 240, excess: 1440 };

    /// A ring that is filled by a clock that is `ppm` fast, read by ours; what was left in it at the end.
    fn run(ppm: f64, turns: u32, begin: f64) -> (f64, f64) {
        let mut trim = Trim::new(LEVELS, 48_000);
        let (mut level, mut factor) = (begin, 1.0);
        for _ in 0..turns {
            level += 480.0 * (1.0 + ppm / 1e6) - 480.0 * factor;
            let correction = trim.handle_spare(level.max(0.0) as usize);
            level -= correction.throw as f64;
            factor = correction.factor;
        }
        (level, factor)
    }

    #[test]
    fn a_fast_or_slow_clock_is_followed_and_the_level_stays() {
        for ppm in [-200.0, -50.0, 50.0, 200.0] {
            let (level, factor) = run(ppm, 12_000, 300.0);
            assert!((level - 240.0).abs() < 260.0, "{ppm} ppm: {level}");
            assert!(((factor - 1.0) * 1e6 - ppm).abs() < 20.0, "{ppm} ppm: {factor}");
        }
    }

    #[test]
    fn what_wavers_a_little_is_left_alone() {
        let mut trim = Trim::new(LEVELS, 48_000);
        for n in 0..5000_usize {
            assert_eq!(trim.handle_spare(240 + n * 7 % 90).factor, 1.0);
        }
    }

    #[test]
    fn what_is_far_too_late_is_thrown_away_at_once() {
        let (level, _) = run(0.0, 101, 5000.0);
        assert!((level - 240.0).abs() < 5.0, "{level}");
    }

    #[test]
    fn a_ring_that_runs_dry_is_held_fuller_for_a_while() {
        let mut trim = Trim::new(LEVELS, 48_000);
        (0..9).for_each(|_| trim.handle_dry());
        assert_eq!(trim.aim(), 1440);
        (0..30_000).for_each(|_| {
            trim.handle_spare(1440);
        });
        assert_eq!(trim.aim(), 240);
    }
}
