//! The two clocks, read in the shell only.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::rooms::{Epoch, Rooms};

#[expect(clippy::disallowed_methods, reason = "the shell's one look at the monotonic clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Seconds since 1970; a clock before that counts as 1970.
#[expect(clippy::disallowed_methods, reason = "the shell's one look at the calendar")]
pub(crate) fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

pub(crate) fn epoch() -> Epoch {
    Epoch { at: now(), unix_s: unix_s() }
}

/// The moment at which the rooms hear something: they are told both clocks first, for the calendar may have been set.
pub(crate) fn tell(rooms: &mut Rooms) -> Instant {
    let epoch = epoch();
    rooms.handle_clock(epoch);
    epoch.at
}
