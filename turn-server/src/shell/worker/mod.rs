//! One worker: a thread that owns a core, its share of the listeners, its relays, and every connection in between.
//!
//! ```text
//!   poll ─► listener ─► core ──┐
//!        ├► relay ─────► core ─┼─► outbox ─► one flush a turn
//!        ├► client, peer (TCP) ┘
//!        └► letters of other workers
//! ```
//!
//! It decides nothing about the protocol. A turn takes what is there, hands it to the core, and sends what came of it;
//! the time is read once a turn.

mod carry;
mod datagrams;
mod iteration;
mod messages;
mod outputs;
mod peers;
mod streams;

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use foldhash::quality::RandomState;
use mio::net::TcpListener;
use mio::{Poll, Registry, Token};
use slab::Slab;
use tokio::sync::watch;

use super::bind::ListenSockets;
use super::clients::Clients;
use super::dtls::Sessions;
use super::mailbox::{Batch, Mailbox, WorkerMessage};
use super::tls::Identity;
use super::udp::{Arena, Arrival, Outbox, Socket};
use crate::server::{AddressKey, Server};
use crate::{FiveTuple, Stats};
use peers::Peers;

/// How often counters are published, and clients that are late are looked for.
const SWEEP: Duration = Duration::from_secs(1);
/// Clients of other workers that moved here, and the other way round. Full: a client that moves is not followed.
const MOVED: usize = 65_536;

/// What a token of the poll stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PollSource {
    Listener(usize),
    Door(usize),
    Relay(usize),
    Client(usize),
    Peer(usize),
    Letters,
}

/// What wakes a worker for its letters.
pub(super) const LETTERS: Token = Token(5 << INDEX);

/// Bits of a token that say which one of its kind.
const INDEX: u32 = 48;

impl PollSource {
    fn token(self) -> Token {
        let (kind, index) = match self {
            Self::Listener(index) => (0, index),
            Self::Door(index) => (1, index),
            Self::Relay(index) => (2, index),
            Self::Client(index) => (3, index),
            Self::Peer(index) => (4, index),
            Self::Letters => return LETTERS,
        };
        Token(kind << INDEX | index)
    }

    fn of(token: Token) -> Self {
        let index = token.0 & ((1 << INDEX) - 1);
        match token.0 >> INDEX {
            0 => Self::Listener(index),
            1 => Self::Door(index),
            2 => Self::Relay(index),
            3 => Self::Client(index),
            4 => Self::Peer(index),
            _ => Self::Letters,
        }
    }
}

/// A socket that datagrams leave by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum EgressSocket {
    Listener(usize),
    Relay(usize),
}

/// A listener of UDP.
struct UdpListener {
    address: SocketAddr,
    socket: Socket,
    /// How many datagrams are asked of it at once: few of a quiet one, for each costs a little even when it is not
    /// there.
    batch: usize,
}

/// A listener of TCP.
struct TcpAcceptor {
    socket: TcpListener,
}

/// A relay's socket.
struct WorkerRelay {
    address: SocketAddr,
    socket: RelaySocket,
    /// As of a listener.
    batch: usize,
}

enum RelaySocket {
    Udp(Socket),
    Tcp(TcpListener),
}

/// Sockets of UDP, and relays.
struct PollTable {
    listeners: Vec<UdpListener>,
    doors: Vec<TcpAcceptor>,
    relays: Slab<WorkerRelay>,
    by_address: HashMap<AddressKey, usize, RandomState>,
}

/// Data on its way.
struct DatagramPath {
    arena: Arena,
    outbox: Outbox<EgressSocket>,
    /// The same for what came in letters.
    letters: Outbox<EgressSocket>,
    arrivals: Vec<Arrival>,
    /// For relays of the other workers, by worker.
    parcels: Vec<Batch>,
    /// Sockets that had more than was read, to be read again in the next iteration: an edge is told once.
    again: Vec<PollSource>,
}

/// Clients that hash to one worker and belong to another.
#[derive(Default)]
struct Moved {
    /// Ours, elsewhere.
    away: HashMap<FiveTuple, crate::Worker, RandomState>,
    /// Others', here.
    guests: HashMap<FiveTuple, crate::Worker, RandomState>,
}

/// A worker that has not begun: what of it may go to another thread.
pub(super) struct Prepared {
    core: Server,
    poll: Poll,
    registry: Registry,
    sockets: PollTable,
    links: Links,
    now: Instant,
}

/// A worker.
struct Worker {
    core: Server,
    poll: Poll,
    registry: Registry,
    sockets: PollTable,
    path: DatagramPath,
    clients: Clients,
    peers: Peers,
    sessions: Sessions,
    moved: Moved,
    links: Links,
    now: Instant,
}

/// What ties a worker to the others and to anyone who started it.
pub(super) struct Links {
    pub(super) number: crate::Worker,
    pub(super) letters: Receiver<WorkerMessage>,
    /// The way to each worker, this one among them.
    pub(super) postboxes: Vec<Mailbox>,
    pub(super) identity: Option<Arc<Identity>>,
    pub(super) doors: ListenSockets,
    pub(super) members: Option<watch::Receiver<BTreeSet<IpAddr>>>,
    pub(super) stats: watch::Sender<Stats>,
    pub(super) swept: Instant,
}

/// The sockets that a worker begins with.
pub(super) struct Listening {
    pub(super) udp: Vec<(SocketAddr, std::net::UdpSocket)>,
    pub(super) tcp: Vec<std::net::TcpListener>,
}

impl Prepared {
    /// Registers the sockets.
    pub(super) fn new(core: Server, poll: Poll, listening: Listening, links: Links, now: Instant) -> io::Result<Self> {
        let registry = poll.registry().try_clone()?;
        let mut sockets =
            PollTable { listeners: Vec::new(), doors: Vec::new(), relays: Slab::new(), by_address: HashMap::default() };
        for (address, socket) in listening.udp {
            let mut socket = Socket::listener(socket)?;
            socket.register(&registry, PollSource::Listener(sockets.listeners.len()).token())?;
            sockets.listeners.push(UdpListener { address, socket, batch: datagrams::FEW });
        }
        for socket in listening.tcp {
            let mut socket = TcpListener::from_std(socket);
            registry.register(&mut socket, PollSource::Door(sockets.doors.len()).token(), mio::Interest::READABLE)?;
            sockets.doors.push(TcpAcceptor { socket });
        }
        Ok(Self { core, poll, registry, sockets, links, now })
    }

    /// Serves these alone, from the first turn on.
    pub(super) fn restrict(&mut self, members: watch::Receiver<BTreeSet<IpAddr>>) {
        self.links.members = Some(members);
    }

    /// Serves until it is told to stop, or the system gives no more events.
    pub(super) fn run(self) {
        self.begin().run();
    }

    fn begin(self) -> Worker {
        let Self { core, poll, registry, sockets, links, now } = self;
        let parcels = links.postboxes.iter().map(|_| Batch::default()).collect();
        let path = DatagramPath {
            arena: Arena::new(),
            outbox: Outbox::new(),
            letters: Outbox::new(),
            arrivals: Vec::new(),
            parcels,
            again: Vec::new(),
        };
        Worker {
            core,
            poll,
            registry,
            sockets,
            path,
            clients: Clients::default(),
            peers: Peers::default(),
            sessions: Sessions::default(),
            moved: Moved::default(),
            links,
            now,
        }
    }
}

impl PollTable {
    fn udp(&self, exit: EgressSocket) -> Option<&Socket> {
        match exit {
            EgressSocket::Listener(index) => self.listeners.get(index).map(|listener| &listener.socket),
            EgressSocket::Relay(key) => match &self.relays.get(key)?.socket {
                RelaySocket::Udp(socket) => Some(socket),
                RelaySocket::Tcp(_) => None,
            },
        }
    }

    /// The listener on an address.
    fn listener(&self, address: SocketAddr) -> Option<usize> {
        self.listeners.iter().position(|listener| listener.address == address)
    }

    /// The relay on an address.
    fn relay(&self, address: SocketAddr) -> Option<usize> {
        self.by_address.get(&AddressKey(address)).copied()
    }
}

#[cfg(test)]
mod tests;
