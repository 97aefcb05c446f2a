//! The server as a whole: bind, say where, run until told to stop.
//!
//! The binary and the desktop client that hosts a room both start it here.

use std::collections::BTreeSet;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hearth_protocol::SpkiHash;
use hearth_turn::shell::{Shell, WorkersEnded};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinSet};

use crate::clock;
use crate::gateway::addresses::{Addresses, Advertise};
use crate::gateway::alive::Alive;
use crate::gateway::connection::OpenedWebSocket;
use crate::gateway::connection_limit::{ConnectionLimiter, ConnectionStats};
use crate::gateway::http::{Shared, router};
use crate::gateway::hub::Hub;
use crate::gateway::legacy::{LegacyGuard, Pages};
use crate::gateway::listener::Listener;
use crate::gateway::metrics::{Metrics, Sources};
use crate::gateway::ports::{ListenError, PortRole, Ports, listen};
use crate::gateway::proxies::TrustedProxies;
use crate::gateway::relays::Relays;
use crate::gateway::statics::Folder;
use crate::rooms::{Rooms, RoomsConfig};
use crate::tls::{AcmeConfig, Authority, Identity, TlsError, ticket_key};

/// The port of `https:` URLs that name none.
const HTTPS: u16 = 443;
/// WebSockets opened and not yet taken over by the hub. Cap 64: it takes them in microseconds. Full: 503.
const OPENINGS: usize = 64;

/// What a server is told at its start.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where to listen. `[::]` takes IPv4 too, and where there is no IPv6, IPv4 alone. Port 0: any that is free.
    pub listen: SocketAddr,
    /// Where to listen as well, for the same.
    pub also_listen: Vec<SocketAddr>,
    /// Where to send everybody to https, and do nothing else.
    pub redirect: Vec<SocketAddr>,
    /// How the ports are protected.
    pub protection: Protection,
    /// Names (or outside addresses) that this server goes by beside those of the machine.
    pub names: Vec<String>,
    /// Pages of others that may speak to this server: `https://HOST` or `https://HOST:PORT`.
    pub origins: Vec<String>,
    /// A folder of files that are served beside the guest page; its index is at the top in the page's place.
    pub static_files: Option<PathBuf>,
    /// Where counters should be read.
    pub metrics: Option<SocketAddr>,
    /// Those of the TURN servers that share a secret with us which are asked now and then whether they take what we
    /// sign: URLs of theirs.
    pub asked_relays: Vec<String>,
    /// The folder of the key by which rooms outlive a restart, made where there is none; without one they do not.
    pub tickets: Option<PathBuf>,
    /// Whether the certificate, which everybody reads who connects, holds the machine's own name.
    pub hostname: Advertise,
    /// The rules of the rooms.
    pub rooms: RoomsConfig,
    /// How many connections there may be.
    pub connections: ConnectionLimits,
    /// Reverse proxies that are believed who calls.
    pub proxies: TrustedProxies,
}

impl ServerConfig {
    /// A server on one port, with nothing beside what it needs.
    pub fn new(listen: SocketAddr, protection: Protection) -> Self {
        Self {
            listen,
            also_listen: Vec::new(),
            redirect: Vec::new(),
            protection,
            names: Vec::new(),
            origins: Vec::new(),
            static_files: None,
            metrics: None,
            asked_relays: Vec::new(),
            tickets: None,
            hostname: Advertise::default(),
            rooms: RoomsConfig::default(),
            connections: ConnectionLimits::default(),
            proxies: TrustedProxies::default(),
        }
    }
}

/// How the ports are protected.
#[derive(Clone, Debug)]
pub enum Protection {
    /// HTTPS with a generated certificate, kept with its key in this folder.
    Generated {
        /// Made, for its owner alone, where there is none.
        state: PathBuf,
    },
    /// HTTPS with the certificate chain and the key in these PEM files, which are read again when they change.
    Files {
        /// The certificate and those above it.
        certificate: PathBuf,
        /// Its key: PKCS#8, PKCS#1 or SEC1, without a password.
        key: PathBuf,
    },
    /// HTTPS with a certificate that an authority is asked for.
    Acme(AcmeConfig),
    /// Plain HTTP: behind a proxy on the same machine, or in tests. Browsers give a page no devices this way but on
    /// `localhost`.
    PlainHttp,
}

/// How many connections there may be.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// In all.
    pub all: usize,
    /// From one address (or one IPv6 /64); this machine itself is not limited.
    pub of_one_source: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        // A school behind one address is a few hundred people; Debian gives a process 1024 descriptors at first.
        Self { all: 900, of_one_source: 300 }
    }
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A port could not be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// No key or certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The folder to be served is not there.
    #[error("{path} cannot be served ({source}). Give --static a folder that can be read.")]
    Static {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The system gave no random numbers.
    #[error("The system gives no random numbers ({0}). Restart it.")]
    Random(String),
}

/// A part of a running server ended by itself, and the rest with it.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The rooms.
    #[error(
        "The server ended by a fault of its own: the task that keeps the rooms ({0}). Start it again, and report this."
    )]
    Rooms(String),
    /// What accepts connections.
    #[error(
        "The server ended by a fault of its own: the task that accepts connections ({0}). Start it again, and report this."
    )]
    Ports(String),
    /// The relay beside it.
    #[error(transparent)]
    Relay(Box<WorkersEnded>),
}

/// A server that has its ports and is ready to run.
pub struct Server {
    listener: Listener,
    hub: Hub,
    alive: Option<Alive>,
    metrics: Option<Metrics>,
    relays: Relays,
    first: SocketAddr,
    others: Vec<SocketAddr>,
    redirects: Vec<SocketAddr>,
    spki: Option<SpkiHash>,
    certificate: watch::Receiver<Option<[u8; 32]>>,
}

impl Server {
    /// Takes the ports and gets the identity.
    ///
    /// # Errors
    /// [`ServeError`], each a sentence for a person.
    pub async fn bind(config: ServerConfig) -> Result<Self, ServeError> {
        let opened = Opened::open(&config)?;
        let addresses = Addresses {
            bound: opened.addresses(),
            names: config.names,
            origins: config.origins,
            hostname: config.hostname,
        };
        let (identity, authority) = identity(&config.protection, &addresses)?;
        let folder =
            config.static_files.map(|path| Folder::open(&path).map_err(|source| ServeError::Static { path, source }));
        let spki = identity.as_ref().and_then(Identity::spki);
        let (renewed, certificate) = watch::channel(identity.as_ref().and_then(Identity::certificate_sha256));
        let (openings, to_open) = mpsc::channel::<OpenedWebSocket>(OPENINGS);
        let (hosts, seen_hosts) = watch::channel(addresses.hosts(identity.as_ref().map_or(&[], Identity::names)));
        let ((pages, door), proxies) = (Pages::new(), Arc::new(config.proxies));
        let legacy = LegacyGuard { pages: door, is_secure: identity.is_some() };
        let router = router(Shared {
            hosts: seen_hosts.clone(),
            openings,
            message_bytes: config.rooms.limits.message_bytes as usize,
            folder: folder.transpose()?,
            keep_to_https: identity.as_ref().is_some_and(Identity::is_vouched_for),
            proxies: proxies.clone(),
            legacy: config.rooms.legacy.is_some().then_some(legacy),
        });
        let ping = Duration::from_secs(u64::from(config.rooms.ping_s.max(1)));
        let relays = Relays::new(config.rooms.ice.turn.as_ref(), config.asked_relays)?;
        let mut rooms = config.rooms;
        if let Some(folder) = &config.tickets {
            rooms.tickets = Some(ticket_key(folder, seed()?)?);
            rooms.earlier = Alive::earlier(folder)?;
        }
        let (earlier, epoch) = (rooms.earlier.clone(), clock::epoch());
        let hub = Hub::new(Rooms::new(rooms, seed()?, epoch), ping, to_open, pages);
        let alive = config.tickets.map(|folder| Alive::new(&folder, earlier, hub.run_id(), epoch.at));
        let places = ConnectionLimiter::new(config.connections.all, config.connections.of_one_source);
        let tally = Arc::new(ConnectionStats::default());
        let Opened { ports, first, others, redirects, metrics } = opened;
        let (hub_asked, taken) = (hub.questioner(), places.taken());
        let sources = Sources { hosts: seen_hosts, hub: hub_asked, tally: tally.clone(), taken, relay: None };
        let metrics = metrics.map(|(socket, _)| Metrics { socket, sources });
        let https = if others.iter().any(|other| other.port() == HTTPS) { HTTPS } else { first.port() };
        let listener = Listener {
            ports,
            places,
            tally,
            identity,
            authority,
            https,
            renewed,
            addresses,
            hosts,
            router,
            proxies,
            #[cfg(test)]
            is_faulty: false,
        };
        Ok(Self { listener, hub, alive, metrics, relays, first, others, redirects, spki, certificate })
    }

    /// Where it listens; the address may be the unspecified one. Of several, the first.
    pub fn local_addr(&self) -> SocketAddr {
        self.first
    }

    /// Where it listens as well, for the same.
    pub fn other_addrs(&self) -> &[SocketAddr] {
        &self.others
    }

    /// Everywhere that it only sends to https.
    pub fn redirect_addrs(&self) -> &[SocketAddr] {
        &self.redirects
    }

    /// Where counters are read.
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().and_then(|metrics| metrics.socket.local_addr().ok())
    }

    /// Takes up with a relay that runs in this process, and knows credentials by [`NameRule`](hearth_turn::NameRule):
    /// it is told whose are good, and the metrics tell of it.
    pub fn attach_relay(&mut self, relay: &Shell) {
        self.hub.tell(relay.control());
        if let Some(metrics) = &mut self.metrics {
            metrics.sources.relay = Some(relay.stats());
        }
    }

    /// SHA-256 of the certificate's public key: what an invitation carries. None for plain HTTP, and where an authority
    /// gives certificates: their keys change.
    pub fn spki(&self) -> Option<SpkiHash> {
        self.spki
    }

    /// SHA-256 of the certificate, as browsers show it, as it changes when the network or the files do. None for plain
    /// HTTP, and where an authority gives it.
    pub fn certificate_sha256(&self) -> watch::Receiver<Option<[u8; 32]>> {
        self.certificate.clone()
    }

    /// The addresses from which those who are in rooms were observed to come, as they change; who is away within the
    /// grace counts. A member on this machine is seen at a loopback address, or at one of the machine's own.
    pub fn members(&self) -> watch::Receiver<BTreeSet<IpAddr>> {
        self.hub.members()
    }

    /// Serves until `shutdown` is done, then tells every client and ends within a few seconds.
    ///
    /// # Errors
    /// [`Broken`] when a part of it ended before that, by a fault of ours.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), Broken> {
        let (drain, drained) = oneshot::channel();
        // Tasks of their own: a fault of one leaves the others the time to say goodbye.
        let mut hub = JoinSet::new();
        hub.spawn(self.hub.run(drained));
        let mut ports = JoinSet::new();
        ports.spawn(self.listener.run());
        ports.spawn(self.relays.run());
        if let Some(metrics) = self.metrics {
            ports.spawn(metrics.run());
        }
        let mut alive = self.alive;
        let living = async {
            match &mut alive {
                Some(alive) => alive.run().await,
                None => std::future::pending().await,
            }
        };
        let early = tokio::select! {
            Some(ended) = ports.join_next() => Err(Broken::ports(ended)),
            Some(ended) = hub.join_next() => return Err(Broken::rooms(ended)),
            () = living => Ok(()),
            () = shutdown => Ok(()),
        };
        ports.shutdown().await; // they are free again, and nobody new comes in
        drop(drain);
        let left = match hub.join_next().await {
            Some(Err(fault)) => Err(Broken::rooms(Err(fault))),
            Some(Ok(())) | None => early,
        };
        if let Some(alive) = &mut alive {
            alive.write().await;
        }
        left
    }
}

impl Broken {
    fn rooms(ended: Result<(), JoinError>) -> Self {
        Self::Rooms(why(ended))
    }

    fn ports(ended: Result<(), JoinError>) -> Self {
        Self::Ports(why(ended))
    }
}

fn why(ended: Result<(), JoinError>) -> String {
    ended.err().map_or_else(|| "it came to its end".to_owned(), |fault| fault.to_string())
}

fn identity(protection: &Protection, addresses: &Addresses) -> Result<(Option<Identity>, Option<Authority>), TlsError> {
    Ok(match protection {
        Protection::Generated { state } => {
            (Some(Identity::generated(state, &addresses.certificate_names(), clock::unix_s())?), None)
        }
        Protection::Files { certificate, key } => (Some(Identity::given(certificate, key)?), None),
        Protection::Acme(config) => {
            let (identity, authority) = Identity::acme(config)?;
            (Some(identity), Some(authority))
        }
        Protection::PlainHttp => (None, None),
    })
}

/// Ports that were taken, and where they really are.
struct Opened {
    ports: Ports,
    first: SocketAddr,
    others: Vec<SocketAddr>,
    redirects: Vec<SocketAddr>,
    metrics: Option<(TcpListener, SocketAddr)>,
}

impl Opened {
    fn open(config: &ServerConfig) -> Result<Self, ServeError> {
        let mut ports = Ports::default();
        let first = ports.open(config.listen, PortRole::Serve)?;
        let mut all = |addresses: &[SocketAddr], role| {
            addresses.iter().map(|address| ports.open(*address, role)).collect::<Result<Vec<_>, _>>()
        };
        let others = all(&config.also_listen, PortRole::Serve)?;
        let redirects = all(&config.redirect, PortRole::Redirect)?;
        let metrics = config.metrics.map(listen).transpose()?;
        Ok(Self { ports, first, others, redirects, metrics })
    }

    fn addresses(&self) -> BTreeSet<IpAddr> {
        let metrics = self.metrics.iter().map(|(_, address)| address);
        let all = [&self.first].into_iter().chain(&self.others).chain(&self.redirects).chain(metrics);
        all.map(SocketAddr::ip).collect()
    }
}

fn seed() -> Result<[u8; 32], ServeError> {
    use rand::TryRng as _;
    let mut seed = [0; 32];
    rand::rngs::SysRng.try_fill_bytes(&mut seed).map_err(|e| ServeError::Random(e.to_string()))?;
    Ok(seed)
}

mod beside;
#[cfg(test)]
mod tests;
