//! The codecs that the seams are keyed by. Which of them a build can do, its media side says.

/// A video codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VideoCodec {
    /// H.264, constrained baseline, packetization mode 1 (RFC 6184).
    H264,
}

impl VideoCodec {
    /// All of them.
    pub const ALL: [Self; 1] = [Self::H264];

    /// As session descriptions name it (RFC 4566 section 6, rtpmap); compared without regard to case.
    pub fn encoding_name(self) -> &'static str {
        match self {
            Self::H264 => "H264",
        }
    }
}

/// An audio codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AudioCodec {
    /// Opus at 48 kHz (RFC 7587).
    Opus,
}
