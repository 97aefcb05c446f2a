//! Datagrams in and out, many at a time.
//!
//! What comes in is read into the slots of one arena, and goes out from there: data is not copied on its way. What goes out
//! is gathered over one turn of the loop, and sent in runs: datagrams of one size from one socket to one destination are one
//! message, which the kernel cuts up (UDP GSO), and all messages of one socket are one call. The other way round, the kernel
//! gives datagrams of one size and sender as one where they came close together (UDP GRO). Where the system has no such
//! calls, each datagram is a call.

mod arena;
#[cfg(target_os = "linux")]
mod mmsg;
mod outbox;
#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod system;
#[cfg(not(target_os = "linux"))]
#[path = "plain.rs"]
mod system;

use std::io;
use std::net::SocketAddr;

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};

pub(super) use arena::{Arena, Arrival, Found};
pub(super) use outbox::Outbox;
use outbox::Run;
pub(super) use system::{CAN_SHARE, bind_shared, is_under_way};

/// Places that datagrams are read into before what they cause is sent.
pub(super) const SLOTS: usize = 128;
/// Room in front of what a peer sent, for the four bytes of ChannelData.
pub(super) const HEADROOM: usize = 4;
/// The longest datagram, and the most that the kernel gives as one.
const LONGEST: usize = 65_535;
/// Bytes from slot to slot: the most that is read into one, room in front of each datagram in it, and so much more that slots
/// do not push each other out of the caches, as those at multiples of 64 kB would (their beginnings would share one set).
const SLOT: usize = 1091 * 64;

/// A socket of UDP, whose family is known without asking the system each time.
pub(super) struct Socket {
    udp: UdpSocket,
    is_ipv4: bool,
    /// Whether headers are written in front of what comes to it.
    is_relay: bool,
}

impl Socket {
    /// Takes a bound socket that clients send to.
    pub(super) fn listener(udp: std::net::UdpSocket) -> io::Result<Self> {
        udp.set_nonblocking(true)?;
        let is_ipv4 = udp.local_addr()?.is_ipv4();
        let udp = UdpSocket::from_std(udp);
        system::coalesce(&udp);
        Ok(Self { udp, is_ipv4, is_relay: false })
    }

    /// Binds a socket that peers send to, from which long datagrams may go in pieces.
    pub(super) fn relay(address: SocketAddr) -> io::Result<Self> {
        let udp = UdpSocket::bind(address)?;
        system::coalesce(&udp);
        let socket = Self { udp, is_ipv4: address.is_ipv4(), is_relay: true };
        system::allow_fragments(&socket, true)?;
        Ok(socket)
    }

    /// Waits for what comes to it.
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.udp, token, Interest::READABLE)
    }

    /// Sends one datagram at once, or not at all.
    pub(super) fn send(&self, destination: SocketAddr, payload: &[u8]) -> bool {
        self.udp.send_to(payload, destination).is_ok()
    }

    /// Sends one datagram that no router may cut up.
    pub(super) fn send_whole(&self, destination: SocketAddr, payload: &[u8]) -> bool {
        let forbidden = system::allow_fragments(self, false).is_ok();
        let sent = forbidden && self.send(destination, payload);
        let allowed = system::allow_fragments(self, true);
        sent && allowed.is_ok()
    }
}

#[cfg(test)]
mod tests;
