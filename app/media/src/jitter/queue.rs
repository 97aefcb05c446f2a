//! The packets that wait for their turn, in order.
//!
//! Owner of: those packets. Does not know what time it is.

use std::collections::VecDeque;

use bytes::Bytes;

/// Cap 32: 320 ms of 10 ms packets; beyond that we would rather skip than lag. Full: the oldest goes, concealment
/// covers it.
pub(super) const CAPACITY: usize = 32;

/// One packet, its time in samples since the first.
#[derive(Debug)]
pub(super) struct JitterQueue {
    pub(super) sequence: u64,
    pub(super) time: i64,
    pub(super) samples: i64,
    /// Microseconds since the first one.
    pub(super) arrived: i64,
    pub(super) payload: Bytes,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    Waits,
    Duplicate,
    /// It waits, and the oldest had to go for it.
    OldestGone,
}

#[derive(Debug)]
pub(super) struct Queue(VecDeque<JitterQueue>);

impl Queue {
    pub(super) fn new() -> Self {
        Self(VecDeque::with_capacity(CAPACITY + 1))
    }

    pub(super) fn push(&mut self, packet: JitterQueue) -> Pushed {
        let behind = self.0.iter().rev().take_while(|waiting| waiting.sequence > packet.sequence).count();
        let at = self.0.len() - behind;
        if at.checked_sub(1).and_then(|n| self.0.get(n)).is_some_and(|before| before.sequence == packet.sequence) {
            return Pushed::Duplicate;
        }
        self.0.insert(at, packet);
        if self.0.len() > CAPACITY {
            self.0.pop_front();
            return Pushed::OldestGone;
        }
        Pushed::Waits
    }

    pub(super) fn front(&self) -> Option<&JitterQueue> {
        self.0.front()
    }

    pub(super) fn pop(&mut self) -> Option<JitterQueue> {
        self.0.pop_front()
    }

    /// Samples of sound that wait.
    pub(super) fn samples(&self) -> i64 {
        self.0.iter().map(|waiting| waiting.samples).sum()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: u64) -> JitterQueue {
        JitterQueue {
            sequence,
            time: sequence as i64 * 480,
            samples: 480,
            arrived: 0,
            payload: Bytes::from_static(&[0]),
        }
    }

    #[test]
    fn packets_come_out_in_order_and_once() {
        let mut queue = Queue::new();
        for sequence in [3, 1, 4, 1, 5, 9, 2, 6, 5, 3] {
            queue.push(packet(sequence));
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|waiting| waiting.sequence).collect();
        assert_eq!(order, [1, 2, 3, 4, 5, 6, 9]);
    }

    #[test]
    fn when_it_is_full_the_oldest_goes() {
        let mut queue = Queue::new();
        let gone = (0..40).filter(|n| queue.push(packet(*n)) == Pushed::OldestGone).count();
        assert_eq!((gone, queue.len(), queue.front().map(|waiting| waiting.sequence)), (8, CAPACITY, Some(8)));
    }
}
