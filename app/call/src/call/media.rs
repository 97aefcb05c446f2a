//! Our media to everybody, theirs to us, and what encoders are to do.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use hearth_base::{Bitrate, EncodedAudio, EncodedVideo, FrameKind, Layer, TrackId, TrackKind, VideoCodec};
use hearth_protocol::PeerId;

use super::{Call, Output};
use crate::io::{MediaCommand, Switch};
use crate::media::payload_format;
use crate::participant::Peer;
use crate::transport::inbound::Received;
use crate::transport::media::OutgoingFrame;

/// Between two key frames of a track in one codec: one costs as much as ten others, and everybody who asks is served by
/// one.
const KEY_FRAME_GAP: Duration = Duration::from_millis(300);
/// Changes below this share are not worth an encoder's attention.
const WORTH_TELLING: f64 = 0.05;

/// A track of ours in one codec.
type Encoding = (TrackId, VideoCodec);

/// What the way out remembers.
pub(super) struct Outgoing {
    start: Instant,
    /// What goes to anybody.
    watched: BTreeSet<Encoding>,
    /// Somebody came, went, or takes another codec.
    pub(super) watching_changed: bool,
    /// When each was last told to send one.
    key_frames: BTreeMap<Encoding, Instant>,
    /// Wanted within the gap: asked for with the next frame that is late enough.
    owed: BTreeSet<Encoding>,
    /// The camera was off: nothing goes out before a key frame.
    waits_for_key: BTreeSet<Encoding>,
    /// Frames that went out so far.
    numbers: BTreeMap<Encoding, u16>,
    told_target: Option<Bitrate>,
    told_loss: f64,
    pub(super) rates_changed: bool,
    pub(super) said_bye: Vec<PeerId>,
}

impl Outgoing {
    pub(super) fn new(start: Instant) -> Self {
        Self {
            start,
            watched: BTreeSet::new(),
            watching_changed: false,
            key_frames: BTreeMap::new(),
            owed: BTreeSet::new(),
            waits_for_key: BTreeSet::new(),
            numbers: BTreeMap::new(),
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
        let EncodedVideo { track, codec, kind, .. } = frame;
        self.pay_owed((track, codec), now);
        if kind == FrameKind::Delta && self.outgoing.waits_for_key.contains(&(track, codec)) {
            return;
        }
        self.outgoing.waits_for_key.remove(&(track, codec));
        let number = self.outgoing.numbers.entry((track, codec)).or_default();
        *number = number.wrapping_add(1);
        let payloads = payload_format::packetize(codec, &self.seams.protection.protect(frame.payload), *number);
        let since_start = frame.captured.saturating_duration_since(self.outgoing.start);
        let outgoing = OutgoingFrame { track, codec, kind, since_start, payloads: &payloads };
        let mut peers = std::mem::take(&mut self.peers);
        for (id, peer) in &mut peers {
            let wanted = self.seams.topology.sends(track, *id)
                && self.seams.layers.layer_for(track, peer.rates().0) == frame.layer;
            if wanted {
                self.with_context(now, |context| peer.handle_video(&outgoing, context, now));
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

    pub(super) fn on_received(&mut self, from: PeerId, what: Received) {
        self.outputs.push_back(match what {
            Received::Begin { track, source } => Output::Media(MediaCommand::Begin { track, peer: from, source }),
            Received::Video(frame) => Output::Video(frame),
            Received::Audio(packet) => Output::Audio(packet),
        });
    }

    /// What was encoded while the camera was off went nowhere: the others need a key frame.
    pub(super) fn on_camera(&mut self, switch: Switch, now: Instant) {
        self.outgoing.waits_for_key.extend(&self.outgoing.watched);
        if switch == Switch::On {
            let watched = self.outgoing.watched.clone();
            watched.into_iter().for_each(|encoding| self.ask_key_frame(encoding, now));
        }
    }

    /// Everybody who needs one gets it, by one for all.
    pub(super) fn ask_key_frame(&mut self, encoding: Encoding, now: Instant) {
        let last = self.outgoing.key_frames.get(&encoding);
        if last.is_some_and(|last| now.saturating_duration_since(*last) < KEY_FRAME_GAP) {
            self.outgoing.owed.insert(encoding);
            return;
        }
        self.outgoing.key_frames.insert(encoding, now);
        self.outgoing.owed.remove(&encoding);
        let (track, codec) = encoding;
        self.outputs.push_back(Output::Media(MediaCommand::KeyFrame { track, layer: Layer::default(), codec }));
    }

    fn pay_owed(&mut self, encoding: Encoding, now: Instant) {
        if self.outgoing.owed.contains(&encoding) {
            self.ask_key_frame(encoding, now);
        }
    }

    /// Says which codecs anybody takes, where that has changed.
    pub(super) fn tell_watched(&mut self) {
        self.outgoing.watching_changed = false;
        let watched: BTreeSet<_> = self.peers.values().flat_map(Peer::watches).collect();
        let before = std::mem::replace(&mut self.outgoing.watched, watched.clone());
        let (begun, ended) = (watched.difference(&before), before.difference(&watched));
        let said = |by_anybody| {
            let layer = Layer::default();
            move |(track, codec): &Encoding| MediaCommand::Subscribed {
                track: *track,
                layer,
                codec: *codec,
                by_anybody,
            }
        };
        self.outputs.extend(begun.map(said(true)).chain(ended.clone().map(said(false))).map(Output::Media));
        for encoding in ended {
            // Its encoder is gone, and begins with a key frame when it comes back.
            self.outgoing.owed.remove(encoding);
            self.outgoing.key_frames.remove(encoding);
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hearth_base::TrackSource;

    use super::*;
    use crate::{CallConfig, Command, Input, Loopback, TransportPolicy};

    const CAMERA: Encoding = (TrackId(0), VideoCodec::Vp8);

    /// A call whose camera somebody takes.
    fn call(now: Instant) -> Call {
        let config = CallConfig {
            seed: [7; 32],
            nick: "Ann".to_owned(),
            tracks: vec![TrackSource::Camera],
            video_codecs: vec![VideoCodec::Vp8],
            transport: TransportPolicy::All,
            loopback: Loopback::Refused,
        };
        let mut call = Call::new(config, now);
        call.outgoing.watched.insert(CAMERA);
        call
    }

    fn frame(kind: FrameKind, captured: Instant) -> Input {
        let (track, codec) = CAMERA;
        let payload = Bytes::from_static(&[0x11, 1, 2, 3]);
        Input::Video(EncodedVideo { track, layer: Layer::default(), codec, kind, captured, payload })
    }

    /// Frames that went out.
    fn sent(call: &Call) -> u16 {
        call.outgoing.numbers.get(&CAMERA).copied().unwrap_or_default()
    }

    /// How many key frames were asked for since it was looked at last.
    fn asked(call: &mut Call) -> usize {
        let outputs = std::iter::from_fn(|| call.poll_output());
        outputs.filter(|output| matches!(output, Output::Media(MediaCommand::KeyFrame { .. }))).count()
    }

    #[test]
    fn after_the_camera_was_off_nothing_goes_out_before_a_key_frame() {
        let now = Instant::now();
        let mut call = call(now);
        call.handle(frame(FrameKind::Key, now), now);
        call.handle(frame(FrameKind::Delta, now), now);
        assert_eq!(sent(&call), 2);
        call.handle(Input::Command(Command::SetCamera(Switch::Off)), now);
        call.handle(frame(FrameKind::Delta, now), now);
        call.handle(Input::Command(Command::SetCamera(Switch::On)), now);
        for _ in 0..3 {
            call.handle(frame(FrameKind::Delta, now), now);
        }
        assert_eq!(sent(&call), 2, "they refer to a frame that nobody was sent");
        call.handle(frame(FrameKind::Key, now), now);
        call.handle(frame(FrameKind::Delta, now), now);
        assert_eq!(sent(&call), 4);
    }

    #[test]
    fn between_two_key_frames_is_a_gap_however_many_ask() {
        let start = Instant::now();
        let mut call = call(start);
        let mut times = Vec::new();
        for step in 0..100 {
            let now = start + Duration::from_millis(10) * step;
            call.ask_key_frame(CAMERA, now);
            call.handle(frame(FrameKind::Delta, now), now);
            times.extend((0..asked(&mut call)).map(|_| now));
        }
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= KEY_FRAME_GAP), "{times:?}");
        assert_eq!(times.len(), 4, "at 0, 300, 600 and 900 ms: nobody is forgotten either");
    }
}
