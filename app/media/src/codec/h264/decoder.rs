//! An openh264 decoder that gives each picture out at once.
//!
//! Owner of: the decoder's state. Does not hold pictures back and does not conceal: after an error the one who feeds it
//! waits for a key frame.

use std::sync::Arc;
use std::time::Instant;

use hearth_base::{Picture, Resolution};
use openh264::OpenH264API;
use openh264::decoder::{DecodedYUV, DecoderConfig, Flush};
use openh264::formats::YUVSource;

use super::super::{CodecError, VideoDecoder};

/// Longest access unit that is decoded, bytes: 16 times what a key frame of 1080p takes at our rates.
const LONGEST: usize = 4 << 20;

pub(in super::super) struct Decoder {
    openh264: openh264::decoder::Decoder,
}

impl Decoder {
    pub(in super::super) fn new() -> Result<Self, CodecError> {
        let config = DecoderConfig::new().flush_after_decode(Flush::NoFlush);
        let openh264 = openh264::decoder::Decoder::with_api_config(OpenH264API::from_source(), config);
        let openh264 = openh264.map_err(|error| CodecError::Setup { codec: "H.264", reason: error.to_string() })?;
        Ok(Self { openh264 })
    }
}

impl VideoDecoder for Decoder {
    fn decode(&mut self, unit: &[u8], now: Instant) -> Result<Option<Picture>, CodecError> {
        if unit.len() > LONGEST {
            return Err(refused(format!("an access unit of {} bytes", unit.len())));
        }
        match self.openh264.decode(unit) {
            Ok(None) => Ok(None),
            Ok(Some(decoded)) => copy(&decoded, now).map(Some).ok_or_else(|| refused("a picture of odd size".into())),
            Err(error) => Err(refused(error.to_string())),
        }
    }
}

/// Out of openh264's buffers, without the padding at the end of their rows.
fn copy(decoded: &DecodedYUV<'_>, now: Instant) -> Option<Picture> {
    let (width, height) = decoded.dimensions();
    let resolution = Resolution::new(u32::try_from(width).ok()?, u32::try_from(height).ok()?)?;
    let strides = decoded.strides();
    let area = resolution.area();
    let mut planes: Arc<[u8]> = std::iter::repeat_n(0, area * 3 / 2).collect();
    let (y, chroma) = Arc::get_mut(&mut planes)?.split_at_mut_checked(area)?;
    let (u, v) = chroma.split_at_mut_checked(area / 4)?;
    copy_plane(y, width, decoded.y(), strides.0)?;
    copy_plane(u, width / 2, decoded.u(), strides.1)?;
    copy_plane(v, width / 2, decoded.v(), strides.2)?;
    Picture::new(resolution, planes, now).ok()
}

fn copy_plane(to: &mut [u8], width: usize, from: &[u8], stride: usize) -> Option<()> {
    if stride < width || width == 0 {
        return None;
    }
    for (to, from) in to.chunks_exact_mut(width).zip(from.chunks(stride)) {
        to.copy_from_slice(from.get(..width)?);
    }
    Some(())
}

fn refused(reason: String) -> CodecError {
    CodecError::Decode { codec: "H.264", reason }
}
