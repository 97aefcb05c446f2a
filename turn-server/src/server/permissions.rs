//! With whom an allocation exchanges data, and by which numbers (RFC 8656 sections 9 and 12).
//!
//! Both end by comparison with `now`, not by timers; what has ended is swept when room is needed. They are sorted
//! vectors: an allocation usually has one to four of each, and an empty one takes no memory.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// How long a permission lasts (RFC 8656 section 9).
pub(super) const PERMISSION: Duration = Duration::from_secs(300);
/// How long a channel stays bound (RFC 8656 section 12).
pub(super) const CHANNEL: Duration = Duration::from_secs(600);

/// No room for one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// The addresses with which data may be exchanged, and until when.
pub(super) struct Permissions {
    /// By address.
    until: Vec<(IpAddr, Instant)>,
    /// What the quota allows; full: the request gets 508 and nothing changes.
    cap: usize,
}

impl Permissions {
    pub(super) fn new(cap: usize) -> Self {
        Self { until: Vec::new(), cap }
    }

    pub(super) fn holds(&self, peer: IpAddr, now: Instant) -> bool {
        self.until.iter().any(|(ip, until)| *ip == peer && *until > now)
    }

    /// Ends the permissions of those addresses.
    pub(super) fn forbid(&mut self, is_forbidden: impl Fn(IpAddr) -> bool) {
        self.until.retain(|(peer, _)| !is_forbidden(*peer));
    }

    /// Installs or refreshes permissions for all of `peers`, or for none of them.
    pub(super) fn install(&mut self, peers: &[IpAddr], now: Instant) -> Result<(), Full> {
        self.until.retain(|(_, until)| *until > now);
        let place = |all: &[(IpAddr, Instant)], peer: &IpAddr| all.binary_search_by_key(peer, |(ip, _)| *ip);
        let mut fresh: Vec<_> = peers.iter().filter(|peer| place(&self.until, peer).is_err()).collect();
        fresh.sort_unstable();
        fresh.dedup();
        if self.until.len() + fresh.len() > self.cap {
            return Err(Full);
        }
        for peer in peers {
            match place(&self.until, peer) {
                Ok(at) => self.until.iter_mut().skip(at).take(1).for_each(|(_, until)| *until = now + PERMISSION),
                Err(at) => self.until.insert(at, (*peer, now + PERMISSION)),
            }
        }
        Ok(())
    }
}

/// The channels of an allocation: number to peer and back.
pub(super) struct Channels {
    bound: Vec<Channel>,
    /// What the quota allows; full: the request gets 508 and nothing changes.
    cap: usize,
}

struct Channel {
    number: u16,
    peer: SocketAddr,
    until: Instant,
}

/// Why a channel cannot be bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChannelBindError {
    /// The number stands for another peer, or the peer has another number.
    Conflict,
    /// No room for one more.
    Full,
}

impl Channels {
    pub(super) fn new(cap: usize) -> Self {
        Self { bound: Vec::new(), cap }
    }

    pub(super) fn peer(&self, number: u16, now: Instant) -> Option<SocketAddr> {
        let channel = self.bound.iter().find(|channel| channel.number == number)?;
        (channel.until > now).then_some(channel.peer)
    }

    pub(super) fn number(&self, peer: SocketAddr, now: Instant) -> Option<u16> {
        let channel = self.bound.iter().find(|channel| channel.peer == peer)?;
        (channel.until > now).then_some(channel.number)
    }

    /// Ends the channels of those addresses.
    pub(super) fn forbid(&mut self, is_forbidden: impl Fn(IpAddr) -> bool) {
        self.bound.retain(|channel| !is_forbidden(channel.peer.ip()));
    }

    /// Whether [`Channels::bind`] would succeed. What has ended is forgotten on the way.
    pub(super) fn check(&mut self, number: u16, peer: SocketAddr, now: Instant) -> Result<(), ChannelBindError> {
        self.bound.retain(|channel| channel.until > now);
        let other = self.bound.iter().find(|channel| channel.number == number || channel.peer == peer);
        match other {
            Some(channel) if channel.number == number && channel.peer == peer => Ok(()),
            Some(_) => Err(ChannelBindError::Conflict),
            None if self.bound.len() < self.cap => Ok(()),
            None => Err(ChannelBindError::Full),
        }
    }

    /// Binds a channel that was checked, or refreshes it.
    pub(super) fn bind(&mut self, number: u16, peer: SocketAddr, now: Instant) {
        let until = now + CHANNEL;
        match self.bound.iter_mut().find(|channel| channel.number == number) {
            Some(channel) => channel.until = until,
            None => self.bound.push(Channel { number, peer, until }),
        }
    }
}
