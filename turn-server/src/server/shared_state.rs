//! What the workers of one server share: whose each relay port is, and how much each account and each client address
//! holds.
//!
//! Ports are one atomic byte each, so that a worker sees without a lock whether a datagram is for a relay of this very
//! server, and whose. Accounts are behind a lock that is held for one look-up when an allocation begins or ends, or
//! asks for a TCP connection; no datagram that is relayed comes near it.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use foldhash::quality::RandomState;

use super::family::Family;
use super::limit::RateLimit;
use super::roster::Roster;
use super::source::Source;
use crate::settings::External;
use crate::{Config, Quotas, RelayAddress};

/// Workers at most: their number is in seven bits, of which none is nobody.
pub(crate) const WORKERS: u8 = 64;

/// A worker of a server, counted from 0.
pub type Worker = u8;

/// Connect requests of one account, and of one client address, through however many allocations one after the other:
/// enough for an office that shares one, too few to look for open ports with.
const CONNECTS: RateLimit = RateLimit { interval: Duration::from_millis(100), burst: 256 };
/// Counters of those. Accounts or addresses that share one by chance share its pace; memory is fixed, anyone who comes
/// and goes.
const COUNTERS: usize = 4096;

/// A port that nobody has.
const FREE: u8 = 0;
/// A port that the server itself has.
const OURS: u8 = 0x7f;
/// A UDP relay is on it.
const LIVE: u8 = 0x80;

/// Ports and accounts of all workers.
pub struct SharedState {
    hosts: Vec<Host>,
    first: u16,
    workers: u8,
    accounts: Mutex<Accounts>,
    pub(super) roster: Roster,
}

struct Host {
    bound: IpAddr,
    advertised: Advertised,
    /// [`FREE`], or the worker's number plus one, with [`LIVE`] while datagrams may go there.
    ports: Box<[AtomicU8]>,
}

/// What peers see of an address. It may change while workers read it; one that reads half of it takes one datagram's
/// peer for another, and that is all.
struct Advertised {
    is_ipv4: bool,
    bits: [AtomicU64; 2],
}

impl Advertised {
    fn new(address: IpAddr) -> Self {
        let advertised = Self { is_ipv4: address.is_ipv4(), bits: [AtomicU64::new(0), AtomicU64::new(0)] };
        advertised.set(address);
        advertised
    }

    /// Of the other family it is nothing that peers of this one could reach.
    fn set(&self, address: IpAddr) {
        let bits = match address {
            IpAddr::V4(ip) => u128::from(ip.to_bits()),
            IpAddr::V6(ip) => ip.to_bits(),
        };
        if address.is_ipv4() == self.is_ipv4 {
            let [upper, lower] = &self.bits;
            upper.store((bits >> 64) as u64, Ordering::Relaxed);
            lower.store(bits as u64, Ordering::Relaxed);
        }
    }

    fn get(&self) -> IpAddr {
        let [upper, lower] = self.bits.each_ref().map(|bits| bits.load(Ordering::Relaxed));
        match self.is_ipv4 {
            true => Ipv4Addr::from_bits(lower as u32).into(),
            false => Ipv6Addr::from_bits(u128::from(upper) << 64 | u128::from(lower)).into(),
        }
    }
}

#[derive(Default)]
struct Accounts {
    held: HashMap<Box<[u8]>, usize>,
    held_from: HashMap<Source, usize>,
    total: usize,
    /// By hash of the account or the client's address: when its Connect requests would have been quiet long enough to
    /// be forgotten. Empty until there is one.
    connects: Vec<Option<Instant>>,
    hasher: RandomState,
}

/// The relay addresses of one family, by their place among all.
pub(super) type HostIndex = usize;

impl SharedState {
    /// Everything free, for that many workers (at least one, at most 64).
    pub fn new(config: &Config, workers: usize) -> Self {
        let ports = config.relay_ports.len();
        let fresh = || (0..ports).map(|_| AtomicU8::new(FREE)).collect();
        let host = |address: &RelayAddress| Host {
            bound: address.bound,
            advertised: Advertised::new(address.advertised),
            ports: fresh(),
        };
        let hosts = config.relay_addresses.iter().map(host);
        let commons = Self {
            hosts: hosts.collect(),
            first: *config.relay_ports.start(),
            workers: u8::try_from(workers).unwrap_or(WORKERS).clamp(1, WORKERS),
            accounts: Mutex::default(),
            roster: Roster::new(config.names),
        };
        // A relay on a listener's port would share its clients.
        for own in &config.own {
            for host in &commons.hosts {
                commons.set(SocketAddr::new(host.bound, own.port()), OURS);
            }
        }
        commons
    }

    /// How many workers there are.
    pub fn workers(&self) -> u8 {
        self.workers
    }

    pub(super) fn ports(&self) -> usize {
        self.hosts.first().map_or(0, |host| host.ports.len())
    }

    pub(super) fn port(&self, at: usize) -> u16 {
        self.first.saturating_add(u16::try_from(at).unwrap_or(u16::MAX))
    }

    /// The relay address of a family on which a client that came to `near` gets its relay: that one, else the first.
    pub(super) fn host(&self, is_family: impl Fn(IpAddr) -> bool, near: IpAddr) -> Option<HostIndex> {
        let of_family = |host: &Host| is_family(host.bound);
        let same = self.hosts.iter().position(|host| host.bound == near && of_family(host));
        same.or_else(|| self.hosts.iter().position(of_family))
    }

    /// Whether relays stand on an address of that family.
    pub(super) fn has(&self, family: Family) -> bool {
        self.hosts.iter().any(|host| Family::of(host.bound) == family)
    }

    /// The address of a host, as it is bound and as peers see it.
    pub(super) fn address(&self, host: HostIndex) -> Option<RelayAddress> {
        self.hosts.get(host).map(|host| RelayAddress { bound: host.bound, advertised: host.advertised.get() })
    }

    /// From now on peers see the relays' addresses like this; allocations that stand keep what their clients were told.
    pub fn readdress(&self, external: &[External]) {
        for host in &self.hosts {
            host.advertised.set(External::of(host.bound, external).advertised);
        }
    }

    /// Takes a port, where nobody has it.
    pub(super) fn claim(&self, host: HostIndex, at: usize, worker: Worker) -> bool {
        let Some(port) = self.hosts.get(host).and_then(|host| host.ports.get(at)) else { return false };
        port.compare_exchange(FREE, worker + 1, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    pub(super) fn is_free(&self, host: HostIndex, at: usize) -> bool {
        let port = self.hosts.get(host).and_then(|host| host.ports.get(at));
        port.is_some_and(|port| port.load(Ordering::Acquire) == FREE)
    }

    /// Says of a port of `worker` that datagrams may go there.
    pub(super) fn enliven(&self, relay: SocketAddr, worker: Worker) {
        self.set(relay, (worker + 1) | LIVE);
    }

    pub(super) fn release(&self, relay: SocketAddr) {
        self.set(relay, FREE);
    }

    fn set(&self, relay: SocketAddr, value: u8) {
        if let Some(port) = self.slot(relay) {
            port.store(value, Ordering::Release);
        }
    }

    /// The worker whose live UDP relay is on `relay`, an address as it is bound.
    pub(super) fn live(&self, relay: SocketAddr) -> Option<Worker> {
        let value = self.slot(relay)?.load(Ordering::Acquire);
        (value & LIVE != 0).then(|| (value & !LIVE).saturating_sub(1))
    }

    fn slot(&self, relay: SocketAddr) -> Option<&AtomicU8> {
        let host = self.hosts.iter().find(|host| host.bound == relay.ip())?;
        host.ports.get(usize::from(relay.port().checked_sub(self.first)?))
    }

    /// The bound address of a relay that peers see as `advertised`; `None` when no relay is on that address.
    pub(super) fn bound(&self, advertised: SocketAddr) -> Option<SocketAddr> {
        let ip = advertised.ip();
        let host = self.hosts.iter().find(|host| host.advertised.get() == ip || host.bound == ip)?;
        Some(SocketAddr::new(host.bound, advertised.port()))
    }

    /// Counts one more allocation of `account`, whose client comes from `source`, where the quotas allow it.
    pub(super) fn admit(&self, account: &[u8], source: Source, quotas: &Quotas) -> bool {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let held = accounts.held.get(account).copied().unwrap_or(0);
        let held_from = accounts.held_from.get(&source).copied().unwrap_or(0);
        if accounts.total >= quotas.allocations
            || held >= quotas.allocations_per_user
            || held_from >= quotas.allocations_per_address
        {
            return false;
        }
        accounts.total += 1;
        accounts.held.insert(account.into(), held + 1);
        accounts.held_from.insert(source, held_from + 1);
        true
    }

    /// Counts one more Connect of `account`, whose client comes from `source`, where the pace allows it. Ending an
    /// allocation forgets nothing of it.
    pub(super) fn admit_connect(&self, account: &[u8], source: Source, now: Instant) -> bool {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.connects.resize(COUNTERS, None);
        let counters = [accounts.hasher.hash_one(account), accounts.hasher.hash_one(source)];
        counters.into_iter().all(|counter| {
            accounts.connects.get_mut(counter as usize % COUNTERS).is_none_or(|quiet_at| CONNECTS.admit(quiet_at, now))
        })
    }

    /// The allocations of all workers at this moment.
    pub fn allocations(&self) -> usize {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner).total
    }

    /// From now on honours credentials of `name`: what is behind the time in the user's name.
    pub fn grant(&self, name: &[u8]) {
        self.roster.grant(name);
    }

    /// Honours them no more. What is ends when each worker looks ([`crate::Server::end_withdrawn`]).
    pub fn withdraw(&self, name: &[u8]) {
        self.roster.withdraw(name);
    }

    /// Counts one less.
    pub(super) fn dismiss(&self, account: &[u8], source: Source) {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let accounts = &mut *accounts;
        let Some(held) = accounts.held.get_mut(account) else { return };
        *held = held.saturating_sub(1);
        if *held == 0 {
            accounts.held.remove(account);
        }
        if let Some(held) = accounts.held_from.get_mut(&source) {
            *held = held.saturating_sub(1);
            if *held == 0 {
                accounts.held_from.remove(&source);
            }
        }
        accounts.total = accounts.total.saturating_sub(1);
    }
}
