//! From clients to peers: Send indications (RFC 8656 section 11.2) and ChannelData (section 12.6).
//!
//! Neither is answered: what may not pass is dropped and counted. ChannelData is the path of nearly every datagram, so
//! [`Server::pass_channel_data`] says where one goes and copies nothing.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Instant;

use super::relay::FromPeer;
use super::shared_state::Worker;
use super::tuple::FiveTuple;
use super::{Output, Server};
use crate::codec::{ChannelData, Message, attribute, decode_address};

/// Where the data of a datagram goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// To whom.
    pub way: NextHop,
    /// Which bytes of the datagram.
    pub data: Range<usize>,
}

/// To whom data goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextHop {
    /// To a peer, from a relay.
    Peer {
        /// The relay, as it is bound.
        relay: SocketAddr,
        /// The peer.
        peer: SocketAddr,
    },
    /// To another client of this worker, on a channel: between two relays nothing leaves the server.
    Client {
        /// The client.
        to: FiveTuple,
        /// The channel's number.
        number: u16,
    },
    /// To a relay of another worker, which goes on by [`Server::handle_relay`].
    Worker {
        /// The worker.
        worker: Worker,
        /// Its relay, as it is bound.
        relay: SocketAddr,
        /// From whom that relay receives it.
        from: SocketAddr,
    },
}

/// Where a peer is.
enum PeerLocation {
    Outside { relay: SocketAddr, peer: SocketAddr },
    Inside { worker: Worker, relay: SocketAddr, from: SocketAddr },
}

/// To whom a client sends.
enum Recipient {
    Peer(SocketAddr),
    Channel(u16),
}

impl Server {
    /// Where ChannelData goes; `None` when it is dropped, or on its way through [`Server::poll_output`].
    pub fn pass_channel_data(&mut self, tuple: &FiveTuple, datagram: &[u8], now: Instant) -> Option<Forward> {
        let Some(ChannelData { number, data }) = ChannelData::decode(datagram) else {
            self.stats.dropped.malformed += 1;
            return None;
        };
        let range = ChannelData::HEADER..ChannelData::HEADER + data.len();
        match self.locate(tuple, Recipient::Channel(number), data.len(), now)? {
            PeerLocation::Outside { relay, peer } => Some(Forward { way: NextHop::Peer { relay, peer }, data: range }),
            PeerLocation::Inside { worker, relay, from } if worker != self.worker => {
                Some(Forward { way: NextHop::Worker { worker, relay, from }, data: range })
            }
            PeerLocation::Inside { relay, from, .. } => match self.pass_from_peer(relay, from, data.len(), now) {
                FromPeer::Channel { to, number } => Some(Forward { way: NextHop::Client { to, number }, data: range }),
                FromPeer::Indication { to } => {
                    self.indicate(to, from, data);
                    None
                }
                FromPeer::Dropped => None,
            },
        }
    }

    /// Takes ChannelData whose passage nobody asked for.
    pub(super) fn channel_data(&mut self, tuple: FiveTuple, datagram: &[u8], now: Instant) {
        let Some(Forward { way, data }) = self.pass_channel_data(&tuple, datagram, now) else { return };
        let payload = datagram.get(data).unwrap_or_default();
        match way {
            NextHop::Peer { relay, peer } => self.emit(Output::RelayTransmit {
                relay,
                destination: peer,
                payload: payload.to_vec(),
                dont_fragment: false,
            }),
            NextHop::Client { to, number } => self.transmit_channel(to, number, payload),
            NextHop::Worker { worker, relay, from } => {
                self.emit(Output::Deliver { worker, relay, from, payload: payload.to_vec() });
            }
        }
    }

    /// Takes a Send indication.
    pub(super) fn send_indication(&mut self, tuple: FiveTuple, message: &Message<'_>, now: Instant) {
        let peer = message.attribute(attribute::XOR_PEER_ADDRESS);
        let peer = peer.and_then(|value| decode_address(value, &message.transaction));
        let (Some(peer), Some(data)) = (peer, message.attribute(attribute::DATA)) else {
            self.stats.dropped.malformed += 1;
            return;
        };
        // RFC 8489 section 6.3.2: an indication with an unknown attribute that must be understood is discarded.
        if !message.not_understood(&[]).is_empty() {
            self.stats.dropped.unexpected += 1;
            return;
        }
        let dont_fragment = message.attribute(attribute::DONT_FRAGMENT).is_some();
        match self.locate(&tuple, Recipient::Peer(peer), data.len(), now) {
            None => {}
            Some(PeerLocation::Outside { relay, .. }) => {
                self.emit(Output::RelayTransmit { relay, destination: peer, payload: data.to_vec(), dont_fragment });
            }
            Some(PeerLocation::Inside { worker, relay, from }) if worker != self.worker => {
                self.emit(Output::Deliver { worker, relay, from, payload: data.to_vec() });
            }
            Some(PeerLocation::Inside { relay, from, .. }) => self.relay_to_client(relay, from, data, now),
        }
    }

    /// Where the peer is, if data of the client on `tuple` may go there. What passes is counted.
    fn locate(&mut self, tuple: &FiveTuple, to: Recipient, length: usize, now: Instant) -> Option<PeerLocation> {
        let dropped = &mut self.stats.dropped;
        let Some(allocation) = self.table.get_mut(tuple).filter(|allocation| allocation.relays_datagrams()) else {
            dropped.no_allocation += 1;
            return None;
        };
        let peer = match to {
            Recipient::Peer(peer) => peer,
            Recipient::Channel(number) => {
                let Some(peer) = allocation.channels.peer(number, now) else {
                    dropped.no_channel += 1;
                    return None;
                };
                peer
            }
        };
        let Some(relay) = allocation.relays.for_peer(peer).filter(|_| allocation.permissions.holds(peer.ip(), now))
        else {
            dropped.no_permission += 1;
            return None;
        };
        if let Some(limits) = &mut allocation.limits
            && !limits.to_peers.admit(length, now)
        {
            dropped.limited += 1;
            return None;
        }
        // A permission is of a host; among this server's own ports only live relays are peers, reached from within.
        if let Some((other, worker)) = self.relay_at(peer) {
            self.stats.to_peers.count(length);
            return Some(PeerLocation::Inside { worker, relay: other, from: relay.advertised });
        }
        if peer.port() == 0 || self.is_own(peer) {
            self.stats.dropped.own_address += 1;
            return None;
        }
        let is_judged_again = self.rules.members.is_some() || peer.port() < self.rules.options.first_peer_port;
        if is_judged_again && !self.permits(peer) {
            self.stats.dropped.no_permission += 1; // a port that no permission is of
            return None;
        }
        self.stats.to_peers.count(length);
        Some(PeerLocation::Outside { relay: relay.bound, peer })
    }
}
