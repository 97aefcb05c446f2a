//! From peers to clients: Data indications (RFC 8656 section 11.3) and ChannelData (section 12.7).

use std::net::SocketAddr;
use std::time::Instant;

use super::tuple::FiveTuple;
use super::{Output, Server};
use crate::codec::{ChannelData, Class, Method, Writer, attribute};

/// What becomes of data that a peer sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromPeer {
    /// Nothing; it is counted.
    Dropped,
    /// It goes to this client on this channel.
    Channel {
        /// The client.
        to: FiveTuple,
        /// The channel's number.
        number: u16,
    },
    /// It goes to this client in an indication ([`Server::indicate`]).
    Indication {
        /// The client.
        to: FiveTuple,
    },
}

impl Server {
    /// Where `length` bytes go that `peer` sent to `relay`, from outside or from another relay of this server.
    pub fn pass_from_peer(&mut self, relay: SocketAddr, peer: SocketAddr, length: usize, now: Instant) -> FromPeer {
        let dropped = &mut self.stats.dropped;
        let owner = self.table.owner(relay);
        let allocation = owner.and_then(|to| Some((to, self.table.get_mut(&to)?)));
        let Some((to, allocation)) = allocation.filter(|(_, allocation)| allocation.relays_datagrams()) else {
            dropped.no_allocation += 1;
            return FromPeer::Dropped;
        };
        // "If there is no permission for the source IP address, the datagram is silently discarded."
        if !allocation.permissions.holds(peer.ip(), now) {
            dropped.no_permission += 1;
            return FromPeer::Dropped;
        }
        if let Some(limits) = &mut allocation.limits
            && !limits.from_peers.admit(length, now)
        {
            dropped.limited += 1;
            return FromPeer::Dropped;
        }
        // "If there is a channel bound to the peer, ChannelData; otherwise a Data indication."
        match allocation.channels.number(peer, now) {
            Some(_) if length > ChannelData::LONGEST => {
                dropped.oversized += 1;
                FromPeer::Dropped
            }
            Some(number) => {
                self.stats.from_peers.count(length);
                FromPeer::Channel { to, number }
            }
            None => FromPeer::Indication { to },
        }
    }

    /// Sends a client what `peer` sent to its relay, as an indication.
    pub fn indicate(&mut self, to: FiveTuple, peer: SocketAddr, data: &[u8]) {
        let indication = Writer::new(Class::Indication, Method::Data, self.pool.random())
            .address(attribute::XOR_PEER_ADDRESS, peer)
            .attribute(attribute::DATA, data)
            .seal(None, self.rules.options.fingerprint);
        match indication {
            Some(payload) => {
                self.stats.from_peers.count(data.len());
                self.transmit(to, payload);
            }
            None => self.stats.dropped.oversized += 1,
        }
    }

    /// Takes data for a relay, and copies it into what the client is sent.
    pub(super) fn relay_to_client(&mut self, relay: SocketAddr, peer: SocketAddr, data: &[u8], now: Instant) {
        match self.pass_from_peer(relay, peer, data.len(), now) {
            FromPeer::Dropped => {}
            FromPeer::Channel { to, number } => self.transmit_channel(to, number, data),
            FromPeer::Indication { to } => self.indicate(to, peer, data),
        }
    }

    pub(super) fn transmit_channel(&mut self, to: FiveTuple, number: u16, data: &[u8]) {
        match (ChannelData { number, data }).encode(to.transport.is_stream()) {
            Some(payload) => self.transmit(to, payload),
            None => self.stats.dropped.oversized += 1,
        }
    }

    /// Sends a message to a client.
    pub(super) fn transmit(&mut self, to: FiveTuple, payload: Vec<u8>) {
        self.emit(Output::Transmit { to, payload });
    }
}
