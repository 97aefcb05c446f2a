//! Whose TURN credentials a relay in this process is to honour: those of who is in a room, and of who may be about to
//! come into one.
//!
//! A credential names its second of expiry and its peer, and the relay asks nobody. So it is told: granted when a
//! credential is handed out, withdrawn a while after the peer has left its room. Owner of the news that the relay has
//! not been told yet.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use hearth_protocol::PeerId;

use super::Rooms;
use super::timers::Timer;

/// How long credentials outlive their peer's place in a room: who comes back within it finds its connections alive.
/// Sessions that are away are in their room still.
pub(super) const GRACE: Duration = Duration::from_secs(60);

/// What the relay should be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Honour credentials of this peer.
    Give(PeerId),
    /// No more, and end what stands by them.
    Withdraw(PeerId),
}

/// What decides whom a relay in this process serves: credentials, and the addresses of who is inside.
#[derive(Debug, Default)]
pub(super) struct RelayAccess {
    pub(super) grants: Grants,
    /// Raised whenever somebody comes into a room, leaves it, or comes back from elsewhere.
    pub(super) presence: u64,
}

/// News for the relay.
#[derive(Debug, Default)]
pub(super) struct Grants {
    /// Whether there is anybody to be told.
    is_told: bool,
    /// Drained by the caller after each input, before its other outputs; one input yields one for each member at most.
    news: VecDeque<Grant>,
}

impl Grants {
    fn push(&mut self, grant: Grant) {
        if self.is_told {
            self.news.push_back(grant);
        }
    }

    pub(super) fn withdraw(&mut self, peer: PeerId) {
        self.push(Grant::Withdraw(peer));
    }
}

impl Rooms {
    /// From now on says whose credentials are good, by [`Self::poll_grant`].
    pub fn tell_grants(&mut self) {
        self.relay_access.grants.is_told = true;
    }

    /// What the relay should be told next: before what [`Self::poll_output`] says is done, for the credential is in it.
    pub fn poll_grant(&mut self) -> Option<Grant> {
        self.relay_access.grants.news.pop_front()
    }

    /// `peer` is given a credential.
    pub(super) fn grant(&mut self, peer: PeerId) {
        self.timers.cancel(Timer::Credential(peer));
        self.relay_access.grants.push(Grant::Give(peer));
    }

    /// `peer` needs its credential no more, unless it is back soon.
    pub(super) fn expire_grant(&mut self, peer: PeerId, now: Instant) {
        if self.relay_access.grants.is_told {
            self.timers.set(Timer::Credential(peer), now + GRACE);
        }
    }
}
