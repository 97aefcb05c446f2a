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
mod clock;
mod connect;
mod connections;
mod discovery;
mod family;
mod lifetime;
mod limit;
mod members;
mod mobility;
mod nonce;
mod opening;
mod permission;
mod permissions;
mod pool;
mod refresh;
mod relay;
mod roster;
mod rules;
mod send;
mod shared_state;
mod source;
mod table;
mod tcp_data_rate;
mod tuple;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::allocation::{Allocation, AllocationPhase};
use self::answer::Refusal;
use self::auth::Authenticator;
use self::clock::Clock;
use self::connections::Connections;
use self::pool::Pool;
use self::rules::Rules;
use self::table::Table;
use crate::codec::{ChannelData, Class, ClassicBinding, Message, Method};
use crate::crypto::{Key, hmac_sha256};
use crate::{BindingRule, Config, Stats, rest};

pub use allocation::Protocol;
pub use connections::ConnectionId;
pub use discovery::Discovery;
pub(crate) use pool::RESERVATIONS;
pub use relay::FromPeer;
pub use send::{Forward, NextHop};
pub(crate) use shared_state::WORKERS;
pub use shared_state::{SharedState, Worker};
pub use tcp_data_rate::DataRate;
pub(crate) use tuple::AddressKey;
pub use tuple::{FiveTuple, Transport};

/// Datagrams that wait to be fetched. One input makes at most two outputs, and a shell fetches after each, so only a
/// shell that does not comes here. Full: new datagrams are dropped and counted; orders about relays never are.
const OUTPUTS: usize = 1024;

/// What a shell is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a message to a client.
    Transmit {
        /// The client, and the listener that it hears from.
        to: FiveTuple,
        /// The message.
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
        /// Whether the network must not cut it up (DONT-FRAGMENT).
        dont_fragment: bool,
    },
    /// Open a socket on this address: of UDP, and hand what it receives to [`Server::handle_relay`], or of TCP, and
    /// hand what it accepts to [`Server::handle_accepted`]. Should that fail, say so by [`Server::handle_relay_failed`]
    /// *before* the next output is fetched: who fetches on has opened it. A port that is reserved is opened as well.
    OpenRelay {
        /// The relay.
        relay: SocketAddr,
        /// What it speaks.
        protocol: Protocol,
    },
    /// Close that socket.
    CloseRelay {
        /// The relay.
        relay: SocketAddr,
    },
    /// Connect to a peer from a relay of TCP, then say so by [`Server::handle_connected`], or else by
    /// [`Server::handle_disconnected`]. Nothing is read from it until it is spliced.
    Connect {
        /// The connection's name.
        connection: ConnectionId,
        /// The relay.
        relay: SocketAddr,
        /// The peer.
        peer: SocketAddr,
    },
    /// From now on carry bytes between that connection and this client's own, both ways, until one of them ends.
    Splice {
        /// The connection to the peer.
        connection: ConnectionId,
        /// The client's connection: what it sends behind the request that bound it is the peer's.
        client: FiveTuple,
    },
    /// Close that connection, and the client's that it was spliced with.
    Disconnect {
        /// The connection.
        connection: ConnectionId,
    },
    /// The message that was just handed in belongs to another worker, and so does its client from now on.
    HandOver {
        /// The worker.
        worker: Worker,
        /// The client.
        client: FiveTuple,
    },
    /// Data for a relay of another worker: hand it to [`Server::handle_relay`] there.
    Deliver {
        /// The worker.
        worker: Worker,
        /// Its relay.
        relay: SocketAddr,
        /// From whom.
        from: SocketAddr,
        /// The data.
        payload: Vec<u8>,
    },
}

/// A TURN server without sockets; or, where there are several workers, one of them.
pub struct Server {
    gate: Authenticator,
    rules: Rules,
    commons: Arc<SharedState>,
    worker: Worker,
    pool: Pool,
    clock: Clock,
    table: Table,
    connections: Connections,
    outputs: VecDeque<Output>,
    /// The relay that the shell was told to open last and has neither opened nor failed to open yet.
    opening: Option<(SocketAddr, Instant)>,
    stats: Stats,
    /// How many withdrawals of names it has seen.
    withdrawals: u64,
}

/// A request whose sender is known.
struct Request<'a> {
    tuple: FiveTuple,
    message: &'a Message<'a>,
    username: Vec<u8>,
    key: Key,
}

impl Server {
    /// A server that begins at `now`, which is `unix` since 1970: by that, time-limited credentials and nonces end.
    pub fn new(config: &Config, now: Instant, unix: Duration) -> Self {
        Self::worker(config, Arc::new(SharedState::new(config, 1)), 0, now, unix)
    }

    /// One of several workers, which share what is in `commons` and the configuration that it was made of.
    pub fn worker(config: &Config, commons: Arc<SharedState>, worker: Worker, now: Instant, unix: Duration) -> Self {
        let derive = |label: &str| hmac_sha256(&config.seed, &[label.as_bytes()]);
        let chance = hmac_sha256(&derive("ports"), &[&[worker]]);
        Self {
            gate: Authenticator::new(config, derive("nonces"), derive("challenges")),
            rules: Rules::new(config),
            pool: Pool::new(Arc::clone(&commons), worker, chance),
            commons,
            worker,
            clock: Clock { anchor: now, unix, told: now },
            table: Table::default(),
            connections: Connections::default(),
            outputs: VecDeque::new(),
            opening: None,
            stats: Stats::default(),
            withdrawals: 0,
        }
    }

    /// The counters, as they stand now.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Counts datagrams that the operating system did not take, or a client's connection.
    pub fn handle_unsent(&mut self, count: u64) {
        self.stats.dropped.unsent += count;
    }

    /// Counts connections that were closed for what their clients did, or did not do in time.
    pub fn handle_refused_connections(&mut self, count: u64) {
        self.stats.refused.connections += count;
    }

    /// Takes a datagram that `client` sent by UDP to the listener `local`.
    pub fn handle_listener(&mut self, client: SocketAddr, local: SocketAddr, datagram: &[u8], now: Instant) {
        self.handle_client(FiveTuple::udp(client, local), datagram, now);
    }

    /// Takes a message of a client.
    pub fn handle_client(&mut self, tuple: FiveTuple, datagram: &[u8], now: Instant) {
        self.handle_timeout(now);
        if ChannelData::is_one(datagram) {
            return self.channel_data(tuple, datagram, now);
        }
        let Ok(message) = Message::decode(datagram) else {
            match ClassicBinding::decode(datagram) {
                Some(request) => self.classic_binding(tuple, request),
                None => self.stats.dropped.malformed += 1,
            }
            return;
        };
        match (message.class, message.method) {
            (Class::Request, _) => self.handle_request(tuple, &message, now),
            (Class::Indication, Method::Send) => self.send_indication(tuple, &message, now),
            // A Binding indication keeps a NAT's mapping alive (RFC 8489 section 6.3.2); the others are ours to send.
            (Class::Indication, Method::Binding) => {}
            (Class::Indication | Class::Success | Class::Error, _) => self.stats.dropped.unexpected += 1,
        }
        self.count();
    }

    /// Takes a datagram that `peer` sent to `relay`, an address as [`Output::OpenRelay`] named it.
    pub fn handle_relay(&mut self, relay: SocketAddr, peer: SocketAddr, datagram: &[u8], now: Instant) {
        self.handle_timeout(now);
        self.relay_to_client(relay, peer, datagram, now);
    }

    /// Takes the news that `relay` could not be opened, or broke. While its request waits for an answer other ports are
    /// tried; one that exists is ended.
    pub fn handle_relay_failed(&mut self, relay: SocketAddr) {
        self.opening.take_if(|(opening, _)| *opening == relay);
        if let Some(tuple) = self.table.owner(relay) {
            self.failed(tuple, relay);
        }
        self.count();
    }

    /// Ends what has outlived its time.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(tuple) = self.table.expired(now) {
            self.close(tuple);
        }
        while let Some(id) = self.connections.expired(now) {
            self.emit(Output::Disconnect { connection: id });
            self.handle_disconnected(id);
        }
        while let Some(relay) = self.pool.expired(now) {
            self.emit(Output::CloseRelay { relay });
        }
        self.count();
    }

    /// When [`Server::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let all = [self.table.next_deadline(), self.pool.next_deadline(), self.connections.next_deadline()];
        all.into_iter().flatten().min()
    }

    /// The next thing to do. Fetch until there is none after every input.
    pub fn poll_output(&mut self) -> Option<Output> {
        // Anyone who comes back without complaint has opened the relay.
        if let Some((relay, at)) = self.opening.take()
            && let Some(tuple) = self.table.owner(relay)
        {
            self.opened(tuple, relay, at);
        }
        let output = self.outputs.pop_front()?;
        if let Output::OpenRelay { relay, .. } = output {
            self.opening = Some((relay, self.clock.told));
        }
        Some(output)
    }

    /// Whether a client has an allocation here.
    pub fn holds(&self, tuple: &FiveTuple) -> bool {
        self.table.get(tuple).is_some()
    }

    fn handle_request(&mut self, tuple: FiveTuple, message: &Message<'_>, now: Instant) {
        self.clock.told = now;
        if let Some(worker) = self.other_worker(message).filter(|_| !self.holds(&tuple)) {
            return self.emit(Output::HandOver { worker, client: tuple });
        }
        let requests = &mut self.stats.requests;
        match message.method {
            Method::Binding => requests.binding += 1,
            Method::Allocate => requests.allocate += 1,
            Method::Refresh => requests.refresh += 1,
            Method::CreatePermission => requests.create_permission += 1,
            Method::ChannelBind => requests.channel_bind += 1,
            Method::Connect => requests.connect += 1,
            Method::ConnectionBind => requests.connection_bind += 1,
            Method::Send | Method::Data | Method::ConnectionAttempt | Method::Other(_) => {
                self.stats.dropped.unexpected += 1;
                return;
            }
        }
        if message.method == Method::Binding && self.rules.options.binding != BindingRule::Authenticated {
            return self.answer_binding(tuple, message, None, now);
        }
        match self.authenticate(tuple, message, self.clock.unix(now)) {
            Ok(request) => self.handle_authenticated(&request, now),
            Err(refusal) => self.refuse(tuple, message, &refusal, None, now),
        }
    }

    fn answer_binding(&mut self, tuple: FiveTuple, message: &Message<'_>, key: Option<&Key>, now: Instant) {
        if self.rules.options.binding == BindingRule::Off {
            self.stats.dropped.unexpected += 1;
            return;
        }
        match self.binding(tuple, message) {
            Ok(bound) => self.answer(bound.way, bound.response, key, message.fingerprinted),
            Err(refusal) => self.refuse(tuple, message, &refusal, key, now),
        }
    }

    fn handle_authenticated(&mut self, request: &Request<'_>, now: Instant) {
        let Request { tuple, message, key, username } = request;
        if message.method == Method::Binding {
            return self.answer_binding(*tuple, message, Some(key), now);
        }
        let unknown = message.not_understood(&[]);
        let owner = self.table.get(tuple).map(|allocation| &*allocation.owner.username);
        let is_foreign = owner.is_some_and(|owner| owner != *username);
        let outcome = match message.method {
            // RFC 8656 section 5: what is asked of somebody else's allocation gets 441 (Allocate has 437 for that).
            Method::Refresh | Method::CreatePermission | Method::ChannelBind | Method::Connect if is_foreign => {
                Err(Refusal::WrongCredentials)
            }
            // RFC 8489 section 6.3.1, after authentication: unknown attributes get 420.
            _ if !unknown.is_empty() => Err(Refusal::UnknownAttributes(unknown)),
            Method::Allocate => self.allocate(request, now),
            Method::Refresh => self.refresh(request, now).map(Some),
            Method::CreatePermission => self.create_permission(request, now).map(Some),
            Method::ChannelBind => self.channel_bind(request, now).map(Some),
            Method::Connect => self.connect(request, now).map(|()| None),
            Method::ConnectionBind => self.connection_bind(request, now).map(Some),
            // Not authenticated, and not requests.
            Method::Binding | Method::Send | Method::Data | Method::ConnectionAttempt | Method::Other(_) => Ok(None),
        };
        let is_bound = message.method == Method::ConnectionBind && outcome.is_ok();
        match outcome {
            Ok(Some(response)) => self.answer(*tuple, response, Some(key), message.fingerprinted),
            Ok(None) => {} // answered once the relay is open
            Err(refusal) => self.refuse(*tuple, message, &refusal, Some(key), now),
        }
        if is_bound {
            self.splice(*tuple);
        }
    }

    /// The live relay that peers see at `peer`, as it is bound, and whose it is.
    fn relay_at(&self, peer: SocketAddr) -> Option<(SocketAddr, Worker)> {
        let relay = self.commons.bound(peer)?;
        self.commons.live(relay).map(|worker| (relay, worker))
    }

    /// Whether `peer`, which is no live relay, is an address of this server that no data may go to: its listeners and
    /// other services always, the rest of its relay addresses unless the operator opened them by name.
    fn is_own(&self, peer: SocketAddr) -> bool {
        let bound = self.commons.bound(peer);
        let is_listed = |own: &SocketAddr| {
            *own == peer || Some(*own) == bound || (own.ip().is_unspecified() && own.port() == peer.port())
        };
        self.rules.own.iter().any(is_listed) || (bound.is_some() && !self.opens_own(peer.ip()))
    }

    /// Ends an allocation.
    fn close(&mut self, tuple: FiveTuple) {
        if let Some(allocation) = self.table.remove(&tuple) {
            self.forget(tuple, &allocation);
        }
    }

    /// Frees what a removed allocation held.
    fn forget(&mut self, tuple: FiveTuple, allocation: &Allocation) {
        for id in self.connections.of(tuple) {
            self.disconnect(id);
        }
        // The port above is kept for a client that is there.
        if let Some(relay) = allocation.relays.reservation.and_then(|token| self.pool.cancel(token)) {
            self.emit(Output::CloseRelay { relay });
        }
        for relay in allocation.relays.all().chain(allocation.upper()) {
            self.pool.release(relay.bound);
            self.emit(Output::CloseRelay { relay: relay.bound });
        }
        if let AllocationPhase::Opening(opening) = &allocation.phase {
            self.wake(&opening.tried);
        }
        self.commons.dismiss(rest::account(&allocation.owner.username), allocation.owner.source);
    }

    fn count(&mut self) {
        self.stats.allocations = self.table.len() as u64;
    }

    fn emit(&mut self, output: Output) {
        match output {
            Output::Transmit { .. } | Output::RelayTransmit { .. } | Output::Deliver { .. }
                if self.outputs.len() >= OUTPUTS =>
            {
                self.stats.dropped.congested += 1;
            }
            Output::Transmit { .. }
            | Output::RelayTransmit { .. }
            | Output::Deliver { .. }
            | Output::OpenRelay { .. }
            | Output::CloseRelay { .. }
            | Output::Connect { .. }
            | Output::Splice { .. }
            | Output::Disconnect { .. }
            | Output::HandOver { .. } => self.outputs.push_back(output),
        }
    }
}

#[cfg(test)]
mod tests;
