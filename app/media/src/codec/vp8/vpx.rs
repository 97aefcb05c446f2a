//! libvpx, as far as VP8 needs it: a running encoder, a running decoder.
//!
//! One of the files where `unsafe` is allowed. Owner of: libvpx's contexts, destroyed with the values that hold them.
//! What goes in is checked here for what libvpx relies on; what it makes of a hostile stream is its own business.
#![expect(unsafe_code, reason = "libvpx is a C library, and has no wrapper that builds with the version of Debian 12")]

use std::ffi::{CStr, c_int, c_uint};
use std::mem::MaybeUninit;
use std::ptr;
use std::slice;
use std::sync::Arc;
use std::time::Instant;

use hearth_base::{FrameKind, Picture, Resolution, TemporalLayers};
use vpx_sys::vp8e_enc_control_id::{
    VP8E_SET_CPUUSED, VP8E_SET_MAX_INTRA_BITRATE_PCT, VP8E_SET_NOISE_SENSITIVITY, VP8E_SET_STATIC_THRESHOLD,
    VP8E_SET_TEMPORAL_LAYER_ID,
};
use vpx_sys::{
    VP8_EFLAG_NO_UPD_ARF, VP8_EFLAG_NO_UPD_GF, VP8_EFLAG_NO_UPD_LAST, VPX_CODEC_OK, VPX_DECODER_ABI_VERSION,
    VPX_DL_REALTIME, VPX_EFLAG_FORCE_KF, VPX_ENCODER_ABI_VERSION, VPX_FRAME_IS_KEY, vp8e_enc_control_id,
    vpx_codec_ctx_t, vpx_codec_cx_pkt_kind, vpx_codec_enc_cfg_t, vpx_codec_err_t, vpx_enc_pass, vpx_image_t,
    vpx_img_fmt, vpx_kf_mode, vpx_rational, vpx_rc_mode,
};

/// Units of time in a second: RTP's own for video, so nothing is rounded.
pub(super) const TICKS: i32 = 90_000;

/// What keeps a frame out of all that later ones are made of. (Its entropy contexts are kept out by the mode for
/// losses, in which no frame changes them: libvpx 1.12 goes on with old ones, which no decoder has, where it was told
/// so of a frame that it then left out.)
const NO_UPDATE: u32 = VP8_EFLAG_NO_UPD_LAST | VP8_EFLAG_NO_UPD_GF | VP8_EFLAG_NO_UPD_ARF;

/// What libvpx said.
#[derive(Debug)]
pub(super) struct VpxError(pub(super) String);

/// How an encoder is set up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup {
    pub(super) resolution: Resolution,
    pub(super) kbps: u32,
    /// Most bits of a key frame, in percent of a picture's share of the rate.
    pub(super) key_frame_percent: u32,
    /// 0 is slow and good, -16 fast.
    pub(super) speed: c_int,
}

/// What should come of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WantedFrame {
    Key,
    Delta,
    /// A delta that no later frame needs.
    Discardable,
}

/// A context that libvpx has initialised.
struct Context(Box<vpx_codec_ctx_t>);

// SAFETY: a context is a heap block without thread-local state; libvpx asks only that no two threads be in it at once,
// and it is reached through `&mut` alone.
unsafe impl Send for Context {}

impl Context {
    fn check(&mut self, code: vpx_codec_err_t) -> Result<(), VpxError> {
        if code == VPX_CODEC_OK {
            return Ok(());
        }
        // SAFETY: the context is initialised; libvpx answers with a static string or one that lives in the context.
        let words = unsafe { vpx_sys::vpx_codec_error(&raw mut *self.0) };
        Err(VpxError(text(words)))
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: initialised, and never used again.
        let _code = unsafe { vpx_sys::vpx_codec_destroy(&raw mut *self.0) };
    }
}

fn text(words: *const std::ffi::c_char) -> String {
    if words.is_null() {
        return "no reason given".to_owned();
    }
    // SAFETY: libvpx's texts end with a zero, and are copied before anything else is called.
    unsafe { CStr::from_ptr(words) }.to_string_lossy().into_owned()
}

/// An encoder for pictures of one size.
pub(super) struct RawEncoder {
    context: Context,
    config: Box<vpx_codec_enc_cfg_t>,
    /// libvpx keeps what was said of a frame that it left out, for the next one, unless that one has its own say.
    is_held: bool,
}

// SAFETY: the configuration holds two pointers, for two-pass encoding, which stay null.
unsafe impl Send for RawEncoder {}

impl RawEncoder {
    pub(super) fn new(setup: Setup) -> Result<Self, VpxError> {
        let mut config = default_config()?;
        fill(&mut config, setup);
        let mut context = Box::new(MaybeUninit::<vpx_codec_ctx_t>::zeroed());
        // SAFETY: libvpx initialises the context, which is zeroed memory of its size, and copies the configuration.
        let code = unsafe {
            vpx_sys::vpx_codec_enc_init_ver(
                context.as_mut_ptr(),
                vpx_sys::vpx_codec_vp8_cx(),
                &raw const *config,
                0,
                VPX_ENCODER_ABI_VERSION as c_int,
            )
        };
        if code != VPX_CODEC_OK {
            return Err(refused(code));
        }
        // SAFETY: it was initialised just now.
        let mut encoder = Self { context: Context(unsafe { context.assume_init() }), config, is_held: false };
        encoder.control(VP8E_SET_CPUUSED, setup.speed)?;
        encoder.control(VP8E_SET_STATIC_THRESHOLD, 1)?;
        encoder.control(VP8E_SET_NOISE_SENSITIVITY, 0)?;
        encoder.control(VP8E_SET_MAX_INTRA_BITRATE_PCT, setup.key_frame_percent as c_int)?;
        Ok(encoder)
    }

    /// From now on so many kilobits a second, in so many temporal layers.
    pub(super) fn set_rate(&mut self, kbps: u32, layers: TemporalLayers) -> Result<(), VpxError> {
        self.config.rc_target_bitrate = kbps;
        let is_two = layers == TemporalLayers::Two;
        (self.config.ts_number_layers, self.config.g_error_resilient) = (1 + u32::from(is_two), u32::from(is_two));
        if is_two {
            // Rates add up from the lowest layer on, and every other frame is of the upper one.
            let lower = (f64::from(kbps) * TemporalLayers::LOWER_PART) as u32;
            (self.config.ts_target_bitrate, self.config.ts_rate_decimator) = ([lower, kbps, 0, 0, 0], [2, 1, 0, 0, 0]);
            self.config.ts_periodicity = 2;
            let [lower, upper, ..] = &mut self.config.ts_layer_id;
            (*lower, *upper) = (0, 1);
        }
        // SAFETY: an initialised context, and a configuration that libvpx copies and checks.
        let code = unsafe { vpx_sys::vpx_codec_enc_config_set(&raw mut *self.context.0, &raw const *self.config) };
        self.context.check(code)
    }

    /// Encodes a picture; appends what comes out to `payload`. `None` when it was left out.
    pub(super) fn encode(
        &mut self,
        picture: &Picture,
        wanted: WantedFrame,
        ticks: i64,
        duration: u32,
        payload: &mut Vec<u8>,
    ) -> Result<Option<FrameKind>, VpxError> {
        let Resolution { width, height } = picture.resolution();
        if (width, height) != (self.config.g_w, self.config.g_h) {
            return Err(VpxError("a picture of another size".to_owned()));
        }
        let planes = picture.planes();
        let mut image = MaybeUninit::<vpx_image_t>::zeroed();
        // SAFETY: libvpx fills the image, whose planes point into ours: three of them without padding, as a picture has
        // them by its own invariant. The encoder only reads through them, and keeps none of the pointers.
        let wrapped = unsafe {
            vpx_sys::vpx_img_wrap(
                image.as_mut_ptr(),
                vpx_img_fmt::VPX_IMG_FMT_I420,
                width,
                height,
                1,
                planes.as_ptr().cast_mut(),
            )
        };
        if wrapped.is_null() {
            return Err(VpxError("a picture of odd size".to_owned()));
        }
        let flags = match wanted {
            WantedFrame::Key => VPX_EFLAG_FORCE_KF,
            WantedFrame::Delta if self.is_held => VP8_EFLAG_NO_UPD_GF | VP8_EFLAG_NO_UPD_ARF,
            WantedFrame::Delta => 0,
            WantedFrame::Discardable => NO_UPDATE,
        };
        if self.config.ts_number_layers > 1 {
            self.control(VP8E_SET_TEMPORAL_LAYER_ID, c_int::from(wanted == WantedFrame::Discardable))?;
        }
        // SAFETY: an initialised context; an image that lives until the call is over.
        let code = unsafe {
            vpx_sys::vpx_codec_encode(
                &raw mut *self.context.0,
                image.as_ptr(),
                ticks,
                duration.into(),
                flags.into(),
                VPX_DL_REALTIME.into(),
            )
        };
        self.context.check(code)?;
        let kind = self.collect(payload);
        self.is_held = kind.is_none() && (self.is_held || wanted == WantedFrame::Discardable);
        Ok(kind)
    }

    fn collect(&mut self, payload: &mut Vec<u8>) -> Option<FrameKind> {
        let mut kind = None;
        let mut at = ptr::null();
        loop {
            // SAFETY: libvpx walks its own list, with a cursor that began as null.
            let packet = unsafe { vpx_sys::vpx_codec_get_cx_data(&raw mut *self.context.0, &raw mut at) };
            // SAFETY: null, or a packet that is valid until the next call into the context.
            let Some(packet) = (unsafe { packet.as_ref() }) else { return kind };
            if packet.kind != vpx_codec_cx_pkt_kind::VPX_CODEC_CX_FRAME_PKT {
                continue;
            }
            // SAFETY: packets of this kind hold a frame.
            let frame = unsafe { packet.data.frame };
            if frame.buf.is_null() {
                continue;
            }
            // SAFETY: libvpx says how many bytes lie there; they are copied at once.
            payload.extend_from_slice(unsafe { slice::from_raw_parts(frame.buf.cast::<u8>(), frame.sz) });
            let is_key = frame.flags & VPX_FRAME_IS_KEY != 0;
            kind = Some(if is_key { FrameKind::Key } else { FrameKind::Delta });
        }
    }

    fn control(&mut self, what: vp8e_enc_control_id, value: c_int) -> Result<(), VpxError> {
        // SAFETY: each of the controls that are used here takes one int, signed or not, by value.
        let code = unsafe { vpx_sys::vpx_codec_control_(&raw mut *self.context.0, what as c_int, value) };
        self.context.check(code)
    }
}

fn default_config() -> Result<Box<vpx_codec_enc_cfg_t>, VpxError> {
    let mut config = Box::new(MaybeUninit::<vpx_codec_enc_cfg_t>::zeroed());
    // SAFETY: libvpx fills all of it when it says yes.
    let code = unsafe { vpx_sys::vpx_codec_enc_config_default(vpx_sys::vpx_codec_vp8_cx(), config.as_mut_ptr(), 0) };
    if code != VPX_CODEC_OK {
        return Err(refused(code));
    }
    // SAFETY: filled just now.
    Ok(unsafe { config.assume_init() })
}

/// As WebRTC sets it for a call: the rate held, nothing looked ahead, key frames only on demand.
fn fill(config: &mut vpx_codec_enc_cfg_t, setup: Setup) {
    config.g_w = setup.resolution.width;
    config.g_h = setup.resolution.height;
    config.g_threads = 1;
    config.g_timebase = vpx_rational { num: 1, den: TICKS };
    config.g_pass = vpx_enc_pass::VPX_RC_ONE_PASS;
    config.g_lag_in_frames = 0;
    config.g_error_resilient = 0;
    config.rc_end_usage = vpx_rc_mode::VPX_CBR;
    config.rc_target_bitrate = setup.kbps;
    config.rc_dropframe_thresh = 30;
    config.rc_resize_allowed = 0;
    config.rc_min_quantizer = 2;
    config.rc_max_quantizer = 56;
    config.rc_undershoot_pct = 100;
    config.rc_overshoot_pct = 15;
    (config.rc_buf_sz, config.rc_buf_initial_sz, config.rc_buf_optimal_sz) = (1000, 500, 600);
    config.kf_mode = vpx_kf_mode::VPX_KF_DISABLED;
}

/// A decoder.
pub(super) struct RawDecoder(Context);

impl RawDecoder {
    pub(super) fn new() -> Result<Self, VpxError> {
        let mut context = Box::new(MaybeUninit::<vpx_codec_ctx_t>::zeroed());
        // SAFETY: as for the encoder; no configuration is libvpx's own.
        let code = unsafe {
            vpx_sys::vpx_codec_dec_init_ver(
                context.as_mut_ptr(),
                vpx_sys::vpx_codec_vp8_dx(),
                ptr::null(),
                0,
                VPX_DECODER_ABI_VERSION as c_int,
            )
        };
        if code != VPX_CODEC_OK {
            return Err(refused(code));
        }
        // SAFETY: initialised just now.
        Ok(Self(Context(unsafe { context.assume_init() })))
    }

    /// Decodes one frame, which is not empty. `None` when it held no picture.
    pub(super) fn decode(&mut self, frame: &[u8], now: Instant) -> Result<Option<Picture>, VpxError> {
        let length = c_uint::try_from(frame.len()).map_err(|_| VpxError("a frame too long".to_owned()))?;
        // SAFETY: an initialised context; libvpx reads so many bytes and keeps no pointer to them.
        let code = unsafe { vpx_sys::vpx_codec_decode(&raw mut *self.0.0, frame.as_ptr(), length, ptr::null_mut(), 0) };
        self.0.check(code)?;
        let mut at = ptr::null();
        // SAFETY: libvpx walks its own list, with a cursor that began as null; a VP8 frame gives one picture at most.
        let image = unsafe { vpx_sys::vpx_codec_get_frame(&raw mut *self.0.0, &raw mut at) };
        // SAFETY: null, or an image that is valid until the next call into the context.
        let Some(image) = (unsafe { image.as_ref() }) else { return Ok(None) };
        copy(image, now).map(Some).ok_or_else(|| VpxError("a picture of odd size".to_owned()))
    }
}

/// Out of libvpx's buffers, without the padding of their rows, and without the last row or column where their number is
/// odd.
fn copy(image: &vpx_image_t, now: Instant) -> Option<Picture> {
    let resolution = Resolution::new(image.d_w & !1, image.d_h & !1)?;
    if image.fmt != vpx_img_fmt::VPX_IMG_FMT_I420 {
        return None;
    }
    let (width, height) = (resolution.width as usize, resolution.height as usize);
    let area = resolution.area();
    let mut planes: Arc<[u8]> = std::iter::repeat_n(0, area * 3 / 2).collect();
    let (y, chroma) = Arc::get_mut(&mut planes)?.split_at_mut_checked(area)?;
    let (u, v) = chroma.split_at_mut_checked(area / 4)?;
    let sizes = [(width, height), (width / 2, height / 2), (width / 2, height / 2)];
    for ((to, (width, height)), (from, stride)) in
        [y, u, v].into_iter().zip(sizes).zip(image.planes.iter().zip(image.stride))
    {
        copy_plane(to, width, height, *from, usize::try_from(stride).ok()?)?;
    }
    Picture::new(resolution, planes, now).ok()
}

fn copy_plane(to: &mut [u8], width: usize, height: usize, from: *const u8, stride: usize) -> Option<()> {
    if from.is_null() || stride < width || width == 0 {
        return None;
    }
    for (row, to) in to.chunks_exact_mut(width).take(height).enumerate() {
        // SAFETY: a plane of libvpx has as many rows as the picture says, `stride` bytes apart, each of which holds the
        // picture's width; nothing writes to it before the next call into the context.
        to.copy_from_slice(unsafe { slice::from_raw_parts(from.add(row * stride), width) });
    }
    Some(())
}

fn refused(code: vpx_codec_err_t) -> VpxError {
    // SAFETY: libvpx has a static text for each of its codes.
    VpxError(text(unsafe { vpx_sys::vpx_codec_err_to_string(code) }))
}
