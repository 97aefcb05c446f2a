//! A synthetic voice: what loss and concealment are measured with. Recorded speech would be somebody's.
//!
//! A pitch that glides, its harmonics under three resonances, syllables of 200 ms. Owner of: its position.

use std::time::Instant;

use hearth_base::{AudioBlock, SAMPLE_RATE};

use crate::Now;
use crate::source::AudioSource;

/// A microphone in front of somebody who never stops.
#[derive(Debug, Default)]
pub struct Voice {
    blocks: u64,
}

impl AudioSource for Voice {
    fn read(&mut self, now: Now, block: &mut [f32; AudioBlock::LEN]) -> Option<Instant> {
        *block = voice(self.blocks);
        self.blocks += 1;
        Some(now.monotonic)
    }
}

/// The `n`th block of it.
pub fn voice(n: u64) -> [f32; AudioBlock::LEN] {
    std::array::from_fn(|i| {
        let t = (n as f64 * AudioBlock::LEN as f64 + i as f64) / f64::from(SAMPLE_RATE);
        let phase = std::f64::consts::TAU * (120.0 * t + 8.0 * (std::f64::consts::TAU * 0.7 * t).sin());
        let harmonics = (1..20).map(|h| {
            let frequency = 120.0 * f64::from(h);
            let near = |centre: f64| 1.0 / (1.0 + ((frequency - centre) / 180.0).powi(2));
            (near(500.0) + 0.5 * near(1500.0) + 0.3 * near(2500.0)) * (phase * f64::from(h)).sin()
        });
        let syllable = 0.6 + 0.4 * (std::f64::consts::TAU * 5.0 * t).sin();
        (0.15 * syllable * harmonics.sum::<f64>()) as f32
    })
}
