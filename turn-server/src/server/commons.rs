//! What the workers of one server share: whose each relay port is, and how much each account holds.
//!
//! Ports are one atomic byte each, so that a worker sees without a lock whether a datagram is for a relay of this very
//! server, and whose. Accounts are behind a lock that is held for one look-up when an allocation begins or ends, or asks for
//! a TCP connection; no datagram that is relayed comes near it.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use foldhash::quality::RandomState;

use super::limit::Pace;
use crate::{Config, Quotas, RelayAddress};

/// Workers at most: their number stands in seven bits, of which none is nobody.
pub(crate) const WORKERS: u8 = 64;

/// A worker of a server, counted from 0.
pub type Worker = u8;

/// Connect requests of one account, through however many allocations one after the other: enough for an office that shares
/// one, too few to look for open ports with.
const CONNECTS: Pace = Pace { interval: Duration::from_millis(100), burst: 256 };
/// Counters of those. Accounts that share one by chance share its pace; memory is fixed, whoever comes and goes.
const COUNTERS: usize = 4096;

/// A port that nobody has.
const FREE: u8 = 0;
/// A port that the server itself has.
const OURS: u8 = 0x7f;
/// A UDP relay stands on it.
const LIVE: u8 = 0x80;

/// Ports and accounts of all workers.
pub struct Commons {
    hosts: Vec<Host>,
    first: u16,
    workers: u8,
    accounts: Mutex<Accounts>,
}

struct Host {
    address: RelayAddress,
    /// [`FREE`], or the worker's number plus one, with [`LIVE`] while datagrams may go there.
    ports: Box<[AtomicU8]>,
}

#[derive(Default)]
struct Accounts {
    held: HashMap<Box<[u8]>, usize>,
    total: usize,
    /// By hash of the account: when its Connect requests would have been quiet long enough to be forgotten. Empty until
    /// there is one.
    connects: Vec<Option<Instant>>,
    hasher: RandomState,
}

/// The relay addresses of one family, by their place among all.
pub(super) type HostIndex = usize;

impl Commons {
    /// Everything free, for that many workers (at least one, at most 64).
    pub fn new(config: &Config, workers: usize) -> Self {
        let ports = config.relay_ports.len();
        let fresh = || (0..ports).map(|_| AtomicU8::new(FREE)).collect();
        let hosts = config.relay_addresses.iter().map(|address| Host { address: *address, ports: fresh() });
        let commons = Self {
            hosts: hosts.collect(),
            first: *config.relay_ports.start(),
            workers: u8::try_from(workers).unwrap_or(WORKERS).clamp(1, WORKERS),
            accounts: Mutex::default(),
        };
        // A relay on a listener's port would share its clients.
        for own in &config.own {
            for host in &commons.hosts {
                commons.set(SocketAddr::new(host.address.bound, own.port()), OURS);
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
        let of_family = |host: &Host| is_family(host.address.bound);
        let same = self.hosts.iter().position(|host| host.address.bound == near && of_family(host));
        same.or_else(|| self.hosts.iter().position(of_family))
    }

    /// The address of a host, as it is bound and as peers see it.
    pub(super) fn address(&self, host: HostIndex) -> Option<RelayAddress> {
        self.hosts.get(host).map(|host| host.address)
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

    /// The worker whose live UDP relay stands on `relay`, an address as it is bound.
    pub(super) fn live(&self, relay: SocketAddr) -> Option<Worker> {
        let value = self.slot(relay)?.load(Ordering::Acquire);
        (value & LIVE != 0).then(|| (value & !LIVE).saturating_sub(1))
    }

    fn slot(&self, relay: SocketAddr) -> Option<&AtomicU8> {
        let host = self.hosts.iter().find(|host| host.address.bound == relay.ip())?;
        host.ports.get(usize::from(relay.port().checked_sub(self.first)?))
    }

    /// The bound address of a relay that peers see as `advertised`; `None` when no relay stands on that address.
    pub(super) fn bound(&self, advertised: SocketAddr) -> Option<SocketAddr> {
        let ip = advertised.ip();
        let host = self.hosts.iter().find(|host| host.address.advertised == ip || host.address.bound == ip)?;
        Some(SocketAddr::new(host.address.bound, advertised.port()))
    }

    /// Counts one more allocation of `account`, where the quotas allow it.
    pub(super) fn admit(&self, account: &[u8], quotas: &Quotas) -> bool {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let held = accounts.held.get(account).copied().unwrap_or(0);
        if accounts.total >= quotas.allocations || held >= quotas.allocations_per_user {
            return false;
        }
        accounts.total += 1;
        accounts.held.insert(account.into(), held + 1);
        true
    }

    /// Counts one more Connect of `account`, where its pace allows it. Ending an allocation forgets nothing of it.
    pub(super) fn admit_connect(&self, account: &[u8], now: Instant) -> bool {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.connects.resize(COUNTERS, None);
        let counter = accounts.hasher.hash_one(account) as usize % COUNTERS;
        accounts.connects.get_mut(counter).is_none_or(|quiet_at| CONNECTS.admit(quiet_at, now))
    }

    /// The allocations of all workers at this moment.
    pub fn allocations(&self) -> usize {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner).total
    }

    /// Counts one less.
    pub(super) fn dismiss(&self, account: &[u8]) {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(held) = accounts.held.get_mut(account) else { return };
        *held = held.saturating_sub(1);
        if *held == 0 {
            accounts.held.remove(account);
        }
        accounts.total = accounts.total.saturating_sub(1);
    }
}
