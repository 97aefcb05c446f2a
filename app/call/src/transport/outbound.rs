//! Our media on its way to one peer: numbered, paced, within what the link bears.
//!
//! Owner of: the numbering of each track toward this peer, its pacer and its estimate. Sending itself is the link's.

mod path;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hearth_base::{Bitrate, EncodedFrame, FrameKind, Layer, Switch, TrackId, TrackKind, TrackSource};

pub(crate) use path::RouteChange;

use crate::media::payload_format;
use crate::peer_connection::{PeerConnection, RtpOut, SentVideo, TransportFeedback};
use crate::publications::{Encoding, OutgoingFrame};
use crate::send::circuit_breaker::{Circuit, CircuitBreaker, StreamReport};
use crate::send::estimator::{Estimator, FeedbackEstimator};
use crate::send::layers::{SentLayers, Wanted};
use crate::send::overhead::Overhead;
use crate::send::pacer::{LeakyBucket, Pacer, Queued};
use crate::send::repair::{FrameLoss, OutgoingRepair, Repairs};
use crate::send::stills::{PictureFlow, STILL_RATE, Stills, TRIAL_RATE};
use crate::snapshot::PairSnapshot;
use crate::watching::Watching;

/// Of the pacer's queue, so much is a frame that is just leaving, and more should be gone in about [`DRAIN`] seconds.
const SMALL_QUEUE: Duration = Duration::from_millis(40);
const DRAIN: f64 = 0.4;
const LEAST_DRAIN: f64 = 0.4;
/// Loss above which less than the rate is used, and how much less for each part lost.
const MUCH_LOSS: f64 = 0.06;
const LESS: f64 = 1.4;
/// How long a report of a track counts: reports come each second, and some are lost.
const REPORTED: Duration = Duration::from_secs(4);

/// Lost beyond what is lost by chance, this ends a trial.
const LOST_IN_TRIAL: f64 = 0.1;

/// Ticks of video in a second (RFC 6184, RFC 7741).
const SECOND: u32 = 90_000;

/// Numbering of one track; both start at random (RFC 3550 section 5.1).
#[derive(Clone, Copy, Debug)]
struct Numbering {
    sequence: u16,
    time: u32,
    /// Of the next frame, where its codec counts them.
    frame: u16,
    /// The time stamp of the last frame of video.
    last: Option<u32>,
    /// Frames of video that left whole.
    left: u64,
}

/// What left of one track.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TrackCounts {
    /// Frames of video.
    pub(crate) frames: u64,
    /// Packets of repair.
    pub(crate) repairs: u64,
}

/// The way out to one peer.
pub(crate) struct Outbound {
    numbering: BTreeMap<TrackId, Numbering>,
    estimator: Box<dyn Estimator>,
    pacer: Box<dyn Pacer>,
    /// What leaves beside the payloads of video.
    overhead: Overhead,
    repairs: Repairs,
    layers: SentLayers,
    stills: Stills,
    breaker: CircuitBreaker,
    /// What they look at of our pictures.
    watched: Watching,
    /// Bytes that had left when the pacer was told last, and what it has let out since.
    charged: u64,
    paced: u64,
    /// The path that the estimate is of.
    route: Option<PairSnapshot>,
    /// Whether it is known what of a bottleneck that is shared this link gets on its path.
    has_begun: bool,
    /// What the last report of each track said, and when.
    losses: BTreeMap<TrackId, (f64, Instant)>,
    /// Share of our packets lost, of the track that loses most.
    pub(crate) loss: f64,
    pub(crate) frames_dropped: u64,
    pub(crate) packets: u64,
}

impl Outbound {
    pub(crate) fn new() -> Self {
        let estimator = FeedbackEstimator::new();
        let pacer = LeakyBucket::new(estimator.pacing());
        Self {
            numbering: BTreeMap::new(),
            estimator: Box::new(estimator),
            pacer: Box::new(pacer),
            overhead: Overhead::default(),
            repairs: Repairs::default(),
            layers: SentLayers::default(),
            stills: Stills::default(),
            breaker: CircuitBreaker::default(),
            watched: Watching::default(),
            charged: 0,
            paced: 0,
            route: None,
            has_begun: false,
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
        self.numbering.insert(track, Numbering { sequence, time, frame: 0, last: None, left: 0 });
    }

    /// What of our video goes to them, or is about to.
    pub(crate) fn encodings(&self, sent: impl Iterator<Item = SentVideo>) -> Vec<Encoding> {
        let is_any = self.picture_flow() > PictureFlow::Nothing;
        let watched = sent.filter(|video| is_any && self.watched.most(video.source).is_some());
        watched.flat_map(|video| self.layers.encodings(video)).collect()
    }

    /// Shares what the link bears between tracks, and chooses the layer of each. The rates; and the encodings that
    /// begin, with a key frame.
    pub(crate) fn choose_layers(
        &mut self,
        sent: &[(SentVideo, Switch)],
        now: Instant,
    ) -> (Vec<(TrackId, Layer, Bitrate)>, Vec<Encoding>) {
        let mut rate = self.overhead.video_part(self.estimate()).scaled(self.calm_part());
        let most = |(video, enabled): &(SentVideo, Switch)| {
            self.watched.most(video.source).map(|most| Wanted { video: *video, enabled: *enabled, most })
        };
        let mut wanted: Vec<_> = sent.iter().filter_map(most).collect();
        let is_any = wanted.iter().any(|wanted| wanted.enabled == Switch::On);
        let is_other = is_any && self.stills.handle_rate(self.overhead.left(self.estimate()), self.way(&wanted), now);
        if !is_any {
            self.stills.end_trial(now);
        }
        let has_changed = self.breaker.poll(now);
        if has_changed || is_other {
            self.layers.begin_again();
        }
        if has_changed && self.breaker.circuit() != Circuit::Closed {
            self.pacer.clear();
            self.repairs.clear();
        }
        match self.picture_flow() {
            PictureFlow::Moving if self.stills.is_trying() => {
                rate = rate.max(TRIAL_RATE);
                wanted.iter_mut().for_each(|wanted| wanted.most = Layer::default());
            }
            PictureFlow::Moving => {}
            PictureFlow::Stills => {
                rate = rate.max(STILL_RATE);
                wanted.iter_mut().for_each(|wanted| wanted.most = Layer::default());
            }
            PictureFlow::Nothing | PictureFlow::Silence => wanted.clear(),
        }
        self.layers.choose(rate, self.queue_part(), &wanted, now)
    }

    /// How long packets wait, where a trial of moving pictures makes sense. A screen is tried by no small layer, and
    /// what is lost into a queue that is short, or by who lets no more through, hurts sound as well.
    fn way(&self, wanted: &[Wanted]) -> Option<Duration> {
        let is_screen = wanted.iter().any(|wanted| wanted.video.source == TrackSource::Screen);
        let is_lossy = self.loss > self.estimator.random_loss() + LOST_IN_TRIAL;
        let is_fit = self.breaker.circuit() == Circuit::Closed && !is_screen && !is_lossy;
        self.queue().filter(|_| is_fit)
    }

    /// What is said of how pictures go: one that is only tried is no change yet.
    pub(crate) fn told_flow(&self) -> PictureFlow {
        if self.stills.is_trying() { PictureFlow::Stills.min(self.picture_flow()) } else { self.picture_flow() }
    }

    /// The largest layer of a track that they look at.
    pub(crate) fn watched_layer(&self, source: TrackSource) -> Option<Layer> {
        self.watched.most(source)
    }

    /// They look at this of our pictures. Whether it is something else than before.
    pub(crate) fn set_watched(&mut self, watched: Watching) -> bool {
        let is_new = std::mem::replace(&mut self.watched, watched) != watched;
        if is_new {
            self.layers.allow_larger();
        }
        is_new
    }

    /// Whether a frame of this encoding goes to them; with a key frame, the layer becomes the one that is wanted.
    pub(crate) fn takes_frame(&mut self, encoding: Encoding, kind: FrameKind) -> bool {
        let flow = self.picture_flow();
        let is_fit = flow == PictureFlow::Moving
            || (flow == PictureFlow::Stills && kind == FrameKind::Key && self.stills.takes_still(encoding.track));
        is_fit && self.layers.takes_frame(encoding, kind)
    }

    /// How pictures go to them.
    pub(crate) fn picture_flow(&self) -> PictureFlow {
        match self.breaker.circuit() {
            Circuit::Open => PictureFlow::Silence,
            Circuit::Reduced => PictureFlow::Nothing,
            Circuit::Closed => self.stills.flow(),
        }
    }

    /// Whether a still of each of these tracks should be asked for.
    pub(crate) fn poll_still(&mut self, tracks: impl Iterator<Item = TrackId>, now: Instant) -> bool {
        self.stills.poll_due(tracks, now)
    }

    /// Whether a frame that no other needs is dropped: others wait longer than they should.
    pub(crate) fn drops(&mut self, frame: &EncodedFrame) -> bool {
        let drops = frame.is_discardable && self.waiting() > SMALL_QUEUE;
        self.frames_dropped += u64::from(drops);
        drops
    }

    /// A frame of video, in payloads. `No` asks for a key frame.
    pub(crate) fn handle_video(&mut self, outgoing: &OutgoingFrame, now: Instant) -> Queued {
        let OutgoingFrame { encoding, frame, payloads } = outgoing;
        let Some(numbering) = self.numbering.get_mut(&frame.track) else { return Queued::Yes };
        let mut time = numbering.time.wrapping_add(frame.time as u32);
        if let Some(last) = numbering.last.filter(|last| last.wrapping_sub(time) < SECOND) {
            // The same picture in a smaller layer, which was asked for between the two: another frame, and browsers
            // tell frames of H.264 by their time stamps alone.
            time = last.wrapping_add(1);
        }
        numbering.last = Some(time);
        // Numbered when it leaves: what is dropped before would leave a hole that is asked for in vain.
        let packets = payloads.iter().enumerate().map(|(index, payload)| RtpOut {
            track: frame.track,
            sequence: 0,
            time,
            captured: frame.at(),
            marker: index + 1 == payloads.len(),
            payload: payload_format::renumber(encoding.codec, payload, numbering.frame),
        });
        if self.stills.flow() == PictureFlow::Stills {
            let left = self.overhead.left(self.breaker.limit(self.estimator.estimate()));
            self.stills.handle_still(frame.track, frame.payload.len(), left, now);
        }
        let taken = self.pacer.handle_frame(frame.kind, packets.collect(), now);
        match taken {
            Queued::Yes => numbering.frame = numbering.frame.wrapping_add(1),
            Queued::No => self.frames_dropped += 1,
        }
        taken
    }

    /// A packet of audio, which goes at once: it is small, and late sound is lost sound.
    pub(crate) fn handle_audio(&mut self, audio: &EncodedFrame, now: Instant) -> Option<RtpOut> {
        if self.breaker.circuit() == Circuit::Open {
            return None;
        }
        self.breaker.handle_sent(audio.track, audio.payload.len(), now);
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
    pub(crate) fn poll_packet(&mut self, link: &PeerConnection, now: Instant) -> Option<RtpOut> {
        self.charge(link, now);
        let mut packet = self.pacer.poll_packet(link.in_flight(), now)?;
        self.paced += packet.payload.len() as u64;
        self.breaker.handle_sent(packet.track, packet.payload.len(), now);
        let numbering = self.numbering.get_mut(&packet.track)?;
        packet.sequence = numbering.sequence;
        numbering.sequence = numbering.sequence.wrapping_add(1);
        numbering.left += u64::from(packet.marker);
        self.overhead.handle_video(packet.payload.len(), link.departed(), now);
        let loss = FrameLoss { mean: self.estimator.random_loss(), most: self.estimator.frame_loss() };
        self.repairs.handle_departure(&packet, loss, link, now);
        Some(packet)
    }

    /// The next packet of repair that may go: before any new one of video, whose frame is later.
    pub(crate) fn poll_repair(&mut self, link: &PeerConnection, now: Instant) -> Option<OutgoingRepair> {
        self.repairs.drop_stale(now);
        let bytes = self.repairs.next_bytes()?;
        self.charge(link, now);
        self.pacer.poll_slot(bytes, link.in_flight(), now).then(|| self.repairs.poll()).flatten().inspect(|repair| {
            self.paced += repair.payload.len() as u64;
        })
    }

    /// What left beside the pacer, sound and what was asked for again, takes its part of the rate.
    fn charge(&mut self, link: &PeerConnection, now: Instant) {
        let departed = link.departed();
        let others = departed.saturating_sub(self.charged).saturating_sub(self.paced);
        (self.charged, self.paced) = (departed, 0);
        self.pacer.charge(usize::try_from(others).unwrap_or_default(), now);
    }

    /// A packet of sound has left: the repair that follows it, at once as it did itself.
    pub(crate) fn handle_sent_audio(
        &mut self,
        packet: &RtpOut,
        link: &PeerConnection,
        now: Instant,
    ) -> Vec<OutgoingRepair> {
        self.repairs.handle_audio(packet, self.estimator.random_loss(), link, now)
    }

    /// The share of our packets that the path loses by chance.
    pub(crate) fn random_loss(&self) -> f64 {
        self.estimator.random_loss()
    }

    /// Packets of repair so far.
    pub(crate) fn repairs_made(&self) -> u64 {
        self.repairs.made.values().sum()
    }

    /// What left of a track so far.
    pub(crate) fn counts(&self, track: TrackId) -> TrackCounts {
        let frames = self.numbering.get(&track).map_or(0, |numbering| numbering.left);
        TrackCounts { frames, repairs: self.repairs.made.get(&track).copied().unwrap_or_default() }
    }

    /// A track whose frames waited too long and were dropped: it needs a key frame.
    pub(crate) fn poll_stale(&mut self, now: Instant) -> Option<TrackId> {
        let stale = self.pacer.poll_stale(now)?;
        self.frames_dropped += 1;
        Some(stale)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let slot = self.repairs.next_bytes().and_then(|_| self.pacer.next_slot());
        [self.pacer.poll_timeout(), slot, self.stills.poll_timeout()].into_iter().flatten().min()
    }

    /// They said something of what we send.
    pub(crate) fn handle_heard(&mut self) {
        self.breaker.handle_heard();
    }

    /// What came of a track since its last report.
    pub(crate) fn handle_report(&mut self, track: TrackId, kind: TrackKind, report: StreamReport, now: Instant) {
        self.breaker.handle_report(track, report, now);
        let fraction = report.fraction;
        self.losses.insert(track, (fraction, now));
        self.losses.retain(|_, (_, at)| now.saturating_duration_since(*at) < REPORTED);
        self.loss = self.losses.values().map(|(fraction, _)| *fraction).fold(0.0, f64::max);
        self.estimator.handle_loss(kind, fraction, now);
        self.pacer.set_pacing(self.estimator.pacing());
    }

    pub(crate) fn handle_round_trip(&mut self, round_trip: Duration, now: Instant) {
        self.estimator.handle_round_trip(round_trip, now);
        self.breaker.handle_round_trip(round_trip, now);
        self.pacer.set_pacing(self.estimator.pacing());
    }

    pub(crate) fn handle_feedback(&mut self, feedback: &TransportFeedback, now: Instant) {
        self.estimator.handle_feedback(feedback, now);
        self.pacer.set_pacing(self.estimator.pacing());
    }

    pub(crate) fn handle_max_bitrate(&mut self, most: Bitrate, now: Instant) {
        self.estimator.handle_max_bitrate(most, now);
        self.pacer.set_pacing(self.estimator.pacing());
    }

    /// Another connection in the place of the last.
    pub(crate) fn handle_new_connection(&mut self) {
        self.estimator.handle_new_connection();
        self.overhead = Overhead::default();
        self.breaker = CircuitBreaker::default();
        self.repairs = Repairs::default();
        (self.charged, self.paced) = (0, 0);
    }

    /// The part of the rate that encoders get. A queue of ours makes them go down at once: it should be gone before the
    /// queue on the way would be.
    fn queue_part(&self) -> f64 {
        let less = self.waiting().saturating_sub(SMALL_QUEUE).as_secs_f64() / DRAIN;
        (1.0 - less).max(LEAST_DRAIN)
    }

    /// How long what waits here needs to leave.
    fn waiting(&self) -> Duration {
        self.estimator.estimate().time_for(self.pacer.waiting() + self.repairs.waiting())
    }

    /// The part of the rate that is used where much is lost by chance: key frames, each with more repair than it has
    /// packets, are frequent there, and on a link that is full each would hold up what follows.
    fn calm_part(&self) -> f64 {
        1.0 - LESS * (self.estimator.random_loss() - MUCH_LOSS).clamp(0.0, 0.5)
    }

    /// How long what we send waits on the way.
    pub(crate) fn queue(&self) -> Option<Duration> {
        self.estimator.queue()
    }

    /// The layer that they get of each track.
    pub(crate) fn sent_layers(&self) -> impl Iterator<Item = (TrackId, Layer)> {
        self.layers.sent()
    }

    /// What is used of what the link bears.
    pub(crate) fn estimate(&self) -> Bitrate {
        self.breaker.limit(self.estimator.estimate())
    }
}
