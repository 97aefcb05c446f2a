//! A VP8 decoder that looks at a frame's header before libvpx does.
//!
//! Owner of: the decoder's state. Does not conceal: after an error the one who feeds it waits for a key frame.

use std::time::Instant;

use hearth_base::{Picture, Resolution};

use super::super::{CodecError, VideoDecoder};
use super::vpx::{RawDecoder, VpxError};

/// Longest frame that is decoded, bytes: 16 times what a key frame of 1080p takes at our rates.
const LONGEST: usize = 4 << 20;
/// Largest picture, pixels. A key frame of ten bytes may claim 16383 by 16383, for which libvpx would take 800 MB.
const LARGEST: usize = 4096 * 2304;

pub(in super::super) struct Vp8Decoder {
    vpx: RawDecoder,
    /// A delta before the first key frame has nothing to stand on.
    begun: bool,
}

impl Vp8Decoder {
    pub(in super::super) fn new() -> Result<Self, CodecError> {
        let vpx = RawDecoder::new().map_err(|VpxError(reason)| CodecError::Setup { codec: "VP8", reason })?;
        Ok(Self { vpx, begun: false })
    }
}

impl VideoDecoder for Vp8Decoder {
    fn decode(&mut self, unit: &[u8], now: Instant) -> Result<Option<Picture>, CodecError> {
        if unit.len() > LONGEST {
            return Err(refused(format!("a frame of {} bytes", unit.len())));
        }
        match head(unit) {
            Some(Head::Key(resolution)) if resolution.area() <= LARGEST => self.begun = true,
            Some(Head::Key(resolution)) => return Err(refused(format!("a picture of {resolution}"))),
            Some(Head::Delta) if self.begun => {}
            Some(Head::Delta) => return Err(refused("no key frame before it".to_owned())),
            None => return Err(refused("no frame header".to_owned())),
        }
        self.vpx.decode(unit, now).map_err(|VpxError(reason)| refused(reason))
    }
}

/// What a frame says of itself.
enum Head {
    Key(Resolution),
    Delta,
}

/// RFC 6386 section 9.1: a tag of three bytes; in a key frame a start code, then width and height in 14 bits each.
fn head(frame: &[u8]) -> Option<Head> {
    let (tag, rest) = frame.split_first_chunk::<3>()?;
    if tag.first()? & 1 != 0 {
        return Some(Head::Delta);
    }
    let (start, rest) = rest.split_first_chunk::<3>()?;
    let (size, _) = rest.split_first_chunk::<4>()?;
    let [width_low, width_high, height_low, height_high] = *size;
    // Odd sides lose their last row or column, as in the picture: browsers scale down to 135 rows, and no picture here
    // has so.
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3ffe);
    let resolution = Resolution::new(side(width_low, width_high), side(height_low, height_high))?;
    (*start == [0x9d, 0x01, 0x2a]).then_some(Head::Key(resolution))
}

fn refused(reason: String) -> CodecError {
    CodecError::Decode { codec: "VP8", reason }
}
