//! One raw picture into each watched layer and codec, once, however many watch.
//!
//! An encoder is made when somebody first watches its codec, and dropped when nobody does: codecs that nobody takes
//! cost nothing. Never a single delta is dropped: when there is no room, the raw picture is left out before it is
//! encoded; and when a picture is refused all the same, its encoder goes on with a key frame. Owner of: the encoders of
//! one track's layers. Knows no thread, and reads the clock only to say how long
//! encoding takes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hearth_base::{
    Bitrate, CaptureTime, Codec, EncodedFrame, FrameKind, FrameRate, Layer, Picture, Resolution, TemporalLayers,
    TrackId, VideoCodec,
};

use super::VideoSink;
use crate::Now;
use crate::codec::{EncodedPicture, VideoEncoder, VideoSettings, video_encoder};
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
    /// From now on, this many bits a second in so many temporal layers, in every codec; in one, to begin with.
    Target(Layer, Bitrate, TemporalLayers),
    /// Whether anybody watches this layer in this codec: what nobody watches is not encoded. Nothing is, to begin with.
    Watched(Layer, VideoCodec, bool),
}

/// What was done so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EncodeReport {
    /// Raw pictures that came.
    pub pictures: u64,
    /// The size of the newest.
    pub size: Option<Resolution>,
    /// Of each layer and codec that was ever watched.
    pub layers: BTreeMap<(Layer, VideoCodec), LayerCounters>,
}

/// The counters of one layer in one codec, under the names of W3C's RTCOutboundRtpStreamStats where it has them: a
/// frame is encoded once, however many streams carry it.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerCounters {
    /// Pictures that were encoded and taken.
    pub frames_encoded: u64,
    /// Of those, the ones that stand alone.
    pub key_frames_encoded: u64,
    /// Bytes of those.
    #[serde(skip)]
    pub bytes: u64,
    /// Of the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_width: Option<u32>,
    /// Of the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_height: Option<u32>,
    /// Seconds spent encoding.
    pub total_encode_time: f64,
    /// Beyond the specification: raw pictures that the encoder left out to hold its rate.
    pub frames_left_out: u64,
    /// Beyond the specification: raw pictures left out because there was no room for what would come of them.
    pub frames_without_room: u64,
    /// Beyond the specification: encoded pictures that were refused.
    pub frames_refused: u64,
    /// Beyond the specification: errors of the encoder, and of making it.
    pub encoder_errors: u64,
}

/// The encoders of one track.
pub struct Encoding {
    track: TrackId,
    layers: Vec<Encoders>,
    sink: Box<dyn VideoSink>,
    began: Option<Instant>,
    pictures: u64,
    size: Option<Resolution>,
}

/// The encoders of one layer.
struct Encoders {
    /// Its rate is the newest.
    settings: LayerSettings,
    temporal: TemporalLayers,
    of: BTreeMap<VideoCodec, CodecEncoder>,
}

/// Where a frame stands among those of its encoder.
#[derive(Clone, Copy, Debug, Default)]
struct FramePlace {
    /// Frames that were taken before.
    sequence: u64,
    /// The last one that others may be made of.
    needed: Option<u64>,
}

struct CodecEncoder {
    /// None while nobody watches.
    codec: Option<Box<dyn VideoEncoder>>,
    next: FrameKind,
    /// What it was set to.
    target: Option<(Bitrate, TemporalLayers)>,
    place: FramePlace,
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
    fn frame(self, encoded: EncodedPicture, place: FramePlace, captured: Instant) -> EncodedFrame {
        let (codec, EncodedPicture { kind, is_discardable, payload }) = (Codec::Video(self.codec), encoded);
        EncodedFrame {
            track: self.track,
            layer: self.layer,
            codec,
            kind,
            is_discardable,
            sequence: place.sequence,
            dependency: place.needed.filter(|_| kind == FrameKind::Delta),
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
        let layers = layers
            .iter()
            .map(|settings| Encoders { settings: *settings, temporal: TemporalLayers::One, of: BTreeMap::new() })
            .collect();
        Self { track, layers, sink, began: None, pictures: 0, size: None }
    }

    /// Does what it is told. A layer that is not there has nothing to do.
    pub fn handle_command(&mut self, command: EncodeCommand) {
        let (EncodeCommand::KeyFrame(layer, _)
        | EncodeCommand::Target(layer, ..)
        | EncodeCommand::Watched(layer, _, _)) = command;
        for encoders in self.layers.iter_mut().filter(|encoders| encoders.settings.layer == layer) {
            match command {
                EncodeCommand::KeyFrame(_, codec) => encoders.watch(codec).next = FrameKind::Key,
                EncodeCommand::Target(_, bitrate, temporal) => encoders.set_target(bitrate, temporal),
                EncodeCommand::Watched(_, codec, true) => drop(encoders.watch(codec)),
                EncodeCommand::Watched(_, codec, false) => encoders.unwatch(codec),
            }
        }
    }

    /// Encodes a picture for each layer and codec that is watched and has room.
    pub fn handle_picture(&mut self, picture: &Picture) {
        self.pictures += 1;
        self.size = Some(picture.resolution());
        let began = *self.began.get_or_insert(picture.captured);
        let at = picture.captured.saturating_duration_since(began);
        // Layers share the halves: the picture of each size is made once.
        let mut sizes = vec![picture.clone()];
        // The largest first: who goes up to it gets this picture once, as the call takes the smaller one no more.
        for Encoders { settings, of, .. } in self.layers.iter_mut().rev() {
            for (codec, encoder) in of.iter_mut().filter(|(_, encoder)| encoder.codec.is_some()) {
                if !self.sink.room(self.track, settings.layer) {
                    encoder.counters.frames_without_room += 1;
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
        let of = |Encoders { settings, of, .. }: &Encoders| {
            let layer = settings.layer;
            of.iter().map(|(codec, encoder)| ((layer, *codec), encoder.counters)).collect::<Vec<_>>()
        };
        EncodeReport { pictures: self.pictures, size: self.size, layers: self.layers.iter().flat_map(of).collect() }
    }
}

impl Encoders {
    /// The encoder of this codec, made where there is none.
    fn watch(&mut self, codec: VideoCodec) -> &mut CodecEncoder {
        let new = || CodecEncoder {
            codec: None,
            next: FrameKind::Key,
            target: None,
            place: FramePlace::default(),
            counters: LayerCounters::default(),
        };
        let encoder = self.of.entry(codec).or_insert_with(new);
        if encoder.codec.is_none() {
            let LayerSettings { rate, bitrate, .. } = self.settings;
            match video_encoder(codec, VideoSettings { rate, bitrate }) {
                Ok(made) => {
                    (encoder.codec, encoder.target) = (Some(made), None);
                    encoder.set_target(bitrate, self.temporal);
                }
                Err(error) => {
                    tracing::warn!(%error, "no encoder");
                    encoder.counters.encoder_errors += 1;
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

    fn set_target(&mut self, bitrate: Bitrate, temporal: TemporalLayers) {
        (self.settings.bitrate, self.temporal) = (bitrate, temporal);
        for encoder in self.of.values_mut() {
            encoder.set_target(bitrate, temporal);
        }
    }
}

impl CodecEncoder {
    /// Does nothing where it has done so: the same target comes again and again.
    fn set_target(&mut self, bitrate: Bitrate, temporal: TemporalLayers) {
        let Some(codec) = self.codec.as_mut().filter(|_| self.target != Some((bitrate, temporal))) else { return };
        let set = codec.set_temporal_layers(temporal).and_then(|()| codec.set_bitrate(bitrate));
        self.counters.encoder_errors += u64::from(set.is_err());
        self.target = set.is_ok().then_some((bitrate, temporal));
    }

    fn encode(&mut self, picture: &Picture, place: FrameContext, sink: &mut dyn VideoSink) {
        let Some(codec) = &mut self.codec else { return };
        let begin = Now::read().monotonic;
        let encoded = codec.encode(picture, self.next, place.at);
        self.counters.total_encode_time += Now::read().monotonic.saturating_duration_since(begin).as_secs_f64();
        let encoded = match encoded {
            Ok(Some(encoded)) => encoded,
            Ok(None) => {
                self.counters.frames_left_out += 1;
                return;
            }
            Err(_) => {
                self.counters.encoder_errors += 1;
                self.next = FrameKind::Key;
                return;
            }
        };
        let (kind, is_discardable, bytes) = (encoded.kind, encoded.is_discardable, encoded.payload.len() as u64);
        let Resolution { width, height } = picture.resolution();
        if self.next == FrameKind::Key && kind == FrameKind::Delta {
            // Not what was asked for, and perhaps a delta of what was refused: ask again.
            self.counters.frames_refused += 1;
            return;
        }
        let video = place.frame(encoded, self.place, picture.captured);
        match sink.video(video) {
            Accepted::Yes => {
                if !is_discardable {
                    self.place.needed = Some(self.place.sequence);
                }
                self.place.sequence += 1;
                self.next = FrameKind::Delta;
                self.counters.frames_encoded += 1;
                self.counters.bytes += bytes;
                (self.counters.frame_width, self.counters.frame_height) = (Some(width), Some(height));
                self.counters.key_frames_encoded += u64::from(kind == FrameKind::Key);
            }
            Accepted::Full => {
                // What no other frame needs can go.
                if !is_discardable {
                    self.next = FrameKind::Key;
                }
                self.counters.frames_refused += 1;
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
