//! What we send: our tracks, who takes them in which encoding, and what their encoders are told.
//!
//! The table is all that is known of our own media: what the server and the others are told of it
//! ([`Publications::media_state`]), what a new connection is made of ([`Publications::link_config`]), and what goes
//! out of an encoder's frames ([`Publications::protect`]). Owner of: the tracks; for each encoding the key frames
//! that are owed; what each transport takes and bears, as it said last.

mod temporal;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hearth_base::{
    Bitrate, Codec, EncodedFrame, FrameKind, Layer, Switch, TemporalLayers, TrackId, TrackSource, VideoCodec,
};
use hearth_protocol::MediaState;

use crate::io::MediaCommand;
use crate::media::payload_format;
use crate::media::protect::{FrameProtection, Open};
use crate::outputs::Outputs;
use crate::peer_connection::{LinkConfig, LocalTrack};
use crate::snapshot::PublishedTrack;
use crate::sockets::TransportId;
use temporal::TemporalChoice;

/// Between two key frames of an encoding: one costs as much as ten others, and everybody who asks is served by one.
const KEY_FRAME_GAP: Duration = Duration::from_millis(500);
/// Tracks of ours: camera, microphone, a screen with its sound, a second of each. Full: a further one is not published.
const MAX_TRACKS: usize = 8;
/// Changes below this share are not worth an encoder's attention.
const WORTH_TELLING: f64 = 0.05;

/// What is told is told again after so long: an encoder that was busy may have taken none of it.
const TELL_AGAIN: Duration = Duration::from_secs(2);

/// A layer of a track of ours in one codec: what one encoder makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Encoding {
    pub(crate) track: TrackId,
    pub(crate) layer: Layer,
    pub(crate) codec: VideoCodec,
}

/// A track of ours.
#[derive(Clone, Debug)]
pub(crate) struct Publication {
    pub(crate) track: LocalTrack,
    pub(crate) enabled: Switch,
}

/// What is known of an encoding.
#[derive(Debug, Default)]
struct EncodingState {
    /// When a key frame was last asked for.
    key_frame: Option<Instant>,
    /// One was wanted within the gap: asked for with the next frame that is late enough.
    is_owed: bool,
    /// The track was disabled: nothing goes out before a key frame.
    waits_for_key: bool,
}

/// What a transport takes of ours, and bears.
#[derive(Debug, Default)]
struct Subscriber {
    takes: Vec<Encoding>,
    rate: Option<LinkRate>,
}

/// What a link is thought to bear of our video, and the share that it loses.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LinkRate {
    /// For each layer that it gets, or is about to get.
    pub(crate) layers: Vec<(TrackId, Layer, Bitrate)>,
    pub(crate) loss: f64,
}

/// A frame of ours, cut into payloads.
#[derive(Debug)]
pub(crate) struct OutgoingFrame {
    pub(crate) encoding: Encoding,
    pub(crate) frame: EncodedFrame,
    pub(crate) payloads: Vec<Bytes>,
}

/// The table of our tracks.
pub(crate) struct Publications {
    /// What we can encode and decode, the best first.
    video_codecs: Vec<VideoCodec>,
    tracks: Vec<Publication>,
    encodings: BTreeMap<Encoding, EncodingState>,
    subscribers: BTreeMap<TransportId, Subscriber>,
    told: Told,
    protection: Box<dyn FrameProtection>,
    repair_ssrc: u32,
    /// Of tracks, ours and theirs.
    next_track: u32,
}

/// What the encoders of a layer were told, and when.
#[derive(Clone, Copy, Debug)]
struct Target {
    bitrate: Bitrate,
    temporal: TemporalLayers,
    at: Instant,
}

/// What the encoders were told last.
#[derive(Debug, Default)]
struct Told {
    targets: BTreeMap<(TrackId, Layer), Target>,
    temporal: BTreeMap<(TrackId, Layer), TemporalChoice>,
    loss: f64,
}

impl Publications {
    /// No track yet.
    pub(crate) fn new(video_codecs: Vec<VideoCodec>, repair_ssrc: u32) -> Self {
        Self {
            video_codecs,
            tracks: Vec::new(),
            encodings: BTreeMap::new(),
            subscribers: BTreeMap::new(),
            told: Told::default(),
            protection: Box::new(Open),
            repair_ssrc,
            next_track: 0,
        }
    }

    /// Returns a number for a track, ours or theirs: none is used twice.
    pub(crate) fn next_track(&mut self) -> TrackId {
        let id = TrackId(self.next_track);
        self.next_track += 1;
        id
    }

    /// Adds a track, enabled, and returns its number; `None` beyond [`MAX_TRACKS`].
    pub(crate) fn publish(&mut self, source: TrackSource, ssrc: u32, rtx_ssrc: u32) -> Option<TrackId> {
        if self.tracks.len() >= MAX_TRACKS {
            return None;
        }
        let id = self.next_track();
        self.tracks.push(Publication { track: LocalTrack { id, source, ssrc, rtx_ssrc }, enabled: Switch::On });
        Some(id)
    }

    /// Takes a track away; false where there is none of this number.
    pub(crate) fn unpublish(&mut self, track: TrackId) -> bool {
        let before = self.tracks.len();
        self.tracks.retain(|publication| publication.track.id != track);
        self.encodings.retain(|encoding, _| encoding.track != track);
        self.told.targets.retain(|(of, _), _| *of != track);
        self.told.temporal.retain(|(of, _), _| *of != track);
        self.tracks.len() < before
    }

    /// The host has silenced us: not a sound of a microphone goes out.
    pub(crate) fn silence(&mut self, outputs: &mut Outputs, now: Instant) {
        let microphones = self.tracks.iter().filter(|one| one.track.source == TrackSource::Microphone);
        let microphones: Vec<_> = microphones.map(|one| one.track.id).collect();
        microphones.into_iter().for_each(|track| self.set_enabled(track, Switch::Off, outputs, now));
    }

    /// What should be seen of them.
    pub(crate) fn snapshots(&self) -> Vec<PublishedTrack> {
        let snapshot =
            |one: &Publication| PublishedTrack { id: one.track.id, source: one.track.source, enabled: one.enabled };
        self.tracks.iter().map(snapshot).collect()
    }

    pub(crate) fn tracks(&self) -> &[Publication] {
        &self.tracks
    }

    fn get(&self, track: TrackId) -> Option<&Publication> {
        self.tracks.iter().find(|publication| publication.track.id == track)
    }

    /// Whether frames of this track go out.
    pub(crate) fn is_enabled(&self, track: TrackId) -> bool {
        self.get(track).is_some_and(|publication| publication.enabled == Switch::On)
    }

    /// What a connection is made of that carries all of our tracks.
    pub(crate) fn link_config(&self) -> LinkConfig {
        let tracks = self.tracks.iter().map(|publication| publication.track).collect();
        LinkConfig { tracks, video_codecs: self.video_codecs.clone(), repair_ssrc: self.repair_ssrc }
    }

    /// What the others are told that we send.
    pub(crate) fn media_state(&self) -> MediaState {
        let sends = |source| {
            let of_source = |one: &&Publication| one.track.source == source && one.enabled == Switch::On;
            self.tracks.iter().any(|one| of_source(&one))
        };
        MediaState {
            audio: sends(TrackSource::Microphone),
            video: sends(TrackSource::Camera),
            screen: sends(TrackSource::Screen),
        }
    }

    /// Lets a track's frames out, or none any more. What is encoded meanwhile goes nowhere: the others need a key frame
    /// when it comes back.
    pub(crate) fn set_enabled(&mut self, track: TrackId, enabled: Switch, outputs: &mut Outputs, now: Instant) {
        let Some(publication) = self.tracks.iter_mut().find(|one| one.track.id == track) else { return };
        publication.enabled = enabled;
        for encoding in self.subscribed().into_iter().filter(|encoding| encoding.track == track) {
            self.encodings.entry(encoding).or_default().waits_for_key = true;
            if enabled == Switch::On {
                self.ask_key_frame(encoding, outputs, now);
            }
        }
    }

    /// Everybody who needs one gets it, by one for all.
    pub(crate) fn ask_key_frame(&mut self, encoding: Encoding, outputs: &mut Outputs, now: Instant) {
        let state = self.encodings.entry(encoding).or_default();
        let is_early = state.key_frame.is_some_and(|last| now.saturating_duration_since(last) < KEY_FRAME_GAP);
        state.is_owed = is_early;
        if !is_early {
            state.key_frame = Some(now);
            let Encoding { track, layer, codec } = encoding;
            outputs.media(MediaCommand::KeyFrame { track, layer, codec });
        }
    }

    /// Protects a frame of ours; `None` where it should not go out.
    pub(crate) fn protect(&mut self, frame: EncodedFrame, outputs: &mut Outputs, now: Instant) -> Option<EncodedFrame> {
        if !self.is_enabled(frame.track) {
            return None;
        }
        if let Codec::Video(codec) = frame.codec {
            let encoding = Encoding { track: frame.track, layer: frame.layer, codec };
            if frame.kind == FrameKind::Key {
                // This one serves all who asked.
                self.encodings.entry(encoding).or_default().is_owed = false;
            }
            if self.encodings.get(&encoding).is_some_and(|state| state.is_owed) {
                self.ask_key_frame(encoding, outputs, now);
            }
            let state = self.encodings.entry(encoding).or_default();
            if frame.kind == FrameKind::Delta && state.waits_for_key {
                return None;
            }
            state.waits_for_key = false;
        }
        Some(self.protection.protect(frame))
    }

    /// Cuts a frame of video into payloads.
    pub(crate) fn packetize(frame: EncodedFrame, codec: VideoCodec) -> OutgoingFrame {
        let encoding = Encoding { track: frame.track, layer: frame.layer, codec };
        let payloads = payload_format::packetize(codec, &frame.payload, frame.is_discardable);
        OutgoingFrame { encoding, frame, payloads }
    }

    /// What anybody takes.
    fn subscribed(&self) -> BTreeSet<Encoding> {
        self.subscribers.values().flat_map(|subscriber| subscriber.takes.iter().copied()).collect()
    }

    /// Whether a transport takes just this, as it said last.
    pub(crate) fn is_subscribed(&self, transport: TransportId, takes: impl Iterator<Item = Encoding>) -> bool {
        let said = self.subscribers.get(&transport).map_or(&[][..], |subscriber| &subscriber.takes);
        takes.eq(said.iter().copied())
    }

    /// A transport takes this of ours from now on. Tells the encoders what anybody takes, where that has changed.
    pub(crate) fn subscribe(&mut self, transport: TransportId, takes: Vec<Encoding>, outputs: &mut Outputs) {
        let before = self.subscribed();
        self.subscribers.entry(transport).or_default().takes = takes;
        self.tell_subscribed(&before, outputs);
    }

    fn tell_subscribed(&mut self, before: &BTreeSet<Encoding>, outputs: &mut Outputs) {
        let after = self.subscribed();
        let say = |encoding: &Encoding, by_anybody| {
            let Encoding { track, layer, codec } = *encoding;
            MediaCommand::Subscribed { track, layer, codec, by_anybody }
        };
        after.difference(before).for_each(|begun| outputs.media(say(begun, true)));
        for ended in before.difference(&after) {
            outputs.media(say(ended, false));
            // Its encoder is gone, and begins with a key frame when it comes back, which needs no asking. When one was
            // asked for last is kept: a receiver that comes and goes gets no more than one that stays.
            if let Some(state) = self.encodings.get_mut(ended) {
                state.is_owed = false;
            }
        }
    }

    /// What a transport gets of a layer, as its encoders were told last.
    pub(crate) fn target(&self, transport: TransportId, track: TrackId, layer: Layer) -> Option<Bitrate> {
        let of = (track, layer);
        let is_thinned = self.told.temporal.get(&of).is_some_and(|choice| choice.is_thinned(transport));
        let part = if is_thinned { TemporalLayers::LOWER_PART } else { 1.0 };
        self.told.targets.get(&of).map(|target| target.bitrate.scaled(part))
    }

    /// Whether a transport is among those that bear something.
    pub(crate) fn has_rate(&self, transport: TransportId) -> bool {
        self.subscribers.get(&transport).is_some_and(|subscriber| subscriber.rate.is_some())
    }

    /// A transport bears this from now on; nothing, where it is not alive.
    pub(crate) fn set_rate(
        &mut self,
        transport: TransportId,
        rate: Option<LinkRate>,
        outputs: &mut Outputs,
        now: Instant,
    ) {
        self.subscribers.entry(transport).or_default().rate = rate;
        self.tell_rates(outputs, now);
    }

    /// Whether a transport goes without some frames, and so uses less than it would.
    pub(crate) fn is_thinned(&self, transport: TransportId) -> bool {
        self.told.temporal.values().any(|choice| choice.is_thinned(transport))
    }

    /// Whether a transport goes without this frame, as it bears the lower of two temporal layers alone.
    pub(crate) fn goes_without(&self, transport: TransportId, frame: &EncodedFrame) -> bool {
        let choice = self.told.temporal.get(&(frame.track, frame.layer));
        frame.is_discardable && choice.is_some_and(|choice| choice.is_thinned(transport))
    }

    /// A transport is gone.
    pub(crate) fn forget(&mut self, transport: TransportId, outputs: &mut Outputs, now: Instant) {
        let before = self.subscribed();
        if self.subscribers.remove(&transport).is_some() {
            self.tell_rates(outputs, now);
            self.tell_subscribed(&before, outputs);
        }
    }

    /// A layer is as good as the slowest of the links that get it bears; or better, and that one is thinned.
    fn tell_rates(&mut self, outputs: &mut Outputs, now: Instant) {
        let mut borne: BTreeMap<(TrackId, Layer), Vec<(TransportId, Bitrate)>> = BTreeMap::new();
        let mut loss = 0.0_f64;
        for (transport, subscriber) in &self.subscribers {
            let Some(link) = &subscriber.rate else { continue };
            for (track, layer, rate) in &link.layers {
                borne.entry((*track, *layer)).or_default().push((*transport, *rate));
            }
            loss = loss.max(link.loss);
        }
        for (of, choice) in &mut self.told.temporal {
            if !borne.contains_key(of) {
                choice.pause();
            }
        }
        for ((track, layer), links) in borne {
            let choice = self.told.temporal.entry((track, layer)).or_default();
            let Some(bitrate) = choice.choose(&links, now) else { continue };
            let target = Target { bitrate, temporal: choice.layers(), at: now };
            let told = self.told.targets.get(&(track, layer));
            if told.is_none_or(|told| target.is_worth_telling(told)) {
                self.told.targets.insert((track, layer), target);
                outputs.media(MediaCommand::Target { track, layer, bitrate, temporal: target.temporal });
            }
        }
        if (loss - self.told.loss).abs() > WORTH_TELLING / 2.0 {
            self.told.loss = loss;
            outputs.media(MediaCommand::Loss(loss));
        }
    }
}

impl Target {
    /// Whether it is worth an encoder's attention after what it was told last.
    fn is_worth_telling(&self, told: &Self) -> bool {
        let (old, new) = (told.bitrate.bps() as f64, self.bitrate.bps() as f64);
        let is_late = self.at.saturating_duration_since(told.at) >= TELL_AGAIN;
        is_late || self.temporal != told.temporal || (new - old).abs() > old * WORTH_TELLING
    }
}

#[cfg(test)]
#[path = "publications_tests.rs"]
mod tests;
