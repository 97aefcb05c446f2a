//! A room on this machine: both servers, in this process, on a runtime of their own.
//!
//! The same code as the two programs. Owner of: the thread `serve` with its runtime, both servers, the secret between
//! them. Dropped, the servers tell their clients, end, and the thread is joined.

pub(crate) mod addresses;

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;

use hearth_protocol::SpkiHash;
use hearth_signal::rooms::{Creators, IceConfig, RoomsConfig, TurnRest, TurnSecret};
use hearth_signal::{Advertise, ListenError, Protection, ServeError, Server, ServerConfig, TlsError};
use hearth_turn::shell::{Listen, Shell};
use hearth_turn::{Config as TurnConfig, NameRule, Secret};
use rust_i18n::t;
use tokio::sync::{oneshot, watch};

/// Threads that serve: a room is light work, and a slow request must not hold up the rest.
const WORKERS: usize = 2;
/// The port of rooms, and how many are tried after it while nobody chose one.
const PORT: u16 = 8443;
const TRIES: u16 = 20;
/// How long a relay's credential is good. A call of an evening needs one refresh.
const CREDENTIAL: Duration = Duration::from_secs(4 * 3600);
/// Allocations of one member: a browser in a room of 12 makes one for each peer and network interface, twice that with
/// a screen.
const OF_A_MEMBER: usize = 64;
/// How long the servers may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// How a room is hosted.
#[derive(Clone, Debug)]
pub(crate) struct HostingConfig {
    /// Where key and certificate are kept.
    pub(crate) state: PathBuf,
    /// The port that the person chose.
    pub(crate) port: Option<u16>,
    /// The addresses of this machine that relays stand on.
    pub(crate) relays: Vec<IpAddr>,
}

/// Why no room is hosted: words for a sentence.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostingError {
    /// Somebody else has the port that the person chose.
    #[error("{}", t!("hosting.port", port = .0))]
    PortUsed(u16),
    /// No thread or runtime.
    #[error("{}", t!("hosting.thread"))]
    Thread(#[source] std::io::Error),
    /// The key or the certificate cannot be kept.
    #[error("{}", t!("hosting.files", path = .0.display()))]
    Files(PathBuf),
    /// The file of the key holds none.
    #[error("{}", t!("hosting.key", path = .0.display()))]
    Key(PathBuf),
    /// Nothing can be written any more.
    #[error("{}", t!("hosting.disk_full"))]
    DiskFull,
    /// Nor here.
    #[error("{}", t!("hosting.read_only", path = .0.display()))]
    ReadOnly(PathBuf),
    /// What the system does not give; its words are in the log.
    #[error("{}", t!("hosting.system"))]
    System,
    /// The thread ended before it said anything.
    #[error("{}", t!("hosting.gone"))]
    Gone,
}

/// The servers' own sentences are for who runs them on a command line.
impl From<ServeError> for HostingError {
    fn from(error: ServeError) -> Self {
        tracing::warn!(%error, "no room can be hosted");
        match error {
            ServeError::Listen(ListenError::PortUsed(port)) => Self::PortUsed(port),
            ServeError::Tls(TlsError::Files { path, source }) => Self::of_files(path, source.kind()),
            ServeError::Tls(TlsError::Key(path)) => Self::Key(path),
            ServeError::Tls(TlsError::Make(_))
            | ServeError::Random(_)
            | ServeError::Listen(ListenError::Other { .. }) => Self::System,
            // What a room of one's own never asks for: ports of the system's, folders, certificates of others.
            ServeError::Listen(ListenError::PortForbidden(_))
            | ServeError::Static { .. }
            | ServeError::Tls(TlsError::Given { .. } | TlsError::Acme(_)) => Self::System,
        }
    }
}

impl HostingError {
    /// What is wrong with the folder of the key, as far as it helps to know.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the standard library's words, which become more")]
    fn of_files(path: PathBuf, kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::DiskFull,
            ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => Self::ReadOnly(path),
            _ => Self::Files(path),
        }
    }
}

/// A room's servers, running.
#[derive(Debug)]
pub(crate) struct Hosting {
    port: u16,
    spki: SpkiHash,
    certificate: watch::Receiver<Option<[u8; 32]>>,
    members: watch::Receiver<BTreeSet<IpAddr>>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What there is to say about them.
#[derive(Clone, Debug)]
pub(crate) struct HostingFacts {
    /// The port of rooms and page.
    pub(crate) port: u16,
    /// The key that links pin.
    pub(crate) spki: SpkiHash,
    /// The certificate's hash, as browsers show it now.
    pub(crate) certificate: Option<[u8; 32]>,
}

/// The servers have begun.
struct Started {
    port: u16,
    spki: SpkiHash,
    certificate: watch::Receiver<Option<[u8; 32]>>,
    members: watch::Receiver<BTreeSet<IpAddr>>,
}

impl Hosting {
    /// Starts both servers.
    ///
    /// # Errors
    /// [`HostingError`].
    pub(crate) async fn start(config: HostingConfig) -> Result<Self, HostingError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("serve")
            .enable_all()
            .build()
            .map_err(HostingError::Thread)?;
        let (started, starting) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("serve".to_owned())
            .spawn(move || {
                runtime.block_on(serve(config, started, ended));
                runtime.shutdown_timeout(GOODBYE);
            })
            .map_err(HostingError::Thread)?;
        let Started { port, spki, certificate, members } = starting.await.map_err(|_| HostingError::Gone)??;
        Ok(Self { port, spki, certificate, members, end: Some(end), thread: Some(thread) })
    }

    pub(crate) fn facts(&self) -> HostingFacts {
        HostingFacts { port: self.port, spki: self.spki, certificate: *self.certificate.borrow() }
    }

    /// Waits until nobody is in a room any more, for a while at most.
    pub(crate) async fn emptied(&self, limit: Duration) {
        let mut members = self.members.clone();
        let empty = members.wait_for(BTreeSet::is_empty);
        if tokio::time::timeout(limit, empty).await.is_err() {
            tracing::info!("the room ends with people in it");
        }
    }
}

impl Drop for Hosting {
    fn drop(&mut self) {
        self.end = None; // the servers take it for an action to end
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

async fn serve(
    config: HostingConfig,
    started: oneshot::Sender<Result<Started, HostingError>>,
    ended: oneshot::Receiver<()>,
) {
    let secret: [u8; 32] = rand::random();
    let relay = relay(&config.relays, &secret);
    let urls = relay.iter().flat_map(Shell::local_addrs).flat_map(turn_urls).collect();
    let mut server = match bind(&config, urls, &secret).await {
        Ok(server) => server,
        Err(error) => return drop(started.send(Err(error))),
    };
    if let Some(relay) = &relay {
        server.attach_relay(relay);
    }
    let Some(spki) = server.spki() else { return };
    let (port, certificate, members) = (server.local_addr().port(), server.certificate_sha256(), server.members());
    if started.send(Ok(Started { port, spki, certificate, members: members.clone() })).is_err() {
        return; // nobody waits any more
    }
    let (stop, stopped) = watch::channel(());
    let until = |mut stopped: watch::Receiver<()>| async move { while stopped.changed().await.is_ok() {} };
    let relaying = async {
        let Some(mut relay) = relay else { return };
        let (all, present) = watch::channel(with_own(&members.borrow(), &config.relays));
        relay.restrict(present);
        tokio::select! {
            _ = relay.run(until(stopped.clone())) => {}
            () = follow(members, &config.relays, &all) => {}
        }
    };
    let stopping = async {
        drop(ended.await);
        drop(stop);
    };
    let serving = async {
        if let Err(broken) = server.run(until(stopped.clone())).await {
            tracing::error!("{broken}");
        }
    };
    tokio::join!(serving, relaying, stopping);
}

/// The ways to a relay: it listens on UDP and TCP alike, and some networks let no UDP out.
fn turn_urls(address: &SocketAddr) -> [String; 2] {
    [format!("turn:{address}"), format!("turn:{address}?transport=tcp")]
}

/// The relay serves who is in the room, and this machine: our own call is on its addresses.
async fn follow(mut members: watch::Receiver<BTreeSet<IpAddr>>, own: &[IpAddr], all: &watch::Sender<BTreeSet<IpAddr>>) {
    while members.changed().await.is_ok() {
        all.send_replace(with_own(&members.borrow_and_update(), own));
    }
    std::future::pending().await // the relay ends with the room, not before it
}

fn with_own(members: &BTreeSet<IpAddr>, own: &[IpAddr]) -> BTreeSet<IpAddr> {
    // Nobody is in the room: nobody is served.
    if members.is_empty() { BTreeSet::new() } else { members.iter().chain(own).copied().collect() }
}

/// A relay on those of the addresses that can be listened on now: one that IPv6 has yet to make sure of cannot. Without
/// a relay a room still works wherever its people reach each other.
fn relay(addresses: &[IpAddr], secret: &[u8; 32]) -> Option<Shell> {
    let bind = |port| {
        let mut config = TurnConfig::new(rand::random());
        config.secrets = Secret::new(secret).into_iter().collect();
        // Credentials are good for who is in the room, and for media alone.
        config.names = NameRule::Granted;
        config.options.tcp_relays = false;
        config.quotas.allocations_per_user = OF_A_MEMBER;
        let listen = addresses.iter().map(|address| SocketAddr::new(*address, port));
        let listen: Vec<SocketAddr> = listen.filter(|address| UdpSocket::bind(address).is_ok()).collect();
        if listen.is_empty() {
            return Err(None);
        }
        Shell::bind(config, &Listen::on(&listen)).map_err(Some)
    };
    if addresses.is_empty() {
        return None;
    }
    let relay = bind(TurnConfig::PORT).or_else(|_| bind(0));
    relay.inspect_err(|error| tracing::warn!(error = ?error.as_ref().map(ToString::to_string), "no relay")).ok()
}

async fn bind(config: &HostingConfig, urls: Vec<String>, secret: &[u8; 32]) -> Result<Server, HostingError> {
    let turn = TurnSecret::new(*secret).filter(|_| !urls.is_empty());
    let turn = turn.map(|secret| TurnRest { urls, secret, lifetime: CREDENTIAL, before_join: CREDENTIAL });
    let rooms = RoomsConfig { ice: IceConfig { fixed: Vec::new(), turn }, ..RoomsConfig::default() };
    // Who hosts is on this machine; anybody else would make a room only to be a member who is relayed for.
    let rooms = RoomsConfig { creators: Creators::ThisMachine, ..rooms };
    let server = |port| ServerConfig {
        hostname: Advertise::No,
        rooms: rooms.clone(),
        ..ServerConfig::new(
            SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port),
            Protection::Generated { state: config.state.clone() },
        )
    };
    if let Some(port) = config.port {
        return Ok(Server::bind(server(port)).await?);
    }
    for port in (PORT..PORT + TRIES).chain([0]) {
        match Server::bind(server(port)).await {
            Err(ServeError::Listen(ListenError::PortUsed(_))) => {} // the next one
            bound => return Ok(bound?),
        }
    }
    Err(HostingError::PortUsed(PORT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_the_folder_is_told_with_what_helps() {
        let said = |kind| HostingError::of_files(PathBuf::from("/x/host"), kind).to_string();
        for (kind, word) in [
            (ErrorKind::StorageFull, "disk is full"),
            (ErrorKind::QuotaExceeded, "disk is full"),
            (ErrorKind::ReadOnlyFilesystem, "/x/host cannot be written"),
            (ErrorKind::PermissionDenied, "/x/host cannot be written"),
            (ErrorKind::NotADirectory, "/x/host cannot be read or written"),
        ] {
            let said = said(kind);
            assert!(said.contains(word) && said.ends_with("then try again."), "{kind:?}: {said}");
        }
    }
}
