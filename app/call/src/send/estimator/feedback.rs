//! What a link bears, by reports of each packet.
//!
//! The rate grows while nothing waits on the way ([`Growth`]). Once every packet of a tenth of a second has waited
//! longer than is borne ([`Tolerance`]), the link bears what came meanwhile: the rate goes below it until the queue is
//! empty, and then close to it. Loss without a queue is tried out ([`Losses`]). What was never sent proves nothing: a
//! rate that is not used hardly grows. Until the first report, [`LossAndDelay`] decides, and its peer may know no
//! reports at all.
//!
//! Ideas from GCC (draft-ietf-rmcat-gcc-02), SCReAM (RFC 8298), Copa and packet-train dispersion; the constants were
//! found in World.

use std::time::{Duration, Instant};

use hearth_base::{Bitrate, TrackKind};

use super::competition::Competition;
use super::delivery::{Arrivals, Flow, Sendings};
use super::frames_lost::FramesLost;
use super::growth::Growth;
use super::losses::{Advice, Losses};
use super::queue::QueueDelay;
use super::tolerance::{Queue, Tolerance};
use super::trains::{Capacity, Trains};
use super::{Estimator, FIRST, HEADROOM, LEAST, LossAndDelay, MOST, Pacing, USED};
use crate::peer_connection::{PacketResult, TransportFeedback};

/// A queue should be empty in about so long.
const DRAIN: f64 = 0.5;
/// A queue that has grown so much while less comes than was believed is one that has only begun.
const GROWS: f64 = 1.3;
const MUCH_LESS: f64 = 0.85;
/// Never below this part of what the link bears, however long the queue.
const LEAST_DRAIN: f64 = 0.5;
const FURTHER_DRAIN: f64 = 0.85;
/// A queue that is drained is shorter than this part of itself when it is looked at again.
const SHRINKS: f64 = 0.9;
/// A queue that does not shrink by so many times of sending less is not ours: others fill it, or the way is longer.
const FUTILE: u32 = 4;
/// What is sent of what the link bears, after each time that the queue did not shrink.
const FIRMER: [f64; 3] = [0.8, 0.65, 0.5];
/// Trains leave at this many times what the link is thought to bear: faster ones would only wait in its queue, slower
/// ones would not show that it bears more.
const PROBE: f64 = 1.25;
/// A rate that is used to less than this part is not used.
const IN_USE: f64 = 0.75;
/// A rate that is used to less than this part fills no queue.
const LITTLE: f64 = 0.4;
/// What the in-flight window holds beside a round trip: the pauses between reports of which one or two may be lost, and
/// a burst; less while a queue is drained.
const UNREPORTED: Duration = Duration::from_millis(300);
const UNREPORTED_IN_DRAIN: Duration = Duration::from_millis(100);
/// More where so much is lost by chance: several reports in a row, too.
const UNREPORTED_IN_LOSS: Duration = Duration::from_millis(600);
const LOSSY: f64 = 0.05;
/// Some packets always.
const LEAST_WINDOW: u64 = 12_000;
/// A round trip before one was measured.
const ROUND_TRIP: Duration = Duration::from_millis(100);
/// Between two reports longer than this nothing grows by the time between.
const LONGEST_STEP: Duration = Duration::from_millis(200);
/// What each report weighs in the share that is lost.
const SMOOTHING: f64 = 0.1;

/// A queue that is being emptied.
#[derive(Debug)]
struct Drain {
    /// What the link bears.
    capacity: f64,
    /// What came last while it was busy.
    last: f64,
    /// The rate before.
    before: f64,
    /// What stood when it was looked at last.
    stood: Duration,
    /// How often less was sent and the queue did not shrink.
    futile: u32,
    /// Whether the link came to bear less at once.
    is_sudden: bool,
    /// What was sent since it was looked at last.
    since: Flow,
}

impl Drain {
    fn scale(&mut self, part: f64) {
        self.capacity *= part;
        self.last *= part;
        self.before *= part;
    }

    /// What the link bears, once the queue is empty.
    fn bears(&self) -> f64 {
        // Where it fell at once, what came was measured over the fall as well at first; otherwise, over a longer time.
        if self.is_sudden { self.capacity.min(self.last) } else { self.capacity }
    }
}

/// What reports show of the way.
#[derive(Debug, Default)]
struct Seen {
    queue: QueueDelay,
    arrivals: Arrivals,
    sendings: Sendings,
    trains: Trains,
    /// What the trains said last.
    capacity: Option<Capacity>,
}

/// What reports show of losses.
#[derive(Debug, Default)]
struct Lost {
    losses: Losses,
    frames: FramesLost,
    /// The share lost while no queue was seen, smoothed.
    share: f64,
}

impl Lost {
    /// What is lost into a full queue is no chance.
    fn disregard(&mut self) {
        self.losses.disregard();
        self.frames.disregard();
    }
}

/// Decides by reports.
#[derive(Debug)]
pub(crate) struct FeedbackEstimator {
    /// Until the first report, and for good where there is none; and what they take at most.
    fallback: LossAndDelay,
    has_feedback: bool,
    /// When this path was taken.
    since: Option<Instant>,
    /// Bits a second.
    rate: f64,
    seen: Seen,
    lost: Lost,
    drain: Option<Drain>,
    competition: Competition,
    growth: Growth,
    tolerance: Tolerance,
    /// When the last report came.
    reported: Option<Instant>,
    round_trip: Option<Duration>,
}

impl FeedbackEstimator {
    pub(crate) fn new() -> Self {
        Self {
            fallback: LossAndDelay::new(),
            has_feedback: false,
            since: None,
            rate: FIRST.bps() as f64,
            seen: Seen::default(),
            lost: Lost::default(),
            drain: None,
            competition: Competition::default(),
            growth: Growth::default(),
            tolerance: Tolerance::default(),
            reported: None,
            round_trip: None,
        }
    }

    /// Whether about as much is sent as may be.
    fn is_in_use(&self) -> bool {
        self.seen.sendings.rate().is_some_and(|rate| rate.bps() as f64 > self.rate * IN_USE)
    }

    /// Takes a report in; of how many packets it is, and how many of them are lost.
    fn take(&mut self, feedback: &TransportFeedback, now: Instant) -> (u32, u32) {
        let (mut came, mut lost) = (0, 0);
        // Most of what nobody reported came, and at about this time.
        let mut unreported = u32::try_from(feedback.unreported).unwrap_or(u32::MAX);
        if let Some(drain) = &mut self.drain {
            drain.since.handle_unreported(feedback.unreported);
        }
        // What left before took another way.
        let since = self.since;
        let is_ours = |result: &&PacketResult| since.is_none_or(|since| result.departure.at >= since);
        for result in feedback.packets.iter().filter(is_ours) {
            let departure = result.departure;
            self.seen.sendings.handle(departure.at, departure.size);
            // What left into a queue that was too long may be lost for that.
            let counts = u32::from(self.growth.queued().is_none_or(|at| departure.at > at));
            if let Some(drain) = &mut self.drain {
                drain.since.handle(result);
            }
            if counts > 0 {
                self.lost.frames.handle(result);
            }
            match result.arrived {
                Some(arrived) => {
                    came += counts;
                    self.seen.queue.handle_arrival(departure.at, arrived);
                    self.seen.arrivals.handle(arrived, departure.size.saturating_add(std::mem::take(&mut unreported)));
                    self.seen.trains.handle(result);
                }
                None => lost += counts,
            }
        }
        self.lost.losses.handle(came, lost, now);
        self.seen.capacity = self.seen.trains.capacity(now);
        (came + lost, lost)
    }

    fn on_competition(&mut self, (reported, lost): (u32, u32), passed: Duration, now: Instant) {
        // What a full queue drops is no chance: repair of it would only fill the queue.
        self.lost.frames.disregard();
        let queue = self.seen.queue.whole().unwrap_or_default();
        let round_trip = self.round_trip.unwrap_or(ROUND_TRIP);
        // What is lost by chance is lost whatever is sent, and what is not sent proves nothing.
        let lost = lost.saturating_sub((f64::from(reported) * self.lost.losses.random()).ceil() as u32);
        let step = if self.is_in_use() { passed.min(LONGEST_STEP) } else { Duration::ZERO };
        match self.competition.rate(self.rate, lost, queue, round_trip, step, now) {
            Some(rate) => self.set_rate(rate),
            None => self.seen.queue.restore(),
        }
    }

    /// What comes while the link is busy is what it bears.
    fn on_overuse(&mut self, standing: Duration, now: Instant) {
        self.growth.handle_queue(now);
        self.lost.disregard();
        let is_sudden = self.tolerance.is_sudden(now);
        let arrivals = &self.seen.arrivals;
        // The longer the time, the less is it a frame more or less. Who sends little would lose by that each time.
        let came = if is_sudden || self.drain.is_some() { arrivals.last_rate() } else { arrivals.rate() };
        let Some(came) = came.map(|rate| rate.bps() as f64) else { return };
        let sent = self.seen.sendings.rate().map_or(self.rate, |rate| rate.bps() as f64);
        if self.drain.is_none() && sent < self.rate * LITTLE && came >= sent * USED {
            return; // what waits is not ours: too little is sent to fill anything
        }
        let before = match &self.drain {
            None => self.rate,
            // It has just begun to bear less, and what was believed of it was too much.
            Some(drain) if standing > drain.stood.mul_f64(GROWS) && came < drain.capacity * MUCH_LESS => drain.before,
            Some(drain) => {
                let flow = drain.since.rates();
                if let Some(drain) = &mut self.drain {
                    drain.last = came;
                }
                if let Some((sent, came)) = flow {
                    self.on_still_queued(sent, came, standing, now);
                }
                return;
            }
        };
        if self.drain.is_none() {
            self.tolerance.handle_given_way(self.rate, now);
        }
        let part = (1.0 - standing.as_secs_f64() / DRAIN).clamp(LEAST_DRAIN, USED);
        let since = Flow::new(now);
        self.drain = Some(Drain { capacity: came, last: came, before, stood: standing, futile: 0, is_sudden, since });
        self.set_rate(self.rate.min(came * part));
    }

    /// Less was sent, and all packets wait still.
    fn on_still_queued(&mut self, sent: f64, came: f64, standing: Duration, now: Instant) {
        let Some(mut drain) = self.drain.take() else { return };
        let is_overloaded = came < sent * (1.0 - self.lost.losses.random()) * USED;
        if is_overloaded {
            drain.capacity = came;
            self.set_rate(self.rate.min(came * FURTHER_DRAIN));
        } else if standing < drain.stood.mul_f64(SHRINKS) {
            drain.futile = 0;
        } else {
            // Perhaps too little was taken off to be seen.
            drain.futile += 1;
            let part = FIRMER.get(drain.futile as usize - 1).copied().unwrap_or(LEAST_DRAIN);
            self.set_rate(self.rate.min(drain.capacity * part));
        }
        if drain.futile < FUTILE {
            self.drain = Some(Drain { stood: standing, since: Flow::new(now), ..drain });
            return;
        }
        self.seen.queue.accept();
        let compete = self.competition.handle_foreign(drain.before, now);
        self.set_rate(compete.unwrap_or(drain.before * USED));
    }

    fn on_calm(&mut self, passed: Duration, now: Instant) {
        if let Some(drain) = self.drain.take() {
            let shown = match self.seen.capacity {
                Some(Capacity::About(rate) | Capacity::AtLeast(rate)) => rate.bps() as f64,
                None => 0.0,
            };
            self.growth.handle_emptied(drain.last.max(shown));
            self.set_rate(drain.bears() * USED);
            return;
        }
        let step = passed.min(LONGEST_STEP).as_secs_f64();
        if let Some(grown) = self.growth.rate(self.rate, self.seen.capacity, self.is_in_use(), step, now) {
            self.set_rate(grown.max(self.rate));
        }
    }

    fn on_losses(&mut self, now: Instant) {
        match self.lost.losses.advice(self.round_trip.unwrap_or(ROUND_TRIP), now) {
            Advice::Nothing => {}
            Advice::Less(part) | Advice::Back(part) => self.set_rate(self.rate * part),
            Advice::TooMuch => {
                let came = self.seen.arrivals.rate().map_or(self.rate, |rate| rate.bps() as f64);
                self.growth.handle_queue(now);
                self.set_rate(self.rate.min(came));
            }
        }
    }

    fn set_rate(&mut self, rate: f64) {
        self.rate = rate.clamp(LEAST.bps() as f64, MOST.bps() as f64);
    }
}

impl Estimator for FeedbackEstimator {
    fn handle_loss(&mut self, kind: TrackKind, fraction: f64, now: Instant) {
        if !self.has_feedback {
            self.fallback.handle_loss(kind, fraction, now);
        }
    }

    fn handle_round_trip(&mut self, round_trip: Duration, now: Instant) {
        let old = self.round_trip.unwrap_or(round_trip);
        self.round_trip = Some((old * 7 + round_trip) / 8);
        if !self.has_feedback {
            self.fallback.handle_round_trip(round_trip, now);
        }
    }

    fn handle_feedback(&mut self, feedback: &TransportFeedback, now: Instant) {
        if feedback.packets.is_empty() {
            return;
        }
        if !self.has_feedback {
            self.has_feedback = true;
            self.rate = self.fallback.estimate().bps() as f64;
        }
        self.fallback.forget_most(now);
        let passed = self.reported.replace(now).map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        let lost = self.take(feedback, now);
        let Some(standing) = self.seen.queue.standing() else { return };
        if self.competition.is_on() {
            return self.on_competition(lost, passed, now);
        }
        let queue = self.tolerance.judge(standing, passed, now);
        if queue == Queue::TooLong {
            self.on_overuse(standing, now);
            return;
        }
        if let Some(fraction) = self.lost.losses.fraction() {
            self.lost.share += (fraction - self.lost.share) * SMOOTHING;
        }
        self.on_losses(now);
        if queue == Queue::Calm {
            self.on_calm(passed, now);
        }
    }

    fn handle_max_bitrate(&mut self, most: Bitrate, now: Instant) {
        self.fallback.handle_max_bitrate(most, now);
    }

    fn handle_new_route(&mut self, now: Instant) {
        *self = Self { since: Some(now), ..Self::new() };
    }

    fn handle_new_connection(&mut self) {
        if let Some(drain) = self.drain.take() {
            self.set_rate(drain.bears() * USED);
        }
        // The new one may have agreed on no reports.
        if self.has_feedback {
            self.fallback.begin_at(Bitrate::from_bps(self.rate as u64));
        }
        self.has_feedback = false;
        self.seen.queue = QueueDelay::default();
        self.seen.arrivals = Arrivals::default();
        self.seen.trains.forget();
    }

    fn handle_part(&mut self, part: f64) {
        if let Some(drain) = &mut self.drain {
            drain.scale(part);
        }
        self.tolerance.handle_part(part);
        self.set_rate(self.rate * part);
    }

    fn begin_at_most(&mut self, most: Bitrate) {
        self.fallback.begin_at(self.fallback.estimate().min(most));
        self.set_rate(self.rate.min(most.bps() as f64));
    }

    fn is_capped(&self) -> bool {
        let rate = Bitrate::from_bps(self.rate as u64);
        if self.has_feedback { self.fallback.at_most(rate) < rate } else { self.fallback.is_capped() }
    }

    fn sent(&self) -> Option<Bitrate> {
        self.seen.sendings.rate()
    }

    fn estimate(&self) -> Bitrate {
        if !self.has_feedback {
            return self.fallback.estimate();
        }
        self.fallback.at_most(Bitrate::from_bps(self.rate as u64))
    }

    fn pacing(&self) -> Pacing {
        if !self.has_feedback {
            return self.fallback.pacing();
        }
        let rate = self.estimate();
        let least = rate.scaled(PROBE);
        let paced = match self.seen.capacity {
            // In the middle of a drain what the trains said of before is wrong.
            _ if self.drain.is_some() => least,
            Some(Capacity::About(about)) => about.scaled(PROBE).clamp(least, rate.scaled(HEADROOM)),
            Some(Capacity::AtLeast(_)) | None => rate.scaled(HEADROOM),
        };
        let unreported = match &self.drain {
            Some(_) => UNREPORTED_IN_DRAIN,
            None if self.lost.share > LOSSY => UNREPORTED_IN_LOSS,
            None => UNREPORTED,
        };
        let time = self.round_trip.unwrap_or(ROUND_TRIP) + unreported;
        Pacing { rate: paced, window: (rate.bytes_in(time) as u64).max(LEAST_WINDOW) }
    }

    fn random_loss(&self) -> f64 {
        // What a queue drops that others fill is no chance, and repair of it would only fill it further.
        if self.competition.is_on() { 0.0 } else { self.lost.share }
    }

    fn frame_loss(&self) -> f64 {
        self.lost.frames.share()
    }

    fn queue(&self) -> Option<Duration> {
        if self.has_feedback { self.seen.queue.standing() } else { None }
    }
}

#[cfg(test)]
#[path = "feedback_tests.rs"]
mod tests;
