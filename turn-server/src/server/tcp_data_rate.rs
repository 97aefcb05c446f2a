//! What TCP connections with peers carry (RFC 6062), and how much of it a second.
//!
//! Bytes of a stream are never dropped. Beyond its allocation's rate a connection is not read until there is room
//! again, and its sender waits, as for any slow reader.

use std::time::Instant;

use super::Server;
use super::connections::ConnectionId;
use super::limit::Limits;

/// Bytes that one connection may carry at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataRate {
    /// From the client to the peer.
    pub to_peer: usize,
    /// From the peer to the client.
    pub from_peer: usize,
}

impl DataRate {
    /// No bound but those of queues.
    const UNLIMITED: Self = Self { to_peer: usize::MAX, from_peer: usize::MAX };
}

impl Server {
    /// What a connection may carry now. It is shared with the other connections of its allocation.
    pub fn allowance(&mut self, id: ConnectionId, now: Instant) -> DataRate {
        self.limits(id).map_or(DataRate::UNLIMITED, |limits| DataRate {
            to_peer: limits.to_peers.available(now),
            from_peer: limits.from_peers.available(now),
        })
    }

    /// Counts bytes that the shell carried on a connection, no more than were allowed. Gives the moment at which it may
    /// go on, where either way has used up what it had.
    pub fn handle_carried(
        &mut self,
        id: ConnectionId,
        to_peer: usize,
        from_peer: usize,
        now: Instant,
    ) -> Option<Instant> {
        self.stats.carried_to_peers += to_peer as u64;
        self.stats.carried_from_peers += from_peer as u64;
        let limits = self.limits(id)?;
        let mut on_at = None;
        for (bucket, bytes) in [(&mut limits.to_peers, to_peer), (&mut limits.from_peers, from_peer)] {
            bucket.spend(bytes);
            if bucket.available(now) == 0 {
                on_at = on_at.max(Some(bucket.ready_at()));
            }
        }
        on_at
    }

    fn limits(&mut self, id: ConnectionId) -> Option<&mut Limits> {
        let owner = self.connections.get(id)?.owner;
        self.table.get_mut(&owner)?.limits.as_deref_mut()
    }
}
