//! Sockets as a call knows them, and which transport each belongs to.
//!
//! Numbers of sockets are given out in ranges, one for each gathering, so that a datagram finds its transport by the
//! start of the range it is in, however many transports there are. Owner of: the numbers.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;

use crate::stream::RelayStream;

/// A socket that the shell holds for us: a number that is never used again, so that what comes late on one that is
/// closed is for nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u64);

/// What sort of socket is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketKind {
    /// UDP, on an address with a port of the system's choice; the address is unspecified where it only talks to a
    /// relay.
    Udp(IpAddr),
    /// A stream to a relay.
    Stream(RelayStream),
}

/// One transport of a call: a number that is never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TransportId(pub(crate) u32);

/// Numbers of sockets that one gathering has: more than it can open, however long it lasts and however often the
/// network under it changes. A thousand sockets a second would use them up in seven weeks, and there are as many
/// ranges.
const RANGE: u64 = 1 << 32;

/// The numbers of a call's sockets.
#[derive(Debug, Default)]
pub(crate) struct SocketTable {
    next: u64,
    /// By where each range begins. Two for each transport at most: the old one is released before a new one is used.
    owners: BTreeMap<u64, TransportId>,
}

impl SocketTable {
    /// Returns the numbers of a new gathering.
    pub(crate) fn reserve(&mut self, owner: TransportId) -> Range<u64> {
        let first = self.next;
        self.next = first.wrapping_add(RANGE);
        self.owners.insert(first, owner);
        first..first.saturating_add(RANGE)
    }

    /// A gathering is over: nothing on its sockets is for anybody any more.
    pub(crate) fn release(&mut self, first: u64) {
        self.owners.remove(&first);
    }

    /// Returns the transport of a socket; `None` for one of a gathering that is over.
    pub(crate) fn owner(&self, socket: SocketId) -> Option<TransportId> {
        self.owners.get(&(socket.0 - socket.0 % RANGE)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_of_who_reserved_its_number_until_it_is_released() {
        let mut table = SocketTable::default();
        let (first, second) = (table.reserve(TransportId(7)), table.reserve(TransportId(9)));
        for (socket, owner) in [
            (first.start, Some(TransportId(7))),
            (first.end - 1, Some(TransportId(7))),
            (second.start, Some(TransportId(9))),
            (second.end, None),
        ] {
            assert_eq!(table.owner(SocketId(socket)), owner, "{socket}");
        }
        table.release(first.start);
        assert_eq!(table.owner(SocketId(first.start + 1)), None);
        assert_eq!(table.reserve(TransportId(7)).start, second.end, "no number is used twice");
    }
}
