//! Stops media that does harm, or that reaches nobody (RTP circuit breakers, RFC 8083).
//!
//! The estimate of a path is what keeps a call from hurting others; this looks at the outcome, whatever the estimate
//! says, and is the last resort where that is wrong. Two things open the circuit (section 4: RTCP timeout, media
//! timeout): reports that came and come no more while we send and the path answers its checks; and reports in which
//! nothing new has arrived, of any stream and for some seconds. Then nothing is sent, and it is tried again after a
//! while, each time later. Ten times as much as a TCP would send through the same losses and round trip (congestion)
//! takes the pictures away, which are nine parts of ten, until that is over.
//!
//! Not as in the RFC: sound is never stopped for congestion. Its hundred small packets a second are soon more than ten
//! times a TCP with such packets (at 300 ms from 17 % on), and it is understood there, by its repair. So a segment is a
//! packet of pictures here, whatever is sent. And who never reported is not waited for: some peers do not, and the
//! consent of ICE (RFC 7675) tells of those that are gone. Owner of: what was sent and reported of late.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hearth_base::{Bitrate, TrackId};

/// Reports in a row of which none says that something new came, and how long they have to be apart: browsers send one
/// with each packet that they ask for, and a path that stops for a moment is not broken.
const STUCK: u32 = 3;
const STUCK_FOR: Duration = Duration::from_secs(3);
/// A report that is so far behind was not overtaken.
const OVERTAKEN: u32 = 1000;
/// While we send and the path answers, a report should come in so long: browsers make one of sound each five seconds,
/// and three may be lost.
const SILENCE: Duration = Duration::from_secs(15);
/// Between two answers of a path that answers: it is asked twice a second, and some get lost.
const ANSWERS: Duration = Duration::from_secs(3);
/// How long losses are looked at together: three reports of one a second, and longer on a long path.
const SHORTEST_LOOK: Duration = Duration::from_secs(3);
const LONGEST_LOOK: Duration = Duration::from_secs(15);
const ROUND_TRIPS: u32 = 10;
/// How many times more than a TCP.
const UNFAIR: f64 = 10.0;
/// Bytes of what a TCP would send at a time: a packet of pictures.
const SEGMENT: f64 = 1000.0;
/// What is sent at most, of that: the breaker is for what goes wrong, and is not to be met in a call that goes well.
const BELOW: f64 = 0.8;
/// Pauses until it is tried again, each twice as long as the last, and forgotten once it went well for as long and
/// [`SILENCE`]. The first is short: most paths that swallow everything for three seconds were only away.
const FIRST_PAUSE: Duration = Duration::from_secs(3);
const LONGEST_PAUSE: Duration = Duration::from_secs(120);
/// Round trip where none was measured.
const ROUND_TRIP: Duration = Duration::from_millis(100);

/// What may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Circuit {
    /// Nothing.
    Open,
    /// Sound.
    Reduced,
    /// Everything.
    Closed,
}

/// What one report says of a stream of ours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct StreamReport {
    /// Share lost since the report before, 0 to 1.
    pub(crate) fraction: f64,
    /// The highest number that came, with how often the numbers began again.
    pub(crate) highest: u32,
}

/// What one stream did.
#[derive(Clone, Copy, Debug, Default)]
struct Stream {
    /// As was reported last.
    highest: Option<u32>,
    /// Packets since then.
    sent: u64,
}

/// Reports without anything new, though something was sent.
#[derive(Clone, Copy, Debug)]
struct Stuck {
    since: Instant,
    reports: u32,
}

/// What was sent and lost since `since`.
#[derive(Clone, Copy, Debug)]
struct Look {
    since: Instant,
    bytes: u64,
    packets: u64,
    /// Packets that were reported, and those of them that were lost.
    reported: f64,
    lost: f64,
}

impl Look {
    fn new(now: Instant) -> Self {
        Self { since: now, bytes: 0, packets: 0, reported: 0.0, lost: 0.0 }
    }

    /// Ten times what a TCP would send, bits a second (section 4.3, the simple equation); `None` without losses.
    fn unfair(&self, round_trip: Duration) -> Option<f64> {
        let loss = (self.lost / self.reported.max(1.0)).clamp(0.0, 1.0);
        let time = round_trip.as_secs_f64().max(0.001) * (2.0 * loss / 3.0).sqrt();
        (time > 0.0).then(|| UNFAIR * SEGMENT * 8.0 / time)
    }

    fn rate(&self, now: Instant) -> f64 {
        self.bytes as f64 * 8.0 / now.saturating_duration_since(self.since).as_secs_f64().max(0.001)
    }
}

/// Decides.
#[derive(Debug, Default)]
pub(crate) struct CircuitBreaker {
    streams: BTreeMap<TrackId, Stream>,
    stuck: Option<Stuck>,
    /// Whether anything was ever reported; and whether something was sent after what was reported last.
    has_heard: bool,
    is_unheard: bool,
    /// Since when the path answers though nothing is reported, and when it did last.
    answering: Option<(Instant, Instant)>,
    look: Option<Look>,
    round_trip: Option<Duration>,
    /// What a TCP would send times ten, as of the last look.
    unfair: Option<f64>,
    is_reduced: bool,
    /// As it was told last.
    told: Option<Circuit>,
    /// Until when nothing is sent.
    open_until: Option<Instant>,
    /// How long it was open last, and when it was closed.
    pause: Option<(Duration, Instant)>,
}

impl CircuitBreaker {
    /// What may be sent now.
    pub(crate) fn circuit(&self) -> Circuit {
        match (self.open_until, self.is_reduced) {
            (Some(_), _) => Circuit::Open,
            (None, true) => Circuit::Reduced,
            (None, false) => Circuit::Closed,
        }
    }

    /// What of an estimate is used.
    pub(crate) fn limit(&self, estimate: Bitrate) -> Bitrate {
        self.unfair.map_or(estimate, |unfair| estimate.min(Bitrate::from_bps((unfair * BELOW) as u64)))
    }

    /// A packet of a track has left.
    pub(crate) fn handle_sent(&mut self, track: TrackId, bytes: usize, now: Instant) {
        self.streams.entry(track).or_default().sent += 1;
        self.is_unheard = true;
        let look = self.look.get_or_insert(Look::new(now));
        look.bytes += bytes as u64;
        look.packets += 1;
    }

    /// A check of the path came back after so long.
    pub(crate) fn handle_round_trip(&mut self, round_trip: Duration, now: Instant) {
        let old = self.round_trip.unwrap_or(round_trip);
        self.round_trip = Some((old * 7 + round_trip) / 8);
        if self.is_unheard {
            let since = self.answering.filter(|(_, last)| now.saturating_duration_since(*last) < ANSWERS);
            self.answering = Some((since.map_or(now, |(since, _)| since), now));
        }
    }

    /// They said something of what comes, in whatever way.
    pub(crate) fn handle_heard(&mut self) {
        (self.has_heard, self.is_unheard, self.answering) = (true, false, None);
    }

    /// They reported a stream.
    pub(crate) fn handle_report(&mut self, track: TrackId, report: StreamReport, now: Instant) {
        self.handle_heard();
        let stream = self.streams.entry(track).or_default();
        let new = stream.highest.map_or(0, |highest| report.highest.wrapping_sub(highest));
        if new > u32::MAX / 2 {
            // A report that was overtaken; or their counting began again, far below.
            if new < u32::MAX - OVERTAKEN {
                *stream = Stream { highest: Some(report.highest), sent: 0 };
                self.stuck = None;
            }
            return;
        }
        let is_stuck = stream.highest.is_some() && new == 0 && stream.sent > 0;
        *stream = Stream { highest: Some(report.highest), sent: 0 };
        if new > 0 {
            self.stuck = None;
        } else if is_stuck {
            let stuck = self.stuck.get_or_insert(Stuck { since: now, reports: 0 });
            stuck.reports += 1;
        }
        if let Some(look) = &mut self.look {
            // What jumps by more than was sent is nonsense, and weighs no more than that.
            let reported = f64::from(new).min(look.packets as f64);
            look.reported += reported;
            look.lost += reported * report.fraction.clamp(0.0, 1.0);
        }
        let patience = STUCK_FOR.max(self.round_trip.unwrap_or(ROUND_TRIP) * ROUND_TRIPS);
        let is_over = |stuck: &Stuck| stuck.reports > STUCK && now.saturating_duration_since(stuck.since) >= patience;
        if self.stuck.as_ref().is_some_and(is_over) {
            self.open(now, "nothing of what is sent arrives");
        }
    }

    /// Looks at what has come of it, with each round trip at least. Whether something else may be sent from now on.
    pub(crate) fn poll(&mut self, now: Instant) -> bool {
        if self.open_until.is_some_and(|until| until <= now) {
            tracing::info!("media is tried again");
            self.close(now);
        }
        let is_silent = self.answering.is_some_and(|(since, last)| last.saturating_duration_since(since) > SILENCE);
        if self.has_heard && is_silent {
            self.open(now, "no report came for so long");
        }
        self.look_at_losses(now);
        let circuit = self.circuit();
        self.told.replace(circuit).unwrap_or(Circuit::Closed) != circuit
    }

    fn look_at_losses(&mut self, now: Instant) {
        let round_trip = self.round_trip.unwrap_or(ROUND_TRIP);
        let length = (round_trip * ROUND_TRIPS).clamp(SHORTEST_LOOK, LONGEST_LOOK);
        let Some(look) = self.look.filter(|look| now.saturating_duration_since(look.since) >= length) else { return };
        self.look = Some(Look::new(now));
        if look.packets == 0 {
            self.is_reduced = false; // without sound beside them nothing is sent, which is fair; the limit stays
            return;
        }
        if look.reported < 1.0 {
            return; // nothing is known of what was sent
        }
        self.unfair = look.unfair(round_trip);
        let was_reduced = self.is_reduced;
        // Sound alone is fair at once, and pictures come back below the limit.
        self.is_reduced = self.unfair.is_some_and(|unfair| look.rate(now) > unfair);
        if self.is_reduced && !was_reduced {
            tracing::info!(rate = look.rate(now) as u64, "sound alone goes: ten times more than a TCP would send");
        }
    }

    fn open(&mut self, now: Instant, why: &str) {
        if self.open_until.is_some() {
            return;
        }
        let again = self.pause.filter(|(pause, closed)| now.saturating_duration_since(*closed) < *pause + SILENCE);
        let pause = again.map_or(FIRST_PAUSE, |(pause, _)| (pause * 2).min(LONGEST_PAUSE));
        tracing::warn!(why, ?pause, "media to one participant has stopped");
        self.pause = Some((pause, now + pause));
        self.open_until = Some(now + pause);
    }

    fn close(&mut self, now: Instant) {
        let Self { has_heard, round_trip, unfair, pause, told, .. } = *self;
        let pause = pause.map(|(pause, _)| (pause, now));
        *self = Self { has_heard, round_trip, unfair, pause, told, ..Self::default() };
    }
}

#[cfg(test)]
#[path = "circuit_breaker_tests.rs"]
mod tests;
