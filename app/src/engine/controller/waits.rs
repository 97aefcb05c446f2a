//! What the controller's loop waits for, where it may not be there.

use std::time::Instant;

use super::call_session::CallSession;

/// Done when the visit has changed.
pub(super) async fn changed(visit: &mut Option<CallSession>) {
    match visit {
        Some(visit) => visit.changed().await,
        None => std::future::pending().await,
    }
}

/// Done at that time.
pub(super) async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
