//! One raw picture into each watched layer, once, however many watch.
//!
//! Never a single delta is dropped: when there is no room, the raw picture is left out before it is encoded; and when a
//! picture is refused all the same, its layer goes on with a key frame. Owner of: the encoders of one track's layers.
//! Knows no thread and no clock.

use std::time::Instant;

use hearth_base::{Bitrate, EncodedVideo, FrameKind, FrameRate, Layer, Picture, TrackId, VideoCodec};

use super::VideoSink;
use crate::codec::{CodecError, VideoEncoder, VideoSettings, video_encoder};
use crate::scale;
use crate::turn::Accepted;

/// One of a track's sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerSettings {
    /// Which.
    pub layer: Layer,
    /// How often the camera's size is halved for it.
    pub halvings: u8,
    /// How it is encoded.
    pub codec: VideoCodec,
    /// Pictures a second that will come.
    pub rate: FrameRate,
    /// Bits a second to begin with.
    pub bitrate: Bitrate,
}

/// What an encoder is to do, besides going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodeCommand {
    /// The next picture of this layer is to stand alone.
    KeyFrame(Layer),
    /// From now on, this many bits a second.
    Bitrate(Layer, Bitrate),
    /// Whether anybody watches this layer: what nobody watches is not encoded. All are watched to begin with.
    Watched(Layer, bool),
}

/// What was done so far, a layer each.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct EncodeReport {
    /// Raw pictures that came.
    pub pictures: u64,
    /// In the order of the settings.
    pub layers: Vec<LayerCounters>,
}

/// One layer's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct LayerCounters {
    /// Pictures that were encoded and taken.
    pub encoded: u64,
    /// Of those, the ones that stand alone.
    pub keys: u64,
    /// Bytes of those.
    pub bytes: u64,
    /// Raw pictures that the encoder left out to hold its rate.
    pub left_out: u64,
    /// Raw pictures left out because there was no room for what would come of them.
    pub no_room: u64,
    /// Encoded pictures that were refused.
    pub refused: u64,
    /// Errors of the encoder.
    pub errors: u64,
}

/// The encoders of one track.
pub struct Encoding {
    track: TrackId,
    layers: Vec<Encoder>,
    sink: Box<dyn VideoSink>,
    began: Option<Instant>,
    pictures: u64,
}

struct Encoder {
    settings: LayerSettings,
    codec: Box<dyn VideoEncoder>,
    next: FrameKind,
    watched: bool,
    counters: LayerCounters,
}

impl Encoding {
    /// Encoders for these layers.
    ///
    /// # Errors
    /// [`CodecError`] when there is no such encoder.
    pub fn new(track: TrackId, layers: &[LayerSettings], sink: Box<dyn VideoSink>) -> Result<Self, CodecError> {
        let encoder = |settings: &LayerSettings| {
            let codec =
                video_encoder(settings.codec, VideoSettings { rate: settings.rate, bitrate: settings.bitrate })?;
            Ok(Encoder {
                settings: *settings,
                codec,
                next: FrameKind::Key,
                watched: true,
                counters: LayerCounters::default(),
            })
        };
        let layers = layers.iter().map(encoder).collect::<Result<_, CodecError>>()?;
        Ok(Self { track, layers, sink, began: None, pictures: 0 })
    }

    /// Does what it is told. A layer that is not there has nothing to do.
    pub fn handle_command(&mut self, command: EncodeCommand) {
        let (EncodeCommand::KeyFrame(layer) | EncodeCommand::Bitrate(layer, _) | EncodeCommand::Watched(layer, _)) =
            command;
        for encoder in self.layers.iter_mut().filter(|encoder| encoder.settings.layer == layer) {
            match command {
                EncodeCommand::KeyFrame(_) => encoder.next = FrameKind::Key,
                EncodeCommand::Bitrate(_, bitrate) => encoder.set_bitrate(bitrate),
                EncodeCommand::Watched(_, watched) => encoder.set_watched(watched),
            }
        }
    }

    /// Encodes a picture in each layer that is watched and has room.
    pub fn handle_picture(&mut self, picture: &Picture) {
        self.pictures += 1;
        let began = *self.began.get_or_insert(picture.captured);
        let at = picture.captured.saturating_duration_since(began);
        // Layers share the halves: the picture of each size is made once.
        let mut sizes = vec![picture.clone()];
        for encoder in &mut self.layers {
            if !encoder.watched {
                continue;
            }
            if !self.sink.room(self.track, encoder.settings.layer) {
                encoder.counters.no_room += 1;
                continue;
            }
            if let Some(picture) = halved(&mut sizes, encoder.settings.halvings) {
                encoder.encode(self.track, &picture, at, self.sink.as_mut());
            }
        }
    }

    /// What was done so far.
    pub fn report(&self) -> EncodeReport {
        let layers = self.layers.iter().map(|encoder| encoder.counters).collect();
        EncodeReport { pictures: self.pictures, layers }
    }
}

impl Encoder {
    fn set_bitrate(&mut self, bitrate: Bitrate) {
        if self.codec.set_bitrate(bitrate).is_err() {
            self.counters.errors += 1;
        }
    }

    fn set_watched(&mut self, watched: bool) {
        if watched && !self.watched {
            self.next = FrameKind::Key;
        }
        self.watched = watched;
    }

    fn encode(&mut self, track: TrackId, picture: &Picture, at: std::time::Duration, sink: &mut dyn VideoSink) {
        let encoded = match self.codec.encode(picture, self.next, at) {
            Ok(Some(encoded)) => encoded,
            Ok(None) => {
                self.counters.left_out += 1;
                return;
            }
            Err(_) => {
                self.counters.errors += 1;
                self.next = FrameKind::Key;
                return;
            }
        };
        let (kind, bytes) = (encoded.kind, encoded.payload.len() as u64);
        if self.next == FrameKind::Key && kind == FrameKind::Delta {
            // Not what was asked for, and perhaps a delta of what was refused: ask again.
            self.counters.refused += 1;
            return;
        }
        let LayerSettings { layer, codec, .. } = self.settings;
        let video = EncodedVideo { track, layer, codec, kind, captured: picture.captured, payload: encoded.payload };
        match sink.video(video) {
            Accepted::Yes => {
                self.next = FrameKind::Delta;
                self.counters.encoded += 1;
                self.counters.bytes += bytes;
                self.counters.keys += u64::from(kind == FrameKind::Key);
            }
            Accepted::Full => {
                self.next = FrameKind::Key;
                self.counters.refused += 1;
            }
        }
    }
}

/// The first of `sizes` halved so many times; what is made on the way is kept there.
fn halved(sizes: &mut Vec<Picture>, halvings: u8) -> Option<Picture> {
    while sizes.len() <= usize::from(halvings) {
        let smaller = scale::half(sizes.last()?)?;
        sizes.push(smaller);
    }
    sizes.get(usize::from(halvings)).cloned()
}

impl std::fmt::Debug for Encoding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoding").field("track", &self.track).field("report", &self.report()).finish_non_exhaustive()
    }
}
