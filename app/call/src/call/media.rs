//! Our media to everybody: what is published, and what goes out of it.

use std::time::Instant;

use hearth_base::{Codec, EncodedFrame, Switch, TrackId, TrackSource};
use rand::RngExt;

use super::Call;
use crate::publications::Publications;

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

    pub(super) fn on_frame(&mut self, frame: EncodedFrame, now: Instant) {
        let Some(frame) = self.shared.publications.protect(frame, &mut self.shared.outputs, now) else { return };
        let topology = &*self.seams.topology;
        let track = frame.track;
        match frame.codec {
            Codec::Audio(_) => {
                self.participants.send_audio(&frame, |peer| topology.sends(track, peer), &mut self.shared, now);
            }
            Codec::Video(codec) => {
                let frame = Publications::packetize(frame, codec);
                self.participants.send_video(&frame, |peer| topology.sends(track, peer), &mut self.shared, now);
            }
        }
    }
}
