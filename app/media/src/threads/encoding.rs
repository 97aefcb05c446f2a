//! One raw picture into each watched layer and codec, once, however many watch.
//!
//! An encoder is made when somebody first watches its codec, and dropped when nobody does: codecs that nobody takes
//! cost nothing. Never a single delta is dropped: when there is no room, the raw picture is left out before it is
//! encoded; and when a picture is refused all the same, its encoder goes on with a key frame. Owner of: the encoders of
//! one track's layers. Knows no thread and no clock.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hearth_base::{
    Bitrate, CaptureTime, Codec, EncodedFrame, FrameKind, FrameRate, Layer, Picture, Resolution, TrackId, VideoCodec,
};

use super::VideoSink;
use crate::codec::{VideoEncoder, VideoSettings, video_encoder};
use crate::scale;
use crate::tick::Accepted;

/// One of a track's sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerSettings {
    /// Which.
    pub layer: Layer,
    /// The camera's size is halved until its smaller side is at most so long; it is never made larger.
    pub height: u32,
    /// Pictures a second that will come.
    pub rate: FrameRate,
    /// Bits a second to begin with.
    pub bitrate: Bitrate,
}

/// What the encoders are to do, besides going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodeCommand {
    /// The next picture of this layer in this codec is to stand alone. Only who watches asks, so this watches as well.
    KeyFrame(Layer, VideoCodec),
    /// From now on, this many bits a second, in every codec.
    Bitrate(Layer, Bitrate),
    /// Whether anybody watches this layer in this codec: what nobody watches is not encoded. Nothing is, to begin with.
    Watched(Layer, VideoCodec, bool),
}

/// What was done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncodeReport {
    /// Raw pictures that came.
    pub pictures: u64,
    /// Of each layer and codec that was ever watched.
    pub layers: BTreeMap<(Layer, VideoCodec), LayerCounters>,
}

impl EncodeReport {
    /// What was done in each codec, all layers together.
    pub fn by_codec(&self) -> BTreeMap<VideoCodec, LayerCounters> {
        let mut sums: BTreeMap<VideoCodec, LayerCounters> = BTreeMap::new();
        for ((_, codec), counters) in &self.layers {
            let sum = sums.entry(*codec).or_default();
            let LayerCounters { encoded, keys, bytes, left_out, no_room, refused, errors } = *counters;
            sum.encoded += encoded;
            sum.keys += keys;
            sum.bytes += bytes;
            sum.left_out += left_out;
            sum.no_room += no_room;
            sum.refused += refused;
            sum.errors += errors;
        }
        sums
    }
}

/// The counters of one layer in one codec.
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
    /// Errors of the encoder, and of making it.
    pub errors: u64,
}

/// The encoders of one track.
pub struct Encoding {
    track: TrackId,
    layers: Vec<Encoders>,
    sink: Box<dyn VideoSink>,
    began: Option<Instant>,
    pictures: u64,
}

/// The encoders of one layer.
struct Encoders {
    /// Its rate is the newest.
    settings: LayerSettings,
    of: BTreeMap<VideoCodec, CodecEncoder>,
}

struct CodecEncoder {
    /// None while nobody watches.
    codec: Option<Box<dyn VideoEncoder>>,
    next: FrameKind,
    /// Frames that were taken so far.
    sequence: u64,
    counters: LayerCounters,
}

/// What an encoder needs to know of a picture.
#[derive(Clone, Copy)]
struct FrameContext {
    track: TrackId,
    layer: Layer,
    codec: VideoCodec,
    at: Duration,
}

impl FrameContext {
    fn frame(self, kind: FrameKind, sequence: u64, captured: Instant, payload: Bytes) -> EncodedFrame {
        let codec = Codec::Video(self.codec);
        EncodedFrame {
            track: self.track,
            layer: self.layer,
            codec,
            kind,
            sequence,
            dependency: (kind == FrameKind::Delta).then_some(sequence.wrapping_sub(1)),
            time: codec.ticks(self.at),
            captured: CaptureTime::Here(captured),
            arrived: captured,
            begins_talk: false,
            payload,
        }
    }
}

impl Encoding {
    /// Nothing is watched, and so no encoder is there yet. `layers` are in the order of their sizes, the smallest
    /// first.
    pub fn new(track: TrackId, layers: &[LayerSettings], sink: Box<dyn VideoSink>) -> Self {
        let layers = layers.iter().map(|settings| Encoders { settings: *settings, of: BTreeMap::new() }).collect();
        Self { track, layers, sink, began: None, pictures: 0 }
    }

    /// Does what it is told. A layer that is not there has nothing to do.
    pub fn handle_command(&mut self, command: EncodeCommand) {
        let (EncodeCommand::KeyFrame(layer, _)
        | EncodeCommand::Bitrate(layer, _)
        | EncodeCommand::Watched(layer, _, _)) = command;
        for encoders in self.layers.iter_mut().filter(|encoders| encoders.settings.layer == layer) {
            match command {
                EncodeCommand::KeyFrame(_, codec) => encoders.watch(codec).next = FrameKind::Key,
                EncodeCommand::Bitrate(_, bitrate) => encoders.set_bitrate(bitrate),
                EncodeCommand::Watched(_, codec, true) => drop(encoders.watch(codec)),
                EncodeCommand::Watched(_, codec, false) => encoders.unwatch(codec),
            }
        }
    }

    /// Encodes a picture for each layer and codec that is watched and has room.
    pub fn handle_picture(&mut self, picture: &Picture) {
        self.pictures += 1;
        let began = *self.began.get_or_insert(picture.captured);
        let at = picture.captured.saturating_duration_since(began);
        // Layers share the halves: the picture of each size is made once.
        let mut sizes = vec![picture.clone()];
        // The largest first: who goes up to it gets this picture once, as the call takes the smaller one no more.
        for Encoders { settings, of } in self.layers.iter_mut().rev() {
            for (codec, encoder) in of.iter_mut().filter(|(_, encoder)| encoder.codec.is_some()) {
                if !self.sink.room(self.track, settings.layer) {
                    encoder.counters.no_room += 1;
                    continue;
                }
                let place = FrameContext { track: self.track, layer: settings.layer, codec: *codec, at };
                if let Some(picture) = at_most(&mut sizes, settings.height) {
                    encoder.encode(&picture, place, self.sink.as_mut());
                }
            }
        }
    }

    /// What was done so far.
    pub fn report(&self) -> EncodeReport {
        let of = |Encoders { settings, of }: &Encoders| {
            let layer = settings.layer;
            of.iter().map(|(codec, encoder)| ((layer, *codec), encoder.counters)).collect::<Vec<_>>()
        };
        EncodeReport { pictures: self.pictures, layers: self.layers.iter().flat_map(of).collect() }
    }
}

impl Encoders {
    /// The encoder of this codec, made where there is none.
    fn watch(&mut self, codec: VideoCodec) -> &mut CodecEncoder {
        let new =
            || CodecEncoder { codec: None, next: FrameKind::Key, sequence: 0, counters: LayerCounters::default() };
        let encoder = self.of.entry(codec).or_insert_with(new);
        if encoder.codec.is_none() {
            let LayerSettings { rate, bitrate, .. } = self.settings;
            match video_encoder(codec, VideoSettings { rate, bitrate }) {
                Ok(made) => encoder.codec = Some(made),
                Err(error) => {
                    tracing::warn!(%error, "no encoder");
                    encoder.counters.errors += 1;
                }
            }
        }
        encoder
    }

    fn unwatch(&mut self, codec: VideoCodec) {
        if let Some(encoder) = self.of.get_mut(&codec) {
            (encoder.codec, encoder.next) = (None, FrameKind::Key);
        }
    }

    fn set_bitrate(&mut self, bitrate: Bitrate) {
        self.settings.bitrate = bitrate;
        for encoder in self.of.values_mut() {
            if encoder.codec.as_mut().is_some_and(|codec| codec.set_bitrate(bitrate).is_err()) {
                encoder.counters.errors += 1;
            }
        }
    }
}

impl CodecEncoder {
    fn encode(&mut self, picture: &Picture, place: FrameContext, sink: &mut dyn VideoSink) {
        let Some(codec) = &mut self.codec else { return };
        let encoded = match codec.encode(picture, self.next, place.at) {
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
        let video = place.frame(kind, self.sequence, picture.captured, encoded.payload);
        match sink.video(video) {
            Accepted::Yes => {
                self.sequence += 1;
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

/// The first of `sizes` halved until it is at most so high, or has no half; what is made on the way is kept there.
fn at_most(sizes: &mut Vec<Picture>, height: u32) -> Option<Picture> {
    // By the smaller side: a telephone on end is as sharp as one that lies.
    let fits = |picture: &&Picture| {
        let Resolution { width, height: lines } = picture.resolution();
        width.min(lines) <= height
    };
    while !sizes.iter().any(|picture| fits(&picture)) {
        let Some(smaller) = sizes.last().and_then(scale::half) else { break };
        sizes.push(smaller);
    }
    sizes.iter().find(fits).or(sizes.last()).cloned()
}

impl std::fmt::Debug for Encoding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoding").field("track", &self.track).field("report", &self.report()).finish_non_exhaustive()
    }
}
