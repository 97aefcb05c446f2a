//! Refresh (RFC 8656 section 8.2): a longer life for an allocation, or its end; and its new address, where its client
//! has moved (RFC 8016).

use std::time::{Duration, Instant};

use super::allocation::{Allocation, Second};
use super::answer::Refusal;
use super::family::{Family, address_family};
use super::lifetime::{LIFETIME, lifetime, seconds};
use super::{Output, Request, Server};
use crate::codec::{Writer, attribute};

impl Server {
    pub(super) fn refresh(&mut self, request: &Request<'_>, now: Instant) -> Result<Writer, Refusal> {
        let message = request.message;
        // What is malformed is refused before anything moves, and a ticket is spent.
        let asked = lifetime(message)?;
        if let Some(Err(Refusal::BadRequest)) =
            message.attribute(attribute::REQUESTED_ADDRESS_FAMILY).map(address_family)
        {
            return Err(Refusal::BadRequest);
        }
        self.follow(request)?;
        let allocation = self.table.get(&request.tuple).ok_or(Refusal::Mismatch)?;
        // "If ... REQUESTED-ADDRESS-FAMILY ... does not match": 443.
        let family = match message.attribute(attribute::REQUESTED_ADDRESS_FAMILY) {
            None => None,
            Some(value) => match address_family(value) {
                Ok(family) if has_relay(allocation, family) => Some(family),
                Ok(_) | Err(Refusal::FamilyNotSupported) => return Err(Refusal::PeerFamilyMismatch),
                Err(refusal) => return Err(refusal),
            },
        };
        let granted = asked.unwrap_or(LIFETIME);
        let ticket = allocation.ticket.as_ref().map(|tickets| tickets.current);
        // "If the lifetime is zero, the allocation is deleted": the client may have the same 5-tuple again at once.
        let ends = message.attribute(attribute::LIFETIME) == Some(&[0; 4]);
        let granted = if ends { Duration::ZERO } else { granted };
        let response = Writer::success(message).attribute(attribute::LIFETIME, &seconds(granted));
        if ends {
            self.end(request, family);
            return Ok(response);
        }
        self.table.extend(&request.tuple, granted, now);
        Ok(match ticket {
            Some(ticket) if message.attribute(attribute::MOBILITY_TICKET).is_some() => {
                response.attribute(attribute::MOBILITY_TICKET, &ticket)
            }
            Some(_) | None => response,
        })
    }

    /// Ends the relay of one family where there are two and one was named, else all.
    fn end(&mut self, request: &Request<'_>, family: Option<Family>) {
        let tuple = request.tuple;
        let second = self.table.get(&tuple).map(|allocation| allocation.relays.second);
        let (Some(Second::Relay(second)), Some(family)) = (second, family) else { return self.close(tuple) };
        let mut ended = second;
        if Family::of(second.bound.ip()) != family {
            // The first one ends: the second takes its place.
            let Some(mut allocation) = self.table.remove(&tuple) else { return };
            ended = allocation.relays.first;
            allocation.relays.first = second;
            allocation.relays.second = Second::None;
            self.table.insert(tuple, allocation);
        } else {
            self.table.set_second(&tuple, Second::None);
        }
        self.pool.release(ended.bound);
        self.emit(Output::CloseRelay { relay: ended.bound });
    }
}

fn has_relay(allocation: &Allocation, family: Family) -> bool {
    allocation.relays.all().any(|relay| Family::of(relay.bound.ip()) == family)
}
