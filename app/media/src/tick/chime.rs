//! The sound by which a person hears whether the chosen speaker is the right one: two soft tones, half a second.
//!
//! Owner of: its position.

use std::f32::consts::TAU;

use hearth_base::{AudioBlock, SAMPLE_RATE};

/// Hertz, and the second at which each begins.
const TONES: [(f32, f32); 2] = [(660.0, 0.0), (880.0, 0.18)];
const LENGTH: usize = SAMPLE_RATE as usize * 6 / 10;
const LOUDNESS: f32 = 0.25;

/// A chime that is being played.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Chime {
    position: usize,
}

impl Chime {
    /// Adds the next ten milliseconds. False when it is over.
    pub(super) fn add(&mut self, mixed: &mut [f32; AudioBlock::LEN]) -> bool {
        for (sample, at) in mixed.iter_mut().zip(self.position..) {
            let t = at as f32 / SAMPLE_RATE as f32;
            *sample += TONES.iter().map(|(hertz, begin)| tone(*hertz, t - begin)).sum::<f32>();
        }
        self.position += AudioBlock::LEN;
        self.position < LENGTH
    }
}

/// A tone that swells for 10 ms and dies away.
fn tone(hertz: f32, t: f32) -> f32 {
    if t < 0.0 {
        return 0.0;
    }
    LOUDNESS * (t / 0.01).min(1.0) * (-9.0 * t).exp() * (TAU * hertz * t).sin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_heard_ends_softly_and_is_over_in_time() {
        let mut chime = Chime::default();
        let mut loudest = 0.0_f32;
        let mut last = [0.0; AudioBlock::LEN];
        let blocks = (1..100).find(|_| {
            last = [0.0; AudioBlock::LEN];
            let goes_on = chime.add(&mut last);
            loudest = last.iter().fold(loudest, |most, sample| most.max(sample.abs()));
            !goes_on
        });
        assert_eq!(blocks, Some(60));
        assert!((0.15..0.5).contains(&loudest), "{loudest}");
        assert!(last.iter().all(|sample| sample.abs() < 0.02));
    }
}
