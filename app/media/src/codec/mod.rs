//! The codecs, behind traits that are keyed by what [`hearth_base`] calls them.
//!
//! Owns nothing. What a build can do, [`video_codecs`] and [`audio_codecs`] say: H.264 is a cargo feature, VP8 is
//! always there.

#[cfg(feature = "h264")]
mod h264;
mod opus;
mod opus_packet;
#[cfg(test)]
mod tests;
mod vp8;

use std::time::{Duration, Instant};

use bytes::Bytes;
use hearth_base::{AudioBlock, AudioCodec, Bitrate, FrameKind, FrameRate, Picture, TemporalLayers, VideoCodec};

/// Why a codec did not do what it was asked to. The caller of a decoder asks the sender for a key frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// This build has no such codec.
    #[error("this build of Hearth has no {0:?}: build it with that feature")]
    Unavailable(VideoCodec),
    /// The codec could not be set up or refused an option.
    #[error("the {codec} codec could not be set up: {reason}")]
    Setup {
        /// Which.
        codec: &'static str,
        /// In its own words.
        reason: String,
    },
    /// It could not encode this.
    #[error("the {codec} encoder failed: {reason}")]
    Encode {
        /// Which.
        codec: &'static str,
        /// In its own words.
        reason: String,
    },
    /// What came is no valid stream, or needs something that did not come.
    #[error("the {codec} decoder failed: {reason}")]
    Decode {
        /// Which.
        codec: &'static str,
        /// In its own words.
        reason: String,
    },
}

/// How one layer is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VideoSettings {
    /// Pictures a second that will come.
    pub rate: FrameRate,
    /// Bits a second to begin with.
    pub bitrate: Bitrate,
}

/// One encoded picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedPicture {
    /// Whether it can be decoded alone.
    pub kind: FrameKind,
    /// Whether no later one needs it.
    pub is_discardable: bool,
    /// H.264: an access unit with start codes (Annex B). VP8: a frame (RFC 6386 section 9.1).
    pub payload: Bytes,
}

/// Makes pictures small.
pub trait VideoEncoder: Send {
    /// From now on, this many bits a second.
    ///
    /// # Errors
    /// [`CodecError::Setup`]; the old rate stays.
    fn set_bitrate(&mut self, bitrate: Bitrate) -> Result<(), CodecError>;

    /// From now on, in so many temporal layers; one to begin with. The next frame may be a key frame for it.
    ///
    /// # Errors
    /// [`CodecError::Setup`]; what was stays.
    fn set_temporal_layers(&mut self, layers: TemporalLayers) -> Result<(), CodecError>;

    /// Encodes a picture taken `at` (from any fixed moment on). `wanted` [`FrameKind::Key`] is obeyed; of itself the
    /// encoder makes a key frame first and when the size changes. `None` when it left the picture out to hold its rate.
    ///
    /// # Errors
    /// [`CodecError::Encode`]; the next picture should be asked for as a key frame.
    fn encode(
        &mut self,
        picture: &Picture,
        wanted: FrameKind,
        at: Duration,
    ) -> Result<Option<EncodedPicture>, CodecError>;
}

/// Makes them large again.
pub trait VideoDecoder: Send {
    /// Decodes one access unit or frame. `None` when it held no picture.
    ///
    /// # Errors
    /// [`CodecError::Decode`]; then only a key frame helps.
    fn decode(&mut self, unit: &[u8], now: Instant) -> Result<Option<Picture>, CodecError>;
}

/// Makes sound small.
pub trait AudioEncoder: Send {
    /// From now on, this many bits a second.
    ///
    /// # Errors
    /// [`CodecError::Setup`]; the old rate stays.
    fn set_bitrate(&mut self, bitrate: Bitrate) -> Result<(), CodecError>;

    /// Makes it fit for this share of lost packets, 0 to 1.
    ///
    /// # Errors
    /// [`CodecError::Setup`]; what was stays.
    fn set_loss(&mut self, share: f64) -> Result<(), CodecError>;

    /// Encodes 10 ms.
    ///
    /// # Errors
    /// [`CodecError::Encode`].
    fn encode(&mut self, block: &[f32; AudioBlock::LEN]) -> Result<Bytes, CodecError>;
}

/// Makes it large again, whole or not.
pub trait AudioDecoder: Send {
    /// How many samples a packet holds; `None` when it is no valid packet. At most [`MAX_PACKET_SAMPLES`].
    fn samples(&self, packet: &[u8]) -> Option<usize>;

    /// How many samples in front of this packet [`Self::recover`] can make out of it; 0 when none.
    fn recoverable(&self, packet: &[u8]) -> usize;

    /// Decodes a packet into the front of `out`; how many samples that were.
    ///
    /// # Errors
    /// [`CodecError::Decode`].
    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<usize, CodecError>;

    /// Fills `out` with what was before `next` and was lost.
    ///
    /// # Errors
    /// [`CodecError::Decode`].
    fn recover(&mut self, next: &[u8], out: &mut [f32]) -> Result<(), CodecError>;

    /// Fills `out` (a multiple of 2.5 ms) with a guess.
    ///
    /// # Errors
    /// [`CodecError::Decode`].
    fn conceal(&mut self, out: &mut [f32]) -> Result<(), CodecError>;
}

/// Longest packet of sound: 120 ms (RFC 6716 section 3.2.5).
pub const MAX_PACKET_SAMPLES: usize = 5760;

/// What this build can encode and decode, the best first.
pub fn video_codecs() -> Vec<VideoCodec> {
    VideoCodec::ALL.into_iter().filter(|codec| cfg!(feature = "h264") || *codec != VideoCodec::H264).collect()
}

/// What this build can encode and decode, the best first.
pub fn audio_codecs() -> Vec<AudioCodec> {
    vec![AudioCodec::Opus]
}

/// A new encoder.
///
/// # Errors
/// [`CodecError::Unavailable`], or [`CodecError::Setup`].
pub fn video_encoder(codec: VideoCodec, settings: VideoSettings) -> Result<Box<dyn VideoEncoder>, CodecError> {
    match codec {
        #[cfg(feature = "h264")]
        VideoCodec::H264 => Ok(Box::new(h264::H264Encoder::new(settings)?)),
        #[cfg(not(feature = "h264"))]
        VideoCodec::H264 => Err(CodecError::Unavailable(codec)),
        VideoCodec::Vp8 => Ok(Box::new(vp8::Vp8Encoder::new(settings))),
    }
}

/// A new decoder.
///
/// # Errors
/// [`CodecError::Unavailable`], or [`CodecError::Setup`].
pub fn video_decoder(codec: VideoCodec) -> Result<Box<dyn VideoDecoder>, CodecError> {
    match codec {
        #[cfg(feature = "h264")]
        VideoCodec::H264 => Ok(Box::new(h264::H264Decoder::new()?)),
        #[cfg(not(feature = "h264"))]
        VideoCodec::H264 => Err(CodecError::Unavailable(codec)),
        VideoCodec::Vp8 => Ok(Box::new(vp8::Vp8Decoder::new()?)),
    }
}

/// A new encoder of speech.
///
/// # Errors
/// [`CodecError::Setup`].
pub fn audio_encoder(codec: AudioCodec, bitrate: Bitrate) -> Result<Box<dyn AudioEncoder>, CodecError> {
    match codec {
        AudioCodec::Opus => Ok(Box::new(opus::OpusEncoder::new(bitrate)?)),
    }
}

/// A new decoder. Whatever the sender does with channels, mono comes out.
///
/// # Errors
/// [`CodecError::Setup`].
pub fn audio_decoder(codec: AudioCodec) -> Result<Box<dyn AudioDecoder>, CodecError> {
    match codec {
        AudioCodec::Opus => Ok(Box::new(opus::OpusDecoder::new()?)),
    }
}
