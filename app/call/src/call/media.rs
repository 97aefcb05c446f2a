//! Our media to everybody, theirs to us, and what encoders are to do.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hearth_base::{Bitrate, EncodedAudio, EncodedVideo, FrameKind, Layer, TrackId, TrackKind, VideoCodec};
use hearth_protocol::PeerId;

use super::{Call, Output};
use crate::io::{MediaCommand, Switch};
use crate::media::packetize;
use crate::peer::PeerMedia;

/// Between two key frames of a track: one costs as much as ten others, and everybody who asks is served by one.
const KEY_FRAME_GAP: Duration = Duration::from_millis(300);
/// Changes below this share are not worth an encoder's attention.
const WORTH_TELLING: f64 = 0.05;

/// What the way out remembers.
pub(super) struct Outgoing {
    start: Instant,
    /// When each track was last told to send one.
    key_frames: BTreeMap<TrackId, Instant>,
    /// Wanted within the gap: asked for with the next frame that is late enough.
    owed: Vec<TrackId>,
    /// The camera was off: nothing goes out before a key frame.
    pub(super) waits_for_key: bool,
    told_target: Option<Bitrate>,
    told_loss: f64,
    pub(super) rates_changed: bool,
    pub(super) said_bye: Vec<PeerId>,
}

impl Outgoing {
    pub(super) fn new(start: Instant) -> Self {
        Self {
            start,
            key_frames: BTreeMap::new(),
            owed: Vec::new(),
            waits_for_key: false,
            told_target: None,
            told_loss: 0.0,
            rates_changed: false,
            said_bye: Vec::new(),
        }
    }
}

impl Call {
    pub(super) fn on_video(&mut self, frame: EncodedVideo, now: Instant) {
        if self.switches.camera == Switch::Off {
            return;
        }
        self.pay_owed(frame.track, now);
        if self.outgoing.waits_for_key && frame.kind == FrameKind::Delta {
            return;
        }
        self.outgoing.waits_for_key = false;
        let payload = self.seams.protection.protect(frame.payload);
        let payloads = match frame.codec {
            VideoCodec::H264 => packetize::h264(&payload),
        };
        let since_start = frame.captured.saturating_duration_since(self.outgoing.start);
        let mut peers = std::mem::take(&mut self.peers);
        for (id, peer) in &mut peers {
            let wanted = self.seams.topology.sends(frame.track, *id)
                && self.seams.layers.layer_for(frame.track, peer.rates().0) == frame.layer;
            if wanted {
                self.with_context(now, |context| {
                    peer.handle_video(frame.track, frame.kind, since_start, &payloads, context, now);
                });
            }
        }
        self.restore(peers, now);
    }

    pub(super) fn on_audio(&mut self, frame: &EncodedAudio, now: Instant) {
        if self.switches.microphone == Switch::Off {
            return;
        }
        let mut peers = std::mem::take(&mut self.peers);
        for (id, peer) in &mut peers {
            if self.seams.topology.sends(frame.track, *id) {
                self.with_context(now, |context| peer.handle_audio(frame, context, now));
            }
        }
        self.restore(peers, now);
    }

    pub(super) fn on_received(&mut self, from: PeerId, what: PeerMedia) {
        self.outputs.push_back(match what {
            PeerMedia::Begin { track, source } => Output::Media(MediaCommand::Begin { track, peer: from, source }),
            PeerMedia::Video(frame) => Output::Video(frame),
            PeerMedia::Audio(packet) => Output::Audio(packet),
        });
    }

    /// Everybody is to have a picture to begin with.
    pub(super) fn ask_key_frames(&mut self, now: Instant) {
        let tracks = self.link.tracks.iter().filter(|track| track.source.kind() == TrackKind::Video);
        let tracks: Vec<_> = tracks.map(|track| track.id).collect();
        tracks.into_iter().for_each(|track| self.ask_key_frame(track, now));
        self.outgoing.rates_changed = true;
    }

    pub(super) fn ask_key_frame(&mut self, track: TrackId, now: Instant) {
        let last = self.outgoing.key_frames.get(&track);
        if last.is_some_and(|last| now.saturating_duration_since(*last) < KEY_FRAME_GAP) {
            if !self.outgoing.owed.contains(&track) {
                self.outgoing.owed.push(track);
            }
            return;
        }
        self.outgoing.key_frames.insert(track, now);
        self.outgoing.owed.retain(|owed| *owed != track);
        self.outputs.push_back(Output::Media(MediaCommand::KeyFrame { track, layer: Layer::default() }));
    }

    fn pay_owed(&mut self, track: TrackId, now: Instant) {
        if self.outgoing.owed.contains(&track) {
            self.ask_key_frame(track, now);
        }
    }

    /// There is one layer, so the slowest link sets its rate. One governor for all links will fill several like water.
    pub(super) fn tell_rates(&mut self) {
        self.outgoing.rates_changed = false;
        let rates: Vec<_> = self.peers.values().filter(|peer| peer.is_alive()).map(|peer| peer.rates()).collect();
        let Some(target) = rates.iter().map(|(estimate, _)| *estimate).min() else { return };
        let loss = rates.iter().map(|(_, loss)| *loss).fold(0.0, f64::max);
        let differs = |old: Bitrate| {
            let (old, new) = (old.bps() as f64, target.bps() as f64);
            (new - old).abs() > old * WORTH_TELLING
        };
        if self.outgoing.told_target.is_none_or(differs) {
            self.outgoing.told_target = Some(target);
            let video = self.link.tracks.iter().filter(|track| track.source.kind() == TrackKind::Video);
            self.outputs.extend(video.map(|track| {
                Output::Media(MediaCommand::Target { track: track.id, layer: Layer::default(), bitrate: target })
            }));
        }
        if (loss - self.outgoing.told_loss).abs() > WORTH_TELLING / 2.0 {
            self.outgoing.told_loss = loss;
            self.outputs.push_back(Output::Media(MediaCommand::Loss(loss)));
        }
    }
}
