//! One allocation: whose it is, its relays, its permissions and channels (RFC 8656 section 3.2).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::family::Family;
use super::limit::Limits;
use super::permissions::{Channels, Permissions};
use super::pool::{PortRequest, RelayEndpoint, Token};
use super::shared_state::Worker;
use super::source::Source;
use crate::codec::TransactionId;
use crate::crypto::{Integrity, Key};

/// What relays speak to peers (REQUESTED-TRANSPORT).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Datagrams.
    Udp,
    /// Connections (RFC 6062).
    Tcp,
}

/// Whether an allocation's relays are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AllocationPhase {
    /// The shell was told to open one.
    Opening(Box<PendingRelay>),
    /// It relays.
    Live,
}

/// What is needed to go on once the shell has opened a relay, or has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PendingRelay {
    /// How to ask the pool for another one, should this fail.
    pub(super) demand: PortRequest,
    /// The port above that should be reserved, until its socket is open (EVEN-PORT with R = 1).
    pub(super) upper: Option<RelayEndpoint>,
    /// How often a port turned out to be taken.
    pub(super) failures: u8,
    /// Those ports: they rest until the request is answered, so that none is tried twice.
    pub(super) tried: Vec<SocketAddr>,
    /// A second relay of this family is wanted, and not tried yet (ADDITIONAL-ADDRESS-FAMILY).
    pub(super) wanted: Option<Family>,
    /// Whether the request carried FINGERPRINT.
    pub(super) fingerprinted: bool,
    /// How the request was signed.
    pub(super) integrity: Integrity,
}

/// An allocation.
pub(super) struct Allocation {
    pub(super) phase: AllocationPhase,
    pub(super) protocol: Protocol,
    pub(super) relays: Relays,
    pub(super) owner: Owner,
    /// The request that made it: the same one again is a retransmission.
    pub(super) transaction: TransactionId,
    pub(super) lifetime: Duration,
    pub(super) expires: Instant,
    pub(super) ticket: Option<Box<Tickets>>,
    pub(super) permissions: Permissions,
    pub(super) channels: Channels,
    pub(super) limits: Option<Box<Limits>>,
    /// When its Connect requests would have been quiet long enough to be forgotten.
    pub(super) connects: Option<Instant>,
}

/// Who is accounted for an allocation, and signs what is asked of it.
pub(super) struct Owner {
    pub(super) username: Box<[u8]>,
    /// Where its client came from when it asked: a client that moves is counted there still.
    pub(super) source: Source,
    pub(super) key: Key,
}

/// The relayed transport addresses of an allocation, and the port that is kept for its next one.
pub(super) struct Relays {
    pub(super) first: RelayEndpoint,
    pub(super) second: Second,
    /// The token of the port above, where EVEN-PORT asked for it.
    pub(super) reservation: Option<Token>,
}

impl Relays {
    /// All of them, as many as there are.
    pub(super) fn all(&self) -> impl Iterator<Item = RelayEndpoint> + use<> {
        let second = match self.second {
            Second::Relay(relay) => Some(relay),
            Second::None | Second::Refused(..) => None,
        };
        std::iter::once(self.first).chain(second)
    }

    /// The relay from which a peer of `address`'s family is reached.
    pub(super) fn for_peer(&self, address: SocketAddr) -> Option<RelayEndpoint> {
        self.all().find(|relay| relay.bound.is_ipv4() == address.is_ipv4())
    }
}

/// The relay of the other family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Second {
    /// Not asked for, or given up since.
    None,
    /// There.
    Relay(RelayEndpoint),
    /// Asked for and not to be had: why, as an error code, and the family.
    Refused(u16, Family),
}

/// What a client that moves shows (RFC 8016). It begins with the number of the worker that knows it.
pub(super) type Ticket = [u8; 16];

/// The ticket that is good, and the one that it replaced.
#[derive(Clone, Debug)]
pub(super) struct Tickets {
    pub(super) current: Ticket,
    /// The ticket that was last used, and by which request: the same one again is a retransmission.
    pub(super) used: Option<(Ticket, TransactionId)>,
}

impl Allocation {
    pub(super) fn is_live(&self) -> bool {
        match self.phase {
            AllocationPhase::Live => true,
            AllocationPhase::Opening(_) => false,
        }
    }

    /// Whether datagrams pass through it.
    pub(super) fn relays_datagrams(&self) -> bool {
        self.is_live() && self.protocol == Protocol::Udp
    }

    /// The port above its relay, while its socket is opened.
    pub(super) fn upper(&self) -> Option<RelayEndpoint> {
        match &self.phase {
            AllocationPhase::Opening(opening) => opening.upper,
            AllocationPhase::Live => None,
        }
    }
}

/// The worker that made a ticket, token or id.
pub(super) fn maker(secret: &[u8]) -> Option<Worker> {
    secret.first().copied()
}
