//! Sounds added up, and kept within what a speaker can play.
//!
//! Owns nothing.

/// Up to here sound passes as it is; above, it bends towards 1.
const KNEE: f32 = 0.7;

/// Adds a sound, made louder or softer by `factor`.
pub(super) fn add(mixed: &mut [f32], sound: &[f32], factor: f32) {
    for (mixed, sample) in mixed.iter_mut().zip(sound) {
        *mixed += factor * sample;
    }
}

/// Bends what is too loud. A sample that is no number becomes silence.
pub(super) fn soft_clip(samples: &mut [f32]) {
    for sample in samples {
        let loud = sample.abs();
        if loud > KNEE {
            *sample = (KNEE + (1.0 - KNEE) * ((loud - KNEE) / (1.0 - KNEE)).tanh()).copysign(*sample);
        } else if loud.is_nan() {
            *sample = 0.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soft_sound_passes_and_loud_sound_stays_within_one() {
        let mut samples = [0.5, -0.7, 0.9, -3.0, f32::INFINITY, f32::NAN];
        soft_clip(&mut samples);
        assert_eq!(samples[..2], [0.5, -0.7]);
        assert!((0.8..0.9).contains(&samples[2]) && (-1.0..-0.95).contains(&samples[3]));
        assert_eq!(samples[4..], [1.0, 0.0]);
    }
}
