//! The codecs that the seams are keyed by, the best first. Which of them a build can do, its media side says.

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
