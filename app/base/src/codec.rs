//! The codecs that the seams are keyed by, the best first. Which of them a build can do, its media side says.

use std::time::Duration;

/// A video codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VideoCodec {
    /// H.264, constrained baseline, packetization mode 1 (RFC 6184).
    H264,
    /// VP8 (RFC 6386).
    Vp8,
}

impl VideoCodec {
    /// All of them, in the order in which we would send them.
    pub const ALL: [Self; 2] = [Self::H264, Self::Vp8];

    /// As session descriptions name it (RFC 4566 section 6, rtpmap); compared without regard to case.
    pub fn encoding_name(self) -> &'static str {
        match self {
            Self::H264 => "H264",
            Self::Vp8 => "VP8",
        }
    }
}

/// An audio codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AudioCodec {
    /// Opus at 48 kHz (RFC 7587).
    Opus,
}

/// A codec of either kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// Of audio.
    Audio(AudioCodec),
    /// Of video.
    Video(VideoCodec),
}

impl Codec {
    /// Returns the ticks a second of its RTP time stamps (RFC 7587, section 4.1; RFC 6184, section 8.2.1; RFC 7741,
    /// section 6.1).
    pub fn clock_rate(self) -> u32 {
        match self {
            Self::Audio(AudioCodec::Opus) => 48_000,
            Self::Video(VideoCodec::H264 | VideoCodec::Vp8) => 90_000,
        }
    }

    /// Returns a duration in ticks of that clock.
    pub fn ticks(self, time: Duration) -> u64 {
        (time.as_micros() * u128::from(self.clock_rate()) / 1_000_000) as u64
    }

    /// Returns the duration of so many ticks.
    pub fn duration(self, ticks: u64) -> Duration {
        let (rate, nanos) = (u64::from(self.clock_rate()), u128::from(ticks) * 1_000_000_000);
        Duration::new(ticks / rate, (nanos / u128::from(rate) % 1_000_000_000) as u32)
    }

    /// Returns the video codec that it is, if it is one.
    pub fn video(self) -> Option<VideoCodec> {
        match self {
            Self::Audio(_) => None,
            Self::Video(codec) => Some(codec),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_and_durations_are_the_same_time() {
        let (opus, vp8) = (Codec::Audio(AudioCodec::Opus), Codec::Video(VideoCodec::Vp8));
        assert_eq!((opus.ticks(Duration::from_millis(20)), vp8.ticks(Duration::from_millis(20))), (960, 1800));
        for codec in [opus, vp8] {
            assert_eq!(codec.duration(codec.ticks(Duration::from_millis(7_654_320))), Duration::from_millis(7_654_320));
        }
    }
}
