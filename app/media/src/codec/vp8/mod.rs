//! VP8 (RFC 6386), by libvpx: what a Firefox without its H.264 plugin speaks.
//!
//! Owns nothing itself. The one file with `unsafe` is [`vpx`].

mod decoder;
mod encoder;
mod vpx;

pub(super) use decoder::Vp8Decoder;
pub(super) use encoder::Vp8Encoder;
