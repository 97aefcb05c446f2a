//! How loud sound is, and how loud it should be played.

/// Loudness: whole decibels below full scale, of ten milliseconds' mean power. Falls slowly, as a meter does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(i8);

impl Level {
    /// What counts as silence: the quietest that sixteen bits can say.
    pub const SILENCE: Self = Self(-96);

    /// From decibels below full scale, held between silence and 0.
    pub fn from_decibels(decibels: f32) -> Self {
        // No number is silence: a cast makes it 0, which would be the loudest.
        let decibels = if decibels.is_nan() { -96.0 } else { decibels };
        Self(decibels.clamp(-96.0, 0.0).round() as i8)
    }

    /// Decibels, -96 to 0.
    pub fn decibels(self) -> i8 {
        self.0
    }

    /// As a share of full scale, 0 for silence to 1 (W3C webrtc-stats, audioLevel).
    pub fn amplitude(self) -> f32 {
        if self == Self::SILENCE { 0.0 } else { 10.0_f32.powf(f32::from(self.0) / 20.0) }
    }

    /// The share of a meter that is lit, 0 to 1: below -60 dB nothing is.
    pub fn share(self) -> f32 {
        (f32::from(self.0) / 60.0 + 1.0).max(0.0)
    }
}

impl Default for Level {
    fn default() -> Self {
        Self::SILENCE
    }
}

/// How loud somebody is played, in percent of how they came: 0 to 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Volume(u8);

impl Volume {
    /// As it came.
    pub const FULL: Self = Self(100);

    /// From percent, at most 200.
    pub fn from_percent(percent: u8) -> Self {
        Self(percent.min(200))
    }

    /// Percent.
    pub fn percent(self) -> u8 {
        self.0
    }

    /// What samples are multiplied by.
    pub fn factor(self) -> f32 {
        f32::from(self.0) / 100.0
    }
}

impl Default for Volume {
    fn default() -> Self {
        Self::FULL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_is_dark_below_sixty_decibels_and_full_at_none() {
        for (decibels, level, share) in
            [(0.0, 0, 1.0), (-30.0, -30, 0.5), (-80.0, -80, 0.0), (9.0, 0, 1.0), (f32::NAN, -96, 0.0)]
        {
            let found = Level::from_decibels(decibels);
            assert_eq!((found.decibels(), found.share()), (level, share), "{decibels}");
        }
        assert_eq!(Level::from_decibels(f32::NEG_INFINITY), Level::SILENCE);
    }

    #[test]
    fn a_volume_goes_from_nothing_to_twice() {
        for (percent, factor) in [(0, 0.0), (100, 1.0), (150, 1.5), (255, 2.0)] {
            assert_eq!(Volume::from_percent(percent).factor(), factor);
        }
    }
}
