//! In how many temporal layers something is encoded: in two, where most of the links that get it bear much more than
//! the slowest, which goes without every other picture then.
//!
//! Two cost quality at the same rate, and who goes without sees half of the motion (`app/FIGURES.md`, "A second
//! temporal layer"). So they come only where at least two links gain for one that goes without, and gain more than it
//! costs. Owner of: the number for one encoding, and since when another one would be better.

use std::time::{Duration, Instant};

use hearth_base::{Bitrate, TemporalLayers};

/// What the lower layer takes of the rate of both: VP8 holds the 0.6 that it is told, openh264 cannot be told, and
/// takes 0.61 to 0.69 of film clips.
const BASE: f64 = 0.65;
/// So much more of the rate for the others is worth it, and still worth it: who goes without uses little of what it
/// bears and shows no more than 0.8 of the rate of both, so that is when it is tried with all of it again.
const WORTH: f64 = 1.5;
const STILL_WORTH: f64 = 1.3;
/// How long it has to be so: links that have just begun, or that find their shares, are no slow links, and a change may
/// cost a key frame.
const AFTER: Duration = Duration::from_secs(5);
const BACK_AFTER: Duration = Duration::from_secs(5);
/// Of so many links one may go without.
const LINKS_TO_ONE: usize = 3;
/// Who goes without bears less than this part of the rate, and goes on so until it bears all of it.
const TOO_LITTLE: f64 = 0.95;

/// Decides for one encoding.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TemporalChoice {
    layers: TemporalLayers,
    other_since: Option<Instant>,
}

impl TemporalChoice {
    /// The number of layers.
    pub(super) fn layers(&self) -> TemporalLayers {
        self.layers
    }

    /// The rate to encode at, where the links that get it bear these.
    pub(super) fn choose(&mut self, mut rates: Vec<Bitrate>, now: Instant) -> Option<Bitrate> {
        rates.sort_unstable();
        let least = *rates.first()?;
        // The slowest of those that go without none.
        let whole = *rates.get(rates.len() / LINKS_TO_ONE)?;
        let most = whole.min(least.scaled(1.0 / BASE));
        let (fitting, after) = match self.layers {
            TemporalLayers::One if most >= least.scaled(WORTH) => (TemporalLayers::Two, AFTER),
            TemporalLayers::Two if most < least.scaled(STILL_WORTH) => (TemporalLayers::One, BACK_AFTER),
            TemporalLayers::One | TemporalLayers::Two => (self.layers, Duration::ZERO),
        };
        if fitting == self.layers {
            self.other_since = None;
        } else if now.saturating_duration_since(*self.other_since.get_or_insert(now)) >= after {
            (self.layers, self.other_since) = (fitting, None);
        }
        Some(if self.layers == TemporalLayers::Two { most } else { least })
    }

    /// Whether a link that bears `rate` goes without the upper layer, of what is encoded at `target`; as it did so far?
    pub(super) fn goes_without(&self, rate: Bitrate, target: Bitrate, before: bool) -> bool {
        let enough = if before { target } else { target.scaled(TOO_LITTLE) };
        self.layers == TemporalLayers::Two && rate < enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kbps(rates: &[u64]) -> Vec<Bitrate> {
        rates.iter().copied().map(Bitrate::from_kbps).collect()
    }

    /// The layers and the rate after so many seconds of these.
    fn after(choice: &mut TemporalChoice, rates: &[u64], seconds: u64, now: &mut Instant) -> (TemporalLayers, u64) {
        let mut rate = None;
        for _ in 0..=seconds * 10 {
            rate = choice.choose(kbps(rates), *now);
            *now += Duration::from_millis(100);
        }
        (choice.layers(), rate.map_or(0, |rate| rate.bps() / 1000))
    }

    #[test]
    fn one_slow_link_goes_without_where_two_others_gain() {
        use TemporalLayers::{One, Two};
        for (rates, expected) in [
            (&[2000][..], (One, 2000)),
            (&[600, 2000], (One, 600)),
            (&[600, 2000, 2000], (Two, 923)),
            (&[600, 800, 2000], (One, 600)),
            (&[600, 910, 2000], (Two, 910)),
            (&[600, 600, 2000, 2000, 2000], (One, 600)),
            (&[600, 600, 2000, 2000, 2000, 2000], (Two, 923)),
        ] {
            assert_eq!(after(&mut TemporalChoice::default(), rates, 6, &mut Instant::now()), expected, "{rates:?}");
        }
    }

    #[test]
    fn what_passes_changes_nothing_and_it_goes_back_when_it_is_not_worth_it() {
        use TemporalLayers::{One, Two};
        let (mut now, mut choice) = (Instant::now(), TemporalChoice::default());
        assert_eq!(after(&mut choice, &[600, 2000, 2000], 4, &mut now), (One, 600));
        assert_eq!(after(&mut choice, &[1900, 2000, 2000], 1, &mut now), (One, 1900));
        assert_eq!(after(&mut choice, &[600, 2000, 2000], 6, &mut now), (Two, 923));
        assert_eq!(after(&mut choice, &[600, 800, 2000], 20, &mut now), (Two, 800));
        assert_eq!(after(&mut choice, &[1600, 2000, 2000], 4, &mut now), (Two, 2000));
        assert_eq!(after(&mut choice, &[1600, 2000, 2000], 2, &mut now), (One, 1600));
    }

    #[test]
    fn who_bears_nearly_all_of_it_gets_all_and_who_went_without_waits_for_all() {
        let (mut now, mut choice) = (Instant::now(), TemporalChoice::default());
        let target = Bitrate::from_kbps(1000);
        assert!(!choice.goes_without(Bitrate::from_kbps(100), target, false), "nobody, of one layer");
        after(&mut choice, &[600, 2000, 2000], 6, &mut now);
        let without = |kbps, before| choice.goes_without(Bitrate::from_kbps(kbps), target, before);
        assert_eq!(
            [(940, false), (960, false), (990, true), (1000, true)].map(|(rate, was)| without(rate, was)),
            [true, false, true, false]
        );
    }
}
