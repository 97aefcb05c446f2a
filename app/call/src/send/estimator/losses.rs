//! Whether packets are lost because of what is sent, or by chance.
//!
//! A full queue loses packets, and is seen by its delay before that. Where packets are lost without a queue, either the
//! radio loses them at any rate, or somebody counts bits and drops what is too much. Only trying tells: with less sent
//! for a moment, the loss stays in the first case and falls in the second. Owner of: the packets of the last moments,
//! and the share that is known to be lost by chance.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A share is that of so long.
const WINDOW: Duration = Duration::from_millis(2000);
/// Of fewer packets nothing is said.
const LEAST: u32 = 40;
/// Packets are counted together for so long.
const BIN: Duration = Duration::from_millis(100);
/// So much more than is known to be chance, and it is tried out; with so many standard deviations of what as many
/// packets lose at times.
const EXCESS: f64 = 0.05;
const DEVIATIONS: f64 = 2.5;
/// What is sent while it is tried out.
const LESS: f64 = 0.7;
/// Loss that stays above this part of what it was is chance.
const STAYS: f64 = 0.6;
/// More than this is too much in any case: what comes is hardly worth what it costs.
const HOPELESS: f64 = 0.45;
/// How fast a share is forgotten that is not seen any more, a second.
const FORGOTTEN: f64 = 0.01;

/// What to do about the rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Advice {
    Nothing,
    /// Send this part of what was sent.
    Less(f64),
    /// It was chance: go on as before, times this.
    Back(f64),
    /// It was too much.
    TooMuch,
}

#[derive(Clone, Copy, Debug)]
struct Trial {
    until: Instant,
    before: f64,
}

/// Losses.
#[derive(Debug, Default)]
pub(super) struct Losses {
    /// Since when; how many came and how many did not.
    bins: VecDeque<(Instant, u32, u32)>,
    trial: Option<Trial>,
    random: f64,
    looked: Option<Instant>,
}

impl Losses {
    /// So many packets of one report came, and so many are lost.
    pub(super) fn handle(&mut self, came: u32, lost: u32, now: Instant) {
        match self.bins.back_mut() {
            Some((since, bin_came, bin_lost)) if now.saturating_duration_since(*since) < BIN => {
                *bin_came += came;
                *bin_lost += lost;
            }
            Some(_) | None => self.bins.push_back((now, came, lost)),
        }
        while self.bins.front().is_some_and(|(since, ..)| now.saturating_duration_since(*since) > WINDOW) {
            self.bins.pop_front();
        }
    }

    /// The share of the last moments; `None` of too few packets.
    pub(super) fn fraction(&self) -> Option<f64> {
        let lost: u32 = self.bins.iter().map(|(.., lost)| *lost).sum();
        let count = self.count();
        (count >= LEAST).then(|| f64::from(lost) / f64::from(count))
    }

    fn count(&self) -> u32 {
        self.bins.iter().map(|(_, came, lost)| came + lost).sum()
    }

    /// The share that is lost by chance.
    pub(super) fn random(&self) -> f64 {
        self.random
    }

    /// A queue is being drained: what is lost meanwhile is its own loss.
    pub(super) fn disregard(&mut self) {
        self.bins.clear();
        self.trial = None;
    }

    /// What the losses say.
    pub(super) fn advice(&mut self, round_trip: Duration, now: Instant) -> Advice {
        let passed = self.looked.replace(now).map_or(Duration::ZERO, |looked| now.saturating_duration_since(looked));
        let Some(fraction) = self.fraction() else { return Advice::Nothing };
        if let Some(trial) = self.trial {
            if now < trial.until {
                return Advice::Nothing;
            }
            self.trial = None;
            if fraction < trial.before * STAYS || fraction > HOPELESS {
                return Advice::TooMuch;
            }
            self.random = f64::midpoint(fraction, trial.before);
            return Advice::Back(1.0 / LESS);
        }
        if fraction < self.random {
            self.random = (self.random - FORGOTTEN * passed.as_secs_f64()).max(fraction);
        }
        let deviation = (fraction * (1.0 - fraction) / f64::from(self.count())).sqrt();
        if fraction - self.random <= EXCESS + DEVIATIONS * deviation {
            // Small losses are chance, as far as anybody knows, and worth repairing ahead.
            self.random = self.random.max(fraction.min(EXCESS));
            return Advice::Nothing;
        }
        self.trial = Some(Trial { until: now + WINDOW + BIN + round_trip, before: fraction });
        Advice::Less(LESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND_TRIP: Duration = Duration::from_millis(50);

    /// Seconds of reports of 20 packets, each 50 ms, of which `lost` do not come; what was said that is something.
    fn reports(subject: &mut Losses, now: &mut Instant, seconds: u32, lost: u32) -> Vec<Advice> {
        let report = |_| {
            *now += Duration::from_millis(50);
            subject.handle(20 - lost, lost, *now);
            subject.advice(ROUND_TRIP, *now)
        };
        (0..seconds * 20).map(report).filter(|advice| *advice != Advice::Nothing).collect()
    }

    #[test]
    fn loss_that_stays_when_less_is_sent_is_chance_and_is_tried_out_once() {
        let (mut subject, mut now) = (Losses::default(), Instant::now());
        assert!(reports(&mut subject, &mut now, 10, 1).is_empty(), "5 % is not worth a trial");
        assert_eq!(reports(&mut subject, &mut now, 60, 6), [Advice::Less(LESS), Advice::Back(1.0 / LESS)]);
        assert!((0.2..=0.31).contains(&subject.random()), "{}", subject.random());
        assert!(reports(&mut subject, &mut now, 60, 0).is_empty());
        assert!(subject.random() < 0.01, "{}", subject.random());
    }

    #[test]
    fn loss_that_falls_when_less_is_sent_was_too_much() {
        let (mut subject, mut now) = (Losses::default(), Instant::now());
        let mut said = Vec::new();
        let mut lost = 6;
        for _ in 0..20 * 20 {
            let advice = reports_once(&mut subject, &mut now, lost);
            match advice {
                Advice::Less(_) => lost = 0,
                Advice::TooMuch | Advice::Nothing | Advice::Back(_) => {}
            }
            said.extend(Some(advice).filter(|advice| *advice != Advice::Nothing));
        }
        assert_eq!(said, [Advice::Less(LESS), Advice::TooMuch]);
    }

    fn reports_once(subject: &mut Losses, now: &mut Instant, lost: u32) -> Advice {
        *now += Duration::from_millis(50);
        subject.handle(20 - lost, lost, *now);
        subject.advice(ROUND_TRIP, *now)
    }

    #[test]
    fn few_packets_and_disregarded_ones_say_nothing() {
        let (mut subject, now) = (Losses::default(), Instant::now());
        subject.handle(10, 10, now);
        assert_eq!((subject.fraction(), subject.advice(ROUND_TRIP, now)), (None, Advice::Nothing));
        subject.handle(30, 30, now);
        assert_eq!(subject.fraction(), Some(0.5));
        subject.disregard();
        assert_eq!(subject.fraction(), None);
    }
}
