//! Finds a chirp in 150 ms of sound, by correlation with every band's.
//!
//! Owner of: transforms and templates. Takes one band at a time, so that a thread with deadlines can share the work
//! out.

use std::sync::Arc;

use hearth_base::SAMPLE_RATE;
use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use super::{BANDS, LENGTH, sound};

/// Samples that are looked at together: a chirp may begin in the first 100 ms, and ends in them or the 50 ms after.
pub(crate) const WINDOW: usize = STRIDE + LENGTH;
/// Samples in which a chirp may begin.
pub(crate) const STRIDE: usize = SAMPLE_RATE as usize / 10;
/// Least transform that holds a window: what wraps around lies behind the stride.
const SIZE: usize = 8192;
/// Windows without this much energy in a chirp's length (-60 dB) hold none.
const SILENCE: f64 = LENGTH as f64 * 1e-6;

/// How well a band's chirp fits, at the place where it fits best.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Match {
    /// Samples from the beginning of the window.
    pub at: usize,
    /// 1 for the chirp itself, at any loudness; about 0 for anything else.
    pub likeness: f32,
}

/// Compares sound with the chirps of all bands.
pub struct Correlator {
    forward: Arc<dyn RealToComplex<f32>>,
    back: Arc<dyn ComplexToReal<f32>>,
    /// Of each band: its transform, conjugate, and made for a chirp of energy 1.
    templates: Vec<Vec<Complex<f32>>>,
    window: Vec<Complex<f32>>,
    /// Energy of the samples in front of each place.
    energy: Vec<f64>,
    product: Vec<Complex<f32>>,
    real: Vec<f32>,
    scratch: Vec<Complex<f32>>,
}

impl Correlator {
    /// One for all bands; takes about 1 MB.
    pub fn new() -> Self {
        let mut planner = RealFftPlanner::<f32>::new();
        let (forward, back) = (planner.plan_fft_forward(SIZE), planner.plan_fft_inverse(SIZE));
        let scratch = forward.get_scratch_len().max(back.get_scratch_len());
        let mut new = Self {
            window: forward.make_output_vec(),
            product: forward.make_output_vec(),
            real: back.make_output_vec(),
            scratch: vec![Complex::default(); scratch],
            energy: Vec::with_capacity(WINDOW + 1),
            templates: Vec::new(),
            forward,
            back,
        };
        for band in 0..BANDS {
            let chirp = sound(band);
            let scale = chirp.iter().map(|x| x * x).sum::<f32>().sqrt().recip() / SIZE as f32;
            new.transform(&chirp);
            new.templates.push(new.window.iter().map(|x| x.conj() * scale).collect());
        }
        new
    }

    /// Takes a window of up to 150 ms. False when it is too quiet to hold a chirp, and need not be asked about.
    pub fn listen(&mut self, samples: &[f32]) -> bool {
        let samples = samples.get(..WINDOW).unwrap_or(samples);
        self.energy.clear();
        self.energy.push(0.0);
        let mut sum = 0.0;
        for sample in samples {
            sum += f64::from(*sample) * f64::from(*sample);
            self.energy.push(sum);
        }
        let loud = sum > SILENCE;
        if loud {
            self.transform(samples);
        }
        loud
    }

    /// How well the chirp of `source` fits into the window.
    pub fn find(&mut self, source: u8) -> Match {
        let Some(template) = self.templates.get(usize::from(source % BANDS)) else { return Match::default() };
        for (product, (window, chirp)) in self.product.iter_mut().zip(self.window.iter().zip(template)) {
            *product = window * chirp;
        }
        // The ends of a real sound's spectrum are real; rounding left them nearly so, and the transform insists.
        for end in [0, SIZE / 2] {
            if let Some(end) = self.product.get_mut(end) {
                end.im = 0.0;
            }
        }
        if self.back.process_with_scratch(&mut self.product, &mut self.real, &mut self.scratch).is_err() {
            return Match::default();
        }
        let ends = self.energy.iter().skip(LENGTH);
        let places = self.real.iter().zip(self.energy.iter().zip(ends)).take(STRIDE).enumerate();
        let likeness = places.map(|(at, (product, (before, after)))| {
            let energy = (after - before).max(SILENCE);
            Match { at, likeness: product.abs() / energy.sqrt() as f32 }
        });
        likeness.fold(Match::default(), |best, next| if next.likeness > best.likeness { next } else { best })
    }

    /// Into `self.window`.
    fn transform(&mut self, samples: &[f32]) {
        self.real.fill(0.0);
        for (to, from) in self.real.iter_mut().zip(samples) {
            *to = *from;
        }
        // Sizes are the plan's own, so this cannot fail; if it did, nothing would be found.
        if self.forward.process_with_scratch(&mut self.real, &mut self.window, &mut self.scratch).is_err() {
            self.window.fill(Complex::default());
        }
    }
}

impl Default for Correlator {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Correlator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Correlator").field("bands", &self.templates.len()).finish_non_exhaustive()
    }
}
