//! Linux: recvmmsg in, UDP GSO out, and one port for several sockets.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::ops::Range;
use std::os::fd::AsRawFd as _;

use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessage, MsgFlags, MultiHeaders, SockaddrIn, SockaddrIn6, SockaddrLike, recvmmsg, sendmsg,
};
use rustix::net::sockopt::{Ipv4PathMtuDiscovery, set_ip_mtu_discover, set_socket_reuseport};

use super::{HEADROOM, SLOT, SLOTS, Socket};

/// Bytes that fit every link (RFC 8200 section 5), headers left out.
const SAFE: u16 = 1200;

/// Whether several sockets can divide the clients of one port among them.
pub(in crate::shell) const CAN_SHARE: bool = true;

/// Headers of messages, made once: one set for each family, because the kernel leaves the length of an address behind.
pub(super) struct Receiver {
    v4: MultiHeaders<SockaddrIn>,
    v6: MultiHeaders<SockaddrIn6>,
}

impl Receiver {
    pub(super) fn new() -> Self {
        Self { v4: MultiHeaders::preallocate(SLOTS, None), v6: MultiHeaders::preallocate(SLOTS, None) }
    }

    /// Reads into each of `slots`, behind its headroom, as long as there is something to read.
    pub(super) fn read(
        &mut self,
        socket: &Socket,
        slots: &mut [u8],
        take: &mut dyn FnMut(usize, usize, SocketAddr),
    ) -> io::Result<usize> {
        let room = slots.chunks_exact_mut(SLOT).map(|slot| slot.get_mut(HEADROOM..).unwrap_or_default());
        let mut room: Vec<[IoSliceMut<'_>; 1]> = room.map(|slot| [IoSliceMut::new(slot)]).collect();
        if socket.is_ipv4 {
            receive(socket, &mut self.v4, &mut room, |from| SocketAddr::V4((*from).into()), take)
        } else {
            receive(socket, &mut self.v6, &mut room, |from| SocketAddr::V6((*from).into()), take)
        }
    }
}

fn receive<'a, S: SockaddrLike + Copy>(
    socket: &Socket,
    headers: &'a mut MultiHeaders<S>,
    room: &'a mut [[IoSliceMut<'a>; 1]],
    address: impl Fn(&S) -> SocketAddr,
    take: &mut dyn FnMut(usize, usize, SocketAddr),
) -> io::Result<usize> {
    let messages = recvmmsg(socket.udp.as_raw_fd(), headers, room.iter_mut(), MsgFlags::MSG_DONTWAIT, None)?;
    let mut count = 0;
    for message in messages {
        if let Some(from) = &message.address {
            take(count, message.bytes, address(from));
        }
        count += 1;
    }
    Ok(count)
}

/// Sends runs, and remembers what the kernel cannot do.
pub(super) struct Sender {
    has_gso: bool,
}

impl Sender {
    pub(super) fn new() -> Self {
        Self { has_gso: true }
    }

    /// Sends `pieces`, all of `size` bytes but for the last; gives how many the kernel took.
    pub(super) fn send(
        &mut self,
        socket: &Socket,
        destination: SocketAddr,
        arena: &[u8],
        pieces: &[Range<usize>],
        size: usize,
    ) -> usize {
        let bytes = |piece: &Range<usize>| arena.get(piece.clone()).unwrap_or_default();
        if let ([_, _, ..], true, Ok(size)) = (pieces, self.has_gso, u16::try_from(size)) {
            let slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(bytes(piece))).collect();
            match send_run(socket, destination, &slices, size) {
                Ok(()) => return pieces.len(),
                // No room at this moment: what did not go as one would not go one by one.
                Err(Errno::EAGAIN | Errno::ENOBUFS) => return 0,
                // This kernel or this device cannot cut up: for good, each datagram by itself. (Pieces longer than a link's
                // are refused, too, and say nothing of shorter ones.)
                Err(Errno::EINVAL | Errno::EIO | Errno::EOPNOTSUPP) if size <= SAFE => {
                    tracing::info!("UDP GSO is not to be had here; datagrams are sent one by one");
                    self.has_gso = false;
                }
                Err(_) => {} // of the destination or the route: each datagram is tried, and fails by itself
            }
        }
        pieces.iter().filter(|piece| socket.send(destination, bytes(piece))).count()
    }
}

fn send_run(socket: &Socket, destination: SocketAddr, slices: &[IoSlice<'_>], size: u16) -> nix::Result<()> {
    let control = [ControlMessage::UdpGsoSegments(&size)];
    let descriptor = socket.udp.as_raw_fd();
    let flags = MsgFlags::MSG_DONTWAIT;
    match destination {
        SocketAddr::V4(to) => sendmsg(descriptor, slices, &control, flags, Some(&SockaddrIn::from(to))),
        SocketAddr::V6(to) => sendmsg(descriptor, slices, &control, flags, Some(&SockaddrIn6::from(to))),
    }
    .map(|_| ())
}

/// Lets routers cut up what is too long for a link, as RFC 8656 section 15 wants it of relays, or forbids it to them.
/// IPv6 has no such flag: there only the sender cuts.
pub(in crate::shell) fn allow_fragments(socket: &Socket, is_allowed: bool) -> io::Result<()> {
    if !socket.is_ipv4 {
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
