//! Every other system: one call for each datagram.

use std::io;
use std::net::SocketAddr;

use mio::net::UdpSocket;

use super::{HEADROOM, LONGEST, Run, SLOT, Socket};

/// Whether several sockets can divide the clients of one port among them.
pub(in crate::shell) const CAN_SHARE: bool = false;

/// Other systems give each datagram by itself.
pub(super) fn coalesce(_udp: &UdpSocket) {}

/// Reads datagrams one by one.
pub(super) struct Receiver;

impl Receiver {
    pub(super) fn new() -> Self {
        Self
    }

    /// Reads into each of `slots`, behind its headroom, as long as there is something to read.
    pub(super) fn read(
        &mut self,
        socket: &Socket,
        slots: &mut [u8],
        mut take: impl FnMut(usize, (usize, usize), SocketAddr),
    ) -> io::Result<usize> {
        let mut count = 0;
        for slot in slots.chunks_exact_mut(SLOT) {
            match socket.udp.recv_from(slot.get_mut(HEADROOM..HEADROOM + LONGEST).unwrap_or_default()) {
                Ok((length, from)) => take(count, (length, length), from),
                Err(error) if count == 0 => return Err(error),
                Err(_) => break,
            }
            count += 1;
        }
        Ok(count)
    }
}

/// Sends datagrams one by one.
pub(super) struct Sender;

impl Sender {
    pub(super) fn new() -> Self {
        Self
    }

    /// Sends `runs`, in their order; gives how many datagrams of them the system took.
    pub(super) fn send<K>(&mut self, socket: &Socket, arena: &[u8], runs: &[Run<K>]) -> usize {
        let bytes = |piece: &std::ops::Range<usize>| arena.get(piece.clone()).unwrap_or_default();
        let pieces = runs.iter().flat_map(|run| run.pieces.iter().map(|piece| (run.destination, piece)));
        pieces.filter(|(destination, piece)| socket.send(*destination, bytes(piece))).count()
    }
}

/// Systems differ in how this is said: left as the system has it.
pub(super) fn allow_fragments(_socket: &Socket, _is_allowed: bool) -> io::Result<()> {
    Ok(())
}

/// Marks a socket as one of several on its port. Other systems do not divide clients among them; a relay of TCP accepts
/// and connects from one port all the same.
#[cfg(unix)]
pub(in crate::shell) fn bind_shared(socket: &socket2::Socket) -> io::Result<()> {
    Ok(nix::sys::socket::setsockopt(socket, nix::sys::socket::sockopt::ReusePort, &true)?)
}

/// There the address, which every stream's socket reuses, is enough.
#[cfg(not(unix))]
pub(in crate::shell) fn bind_shared(_socket: &socket2::Socket) -> io::Result<()> {
    Ok(())
}

/// Whether a connection was begun and takes its time. (The standard library has no stable name for EINPROGRESS.)
pub(in crate::shell) fn is_under_way(error: &io::Error) -> bool {
    #[cfg(unix)]
    let is_in_progress = error.raw_os_error() == Some(nix::libc::EINPROGRESS);
    #[cfg(not(unix))]
    let is_in_progress = false;
    is_in_progress || error.kind() == io::ErrorKind::WouldBlock
}
