//! A socket of UDP, of a listener or of a relay.

use std::io;
use std::net::SocketAddr;

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};

use super::system;

/// A socket of UDP.
pub(in crate::shell) struct Socket {
    pub(super) udp: UdpSocket,
    /// Whether headers are written in front of what comes to it.
    pub(super) is_relay: bool,
}

impl Socket {
    /// Takes a bound socket that clients send to.
    pub(in crate::shell) fn listener(udp: std::net::UdpSocket) -> io::Result<Self> {
        udp.set_nonblocking(true)?;
        let udp = UdpSocket::from_std(udp);
        system::coalesce(&udp);
        Ok(Self { udp, is_relay: false })
    }

    /// Binds a socket that peers send to, from which long datagrams may go in pieces.
    pub(in crate::shell) fn relay(address: SocketAddr) -> io::Result<Self> {
        let udp = UdpSocket::bind(address)?;
        system::coalesce(&udp);
        let socket = Self { udp, is_relay: true };
        system::allow_fragments(&socket, true)?;
        Ok(socket)
    }

    /// Waits for what comes to it.
    pub(in crate::shell) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.udp, token, Interest::READABLE)
    }

    /// Sends one datagram at once, or not at all.
    pub(in crate::shell) fn send(&self, destination: SocketAddr, payload: &[u8]) -> bool {
        self.udp.send_to(payload, destination).is_ok()
    }

    /// Sends one datagram that no router may cut up.
    pub(in crate::shell) fn send_whole(&self, destination: SocketAddr, payload: &[u8]) -> bool {
        let forbidden = system::allow_fragments(self, false).is_ok();
        let sent = forbidden && self.send(destination, payload);
        let allowed = system::allow_fragments(self, true);
        sent && allowed.is_ok()
    }
}
