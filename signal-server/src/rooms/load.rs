//! What members have waiting at each other: words that the receiver's connection has not taken yet.
//!
//! Each receiver's session owns its [`Inbound`]. A word carries its [`Load`] to the gateway, which drops it once the
//! word is written; so what waits is known here at any time, and it is the sender who is refused, never the receiver
//! who is given up. A legacy page's transport does not say what it has written: there a pace is in its place.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hearth_protocol::PeerId;

use super::bucket::Bucket;

/// What may wait: words and their bytes.
#[derive(Clone, Copy, Debug)]
struct Cap {
    words: usize,
    bytes: usize,
}

/// Of one sender, at a receiver who is there: two descriptions of the longest kind, or a join into a full room eight
/// times over.
const OF_ONE: Cap = Cap { words: 256, bytes: 512 * 1024 };
/// Of all senders: half of what the gateway keeps for a connection. The rest is for the server's own news.
const OF_ALL: Cap = Cap { words: 2048, bytes: 4 * 1024 * 1024 };
/// Of one sender, at a receiver who is away: an offer and its candidates. A full room's together stay below what is
/// kept for somebody who is away (512 messages, 2 MiB).
const AWAY_OF_ONE: Cap = Cap { words: 40, bytes: 160 * 1024 };
/// Of all senders then.
const AWAY_OF_ALL: Cap = Cap { words: 400, bytes: 1536 * 1024 };
/// A pace of words and one of their bytes: how many at once, and how often one more.
type Paces = [(u32, Duration); 2];
/// Of one sender to a legacy page: 4000 words at once, as many as a page may say, then 50 a second; 8 MiB, then 128 KiB
/// a second.
const PAGE_OF_ONE: Paces = [(4000, Duration::from_millis(20)), (8 * 1024 * 1024, Duration::from_nanos(7629))];
/// Of all senders to a page: 6000 words, then 100 a second; 12 MiB, then 256 KiB a second. Over the 85 s that its
/// transport lets a frozen page be silent these are 14,500 words, below what the gateway keeps for it: members together
/// disconnect nobody either.
const PAGE_OF_ALL: Paces = [(6000, Duration::from_millis(10)), (12 * 1024 * 1024, Duration::from_nanos(3815))];
/// Of what all may send, in thousandths: what is left for quiet senders, and how much of their own these have left.
const RESERVE: u64 = 250;
const QUIET: u64 = 900;
/// Senders remembered: more than a room holds. Beyond it, those with nothing waiting are forgotten.
const SENDERS: usize = 64;

/// How much waits.
#[derive(Debug, Default)]
struct Backlog {
    words: AtomicUsize,
    bytes: AtomicUsize,
}

/// One word that waits, counted until the last copy of this is dropped.
#[derive(Clone, Debug)]
pub struct Load(Arc<Counted>);

#[derive(Debug)]
struct Counted {
    bytes: usize,
    in_all: [Arc<Backlog>; 2],
}

/// Why a word is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overload {
    /// Its sender has too much waiting there.
    Sender,
    /// All senders together have.
    Receiver,
}

/// How a receiver is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    Now,
    /// It is away, and the word is kept.
    Later,
}

/// Words and bytes that may still come.
#[derive(Debug)]
struct BacklogRate([Bucket; 2]);

/// What waits for one receiver.
#[derive(Debug, Default)]
pub(super) struct Inbound {
    all: Arc<Backlog>,
    by_sender: BTreeMap<PeerId, Arc<Backlog>>,
    /// Where words are not known to be written: of each sender, and of all.
    paces: BTreeMap<PeerId, BacklogRate>,
    pace_of_all: Option<BacklogRate>,
    /// Of words that are kept until the receiver is back.
    kept: Vec<Load>,
}

impl Inbound {
    /// A word of `from`, of so many bytes.
    pub(super) fn take(&mut self, from: PeerId, bytes: usize, reached: Reached) -> Result<Load, Overload> {
        if self.by_sender.len() >= SENDERS {
            self.by_sender.retain(|_, waiting| waiting.words.load(Ordering::Relaxed) > 0);
        }
        let (of_one, of_all) = match reached {
            Reached::Now => (OF_ONE, OF_ALL),
            Reached::Later => (AWAY_OF_ONE, AWAY_OF_ALL),
        };
        let sender = self.by_sender.entry(from).or_default();
        if !sender.has_room(of_one, bytes) {
            return Err(Overload::Sender);
        }
        if !self.all.has_room(of_all, bytes) {
            return Err(Overload::Receiver);
        }
        let load = Load::new(bytes, [sender.clone(), self.all.clone()]);
        if reached == Reached::Later {
            self.kept.push(load.clone());
        }
        Ok(load)
    }

    /// A word of `from` to a legacy page that is there.
    pub(super) fn take_at_pace(&mut self, from: PeerId, bytes: usize, now: Instant) -> Result<(), Overload> {
        if self.paces.len() >= SENDERS {
            self.paces.retain(|_, pace| !pace.is_full(now));
        }
        let of_one = self.paces.entry(from).or_insert_with(|| BacklogRate::new(PAGE_OF_ONE, now));
        if !of_one.has_room(bytes, now) {
            return Err(Overload::Sender);
        }
        let of_all = self.pace_of_all.get_or_insert_with(|| BacklogRate::new(PAGE_OF_ALL, now));
        // What is left at last is for those who have said little: an offer of somebody new.
        if !of_all.has_room(bytes, now) || (of_all.recovered(now) < RESERVE && of_one.recovered(now) < QUIET) {
            return Err(Overload::Receiver);
        }
        of_one.take(bytes, now);
        of_all.take(bytes, now);
        Ok(())
    }

    /// The receiver is back, and is sent what was kept.
    pub(super) fn release(&mut self) {
        self.kept.clear();
    }
}

impl BacklogRate {
    fn new(paces: Paces, now: Instant) -> Self {
        Self(paces.map(|(cap, every)| Bucket::new(cap, every, now)))
    }

    fn is_full(&mut self, now: Instant) -> bool {
        self.0.iter_mut().all(|bucket| bucket.is_full(now))
    }

    /// What is there of the scarcer one, in thousandths.
    fn recovered(&mut self, now: Instant) -> u64 {
        self.0.iter_mut().map(|bucket| bucket.recovered(now)).min().unwrap_or_default()
    }

    /// Whether one more word, of so many bytes, may come.
    fn has_room(&mut self, bytes: usize, now: Instant) -> bool {
        let [words, of_bytes] = &mut self.0;
        words.has(1, now) && of_bytes.has(Self::tokens(bytes), now)
    }

    fn take(&mut self, bytes: usize, now: Instant) {
        let [words, of_bytes] = &mut self.0;
        words.take(now);
        of_bytes.take_some(Self::tokens(bytes), now);
    }

    fn tokens(bytes: usize) -> u32 {
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

impl Backlog {
    fn has_room(&self, cap: Cap, bytes: usize) -> bool {
        let after = (self.words.load(Ordering::Relaxed) + 1, self.bytes.load(Ordering::Relaxed).saturating_add(bytes));
        after.0 <= cap.words && after.1 <= cap.bytes
    }
}

impl Load {
    fn new(bytes: usize, in_all: [Arc<Backlog>; 2]) -> Self {
        for waiting in &in_all {
            waiting.words.fetch_add(1, Ordering::Relaxed);
            waiting.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        Self(Arc::new(Counted { bytes, in_all }))
    }
}

impl PartialEq for Load {
    fn eq(&self, other: &Self) -> bool {
        self.0.bytes == other.0.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        for waiting in &self.in_all {
            waiting.words.fetch_sub(1, Ordering::Relaxed);
            waiting.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u8) -> PeerId {
        PeerId::from_random([number; 12])
    }

    #[test]
    fn what_waits_is_bounded_by_sender_and_in_all_and_given_back() {
        let mut inbound = Inbound::default();
        let mut loads: Vec<Load> = Vec::new();
        let mut answers = Vec::new();
        for number in 0..9 {
            for _ in 0..3 {
                match inbound.take(peer(number), 250_000, Reached::Now) {
                    Ok(load) => loads.push(load),
                    Err(why) => answers.push((number, why)),
                }
            }
        }
        assert_eq!(loads.len(), 16, "two of each sender, 4 MiB of all");
        assert_eq!(answers.iter().filter(|(_, why)| *why == Overload::Sender).count(), 8);
        assert_eq!(answers.iter().filter(|(number, why)| (*number, *why) == (8, Overload::Receiver)).count(), 3);
        loads.clear();
        assert!(inbound.take(peer(8), 250_000, Reached::Now).is_ok());
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to begin at")]
    fn a_page_that_reads_nothing_is_sent_less_than_is_kept_for_it_whoever_writes() {
        let start = Instant::now();
        let (mut inbound, mut words, mut refused) = (Inbound::default(), 0, [0; 2]);
        for second in 0..85 {
            let now = start + Duration::from_secs(second);
            for _ in 0..300 {
                for number in 0..11 {
                    match inbound.take_at_pace(peer(number), 100, now) {
                        Ok(()) => words += 1,
                        Err(Overload::Sender) => refused[0] += 1,
                        Err(Overload::Receiver) => refused[1] += 1,
                    }
                }
            }
        }
        assert!((5000..=6000 + 84 * 100).contains(&words), "of 11 members together: {words}");
        assert_eq!(refused[0], 0);
        let (mut inbound, bytes) = (Inbound::default(), 256 * 1024);
        let taken =
            (0..11).map(|number| (0..40).filter(|_| inbound.take_at_pace(peer(number), bytes, start).is_ok()).count());
        let taken: Vec<usize> = taken.collect();
        assert!(taken[0] == 32 && taken.iter().sum::<usize>() <= 48, "8 MiB of one, 12 MiB of all: {taken:?}");
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to begin at")]
    fn two_who_say_all_they_may_keep_nobody_else_from_a_page() {
        let start = Instant::now();
        let mut inbound = Inbound::default();
        for second in 0..300 {
            let now = start + Duration::from_secs(second);
            for _ in 0..5000 {
                let _taken = (inbound.take_at_pace(peer(1), 10, now), inbound.take_at_pace(peer(2), 10, now));
            }
        }
        let now = start + Duration::from_secs(300);
        let taken = (0..50).filter(|_| inbound.take_at_pace(peer(3), 1000, now).is_ok()).count();
        assert_eq!(taken, 50, "an offer and its candidates");
    }

    #[test]
    fn what_is_kept_for_somebody_away_waits_until_they_are_back() {
        let mut inbound = Inbound::default();
        let taken = (0..100).filter(|_| inbound.take(peer(1), 100, Reached::Later).is_ok()).count();
        assert_eq!(taken, AWAY_OF_ONE.words);
        inbound.release();
        assert!(inbound.take(peer(1), 100, Reached::Later).is_ok());
    }
}
