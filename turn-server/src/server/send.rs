//! From clients to peers: Send indications (RFC 8656 section 11.2) and ChannelData (section 12.6).
//!
//! Neither is answered: what may not pass is dropped and counted.

use std::net::SocketAddr;
use std::time::Instant;

use super::allocation::{Allocation, FiveTuple, Phase};
use super::{Output, Server};
use crate::codec::{ChannelData, Message, attribute, decode_address};

impl Server {
    /// Takes ChannelData: the path of nearly every datagram.
    pub(super) fn channel_data(&mut self, tuple: FiveTuple, datagram: &[u8], now: Instant) {
        let Some(ChannelData { number, data }) = ChannelData::decode(datagram) else {
            self.stats.dropped.malformed += 1;
            return;
        };
        let Some(allocation) = self.table.get(&tuple).filter(|allocation| allocation.is_live()) else {
            self.stats.dropped.no_allocation += 1;
            return;
        };
        match allocation.channels.peer(number, now) {
            Some(peer) => self.relay_to_peer(tuple, peer, data, now),
            None => self.stats.dropped.no_channel += 1,
        }
    }

    /// Takes a Send indication.
    pub(super) fn send_indication(&mut self, tuple: FiveTuple, message: &Message<'_>, now: Instant) {
        // RFC 8489 section 6.3.2: an indication with an unknown attribute that must be understood is discarded.
        // (DONT-FRAGMENT is one of them here.)
        let peer = message.attribute(attribute::XOR_PEER_ADDRESS);
        let peer = peer.and_then(|value| decode_address(value, &message.transaction));
        let (Some(peer), Some(data)) = (peer, message.attribute(attribute::DATA)) else {
            self.stats.dropped.malformed += 1;
            return;
        };
        if !message.not_understood().is_empty() {
            self.stats.dropped.unexpected += 1;
            return;
        }
        self.relay_to_peer(tuple, peer, data, now);
    }

    fn relay_to_peer(&mut self, tuple: FiveTuple, peer: SocketAddr, data: &[u8], now: Instant) {
        let Some(allocation) = self.table.get(&tuple).filter(|allocation| allocation.is_live()) else {
            self.stats.dropped.no_allocation += 1;
            return;
        };
        if !allocation.permissions.holds(peer.ip(), now) {
            self.stats.dropped.no_permission += 1;
            return;
        }
        let (relay, advertised) = (allocation.relay, allocation.advertised);
        // A permission is of a host; among this server's own ports only live relays are peers, reached from within.
        if let Some(other) = self.relay_at(peer) {
            self.stats.to_peers.count(data.len());
            self.relay_to_client(other, advertised, data, now);
        } else if peer.port() == 0 || self.is_own(peer) {
            self.stats.dropped.own_address += 1;
        } else if self.members.is_some() && !self.permits(peer) {
            self.stats.dropped.no_permission += 1; // a port that no permission is of
        } else {
            self.stats.to_peers.count(data.len());
            self.emit(Output::RelayTransmit { relay, destination: peer, payload: data.to_vec() });
        }
    }
}

impl Allocation {
    pub(super) fn is_live(&self) -> bool {
        match self.phase {
            Phase::Live => true,
            Phase::Opening { .. } => false,
        }
    }
}
