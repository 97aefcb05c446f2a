//! A VP8 encoder, set for a call: its bit rate held, key frames only on demand and not too large.
//!
//! Owner of: the encoder's state and its rate; a picture of another size begins another encoder. Does not scale
//! pictures, and does not decide when a key frame is due.

use std::time::Duration;

use bytes::Bytes;
use hearth_base::{Bitrate, FrameKind, Picture, Resolution, TemporalLayers};

use super::super::{CodecError, EncodedPicture, VideoEncoder, VideoSettings};
use super::vpx::{RawEncoder, Setup, TICKS, VpxError, WantedFrame};

/// Most bits of a key frame: four pictures' share of the rate.
const KEY_FRAME_PERCENT: u32 = 400;
/// As fast as 720p needs on a small computer. Slower gains a little quality for twice the time.
const SPEED: i32 = -8;
/// Rates that libvpx keeps to, kilobits a second.
const RATES: std::ops::RangeInclusive<u64> = 30..=20_000;

pub(in super::super) struct Vp8Encoder {
    vpx: Option<(Resolution, RawEncoder)>,
    settings: VideoSettings,
    /// Of the last picture: libvpx refuses one that is not later.
    last: Option<i64>,
    layers: TemporalLayers,
    /// Whether a later frame needs the last one: then the next one may be one that none needs.
    is_last_needed: bool,
    payload: Vec<u8>,
}

impl Vp8Encoder {
    pub(in super::super) fn new(settings: VideoSettings) -> Self {
        let (layers, is_last_needed) = (TemporalLayers::One, false);
        Self { vpx: None, settings, last: None, layers, is_last_needed, payload: Vec::new() }
    }

    /// The encoder for pictures of this size, and whether it has just begun.
    fn of(&mut self, resolution: Resolution) -> Result<(&mut RawEncoder, bool), CodecError> {
        let is_new = self.vpx.as_ref().is_none_or(|(size, _)| *size != resolution);
        if is_new {
            let kbps = kbps(self.settings.bitrate);
            let setup = Setup { resolution, kbps, key_frame_percent: KEY_FRAME_PERCENT, speed: SPEED };
            let mut vpx = RawEncoder::new(setup).map_err(setup_error)?;
            vpx.set_rate(kbps, self.layers).map_err(setup_error)?;
            self.vpx = Some((resolution, vpx));
            self.last = None;
        }
        let (_, vpx) = self.vpx.as_mut().ok_or_else(|| failed(VpxError("no encoder".to_owned())))?;
        Ok((vpx, is_new))
    }
}

impl VideoEncoder for Vp8Encoder {
    fn set_bitrate(&mut self, bitrate: Bitrate) -> Result<(), CodecError> {
        if let Some((_, vpx)) = &mut self.vpx {
            vpx.set_rate(kbps(bitrate), self.layers).map_err(setup_error)?;
        }
        self.settings.bitrate = bitrate;
        Ok(())
    }

    fn set_temporal_layers(&mut self, layers: TemporalLayers) -> Result<(), CodecError> {
        if let Some((_, vpx)) = &mut self.vpx {
            vpx.set_rate(kbps(self.settings.bitrate), layers).map_err(setup_error)?;
        }
        self.layers = layers;
        Ok(())
    }

    fn encode(
        &mut self,
        picture: &Picture,
        wanted: FrameKind,
        at: Duration,
    ) -> Result<Option<EncodedPicture>, CodecError> {
        let wished = i64::try_from(at.as_micros() * TICKS as u128 / 1_000_000).unwrap_or(i64::MAX >> 1);
        let duration = TICKS.unsigned_abs() / self.settings.rate.fps();
        let mut payload = std::mem::take(&mut self.payload);
        payload.clear();
        let last = self.last;
        let wanted = match wanted {
            FrameKind::Key => WantedFrame::Key,
            FrameKind::Delta if self.layers == TemporalLayers::Two && self.is_last_needed => WantedFrame::Discardable,
            FrameKind::Delta => WantedFrame::Delta,
        };
        let (vpx, is_new) = self.of(picture.resolution())?;
        let wanted = if is_new { WantedFrame::Key } else { wanted };
        let ticks = last.filter(|_| !is_new).map_or(wished, |last| wished.max(last + 1));
        let kind = vpx.encode(picture, wanted, ticks, duration, &mut payload).map_err(failed);
        self.last = Some(ticks);
        let encoded = Bytes::copy_from_slice(&payload);
        self.payload = payload;
        let Some(kind) = kind? else {
            self.is_last_needed = false;
            return Ok(None);
        };
        let is_discardable = kind == FrameKind::Delta && wanted == WantedFrame::Discardable;
        self.is_last_needed = !is_discardable;
        Ok(Some(EncodedPicture { kind, is_discardable, payload: encoded }))
    }
}

fn kbps(bitrate: Bitrate) -> u32 {
    (bitrate.bps() / 1000).clamp(*RATES.start(), *RATES.end()) as u32
}

fn setup_error(VpxError(reason): VpxError) -> CodecError {
    CodecError::Setup { codec: "VP8", reason }
}

fn failed(VpxError(reason): VpxError) -> CodecError {
    CodecError::Encode { codec: "VP8", reason }
}
