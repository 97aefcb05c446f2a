//! ChannelBind (RFC 8656 section 12.2): a number instead of a peer's address.

use std::time::Instant;

use super::allocation::Protocol;
use super::answer::Refusal;
use super::permissions::ChannelBindError;
use super::{Request, Server};
use crate::codec::{Writer, attribute, decode_address};

impl Server {
    pub(super) fn channel_bind(&mut self, request: &Request<'_>, now: Instant) -> Result<Writer, Refusal> {
        let message = request.message;
        // A TCP relay has no channels (RFC 6062 section 4.1): 403 there.
        let allocation = self.table.get(&request.tuple).ok_or(Refusal::Mismatch)?;
        if allocation.protocol == Protocol::Tcp {
            return Err(Refusal::Forbidden);
        }
        // "Contains both a CHANNEL-NUMBER and an XOR-PEER-ADDRESS", "the channel number is in the range": else 400.
        let number = message.attribute(attribute::CHANNEL_NUMBER).and_then(channel_number);
        let peer = message.attribute(attribute::XOR_PEER_ADDRESS);
        let peer = peer.and_then(|value| decode_address(value, &message.transaction));
        let (Some(number), Some(peer)) = (number, peer) else { return Err(Refusal::BadRequest) };
        // The peer is judged as by CreatePermission. A channel, unlike a permission, is of one port.
        if peer.port() == 0 {
            return Err(Refusal::BadRequest);
        }
        self.admit(request.tuple, peer)?;
        // "The channel number is not currently bound to a different transport address", and the other way round: 400.
        let allocation = self.table.get_mut(&request.tuple).ok_or(Refusal::Mismatch)?;
        allocation.channels.check(number, peer, now).map_err(|error| match error {
            ChannelBindError::Conflict => Refusal::BadRequest,
            ChannelBindError::Full => Refusal::Capacity,
        })?;
        // Binding installs a permission as well, and is refused with it.
        allocation.permissions.install(&[peer.ip()], now).map_err(|_| Refusal::Capacity)?;
        allocation.channels.bind(number, peer, now);
        Ok(Writer::success(message))
    }
}

/// CHANNEL-NUMBER (section 18.1): two bytes of number, two that are reserved.
///
/// RFC 8656 section 12 gives 0x4000 to 0x4FFF to channels, RFC 5766 section 11 gave 0x4000 to 0x7FFF. Clients of the
/// older one are served, for on a TURN listener nothing else begins with those bits: coturn's `turnutils_uclient` draws
/// a number from all of them, and one in four would be left.
fn channel_number(value: &[u8]) -> Option<u16> {
    let [n0, n1, _, _] = value else { return None };
    Some(u16::from_be_bytes([*n0, *n1])).filter(|number| (0x4000..=0x7fff).contains(number))
}
