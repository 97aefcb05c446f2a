//! The rooms in virtual time.

use std::time::Instant;

#[expect(clippy::disallowed_methods, reason = "an Instant can be made in no other way; the tests only add to it")]
pub(crate) fn start() -> Instant {
    Instant::now()
}
