//! The server as a whole: bind, say where, run until told to stop.
//!
//! The binary and the desktop client that hosts a room both start it here.

use std::collections::BTreeSet;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use hearth_protocol::SpkiHash;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::clock;
use crate::gateway::hosts::Hosts;
use crate::gateway::http::{Shared, router};
use crate::gateway::hub::{Hub, Opening};
use crate::gateway::legacy::{LegacyDoor, Pages};
use crate::gateway::listener::Listener;
use crate::rooms::{Rooms, RoomsConfig};
use crate::tls::{Identity, TlsError};

/// WebSockets opened and not yet taken over by the hub. Cap 64: it takes them in microseconds. Full: 503.
const OPENINGS: usize = 64;
/// Connections that the system may hold for us before we accept them.
const BACKLOG: i32 = 1024;

/// What a server is told at its start.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where to listen. `[::]` takes IPv4 too, and where there is no IPv6, IPv4 alone. Port 0: any that is free.
    pub listen: SocketAddr,
    /// How the port is protected.
    pub protection: Protection,
    /// Names (or outside addresses) that this server goes by beside those of the machine.
    pub names: Vec<String>,
    /// Whether the certificate, which everybody reads who connects, holds the machine's own name.
    pub hostname: Hostname,
    /// The rules of the rooms.
    pub rooms: RoomsConfig,
    /// How many connections there may be.
    pub connections: ConnectionLimits,
}

/// What becomes of the machine's own name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hostname {
    /// It is in the certificate, as `NAME.local`.
    #[default]
    Told,
    /// It is not: a computer at home is often called after the one who owns it.
    Untold,
}

/// How the port is protected.
#[derive(Clone, Debug)]
pub enum Protection {
    /// HTTPS with a generated certificate, kept with its key in this folder.
    Generated {
        /// Made, for its owner alone, where there is none.
        state: PathBuf,
    },
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
    /// The port is taken.
    #[error("Port {0} is used by another program. Choose another one.")]
    PortUsed(u16),
    /// The address cannot be listened on.
    #[error("{address} cannot be listened on ({source}). Choose an address of this machine.")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// No key or certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The system gave no random numbers.
    #[error("The system gives no random numbers ({0}). Restart it.")]
    Random(String),
}

/// A server that has its port and is ready to run.
pub struct Server {
    listener: Listener,
    hub: Hub,
    local: SocketAddr,
    spki: Option<SpkiHash>,
    certificate: watch::Receiver<Option<[u8; 32]>>,
}

impl Server {
    /// Takes the port and gets the identity.
    ///
    /// # Errors
    /// [`ServeError`], each a sentence for a person.
    pub async fn bind(config: ServerConfig) -> Result<Self, ServeError> {
        let socket = listen(config.listen)?;
        let local = socket.local_addr().map_err(|source| ServeError::Listen { address: config.listen, source })?;
        let addresses = Addresses { bound: local.ip(), names: config.names, hostname: config.hostname };
        let identity = match &config.protection {
            Protection::Generated { state } => {
                Some(Identity::load(state, &addresses.certificate_names(), clock::unix_s())?)
            }
            Protection::PlainHttp => None,
        };
        let spki = identity.as_ref().map(Identity::spki);
        let (renewed, certificate) = watch::channel(identity.as_ref().map(Identity::certificate_sha256));
        let (openings, opened) = mpsc::channel::<Opening>(OPENINGS);
        let (hosts, seen_hosts) = watch::channel(addresses.hosts());
        let message_bytes = config.rooms.limits.message_bytes as usize;
        let (pages, pages_door) = Pages::new();
        let is_secure = identity.is_some();
        let legacy = config.rooms.legacy.is_some().then_some(LegacyDoor { pages: pages_door, is_secure });
        let router = router(Shared { hosts: seen_hosts, openings, message_bytes, legacy });
        let ping = Duration::from_secs(u64::from(config.rooms.ping_s.max(1)));
        let hub = Hub::new(Rooms::new(config.rooms, seed()?, clock::epoch()), ping, opened, pages);
        let listener = Listener { socket, identity, renewed, addresses, hosts, router, limits: config.connections };
        Ok(Self { listener, hub, local, spki, certificate })
    }

    /// Where it listens; the address may be the unspecified one.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// SHA-256 of the certificate's public key: what an invitation carries. None for plain HTTP.
    pub fn spki(&self) -> Option<SpkiHash> {
        self.spki
    }

    /// SHA-256 of the certificate, as browsers show it, as it changes when the network does. None for plain HTTP.
    pub fn certificate_sha256(&self) -> watch::Receiver<Option<[u8; 32]>> {
        self.certificate.clone()
    }

    /// The addresses from which those who are in rooms were observed to come, as they change; who is away within the
    /// grace counts. A member on this machine is seen at a loopback address, or at one of the machine's own.
    pub fn members(&self) -> watch::Receiver<BTreeSet<IpAddr>> {
        self.hub.members()
    }

    /// Serves until `shutdown` is done, then tells every client and ends within a few seconds.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let (drain, drained) = oneshot::channel();
        let mut hub = JoinSet::new();
        hub.spawn(self.hub.run(drained));
        {
            let mut listening = pin!(self.listener.run());
            tokio::select! {
                () = &mut listening => {}
                () = shutdown => {}
                _ = hub.join_next() => return, // it ends early only by a fault of ours, which it has logged
            }
        } // the port is free again, and nobody new comes in
        drop(drain);
        hub.join_next().await;
    }
}

/// The addresses and names that a server goes by.
pub(crate) struct Addresses {
    bound: IpAddr,
    names: Vec<String>,
    hostname: Hostname,
}

impl Addresses {
    /// What is answered to.
    pub(crate) fn hosts(&self) -> Hosts {
        Hosts::new(self.addresses(), &self.names)
    }

    /// What stands in the certificate.
    pub(crate) fn certificate_names(&self) -> Vec<String> {
        let mut names = BTreeSet::from(["localhost".to_owned()]);
        if self.hostname == Hostname::Told
            && let Some(host) = gethostname::gethostname().to_str().and_then(|name| name.split('.').next())
            && !host.is_empty()
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        {
            names.insert(format!("{}.local", host.to_ascii_lowercase()));
        }
        names.extend(self.names.iter().map(|name| name.trim_matches(['[', ']']).to_ascii_lowercase()));
        names.extend(["127.0.0.1", "::1"].map(str::to_owned));
        names.extend(self.addresses().iter().map(IpAddr::to_string));
        names.into_iter().collect()
    }

    /// The bound address, or all of this machine when that is the unspecified one.
    fn addresses(&self) -> BTreeSet<IpAddr> {
        if !self.bound.is_unspecified() {
            return BTreeSet::from([self.bound.to_canonical()]);
        }
        let found = if_addrs::get_if_addrs().unwrap_or_else(|e| {
            tracing::warn!("the addresses of this machine cannot be listed: {e}");
            Vec::new()
        });
        // A link-local IPv6 address needs a zone, which no URL of a browser can say.
        let reachable = |ip: &IpAddr| !matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local());
        found.into_iter().map(|interface| interface.ip()).filter(reachable).collect()
    }
}

/// Takes the port.
fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let listened = match try_listen(address) {
        Err(e) if address.is_ipv6() && address.ip().is_unspecified() && e.kind() != std::io::ErrorKind::AddrInUse => {
            // No IPv6 on this machine.
            try_listen((Ipv4Addr::UNSPECIFIED, address.port()).into())
        }
        listened => listened,
    };
    listened.map_err(|source| {
        if source.kind() == std::io::ErrorKind::AddrInUse {
            ServeError::PortUsed(address.port())
        } else {
            ServeError::Listen { address, source }
        }
    })
}

fn try_listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    #[cfg(unix)]
    socket.set_reuse_address(true)?; // a restart need not wait for old connections to be forgotten
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn seed() -> Result<[u8; 32], ServeError> {
    use rand::TryRng as _;
    let mut seed = [0; 32];
    rand::rngs::SysRng.try_fill_bytes(&mut seed).map_err(|e| ServeError::Random(e.to_string()))?;
    Ok(seed)
}
