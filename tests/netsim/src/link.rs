//! One direction between two nodes: what a datagram suffers on the way.

use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha12Rng;

use crate::queue::{AccessConfig, Discipline};

/// How datagrams get lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// Not at all.
    None,
    /// Each by itself, with this probability.
    Independent(f64),
    /// In bursts (Gilbert and Elliott): a good state that loses nothing, a bad one that loses `in_bad`.
    Bursts {
        /// Probability, at each datagram, to go from good to bad.
        enter: f64,
        /// Probability, at each datagram, to go back.
        leave: f64,
        /// Probability of loss in the bad state.
        in_bad: f64,
    },
}

/// What a link is like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkConfig {
    /// One way.
    pub delay: Duration,
    /// Added to it, uniformly between nothing and this; datagrams overtake each other by it.
    pub jitter: Duration,
    /// How datagrams get lost.
    pub loss: Loss,
    /// Probability that one arrives twice.
    pub duplicate: f64,
    /// Bits a second; `None` for no limit.
    pub rate: Option<u64>,
    /// Bytes that wait for the link when there is a rate; what comes on top is dropped.
    pub queue: usize,
    /// Who is dropped besides.
    pub discipline: Discipline,
}

impl LinkConfig {
    /// A link that only delays.
    pub const fn delayed(delay: Duration) -> Self {
        Self {
            delay,
            jitter: Duration::ZERO,
            loss: Loss::None,
            duplicate: 0.0,
            rate: None,
            queue: 64 * 1024,
            discipline: Discipline::DropTail,
        }
    }

    /// What of it concerns the queue.
    pub(crate) fn access(&self) -> AccessConfig {
        AccessConfig { rate: self.rate, queue: self.queue, discipline: self.discipline }
    }
}

/// Chance on a link: whether a datagram is lost, and how long it takes.
#[derive(Debug, Default)]
pub(crate) struct Chance {
    bad: bool,
}

/// How long a datagram takes, once it has left the link's queue.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Trip {
    pub(crate) first: Duration,
    /// Of its duplicate.
    pub(crate) second: Option<Duration>,
}

impl Chance {
    pub(crate) fn loses(&mut self, loss: Loss, rng: &mut ChaCha12Rng) -> bool {
        match loss {
            Loss::None => false,
            Loss::Independent(probability) => rng.random_bool(probability),
            Loss::Bursts { enter, leave, in_bad } => {
                let turns = rng.random_bool(if self.bad { leave } else { enter });
                self.bad ^= turns;
                self.bad && rng.random_bool(in_bad)
            }
        }
    }
}

impl Trip {
    pub(crate) fn draw(config: &LinkConfig, rng: &mut ChaCha12Rng) -> Self {
        let mut time = || config.delay + config.jitter.mul_f64(rng.random_range(0.0..=1.0));
        let (first, second) = (time(), time());
        let doubled = config.duplicate > 0.0 && rng.random_bool(config.duplicate);
        Self { first, second: doubled.then_some(second) }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn lost_of(loss: Loss, count: usize) -> usize {
        let (mut chance, mut rng) = (Chance::default(), ChaCha12Rng::seed_from_u64(7));
        (0..count).filter(|_| chance.loses(loss, &mut rng)).count()
    }

    #[test]
    fn loss_has_the_share_that_was_asked_for() {
        assert_eq!(lost_of(Loss::None, 1000), 0);
        assert_eq!(lost_of(Loss::Independent(1.0), 1000), 1000);
        assert!((450..550).contains(&lost_of(Loss::Independent(0.05), 10_000)));
        // A tenth of the time bad (0.01 / (0.01 + 0.09)), of which half is lost.
        let bursts = Loss::Bursts { enter: 0.01, leave: 0.09, in_bad: 0.5 };
        assert!((4000..6000).contains(&lost_of(bursts, 100_000)));
    }

    #[test]
    fn trips_take_the_delay_and_some_of_the_jitter() {
        let mut rng = ChaCha12Rng::seed_from_u64(7);
        let (delay, jitter) = (Duration::from_millis(20), Duration::from_millis(10));
        let config = LinkConfig { jitter, duplicate: 0.5, ..LinkConfig::delayed(delay) };
        let trips: Vec<Trip> = (0..1000).map(|_| Trip::draw(&config, &mut rng)).collect();
        let mean = trips.iter().map(|trip| trip.first).sum::<Duration>() / 1000;
        assert!((24_500..25_500).contains(&mean.as_micros()), "{mean:?}");
        let all = trips.iter().flat_map(|trip| [Some(trip.first), trip.second]).flatten();
        assert!(all.clone().all(|time| (delay..=delay + jitter).contains(&time)));
        assert!((1450..1550).contains(&all.count()));
    }
}
