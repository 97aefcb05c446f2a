//! How long a queue may be before it is given way to.
//!
//! Short, as long as giving way helps. Who is pushed down again and again by a queue that others keep up, as GCC does
//! while that grows slowly, bears a longer one for a while, and they feel it. Owner of: what is borne, and the last
//! queues.

use std::time::{Duration, Instant};

/// A standing queue of so much is given way to, at first and at most.
const SHORTEST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_millis(60);
/// While more than this part of it stands, the rate does not grow.
const CALM: f64 = 0.5;
/// Two queues in so long, the later one at less than this part of the rate of the former: somebody pushes.
const PUSHED_WITHIN: Duration = Duration::from_secs(10);
const PUSHED: f64 = 0.97;
/// Then so many times as much is borne.
const MORE: f64 = 1.5;
/// What is borne beyond the shortest shrinks to a third in so long.
const FORGOTTEN: Duration = Duration::from_secs(10);
/// A queue that grew in less than this is of a link that bears suddenly less.
const SUDDEN: Duration = Duration::from_millis(120);

/// What a queue calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Queue {
    /// As good as none.
    Calm,
    /// Neither to grow into nor to give way to.
    Short,
    /// To be given way to.
    TooLong,
}

/// How long a queue is borne.
#[derive(Debug)]
pub(super) struct Tolerance {
    borne: Duration,
    queue: Queue,
    /// When there was none last.
    calm: Option<Instant>,
    /// When one was given way to last, and from what rate.
    gave_way: Option<(Instant, f64)>,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self { borne: SHORTEST, queue: Queue::Calm, calm: None, gave_way: None }
    }
}

impl Tolerance {
    /// So much stands, `passed` after the last time that it was looked at.
    pub(super) fn judge(&mut self, standing: Duration, passed: Duration, now: Instant) -> Queue {
        if self.queue != Queue::TooLong {
            let kept = (-passed.as_secs_f64() / FORGOTTEN.as_secs_f64()).exp();
            self.borne = SHORTEST + self.borne.saturating_sub(SHORTEST).mul_f64(kept);
        }
        self.queue = if standing > self.borne {
            Queue::TooLong
        } else if standing < self.borne.mul_f64(CALM) {
            self.calm = Some(now);
            Queue::Calm
        } else {
            Queue::Short
        };
        self.queue
    }

    /// A queue is given way to, by who sends at `rate`.
    pub(super) fn handle_given_way(&mut self, rate: f64, now: Instant) {
        let is_pushed =
            |(at, before): (Instant, f64)| now.saturating_duration_since(at) < PUSHED_WITHIN && rate < before * PUSHED;
        if self.gave_way.is_some_and(is_pushed) {
            self.borne = self.borne.mul_f64(MORE).min(LONGEST);
        }
        self.gave_way = Some((now, rate));
    }

    /// The rate was taken to this part by ourselves: nobody pushed.
    pub(super) fn handle_part(&mut self, part: f64) {
        self.gave_way = self.gave_way.map(|(at, rate)| (at, rate * part));
    }

    /// Whether the queue that stands grew at once.
    pub(super) fn is_sudden(&self, now: Instant) -> bool {
        self.calm.is_none_or(|at| now.saturating_duration_since(at) < SUDDEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn who_is_pushed_down_bears_more_for_a_while_and_only_they() {
        let (start, mut subject) = (Instant::now(), Tolerance::default());
        assert_eq!(subject.judge(21 * MS, 50 * MS, start), Queue::TooLong);
        assert_eq!(subject.judge(15 * MS, 50 * MS, start), Queue::Short);
        assert_eq!(subject.judge(9 * MS, 50 * MS, start), Queue::Calm);
        let second = |n: u64| start + Duration::from_secs(n);
        subject.handle_given_way(1e6, second(0));
        subject.handle_given_way(1e6, second(3));
        assert_eq!(subject.judge(21 * MS, 50 * MS, second(3)), Queue::TooLong, "as much was sent as before");
        subject.handle_given_way(0.9e6, second(6));
        assert_eq!(subject.judge(29 * MS, Duration::ZERO, second(6)), Queue::Short);
        for n in 7..15 {
            subject.handle_given_way(0.9e6 * 0.9_f64.powi(n - 6), second(n as u64));
        }
        assert_eq!(subject.judge(61 * MS, Duration::ZERO, second(15)), Queue::TooLong, "no queue is borne for ever");
        assert_eq!(subject.judge(59 * MS, Duration::ZERO, second(15)), Queue::Short);
        assert_eq!(subject.judge(25 * MS, Duration::from_secs(30), second(45)), Queue::TooLong, "it is forgotten");
    }

    #[test]
    fn a_queue_that_grew_at_once_is_told_from_one_that_grew_slowly() {
        let (start, mut subject) = (Instant::now(), Tolerance::default());
        assert!(subject.is_sudden(start));
        subject.judge(2 * MS, 50 * MS, start);
        subject.judge(30 * MS, 50 * MS, start + 50 * MS);
        assert!(subject.is_sudden(start + 50 * MS));
        subject.judge(15 * MS, 50 * MS, start + 100 * MS);
        subject.judge(30 * MS, 50 * MS, start + 150 * MS);
        assert!(!subject.is_sudden(start + 150 * MS));
    }
}
