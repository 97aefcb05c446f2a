//! An openh264 encoder, set for a call: its bit rate held, key frames only on demand and not too large.
//!
//! Owner of: the encoder's state and its rate. Does not scale pictures, and does not decide when a key frame is due.

use std::ffi::c_int;
use std::time::Duration;

use bytes::Bytes;
use hearth_base::{Bitrate, FrameKind, Picture, Resolution, TemporalLayers};
use openh264::encoder::{
    BitRate, Complexity, EncodedBitStream, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, Profile,
    RateControlMode, UsageType,
};
use openh264::formats::YUVSlices;
use openh264::{OpenH264API, Timestamp};

use super::super::{CodecError, EncodedPicture, VideoEncoder, VideoSettings};
use super::{control, units};

/// openh264 gives a key frame four times a picture's share of the rate. It gets this part of the rate for its one
/// picture. Measured on the test pattern: 2 shares (8.5 kB, 135 ms of the link) at 360p, 15 a second and 500 kbit/s;
/// 3.5 (22 kB) at 720p, where openh264's own bounds on the quantiser hold. Less than this, and it leaves out pictures
/// behind the key frame.
const KEY_FRAME_RATE: f64 = 0.5;
/// Rates that openh264 keeps to at any size, bits a second.
const RATES: std::ops::RangeInclusive<u64> = 30_000..=20_000_000;

pub(in super::super) struct H264Encoder {
    openh264: openh264::encoder::Encoder,
    /// The rate is the newest.
    settings: VideoSettings,
    layers: TemporalLayers,
    /// What openh264 is set to, bits a second: the rate, or a key frame's; and in how many temporal layers it works.
    set: c_int,
    set_layers: TemporalLayers,
    /// Of its pictures. Before the first it takes neither a rate nor layers.
    size: Option<Resolution>,
    /// The next picture is a key frame whatever is wanted.
    is_key_due: bool,
    payload: Vec<u8>,
}

impl H264Encoder {
    pub(in super::super) fn new(settings: VideoSettings) -> Result<Self, CodecError> {
        Ok(Self {
            openh264: begin(settings)?,
            settings,
            layers: TemporalLayers::One,
            set: first_bps(settings),
            set_layers: TemporalLayers::One,
            size: None,
            is_key_due: false,
            payload: Vec::new(),
        })
    }

    /// Another size is another encoder: the wrapper would go back to the rate that it began with.
    fn fit(&mut self, size: Resolution) -> Result<(), CodecError> {
        if self.size.is_some_and(|before| before != size) {
            self.openh264 = begin(self.settings)?;
            (self.set, self.set_layers, self.size) = (first_bps(self.settings), TemporalLayers::One, None);
        }
        Ok(())
    }

    fn set_rate(&mut self, bitrate: Bitrate) -> Result<(), CodecError> {
        let to = bps(bitrate);
        if self.size.is_some() && to != self.set {
            control::set_bitrate(&mut self.openh264, self.set, to)?;
            self.set = to;
        }
        Ok(())
    }

    /// Encodes one picture; openh264's own word for what came out.
    fn run(&mut self, picture: &Picture, at: Duration) -> Result<FrameType, CodecError> {
        let (width, height) = (picture.resolution().width as usize, picture.resolution().height as usize);
        let planes = (picture.y(), picture.u(), picture.v());
        let source = YUVSlices::new(planes, (width, height), (width, width / 2, width / 2));
        let millis = u64::try_from(at.as_millis()).unwrap_or(u64::MAX >> 1).min(u64::MAX >> 1);
        let stream = self.openh264.encode_at(&source, Timestamp::from_millis(millis)).map_err(failed)?;
        self.payload.clear();
        write(&stream, &mut self.payload);
        let kind = stream.frame_type();
        self.size = Some(picture.resolution());
        Ok(kind)
    }

    /// Encodes one picture; the first one twice where two temporal layers are wanted: openh264 takes the second no
    /// sooner.
    fn run_in_layers(&mut self, picture: &Picture, at: Duration) -> Result<FrameType, CodecError> {
        let is_first = self.size.is_none();
        let kind = self.run(picture, at)?;
        if !is_first || self.layers == TemporalLayers::One {
            return Ok(kind);
        }
        self.set_layers(self.layers)?;
        self.run(picture, at)
    }

    fn set_layers(&mut self, layers: TemporalLayers) -> Result<(), CodecError> {
        if layers != self.set_layers {
            control::set_temporal_layers(&mut self.openh264, layers)?;
            self.set_layers = layers;
        }
        Ok(())
    }
}

impl VideoEncoder for H264Encoder {
    fn set_bitrate(&mut self, bitrate: Bitrate) -> Result<(), CodecError> {
        self.set_rate(bitrate)?;
        self.settings.bitrate = bitrate;
        Ok(())
    }

    fn set_temporal_layers(&mut self, layers: TemporalLayers) -> Result<(), CodecError> {
        if self.size.is_some() && layers != self.set_layers {
            self.set_layers(layers)?;
            // openh264 begins again with the second layer, and goes on without it.
            self.is_key_due = layers == TemporalLayers::Two;
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
        self.fit(picture.resolution())?;
        if (wanted == FrameKind::Key || self.is_key_due) && self.size.is_some() {
            self.set_rate(self.settings.bitrate.scaled(KEY_FRAME_RATE))?;
            self.openh264.force_intra_frame();
        }
        let result = self.run_in_layers(picture, at);
        self.is_key_due &= !matches!(result, Ok(FrameType::IDR));
        self.set_rate(self.settings.bitrate)?;
        let kind = match result? {
            FrameType::IDR => FrameKind::Key,
            FrameType::I | FrameType::P | FrameType::IPMixed => FrameKind::Delta,
            FrameType::Skip | FrameType::Invalid => return Ok(None),
        };
        let is_discardable = kind == FrameKind::Delta && units::is_discardable(&self.payload);
        Ok(Some(EncodedPicture { kind, is_discardable, payload: Bytes::copy_from_slice(&self.payload) }))
    }
}

fn begin(settings: VideoSettings) -> Result<openh264::encoder::Encoder, CodecError> {
    let begun = openh264::encoder::Encoder::with_api_config(OpenH264API::from_source(), config(settings));
    begun.map_err(|error| CodecError::Setup { codec: "H.264", reason: error.to_string() })
}

/// The first picture is a key frame, and is encoded at the rate that an encoder is made with.
fn first_bps(settings: VideoSettings) -> c_int {
    bps(settings.bitrate.scaled(KEY_FRAME_RATE))
}

fn config(settings: VideoSettings) -> EncoderConfig {
    EncoderConfig::new()
        .profile(Profile::Baseline)
        .usage_type(UsageType::CameraVideoRealTime)
        .complexity(Complexity::Low)
        .rate_control_mode(RateControlMode::Bitrate)
        .bitrate(BitRate::from_bps(first_bps(settings).unsigned_abs()))
        .max_frame_rate(FrameRate::from_hz(settings.rate.fps() as f32))
        .skip_frames(true)
        .intra_frame_period(IntraFramePeriod::from_num_frames(0))
        .scene_change_detect(false)
        .background_detection(false)
        .num_threads(1)
}

fn bps(bitrate: Bitrate) -> c_int {
    c_int::try_from(bitrate.bps().clamp(*RATES.start(), *RATES.end())).unwrap_or(c_int::MAX)
}

fn write(stream: &EncodedBitStream<'_>, payload: &mut Vec<u8>) {
    let layers = (0..stream.num_layers()).filter_map(|n| stream.layer(n));
    for layer in layers {
        for nal in (0..layer.nal_count()).filter_map(|n| layer.nal_unit(n)) {
            payload.extend_from_slice(nal);
        }
    }
}

fn failed(error: openh264::Error) -> CodecError {
    CodecError::Encode { codec: "H.264", reason: error.to_string() }
}
