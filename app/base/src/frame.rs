//! Encoded media on its way through a call: one envelope for audio and video.
//!
//! It is the same at every place where something may be done with a frame: after it was encoded, before it is decoded,
//! and where it is forwarded. What protects, records or forwards frames reads the envelope and needs no codec.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::{Codec, Layer, TrackId};

/// Whether a frame can be decoded alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// Can be decoded without anything before it.
    Key,
    /// Needs frames before it.
    Delta,
}

/// When a frame was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaptureTime {
    /// On this machine, by its monotonic clock.
    Here(Instant),
    /// On the sender's, by its wall clock; `None` until it has told how its time stamps and that clock go together
    /// (RTCP sender reports; RFC 3550, section 6.4.1).
    There(Option<NtpTime>),
}

/// A time of a wall clock, as NTP has it: seconds since 1900 in units of 2^-32 (RFC 5905, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// Returns the time so much later.
    #[must_use]
    pub fn plus(self, time: Duration) -> Self {
        Self(self.0.wrapping_add(units(time)))
    }

    /// Returns the time so much earlier.
    #[must_use]
    pub fn minus(self, time: Duration) -> Self {
        Self(self.0.wrapping_sub(units(time)))
    }
}

/// A duration in units of 2^-32 s.
fn units(time: Duration) -> u64 {
    (time.as_secs() << 32) | ((u64::from(time.subsec_nanos()) << 32) / 1_000_000_000)
}

/// One encoded frame: of video a picture, of audio what one packet holds.
#[derive(Clone, Debug)]
pub struct EncodedFrame {
    /// Its track, ours or theirs.
    pub track: TrackId,
    /// Which of the track's sizes; audio has one.
    pub layer: Layer,
    /// How it is encoded.
    pub codec: Codec,
    /// Whether it can be decoded alone. Audio always can.
    pub kind: FrameKind,
    /// Whether no later frame needs it. Of theirs it is not known, and false.
    pub is_discardable: bool,
    /// Counts the frames of an encoder, or of a track of theirs. Video comes in order and without a hole; audio of
    /// theirs as the network brings it, and a hole is a loss.
    pub sequence: u64,
    /// The frame that it needs, by its `sequence`; `None` where it needs none.
    pub dependency: Option<u64>,
    /// When it was captured, in ticks of the codec's clock ([`Codec::clock_rate`]) since some beginning of its track.
    /// It runs on where the RTP time stamp wraps.
    pub time: u64,
    /// When it was captured, by a clock that a track shares with others of its sender.
    pub captured: CaptureTime,
    /// When the last of it arrived here; of ours, when it was captured.
    pub arrived: Instant,
    /// Audio: whether it begins to speak after silence (the RTP marker; RFC 3551, section 4.1).
    pub begins_talk: bool,
    /// H.264: an access unit with start codes (Annex B). VP8: a frame (RFC 6386 section 9.1). Opus: one packet.
    pub payload: Bytes,
}

impl EncodedFrame {
    /// Returns when it was captured, or arrived, by this machine's monotonic clock.
    pub fn at(&self) -> Instant {
        match self.captured {
            CaptureTime::Here(at) => at,
            CaptureTime::There(_) => self.arrived,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ntp_time_goes_forth_and_back() {
        let begin = NtpTime(0xE000_0000_8000_0000);
        assert_eq!(begin.plus(Duration::from_millis(1500)), NtpTime(0xE000_0002_0000_0000));
        assert_eq!(begin.plus(Duration::from_millis(20)).minus(Duration::from_millis(20)), begin);
        assert_eq!(begin.minus(Duration::from_millis(750)), NtpTime(0xDFFF_FFFF_C000_0000));
    }
}
