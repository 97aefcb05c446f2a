//! The shell round the core: sockets, the clock, and one loop that owns the [`Server`].
//!
//! Each socket has a task that reads it into one bounded queue; the loop takes from there, and sends by itself. What a
//! socket does not take at once is dropped, as UDP may. It decides nothing about the protocol.

mod sockets;

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};

use crate::{Config, Output, RelayAddress, Server, Stats};
use sockets::{Event, INBOX, Place, bind_relay, read, send};

pub use sockets::BindError;

/// How often counters are published.
const STATS: Duration = Duration::from_secs(1);

/// A server that is bound and not yet running.
pub struct Shell {
    core: Server,
    listeners: HashMap<SocketAddr, Arc<UdpSocket>>,
    local_addrs: Vec<SocketAddr>,
    relays: HashMap<SocketAddr, Relay>,
    readers: JoinSet<()>,
    inbox: mpsc::Receiver<Event>,
    sender: mpsc::Sender<Event>,
    stats: watch::Sender<Stats>,
    members: Option<watch::Receiver<BTreeSet<IpAddr>>>,
}

struct Relay {
    socket: Arc<UdpSocket>,
    reader: AbortHandle,
}

impl Shell {
    /// Binds the listeners. It must be called within a tokio runtime with I/O and time enabled.
    ///
    /// An unspecified address stands for every address of its family that this machine has now, each with a socket of
    /// its own and all on one port (port 0: any that is free). Where `config.relay_addresses` is empty, relays stand on the listeners'
    /// addresses, on loopback only if there is no other; `external` says what peers see of them, one of a family.
    ///
    /// # Errors
    /// [`BindError`] names the address that is not to be had.
    pub fn bind(mut config: Config, listen: &[SocketAddr], external: &[IpAddr]) -> Result<Self, BindError> {
        let mut sockets = Vec::new();
        for address in listen {
            sockets.extend(sockets::bind_listeners(*address)?);
        }
        let local_addrs: Vec<SocketAddr> = sockets.iter().map(|(address, _)| *address).collect();
        config.own.extend(&local_addrs);
        if config.relay_addresses.is_empty() {
            config.relay_addresses = relay_addresses(&local_addrs, external);
        }
        let (sender, inbox) = mpsc::channel(INBOX);
        let mut readers = JoinSet::new();
        for (address, socket) in &sockets {
            readers.spawn(read(Arc::clone(socket), Place::Listener(*address), sender.clone()));
        }
        let core = Server::new(config, now(), unix_now());
        let (stats, _) = watch::channel(Stats::default());
        let listeners = sockets.into_iter().collect();
        let relays = HashMap::new();
        Ok(Self { core, listeners, local_addrs, relays, readers, inbox, sender, stats, members: None })
    }

    /// The addresses that clients can come to, with their real ports, in the order in which they were asked for.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.local_addrs
    }

    /// The counters, published each second and at the end.
    pub fn stats(&self) -> watch::Receiver<Stats> {
        self.stats.subscribe()
    }

    /// Serves these addresses alone, now and whenever they change: who has none of them gets no allocation, and data goes
    /// to no other address but to live relays of this server, whatever the peer policy says. Allocations of an address
    /// that leaves the set, and permissions toward it, end at once. Should the sender go, the last set stands.
    ///
    /// Of this machine itself, a loopback address and those that relays stand on may be in the set (they open no port
    /// but live relays); another address of it would open its ports from 1024 up to every member.
    pub fn restrict(&mut self, mut members: watch::Receiver<BTreeSet<IpAddr>>) {
        self.core.set_members(&members.borrow_and_update(), now());
        self.members = Some(members);
    }

    /// Serves until `shutdown` is there, and gives the last counters. Dropping it ends it at once.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> Stats {
        let mut shutdown = pin!(shutdown);
        let mut publish = tokio::time::interval(STATS);
        loop {
            let deadline = self.core.poll_timeout();
            tokio::select! {
                () = &mut shutdown => break,
                Some(event) = self.inbox.recv() => self.on_event(&event),
                () = until(deadline) => self.core.handle_timeout(now()),
                () = changed(&mut self.members) => self.take_members(),
                _ = publish.tick() => self.publish(),
                Some(_) = self.readers.join_next() => {} // the reader of a relay that was closed
            }
            self.drain();
        }
        self.publish();
        *self.core.stats()
    }

    fn take_members(&mut self) {
        if let Some(members) = &mut self.members {
            self.core.set_members(&members.borrow_and_update(), now());
        }
    }

    fn publish(&self) {
        self.stats.send_replace(*self.core.stats());
    }

    /// Hands the core what came, and all that came since.
    fn on_event(&mut self, first: &Event) {
        // Who has just come in may ask for a relay before the loop has turned.
        if self.members.as_ref().is_some_and(|members| members.has_changed().unwrap_or(false)) {
            self.take_members();
        }
        let now = now();
        self.hand_over(first, now);
        for _ in 0..INBOX {
            self.drain();
            let Ok(event) = self.inbox.try_recv() else { return };
            self.hand_over(&event, now);
        }
    }

    fn hand_over(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Received { place: Place::Listener(local), from, payload } => {
                self.core.handle_listener(*from, *local, payload, now);
            }
            Event::Received { place: Place::Relay(relay), from, payload } => {
                self.core.handle_relay(*relay, *from, payload, now);
            }
            Event::Broken { place: Place::Relay(relay) } => self.core.handle_relay_failed(*relay, now),
            Event::Broken { place: Place::Listener(local) } => {
                tracing::error!(%local, "a listening socket broke; restart the server to serve that address again");
            }
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Transmit { local, destination, payload } => {
                    let socket = self.listeners.get(&local);
                    self.count_unsent(socket.is_some_and(|socket| send(socket, &payload, destination)));
                }
                Output::RelayTransmit { relay, destination, payload } => {
                    let socket = self.relays.get(&relay);
                    self.count_unsent(socket.is_some_and(|relay| send(&relay.socket, &payload, destination)));
                }
                Output::OpenRelay { relay } => self.open(relay),
                Output::CloseRelay { relay } => {
                    if let Some(relay) = self.relays.remove(&relay) {
                        relay.reader.abort();
                    }
                }
            }
        }
    }

    fn count_unsent(&mut self, sent: bool) {
        if !sent {
            self.core.handle_unsent();
        }
    }

    fn open(&mut self, relay: SocketAddr) {
        match bind_relay(relay) {
            Ok(socket) => {
                let place = Place::Relay(relay);
                let reader = self.readers.spawn(read(Arc::clone(&socket), place, self.sender.clone()));
                self.relays.insert(relay, Relay { socket, reader });
            }
            Err(error) => {
                report(relay, &error);
                self.core.handle_relay_failed(relay, now());
            }
        }
    }
}

/// A taken port is nothing new, another error is worth a word.
fn report(relay: SocketAddr, error: &io::Error) {
    if error.kind() != io::ErrorKind::AddrInUse {
        tracing::warn!(%relay, %error, "a relay could not be opened; check the relay addresses and the limit of open files");
    }
}

/// Where relays stand when nobody said: a relay on loopback serves nobody but this machine.
fn relay_addresses(listeners: &[SocketAddr], external: &[IpAddr]) -> Vec<RelayAddress> {
    let mut ips: Vec<IpAddr> = listeners.iter().map(SocketAddr::ip).collect();
    if ips.iter().any(|ip| !ip.is_loopback()) {
        ips.retain(|ip| !ip.is_loopback());
    }
    let mut addresses: Vec<RelayAddress> = Vec::new();
    for bound in ips {
        if addresses.iter().all(|address| address.bound != bound) {
            let advertised = external.iter().find(|ip| ip.is_ipv4() == bound.is_ipv4()).copied().unwrap_or(bound);
            addresses.push(RelayAddress { bound, advertised });
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

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
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
