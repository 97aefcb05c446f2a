//! Relaying for the members of a call alone: when a server is told who they are, it serves nobody else.
//!
//! Members are addresses from which somebody was seen to come, never what a client says of itself. So private ranges
//! are open exactly as far as a member is in them. What never opens: this machine's own ports but for live relays, its
//! loopback, and ports below 1024, where services are and no media.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::Server;
use super::tuple::FiveTuple;

/// The lowest port of a peer: below it stand services, and a browser's or client's media never does (RFC 6335 section 6
/// calls these the system ports).
const FIRST_PORT: u16 = 1024;

impl Server {
    /// From now on serves `members` alone: allocations are for clients at these addresses, and data goes to these
    /// addresses and to live relays of this server. What is and is not of them ends at once.
    ///
    /// A member on this very machine may be seen at a loopback address: it may then have an allocation, but no data
    /// goes to that address.
    pub fn set_members(&mut self, members: &BTreeSet<IpAddr>, now: Instant) {
        self.handle_timeout(now);
        let members: BTreeSet<IpAddr> = members.iter().map(IpAddr::to_canonical).collect();
        for tuple in self.table.clients_outside(|client| members.contains(&client.to_canonical())) {
            self.close(tuple);
        }
        let commons = &self.commons;
        let stays = |peer: IpAddr| is_member_peer(&members, peer) || commons.bound(SocketAddr::new(peer, 0)).is_some();
        self.table.forbid_peers(|peer| !stays(peer));
        self.rules.members = Some(members);
        self.forbid_connections();
        self.count();
    }

    /// Whether the client on `tuple` may have an allocation.
    pub(super) fn serves(&self, tuple: FiveTuple) -> bool {
        self.rules.members.as_ref().is_none_or(|members| members.contains(&tuple.client.ip().to_canonical()))
    }

    /// Whether data may go to `peer`, which is none of this server's addresses: by the policy, or where members are
    /// known, by them alone.
    pub(super) fn permits(&self, peer: SocketAddr) -> bool {
        // A permission has no port of its own, and some clients name none; each datagram is judged again.
        let is_port = |first: u16| peer.port() == 0 || peer.port() >= first;
        match &self.rules.members {
            None => self.rules.peers.permits(peer.ip()) && is_port(self.rules.options.first_peer_port),
            Some(members) => is_member_peer(members, peer.ip()) && is_port(FIRST_PORT),
        }
    }

    /// Whether the operator opened what else is on a relay address; members open none of it.
    pub(super) fn opens_own(&self, peer: IpAddr) -> bool {
        self.rules.members.is_none() && self.rules.peers.opens(peer)
    }
}

/// Disguises of an address (RFC 4291 section 2.5.5.2) are not it: a relay of IPv6 would send them elsewhere.
fn is_member_peer(members: &BTreeSet<IpAddr>, peer: IpAddr) -> bool {
    let is_host = !peer.is_loopback() && !peer.is_unspecified() && !peer.is_multicast();
    is_host && members.contains(&peer)
}
