//! How loud somebody is, and whether they speak.
//!
//! Owner of: the level, the floor of noise under it, and how long it has been loud or quiet. Takes ten milliseconds at
//! a time; knows no clock.

use hearth_base::Level;

/// Decibels that a level falls by in ten milliseconds: 60 in a second, so that an eye can follow.
const FALL: f32 = 0.6;
/// Decibels that the floor rises by in ten milliseconds: 3 in a second. A pause brings it down at once, so only what
/// never pauses, such as a fan, becomes floor.
const FLOOR_RISE: f32 = 0.03;
/// Decibels above the floor that are speech.
const ABOVE_FLOOR: f32 = 12.0;
/// Quieter than this nothing is speech, however quiet the room.
const QUIETEST: f32 = -50.0;
/// What begins to speak must be loud for so many blocks: a click is not.
const BEGINS: u32 = 3;
/// Who speaks may be quiet for so many blocks: the longest gap within a word.
const ENDS: u32 = 40;
/// Decibels between the loudness that begins speech and the one that holds it.
const HOLDS: f32 = 4.0;

/// A meter for one voice.
#[derive(Clone, Copy, Debug)]
pub struct Meter {
    decibels: f32,
    floor: f32,
    is_speaking: bool,
    /// Blocks in a row that speak against what is held to be so.
    against: u32,
}

impl Meter {
    /// A meter that has heard nothing.
    pub fn new() -> Self {
        Self { decibels: -96.0, floor: -96.0, is_speaking: false, against: 0 }
    }

    /// Ten milliseconds.
    pub fn hear(&mut self, samples: &[f32]) {
        let power = samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len().max(1) as f32;
        let now = if power.is_finite() { (10.0 * power.max(1e-10).log10()).max(-96.0) } else { -96.0 };
        self.decibels = now.max(self.decibels - FALL);
        self.floor = now.min(self.floor + FLOOR_RISE);
        let begins = (self.floor + ABOVE_FLOOR).max(QUIETEST);
        let speaks = now > if self.is_speaking { begins - HOLDS } else { begins };
        self.against = if speaks == self.is_speaking { 0 } else { self.against + 1 };
        if self.against >= if self.is_speaking { ENDS } else { BEGINS } {
            self.is_speaking = speaks;
            self.against = 0;
        }
    }

    /// How loud.
    pub fn level(&self) -> Level {
        Level::from_decibels(self.decibels)
    }

    /// Whether somebody speaks.
    pub fn is_speaking(&self) -> bool {
        self.is_speaking
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::voice::voice;

    fn noise(rng: &mut ChaCha8Rng, loudness: f32) -> [f32; 480] {
        std::array::from_fn(|_| rng.random_range(-loudness..loudness))
    }

    #[test]
    fn speech_is_seen_at_once_and_held_through_gaps() {
        let mut meter = Meter::new();
        (0..100).for_each(|_| meter.hear(&[0.0001; 480]));
        assert!(!meter.is_speaking() && meter.level().decibels() < -75);
        (0..4).for_each(|n| meter.hear(&voice(n)));
        assert!(meter.is_speaking() && meter.level().decibels() > -30, "{meter:?}");
        (0..30).for_each(|_| meter.hear(&[0.0; 480]));
        assert!(meter.is_speaking());
        (0..30).for_each(|_| meter.hear(&[0.0; 480]));
        assert!(!meter.is_speaking());
    }

    #[test]
    fn a_click_is_no_speech_and_a_fan_stops_being_any() {
        let mut meter = Meter::new();
        (0..50).for_each(|_| meter.hear(&[0.0; 480]));
        (0..2).for_each(|_| meter.hear(&[0.5; 480]));
        (0..50).for_each(|_| meter.hear(&[0.0; 480]));
        assert!(!meter.is_speaking());
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        (0..3000).for_each(|_| meter.hear(&noise(&mut rng, 0.02)));
        assert!(!meter.is_speaking(), "{meter:?}");
        (0..10).for_each(|n| meter.hear(&voice(n)));
        assert!(meter.is_speaking(), "{meter:?}");
    }

    #[test]
    fn what_is_no_number_is_silence() {
        let mut meter = Meter::new();
        meter.hear(&[f32::NAN; 480]);
        meter.hear(&[f32::INFINITY; 480]);
        meter.hear(&[]);
        assert_eq!(meter.level(), Level::SILENCE);
    }
}
