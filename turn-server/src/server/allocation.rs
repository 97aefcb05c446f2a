//! One allocation: whose it is, its relay, its permissions and channels (RFC 8656 sections 3.2, 9 and 12).
//!
//! Permissions and channels end by comparison with `now`, not by timers; what has ended is swept when room is needed.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::pool::Demand;
use crate::codec::TransactionId;
use crate::crypto::Key;

/// How long a permission lasts (RFC 8656 section 9).
pub(super) const PERMISSION: Duration = Duration::from_secs(300);
/// How long a channel stays bound (RFC 8656 section 12).
pub(super) const CHANNEL: Duration = Duration::from_secs(600);

/// What tells clients apart (RFC 8656 section 3.2). The transport is UDP; another one would be a third field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FiveTuple {
    pub(super) client: SocketAddr,
    pub(super) local: SocketAddr,
}

/// Whether an allocation's relay is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The shell was told to open it.
    Opening {
        /// How to ask the pool for another one, should this fail.
        demand: Demand,
        /// How often a port turned out to be taken.
        failures: u8,
        /// Whether the request carried FINGERPRINT.
        fingerprinted: bool,
    },
    /// It relays.
    Live,
}

/// An allocation.
pub(super) struct Allocation {
    pub(super) phase: Phase,
    /// The relay, as it is bound.
    pub(super) relay: SocketAddr,
    /// The relay, as peers see it.
    pub(super) advertised: SocketAddr,
    pub(super) username: Box<[u8]>,
    pub(super) key: Key,
    /// The request that made it: the same one again is a retransmission.
    pub(super) transaction: TransactionId,
    pub(super) lifetime: Duration,
    pub(super) expires: Instant,
    /// The token of the port above, where EVEN-PORT asked for it.
    pub(super) reservation: Option<[u8; 8]>,
    pub(super) permissions: Permissions,
    pub(super) channels: Channels,
}

/// No room for one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// The addresses with which data may be exchanged, and until when.
pub(super) struct Permissions {
    until: BTreeMap<IpAddr, Instant>,
    /// What the quota allows; full: the request gets 508 and nothing changes.
    cap: usize,
}

impl Permissions {
    pub(super) fn new(cap: usize) -> Self {
        Self { until: BTreeMap::new(), cap }
    }

    pub(super) fn holds(&self, peer: IpAddr, now: Instant) -> bool {
        self.until.get(&peer).is_some_and(|until| *until > now)
    }

    /// Ends the permissions of those addresses.
    pub(super) fn forbid(&mut self, is_forbidden: impl Fn(IpAddr) -> bool) {
        self.until.retain(|peer, _| !is_forbidden(*peer));
    }

    /// Installs or refreshes permissions for all of `peers`, or for none of them.
    pub(super) fn install(&mut self, peers: &[IpAddr], now: Instant) -> Result<(), Full> {
        self.until.retain(|_, until| *until > now);
        let mut fresh: Vec<_> = peers.iter().filter(|peer| !self.until.contains_key(peer)).collect();
        fresh.sort_unstable();
        fresh.dedup();
        if self.until.len() + fresh.len() > self.cap {
            return Err(Full);
        }
        self.until.extend(peers.iter().map(|peer| (*peer, now + PERMISSION)));
        Ok(())
    }
}

/// The channels of an allocation: number to peer and back.
pub(super) struct Channels {
    by_number: BTreeMap<u16, (SocketAddr, Instant)>,
    by_peer: BTreeMap<SocketAddr, u16>,
    /// What the quota allows; full: the request gets 508 and nothing changes.
    cap: usize,
}

/// Why a channel cannot be bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BindError {
    /// The number stands for another peer, or the peer has another number.
    Conflict,
    /// No room for one more.
    Full,
}

impl Channels {
    pub(super) fn new(cap: usize) -> Self {
        Self { by_number: BTreeMap::new(), by_peer: BTreeMap::new(), cap }
    }

    pub(super) fn peer(&self, number: u16, now: Instant) -> Option<SocketAddr> {
        self.by_number.get(&number).filter(|(_, until)| *until > now).map(|(peer, _)| *peer)
    }

    pub(super) fn number(&self, peer: SocketAddr, now: Instant) -> Option<u16> {
        let number = *self.by_peer.get(&peer)?;
        self.peer(number, now).map(|_| number)
    }

    /// Ends the channels of those addresses.
    pub(super) fn forbid(&mut self, is_forbidden: impl Fn(IpAddr) -> bool) {
        self.by_number.retain(|_, (peer, _)| !is_forbidden(peer.ip()));
        self.by_peer.retain(|peer, _| !is_forbidden(peer.ip()));
    }

    /// Whether [`Channels::bind`] would succeed. What has ended is forgotten on the way.
    pub(super) fn check(&mut self, number: u16, peer: SocketAddr, now: Instant) -> Result<(), BindError> {
        self.by_number.retain(|_, (_, until)| *until > now);
        self.by_peer.retain(|_, number| self.by_number.contains_key(number));
        match (self.by_number.get(&number), self.by_peer.get(&peer)) {
            (Some((bound, _)), Some(_)) if *bound == peer => Ok(()),
            (None, None) if self.by_number.len() < self.cap => Ok(()),
            (None, None) => Err(BindError::Full),
            (Some(_), _) | (None, Some(_)) => Err(BindError::Conflict),
        }
    }

    /// Binds a channel that was checked, or refreshes it.
    pub(super) fn bind(&mut self, number: u16, peer: SocketAddr, now: Instant) {
        self.by_number.insert(number, (peer, now + CHANNEL));
        self.by_peer.insert(peer, number);
    }
}
