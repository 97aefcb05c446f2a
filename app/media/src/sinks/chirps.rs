//! A listener with an ear for each track; its reports leave by a slot.
//!
//! Owner of: the ears. Does not know which source belongs to which track: the report says whose chirps were heard.

use std::collections::BTreeMap;

use hearth_base::TrackId;

use crate::Now;
use crate::chirp::{ChirpEar, ChirpReport};
use crate::jitter::Playout;
use crate::slot::{SlotReceiver, SlotSender, slot};
use crate::tick::TrackListener;

/// Tracks that have an ear; 64 take 70 MB. Beyond, a track is not listened to.
const EARS: usize = 64;

/// Listens for chirps in each track.
#[derive(Debug)]
pub struct ChirpSink {
    ears: BTreeMap<TrackId, ChirpEar>,
    reports: SlotSender<BTreeMap<TrackId, ChirpReport>>,
}

impl ChirpSink {
    /// A sink, and where the newest reports of all tracks that were heard are taken from.
    pub fn new() -> (Self, SlotReceiver<BTreeMap<TrackId, ChirpReport>>) {
        let (reports, receiver) = slot();
        (Self { ears: BTreeMap::new(), reports }, receiver)
    }
}

impl TrackListener for ChirpSink {
    fn hear(&mut self, track: TrackId, playout: &Playout, now: Now) {
        if self.ears.len() >= EARS && !self.ears.contains_key(&track) {
            return;
        }
        if self.ears.entry(track).or_default().hear(&playout.samples, now) {
            self.reports.put(self.ears.iter().map(|(track, ear)| (*track, ear.report())).collect());
        }
    }
}
