//! Linux: many datagrams a call, runs of them as one (UDP GRO and GSO), and one port for several sockets.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;

use mio::net::UdpSocket;
use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use rustix::net::sockopt::{Ipv4PathMtuDiscovery, set_ip_mtu_discover, set_socket_reuseport};

use super::gso::Gso;
use super::mmsg::{Incoming, MmsgHeader, Outgoing, Received};
use super::{HEADROOM, LONGEST, Run, SLOT, SLOTS, Socket};

/// Messages of one call.
const MESSAGES: usize = 128;

/// Whether several sockets can divide the clients of one port among them.
pub(in crate::shell) const CAN_SHARE: bool = true;

/// Lets the kernel give several datagrams of one sender as one.
pub(super) fn coalesce(udp: &UdpSocket) {
    if let Err(error) = setsockopt(udp, sockopt::UdpGroSegment, &true) {
        tracing::debug!(%error, "UDP GRO is not to be had here");
    }
}

/// Reads many datagrams a call.
pub(super) struct Receiver {
    incoming: Incoming,
}

impl Receiver {
    pub(super) fn new() -> Self {
        Self { incoming: Incoming::new(SLOTS) }
    }

    /// Reads into each of `slots`, behind its headroom, as long as there is something to read.
    pub(super) fn read(
        &mut self,
        socket: &Socket,
        slots: &mut [u8],
        mut take: impl FnMut(usize, (usize, usize), SocketAddr),
    ) -> io::Result<usize> {
        let room = HEADROOM..HEADROOM + LONGEST;
        let take = |received: Received| {
            take(received.slot, (received.length, received.segment), received.from);
        };
        Ok(self.incoming.read(socket.udp.as_fd(), (slots, SLOT, room), take)?)
    }
}

/// Sends runs, and remembers what the kernel cannot do.
#[derive(Default)]
pub(super) struct Sender {
    gso: Gso,
    outgoing: Outgoing,
}

impl Sender {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Sends `runs`, in their order; gives how many datagrams of them the kernel took.
    pub(super) fn send<K>(&mut self, socket: &Socket, arena: &[u8], runs: &[Run<K>]) -> usize {
        let mut sent = 0;
        let mut rest = runs;
        while let [first, others @ ..] = rest {
            if first.pieces.len() > 1 && !self.gso.is_tried() {
                sent += self.send_singly(socket, arena, first);
                rest = others;
                continue;
            }
            let messages = rest.iter().take(MESSAGES).map(Run::message);
            match self.outgoing.send(socket.udp.as_fd(), arena, messages) {
                Ok(count) => {
                    let (taken, left) = rest.split_at_checked(count.max(1)).unwrap_or((rest, &[]));
                    if taken.iter().any(|run| run.pieces.len() > 1) {
                        self.gso.took();
                    }
                    sent += taken.iter().map(|run| run.pieces.len()).sum::<usize>();
                    rest = left;
                }
                // No room at this moment: none for the others, either.
                Err(Errno::EAGAIN) => return sent,
                Err(error) => {
                    sent += self.send_refused(socket, arena, first, error);
                    rest = others;
                }
            }
        }
        sent
    }

    /// What the kernel did not take as one.
    fn send_refused<K>(&mut self, socket: &Socket, arena: &[u8], run: &Run<K>, error: Errno) -> usize {
        if run.pieces.len() < 2 || error == Errno::ENOBUFS {
            return 0; // for want of room it would not go one by one, either
        }
        // The device, or (before Linux 6.14, which says EMSGSIZE) a path that is too narrow for one piece. Otherwise it
        // is of the destination or the route alone. In any case each datagram is tried, and fails by itself.
        if matches!(error, Errno::EINVAL | Errno::EIO | Errno::EOPNOTSUPP) {
            self.gso.refused();
        }
        self.send_singly(socket, arena, run)
    }

    fn send_singly<K>(&mut self, socket: &Socket, arena: &[u8], run: &Run<K>) -> usize {
        let mut sent = 0;
        let mut rest = run.pieces.as_slice();
        while !rest.is_empty() {
            let messages = rest.chunks(1).map(|pieces| MmsgHeader { to: run.destination, pieces, segment: None });
            match self.outgoing.send(socket.udp.as_fd(), arena, messages) {
                Ok(count) => {
                    sent += count;
                    rest = rest.get(count.max(1)..).unwrap_or_default();
                }
                Err(Errno::EAGAIN) => break,
                Err(_) => rest = rest.get(1..).unwrap_or_default(),
            }
        }
        sent
    }
}

impl<K> Run<K> {
    fn message(&self) -> MmsgHeader<'_> {
        let segment = u16::try_from(self.size).ok().filter(|_| self.pieces.len() > 1);
        MmsgHeader { to: self.destination, pieces: &self.pieces, segment }
    }
}

/// Lets routers cut up what is too long for a link, as RFC 8656 section 15 wants it of relays, or forbids it to them.
/// IPv6 has no such flag: there only the sender cuts.
pub(super) fn allow_fragments(socket: &Socket, is_allowed: bool) -> io::Result<()> {
    if !socket.udp.local_addr()?.is_ipv4() {
        return Ok(());
    }
    let mode = if is_allowed { Ipv4PathMtuDiscovery::DONT } else { Ipv4PathMtuDiscovery::DO };
    Ok(set_ip_mtu_discover(&socket.udp, mode)?)
}

/// Marks a socket as one of several on its port, among which the kernel divides clients by their 5-tuple.
pub(in crate::shell) fn bind_shared(socket: &socket2::Socket) -> io::Result<()> {
    Ok(set_socket_reuseport(socket, true)?)
}

/// Whether a connection was begun and takes its time.
pub(in crate::shell) fn is_under_way(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::libc::EINPROGRESS)
}
