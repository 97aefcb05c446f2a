//! Our media on its way to one peer: numbered, paced, within what the link bears.
//!
//! Owner of: the numbering of each track toward this peer, its pacer and its estimate. Sending itself is the link's.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hearth_base::{Bitrate, EncodedFrame, TrackId, TrackKind};

use crate::peer_connection::RtpOut;
use crate::publications::OutgoingFrame;
use crate::send::estimator::{Estimator, LossAndDelay};
use crate::send::pacer::{LeakyBucket, Pacer, Queued};
use crate::snapshot::PairSnapshot;

/// How long a report of a track counts: reports come each second, and some are lost.
const REPORTED: Duration = Duration::from_secs(4);

/// Numbering of one track; both start at random (RFC 3550 section 5.1).
#[derive(Clone, Copy, Debug)]
struct Numbering {
    sequence: u16,
    time: u32,
}

/// The way out to one peer.
pub(crate) struct Outbound {
    numbering: BTreeMap<TrackId, Numbering>,
    estimator: Box<dyn Estimator>,
    pacer: Box<dyn Pacer>,
    /// The path that the estimate is of.
    route: Option<PairSnapshot>,
    /// What the last report of each track said, and when.
    losses: BTreeMap<TrackId, (f64, Instant)>,
    /// Share of our packets lost, of the track that loses most.
    pub(crate) loss: f64,
    pub(crate) frames_dropped: u64,
    pub(crate) packets: u64,
}

impl Outbound {
    pub(crate) fn new() -> Self {
        let estimator = LossAndDelay::new();
        let pacer = LeakyBucket::new(estimator.estimate());
        Self {
            numbering: BTreeMap::new(),
            estimator: Box::new(estimator),
            pacer: Box::new(pacer),
            route: None,
            losses: BTreeMap::new(),
            loss: 0.0,
            frames_dropped: 0,
            packets: 0,
        }
    }

    /// Whether it is known where a track's numbers begin.
    pub(crate) fn is_numbered(&self, track: TrackId) -> bool {
        self.numbering.contains_key(&track)
    }

    /// Where a track's numbers begin.
    pub(crate) fn begin(&mut self, track: TrackId, sequence: u16, time: u32) {
        self.numbering.insert(track, Numbering { sequence, time });
    }

    /// A frame of video, in payloads. `No` asks for a key frame.
    pub(crate) fn handle_video(&mut self, outgoing: &OutgoingFrame, now: Instant) -> Queued {
        let OutgoingFrame { frame, payloads, .. } = outgoing;
        let Some(numbering) = self.numbering.get_mut(&frame.track) else { return Queued::Yes };
        let before = numbering.sequence;
        let time = numbering.time.wrapping_add(frame.time as u32);
        let packets = payloads.iter().enumerate().map(|(index, payload)| {
            let sequence = numbering.sequence;
            numbering.sequence = sequence.wrapping_add(1);
            RtpOut {
                track: frame.track,
                sequence,
                time,
                captured: frame.at(),
                marker: index + 1 == payloads.len(),
                payload: payload.clone(),
            }
        });
        let packets: Vec<_> = packets.collect();
        let taken = self.pacer.handle_frame(frame.kind, packets, now);
        if taken == Queued::No {
            // The numbers were not used: a hole would be asked for in vain.
            numbering.sequence = before;
            self.frames_dropped += 1;
        }
        taken
    }

    /// A packet of audio, which goes at once: it is small, and late sound is lost sound.
    pub(crate) fn handle_audio(&mut self, audio: &EncodedFrame) -> Option<RtpOut> {
        let numbering = self.numbering.get_mut(&audio.track)?;
        let sequence = numbering.sequence;
        numbering.sequence = sequence.wrapping_add(1);
        Some(RtpOut {
            track: audio.track,
            sequence,
            time: numbering.time.wrapping_add(audio.time as u32),
            captured: audio.at(),
            marker: audio.begins_talk,
            payload: audio.payload.clone(),
        })
    }

    /// The next packet of video that may go.
    pub(crate) fn poll_packet(&mut self, now: Instant) -> Option<RtpOut> {
        self.pacer.poll_packet(now)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.pacer.poll_timeout()
    }

    /// Media goes by this path. Whether it changed: then what was estimated of the old one is forgotten.
    pub(crate) fn handle_route(&mut self, route: Option<PairSnapshot>) -> bool {
        let Some(route) = route else { return false };
        let is_new = self.route.as_ref().is_some_and(|old| !old.is_route_of(&route));
        self.route = Some(route);
        if is_new {
            self.estimator.handle_new_route();
            self.pacer.set_rate(self.estimator.estimate());
        }
        is_new
    }

    pub(crate) fn handle_loss(&mut self, track: TrackId, kind: TrackKind, fraction: f64, now: Instant) {
        self.losses.insert(track, (fraction, now));
        self.losses.retain(|_, (_, at)| now.saturating_duration_since(*at) < REPORTED);
        self.loss = self.losses.values().map(|(fraction, _)| *fraction).fold(0.0, f64::max);
        self.estimator.handle_loss(kind, fraction, now);
        self.pacer.set_rate(self.estimator.estimate());
    }

    pub(crate) fn handle_round_trip(&mut self, round_trip: Duration, now: Instant) {
        self.estimator.handle_round_trip(round_trip, now);
        self.pacer.set_rate(self.estimator.estimate());
    }

    pub(crate) fn estimate(&self) -> Bitrate {
        self.estimator.estimate()
    }
}
