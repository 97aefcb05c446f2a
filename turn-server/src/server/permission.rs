//! CreatePermission (RFC 8656 section 10.2): from whom the client takes data, and whom it may send some.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::answer::Refusal;
use super::tuple::FiveTuple;
use super::{Request, Server};
use crate::codec::{Message, Writer, attribute, decode_address};

impl Server {
    pub(super) fn create_permission(&mut self, request: &Request<'_>, now: Instant) -> Result<Writer, Refusal> {
        if self.table.get(&request.tuple).is_none() {
            return Err(Refusal::Mismatch);
        }
        // "One or more XOR-PEER-ADDRESS"; none, or a malformed one: 400. Of several, all are permitted or none.
        let peers = peers(request.message)?;
        let judged: Result<Vec<IpAddr>, Refusal> =
            peers.iter().map(|peer| self.admit(request.tuple, *peer).map(|()| peer.ip())).collect();
        let addresses = judged?;
        let allocation = self.table.get_mut(&request.tuple).ok_or(Refusal::Mismatch)?;
        allocation.permissions.install(&addresses, now).map_err(|_| Refusal::Capacity)?;
        Ok(Writer::success(request.message))
    }

    /// Whether the client on `tuple` may have to do with `peer`: of the relay's family (443), and permitted (403).
    pub(super) fn admit(&self, tuple: FiveTuple, peer: SocketAddr) -> Result<(), Refusal> {
        let allocation = self.table.get(&tuple).ok_or(Refusal::Mismatch)?;
        if allocation.relays.for_peer(peer).is_none() {
            return Err(Refusal::PeerFamilyMismatch);
        }
        // A permission has no port of its own. A client that names none gets the host, and each datagram is judged
        // again.
        let is_relay = self.relay_at(peer).is_some() || (peer.port() == 0 && self.commons.bound(peer).is_some());
        let permitted = is_relay || (self.permits(peer) && !self.is_own(peer));
        if permitted { Ok(()) } else { Err(Refusal::Forbidden) }
    }
}

fn peers(message: &Message<'_>) -> Result<Vec<SocketAddr>, Refusal> {
    let values = message.attributes(attribute::XOR_PEER_ADDRESS);
    let peers: Option<Vec<_>> = values.map(|value| decode_address(value, &message.transaction)).collect();
    peers.filter(|peers| !peers.is_empty()).ok_or(Refusal::BadRequest)
}
