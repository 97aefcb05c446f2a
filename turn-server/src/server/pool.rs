//! The ports that relays stand on: a random choice among those that nobody has, and those that are reserved
//! (RFC 8656 section 7.2: "ports ... SHOULD be random").
//!
//! It opens nothing: a port that is free here may be taken by another program, and the shell finds out.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::family::Family;
use super::shared_state::{HostIndex, SharedState, Worker};

/// How long a reserved port waits for its token (RFC 8656 section 7.2 says at least 30 s).
const RESERVATION: Duration = Duration::from_secs(30);
/// Reservations at once: each holds a port and a socket that serve nobody, and ends with its allocation, which a quota
/// is for. Full: the request gets 508.
pub(crate) const RESERVATIONS: usize = 2048;
/// How often a pair is looked for while other workers take its halves.
const PAIRS: usize = 4;

/// What a relay's port must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PortRequest {
    /// Any.
    Any(Family),
    /// An even one (EVEN-PORT with R = 0).
    Even(Family),
    /// An even one, the next one reserved (EVEN-PORT with R = 1).
    Pair(Family),
    /// The one that was reserved (RESERVATION-TOKEN).
    Reserved(Token),
}

/// A port as a relay's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RelayEndpoint {
    /// As it is bound.
    pub(super) bound: SocketAddr,
    /// As peers see it.
    pub(super) advertised: SocketAddr,
}

/// Ports that were taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct PortGrant {
    pub(super) relay: RelayEndpoint,
    /// The port above, where both were wanted. It is nobody's until [`Pool::reserve`] gives it a token.
    pub(super) upper: Option<RelayEndpoint>,
}

/// What a client shows for a reserved port. It begins with the number of the worker that knows it.
pub(super) type Token = [u8; 8];

/// Why there is no port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPort {
    /// No address of that family.
    Family,
    /// All taken, or no such reservation.
    Exhausted,
}

/// One worker's way to the ports of all relay addresses.
pub(super) struct Pool {
    commons: Arc<SharedState>,
    worker: Worker,
    rng: StdRng,
    /// In the order in which they end.
    reservations: VecDeque<Reservation>,
}

/// A port whose socket is open, and that serves nobody yet.
struct Reservation {
    token: Token,
    relay: RelayEndpoint,
    until: Instant,
}

impl Pool {
    pub(super) fn new(commons: Arc<SharedState>, worker: Worker, seed: [u8; 32]) -> Self {
        Self { commons, worker, rng: StdRng::from_seed(seed), reservations: VecDeque::new() }
    }

    /// Random bits: transaction ids of indications, tickets, ids of connections.
    pub(super) fn random(&mut self) -> [u8; 12] {
        self.rng.random()
    }

    /// Takes a port; of several addresses of a family the one that the client came to (`near`), else the first.
    pub(super) fn take(&mut self, demand: PortRequest, near: IpAddr) -> Result<PortGrant, NoPort> {
        match demand {
            PortRequest::Any(family) => self.take_where(family, near, |_, _, _| true).map(|(_, _, taken)| taken),
            PortRequest::Even(family) => {
                self.take_where(family, near, |commons, _, at| commons.port(at) % 2 == 0).map(|(_, _, taken)| taken)
            }
            PortRequest::Pair(family) => self.take_pair(family, near),
            PortRequest::Reserved(token) => {
                self.redeem(token).map(|relay| PortGrant { relay, upper: None }).ok_or(NoPort::Exhausted)
            }
        }
    }

    pub(super) fn release(&mut self, relay: SocketAddr) {
        self.commons.release(relay);
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.reservations.front().map(|reservation| reservation.until)
    }

    /// Keeps a port, whose socket is open, for anyone who shows the token.
    pub(super) fn reserve(&mut self, relay: RelayEndpoint, now: Instant) -> Token {
        let mut token: Token = self.rng.random();
        token[0] = self.worker;
        self.reservations.push_back(Reservation { token, relay, until: now + RESERVATION });
        token
    }

    /// A port that nobody came for: it is free again, and its socket should be closed.
    pub(super) fn expired(&mut self, now: Instant) -> Option<SocketAddr> {
        let reservation = self.reservations.pop_front_if(|reservation| reservation.until <= now)?;
        self.release(reservation.relay.bound);
        Some(reservation.relay.bound)
    }

    /// Ends a reservation, where it stands: as [`Pool::expired`].
    pub(super) fn cancel(&mut self, token: Token) -> Option<SocketAddr> {
        let relay = self.redeem(token)?.bound;
        self.release(relay);
        Some(relay)
    }

    fn take_where(
        &mut self,
        family: Family,
        near: IpAddr,
        fits: impl Fn(&SharedState, HostIndex, usize) -> bool,
    ) -> Result<(HostIndex, usize, PortGrant), NoPort> {
        let host = self.commons.host(|ip| Family::of(ip) == family, near).ok_or(NoPort::Family)?;
        let count = self.commons.ports();
        let start = if count == 0 { 0 } else { self.rng.random_range(0..count) };
        let commons = &self.commons;
        let take = |at: &usize| fits(commons, host, *at) && commons.claim(host, *at, self.worker);
        let at = (start..count).chain(0..start).find(take).ok_or(NoPort::Exhausted)?;
        let relay = self.relay(host, at).ok_or(NoPort::Family)?;
        Ok((host, at, PortGrant { relay, upper: None }))
    }

    fn take_pair(&mut self, family: Family, near: IpAddr) -> Result<PortGrant, NoPort> {
        if self.reservations.len() >= RESERVATIONS {
            return Err(NoPort::Exhausted);
        }
        let pair =
            |commons: &SharedState, host, at| commons.port(at).is_multiple_of(2) && commons.is_free(host, at + 1);
        for _ in 0..PAIRS {
            let (host, at, lower) = self.take_where(family, near, pair)?;
            // Another worker may have taken the upper one in the meantime.
            if !self.commons.claim(host, at + 1, self.worker) {
                self.release(lower.relay.bound);
                continue;
            }
            let upper = self.relay(host, at + 1).ok_or(NoPort::Family)?;
            return Ok(PortGrant { upper: Some(upper), ..lower });
        }
        Err(NoPort::Exhausted)
    }

    fn redeem(&mut self, token: Token) -> Option<RelayEndpoint> {
        let at = self.reservations.iter().position(|reservation| reservation.token == token)?;
        self.reservations.remove(at).map(|reservation| reservation.relay)
    }

    fn relay(&self, host: HostIndex, at: usize) -> Option<RelayEndpoint> {
        let address = self.commons.address(host)?;
        let port = self.commons.port(at);
        Some(RelayEndpoint {
            bound: SocketAddr::new(address.bound, port),
            advertised: SocketAddr::new(address.advertised, port),
        })
    }
}
