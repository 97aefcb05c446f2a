//! The server as a state machine: datagrams and time go in, datagrams and orders about relays come out.
//!
//! ```text
//!  handle_listener ──┬─ ChannelData ─────────────── send ──┬─► RelayTransmit
//!                    ├─ Send indication ────────────┘      └─► (a relay of this server) relay ─► Transmit
//!                    └─ request ─ auth ─ allocate, refresh, permission, channel_bind ─► Transmit
//!  handle_relay ───────────────────────────────── relay ─────► Transmit
//! ```
//!
//! One [`Server`] is the only owner of its allocations. It opens no socket, reads no clock and never fails: what is
//! wrong with the input is answered, or dropped and counted.

mod allocate;
mod allocation;
mod answer;
mod auth;
mod binding;
mod challenges;
mod channel_bind;
mod members;
mod nonce;
mod permission;
mod pool;
mod refresh;
mod relay;
mod send;
mod table;

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use self::allocation::{Allocation, FiveTuple};
use self::answer::Refusal;
use self::auth::Credentials;
use self::challenges::Challenges;
use self::nonce::Nonces;
use self::pool::Pool;
use self::table::Table;
use crate::codec::{ChannelData, Class, Message, Method};
use crate::crypto::{Key, hmac_sha256};
use crate::{Config, PeerPolicy, Quotas, Stats};

/// Datagrams that wait to be fetched. One input makes at most two outputs, and a shell fetches after each, so only a
/// shell that does not comes here. Full: new datagrams are dropped and counted; orders about relays never are.
const OUTPUTS: usize = 1024;

/// What a shell is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a datagram to a client, from the listener it came to.
    Transmit {
        /// The listener.
        local: SocketAddr,
        /// The client.
        destination: SocketAddr,
        /// The datagram.
        payload: Vec<u8>,
    },
    /// Send a datagram to a peer, from a relay.
    RelayTransmit {
        /// The relay, as it was opened.
        relay: SocketAddr,
        /// The peer.
        destination: SocketAddr,
        /// The datagram.
        payload: Vec<u8>,
    },
    /// Open a UDP socket on this address and hand what it receives to [`Server::handle_relay`]. Should that fail, say so
    /// by [`Server::handle_relay_failed`] *before* the next output is fetched: who fetches on has opened it.
    OpenRelay {
        /// The relay.
        relay: SocketAddr,
    },
    /// Close that socket.
    CloseRelay {
        /// The relay.
        relay: SocketAddr,
    },
}

/// A TURN server without sockets.
pub struct Server {
    credentials: Credentials,
    nonces: Nonces,
    challenges: Challenges,
    peers: PeerPolicy,
    /// Whom it serves alone, once it was told.
    members: Option<BTreeSet<IpAddr>>,
    own: Vec<SocketAddr>,
    quotas: Quotas,
    pool: Pool,
    clock: Clock,
    table: Table,
    outputs: VecDeque<Output>,
    /// The relay that the shell was told to open last and has neither opened nor failed to open yet.
    opening: Option<SocketAddr>,
    stats: Stats,
}

/// A request whose sender is known.
struct Request<'a> {
    tuple: FiveTuple,
    message: &'a Message<'a>,
    username: &'a [u8],
    key: Key,
}

/// The wall clock, told once and counted on by the monotonic one.
struct Clock {
    anchor: Instant,
    unix: Duration,
}

impl Clock {
    fn unix(&self, now: Instant) -> Duration {
        self.unix + now.saturating_duration_since(self.anchor)
    }
}

impl Server {
    /// A server that begins at `now`, which is `unix` since 1970: by that, time-limited credentials and nonces end.
    pub fn new(config: Config, now: Instant, unix: Duration) -> Self {
        let derive = |label: &str| hmac_sha256(&config.seed, &[label.as_bytes()]);
        Self {
            credentials: Credentials::new(&config),
            nonces: Nonces::new(derive("nonces")),
            challenges: Challenges::new(derive("challenges")),
            pool: Pool::new(&config.relay_addresses, &config.relay_ports, derive("ports")),
            peers: config.peers,
            members: None,
            own: config.own,
            quotas: config.quotas,
            clock: Clock { anchor: now, unix },
            table: Table::default(),
            outputs: VecDeque::new(),
            opening: None,
            stats: Stats::default(),
        }
    }

    /// The counters, as they stand now.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Counts a datagram that the operating system did not take.
    pub fn handle_unsent(&mut self) {
        self.stats.dropped.unsent += 1;
    }

    /// Takes a datagram that `client` sent to the listener `local`.
    pub fn handle_listener(&mut self, client: SocketAddr, local: SocketAddr, datagram: &[u8], now: Instant) {
        self.handle_timeout(now);
        let tuple = FiveTuple { client, local };
        if ChannelData::is_one(datagram) {
            return self.channel_data(tuple, datagram, now);
        }
        let Ok(message) = Message::decode(datagram) else {
            self.stats.dropped.malformed += 1;
            return;
        };
        match (message.class, message.method) {
            (Class::Request, _) => self.handle_request(tuple, &message, now),
            (Class::Indication, Method::Send) => self.send_indication(tuple, &message, now),
            // A Binding indication keeps a NAT's mapping alive (RFC 8489 section 6.3.2); the others are ours to send.
            (Class::Indication, Method::Binding) => {}
            (Class::Indication | Class::Success | Class::Error, _) => self.stats.dropped.unexpected += 1,
        }
        self.stats.allocations = self.table.len() as u64;
    }

    /// Takes a datagram that `peer` sent to `relay`, an address as [`Output::OpenRelay`] named it.
    pub fn handle_relay(&mut self, relay: SocketAddr, peer: SocketAddr, datagram: &[u8], now: Instant) {
        self.handle_timeout(now);
        match self.table.owner(relay) {
            Some(tuple) => self.relay_to_client(tuple, peer, datagram, now),
            None => self.stats.dropped.no_allocation += 1,
        }
    }

    /// Takes the news that `relay` could not be opened, or broke. While its request waits for an answer other ports are
    /// tried; an allocation that stands is ended.
    pub fn handle_relay_failed(&mut self, relay: SocketAddr, now: Instant) {
        self.opening.take_if(|opening| *opening == relay);
        if let Some(tuple) = self.table.owner(relay) {
            self.failed(tuple, now);
        }
        self.stats.allocations = self.table.len() as u64;
    }

    /// Ends what has outlived its time.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(tuple) = self.table.expired(now) {
            self.close(tuple);
        }
        self.pool.expire(now);
        self.stats.allocations = self.table.len() as u64;
    }

    /// When [`Server::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.table.next_deadline(), self.pool.next_deadline()].into_iter().flatten().min()
    }

    /// The next thing to do. Fetch until there is none after every input.
    pub fn poll_output(&mut self) -> Option<Output> {
        // Whoever comes back without complaint has opened the relay.
        if let Some(tuple) = self.opening.take().and_then(|relay| self.table.owner(relay)) {
            self.opened(tuple);
        }
        let output = self.outputs.pop_front()?;
        if let Output::OpenRelay { relay } = output {
            self.opening = Some(relay);
        }
        Some(output)
    }

    fn handle_request(&mut self, tuple: FiveTuple, message: &Message<'_>, now: Instant) {
        let requests = &mut self.stats.requests;
        match message.method {
            Method::Binding => requests.binding += 1,
            Method::Allocate => requests.allocate += 1,
            Method::Refresh => requests.refresh += 1,
            Method::CreatePermission => requests.create_permission += 1,
            Method::ChannelBind => requests.channel_bind += 1,
            Method::Send | Method::Data | Method::Other(_) => {
                self.stats.dropped.unexpected += 1;
                return;
            }
        }
        if message.method == Method::Binding {
            return match binding::binding(tuple, message) {
                Ok(response) => self.answer(tuple, response, None, message.fingerprinted),
                Err(refusal) => self.refuse(tuple, message, &refusal, None, now),
            };
        }
        match self.authenticate(tuple, message, self.clock.unix(now)) {
            Ok(request) => self.handle_authenticated(&request, now),
            Err(refusal) => self.refuse(tuple, message, &refusal, None, now),
        }
    }

    fn handle_authenticated(&mut self, request: &Request<'_>, now: Instant) {
        let Request { tuple, message, key, username } = request;
        let unknown = message.not_understood();
        let owner = self.table.get(tuple).map(|allocation| &*allocation.username);
        let is_foreign = owner.is_some_and(|owner| owner != *username);
        let outcome = match message.method {
            // RFC 8656 section 5: what is asked of somebody else's allocation gets 441 (Allocate has 437 for that).
            Method::Refresh | Method::CreatePermission | Method::ChannelBind if is_foreign => {
                Err(Refusal::WrongCredentials)
            }
            // RFC 8489 section 6.3.1, after authentication: unknown attributes get 420.
            _ if !unknown.is_empty() => Err(Refusal::UnknownAttributes(unknown)),
            Method::Allocate => self.allocate(request, now),
            Method::Refresh => self.refresh(request, now).map(Some),
            Method::CreatePermission => self.create_permission(request, now).map(Some),
            Method::ChannelBind => self.channel_bind(request, now).map(Some),
            Method::Binding | Method::Send | Method::Data | Method::Other(_) => Ok(None), // not authenticated
        };
        match outcome {
            Ok(Some(response)) => self.answer(*tuple, response, Some(key), message.fingerprinted),
            Ok(None) => {} // answered once the relay is open
            Err(refusal) => self.refuse(*tuple, message, &refusal, Some(key), now),
        }
    }

    /// The owner of the live relay that peers see at `peer`.
    fn relay_at(&self, peer: SocketAddr) -> Option<FiveTuple> {
        let tuple = self.table.owner(self.pool.bound(peer)?)?;
        self.table.get(&tuple).filter(|allocation| allocation.is_live()).map(|_| tuple)
    }

    /// Whether `peer`, which is no live relay, is an address of this server that no data may go to: its listeners and
    /// other services always, the rest of its relay addresses unless the operator opened them by name.
    fn is_own(&self, peer: SocketAddr) -> bool {
        self.own.contains(&peer) || (self.pool.bound(peer).is_some() && !self.opens_own(peer.ip()))
    }

    /// Ends an allocation.
    fn close(&mut self, tuple: FiveTuple) {
        if let Some(allocation) = self.table.remove(&tuple) {
            self.forget(allocation);
        }
    }

    /// Frees what a removed allocation held.
    fn forget(&mut self, allocation: Allocation) {
        self.pool.release(allocation.relay);
        self.emit(Output::CloseRelay { relay: allocation.relay });
    }

    fn emit(&mut self, output: Output) {
        match output {
            Output::Transmit { .. } | Output::RelayTransmit { .. } if self.outputs.len() >= OUTPUTS => {
                self.stats.dropped.congested += 1;
            }
            Output::Transmit { .. }
            | Output::RelayTransmit { .. }
            | Output::OpenRelay { .. }
            | Output::CloseRelay { .. } => self.outputs.push_back(output),
        }
    }
}

#[cfg(test)]
mod tests;
