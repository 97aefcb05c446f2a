//! Allocate (RFC 8656 section 7.2, RFC 6062 section 5.1): a relay for the client, or one of each family.

use std::time::{Duration, Instant};

use super::allocation::{Allocation, AllocationPhase, Owner, PendingRelay, Protocol, Relays, Second};
use super::answer::Refusal;
use super::family::{Family, address_family};
use super::lifetime::{LIFETIME, lifetime, seconds};
use super::limit::Limits;
use super::permissions::{Channels, Permissions};
use super::pool::{NoPort, PortGrant, PortRequest};
use super::source::Source;
use super::tuple::FiveTuple;
use super::{Output, Request, Server};
use crate::codec::{Class, Method, Writer, attribute};
use crate::config::DefaultFamily;
use crate::rest;

/// The protocol numbers in REQUESTED-TRANSPORT.
const TCP: u8 = 6;
const UDP: u8 = 17;

/// The relays that a request asks for.
struct Wanted {
    first: PortRequest,
    second: Option<Family>,
}

impl Server {
    /// Walks section 7.2. The answer to a new allocation waits until its relays are open.
    pub(super) fn allocate(&mut self, request: &Request<'_>, now: Instant) -> Result<Option<Writer>, Refusal> {
        let message = request.message;
        // 1: authentication. 2: "if the 5-tuple is currently in use": 437, unless it is the same request again.
        if let Some(allocation) = self.table.get(&request.tuple) {
            let repeated =
                allocation.transaction == message.transaction && *allocation.owner.username == *request.username;
            return match allocation.phase {
                _ if !repeated => Err(Refusal::Mismatch),
                AllocationPhase::Opening(_) => Ok(None), // its answer is on the way
                AllocationPhase::Live => Ok(Some(allocated(request.tuple, allocation))),
            };
        }
        // "If the request is ... administratively prohibited": 403.
        if !self.serves(request.tuple) || !self.rules.options.relaying {
            return Err(Refusal::Forbidden);
        }
        let protocol = self.protocol(request)?;
        let wanted = self.wanted(request, protocol)?;
        let lifetime = lifetime(message)?.unwrap_or(LIFETIME);
        let tickets = self.first_ticket(message)?;
        // "At any point": quotas; and who waits for the last calls to end begins no other.
        let account = rest::account(&request.username);
        let source = Source::from(request.tuple.client.ip());
        if self.rules.draining || !self.commons.admit(account, source, &self.rules.quotas) {
            return Err(Refusal::Quota);
        }
        let taken = self.pool.take(wanted.first, request.tuple.local.ip()).map_err(|no_port| {
            self.commons.dismiss(account, source);
            refusal(no_port)
        })?;
        let mut allocation = self.begin(request, protocol, &wanted, taken, lifetime, now);
        allocation.ticket = tickets;
        self.table.insert(request.tuple, allocation);
        match wanted.first {
            // Its socket has been open since it was reserved.
            PortRequest::Reserved(_) => self.complete(request.tuple),
            PortRequest::Any(_) | PortRequest::Even(_) | PortRequest::Pair(_) => {
                self.emit(Output::OpenRelay { relay: taken.relay.bound, protocol });
            }
        }
        Ok(None)
    }

    fn begin(
        &self,
        request: &Request<'_>,
        protocol: Protocol,
        wanted: &Wanted,
        taken: PortGrant,
        lifetime: Duration,
        now: Instant,
    ) -> Allocation {
        let opening = PendingRelay {
            demand: wanted.first,
            upper: taken.upper,
            failures: 0,
            tried: Vec::new(),
            wanted: wanted.second,
            fingerprinted: request.message.fingerprinted,
            integrity: request.message.integrity(),
        };
        let quotas = &self.rules.quotas;
        Allocation {
            phase: AllocationPhase::Opening(Box::new(opening)),
            protocol,
            relays: Relays { first: taken.relay, second: Second::None, reservation: None },
            owner: Owner {
                username: request.username.as_slice().into(),
                source: request.tuple.client.ip().into(),
                key: request.key.clone(),
            },
            transaction: request.message.transaction,
            lifetime,
            expires: now + lifetime,
            ticket: None,
            permissions: Permissions::new(quotas.permissions),
            channels: Channels::new(quotas.channels),
            limits: quotas.bytes_per_second.map(|rate| Box::new(Limits::new(rate, now))),
            connects: None,
        }
    }

    /// 3: REQUESTED-TRANSPORT must be there (400), and one that is relayed (442). TCP is for who comes by a stream
    /// (RFC 6062 section 5.1: else 400).
    fn protocol(&self, request: &Request<'_>) -> Result<Protocol, Refusal> {
        let options = &self.rules.options;
        match request.message.attribute(attribute::REQUESTED_TRANSPORT) {
            Some([UDP, _, _, _]) if options.udp_relays => Ok(Protocol::Udp),
            Some([TCP, _, _, _]) if !options.tcp_relays => Err(Refusal::TransportNotSupported),
            Some([TCP, _, _, _]) if request.tuple.transport.is_stream() => Ok(Protocol::Tcp),
            Some([TCP, _, _, _]) => Err(Refusal::BadRequest),
            Some([_, _, _, _]) => Err(Refusal::TransportNotSupported),
            Some(_) | None => Err(Refusal::BadRequest),
        }
    }

    /// 4 to 8: RESERVATION-TOKEN excludes EVEN-PORT and families, two families exclude a reservation (400); an unknown
    /// family gets 440. TCP relays have none of these but a family (RFC 6062 section 5.1).
    fn wanted(&self, request: &Request<'_>, protocol: Protocol) -> Result<Wanted, Refusal> {
        let message = request.message;
        let family = message.attribute(attribute::REQUESTED_ADDRESS_FAMILY).map(address_family).transpose()?;
        let additional = message.attribute(attribute::ADDITIONAL_ADDRESS_FAMILY);
        let additional = additional.or_else(|| message.attribute(attribute::DRAFT_ADDITIONAL_ADDRESS_FAMILY));
        let additional = additional.map(address_family).transpose()?;
        let even = message.attribute(attribute::EVEN_PORT);
        let token = message.attribute(attribute::RESERVATION_TOKEN);
        let needs_datagrams =
            even.is_some() || token.is_some() || message.attribute(attribute::DONT_FRAGMENT).is_some();
        if protocol == Protocol::Tcp && (needs_datagrams || additional.is_some()) {
            return Err(Refusal::BadRequest);
        }
        if let Some(token) = token {
            let token = token.try_into().map_err(|_| Refusal::BadRequest)?;
            let alone = even.is_none() && family.is_none() && additional.is_none();
            let wanted = Wanted { first: PortRequest::Reserved(token), second: None };
            return if alone { Ok(wanted) } else { Err(Refusal::BadRequest) };
        }
        // 7: ADDITIONAL-ADDRESS-FAMILY stands for IPv4 and this one, which must be IPv6.
        if additional.is_some_and(|additional| additional == Family::V4 || family.is_some()) {
            return Err(Refusal::BadRequest);
        }
        let first = match (family, additional, self.rules.options.family) {
            (Some(family), _, _) => family,
            (None, Some(_), _) | (None, None, DefaultFamily::V4) => Family::V4,
            (None, None, DefaultFamily::Available) if self.commons.has(Family::V4) => Family::V4,
            (None, None, DefaultFamily::Available) => Family::V6,
            (None, None, DefaultFamily::V6) => Family::V6,
            (None, None, DefaultFamily::Client) => Family::of(request.tuple.client.ip().to_canonical()),
        };
        let first = match even {
            None => PortRequest::Any(first),
            // Section 18.7: the top bit asks for the port above as well.
            Some([flags]) if flags & 0x80 != 0 && additional.is_none() => PortRequest::Pair(first),
            Some([flags]) if flags & 0x80 == 0 => PortRequest::Even(first),
            Some(_) => return Err(Refusal::BadRequest),
        };
        Ok(Wanted { first, second: additional })
    }
}

/// The success response (section 7.3), the same each time it is asked for.
pub(super) fn allocated(tuple: FiveTuple, allocation: &Allocation) -> Writer {
    let mut response = Writer::new(Class::Success, Method::Allocate, allocation.transaction);
    for relay in allocation.relays.all() {
        response = response.address(attribute::XOR_RELAYED_ADDRESS, relay.advertised);
    }
    response = response
        .address(attribute::XOR_MAPPED_ADDRESS, tuple.client)
        .attribute(attribute::LIFETIME, &seconds(allocation.lifetime));
    if let Second::Refused(code, family) = allocation.relays.second {
        let family = if family == Family::V4 { 1 } else { 2 };
        let value = [family, 0, (code / 100) as u8, (code % 100) as u8];
        response = response.attribute(attribute::ADDRESS_ERROR_CODE, &value);
    }
    if let Some(token) = allocation.relays.reservation {
        response = response.attribute(attribute::RESERVATION_TOKEN, &token);
    }
    match &allocation.ticket {
        Some(tickets) => response.attribute(attribute::MOBILITY_TICKET, &tickets.current),
        None => response,
    }
}

fn refusal(no_port: NoPort) -> Refusal {
    match no_port {
        NoPort::Family => Refusal::FamilyNotSupported,
        NoPort::Exhausted => Refusal::Capacity,
    }
}
