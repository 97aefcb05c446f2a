//! What the controller's loop waits for, where it may not be there.

use std::time::Instant;

use mdns_sd::{Receiver, ServiceEvent};

use super::call_session::CallSession;

/// The next event, or that there will be no more of them.
pub(super) async fn next(browsing: &Option<Receiver<ServiceEvent>>) -> Option<ServiceEvent> {
    match browsing {
        Some(browsing) => browsing.recv_async().await.ok(),
        None => std::future::pending().await,
    }
}

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
