//! What a sound card's callbacks leave behind: counts, never words.
//!
//! Owner of: atomic numbers, written by the callbacks and read by everybody. Relaxed: nothing else hangs on them.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use hearth_base::DeviceFault;

/// One stream's counts.
#[derive(Debug, Default)]
pub(super) struct StreamStats {
    callbacks: AtomicU64,
    /// Samples that a full ring did not take, or an empty one did not have.
    missed: AtomicU64,
    /// Between the callback and the card's own time, microseconds.
    latency: AtomicU32,
    /// A [`Trouble`], or 0.
    trouble: AtomicU8,
}

/// What the card complained of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    Gone = 1,
    Denied = 2,
    NoServer = 3,
}

/// Longer than that no card takes; it is a clock that is wrong.
const LONGEST: Duration = Duration::from_millis(500);

impl StreamStats {
    /// A callback came, so much ahead of or behind the card's own time.
    pub(super) fn called(&self, latency: Duration) {
        self.callbacks.fetch_add(1, Ordering::Relaxed);
        self.latency.store(latency.min(LONGEST).as_micros() as u32, Ordering::Relaxed);
    }

    pub(super) fn missed(&self, samples: usize) {
        self.missed.fetch_add(samples as u64, Ordering::Relaxed);
    }

    pub(super) fn complain(&self, trouble: Trouble) {
        self.trouble.store(trouble as u8, Ordering::Relaxed);
    }

    pub(super) fn callbacks(&self) -> u64 {
        self.callbacks.load(Ordering::Relaxed)
    }

    pub(super) fn misses(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    pub(super) fn latency(&self) -> Duration {
        Duration::from_micros(self.latency.load(Ordering::Relaxed).into())
    }

    pub(super) fn fault(&self) -> Option<DeviceFault> {
        match self.trouble.load(Ordering::Relaxed) {
            1 => Some(DeviceFault::Unplugged),
            2 => Some(DeviceFault::NoPermission),
            3 => Some(DeviceFault::NoSoundServer),
            _ => None,
        }
    }
}
