//! Where the call and the media meet: the one room that knows both.
//!
//! Owner of: the media threads and the way between them and the call. What the call says becomes commands for encoders
//! and decoders; what they make becomes the call's input, through queues of their own.

mod limits;
mod local;
mod recording;
mod sharing;
mod showing;
mod stats;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use hearth_base::{
    AudioCodec, Bitrate, Codec, DeviceChoice, DeviceKind, EncodedFrame, Layer, ScreenEntry, ScreenFault, TrackId,
    TrackKind, TrackSource, VideoCodec, Volume,
};
use hearth_call::{MediaCommand, PublishedTrack, Switch};
use hearth_media::chirp::ChirpReport;
use hearth_media::devices::DevicesView;
use hearth_media::sinks::{ChirpSink, StampReport};
use hearth_media::slot::SlotReceiver;
use hearth_media::threads::{AudioThread, DecodeThreads, EncodeCommand, Lost, Queued, StartError, VideoSink};
use hearth_media::tick::{Accepted, AudioCommand, AudioSettings, AudioSink, AudioTick, PortChange, VoiceProcessing};
use hearth_protocol::PeerId;
use tokio::sync::mpsc;

use super::{EngineConfig, EngineError, clock};
use crate::view::{Processing, VideoFeed};
use limits::LimitWatch;
use local::{LocalMedia, LocalTracks};
use recording::Recorders;
use showing::FirstPicture;

pub use sharing::screens;
pub use showing::{Repaint, Showing, ShowingEvent, Stamps};
pub use stats::{CameraStats, MediaStats, RecordingStats, RemoteStats, SourceLimits};

/// Encoded pictures between encoders and call: three a layer and codec, of a camera and a screen. Full: the encoders
/// leave raw pictures out before they encode them.
const PICTURES: usize = 3 * VideoCodec::ALL.len() * (local::LAYERS.len() + 1);
/// Encoded sound between audio thread and call: 160 ms. Full: the newest is lost, and concealed over there.
const SOUNDS: usize = 16;
/// Requests for key frames: one a track is enough. Full: the same request is there already.
const LOSSES: usize = 16;
/// Decoding threads: a third brings nothing on two cores, and one would let a slow track hold up the rest.
const DECODERS: usize = 2;
/// Before the links have said what they bear.
const FIRST_VIDEO: Bitrate = Bitrate::from_kbps(1000);
const SPEECH: Bitrate = Bitrate::from_kbps(32);

/// Something that a person wants of the media, and no other person hears of.
#[derive(Clone, Debug)]
pub enum MediaAction {
    /// A track of this source sent, or not. It is, as far as its device runs; the call is told what really is.
    Want(TrackSource, Switch),
    /// Another device, or none.
    Choose(DeviceKind, DeviceChoice),
    /// Something else done to our voice.
    Treat(Processing),
    /// Somebody louder or softer.
    Volume(PeerId, Volume),
    /// The test sound.
    Chime,
}

struct Remote {
    peer: PeerId,
    source: TrackSource,
    stamps: Option<SlotReceiver<StampReport>>,
    newest: Option<StampReport>,
    feed: Option<VideoFeed>,
}

/// What the media threads have for the call.
pub(super) struct FromMedia {
    pub(super) video: mpsc::Receiver<EncodedFrame>,
    pub(super) audio: mpsc::Receiver<EncodedFrame>,
    pub(super) lost: mpsc::Receiver<TrackId>,
    /// Wakes when a device is a different one.
    pub(super) devices: mpsc::Receiver<()>,
}

/// The media threads. Dropped, they end: the devices first, so that nobody works for nobody.
pub(super) struct Media {
    own: LocalMedia,
    audio: AudioThread,
    decode: DecodeThreads,
    remotes: BTreeMap<TrackId, Remote>,
    volumes: BTreeMap<PeerId, Volume>,
    chirps: Option<Chirps>,
    newest_chirps: BTreeMap<TrackId, ChirpReport>,
    started: Instant,
    first_picture: FirstPicture,
    lost: Lost,
    commands_lost: u64,
    limits: LimitWatch,
    showing: Showing,
    /// Last: what feeds it has ended by then.
    recorders: Recorders,
}

impl Media {
    /// Starts what `config` asks for.
    pub(super) fn start(config: &EngineConfig, tracks: &[PublishedTrack]) -> Result<(Self, FromMedia), EngineError> {
        let (pictures, video) = mpsc::channel(PICTURES);
        let (sounds, audio) = mpsc::channel(SOUNDS);
        let (losses, lost) = mpsc::channel(LOSSES);
        let of = |source| tracks.iter().find(|track| track.source == source).map(|track| track.id);
        let tracks = LocalTracks { microphone: of(TrackSource::Microphone), camera: of(TrackSource::Camera) };
        let recorders = Recorders::start(config)?;
        let (thread, chirps) = start_audio(config, &recorders, tracks.microphone, sounds).map_err(start_fault)?;
        let own = LocalMedia::start(config, tracks, thread.sockets(), pictures);
        let (own, devices) = own.map_err(start_fault)?;
        let mut media = Self {
            own,
            audio: thread,
            decode: DecodeThreads::spawn(DECODERS).map_err(start_fault)?,
            remotes: BTreeMap::new(),
            volumes: BTreeMap::new(),
            chirps,
            newest_chirps: BTreeMap::new(),
            started: clock::now(),
            first_picture: FirstPicture::default(),
            // Full: somebody has asked already.
            lost: Arc::new(move |track| {
                accepted(losses.try_send(track));
            }),
            commands_lost: 0,
            limits: LimitWatch::default(),
            showing: config.showing.clone(),
            recorders,
        };
        media.want(TrackSource::Microphone, config.microphone);
        Ok((media, FromMedia { video, audio, lost, devices }))
    }

    /// Something of ours should be another way.
    pub(super) fn action(&mut self, action: MediaAction) {
        match action {
            MediaAction::Want(source, switch) => self.want(source, switch),
            MediaAction::Choose(kind, choice) => self.own.choose(kind, choice),
            MediaAction::Treat(processing) => self.tell_audio(AudioCommand::Treat(treatment(processing))),
            MediaAction::Volume(peer, volume) => self.set_volume(peer, volume),
            MediaAction::Chime => self.tell_audio(AudioCommand::Chime),
        }
    }

    /// The person wants something sent, or not any more.
    fn want(&mut self, source: TrackSource, switch: Switch) {
        self.own.want(source, switch);
        if source == TrackSource::Microphone {
            self.tell_audio(AudioCommand::Microphone(switch == Switch::On));
        }
    }

    /// Whether a track of ours really is sent: wanted, and its device runs.
    pub(super) fn sends(&mut self, track: TrackId) -> Switch {
        self.own.sends(track)
    }

    fn set_volume(&mut self, peer: PeerId, volume: Volume) {
        self.volumes.insert(peer, volume);
        let theirs = self.remotes.iter().filter(|(_, remote)| remote.peer == peer).map(|(track, _)| *track);
        let theirs: Vec<TrackId> = theirs.collect();
        theirs.into_iter().for_each(|track| self.tell_audio(AudioCommand::Volume(track, volume)));
    }

    /// The call wants something of the media.
    pub(super) fn command(&mut self, command: MediaCommand) {
        match command {
            MediaCommand::Subscribed { track, layer, codec, by_anybody } => {
                self.tell_encoder(track, EncodeCommand::Watched(layer, codec, by_anybody));
            }
            MediaCommand::KeyFrame { track, layer, codec } => {
                self.tell_encoder(track, EncodeCommand::KeyFrame(layer, codec));
            }
            MediaCommand::Target { track, layer, bitrate, temporal } => {
                self.tell_encoder(track, EncodeCommand::Target(layer, bitrate, temporal));
            }
            MediaCommand::Loss(share) => self.tell_audio(AudioCommand::Loss(share)),
            MediaCommand::Begin { track, peer, source } => self.begin(track, peer, source),
            MediaCommand::End(track) => self.end(track),
        }
    }

    fn begin(&mut self, track: TrackId, peer: PeerId, source: TrackSource) {
        let mut remote = Remote { peer, source, stamps: None, newest: None, feed: None };
        match source.kind() {
            TrackKind::Audio => {
                self.tell_audio(AudioCommand::Begin(track, AudioCodec::Opus));
                if let Some(volume) = self.volumes.get(&peer).copied() {
                    self.tell_audio(AudioCommand::Volume(track, volume));
                }
            }
            TrackKind::Video => {
                let shown = self.showing.track(track, self.first_picture.clone());
                let sink = self.recorders.track(track, shown.sink);
                self.decode.begin(track, sink, self.lost.clone());
                (remote.stamps, remote.feed) = (shown.stamps, shown.feed);
            }
        }
        self.remotes.insert(track, remote);
    }

    fn end(&mut self, track: TrackId) {
        let Some(remote) = self.remotes.remove(&track) else { return };
        match remote.source.kind() {
            TrackKind::Audio => self.tell_audio(AudioCommand::End(track)),
            TrackKind::Video => {
                self.decode.end(track);
                self.recorders.end(track);
            }
        }
    }

    /// A frame of theirs. False when only a key frame helps.
    pub(super) fn frame(&mut self, frame: EncodedFrame) -> bool {
        match frame.codec {
            Codec::Audio(_) => {
                self.audio.handle_audio(frame);
                true
            }
            Codec::Video(_) => self.decode.handle_video(frame) != Queued::KeyFrameWanted,
        }
    }

    /// Our own picture, for the window.
    pub(super) fn own_feed(&self) -> Option<VideoFeed> {
        self.own.feed()
    }

    /// Theirs, for the window.
    pub(super) fn feeds(&self) -> Vec<VideoFeed> {
        self.remotes.values().filter_map(|remote| remote.feed.clone()).collect()
    }

    fn tell_encoder(&mut self, track: TrackId, command: EncodeCommand) {
        self.commands_lost += u64::from(self.own.tell(track, command) == Accepted::Full);
    }

    fn tell_audio(&mut self, command: AudioCommand) {
        self.commands_lost += u64::from(self.audio.command(command) == Accepted::Full);
    }

    /// Shares a screen as this track.
    pub(super) fn share(&mut self, track: TrackId, entry: ScreenEntry) -> Result<(), EngineError> {
        self.own.share(track, entry).map_err(start_fault)
    }

    /// Shares nothing any more.
    pub(super) fn stop_sharing(&mut self) {
        self.own.stop_sharing();
    }

    /// What is shared, and how it looks.
    pub(super) fn shared(&self) -> Option<(ScreenEntry, Option<VideoFeed>)> {
        self.own.shared().map(|shared| (shared.entry.clone(), shared.feed.clone()))
    }

    /// Why what was shared is over by itself.
    pub(super) fn poll_screen_fault(&self) -> Option<ScreenFault> {
        self.own.shared()?.poll_fault()
    }

    /// What was made and got so far.
    pub(super) fn stats(&mut self) -> MediaStats {
        if let Some(newer) = self.chirps.as_ref().and_then(SlotReceiver::take) {
            self.newest_chirps = newer;
        }
        let report = self.audio.report().clone();
        let (drawn, encoded) = (self.own.drawn(), self.own.encoded());
        let camera = self.limits.look(drawn, &encoded, clock::now());
        let tracks = self.remotes.iter_mut().map(|(track, remote)| {
            if let Some(newer) = remote.stamps.as_ref().and_then(SlotReceiver::take) {
                remote.newest = Some(newer);
            }
            let stats = RemoteStats {
                source: remote.source,
                decoded: self.decode.counters(*track),
                stamps: remote.newest.clone(),
                played: report.tracks.get(track).copied(),
                chirps: self.newest_chirps.get(track).cloned(),
            };
            (*track, stats)
        });
        MediaStats {
            tracks: tracks.collect(),
            camera,
            audio: report.sent,
            voice: report.voice,
            commands_lost: self.commands_lost,
            recordings: self.recorders.report(),
            first_frame: self.first_picture.get().map(|at| (*at - self.started).as_secs_f64()),
        }
    }

    /// Nothing comes of a track at the moment, as its sender says.
    pub(super) fn handle_inactive(&mut self, track: TrackId) {
        self.decode.handle_inactive(track);
    }

    /// The devices, as they are wanted and as they are.
    pub(super) fn devices(&mut self) -> DevicesView {
        self.own.devices().clone()
    }

    /// Ends what makes media; what shows it ends with this value.
    pub(super) fn stop(&mut self) {
        self.own.stop();
    }
}

type Chirps = SlotReceiver<BTreeMap<TrackId, ChirpReport>>;

fn start_audio(
    config: &EngineConfig,
    recorders: &Recorders,
    track: Option<TrackId>,
    sounds: mpsc::Sender<EncodedFrame>,
) -> Result<(AudioThread, Option<Chirps>), StartError> {
    let (turn, chirps) = if config.showing.counts() {
        let (ears, chirps) = ChirpSink::new();
        (AudioTick::idle().with_listener(Box::new(ears)), Some(chirps))
    } else {
        (AudioTick::idle(), None)
    };
    let thread = AudioThread::spawn(recorders.listen(turn))?;
    if let Some(track) = track {
        let settings = AudioSettings { track, codec: AudioCodec::Opus, bitrate: SPEECH };
        let attached = thread.sockets().attach(PortChange::Call(settings, Box::new(ToCall(sounds))));
        debug_assert!(attached.is_ok(), "the first plug of a thread finds room");
    }
    Ok((thread, chirps))
}

fn treatment(processing: Processing) -> VoiceProcessing {
    use hearth_call::Switch::{Off, On};
    let switch = |on: bool| if on { On } else { Off };
    VoiceProcessing { echo: switch(processing.echo), noise: switch(processing.noise), gain: switch(processing.gain) }
}

fn start_fault(error: StartError) -> EngineError {
    let StartError::Thread { error, .. } = error;
    EngineError::Thread(error)
}

/// The way from a media thread to the call's loop, which wakes by it.
struct ToCall(mpsc::Sender<EncodedFrame>);

impl VideoSink for ToCall {
    fn room(&mut self, _track: TrackId, _layer: Layer) -> bool {
        self.0.capacity() > 0
    }

    fn video(&mut self, frame: EncodedFrame) -> Accepted {
        accepted(self.0.try_send(frame))
    }
}

impl AudioSink for ToCall {
    fn audio(&mut self, packet: EncodedFrame) -> Accepted {
        accepted(self.0.try_send(packet))
    }
}

fn accepted<T>(sent: Result<(), mpsc::error::TrySendError<T>>) -> Accepted {
    if sent.is_ok() { Accepted::Yes } else { Accepted::Full }
}
