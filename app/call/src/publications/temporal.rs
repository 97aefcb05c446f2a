//! In how many temporal layers something is encoded: in two, where the slowest of the links that get it bears much less
//! than the others. That link is thinned then: it goes without every other picture.
//!
//! Two cost quality at the same rate, and who is thinned sees half of the motion (`app/FIGURES.md`, "A second temporal
//! layer"). So one link is thinned where at least two gain, and gain more than it costs. Owner of: which link is
//! thinned for one encoding, and since when it should be otherwise.

use std::time::{Duration, Instant};

use hearth_base::{Bitrate, TemporalLayers};

use crate::sockets::TransportId;

/// What the lower layer takes of the rate of both: VP8 holds the 0.6 that it is told, openh264 cannot be told, and
/// takes 0.61 to 0.69 of film clips.
const LOWER: f64 = 0.65;
/// So many times the rate is worth it for the others.
const WORTH: f64 = 1.5;
/// And so many times is still worth it. A link that is thinned sends less than it bears, which shows no more than 0.8
/// of what the others get: where it shows that, it is tried whether it bears all.
const STILL_WORTH: f64 = 1.3;
/// How long it is worth it before a link is thinned: links that have just begun, or that find their shares, are not
/// slow.
const AFTER: Duration = Duration::from_secs(10);
/// How long it is not, before it is thinned no more; twice as long where that went wrong the last time.
const FIRST_TRIAL: Duration = Duration::from_secs(5);
const LAST_TRIAL: Duration = Duration::from_secs(120);
/// What lasted so long has not gone wrong.
const LASTED: Duration = Duration::from_secs(60);
/// So few links are not enough: one would gain for one that loses.
const TOO_FEW: usize = 2;

/// Decides for one encoding.
#[derive(Clone, Copy, Debug)]
pub(super) struct TemporalChoice {
    thinned: Option<TransportId>,
    /// Since when it should be otherwise.
    other_since: Option<Instant>,
    trial_after: Duration,
    /// When a link was thinned no more.
    returned: Option<Instant>,
}

impl Default for TemporalChoice {
    fn default() -> Self {
        Self { thinned: None, other_since: None, trial_after: FIRST_TRIAL, returned: None }
    }
}

impl TemporalChoice {
    /// The number of layers.
    pub(super) fn layers(&self) -> TemporalLayers {
        if self.thinned.is_some() { TemporalLayers::Two } else { TemporalLayers::One }
    }

    /// Whether a link goes without the upper layer.
    pub(super) fn is_thinned(&self, link: TransportId) -> bool {
        self.thinned == Some(link)
    }

    /// Nobody gets it for now: what was so for a while begins again.
    pub(super) fn pause(&mut self) {
        self.other_since = None;
    }

    /// The rate to encode at, where these links get it and bear so much; nothing where there is none.
    pub(super) fn choose(&mut self, links: &[(TransportId, Bitrate)], now: Instant) -> Option<Bitrate> {
        if self.thinned.is_some_and(|thinned| !links.iter().any(|(link, _)| *link == thinned)) {
            self.set_thinned(None, now);
        }
        let (slowest, slow) = *match self.thinned {
            Some(thinned) => links.iter().find(|(link, _)| *link == thinned),
            None => links.iter().min_by_key(|(_, rate)| *rate),
        }?;
        let others = links.iter().filter(|(link, _)| *link != slowest).map(|(_, rate)| *rate).min();
        let least = others.map_or(slow, |others| others.min(slow));
        let both = others.map_or(slow, |others| others.min(slow.scaled(1.0 / LOWER)));
        let (is_other, after) = if self.thinned.is_some() {
            (both < slow.scaled(STILL_WORTH), self.trial_after)
        } else {
            (both >= slow.scaled(WORTH) && links.len() > TOO_FEW, AFTER)
        };
        if !is_other {
            self.other_since = None;
        } else if now.saturating_duration_since(*self.other_since.get_or_insert(now)) >= after {
            self.set_thinned(self.thinned.is_none().then_some(slowest), now);
        }
        Some(if self.thinned.is_some() { both } else { least })
    }

    fn set_thinned(&mut self, thinned: Option<TransportId>, now: Instant) {
        if thinned.is_none() {
            self.returned = Some(now);
        } else {
            let is_lasting = self.returned.is_none_or(|since| now.saturating_duration_since(since) >= LASTED);
            self.trial_after = if is_lasting { FIRST_TRIAL } else { (self.trial_after * 2).min(LAST_TRIAL) };
        }
        (self.thinned, self.other_since) = (thinned, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Option<u32> = None;

    /// The link that is thinned and the rate after so many seconds of these.
    fn after(choice: &mut TemporalChoice, rates: &[u64], seconds: u64, now: &mut Instant) -> (Option<u32>, u64) {
        let links = (0..).map(TransportId).zip(rates.iter().copied().map(Bitrate::from_kbps)).collect::<Vec<_>>();
        let mut rate = None;
        for _ in 0..=seconds * 10 {
            rate = choice.choose(&links, *now);
            *now += Duration::from_millis(100);
        }
        (choice.thinned.map(|TransportId(link)| link), rate.map_or(0, |rate| rate.bps() / 1000))
    }

    #[test]
    fn one_slow_link_is_thinned_where_two_others_gain() {
        for (rates, expected) in [
            (&[2000][..], (ALL, 2000)),
            (&[2000, 600], (ALL, 600)),
            (&[2000, 600, 2000], (Some(1), 923)),
            (&[600, 800, 2000], (ALL, 600)),
            (&[600, 910, 2000], (Some(0), 910)),
            (&[600, 600, 2000, 2000, 2000, 2000], (ALL, 600)),
            (&[], (ALL, 0)),
        ] {
            assert_eq!(after(&mut TemporalChoice::default(), rates, 11, &mut Instant::now()), expected, "{rates:?}");
        }
    }

    #[test]
    fn what_passes_changes_nothing_and_it_goes_back_when_it_is_not_worth_it() {
        let (mut now, mut choice) = (Instant::now(), TemporalChoice::default());
        assert_eq!(after(&mut choice, &[600, 2000, 2000], 9, &mut now), (ALL, 600));
        assert_eq!(after(&mut choice, &[1900, 2000, 2000], 1, &mut now), (ALL, 1900));
        assert_eq!(after(&mut choice, &[600, 2000, 2000], 9, &mut now), (ALL, 600));
        choice.pause();
        assert_eq!(after(&mut choice, &[600, 2000, 2000], 9, &mut now), (ALL, 600), "nobody got it in between");
        assert_eq!(after(&mut choice, &[600, 2000, 2000], 2, &mut now), (Some(0), 923));
        assert_eq!(after(&mut choice, &[600, 800, 2000], 20, &mut now), (Some(0), 800));
        assert_eq!(after(&mut choice, &[600, 400, 2000], 4, &mut now), (Some(0), 400), "another one is slower");
        assert_eq!(after(&mut choice, &[600, 2000, 2000], 1, &mut now), (Some(0), 923));
        assert_eq!(after(&mut choice, &[1600, 2000, 2000], 4, &mut now), (Some(0), 2000));
        assert_eq!(after(&mut choice, &[1600, 2000, 2000], 2, &mut now), (ALL, 1600));
        after(&mut choice, &[600, 2000, 2000], 11, &mut now);
        assert_eq!(after(&mut choice, &[2000, 2000], 0, &mut now), (Some(0), 2000));
        assert_eq!(choice.choose(&[(TransportId(1), Bitrate::from_kbps(2000))], now), Some(Bitrate::from_kbps(2000)));
        assert_eq!(choice.layers(), TemporalLayers::One, "who was thinned is gone");
    }

    #[test]
    fn a_link_that_shows_more_than_it_bears_while_it_is_thinned_is_tried_ever_less_often() {
        let (start, mut choice) = (Instant::now(), TemporalChoice::default());
        let (mut now, mut trials) = (start, Vec::new());
        while now < start + Duration::from_secs(600) {
            // It bears 1600 of 2500.
            let is_thinned = choice.layers() == TemporalLayers::Two;
            let shown = Bitrate::from_kbps(if is_thinned { 2000 } else { 1600 });
            let others = Bitrate::from_kbps(2500);
            choice.choose(&[(TransportId(0), shown), (TransportId(1), others), (TransportId(2), others)], now);
            if is_thinned && choice.layers() == TemporalLayers::One {
                trials.push((now - start).as_secs());
            }
            now += Duration::from_millis(100);
        }
        let pauses: Vec<_> = trials.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!((trials[0], &pauses[..4]), (15, &[20, 30, 50, 90][..]));
        assert!(pauses.len() == 7 && pauses[4..].iter().all(|pause| (130..=131).contains(pause)), "{pauses:?}");
    }
}
