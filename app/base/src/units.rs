//! Numbers with their units.

use std::fmt;
use std::time::Duration;

/// Bits a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bitrate(u64);

impl Bitrate {
    /// No bits at all.
    pub const ZERO: Self = Self(0);

    /// From bits a second.
    pub const fn from_bps(bps: u64) -> Self {
        Self(bps)
    }

    /// From thousands of bits a second.
    pub const fn from_kbps(kbps: u64) -> Self {
        Self(kbps * 1000)
    }

    /// Bits a second.
    pub const fn bps(self) -> u64 {
        self.0
    }

    /// How long `bytes` take at this rate; for ever (a day) at none.
    pub fn time_for(self, bytes: usize) -> Duration {
        const FOR_EVER: Duration = Duration::from_secs(86_400);
        let bits = bytes as u64 * 8;
        bits.saturating_mul(1_000_000).checked_div(self.0).map_or(FOR_EVER, Duration::from_micros)
    }

    /// How many bytes go in `time`.
    pub fn bytes_in(self, time: Duration) -> usize {
        let bits = u128::from(self.0).saturating_mul(time.as_micros()) / 1_000_000;
        usize::try_from(bits / 8).unwrap_or(usize::MAX)
    }

    /// This rate times `factor`.
    pub fn scaled(self, factor: f64) -> Self {
        Self((self.0 as f64 * factor.max(0.0)) as u64)
    }
}

impl fmt::Display for Bitrate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} kbit/s", self.0 / 1000)
    }
}

/// Size of a picture in pixels; both sides even, as I420 asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resolution {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

impl Resolution {
    /// Largest side that anything here takes: beyond it lies no camera, only an attack.
    pub const MAX_SIDE: u32 = 8192;

    /// 1280x720: what a call is held in.
    pub const HD: Self = Self { width: 1280, height: 720 };
    /// 640x360.
    pub const SMALL: Self = Self { width: 640, height: 360 };

    /// A size; `None` when a side is odd, zero or beyond [`Self::MAX_SIDE`].
    pub fn new(width: u32, height: u32) -> Option<Self> {
        let good = |side: u32| side > 0 && side.is_multiple_of(2) && side <= Self::MAX_SIDE;
        (good(width) && good(height)).then_some(Self { width, height })
    }

    /// Pixels in all.
    pub fn area(self) -> usize {
        self.width as usize * self.height as usize
    }
}

impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// Frames a second, whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FrameRate(u32);

impl FrameRate {
    /// From frames a second, held between 1 and 120.
    pub fn new(fps: u32) -> Self {
        Self(fps.clamp(1, 120))
    }

    /// Frames a second.
    pub fn fps(self) -> u32 {
        self.0
    }

    /// Time of the `n`th frame after the first: never summed up, so it does not drift.
    pub fn time_of(self, n: u64) -> Duration {
        Duration::from_nanos(n.saturating_mul(1_000_000_000) / u64::from(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_and_a_time_give_bytes_and_back() {
        let rate = Bitrate::from_kbps(800);
        assert_eq!(rate.bytes_in(Duration::from_millis(10)), 1000);
        assert_eq!(rate.time_for(1000), Duration::from_millis(10));
        assert!(Bitrate::ZERO.time_for(1) > Duration::from_secs(3600));
        assert_eq!(Bitrate::from_bps(u64::MAX).bytes_in(Duration::MAX), usize::MAX);
    }

    #[test]
    fn an_odd_or_giant_size_is_none() {
        for (width, height) in [(0, 2), (3, 2), (2, 3), (8194, 2), (2, u32::MAX)] {
            assert_eq!(Resolution::new(width, height), None, "{width}x{height}");
        }
        assert!(Resolution::new(640, 360).is_some());
    }

    #[test]
    fn frame_times_do_not_drift() {
        assert_eq!(FrameRate::new(30).time_of(30 * 3600), Duration::from_secs(3600));
    }
}
