//! Where the call and the media meet: the one room that knows both.
//!
//! Owner of: the media threads and the way between them and the call. What the call says becomes commands for encoders
//! and decoders; what they make becomes the call's input, through queues of their own.

mod showing;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use hearth_base::{
    AudioCodec, AudioPacket, Bitrate, EncodedAudio, EncodedVideo, Layer, ReceivedVideo, TrackId, TrackKind,
    TrackSource, VideoCodec,
};
use hearth_call::MediaCommand;
use hearth_media::chirp::{Chirp, ChirpReport};
use hearth_media::codec::CodecError;
use hearth_media::pattern::Pattern;
use hearth_media::sinks::{ChirpSink, StampReport};
use hearth_media::slot::SlotReceiver;
use hearth_media::source::AudioSource;
use hearth_media::threads::{
    AudioThread, CameraThread, DecodeCounters, DecodeThreads, EncodeCommand, EncodeThread, LayerCounters,
    LayerSettings, Lost, Queued, StartError, VideoSink,
};
use hearth_media::turn::{
    Accepted, AudioCommand, AudioPorts, AudioSettings, AudioSink, AudioTurn, SentCounters, TrackReport, Unheard,
};
use hearth_protocol::PeerId;
use serde::Serialize;
use tokio::sync::mpsc;

use super::{EngineConfig, EngineError, clock};
use crate::view::Film;
use showing::FirstPicture;

pub use showing::{Repaint, Showing, Stamps};

/// Encoded pictures between encoder and call: three a layer, and there is one layer. Full: the encoder leaves raw
/// pictures out before it encodes them.
const PICTURES: usize = 3;
/// Encoded sound between audio thread and call: 160 ms. Full: the newest is lost, and concealed over there.
const SOUNDS: usize = 16;
/// Requests for key frames: one a track is enough. Full: the same request is there already.
const LOSSES: usize = 16;
/// Decoding threads: a third brings nothing on two cores, and one would let a slow track hold up the rest.
const DECODERS: usize = 2;
/// Before the links have said what they bear.
const FIRST_VIDEO: Bitrate = Bitrate::from_kbps(1000);
const SPEECH: Bitrate = Bitrate::from_kbps(32);

/// Where the picture comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Camera {
    /// Nowhere.
    None,
    /// The moving test pattern.
    Pattern,
}

/// Where the sound comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Microphone {
    /// Nowhere.
    None,
    /// A chirp each second.
    Chirp,
}

impl Camera {
    /// The track that it makes; none where this build can encode no picture.
    pub(super) fn source(self) -> Option<TrackSource> {
        let can_encode = !hearth_media::codec::video_codecs().is_empty();
        (self == Self::Pattern && can_encode).then_some(TrackSource::Camera)
    }
}

impl Microphone {
    pub(super) fn source(self) -> Option<TrackSource> {
        (self == Self::Chirp).then_some(TrackSource::Microphone)
    }
}

/// What was made and got so far.
#[derive(Clone, Debug, Default, Serialize)]
pub struct MediaStats {
    /// Pictures that the camera took; the test pattern's numbers go up to this.
    pub drawn: u64,
    /// Of our picture's only layer.
    pub video: LayerCounters,
    /// Of our sound.
    pub audio: SentCounters,
    /// Commands that a busy thread did not take.
    pub commands_lost: u64,
    /// From the wish to be in the room to the first picture of somebody in it, decoded; milliseconds.
    pub first_frame_ms: Option<f64>,
    /// Theirs, a track each.
    pub tracks: Vec<RemoteStats>,
}

/// One track of theirs.
#[derive(Clone, Debug, Serialize)]
pub struct RemoteStats {
    /// Which.
    pub track: u32,
    /// Whose.
    pub peer: String,
    /// From where: `camera`, `microphone`, `screen` or `system`.
    pub source: String,
    /// Pictures decoded.
    pub decoded: Option<DecodeCounters>,
    /// Stamps read in them.
    pub stamps: Option<StampReport>,
    /// Sound played.
    pub played: Option<TrackReport>,
    /// Chirps heard in it.
    pub chirps: Option<ChirpReport>,
}

struct Remote {
    peer: PeerId,
    source: TrackSource,
    stamps: Option<SlotReceiver<StampReport>>,
    newest: Option<StampReport>,
    film: Option<Film>,
}

/// What the media threads have for the call.
pub(super) struct FromMedia {
    pub(super) video: mpsc::Receiver<EncodedVideo>,
    pub(super) audio: mpsc::Receiver<EncodedAudio>,
    pub(super) lost: mpsc::Receiver<TrackId>,
}

/// The media threads. Dropped, they end: the camera first, so that nobody works for nobody.
pub(super) struct Media {
    camera: Option<CameraThread>,
    encode: Option<EncodeThread>,
    audio: AudioThread,
    decode: DecodeThreads,
    remotes: BTreeMap<TrackId, Remote>,
    chirps: SlotReceiver<BTreeMap<TrackId, ChirpReport>>,
    newest_chirps: BTreeMap<TrackId, ChirpReport>,
    drawn: Arc<AtomicU64>,
    started: Instant,
    first_picture: FirstPicture,
    lost: Lost,
    commands_lost: u64,
    showing: Showing,
    own: Option<Film>,
}

impl Media {
    /// Starts what `config` asks for.
    pub(super) fn start(
        config: &EngineConfig,
        tracks: &[(TrackId, TrackSource)],
    ) -> Result<(Self, FromMedia), EngineError> {
        let (pictures, video) = mpsc::channel(PICTURES);
        let (sounds, audio) = mpsc::channel(SOUNDS);
        let (losses, lost) = mpsc::channel(LOSSES);
        let drawn = Arc::new(AtomicU64::new(0));
        let of = |kind| tracks.iter().find(|(_, source)| source.kind() == kind).map(|(track, _)| *track);
        let (screen, own) = of(TrackKind::Video).and_then(|track| config.showing.screen(track)).unzip();
        let (encode, camera) = match of(TrackKind::Video) {
            None => (None, None),
            Some(track) => {
                let started = start_video(config, track, pictures, screen, drawn.clone());
                let (encode, camera) = started.map_err(start_fault)?;
                (Some(encode), Some(camera))
            }
        };
        let (thread, chirps) = start_audio(config, of(TrackKind::Audio), sounds).map_err(start_fault)?;
        let media = Self {
            camera,
            encode,
            audio: thread,
            decode: DecodeThreads::spawn(DECODERS).map_err(start_fault)?,
            remotes: BTreeMap::new(),
            chirps,
            newest_chirps: BTreeMap::new(),
            drawn,
            started: clock::now(),
            first_picture: FirstPicture::default(),
            // Full: somebody has asked already.
            lost: Arc::new(move |track| {
                accepted(losses.try_send(track));
            }),
            commands_lost: 0,
            showing: config.showing.clone(),
            own,
        };
        Ok((media, FromMedia { video, audio, lost }))
    }

    /// The call wants something of the media.
    pub(super) fn command(&mut self, command: MediaCommand) {
        match command {
            MediaCommand::KeyFrame { layer, .. } => self.tell_encoder(EncodeCommand::KeyFrame(layer)),
            MediaCommand::Target { layer, bitrate, .. } => self.tell_encoder(EncodeCommand::Bitrate(layer, bitrate)),
            MediaCommand::Loss(share) => self.tell_audio(AudioCommand::Loss(share)),
            MediaCommand::Begin { track, peer, source } => self.begin(track, peer, source),
            MediaCommand::End(track) => self.end(track),
        }
    }

    fn begin(&mut self, track: TrackId, peer: PeerId, source: TrackSource) {
        let mut remote = Remote { peer, source, stamps: None, newest: None, film: None };
        match source.kind() {
            TrackKind::Audio => self.tell_audio(AudioCommand::Begin(track, AudioCodec::Opus)),
            TrackKind::Video => {
                let shown = self.showing.track(track, self.first_picture.clone());
                match self.decode.begin(track, VideoCodec::H264, shown.sink, self.lost.clone()) {
                    Ok(()) => (remote.stamps, remote.film) = (shown.stamps, shown.film),
                    Err(error) => tracing::warn!(%error, "no decoder"),
                }
            }
        }
        self.remotes.insert(track, remote);
    }

    fn end(&mut self, track: TrackId) {
        let Some(remote) = self.remotes.remove(&track) else { return };
        match remote.source.kind() {
            TrackKind::Audio => self.tell_audio(AudioCommand::End(track)),
            TrackKind::Video => self.decode.end(track),
        }
    }

    /// A picture of theirs. False when only a key frame helps.
    pub(super) fn video(&mut self, frame: ReceivedVideo) -> bool {
        self.decode.handle_video(frame) != Queued::KeyFrameWanted
    }

    /// Sound of theirs.
    pub(super) fn audio(&mut self, packet: AudioPacket) {
        self.audio.handle_audio(packet);
    }

    /// Our own picture, for the window.
    pub(super) fn own_film(&self) -> Option<Film> {
        self.own.clone()
    }

    /// Theirs, for the window.
    pub(super) fn films(&self) -> Vec<Film> {
        self.remotes.values().filter_map(|remote| remote.film.clone()).collect()
    }

    fn tell_encoder(&mut self, command: EncodeCommand) {
        let refused = self.encode.as_ref().is_some_and(|encode| encode.command(command) == Accepted::Full);
        self.commands_lost += u64::from(refused);
    }

    fn tell_audio(&mut self, command: AudioCommand) {
        self.commands_lost += u64::from(self.audio.command(command) == Accepted::Full);
    }

    /// What was made and got so far.
    pub(super) fn stats(&mut self) -> MediaStats {
        if let Some(newer) = self.chirps.take() {
            self.newest_chirps = newer;
        }
        let report = self.audio.report().clone();
        let tracks = self.remotes.iter_mut().map(|(track, remote)| {
            if let Some(newer) = remote.stamps.as_ref().and_then(SlotReceiver::take) {
                remote.newest = Some(newer);
            }
            RemoteStats {
                track: track.0,
                peer: remote.peer.to_string(),
                source: name(remote.source).to_owned(),
                decoded: self.decode.counters(*track),
                stamps: remote.newest.clone(),
                played: report.tracks.get(track).copied(),
                chirps: self.newest_chirps.get(track).cloned(),
            }
        });
        MediaStats {
            tracks: tracks.collect(),
            drawn: self.drawn.load(Ordering::Relaxed),
            video: self.encode.as_mut().and_then(|e| e.report().layers.first().copied()).unwrap_or_default(),
            audio: report.sent,
            commands_lost: self.commands_lost,
            first_frame_ms: self.first_picture.get().map(|at| (*at - self.started).as_secs_f64() * 1000.0),
        }
    }

    /// Ends what makes media; what shows it ends with this value.
    pub(super) fn stop(&mut self) {
        self.camera = None;
        self.encode = None;
    }
}

fn start_video(
    config: &EngineConfig,
    track: TrackId,
    pictures: mpsc::Sender<EncodedVideo>,
    mut screen: Option<showing::Screen>,
    drawn: Arc<AtomicU64>,
) -> Result<(EncodeThread, CameraThread), StartError> {
    let layer = LayerSettings {
        layer: Layer::default(),
        halvings: 0,
        codec: VideoCodec::H264,
        rate: config.frame_rate,
        bitrate: FIRST_VIDEO,
    };
    let (encode, mut slot) = EncodeThread::spawn(track, &[layer], Box::new(ToCall(pictures)))?;
    let source = Box::new(Pattern::new(config.source_id, config.resolution, config.frame_rate));
    let deliver = move |picture: hearth_base::Picture| {
        if let Some(screen) = &mut screen {
            screen.show(picture.clone());
        }
        drawn.fetch_add(1, Ordering::Relaxed);
        slot.put(picture);
    };
    let camera = CameraThread::spawn(source, deliver, |lost| tracing::warn!(%lost, "camera"))?;
    Ok((encode, camera))
}

type Chirps = SlotReceiver<BTreeMap<TrackId, ChirpReport>>;

fn start_audio(
    config: &EngineConfig,
    track: Option<TrackId>,
    sounds: mpsc::Sender<EncodedAudio>,
) -> Result<(AudioThread, Chirps), StartError> {
    let (ears, chirps) = ChirpSink::new();
    let microphone: Option<Box<dyn AudioSource>> = match config.microphone {
        Microphone::None => None,
        Microphone::Chirp => Some(Box::new(Chirp::new(config.source_id))),
    };
    let ports = AudioPorts {
        microphone,
        sink: Box::new(ToCall(sounds)),
        speaker: Box::new(Unheard),
        listener: Some(Box::new(ears)),
    };
    // Without a microphone no packet is made, and the number means nothing.
    let track = track.unwrap_or(TrackId(u32::MAX));
    let turn = AudioTurn::new(AudioSettings { track, codec: AudioCodec::Opus, bitrate: SPEECH }, ports);
    Ok((AudioThread::spawn(turn.map_err(|error: CodecError| StartError::from(error))?)?, chirps))
}

fn start_fault(error: StartError) -> EngineError {
    match error {
        StartError::Codec(error) => EngineError::Media(error),
        StartError::Thread { error, .. } => EngineError::Thread(error),
    }
}

fn name(source: TrackSource) -> &'static str {
    match source {
        TrackSource::Camera => "camera",
        TrackSource::Screen => "screen",
        TrackSource::Microphone => "microphone",
        TrackSource::System => "system",
    }
}

/// The way from a media thread to the call's loop, which wakes by it.
struct ToCall<T>(mpsc::Sender<T>);

impl VideoSink for ToCall<EncodedVideo> {
    fn room(&mut self, _track: TrackId, _layer: Layer) -> bool {
        self.0.capacity() > 0
    }

    fn video(&mut self, picture: EncodedVideo) -> Accepted {
        accepted(self.0.try_send(picture))
    }
}

impl AudioSink for ToCall<EncodedAudio> {
    fn audio(&mut self, packet: EncodedAudio) -> Accepted {
        accepted(self.0.try_send(packet))
    }
}

fn accepted<T>(sent: Result<(), mpsc::error::TrySendError<T>>) -> Accepted {
    if sent.is_ok() { Accepted::Yes } else { Accepted::Full }
}
