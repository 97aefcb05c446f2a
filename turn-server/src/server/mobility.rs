//! Mobility (RFC 8016): a client that has another address now shows a ticket, and its allocation follows.
//!
//! A ticket is 128 bits of chance, of which the first byte says which worker knows it. It opens nothing by itself: the
//! request must be signed by the allocation's own user as well. It is good once; with each move there is a new one.

use super::allocation::{Allocation, Ticket, Tickets, maker};
use super::answer::Refusal;
use super::{Request, Server};
use crate::codec::{Message, Method, attribute};
use crate::server::shared_state::Worker;

impl Server {
    /// The first ticket of an allocation whose client asked for one (section 3.1).
    pub(super) fn first_ticket(&mut self, message: &Message<'_>) -> Result<Option<Box<Tickets>>, Refusal> {
        match message.attribute(attribute::MOBILITY_TICKET) {
            None => Ok(None),
            Some(_) if !self.rules.options.mobility => Err(Refusal::MobilityForbidden),
            // "A zero-length value": else 400.
            Some([]) => Ok(Some(Box::new(Tickets { current: self.ticket(), used: None }))),
            Some(_) => Err(Refusal::BadRequest),
        }
    }

    /// Lets the allocation follow whose ticket a Refresh shows (section 3.2.2).
    pub(super) fn follow(&mut self, request: &Request<'_>) -> Result<(), Refusal> {
        let Some(value) = request.message.attribute(attribute::MOBILITY_TICKET) else { return Ok(()) };
        if !self.rules.options.mobility {
            return Err(Refusal::MobilityForbidden);
        }
        let shown: Ticket = value.try_into().map_err(|_| Refusal::BadRequest)?;
        let from = self.table.holder(&shown).ok_or(Refusal::Mismatch)?;
        let allocation = self.table.get(&from).ok_or(Refusal::Mismatch)?;
        if *allocation.owner.username != *request.username {
            return Err(Refusal::WrongCredentials);
        }
        let tickets = allocation.ticket.as_deref().ok_or(Refusal::Mismatch)?;
        if tickets.current != shown {
            // The ticket before this one: its own request once more is answered once more, and any other is late.
            let again = tickets.used == Some((shown, request.message.transaction)) && from == request.tuple;
            return if again { Ok(()) } else { Err(Refusal::Mismatch) };
        }
        // "If the 5-tuple is in use" by another allocation, the ticket's cannot be there.
        let is_taken = from != request.tuple && self.table.get(&request.tuple).is_some();
        if is_taken || !allocation.is_live() {
            return Err(Refusal::Mismatch);
        }
        if !self.serves(request.tuple) {
            return Err(Refusal::Forbidden);
        }
        let used = Some((shown, request.message.transaction));
        let Some(allocation) = self.table.remove(&from) else { return Err(Refusal::Mismatch) };
        let ticket = Some(Box::new(Tickets { current: self.ticket(), used }));
        self.table.insert(request.tuple, Allocation { ticket, ..allocation });
        self.connections.rename(from, request.tuple);
        self.stats.moved += u64::from(from != request.tuple);
        Ok(())
    }

    /// The allocation whose ticket a message shows: its user is known by its key, as on its own 5-tuple.
    pub(super) fn shown(&self, message: &Message<'_>) -> Option<&Allocation> {
        let ticket: Ticket = message.attribute(attribute::MOBILITY_TICKET)?.try_into().ok()?;
        self.table.get(&self.table.holder(&ticket)?)
    }

    /// The worker that a request is for, by the ticket, token or id in it; `None` for this one, and for nobody.
    pub(super) fn other_worker(&self, message: &Message<'_>) -> Option<Worker> {
        let secret = match message.method {
            Method::Refresh => message.attribute(attribute::MOBILITY_TICKET),
            Method::Allocate => message.attribute(attribute::RESERVATION_TOKEN),
            Method::ConnectionBind => message.attribute(attribute::CONNECTION_ID),
            Method::Binding
            | Method::Send
            | Method::Data
            | Method::CreatePermission
            | Method::ChannelBind
            | Method::Connect
            | Method::ConnectionAttempt
            | Method::Other(_) => None,
        };
        maker(secret?).filter(|worker| *worker != self.worker && *worker < self.commons.workers())
    }

    fn ticket(&mut self) -> Ticket {
        let (head, tail) = (self.pool.random(), self.pool.random());
        let mut ticket = [0; 16];
        for (byte, chance) in ticket.iter_mut().zip(head.into_iter().chain(tail)) {
            *byte = chance;
        }
        ticket[0] = self.worker;
        ticket
    }
}
