//! Datagrams in and out, many at a time.
//!
//! What comes in is read into the slots of one arena, and goes out from there: data is never copied. What goes out is
//! gathered over one turn of the loop, and sent in runs: datagrams of one size from one socket to one destination are one
//! call, which the kernel cuts up (UDP GSO). Where the system has no such calls, each datagram is a call.

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod system;
#[cfg(not(target_os = "linux"))]
#[path = "plain.rs"]
mod system;

use std::io;
use std::net::SocketAddr;
use std::ops::Range;

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};

pub(super) use system::{CAN_SHARE, allow_fragments, bind_shared, is_under_way};

/// Datagrams that are read before what they cause is sent.
pub(super) const SLOTS: usize = 128;
/// Room in front of what a peer sent, for the four bytes of ChannelData.
pub(super) const HEADROOM: usize = 4;
/// Bytes from slot to slot: the longest datagram, the room in front, and so much more that slots do not push each other out
/// of the caches, as those at multiples of 64 kB would (their beginnings would share one set).
const SLOT: usize = 1091 * 64;
/// The longest run: the kernel takes 64 pieces, and no more bytes than a datagram has.
const PIECES: usize = 64;
const RUN: usize = 65_000;

/// A socket of UDP, whose family is known without asking the system each time.
pub(super) struct Socket {
    udp: UdpSocket,
    is_ipv4: bool,
}

impl Socket {
    /// Takes a bound socket that does not block.
    pub(super) fn new(udp: std::net::UdpSocket) -> io::Result<Self> {
        udp.set_nonblocking(true)?;
        let is_ipv4 = udp.local_addr()?.is_ipv4();
        Ok(Self { udp: UdpSocket::from_std(udp), is_ipv4 })
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

/// A datagram in the arena.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) from: SocketAddr,
    /// Where its bytes stand.
    pub(super) bytes: Range<usize>,
}

/// The memory that datagrams are read into.
pub(super) struct Arena {
    bytes: Vec<u8>,
    used: usize,
    system: system::Receiver,
}

impl Arena {
    pub(super) fn new() -> Self {
        // Pages that no datagram ever reached cost nothing.
        Self { bytes: vec![0; SLOT * SLOTS], used: 0, system: system::Receiver::new() }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn get(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    pub(super) fn get_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        self.bytes.get_mut(range).unwrap_or_default()
    }

    /// Slots that are free until the next [`Arena::clear`].
    pub(super) fn free(&self) -> usize {
        SLOTS - self.used
    }

    /// Frees all slots. Whatever was to be sent from them must have been.
    pub(super) fn clear(&mut self) {
        self.used = 0;
    }

    /// Reads at most `most` datagrams into free slots. As many as were asked for means that there may be more.
    pub(super) fn read(&mut self, socket: &Socket, most: usize, into: &mut Vec<Arrival>) -> io::Result<usize> {
        let most = most.min(self.free());
        let first = self.used;
        let slots = self.bytes.get_mut(first * SLOT..(first + most) * SLOT).unwrap_or_default();
        let count = self.system.read(socket, slots, &mut |slot, length, from| {
            let start = (first + slot) * SLOT + HEADROOM;
            into.push(Arrival { from, bytes: start..start + length });
        })?;
        self.used += count;
        Ok(count)
    }
}

/// Datagrams of one size from one socket to one destination; the last one may be shorter.
struct Run<K> {
    exit: K,
    destination: SocketAddr,
    size: usize,
    total: usize,
    pieces: Vec<Range<usize>>,
    is_closed: bool,
}

/// What goes out at the end of a turn, from the sockets that `K` names.
///
/// It holds what the arena's slots hold, and no more: it is flushed when those are full.
pub(super) struct Outbox<K> {
    runs: Vec<Run<K>>,
    /// Vectors of earlier runs, to be used again.
    spare: Vec<Vec<Range<usize>>>,
    system: system::Sender,
}

impl<K: Copy + PartialEq> Outbox<K> {
    pub(super) fn new() -> Self {
        Self { runs: Vec::new(), spare: Vec::new(), system: system::Sender::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Adds a datagram. Those of one socket and destination stay in order.
    pub(super) fn push(&mut self, exit: K, destination: SocketAddr, bytes: Range<usize>) {
        let size = bytes.len();
        let open = self.runs.iter_mut().rev().find(|run| run.exit == exit && run.destination == destination);
        if let Some(run) = open.filter(|run| {
            !run.is_closed && size > 0 && size <= run.size && run.pieces.len() < PIECES && run.total + size <= RUN
        }) {
            run.is_closed = size < run.size;
            run.total += size;
            run.pieces.push(bytes);
            return;
        }
        let mut pieces = self.spare.pop().unwrap_or_default();
        pieces.push(bytes);
        self.runs.push(Run { exit, destination, size, total: size, pieces, is_closed: size == 0 });
    }

    /// Sends everything, and gives the number of datagrams that the system did not take: UDP may lose them.
    pub(super) fn flush<'a>(&mut self, arena: &[u8], socket: impl Fn(K) -> Option<&'a Socket>) -> u64 {
        let mut unsent = 0;
        for mut run in self.runs.drain(..) {
            let sent = match socket(run.exit) {
                Some(socket) => self.system.send(socket, run.destination, arena, &run.pieces, run.size),
                None => 0,
            };
            unsent += (run.pieces.len() - sent) as u64;
            run.pieces.clear();
            self.spare.push(run.pieces);
        }
        self.spare.truncate(SLOTS);
        unsent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::new([127, 0, 0, 1].into(), port)
    }

    fn pair() -> (Socket, Socket) {
        let bind = || Socket::new(std::net::UdpSocket::bind(address(0)).unwrap()).unwrap();
        (bind(), bind())
    }

    /// What each run holds: its destination's port, and the lengths in it.
    fn runs(pushed: &[(u16, usize)]) -> Vec<(u16, Vec<usize>)> {
        let mut outbox = Outbox::new();
        for (port, length) in pushed {
            outbox.push(0, address(*port), 0..*length);
        }
        let lengths = |run: &Run<i32>| run.pieces.iter().map(Range::len).collect();
        outbox.runs.iter().map(|run| (run.destination.port(), lengths(run))).collect()
    }

    #[test]
    fn datagrams_of_one_size_and_destination_are_one_run() {
        type Case<'a> = (&'a [(u16, usize)], &'a [(u16, &'a [usize])]);
        let cases: [Case<'_>; 5] = [
            (&[(1, 100), (2, 100), (1, 100), (2, 50), (1, 100)], &[(1, &[100, 100, 100]), (2, &[100, 50])]),
            (&[(1, 100), (1, 60), (1, 60)], &[(1, &[100, 60]), (1, &[60])]), // a shorter one ends the run
            (&[(1, 60), (1, 100)], &[(1, &[60]), (1, &[100])]),
            (&[(1, 0), (1, 0), (1, 5)], &[(1, &[0]), (1, &[0]), (1, &[5])]), // an empty one is a datagram, and no piece
            (&[(1, 40_000), (1, 40_000)], &[(1, &[40_000]), (1, &[40_000])]),
        ];
        for (pushed, expected) in cases {
            let expected: Vec<_> = expected.iter().map(|(port, sizes)| (*port, sizes.to_vec())).collect();
            assert_eq!(runs(pushed), expected);
        }
        let lengths: Vec<usize> = runs(&[(1, 10); 100]).iter().map(|(_, run)| run.len()).collect();
        assert_eq!(lengths, [64, 36]);
    }

    #[test]
    fn what_is_sent_in_runs_arrives_as_it_was() {
        let (one, two) = pair();
        let (from, to) = (one.udp.local_addr().unwrap(), two.udp.local_addr().unwrap());
        let arena: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
        let pieces: Vec<Range<usize>> = (0..20)
            .map(|n| n * 1000..n * 1000 + 1000)
            .chain([50_000..50_010, 60_000..60_000, 20_000..85_000])
            .collect();
        let mut outbox = Outbox::new();
        for piece in &pieces {
            outbox.push((), to, piece.clone());
        }
        assert_eq!(outbox.flush(&arena, |()| Some(&one)), 0);
        let mut inbox = Arena::new();
        let mut arrivals = Vec::new();
        while arrivals.len() < pieces.len() {
            match inbox.read(&two, SLOTS, &mut arrivals) {
                Ok(_) => {}
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}"),
            }
        }
        for (arrival, piece) in arrivals.iter().zip(&pieces) {
            assert_eq!(arrival.from, from);
            assert!(inbox.get(&arrival.bytes) == &arena[piece.clone()]);
        }
        assert_eq!(inbox.free(), SLOTS - pieces.len());
        inbox.clear();
        assert_eq!(inbox.free(), SLOTS);
    }

    #[test]
    fn a_socket_that_is_gone_loses_what_it_was_to_send() {
        let mut outbox = Outbox::new();
        outbox.push(7, address(9), 0..10);
        outbox.push(7, address(9), 0..10);
        assert_eq!(outbox.flush(&[0; 10], |_| None), 2);
        assert!(outbox.is_empty());
    }
}
