//! What is sent where a link bears no moving picture: a still now and then, or sound alone.
//!
//! A picture that stutters tells less than a still that is sharp, and takes from sound what sound needs. Both sides are
//! told. Going down waits for a moment, for a fall may be short, and going up for longer, or it would go up and down.
//! What is hardly used shows no room, and beside somebody who takes all that is left it never would: so a step up is
//! tried now and then. Owner of: how pictures go to one participant.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use hearth_base::{Bitrate, TrackId};

/// How pictures go to somebody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum PictureFlow {
    /// Not at all, nor sound: what is sent does harm, or reaches nobody. It is tried again after a while.
    Silence,
    /// Not at all: sound alone.
    Nothing,
    /// One every two seconds.
    Stills,
    /// As they are.
    #[default]
    Moving,
}

/// Less is no moving picture of 180 lines, and no still in two seconds.
const LEAST_MOVING: Bitrate = Bitrate::from_kbps(45);
const LEAST_STILLS: Bitrate = Bitrate::from_kbps(12);
/// What is needed to go up again.
const ENOUGH_MOVING: Bitrate = Bitrate::from_kbps(80);
const ENOUGH_STILLS: Bitrate = Bitrate::from_kbps(24);
/// How long it has to be so.
const DOWN_AFTER: Duration = Duration::from_secs(3);
const UP_AFTER: Duration = Duration::from_secs(6);
/// Between two stills, at least: one that is large takes as long as it takes.
const PAUSE: Duration = Duration::from_secs(2);
/// What an encoder of stills is told: a picture of 180 lines is sharp by it.
pub(crate) const STILL_RATE: Bitrate = Bitrate::from_kbps(100);

/// What moving pictures that are tried take at least, whatever is estimated; how long they are, and the queue that ends
/// it, for sound waits in it as well.
pub(crate) const TRIAL_RATE: Bitrate = Bitrate::from_kbps(60);
const TRIAL_TIME: Duration = Duration::from_secs(8);
const TRIAL_ENDS: Duration = Duration::from_millis(100);
/// They are not tried while so much waits.
const TRIAL_BEGINS: Duration = Duration::from_millis(20);
/// Between two trials of stills where sound alone goes, or of moving pictures where stills go.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(120);
/// Moving pictures that went for so long were no trial.
const LASTED: Duration = Duration::from_secs(60);

/// Decides.
#[derive(Debug)]
pub(crate) struct Stills {
    flow: PictureFlow,
    /// Since when the link bears less, or more, than the flow needs.
    other_since: Option<(PictureFlow, Instant)>,
    /// When the next still should be asked for.
    due: Option<Instant>,
    /// Of these tracks one was asked for and has not come.
    asked: BTreeSet<TrackId>,
    /// Bytes of those that came since.
    came: usize,
    /// When the next step up is tried again, and how long after the next time that it does not go.
    trial: Option<Instant>,
    pause: Duration,
    /// Until when moving pictures are tried, and since when they go.
    trying: Option<Instant>,
    moving: Option<Instant>,
}

impl Default for Stills {
    fn default() -> Self {
        let flow = PictureFlow::default();
        Self {
            flow,
            other_since: None,
            due: None,
            asked: BTreeSet::new(),
            came: 0,
            trial: None,
            pause: FIRST_PAUSE,
            trying: None,
            moving: None,
        }
    }
}

impl Stills {
    pub(crate) fn flow(&self) -> PictureFlow {
        self.flow
    }

    /// Whether moving pictures are only tried.
    pub(crate) fn is_trying(&self) -> bool {
        self.trying.is_some()
    }

    /// The link bears so much beside sound, and packets wait so long on the way; nothing where moving pictures should
    /// not be tried. Whether pictures go otherwise from now on.
    pub(crate) fn handle_rate(&mut self, rate: Bitrate, queue: Option<Duration>, now: Instant) -> bool {
        if let Some(until) = self.trying {
            if queue.is_none_or(|queue| queue > TRIAL_ENDS) {
                self.set_flow(PictureFlow::Stills, now);
                return true;
            }
            if now < until {
                return false;
            }
            self.trying = None;
        }
        let fitting = self.fitting(rate);
        if self.poll_trial(queue, now) {
            return true;
        }
        if fitting == self.flow {
            self.other_since = None;
            return false;
        }
        let (_, since) = *self.other_since.filter(|(other, _)| *other == fitting).get_or_insert((fitting, now));
        self.other_since = Some((fitting, since));
        let after = if fitting < self.flow { DOWN_AFTER } else { UP_AFTER };
        if now.saturating_duration_since(since) < after {
            return false;
        }
        self.set_flow(fitting, now);
        true
    }

    fn set_flow(&mut self, flow: PictureFlow, now: Instant) {
        // What went for so long was no trial: the next one need not wait for long.
        if self.moving.take().is_some_and(|since| now.saturating_duration_since(since) > LASTED) {
            self.pause = FIRST_PAUSE;
        }
        self.moving = (flow == PictureFlow::Moving).then_some(now);
        self.flow = flow;
        (self.other_since, self.trying) = (None, None);
        self.due = (flow == PictureFlow::Stills).then_some(now);
        self.trial = match flow {
            PictureFlow::Silence | PictureFlow::Nothing | PictureFlow::Stills => Some(now + self.pause),
            PictureFlow::Moving => None,
        };
    }

    /// There is nothing to try any more.
    pub(crate) fn end_trial(&mut self, now: Instant) {
        if self.trying.is_some() {
            self.set_flow(PictureFlow::Stills, now);
        }
    }

    /// A step up is tried, ever less often while it does not go.
    fn poll_trial(&mut self, queue: Option<Duration>, now: Instant) -> bool {
        if self.trial.is_none_or(|at| at > now) {
            return false;
        }
        let pause = (self.pause * 2).min(LONGEST_PAUSE);
        if self.flow != PictureFlow::Stills {
            self.pause = pause;
            self.set_flow(PictureFlow::Stills, now);
            return true;
        }
        let is_calm = queue.is_some_and(|queue| queue < TRIAL_BEGINS);
        if is_calm {
            self.set_flow(PictureFlow::Moving, now);
            (self.trying, self.pause) = (Some(now + TRIAL_TIME), pause);
        }
        is_calm
    }

    fn fitting(&self, rate: Bitrate) -> PictureFlow {
        let moving = if self.flow == PictureFlow::Moving { LEAST_MOVING } else { ENOUGH_MOVING };
        let stills = if self.flow == PictureFlow::Nothing { ENOUGH_STILLS } else { LEAST_STILLS };
        match rate {
            _ if rate >= moving => PictureFlow::Moving,
            _ if rate >= stills => PictureFlow::Stills,
            _ => PictureFlow::Nothing,
        }
    }

    /// Whether a still of each track should be asked for; asked again where none comes.
    pub(crate) fn poll_due(&mut self, tracks: impl Iterator<Item = TrackId>, now: Instant) -> bool {
        let is_due = self.due.is_some_and(|due| due <= now);
        if is_due {
            (self.due, self.asked, self.came) = (Some(now + PAUSE), tracks.collect(), 0);
        }
        is_due
    }

    /// Whether a picture of a track that stands alone goes, while nothing else does.
    pub(crate) fn takes_still(&self, track: TrackId) -> bool {
        self.asked.contains(&track)
    }

    /// A still of so many bytes goes, over what bears `rate`.
    pub(crate) fn handle_still(&mut self, track: TrackId, bytes: usize, rate: Bitrate, now: Instant) {
        self.asked.remove(&track);
        self.came += bytes;
        self.due = Some(now + PAUSE.max(rate.max(LEAST_STILLS).time_for(self.came)));
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(stills: &mut Stills, kbps: u64, seconds: u64, now: &mut Instant) -> PictureFlow {
        for _ in 0..seconds * 10 {
            *now += Duration::from_millis(100);
            stills.handle_rate(Bitrate::from_kbps(kbps), None, *now);
        }
        stills.flow()
    }

    #[test]
    fn pictures_go_down_after_a_moment_and_up_after_a_longer_one() {
        let (mut now, mut stills) = (Instant::now(), Stills::default());
        assert_eq!(after(&mut stills, 44, 2, &mut now), PictureFlow::Moving);
        assert_eq!(after(&mut stills, 60, 1, &mut now), PictureFlow::Moving);
        assert_eq!(after(&mut stills, 44, 2, &mut now), PictureFlow::Moving, "a fall that was short");
        assert_eq!(after(&mut stills, 44, 2, &mut now), PictureFlow::Stills);
        assert_eq!(after(&mut stills, 5, 4, &mut now), PictureFlow::Nothing);
        assert_eq!(after(&mut stills, 20, 9, &mut now), PictureFlow::Nothing, "to and fro otherwise");
        assert_eq!(after(&mut stills, 70, 7, &mut now), PictureFlow::Stills);
        assert_eq!(after(&mut stills, 79, 20, &mut now), PictureFlow::Stills);
        assert_eq!(after(&mut stills, 500, 5, &mut now), PictureFlow::Stills);
        assert_eq!(after(&mut stills, 500, 2, &mut now), PictureFlow::Moving);
        assert_eq!(stills.poll_timeout(), None);
    }

    #[test]
    fn stills_are_tried_ever_less_often() {
        let (start, mut stills) = (Instant::now(), Stills::default());
        let (mut now, mut trials) = (start, Vec::new());
        while trials.len() < 6 {
            now += Duration::from_millis(500);
            let before = stills.flow();
            if stills.handle_rate(Bitrate::from_kbps(5), None, now) && before == PictureFlow::Nothing {
                trials.push((now - start).as_secs());
            }
        }
        let pauses: Vec<_> = trials.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!((trials[0], pauses), (13, vec![24, 43, 84, 123, 124]));
    }

    #[test]
    fn moving_pictures_are_tried_while_stills_go_and_a_queue_ends_it() {
        const MS: Duration = Duration::from_millis(1);
        let start = Instant::now();
        let mut stills = Stills::default();
        let (mut now, mut trials) = (start, Vec::new());
        let mut run = |stills: &mut Stills, kbps, queue: Duration, seconds: u64, trials: &mut Vec<u64>| {
            for _ in 0..seconds * 10 {
                now += 100 * MS;
                let before = stills.is_trying();
                stills.handle_rate(Bitrate::from_kbps(kbps), Some(queue), now);
                if stills.is_trying() && !before {
                    trials.push((now - start).as_secs());
                }
            }
            stills.flow()
        };
        assert_eq!(run(&mut stills, 20, 25 * MS, 20, &mut trials), PictureFlow::Stills, "others fill the queue");
        assert_eq!((run(&mut stills, 20, 5 * MS, 1, &mut trials), stills.is_trying()), (PictureFlow::Moving, true));
        assert_eq!(run(&mut stills, 20, 101 * MS, 1, &mut trials), PictureFlow::Stills, "sound waits in it, too");
        run(&mut stills, 20, 5 * MS, 200, &mut trials);
        let pauses: Vec<_> = trials.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(pauses, [21, 51, 91], "after 20, 40 and 80 s, and what each takes");
        assert_eq!(run(&mut stills, 50, 5 * MS, 130, &mut trials), PictureFlow::Moving, "it showed room");
        assert!(!stills.is_trying());
    }

    #[test]
    fn stills_come_every_two_seconds_and_large_ones_less_often() {
        let (mut now, mut stills) = (Instant::now(), Stills::default());
        after(&mut stills, 20, 4, &mut now);
        let [camera, screen] = [0, 1].map(TrackId);
        let both = || [camera, screen].into_iter();
        assert!(!stills.takes_still(camera) && stills.poll_due(both(), now) && !stills.poll_due(both(), now));
        stills.handle_still(camera, 3_000, Bitrate::from_kbps(20), now);
        assert_eq!([camera, screen].map(|track| stills.takes_still(track)), [false, true], "each gets one");
        assert_eq!(stills.poll_timeout(), Some(now + PAUSE));
        stills.handle_still(screen, 17_000, Bitrate::from_kbps(20), now);
        assert_eq!(stills.poll_timeout(), Some(now + Duration::from_secs(8)), "as long as both take");
    }
}
