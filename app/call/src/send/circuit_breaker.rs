//! Stops media that does harm, or that reaches nobody (RTP circuit breakers, RFC 8083).
//!
//! The estimate of a path is what keeps a call from hurting others; this looks at the outcome, whatever the estimate
//! says, and is the last resort where that is wrong. Three things open the circuit: reports that came and come no more
//! while we send (section 4.2); reports in which nothing new has arrived for three times (section 4.1, here by the
//! numbers that they name); and ten times as much as a TCP would send through the same losses and round trip (section
//! 4.3). The last one first takes the pictures away, which are nine parts of ten, and everything if that is not enough.
//! It is tried again after a while, each time later. Who never reported is not waited for: some peers do not, and the
//! consent of ICE (RFC 7675) tells of those that are gone. Owner of: what was sent and reported of late.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hearth_base::{Bitrate, TrackId};

/// Reports in a row of which none says that something new came (section 4.1: three intervals).
const STUCK: u32 = 3;
/// While we send, a report should come in so long: browsers make one of sound each five seconds, and three may be lost.
const SILENCE: Duration = Duration::from_secs(15);
/// How long losses are looked at together: three reports of one a second, and longer on a long path (section 4.3 has
/// ten round trips for this, up to the fifteen seconds of three intervals of RTCP).
const SHORTEST_LOOK: Duration = Duration::from_secs(3);
const LONGEST_LOOK: Duration = Duration::from_secs(15);
const ROUND_TRIPS: u32 = 10;
/// How many times more than a TCP (section 4.3).
const UNFAIR: f64 = 10.0;
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
    /// Reports in a row without anything new, though something was sent.
    stuck: u32,
}

/// What was sent and lost since `since`.
#[derive(Clone, Copy, Debug)]
struct Look {
    since: Instant,
    bytes: u64,
    packets: u64,
    /// Of the sizes of all packets, their squares.
    squares: u64,
    /// Packets that were reported, and those of them that were lost.
    reported: f64,
    lost: f64,
}

impl Look {
    fn new(now: Instant) -> Self {
        Self { since: now, bytes: 0, packets: 0, squares: 0, reported: 0.0, lost: 0.0 }
    }

    /// Ten times what a TCP would send, bits a second (section 4.3, the simple equation); `None` without losses.
    fn unfair(&self, round_trip: Duration) -> Option<f64> {
        let loss = (self.lost / self.reported.max(1.0)).clamp(0.0, 1.0);
        // Of the packets that most bytes are in: those of sound are small, and the section looks at each stream alone.
        let size = self.squares as f64 / self.bytes.max(1) as f64;
        let time = round_trip.as_secs_f64().max(0.001) * (2.0 * loss / 3.0).sqrt();
        (time > 0.0).then(|| UNFAIR * size * 8.0 / time)
    }

    fn rate(&self, now: Instant) -> f64 {
        self.bytes as f64 * 8.0 / now.saturating_duration_since(self.since).as_secs_f64().max(0.001)
    }
}

/// Decides.
#[derive(Debug, Default)]
pub(crate) struct CircuitBreaker {
    streams: BTreeMap<TrackId, Stream>,
    /// When anything was reported last; nothing before the first report.
    heard: Option<Instant>,
    /// The first packet that was sent after that.
    unheard: Option<Instant>,
    look: Option<Look>,
    round_trip: Option<Duration>,
    /// What a TCP would send times ten, as of the last look.
    unfair: Option<f64>,
    is_reduced: bool,
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
        self.unheard.get_or_insert(now);
        let look = self.look.get_or_insert(Look::new(now));
        look.bytes += bytes as u64;
        look.packets += 1;
        look.squares += (bytes as u64).pow(2);
    }

    /// A round trip was measured.
    pub(crate) fn handle_round_trip(&mut self, round_trip: Duration) {
        let old = self.round_trip.unwrap_or(round_trip);
        self.round_trip = Some((old * 7 + round_trip) / 8);
    }

    /// They said what came, in whatever way.
    pub(crate) fn handle_heard(&mut self, now: Instant) {
        (self.heard, self.unheard) = (Some(now), None);
    }

    /// They reported a stream.
    pub(crate) fn handle_report(&mut self, track: TrackId, report: StreamReport, now: Instant) {
        self.handle_heard(now);
        let stream = self.streams.entry(track).or_default();
        let new = stream.highest.map_or(0, |highest| report.highest.wrapping_sub(highest));
        let is_stuck = stream.highest.is_some() && new == 0 && stream.sent > 0;
        *stream = Stream { highest: Some(report.highest), sent: 0, stuck: if is_stuck { stream.stuck + 1 } else { 0 } };
        if let Some(look) = &mut self.look {
            // What jumps by half of all numbers is nonsense, and weighs no more than what was sent.
            let reported = f64::from(new).min(look.packets as f64);
            look.reported += reported;
            look.lost += reported * report.fraction.clamp(0.0, 1.0);
        }
        if self.streams.values().any(|stream| stream.stuck >= STUCK) {
            self.open(now, "nothing of what is sent arrives");
        }
    }

    /// Looks at what has come of it, with each round trip at least. Whether something else may be sent from now on.
    pub(crate) fn poll(&mut self, now: Instant) -> bool {
        let before = self.circuit();
        if self.open_until.is_some_and(|until| until <= now) {
            tracing::info!("media is tried again");
            self.close(now);
        }
        let is_silent = self.unheard.is_some_and(|since| now.saturating_duration_since(since) > SILENCE);
        if self.heard.is_some() && is_silent && self.open_until.is_none() {
            self.open(now, "no report came for so long");
        }
        self.look_at_losses(now);
        self.circuit() != before
    }

    fn look_at_losses(&mut self, now: Instant) {
        let round_trip = self.round_trip.unwrap_or(ROUND_TRIP);
        let length = (round_trip * ROUND_TRIPS).clamp(SHORTEST_LOOK, LONGEST_LOOK);
        let Some(look) = self.look.filter(|look| now.saturating_duration_since(look.since) >= length) else { return };
        self.look = Some(Look::new(now));
        if look.reported < 1.0 {
            return; // nothing is known of what was sent
        }
        self.unfair = look.unfair(round_trip);
        let is_unfair = self.unfair.is_some_and(|unfair| look.rate(now) > unfair);
        match (is_unfair, self.is_reduced) {
            (true, true) => self.open(now, "sound alone is too much for it"),
            (true, false) => {
                tracing::info!(rate = look.rate(now) as u64, "sound alone goes: ten times more than a TCP would send");
                self.is_reduced = true;
            }
            (false, true) => {
                self.is_reduced = self.unfair.is_some_and(|unfair| unfair < look.rate(now) * UNFAIR);
            }
            (false, false) => {}
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
        let Self { heard, round_trip, pause, .. } = *self;
        *self = Self { heard, round_trip, pause: pause.map(|(pause, _)| (pause, now)), ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIDEO: TrackId = TrackId(1);

    struct Path {
        breaker: CircuitBreaker,
        now: Instant,
        highest: u32,
    }

    impl Path {
        fn new(round_trip: u64) -> Self {
            let mut breaker = CircuitBreaker::default();
            breaker.handle_round_trip(Duration::from_millis(round_trip));
            Self { breaker, now: Instant::now(), highest: 0 }
        }

        /// Seconds at `kbps`, of which a share is lost, reported each second. What may be sent after each.
        fn run(&mut self, kbps: u32, lost: f64, seconds: u32) -> Vec<Circuit> {
            let second = |path: &mut Self| {
                let packets = kbps * 1000 / 8 / 1000;
                (0..packets).for_each(|_| path.breaker.handle_sent(VIDEO, 1000, path.now));
                path.now += Duration::from_secs(1);
                path.highest += packets;
                let report = StreamReport { fraction: lost, highest: path.highest };
                path.breaker.handle_report(VIDEO, report, path.now);
                path.breaker.poll(path.now);
                path.breaker.circuit()
            };
            (0..seconds).map(|_| second(self)).collect()
        }
    }

    #[test]
    fn ten_times_a_tcp_takes_pictures_and_then_everything() {
        // At 20 % and 200 ms a TCP sends 110 kbps of such packets.
        let mut path = Path::new(200);
        assert_eq!(path.run(800, 0.2, 20), [Circuit::Closed; 20], "seven times");
        assert_eq!(path.breaker.limit(Bitrate::from_kbps(4000)).bps() / 1000, 876);
        assert_eq!(path.breaker.limit(Bitrate::from_kbps(500)).bps() / 1000, 500);
        let after = path.run(1500, 0.2, 4);
        assert_eq!(after.last(), Some(&Circuit::Reduced), "{after:?}");
        assert_eq!(path.run(40, 0.2, 4).last(), Some(&Circuit::Closed), "a fair part by far");

        let mut path = Path::new(200);
        path.run(1500, 0.2, 4);
        assert_eq!(path.run(1500, 0.2, 4).last(), Some(&Circuit::Open), "it goes on as before");
        let open = path.run(0, 0.0, 20).into_iter().filter(|circuit| *circuit == Circuit::Open).count();
        assert!(open <= 3, "tried again after three seconds, of which {open} were left");
        assert_eq!(path.run(500, 0.0, 5), [Circuit::Closed; 5]);
    }

    #[test]
    fn a_path_without_losses_bears_whatever_it_bears() {
        let mut path = Path::new(2_000);
        assert_eq!(path.run(20_000, 0.0, 30), [Circuit::Closed; 30]);
        assert_eq!(path.breaker.limit(Bitrate::from_kbps(4000)).bps() / 1000, 4000);
        let mut path = Path::new(50);
        assert_eq!(path.run(2_600, 0.3, 60), [Circuit::Closed; 60], "much is lost, on a short path");
    }

    #[test]
    fn what_never_arrives_is_not_sent_on_and_tried_ever_less_often() {
        let (mut path, mut opened) = (Path::new(50), Vec::new());
        path.run(500, 0.0, 5);
        let begin = path.now;
        let stuck = StreamReport { fraction: 0.0, highest: path.highest };
        for _ in 0..400 {
            let before = path.breaker.circuit();
            if before != Circuit::Open {
                path.breaker.handle_sent(VIDEO, 1000, path.now);
            }
            path.now += Duration::from_secs(1);
            path.breaker.handle_report(VIDEO, stuck, path.now);
            path.breaker.poll(path.now);
            if before != Circuit::Open && path.breaker.circuit() == Circuit::Open {
                opened.push((path.now - begin).as_secs());
            }
        }
        assert_eq!(opened, [3, 10, 20, 36, 64, 116, 216, 340]);
        // A report of a stream of which nothing was sent says nothing.
        let mut idle = Path::new(50);
        idle.run(500, 0.0, 2);
        assert_eq!(idle.run(0, 0.0, 30), [Circuit::Closed; 30]);
    }

    #[test]
    fn who_reported_and_does_no_more_is_sent_nothing_and_who_never_did_is() {
        let mut path = Path::new(50);
        path.run(500, 0.0, 2);
        let mut never = Path::new(50);
        let mut opened = None;
        for second in 0..40 {
            for one in [&mut path, &mut never] {
                if one.breaker.circuit() != Circuit::Open {
                    one.breaker.handle_sent(VIDEO, 1000, one.now);
                }
                one.now += Duration::from_secs(1);
            }
            if path.breaker.poll(path.now) && path.breaker.circuit() == Circuit::Open {
                opened.get_or_insert(second);
            }
            assert!(!never.breaker.poll(never.now), "second {second}");
        }
        assert_eq!(opened, Some(15));
        path.breaker.handle_heard(path.now);
        path.now += LONGEST_PAUSE;
        path.breaker.poll(path.now);
        assert_eq!(path.run(500, 0.0, 60), [Circuit::Closed; 60], "it is heard again");
    }
}
