//! The ports that the server listens on: opening them, and the next connection of any.
//!
//! Owns the sockets. What is said on a port is the listener's matter.

use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::task::Poll;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

/// Connections that the system may hold for us before we accept them.
const BACKLOG: i32 = 1024;

/// Why a port could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The port is taken.
    #[error("Port {0} is used by another program. Choose another one.")]
    PortUsed(u16),
    /// The port is one of the system's.
    #[error(
        "Port {0} needs a right that this program does not have. Start it by systemd with AmbientCapabilities, give it \
         the right by `setcap cap_net_bind_service=+ep`, or choose a port from 1024 on."
    )]
    PortForbidden(u16),
    /// The address cannot be listened on.
    #[error("{address} cannot be listened on ({source}). Choose an address of this machine.")]
    Other {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// What is said on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PortRole {
    /// The page, the WebSocket, everything.
    Serve,
    /// The way to https, and nothing else.
    Redirect,
}

/// All ports of a server, in the order in which they were opened.
#[derive(Default)]
pub(crate) struct Ports {
    ports: Vec<(TcpListener, PortRole)>,
    /// The one that is asked first for the next connection, so that a busy port does not starve the others.
    turn: usize,
}

/// A connection that was just accepted.
pub(crate) struct Accepted {
    pub(crate) stream: TcpStream,
    pub(crate) from: SocketAddr,
    pub(crate) role: PortRole,
}

impl Ports {
    /// Opens one more, and says where.
    pub(crate) fn open(&mut self, address: SocketAddr, role: PortRole) -> Result<SocketAddr, ListenError> {
        let (socket, local) = listen(address)?;
        self.ports.push((socket, role));
        Ok(local)
    }

    /// The next connection, or why one could not be had.
    pub(crate) async fn accept(&mut self) -> io::Result<Accepted> {
        poll_fn(|cx| {
            self.turn = self.turn.wrapping_add(1);
            let (after, first) = self.ports.split_at(self.turn % self.ports.len().max(1));
            for (socket, role) in first.iter().chain(after) {
                if let Poll::Ready(accepted) = socket.poll_accept(cx) {
                    return Poll::Ready(accepted.map(|(stream, from)| Accepted { stream, from, role: *role }));
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// After a failed accept: mostly there are no descriptors left, and only time gives them back.
pub(super) async fn accept_backoff(error: io::Error) {
    tracing::warn!("no connection could be accepted: {error}");
    #[expect(clippy::disallowed_methods, reason = "no event tells when the system has descriptors again")]
    tokio::time::sleep(Duration::from_millis(100)).await;
}

/// A socket that listens on `address`, and where it really is.
pub(crate) fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ListenError> {
    match try_listen(address) {
        // Where the kernel has no IPv6, every address still means every address.
        Err(e) if is_all_v6(address) && e.kind() != io::ErrorKind::AddrInUse => {
            try_listen((Ipv4Addr::UNSPECIFIED, address.port()).into())
        }
        opened => opened,
    }
    .map_err(|source| {
        if source.kind() == io::ErrorKind::AddrInUse {
            ListenError::PortUsed(address.port())
        } else if source.kind() == io::ErrorKind::PermissionDenied {
            ListenError::PortForbidden(address.port())
        } else {
            ListenError::Other { address, source }
        }
    })
}

fn is_all_v6(address: SocketAddr) -> bool {
    address.is_ipv6() && address.ip().is_unspecified()
}

fn try_listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    #[cfg(unix)]
    socket.set_reuse_address(true)?; // a restart need not wait for old connections to be forgotten
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let socket = TcpListener::from_std(socket.into())?;
    let local = socket.local_addr()?;
    Ok((socket, local))
}
