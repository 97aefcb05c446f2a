//! From peers to clients: Data indications (RFC 8656 section 11.3) and ChannelData (section 12.7).

use std::net::SocketAddr;
use std::time::Instant;

use super::Server;
use super::allocation::FiveTuple;
use crate::codec::{ChannelData, Class, Method, Writer, attribute};

impl Server {
    /// Takes what `peer` sent to the relay of `tuple`, from outside or from another relay of this server.
    pub(super) fn relay_to_client(&mut self, tuple: FiveTuple, peer: SocketAddr, data: &[u8], now: Instant) {
        let Some(allocation) = self.table.get(&tuple).filter(|allocation| allocation.is_live()) else {
            self.stats.dropped.no_allocation += 1;
            return;
        };
        // "If there is no permission for the source IP address, the datagram is silently discarded."
        if !allocation.permissions.holds(peer.ip(), now) {
            self.stats.dropped.no_permission += 1;
            return;
        }
        // "If there is a channel bound to the peer, ChannelData; otherwise a Data indication."
        let payload = match allocation.channels.number(peer, now) {
            Some(number) => ChannelData { number, data }.encode(),
            None => Writer::new(Class::Indication, Method::Data, self.pool.random())
                .address(attribute::XOR_PEER_ADDRESS, peer)
                .attribute(attribute::DATA, data)
                .seal(None, false),
        };
        let Some(payload) = payload else {
            self.stats.dropped.oversized += 1;
            return;
        };
        self.stats.from_peers.count(data.len());
        self.transmit(tuple, payload);
    }
}
