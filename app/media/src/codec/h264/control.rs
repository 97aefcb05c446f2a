//! What the safe wrapper of openh264 does not reach: the bit rate of a running encoder, and pictures that a decoder has
//! made up in part.
//!
//! One of the files where `unsafe` is allowed. Owns nothing, and keeps no pointer past a call.
#![expect(unsafe_code, reason = "openh264's options are set through pointers")]

use std::ffi::c_int;
use std::ptr::null_mut;

use openh264::decoder::Decoder;
use openh264::encoder::Encoder;
use openh264_sys2::{
    DECODER_OPTION_ERROR_CON_IDC, ENCODER_OPTION, ENCODER_OPTION_BITRATE, ENCODER_OPTION_MAX_BITRATE,
    ENCODER_OPTION_SVC_ENCODE_PARAM_EXT, ERROR_CON_DISABLE, ERROR_CON_SLICE_COPY, SBitrateInfo, SBufferInfo,
    SEncParamExt, SPATIAL_LAYER_0, dsDataErrorConcealed, dsRefLost,
};

use hearth_base::TemporalLayers;

use super::super::CodecError;
use super::DecodedPlanes;

/// Takes an encoder's target and peak `from` one rate `to` another, bits a second.
///
/// The encoder must have encoded a picture: before, it has no parameters to change.
pub(super) fn set_bitrate(encoder: &mut Encoder, from: c_int, to: c_int) -> Result<(), CodecError> {
    // openh264 refuses a peak below the target, whichever of the two is being moved.
    let order = if to > from {
        [ENCODER_OPTION_MAX_BITRATE, ENCODER_OPTION_BITRATE]
    } else {
        [ENCODER_OPTION_BITRATE, ENCODER_OPTION_MAX_BITRATE]
    };
    order.into_iter().try_for_each(|option| set(encoder, option, to))
}

fn set(encoder: &mut Encoder, option: ENCODER_OPTION, bps: c_int) -> Result<(), CodecError> {
    let mut info = SBitrateInfo { iLayer: SPATIAL_LAYER_0, iBitrate: bps };
    // SAFETY: the wrapper asks that nothing be set that it relies on; it reads no rate back. Both options are
    // documented to take an SBitrateInfo, which lives on this stack frame while openh264 copies out of it. The encoder
    // is borrowed for this call alone, so no other thread is in it.
    let code = unsafe { encoder.raw_api().set_option(option, (&raw mut info).cast()) };
    if code == 0 {
        Ok(())
    } else {
        Err(CodecError::Setup { codec: "H.264", reason: format!("option {option} to {bps}: code {code}") })
    }
}

/// Sets an encoder to one temporal layer, or to two, with which the next picture is an IDR. The rates are what they
/// were set to last.
///
/// The encoder must have encoded a picture, as above.
pub(super) fn set_temporal_layers(encoder: &mut Encoder, layers: TemporalLayers) -> Result<(), CodecError> {
    let refused = |code| CodecError::Setup { codec: "H.264", reason: format!("temporal layers: code {code}") };
    let mut params = SEncParamExt::default();
    // SAFETY: openh264 copies an SEncParamExt, which this is, into the memory that lives on this stack frame. The
    // encoder is borrowed for this call alone.
    let code = unsafe { encoder.raw_api().get_option(ENCODER_OPTION_SVC_ENCODE_PARAM_EXT, (&raw mut params).cast()) };
    if code != 0 {
        return Err(refused(code));
    }
    params.iTemporalLayerNum = match layers {
        TemporalLayers::One => 1,
        TemporalLayers::Two => 2,
    };
    // openh264 refuses a rate above that of the beginning.
    let [layer, ..] = &params.sSpatialLayers;
    (params.iTargetBitrate, params.iMaxBitrate) = (layer.iSpatialBitrate, layer.iMaxSpatialBitrate);
    // SAFETY: the wrapper asks that nothing be set that it relies on: it sets all of this again when the size changes,
    // and reads none of it. The option is documented to take an SEncParamExt, which openh264 copies out of this frame.
    let code = unsafe { encoder.raw_api().set_option(ENCODER_OPTION_SVC_ENCODE_PARAM_EXT, (&raw mut params).cast()) };
    if code == 0 { Ok(()) } else { Err(refused(code)) }
}

/// Whether a decoder may make up what it lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Concealment {
    Off,
    On,
}

/// Says whether a decoder may make up what it lacks.
pub(super) fn set_concealment(decoder: &mut Decoder, concealment: Concealment) -> Result<(), CodecError> {
    let mut value = match concealment {
        Concealment::Off => ERROR_CON_DISABLE,
        Concealment::On => ERROR_CON_SLICE_COPY,
    };
    // SAFETY: the wrapper asks that nothing be set that it relies on; it sets this option once and reads it never. It
    // is documented to take an int, which lives on this stack frame while openh264 copies it. The decoder is borrowed
    // for this call alone.
    let code = unsafe { decoder.raw_api().set_option(DECODER_OPTION_ERROR_CON_IDC, (&raw mut value).cast()) };
    let refused = || CodecError::Setup { codec: "H.264", reason: format!("concealment: code {code}") };
    if code == 0 { Ok(()) } else { Err(refused()) }
}

/// Decodes a unit whose references may be lacking, and gives `take` the picture, should there be one. The wrapper would
/// keep it back: openh264 counts what was made up as an error, and goes on counting so until the next IDR.
pub(super) fn decode_concealing<T>(
    decoder: &mut Decoder,
    unit: &[u8],
    take: impl FnOnce(&DecodedPlanes<'_>) -> Option<T>,
) -> Result<Option<T>, CodecError> {
    let refused = |reason: String| CodecError::Decode { codec: "H.264", reason };
    let length = c_int::try_from(unit.len()).map_err(|_| refused("too long".into()))?;
    let mut planes = [null_mut::<u8>(); 3];
    let mut info = SBufferInfo::default();
    // SAFETY: the unit is readable for `length` bytes; `planes` and `info` live on this stack frame, and openh264
    // writes three pointers and one struct into them. The decoder is borrowed for this call alone.
    let code = unsafe {
        decoder.raw_api().decode_frame_no_delay(unit.as_ptr(), length, planes.as_mut_ptr().cast(), &raw mut info)
    };
    if code & !(dsDataErrorConcealed | dsRefLost) != 0 {
        return Err(refused(format!("state {code:#x}")));
    }
    if info.iBufferStatus != 1 || planes.iter().any(|plane| plane.is_null()) {
        return Ok(None);
    }
    // SAFETY: with a status of 1 the union holds the system buffer's description (openh264's codec_api.h).
    let buffer = unsafe { info.UsrData.sSystemBuffer };
    let size = |value: c_int| usize::try_from(value).ok().filter(|value| *value > 0);
    let [stride, chroma_stride] = buffer.iStride.map(size);
    let dimensions = (size(buffer.iWidth), size(buffer.iHeight), stride, chroma_stride);
    let (Some(width), Some(height), Some(stride), Some(chroma_stride)) = dimensions else { return Ok(None) };
    let plane = |pointer: *mut u8, length: usize| {
        // SAFETY: openh264 keeps the planes, each of so many rows of its stride, until the decoder is called again;
        // they are read before this function, which holds the decoder, returns.
        unsafe { std::slice::from_raw_parts(pointer, length) }
    };
    let [y, u, v] = planes;
    let chroma = chroma_stride * (height / 2);
    let picture = DecodedPlanes {
        width,
        height,
        strides: (stride, chroma_stride),
        y: plane(y, stride * height),
        u: plane(u, chroma),
        v: plane(v, chroma),
    };
    Ok(take(&picture))
}
