//! What time it is, on both clocks that media needs.
//!
//! Everything here takes a [`Now`] as an argument; only the threads call [`Now::read`]. Owns nothing.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One moment on two clocks: one that never jumps, and one that all machines share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// For deadlines and durations.
    pub monotonic: Instant,
    /// Since 1970 (`CLOCK_REALTIME`): for stamps and chirps, which another machine reads.
    pub realtime: Duration,
}

impl Now {
    /// Reads both clocks: for the threads' shells, nowhere else.
    #[expect(clippy::disallowed_methods, reason = "the one place of this crate where the clocks are read")]
    pub fn read() -> Self {
        debug_assert!(!crate::realtime::is_here(), "a sound card's callback reads no clock");
        let realtime = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { monotonic: Instant::now(), realtime }
    }

    /// The same pair of clocks at another moment.
    #[must_use]
    pub fn at(self, monotonic: Instant) -> Self {
        let ahead = monotonic.saturating_duration_since(self.monotonic);
        let behind = self.monotonic.saturating_duration_since(monotonic);
        Self { monotonic, realtime: (self.realtime + ahead).saturating_sub(behind) }
    }
}
