//! Live counters of a server. They are plain numbers that only the core raises; shells copy and print them.

use std::ops::Add;

use serde::Serialize;

/// Everything that a server counts, since it began unless said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Allocations that stand now.
    pub allocations: u64,
    /// Allocations ever made.
    pub allocated: u64,
    /// Requests and indications of clients, by method.
    pub requests: Requests,
    /// Requests that were refused, by reason.
    pub refused: RefusalCounts,
    /// Requests that a shared secret signed rightly, beside those of an allocation's own user.
    pub signed: u64,
    /// What clients sent and peers were sent.
    pub to_peers: Traffic,
    /// What peers sent and clients were sent. Data between two relays of this server counts in both directions.
    pub from_peers: Traffic,
    /// Datagrams that ended here, by reason.
    pub dropped: DropCounts,
    /// Allocations that followed their client to another address.
    pub moved: u64,
    /// TCP connections with peers that ever stood.
    pub connections: u64,
    /// Bytes that clients sent to peers on those.
    pub carried_to_peers: u64,
    /// Bytes that peers sent to clients on those.
    pub carried_from_peers: u64,
}

/// Relayed data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Datagrams.
    pub datagrams: u64,
    /// Bytes of application data: without STUN, ChannelData, UDP and IP headers.
    pub bytes: u64,
}

impl Traffic {
    pub(crate) fn count(&mut self, bytes: usize) {
        self.datagrams += 1;
        self.bytes += bytes as u64;
    }
}

/// Requests, by method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Requests {
    /// Binding.
    pub binding: u64,
    /// Allocate.
    pub allocate: u64,
    /// Refresh.
    pub refresh: u64,
    /// CreatePermission.
    pub create_permission: u64,
    /// ChannelBind.
    pub channel_bind: u64,
    /// Connect.
    pub connect: u64,
    /// ConnectionBind.
    pub connection_bind: u64,
}

/// Refusals, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RefusalCounts {
    /// 400: something is missing, malformed or contradicts what stands.
    pub bad_request: u64,
    /// 401: no credentials yet (every client's first request), or wrong ones.
    pub unauthorized: u64,
    /// Among those, credentials whose time is over.
    pub expired: u64,
    /// Among those, time-limited names that none of the shared secrets signed.
    pub signature: u64,
    /// 403: a client that is not served, or a peer that the policy forbids.
    pub forbidden: u64,
    /// 420: an attribute that had to be understood.
    pub unknown_attribute: u64,
    /// 437: no allocation there, or one already.
    pub mismatch: u64,
    /// 438: a nonce that is old or somebody else's.
    pub stale_nonce: u64,
    /// 440, 442 and 443: a family or transport that does not fit.
    pub unsupported: u64,
    /// 441: an allocation of another user.
    pub wrong_credentials: u64,
    /// 486: a quota, or more Connect requests than there may be in so short a time.
    pub quota: u64,
    /// 508: no port, or no room in the allocation.
    pub capacity: u64,
    /// 447: a peer to which no TCP connection came about.
    pub unreachable: u64,
    /// Connections that were closed: too many of one source, or too slow.
    pub connections: u64,
    /// Answers to unauthenticated requests that were not sent, because too many went to that source.
    pub suppressed: u64,
}

/// Dropped datagrams, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DropCounts {
    /// Neither STUN nor ChannelData, or a broken one.
    pub malformed: u64,
    /// Well-formed, but nothing that a client sends to a server.
    pub unexpected: u64,
    /// From a client without an allocation, or to a relay that is none.
    pub no_allocation: u64,
    /// The client allowed no data with that peer, or no longer.
    pub no_permission: u64,
    /// On a channel that is not bound, or no longer.
    pub no_channel: u64,
    /// To an address of this very server that is no live relay.
    pub own_address: u64,
    /// Beyond what an allocation may relay a second.
    pub limited: u64,
    /// Too long to be wrapped.
    pub oversized: u64,
    /// The outputs were not fetched in time.
    pub congested: u64,
    /// The operating system did not take a datagram (its buffers were full, or there was no route).
    pub unsent: u64,
}

/// Sums each counter of several workers, given their names.
macro_rules! sum {
    ($type:ident { $($field:ident),* $(,)? }) => {
        impl Add for $type {
            type Output = Self;

            fn add(self, other: Self) -> Self {
                Self { $($field: self.$field + other.$field),* }
            }
        }
    };
}

sum!(Stats {
    allocations,
    allocated,
    requests,
    refused,
    signed,
    to_peers,
    from_peers,
    dropped,
    moved,
    connections,
    carried_to_peers,
    carried_from_peers,
});
sum!(Traffic { datagrams, bytes });
sum!(Requests { binding, allocate, refresh, create_permission, channel_bind, connect, connection_bind });
sum!(RefusalCounts {
    bad_request,
    unauthorized,
    expired,
    signature,
    forbidden,
    unknown_attribute,
    mismatch,
    stale_nonce,
    unsupported,
    wrong_credentials,
    quota,
    capacity,
    unreachable,
    connections,
    suppressed,
});
sum!(DropCounts {
    malformed,
    unexpected,
    no_allocation,
    no_permission,
    no_channel,
    own_address,
    limited,
    oversized,
    congested,
    unsent,
});
