//! The wall clock, told now and then and counted on by the monotonic one in between.

use std::time::{Duration, Instant};

use super::Server;

/// Both clocks at one moment.
pub(super) struct Clock {
    pub(super) anchor: Instant,
    /// Since 1970.
    pub(super) unix: Duration,
    /// When the last request came.
    pub(super) told: Instant,
}

impl Clock {
    pub(super) fn unix(&self, now: Instant) -> Duration {
        self.unix + now.saturating_duration_since(self.anchor)
    }
}

impl Server {
    /// Takes the wall clock once more: it may have been set since, and nothing counts while a machine sleeps.
    pub fn handle_clock(&mut self, now: Instant, unix: Duration) {
        self.clock.anchor = now;
        self.clock.unix = unix;
    }
}
