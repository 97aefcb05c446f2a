//! The ports that relays stand on: which are taken, which are reserved, and a random choice among the rest
//! (RFC 8656 section 7.2: "ports ... SHOULD be random").
//!
//! It opens nothing: a port that is free here may be taken by another program, and the shell finds out.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::RelayAddress;

/// How long a reserved port waits for its token (RFC 8656 section 7.2 says at least 30 s).
const RESERVATION: Duration = Duration::from_secs(30);
/// Reservations at once: each holds a port that serves nobody. Full: the request gets 508.
const RESERVATIONS: usize = 256;

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

/// The ports of all relay addresses.
pub(super) struct Pool {
    hosts: Vec<Host>,
    first: u16,
    rng: StdRng,
    /// In the order in which they end.
    reservations: VecDeque<Reservation>,
}

struct Host {
    address: RelayAddress,
    taken: Vec<bool>,
}

struct Reservation {
    token: [u8; 8],
    relay: SocketAddr,
    until: Instant,
}

impl Pool {
    pub(super) fn new(addresses: &[RelayAddress], ports: &RangeInclusive<u16>, seed: [u8; 32]) -> Self {
        let hosts = addresses.iter().map(|address| Host { address: *address, taken: vec![false; ports.len()] });
        Self {
            hosts: hosts.collect(),
            first: *ports.start(),
            rng: StdRng::from_seed(seed),
            reservations: VecDeque::new(),
        }
    }

    /// Random bits, for the transaction ids of indications.
    pub(super) fn random(&mut self) -> [u8; 12] {
        self.rng.random()
    }

    /// Takes a port; of several addresses of a family the one that the client came to (`near`), else the first.
    pub(super) fn take(&mut self, demand: Demand, near: IpAddr, now: Instant) -> Result<Taken, NoPort> {
        match demand {
            Demand::Any(family) => self.take_where(family, near, |_, _| true),
            Demand::Even(family) => self.take_where(family, near, |_, port| port % 2 == 0),
            Demand::Pair(family) => self.take_pair(family, near, now),
            Demand::Reserved(token) => self.redeem(token),
        }
    }

    pub(super) fn release(&mut self, relay: SocketAddr) {
        let first = self.first;
        let host = self.hosts.iter_mut().find(|host| host.address.bound == relay.ip());
        if let Some(taken) = host.and_then(|host| host.taken.get_mut(slot(first, relay.port())?)) {
            *taken = false;
        }
    }

    /// The bound address of a relay that peers see as `advertised`; `None` when no relay stands on that address.
    pub(super) fn bound(&self, advertised: SocketAddr) -> Option<SocketAddr> {
        let is_it = |host: &&Host| host.address.advertised == advertised.ip() || host.address.bound == advertised.ip();
        let host = self.hosts.iter().find(is_it)?;
        Some(SocketAddr::new(host.address.bound, advertised.port()))
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.reservations.front().map(|reservation| reservation.until)
    }

    /// Frees the ports that nobody came for.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some(reservation) = self.reservations.pop_front_if(|reservation| reservation.until <= now) {
            self.release(reservation.relay);
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
        fits: impl Fn(&[bool], u16) -> bool,
    ) -> Result<Taken, NoPort> {
        let of_family = |host: &&mut Host| Family::of(host.address.bound) == family;
        let near = self.hosts.iter().any(|host| host.address.bound == near).then_some(near);
        let near = near.filter(|near| Family::of(*near) == family);
        let host = self.hosts.iter_mut().filter(of_family).find(|host| near.is_none_or(|ip| ip == host.address.bound));
        let host = host.ok_or(NoPort::Family)?;
        let count = host.taken.len();
        let start = if count == 0 { 0 } else { self.rng.random_range(0..count) };
        let first = self.first;
        let free = |at: &usize| {
            let port = usize::from(first) + at;
            host.taken.get(*at) == Some(&false) && fits(host.taken.get(at + 1..).unwrap_or_default(), port as u16)
        };
        let at = (start..count).chain(0..start).find(free).ok_or(NoPort::Exhausted)?;
        if let Some(taken) = host.taken.get_mut(at) {
            *taken = true;
        }
        Ok(host.at(usize::from(first) + at))
    }

    fn take_pair(&mut self, family: Family, near: IpAddr, now: Instant) -> Result<Taken, NoPort> {
        if self.reservations.len() >= RESERVATIONS {
            return Err(NoPort::Exhausted);
        }
        let pair = |above: &[bool], port: u16| port.is_multiple_of(2) && above.first() == Some(&false);
        let mut lower = self.take_where(family, near, pair)?;
        let relay = SocketAddr::new(lower.relay.ip(), lower.relay.port() + 1);
        let first = self.first;
        let host = self.hosts.iter_mut().find(|host| host.address.bound == relay.ip());
        if let Some(taken) = host.and_then(|host| host.taken.get_mut(slot(first, relay.port())?)) {
            *taken = true;
        }
        let token = self.rng.random();
        self.reservations.push_back(Reservation { token, relay, until: now + RESERVATION });
        lower.reservation = Some(token);
        Ok(lower)
    }

    fn redeem(&mut self, token: [u8; 8]) -> Result<Taken, NoPort> {
        let at = self.reservations.iter().position(|reservation| reservation.token == token);
        let reservation = at.and_then(|at| self.reservations.remove(at)).ok_or(NoPort::Exhausted)?;
        let host = self.hosts.iter().find(|host| host.address.bound == reservation.relay.ip());
        Ok(host.ok_or(NoPort::Family)?.at(usize::from(reservation.relay.port())))
    }
}

impl Host {
    fn at(&self, port: usize) -> Taken {
        let port = port as u16; // within the configured range
        Taken {
            relay: SocketAddr::new(self.address.bound, port),
            advertised: SocketAddr::new(self.address.advertised, port),
            reservation: None,
        }
    }
}

/// Where a port stands in [`Host::taken`].
fn slot(first: u16, port: u16) -> Option<usize> {
    port.checked_sub(first).map(usize::from)
}
