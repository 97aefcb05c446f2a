//! Waiting for a moment that there may be none of. Holds no state.

use std::future::pending;
use std::time::Instant;

/// Ends at the deadline; without one, never.
pub(super) async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => pending().await,
    }
}
