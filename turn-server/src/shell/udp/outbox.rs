//! What goes out at the end of a turn.

use std::net::SocketAddr;
use std::ops::Range;

use super::{Socket, system};

/// The longest run: the kernel takes 64 pieces, and no more bytes than a datagram has.
const PIECES: usize = 64;
const BYTES: usize = 65_000;
/// Runs that are looked through for one to be continued. A datagram that finds none begins another.
const LOOK: usize = 128;
/// Lists of pieces that are kept to be used again.
const SPARE: usize = 128;

/// Datagrams of one size from one socket to one destination; the last one may be shorter.
pub(super) struct Run<K> {
    exit: K,
    /// Which one it is of its turn.
    number: usize,
    pub(super) destination: SocketAddr,
    pub(super) size: usize,
    total: usize,
    pub(super) pieces: Vec<Range<usize>>,
    is_closed: bool,
}

/// What goes out at the end of a turn, from the sockets that `K` names.
///
/// It holds what the arena's slots hold, and no more: it is flushed when those are full.
pub(in crate::shell) struct Outbox<K> {
    runs: Vec<Run<K>>,
    /// Vectors of earlier runs, to be used again.
    spare: Vec<Vec<Range<usize>>>,
    system: system::Sender,
}

impl<K: Copy + Ord> Outbox<K> {
    pub(in crate::shell) fn new() -> Self {
        Self { runs: Vec::new(), spare: Vec::new(), system: system::Sender::new() }
    }

    pub(in crate::shell) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Adds a datagram. Those of one socket and destination stay in order.
    pub(in crate::shell) fn push(&mut self, exit: K, destination: SocketAddr, bytes: Range<usize>) {
        let size = bytes.len();
        let mut recent = self.runs.iter_mut().rev().take(LOOK);
        let open = recent.find(|run| run.exit == exit && run.destination == destination);
        if let Some(run) = open.filter(|run| {
            !run.is_closed && size > 0 && size <= run.size && run.pieces.len() < PIECES && run.total + size <= BYTES
        }) {
            run.is_closed = size < run.size;
            run.total += size;
            run.pieces.push(bytes);
            return;
        }
        let mut pieces = self.spare.pop().unwrap_or_default();
        pieces.push(bytes);
        let number = self.runs.len();
        self.runs.push(Run { exit, number, destination, size, total: size, pieces, is_closed: size == 0 });
    }

    /// Sends everything, and gives the number of datagrams that the system did not take: UDP may lose them.
    pub(in crate::shell) fn flush<'a>(&mut self, arena: &[u8], socket: impl Fn(K) -> Option<&'a Socket>) -> u64 {
        // What leaves by one socket is one call.
        self.runs.sort_unstable_by_key(|run| (run.exit, run.number));
        let mut unsent = 0;
        for runs in self.runs.chunk_by(|run, next| run.exit == next.exit) {
            let all: usize = runs.iter().map(|run| run.pieces.len()).sum();
            let socket = runs.first().and_then(|run| socket(run.exit));
            let sent = socket.map_or(0, |socket| self.system.send(socket, arena, runs));
            unsent += (all - sent) as u64;
        }
        for run in self.runs.drain(..) {
            let mut pieces = run.pieces;
            pieces.clear();
            if self.spare.len() < SPARE {
                self.spare.push(pieces);
            }
        }
        unsent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::new([127, 0, 0, 1].into(), port)
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
}
