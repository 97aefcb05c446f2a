//! Our sound on its way into a call.
//!
//! Owner of: the encoder. Does not decide whether we are muted.

use std::time::Instant;

use hearth_base::{AudioBlock, Bitrate, CaptureTime, Codec, EncodedFrame, FrameKind, Layer};

use super::ports::{Accepted, AudioSettings, AudioSink};
use super::report::SentCounters;
use crate::codec::{AudioEncoder, CodecError, audio_encoder};

/// Our end of a call.
pub(super) struct Outgoing {
    settings: AudioSettings,
    encoder: Box<dyn AudioEncoder>,
    sink: Box<dyn AudioSink>,
    /// Whether the last turn sent something.
    talking: bool,
    /// Packets so far.
    sequence: u64,
}

impl Outgoing {
    pub(super) fn new(settings: AudioSettings, sink: Box<dyn AudioSink>) -> Result<Self, CodecError> {
        let encoder = audio_encoder(settings.codec, settings.bitrate)?;
        Ok(Self { settings, encoder, sink, talking: false, sequence: 0 })
    }

    pub(super) fn set_bitrate(&mut self, bitrate: Bitrate) -> Result<(), CodecError> {
        self.encoder.set_bitrate(bitrate)
    }

    pub(super) fn set_loss(&mut self, share: f64) -> Result<(), CodecError> {
        self.encoder.set_loss(share)
    }

    /// Nothing is sent this time.
    pub(super) fn pause(&mut self) {
        self.talking = false;
    }

    /// Ten milliseconds, `position` samples after the beginning.
    pub(super) fn send(
        &mut self,
        block: &[f32; AudioBlock::LEN],
        position: u64,
        captured: Instant,
        sent: &mut SentCounters,
    ) {
        let Ok(payload) = self.encoder.encode(block) else {
            sent.encoder_errors += 1;
            return;
        };
        let AudioSettings { track, codec, .. } = self.settings;
        let begins_talk = !std::mem::replace(&mut self.talking, true);
        let packet = EncodedFrame {
            track,
            layer: Layer::default(),
            codec: Codec::Audio(codec),
            kind: FrameKind::Key,
            sequence: self.sequence,
            dependency: None,
            time: position,
            captured: CaptureTime::Here(captured),
            arrived: captured,
            is_discardable: false,
            begins_talk,
            payload,
        };
        self.sequence += 1;
        match self.sink.audio(packet) {
            Accepted::Yes => sent.packets_encoded += 1,
            Accepted::Full => sent.packets_refused += 1,
        }
    }
}
