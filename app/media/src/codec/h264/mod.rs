//! H.264, constrained baseline, by openh264.
//!
//! Owns nothing itself. The one file with `unsafe` is [`control`]: the safe wrapper has no way to set a running encoder.

mod control;
mod decoder;
mod encoder;

pub(super) use decoder::Decoder;
pub(super) use encoder::Encoder;
