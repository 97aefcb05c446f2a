//! The bit rate of a running openh264 encoder, which the safe wrapper does not reach.
//!
//! One of the files where `unsafe` is allowed. Owns nothing, and keeps no pointer past a call.
#![expect(unsafe_code, reason = "openh264's options are set through pointers")]

use std::ffi::c_int;

use openh264::encoder::Encoder;
use openh264_sys2::{
    ENCODER_OPTION, ENCODER_OPTION_BITRATE, ENCODER_OPTION_MAX_BITRATE, SBitrateInfo, SPATIAL_LAYER_0,
};

use super::super::CodecError;

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
    // SAFETY: the wrapper asks that nothing be set that it relies on; it reads no rate back. Both options are documented
    // to take an SBitrateInfo, which lives on this stack frame while openh264 copies out of it. The encoder is borrowed
    // for this call alone, so no other thread is in it.
    let code = unsafe { encoder.raw_api().set_option(option, (&raw mut info).cast()) };
    if code == 0 {
        Ok(())
    } else {
        Err(CodecError::Setup { codec: "H.264", reason: format!("option {option} to {bps}: code {code}") })
    }
}
