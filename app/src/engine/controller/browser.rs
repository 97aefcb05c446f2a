//! The search for rooms on this network, for as long as the controller lives.
//!
//! Owner of: which rooms are nearby. Port 5353 and the search itself are `discovery`'s.

use mdns_sd::{Receiver, ServiceEvent};

use crate::engine::discovery::{Discovery, Nearby};

/// Browses for rooms (DNS-SD, RFC 6763).
pub(super) struct RoomBrowser {
    discovery: Discovery,
    events: Option<Receiver<ServiceEvent>>,
    pub(super) nearby: Nearby,
    /// Whether the network is looked at more often than at rest.
    is_awaited: bool,
}

impl RoomBrowser {
    /// One that does not browse yet.
    pub(super) fn new(discovery: Discovery) -> Self {
        Self { discovery, events: None, nearby: Nearby::default(), is_awaited: false }
    }

    /// Begins, or begins again with nothing found.
    pub(super) fn browse(&mut self) {
        self.nearby = Nearby::default();
        self.events = self.discovery.browse();
    }

    /// The next event, or that there will be no more of them.
    pub(super) async fn next(&self) -> Option<ServiceEvent> {
        match &self.events {
            Some(events) => events.recv_async().await.ok(),
            None => std::future::pending().await,
        }
    }

    /// Something was announced or withdrawn, or the search has ended: who falls behind in a flood is told no more.
    /// Whether the list of rooms is a different one.
    pub(super) fn on_found(&mut self, event: Option<ServiceEvent>) -> bool {
        match event {
            Some(event) => self.nearby.handle(event),
            None => {
                self.browse();
                true
            }
        }
    }

    /// Whether somebody waits for what the network says.
    pub(super) fn set_awaited(&mut self, awaited: bool) {
        if self.is_awaited != awaited {
            self.is_awaited = awaited;
            self.discovery.set_awaited(awaited);
        }
    }
}
