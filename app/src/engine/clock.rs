//! The clock of the shell. Below it time is an argument; here it is read.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Now, on the clock that everything is timed by.
#[expect(clippy::disallowed_methods, reason = "this is the shell: the one place of the client that reads the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Now, on the calendar, in whole seconds.
pub(crate) fn unix_s() -> u64 {
    since_1970().as_secs()
}

/// Now, on the calendar: time since 1970. Two machines compare stamps by it.
#[expect(clippy::disallowed_methods, reason = "this is the shell: the one place of the client that reads the clock")]
pub(crate) fn since_1970() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
