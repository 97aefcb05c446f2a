//! From one sampling rate to another, at a ratio that may change a little all the time.
//!
//! A windowed sinc of 24 taps, its 256 phases interpolated. Owner of: the samples that the next output still needs.
//! Allocates when it is made and when it is fed more at once than ever before.

use std::f64::consts::PI;

/// Samples that an output is made of. Half of them lie ahead: 0.25 ms at 48 kHz.
const TAPS: usize = 24;
/// Tables between one sample and the next; in between, the line.
const PHASES: usize = 256;
/// The share of the band that passes untouched.
const PASSES: f64 = 0.93;

/// Makes one rate out of another.
#[derive(Debug)]
pub(crate) struct Resampler {
    /// `PHASES + 1` times `TAPS` weights.
    table: Vec<f32>,
    held: Vec<f32>,
    /// Of the next output, in samples of `held`.
    position: f64,
}

impl Resampler {
    /// For steps round `step`: input samples for each output sample.
    pub(crate) fn new(step: f64) -> Self {
        let band = PASSES / step.max(1.0);
        let table = (0..=PHASES).flat_map(|phase| weights(phase as f64 / PHASES as f64, band)).collect();
        // The first output lies where its taps begin in silence.
        Self { table, held: vec![0.0; TAPS / 2 - 1], position: 0.0 }
    }

    /// How many more samples must be fed before `outputs` can be made.
    pub(crate) fn lacks(&self, outputs: usize, step: f64) -> usize {
        let last = self.position + step * outputs.saturating_sub(1) as f64;
        (last as usize + TAPS).saturating_sub(self.held.len())
    }

    /// Feeds it.
    pub(crate) fn feed(&mut self, samples: impl IntoIterator<Item = f32>) {
        self.held.extend(samples);
    }

    /// The next output. `None` when it lacks samples.
    pub(crate) fn next(&mut self, step: f64) -> Option<f32> {
        let at = self.position as usize;
        let taps = self.held.get(at..at + TAPS)?;
        let phase = (self.position - at as f64) * PHASES as f64;
        let (below, share) = (phase as usize, (phase - phase.floor()) as f32);
        let lower = self.table.get(below * TAPS..(below + 1) * TAPS)?;
        let upper = self.table.get((below + 1) * TAPS..(below + 2) * TAPS)?;
        let weights = lower.iter().zip(upper).map(|(lower, upper)| lower + share * (upper - lower));
        let sum = taps.iter().zip(weights).map(|(sample, weight)| sample * weight).sum();
        self.position += step;
        Some(sum)
    }

    /// Lets go of what no output needs any more. After a batch of outputs, not after each.
    pub(crate) fn tidy(&mut self) {
        let used = (self.position as usize).min(self.held.len());
        self.held.drain(..used);
        self.position -= used as f64;
    }
}

/// Weights of the samples round a place `phase` behind the middle, Blackman's window, summing to 1.
fn weights(phase: f64, band: f64) -> [f32; TAPS] {
    let half = TAPS as f64 / 2.0;
    let raw: [f64; TAPS] = std::array::from_fn(|tap| {
        let x = tap as f64 - (half - 1.0) - phase;
        let turn = PI * x / half;
        let window = if x.abs() < half { 0.42 + 0.5 * turn.cos() + 0.08 * (2.0 * turn).cos() } else { 0.0 };
        let angle = PI * x * band;
        let sinc = if angle.abs() < 1e-9 { 1.0 } else { angle.sin() / angle };
        sinc * window
    });
    let sum: f64 = raw.iter().sum();
    raw.map(|weight| (weight / sum) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second of a tone from `from` Hz to 48 kHz; how far the result is from the tone, in decibels.
    fn error(from: f64, hertz: f64, trim: f64) -> f64 {
        let step = from / 48_000.0 * trim;
        let mut resampler = Resampler::new(from / 48_000.0);
        let tone = |t: f64| (2.0 * PI * hertz * t).sin();
        resampler.feed((0..(from * 1.1) as usize).map(|n| tone(n as f64 / from) as f32));
        let mut power = 0.0;
        for n in 0..48_000 {
            let got = f64::from(resampler.next(step).unwrap());
            if n % 480 == 0 {
                resampler.tidy();
            }
            if n > 100 {
                power += (got - tone(n as f64 * step / from)).powi(2);
            }
        }
        10.0 * (power / 48_000.0 / 0.5).log10()
    }

    #[test]
    fn tones_pass_at_every_rate() {
        for (from, hertz, trim) in [
            (48_000.0, 1000.0, 1.0),
            (48_000.0, 8000.0, 1.003),
            (44_100.0, 1000.0, 1.0),
            (44_100.0, 12_000.0, 0.998),
            (16_000.0, 3000.0, 1.0),
            (96_000.0, 4000.0, 1.0),
        ] {
            let error = error(from, hertz, trim);
            println!("{from} Hz, tone {hertz} Hz: {error:.1} dB");
            assert!(error < -50.0, "{from} {hertz} {trim}: {error}");
        }
    }

    #[test]
    fn it_says_what_it_lacks_and_is_never_short_after_that() {
        let mut resampler = Resampler::new(0.91875);
        for n in 0..1000 {
            let step = 0.91875 * (1.0 + f64::from(n % 10) / 5000.0);
            let lacks = resampler.lacks(480, step);
            resampler.feed(std::iter::repeat_n(0.5, lacks));
            assert!((0..480).all(|_| resampler.next(step).is_some()), "{n}");
            resampler.tidy();
            assert!(resampler.held.len() <= TAPS + 1);
        }
    }
}
