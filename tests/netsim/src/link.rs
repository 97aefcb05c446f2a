//! One direction between two nodes: what a datagram suffers on the way.

use std::time::{Duration, Instant};

use rand::RngExt;
use rand_chacha::ChaCha12Rng;

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
}

impl LinkConfig {
    /// A link that only delays.
    pub const fn delayed(delay: Duration) -> Self {
        Self { delay, jitter: Duration::ZERO, loss: Loss::None, duplicate: 0.0, rate: None, queue: 64 * 1024 }
    }
}

/// What became of a datagram: the arrivals (one, or two for a duplicate), or why there is none.
#[derive(Debug, PartialEq)]
pub(crate) enum Fate {
    Arrives(Instant, Option<Instant>),
    Lost,
    QueueFull,
}

/// The moving parts of a link.
#[derive(Debug, Default)]
pub(crate) struct LinkState {
    bad: bool,
    free_at: Option<Instant>,
}

impl LinkState {
    pub(crate) fn send(&mut self, config: &LinkConfig, bytes: usize, rng: &mut ChaCha12Rng, now: Instant) -> Fate {
        if self.loses(config.loss, rng) {
            return Fate::Lost;
        }
        let Some(departure) = self.departure(config, bytes, now) else { return Fate::QueueFull };
        let mut arrival = || departure + config.delay + config.jitter.mul_f64(rng.random_range(0.0..=1.0));
        let first = arrival();
        let second = arrival();
        let doubled = config.duplicate > 0.0 && rng.random_bool(config.duplicate);
        Fate::Arrives(first, doubled.then_some(second))
    }

    fn loses(&mut self, loss: Loss, rng: &mut ChaCha12Rng) -> bool {
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

    /// When the last bit is on the way; `None` when the queue is full.
    fn departure(&mut self, config: &LinkConfig, bytes: usize, now: Instant) -> Option<Instant> {
        let Some(rate) = config.rate else { return Some(now) };
        let free_at = self.free_at.map_or(now, |at| at.max(now));
        let waiting = (free_at - now).as_secs_f64() * rate as f64 / 8.0;
        if waiting as usize + bytes > config.queue {
            return None;
        }
        let departure = free_at + Duration::from_secs_f64(bytes as f64 * 8.0 / rate as f64);
        self.free_at = Some(departure);
        Some(departure)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn lost_of(loss: Loss, count: usize) -> usize {
        let config = LinkConfig { loss, ..LinkConfig::delayed(Duration::ZERO) };
        let (mut link, mut rng) = (LinkState::default(), ChaCha12Rng::seed_from_u64(7));
        let now = Instant::now();
        (0..count).filter(|_| link.send(&config, 100, &mut rng, now) == Fate::Lost).count()
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
    fn a_rate_delays_and_a_full_queue_drops() {
        let config = LinkConfig { rate: Some(80_000), queue: 3000, ..LinkConfig::delayed(Duration::from_millis(10)) };
        let (mut link, mut rng) = (LinkState::default(), ChaCha12Rng::seed_from_u64(7));
        let now = Instant::now();
        for ms in [110, 210, 310] {
            assert_eq!(link.send(&config, 1000, &mut rng, now), Fate::Arrives(now + Duration::from_millis(ms), None));
        }
        assert_eq!(link.send(&config, 1000, &mut rng, now), Fate::QueueFull);
    }
}
