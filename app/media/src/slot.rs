//! A place for one thing, where the newest wins: a picture that nobody took is not worth keeping.
//!
//! Owner of: the thing, until it is taken. Does not block the one who puts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

/// Cap 1: this is what a slot is. Full: the old one goes, counted.
const ONE: usize = 1;

/// The end that puts. One for each slot, or one after the other ([`SlotSender::another`]).
#[derive(Debug)]
pub struct SlotSender<T> {
    sender: Sender<T>,
    overwriter: Receiver<T>,
    counters: Arc<Counters>,
}

/// The end that takes.
#[derive(Debug)]
pub struct SlotReceiver<T> {
    receiver: Receiver<T>,
    counters: Arc<Counters>,
}

/// What went through a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct SlotCounters {
    /// How often something was put.
    pub put: u64,
    /// How often something was overwritten before anybody took it.
    pub overwritten: u64,
}

#[derive(Debug, Default)]
struct Counters {
    put: AtomicU64,
    overwritten: AtomicU64,
}

/// A new slot.
pub fn slot<T>() -> (SlotSender<T>, SlotReceiver<T>) {
    let (sender, receiver) = bounded(ONE);
    let counters = Arc::<Counters>::default();
    let overwriter = receiver.clone();
    (SlotSender { sender, overwriter, counters: counters.clone() }, SlotReceiver { receiver, counters })
}

impl<T> SlotSender<T> {
    /// Puts something in, over whatever is there.
    pub fn put(&mut self, thing: T) {
        self.counters.put.fetch_add(1, Ordering::Relaxed);
        let mut thing = thing;
        // Ends: only this end puts, so after one removal there is room; with two, one of them has put.
        while let Err(TrySendError::Full(again)) = self.sender.try_send(thing) {
            thing = again;
            if self.overwriter.try_recv().is_ok() {
                self.counters.overwritten.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Another end that puts, for anyone who comes after this one: at any time one of them should.
    #[must_use]
    pub fn another(&self) -> Self {
        Self { sender: self.sender.clone(), overwriter: self.overwriter.clone(), counters: self.counters.clone() }
    }

    /// What went through so far.
    pub fn counters(&self) -> SlotCounters {
        self.counters.read()
    }
}

impl<T> SlotReceiver<T> {
    /// Takes what is there. `None` when nothing new is, also when nothing will ever come again.
    pub fn take(&self) -> Option<T> {
        self.receiver.try_recv().ok()
    }

    /// To wait on, by itself or together with others.
    pub fn receiver(&self) -> &Receiver<T> {
        &self.receiver
    }

    /// What went through so far.
    pub fn counters(&self) -> SlotCounters {
        self.counters.read()
    }
}

impl Counters {
    fn read(&self) -> SlotCounters {
        SlotCounters { put: self.put.load(Ordering::Relaxed), overwritten: self.overwritten.load(Ordering::Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_wins_and_the_rest_is_counted() {
        let (mut sender, receiver) = slot();
        for n in 0..5 {
            sender.put(n);
        }
        assert_eq!(receiver.take(), Some(4));
        assert_eq!(receiver.take(), None);
        sender.put(5);
        assert_eq!(receiver.take(), Some(5));
        assert_eq!(receiver.counters(), SlotCounters { put: 6, overwritten: 4 });
    }
}
