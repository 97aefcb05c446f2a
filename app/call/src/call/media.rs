//! Our media to everybody: what is published, and what goes out of it.

use std::time::Instant;

use hearth_base::{EncodedAudio, EncodedVideo, Switch, TrackId, TrackSource};
use rand::RngExt;

use super::Call;

impl Call {
    /// We send a further track from now on.
    pub(super) fn on_publish(&mut self, source: TrackSource, now: Instant) {
        let (ssrc, rtx_ssrc) = (self.shared.rng.random(), self.shared.rng.random());
        if self.shared.publications.publish(source, ssrc, rtx_ssrc).is_some() {
            self.participants.handle_publications(&mut self.shared, now);
            self.tell_media(now);
        }
    }

    /// We send a track no more.
    pub(super) fn on_unpublish(&mut self, track: TrackId, now: Instant) {
        if self.shared.publications.unpublish(track) {
            self.participants.handle_publications(&mut self.shared, now);
            self.tell_media(now);
        }
    }

    /// A track is really sent, or is not any more.
    pub(super) fn on_set_enabled(&mut self, track: TrackId, enabled: Switch, now: Instant) {
        self.shared.publications.set_enabled(track, enabled, &mut self.shared.outputs, now);
        self.tell_media(now);
    }

    pub(super) fn on_video(&mut self, frame: EncodedVideo, now: Instant) {
        let Some(frame) = self.shared.publications.packetize(frame, &mut self.shared.outputs, now) else { return };
        let (topology, layers) = (&*self.seams.topology, &*self.seams.layers);
        let track = frame.encoding.track;
        self.participants.send_video(
            &frame,
            |peer, link| {
                topology.sends(track, peer) && layers.layer_for(track, link.estimate()) == frame.encoding.layer
            },
            &mut self.shared,
            now,
        );
    }

    pub(super) fn on_audio(&mut self, frame: &EncodedAudio, now: Instant) {
        if self.shared.publications.is_enabled(frame.track) {
            let topology = &*self.seams.topology;
            self.participants.send_audio(frame, |peer| topology.sends(frame.track, peer), &mut self.shared, now);
        }
    }
}
