//! An openh264 decoder that gives each picture out at once.
//!
//! It begins with an IDR, or with a recovery point (H.264, annex D.2.8), by which senders that refresh by parts say
//! where a decoder may begin that has nothing: openh264 begins there only if it may make up what it lacks, so
//! concealment is on from such a point to the next IDR, and what is made up is not shown. Else nothing is concealed:
//! after an error the one who feeds it waits for the next picture to begin with. Owner of: the decoder's state. Does
//! not hold pictures back.

use std::sync::Arc;
use std::time::Instant;

use hearth_base::{Picture, Resolution};
use openh264::OpenH264API;
use openh264::decoder::{DecodedYUV, DecoderConfig, Flush};
use openh264::formats::YUVSource;

use super::super::{CodecError, VideoDecoder};
use super::DecodedPlanes;
use super::control::{Concealment, decode_concealing, set_concealment};
use super::units::{Start, start_of};

/// Longest access unit that is decoded, bytes: 16 times what a key frame of 1080p takes at our rates.
const LONGEST: usize = 4 << 20;

pub(in super::super) struct H264Decoder {
    openh264: openh264::decoder::Decoder,
    state: State,
}

/// What was begun with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing, or what went before is worth nothing after an error.
    Empty,
    /// An IDR: everything is as it was sent.
    Exact,
    /// A recovery point: so many pictures are made up in part.
    Recovering { hidden: u32 },
}

impl H264Decoder {
    pub(in super::super) fn new() -> Result<Self, CodecError> {
        Ok(Self { openh264: fresh()?, state: State::Empty })
    }

    /// What the unit is decoded as, by what it begins with and what was before.
    fn prepare(&mut self, unit: &[u8]) -> Result<(), CodecError> {
        if self.state == State::Exact {
            return Ok(()); // openh264 sees for itself
        }
        match (self.state, start_of(unit)) {
            (State::Exact, _) | (_, Start::No) | (State::Recovering { .. }, Start::Recovery { .. }) => {}
            (State::Empty | State::Recovering { .. }, Start::Idr) => {
                set_concealment(&mut self.openh264, Concealment::Off)?;
                self.state = State::Exact;
            }
            (State::Empty, Start::Recovery { pictures }) => {
                // One that has erred keeps what it erred by.
                self.openh264 = fresh()?;
                set_concealment(&mut self.openh264, Concealment::On)?;
                self.state = State::Recovering { hidden: pictures };
            }
        }
        Ok(())
    }

    fn decode_exact(&mut self, unit: &[u8], now: Instant) -> Result<Option<Picture>, CodecError> {
        match self.openh264.decode(unit) {
            Ok(None) => Ok(None),
            Ok(Some(decoded)) => {
                let picture = planes(&decoded).and_then(|planes| copy(&planes, now));
                picture.map(Some).ok_or_else(|| refused("a picture of odd size".into()))
            }
            Err(error) => Err(refused(error.to_string())),
        }
    }
}

impl VideoDecoder for H264Decoder {
    fn decode(&mut self, unit: &[u8], now: Instant) -> Result<Option<Picture>, CodecError> {
        if unit.len() > LONGEST {
            return Err(refused(format!("an access unit of {} bytes", unit.len())));
        }
        self.prepare(unit)?;
        let decoded = match self.state {
            State::Empty | State::Exact => self.decode_exact(unit, now),
            State::Recovering { hidden } => {
                let picture = decode_concealing(&mut self.openh264, unit, |planes| copy(planes, now));
                self.state = State::Recovering { hidden: hidden.saturating_sub(1) };
                picture.map(|picture| picture.filter(|_| hidden == 0))
            }
        };
        if decoded.is_err() {
            self.state = State::Empty;
        }
        decoded
    }
}

fn fresh() -> Result<openh264::decoder::Decoder, CodecError> {
    let config = DecoderConfig::new().flush_after_decode(Flush::NoFlush);
    let openh264 = openh264::decoder::Decoder::with_api_config(OpenH264API::from_source(), config);
    openh264.map_err(|error| CodecError::Setup { codec: "H.264", reason: error.to_string() })
}

fn planes<'a>(decoded: &'a DecodedYUV<'_>) -> Option<DecodedPlanes<'a>> {
    let ((width, height), strides) = (decoded.dimensions(), decoded.strides());
    (strides.1 == strides.2).then(|| DecodedPlanes {
        width,
        height,
        strides: (strides.0, strides.1),
        y: decoded.y(),
        u: decoded.u(),
        v: decoded.v(),
    })
}

/// Out of openh264's buffers, without the padding at the end of their rows.
fn copy(decoded: &DecodedPlanes<'_>, now: Instant) -> Option<Picture> {
    let DecodedPlanes { width, height, strides, .. } = *decoded;
    let resolution = Resolution::new(u32::try_from(width).ok()?, u32::try_from(height).ok()?)?;
    let area = resolution.area();
    let mut planes: Arc<[u8]> = std::iter::repeat_n(0, area * 3 / 2).collect();
    let (y, chroma) = Arc::get_mut(&mut planes)?.split_at_mut_checked(area)?;
    let (u, v) = chroma.split_at_mut_checked(area / 4)?;
    copy_plane(y, width, decoded.y, strides.0)?;
    copy_plane(u, width / 2, decoded.u, strides.1)?;
    copy_plane(v, width / 2, decoded.v, strides.1)?;
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

#[cfg(test)]
mod tests {
    use super::super::units::units;
    use super::*;

    /// 36 pictures of 64x48, refreshed by parts: one IDR, then parameter sets and a recovery point each twelve
    /// pictures, after each of which two are incomplete. Made with GStreamer 1.22's x264enc (intra-refresh, key-int-max
    /// 12, baseline).
    const REFRESHED: &[u8] = include_bytes!("fixtures/intra-refresh.h264");

    /// The access units: each begins with a delimiter.
    fn pictures() -> Vec<Vec<u8>> {
        let mut pictures: Vec<Vec<u8>> = Vec::new();
        for unit in units(REFRESHED) {
            if unit.first().is_some_and(|header| header & 0x1f == 9) {
                pictures.push(Vec::new());
            }
            let picture = pictures.last_mut().unwrap();
            picture.extend([0, 0, 0, 1]);
            picture.extend(unit);
        }
        pictures
    }

    fn decode(from: usize) -> Vec<Result<Option<Picture>, CodecError>> {
        let (mut decoder, now) = (H264Decoder::new().unwrap(), crate::Now::read().monotonic);
        pictures()[from..].iter().map(|unit| decoder.decode(unit, now)).collect()
    }

    #[test]
    fn what_begins_with_a_recovery_point_is_decoded_and_shown_once_it_is_whole() {
        let exact: Vec<_> = decode(0).into_iter().map(|picture| picture.unwrap().unwrap()).collect();
        assert_eq!(exact.len(), 36);
        for start in [12, 24] {
            let decoded = decode(start);
            assert!(decoded.iter().all(Result::is_ok), "{decoded:?}");
            let shown: Vec<_> = decoded.into_iter().map(|picture| picture.unwrap()).collect();
            assert_eq!(shown.iter().position(Option::is_some), Some(2), "two pictures are made up in part");
            for (n, picture) in shown.iter().enumerate().skip(2) {
                let (is, right) = (picture.as_ref().unwrap(), &exact[start + n]);
                let apart = is.y().iter().zip(right.y()).filter(|(a, b)| a.abs_diff(**b) > 8).count();
                assert!(apart < right.y().len() / 50, "picture {n} from {start}: {apart} of {}", right.y().len());
            }
        }
    }

    #[test]
    fn a_stream_that_begins_elsewhere_is_an_error_until_the_next_point() {
        let decoded = decode(15);
        assert!(decoded[..9].iter().all(Result::is_err), "{decoded:?}");
        assert!(decoded[9..].iter().all(Result::is_ok));
        assert!(decoded[11].as_ref().unwrap().is_some());
    }
}
