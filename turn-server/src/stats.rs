//! Live counters of a server. They are plain numbers that only the core raises; shells copy and print them.

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
    pub refused: Refused,
    /// What clients sent and peers were sent.
    pub to_peers: Traffic,
    /// What peers sent and clients were sent. Data between two relays of this server counts in both directions.
    pub from_peers: Traffic,
    /// Datagrams that ended here, by reason.
    pub dropped: Dropped,
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
}

/// Refusals, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// 400: something is missing, malformed or contradicts what stands.
    pub bad_request: u64,
    /// 401: no credentials yet (every client's first request), or wrong ones.
    pub unauthorized: u64,
    /// Among those, credentials whose time is over.
    pub expired: u64,
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
    /// 486: a quota.
    pub quota: u64,
    /// 508: no port, or no room in the allocation.
    pub capacity: u64,
    /// Answers to unauthenticated requests that were not sent, because too many went to that source.
    pub suppressed: u64,
}

/// Dropped datagrams, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Dropped {
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
    /// Too long to be wrapped.
    pub oversized: u64,
    /// The outputs were not fetched in time.
    pub congested: u64,
    /// The operating system did not take a datagram (its buffers were full, or there was no route).
    pub unsent: u64,
}
