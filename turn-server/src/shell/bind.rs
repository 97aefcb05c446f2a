//! Where clients come to: one socket of each address for each worker, of UDP and of TCP.
//!
//! Several sockets share a port (SO_REUSEPORT), and the kernel gives each client, by its 5-tuple, always to the same
//! one.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

use super::udp;
use crate::Discovery;

/// Bytes that the kernel holds for a listener while its worker is busy: some thousand datagrams. The kernel may give
/// less.
const BUFFER: usize = 4 << 20;
/// Ports that are tried where any will do.
const PORTS: usize = 16;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

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
    /// A worker could not begin.
    #[error("a worker of the relay did not start ({error}); look at the limits of open files and threads")]
    Worker {
        /// Why.
        error: io::Error,
    },
}

/// What clients may come by. All of it is on each port: which one it is, a client's first byte says (RFC 7983 section
/// 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenSockets {
    /// UDP.
    pub udp: bool,
    /// TCP.
    pub tcp: bool,
    /// TLS, where there is an identity.
    pub tls: bool,
    /// DTLS, likewise.
    pub dtls: bool,
}

impl ListenSockets {
    fn datagrams(self) -> bool {
        self.udp || self.dtls
    }

    fn streams(self) -> bool {
        self.tcp || self.tls
    }
}

/// What stands for every address of this machine where nobody said: that of IPv4, or of IPv6 where there is no IPv4
/// that others reach.
pub fn every_address() -> IpAddr {
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    let is_far = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local(),
    };
    let has = |is_ipv4: bool| all.iter().any(|found| found.ip().is_ipv4() == is_ipv4 && is_far(found.ip()));
    if !has(true) && has(false) { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() }
}

/// The sockets of one address, one of each kind for each worker.
pub(super) struct BoundPorts {
    pub(super) address: SocketAddr,
    pub(super) udp: Vec<UdpSocket>,
    pub(super) tcp: Vec<TcpListener>,
}

/// Binds `address`, or for an unspecified one all that it stands for: all on one port, which is any that is free where
/// it is 0.
pub(super) fn bind(address: SocketAddr, workers: usize, doors: ListenSockets) -> Result<Vec<BoundPorts>, BindError> {
    let mut left = if address.port() == 0 { PORTS } else { 1 };
    loop {
        left -= 1;
        match bind_all(address, workers, doors) {
            // One that is free of UDP, on one address, need not be so of TCP, or on the others.
            Err(BindError::Refused { error, .. }) if error.kind() == io::ErrorKind::AddrInUse && left > 0 => {}
            outcome => return outcome,
        }
    }
}

/// The same once; the first one chooses the port where it is 0.
fn bind_all(address: SocketAddr, workers: usize, doors: ListenSockets) -> Result<Vec<BoundPorts>, BindError> {
    let mut port = address.port();
    let mut all = Vec::new();
    for ip in addresses_of(address.ip()) {
        let address = SocketAddr::new(ip, port);
        let bound = bind_one(address, workers, doors).map_err(|error| BindError::Refused { address, error })?;
        port = bound.address.port();
        all.push(bound);
    }
    if all.is_empty() { Err(BindError::NoAddress { address }) } else { Ok(all) }
}

fn bind_one(address: SocketAddr, workers: usize, doors: ListenSockets) -> io::Result<BoundPorts> {
    // Alone first: a port that is shared can be shared with a server that runs already, and would be, without a word.
    let mut address = address;
    let kinds = [(doors.datagrams(), Type::DGRAM), (doors.streams(), Type::STREAM)];
    for (_, kind) in kinds.into_iter().filter(|(is_wanted, _)| *is_wanted) {
        let probe = Socket::new(Domain::for_address(address), kind, None)?;
        prepare(&probe, kind)?;
        probe.bind(&address.into())?;
        address = probe.local_addr()?.as_socket().unwrap_or(address);
    }
    let is_shared = workers > 1;
    let udp = if doors.datagrams() { workers } else { 0 };
    let tcp = if doors.streams() { workers } else { 0 };
    Ok(BoundPorts {
        address,
        udp: (0..udp).map(|_| bind_udp(address, is_shared)).collect::<io::Result<_>>()?,
        tcp: (0..tcp).map(|_| bind_tcp(address, is_shared)).collect::<io::Result<_>>()?,
    })
}

fn bind_udp(address: SocketAddr, is_shared: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    prepare(&socket, Type::DGRAM)?;
    if is_shared {
        udp::bind_shared(&socket)?;
    }
    // A wish: the system's own bound (net.core.rmem_max) is what it comes to.
    socket.set_recv_buffer_size(BUFFER).or_else(|_| socket.set_recv_buffer_size(BUFFER / 16))?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn bind_tcp(address: SocketAddr, is_shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    prepare(&socket, Type::STREAM)?;
    if is_shared {
        udp::bind_shared(&socket)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Two addresses and two ports for each family that has them: the first two addresses on one port, and that port's
/// other.
pub(super) fn discovery(bound: &[SocketAddr], alternate: Option<u16>) -> Vec<Discovery> {
    let of_family = |is_ipv4: bool| {
        let first = bound.iter().find(|address| address.is_ipv4() == is_ipv4)?;
        let mut others = bound.iter().filter(|other| other.port() == first.port() && other.is_ipv4() == is_ipv4);
        let second = others.find(|other| other.ip() != first.ip())?;
        let upper = alternate.unwrap_or(first.port().checked_add(1)?);
        Some(Discovery { addresses: [first.ip(), second.ip()], ports: [first.port(), upper] })
    };
    [true, false].into_iter().filter_map(of_family).collect()
}

/// A relay of TCP, from whose port connections go out as well (RFC 6062 section 5.2).
pub(super) fn relay_tcp(relay: SocketAddr) -> io::Result<TcpListener> {
    bind_tcp(relay, true)
}

/// A connection from a relay to a peer that has begun; whether it comes about is seen once it is writable.
pub(super) fn connect(relay: SocketAddr, peer: SocketAddr) -> io::Result<mio::net::TcpStream> {
    let socket = Socket::new(Domain::for_address(relay), Type::STREAM, Some(Protocol::TCP))?;
    prepare(&socket, Type::STREAM)?;
    udp::bind_shared(&socket)?;
    socket.bind(&relay.into())?;
    match socket.connect(&peer.into()) {
        Ok(()) => {}
        Err(error) if udp::is_under_way(&error) => {}
        Err(error) => return Err(error),
    }
    Ok(mio::net::TcpStream::from_std(socket.into()))
}

fn prepare(socket: &Socket, kind: Type) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    if kind == Type::STREAM {
        // After a restart the port is there again, though connections of the last run linger.
        socket.set_reuse_address(true)?;
    }
    Ok(())
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
