//! The chirp: 50 ms of sweep each second, in a band of its own for each source, and the ear that finds it.
//!
//! It begins with each second of the common clock (`CLOCK_REALTIME`), so anyone who hears it knows how long it was
//! under way. With `s` the source and `t` the seconds since the chirp began, `0 <= t < 0.05`:
//!
//! ```text
//! low = 500 + 468.75 * (s mod 16)                        (Hz; 16 bands between 500 and 8000)
//! x(t) = 0.5 * w(t) * sin(2 * pi * (low * t + 468.75 / (2 * 0.05) * t * t))
//! w(t) = 0.5 - 0.5 * cos(pi * min(t, 0.05 - t) / 0.005)   where that minimum is under 0.005, else 1
//! ```
//! Owner of: the phase of the second. Bypasses noise suppression, which eats such sounds.

mod correlate;
mod ear;

use std::f64::consts::{PI, TAU};
use std::time::{Duration, Instant};

use hearth_base::{AudioBlock, SAMPLE_RATE};

pub use self::correlate::{Correlator, Match};
pub use self::ear::{ChirpEar, ChirpReport};
use crate::Now;
use crate::source::AudioSource;

/// Bands: sources whose numbers differ by a multiple of this sound the same.
pub const BANDS: u8 = 16;
/// Samples of a chirp.
pub const LENGTH: usize = SAMPLE_RATE as usize / 20;
/// From the beginning of one chirp to the next.
pub const PERIOD: Duration = Duration::from_secs(1);

const LOWEST: f64 = 500.0;
const WIDTH: f64 = 468.75;
const LOUDNESS: f64 = 0.5;
/// A sudden beginning would be heard in every band.
const RAMP: f64 = 0.005;
/// So far the capture clock may be from the common clock before the phase is taken again.
const DRIFT: u64 = SAMPLE_RATE as u64 / 1000;

/// A microphone that hears a chirp each second.
#[derive(Clone, Debug)]
pub struct Chirp {
    sound: Vec<f32>,
    /// The next sample, counted from the beginning of its second. `None` before the first.
    phase: Option<u64>,
}

impl Chirp {
    /// The chirp of `source`.
    pub fn new(source: u8) -> Self {
        Self { sound: sound(source % BANDS), phase: None }
    }
}

impl AudioSource for Chirp {
    fn read(&mut self, now: Now, block: &mut [f32; AudioBlock::LEN]) -> Option<Instant> {
        let second = u64::from(SAMPLE_RATE);
        let clock = u64::from(now.realtime.subsec_nanos()) * second / 1_000_000_000;
        let counted = self.phase.unwrap_or(clock);
        let apart = counted.abs_diff(clock).min(second - counted.abs_diff(clock));
        let from = if apart > DRIFT { clock } else { counted };
        for (sample, at) in block.iter_mut().zip(from..) {
            *sample = self.sound.get((at % second) as usize).copied().unwrap_or_default();
        }
        self.phase = Some((from + AudioBlock::LEN as u64) % second);
        Some(now.monotonic)
    }
}

/// The samples of one band's chirp.
pub(crate) fn sound(band: u8) -> Vec<f32> {
    let duration = LENGTH as f64 / f64::from(SAMPLE_RATE);
    let low = LOWEST + WIDTH * f64::from(band);
    let sample = |n: usize| {
        let t = n as f64 / f64::from(SAMPLE_RATE);
        let edge = t.min(duration - t);
        let window = if edge < RAMP { 0.5 - 0.5 * (PI * edge / RAMP).cos() } else { 1.0 };
        let turns = low * t + WIDTH / (2.0 * duration) * t * t;
        (LOUDNESS * window * (TAU * turns).sin()) as f32
    };
    (0..LENGTH).map(sample).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chirp_begins_with_each_second_of_the_common_clock() {
        let mut chirp = Chirp::new(5);
        let start = Now { monotonic: Now::read().monotonic, realtime: Duration::from_millis(1_700_000_000_730) };
        let mut heard = Vec::new();
        for n in 0..300 {
            let mut block = [0.0; AudioBlock::LEN];
            assert!(chirp.read(start.at(start.monotonic + Duration::from_millis(n * 10)), &mut block).is_some());
            heard.extend(block);
        }
        let second = SAMPLE_RATE as usize;
        let first = second * 270 / 1000;
        for begin in [first, first + second, first + 2 * second] {
            assert_eq!(heard[begin..begin + LENGTH], sound(5));
            assert!(heard[begin + LENGTH..(begin + second).min(heard.len())].iter().all(|x| *x == 0.0));
        }
    }
}
