//! Controlled delay: datagrams are dropped as they leave a queue that has stood for too long.
//!
//! RFC 8289, section 5, step by step; the queue itself belongs to its user.

use std::time::{Duration, Instant};

/// A queue of fewer bytes than one datagram is never too long (RFC 8289, section 5.5).
const MTU: usize = 1500;
/// After a pause shorter than so many intervals, dropping goes on at the pace that it had (RFC 8289, section 5.5).
const MEMORY: u32 = 16;

/// What was taken from the front of a queue.
#[derive(Debug)]
pub(crate) struct Taken<T> {
    pub(crate) item: T,
    /// When it came into the queue.
    pub(crate) since: Instant,
    /// Bytes that still wait behind it.
    pub(crate) behind: usize,
}

/// What the algorithm remembers.
#[derive(Debug, Default)]
pub(crate) struct Codel {
    /// When the delay will have been above the target for an interval.
    first_above: Option<Instant>,
    dropping: Option<Dropping>,
    /// Drops of the last time that it was dropping, and when the next one was due.
    last: Option<Dropping>,
    last_count: u32,
}

#[derive(Clone, Copy, Debug)]
struct Dropping {
    count: u32,
    next: Instant,
}

impl Codel {
    /// The next one to be sent at `now`: takes from the queue by `pop`, hands over to `drop` what should not be sent.
    pub(crate) fn dequeue<T>(
        &mut self,
        (target, interval): (Duration, Duration),
        now: Instant,
        mut pop: impl FnMut() -> Option<Taken<T>>,
        mut drop: impl FnMut(T),
    ) -> Option<Taken<T>> {
        let (mut taken, mut may_drop) = self.judge(pop(), target, interval, now);
        if let Some(mut dropping) = self.dropping {
            let mut goes_on = may_drop;
            while goes_on && now >= dropping.next {
                taken.into_iter().for_each(|taken| drop(taken.item));
                dropping.count += 1;
                (taken, may_drop) = self.judge(pop(), target, interval, now);
                goes_on = may_drop;
                if goes_on {
                    dropping.next = control_law(dropping.next, interval, dropping.count);
                }
            }
            self.last = Some(dropping);
            self.dropping = goes_on.then_some(dropping);
        } else if may_drop {
            taken.into_iter().for_each(|taken| drop(taken.item));
            (taken, _) = self.judge(pop(), target, interval, now);
            let since = self.last.filter(|last| now.saturating_duration_since(last.next) < MEMORY * interval);
            let delta = since.map_or(0, |last| last.count.saturating_sub(self.last_count));
            let count = if delta > 1 { delta } else { 1 };
            self.last_count = count;
            self.dropping = Some(Dropping { count, next: control_law(now, interval, count) });
        }
        taken
    }

    /// `dodequeue` of the RFC: whether the delay has been above the target for an interval.
    fn judge<T>(
        &mut self,
        taken: Option<Taken<T>>,
        target: Duration,
        interval: Duration,
        now: Instant,
    ) -> (Option<Taken<T>>, bool) {
        let above = taken
            .as_ref()
            .is_some_and(|taken| now.saturating_duration_since(taken.since) >= target && taken.behind >= MTU);
        if !above {
            self.first_above = None;
            return (taken, false);
        }
        let since = *self.first_above.get_or_insert(now + interval);
        (taken, now >= since)
    }
}

/// The next drop: sooner the more there were, so that a TCP flow slows down linearly.
fn control_law(at: Instant, interval: Duration, count: u32) -> Instant {
    at + interval.div_f64(f64::from(count).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Duration = Duration::from_millis(5);
    const INTERVAL: Duration = Duration::from_millis(100);

    /// Takes one each 10 ms from a queue that never ends, in which each has waited for `sojourn`; when it dropped, ms.
    fn drops(
        codel: &mut Codel,
        start: Instant,
        sojourn: Duration,
        behind: usize,
        ms: std::ops::Range<u64>,
    ) -> Vec<u64> {
        let mut dropped = Vec::new();
        for at in ms.step_by(10) {
            let now = start + Duration::from_millis(at);
            let pop = || Some(Taken { item: (), since: now - sojourn, behind });
            assert!(codel.dequeue((TARGET, INTERVAL), now, pop, |()| dropped.push(at)).is_some());
        }
        dropped
    }

    #[test]
    fn drops_begin_after_an_interval_and_come_ever_faster() {
        let start = Instant::now() + Duration::from_secs(10);
        let mut codel = Codel::default();
        let dropped = drops(&mut codel, start, Duration::from_millis(6), 9000, 0..520);
        // 100, then each 100 / sqrt(count) ms after the one before: 200, 270.7, 328.4, 378.4, 423.2, 464.0, 501.8.
        assert_eq!(dropped, [100, 200, 280, 330, 380, 430, 470, 510]);
        // It ends with the first that waited less, and soon after goes on at about the pace that it had.
        assert_eq!(drops(&mut codel, start, Duration::from_millis(4), 9000, 520..600), []);
        let again = drops(&mut codel, start, Duration::from_millis(6), 9000, 600..800);
        assert_eq!(again, [700, 740, 780]);
    }

    #[test]
    fn a_queue_below_the_target_or_of_one_datagram_is_let_be() {
        let start = Instant::now() + Duration::from_secs(10);
        assert_eq!(drops(&mut Codel::default(), start, Duration::from_millis(4), 9000, 0..2000), []);
        assert_eq!(drops(&mut Codel::default(), start, Duration::from_millis(900), MTU - 1, 0..2000), []);
    }

    #[test]
    fn an_empty_queue_gives_nothing() {
        let taken = Codel::default().dequeue((TARGET, INTERVAL), Instant::now(), || None::<Taken<()>>, |()| ());
        assert!(taken.is_none());
    }
}
