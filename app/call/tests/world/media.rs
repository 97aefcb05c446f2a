//! Media that carries its own proof: who sent it, and which one in the row it is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hearth_base::{
    AudioCodec, Bitrate, CaptureTime, Codec, EncodedFrame, FrameKind, Layer, NtpTime, TemporalLayers, TrackId,
    TrackKind, VideoCodec,
};

/// One picture every so often: 15 a second.
pub const VIDEO: Duration = Duration::from_millis(66);
/// One packet of sound every so often.
pub const AUDIO: Duration = Duration::from_millis(20);
/// Bytes of a key frame and of another: 7 packets and 3, in either codec.
const KEY_BYTES: usize = 8000;
const DELTA_BYTES: usize = 3000;

/// A camera and a microphone.
#[derive(Debug)]
pub struct Source {
    id: u8,
    pub video: TrackId,
    audio: TrackId,
    start: Instant,
    pub frames: u32,
    pub sounds: u32,
    /// What anybody takes of it.
    pub watched: BTreeSet<(Layer, VideoCodec)>,
    key_wanted: BTreeSet<(Layer, VideoCodec)>,
    /// What the encoder of each layer may take, as it was told last; it makes frames of one size where nothing is here.
    pub targets: BTreeMap<Layer, (Bitrate, TemporalLayers)>,
    /// Of each encoder, the last picture that others may be made of, and whether that was the last one of all.
    needed: BTreeMap<(Layer, VideoCodec), (u32, bool)>,
}

impl Source {
    pub fn new(id: u8, audio: TrackId, video: TrackId, start: Instant) -> Self {
        Self {
            id,
            video,
            audio,
            start,
            frames: 0,
            sounds: 0,
            watched: BTreeSet::new(),
            key_wanted: BTreeSet::new(),
            targets: BTreeMap::new(),
            needed: BTreeMap::new(),
        }
    }

    pub fn want_key_frame(&mut self, layer: Layer, codec: VideoCodec) {
        self.key_wanted.insert((layer, codec));
    }

    /// The codecs of all layers that anybody takes.
    pub fn codecs(&self) -> Vec<VideoCodec> {
        let codecs: BTreeSet<_> = self.watched.iter().map(|(_, codec)| *codec).collect();
        codecs.into_iter().collect()
    }

    /// Whether anybody takes this layer and codec; an encoder that is made again begins with a key frame.
    pub fn watch(&mut self, layer: Layer, codec: VideoCodec, by_anybody: bool) {
        if !by_anybody {
            self.watched.remove(&(layer, codec));
        } else if self.watched.insert((layer, codec)) {
            self.want_key_frame(layer, codec);
        }
    }

    /// The next picture, in each layer and codec that anybody takes.
    pub fn picture(&mut self, now: Instant) -> Vec<EncodedFrame> {
        let number = self.frames;
        self.frames += 1;
        let key_wanted = std::mem::take(&mut self.key_wanted);
        let encodings: Vec<_> = self.watched.iter().rev().copied().collect();
        encodings.into_iter().map(|of| self.encode(of, number, key_wanted.contains(&of), now)).collect()
    }

    fn encode(&mut self, (layer, codec): (Layer, VideoCodec), number: u32, is_key: bool, now: Instant) -> EncodedFrame {
        let temporal = self.targets.get(&layer).map_or(TemporalLayers::One, |(_, temporal)| *temporal);
        let before = self.needed.get(&(layer, codec)).copied();
        let kind = if is_key || before.is_none() { FrameKind::Key } else { FrameKind::Delta };
        let is_discardable =
            kind == FrameKind::Delta && temporal == TemporalLayers::Two && before.is_some_and(|(_, was_last)| was_last);
        let needed = before.map(|(needed, _)| needed).filter(|_| kind == FrameKind::Delta);
        let now_needed = if is_discardable { needed.unwrap_or(number) } else { number };
        self.needed.insert((layer, codec), (now_needed, !is_discardable));
        let needed = needed.map(|needed| format!("{{{needed:08x}}}")).unwrap_or_default();
        let tag = format!("{}[{}]{needed}", tag(self.id, number), layer.0);
        let part = match temporal {
            TemporalLayers::One => 1.0,
            TemporalLayers::Two if is_discardable => 2.0 * (1.0 - lower_part(codec)),
            TemporalLayers::Two => 2.0 * lower_part(codec),
        };
        let payload = encoded(codec, (kind, is_discardable), tag.as_bytes(), self.bytes(layer, kind, part));
        let time = Codec::Video(codec).ticks(now.saturating_duration_since(self.start));
        EncodedFrame { layer, is_discardable, ..frame(self.video, Codec::Video(codec), kind, time, now, payload) }
    }

    /// How large a frame is. An encoder that obeys fills its rate; its key frames take what three others do, as ours is
    /// told to.
    fn bytes(&self, layer: Layer, kind: FrameKind, part: f64) -> usize {
        match (self.targets.get(&layer), kind) {
            (None, FrameKind::Key) => KEY_BYTES,
            (None, FrameKind::Delta) => DELTA_BYTES,
            (Some((target, _)), kind) => {
                let delta = target.bps() as f64 / 8.0 * VIDEO.as_secs_f64();
                (if kind == FrameKind::Key { 3.0 * delta } else { part * delta }) as usize
            }
        }
    }

    pub fn sound(&mut self, now: Instant) -> EncodedFrame {
        let payload = Bytes::from(tag(self.id, self.sounds));
        self.sounds += 1;
        let codec = Codec::Audio(AudioCodec::Opus);
        let frame = frame(self.audio, codec, FrameKind::Key, codec.ticks(now - self.start), now, payload);
        EncodedFrame { begins_talk: self.sounds == 1, ..frame }
    }
}

/// What the lower of two temporal layers takes of the rate, at most, by what was measured of the codecs themselves.
fn lower_part(codec: VideoCodec) -> f64 {
    match codec {
        VideoCodec::H264 => 0.69,
        VideoCodec::Vp8 => TemporalLayers::LOWER_PART,
    }
}

/// A frame of ours. The call does not look at its number.
pub fn frame(
    track: TrackId,
    codec: Codec,
    kind: FrameKind,
    time: u64,
    captured: Instant,
    payload: Bytes,
) -> EncodedFrame {
    EncodedFrame {
        track,
        // Whole, as everybody on a good link wants it.
        layer: Layer(2),
        codec,
        kind,
        sequence: 0,
        dependency: None,
        time,
        captured: CaptureTime::Here(captured),
        arrived: captured,
        is_discardable: false,
        begins_talk: false,
        payload,
    }
}

/// A frame that looks to a packetiser like a real one.
fn encoded(codec: VideoCodec, (kind, is_discardable): (FrameKind, bool), tag: &[u8], bytes: usize) -> Bytes {
    let header: &[u8] = match (codec, kind) {
        (VideoCodec::H264, FrameKind::Key) => {
            &[0, 0, 0, 1, 0x67, 0x42, 0xe0, 0x1f, 0, 0, 0, 1, 0x68, 0xce, 0, 0, 0, 1, 0x65]
        }
        (VideoCodec::H264, FrameKind::Delta) if is_discardable => &[0, 0, 0, 1, 0x01],
        (VideoCodec::H264, FrameKind::Delta) => &[0, 0, 0, 1, 0x41],
        (VideoCodec::Vp8, FrameKind::Key) => &[0x10, 2, 0, 0x9d, 0x01, 0x2a, 0x80, 2, 0x68, 1],
        (VideoCodec::Vp8, FrameKind::Delta) => &[0x11, 2, 0],
    };
    let mut frame = [header, tag].concat();
    frame.resize(bytes, 0xAA);
    frame.into()
}

fn tag(id: u8, number: u32) -> String {
    format!("<{id:02x}:{number:08x}>")
}

/// The layer of a picture, and the number of the one that it is made of, where it says one.
fn read_needed(payload: &[u8]) -> (Option<u8>, Option<u32>) {
    let behind = |mark: u8, count: usize| {
        let at = payload.iter().position(|byte| *byte == mark)? + 1;
        std::str::from_utf8(payload.get(at..at + count)?).ok()
    };
    let needed = behind(b'{', 8).and_then(|number| u32::from_str_radix(number, 16).ok());
    (behind(b'[', 1).and_then(|layer| layer.parse().ok()), needed)
}

fn read_tag(payload: &[u8]) -> Option<(u8, u32)> {
    let at = payload.iter().position(|byte| *byte == b'<')?;
    let text = std::str::from_utf8(payload.get(at..at + 13)?).ok()?;
    let (id, number) = text.trim_matches(['<', '>']).split_once(':')?;
    Some((u8::from_str_radix(id, 16).ok()?, u32::from_str_radix(number, 16).ok()?))
}

/// What one client got from one source.
#[derive(Clone, Debug, Default)]
pub struct Got {
    pub frames: Vec<u32>,
    /// Each with its layer.
    came: BTreeSet<(u8, u32)>,
    pub frame_times: Vec<Instant>,
    /// Bytes of pictures.
    pub bytes: usize,
    /// What the newest was encoded in.
    pub codec: Option<VideoCodec>,
    pub sounds: u64,
    pub last_sound: Option<Instant>,
    /// When frames were captured, by their sender's clock: of which kind, and which.
    pub captures: Vec<(TrackKind, u32, NtpTime)>,
}

impl Got {
    fn note_capture(&mut self, kind: TrackKind, number: u32, captured: CaptureTime) {
        if let CaptureTime::There(Some(ntp)) = captured {
            self.captures.push((kind, number, ntp));
        }
    }
}

/// What one client got, by source.
#[derive(Debug, Default)]
pub struct Sink {
    pub got: BTreeMap<u8, Got>,
    /// Of all pictures, as they came.
    pub kinds: Vec<FrameKind>,
    /// Pictures that no source here made.
    pub foreign: u64,
    /// The source behind each track: one track never carries two.
    tracks: BTreeMap<TrackId, u8>,
}

impl Sink {
    pub fn picture(&mut self, frame: &EncodedFrame, codec: VideoCodec, now: Instant) {
        self.kinds.push(frame.kind);
        let Some((source, number)) = read_tag(&frame.payload) else {
            self.foreign += 1;
            return;
        };
        assert_eq!(*self.tracks.entry(frame.track).or_insert(source), source, "two sources on one track");
        let got = self.got.entry(source).or_default();
        let (layer, needed) = read_needed(&frame.payload);
        got.came.extend(layer.map(|layer| (layer, number)));
        if frame.kind == FrameKind::Key && got.frames.last() == Some(&number) {
            return; // once more in a smaller layer, which was asked for between the two
        }
        assert!(got.frames.last().is_none_or(|last| number > *last), "frame {number} after {:?}", got.frames.last());
        let is_there = layer.zip(needed).is_none_or(|needed| got.came.contains(&needed));
        assert!(is_there, "frame {number} of layer {layer:?} is made of {needed:?}, which did not come");
        got.frames.push(number);
        got.codec = Some(codec);
        got.frame_times.push(now);
        got.bytes += frame.payload.len();
        got.note_capture(TrackKind::Video, number, frame.captured);
    }

    pub fn sound(&mut self, packet: &EncodedFrame, now: Instant) {
        let (source, number) = read_tag(&packet.payload).expect("sound arrives as it was sent");
        assert_eq!(*self.tracks.entry(packet.track).or_insert(source), source, "two sources on one track");
        let got = self.got.entry(source).or_default();
        got.sounds += 1;
        got.last_sound = Some(now);
        got.note_capture(TrackKind::Audio, number, packet.captured);
    }
}
