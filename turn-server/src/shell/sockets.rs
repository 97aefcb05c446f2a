//! UDP sockets: binding, reading into the queue, sending without waiting. No socket here knows what it carries.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use socket2::SockRef;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

/// Datagrams between the readers and the loop: some milliseconds of a busy server. Full: readers wait, and what the
/// kernel's own buffers cannot hold is lost, as UDP may be.
pub(super) const INBOX: usize = 512;
/// Errors in a row after which a socket counts as broken. Single ones are ICMP's complaints about earlier datagrams.
const ERRORS: u32 = 64;
/// The longest datagram there is.
const DATAGRAM: usize = 65_535;

/// An address that could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The operating system refused.
    #[error(
        "cannot listen on {address} ({error}); is another server running there, or is it no address of this machine?"
    )]
    Refused {
        /// The address.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// An unspecified address stood for no address at all.
    #[error("this machine has no address that {address} could stand for; name one with --listen")]
    NoAddress {
        /// The unspecified address.
        address: SocketAddr,
    },
}

/// What a socket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Listener(SocketAddr),
    Relay(SocketAddr),
}

/// What a reader has to say.
pub(super) enum Event {
    Received { place: Place, from: SocketAddr, payload: Vec<u8> },
    Broken { place: Place },
}

/// Binds `address`, or for an unspecified one all that it stands for.
pub(super) fn bind_listeners(address: SocketAddr) -> Result<Vec<(SocketAddr, Arc<UdpSocket>)>, BindError> {
    let mut port = address.port();
    let mut sockets = Vec::new();
    for ip in addresses_of(address.ip()) {
        let address = SocketAddr::new(ip, port);
        let bound = bind(address).and_then(|socket| Ok((socket.local_addr()?, socket)));
        let (local, socket) = bound.map_err(|error| BindError::Refused { address, error })?;
        port = local.port(); // the first one chooses for all
        sockets.push((local, socket));
    }
    if sockets.is_empty() { Err(BindError::NoAddress { address }) } else { Ok(sockets) }
}

pub(super) fn bind_relay(relay: SocketAddr) -> io::Result<Arc<UdpSocket>> {
    bind(relay)
}

/// Sends at once or not at all.
pub(super) fn send(socket: &UdpSocket, payload: &[u8], destination: SocketAddr) -> bool {
    // By the socket itself: tokio's `try_send_to` knows of a new socket only after its next turn that it is writable.
    SockRef::from(socket).send_to(payload, &destination.into()).is_ok()
}

/// Reads a socket into the queue, until the loop is gone or the socket is broken.
pub(super) async fn read(socket: Arc<UdpSocket>, place: Place, inbox: mpsc::Sender<Event>) {
    let mut buffer = vec![0; DATAGRAM];
    let mut errors = 0;
    while errors < ERRORS {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            errors += 1;
            continue;
        };
        errors = 0;
        let payload = buffer.get(..length).unwrap_or_default().to_vec();
        if inbox.send(Event::Received { place, from, payload }).await.is_err() {
            return;
        }
    }
    if inbox.send(Event::Broken { place }).await.is_err() {
        tracing::debug!(?place, "a socket broke while the server ended");
    }
}

fn bind(address: SocketAddr) -> io::Result<Arc<UdpSocket>> {
    let socket = std::net::UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket).map(Arc::new)
}

/// The addresses that `ip` stands for: itself, or all of this machine. Link-local ones of IPv6 are left out: they mean
/// nothing without their interface's name, which no relay candidate carries.
fn addresses_of(ip: IpAddr) -> Vec<IpAddr> {
    if !ip.is_unspecified() {
        return vec![ip];
    }
    let fallback = if ip.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
    let Ok(interfaces) = if_addrs::get_if_addrs() else { return vec![fallback] };
    let mut ips: Vec<IpAddr> = interfaces.iter().map(if_addrs::Interface::ip).collect();
    ips.retain(|other| other.is_ipv4() == ip.is_ipv4() && !is_link_local_v6(*other));
    ips.sort_unstable();
    ips.dedup();
    ips
}

fn is_link_local_v6(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(_) => false,
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}
