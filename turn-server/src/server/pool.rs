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

use super::commons::{Commons, HostIndex, Worker};

/// How long a reserved port waits for its token (RFC 8656 section 7.2 says at least 30 s).
const RESERVATION: Duration = Duration::from_secs(30);
/// Reservations at once: each holds a port that serves nobody, and ends with its allocation, which a quota is for. Full: the
/// request gets 508.
const RESERVATIONS: usize = 2048;
/// How often a pair is looked for while other workers take its halves.
const PAIRS: usize = 4;

/// The address families of relays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    pub(super) fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

/// What a relay's port must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    /// Any.
    Any(Family),
    /// An even one (EVEN-PORT with R = 0).
    Even(Family),
    /// An even one, the next one reserved (EVEN-PORT with R = 1).
    Pair(Family),
    /// The one that was reserved (RESERVATION-TOKEN).
    Reserved([u8; 8]),
}

/// A port that was taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    /// The relay, as it is to be bound.
    pub(super) relay: SocketAddr,
    /// The relay, as peers see it.
    pub(super) advertised: SocketAddr,
    /// The token of the port above.
    pub(super) reservation: Option<[u8; 8]>,
}

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
    commons: Arc<Commons>,
    worker: Worker,
    rng: StdRng,
    /// In the order in which they end. Their tokens begin with the worker's number, so that another one knows whose they are.
    reservations: VecDeque<Reservation>,
}

struct Reservation {
    token: [u8; 8],
    taken: Taken,
    until: Instant,
}

impl Pool {
    pub(super) fn new(commons: Arc<Commons>, worker: Worker, seed: [u8; 32]) -> Self {
        Self { commons, worker, rng: StdRng::from_seed(seed), reservations: VecDeque::new() }
    }

    /// Random bits: transaction ids of indications, tickets, ids of connections.
    pub(super) fn random(&mut self) -> [u8; 12] {
        self.rng.random()
    }

    /// Takes a port; of several addresses of a family the one that the client came to (`near`), else the first.
    pub(super) fn take(&mut self, demand: Demand, near: IpAddr, now: Instant) -> Result<Taken, NoPort> {
        match demand {
            Demand::Any(family) => self.take_where(family, near, |_, _, _| true).map(|(_, _, taken)| taken),
            Demand::Even(family) => {
                self.take_where(family, near, |commons, _, at| commons.port(at) % 2 == 0).map(|(_, _, taken)| taken)
            }
            Demand::Pair(family) => self.take_pair(family, near, now),
            Demand::Reserved(token) => self.redeem(token),
        }
    }

    pub(super) fn release(&mut self, relay: SocketAddr) {
        self.commons.release(relay);
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.reservations.front().map(|reservation| reservation.until)
    }

    /// Frees the ports that nobody came for.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some(reservation) = self.reservations.pop_front_if(|reservation| reservation.until <= now) {
            self.release(reservation.taken.relay);
        }
    }

    /// Forgets a reservation whose own relay could not be opened.
    pub(super) fn cancel(&mut self, token: [u8; 8]) {
        if let Ok(Taken { relay, .. }) = self.redeem(token) {
            self.release(relay);
        }
    }

    fn take_where(
        &mut self,
        family: Family,
        near: IpAddr,
        fits: impl Fn(&Commons, HostIndex, usize) -> bool,
    ) -> Result<(HostIndex, usize, Taken), NoPort> {
        let host = self.commons.host(|ip| Family::of(ip) == family, near).ok_or(NoPort::Family)?;
        let count = self.commons.ports();
        let start = if count == 0 { 0 } else { self.rng.random_range(0..count) };
        let commons = &self.commons;
        let take = |at: &usize| fits(commons, host, *at) && commons.claim(host, *at, self.worker);
        let at = (start..count).chain(0..start).find(take).ok_or(NoPort::Exhausted)?;
        let taken = self.taken(host, at).ok_or(NoPort::Family)?;
        Ok((host, at, taken))
    }

    fn take_pair(&mut self, family: Family, near: IpAddr, now: Instant) -> Result<Taken, NoPort> {
        if self.reservations.len() >= RESERVATIONS {
            return Err(NoPort::Exhausted);
        }
        let pair = |commons: &Commons, host, at| commons.port(at).is_multiple_of(2) && commons.is_free(host, at + 1);
        for _ in 0..PAIRS {
            let (host, at, mut lower) = self.take_where(family, near, pair)?;
            // Another worker may have taken the upper one in the meantime.
            if !self.commons.claim(host, at + 1, self.worker) {
                self.release(lower.relay);
                continue;
            }
            let upper = self.taken(host, at + 1).ok_or(NoPort::Family)?;
            let mut token: [u8; 8] = self.rng.random();
            token[0] = self.worker;
            self.reservations.push_back(Reservation { token, taken: upper, until: now + RESERVATION });
            lower.reservation = Some(token);
            return Ok(lower);
        }
        Err(NoPort::Exhausted)
    }

    fn redeem(&mut self, token: [u8; 8]) -> Result<Taken, NoPort> {
        let at = self.reservations.iter().position(|reservation| reservation.token == token);
        let reservation = at.and_then(|at| self.reservations.remove(at)).ok_or(NoPort::Exhausted)?;
        Ok(reservation.taken)
    }

    fn taken(&self, host: HostIndex, at: usize) -> Option<Taken> {
        let address = self.commons.address(host)?;
        let port = self.commons.port(at);
        let (relay, advertised) = (SocketAddr::new(address.bound, port), SocketAddr::new(address.advertised, port));
        Some(Taken { relay, advertised, reservation: None })
    }
}
