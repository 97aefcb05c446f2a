//! The shell round the core: sockets, threads and the clock.
//!
//! One thread a worker ([`worker`]), each with a core of its own, its share of the listeners, and no lock on the way of
//! a datagram. This is the front of it: it binds, starts, tells the workers what changed, gathers what they count, and
//! ends them. It decides nothing about the protocol.

mod bind;
mod clients;
mod dtls;
mod ending;
mod mailbox;
mod stream;
mod suspicion;
mod tls;
mod udp;
mod unauthenticated;
mod worker;

use std::collections::BTreeSet;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use mio::{Poll, Waker};
use tokio::sync::watch;

use crate::settings::External;
use crate::{Changes, Config, Discovery, RelayAddress, Server, SharedState, Stats};
use bind::BoundPorts;
use mailbox::{Mailbox, WorkerMessage};
use suspicion::Suspicion;
use worker::{Links, Listening, Prepared};

pub use bind::{BindError, ListenSockets, every_address};
pub use ending::{WorkersEnded, exit_status};
pub use tls::{Identity, IdentityError};

/// How often counters are gathered.
const STATS: Duration = Duration::from_secs(1);

/// Where a server listens, and with how many threads.
pub struct Listen {
    /// Addresses; an unspecified one stands for every address of its family that this machine has now, each with a
    /// socket of its own and all on one port (port 0: any that is free).
    pub addresses: Vec<SocketAddr>,
    /// What peers see of the relays' addresses, one of a family, where `Config::relay_addresses` is empty and relays
    /// stand on the listeners' addresses.
    pub external: Vec<External>,
    /// Threads; 0 for one for each two processors: the kernel's half of the work, interrupts and delivery, needs the
    /// other. Where the system cannot divide clients among several, there is one.
    pub workers: usize,
    /// What clients may come by.
    pub doors: ListenSockets,
    /// Who the server is over TLS and DTLS; without one they are not served.
    pub identity: Option<Arc<Identity>>,
    /// Whether clients learn how their NATs behave (RFC 5780), where there are two addresses of a family: then each
    /// port has a second one, this or the next.
    pub discovery: Option<Option<u16>>,
}

impl Listen {
    /// UDP and TCP on these addresses, one worker, no TLS.
    pub fn on(addresses: &[SocketAddr]) -> Self {
        let doors = ListenSockets { udp: true, tcp: true, tls: true, dtls: true };
        let external = Vec::new();
        Self { addresses: addresses.to_vec(), external, workers: 1, doors, identity: None, discovery: None }
    }
}

/// A server that is bound and not yet running.
pub struct Shell {
    workers: Vec<Prepared>,
    postboxes: Vec<Mailbox>,
    local_addrs: Vec<SocketAddr>,
    commons: Arc<SharedState>,
    counted: Vec<watch::Receiver<Stats>>,
    stats: watch::Sender<Stats>,
    members: Option<watch::Receiver<BTreeSet<IpAddr>>>,
}

/// Tells a running server what changed. It may be cloned, and outlives the server harmlessly.
#[derive(Clone)]
pub struct Control {
    postboxes: Vec<Mailbox>,
    commons: Arc<SharedState>,
}

impl Control {
    /// Other users, secrets, peers and quotas: allocations that stand go on, data to peers that are refused now ends.
    pub fn reload(&self, changes: Changes) {
        let changes = Arc::new(changes);
        self.tell(|| WorkerMessage::Reload(Arc::clone(&changes)));
    }

    /// Another certificate, for anyone who connects from now on.
    pub fn identify(&self, identity: Option<Arc<Identity>>) {
        self.tell(|| WorkerMessage::Identity(identity.clone()));
    }

    /// No new allocations; those that stand go on.
    pub fn drain(&self) {
        self.tell(|| WorkerMessage::Drain);
    }

    /// From now on honours time-limited credentials of `name`, what is behind the time: at once, before anyone who is
    /// given them can use them.
    pub fn grant(&self, name: &[u8]) {
        self.commons.grant(name);
    }

    /// Honours them no more, and ends the allocations that stand by them.
    pub fn withdraw(&self, name: &[u8]) {
        self.commons.withdraw(name);
        for postbox in &self.postboxes {
            // A full box is read soon, and names are looked at with each turn.
            drop(postbox.post(WorkerMessage::Look));
        }
    }

    /// From now on peers see the relays' addresses like this: new allocations are told so.
    pub fn readdress(&self, external: &[External]) {
        self.commons.readdress(external);
    }

    /// The allocations that are at this moment; counters are a second old.
    pub fn allocations(&self) -> usize {
        self.commons.allocations()
    }

    fn tell(&self, mail: impl Fn() -> WorkerMessage) {
        for postbox in &self.postboxes {
            postbox.order(mail());
        }
    }
}

impl Shell {
    /// Binds the listeners. Where `config.relay_addresses` is empty, relays stand on the listeners' addresses, on
    /// loopback only if there is no other.
    ///
    /// # Errors
    /// [`BindError`] names the address that is not to be had.
    pub fn bind(mut config: Config, listen: &Listen) -> Result<Self, BindError> {
        let workers = workers(listen.workers);
        let mut bound = Vec::new();
        for address in &listen.addresses {
            bound.extend(bind::bind(*address, workers, listen.doors)?);
        }
        let mut local_addrs: Vec<SocketAddr> = bound.iter().map(|bound| bound.address).collect();
        if let Some(alternate) = listen.discovery {
            config.discovery = bind::discovery(&local_addrs, alternate);
            for address in
                config.discovery.iter().flat_map(Discovery::all).filter(|address| !local_addrs.contains(address))
            {
                bound.extend(bind::bind(address, workers, listen.doors)?);
            }
            local_addrs = bound.iter().map(|bound| bound.address).collect();
        }
        config.own.extend(&local_addrs);
        if config.relay_addresses.is_empty() {
            config.relay_addresses = relay_addresses(&local_addrs, &listen.external);
        }
        let failed = |error: io::Error| BindError::Worker { error };
        let polls: Vec<Poll> = (0..workers).map(|_| Poll::new()).collect::<io::Result<_>>().map_err(failed)?;
        let wakers = polls.iter().map(|poll| Waker::new(poll.registry(), worker::LETTERS));
        let boxes: Vec<_> = wakers.map(|waker| waker.map(Mailbox::new)).collect::<io::Result<_>>().map_err(failed)?;
        let (postboxes, letters): (Vec<Mailbox>, Vec<_>) = boxes.into_iter().unzip();
        let commons = Arc::new(SharedState::new(&config, workers));
        let (start, unix) = (now(), unix_now());
        let mut counted = Vec::new();
        let mut all = Vec::new();
        for (number, (poll, letters)) in polls.into_iter().zip(letters).enumerate() {
            let number = number as crate::Worker; // at most 64
            let (stats, receiver) = watch::channel(Stats::default());
            counted.push(receiver);
            let core = Server::worker(&config, Arc::clone(&commons), number, start, unix);
            let identity = listen.identity.clone();
            let postboxes = postboxes.clone();
            let doors = listen.doors;
            let links = Links { number, letters, postboxes, identity, doors, members: None, stats, swept: start };
            all.push(Prepared::new(core, poll, share(&mut bound), links, start).map_err(failed)?);
        }
        let (stats, _) = watch::channel(Stats::default());
        Ok(Self { workers: all, postboxes, local_addrs, commons, counted, stats, members: None })
    }

    /// The addresses that clients can come to, with their real ports, in the order in which they were asked for.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.local_addrs
    }

    /// The counters, gathered each second and at the end.
    pub fn stats(&self) -> watch::Receiver<Stats> {
        self.stats.subscribe()
    }

    /// The way to tell the running server what changed.
    pub fn control(&self) -> Control {
        Control { postboxes: self.postboxes.clone(), commons: Arc::clone(&self.commons) }
    }

    /// Serves these addresses alone, now and whenever they change: who has none of them gets no allocation, and data
    /// goes to no other address but to live relays of this server, whatever the peer policy says. Allocations of an
    /// address that leaves the set, and permissions toward it, end at once. Should the sender go, the last set stands.
    ///
    /// Of this machine itself, a loopback address and those that relays stand on may be in the set (they open no port
    /// but live relays); another address of it would open its ports from 1024 up to every member.
    pub fn restrict(&mut self, mut members: watch::Receiver<BTreeSet<IpAddr>>) {
        members.mark_changed();
        for worker in &mut self.workers {
            worker.restrict(members.clone());
        }
        self.members = Some(members);
    }

    /// Serves until `shutdown` is there, and gives the last counters. Dropping it ends it at once. It must be called
    /// within a tokio runtime with time enabled.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> Stats {
        let mut threads = Threads { postboxes: self.postboxes.clone(), all: Vec::new() };
        for (number, worker) in std::mem::take(&mut self.workers).into_iter().enumerate() {
            let thread = std::thread::Builder::new().name(format!("relay-{number}"));
            match thread.spawn(move || worker.run()) {
                Ok(thread) => threads.all.push(thread),
                Err(error) => {
                    tracing::error!(%error, "a worker of the relay did not start; look at the limit of threads");
                    return self.gather();
                }
            }
        }
        let mut shutdown = pin!(shutdown);
        let mut publish = tokio::time::interval(STATS);
        let mut suspicion = Suspicion::default();
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                () = changed(&mut self.members) => self.look(),
                _ = publish.tick() => {
                    let stats = self.gather();
                    suspicion.look(&stats, now());
                    self.stats.send_replace(stats);
                    if threads.all.iter().any(JoinHandle::is_finished) {
                        break;
                    }
                }
            }
        }
        drop(threads);
        let last = self.gather();
        self.stats.send_replace(last);
        last
    }

    fn look(&self) {
        for postbox in &self.postboxes {
            // A full box is read soon, and members are looked at with each turn.
            drop(postbox.post(WorkerMessage::Look));
        }
    }

    fn gather(&self) -> Stats {
        self.counted.iter().fold(Stats::default(), |sum, counted| sum + *counted.borrow())
    }
}

/// The workers' threads; they end with it.
struct Threads {
    postboxes: Vec<Mailbox>,
    all: Vec<JoinHandle<()>>,
}

impl Drop for Threads {
    fn drop(&mut self) {
        for postbox in &self.postboxes {
            postbox.order(WorkerMessage::Stop);
        }
        for thread in self.all.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a worker of the relay ended by a fault of its own; please report it");
            }
        }
    }
}

/// How many workers there are.
fn workers(wanted: usize) -> usize {
    let most = usize::from(crate::server::WORKERS);
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    match wanted {
        _ if !udp::CAN_SHARE => 1,
        0 => processors().div_ceil(2).min(most),
        wanted => wanted.min(most),
    }
}

/// One worker's sockets of each address.
fn share(bound: &mut [BoundPorts]) -> Listening {
    let udp = bound.iter_mut().filter_map(|bound| Some((bound.address, bound.udp.pop()?))).collect();
    let tcp = bound.iter_mut().filter_map(|bound| bound.tcp.pop()).collect();
    Listening { udp, tcp }
}

/// Where relays stand when nobody said: a relay on loopback serves nobody but this machine.
fn relay_addresses(listeners: &[SocketAddr], external: &[External]) -> Vec<RelayAddress> {
    let mut ips: Vec<IpAddr> = listeners.iter().map(SocketAddr::ip).collect();
    if ips.iter().any(|ip| !ip.is_loopback()) {
        ips.retain(|ip| !ip.is_loopback());
    }
    let mut addresses: Vec<RelayAddress> = Vec::new();
    for bound in ips {
        let address = External::of(bound, external);
        // What the world sees as one address is one: the first.
        if addresses.iter().all(|other| other.bound != bound && other.advertised != address.advertised) {
            addresses.push(address);
        }
    }
    addresses
}

/// Done when there is another set; never again once nobody can send one.
async fn changed(members: &mut Option<watch::Receiver<BTreeSet<IpAddr>>>) {
    if let Some(receiver) = members
        && receiver.changed().await.is_ok()
    {
        return;
    }
    *members = None;
    std::future::pending().await
}

#[expect(clippy::disallowed_methods, reason = "this is the shell that tells the core the time")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "this is the shell that tells the core the time")]
fn unix_now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests;
