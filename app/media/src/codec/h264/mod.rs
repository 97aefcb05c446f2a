//! H.264, constrained baseline, by openh264.
//!
//! Owns nothing itself. The one file with `unsafe` is [`control`]: the safe wrapper has no way to set a running
//! encoder, nor to have pictures that are concealed in part.

mod control;
mod decoder;
mod encoder;
mod units;

pub(super) use decoder::H264Decoder;
pub(super) use encoder::H264Encoder;

/// A picture in openh264's own buffers.
struct DecodedPlanes<'a> {
    width: usize,
    height: usize,
    /// Bytes of a row: of the first plane, and of the two others.
    strides: (usize, usize),
    y: &'a [u8],
    u: &'a [u8],
    v: &'a [u8],
}
