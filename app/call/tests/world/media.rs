//! Media that carries its own proof: who sent it, and which one in the row it is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hearth_base::{
    AudioCodec, Bitrate, CaptureTime, Codec, EncodedFrame, FrameKind, Layer, NtpTime, TrackId, TrackKind, VideoCodec,
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
    pub targets: BTreeMap<Layer, Bitrate>,
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
        let tag = tag(self.id, self.frames);
        self.frames += 1;
        let key_wanted = std::mem::take(&mut self.key_wanted);
        let encode = |(layer, codec): &(Layer, VideoCodec)| {
            let kind = if key_wanted.contains(&(*layer, *codec)) { FrameKind::Key } else { FrameKind::Delta };
            let payload = encoded(*codec, kind, tag.as_bytes(), self.bytes(*layer, kind));
            let time = Codec::Video(*codec).ticks(now.saturating_duration_since(self.start));
            EncodedFrame { layer: *layer, ..frame(self.video, Codec::Video(*codec), kind, time, now, payload) }
        };
        self.watched.iter().rev().map(encode).collect()
    }

    /// How large a frame is. An encoder that obeys fills its rate; its key frames take what three others do, as ours is
    /// told to.
    fn bytes(&self, layer: Layer, kind: FrameKind) -> usize {
        match (self.targets.get(&layer), kind) {
            (None, FrameKind::Key) => KEY_BYTES,
            (None, FrameKind::Delta) => DELTA_BYTES,
            (Some(target), kind) => {
                let delta = (target.bps() as f64 / 8.0 * VIDEO.as_secs_f64()) as usize;
                if kind == FrameKind::Key { 3 * delta } else { delta }
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
        begins_talk: false,
        payload,
    }
}

/// A frame that looks to a packetiser like a real one.
fn encoded(codec: VideoCodec, kind: FrameKind, tag: &[u8], bytes: usize) -> Bytes {
    let header: &[u8] = match (codec, kind) {
        (VideoCodec::H264, FrameKind::Key) => {
            &[0, 0, 0, 1, 0x67, 0x42, 0xe0, 0x1f, 0, 0, 0, 1, 0x68, 0xce, 0, 0, 0, 1, 0x65]
        }
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
        if frame.kind == FrameKind::Key && got.frames.last() == Some(&number) {
            return; // once more in a smaller layer, which was asked for between the two
        }
        assert!(got.frames.last().is_none_or(|last| number > *last), "frame {number} after {:?}", got.frames.last());
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
