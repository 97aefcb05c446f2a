//! recvmmsg(2) and sendmmsg(2): many datagrams in one call, each with a control message of its own.
//!
//! One of the files where `unsafe` is allowed. The safe wrappers do not fit: nix's give every message of a call the
//! same control messages, and leave no room for them after the first call; quinn-udp's always ask for what a relay has
//! no use for. Nothing that the kernel is given outlives the call it is given to.
#![expect(unsafe_code, reason = "the kernel takes lists of messages through pointers")]

use std::mem::{offset_of, size_of, zeroed};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::ops::Range;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::ptr;

use nix::errno::Errno;
use nix::libc::{self, c_int, cmsghdr, in6_addr, iovec, mmsghdr, sockaddr_in, sockaddr_in6};

/// A datagram that came, or several of one size that the kernel gives as one (UDP GRO).
#[derive(Clone, Copy, Debug)]
pub(super) struct Received {
    /// Which slot it is in.
    pub(super) slot: usize,
    pub(super) length: usize,
    /// Bytes of each datagram in it; the last one may be shorter.
    pub(super) segment: usize,
    pub(super) from: SocketAddr,
}

/// A datagram that goes, or several of one size that the kernel cuts apart (UDP GSO).
#[derive(Clone, Copy, Debug)]
pub(super) struct MmsgHeader<'a> {
    pub(super) to: SocketAddr,
    /// Where its bytes stand.
    pub(super) pieces: &'a [Range<usize>],
    /// Bytes of each datagram, where there are several.
    pub(super) segment: Option<u16>,
}

/// What one call receives with.
pub(super) struct Incoming {
    headers: Box<[mmsghdr]>,
    names: Box<[Name]>,
    parts: Box<[iovec]>,
    controls: Box<[Control]>,
}

impl Incoming {
    /// For at most `count` messages a call.
    pub(super) fn new(count: usize) -> Self {
        Self {
            headers: (0..count).map(|_| empty()).collect(),
            names: vec![Name::NONE; count].into(),
            parts: (0..count).map(|_| nowhere()).collect(),
            controls: (0..count).map(|_| Control::default()).collect(),
        }
    }

    /// Reads what is there, without waiting: one message into the part `room` of each `stride` bytes of `slots`.
    ///
    /// # Errors
    /// What recvmmsg(2) says: EAGAIN where there is nothing.
    pub(super) fn read(
        &mut self,
        socket: BorrowedFd<'_>,
        (slots, stride, room): (&mut [u8], usize, Range<usize>),
        mut take: impl FnMut(Received),
    ) -> Result<usize, Errno> {
        let places = self.headers.iter_mut().zip(&mut self.names).zip(&mut self.parts).zip(&mut self.controls);
        let mut count = 0;
        for ((((header, name), part), control), slot) in places.zip(slots.chunks_exact_mut(stride)) {
            let slot = slot.get_mut(room.clone()).unwrap_or_default();
            *part = iovec { iov_base: slot.as_mut_ptr().cast(), iov_len: slot.len() };
            header.msg_hdr.msg_name = ptr::from_mut(name).cast();
            header.msg_hdr.msg_namelen = size_of::<Name>() as _;
            header.msg_hdr.msg_iov = part;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = ptr::from_mut(control).cast();
            header.msg_hdr.msg_controllen = size_of::<Control>() as _;
            count += 1;
        }
        // SAFETY: the first `count` headers were filled above with pointers to a name, a part and a control of this
        // very object and to a slot, with their true lengths; all of these are borrowed until the call is over. A null
        // timeout is allowed.
        let received = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                count,
                libc::MSG_DONTWAIT as _,
                ptr::null_mut(),
            )
        };
        let received = Errno::result(received)? as usize;
        for (slot, header) in self.headers.iter().take(received).enumerate() {
            let (Some(name), Some(control)) = (self.names.get(slot), self.controls.get(slot)) else { break };
            let length = header.msg_len as usize;
            let segment = control.segment(header.msg_hdr.msg_controllen as _).unwrap_or(length);
            if let Some(from) = name.address() {
                take(Received { slot, length, segment, from });
            }
        }
        Ok(received)
    }
}

/// What one call sends with.
#[derive(Default)]
pub(super) struct Outgoing {
    headers: Vec<mmsghdr>,
    names: Vec<Name>,
    parts: Vec<iovec>,
    controls: Vec<Control>,
}

impl Outgoing {
    /// Sends `messages`, whose bytes are in `arena`, without waiting; gives how many of them the kernel took.
    ///
    /// # Errors
    /// What sendmmsg(2) says of the first message. What it says of a later one is not known before that one is the
    /// first.
    pub(super) fn send<'a>(
        &mut self,
        socket: BorrowedFd<'_>,
        arena: &[u8],
        messages: impl Iterator<Item = MmsgHeader<'a>> + Clone,
    ) -> Result<usize, Errno> {
        self.names.clear();
        self.parts.clear();
        self.controls.clear();
        self.headers.clear();
        for message in messages.clone() {
            self.names.push(Name::of(message.to));
            self.controls.push(message.segment.map(Control::cut).unwrap_or_default());
            let pieces = message.pieces.iter().map(|piece| arena.get(piece.clone()).unwrap_or_default());
            // The kernel reads from there, and does not write: that the pointer is a mutable one is the type's doing.
            let parts = pieces.map(|piece| iovec { iov_base: piece.as_ptr().cast_mut().cast(), iov_len: piece.len() });
            self.parts.extend(parts);
        }
        let mut parts = self.parts.as_mut_slice();
        for ((message, name), control) in messages.zip(&mut self.names).zip(&mut self.controls) {
            let Some((own, rest)) = parts.split_at_mut_checked(message.pieces.len()) else { break };
            parts = rest;
            let mut header = empty();
            header.msg_hdr.msg_namelen = name.length() as _;
            header.msg_hdr.msg_name = ptr::from_mut(name).cast();
            header.msg_hdr.msg_iov = own.as_mut_ptr();
            header.msg_hdr.msg_iovlen = own.len() as _;
            if message.segment.is_some() {
                header.msg_hdr.msg_control = ptr::from_mut(control).cast();
                header.msg_hdr.msg_controllen = size_of::<Control>() as _;
            }
            self.headers.push(header);
        }
        let count = self.headers.len() as _;
        // SAFETY: every header was filled above with pointers into the lists of this very object, which are not touched
        // again before the call is over, and with their true lengths; the parts point into `arena`, which is borrowed.
        let sent =
            unsafe { libc::sendmmsg(socket.as_raw_fd(), self.headers.as_mut_ptr(), count, libc::MSG_DONTWAIT as _) };
        Ok(Errno::result(sent)? as usize)
    }
}

fn empty() -> mmsghdr {
    // SAFETY: it is integers and pointers, for all of which zero is a value. (Some systems' have padding without a
    // name, so that it cannot be written out.)
    unsafe { zeroed() }
}

fn nowhere() -> iovec {
    iovec { iov_base: ptr::null_mut(), iov_len: 0 }
}

/// An address as the kernel has it.
///
/// Family and port are at the same place in both families, and the four bytes of an IPv4 address where IPv6 has the
/// flow: one type serves for both.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Name(sockaddr_in6);

const _: () = {
    assert!(offset_of!(sockaddr_in, sin_family) == offset_of!(sockaddr_in6, sin6_family));
    assert!(offset_of!(sockaddr_in, sin_port) == offset_of!(sockaddr_in6, sin6_port));
    assert!(offset_of!(sockaddr_in, sin_addr) == offset_of!(sockaddr_in6, sin6_flowinfo));
};

impl Name {
    const NONE: Self = Self(sockaddr_in6 {
        sin6_family: 0,
        sin6_port: 0,
        sin6_flowinfo: 0,
        sin6_addr: in6_addr { s6_addr: [0; 16] },
        sin6_scope_id: 0,
    });

    fn of(address: SocketAddr) -> Self {
        let Self(mut name) = Self::NONE;
        name.sin6_port = address.port().to_be();
        match address {
            SocketAddr::V4(address) => {
                name.sin6_family = libc::AF_INET as _;
                name.sin6_flowinfo = u32::from_ne_bytes(address.ip().octets());
            }
            SocketAddr::V6(address) => {
                name.sin6_family = libc::AF_INET6 as _;
                name.sin6_flowinfo = address.flowinfo();
                name.sin6_addr.s6_addr = address.ip().octets();
                name.sin6_scope_id = address.scope_id();
            }
        }
        Self(name)
    }

    fn address(&self) -> Option<SocketAddr> {
        let Self(name) = self;
        let port = u16::from_be(name.sin6_port);
        match c_int::from(name.sin6_family) {
            libc::AF_INET => Some((Ipv4Addr::from(name.sin6_flowinfo.to_ne_bytes()), port).into()),
            libc::AF_INET6 => {
                let ip = Ipv6Addr::from(name.sin6_addr.s6_addr);
                Some(SocketAddrV6::new(ip, port, name.sin6_flowinfo, name.sin6_scope_id).into())
            }
            _ => None,
        }
    }

    fn length(&self) -> usize {
        match c_int::from(self.0.sin6_family) {
            libc::AF_INET => size_of::<sockaddr_in>(),
            _ => size_of::<sockaddr_in6>(),
        }
    }
}

/// Room for the one control message that UDP has: how long each datagram of several is.
#[repr(C)]
struct Control {
    header: cmsghdr,
    value: [u8; 8],
}

impl Default for Control {
    fn default() -> Self {
        // SAFETY: integers, for all of which zero is a value; see `empty` for why it is not written out.
        Self { header: unsafe { zeroed() }, value: [0; 8] }
    }
}

impl Control {
    /// Tells the kernel to cut what goes into datagrams of `segment` bytes.
    fn cut(segment: u16) -> Self {
        let mut control = Self::default();
        control.header.cmsg_level = libc::SOL_UDP;
        control.header.cmsg_type = libc::UDP_SEGMENT;
        control.header.cmsg_len = (offset_of!(Self, value) + size_of::<u16>()) as _;
        let [first, second] = segment.to_ne_bytes();
        control.value = [first, second, 0, 0, 0, 0, 0, 0];
        control
    }

    /// What the kernel says of what came, if it left a word of `length` bytes.
    fn segment(&self, length: usize) -> Option<usize> {
        let is_whole = length >= offset_of!(Self, value) + size_of::<c_int>();
        let is_ours = self.header.cmsg_level == libc::SOL_UDP && self.header.cmsg_type == libc::UDP_GRO;
        let [b0, b1, b2, b3, ..] = self.value;
        let segment = usize::try_from(c_int::from_ne_bytes([b0, b1, b2, b3])).ok()?;
        (is_whole && is_ours && segment > 0).then_some(segment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_the_same_on_both_sides_of_the_kernel() {
        for text in ["1.2.3.4:5", "255.0.0.1:65535", "[::1]:80", "[2001:db8::1]:1", "[::ffff:1.2.3.4]:2"] {
            let address: SocketAddr = text.parse().unwrap();
            let name = Name::of(address);
            assert_eq!(name.address(), Some(address));
            assert_eq!(name.length(), if address.is_ipv4() { 16 } else { 28 });
        }
        let scoped = SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 7, 3, 2));
        assert_eq!(Name::of(scoped).address(), Some(scoped));
        assert_eq!(Name::NONE.address(), None);
    }

    #[test]
    fn a_word_of_another_kind_or_cut_short_says_nothing() {
        let mut control = Control::cut(1200);
        let whole = size_of::<Control>();
        assert_eq!(control.segment(whole), None); // ours to the kernel, not the kernel's to us
        control.header.cmsg_type = libc::UDP_GRO;
        assert_eq!(control.segment(whole), Some(1200));
        assert_eq!(control.segment(0), None);
        assert_eq!(control.segment(offset_of!(Control, value) + 2), None);
        control.value = [0; 8];
        assert_eq!(control.segment(whole), None);
        control.value = [255; 8];
        assert_eq!(control.segment(whole), None);
    }
}
