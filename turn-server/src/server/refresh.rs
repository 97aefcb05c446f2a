//! Refresh (RFC 8656 section 8.2): a longer life for an allocation, or its end.

use std::time::{Duration, Instant};

use super::allocate::{LIFETIME, address_family, lifetime};
use super::answer::Refusal;
use super::pool::Family;
use super::{Request, Server};
use crate::codec::{Writer, attribute};

impl Server {
    pub(super) fn refresh(&mut self, request: &Request<'_>, now: Instant) -> Result<Writer, Refusal> {
        let message = request.message;
        let allocation = self.table.get(&request.tuple).ok_or(Refusal::Mismatch)?;
        // "If ... REQUESTED-ADDRESS-FAMILY ... does not match": 443.
        if let Some(value) = message.attribute(attribute::REQUESTED_ADDRESS_FAMILY) {
            let family = address_family(value);
            let family = if family == Err(Refusal::FamilyNotSupported) { None } else { Some(family?) };
            if family != Some(Family::of(allocation.relay.ip())) {
                return Err(Refusal::PeerFamilyMismatch);
            }
        }
        let granted = lifetime(message)?.unwrap_or(LIFETIME);
        // "If the lifetime is zero, the allocation is deleted": the client may have the same 5-tuple again at once.
        let ends = message.attribute(attribute::LIFETIME) == Some(&[0; 4]);
        let granted = if ends { Duration::ZERO } else { granted };
        if ends {
            self.close(request.tuple);
        } else {
            self.table.extend(&request.tuple, granted, now);
        }
        let seconds = granted.as_secs() as u32;
        Ok(Writer::success(message).attribute(attribute::LIFETIME, &seconds.to_be_bytes()))
    }
}
